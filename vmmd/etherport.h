/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A card's frames on their way through vmmd: to and from a tap, where the
 * virtio-net header travels along, or passt's stream, where each frame stands
 * behind its length as four bytes in network order.
 *
 * The card that owns it, whatever its front end speaks, brings a loop and a
 * lock; the lock is held in all calls but create and destroy.
 */
#ifndef VMMD_ETHERPORT_H
#define VMMD_ETHERPORT_H

#include <linux/virtio_net.h>
#include <sys/uio.h>

#include "loop.h"
#include "net.h"
#include "types.h"

#define ETHERPORT_HDR_LEN   sizeof(struct virtio_net_hdr_mrg_rxbuf)
#define ETHERPORT_FRAME_MIN 14	  /* an Ethernet header */
#define ETHERPORT_FRAME_MAX 65550 /* 64 KiB of payload and an Ethernet header */
#define ETHERPORT_TURN	    64	  /* frames that one callback moves at most */

/**
 * struct etherport - the host's end of a card, at work
 * @fd: tap or stream; the owner's; constant
 * @kind: what @fd speaks; constant
 * @loop: watches @fd; constant
 * @down: the far end is gone, for good, and why; called with the lock held;
 *	  constant
 * @opaque: argument of @down; constant
 * @rx: what was read and not consumed yet
 * @rx_len: bytes in @rx
 * @tx: rest of a frame that the stream did not take
 * @tx_off: bytes of @tx sent
 * @tx_len: bytes in @tx
 * @events: what @fd is watched for
 * @watched: @fd is on the loop
 */
struct etherport {
	int fd;
	enum net_kind kind;
	struct loop *loop;
	void (*down)(void *opaque, const char *why);
	void *opaque;
	u8 *rx;
	size_t rx_len;
	u8 *tx;
	size_t tx_off;
	size_t tx_len;
	u32 events;
	bool watched;
};

/**
 * struct ether_frame - one frame from the host, in etherport.rx
 * @hdr: the header that came with it; zero for a stream's
 * @data: the frame
 * @len: bytes of @data
 * @span: bytes of etherport.rx it takes
 */
struct ether_frame {
	struct virtio_net_hdr_mrg_rxbuf hdr;
	u8 *data;
	size_t len;
	size_t span;
};

/**
 * etherport_create() - get ready to move frames
 * @e: zeroed
 * @port: open; outlives @e
 * @loop: the owner's
 * @ready: called in the loop's thread when etherport_want() or a full port
 *	   asked for it
 * @down: see struct etherport
 * @opaque: argument of both
 *
 * Return: 0 or a negative errno; etherport_destroy() frees it in either case.
 */
int etherport_create(struct etherport *e, const struct net_port *port, struct loop *loop,
		     loop_fd_fn ready, void (*down)(void *opaque, const char *why), void *opaque);

/** etherport_destroy() - undo it; the loop has no thread, or is gone */
void etherport_destroy(struct etherport *e);

/** etherport_want() - call @ready when there are frames, or do not */
void etherport_want(struct etherport *e, bool frames);

/** etherport_ignore() - do not call @ready at all, for nobody would listen */
void etherport_ignore(struct etherport *e);

/**
 * etherport_next() - look at the next frame from the host
 * @e: port
 * @f: filled in; valid until etherport_consume()
 *
 * Return: false when there is none now.
 */
bool etherport_next(struct etherport *e, struct ether_frame *f);

/** etherport_consume() - the frame of etherport_next() has been dealt with */
void etherport_consume(struct etherport *e, const struct ether_frame *f);

/**
 * etherport_forget() - drop what was meant for a driver that is gone
 * @e: port
 *
 * What a stream has begun to send it must end, or its framing is lost.
 */
void etherport_forget(struct etherport *e);

/**
 * etherport_send() - send a frame
 * @e: port
 * @iov: header and frame; entries may be changed, and iov[-1] must be there
 * @num: entries
 * @len: bytes in all
 *
 * A tap's header needs no check: the tun driver treats it as what it is, a
 * stranger's word. A stream has none.
 *
 * Return: 0; -EAGAIN when the port is full: @ready is called with EPOLLOUT
 * when it is not any more; -EMSGSIZE; another negative errno.
 */
int etherport_send(struct etherport *e, struct iovec *iov, u32 num, u32 len);

/**
 * etherport_writable() - @ready was called with EPOLLOUT
 * @e: port
 *
 * Return: whether frames may be sent again; if not, @ready is called again.
 */
bool etherport_writable(struct etherport *e);

/**
 * etherport_set_offloads() - tell a tap what its frames may look like
 * @port: an open port; nothing happens to a stream
 * @flags: TUN_F_*: what the card's driver can receive
 *
 * Context: any thread; needs no lock.
 * Return: 0, or -EINVAL when this kernel's tun driver does not know them all.
 */
int etherport_set_offloads(const struct net_port *port, unsigned int flags);

#endif /* VMMD_ETHERPORT_H */
