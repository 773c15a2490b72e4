// SPDX-License-Identifier: GPL-2.0
/*
 * virtio-balloon (virtio 1.2, 5.5): pages the guest does without go back to
 * the host, either because we asked for a number of them (inflate) or because
 * the guest has no use for them at the moment (free page reporting).
 *
 * Giving a page back is MADV_DONTNEED on guest RAM. A guest that lies about a
 * page loses that page's contents and nothing else.
 */
#include <errno.h>
#include <linux/virtio_balloon.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "virtio/balloon.h"
#include "virtio/virtio.h"
#include "vm.h"

#define PCI_CLASS_BALLOON 0x00ff00

/*
 * By the specification (5.5.2) reporting is queue 4, behind a queue for free
 * page hints that we do not have. Linux counts only the queues that exist, so
 * there it is number 3, or 2 when it does not want the statistics queue.
 */
enum balloon_queue { Q_INFLATE, Q_DEFLATE, Q_STATS, Q_REPORTING, Q_REPORTING_SPEC, Q_COUNT };

#define BALLOON_SEGS 64
#define PFNS_AT_ONCE 256
#define STATS_MAX    32
#define CHAINS_MAX   8 /* per turn of the main loop */
#define STATS_PERIOD (5 * NSEC_PER_SEC)

/**
 * struct balloon - the device
 * @virtio: the common part; its lock guards all but constants
 * @timer: asks for fresh statistics
 * @stats_head: buffer of the guest's that waits for the next question
 * @stats_held: @stats_head is valid
 * @stats_ns: when statistics came last, 0 for never
 * @stats: latest values; target and actual in bytes
 */
struct balloon {
	struct virtio_dev virtio;
	struct loop_timer *timer;
	u16 stats_head;
	bool stats_held;
	u64 stats_ns;
	struct balloon_stats stats;
};

static struct balloon *to_balloon(struct virtio_dev *dev)
{
	return container_of(dev, struct balloon, virtio);
}

static void release_pfns(struct virtio_dev *dev, const u32 *pfn, u32 count)
{
	struct mem_run run = {0};

	for (u32 i = 0; i < count; i++)
		mem_give(&dev->vm->mem, &run, (u64)pfn[i] << VIRTIO_BALLOON_PFN_SHIFT,
			 GUEST_PAGE_SIZE);
	mem_give_end(&dev->vm->mem, &run);
}

static void inflate(struct virtio_dev *dev, const struct virtq_chain *c)
{
	u32 pfn[PFNS_AT_ONCE];
	size_t off = 0;
	size_t n;

	while ((n = iov_read(c->iov, c->out_num, off, pfn, sizeof(pfn)) / sizeof(*pfn))) {
		release_pfns(dev, pfn, n);
		off += n * sizeof(*pfn);
		/* 5.5.6: a driver sends a few hundred; more is not worth a stall. */
		if (off >= GUEST_PAGE_SIZE)
			break;
	}
}

/* 5.5.6.7: the buffers themselves are the free pages. */
static void release_reported(struct balloon *balloon, const struct virtq_chain *c)
{
	for (u32 i = c->out_num; i < c->out_num + c->in_num; i++) {
		uintptr_t start = ALIGN_UP((uintptr_t)c->iov[i].iov_base, GUEST_PAGE_SIZE);
		uintptr_t end = (uintptr_t)c->iov[i].iov_base + c->iov[i].iov_len;

		end = ALIGN_DOWN(end, GUEST_PAGE_SIZE);
		if (start >= end)
			continue;
		madvise((void *)start, end - start, MADV_DONTNEED);
		balloon->stats.reported += end - start;
	}
}

static void take_stats(struct balloon *balloon, const struct virtq_chain *c)
{
	struct virtio_balloon_stat stat[STATS_MAX];
	size_t n = iov_read(c->iov, c->out_num, 0, stat, sizeof(stat)) / sizeof(*stat);

	balloon->stats.valid = 0;
	for (size_t i = 0; i < n; i++) {
		if (stat[i].tag >= ARRAY_SIZE(balloon->stats.stat))
			continue;
		balloon->stats.stat[stat[i].tag] = stat[i].val;
		balloon->stats.valid |= 1U << stat[i].tag;
	}
	balloon->stats_ns = loop_now_ns();
	balloon->stats_head = c->head;
	balloon->stats_held = true;
}

/* Which role a queue plays depends on what was negotiated. */
static enum balloon_queue role(const struct virtio_queue *q)
{
	if (q->index < Q_STATS)
		return q->index;
	if (q->index == Q_STATS && virtio_has(q->dev, VIRTIO_BALLOON_F_STATS_VQ))
		return Q_STATS;
	return Q_REPORTING;
}

static void serve(struct balloon *balloon, struct virtio_queue *q, const struct virtq_chain *c)
{
	switch (role(q)) {
	case Q_INFLATE:
		inflate(q->dev, c);
		break;
	case Q_REPORTING:
		release_reported(balloon, c);
		break;
	case Q_STATS:
		/* The answer is the next question: it waits for the timer. */
		take_stats(balloon, c);
		return;
	default:
		break; /* deflated pages come back by being touched */
	}
	virtq_push(&q->ring, c->head, 0);
}

static void balloon_kick(struct virtio_queue *q)
{
	struct balloon *balloon = to_balloon(q->dev);
	struct iovec iov[BALLOON_SEGS];
	struct virtq_chain c = {.iov = iov, .max = BALLOON_SEGS};
	u32 done = 0;

	do {
		while (done < CHAINS_MAX && virtio_pop(q, &c) > 0) {
			serve(balloon, q, &c);
			done++;
		}
		virtio_notify(q);
		if (done == CHAINS_MAX) {
			virtio_kick_self(q);
			return;
		}
	} while (virtq_enable_kicks(&q->ring) && virtio_dev_live(q->dev));
}

static void ask_for_stats(void *opaque)
{
	struct balloon *balloon = opaque;
	struct virtio_dev *dev = &balloon->virtio;
	struct virtio_queue *q = &dev->queue[Q_STATS];

	pthread_mutex_lock(&dev->lock);
	if (balloon->stats_held && virtio_dev_live(dev)) {
		balloon->stats_held = false;
		virtq_push(&q->ring, balloon->stats_head, 0);
		virtio_notify(q);
	}
	pthread_mutex_unlock(&dev->lock);
}

/* The driver tells how far it got; the rest of the structure is ours. */
static void balloon_config_write(struct virtio_dev *dev, u32 off, u32 size, const void *data)
{
	struct virtio_balloon_config *c = (void *)dev->config;

	if (off != offsetof(struct virtio_balloon_config, actual) || size != sizeof(c->actual))
		return;
	memcpy(&c->actual, data, size);
	to_balloon(dev)->stats.actual = (u64)c->actual << VIRTIO_BALLOON_PFN_SHIFT;
}

static void balloon_reset(struct virtio_dev *dev)
{
	struct virtio_balloon_config *c = (void *)dev->config;
	struct balloon *balloon = to_balloon(dev);
	u64 target = balloon->stats.target;

	c->actual = 0;
	balloon->stats_held = false;
	balloon->stats_ns = 0;
	balloon->stats = (struct balloon_stats){.target = target};
}

static int balloon_start(struct virtio_dev *dev)
{
	loop_timer_set(to_balloon(dev)->timer, STATS_PERIOD, STATS_PERIOD);
	return 0;
}

static void balloon_stop(struct virtio_dev *dev)
{
	loop_timer_set(to_balloon(dev)->timer, 0, 0);
}

static void balloon_destroy(struct virtio_dev *dev)
{
	struct balloon *balloon = to_balloon(dev);

	dev->vm->balloon = NULL;
	loop_timer_destroy(balloon->timer);
	free(balloon);
}

/**
 * balloon_set_target - ask the guest to leave memory to the host
 * @balloon: the device
 * @bytes: how much, 0 to let it have all back; cut at the guest's RAM
 *
 * The guest follows as far and as fast as it can.
 * Context: any thread.
 */
void balloon_set_target(struct balloon *balloon, u64 bytes)
{
	struct virtio_dev *dev = &balloon->virtio;
	struct virtio_balloon_config *c = (void *)dev->config;

	pthread_mutex_lock(&dev->lock);
	bytes = ALIGN_DOWN(min_t(u64, bytes, dev->vm->mem.size), GUEST_PAGE_SIZE);
	balloon->stats.target = bytes;
	c->num_pages = bytes >> VIRTIO_BALLOON_PFN_SHIFT;
	virtio_config_changed(dev);
	pthread_mutex_unlock(&dev->lock);
}

/**
 * balloon_get_stats - what is known about the guest's memory
 * @balloon: the device
 * @stats: filled
 *
 * Context: any thread.
 */
void balloon_get_stats(struct balloon *balloon, struct balloon_stats *stats)
{
	pthread_mutex_lock(&balloon->virtio.lock);
	*stats = balloon->stats;
	if (balloon->stats_ns)
		stats->age_ns = loop_now_ns() - balloon->stats_ns;
	pthread_mutex_unlock(&balloon->virtio.lock);
}

static const struct virtio_ops balloon_ops = {
	.kick = balloon_kick,
	.reset = balloon_reset,
	.config_write = balloon_config_write,
	.start = balloon_start,
	.stop = balloon_stop,
	.destroy = balloon_destroy,
};

/**
 * virtio_balloon_create - make a balloon and put it in vm->balloon
 * @vm: the VM
 *
 * Return: 0 or a negative errno (logged).
 */
int virtio_balloon_create(struct vm *vm)
{
	static const struct virtio_setup setup = {
		.name = "balloon0",
		.type = VIRTIO_ID_BALLOON,
		.class = PCI_CLASS_BALLOON,
		.ops = &balloon_ops,
		.features = VIRTIO_F(VIRTIO_BALLOON_F_STATS_VQ) |
			    VIRTIO_F(VIRTIO_BALLOON_F_DEFLATE_ON_OOM) |
			    VIRTIO_F(VIRTIO_BALLOON_F_REPORTING),
		.num_queues = Q_COUNT,
		.config_len = sizeof(struct virtio_balloon_config),
	};
	struct balloon *balloon = calloc(1, sizeof(*balloon));
	int ret;

	if (!balloon) {
		log_err("balloon0: out of memory");
		return -ENOMEM;
	}
	ret = virtio_dev_create(&balloon->virtio, vm, &setup);
	if (ret)
		goto free_balloon;
	balloon->timer = loop_timer_create(vm->main_loop, ask_for_stats, balloon);
	if (!balloon->timer) {
		ret = -errno;
		log_err("balloon0: timer: %s", strerror(errno));
		goto release;
	}
	ret = virtio_dev_register(&balloon->virtio);
	if (ret)
		goto free_timer;
	/* RAM is maxmem=; what is beyond memory= is asked back at once. */
	balloon_set_target(balloon, vm->mem.size - vm->cfg.memory_mib * MIB);
	vm->balloon = balloon;
	return 0;

free_timer:
	loop_timer_destroy(balloon->timer);
release:
	virtio_dev_release(&balloon->virtio);
free_balloon:
	free(balloon);
	return ret;
}
