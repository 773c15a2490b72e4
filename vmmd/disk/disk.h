/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What all disks share, whatever the guest's driver speaks: file.c opens the
 * host's file or block device, engine.c moves bytes between it and guest
 * memory. Of an image that is not raw image.c has a daemon opened, and nbd.c
 * moves the bytes. A device embeds struct disk and brings struct disk_ops.
 *
 * The owner has a loop, whose thread takes completions, and a lock, which it
 * holds when it calls and which is held when it is called.
 */
#ifndef VMMD_DISK_H
#define VMMD_DISK_H

#include <liburing.h>
#include <pthread.h>
#include <sys/uio.h>

#include "device.h"
#include "disk/image.h"
#include "types.h"

#define DISK_SECTOR_SHIFT 9
#define DISK_SECTOR	  (1U << DISK_SECTOR_SHIFT)
#define DISK_DEPTH	  128 /* requests in flight, per disk */

struct config_disk;
struct disk;
struct loop;
struct nbd;

enum disk_op {
	DISK_READ,
	DISK_WRITE,
	DISK_FLUSH,
	DISK_FALLOCATE,
	DISK_DISCARD, /* DISK_FALLOCATE whose bytes need not read as zeroes */
};

/**
 * struct disk_req - one request on its way, embedded in the owner's own
 * @next: link in disk.free, or in nbd.c's queue
 * @op: what to do with the file
 * @mode: of fallocate(), for DISK_FALLOCATE and DISK_DISCARD
 * @stable: a write is not done before it is on stable storage
 * @offset: in the file, in bytes
 * @len: bytes still to do
 * @total: bytes asked for
 * @iov: guest memory still to do; the engine changes the entries
 * @num: entries of @iov
 * @slot: nbd.c's: its name on the wire
 * @part: nbd.c's: bytes the daemon has been asked for, of @len
 *
 * Guarded by the owner's lock, except that a request the kernel works on is
 * left alone.
 */
struct disk_req {
	struct disk_req *next;
	enum disk_op op;
	int mode;
	bool stable;
	u64 offset;
	u64 len;
	u64 total;
	struct iovec *iov;
	u32 num;
	u32 slot;
	u32 part;
};

/**
 * struct disk_ops - what the owner brings
 * @done: a request has ended: @result is 0 or a negative errno. The owner
 *	  answers its driver and calls disk_put(), or begins @req anew.
 * @settled: the loop has called @done for all that had ended; requests may have
 *	     become free
 *
 * The lock is held in both.
 */
struct disk_ops {
	void (*done)(struct disk *disk, struct disk_req *req, int result);
	void (*settled)(struct disk *disk);
};

/**
 * struct disk - a disk
 * @name: for messages; the owner's, constant
 * @ops: the owner's, constant
 * @lock: the owner's, guards what is not marked otherwise; constant
 * @fd: file or block device, constant
 * @plain_fd: the same without O_DIRECT for requests that are not aligned for
 *	      it, or @fd; constant
 * @align: bytes that O_DIRECT asks for, 1 without; constant
 * @size: bytes, constant
 * @readonly: constant
 * @uring: the host has io_uring, else requests are done one by one; constant
 * @ring: valid with @uring
 * @nbd: the way to the daemon of an image, constant; NULL for a raw disk, and
 *	 what is above from @fd to @align is for those
 * @free: requests that are not in flight
 * @in_flight: number of the others
 * @idle: signalled when @in_flight becomes 0
 * @unsubmitted: entries in the submission ring the kernel was not told of
 * @starved: a request of the driver was left alone because @free was empty;
 *	     the owner clears it when it looks again
 * @no_space_told: ENOSPC was logged
 * @stats: what the guest has moved
 */
struct disk {
	const char *name;
	const struct disk_ops *ops;
	pthread_mutex_t *lock;
	int fd;
	int plain_fd;
	u32 align;
	u64 size;
	bool readonly;
	bool uring;
	struct io_uring ring;
	struct nbd *nbd;
	struct disk_req *free;
	u32 in_flight;
	pthread_cond_t idle;
	u32 unsubmitted;
	bool starved;
	bool no_space_told;
	struct device_stats stats;
};

/* ------------------------------------------------------------------- file.c */

/**
 * disk_open() - open what a disk is made of
 * @disk: zeroed; filled: descriptors, size and alignment
 * @cfg: its configuration, with a path
 *
 * Return: 0, -EBUSY when another guest uses it, or another negative errno
 * (logged).
 */
int disk_open(struct disk *disk, const struct config_disk *cfg);

/**
 * disk_adopt() - be a disk of what somebody else has opened
 * @disk: zeroed; filled as by disk_open()
 * @cfg: its configuration; the path is for messages
 * @opened: what it is made of, by disk's format
 *
 * The disk has descriptors of its own for them, which share flags and locks.
 * Return: 0, -EBUSY when another guest uses it, or another negative errno
 * (logged).
 */
int disk_adopt(struct disk *disk, const struct config_disk *cfg, const struct disk_opened *opened);

/**
 * disk_close() - close a disk's file; the engine has been destroyed
 *
 * Waits for the daemon of an image to end.
 */
void disk_close(struct disk *disk);

/**
 * disk_block_size() - the blocks a disk is addressed in
 * @disk: open disk
 * @physical: bytes that the medium writes at once
 *
 * Context: before the sandbox.
 * Return: bytes of the smallest block that can be addressed.
 */
u32 disk_block_size(const struct disk *disk, u32 *physical);

/* ----------------------------------------------------------------- engine.c */

/**
 * disk_engine_create() - get a ring, or be content without
 * @disk: open disk with name, ops and lock
 * @loop: whose thread takes completions
 *
 * Return: 0 or a negative errno.
 */
int disk_engine_create(struct disk *disk, struct loop *loop);

/**
 * disk_engine_destroy() - give the ring back; harmless without one
 * @disk: disk without requests in flight
 * @loop: as at creation, or NULL when it is gone already
 */
void disk_engine_destroy(struct disk *disk, struct loop *loop);

/**
 * disk_add_req() - give the disk a request to hand out
 * @disk: disk
 * @req: the owner's memory; DISK_DEPTH of them at most
 */
void disk_add_req(struct disk *disk, struct disk_req *req);

/**
 * disk_get() - take a free request, which is in flight from then on
 * @disk: disk, locked
 *
 * Return: the request, or NULL, and the disk is starved.
 */
struct disk_req *disk_get(struct disk *disk);

/**
 * disk_put() - count a request and give it back
 * @disk: disk, locked
 * @req: answered
 * @ok: it was done
 */
void disk_put(struct disk *disk, struct disk_req *req, bool ok);

/**
 * disk_unget() - give back a request that was not needed after all
 * @disk: disk, locked
 * @req: from disk_get()
 */
void disk_unget(struct disk *disk, struct disk_req *req);

/**
 * disk_queue() - begin a request
 * @disk: disk, locked
 * @req: op and all that belongs to it filled in
 *
 * With a ring the kernel learns of it at disk_submit(); without one the request
 * has been answered when this returns.
 */
void disk_queue(struct disk *disk, struct disk_req *req);

/** disk_submit() - tell the kernel of all requests that were begun; locked */
void disk_submit(struct disk *disk);

/** disk_tell_no_space() - log that the host's file system is full, once */
void disk_tell_no_space(struct disk *disk);

/**
 * disk_drain() - wait until no request is in flight
 * @disk: disk, locked; the lock is released while waiting
 *
 * The loop's thread must be running unless nothing is in flight.
 */
void disk_drain(struct disk *disk);

#endif /* VMMD_DISK_H */
