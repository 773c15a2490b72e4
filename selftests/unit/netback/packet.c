// SPDX-License-Identifier: GPL-2.0
/* See board.h: frames, and the far end of the port that sees them. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "board.h"

struct packet pkt;
u8 got[65536];

static void put16(u8 *p, u16 v)
{
	p[0] = v >> 8;
	p[1] = v;
}

/* A frame with a TCP or UDP packet in it, its checksum field full of rubbish. */
void packet_make(struct packet *p, u32 what, u32 payload, u16 port)
{
	u32 l4_len = payload + (what & PKT_UDP ? 8 : 24), opt = what & PKT_OPTIONS ? 8 : 0;
	u8 proto = what & PKT_UDP ? IPPROTO_UDP : IPPROTO_TCP;
	u8 *d = p->data;
	u32 at = 12;

	memset(d, 0, sizeof(p->data));
	memcpy(d, "\x02\x00\x00\x00\x00\x01\x02\x00\x00\x00\x00\x02", 12);
	if (what & PKT_VLAN) {
		put16(d + at, 0x8100);
		put16(d + at + 2, 5);
		at += 4;
	}
	p->ip6 = what & PKT_IP6;
	put16(d + at, p->ip6 ? 0x86dd : 0x0800);
	at += 2;
	if (p->ip6) {
		d[at] = 0x60;
		put16(d + at + 4, l4_len + opt);
		d[at + 6] = opt ? IPPROTO_DSTOPTS : proto;
		memset(d + at + 8, 0xfd, 16);
		memset(d + at + 24, 0xfe, 16);
		d[at + 40] = proto;
		p->l4 = at + 40 + opt;
	} else {
		d[at] = 0x45 + opt / 4;
		put16(d + at + 2, 20 + opt + l4_len);
		d[at + 9] = proto;
		memcpy(d + at + 12, "\x0a\x00\x00\x01\x0a\x00\x00\x02", 8);
		p->l4 = at + 20 + opt;
	}
	put16(d + p->l4, port);
	put16(d + p->l4 + 2, 80);
	if (proto == IPPROTO_TCP)
		d[p->l4 + 12] = 0x60;
	else
		put16(d + p->l4 + 4, l4_len);
	p->csum = p->l4 + (proto == IPPROTO_TCP ? 16 : 6);
	put16(d + p->csum, 0xdead);
	p->len = p->l4 + l4_len;
	for (u32 i = p->len - payload; i < p->len; i++)
		d[i] = i * 7 + i / 256;
}

static u32 add(const u8 *d, size_t len, u32 sum)
{
	for (size_t i = 0; i < len; i++)
		sum += i % 2 ? d[i] : d[i] << 8;
	return sum;
}

static u32 folded(u32 sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	return (sum & 0xffff) + (sum >> 16);
}

static u32 pseudo(const struct packet *p)
{
	bool udp = p->csum - p->l4 == 6;
	/* Without options or with, the addresses end the fixed header. */
	u32 vlan = p->data[12] == 0x81 ? 4 : 0;
	const u8 *ip = p->data + 14 + vlan;

	return add(p->ip6 ? ip + 8 : ip + 12, p->ip6 ? 32 : 8,
		   (udp ? IPPROTO_UDP : IPPROTO_TCP) + (u32)p->len - p->l4);
}

/* Is it @p, with the right checksum? */
bool packet_valid(const u8 *frame, size_t len, const struct packet *p)
{
	struct packet copy = *p;

	if (len != p->len)
		return false;
	memcpy(copy.data + copy.csum, frame + copy.csum, 2);
	if (memcmp(copy.data, frame, len))
		return false;
	return folded(add(frame + p->l4, len - p->l4, pseudo(p))) == 0xffff;
}

/* What a network card does with a blank checksum. */
void packet_complete(u8 *frame, size_t len, const struct virtio_net_hdr *hdr)
{
	u32 sum = folded(add(frame + hdr->csum_start, len - hdr->csum_start, 0));

	put16(frame + hdr->csum_start + hdr->csum_offset, ~sum);
}

/* A frame from the tap; false when none comes within two seconds. */
bool peer_take(struct virtio_net_hdr *hdr, u8 *frame, size_t *len)
{
	static u8 buf[HDR_LEN + 65550];
	struct pollfd p = {.fd = peer, .events = POLLIN};
	ssize_t n;

	if (poll(&p, 1, 2000) != 1)
		return false;
	n = read(peer, buf, sizeof(buf));
	if (n < (ssize_t)HDR_LEN)
		return false;
	memcpy(hdr, buf, sizeof(*hdr));
	*len = n - HDR_LEN;
	memcpy(frame, buf + HDR_LEN, *len);
	return true;
}

bool peer_quiet(void)
{
	struct pollfd p = {.fd = peer, .events = POLLIN};

	return !poll(&p, 1, 20);
}

bool peer_give(const struct virtio_net_hdr *hdr, const u8 *frame, size_t len)
{
	struct virtio_net_hdr_mrg_rxbuf full = {0};
	struct iovec iov[] = {{&full, HDR_LEN}, {(void *)frame, len}};
	struct msghdr msg = {.msg_iov = iov, .msg_iovlen = 2};

	if (hdr)
		memcpy(&full, hdr, sizeof(*hdr));
	return sendmsg(peer, &msg, MSG_NOSIGNAL) == (ssize_t)(HDR_LEN + len);
}
