// SPDX-License-Identifier: GPL-2.0
/*
 * The block back end as a device of the VM. See blkback.h.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "xen/backends.h"
#include "xen/blkback.h"
#include "xen/store.h"
#include "xen/xen.h"
#include "vm.h"

static struct blkback *to_blk(struct device *device)
{
	return container_of(device, struct blkback, device);
}

/* Main thread; a paused device waits with it until it is started. */
static void close_faulty(void *opaque)
{
	struct blkback *blk = opaque;
	char reason[BLKBACK_FAULT_MAX] = "";

	pthread_mutex_lock(&blk->lock);
	if (blk->running)
		memcpy(reason, blk->fault, sizeof(reason));
	pthread_mutex_unlock(&blk->lock);
	if (reason[0])
		xenbus_fail(&blk->xenbus, "%s", reason);
}

void blkback_fault(struct blkback *blk, const char *fmt, ...)
{
	va_list ap;

	if (blk->fault[0])
		return;
	va_start(ap, fmt);
	vsnprintf(blk->fault, sizeof(blk->fault), fmt, ap);
	va_end(ap);
	if (loop_post(blk->vm->main_loop, close_faulty, blk))
		log_err("%s: out of memory, not closed: %s", blk->name, blk->fault);
}

void blkback_kick(struct blkback *blk)
{
	/* Fails only when the counter is full, and then it is a kick anyway. */
	eventfd_write(blk->kick, 1);
}

static void kicked(void *opaque, u32 events)
{
	struct blkback *blk = opaque;
	eventfd_t count;

	(void)events;
	eventfd_read(blk->kick, &count);
	pthread_mutex_lock(&blk->lock);
	for (u32 i = 0; i < blk->queues_max; i++)
		blkback_ring_work(&blk->ring[i]);
	pthread_mutex_unlock(&blk->lock);
}

/* The guest has not begun: its driver will find all this when it looks. */
static int add_to_bus(struct blkback *blk)
{
	struct xenstore *store = xen_store(blk->vm->xen);
	char path[XENBUS_PATH_MAX + 32];
	int ret;

	blk->xenbus = (struct xenbus_dev){
		.xen = blk->vm->xen,
		.type = "vbd",
		.id = blk->id,
		.ops = &blkback_xenbus_ops,
	};
	ret = xenbus_add(&blk->xenbus);
	if (ret)
		return ret;
	blk->added = true;
	snprintf(path, sizeof(path), "%s/virtual-device", blk->xenbus.frontend);
	ret = xenstore_write(store, path, "%u", blk->id);
	if (ret)
		return ret;
	snprintf(path, sizeof(path), "%s/device-type", blk->xenbus.frontend);
	return xenstore_write(store, path, "%s", blk->cdrom ? "cdrom" : "disk");
}

static void set_running(struct blkback *blk, bool running)
{
	pthread_mutex_lock(&blk->lock);
	blk->running = running;
	if (!running)
		disk_drain(&blk->disk);
	pthread_mutex_unlock(&blk->lock);
}

static int blkback_start(struct device *device)
{
	struct blkback *blk = to_blk(device);
	int ret;

	if (blk->running)
		return 0;
	set_running(blk, true);
	ret = loop_add_fd(blk->loop, blk->kick, EPOLLIN, kicked, blk);
	if (!ret)
		ret = loop_start_thread(blk->loop, blk->name);
	if (!ret && !blk->added)
		ret = add_to_bus(blk);
	if (ret) {
		log_err("%s: cannot start: %s", blk->name, strerror(-ret));
		device->stop(device);
		return ret;
	}
	blkback_kick(blk);
	close_faulty(blk);
	return 0;
}

static void blkback_stop(struct device *device)
{
	struct blkback *blk = to_blk(device);

	if (!blk->running)
		return;
	loop_del_fd(blk->loop, blk->kick);
	/* The thread still runs and completes what is in flight. */
	set_running(blk, false);
	loop_stop_thread(blk->loop);
}

static void blkback_reset(struct device *device)
{
	struct blkback *blk = to_blk(device);

	if (!blk->added)
		return;
	xenbus_remove(&blk->xenbus);
	blk->added = false;
}

static void blkback_free(struct blkback *blk)
{
	disk_engine_destroy(&blk->disk, blk->loop);
	disk_close(&blk->disk);
	loop_destroy(blk->loop);
	if (blk->kick >= 0)
		close(blk->kick);
	free(blk->reqs);
	free(blk->path);
	free(blk);
}

static void blkback_destroy(struct device *device)
{
	blkback_reset(device);
	blkback_free(to_blk(device));
}

static void blkback_stats(struct device *device, struct device_stats *stats)
{
	struct blkback *blk = to_blk(device);

	pthread_mutex_lock(&blk->lock);
	*stats = blk->disk.stats;
	pthread_mutex_unlock(&blk->lock);
}

static struct blkback *find_number(const struct vm *vm, u32 id)
{
	for (struct device *d = vm->devices; d; d = d->next) {
		if (d->start == blkback_start && to_blk(d)->id == id)
			return to_blk(d);
	}
	return NULL;
}

/* The number is the disk's name in xenstore, so no two may share it. */
static int choose_number(const struct vm *vm, const char *vdev, u32 *id)
{
	int number = blkback_vdev_number(vdev);
	struct blkback *other;

	if (number < 0) {
		log_err("%s: Xen has no such disk: expected xvda, hda to hdd, sda to sdp", vdev);
		return number;
	}
	other = find_number(vm, (u32)number);
	if (other) {
		log_err("%s: %s is the same disk to Xen", vdev, other->name);
		return -EEXIST;
	}
	*id = (u32)number;
	return 0;
}

/* blkif.h: a disk is a whole number of physical sectors, if that is told. */
static void measure_blocks(struct blkback *blk)
{
	blk->block = disk_block_size(&blk->disk, &blk->physical);
	while (blk->physical > DISK_SECTOR && blk->disk.size % blk->physical)
		blk->physical /= 2;
}

static int create_parts(struct blkback *blk)
{
	blk->kick = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	blk->loop = blk->kick < 0 ? NULL : loop_create();
	if (!blk->loop)
		return -errno;
	/* Zero pages until used: a quiet disk costs next to nothing. */
	blk->reqs = calloc(DISK_DEPTH, sizeof(*blk->reqs));
	if (!blk->reqs)
		return -ENOMEM;
	for (u32 i = DISK_DEPTH; i-- > 0;)
		disk_add_req(&blk->disk, &blk->reqs[i].disk);
	for (u32 i = 0; i < BLKBACK_QUEUES_MAX; i++) {
		blk->ring[i].blk = blk;
		blk->ring[i].index = i;
	}
	return disk_engine_create(&blk->disk, blk->loop);
}

/* @opened: NULL to open what @disk names. */
static int create(struct vm *vm, const struct config_disk *disk, const struct disk_opened *opened)
{
	struct blkback *blk;
	u32 id;
	int ret;

	if (!disk->path) {
		log_info("%s: a drive without a disc is left out", disk->vdev);
		return 0;
	}
	ret = choose_number(vm, disk->vdev, &id);
	if (ret)
		return ret;
	blk = calloc(1, sizeof(*blk));
	if (!blk) {
		log_err("%s: out of memory", disk->vdev);
		return -ENOMEM;
	}
	snprintf(blk->name, sizeof(blk->name), "%s", disk->vdev);
	blk->device = (struct device){
		.name = blk->name,
		.kind = DEVICE_BLOCK,
		.start = blkback_start,
		.stop = blkback_stop,
		.reset = blkback_reset,
		.destroy = blkback_destroy,
		.stats = blkback_stats,
		.xenbus = &blk->xenbus,
	};
	/* By these it is found, also before it is on the bus. */
	blk->xenbus = (struct xenbus_dev){.xen = vm->xen, .type = "vbd", .id = id};
	blk->vm = vm;
	blk->id = id;
	blk->kick = -1;
	blk->cdrom = disk->cdrom;
	blk->format = disk->format;
	blk->direct = disk->direct;
	blk->discard = disk->discard && !disk->readonly;
	blk->queues_max = min_t(u32, vm->cfg.vcpus, BLKBACK_QUEUES_MAX);
	pthread_mutex_init(&blk->lock, NULL);
	blk->disk.name = blk->name;
	blk->disk.ops = &blkback_disk_ops;
	blk->disk.lock = &blk->lock;
	ret = opened ? disk_adopt(&blk->disk, disk, opened) : disk_open(&blk->disk, disk);
	if (ret)
		goto free_blk;
	blk->path = strdup(disk->path);
	blk->device.host = blk->path;
	measure_blocks(blk);
	ret = blk->path ? create_parts(blk) : -ENOMEM;
	if (ret) {
		log_err("%s: %s", disk->vdev, strerror(-ret));
		goto free_blk;
	}
	vm_add_device(vm, &blk->device);
	return 0;

free_blk:
	blkback_free(blk);
	return ret;
}

void blkback_config(const struct device *dev, struct config_disk *disk)
{
	const struct blkback *blk = container_of(dev, const struct blkback, device);

	*disk = (struct config_disk){
		.path = blk->path,
		.format = blk->format,
		.readonly = blk->disk.readonly,
		.cdrom = blk->cdrom,
		.direct = blk->direct,
		.discard = blk->discard,
	};
	snprintf(disk->vdev, sizeof(disk->vdev), "%s", blk->name);
}

int blkback_create(struct vm *vm, const struct config_disk *disk)
{
	return create(vm, disk, NULL);
}

int blkback_attach(struct vm *vm, const struct config_disk *disk, const struct disk_opened *opened)
{
	return create(vm, disk, opened);
}
