// SPDX-License-Identifier: GPL-2.0
/*
 * virtio-blk (virtio 1.2, 5.2): requests are taken from the queues, checked
 * and handed to the disk (disk/disk.h); blk_done() answers them.
 *
 * A request is a 16-byte header to read, data, and one status byte to write.
 * Drivers may cut it into buffers as they like, so header and status are cut
 * off the ends of the scatter list.
 */
#include <errno.h>
#include <linux/falloc.h>
#include <linux/virtio_blk.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"
#include "disk/disk.h"
#include "virtio/virtio.h"
#include "vm.h"

#define PCI_CLASS_BLOCK 0x018000 /* mass storage, other */

#define SEG_MAX (VIRTIO_QUEUE_SIZE - 2) /* data parts of a request */

/* One range of discard or write-zeroes is at most this long: 1 GiB. */
#define RANGE_SECTORS_MAX (1U << 21)

/* Requests taken before others get a chance at the lock. */
#define TURN_MAX 256

/**
 * struct blk_req - one request of the driver on its way
 * @disk: what the engine knows of it
 * @queue: where the answer goes
 * @head: name of the request in @queue
 * @status: where the driver wants the result, guest memory
 * @parts: all parts of the request
 *
 * Guarded by virtio_dev.lock, except that an engine at work owns the request.
 */
struct blk_req {
	struct disk_req disk;
	struct virtio_queue *queue;
	u16 head;
	u8 *status;
	struct iovec parts[SEG_MAX + 2];
};

/**
 * struct blk - a virtio disk
 * @virtio: the device
 * @disk: the host's side; its lock is virtio.lock
 * @id: what VIRTIO_BLK_T_GET_ID answers, zero padded; constant
 * @reqs: DISK_DEPTH requests
 */
struct blk {
	struct virtio_dev virtio;
	struct disk disk;
	char id[21];
	struct blk_req *reqs;
};

static struct blk *to_blk(struct virtio_dev *dev)
{
	return container_of(dev, struct blk, virtio);
}

static void answer(struct blk *blk, struct blk_req *req, u8 status)
{
	bool ok = status == VIRTIO_BLK_S_OK;
	u32 written = sizeof(status);

	if (req->disk.op == DISK_READ && ok)
		written += req->disk.total;
	*req->status = status;
	virtq_push(&req->queue->ring, req->head, written);
	virtio_notify(req->queue);
	disk_put(&blk->disk, &req->disk, ok);
}

static void blk_done(struct disk *disk, struct disk_req *r, int result)
{
	struct blk_req *req = container_of(r, struct blk_req, disk);
	u8 status = result ? VIRTIO_BLK_S_IOERR : VIRTIO_BLK_S_OK;

	/* A discard is an advice: not being able to take it is no error. */
	if (result == -EOPNOTSUPP && r->op == DISK_DISCARD)
		status = VIRTIO_BLK_S_OK;
	if (result == -EOPNOTSUPP && r->op == DISK_FALLOCATE)
		status = VIRTIO_BLK_S_UNSUPP;
	answer(container_of(disk, struct blk, disk), req, status);
}

/* Removes the status byte from the end of the writable parts. */
static bool cut_status(struct virtq_chain *c, struct blk_req *req)
{
	struct iovec *last = &c->iov[c->out_num + c->in_num - 1];

	if (!c->in_num)
		return false;
	last->iov_len--;
	req->status = (u8 *)last->iov_base + last->iov_len;
	if (!last->iov_len)
		c->in_num--;
	c->in_len--;
	return true;
}

static bool cut_header(struct virtq_chain *c, struct virtio_blk_outhdr *hdr)
{
	u32 left;

	if (iov_read(c->iov, c->out_num, 0, hdr, sizeof(*hdr)) != sizeof(*hdr))
		return false;
	left = iov_cut_front(&c->iov, c->out_num, sizeof(*hdr));
	c->out_num = left;
	c->out_len -= sizeof(*hdr);
	return true;
}

static u8 check_range(const struct blk *blk, const struct disk_req *req)
{
	if (!req->len || req->len & (DISK_SECTOR - 1))
		return VIRTIO_BLK_S_IOERR;
	if (!range_fits(req->offset, req->len, blk->disk.size))
		return VIRTIO_BLK_S_IOERR;
	if (req->op != DISK_READ && blk->disk.readonly)
		return VIRTIO_BLK_S_IOERR;
	return VIRTIO_BLK_S_OK;
}

static u8 prepare_transfer(const struct blk *blk, struct disk_req *req, enum disk_op op,
			   const struct virtq_chain *c, u64 sector)
{
	bool in = op == DISK_READ;

	req->op = op;
	/*
	 * 5.2.5.2: a driver that does not flush gets a disk without a cache: a
	 * write is not done before it is on stable storage.
	 */
	req->stable = !virtio_has(&blk->virtio, VIRTIO_BLK_F_FLUSH);
	req->iov = c->iov + (in ? c->out_num : 0);
	req->num = in ? c->in_num : c->out_num;
	req->len = in ? c->in_len : c->out_len;
	req->total = req->len;
	/* Beyond the shift's reach is beyond any disk. */
	if (sector >> (64 - DISK_SECTOR_SHIFT))
		return VIRTIO_BLK_S_IOERR;
	req->offset = sector << DISK_SECTOR_SHIFT;
	return check_range(blk, req);
}

/* Discard and write-zeroes: one range, because we say max_*_seg = 1. */
static u8 prepare_range(const struct blk *blk, struct blk_req *req, u32 type,
			const struct virtq_chain *c)
{
	struct virtio_blk_discard_write_zeroes range;
	bool discard = type == VIRTIO_BLK_T_DISCARD;

	if (c->out_len != sizeof(range))
		return VIRTIO_BLK_S_UNSUPP;
	iov_read(c->iov, c->out_num, 0, &range, sizeof(range));
	/* 5.2.6.2: discard has no flags, write-zeroes only UNMAP. */
	if (range.flags & ~(discard ? 0 : VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP))
		return VIRTIO_BLK_S_UNSUPP;
	if (range.num_sectors > RANGE_SECTORS_MAX || range.sector >> (64 - DISK_SECTOR_SHIFT))
		return VIRTIO_BLK_S_IOERR;

	req->disk.op = discard ? DISK_DISCARD : DISK_FALLOCATE;
	req->disk.mode = FALLOC_FL_KEEP_SIZE;
	if (discard || range.flags & VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP)
		req->disk.mode |= FALLOC_FL_PUNCH_HOLE;
	else
		req->disk.mode |= FALLOC_FL_ZERO_RANGE;
	req->disk.offset = range.sector << DISK_SECTOR_SHIFT;
	req->disk.len = (u64)range.num_sectors << DISK_SECTOR_SHIFT;
	return check_range(blk, &req->disk);
}

static u8 get_id(const struct blk *blk, const struct virtq_chain *c)
{
	/* 5.2.6: padded with zeroes, none when all bytes are used. */
	iov_write(c->iov + c->out_num, c->in_num, 0, blk->id, VIRTIO_BLK_ID_BYTES);
	return VIRTIO_BLK_S_OK;
}

/* Turns a chain into a request; true when an engine has to do something. */
static bool prepare(struct blk *blk, struct blk_req *req, struct virtq_chain *c, u8 *status)
{
	struct virtio_dev *dev = &blk->virtio;
	struct virtio_blk_outhdr hdr;

	req->disk.op = DISK_FLUSH;
	req->disk.len = 0;
	req->disk.total = 0;
	if (!cut_header(c, &hdr)) {
		*status = VIRTIO_BLK_S_IOERR;
		return false;
	}
	switch (hdr.type) {
	case VIRTIO_BLK_T_IN:
		*status = prepare_transfer(blk, &req->disk, DISK_READ, c, hdr.sector);
		break;
	case VIRTIO_BLK_T_OUT:
		*status = prepare_transfer(blk, &req->disk, DISK_WRITE, c, hdr.sector);
		break;
	case VIRTIO_BLK_T_FLUSH:
		*status = VIRTIO_BLK_S_OK;
		break;
	case VIRTIO_BLK_T_GET_ID:
		*status = get_id(blk, c);
		return false;
	case VIRTIO_BLK_T_DISCARD:
		if (!virtio_has(dev, VIRTIO_BLK_F_DISCARD))
			goto unsupported;
		*status = prepare_range(blk, req, hdr.type, c);
		break;
	case VIRTIO_BLK_T_WRITE_ZEROES:
		if (!virtio_has(dev, VIRTIO_BLK_F_WRITE_ZEROES))
			goto unsupported;
		*status = prepare_range(blk, req, hdr.type, c);
		break;
	default:
		goto unsupported;
	}
	return *status == VIRTIO_BLK_S_OK;

unsupported:
	*status = VIRTIO_BLK_S_UNSUPP;
	return false;
}

/* Takes one request of a queue; false when there is none or no room. */
static bool take_request(struct blk *blk, struct virtio_queue *q)
{
	struct disk_req *r = disk_get(&blk->disk);
	struct virtq_chain c = {.max = SEG_MAX + 2};
	struct blk_req *req;
	u8 status;

	if (!r)
		return false;
	req = container_of(r, struct blk_req, disk);
	c.iov = req->parts;
	if (virtio_pop(q, &c) <= 0)
		goto unget;
	if (!cut_status(&c, req)) {
		virtio_break(&blk->virtio, "queue %u: a request without room for its status",
			     q->index);
		goto unget;
	}
	req->queue = q;
	req->head = c.head;
	if (prepare(blk, req, &c, &status))
		disk_queue(&blk->disk, r);
	else
		answer(blk, req, status);
	return true;

unget:
	disk_unget(&blk->disk, r);
	return false;
}

static void blk_kick(struct virtio_queue *q)
{
	struct blk *blk = to_blk(q->dev);
	u32 taken = 0;

	virtq_disable_kicks(&q->ring);
	do {
		while (taken < TURN_MAX && take_request(blk, q))
			taken++;
		disk_submit(&blk->disk);
		if (taken == TURN_MAX) {
			virtio_kick_self(q);
			return;
		}
	} while (blk->disk.free && virtq_enable_kicks(&q->ring) && virtio_dev_live(q->dev));
}

/* Looks at the queues that were left alone for lack of requests. */
static void blk_settled(struct disk *disk)
{
	struct blk *blk = container_of(disk, struct blk, disk);

	if (!disk->starved || !virtio_dev_live(&blk->virtio))
		return;
	disk->starved = false;
	for (u16 i = 0; i < blk->virtio.num_queues; i++)
		blk_kick(&blk->virtio.queue[i]);
}

static const struct disk_ops blk_disk_ops = {
	.done = blk_done,
	.settled = blk_settled,
};

/* The I/O thread goes on completing while we wait: the lock is released. */
static void blk_drain(struct virtio_dev *dev)
{
	disk_drain(&to_blk(dev)->disk);
}

static void blk_stats(struct virtio_dev *dev, struct device_stats *stats)
{
	pthread_mutex_lock(&dev->lock);
	*stats = to_blk(dev)->disk.stats;
	pthread_mutex_unlock(&dev->lock);
}

static void blk_destroy(struct virtio_dev *dev)
{
	struct blk *blk = to_blk(dev);

	disk_engine_destroy(&blk->disk, dev->loop);
	disk_close(&blk->disk);
	free(blk->reqs);
	free(blk);
}

static const struct virtio_ops blk_ops = {
	.kick = blk_kick,
	.reset = blk_drain,
	.stop = blk_drain,
	.destroy = blk_destroy,
	.stats = blk_stats,
};

static void fill_config(struct blk *blk, u16 queues)
{
	struct virtio_blk_config c = {
		.capacity = blk->disk.size >> DISK_SECTOR_SHIFT,
		.seg_max = SEG_MAX,
		.num_queues = queues,
		.max_discard_sectors = RANGE_SECTORS_MAX,
		.max_discard_seg = 1,
		.max_write_zeroes_sectors = RANGE_SECTORS_MAX,
		.max_write_zeroes_seg = 1,
		.write_zeroes_may_unmap = 1,
	};
	u32 physical;

	c.blk_size = disk_block_size(&blk->disk, &physical);
	c.discard_sector_alignment = c.blk_size >> DISK_SECTOR_SHIFT;
	while (c.blk_size << c.physical_block_exp < physical)
		c.physical_block_exp++;
	c.min_io_size = 1;
	memcpy(blk->virtio.config, &c, sizeof(c));
}

static int alloc_requests(struct blk *blk)
{
	/* Zero pages until used: a quiet disk costs next to nothing. */
	blk->reqs = calloc(DISK_DEPTH, sizeof(*blk->reqs));
	if (!blk->reqs)
		return -ENOMEM;
	for (u32 i = DISK_DEPTH; i-- > 0;)
		disk_add_req(&blk->disk, &blk->reqs[i].disk);
	return 0;
}

/**
 * virtio_blk_create - make a disk
 * @vm: the VM
 * @disk: its configuration
 *
 * The guest cannot change discs, so an empty drive is no device at all.
 *
 * Return: 0 or a negative errno (logged).
 */
int virtio_blk_create(struct vm *vm, const struct config_disk *disk)
{
	struct virtio_setup setup = {
		.name = disk->vdev,
		.kind = DEVICE_BLOCK,
		.type = VIRTIO_ID_BLOCK,
		.class = PCI_CLASS_BLOCK,
		.ops = &blk_ops,
		.features = VIRTIO_F(VIRTIO_BLK_F_SEG_MAX) | VIRTIO_F(VIRTIO_BLK_F_BLK_SIZE) |
			    VIRTIO_F(VIRTIO_BLK_F_TOPOLOGY) | VIRTIO_F(VIRTIO_BLK_F_FLUSH),
		.num_queues = min_t(u16, vm->cfg.vcpus, VIRTIO_QUEUES_MAX),
		.config_len = offsetof(struct virtio_blk_config, max_secure_erase_sectors),
		.own_thread = true,
	};
	struct blk *blk;
	int ret;

	if (!disk->path) {
		log_info("%s: a drive without a disc is left out", disk->vdev);
		return 0;
	}
	blk = calloc(1, sizeof(*blk));
	if (!blk) {
		log_err("%s: out of memory", disk->vdev);
		return -ENOMEM;
	}
	snprintf(blk->id, sizeof(blk->id), "%s", disk->vdev);
	ret = disk_open(&blk->disk, disk);
	if (ret)
		goto free_blk;
	if (setup.num_queues > 1)
		setup.features |= VIRTIO_F(VIRTIO_BLK_F_MQ);
	if (blk->disk.readonly)
		setup.features |= VIRTIO_F(VIRTIO_BLK_F_RO);
	else
		setup.features |= VIRTIO_F(VIRTIO_BLK_F_WRITE_ZEROES);
	if (!blk->disk.readonly && disk->discard)
		setup.features |= VIRTIO_F(VIRTIO_BLK_F_DISCARD);

	ret = virtio_dev_create(&blk->virtio, vm, &setup);
	if (ret)
		goto close_file;
	blk->disk.name = blk->virtio.name;
	blk->disk.ops = &blk_disk_ops;
	blk->disk.lock = &blk->virtio.lock;
	fill_config(blk, setup.num_queues);
	ret = alloc_requests(blk);
	if (!ret)
		ret = disk_engine_create(&blk->disk, blk->virtio.loop);
	if (ret) {
		log_err("%s: %s", disk->vdev, strerror(-ret));
		goto release;
	}
	ret = virtio_dev_register(&blk->virtio);
	if (ret)
		goto destroy_engine;
	return 0;

destroy_engine:
	disk_engine_destroy(&blk->disk, blk->virtio.loop);
release:
	virtio_dev_release(&blk->virtio);
close_file:
	disk_close(&blk->disk);
free_blk:
	free(blk->reqs);
	free(blk);
	return ret;
}
