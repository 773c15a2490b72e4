// SPDX-License-Identifier: GPL-2.0
/* The host's end of a card. See etherport.h. */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_tun.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "etherport.h"
#include "virtio/queue.h"

#define STREAM_LEN sizeof(u32)
#define RX_BUFFER  (ETHERPORT_HDR_LEN + ETHERPORT_FRAME_MAX + 256)
#define TX_BUFFER  (STREAM_LEN + ETHERPORT_FRAME_MAX)

/* The descriptor is level-triggered, so unwanted events are masked. */
static void watch(struct etherport *e, u32 events)
{
	if (!e->watched || events == e->events)
		return;
	e->events = events;
	loop_mod_fd(e->loop, e->fd, events);
}

void etherport_want(struct etherport *e, bool frames)
{
	u32 out = e->events & EPOLLOUT;

	watch(e, frames ? out | EPOLLIN : out);
}

void etherport_ignore(struct etherport *e)
{
	watch(e, 0);
}

static void give_up(struct etherport *e, const char *why)
{
	/* From a callback of the loop, so this does not wait for itself. */
	if (e->watched)
		loop_del_fd(e->loop, e->fd);
	e->watched = false;
	e->rx_len = 0;
	e->tx_len = 0;
	e->down(e->opaque, why);
}

/* Reads more from the host; false when there is nothing now. */
static bool fill(struct etherport *e)
{
	ssize_t len;

	if (!e->watched)
		return false;
	len = read(e->fd, e->rx + e->rx_len, RX_BUFFER - e->rx_len);
	if (len > 0) {
		e->rx_len += len;
		return true;
	}
	if (!len)
		give_up(e, "passt has ended");
	else if (errno != EAGAIN && errno != EINTR)
		give_up(e, strerror(errno));
	return false;
}

static bool stream_frame(struct etherport *e, struct ether_frame *f)
{
	u32 len;

	for (;;) {
		if (e->rx_len >= STREAM_LEN) {
			memcpy(&len, e->rx, STREAM_LEN);
			len = ntohl(len);
			if (len < ETHERPORT_FRAME_MIN || len > ETHERPORT_FRAME_MAX) {
				give_up(e, "passt sent a frame of impossible length");
				return false;
			}
			if (e->rx_len >= STREAM_LEN + len)
				break;
		}
		if (!fill(e))
			return false;
	}
	f->hdr = (struct virtio_net_hdr_mrg_rxbuf){0};
	f->data = e->rx + STREAM_LEN;
	f->len = len;
	f->span = STREAM_LEN + len;
	return true;
}

static bool tap_frame(struct etherport *e, struct ether_frame *f)
{
	if (!e->rx_len && !fill(e))
		return false;
	if (e->rx_len < ETHERPORT_HDR_LEN + ETHERPORT_FRAME_MIN) {
		e->rx_len = 0;
		return false;
	}
	memcpy(&f->hdr, e->rx, ETHERPORT_HDR_LEN);
	f->data = e->rx + ETHERPORT_HDR_LEN;
	f->len = e->rx_len - ETHERPORT_HDR_LEN;
	f->span = e->rx_len;
	return true;
}

bool etherport_next(struct etherport *e, struct ether_frame *f)
{
	return e->kind == NET_TAP ? tap_frame(e, f) : stream_frame(e, f);
}

void etherport_consume(struct etherport *e, const struct ether_frame *f)
{
	e->rx_len -= f->span;
	memmove(e->rx, e->rx + f->span, e->rx_len);
}

void etherport_forget(struct etherport *e)
{
	if (e->kind == NET_TAP)
		e->rx_len = 0;
}

/* Sends the rest of a frame the stream took only in part. */
static int flush_stream(struct etherport *e)
{
	while (e->tx_off < e->tx_len) {
		ssize_t sent = send(e->fd, e->tx + e->tx_off, e->tx_len - e->tx_off,
				    MSG_NOSIGNAL | MSG_DONTWAIT);

		if (sent < 0)
			return -errno;
		e->tx_off += sent;
	}
	e->tx_off = 0;
	e->tx_len = 0;
	return 0;
}

/* @iov has a free entry in front, for the length. */
static int send_stream(struct etherport *e, struct iovec *iov, u32 num, u32 len)
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
	sent = sendmsg(e->fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
	if (sent < 0)
		return -errno;
	e->tx_off = 0;
	e->tx_len = iov_read(iov, num, sent, e->tx, TX_BUFFER);
	return 0;
}

static int send_frame(struct etherport *e, struct iovec *iov, u32 num, u32 len)
{
	if (len < ETHERPORT_HDR_LEN + ETHERPORT_FRAME_MIN ||
	    len > ETHERPORT_HDR_LEN + ETHERPORT_FRAME_MAX)
		return -EMSGSIZE;
	if (e->kind == NET_TAP)
		return writev(e->fd, iov, num) < 0 ? -errno : 0;
	num = iov_cut_front(&iov, num, ETHERPORT_HDR_LEN);
	return send_stream(e, iov, num, len - ETHERPORT_HDR_LEN);
}

int etherport_send(struct etherport *e, struct iovec *iov, u32 num, u32 len)
{
	int ret = e->tx_len ? flush_stream(e) : 0;

	if (!ret)
		ret = send_frame(e, iov, num, len);
	/* Or the stream has taken a part, whose rest no other frame may push. */
	if (ret == -EAGAIN || e->tx_len)
		watch(e, e->events | EPOLLOUT);
	return ret;
}

bool etherport_writable(struct etherport *e)
{
	watch(e, e->events & ~EPOLLOUT);
	if (!e->tx_len || flush_stream(e) != -EAGAIN)
		return true;
	watch(e, e->events | EPOLLOUT);
	return false;
}

int etherport_set_offloads(const struct net_port *port, unsigned int flags)
{
	if (port->kind != NET_TAP)
		return 0;
	return ioctl(port->fd, TUNSETOFFLOAD, flags) ? -errno : 0;
}

int etherport_create(struct etherport *e, const struct net_port *port, struct loop *loop,
		     loop_fd_fn ready, void (*down)(void *opaque, const char *why), void *opaque)
{
	int ret;

	e->fd = port->fd;
	e->kind = port->kind;
	e->loop = loop;
	e->down = down;
	e->opaque = opaque;
	e->rx = malloc(RX_BUFFER);
	e->tx = malloc(TX_BUFFER);
	if (!e->rx || !e->tx)
		return -ENOMEM;
	ret = loop_add_fd(loop, e->fd, 0, ready, opaque);
	e->watched = !ret;
	return ret;
}

void etherport_destroy(struct etherport *e)
{
	free(e->rx);
	free(e->tx);
}
