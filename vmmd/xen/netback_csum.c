// SPDX-License-Identifier: GPL-2.0
/*
 * Headers and checksums of frames (RFC 791, 8200, 1071). Xen's front ends only
 * say that a checksum is blank; where it belongs has to be read in the frame.
 */
#include <arpa/inet.h>
#include <net/ethernet.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <string.h>

#include "xen/netback.h"

#define VLAN_TAGS_MAX	  2
#define ETHERTYPE_QINQ	  0x88a8 /* IEEE 802.1ad */
#define IP6_EXTENSION_MAX 8

static bool get(const u8 *frame, size_t len, size_t at, void *out, size_t bytes)
{
	if (!range_fits(at, bytes, len))
		return false;
	memcpy(out, frame + at, bytes);
	return true;
}

/* Skips the Ethernet header with its tags. */
static bool ethertype(const u8 *frame, size_t len, u32 *at, u16 *type)
{
	*at = offsetof(struct ether_header, ether_type);
	for (u32 tags = 0; tags <= VLAN_TAGS_MAX; tags++) {
		if (!get(frame, len, *at, type, sizeof(*type)))
			return false;
		*at += sizeof(*type);
		*type = ntohs(*type);
		if (*type != ETHERTYPE_VLAN && *type != ETHERTYPE_QINQ)
			return true;
		*at += sizeof(u16);
	}
	return false;
}

static bool parse_ip4(const u8 *frame, size_t len, u32 at, struct netback_headers *h)
{
	struct iphdr ip;
	u32 total;

	if (!get(frame, len, at, &ip, sizeof(ip)))
		return false;
	total = ntohs(ip.tot_len);
	/* A fragment has no checksum of its own. */
	if (ip.version != 4 || ip.ihl * 4U < sizeof(ip) || ip.frag_off & htons(IP_MF | IP_OFFMASK))
		return false;
	if (total < ip.ihl * 4U || !range_fits(at, total, len))
		return false;
	h->ip6 = false;
	h->proto = ip.protocol;
	h->addrs = at + offsetof(struct iphdr, saddr);
	h->l4 = at + ip.ihl * 4U;
	h->end = at + total;
	return true;
}

/*
 * Options are skipped. A routing header is not: with one, the destination in
 * the pseudo header is another than the one in the packet's.
 */
static bool parse_ip6(const u8 *frame, size_t len, u32 at, struct netback_headers *h)
{
	struct ip6_hdr ip;
	struct ip6_ext ext;

	if (!get(frame, len, at, &ip, sizeof(ip)) || ip.ip6_vfc >> 4 != 6)
		return false;
	h->ip6 = true;
	h->proto = ip.ip6_nxt;
	h->addrs = at + offsetof(struct ip6_hdr, ip6_src);
	h->l4 = at + sizeof(ip);
	h->end = h->l4 + ntohs(ip.ip6_plen);
	for (u32 i = 0; h->proto == IPPROTO_HOPOPTS || h->proto == IPPROTO_DSTOPTS; i++) {
		if (i == IP6_EXTENSION_MAX || !get(frame, len, h->l4, &ext, sizeof(ext)))
			return false;
		h->proto = ext.ip6e_nxt;
		h->l4 += (ext.ip6e_len + 1U) * 8;
	}
	return h->end <= len && h->l4 <= h->end;
}

bool netback_parse(const u8 *frame, size_t len, struct netback_headers *h)
{
	struct tcphdr tcp;
	bool ip;
	u16 type;
	u32 at;

	if (!ethertype(frame, len, &at, &type))
		return false;
	if (type == ETHERTYPE_IP)
		ip = parse_ip4(frame, len, at, h);
	else if (type == ETHERTYPE_IPV6)
		ip = parse_ip6(frame, len, at, h);
	else
		ip = false;
	if (!ip)
		return false;
	switch (h->proto) {
	case IPPROTO_TCP:
		if (!get(frame, h->end, h->l4, &tcp, sizeof(tcp)) || tcp.doff * 4U < sizeof(tcp))
			return false;
		h->csum = h->l4 + offsetof(struct tcphdr, check);
		h->data = h->l4 + tcp.doff * 4U;
		return h->data <= h->end;
	case IPPROTO_UDP:
		h->csum = h->l4 + offsetof(struct udphdr, check);
		h->data = h->l4 + sizeof(struct udphdr);
		return h->data <= h->end;
	default:
		return false;
	}
}

static u32 addrs_len(const struct netback_headers *h)
{
	return 2 * (h->ip6 ? sizeof(struct in6_addr) : sizeof(struct in_addr));
}

u32 netback_flow(const u8 *frame, const struct netback_headers *h)
{
	const struct {
		u32 at;
		u32 len;
	} parts[] = {
		{h->addrs, addrs_len(h)}, {h->l4, 2 * sizeof(u16)}, /* the ports */
	};
	u32 hash = 0;

	for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
		for (u32 j = 0; j < parts[i].len; j++)
			hash = (hash ^ frame[parts[i].at + j]) * 0x9e3779b1U;
	}
	/* The upper bits are the better mixed ones. */
	return hash >> 16;
}

/* The sum of 16-bit words, not yet folded; an odd byte is followed by a zero. */
static u64 sum(const u8 *p, size_t len, u64 start)
{
	size_t i;

	for (i = 0; i + 1 < len; i += 2)
		start += (u32)p[i] << 8 | p[i + 1];
	if (i < len)
		start += (u32)p[i] << 8;
	return start;
}

static u16 fold(u64 value)
{
	while (value >> 16)
		value = (value & 0xffff) + (value >> 16);
	return value;
}

static void put16(u8 *p, u16 value)
{
	p[0] = value >> 8;
	p[1] = value & 0xff;
}

void netback_csum_seed(u8 *frame, const struct netback_headers *h)
{
	u64 pseudo = sum(frame + h->addrs, addrs_len(h), h->proto + (h->end - h->l4));

	put16(frame + h->csum, fold(pseudo));
}

bool netback_csum_fill(u8 *frame, size_t start, size_t end, size_t csum)
{
	u16 value;

	if (start > csum || !range_fits(csum, sizeof(value), end))
		return false;
	value = ~fold(sum(frame + start, end - start, 0));
	/* RFC 768: a UDP checksum of zero means that there is none. */
	put16(frame + csum, value ? value : 0xffff);
	return true;
}
