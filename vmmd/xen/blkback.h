/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The block back end (xen/io/blkif.h): a disk that a Xen guest reaches over
 * one or more rings in its own memory.
 *
 * blkback.c	     the device: create, start, stop, destroy
 * blkback_vdev.c    xvda and its number
 * blkback_connect.c what both ends tell each other in xenstore
 * blkback_ring.c    requests and responses
 * blkback_grant.c   the guest's pages
 *
 * Threads. The handshake, start and stop run in the main thread. One I/O thread
 * runs the rings, told by event channels, and takes the disk's completions.
 * blkback.lock guards all that is not marked otherwise; it is never held while
 * xenbus.h is called.
 */
#ifndef VMMD_XEN_BLKBACK_H
#define VMMD_XEN_BLKBACK_H

/* First: it says what Xen's headers are to define. */
#include "xen/ring.h"

#include <pthread.h>
#include <stdint.h> /* before Xen's headers, which use it without including it */
#include <xen/io/blkif.h>

#include "config.h"
#include "device.h"
#include "disk/disk.h"
#include "xen/backends.h"
#include "xen/xenbus.h"

#define BLKBACK_QUEUES_MAX     8
#define BLKBACK_RING_ORDER_MAX 4
#define BLKBACK_RING_PAGES_MAX (1U << BLKBACK_RING_ORDER_MAX)
#define BLKBACK_SEGMENTS_MAX   256 /* of an indirect request */
#define BLKBACK_FAULT_MAX      96

struct blkback;
struct loop;
struct vm;

/**
 * struct blkback_kept - a grant that stays mapped while the ring is connected
 * @ref: its number
 * @page: the page, NULL for a free slot
 */
struct blkback_kept {
	u32 ref;
	void *page;
};

/**
 * struct blkback_ring - one ring
 * @blk: the disk, constant
 * @index: number of the queue, constant
 * @live: between connect and disconnect; what follows is constant then unless
 *	  marked
 * @page: the pages of the ring
 * @ref: their grants
 * @pages: entries of @page that are mapped
 * @port: the guest's event channel
 * @bound: we listen to @port; main thread only
 * @back: our indices; the first page's are the guest's to change. Locked.
 * @pushed: responses up to this index were shown to the guest. Locked.
 * @kept: hash table of persistent grants, NULL when the front end has none.
 *	  Locked.
 * @kept_slots: entries of @kept, a power of two
 * @kept_count: used entries. Locked.
 */
struct blkback_ring {
	struct blkback *blk;
	u32 index;
	bool live;
	void *page[BLKBACK_RING_PAGES_MAX];
	u32 ref[BLKBACK_RING_PAGES_MAX];
	u32 pages;
	u32 port;
	bool bound;
	blkif_back_ring_t back;
	u32 pushed;
	struct blkback_kept *kept;
	u32 kept_slots;
	u32 kept_count;
};

/**
 * struct blkback_req - one request of the front end on its way
 * @disk: what the engine knows of it
 * @ring: where the response goes
 * @id: the front end's name for it
 * @operation: what the response names
 * @barrier: no other request may be in flight with it
 * @then_write: the flush that @disk stands for is followed by a write
 * @iov: data
 * @ref: grants to unmap at the end
 * @refs: entries of @ref
 *
 * Guarded by blkback.lock, except that an engine at work owns the request.
 */
struct blkback_req {
	struct disk_req disk;
	struct blkback_ring *ring;
	u64 id;
	u8 operation;
	bool barrier;
	bool then_write;
	struct iovec iov[BLKBACK_SEGMENTS_MAX];
	u32 ref[BLKBACK_SEGMENTS_MAX];
	u32 refs;
};

/**
 * struct blkback - a disk
 * @device: entry of the VM's list
 * @vm: constant
 * @name: for messages and threads, constant
 * @xenbus: the handshake; main thread only, its xen is constant while connected
 * @added: xenbus_add() was called; main thread only
 * @path: of the disk, to be told; constant
 * @cdrom: constant
 * @format: of the file, to be told; constant
 * @direct: O_DIRECT was asked for, to be told; constant
 * @discard: the guest may punch holes; constant
 * @id: virtual device number, constant
 * @block: bytes of the smallest hole, constant
 * @physical: physical-sector-size, constant
 * @queues_max: how many rings are offered, constant
 * @queues: how many are connected; main thread only
 * @loop: the I/O thread's, constant
 * @kick: eventfd: look at all rings; constant
 * @reqs: DISK_DEPTH requests
 * @ring: the rings
 * @lock: see above
 * @disk: the host's side, with the same lock
 * @running: between start and stop
 * @barrier: the request that lets no other be taken, or NULL
 * @parked: @barrier waits for those that came before
 * @fault: what the front end did wrong, "" for nothing
 */
struct blkback {
	struct device device;
	struct vm *vm;
	char name[CONFIG_VDEV_MAX + 1];
	struct xenbus_dev xenbus;
	bool added;
	char *path;
	bool cdrom;
	enum config_disk_format format;
	bool direct;
	bool discard;
	u32 id;
	u32 block;
	u32 physical;
	u32 queues_max;
	u32 queues;
	struct loop *loop;
	int kick;
	struct blkback_req *reqs;
	struct blkback_ring ring[BLKBACK_QUEUES_MAX];

	pthread_mutex_t lock;
	struct disk disk;
	bool running;
	struct blkback_req *barrier;
	bool parked;
	char fault[BLKBACK_FAULT_MAX];
};

/* What the front end sees of a disk's handshake, blkback_connect.c. */
extern const struct xenbus_ops blkback_xenbus_ops;

/* What the disk's engine calls, blkback_ring.c. */
extern const struct disk_ops blkback_disk_ops;

/**
 * blkback_fault() - close the device for what its front end did
 * @blk: disk, locked
 * @fmt: what it did
 *
 * The first reason wins. Rings are left alone at once, and the main thread
 * calls xenbus_fail().
 * Context: any thread.
 */
void blkback_fault(struct blkback *blk, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/** blkback_kick() - have the I/O thread look at all rings; any thread */
void blkback_kick(struct blkback *blk);

/**
 * blkback_ring_work() - take requests, show responses
 * @ring: ring of a locked disk, live or not
 *
 * Context: I/O thread.
 */
void blkback_ring_work(struct blkback_ring *ring);

/**
 * blkback_grants_keep() - from now on keep grants mapped
 * @ring: ring that is being connected
 *
 * Without memory for the table they are mapped anew each time.
 */
void blkback_grants_keep(struct blkback_ring *ring);

/** blkback_grants_drop() - unmap what was kept, when nothing is in flight */
void blkback_grants_drop(struct blkback_ring *ring);

/**
 * blkback_grant_map() - the page behind a grant
 * @ring: ring of a locked disk
 * @ref: grant reference, as hostile as the guest likes
 * @write: we are going to write
 * @kept: out: it stays mapped and is not to be unmapped
 *
 * Return: host pointer to the page, still shared with the guest, or NULL.
 */
void *blkback_grant_map(struct blkback_ring *ring, u32 ref, bool write, bool *kept);

#endif /* VMMD_XEN_BLKBACK_H */
