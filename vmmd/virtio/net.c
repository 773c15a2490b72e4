// SPDX-License-Identifier: GPL-2.0
/*
 * virtio-net (virtio 1.2, 5.1) with one pair of queues.
 *
 * On a tap the guest gets every offload that the host's tun driver has, since
 * header and features are the same on both sides. vhost-net moves the frames
 * where the host has it and no rate limit asks for our attention.
 */
#include <errno.h>
#include <linux/if_tun.h>
#include <linux/vhost.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "config.h"
#include "virtio/vnet.h"
#include "vm.h"

#define PCI_CLASS_NET  0x020000 /* network, Ethernet */
#define VHOST_NET_NODE "/dev/vhost-net"

static struct vnet *to_vnet(struct virtio_dev *dev)
{
	return container_of(dev, struct vnet, virtio);
}

static bool has_vhost(const struct vnet *n)
{
	return n->vhost.fd >= 0;
}

/*
 * An offload and the features it stands for: what the guest may receive, and
 * what it may send, because the host then can handle either.
 */
static const struct {
	u32 tun;
	u64 guest;
	u64 host;
} offloads[] = {
	{TUN_F_CSUM, VIRTIO_F(VIRTIO_NET_F_GUEST_CSUM), VIRTIO_F(VIRTIO_NET_F_CSUM)},
	{TUN_F_TSO4, VIRTIO_F(VIRTIO_NET_F_GUEST_TSO4), VIRTIO_F(VIRTIO_NET_F_HOST_TSO4)},
	{TUN_F_TSO6, VIRTIO_F(VIRTIO_NET_F_GUEST_TSO6), VIRTIO_F(VIRTIO_NET_F_HOST_TSO6)},
	{TUN_F_TSO_ECN, VIRTIO_F(VIRTIO_NET_F_GUEST_ECN), VIRTIO_F(VIRTIO_NET_F_HOST_ECN)},
	{TUN_F_UFO, VIRTIO_F(VIRTIO_NET_F_GUEST_UFO), VIRTIO_F(VIRTIO_NET_F_HOST_UFO)},
#ifdef TUN_F_USO4 /* headers of Linux 6.2 */
	{TUN_F_USO4 | TUN_F_USO6,
	 VIRTIO_F(VIRTIO_NET_F_GUEST_USO4) | VIRTIO_F(VIRTIO_NET_F_GUEST_USO6),
	 VIRTIO_F(VIRTIO_NET_F_HOST_USO)},
#endif
};

/* What the running kernel's tun driver accepts decides what is offered. */
static u64 tap_features(const struct vnet *n)
{
	unsigned int flags = 0;
	u64 features = 0;

	for (size_t i = 0; i < ARRAY_SIZE(offloads); i++) {
		if (etherport_set_offloads(&n->port, flags | offloads[i].tun))
			continue;
		flags |= offloads[i].tun;
		features |= offloads[i].guest | offloads[i].host;
	}
	etherport_set_offloads(&n->port, 0);
	return features;
}

/* Tells the tap what this driver can receive. */
static int set_offloads(struct vnet *n)
{
	unsigned int flags = 0;

	for (size_t i = 0; i < ARRAY_SIZE(offloads); i++) {
		/* 5.1.3.1: nothing of the sort without checksums. */
		if (!virtio_has(&n->virtio, VIRTIO_NET_F_GUEST_CSUM))
			break;
		if ((n->virtio.accepted & offloads[i].guest) == offloads[i].guest)
			flags |= offloads[i].tun;
	}
	return etherport_set_offloads(&n->port, flags);
}

static void vhost_disconnect(struct vnet *n)
{
	if (!n->vhost.active)
		return;
	for (unsigned int i = 0; i < VNET_QUEUES; i++) {
		struct vhost_vring_file none = {.index = i, .fd = -1};

		ioctl(n->vhost.fd, VHOST_NET_SET_BACKEND, &none);
	}
	vhost_save_rings(&n->vhost);
}

static int vhost_connect(struct vnet *n)
{
	int ret = vhost_run_rings(&n->vhost);

	for (unsigned int i = 0; !ret && i < VNET_QUEUES; i++) {
		struct vhost_vring_file tap = {.index = i, .fd = n->port.fd};

		if (ioctl(n->vhost.fd, VHOST_NET_SET_BACKEND, &tap))
			ret = -errno;
	}
	if (ret)
		vhost_disconnect(n);
	return ret;
}

static int vnet_activate(struct virtio_dev *dev)
{
	struct vnet *n = to_vnet(dev);
	int ret = set_offloads(n);

	if (ret)
		return ret;
	if (has_vhost(n))
		return vhost_connect(n);
	vnet_user_activate(n);
	return 0;
}

static void vnet_reset(struct virtio_dev *dev)
{
	struct vnet *n = to_vnet(dev);

	if (has_vhost(n))
		vhost_disconnect(n);
	else
		vnet_user_reset(n);
}

static void vnet_vector_changed(struct virtio_queue *q)
{
	struct vnet *n = to_vnet(q->dev);

	if (n->vhost.active)
		vhost_route(&n->vhost);
}

static int vnet_start(struct virtio_dev *dev)
{
	struct vnet *n = to_vnet(dev);
	int ret;

	if (!has_vhost(n))
		return vnet_user_start(n);
	ret = vhost_start(&n->vhost);
	/* After a pause the driver is live already. */
	if (!ret && virtio_dev_live(dev))
		ret = vhost_connect(n);
	return ret;
}

static void vnet_stop(struct virtio_dev *dev)
{
	struct vnet *n = to_vnet(dev);

	if (has_vhost(n)) {
		vhost_disconnect(n);
		vhost_stop(&n->vhost);
	} else {
		vnet_user_stop(n);
	}
}

static void vnet_stats(struct virtio_dev *dev, struct device_stats *stats)
{
	struct vnet *n = to_vnet(dev);

	pthread_mutex_lock(&dev->lock);
	if (n->counter)
		net_counter_read(n->counter, &n->stats);
	*stats = n->stats;
	pthread_mutex_unlock(&dev->lock);
}

static void free_parts(struct vnet *n)
{
	vnet_user_destroy(n);
	net_counter_close(n->counter);
	vhost_close(&n->vhost);
	net_port_close(&n->port);
}

static void vnet_destroy(struct virtio_dev *dev)
{
	struct vnet *n = to_vnet(dev);

	free_parts(n);
	free(n);
}

/**
 * vnet_link_down - the host's end is gone
 * @n: card, locked
 * @why: one line
 */
void vnet_link_down(struct vnet *n, const char *why)
{
	struct virtio_net_config *c = (void *)n->virtio.config;

	log_warn("%s: link down: %s", n->virtio.name, why);
	c->status &= ~VIRTIO_NET_S_LINK_UP;
	virtio_config_changed(&n->virtio);
}

static const struct virtio_ops vnet_ops = {
	.activate = vnet_activate,
	.reset = vnet_reset,
	.kick = vnet_user_kick,
	.vector_changed = vnet_vector_changed,
	.start = vnet_start,
	.stop = vnet_stop,
	.destroy = vnet_destroy,
	.stats = vnet_stats,
};

static void fill_config(struct vnet *n, const struct config_vif *vif)
{
	struct virtio_net_config c = {
		.status = VIRTIO_NET_S_LINK_UP,
		.max_virtqueue_pairs = 1,
		.mtu = n->port.mtu,
	};

	memcpy(c.mac, vif->mac, sizeof(c.mac));
	memcpy(n->virtio.config, &c, n->virtio.config_len);
}

static int create_path(struct vnet *n, const struct config_vif *vif)
{
	if (has_vhost(n)) {
		vhost_bind(&n->vhost, &n->virtio);
		n->counter = net_counter_open(n->port.ifname);
		return n->counter ? 0 : -ENOMEM;
	}
	return vnet_user_create(n, vif);
}

static u64 choose_features(const struct vnet *n)
{
	u64 features = VIRTIO_F(VIRTIO_NET_F_MAC) | VIRTIO_F(VIRTIO_NET_F_STATUS) |
		       VIRTIO_F(VIRTIO_NET_F_MRG_RXBUF);

	if (n->port.mtu)
		features |= VIRTIO_F(VIRTIO_NET_F_MTU);
	if (n->port.kind == NET_TAP)
		features |= tap_features(n);
	return features;
}

/**
 * virtio_net_create - make a network card
 * @vm: the VM
 * @vif: its configuration, an element of vm->cfg.vifs
 *
 * Return: 0 or a negative errno (logged).
 */
int virtio_net_create(struct vm *vm, const struct config_vif *vif)
{
	char name[16];
	struct virtio_setup setup = {
		.name = name,
		.kind = DEVICE_NET,
		.type = VIRTIO_ID_NET,
		.class = PCI_CLASS_NET,
		.ops = &vnet_ops,
		.num_queues = VNET_QUEUES,
		.queue_size = VNET_QUEUE_SIZE,
		.config_len = offsetof(struct virtio_net_config, speed),
	};
	struct vnet *n = calloc(1, sizeof(*n));
	struct net_error err;
	int ret;

	snprintf(name, sizeof(name), "vif%d", (int)(vif - vm->cfg.vifs));
	if (!n) {
		log_err("%s: out of memory", name);
		return -ENOMEM;
	}
	n->vhost = (struct vhost){.fd = -1, .err = -1};
	ret = net_port_open(vif, vm->cfg.name, &n->port, &err);
	if (ret) {
		log_err("%s: %s", name, err.text);
		goto free_card;
	}
	setup.features = choose_features(n);
	if (n->port.kind == NET_TAP && !vif->rate)
		vhost_open(&n->vhost, VHOST_NET_NODE, VNET_QUEUES);
	setup.own_thread = !has_vhost(n);
	ret = virtio_dev_create(&n->virtio, vm, &setup);
	if (ret)
		goto free_parts;
	fill_config(n, vif);
	ret = create_path(n, vif);
	if (ret) {
		log_err("%s: %s", name, strerror(-ret));
		goto free_parts;
	}
	ret = virtio_dev_register(&n->virtio);
	if (ret)
		goto free_parts;
	return 0;

free_parts:
	free_parts(n);
	virtio_dev_release(&n->virtio);
free_card:
	free(n);
	return ret;
}
