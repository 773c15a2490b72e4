// SPDX-License-Identifier: GPL-2.0
/*
 * libFuzzer is the guest: it puts requests with any fields and rubbish into the
 * rings, takes grants away, reconnects. Whatever it does, each request of a
 * sane ring is answered, and nothing stays mapped or bound behind a connection.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "board.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

static const u8 *input;
static size_t left;
static u32 queues;

static u32 take(u32 bytes)
{
	u32 value = 0;

	for (u32 i = 0; i < bytes; i++) {
		value = value << 8 | (left ? *input++ : 0);
		left -= !!left;
	}
	return value;
}

static void disconnect(void)
{
	board_disconnect();
	if (maps || bound)
		abort();
}

static void connect_front(void)
{
	u32 how = take(1);

	xenbus->failed = false;
	fail_reason[0] = '\0';
	front_clear();
	queues = 1 + (how & 1);
	front_rings(queues, 1U << (how >> 1 & 3));
	/* A handshake that fails now and then, for one of the keys. */
	if ((how & 0xf0) == 0xf0)
		front_set(how & 8 ? "ring-ref0" : "event-channel", "%u", GRANTS + take(2));
	if (!board_connect())
		return;
	if (!fail_reason[0] || maps || bound)
		abort();
	xenbus->failed = false;
	fail_reason[0] = '\0';
	front_clear();
	queues = 1;
	front_rings(1, 1);
	if (board_connect())
		abort();
}

static u32 some_gref(void)
{
	u32 n = take(1);

	/* Not a ring's: what reads into that would have no answer to expect. */
	return n < 0xc0 ? gref(DATA_PAGE + n) : GRANTS + take(4) % (UINT32_MAX - GRANTS);
}

static u64 some_sector(void)
{
	u32 n = take(2);

	return n & 0x8000 ? (u64)take(4) << (n & 31) : n % DISK_SECTORS;
}

static void bend(struct blkif_request_segment *s)
{
	u32 range = take(1);

	s->gref = some_gref();
	if (range & 0x80) {
		s->first_sect = range & 7;
		s->last_sect = range >> 3 & 15;
	}
}

static union front_msg some_request(u32 how)
{
	union front_msg msg;
	u32 n;

	switch (how & 3) {
	case 0:
		msg = discard(some_sector(), take(2));
		msg.discard.flag = take(1);
		break;
	case 1:
		n = take(2) % 300;
		msg = indirect(take(1) % 8, some_sector(), DATA_PAGE + 200, DATA_PAGE, n);
		for (u32 i = how >> 4; i; i--)
			bend(segment(DATA_PAGE + 200, take(1)));
		if (how & 8)
			msg.indirect.indirect_grefs[0] = some_gref();
		break;
	default:
		n = take(1);
		msg = transfer(take(1) % 8, some_sector(), DATA_PAGE, n % 14);
		for (u32 i = how >> 4; i; i--)
			bend(&msg.request.seg[take(1) % BLKIF_MAX_SEGMENTS_PER_REQUEST]);
		break;
	}
	return msg;
}

static void put_requests(struct front *f)
{
	u32 n = 1 + take(1) % f->size;
	struct blkif_response rsp;
	union front_msg msg;

	for (u32 i = 0; i < n; i++) {
		msg = some_request(take(1));
		front_put(f, &msg);
	}
	front_push(f);
	for (u32 i = 0; i < n; i++)
		if (!front_wait(f, &rsp))
			abort();
}

static void scribble(struct front *f)
{
	u8 *bytes = page(f->page[0]);

	for (u32 n = 1 + take(1) % 16; n; n--)
		bytes[take(2) % GUEST_PAGE_SIZE] = take(1);
	board_notify(f->port);
	for (u32 n = take(1) % 4; n; n--) {
		usleep(100);
		board_turn();
	}
	/* Nobody knows what this ring means now. */
	disconnect();
	connect_front();
}

static void act(u32 op)
{
	struct front *f = &front[(op >> 4) % queues];

	switch (op & 7) {
	default:
		put_requests(f);
		break;
	case 5:
		scribble(f);
		break;
	case 6:
		disconnect();
		connect_front();
		break;
	case 7:
		readonly_grant[gref(DATA_PAGE + (op >> 3))] ^= true;
		break;
	}
	board_turn();
	if (fail_reason[0])
		abort();
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	if (!device) {
		struct config_disk disk = board_disk();

		if (board_create(&disk))
			abort();
		board_start();
	}
	input = data;
	left = size;
	connect_front();
	while (left)
		act(take(1));
	disconnect();
	memset(readonly_grant, 0, GRANTS * sizeof(readonly_grant[0]));
	return 0;
}
