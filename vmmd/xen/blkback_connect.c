// SPDX-License-Identifier: GPL-2.0
/*
 * What both ends of a disk tell each other in xenstore (the first comment of
 * xen/io/blkif.h), and the rings that come of it.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xen/io/protocols.h>

#include "xen/blkback.h"
#include "xen/xen.h"

/* Room for "queue-7/event-channel" and its like. */
#define KEY_MAX 32

static struct blkback *to_blk(struct xenbus_dev *dev)
{
	return container_of(dev, struct blkback, xenbus);
}

static int advertise_discard(struct xenbus_dev *dev)
{
	int ret;

	ret = xenbus_write(dev, "feature-discard", "1");
	if (!ret)
		ret = xenbus_write(dev, "discard-granularity", "%u", to_blk(dev)->block);
	if (!ret)
		ret = xenbus_write(dev, "discard-alignment", "0");
	if (!ret)
		ret = xenbus_write(dev, "discard-secure", "0");
	return ret;
}

static int advertise(struct xenbus_dev *dev)
{
	struct blkback *blk = to_blk(dev);
	const struct {
		const char *key;
		u32 value;
	} numbers[] = {
		{"feature-barrier", 1},
		{"feature-flush-cache", 1},
		{"feature-persistent", 1},
		{"feature-max-indirect-segments", BLKBACK_SEGMENTS_MAX},
		{"max-ring-page-order", BLKBACK_RING_ORDER_MAX},
		/* Note 3: the older word for the same. */
		{"max-ring-pages", BLKBACK_RING_PAGES_MAX},
		{"multi-queue-max-queues", blk->queues_max},
	};
	int ret;

	ret = xenbus_write(dev, "mode", blk->disk.readonly ? "r" : "w");
	for (size_t i = 0; !ret && i < ARRAY_SIZE(numbers); i++)
		ret = xenbus_write(dev, numbers[i].key, "%u", numbers[i].value);
	if (!ret && blk->discard)
		ret = advertise_discard(dev);
	return ret;
}

/*
 * The disk itself. Sectors are 512 bytes whatever the host's are: front ends
 * exist that know no others, and the engine copes with what O_DIRECT does not.
 */
static int publish(struct xenbus_dev *dev)
{
	struct blkback *blk = to_blk(dev);
	u32 info = (blk->cdrom ? VDISK_CDROM : 0) | (blk->disk.readonly ? VDISK_READONLY : 0);
	int ret;

	ret = xenbus_write(dev, "sector-size", "%u", DISK_SECTOR);
	if (!ret)
		ret = xenbus_write(dev, "physical-sector-size", "%u", blk->physical);
	if (!ret)
		ret = xenbus_write(dev, "sectors", "%llu",
				   (unsigned long long)(blk->disk.size >> DISK_SECTOR_SHIFT));
	if (!ret)
		ret = xenbus_write(dev, "info", "%u", info);
	if (ret)
		xenbus_fail(dev, "the disk cannot be described: %s", strerror(-ret));
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

static int check_protocol(struct xenbus_dev *dev)
{
	char *protocol = xenbus_read(dev, "protocol");
	int ret = 0;

	if (!protocol || !strcmp(protocol, XEN_IO_PROTO_ABI_NATIVE))
		goto out;
	ret = -EPROTONOSUPPORT;
	if (!strcmp(protocol, XEN_IO_PROTO_ABI_X86_32))
		xenbus_fail(dev, "protocol %s: 32-bit guests are not supported",
			    XEN_IO_PROTO_ABI_X86_32);
	else
		xenbus_fail(dev, "unknown protocol: expected %s", XEN_IO_PROTO_ABI_NATIVE);
out:
	free(protocol);
	return ret;
}

/* ring-page-order, or num-ring-pages, its older word; one page without both. */
static int read_pages(struct xenbus_dev *dev, u32 *pages)
{
	u32 order;
	int ret;

	ret = read_option(dev, "num-ring-pages", 1, pages);
	if (ret)
		return ret;
	ret = xenbus_read_u32(dev, "ring-page-order", &order);
	if (!ret)
		*pages = order <= BLKBACK_RING_ORDER_MAX ? 1U << order : 0;
	else if (ret != -ENOENT)
		*pages = 0;
	if (!*pages || *pages > BLKBACK_RING_PAGES_MAX || *pages & (*pages - 1)) {
		xenbus_fail(dev, "rings of a size that was not offered");
		return -EPROTO;
	}
	return 0;
}

static int read_queues(struct xenbus_dev *dev, u32 *queues)
{
	u32 max = to_blk(dev)->queues_max;
	int ret = read_option(dev, "multi-queue-num-queues", 1, queues);

	if (!ret && (!*queues || *queues > max)) {
		xenbus_fail(dev, "%u queues: expected 1 to %u", *queues, max);
		ret = -EPROTO;
	}
	return ret;
}

/* A number of a ring's: with several queues, each has a directory. */
static int read_ring(struct blkback_ring *ring, const char *name, u32 *value)
{
	struct blkback *blk = ring->blk;
	char key[KEY_MAX];

	if (blk->queues > 1)
		snprintf(key, sizeof(key), "queue-%u/%s", ring->index, name);
	else
		snprintf(key, sizeof(key), "%s", name);
	return xenbus_read_u32(&blk->xenbus, key, value);
}

static int map_ring(struct blkback_ring *ring, u32 pages)
{
	struct xenbus_dev *dev = &ring->blk->xenbus;
	char name[KEY_MAX] = "ring-ref";

	while (ring->pages < pages) {
		u32 *ref = &ring->ref[ring->pages];
		void *page;

		/* Note 6: a ring of one page has no number behind the name. */
		if (pages > 1)
			snprintf(name, sizeof(name), "ring-ref%u", ring->pages);
		if (read_ring(ring, name, ref)) {
			xenbus_fail(dev, "%s of queue %u is missing or no number", name,
				    ring->index);
			return -EPROTO;
		}
		page = xen_grant_map(dev->xen, *ref, true);
		if (!page) {
			xenbus_fail(dev, "%s of queue %u: %u is no grant of a page to write to",
				    name, ring->index, *ref);
			return -EFAULT;
		}
		ring->page[ring->pages++] = page;
	}
	BACK_RING_INIT(&ring->back, (blkif_sring_t *)ring->page[0], pages * GUEST_PAGE_SIZE);
	ring->pushed = 0;
	return 0;
}

static void ring_event(void *opaque)
{
	struct blkback_ring *ring = opaque;

	pthread_mutex_lock(&ring->blk->lock);
	blkback_ring_work(ring);
	pthread_mutex_unlock(&ring->blk->lock);
}

static int bind_ring(struct blkback_ring *ring)
{
	struct blkback *blk = ring->blk;
	int ret;

	if (read_ring(ring, "event-channel", &ring->port)) {
		xenbus_fail(&blk->xenbus, "event-channel of queue %u is missing or no number",
			    ring->index);
		return -EPROTO;
	}
	ret = xen_evtchn_bind(blk->xenbus.xen, ring->port, blk->loop, ring_event, ring);
	if (ret)
		xenbus_fail(&blk->xenbus, "event-channel %u of queue %u: %s", ring->port,
			    ring->index, strerror(-ret));
	ring->bound = !ret;
	return ret;
}

/* Undoes as much of map_ring() and bind_ring() as was done; nothing is in flight. */
static void release_rings(struct blkback *blk)
{
	for (u32 i = 0; i < blk->queues; i++) {
		struct blkback_ring *ring = &blk->ring[i];

		if (ring->bound)
			xen_evtchn_unbind(blk->xenbus.xen, ring->port);
		ring->bound = false;
		blkback_grants_drop(ring);
		while (ring->pages)
			xen_grant_unmap(blk->xenbus.xen, ring->ref[--ring->pages], true);
	}
	blk->queues = 0;
}

static void set_live(struct blkback *blk, bool live)
{
	pthread_mutex_lock(&blk->lock);
	for (u32 i = 0; i < blk->queues; i++)
		blk->ring[i].live = live;
	if (!live) {
		disk_drain(&blk->disk);
		blk->fault[0] = '\0';
	}
	pthread_mutex_unlock(&blk->lock);
}

static int connect_rings(struct blkback *blk, u32 pages, bool persistent)
{
	int ret = 0;

	for (u32 i = 0; !ret && i < blk->queues; i++) {
		struct blkback_ring *ring = &blk->ring[i];

		ret = map_ring(ring, pages);
		if (!ret && persistent)
			blkback_grants_keep(ring);
		if (!ret)
			ret = bind_ring(ring);
	}
	return ret;
}

static int connect_device(struct xenbus_dev *dev)
{
	struct blkback *blk = to_blk(dev);
	u32 pages, persistent, queues;
	int ret;

	ret = check_protocol(dev);
	if (!ret)
		ret = read_pages(dev, &pages);
	if (!ret)
		ret = read_option(dev, "feature-persistent", 0, &persistent);
	if (!ret)
		ret = read_queues(dev, &queues);
	if (ret)
		return ret;
	blk->queues = queues;
	ret = connect_rings(blk, pages, persistent);
	if (!ret)
		ret = publish(dev);
	if (ret) {
		release_rings(blk);
		return ret;
	}
	set_live(blk, true);
	/* What was put there before we listened. */
	blkback_kick(blk);
	return 0;
}

static void disconnect(struct xenbus_dev *dev)
{
	struct blkback *blk = to_blk(dev);

	set_live(blk, false);
	release_rings(blk);
}

const struct xenbus_ops blkback_xenbus_ops = {
	.advertise = advertise,
	.connect = connect_device,
	.disconnect = disconnect,
};
