// SPDX-License-Identifier: GPL-2.0
/*
 * Time as Xen tells it: pvclock records and wall clock in Xen's places, how
 * long a vCPU ran and waited (runstates), and its single-shot timer. Xen's
 * system time is the VM's kvmclock.
 */
#include "xen.h"

#include <linux/timekeeping.h>
#include <asm/pvclock-abi.h>
#include <xen/interface/xen.h>
#include <xen/interface/vcpu.h>

#include "clock.h"

/* ------------------------------------------------------------ clocks */

/**
 * hv_xen_now() - Xen's system time
 * @vm: the VM
 *
 * Return: ns.
 */
u64 hv_xen_now(struct hv_vm *vm)
{
	struct kvm_clock_data data;

	hv_clock_get(vm, &data);
	return data.clock;
}

/* Where a 32-bit guest's shared_info has the wall clock, up to its high half. */
struct shared_tail32 {
	u32 evtchn_pending[32];
	u32 evtchn_mask[32];
	struct pvclock_wall_clock wc;
	u32 max_pfn, frame_list_list, nmi_reason, p2m_cr3, p2m_vaddr, p2m_generation;
	u32 wc_sec_hi;
};

#define TAIL32	offsetof(struct shared_info, evtchn_pending)

/**
 * hv_xen_wall() - write the wall clock into shared_info, if the guest has one
 * @vm: the VM, of the current mm, the lock of vm->xen held
 *
 * Context: may sleep.
 */
void hv_xen_wall(struct hv_vm *vm)
{
	struct hv_xen_vm *x = vm->xen;
	struct timespec64 zero = hv_clock_zero(vm);
	struct pvclock_wall_clock wall = {
		.sec = zero.tv_sec,
		.nsec = zero.tv_nsec,
	};
	u32 high = (u64)zero.tv_sec >> 32;
	u64 shared = x->shared_info;

	if (shared == HV_PLACE_NONE)
		return;
	if (x->long_mode) {
		hv_place_write(vm, shared + offsetof(struct shared_info, wc_sec_hi),
			       &high, sizeof(high));
		shared += offsetof(struct shared_info, wc);
	} else {
		hv_place_write(vm, shared + TAIL32 +
			       offsetof(struct shared_tail32, wc_sec_hi),
			       &high, sizeof(high));
		shared += TAIL32 + offsetof(struct shared_tail32, wc);
	}
	hv_clock_publish(vm, shared, &wall, sizeof(wall),
			 offsetof(struct pvclock_wall_clock, version));
}

/**
 * hv_xen_clock_update() - write the time into Xen's places
 * @vcpu: own thread, with vcpu->xen
 * @info: the record, as for kvmclock
 *
 * Context: may sleep.
 */
void hv_xen_clock_update(struct hv_vcpu *vcpu, struct pvclock_vcpu_time_info *info)
{
	struct hv_xen_vcpu *vx = vcpu->xen;
	const u32 version = offsetof(struct pvclock_vcpu_time_info, version);
	u64 expires = READ_ONCE(vx->timer_expires);

	if (READ_ONCE(vcpu->vm->xen->config.flags) &
	    KVM_XEN_HVM_CONFIG_PVCLOCK_TSC_UNSTABLE)
		info->flags &= ~PVCLOCK_TSC_STABLE_BIT;
	if (vx->vcpu_info != HV_PLACE_NONE)
		hv_clock_publish(vcpu->vm, vx->vcpu_info +
				 offsetof(struct vcpu_info, time),
				 info, sizeof(*info), version);
	if (vx->time_info != HV_PLACE_NONE)
		hv_clock_publish(vcpu->vm, vx->time_info, info, sizeof(*info), version);
	/* The clock may have been set, and the deadline be at another time. */
	if (expires)
		hv_xen_timer_start(vx, expires);
}

/* ------------------------------------------------------------ runstates */

/* A 32-bit guest's has no hole behind the state. */
struct runstate32 {
	u32 state;
	u64 entry;
	u64 time[4];
} __packed;

static_assert(sizeof(struct vcpu_runstate_info) == sizeof(struct runstate32) + 4);

/**
 * hv_xen_runstate_write() - tell the guest its runstates
 * @vcpu: the vCPU, its mutex held, with vcpu->xen
 *
 * Other vCPUs read it, too: while it changes XEN_RUNSTATE_UPDATE is set, if the
 * guest has asked for that.
 *
 * Context: may sleep.
 */
void hv_xen_runstate_write(struct hv_vcpu *vcpu)
{
	struct hv_xen_vcpu *vx = vcpu->xen;
	struct hv_vm *vm = vcpu->vm;
	u64 entry = vx->state_entry, marked = entry | XEN_RUNSTATE_UPDATE;
	struct vcpu_runstate_info wide = { .state = vx->state };
	struct runstate32 narrow = { .state = vx->state };
	u32 len, at;
	void *rec;

	if (vx->runstate == HV_PLACE_NONE)
		return;
	if (READ_ONCE(vm->xen->long_mode)) {
		wide.state_entry_time = entry;
		memcpy(wide.time, vx->state_time, sizeof(wide.time));
		rec = &wide;
		len = sizeof(wide);
		at = offsetof(struct vcpu_runstate_info, state_entry_time);
	} else {
		narrow.entry = entry;
		memcpy(narrow.time, vx->state_time, sizeof(narrow.time));
		rec = &narrow;
		len = sizeof(narrow);
		at = offsetof(struct runstate32, entry);
	}
	if (!READ_ONCE(vm->xen->runstate_flag)) {
		hv_place_write(vm, vx->runstate, rec, len);
		return;
	}
	hv_place_write(vm, vx->runstate + at, &marked, sizeof(marked));
	smp_wmb();	/* readers see the mark before new contents */
	memcpy(rec + at, &marked, sizeof(marked));
	hv_place_write(vm, vx->runstate, rec, len);
	smp_wmb();	/* and all contents before it goes */
	hv_place_write(vm, vx->runstate + at, &entry, sizeof(entry));
}

/* Account the time since the last change, and be in another state from now on. */
static void account(struct hv_vcpu *vcpu, u32 state)
{
	struct hv_xen_vcpu *vx = vcpu->xen;
	u64 now = hv_xen_now(vcpu->vm), delta, steal = 0;

	/* A clock that was set back has the states stand still. */
	if (now > vx->state_entry) {
		delta = now - vx->state_entry;
		if (vx->state == RUNSTATE_running)
			steal = min(vcpu->steal_ns - vx->steal_told, delta);
		vx->state_time[RUNSTATE_runnable] += steal;
		vx->state_time[vx->state] += delta - steal;
		vx->state_entry = now;
	}
	vx->steal_told = vcpu->steal_ns;
	vx->state = state;
	hv_xen_runstate_write(vcpu);
}

/**
 * hv_xen_runstate_update() - the vCPU runs, and may have waited for a CPU
 * @vcpu: own thread, with vcpu->xen
 *
 * Context: may sleep.
 */
void hv_xen_runstate_update(struct hv_vcpu *vcpu)
{
	account(vcpu, RUNSTATE_running);
}

/* The sums of a guest's are no larger than the time there has been. */
static int set_data(struct hv_vcpu *vcpu, const struct kvm_xen_vcpu_attr *attr)
{
	struct hv_xen_vcpu *vx = vcpu->xen;
	u64 entry = attr->u.runstate.state_entry_time;

	if (attr->u.runstate.state > RUNSTATE_offline ||
	    entry != attr->u.runstate.time_running + attr->u.runstate.time_runnable +
		     attr->u.runstate.time_blocked + attr->u.runstate.time_offline ||
	    entry > hv_xen_now(vcpu->vm))
		return -EINVAL;
	vx->state = attr->u.runstate.state;
	vx->state_entry = entry;
	vx->state_time[RUNSTATE_running] = attr->u.runstate.time_running;
	vx->state_time[RUNSTATE_runnable] = attr->u.runstate.time_runnable;
	vx->state_time[RUNSTATE_blocked] = attr->u.runstate.time_blocked;
	vx->state_time[RUNSTATE_offline] = attr->u.runstate.time_offline;
	vx->steal_told = vcpu->steal_ns;
	hv_xen_runstate_write(vcpu);
	return 0;
}

static int adjust(struct hv_vcpu *vcpu, const struct kvm_xen_vcpu_attr *attr)
{
	struct hv_xen_vcpu *vx = vcpu->xen;
	u64 state = attr->u.runstate.state;

	if ((state > RUNSTATE_offline && state != U64_MAX) ||
	    attr->u.runstate.state_entry_time !=
	    attr->u.runstate.time_running + attr->u.runstate.time_runnable +
	    attr->u.runstate.time_blocked + attr->u.runstate.time_offline)
		return -EINVAL;
	vx->state_entry += attr->u.runstate.state_entry_time;
	vx->state_time[RUNSTATE_running] += attr->u.runstate.time_running;
	vx->state_time[RUNSTATE_runnable] += attr->u.runstate.time_runnable;
	vx->state_time[RUNSTATE_blocked] += attr->u.runstate.time_blocked;
	vx->state_time[RUNSTATE_offline] += attr->u.runstate.time_offline;
	if (state != U64_MAX)
		account(vcpu, state);
	else
		hv_xen_runstate_write(vcpu);
	return 0;
}

/**
 * hv_xen_runstate_attr() - KVM_XEN_VCPU_ATTR_TYPE_RUNSTATE_CURRENT, _DATA, _ADJUST
 * @vcpu: the vCPU, its mutex held, with vcpu->xen
 * @attr: copied from user space, not trusted
 *
 * A vCPU that enters the guest is in RUNSTATE_running again.
 *
 * Context: may sleep. Return: 0, or -EINVAL for a state that does not exist and
 * for times that do not add up.
 */
int hv_xen_runstate_attr(struct hv_vcpu *vcpu, const struct kvm_xen_vcpu_attr *attr)
{
	int r = 0;

	if (attr->type == KVM_XEN_VCPU_ATTR_TYPE_RUNSTATE_DATA)
		r = set_data(vcpu, attr);
	else if (attr->type == KVM_XEN_VCPU_ATTR_TYPE_RUNSTATE_ADJUST)
		r = adjust(vcpu, attr);
	else if (attr->u.runstate.state > RUNSTATE_offline)
		r = -EINVAL;
	else
		account(vcpu, attr->u.runstate.state);
	hv_request(vcpu, HV_REQ_STEAL);
	return r;
}

/* ------------------------------------------------------------ the timer */

static enum hrtimer_restart timer_callback(struct hrtimer *timer)
{
	struct hv_xen_vcpu *vx = container_of(timer, struct hv_xen_vcpu, timer);

	WRITE_ONCE(vx->timer_expires, 0);
	hv_xen_post(vx, READ_ONCE(vx->timer_port));
	return HRTIMER_NORESTART;
}

static enum hrtimer_restart poll_callback(struct hrtimer *timer)
{
	struct hv_xen_vcpu *vx = container_of(timer, struct hv_xen_vcpu, poll_timer);

	WRITE_ONCE(vx->poll_timeout, true);
	hv_vcpu_kick(vx->vcpu);
	return HRTIMER_NORESTART;
}

/**
 * hv_xen_timer_init() - timers that do not run
 * @vx: being made
 */
void hv_xen_timer_init(struct hv_xen_vcpu *vx)
{
	hv_hrtimer_setup(&vx->poll_timer, poll_callback, CLOCK_MONOTONIC,
			 HRTIMER_MODE_ABS_HARD);
	hv_hrtimer_setup(&vx->timer, timer_callback, CLOCK_MONOTONIC,
			 HRTIMER_MODE_ABS_HARD);
}

/**
 * hv_xen_timer_stop() - stop the single-shot timer
 * @vx: its vCPU's mutex held
 *
 * Context: may wait for the callback.
 */
void hv_xen_timer_stop(struct hv_xen_vcpu *vx)
{
	hrtimer_cancel(&vx->timer);
	WRITE_ONCE(vx->timer_expires, 0);
}

/**
 * hv_xen_timer_run() - start a timer for a moment of Xen's system time
 * @vm: the VM
 * @timer: one of its vCPUs', not running
 * @expires: ns; at once when it is past
 */
void hv_xen_timer_run(struct hv_vm *vm, struct hrtimer *timer, u64 expires)
{
	u64 now = hv_xen_now(vm), ns = 0;

	if (expires > now)
		ns = min_t(u64, expires - now, KTIME_MAX / 2);
	hrtimer_start(timer, ktime_add_ns(ktime_get(), ns), HRTIMER_MODE_ABS_HARD);
}

/**
 * hv_xen_timer_start() - have the single-shot timer send its event
 * @vx: its vCPU's mutex held; timer_port is set
 * @expires: Xen's system time, not 0; when it is past the event is sent now
 *
 * Context: may wait for the callback.
 */
void hv_xen_timer_start(struct hv_xen_vcpu *vx, u64 expires)
{
	hv_xen_timer_stop(vx);
	if (expires <= hv_xen_now(vx->vcpu->vm)) {
		hv_xen_post(vx, vx->timer_port);
		return;
	}
	WRITE_ONCE(vx->timer_expires, expires);
	hv_xen_timer_run(vx->vcpu->vm, &vx->timer, expires);
}
