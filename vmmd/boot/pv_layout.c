// SPDX-License-Identifier: GPL-2.0
/*
 * The layout of a PV domain at its start, as xen/xen.h prescribes it (above
 * struct start_info): one contiguous region from VIRT_BASE and PFN 0 on, with
 *
 *	kernel, ramdisk, P2M, start_info, xenstore ring, console ring,
 *	page tables, stack, padding
 *
 * and behind it, seen by the kernel's wish at other places or by PFN only, P2M
 * and ramdisk. Linux takes first_p2m_pfn for the end of what is mapped, so the
 * P2M comes first.
 */
#include <errno.h>
#include <stdint.h>
#include <xen/xen.h>

#include "boot/pv_elf.h"
#include "boot/pv_layout.h"
#include "log.h"

#define PV_ALIGN      (4 * MIB)
#define PV_PADDING    (512 * KIB)
#define PV_HALF_BYTES (1ULL << 47)

static u64 pv_pages(u64 bytes)
{
	return ALIGN_UP(bytes, GUEST_PAGE_SIZE) / GUEST_PAGE_SIZE;
}

/*
 * May the kernel have all of these addresses? They must be canonical, in one
 * half, and not the hypervisor's, which begin with the upper half.
 */
static bool pv_usable(u64 va, u64 bytes)
{
	u64 last = va + bytes - 1;

	return last >= va && (last < PV_HALF_BYTES || va >= HYPERVISOR_VIRT_END);
}

/* Entries needed at a level, which is tables needed at the level below. */
static u64 pv_slots(u64 va, u64 pages, u32 level)
{
	return pv_slot(va + (pages - 1) * GUEST_PAGE_SIZE, level) - pv_slot(va, level) + 1;
}

/* Count the tables of a map below level 4, and place them from @pfn on. */
static u64 pv_map_place(struct pv_map *map, u64 pfn)
{
	u64 next = pfn;
	u32 level;

	for (level = PV_LEVELS - 1; level; level--) {
		map->tables[level] = pv_slots(map->va, map->pages, level + 1);
		map->table[level] = next;
		next += map->tables[level];
	}
	return next - pfn;
}

static int pv_bad_address(const char *path, const char *what, u64 va, u64 pages)
{
	log_err("%s: %s at %#llx, %llu KiB, leaves the address space or meets the hypervisor's",
		path, what, (unsigned long long)va,
		(unsigned long long)(pages * GUEST_PAGE_SIZE / KIB));
	return -ENOEXEC;
}

static int pv_too_small(const char *path, u64 pages, u64 nr_pages)
{
	u64 per_mib = MIB / GUEST_PAGE_SIZE;

	log_err("%s: needs %llu MiB to start as a PV guest, the guest has %llu: raise memory=",
		path, (unsigned long long)((pages + per_mib - 1) / per_mib),
		(unsigned long long)(nr_pages / per_mib));
	return -ENOMEM;
}

/*
 * Page tables, stack and padding. The tables map themselves, so that their
 * number is found by trying: each round can only want more than the last.
 */
static int pv_layout_tables(struct pv_layout *l, const char *path)
{
	u64 bytes, end, need = 1;

	do {
		l->nr_pt_frames = need;
		l->stack = l->l4 + need;
		bytes = (l->stack + 1) * GUEST_PAGE_SIZE + PV_PADDING;
		if (l->stack >= l->nr_pages)
			return pv_too_small(path, l->stack + 1, l->nr_pages);
		if (!pv_usable(l->main.va, bytes))
			return pv_bad_address(path, "VIRT_BASE", l->main.va,
					      bytes / GUEST_PAGE_SIZE);
		/* Where the address space ends, so does the region: at 0. */
		end = ALIGN_UP(l->main.va + bytes, PV_ALIGN);
		l->main.pages = (end - l->main.va) / GUEST_PAGE_SIZE;
		need = 1 + pv_map_place(&l->main, l->l4 + 1);
	} while (need > l->nr_pt_frames);
	return 0;
}

/* A P2M at an address of its own, which must not share tables with the rest. */
static int pv_layout_p2m(struct pv_layout *l, const char *path, u64 va, u64 pages)
{
	u64 last = va + (pages - 1) * GUEST_PAGE_SIZE;
	u64 main_last = pv_layout_va(l, l->main.pages - 1);

	if (!pv_usable(va, pages * GUEST_PAGE_SIZE))
		return pv_bad_address(path, "INIT_P2M", va, pages);
	if (pv_slot(last, PV_LEVELS) >= pv_slot(l->main.va, PV_LEVELS) &&
	    pv_slot(va, PV_LEVELS) <= pv_slot(main_last, PV_LEVELS)) {
		log_err("%s: INIT_P2M %#llx is in the same 512 GiB as the kernel", path,
			(unsigned long long)va);
		return -ENOEXEC;
	}
	l->p2m = l->main.pages;
	l->p2m_va = va;
	l->p2m_map = (struct pv_map){.va = va, .pfn = l->p2m, .pages = pages};
	l->p2m_frames = pages + pv_map_place(&l->p2m_map, l->p2m + pages);
	return 0;
}

int pv_layout_make(struct pv_layout *l, const char *path, const struct pv_elf *kernel, u64 ramdisk,
		   u64 nr_pages)
{
	u64 ramdisk_pages = pv_pages(ramdisk), p2m_pages = pv_pages(nr_pages * sizeof(xen_pfn_t));
	u64 next = pv_pages(kernel->end);
	int ret;

	/* A file may have any size; from here on sums do not wrap. */
	if (ramdisk >= PV_SIZE_MAX)
		return pv_too_small(path, PV_SIZE_MAX / GUEST_PAGE_SIZE, nr_pages);

	*l = (struct pv_layout){.nr_pages = nr_pages, .main = {.va = kernel->virt_base}};
	l->ramdisk_mapped = ramdisk && !kernel->mod_start_pfn;
	if (l->ramdisk_mapped) {
		l->ramdisk = next;
		next += ramdisk_pages;
	}
	if (!kernel->has_init_p2m) {
		l->p2m = next;
		l->p2m_va = pv_layout_va(l, next);
		l->p2m_frames = p2m_pages;
		next += p2m_pages;
	}
	l->start_info = next++;
	l->store = next++;
	l->console = next++;
	l->l4 = next;
	ret = pv_layout_tables(l, path);
	if (ret)
		return ret;

	next = l->main.pages;
	if (kernel->has_init_p2m) {
		ret = pv_layout_p2m(l, path, kernel->init_p2m, p2m_pages);
		if (ret)
			return ret;
		next += l->p2m_frames;
	}
	if (ramdisk && !l->ramdisk_mapped) {
		l->ramdisk = next;
		next += ramdisk_pages;
	}
	return next > nr_pages ? pv_too_small(path, next, nr_pages) : 0;
}
