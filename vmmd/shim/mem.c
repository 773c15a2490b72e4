// SPDX-License-Identifier: GPL-2.0
/*
 * Memory reservation. The VM has all of its maximum from the start; a frame that
 * the guest gives back stays its own, without contents: asked for again by its
 * number it is there. So a PFN's frame never changes, but when the guest
 * itself wants other frames (exchange).
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

static u64 given_back; /* pages; by all vCPUs */

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

/* Return: how many extents of the list were done. */
static long decrease(const struct xen_memory_reservation *r)
{
	u64 list = *(const u64 *)&r->extent_start, i, mfn;

	for (i = 0; i < r->nr_extents; i++) {
		if (!take_frame(list, i, &mfn) || !mfn_is_ram(mfn))
			break;
		__atomic_fetch_add(&given_back, 1UL << r->extent_order, __ATOMIC_RELAXED);
	}
	return (long)i;
}

/* In: frame numbers of the guest; out: frames. */
static long populate(const struct xen_memory_reservation *r)
{
	u64 list = *(const u64 *)&r->extent_start, i, j, pfn, mfn;

	for (i = 0; i < r->nr_extents; i++) {
		if (!take_frame(list, i, &pfn) || pfn >= shim_info.max_pages)
			break;
		mfn = mfn_of(pfn);
		for (j = 0; j < 1UL << r->extent_order; j++)
			((u64 *)SHIM_M2P_VA)[mfn + j] = pfn + j;
		if (guest_copy((u64 *)list + i, &mfn, sizeof(mfn)))
			break;
		__atomic_fetch_sub(&given_back, 1UL << r->extent_order, __ATOMIC_RELAXED);
	}
	return (long)i;
}

static long reservation(u64 cmd, u64 arg)
{
	struct xen_memory_reservation r;

	if (guest_copy(&r, (void *)arg, sizeof(r)))
		return -EFAULT;
	/* Larger extents would not fit what frees single pages. */
	if (r.extent_order > 9)
		return -EINVAL;
	return cmd == XENMEM_decrease_reservation ? decrease(&r) : populate(&r);
}

/* args: command, its argument */
long hv_memory_op(struct vcpu *v, const u64 a[5])
{
	(void)v;
	switch (a[0]) {
	case XENMEM_decrease_reservation:
	case XENMEM_populate_physmap:
	case XENMEM_increase_reservation:
		return reservation(a[0], a[1]);
	case XENMEM_current_reservation:
		return (long)(shim_info.max_pages -
			      __atomic_load_n(&given_back, __ATOMIC_RELAXED));
	case XENMEM_maximum_reservation:
		return (long)shim_info.max_pages;
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
