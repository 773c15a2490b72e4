// SPDX-License-Identifier: GPL-2.0
/*
 * Split virtqueues, seen from the device.
 *
 * A queue is set up by virtq_enable(), which turns the three guest addresses
 * into host pointers once; guest RAM never moves while a VM lives. After that
 * virtq_pop() takes requests, virtq_push() answers them, and the two event
 * functions at the end decide when to interrupt and when to ask for kicks.
 */
#include <errno.h>
#include <string.h>

#include "virtio/queue.h"

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "virtio 1.x rings are little-endian and so is every CPU vmmd runs on"
#endif

static u16 load16(const u16 *p)
{
	return __atomic_load_n(p, __ATOMIC_ACQUIRE);
}

static void store16(u16 *p, u16 v)
{
	__atomic_store_n(p, v, __ATOMIC_RELEASE);
}

/* The event words sit behind the last entry of the other side's ring. */
static const u16 *used_event(const struct virtq *q)
{
	return &q->avail->ring[q->num];
}

static u16 *avail_event(struct virtq *q)
{
	return (u16 *)&q->used->ring[q->num];
}

static int virtq_break(struct virtq *q, const char *why)
{
	q->broken = why;
	return -EPROTO;
}

/**
 * virtq_enable - start using a ring the driver has described
 * @q: queue whose @num and three addresses are set
 *
 * Return: 0; -EINVAL when the size is no power of two or an address is not
 * aligned as section 2.7 asks; -EFAULT when a part is not wholly in RAM.
 */
int virtq_enable(struct virtq *q)
{
	u32 num = q->num;

	if (!num || num > VIRTQ_NUM_MAX || (num & (num - 1)))
		return -EINVAL;
	if (q->desc_gpa % VRING_DESC_ALIGN_SIZE || q->avail_gpa % VRING_AVAIL_ALIGN_SIZE ||
	    q->used_gpa % VRING_USED_ALIGN_SIZE)
		return -EINVAL;

	/* Each ring is flags, index, entries and one event word. */
	q->desc = mem_range(q->mem, q->desc_gpa, (u64)num * sizeof(*q->desc));
	q->avail = mem_range(q->mem, q->avail_gpa, sizeof(*q->avail) + (num + 1) * sizeof(u16));
	q->used = mem_range(q->mem, q->used_gpa,
			    sizeof(*q->used) + num * sizeof(q->used->ring[0]) + sizeof(u16));
	if (!q->desc || !q->avail || !q->used)
		return -EFAULT;

	q->next_avail = 0;
	q->next_used = 0;
	q->signalled = 0;
	q->broken = NULL;
	q->enabled = true;
	return 0;
}

/**
 * virtq_reset - forget a ring
 * @q: queue; no thread may be working on it any more
 */
void virtq_reset(struct virtq *q)
{
	*q = (struct virtq){.mem = q->mem};
}

/* Turns one checked-in-part descriptor into an iovec of @chain. */
static int add_buffer(struct virtq *q, struct virtq_chain *c, const struct vring_desc *d)
{
	bool in = d->flags & VRING_DESC_F_WRITE;
	u32 *total = in ? &c->in_len : &c->out_len;
	u32 n = c->out_num + c->in_num;
	void *p;

	if (!d->len)
		return virtq_break(q, "a buffer of no bytes");
	if (!in && c->in_num)
		return virtq_break(q, "a readable buffer behind a writable one");
	if (n == c->max)
		return virtq_break(q, "more buffers in a chain than allowed");
	/* 2.7.5: a chain must not hold more than 2^32 bytes. */
	if (__builtin_add_overflow(*total, d->len, total))
		return virtq_break(q, "a chain of more than 4 GiB");
	p = mem_range(q->mem, d->addr, d->len);
	if (!p)
		return virtq_break(q, "a buffer outside of memory");

	c->iov[n].iov_base = p;
	c->iov[n].iov_len = d->len;
	if (in)
		c->in_num++;
	else
		c->out_num++;
	return 0;
}

/* Finds the table behind an indirect descriptor. */
static int enter_indirect(struct virtq *q, const struct vring_desc *d, const char **table,
			  u32 *entries)
{
	if (!q->indirect)
		return virtq_break(q, "an indirect descriptor that was not negotiated");
	if (d->flags & VRING_DESC_F_NEXT)
		return virtq_break(q, "an indirect descriptor with a successor");
	if (!d->len || d->len % sizeof(*d))
		return virtq_break(q, "an indirect table of odd size");
	*table = mem_range(q->mem, d->addr, d->len);
	if (!*table)
		return virtq_break(q, "an indirect table outside of memory");
	*entries = d->len / sizeof(*d);
	return 0;
}

/*
 * Follows a chain from descriptor @index of the ring's own table, and from
 * there into at most one indirect table (2.7.5.3.2 allows direct descriptors
 * first). A walk that takes more steps than its table has entries is a loop.
 */
static int walk_chain(struct virtq *q, struct virtq_chain *c, u32 index)
{
	const char *table = (const char *)q->desc;
	bool indirect = false;
	u32 entries = q->num;
	u32 steps = 0;

	for (;;) {
		struct vring_desc d;
		int ret;

		if (index >= entries)
			return virtq_break(q, "a descriptor index beyond the table");
		if (steps++ == entries)
			return virtq_break(q, "a loop of descriptors");

		/*
		 * An indirect table may lie at any address, hence bytes. The
		 * barrier forbids the compiler a second look at guest memory.
		 */
		memcpy(&d, table + (u64)index * sizeof(d), sizeof(d));
		asm volatile("" ::: "memory");

		if (d.flags & VRING_DESC_F_INDIRECT) {
			/* Not told by the address: a table may lie on the ring's own. */
			if (indirect)
				return virtq_break(q, "an indirect table within another");
			indirect = true;
			ret = enter_indirect(q, &d, &table, &entries);
			if (ret)
				return ret;
			index = 0;
			steps = 0;
			continue;
		}

		ret = add_buffer(q, c, &d);
		if (ret)
			return ret;
		if (!(d.flags & VRING_DESC_F_NEXT))
			return 0;
		index = d.next;
	}
}

/**
 * virtq_pop - take the next request of the driver
 * @q: queue
 * @chain: @iov and @max are given, the rest is filled
 *
 * Return: 1 with a request in @chain; 0 when there is none or the queue is
 * not enabled; -EPROTO when the ring is broken, with the reason in q->broken.
 */
int virtq_pop(struct virtq *q, struct virtq_chain *chain)
{
	u16 pending;
	u16 head;
	int ret;

	if (!q->enabled)
		return 0;
	if (q->broken)
		return -EPROTO;

	pending = load16(&q->avail->idx) - q->next_avail;
	if (!pending)
		return 0;
	if (pending > q->num)
		return virtq_break(q, "an available index beyond the ring");

	head = load16(&q->avail->ring[q->next_avail & (q->num - 1)]);
	if (head >= q->num)
		return virtq_break(q, "an available entry beyond the table");

	chain->head = head;
	chain->out_num = 0;
	chain->in_num = 0;
	chain->out_len = 0;
	chain->in_len = 0;
	ret = walk_chain(q, chain, head);
	if (ret)
		return ret;
	q->next_avail++;
	return 1;
}

/**
 * virtq_unpop - give back the request taken last
 * @q: queue on which virtq_pop() returned 1 and nothing was filled since
 */
void virtq_unpop(struct virtq *q)
{
	q->next_avail--;
}

/**
 * virtq_pending - is there a request to take?
 * @q: queue
 */
bool virtq_pending(const struct virtq *q)
{
	return q->enabled && !q->broken && load16(&q->avail->idx) != q->next_avail;
}

/**
 * virtq_fill - write an answer without showing it to the driver yet
 * @q: queue
 * @offset: how many answers were filled since the last virtq_publish()
 * @head: name of the request
 * @len: bytes that were written into its buffers
 *
 * Answers that belong together (a packet in several buffers) are filled one
 * by one and become visible at once by virtq_publish().
 */
void virtq_fill(struct virtq *q, u16 offset, u16 head, u32 len)
{
	struct vring_used_elem *e = &q->used->ring[(u16)(q->next_used + offset) & (q->num - 1)];

	e->id = head;
	e->len = len;
}

/**
 * virtq_publish - show filled answers to the driver
 * @q: queue
 * @count: answers filled since the last call
 */
void virtq_publish(struct virtq *q, u16 count)
{
	q->next_used += count;
	store16(&q->used->idx, q->next_used);
}

/**
 * virtq_push - answer one request
 * @q: queue
 * @head: name of the request
 * @len: bytes that were written into its buffers
 */
void virtq_push(struct virtq *q, u16 head, u32 len)
{
	virtq_fill(q, 0, head, len);
	virtq_publish(q, 1);
}

/**
 * virtq_wants_interrupt - must the driver be told of what was published?
 * @q: queue
 *
 * Call once after a batch of answers: the interval since the previous call
 * is what the driver's event index is compared with (2.7.7.2).
 */
bool virtq_wants_interrupt(struct virtq *q)
{
	u16 old = q->signalled;

	if (!q->enabled || old == q->next_used)
		return false;
	q->signalled = q->next_used;
	/* The index must be visible before the driver's wish is read. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (q->event_idx)
		return vring_need_event(load16(used_event(q)), q->next_used, old);
	return !(load16(&q->avail->flags) & VRING_AVAIL_F_NO_INTERRUPT);
}

/**
 * virtq_enable_kicks - ask the driver to tell of new requests
 * @q: queue
 *
 * Return: true when a request came in meanwhile: the caller must take it,
 * for the driver may have seen no reason to kick.
 */
bool virtq_enable_kicks(struct virtq *q)
{
	if (!q->enabled || q->broken)
		return false;
	if (q->event_idx)
		store16(avail_event(q), q->next_avail);
	else
		store16(&q->used->flags, 0);
	/* Pairs with the driver's barrier between its index and our wish. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return virtq_pending(q);
}

/**
 * virtq_disable_kicks - tell the driver that we are looking anyway
 * @q: queue
 *
 * A hint only. With event indices there is nothing to write: an index that
 * stays behind silences the driver by itself.
 */
void virtq_disable_kicks(struct virtq *q)
{
	if (q->enabled && !q->event_idx)
		store16(&q->used->flags, VRING_USED_F_NO_NOTIFY);
}
