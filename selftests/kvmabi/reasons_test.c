// SPDX-License-Identifier: GPL-2.0
/*
 * Instructions that only a host has, or that guests cannot be let do as they
 * like: each ends in the exception that a CPU without the feature raises, or runs
 * through, whatever of it exits (Intel SDM volume 3, 26.1 and appendix C; AMD APM
 * volume 2, 15.9). And what an exit cannot be resumed from is told as such.
 */
#include "guest.h"
#include "harness.h"
#include "hvctl.h"

#define THROUGH (-1)
#define ON_VMX	0x100 /* QEMU takes the instruction for one that does nothing */
#define UD	6
#define GP	13

/* In long mode at privilege 0; RAX and RBX are KV_DATA, RCX and RDX are 0. */
static const struct insn {
	const char *text;
	const char *bytes; /* no 0 in them but where "length" counts it */
	size_t length;
	int vector;
} insns[] = {
#define INSN(text, bytes, vector)                                                                  \
	{                                                                                          \
		text, bytes, sizeof(bytes) - 1, vector                                             \
	}
	/* Intel's virtualisation */
	INSN("vmclear (%rax)", "\x66\x0f\xc7\x30", ON_VMX | UD),
	INSN("vmlaunch", "\x0f\x01\xc2", UD),
	INSN("vmptrld (%rax)", "\x0f\xc7\x30", ON_VMX | UD),
	INSN("vmptrst (%rax)", "\x0f\xc7\x38", ON_VMX | UD),
	INSN("vmread %rax, %rbx", "\x0f\x78\xc3", UD),
	INSN("vmresume", "\x0f\x01\xc3", UD),
	INSN("vmwrite %rbx, %rax", "\x0f\x79\xc3", UD),
	INSN("vmxoff", "\x0f\x01\xc4", UD),
	INSN("vmxon (%rax)", "\xf3\x0f\xc7\x30", ON_VMX | UD),
	INSN("vmfunc", "\x0f\x01\xd4", UD),
	INSN("invept (%rax), %rbx", "\x66\x0f\x38\x80\x18", UD),
	INSN("invvpid (%rax), %rbx", "\x66\x0f\x38\x81\x18", UD),
	/* AMD's */
	INSN("vmrun", "\x0f\x01\xd8", UD),
	INSN("vmload", "\x0f\x01\xda", UD),
	INSN("vmsave", "\x0f\x01\xdb", UD),
	INSN("stgi", "\x0f\x01\xdc", UD),
	INSN("clgi", "\x0f\x01\xdd", UD),
	INSN("skinit", "\x0f\x01\xde", UD),
	INSN("invlpga", "\x0f\x01\xdf", UD),
	/* trusted execution, enclaves, memory encryption */
	INSN("getsec", "\x0f\x37", UD),
	INSN("encls", "\x0f\x01\xcf", UD),
	INSN("enclv", "\x0f\x01\xc0", UD),
	INSN("pconfig", "\x0f\x01\xc5", UD),
	/* waiting, which a guest does by HLT */
	INSN("monitor", "\x0f\x01\xc8", UD),
	INSN("mwait", "\x0f\x01\xc9", UD),
	INSN("umwait %ecx", "\xf2\x0f\xae\xf1", UD),
	INSN("tpause %ecx", "\x66\x0f\xae\xf1", UD),
	INSN("pause", "\xf3\x90", THROUGH),
	/* counters and caches */
	INSN("rdpmc", "\x0f\x33", GP),
	INSN("rdtsc", "\x0f\x31", THROUGH),
	INSN("invd", "\x0f\x08", THROUGH),
	INSN("wbinvd", "\x0f\x09", THROUGH),
	/* registers */
	INSN("xsetbv, CR4.OSXSAVE off", "\x0f\x01\xd1", UD),
	INSN("clts", "\x0f\x06", THROUGH),
	INSN("smsw %ebx; lmsw %bx", "\x0f\x01\xe3\x0f\x01\xf3", THROUGH),
	INSN("mov %cr8, %rbx; mov %rbx, %cr8", "\x44\x0f\x20\xc3\x44\x0f\x22\xc3", THROUGH),
	INSN("mov %rdx, %cr8", "\x44\x0f\x22\xc2", THROUGH),
	INSN("mov %dr7, %rbx; mov %rbx, %dr7", "\x0f\x21\xfb\x0f\x23\xfb", THROUGH),
	INSN("mov %rax, %cr1", "\x0f\x22\xc8", UD),
	INSN("invlpg (%rax)", "\x0f\x01\x38", THROUGH),
};

TEST(each)
{
	static const char done[] = "\x31\xc0\xe7\xf1"; /* xor %eax, %eax; out %eax, $0xf1 */
	size_t i;

	for (i = 0; i < ARRAY_SIZE(insns); i++) {
		const struct insn *insn = &insns[i];
		struct kv_vm *vm;
		struct kv_vcpu *vcpu;
		int vector = insn->vector;
		struct kvm_regs regs;
		struct kv_trap trap;

		if (vector > 0 && (vector & ON_VMX)) {
			if (!kv_intel())
				continue;
			vector &= ~ON_VMX;
		}
		vm = kv_vm_new(0);
		vcpu = kv_vcpu_new(vm, 0);
		kv_load(vm, KV_CODE, insn->bytes, insn->length);
		kv_load(vm, KV_CODE + insn->length, done, sizeof(done) - 1);
		kv_enter_mode(vcpu, KV_LONG, KV_CODE, 0, 0);
		regs = kv_regs(vcpu);
		regs.rax = KV_DATA;
		regs.rbx = KV_DATA;
		regs.rcx = 0;
		regs.rdx = 0;
		ASSERT_EQ(0, ioctl(vcpu->fd, KVM_SET_REGS, &regs));
		vcpu->last = kv_next(vcpu);
		EXPECT_EQ(vector == THROUGH ? KV_DONE : KV_TRAP, vcpu->last.kind)
		{
			TH_LOG("%s: %s", insn->text, kv_text(vcpu, &vcpu->last));
		}
		if (vcpu->last.kind == KV_TRAP) {
			trap = kv_trap_get(vcpu);
			EXPECT_EQ(vector, (int)trap.vector)
			{
				TH_LOG("%s", insn->text);
			}
			EXPECT_EQ(KV_CODE, trap.ip)
			{
				TH_LOG("%s", insn->text);
			}
		}
		kv_vcpu_free(vcpu);
		kv_vm_free(vm);
	}
}

/* A 32-bit TSS, as far as the test fills it. */
struct tss32 {
	u32 link, stacks[6], cr3, eip, eflags, eax, ecx, edx, ebx, esp, ebp, esi, edi;
	u32 es, cs, ss, ds, fs, gs, ldt, iomap;
};

#define OLD_TSS	    (KV_DATA + 0x1000)
#define NEW_TSS	    (KV_DATA + 0x2000)
#define NEW_TSS_SEL (KV_TSS_SEL + 0x10)

/* Of a present 32-bit TSS; type 9 is available, 11 busy. */
static u64 tss_descriptor(u64 base, u64 type)
{
	return 0x0000800000000067 | (base & 0xffffff) << 16 | (base >> 24 & 0xff) << 56 |
	       type << 40;
}

GUEST_BLOB(switch_task, ".code32\n"
			"ljmp $0x58, $0\n"
			"new_task: mov $5, %eax\n out %eax, $0xf1\n hlt\n");
extern const u8 new_task[];

/*
 * SVM's CPUs switch tasks by themselves. VMX's leave it to the host, and hvctl,
 * which no system of today asks for it, says that it cannot.
 */
TEST(task_switch)
{
	struct kv_vm *vm = kv_vm_new(0);
	struct kv_vcpu *vcpu = kv_vcpu_new(vm, 0);
	struct tss32 *tss = kv_gpa(vm, NEW_TSS, sizeof(*tss));
	u64 old = tss_descriptor(OLD_TSS, 11), new = tss_descriptor(NEW_TSS, 9);
	struct kvm_sregs sregs;
	u64 before;

	KV_LOAD_BLOB(vm, KV_CODE, switch_task);
	kv_enter_mode(vcpu, KV_PROT32, KV_CODE, 0, 0);
	memset(tss, 0, sizeof(*tss));
	tss->eip = (u32)(KV_CODE + (u64)(new_task - switch_task));
	tss->eflags = 2;
	tss->esp = KV_STACK(0);
	tss->cs = KV_CODE32_SEL;
	tss->ss = tss->ds = tss->es = tss->fs = tss->gs = KV_DATA_SEL;
	sregs = kv_sregs(vcpu);
	kv_load(vm, sregs.gdt.base + NEW_TSS_SEL - 8, &old, 8);
	kv_load(vm, sregs.gdt.base + NEW_TSS_SEL, &new, 8);
	sregs.gdt.limit = NEW_TSS_SEL + 7;
	sregs.tr = (struct kvm_segment){
		.selector = NEW_TSS_SEL - 8,
		.base = OLD_TSS,
		.limit = 0x67,
		.type = 11,
		.present = 1,
	};
	kv_set_sregs(vcpu, &sregs);
	before = kv_regs(vcpu).rip;
	vcpu->last = kv_next(vcpu);
	if (!kv_intel() || !kv_is_hvctl()) {
		ASSERT_EQ(KV_DONE, vcpu->last.kind)
		{
			TH_LOG("%s", kv_text(vcpu, &vcpu->last));
		}
		EXPECT_EQ(5, vcpu->last.value);
		EXPECT_EQ(NEW_TSS_SEL, kv_sregs(vcpu).tr.selector);
	} else {
		ASSERT_EQ(KV_EXIT, vcpu->last.kind);
		EXPECT_EQ(KVM_EXIT_INTERNAL_ERROR, vcpu->last.value);
		EXPECT_EQ(KVM_INTERNAL_ERROR_EMULATION, vcpu->run->internal.suberror);
		EXPECT_EQ(before, kv_regs(vcpu).rip);
		EXPECT_EQ(NEW_TSS_SEL - 8, kv_sregs(vcpu).tr.selector);
	}
	kv_vcpu_free(vcpu);
	kv_vm_free(vm);
}

/* Access rights of DS in a VMCS, SDM volume 3, appendix B.3.3. */
#define VMCS_DS_RIGHTS 0x481a
/* Exit reason "VM-entry failure due to invalid guest state". */
#define INVALID_STATE 0x80000021

/*
 * A data segment that can only be executed: SVM does not care, VMX's entry looks
 * for it (27.3.1.2). The vCPU is well as soon as the segment is.
 */
TEST(refused_entry)
{
	struct kv_vm *vm = kv_vm_new(0);
	struct kv_vcpu *vcpu = kv_vcpu_new(vm, 0);
	struct hvctl_fail_entry fail;
	struct kvm_sregs sregs;

	if (!kv_intel() || !kv_is_hvctl())
		SKIP(return, "hvctl on VMX reports fields");
	kv_load(vm, KV_CODE, "\x31\xc0\xe7\xf1", 4); /* xor %eax, %eax; out %eax, $0xf1 */
	kv_enter_mode(vcpu, KV_LONG, KV_CODE, 0, 0);
	sregs = kv_sregs(vcpu);
	sregs.ds.type = 9;
	kv_set_sregs(vcpu, &sregs);
	ASSERT_EXIT(vcpu, KVM_EXIT_FAIL_ENTRY);
	EXPECT_EQ(INVALID_STATE, vcpu->run->fail_entry.hardware_entry_failure_reason);
	memcpy(&fail, vcpu->run->padding, sizeof(fail));
	EXPECT_EQ(vcpu->run->fail_entry.cpu, fail.cpu);
	ASSERT_EQ(1, fail.count);
	EXPECT_EQ(VMCS_DS_RIGHTS, fail.refused[0].field);
	EXPECT_EQ(9, fail.refused[0].value & 15);
	EXPECT_EQ(KV_CODE, kv_regs(vcpu).rip);
	sregs.ds.type = 3;
	kv_set_sregs(vcpu, &sregs);
	ASSERT_DONE(vcpu);
	kv_vcpu_free(vcpu);
	kv_vm_free(vm);
}

TEST_HARNESS_MAIN
