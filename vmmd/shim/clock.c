// SPDX-License-Identifier: GPL-2.0
/*
 * Time and timers. The records in struct vcpu_info and shared_info have the
 * same layout as those of KVM's clock, and the node keeps them; timers are the
 * local APIC's TSC deadline.
 */
#include "shim.h"

#include <asm/kvm_para.h>
#include <xen/sched.h>
#include <xen/vcpu.h>

#define MSR_TSC_DEADLINE 0x6e0
#define KVM_CLOCK_ON	 1

static u64 gpa_of(const void *p)
{
	return (u64)p - SHIM_RAM_VA;
}

/**
 * clock_follow() - have v->info->time kept, wherever that is now
 * @v: the calling vCPU
 */
void clock_follow(struct vcpu *v)
{
	struct vcpu_info *info = __atomic_load_n(&v->info, __ATOMIC_SEQ_CST);

	if (v->clock == info)
		return;
	v->clock = info;
	wrmsr(MSR_KVM_SYSTEM_TIME_NEW, gpa_of(&info->time) | KVM_CLOCK_ON);
}

/**
 * clock_restored() - the time of day is another
 *
 * It is told as that of the guest's start, which moves when the guest has been
 * away: its own clock stood still.
 */
void clock_restored(void)
{
	wrmsr(MSR_KVM_WALL_CLOCK_NEW, gpa_of(&shared()->wc_version));
}

static u64 scale(u64 tsc, u32 mul, int shift)
{
	tsc = shift < 0 ? tsc >> -shift : tsc << shift;
	return (u64)(((unsigned __int128)tsc * mul) >> 32);
}

/**
 * clock_now() - nanoseconds since the guest was made
 * @v: the calling vCPU
 */
u64 clock_now(const struct vcpu *v)
{
	const struct vcpu_time_info *t = &v->info->time;
	u32 version;
	u64 now;

	do {
		version = __atomic_load_n(&t->version, __ATOMIC_ACQUIRE);
		now = t->system_time +
		      scale(rdtsc() - t->tsc_timestamp, t->tsc_to_system_mul, t->tsc_shift);
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
	} while (version & 1 || version != __atomic_load_n(&t->version, __ATOMIC_RELAXED));
	return now;
}

/* The TSC at a time to come, not before it. */
static u64 tsc_at(const struct vcpu *v, u64 ns)
{
	const struct vcpu_time_info *t = &v->info->time;
	u64 now = clock_now(v), delta, quotient, rest;

	/* Far enough, and small enough for what follows. */
	delta = ns > now ? ns - now : 0;
	if (delta > 1UL << 62)
		return NEVER;
	if (delta >> 32 >= t->tsc_to_system_mul)
		delta = ((u64)t->tsc_to_system_mul << 32) - 1;
	/* (delta << 32) / mul */
	asm("divq %4"
	    : "=a"(quotient), "=d"(rest)
	    : "a"(delta << 32), "d"(delta >> 32), "r"((u64)t->tsc_to_system_mul)
	    : "cc");
	(void)rest;
	quotient = t->tsc_shift < 0 ? quotient << -t->tsc_shift : quotient >> t->tsc_shift;
	return rdtsc() + quotient + 1;
}

static u64 earliest(const struct vcpu *v)
{
	u64 at = v->timer, dog = watchdog_next(v);

	if (dog < at)
		at = dog;
	if (v->period && v->period_next < at)
		at = v->period_next;
	if (v->poll_until < at)
		at = v->poll_until;
	return at;
}

/**
 * clock_program() - set the CPU's timer for what is due next
 * @v: the calling vCPU, whose timers have changed
 */
void clock_program(struct vcpu *v)
{
	u64 at = earliest(v);

	wrmsr(MSR_TSC_DEADLINE, at == NEVER ? 0 : tsc_at(v, at));
}

/**
 * clock_expired() - raise what is due
 * @v: the calling vCPU, whose timer has gone off
 */
void clock_expired(struct vcpu *v)
{
	u64 now = clock_now(v);
	bool due = false;

	if (v->timer <= now) {
		v->timer = NEVER;
		due = true;
	}
	if (v->period && v->period_next <= now) {
		/* Ticks that were missed are not made up for. */
		v->period_next += v->period;
		if (v->period_next <= now)
			v->period_next = now + v->period;
		due = true;
	}
	if (due)
		event_raise_virq(v, VIRQ_TIMER);
	if (watchdog_next(v) <= now)
		shut_down(SHUTDOWN_watchdog);
	if (v->poll_until <= now)
		v->poll_until = NEVER;
	clock_program(v);
}

/**
 * runstate_set() - tell the guest what its vCPU does
 * @v: the calling vCPU
 * @state: RUNSTATE_*
 *
 * Time that the host takes away is not seen here: it counts as running.
 */
void runstate_set(struct vcpu *v, u32 state)
{
	struct vcpu_runstate_info info;
	u64 now;

	if (!v->runstate || guest_copy(&info, v->runstate, sizeof(info)))
		return;
	now = clock_now(v);
	if ((u32)info.state < ARRAY_SIZE(info.time))
		info.time[info.state] += now - info.state_entry_time;
	info.state = (int)state;
	info.state_entry_time = now;
	guest_copy(v->runstate, &info, sizeof(info));
}
