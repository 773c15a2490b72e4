// SPDX-License-Identifier: GPL-2.0
/* What vhost-net and vhost-vsock have in common. See vhost.h. */
#include <errno.h>
#include <fcntl.h>
#include <linux/vhost.h>
#include <linux/virtio_pci.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "virtio/vhost.h"
#include "vm.h"

/**
 * vhost_open - open a vhost node
 * @v: filled; @v->fd is -1 on failure
 * @path: node
 * @num: queues it will run
 *
 * Return: 0 or a negative errno.
 */
int vhost_open(struct vhost *v, const char *path, u16 num)
{
	int ret;

	*v = (struct vhost){.fd = -1, .err = -1, .num = num};
	for (u16 i = 0; i < num; i++) {
		v->call[i] = -1;
		v->irqfd[i] = VIRTIO_MSI_NO_VECTOR;
	}
	v->fd = open(path, O_RDWR | O_CLOEXEC);
	if (v->fd < 0)
		return -errno;
	if (ioctl(v->fd, VHOST_GET_FEATURES, &v->features))
		goto fail;
	v->err = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (v->err < 0)
		goto fail;
	for (u16 i = 0; i < num; i++) {
		v->call[i] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
		if (v->call[i] < 0)
			goto fail;
	}
	return 0;
fail:
	ret = -errno;
	vhost_close(v);
	return ret;
}

/**
 * vhost_close - undo vhost_open()
 * @v: stopped
 */
void vhost_close(struct vhost *v)
{
	if (v->fd >= 0)
		close(v->fd);
	if (v->err >= 0)
		close(v->err);
	for (u16 i = 0; i < v->num; i++) {
		if (v->call[i] >= 0)
			close(v->call[i]);
	}
	v->fd = -1;
	v->err = -1;
	v->num = 0;
}

/**
 * vhost_bind - let the kernel run the first queues of a device
 * @v: open
 * @dev: created, not yet registered
 */
void vhost_bind(struct vhost *v, struct virtio_dev *dev)
{
	v->dev = dev;
	for (u16 i = 0; i < v->num; i++)
		dev->queue[i].offloaded = true;
}

static void call_handler(void *opaque, u32 events)
{
	struct virtio_dev *dev = opaque;

	(void)events;
	pthread_mutex_lock(&dev->lock);
	/* One function for all queues: which one it was makes no difference. */
	for (u16 i = 0; i < dev->num_queues; i++) {
		if (dev->queue[i].offloaded && virtio_dev_live(dev))
			virtio_interrupt(&dev->queue[i]);
	}
	pthread_mutex_unlock(&dev->lock);
}

static void err_handler(void *opaque, u32 events)
{
	struct vhost *v = opaque;
	eventfd_t count;

	(void)events;
	eventfd_read(v->err, &count);
	pthread_mutex_lock(&v->dev->lock);
	if (v->active)
		virtio_break(v->dev, "the kernel's vhost found a ring broken");
	pthread_mutex_unlock(&v->dev->lock);
}

static int tell_memory(struct vhost *v)
{
	const struct guest_mem *mem = &v->dev->vm->mem;
	struct vhost_memory *table;
	int ret;

	table = calloc(1, sizeof(*table) + mem->nr * sizeof(table->regions[0]));
	if (!table)
		return -ENOMEM;
	table->nregions = mem->nr;
	for (u32 i = 0; i < mem->nr; i++) {
		table->regions[i].guest_phys_addr = mem->region[i].gpa;
		table->regions[i].memory_size = mem->region[i].len;
		table->regions[i].userspace_addr = (uintptr_t)mem->region[i].host;
	}
	ret = ioctl(v->fd, VHOST_SET_MEM_TABLE, table) ? -errno : 0;
	free(table);
	return ret;
}

/**
 * vhost_start - vCPUs are about to run
 * @v: bound
 *
 * The kernel's worker is a thread of ours, and name spaces can only be left
 * by a process with a single one: hence here and not in vhost_open().
 *
 * Context: main thread, device locked.
 * Return: 0 or a negative errno.
 */
int vhost_start(struct vhost *v)
{
	int ret = 0;

	if (!v->owned) {
		if (ioctl(v->fd, VHOST_SET_OWNER))
			return -errno;
		v->owned = true;
		ret = tell_memory(v);
	}
	if (!ret)
		ret = loop_add_fd(v->dev->vm->main_loop, v->err, EPOLLIN, err_handler, v);
	for (u16 i = 0; !ret && i < v->num; i++)
		ret = loop_add_fd(v->dev->vm->main_loop, v->call[i], 0, call_handler, v->dev);
	v->polled = true;
	return ret;
}

static void detach_irqfds(struct vhost *v)
{
	for (u16 i = 0; i < v->num; i++) {
		if (v->irqfd[i] != VIRTIO_MSI_NO_VECTOR)
			pci_msix_irqfd(&v->dev->pci, v->irqfd[i], -1);
		v->irqfd[i] = VIRTIO_MSI_NO_VECTOR;
	}
}

/**
 * vhost_stop - vCPUs have stopped
 * @v: bound; the kernel has stopped running its queues
 *
 * Context: main thread, device locked.
 */
void vhost_stop(struct vhost *v)
{
	detach_irqfds(v);
	if (!v->polled)
		return;
	loop_del_fd(v->dev->vm->main_loop, v->err);
	for (u16 i = 0; i < v->num; i++)
		loop_del_fd(v->dev->vm->main_loop, v->call[i]);
	v->polled = false;
}

static bool vector_taken(const struct vhost *v, u16 queue, u16 vector)
{
	for (u16 i = 0; i < queue; i++) {
		if (v->irqfd[i] == vector)
			return true;
	}
	return false;
}

/**
 * vhost_route - decide how interrupts reach the guest
 * @v: bound, device locked
 *
 * The straight way is an irqfd on the queue's vector. Without MSI-X, and for
 * a vector that another queue has got, the main loop carries them over.
 */
void vhost_route(struct vhost *v)
{
	struct virtio_dev *dev = v->dev;

	detach_irqfds(v);
	for (u16 i = 0; i < v->num; i++) {
		u16 vector = dev->queue[i].vector;
		bool straight = pci_msix_enabled(&dev->pci) && vector != VIRTIO_MSI_NO_VECTOR &&
				!vector_taken(v, i, vector) &&
				!pci_msix_irqfd(&dev->pci, vector, v->call[i]);

		if (straight)
			v->irqfd[i] = vector;
		/*
		 * Edge-triggered: the count is never read, because a count
		 * left behind reaches an irqfd that is attached later.
		 */
		loop_mod_fd(dev->vm->main_loop, v->call[i], straight ? 0 : EPOLLIN | EPOLLET);
	}
}

static int run_ring(struct vhost *v, u16 i)
{
	const struct virtq *ring = &v->dev->queue[i].ring;
	struct vhost_vring_state num = {.index = i, .num = ring->num};
	struct vhost_vring_state base = {.index = i, .num = ring->next_avail};
	struct vhost_vring_file kick = {.index = i, .fd = v->dev->queue[i].kick};
	struct vhost_vring_file call = {.index = i, .fd = v->call[i]};
	struct vhost_vring_file err = {.index = i, .fd = v->err};
	struct vhost_vring_addr addr = {
		.index = i,
		.desc_user_addr = (uintptr_t)ring->desc,
		.used_user_addr = (uintptr_t)ring->used,
		.avail_user_addr = (uintptr_t)ring->avail,
	};

	if (!ring->enabled)
		return -EINVAL;
	if (ioctl(v->fd, VHOST_SET_VRING_NUM, &num) || ioctl(v->fd, VHOST_SET_VRING_BASE, &base) ||
	    ioctl(v->fd, VHOST_SET_VRING_ADDR, &addr) || ioctl(v->fd, VHOST_SET_VRING_ERR, &err) ||
	    ioctl(v->fd, VHOST_SET_VRING_CALL, &call) || ioctl(v->fd, VHOST_SET_VRING_KICK, &kick))
		return -errno;
	return 0;
}

/**
 * vhost_run_rings - hand the queues to the kernel
 * @v: started, device locked
 *
 * The caller then connects the kernel's back end, which sets off the work.
 *
 * Return: 0 or a negative errno.
 */
int vhost_run_rings(struct vhost *v)
{
	u64 features = v->dev->accepted & v->features;
	int ret = 0;

	if (ioctl(v->fd, VHOST_SET_FEATURES, &features))
		return -errno;
	for (u16 i = 0; !ret && i < v->num; i++)
		ret = run_ring(v, i);
	if (!ret)
		vhost_route(v);
	v->active = !ret;
	return ret;
}

/**
 * vhost_save_rings - take the queues back
 * @v: device locked; the caller has disconnected the back end
 *
 * The kernel tells how far it got; vhost_run_rings() goes on from there.
 */
void vhost_save_rings(struct vhost *v)
{
	for (u16 i = 0; i < v->num; i++) {
		struct vhost_vring_state base = {.index = i};

		if (!ioctl(v->fd, VHOST_GET_VRING_BASE, &base))
			v->dev->queue[i].ring.next_avail = base.num;
	}
	v->active = false;
}
