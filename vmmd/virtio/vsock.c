// SPDX-License-Identifier: GPL-2.0
/*
 * virtio-vsock (virtio 1.2, 5.10): sockets between guest and host. The
 * kernel's vhost-vsock runs both data queues; the event queue stays empty,
 * for its one event concerns guests that have migrated.
 */
#include <errno.h>
#include <linux/vhost.h>
#include <linux/virtio_vsock.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "virtio/vhost.h"
#include "vm.h"

#define PCI_CLASS_VSOCK	 0x028000 /* network, other */
#define VHOST_VSOCK_NODE "/dev/vhost-vsock"

enum vsock_queue { Q_RX, Q_TX, Q_EVENT, Q_COUNT };

/**
 * struct vsock - the device
 * @virtio: the common part
 * @vhost: who runs Q_RX and Q_TX
 */
struct vsock {
	struct virtio_dev virtio;
	struct vhost vhost;
};

static struct vsock *to_vsock(struct virtio_dev *dev)
{
	return container_of(dev, struct vsock, virtio);
}

static void vsock_disconnect(struct virtio_dev *dev)
{
	struct vsock *s = to_vsock(dev);
	int running = 0;

	if (!s->vhost.active)
		return;
	ioctl(s->vhost.fd, VHOST_VSOCK_SET_RUNNING, &running);
	vhost_save_rings(&s->vhost);
}

static int vsock_connect(struct virtio_dev *dev)
{
	struct vsock *s = to_vsock(dev);
	int running = 1;
	int ret = vhost_run_rings(&s->vhost);

	if (!ret && ioctl(s->vhost.fd, VHOST_VSOCK_SET_RUNNING, &running)) {
		ret = -errno;
		vsock_disconnect(dev);
	}
	return ret;
}

static int vsock_start(struct virtio_dev *dev)
{
	int ret = vhost_start(&to_vsock(dev)->vhost);

	/* After a pause the driver is live already. */
	if (!ret && virtio_dev_live(dev))
		ret = vsock_connect(dev);
	return ret;
}

static void vsock_stop(struct virtio_dev *dev)
{
	vsock_disconnect(dev);
	vhost_stop(&to_vsock(dev)->vhost);
}

static void vsock_vector_changed(struct virtio_queue *q)
{
	struct vsock *s = to_vsock(q->dev);

	if (s->vhost.active)
		vhost_route(&s->vhost);
}

/* Buffers for events are kept; there is nothing to put into them. */
static void vsock_kick(struct virtio_queue *q)
{
	(void)q;
}

static void vsock_destroy(struct virtio_dev *dev)
{
	struct vsock *s = to_vsock(dev);

	vhost_close(&s->vhost);
	free(s);
}

static const struct virtio_ops vsock_ops = {
	.activate = vsock_connect,
	.reset = vsock_disconnect,
	.kick = vsock_kick,
	.vector_changed = vsock_vector_changed,
	.start = vsock_start,
	.stop = vsock_stop,
	.destroy = vsock_destroy,
};

static int open_vhost(struct vsock *s, u32 cid)
{
	u64 guest_cid = cid;
	int ret = vhost_open(&s->vhost, VHOST_VSOCK_NODE, Q_EVENT);

	if (ret) {
		log_err("vsock: %s: %s%s", VHOST_VSOCK_NODE, strerror(-ret),
			ret == -ENOENT ? ": modprobe vhost_vsock" : "");
		return ret;
	}
	if (!ioctl(s->vhost.fd, VHOST_VSOCK_SET_GUEST_CID, &guest_cid))
		return 0;
	ret = -errno;
	log_err("vsock: context id %u: %s", cid,
		ret == -EADDRINUSE ? "another guest has it" : strerror(-ret));
	return ret;
}

/**
 * virtio_vsock_create - make a socket device
 * @vm: the VM
 * @cid: the guest's context id, 3 or more
 *
 * Return: 0 or a negative errno (logged).
 */
int virtio_vsock_create(struct vm *vm, u32 cid)
{
	static const struct virtio_setup setup = {
		.name = "vsock0",
		.type = VIRTIO_ID_VSOCK,
		.class = PCI_CLASS_VSOCK,
		.ops = &vsock_ops,
		.num_queues = Q_COUNT,
		.config_len = sizeof(struct virtio_vsock_config),
	};
	struct virtio_vsock_config config = {.guest_cid = cid};
	struct vsock *s = calloc(1, sizeof(*s));
	int ret;

	if (!s) {
		log_err("vsock0: out of memory");
		return -ENOMEM;
	}
	ret = open_vhost(s, cid);
	if (ret)
		goto close;
	ret = virtio_dev_create(&s->virtio, vm, &setup);
	if (ret)
		goto close;
	memcpy(s->virtio.config, &config, sizeof(config));
	vhost_bind(&s->vhost, &s->virtio);
	ret = virtio_dev_register(&s->virtio);
	if (ret)
		goto release;
	return 0;

release:
	virtio_dev_release(&s->virtio);
close:
	vhost_close(&s->vhost);
	free(s);
	return ret;
}
