// SPDX-License-Identifier: GPL-2.0
/*
 * The guest runs in each of the CPU's modes, and goes through them by itself.
 */
#include "guest.h"
#include "harness.h"

FIXTURE(modes)
{
	struct kv_vm *vm;
	struct kv_vcpu *vcpu;
};

FIXTURE_SETUP(modes)
{
	self->vm = kv_vm_new(0);
	self->vcpu = kv_vcpu_new(self->vm, 0);
}

FIXTURE_TEARDOWN(modes)
{
	kv_vcpu_free(self->vcpu);
	kv_vm_free(self->vm);
}

/* AX = 16-bit wrap of 0xffff + 2 tells the operand size. */
GUEST_BLOB(code16, ".code16\n"
		   "mov $0xffff, %ax\n add $2, %ax\n movzwl %ax, %eax\n"
		   "outl %eax, $0xf0\n"
		   "movl $0x12345, %ebx\n movb $7, %es:(0x3000)\n movzbl (0x3000), %eax\n"
		   "outl %eax, $0xf0\n"
		   "xorl %eax, %eax\n outl %eax, $0xf1\n");

static void run_code16(struct __test_metadata *_metadata, struct kv_vcpu *vcpu)
{
	ASSERT_SYNC(vcpu, 1);
	ASSERT_SYNC(vcpu, 7);
	ASSERT_DONE(vcpu);
}

TEST_F(modes, real)
{
	KV_LOAD_BLOB(self->vm, 0x8000, code16);
	kv_enter_mode(self->vcpu, KV_REAL, 0x8000, 0, 0);
	run_code16(_metadata, self->vcpu);
	EXPECT_EQ(0, kv_sregs(self->vcpu).cr0 & 1);
}

TEST_F(modes, protected_16)
{
	KV_LOAD_BLOB(self->vm, 0x8000, code16);
	kv_enter_mode(self->vcpu, KV_PROT16, 0x8000, 0, 0);
	run_code16(_metadata, self->vcpu);
}

GUEST_BLOB(code32, ".code32\n"
		   "mov $0xffffffff, %eax\n add $2, %eax\n outl %eax, $0xf0\n"
		   "movl $0x55aa1234, 0x200000\n mov 0x200000, %eax\n outl %eax, $0xf0\n"
		   "mov %esp, %ecx\n push $5\n sub %esp, %ecx\n mov %ecx, %eax\n"
		   "outl %eax, $0xf0\n"
		   "xorl %eax, %eax\n outl %eax, $0xf1\n");

static void run_code32(struct __test_metadata *_metadata, struct kv_vcpu *vcpu)
{
	ASSERT_SYNC(vcpu, 1);
	ASSERT_SYNC(vcpu, 0x55aa1234);
	ASSERT_SYNC(vcpu, 4);
	ASSERT_DONE(vcpu);
	EXPECT_EQ(0x55aa1234, *(u32 *)kv_gpa(vcpu->vm, 0x200000, 4));
}

TEST_F(modes, protected_32)
{
	KV_LOAD_BLOB(self->vm, KV_CODE, code32);
	kv_enter_mode(self->vcpu, KV_PROT32, KV_CODE, 0, 0);
	run_code32(_metadata, self->vcpu);
}

TEST_F(modes, paged_32)
{
	KV_LOAD_BLOB(self->vm, KV_CODE, code32);
	kv_enter_mode(self->vcpu, KV_PAGE32, KV_CODE, 0, 0);
	run_code32(_metadata, self->vcpu);
}

TEST_F(modes, pae)
{
	KV_LOAD_BLOB(self->vm, KV_CODE, code32);
	kv_enter_mode(self->vcpu, KV_PAE, KV_CODE, 0, 0);
	run_code32(_metadata, self->vcpu);
}

TEST_F(modes, compat)
{
	KV_LOAD_BLOB(self->vm, KV_CODE, code32);
	kv_enter_mode(self->vcpu, KV_COMPAT, KV_CODE, 0, 0);
	run_code32(_metadata, self->vcpu);
	EXPECT_EQ(0x500, kv_sregs(self->vcpu).efer & 0x500);
}

static __guest void long_main(u64 a, u64 b)
{
	guest_sync2(1, a, b);
	*(volatile u64 *)KV_DATA = a * b;
	guest_sync2(2, *(volatile u64 *)KV_DATA, read_cr3());
	guest_done();
}

TEST_F(modes, long)
{
	struct kv_vcpu *vcpu = self->vcpu;

	kv_enter(vcpu, long_main, 0x123456789abcULL, 0x10);
	ASSERT_SYNC(vcpu, 1);
	EXPECT_EQ(0x123456789abcULL, vcpu->last.a);
	EXPECT_EQ(0x10, vcpu->last.b);
	ASSERT_SYNC(vcpu, 2);
	EXPECT_EQ(0x123456789abc0ULL, vcpu->last.a);
	EXPECT_EQ(self->vm->cr3, vcpu->last.b);
	ASSERT_DONE(vcpu);
}

/* Real mode to long mode and all the way back, as a boot loader would. */
GUEST_BLOB(climb, ".code16\n"
		  "climb_16: cli\n xor %ax, %ax\n mov %ax, %ds\n"
		  "lgdtl 0x7010\n"
		  "mov %cr0, %eax\n or $1, %al\n mov %eax, %cr0\n"
		  "ljmpl $0x08, $(0x8000 + climb_32 - climb)\n"
		  ".code32\n"
		  "climb_32: mov $0x10, %eax\n mov %eax, %ds\n mov %eax, %ss\n mov %eax, %es\n"
		  "mov $32, %eax\n outl %eax, $0xf0\n"
		  "mov $0x20, %eax\n mov %eax, %cr4\n mov 0x7000, %eax\n mov %eax, %cr3\n"
		  "mov $0xc0000080, %ecx\n rdmsr\n or $0x100, %eax\n wrmsr\n"
		  "mov %cr0, %eax\n or $0x80000000, %eax\n mov %eax, %cr0\n"
		  "mov $33, %eax\n outl %eax, $0xf0\n" /* compatibility mode now */
		  "ljmpl $0x18, $(0x8000 + climb_64 - climb)\n"
		  ".code64\n"
		  "climb_64: mov $0x123456789, %r15\n mov %r15, %rdi\n"
		  "mov $64, %eax\n outl %eax, $0xf0\n"
		  "ljmpl *(climb_far32 - climb + 0x8000)\n"
		  "climb_far32: .long 0x8000 + climb_back32 - climb, 0x08\n"
		  ".code32\n"
		  "climb_back32: mov %cr0, %eax\n and $0x7fffffff, %eax\n mov %eax, %cr0\n"
		  "mov $0xc0000080, %ecx\n rdmsr\n and $~0x100, %eax\n wrmsr\n"
		  "rdmsr\n mov %eax, %edi\n"
		  "mov $34, %eax\n outl %eax, $0xf0\n"
		  "ljmpl $0x20, $(0x8000 + climb_prot16 - climb)\n"
		  ".code16\n"
		  "climb_prot16: mov $0x28, %ax\n mov %ax, %ds\n mov %ax, %ss\n mov %ax, %es\n"
		  "mov %cr0, %eax\n and $~1, %al\n mov %eax, %cr0\n"
		  "ljmpl $0x800, $(climb_real - climb)\n"
		  "climb_real: xor %ax, %ax\n mov %ax, %ds\n mov %ax, %ss\n mov $0x7000, %sp\n"
		  "mov $16, %eax\n outl %eax, $0xf0\n"
		  "xor %eax, %eax\n outl %eax, $0xf1\n");

static __guest void nothing(void)
{
}

TEST_F(modes, climb)
{
	struct kv_vcpu *vcpu = self->vcpu;

	kv_ap_entry(self->vm, nothing);
	KV_LOAD_BLOB(self->vm, 0x8000, climb);
	kv_enter_mode(vcpu, KV_REAL, 0x8000, 0, 0);
	ASSERT_SYNC(vcpu, 32);
	EXPECT_EQ(1, kv_sregs(vcpu).cr0 & 0x80000001);
	ASSERT_SYNC(vcpu, 33);
	EXPECT_EQ(0x500, kv_sregs(vcpu).efer & 0x500);
	EXPECT_EQ(0, kv_sregs(vcpu).cs.l);
	ASSERT_SYNC(vcpu, 64);
	EXPECT_EQ(0x123456789ULL, vcpu->last.a);
	EXPECT_EQ(1, kv_sregs(vcpu).cs.l);
	ASSERT_SYNC(vcpu, 34);
	EXPECT_EQ(0, vcpu->last.a & 0x500);
	EXPECT_EQ(0, kv_sregs(vcpu).efer & 0x500);
	ASSERT_SYNC(vcpu, 16);
	EXPECT_EQ(0x8000, kv_sregs(vcpu).cs.base);
	ASSERT_DONE(vcpu);
}

/* User mode and back through an interrupt gate and the TSS's stack. */
GUEST_BLOB(user_code, ".code64\n"
		      "mov %cs, %eax\n int $0x80\n ud2\n");

static __guest void user_main(void)
{
	asm volatile("pushq %0; pushq %1; pushq $2; pushq %2; pushq %3; iretq"
		     :
		     : "i"(KV_USERD_SEL), "r"(KV_DATA + 0x2000), "i"(KV_USER64_SEL), "r"(KV_DATA));
	__builtin_unreachable();
}

static __guest void int80(struct kv_frame64 *frame)
{
	guest_sync2(frame->rax, frame->cs, frame->rsp);
}

TEST_F(modes, user)
{
	struct kv_vcpu *vcpu = self->vcpu;
	struct kv_trap trap;

	kv_enter(vcpu, user_main, 0, 0);
	kv_handler(self->vm, 0x80, int80);
	KV_LOAD_BLOB(self->vm, KV_DATA, user_code);
	kv_map(self->vm, KV_DATA, KV_DATA, 0x200000, KV_PTE_P | KV_PTE_W | KV_PTE_U);
	ASSERT_SYNC(vcpu, KV_USER64_SEL);
	EXPECT_EQ(KV_USER64_SEL, vcpu->last.a);
	EXPECT_EQ(KV_DATA + 0x2000, vcpu->last.b);
	EXPECT_EQ(0, kv_sregs(vcpu).cs.dpl);
	ASSERT_REPORT(vcpu, KV_TRAP, 0);
	trap = kv_trap_get(vcpu);
	EXPECT_EQ(6, trap.vector);
	EXPECT_EQ(KV_USER64_SEL, trap.cs);
}

TEST_HARNESS_MAIN
