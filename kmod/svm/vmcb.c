// SPDX-License-Identifier: GPL-2.0
/*
 * The virtual machine control block: its life, its intercepts, and moving
 * state between its save area and struct hv_state.
 */
#include <linux/mm.h>
#include <asm/debugreg.h>
#include <asm/msr.h>
#include <asm/trapnr.h>

#include "svm.h"

/* Segment attributes: 12 bits of the descriptor, packed as in APM 15.5.1. */
static u16 attrib_of(const struct kvm_segment *seg)
{
	/* A segment that cannot be used has no P bit in the VMCB. */
	u16 present = seg->present && !seg->unusable;

	return seg->type | seg->s << 4 | seg->dpl << 5 | present << 7 |
	       seg->avl << 8 | seg->l << 9 | seg->db << 10 | seg->g << 11;
}

static void seg_to_vmcb(struct vmcb_seg *to, const struct kvm_segment *seg)
{
	to->selector = seg->selector;
	to->base = seg->base;
	to->limit = seg->limit;
	to->attrib = attrib_of(seg);
}

static void seg_from_vmcb(struct kvm_segment *seg, const struct vmcb_seg *from)
{
	u16 attrib = from->attrib;

	*seg = (struct kvm_segment) {
		.base = from->base,
		.limit = from->limit,
		.selector = from->selector,
		.type = attrib & 15,
		.s = attrib >> 4 & 1,
		.dpl = attrib >> 5 & 3,
		.present = attrib >> 7 & 1,
		.avl = attrib >> 8 & 1,
		.l = attrib >> 9 & 1,
		.db = attrib >> 10 & 1,
		.g = attrib >> 11 & 1,
		.unusable = !(attrib & BIT(7)),
	};
}

static const u8 seg_order[HV_SEGS] = {
	[HV_ES] = offsetof(struct vmcb_save_area, es) / sizeof(struct vmcb_seg),
	[HV_CS] = offsetof(struct vmcb_save_area, cs) / sizeof(struct vmcb_seg),
	[HV_SS] = offsetof(struct vmcb_save_area, ss) / sizeof(struct vmcb_seg),
	[HV_DS] = offsetof(struct vmcb_save_area, ds) / sizeof(struct vmcb_seg),
	[HV_FS] = offsetof(struct vmcb_save_area, fs) / sizeof(struct vmcb_seg),
	[HV_GS] = offsetof(struct vmcb_save_area, gs) / sizeof(struct vmcb_seg),
	[HV_LDTR] = offsetof(struct vmcb_save_area, ldtr) / sizeof(struct vmcb_seg),
	[HV_TR] = offsetof(struct vmcb_save_area, tr) / sizeof(struct vmcb_seg),
};

static struct vmcb_seg *vmcb_seg(struct vmcb *vmcb, enum hv_seg seg)
{
	return (struct vmcb_seg *)&vmcb->save + seg_order[seg];
}

#define CR0_CACHE	(X86_CR0_CD | X86_CR0_NW)

/**
 * svm_fetch() - control block to vcpu->state
 * @vcpu: the vCPU, stopped
 * @parts: HV_PART_* that the caller wants
 */
void svm_fetch(struct hv_vcpu *vcpu, u32 parts)
{
	struct svm_vcpu *svm = to_svm(vcpu);
	struct vmcb_save_area *save = &svm->vmcb->save;
	struct hv_state *st = &vcpu->state;
	enum hv_seg i;

	if (parts & HV_PART_CR) {
		/* CD and NW are kept from the CPU, see svm_store(). */
		st->cr0 = (save->cr0 & ~CR0_CACHE) | (st->cr0 & CR0_CACHE);
		st->cr3 = save->cr3;
		st->cr4 = save->cr4;
		st->efer = save->efer & ~EFER_SVME;
	}
	if (parts & HV_PART_SEG) {
		for (i = 0; i < HV_SEGS; i++)
			seg_from_vmcb(&st->seg[i], vmcb_seg(svm->vmcb, i));
		/*
		 * The CPU's notion of privilege is save->cpl; SS.DPL may lag
		 * behind it after SYSRET (APM 15.5.1), and user space derives
		 * CPL from SS.DPL.
		 */
		st->seg[HV_SS].dpl = save->cpl;
		/* VMEXIT does not store the busy bit of TR on all CPUs. */
		st->seg[HV_TR].type |= 2;
		st->gdt.base = save->gdtr.base;
		st->gdt.limit = save->gdtr.limit;
		st->idt.base = save->idtr.base;
		st->idt.limit = save->idtr.limit;
	}
	if (parts & HV_PART_MSR) {
		st->star = save->star;
		st->lstar = save->lstar;
		st->cstar = save->cstar;
		st->sfmask = save->sfmask;
		st->kernel_gs_base = save->kernel_gs_base;
		st->sysenter_cs = save->sysenter_cs;
		st->sysenter_esp = save->sysenter_esp;
		st->sysenter_eip = save->sysenter_eip;
		st->pat = save->g_pat;
	}
	if (parts & HV_PART_DR) {
		if (likely(!hv_debugged(vcpu))) {
			st->dr6 = save->dr6;
			st->dr7 = save->dr7;
		}
		st->debugctl = save->dbgctl;
	}
}

/**
 * svm_store() - vcpu->state to control block
 * @vcpu: the vCPU, stopped
 * @parts: HV_PART_* that were changed
 */
void svm_store(struct hv_vcpu *vcpu, u32 parts)
{
	struct svm_vcpu *svm = to_svm(vcpu);
	struct vmcb_save_area *save = &svm->vmcb->save;
	const struct hv_state *st = &vcpu->state;
	enum hv_seg i;

	if (parts & HV_PART_CR) {
		/*
		 * With nested paging a guest's CR0.CD would turn the caches of
		 * the host CPU off for as long as the guest runs. The guest
		 * keeps the bits it wrote, the CPU never sees them.
		 */
		save->cr0 = st->cr0 & ~CR0_CACHE;
		svm_intercept(svm, INTERCEPT_CR0_READ, st->cr0 & CR0_CACHE);
		/* To the CPU, the write that clears them changes nothing. */
		svm_intercept(svm, INTERCEPT_CR0_WRITE, st->cr0 & CR0_CACHE);
		save->cr3 = st->cr3;
		save->cr4 = st->cr4;
		save->efer = st->efer | EFER_SVME;	/* APM 15.5.1: or VMEXIT_INVALID */
		svm_unclean(svm, SVM_CLEAN_CR);
	}
	if (parts & HV_PART_SEG) {
		for (i = 0; i < HV_SEGS; i++)
			seg_to_vmcb(vmcb_seg(svm->vmcb, i), &st->seg[i]);
		save->cpl = st->seg[HV_SS].dpl;
		save->gdtr.base = st->gdt.base;
		save->gdtr.limit = st->gdt.limit;
		save->idtr.base = st->idt.base;
		save->idtr.limit = st->idt.limit;
		svm_unclean(svm, SVM_CLEAN_SEG | SVM_CLEAN_DT);
	}
	if (parts & HV_PART_MSR) {
		save->star = st->star;
		save->lstar = st->lstar;
		save->cstar = st->cstar;
		save->sfmask = st->sfmask;
		save->kernel_gs_base = st->kernel_gs_base;
		save->sysenter_cs = st->sysenter_cs;
		save->sysenter_esp = st->sysenter_esp;
		save->sysenter_eip = st->sysenter_eip;
		save->g_pat = st->pat;
		svm_unclean(svm, SVM_CLEAN_NPT);
	}
	if (parts & HV_PART_DR) {
		save->dr6 = hv_debugged(vcpu) ? DR6_RESERVED : st->dr6;
		save->dr7 = hv_dr7(vcpu);
		save->dbgctl = st->debugctl;
		svm_intercept(svm, INTERCEPT_EXCEPTION_OFFSET + X86_TRAP_BP,
			      hv_wants_bp(vcpu));
		svm_unclean(svm, SVM_CLEAN_DR | SVM_CLEAN_LBR);
	}
}

static void msr_pass(struct svm_vcpu *svm, u32 msr, bool pass)
{
	/* APM 15.11: three ranges of 8192 MSRs, two bits each. */
	u32 bit;

	if (msr < 0x2000)
		bit = msr * 2;
	else if (msr >= 0xc0000000 && msr < 0xc0002000)
		bit = 0x4000 + (msr - 0xc0000000) * 2;
	else
		bit = 0x8000 + (msr - 0xc0010000) * 2;

	if (pass) {
		__clear_bit(bit, svm->msrpm);
		__clear_bit(bit + 1, svm->msrpm);
	} else {
		__set_bit(bit, svm->msrpm);
		__set_bit(bit + 1, svm->msrpm);
	}
	svm_unclean(svm, SVM_CLEAN_PERM_MAPS);
}

/*
 * MSRs the guest reads and writes without an exit: VMLOAD and VMSAVE, or VMRUN
 * itself, switch them. PAT is the guest's G_PAT under nested paging, but its
 * reserved encodings must be refused, so writes to it are intercepted.
 */
static const u32 passed_msrs[] = {
	MSR_STAR, MSR_LSTAR, MSR_CSTAR, MSR_SYSCALL_MASK,
	MSR_FS_BASE, MSR_GS_BASE, MSR_KERNEL_GS_BASE,
	MSR_IA32_SYSENTER_CS, MSR_IA32_SYSENTER_ESP, MSR_IA32_SYSENTER_EIP,
};

/**
 * svm_vcpu_create() - allocate a control block
 * @vcpu: the vCPU; on success vcpu->hw is set
 *
 * Return: 0 or -ENOMEM.
 */
int svm_vcpu_create(struct hv_vcpu *vcpu)
{
	struct svm_vcpu *svm = kzalloc(sizeof(*svm), GFP_KERNEL_ACCOUNT);

	if (!svm)
		return -ENOMEM;
	svm->vmcb = (void *)get_zeroed_page(GFP_KERNEL_ACCOUNT);
	svm->msrpm = (void *)__get_free_pages(GFP_KERNEL_ACCOUNT, SVM_MSRPM_ORDER);
	vcpu->hw = svm;
	if (!svm->vmcb || !svm->msrpm) {
		svm_vcpu_destroy(vcpu);
		return -ENOMEM;
	}
	svm->vmcb_pa = virt_to_phys(svm->vmcb);
	return 0;
}

/**
 * svm_vcpu_destroy() - free what svm_vcpu_create() made
 * @vcpu: the vCPU; it never runs again
 */
void svm_vcpu_destroy(struct hv_vcpu *vcpu)
{
	struct svm_vcpu *svm = to_svm(vcpu);

	free_pages((unsigned long)svm->msrpm, SVM_MSRPM_ORDER);
	free_page((unsigned long)svm->vmcb);
	kfree(svm);
	vcpu->hw = NULL;
}

/*
 * Intercepts every guest has. What is absent here runs at full speed: CR3,
 * INVLPG, INVPCID, PUSHF, RDTSC, task switches.
 */
static const u8 intercepts[] = {
	INTERCEPT_INTR, INTERCEPT_NMI, INTERCEPT_INIT,
	/* CR0 only where more than TS and MP changes; CR4 for guest CPUID. */
	INTERCEPT_SELECTIVE_CR0, INTERCEPT_CR4_WRITE,
	/*
	 * #DB and #AC can recur for ever inside their own delivery and would
	 * keep the CPU from taking interrupts: see CVE-2015-8104 and 5307.
	 */
	INTERCEPT_EXCEPTION_OFFSET + 1, INTERCEPT_EXCEPTION_OFFSET + 17,
	INTERCEPT_EXCEPTION_OFFSET + 18,	/* #MC is the host's */
	INTERCEPT_CPUID, INTERCEPT_HLT, INTERCEPT_RDPMC,
	INTERCEPT_INVD, INTERCEPT_WBINVD,
	INTERCEPT_IOIO_PROT, INTERCEPT_MSR_PROT,
	INTERCEPT_FERR_FREEZE, INTERCEPT_SHUTDOWN,
	INTERCEPT_VMMCALL, INTERCEPT_XSETBV,
	INTERCEPT_MONITOR, INTERCEPT_MWAIT,
	/* SVM itself is not offered to guests. */
	INTERCEPT_VMRUN, INTERCEPT_VMLOAD, INTERCEPT_VMSAVE, INTERCEPT_STGI,
	INTERCEPT_CLGI, INTERCEPT_SKINIT, INTERCEPT_INVLPGA,
	INTERCEPT_RDPRU, INTERCEPT_INVLPGB, INTERCEPT_INVLPGB_ILLEGAL,
	INTERCEPT_TLBSYNC, INTERCEPT_MCOMMIT,
};

/**
 * svm_vcpu_reset() - a control block as a new vCPU has it
 * @vcpu: the vCPU; guest state is the core's to set
 */
void svm_vcpu_reset(struct hv_vcpu *vcpu)
{
	struct svm_vcpu *svm = to_svm(vcpu);
	struct vmcb_control_area *ctl = &svm->vmcb->control;
	size_t i;

	memset(svm->vmcb, 0, sizeof(*svm->vmcb));
	memset(svm->msrpm, 0xff, PAGE_SIZE << SVM_MSRPM_ORDER);
	for (i = 0; i < ARRAY_SIZE(passed_msrs); i++)
		msr_pass(svm, passed_msrs[i], true);
	if (svm_features.v_spec_ctrl)
		msr_pass(svm, MSR_IA32_SPEC_CTRL, true);
	for (i = 0; i < ARRAY_SIZE(intercepts); i++)
		svm_intercept(svm, intercepts[i], true);
	svm_update_intercepts(vcpu);

	if (svm_features.pause_filter) {
		/* Spins of some thousand PAUSEs mean a lock holder is out. */
		ctl->pause_filter_count = 3000;
		svm_intercept(svm, INTERCEPT_PAUSE, true);
	}

	ctl->iopm_base_pa = svm_iopm_pa();
	ctl->msrpm_base_pa = virt_to_phys(svm->msrpm);
	ctl->int_ctl = V_INTR_MASKING_MASK;
	ctl->nested_ctl = SVM_NESTED_CTL_NP_ENABLE;
	ctl->nested_cr3 = hv_mmu_root(vcpu->vm);
	ctl->tsc_offset = vcpu->tsc_offset;

	svm->clean = 0;
	svm->iret_watched = false;
	svm->iret_seen = false;
	svm->stepping = false;
	svm->window_armed = false;
	/* No tag of this vCPU is valid: the next load hands out a new one. */
	svm->asid_generation = 0;
	vcpu->state.nmi_blocked = false;
}

/**
 * svm_update_intercepts() - follow vcpu->dr_live, want_cr8, hv_debugged()
 * @vcpu: the vCPU, stopped
 */
void svm_update_intercepts(struct hv_vcpu *vcpu)
{
	struct svm_vcpu *svm = to_svm(vcpu);

	/* Bits 0-15 reads, 16-31 writes, of all debug registers. */
	svm->vmcb->control.intercepts[INTERCEPT_DR] =
		vcpu->dr_live && !hv_debugged(vcpu) ? 0 : ~0u;
	svm_intercept(svm, INTERCEPT_CR8_WRITE, vcpu->want_cr8);
}

/**
 * svm_update_tsc() - have RDTSC in the guest follow vcpu->tsc_offset
 * @vcpu: the vCPU, stopped
 */
void svm_update_tsc(struct hv_vcpu *vcpu)
{
	struct svm_vcpu *svm = to_svm(vcpu);

	svm->vmcb->control.tsc_offset = vcpu->tsc_offset;
	svm_unclean(svm, SVM_CLEAN_INTERCEPTS);
}

/**
 * svm_dump() - say what VMRUN refused (VMEXIT_INVALID, APM 15.5.1)
 * @vcpu: the vCPU
 * @fail: left as it is: the CPU names nothing
 */
void svm_dump(struct hv_vcpu *vcpu, struct hvctl_fail_entry *fail)
{
	struct vmcb *vmcb = to_svm(vcpu)->vmcb;
	struct vmcb_save_area *s = &vmcb->save;
	struct vmcb_control_area *c = &vmcb->control;

	pr_err_ratelimited("dom %u vcpu %u: VMRUN refused the VMCB: exit %#x info %#llx %#llx\n",
			   vcpu->vm->domid, vcpu->id, c->exit_code,
			   c->exit_info_1, c->exit_info_2);
	pr_err_ratelimited("  cr0 %#llx cr3 %#llx cr4 %#llx efer %#llx dr6 %#llx dr7 %#llx\n",
			   s->cr0, s->cr3, s->cr4, s->efer, s->dr6, s->dr7);
	pr_err_ratelimited("  cs %#x/%#x ss %#x/%#x rip %#llx rflags %#llx cpl %u asid %u event %#x\n",
			   s->cs.selector, s->cs.attrib, s->ss.selector,
			   s->ss.attrib, s->rip, s->rflags, s->cpl, c->asid,
			   c->event_inj);
}
