// SPDX-License-Identifier: GPL-2.0
/*
 * General, special and debug registers, pending events, run state and address
 * translation: what is set comes back, the guest sees it, and what no CPU
 * could hold is refused.
 */
#include <string.h>

#include "guest.h"
#include "harness.h"

#define CR0_NW	 (1UL << 29)
#define CR0_PG	 (1UL << 31)
#define CR4_PAE	 (1UL << 5)
#define CR4_VMXE (1UL << 13)
#define EFER_LME (1UL << 8)
#define EFER_LMA (1UL << 10)

FIXTURE(regs)
{
	struct kv_vm *vm;
	struct kv_vcpu *vcpu;
};

FIXTURE_SETUP(regs)
{
	self->vm = kv_vm_new_irqchip(0);
	self->vcpu = kv_vcpu_new(self->vm, 0);
}

FIXTURE_TEARDOWN(regs)
{
	kv_vcpu_free(self->vcpu);
	kv_vm_free(self->vm);
}

/* AMD volume 2, table 14-1. */
TEST_F(regs, reset_state)
{
	struct kvm_regs regs = kv_regs(self->vcpu);
	struct kvm_sregs sregs = kv_sregs(self->vcpu);
	struct kvm_debugregs debug;

	EXPECT_EQ(0xfff0, regs.rip);
	EXPECT_EQ(2, regs.rflags);
	EXPECT_EQ(0, regs.rax);
	EXPECT_EQ(0, regs.rsp);
	EXPECT_EQ(0x60000010, sregs.cr0);
	EXPECT_EQ(0, sregs.cr3);
	EXPECT_EQ(0, sregs.cr4);
	EXPECT_EQ(0, sregs.efer);
	EXPECT_EQ(0xf000, sregs.cs.selector);
	EXPECT_EQ(0xffff0000, sregs.cs.base);
	EXPECT_EQ(0xffff, sregs.cs.limit);
	EXPECT_EQ(0, sregs.ds.base);
	EXPECT_EQ(0xffff, sregs.ds.limit);
	EXPECT_EQ(1, sregs.ds.present);
	EXPECT_EQ(0xffff, sregs.gdt.limit);
	EXPECT_EQ(0xffff, sregs.idt.limit);
	EXPECT_EQ(0xfee00900, sregs.apic_base);
	ASSERT_EQ(0, ioctl(self->vcpu->fd, KVM_GET_DEBUGREGS, &debug));
	EXPECT_EQ(0xffff0ff0, debug.dr6);
	EXPECT_EQ(0x400, debug.dr7);
}

TEST_F(regs, general_round_trip)
{
	struct kvm_regs out, in;
	u64 *value = (u64 *)&in;
	size_t i;

	for (i = 0; i < sizeof(in) / sizeof(*value); i++)
		value[i] = 0x1122334455667700UL + i;
	in.rflags = 0xcd7; /* bit 1 set, all arithmetic flags */
	kv_set_regs(self->vcpu, &in);
	out = kv_regs(self->vcpu);
	EXPECT_EQ(0, memcmp(&in, &out, sizeof(in)));

	/* Bit 1 of RFLAGS cannot be cleared. */
	in.rflags = 0;
	kv_set_regs(self->vcpu, &in);
	EXPECT_EQ(2, kv_regs(self->vcpu).rflags);
}

/* Doubles every register but RSP, which is counted up. */
GUEST_BLOB(doubler, ".code64\n"
		    "add %rax, %rax\n add %rbx, %rbx\n add %rcx, %rcx\n add %rdx, %rdx\n"
		    "add %rsi, %rsi\n add %rdi, %rdi\n add %rbp, %rbp\n add %r8, %r8\n"
		    "add %r9, %r9\n add %r10, %r10\n add %r11, %r11\n add %r12, %r12\n"
		    "add %r13, %r13\n add %r14, %r14\n add %r15, %r15\n add $8, %rsp\n"
		    "out %al, $0x77\n");

TEST_F(regs, guest_sees_and_changes_all)
{
	struct kvm_regs before, after;

	KV_LOAD_BLOB(self->vm, KV_DATA, doubler);
	kv_enter_mode(self->vcpu, KV_LONG, KV_DATA, 0, 0);
	before = kv_regs(self->vcpu);
	before.rax = 0x0123456789abcd01;
	before.rbx = 0x0123456789abcd02;
	before.rcx = 0x0123456789abcd03;
	before.rdx = 0x0123456789abcd04;
	before.rsi = 0x0123456789abcd05;
	before.rdi = 0x0123456789abcd06;
	before.rbp = 0x0123456789abcd07;
	before.r8 = 0x0123456789abcd08;
	before.r9 = 0x0123456789abcd09;
	before.r10 = 0x0123456789abcd0a;
	before.r11 = 0x0123456789abcd0b;
	before.r12 = 0x0123456789abcd0c;
	before.r13 = 0x0123456789abcd0d;
	before.r14 = 0x0123456789abcd0e;
	before.r15 = 0x0123456789abcd0f;
	kv_set_regs(self->vcpu, &before);
	ASSERT_EXIT(self->vcpu, KVM_EXIT_IO);
	EXPECT_EQ(0x77, self->vcpu->run->io.port);
	EXPECT_EQ(0x02, *((u8 *)self->vcpu->run + self->vcpu->run->io.data_offset));
	after = kv_regs(self->vcpu);
	EXPECT_EQ(2 * before.rax, after.rax);
	EXPECT_EQ(2 * before.rbx, after.rbx);
	EXPECT_EQ(2 * before.rcx, after.rcx);
	EXPECT_EQ(2 * before.rdx, after.rdx);
	EXPECT_EQ(2 * before.rsi, after.rsi);
	EXPECT_EQ(2 * before.rdi, after.rdi);
	EXPECT_EQ(2 * before.rbp, after.rbp);
	EXPECT_EQ(before.rsp + 8, after.rsp);
	EXPECT_EQ(2 * before.r8, after.r8);
	EXPECT_EQ(2 * before.r9, after.r9);
	EXPECT_EQ(2 * before.r10, after.r10);
	EXPECT_EQ(2 * before.r11, after.r11);
	EXPECT_EQ(2 * before.r12, after.r12);
	EXPECT_EQ(2 * before.r13, after.r13);
	EXPECT_EQ(2 * before.r14, after.r14);
	EXPECT_EQ(2 * before.r15, after.r15);
}

TEST_F(regs, special_round_trip)
{
	struct kvm_sregs in, out;

	kv_enter_mode(self->vcpu, KV_LONG, KV_DATA, 0, 0);
	in = kv_sregs(self->vcpu);
	in.cr2 = 0xfeedf00dUL;
	in.cr8 = 5;
	in.fs.base = 0x7f0012345678UL;
	in.gs.base = 0xffff888000001000UL;
	in.gdt.base = 0xfffffe0000001000UL;
	in.gdt.limit = 0x7f;
	in.idt.base = 0xfffffe0000000000UL;
	in.idt.limit = 0xfff;
	kv_set_sregs(self->vcpu, &in);
	out = kv_sregs(self->vcpu);
	EXPECT_EQ(in.cr0, out.cr0);
	EXPECT_EQ(in.cr2, out.cr2);
	EXPECT_EQ(in.cr3, out.cr3);
	EXPECT_EQ(in.cr4, out.cr4);
	EXPECT_EQ(in.cr8, out.cr8);
	EXPECT_EQ(in.efer, out.efer);
	EXPECT_EQ(in.apic_base, out.apic_base);
	EXPECT_EQ(in.fs.base, out.fs.base);
	EXPECT_EQ(in.gs.base, out.gs.base);
	EXPECT_EQ(in.cs.selector, out.cs.selector);
	EXPECT_EQ(in.cs.l, out.cs.l);
	EXPECT_EQ(in.gdt.base, out.gdt.base);
	EXPECT_EQ(in.gdt.limit, out.gdt.limit);
	EXPECT_EQ(in.idt.base, out.idt.base);
	EXPECT_EQ(in.idt.limit, out.idt.limit);
}

static int try_sregs(struct kv_vcpu *vcpu, struct kvm_sregs *sregs)
{
	return ioctl(vcpu->fd, KVM_SET_SREGS, sregs);
}

TEST_F(regs, impossible_modes)
{
	struct kvm_sregs good, bad;

	kv_enter_mode(self->vcpu, KV_LONG, KV_DATA, 0, 0);
	good = kv_sregs(self->vcpu);
#define REFUSED(change)                                                                            \
	do {                                                                                       \
		bad = good;                                                                        \
		change;                                                                            \
		EXPECT_ERRNO(EINVAL, try_sregs(self->vcpu, &bad));                                 \
	} while (0)
	REFUSED(bad.cr0 |= 1UL << 32);
	REFUSED(bad.cr0 |= CR0_NW);
	REFUSED(bad.cr0 &= ~1UL);
	REFUSED(bad.cr4 |= CR4_VMXE);
	REFUSED(bad.cr4 |= 1UL << 63);
	REFUSED(bad.cr4 &= ~CR4_PAE);
	REFUSED(bad.efer &= ~EFER_LMA);
	REFUSED(bad.cr0 &= ~CR0_PG);
	REFUSED(bad.cr3 |= 1UL << 62);
	if (kv_is_hvctl()) {
		/* kvm lets these through to the CPU. */
		REFUSED(bad.efer |= 1UL << 63);
		REFUSED(bad.cr8 = 16);
		REFUSED(bad.cs.db = 1);
	}
#undef REFUSED
	/* Nothing of a refused state is kept. */
	bad = kv_sregs(self->vcpu);
	EXPECT_EQ(good.cr0, bad.cr0);
	EXPECT_EQ(good.cr4, bad.cr4);
	EXPECT_EQ(good.efer, bad.efer);
	EXPECT_EQ(0, try_sregs(self->vcpu, &good));
	EXPECT_ERRNO(EFAULT, ioctl(self->vcpu->fd, KVM_SET_SREGS, NULL));
	EXPECT_ERRNO(EFAULT, ioctl(self->vcpu->fd, KVM_GET_SREGS, NULL));
	EXPECT_ERRNO(EFAULT, ioctl(self->vcpu->fd, KVM_SET_REGS, NULL));
	EXPECT_ERRNO(EFAULT, ioctl(self->vcpu->fd, KVM_GET_REGS, NULL));
}

__guest static void read_segments(void)
{
	u64 fs, gs;

	asm volatile("mov %%fs:0, %0" : "=r"(fs));
	asm volatile("mov %%gs:0, %0" : "=r"(gs));
	guest_sync2(1, fs, gs);
	guest_sync2(2, read_cr2(), read_cr3());
	guest_done();
}

TEST_F(regs, guest_sees_special)
{
	struct kvm_sregs sregs;

	kv_enter(self->vcpu, read_segments, 0, 0);
	*(u64 *)kv_gpa(self->vm, KV_DATA + 0x100, 8) = 0x1111;
	*(u64 *)kv_gpa(self->vm, KV_DATA + 0x200, 8) = 0x2222;
	sregs = kv_sregs(self->vcpu);
	sregs.fs.base = KV_DATA + 0x100;
	sregs.gs.base = KV_DATA + 0x200;
	sregs.cr2 = 0xabcdef;
	kv_set_sregs(self->vcpu, &sregs);
	ASSERT_SYNC(self->vcpu, 1);
	EXPECT_EQ(0x1111, self->vcpu->last.a);
	EXPECT_EQ(0x2222, self->vcpu->last.b);
	ASSERT_SYNC(self->vcpu, 2);
	EXPECT_EQ(0xabcdef, self->vcpu->last.a);
	EXPECT_EQ(sregs.cr3, self->vcpu->last.b);
	ASSERT_DONE(self->vcpu);
}

/* A page remapped by user space behind a changed CR3 is seen at once. */
__guest static void read_forever(u64 address)
{
	for (;;)
		guest_sync2(1, *(volatile u64 *)address, 0);
}

TEST_F(regs, new_cr3_flushes)
{
	const u64 va = 0x40000000;
	struct kvm_sregs sregs;

	kv_enter(self->vcpu, read_forever, va, 0);
	kv_map(self->vm, va, KV_DATA, 4096, KV_PTE_P | KV_PTE_W);
	*(u64 *)kv_gpa(self->vm, KV_DATA, 8) = 1;
	*(u64 *)kv_gpa(self->vm, KV_DATA + 4096, 8) = 2;
	ASSERT_SYNC(self->vcpu, 1);
	EXPECT_EQ(1, self->vcpu->last.a);
	kv_map(self->vm, va, KV_DATA + 4096, 4096, KV_PTE_P | KV_PTE_W);
	sregs = kv_sregs(self->vcpu);
	kv_set_sregs(self->vcpu, &sregs);
	ASSERT_SYNC(self->vcpu, 1);
	EXPECT_EQ(2, self->vcpu->last.a);
}

TEST_F(regs, debug_registers)
{
	struct kvm_debugregs in = {
		.db = {0x1000, 0x2000, 0x3000, 0x4000},
		.dr6 = 0xffff0ff1,
		.dr7 = 0x455,
	};
	struct kvm_debugregs out, bad;

	ASSERT_EQ(0, ioctl(self->vcpu->fd, KVM_SET_DEBUGREGS, &in));
	memset(&out, 0xff, sizeof(out));
	ASSERT_EQ(0, ioctl(self->vcpu->fd, KVM_GET_DEBUGREGS, &out));
	EXPECT_EQ(0, memcmp(in.db, out.db, sizeof(in.db)));
	EXPECT_EQ(in.dr6, out.dr6);
	EXPECT_EQ(in.dr7, out.dr7);
	EXPECT_EQ(0, out.flags);

	bad = in;
	bad.flags = 1;
	EXPECT_ERRNO(EINVAL, ioctl(self->vcpu->fd, KVM_SET_DEBUGREGS, &bad));
	bad = in;
	bad.dr6 |= 1UL << 32;
	EXPECT_ERRNO(EINVAL, ioctl(self->vcpu->fd, KVM_SET_DEBUGREGS, &bad));
	bad = in;
	bad.dr7 |= 1UL << 63;
	EXPECT_ERRNO(EINVAL, ioctl(self->vcpu->fd, KVM_SET_DEBUGREGS, &bad));
	EXPECT_ERRNO(EFAULT, ioctl(self->vcpu->fd, KVM_SET_DEBUGREGS, NULL));
	EXPECT_ERRNO(EFAULT, ioctl(self->vcpu->fd, KVM_GET_DEBUGREGS, NULL));
}

__guest static void read_debug(void)
{
	u64 dr0, dr3, dr7;

	asm volatile("mov %%dr0, %0" : "=r"(dr0));
	asm volatile("mov %%dr3, %0" : "=r"(dr3));
	asm volatile("mov %%dr7, %0" : "=r"(dr7));
	guest_sync2(dr7, dr0, dr3);
	dr0 = 0x5000;
	asm volatile("mov %0, %%dr0" : : "r"(dr0));
	guest_done();
}

TEST_F(regs, guest_debug_registers)
{
	struct kvm_debugregs debug = {
		.db = {0x12340, 0, 0, 0x56780},
		.dr6 = 0xffff0ff0,
		.dr7 = 0x400,
	};

	kv_enter(self->vcpu, read_debug, 0, 0);
	ASSERT_EQ(0, ioctl(self->vcpu->fd, KVM_SET_DEBUGREGS, &debug));
	ASSERT_SYNC(self->vcpu, 0x400);
	EXPECT_EQ(0x12340, self->vcpu->last.a);
	EXPECT_EQ(0x56780, self->vcpu->last.b);
	ASSERT_DONE(self->vcpu);
	ASSERT_EQ(0, ioctl(self->vcpu->fd, KVM_GET_DEBUGREGS, &debug));
	EXPECT_EQ(0x5000, debug.db[0]);
	EXPECT_EQ(0x56780, debug.db[3]);
}

__guest static void spin(void)
{
	for (;;)
		guest_sync(1);
}

TEST_F(regs, inject_exception)
{
	struct kvm_vcpu_events events;
	struct kv_trap trap;

	kv_enter(self->vcpu, spin, 0, 0);
	ASSERT_SYNC(self->vcpu, 1);
	/* Let the OUT be completed first: it is not yet behind RIP. */
	self->vcpu->run->immediate_exit = 1;
	EXPECT_EQ(EINTR, kv_run(self->vcpu));
	self->vcpu->run->immediate_exit = 0;

	ASSERT_EQ(0, ioctl(self->vcpu->fd, KVM_GET_VCPU_EVENTS, &events));
	EXPECT_EQ(0, events.exception.injected);
	EXPECT_EQ(0, events.nmi.pending);
	events.exception.injected = 1;
	events.exception.nr = 13;
	events.exception.has_error_code = 1;
	events.exception.error_code = 0x1238;
	ASSERT_EQ(0, ioctl(self->vcpu->fd, KVM_SET_VCPU_EVENTS, &events));
	memset(&events, 0, sizeof(events));
	ASSERT_EQ(0, ioctl(self->vcpu->fd, KVM_GET_VCPU_EVENTS, &events));
	EXPECT_EQ(1, events.exception.injected);
	EXPECT_EQ(13, events.exception.nr);
	EXPECT_EQ(0x1238, events.exception.error_code);
	ASSERT_TRAP(self->vcpu, 13);
	trap = kv_trap_get(self->vcpu);
	EXPECT_EQ(0x1238, trap.error);
	/* Once: it is gone when the guest goes on. */
	kv_trap_resume(self->vcpu, trap.ip);
	ASSERT_SYNC(self->vcpu, 1);
}

TEST_F(regs, inject_nmi_by_events)
{
	struct kvm_vcpu_events events;
	struct kv_trap trap;

	kv_enter(self->vcpu, spin, 0, 0);
	ASSERT_SYNC(self->vcpu, 1);
	ASSERT_EQ(0, ioctl(self->vcpu->fd, KVM_GET_VCPU_EVENTS, &events));
	events.flags |= KVM_VCPUEVENT_VALID_NMI_PENDING;
	events.nmi.pending = 1;
	ASSERT_EQ(0, ioctl(self->vcpu->fd, KVM_SET_VCPU_EVENTS, &events));
	ASSERT_TRAP(self->vcpu, 2);
	ASSERT_EQ(0, ioctl(self->vcpu->fd, KVM_GET_VCPU_EVENTS, &events));
	EXPECT_EQ(1, events.nmi.masked);
	EXPECT_EQ(0, events.nmi.pending);
	trap = kv_trap_get(self->vcpu);
	kv_trap_resume(self->vcpu, trap.ip);
	ASSERT_SYNC(self->vcpu, 1);
	ASSERT_SYNC(self->vcpu, 1);
	ASSERT_EQ(0, ioctl(self->vcpu->fd, KVM_GET_VCPU_EVENTS, &events));
	EXPECT_EQ(0, events.nmi.masked);
}

TEST_F(regs, inject_interrupt_by_sregs)
{
	struct kvm_sregs sregs;
	struct kvm_regs regs;

	kv_enter(self->vcpu, spin, 0, 0);
	ASSERT_SYNC(self->vcpu, 1);
	/* It was accepted, so interrupts were on; Intel's CPUs insist. */
	regs = kv_regs(self->vcpu);
	regs.rflags |= 0x200;
	kv_set_regs(self->vcpu, &regs);
	sregs = kv_sregs(self->vcpu);
	sregs.interrupt_bitmap[1] = 1UL << 5; /* vector 69 */
	kv_set_sregs(self->vcpu, &sregs);
	EXPECT_EQ(1UL << 5, kv_sregs(self->vcpu).interrupt_bitmap[1]);
	ASSERT_TRAP(self->vcpu, 69);
	EXPECT_EQ(0, kv_sregs(self->vcpu).interrupt_bitmap[1]);
}

TEST_F(regs, bad_events)
{
	struct kvm_vcpu_events good, bad;

	ASSERT_EQ(0, ioctl(self->vcpu->fd, KVM_GET_VCPU_EVENTS, &good));
	EXPECT_EQ(0, ioctl(self->vcpu->fd, KVM_SET_VCPU_EVENTS, &good));
	bad = good;
	bad.flags |= 1U << 30;
	EXPECT_ERRNO(EINVAL, ioctl(self->vcpu->fd, KVM_SET_VCPU_EVENTS, &bad));
	bad = good;
	bad.exception.injected = 1;
	bad.exception.nr = 32;
	EXPECT_ERRNO(EINVAL, ioctl(self->vcpu->fd, KVM_SET_VCPU_EVENTS, &bad));
	bad.exception.nr = 2;
	EXPECT_ERRNO(EINVAL, ioctl(self->vcpu->fd, KVM_SET_VCPU_EVENTS, &bad));
	/* Not offered, or not enabled. */
	bad = good;
	bad.flags |= KVM_VCPUEVENT_VALID_PAYLOAD;
	EXPECT_ERRNO(EINVAL, ioctl(self->vcpu->fd, KVM_SET_VCPU_EVENTS, &bad));
	EXPECT_ERRNO(EFAULT, ioctl(self->vcpu->fd, KVM_SET_VCPU_EVENTS, NULL));
	EXPECT_ERRNO(EFAULT, ioctl(self->vcpu->fd, KVM_GET_VCPU_EVENTS, NULL));
}

TEST_F(regs, mp_state)
{
	static const u32 possible[] = {
		KVM_MP_STATE_UNINITIALIZED,
		KVM_MP_STATE_INIT_RECEIVED,
		KVM_MP_STATE_HALTED,
		KVM_MP_STATE_RUNNABLE,
	};
	struct kv_vcpu *ap = kv_vcpu_new(self->vm, 1);
	struct kvm_mp_state mp;
	size_t i;

	ASSERT_EQ(0, ioctl(self->vcpu->fd, KVM_GET_MP_STATE, &mp));
	EXPECT_EQ(KVM_MP_STATE_RUNNABLE, mp.mp_state);
	ASSERT_EQ(0, ioctl(ap->fd, KVM_GET_MP_STATE, &mp));
	EXPECT_EQ(KVM_MP_STATE_UNINITIALIZED, mp.mp_state);
	for (i = 0; i < ARRAY_SIZE(possible); i++) {
		mp.mp_state = possible[i];
		EXPECT_EQ(0, ioctl(ap->fd, KVM_SET_MP_STATE, &mp));
		mp.mp_state = 77;
		EXPECT_EQ(0, ioctl(ap->fd, KVM_GET_MP_STATE, &mp));
		EXPECT_EQ(possible[i], mp.mp_state);
	}
	mp.mp_state = 12345;
	EXPECT_ERRNO(EINVAL, ioctl(ap->fd, KVM_SET_MP_STATE, &mp));
	EXPECT_ERRNO(EFAULT, ioctl(ap->fd, KVM_SET_MP_STATE, NULL));
	EXPECT_ERRNO(EFAULT, ioctl(ap->fd, KVM_GET_MP_STATE, NULL));
	kv_vcpu_free(ap);
}

__guest static void start_others(void)
{
	apic_enable();
	apic_start_others();
	guest_done();
}

/* A vCPU that was started but has not run yet shows it, or a save forgets it. */
TEST_F(regs, started_but_not_run)
{
	struct kv_vcpu *ap = kv_vcpu_new(self->vm, 1);
	struct kvm_mp_state mp;

	kv_enter(self->vcpu, start_others, 0, 0);
	ASSERT_DONE(self->vcpu);
	ASSERT_EQ(0, ioctl(ap->fd, KVM_GET_MP_STATE, &mp));
	EXPECT_EQ(KVM_MP_STATE_RUNNABLE, mp.mp_state);
	EXPECT_EQ(0, kv_regs(ap).rip);
	EXPECT_EQ(KV_AP_CODE, kv_sregs(ap).cs.base);
	EXPECT_EQ(KV_AP_CODE >> 4, kv_sregs(ap).cs.selector);
	kv_vcpu_free(ap);
}

/* Nothing in the kernel could wake a vCPU without a LAPIC of ours. */
TEST(mp_state_without_irqchip)
{
	struct kv_vm *vm = kv_vm_new(0);
	struct kv_vcpu *vcpu = kv_vcpu_new(vm, 0);
	struct kvm_mp_state mp = {.mp_state = KVM_MP_STATE_RUNNABLE};

	EXPECT_EQ(0, ioctl(vcpu->fd, KVM_SET_MP_STATE, &mp));
	mp.mp_state = KVM_MP_STATE_UNINITIALIZED;
	EXPECT_ERRNO(EINVAL, ioctl(vcpu->fd, KVM_SET_MP_STATE, &mp));
	kv_vcpu_free(vcpu);
	kv_vm_free(vm);
}

TEST_F(regs, translate)
{
	struct kvm_translation tr = {.linear_address = 0x12345};

	/* Without paging linear is physical. */
	ASSERT_EQ(0, ioctl(self->vcpu->fd, KVM_TRANSLATE, &tr));
	EXPECT_EQ(0x12345, tr.physical_address);
	EXPECT_EQ(1, tr.valid);

	kv_enter(self->vcpu, spin, 0, 0);
	kv_map(self->vm, 0x40000000, KV_DATA, 4096, KV_PTE_P | KV_PTE_W);
	kv_map(self->vm, 0x40001000, KV_DATA + 4096, 4096, KV_PTE_P | KV_PTE_U);
	tr.linear_address = 0x40000123;
	ASSERT_EQ(0, ioctl(self->vcpu->fd, KVM_TRANSLATE, &tr));
	EXPECT_EQ(KV_DATA + 0x123, tr.physical_address);
	EXPECT_EQ(1, tr.valid);
	EXPECT_EQ(1, tr.writeable);
	EXPECT_EQ(0, tr.usermode);
	tr.linear_address = 0x7fff00000000;
	ASSERT_EQ(0, ioctl(self->vcpu->fd, KVM_TRANSLATE, &tr));
	EXPECT_EQ(0, tr.valid);
	EXPECT_ERRNO(EFAULT, ioctl(self->vcpu->fd, KVM_TRANSLATE, NULL));
}

TEST_HARNESS_MAIN
