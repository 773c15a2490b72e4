// SPDX-License-Identifier: GPL-2.0
/* Rate limits. See bucket.h. */
#include <errno.h>

#include "bucket.h"

/* What may be sent at once when the configuration gives no interval. */
#define INTERVAL_DEFAULT_US 50000

int bucket_create(struct bucket *b, u64 rate, u32 interval_us, struct loop *loop, loop_fn refilled,
		  void *opaque)
{
	if (!rate)
		return 0;
	b->rate = rate;
	b->depth = rate / 1000000 * (interval_us ? interval_us : INTERVAL_DEFAULT_US) +
		   rate % 1000000 * (interval_us ? interval_us : INTERVAL_DEFAULT_US) / 1000000;
	b->level = b->depth;
	b->filled_ns = loop_now_ns();
	b->timer = loop_timer_create(loop, refilled, opaque);
	return b->timer ? 0 : -errno;
}

void bucket_destroy(struct bucket *b)
{
	loop_timer_destroy(b->timer);
	b->timer = NULL;
}

static u64 ns_for(const struct bucket *b, u64 bytes)
{
	return (double)bytes * NSEC_PER_SEC / b->rate;
}

static void refill(struct bucket *b)
{
	u64 now = loop_now_ns();
	u64 gained = (double)(now - b->filled_ns) * b->rate / NSEC_PER_SEC;

	/* Too short a time for a byte is not lost but counted next time. */
	if (!gained)
		return;
	b->filled_ns = now;
	b->level += gained;
	if (b->level > (s64)b->depth)
		b->level = b->depth;
}

bool bucket_take(struct bucket *b, u32 bytes)
{
	if (!b->rate)
		return true;
	refill(b);
	if (b->level <= 0) {
		loop_timer_set(b->timer, ns_for(b, 1 - b->level) + 1, 0);
		return false;
	}
	b->level -= bytes;
	return true;
}

void bucket_stop(struct bucket *b)
{
	if (b->timer)
		loop_timer_set(b->timer, 0, 0);
}
