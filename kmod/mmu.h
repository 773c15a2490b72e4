/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Nested page tables: what mmu.c (faults), mmu_zap.c (taking back) and
 * mmu_notifier.c share.
 *
 * Level 1 is the lowest; an entry of level n spans 512^(n-1) frames. An entry
 * is 0 or present: there are no other kinds.
 */
#ifndef HVCTL_MMU_H
#define HVCTL_MMU_H

#include "hvctl.h"

#include <linux/mem_encrypt.h>

#define HV_TABLE_ENTRIES	512

/* Address bits of an entry; its table may bear the host's encryption bit. */
#define HV_PTE_ADDR		GENMASK_ULL(51, 12)

static inline u64 hv_level_frames(int level)
{
	return 1ULL << (9 * (level - 1));
}

static inline unsigned int hv_table_index(u64 gfn, int level)
{
	return (gfn >> (9 * (level - 1))) & (HV_TABLE_ENTRIES - 1);
}

static inline u64 *hv_child_table(u64 entry)
{
	return __va(__sme_clr(entry & HV_PTE_ADDR));
}

static inline bool hv_pte_is_leaf(u64 entry, int level)
{
	return level == 1 || (entry & hv_backend->pte->large);
}

/* What a walk over a range of frames does to the leaves it finds. */
enum hv_visit_op {
	HV_VISIT_ZAP,		/* remove */
	HV_VISIT_PROTECT,	/* notice the next write; remove large leaves */
	HV_VISIT_AGE,		/* clear "accessed" */
	HV_VISIT_TEST,		/* look at "accessed" */
};

/**
 * struct hv_visit - a walk over a range of frames
 * @op: what to do
 * @hit: leaves were removed or changed, or had been accessed
 * @gone: tables taken out, linked by page_private: to be freed by
 *	  hv_visit_finish() when no CPU can have entries of theirs cached
 */
struct hv_visit {
	enum hv_visit_op op;
	bool hit;
	unsigned long gone;
};

/* mmu_zap.c; all want mmu_lock held, and hv_visit_finish() releases it */
void hv_visit_range(struct hv_vm *vm, struct hv_visit *visit, u64 start, u64 end);
void hv_table_detach(struct hv_visit *visit, u64 *entry, int level);
void hv_visit_finish(struct hv_vm *vm, struct hv_visit *visit)
	__releases(&vm->mmu_lock);
void hv_table_free(u64 *table, int level);	/* needs no lock */

#endif /* HVCTL_MMU_H */
