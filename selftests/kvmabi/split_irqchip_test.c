// SPDX-License-Identifier: GPL-2.0
/*
 * KVM_CAP_SPLIT_IRQCHIP: local APICs in the kernel; PIC, IOAPIC and PIT are
 * user space's, which here is this test.
 */
#include "guest.h"
#include "harness.h"

#include <sys/eventfd.h>

#define PINS	  24
#define PIC	  0x20
#define IOAPIC	  0xfec00000UL
#define PIC_VEC	  0x30
#define LEVEL_VEC 0x61
#define EDGE_VEC  0x62

#define MSI_ADDRESS 0xfee00000U
#define MSI_LEVEL   (1U << 15)

#define APIC_X2	   (1UL << 10)
#define LVT_EXTINT 0x700U
#define LVT_MASKED 0x10000U

static int split(struct kv_vm *vm, u64 pins)
{
	struct kvm_enable_cap cap = {.cap = KVM_CAP_SPLIT_IRQCHIP, .args[0] = pins};

	return ioctl(vm->fd, KVM_ENABLE_CAP, &cap);
}

static struct kvm_irq_routing_entry msi(u32 gsi, u32 data)
{
	return (struct kvm_irq_routing_entry){
		.gsi = gsi,
		.type = KVM_IRQ_ROUTING_MSI,
		.u.msi = {.address_lo = MSI_ADDRESS, .data = data},
	};
}

static int interrupt(struct kv_vcpu *vcpu, u32 vector)
{
	struct kvm_interrupt irq = {.irq = vector};

	return ioctl(vcpu->fd, KVM_INTERRUPT, &irq);
}

FIXTURE(split)
{
	struct kv_vm *vm;
	struct kv_vcpu *vcpu;
	struct kvm_run *run;
};

static __guest void on_pic(struct kv_frame64 *frame)
{
	guest_sync(0x100 + (u32)frame->vector);
}

static __guest void on_apic(struct kv_frame64 *frame)
{
	guest_sync(0x200 + (u32)frame->vector);
	if (rdmsr(MSR_APIC_BASE) & APIC_X2)
		wrmsr(MSR_X2APIC(APIC_EOI), 0);
	else
		apic_eoi();
	guest_sync(0x300 + (u32)frame->vector);
}

FIXTURE_SETUP(split)
{
	if (!kv_cap(KVM_CAP_SPLIT_IRQCHIP))
		SKIP(return, "no KVM_CAP_SPLIT_IRQCHIP");
	self->vm = kv_vm_new(0);
	ASSERT_EQ(0, split(self->vm, PINS));
	self->vcpu = kv_vcpu_new(self->vm, 0);
	self->run = self->vcpu->run;
	kv_enter(self->vcpu, on_pic, 0, 0);
	kv_handler(self->vm, PIC_VEC, on_pic);
	kv_handler(self->vm, LEVEL_VEC, on_apic);
	kv_handler(self->vm, EDGE_VEC, on_apic);
}

FIXTURE_TEARDOWN(split)
{
	kv_vcpu_free(self->vcpu);
	kv_vm_free(self->vm);
}

TEST_F(split, errors)
{
	struct kvm_irqfd irqfd = {.gsi = 3, .flags = KVM_IRQFD_FLAG_RESAMPLE};
	struct kvm_irq_routing_entry pin = {.gsi = 3, .type = KVM_IRQ_ROUTING_IRQCHIP};
	struct kvm_pit_config pit = {0};
	struct kvm_vapic_addr vapic = {0};
	struct kvm_irqchip chip = {0};
	struct kvm_lapic_state lapic;
	struct kv_vm *vm;
	struct kv_vcpu *vcpu;

	EXPECT_ERRNO(EEXIST, split(self->vm, PINS));
	EXPECT_ERRNO(EEXIST, ioctl(self->vm->fd, KVM_CREATE_IRQCHIP, 0));
	EXPECT_ERRNO(ENXIO, ioctl(self->vm->fd, KVM_GET_IRQCHIP, &chip));
	EXPECT_ERRNO(ENXIO, ioctl(self->vm->fd, KVM_SET_IRQCHIP, &chip));
	EXPECT_ERRNO(ENOENT, ioctl(self->vm->fd, KVM_CREATE_PIT2, &pit));
	EXPECT_ERRNO(EINVAL, kv_routes(self->vm, &pin, 1));
	irqfd.fd = (u32)eventfd(0, 0);
	irqfd.resamplefd = (u32)eventfd(0, 0);
	EXPECT_ERRNO(EINVAL, ioctl(self->vm->fd, KVM_IRQFD, &irqfd));
	close((int)irqfd.fd);
	close((int)irqfd.resamplefd);
	EXPECT_EQ(0, ioctl(self->vcpu->fd, KVM_GET_LAPIC, &lapic));
	EXPECT_EQ(0, ioctl(self->vcpu->fd, KVM_SET_VAPIC_ADDR, &vapic));
	vapic.vapic_addr = KV_DATA;
	EXPECT_ERRNO(EINVAL, ioctl(self->vcpu->fd, KVM_SET_VAPIC_ADDR, &vapic));
	EXPECT_ERRNO(EINVAL, interrupt(self->vcpu, 256));
	EXPECT_EQ(0, interrupt(self->vcpu, PIC_VEC));
	EXPECT_ERRNO(EEXIST, interrupt(self->vcpu, PIC_VEC));

	vm = kv_vm_new(0);
	EXPECT_ERRNO(EINVAL, split(vm, 1 << 16));
	vcpu = kv_vcpu_new(vm, 0);
	EXPECT_ERRNO(EINVAL, split(vm, PINS));
	kv_vcpu_free(vcpu);
	kv_vm_free(vm);
	vm = kv_vm_new_irqchip(0);
	EXPECT_ERRNO(EEXIST, split(vm, PINS));
	kv_vm_free(vm);
}

/* What the kernel would answer with an irqchip of its own. */
static __guest void touch_chips(void)
{
	outb(PIC, 0x11);
	write32(IOAPIC, 1);
	guest_done();
}

TEST_F(split, accesses)
{
	kv_enter(self->vcpu, touch_chips, 0, 0);
	ASSERT_EXIT(self->vcpu, KVM_EXIT_IO);
	EXPECT_EQ(PIC, self->run->io.port);
	ASSERT_EXIT(self->vcpu, KVM_EXIT_MMIO);
	EXPECT_EQ(IOAPIC, self->run->mmio.phys_addr);
	ASSERT_DONE(self->vcpu);
}

static __guest void wait_for(u64 x2apic)
{
	if (x2apic) {
		wrmsr(MSR_APIC_BASE, rdmsr(MSR_APIC_BASE) | APIC_X2);
		wrmsr(MSR_X2APIC(APIC_SPIV), 0x1ff);
	} else {
		apic_enable();
	}
	guest_sync(1);
	guest_sti_hlt();
	guest_done();
}

/* Only the EOI of a level-triggered pin is user space's. */
static void check_eois(struct __test_metadata *_metadata, struct kv_vm *vm, struct kv_vcpu *vcpu,
		       bool x2apic)
{
	struct kvm_irq_routing_entry routes[] = {
		msi(3, MSI_LEVEL | LEVEL_VEC),
		msi(4, EDGE_VEC),
		/* Not a pin, whatever it says of itself. */
		msi(PINS, MSI_LEVEL | EDGE_VEC),
	};

	ASSERT_EQ(0, kv_routes(vm, routes, 3));
	/* The first ends HLT, the others come before CLI. */
	kv_enter(vcpu, wait_for, x2apic, 0);
	ASSERT_SYNC(vcpu, 1);
	ASSERT_EQ(0, kv_irq_line(vm, 3, 1));
	ASSERT_SYNC(vcpu, 0x200 + LEVEL_VEC);
	ASSERT_EXIT(vcpu, KVM_EXIT_IOAPIC_EOI);
	EXPECT_EQ(LEVEL_VEC, vcpu->run->eoi.vector);
	/* Still up: its IOAPIC sends again. */
	ASSERT_EQ(0, kv_irq_line(vm, 3, 1));
	ASSERT_SYNC(vcpu, 0x300 + LEVEL_VEC);
	ASSERT_SYNC(vcpu, 0x200 + LEVEL_VEC);
	ASSERT_EXIT(vcpu, KVM_EXIT_IOAPIC_EOI);
	ASSERT_SYNC(vcpu, 0x300 + LEVEL_VEC);

	ASSERT_EQ(0, kv_irq_line(vm, 4, 1));
	ASSERT_SYNC(vcpu, 0x200 + EDGE_VEC);
	ASSERT_SYNC(vcpu, 0x300 + EDGE_VEC);
	ASSERT_EQ(0, kv_irq_line(vm, PINS, 1));
	ASSERT_SYNC(vcpu, 0x200 + EDGE_VEC);
	ASSERT_SYNC(vcpu, 0x300 + EDGE_VEC);
	ASSERT_DONE(vcpu);
}

TEST_F(split, eoi_xapic)
{
	check_eois(_metadata, self->vm, self->vcpu, false);
}

TEST_F(split, eoi_x2apic)
{
	check_eois(_metadata, self->vm, self->vcpu, true);
}

static __guest void pic_guest(void)
{
	apic_enable();
	apic_write(APIC_LVT0, LVT_EXTINT);
	guest_sync(1);
	guest_sti();
	guest_sync(2);
	guest_sync(3);
	apic_write(APIC_LVT0, LVT_EXTINT | LVT_MASKED);
	guest_sync(4);
	guest_sync(5);
	guest_done();
}

TEST_F(split, pic)
{
	kv_enter(self->vcpu, pic_guest, 0, 0);
	ASSERT_SYNC(self->vcpu, 1);
	EXPECT_EQ(0, self->run->ready_for_interrupt_injection);
	self->run->request_interrupt_window = 1;
	ASSERT_EXIT(self->vcpu, KVM_EXIT_IRQ_WINDOW_OPEN);
	EXPECT_EQ(1, self->run->ready_for_interrupt_injection);
	self->run->request_interrupt_window = 0;
	ASSERT_EQ(0, interrupt(self->vcpu, PIC_VEC));
	ASSERT_SYNC(self->vcpu, 0x100 + PIC_VEC);
	ASSERT_SYNC(self->vcpu, 2);
	/* The local APIC lets nothing through: no window ever opens. */
	ASSERT_SYNC(self->vcpu, 3);
	ASSERT_SYNC(self->vcpu, 4);
	EXPECT_EQ(1, self->run->if_flag);
	EXPECT_EQ(0, self->run->ready_for_interrupt_injection);
	self->run->request_interrupt_window = 1;
	ASSERT_SYNC(self->vcpu, 5);
	ASSERT_DONE(self->vcpu);
}

static __guest void halting(void)
{
	apic_enable();
	apic_write(APIC_LVT0, LVT_EXTINT);
	guest_sync(1);
	guest_sti_hlt();
	guest_done();
}

/* HLT is the kernel's; user space's PIC ends it as ours would. */
TEST_F(split, pic_ends_hlt)
{
	kv_enter(self->vcpu, halting, 0, 0);
	ASSERT_SYNC(self->vcpu, 1);
	kv_start(self->vcpu);
	usleep(100000);
	kv_kick(self->vcpu);
	ASSERT_EQ(KV_EINTR, kv_join(self->vcpu).kind);
	EXPECT_EQ(1, self->run->ready_for_interrupt_injection);
	ASSERT_EQ(0, interrupt(self->vcpu, PIC_VEC));
	ASSERT_SYNC(self->vcpu, 0x100 + PIC_VEC);
	ASSERT_DONE(self->vcpu);
}

TEST_HARNESS_MAIN
