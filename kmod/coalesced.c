// SPDX-License-Identifier: GPL-2.0
/*
 * Coalesced I/O: writes whose effect can wait go into a ring, which user space
 * reads when it is about to do something else for the guest.
 *
 * The ring is a page that all vCPUs of a VM share with user space
 * (struct kvm_coalesced_mmio_ring). Entries are put in at "last" and taken at
 * "first"; both are user space's to spoil, which then sees the exits.
 */
#include <linux/rcupdate.h>
#include <linux/slab.h>

#include "hvctl.h"

#define MAX_ZONES	1000

/**
 * struct hv_zones - the zones of a VM; immutable once published
 * @rcu: frees it after the last reader
 * @nr: how many there are
 * @zone: in no order; they may overlap
 */
struct hv_zones {
	struct rcu_head rcu;
	u32 nr;
	struct kvm_coalesced_mmio_zone zone[] __counted_by(nr);
};

static bool inside(const struct kvm_coalesced_mmio_zone *zone, u64 addr, u64 size,
		   bool pio)
{
	return zone->pio == pio && addr >= zone->addr && size <= zone->size &&
	       addr - zone->addr <= zone->size - size;
}

static bool in_some_zone(struct hv_vm *vm, u64 addr, u8 size, bool pio)
{
	const struct hv_zones *zones;
	bool found = false;
	u32 i;

	rcu_read_lock();
	zones = rcu_dereference(vm->zones);
	for (i = 0; zones && i < zones->nr && !found; i++)
		found = inside(&zones->zone[i], addr, size, pio);
	rcu_read_unlock();
	return found;
}

/* Whether there was room. */
static bool put(struct hv_vm *vm, u64 addr, u8 size, u64 value, bool pio)
{
	struct kvm_coalesced_mmio_ring *ring = vm->ring;
	struct kvm_coalesced_mmio *entry;
	unsigned long flags;
	bool room = false;
	u32 last, next;

	spin_lock_irqsave(&vm->ring_lock, flags);
	last = READ_ONCE(ring->last);
	next = (last + 1) % KVM_COALESCED_MMIO_MAX;
	/* Entries that user space has done with are read no more. */
	if (last < KVM_COALESCED_MMIO_MAX && next != smp_load_acquire(&ring->first)) {
		entry = &ring->coalesced_mmio[last];
		entry->phys_addr = addr;
		entry->len = size;
		entry->pio = pio;
		memcpy(entry->data, &value, sizeof(entry->data));
		/* Whoever sees it there sees what it is. */
		smp_store_release(&ring->last, next);
		room = true;
	}
	spin_unlock_irqrestore(&vm->ring_lock, flags);
	return room;
}

/**
 * hv_coalesce() - a write that nobody in the kernel wants
 * @vm: the VM
 * @addr: guest-physical address or port
 * @size: 1, 2, 4 or 8 bytes
 * @value: what was written
 * @pio: to a port
 *
 * Context: any but interrupts. Return: whether it is in the ring.
 */
bool hv_coalesce(struct hv_vm *vm, u64 addr, u8 size, u64 value, bool pio)
{
	return rcu_access_pointer(vm->zones) &&
	       in_some_zone(vm, addr, size, pio) && put(vm, addr, size, value, pio);
}

static int zone_valid(const struct kvm_coalesced_mmio_zone *zone)
{
	u64 top = zone->pio ? U16_MAX : U64_MAX;

	if (zone->pio > 1 || !zone->size || zone->addr > top ||
	    zone->size - 1 > top - zone->addr)
		return -EINVAL;
	return 0;
}

/* Those of @old that are not @drop, and @add; NULL for no zone at all. */
static struct hv_zones *rebuild(const struct hv_zones *old,
				const struct kvm_coalesced_mmio_zone *add,
				const struct kvm_coalesced_mmio_zone *drop)
{
	struct hv_zones *zones;
	u32 i, n = 0;

	zones = kvzalloc(struct_size(zones, zone, (old ? old->nr : 0) + 1),
			 GFP_KERNEL_ACCOUNT);
	if (!zones)
		return ERR_PTR(-ENOMEM);
	zones->nr = (old ? old->nr : 0) + 1;
	for (i = 0; old && i < old->nr; i++)
		if (!drop || !inside(&old->zone[i], drop->addr, drop->size, drop->pio))
			zones->zone[n++] = old->zone[i];
	if (add)
		zones->zone[n++] = *add;
	zones->nr = n;
	if (n)
		return zones;
	kvfree(zones);
	return NULL;
}

static int change(struct hv_vm *vm, const struct kvm_coalesced_mmio_zone *add,
		  const struct kvm_coalesced_mmio_zone *drop)
{
	struct hv_zones *old, *zones;
	int r = 0;

	mutex_lock(&vm->lock);
	old = rcu_dereference_protected(vm->zones, lockdep_is_held(&vm->lock));
	if (add && old && old->nr == MAX_ZONES) {
		r = -ENOSPC;
	} else {
		zones = rebuild(old, add, drop);
		if (IS_ERR(zones))
			r = PTR_ERR(zones);
		else
			rcu_assign_pointer(vm->zones, zones);
	}
	mutex_unlock(&vm->lock);
	if (r || !old)
		return r;
	/* On return no write goes into the ring by a zone that is gone. */
	if (drop)
		synchronize_rcu_expedited();
	kvfree_rcu(old, rcu);
	return 0;
}

/**
 * hv_coalesced_add() - KVM_REGISTER_COALESCED_MMIO
 * @vm: the VM
 * @zone: addresses, or with pio set ports
 *
 * Context: takes vm->lock, may sleep. Return: 0; -EINVAL for a zone that is empty
 * or ends behind the last address; -ENOSPC for more than 1000; -ENOMEM.
 */
int hv_coalesced_add(struct hv_vm *vm, const struct kvm_coalesced_mmio_zone *zone)
{
	return zone_valid(zone) ?: change(vm, zone, NULL);
}

/**
 * hv_coalesced_remove() - KVM_UNREGISTER_COALESCED_MMIO
 * @vm: the VM
 * @zone: all zones that this one is within are removed; there may be none
 *
 * Context: takes vm->lock, may sleep. Return: 0; -EINVAL as above; -ENOMEM.
 */
int hv_coalesced_remove(struct hv_vm *vm, const struct kvm_coalesced_mmio_zone *zone)
{
	return zone_valid(zone) ?: change(vm, NULL, zone);
}

/**
 * hv_coalesced_init() - the ring of a new VM
 * @vm: the VM
 *
 * Return: 0 or -ENOMEM.
 */
int hv_coalesced_init(struct hv_vm *vm)
{
	spin_lock_init(&vm->ring_lock);
	vm->ring = (void *)get_zeroed_page(GFP_KERNEL_ACCOUNT);
	return vm->ring ? 0 : -ENOMEM;
}

/**
 * hv_coalesced_destroy() - of a VM that nobody runs any more
 * @vm: the VM, after hv_coalesced_init(), which may have failed
 */
void hv_coalesced_destroy(struct hv_vm *vm)
{
	kvfree(rcu_dereference_protected(vm->zones, true));
	free_page((unsigned long)vm->ring);
}
