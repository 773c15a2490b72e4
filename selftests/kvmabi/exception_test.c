// SPDX-License-Identifier: GPL-2.0
/*
 * Exceptions reach the guest's IDT with the right vector, error code, address
 * and RIP, also when the tables they go through have never been touched and
 * delivery itself takes nested page faults (AMD APM volume 2, chapter 8).
 */
#include "guest.h"
#include "harness.h"

FIXTURE(exception)
{
	struct kv_vm *vm;
	struct kv_vcpu *vcpu;
};

FIXTURE_SETUP(exception)
{
	self->vm = kv_vm_new(0);
	self->vcpu = kv_vcpu_new(self->vm, 0);
}

FIXTURE_TEARDOWN(exception)
{
	kv_vcpu_free(self->vcpu);
	kv_vm_free(self->vm);
}

/* Each blob faults at its label fault; the blob goes to KV_CODE. */
#define BLOB64(name, before, fault)                                                                \
	GUEST_BLOB(name, ".code64\n" before "\n" #name "_fault: " fault "\n hlt\n");               \
	extern const u8 name##_fault[];
#define BLOB32(name, before, fault)                                                                \
	GUEST_BLOB(name, ".code32\n" before "\n" #name "_fault: " fault "\n hlt\n");               \
	extern const u8 name##_fault[];

#define UNMAPPED  "0x400000"
#define READ_ONLY "0x401000"
#define RESERVED  "0x402000"
#define NO_EXEC	  0x403000

BLOB64(de, "xor %ecx, %ecx", "div %ecx")
BLOB64(db, "", ".byte 0xf1")
BLOB64(bp, "", "int3")
BLOB64(ud, "", "ud2")
BLOB64(nm, "mov %cr0, %rax\n or $8, %al\n mov %rax, %cr0", "fninit")
BLOB64(np, "mov $0x50, %eax", "mov %eax, %fs")
BLOB64(ss, "mov $0x50, %eax", "mov %eax, %ss")
BLOB64(gp_selector, "mov $0x78, %eax", "mov %eax, %ds")
BLOB64(gp_canonical, "movabs $0x8000000000000000, %rax", "mov (%rax), %eax")
BLOB64(gp_cr4, "mov %cr4, %rax\n bts $31, %rax", "mov %rax, %cr4")
BLOB64(gp_cr0, "mov %cr0, %rax\n btr $0, %rax", "mov %rax, %cr0")
BLOB64(gp_wrmsr_base, "mov $0x1b, %ecx\n rdmsr\n mov $0x80000000, %edx", "wrmsr")
BLOB64(gp_wrmsr_efer, "mov $0xc0000080, %ecx\n rdmsr\n or $0x80000000, %eax", "wrmsr")
BLOB64(gp_rdmsr, "mov $0xdead0000, %ecx", "rdmsr")
BLOB64(gp_xsetbv,
       "mov %cr4, %rax\n or $0x40000, %eax\n mov %rax, %cr4\n"
       "xor %ecx, %ecx\n xor %edx, %edx\n mov $2, %eax",
       "xsetbv")
BLOB64(gp_int, "", "int $0xff")
BLOB64(pf_read, "", "mov " UNMAPPED ", %eax")
BLOB64(pf_write, "", "movl $1, " UNMAPPED)
BLOB64(pf_protected, "", "movl $1, " READ_ONLY)
BLOB64(pf_reserved, "", "mov " RESERVED ", %eax")
BLOB64(mf,
       "mov %cr0, %rax\n or $0x20, %eax\n mov %rax, %cr0\n fninit\n pushq $0x300\n"
       "fldcw (%rsp)\n fld1\n fldz\n fdivrp",
       "fwait")
BLOB64(int_n, "", "int $0x90")

static const struct fault {
	const char *name;
	const u8 *blob, *end, *at;
	u32 vector, error;
	u32 skip; /* a trap: RIP is behind the instruction of so many bytes */
	u64 cr2;
} faults[] = {
#define FAULT(name, vector, error, skip, cr2)                                                      \
	{                                                                                          \
#name, name, name##_end, name##_fault, vector, error, skip, cr2                    \
	}
	FAULT(de, 0, 0, 0, 0),
	FAULT(db, 1, 0, 1, 0),
	FAULT(bp, 3, 0, 1, 0),
	FAULT(ud, 6, 0, 0, 0),
	FAULT(nm, 7, 0, 0, 0),
	FAULT(np, 11, 0x50, 0, 0),
	FAULT(ss, 12, 0x50, 0, 0),
	FAULT(gp_selector, 13, 0x78, 0, 0),
	FAULT(gp_canonical, 13, 0, 0, 0),
	FAULT(gp_cr4, 13, 0, 0, 0),
	FAULT(gp_cr0, 13, 0, 0, 0),
	FAULT(gp_wrmsr_base, 13, 0, 0, 0),
	FAULT(gp_wrmsr_efer, 13, 0, 0, 0),
	FAULT(gp_rdmsr, 13, 0, 0, 0),
	FAULT(gp_xsetbv, 13, 0, 0, 0),
	FAULT(pf_read, 14, 0, 0, 0x400000),
	FAULT(pf_write, 14, 2, 0, 0x400000),
	FAULT(pf_protected, 14, 3, 0, 0x401000),
	FAULT(pf_reserved, 14, 9, 0, 0x402000),
	FAULT(mf, 16, 0, 0, 0),
	FAULT(int_n, 0x90, 0, 2, 0),
};

/* A present data segment's descriptor with P = 0, behind the others. */
static void add_absent_segment(struct kv_vcpu *vcpu)
{
	struct kvm_sregs sregs = kv_sregs(vcpu);
	u64 absent = 0x00cf13000000ffff;

	kv_load(vcpu->vm, KV_GDT + 0x50, &absent, 8);
	sregs.gdt.limit = 0x57;
	kv_set_sregs(vcpu, &sregs);
}

static void map_traps(struct kv_vm *vm)
{
	kv_map(vm, 0x400000, 0, 4096, 0);
	kv_map(vm, 0x401000, 0x401000, 4096, KV_PTE_P);
	kv_map(vm, 0x402000, 0x402000 | 1UL << 51, 4096, KV_PTE_P | KV_PTE_W);
	kv_map(vm, NO_EXEC, NO_EXEC, 4096, KV_PTE_P | KV_PTE_W | KV_PTE_NX);
}

static void expect_fault(struct __test_metadata *_metadata, struct kv_vcpu *vcpu,
			 const struct fault *fault)
{
	struct kv_trap trap;

	vcpu->last = kv_next(vcpu);
	ASSERT_EQ(KV_TRAP, vcpu->last.kind)
	{
		TH_LOG("%s: %s", fault->name, kv_text(vcpu, &vcpu->last));
	}
	trap = kv_trap_get(vcpu);
	/* QEMU's emulated CPU leaves out P when a reserved bit was set. */
	if (fault->error == 9)
		trap.error |= 1;
	EXPECT_EQ(fault->vector, trap.vector)
	{
		TH_LOG("%s", fault->name);
	}
	EXPECT_EQ(fault->error, trap.error)
	{
		TH_LOG("%s", fault->name);
	}
	EXPECT_EQ(KV_CODE + (u64)(fault->at - fault->blob) + fault->skip, trap.ip)
	{
		TH_LOG("%s", fault->name);
	}
	if (fault->vector == 14) {
		EXPECT_EQ(fault->cr2, trap.cr2);
	}
	EXPECT_EQ(1, kv_sregs(vcpu).cs.present);
}

/* A new VM for each: nothing on the way has a nested mapping yet. */
TEST(long_mode)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(faults); i++) {
		struct kv_vm *vm = kv_vm_new(0);
		struct kv_vcpu *vcpu = kv_vcpu_new(vm, 0);

		kv_load(vm, KV_CODE, faults[i].blob, (size_t)(faults[i].end - faults[i].blob));
		kv_enter_mode(vcpu, KV_LONG, KV_CODE, 0, 0);
		add_absent_segment(vcpu);
		map_traps(vm);
		expect_fault(_metadata, vcpu, &faults[i]);
		kv_vcpu_free(vcpu);
		kv_vm_free(vm);
	}
}

/* INT n to a gate outside of the IDT: the error code names the vector. */
TEST_F(exception, gate_outside_idt)
{
	struct kvm_sregs sregs;
	struct kv_trap trap;

	KV_LOAD_BLOB(self->vm, KV_CODE, gp_int);
	kv_enter_mode(self->vcpu, KV_LONG, KV_CODE, 0, 0);
	sregs = kv_sregs(self->vcpu);
	sregs.idt.limit = 0x7ff;
	kv_set_sregs(self->vcpu, &sregs);
	ASSERT_REPORT(self->vcpu, KV_TRAP, 0);
	trap = kv_trap_get(self->vcpu);
	EXPECT_EQ(13, trap.vector);
	EXPECT_EQ(0xff * 8 + 2, trap.error);
}

/* A fetch from a page without execute permission, and from no page. */
TEST_F(exception, fetch)
{
	struct kv_trap trap;

	kv_enter_mode(self->vcpu, KV_LONG, NO_EXEC, 0, 0);
	map_traps(self->vm);
	ASSERT_REPORT(self->vcpu, KV_TRAP, 0);
	trap = kv_trap_get(self->vcpu);
	EXPECT_EQ(14, trap.vector);
	EXPECT_EQ(0x11, trap.error);
	EXPECT_EQ(NO_EXEC, trap.cr2);
	kv_trap_resume(self->vcpu, 0x400010);
	ASSERT_REPORT(self->vcpu, KV_TRAP, 0);
	trap = kv_trap_get(self->vcpu);
	EXPECT_EQ(0x10, trap.error);
	EXPECT_EQ(0x400010, trap.cr2);
}

/* From user mode: the U bit of the error code, another stack. */
GUEST_BLOB(user_faults, ".code64\n"
			"mov 0x400000, %eax\n"
			"movl $1, 0x100000\n"
			"mov %cr0, %rax\n");

TEST_F(exception, user)
{
	static const u32 error[] = {4, 7, 0}, vector[] = {14, 14, 13};
	static const u8 len[] = {7, 11, 3};
	u64 ip = KV_DATA;
	struct kvm_sregs sregs;
	struct kv_trap trap;
	int i;

	kv_enter_mode(self->vcpu, KV_LONG, KV_DATA, 0, 0);
	map_traps(self->vm);
	KV_LOAD_BLOB(self->vm, KV_DATA, user_faults);
	kv_map(self->vm, KV_DATA, KV_DATA, 0x200000, KV_PTE_P | KV_PTE_W | KV_PTE_U);
	sregs = kv_sregs(self->vcpu);
	sregs.cs.selector = KV_USER64_SEL;
	sregs.cs.dpl = 3;
	sregs.ss.selector = KV_USERD_SEL;
	sregs.ss.dpl = 3;
	kv_set_sregs(self->vcpu, &sregs);
	for (i = 0; i < 3; i++) {
		ASSERT_REPORT(self->vcpu, KV_TRAP, 0);
		trap = kv_trap_get(self->vcpu);
		EXPECT_EQ(vector[i], trap.vector);
		EXPECT_EQ(error[i], trap.error);
		EXPECT_EQ(ip, trap.ip);
		EXPECT_EQ(KV_USER64_SEL, trap.cs);
		EXPECT_LT(trap.frame, KV_STACK(0) - 0x1000);
		ip += len[i];
		kv_trap_resume(self->vcpu, ip);
	}
}

/* #DE whose gate is not present: #NP while #DE is delivered makes #DF. */
TEST_F(exception, double_fault)
{
	struct kv_trap trap;

	KV_LOAD_BLOB(self->vm, KV_CODE, de);
	kv_enter_mode(self->vcpu, KV_LONG, KV_CODE, 0, 0);
	memset(kv_gpa(self->vm, KV_IDT, 16), 0, 16);
	ASSERT_REPORT(self->vcpu, KV_TRAP, 0);
	trap = kv_trap_get(self->vcpu);
	EXPECT_EQ(8, trap.vector);
	EXPECT_EQ(0, trap.error);
}

/* Nor is #DF's: the CPU shuts down, and can be put into another mode and run. */
TEST_F(exception, triple_fault)
{
	int i;

	KV_LOAD_BLOB(self->vm, KV_CODE, de);
	kv_enter_mode(self->vcpu, KV_LONG, KV_CODE, 0, 0);
	memset(kv_gpa(self->vm, KV_IDT, 0x1000), 0, 0x1000);
	ASSERT_EXIT(self->vcpu, KVM_EXIT_SHUTDOWN);
	kv_load(self->vm, 0x8000, "\xb0\x07\xe6\xf0\xf4", 5); /* mov $7,%al; out; hlt */
	kv_enter_mode(self->vcpu, KV_REAL, 0x8000, 0, 0);
	/* QEMU's TCG may raise #DF once more (see irq_made_up()): it is ignored. */
	kv_load(self->vm, 0x7f00, "\xcf", 1); /* iret */
	for (i = 0; i < 256; i++)
		*(u32 *)kv_gpa(self->vm, kv_sregs(self->vcpu).idt.base + 4 * i, 4) = 0x7f00;
	ASSERT_EQ(0, kv_run(self->vcpu));
	EXPECT_EQ(KVM_EXIT_IO, self->vcpu->run->exit_reason);
}

/* 32 bits: those that long mode does not have. */
BLOB32(of32, "mov $0x7fffffff, %eax\n add $1, %eax", "into")
BLOB32(br32, "mov $9, %eax\n movl $1, 0x200000\n movl $5, 0x200004", "bound %eax, 0x200000")
BLOB32(ud32, "", "ud2")
BLOB32(gp32, "mov $0xdead0000, %ecx", "rdmsr")
BLOB32(pf32, "", "movl $1, 0x500000")

static void run_fault32(struct __test_metadata *_metadata, enum kv_mode mode,
			const struct fault *fault)
{
	struct kv_vm *vm = kv_vm_new(0);
	struct kv_vcpu *vcpu = kv_vcpu_new(vm, 0);

	kv_load(vm, KV_CODE, fault->blob, (size_t)(fault->end - fault->blob));
	kv_enter_mode(vcpu, mode, KV_CODE, 0, 0);
	if (mode == KV_PAE) /* 0x400000-0x5fffff: no page */
		*(u64 *)kv_gpa(vm, (*(u64 *)kv_gpa(vm, vm->cr3, 8) & ~0xfffUL) + 16, 8) = 0;
	else if (mode == KV_PAGE32) /* 0x400000-0x7fffff */
		*(u32 *)kv_gpa(vm, vm->cr3 + 4, 4) = 0;
	expect_fault(_metadata, vcpu, fault);
	kv_vcpu_free(vcpu);
	kv_vm_free(vm);
}

TEST(protected_mode)
{
	static const struct fault faults32[] = {
		FAULT(of32, 4, 0, 1, 0),  FAULT(br32, 5, 0, 0, 0),	   FAULT(ud32, 6, 0, 0, 0),
		FAULT(gp32, 13, 0, 0, 0), FAULT(pf32, 14, 2, 0, 0x500000),
	};
	static const enum kv_mode modes[] = {KV_PROT32, KV_PAGE32, KV_PAE};
	size_t i, j;

	for (i = 0; i < ARRAY_SIZE(modes); i++)
		for (j = 0; j < ARRAY_SIZE(faults32); j++)
			if (faults32[j].vector != 14 || modes[i] != KV_PROT32)
				run_fault32(_metadata, modes[i], &faults32[j]);
}

/* Real mode: the interrupt vector table, six bytes of frame. */
GUEST_BLOB(real_code, ".code16\n"
		      "mov $7, %ax\n xor %cx, %cx\n div %cx\n"
		      "real_back: int $0x21\n"
		      "mov $3, %eax\n outl %eax, $0xf0\n hlt\n"
		      "real_div: pop %ax\n movzwl %ax, %eax\n outl %eax, $0xf0\n"
		      "push $(0x8000 + real_back - real_code)\n iret\n"
		      "real_21: mov $2, %eax\n outl %eax, $0xf0\n iret\n");
extern const u8 real_div[], real_21[];

TEST_F(exception, real_mode)
{
	u16 *ivt = kv_gpa(self->vm, 0, 0x400);

	ivt[0] = (u16)(0x8000 + (real_div - real_code));
	ivt[0x21 * 2] = (u16)(0x8000 + (real_21 - real_code));
	KV_LOAD_BLOB(self->vm, 0x8000, real_code);
	kv_enter_mode(self->vcpu, KV_REAL, 0x8000, 0, 0);
	ASSERT_SYNC(self->vcpu, 0x8000 + 5);
	ASSERT_SYNC(self->vcpu, 2);
	ASSERT_SYNC(self->vcpu, 3);
	ASSERT_EXIT(self->vcpu, KVM_EXIT_HLT);
}

/* Handlers, nested and returning, many thousand times. */
static __guest void skip_ud2(struct kv_frame64 *frame)
{
	frame->rip += 2;
	frame->r15++;
	if (frame->r15 & 1)
		asm volatile("int $0x91");
}

static __guest void count_int(struct kv_frame64 *frame)
{
	(void)frame;
	++*(volatile u64 *)KV_DATA;
}

static __guest void many_faults(void)
{
	register u64 count asm("r15") = 0;
	u64 i;

	for (i = 0; i < 5000; i++)
		asm volatile("ud2" : "+r"(count) : : "memory");
	guest_sync2(1, count, *(volatile u64 *)KV_DATA);
	guest_done();
}

TEST_F(exception, many)
{
	kv_enter(self->vcpu, many_faults, 0, 0);
	kv_handler(self->vm, 6, skip_ud2);
	kv_handler(self->vm, 0x91, count_int);
	ASSERT_SYNC(self->vcpu, 1);
	EXPECT_EQ(5000, self->vcpu->last.a);
	EXPECT_EQ(2500, self->vcpu->last.b);
}

TEST_HARNESS_MAIN
