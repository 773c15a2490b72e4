// SPDX-License-Identifier: GPL-2.0
/*
 * A network card's frames moved by vmmd: to a tap, where the virtio-net
 * header travels along, or to passt's stream, where each frame stands behind
 * its length as four bytes in network order.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "virtio/vnet.h"
#include "vm.h"

#define FRAME_MIN  14 /* an Ethernet header */
#define FRAMES_MAX 64 /* per turn of the loop */
#define STREAM_LEN sizeof(u32)

/**
 * struct frame - one frame in vnet.rx
 * @hdr: what the guest gets in front of it
 * @data: the frame
 * @len: bytes of @data
 * @span: bytes of vnet.rx it takes
 */
struct frame {
	struct virtio_net_hdr_mrg_rxbuf hdr;
	const u8 *data;
	size_t len;
	size_t span;
};

/* The descriptor is level-triggered, so unwanted events are masked. */
static void watch(struct vnet *n, u32 events)
{
	if (!n->watched || events == n->events)
		return;
	n->events = events;
	loop_mod_fd(n->virtio.loop, n->port.fd, events);
}

static void give_up(struct vnet *n, const char *why)
{
	/* From a callback of the loop, so this does not wait for itself. */
	if (n->watched)
		loop_del_fd(n->virtio.loop, n->port.fd);
	n->watched = false;
	n->rx_len = 0;
	n->tx_len = 0;
	vnet_link_down(n, why);
}

/* Reads more from the host; false when there is nothing now. */
static bool fill(struct vnet *n)
{
	ssize_t len;

	if (!n->watched)
		return false;
	len = read(n->port.fd, n->rx + n->rx_len, VNET_BUFFER - n->rx_len);
	if (len > 0) {
		n->rx_len += len;
		return true;
	}
	if (!len)
		give_up(n, "passt has ended");
	else if (errno != EAGAIN && errno != EINTR)
		give_up(n, strerror(errno));
	return false;
}

static bool stream_frame(struct vnet *n, struct frame *f)
{
	u32 len;

	for (;;) {
		if (n->rx_len >= STREAM_LEN) {
			memcpy(&len, n->rx, STREAM_LEN);
			len = ntohl(len);
			if (len < FRAME_MIN || len > VNET_FRAME_MAX) {
				give_up(n, "passt sent a frame of impossible length");
				return false;
			}
			if (n->rx_len >= STREAM_LEN + len)
				break;
		}
		if (!fill(n))
			return false;
	}
	f->hdr = (struct virtio_net_hdr_mrg_rxbuf){0};
	f->data = n->rx + STREAM_LEN;
	f->len = len;
	f->span = STREAM_LEN + len;
	return true;
}

static bool tap_frame(struct vnet *n, struct frame *f)
{
	if (!n->rx_len && !fill(n))
		return false;
	if (n->rx_len < VNET_HDR_LEN + FRAME_MIN) {
		n->rx_len = 0;
		return false;
	}
	memcpy(&f->hdr, n->rx, VNET_HDR_LEN);
	f->data = n->rx + VNET_HDR_LEN;
	f->len = n->rx_len - VNET_HDR_LEN;
	f->span = n->rx_len;
	return true;
}

static bool next_frame(struct vnet *n, struct frame *f)
{
	return n->port.kind == NET_TAP ? tap_frame(n, f) : stream_frame(n, f);
}

static void consume(struct vnet *n, const struct frame *f)
{
	n->rx_len -= f->span;
	memmove(n->rx, n->rx + f->span, n->rx_len);
}

/*
 * Puts a frame into the guest's buffers: one, or as many as it takes with
 * VIRTIO_NET_F_MRG_RXBUF. Returns false when the guest must give more first.
 */
static bool deliver(struct vnet *n, struct frame *f)
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
		size_t skip = bufs ? 0 : VNET_HDR_LEN;
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
	iov_write(first.iov + first.out_num, first.in_num, 0, &f->hdr, VNET_HDR_LEN);
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
	u32 out = n->events & EPOLLOUT;
	struct frame f;

	for (u32 i = 0; i < FRAMES_MAX; i++) {
		if (!next_frame(n, &f))
			break;
		if (deliver(n, &f)) {
			consume(n, &f);
			continue;
		}
		virtio_notify(q);
		/* Wait for buffers, unless some came in this moment. */
		if (virtq_enable_kicks(&q->ring))
			continue;
		watch(n, out);
		return;
	}
	virtio_notify(q);
	watch(n, out | EPOLLIN);
	/* A frame left in the buffer raises no event of the descriptor's. */
	if (n->rx_len)
		virtio_kick_self(q);
}

/* Sends the rest of a frame the stream took only in part. */
static int flush_stream(struct vnet *n)
{
	while (n->tx_off < n->tx_len) {
		ssize_t sent = send(n->port.fd, n->tx + n->tx_off, n->tx_len - n->tx_off,
				    MSG_NOSIGNAL | MSG_DONTWAIT);

		if (sent < 0)
			return -errno;
		n->tx_off += sent;
	}
	n->tx_off = 0;
	n->tx_len = 0;
	return 0;
}

/* @iov has a free entry in front, for the length. */
static int send_stream(struct vnet *n, struct iovec *iov, u32 num, u32 len)
{
	u32 prefix = htonl(len);
	struct msghdr msg = {0};
	ssize_t sent;

	iov--;
	num++;
	iov->iov_base = &prefix;
	iov->iov_len = sizeof(prefix);
	msg.msg_iov = iov;
	msg.msg_iovlen = num;
	sent = sendmsg(n->port.fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
	if (sent < 0)
		return -errno;
	n->tx_off = 0;
	n->tx_len = iov_read(iov, num, sent, n->tx, STREAM_LEN + VNET_FRAME_MAX);
	return 0;
}

/*
 * Sends one frame of the guest's. The header needs no check: the tun driver
 * treats it as what it is, a stranger's word, and a stream has none.
 */
static int send_frame(struct vnet *n, struct virtq_chain *c)
{
	struct iovec *iov = c->iov;
	u32 num;

	if (c->out_len < VNET_HDR_LEN + FRAME_MIN || c->out_len > VNET_HDR_LEN + VNET_FRAME_MAX)
		return -EMSGSIZE;
	if (n->port.kind == NET_TAP)
		return writev(n->port.fd, iov, c->out_num) < 0 ? -errno : 0;
	num = iov_cut_front(&iov, c->out_num, VNET_HDR_LEN);
	return send_stream(n, iov, num, c->out_len - VNET_HDR_LEN);
}

static void count_sent(struct vnet *n, const struct virtq_chain *c, int ret)
{
	if (ret) {
		n->stats.errors++;
		return;
	}
	n->stats.writes++;
	n->stats.write_bytes += c->out_len - VNET_HDR_LEN;
}

/* Sends up to @budget frames; false when the port or the rate limit says stop. */
static bool send_some(struct vnet *n, u32 *budget)
{
	struct virtio_queue *q = &n->virtio.queue[VNET_TX];
	/* The entry in front is send_stream()'s. */
	struct virtq_chain c = {.iov = n->iov + 1, .max = VNET_QUEUE_SIZE};
	int ret;

	while (*budget && virtio_pop(q, &c) > 0) {
		if (!vnet_bucket_take(n, c.out_len)) {
			virtq_unpop(&q->ring);
			return false;
		}
		ret = n->tx_len ? flush_stream(n) : 0;
		if (!ret)
			ret = send_frame(n, &c);
		if (ret == -EAGAIN) {
			virtq_unpop(&q->ring);
			watch(n, n->events | EPOLLOUT);
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
	u32 budget = FRAMES_MAX;

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
		watch(n, 0);
	} else {
		if (events & EPOLLOUT) {
			watch(n, n->events & ~EPOLLOUT);
			if (!n->tx_len || flush_stream(n) != -EAGAIN)
				transmit(n);
			else
				watch(n, n->events | EPOLLOUT);
		}
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
	watch(n, EPOLLIN);
}

/**
 * vnet_user_reset - forget the driver and what was meant for it
 * @n: card
 *
 * What a stream has begun to send it must end, or its framing is lost.
 */
void vnet_user_reset(struct vnet *n)
{
	if (n->port.kind == NET_TAP)
		n->rx_len = 0;
}

/**
 * vnet_user_start - vCPUs are about to run
 * @n: card
 */
int vnet_user_start(struct vnet *n)
{
	watch(n, EPOLLIN);
	return 0;
}

/**
 * vnet_user_stop - vCPUs have stopped
 * @n: card; its thread ends next, and virtio_dev_live() keeps it quiet
 */
void vnet_user_stop(struct vnet *n)
{
	if (n->bucket.timer)
		loop_timer_set(n->bucket.timer, 0, 0);
}

/**
 * vnet_user_create - make what moving frames ourselves takes
 * @n: card with port and loop
 *
 * Return: 0 or a negative errno.
 */
int vnet_user_create(struct vnet *n)
{
	int ret;

	n->rx = malloc(VNET_BUFFER);
	n->tx = malloc(STREAM_LEN + VNET_FRAME_MAX);
	if (!n->rx || !n->tx)
		return -ENOMEM;
	ret = loop_add_fd(n->virtio.loop, n->port.fd, 0, port_ready, n);
	n->watched = !ret;
	return ret;
}

/**
 * vnet_user_destroy - undo vnet_user_create(), or a part of it
 * @n: card whose thread has ended
 */
void vnet_user_destroy(struct vnet *n)
{
	free(n->rx);
	free(n->tx);
}
