/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The network back end (xen/io/netif.h): a card that a Xen guest reaches over
 * pairs of rings in its own memory.
 *
 * netback.c	     the device: create, start, stop, destroy
 * netback_connect.c what both ends tell each other in xenstore
 * netback_tx.c	     frames from the guest
 * netback_rx.c	     frames for the guest
 * netback_csum.c    headers and checksums
 *
 * Threads. The handshake, start and stop run in the main thread. One I/O thread
 * moves frames, told by event channels, the port and the rate limit's timer.
 * netback.lock guards all that is not marked otherwise; it is never held while
 * xenbus.h or xen_evtchn_unbind() is called.
 */
#ifndef VMMD_XEN_NETBACK_H
#define VMMD_XEN_NETBACK_H

/* First: it says what Xen's headers are to define. */
#include "xen/ring.h"

#include <pthread.h>
#include <stdint.h> /* before Xen's headers, which use it without including it */
#include <xen/io/netif.h>

#include "bucket.h"
#include "device.h"
#include "etherport.h"
#include "net.h"
#include "xen/xenbus.h"

#define NETBACK_QUEUES_MAX 4
#define NETBACK_MCAST_MAX  64 /* addresses of the multicast filter */
#define NETBACK_FAULT_MAX  96

struct netback;
struct vm;

/**
 * struct netback_queue - a pair of rings
 * @nb: the card, constant
 * @index: number of the queue, constant
 * @tx: our indices; its page is the guest's to change at any time
 * @rx: likewise
 * @tx_ref: grant of the page of @tx; main thread only
 * @rx_ref: likewise
 * @port: event channel of @tx, or of both; constant while connected
 * @rx_port: event channel of @rx, the same as @port when they share one
 * @bound: which of them we listen to; main thread only
 */
struct netback_queue {
	struct netback *nb;
	u32 index;
	netif_tx_back_ring_t tx;
	netif_rx_back_ring_t rx;
	u32 tx_ref;
	u32 rx_ref;
	u32 port;
	u32 rx_port;
	u32 bound;
};

/**
 * struct netback_front - what a front end has asked for
 * @queues: how many pairs of rings
 * @sg: takes frames of more than a page
 * @csum4: takes TCP and UDP over IPv4 with a blank checksum
 * @csum6: takes TCP and UDP over IPv6 with a blank checksum
 * @gso4: takes large TCP segments over IPv4
 * @gso6: takes large TCP segments over IPv6
 * @rx_notify: tells when it has put receive buffers
 * @mcast: multicast frames are to be filtered
 */
struct netback_front {
	u32 queues;
	bool sg;
	bool csum4;
	bool csum6;
	bool gso4;
	bool gso6;
	bool rx_notify;
	bool mcast;
};

/**
 * struct netback - a network card
 * @device: entry of the VM's list
 * @vm: constant
 * @name: for messages and threads, constant
 * @mac: the guest's address, constant
 * @vif: its configuration, NULL for one that was attached; constant
 * @rate: bytes per second the guest may send, 0 for no limit; constant
 * @rate_interval_us: of @rate; constant
 * @xenbus: the handshake; main thread only, its xen is constant while connected
 * @added: xenbus_add() was called; main thread only
 * @carrier_told: "carrier" says that the link is down; main thread only
 * @id: number of the card, constant
 * @queues_max: how many queues are offered, constant
 * @loop: the I/O thread's, constant
 * @kick: eventfd: look at everything; constant
 * @port: the host's end, constant
 * @queue: the rings
 * @lock: see above
 * @ether: @port at work
 * @bucket: limit on what the guest sends
 * @stats: counters
 * @running: between start and stop
 * @connected: rings are mapped; @front and @queue are constant meanwhile
 * @link_down: the host's end is gone
 * @fault: what the front end did wrong, "" for nothing
 * @front: the front end
 * @mcast: addresses of the filter
 * @mcast_count: entries of @mcast
 * @tx_turn: queue to be looked at next for a frame from the guest
 * @tx_hdr: header of @tx_frame
 * @tx_frame: the guest's frame that is being sent, ETHERPORT_FRAME_MAX bytes
 * @tx_len: bytes of it, 0 for no frame
 * @tx_paid: the rate limit has let it pass
 */
struct netback {
	struct device device;
	struct vm *vm;
	char name[16];
	u8 mac[6];
	const struct config_vif *vif;
	u64 rate;
	u32 rate_interval_us;
	struct xenbus_dev xenbus;
	bool added;
	bool carrier_told;
	u32 id;
	u32 queues_max;
	struct loop *loop;
	int kick;
	struct net_port port;
	struct netback_queue queue[NETBACK_QUEUES_MAX];

	pthread_mutex_t lock;
	struct etherport ether;
	struct bucket bucket;
	struct device_stats stats;
	bool running;
	bool connected;
	bool link_down;
	char fault[NETBACK_FAULT_MAX];
	struct netback_front front;
	u8 mcast[NETBACK_MCAST_MAX][6];
	u32 mcast_count;
	u32 tx_turn;
	struct virtio_net_hdr_mrg_rxbuf tx_hdr;
	u8 *tx_frame;
	u32 tx_len;
	bool tx_paid;
};

/* What the front end sees of a card's handshake, netback_connect.c. */
extern const struct xenbus_ops netback_xenbus_ops;

/**
 * netback_fault() - close the device for what its front end did
 * @nb: card, locked
 * @fmt: what it did
 *
 * The first reason wins. No more requests are taken, and the main thread calls
 * xenbus_fail().
 * Context: any thread.
 */
void netback_fault(struct netback *nb, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/** netback_live() - may the rings of this locked card be touched? */
bool netback_live(const struct netback *nb);

/** netback_kick() - have the I/O thread look at everything; any thread */
void netback_kick(struct netback *nb);

/**
 * netback_transmit() - send frames of the guest's
 * @nb: card, locked and live
 *
 * Stops when the rings are empty, the port is full, the rate limit is reached
 * or a turn is over; it is called again when that has passed.
 * Context: I/O thread.
 */
void netback_transmit(struct netback *nb);

/**
 * netback_receive() - give frames to the guest
 * @nb: card, locked and live
 *
 * A frame for which the guest has no buffers stays in the port until it
 * notifies. Context: I/O thread.
 */
void netback_receive(struct netback *nb);

/**
 * struct netback_headers - where things are in a frame with TCP or UDP
 * @ip6: IPv6, or IPv4
 * @proto: IPPROTO_TCP or IPPROTO_UDP
 * @addrs: offset of source and destination address
 * @l4: offset of the TCP or UDP header
 * @csum: offset of the checksum in it
 * @data: offset of the first byte behind it
 * @end: offset of the first byte behind the IP packet, at most the frame's length
 */
struct netback_headers {
	bool ip6;
	u8 proto;
	u32 addrs;
	u32 l4;
	u32 csum;
	u32 data;
	u32 end;
};

/**
 * netback_parse() - find the headers of a frame
 * @frame: bytes that nobody else can change
 * @len: how many
 * @h: filled in
 *
 * Return: false when it is not a whole packet with TCP or UDP over IP.
 */
bool netback_parse(const u8 *frame, size_t len, struct netback_headers *h);

/** netback_flow() - a number that all frames between two sockets share */
u32 netback_flow(const u8 *frame, const struct netback_headers *h);

/**
 * netback_csum_seed() - put the sum of the pseudo header where the checksum goes
 * @frame: frame with @h
 * @h: its headers
 *
 * Whoever completes the checksum expects it there.
 */
void netback_csum_seed(u8 *frame, const struct netback_headers *h);

/**
 * netback_csum_fill() - complete a checksum
 * @frame: frame
 * @start: first byte that is summed
 * @end: first byte that is not
 * @csum: where the checksum goes, with the pseudo header's sum in it
 *
 * Return: false when @csum is not between @start and @end.
 */
bool netback_csum_fill(u8 *frame, size_t start, size_t end, size_t csum);

#endif /* VMMD_XEN_NETBACK_H */
