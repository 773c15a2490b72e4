// SPDX-License-Identifier: GPL-2.0
/*
 * The host's state around a stay in the inner loop: what an exit loads from
 * the VMCS, and what it leaves to us.
 *
 * An exit (28.5) loads fixed limits of 64 KiB for GDTR and IDTR and one that
 * ends before the I/O bitmap for TR, empties LDTR, clears DR7 and
 * IA32_DEBUGCTL, and finds selectors in the VMCS that must not be user
 * space's. All of that matters to user space and to other threads only, so it
 * is put right when the inner loop ends.
 */
#include <asm/debugreg.h>
#include <asm/desc.h>
#include <asm/fsgsbase.h>
#include <asm/msr.h>
#include <asm/processor.h>
#include <asm/segment.h>
#include <asm/special_insns.h>

#include "insn.h"
#include "vmx.h"

static const u32 msr_number[VMX_MSRS] = {
	[VMX_STAR] = MSR_STAR,
	[VMX_LSTAR] = MSR_LSTAR,
	[VMX_CSTAR] = MSR_CSTAR,
	[VMX_SFMASK] = MSR_SYSCALL_MASK,
};

/**
 * vmx_load_msrs() - have the guest's values in the MSRs that no VMCS holds
 * @vcpu: in the inner loop
 *
 * Context: interrupts off.
 */
void vmx_load_msrs(struct hv_vcpu *vcpu)
{
	const struct hv_state *st = &vcpu->state;
	const u64 want[VMX_MSRS] = {
		[VMX_STAR] = st->star,
		[VMX_LSTAR] = st->lstar,
		[VMX_CSTAR] = st->cstar,
		[VMX_SFMASK] = st->sfmask,
	};
	struct vmx_vcpu *vmx = to_vmx(vcpu);
	enum vmx_msr i;

	for (i = 0; i < VMX_MSRS; i++) {
		if (vmx->msr[i] != want[i])
			wrmsrl(msr_number[i], want[i]);
		vmx->msr[i] = want[i];
	}
	wrmsrl(MSR_KERNEL_GS_BASE, st->kernel_gs_base);
}

static void restore_msrs(const struct vmx_vcpu *vmx)
{
	const struct vmx_cpu *vc = this_cpu_ptr(&vmx_cpu);
	enum vmx_msr i;

	for (i = 0; i < VMX_MSRS; i++)
		if (vmx->msr[i] != vc->host_msr[i])
			wrmsrl(msr_number[i], vc->host_msr[i]);
	if (vmx->tsc_aux != vc->host_tsc_aux)
		wrmsrl(MSR_TSC_AUX, vc->host_tsc_aux);
	wrmsrl(MSR_KERNEL_GS_BASE, vmx->user_gs_base);
}

/*
 * The base of the task-state segment, from its descriptor: the field of the
 * VMCS has to say what LTR has loaded.
 */
static unsigned long tss_base(const struct desc_ptr *gdt)
{
	const struct ldttss_desc *d = (void *)(gdt->address + GDT_ENTRY_TSS * 8);

	return d->base0 | d->base1 << 16 | (unsigned long)d->base2 << 24 |
	       (unsigned long)d->base3 << 32;
}

/* Host state that each CPU has its own of. */
static void write_cpu_fields(struct vmx_vcpu *vmx)
{
	struct desc_ptr idt;
	u64 value;

	store_idt(&idt);
	vmcs_write(HOST_IDTR_BASE, idt.address);
	vmcs_write(HOST_GDTR_BASE, vmx->gdt.address);
	vmcs_write(HOST_TR_BASE, tss_base(&vmx->gdt));
	rdmsrl(MSR_GS_BASE, value);
	vmcs_write(HOST_GS_BASE, value);
	rdmsrl(MSR_IA32_SYSENTER_ESP, value);
	vmcs_write(HOST_IA32_SYSENTER_ESP, value);
	vmx->host_cpu = smp_processor_id();
}

static bool l1tf(void)
{
	return boot_cpu_has_bug(X86_BUG_L1TF) && !cpu_mitigations_off() &&
	       boot_cpu_has(X86_FEATURE_FLUSH_L1D);
}

/**
 * vmx_host_moved() - see to host state that interrupts may have changed
 * @vmx: whose VMCS is current
 *
 * Interrupt handlers change CR3 and CR4 when told so by other CPUs. What they
 * have brought into the L1 cache the guest may read where the CPU has L1TF.
 */
void vmx_host_moved(struct vmx_vcpu *vmx)
{
	unsigned long cr3 = __native_read_cr3(), cr4 = native_read_cr4();

	if (cr3 != vmx->host_cr3) {
		vmcs_write(HOST_CR3, cr3);
		vmx->host_cr3 = cr3;
	}
	if (cr4 != vmx->host_cr4) {
		vmcs_write(HOST_CR4, cr4);
		vmx->host_cr4 = cr4;
	}
	if (l1tf())
		wrmsrl(MSR_IA32_FLUSH_CMD, L1D_FLUSH);
	vmx->host_moved = false;
}

/**
 * vmx_begin() - the inner loop starts on this CPU
 * @vcpu: the vCPU
 *
 * Context: preemption and interrupts off.
 */
void vmx_begin(struct hv_vcpu *vcpu)
{
	const struct vmx_cpu *vc = this_cpu_ptr(&vmx_cpu);
	struct vmx_vcpu *vmx = to_vmx(vcpu);
	u64 fs_base;

	if (!HV_CR4_TRACKED && !vmx_on())
		WARN_ONCE(1, "hvctl: VMXON failed\n");
	vmx_load(vmx);
	vmx->inside = true;
	if (unlikely(vmx->blank))
		vmx_init_vmcs(vcpu);
	if (unlikely(vmx->stale)) {
		vmx_flush_tlb(vcpu);
		vmx->stale = false;
	}

	savesegment(fs, vmx->fs);
	savesegment(gs, vmx->gs);
	savesegment(ds, vmx->ds);
	savesegment(es, vmx->es);
	asm volatile("sldt %0" : "=m" (vmx->ldt));
	native_store_gdt(&vmx->gdt);
	if (vmx->host_cpu != smp_processor_id())
		write_cpu_fields(vmx);
	fs_base = x86_fsbase_read_cpu();
	if (fs_base != vmx->fs_base) {
		vmcs_write(HOST_FS_BASE, fs_base);
		vmx->fs_base = fs_base;
	}
	vmx_host_moved(vmx);

	rdmsrl(MSR_IA32_DEBUGCTLMSR, vmx->host_debugctl);
	rdmsrl(MSR_KERNEL_GS_BASE, vmx->user_gs_base);
	memcpy(vmx->msr, vc->host_msr, sizeof(vmx->msr));
	vmx->tsc_aux = vc->host_tsc_aux;
	vmx_load_msrs(vcpu);
	if (boot_cpu_has(X86_FEATURE_MSR_SPEC_CTRL))
		rdmsrl(MSR_IA32_SPEC_CTRL, vmx->host_spec_ctrl);
}

/* Selectors of user space, which 64-bit programs do not have. */
static void reload_segments(struct vmx_vcpu *vmx)
{
	if (vmx->ldt)
		asm volatile("lldt %0" : : "m" (vmx->ldt));
	if (vmx->ds | vmx->es) {
		loadsegment(ds, vmx->ds);
		loadsegment(es, vmx->es);
	}
	if (vmx->fs) {
		/* The base may be another than the descriptor's. */
		loadsegment(fs, vmx->fs);
		wrmsrl(MSR_FS_BASE, vmx->fs_base);
	}
	if (vmx->gs)
		load_gs_index(vmx->gs);
}

/**
 * vmx_end() - the inner loop is left, the host may do as it likes again
 * @vcpu: the vCPU
 *
 * Context: preemption and interrupts off.
 */
void vmx_end(struct hv_vcpu *vcpu)
{
	struct vmx_vcpu *vmx = to_vmx(vcpu);

	/* Else the core has changed it since, and it is still to be loaded. */
	if (!(vcpu->dirty & HV_PART_MSR))
		rdmsrl(MSR_KERNEL_GS_BASE, vcpu->state.kernel_gs_base);
	native_load_gdt(&vmx->gdt);
	this_cpu_write(__tss_limit_invalid, true);
	if (unlikely(vmx->fs | vmx->gs | vmx->ds | vmx->es | vmx->ldt))
		reload_segments(vmx);
	restore_msrs(vmx);
	if (vmx->host_debugctl)
		wrmsrl(MSR_IA32_DEBUGCTLMSR, vmx->host_debugctl);
	vmx->inside = false;
	if (!HV_CR4_TRACKED)
		vmx_off();
	hv_guest_ran();
}
