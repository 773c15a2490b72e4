// SPDX-License-Identifier: GPL-2.0
/*
 * A network card's frames moved by vmmd, between its queues and the port of
 * etherport.c.
 */
#include <errno.h>

#include "virtio/vnet.h"
#include "vm.h"

/*
 * Puts a frame into the guest's buffers: one, or as many as it takes with
 * VIRTIO_NET_F_MRG_RXBUF. Returns false when the guest must give more first.
 */
static bool deliver(struct vnet *n, struct ether_frame *f)
{
	struct virtio_queue *q = &n->virtio.queue[VNET_RX];
	struct virtq_chain first = {0};
	size_t done = 0;
	u16 bufs = 0;

	do {
		struct virtq_chain c = {
			.iov = bufs ? n->iov : n->first,
			.max = VNET_QUEUE_SIZE,
		};
		size_t skip = bufs ? 0 : ETHERPORT_HDR_LEN;
		size_t part;

		if (virtio_pop(q, &c) <= 0)
			goto unpop;
		part = iov_write(c.iov + c.out_num, c.in_num, skip, f->data + done, f->len - done);
		if (!bufs)
			first = c;
		virtq_fill(&q->ring, bufs++, c.head, skip + part);
		done += part;
		if (!part) {
			virtio_break(q->dev, "a receive buffer of %u bytes", c.in_len);
			goto unpop;
		}
	} while (done < f->len && virtio_has(&n->virtio, VIRTIO_NET_F_MRG_RXBUF));

	if (done < f->len) {
		/* A buffer too small for the frame: the frame is lost. */
		virtq_unpop(&q->ring);
		n->stats.errors++;
		return true;
	}
	f->hdr.num_buffers = bufs;
	iov_write(first.iov + first.out_num, first.in_num, 0, &f->hdr, ETHERPORT_HDR_LEN);
	virtq_publish(&q->ring, bufs);
	n->stats.reads++;
	n->stats.read_bytes += f->len;
	return true;

unpop:
	while (bufs--)
		virtq_unpop(&q->ring);
	return false;
}

static void receive(struct vnet *n)
{
	struct virtio_queue *q = &n->virtio.queue[VNET_RX];
	struct ether_frame f;
	u32 i;

	for (i = 0; i < ETHERPORT_TURN; i++) {
		if (!etherport_next(&n->ether, &f))
			break;
		if (deliver(n, &f)) {
			etherport_consume(&n->ether, &f);
			continue;
		}
		virtio_notify(q);
		/* Wait for buffers, unless some came in this moment. */
		if (virtq_enable_kicks(&q->ring))
			continue;
		etherport_want(&n->ether, false);
		return;
	}
	virtio_notify(q);
	etherport_want(&n->ether, true);
	/* A whole frame left in the buffer raises no event of the descriptor's. */
	if (i == ETHERPORT_TURN && n->ether.rx_len)
		virtio_kick_self(q);
}

static void count_sent(struct vnet *n, const struct virtq_chain *c, int ret)
{
	if (ret) {
		n->stats.errors++;
		return;
	}
	n->stats.writes++;
	n->stats.write_bytes += c->out_len - ETHERPORT_HDR_LEN;
}

/* Sends up to @budget frames; false when the port or the rate limit says stop. */
static bool send_some(struct vnet *n, u32 *budget)
{
	struct virtio_queue *q = &n->virtio.queue[VNET_TX];
	/* The entry in front is etherport_send()'s. */
	struct virtq_chain c = {.iov = n->iov + 1, .max = VNET_QUEUE_SIZE};
	int ret;

	while (*budget && virtio_pop(q, &c) > 0) {
		if (!bucket_take(&n->bucket, c.out_len)) {
			virtq_unpop(&q->ring);
			return false;
		}
		ret = etherport_send(&n->ether, c.iov, c.out_num, c.out_len);
		if (ret == -EAGAIN) {
			virtq_unpop(&q->ring);
			return false;
		}
		count_sent(n, &c, ret);
		virtq_push(&q->ring, c.head, 0);
		(*budget)--;
	}
	return true;
}

static void transmit(struct vnet *n)
{
	struct virtio_queue *q = &n->virtio.queue[VNET_TX];
	u32 budget = ETHERPORT_TURN;

	virtq_disable_kicks(&q->ring);
	do {
		if (!send_some(n, &budget)) {
			virtio_notify(q);
			return;
		}
		virtio_notify(q);
		if (!budget) {
			virtio_kick_self(q);
			return;
		}
	} while (virtq_enable_kicks(&q->ring) && virtio_dev_live(q->dev));
}

static void port_ready(void *opaque, u32 events)
{
	struct vnet *n = opaque;

	pthread_mutex_lock(&n->virtio.lock);
	if (!virtio_dev_live(&n->virtio)) {
		etherport_ignore(&n->ether);
	} else {
		if (events & EPOLLOUT && etherport_writable(&n->ether))
			transmit(n);
		if (events & ~EPOLLOUT)
			receive(n);
	}
	pthread_mutex_unlock(&n->virtio.lock);
}

/**
 * vnet_user_kick - the driver gave frames to send, or room for received ones
 * @q: queue of a live device
 */
void vnet_user_kick(struct virtio_queue *q)
{
	struct vnet *n = container_of(q->dev, struct vnet, virtio);

	if (q->index == VNET_TX)
		transmit(n);
	else
		receive(n);
}

/**
 * vnet_user_activate - the driver is ready
 * @n: card
 */
void vnet_user_activate(struct vnet *n)
{
	etherport_want(&n->ether, true);
}

/**
 * vnet_user_reset - forget the driver and what was meant for it
 * @n: card
 */
void vnet_user_reset(struct vnet *n)
{
	etherport_forget(&n->ether);
}

/**
 * vnet_user_start - vCPUs are about to run
 * @n: card
 */
int vnet_user_start(struct vnet *n)
{
	etherport_want(&n->ether, true);
	return 0;
}

/**
 * vnet_user_stop - vCPUs have stopped
 * @n: card; its thread ends next, and virtio_dev_live() keeps it quiet
 */
void vnet_user_stop(struct vnet *n)
{
	bucket_stop(&n->bucket);
}

static void refilled(void *opaque)
{
	struct vnet *n = opaque;

	virtio_kick_self(&n->virtio.queue[VNET_TX]);
}

static void link_down(void *opaque, const char *why)
{
	vnet_link_down(opaque, why);
}

/**
 * vnet_user_create - make what moving frames ourselves takes
 * @n: card with port and loop
 * @vif: its configuration
 *
 * Return: 0 or a negative errno.
 */
int vnet_user_create(struct vnet *n, const struct config_vif *vif)
{
	int ret;

	ret = bucket_create(&n->bucket, vif->rate, vif->rate_interval_us, n->virtio.loop, refilled,
			    n);
	if (ret)
		return ret;
	return etherport_create(&n->ether, &n->port, n->virtio.loop, port_ready, link_down, n);
}

/**
 * vnet_user_destroy - undo vnet_user_create(), or a part of it
 * @n: card whose thread has ended
 */
void vnet_user_destroy(struct vnet *n)
{
	bucket_destroy(&n->bucket);
	etherport_destroy(&n->ether);
}
