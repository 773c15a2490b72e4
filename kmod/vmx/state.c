// SPDX-License-Identifier: GPL-2.0
/*
 * Moving guest state between the VMCS and struct hv_state.
 *
 * The CPU has its own demands on CR0 and CR4 while a guest runs: what the guest
 * believes is in those bits is in the read shadows, and an attempt to change
 * them exits (25.6.6). EFER, PAT and most other MSRs are only written by
 * exits, so struct hv_state always has them.
 */
#include <asm/debugreg.h>
#include <asm/msr.h>
#include <asm/processor-flags.h>

#include "insn.h"
#include "vmx.h"

/*
 * Bits that the guest changes without an exit. The others of CR0 switch modes,
 * or must not reach the CPU: NE is forced, and CD and NW would turn the caches
 * of the host CPU off.
 */
#define CR0_OWNED	(X86_CR0_MP | X86_CR0_EM | X86_CR0_TS | X86_CR0_WP | \
			 X86_CR0_AM)
/*
 * Of CR4: what its CPUID allows of these. MCE is not among them: with the
 * guest's choice in the register a machine check would shut the machine down.
 */
#define CR4_OWNED	(X86_CR4_VME | X86_CR4_PVI | X86_CR4_TSD | X86_CR4_DE | \
			 X86_CR4_PGE | X86_CR4_OSFXSR | X86_CR4_OSXMMEXCPT | \
			 X86_CR4_FSGSBASE)

/* Access rights: those of a descriptor from bit 40 on, and "unusable". */
static u32 rights_of(const struct kvm_segment *seg)
{
	bool usable = seg->present && !seg->unusable;
	u8 type = seg->type;

	/* The CPU sets "accessed" when it loads one, and wants to see it. */
	if (seg->s)
		type |= VMX_AR_TYPE_ACCESSES_MASK;
	return type | seg->s << 4 | seg->dpl << VMX_AR_DPL_SHIFT |
	       usable << 7 | seg->avl << 12 | seg->l << 13 | seg->db << 14 |
	       seg->g << 15 | (usable ? 0 : VMX_AR_UNUSABLE_MASK);
}

/* The fields of each kind are in the order of enum hv_seg, 2 apart. */
static void seg_to_vmcs(enum hv_seg i, const struct kvm_segment *seg)
{
	vmcs_write(GUEST_ES_SELECTOR + 2 * i, seg->selector);
	vmcs_write(GUEST_ES_BASE + 2 * i, seg->base);
	vmcs_write(GUEST_ES_LIMIT + 2 * i, seg->limit);
	vmcs_write(GUEST_ES_AR_BYTES + 2 * i, rights_of(seg));
}

static void seg_from_vmcs(struct kvm_segment *seg, enum hv_seg i)
{
	u32 ar = vmcs_read(GUEST_ES_AR_BYTES + 2 * i);
	bool unusable = ar & VMX_AR_UNUSABLE_MASK;

	*seg = (struct kvm_segment) {
		.base = vmcs_read(GUEST_ES_BASE + 2 * i),
		.limit = vmcs_read(GUEST_ES_LIMIT + 2 * i),
		.selector = vmcs_read(GUEST_ES_SELECTOR + 2 * i),
		.type = ar & VMX_AR_TYPE_MASK,
		.s = ar >> 4 & 1,
		.dpl = VMX_AR_DPL(ar),
		.present = (ar >> 7 & 1) && !unusable,
		.avl = ar >> 12 & 1,
		.l = ar >> 13 & 1,
		.db = ar >> 14 & 1,
		.g = ar >> 15 & 1,
		.unusable = unusable,
	};
}

static void fetch_cr(struct vmx_vcpu *vmx, struct hv_state *st)
{
	st->cr0 = (vmx->cr0_shadow & ~CR0_OWNED) |
		  (vmcs_read(GUEST_CR0) & CR0_OWNED);
	st->cr3 = vmcs_read(GUEST_CR3);
	st->cr4 = (vmx->cr4_shadow & ~vmx->cr4_owned) |
		  (vmcs_read(GUEST_CR4) & vmx->cr4_owned);
}

static noinline void fetch_parts(struct hv_vcpu *vcpu, u32 parts)
{
	struct vmx_vcpu *vmx = to_vmx(vcpu);
	struct hv_state *st = &vcpu->state;
	enum hv_seg i;

	if (parts & HV_PART_CR)
		fetch_cr(vmx, st);
	if (parts & HV_PART_SEG) {
		for (i = 0; i < HV_SEGS; i++)
			seg_from_vmcs(&st->seg[i], i);
		st->gdt.base = vmcs_read(GUEST_GDTR_BASE);
		st->gdt.limit = vmcs_read(GUEST_GDTR_LIMIT);
		st->idt.base = vmcs_read(GUEST_IDTR_BASE);
		st->idt.limit = vmcs_read(GUEST_IDTR_LIMIT);
	}
	if (parts & HV_PART_PDPTE) {
		st->pdpte[0] = vmcs_read(GUEST_PDPTR0);
		st->pdpte[1] = vmcs_read(GUEST_PDPTR1);
		st->pdpte[2] = vmcs_read(GUEST_PDPTR2);
		st->pdpte[3] = vmcs_read(GUEST_PDPTR3);
	}
	/* At the end of the inner loop vmx_end() does this. */
	if ((parts & HV_PART_MSR) && vmx->inside)
		rdmsrl(MSR_KERNEL_GS_BASE, st->kernel_gs_base);
	if (parts & HV_PART_DR) {
		if (likely(!hv_debugged(vcpu)))
			st->dr7 = vmcs_read(GUEST_DR7);
		st->debugctl = vmcs_read(GUEST_IA32_DEBUGCTL);
		/* Elsewhere it is in no VMCS either, and where it belongs. */
		if (vmx->dr_live)
			get_debugreg(st->dr6, 6);
	}
}

/* Outside the inner loop; apart, so that the hot way needs no room for flags. */
static noinline void fetch_outside(struct hv_vcpu *vcpu, u32 parts)
{
	unsigned long flags;

	if (!vmx_hold(vcpu, &flags))
		return;
	fetch_parts(vcpu, parts);
	vmx_release(to_vmx(vcpu), flags);
}

/**
 * vmx_fetch() - VMCS to vcpu->state
 * @vcpu: the vCPU, stopped; in the inner loop or outside
 * @parts: HV_PART_* that the caller wants
 */
void vmx_fetch(struct hv_vcpu *vcpu, u32 parts)
{
	struct vmx_vcpu *vmx = to_vmx(vcpu);

	if (unlikely(vmx->blank))
		return;		/* never entered: the state has it all */
	if (unlikely(!vmx->inside))
		fetch_outside(vcpu, parts);
	else if (parts == HV_PART_CR)
		fetch_cr(vmx, &vcpu->state);
	else
		fetch_parts(vcpu, parts);
}

static void store_cr(struct vmx_vcpu *vmx, const struct hv_state *st)
{
	u32 entry = vmx_caps.ctl[VMX_ENTRY];

	/* 24.8, 27.3.1.1 */
	vmcs_write(GUEST_CR0, (st->cr0 & ~(X86_CR0_CD | X86_CR0_NW)) |
			      vmx_caps.cr0_fixed);
	vmcs_write(CR0_GUEST_HOST_MASK, ~CR0_OWNED);
	vmcs_write(CR0_READ_SHADOW, st->cr0);
	vmx->cr0_shadow = st->cr0;
	vmcs_write(GUEST_CR3, st->cr3);
	vmcs_write(GUEST_CR4, st->cr4 | vmx_caps.cr4_fixed | X86_CR4_MCE);
	vmcs_write(CR4_GUEST_HOST_MASK, ~vmx->cr4_owned);
	vmcs_write(CR4_READ_SHADOW, st->cr4);
	vmx->cr4_shadow = st->cr4;

	vmx->long_mode = st->efer & EFER_LMA;
	if (vmx->long_mode)
		entry |= VM_ENTRY_IA32E_MODE;
	vmcs_write(VM_ENTRY_CONTROLS, entry);
	vmcs_write(GUEST_IA32_EFER, st->efer);
}

/*
 * A guest may be in long mode before it has loaded TR; an entry wants a 64-bit
 * TSS there then (27.3.1.2).
 */
static void widen_tr(void)
{
	u32 ar = vmcs_read(GUEST_TR_AR_BYTES);

	if ((ar & VMX_AR_TYPE_MASK) != VMX_AR_TYPE_BUSY_64_TSS)
		vmcs_write(GUEST_TR_AR_BYTES, (ar & ~VMX_AR_TYPE_MASK) |
					      VMX_AR_TYPE_BUSY_64_TSS);
}

/**
 * vmx_store() - vcpu->state to VMCS
 * @vcpu: the vCPU, in the inner loop
 * @parts: HV_PART_* that were changed
 */
void vmx_store(struct hv_vcpu *vcpu, u32 parts)
{
	struct vmx_vcpu *vmx = to_vmx(vcpu);
	const struct hv_state *st = &vcpu->state;
	enum hv_seg i;

	if (parts & HV_PART_CR)
		store_cr(vmx, st);
	if (parts & HV_PART_PDPTE) {
		vmcs_write(GUEST_PDPTR0, st->pdpte[0]);
		vmcs_write(GUEST_PDPTR1, st->pdpte[1]);
		vmcs_write(GUEST_PDPTR2, st->pdpte[2]);
		vmcs_write(GUEST_PDPTR3, st->pdpte[3]);
	}
	if (parts & HV_PART_SEG) {
		for (i = 0; i < HV_SEGS; i++)
			seg_to_vmcs(i, &st->seg[i]);
		vmcs_write(GUEST_GDTR_BASE, st->gdt.base);
		vmcs_write(GUEST_GDTR_LIMIT, st->gdt.limit);
		vmcs_write(GUEST_IDTR_BASE, st->idt.base);
		vmcs_write(GUEST_IDTR_LIMIT, st->idt.limit);
	}
	if ((parts & (HV_PART_CR | HV_PART_SEG)) && vmx->long_mode)
		widen_tr();
	if (parts & HV_PART_MSR) {
		vmcs_write(GUEST_SYSENTER_CS, st->sysenter_cs);
		vmcs_write(GUEST_SYSENTER_ESP, st->sysenter_esp);
		vmcs_write(GUEST_SYSENTER_EIP, st->sysenter_eip);
		vmcs_write(GUEST_IA32_PAT, st->pat);
		vmx_load_msrs(vcpu);
	}
	if (parts & HV_PART_DR) {
		vmcs_write(GUEST_DR7, hv_dr7(vcpu));
		vmcs_write(GUEST_IA32_DEBUGCTL, st->debugctl);
		vmcs_write(EXCEPTION_BITMAP, VMX_EXCEPTIONS |
			   (hv_wants_bp(vcpu) ? BIT(X86_TRAP_BP) : 0));
		if (vmx->dr_live)
			set_debugreg(st->dr6, 6);
	}
}

/* DR6 is in no VMCS: it goes into the register with DR0 to DR3. */
static void switch_dr6(struct hv_vcpu *vcpu, struct vmx_vcpu *vmx, bool live)
{
	vmx->dr_live = live;
	set_debugreg(vmx->dr_live ? vcpu->state.dr6 : DR6_RESERVED, 6);
}

/**
 * vmx_update_intercepts() - follow vcpu->dr_live, want_cr8, apic_by_cpu, CPUID,
 * hv_debugged()
 * @vcpu: the vCPU, stopped
 */
void vmx_update_intercepts(struct hv_vcpu *vcpu)
{
	struct vmx_vcpu *vmx = to_vmx(vcpu);
	u64 owned = CR4_OWNED & ~vcpu->cpuid.cr4_reserved;
	bool dr_live = vcpu->dr_live && !hv_debugged(vcpu);
	u32 cpu2;

	vmx->cpu_base = vmx_caps.ctl[VMX_CPU];
	if (!dr_live)
		vmx->cpu_base |= CPU_BASED_MOV_DR_EXITING;
	if (vcpu->want_cr8)
		vmx->cpu_base |= CPU_BASED_CR8_LOAD_EXITING;
	cpu2 = vmx_caps.ctl[VMX_CPU2];
	if (!vmx->vpid)
		cpu2 &= ~SECONDARY_EXEC_ENABLE_VPID;
	if (vcpu->apic_by_cpu)
		cpu2 |= vmx_caps.apic;
	if (vmx->cpu2 != cpu2) {
		vmx->cpu2 = cpu2;
		vmx->cpu_ctl = 0;	/* both are written together */
	}
	if (vmx->dr_live != dr_live)
		switch_dr6(vcpu, vmx, dr_live);
	if (vmx->cr4_owned != owned) {
		hv_need(vcpu, HV_PART_CR);
		vmx->cr4_owned = owned;
		hv_dirty(vcpu, HV_PART_CR);
	}
}

/**
 * vmx_update_tsc() - have RDTSC in the guest follow vcpu->tsc_offset
 * @vcpu: the vCPU, in the inner loop
 */
void vmx_update_tsc(struct hv_vcpu *vcpu)
{
	vmcs_write(TSC_OFFSET, vcpu->tsc_offset);
}
