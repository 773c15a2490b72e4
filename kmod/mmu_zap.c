// SPDX-License-Identifier: GPL-2.0
/*
 * Nested page tables, the way back: entries are removed or weakened when the
 * VMM's mapping changes, a slot goes, or writes are to be logged.
 *
 * A table that lies wholly in the range is cut off by one store and freed with
 * everything below it when the CPUs have been flushed, so that the time under
 * mmu_lock does not depend on how much was mapped.
 */
#include "mmu.h"

#include <linux/mm.h>

/**
 * hv_table_detach() - cut off a table
 * @visit: collects it
 * @entry: the entry that points to it
 * @level: level of that entry
 *
 * Context: mmu_lock held.
 */
void hv_table_detach(struct hv_visit *visit, u64 *entry, int level)
{
	u64 *table = hv_child_table(*entry);

	WRITE_ONCE(*entry, 0);
	/* CPUs may still read the table, so the link is kept beside it. */
	set_page_private(virt_to_page(table), visit->gone);
	visit->gone = (unsigned long)table | (level - 1);
	visit->hit = true;
}

/**
 * hv_table_free() - free a table that no CPU uses, and all below it
 * @table: the table
 * @level: its level
 */
void hv_table_free(u64 *table, int level)
{
	int i;

	for (i = 0; level > 1 && i < HV_TABLE_ENTRIES; i++) {
		if (table[i] && !hv_pte_is_leaf(table[i], level))
			hv_table_free(hv_child_table(table[i]), level - 1);
	}
	set_page_private(virt_to_page(table), 0);
	free_page((unsigned long)table);
}

/**
 * hv_visit_finish() - flush what a walk removed, free the tables it cut off
 * @vm: the VM
 * @visit: the walk
 *
 * The flush comes after mmu_lock is released: hot handlers may hold it with
 * interrupts off. Until it is done vm->flushing is raised, and others who find
 * nothing left to remove flush all the same: what they guard against may still
 * be in some CPU's TLB.
 *
 * Context: mmu_lock held, released here; interrupts on; does not sleep.
 */
void hv_visit_finish(struct hv_vm *vm, struct hv_visit *visit)
	__releases(&vm->mmu_lock)
{
	bool flush = visit->hit || vm->flushing;

	vm->flushing += flush;
	spin_unlock(&vm->mmu_lock);
	if (!flush)
		return;

	hv_kick_all_wait(vm, HV_REQ_FLUSH_TLB);
	spin_lock(&vm->mmu_lock);
	vm->flushing--;
	spin_unlock(&vm->mmu_lock);

	while (visit->gone) {
		u64 *table = (u64 *)(visit->gone & PAGE_MASK);
		int level = visit->gone & ~PAGE_MASK;

		visit->gone = page_private(virt_to_page(table));
		hv_table_free(table, level);
	}
}

static void visit_leaf(struct hv_visit *visit, u64 *entry, int level)
{
	const struct hv_pte_format *fmt = hv_backend->pte;
	u64 old = *entry;

	switch (visit->op) {
	case HV_VISIT_PROTECT:
		if (level == 1 && fmt->logged) {
			if (!(old & fmt->dirty))
				return;
			clear_bit(__ffs64(fmt->dirty), (unsigned long *)entry);
			break;
		}
		if (level == 1) {
			if (!(old & fmt->write))
				return;
			/*
			 * The CPU may set accessed or dirty meanwhile and lose
			 * it: a page that is written to again faults, and one
			 * that is only read will be marked again.
			 */
			WRITE_ONCE(*entry, old & ~fmt->write);
			break;
		}
		fallthrough;
	case HV_VISIT_ZAP:
		WRITE_ONCE(*entry, 0);
		break;
	case HV_VISIT_AGE:
		if (!fmt->accessed) {
			/* The only way to see the next access is to fault. */
			WRITE_ONCE(*entry, 0);
			break;
		}
		if (!(old & fmt->accessed))
			return;
		clear_bit(__ffs64(fmt->accessed), (unsigned long *)entry);
		break;
	case HV_VISIT_TEST:
		if (fmt->accessed && !(old & fmt->accessed))
			return;
		break;
	}
	visit->hit = true;
}

static void visit_table(struct hv_visit *visit, u64 *table, int level,
			u64 start, u64 end)
{
	u64 frames = hv_level_frames(level);
	u64 gfn, next;

	for (gfn = start; gfn < end; gfn = next) {
		u64 *entry = &table[hv_table_index(gfn, level)];

		next = min((gfn | (frames - 1)) + 1, end);
		if (!*entry)
			continue;
		if (hv_pte_is_leaf(*entry, level))
			visit_leaf(visit, entry, level);
		else if (visit->op == HV_VISIT_ZAP && next - gfn == frames)
			hv_table_detach(visit, entry, level);
		else
			visit_table(visit, hv_child_table(*entry), level - 1,
				    gfn, next);
	}
}

/**
 * hv_visit_range() - do something to all leaves that touch a range
 * @vm: the VM
 * @visit: what to do and what was done
 * @start: first frame
 * @end: frame after the last
 *
 * Context: mmu_lock held.
 */
void hv_visit_range(struct hv_vm *vm, struct hv_visit *visit, u64 start, u64 end)
{
	int levels = hv_backend->pte->levels;

	end = min(end, hv_level_frames(levels + 1));
	if (start < end)
		visit_table(visit, vm->root, levels, start, end);
}

/**
 * hv_mmu_zap_gfn_range() - unmap frames, with a change of the memory map
 * @vm: the VM
 * @slots: becomes the memory map in the same step; NULL to leave it as it is
 * @start: first frame
 * @end: frame after the last
 *
 * One step, as an invalidation that comes in between would find no slot for
 * its addresses and leave what is mapped there.
 *
 * On return no vCPU can reach what was mapped.
 *
 * Context: interrupts on, mmu_lock not held; does not sleep.
 */
void hv_mmu_zap_gfn_range(struct hv_vm *vm, struct hv_slots *slots,
			  u64 start, u64 end)
{
	struct hv_visit visit = { .op = HV_VISIT_ZAP };

	spin_lock(&vm->mmu_lock);
	if (slots)
		rcu_assign_pointer(vm->slots, slots);
	WRITE_ONCE(vm->slots_gen, vm->slots_gen + 1);
	hv_visit_range(vm, &visit, start, end);
	hv_visit_finish(vm, &visit);
}

/* Frames that are protected in one go, to hold mmu_lock for a short time. */
#define PROTECT_CHUNK	(SZ_1G >> PAGE_SHIFT)

/**
 * hv_mmu_write_protect() - have the next write to each frame noticed
 * @vm: the VM
 * @start: first frame
 * @end: frame after the last
 *
 * By a fault, or by the CPU's own log. Large leaves are removed: faults bring
 * single frames in their place.
 *
 * Context: may sleep.
 */
void hv_mmu_write_protect(struct hv_vm *vm, u64 start, u64 end)
{
	u64 gfn, next;

	for (gfn = start; gfn < end; gfn = next) {
		struct hv_visit visit = { .op = HV_VISIT_PROTECT };

		next = min(gfn + PROTECT_CHUNK, end);
		spin_lock(&vm->mmu_lock);
		hv_visit_range(vm, &visit, gfn, next);
		hv_visit_finish(vm, &visit);
		cond_resched();
	}
}

/**
 * hv_mmu_write_protect_mask() - the same for up to 64 frames, without flush
 * @vm: the VM
 * @base: frame of bit 0
 * @mask: which frames
 *
 * The slot is logged already and has no large leaves, so entries stay present.
 *
 * Context: any, mmu_lock not held. The caller flushes, once for many calls.
 */
void hv_mmu_write_protect_mask(struct hv_vm *vm, u64 base, unsigned long mask)
{
	struct hv_visit visit = { .op = HV_VISIT_PROTECT };
	unsigned long bit;

	spin_lock(&vm->mmu_lock);
	for_each_set_bit(bit, &mask, BITS_PER_LONG)
		hv_visit_range(vm, &visit, base + bit, base + bit + 1);
	spin_unlock(&vm->mmu_lock);
}
