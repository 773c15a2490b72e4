// SPDX-License-Identifier: GPL-2.0
/*
 * What CPUID leaves hvctl can stand behind: KVM_GET_SUPPORTED_CPUID.
 *
 * A feature is offered when the CPU has it, the host kernel has not switched
 * it off, and a guest that uses it gets what the manuals promise. A leaf or
 * register that is not mentioned below reads as zero: it describes the host
 * (topology, power, counters) or something that is not virtualised (nested
 * virtualisation, MONITOR, PMU, AMX, CET, TSX).
 */
#include "hvctl.h"

#include <linux/slab.h>
#include <linux/uaccess.h>

#include <asm/cpufeature.h>
#include <asm/kvm_para.h>
#include <asm/msr-index.h>
#include <asm/processor-flags.h>
#include <asm/processor.h>

/* The bit of a feature inside its register. */
#define F(name)		BIT(X86_FEATURE_##name & 31)

#define SUBLEAVES	KVM_CPUID_FLAG_SIGNIFCANT_INDEX

/* Leaf 0x80000021 EAX, of which not every kernel's headers have names. */
#define NO_NESTED_DATA_BP	BIT(0)
#define LFENCE_SERIALIZING	BIT(2)
#define NULL_SELECTOR_CLEARS	BIT(6)
#define AUTOMATIC_IBRS		BIT(8)
#define SELECTIVE_BARRIER	BIT(27)
#define IBPB_BRANCH_TYPE	BIT(28)
#define SRSO_NO			BIT(29)

/* Leaf 7.1 EDX, likewise. */
#define AVX_VNNI_INT8		BIT(4)
#define AVX_NE_CONVERT		BIT(5)
#define PREFETCH_CODE		BIT(14)

#define MAX_BASIC	0x1fU
#define MAX_EXT		0x80000021U
#define ANY_WORD	-1

enum reg { EAX, EBX, ECX, EDX };

/*
 * word: what the host kernel left of this register (x86_capability), ANY_WORD
 * where it does not keep a copy. force: bits that hvctl makes, whatever the
 * CPU says.
 */
static const struct {
	u32 leaf;
	u8 sub;
	u8 reg;
	s8 word;
	u32 allow;
	u32 force;
} masks[] = {
	{ 0x1, 0, ECX, CPUID_1_ECX,
	  F(XMM3) | F(PCLMULQDQ) | F(SSSE3) | F(FMA) | F(CX16) | F(PCID) |
	  F(XMM4_1) | F(XMM4_2) | F(MOVBE) | F(POPCNT) | F(AES) | F(XSAVE) |
	  F(AVX) | F(F16C) | F(RDRAND),
	  F(X2APIC) | F(TSC_DEADLINE_TIMER) | F(HYPERVISOR) },
	{ 0x1, 0, EDX, CPUID_1_EDX,
	  F(FPU) | F(VME) | F(DE) | F(PSE) | F(TSC) | F(MSR) | F(PAE) |
	  F(MCE) | F(CX8) | F(APIC) | F(SEP) | F(MTRR) | F(PGE) | F(MCA) |
	  F(CMOV) | F(PAT) | F(PSE36) | F(CLFLUSH) | F(MMX) | F(FXSR) |
	  F(XMM) | F(XMM2) | F(SELFSNOOP) },
	{ 0x7, 0, EBX, CPUID_7_0_EBX,
	  F(FSGSBASE) | F(BMI1) | F(AVX2) | F(FDP_EXCPTN_ONLY) | F(SMEP) |
	  F(BMI2) | F(ERMS) | F(INVPCID) | F(ZERO_FCS_FDS) | F(AVX512F) |
	  F(AVX512DQ) | F(RDSEED) | F(ADX) | F(SMAP) | F(AVX512IFMA) |
	  F(CLFLUSHOPT) | F(CLWB) | F(AVX512CD) | F(SHA_NI) | F(AVX512BW) |
	  F(AVX512VL),
	  F(TSC_ADJUST) },
	{ 0x7, 0, ECX, CPUID_7_ECX,
	  F(AVX512VBMI) | F(UMIP) | F(PKU) | F(AVX512_VBMI2) | F(GFNI) |
	  F(VAES) | F(VPCLMULQDQ) | F(AVX512_VNNI) | F(AVX512_BITALG) |
	  F(AVX512_VPOPCNTDQ) | F(LA57) | F(RDPID) | F(CLDEMOTE) |
	  F(MOVDIRI) | F(MOVDIR64B) },
	{ 0x7, 0, EDX, CPUID_7_EDX,
	  F(AVX512_4VNNIW) | F(AVX512_4FMAPS) | F(FSRM) |
	  F(AVX512_VP2INTERSECT) | F(MD_CLEAR) | F(SERIALIZE) |
	  F(AVX512_FP16) | F(SPEC_CTRL) | F(INTEL_STIBP) |
	  F(ARCH_CAPABILITIES) | F(SPEC_CTRL_SSBD) },
	{ 0x7, 1, EAX, CPUID_7_1_EAX,
	  F(AVX_VNNI) | F(AVX512_BF16) | F(CMPCCXADD) | F(FZRM) | F(FSRS) |
	  F(FSRC) | F(AVX_IFMA) },
	{ 0x7, 1, EDX, ANY_WORD,
	  AVX_VNNI_INT8 | AVX_NE_CONVERT | PREFETCH_CODE },
	{ 0xd, 1, EAX, CPUID_D_1_EAX,
	  F(XSAVEOPT) | F(XSAVEC) | F(XGETBV1) | F(XSAVES) },
	{ 0x80000001, 0, ECX, CPUID_8000_0001_ECX,
	  F(LAHF_LM) | F(CMP_LEGACY) | F(CR8_LEGACY) | F(ABM) | F(SSE4A) |
	  F(MISALIGNSSE) | F(3DNOWPREFETCH) | F(XOP) | F(FMA4) | F(TBM) |
	  F(TOPOEXT) },
	{ 0x80000001, 0, EDX, CPUID_8000_0001_EDX,
	  F(FPU) | F(VME) | F(DE) | F(PSE) | F(TSC) | F(MSR) | F(PAE) |
	  F(MCE) | F(CX8) | F(APIC) | F(SYSCALL) | F(MTRR) | F(PGE) |
	  F(MCA) | F(CMOV) | F(PAT) | F(PSE36) | F(NX) | F(MMXEXT) |
	  F(MMX) | F(FXSR) | F(FXSR_OPT) | F(GBPAGES) | F(RDTSCP) |
	  F(LM) | F(3DNOWEXT) | F(3DNOW) },
	/* Invariant TSC; the host kernel's own flag is in a word of Linux. */
	{ 0x80000007, 0, EDX, ANY_WORD, BIT(8) },
	{ 0x80000008, 0, EBX, CPUID_8000_0008_EBX,
	  F(CLZERO) | F(XSAVEERPTR) | F(AMD_IBPB) | F(AMD_IBRS) |
	  F(AMD_STIBP) | F(AMD_STIBP_ALWAYS_ON) | F(AMD_SSBD) |
	  F(AMD_SSB_NO) | F(AMD_PSFD) | F(BTC_NO) },
	{ 0x80000021, 0, EAX, ANY_WORD,
	  NO_NESTED_DATA_BP | LFENCE_SERIALIZING | NULL_SELECTOR_CLEARS |
	  AUTOMATIC_IBRS | SELECTIVE_BARRIER | IBPB_BRANCH_TYPE | SRSO_NO },
};

/**
 * hv_host_phys_bits() - widest guest-physical address this host can map
 *
 * Return: bits; the CPU's own width, cut to what the nested tables reach.
 */
u32 hv_host_phys_bits(void)
{
	u32 bits = 36;

	if (cpuid_eax(0x80000000) >= 0x80000008)
		bits = cpuid_eax(0x80000008) & 0xff;
	return min(bits, 12u + 9u * hv_backend->pte->levels);
}

/**
 * hv_efer_host_reserved() - bits of EFER that user space cannot load
 *
 * SVME and LMSLE are among them on every CPU: neither nesting nor segment
 * limits in long mode are offered.
 */
u64 hv_efer_host_reserved(void)
{
	u64 valid = EFER_SCE | EFER_LME | EFER_LMA | EFER_NX;

	if (boot_cpu_has(X86_FEATURE_FXSR_OPT))
		valid |= EFER_FFXSR;
	if (cpuid_eax(0x80000000) >= 0x80000021 &&
	    (cpuid_eax(0x80000021) & AUTOMATIC_IBRS))
		valid |= HV_EFER_AUTOIBRS;
	return ~valid;
}

/**
 * hv_cr4_host_reserved() - bits of CR4 that this CPU would refuse
 */
u64 hv_cr4_host_reserved(void)
{
	u64 reserved = 0;

	if (!boot_cpu_has(X86_FEATURE_XSAVE))
		reserved |= X86_CR4_OSXSAVE;
	if (!boot_cpu_has(X86_FEATURE_PCID))
		reserved |= X86_CR4_PCIDE;
	if (!boot_cpu_has(X86_FEATURE_FSGSBASE))
		reserved |= X86_CR4_FSGSBASE;
	if (!boot_cpu_has(X86_FEATURE_SMEP))
		reserved |= X86_CR4_SMEP;
	if (!boot_cpu_has(X86_FEATURE_SMAP))
		reserved |= X86_CR4_SMAP;
	if (!boot_cpu_has(X86_FEATURE_UMIP))
		reserved |= X86_CR4_UMIP;
	if (!boot_cpu_has(X86_FEATURE_PKU))
		reserved |= X86_CR4_PKE;
	if (!boot_cpu_has(X86_FEATURE_LA57))
		reserved |= X86_CR4_LA57;
	return reserved;
}

struct leaves {
	struct kvm_cpuid_entry2 *entry;
	u32 count;
};

/* Append a leaf as the CPU has it, or empty. */
static struct kvm_cpuid_entry2 *add(struct leaves *l, u32 leaf, u32 sub,
				    u32 flags, bool raw)
{
	struct kvm_cpuid_entry2 *e = &l->entry[l->count];

	if (WARN_ON_ONCE(l->count == HV_MAX_CPUID))
		return &l->entry[HV_MAX_CPUID - 1];
	l->count++;
	memset(e, 0, sizeof(*e));
	e->function = leaf;
	e->index = sub;
	e->flags = flags;
	if (raw)
		cpuid_count(leaf, sub, &e->eax, &e->ebx, &e->ecx, &e->edx);
	return e;
}

static u32 *entry_reg(struct kvm_cpuid_entry2 *e, enum reg reg)
{
	switch (reg) {
	case EAX:
		return &e->eax;
	case EBX:
		return &e->ebx;
	case ECX:
		return &e->ecx;
	default:
		return &e->edx;
	}
}

/* Reduce the feature registers of a raw leaf to what may be offered. */
static void filter(struct kvm_cpuid_entry2 *e)
{
	u32 i, *reg;

	for (i = 0; i < ARRAY_SIZE(masks); i++) {
		if (masks[i].leaf != e->function || masks[i].sub != e->index)
			continue;
		reg = entry_reg(e, masks[i].reg);
		*reg &= masks[i].allow;
		if (masks[i].word != ANY_WORD)
			*reg &= boot_cpu_data.x86_capability[masks[i].word];
		*reg |= masks[i].force;
	}
}

/* Leaves that list caches: one subleaf for each, the last has type 0. */
static void add_caches(struct leaves *l, u32 leaf)
{
	struct kvm_cpuid_entry2 *e;
	u32 sub = 0;

	do {
		e = add(l, leaf, sub++, SUBLEAVES, true);
	} while ((e->eax & 0x1f) && sub < 16);
}

static void add_xsave(struct leaves *l)
{
	u64 features = hv_fpu_supported();
	struct kvm_cpuid_entry2 *e;
	int i;

	e = add(l, 0xd, 0, SUBLEAVES, false);
	if (!features)
		return;
	e->eax = lower_32_bits(features);
	e->edx = upper_32_bits(features);
	e->ebx = hv_xstate_size(features, false);
	e->ecx = e->ebx;

	e = add(l, 0xd, 1, SUBLEAVES, true);
	filter(e);
	e->ebx = e->eax & (F(XSAVEC) | F(XSAVES)) ?
		 hv_xstate_size(features, true) : 0;
	e->ecx = 0;
	e->edx = 0;

	for (i = 2; i < 64; i++)
		if (features & BIT_ULL(i))
			add(l, 0xd, i, SUBLEAVES, true);
}

static void add_basic(struct leaves *l, u32 leaf)
{
	struct kvm_cpuid_entry2 *e;

	switch (leaf) {
	case 0x1:
		e = add(l, leaf, 0, 0, true);
		e->ebx &= 0xff00;	/* CLFLUSH size; the rest is topology */
		filter(e);
		break;
	case 0x2:
		add(l, leaf, 0, 0, true);
		break;
	case 0x4:
		add_caches(l, leaf);
		break;
	case 0x6:
		e = add(l, leaf, 0, 0, false);
		e->eax = F(ARAT);	/* the LAPIC timer does not stop */
		break;
	case 0x7:
		e = add(l, leaf, 0, SUBLEAVES, true);
		filter(e);
		e->eax = min(e->eax, 1u);
		if (!e->eax)
			break;
		e = add(l, leaf, 1, SUBLEAVES, true);
		filter(e);
		e->ebx = 0;
		e->ecx = 0;
		break;
	case 0xb:
	case 0x1f:
		/* Differs from vCPU to vCPU: the VMM fills it. */
		add(l, leaf, 0, SUBLEAVES, false);
		break;
	case 0xd:
		add_xsave(l);
		break;
	default:
		add(l, leaf, 0, 0, false);
		break;
	}
}

static void add_extended(struct leaves *l, u32 leaf)
{
	struct kvm_cpuid_entry2 *e;
	u32 virt;

	switch (leaf) {
	case 0x80000001:
		e = add(l, leaf, 0, 0, true);
		e->ebx &= ~GENMASK(27, 0);	/* package type only */
		filter(e);
		break;
	case 0x80000002 ... 0x80000006:
	case 0x80000019:
	case 0x8000001a:
		add(l, leaf, 0, 0, true);
		break;
	case 0x80000007:
		e = add(l, leaf, 0, 0, true);
		filter(e);
		e->eax = 0;
		e->ebx = 0;
		e->ecx = 0;
		break;
	case 0x80000008:
		e = add(l, leaf, 0, 0, true);
		virt = e->eax & 0xff00;
		filter(e);
		e->eax = virt | hv_host_phys_bits();
		e->ecx = 0;
		e->edx = 0;
		break;
	case 0x8000001d:
		add_caches(l, leaf);
		break;
	case 0x80000021:
		e = add(l, leaf, 0, 0, true);
		filter(e);
		e->ebx = 0;
		e->ecx = 0;
		e->edx = 0;
		break;
	default:
		add(l, leaf, 0, 0, false);
		break;
	}
}

static void add_paravirt(struct leaves *l)
{
	struct kvm_cpuid_entry2 *e;
	u32 sig[3];

	memcpy(sig, KVM_SIGNATURE, sizeof(sig));
	e = add(l, KVM_CPUID_SIGNATURE, 0, 0, false);
	e->eax = KVM_CPUID_FEATURES;
	e->ebx = sig[0];
	e->ecx = sig[1];
	e->edx = sig[2];
	e = add(l, KVM_CPUID_FEATURES, 0, 0, false);
	e->eax = BIT(KVM_FEATURE_CLOCKSOURCE) | BIT(KVM_FEATURE_NOP_IO_DELAY) |
		 BIT(KVM_FEATURE_CLOCKSOURCE2) |
		 BIT(KVM_FEATURE_CLOCKSOURCE_STABLE_BIT);
	if (IS_ENABLED(CONFIG_SCHED_INFO))
		e->eax |= BIT(KVM_FEATURE_STEAL_TIME);
}

/**
 * hv_cpuid_supported() - KVM_GET_SUPPORTED_CPUID
 * @head: in: entries that @to has room for; out: entries written
 * @to: user memory
 *
 * Return: 0, -E2BIG when @head has room for fewer, -EFAULT, or -ENOMEM.
 */
int hv_cpuid_supported(struct kvm_cpuid2 *head,
		       struct kvm_cpuid_entry2 __user *to)
{
	struct kvm_cpuid_entry2 *e;
	struct leaves l = { };
	u32 leaf, max;
	int ret = 0;

	l.entry = kvcalloc(HV_MAX_CPUID, sizeof(*l.entry), GFP_KERNEL);
	if (!l.entry)
		return -ENOMEM;

	e = add(&l, 0, 0, 0, true);
	max = min(e->eax, MAX_BASIC);
	e->eax = max;
	for (leaf = 1; leaf <= max; leaf++)
		add_basic(&l, leaf);
	e = add(&l, 0x80000000, 0, 0, true);
	max = min(e->eax, MAX_EXT);
	e->eax = max;
	for (leaf = 0x80000001; leaf <= max; leaf++)
		add_extended(&l, leaf);
	add_paravirt(&l);

	if (head->nent < l.count)
		ret = -E2BIG;
	else if (copy_to_user(to, l.entry, l.count * sizeof(*l.entry)))
		ret = -EFAULT;
	else
		head->nent = l.count;
	kvfree(l.entry);
	return ret;
}
