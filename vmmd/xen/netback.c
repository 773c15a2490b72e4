// SPDX-License-Identifier: GPL-2.0
/*
 * The network back end as a device of the VM. See netback.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "config.h"
#include "vm.h"
#include "xen/backends.h"
#include "xen/netback.h"
#include "xen/store.h"
#include "xen/xen.h"
#include "xen/save.h"

static struct netback *to_netback(struct device *device)
{
	return container_of(device, struct netback, device);
}

bool netback_live(const struct netback *nb)
{
	return nb->running && nb->connected && !nb->fault[0];
}

/* What the I/O thread leaves to the main thread; while paused it waits. */
static void attend(void *opaque)
{
	struct netback *nb = opaque;
	char fault[NETBACK_FAULT_MAX];
	bool running, link_down;

	pthread_mutex_lock(&nb->lock);
	running = nb->running;
	link_down = nb->link_down;
	memcpy(fault, nb->fault, sizeof(fault));
	pthread_mutex_unlock(&nb->lock);
	if (!running || !nb->added)
		return;
	if (fault[0])
		xenbus_fail(&nb->xenbus, "%s", fault);
	if (link_down && !nb->carrier_told)
		nb->carrier_told = !xenbus_write(&nb->xenbus, "carrier", "0");
}

static void call_main(struct netback *nb)
{
	if (loop_post(nb->vm->main_loop, attend, nb))
		log_err("%s: out of memory, xenstore is not told", nb->name);
}

void netback_fault(struct netback *nb, const char *fmt, ...)
{
	va_list ap;

	if (nb->fault[0])
		return;
	va_start(ap, fmt);
	vsnprintf(nb->fault, sizeof(nb->fault), fmt, ap);
	va_end(ap);
	call_main(nb);
}

void netback_kick(struct netback *nb)
{
	/* Fails only when the counter is full, and then it is a kick anyway. */
	eventfd_write(nb->kick, 1);
}

static void kicked(void *opaque, u32 events)
{
	struct netback *nb = opaque;
	eventfd_t count;

	(void)events;
	eventfd_read(nb->kick, &count);
	pthread_mutex_lock(&nb->lock);
	if (netback_live(nb))
		netback_transmit(nb);
	if (netback_live(nb))
		netback_receive(nb);
	pthread_mutex_unlock(&nb->lock);
}

static void port_ready(void *opaque, u32 events)
{
	struct netback *nb = opaque;

	pthread_mutex_lock(&nb->lock);
	if (!netback_live(nb))
		etherport_ignore(&nb->ether);
	if (netback_live(nb) && events & EPOLLOUT && etherport_writable(&nb->ether))
		netback_transmit(nb);
	if (netback_live(nb) && events & ~EPOLLOUT)
		netback_receive(nb);
	pthread_mutex_unlock(&nb->lock);
}

static void refilled(void *opaque)
{
	netback_kick(opaque);
}

static void link_down(void *opaque, const char *why)
{
	struct netback *nb = opaque;

	log_warn("%s: link down: %s", nb->name, why);
	nb->link_down = true;
	call_main(nb);
}

static int write_front(struct netback *nb, const char *key, const char *value)
{
	char path[XENBUS_PATH_MAX + 16];

	snprintf(path, sizeof(path), "%s/%s", nb->xenbus.frontend, key);
	return xenstore_write(xen_store(nb->vm->xen), path, "%s", value);
}

/* What a toolstack puts into the front end's directory. */
static int describe_card(struct netback *nb)
{
	const u8 *m = nb->mac;
	char text[32];
	int ret;

	snprintf(text, sizeof(text), "%02x:%02x:%02x:%02x:%02x:%02x", m[0], m[1], m[2], m[3], m[4],
		 m[5]);
	ret = write_front(nb, "mac", text);
	if (!ret) {
		snprintf(text, sizeof(text), "%u", nb->id);
		ret = write_front(nb, "handle", text);
	}
	if (!ret && nb->port.mtu) {
		snprintf(text, sizeof(text), "%u", nb->port.mtu);
		ret = write_front(nb, "mtu", text);
	}
	return ret;
}

/* The guest has not begun: its driver will find all this when it looks. */
static int add_to_bus(struct netback *nb)
{
	int ret;

	nb->xenbus = (struct xenbus_dev){
		.xen = nb->vm->xen,
		.type = "vif",
		.id = nb->id,
		.ops = &netback_xenbus_ops,
	};
	ret = xenbus_add(&nb->xenbus);
	if (ret)
		return ret;
	nb->added = true;
	return describe_card(nb);
}

static void set_running(struct netback *nb, bool running)
{
	pthread_mutex_lock(&nb->lock);
	nb->running = running;
	pthread_mutex_unlock(&nb->lock);
}

static int netback_start(struct device *device)
{
	struct netback *nb = to_netback(device);
	int ret;

	if (nb->running)
		return 0;
	set_running(nb, true);
	ret = loop_start_thread(nb->loop, nb->name);
	if (!ret && !nb->added)
		ret = add_to_bus(nb);
	if (ret) {
		log_err("%s: cannot start: %s", nb->name, strerror(-ret));
		device->stop(device);
		return ret;
	}
	netback_kick(nb);
	attend(nb);
	return 0;
}

static void netback_stop(struct device *device)
{
	struct netback *nb = to_netback(device);

	if (!nb->running)
		return;
	set_running(nb, false);
	loop_stop_thread(nb->loop);
}

static void netback_reset(struct device *device)
{
	struct netback *nb = to_netback(device);

	if (!nb->added)
		return;
	xenbus_remove(&nb->xenbus);
	nb->added = false;
}

static void free_parts(struct netback *nb)
{
	bucket_destroy(&nb->bucket);
	loop_destroy(nb->loop);
	etherport_destroy(&nb->ether);
	net_port_close(&nb->port);
	free(nb->tx_frame);
	if (nb->kick >= 0)
		close(nb->kick);
	free(nb);
}

static void netback_destroy(struct device *device)
{
	netback_reset(device);
	free_parts(to_netback(device));
}

static void netback_stats(struct device *device, struct device_stats *stats)
{
	struct netback *nb = to_netback(device);

	pthread_mutex_lock(&nb->lock);
	*stats = nb->stats;
	pthread_mutex_unlock(&nb->lock);
}

static int create_parts(struct netback *nb, const struct config_vif *vif)
{
	int ret;

	nb->kick = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	nb->loop = nb->kick < 0 ? NULL : loop_create();
	if (!nb->loop)
		return -errno;
	nb->tx_frame = malloc(ETHERPORT_FRAME_MAX);
	if (!nb->tx_frame)
		return -ENOMEM;
	ret = loop_add_fd(nb->loop, nb->kick, EPOLLIN, kicked, nb);
	if (!ret)
		ret = bucket_create(&nb->bucket, vif->rate, vif->rate_interval_us, nb->loop,
				    refilled, nb);
	if (ret)
		return ret;
	return etherport_create(&nb->ether, &nb->port, nb->loop, port_ready, link_down, nb);
}

static struct netback *alloc_card(struct vm *vm, const struct config_vif *vif, u32 id)
{
	struct netback *nb = calloc(1, sizeof(*nb));

	if (!nb) {
		log_err("vif%u: out of memory", id);
		return NULL;
	}
	snprintf(nb->name, sizeof(nb->name), "vif%u", id);
	nb->device = (struct device){
		.name = nb->name,
		.kind = DEVICE_NET,
		.start = netback_start,
		.stop = netback_stop,
		.reset = netback_reset,
		.destroy = netback_destroy,
		.stats = netback_stats,
		.xenbus = &nb->xenbus,
		.host = nb->port.ifname,
	};
	/* By these it is found, also before it is on the bus. */
	nb->xenbus = (struct xenbus_dev){.xen = vm->xen, .type = "vif", .id = id};
	nb->vm = vm;
	nb->id = id;
	nb->kick = -1;
	memcpy(nb->mac, vif->mac, sizeof(nb->mac));
	nb->rate = vif->rate;
	nb->rate_interval_us = vif->rate_interval_us;
	nb->queues_max = min_t(u32, vm->cfg.vcpus, NETBACK_QUEUES_MAX);
	for (u32 i = 0; i < NETBACK_QUEUES_MAX; i++) {
		nb->queue[i].nb = nb;
		nb->queue[i].index = i;
	}
	pthread_mutex_init(&nb->lock, NULL);
	nb->port.fd = -1;
	return nb;
}

/* The port is there: the rest. */
static int complete(struct netback *nb, const struct config_vif *vif)
{
	int ret = create_parts(nb, vif);

	if (ret)
		log_err("%s: %s", nb->name, strerror(-ret));
	else
		vm_add_device(nb->vm, &nb->device);
	return ret;
}

int netback_create(struct vm *vm, const struct config_vif *vif)
{
	struct netback *nb = alloc_card(vm, vif, restore_vif_id(vm, (u32)(vif - vm->cfg.vifs)));
	struct net_error err;
	int ret;

	if (!nb)
		return -ENOMEM;
	nb->vif = vif;
	ret = net_port_open(vif, vm->cfg.name, &nb->port, &err);
	if (ret)
		log_err("%s: %s", nb->name, err.text);
	else
		ret = complete(nb, vif);
	if (ret)
		free_parts(nb);
	return ret;
}

int netback_attach(struct vm *vm, const struct config_vif *vif, u32 id, const struct net_port *port)
{
	struct netback *nb = alloc_card(vm, vif, id);
	int ret;

	if (!nb)
		return -ENOMEM;
	nb->port = *port;
	nb->port.fd = fcntl(port->fd, F_DUPFD_CLOEXEC, 0);
	if (nb->port.fd < 0) {
		ret = -errno;
		log_err("%s: %s", nb->name, strerror(-ret));
	} else {
		ret = complete(nb, vif);
	}
	if (ret)
		free_parts(nb);
	return ret;
}

void netback_config(const struct device *dev, struct config_vif *vif)
{
	const struct netback *nb = container_of(dev, const struct netback, device);

	if (nb->vif) {
		*vif = *nb->vif;
		return;
	}
	*vif = (struct config_vif){
		.type = nb->port.kind == NET_TAP ? CONFIG_VIF_BRIDGE : CONFIG_VIF_USER,
		.rate = nb->rate,
		.rate_interval_us = nb->rate_interval_us,
		.mtu = nb->port.mtu,
	};
	memcpy(vif->mac, nb->mac, sizeof(vif->mac));
	snprintf(vif->bridge, sizeof(vif->bridge), "%s", nb->port.bridge);
}

const u8 *netback_mac(const struct device *dev)
{
	return container_of(dev, const struct netback, device)->mac;
}
