// SPDX-License-Identifier: GPL-2.0
/*
 * The rules that all virtio devices share: the status state machine
 * (virtio 1.2, 2.1 and 3.1), feature negotiation (2.2), and how queues start,
 * stop and break.
 *
 * A driver that breaks a rule does not end vmmd: its device asks for a reset
 * by VIRTIO_CONFIG_S_NEEDS_RESET, says why in the log and stays quiet until
 * the driver resets it.
 */
#include <errno.h>
#include <linux/virtio_pci.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "virtio/virtio.h"
#include "vm.h"

/* A driver that keeps on breaking rules must not fill the host's disk. */
#define COMPLAINTS_MAX 8

/* All the driver may set; NEEDS_RESET is ours alone. */
#define STATUS_DRIVER_BITS                                                                         \
	(VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER | VIRTIO_CONFIG_S_DRIVER_OK |        \
	 VIRTIO_CONFIG_S_FEATURES_OK | VIRTIO_CONFIG_S_FAILED)

/**
 * virtio_has - was a feature negotiated?
 * @dev: device, locked
 * @bit: VIRTIO_*_F_*
 */
bool virtio_has(const struct virtio_dev *dev, u32 bit)
{
	return dev->accepted & VIRTIO_F(bit);
}

/**
 * virtio_dev_live - may queues be worked on?
 * @dev: device, locked
 */
bool virtio_dev_live(const struct virtio_dev *dev)
{
	return dev->running && (dev->status & VIRTIO_CONFIG_S_DRIVER_OK) &&
	       !(dev->status & VIRTIO_CONFIG_S_NEEDS_RESET);
}

static void complain(struct virtio_dev *dev, const char *text)
{
	if (dev->complaints < COMPLAINTS_MAX)
		log_warn("%s: %s", dev->name, text);
	if (++dev->complaints == COMPLAINTS_MAX)
		log_warn("%s: no more messages about this driver", dev->name);
}

/**
 * virtio_break - the driver broke a rule: stop until it resets the device
 * @dev: device, locked
 * @fmt: what it did, without newline
 */
void virtio_break(struct virtio_dev *dev, const char *fmt, ...)
{
	char text[160] = "reset needed, driver error: ";
	size_t len = strlen(text);
	va_list ap;

	if (dev->status & VIRTIO_CONFIG_S_NEEDS_RESET)
		return;
	va_start(ap, fmt);
	vsnprintf(text + len, sizeof(text) - len, fmt, ap);
	va_end(ap);
	complain(dev, text);

	dev->status |= VIRTIO_CONFIG_S_NEEDS_RESET;
	/* 2.1.2: tell a driver that is up; one that is not polls the status. */
	if (dev->status & VIRTIO_CONFIG_S_DRIVER_OK)
		virtio_pci_raise(dev, dev->config_vector, VIRTIO_PCI_ISR_CONFIG);
}

/* Back to what a driver finds when it looks at the device first. */
static void reset_state(struct virtio_dev *dev)
{
	dev->status = 0;
	dev->accepted = 0;
	dev->feature_select = 0;
	dev->accept_select = 0;
	dev->queue_select = 0;
	dev->config_vector = VIRTIO_MSI_NO_VECTOR;
	for (u16 i = 0; i < dev->num_queues; i++) {
		struct virtio_queue *q = &dev->queue[i];

		virtq_reset(&q->ring);
		q->size = q->max;
		q->vector = VIRTIO_MSI_NO_VECTOR;
	}
	virtio_pci_reset(dev);
}

static void reset_driver(struct virtio_dev *dev)
{
	/* From here on no callback takes new requests. */
	dev->status &= ~VIRTIO_CONFIG_S_DRIVER_OK;
	if (dev->ops->reset)
		dev->ops->reset(dev);
	reset_state(dev);
}

static bool features_acceptable(const struct virtio_dev *dev)
{
	return !(dev->accepted & ~dev->offered) && virtio_has(dev, VIRTIO_F_VERSION_1);
}

static void go_live(struct virtio_dev *dev)
{
	int ret = dev->ops->activate ? dev->ops->activate(dev) : 0;

	if (ret) {
		virtio_break(dev, "it cannot be started: %s", strerror(-ret));
		return;
	}
	/* Kicks from before this moment were dropped by kick_handler(). */
	for (u16 i = 0; i < dev->num_queues; i++)
		virtio_kick_self(&dev->queue[i]);
}

/**
 * virtio_set_status - the driver writes the status register
 * @dev: device, locked
 * @status: new value; 0 resets the device before this returns
 */
void virtio_set_status(struct virtio_dev *dev, u8 status)
{
	u8 added;

	if (!status) {
		reset_driver(dev);
		return;
	}
	status &= STATUS_DRIVER_BITS;
	added = status & ~dev->status;
	if (dev->status & STATUS_DRIVER_BITS & ~status) {
		virtio_break(dev, "it cleared a status bit without a reset");
		return;
	}
	if ((added & VIRTIO_CONFIG_S_FEATURES_OK) && !features_acceptable(dev))
		added &= ~VIRTIO_CONFIG_S_FEATURES_OK;
	dev->status |= added;
	if (added & VIRTIO_CONFIG_S_FAILED)
		complain(dev, "the guest's driver gave up");
	if (added & VIRTIO_CONFIG_S_DRIVER_OK) {
		if (dev->status & VIRTIO_CONFIG_S_FEATURES_OK)
			go_live(dev);
		else
			virtio_break(dev, "it went live without agreed features");
	}
}

/**
 * virtio_set_features - the driver writes one half of its features
 * @dev: device, locked
 * @half: 0 for bits 0-31, 1 for 32-63; others hold nothing
 * @value: the half
 */
void virtio_set_features(struct virtio_dev *dev, u32 half, u32 value)
{
	if (half > 1)
		return;
	if (dev->status & VIRTIO_CONFIG_S_FEATURES_OK) {
		virtio_break(dev, "it changed features that were agreed on");
		return;
	}
	dev->accepted &= ~(0xffffffffULL << (half * 32));
	dev->accepted |= (u64)value << (half * 32);
}

/**
 * virtio_queue_resize - the driver chooses the number of entries
 * @q: queue that is not enabled
 * @size: entries, a power of two not above what was offered
 */
void virtio_queue_resize(struct virtio_queue *q, u16 size)
{
	if (!size || size > q->max || (size & (size - 1)))
		virtio_break(q->dev, "queue %u with %u entries", q->index, size);
	else
		q->size = size;
}

/**
 * virtio_queue_enable - the driver has described a queue
 * @q: queue
 */
void virtio_queue_enable(struct virtio_queue *q)
{
	struct virtio_dev *dev = q->dev;
	int ret;

	if (q->ring.enabled)
		return;
	if ((dev->status & (VIRTIO_CONFIG_S_FEATURES_OK | VIRTIO_CONFIG_S_DRIVER_OK)) !=
	    VIRTIO_CONFIG_S_FEATURES_OK) {
		virtio_break(dev, "queue %u enabled at the wrong time", q->index);
		return;
	}
	q->ring.num = q->size;
	q->ring.event_idx = virtio_has(dev, VIRTIO_RING_F_EVENT_IDX);
	q->ring.indirect = virtio_has(dev, VIRTIO_RING_F_INDIRECT_DESC);
	ret = virtq_enable(&q->ring);
	if (ret)
		virtio_break(dev, "queue %u has a ring %s", q->index,
			     ret == -EFAULT ? "outside of memory" : "at an odd address");
}

/**
 * virtio_pop - take the next request of a queue
 * @q: queue of a locked device
 * @chain: see virtq_pop()
 *
 * Return: 1 with a request, 0 when there is none or the device is not live.
 * A broken ring breaks the device.
 */
int virtio_pop(struct virtio_queue *q, struct virtq_chain *chain)
{
	int ret;

	if (!virtio_dev_live(q->dev))
		return 0;
	ret = virtq_pop(&q->ring, chain);
	if (ret >= 0)
		return ret;
	virtio_break(q->dev, "queue %u: %s", q->index, q->ring.broken);
	return 0;
}

/**
 * virtio_interrupt - tell the driver about a queue, asked for or not
 * @q: queue of a locked device
 */
void virtio_interrupt(struct virtio_queue *q)
{
	virtio_pci_raise(q->dev, q->vector, 1);
}

/**
 * virtio_notify - tell the driver about a queue when it wants to know
 * @q: queue of a locked device
 */
void virtio_notify(struct virtio_queue *q)
{
	if (virtq_wants_interrupt(&q->ring))
		virtio_interrupt(q);
}

/**
 * virtio_config_changed - the device has changed its configuration
 * @dev: device, locked
 */
void virtio_config_changed(struct virtio_dev *dev)
{
	dev->generation++;
	if (dev->status & VIRTIO_CONFIG_S_DRIVER_OK)
		virtio_pci_raise(dev, dev->config_vector, VIRTIO_PCI_ISR_CONFIG);
}

/**
 * virtio_kick_self - have a queue looked at (again) by its thread
 * @q: queue
 *
 * A handler that has worked long enough calls this to let others run.
 */
void virtio_kick_self(struct virtio_queue *q)
{
	/* Fails only when the counter is full, and then it is a kick anyway. */
	eventfd_write(q->kick, 1);
}

static void kick_handler(void *opaque, u32 events)
{
	struct virtio_queue *q = opaque;
	struct virtio_dev *dev = q->dev;
	eventfd_t count;

	(void)events;
	eventfd_read(q->kick, &count);
	pthread_mutex_lock(&dev->lock);
	if (virtio_dev_live(dev) && q->ring.enabled)
		dev->ops->kick(q);
	pthread_mutex_unlock(&dev->lock);
}

static int device_start(struct device *device)
{
	struct virtio_dev *dev = container_of(device, struct virtio_dev, device);
	int ret = 0;

	if (dev->running)
		return 0;
	pthread_mutex_lock(&dev->lock);
	dev->running = true;
	if (dev->ops->start)
		ret = dev->ops->start(dev);
	pthread_mutex_unlock(&dev->lock);
	if (ret)
		goto fail;

	for (u16 i = 0; i < dev->num_queues; i++) {
		struct virtio_queue *q = &dev->queue[i];

		if (q->offloaded)
			continue;
		ret = loop_add_fd(dev->loop, q->kick, EPOLLIN, kick_handler, q);
		if (ret)
			goto fail;
		virtio_kick_self(q);
	}
	virtio_pci_doorbells(dev, true);
	if (dev->own_loop)
		ret = loop_start_thread(dev->loop, dev->name);
	if (!ret)
		return 0;
fail:
	log_err("%s: cannot start: %s", dev->name, strerror(-ret));
	device->stop(device);
	return ret;
}

static void device_stop(struct device *device)
{
	struct virtio_dev *dev = container_of(device, struct virtio_dev, device);

	if (!dev->running)
		return;
	virtio_pci_doorbells(dev, false);
	for (u16 i = 0; i < dev->num_queues; i++) {
		if (!dev->queue[i].offloaded)
			loop_del_fd(dev->loop, dev->queue[i].kick);
	}
	/* The thread, if any, still runs and completes what is in flight. */
	pthread_mutex_lock(&dev->lock);
	dev->running = false;
	if (dev->ops->stop)
		dev->ops->stop(dev);
	pthread_mutex_unlock(&dev->lock);
	if (dev->own_loop)
		loop_stop_thread(dev->loop);
}

static void device_reset(struct device *device)
{
	struct virtio_dev *dev = container_of(device, struct virtio_dev, device);

	pthread_mutex_lock(&dev->lock);
	reset_driver(dev);
	dev->complaints = 0;
	pthread_mutex_unlock(&dev->lock);
	pci_reset(&dev->pci);
}

static void device_destroy(struct device *device)
{
	struct virtio_dev *dev = container_of(device, struct virtio_dev, device);
	struct loop *loop = dev->own_loop ? dev->loop : NULL;

	pci_unregister(&dev->pci);
	/* The loop goes last: it may watch timers that destroy gives back. */
	dev->own_loop = false;
	virtio_dev_release(dev);
	dev->ops->destroy(dev);
	loop_destroy(loop);
}

static void device_stats(struct device *device, struct device_stats *stats)
{
	struct virtio_dev *dev = container_of(device, struct virtio_dev, device);

	if (dev->ops->stats)
		dev->ops->stats(dev, stats);
}

static int create_queues(struct virtio_dev *dev, const struct virtio_setup *setup)
{
	dev->queue = calloc(setup->num_queues, sizeof(*dev->queue));
	if (!dev->queue)
		return -ENOMEM;
	for (u16 i = 0; i < setup->num_queues; i++) {
		struct virtio_queue *q = &dev->queue[i];

		q->dev = dev;
		q->index = i;
		q->max = setup->queue_size ? setup->queue_size : VIRTIO_QUEUE_SIZE;
		q->ring.mem = &dev->vm->mem;
		q->kick = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
		if (q->kick < 0)
			return -errno;
		dev->num_queues++;
	}
	return 0;
}

/**
 * virtio_dev_create - make the common part of a device
 * @dev: zeroed
 * @vm: the VM
 * @setup: what it is
 *
 * The caller fills dev->config and then calls virtio_dev_register().
 *
 * Return: 0 or a negative errno (logged); virtio_dev_release() undoes it.
 */
int virtio_dev_create(struct virtio_dev *dev, struct vm *vm, const struct virtio_setup *setup)
{
	int ret;

	snprintf(dev->name, sizeof(dev->name), "%s", setup->name);
	dev->device = (struct device){
		.name = dev->name,
		.kind = setup->kind,
		.start = device_start,
		.stop = device_stop,
		.reset = device_reset,
		.destroy = device_destroy,
		.stats = device_stats,
	};
	pthread_mutex_init(&dev->lock, NULL);
	dev->vm = vm;
	dev->ops = setup->ops;
	dev->config_len = setup->config_len;
	dev->offered = setup->features | VIRTIO_F(VIRTIO_F_VERSION_1) |
		       VIRTIO_F(VIRTIO_RING_F_EVENT_IDX) | VIRTIO_F(VIRTIO_RING_F_INDIRECT_DESC);
	dev->own_loop = setup->own_thread;
	dev->loop = setup->own_thread ? loop_create() : vm->main_loop;
	ret = dev->loop ? create_queues(dev, setup) : -errno;
	if (!ret)
		ret = virtio_pci_create(dev, setup->type, setup->class);
	if (ret) {
		log_err("%s: %s", dev->name, strerror(-ret));
		virtio_dev_release(dev);
	}
	return ret;
}

/**
 * virtio_dev_register - put a device on the PCI bus and in the VM's list
 * @dev: created, configuration filled
 *
 * Return: 0 or a negative errno (logged); the device stays the caller's then.
 */
int virtio_dev_register(struct virtio_dev *dev)
{
	int ret;

	reset_state(dev);
	ret = pci_register(dev->vm, &dev->pci);
	if (ret)
		return ret;
	vm_add_device(dev->vm, &dev->device);
	return 0;
}

/**
 * virtio_dev_release - undo virtio_dev_create()
 * @dev: not registered, or unregistered again
 */
void virtio_dev_release(struct virtio_dev *dev)
{
	for (u16 i = 0; i < dev->num_queues; i++)
		close(dev->queue[i].kick);
	free(dev->queue);
	dev->queue = NULL;
	dev->num_queues = 0;
	if (dev->own_loop)
		loop_destroy(dev->loop);
	dev->loop = NULL;
}
