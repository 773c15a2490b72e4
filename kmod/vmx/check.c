// SPDX-License-Identifier: GPL-2.0
/*
 * What an entry refused: the checks of the manual (27.2 and 27.3), made again
 * on the VMCS, so that the log names the field. The CPU only says that there
 * was one.
 */
#include <linux/bitops.h>
#include <asm/debugreg.h>
#include <asm/msr.h>
#include <asm/processor-flags.h>
#include <asm/trapnr.h>

#include "insn.h"
#include "vmx.h"

enum kind {
	ZERO,		/* bits of @mask must be 0 */
	ONE,		/* bits of @mask must be 1 */
	CANONICAL,	/* a linear address */
	PHYSICAL,	/* a physical address, bits of @mask 0 */
	PAT,		/* eight memory types */
	CONTROL,	/* what the capability MSR @mask allows */
};

static const char *const demand[] = {
	[ZERO] = "reserved bits are set",
	[ONE] = "bits that must be 1 are not",
	[CANONICAL] = "is not canonical",
	[PHYSICAL] = "is no aligned address within the physical width",
	[PAT] = "has an invalid memory type",
	[CONTROL] = "does not agree with its capability MSR",
};

#define SHADOWS	(GUEST_INTR_STATE_STI | GUEST_INTR_STATE_MOV_SS)

#define RULE(field, kind, mask)	{ field, #field, kind, mask }

/* What can be said of one field alone. */
static const struct {
	enum vmcs_field field;
	const char *name;
	enum kind kind;
	u64 mask;
} rules[] = {
	/* 27.2.1: controls */
	RULE(PIN_BASED_VM_EXEC_CONTROL, CONTROL, MSR_IA32_VMX_TRUE_PINBASED_CTLS),
	RULE(CPU_BASED_VM_EXEC_CONTROL, CONTROL, MSR_IA32_VMX_TRUE_PROCBASED_CTLS),
	RULE(SECONDARY_VM_EXEC_CONTROL, CONTROL, MSR_IA32_VMX_PROCBASED_CTLS2),
	RULE(VM_EXIT_CONTROLS, CONTROL, MSR_IA32_VMX_TRUE_EXIT_CTLS),
	RULE(VM_ENTRY_CONTROLS, CONTROL, MSR_IA32_VMX_TRUE_ENTRY_CTLS),
	RULE(MSR_BITMAP, PHYSICAL, ~PAGE_MASK),
	RULE(VIRTUAL_APIC_PAGE_ADDR, PHYSICAL, ~PAGE_MASK),
	RULE(EPT_POINTER, PHYSICAL, GENMASK(11, 7)),
	RULE(TPR_THRESHOLD, ZERO, ~15ULL),
	RULE(VM_ENTRY_EXCEPTION_ERROR_CODE, ZERO, GENMASK(31, 16)),
	/* 27.2.2 and 27.2.3: host */
	RULE(HOST_CR0, ONE, X86_CR0_PE | X86_CR0_PG | X86_CR0_NE),
	RULE(HOST_CR4, ONE, X86_CR4_PAE | X86_CR4_VMXE),
	RULE(HOST_CR3, PHYSICAL, 0),
	RULE(HOST_IA32_SYSENTER_ESP, CANONICAL, 0),
	RULE(HOST_IA32_SYSENTER_EIP, CANONICAL, 0),
	RULE(HOST_IA32_PAT, PAT, 0),
	RULE(HOST_IA32_EFER, ONE, EFER_LMA | EFER_LME),
	RULE(HOST_ES_SELECTOR, ZERO, 7),
	RULE(HOST_CS_SELECTOR, ZERO, 7),
	RULE(HOST_SS_SELECTOR, ZERO, 7),
	RULE(HOST_DS_SELECTOR, ZERO, 7),
	RULE(HOST_FS_SELECTOR, ZERO, 7),
	RULE(HOST_GS_SELECTOR, ZERO, 7),
	RULE(HOST_TR_SELECTOR, ZERO, 7),
	RULE(HOST_FS_BASE, CANONICAL, 0),
	RULE(HOST_GS_BASE, CANONICAL, 0),
	RULE(HOST_TR_BASE, CANONICAL, 0),
	RULE(HOST_GDTR_BASE, CANONICAL, 0),
	RULE(HOST_IDTR_BASE, CANONICAL, 0),
	RULE(HOST_RIP, CANONICAL, 0),
	/* 27.3.1.1: control registers, debug registers and MSRs */
	RULE(GUEST_CR0, ONE, X86_CR0_NE),
	RULE(GUEST_CR0, ZERO, ~GENMASK_ULL(31, 0)),
	RULE(GUEST_CR4, ONE, X86_CR4_VMXE),
	RULE(GUEST_CR3, PHYSICAL, 0),
	RULE(GUEST_IA32_DEBUGCTL, ZERO, ~GENMASK_ULL(15, 0) | GENMASK(5, 2)),
	RULE(GUEST_DR7, ZERO, ~GENMASK_ULL(31, 0)),
	RULE(GUEST_SYSENTER_ESP, CANONICAL, 0),
	RULE(GUEST_SYSENTER_EIP, CANONICAL, 0),
	RULE(GUEST_IA32_PAT, PAT, 0),
	RULE(GUEST_IA32_EFER, ZERO, ~(u64)(EFER_SCE | EFER_LME | EFER_LMA | EFER_NX)),
	/* 27.3.1.2 and 27.3.1.3: segments and descriptor tables */
	RULE(GUEST_FS_BASE, CANONICAL, 0),
	RULE(GUEST_GS_BASE, CANONICAL, 0),
	RULE(GUEST_TR_BASE, CANONICAL, 0),
	RULE(GUEST_CS_BASE, ZERO, ~GENMASK_ULL(31, 0)),
	RULE(GUEST_TR_SELECTOR, ZERO, 4),
	RULE(GUEST_GDTR_BASE, CANONICAL, 0),
	RULE(GUEST_GDTR_LIMIT, ZERO, GENMASK(31, 16)),
	RULE(GUEST_IDTR_BASE, CANONICAL, 0),
	RULE(GUEST_IDTR_LIMIT, ZERO, GENMASK(31, 16)),
	/* 27.3.1.4 and 27.3.1.5: RFLAGS and the rest */
	RULE(GUEST_RFLAGS, ONE, X86_EFLAGS_FIXED),
	RULE(GUEST_RFLAGS, ZERO, ~GENMASK_ULL(21, 0) | BIT(15) | BIT(5) | BIT(3)),
	RULE(GUEST_ACTIVITY_STATE, ZERO, ~3ULL),
	RULE(GUEST_INTERRUPTIBILITY_INFO, ZERO, ~(u64)(SHADOWS | GUEST_INTR_STATE_NMI)),
	RULE(VMCS_LINK_POINTER, ONE, ~0ULL),
};

static bool canonical(u64 address)
{
	int shift = boot_cpu_has(X86_FEATURE_LA57) ? 57 : 48;

	return sign_extend64(address, shift - 1) == address;
}

static bool pat_ok(u64 pat)
{
	int i;

	/* Types 0, 1, 4 to 7. */
	for (i = 0; i < 64; i += 8)
		if (pat >> i & 0xf8 || (pat >> i & 6) == 2)
			return false;
	return true;
}

static bool control_ok(u32 value, u32 msr)
{
	u32 low, high;

	rdmsr(msr, low, high);
	return (value & low) == low && !(value & ~high);
}

static bool holds(enum kind kind, u64 value, u64 mask)
{
	switch (kind) {
	case ZERO:
		return !(value & mask);
	case ONE:
		return (value & mask) == mask;
	case CANONICAL:
		return canonical(value);
	case PHYSICAL:
		return !(value & mask) &&
		       !(value >> boot_cpu_data.x86_phys_bits);
	case PAT:
		return pat_ok(value);
	case CONTROL:
		return control_ok(value, mask);
	}
	return true;
}

/* For user space: the encoding of a field that is wrong. */
static void note(struct hvctl_fail_entry *fail, enum vmcs_field field, u64 value)
{
	if (fail->count == HVCTL_REFUSED_MAX)
		return;
	fail->refused[fail->count].field = field;
	fail->refused[fail->count].value = value;
	fail->count++;
}

/* One line for each field that is wrong. */
static void complain(struct hvctl_fail_entry *fail, enum vmcs_field field,
		     const char *name, u64 value, const char *what)
{
	pr_err_ratelimited("  %s %#llx: %s\n", name, value, what);
	note(fail, field, value);
}

#define COMPLAIN(fail, field, value, what) \
	complain(fail, field, #field, value, what)

static void check_fields(struct hvctl_fail_entry *fail)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(rules); i++) {
		u64 value = vmcs_read(rules[i].field);

		if (!holds(rules[i].kind, value, rules[i].mask))
			complain(fail, rules[i].field, rules[i].name, value,
				 demand[rules[i].kind]);
	}
}

/* The modes that CR0, CR4, EFER and the controls make together, 27.3.1.1. */
static void check_mode(struct hvctl_fail_entry *fail)
{
	u64 cr0 = vmcs_read(GUEST_CR0), cr4 = vmcs_read(GUEST_CR4);
	u64 efer = vmcs_read(GUEST_IA32_EFER);
	bool ia32e = vmcs_read(VM_ENTRY_CONTROLS) & VM_ENTRY_IA32E_MODE;

	if ((cr0 & X86_CR0_PG) && !(cr0 & X86_CR0_PE))
		COMPLAIN(fail, GUEST_CR0, cr0, "PG without PE");
	if (ia32e && (!(cr0 & X86_CR0_PG) || !(cr4 & X86_CR4_PAE)))
		COMPLAIN(fail, GUEST_CR4, cr4, "long mode without PG and PAE");
	if (!ia32e && (cr4 & X86_CR4_PCIDE))
		COMPLAIN(fail, GUEST_CR4, cr4, "PCIDE outside long mode");
	if (ia32e != !!(efer & EFER_LMA) ||
	    ((cr0 & X86_CR0_PG) && !(efer & EFER_LMA) != !(efer & EFER_LME)))
		COMPLAIN(fail, GUEST_IA32_EFER, efer, "LMA, LME, CR0.PG and the entry disagree");
}

static const char *const seg_name[HV_SEGS] = {
	"ES", "CS", "SS", "DS", "FS", "GS", "LDTR", "TR",
};

struct seg {
	u32 selector, limit, ar;
	u64 base;
	u8 type, dpl;
};

static void read_seg(struct seg *seg, enum hv_seg i)
{
	seg->selector = vmcs_read(GUEST_ES_SELECTOR + 2 * i);
	seg->limit = vmcs_read(GUEST_ES_LIMIT + 2 * i);
	seg->base = vmcs_read(GUEST_ES_BASE + 2 * i);
	seg->ar = vmcs_read(GUEST_ES_AR_BYTES + 2 * i);
	seg->type = seg->ar & VMX_AR_TYPE_MASK;
	seg->dpl = VMX_AR_DPL(seg->ar);
}

static const char *wrong_limit(const struct seg *seg)
{
	if ((seg->limit & 0xfff) != 0xfff && (seg->ar & VMX_AR_G_MASK))
		return "granularity is set, the limit not of whole pages";
	if ((seg->limit >> 20) && !(seg->ar & VMX_AR_G_MASK))
		return "the limit is over 1 MiB without granularity";
	return NULL;
}

static const char *wrong_v86(const struct seg *seg)
{
	if (seg->base != (u64)seg->selector << 4 || seg->limit != 0xffff ||
	    seg->ar != 0xf3)
		return "not as in virtual-8086 mode";
	return NULL;
}

static const char *wrong_code(const struct seg *seg, const struct seg *ss, bool ia32e)
{
	if (!(seg->type & 1) || (!(seg->type & 8) && seg->type != 3))
		return "type is no accessed code segment";
	if (seg->type < 12 && seg->type != 3 && seg->dpl != ss->dpl)
		return "DPL differs from that of SS";
	if (seg->type == 3 && seg->dpl)
		return "a data segment with a DPL";
	if (ia32e && (seg->ar & VMX_AR_L_MASK) && (seg->ar & VMX_AR_DB_MASK))
		return "both L and D are set";
	return NULL;
}

static const char *wrong_data(const struct seg *seg)
{
	if (!(seg->type & 1) || ((seg->type & 8) && !(seg->type & 2)))
		return "type is not accessed and readable";
	return NULL;
}

static const char *wrong_tr(const struct seg *seg, bool ia32e)
{
	if (seg->ar & VMX_AR_UNUSABLE_MASK)
		return "unusable";
	if (seg->type != VMX_AR_TYPE_BUSY_64_TSS &&
	    (ia32e || seg->type != VMX_AR_TYPE_BUSY_16_TSS))
		return "type is no busy TSS";
	return seg->ar & VMX_AR_S_MASK ? "no system segment" : NULL;
}

static const char *wrong_seg(const struct seg *seg, enum hv_seg i,
			     const struct seg *ss, bool ia32e)
{
	bool usable = !(seg->ar & VMX_AR_UNUSABLE_MASK);
	const char *what = NULL;

	if (i == HV_TR)
		what = wrong_tr(seg, ia32e);
	else if (i == HV_CS)
		what = wrong_code(seg, ss, ia32e);
	else if (!usable)
		return NULL;
	else if (i == HV_LDTR)
		what = seg->type == VMX_AR_TYPE_LDT && !(seg->ar & VMX_AR_S_MASK) &&
		       !(seg->selector & 4) ? NULL : "no LDT";
	else if (i == HV_SS)
		what = seg->type == 3 || seg->type == 7 ? NULL : "type is no stack";
	else
		what = wrong_data(seg);
	if (what)
		return what;
	if (!(seg->ar & VMX_AR_P_MASK))
		return "not present";
	if (i < HV_LDTR && !(seg->ar & VMX_AR_S_MASK))
		return "a system segment";
	if (seg->ar & VMX_AR_RESERVD_MASK)
		return "reserved access rights";
	return wrong_limit(seg);
}

/* 27.3.1.2 */
static void check_segments(struct hvctl_fail_entry *fail)
{
	bool ia32e = vmcs_read(VM_ENTRY_CONTROLS) & VM_ENTRY_IA32E_MODE;
	bool v86 = vmcs_read(GUEST_RFLAGS) & X86_EFLAGS_VM;
	struct seg seg, ss;
	const char *what;
	enum hv_seg i;

	read_seg(&ss, HV_SS);
	for (i = 0; i < HV_SEGS; i++) {
		read_seg(&seg, i);
		if (v86 && i < HV_LDTR)
			what = wrong_v86(&seg);
		else
			what = wrong_seg(&seg, i, &ss, ia32e);
		if (!what)
			continue;
		pr_err_ratelimited("  GUEST_%s %#x base %#llx limit %#x rights %#x: %s\n",
				   seg_name[i], seg.selector, seg.base,
				   seg.limit, seg.ar, what);
		note(fail, GUEST_ES_AR_BYTES + 2 * i, seg.ar);
	}
}

/* 27.3.1.4 and 27.3.1.5: what concerns instructions and events */
static void check_events(struct hvctl_fail_entry *fail)
{
	u64 rflags = vmcs_read(GUEST_RFLAGS);
	u32 event = vmcs_read(VM_ENTRY_INTR_INFO_FIELD);
	u32 type = event & INTR_INFO_INTR_TYPE_MASK;
	u32 blocked = vmcs_read(GUEST_INTERRUPTIBILITY_INFO);
	u64 pending = vmcs_read(GUEST_PENDING_DBG_EXCEPTIONS);
	u32 shadow = blocked & SHADOWS;
	bool valid = event & INTR_INFO_VALID_MASK;
	bool ia32e = vmcs_read(VM_ENTRY_CONTROLS) & VM_ENTRY_IA32E_MODE;
	bool code64 = ia32e && (vmcs_read(GUEST_CS_AR_BYTES) & VMX_AR_L_MASK);
	bool step = (rflags & X86_EFLAGS_TF) &&
		    !(vmcs_read(GUEST_IA32_DEBUGCTL) & DEBUGCTLMSR_BTF);
	u64 rip = vmcs_read(GUEST_RIP);

	if (code64 ? !canonical(rip) : rip >> 32)
		COMPLAIN(fail, GUEST_RIP, rip, "outside the address space of the mode");
	if ((rflags & X86_EFLAGS_VM) &&
	    (ia32e || !(vmcs_read(GUEST_CR0) & X86_CR0_PE)))
		COMPLAIN(fail, GUEST_RFLAGS, rflags, "VM in the wrong mode");
	if (valid && type == INTR_TYPE_EXT_INTR &&
	    (!(rflags & X86_EFLAGS_IF) || shadow))
		COMPLAIN(fail, VM_ENTRY_INTR_INFO_FIELD, event, "an interrupt where they are off");
	if (valid && type == INTR_TYPE_NMI_INTR &&
	    (blocked & (GUEST_INTR_STATE_NMI | GUEST_INTR_STATE_MOV_SS)))
		COMPLAIN(fail, VM_ENTRY_INTR_INFO_FIELD, event, "an NMI where they are blocked");
	if (shadow == SHADOWS ||
	    ((blocked & GUEST_INTR_STATE_STI) && !(rflags & X86_EFLAGS_IF)))
		COMPLAIN(fail, GUEST_INTERRUPTIBILITY_INFO, blocked, "no such shadow");
	if (shadow && step != !!(pending & DR_STEP))
		COMPLAIN(fail, GUEST_PENDING_DBG_EXCEPTIONS, pending, "BS does not agree with TF");
}

/**
 * vmx_dump() - say what an entry refused
 * @vcpu: the vCPU, after HV_R_FAIL_ENTRY; outside the inner loop
 * @fail: gets the fields
 */
void vmx_dump(struct hv_vcpu *vcpu, struct hvctl_fail_entry *fail)
{
	const struct hv_exit *exit = &vcpu->exit;
	unsigned long flags;

	if (exit->hw[0] & VMX_EXIT_REASONS_FAILED_VMENTRY)
		pr_err_ratelimited("dom %u vcpu %u: entry refused the guest state: exit %#llx, qualification %#llx\n",
				   vcpu->vm->domid, vcpu->id, exit->hw[0], exit->hw[1]);
	else
		pr_err_ratelimited("dom %u vcpu %u: entry failed: VM-instruction error %llu\n",
				   vcpu->vm->domid, vcpu->id, exit->hw[0]);
	if (!vmx_hold(vcpu, &flags))
		return;
	check_fields(fail);
	check_mode(fail);
	check_segments(fail);
	check_events(fail);
	vmx_release(to_vmx(vcpu), flags);
}
