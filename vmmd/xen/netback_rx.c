// SPDX-License-Identifier: GPL-2.0
/*
 * Frames for the guest. It gives whole pages as buffers; a frame takes as many
 * as it needs, and one more request's place in the ring when it is to be cut
 * into segments. Front ends exist that tell their buffers by the place in the
 * ring alone, so each response stands where its request stood.
 */
#include <netinet/in.h>
#include <string.h>

#include "xen/netback.h"
#include "xen/xen.h"

#define ETHER_ADDR_LEN	   6
#define ETHER_GROUP_BIT	   0x01
#define GSO_WITHOUT_ECN(t) ((t) & ~VIRTIO_NET_HDR_GSO_ECN)

enum verdict { DELIVER, DROP, WAIT };

/**
 * struct plan - what is going to be done with a frame
 * @hdr: its header
 * @parsed: @h means something
 * @h: where its headers are
 * @blank: the guest gets it with a blank checksum
 * @fill: the checksum is completed here
 * @gso: XEN_NETIF_GSO_TYPE_*
 * @pages: buffers it takes
 */
struct plan {
	const struct virtio_net_hdr *hdr;
	bool parsed;
	struct netback_headers h;
	bool blank;
	bool fill;
	u8 gso;
	u32 pages;
};

/* Multicast that no address of the filter lets pass; broadcast always does. */
static bool filtered(const struct netback *nb, const u8 *dest)
{
	static const u8 broadcast[ETHER_ADDR_LEN] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

	if (!nb->front.mcast || !(dest[0] & ETHER_GROUP_BIT) ||
	    !memcmp(dest, broadcast, sizeof(broadcast)))
		return false;
	for (u32 i = 0; i < nb->mcast_count; i++) {
		if (!memcmp(nb->mcast[i], dest, sizeof(nb->mcast[i])))
			return false;
	}
	return true;
}

static bool takes_gso(const struct netback_front *front, u8 type)
{
	return type == XEN_NETIF_GSO_TYPE_TCPV6 ? front->gso6 : front->gso4;
}

/*
 * What the front end can take decides. The tap was told, but frames for an
 * earlier front end that could take more may still be on their way.
 */
static bool make_plan(const struct netback *nb, const struct ether_frame *f, struct plan *p)
{
	const struct netback_front *front = &nb->front;

	*p = (struct plan){.hdr = (const struct virtio_net_hdr *)&f->hdr};
	p->pages = (f->len + GUEST_PAGE_SIZE - 1) / GUEST_PAGE_SIZE;
	if (p->pages > 1 && !front->sg)
		return false;
	p->parsed = netback_parse(f->data, f->len, &p->h);
	switch (GSO_WITHOUT_ECN(p->hdr->gso_type)) {
	case VIRTIO_NET_HDR_GSO_NONE:
		p->gso = XEN_NETIF_GSO_TYPE_NONE;
		break;
	case VIRTIO_NET_HDR_GSO_TCPV4:
		p->gso = XEN_NETIF_GSO_TYPE_TCPV4;
		break;
	case VIRTIO_NET_HDR_GSO_TCPV6:
		p->gso = XEN_NETIF_GSO_TYPE_TCPV6;
		break;
	default:
		return false;
	}
	if (p->gso && !takes_gso(front, p->gso))
		return false;
	if (p->hdr->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) {
		/* Blank is a word for TCP and UDP alone: no offset goes with it. */
		p->blank = p->parsed && (p->h.ip6 ? front->csum6 : front->csum4);
		p->fill = !p->blank;
	}
	return true;
}

/* Frames between two sockets keep their order: they share a queue. */
static struct netback_queue *choose_queue(struct netback *nb, const struct ether_frame *f,
					  const struct plan *p)
{
	u32 flow = p->parsed && nb->front.queues > 1 ? netback_flow(f->data, &p->h) : 0;

	return &nb->queue[flow % nb->front.queues];
}

/* Are there @slots requests? If not, asks for an event when there are. */
static enum verdict find_room(struct netback_queue *q, u32 slots)
{
	netif_rx_back_ring_t *rx = &q->rx;
	RING_IDX prod = __atomic_load_n(&rx->sring->req_prod, __ATOMIC_ACQUIRE);

	if (prod - rx->req_cons < slots) {
		__atomic_store_n(&rx->sring->req_event, rx->req_cons + slots, __ATOMIC_RELAXED);
		xen_mb();
		prod = __atomic_load_n(&rx->sring->req_prod, __ATOMIC_ACQUIRE);
	}
	if (RING_REQUEST_PROD_OVERFLOW(rx, prod)) {
		netback_fault(q->nb, "receive ring %u: %u requests", q->index, prod - rx->req_cons);
		return WAIT;
	}
	if (prod - rx->req_cons >= slots)
		return DELIVER;
	/* netif.h: a front end that does not tell of buffers must not be waited for. */
	return q->nb->front.rx_notify ? WAIT : DROP;
}

static struct netif_rx_response *next_response(struct netback_queue *q)
{
	return RING_GET_RESPONSE(&q->rx, q->rx.rsp_prod_pvt++);
}

/* Fills one buffer; the guest's mistake makes it an error of that buffer. */
static bool fill_buffer(struct netback_queue *q, const u8 *data, u16 len, u16 flags)
{
	struct xen *xen = q->nb->xenbus.xen;
	struct netif_rx_response response = {.flags = flags, .status = (int16_t)len};
	struct netif_rx_request request;
	u8 *page;

	RING_COPY_REQUEST(&q->rx, q->rx.req_cons++, &request);
	response.id = request.id;
	page = xen_grant_map(xen, request.gref, true);
	if (page) {
		memcpy(page, data, len);
		xen_grant_unmap(xen, request.gref, true);
	} else {
		response.status = NETIF_RSP_ERROR;
	}
	*next_response(q) = response;
	return page;
}

/* The request whose place this takes is used up without being looked at. */
static void put_gso(struct netback_queue *q, const struct plan *p)
{
	struct netif_extra_info extra = {
		.type = XEN_NETIF_EXTRA_TYPE_GSO,
		.u.gso = {.size = p->hdr->gso_size, .type = p->gso},
	};

	q->rx.req_cons++;
	memcpy(next_response(q), &extra, sizeof(extra));
}

static bool fill_buffers(struct netback_queue *q, const struct ether_frame *f, const struct plan *p)
{
	u16 flags = p->gso ? NETRXF_extra_info : 0;
	bool ok = true;
	size_t done = 0;

	if (p->blank)
		flags |= NETRXF_csum_blank | NETRXF_data_validated;
	else if (p->hdr->flags & VIRTIO_NET_HDR_F_DATA_VALID)
		flags |= NETRXF_data_validated;
	for (u32 i = 0; i < p->pages; i++) {
		size_t part = min_t(size_t, f->len - done, GUEST_PAGE_SIZE);

		if (i + 1 < p->pages)
			flags |= NETRXF_more_data;
		ok &= fill_buffer(q, f->data + done, part, flags);
		if (!i && p->gso)
			put_gso(q, p);
		done += part;
		flags = 0;
	}
	return ok;
}

static enum verdict deliver(struct netback *nb, struct ether_frame *f)
{
	struct netback_queue *q;
	enum verdict verdict;
	struct plan p;

	if (filtered(nb, f->data))
		return DELIVER;
	if (!make_plan(nb, f, &p))
		return DROP;
	q = choose_queue(nb, f, &p);
	verdict = find_room(q, p.pages + !!p.gso);
	if (verdict != DELIVER)
		return verdict;
	/* Not before there is room: a frame that waits comes by here again. */
	if (p.fill && !netback_csum_fill(f->data, p.hdr->csum_start, p.parsed ? p.h.end : f->len,
					 (size_t)p.hdr->csum_start + p.hdr->csum_offset))
		return DROP;
	if (!fill_buffers(q, f, &p))
		return DROP;
	nb->stats.reads++;
	nb->stats.read_bytes += f->len;
	return DELIVER;
}

static void show_answers(struct netback_queue *q)
{
	bool notify;

	RING_PUSH_RESPONSES_AND_CHECK_NOTIFY(&q->rx, notify);
	if (notify)
		xen_evtchn_notify(q->nb->xenbus.xen, q->rx_port);
}

void netback_receive(struct netback *nb)
{
	enum verdict verdict = DELIVER;
	struct ether_frame f;
	u32 i;

	for (i = 0; i < ETHERPORT_TURN && etherport_next(&nb->ether, &f); i++) {
		verdict = deliver(nb, &f);
		if (verdict == WAIT)
			break;
		if (verdict == DROP)
			nb->stats.errors++;
		etherport_consume(&nb->ether, &f);
	}
	etherport_want(&nb->ether, verdict != WAIT);
	/* A whole frame left in the buffer raises no event of the descriptor's. */
	if (i == ETHERPORT_TURN)
		netback_kick(nb);
	for (i = 0; i < nb->front.queues; i++)
		show_answers(&nb->queue[i]);
}
