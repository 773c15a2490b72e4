// SPDX-License-Identifier: GPL-2.0
/* Address decoding. See bus.h. */
#include <errno.h>
#include <string.h>

#include "bus.h"

void bus_init(struct bus *bus)
{
	memset(bus, 0, sizeof(*bus));
	pthread_mutex_init(&bus->lock, NULL);
}

/* Index of the first region that ends above @addr. */
static u32 bus_lower_bound(const struct bus *bus, u64 addr, u32 nr)
{
	const struct io_region *r;
	u32 lo = 0, hi = nr, mid;

	while (lo < hi) {
		mid = lo + (hi - lo) / 2;
		r = __atomic_load_n(&bus->slot[mid], __ATOMIC_RELAXED);
		if (__atomic_load_n(&r->base, __ATOMIC_RELAXED) + (r->len - 1) < addr)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/*
 * A sequence lock: a reader that met a writer at work searches again. What it
 * read meanwhile may be stale but never dangles, since regions outlive the
 * vCPU threads and slots below nr always hold one.
 */
static void bus_write_begin(struct bus *bus)
{
	pthread_mutex_lock(&bus->lock);
	__atomic_store_n(&bus->seq, bus->seq + 1, __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_RELEASE);
}

static void bus_write_end(struct bus *bus)
{
	__atomic_store_n(&bus->seq, bus->seq + 1, __ATOMIC_RELEASE);
	pthread_mutex_unlock(&bus->lock);
}

static void bus_set_slot(struct bus *bus, u32 i, struct io_region *region)
{
	__atomic_store_n(&bus->slot[i], region, __ATOMIC_RELAXED);
}

int bus_add(struct bus *bus, struct io_region *region)
{
	int ret = 0;
	u32 i, pos;

	if (!region->len || region->base + (region->len - 1) < region->base)
		return -EINVAL;

	bus_write_begin(bus);
	pos = bus_lower_bound(bus, region->base, bus->nr);
	if (bus->nr == BUS_REGIONS_MAX) {
		ret = -ENOSPC;
	} else if (pos < bus->nr && bus->slot[pos]->base <= region->base + (region->len - 1)) {
		ret = -EBUSY;
	} else {
		for (i = bus->nr; i > pos; i--)
			bus_set_slot(bus, i, bus->slot[i - 1]);
		bus_set_slot(bus, pos, region);
		__atomic_store_n(&bus->nr, bus->nr + 1, __ATOMIC_RELEASE);
	}
	bus_write_end(bus);
	return ret;
}

void bus_del(struct bus *bus, struct io_region *region)
{
	u32 i;

	bus_write_begin(bus);
	for (i = 0; i < bus->nr && bus->slot[i] != region; i++)
		;
	if (i < bus->nr) {
		/* The last slot keeps its pointer for a reader with the old nr. */
		__atomic_store_n(&bus->nr, bus->nr - 1, __ATOMIC_RELAXED);
		for (; i < bus->nr; i++)
			bus_set_slot(bus, i, bus->slot[i + 1]);
	}
	bus_write_end(bus);
}

/* The region that holds all of [addr, addr + size), its base in *base. */
static const struct io_region *bus_find(const struct bus *bus, u64 addr, u32 size, u64 *base)
{
	const struct io_region *r;
	u32 seq, nr, i;

	do {
		do
			seq = __atomic_load_n(&bus->seq, __ATOMIC_ACQUIRE);
		while (seq & 1);

		r = NULL;
		nr = __atomic_load_n(&bus->nr, __ATOMIC_ACQUIRE);
		i = bus_lower_bound(bus, addr, nr);
		if (i < nr) {
			r = __atomic_load_n(&bus->slot[i], __ATOMIC_RELAXED);
			*base = __atomic_load_n(&r->base, __ATOMIC_RELAXED);
			if (addr < *base || !range_fits(addr - *base, size, r->len))
				r = NULL;
		}
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
	} while (__atomic_load_n(&bus->seq, __ATOMIC_RELAXED) != seq);

	return r;
}

bool bus_read(struct bus *bus, u64 addr, u32 size, void *data)
{
	const struct io_region *r;
	u64 base;

	r = bus_find(bus, addr, size, &base);
	if (!r || !r->read) {
		memset(data, 0xff, size);
		return r;
	}
	r->read(r->opaque, addr - base, size, data);
	return true;
}

bool bus_write(struct bus *bus, u64 addr, u32 size, const void *data)
{
	const struct io_region *r;
	u64 base;

	r = bus_find(bus, addr, size, &base);
	if (r && r->write)
		r->write(r->opaque, addr - base, size, data);
	return r;
}
