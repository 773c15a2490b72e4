// SPDX-License-Identifier: GPL-2.0
/* The block back end against front ends that break the rules. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "board.h"

/* Bad segments and sectors fail their request, and nothing else. */
static bool bad_requests(void)
{
	static const struct {
		u8 op;
		u8 segments;
		u64 sector;
		u8 first, last;
		u32 ref;
		int status;
	} cases[] = {
		{BLKIF_OP_READ, 1, 0, 0, 7, 0, BLKIF_RSP_OKAY},
		{BLKIF_OP_READ, 1, 0, 7, 7, 0, BLKIF_RSP_OKAY},
		{BLKIF_OP_READ, 1, DISK_SECTORS - 8, 0, 7, 0, BLKIF_RSP_OKAY},
		{BLKIF_OP_READ, 1, DISK_SECTORS - 7, 0, 7, 0, BLKIF_RSP_ERROR},
		{BLKIF_OP_READ, 1, DISK_SECTORS, 0, 0, 0, BLKIF_RSP_ERROR},
		{BLKIF_OP_READ, 1, ~0ULL, 0, 7, 0, BLKIF_RSP_ERROR},
		{BLKIF_OP_READ, 1, ~0ULL - 7, 0, 7, 0, BLKIF_RSP_ERROR},
		{BLKIF_OP_READ, 1, 1ULL << 55, 0, 7, 0, BLKIF_RSP_ERROR},
		{BLKIF_OP_WRITE, 1, (1ULL << 55) - 1, 0, 7, 0, BLKIF_RSP_ERROR},
		{BLKIF_OP_READ, 0, 0, 0, 7, 0, BLKIF_RSP_ERROR},
		{BLKIF_OP_WRITE, 0, 0, 0, 7, 0, BLKIF_RSP_ERROR},
		{BLKIF_OP_READ, 12, 0, 0, 7, 0, BLKIF_RSP_ERROR},
		{BLKIF_OP_WRITE, 255, 0, 0, 7, 0, BLKIF_RSP_ERROR},
		{BLKIF_OP_FLUSH_DISKCACHE, 12, 0, 0, 7, 0, BLKIF_RSP_ERROR},
		{BLKIF_OP_WRITE_BARRIER, 255, 0, 0, 7, 0, BLKIF_RSP_ERROR},
		{BLKIF_OP_READ, 1, 0, 1, 0, 0, BLKIF_RSP_ERROR},
		{BLKIF_OP_READ, 2, 0, 1, 0, 0, BLKIF_RSP_ERROR},
		{BLKIF_OP_READ, 2, 0, 5, 2, 0, BLKIF_RSP_ERROR},
		{BLKIF_OP_READ, 1, 0, 0, 8, 0, BLKIF_RSP_ERROR},
		{BLKIF_OP_READ, 1, 0, 255, 255, 0, BLKIF_RSP_ERROR},
		{BLKIF_OP_READ, 1, 0, 0, 7, GRANTS, BLKIF_RSP_ERROR},
		{BLKIF_OP_READ, 1, 0, 0, 7, 1, BLKIF_RSP_ERROR},
		{BLKIF_OP_WRITE, 3, 0, 0, 7, ~0U, BLKIF_RSP_ERROR},
		{BLKIF_OP_WRITE_BARRIER, 3, 0, 0, 7, ~0U, BLKIF_RSP_ERROR},
		{BLKIF_OP_RESERVED_1, 1, 0, 0, 7, 0, BLKIF_RSP_EOPNOTSUPP},
		{7, 1, 0, 0, 7, 0, BLKIF_RSP_EOPNOTSUPP},
		{255, 255, ~0ULL, 9, 9, 1, BLKIF_RSP_EOPNOTSUPP},
	};

	CHECK(front_up(1, 1));
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		union front_msg msg =
			transfer(cases[i].op, cases[i].sector, DATA_PAGE, cases[i].segments);
		/* The last one, so that others were mapped before it. */
		u32 last = cases[i].segments ? cases[i].segments - 1 : 0;

		last = min_t(u32, last, BLKIF_MAX_SEGMENTS_PER_REQUEST - 1);
		msg.request.seg[last].first_sect = cases[i].first;
		msg.request.seg[last].last_sect = cases[i].last;
		if (cases[i].ref)
			msg.request.seg[last].gref = cases[i].ref;
		if (request(front, msg) != cases[i].status || maps != 1) {
			printf("# case %zu\n", i);
			return false;
		}
	}
	readonly_grant[gref(DATA_PAGE)] = true;
	CHECK(request(front, transfer(BLKIF_OP_READ, 0, DATA_PAGE, 1)) == BLKIF_RSP_ERROR);
	CHECK(!fail_reason[0]);
	return true;
}

/* The device is closed by the main loop, and nothing is left of it. */
static bool closed_for(const char *why)
{
	for (u32 i = 0; i < 200 && !fail_reason[0]; i++) {
		usleep(1000);
		board_turn();
	}
	if (!strstr(fail_reason, why))
		printf("# expected '%s', found '%s'\n", why, fail_reason);
	return strstr(fail_reason, why) && !maps && !bound && !xenbus->connected;
}

static bool wild_index(u32 pages, RING_IDX prod)
{
	struct blkif_response rsp;

	xenbus->failed = false;
	fail_reason[0] = '\0';
	front_clear();
	CHECK(front_up(2, pages));
	/* Some rightful ones before it. */
	for (u32 i = 0; i < 3; i++) {
		union front_msg msg = transfer(BLKIF_OP_READ, 0, DATA_PAGE, 1);

		front_put(&front[1], &msg);
		front_push(&front[1]);
		CHECK(front_wait(&front[1], &rsp));
	}
	sring(&front[1])->req_prod = prod;
	board_notify(front[1].port);
	CHECK(closed_for("ring 1"));
	CHECK(front_quiet(&front[1]));
	return true;
}

static bool wild_indices(void)
{
	board_start();
	CHECK(wild_index(1, 3 + 33));
	CHECK(wild_index(4, 3 + 129));
	CHECK(wild_index(1, 2)); /* backwards */
	CHECK(wild_index(1, 0));
	CHECK(wild_index(1, 0x80000000));
	CHECK(wild_index(1, ~0U));
	return true;
}

/* The ring is full of requests in flight: no index may differ from its end. */
static bool wild_in_flight(RING_IDX prod)
{
	slow_uring = true;
	xenbus->failed = false;
	fail_reason[0] = '\0';
	front_clear();
	CHECK(front_up(1, 1));
	for (u32 i = 0; i < 32; i++) {
		union front_msg msg = indirect(BLKIF_OP_READ, 0, DATA_PAGE, DATA_PAGE + 1, 256);

		front_put(front, &msg);
	}
	sring(front)->req_prod = 32;
	board_call(front[0].port);
	sring(front)->req_prod = prod;
	board_call(front[0].port);
	return closed_for("ring 0");
}

static bool wild_indices_in_flight(void)
{
	board_start();
	CHECK(wild_in_flight(20));
	CHECK(wild_in_flight(64));
	return true;
}

/* A device that is paused before the main loop has heard waits with it. */
static bool wild_index_then_pause(void)
{
	CHECK(front_up(1, 1));
	sring(front)->req_prod = 77;
	board_call(front[0].port);
	device->stop(device);
	board_turn();
	CHECK(!fail_reason[0] && bound == 1);
	CHECK(!device->start(device));
	CHECK(closed_for("ring 0"));
	/* The second telling of the same finds nothing to do. */
	fail_reason[0] = '\0';
	xenbus->failed = false;
	CHECK(front_up(1, 1));
	board_turn();
	CHECK(!fail_reason[0]);
	return request(front, transfer(BLKIF_OP_READ, 0, DATA_PAGE, 1)) == BLKIF_RSP_OKAY;
}

/* A fault of the guest before is none of the guest after. */
static bool wild_index_then_reset(void)
{
	CHECK(front_up(1, 1));
	sring(front)->req_prod = 77;
	board_call(front[0].port);
	device->stop(device);
	device->reset(device);
	front_clear();
	CHECK(front_up(1, 1));
	board_turn();
	CHECK(!fail_reason[0]);
	return request(front, transfer(BLKIF_OP_READ, 0, DATA_PAGE, 1)) == BLKIF_RSP_OKAY;
}

static bool bad_handshakes(void)
{
	static const struct {
		u32 queues, pages;
		const char *key, *value, *why;
	} cases[] = {
		{1, 1, "protocol", "x86_32-abi", "x86_32-abi: 32-bit"},
		{1, 1, "protocol", "arm-abi", "unknown protocol"},
		{1, 1, "ring-ref", "", "ring-ref of queue 0"},
		{1, 1, "ring-ref", "zero", "ring-ref of queue 0"},
		{1, 1, "ring-ref", "1", "no grant"},
		{1, 1, "ring-ref", "4294967295", "no grant"},
		{1, 1, "event-channel", "", "event-channel of queue 0"},
		{1, 1, "event-channel", "0", "event-channel 0"},
		{1, 1, "event-channel", "4294967295", "event-channel"},
		{1, 1, "event-channel", "15", "busy"},
		{1, 4, "ring-ref3", "", "ring-ref3"},
		{1, 4, "ring-ref2", "2000", "ring-ref2"},
		{1, 4, "ring-page-order", "5", "size"},
		{1, 4, "ring-page-order", "31", "size"},
		{1, 4, "ring-page-order", "4294967295", "size"},
		{1, 4, "ring-page-order", "x", "size"},
		{1, 1, "num-ring-pages", "0", "size"},
		{1, 1, "num-ring-pages", "3", "size"},
		{1, 1, "num-ring-pages", "32", "size"},
		{1, 1, "num-ring-pages", "-", "num-ring-pages is no number"},
		{1, 1, "feature-persistent", "yes", "feature-persistent"},
		{1, 1, "multi-queue-num-queues", "0", "0 queues"},
		{1, 1, "multi-queue-num-queues", "5", "5 queues"},
		{1, 1, "multi-queue-num-queues", "4294967295", "queues"},
		{3, 1, "queue-2/ring-ref", "", "ring-ref of queue 2"},
		{3, 2, "queue-1/ring-ref1", "", "ring-ref1 of queue 1"},
		{3, 1, "queue-2/event-channel", "", "event-channel of queue 2"},
		/* The port of the first. */
		{3, 1, "queue-2/event-channel", "3", "event-channel 3 of queue 2"},
	};

	board_start();
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		fail_reason[0] = '\0';
		front_clear();
		front_set("feature-persistent", "1");
		front_rings(cases[i].queues, cases[i].pages);
		front_set(cases[i].key, "%s", cases[i].value);
		if (!board_connect() || !strstr(fail_reason, cases[i].why) || maps || bound) {
			printf("# case %zu: '%s', %u grants, %u ports\n", i, fail_reason, maps,
			       bound);
			return false;
		}
	}
	/* A good one after all the bad ones, without a protocol. */
	front_clear();
	front_rings(1, 1);
	front_unset("protocol");
	CHECK(!board_connect());
	return request(front, transfer(BLKIF_OP_READ, 0, DATA_PAGE, 1)) == BLKIF_RSP_OKAY;
}

/* A ring that lies within the data it asks for, and within itself. */
static bool ring_over_ring(void)
{
	CHECK(front_up(1, 1));
	for (u32 i = 0; i < 20; i++) {
		union front_msg msg = transfer(BLKIF_OP_READ, i, front[0].page[0], 1);

		front_put(front, &msg);
	}
	file_fill(12);
	front_push(front);
	usleep(20000);
	board_turn();
	board_disconnect();
	CHECK(!maps && !bound);
	xenbus->failed = false;
	front_clear();
	front_rings(1, 4);
	for (u32 i = 1; i < 4; i++)
		front_set(i == 1   ? "ring-ref1"
			  : i == 2 ? "ring-ref2"
				   : "ring-ref3",
			  "%u", gref(front[0].page[0]));
	CHECK(!board_connect());
	sring(front)->req_prod = 128;
	board_notify(front[0].port);
	usleep(20000);
	board_turn();
	return true;
}

void run_hostile_tests(void)
{
	TEST(bad_requests);
	TEST(wild_indices);
	TEST(wild_indices_in_flight);
	TEST(wild_index_then_pause);
	TEST(wild_index_then_reset);
	TEST(bad_handshakes);
	TEST(ring_over_ring);
}
