// SPDX-License-Identifier: GPL-2.0
/*
 * Special registers, run state and address translation for user space.
 */
#include "hvctl.h"

#include <linux/bitops.h>

#include <asm/msr-index.h>
#include <asm/processor-flags.h>

/* Both generations of the structure begin alike, up to the APIC base. */
#define HV_SREGS_COMMON	offsetofend(struct kvm_sregs, apic_base)
static_assert(HV_SREGS_COMMON == offsetofend(struct kvm_sregs2, apic_base));

/**
 * hv_sregs_get() - KVM_GET_SREGS
 * @vcpu: locked
 * @sregs: filled
 */
int hv_sregs_get(struct hv_vcpu *vcpu, struct kvm_sregs *sregs)
{
	const struct hv_state *s = &vcpu->state;
	s16 irq = vcpu->user_irq;

	hv_need(vcpu, HV_PART_CR | HV_PART_SEG);
	memset(sregs, 0, sizeof(*sregs));
	sregs->cs = s->seg[HV_CS];
	sregs->ds = s->seg[HV_DS];
	sregs->es = s->seg[HV_ES];
	sregs->fs = s->seg[HV_FS];
	sregs->gs = s->seg[HV_GS];
	sregs->ss = s->seg[HV_SS];
	sregs->tr = s->seg[HV_TR];
	sregs->ldt = s->seg[HV_LDTR];
	sregs->gdt = s->gdt;
	sregs->idt = s->idt;
	sregs->cr0 = s->cr0;
	sregs->cr2 = s->cr2;
	sregs->cr3 = s->cr3;
	sregs->cr4 = s->cr4;
	sregs->cr8 = vcpu->lapic ? hv_lapic_tpr(vcpu) >> 4 : s->cr8;
	sregs->efer = s->efer;
	sregs->apic_base = hv_lapic_base(vcpu);
	if (vcpu->event.type == HV_EV_INTERRUPT)
		irq = vcpu->event.vector;
	if (irq >= 0)
		sregs->interrupt_bitmap[irq / 64] |= BIT_ULL(irq % 64);
	return 0;
}

/**
 * hv_sregs2_get() - KVM_GET_SREGS2
 * @vcpu: locked
 * @sregs2: filled; what waits in interrupt_bitmap of KVM_GET_SREGS is not here,
 *	    the page-directory-pointer registers are, where the mode has them
 */
int hv_sregs2_get(struct hv_vcpu *vcpu, struct kvm_sregs2 *sregs2)
{
	struct kvm_sregs sregs;

	hv_sregs_get(vcpu, &sregs);
	memset(sregs2, 0, sizeof(*sregs2));
	memcpy(sregs2, &sregs, HV_SREGS_COMMON);
	if (hv_pae_paging(vcpu)) {
		/* What a load would read now, or has read when it was due. */
		if (!hv_backend->pdpte ||
		    test_and_clear_bit(HV_REQ_PDPTE, &vcpu->requests))
			hv_pdpte_load(vcpu);
		hv_need(vcpu, HV_PART_PDPTE);
		memcpy(sregs2->pdptrs, vcpu->state.pdpte, sizeof(sregs2->pdptrs));
		sregs2->flags = KVM_SREGS2_FLAGS_PDPTRS_VALID;
	}
	return 0;
}

/* The privilege level that this mode and these segments make. */
static u8 cpl_of(const struct hv_vcpu *vcpu, const struct kvm_sregs *sregs)
{
	if (!(sregs->cr0 & X86_CR0_PE))
		return 0;
	if (!(sregs->efer & EFER_LMA) && (vcpu->state.rflags & X86_EFLAGS_VM))
		return 3;
	return sregs->ss.dpl;
}

/* The highest vector of the bitmap, -1 for none. */
static s16 bitmap_vector(const u64 *bitmap)
{
	int i;

	for (i = 3; i >= 0; i--)
		if (bitmap[i])
			return i * 64 + fls64(bitmap[i]) - 1;
	return -1;
}

/**
 * hv_sregs_set() - KVM_SET_SREGS
 * @vcpu: locked
 * @sregs: checked as a whole before anything changes
 *
 * Return: 0, or -EINVAL for a mode that no CPU with this CPUID can be in, or
 * for an APIC base that the LAPIC refuses.
 */
int hv_sregs_set(struct hv_vcpu *vcpu, const struct kvm_sregs *sregs)
{
	struct hv_state *s = &vcpu->state;
	s16 irq = bitmap_vector(sregs->interrupt_bitmap);
	int ret;

	if (!hv_creg_valid(vcpu, sregs))
		return -EINVAL;
	ret = hv_lapic_base_set(vcpu, sregs->apic_base, true);
	if (ret < 0)
		return ret;

	s->seg[HV_CS] = sregs->cs;
	s->seg[HV_DS] = sregs->ds;
	s->seg[HV_ES] = sregs->es;
	s->seg[HV_FS] = sregs->fs;
	s->seg[HV_GS] = sregs->gs;
	s->seg[HV_SS] = sregs->ss;
	s->seg[HV_TR] = sregs->tr;
	s->seg[HV_LDTR] = sregs->ldt;
	s->gdt = sregs->gdt;
	s->idt = sregs->idt;
	s->cpl = cpl_of(vcpu, sregs);
	s->code64 = (sregs->efer & EFER_LMA) && sregs->cs.l;
	s->cr0 = sregs->cr0 | X86_CR0_ET;
	s->cr2 = sregs->cr2;
	s->cr3 = sregs->cr3;
	s->cr4 = sregs->cr4;
	s->efer = sregs->efer;
	s->cr8 = sregs->cr8;
	if (vcpu->lapic)
		hv_lapic_tpr_set(vcpu, sregs->cr8 << 4);
	hv_dirty(vcpu, HV_PART_CR | HV_PART_SEG);

	if (irq >= 0)
		vcpu->event = (struct hv_event) {
			.type = HV_EV_INTERRUPT, .vector = irq, .redo = 1,
		};
	hv_cpuid_refresh(vcpu);
	hv_request(vcpu, HV_REQ_PDPTE);
	hv_request(vcpu, HV_REQ_FLUSH_TLB);
	hv_request(vcpu, HV_REQ_EVENT);
	return 0;
}

/**
 * hv_sregs2_set() - KVM_SET_SREGS2
 * @vcpu: locked
 * @sregs2: with KVM_SREGS2_FLAGS_PDPTRS_VALID, and in a mode that has them, the
 *	    page-directory-pointer registers are what is given, whatever memory
 *	    holds, but for SVM, which reads memory whenever it needs one (APM volume
 *	    2, 15.25.10); a load of CR3 reads them again (SDM volume 3, 4.4.1)
 *
 * Return: 0; -EINVAL for other flags, or as hv_sregs_set().
 */
int hv_sregs2_set(struct hv_vcpu *vcpu, const struct kvm_sregs2 *sregs2)
{
	struct kvm_sregs sregs = {};
	int ret;

	if (sregs2->flags & ~(u64)KVM_SREGS2_FLAGS_PDPTRS_VALID)
		return -EINVAL;
	memcpy(&sregs, sregs2, HV_SREGS_COMMON);
	ret = hv_sregs_set(vcpu, &sregs);
	if (ret || !(sregs2->flags & KVM_SREGS2_FLAGS_PDPTRS_VALID) ||
	    !hv_backend->pdpte || !hv_pae_paging(vcpu))
		return ret;
	clear_bit(HV_REQ_PDPTE, &vcpu->requests);
	memcpy(vcpu->state.pdpte, sregs2->pdptrs, sizeof(sregs2->pdptrs));
	hv_dirty(vcpu, HV_PART_PDPTE);
	return 0;
}

/**
 * hv_mp_state_get() - KVM_GET_MP_STATE
 * @vcpu: locked
 * @mp: filled
 *
 * INIT and SIPI that came since the last KVM_RUN count: a VM that is saved now
 * must not forget them.
 */
int hv_mp_state_get(struct hv_vcpu *vcpu, struct kvm_mp_state *mp)
{
	if (test_and_clear_bit(HV_REQ_INIT, &vcpu->requests))
		hv_vcpu_serve_init(vcpu);
	mp->mp_state = vcpu->mp_state;
	return 0;
}

/**
 * hv_mp_state_set() - KVM_SET_MP_STATE
 * @vcpu: locked
 * @mp: without an in-kernel LAPIC only KVM_MP_STATE_RUNNABLE, as nothing
 *	could wake the vCPU from the other states
 *
 * Return: 0, or -EINVAL for a state that this vCPU cannot be in.
 */
int hv_mp_state_set(struct hv_vcpu *vcpu, const struct kvm_mp_state *mp)
{
	u32 state = mp->mp_state;

	switch (state) {
	case KVM_MP_STATE_RUNNABLE:
		break;
	case KVM_MP_STATE_UNINITIALIZED:
	case KVM_MP_STATE_INIT_RECEIVED:
	case KVM_MP_STATE_HALTED:
		if (!vcpu->lapic)
			return -EINVAL;
		break;
	case KVM_MP_STATE_SIPI_RECEIVED:
		/* The vector came with KVM_SET_VCPU_EVENTS. */
		if (!vcpu->lapic)
			return -EINVAL;
		state = KVM_MP_STATE_INIT_RECEIVED;
		set_bit(8, &vcpu->sipi);
		hv_request(vcpu, HV_REQ_INIT);
		break;
	default:
		return -EINVAL;
	}
	vcpu->mp_state = state;
	hv_request(vcpu, HV_REQ_EVENT);
	return 0;
}

/**
 * hv_translate() - KVM_TRANSLATE
 * @vcpu: locked
 * @tr: in: linear address; out: the rest. usermode says that user mode may
 *	read the page, writeable that the kernel may write it
 */
int hv_translate(struct hv_vcpu *vcpu, struct kvm_translation *tr)
{
	u64 gva = tr->linear_address;
	struct hv_walk walk;

	memset(tr, 0, sizeof(*tr));
	tr->linear_address = gva;
	tr->physical_address = ~0ULL;
	if (hv_walk_gva(vcpu, gva, HV_WALK_LOOK, false, &walk) < 0)
		return 0;
	tr->physical_address = walk.gpa;
	tr->valid = 1;
	tr->writeable = hv_walk_gva(vcpu, gva, HV_WALK_LOOK | HV_WALK_WRITE,
				    false, &walk) >= 0;
	tr->usermode = hv_walk_gva(vcpu, gva, HV_WALK_LOOK | HV_WALK_USER,
				   false, &walk) >= 0;
	return 0;
}
