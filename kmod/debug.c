// SPDX-License-Identifier: GPL-2.0
/*
 * Debug registers, lent to the guest only while it uses them.
 *
 * DR6 and DR7 are part of the control block. DR0-3 are not: the first access
 * exits, they are loaded and the intercepts dropped until the inner loop is
 * left. A guest with breakpoints set gets them loaded at once.
 */
#include <asm/debugreg.h>

#include "hvctl.h"

static void load_guest(struct hv_vcpu *vcpu)
{
	const struct hv_state *st = &vcpu->state;

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
	set_debugreg(st->dr[0], 0);
	set_debugreg(st->dr[1], 1);
	set_debugreg(st->dr[2], 2);
	set_debugreg(st->dr[3], 3);
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
		get_debugreg(st->dr[0], 0);
		get_debugreg(st->dr[1], 1);
		get_debugreg(st->dr[2], 2);
		get_debugreg(st->dr[3], 3);
		hv_need(vcpu, HV_PART_DR);
		vcpu->dr_armed = st->dr7 & (DR_LOCAL_ENABLE_MASK | DR_GLOBAL_ENABLE_MASK);
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
 * Return: HV_RESUME; the instruction runs again, without an exit.
 */
int hv_hot_dr(struct hv_vcpu *vcpu)
{
	load_guest(vcpu);
	return HV_RESUME;
}
