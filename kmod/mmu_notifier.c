// SPDX-License-Identifier: GPL-2.0
/*
 * What happens to the VMM's memory happens to the guest's: swapping, KSM,
 * compaction, huge pages coming and going, mprotect() and munmap() announce
 * themselves here before they touch the VMM's page table.
 *
 * From "start" to "end" nothing in the announced range is mapped for the guest
 * (see install() in mmu.c). Outside of that time the VMM's page table, read
 * under mmu_lock, is the truth. So nested entries need no reference to the
 * pages, and a fault no sequence number: either it reads the page table before
 * "start" takes mmu_lock, and "start" removes what it mapped, or it sees the
 * invalidation under way.
 */
#include "mmu.h"

static struct hv_vm *to_vm(struct mmu_notifier *mn)
{
	return container_of(mn, struct hv_vm, notifier);
}

/* Visit the frames whose user addresses are in [start, end). */
static void visit_hva(struct hv_vm *vm, struct hv_visit *visit,
		      unsigned long start, unsigned long end)
{
	const struct hv_slots *slots = hv_slots(vm);
	u32 i;

	for (i = 0; i < slots->count; i++) {
		const struct hv_slot *s = &slots->slot[i];
		unsigned long slot_end = s->hva + (s->npages << PAGE_SHIFT);
		unsigned long from = max(start, s->hva);
		unsigned long to = min(end, slot_end);
		u64 first, last;

		if (from >= to)
			continue;
		first = s->base_gfn + ((from - s->hva) >> PAGE_SHIFT);
		last = s->base_gfn + ((to - 1 - s->hva) >> PAGE_SHIFT);
		hv_visit_range(vm, visit, first, last + 1);
	}
}

static int invalidate_start(struct mmu_notifier *mn,
			    const struct mmu_notifier_range *range)
{
	struct hv_visit visit = { .op = HV_VISIT_ZAP };
	struct hv_vm *vm = to_vm(mn);

	spin_lock(&vm->mmu_lock);
	/* Several may overlap in time: their hull is closed until all end. */
	if (!vm->inval_active++) {
		vm->inval_start = range->start;
		vm->inval_end = range->end;
	} else {
		vm->inval_start = min(vm->inval_start, range->start);
		vm->inval_end = max(vm->inval_end, range->end);
	}
	visit_hva(vm, &visit, range->start, range->end);
	/* Waits for IPIs but does not sleep: fit for the OOM killer too. */
	hv_visit_finish(vm, &visit);
	return 0;
}

static void invalidate_end(struct mmu_notifier *mn,
			   const struct mmu_notifier_range *range)
{
	struct hv_vm *vm = to_vm(mn);

	spin_lock(&vm->mmu_lock);
	vm->inval_active--;
	spin_unlock(&vm->mmu_lock);
}

static int visit_young(struct mmu_notifier *mn, enum hv_visit_op op,
		       unsigned long start, unsigned long end)
{
	struct hv_visit visit = { .op = op };
	struct hv_vm *vm = to_vm(mn);

	spin_lock(&vm->mmu_lock);
	visit_hva(vm, &visit, start, end);
	if (op == HV_VISIT_AGE && !hv_backend->pte->accessed)
		hv_visit_finish(vm, &visit);
	else
		spin_unlock(&vm->mmu_lock);
	return visit.hit;
}

/*
 * CPUs that have the translation cached will not set the bit again before the
 * entry leaves their TLB. That delays what aging sees, as it does for the
 * VMM's own page table on x86, and is not worth an interrupt.
 */
static int clear_flush_young(struct mmu_notifier *mn, struct mm_struct *mm,
			     unsigned long start, unsigned long end)
{
	return visit_young(mn, HV_VISIT_AGE, start, end);
}

static int clear_young(struct mmu_notifier *mn, struct mm_struct *mm,
		       unsigned long start, unsigned long end)
{
	return visit_young(mn, HV_VISIT_AGE, start, end);
}

static int test_young(struct mmu_notifier *mn, struct mm_struct *mm,
		      unsigned long address)
{
	return visit_young(mn, HV_VISIT_TEST, address, address + PAGE_SIZE);
}

/* The VMM has died, but somebody may hold the VM's descriptor open. */
static void release(struct mmu_notifier *mn, struct mm_struct *mm)
{
	struct hv_vm *vm = to_vm(mn);

	WRITE_ONCE(vm->dead, true);
	hv_mmu_zap_gfn_range(vm, NULL, 0, U64_MAX);
}

static const struct mmu_notifier_ops notifier_ops = {
	.invalidate_range_start = invalidate_start,
	.invalidate_range_end = invalidate_end,
	.clear_flush_young = clear_flush_young,
	.clear_young = clear_young,
	.test_young = test_young,
	.release = release,
};

/**
 * hv_notifier_register() - hear of changes to the VMM's memory
 * @vm: the VM, of the current mm
 *
 * Done for the first slot: a VM without memory is made faster that way.
 *
 * Context: slots_lock held; takes mmap_lock.
 * Return: 0, -ENOMEM or -EINTR.
 */
int hv_notifier_register(struct hv_vm *vm)
{
	int ret;

	if (vm->notifier_on)
		return 0;
	vm->notifier.ops = &notifier_ops;
	ret = mmu_notifier_register(&vm->notifier, vm->mm);
	if (!ret)
		vm->notifier_on = true;
	return ret;
}

/**
 * hv_notifier_unregister() - no callback runs after this
 * @vm: the VM, which nobody can reach any more
 */
void hv_notifier_unregister(struct hv_vm *vm)
{
	if (vm->notifier_on)
		mmu_notifier_unregister(&vm->notifier, vm->mm);
	vm->notifier_on = false;
}
