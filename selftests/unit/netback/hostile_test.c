// SPDX-License-Identifier: GPL-2.0
/*
 * Front ends that break the rules: their frames are refused, or their device is
 * closed with the reason. Nothing stays mapped, and the next guest has a card.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "board.h"

static struct front *const f = &front[0];

/* Was the device closed for this, and is all given back? */
static bool closed_for(const char *why)
{
	for (u32 i = 0; i < 1000 && !fail_reason[0]; i++) {
		usleep(1000);
		board_turn();
	}
	if (!strstr(fail_reason, why) || maps || bound) {
		printf("# expected '%s', got '%s'; %lld maps, %u bound\n", why, fail_reason,
		       (long long)maps, bound);
		return false;
	}
	/* The next guest's card works. */
	board_restart();
	CHECK(front_up(1, true));
	packet_make(&pkt, 0, 100, 1);
	tx_frame(f, pkt.data, pkt.len, 0);
	tx_push(f);
	CHECK(tx_answers(f, 1, NETIF_RSP_OKAY));
	while (!peer_quiet()) {
		struct virtio_net_hdr hdr;
		size_t len;

		peer_take(&hdr, got, &len);
	}
	board_restart();
	return true;
}

/* Frames that cannot be had: answered with an error, and that is all. */
static bool refused_frames(void)
{
	CHECK(front_up(1, true));
	/* No such grant: at the start, and in the middle. */
	tx_put(f, gref(GUEST_PAGES), 0, 100, 0);
	tx_put(f, gref(DATA_PAGE), 0, 200, NETTXF_more_data);
	tx_put(f, 0xffffffff, 0, 100, 0);
	/* Too short. */
	tx_put(f, gref(DATA_PAGE), 0, 13, 0);
	tx_put(f, gref(DATA_PAGE), 0, 0, 0);
	tx_push(f);
	CHECK(tx_answers(f, 5, NETIF_RSP_ERROR));
	/* A part more than must be taken, and as many as there are. */
	for (u32 parts = XEN_NETIF_NR_SLOTS_MIN + 1; parts <= 256; parts += 256 - parts ?: 1) {
		for (u32 i = 0; i < parts; i++)
			tx_put(f, gref(DATA_PAGE), 0, i ? 10 : parts * 10,
			       i + 1 < parts ? NETTXF_more_data : 0);
		tx_push(f);
		CHECK(tx_answers(f, parts, NETIF_RSP_ERROR));
	}
	CHECK(peer_quiet() && maps == 2);
	tx_put(f, gref(DATA_PAGE), 0, 60, 0);
	tx_push(f);
	CHECK(tx_answers(f, 1, NETIF_RSP_OKAY) && !peer_quiet());
	board_turn();
	CHECK(!fail_reason[0]);
	return true;
}

static bool wild_tx_index(void)
{
	static const RING_IDX wild[] = {257, 1000, 0x80000000, 0xffffffff};
	char why[64];

	for (size_t i = 0; i < ARRAY_SIZE(wild); i++) {
		CHECK(front_up(1, true));
		f->tx.sring->req_prod = wild[i];
		board_notify(f->tx_port);
		snprintf(why, sizeof(why), "transmit ring 0: %u requests", wild[i]);
		CHECK(closed_for(why));
	}
	return true;
}

static bool wild_rx_index(void)
{
	static const RING_IDX wild[] = {257, 0x80000000, 0xffffffff};
	char why[64];

	for (size_t i = 0; i < ARRAY_SIZE(wild); i++) {
		CHECK(front_up(1, true));
		f->rx.sring->req_prod = wild[i];
		packet_make(&pkt, 0, 100, 1);
		CHECK(peer_give(NULL, pkt.data, pkt.len));
		snprintf(why, sizeof(why), "receive ring 0: %u requests", wild[i]);
		CHECK(closed_for(why));
	}
	return true;
}

static bool endless_frame(void)
{
	struct netif_extra_info info = {.u.gso = {.size = 1000}};

	CHECK(front_up(1, true));
	tx_put(f, gref(DATA_PAGE), 0, 100, NETTXF_more_data);
	tx_push(f);
	CHECK(closed_for("a frame without its end"));
	CHECK(front_up(1, true));
	tx_put(f, gref(DATA_PAGE), 0, 100, NETTXF_extra_info);
	tx_push(f);
	CHECK(closed_for("a frame without its end"));
	/* A ring full of nothing but beginnings. */
	CHECK(front_up(1, true));
	tx_put(f, gref(DATA_PAGE), 0, 100, NETTXF_extra_info);
	for (u32 i = 1; i < 256; i++)
		tx_extra(f, XEN_NETIF_EXTRA_TYPE_GSO, XEN_NETIF_EXTRA_FLAG_MORE, &info.u);
	tx_push(f);
	CHECK(closed_for("a frame without its end"));
	CHECK(front_up(1, true));
	for (u32 i = 0; i < 256; i++)
		tx_put(f, gref(DATA_PAGE), 0, i ? 0 : 100, NETTXF_more_data);
	tx_push(f);
	CHECK(closed_for("a frame without its end"));
	return true;
}

static bool unknown_extra(void)
{
	static const u8 types[] = {XEN_NETIF_EXTRA_TYPE_NONE, XEN_NETIF_EXTRA_TYPE_MAX, 255};
	struct netif_extra_info info = {0};

	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		CHECK(front_up(1, true));
		tx_put(f, gref(DATA_PAGE), 0, 100, NETTXF_extra_info);
		tx_extra(f, types[i], 0, &info.u);
		tx_push(f);
		CHECK(closed_for("extra information of type"));
	}
	return true;
}

static bool wrong_sizes(void)
{
	static const struct {
		u16 first, second;
		u16 offset;
		const char *why;
	} cases[] = {
		{100, 101, 0, "parts larger than the frame"},
		{10000, 100, 0, "9900 bytes at 0 of a page"},
		{5000, 4097, 0, "4097 bytes at 0 of a page"},
		{300, 100, 3997, "100 bytes at 3997 of a page"},
		{300, 100, 0xffff, "100 bytes at 65535 of a page"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CHECK(front_up(1, true));
		tx_put(f, gref(DATA_PAGE), 0, cases[i].first, NETTXF_more_data);
		tx_put(f, gref(DATA_PAGE + 1), cases[i].offset, cases[i].second, 0);
		tx_push(f);
		CHECK(closed_for(cases[i].why));
	}
	return true;
}

/* A buffer that is none is an error of the guest's frame; the next one comes. */
static bool bad_buffers(void)
{
	struct netif_extra_info gso;
	netif_rx_response_t r;
	u16 flags;
	size_t len;

	CHECK(front_up(1, true));
	readonly[BUF_PAGE] = true;
	packet_make(&pkt, 0, 5000, 1);
	RING_GET_REQUEST(&f->rx, 1)->gref = 0;
	rx_offer(f, 4);
	CHECK(peer_give(NULL, pkt.data, pkt.len));
	CHECK(rx_answer(f, &r) && r.status == NETIF_RSP_ERROR && r.flags & NETRXF_more_data);
	CHECK(rx_answer(f, &r) && r.status == (int)(pkt.len - 4096));
	CHECK(peer_give(NULL, pkt.data, pkt.len));
	CHECK(rx_frame(f, got, &len, &flags, &gso) && len == pkt.len);
	CHECK(maps == 2);
	board_turn();
	CHECK(!fail_reason[0]);
	return true;
}

/* The ring's page is its own buffer: the guest eats its own indices. */
static bool ring_as_buffer(void)
{
	CHECK(front_up(1, true));
	RING_GET_REQUEST(&f->rx, 0)->gref = gref(f->page + 1);
	f->rx.sring->req_prod = 1;
	board_notify(f->rx_port);
	memset(pkt.data, 0xee, 1000);
	CHECK(peer_give(NULL, pkt.data, 1000));
	board_wait_idle();
	board_notify(f->rx_port);
	CHECK(peer_give(NULL, pkt.data, 1000));
	CHECK(closed_for("receive ring 0"));
	return true;
}

/* Misbehaved while paused, or just before: told after the start. */
static bool fault_and_pause(void)
{
	CHECK(front_up(1, true));
	f->tx.sring->req_prod = 1000;
	board_notify(f->tx_port);
	board_wait_idle();
	device->stop(device);
	board_turn();
	CHECK(!fail_reason[0] && maps == 2);
	CHECK(!device->start(device));
	CHECK(closed_for("transmit ring 0"));
	/* A guest that is gone when it would be told does not harm the next. */
	CHECK(front_up(1, true));
	f->tx.sring->req_prod = 1000;
	board_notify(f->tx_port);
	board_wait_idle();
	board_restart();
	board_turn();
	CHECK(!fail_reason[0] && front_up(1, true));
	return true;
}

void run_hostile_tests(void)
{
	TEST(refused_frames);
	TEST(wild_tx_index);
	TEST(wild_rx_index);
	TEST(endless_frame);
	TEST(unknown_extra);
	TEST(wrong_sizes);
	TEST(bad_buffers);
	TEST(ring_as_buffer);
	TEST(fault_and_pause);
}
