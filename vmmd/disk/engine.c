// SPDX-License-Identifier: GPL-2.0
/*
 * Moving a disk's bytes: by io_uring, or one request at a time with ordinary
 * system calls where the host does not let us have a ring. See disk.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "disk/disk.h"
#include "disk/nbd.h"
#include "log.h"
#include "loop.h"
#include "virtio/queue.h" /* iov_cut_front() */

/* O_DIRECT moves whole blocks between aligned addresses only. */
static bool aligned(const struct disk *disk, const struct disk_req *req)
{
	u64 mask = disk->align - 1;

	if (req->offset & mask)
		return false;
	for (u32 i = 0; i < req->num; i++) {
		if (((uintptr_t)req->iov[i].iov_base | req->iov[i].iov_len) & mask)
			return false;
	}
	return true;
}

static int fd_for(const struct disk *disk, const struct disk_req *req)
{
	return aligned(disk, req) ? disk->fd : disk->plain_fd;
}

static int write_flags(const struct disk_req *req)
{
	return req->stable ? RWF_DSYNC : 0;
}

void disk_tell_no_space(struct disk *disk)
{
	if (!disk->no_space_told)
		log_warn("%s: no space left on the host", disk->name);
	disk->no_space_told = true;
}

/*
 * What the kernel says of a request: is it, or a rest of it, to be begun
 * again? If not, @result becomes what the owner is told.
 */
static bool goes_on(struct disk *disk, struct disk_req *req, int *result)
{
	bool moves = req->op == DISK_READ || req->op == DISK_WRITE;
	int n = *result;

	if (n == -EINTR || n == -EAGAIN)
		return true;
	if (n == -EOPNOTSUPP && req->op == DISK_FALLOCATE && req->mode & FALLOC_FL_ZERO_RANGE) {
		/* tmpfs, for one, can only make zeroes by making a hole. */
		req->mode = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
		return true;
	}
	/* End of file: somebody has cut the file short under the guest. */
	if (moves && !n)
		n = -EIO;
	if (moves && n > 0 && (u64)n < req->len) {
		req->num = iov_cut_front(&req->iov, req->num, n);
		req->offset += n;
		req->len -= n;
		return true;
	}
	if (n == -ENOSPC)
		disk_tell_no_space(disk);
	*result = min_t(int, n, 0);
	return false;
}

static void do_now(struct disk *disk, struct disk_req *req)
{
	ssize_t n;
	int result;

	do {
		switch (req->op) {
		case DISK_READ:
			n = preadv2(fd_for(disk, req), req->iov, req->num, req->offset, 0);
			break;
		case DISK_WRITE:
			n = pwritev2(fd_for(disk, req), req->iov, req->num, req->offset,
				     write_flags(req));
			break;
		case DISK_FLUSH:
			n = fdatasync(disk->fd);
			break;
		default:
			n = fallocate(disk->fd, req->mode, req->offset, req->len);
		}
		result = n < 0 ? -errno : n;
	} while (goes_on(disk, req, &result));
	disk->ops->done(disk, req, result);
}

static void prepare_sqe(struct disk *disk, struct disk_req *req, struct io_uring_sqe *sqe)
{
	switch (req->op) {
	case DISK_READ:
		io_uring_prep_readv(sqe, fd_for(disk, req), req->iov, req->num, req->offset);
		break;
	case DISK_WRITE:
		io_uring_prep_writev2(sqe, fd_for(disk, req), req->iov, req->num, req->offset,
				      write_flags(req));
		break;
	case DISK_FLUSH:
		io_uring_prep_fsync(sqe, disk->fd, IORING_FSYNC_DATASYNC);
		break;
	case DISK_FALLOCATE:
	case DISK_DISCARD:
		io_uring_prep_fallocate(sqe, disk->fd, req->mode, req->offset, req->len);
		break;
	}
	io_uring_sqe_set_data(sqe, req);
}

void disk_queue(struct disk *disk, struct disk_req *req)
{
	struct io_uring_sqe *sqe;

	if (disk->nbd) {
		nbd_queue(disk->nbd, req);
		return;
	}
	if (!disk->uring) {
		do_now(disk, req);
		return;
	}
	/* There are as many entries as requests, so one is free. */
	sqe = io_uring_get_sqe(&disk->ring);
	prepare_sqe(disk, req, sqe);
	disk->unsubmitted++;
}

void disk_submit(struct disk *disk)
{
	if (disk->nbd)
		nbd_submit(disk->nbd);
	while (disk->unsubmitted) {
		int n = io_uring_submit(&disk->ring);

		if (n == -EINTR || n == -EAGAIN || n == -EBUSY)
			continue;
		/* What is left are mistakes of ours; no answer could be given. */
		if (n <= 0) {
			log_err("%s: io_uring_submit: %s", disk->name, strerror(-n));
			abort();
		}
		disk->unsubmitted -= n;
	}
}

static void completions(void *opaque, u32 events)
{
	struct disk *disk = opaque;
	struct io_uring_cqe *cqe;

	(void)events;
	pthread_mutex_lock(disk->lock);
	while (!io_uring_peek_cqe(&disk->ring, &cqe)) {
		struct disk_req *req = io_uring_cqe_get_data(cqe);
		int result = cqe->res;

		io_uring_cqe_seen(&disk->ring, cqe);
		if (goes_on(disk, req, &result))
			disk_queue(disk, req);
		else
			disk->ops->done(disk, req, result);
	}
	disk->ops->settled(disk);
	disk_submit(disk);
	pthread_mutex_unlock(disk->lock);
}

int disk_engine_create(struct disk *disk, struct loop *loop)
{
	int ret;

	if (disk->nbd)
		return nbd_attach(disk->nbd, loop);
	ret = io_uring_queue_init(DISK_DEPTH, &disk->ring, 0);
	/* Old kernels have none, and kernel.io_uring_disabled may forbid it. */
	if (ret == -ENOSYS || ret == -EPERM || ret == -EACCES) {
		log_info("%s: no io_uring (%s), disk I/O is synchronous", disk->name,
			 strerror(-ret));
		return 0;
	}
	if (ret)
		return ret;
	disk->uring = true;
	ret = loop_add_fd(loop, disk->ring.ring_fd, EPOLLIN, completions, disk);
	if (ret)
		disk_engine_destroy(disk, loop);
	return ret;
}

void disk_engine_destroy(struct disk *disk, struct loop *loop)
{
	if (disk->nbd)
		nbd_detach(disk->nbd, loop);
	if (!disk->uring)
		return;
	disk->uring = false;
	if (loop)
		loop_del_fd(loop, disk->ring.ring_fd);
	io_uring_queue_exit(&disk->ring);
}

void disk_add_req(struct disk *disk, struct disk_req *req)
{
	req->next = disk->free;
	disk->free = req;
}

struct disk_req *disk_get(struct disk *disk)
{
	struct disk_req *req = disk->free;

	if (!req) {
		disk->starved = true;
		return NULL;
	}
	disk->free = req->next;
	disk->in_flight++;
	return req;
}

void disk_unget(struct disk *disk, struct disk_req *req)
{
	disk_add_req(disk, req);
	if (!--disk->in_flight)
		pthread_cond_broadcast(&disk->idle);
}

void disk_put(struct disk *disk, struct disk_req *req, bool ok)
{
	struct device_stats *s = &disk->stats;

	if (!ok) {
		s->errors++;
	} else if (req->op == DISK_READ) {
		s->reads++;
		s->read_bytes += req->total;
	} else if (req->op == DISK_WRITE) {
		s->writes++;
		s->write_bytes += req->total;
	}
	disk_unget(disk, req);
}

void disk_drain(struct disk *disk)
{
	while (disk->in_flight)
		pthread_cond_wait(&disk->idle, disk->lock);
	disk->starved = false;
}
