// SPDX-License-Identifier: GPL-2.0
/*
 * KVM_SET_GUEST_DEBUG: user space steps the guest and sets breakpoints in it, of
 * which the guest, that has a debugger of its own perhaps, knows nothing.
 *
 * lab: svm-bochs
 */
#include <string.h>

#include "guest.h"
#include "harness.h"

#define DR6_BS (1U << 14)
#define TF     0x100UL

FIXTURE(debug)
{
	struct kv_vm *vm;
	struct kv_vcpu *vcpu;
};

FIXTURE_SETUP(debug)
{
	self->vm = kv_vm_new_irqchip(0);
	self->vcpu = kv_vcpu_new(self->vm, 0);
}

FIXTURE_TEARDOWN(debug)
{
	kv_vcpu_free(self->vcpu);
	kv_vm_free(self->vm);
}

static int set(struct kv_vcpu *vcpu, const struct kvm_guest_debug *debug)
{
	return ioctl(vcpu->fd, KVM_SET_GUEST_DEBUG, debug);
}

static int control(struct kv_vcpu *vcpu, u32 flags)
{
	struct kvm_guest_debug debug = {.control = flags};

	return set(vcpu, &debug);
}

#define STEP (KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_SINGLESTEP)
#define SW   (KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_USE_SW_BP)

TEST_F(debug, offered)
{
	int flags = kv_cap(KVM_CAP_SET_GUEST_DEBUG2);

	EXPECT_EQ(1, kv_cap(KVM_CAP_SET_GUEST_DEBUG));
	EXPECT_EQ(STEP | SW | KVM_GUESTDBG_USE_HW_BP | KVM_GUESTDBG_INJECT_DB |
			  KVM_GUESTDBG_INJECT_BP | KVM_GUESTDBG_BLOCKIRQ,
		  flags);
	if (kv_is_hvctl())
		EXPECT_ERRNO(EINVAL, control(self->vcpu, 1U << 25));
	EXPECT_ERRNO(EFAULT, ioctl(self->vcpu->fd, KVM_SET_GUEST_DEBUG, NULL));
}

/* ------------------------------------------------------------------- steps */

/*
 * Bochs enters a guest with TF set and traps before the first instruction: it never
 * goes on. Its SVM takes the host down then. kvm_intel and kvm_amd are not spared.
 */
static bool hasty_trap(void)
{
	return kv_bochs();
}

static bool bochs_svm(void)
{
	return kv_bochs() && !kv_intel();
}

TEST_F(debug, single_step)
{
	struct kvm_guest_debug debug = {.control = KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_SINGLESTEP};
	struct kvm_run *run = self->vcpu->run;
	u64 ip = KV_DATA;
	int i;

	/* nop; cpuid; nop; rdmsr; nop */
	kv_load(self->vm, KV_DATA, "\x90\x0f\xa2\x90\xb9\x1b\x00\x00\x00\x0f\x32\x90\xe7\xf1", 14);
	kv_enter_mode(self->vcpu, KV_LONG, KV_DATA, 0, 0);
	if (hasty_trap())
		SKIP(return, "Bochs does not step");
	ASSERT_EQ(0, set(self->vcpu, &debug));
	for (i = 0; i < 6; i++) {
		static const u8 len[] = {1, 2, 1, 5, 2, 1};

		ip += len[i];
		ASSERT_EXIT(self->vcpu, KVM_EXIT_DEBUG);
		ASSERT_EQ(ip, run->debug.arch.pc);
		EXPECT_EQ(1, run->debug.arch.exception);
		EXPECT_EQ(DR6_BS, run->debug.arch.dr6 & DR6_BS);
		/* The guest does not see who steps it. */
		EXPECT_EQ(0, kv_regs(self->vcpu).rflags & 0x100);
	}
	debug.control = 0;
	ASSERT_EQ(0, set(self->vcpu, &debug));
	ASSERT_REPORT(self->vcpu, KV_DONE, kv_regs(self->vcpu).rax & 0xffffffff);
}

TEST_F(debug, hardware_breakpoint)
{
	struct kvm_guest_debug debug = {.control = KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_USE_HW_BP};
	struct kvm_run *run = self->vcpu->run;

	/* nop; nop; nop; cpuid; xor %eax, %eax; out */
	kv_load(self->vm, KV_DATA, "\x90\x90\x90\x0f\xa2\x31\xc0\xe7\xf1", 9);
	kv_enter_mode(self->vcpu, KV_LONG, KV_DATA, 0, 0);
	debug.arch.debugreg[0] = KV_DATA + 3;
	debug.arch.debugreg[7] = 0x402;
	ASSERT_EQ(0, set(self->vcpu, &debug));
	ASSERT_EXIT(self->vcpu, KVM_EXIT_DEBUG);
	EXPECT_EQ(1, run->debug.arch.exception);
	EXPECT_EQ(KV_DATA + 3, run->debug.arch.pc);
	/* Bochs's SVM exits before it has noted which, kvm_amd misses it as well. */
	if (!bochs_svm())
		EXPECT_EQ(1, run->debug.arch.dr6 & 0xf);
	debug.control = 0;
	ASSERT_EQ(0, set(self->vcpu, &debug));
	ASSERT_DONE(self->vcpu);
}

/* Out of the kernel and back: devices of user space, HLT. */
GUEST_BLOB(exits, ".code64\n"
		  "mov $5, %eax\n"
		  "exits_1: outl %eax, $0xf0\n"
		  "exits_2: mov (%rdi), %ecx\n"
		  "exits_3: wbinvd\n"
		  "exits_4: outl %eax, $0xf1\n");
extern const u8 exits_1[], exits_2[], exits_3[], exits_4[];

TEST_F(debug, step_over_what_user_space_does)
{
	const u8 *at[] = {exits_1, exits_2, exits_3, exits_4};
	struct kvm_run *run = self->vcpu->run;
	int i;

	KV_LOAD_BLOB(self->vm, KV_DATA, exits);
	kv_enter_mode(self->vcpu, KV_LONG, KV_DATA, KV_MMIO, 0);
	if (hasty_trap())
		SKIP(return, "Bochs does not step");
	ASSERT_EQ(0, control(self->vcpu, STEP));
	for (i = 0; i < 4; i++) {
		if (i == 1) {
			ASSERT_SYNC(self->vcpu, 5);
		} else if (i == 2) {
			ASSERT_EXIT(self->vcpu, KVM_EXIT_MMIO);
			ASSERT_EQ(KV_MMIO, run->mmio.phys_addr);
			memcpy(run->mmio.data, "\x12\x34\x56\x78", 4);
		}
		ASSERT_EXIT(self->vcpu, KVM_EXIT_DEBUG);
		ASSERT_EQ(KV_DATA + (at[i] - exits), run->debug.arch.pc);
		EXPECT_EQ(DR6_BS, run->debug.arch.dr6 & DR6_BS);
	}
	EXPECT_EQ(0x78563412, kv_regs(self->vcpu).rcx);
	ASSERT_EQ(0, control(self->vcpu, 0));
	ASSERT_REPORT(self->vcpu, KV_DONE, 5);
}

static __guest void own_tf(void)
{
	asm volatile("pushfq; orl $0x100, (%%rsp); popfq; nop" : : : "memory");
	guest_done();
}

/* What was the guest's TF is its TF afterwards. */
TEST_F(debug, own_trap_flag)
{
	struct kvm_regs regs;

	if (bochs_svm())
		SKIP(return, "Bochs would go down");
	kv_enter(self->vcpu, own_tf, 0, 0);
	regs = kv_regs(self->vcpu);
	ASSERT_EQ(0, control(self->vcpu, STEP));
	EXPECT_EQ(0, kv_regs(self->vcpu).rflags & TF);
	ASSERT_EQ(0, control(self->vcpu, 0));
	EXPECT_EQ(0, kv_regs(self->vcpu).rflags & TF);
	if (!kv_is_hvctl())
		SKIP(return, "kvm hides it, and forgets it");
	regs.rflags |= TF;
	kv_set_regs(self->vcpu, &regs);
	ASSERT_EQ(0, control(self->vcpu, STEP));
	EXPECT_EQ(TF, kv_regs(self->vcpu).rflags & TF);
	ASSERT_EQ(0, control(self->vcpu, 0));
	EXPECT_EQ(TF, kv_regs(self->vcpu).rflags & TF);
	ASSERT_TRAP(self->vcpu, 1);
}

static __guest void with_interrupts(void)
{
	write32(0xfee000f0, 0x1ff); /* the local APIC is on */
	guest_sync(0);
	asm volatile("sti; nop; nop; nop; nop; nop; nop");
	guest_sync(1);
	guest_done();
}

/* An interrupt that is due waits until nobody steps any more. */
TEST_F(debug, blocked_interrupts)
{
	int i;

	if (bochs_svm())
		SKIP(return, "Bochs would go down");
	kv_enter(self->vcpu, with_interrupts, 0, 0);
	ASSERT_SYNC(self->vcpu, 0);
	ASSERT_EQ(0, control(self->vcpu, STEP | KVM_GUESTDBG_BLOCKIRQ));
	ASSERT_LT(0, kv_msi(self->vm, 0xfee00000, 0x45));
	for (i = 0; i < 6; i++) {
		ASSERT_EXIT(self->vcpu, KVM_EXIT_DEBUG);
		EXPECT_GT(0x100, self->vcpu->run->debug.arch.pc - kv_guest_fn(with_interrupts));
	}
	ASSERT_EQ(0, control(self->vcpu, 0));
	ASSERT_TRAP(self->vcpu, 0x45);
}

/* -------------------------------------------------------------- breakpoints */

/* QEMU's SVM has no intercept of #BP where INT3 raises it: its kvm_amd fails, too. */
static bool deaf_to_int3(void)
{
	return kv_tcg();
}

TEST_F(debug, software_breakpoint)
{
	struct kvm_run *run = self->vcpu->run;
	struct kvm_regs regs;

	if (deaf_to_int3())
		SKIP(return, "QEMU's TCG does not intercept INT3");
	/* nop; int3; int3; xor %eax, %eax; out */
	kv_load(self->vm, KV_DATA, "\x90\xcc\xcc\x31\xc0\xe7\xf1", 7);
	kv_enter_mode(self->vcpu, KV_LONG, KV_DATA, 0, 0);
	ASSERT_EQ(0, control(self->vcpu, SW));
	ASSERT_EXIT(self->vcpu, KVM_EXIT_DEBUG);
	EXPECT_EQ(3, run->debug.arch.exception);
	EXPECT_EQ(KV_DATA + 1, run->debug.arch.pc);
	EXPECT_EQ(KV_DATA + 1, kv_regs(self->vcpu).rip);
	/* Another one is the guest's: its handler returns behind it. */
	regs = kv_regs(self->vcpu);
	regs.rip++;
	kv_set_regs(self->vcpu, &regs);
	ASSERT_EXIT(self->vcpu, KVM_EXIT_DEBUG);
	EXPECT_EQ(KV_DATA + 2, run->debug.arch.pc);
	ASSERT_EQ(0, control(self->vcpu, SW | KVM_GUESTDBG_INJECT_BP));
	ASSERT_TRAP(self->vcpu, 3);
	EXPECT_EQ(KV_DATA + 3, kv_trap_get(self->vcpu).ip);
	kv_trap_resume(self->vcpu, KV_DATA + 3);
	ASSERT_DONE(self->vcpu);
}

/* The other way to hand an INT3 on, as QEMU does it. */
TEST_F(debug, software_breakpoint_by_events)
{
	struct kvm_vcpu_events events;

	if (deaf_to_int3())
		SKIP(return, "QEMU's TCG does not intercept INT3");
	kv_load(self->vm, KV_DATA, "\xcc\x31\xc0\xe7\xf1", 5);
	kv_enter_mode(self->vcpu, KV_LONG, KV_DATA, 0, 0);
	ASSERT_EQ(0, control(self->vcpu, SW));
	ASSERT_EXIT(self->vcpu, KVM_EXIT_DEBUG);
	ASSERT_EQ(0, ioctl(self->vcpu->fd, KVM_GET_VCPU_EVENTS, &events));
	events.exception.injected = 1;
	events.exception.nr = 3;
	ASSERT_EQ(0, ioctl(self->vcpu->fd, KVM_SET_VCPU_EVENTS, &events));
	ASSERT_EQ(0, ioctl(self->vcpu->fd, KVM_GET_VCPU_EVENTS, &events));
	EXPECT_EQ(1, events.exception.injected);
	EXPECT_EQ(3, events.exception.nr);
	ASSERT_TRAP(self->vcpu, 3);
	EXPECT_EQ(KV_DATA + 1, kv_trap_get(self->vcpu).ip);
}

/* Without the debugger INT3 is the guest's alone, and nothing exits. */
TEST_F(debug, no_breakpoint)
{
	kv_load(self->vm, KV_DATA, "\xcc\x31\xc0\xe7\xf1", 5);
	kv_enter_mode(self->vcpu, KV_LONG, KV_DATA, 0, 0);
	ASSERT_EQ(0, control(self->vcpu, SW));
	ASSERT_EQ(0, control(self->vcpu, KVM_GUESTDBG_USE_SW_BP));
	ASSERT_TRAP(self->vcpu, 3);
	EXPECT_EQ(KV_DATA + 1, kv_trap_get(self->vcpu).ip);
}

TEST_F(debug, watchpoint)
{
	struct kvm_guest_debug debug = {.control = KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_USE_HW_BP};
	struct kvm_run *run = self->vcpu->run;

	/* mov %eax, 0x300000; nop; xor %eax, %eax; out */
	kv_load(self->vm, KV_DATA, "\x89\x04\x25\x00\x00\x30\x00\x90\x31\xc0\xe7\xf1", 12);
	kv_enter_mode(self->vcpu, KV_LONG, KV_DATA, 0, 0);
	debug.arch.debugreg[2] = 0x300000;
	debug.arch.debugreg[7] = 0x400 | 2 << 4 | 0xd << 24; /* four bytes, writes */
	ASSERT_EQ(0, set(self->vcpu, &debug));
	ASSERT_EXIT(self->vcpu, KVM_EXIT_DEBUG);
	EXPECT_EQ(1, run->debug.arch.exception);
	EXPECT_EQ(KV_DATA + 7, run->debug.arch.pc);
	if (!bochs_svm())
		EXPECT_EQ(4, run->debug.arch.dr6 & 0xf);
	ASSERT_DONE(self->vcpu);
}

/* ------------------------------------------------- the guest's own registers */

static __guest void own_registers(u64 address)
{
	u64 value;

	asm volatile("mov %0, %%dr1" : : "r"(address));
	asm volatile("mov %0, %%dr7" : : "r"(0x40cUL));
	asm volatile("mov %0, %%dr6" : : "r"(0UL));
	asm volatile("mov %%dr1, %0" : "=r"(value));
	guest_equal(value, address);
	asm volatile("mov %%dr7, %0" : "=r"(value));
	guest_equal(value, 0x40c);
	asm volatile("mov %%dr6, %0" : "=r"(value));
	guest_equal(value, 0xffff0ff0);
	guest_sync(1);
	/* Aliases, as CR4.DE is clear. */
	asm volatile("mov %%db5, %0" : "=r"(value));
	guest_equal(value, 0x40c);
	/* It protects them. */
	asm volatile("mov %0, %%dr7" : : "r"(0x2400UL));
	asm volatile("mov %%dr0, %0" : "=r"(value));
	guest_done();
}

TEST_F(debug, guests_registers)
{
	struct kvm_guest_debug debug = {.control = KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_USE_HW_BP};
	struct kvm_debugregs regs;

	kv_enter(self->vcpu, own_registers, 0x123456, 0);
	debug.arch.debugreg[3] = 0x400000;
	debug.arch.debugreg[7] = 0x480;
	ASSERT_EQ(0, set(self->vcpu, &debug));
	ASSERT_SYNC(self->vcpu, 1);
	ASSERT_EQ(0, ioctl(self->vcpu->fd, KVM_GET_DEBUGREGS, &regs));
	EXPECT_EQ(0x123456, regs.db[1]);
	EXPECT_EQ(0, regs.db[3]);
	EXPECT_EQ(0x40c, regs.dr7);
	/* #DB by GD is raised for the guest, like by a CPU of its own. */
	if (kv_is_hvctl())
		ASSERT_TRAP(self->vcpu, 1);
	ASSERT_EQ(0, control(self->vcpu, 0));
	ASSERT_EQ(0, ioctl(self->vcpu->fd, KVM_GET_DEBUGREGS, &regs));
	EXPECT_EQ(0x123456, regs.db[1]);
	EXPECT_EQ(0, regs.db[3]);
}

TEST_F(debug, inject)
{
	kv_load(self->vm, KV_DATA, "\x31\xc0\xe7\xf1", 4);
	kv_enter_mode(self->vcpu, KV_LONG, KV_DATA, 0, 0);
	ASSERT_EQ(0, control(self->vcpu, KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_INJECT_DB));
	EXPECT_ERRNO(EBUSY, control(self->vcpu, KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_INJECT_DB));
	ASSERT_TRAP(self->vcpu, 1);
	EXPECT_EQ(KV_DATA, kv_trap_get(self->vcpu).ip);
}

TEST_HARNESS_MAIN
