/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The network card's parts: net.c speaks virtio (5.1), net_user.c moves
 * frames in vmmd, vhost.c lets the kernel do it.
 */
#ifndef VMMD_VIRTIO_VNET_H
#define VMMD_VIRTIO_VNET_H

#include <linux/virtio_net.h>

#include "net.h"
#include "virtio/vhost.h"

enum vnet_queue { VNET_RX, VNET_TX, VNET_QUEUES };

#define VNET_QUEUE_SIZE 256
#define VNET_HDR_LEN	sizeof(struct virtio_net_hdr_mrg_rxbuf)
#define VNET_FRAME_MAX	65550 /* 64 KiB of payload and an Ethernet header */
#define VNET_BUFFER	(VNET_HDR_LEN + VNET_FRAME_MAX + 256)

/**
 * struct vnet_bucket - how much the guest may still send
 * @rate: bytes per second, 0 for no limit; constant
 * @depth: bytes that may be sent at once; constant
 * @level: bytes that may be sent now
 * @filled_ns: when @level was computed
 * @timer: wakes the queue when there is enough again
 */
struct vnet_bucket {
	u64 rate;
	u64 depth;
	s64 level;
	u64 filled_ns;
	struct loop_timer *timer;
};

/**
 * struct vnet - a network card
 * @virtio: the common part; its lock guards all but constants
 * @port: the host's end, constant
 * @counter: reads the tap's counters for frames vmmd does not see; constant
 * @vhost: the kernel's data path, fd -1 when vmmd moves frames itself
 * @bucket: limit on what the guest sends
 * @stats: frames moved by vmmd
 * @rx: frames from the host not delivered yet, VNET_BUFFER bytes, or NULL
 * @rx_len: bytes in @rx
 * @tx: rest of a frame that the stream did not take, or NULL
 * @tx_off: bytes of @tx sent
 * @tx_len: bytes in @tx
 * @events: what the port is watched for
 * @watched: the port is on the loop
 * @iov: scatter list of the frame at hand
 * @first: scatter list of a frame's first buffer
 */
struct vnet {
	struct virtio_dev virtio;
	struct net_port port;
	struct net_counter *counter;
	struct vhost vhost;
	struct vnet_bucket bucket;
	struct device_stats stats;
	u8 *rx;
	size_t rx_len;
	u8 *tx;
	size_t tx_off;
	size_t tx_len;
	u32 events;
	bool watched;
	struct iovec iov[VNET_QUEUE_SIZE + 1];
	struct iovec first[VNET_QUEUE_SIZE];
};

/* net_user.c; the lock is held except in create and destroy */
int vnet_user_create(struct vnet *n);
void vnet_user_destroy(struct vnet *n);
int vnet_user_start(struct vnet *n);
void vnet_user_stop(struct vnet *n);
void vnet_user_activate(struct vnet *n);
void vnet_user_reset(struct vnet *n);
void vnet_user_kick(struct virtio_queue *q);

/* net.c */
void vnet_link_down(struct vnet *n, const char *why);

/* net_bucket.c */
int vnet_bucket_create(struct vnet *n, u64 rate, u32 interval_us);
bool vnet_bucket_take(struct vnet *n, u32 bytes);

#endif /* VMMD_VIRTIO_VNET_H */
