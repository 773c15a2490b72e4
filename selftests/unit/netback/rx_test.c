// SPDX-License-Identifier: GPL-2.0
/* Frames for the guest. */
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "board.h"

static struct front *const f = &front[0];

static bool rx_one(void)
{
	struct netif_extra_info gso;
	struct device_stats before, after;
	u16 flags;
	size_t len;

	device->stats(device, &before);
	CHECK(front_up(1, true));
	rx_offer(f, 4);
	packet_make(&pkt, 0, 100, 1000);
	CHECK(peer_give(NULL, pkt.data, pkt.len));
	CHECK(rx_frame(f, got, &len, &flags, &gso));
	CHECK(len == pkt.len && !memcmp(got, pkt.data, len) && !flags && !gso.type);
	CHECK(front_rung(f->rx_port, 1) && !notified[f->tx_port] && maps == 2);
	device->stats(device, &after);
	CHECK(after.reads == before.reads + 1 && after.read_bytes == before.read_bytes + len);
	/* The far end has looked at the checksum already. */
	CHECK(peer_give(&(struct virtio_net_hdr){.flags = VIRTIO_NET_HDR_F_DATA_VALID}, pkt.data,
			pkt.len));
	CHECK(rx_frame(f, got, &len, &flags, &gso) && flags == NETRXF_data_validated);
	return true;
}

static struct virtio_net_hdr needs_csum(const struct packet *p)
{
	return (struct virtio_net_hdr){
		.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
		.csum_start = p->l4,
		.csum_offset = p->csum - p->l4,
	};
}

/* Puts the pseudo header's sum where the kernel would. */
static void seed(struct packet *p)
{
	struct netback_headers h;

	if (!netback_parse(p->data, p->len, &h))
		abort();
	netback_csum_seed(p->data, &h);
}

static bool rx_large(void)
{
	struct virtio_net_hdr hdr;
	struct netif_extra_info gso;
	u16 flags;
	size_t len;

	CHECK(front_up(1, true));
	for (u32 i = 0; i < 2; i++) {
		packet_make(&pkt, i ? PKT_IP6 : 0, 65000, 1000);
		seed(&pkt);
		hdr = needs_csum(&pkt);
		hdr.gso_type = i ? VIRTIO_NET_HDR_GSO_TCPV6 : VIRTIO_NET_HDR_GSO_TCPV4;
		hdr.gso_size = 1400 + i;
		CHECK(peer_give(&hdr, pkt.data, pkt.len));
		/* 16 pages, and a place for what says how it is cut. */
		rx_offer(f, 16);
		CHECK(rx_quiet(f));
		rx_offer(f, 1);
		CHECK(rx_frame(f, got, &len, &flags, &gso));
		CHECK(len == pkt.len && !memcmp(got, pkt.data, len));
		CHECK(flags == (NETRXF_csum_blank | NETRXF_data_validated | NETRXF_extra_info));
		CHECK(gso.type == XEN_NETIF_EXTRA_TYPE_GSO && gso.u.gso.size == 1400 + i);
		CHECK(gso.u.gso.type == (i ? XEN_NETIF_GSO_TYPE_TCPV6 : XEN_NETIF_GSO_TYPE_TCPV4));
	}
	return true;
}

static bool rx_checksums(void)
{
	static const struct {
		u32 kind;
		bool blank;
	} cases[] = {
		{0, true},
		{PKT_UDP, true},
		{PKT_IP6, false},
		{PKT_IP6 | PKT_UDP, false},
	};
	struct virtio_net_hdr hdr;
	struct device_stats before, after;
	struct netif_extra_info gso;
	u16 flags;
	size_t len;

	/* A front end that takes blank checksums of IPv4 alone. */
	front_features();
	front_unset("feature-ipv6-csum-offload");
	front_rings(1, true);
	CHECK(!board_connect());
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		rx_offer(f, 1);
		packet_make(&pkt, cases[i].kind, 501, 1000);
		seed(&pkt);
		hdr = needs_csum(&pkt);
		CHECK(peer_give(&hdr, pkt.data, pkt.len));
		CHECK(rx_frame(f, got, &len, &flags, &gso));
		CHECK(flags == (cases[i].blank ? NETRXF_csum_blank | NETRXF_data_validated : 0));
		if (cases[i].blank)
			packet_complete(got, len, &hdr);
		CHECK(packet_valid(got, len, &pkt));
	}
	/* Neither TCP nor UDP: no word for it in the ring, so it is completed. */
	rx_offer(f, 1);
	packet_make(&pkt, PKT_UDP, 501, 1000);
	seed(&pkt);
	hdr = needs_csum(&pkt);
	pkt.data[23] = IPPROTO_GRE;
	CHECK(peer_give(&hdr, pkt.data, pkt.len));
	CHECK(rx_frame(f, got, &len, &flags, &gso) && !flags);
	packet_complete(pkt.data, pkt.len, &hdr);
	CHECK(!memcmp(got, pkt.data, len));
	/* A header that makes no sense: lost, and the buffer is the next one's. */
	rx_offer(f, 1);
	device->stats(device, &before);
	hdr.csum_start = 5000;
	CHECK(peer_give(&hdr, pkt.data, pkt.len) && rx_quiet(f));
	device->stats(device, &after);
	CHECK(after.errors == before.errors + 1);
	CHECK(peer_give(NULL, pkt.data, pkt.len) && rx_frame(f, got, &len, &flags, &gso));
	return true;
}

/* The buffers of a whole frame are waited for; what is there is not touched. */
static bool rx_waits(void)
{
	struct virtio_net_hdr hdr;
	struct netif_extra_info gso;
	clock_t cpu;
	u32 requests;
	u16 flags;
	size_t len;

	front_features();
	front_unset("feature-ipv6-csum-offload");
	front_rings(1, true);
	CHECK(!board_connect());
	packet_make(&pkt, PKT_IP6, 10000, 1000);
	seed(&pkt);
	hdr = needs_csum(&pkt);
	for (requests = 0; requests < 3; requests++) {
		if (!requests)
			CHECK(peer_give(&hdr, pkt.data, pkt.len));
		CHECK(rx_quiet(f));
		/* One at a time: only the last of three is told. */
		rx_offer(f, 1);
	}
	CHECK(rx_frame(f, got, &len, &flags, &gso) && packet_valid(got, len, &pkt));
	CHECK(rx_quiet(f));
	/* Waiting costs nothing. */
	CHECK(peer_give(NULL, pkt.data, 60) && peer_give(NULL, pkt.data, 60));
	CHECK(rx_quiet(f));
	cpu = clock();
	usleep(100000);
	CHECK(clock() - cpu < CLOCKS_PER_SEC / 20);
	rx_offer(f, 2);
	CHECK(rx_frame(f, got, &len, &flags, &gso) && rx_frame(f, got, &len, &flags, &gso));
	/* What is too short for a frame is nothing. */
	CHECK(peer_give(NULL, pkt.data, 13) && rx_quiet(f));
	/* Nothing was lost meanwhile, and the order is kept. */
	for (u16 i = 0; i < 100; i++) {
		packet_make(&pkt, 0, 50, i);
		while (!peer_give(NULL, pkt.data, pkt.len))
			rx_offer(f, 1);
	}
	rx_offer(f, 120);
	for (u16 i = 0; i < 100; i++) {
		packet_make(&pkt, 0, 50, i);
		CHECK(rx_frame(f, got, &len, &flags, &gso) && len == pkt.len);
		CHECK(!memcmp(got, pkt.data, len));
	}
	return true;
}

static bool rx_without_notify(void)
{
	struct netif_extra_info gso;
	struct device_stats before, after;
	u16 flags;
	size_t len;

	front_features();
	front_unset("feature-rx-notify");
	front_rings(1, true);
	CHECK(!board_connect());
	device->stats(device, &before);
	packet_make(&pkt, 0, 50, 1);
	CHECK(peer_give(NULL, pkt.data, pkt.len) && rx_quiet(f));
	device->stats(device, &after);
	CHECK(after.errors == before.errors + 1);
	rx_offer(f, 1);
	packet_make(&pkt, 0, 50, 2);
	CHECK(peer_give(NULL, pkt.data, pkt.len));
	CHECK(rx_frame(f, got, &len, &flags, &gso) && !memcmp(got, pkt.data, len));
	return true;
}

/* Frames that the tap held for an earlier front end that could take more. */
static bool rx_too_much(void)
{
	struct virtio_net_hdr hdr = {.gso_type = VIRTIO_NET_HDR_GSO_TCPV4, .gso_size = 1000};
	struct netif_extra_info gso;
	struct device_stats before, after;
	u16 flags;
	size_t len;

	front_features();
	front_unset("feature-sg");
	front_rings(1, true);
	CHECK(!board_connect());
	rx_offer(f, 20);
	device->stats(device, &before);
	packet_make(&pkt, 0, 5000, 1);
	CHECK(peer_give(NULL, pkt.data, pkt.len));
	packet_make(&pkt, 0, 1500, 1);
	CHECK(peer_give(&hdr, pkt.data, pkt.len));
	hdr.gso_type = VIRTIO_NET_HDR_GSO_UDP;
	CHECK(peer_give(&hdr, pkt.data, pkt.len));
	CHECK(rx_quiet(f));
	device->stats(device, &after);
	CHECK(after.errors == before.errors + 3);
	CHECK(peer_give(NULL, pkt.data, pkt.len));
	CHECK(rx_frame(f, got, &len, &flags, &gso) && len == pkt.len);
	return true;
}

void run_rx_tests(void)
{
	TEST(rx_one);
	TEST(rx_large);
	TEST(rx_checksums);
	TEST(rx_waits);
	TEST(rx_without_notify);
	TEST(rx_too_much);
}
