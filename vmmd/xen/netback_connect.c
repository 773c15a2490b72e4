// SPDX-License-Identifier: GPL-2.0
/*
 * What both ends of a card tell each other in xenstore (the first comments of
 * xen/io/netif.h), and the rings that come of it.
 */
#include <errno.h>
#include <linux/if_tun.h>
#include <stdio.h>
#include <string.h>

#include "vm.h"
#include "xen/netback.h"
#include "xen/xen.h"

/* Room for "queue-3/event-channel-tx" and its like. */
#define KEY_MAX 32

/* Bits of netback_queue.bound. */
#define BOUND_TX 1U
#define BOUND_RX 2U

static struct netback *to_netback(struct xenbus_dev *dev)
{
	return container_of(dev, struct netback, xenbus);
}

static int advertise(struct xenbus_dev *dev)
{
	struct netback *nb = to_netback(dev);
	bool tap = nb->port.kind == NET_TAP;
	const struct {
		const char *key;
		u32 value;
	} numbers[] = {
		{"handle", nb->id},
		{"feature-sg", 1},
		{"feature-gso-tcpv4", tap},
		{"feature-gso-tcpv6", tap},
		{"feature-ipv6-csum-offload", 1},
		{"feature-rx-copy", 1},
		{"feature-rx-flip", 0},
		{"feature-multicast-control", 1},
		{"feature-split-event-channels", 1},
		{"multi-queue-max-queues", nb->queues_max},
		{"carrier", !nb->carrier_told},
	};
	int ret = 0;

	for (size_t i = 0; !ret && i < ARRAY_SIZE(numbers); i++)
		ret = xenbus_write(dev, numbers[i].key, "%u", numbers[i].value);
	return ret;
}

/* What a number below the front end's directory is, @fallback when not given. */
static int read_option(struct xenbus_dev *dev, const char *key, u32 fallback, u32 *value)
{
	int ret = xenbus_read_u32(dev, key, value);

	if (ret == -ENOENT) {
		*value = fallback;
		ret = 0;
	}
	if (ret)
		xenbus_fail(dev, "%s is no number", key);
	return ret;
}

static int read_flag(struct xenbus_dev *dev, const char *key, bool *flag)
{
	u32 value;
	int ret = read_option(dev, key, 0, &value);

	*flag = !ret && value;
	return ret;
}

static int read_front(struct xenbus_dev *dev, struct netback_front *front)
{
	u32 max = to_netback(dev)->queues_max;
	bool copy = false, no_csum4 = false;
	const struct {
		const char *key;
		bool *flag;
	} flags[] = {
		{"request-rx-copy", &copy},
		{"feature-sg", &front->sg},
		{"feature-no-csum-offload", &no_csum4},
		{"feature-ipv6-csum-offload", &front->csum6},
		{"feature-gso-tcpv4", &front->gso4},
		{"feature-gso-tcpv6", &front->gso6},
		{"feature-rx-notify", &front->rx_notify},
		{"request-multicast-control", &front->mcast},
	};
	int ret = 0;

	for (size_t i = 0; !ret && i < ARRAY_SIZE(flags); i++)
		ret = read_flag(dev, flags[i].key, flags[i].flag);
	if (!ret)
		ret = read_option(dev, "multi-queue-num-queues", 1, &front->queues);
	if (ret)
		return ret;
	if (!copy) {
		xenbus_fail(dev, "request-rx-copy is not 1: page flipping is not supported");
		return -EPROTO;
	}
	if (!front->queues || front->queues > max) {
		xenbus_fail(dev, "%u queues: expected 1 to %u", front->queues, max);
		return -EPROTO;
	}
	/* A large segment has no checksum yet, and takes more than a page. */
	front->csum4 = !no_csum4;
	front->gso4 &= front->sg && front->csum4;
	front->gso6 &= front->sg && front->csum6;
	return 0;
}

/* The tap knows one word for both checksums; the rest is completed here. */
static int set_offloads(struct netback *nb, const struct netback_front *front)
{
	unsigned int flags = 0;

	if (front->csum4 || front->csum6)
		flags |= TUN_F_CSUM;
	if (front->gso4)
		flags |= TUN_F_TSO4;
	if (front->gso6)
		flags |= TUN_F_TSO6;
	return etherport_set_offloads(&nb->port, flags);
}

/* A number of a queue's: with several queues, each has a directory. */
static int read_queue(struct netback_queue *q, u32 queues, const char *name, u32 *value)
{
	char key[KEY_MAX];

	if (queues > 1)
		snprintf(key, sizeof(key), "queue-%u/%s", q->index, name);
	else
		snprintf(key, sizeof(key), "%s", name);
	return xenbus_read_u32(&q->nb->xenbus, key, value);
}

static void *map_page(struct netback_queue *q, u32 queues, const char *name, u32 *ref)
{
	struct xenbus_dev *dev = &q->nb->xenbus;
	void *page;

	if (read_queue(q, queues, name, ref)) {
		xenbus_fail(dev, "%s of queue %u is missing or no number", name, q->index);
		return NULL;
	}
	page = xen_grant_map(dev->xen, *ref, true);
	if (!page)
		xenbus_fail(dev, "%s of queue %u: %u is no grant of a page to write to", name,
			    q->index, *ref);
	return page;
}

/* A ring that has been in use before goes on at its responses. */
static int map_rings(struct netback_queue *q, u32 queues)
{
	netif_tx_sring_t *tx;
	netif_rx_sring_t *rx;

	tx = map_page(q, queues, "tx-ring-ref", &q->tx_ref);
	if (!tx)
		return -EPROTO;
	BACK_RING_ATTACH(&q->tx, tx, __atomic_load_n(&tx->rsp_prod, __ATOMIC_ACQUIRE),
			 GUEST_PAGE_SIZE);
	rx = map_page(q, queues, "rx-ring-ref", &q->rx_ref);
	if (!rx)
		return -EPROTO;
	BACK_RING_ATTACH(&q->rx, rx, __atomic_load_n(&rx->rsp_prod, __ATOMIC_ACQUIRE),
			 GUEST_PAGE_SIZE);
	return 0;
}

static void tx_event(void *opaque)
{
	struct netback *nb = ((struct netback_queue *)opaque)->nb;

	pthread_mutex_lock(&nb->lock);
	if (netback_live(nb))
		netback_transmit(nb);
	pthread_mutex_unlock(&nb->lock);
}

static void rx_event(void *opaque)
{
	struct netback *nb = ((struct netback_queue *)opaque)->nb;

	pthread_mutex_lock(&nb->lock);
	if (netback_live(nb))
		netback_receive(nb);
	pthread_mutex_unlock(&nb->lock);
}

static void both_event(void *opaque)
{
	tx_event(opaque);
	rx_event(opaque);
}

static int bind_port(struct netback_queue *q, u32 port, u32 bit, xen_event_fn fn)
{
	struct netback *nb = q->nb;
	int ret = xen_evtchn_bind(nb->xenbus.xen, port, nb->loop, fn, q);

	if (ret)
		xenbus_fail(&nb->xenbus, "event channel %u of queue %u: %s", port, q->index,
			    strerror(-ret));
	else
		q->bound |= bit;
	return ret;
}

/*
 * Two event channels, or one for both directions. The two are looked for first:
 * a boot loader may have left the one behind.
 */
static int bind_ports(struct netback_queue *q, u32 queues)
{
	int ret;

	if (!read_queue(q, queues, "event-channel-tx", &q->port) &&
	    !read_queue(q, queues, "event-channel-rx", &q->rx_port)) {
		ret = bind_port(q, q->port, BOUND_TX, tx_event);
		return ret ? ret : bind_port(q, q->rx_port, BOUND_RX, rx_event);
	}
	if (read_queue(q, queues, "event-channel", &q->port)) {
		xenbus_fail(&q->nb->xenbus, "event-channel of queue %u is missing or no number",
			    q->index);
		return -EPROTO;
	}
	q->rx_port = q->port;
	return bind_port(q, q->port, BOUND_TX, both_event);
}

/* Undoes as much of map_rings() and bind_ports() as was done. */
static void release_queues(struct netback *nb)
{
	struct xen *xen = nb->xenbus.xen;

	for (u32 i = 0; i < NETBACK_QUEUES_MAX; i++) {
		struct netback_queue *q = &nb->queue[i];

		if (q->bound & BOUND_TX)
			xen_evtchn_unbind(xen, q->port);
		if (q->bound & BOUND_RX)
			xen_evtchn_unbind(xen, q->rx_port);
		if (q->tx.sring)
			xen_grant_unmap(xen, q->tx_ref, true);
		if (q->rx.sring)
			xen_grant_unmap(xen, q->rx_ref, true);
		q->bound = 0;
		q->tx.sring = NULL;
		q->rx.sring = NULL;
	}
}

static int connect_queues(struct netback *nb, const struct netback_front *front)
{
	int ret = set_offloads(nb, front);

	if (ret)
		xenbus_fail(&nb->xenbus, "offloads of %s: %s", nb->port.ifname, strerror(-ret));
	for (u32 i = 0; !ret && i < front->queues; i++) {
		ret = map_rings(&nb->queue[i], front->queues);
		if (!ret)
			ret = bind_ports(&nb->queue[i], front->queues);
	}
	return ret;
}

static int connect_device(struct xenbus_dev *dev)
{
	struct netback *nb = to_netback(dev);
	struct netback_front front = {0};
	int ret;

	ret = read_front(dev, &front);
	if (ret)
		return ret;
	ret = connect_queues(nb, &front);
	if (ret) {
		release_queues(nb);
		return ret;
	}
	pthread_mutex_lock(&nb->lock);
	nb->front = front;
	nb->tx_turn = 0;
	nb->connected = true;
	pthread_mutex_unlock(&nb->lock);
	/* What was put there before we listened. */
	netback_kick(nb);
	return 0;
}

static void disconnect(struct xenbus_dev *dev)
{
	struct netback *nb = to_netback(dev);

	pthread_mutex_lock(&nb->lock);
	nb->connected = false;
	nb->fault[0] = '\0';
	nb->mcast_count = 0;
	nb->tx_len = 0;
	etherport_forget(&nb->ether);
	pthread_mutex_unlock(&nb->lock);
	release_queues(nb);
	/* What comes now may be for a front end that can take less. */
	etherport_set_offloads(&nb->port, 0);
}

const struct xenbus_ops netback_xenbus_ops = {
	.advertise = advertise,
	.connect = connect_device,
	.disconnect = disconnect,
};
