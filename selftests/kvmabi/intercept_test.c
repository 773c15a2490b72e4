// SPDX-License-Identifier: GPL-2.0
/*
 * Instructions that leave the guest and that the host steps over: with any
 * prefixes, after the code under them changed, and while the guest traces
 * itself. Without NRIP save the module has to find their length by itself,
 * and must never trust a length it knew before.
 *
 * lab: svm-bochs
 */
#include "guest.h"

#include <linux/kvm_para.h>

#include "harness.h"

FIXTURE(intercept)
{
	struct kv_vm *vm;
	struct kv_vcpu *vcpu;
};

FIXTURE_SETUP(intercept)
{
	self->vm = kv_vm_new_irqchip(0);
	self->vcpu = kv_vcpu_new(self->vm, 0);
}

FIXTURE_TEARDOWN(intercept)
{
	kv_vcpu_free(self->vcpu);
	kv_vm_free(self->vm);
}

/*
 * One of many code snippets: registers before it, and the instruction.
 */
struct snippet {
	const char *name;
	u8 code[16];
	u8 len;
	u32 eax, ecx, edx;
};

#define CODE(...) {__VA_ARGS__}, sizeof((u8[]){__VA_ARGS__})

static const struct snippet snippets[] = {
	{"cpuid", CODE(0x0f, 0xa2), 0, 0, 0},
	{"data16 cpuid", CODE(0x66, 0x0f, 0xa2), 0, 0, 0},
	{"addr32 cpuid", CODE(0x67, 0x0f, 0xa2), 0, 0, 0},
	{"rex cpuid", CODE(0x40, 0x0f, 0xa2), 0, 0, 0},
	{"rex.w cpuid", CODE(0x48, 0x0f, 0xa2), 0, 0, 0},
	{"repz cpuid", CODE(0xf3, 0x0f, 0xa2), 0, 0, 0},
	{"repnz cpuid", CODE(0xf2, 0x0f, 0xa2), 0, 0, 0},
	{"cs cpuid", CODE(0x2e, 0x0f, 0xa2), 0, 0, 0},
	{"fs gs cpuid", CODE(0x64, 0x65, 0x0f, 0xa2), 0, 0, 0},
	{"all cpuid", CODE(0x66, 0x67, 0xf3, 0x3e, 0x26, 0x36, 0x4f, 0x0f, 0xa2), 0, 0, 0},
	{"longest cpuid",
	 CODE(0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x0f,
	      0xa2),
	 0, 0, 0},
	{"hypercall", CODE(0x0f, 0x01, KV_VMMCALL), 0x7fffffff, 0, 0},
	{"rex.w hypercall", CODE(0x48, 0x0f, 0x01, KV_VMMCALL), 0x7fffffff, 0, 0},
	{"cs hypercall", CODE(0x2e, 0x0f, 0x01, KV_VMMCALL), 0x7fffffff, 0, 0},
	{"rdmsr", CODE(0x0f, 0x32), 0, MSR_APIC_BASE, 0},
	{"rex.w rdmsr", CODE(0x48, 0x0f, 0x32), 0, MSR_APIC_BASE, 0},
	{"data16 rdmsr", CODE(0x66, 0x0f, 0x32), 0, MSR_APIC_BASE, 0},
	{"wrmsr", CODE(0x0f, 0x30), 0, MSR_TSC_DEADLINE, 0},
	{"ds wrmsr", CODE(0x3e, 0x0f, 0x30), 0, MSR_TSC_DEADLINE, 0},
	{"wbinvd", CODE(0x0f, 0x09), 0, 0, 0},
	{"data16 wbinvd", CODE(0x66, 0x0f, 0x09), 0, 0, 0},
	{"invd", CODE(0x0f, 0x08), 0, 0, 0},
	{"mov cr0", CODE(0x0f, 0x20, 0xc0), 0, 0, 0},
	{"mov cr8", CODE(0x44, 0x0f, 0x20, 0xc0), 0, 0, 0},
	{"mov to cr8", CODE(0x44, 0x0f, 0x22, 0xc0), 0, 0, 0},
	{"rex.w mov to cr8", CODE(0x4c, 0x0f, 0x22, 0xc0), 0, 0, 0},
	{"pause", CODE(0xf3, 0x90), 0, 0, 0},
	{"rdtsc", CODE(0x0f, 0x31), 0, 0, 0},
	{"clts", CODE(0x0f, 0x06), 0, 0, 0},
	{"out imm", CODE(0xe6, 0x80), 0, 0, 0},
	{"data16 out imm", CODE(0x66, 0xe7, 0x80), 0, 0, 0},
	{"in dx", CODE(0xec), 0, 0, 0x80},
	{"rex.w out dx", CODE(0x48, 0xef), 0, 0, 0x80},
};

/* The instruction runs, and the byte behind it is the next one executed. */
TEST_F(intercept, prefixes)
{
	/* mov $0x77,%al stands for "the next one": out %eax,$0xf0 reports. */
	static const u8 tail[] = {0xb8, 0x77, 0, 0, 0, 0xe7, KV_PORT_SYNC};
	struct kvm_regs regs, after;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(snippets); i++) {
		const struct snippet *s = &snippets[i];
		/* At every place relative to a page's end that can matter. */
		u64 at = KV_DATA + 0x1000 * i + 0x1000 - (i % 20);

		kv_load(self->vm, at, s->code, s->len);
		if (s->code[s->len - 1] == KV_VMMCALL && kv_intel())
			*(u8 *)kv_gpa(self->vm, at + s->len - 1, 1) = KV_VMCALL;
		kv_load(self->vm, at + s->len, tail, sizeof(tail));
		kv_enter_mode(self->vcpu, KV_LONG, at, 0, 0);
		regs = kv_regs(self->vcpu);
		regs.rax = s->eax;
		regs.rcx = s->ecx;
		regs.rdx = s->edx;
		regs.r9 = 0x1234567812345678;
		kv_set_regs(self->vcpu, &regs);
		self->vcpu->last = kv_next(self->vcpu);
		while (self->vcpu->last.kind == KV_EXIT &&
		       self->vcpu->run->exit_reason == KVM_EXIT_IO &&
		       self->vcpu->run->io.port == 0x80)
			self->vcpu->last = kv_next(self->vcpu);
		EXPECT_EQ(KV_SYNC, self->vcpu->last.kind)
		{
			TH_LOG("%s: %s", s->name, kv_text(self->vcpu, &self->vcpu->last));
		}
		EXPECT_EQ(0x77, self->vcpu->last.value)
		{
			TH_LOG("%s", s->name);
		}
		after = kv_regs(self->vcpu);
		EXPECT_EQ(0x1234567812345678, after.r9);
		EXPECT_EQ(regs.rsp, after.rsp);
	}
}

#define CR0_CD 0x40000000UL

/*
 * The CPU itself never has a guest's CR0.CD, so that it sees no change when the
 * guest clears it.
 */
static __guest void caches_off_and_on(u64 unused, u64 unused2)
{
	u64 cr0 = read_cr0() & ~CR0_CD;

	(void)unused;
	(void)unused2;
	write_cr0(cr0 | CR0_CD);
	guest_sync(read_cr0() ^ cr0);
	write_cr0(cr0);
	guest_sync(read_cr0() ^ cr0);
	guest_done();
}

TEST_F(intercept, caches_off_and_on)
{
	kv_enter(self->vcpu, caches_off_and_on, 0, 0);
	self->vcpu->last = kv_next(self->vcpu);
	EXPECT_EQ(CR0_CD, self->vcpu->last.value);
	EXPECT_EQ(CR0_CD, kv_sregs(self->vcpu).cr0 & CR0_CD);
	self->vcpu->last = kv_next(self->vcpu);
	EXPECT_EQ(0, self->vcpu->last.value);
	EXPECT_EQ(0, kv_sregs(self->vcpu).cr0 & CR0_CD);
}

/* What CPUID says is what KVM_SET_CPUID2 was given; EAX is clipped. */
static __guest void ask_cpuid(u64 leaf, u64 sub)
{
	u32 a, b, c, d;

	cpuid((u32)leaf, (u32)sub, &a, &b, &c, &d);
	guest_sync2(1, (u64)b << 32 | a, (u64)d << 32 | c);
	guest_done();
}

TEST_F(intercept, cpuid_answers)
{
	struct kvm_cpuid2 *cpuid = kv_supported_cpuid(self->vm->sys);
	struct kvm_cpuid_entry2 *entry = kv_cpuid_find(cpuid, 0x40000000, 0);
	struct kv_vcpu *vcpu = kv_vcpu_bare(self->vm, 1);

	memcpy(&entry->ebx, "HvctlTestCPU", 12);
	kv_set_cpuid(vcpu, cpuid);
	kv_enter(vcpu, ask_cpuid, 0x40000000, 0);
	ioctl(vcpu->fd, KVM_SET_MP_STATE, &(struct kvm_mp_state){KVM_MP_STATE_RUNNABLE});
	ASSERT_SYNC(vcpu, 1);
	EXPECT_EQ(entry->eax | (u64)entry->ebx << 32, vcpu->last.a);
	EXPECT_EQ(entry->ecx | (u64)entry->edx << 32, vcpu->last.b);

	/* The APIC id, and OSXSAVE as CR4 has it. */
	kv_enter(vcpu, ask_cpuid, 1, 0);
	ASSERT_SYNC(vcpu, 1);
	EXPECT_EQ(1, vcpu->last.a >> 56);
	EXPECT_EQ(0, vcpu->last.b & 1 << 27);

	/* Sub-leaves that nobody gave are empty. */
	kv_enter(vcpu, ask_cpuid, 7, 0x20);
	ASSERT_SYNC(vcpu, 1);
	EXPECT_EQ(0, vcpu->last.a);
	EXPECT_EQ(0, vcpu->last.b);
	kv_vcpu_free(vcpu);
}

static __guest void hypercalls(u64 intel)
{
	guest_sync2(1, hypercall(intel, 0x7fffffff, 1, 2), 0);
	guest_done();
}

TEST_F(intercept, unknown_hypercall)
{
	kv_enter(self->vcpu, hypercalls, kv_intel(), 0);
	ASSERT_SYNC(self->vcpu, 1);
	EXPECT_EQ((u64)-KVM_ENOSYS, self->vcpu->last.a);
	ASSERT_DONE(self->vcpu);
}

/* User mode may not: -EPERM, and the call is not carried out. */
GUEST_BLOB(user_call, ".code64\n mov $0x7fffffff, %eax\n vmmcall\n int $0x92\n");
GUEST_BLOB(user_call_intel, ".code64\n mov $0x7fffffff, %eax\n vmcall\n int $0x92\n");

TEST_F(intercept, user_hypercall)
{
	struct kvm_sregs sregs;

	kv_enter_mode(self->vcpu, KV_LONG, KV_DATA, 0, 0);
	if (kv_intel())
		KV_LOAD_BLOB(self->vm, KV_DATA, user_call_intel);
	else
		KV_LOAD_BLOB(self->vm, KV_DATA, user_call);
	kv_map(self->vm, KV_DATA, KV_DATA, 0x200000, KV_PTE_P | KV_PTE_W | KV_PTE_U);
	sregs = kv_sregs(self->vcpu);
	sregs.cs.selector = KV_USER64_SEL;
	sregs.cs.dpl = 3;
	sregs.ss.selector = KV_USERD_SEL;
	sregs.ss.dpl = 3;
	kv_set_sregs(self->vcpu, &sregs);
	ASSERT_REPORT(self->vcpu, KV_TRAP, 0);
	EXPECT_EQ(0x92, kv_trap_get(self->vcpu).vector);
	EXPECT_EQ((u64)-KVM_EPERM,
		  ((struct kv_frame64 *)kv_gpa(self->vm, kv_trap_get(self->vcpu).frame,
					       sizeof(struct kv_frame64)))
			  ->rax);
}

/* ------------------------------------------------- code that changes itself */

/*
 * At RDI: bytes that the guest writes just before it runs them, the same
 * address with another instruction each time.
 */
static __guest void run_patched(u64 at, u64 intel)
{
	volatile u64 *slot = (volatile u64 *)at;
	u64 i, count = 0;

	for (i = 0; i < 3000; i++) {
		/* Each stores into the slot's 8 bytes an instruction and RET. */
		switch (i % 5) {
		case 0: /* cpuid; inc %r15; ret */
			*slot = 0xc3c7ff49a20f;
			break;
		case 1: /* data16 cs cpuid; inc %r15; ret */
			*slot = 0xc3c7ff49a20f2e66;
			break;
		case 2: /* vmmcall or vmcall; inc %r15; ret */
			*slot = intel ? 0xc3c7ff49c1010f : 0xc3c7ff49d9010f;
			break;
		case 3: /* inc %r15; ret; then bytes of an old cpuid */
			*slot = 0xa20fa20fc3c7ff49;
			break;
		case 4: /* rex.w rdmsr (of RCX); inc %r15; ret */
			*slot = 0xc3c7ff49320f48;
			break;
		}
		asm volatile("movl $0x1b, %%ecx; xor %%eax, %%eax; xorq %%r15, %%r15\n"
			     "call *%[at]\n"
			     "addq %%r15, %[count]\n"
			     : [count] "+r"(count)
			     : [at] "r"(at)
			     : "rax", "rbx", "rcx", "rdx", "r15", "memory", "cc");
	}
	guest_sync2(1, count, 0);
	guest_done();
}

TEST_F(intercept, self_modifying)
{
	kv_enter(self->vcpu, run_patched, KV_DATA + 0x100, kv_intel());
	ASSERT_SYNC(self->vcpu, 1);
	EXPECT_EQ(3000, self->vcpu->last.a);
}

/* ... and across a page's end. */
TEST_F(intercept, self_modifying_split)
{
	kv_enter(self->vcpu, run_patched, KV_DATA + 0xfff, kv_intel());
	ASSERT_SYNC(self->vcpu, 1);
	EXPECT_EQ(3000, self->vcpu->last.a);
}

/* The same linear address is another page, by PTE and INVLPG or by CR3. */
static __guest void run_remapped(u64 pte, u64 cr3)
{
	u64 at = 0x600000, count = 0, i, own = read_cr3();

	for (i = 0; i < 600; i++) {
		if (i % 3 == 0) {
			*(volatile u64 *)pte = (KV_DATA + (i & 1) * 0x1000) | 3;
			invlpg(at);
		} else if (i % 3 == 1) {
			write_cr3(cr3);
		} else {
			write_cr3(own);
		}
		asm volatile("xor %%eax, %%eax; xor %%ecx, %%ecx; xorq %%r15, %%r15\n"
			     "call *%[at]\n"
			     "addq %%r15, %[count]\n"
			     : [count] "+r"(count)
			     : [at] "r"(at)
			     : "rax", "rbx", "rcx", "rdx", "r15", "memory", "cc");
	}
	guest_sync2(1, count, 0);
	guest_done();
}

TEST_F(intercept, remapped)
{
	static const u8 shortest[] = {0x0f, 0xa2, 0x49, 0xff, 0xc7, 0xc3};
	static const u8 longer[] = {0x66, 0x2e, 0x3e, 0x0f, 0xa2, 0x49, 0xff, 0xc7, 0xc3};
	static const u8 longest[] = {0x66, 0x66, 0x66, 0x66, 0x66, 0x0f,
				     0xa2, 0x49, 0xff, 0xc7, 0xc3};
	struct kv_vm *vm = self->vm;
	u64 other, own, pte;

	kv_load(vm, KV_DATA, shortest, sizeof(shortest));
	kv_load(vm, KV_DATA + 0x1000, longer, sizeof(longer));
	kv_load(vm, KV_DATA + 0x2000, longest, sizeof(longest));
	kv_enter(self->vcpu, run_remapped, 0, 0);
	/* A second set of tables that maps the page to the third. */
	own = vm->cr3;
	kv_map(vm, 0x600000, KV_DATA, 4096, KV_PTE_P | KV_PTE_W);
	pte = *(u64 *)kv_gpa(vm, own, 8) & ~0xfffUL;		       /* PDPT */
	pte = *(u64 *)kv_gpa(vm, pte, 8) & ~0xfffUL;		       /* PD */
	pte = *(u64 *)kv_gpa(vm, pte + 3 * 8, 8) & 0xfffffffffff000UL; /* PT of 6 MiB */
	other = vm->next_table;
	vm->next_table += 3 * 4096;
	memcpy(kv_gpa(vm, other, 4096), kv_gpa(vm, own, 4096), 4096);
	memcpy(kv_gpa(vm, other + 4096, 4096),
	       kv_gpa(vm, *(u64 *)kv_gpa(vm, own, 8) & ~0xfffUL, 4096), 4096);
	*(u64 *)kv_gpa(vm, other, 8) = (other + 4096) | 7;
	memcpy(kv_gpa(vm, other + 8192, 4096),
	       kv_gpa(vm, *(u64 *)kv_gpa(vm, other + 4096, 8) & ~0xfffUL, 4096), 4096);
	*(u64 *)kv_gpa(vm, other + 4096, 8) = (other + 8192) | 7;
	*(u64 *)kv_gpa(vm, other + 8192 + 3 * 8, 8) = 0;
	vm->cr3 = other;
	kv_map(vm, 0x600000, KV_DATA + 0x2000, 4096, KV_PTE_P | KV_PTE_W);
	vm->cr3 = own;

	kv_enter(self->vcpu, run_remapped, pte, other);
	ASSERT_SYNC(self->vcpu, 1);
	EXPECT_EQ(600, self->vcpu->last.a);
}

/* The memory slot under the code is replaced by the host. */
static __guest void run_slot(u64 at)
{
	u64 count;

	for (;;) {
		count = 0;
		asm volatile("xor %%eax, %%eax; xor %%ecx, %%ecx; xorq %%r15, %%r15\n"
			     "call *%[at]\n"
			     "addq %%r15, %[count]\n"
			     : [count] "+r"(count)
			     : [at] "r"(at)
			     : "rax", "rbx", "rcx", "rdx", "r15", "memory", "cc");
		guest_sync2(1, count, 0);
	}
}

TEST_F(intercept, slot_replaced)
{
	static const u8 code[2][9] = {{0x0f, 0xa2, 0x49, 0xff, 0xc7, 0xc3},
				      {0x66, 0x2e, 0x3e, 0x0f, 0xa2, 0x49, 0xff, 0xc7, 0xc3}};
	u8 *memory = kv_mmap(4 << 20);
	int i;

	memcpy(memory, code[0], 9);
	memcpy(memory + 0x10000, code[1], 9);
	kv_enter(self->vcpu, run_slot, 0x40000000, 0);
	for (i = 0; i < 20; i++) {
		ASSERT_EQ(0,
			  kv_slot(self->vm, 1, 0x40000000, 0x10000, memory + (i & 1) * 0x10000, 0));
		ASSERT_SYNC(self->vcpu, 1);
		EXPECT_EQ(1, self->vcpu->last.a);
		ASSERT_EQ(0, kv_slot(self->vm, 1, 0x40000000, 0, NULL, 0));
	}
}

TEST_HARNESS_MAIN
