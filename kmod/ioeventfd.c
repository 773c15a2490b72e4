// SPDX-License-Identifier: GPL-2.0
/*
 * Doorbells: a guest's write to a port or an address signals an eventfd.
 *
 * They are the hot way out of the guest, so finding one is a multiplication
 * and, nearly always, one probe of a hash table with open addressing, which is
 * replaced as a whole when a doorbell comes or goes.
 */
#include <linux/eventfd.h>
#include <linux/hash.h>
#include <linux/log2.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>

#include "hvctl.h"

#define MAX_DOORBELLS	1000

/* Ports and guest-physical addresses share the table. */
#define KEY_PIO		BIT_ULL(63)

struct hv_doorbell {
	u64 key;		/* address; KEY_PIO */
	u64 match, mask;	/* rings when (value & mask) == match */
	u8 size;		/* of the access; 0: any */
	struct eventfd_ctx *eventfd;	/* NULL: free */
};

/**
 * struct hv_doorbells - the doorbells of a VM; immutable once published
 * @rcu: frees it after the last reader
 * @nr: how many there are
 * @bits: log2 of the number of slots, of which at least half are free
 * @slot: a doorbell is in the first free slot from its hash on
 */
struct hv_doorbells {
	struct rcu_head rcu;
	u32 nr;
	u32 bits;
	struct hv_doorbell slot[];
};

static u32 first_slot(const struct hv_doorbells *bells, u64 key)
{
	return hash_64(key, bells->bits);
}

static u32 next_slot(const struct hv_doorbells *bells, u32 i)
{
	return (i + 1) & (BIT(bells->bits) - 1);
}

/* ------------------------------------------------------------ ringing */

static bool ring(struct hv_vm *vm, u64 key, u8 size, u64 value)
{
	const struct hv_doorbells *bells;
	const struct hv_doorbell *bell;
	bool rang = false;
	u32 i;

	rcu_read_lock();
	bells = rcu_dereference(vm->doorbells);
	if (!bells)
		goto out;
	for (i = first_slot(bells, key);; i = next_slot(bells, i)) {
		bell = &bells->slot[i];
		if (!bell->eventfd)
			break;
		if (bell->key != key || (value & bell->mask) != bell->match ||
		    (bell->size && bell->size != size))
			continue;
		hv_eventfd_signal(bell->eventfd);
		rang = true;
		break;
	}
out:
	rcu_read_unlock();
	return rang;
}

/**
 * hv_doorbell_pio() - the guest has written to a port
 * @vm: the VM
 * @port: the port
 * @size: 1, 2 or 4 bytes
 * @value: what was written
 *
 * Context: any but NMI. Return: whether a doorbell took it.
 */
bool hv_doorbell_pio(struct hv_vm *vm, u16 port, u8 size, u64 value)
{
	return ring(vm, KEY_PIO | port, size, value);
}

/**
 * hv_doorbell_mmio() - the guest has written to an address without memory
 * @vm: the VM
 * @gpa: guest-physical address
 * @size: 1, 2, 4 or 8 bytes
 * @value: what was written
 *
 * Context: any but NMI. Return: whether a doorbell took it.
 */
bool hv_doorbell_mmio(struct hv_vm *vm, u64 gpa, u8 size, u64 value)
{
	return ring(vm, gpa, size, value);
}

/**
 * hv_doorbell_mmio_at() - whether it is worth decoding the instruction
 * @vm: the VM
 * @gpa: guest-physical address of the access
 *
 * Context: any. Return: whether some write to @gpa rings a doorbell.
 */
bool hv_doorbell_mmio_at(struct hv_vm *vm, u64 gpa)
{
	const struct hv_doorbells *bells;
	bool there = false;
	u32 i;

	rcu_read_lock();
	bells = rcu_dereference(vm->doorbells);
	if (bells) {
		i = first_slot(bells, gpa);
		while (bells->slot[i].eventfd && bells->slot[i].key != gpa)
			i = next_slot(bells, i);
		there = bells->slot[i].eventfd;
	}
	rcu_read_unlock();
	return there;
}

/* ------------------------------------------------------------ changes */

static void insert(struct hv_doorbells *bells, const struct hv_doorbell *bell)
{
	u32 i = first_slot(bells, bell->key);

	while (bells->slot[i].eventfd)
		i = next_slot(bells, i);
	bells->slot[i] = *bell;
	bells->nr++;
}

/* A copy of @old with @add, which may be NULL, and without the slot @drop. */
static struct hv_doorbells *rebuild(const struct hv_doorbells *old,
				    const struct hv_doorbell *add,
				    const struct hv_doorbell *drop)
{
	u32 i, nr = (old ? old->nr : 0) + (add ? 1 : 0);
	u32 bits = max(3, ilog2(nr) + 2);
	struct hv_doorbells *bells;

	bells = kvzalloc(struct_size(bells, slot, BIT(bits)), GFP_KERNEL_ACCOUNT);
	if (!bells)
		return NULL;
	bells->bits = bits;
	for (i = 0; old && i < BIT(old->bits); i++)
		if (old->slot[i].eventfd && &old->slot[i] != drop)
			insert(bells, &old->slot[i]);
	if (add)
		insert(bells, add);
	return bells;
}

/* Two that one write could ring both. */
static bool overlap(const struct hv_doorbell *a, const struct hv_doorbell *b)
{
	if (a->key != b->key)
		return false;
	if (!a->size || !b->size)
		return true;
	return a->size == b->size &&
	       (!a->mask || !b->mask || a->match == b->match);
}

static const struct hv_doorbell *find(const struct hv_doorbells *bells,
				      const struct hv_doorbell *bell, bool same)
{
	const struct hv_doorbell *other;
	u32 i;

	if (!bells)
		return NULL;
	for (i = first_slot(bells, bell->key); bells->slot[i].eventfd;
	     i = next_slot(bells, i)) {
		other = &bells->slot[i];
		if (!overlap(other, bell))
			continue;
		if (!same || (other->eventfd == bell->eventfd &&
			      other->size == bell->size &&
			      other->mask == bell->mask &&
			      other->match == bell->match))
			return other;
	}
	return NULL;
}

static int doorbell_add(struct hv_vm *vm, const struct hv_doorbell *bell)
{
	struct hv_doorbells *old, *bells;
	int r = 0;

	mutex_lock(&vm->lock);
	old = rcu_dereference_protected(vm->doorbells,
					lockdep_is_held(&vm->lock));
	if (find(old, bell, false)) {
		r = -EEXIST;
	} else if (old && old->nr == MAX_DOORBELLS) {
		r = -ENOSPC;
	} else {
		bells = rebuild(old, bell, NULL);
		if (bells)
			rcu_assign_pointer(vm->doorbells, bells);
		else
			r = -ENOMEM;
	}
	mutex_unlock(&vm->lock);
	if (!r && old)
		kvfree_rcu(old, rcu);
	return r;
}

static int doorbell_remove(struct hv_vm *vm, const struct hv_doorbell *bell)
{
	struct hv_doorbells *old, *bells = NULL;
	const struct hv_doorbell *which;
	struct eventfd_ctx *eventfd;
	int r = 0;

	mutex_lock(&vm->lock);
	old = rcu_dereference_protected(vm->doorbells,
					lockdep_is_held(&vm->lock));
	which = find(old, bell, true);
	if (!which) {
		r = -ENOENT;
	} else if (old->nr > 1) {
		bells = rebuild(old, NULL, which);
		if (!bells)
			r = -ENOMEM;
	}
	if (!r) {
		eventfd = which->eventfd;
		rcu_assign_pointer(vm->doorbells, bells);
	}
	mutex_unlock(&vm->lock);
	if (r)
		return r;

	/* On return no write rings it, so user space may close it. */
	synchronize_rcu_expedited();
	eventfd_ctx_put(eventfd);
	kvfree(old);
	return 0;
}

static int parse(const struct kvm_ioeventfd *args, struct hv_doorbell *bell)
{
	const u32 known = KVM_IOEVENTFD_FLAG_DATAMATCH | KVM_IOEVENTFD_FLAG_PIO |
			  KVM_IOEVENTFD_FLAG_DEASSIGN;
	bool pio = args->flags & KVM_IOEVENTFD_FLAG_PIO;
	bool match = args->flags & KVM_IOEVENTFD_FLAG_DATAMATCH;

	if (args->flags & ~known)
		return -EINVAL;
	switch (args->len) {
	case 0:
		/* Without a length there is no value to compare. */
		if (match)
			return -EINVAL;
		break;
	case 1:
	case 2:
	case 4:
	case 8:
		break;
	default:
		return -EINVAL;
	}
	if (args->addr + args->len < args->addr)
		return -EINVAL;
	/* Such addresses do not exist: KEY_PIO stays free. */
	if (args->addr > (pio ? U16_MAX : KEY_PIO - 1))
		return -EINVAL;

	bell->key = args->addr | (pio ? KEY_PIO : 0);
	bell->size = args->len;
	bell->mask = match ? GENMASK_ULL(args->len * 8 - 1, 0) : 0;
	bell->match = match ? args->datamatch : 0;
	return 0;
}

/**
 * hv_ioeventfd() - KVM_IOEVENTFD
 * @vm: the VM
 * @args: address, length, eventfd and KVM_IOEVENTFD_FLAG_*
 *
 * Context: takes vm->lock, may sleep. Return: 0; -EINVAL for unknown flags, a
 * length that is none, an address that cannot be or a descriptor that is no
 * eventfd; -EBADF; -EEXIST when one write would ring two; -ENOSPC; -ENOENT when
 * there is none to deassign; -ENOMEM.
 */
int hv_ioeventfd(struct hv_vm *vm, const struct kvm_ioeventfd *args)
{
	struct hv_doorbell bell;
	int r;

	r = parse(args, &bell);
	if (r)
		return r;
	bell.eventfd = eventfd_ctx_fdget(args->fd);
	if (IS_ERR(bell.eventfd))
		return PTR_ERR(bell.eventfd);

	if (args->flags & KVM_IOEVENTFD_FLAG_DEASSIGN) {
		r = doorbell_remove(vm, &bell);
		eventfd_ctx_put(bell.eventfd);
		return r;
	}
	r = doorbell_add(vm, &bell);
	if (r)
		eventfd_ctx_put(bell.eventfd);
	return r;
}

/**
 * hv_ioeventfd_release_all() - remove all doorbells of a VM
 * @vm: the VM; nobody adds any more
 *
 * Context: takes vm->lock, may sleep.
 */
void hv_ioeventfd_release_all(struct hv_vm *vm)
{
	struct hv_doorbells *bells;
	u32 i;

	mutex_lock(&vm->lock);
	bells = rcu_replace_pointer(vm->doorbells, NULL,
				    lockdep_is_held(&vm->lock));
	mutex_unlock(&vm->lock);
	if (!bells)
		return;
	synchronize_rcu_expedited();
	for (i = 0; i < BIT(bells->bits); i++)
		if (bells->slot[i].eventfd)
			eventfd_ctx_put(bells->slot[i].eventfd);
	kvfree(bells);
}
