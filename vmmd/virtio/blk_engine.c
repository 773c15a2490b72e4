// SPDX-License-Identifier: GPL-2.0
/*
 * Moving a disk's bytes: by io_uring, or one request at a time with ordinary
 * system calls where the host does not let us have a ring.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/virtio_blk.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "virtio/blk.h"
#include "vm.h"

/* O_DIRECT moves whole blocks between aligned addresses only. */
static bool aligned(const struct blk *blk, const struct blk_req *req)
{
	u64 mask = blk->align - 1;

	if (req->offset & mask)
		return false;
	for (u32 i = 0; i < req->num; i++) {
		if (((uintptr_t)req->iov[i].iov_base | req->iov[i].iov_len) & mask)
			return false;
	}
	return true;
}

static int fd_for(const struct blk *blk, const struct blk_req *req)
{
	return aligned(blk, req) ? blk->fd : blk->plain_fd;
}

/*
 * 5.2.5.2: a driver that does not flush gets a disk without a cache: a write
 * is not done before it is on stable storage.
 */
static int write_flags(const struct blk *blk)
{
	return virtio_has(&blk->virtio, VIRTIO_BLK_F_FLUSH) ? 0 : RWF_DSYNC;
}

static void do_now(struct blk *blk, struct blk_req *req)
{
	ssize_t n;

	do {
		switch (req->op) {
		case BLK_READ:
			n = preadv2(fd_for(blk, req), req->iov, req->num, req->offset, 0);
			break;
		case BLK_WRITE:
			n = pwritev2(fd_for(blk, req), req->iov, req->num, req->offset,
				     write_flags(blk));
			break;
		case BLK_FLUSH:
			n = fdatasync(blk->fd);
			break;
		default:
			n = fallocate(blk->fd, req->mode, req->offset, req->len);
		}
	} while (blk_done(blk, req, n < 0 ? -errno : n));
}

static void prepare_sqe(struct blk *blk, struct blk_req *req, struct io_uring_sqe *sqe)
{
	switch (req->op) {
	case BLK_READ:
		io_uring_prep_readv(sqe, fd_for(blk, req), req->iov, req->num, req->offset);
		break;
	case BLK_WRITE:
		io_uring_prep_writev2(sqe, fd_for(blk, req), req->iov, req->num, req->offset,
				      write_flags(blk));
		break;
	case BLK_FLUSH:
		io_uring_prep_fsync(sqe, blk->fd, IORING_FSYNC_DATASYNC);
		break;
	case BLK_FALLOCATE:
		io_uring_prep_fallocate(sqe, blk->fd, req->mode, req->offset, req->len);
		break;
	}
	io_uring_sqe_set_data(sqe, req);
}

/**
 * blk_engine_queue - begin a request
 * @blk: disk, locked
 * @req: the request, which may be done when this returns
 *
 * With a ring the kernel learns of it at blk_engine_submit().
 */
void blk_engine_queue(struct blk *blk, struct blk_req *req)
{
	struct io_uring_sqe *sqe;

	if (!blk->uring) {
		do_now(blk, req);
		return;
	}
	/* There are as many entries as requests, so one is free. */
	sqe = io_uring_get_sqe(&blk->ring);
	prepare_sqe(blk, req, sqe);
	blk->unsubmitted++;
}

/**
 * blk_engine_submit - tell the kernel of all requests that were begun
 * @blk: disk, locked
 */
void blk_engine_submit(struct blk *blk)
{
	while (blk->unsubmitted) {
		int n = io_uring_submit(&blk->ring);

		if (n == -EINTR || n == -EAGAIN || n == -EBUSY)
			continue;
		/* What is left are mistakes of ours; no answer could be given. */
		if (n <= 0) {
			log_err("%s: io_uring_submit: %s", blk->virtio.name, strerror(-n));
			abort();
		}
		blk->unsubmitted -= n;
	}
}

static void completions(void *opaque, u32 events)
{
	struct blk *blk = opaque;
	struct io_uring_cqe *cqe;

	(void)events;
	pthread_mutex_lock(&blk->virtio.lock);
	while (!io_uring_peek_cqe(&blk->ring, &cqe)) {
		struct blk_req *req = io_uring_cqe_get_data(cqe);
		int result = cqe->res;

		io_uring_cqe_seen(&blk->ring, cqe);
		if (blk_done(blk, req, result))
			blk_engine_queue(blk, req);
	}
	blk_refill(blk);
	blk_engine_submit(blk);
	pthread_mutex_unlock(&blk->virtio.lock);
}

/**
 * blk_engine_create - get a ring, or be content without
 * @blk: disk with its loop
 *
 * Return: 0 or a negative errno.
 */
int blk_engine_create(struct blk *blk)
{
	int ret = io_uring_queue_init(BLK_DEPTH, &blk->ring, 0);

	/* Old kernels have none, and kernel.io_uring_disabled may forbid it. */
	if (ret == -ENOSYS || ret == -EPERM || ret == -EACCES) {
		log_info("%s: no io_uring (%s), disk I/O is synchronous", blk->virtio.name,
			 strerror(-ret));
		return 0;
	}
	if (ret)
		return ret;
	blk->uring = true;
	ret = loop_add_fd(blk->virtio.loop, blk->ring.ring_fd, EPOLLIN, completions, blk);
	if (ret)
		blk_engine_destroy(blk);
	return ret;
}

/**
 * blk_engine_destroy - give the ring back
 * @blk: disk without requests in flight
 */
void blk_engine_destroy(struct blk *blk)
{
	if (!blk->uring)
		return;
	blk->uring = false;
	if (blk->virtio.loop)
		loop_del_fd(blk->virtio.loop, blk->ring.ring_fd);
	io_uring_queue_exit(&blk->ring);
}
