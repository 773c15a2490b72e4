// SPDX-License-Identifier: GPL-2.0
/*
 * Memory of guests whose hypercalls come by the hypervisor: pages that the balloon
 * gives back and takes again, the map, and where shared_info and the grant table go.
 */
#include <errno.h>
#include <stdint.h>
#include <string.h>

/* The records of today: the default of these headers is Xen 3.1's. */
#define __XEN_INTERFACE_VERSION__ __XEN_LATEST_INTERFACE_VERSION__
#include <xen/xen.h>
#include <xen/grant_table.h>
#include <xen/memory.h>

#include "boot/boot.h"
#include "vm.h"
#include "xen/hvm.h"
#include "xen/xen_internal.h"

/* Extents that are looked at in one go, and in one call: what is asked beyond is not done. */
#define CHUNK	    512
#define EXTENTS_MAX 65536
#define ORDER_MAX   9

static u64 ram_pages(const struct hvm *hvm)
{
	return mem_ram(&hvm->xen->vm->mem) / GUEST_PAGE_SIZE;
}

static u64 limit_pages(const struct hvm *hvm)
{
	return hvm->xen->vm->limit_mib * MIB / GUEST_PAGE_SIZE;
}

/* ------------------------------------------------------------ the balloon */

/**
 * struct extent - an extent to be given back or taken
 * @frame: the first frame
 * @pages: how many
 * @run: pages on their way to the host
 */
struct extent {
	u64 frame, pages;
	struct mem_run *run;
};

static bool is_given(const struct hvm *hvm, u64 frame)
{
	return hvm->given[frame / 64] >> frame % 64 & 1;
}

static void set_given(struct hvm *hvm, u64 frame, bool given)
{
	u64 bit = 1ULL << frame % 64;

	if (given)
		hvm->given[frame / 64] |= bit;
	else
		hvm->given[frame / 64] &= ~bit;
	__atomic_store_n(&hvm->nr_given, hvm->nr_given + (given ? 1 : -1ULL), __ATOMIC_RELAXED);
}

/* All pages of an extent are RAM, and all have been given back or none. */
static bool all(const struct hvm *hvm, const struct extent *e, bool given)
{
	u64 i;

	if (e->frame > UINT64_MAX / GUEST_PAGE_SIZE ||
	    !mem_range(&hvm->xen->vm->mem, e->frame * GUEST_PAGE_SIZE, e->pages * GUEST_PAGE_SIZE))
		return false;
	for (i = 0; i < e->pages; i++)
		if (is_given(hvm, e->frame + i) != given)
			return false;
	return true;
}

static bool give(struct hvm *hvm, const struct extent *e)
{
	u64 i;

	if (!all(hvm, e, false))
		return false;
	for (i = 0; i < e->pages; i++)
		set_given(hvm, e->frame + i, true);
	mem_give(&hvm->xen->vm->mem, e->run, e->frame * GUEST_PAGE_SIZE,
		 e->pages * GUEST_PAGE_SIZE);
	return true;
}

/* The host populates a page when it is touched. */
static bool take(struct hvm *hvm, const struct extent *e)
{
	u64 i;

	if (!all(hvm, e, true) || ram_pages(hvm) - hvm->nr_given + e->pages > limit_pages(hvm))
		return false;
	for (i = 0; i < e->pages; i++)
		set_given(hvm, e->frame + i, false);
	return true;
}

/* One after the other, up to the first that cannot be done. Return: how many were. */
static s64 each_extent(struct hvm_call *call,
		       bool (*fn)(struct hvm *hvm, const struct extent *extent))
{
	struct xen_memory_reservation r;
	struct hvm *hvm = call->hvm;
	struct mem_run run = {0};
	xen_pfn_t list[CHUNK];
	struct extent e = {.run = &run};
	u64 done = 0, i, n;
	bool more = true;

	if (hvm_get(call, call->arg[1], &r, sizeof(r)))
		return -EFAULT;
	if (!hvm_is_self(r.domid))
		return -ESRCH;
	if (r.extent_order > ORDER_MAX)
		return 0;
	r.nr_extents = min_t(u64, r.nr_extents, EXTENTS_MAX);
	e.pages = 1ULL << r.extent_order;
	while (more && done < r.nr_extents) {
		n = min_t(u64, r.nr_extents - done, CHUNK);
		if (hvm_get(call, (uintptr_t)r.extent_start.p + done * sizeof(list[0]), list,
			    n * sizeof(list[0])))
			return done ? (s64)done : -EFAULT;
		pthread_mutex_lock(&hvm->lock);
		for (i = 0; i < n && more; i++) {
			e.frame = list[i];
			more = fn(hvm, &e);
			done += more;
		}
		/* Before anybody can be told that it has them. */
		mem_give_end(&hvm->xen->vm->mem, &run);
		pthread_mutex_unlock(&hvm->lock);
	}
	return (s64)done;
}

/* ------------------------------------------------------------ places */

static int place_shared_info(struct hvm *hvm, u64 frame)
{
	struct kvm_xen_hvm_attr attr = {
		.type = KVM_XEN_ATTR_TYPE_SHARED_INFO,
		.u.shared_info.gfn = frame,
	};
	int ret;

	ret = hvm_page_place(hvm, HVM_SHARED_INFO, frame);
	if (!ret)
		ret = hvm_attr(hvm, &attr);
	return ret ? ret : hvm_vcpus_use_shared_info(hvm);
}

static s64 add_to_physmap(struct hvm_call *call)
{
	struct xen_add_to_physmap op;
	struct hvm *hvm = call->hvm;
	s64 ret = -EINVAL;

	if (hvm_get(call, call->arg[1], &op, sizeof(op)))
		return -EFAULT;
	if (!hvm_is_self(op.domid))
		return -ESRCH;
	pthread_mutex_lock(&hvm->lock);
	if (op.space == XENMAPSPACE_shared_info && !op.idx)
		ret = place_shared_info(hvm, op.gpfn);
	else if (op.space == XENMAPSPACE_grant_table && op.idx < SHIM_GRANT_FRAMES)
		ret = hvm_page_place(hvm, (u32)op.idx, op.gpfn);
	pthread_mutex_unlock(&hvm->lock);
	return ret;
}

static s64 remove_from_physmap(struct hvm_call *call)
{
	struct xen_remove_from_physmap op;
	struct hvm *hvm = call->hvm;
	bool done;

	if (hvm_get(call, call->arg[1], &op, sizeof(op)))
		return -EFAULT;
	if (!hvm_is_self(op.domid))
		return -ESRCH;
	pthread_mutex_lock(&hvm->lock);
	done = hvm_page_remove(hvm, op.gpfn);
	pthread_mutex_unlock(&hvm->lock);
	return done ? 0 : -EINVAL;
}

/* ------------------------------------------------------------ the map */

/* An entry of the BIOS's memory map, as guests expect it: without padding. */
struct e820_entry {
	u64 addr;
	u64 len;
	u32 type;
} __attribute__((packed));

static s64 memory_map(struct hvm_call *call)
{
	struct boot_range map[BOOT_RANGES];
	struct e820_entry entry;
	struct xen_memory_map op;
	u32 i, n;

	if (hvm_get(call, call->arg[1], &op, sizeof(op)))
		return -EFAULT;
	n = min_t(u32, op.nr_entries, boot_memory_map(&call->hvm->xen->vm->mem, map));
	for (i = 0; i < n; i++) {
		entry = (struct e820_entry){map[i].addr, map[i].len, map[i].type};
		if (hvm_put(call, (uintptr_t)op.buffer.p + i * sizeof(entry), &entry,
			    sizeof(entry)))
			return -EFAULT;
	}
	op.nr_entries = n;
	return hvm_put(call, call->arg[1], &op, sizeof(op));
}

static s64 of_self(struct hvm_call *call, u64 pages)
{
	domid_t domid;

	if (hvm_get(call, call->arg[1], &domid, sizeof(domid)))
		return -EFAULT;
	return hvm_is_self(domid) ? (s64)pages : -ESRCH;
}

/** hvm_memory_op() - __HYPERVISOR_memory_op */
s64 hvm_memory_op(struct hvm_call *call)
{
	const struct hvm *hvm = call->hvm;

	switch (call->arg[0]) {
	case XENMEM_add_to_physmap:
		return add_to_physmap(call);
	case XENMEM_remove_from_physmap:
		return remove_from_physmap(call);
	case XENMEM_decrease_reservation:
		return each_extent(call, give);
	case XENMEM_populate_physmap:
		return each_extent(call, take);
	case XENMEM_memory_map:
		return memory_map(call);
	case XENMEM_maximum_ram_page:
		return (s64)hvm->frames - 1;
	case XENMEM_current_reservation:
		return of_self(call, ram_pages(hvm) - xen_hvm_ops.pages_left(hvm->xen));
	case XENMEM_maximum_reservation:
		return of_self(call, limit_pages(hvm));
	default:
		return -ENOSYS;
	}
}

/* ------------------------------------------------------------ the grant table */

/* Its frames exist from the start; XENMEM_add_to_physmap shows them to the guest. */
static s64 query_size(struct hvm_call *call)
{
	struct gnttab_query_size op;

	if (hvm_get(call, call->arg[1], &op, sizeof(op)))
		return -EFAULT;
	op.nr_frames = SHIM_GRANT_FRAMES;
	op.max_nr_frames = SHIM_GRANT_FRAMES;
	op.status = hvm_is_self(op.dom) ? GNTST_okay : GNTST_bad_domain;
	return hvm_put(call, call->arg[1], &op, sizeof(op));
}

static s64 set_version(struct hvm_call *call)
{
	struct gnttab_set_version op;

	if (hvm_get(call, call->arg[1], &op, sizeof(op)))
		return -EFAULT;
	if (op.version != 1)
		return -ENOSYS;
	return 0;
}

static s64 get_version(struct hvm_call *call)
{
	struct gnttab_get_version op;

	if (hvm_get(call, call->arg[1], &op, sizeof(op)))
		return -EFAULT;
	if (!hvm_is_self(op.dom))
		return -ESRCH;
	op.version = 1;
	return hvm_put(call, call->arg[1], &op, sizeof(op));
}

/** hvm_grant_table_op() - __HYPERVISOR_grant_table_op: of what it has, one record a call */
s64 hvm_grant_table_op(struct hvm_call *call)
{
	if (!call->arg[2])
		return 0;
	if (call->arg[2] != 1)
		return -EINVAL;
	switch (call->arg[0]) {
	case GNTTABOP_query_size:
		return query_size(call);
	case GNTTABOP_set_version:
		return set_version(call);
	case GNTTABOP_get_version:
		return get_version(call);
	default:
		return -ENOSYS;
	}
}
