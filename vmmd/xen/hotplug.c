// SPDX-License-Identifier: GPL-2.0
/* Devices that come and go. See hotplug.h. */
#include <errno.h>
#include <string.h>

#include "vm.h"
#include "xen/backends.h"
#include "xen/hotplug.h"
#include "xen/xen_internal.h"
#include "xen/xenbus.h"

struct device *hotplug_find(const struct vm *vm, const char *type, u32 id)
{
	struct device *dev;

	for (dev = vm->devices; dev; dev = dev->next)
		if (dev->xenbus && !strcmp(dev->xenbus->type, type) && dev->xenbus->id == id)
			return dev;
	return NULL;
}

static u32 count(const struct vm *vm, const char *type)
{
	struct device *dev;
	u32 n = 0;

	for (dev = vm->devices; dev; dev = dev->next)
		n += dev->xenbus && !strcmp(dev->xenbus->type, type);
	return n;
}

/* ------------------------------------------------------------ leaving */

/* Behind all that the device has posted to the main loop. */
static void destroy(void *opaque)
{
	struct device *dev = opaque;

	vm_remove_device(dev->xenbus->xen->vm, dev);
	dev->destroy(dev);
}

static void take_away(struct device *dev)
{
	struct vm *vm = dev->xenbus->xen->vm;

	if (dev->gone)
		return;
	dev->gone = true;
	dev->stop(dev);
	xenbus_delete(dev->xenbus);
	dev->reset(dev);
	log_info("%s: detached", dev->name);
	if (loop_post(vm->main_loop, destroy, dev))
		log_err("%s: out of memory, kept open until the guest ends", dev->name);
}

static void left(struct xenbus_dev *bus)
{
	struct device *dev;

	for (dev = bus->xen->vm->devices; dev; dev = dev->next)
		if (dev->xenbus == bus)
			take_away(dev);
}

int hotplug_detach(struct device *dev, bool force)
{
	struct xenbus_dev *bus = dev->xenbus;

	if (dev->gone)
		return 0;
	/* Before the guest's first instruction there is no xenstore. */
	if (force || !bus->watch) {
		take_away(dev);
		return 0;
	}
	if (bus->xen->vm->state != VM_RUNNING)
		return -EAGAIN;
	xenbus_close(bus, left);
	return 0;
}

void hotplug_settle(struct vm *vm)
{
	struct device *dev;

	for (dev = vm->devices; dev; dev = dev->next)
		if (dev->xenbus && dev->xenbus->left)
			take_away(dev);
}

/* ------------------------------------------------------------ coming */

/* A guest that is paused, or yet to be started, gets it when it runs. */
static int start(struct vm *vm, struct device *dev)
{
	int ret;

	if (vm->state != VM_RUNNING)
		return 0;
	ret = dev->start(dev);
	if (ret)
		take_away(dev);
	return ret;
}

int hotplug_disk(struct vm *vm, const struct config_disk *disk, const struct disk_opened *opened)
{
	int id, ret;

	if (count(vm, "vbd") >= CONFIG_DISKS_MAX)
		return -ENOSPC;
	id = blkback_vdev_number(disk->vdev);
	if (id < 0)
		return -EINVAL;
	ret = blkback_attach(vm, disk, opened);
	return ret ? ret : start(vm, hotplug_find(vm, "vbd", (u32)id));
}

int hotplug_vif(struct vm *vm, const struct config_vif *vif, const struct net_port *port, u32 *id)
{
	int ret;

	for (*id = 0; hotplug_find(vm, "vif", *id); (*id)++)
		;
	if (*id >= CONFIG_VIFS_MAX)
		return -ENOSPC;
	ret = netback_attach(vm, vif, *id, port);
	return ret ? ret : start(vm, hotplug_find(vm, "vif", *id));
}
