// SPDX-License-Identifier: GPL-2.0
/* Frames from the guest. */
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "board.h"

static struct front *const f = &front[0];

static bool tx_one(void)
{
	struct virtio_net_hdr hdr, zero = {0};
	struct device_stats before, after;
	size_t len;

	device->stats(device, &before);
	CHECK(front_up(1, true));
	packet_make(&pkt, 0, 100, 1000);
	memcpy(guest[DATA_PAGE] + 700, pkt.data, pkt.len);
	tx_put(f, gref(DATA_PAGE), 700, pkt.len, 0);
	/* The guest may write to what it has sent as soon as it is answered. */
	readonly[DATA_PAGE] = true;
	tx_push(f);
	CHECK(tx_answers(f, 1, NETIF_RSP_OKAY));
	memset(guest[DATA_PAGE], 0xee, GUEST_PAGE_SIZE);
	CHECK(peer_take(&hdr, got, &len));
	CHECK(len == pkt.len && !memcmp(got, pkt.data, len) && !memcmp(&hdr, &zero, sizeof(hdr)));
	CHECK(front_rung(f->tx_port, 1) && !notified[f->rx_port]);
	device->stats(device, &after);
	CHECK(after.writes == before.writes + 1 && after.errors == before.errors);
	CHECK(after.write_bytes == before.write_bytes + len);
	CHECK(maps == 2);
	return true;
}

static bool tx_parts(void)
{
	struct virtio_net_hdr hdr;
	u8 *want = pkt.data;
	size_t len = 0;

	CHECK(front_up(1, false));
	/* As many parts as must be taken, some of them empty, at odd places. */
	for (u32 i = 0; i < XEN_NETIF_NR_SLOTS_MIN; i++) {
		u32 part = i == 5 ? 0 : 100 + i;

		memset(guest[DATA_PAGE + i], 0x10 + i, GUEST_PAGE_SIZE);
		memset(want + len, 0x10 + i, part);
		len += part;
	}
	for (u32 i = 0; i < XEN_NETIF_NR_SLOTS_MIN; i++) {
		u32 part = i == 5 ? 0 : 100 + i;
		bool more = i + 1 < XEN_NETIF_NR_SLOTS_MIN;

		tx_put(f, gref(DATA_PAGE + i), GUEST_PAGE_SIZE - part, i ? part : len,
		       more ? NETTXF_more_data : 0);
	}
	tx_push(f);
	CHECK(tx_answers(f, XEN_NETIF_NR_SLOTS_MIN, NETIF_RSP_OKAY));
	pkt.len = len;
	CHECK(peer_take(&hdr, got, &len) && len == pkt.len && !memcmp(got, want, len));
	/* The largest there is. */
	memset(want, 0x77, XEN_NETIF_MAX_TX_SIZE);
	tx_frame(f, want, XEN_NETIF_MAX_TX_SIZE, 0);
	tx_push(f);
	CHECK(tx_answers(f, 16, NETIF_RSP_OKAY));
	CHECK(peer_take(&hdr, got, &len) && len == XEN_NETIF_MAX_TX_SIZE);
	CHECK(!memcmp(got, want, len));
	return true;
}

static bool tx_many(void)
{
	struct virtio_net_hdr hdr;
	size_t len;

	CHECK(front_up(1, true));
	/* More than a turn's worth and more than the socket takes at once. */
	for (u32 round = 0; round < 3; round++) {
		for (u32 i = 0; i < 256; i++) {
			guest[DATA_PAGE + i % 128][0] = i % 128;
			tx_put(f, gref(DATA_PAGE + i % 128), 0, 1000, 0);
		}
		tx_push(f);
		for (u32 i = 0; i < 256; i++) {
			CHECK(peer_take(&hdr, got, &len) && len == 1000);
			CHECK(got[0] == i % 128);
		}
		CHECK(tx_answers(f, 256, NETIF_RSP_OKAY));
	}
	CHECK(peer_quiet());
	return true;
}

static bool tx_checksums(void)
{
	static const u32 kinds[] = {
		0,	     PKT_UDP,
		PKT_IP6,     PKT_IP6 | PKT_UDP,
		PKT_VLAN,    PKT_IP6 | PKT_VLAN,
		PKT_OPTIONS, PKT_IP6 | PKT_OPTIONS,
	};
	struct virtio_net_hdr hdr;
	size_t len;

	CHECK(front_up(1, true));
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		packet_make(&pkt, kinds[i], 777 + i, 1000);
		tx_frame(f, pkt.data, pkt.len, NETTXF_csum_blank | NETTXF_data_validated);
		tx_push(f);
		CHECK(tx_answers(f, 1, NETIF_RSP_OKAY));
		CHECK(peer_take(&hdr, got, &len) && len == pkt.len);
		if (hdr.flags != VIRTIO_NET_HDR_F_NEEDS_CSUM || hdr.csum_start != pkt.l4 ||
		    hdr.csum_start + hdr.csum_offset != (int)pkt.csum || hdr.gso_type) {
			printf("# kind %zu: start %u, offset %u\n", i, hdr.csum_start,
			       hdr.csum_offset);
			return false;
		}
		packet_complete(got, len, &hdr);
		CHECK(packet_valid(got, len, &pkt));
	}
	return true;
}

/* A frame padded to Ethernet's minimum: the padding is not in the checksum. */
static bool tx_padded(void)
{
	struct virtio_net_hdr hdr;
	size_t len;

	CHECK(front_up(1, true));
	packet_make(&pkt, PKT_UDP, 1, 1000);
	memcpy(got, pkt.data, pkt.len);
	memset(got + pkt.len, 0, 60 - pkt.len);
	tx_frame(f, got, 60, NETTXF_csum_blank);
	tx_push(f);
	CHECK(tx_answers(f, 1, NETIF_RSP_OKAY) && peer_take(&hdr, got, &len) && len == 60);
	packet_complete(got, len, &hdr);
	CHECK(packet_valid(got, pkt.len, &pkt));
	return true;
}

/* A blank checksum whose place cannot be found: refused, and no more. */
static bool tx_unknown_checksum(void)
{
	static const struct {
		u32 kind;
		u32 at;
		u8 value;
	} spoil[] = {
		{0, 12, 0x99},			  /* no IP */
		{0, 14, 0x55},			  /* version 5 */
		{0, 14, 0x44},			  /* a header of 16 bytes */
		{0, 14, 0x4f},			  /* a header longer than the packet */
		{0, 16, 0xff},			  /* a packet longer than the frame */
		{0, 17, 3},			  /* shorter than its header */
		{0, 20, 0x20},			  /* a fragment */
		{0, 21, 1},			  /* another one */
		{0, 23, IPPROTO_ICMP},		  /* neither TCP nor UDP */
		{0, 14 + 20 + 12, 0x40},	  /* a TCP header of 16 bytes */
		{0, 14 + 20 + 12, 0xf0},	  /* one longer than the packet */
		{PKT_UDP, 17, 20 + 7},		  /* a UDP header of 7 bytes */
		{PKT_VLAN, 14, 0x88},		  /* fine: only a tag's number */
		{PKT_IP6, 14, 0x50},		  /* version 5 */
		{PKT_IP6, 18, 0xff},		  /* a packet longer than the frame */
		{PKT_IP6, 20, IPPROTO_ROUTING},	  /* another destination */
		{PKT_IP6, 20, IPPROTO_FRAGMENT},  /* a fragment */
		{PKT_IP6, 20, IPPROTO_DSTOPTS},	  /* options that are none */
		{PKT_IP6 | PKT_OPTIONS, 55, 255}, /* options longer than the packet */
	};

	CHECK(front_up(1, true));
	for (size_t i = 0; i < ARRAY_SIZE(spoil); i++) {
		bool fine = spoil[i].kind & PKT_VLAN;

		packet_make(&pkt, spoil[i].kind, 10, 1000);
		pkt.data[spoil[i].at] = spoil[i].value;
		tx_frame(f, pkt.data, pkt.len, NETTXF_csum_blank);
		tx_push(f);
		if (!tx_answers(f, 1, fine ? NETIF_RSP_OKAY : NETIF_RSP_ERROR)) {
			printf("# case %zu\n", i);
			return false;
		}
		CHECK(peer_quiet() == !fine);
		if (fine)
			CHECK(read(peer, got, sizeof(got)) > 0);
	}
	/* A frame that ends in the middle of each header. */
	for (u32 kind = 0; kind < 16; kind++) {
		packet_make(&pkt, kind, 0, 1000);
		for (size_t len = ETHERPORT_FRAME_MIN; len < pkt.len; len++) {
			tx_frame(f, pkt.data, len, NETTXF_csum_blank);
			tx_push(f);
			CHECK(tx_answers(f, 1, NETIF_RSP_ERROR));
		}
	}
	/* Tags upon tags. */
	packet_make(&pkt, PKT_VLAN, 100, 1000);
	for (u32 at = 12; at < 60; at += 4)
		memcpy(pkt.data + at, "\x81\x00\x00\x05", 4);
	tx_frame(f, pkt.data, pkt.len, NETTXF_csum_blank);
	tx_push(f);
	CHECK(tx_answers(f, 1, NETIF_RSP_ERROR));
	CHECK(peer_quiet() && !fail_reason[0]);
	return true;
}

static bool tx_gso(void)
{
	struct netif_extra_info info = {.u.gso = {.size = 1448, .type = XEN_NETIF_GSO_TYPE_TCPV4}};
	struct virtio_net_hdr hdr;
	u32 kind = 0;
	size_t len;

	CHECK(front_up(1, true));
	for (u32 i = 0; i < 2; i++, kind = PKT_IP6) {
		u32 parts;

		info.u.gso.type = kind ? XEN_NETIF_GSO_TYPE_TCPV6 : XEN_NETIF_GSO_TYPE_TCPV4;
		packet_make(&pkt, kind, 20000, 1000);
		parts = (pkt.len + 4095) / 4096;
		memcpy(guest[DATA_PAGE], pkt.data, 4096);
		/* Once without the flag that goes without saying. */
		tx_put(f, gref(DATA_PAGE), 0, pkt.len,
		       NETTXF_more_data | NETTXF_extra_info | (i ? NETTXF_csum_blank : 0));
		tx_extra(f, XEN_NETIF_EXTRA_TYPE_GSO, 0, &info.u);
		for (u32 k = 1; k < parts; k++) {
			size_t part = min_t(size_t, 4096, pkt.len - k * 4096);

			memcpy(guest[DATA_PAGE + k], pkt.data + k * 4096, part);
			tx_put(f, gref(DATA_PAGE + k), 0, part,
			       k + 1 < parts ? NETTXF_more_data : 0);
		}
		tx_push(f);
		CHECK(tx_answers(f, 1, NETIF_RSP_OKAY) && tx_answers(f, 1, NETIF_RSP_NULL));
		CHECK(tx_answers(f, parts - 1, NETIF_RSP_OKAY));
		CHECK(peer_take(&hdr, got, &len) && len == pkt.len);
		CHECK(hdr.gso_type == (kind ? VIRTIO_NET_HDR_GSO_TCPV6 : VIRTIO_NET_HDR_GSO_TCPV4));
		CHECK(hdr.gso_size == 1448 && hdr.hdr_len == pkt.l4 + 24);
		CHECK(hdr.flags == VIRTIO_NET_HDR_F_NEEDS_CSUM && hdr.csum_start == pkt.l4);
		packet_complete(got, len, &hdr);
		CHECK(packet_valid(got, len, &pkt));
	}
	return true;
}

static bool tx_bad_gso(void)
{
	static const struct {
		u32 kind;
		u16 size;
		u8 type;
	} cases[] = {
		{0, 0, XEN_NETIF_GSO_TYPE_TCPV4},
		{0, 1448, XEN_NETIF_GSO_TYPE_TCPV6},
		{PKT_IP6, 1448, XEN_NETIF_GSO_TYPE_TCPV4},
		{PKT_UDP, 1448, XEN_NETIF_GSO_TYPE_TCPV4},
		{0, 1448, XEN_NETIF_GSO_TYPE_NONE},
		{0, 1448, 77},
	};

	CHECK(front_up(1, true));
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct netif_extra_info info = {
			.u.gso = {.size = cases[i].size, .type = cases[i].type},
		};

		packet_make(&pkt, cases[i].kind, 3000, 1000);
		tx_frame(f, pkt.data, pkt.len, NETTXF_csum_blank | NETTXF_extra_info);
		tx_extra(f, XEN_NETIF_EXTRA_TYPE_GSO, 0, &info.u);
		tx_push(f);
		CHECK(tx_answers(f, 1, NETIF_RSP_ERROR) && tx_answers(f, 1, NETIF_RSP_NULL));
	}
	CHECK(peer_quiet() && !fail_reason[0]);
	return true;
}

void run_tx_tests(void)
{
	TEST(tx_one);
	TEST(tx_parts);
	TEST(tx_many);
	TEST(tx_checksums);
	TEST(tx_padded);
	TEST(tx_unknown_checksum);
	TEST(tx_gso);
	TEST(tx_bad_gso);
}
