// SPDX-License-Identifier: GPL-2.0
/*
 * virtio-blk (virtio 1.2, 5.2): requests are taken from the queues, checked
 * and handed to an engine; blk_done() answers them.
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
#include "virtio/blk.h"
#include "vm.h"

#define PCI_CLASS_BLOCK 0x018000 /* mass storage, other */

/* One range of discard or write-zeroes is at most this long: 1 GiB. */
#define RANGE_SECTORS_MAX (1U << 21)

/* Requests taken before others get a chance at the lock. */
#define TURN_MAX 256

static struct blk *to_blk(struct virtio_dev *dev)
{
	return container_of(dev, struct blk, virtio);
}

static void put_req(struct blk *blk, struct blk_req *req)
{
	req->next = blk->free;
	blk->free = req;
	if (!--blk->in_flight)
		pthread_cond_broadcast(&blk->idle);
}

static void count(struct blk *blk, const struct blk_req *req, u8 status)
{
	struct device_stats *s = &blk->stats;

	if (status != VIRTIO_BLK_S_OK) {
		s->errors++;
	} else if (req->op == BLK_READ) {
		s->reads++;
		s->read_bytes += req->total;
	} else if (req->op == BLK_WRITE) {
		s->writes++;
		s->write_bytes += req->total;
	}
}

static void answer(struct blk *blk, struct blk_req *req, u8 status)
{
	u32 written = sizeof(status);

	if (req->op == BLK_READ && status == VIRTIO_BLK_S_OK)
		written += req->total;
	count(blk, req, status);
	*req->status = status;
	virtq_push(&req->queue->ring, req->head, written);
	virtio_notify(req->queue);
	put_req(blk, req);
}

static u8 status_of(struct blk *blk, const struct blk_req *req, int result)
{
	if (result >= 0)
		return VIRTIO_BLK_S_OK;
	if (result == -EOPNOTSUPP && req->op == BLK_FALLOCATE)
		return req->advice ? VIRTIO_BLK_S_OK : VIRTIO_BLK_S_UNSUPP;
	if (result == -ENOSPC) {
		if (!blk->no_space_told)
			log_warn("%s: no space left on the host", blk->virtio.name);
		blk->no_space_told = true;
	}
	return VIRTIO_BLK_S_IOERR;
}

/**
 * blk_done - an engine has finished a request, or a part of it
 * @blk: disk, locked
 * @req: the request
 * @result: bytes moved, 0 for what moves none, or a negative errno
 *
 * Return: true when the engine must go on with what is left of @req; false
 * when the driver has its answer and @req is gone.
 */
bool blk_done(struct blk *blk, struct blk_req *req, int result)
{
	bool moves = req->op == BLK_READ || req->op == BLK_WRITE;

	if (result == -EINTR || result == -EAGAIN)
		return true;
	if (result == -EOPNOTSUPP && req->op == BLK_FALLOCATE && req->mode & FALLOC_FL_ZERO_RANGE) {
		/* tmpfs, for one, can only make zeroes by making a hole. */
		req->mode = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
		return true;
	}
	/* End of file: somebody has cut the file short under the guest. */
	if (moves && !result)
		result = -EIO;
	if (moves && result > 0 && (u64)result < req->len) {
		req->num = iov_cut_front(&req->iov, req->num, result);
		req->offset += result;
		req->len -= result;
		return true;
	}
	answer(blk, req, status_of(blk, req, result));
	return false;
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

static u8 check_range(const struct blk *blk, const struct blk_req *req)
{
	if (!req->len || req->len & ((1 << BLK_SECTOR_SHIFT) - 1))
		return VIRTIO_BLK_S_IOERR;
	if (!range_fits(req->offset, req->len, blk->size))
		return VIRTIO_BLK_S_IOERR;
	if (req->op != BLK_READ && blk->readonly)
		return VIRTIO_BLK_S_IOERR;
	return VIRTIO_BLK_S_OK;
}

static u8 prepare_transfer(const struct blk *blk, struct blk_req *req, enum blk_op op,
			   const struct virtq_chain *c, u64 sector)
{
	bool in = op == BLK_READ;

	req->op = op;
	req->iov = c->iov + (in ? c->out_num : 0);
	req->num = in ? c->in_num : c->out_num;
	req->len = in ? c->in_len : c->out_len;
	req->total = req->len;
	/* Beyond the shift's reach is beyond any disk. */
	if (sector >> (64 - BLK_SECTOR_SHIFT))
		return VIRTIO_BLK_S_IOERR;
	req->offset = sector << BLK_SECTOR_SHIFT;
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
	if (range.num_sectors > RANGE_SECTORS_MAX || range.sector >> (64 - BLK_SECTOR_SHIFT))
		return VIRTIO_BLK_S_IOERR;

	req->op = BLK_FALLOCATE;
	req->advice = discard;
	req->mode = FALLOC_FL_KEEP_SIZE;
	if (discard || range.flags & VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP)
		req->mode |= FALLOC_FL_PUNCH_HOLE;
	else
		req->mode |= FALLOC_FL_ZERO_RANGE;
	req->offset = range.sector << BLK_SECTOR_SHIFT;
	req->len = (u64)range.num_sectors << BLK_SECTOR_SHIFT;
	return check_range(blk, req);
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

	req->op = BLK_FLUSH;
	req->len = 0;
	req->total = 0;
	if (!cut_header(c, &hdr)) {
		*status = VIRTIO_BLK_S_IOERR;
		return false;
	}
	switch (hdr.type) {
	case VIRTIO_BLK_T_IN:
		*status = prepare_transfer(blk, req, BLK_READ, c, hdr.sector);
		break;
	case VIRTIO_BLK_T_OUT:
		*status = prepare_transfer(blk, req, BLK_WRITE, c, hdr.sector);
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
	struct blk_req *req = blk->free;
	struct virtq_chain c = {.max = ARRAY_SIZE(req->parts)};
	u8 status;

	if (!req) {
		blk->starved = true;
		return false;
	}
	c.iov = req->parts;
	if (virtio_pop(q, &c) <= 0)
		return false;
	if (!cut_status(&c, req)) {
		virtio_break(&blk->virtio, "queue %u: a request without room for its status",
			     q->index);
		return false;
	}
	blk->free = req->next;
	blk->in_flight++;
	req->queue = q;
	req->head = c.head;
	if (prepare(blk, req, &c, &status))
		blk_engine_queue(blk, req);
	else
		answer(blk, req, status);
	return true;
}

static void blk_kick(struct virtio_queue *q)
{
	struct blk *blk = to_blk(q->dev);
	u32 taken = 0;

	virtq_disable_kicks(&q->ring);
	do {
		while (taken < TURN_MAX && take_request(blk, q))
			taken++;
		blk_engine_submit(blk);
		if (taken == TURN_MAX) {
			virtio_kick_self(q);
			return;
		}
	} while (blk->free && virtq_enable_kicks(&q->ring) && virtio_dev_live(q->dev));
}

/**
 * blk_refill - look at the queues that were left alone for lack of requests
 * @blk: disk, locked; requests may have become free
 */
void blk_refill(struct blk *blk)
{
	if (!blk->starved || !virtio_dev_live(&blk->virtio))
		return;
	blk->starved = false;
	for (u16 i = 0; i < blk->virtio.num_queues; i++)
		blk_kick(&blk->virtio.queue[i]);
}

/* The I/O thread goes on completing while we wait: the lock is released. */
static void blk_drain(struct virtio_dev *dev)
{
	struct blk *blk = to_blk(dev);

	while (blk->in_flight)
		pthread_cond_wait(&blk->idle, &dev->lock);
	blk->starved = false;
}

static void blk_stats(struct virtio_dev *dev, struct device_stats *stats)
{
	pthread_mutex_lock(&dev->lock);
	*stats = to_blk(dev)->stats;
	pthread_mutex_unlock(&dev->lock);
}

static void blk_destroy(struct virtio_dev *dev)
{
	struct blk *blk = to_blk(dev);

	blk_engine_destroy(blk);
	blk_file_close(blk);
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
		.capacity = blk->size >> BLK_SECTOR_SHIFT,
		.seg_max = BLK_SEG_MAX,
		.num_queues = queues,
		.max_discard_sectors = RANGE_SECTORS_MAX,
		.max_discard_seg = 1,
		.max_write_zeroes_sectors = RANGE_SECTORS_MAX,
		.max_write_zeroes_seg = 1,
		.write_zeroes_may_unmap = 1,
	};
	u32 physical;

	c.blk_size = blk_file_block_size(blk, &physical);
	c.discard_sector_alignment = c.blk_size >> BLK_SECTOR_SHIFT;
	while (c.blk_size << c.physical_block_exp < physical)
		c.physical_block_exp++;
	c.min_io_size = 1;
	memcpy(blk->virtio.config, &c, sizeof(c));
}

static int alloc_requests(struct blk *blk)
{
	/* Zero pages until used: a quiet disk costs next to nothing. */
	blk->reqs = calloc(BLK_DEPTH, sizeof(*blk->reqs));
	if (!blk->reqs)
		return -ENOMEM;
	for (u32 i = BLK_DEPTH; i-- > 0;) {
		blk->reqs[i].next = blk->free;
		blk->free = &blk->reqs[i];
	}
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
	pthread_cond_init(&blk->idle, NULL);
	snprintf(blk->id, sizeof(blk->id), "%s", disk->vdev);
	ret = blk_file_open(blk, disk);
	if (ret)
		goto free_blk;
	if (setup.num_queues > 1)
		setup.features |= VIRTIO_F(VIRTIO_BLK_F_MQ);
	if (blk->readonly)
		setup.features |= VIRTIO_F(VIRTIO_BLK_F_RO);
	else
		setup.features |= VIRTIO_F(VIRTIO_BLK_F_WRITE_ZEROES);
	if (!blk->readonly && disk->discard)
		setup.features |= VIRTIO_F(VIRTIO_BLK_F_DISCARD);

	ret = virtio_dev_create(&blk->virtio, vm, &setup);
	if (ret)
		goto close_file;
	fill_config(blk, setup.num_queues);
	ret = alloc_requests(blk);
	if (!ret)
		ret = blk_engine_create(blk);
	if (ret) {
		log_err("%s: %s", disk->vdev, strerror(-ret));
		goto release;
	}
	ret = virtio_dev_register(&blk->virtio);
	if (ret)
		goto destroy_engine;
	return 0;

destroy_engine:
	blk_engine_destroy(blk);
release:
	virtio_dev_release(&blk->virtio);
close_file:
	blk_file_close(blk);
free_blk:
	free(blk->reqs);
	free(blk);
	return ret;
}
