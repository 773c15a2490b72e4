// SPDX-License-Identifier: GPL-2.0
/*
 * What is delivered to the guest on the next entry: exceptions that an
 * instruction raised, NMIs, interrupts.
 */
#include <asm/debugreg.h>
#include <asm/processor-flags.h>
#include <asm/trapnr.h>

#include "hvctl.h"
#include "trace.h"

/* Classes of APM vol 2, table 8-2 that decide about #DF. */
static bool contributory(u8 vector)
{
	return vector == X86_TRAP_DE ||
	       (vector >= X86_TRAP_TS && vector <= X86_TRAP_GP);
}

static bool makes_double_fault(u8 first, u8 second)
{
	if (first == X86_TRAP_PF)
		return contributory(second) || second == X86_TRAP_PF;
	return contributory(first) && contributory(second);
}

static bool protected_mode(struct hv_vcpu *vcpu)
{
	hv_need(vcpu, HV_PART_CR);
	return vcpu->state.cr0 & X86_CR0_PE;
}

static void raise(struct hv_vcpu *vcpu, u8 vector, bool has_error, u32 error)
{
	struct hv_event *ev = &vcpu->event;

	if (ev->type == HV_EV_EXCEPTION && ev->redo) {
		/* Raised while delivering another one: APM vol 2, 8.2.9. */
		if (ev->vector == X86_TRAP_DF) {
			hv_request(vcpu, HV_REQ_TRIPLE);
			return;
		}
		if (makes_double_fault(ev->vector, vector)) {
			vector = X86_TRAP_DF;
			has_error = true;
			error = 0;
		}
	}
	*ev = (struct hv_event) {
		.type = HV_EV_EXCEPTION,
		.vector = vector,
		/* Real mode pushes no error code, APM vol 2, 8.2. */
		.has_error = has_error && protected_mode(vcpu),
		.error = error,
	};
}

/**
 * hv_inject() - raise an exception without error code
 * @vcpu: the vCPU
 * @vector: e.g. X86_TRAP_UD
 */
void hv_inject(struct hv_vcpu *vcpu, u8 vector)
{
	raise(vcpu, vector, false, 0);
}

/**
 * hv_inject_error() - raise an exception with error code
 * @vcpu: the vCPU
 * @vector: e.g. X86_TRAP_SS
 * @error: what is pushed
 */
void hv_inject_error(struct hv_vcpu *vcpu, u8 vector, u32 error)
{
	raise(vcpu, vector, true, error);
}

/* #GP(0) */
void hv_inject_gp(struct hv_vcpu *vcpu)
{
	raise(vcpu, X86_TRAP_GP, true, 0);
}

/* #UD */
void hv_inject_ud(struct hv_vcpu *vcpu)
{
	raise(vcpu, X86_TRAP_UD, false, 0);
}

/**
 * hv_inject_int3() - raise #BP or #OF as the instruction at RIP does
 * @vcpu: the vCPU; INT3 or INTO is at RIP
 * @vector: X86_TRAP_BP or X86_TRAP_OF
 *
 * These are traps: the handler returns behind the instruction.
 */
void hv_inject_int3(struct hv_vcpu *vcpu, u8 vector)
{
	vcpu->event = (struct hv_event) {
		.type = HV_EV_EXCEPTION,
		.vector = vector,
		.soft_len = 1,
	};
}

/**
 * hv_step_back() - what hv_inject_int3() raised could not be delivered yet
 * @vcpu: the vCPU, just back from the guest: RIP is at the instruction again
 */
void hv_step_back(struct hv_vcpu *vcpu)
{
	vcpu->event.soft_len = 1;
	vcpu->state.rip--;
}

/**
 * hv_inject_pf() - raise #PF
 * @vcpu: the vCPU
 * @address: linear address, for CR2
 * @error: X86_PF_*
 */
void hv_inject_pf(struct hv_vcpu *vcpu, u64 address, u32 error)
{
	vcpu->state.cr2 = address;
	raise(vcpu, X86_TRAP_PF, true, error);
}

/*
 * What RFLAGS has the CPU do behind an instruction: RF covers no more than one,
 * and TF traps after each.
 */
static noinline void end_insn(struct hv_vcpu *vcpu)
{
	struct hv_state *st = &vcpu->state;

	st->rflags &= ~(u64)X86_EFLAGS_RF;
	if (!(st->rflags & X86_EFLAGS_TF))
		return;
	if (vcpu->debug & KVM_GUESTDBG_SINGLESTEP) {
		hv_request(vcpu, HV_REQ_STEPPED);
		return;
	}
	hv_need(vcpu, HV_PART_DR);
	st->dr6 |= DR_STEP;
	hv_dirty(vcpu, HV_PART_DR);
	raise(vcpu, X86_TRAP_DB, false, 0);
}

/**
 * hv_skip() - step over the instruction that exited
 * @vcpu: the vCPU; vcpu->exit.insn_len is the length
 *
 * The instruction is done: the interrupt shadow of the one before it ends, and
 * a single-stepping guest gets its #DB (APM vol 2, 13.1.4).
 */
void hv_skip(struct hv_vcpu *vcpu)
{
	struct hv_state *st = &vcpu->state;

	st->rip += vcpu->exit.insn_len;
	if (unlikely(st->rip >> 32) && !st->code64)
		st->rip = (u32)st->rip;
	if (st->shadow) {
		st->shadow = 0;
		vcpu->event_check = true;
	}
	if (unlikely(st->rflags & (X86_EFLAGS_TF | X86_EFLAGS_RF)))
		end_insn(vcpu);
}

static bool open_for_interrupts(const struct hv_vcpu *vcpu)
{
	return (vcpu->state.rflags & X86_EFLAGS_IF) && !vcpu->state.shadow;
}

static void deliver_interrupt(struct hv_vcpu *vcpu, u8 vector)
{
	vcpu->event = (struct hv_event) {
		.type = HV_EV_INTERRUPT,
		.vector = vector,
	};
	vcpu->injected++;
	trace_hvctl_inject(vcpu);
}

static bool deliver_nmi(struct hv_vcpu *vcpu)
{
	if (!vcpu->nmi_pending)
		return false;
	if (vcpu->state.nmi_blocked || vcpu->state.shadow) {
		vcpu->want_nmi_window = true;
		return false;
	}
	vcpu->nmi_pending = 0;
	vcpu->want_nmi_window = false;
	vcpu->event = (struct hv_event) {
		.type = HV_EV_NMI,
		.vector = X86_TRAP_NMI,
	};
	trace_hvctl_inject(vcpu);
	return true;
}

/* Follow CR8 where only the task priority holds an interrupt back. */
static void watch_cr8(struct hv_vcpu *vcpu, bool want)
{
	if (vcpu->want_cr8 != want) {
		vcpu->want_cr8 = want;
		hv_backend->update_intercepts(vcpu);
	}
}

static void deliver_user_irq(struct hv_vcpu *vcpu, bool busy)
{
	if (vcpu->user_irq >= 0) {
		if (!busy && open_for_interrupts(vcpu)) {
			deliver_interrupt(vcpu, vcpu->user_irq);
			vcpu->user_irq = -1;
		} else {
			vcpu->want_window = true;
		}
	}
}

/* Xen's upcall takes no turn with the local APIC's, nor is it ended there. */
static noinline bool deliver_upcall(struct hv_vcpu *vcpu, bool busy)
{
	int vector = hv_xen_upcall(vcpu);

	if (vector < 0)
		return busy;
	if (busy || !open_for_interrupts(vcpu)) {
		vcpu->want_window = true;
		return busy;
	}
	deliver_interrupt(vcpu, vector);
	return true;
}

/**
 * hv_deliver() - choose what the next entry delivers
 * @vcpu: the vCPU
 *
 * In the order of APM vol 2, table 8-8: what was under way, exceptions, NMI,
 * interrupts. What has to wait gets a window: an exit when the guest is open.
 *
 * Context: inner loop.
 */
void hv_deliver(struct hv_vcpu *vcpu)
{
	bool busy = vcpu->event.type != HV_EV_NONE, from_pic;
	int vector;

	vcpu->event_check = false;
	vcpu->want_window = false;
	if (unlikely(vcpu->user_pic) &&
	    READ_ONCE(vcpu->run->request_interrupt_window) &&
	    hv_irq_takes_user_pic(vcpu)) {
		vcpu->want_window = true;
		vcpu->event_check = true;
	}
	if (unlikely(vcpu->debug & KVM_GUESTDBG_BLOCKIRQ)) {
		vcpu->state.rip += vcpu->event.soft_len;
		vcpu->event.soft_len = 0;
		vcpu->event_check = true;
		return;
	}
	if (!busy) {
		busy = deliver_nmi(vcpu);
	} else {
		vcpu->state.rip += vcpu->event.soft_len;
		vcpu->event.soft_len = 0;
		if (vcpu->nmi_pending)
			vcpu->event_check = true;
	}

	if (!vcpu->lapic) {
		deliver_user_irq(vcpu, busy);
		return;
	}
	if (unlikely(vcpu->xen))
		busy = deliver_upcall(vcpu, busy);
	if (vcpu->apic_by_cpu) {
		hv_lapic_give(vcpu);
		vector = hv_irq_next_pic(vcpu);
		if (likely(vector < 0))
			return;
	} else {
		vector = hv_irq_next(vcpu);
	}
	if (vector < 0) {
		watch_cr8(vcpu, vcpu->state.cr8 && hv_irq_tpr_holds(vcpu));
		return;
	}
	if (busy || !open_for_interrupts(vcpu)) {
		vcpu->want_window = true;
		return;
	}
	from_pic = hv_irq_next_pic(vcpu) >= 0;
	vector = hv_irq_accept(vcpu);
	if (vector >= 0)
		deliver_interrupt(vcpu, vector);
	/* What the PIC has sent holds nothing back that the local APIC has. */
	if (unlikely(from_pic) && !vcpu->apic_by_cpu)
		vcpu->want_window |= hv_irq_has(vcpu);
}
