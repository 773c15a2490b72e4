// SPDX-License-Identifier: GPL-2.0
/* The ranges that a guest's page tables map. See dump.h. */
#include <errno.h>
#include <stdlib.h>

#include "memory.h"
#include "xen/dump.h"

#define PTE_PRESENT 0x001ULL
#define PTE_LARGE   0x080ULL
#define PTE_FRAME   0x000ffffffffff000ULL
#define PT_ENTRIES  512
#define LEVELS	    4
#define KERNEL_SLOT 256
#define CANONICAL   0xffff000000000000ULL

/**
 * struct walk - a walk under way
 * @m: guest memory
 * @map: what was found
 * @room: entries that @map has memory for
 * @last: GPA that was mapped last
 * @tables: so many may still be looked at: tables can map each other in circles
 */
struct walk {
	const struct guest_mem *m;
	struct dump_map *map;
	u32 room;
	u64 last;
	u64 tables;
};

static int add(struct walk *w, u64 va, u64 gpa, u64 len)
{
	struct dump_range *last = w->map->nr ? w->map->range + w->map->nr - 1 : NULL, *grown;

	/* Linux has a frame list with room for all PFNs: one page, over and over. */
	if (!mem_range(w->m, gpa, len) || (last && gpa == w->last))
		return 0;
	w->last = gpa;
	/* The file has neighbours apart where they belong to different regions. */
	if (last && va == last->va + last->len && gpa == last->gpa + last->len &&
	    mem_range(w->m, last->gpa, last->len + len)) {
		last->len += len;
		return 0;
	}
	if (w->map->nr == DUMP_RANGES_MAX) {
		w->map->cut = true;
		return 0;
	}
	if (w->map->nr == w->room) {
		grown = reallocarray(w->map->range, w->room + 1024, sizeof(*grown));
		if (!grown)
			return -ENOMEM;
		w->map->range = grown;
		w->room += 1024;
	}
	w->map->range[w->map->nr++] = (struct dump_range){.va = va, .gpa = gpa, .len = len};
	return 0;
}

static int walk(struct walk *w, u64 table, u32 level, u64 base)
{
	const u64 *entries = mem_range(w->m, table, GUEST_PAGE_SIZE);
	u64 pte, va, size = GUEST_PAGE_SIZE << 9 * (level - 1);
	u32 i = level == LEVELS ? KERNEL_SLOT : 0;
	int ret = 0;

	if (!entries)
		return 0;
	if (!w->tables) {
		w->map->cut = true;
		return 0;
	}
	w->tables--;
	for (; i < PT_ENTRIES && !ret; i++) {
		pte = entries[i];
		va = base | i * size;
		if (!(pte & PTE_PRESENT))
			continue;
		if (level == 1 || (level < LEVELS && pte & PTE_LARGE))
			ret = add(w, va, pte & PTE_FRAME & ~(size - 1), size);
		else
			ret = walk(w, pte & PTE_FRAME, level - 1, va);
	}
	return ret;
}

int dump_map_walk(const struct guest_mem *m, u64 cr3, struct dump_map *map)
{
	struct walk w = {.m = m, .map = map, .tables = m->size / GUEST_PAGE_SIZE};
	int ret;

	*map = (struct dump_map){0};
	ret = walk(&w, cr3 & PTE_FRAME, LEVELS, CANONICAL);
	if (ret) {
		free(map->range);
		*map = (struct dump_map){0};
	}
	return ret;
}
