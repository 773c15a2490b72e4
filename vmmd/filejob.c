// SPDX-License-Identifier: GPL-2.0
/* A file written from a guest's memory. See filejob.h. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "filejob.h"
#include "thread.h"
#include "vm.h"

/* So much is written at a time: between two pieces the job can be cancelled. */
#define PIECE MIB

/**
 * struct filejob - see filejob.h
 * @vm: constant
 * @fd: a duplicate of the caller's, constant
 * @ops: constant
 * @opaque: constant
 * @thread: main thread only
 * @holes: the file can have holes; constant
 * @cancel: end soon; atomic
 * @over: the thread has nothing more to do; atomic
 * @ret: first failure; the job's thread, and when that has ended the main thread
 */
struct filejob {
	struct vm *vm;
	int fd;
	const struct filejob_ops *ops;
	void *opaque;
	pthread_t thread;
	bool holes;
	bool cancel;
	bool over;
	int ret;
};

static const u8 zeroes[GUEST_PAGE_SIZE];

bool filejob_is_zero(const u8 *page)
{
	const u64 *word = (const u64 *)page;
	u64 any = 0;
	u32 i, n;

	for (i = 0; i < GUEST_PAGE_SIZE / sizeof(*word); i += 8) {
		for (n = 0; n < 8; n++)
			any |= word[i + n];
		if (any)
			return false;
	}
	return true;
}

/* A pipe may have been made so that it does not wait. */
static void wait_writable(const struct filejob *job)
{
	struct pollfd wait = {.fd = job->fd, .events = POLLOUT};

	poll(&wait, 1, 1000);
}

int filejob_put(struct filejob *job, const void *data, size_t len)
{
	const u8 *at = data;
	ssize_t n;

	while (len && !job->ret) {
		if (__atomic_load_n(&job->cancel, __ATOMIC_RELAXED)) {
			job->ret = -ECANCELED;
			break;
		}
		n = write(job->fd, at, len < PIECE ? len : PIECE);
		if (n < 0 && errno == EAGAIN) {
			wait_writable(job);
		} else if (n < 0 && errno != EINTR) {
			job->ret = -errno;
		} else if (n > 0) {
			at += n;
			len -= (size_t)n;
		}
	}
	return job->ret;
}

int filejob_skip(struct filejob *job, u64 len)
{
	if (job->holes && !job->ret) {
		if (lseek(job->fd, (off_t)len, SEEK_CUR) < 0)
			job->ret = -errno;
		return job->ret;
	}
	while (len && !job->ret) {
		filejob_put(job, zeroes, min_t(u64, len, sizeof(zeroes)));
		len -= min_t(u64, len, sizeof(zeroes));
	}
	return job->ret;
}

int filejob_memory(struct filejob *job, const u8 *host, u64 len)
{
	u64 at = 0, end;
	bool zero;

	while (at < len && !job->ret) {
		zero = filejob_is_zero(host + at);
		end = at + GUEST_PAGE_SIZE;
		while (end < len && end - at < PIECE && filejob_is_zero(host + end) == zero)
			end += GUEST_PAGE_SIZE;
		if (zero)
			filejob_skip(job, end - at);
		else
			filejob_put(job, host + at, end - at);
		at = end;
	}
	return job->ret;
}

/* ------------------------------------------------------------ the thread */

static void release(struct filejob *job)
{
	job->vm->filejob = NULL;
	pthread_join(job->thread, NULL);
	close(job->fd);
}

static void finish(void *opaque)
{
	struct vm *vm = opaque;
	struct filejob *job = vm->filejob;

	/* Cancelled behind its end, and perhaps followed by another. */
	if (!job || !__atomic_load_n(&job->over, __ATOMIC_ACQUIRE))
		return;
	release(job);
	job->ops->done(vm, job->opaque, job->ret);
	free(job);
}

static void run(void *opaque)
{
	struct filejob *job = opaque;
	int ret = job->ops->write(job, job->opaque);

	if (!job->ret)
		job->ret = ret;
	/* Whatever is told as written is there after a power cut, too. */
	if (!job->ret && job->holes && fdatasync(job->fd))
		job->ret = -errno;
	__atomic_store_n(&job->over, true, __ATOMIC_RELEASE);
	if (loop_post(job->vm->main_loop, finish, job->vm))
		log_err("out of memory: the guest stays paused until it is destroyed");
}

int filejob_start(struct vm *vm, int fd, const struct filejob_ops *ops, void *opaque)
{
	struct filejob *job;
	struct stat st;
	int ret;

	if (vm->filejob)
		return -EBUSY;
	job = calloc(1, sizeof(*job));
	if (!job)
		return -ENOMEM;
	*job = (struct filejob){.vm = vm, .ops = ops, .opaque = opaque};
	job->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (job->fd < 0 || fstat(job->fd, &st)) {
		ret = -errno;
		goto fail;
	}
	job->holes = S_ISREG(st.st_mode);
	vm->filejob = job;
	ret = thread_start(&job->thread, "filejob", ROLE_IO, run, job);
	if (!ret)
		return 0;
	vm->filejob = NULL;
fail:
	if (job->fd >= 0)
		close(job->fd);
	free(job);
	return ret;
}

void filejob_cancel(struct vm *vm)
{
	struct filejob *job = vm->filejob;

	if (!job)
		return;
	__atomic_store_n(&job->cancel, true, __ATOMIC_RELEASE);
	release(job);
	job->ops->drop(job->opaque);
	free(job);
}
