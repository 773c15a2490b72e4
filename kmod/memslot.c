// SPDX-License-Identifier: GPL-2.0
/*
 * Memory slots: which of the VMM's pages are the guest's memory.
 *
 * The array of slots is never changed, only replaced. Faults look it up with
 * preemption off and again under mmu_lock; a new array is published under
 * mmu_lock, so that a fault either sees it or has finished before what it
 * mapped is taken back.
 */
#include "hvctl.h"

#include <linux/slab.h>
#include <linux/uaccess.h>

#define KNOWN_FLAGS	(KVM_MEM_LOG_DIRTY_PAGES | KVM_MEM_READONLY)

/* KVM's own limit: a slot's frames are counted in 31 bits. */
#define MAX_SLOT_PAGES	((1UL << 31) - 1)

/* What every VM starts with; never freed. */
static struct hv_slots no_slots;

/**
 * hv_slots_init() - a VM without memory
 * @vm: the new VM
 *
 * Return: 0.
 */
int hv_slots_init(struct hv_vm *vm)
{
	RCU_INIT_POINTER(vm->slots, &no_slots);
	return 0;
}

static void free_slots(struct hv_slots *slots)
{
	if (slots != &no_slots)
		kfree(slots);
}

/**
 * hv_slots_destroy() - free the slots of a VM that nobody can reach any more
 * @vm: the VM
 */
void hv_slots_destroy(struct hv_vm *vm)
{
	struct hv_slots *slots = rcu_dereference_protected(vm->slots, true);
	u32 i;

	for (i = 0; i < slots->count; i++)
		kvfree(slots->slot[i].dirty);
	free_slots(slots);
	RCU_INIT_POINTER(vm->slots, &no_slots);
}

/**
 * hv_slot_find() - the slot that backs a guest frame
 * @slots: the slots
 * @gfn: the frame's number
 *
 * Context: whatever keeps @slots alive, see struct hv_slots.
 * Return: the slot or NULL.
 */
const struct hv_slot *hv_slot_find(const struct hv_slots *slots, u64 gfn)
{
	u32 lo = 0, hi = slots->count;

	while (lo < hi) {
		u32 mid = (lo + hi) / 2;
		const struct hv_slot *slot = &slots->slot[mid];

		if (gfn < slot->base_gfn)
			hi = mid;
		else if (gfn - slot->base_gfn >= slot->npages)
			lo = mid + 1;
		else
			return slot;
	}
	return NULL;
}

/**
 * hv_slots_bytes() - memory the guest can write to
 * @vm: the VM
 *
 * Return: bytes in writable slots.
 */
u64 hv_slots_bytes(struct hv_vm *vm)
{
	const struct hv_slots *slots;
	u64 pages = 0;
	u32 i;

	rcu_read_lock();
	slots = hv_slots(vm);
	for (i = 0; i < slots->count; i++) {
		if (!(slots->slot[i].flags & KVM_MEM_READONLY))
			pages += slots->slot[i].npages;
	}
	rcu_read_unlock();
	return pages << PAGE_SHIFT;
}

/* What a region must satisfy whatever the slots are now. */
static int check_region(const struct kvm_userspace_memory_region *r)
{
	u64 size = r->memory_size;
	u64 last = r->guest_phys_addr + size - 1;
	u8 bits = min(boot_cpu_data.x86_phys_bits,
		      PAGE_SHIFT + 9 * hv_backend->pte->levels);

	if (r->flags & ~KNOWN_FLAGS)
		return -EINVAL;
	/* The upper half is the address space: there is one, SMM has none. */
	if (r->slot >= HV_MAX_SLOTS)
		return -EINVAL;
	if (!PAGE_ALIGNED(size) || !PAGE_ALIGNED(r->guest_phys_addr) ||
	    !PAGE_ALIGNED(r->userspace_addr))
		return -EINVAL;
	if (!size)
		return 0;
	if (size >> PAGE_SHIFT > MAX_SLOT_PAGES)
		return -EINVAL;
	if (last < r->guest_phys_addr || last >> bits)
		return -EINVAL;
	if (!access_ok((void __user *)(unsigned long)r->userspace_addr, size))
		return -EINVAL;
	return 0;
}

static bool overlaps(const struct hv_slots *slots, const struct hv_slot *new)
{
	u32 i;

	for (i = 0; i < slots->count; i++) {
		const struct hv_slot *s = &slots->slot[i];

		if (s->id != new->id &&
		    new->base_gfn < s->base_gfn + s->npages &&
		    s->base_gfn < new->base_gfn + new->npages)
			return true;
	}
	return false;
}

/* A sorted copy of @old without slot @id, and with @new where that is given. */
static struct hv_slots *copy_slots(const struct hv_slots *old, u32 id,
				   const struct hv_slot *new)
{
	u32 i, n = new ? 1 : 0;
	struct hv_slots *slots;

	for (i = 0; i < old->count; i++)
		n += old->slot[i].id != id;
	slots = kzalloc(struct_size(slots, slot, n), GFP_KERNEL_ACCOUNT);
	if (!slots)
		return NULL;
	slots->count = n;

	for (i = 0, n = 0; i < old->count; i++) {
		const struct hv_slot *s = &old->slot[i];

		if (s->id == id)
			continue;
		if (new && new->base_gfn < s->base_gfn) {
			slots->slot[n++] = *new;
			new = NULL;
		}
		slots->slot[n++] = *s;
	}
	if (new)
		slots->slot[n] = *new;
	return slots;
}

/*
 * Replace slot @old (NULL: there was none) by @new (NULL: there will be none)
 * and see to it that on return nothing works by the old one any more.
 */
static int replace(struct hv_vm *vm, struct hv_slots *slots,
		   const struct hv_slot *old, const struct hv_slot *new)
{
	unsigned long *dirty = old ? old->dirty : NULL;
	struct hv_slots *next;

	next = copy_slots(slots, old ? old->id : new->id, new);
	if (!next)
		return -ENOMEM;

	if (!old) {
		hv_mmu_zap_gfn_range(vm, next, 0, 0);
		/* Who still sees the old array sees no memory here: harmless. */
		if (slots != &no_slots)
			kfree_rcu(slots, rcu);
		return 0;
	}
	if (new && new->base_gfn == old->base_gfn && new->dirty && !dirty) {
		hv_mmu_zap_gfn_range(vm, next, 0, 0);
		hv_mmu_write_protect(vm, old->base_gfn,
				     old->base_gfn + old->npages);
	} else {
		/* Also where logging ends: large pages may come back. */
		hv_mmu_zap_gfn_range(vm, next, old->base_gfn,
				     old->base_gfn + old->npages);
	}
	/*
	 * The kernel reads and writes guest memory under RCU by the slot it
	 * found. When this call returns the VMM may use the memory for
	 * something else, or rely on the log.
	 */
	synchronize_rcu_expedited();
	if (!new || new->dirty != dirty)
		kvfree(dirty);
	free_slots(slots);
	return 0;
}

/**
 * hv_slot_by_id() - the slot that user space gave a number
 * @slots: the slots
 * @id: the number
 *
 * Context: as hv_slot_find(). Return: the slot or NULL.
 */
const struct hv_slot *hv_slot_by_id(const struct hv_slots *slots, u32 id)
{
	u32 i;

	for (i = 0; i < slots->count; i++) {
		if (slots->slot[i].id == id)
			return &slots->slot[i];
	}
	return NULL;
}

static void count_logged(struct hv_vm *vm, int change)
{
	WRITE_ONCE(vm->logged, vm->logged + change);
}

static int set_region(struct hv_vm *vm,
		      const struct kvm_userspace_memory_region *r)
{
	const struct hv_slot *old;
	struct hv_slots *slots;
	struct hv_slot new = {
		.id = r->slot,
		.flags = r->flags,
		.base_gfn = r->guest_phys_addr >> PAGE_SHIFT,
		.npages = r->memory_size >> PAGE_SHIFT,
		.hva = r->userspace_addr,
	};
	bool was_logged;
	int ret;

	slots = rcu_dereference_protected(vm->slots,
					  lockdep_is_held(&vm->slots_lock));
	old = hv_slot_by_id(slots, r->slot);
	was_logged = old && old->dirty;
	if (!new.npages) {
		ret = old ? replace(vm, slots, old, NULL) : -EINVAL;
		if (!ret)
			count_logged(vm, -was_logged);
		return ret;
	}

	if (old) {
		if (new.hva != old->hva || new.npages != old->npages ||
		    (new.flags ^ old->flags) & KVM_MEM_READONLY)
			return -EINVAL;
		if (new.base_gfn == old->base_gfn && new.flags == old->flags)
			return 0;
	}
	if (overlaps(slots, &new))
		return -EEXIST;

	ret = hv_notifier_register(vm);
	if (ret)
		return ret;
	if (new.flags & KVM_MEM_LOG_DIRTY_PAGES) {
		new.dirty = old ? old->dirty : NULL;
		if (!new.dirty)
			new.dirty = hv_dirty_alloc(vm, new.npages);
		if (!new.dirty)
			return -ENOMEM;
	}
	/* From before the first write is logged until after the last. */
	if (new.dirty && !was_logged)
		count_logged(vm, 1);
	ret = replace(vm, slots, old, &new);
	if (ret ? new.dirty && !was_logged : !new.dirty && was_logged)
		count_logged(vm, -1);
	if (ret && new.dirty && !was_logged)
		kvfree(new.dirty);
	return ret;
}

/**
 * hv_set_memory_region() - KVM_SET_USER_MEMORY_REGION
 * @vm: the VM, of the caller's own mm
 * @region: slot number; flags; guest address, size and user address in bytes,
 *	    all multiples of the page size. Size 0 removes the slot. An
 *	    existing slot may be moved and its logging be switched.
 *
 * Context: may sleep; takes slots_lock.
 * Return: 0; -EINVAL for a region that cannot be; -EEXIST where it overlaps
 * another slot; -ENOMEM; -EINTR for a fatal signal.
 */
int hv_set_memory_region(struct hv_vm *vm,
			 const struct kvm_userspace_memory_region *region)
{
	int ret = check_region(region);

	if (ret)
		return ret;
	mutex_lock(&vm->slots_lock);
	ret = set_region(vm, region);
	mutex_unlock(&vm->slots_lock);
	return ret;
}
