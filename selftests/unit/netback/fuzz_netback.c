// SPDX-License-Identifier: GPL-2.0
/*
 * libFuzzer is the guest and the network: it puts requests and rubbish into the
 * rings, sends frames with any header through the port, reconnects. Whatever it
 * does, only the rings stay mapped, requests are answered in their places, and
 * no frame of impossible size leaves. The I/O thread's functions are called
 * from here, so that each input does the same each time.
 */
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "board.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

static struct netback *nb;
static const u8 *input;
static size_t left;

static u32 take(u32 bytes)
{
	u32 value = 0;

	for (u32 i = 0; i < bytes; i++) {
		value = value << 8 | (left ? *input++ : 0);
		left -= !!left;
	}
	return value;
}

static void make_card(void)
{
	board_create(NET_TAP);
	device->stop(device);
	nb = container_of(device, struct netback, device);
	nb->running = true;
}

static void connect_front(void)
{
	u32 features = take(1);

	store_clear();
	front_features();
	if (features & 1)
		front_unset("feature-sg");
	if (features & 2)
		front_unset("feature-ipv6-csum-offload");
	if (features & 4)
		front_unset("feature-rx-notify");
	if (features & 8)
		front_set("request-multicast-control", "1");
	if (features & 16)
		front_set("feature-no-csum-offload", "1");
	/* Now and then it is passt, as far as frames from the guest go. */
	nb->port.kind = features & 32 ? NET_PASST : NET_TAP;
	ring_start = features & 64 ? 0xfffffff0 : 0;
	front_rings(features & 128 ? 2 : 1, true);
	if (board_connect())
		abort();
}

static struct front *some_front(u32 pick)
{
	return &front[pick % nb->front.queues];
}

static void put_requests(void)
{
	u32 how = take(1);
	struct front *q = some_front(how >> 7);

	for (u32 n = how % 32; n; n--) {
		u16 flags = take(1);
		u32 page = take(1);
		u16 size = flags & 0x10 ? take(2) : take(1) * 8;

		if (flags & 0x20) {
			struct netif_extra_info info = {0};

			for (u32 i = 0; i < 3; i++)
				info.u.pad[i] = take(1);
			tx_extra(q, flags & 7, flags >> 7, &info.u);
		} else {
			tx_put(q, gref(DATA_PAGE + page) - (flags & 0x40 ? DATA_PAGE + 100 : 0),
			       flags & 0x80 ? take(2) : 0, size, flags & 0xf);
		}
	}
	RING_PUSH_REQUESTS(&q->tx);
}

/* A packet where requests usually find one, maybe bent. */
static void put_packet(void)
{
	u32 page = DATA_PAGE + take(1) % 8;

	packet_make(&pkt, take(1) % 16, take(2) % 3000, 1);
	memcpy(guest[page], pkt.data, min_t(size_t, pkt.len, GUEST_PAGE_SIZE));
	for (u32 n = take(1) % 4; n; n--)
		guest[page][take(1)] = take(1);
}

static void give_frame(void)
{
	u32 how = take(1);
	struct virtio_net_hdr hdr = {0};

	packet_make(&pkt, how % 16, how & 16 ? take(2) % 60000 : take(1), take(1));
	if (how & 32)
		hdr = (struct virtio_net_hdr){
			.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
			.csum_start = pkt.l4,
			.csum_offset = pkt.csum - pkt.l4,
		};
	if (how & 64) {
		hdr.gso_type = take(1);
		hdr.gso_size = 1400;
	}
	if (how & 128) {
		hdr.csum_start = take(2);
		hdr.csum_offset = take(2);
		pkt.data[take(1)] = take(1);
	}
	peer_give(&hdr, pkt.data, pkt.len);
}

static void scribble(void)
{
	u32 how = take(1);
	u8 *page = guest[some_front(how >> 7)->page + how % 2];

	for (u32 n = how / 2 % 16; n; n--)
		page[take(2) % GUEST_PAGE_SIZE] = take(1);
}

static void drain_peer(void)
{
	ssize_t n;

	while ((n = recv(peer, got, sizeof(got), MSG_DONTWAIT)) > 0) {
		if (n < ETHERPORT_FRAME_MIN)
			abort();
	}
}

static void check(void)
{
	u32 rings = nb->connected ? 2 * nb->front.queues : 0;

	if (maps != rings || bound != rings)
		abort();
	for (u32 i = 0; nb->connected && i < nb->front.queues; i++) {
		if (nb->queue[i].tx.rsp_prod_pvt != nb->queue[i].tx.req_cons ||
		    nb->queue[i].rx.rsp_prod_pvt != nb->queue[i].rx.req_cons)
			abort();
	}
	if (nb->tx_len && (nb->tx_len < ETHERPORT_FRAME_MIN || nb->tx_len > XEN_NETIF_MAX_TX_SIZE))
		abort();
}

static void act(u32 op)
{
	switch (op % 8) {
	case 0:
		put_requests();
		break;
	case 1:
		put_packet();
		break;
	case 2:
		give_frame();
		break;
	case 3:
		scribble();
		break;
	case 4:
		rx_offer(some_front(op >> 7), take(1) % 40);
		break;
	case 5:
		drain_peer();
		break;
	case 6:
		board_disconnect();
		connect_front();
		break;
	case 7:
		readonly[BUF_PAGE + op / 8] ^= true;
		break;
	}
	if (netback_live(nb))
		netback_transmit(nb);
	if (netback_live(nb))
		netback_receive(nb);
	check();
	board_turn();
	check();
	if (!nb->connected)
		connect_front();
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	if (!nb)
		make_card();
	input = data;
	left = size;
	connect_front();
	while (left)
		act(take(1));
	board_disconnect();
	drain_peer();
	while (recv(nb->port.fd, got, sizeof(got), MSG_DONTWAIT) > 0)
		;
	memset(readonly, 0, sizeof(readonly));
	for (u32 i = 0; i < GUEST_PAGES; i++)
		memset(guest[i], 0, i < BUF_PAGE ? GUEST_PAGE_SIZE : 0);
	return 0;
}
