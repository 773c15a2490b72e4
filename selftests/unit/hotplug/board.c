// SPDX-License-Identifier: GPL-2.0
/* See board.h: what hotplug.c and xenbus.c ask of the rest of vmmd. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "board.h"
#include "disk/disk.h"
#include "sandbox.h"
#include "xen/backends.h"
#include "xen/xen_internal.h"
#include "xen/xenbus.h"

struct vm vm;
s64 devices, connections;
bool no_start;

static struct xen xen;

/**
 * struct dummy - a back end
 * @device: entry of the VM's list
 * @xenbus: its handshake
 * @running: between start and stop
 * @added: it is on the bus
 * @name: of it
 */
struct dummy {
	struct device device;
	struct xenbus_dev xenbus;
	bool running;
	bool added;
	char name[CONFIG_VDEV_MAX + 1];
};

static struct dummy *to_dummy(struct device *device)
{
	return container_of(device, struct dummy, device);
}

static int advertise(struct xenbus_dev *dev)
{
	return xenbus_write(dev, "feature-dummy", "1");
}

static int connect_dummy(struct xenbus_dev *dev)
{
	u32 ref;

	if (xenbus_read_u32(dev, "ring-ref", &ref)) {
		xenbus_fail(dev, "no ring");
		return -EPROTO;
	}
	connections++;
	return 0;
}

static void disconnect(struct xenbus_dev *dev)
{
	(void)dev;
	connections--;
}

static const struct xenbus_ops ops = {
	.advertise = advertise,
	.connect = connect_dummy,
	.disconnect = disconnect,
};

/* What a back end's I/O thread has left to the main thread. */
static void attend(void *opaque)
{
	struct dummy *d = opaque;

	if (d->running)
		xenbus_write(&d->xenbus, "attended", "1");
}

static int dummy_start(struct device *device)
{
	struct dummy *d = to_dummy(device);
	int ret = no_start ? -EIO : 0;

	if (d->running)
		return 0;
	d->running = true;
	if (!ret && !d->added) {
		d->xenbus = (struct xenbus_dev){
			.xen = &xen,
			.type = d->xenbus.type,
			.id = d->xenbus.id,
			.ops = &ops,
		};
		ret = xenbus_add(&d->xenbus);
		d->added = !ret;
	}
	if (ret)
		device->stop(device);
	return ret;
}

static void dummy_stop(struct device *device)
{
	struct dummy *d = to_dummy(device);

	if (d->running)
		loop_post(vm.main_loop, attend, d);
	d->running = false;
}

static void dummy_reset(struct device *device)
{
	struct dummy *d = to_dummy(device);

	if (d->added)
		xenbus_remove(&d->xenbus);
	d->added = false;
}

static void dummy_destroy(struct device *device)
{
	dummy_reset(device);
	devices--;
	free(to_dummy(device));
}

static int make(const char *type, const char *name, u32 id)
{
	struct dummy *d = calloc(1, sizeof(*d));

	if (!d)
		abort();
	snprintf(d->name, sizeof(d->name), "%s", name);
	d->device = (struct device){
		.name = d->name,
		.start = dummy_start,
		.stop = dummy_stop,
		.reset = dummy_reset,
		.destroy = dummy_destroy,
		.xenbus = &d->xenbus,
	};
	d->xenbus = (struct xenbus_dev){.xen = &xen, .type = type, .id = id};
	devices++;
	vm_add_device(&vm, &d->device);
	return 0;
}

int blkback_attach(struct vm *v, const struct config_disk *disk, const struct disk_opened *opened)
{
	u32 id = (u32)blkback_vdev_number(disk->vdev);

	(void)opened;
	return hotplug_find(v, "vbd", id) ? -EEXIST : make("vbd", disk->vdev, id);
}

int netback_attach(struct vm *v, const struct config_vif *vif, u32 id, const struct net_port *port)
{
	char name[16];

	(void)v;
	(void)vif;
	(void)port;
	snprintf(name, sizeof(name), "vif%u", id);
	return make("vif", name, id);
}

struct xenstore *xen_store(struct xen *x)
{
	return x->store;
}

int sandbox_thread(enum sandbox_role role)
{
	(void)role;
	return 0;
}

void vm_add_device(struct vm *v, struct device *dev)
{
	struct device **link = &v->devices;

	while (*link)
		link = &(*link)->next;
	*link = dev;
}

void vm_remove_device(struct vm *v, struct device *dev)
{
	struct device **link = &v->devices;

	while (*link != dev)
		link = &(*link)->next;
	*link = dev->next;
}

/* ------------------------------------------------------------ the test's own */

void board_power_on(void)
{
	struct device *dev;

	xen.store = xenstore_create();
	if (!xen.store)
		abort();
	vm.state = VM_RUNNING;
	hotplug_settle(&vm);
	for (dev = vm.devices; dev; dev = dev->next)
		if (!dev->gone)
			dev->start(dev);
	board_turn();
}

void board_power_off(void)
{
	struct device *dev;

	vm.state = VM_PAUSED;
	for (dev = vm.devices; dev; dev = dev->next)
		dev->stop(dev);
	for (dev = vm.devices; dev; dev = dev->next)
		dev->reset(dev);
	xenstore_destroy(xen.store);
	xen.store = NULL;
}

void board_create(void)
{
	log_init("unit", false);
	xen.vm = &vm;
	vm.xen = &xen;
	vm.main_loop = loop_create();
	if (!vm.main_loop)
		abort();
	board_power_on();
}

void board_destroy(void)
{
	struct device *dev;

	if (xen.store)
		board_power_off();
	while ((dev = vm.devices)) {
		vm.devices = dev->next;
		dev->destroy(dev);
	}
	loop_destroy(vm.main_loop);
	no_start = false;
}

static void stop_loop(void *opaque)
{
	loop_stop(opaque);
}

void board_turn(void)
{
	/* What is posted meanwhile comes in the second turn. */
	for (int i = 0; i < 3; i++) {
		if (xen.store)
			xenstore_run_watches(xen.store);
		loop_post(vm.main_loop, stop_loop, vm.main_loop);
		loop_run(vm.main_loop);
	}
}

int attach(const char *vdev)
{
	static const struct disk_opened opened = {.file = {-1, -1, -1}};
	struct config_disk disk = {.path = (char *)"/disk"};
	int ret;

	snprintf(disk.vdev, sizeof(disk.vdev), "%s", vdev);
	ret = hotplug_disk(&vm, &disk, &opened);
	board_turn();
	return ret;
}

void front(u32 id, u32 state)
{
	char path[96];

	snprintf(path, sizeof(path), "/local/domain/1/device/vbd/%u/ring-ref", id);
	xenstore_write(xen.store, path, "8");
	snprintf(path, sizeof(path), "/local/domain/1/device/vbd/%u/state", id);
	xenstore_write(xen.store, path, "%u", state);
	board_turn();
}

u32 back(u32 id)
{
	char path[96];
	u32 state;

	snprintf(path, sizeof(path), "/local/domain/0/backend/vbd/1/%u/state", id);
	return xenstore_read_u32(xen.store, path, &state) ? 0 : state;
}
