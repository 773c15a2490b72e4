// SPDX-License-Identifier: GPL-2.0
/*
 * The dirty log: which frames of a slot were written, by whom ever.
 *
 * A logged slot has single frames, mapped for reading until they are written to,
 * unless the CPU writes frames down itself. Either way a write that nobody has
 * asked about yet has its bit in slot->dirty.
 */
#include <linux/bitmap.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/uaccess.h>

#include "hvctl.h"

/* Longs of the bitmap that are handled at once. */
#define LOG_CHUNK	32

/**
 * hv_dirty_alloc() - the bitmap of a slot whose logging begins
 * @vm: the VM
 * @npages: bits
 *
 * Context: slots_lock held. Return: what kvfree() frees, or NULL.
 */
unsigned long *hv_dirty_alloc(struct hv_vm *vm, u64 npages)
{
	unsigned long *dirty = kvcalloc(BITS_TO_LONGS(npages), sizeof(long),
					GFP_KERNEL_ACCOUNT);

	if (dirty && vm->dirty_flags & KVM_DIRTY_LOG_INITIALLY_SET)
		bitmap_set(dirty, 0, npages);
	return dirty;
}

/**
 * hv_mark_dirty() - the guest, or the kernel for it, wrote to a frame
 * @slot: the slot
 * @gfn: a frame of it
 *
 * The kernel's own writes are marked after they were made: the other way round
 * the log could be read in between and the write be lost to it.
 *
 * Context: any, with @slot kept alive.
 */
void hv_mark_dirty(const struct hv_slot *slot, u64 gfn)
{
	u64 bit = gfn - slot->base_gfn;

	if (slot->dirty && !test_bit(bit, slot->dirty))
		set_bit(bit, slot->dirty);
}

/**
 * hv_log_gpa() - the CPU has logged a write
 * @vm: the VM
 * @gpa: guest-physical address
 *
 * Context: preemption off.
 */
void hv_log_gpa(struct hv_vm *vm, u64 gpa)
{
	const struct hv_slot *slot = hv_slot_find(hv_slots(vm), gpa >> PAGE_SHIFT);

	if (slot)
		hv_mark_dirty(slot, gpa >> PAGE_SHIFT);
}

/*
 * Re-arm the frames of one long of the bitmap and make them clean: those of
 * mask. A frame written between the two is reported now, and read by the VMM
 * when all of this is over. Return: the frames that were dirty.
 */
static unsigned long take_dirty(struct hv_vm *vm, const struct hv_slot *slot,
				unsigned long word, unsigned long mask)
{
	unsigned long bits;

	if (!(READ_ONCE(slot->dirty[word]) & mask))
		return 0;
	bits = atomic_long_fetch_andnot(mask, (atomic_long_t *)&slot->dirty[word]);
	bits &= mask;
	hv_mmu_write_protect_mask(vm, slot->base_gfn + word * BITS_PER_LONG, bits);
	return bits;
}

static void give_back_dirty(const struct hv_slot *slot, unsigned long first,
			    unsigned long n, const unsigned long *bits)
{
	unsigned long i, bit;

	for (i = 0; i < n; i++) {
		for_each_set_bit(bit, &bits[i], BITS_PER_LONG)
			set_bit((first + i) * BITS_PER_LONG + bit, slot->dirty);
	}
}

/* Copy the whole bitmap out, and clear it unless that is the VMM's to ask for. */
static int copy_log(struct hv_vm *vm, const struct hv_slot *slot,
		    unsigned long __user *to)
{
	bool clear = !(vm->dirty_flags & KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE);
	unsigned long bits[LOG_CHUNK], longs, first, n, i;
	bool any = false;
	int ret = 0;

	longs = BITS_TO_LONGS(slot->npages);
	for (first = 0; first < longs && !ret; first += n) {
		n = min_t(unsigned long, longs - first, LOG_CHUNK);
		for (i = 0; i < n; i++) {
			bits[i] = clear ? take_dirty(vm, slot, first + i, ~0UL) :
				  READ_ONCE(slot->dirty[first + i]);
			any |= bits[i];
		}
		if (copy_to_user(to + first, bits, n * sizeof(long))) {
			give_back_dirty(slot, first, n, bits);
			ret = -EFAULT;
		}
		cond_resched();
	}
	/*
	 * Not only where an entry was changed: an invalidation may have taken
	 * it away a moment ago and not have flushed yet.
	 */
	if (clear && any)
		hv_kick_all_wait(vm, HV_REQ_FLUSH_TLB);
	return ret;
}

/* slots_lock held. The slot, or NULL when there is none that is logged. */
static const struct hv_slot *logged_slot(struct hv_vm *vm, u32 id)
{
	const struct hv_slots *slots;
	const struct hv_slot *slot;

	slots = rcu_dereference_protected(vm->slots,
					  lockdep_is_held(&vm->slots_lock));
	slot = hv_slot_by_id(slots, id);
	return slot && slot->dirty ? slot : NULL;
}

/**
 * hv_get_dirty_log() - KVM_GET_DIRTY_LOG
 * @vm: the VM
 * @log: slot number and where the bitmap goes, a bit for each frame, rounded
 *	 up to 64; frames reported are clean from now on, unless the VM has
 *	 KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE
 *
 * Context: may sleep; takes slots_lock.
 * Return: 0; -EINVAL for an impossible slot number; -ENOENT for a slot that is
 * not there or not logged; -EFAULT when the bitmap cannot be written, then
 * what had not been written stays dirty.
 */
int hv_get_dirty_log(struct hv_vm *vm, const struct kvm_dirty_log *log)
{
	const struct hv_slot *slot;
	int ret = -ENOENT;

	if (log->slot >= HV_MAX_SLOTS)
		return -EINVAL;
	mutex_lock(&vm->slots_lock);
	slot = logged_slot(vm, log->slot);
	if (slot) {
		/* CPUs hand over what they have logged when they exit. */
		if (hv_backend->pte->logged)
			hv_kick_all_wait(vm, HV_REQ_EVENT);
		ret = copy_log(vm, slot, log->dirty_bitmap);
	}
	mutex_unlock(&vm->slots_lock);
	return ret;
}

/* Bits of a word of the log that a range of frames has. */
static unsigned long range_mask(unsigned long word, u64 end)
{
	u64 left = end - (u64)word * BITS_PER_LONG;

	return left >= BITS_PER_LONG ? ~0UL : BIT(left) - 1;
}

static int clear_log(struct hv_vm *vm, const struct hv_slot *slot,
		     const struct kvm_clear_dirty_log *log)
{
	unsigned long __user *from = log->dirty_bitmap;
	u64 end = log->first_page + log->num_pages;
	unsigned long word, first = log->first_page / BITS_PER_LONG;
	bool any = false;
	int ret = 0;

	for (word = first; (u64)word * BITS_PER_LONG < end; word++) {
		unsigned long bits;

		if (get_user(bits, from + (word - first))) {
			ret = -EFAULT;
			break;
		}
		any |= take_dirty(vm, slot, word, bits & range_mask(word, end));
		cond_resched();
	}
	if (any)
		hv_kick_all_wait(vm, HV_REQ_FLUSH_TLB);
	return ret;
}

/**
 * hv_clear_dirty_log() - KVM_CLEAR_DIRTY_LOG
 * @vm: the VM
 * @log: slot number; first_page, a multiple of 64; num_pages, likewise or up to
 *	 the slot's end; dirty_bitmap, which of these are to be clean
 *
 * Context: may sleep; takes slots_lock.
 * Return: 0; -EINVAL for an impossible slot number or range; -ENOENT as
 * hv_get_dirty_log(); -EFAULT when the bitmap cannot be read, then what comes
 * behind stays as it is.
 */
int hv_clear_dirty_log(struct hv_vm *vm, const struct kvm_clear_dirty_log *log)
{
	const struct hv_slot *slot;
	u64 behind;
	int ret = -ENOENT;

	if (log->slot >= HV_MAX_SLOTS || log->first_page % BITS_PER_LONG)
		return -EINVAL;
	mutex_lock(&vm->slots_lock);
	slot = logged_slot(vm, log->slot);
	if (!slot)
		goto out;
	ret = -EINVAL;
	if (log->first_page > slot->npages)
		goto out;
	behind = slot->npages - log->first_page;
	if (log->num_pages > behind ||
	    (log->num_pages < behind && log->num_pages % BITS_PER_LONG))
		goto out;
	ret = clear_log(vm, slot, log);
out:
	mutex_unlock(&vm->slots_lock);
	return ret;
}
