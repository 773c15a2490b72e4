// SPDX-License-Identifier: GPL-2.0
/*
 * The DSDT: PCI host bridge, serial port, clock, panic device, and the
 * sleep state that powers off.
 */
#include "acpi.h"
#include "aml.h"
#include "irq.h"
#include "memory.h"
#include "pci.h"
#include "pvpanic.h"
#include "serial.h"

#define PCI_CONFIG_PORT 0xcf8
#define RTC_PORT	0x70

static void dsdt_id(struct aml *aml, const char *name, const char *eisaid)
{
	aml_name(aml, name);
	aml_eisaid(aml, eisaid);
}

/* \_S5: the SLP_TYP values for PM1a and PM1b. */
static void dsdt_s5(struct aml *aml)
{
	size_t pkg;

	aml_name(aml, "\\_S5");
	pkg = aml_begin_package(aml, 2);
	aml_int(aml, ACPI_S5_TYPE);
	aml_int(aml, 0);
	aml_end(aml, pkg);
}

static void dsdt_pci_resources(struct aml *aml)
{
	size_t res;

	aml_name(aml, "_CRS");
	res = aml_begin_resources(aml);
	aml_res_bus(aml, 0, 0);
	aml_res_io(aml, PCI_CONFIG_PORT, 8);
	aml_res_io_window(aml, 0, PCI_CONFIG_PORT - 1);
	aml_res_io_window(aml, PCI_CONFIG_PORT + 8, 0xffff);
	aml_res_memory_window(aml, (u32)MEM_PCI32_BASE, (u32)(MEM_PCI32_BASE + MEM_PCI32_SIZE - 1));
	aml_end_resources(aml, res);
}

/* _PRT: INTA# of each slot is wired straight to a pin of the I/O APIC. */
static void dsdt_pci_routing(struct aml *aml, u32 slots)
{
	size_t prt, entry;
	u32 slot;

	aml_name(aml, "_PRT");
	prt = aml_begin_package(aml, (u8)__builtin_popcount(slots));
	for (slot = 0; slot < PCI_SLOTS; slot++) {
		if (!(slots & (1U << slot)))
			continue;
		entry = aml_begin_package(aml, 4);
		aml_int(aml, slot << 16 | 0xffff);
		aml_int(aml, 0);
		aml_int(aml, 0);
		aml_int(aml, IRQ_PCI_FIRST + slot % IRQ_PCI_COUNT);
		aml_end(aml, entry);
	}
	aml_end(aml, prt);
}

static void dsdt_pci(struct aml *aml, u32 slots)
{
	size_t dev;

	dev = aml_begin_device(aml, "PCI0");
	dsdt_id(aml, "_HID", "PNP0A08");
	dsdt_id(aml, "_CID", "PNP0A03");
	aml_name(aml, "_SEG");
	aml_int(aml, 0);
	aml_name(aml, "_BBN");
	aml_int(aml, 0);
	aml_name(aml, "_UID");
	aml_int(aml, 0);
	dsdt_pci_resources(aml);
	dsdt_pci_routing(aml, slots);
	aml_end(aml, dev);
}

/* What belongs to the board itself: ECAM (PCI firmware spec 4.1.2) and PM. */
static void dsdt_board(struct aml *aml)
{
	size_t dev, res;

	dev = aml_begin_device(aml, "MBRD");
	dsdt_id(aml, "_HID", "PNP0C02");
	aml_name(aml, "_CRS");
	res = aml_begin_resources(aml);
	aml_res_memory32(aml, (u32)MEM_ECAM_BASE, (u32)MEM_ECAM_SIZE);
	aml_res_io(aml, ACPI_PM1_EVENT, ACPI_PM1_EVENT_BYTES + ACPI_PM1_CONTROL_BYTES);
	aml_end_resources(aml, res);
	aml_end(aml, dev);
}

static void dsdt_isa(struct aml *aml, const char *name, const char *hid, u16 port, u8 len, u8 irq)
{
	size_t dev, res;

	dev = aml_begin_device(aml, name);
	dsdt_id(aml, "_HID", hid);
	aml_name(aml, "_UID");
	aml_int(aml, 0);
	aml_name(aml, "_CRS");
	res = aml_begin_resources(aml);
	aml_res_io(aml, port, len);
	aml_res_irq(aml, irq);
	aml_end_resources(aml, res);
	aml_end(aml, dev);
}

static void dsdt_pvpanic(struct aml *aml)
{
	size_t dev, res;

	dev = aml_begin_device(aml, "PANC");
	aml_name(aml, "_HID");
	aml_string(aml, PVPANIC_ACPI_ID);
	aml_name(aml, "_CRS");
	res = aml_begin_resources(aml);
	aml_res_io(aml, PVPANIC_PORT, 1);
	aml_end_resources(aml, res);
	aml_end(aml, dev);
}

void acpi_dsdt(struct aml *aml, const struct acpi_machine *machine)
{
	size_t sb;

	dsdt_s5(aml);
	sb = aml_begin_scope(aml, "\\_SB");
	dsdt_board(aml);
	dsdt_pci(aml, machine->pci_slots);
	dsdt_isa(aml, "RTC0", "PNP0B00", RTC_PORT, 2, IRQ_RTC);
	if (machine->serial)
		dsdt_isa(aml, "COM1", "PNP0501", SERIAL_PORT, 8, IRQ_SERIAL0);
	dsdt_pvpanic(aml);
	aml_end(aml, sb);
}
