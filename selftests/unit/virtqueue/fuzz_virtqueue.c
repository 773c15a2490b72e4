// SPDX-License-Identifier: GPL-2.0
/*
 * libFuzzer drives a virtqueue with a guest made of its input: ring set-up
 * and every byte the device may look at come from there. Whatever it finds,
 * a chain must consist of guest memory, within the limits that were given.
 */
#include <stdlib.h>
#include <string.h>

#include "ring.h"

#define SEGS 32

#define NUM	     8
#define INDIRECT_NUM 24

/*
 * What the guest has put into its rings, in a form short enough for the
 * fuzzer to find its way: one bit each makes a value wild.
 */
struct tiny_desc {
	u16 addr;
	u16 len;
	u8 flags;
	u8 next;
};

#define TINY_WILD_ADDR 0x80
#define TINY_WILD_LEN  0x40
#define TINY_TABLE     0x20 /* at, or near, the indirect table */

struct setup {
	u8 flags;
	u8 num;
	u64 desc_gpa, avail_gpa, used_gpa;
	u16 avail_idx;
	u16 used_event;
	u8 ring[NUM];
	struct tiny_desc desc[NUM];
	struct tiny_desc indirect[INDIRECT_NUM];
} __attribute__((packed));

#define F_INDIRECT   0x01
#define F_EVENT_IDX  0x02
#define F_WRITE	     0x04
#define F_UNPOP	     0x08
#define F_QUIET	     0x10
#define F_WILD_SETUP 0x20
#define F_LONG_RING  0x40

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

static void check_chain(const struct virtq_chain *c)
{
	u64 out = 0, in = 0;

	if (c->out_num + c->in_num > SEGS)
		abort();
	for (u32 i = 0; i < c->out_num + c->in_num; i++) {
		u8 *p = c->iov[i].iov_base;

		if (!c->iov[i].iov_len || p < mem.host ||
		    c->iov[i].iov_len > (size_t)(mem.host + GUEST_BYTES - p))
			abort();
		*(i < c->out_num ? &out : &in) += c->iov[i].iov_len;
	}
	if (out != c->out_len || in != c->in_len)
		abort();
}

static void run(struct virtq *q, u8 flags)
{
	struct iovec iov[SEGS + 1];
	struct virtq_chain c = {.iov = iov, .max = SEGS};

	for (u32 i = 0; i < 1000; i++) {
		if (virtq_pop(q, &c) <= 0)
			break;
		check_chain(&c);
		if (flags & F_WRITE) {
			/* Answers land in rings and buffers alike. */
			iov_write(iov + c.out_num, c.in_num, 0, "answer", 6);
		}
		if (flags & F_UNPOP && i % 3 == 0)
			virtq_unpop(q);
		else
			virtq_push(q, c.head, c.in_len);
		virtq_wants_interrupt(q);
		virtq_enable_kicks(q);
		if (flags & F_QUIET)
			virtq_disable_kicks(q);
	}
}

static void expand(struct vring_desc *to, const struct tiny_desc *from)
{
	u64 addr = (u64)from->addr * 2;

	if (from->flags & TINY_TABLE)
		addr = INDIRECT_GPA + from->addr % 64;
	if (from->flags & TINY_WILD_ADDR)
		addr = ~addr;
	set_desc(to, addr, from->flags & TINY_WILD_LEN ? ~(u32)from->len : from->len,
		 from->flags & 7, from->next);
}

static void fill_guest(const struct setup *s)
{
	memset(guest(DESC_GPA), 0, DATA_GPA - DESC_GPA);
	avail()->idx = s->avail_idx;
	for (u32 i = 0; i < NUM; i++) {
		avail()->ring[i] = s->ring[i];
		expand(desc(i), &s->desc[i]);
	}
	avail()->ring[NUM] = s->used_event;
	for (u32 i = 0; i < INDIRECT_NUM; i++)
		expand(indirect(i), &s->indirect[i]);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct setup s = {0};
	struct virtq q;

	if (!mem.host)
		guest_create();
	memcpy(&s, data, min_t(size_t, size, sizeof(s)));
	fill_guest(&s);

	queue_create(&q, s.flags & F_LONG_RING ? 1 << s.num % 16 : NUM);
	q.indirect = s.flags & F_INDIRECT;
	q.event_idx = s.flags & F_EVENT_IDX;
	if (s.flags & F_WILD_SETUP) {
		q.num = s.num;
		q.desc_gpa = s.desc_gpa;
		q.avail_gpa = s.avail_gpa;
		q.used_gpa = s.used_gpa;
	}
	if (!virtq_enable(&q))
		run(&q, s.flags);
	virtq_reset(&q);
	return 0;
}
