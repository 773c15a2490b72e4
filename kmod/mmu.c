// SPDX-License-Identifier: GPL-2.0
/*
 * Nested page tables, the way there: a nested fault looks up the slot, reads
 * what the VMM's own page table says, and repeats it for the guest, as large
 * as both sides allow.
 *
 * All of that happens under mmu_lock, so that slots cannot change and no
 * invalidation can begin in between (see mmu_notifier.c). What it takes to
 * have the VMM's page present (hv_fault_in) happens before, without the lock,
 * and is never trusted: the page table is read again afterwards.
 */
#include "mmu.h"

#include <linux/mm.h>
#include <linux/sched/mm.h>
#include <linux/pgtable.h>

/* Spare tables that the slow path provides for the fast one. */
#define SPARE_TABLES	8

/* Times the fast path tries for mmu_lock: others hold it very briefly. */
#define LOCK_TRIES	128

/**
 * hv_mmu_init() - an empty nested page table
 * @vm: the new VM
 *
 * Return: 0 or -ENOMEM.
 */
int hv_mmu_init(struct hv_vm *vm)
{
	vm->root = (u64 *)get_zeroed_page(GFP_KERNEL_ACCOUNT);
	return vm->root ? 0 : -ENOMEM;
}

/**
 * hv_mmu_destroy() - free the nested page table
 * @vm: the VM; none of its vCPUs runs again
 */
void hv_mmu_destroy(struct hv_vm *vm)
{
	hv_notifier_unregister(vm);
	while (vm->spare_tables) {
		void *table = vm->spare_tables;

		vm->spare_tables = *(void **)table;
		free_page((unsigned long)table);
	}
	hv_table_free(vm->root, hv_backend->pte->levels);
	vm->root = NULL;
}

/**
 * hv_mmu_root() - where the CPU starts its nested walk
 * @vm: the VM
 *
 * Return: physical address of the top table, constant for the VM's life.
 */
u64 hv_mmu_root(struct hv_vm *vm)
{
	return __sme_set(__pa(vm->root));
}

/* Spare tables are linked through their first entry, which is cleared again. */
static u64 *take_spare_table(struct hv_vm *vm)
{
	u64 *table = vm->spare_tables;

	if (!table)
		return NULL;
	vm->spare_tables = *(void **)table;
	vm->nr_spare_tables--;
	*table = 0;
	return table;
}

static int provide_spare_tables(struct hv_vm *vm)
{
	while (READ_ONCE(vm->nr_spare_tables) < SPARE_TABLES) {
		void *table = (void *)get_zeroed_page(GFP_KERNEL_ACCOUNT);

		if (!table)
			return -ENOMEM;
		spin_lock(&vm->mmu_lock);
		*(void **)table = vm->spare_tables;
		vm->spare_tables = table;
		vm->nr_spare_tables++;
		spin_unlock(&vm->mmu_lock);
	}
	return 0;
}

/**
 * struct host_page - what the VMM's page table says about an address
 * @pfn: frame of the address itself
 * @level: of the entry, as nested levels are counted
 * @writable: it may be written without a fault
 * @special: the page is not the memory manager's to track
 */
struct host_page {
	u64 pfn;
	int level;
	bool writable;
	bool special;
};

/* What only hv_fault_in() can judge. */
#define NEEDS_CHECK	(_PAGE_SPECIAL | _PAGE_PKEY_MASK | HV_PAGE_DEVMAP)

static bool host_entry(struct host_page *page, u64 flags, u64 pfn, int level,
		       unsigned long hva, bool checked)
{
	if (!(flags & _PAGE_PRESENT) || !(flags & _PAGE_USER))
		return false;
	if (!checked && (flags & NEEDS_CHECK))
		return false;
	/*
	 * Nested entries say write-back. That must not be given for what the
	 * host maps otherwise: device memory.
	 */
	if (flags & (_PAGE_PWT | _PAGE_PCD))
		return false;
	page->pfn = pfn + ((hva >> PAGE_SHIFT) & (hv_level_frames(level) - 1));
	page->level = level;
	page->writable = flags & _PAGE_RW;
	page->special = flags & _PAGE_SPECIAL;
	return true;
}

/*
 * Read the VMM's page table. Interrupts are off: that keeps tables from being
 * freed, as for the kernel's own lockless walkers.
 */
static bool host_walk(struct mm_struct *mm, unsigned long hva, bool checked,
		      struct host_page *page)
{
	p4d_t *p4dp, p4d;
	pud_t *pudp, pud;
	pmd_t *pmdp, pmd;
	pgd_t *pgdp, pgd;
	pte_t pte;

	pgdp = pgd_offset(mm, hva);
	pgd = READ_ONCE(*pgdp);
	if (pgd_none(pgd))
		return false;
	p4dp = p4d_offset(pgdp, hva);
	p4d = READ_ONCE(*p4dp);
	if (p4d_none(p4d) || !p4d_present(p4d))
		return false;
	pudp = pud_offset(&p4d, hva);
	pud = READ_ONCE(*pudp);
	if (pud_none(pud) || !pud_present(pud))
		return false;
	if (pud_leaf(pud))
		return host_entry(page, pud_flags(pud), pud_pfn(pud), 3, hva, checked);
	pmdp = pmd_offset(&pud, hva);
	pmd = READ_ONCE(*pmdp);
	if (pmd_none(pmd) || !pmd_present(pmd))
		return false;
	if (pmd_leaf(pmd))
		return host_entry(page, pmd_flags(pmd), pmd_pfn(pmd), 2, hva, checked);
	pte = READ_ONCE(*pte_offset_kernel(&pmd, hva));
	return host_entry(page, pte_flags(pte), pte_pfn(pte), 1, hva, checked);
}

/* The largest leaf that slot, VMM and CPU all allow at a frame. */
static int choose_level(const struct hv_slot *slot, u64 gfn, unsigned long hva,
			int host_level)
{
	int level = host_level;

	if (slot->dirty)
		return 1;	/* single frames are logged */
	if (level == 3 && !hv_backend->pte->huge_1g())
		level = 2;
	for (; level > 1; level--) {
		u64 mask = hv_level_frames(level) - 1;
		u64 first = gfn & ~mask;

		if (((hva >> PAGE_SHIFT) ^ gfn) & mask)
			continue;
		if (first >= slot->base_gfn &&
		    first + mask < slot->base_gfn + slot->npages)
			break;
	}
	return level;
}

static bool invalidating(struct hv_vm *vm, unsigned long hva, int level)
{
	unsigned long bytes = hv_level_frames(level) << PAGE_SHIFT;
	unsigned long first = hva & ~(bytes - 1);

	return vm->inval_active && first < vm->inval_end &&
	       vm->inval_start < first + bytes;
}

/*
 * Put a leaf in its place. HV_SLOW when there is no spare table, or where
 * something of another shape is in the way and @visit is not given, with which
 * it is removed: the guest then faults again.
 */
static int install(struct hv_vm *vm, u64 gfn, int leaf_level, u64 leaf,
		   struct hv_visit *visit)
{
	const struct hv_pte_format *fmt = hv_backend->pte;
	u64 *entry, *table = vm->root;
	int level = fmt->levels;

	for (;; level--) {
		entry = &table[hv_table_index(gfn, level)];
		if (level == leaf_level)
			break;
		if (!*entry) {
			table = take_spare_table(vm);
			if (!table)
				return HV_SLOW;
			WRITE_ONCE(*entry, __sme_set(__pa(table)) |
				   fmt->present | fmt->write | fmt->exec);
			continue;
		}
		if (hv_pte_is_leaf(*entry, level))
			goto in_the_way;
		table = hv_child_table(*entry);
	}

	if (*entry && !hv_pte_is_leaf(*entry, level))
		goto in_the_way;
	if (*entry && (*entry & HV_PTE_ADDR) != (leaf & HV_PTE_ADDR))
		goto in_the_way;
	/* Another vCPU may have been here first, and even for writing. */
	if (*entry & fmt->write)
		return HV_RESUME;
	WRITE_ONCE(*entry, leaf);
	return HV_RESUME;

in_the_way:
	if (!visit)
		return HV_SLOW;
	if (hv_pte_is_leaf(*entry, level)) {
		WRITE_ONCE(*entry, 0);
		visit->hit = true;
	} else {
		hv_table_detach(visit, entry, level);
	}
	return HV_RESUME;
}

/*
 * Map what the VMM has at a frame, if it has. @checked: hv_fault_in() has
 * accepted the page for this access a moment ago.
 *
 * mmu_lock held, interrupts off.
 */
static int map_frame(struct hv_vm *vm, u64 gfn, bool write, bool checked,
		     struct hv_visit *visit)
{
	const struct hv_pte_format *fmt = hv_backend->pte;
	const struct hv_slot *slot;
	struct host_page page;
	unsigned long hva;
	u64 leaf, pfn;
	int level;

	slot = hv_slot_find(hv_slots(vm), gfn);
	if (!slot || (write && (slot->flags & KVM_MEM_READONLY)))
		return HV_MMIO;
	hva = slot->hva + ((gfn - slot->base_gfn) << PAGE_SHIFT);

	if (!host_walk(vm->mm, hva, checked, &page))
		return HV_SLOW;
	if (write && !page.writable)
		return HV_SLOW;
	level = choose_level(slot, gfn, hva, page.level);
	if (invalidating(vm, hva, level))
		return HV_SLOW;

	pfn = page.pfn & ~(hv_level_frames(level) - 1);
	leaf = __sme_set(pfn << PAGE_SHIFT) | fmt->present | fmt->leaf |
	       fmt->exec | fmt->accessed;
	if (level > 1)
		leaf |= fmt->large;
	/*
	 * A logged frame stays read-only until it is written to, unless the CPU
	 * tells of that by itself.
	 */
	if (page.writable && !(slot->flags & KVM_MEM_READONLY) &&
	    (write || !slot->dirty || fmt->logged)) {
		leaf |= fmt->write;
		if (write || !slot->dirty) {
			leaf |= fmt->dirty;
			hv_mark_dirty(slot, gfn);
		}
		/*
		 * Writes by this entry leave no trace in the VMM's page table.
		 * Nobody can clean the page while it is mapped: cleaning is
		 * announced as an invalidation.
		 */
		if (!page.special)
			hv_page_dirty(pfn_to_page(page.pfn));
	}
	return install(vm, gfn, level, leaf, visit);
}

/**
 * hv_mmu_fault_fast() - handle a nested fault without sleeping
 * @vcpu: the vCPU, on its own thread
 * @gpa: guest-physical address
 * @access: HV_ACC_*
 *
 * Context: interrupts off.
 * Return: HV_RESUME; HV_MMIO when no memory is there for this access; HV_SLOW.
 */
int hv_mmu_fault_fast(struct hv_vcpu *vcpu, u64 gpa, u32 access)
{
	struct hv_vm *vm = vcpu->vm;
	int ret, tries = 0;

	/* Device accesses need no lock. */
	if (!hv_slot_find(hv_slots(vm), gpa >> PAGE_SHIFT))
		return HV_MMIO;
	while (!spin_trylock(&vm->mmu_lock)) {
		if (++tries == LOCK_TRIES)
			return HV_SLOW;
		cpu_relax();
	}
	ret = map_frame(vm, gpa >> PAGE_SHIFT, access & HV_ACC_WRITE, false, NULL);
	spin_unlock(&vm->mmu_lock);
	return ret;
}

/* The VMM's page is of a mapping that has no struct page to be had. */
static int fault_in_pfnmap(struct mm_struct *mm, unsigned long hva, bool write)
{
	struct vm_area_struct *vma;
	bool unlocked = false;
	int ret = -EFAULT;

	mmap_read_lock(mm);
	vma = vma_lookup(mm, hva);
	if (vma && (vma->vm_flags & VM_PFNMAP))
		ret = fixup_user_fault(mm, hva, write ? FAULT_FLAG_WRITE : 0,
				       &unlocked);
	mmap_read_unlock(mm);
	return ret;
}

/**
 * hv_fault_in() - have a page of the VMM present in its page table
 * @vm: the VM, of the current mm
 * @hva: user address
 * @write: and writable
 *
 * The page may be gone again on return.
 *
 * Context: may sleep.
 * Return: 0; -EFAULT when nothing is mapped there, or not for writing;
 * -EHWPOISON; -EINTR for a signal; -ENOMEM.
 */
int hv_fault_in(struct hv_vm *vm, unsigned long hva, bool write)
{
	unsigned int flags = FOLL_HWPOISON | HV_FOLL_INTERRUPTIBLE |
			     HV_FOLL_HONOR_NUMA_FAULT;
	struct page *page;
	long ret;

	ret = get_user_pages_unlocked(hva & PAGE_MASK, 1, &page,
				      flags | (write ? FOLL_WRITE : 0));
	if (ret == 1) {
		/* The mapping keeps it, as far as it is kept. */
		put_page(page);
		return 0;
	}
	if (ret == -EFAULT)
		return fault_in_pfnmap(vm->mm, hva, write);
	return ret == -EAGAIN || !ret ? -EINTR : ret;
}

static int map_slow(struct hv_vm *vm, u64 gfn, bool write, bool checked)
{
	struct hv_visit visit = { .op = HV_VISIT_ZAP };
	int ret;

	spin_lock(&vm->mmu_lock);
	local_irq_disable();
	ret = map_frame(vm, gfn, write, checked, &visit);
	local_irq_enable();
	if (visit.hit)
		hv_visit_finish(vm, &visit);
	else
		spin_unlock(&vm->mmu_lock);
	return ret;
}

/**
 * hv_mmu_fault() - handle a nested fault
 * @vcpu: the vCPU, on its own thread
 * @gpa: guest-physical address
 * @access: HV_ACC_*
 *
 * Context: may sleep.
 * Return: HV_RESUME when mapped, or when something came in between and the
 * guest may try again; HV_MMIO when no memory is there for this access; or as
 * hv_fault_in().
 */
int hv_mmu_fault(struct hv_vcpu *vcpu, u64 gpa, u32 access)
{
	bool write = access & HV_ACC_WRITE;
	struct hv_vm *vm = vcpu->vm;
	u64 gfn = gpa >> PAGE_SHIFT;
	const struct hv_slot *slot;
	unsigned long hva = 0;
	int ret;

	ret = provide_spare_tables(vm);
	if (ret)
		return ret;
	ret = map_slow(vm, gfn, write, false);
	if (ret != HV_SLOW)
		return ret;

	rcu_read_lock();
	slot = hv_slot_find(hv_slots(vm), gfn);
	if (slot)
		hva = slot->hva + ((gfn - slot->base_gfn) << PAGE_SHIFT);
	rcu_read_unlock();
	if (!slot)
		return HV_MMIO;

	ret = hv_fault_in(vm, hva, write);
	if (ret)
		return ret;
	ret = map_slow(vm, gfn, write, true);
	return ret == HV_SLOW ? HV_RESUME : ret;
}
