// SPDX-License-Identifier: GPL-2.0
/*
 * Pages of requests. A front end with persistent grants uses the same ones
 * over and over and lets the back end keep them; blkif.h names the bound,
 * BLKIF_MAX_SEGMENTS_PER_REQUEST for each entry of the ring. What comes beyond
 * it is mapped and unmapped as without the feature.
 */
#include <stdlib.h>

#include "xen/blkback.h"
#include "xen/xen.h"

/* Slots of the table for each entry of the ring: a third of them is used. */
#define SLOTS_PER_ENTRY 32

void blkback_grants_keep(struct blkback_ring *ring)
{
	ring->kept_slots = ring->back.nr_ents * SLOTS_PER_ENTRY;
	ring->kept_count = 0;
	ring->kept = calloc(ring->kept_slots, sizeof(*ring->kept));
}

void blkback_grants_drop(struct blkback_ring *ring)
{
	struct xen *xen = ring->blk->xenbus.xen;

	for (u32 i = 0; ring->kept && i < ring->kept_slots; i++) {
		if (ring->kept[i].page)
			xen_grant_unmap(xen, ring->kept[i].ref, true);
	}
	free(ring->kept);
	ring->kept = NULL;
}

/* The slot that holds @ref, or the free one where it belongs. */
static struct blkback_kept *find_slot(struct blkback_ring *ring, u32 ref)
{
	u32 mask = ring->kept_slots - 1;
	u32 at = ref * 0x9e3779b1U >> 16;

	while (ring->kept[at & mask].page && ring->kept[at & mask].ref != ref)
		at++;
	return &ring->kept[at & mask];
}

static void *map_kept(struct blkback_ring *ring, u32 ref)
{
	u32 limit = ring->back.nr_ents * BLKIF_MAX_SEGMENTS_PER_REQUEST;
	struct blkback_kept *slot = find_slot(ring, ref);

	if (slot->page || ring->kept_count == limit)
		return slot->page;
	/* Note 8 of blkif.h: a later request may want to write to it. */
	slot->page = xen_grant_map(ring->blk->xenbus.xen, ref, true);
	if (!slot->page)
		return NULL;
	slot->ref = ref;
	ring->kept_count++;
	return slot->page;
}

void *blkback_grant_map(struct blkback_ring *ring, u32 ref, bool write, bool *kept)
{
	void *page = ring->kept ? map_kept(ring, ref) : NULL;

	*kept = page;
	return page ? page : xen_grant_map(ring->blk->xenbus.xen, ref, write);
}
