// SPDX-License-Identifier: GPL-2.0
/*
 * The kernel's own accesses to guest memory. All go through the VMM's mapping
 * as user accesses: the guest can have no page the VMM does not have, and
 * swapping, copy on write and the like need no thought here.
 */
#include "hvctl.h"

#include <linux/uaccess.h>

/*
 * Where [gpa, gpa + len) lies, if wholly in one slot. Preemption off or RCU:
 * the answer holds as long as that.
 */
static const struct hv_slot *range_slot(struct hv_vm *vm, u64 gpa, u64 len,
					bool write)
{
	u64 gfn = gpa >> PAGE_SHIFT;
	const struct hv_slot *slot;
	u64 left;

	slot = hv_slot_find(hv_slots(vm), gfn);
	if (!slot || (write && (slot->flags & KVM_MEM_READONLY)))
		return NULL;
	/* Cannot wrap: npages is below 2^31 and gpa lies inside. */
	left = ((slot->base_gfn + slot->npages) << PAGE_SHIFT) - gpa;
	return len <= left ? slot : NULL;
}

static unsigned long slot_hva(const struct hv_slot *slot, u64 gpa)
{
	return slot->hva + (gpa - (slot->base_gfn << PAGE_SHIFT));
}

/**
 * hv_gpa_range() - the check of a guest-physical range
 * @vm: the VM
 * @gpa: first byte, any value
 * @len: bytes, any value
 * @write: the range is to be written
 *
 * Every access to guest memory by address passes here.
 *
 * Context: RCU read side or preemption off; the answer holds as long as that.
 * Return: user address of the range, or 0 when it is not wholly inside one
 * slot, or to be written and read-only.
 */
unsigned long hv_gpa_range(struct hv_vm *vm, u64 gpa, u64 len, bool write)
{
	const struct hv_slot *slot = range_slot(vm, gpa, len, write);

	return slot ? slot_hva(slot, gpa) : 0;
}

/* One slot, preemption off. -EAGAIN when the VMM's page is absent. */
static int read_atomic(struct hv_vm *vm, u64 gpa, void *buf, u32 len)
{
	unsigned long hva = hv_gpa_range(vm, gpa, len, false);
	unsigned long left;

	if (!hva)
		return -ENOENT;
	pagefault_disable();
	left = __copy_from_user_inatomic(buf, (void __user *)hva, len);
	pagefault_enable();
	return left ? -EAGAIN : 0;
}

/* The same; -ENOENT for a read-only slot too. */
static int write_atomic(struct hv_vm *vm, u64 gpa, const void *buf, u32 len)
{
	const struct hv_slot *slot = range_slot(vm, gpa, len, true);
	unsigned long left;
	u64 gfn;

	if (!slot)
		return -ENOENT;
	pagefault_disable();
	left = __copy_to_user_inatomic((void __user *)slot_hva(slot, gpa), buf, len);
	pagefault_enable();
	/* Where it failed half way, what was written counts as well. */
	if (slot->dirty) {
		for (gfn = gpa >> PAGE_SHIFT; gfn << PAGE_SHIFT < gpa + len; gfn++)
			hv_mark_dirty(slot, gfn);
	}
	return left ? -EAGAIN : 0;
}

/**
 * hv_cmpxchg_gpa_atomic() - change an aligned word of guest memory if it is old
 * @vm: the VM, of the current mm
 * @gpa: guest-physical address, a multiple of @size
 * @size: 4 or 8 bytes
 * @old: what must be there
 * @new: what then is
 *
 * Context: preemption off.
 * Return: 0; -EBUSY when something else is there; -ENOENT outside of writable
 * slots; -EAGAIN when the VMM's page is absent or read-only.
 */
int hv_cmpxchg_gpa_atomic(struct hv_vm *vm, u64 gpa, u8 size, u64 old, u64 new)
{
	const struct hv_slot *slot = range_slot(vm, gpa, size, true);
	void __user *at;
	u32 old32 = old;
	int ret;

	if (!slot)
		return -ENOENT;
	at = (void __user *)slot_hva(slot, gpa);
	pagefault_disable();
	if (size == 8)
		ret = __try_cmpxchg_user((u64 __user *)at, &old, new, out8);
	else
		ret = __try_cmpxchg_user((u32 __user *)at, &old32, (u32)new, out4);
	pagefault_enable();
	if (ret)
		return ret < 0 ? -EAGAIN : -EBUSY;
	hv_mark_dirty(slot, gpa >> PAGE_SHIFT);
	return 0;
}

/* One page's part of an access that may sleep. */
static int access_page(struct hv_vm *vm, u64 gpa, void *buf, u32 len, bool write)
{
	unsigned long hva;
	int ret;

	for (;;) {
		preempt_disable();
		hva = hv_gpa_range(vm, gpa, len, write);
		ret = write ? write_atomic(vm, gpa, buf, len) :
			      read_atomic(vm, gpa, buf, len);
		preempt_enable();
		if (ret != -EAGAIN)
			return ret;
		/*
		 * Outside of the section @hva may have gone to other uses, but
		 * it is only brought in here, neither read nor written.
		 */
		ret = hv_fault_in(vm, hva, write);
		if (ret)
			return ret;
		cond_resched();
	}
}

static int access_gpa(struct hv_vm *vm, u64 gpa, void *buf, u32 len, bool write)
{
	while (len) {
		u32 n = min_t(u32, len, PAGE_SIZE - offset_in_page(gpa));
		int ret = access_page(vm, gpa, buf, n, write);

		if (ret)
			return ret;
		gpa += n;
		buf += n;
		len -= n;
	}
	return 0;
}

/**
 * hv_read_gpa() - read guest memory
 * @vm: the VM, of the current mm
 * @gpa: guest-physical address
 * @buf: where to
 * @len: bytes; the range may run over several slots
 *
 * Context: may sleep.
 * Return: 0; -ENOENT outside the slots; -EFAULT where the VMM has nothing
 * mapped; -EHWPOISON; -EINTR.
 */
int hv_read_gpa(struct hv_vm *vm, u64 gpa, void *buf, u32 len)
{
	return access_gpa(vm, gpa, buf, len, false);
}

/**
 * hv_write_gpa() - write guest memory and log it as dirty
 * @vm: the VM, of the current mm
 * @gpa: guest-physical address
 * @buf: where from
 * @len: bytes; the range may run over several slots
 *
 * Context: may sleep.
 * Return: as hv_read_gpa(); -ENOENT for a read-only slot too.
 */
int hv_write_gpa(struct hv_vm *vm, u64 gpa, const void *buf, u32 len)
{
	return access_gpa(vm, gpa, (void *)buf, len, true);
}

/* ------------------------------------------------------------ places */

/* User address of bytes of a place that do not leave a page, or 0. */
static unsigned long place_hva(struct hv_vm *vm, u64 place, u32 len)
{
	if (place == HV_PLACE_NONE)
		return 0;
	if (place & HV_PLACE_HVA)
		return place & ~HV_PLACE_HVA;
	return hv_gpa_range(vm, place, len, true);
}

/**
 * hv_place_read() - read a record of the guest's
 * @vm: the VM, of the current mm
 * @place: where it lies
 * @buf: where to
 * @len: bytes
 *
 * Context: may sleep. Return: as hv_read_gpa().
 */
int hv_place_read(struct hv_vm *vm, u64 place, void *buf, u32 len)
{
	if (place == HV_PLACE_NONE)
		return -ENOENT;
	if (!(place & HV_PLACE_HVA))
		return hv_read_gpa(vm, place, buf, len);
	return copy_from_user(buf, (void __user *)(place & ~HV_PLACE_HVA), len) ?
	       -EFAULT : 0;
}

/**
 * hv_place_write() - write a record of the guest's
 * @vm: the VM, of the current mm
 * @place: where it lies; what user space has named by its own address is not
 *	   logged as dirty
 * @buf: where from
 * @len: bytes
 *
 * Context: may sleep. Return: as hv_write_gpa().
 */
int hv_place_write(struct hv_vm *vm, u64 place, const void *buf, u32 len)
{
	if (place == HV_PLACE_NONE)
		return -ENOENT;
	if (!(place & HV_PLACE_HVA))
		return hv_write_gpa(vm, place, buf, len);
	return copy_to_user((void __user *)(place & ~HV_PLACE_HVA), buf, len) ?
	       -EFAULT : 0;
}

/**
 * hv_place_peek() - read a few bytes that do not leave a page
 * @vm: the VM, of the current mm
 * @place: where they lie
 * @buf: where to
 * @len: bytes
 *
 * Context: preemption off. Return: 0, -ENOENT, -EAGAIN.
 */
int hv_place_peek(struct hv_vm *vm, u64 place, void *buf, u32 len)
{
	unsigned long hva = place_hva(vm, place, len);
	unsigned long left;

	if (!hva)
		return -ENOENT;
	pagefault_disable();
	left = __copy_from_user_inatomic(buf, (void __user *)hva, len);
	pagefault_enable();
	return left ? -EAGAIN : 0;
}

/**
 * hv_place_poke() - write one byte
 * @vm: the VM, of the current mm
 * @place: where it lies
 * @value: what to write
 *
 * Not logged as dirty. Context: preemption off. Return: as hv_place_peek().
 */
int hv_place_poke(struct hv_vm *vm, u64 place, u8 value)
{
	unsigned long hva = place_hva(vm, place, 1);
	unsigned long left;

	if (!hva)
		return -ENOENT;
	pagefault_disable();
	left = __copy_to_user_inatomic((void __user *)hva, &value, 1);
	pagefault_enable();
	return left ? -EAGAIN : 0;
}

/* A guest that keeps changing the word is not waited for longer. */
#define SET_BIT_TRIES	64

/**
 * hv_place_set_bit() - set a bit of a bitmap, atomically
 * @vm: the VM, of the current mm
 * @place: where the bitmap begins, a multiple of 4; the bit is in the same page
 * @nr: number of the bit
 *
 * Not logged as dirty. Context: preemption off; a full barrier when it is done.
 * Return: 1 when it was set, 0 when it was not, -ENOENT, -EAGAIN.
 */
int hv_place_set_bit(struct hv_vm *vm, u64 place, u32 nr)
{
	unsigned long hva = place_hva(vm, place + nr / 32 * 4, 4);
	u32 __user *at = (u32 __user *)hva;
	u32 bit = BIT(nr % 32), old;
	int i, ret;

	if (place == HV_PLACE_NONE || !hva)
		return -ENOENT;
	pagefault_disable();
	ret = __copy_from_user_inatomic(&old, at, sizeof(old)) ? -EFAULT : 1;
	/* Above 0 old was no longer there, and is what is there now. */
	for (i = 0; ret > 0 && i < SET_BIT_TRIES; i++)
		ret = __try_cmpxchg_user(at, &old, old | bit, out);
	pagefault_enable();
	return ret ? -EAGAIN : !!(old & bit);
}

/**
 * hv_place_fault_in() - have a page of a place present and writable
 * @vm: the VM, of the current mm
 * @place: an address in it
 *
 * Context: may sleep. Return: 0, -ENOENT, or as hv_fault_in().
 */
int hv_place_fault_in(struct hv_vm *vm, u64 place)
{
	unsigned long hva;

	rcu_read_lock();
	hva = place_hva(vm, place, 1);
	rcu_read_unlock();
	/* As in access_page(), it is only brought in here. */
	return hva ? hv_fault_in(vm, hva, true) : -ENOENT;
}
