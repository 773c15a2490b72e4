// SPDX-License-Identifier: GPL-2.0
/*
 * What is done about each reason to leave the guest.
 *
 * A hot handler runs in the inner loop, with interrupts off, and ends it with
 * HV_SLOW where it would have to sleep; the slow handler of the same reason is
 * then called from the outer loop. Port I/O, nested faults and debug registers
 * have files of their own.
 */
#include <linux/kvm_para.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <asm/debugreg.h>
#include <asm/special_insns.h>

#include "hvctl.h"

static int hot_interrupt(struct hv_vcpu *vcpu)
{
	if (hv_backend->irqs_outside)
		return HV_SLOW;
	/*
	 * The interrupt is still pending. Take it here, then tell RCU that
	 * this thread holds none of its references: a guest that never exits
	 * must not hold up grace periods.
	 */
	local_irq_enable();
	/* STI holds interrupts off for one instruction: it must not be CLI. */
	nop();
	local_irq_disable();
	rcu_note_context_switch(false);
	/* It may have been the one that takes SVM or VMX away, to reboot. */
	return likely(this_cpu_read(hv_cpu_on)) ? HV_RESUME : HV_SLOW;
}

static int hot_resume(struct hv_vcpu *vcpu)
{
	return HV_RESUME;
}

static int hot_window(struct hv_vcpu *vcpu)
{
	vcpu->event_check = true;
	vcpu->want_window = false;
	/* It may be user space that waits for this. */
	return vcpu->user_pic ? HV_SLOW : HV_RESUME;
}

static int slow_resume(struct hv_vcpu *vcpu)
{
	return HV_RESUME;
}

static int hot_nmi_window(struct hv_vcpu *vcpu)
{
	vcpu->event_check = true;
	return HV_RESUME;
}

/*
 * The length of the instruction: 0 when known, and then exit.insn_len is set;
 * otherwise what the handler has to return.
 */
static inline int need_len(struct hv_vcpu *vcpu, bool atomic, int *ret)
{
	if (vcpu->exit.insn_len)
		return 0;
	*ret = hv_insn_len(vcpu, atomic);
	return *ret != HV_RESUME || !vcpu->exit.insn_len;
}

static int do_cpuid(struct hv_vcpu *vcpu, bool atomic)
{
	u64 *gpr = vcpu->state.gpr;
	u32 eax = gpr[HV_RAX], ebx, ecx = gpr[HV_RCX], edx;
	int r;

	if (need_len(vcpu, atomic, &r))
		return r;
	hv_cpuid_run(vcpu, &eax, &ebx, &ecx, &edx);
	gpr[HV_RAX] = eax;
	gpr[HV_RBX] = ebx;
	gpr[HV_RCX] = ecx;
	gpr[HV_RDX] = edx;
	hv_skip(vcpu);
	return HV_RESUME;
}

/*
 * KVM's hypercalls (Documentation/virt/kvm/x86/hypercalls.rst). None of the
 * optional ones is announced by CPUID, so each is unknown.
 */
static int do_hypercall(struct hv_vcpu *vcpu, bool atomic)
{
	long ret = vcpu->state.cpl ? -KVM_EPERM : -KVM_ENOSYS;
	int r;

	/* A guest that talks to Xen passes records in its memory, mostly. */
	if (unlikely(vcpu->vm->xen) && hv_xen_intercepts(vcpu->vm) && atomic)
		return HV_SLOW;
	if (need_len(vcpu, atomic, &r))
		return r;
	if (unlikely(vcpu->vm->xen) && hv_xen_intercepts(vcpu->vm))
		return hv_xen_hypercall(vcpu);
	vcpu->state.gpr[HV_RAX] = vcpu->state.code64 ? ret : (u32)ret;
	hv_skip(vcpu);
	return HV_RESUME;
}

static int do_rdmsr(struct hv_vcpu *vcpu, bool atomic)
{
	u64 *gpr = vcpu->state.gpr;
	u64 value;
	int r;

	if (need_len(vcpu, atomic, &r))
		return r;
	if (hv_msr_read(vcpu, gpr[HV_RCX], &value, false)) {
		hv_inject_gp(vcpu);
		return HV_RESUME;
	}
	gpr[HV_RAX] = (u32)value;
	gpr[HV_RDX] = value >> 32;
	hv_skip(vcpu);
	return HV_RESUME;
}

static int do_wrmsr(struct hv_vcpu *vcpu, bool atomic)
{
	u64 *gpr = vcpu->state.gpr;
	u64 value = gpr[HV_RDX] << 32 | (u32)gpr[HV_RAX];
	int r;

	if (need_len(vcpu, atomic, &r))
		return r;
	if (hv_msr_write(vcpu, gpr[HV_RCX], value, false))
		hv_inject_gp(vcpu);
	else
		hv_skip(vcpu);
	return HV_RESUME;
}

static int do_hlt(struct hv_vcpu *vcpu, bool atomic)
{
	int r;

	if (need_len(vcpu, atomic, &r))
		return r;
	hv_skip(vcpu);
	vcpu->event_check = true;
	if (vcpu->event.type != HV_EV_NONE || hv_ends_halt(vcpu))
		return HV_RESUME;
	vcpu->mp_state = KVM_MP_STATE_HALTED;
	return HV_SLOW;
}

static int hot_cpuid(struct hv_vcpu *vcpu)
{
	return do_cpuid(vcpu, true);
}

static int slow_cpuid(struct hv_vcpu *vcpu)
{
	return do_cpuid(vcpu, false);
}

static int hot_hypercall(struct hv_vcpu *vcpu)
{
	return do_hypercall(vcpu, true);
}

static int slow_hypercall(struct hv_vcpu *vcpu)
{
	return do_hypercall(vcpu, false);
}

static int hot_rdmsr(struct hv_vcpu *vcpu)
{
	return do_rdmsr(vcpu, true);
}

static int slow_rdmsr(struct hv_vcpu *vcpu)
{
	return do_rdmsr(vcpu, false);
}

static int hot_wrmsr(struct hv_vcpu *vcpu)
{
	return do_wrmsr(vcpu, true);
}

static int slow_wrmsr(struct hv_vcpu *vcpu)
{
	return do_wrmsr(vcpu, false);
}

static int hot_hlt(struct hv_vcpu *vcpu)
{
	return do_hlt(vcpu, true);
}

static int slow_hlt(struct hv_vcpu *vcpu)
{
	int r = HV_RESUME;

	/* Mostly the hot handler has done it and the outer loop puts us to sleep. */
	if (vcpu->mp_state != KVM_MP_STATE_HALTED)
		r = do_hlt(vcpu, false);
	return r == HV_SLOW ? HV_RESUME : r;
}

static int hot_slow(struct hv_vcpu *vcpu)
{
	return HV_SLOW;
}

static int slow_pause(struct hv_vcpu *vcpu)
{
	/* A lock holder may be waiting for this CPU. */
	yield();
	return HV_RESUME;
}

/* The task priority. Without an irqchip user space wants to know it fell. */
static int write_cr8(struct hv_vcpu *vcpu, u64 value)
{
	u8 old = vcpu->state.cr8;

	if (value > 15) {
		hv_inject_gp(vcpu);
		return HV_RESUME;
	}
	hv_skip(vcpu);
	if (vcpu->lapic) {
		hv_lapic_tpr_set(vcpu, value << 4);
		return HV_RESUME;
	}
	vcpu->state.cr8 = value;
	if (value >= old)
		return HV_RESUME;
	vcpu->run->exit_reason = KVM_EXIT_SET_TPR;
	return HV_USER;
}

/* MOV to and from control registers, LMSW, CLTS; APM vol 2, 15.9. */
static int slow_cr(struct hv_vcpu *vcpu)
{
	struct hv_state *st = &vcpu->state;
	struct hv_exit *exit = &vcpu->exit;
	u64 value;
	int r;

	if (exit->cr.gpr < 0 || !exit->insn_len) {
		r = hv_insn_len(vcpu, false);
		if (r != HV_RESUME || !exit->insn_len)
			return r;
	}
	if (!exit->cr.write) {
		hv_need(vcpu, HV_PART_CR);
		switch (exit->cr.nr) {
		case 0:
			value = st->cr0;
			break;
		case 2:
			value = st->cr2;
			break;
		case 3:
			value = st->cr3;
			break;
		case 4:
			value = st->cr4;
			break;
		case 8:
			value = st->cr8;
			break;
		default:
			hv_inject_ud(vcpu);
			return HV_RESUME;
		}
		st->gpr[exit->cr.gpr] = st->code64 ? value : (u32)value;
		hv_skip(vcpu);
		return HV_RESUME;
	}

	hv_need(vcpu, HV_PART_CR);
	if (exit->cr.lmsw) {
		/* LMSW sets PE but does not clear it. */
		value = (st->cr0 & ~0xeULL) | (exit->cr.msw & 0xf);
	} else if (exit->cr.clts) {
		value = st->cr0 & ~X86_CR0_TS;
	} else {
		value = st->gpr[exit->cr.gpr];
		if (!st->code64)
			value = (u32)value;
	}

	switch (exit->cr.nr) {
	case 0:
		r = hv_cr0_set(vcpu, value);
		break;
	case 4:
		r = hv_cr4_set(vcpu, value);
		break;
	case 8:
		return write_cr8(vcpu, value);
	default:
		return hv_internal_error(vcpu, KVM_INTERNAL_ERROR_EMULATION);
	}
	if (r)
		hv_inject_gp(vcpu);
	else
		hv_skip(vcpu);
	return HV_RESUME;
}

static int slow_xsetbv(struct hv_vcpu *vcpu)
{
	u64 *gpr = vcpu->state.gpr;
	u64 value = gpr[HV_RDX] << 32 | (u32)gpr[HV_RAX];
	int r;

	if (need_len(vcpu, false, &r))
		return r;
	/* A CPU looks before it exits; QEMU's emulation of SVM does not. */
	if (!(vcpu->state.cr4 & X86_CR4_OSXSAVE))
		hv_inject_ud(vcpu);
	else if (vcpu->state.cpl || (u32)gpr[HV_RCX] || hv_xcr0_set(vcpu, value))
		hv_inject_gp(vcpu);
	else
		hv_skip(vcpu);
	return HV_RESUME;
}

/*
 * WBINVD and INVD: memory is coherent for the guest whatever it does, and a
 * guest may not empty the host's caches.
 */
static int slow_skip(struct hv_vcpu *vcpu)
{
	int r;

	if (need_len(vcpu, false, &r))
		return r;
	hv_skip(vcpu);
	return HV_RESUME;
}

static int hot_ud(struct hv_vcpu *vcpu)
{
	hv_inject_ud(vcpu);
	return HV_RESUME;
}

static int hot_gp(struct hv_vcpu *vcpu)
{
	hv_inject_gp(vcpu);
	return HV_RESUME;
}

/* Where the CPU does not do it the VMM is told; no current system does it. */
static int slow_task_switch(struct hv_vcpu *vcpu)
{
	return hv_internal_error(vcpu, KVM_INTERNAL_ERROR_EMULATION);
}

static int slow_shutdown(struct hv_vcpu *vcpu)
{
	vcpu->run->exit_reason = KVM_EXIT_SHUTDOWN;
	return HV_USER;
}

static int slow_fail_entry(struct hv_vcpu *vcpu)
{
	struct kvm_run *run = vcpu->run;
	struct hvctl_fail_entry fail = {
		.hardware_entry_failure_reason = vcpu->exit.hw[0],
		.cpu = vcpu->last_cpu,
	};

	static_assert(sizeof(fail) <= sizeof(run->padding));
	static_assert(offsetof(struct kvm_run, padding) ==
		      offsetof(struct kvm_run, fail_entry));
	hv_backend->dump(vcpu, &fail);
	run->exit_reason = KVM_EXIT_FAIL_ENTRY;
	memcpy(run->padding, &fail, sizeof(fail));
	return HV_USER;
}

/* An exit nobody knows goes to user space with its raw code. */
static int slow_unknown(struct hv_vcpu *vcpu)
{
	struct kvm_run *run = vcpu->run;

	pr_warn_ratelimited("dom %u vcpu %u: unknown exit %#llx (%#llx, %#llx) at %#llx\n",
			    vcpu->vm->domid, vcpu->id, vcpu->exit.hw[0],
			    vcpu->exit.hw[1], vcpu->exit.hw[2], vcpu->state.rip);
	run->exit_reason = KVM_EXIT_UNKNOWN;
	run->hw.hardware_exit_reason = vcpu->exit.hw[0];
	return HV_USER;
}

/**
 * hv_internal_error() - the module cannot go on with this guest
 * @vcpu: the vCPU
 * @suberror: KVM_INTERNAL_ERROR_*
 *
 * Return: HV_USER, with the raw exit in run->internal.
 */
int hv_internal_error(struct hv_vcpu *vcpu, u32 suberror)
{
	struct kvm_run *run = vcpu->run;

	run->exit_reason = KVM_EXIT_INTERNAL_ERROR;
	run->internal.suberror = suberror;
	run->internal.ndata = 3;
	run->internal.data[0] = vcpu->exit.hw[0];
	run->internal.data[1] = vcpu->exit.hw[1];
	run->internal.data[2] = vcpu->exit.hw[2];
	return HV_USER;
}

const hv_handler hv_hot_exit[HV_R_COUNT] = {
	[HV_R_INTERRUPT] = hot_interrupt,
	[HV_R_NMI] = hot_resume,	/* the back end has handed it on */
	[HV_R_MACHINE_CHECK] = hot_resume,
	[HV_R_WINDOW] = hot_window,
	[HV_R_NMI_WINDOW] = hot_nmi_window,
	[HV_R_CPUID] = hot_cpuid,
	[HV_R_HYPERCALL] = hot_hypercall,
	[HV_R_RDMSR] = hot_rdmsr,
	[HV_R_WRMSR] = hot_wrmsr,
	[HV_R_RDPMC] = hot_gp,
	[HV_R_IO] = hv_hot_io,
	[HV_R_FAULT] = hv_hot_fault,
	[HV_R_EOI] = hv_hot_eoi,
	[HV_R_TIMER] = hv_hot_timer,
	[HV_R_LOG_FULL] = hot_resume,
	[HV_R_HLT] = hot_hlt,
	[HV_R_PAUSE] = hot_slow,
	[HV_R_CR] = hot_slow,
	[HV_R_DR] = hv_hot_dr,
	[HV_R_EXCEPTION] = hv_hot_exception,
	[HV_R_XSETBV] = hot_slow,
	[HV_R_WBINVD] = hot_slow,
	[HV_R_INVD] = hot_slow,
	[HV_R_MONITOR] = hot_ud,
	[HV_R_MWAIT] = hot_ud,
	[HV_R_TASK_SWITCH] = hot_slow,
	[HV_R_UNDEFINED] = hot_ud,
	[HV_R_INIT] = hot_resume,
	[HV_R_SHUTDOWN] = hot_slow,
	[HV_R_FAIL_ENTRY] = hot_slow,
	[HV_R_UNKNOWN] = hot_slow,
};

const hv_handler hv_slow_exit[HV_R_COUNT] = {
	[HV_R_INTERRUPT] = slow_resume,	/* out of the inner loop is all */
	[HV_R_WINDOW] = slow_resume,
	[HV_R_CPUID] = slow_cpuid,
	[HV_R_HYPERCALL] = slow_hypercall,
	[HV_R_RDMSR] = slow_rdmsr,
	[HV_R_WRMSR] = slow_wrmsr,
	[HV_R_IO] = hv_slow_io,
	[HV_R_FAULT] = hv_slow_fault,
	[HV_R_HLT] = slow_hlt,
	[HV_R_PAUSE] = slow_pause,
	[HV_R_CR] = slow_cr,
	[HV_R_DR] = hv_slow_dr,
	[HV_R_EXCEPTION] = hv_slow_exception,
	[HV_R_XSETBV] = slow_xsetbv,
	[HV_R_WBINVD] = slow_skip,
	[HV_R_INVD] = slow_skip,
	[HV_R_TASK_SWITCH] = slow_task_switch,
	[HV_R_SHUTDOWN] = slow_shutdown,
	[HV_R_FAIL_ENTRY] = slow_fail_entry,
	[HV_R_UNKNOWN] = slow_unknown,
};
