// SPDX-License-Identifier: GPL-2.0
/*
 * Memory reservation. The VM has all of its maximum from the start, and a frame
 * never leaves it: one that the guest gives back, or starts without, is marked in the
 * machine-to-physical table and emptied by vmmd, which the host sees as free
 * memory. Asked for again, a PFN gets the frame of its own number if that was
 * given back, else any that was.
 */
#include "shim.h"

#include <xen/memory.h>

/* Types of the BIOS memory map. */
#define E820_RAM 1

struct e820_entry {
	u64 addr;
	u64 size;
	u32 type;
} __attribute__((packed));

#define NOBODY SHIM_M2P_NOBODY

/* Nobody else takes what an exchange has put down for a moment. */
static u8 frames_lock;

/* Where the last frame was found for a PFN that could not have its own. */
static u64 hint;

/* One piece: what the guest takes for its memory are frame numbers of its own. */
static long memory_map(u64 arg)
{
	struct e820_entry all = {.size = shim_info.max_pages << PAGE_SHIFT, .type = E820_RAM};
	struct xen_memory_map map;

	if (guest_copy(&map, (void *)arg, sizeof(map)))
		return -EFAULT;
	if (!map.nr_entries)
		return -EINVAL;
	map.nr_entries = 1;
	if (guest_copy(*(void **)&map.buffer, &all, sizeof(all)))
		return -EFAULT;
	return guest_copy((void *)arg, &map, sizeof(map));
}

static long machphys_mapping(u64 arg)
{
	struct xen_machphys_mapping map = {
		.v_start = SHIM_M2P_VA,
		.v_end = SHIM_M2P_VA + shim_info.nr_mfns * sizeof(u64),
		.max_mfn = shim_info.nr_mfns - 1,
	};

	return guest_copy((void *)arg, &map, sizeof(map));
}

/* The frame that belongs to a frame number of the guest. */
static u64 mfn_of(u64 pfn)
{
	return pfn < shim_info.low_pages ? pfn : pfn - shim_info.low_pages + shim_info.high_mfn;
}

static bool take_frame(u64 list, u64 i, u64 *frame)
{
	return !guest_copy(frame, (u64 *)list + i, sizeof(*frame));
}

static u64 *m2p(u64 mfn)
{
	return (u64 *)SHIM_M2P_VA + mfn;
}

static bool is_given(u64 mfn)
{
	return __atomic_load_n(m2p(mfn), __ATOMIC_SEQ_CST) == NOBODY;
}

/* Are all of them frames of the guest's that were, or were not, given back? */
static bool extent_is(u64 mfn, u64 pages, bool given)
{
	u64 i;

	for (i = 0; i < pages; i++)
		if (!mfn_is_ram(mfn + i) || is_given(mfn + i) != given)
			return false;
	return true;
}

/*
 * The frames are the guest's until vmmd has emptied them: another vCPU that got
 * one before would lose what it writes there.
 */
static void give(struct vcpu *v, const struct shim_given *g)
{
	u64 i, j, n = 0;

	outl(SHIM_PORT_GIVEN, v->id);
	for (i = 0; i < g->extents; i++)
		for (j = 0; j < 1UL << g->order; j++)
			n += __atomic_exchange_n(m2p(g->mfn[i] + j), NOBODY, __ATOMIC_SEQ_CST) !=
			     NOBODY;
	__atomic_fetch_add(&shim_info.given, n, __ATOMIC_SEQ_CST);
}

/* Return: how many extents of the list were done. */
static long decrease(struct vcpu *v, const struct xen_memory_reservation *r)
{
	u64 list = *(const u64 *)&r->extent_start, i, mfn;
	struct shim_given *g = vcpu_part(v, SHIM_VCPU_GIVEN);

	g->extents = 0;
	g->order = r->extent_order;
	for (i = 0; i < r->nr_extents; i++) {
		if (!take_frame(list, i, &mfn) || !extent_is(mfn, 1UL << r->extent_order, false))
			break;
		g->mfn[g->extents++] = mfn;
		if (g->extents == SHIM_GIVEN_MAX) {
			give(v, g);
			g->extents = 0;
		}
	}
	if (g->extents)
		give(v, g);
	return (long)i;
}

/* Take pages out of what was given back, unless that exceeds the limit. */
static bool reserve(u64 pages)
{
	u64 given = __atomic_load_n(&shim_info.given, __ATOMIC_SEQ_CST);

	do {
		u64 limit = __atomic_load_n(&shim_info.limit, __ATOMIC_RELAXED);

		if (given < pages || shim_info.max_pages - given + pages > limit)
			return false;
	} while (!__atomic_compare_exchange_n(&shim_info.given, &given, given - pages, false,
					      __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST));
	return true;
}

/* Some frame that was given back, NOBODY when there is none. */
static u64 find_given(void)
{
	u64 i, mfn = hint;

	for (i = 0; i < shim_info.nr_mfns; i++, mfn++) {
		if (mfn >= shim_info.nr_mfns)
			mfn = 0;
		if (mfn_is_ram(mfn) && is_given(mfn)) {
			hint = mfn;
			return mfn;
		}
	}
	return NOBODY;
}

/* Who comes second finds that the frame is somebody's. */
static bool claim(u64 mfn, u64 pfn)
{
	u64 old = NOBODY;

	return __atomic_compare_exchange_n(m2p(mfn), &old, pfn, false, __ATOMIC_SEQ_CST,
					   __ATOMIC_SEQ_CST);
}

/*
 * Frames in a row for PFNs in a row, or for no PFNs yet (NOBODY), as many as were
 * reserved. Return: the first, NOBODY when they cannot be had.
 */
static u64 find_frames(u64 pfn, u32 order)
{
	u64 i, mfn = NOBODY, pages = 1UL << order;

	if (pfn != NOBODY && extent_is(mfn_of(pfn), pages, true))
		mfn = mfn_of(pfn);
	else if (!order)
		mfn = find_given();
	for (i = 0; mfn != NOBODY && i < pages; i++)
		/* Without a PFN the guest will enter one by MMU_MACHPHYS_UPDATE. */
		if (!claim(mfn + i, pfn == NOBODY ? 0 : pfn + i))
			break;
	if (i == pages)
		return mfn;
	/* What was claimed of an extent that another vCPU has broken into. */
	while (i-- > 0)
		__atomic_store_n(m2p(mfn + i), NOBODY, __ATOMIC_SEQ_CST);
	return NOBODY;
}

static u64 allocate(u64 pfn, u32 order)
{
	u64 mfn, pages = 1UL << order;

	if (!reserve(pages))
		return NOBODY;
	spin_lock(&frames_lock);
	mfn = find_frames(pfn, order);
	spin_unlock(&frames_lock);
	if (mfn == NOBODY)
		__atomic_fetch_add(&shim_info.given, pages, __ATOMIC_SEQ_CST);
	return mfn;
}

static bool pfns_exist(u64 pfn, u64 pages)
{
	return pfn < shim_info.max_pages && pages <= shim_info.max_pages - pfn;
}

/*
 * In: frame numbers of the guest, but for "increase"; out: frames. The numbers may be
 * beyond its memory: Linux hot-adds what it populates, at addresses of its choice.
 */
static long increase(const struct xen_memory_reservation *r, bool with_pfns)
{
	u64 list = *(const u64 *)&r->extent_start, i, pfn = NOBODY, mfn;

	for (i = 0; i < r->nr_extents; i++) {
		if (with_pfns && !take_frame(list, i, &pfn))
			break;
		mfn = allocate(pfn, r->extent_order);
		if (mfn == NOBODY || guest_copy((u64 *)list + i, &mfn, sizeof(mfn)))
			break;
	}
	return (long)i;
}

static long reservation(struct vcpu *v, u64 cmd, u64 arg)
{
	struct xen_memory_reservation r;

	if (guest_copy(&r, (void *)arg, sizeof(r)))
		return -EFAULT;
	if (r.extent_order > SHIM_GIVEN_ORDER)
		return -EINVAL;
	if (cmd == XENMEM_decrease_reservation)
		return decrease(v, &r);
	return increase(&r, cmd == XENMEM_populate_physmap);
}

/* ------------------------------------------------------------ exchange */

#define CHUNK_PAGES (1UL << SHIM_GIVEN_ORDER)

/**
 * struct chunk - as many extents as make one of the larger order
 * @pages: frames in it, and out of it
 * @taken: of @mfn and @pfn in use
 * @mfn: what the guest gives
 * @pfn: what they were
 */
struct chunk {
	u64 pages;
	u64 taken;
	u64 mfn[CHUNK_PAGES];
	u64 pfn[CHUNK_PAGES];
};

/* One frame twice in the guest's list is no longer somebody's the second time. */
static long put_down(struct chunk *c, u64 list, u32 order)
{
	u64 i, j, mfn;

	for (i = 0; i < c->pages >> order; i++) {
		if (!take_frame(list, i, &mfn))
			return -EFAULT;
		for (j = 0; j < 1UL << order; j++) {
			if (!mfn_is_ram(mfn + j) || is_given(mfn + j))
				return -EINVAL;
			c->mfn[c->taken] = mfn + j;
			c->pfn[c->taken++] =
				__atomic_exchange_n(m2p(mfn + j), NOBODY, __ATOMIC_SEQ_CST);
		}
	}
	return 0;
}

static long pick_up(const struct chunk *c, u64 list, u32 order)
{
	u64 i, j, pfn, mfn;
	long r = 0;

	for (i = 0; i < c->pages >> order; i++) {
		r = -EFAULT;
		if (!take_frame(list, i, &pfn))
			break;
		r = -EINVAL;
		if (!pfns_exist(pfn, 1UL << order))
			break;
		r = -ENOMEM;
		mfn = find_frames(pfn, order);
		if (mfn == NOBODY)
			break;
		r = guest_copy((u64 *)list + i, &mfn, sizeof(mfn));
		if (r)
			break;
	}
	if (!r)
		return 0;
	/* All that was taken was put down by this exchange, or lay about before. */
	while (i-- > 0) {
		if (!take_frame(list, i, &mfn) || !mfn_is_ram(mfn))
			continue;
		pfn = *m2p(mfn);
		guest_copy((u64 *)list + i, &pfn, sizeof(pfn));
		for (j = 0; j < 1UL << order && mfn_is_ram(mfn + j); j++)
			__atomic_store_n(m2p(mfn + j), NOBODY, __ATOMIC_SEQ_CST);
	}
	return r;
}

/* What frames hold is lost, and needs no emptying: they stay the guest's. */
static long exchange_chunk(u64 in, u32 in_order, u64 out, u32 out_order)
{
	static struct chunk c;
	long r;

	spin_lock(&frames_lock);
	c.pages = 1UL << (in_order > out_order ? in_order : out_order);
	c.taken = 0;
	r = put_down(&c, in, in_order);
	if (!r)
		r = pick_up(&c, out, out_order);
	if (r)
		while (c.taken-- > 0)
			__atomic_store_n(m2p(c.mfn[c.taken]), c.pfn[c.taken], __ATOMIC_SEQ_CST);
	spin_unlock(&frames_lock);
	return r;
}

static long exchange(u64 arg)
{
	struct xen_memory_exchange x;
	u64 in, out, order, pages;
	long r = 0;

	if (guest_copy(&x, (void *)arg, sizeof(x)))
		return -EFAULT;
	if (x.in.extent_order > SHIM_GIVEN_ORDER || x.out.extent_order > SHIM_GIVEN_ORDER ||
	    x.in.nr_extents > shim_info.max_pages || x.out.nr_extents > shim_info.max_pages)
		return -EINVAL;
	in = *(const u64 *)&x.in.extent_start;
	out = *(const u64 *)&x.out.extent_start;
	order = x.in.extent_order > x.out.extent_order ? x.in.extent_order : x.out.extent_order;
	pages = x.in.nr_extents << x.in.extent_order;
	if (x.out.nr_extents << x.out.extent_order != pages || pages & ((1UL << order) - 1) ||
	    x.nr_exchanged)
		return -EINVAL;
	while (!r && x.nr_exchanged < x.in.nr_extents) {
		u64 page = x.nr_exchanged << x.in.extent_order;

		r = exchange_chunk(
			in + (page >> x.in.extent_order) * sizeof(u64), x.in.extent_order,
			out + (page >> x.out.extent_order) * sizeof(u64), x.out.extent_order);
		if (!r)
			x.nr_exchanged += 1UL << (order - x.in.extent_order);
	}
	if (guest_copy((void *)arg, &x, sizeof(x)))
		return -EFAULT;
	return r;
}

/* args: command, its argument */
long hv_memory_op(struct vcpu *v, const u64 a[5])
{
	switch (a[0]) {
	case XENMEM_decrease_reservation:
	case XENMEM_populate_physmap:
	case XENMEM_increase_reservation:
		return reservation(v, a[0], a[1]);
	case XENMEM_exchange:
		return exchange(a[1]);
	case XENMEM_current_reservation:
		return (long)(shim_info.max_pages -
			      __atomic_load_n(&shim_info.given, __ATOMIC_RELAXED));
	case XENMEM_maximum_reservation:
		return (long)__atomic_load_n(&shim_info.limit, __ATOMIC_RELAXED);
	case XENMEM_maximum_ram_page:
		return (long)shim_info.nr_mfns - 1;
	case XENMEM_memory_map:
		return memory_map(a[1]);
	case XENMEM_machphys_mapping:
		return machphys_mapping(a[1]);
	default:
		return -ENOSYS;
	}
}
