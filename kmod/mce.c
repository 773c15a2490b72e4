// SPDX-License-Identifier: GPL-2.0
/*
 * Machine checks of the guest.
 *
 * The banks are only ever filled by user space, which turns a memory error
 * of the host into one of the guest; a host machine check itself never gets
 * here. Rules: AMD volume 2, chapter 9; Intel volume 3, chapter 16.
 */
#include "hvctl.h"

#include <asm/mce.h>
#include <asm/msr-index.h>
#include <asm/processor-flags.h>
#include <asm/trapnr.h>

enum { MCE_CTL, MCE_STATUS, MCE_ADDR, MCE_MISC };

/* HWCR.McStatusWrEn lets a guest write MCi_STATUS, as its injectors do. */
#define HWCR_STATUS_WRITE	BIT_ULL(18)

static u32 banks(const struct hv_vcpu *vcpu)
{
	return vcpu->mcg_cap & MCG_BANKCNT_MASK;
}

/**
 * hv_mce_setup() - KVM_X86_SETUP_MCE
 * @vcpu: locked
 * @mcg_cap: bank count in the low byte, features within HV_MCE_CAP
 *
 * Return: 0, or -EINVAL for no or too many banks or features not offered.
 */
int hv_mce_setup(struct hv_vcpu *vcpu, u64 mcg_cap)
{
	u32 i, count = mcg_cap & MCG_BANKCNT_MASK;

	if (!count || count > HV_MCE_BANKS ||
	    (mcg_cap & ~(HV_MCE_CAP | MCG_BANKCNT_MASK)))
		return -EINVAL;
	vcpu->mcg_cap = mcg_cap;
	if (mcg_cap & MCG_CTL_P)
		vcpu->mcg_ctl = ~0ULL;
	for (i = 0; i < count; i++)
		vcpu->mce[i][MCE_CTL] = ~0ULL;
	return 0;
}

/**
 * hv_mce_inject() - KVM_X86_SET_MCE
 * @vcpu: locked
 * @mce: an error for one bank
 *
 * An uncorrected error raises #MC unless the guest has switched its report
 * off, and shuts the guest down when it comes during another or with CR4.MCE
 * clear, as on a CPU. A corrected one is only recorded.
 *
 * Return: 0, or -EINVAL for a bank that does not exist or an invalid status.
 */
int hv_mce_inject(struct hv_vcpu *vcpu, const struct kvm_x86_mce *mce)
{
	u64 *bank;

	if (mce->bank >= banks(vcpu) || !(mce->status & MCI_STATUS_VAL))
		return -EINVAL;
	bank = vcpu->mce[mce->bank];

	if (!(mce->status & MCI_STATUS_UC)) {
		/* The first error stays, and an uncorrected one above all. */
		if (bank[MCE_STATUS] & MCI_STATUS_VAL) {
			bank[MCE_STATUS] |= MCI_STATUS_OVER;
			return 0;
		}
	} else {
		if (((vcpu->mcg_cap & MCG_CTL_P) && vcpu->mcg_ctl != ~0ULL) ||
		    bank[MCE_CTL] != ~0ULL)
			return 0;
		hv_need(vcpu, HV_PART_CR);
		if ((vcpu->mcg_status & MCG_STATUS_MCIP) ||
		    !(vcpu->state.cr4 & X86_CR4_MCE)) {
			hv_request(vcpu, HV_REQ_TRIPLE);
			return 0;
		}
		vcpu->mcg_status = mce->mcg_status;
	}
	bank[MCE_STATUS] = mce->status |
			   (bank[MCE_STATUS] & MCI_STATUS_VAL ?
			    MCI_STATUS_OVER : 0);
	bank[MCE_ADDR] = mce->addr;
	bank[MCE_MISC] = mce->misc;
	if (mce->status & MCI_STATUS_UC)
		hv_inject(vcpu, X86_TRAP_MC);
	return 0;
}

/* One of the four registers of a bank, NULL when the bank does not exist. */
static u64 *bank_register(struct hv_vcpu *vcpu, u32 msr)
{
	u32 i = msr - MSR_IA32_MC0_CTL;

	return i < 4 * banks(vcpu) ? &vcpu->mce[i / 4][i % 4] : NULL;
}

/**
 * hv_mce_msr_read() - read MCG_CAP, MCG_STATUS, MCG_CTL or a bank
 * @vcpu: its own thread, hot or slow path
 * @msr: which
 * @value: filled
 * @host: user space reads, which lists MCG_CTL before the banks are set up
 *
 * Return: 0, or -EINVAL when the guest's CPU lacks it.
 */
int hv_mce_msr_read(struct hv_vcpu *vcpu, u32 msr, u64 *value, bool host)
{
	u64 *reg;

	switch (msr) {
	case MSR_IA32_MCG_CAP:
		*value = vcpu->mcg_cap;
		return 0;
	case MSR_IA32_MCG_STATUS:
		*value = vcpu->mcg_status;
		return 0;
	case MSR_IA32_MCG_CTL:
		*value = vcpu->mcg_ctl;
		return host || (vcpu->mcg_cap & MCG_CTL_P) ? 0 : -EINVAL;
	default:
		reg = bank_register(vcpu, msr);
		*value = reg ? *reg : 0;
		return reg ? 0 : -EINVAL;
	}
}

/**
 * hv_mce_msr_write() - write MCG_STATUS, MCG_CTL or a bank
 * @vcpu: its own thread, hot or slow path
 * @msr: which
 * @value: new value
 * @host: user space restores a state
 *
 * Return: 0, or -EINVAL when the guest gets #GP.
 */
int hv_mce_msr_write(struct hv_vcpu *vcpu, u32 msr, u64 value, bool host)
{
	u64 *reg;

	switch (msr) {
	case MSR_IA32_MCG_CAP:
		/* Set by KVM_X86_SETUP_MCE; a restore may repeat it. */
		return host && value == vcpu->mcg_cap ? 0 : -EINVAL;
	case MSR_IA32_MCG_STATUS:
		vcpu->mcg_status = value;
		return 0;
	case MSR_IA32_MCG_CTL:
		if ((!host && !(vcpu->mcg_cap & MCG_CTL_P)) ||
		    (value && value != ~0ULL))
			return -EINVAL;
		vcpu->mcg_ctl = value;
		return 0;
	}

	reg = bank_register(vcpu, msr);
	if (!reg)
		return -EINVAL;
	if (!host) {
		switch ((msr - MSR_IA32_MC0_CTL) % 4) {
		case MCE_CTL:
			/* Linux leaves bits 0 or 10 clear on some CPUs. */
			if (value && (value | BIT(10) | BIT(0)) != ~0ULL)
				return -EINVAL;
			break;
		case MCE_STATUS:
			if (value && !(vcpu->hwcr & HWCR_STATUS_WRITE))
				return -EINVAL;
			break;
		}
	}
	*reg = value;
	return 0;
}
