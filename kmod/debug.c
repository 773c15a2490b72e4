// SPDX-License-Identifier: GPL-2.0
/*
 * Debug registers, lent to the guest only while it uses them; and user space as
 * the guest's debugger (KVM_SET_GUEST_DEBUG).
 *
 * DR6 and DR7 are part of the control block. DR0-3 are not: the first access
 * exits, they are loaded and the intercepts dropped until the inner loop is
 * left. A guest with breakpoints set gets them loaded at once.
 *
 * While user space steps the guest or has breakpoints of its own, the registers
 * are its: hv_debugged(). Then the guest's are only in struct hv_state, where each
 * access is emulated, and all #DB go to user space. Of TF in RFLAGS the guest's
 * code may see something, as on KVM.
 */
#include <asm/debugreg.h>
#include <asm/processor-flags.h>
#include <asm/trapnr.h>

#include "hvctl.h"

/* Enable bits, types and lengths; not GD: nobody but the guest's debugger is told. */
#define DEBUGGER_DR7	(GENMASK(31, 16) | GENMASK(9, 0))

/**
 * hv_dr7() - DR7 as the CPU is to have it
 * @vcpu: the vCPU, stopped
 *
 * Return: the debugger's, or the guest's.
 */
u64 hv_dr7(const struct hv_vcpu *vcpu)
{
	return vcpu->debug & KVM_GUESTDBG_USE_HW_BP ? vcpu->debug_dr7 :
						      vcpu->state.dr7;
}

/**
 * hv_dr_arm() - a DR7 has changed: are there breakpoints?
 * @vcpu: the vCPU; HV_PART_DR is current
 */
void hv_dr_arm(struct hv_vcpu *vcpu)
{
	vcpu->dr_armed = hv_dr7(vcpu) &
			 (DR_LOCAL_ENABLE_MASK | DR_GLOBAL_ENABLE_MASK);
}

static void load_guest(struct hv_vcpu *vcpu)
{
	const u64 *dr = vcpu->debug & KVM_GUESTDBG_USE_HW_BP ? vcpu->debug_dr :
							      vcpu->state.dr;

	/*
	 * The host's DR7 goes first: its breakpoints must not match the
	 * guest's addresses while host code runs.
	 */
	get_debugreg(vcpu->host_dr7, 7);
	if (vcpu->host_dr7 & DR_GLOBAL_ENABLE_MASK) {
		get_debugreg(vcpu->host_dr[0], 0);
		get_debugreg(vcpu->host_dr[1], 1);
		get_debugreg(vcpu->host_dr[2], 2);
		get_debugreg(vcpu->host_dr[3], 3);
		set_debugreg(0UL, 7);
	}
	set_debugreg(dr[0], 0);
	set_debugreg(dr[1], 1);
	set_debugreg(dr[2], 2);
	set_debugreg(dr[3], 3);
	vcpu->dr_live = true;
	hv_backend->update_intercepts(vcpu);
}

/**
 * hv_dr_begin() - the inner loop begins: load what the guest needs at once
 * @vcpu: the vCPU
 */
void hv_dr_begin(struct hv_vcpu *vcpu)
{
	if (unlikely(vcpu->dr_armed)) {
		load_guest(vcpu);
	} else {
		/* #VMEXIT clears DR7, so the host's has to be known. */
		get_debugreg(vcpu->host_dr7, 7);
	}
}

/**
 * hv_dr_end() - the inner loop ends: the host's registers come back
 * @vcpu: the vCPU
 */
void hv_dr_end(struct hv_vcpu *vcpu)
{
	struct hv_state *st = &vcpu->state;
	bool host_uses = vcpu->host_dr7 & DR_GLOBAL_ENABLE_MASK;

	if (vcpu->dr_live) {
		if (likely(!hv_debugged(vcpu))) {
			get_debugreg(st->dr[0], 0);
			get_debugreg(st->dr[1], 1);
			get_debugreg(st->dr[2], 2);
			get_debugreg(st->dr[3], 3);
			hv_need(vcpu, HV_PART_DR);
			hv_dr_arm(vcpu);
		}
		vcpu->dr_live = false;
		hv_backend->update_intercepts(vcpu);
		if (host_uses) {
			set_debugreg(vcpu->host_dr[0], 0);
			set_debugreg(vcpu->host_dr[1], 1);
			set_debugreg(vcpu->host_dr[2], 2);
			set_debugreg(vcpu->host_dr[3], 3);
		}
	}
	if (host_uses)
		set_debugreg(vcpu->host_dr7, 7);
}

/**
 * hv_hot_dr() - the guest touches a debug register for the first time
 * @vcpu: the vCPU
 *
 * Return: HV_RESUME: the instruction runs again, without an exit; HV_SLOW while
 * the registers are the debugger's.
 */
int hv_hot_dr(struct hv_vcpu *vcpu)
{
	if (unlikely(hv_debugged(vcpu)))
		return HV_SLOW;
	load_guest(vcpu);
	return HV_RESUME;
}

static void write_dr(struct hv_vcpu *vcpu, u8 nr, u64 value)
{
	struct hv_state *st = &vcpu->state;

	if (nr < 4)
		st->dr[nr] = value;
	else if (nr == 6)
		st->dr6 = hv_dr6_of(value);
	else
		st->dr7 = hv_dr7_of(value);
	hv_dirty(vcpu, HV_PART_DR);
	hv_dr_arm(vcpu);
}

static u64 read_dr(const struct hv_vcpu *vcpu, u8 nr)
{
	const struct hv_state *st = &vcpu->state;

	return nr < 4 ? st->dr[nr] : nr == 6 ? st->dr6 : st->dr7;
}

/**
 * hv_slow_dr() - the guest moves to or from a debug register that it has not got
 * @vcpu: the vCPU
 *
 * APM volume 3, MOV DRn; for GD, volume 2, 13.1.1.
 */
int hv_slow_dr(struct hv_vcpu *vcpu)
{
	struct hv_state *st = &vcpu->state;
	struct hv_exit *exit = &vcpu->exit;
	u8 nr = exit->dr.nr;
	u64 value;
	int r;

	if (exit->dr.gpr < 0 || !exit->insn_len) {
		r = hv_insn_len(vcpu, false);
		if (r != HV_RESUME || !exit->insn_len)
			return r;
	}
	hv_need(vcpu, HV_PART_CR | HV_PART_DR);
	if (nr == 4 || nr == 5) {
		if (st->cr4 & X86_CR4_DE) {
			hv_inject_ud(vcpu);
			return HV_RESUME;
		}
		nr += 2;
	}
	value = st->gpr[exit->dr.gpr];
	if (st->cpl || (exit->dr.write && nr >= 6 && st->code64 && value >> 32)) {
		hv_inject_gp(vcpu);
	} else if (st->dr7 & DR7_GD) {
		st->dr6 |= DR6_BD;
		st->dr7 &= ~DR7_GD;
		hv_inject(vcpu, X86_TRAP_DB);
	} else {
		if (exit->dr.write)
			write_dr(vcpu, nr, st->code64 ? value : (u32)value);
		else
			st->gpr[exit->dr.gpr] = st->code64 ? read_dr(vcpu, nr) :
							     (u32)read_dr(vcpu, nr);
		hv_skip(vcpu);
	}
	return HV_RESUME;
}

static int debug_exit(struct hv_vcpu *vcpu, u8 vector, u64 dr6)
{
	const struct hv_state *st = &vcpu->state;
	struct kvm_run *run = vcpu->run;

	hv_need(vcpu, HV_PART_SEG | HV_PART_DR);
	run->exit_reason = KVM_EXIT_DEBUG;
	run->debug.arch = (struct kvm_debug_exit_arch) {
		.exception = vector,
		.pc = st->code64 ? st->rip : (u32)(st->seg[HV_CS].base + st->rip),
		.dr6 = dr6,
		.dr7 = hv_dr7(vcpu),
	};
	/* What the CPU has noted in DR6 has been told. */
	hv_dirty(vcpu, HV_PART_DR);
	return HV_USER;
}

/**
 * hv_hot_exception() - an exception that is intercepted
 * @vcpu: the vCPU
 *
 * Mostly it is, only to bound its recursion.
 */
int hv_hot_exception(struct hv_vcpu *vcpu)
{
	struct hv_exit *exit = &vcpu->exit;
	u8 vector = exit->exception.vector;

	if (unlikely(vcpu->debug) && (vector == X86_TRAP_BP ||
				      (vector == X86_TRAP_DB && hv_debugged(vcpu))))
		return HV_SLOW;
	if (exit->exception.has_error)
		hv_inject_error(vcpu, vector, exit->exception.error);
	else
		hv_inject(vcpu, vector);
	return HV_RESUME;
}

/* One that the debugger wants. */
int hv_slow_exception(struct hv_vcpu *vcpu)
{
	u8 vector = vcpu->exit.exception.vector;

	hv_need(vcpu, HV_PART_DR);
	return debug_exit(vcpu, vector, vector == X86_TRAP_DB ?
			  vcpu->exit.exception.address : vcpu->state.dr6);
}

/* An instruction that exited is done: the CPU has not stepped it. */
int hv_debug_stepped(struct hv_vcpu *vcpu)
{
	return debug_exit(vcpu, X86_TRAP_DB, DR6_RESERVED | DR_STEP);
}

/* What the guest did to its flags, or a system call to TF, does not end stepping. */
void hv_debug_step(struct hv_vcpu *vcpu)
{
	if (vcpu->debug & KVM_GUESTDBG_SINGLESTEP)
		vcpu->state.rflags |= X86_EFLAGS_TF;
}

static void set_stepping(struct hv_vcpu *vcpu, bool on)
{
	bool was_on = vcpu->debug & KVM_GUESTDBG_SINGLESTEP;
	u64 *rflags = &vcpu->state.rflags;

	if (on == was_on)
		return;
	clear_bit(HV_REQ_STEPPED, &vcpu->requests);
	if (on)
		vcpu->debug_own_tf = *rflags & X86_EFLAGS_TF;
	else if (!vcpu->debug_own_tf)
		*rflags &= ~(u64)X86_EFLAGS_TF;
}

/**
 * hv_guest_debug_set() - KVM_SET_GUEST_DEBUG
 * @vcpu: locked
 * @debug: debugreg[0] to [3] and [7] count with KVM_GUESTDBG_USE_HW_BP
 *
 * Return: 0; -EINVAL for unknown flags; -EBUSY when there is an event to be
 * delivered and another is to be injected.
 */
int hv_guest_debug_set(struct hv_vcpu *vcpu, const struct kvm_guest_debug *debug)
{
	u32 inject = debug->control & (KVM_GUESTDBG_INJECT_DB | KVM_GUESTDBG_INJECT_BP);
	u32 control = debug->control & ~inject;

	if (debug->control & ~HV_GUESTDBG)
		return -EINVAL;
	if (inject && vcpu->event.type != HV_EV_NONE)
		return -EBUSY;
	if (!(control & KVM_GUESTDBG_ENABLE))
		control = 0;
	/* The guest's registers, by the rules up to now. */
	hv_need(vcpu, HV_PART_DR);
	set_stepping(vcpu, control & KVM_GUESTDBG_SINGLESTEP);
	vcpu->debug = control;
	memcpy(vcpu->debug_dr, debug->arch.debugreg, sizeof(vcpu->debug_dr));
	vcpu->debug_dr7 = hv_dr7_of(debug->arch.debugreg[7] & DEBUGGER_DR7);
	hv_dirty(vcpu, HV_PART_DR);
	hv_dr_arm(vcpu);
	if (vcpu->lapic)
		hv_lapic_mode(vcpu);
	if (inject & KVM_GUESTDBG_INJECT_DB)
		hv_inject(vcpu, X86_TRAP_DB);
	else if (inject)
		hv_inject_int3(vcpu, X86_TRAP_BP);
	hv_request(vcpu, HV_REQ_EVENT);
	return 0;
}
