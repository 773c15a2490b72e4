/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The block device's two halves: blk.c speaks virtio (5.2), the engines move
 * bytes between guest memory and the host's file.
 */
#ifndef VMMD_VIRTIO_BLK_H
#define VMMD_VIRTIO_BLK_H

#include <liburing.h>

#include "virtio/virtio.h"

#define BLK_SECTOR_SHIFT 9
#define BLK_SEG_MAX	 (VIRTIO_QUEUE_SIZE - 2) /* data parts of a request */
#define BLK_DEPTH	 128			 /* requests in flight, per disk */

enum blk_op {
	BLK_READ,
	BLK_WRITE,
	BLK_FLUSH,
	BLK_FALLOCATE,
};

/**
 * struct blk_req - one request of the driver on its way
 * @next: link in blk.free
 * @queue: where the answer goes
 * @head: name of the request in @queue
 * @op: what to do with the file
 * @advice: a discard: not being able to is no error
 * @mode: of fallocate(), for BLK_FALLOCATE
 * @offset: in the file, in bytes
 * @len: bytes still to do
 * @total: bytes asked for
 * @status: where the driver wants the result, guest memory
 * @iov: data parts still to do
 * @num: entries of @iov
 * @parts: all parts of the request
 *
 * Guarded by virtio_dev.lock, except that an engine at work owns the request.
 */
struct blk_req {
	struct blk_req *next;
	struct virtio_queue *queue;
	u16 head;
	enum blk_op op;
	bool advice;
	int mode;
	u64 offset;
	u64 len;
	u64 total;
	u8 *status;
	struct iovec *iov;
	u32 num;
	struct iovec parts[BLK_SEG_MAX + 2];
};

/**
 * struct blk - a disk
 * @virtio: the device
 * @fd: file or block device, constant
 * @plain_fd: the same without O_DIRECT for requests that are not aligned for
 *	      it, or @fd; constant
 * @align: bytes that O_DIRECT asks for, 1 without; constant
 * @size: bytes, constant
 * @readonly: constant
 * @id: what VIRTIO_BLK_T_GET_ID answers, zero padded; constant
 * @uring: the host has io_uring, else requests are done one by one; constant
 * @ring: valid with @uring; used by the I/O thread
 * @reqs: BLK_DEPTH requests
 * @free: those not in flight; guarded by virtio.lock
 * @in_flight: number of the others; guarded by virtio.lock
 * @idle: signalled when @in_flight becomes 0
 * @unsubmitted: entries in the submission ring the kernel was not told of
 * @starved: a queue was left alone because @free was empty
 * @no_space_told: ENOSPC was logged
 * @stats: guarded by virtio.lock
 */
struct blk {
	struct virtio_dev virtio;
	int fd;
	int plain_fd;
	u32 align;
	u64 size;
	bool readonly;
	char id[21];
	bool uring;
	struct io_uring ring;
	struct blk_req *reqs;
	struct blk_req *free;
	u32 in_flight;
	pthread_cond_t idle;
	u32 unsubmitted;
	bool starved;
	bool no_space_told;
	struct device_stats stats;
};

/* blk.c */
bool blk_done(struct blk *blk, struct blk_req *req, int result);
void blk_refill(struct blk *blk);

/* blk_engine.c; virtio.lock is held in all but create and destroy */
int blk_engine_create(struct blk *blk);
void blk_engine_destroy(struct blk *blk);
void blk_engine_queue(struct blk *blk, struct blk_req *req);
void blk_engine_submit(struct blk *blk);

/* blk_file.c */
struct config_disk;
int blk_file_open(struct blk *blk, const struct config_disk *disk);
void blk_file_close(struct blk *blk);
u32 blk_file_block_size(const struct blk *blk, u32 *physical);

#endif /* VMMD_VIRTIO_BLK_H */
