// SPDX-License-Identifier: GPL-2.0
/*
 * Running a guest: what is written to the VMCS before an entry and read from
 * it after the exit.
 *
 * Each VMREAD and VMWRITE costs, so a field is written only when it differs
 * from what the last exit left there, and read only if the core may look at it.
 */
#include <asm/apicdef.h>
#include <asm/debugreg.h>
#include <asm/msr.h>
#include <asm/nospec-branch.h>
#include <asm/processor-flags.h>

#include "insn.h"
#include "vmx.h"

/**
 * vmx_vcpu_load() - this vCPU comes to a CPU that ran something else last
 * @vcpu: the vCPU
 *
 * Context: preemption and interrupts off.
 */
void vmx_vcpu_load(struct hv_vcpu *vcpu)
{
	struct vmx_vcpu *vmx = to_vmx(vcpu);
	int cpu = smp_processor_id();

	if (vmx->cpu != cpu) {
		/*
		 * What it left here earlier was not kept up to date. VMX may
		 * only be on from vmx_begin().
		 */
		vmx->cpu = cpu;
		vmx->stale = true;
	}
	/* One guest's branch history must not steer another's. */
	if (boot_cpu_has(X86_FEATURE_IBPB))
		wrmsrl(MSR_IA32_PRED_CMD, PRED_CMD_IBPB);
}

/**
 * vmx_flush_tlb() - the next entry starts without cached translations
 * @vcpu: the vCPU
 *
 * Context: preemption and interrupts off.
 */
void vmx_flush_tlb(struct hv_vcpu *vcpu)
{
	vmx_invept(vcpu->vm);
}

/* Bits of RFLAGS that an entry accepts, 27.3.1.4. */
#define RFLAGS_VALID	(X86_EFLAGS_CF | X86_EFLAGS_PF | X86_EFLAGS_AF | \
			 X86_EFLAGS_ZF | X86_EFLAGS_SF | X86_EFLAGS_TF | \
			 X86_EFLAGS_IF | X86_EFLAGS_DF | X86_EFLAGS_OF | \
			 X86_EFLAGS_IOPL | X86_EFLAGS_NT | X86_EFLAGS_RF | \
			 X86_EFLAGS_VM | X86_EFLAGS_AC | X86_EFLAGS_VIF | \
			 X86_EFLAGS_VIP | X86_EFLAGS_ID)

static void write_rflags(struct vmx_vcpu *vmx, u64 rflags)
{
	vmcs_write(GUEST_RFLAGS, (rflags & RFLAGS_VALID) | X86_EFLAGS_FIXED);
	vmx->rflags = rflags;
}

/* What holds interrupts and NMIs back, 25.4.2. */
static u32 interruptibility_of(const struct hv_state *st)
{
	u32 info = 0;

	/* Never both: the CPU knows which of the two instructions it was. */
	if (st->shadow & KVM_X86_SHADOW_INT_MOV_SS)
		info = GUEST_INTR_STATE_MOV_SS;
	else if ((st->shadow & KVM_X86_SHADOW_INT_STI) &&
		 (st->rflags & X86_EFLAGS_IF))
		info = GUEST_INTR_STATE_STI;
	if (st->nmi_blocked)
		info |= GUEST_INTR_STATE_NMI;
	return info;
}

/*
 * In a shadow a single step waits for its end; an entry wants it to be said
 * (27.3.1.5). BTF makes it a step per branch, of which nothing is pending.
 */
static void write_pending_step(struct hv_vcpu *vcpu)
{
	hv_need(vcpu, HV_PART_DR);
	if (!(vcpu->state.debugctl & DEBUGCTLMSR_BTF))
		vmcs_write(GUEST_PENDING_DBG_EXCEPTIONS, DR_STEP);
}

/* What is rare is kept out of line, and its registers off the stack. */
static noinline void write_interruptibility(struct hv_vcpu *vcpu, struct vmx_vcpu *vmx)
{
	const struct hv_state *st = &vcpu->state;
	u32 info = interruptibility_of(st);

	if (info != vmx->interruptibility) {
		vmcs_write(GUEST_INTERRUPTIBILITY_INFO, info);
		vmx->interruptibility = info;
	}
	if (st->shadow && (st->rflags & X86_EFLAGS_TF))
		write_pending_step(vcpu);
}

static noinline void put_event(struct hv_vcpu *vcpu)
{
	static const u32 type[] = {
		[HV_EV_INTERRUPT] = INTR_TYPE_EXT_INTR,
		[HV_EV_NMI] = INTR_TYPE_NMI_INTR,
		[HV_EV_EXCEPTION] = INTR_TYPE_HARD_EXCEPTION,
	};
	struct hv_event *ev = &vcpu->event;
	u32 info = INTR_INFO_VALID_MASK | type[ev->type] | ev->vector;

	if (ev->has_error) {
		info |= INTR_INFO_DELIVER_CODE_MASK;
		vmcs_write(VM_ENTRY_EXCEPTION_ERROR_CODE, (u16)ev->error);
	}
	vmcs_write(VM_ENTRY_INTR_INFO_FIELD, info);
	ev->type = HV_EV_NONE;
}

/*
 * An NMI also waits for a shadow to end, and while STI casts one some CPUs say
 * at once that the NMI window is open: there the interrupt window is right.
 */
static u32 nmi_window(const struct hv_state *st)
{
	return st->shadow & KVM_X86_SHADOW_INT_STI ?
	       CPU_BASED_INTR_WINDOW_EXITING : CPU_BASED_NMI_WINDOW_EXITING;
}

static noinline void change_controls(struct hv_vcpu *vcpu, struct vmx_vcpu *vmx,
				     u32 ctl)
{
	vmcs_write(CPU_BASED_VM_EXEC_CONTROL, ctl);
	vmx->cpu_ctl = ctl;
	if (vmx->cpu2_ctl == vmx->cpu2)
		return;
	vmcs_write(SECONDARY_VM_EXEC_CONTROL, vmx->cpu2);
	vmcs_write(MSR_BITMAP, vmx_msr_bitmap_pa(vcpu->apic_by_cpu));
	vmx->cpu2_ctl = vmx->cpu2;
}

static void write_controls(struct hv_vcpu *vcpu, struct vmx_vcpu *vmx)
{
	u32 ctl = vmx->cpu_base;

	if (vcpu->want_window)
		ctl |= CPU_BASED_INTR_WINDOW_EXITING;
	if (unlikely(vcpu->want_nmi_window))
		ctl |= nmi_window(&vcpu->state);
	if (ctl != vmx->cpu_ctl)
		change_controls(vcpu, vmx, ctl);
}

/*
 * The preemption timer counts down while the guest runs, from the same value at
 * each entry (25.5.1). One that is not wanted may come all the same: in minutes.
 */
static noinline void write_timer(struct vmx_vcpu *vmx, u64 deadline)
{
	u64 left = U32_MAX, now;

	vmx->timer_set = deadline != HV_NEVER;
	if (vmx->timer_set) {
		now = rdtsc();
		left = 0;
		/* Rounded up: an exit too early is one too many. */
		if (deadline > now)
			left = min_t(u64, U32_MAX,
				     ((deadline - now - 1) >> vmx_caps.timer_shift) + 1);
	}
	vmcs_write(VMX_PREEMPTION_TIMER_VALUE, left);
}

static void write_state(struct hv_vcpu *vcpu, struct vmx_vcpu *vmx)
{
	struct hv_state *st = &vcpu->state;

	if (vcpu->dirty) {
		vmx_store(vcpu, vcpu->dirty);
		vcpu->dirty = 0;
	}
	vmcs_write(GUEST_RIP, st->rip);
	if (vmx->rsp != st->gpr[HV_RSP]) {
		vmcs_write(GUEST_RSP, st->gpr[HV_RSP]);
		vmx->rsp = st->gpr[HV_RSP];
	}
	if (vmx->rflags != st->rflags)
		write_rflags(vmx, st->rflags);
	if (unlikely(st->shadow | st->nmi_blocked | vmx->interruptibility))
		write_interruptibility(vcpu, vmx);
	/* Its lower half may be the guest's, too. */
	if (vmx->vapic[APIC_TASKPRI] >> 4 != st->cr8)
		vmx->vapic[APIC_TASKPRI] = st->cr8 << 4;
}

static noinline void read_interruptibility(struct hv_state *st, u32 info)
{
	if (info & GUEST_INTR_STATE_STI)
		st->shadow = KVM_X86_SHADOW_INT_STI;
	if (info & GUEST_INTR_STATE_MOV_SS)
		st->shadow |= KVM_X86_SHADOW_INT_MOV_SS;
	st->nmi_blocked = info & GUEST_INTR_STATE_NMI;
	/* Written again when it holds at the next entry. */
	if (st->shadow && (st->rflags & X86_EFLAGS_TF))
		vmcs_write(GUEST_PENDING_DBG_EXCEPTIONS, 0);
}

static void read_state(struct hv_vcpu *vcpu, struct vmx_vcpu *vmx)
{
	struct hv_state *st = &vcpu->state;
	u32 info = vmcs_read(GUEST_INTERRUPTIBILITY_INFO);

	st->rip = vmcs_read(GUEST_RIP);
	vmx->rsp = vmcs_read(GUEST_RSP);
	st->gpr[HV_RSP] = vmx->rsp;
	vmx->rflags = vmcs_read(GUEST_RFLAGS);
	st->rflags = vmx->rflags;
	st->cr8 = vmx->vapic[APIC_TASKPRI] >> 4;
	st->cpl = VMX_AR_DPL(vmcs_read(GUEST_SS_AR_BYTES));
	st->code64 = vmx->long_mode &&
		     (vmcs_read(GUEST_CS_AR_BYTES) & VMX_AR_L_MASK);

	vmx->interruptibility = info;
	st->shadow = 0;
	st->nmi_blocked = false;
	if (unlikely(info))
		read_interruptibility(st, info);
}

/* The instruction itself was refused: no state was loaded, none changed. */
static noinline void refused(struct hv_vcpu *vcpu)
{
	vcpu->exit.reason = HV_R_FAIL_ENTRY;
	vcpu->exit.hw[0] = vmcs_read(VM_INSTRUCTION_ERROR);
	vcpu->exit.hw[1] = 0;
	vcpu->exit.hw[2] = 0;
}

/**
 * vmx_enter() - VMRESUME to exit, once
 * @vcpu: the vCPU
 *
 * See struct hv_backend for the contract.
 */
void vmx_enter(struct hv_vcpu *vcpu)
{
	struct vmx_vcpu *vmx = to_vmx(vcpu);
	struct hv_state *st = &vcpu->state;
	u32 reason;
	bool failed;

	write_state(vcpu, vmx);
	write_controls(vcpu, vmx);
	if (vmx_caps.timer && (vcpu->deadline != HV_NEVER || vmx->timer_set))
		write_timer(vmx, vcpu->deadline);
	vcpu->fresh = 0;
	if (vcpu->event.type != HV_EV_NONE)
		put_event(vcpu);
	if (unlikely(vmx->host_moved))
		vmx_host_moved(vmx);
	if (vmx->tsc_aux != st->tsc_aux && boot_cpu_has(X86_FEATURE_RDTSCP)) {
		wrmsrl(MSR_TSC_AUX, st->tsc_aux);
		vmx->tsc_aux = st->tsc_aux;
	}
	if (static_cpu_has(X86_FEATURE_MSR_SPEC_CTRL))
		vmx->guest_spec_ctrl = st->spec_ctrl;
	/* No VMCS has CR2. */
	if (native_read_cr2() != st->cr2)
		native_write_cr2(st->cr2);

	failed = vmx_vmenter(vcpu, vmx);
	if (unlikely(failed)) {
		refused(vcpu);
		return;
	}
	st->cr2 = native_read_cr2();
	reason = vmcs_read(VM_EXIT_REASON);
	if (likely(!(reason & VMX_EXIT_REASONS_FAILED_VMENTRY)))
		vmx->launched = true;
	read_state(vcpu, vmx);
	if (unlikely(vmx->log && READ_ONCE(vcpu->vm->logged)))
		vmx_log_flush(vcpu);
	vmx_translate_exit(vcpu, reason);
}
