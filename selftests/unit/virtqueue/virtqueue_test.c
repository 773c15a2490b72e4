// SPDX-License-Identifier: GPL-2.0
/*
 * The device's side of a split virtqueue against good and bad drivers.
 * Runs on the workstation under ASan and UBSan; prints TAP.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ring.h"

#define SEGS 16

static int tests;
static int failures;

#define CHECK(cond)                                                                                \
	do {                                                                                       \
		if (!(cond)) {                                                                     \
			printf("# %s:%d: not true: %s\n", __func__, __LINE__, #cond);              \
			return false;                                                              \
		}                                                                                  \
	} while (0)

static struct iovec iov[SEGS];
static struct virtq q;

static struct virtq_chain chain(void)
{
	return (struct virtq_chain){.iov = iov, .max = SEGS};
}

static void offer(u16 head)
{
	avail()->ring[avail()->idx % q.num] = head;
	avail()->idx++;
}

/* A fresh guest and an enabled queue before each test. */
static void set_up(void)
{
	memset(mem.host, 0, GUEST_BYTES);
	queue_create(&q, RING_NUM);
	virtq_enable(&q);
}

/* Pops what is offered and expects the ring to be found broken for @why. */
static bool broken_for(const char *why)
{
	struct virtq_chain c = chain();

	if (virtq_pop(&q, &c) == -EPROTO && q.broken && strstr(q.broken, why) &&
	    virtq_pop(&q, &c) == -EPROTO)
		return true;
	printf("# expected '%s', found '%s'\n", why, q.broken ? q.broken : "nothing");
	return false;
}

static bool enable_rules(void)
{
	static const struct {
		u16 num;
		u64 desc, avail, used;
		int ret;
	} cases[] = {
		{8, DESC_GPA, AVAIL_GPA, USED_GPA, 0},
		{1, DESC_GPA, AVAIL_GPA, USED_GPA, 0},
		{0, DESC_GPA, AVAIL_GPA, USED_GPA, -EINVAL},
		{3, DESC_GPA, AVAIL_GPA, USED_GPA, -EINVAL},
		{65535, DESC_GPA, AVAIL_GPA, USED_GPA, -EINVAL},
		{8, DESC_GPA + 8, AVAIL_GPA, USED_GPA, -EINVAL},
		{8, DESC_GPA, AVAIL_GPA + 1, USED_GPA, -EINVAL},
		{8, DESC_GPA, AVAIL_GPA, USED_GPA + 2, -EINVAL},
		{8, GUEST_BYTES, AVAIL_GPA, USED_GPA, -EFAULT},
		{8, DESC_GPA, ~1ULL, USED_GPA, -EFAULT},
		{8, DESC_GPA, AVAIL_GPA, ~3ULL, -EFAULT},
		/* The last byte of the used ring's event word is outside. */
		{8, DESC_GPA, AVAIL_GPA, GUEST_BYTES / 2 - 68, -EFAULT},
		{8, DESC_GPA, AVAIL_GPA, GUEST_BYTES / 2 - 72, 0},
		/* Two regions touch in the host but not in the guest. */
		{8, GUEST_BYTES / 2 - 64, AVAIL_GPA, USED_GPA, -EFAULT},
		{8, MEM_HIGH_BASE, AVAIL_GPA, USED_GPA, 0},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		queue_create(&q, cases[i].num);
		q.desc_gpa = cases[i].desc;
		q.avail_gpa = cases[i].avail;
		q.used_gpa = cases[i].used;
		if (virtq_enable(&q) != cases[i].ret) {
			printf("# case %zu\n", i);
			return false;
		}
		CHECK(q.enabled == !cases[i].ret);
	}
	return true;
}

static bool disabled_is_silent(void)
{
	struct virtq_chain c = chain();

	virtq_reset(&q);
	CHECK(virtq_pop(&q, &c) == 0);
	CHECK(!virtq_pending(&q));
	CHECK(!virtq_wants_interrupt(&q));
	CHECK(!virtq_enable_kicks(&q));
	return true;
}

static bool direct_chain(void)
{
	struct virtq_chain c = chain();

	set_desc(desc(5), DATA_GPA, 16, VRING_DESC_F_NEXT, 2);
	set_desc(desc(2), DATA_GPA + 16, 100, VRING_DESC_F_NEXT | VRING_DESC_F_WRITE, 7);
	set_desc(desc(7), DATA_GPA + 512, 1, VRING_DESC_F_WRITE, 99);
	CHECK(virtq_pop(&q, &c) == 0);
	offer(5);
	CHECK(virtq_pending(&q));
	CHECK(virtq_pop(&q, &c) == 1);
	CHECK(c.head == 5 && c.out_num == 1 && c.in_num == 2);
	CHECK(c.out_len == 16 && c.in_len == 101);
	CHECK(iov[0].iov_base == guest(DATA_GPA) && iov[0].iov_len == 16);
	CHECK(iov[2].iov_base == guest(DATA_GPA + 512) && iov[2].iov_len == 1);
	CHECK(virtq_pop(&q, &c) == 0 && !virtq_pending(&q));
	virtq_push(&q, c.head, 101);
	CHECK(used()->idx == 1 && used()->ring[0].id == 5 && used()->ring[0].len == 101);
	return true;
}

static bool indirect_chain(void)
{
	struct virtq_chain c = chain();
	u8 *odd = guest(INDIRECT_GPA + 3);
	struct vring_desc d;

	/* Nothing aligns an indirect table. */
	set_desc(&d, DATA_GPA, 8, VRING_DESC_F_NEXT, 1);
	memcpy(odd, &d, sizeof(d));
	set_desc(&d, DATA_GPA + 8, 8, VRING_DESC_F_WRITE, 0);
	memcpy(odd + sizeof(d), &d, sizeof(d));
	set_desc(desc(0), INDIRECT_GPA + 3, 2 * sizeof(d), VRING_DESC_F_INDIRECT, 0);
	offer(0);
	CHECK(virtq_pop(&q, &c) == 1);
	CHECK(c.out_num == 1 && c.in_num == 1 && c.out_len == 8 && c.in_len == 8);
	return true;
}

static bool direct_then_indirect(void)
{
	struct virtq_chain c = chain();

	set_desc(desc(0), DATA_GPA, 8, VRING_DESC_F_NEXT, 1);
	set_desc(desc(1), INDIRECT_GPA, 32, VRING_DESC_F_INDIRECT, 0);
	set_desc(indirect(0), DATA_GPA, 4, VRING_DESC_F_NEXT, 1);
	set_desc(indirect(1), DATA_GPA, 4, VRING_DESC_F_WRITE, 0);
	offer(0);
	CHECK(virtq_pop(&q, &c) == 1);
	CHECK(c.out_num == 2 && c.out_len == 12 && c.in_num == 1);
	return true;
}

static bool longest_chain(void)
{
	struct virtq_chain c = chain();

	for (u16 i = 0; i < RING_NUM; i++)
		set_desc(desc(i), DATA_GPA, 1, i < RING_NUM - 1 ? VRING_DESC_F_NEXT : 0, i + 1);
	offer(0);
	CHECK(virtq_pop(&q, &c) == 1 && c.out_num == RING_NUM);
	return true;
}

static bool loop_direct(void)
{
	set_desc(desc(0), DATA_GPA, 1, VRING_DESC_F_NEXT, 1);
	set_desc(desc(1), DATA_GPA, 1, VRING_DESC_F_NEXT, 0);
	offer(0);
	return broken_for("loop");
}

static bool loop_self(void)
{
	set_desc(desc(3), DATA_GPA, 1, VRING_DESC_F_NEXT, 3);
	offer(3);
	return broken_for("loop");
}

static bool loop_indirect(void)
{
	set_desc(desc(0), INDIRECT_GPA, 32, VRING_DESC_F_INDIRECT, 0);
	set_desc(indirect(0), DATA_GPA, 1, VRING_DESC_F_NEXT, 1);
	set_desc(indirect(1), DATA_GPA, 1, VRING_DESC_F_NEXT, 0);
	offer(0);
	return broken_for("loop");
}

static bool wild_head(void)
{
	offer(RING_NUM);
	return broken_for("entry beyond");
}

static bool wild_next(void)
{
	set_desc(desc(0), DATA_GPA, 1, VRING_DESC_F_NEXT, 0xffff);
	offer(0);
	return broken_for("index beyond the table");
}

static bool wild_next_indirect(void)
{
	set_desc(desc(0), INDIRECT_GPA, 16, VRING_DESC_F_INDIRECT, 0);
	set_desc(indirect(0), DATA_GPA, 1, VRING_DESC_F_NEXT, 1);
	offer(0);
	return broken_for("index beyond the table");
}

static bool wild_avail(void)
{
	avail()->idx = RING_NUM + 1;
	return broken_for("available index");
}

static bool avail_backwards(void)
{
	avail()->idx = 0xffff;
	return broken_for("available index");
}

static bool indirect_on_the_ring(void)
{
	set_desc(desc(0), DESC_GPA, 16, VRING_DESC_F_INDIRECT, 0);
	offer(0);
	return broken_for("within another");
}

static bool indirect_nested(void)
{
	set_desc(desc(0), INDIRECT_GPA, 16, VRING_DESC_F_INDIRECT, 0);
	set_desc(indirect(0), INDIRECT_GPA, 16, VRING_DESC_F_INDIRECT, 0);
	offer(0);
	return broken_for("within another");
}

static bool indirect_next(void)
{
	set_desc(desc(0), INDIRECT_GPA, 16, VRING_DESC_F_INDIRECT | VRING_DESC_F_NEXT, 1);
	offer(0);
	return broken_for("successor");
}

static bool indirect_size(void)
{
	set_desc(desc(0), INDIRECT_GPA, 17, VRING_DESC_F_INDIRECT, 0);
	offer(0);
	return broken_for("odd size");
}

static bool indirect_empty(void)
{
	set_desc(desc(0), INDIRECT_GPA, 0, VRING_DESC_F_INDIRECT, 0);
	offer(0);
	return broken_for("odd size");
}

static bool indirect_outside(void)
{
	set_desc(desc(0), GUEST_BYTES / 2 - 16, 32, VRING_DESC_F_INDIRECT, 0);
	offer(0);
	return broken_for("table outside");
}

static bool indirect_huge(void)
{
	set_desc(desc(0), INDIRECT_GPA, 0xfffffff0, VRING_DESC_F_INDIRECT, 0);
	offer(0);
	return broken_for("table outside");
}

static bool indirect_refused(void)
{
	q.indirect = false;
	set_desc(desc(0), INDIRECT_GPA, 16, VRING_DESC_F_INDIRECT, 0);
	offer(0);
	return broken_for("not negotiated");
}

static bool buffer_empty(void)
{
	set_desc(desc(0), DATA_GPA, 0, 0, 0);
	offer(0);
	return broken_for("no bytes");
}

static bool buffer_outside(void)
{
	set_desc(desc(0), GUEST_BYTES / 2 - 1, 2, 0, 0);
	offer(0);
	return broken_for("outside of memory");
}

static bool buffer_wraps(void)
{
	set_desc(desc(0), ~0ULL, 2, 0, 0);
	offer(0);
	return broken_for("outside of memory");
}

static bool buffer_order(void)
{
	set_desc(desc(0), DATA_GPA, 1, VRING_DESC_F_NEXT | VRING_DESC_F_WRITE, 1);
	set_desc(desc(1), DATA_GPA, 1, 0, 0);
	offer(0);
	return broken_for("behind a writable");
}

static bool buffers_too_many(void)
{
	for (u16 i = 0; i <= SEGS; i++)
		set_desc(indirect(i), DATA_GPA, 1, i < SEGS ? VRING_DESC_F_NEXT : 0, i + 1);
	set_desc(desc(0), INDIRECT_GPA, (SEGS + 1) * 16, VRING_DESC_F_INDIRECT, 0);
	offer(0);
	return broken_for("more buffers");
}

static bool unpop_and_batch(void)
{
	struct virtq_chain c = chain();

	for (u16 i = 0; i < 3; i++) {
		set_desc(desc(i), DATA_GPA, 8, VRING_DESC_F_WRITE, 0);
		offer(i);
	}
	CHECK(virtq_pop(&q, &c) == 1 && c.head == 0);
	virtq_unpop(&q);
	CHECK(virtq_pop(&q, &c) == 1 && c.head == 0);
	virtq_fill(&q, 0, 0, 8);
	CHECK(virtq_pop(&q, &c) == 1 && c.head == 1);
	virtq_fill(&q, 1, 1, 4);
	CHECK(used()->idx == 0);
	virtq_publish(&q, 2);
	CHECK(used()->idx == 2 && used()->ring[1].id == 1 && used()->ring[1].len == 4);
	return true;
}

static bool flags_suppression(void)
{
	avail()->flags = VRING_AVAIL_F_NO_INTERRUPT;
	virtq_push(&q, 0, 0);
	CHECK(!virtq_wants_interrupt(&q));
	avail()->flags = 0;
	CHECK(!virtq_wants_interrupt(&q)); /* of nothing new */
	virtq_push(&q, 0, 0);
	CHECK(virtq_wants_interrupt(&q));

	virtq_disable_kicks(&q);
	CHECK(used()->flags == VRING_USED_F_NO_NOTIFY);
	CHECK(!virtq_enable_kicks(&q) && used()->flags == 0);
	offer(0);
	CHECK(virtq_enable_kicks(&q));
	return true;
}

static bool event_idx_interrupt(void)
{
	q.event_idx = true;
	virtq_push(&q, 0, 0);
	CHECK(virtq_wants_interrupt(&q));
	avail()->ring[RING_NUM] = 3;
	virtq_push(&q, 0, 0);
	CHECK(!virtq_wants_interrupt(&q));
	virtq_push(&q, 0, 0);
	virtq_push(&q, 0, 0);
	CHECK(virtq_wants_interrupt(&q)); /* 4 has passed 3 */
	CHECK(!virtq_wants_interrupt(&q));
	return true;
}

/* Two million requests: every index wraps, the event words with them. */
static bool event_idx_wrap(void)
{
	struct virtq_chain c = chain();

	q.event_idx = true;
	set_desc(desc(0), DATA_GPA, 1, 0, 0);
	for (u32 i = 0; i < 2000000; i++) {
		bool wants = i % 3 == 0;

		offer(0);
		CHECK(virtq_pop(&q, &c) == 1);
		CHECK(!virtq_enable_kicks(&q));
		CHECK(*(u16 *)&used()->ring[RING_NUM] == (u16)(i + 1));
		/* Ask for this answer, or for one far ahead. */
		avail()->ring[RING_NUM] = wants ? i : i + 1000;
		virtq_push(&q, 0, 0);
		CHECK(virtq_wants_interrupt(&q) == wants);
	}
	return true;
}

static bool kicks_after_break(void)
{
	offer(RING_NUM);
	CHECK(broken_for("entry beyond"));
	CHECK(!virtq_pending(&q) && !virtq_enable_kicks(&q));
	return true;
}

static bool iov_helpers(void)
{
	char a[4] = "abcd", b[3] = "efg", out[8] = {0};
	struct iovec v[2] = {{a, 4}, {b, 3}};
	struct iovec *p = v;

	CHECK(iov_read(v, 2, 2, out, sizeof(out)) == 5 && !memcmp(out, "cdefg", 5));
	CHECK(iov_read(v, 2, 7, out, 1) == 0 && iov_read(v, 2, 100, out, 1) == 0);
	CHECK(iov_write(v, 2, 3, "XYZW", 4) == 4 && !memcmp(a, "abcX", 4) && !memcmp(b, "YZW", 3));
	CHECK(iov_write(v, 0, 0, "X", 1) == 0);
	CHECK(iov_cut_front(&p, 2, 5) == 1 && p == &v[1] && p->iov_base == b + 1 &&
	      p->iov_len == 2);
	CHECK(iov_cut_front(&p, 1, 2) == 0);
	return true;
}

#define TEST(fn)                                                                                   \
	{                                                                                          \
#fn, fn                                                                            \
	}

static const struct {
	const char *name;
	bool (*fn)(void);
} all[] = {
	TEST(enable_rules),
	TEST(disabled_is_silent),
	TEST(direct_chain),
	TEST(indirect_chain),
	TEST(direct_then_indirect),
	TEST(longest_chain),
	TEST(loop_direct),
	TEST(loop_self),
	TEST(loop_indirect),
	TEST(wild_head),
	TEST(wild_next),
	TEST(wild_next_indirect),
	TEST(wild_avail),
	TEST(avail_backwards),
	TEST(indirect_nested),
	TEST(indirect_on_the_ring),
	TEST(indirect_next),
	TEST(indirect_size),
	TEST(indirect_empty),
	TEST(indirect_outside),
	TEST(indirect_huge),
	TEST(indirect_refused),
	TEST(buffer_empty),
	TEST(buffer_outside),
	TEST(buffer_wraps),
	TEST(buffer_order),
	TEST(buffers_too_many),
	TEST(unpop_and_batch),
	TEST(flags_suppression),
	TEST(event_idx_interrupt),
	TEST(event_idx_wrap),
	TEST(kicks_after_break),
	TEST(iov_helpers),
};

int main(void)
{
	guest_create();
	printf("TAP version 13\n1..%zu\n", ARRAY_SIZE(all));
	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		bool ok;

		set_up();
		ok = all[i].fn();
		printf("%sok %d virtqueue: %s\n", ok ? "" : "not ", ++tests, all[i].name);
		failures += !ok;
	}
	free(mem.host);
	return failures != 0;
}
