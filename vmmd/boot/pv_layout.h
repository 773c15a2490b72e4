/* SPDX-License-Identifier: GPL-2.0 */
/* Where everything of a PV domain goes on its first day. Inside boot/ only. */
#ifndef VMMD_BOOT_PV_LAYOUT_H
#define VMMD_BOOT_PV_LAYOUT_H

#include "types.h"

struct pv_elf;

/* Levels of page tables, 1 to PV_LEVELS; entries of a table at level n select
 * by the bits of an address from PV_SHIFT(n) on.
 */
#define PV_LEVELS   4
#define PV_SHIFT(n) (12 + 9 * ((n)-1))

/**
 * pv_slot() - which entry is for an address, counted through all tables
 * @va: canonical address
 * @level: of the tables
 *
 * Return: the number; its low 9 bits are the index in the table.
 */
static inline u64 pv_slot(u64 va, u32 level)
{
	return (va & ((1ULL << 48) - 1)) >> PV_SHIFT(level);
}

/**
 * struct pv_map - pages that are mapped in a row
 * @va: virtual address of the first
 * @pfn: the first
 * @pages: how many
 * @table: PFN of the first table of each level but the highest, from [1] on
 * @tables: tables of that level, in a row
 */
struct pv_map {
	u64 va;
	u64 pfn;
	u64 pages;
	u64 table[PV_LEVELS];
	u64 tables[PV_LEVELS];
};

/**
 * struct pv_layout - PFNs of all the parts
 * @nr_pages: of the domain
 * @main: the contiguous region: VIRT_BASE is PFN 0
 * @p2m_map: the P2M, when it has a mapping of its own; else no pages
 * @l4: the one table of level 4; all other tables of @main follow
 * @nr_pt_frames: @l4 and those
 * @p2m: the P2M
 * @p2m_va: where the kernel sees it
 * @p2m_frames: its pages, and the tables of @p2m_map behind them
 * @ramdisk: the ramdisk; 0 without one
 * @ramdisk_mapped: it is inside @main
 * @start_info: struct start_info
 * @store: the xenstore ring
 * @console: the console ring
 * @stack: the boot stack, one page
 */
struct pv_layout {
	u64 nr_pages;
	struct pv_map main;
	struct pv_map p2m_map;
	u64 l4;
	u64 nr_pt_frames;
	u64 p2m;
	u64 p2m_va;
	u64 p2m_frames;
	u64 ramdisk;
	bool ramdisk_mapped;
	u64 start_info;
	u64 store;
	u64 console;
	u64 stack;
};

/**
 * pv_layout_make() - find a place for everything
 * @l: filled in
 * @path: of the kernel, for messages
 * @kernel: what it asks for
 * @ramdisk: bytes, 0 for none
 * @nr_pages: of the domain
 *
 * Return: 0; -ENOMEM when the domain is too small, -ENOEXEC for addresses that
 * no domain can have (logged).
 */
int pv_layout_make(struct pv_layout *l, const char *path, const struct pv_elf *kernel, u64 ramdisk,
		   u64 nr_pages);

/** pv_layout_va() - where the contiguous region shows a page */
static inline u64 pv_layout_va(const struct pv_layout *l, u64 pfn)
{
	return l->main.va + pfn * GUEST_PAGE_SIZE;
}

#endif /* VMMD_BOOT_PV_LAYOUT_H */
