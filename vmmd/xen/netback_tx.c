// SPDX-License-Identifier: GPL-2.0
/*
 * Frames from the guest. A frame is a chain of requests in the ring, each for a
 * part of a page, and maybe extra information behind the first. It is copied
 * out of the guest's pages and answered before it is looked at, so that nothing
 * of it can change any more and no page stays held.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "xen/netback.h"
#include "xen/xen.h"

/**
 * struct chain - the requests of one frame, copied
 * @slot: those with data; the first one's size is made that of its part
 * @slots: how many there are, maybe more than fit into @slot
 * @extra: extra information by type; without it, its type is 0
 * @extras: how many requests that is
 * @len: bytes of the frame
 */
struct chain {
	struct netif_tx_request slot[XEN_NETIF_NR_SLOTS_MIN];
	u32 slots;
	struct netif_extra_info extra[XEN_NETIF_EXTRA_TYPE_MAX];
	u32 extras;
	u32 len;
};

/* How many requests there are; asks for an event when there is none. */
static u32 requests(struct netback_queue *q)
{
	netif_tx_back_ring_t *tx = &q->tx;
	RING_IDX prod = __atomic_load_n(&tx->sring->req_prod, __ATOMIC_ACQUIRE);

	if (prod == tx->req_cons) {
		__atomic_store_n(&tx->sring->req_event, prod + 1, __ATOMIC_RELAXED);
		xen_mb();
		prod = __atomic_load_n(&tx->sring->req_prod, __ATOMIC_ACQUIRE);
	}
	if (RING_REQUEST_PROD_OVERFLOW(tx, prod)) {
		netback_fault(q->nb, "transmit ring %u: %u requests", q->index,
			      prod - tx->req_cons);
		return 0;
	}
	return prod - tx->req_cons;
}

/* Extra information is in the ring like a request, though it is none. */
static int take_extras(struct netback_queue *q, u32 avail, struct chain *c)
{
	struct netif_tx_request raw;
	struct netif_extra_info extra;

	do {
		if (1 + c->extras == avail) {
			netback_fault(q->nb, "transmit ring %u: a frame without its end", q->index);
			return -EPROTO;
		}
		RING_COPY_REQUEST(&q->tx, q->tx.req_cons + 1 + c->extras, &raw);
		c->extras++;
		memcpy(&extra, &raw, sizeof(extra));
		if (extra.type == XEN_NETIF_EXTRA_TYPE_NONE ||
		    extra.type >= XEN_NETIF_EXTRA_TYPE_MAX) {
			netback_fault(q->nb, "transmit ring %u: extra information of type %u",
				      q->index, extra.type);
			return -EPROTO;
		}
		c->extra[extra.type] = extra;
	} while (extra.flags & XEN_NETIF_EXTRA_FLAG_MORE);
	return 0;
}

/* The first request has the size of all; what is left is the first part's. */
static int take_rest(struct netback_queue *q, u32 avail, struct chain *c)
{
	struct netif_tx_request *first = &c->slot[0];
	struct netif_tx_request slot = *first;

	while (slot.flags & NETTXF_more_data) {
		if (c->extras + c->slots == avail) {
			netback_fault(q->nb, "transmit ring %u: a frame without its end", q->index);
			return -EPROTO;
		}
		RING_COPY_REQUEST(&q->tx, q->tx.req_cons + c->extras + c->slots, &slot);
		if (slot.size > first->size) {
			netback_fault(q->nb, "transmit ring %u: parts larger than the frame",
				      q->index);
			return -EPROTO;
		}
		first->size -= slot.size;
		if (c->slots < ARRAY_SIZE(c->slot))
			c->slot[c->slots] = slot;
		c->slots++;
	}
	return 0;
}

/* 1 with a chain, 0 without, -EPROTO after netback_fault(). */
static int take_chain(struct netback_queue *q, struct chain *c)
{
	u32 avail = requests(q);
	int ret = 0;

	if (!avail)
		return 0;
	*c = (struct chain){.slots = 1};
	RING_COPY_REQUEST(&q->tx, q->tx.req_cons, &c->slot[0]);
	c->len = c->slot[0].size;
	if (c->slot[0].flags & NETTXF_extra_info)
		ret = take_extras(q, avail, c);
	if (!ret)
		ret = take_rest(q, avail, c);
	for (u32 i = 0; !ret && i < c->slots && i < ARRAY_SIZE(c->slot); i++) {
		if (range_fits(c->slot[i].offset, c->slot[i].size, GUEST_PAGE_SIZE))
			continue;
		netback_fault(q->nb, "transmit ring %u: %u bytes at %u of a page", q->index,
			      c->slot[i].size, c->slot[i].offset);
		ret = -EPROTO;
	}
	return ret ? ret : 1;
}

/*
 * Answers all requests of a chain, each in its own place. The number that is
 * echoed is read again: only the guest needs it.
 */
static void answer(struct netback_queue *q, const struct chain *c, int16_t status)
{
	for (u32 i = 0; i < c->slots + c->extras; i++) {
		bool extra = i && i <= c->extras;
		struct netif_tx_request request;
		struct netif_tx_response *response;

		RING_COPY_REQUEST(&q->tx, q->tx.req_cons++, &request);
		response = RING_GET_RESPONSE(&q->tx, q->tx.rsp_prod_pvt++);
		response->id = request.id;
		response->status = extra ? NETIF_RSP_NULL : status;
	}
}

/* Copies the frame out of the guest's pages. */
static int gather(struct netback *nb, const struct chain *c)
{
	u32 done = 0;

	if (c->slots > ARRAY_SIZE(c->slot) || c->len < ETHERPORT_FRAME_MIN)
		return -EMSGSIZE;
	for (u32 i = 0; i < c->slots; i++) {
		const struct netif_tx_request *slot = &c->slot[i];
		const u8 *page;

		if (!slot->size)
			continue;
		page = xen_grant_map(nb->xenbus.xen, slot->gref, false);
		if (!page)
			return -EFAULT;
		memcpy(nb->tx_frame + done, page + slot->offset, slot->size);
		xen_grant_unmap(nb->xenbus.xen, slot->gref, false);
		done += slot->size;
	}
	return 0;
}

static bool fits_gso(const struct netback *nb, const struct netif_extra_info *gso,
		     const struct netback_headers *h)
{
	u8 type = h->ip6 ? XEN_NETIF_GSO_TYPE_TCPV6 : XEN_NETIF_GSO_TYPE_TCPV4;

	/* passt's stream has no header that could say so, and no GSO is offered. */
	return nb->port.kind == NET_TAP && h->proto == IPPROTO_TCP && gso->u.gso.type == type &&
	       gso->u.gso.size;
}

/*
 * Makes the header that goes with the copied frame. The pseudo header's sum is
 * ours: front ends differ in what they leave in a blank checksum.
 */
static int describe(struct netback *nb, const struct chain *c)
{
	const struct netif_extra_info *gso = &c->extra[XEN_NETIF_EXTRA_TYPE_GSO];
	struct virtio_net_hdr *hdr = (struct virtio_net_hdr *)&nb->tx_hdr;
	struct netback_headers h;

	nb->tx_hdr = (struct virtio_net_hdr_mrg_rxbuf){0};
	/* A frame to be cut up gets new checksums, whatever its flags say. */
	if (!(c->slot[0].flags & NETTXF_csum_blank) && !gso->type)
		return 0;
	if (!netback_parse(nb->tx_frame, c->len, &h))
		return -EINVAL;
	if (gso->type && !fits_gso(nb, gso, &h))
		return -EINVAL;
	netback_csum_seed(nb->tx_frame, &h);
	if (nb->port.kind != NET_TAP) {
		netback_csum_fill(nb->tx_frame, h.l4, h.end, h.csum);
		return 0;
	}
	hdr->flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
	hdr->csum_start = h.l4;
	hdr->csum_offset = h.csum - h.l4;
	if (gso->type) {
		hdr->gso_type = h.ip6 ? VIRTIO_NET_HDR_GSO_TCPV6 : VIRTIO_NET_HDR_GSO_TCPV4;
		hdr->gso_size = gso->u.gso.size;
		hdr->hdr_len = h.data;
	}
	return 0;
}

static int find_mcast(const struct netback *nb, const u8 *addr)
{
	for (u32 i = 0; i < nb->mcast_count; i++) {
		if (!memcmp(nb->mcast[i], addr, sizeof(nb->mcast[i])))
			return (int)i;
	}
	return -ENOENT;
}

static int add_mcast(struct netback *nb, const u8 *addr)
{
	if (find_mcast(nb, addr) >= 0)
		return 0;
	if (nb->mcast_count == NETBACK_MCAST_MAX)
		return -ENOSPC;
	memcpy(nb->mcast[nb->mcast_count++], addr, sizeof(nb->mcast[0]));
	return 0;
}

static int del_mcast(struct netback *nb, const u8 *addr)
{
	int i = find_mcast(nb, addr);

	if (i < 0)
		return i;
	memcpy(nb->mcast[i], nb->mcast[--nb->mcast_count], sizeof(nb->mcast[i]));
	return 0;
}

/* A request that changes the filter is no frame, whatever else it says. */
static bool is_control(const struct chain *c)
{
	return c->extra[XEN_NETIF_EXTRA_TYPE_MCAST_ADD].type ||
	       c->extra[XEN_NETIF_EXTRA_TYPE_MCAST_DEL].type;
}

static int control(struct netback *nb, const struct chain *c)
{
	const struct netif_extra_info *add = &c->extra[XEN_NETIF_EXTRA_TYPE_MCAST_ADD];
	const struct netif_extra_info *del = &c->extra[XEN_NETIF_EXTRA_TYPE_MCAST_DEL];
	int ret = 0;

	if (add->type)
		ret = add_mcast(nb, add->u.mcast.addr);
	if (!ret && del->type)
		ret = del_mcast(nb, del->u.mcast.addr);
	return ret;
}

/* Takes one chain of a queue: 1, or 0 when there is none. */
static int take(struct netback_queue *q)
{
	struct netback *nb = q->nb;
	struct chain c;
	int ret;

	if (take_chain(q, &c) <= 0)
		return 0;
	if (is_control(&c)) {
		answer(q, &c, control(nb, &c) ? NETIF_RSP_ERROR : NETIF_RSP_OKAY);
		return 1;
	}
	ret = gather(nb, &c);
	if (!ret)
		ret = describe(nb, &c);
	answer(q, &c, ret ? NETIF_RSP_ERROR : NETIF_RSP_OKAY);
	if (ret) {
		nb->stats.errors++;
		return 1;
	}
	nb->tx_len = c.len;
	nb->tx_paid = false;
	return 1;
}

/* Sends the frame that was taken; false when it has to wait. */
static bool send_taken(struct netback *nb)
{
	/* The entry in front is etherport_send()'s. */
	struct iovec iov[] = {
		{0},
		{&nb->tx_hdr, ETHERPORT_HDR_LEN},
		{nb->tx_frame, nb->tx_len},
	};
	int ret;

	if (!nb->tx_paid && !bucket_take(&nb->bucket, ETHERPORT_HDR_LEN + nb->tx_len))
		return false;
	nb->tx_paid = true;
	ret = etherport_send(&nb->ether, iov + 1, 2, ETHERPORT_HDR_LEN + nb->tx_len);
	if (ret == -EAGAIN)
		return false;
	if (ret) {
		nb->stats.errors++;
	} else {
		nb->stats.writes++;
		nb->stats.write_bytes += nb->tx_len;
	}
	nb->tx_len = 0;
	return true;
}

/* Takes a chain of whichever queue has one, in turn; false when none has. */
static bool take_any(struct netback *nb)
{
	for (u32 i = 0; i < nb->front.queues && !nb->fault[0]; i++) {
		struct netback_queue *q = &nb->queue[nb->tx_turn];

		nb->tx_turn = (nb->tx_turn + 1) % nb->front.queues;
		if (take(q))
			return true;
	}
	return false;
}

static void show_answers(struct netback_queue *q)
{
	bool notify;

	RING_PUSH_RESPONSES_AND_CHECK_NOTIFY(&q->tx, notify);
	if (notify)
		xen_evtchn_notify(q->nb->xenbus.xen, q->port);
}

void netback_transmit(struct netback *nb)
{
	u32 budget = ETHERPORT_TURN;

	while (budget && (!nb->tx_len || send_taken(nb))) {
		if (!take_any(nb))
			break;
		budget--;
	}
	if (!budget)
		netback_kick(nb);
	for (u32 i = 0; i < nb->front.queues; i++)
		show_answers(&nb->queue[i]);
}
