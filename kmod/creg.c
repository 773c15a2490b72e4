// SPDX-License-Identifier: GPL-2.0
/*
 * Writes to control registers: what the CPU would accept, and what follows.
 *
 * The rules are those of "System-Control Registers" in the AMD manual
 * (volume 2, chapter 3) and "Control Registers" in the Intel one (volume 3,
 * 2.5); where the two differ the stricter rule holds, as a guest that follows
 * it runs on either CPU.
 *
 * A change that alters how linear addresses translate asks for a TLB flush:
 * a CPU would drop its translations with the write, and the tagged TLB does
 * not see the write when the exit handler does it.
 */
#include "hvctl.h"

#include <asm/fpu/types.h>
#include <asm/msr-index.h>
#include <asm/processor-flags.h>

#define CR0_DEFINED	(X86_CR0_PE | X86_CR0_MP | X86_CR0_EM | X86_CR0_TS | \
			 X86_CR0_ET | X86_CR0_NE | X86_CR0_WP | X86_CR0_AM | \
			 X86_CR0_NW | X86_CR0_CD | X86_CR0_PG)

/* CR4 bits that change translation; the others leave the TLB alone. */
#define CR4_PAGING	(X86_CR4_PSE | X86_CR4_PAE | X86_CR4_PGE | \
			 X86_CR4_LA57 | X86_CR4_PCIDE | X86_CR4_SMEP | \
			 X86_CR4_SMAP | X86_CR4_PKE)

/*
 * With PAE paging a CPU reads the four top entries once, when CR0, CR3 or CR4
 * is written (Intel volume 3, 4.4.1). Where it was not the CPU that wrote, they
 * are read before the guest runs again.
 */
static void want_pdpte(struct hv_vcpu *vcpu)
{
	if (hv_pae_paging(vcpu))
		hv_request(vcpu, HV_REQ_PDPTE);
}

/**
 * hv_pdpte_load() - read the top entries of the guest's PAE paging
 * @vcpu: its own thread, outside the inner loop
 *
 * An entry that an entry into the guest would be refused for, or that is not in
 * memory, counts as absent: its use gives #PF.
 */
void hv_pdpte_load(struct hv_vcpu *vcpu)
{
	struct hv_state *s = &vcpu->state;
	u64 reserved = GENMASK_ULL(63, vcpu->cpuid.phys_bits) |
		       GENMASK_ULL(8, 5) | GENMASK_ULL(2, 1);
	int i;

	if (!hv_pae_paging(vcpu))
		return;
	if (hv_read_gpa(vcpu->vm, s->cr3 & GENMASK_ULL(31, 5), s->pdpte,
			sizeof(s->pdpte)))
		memset(s->pdpte, 0, sizeof(s->pdpte));
	for (i = 0; i < ARRAY_SIZE(s->pdpte); i++)
		if (hv_backend->pdpte && (s->pdpte[i] & reserved))
			s->pdpte[i] = 0;
	hv_dirty(vcpu, HV_PART_PDPTE);
}

/**
 * hv_cr0_set() - the guest writes CR0
 * @vcpu: its own thread, hot or slow path
 * @value: as the guest wrote it
 *
 * Switches EFER.LMA along with CR0.PG when EFER.LME is set. ET reads as 1;
 * undefined bits of the lower half are ignored, as real CPUs do.
 *
 * Return: 0, or -EINVAL when the guest gets #GP.
 */
int hv_cr0_set(struct hv_vcpu *vcpu, u64 value)
{
	struct hv_state *s = &vcpu->state;
	u64 changed;

	if (upper_32_bits(value))
		return -EINVAL;
	value = (value & CR0_DEFINED) | X86_CR0_ET;
	if ((value & X86_CR0_PG) && !(value & X86_CR0_PE))
		return -EINVAL;
	if ((value & X86_CR0_NW) && !(value & X86_CR0_CD))
		return -EINVAL;

	hv_need(vcpu, HV_PART_CR);
	changed = value ^ s->cr0;
	if (changed & X86_CR0_PG) {
		if (!(value & X86_CR0_PG)) {
			if (s->cr4 & X86_CR4_PCIDE)
				return -EINVAL;
			if (s->code64)
				return -EINVAL;
			s->efer &= ~EFER_LMA;
		} else if (s->efer & EFER_LME) {
			hv_need(vcpu, HV_PART_SEG);
			if (!(s->cr4 & X86_CR4_PAE) || s->seg[HV_CS].l)
				return -EINVAL;
			s->efer |= EFER_LMA;
		}
	}
	s->cr0 = value;
	hv_dirty(vcpu, HV_PART_CR);
	want_pdpte(vcpu);
	if (changed & (X86_CR0_PG | X86_CR0_WP | X86_CR0_PE))
		hv_request(vcpu, HV_REQ_FLUSH_TLB);
	return 0;
}

/* Bits of CR3 above the physical address width are reserved in long mode. */
static bool cr3_valid(struct hv_vcpu *vcpu, u64 value)
{
	return !(value >> vcpu->cpuid.phys_bits);
}

/**
 * hv_cr3_set() - the guest writes CR3
 * @vcpu: its own thread, hot or slow path
 * @value: as the guest wrote it; bit 63 asks to keep translations when PCIDs
 *	   are on, and is not part of the register
 *
 * Return: 0, or -EINVAL when the guest gets #GP.
 */
int hv_cr3_set(struct hv_vcpu *vcpu, u64 value)
{
	hv_need(vcpu, HV_PART_CR);
	if (vcpu->state.cr4 & X86_CR4_PCIDE)
		value &= ~X86_CR3_PCID_NOFLUSH;
	if (!cr3_valid(vcpu, value))
		return -EINVAL;
	vcpu->state.cr3 = value;
	hv_dirty(vcpu, HV_PART_CR);
	want_pdpte(vcpu);
	hv_request(vcpu, HV_REQ_FLUSH_TLB);
	return 0;
}

/**
 * hv_cr4_set() - the guest writes CR4
 * @vcpu: its own thread, hot or slow path
 * @value: as the guest wrote it
 *
 * Return: 0, or -EINVAL when the guest gets #GP.
 */
int hv_cr4_set(struct hv_vcpu *vcpu, u64 value)
{
	struct hv_state *s = &vcpu->state;
	u64 changed;

	if (value & vcpu->cpuid.cr4_reserved)
		return -EINVAL;

	hv_need(vcpu, HV_PART_CR);
	changed = value ^ s->cr4;
	if (s->efer & EFER_LMA) {
		if (!(value & X86_CR4_PAE) || (changed & X86_CR4_LA57))
			return -EINVAL;
	} else if (value & X86_CR4_PCIDE) {
		return -EINVAL;
	}
	/* PCIDs can only be switched on while PCID 0 is current. */
	if ((changed & value & X86_CR4_PCIDE) && (s->cr3 & X86_CR3_PCID_MASK))
		return -EINVAL;

	s->cr4 = value;
	hv_dirty(vcpu, HV_PART_CR);
	want_pdpte(vcpu);
	if (changed & CR4_PAGING)
		hv_request(vcpu, HV_REQ_FLUSH_TLB);
	if (changed & (X86_CR4_OSXSAVE | X86_CR4_PKE))
		hv_cpuid_refresh(vcpu);
	return 0;
}

/**
 * hv_efer_set() - the guest or user space writes EFER
 * @vcpu: its own thread, hot or slow path
 * @value: new value; LMA is ignored, it follows LME and CR0.PG
 * @host: user space writes, whose state may arrive in any order: the check
 *	  against the guest's CPUID is left to the guest's own writes
 *
 * Return: 0, or -EINVAL when the guest gets #GP.
 */
int hv_efer_set(struct hv_vcpu *vcpu, u64 value, bool host)
{
	struct hv_state *s = &vcpu->state;
	u64 changed;

	if (value & (host ? hv_efer_host_reserved() : vcpu->cpuid.efer_reserved))
		return -EINVAL;

	hv_need(vcpu, HV_PART_CR);
	value = (value & ~EFER_LMA) | (s->efer & EFER_LMA);
	changed = value ^ s->efer;
	if (!changed)
		return 0;
	if ((changed & EFER_LME) && (s->cr0 & X86_CR0_PG))
		return -EINVAL;
	s->efer = value;
	hv_dirty(vcpu, HV_PART_CR);
	if (changed & EFER_NX)
		hv_request(vcpu, HV_REQ_FLUSH_TLB);
	return 0;
}

/**
 * hv_xcr0_set() - XSETBV of register 0, or KVM_SET_XCRS
 * @vcpu: its own thread, hot or slow path
 * @value: new XCR0
 *
 * Return: 0, or -EINVAL when the guest gets #GP (Intel volume 1, 13.3).
 */
int hv_xcr0_set(struct hv_vcpu *vcpu, u64 value)
{
	/* Reset leaves x87 enabled, whether CPUID tells of XSAVE or not. */
	u64 allowed = vcpu->cpuid.xcr0_allowed | XFEATURE_MASK_FP;

	if (!(value & XFEATURE_MASK_FP) || (value & ~allowed))
		return -EINVAL;
	if ((value & XFEATURE_MASK_YMM) && !(value & XFEATURE_MASK_SSE))
		return -EINVAL;
	/* The three parts of AVX-512 only come together, and with AVX. */
	if (value & XFEATURE_MASK_AVX512) {
		if ((value & XFEATURE_MASK_AVX512) != XFEATURE_MASK_AVX512 ||
		    !(value & XFEATURE_MASK_YMM))
			return -EINVAL;
	}
	if (value != vcpu->state.xcr0) {
		vcpu->state.xcr0 = value;
		hv_cpuid_refresh(vcpu);
	}
	return 0;
}

/**
 * hv_creg_valid() - whether a CPU could ever be in this mode
 * @vcpu: whose CPUID decides which bits exist
 * @sregs: what user space wants to load
 *
 * Guards KVM_SET_SREGS: a combination that no sequence of instructions can
 * reach would make the CPU refuse the control block (AMD volume 2, 15.5.1,
 * "Canonicalization and Consistency Checks").
 */
bool hv_creg_valid(struct hv_vcpu *vcpu, const struct kvm_sregs *sregs)
{
	u64 cr0 = sregs->cr0, cr4 = sregs->cr4, efer = sregs->efer;
	bool pg = cr0 & X86_CR0_PG;

	if (upper_32_bits(cr0) || (cr4 & vcpu->cpuid.cr4_reserved) ||
	    (efer & hv_efer_host_reserved()) || sregs->cr8 > 15)
		return false;
	if ((pg && !(cr0 & X86_CR0_PE)) ||
	    ((cr0 & X86_CR0_NW) && !(cr0 & X86_CR0_CD)))
		return false;
	if (pg && (efer & EFER_LME)) {
		if (!(cr4 & X86_CR4_PAE) || !(efer & EFER_LMA))
			return false;
		return cr3_valid(vcpu, sregs->cr3) &&
		       !(sregs->cs.l && sregs->cs.db);
	}
	return !(efer & EFER_LMA) && !sregs->cs.l && !(cr4 & X86_CR4_PCIDE);
}
