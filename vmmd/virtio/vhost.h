/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Queues that the host's kernel runs (vhost): guest memory and rings are
 * described to it once, doorbells and interrupts then travel between guest
 * and kernel as eventfds without passing through vmmd.
 */
#ifndef VMMD_VIRTIO_VHOST_H
#define VMMD_VIRTIO_VHOST_H

#include "virtio/virtio.h"

#define VHOST_QUEUES_MAX 2

/**
 * struct vhost - a vhost descriptor and the queues it runs
 * @dev: the device, constant
 * @fd: /dev/vhost-*, -1 when there is none; constant
 * @num: the device's first @num queues are the kernel's; constant
 * @features: what the kernel can do; constant
 * @call: eventfd per queue: the kernel wants an interrupt; constant
 * @err: eventfd: the kernel found a ring broken; constant
 * @owned: the kernel knows our address space; main thread
 * @polled: @call and @err are on the main loop; main thread
 * @active: the kernel may be running the queues; guarded by virtio_dev.lock
 * @irqfd: vector that @call raises by itself, or VIRTIO_MSI_NO_VECTOR;
 *	   guarded by virtio_dev.lock
 */
struct vhost {
	struct virtio_dev *dev;
	int fd;
	u16 num;
	u64 features;
	int call[VHOST_QUEUES_MAX];
	int err;
	bool owned;
	bool polled;
	bool active;
	u16 irqfd[VHOST_QUEUES_MAX];
};

int vhost_open(struct vhost *v, const char *path, u16 num);
void vhost_close(struct vhost *v);
void vhost_bind(struct vhost *v, struct virtio_dev *dev);

int vhost_start(struct vhost *v);
void vhost_stop(struct vhost *v);
int vhost_run_rings(struct vhost *v);
void vhost_save_rings(struct vhost *v);
void vhost_route(struct vhost *v);

#endif /* VMMD_VIRTIO_VHOST_H */
