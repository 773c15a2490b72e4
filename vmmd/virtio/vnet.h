/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The network card's parts: net.c speaks virtio (5.1), net_user.c moves
 * frames in vmmd, by etherport.c, vhost.c lets the kernel do it.
 */
#ifndef VMMD_VIRTIO_VNET_H
#define VMMD_VIRTIO_VNET_H

#include <linux/virtio_net.h>

#include "bucket.h"
#include "etherport.h"
#include "net.h"
#include "virtio/vhost.h"

enum vnet_queue { VNET_RX, VNET_TX, VNET_QUEUES };

#define VNET_QUEUE_SIZE 256

/**
 * struct vnet - a network card
 * @virtio: the common part; its lock guards all but constants
 * @port: the host's end, constant
 * @counter: reads the tap's counters for frames vmmd does not see; constant
 * @vhost: the kernel's data path, fd -1 when vmmd moves frames itself
 * @bucket: limit on what the guest sends
 * @stats: frames moved by vmmd
 * @ether: @port at work, when vmmd moves frames
 * @iov: scatter list of the frame at hand
 * @first: scatter list of a frame's first buffer
 */
struct vnet {
	struct virtio_dev virtio;
	struct net_port port;
	struct net_counter *counter;
	struct vhost vhost;
	struct bucket bucket;
	struct device_stats stats;
	struct etherport ether;
	struct iovec iov[VNET_QUEUE_SIZE + 1];
	struct iovec first[VNET_QUEUE_SIZE];
};

/* net_user.c; the lock is held except in create and destroy */
int vnet_user_create(struct vnet *n, const struct config_vif *vif);
void vnet_user_destroy(struct vnet *n);
int vnet_user_start(struct vnet *n);
void vnet_user_stop(struct vnet *n);
void vnet_user_activate(struct vnet *n);
void vnet_user_reset(struct vnet *n);
void vnet_user_kick(struct virtio_queue *q);

/* net.c */
void vnet_link_down(struct vnet *n, const char *why);

#endif /* VMMD_VIRTIO_VNET_H */
