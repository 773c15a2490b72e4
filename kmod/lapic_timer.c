// SPDX-License-Identifier: GPL-2.0
/*
 * The local APIC's timer.
 *
 * All modes come down to one deadline in ticks of the host's TSC. A guest
 * moves it far more often than it lets it come: a tickless system programs the
 * timer at nearly every interrupt and every idle period. Reprogramming an
 * hrtimer each time would dominate the cost of that exit. So the hrtimer is
 * only touched when the new deadline is earlier than what it is armed for.
 * Otherwise it goes off too early once, looks at the deadline and arms itself
 * again, which makes at most one hrtimer operation for each interrupt that the
 * guest gets.
 *
 * The vCPU's thread stores the deadline and then looks at what is armed; the
 * callback stores what it will arm and then looks at the deadline. With a full
 * barrier between the two on both sides, one of them sees the other's store.
 *
 * The hrtimer is pinned to the CPU it was armed on, where the vCPU most likely
 * still runs, so that its interrupt is the vCPU's exit. When the vCPU has moved,
 * HV_REQ_TIMER makes the thread bring the hrtimer after it.
 *
 * Some CPUs leave the guest at a moment of the TSC by themselves. There no
 * hrtimer is armed within the inner loop, but when it ends: one that the guest
 * has put off or had come meanwhile is never armed at all.
 */
#include <linux/math64.h>
#include <asm/tsc.h>

#include "lapic.h"

/* The bus clock that TMICT counts, as KVM has it: 1 GHz, so a tick is 1 ns. */

/*
 * Longest stretch to compute with, hours: the quotients below must fit 64 bits.
 * A deadline further away arms the hrtimer several times.
 */
#define FAR_AHEAD	BIT_ULL(44)

static u64 ns_to_tsc(u64 ns)
{
	return mul_u64_u64_div_u64(ns, hv_tsc_khz(), NSEC_PER_MSEC);
}

static u64 tsc_to_ns(u64 ticks)
{
	return mul_u64_u64_div_u64(min(ticks, FAR_AHEAD), NSEC_PER_MSEC,
				   hv_tsc_khz());
}

static u32 timer_mode(const struct hv_lapic *lapic)
{
	return READ_ONCE(lapic->lvt[HV_LVT(APIC_LVTT)]) &
	       (APIC_LVT_TIMER_PERIODIC | APIC_LVT_TIMER_TSCDEADLINE);
}

/* Divide configuration: bits 3, 1, 0 are a power of two, less one, modulo 8. */
static u32 timer_shift(const struct hv_lapic *lapic)
{
	u32 d = lapic->tdcr;

	return ((d & 3) + (d >> 1 & 4) + 1) & 7;
}

static u64 timer_period(const struct hv_lapic *lapic)
{
	return ns_to_tsc((u64)lapic->tmict << timer_shift(lapic));
}

/* When the timer goes off again after it did so at @deadline, seen at @now. */
static u64 timer_after(struct hv_apic_timer *timer, u64 deadline, u64 now)
{
	u64 reload = READ_ONCE(timer->reload);

	if (!reload)
		return HV_NEVER;
	/* From the deadline, not from now: a late callback is no drift. */
	deadline += reload;
	if (unlikely(deadline <= now))
		deadline = now + reload - (now - deadline) % reload;
	return deadline;
}

/* timer->lock held, armed is set */
static void timer_start(struct hv_apic_timer *timer, u64 now)
{
	u64 ns = 0;

	if (timer->armed > now)
		ns = tsc_to_ns(timer->armed - now);
	/*
	 * The host disciplines CLOCK_MONOTONIC, but not the TSC. A little more
	 * saves the second go when the clock runs ahead of it by some ppm.
	 */
	ns += min(ns >> 14, 1000ULL) + 1;
	hrtimer_start(&timer->hrtimer, ktime_add_ns(ktime_get(), ns),
		      HRTIMER_MODE_ABS_PINNED_HARD);
}

/*
 * Read without timer->lock the mode and vector may be changing under us, as
 * they may on hardware when the timer goes off while they are written.
 */
static bool timer_vector(const struct hv_lapic *lapic, u8 *vector)
{
	u32 lvtt = READ_ONCE(lapic->lvt[HV_LVT(APIC_LVTT)]);

	*vector = lvtt & APIC_VECTOR_MASK;
	return !(lvtt & APIC_LVT_MASKED);
}

/* Whether the CPU sees to the deadline: it runs the guest, stopped by us now. */
static bool cpu_has_timer(const struct hv_vcpu *vcpu)
{
	return vcpu->timer_exit && READ_ONCE(vcpu->mode) == HV_INSIDE &&
	       READ_ONCE(vcpu->cpu) == smp_processor_id();
}

/* The deadline is past, unless the guest changes it meanwhile. */
static bool timer_expire(struct hv_apic_timer *timer, struct hv_vcpu *vcpu,
			 u64 deadline, u64 now)
{
	return cmpxchg(&vcpu->deadline, deadline,
		       timer_after(timer, deadline, now)) == deadline;
}

static enum hrtimer_restart timer_callback(struct hrtimer *hrtimer)
{
	struct hv_apic_timer *timer =
		container_of(hrtimer, struct hv_apic_timer, hrtimer);
	struct hv_lapic *lapic = container_of(timer, struct hv_lapic, timer);
	struct hv_vcpu *vcpu = lapic->vcpu;
	u64 now = rdtsc(), deadline;
	bool expired = false;
	u8 vector;

	raw_spin_lock(&timer->lock);
	for (;;) {
		deadline = READ_ONCE(vcpu->deadline);
		if (deadline <= now) {
			expired |= timer_expire(timer, vcpu, deadline, now);
			continue;
		}
		WRITE_ONCE(timer->armed, deadline);
		smp_mb();	/* pairs with timer_set() */
		if (READ_ONCE(vcpu->deadline) >= deadline)
			break;
	}
	if (cpu_has_timer(vcpu)) {
		WRITE_ONCE(timer->armed, HV_NEVER);
	} else if (deadline != HV_NEVER) {
		timer_start(timer, now);
		if (READ_ONCE(vcpu->mode) == HV_INSIDE &&
		    READ_ONCE(vcpu->cpu) != smp_processor_id())
			hv_request(vcpu, HV_REQ_TIMER);
	}
	raw_spin_unlock(&timer->lock);

	if (expired && timer_vector(lapic, &vector))
		hv_lapic_post(lapic, vector, false);
	return HRTIMER_NORESTART;
}

/* Own thread: have the hrtimer come no later than @deadline. */
static void timer_arm(struct hv_lapic *lapic, u64 deadline, u64 now)
{
	struct hv_apic_timer *timer = &lapic->timer;
	unsigned long flags;

	if (deadline >= READ_ONCE(timer->armed))
		return;
	raw_spin_lock_irqsave(&timer->lock, flags);
	if (deadline < timer->armed) {
		WRITE_ONCE(timer->armed, deadline);
		timer_start(timer, now);
	}
	raw_spin_unlock_irqrestore(&timer->lock, flags);
}

/* Own thread: the timer is to go off at @deadline, or at once if that is past. */
static void timer_set(struct hv_lapic *lapic, u64 deadline, u64 now)
{
	u8 vector;

	if (deadline <= now) {
		if (timer_vector(lapic, &vector))
			hv_lapic_post_self(lapic, vector, false);
		deadline = timer_after(&lapic->timer, deadline, now);
	}
	/* The barrier pairs with that of timer_callback(). */
	smp_store_mb(lapic->vcpu->deadline, deadline);
	if (lapic->vcpu->timer_exit && lapic->vcpu->mode == HV_INSIDE)
		return;
	timer_arm(lapic, deadline, now);
}

/**
 * hv_hot_timer() - HV_R_TIMER: the CPU has left the guest for the deadline
 * @vcpu: the vCPU
 *
 * Context: inner loop, interrupts off. Return: HV_RESUME.
 */
int hv_hot_timer(struct hv_vcpu *vcpu)
{
	u64 deadline = READ_ONCE(vcpu->deadline), now = rdtsc();
	struct hv_lapic *lapic = vcpu->lapic;
	u8 vector;

	/* The CPU counts in units of several ticks: it may be a little early. */
	if (deadline <= now && timer_expire(&lapic->timer, vcpu, deadline, now) &&
	    timer_vector(lapic, &vector))
		hv_lapic_post_self(lapic, vector, false);
	return HV_RESUME;
}

/**
 * hv_lapic_timer_leave() - the CPU no longer sees to the deadline
 * @vcpu: the vCPU, whose inner loop has just ended
 *
 * Context: interrupts off, so that no callback on this CPU comes in between.
 */
void hv_lapic_timer_leave(struct hv_vcpu *vcpu)
{
	if (vcpu->deadline != HV_NEVER)
		timer_arm(vcpu->lapic, vcpu->deadline, rdtsc());
}

void hv_lapic_timer_migrate(struct hv_vcpu *vcpu)
{
	struct hv_apic_timer *timer = &vcpu->lapic->timer;
	unsigned long flags;

	raw_spin_lock_irqsave(&timer->lock, flags);
	if (timer->armed != HV_NEVER)
		timer_start(timer, rdtsc());
	raw_spin_unlock_irqrestore(&timer->lock, flags);
}

/* The TSC-deadline timer, from the value the guest has written. */
static void timer_set_guest(struct hv_lapic *lapic)
{
	u64 now = rdtsc();
	u64 guest_now = now + lapic->vcpu->tsc_offset;
	u64 left = 0;

	/* Compared as the guest sees it: host deadlines can wrap, its cannot. */
	if (lapic->timer.guest_deadline > guest_now)
		left = lapic->timer.guest_deadline - guest_now;
	timer_set(lapic, now + min(left, HV_NEVER - 1 - now), now);
}

/**
 * hv_lapic_deadline() - read IA32_TSC_DEADLINE
 * @vcpu: the vCPU
 *
 * Context: own thread. Return: the guest TSC the timer is armed for, 0 when it
 * has gone off, is not armed or is in another mode (SDM vol. 3, 11.5.4.1).
 */
u64 hv_lapic_deadline(struct hv_vcpu *vcpu)
{
	struct hv_lapic *lapic = vcpu->lapic;

	if (!lapic || timer_mode(lapic) != APIC_LVT_TIMER_TSCDEADLINE ||
	    READ_ONCE(lapic->vcpu->deadline) == HV_NEVER)
		return 0;
	return lapic->timer.guest_deadline;
}

/**
 * hv_lapic_deadline_set() - write IA32_TSC_DEADLINE
 * @vcpu: the vCPU
 * @guest_tsc: 0 disarms; ignored outside TSC-deadline mode
 *
 * Context: own thread, IRQs off or on.
 */
void hv_lapic_deadline_set(struct hv_vcpu *vcpu, u64 guest_tsc)
{
	struct hv_lapic *lapic = vcpu->lapic;

	if (!lapic || timer_mode(lapic) != APIC_LVT_TIMER_TSCDEADLINE)
		return;
	lapic->timer.guest_deadline = guest_tsc;
	if (guest_tsc)
		timer_set_guest(lapic);
	else
		timer_set(lapic, HV_NEVER, 0);
}

/* The period that the callback reloads; one that is too short is stretched. */
static void timer_reload(struct hv_lapic *lapic)
{
	u64 reload = 0;

	if (timer_mode(lapic) == APIC_LVT_TIMER_PERIODIC && lapic->tmict)
		reload = max(timer_period(lapic), ns_to_tsc(HV_MIN_PERIOD_NS));
	WRITE_ONCE(lapic->timer.reload, reload);
}

/**
 * hv_lapic_timer_lvtt() - write the timer's entry of the local vector table
 * @lapic: the local APIC
 * @value: as written, mask forced where the APIC is off by software
 *
 * Changing to or from TSC-deadline mode disarms the timer; the other two modes
 * differ in what happens at the next expiry.
 */
void hv_lapic_timer_lvtt(struct hv_lapic *lapic, u32 value)
{
	u32 old = timer_mode(lapic);
	u32 bits = APIC_VECTOR_MASK | APIC_LVT_MASKED | APIC_LVT_TIMER_PERIODIC;

	if (lapic->vcpu->cpuid.tsc_deadline)
		bits |= APIC_LVT_TIMER_TSCDEADLINE;
	WRITE_ONCE(lapic->lvt[HV_LVT(APIC_LVTT)], value & bits);
	if (old == timer_mode(lapic))
		return;
	if ((old ^ timer_mode(lapic)) & APIC_LVT_TIMER_TSCDEADLINE) {
		lapic->tmict = 0;
		lapic->timer.guest_deadline = 0;
		timer_set(lapic, HV_NEVER, 0);
	}
	timer_reload(lapic);
}

/**
 * hv_lapic_timer_tmict() - write the initial count
 * @lapic: the local APIC
 * @count: ticks of the divided bus clock; 0 stops the timer
 *
 * Ignored in TSC-deadline mode.
 */
void hv_lapic_timer_tmict(struct hv_lapic *lapic, u32 count)
{
	u32 mode = timer_mode(lapic);
	u64 now;

	if (mode & APIC_LVT_TIMER_TSCDEADLINE)
		return;
	lapic->tmict = count;
	if (mode)
		timer_reload(lapic);
	now = rdtsc();
	timer_set(lapic, count ? now + timer_period(lapic) : HV_NEVER, now);
}

/**
 * hv_lapic_timer_tmcct() - read the current count
 * @lapic: the local APIC
 *
 * Return: ticks of the divided bus clock to go.
 */
u32 hv_lapic_timer_tmcct(struct hv_lapic *lapic)
{
	u64 deadline = READ_ONCE(lapic->vcpu->deadline);
	u64 now = rdtsc();

	if (deadline == HV_NEVER || deadline <= now ||
	    timer_mode(lapic) == APIC_LVT_TIMER_TSCDEADLINE)
		return 0;
	return min_t(u64, tsc_to_ns(deadline - now) >> timer_shift(lapic),
		     lapic->tmict);
}

/* Go on counting down from @count. */
static void timer_continue(struct hv_lapic *lapic, u32 count)
{
	u64 now = rdtsc();

	timer_reload(lapic);
	timer_set(lapic, now + ns_to_tsc((u64)count << timer_shift(lapic)), now);
}

/**
 * hv_lapic_timer_tdcr() - write the divide configuration
 * @lapic: the local APIC
 * @value: as written
 *
 * The count that is left stays; how fast it falls changes.
 */
void hv_lapic_timer_tdcr(struct hv_lapic *lapic, u32 value)
{
	u32 left = hv_lapic_timer_tmcct(lapic);

	lapic->tdcr = value & APIC_TDR_DIV_1;
	if (left)
		timer_continue(lapic, left);
}

/**
 * hv_lapic_timer_restore() - after KVM_SET_LAPIC has set the registers
 * @lapic: the local APIC
 * @tmcct: ticks to go
 *
 * A deadline in TSC-deadline mode comes by its MSR.
 */
void hv_lapic_timer_restore(struct hv_lapic *lapic, u32 tmcct)
{
	timer_reload(lapic);
	if (timer_mode(lapic) & APIC_LVT_TIMER_TSCDEADLINE) {
		if (lapic->timer.guest_deadline)
			timer_set_guest(lapic);
		return;
	}
	/* A one-shot timer that has gone off stays where it is. */
	if (lapic->tmict && (tmcct || timer_mode(lapic)))
		timer_continue(lapic, min(tmcct ?: lapic->tmict, lapic->tmict));
}

/**
 * hv_lapic_timer_update() - time is not what it was
 * @vcpu: the vCPU whose tsc_offset changed, or whose host was suspended
 *
 * A TSC deadline is a moment of the guest's TSC. The other modes count elapsed
 * time, which no offset changes; but if the host's TSC was set back, they
 * would wait for more than they were ever told to.
 *
 * Context: own thread, IRQs off or on.
 */
void hv_lapic_timer_update(struct hv_vcpu *vcpu)
{
	struct hv_lapic *lapic = vcpu->lapic;
	u64 now = rdtsc(), deadline, period;

	if (!lapic)
		return;
	deadline = READ_ONCE(lapic->vcpu->deadline);
	if (deadline == HV_NEVER)
		return;
	if (timer_mode(lapic) == APIC_LVT_TIMER_TSCDEADLINE) {
		timer_set_guest(lapic);
		return;
	}
	period = timer_period(lapic);
	if (deadline > now && deadline - now > period)
		timer_set(lapic, now + period, now);
}

/**
 * hv_lapic_timer_reset() - stop the timer
 * @lapic: the local APIC
 */
void hv_lapic_timer_reset(struct hv_lapic *lapic)
{
	WRITE_ONCE(lapic->timer.reload, 0);
	WRITE_ONCE(lapic->vcpu->deadline, HV_NEVER);
}

/**
 * hv_lapic_timer_init() - for a local APIC that is being created
 * @lapic: the local APIC
 */
void hv_lapic_timer_init(struct hv_lapic *lapic)
{
	struct hv_apic_timer *timer = &lapic->timer;

	raw_spin_lock_init(&timer->lock);
	timer->armed = HV_NEVER;
	hv_hrtimer_setup(&timer->hrtimer, timer_callback, CLOCK_MONOTONIC,
			 HRTIMER_MODE_ABS_PINNED_HARD);
}
