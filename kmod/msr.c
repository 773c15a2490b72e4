// SPDX-License-Identifier: GPL-2.0
/*
 * Model-specific registers, for the guest and for user space.
 *
 * Nothing here sleeps: RDMSR and WRMSR are hot exits. What a write must do
 * with guest memory is left to a request.
 */
#include "hvctl.h"
#include "xen.h"

#include <linux/uaccess.h>

#include <asm/apicdef.h>
#include <asm/cpufeature.h>
#include <asm/kvm_para.h>
#include <asm/msr.h>
#include <asm/msr-index.h>
#include <asm/mtrr.h>
#include <asm/processor-flags.h>
#include <asm/processor.h>

#define MTRR_VARIABLE	8
/* Eight variable ranges, the fixed ones, write combining. */
#define MTRR_CAP	(MTRR_VARIABLE | BIT(8) | BIT(10))
#define MTRR_DEF_VALID	(BIT(11) | BIT(10) | 0xff)

/* Memory types: UC, WC, WT, WP, WB; PAT has UC- besides. */
#define MTRR_TYPES	(BIT(0) | BIT(1) | BIT(4) | BIT(5) | BIT(6))
#define PAT_TYPES	(MTRR_TYPES | BIT(7))

/* AMD: the TSC counts at the P0 frequency; Linux complains when clear. */
#define HWCR_TSC_P0	BIT_ULL(24)
#define HWCR_STATUS_WRITE	BIT_ULL(18)
/* Written by BIOS-like code for caches and FERR; without a meaning here. */
#define HWCR_IGNORED	(BIT_ULL(3) | BIT_ULL(6) | BIT_ULL(8))

#define DE_CFG_SERIALIZE	BIT_ULL(MSR_AMD64_DE_CFG_LFENCE_SERIALIZE_BIT)

#define MISC_ENABLE_RESET	(MSR_IA32_MISC_ENABLE_FAST_STRING | \
				 MSR_IA32_MISC_ENABLE_BTS_UNAVAIL | \
				 MSR_IA32_MISC_ENABLE_PEBS_UNAVAIL)

/*
 * Registers of firmware, thermal and power control, chipset and debugging
 * that kernels read or write without asking CPUID first. They read as zero,
 * and writes go nowhere. Sorted.
 */
static const struct {
	u32 first, last;
} empty_msrs[] = {
	{ MSR_IA32_PLATFORM_ID, MSR_IA32_PLATFORM_ID },
	{ MSR_IA32_EBL_CR_POWERON, MSR_IA32_EBL_CR_POWERON },
	{ MSR_SMI_COUNT, MSR_SMI_COUNT },
	{ MSR_IA32_UCODE_WRITE, MSR_IA32_UCODE_WRITE },
	{ MSR_PLATFORM_INFO, MSR_PLATFORM_INFO },
	{ MSR_IA32_BBL_CR_CTL, MSR_IA32_BBL_CR_CTL },
	{ MSR_IA32_BBL_CR_CTL3, MSR_IA32_BBL_CR_CTL3 },
	{ MSR_MISC_FEATURES_ENABLES, MSR_MISC_FEATURES_ENABLES },
	{ MSR_IA32_PERF_STATUS, MSR_IA32_PERF_CTL },
	{ MSR_IA32_LASTBRANCHFROMIP, MSR_IA32_LASTINTTOIP },
	{ MSR_RAPL_POWER_UNIT, MSR_RAPL_POWER_UNIT },
	{ MSR_PKG_ENERGY_STATUS, MSR_PKG_ENERGY_STATUS },
	{ MSR_DRAM_ENERGY_STATUS, MSR_DRAM_ENERGY_STATUS },
	{ MSR_PP0_ENERGY_STATUS, MSR_PP0_ENERGY_STATUS },
	{ MSR_PP1_ENERGY_STATUS, MSR_PP1_ENERGY_STATUS },
	{ MSR_AMD64_SYSCFG, MSR_AMD64_SYSCFG },
	{ MSR_K8_TOP_MEM1, MSR_K8_TOP_MEM1 },
	{ MSR_K8_TOP_MEM2, MSR_K8_TOP_MEM2 },
	{ MSR_AMD64_NB_CFG, MSR_AMD64_PATCH_LOADER },
	{ MSR_K8_INT_PENDING_MSG, MSR_FAM10H_MMIO_CONF_BASE },
	{ MSR_AMD_PERF_CTL, MSR_AMD_PERF_STATUS },
	{ MSR_K8_TSEG_ADDR, MSR_K8_TSEG_MASK },
	{ MSR_AMD64_LS_CFG, MSR_AMD64_BU_CFG2 },
};

static bool empty_msr(u32 msr)
{
	u32 i;

	for (i = 0; i < ARRAY_SIZE(empty_msrs); i++)
		if (msr <= empty_msrs[i].last)
			return msr >= empty_msrs[i].first;
	return false;
}

/* Each byte of a value is one of these memory types. */
static bool types_valid(u64 value, u32 types)
{
	int i;

	for (i = 0; i < 8; i++, value >>= 8)
		if ((value & 0xff) > 7 || !(types & BIT(value & 7)))
			return false;
	return true;
}

/* Storage of an MTRR, NULL for other registers. */
static u64 *mtrr_slot(struct hv_vcpu *vcpu, u32 msr)
{
	switch (msr) {
	case MSR_MTRRdefType:
		return &vcpu->mtrr_def;
	case MSR_MTRRfix64K_00000:
		return &vcpu->mtrr_fixed[0];
	case MSR_MTRRfix16K_80000 ... MSR_MTRRfix16K_A0000:
		return &vcpu->mtrr_fixed[1 + msr - MSR_MTRRfix16K_80000];
	case MSR_MTRRfix4K_C0000 ... MSR_MTRRfix4K_F8000:
		return &vcpu->mtrr_fixed[3 + msr - MSR_MTRRfix4K_C0000];
	case MTRRphysBase_MSR(0) ... MTRRphysMask_MSR(MTRR_VARIABLE - 1):
		return &vcpu->mtrr_var[msr - MTRRphysBase_MSR(0)];
	default:
		return NULL;
	}
}

/*
 * MTRRs are kept for the guest to read. Memory types follow from the guest's
 * PAT alone: all its memory is the host's, write-back.
 */
static int mtrr_write(struct hv_vcpu *vcpu, u32 msr, u64 value)
{
	u64 *slot = mtrr_slot(vcpu, msr);
	u64 address = BIT_ULL(vcpu->cpuid.phys_bits) - PAGE_SIZE;
	bool ok;

	if (!slot)
		return -EINVAL;
	if (msr == MSR_MTRRdefType)
		ok = !(value & ~MTRR_DEF_VALID) &&
		     types_valid(value & 0xff, MTRR_TYPES);
	else if (msr >= MSR_MTRRfix64K_00000)
		ok = types_valid(value, MTRR_TYPES);
	else if (msr & 1)
		ok = !(value & ~(address | BIT(11)));
	else
		ok = !(value & ~(address | 0xff)) &&
		     types_valid(value & 0xff, MTRR_TYPES);
	if (!ok)
		return -EINVAL;
	*slot = value;
	return 0;
}

/* Bits of SPEC_CTRL that this host's CPU has: others fault when loaded. */
static u64 spec_ctrl_valid(void)
{
	u64 valid = 0;

	if (boot_cpu_has(X86_FEATURE_SPEC_CTRL) ||
	    boot_cpu_has(X86_FEATURE_AMD_IBRS))
		valid |= SPEC_CTRL_IBRS;
	if (boot_cpu_has(X86_FEATURE_INTEL_STIBP) ||
	    boot_cpu_has(X86_FEATURE_AMD_STIBP))
		valid |= SPEC_CTRL_STIBP;
	if (boot_cpu_has(X86_FEATURE_SPEC_CTRL_SSBD) ||
	    boot_cpu_has(X86_FEATURE_AMD_SSBD))
		valid |= SPEC_CTRL_SSBD;
	if (boot_cpu_has(X86_FEATURE_AMD_PSFD))
		valid |= BIT_ULL(7);
	return valid;
}

static bool has_spec_ctrl(struct hv_vcpu *vcpu, bool host)
{
	return host ? spec_ctrl_valid() : vcpu->cpuid.spec_ctrl;
}

static bool has_tsc_aux(struct hv_vcpu *vcpu, bool host)
{
	return host ? boot_cpu_has(X86_FEATURE_RDTSCP) :
		      vcpu->cpuid.rdtscp || vcpu->cpuid.rdpid;
}

/* A barrier orders what comes after it on this CPU: it is done at once. */
static int pred_cmd(struct hv_vcpu *vcpu, u64 value, bool host)
{
	if (!host && !vcpu->cpuid.pred_cmd)
		return -EINVAL;
	if (value & ~(u64)PRED_CMD_IBPB)
		return -EINVAL;
	if (value && boot_cpu_has(X86_FEATURE_IBPB))
		wrmsrl(MSR_IA32_PRED_CMD, PRED_CMD_IBPB);
	return 0;
}

static bool canonical(struct hv_vcpu *vcpu, u64 address)
{
	u32 bits = vcpu->cpuid.cr4_reserved & X86_CR4_LA57 ? 48 : 57;

	return sign_extend64(address, bits - 1) == address;
}

/* Where an MSR of HV_PART_MSR or HV_PART_SEG is, NULL for others. */
static u64 *state_slot(struct hv_state *s, u32 msr, u32 *part)
{
	*part = HV_PART_MSR;
	switch (msr) {
	case MSR_STAR:
		return &s->star;
	case MSR_LSTAR:
		return &s->lstar;
	case MSR_CSTAR:
		return &s->cstar;
	case MSR_SYSCALL_MASK:
		return &s->sfmask;
	case MSR_KERNEL_GS_BASE:
		return &s->kernel_gs_base;
	case MSR_IA32_SYSENTER_CS:
		return &s->sysenter_cs;
	case MSR_IA32_SYSENTER_ESP:
		return &s->sysenter_esp;
	case MSR_IA32_SYSENTER_EIP:
		return &s->sysenter_eip;
	case MSR_IA32_CR_PAT:
		return &s->pat;
	case MSR_FS_BASE:
		*part = HV_PART_SEG;
		return &s->seg[HV_FS].base;
	case MSR_GS_BASE:
		*part = HV_PART_SEG;
		return &s->seg[HV_GS].base;
	case MSR_IA32_DEBUGCTLMSR:
		*part = HV_PART_DR;
		return &s->debugctl;
	default:
		return NULL;
	}
}

static int state_write(struct hv_vcpu *vcpu, u32 msr, u64 value)
{
	u32 part;
	u64 *slot = state_slot(&vcpu->state, msr, &part);

	if (!slot)
		return -EINVAL;
	switch (msr) {
	case MSR_LSTAR:
	case MSR_CSTAR:
	case MSR_KERNEL_GS_BASE:
	case MSR_FS_BASE:
	case MSR_GS_BASE:
		if (!canonical(vcpu, value))
			return -EINVAL;
		break;
	case MSR_IA32_SYSENTER_ESP:
	case MSR_IA32_SYSENTER_EIP:
		/* AMD ignores the upper half, where Intel faults. */
		if (!canonical(vcpu, value)) {
			if (!vcpu->cpuid.amd)
				return -EINVAL;
			value = sign_extend64(value, 47);
		}
		break;
	case MSR_IA32_CR_PAT:
		if (!types_valid(value, PAT_TYPES))
			return -EINVAL;
		break;
	case MSR_IA32_DEBUGCTLMSR:
		if (value & ~(u64)(DEBUGCTLMSR_LBR | DEBUGCTLMSR_BTF))
			return -EINVAL;
		break;
	}
	hv_need(vcpu, part);
	*slot = value;
	hv_dirty(vcpu, part);
	return 0;
}

static int state_read(struct hv_vcpu *vcpu, u32 msr, u64 *value)
{
	u32 part;
	u64 *slot = state_slot(&vcpu->state, msr, &part);

	if (!slot)
		return -EINVAL;
	hv_need(vcpu, part);
	*value = *slot;
	return 0;
}

/**
 * hv_msr_read() - RDMSR, and one entry of KVM_GET_MSRS
 * @vcpu: its own thread, hot or slow path
 * @msr: which
 * @value: filled
 * @host: user space reads: CPUID of the guest is not asked
 *
 * Return: 0, or -EINVAL when there is no such MSR (the guest gets #GP).
 */
int hv_msr_read(struct hv_vcpu *vcpu, u32 msr, u64 *value, bool host)
{
	u64 *slot;

	switch (msr) {
	case MSR_IA32_APICBASE:
		*value = hv_lapic_base(vcpu);
		return 0;
	case MSR_IA32_TSC:
		*value = hv_guest_tsc(vcpu);
		return 0;
	case MSR_IA32_TSC_DEADLINE:
		if (!host && !vcpu->cpuid.tsc_deadline)
			return -EINVAL;
		*value = vcpu->lapic ? hv_lapic_deadline(vcpu) : 0;
		return 0;
	case APIC_BASE_MSR ... APIC_BASE_MSR + 0xff:
		return hv_lapic_msr_read(vcpu, msr, value);
	case MSR_EFER:
		hv_need(vcpu, HV_PART_CR);
		*value = vcpu->state.efer;
		return 0;
	case MSR_TSC_AUX:
		*value = vcpu->state.tsc_aux;
		return has_tsc_aux(vcpu, host) ? 0 : -EINVAL;
	case MSR_IA32_TSC_ADJUST:
		*value = vcpu->tsc_adjust;
		return 0;
	case MSR_IA32_SPEC_CTRL:
		*value = vcpu->state.spec_ctrl;
		return has_spec_ctrl(vcpu, host) ? 0 : -EINVAL;
	case MSR_IA32_ARCH_CAPABILITIES:
		*value = vcpu->arch_caps;
		return host || vcpu->cpuid.arch_caps ? 0 : -EINVAL;
	case MSR_IA32_XSS:
		*value = 0;	/* no supervisor state is offered */
		return 0;
	case MSR_IA32_MISC_ENABLE:
		*value = vcpu->misc_enable;
		return 0;
	case MSR_IA32_UCODE_REV:
		*value = vcpu->patch_level;
		return 0;
	case MSR_K7_HWCR:
		*value = vcpu->hwcr;
		return 0;
	case MSR_AMD64_DE_CFG:
		*value = vcpu->de_cfg;
		return 0;
	case MSR_MTRRcap:
		*value = MTRR_CAP;
		return 0;
	case MSR_KVM_WALL_CLOCK:
	case MSR_KVM_SYSTEM_TIME:
	case MSR_KVM_WALL_CLOCK_NEW:
	case MSR_KVM_SYSTEM_TIME_NEW:
	case MSR_KVM_STEAL_TIME:
		return hv_clock_msr_read(vcpu, msr, value);
	case MSR_IA32_MCG_CAP ... MSR_IA32_MCG_CTL:
	case MSR_IA32_MC0_CTL ... MSR_IA32_MCx_MISC(HV_MCE_BANKS - 1):
		return hv_mce_msr_read(vcpu, msr, value, host);
	}
	if (!state_read(vcpu, msr, value))
		return 0;
	slot = mtrr_slot(vcpu, msr);
	if (slot) {
		*value = *slot;
		return 0;
	}
	*value = 0;
	return empty_msr(msr) ? 0 : -EINVAL;
}

static int hwcr_write(struct hv_vcpu *vcpu, u64 value)
{
	value &= ~HWCR_IGNORED;
	if (value & ~(HWCR_TSC_P0 | HWCR_STATUS_WRITE))
		return -EINVAL;
	vcpu->hwcr = value;
	return 0;
}

/**
 * hv_msr_write() - WRMSR, and one entry of KVM_SET_MSRS
 * @vcpu: its own thread, hot or slow path
 * @msr: which
 * @value: new value
 * @host: user space restores a state: identity registers are writable, and
 *	  CPUID of the guest is not asked
 *
 * Return: 0, or -EINVAL when the guest gets #GP.
 */
int hv_msr_write(struct hv_vcpu *vcpu, u32 msr, u64 value, bool host)
{
	switch (msr) {
	case MSR_IA32_TSC_DEADLINE:
		if (!host && !vcpu->cpuid.tsc_deadline)
			return -EINVAL;
		if (vcpu->lapic)
			hv_lapic_deadline_set(vcpu, value);
		return 0;
	case APIC_BASE_MSR ... APIC_BASE_MSR + 0xff:
		return hv_lapic_msr_write(vcpu, msr, value);
	case MSR_IA32_SPEC_CTRL:
		if (!has_spec_ctrl(vcpu, host) || (value & ~spec_ctrl_valid()))
			return -EINVAL;
		vcpu->state.spec_ctrl = value;
		return 0;
	case MSR_IA32_PRED_CMD:
		return pred_cmd(vcpu, value, host);
	case MSR_IA32_APICBASE:
		return hv_lapic_base_set(vcpu, value, host);
	case MSR_IA32_TSC:
	case MSR_IA32_TSC_ADJUST:
		hv_clock_tsc_write(vcpu, msr, value, host);
		return 0;
	case MSR_EFER:
		return hv_efer_set(vcpu, value, host);
	case MSR_TSC_AUX:
		if (!has_tsc_aux(vcpu, host))
			return -EINVAL;
		/* 32 bits: AMD drops the upper half, Intel faults. */
		if (upper_32_bits(value) && !vcpu->cpuid.amd)
			return -EINVAL;
		vcpu->state.tsc_aux = (u32)value;
		return 0;
	case MSR_IA32_XSS:
		return value ? -EINVAL : 0;
	case MSR_IA32_ARCH_CAPABILITIES:
		if (!host)
			return -EINVAL;
		vcpu->arch_caps = value;
		return 0;
	case MSR_IA32_UCODE_REV:
		/* A guest writes 0 before it asks CPUID for the revision. */
		if (host)
			vcpu->patch_level = value;
		return 0;
	case MSR_AMD64_DE_CFG:
		/* Kernels set work-arounds for the CPU they find: host's job. */
		if (host)
			vcpu->de_cfg = value;
		return 0;
	case MSR_IA32_MISC_ENABLE:
		vcpu->misc_enable = value;
		return 0;
	case MSR_K7_HWCR:
		return hwcr_write(vcpu, value);
	case MSR_KVM_WALL_CLOCK:
	case MSR_KVM_SYSTEM_TIME:
	case MSR_KVM_WALL_CLOCK_NEW:
	case MSR_KVM_SYSTEM_TIME_NEW:
	case MSR_KVM_STEAL_TIME:
		return hv_clock_msr_write(vcpu, msr, value, host);
	case HV_XEN_MSR_FIRST ... HV_XEN_MSR_LAST:
		return hv_xen_msr_write(vcpu, msr, value, host);
	case MSR_IA32_MCG_CAP ... MSR_IA32_MCG_CTL:
	case MSR_IA32_MC0_CTL ... MSR_IA32_MCx_MISC(HV_MCE_BANKS - 1):
		return hv_mce_msr_write(vcpu, msr, value, host);
	}
	if (!state_write(vcpu, msr, value) || !mtrr_write(vcpu, msr, value))
		return 0;
	return empty_msr(msr) ? 0 : -EINVAL;
}

/**
 * hv_msr_feature() - an MSR that describes the CPU: system-fd KVM_GET_MSRS
 * @msr: which
 * @value: filled
 *
 * Return: 0, or -EINVAL when it is not in KVM_GET_MSR_FEATURE_INDEX_LIST.
 */
int hv_msr_feature(u32 msr, u64 *value)
{
	switch (msr) {
	case MSR_IA32_UCODE_REV:
		*value = boot_cpu_data.microcode;
		/* Intel keeps the revision in the upper half. */
		if (boot_cpu_data.x86_vendor == X86_VENDOR_INTEL)
			*value <<= 32;
		return 0;
	case MSR_AMD64_DE_CFG:
		*value = boot_cpu_has(X86_FEATURE_LFENCE_RDTSC) ?
			 DE_CFG_SERIALIZE : 0;
		return 0;
	case MSR_IA32_ARCH_CAPABILITIES:
		if (!boot_cpu_has(X86_FEATURE_ARCH_CAPABILITIES))
			return -EINVAL;
		rdmsrl(MSR_IA32_ARCH_CAPABILITIES, *value);
		/* What is not an immunity stands for MSRs not offered. */
		*value &= ARCH_CAP_RDCL_NO | ARCH_CAP_IBRS_ALL | ARCH_CAP_RSBA |
			  ARCH_CAP_SSB_NO | ARCH_CAP_MDS_NO |
			  ARCH_CAP_PSCHANGE_MC_NO | ARCH_CAP_TAA_NO |
			  ARCH_CAP_SBDR_SSDP_NO | ARCH_CAP_FBSDP_NO |
			  ARCH_CAP_PSDP_NO | ARCH_CAP_RRSBA |
			  ARCH_CAP_PBRSB_NO;
		return 0;
	default:
		return -EINVAL;
	}
}

/**
 * hv_msr_reset() - MSRs that live in struct hv_vcpu, as after RESET
 * @vcpu: its own thread, or being created
 */
void hv_msr_reset(struct hv_vcpu *vcpu)
{
	u32 i;

	vcpu->misc_enable = MISC_ENABLE_RESET;
	vcpu->hwcr = HWCR_TSC_P0;
	vcpu->mtrr_def = 0;
	memset(vcpu->mtrr_fixed, 0, sizeof(vcpu->mtrr_fixed));
	memset(vcpu->mtrr_var, 0, sizeof(vcpu->mtrr_var));
	vcpu->mcg_status = 0;
	if (!vcpu->mcg_cap)
		vcpu->mcg_cap = HV_MCE_BANKS;
	for (i = 0; i < HV_MCE_BANKS; i++)
		vcpu->mce[i][1] = 0;
	hv_msr_feature(MSR_IA32_UCODE_REV, &vcpu->patch_level);
	hv_msr_feature(MSR_AMD64_DE_CFG, &vcpu->de_cfg);
	if (hv_msr_feature(MSR_IA32_ARCH_CAPABILITIES, &vcpu->arch_caps))
		vcpu->arch_caps = 0;
}

/* What user space has to save, where it is not conditional. */
static const u32 state_msrs[] = {
	MSR_IA32_TSC,
	MSR_IA32_TSC_ADJUST,
	MSR_IA32_TSC_DEADLINE,
	MSR_IA32_SYSENTER_CS, MSR_IA32_SYSENTER_ESP, MSR_IA32_SYSENTER_EIP,
	MSR_STAR, MSR_LSTAR, MSR_CSTAR, MSR_SYSCALL_MASK,
	MSR_KERNEL_GS_BASE,
	MSR_IA32_CR_PAT,
	MSR_IA32_DEBUGCTLMSR,
	MSR_IA32_MISC_ENABLE,
	MSR_IA32_XSS,
	MSR_IA32_UCODE_REV,
	MSR_AMD64_DE_CFG,
	MSR_K7_HWCR,
	MSR_IA32_MCG_STATUS, MSR_IA32_MCG_CTL,
	MSR_KVM_WALL_CLOCK, MSR_KVM_SYSTEM_TIME,
	MSR_KVM_WALL_CLOCK_NEW, MSR_KVM_SYSTEM_TIME_NEW,
	MSR_KVM_STEAL_TIME,
	MSR_MTRRdefType,
	MSR_MTRRfix64K_00000, MSR_MTRRfix16K_80000, MSR_MTRRfix16K_A0000,
	MSR_MTRRfix4K_C0000, MSR_MTRRfix4K_C8000, MSR_MTRRfix4K_D0000,
	MSR_MTRRfix4K_D8000, MSR_MTRRfix4K_E0000, MSR_MTRRfix4K_E8000,
	MSR_MTRRfix4K_F0000, MSR_MTRRfix4K_F8000,
};

static const u32 feature_msrs[] = {
	MSR_IA32_UCODE_REV,
	MSR_AMD64_DE_CFG,
	MSR_IA32_ARCH_CAPABILITIES,
};

/* Room for all lists: constant ones, the variable MTRRs, conditional ones. */
#define LIST_MAX	(ARRAY_SIZE(state_msrs) + 2 * MTRR_VARIABLE + 8)

static u32 state_list(u32 *list)
{
	u32 i, n = ARRAY_SIZE(state_msrs);

	memcpy(list, state_msrs, sizeof(state_msrs));
	for (i = 0; i < 2 * MTRR_VARIABLE; i++)
		list[n++] = MTRRphysBase_MSR(0) + i;
	if (boot_cpu_has(X86_FEATURE_RDTSCP))
		list[n++] = MSR_TSC_AUX;
	if (spec_ctrl_valid())
		list[n++] = MSR_IA32_SPEC_CTRL;
	if (boot_cpu_has(X86_FEATURE_ARCH_CAPABILITIES))
		list[n++] = MSR_IA32_ARCH_CAPABILITIES;
	return n;
}

static u32 feature_list(u32 *list)
{
	u32 i, n = 0;
	u64 value;

	for (i = 0; i < ARRAY_SIZE(feature_msrs); i++)
		if (!hv_msr_feature(feature_msrs[i], &value))
			list[n++] = feature_msrs[i];
	return n;
}

/**
 * hv_msr_index_list() - KVM_GET_MSR_INDEX_LIST, ..._FEATURE_INDEX_LIST
 * @head: in: numbers that @to has room for; out: numbers there are
 * @to: user memory
 * @features: which of the two
 *
 * Return: 0, -E2BIG with the count in @head when @to is too small, -EFAULT.
 */
int hv_msr_index_list(struct kvm_msr_list *head, u32 __user *to, bool features)
{
	u32 list[LIST_MAX];
	u32 room = head->nmsrs;

	head->nmsrs = features ? feature_list(list) : state_list(list);
	if (room < head->nmsrs)
		return -E2BIG;
	if (copy_to_user(to, list, head->nmsrs * sizeof(*list)))
		return -EFAULT;
	return 0;
}
