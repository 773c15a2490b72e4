// SPDX-License-Identifier: GPL-2.0
/*
 * The ACPI tables (ACPI 6.5, chapter 5): RSDP, XSDT, FADT with classic fixed
 * hardware, FACS, MADT, MCFG, SPCR and the DSDT of acpi_dsdt.c.
 */
#include <errno.h>
#include <string.h>

#include "acpi.h"
#include "aml.h"
#include "irq.h"
#include "memory.h"
#include "pci.h"
#include "serial.h"
#include "vm.h"

struct acpi_header {
	char signature[4];
	u32 length;
	u8 revision;
	u8 checksum;
	char oem_id[6];
	char oem_table_id[8];
	u32 oem_revision;
	char creator_id[4];
	u32 creator_revision;
} __attribute__((packed));

/* 5.2.5.3 */
struct acpi_rsdp {
	char signature[8];
	u8 checksum;
	char oem_id[6];
	u8 revision;
	u32 rsdt;
	u32 length;
	u64 xsdt;
	u8 extended_checksum;
	u8 reserved[3];
} __attribute__((packed));

/* 5.2.3.2 */
struct acpi_gas {
	u8 space;
	u8 bit_width;
	u8 bit_offset;
	u8 access_size;
	u64 address;
} __attribute__((packed));

#define GAS_SYSTEM_IO 1
#define GAS_BYTE      1
#define GAS_WORD      2

/* 5.2.9 */
struct acpi_fadt {
	struct acpi_header header;
	u32 facs, dsdt;
	u8 reserved0, preferred_profile;
	u16 sci_int;
	u32 smi_cmd;
	u8 acpi_enable, acpi_disable, s4bios_req, pstate_cnt;
	u32 pm1a_evt, pm1b_evt, pm1a_cnt, pm1b_cnt, pm2_cnt, pm_tmr, gpe0, gpe1;
	u8 pm1_evt_len, pm1_cnt_len, pm2_cnt_len, pm_tmr_len;
	u8 gpe0_len, gpe1_len, gpe1_base, cst_cnt;
	u16 p_lvl2_lat, p_lvl3_lat, flush_size, flush_stride;
	u8 duty_offset, duty_width, day_alarm, month_alarm, century;
	u16 boot_arch;
	u8 reserved1;
	u32 flags;
	struct acpi_gas reset_reg;
	u8 reset_value;
	u16 arm_boot_arch;
	u8 minor;
	u64 x_facs, x_dsdt;
	struct acpi_gas x_pm1a_evt, x_pm1b_evt, x_pm1a_cnt, x_pm1b_cnt;
	struct acpi_gas x_pm2_cnt, x_pm_tmr, x_gpe0, x_gpe1, sleep_control, sleep_status;
	u64 hypervisor_id;
} __attribute__((packed));

#define FADT_REVISION	    6
#define FADT_MINOR	    5
#define FADT_PROFILE_SERVER 4
/* Latencies beyond these limits mean "no C2, no C3" (table 5.9). */
#define FADT_NO_C2	    101
#define FADT_NO_C3	    1001
#define FADT_WBINVD	    (1U << 0)
#define FADT_PROC_C1	    (1U << 2)
#define FADT_NO_SLEEP_BTN   (1U << 5)
#define FADT_NO_RTC_WAKE    (1U << 6)
#define FADT_RESET_REG	    (1U << 10)
#define BOOT_LEGACY_DEVICES (1U << 0)
#define BOOT_NO_VGA	    (1U << 2)
#define BOOT_NO_ASPM	    (1U << 4)
#define RTC_CENTURY	    0x32

/* 5.2.10 */
struct acpi_facs {
	char signature[4];
	u32 length;
	u32 hardware_signature;
	u32 waking_vector;
	u32 global_lock;
	u32 flags;
	u64 x_waking_vector;
	u8 version;
	u8 reserved[31];
} __attribute__((packed));

#define FACS_ALIGN   64
#define FACS_VERSION 2

/* 5.2.12 */
struct acpi_madt {
	struct acpi_header header;
	u32 local_apic;
	u32 flags;
} __attribute__((packed));

#define MADT_REVISION	 6
#define MADT_PCAT_COMPAT 1

struct madt_lapic {
	u8 type, length, uid, apic_id;
	u32 flags;
} __attribute__((packed));

struct madt_ioapic {
	u8 type, length, id, reserved;
	u32 address, gsi_base;
} __attribute__((packed));

struct madt_override {
	u8 type, length, bus, source;
	u32 gsi;
	u16 flags;
} __attribute__((packed));

struct madt_lapic_nmi {
	u8 type, length, uid;
	u16 flags;
	u8 lint;
} __attribute__((packed));

#define MADT_LAPIC	0
#define MADT_IOAPIC	1
#define MADT_OVERRIDE	2
#define MADT_LAPIC_NMI	4
#define MADT_ENABLED	1
#define MADT_ALL_UIDS	0xff
#define MADT_HIGH_LEVEL 0x000d

/* PCI firmware specification 3.3, table 4-3 */
struct acpi_mcfg {
	struct acpi_header header;
	u64 reserved0;
	u64 base;
	u16 segment;
	u8 first_bus, last_bus;
	u32 reserved1;
} __attribute__((packed));

/* Microsoft's serial port console redirection table, revision 2 */
struct acpi_spcr {
	struct acpi_header header;
	u8 interface;
	u8 reserved0[3];
	struct acpi_gas base;
	u8 interrupt_type, irq;
	u32 gsi;
	u8 baud, parity, stop_bits, flow_control, terminal, language;
	u16 pci_device, pci_vendor;
	u8 pci_bus, pci_slot, pci_function;
	u32 pci_flags;
	u8 pci_segment;
	u32 clock;
} __attribute__((packed));

#define SPCR_16550    0
#define SPCR_PIC      (1U << 0)
#define SPCR_IOAPIC   (1U << 1)
#define SPCR_115200   7
#define SPCR_ONE_STOP 1
#define SPCR_VT_UTF8  2
#define SPCR_NO_PCI   0xffff

/**
 * struct acpi_writer - tables being laid out one behind the other
 * @buf: memory
 * @size: its bytes
 * @len: bytes used
 * @gpa: guest physical address of @buf
 * @table: guest physical addresses for the XSDT
 * @tables: entries of @table
 */
struct acpi_writer {
	u8 *buf;
	size_t size;
	size_t len;
	u64 gpa;
	u64 table[8];
	u32 tables;
};

static u8 acpi_checksum(const void *data, size_t len)
{
	const u8 *p = data;
	u8 sum = 0;

	while (len--)
		sum = (u8)(sum + *p++);
	return (u8)-sum;
}

/* Room for a table, aligned, or NULL; w->len does not move yet. */
static void *acpi_room(struct acpi_writer *w, size_t len, size_t align)
{
	w->len = ALIGN_UP(w->len, align);
	return range_fits(w->len, len, w->size) ? w->buf + w->len : NULL;
}

/* Finish the table at the writer's position. Returns its address. */
static u64 acpi_finish(struct acpi_writer *w, const char *signature, u8 revision, size_t len)
{
	struct acpi_header *h = (struct acpi_header *)(w->buf + w->len);
	u64 gpa = w->gpa + w->len;

	memcpy(h->signature, signature, sizeof(h->signature));
	h->length = (u32)len;
	h->revision = revision;
	memcpy(h->oem_id, "HVCTL ", sizeof(h->oem_id));
	memcpy(h->oem_table_id, "VMMD    ", sizeof(h->oem_table_id));
	h->oem_revision = 1;
	memcpy(h->creator_id, "VMMD", sizeof(h->creator_id));
	h->creator_revision = 1;
	h->checksum = acpi_checksum(h, len);
	w->len += len;
	return gpa;
}

static struct acpi_gas acpi_port(u16 port, u8 bits, u8 access)
{
	return (struct acpi_gas){
		.space = GAS_SYSTEM_IO,
		.bit_width = bits,
		.access_size = access,
		.address = port,
	};
}

static int acpi_write_dsdt(struct acpi_writer *w, const struct acpi_machine *machine, u64 *gpa)
{
	const size_t head = sizeof(struct acpi_header);
	struct aml aml;

	if (!acpi_room(w, head, 16))
		return -ENOSPC;
	aml = (struct aml){.buf = w->buf + w->len + head, .size = w->size - w->len - head};
	acpi_dsdt(&aml, machine);
	if (aml.overflow)
		return -ENOSPC;
	/* Revision 2 makes AML integers 64 bits wide. */
	*gpa = acpi_finish(w, "DSDT", 2, head + aml.len);
	return 0;
}

static int acpi_write_facs(struct acpi_writer *w, u64 *gpa)
{
	struct acpi_facs *facs = acpi_room(w, sizeof(*facs), FACS_ALIGN);

	if (!facs)
		return -ENOSPC;
	memcpy(facs->signature, "FACS", sizeof(facs->signature));
	facs->length = sizeof(*facs);
	facs->version = FACS_VERSION;
	*gpa = w->gpa + w->len;
	w->len += sizeof(*facs);
	return 0;
}

static int acpi_write_fadt(struct acpi_writer *w, u64 facs, u64 dsdt)
{
	struct acpi_fadt *f = acpi_room(w, sizeof(*f), 16);

	if (!f)
		return -ENOSPC;
	/*
	 * Either the 32-bit or the 64-bit pointer may be set, not both
	 * (5.2.9). SMI_CMD 0 says that ACPI mode is always on.
	 */
	f->facs = (u32)facs;
	f->x_dsdt = dsdt;
	f->preferred_profile = FADT_PROFILE_SERVER;
	f->sci_int = IRQ_SCI;
	f->pm1a_evt = ACPI_PM1_EVENT;
	f->pm1a_cnt = ACPI_PM1_CONTROL;
	f->pm1_evt_len = ACPI_PM1_EVENT_BYTES;
	f->pm1_cnt_len = ACPI_PM1_CONTROL_BYTES;
	f->p_lvl2_lat = FADT_NO_C2;
	f->p_lvl3_lat = FADT_NO_C3;
	f->century = RTC_CENTURY;
	f->boot_arch = BOOT_LEGACY_DEVICES | BOOT_NO_VGA | BOOT_NO_ASPM;
	f->flags =
		FADT_WBINVD | FADT_PROC_C1 | FADT_NO_SLEEP_BTN | FADT_NO_RTC_WAKE | FADT_RESET_REG;
	f->reset_reg = acpi_port(ACPI_RESET_PORT, 8, GAS_BYTE);
	f->reset_value = ACPI_RESET_VALUE;
	f->minor = FADT_MINOR;
	f->x_pm1a_evt = acpi_port(ACPI_PM1_EVENT, 8 * ACPI_PM1_EVENT_BYTES, GAS_WORD);
	f->x_pm1a_cnt = acpi_port(ACPI_PM1_CONTROL, 8 * ACPI_PM1_CONTROL_BYTES, GAS_WORD);
	w->table[w->tables++] = acpi_finish(w, "FACP", FADT_REVISION, sizeof(*f));
	return 0;
}

static int acpi_write_madt(struct acpi_writer *w, u32 vcpus)
{
	size_t len = sizeof(struct acpi_madt) + vcpus * sizeof(struct madt_lapic) +
		     sizeof(struct madt_ioapic) + sizeof(struct madt_override) +
		     sizeof(struct madt_lapic_nmi);
	struct acpi_madt *madt = acpi_room(w, len, 16);
	struct madt_override *override;
	struct madt_ioapic *ioapic;
	struct madt_lapic_nmi *nmi;
	struct madt_lapic *lapic;
	u32 i;

	if (!madt)
		return -ENOSPC;
	madt->local_apic = (u32)MEM_LAPIC_BASE;
	madt->flags = MADT_PCAT_COMPAT;
	lapic = (struct madt_lapic *)(madt + 1);
	for (i = 0; i < vcpus; i++)
		*lapic++ = (struct madt_lapic){
			.type = MADT_LAPIC,
			.length = sizeof(*lapic),
			.uid = (u8)i,
			.apic_id = (u8)i,
			.flags = MADT_ENABLED,
		};
	ioapic = (struct madt_ioapic *)lapic;
	*ioapic = (struct madt_ioapic){
		.type = MADT_IOAPIC,
		.length = sizeof(*ioapic),
		.address = (u32)MEM_IOAPIC_BASE,
	};
	/* All ISA interrupts are identity mapped; the SCI is level triggered. */
	override = (struct madt_override *)(ioapic + 1);
	*override = (struct madt_override){
		.type = MADT_OVERRIDE,
		.length = sizeof(*override),
		.source = IRQ_SCI,
		.gsi = IRQ_SCI,
		.flags = MADT_HIGH_LEVEL,
	};
	nmi = (struct madt_lapic_nmi *)(override + 1);
	*nmi = (struct madt_lapic_nmi){
		.type = MADT_LAPIC_NMI,
		.length = sizeof(*nmi),
		.uid = MADT_ALL_UIDS,
		.lint = 1,
	};
	w->table[w->tables++] = acpi_finish(w, "APIC", MADT_REVISION, len);
	return 0;
}

static int acpi_write_mcfg(struct acpi_writer *w)
{
	struct acpi_mcfg *mcfg = acpi_room(w, sizeof(*mcfg), 16);

	if (!mcfg)
		return -ENOSPC;
	mcfg->base = MEM_ECAM_BASE;
	w->table[w->tables++] = acpi_finish(w, "MCFG", 1, sizeof(*mcfg));
	return 0;
}

static int acpi_write_spcr(struct acpi_writer *w)
{
	struct acpi_spcr *spcr = acpi_room(w, sizeof(*spcr), 16);

	if (!spcr)
		return -ENOSPC;
	spcr->interface = SPCR_16550;
	spcr->base = acpi_port(SERIAL_PORT, 8, GAS_BYTE);
	spcr->interrupt_type = SPCR_PIC | SPCR_IOAPIC;
	spcr->irq = IRQ_SERIAL0;
	spcr->gsi = IRQ_SERIAL0;
	spcr->baud = SPCR_115200;
	spcr->stop_bits = SPCR_ONE_STOP;
	spcr->terminal = SPCR_VT_UTF8;
	spcr->pci_device = SPCR_NO_PCI;
	spcr->pci_vendor = SPCR_NO_PCI;
	w->table[w->tables++] = acpi_finish(w, "SPCR", 2, sizeof(*spcr));
	return 0;
}

static int acpi_write_xsdt(struct acpi_writer *w, u64 *gpa)
{
	size_t len = sizeof(struct acpi_header) + w->tables * sizeof(w->table[0]);
	struct acpi_header *xsdt = acpi_room(w, len, 16);

	if (!xsdt)
		return -ENOSPC;
	memcpy(xsdt + 1, w->table, w->tables * sizeof(w->table[0]));
	*gpa = acpi_finish(w, "XSDT", 1, len);
	return 0;
}

static void acpi_write_rsdp(struct acpi_rsdp *rsdp, u64 xsdt)
{
	memcpy(rsdp->signature, "RSD PTR ", sizeof(rsdp->signature));
	memcpy(rsdp->oem_id, "HVCTL ", sizeof(rsdp->oem_id));
	rsdp->revision = 2;
	rsdp->length = sizeof(*rsdp);
	rsdp->xsdt = xsdt;
	/* The first sum covers what ACPI 1.0 knew: 20 bytes. */
	rsdp->checksum = acpi_checksum(rsdp, offsetof(struct acpi_rsdp, length));
	rsdp->extended_checksum = acpi_checksum(rsdp, sizeof(*rsdp));
}

int acpi_write(const struct acpi_machine *machine, u8 *buf, size_t size, u64 gpa, u64 *rsdp)
{
	struct acpi_writer w = {.buf = buf, .size = size, .gpa = gpa};
	u64 dsdt, facs, xsdt;
	int ret = 0;

	/* The root pointer comes first, where a scan finds it soonest. */
	w.len = sizeof(struct acpi_rsdp);
	if (w.len > size)
		return -ENOSPC;
	ret = acpi_write_dsdt(&w, machine, &dsdt);
	if (!ret)
		ret = acpi_write_facs(&w, &facs);
	if (!ret)
		ret = acpi_write_fadt(&w, facs, dsdt);
	if (!ret)
		ret = acpi_write_madt(&w, machine->vcpus);
	if (!ret)
		ret = acpi_write_mcfg(&w);
	if (!ret && machine->serial)
		ret = acpi_write_spcr(&w);
	if (!ret)
		ret = acpi_write_xsdt(&w, &xsdt);
	if (ret)
		return ret;
	acpi_write_rsdp((struct acpi_rsdp *)buf, xsdt);
	*rsdp = gpa;
	return (int)w.len;
}

int acpi_build(struct vm *vm, u64 gpa, u64 size, u64 *rsdp)
{
	struct acpi_machine machine = {
		.vcpus = vm->cfg.vcpus,
		.pci_slots = pci_slots(vm),
		.serial = vm->cfg.serial,
	};
	u8 *buf = mem_range(&vm->mem, gpa, size);
	int ret;

	ret = buf ? acpi_write(&machine, buf, size, gpa, rsdp) : -EFAULT;
	if (ret < 0) {
		log_err("ACPI tables: %s", strerror(-ret));
		return ret;
	}
	return 0;
}
