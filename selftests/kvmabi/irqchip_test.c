// SPDX-License-Identifier: GPL-2.0
/*
 * The interrupt controllers that a VM has once: PIC, IOAPIC, GSI routing and
 * MSI, by their ioctls and as a guest meets them.
 */
#include "guest.h"
#include "harness.h"

#define PIC1 0x20
#define PIC2 0xa0
#define ELCR 0x4d0
#define EOI  0x20 /* OCW2: non-specific */

#define PIC_BASE  0x20 /* vectors of the PICs, 16 of them */
#define IO_VECTOR 0x60 /* vector of IOAPIC pin 0 here */
#define IOAPIC	  0xfec00000UL
#define RED_LEVEL (1 << 15)
#define RED_MASK  (1 << 16)

/* What the guest's handlers write down, at KV_DATA. */
struct log {
	u64 n;
	u64 last;
	u64 eoi; /* whether handlers end the interrupt */
	u64 count[256];
};

#define LOG ((volatile struct log *)KV_DATA)

FIXTURE(irqchip)
{
	struct kv_vm *vm;
	struct kv_vcpu *vcpu;
	volatile struct log *log;
};

static __guest void on_pic(struct kv_frame64 *frame)
{
	LOG->n++;
	LOG->last = frame->vector;
	LOG->count[frame->vector]++;
	if (!LOG->eoi)
		return;
	if (frame->vector >= PIC_BASE + 8)
		outb(PIC2, EOI);
	outb(PIC1, EOI);
}

static __guest void on_apic(struct kv_frame64 *frame)
{
	LOG->n++;
	LOG->last = frame->vector;
	LOG->count[frame->vector]++;
	if (LOG->eoi)
		apic_eoi();
}

FIXTURE_SETUP(irqchip)
{
	int i;

	self->vm = kv_vm_new_irqchip(0);
	self->vcpu = kv_vcpu_new(self->vm, 0);
	self->log = kv_gpa(self->vm, KV_DATA, sizeof(struct log));
	self->log->eoi = 1;
	/* Tables of KV_HANDLERS are there as soon as the mode is set. */
	kv_enter(self->vcpu, on_pic, 0, 0);
	for (i = 0; i < 16; i++)
		kv_handler(self->vm, PIC_BASE + i, on_pic);
	for (i = 0; i < 24; i++)
		kv_handler(self->vm, IO_VECTOR + i, on_apic);
}

FIXTURE_TEARDOWN(irqchip)
{
	kv_vcpu_free(self->vcpu);
	kv_vm_free(self->vm);
}

static int get_chip(struct kv_vm *vm, u32 id, struct kvm_irqchip *chip)
{
	memset(chip, 0, sizeof(*chip));
	chip->chip_id = id;
	return ioctl(vm->fd, KVM_GET_IRQCHIP, chip);
}

static int irq_status(struct kv_vm *vm, u32 gsi, int level)
{
	struct kvm_irq_level irq = {.irq = gsi, .level = (u32)level};

	if (ioctl(vm->fd, KVM_IRQ_LINE_STATUS, &irq))
		return -100;
	return irq.status;
}

/* ---------------------------------------------------------------- errors */

TEST(create_errors)
{
	struct kv_vm *vm = kv_vm_new(0);
	struct kvm_irq_routing none = {0};
	struct kvm_irq_level line = {.irq = 1, .level = 1};
	struct kvm_lapic_state lapic;
	struct kvm_irqchip chip;
	struct kv_vcpu *vcpu;

	EXPECT_ERRNO(ENXIO, get_chip(vm, KVM_IRQCHIP_IOAPIC, &chip));
	EXPECT_ERRNO(ENXIO, ioctl(vm->fd, KVM_SET_IRQCHIP, &chip));
	EXPECT_ERRNO(ENXIO, ioctl(vm->fd, KVM_IRQ_LINE, &line));
	EXPECT_ERRNO(EINVAL, kv_msi(vm, APIC_BASE, 0x40));
	EXPECT_ERRNO(EINVAL, ioctl(vm->fd, KVM_SET_GSI_ROUTING, &none));
	vcpu = kv_vcpu_new(vm, 0);
	EXPECT_ERRNO(EINVAL, ioctl(vcpu->fd, KVM_GET_LAPIC, &lapic));
	EXPECT_ERRNO(EINVAL, ioctl(vm->fd, KVM_CREATE_IRQCHIP, 0));
	kv_vcpu_free(vcpu);
	kv_vm_free(vm);

	vm = kv_vm_new_irqchip(0);
	EXPECT_ERRNO(EEXIST, ioctl(vm->fd, KVM_CREATE_IRQCHIP, 0));
	EXPECT_ERRNO(EINVAL, get_chip(vm, 3, &chip));
	EXPECT_ERRNO(EINVAL, ioctl(vm->fd, KVM_SET_IRQCHIP, &chip));
	EXPECT_ERRNO(EFAULT, ioctl(vm->fd, KVM_GET_IRQCHIP, 8));
	EXPECT_ERRNO(EFAULT, ioctl(vm->fd, KVM_SET_IRQCHIP, 8));
	kv_vm_free(vm);
}

TEST_F(irqchip, get_set)
{
	struct kvm_irqchip chip, back;
	int i;

	/* Power-up: everything masked, at the usual place. */
	ASSERT_EQ(0, get_chip(self->vm, KVM_IRQCHIP_IOAPIC, &chip));
	EXPECT_EQ(IOAPIC, chip.chip.ioapic.base_address);
	EXPECT_EQ(0, chip.chip.ioapic.irr);
	for (i = 0; i < 24; i++)
		EXPECT_EQ(RED_MASK, chip.chip.ioapic.redirtbl[i].bits & RED_MASK);

	chip.chip.ioapic.id = 5;
	chip.chip.ioapic.ioregsel = 0x12;
	chip.chip.ioapic.redirtbl[4].bits = 0x0300000000018045UL;
	ASSERT_EQ(0, ioctl(self->vm->fd, KVM_SET_IRQCHIP, &chip));
	ASSERT_EQ(0, get_chip(self->vm, KVM_IRQCHIP_IOAPIC, &back));
	EXPECT_EQ(0, memcmp(&chip.chip.ioapic, &back.chip.ioapic, sizeof(chip.chip.ioapic)));

	ASSERT_EQ(0, get_chip(self->vm, KVM_IRQCHIP_PIC_SLAVE, &chip));
	EXPECT_EQ(0xde, chip.chip.pic.elcr_mask);
	chip.chip.pic.irq_base = 0x78;
	chip.chip.pic.imr = 0x5a;
	chip.chip.pic.elcr = 0x0c;
	ASSERT_EQ(0, ioctl(self->vm->fd, KVM_SET_IRQCHIP, &chip));
	ASSERT_EQ(0, get_chip(self->vm, KVM_IRQCHIP_PIC_SLAVE, &back));
	EXPECT_EQ(0, memcmp(&chip.chip.pic, &back.chip.pic, sizeof(chip.chip.pic)));
	ASSERT_EQ(0, get_chip(self->vm, KVM_IRQCHIP_PIC_MASTER, &back));
	EXPECT_EQ(0xf8, back.chip.pic.elcr_mask);
	EXPECT_EQ(0, back.chip.pic.imr);
}

/* --------------------------------------------------------------- routing */

TEST_F(irqchip, default_routes)
{
	struct kvm_irqchip chip;
	u32 gsi, pics;
	int i;

	/* Level-triggered, so that IRR shows the pin although it is masked. */
	ASSERT_EQ(0, get_chip(self->vm, KVM_IRQCHIP_IOAPIC, &chip));
	for (i = 0; i < 24; i++)
		chip.chip.ioapic.redirtbl[i].bits = RED_MASK | RED_LEVEL;
	ASSERT_EQ(0, ioctl(self->vm->fd, KVM_SET_IRQCHIP, &chip));
	for (gsi = 0; gsi < 24; gsi++) {
		ASSERT_EQ(0, kv_irq_line(self->vm, gsi, 1));
		ASSERT_EQ(0, get_chip(self->vm, KVM_IRQCHIP_IOAPIC, &chip));
		EXPECT_EQ(1U << gsi, chip.chip.ioapic.irr);
		ASSERT_EQ(0, get_chip(self->vm, KVM_IRQCHIP_PIC_MASTER, &chip));
		pics = chip.chip.pic.last_irr;
		ASSERT_EQ(0, get_chip(self->vm, KVM_IRQCHIP_PIC_SLAVE, &chip));
		pics |= (u32)chip.chip.pic.last_irr << 8;
		/* The cascade is not a pin of its own. */
		EXPECT_EQ(gsi < 16 ? 1U << gsi : 0, pics & ~(gsi == 2 ? 0 : 4U));
		ASSERT_EQ(0, kv_irq_line(self->vm, gsi, 0));
	}
}

TEST_F(irqchip, routing_errors)
{
	const struct kvm_irq_routing_entry good = {
		.gsi = 5, .type = KVM_IRQ_ROUTING_IRQCHIP, .u.irqchip = {KVM_IRQCHIP_IOAPIC, 5}};
	const struct kvm_irq_routing_entry msi = {.gsi = 5,
						  .type = KVM_IRQ_ROUTING_MSI,
						  .u.msi = {.address_lo = APIC_BASE, .data = 0x40}};
	struct kvm_irq_routing_entry e[3];
	struct kvm_irq_routing head = {.nr = 1, .flags = 1};

	EXPECT_ERRNO(EINVAL, ioctl(self->vm->fd, KVM_SET_GSI_ROUTING, &head));
	EXPECT_ERRNO(EFAULT, ioctl(self->vm->fd, KVM_SET_GSI_ROUTING, 8));
	head = (struct kvm_irq_routing){.nr = 100000};
	EXPECT_ERRNO(EINVAL, ioctl(self->vm->fd, KVM_SET_GSI_ROUTING, &head));

	EXPECT_EQ(0, kv_routes(self->vm, &good, 1));
	e[0] = good;
	e[0].gsi = 4096;
	EXPECT_ERRNO(EINVAL, kv_routes(self->vm, e, 1));
	e[0] = good;
	e[0].flags = 8;
	EXPECT_ERRNO(EINVAL, kv_routes(self->vm, e, 1));
	e[0] = good;
	e[0].type = 77;
	EXPECT_ERRNO(EINVAL, kv_routes(self->vm, e, 1));
	e[0] = good;
	e[0].u.irqchip.irqchip = 3;
	EXPECT_ERRNO(EINVAL, kv_routes(self->vm, e, 1));
	e[0] = good;
	e[0].u.irqchip.pin = 24;
	EXPECT_ERRNO(EINVAL, kv_routes(self->vm, e, 1));
	e[0].u.irqchip.irqchip = KVM_IRQCHIP_PIC_SLAVE;
	e[0].u.irqchip.pin = 8;
	EXPECT_ERRNO(EINVAL, kv_routes(self->vm, e, 1));
	/* One pin of a chip for a GSI, and a message only by itself. */
	e[0] = e[1] = good;
	e[1].u.irqchip.pin = 6;
	EXPECT_ERRNO(EINVAL, kv_routes(self->vm, e, 2));
	e[1] = msi;
	EXPECT_ERRNO(EINVAL, kv_routes(self->vm, e, 2));
	e[0] = msi;
	EXPECT_ERRNO(EINVAL, kv_routes(self->vm, e, 2));
	e[0] = e[1] = e[2] = good;
	e[1].u.irqchip.irqchip = KVM_IRQCHIP_PIC_MASTER;
	e[2].gsi = 6;
	EXPECT_EQ(0, kv_routes(self->vm, e, 3));
	/* A refused table leaves the old one: GSI 6 still leads somewhere. */
	e[2].gsi = 4096;
	EXPECT_ERRNO(EINVAL, kv_routes(self->vm, e, 3));
	EXPECT_EQ(0, kv_routes(self->vm, e, 0));
	EXPECT_EQ(-1, irq_status(self->vm, 5, 1));
}

static __guest void wait_irqs(u64 rounds)
{
	u64 i;

	apic_enable();
	guest_sti();
	for (i = 0; i < rounds; i++) {
		guest_sync(1);
		guest_cli();
		while (LOG->n <= i) {
			guest_sti_hlt();
			guest_cli();
		}
		guest_sti();
	}
	guest_sync2(2, LOG->n, LOG->last);
	guest_done();
}

TEST_F(irqchip, msi)
{
	struct kvm_irq_routing_entry e[2] = {
		{.gsi = 40,
		 .type = KVM_IRQ_ROUTING_MSI,
		 .u.msi = {.address_lo = APIC_BASE, .data = IO_VECTOR + 1}},
		{.gsi = 3000,
		 .type = KVM_IRQ_ROUTING_MSI,
		 .u.msi = {.address_lo = APIC_BASE | 0xff000, .data = IO_VECTOR + 2}},
	};

	ASSERT_EQ(0, kv_routes(self->vm, e, 2));
	kv_enter(self->vcpu, wait_irqs, 4, 0);
	ASSERT_SYNC(self->vcpu, 1);
	/* Nobody has APIC id 9. */
	EXPECT_GE(0, kv_msi(self->vm, APIC_BASE | 9 << 12, IO_VECTOR));
	EXPECT_EQ(1, kv_msi(self->vm, APIC_BASE, IO_VECTOR));
	ASSERT_SYNC(self->vcpu, 1);
	EXPECT_EQ(1, self->log->count[IO_VECTOR]);
	EXPECT_EQ(1, irq_status(self->vm, 40, 1));
	EXPECT_EQ(-1, irq_status(self->vm, 41, 1));
	EXPECT_EQ(-1, irq_status(self->vm, 4095, 1));
	EXPECT_EQ(-1, irq_status(self->vm, 0xffffffff, 1));
	ASSERT_SYNC(self->vcpu, 1);
	EXPECT_EQ(1, self->log->count[IO_VECTOR + 1]);
	EXPECT_EQ(1, irq_status(self->vm, 3000, 1));
	ASSERT_SYNC(self->vcpu, 1);
	EXPECT_EQ(1, self->log->count[IO_VECTOR + 2]);
	EXPECT_EQ(1, kv_msi(self->vm, APIC_BASE, IO_VECTOR + 3));
	ASSERT_SYNC(self->vcpu, 2);
	EXPECT_EQ(4, self->vcpu->last.a);
	EXPECT_EQ(IO_VECTOR + 3, self->vcpu->last.b);
}

/* ------------------------------------------------------------------- PIC */

__guest_inline void pic_init(u8 icw4, u8 mask1, u8 mask2)
{
	outb(PIC1, 0x11);
	outb(PIC2, 0x11);
	outb(PIC1 + 1, PIC_BASE);
	outb(PIC2 + 1, PIC_BASE + 8);
	outb(PIC1 + 1, 4);
	outb(PIC2 + 1, 2);
	outb(PIC1 + 1, icw4);
	outb(PIC2 + 1, icw4);
	outb(PIC1 + 1, mask1);
	outb(PIC2 + 1, mask2);
}

/* OCW3: 2 IRR, 3 ISR */
__guest_inline u8 pic_reg(u16 port, u8 which)
{
	outb(port, 8 | which);
	return inb(port);
}

__guest_inline void wait_n(u64 n)
{
	guest_cli();
	while (LOG->n < n) {
		guest_sti_hlt();
		guest_cli();
	}
}

static __guest void pic_edges(void)
{
	/* Out of reset the boot CPU is in virtual-wire mode: the PIC works. */
	pic_init(1, 0, 0);
	guest_equal(inb(PIC1 + 1), 0);
	guest_sync(1); /* host: IRQ 4 and 10 */
	guest_equal(pic_reg(PIC1, 2), 0x14);
	guest_equal(pic_reg(PIC2, 2), 0x04);
	wait_n(2);
	/* 10, behind the cascade on 2, goes before 4. */
	guest_equal(LOG->last, PIC_BASE + 4);
	guest_equal(LOG->count[PIC_BASE + 10], 1);
	guest_equal(LOG->count[PIC_BASE + 4], 1);
	guest_equal(pic_reg(PIC1, 3), 0);
	guest_equal(pic_reg(PIC2, 3), 0);
	/* The lines are still high: no edge, no interrupt. */
	guest_sti();
	outb(0xe0, 0);
	guest_cli();
	guest_equal(LOG->n, 2);
	guest_sync(2); /* host: lowers both, raises 4 while masked */
	guest_done();
}

TEST_F(irqchip, pic_edges)
{
	kv_enter(self->vcpu, pic_edges, 0, 0);
	ASSERT_SYNC(self->vcpu, 1);
	EXPECT_EQ(1, irq_status(self->vm, 4, 1));
	EXPECT_EQ(0, kv_irq_line(self->vm, 10, 1));
	ASSERT_EXIT(self->vcpu, KVM_EXIT_IO);
	ASSERT_SYNC(self->vcpu, 2);
	ASSERT_DONE(self->vcpu);
}

static __guest void pic_levels(void)
{
	u64 i;

	pic_init(1, 0, 0);
	outb(ELCR, 0x20);
	guest_equal(inb(ELCR), 0x20);
	outb(ELCR + 1, 0xff);
	guest_equal(inb(ELCR + 1), 0xde);
	outb(ELCR + 1, 0);
	guest_sync(1); /* host: IRQ 5 up */
	/* It comes again after each EOI until the host lowers it. */
	for (i = 1; i <= 3; i++) {
		LOG->eoi = 0;
		wait_n(i);
		guest_equal(pic_reg(PIC1, 3), 0x20);
		guest_equal(pic_reg(PIC1, 2) & 0x20, 0x20);
		if (i == 3)
			guest_sync(2); /* host: IRQ 5 down */
		outb(PIC1, 0x65);      /* specific EOI */
		guest_equal(pic_reg(PIC1, 3), 0);
	}
	guest_equal(pic_reg(PIC1, 2), 0);
	guest_sti();
	outb(0xe0, 0);
	guest_cli();
	guest_equal(LOG->n, 3);
	guest_done();
}

TEST_F(irqchip, pic_levels)
{
	kv_enter(self->vcpu, pic_levels, 0, 0);
	ASSERT_SYNC(self->vcpu, 1);
	EXPECT_EQ(0, kv_irq_line(self->vm, 5, 1));
	ASSERT_SYNC(self->vcpu, 2);
	EXPECT_EQ(0, kv_irq_line(self->vm, 5, 0));
	ASSERT_EXIT(self->vcpu, KVM_EXIT_IO);
	ASSERT_DONE(self->vcpu);
}

static __guest void pic_priorities(void)
{
	LOG->eoi = 0;
	pic_init(1, 0, 0);
	guest_sync(1); /* host: edges on 3 and 6 */
	wait_n(1);
	guest_equal(LOG->last, PIC_BASE + 3);
	guest_equal(pic_reg(PIC1, 3), 8);
	/* 6 waits for the EOI of 3; 1 does not. */
	guest_sti();
	outb(0xe0, 0); /* host: edge on 1 */
	wait_n(2);
	guest_equal(LOG->last, PIC_BASE + 1);
	guest_equal(pic_reg(PIC1, 3), 0x0a);
	outb(PIC1, EOI); /* ends the highest: 1 */
	guest_equal(pic_reg(PIC1, 3), 8);
	/* Rotate on EOI: 3 becomes the lowest, so 4 is the highest. */
	outb(PIC1, 0xa0);
	wait_n(3);
	guest_equal(LOG->last, PIC_BASE + 6);
	outb(PIC1, EOI);
	guest_sync(2); /* host: edges on 3 and 5 */
	wait_n(4);
	guest_equal(LOG->last, PIC_BASE + 5);
	outb(PIC1, EOI);
	wait_n(5);
	guest_equal(LOG->last, PIC_BASE + 3);
	outb(PIC1, EOI);
	/* Set priority: 7 is the lowest again. */
	outb(PIC1, 0xc7);

	/* Poll: acknowledges by reading. */
	guest_sync(3); /* host: edge on 7 */
	outb(PIC1, 0x0c);
	guest_equal(inb(PIC1), 0x87);
	outb(PIC1, EOI);
	guest_equal(pic_reg(PIC1, 3), 0);
	guest_equal(pic_reg(PIC1, 2), 0);

	/* Automatic EOI. */
	pic_init(3, 0, 0);
	guest_sync(4); /* host: edge on 4 */
	wait_n(6);
	guest_equal(pic_reg(PIC1, 3), 0);
	guest_done();
}

static void edge(struct __test_metadata *_metadata, struct kv_vm *vm, u32 gsi)
{
	ASSERT_EQ(0, kv_irq_line(vm, gsi, 1));
	ASSERT_EQ(0, kv_irq_line(vm, gsi, 0));
}

TEST_F(irqchip, pic_priorities)
{
	kv_enter(self->vcpu, pic_priorities, 0, 0);
	ASSERT_SYNC(self->vcpu, 1);
	edge(_metadata, self->vm, 3);
	edge(_metadata, self->vm, 6);
	ASSERT_EXIT(self->vcpu, KVM_EXIT_IO);
	EXPECT_EQ(1, self->log->n);
	edge(_metadata, self->vm, 1);
	ASSERT_SYNC(self->vcpu, 2);
	edge(_metadata, self->vm, 3);
	edge(_metadata, self->vm, 5);
	ASSERT_SYNC(self->vcpu, 3);
	edge(_metadata, self->vm, 7);
	ASSERT_SYNC(self->vcpu, 4);
	edge(_metadata, self->vm, 4);
	ASSERT_DONE(self->vcpu);
}

/* Special mask mode: a masked level in service blocks nothing. */
static __guest void pic_special_mask(void)
{
	LOG->eoi = 0;
	pic_init(1, 0, 0);
	guest_sync(1); /* host: edge on 3 */
	wait_n(1);
	outb(PIC1 + 1, 8);
	outb(PIC1, 0x68);
	guest_sync(2); /* host: edge on 6 */
	wait_n(2);
	guest_equal(LOG->last, PIC_BASE + 6);
	outb(PIC1, 0x66);
	outb(PIC1, 0x63);
	outb(PIC1, 0x48);
	outb(PIC1 + 1, 0);
	guest_equal(pic_reg(PIC1, 3), 0);
	guest_done();
}

TEST_F(irqchip, pic_special_mask)
{
	if (!kv_is_hvctl())
		SKIP(return, "kvm.ko remembers the mode and does nothing about it");
	kv_enter(self->vcpu, pic_special_mask, 0, 0);
	ASSERT_SYNC(self->vcpu, 1);
	edge(_metadata, self->vm, 3);
	ASSERT_SYNC(self->vcpu, 2);
	edge(_metadata, self->vm, 6);
	ASSERT_DONE(self->vcpu);
}

/* ---------------------------------------------------------------- IOAPIC */

__guest_inline u32 io_read(u32 reg)
{
	write32(IOAPIC, reg);
	return read32(IOAPIC + 0x10);
}

__guest_inline void io_write(u32 reg, u32 value)
{
	write32(IOAPIC, reg);
	write32(IOAPIC + 0x10, value);
}

__guest_inline void io_route(u32 pin, u32 low)
{
	io_write(0x11 + 2 * pin, 0);
	io_write(0x10 + 2 * pin, low | (IO_VECTOR + pin));
}

static __guest void ioapic_regs(void)
{
	io_write(0, 0x0b000000);
	guest_equal(io_read(0), 0x0b000000);
	guest_equal(io_read(1), 0x00170011);
	guest_equal(read32(IOAPIC), 1);
	io_write(0x10 + 2 * 7, 0xffffffff);
	/* Delivery status and remote IRR are not the guest's to write. */
	guest_equal(io_read(0x10 + 2 * 7) & 0x1afff, 0x1afff);
	guest_equal(io_read(0x10 + 2 * 7) & 0x5000, 0);
	io_write(0x11 + 2 * 7, 0x12000000);
	guest_equal(io_read(0x11 + 2 * 7) >> 24, 0x12);
	guest_done();
}

TEST_F(irqchip, ioapic_registers)
{
	kv_enter(self->vcpu, ioapic_regs, 0, 0);
	ASSERT_DONE(self->vcpu);
}

static __guest void ioapic_edges(void)
{
	apic_enable();
	pic_init(1, 0xff, 0xff);
	io_route(3, 0);
	io_route(4, 0);
	guest_sync(1); /* host: 3 and 4 up */
	wait_n(2);
	/* The higher vector first. */
	guest_equal(LOG->last, IO_VECTOR + 3);
	guest_equal(LOG->count[IO_VECTOR + 4], 1);
	guest_sync(2); /* host: 3 down, up again, twice before we look */
	wait_n(3);
	guest_equal(LOG->count[IO_VECTOR + 3], 2);
	/* What comes while it is masked is lost. */
	io_route(3, RED_MASK);
	guest_sync(3); /* host: 3 down and up */
	io_route(3, 0);
	guest_sti();
	outb(0xe0, 0);
	guest_cli();
	guest_equal(LOG->n, 3);
	guest_done();
}

TEST_F(irqchip, ioapic_edges)
{
	kv_enter(self->vcpu, ioapic_edges, 0, 0);
	ASSERT_SYNC(self->vcpu, 1);
	EXPECT_EQ(1, irq_status(self->vm, 3, 1));
	EXPECT_EQ(1, irq_status(self->vm, 4, 1));
	ASSERT_SYNC(self->vcpu, 2);
	EXPECT_EQ(0, kv_irq_line(self->vm, 3, 0));
	EXPECT_EQ(1, irq_status(self->vm, 3, 1));
	/* Up already: no edge. */
	EXPECT_EQ(0, irq_status(self->vm, 3, 1));
	EXPECT_EQ(0, kv_irq_line(self->vm, 3, 0));
	EXPECT_LE(0, irq_status(self->vm, 3, 1));
	ASSERT_SYNC(self->vcpu, 3);
	EXPECT_EQ(0, kv_irq_line(self->vm, 3, 0));
	EXPECT_EQ(-1, irq_status(self->vm, 3, 1));
	ASSERT_EXIT(self->vcpu, KVM_EXIT_IO);
	ASSERT_DONE(self->vcpu);
}

static __guest void ioapic_levels(void)
{
	u64 i;

	apic_enable();
	pic_init(1, 0xff, 0xff);
	LOG->eoi = 0;
	io_route(9, RED_LEVEL);
	guest_sync(1); /* host: 9 up */
	for (i = 1; i <= 3; i++) {
		wait_n(i);
		guest_equal(io_read(0x10 + 18) & 0x4000, 0x4000);
		guest_equal(apic_read(APIC_ISR + 0x30) & 1 << 9, 1 << 9);
		guest_equal(apic_read(0x180 + 0x30) & 1 << 9, 1 << 9); /* TMR */
		if (i == 3)
			guest_sync(2); /* host: 9 down */
		apic_eoi();
	}
	guest_equal(io_read(0x10 + 18) & 0x4000, 0);
	guest_sti();
	outb(0xe0, 0);
	guest_cli();
	guest_equal(LOG->n, 3);

	/* Masked while it is up: it comes when it is unmasked. */
	io_route(9, RED_LEVEL | RED_MASK);
	guest_sync(3); /* host: 9 up */
	io_route(9, RED_LEVEL);
	wait_n(4);
	guest_sync(4); /* host: 9 down */
	apic_eoi();
	guest_equal(io_read(0x10 + 18) & 0x4000, 0);
	guest_done();
}

TEST_F(irqchip, ioapic_levels)
{
	kv_enter(self->vcpu, ioapic_levels, 0, 0);
	ASSERT_SYNC(self->vcpu, 1);
	EXPECT_EQ(0, kv_irq_line(self->vm, 9, 1));
	ASSERT_SYNC(self->vcpu, 2);
	EXPECT_EQ(0, kv_irq_line(self->vm, 9, 0));
	ASSERT_EXIT(self->vcpu, KVM_EXIT_IO);
	ASSERT_SYNC(self->vcpu, 3);
	EXPECT_EQ(0, kv_irq_line(self->vm, 9, 1));
	EXPECT_EQ(3, self->log->n);
	ASSERT_SYNC(self->vcpu, 4);
	EXPECT_EQ(0, kv_irq_line(self->vm, 9, 0));
	ASSERT_DONE(self->vcpu);
}

/* A level that was pending when the state was saved is so when restored. */
TEST_F(irqchip, ioapic_restore)
{
	struct kvm_irqchip chip;

	kv_enter(self->vcpu, wait_irqs, 1, 0);
	ASSERT_SYNC(self->vcpu, 1);
	ASSERT_EQ(0, get_chip(self->vm, KVM_IRQCHIP_IOAPIC, &chip));
	chip.chip.ioapic.redirtbl[11].bits = IO_VECTOR + 11;
	chip.chip.ioapic.irr = 1 << 11;
	ASSERT_EQ(0, ioctl(self->vm->fd, KVM_SET_IRQCHIP, &chip));
	ASSERT_SYNC(self->vcpu, 2);
	EXPECT_EQ(IO_VECTOR + 11, self->vcpu->last.b);
}

TEST_HARNESS_MAIN
