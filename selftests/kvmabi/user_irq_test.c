// SPDX-License-Identifier: GPL-2.0
/*
 * Interrupts from user space, without an irqchip in the kernel: KVM_INTERRUPT,
 * the interrupt window, NMIs, and the task priority in CR8.
 */
#include "guest.h"
#include "harness.h"

FIXTURE(user_irq)
{
	struct kv_vm *vm;
	struct kv_vcpu *vcpu;
	struct kvm_run *run;
};

FIXTURE_SETUP(user_irq)
{
	self->vm = kv_vm_new(0);
	self->vcpu = kv_vcpu_new(self->vm, 0);
	self->run = self->vcpu->run;
}

FIXTURE_TEARDOWN(user_irq)
{
	kv_vcpu_free(self->vcpu);
	kv_vm_free(self->vm);
}

static int interrupt(struct kv_vcpu *vcpu, u32 vector)
{
	struct kvm_interrupt irq = {.irq = vector};

	return ioctl(vcpu->fd, KVM_INTERRUPT, &irq);
}

static __guest void on_irq(struct kv_frame64 *frame)
{
	guest_sync2(0x100 + (u32)frame->vector, frame->rip, frame->rflags);
}

static __guest void enabled(void)
{
	guest_sti();
	guest_sync(1);
	guest_sync(2);
	for (;;)
		guest_hlt();
}

TEST_F(user_irq, delivered)
{
	kv_enter(self->vcpu, enabled, 0, 0);
	kv_handler(self->vm, 0x40, on_irq);
	kv_handler(self->vm, 0xff, on_irq);
	ASSERT_SYNC(self->vcpu, 1);
	EXPECT_EQ(1, self->run->ready_for_interrupt_injection);
	ASSERT_EQ(0, interrupt(self->vcpu, 0x40));
	ASSERT_SYNC(self->vcpu, 0x140);
	EXPECT_EQ(0x200, self->vcpu->last.b & 0x200);
	ASSERT_SYNC(self->vcpu, 2);
	ASSERT_EXIT(self->vcpu, KVM_EXIT_HLT);
	/* HLT is user space's: an interrupt ends it. */
	ASSERT_EQ(0, interrupt(self->vcpu, 0xff));
	ASSERT_SYNC(self->vcpu, 0x1ff);
	ASSERT_EXIT(self->vcpu, KVM_EXIT_HLT);
}

TEST_F(user_irq, errors)
{
	struct kv_vm *with_chip = kv_vm_new_irqchip(0);
	struct kv_vcpu *vcpu = kv_vcpu_new(with_chip, 0);

	EXPECT_ERRNO(EINVAL, interrupt(self->vcpu, 256));
	EXPECT_ERRNO(EFAULT, ioctl(self->vcpu->fd, KVM_INTERRUPT, NULL));
	EXPECT_EQ(0, interrupt(self->vcpu, 0x40));
	EXPECT_ERRNO(ENXIO, interrupt(vcpu, 0x40));
	kv_vcpu_free(vcpu);
	kv_vm_free(with_chip);
}

static __guest void window(void)
{
	u64 i;

	guest_sync(1);
	for (i = 0; i < 100; i++)
		asm volatile("nop");
	asm volatile("sti; nop; nop");
	guest_sync(2);
	guest_cli();
	guest_sync(3);
	for (i = 0; i < 100; i++)
		asm volatile("nop");
	guest_sti();
	/* MOV SS keeps interrupts out for one instruction more. */
	asm volatile("mov %%ss, %%eax; mov %%eax, %%ss; nop" : : : "rax");
	guest_sync(4);
	guest_done();
}

TEST_F(user_irq, window)
{
	kv_enter(self->vcpu, window, 0, 0);
	kv_handler(self->vm, 0x41, on_irq);
	ASSERT_SYNC(self->vcpu, 1);
	EXPECT_EQ(0, self->run->ready_for_interrupt_injection);
	self->run->request_interrupt_window = 1;
	ASSERT_EXIT(self->vcpu, KVM_EXIT_IRQ_WINDOW_OPEN);
	EXPECT_EQ(1, self->run->ready_for_interrupt_injection);
	EXPECT_EQ(1, self->run->if_flag);
	self->run->request_interrupt_window = 0;
	ASSERT_EQ(0, interrupt(self->vcpu, 0x41));
	ASSERT_SYNC(self->vcpu, 0x141);
	ASSERT_SYNC(self->vcpu, 2);
	ASSERT_SYNC(self->vcpu, 3);
	/* Asked for while open: at once. */
	ASSERT_SYNC(self->vcpu, 4);
	self->run->request_interrupt_window = 1;
	ASSERT_EXIT(self->vcpu, KVM_EXIT_IRQ_WINDOW_OPEN);
	self->run->request_interrupt_window = 0;
	ASSERT_DONE(self->vcpu);
}

/* The interrupt comes behind STI's shadow, never between STI and HLT's end. */
static __guest void shadow(void)
{
	u64 i;

	for (i = 0; i < 50; i++) {
		guest_sync(1);
		guest_sti_hlt();
		guest_cli();
	}
	guest_done();
}

TEST_F(user_irq, sti_shadow)
{
	int i;

	kv_enter(self->vcpu, shadow, 0, 0);
	kv_handler(self->vm, 0x42, on_irq);
	for (i = 0; i < 50; i++) {
		ASSERT_SYNC(self->vcpu, 1);
		self->run->request_interrupt_window = 1;
		self->vcpu->last = kv_next(self->vcpu);
		ASSERT_EQ(KV_EXIT, self->vcpu->last.kind);
		/* Either order of the two is right, both end behind the HLT. */
		ASSERT_TRUE(self->run->exit_reason == KVM_EXIT_HLT ||
			    self->run->exit_reason == KVM_EXIT_IRQ_WINDOW_OPEN);
		self->run->request_interrupt_window = 0;
		if (self->run->exit_reason == KVM_EXIT_IRQ_WINDOW_OPEN)
			ASSERT_EXIT(self->vcpu, KVM_EXIT_HLT);
		ASSERT_EQ(0, interrupt(self->vcpu, 0x42));
		ASSERT_SYNC(self->vcpu, 0x142);
	}
	ASSERT_DONE(self->vcpu);
}

static __guest void nmi_waits(void)
{
	guest_sync(1);
	guest_sync(2);
	guest_done();
}

TEST_F(user_irq, nmi)
{
	kv_enter(self->vcpu, nmi_waits, 0, 0);
	kv_handler(self->vm, 2, on_irq);
	ASSERT_SYNC(self->vcpu, 1);
	ASSERT_EQ(0, ioctl(self->vcpu->fd, KVM_NMI, 0));
	ASSERT_SYNC(self->vcpu, 0x102);
	/* Two more while it is handled: the second is merged, and it waits. */
	ASSERT_EQ(0, ioctl(self->vcpu->fd, KVM_NMI, 0));
	ASSERT_EQ(0, ioctl(self->vcpu->fd, KVM_NMI, 0));
	ASSERT_EQ(0, ioctl(self->vcpu->fd, KVM_NMI, 0));
	ASSERT_SYNC(self->vcpu, 0x102);
	ASSERT_SYNC(self->vcpu, 2);
	ASSERT_DONE(self->vcpu);
}

static __guest void priorities(void)
{
	asm volatile("mov %0, %%cr8" : : "r"(5UL));
	guest_sync(1);
	asm volatile("mov %0, %%cr8" : : "r"(3UL));
	guest_sync(2);
	guest_done();
}

TEST_F(user_irq, cr8)
{
	kv_enter(self->vcpu, priorities, 0, 0);
	ASSERT_SYNC(self->vcpu, 1);
	EXPECT_EQ(5, self->run->cr8);
	/* Lower: user space's APIC may have something to deliver. */
	ASSERT_EXIT(self->vcpu, KVM_EXIT_SET_TPR);
	EXPECT_EQ(3, self->run->cr8);
	ASSERT_SYNC(self->vcpu, 2);
	/* User space's word counts: its APIC holds the register. */
	self->run->cr8 = 9;
	ASSERT_DONE(self->vcpu);
	EXPECT_EQ(9, kv_sregs(self->vcpu).cr8);
}

TEST_HARNESS_MAIN
