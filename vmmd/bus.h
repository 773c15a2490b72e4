/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Address decoding for port I/O and MMIO exits. Lookups come from all vCPU
 * threads at once and take no lock; changes are rare (a BAR moves) and are
 * serialised by the bus.
 */
#ifndef VMMD_BUS_H
#define VMMD_BUS_H

#include <pthread.h>
#include "types.h"

#define BUS_REGIONS_MAX 128

/**
 * struct io_region - a range of addresses and who answers there
 * @base: first address; may change only while the region is on no bus
 * @len: bytes, not 0
 * @name: for messages, constant
 * @read: fill @data with @size (1, 2, 4 or 8) bytes from @off within the
 *	  region; NULL reads as all ones. @off + @size never exceeds @len.
 * @write: the reverse; NULL ignores the write
 * @opaque: first argument of both
 *
 * Both callbacks run in vCPU threads, several at a time: the device brings
 * its own lock. A callback may still start once on another thread just after
 * bus_del() returned, so a region's device lives as long as the vCPU threads.
 */
struct io_region {
	u64 base;
	u64 len;
	const char *name;
	void (*read)(void *opaque, u64 off, u32 size, void *data);
	void (*write)(void *opaque, u64 off, u32 size, const void *data);
	void *opaque;
};

/**
 * struct bus - regions sorted by base
 * @lock: serialises writers
 * @seq: odd while a writer is at work; readers retry when it has moved
 * @nr: slots in use; written under @lock
 * @slot: ascending, disjoint; written under @lock
 */
struct bus {
	pthread_mutex_t lock;
	u32 seq;
	u32 nr;
	struct io_region *slot[BUS_REGIONS_MAX];
};

/** bus_init() - make an empty bus */
void bus_init(struct bus *bus);

/**
 * bus_add() - let a region answer
 * @bus: where
 * @region: stays owned by the caller and must stay valid
 *
 * Context: any thread.
 * Return: 0, -EBUSY when the range overlaps another region, -EINVAL when it
 * is empty or wraps, -ENOSPC when the bus is full.
 */
int bus_add(struct bus *bus, struct io_region *region);

/** bus_del() - stop a region from answering; ignores regions not on the bus */
void bus_del(struct bus *bus, struct io_region *region);

/**
 * bus_read() - one access of the guest
 * @bus: where
 * @addr: first address
 * @size: 1, 2, 4 or 8 bytes
 * @data: out: what was read; all ones when nobody answers, as on real buses
 *
 * Return: true when a region answered.
 */
bool bus_read(struct bus *bus, u64 addr, u32 size, void *data);

/** bus_write() - the reverse of bus_read(); unclaimed writes are dropped */
bool bus_write(struct bus *bus, u64 addr, u32 size, const void *data);

#endif /* VMMD_BUS_H */
