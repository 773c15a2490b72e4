// SPDX-License-Identifier: GPL-2.0
/*
 * virtio-rng (virtio 1.2, 5.4): entropy from the host's own generator.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

#include "virtio/virtio.h"
#include "vm.h"

#define PCI_CLASS_RNG 0x00ff00 /* unclassified: virtio says what it is */
#define RNG_SEGS      8

/*
 * The device may return less than was asked for (5.4.6.2). Short answers
 * keep a greedy guest from occupying the main loop.
 */
#define RNG_BYTES_MAX  256
#define RNG_ANSWER_MAX 16

static void rng_kick(struct virtio_queue *q)
{
	struct iovec iov[RNG_SEGS];
	struct virtq_chain c = {.iov = iov, .max = RNG_SEGS};
	u32 answers = 0;

	do {
		while (answers < RNG_ANSWER_MAX && virtio_pop(q, &c) > 0) {
			u8 bytes[RNG_BYTES_MAX];
			ssize_t n;

			/* Never fails nor blocks for this length once seeded. */
			n = getrandom(bytes, min_t(u32, sizeof(bytes), c.in_len), 0);
			if (n < 0)
				n = 0;
			iov_write(iov + c.out_num, c.in_num, 0, bytes, n);
			virtq_push(&q->ring, c.head, n);
			answers++;
		}
		virtio_notify(q);
		if (answers == RNG_ANSWER_MAX) {
			virtio_kick_self(q);
			return;
		}
	} while (virtq_enable_kicks(&q->ring) && virtio_dev_live(q->dev));
}

static void rng_destroy(struct virtio_dev *dev)
{
	free(dev);
}

static const struct virtio_ops rng_ops = {
	.kick = rng_kick,
	.destroy = rng_destroy,
};

/**
 * virtio_rng_create - make an entropy device
 * @vm: the VM
 *
 * Return: 0 or a negative errno (logged).
 */
int virtio_rng_create(struct vm *vm)
{
	static const struct virtio_setup setup = {
		.name = "rng0",
		.type = VIRTIO_ID_RNG,
		.class = PCI_CLASS_RNG,
		.ops = &rng_ops,
		.num_queues = 1,
		.queue_size = 16,
	};
	struct virtio_dev *dev = calloc(1, sizeof(*dev));
	int ret;

	if (!dev) {
		log_err("rng0: out of memory");
		return -ENOMEM;
	}
	ret = virtio_dev_create(dev, vm, &setup);
	if (ret)
		goto free_dev;
	ret = virtio_dev_register(dev);
	if (ret)
		goto release;
	return 0;

release:
	virtio_dev_release(dev);
free_dev:
	free(dev);
	return ret;
}
