// SPDX-License-Identifier: GPL-2.0
/*
 * The domain's watchdogs (SCHEDOP_watchdog). Each runs on the timer of the vCPU that
 * set it last: that goes off whatever the guest does there, or does not.
 */
#include "shim.h"

#include <xen/sched.h>

#define NS_PER_S 1000000000UL

/**
 * struct watchdog - one of them
 * @until: when it bites, or NEVER
 * @vcpu: whose timer it is on
 * @in_use: the guest has it
 */
struct watchdog {
	u64 until;
	u32 vcpu;
	bool in_use;
};

/* As many as Xen has. */
static struct watchdog dogs[2];
static u8 dogs_lock;

/** watchdog_next() - when one on this vCPU's timer is due, or NEVER */
u64 watchdog_next(const struct vcpu *v)
{
	u64 at = NEVER;
	u32 i;

	for (i = 0; i < ARRAY_SIZE(dogs); i++)
		if (dogs[i].in_use && dogs[i].vcpu == v->id && dogs[i].until < at)
			at = dogs[i].until;
	return at;
}

/** watchdog_restored() - the guest was saved, and has none */
void watchdog_restored(void)
{
	__builtin_memset(dogs, 0, sizeof(dogs));
}

/* Return: the watchdog's number. */
static long set_up(struct vcpu *v, u64 timeout)
{
	u32 i;

	if (!timeout)
		return -EINVAL;
	for (i = 0; i < ARRAY_SIZE(dogs); i++) {
		if (dogs[i].in_use)
			continue;
		dogs[i] = (struct watchdog){clock_now(v) + timeout, v->id, true};
		return i + 1;
	}
	return -ENOSPC;
}

static long poke(struct vcpu *v, u32 i, u64 timeout)
{
	if (i >= ARRAY_SIZE(dogs) || !dogs[i].in_use)
		return -EINVAL;
	dogs[i] = (struct watchdog){clock_now(v) + timeout, v->id, timeout != 0};
	return 0;
}

/**
 * watchdog_op() - SCHEDOP_watchdog
 * @v: the calling vCPU
 * @arg: of the hypercall
 */
long watchdog_op(struct vcpu *v, u64 arg)
{
	struct sched_watchdog w;
	long r;

	if (guest_copy(&w, (void *)arg, sizeof(w)))
		return -EFAULT;
	spin_lock(&dogs_lock);
	r = w.id ? poke(v, w.id - 1, w.timeout * NS_PER_S) : set_up(v, w.timeout * NS_PER_S);
	spin_unlock(&dogs_lock);
	clock_program(v);
	return r;
}
