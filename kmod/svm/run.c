// SPDX-License-Identifier: GPL-2.0
/*
 * Running a guest: what is set in the control block before VMRUN and read
 * from it after #VMEXIT, TLB tags, and the host state VMRUN leaves to us.
 */
#include <asm/debugreg.h>
#include <asm/msr.h>
#include <asm/nospec-branch.h>
#include <asm/processor.h>

#include "svm.h"

/**
 * svm_begin() - the inner loop starts on this CPU
 * @vcpu: the vCPU
 *
 * VMRUN saves part of the host's state; VMSAVE the rest (FS, GS, TR, LDTR and
 * the system-call MSRs, APM 15.5.2), which stays as it is for as long as
 * this thread keeps the CPU.
 *
 * Context: preemption and interrupts off.
 */
void svm_begin(struct hv_vcpu *vcpu)
{
	struct svm_cpu *sc = this_cpu_ptr(&svm_cpu);
	struct svm_vcpu *svm = to_svm(vcpu);

	if (boot_cpu_has(X86_FEATURE_MSR_SPEC_CTRL) && !svm_features.v_spec_ctrl)
		rdmsrl(MSR_IA32_SPEC_CTRL, svm->host_spec_ctrl);
	asm volatile("vmsave %0" : : "a" (sc->host_pa) : "memory");
}

/**
 * svm_end() - the inner loop is left, the host may do as it likes again
 * @vcpu: the vCPU
 *
 * Context: preemption and interrupts off.
 */
void svm_end(struct hv_vcpu *vcpu)
{
	struct svm_cpu *sc = this_cpu_ptr(&svm_cpu);

	if (sc->tsc_aux != sc->host_tsc_aux) {
		wrmsrl(MSR_TSC_AUX, sc->host_tsc_aux);
		sc->tsc_aux = sc->host_tsc_aux;
	}
	hv_guest_ran();
}

/**
 * svm_vcpu_load() - this vCPU comes to a CPU that ran something else last
 * @vcpu: the vCPU
 *
 * Context: preemption and interrupts off.
 */
void svm_vcpu_load(struct hv_vcpu *vcpu)
{
	struct svm_vcpu *svm = to_svm(vcpu);
	int cpu = smp_processor_id();

	if (svm->cpu != cpu) {
		/* Tags and cached VMCB contents are per CPU (15.15.1). */
		svm->cpu = cpu;
		svm->asid_generation = 0;
		svm->clean = 0;
	}
	/* One guest's branch history must not steer another's. */
	if (boot_cpu_has(X86_FEATURE_IBPB))
		wrmsrl(MSR_IA32_PRED_CMD, PRED_CMD_IBPB);
}

/**
 * svm_flush_tlb() - the next VMRUN starts without cached translations
 * @vcpu: the vCPU
 *
 * Context: preemption and interrupts off.
 */
void svm_flush_tlb(struct hv_vcpu *vcpu)
{
	struct svm_vcpu *svm = to_svm(vcpu);

	if (svm_features.flush_by_asid)
		svm->vmcb->control.tlb_ctl = TLB_CONTROL_FLUSH_ASID;
	else
		svm->asid_generation = 0;
}

/*
 * A tag nobody used on this CPU since its TLB was flushed. When they run out
 * everything is flushed and all tags handed out before become invalid.
 * ASID 0 is the host's.
 */
static void new_asid(struct svm_vcpu *svm, struct svm_cpu *sc)
{
	struct vmcb_control_area *ctl = &svm->vmcb->control;

	if (sc->next_asid >= svm_features.nr_asids) {
		sc->asid_generation++;
		sc->next_asid = 1;
		ctl->tlb_ctl = TLB_CONTROL_FLUSH_ALL_ASID;
	}
	ctl->asid = sc->next_asid++;
	svm->asid_generation = sc->asid_generation;
	svm_unclean(svm, SVM_CLEAN_ASID);
}

static void put_event(struct hv_vcpu *vcpu)
{
	static const u32 type[] = {
		[HV_EV_INTERRUPT] = SVM_EVTINJ_TYPE_INTR,
		[HV_EV_NMI] = SVM_EVTINJ_TYPE_NMI,
		[HV_EV_EXCEPTION] = SVM_EVTINJ_TYPE_EXEPT,
	};
	struct svm_vcpu *svm = to_svm(vcpu);
	struct vmcb_control_area *ctl = &svm->vmcb->control;
	struct hv_event *ev = &vcpu->event;

	ctl->event_inj = SVM_EVTINJ_VALID | type[ev->type] | ev->vector;
	if (ev->has_error) {
		ctl->event_inj |= SVM_EVTINJ_VALID_ERR;
		ctl->event_inj_err = ev->error;
	}
	if (ev->type == HV_EV_NMI) {
		/* Without virtual NMIs, IRET is what ends the NMI handler. */
		vcpu->state.nmi_blocked = true;
		svm->iret_watched = true;
		svm->iret_seen = false;
		svm_intercept(svm, INTERCEPT_IRET, true);
	}
	ev->type = HV_EV_NONE;
}

/* What the guest was being given when it exited goes back in line, 15.7.2. */
static void take_back_event(struct hv_vcpu *vcpu, u32 info, u32 error)
{
	const struct vmcb_control_area *ctl = &to_svm(vcpu)->vmcb->control;
	u8 vector = info & SVM_EXITINTINFO_VEC_MASK;
	struct hv_event *ev = &vcpu->event;

	switch (info & SVM_EXITINTINFO_TYPE_MASK) {
	case SVM_EXITINTINFO_TYPE_INTR:
		ev->type = HV_EV_INTERRUPT;
		break;
	case SVM_EXITINTINFO_TYPE_NMI:
		ev->type = HV_EV_NMI;
		break;
	case SVM_EXITINTINFO_TYPE_EXEPT:
		/*
		 * INT3 and INTO raise #BP and #OF. RIP still points at them,
		 * so they simply run again, as INT n below does; unless it was
		 * the entry that raised them.
		 */
		if (vector == X86_TRAP_BP || vector == X86_TRAP_OF) {
			if (!(ctl->event_inj & SVM_EVTINJ_VALID))
				return;
			hv_step_back(vcpu);
		}
		ev->type = HV_EV_EXCEPTION;
		break;
	default:
		return;
	}
	ev->vector = vector;
	ev->has_error = !!(info & SVM_EXITINTINFO_VALID_ERR);
	ev->error = error;
	ev->redo = true;
}

/* Ask for a #VMEXIT when the guest can take an interrupt, 15.21.4. */
static void arm_window(struct svm_vcpu *svm, bool on)
{
	struct vmcb_control_area *ctl = &svm->vmcb->control;

	ctl->int_ctl &= ~V_IRQ_INJECTION_BITS_MASK;
	if (on)
		ctl->int_ctl |= V_IRQ_MASK | V_IGN_TPR_MASK | V_INTR_PRIO_MASK;
	svm_intercept(svm, INTERCEPT_VINTR, on);
	svm_unclean(svm, SVM_CLEAN_INTR);
	svm->window_armed = on;
}

/*
 * The IRET that ends an NMI handler exits before it runs. NMIs are open again
 * once it has: that is seen when the guest has moved on.
 */
static void watch_iret(struct hv_vcpu *vcpu, struct svm_vcpu *svm)
{
	if (svm->iret_seen && vcpu->state.rip != svm->iret_rip) {
		svm->iret_watched = false;
		svm->iret_seen = false;
		vcpu->state.nmi_blocked = false;
		vcpu->event_check = true;
	} else if (svm->vmcb->control.exit_code == SVM_EXIT_IRET) {
		svm_intercept(svm, INTERCEPT_IRET, false);
		svm->iret_rip = vcpu->state.rip;
		svm->iret_seen = true;
	}
}

/*
 * An NMI waits for that IRET, or for a shadow to end: the instruction in
 * question is stepped over. A guest that steps itself exits for #DB anyway.
 */
static bool want_step(const struct hv_vcpu *vcpu, const struct svm_vcpu *svm)
{
	return vcpu->want_nmi_window && !(vcpu->state.rflags & X86_EFLAGS_TF) &&
	       (svm->iret_seen || vcpu->state.shadow);
}

/* Whether the exit was that step, of which the guest is to know nothing. */
static bool end_step(struct hv_vcpu *vcpu, struct svm_vcpu *svm)
{
	struct vmcb *vmcb = svm->vmcb;

	svm->stepping = false;
	/* What IRET has popped is the guest's own; else TF is still ours. */
	if (!svm->iret_seen || vcpu->state.rip == svm->iret_rip)
		vcpu->state.rflags &= ~X86_EFLAGS_TF;
	if (vmcb->control.exit_code != SVM_EXIT_EXCP_BASE + X86_TRAP_DB ||
	    !(vmcb->save.dr6 & DR_STEP))
		return false;
	vmcb->save.dr6 &= ~DR_STEP;
	svm_unclean(svm, SVM_CLEAN_DR);
	return true;
}

/**
 * svm_enter() - VMRUN to #VMEXIT, once
 * @vcpu: the vCPU
 *
 * See struct hv_backend for the contract.
 */
void svm_enter(struct hv_vcpu *vcpu)
{
	struct svm_cpu *sc = this_cpu_ptr(&svm_cpu);
	struct svm_vcpu *svm = to_svm(vcpu);
	struct vmcb_control_area *ctl = &svm->vmcb->control;
	struct vmcb_save_area *save = &svm->vmcb->save;
	struct hv_state *st = &vcpu->state;
	bool stepped;

	if (vcpu->dirty) {
		svm_store(vcpu, vcpu->dirty);
		vcpu->dirty = 0;
	}
	vcpu->fresh = 0;

	save->rax = st->gpr[HV_RAX];
	save->rsp = st->gpr[HV_RSP];
	save->rip = st->rip;
	save->rflags = st->rflags;
	if (unlikely(want_step(vcpu, svm))) {
		save->rflags |= X86_EFLAGS_TF;
		svm->stepping = true;
	}
	if (save->cr2 != st->cr2) {
		save->cr2 = st->cr2;
		svm_unclean(svm, SVM_CLEAN_CR2);
	}
	if ((ctl->int_ctl & V_TPR_MASK) != st->cr8) {
		ctl->int_ctl = (ctl->int_ctl & ~V_TPR_MASK) | st->cr8;
		svm_unclean(svm, SVM_CLEAN_INTR);
	}
	ctl->int_state = st->shadow ? SVM_INTERRUPT_SHADOW_MASK : 0;
	ctl->event_inj = 0;
	if (vcpu->event.type != HV_EV_NONE)
		put_event(vcpu);
	if (vcpu->want_window != svm->window_armed)
		arm_window(svm, vcpu->want_window);
	if (svm->asid_generation != sc->asid_generation)
		new_asid(svm, sc);
	if (sc->tsc_aux != st->tsc_aux && boot_cpu_has(X86_FEATURE_RDTSCP)) {
		wrmsrl(MSR_TSC_AUX, st->tsc_aux);
		sc->tsc_aux = st->tsc_aux;
	}
	ctl->clean = svm->clean;
	svm->clean = SVM_CLEAN_ALL;

	if (svm_features.v_spec_ctrl) {
		save->spec_ctrl = st->spec_ctrl;
		svm_vmrun(vcpu, svm->vmcb_pa, sc->host_pa, 0, 0);
		st->spec_ctrl = save->spec_ctrl;
	} else {
		svm_vmrun(vcpu, svm->vmcb_pa, sc->host_pa,
			  boot_cpu_has(X86_FEATURE_MSR_SPEC_CTRL) ?
			  st->spec_ctrl : svm->host_spec_ctrl,
			  svm->host_spec_ctrl);
	}

	ctl->tlb_ctl = TLB_CONTROL_DO_NOTHING;
	st->gpr[HV_RAX] = save->rax;
	st->gpr[HV_RSP] = save->rsp;
	st->rip = save->rip;
	st->rflags = save->rflags;
	st->cr2 = save->cr2;
	st->cr8 = ctl->int_ctl & V_TPR_MASK;
	st->cpl = save->cpl;
	st->code64 = (save->cs.attrib & SVM_SELECTOR_L_MASK) &&
		     (save->efer & EFER_LMA);
	/* The CPU does not say which of STI and MOV SS cast the shadow. */
	st->shadow = ctl->int_state & SVM_INTERRUPT_SHADOW_MASK ?
		     KVM_X86_SHADOW_INT_STI | KVM_X86_SHADOW_INT_MOV_SS : 0;
	stepped = unlikely(svm->stepping) && end_step(vcpu, svm);
	if (svm->iret_watched)
		watch_iret(vcpu, svm);
	if (ctl->exit_int_info & SVM_EXITINTINFO_VALID)
		take_back_event(vcpu, ctl->exit_int_info, ctl->exit_int_info_err);
	if (stepped)
		vcpu->exit.reason = HV_R_NMI_WINDOW;
	else
		svm_translate_exit(vcpu);
}
