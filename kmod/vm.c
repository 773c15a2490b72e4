// SPDX-License-Identifier: GPL-2.0
/*
 * A virtual machine: its life and its name.
 */
#include <linux/anon_inodes.h>
#include <linux/cred.h>
#include <linux/ctype.h>
#include <linux/idr.h>
#include <linux/module.h>
#include <linux/nospec.h>
#include <linux/pid.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <linux/user_namespace.h>

#include "hvctl.h"

LIST_HEAD(hv_vms);
DEFINE_MUTEX(hv_vms_lock);

/* hv_vms_lock; cyclic, so that a number is not reused at once. */
static DEFINE_IDR(domids);
#define HV_MAX_DOMID	0x7fff

static void vm_free(struct hv_vm *vm)
{
	put_pid(vm->owner);
	mmdrop(vm->mm);
	kvfree(vm);
}

/**
 * hv_vm_create() - make a virtual machine without memory and vCPUs
 * @type: argument of KVM_CREATE_VM; 0 is the only machine there is
 *
 * The VM belongs to the caller's address space: other processes that get hold
 * of its descriptor can do nothing with it.
 *
 * Return: the VM with one reference, -EINVAL for another @type, -ENOMEM, or
 * -ENOSPC when all domain numbers are taken.
 */
struct hv_vm *hv_vm_create(unsigned long type)
{
	struct hv_vm *vm;
	int r;

	if (type)
		return ERR_PTR(-EINVAL);
	vm = kvzalloc(sizeof(*vm), GFP_KERNEL_ACCOUNT);
	if (!vm)
		return ERR_PTR(-ENOMEM);

	kref_init(&vm->ref);
	mutex_init(&vm->lock);
	mutex_init(&vm->slots_lock);
	spin_lock_init(&vm->mmu_lock);
	vm->mm = current->mm;
	mmgrab(vm->mm);
	vm->owner = get_task_pid(current, PIDTYPE_TGID);
	vm->owner_uid = current_uid();
	vm->boot_ns = ktime_get_boottime_ns();
	vm->state = HVCTL_STATE_RUNNING;
	hv_clock_vm_init(vm);

	r = hv_coalesced_init(vm);
	if (r)
		goto err_free;
	r = hv_slots_init(vm);
	if (r)
		goto err_free;
	r = hv_mmu_init(vm);
	if (r)
		goto err_slots;

	mutex_lock(&hv_vms_lock);
	r = idr_alloc_cyclic(&domids, vm, 1, HV_MAX_DOMID + 1, GFP_KERNEL);
	if (r > 0) {
		vm->domid = r;
		snprintf(vm->name, sizeof(vm->name), "vm-%u", vm->domid);
		list_add_tail(&vm->node, &hv_vms);
	}
	mutex_unlock(&hv_vms_lock);
	if (r < 0)
		goto err_mmu;

	hv_netlink_event(vm, HVCTL_CMD_CREATED);
	return vm;

err_mmu:
	hv_mmu_destroy(vm);
err_slots:
	hv_slots_destroy(vm);
err_free:
	hv_coalesced_destroy(vm);
	vm_free(vm);
	return ERR_PTR(r);
}

/**
 * hv_vm_get() - one more reference to a VM that the caller has one to
 * @vm: the VM
 */
void hv_vm_get(struct hv_vm *vm)
{
	kref_get(&vm->ref);
}

static void vm_destroy(struct kref *ref)
{
	struct hv_vm *vm = container_of(ref, struct hv_vm, ref);
	u32 i;

	hv_netlink_event(vm, HVCTL_CMD_DESTROYED);
	mutex_lock(&hv_vms_lock);
	list_del(&vm->node);
	idr_remove(&domids, vm->domid);
	mutex_unlock(&hv_vms_lock);

	/* First what can still reach into the VM from outside. */
	hv_irqfd_release_all(vm);
	hv_ioeventfd_release_all(vm);
	hv_irqchip_stop(vm);
	hv_mmu_destroy(vm);
	for (i = 0; i < vm->nr_vcpus; i++)
		hv_vcpu_destroy(vm->vcpu[i]);
	hv_xen_vm_destroy(vm);
	hv_irqchip_destroy(vm);
	hv_slots_destroy(vm);
	hv_coalesced_destroy(vm);
	vm_free(vm);
}

/**
 * hv_vm_put() - give a reference back; the last one destroys the VM
 * @vm: the VM
 *
 * Context: may sleep.
 */
void hv_vm_put(struct hv_vm *vm)
{
	kref_put(&vm->ref, vm_destroy);
}

/**
 * hv_vcpu_by_id() - find a vCPU by the number user space gave it
 * @vm: the VM
 * @id: argument of KVM_CREATE_VCPU
 *
 * Context: any. Return: the vCPU or NULL.
 */
struct hv_vcpu *hv_vcpu_by_id(struct hv_vm *vm, u32 id)
{
	/* Pairs with hv_vcpu_create(): the pointers come before the count. */
	u32 i, n = smp_load_acquire(&vm->nr_vcpus);

	/* Nearly always ids are given in order. */
	if (id < n) {
		i = array_index_nospec(id, n);
		if (vm->vcpu[i]->id == id)
			return vm->vcpu[i];
	}
	for (i = 0; i < n; i++)
		if (vm->vcpu[i]->id == id)
			return vm->vcpu[i];
	return NULL;
}

/**
 * hv_vm_identity_get() - HVCTL_GET_IDENTITY
 * @vm: the VM
 * @id: filled
 *
 * Return: 0.
 */
int hv_vm_identity_get(struct hv_vm *vm, struct hvctl_identity *id)
{
	memset(id, 0, sizeof(*id));
	id->domid = vm->domid;
	id->owner_pid = pid_vnr(vm->owner);
	id->owner_uid = from_kuid_munged(current_user_ns(), vm->owner_uid);
	mutex_lock(&vm->lock);
	memcpy(id->uuid, vm->uuid, sizeof(id->uuid));
	memcpy(id->name, vm->name, sizeof(id->name));
	mutex_unlock(&vm->lock);
	return 0;
}

static bool name_ok(const char *name)
{
	size_t i, n = strnlen(name, HVCTL_NAME_LEN);

	if (n == 0 || n == HVCTL_NAME_LEN || name[0] == '.' || name[0] == '-')
		return false;
	for (i = 0; i < n; i++)
		if (!isalnum(name[i]) && !strchr("_.:+-", name[i]))
			return false;
	return true;
}

/**
 * hv_vm_identity_set() - HVCTL_SET_IDENTITY: name and uuid
 * @vm: the VM
 * @id: what the VMM wants it to be called
 *
 * Two VMs may have the same name as far as the module is concerned: names are
 * for people, and one user must not be able to take another's.
 *
 * Return: 0, or -EINVAL for a name that is none.
 */
int hv_vm_identity_set(struct hv_vm *vm, const struct hvctl_identity *id)
{
	if (!name_ok(id->name))
		return -EINVAL;
	mutex_lock(&vm->lock);
	memcpy(vm->uuid, id->uuid, sizeof(vm->uuid));
	strscpy_pad(vm->name, id->name, sizeof(vm->name));
	mutex_unlock(&vm->lock);
	hv_netlink_event(vm, HVCTL_CMD_RENAMED);
	return 0;
}

/**
 * hv_vm_state_set() - HVCTL_SET_STATE: what the VMM makes known of its guest
 * @vm: the VM
 * @state: enum hvctl_state
 *
 * Return: 0, or -EINVAL for a state that does not exist.
 */
int hv_vm_state_set(struct hv_vm *vm, u32 state)
{
	static const enum hvctl_cmd event[] = {
		[HVCTL_STATE_RUNNING] = HVCTL_CMD_RESUMED,
		[HVCTL_STATE_PAUSED] = HVCTL_CMD_PAUSED,
		[HVCTL_STATE_SHUTDOWN] = HVCTL_CMD_SHUTDOWN,
		[HVCTL_STATE_CRASHED] = HVCTL_CMD_CRASHED,
	};
	bool changed;

	if (state >= ARRAY_SIZE(event))
		return -EINVAL;
	mutex_lock(&vm->lock);
	changed = vm->state != state;
	vm->state = state;
	mutex_unlock(&vm->lock);
	if (changed)
		hv_netlink_event(vm, event[state]);
	return 0;
}
