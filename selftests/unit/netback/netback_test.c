// SPDX-License-Identifier: GPL-2.0
/*
 * The network back end as front ends see it. On the workstation, under
 * sanitizers; prints TAP.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "board.h"
#include "xen/backends.h"

static int tests, failures;
static struct front *const f = &front[0];

void run_test(const char *name, bool (*fn)(void))
{
	bool ok = fn();

	printf("%sok %d netback: %s\n", ok ? "" : "not ", ++tests, name);
	failures += !ok;
	ring_start = 0;
	for (u32 i = 0; i < GUEST_PAGES; i++)
		readonly[i] = false;
	board_restart();
}

/* ------------------------------------------------------------ the handshake */

static bool is(const char *text, const char *expected)
{
	if (text && !strcmp(text, expected))
		return true;
	printf("# '%s' instead of '%s'\n", text ? text : "(none)", expected);
	return false;
}

static bool advertises(void)
{
	CHECK(device->kind == DEVICE_NET && !strcmp(device->name, "vif0"));
	CHECK(!strcmp(xenbus->type, "vif") && xenbus->id == 0);
	CHECK(is(front_get("mac"), "00:16:3e:01:02:03") && is(front_get("handle"), "0"));
	CHECK(is(front_get("mtu"), "9000"));
	CHECK(is(back_get("feature-sg"), "1") && is(back_get("feature-rx-copy"), "1"));
	CHECK(is(back_get("feature-rx-flip"), "0"));
	CHECK(is(back_get("feature-gso-tcpv4"), "1") && is(back_get("feature-gso-tcpv6"), "1"));
	CHECK(is(back_get("feature-ipv6-csum-offload"), "1"));
	CHECK(is(back_get("feature-multicast-control"), "1"));
	CHECK(is(back_get("feature-split-event-channels"), "1"));
	CHECK(is(back_get("multi-queue-max-queues"), "4") && is(back_get("carrier"), "1"));
	CHECK(!back_get("feature-ctrl-ring"));
	return true;
}

static bool refused_for(const char *why)
{
	if (board_connect() && strstr(fail_reason, why) && !maps && !bound)
		return true;
	printf("# expected '%s', got '%s'; %lld maps, %u bound\n", why, fail_reason,
	       (long long)maps, bound);
	return false;
}

static bool refusals(void)
{
	front_features();
	front_rings(1, true);
	front_set("request-rx-copy", "0");
	CHECK(refused_for("request-rx-copy"));
	front_unset("request-rx-copy");
	CHECK(refused_for("request-rx-copy"));
	front_set("request-rx-copy", "yes");
	CHECK(refused_for("no number"));
	front_set("request-rx-copy", "1");
	front_set("multi-queue-num-queues", "0");
	CHECK(refused_for("0 queues"));
	front_set("multi-queue-num-queues", "5");
	CHECK(refused_for("5 queues"));
	/* Two queues, but what there is belongs to one. */
	front_set("multi-queue-num-queues", "2");
	CHECK(refused_for("tx-ring-ref of queue 0"));
	front_unset("multi-queue-num-queues");
	front_set("tx-ring-ref", "0");
	CHECK(refused_for("no grant"));
	front_set("tx-ring-ref", "%u", gref(GUEST_PAGES));
	CHECK(refused_for("no grant"));
	front_set("tx-ring-ref", "%u", gref(0));
	readonly[1] = true;
	CHECK(refused_for("rx-ring-ref of queue 0"));
	readonly[1] = false;
	front_unset("rx-ring-ref");
	CHECK(refused_for("rx-ring-ref of queue 0 is missing"));
	front_set("rx-ring-ref", "%u", gref(1));
	front_set("event-channel-rx", "%u", PORT_TAKEN);
	CHECK(refused_for("event channel 15"));
	front_set("event-channel-rx", "77");
	CHECK(refused_for("event channel 77"));
	front_unset("event-channel-rx");
	CHECK(refused_for("event-channel of queue 0"));
	/* Half a multi-queue set-up: the second queue is missing. */
	front_rings(1, true);
	front_rings(2, true);
	front_unset("queue-1/rx-ring-ref");
	CHECK(refused_for("rx-ring-ref of queue 1"));
	front_set("queue-1/rx-ring-ref", "%u", gref(3));
	CHECK(!board_connect() && maps == 4 && bound == 4);
	board_disconnect();
	CHECK(!maps && !bound);
	return true;
}

static bool offloads(void)
{
	static const struct {
		const char *key;
		const char *value;
		unsigned int flags;
	} cases[] = {
		{NULL, NULL, TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6},
		{"feature-gso-tcpv6", "0", TUN_F_CSUM | TUN_F_TSO4},
		{"feature-ipv6-csum-offload", "0", TUN_F_CSUM | TUN_F_TSO4},
		{"feature-gso-tcpv4", "0", TUN_F_CSUM | TUN_F_TSO6},
		{"feature-no-csum-offload", "1", TUN_F_CSUM | TUN_F_TSO6},
		{"feature-sg", "0", TUN_F_CSUM},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		store_clear();
		front_features();
		front_rings(1, false);
		if (cases[i].key)
			front_set(cases[i].key, "%s", cases[i].value);
		CHECK(!board_connect());
		if (tap_offloads != cases[i].flags) {
			printf("# case %zu: %x\n", i, tap_offloads);
			return false;
		}
		board_disconnect();
		CHECK(!tap_offloads);
	}
	front_set("feature-no-csum-offload", "1");
	front_set("feature-ipv6-csum-offload", "0");
	CHECK(!board_connect() && !tap_offloads);
	board_disconnect();
	tap_refuses = true;
	CHECK(refused_for("offloads"));
	tap_refuses = false;
	return true;
}

/* A boot loader's single event channel is still in xenstore. */
static bool stale_channel(void)
{
	front_features();
	front_rings(1, true);
	front_set("event-channel", "%u", PORT_TAKEN);
	CHECK(!board_connect() && bound == 2);
	return true;
}

/* ------------------------------------------------------------ both directions */

static bool multicast(void)
{
	struct netif_extra_info info = {.u.mcast.addr = {1, 0, 0x5e, 1, 2, 3}};
	struct netif_extra_info gso;
	u16 flags;
	size_t len;

	front_features();
	front_set("request-multicast-control", "1");
	front_rings(1, true);
	CHECK(!board_connect());
	rx_offer(f, 20);
	packet_make(&pkt, PKT_UDP, 50, 1);
	memcpy(pkt.data, info.u.mcast.addr, 6);
	CHECK(peer_give(NULL, pkt.data, pkt.len) && rx_quiet(f));
	memset(pkt.data, 0xff, 6);
	CHECK(peer_give(NULL, pkt.data, pkt.len) && rx_frame(f, got, &len, &flags, &gso));
	/* Added: it comes; deleted: no more. */
	tx_put(f, 0, 0, 0, NETTXF_extra_info);
	tx_extra(f, XEN_NETIF_EXTRA_TYPE_MCAST_ADD, 0, &info.u);
	tx_push(f);
	CHECK(tx_answers(f, 1, NETIF_RSP_OKAY) && tx_answers(f, 1, NETIF_RSP_NULL));
	memcpy(pkt.data, info.u.mcast.addr, 6);
	CHECK(peer_give(NULL, pkt.data, pkt.len) && rx_frame(f, got, &len, &flags, &gso));
	tx_put(f, 0, 0, 0, NETTXF_extra_info);
	tx_extra(f, XEN_NETIF_EXTRA_TYPE_MCAST_DEL, 0, &info.u);
	tx_push(f);
	CHECK(tx_answers(f, 1, NETIF_RSP_OKAY) && tx_answers(f, 1, NETIF_RSP_NULL));
	CHECK(peer_give(NULL, pkt.data, pkt.len) && rx_quiet(f));
	/* What is not there cannot be deleted, and the list has an end. */
	tx_put(f, 0, 0, 0, NETTXF_extra_info);
	tx_extra(f, XEN_NETIF_EXTRA_TYPE_MCAST_DEL, 0, &info.u);
	tx_push(f);
	CHECK(tx_answers(f, 1, NETIF_RSP_ERROR) && tx_answers(f, 1, NETIF_RSP_NULL));
	for (u32 i = 0; i <= NETBACK_MCAST_MAX; i++) {
		info.u.mcast.addr[5] = i;
		tx_put(f, 0, 0, 0, NETTXF_extra_info);
		tx_extra(f, XEN_NETIF_EXTRA_TYPE_MCAST_ADD, 0, &info.u);
		tx_push(f);
		CHECK(tx_answers(f, 1, i < NETBACK_MCAST_MAX ? NETIF_RSP_OKAY : NETIF_RSP_ERROR));
		CHECK(tx_answers(f, 1, NETIF_RSP_NULL));
	}
	CHECK(peer_quiet());
	/* Without the request, all comes. */
	board_disconnect();
	front_unset("request-multicast-control");
	CHECK(front_up(1, true));
	rx_offer(f, 1);
	CHECK(peer_give(NULL, pkt.data, pkt.len) && rx_frame(f, got, &len, &flags, &gso));
	return true;
}

static bool queues(void)
{
	u32 count[NETBACK_QUEUES_MAX] = {0}, used = 0;
	struct virtio_net_hdr hdr;
	struct netif_extra_info gso;
	u16 flags;
	size_t len;

	CHECK(front_up(4, true) && maps == 8 && bound == 8);
	for (u32 i = 0; i < 4; i++) {
		packet_make(&pkt, 0, 50 + i, i);
		tx_frame(&front[i], pkt.data, pkt.len, 0);
		tx_push(&front[i]);
		CHECK(tx_answers(&front[i], 1, NETIF_RSP_OKAY));
		CHECK(peer_take(&hdr, got, &len) && !memcmp(got, pkt.data, len));
		CHECK(front_rung(front[i].tx_port, 1));
		rx_offer(&front[i], 200);
	}
	/* 64 connections, twice each: spread, and both in one place. */
	for (u32 i = 0; i < 64; i++) {
		u32 at;

		packet_make(&pkt, i % 2 ? PKT_IP6 : 0, 50, 40000 + i);
		for (u32 k = 0; k < 2; k++)
			CHECK(peer_give(NULL, pkt.data, pkt.len));
		at = rx_where(4, 2);
		CHECK(at < 4);
		for (u32 k = 0; k < 2; k++)
			CHECK(rx_frame(&front[at], got, &len, &flags, &gso));
		count[at]++;
	}
	for (u32 i = 0; i < 4; i++)
		used += count[i] >= 4;
	CHECK(used == 4);
	/* What is no IP comes by the first. */
	packet_make(&pkt, 0, 50, 0);
	pkt.data[12] = 0x99;
	CHECK(peer_give(NULL, pkt.data, pkt.len));
	CHECK(rx_frame(&front[0], got, &len, &flags, &gso));
	return true;
}

/* Paused, nothing moves and no one is notified; then all goes on. */
static bool pauses(void)
{
	struct virtio_net_hdr hdr;
	struct netif_extra_info gso;
	u16 flags;
	size_t len;

	CHECK(front_up(1, true));
	device->stop(device);
	packet_make(&pkt, 0, 50, 7);
	rx_offer(f, 1);
	tx_frame(f, pkt.data, pkt.len, 0);
	tx_push(f);
	CHECK(peer_give(NULL, pkt.data, pkt.len));
	CHECK(rx_quiet(f) && peer_quiet() && f->tx.sring->rsp_prod == 0);
	CHECK(!notified[f->tx_port] && !notified[f->rx_port]);
	CHECK(!device->start(device));
	CHECK(tx_answers(f, 1, NETIF_RSP_OKAY) && peer_take(&hdr, got, &len));
	CHECK(rx_frame(f, got, &len, &flags, &gso));
	return true;
}

/* What was put into the rings before anybody listened. */
static bool early_requests(void)
{
	struct virtio_net_hdr hdr;
	size_t len;

	board_wait_idle();
	front_features();
	front_rings(1, true);
	packet_make(&pkt, 0, 50, 7);
	tx_frame(f, pkt.data, pkt.len, 0);
	tx_push(f);
	CHECK(!board_connect());
	CHECK(tx_answers(f, 1, NETIF_RSP_OKAY) && peer_take(&hdr, got, &len));
	return true;
}

/* A frame that has been taken and could not be sent goes with its front end. */
static bool forgotten_frame(void)
{
	struct virtio_net_hdr hdr;
	u32 taken, seen = 0;
	size_t len;

	CHECK(front_up(1, true));
	packet_make(&pkt, 0, 3000, 7);
	for (u32 i = 0; i < 150; i++)
		tx_frame(f, pkt.data, pkt.len, 0);
	tx_push(f);
	board_wait_idle();
	taken = f->tx.sring->rsp_prod;
	CHECK(taken > 2 && taken < 150);
	board_disconnect();
	store_clear();
	CHECK(front_up(1, true));
	while (!peer_quiet())
		seen += peer_take(&hdr, got, &len);
	CHECK(seen == taken - 1);
	return true;
}

static bool reconnect(void)
{
	struct virtio_net_hdr hdr;
	struct netif_extra_info gso;
	u16 flags;
	size_t len;

	/* Indices that wrap on the way. */
	for (u32 i = 0; i < 4; i++) {
		ring_start = i ? 0u - 5 * i : 0;
		CHECK(front_up(1 + i % 2, i / 2));
		rx_offer(f, 20);
		for (u32 k = 0; k < 20; k++) {
			packet_make(&pkt, 0, 50, 40000);
			tx_frame(f, pkt.data, pkt.len, 0);
			tx_push(f);
			CHECK(tx_answers(f, 1, NETIF_RSP_OKAY) && peer_take(&hdr, got, &len));
			pkt.data[12] = 0x99;
			CHECK(peer_give(NULL, pkt.data, pkt.len));
			CHECK(rx_frame(f, got, &len, &flags, &gso));
		}
		/* With something on its way in each direction. */
		tx_frame(f, pkt.data, pkt.len, 0);
		tx_push(f);
		board_disconnect();
		CHECK(!maps && !bound);
		while (!peer_quiet())
			peer_take(&hdr, got, &len);
		store_clear();
	}
	return true;
}

/* ------------------------------------------------------------ special cards */

static bool rate_limit(void)
{
	struct virtio_net_hdr hdr;
	size_t len;
	u64 start;

	CHECK(front_up(1, true));
	packet_make(&pkt, 0, 950, 7);
	start = loop_now_ns();
	for (u32 i = 0; i < 40; i++) {
		tx_frame(f, pkt.data, pkt.len, 0);
		tx_push(f);
		CHECK(tx_answers(f, 1, NETIF_RSP_OKAY) && peer_take(&hdr, got, &len));
	}
	/* 40 KB at 100 KB/s, of which 5 KB may go at once. */
	start = loop_now_ns() - start;
	CHECK(start > 280 * 1000000ULL && start < 2 * NSEC_PER_SEC);
	/* The pause ends the timer, and the start looks again. */
	for (u32 i = 0; i < 10; i++)
		tx_frame(f, pkt.data, pkt.len, 0);
	tx_push(f);
	board_wait_idle();
	device->stop(device);
	usleep(50000);
	while (!peer_quiet())
		peer_take(&hdr, got, &len);
	usleep(50000);
	CHECK(peer_quiet() && !device->start(device));
	CHECK(tx_answers(f, 10, NETIF_RSP_OKAY));
	return true;
}

static bool stream_read(u8 *buf, size_t len)
{
	struct pollfd p = {.fd = peer, .events = POLLIN};
	size_t done = 0;

	while (done < len) {
		ssize_t n = poll(&p, 1, 2000) == 1 ? read(peer, buf + done, len - done) : 0;

		if (n <= 0)
			return false;
		done += n;
	}
	return true;
}

/* passt: no header, so nothing is left blank in either direction. */
static bool passt(void)
{
	struct netif_extra_info info = {.u.gso = {.size = 1448, .type = XEN_NETIF_GSO_TYPE_TCPV4}};
	struct netif_extra_info gso;
	u16 flags;
	size_t len;
	u32 prefix;

	CHECK(is(back_get("feature-gso-tcpv4"), "0") && is(back_get("feature-gso-tcpv6"), "0"));
	tap_offloads = 99;
	CHECK(front_up(1, true) && tap_offloads == 99);
	for (u32 i = 0; i < 2; i++) {
		packet_make(&pkt, i ? PKT_IP6 : PKT_UDP, 5000, 7);
		tx_frame(f, pkt.data, pkt.len, NETTXF_csum_blank);
		tx_push(f);
		CHECK(tx_answers(f, 2, NETIF_RSP_OKAY));
		CHECK(stream_read((u8 *)&prefix, 4) && ntohl(prefix) == pkt.len);
		CHECK(stream_read(got, pkt.len) && packet_valid(got, pkt.len, &pkt));
	}
	/* A UDP checksum of zero would mean that there is none. */
	packet_make(&pkt, PKT_UDP, 100, 7);
	memset(pkt.data + pkt.len - 2, 0, 2);
	tx_frame(f, pkt.data, pkt.len, NETTXF_csum_blank);
	tx_push(f);
	CHECK(tx_answers(f, 1, NETIF_RSP_OKAY) && stream_read(got, 4 + pkt.len));
	memcpy(pkt.data + pkt.len - 2, got + 4 + pkt.csum, 2);
	tx_frame(f, pkt.data, pkt.len, NETTXF_csum_blank);
	tx_push(f);
	CHECK(tx_answers(f, 1, NETIF_RSP_OKAY) && stream_read(got, 4 + pkt.len));
	CHECK(!memcmp(got + 4 + pkt.csum, "\xff\xff", 2));
	packet_make(&pkt, 0, 3000, 7);
	tx_frame(f, pkt.data, pkt.len, NETTXF_csum_blank | NETTXF_extra_info);
	tx_extra(f, XEN_NETIF_EXTRA_TYPE_GSO, 0, &info.u);
	tx_push(f);
	CHECK(tx_answers(f, 1, NETIF_RSP_ERROR) && tx_answers(f, 1, NETIF_RSP_NULL));
	/* More than the stream takes, in parts that do not end with frames. */
	for (u32 i = 0; i < 12; i++) {
		memset(pkt.data, i, 60000);
		tx_frame(f, pkt.data, 60000, 0);
		tx_push(f);
		if (i < 2)
			CHECK(tx_answers(f, 15, NETIF_RSP_OKAY));
		else
			usleep(5000);
	}
	for (u32 i = 0; i < 12; i++) {
		CHECK(stream_read((u8 *)&prefix, 4) && ntohl(prefix) == 60000);
		CHECK(stream_read(got, 60000) && got[0] == i && got[59999] == i);
	}
	CHECK(tx_answers(f, 150, NETIF_RSP_OKAY));
	packet_make(&pkt, 0, 3000, 7);
	/* More frames at once than a turn's. */
	rx_offer(f, 200);
	prefix = htonl(60);
	for (u32 i = 0; i < 150; i++) {
		memcpy(got + i * 64, &prefix, 4);
		memset(got + i * 64 + 4, i, 60);
	}
	CHECK(write(peer, got, 150 * 64) == 150 * 64);
	for (u32 i = 0; i < 150; i++)
		CHECK(rx_frame(f, got, &len, &flags, &gso) && len == 60 && got[0] == i);
	/* Two frames, then one in two halves. */
	prefix = htonl(pkt.len);
	for (u32 i = 0; i < 2; i++)
		CHECK(write(peer, &prefix, 4) == 4 &&
		      write(peer, pkt.data, pkt.len) == (ssize_t)pkt.len);
	for (u32 i = 0; i < 2; i++)
		CHECK(rx_frame(f, got, &len, &flags, &gso) && !memcmp(got, pkt.data, len));
	CHECK(write(peer, &prefix, 4) == 4 && write(peer, pkt.data, 1000) == 1000 && rx_quiet(f));
	CHECK(write(peer, pkt.data + 1000, pkt.len - 1000) > 0);
	CHECK(rx_frame(f, got, &len, &flags, &gso) && !memcmp(got, pkt.data, len));
	return true;
}

/* passt ends: the front end is told that the link is down, and lives on. */
static bool link_down(void)
{
	CHECK(front_up(1, true) && is(back_get("carrier"), "1"));
	shutdown(peer, SHUT_RDWR);
	board_wait_idle();
	board_turn();
	CHECK(is(back_get("carrier"), "0") && !fail_reason[0]);
	packet_make(&pkt, 0, 100, 7);
	tx_frame(f, pkt.data, pkt.len, 0);
	tx_push(f);
	CHECK(tx_answers(f, 1, NETIF_RSP_OKAY));
	board_restart();
	CHECK(is(back_get("carrier"), "0"));
	return true;
}

/* A frame longer than any: whatever follows cannot be told apart. */
static bool broken_stream(void)
{
	u32 prefix = htonl(100000);

	CHECK(front_up(1, true) && is(back_get("carrier"), "1"));
	CHECK(write(peer, &prefix, 4) == 4);
	board_wait_idle();
	board_turn();
	CHECK(is(back_get("carrier"), "0") && !fail_reason[0]);
	return true;
}

/* A card that cannot be told to the guest is not started; the next try may. */
static bool no_bus(void)
{
	device->stop(device);
	device->reset(device);
	no_xenbus = true;
	CHECK(device->start(device) == -ENOMEM);
	no_xenbus = false;
	CHECK(!device->start(device) && !device->start(device));
	CHECK(is(front_get("handle"), "0"));
	return true;
}

static bool no_port(void)
{
	struct config_vif *vif = &vm.cfg.vifs[1];
	struct device *before = device;

	strcpy(vif->ifname, "taken");
	CHECK(netback_create(&vm, vif) == -EPERM && device == before);
	return true;
}

int main(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	printf("TAP version 13\n");
	card_cfg->mtu = 9000;
	board_create(NET_TAP);
	TEST(advertises);
	TEST(refusals);
	TEST(offloads);
	TEST(stale_channel);
	run_tx_tests();
	run_rx_tests();
	TEST(multicast);
	TEST(queues);
	TEST(pauses);
	TEST(early_requests);
	TEST(forgotten_frame);
	TEST(reconnect);
	TEST(no_port);
	TEST(no_bus);
	run_hostile_tests();
	board_destroy();

	card_cfg->rate = 100000;
	board_create(NET_TAP);
	TEST(rate_limit);
	board_destroy();
	card_cfg->rate = 0;

	board_create(NET_PASST);
	TEST(passt);
	TEST(link_down);
	board_destroy();

	board_create(NET_PASST);
	TEST(broken_stream);
	board_destroy();
	printf("1..%d\n", tests);
	return failures != 0;
}
