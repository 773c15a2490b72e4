/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A large file that is written from a guest's memory: by a thread of its own, so
 * that the main loop goes on, while the guest stands still. There is one such job
 * at a time, and as long as it lasts the guest does not run.
 *
 * Context: the main thread, but for those functions that say otherwise.
 */
#ifndef VMMD_FILEJOB_H
#define VMMD_FILEJOB_H

#include "types.h"

struct filejob;
struct vm;

/**
 * struct filejob_ops - what is written, and what follows
 * @write: called in the job's thread, which may use filejob_put() and _memory();
 *	   0 or a negative errno
 * @done: called in the main thread, the job being over and its file closed, with
 *	  what @write returned; frees @opaque. Not called for a job that was
 *	  cancelled.
 * @drop: frees @opaque of a job that was cancelled
 */
struct filejob_ops {
	int (*write)(struct filejob *job, void *opaque);
	void (*done)(struct vm *vm, void *opaque, int ret);
	void (*drop)(void *opaque);
};

/**
 * filejob_start() - begin to write
 * @vm: guest that is paused
 * @fd: open for writing, at its start; stays the caller's
 * @ops: constant
 * @opaque: its argument, owned by the job when this returns 0
 *
 * Return: 0, -EBUSY when there is a job already, or another negative errno.
 */
int filejob_start(struct vm *vm, int fd, const struct filejob_ops *ops, void *opaque);

/** filejob_cancel() - end a job before its end; harmless when there is none */
void filejob_cancel(struct vm *vm);

/**
 * filejob_put() - write
 * @job: the job
 * @data: what
 * @len: bytes
 *
 * Context: the job's thread. Return: 0, -ECANCELED, or what write(2) says; that
 * of the first failure from then on.
 */
int filejob_put(struct filejob *job, const void *data, size_t len);

/**
 * filejob_skip() - write zeroes, as a hole where the file can have one
 * @job: the job; something else follows
 * @len: bytes
 *
 * Context and return: as for filejob_put().
 */
int filejob_skip(struct filejob *job, u64 len);

/**
 * filejob_memory() - write pages of the guest's, those without content as holes
 * @job: the job
 * @host: the first
 * @len: bytes, whole pages
 *
 * Context and return: as for filejob_put().
 */
int filejob_memory(struct filejob *job, const u8 *host, u64 len);

/** filejob_is_zero() - whether a page has no content; any thread */
bool filejob_is_zero(const u8 *page);

#endif /* VMMD_FILEJOB_H */
