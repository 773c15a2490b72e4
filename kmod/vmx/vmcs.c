// SPDX-License-Identifier: GPL-2.0
/*
 * The virtual machine control structure: its life, and which CPU has it.
 *
 * A VMCS is memory that only the CPU's own instructions may touch, and a CPU
 * keeps parts of it to itself (25.11.1). A vCPU that comes to another CPU first
 * has the old one write them back, by VMCLEAR in an interrupt. In between a
 * VMCS stays active where it was last used, so that a vCPU which is at home on
 * one CPU enters by VMRESUME for ever.
 */
#include <linux/idr.h>
#include <linux/mm.h>
#include <linux/sched/signal.h>
#include <linux/smp.h>
#include <asm/desc.h>
#include <asm/msr.h>
#include <asm/segment.h>
#include <asm/trapnr.h>

#include "insn.h"
#include "vmx.h"

/* Tags of translations; 0 is the host's. */
static DEFINE_IDA(vpids);

/**
 * vmx_load() - make a VMCS the one that VMREAD and VMWRITE act on
 * @vmx: active on this CPU or on none
 *
 * Context: interrupts off, VMX is on.
 */
void vmx_load(struct vmx_vcpu *vmx)
{
	struct vmx_cpu *vc = this_cpu_ptr(&vmx_cpu);
	bool ok = true;

	if (vc->current_vmcs == vmx)
		return;
	if (vmx->active_cpu < 0) {
		/* VMCLEAR also initialises what the CPU keeps for itself. */
		ok = vmx_vmclear(vmx->pa);
		vmx->launched = false;
		vmx->active_cpu = smp_processor_id();
		list_add(&vmx->node, &vc->active);
	}
	ok = vmx_vmptrld(vmx->pa) && ok;
	vc->current_vmcs = vmx;
	WARN_ONCE(!ok, "hvctl: VMPTRLD failed\n");
}

/**
 * vmx_unload() - have this CPU write back what it keeps of a VMCS
 * @vmx: active on this CPU
 *
 * Context: interrupts off, VMX is on.
 */
void vmx_unload(struct vmx_vcpu *vmx)
{
	struct vmx_cpu *vc = this_cpu_ptr(&vmx_cpu);

	vmx_vmclear(vmx->pa);
	if (vc->current_vmcs == vmx)
		vc->current_vmcs = NULL;
	list_del(&vmx->node);
	WRITE_ONCE(vmx->active_cpu, -1);
}

static void unload_ipi(void *info)
{
	struct vmx_vcpu *vmx = info;

	/* Unless the CPU has given all of them up meanwhile. */
	if (vmx->active_cpu == smp_processor_id())
		vmx_unload(vmx);
}

/* A CPU that is offline has unloaded what it had: nobody answers. */
static void unload_from(struct vmx_vcpu *vmx, int cpu)
{
	if (cpu >= 0)
		smp_call_function_single(cpu, unload_ipi, vmx, true);
}

/**
 * vmx_attach() - have no CPU but this one hold parts of the VMCS
 * @vcpu: the vCPU, on its own thread
 *
 * Context: preemption off, interrupts on.
 */
void vmx_attach(struct hv_vcpu *vcpu)
{
	struct vmx_vcpu *vmx = to_vmx(vcpu);
	int cpu = READ_ONCE(vmx->active_cpu);

	if (unlikely(cpu != smp_processor_id()))
		unload_from(vmx, cpu);
}

/**
 * vmx_hold() - have the VMCS at hand outside the inner loop
 * @vcpu: the vCPU, on its own thread
 * @flags: for vmx_release()
 *
 * Context: may sleep; on success returns with interrupts off.
 * Return: false when the thread was killed before it found a CPU that has VMX
 * on, which only a reboot takes from all of them.
 */
bool vmx_hold(struct hv_vcpu *vcpu, unsigned long *flags)
{
	for (;;) {
		preempt_disable();
		vmx_attach(vcpu);
		local_irq_save(*flags);
		if (likely(this_cpu_read(hv_cpu_on)) &&
		    (HV_CR4_TRACKED || vmx_on()))
			break;
		local_irq_restore(*flags);
		preempt_enable();
		if (fatal_signal_pending(current))
			return false;
		schedule_timeout_killable(1);
	}
	vmx_load(to_vmx(vcpu));
	return true;
}

/**
 * vmx_release() - end what vmx_hold() began
 * @vmx: the same
 * @flags: from there
 */
void vmx_release(struct vmx_vcpu *vmx, unsigned long flags)
{
	if (!HV_CR4_TRACKED)
		vmx_off();
	local_irq_restore(flags);
	preempt_enable();
}

/**
 * vmx_vcpu_create() - allocate a control structure
 * @vcpu: the vCPU; on success vcpu->hw is set
 *
 * Return: 0 or -ENOMEM.
 */
int vmx_vcpu_create(struct hv_vcpu *vcpu)
{
	struct vmx_vcpu *vmx = kzalloc(sizeof(*vmx), GFP_KERNEL_ACCOUNT);
	int vpid;

	/* As enter.S has them. */
	static_assert(offsetof(struct vmx_vcpu, host_rsp) == 0);
	static_assert(offsetof(struct vmx_vcpu, guest_spec_ctrl) == 8);
	static_assert(offsetof(struct vmx_vcpu, host_spec_ctrl) == 16);
	static_assert(offsetof(struct vmx_vcpu, launched) == 24);
	if (!vmx)
		return -ENOMEM;
	vmx->page = alloc_page(GFP_KERNEL_ACCOUNT | __GFP_ZERO);
	vmx->vapic = (u8 *)get_zeroed_page(GFP_KERNEL_ACCOUNT);
	vmx->active_cpu = -1;
	vmx->cpu = -1;
	vmx->blank = true;
	vcpu->hw = vmx;
	vcpu->timer_exit = vmx_caps.timer;
	if (vmx_caps.apic)
		vcpu->apic_page = vmx->vapic;
	if (hv_ept_format.logged)
		vmx->log = alloc_page(GFP_KERNEL_ACCOUNT);
	if (!vmx->page || !vmx->vapic || (hv_ept_format.logged && !vmx->log)) {
		vmx_vcpu_destroy(vcpu);
		return -ENOMEM;
	}
	*(u32 *)page_address(vmx->page) =
		vmx_basic_vmcs_revision_id(vmx_caps.basic);
	vmx->pa = page_to_phys(vmx->page);
	/* When they run out the guest's translations die with each exit. */
	if (vmx_caps.ctl[VMX_CPU2] & SECONDARY_EXEC_ENABLE_VPID) {
		vpid = ida_alloc_range(&vpids, 1, VMX_NR_VPIDS - 1, GFP_KERNEL);
		if (vpid > 0)
			vmx->vpid = vpid;
	}
	return 0;
}

/**
 * vmx_vcpu_destroy() - free what vmx_vcpu_create() made
 * @vcpu: the vCPU; it never runs again
 */
void vmx_vcpu_destroy(struct hv_vcpu *vcpu)
{
	struct vmx_vcpu *vmx = to_vmx(vcpu);

	unload_from(vmx, READ_ONCE(vmx->active_cpu));
	if (vmx->vpid)
		ida_free(&vpids, vmx->vpid);
	free_page((unsigned long)vmx->vapic);
	if (vmx->log)
		__free_page(vmx->log);
	if (vmx->page)
		__free_page(vmx->page);
	kfree(vmx);
	vcpu->hw = NULL;
}

/**
 * vmx_vcpu_reset() - a control structure as a new vCPU has it
 * @vcpu: the vCPU; guest state is the core's to set
 *
 * The VMCS itself is written when it is at hand, by vmx_init_vmcs().
 */
void vmx_vcpu_reset(struct hv_vcpu *vcpu)
{
	to_vmx(vcpu)->blank = true;
	vcpu->state.nmi_blocked = false;
	vmx_update_intercepts(vcpu);
}

static u64 read_msr(u32 msr)
{
	u64 value;

	rdmsrl(msr, value);
	return value;
}

/* Host state that is the same on all CPUs and for all time, 25.5. */
static void init_host(void)
{
	vmcs_write(HOST_CR0, read_cr0());
	vmcs_write(HOST_CS_SELECTOR, __KERNEL_CS);
	vmcs_write(HOST_SS_SELECTOR, __KERNEL_DS);
	/* Those of user space are reloaded by vmx_end(), if it has any. */
	vmcs_write(HOST_DS_SELECTOR, 0);
	vmcs_write(HOST_ES_SELECTOR, 0);
	vmcs_write(HOST_FS_SELECTOR, 0);
	vmcs_write(HOST_GS_SELECTOR, 0);
	vmcs_write(HOST_TR_SELECTOR, GDT_ENTRY_TSS * 8);
	vmcs_write(HOST_IA32_SYSENTER_CS, read_msr(MSR_IA32_SYSENTER_CS));
	vmcs_write(HOST_IA32_SYSENTER_EIP, read_msr(MSR_IA32_SYSENTER_EIP));
	vmcs_write(HOST_IA32_PAT, read_msr(MSR_IA32_CR_PAT));
	vmcs_write(HOST_IA32_EFER, read_msr(MSR_EFER));
	vmcs_write(HOST_RIP, (unsigned long)vmx_vmexit);
}

/* Spins of some thousand PAUSEs mean a lock holder is out; in TSC ticks. */
#define PLE_GAP_TICKS		128
#define PLE_WINDOW_TICKS	4096

static void init_controls(struct hv_vcpu *vcpu, struct vmx_vcpu *vmx)
{
	u32 cpu2 = vmx->cpu2;

	vmcs_write(PIN_BASED_VM_EXEC_CONTROL, vmx_caps.ctl[VMX_PIN]);
	/* The entry writes these two, which nothing equals now. */
	vmx->cpu_ctl = 0;
	vmx->cpu2_ctl = 0;
	vmcs_write(VM_EXIT_CONTROLS, vmx_caps.ctl[VMX_EXIT]);

	vmcs_write(EXCEPTION_BITMAP, VMX_EXCEPTIONS);
	vmcs_write(PAGE_FAULT_ERROR_CODE_MASK, 0);
	vmcs_write(PAGE_FAULT_ERROR_CODE_MATCH, 0);
	vmcs_write(CR3_TARGET_COUNT, 0);
	vmcs_write(VM_EXIT_MSR_STORE_COUNT, 0);
	vmcs_write(VM_EXIT_MSR_LOAD_COUNT, 0);
	vmcs_write(VM_ENTRY_MSR_LOAD_COUNT, 0);
	vmcs_write(VM_ENTRY_INTR_INFO_FIELD, 0);
	vmcs_write(TPR_THRESHOLD, 0);
	vmcs_write(VIRTUAL_APIC_PAGE_ADDR, virt_to_phys(vmx->vapic));
	vmcs_write(TSC_OFFSET, vcpu->tsc_offset);
	vmcs_write(EPT_POINTER, vmx_eptp(vcpu->vm));
	if (cpu2 & SECONDARY_EXEC_ENABLE_VPID)
		vmcs_write(VIRTUAL_PROCESSOR_ID, vmx->vpid);
	if (cpu2 & SECONDARY_EXEC_PAUSE_LOOP_EXITING) {
		vmcs_write(PLE_GAP, PLE_GAP_TICKS);
		vmcs_write(PLE_WINDOW, PLE_WINDOW_TICKS);
	}
	if (cpu2 & SECONDARY_EXEC_ENABLE_XSAVES)
		vmcs_write(XSS_EXIT_BITMAP, 0);
	if (cpu2 & SECONDARY_EXEC_ENCLS_EXITING)
		vmcs_write(ENCLS_EXITING_BITMAP, ~0ULL);
	if (vmx_caps.apic)
		vmx_apic_init(vmx);
	if (cpu2 & SECONDARY_EXEC_ENABLE_PML)
		vmx_log_init(vmx);
	if (vmx_caps.timer) {
		vmcs_write(VMX_PREEMPTION_TIMER_VALUE, U32_MAX);
		vmx->timer_set = false;
	}
}

/**
 * vmx_init_vmcs() - write all that neither state nor entries write
 * @vcpu: the vCPU, whose VMCS is current; all of its state is dirty
 */
void vmx_init_vmcs(struct hv_vcpu *vcpu)
{
	struct vmx_vcpu *vmx = to_vmx(vcpu);

	init_controls(vcpu, vmx);
	init_host();
	vmcs_write(VMCS_LINK_POINTER, ~0ULL);
	vmcs_write(GUEST_ACTIVITY_STATE, GUEST_ACTIVITY_ACTIVE);
	vmcs_write(GUEST_PENDING_DBG_EXCEPTIONS, 0);
	vmcs_write(GUEST_INTERRUPTIBILITY_INFO, 0);
	vmcs_write(GUEST_RSP, 0);
	vmcs_write(GUEST_RFLAGS, X86_EFLAGS_FIXED);
	vmcs_write(HOST_CR3, 0);
	vmcs_write(HOST_CR4, 0);
	vmcs_write(HOST_RSP, 0);
	vmcs_write(HOST_FS_BASE, 0);
	vmx->interruptibility = 0;
	vmx->rsp = 0;
	vmx->rflags = X86_EFLAGS_FIXED;
	vmx->host_cr3 = 0;
	vmx->host_cr4 = 0;
	vmx->host_rsp = 0;
	vmx->fs_base = 0;
	vmx->host_cpu = -1;
	vmx->blank = false;
}
