// SPDX-License-Identifier: GPL-2.0
/*
 * The rate= of a network card: a bucket of bytes that fills at that rate. A
 * frame may be sent while the bucket is not empty and may leave a debt, so
 * frames larger than the bucket pass as well.
 */
#include <errno.h>

#include "virtio/vnet.h"

/* What may be sent at once when the configuration gives no interval. */
#define INTERVAL_DEFAULT_US 50000

static void refilled(void *opaque)
{
	struct vnet *n = opaque;

	virtio_kick_self(&n->virtio.queue[VNET_TX]);
}

/**
 * vnet_bucket_create - set a limit on what the guest sends
 * @n: card with its loop
 * @rate: bytes per second, 0 for none
 * @interval_us: microseconds of @rate that may be sent at once, 0 for a
 *		 sensible number
 *
 * Return: 0 or a negative errno.
 */
int vnet_bucket_create(struct vnet *n, u64 rate, u32 interval_us)
{
	struct vnet_bucket *b = &n->bucket;

	if (!rate)
		return 0;
	b->rate = rate;
	b->depth = rate / 1000000 * (interval_us ? interval_us : INTERVAL_DEFAULT_US) +
		   rate % 1000000 * (interval_us ? interval_us : INTERVAL_DEFAULT_US) / 1000000;
	b->level = b->depth;
	b->filled_ns = loop_now_ns();
	b->timer = loop_timer_create(n->virtio.loop, refilled, n);
	return b->timer ? 0 : -errno;
}

static u64 ns_for(const struct vnet_bucket *b, u64 bytes)
{
	return (double)bytes * NSEC_PER_SEC / b->rate;
}

static void refill(struct vnet_bucket *b)
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

/**
 * vnet_bucket_take - may the guest send?
 * @n: card, locked
 * @bytes: size of the frame
 *
 * Return: true when it may; false when not yet: the queue is kicked then as
 * soon as it may.
 */
bool vnet_bucket_take(struct vnet *n, u32 bytes)
{
	struct vnet_bucket *b = &n->bucket;

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
