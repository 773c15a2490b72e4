// SPDX-License-Identifier: GPL-2.0
/*
 * KVM's Xen HVM interface: configuration and attributes, and the life of what
 * they are kept in. Where the records lie in the guest's memory is checked
 * here once; whether anything is there, with each access.
 */
#include "xen.h"

#include <linux/slab.h>
#include <linux/uaccess.h>
#include <xen/interface/xen.h>
#include <xen/interface/vcpu.h>

/* What lies at the place must be in one page and have its words aligned. */
static int place_from_gpa(u64 gpa, u32 len, u32 align, u64 *place)
{
	*place = HV_PLACE_NONE;
	if (gpa == KVM_XEN_INVALID_GPA)
		return 0;
	if ((gpa & HV_PLACE_HVA) || (gpa & (align - 1)) ||
	    offset_in_page(gpa) + len > PAGE_SIZE)
		return -EINVAL;
	*place = gpa;
	return 0;
}

static int place_from_hva(u64 hva, u32 len, u32 align, u64 *place)
{
	*place = HV_PLACE_NONE;
	if (!hva)
		return 0;
	if ((hva & (align - 1)) || offset_in_page(hva) + len > PAGE_SIZE ||
	    !access_ok((void __user *)hva, len))
		return -EINVAL;
	*place = hva | HV_PLACE_HVA;
	return 0;
}

static u64 place_gpa(u64 place)
{
	return place & HV_PLACE_HVA ? KVM_XEN_INVALID_GPA : place;
}

static u64 place_hva(u64 place)
{
	return place != HV_PLACE_NONE && (place & HV_PLACE_HVA) ?
	       place & ~HV_PLACE_HVA : 0;
}

/* ------------------------------------------------------------ life */

static struct hv_xen_vm *xen_vm_make(struct hv_vm *vm)
{
	struct hv_xen_vm *x;

	mutex_lock(&vm->lock);
	x = vm->xen;
	if (!x) {
		x = kzalloc(sizeof(*x), GFP_KERNEL_ACCOUNT);
		if (x) {
			mutex_init(&x->lock);
			x->shared_info = HV_PLACE_NONE;
			xa_init(&x->ports);
			/* Pairs with hv_xen_vm(). */
			smp_store_release(&vm->xen, x);
		}
	}
	mutex_unlock(&vm->lock);
	return x;
}

/**
 * hv_xen_vm_destroy() - free what was made for Xen's interface
 * @vm: the VM, which nobody refers to any more
 */
void hv_xen_vm_destroy(struct hv_vm *vm)
{
	if (!vm->xen)
		return;
	hv_xen_ports_free(vm->xen);
	kfree(vm->xen);
}

/**
 * hv_xen_vcpu_make() - what a vCPU needs for Xen's interface, if not there yet
 * @vcpu: the vCPU, its mutex held
 *
 * Return: it, or NULL without memory.
 */
struct hv_xen_vcpu *hv_xen_vcpu_make(struct hv_vcpu *vcpu)
{
	struct hv_xen_vcpu *vx = vcpu->xen;

	if (vx || !xen_vm_make(vcpu->vm))
		return vx;
	vx = kzalloc(sizeof(*vx), GFP_KERNEL_ACCOUNT);
	if (!vx)
		return NULL;
	vx->vcpu = vcpu;
	vx->vcpu_info = HV_PLACE_NONE;
	vx->time_info = HV_PLACE_NONE;
	vx->runstate = HV_PLACE_NONE;
	vx->id = vcpu->index;
	vx->steal_told = vcpu->steal_ns;
	hv_xen_timer_init(vx);
	/* Pairs with hv_xen_vcpu(). */
	smp_store_release(&vcpu->xen, vx);
	return vx;
}

/**
 * hv_xen_vcpu_destroy() - free what was made for Xen's interface
 * @vcpu: the vCPU, which nobody refers to any more
 */
void hv_xen_vcpu_destroy(struct hv_vcpu *vcpu)
{
	if (!vcpu->xen)
		return;
	hrtimer_cancel(&vcpu->xen->timer);
	kfree(vcpu->xen);
}

/* ------------------------------------------------------------ the VM */

/**
 * hv_xen_caps() - KVM_CAP_XEN_HVM
 */
u32 hv_xen_caps(void)
{
	return HV_XEN_CAPS;
}

static bool config_valid(const struct kvm_xen_hvm_config *c)
{
	if (c->flags & ~HV_XEN_CONFIGS)
		return false;
	if (c->msr && (c->msr < HV_XEN_MSR_FIRST || c->msr > HV_XEN_MSR_LAST))
		return false;
	/* Pages made here leave no room for others. */
	return !(c->flags & KVM_XEN_HVM_CONFIG_INTERCEPT_HCALL) ||
	       !(c->blob_addr_32 || c->blob_addr_64 || c->blob_size_32 ||
		 c->blob_size_64);
}

/**
 * hv_xen_config_set() - KVM_XEN_HVM_CONFIG
 * @vm: the VM
 * @config: copied from user space, not trusted
 *
 * Return: 0, -EINVAL for flags, an MSR that is none of Xen's, or blobs where
 * there can be none, -ENOMEM.
 */
int hv_xen_config_set(struct hv_vm *vm, const struct kvm_xen_hvm_config *config)
{
	struct hv_xen_vm *x;

	if (!config_valid(config))
		return -EINVAL;
	x = xen_vm_make(vm);
	if (!x)
		return -ENOMEM;
	mutex_lock(&x->lock);
	x->config.blob_addr_32 = config->blob_addr_32;
	x->config.blob_addr_64 = config->blob_addr_64;
	x->config.blob_size_32 = config->blob_size_32;
	x->config.blob_size_64 = config->blob_size_64;
	WRITE_ONCE(x->config.flags, config->flags);
	WRITE_ONCE(x->config.msr, config->msr);
	mutex_unlock(&x->lock);
	return 0;
}

/* x->lock held */
static int attr_set(struct hv_vm *vm, struct hv_xen_vm *x,
		    const struct kvm_xen_hvm_attr *attr)
{
	u8 byte = attr->u.vector;	/* of the union, for all that have one */
	u64 place;
	int r = 0;

	switch (attr->type) {
	case KVM_XEN_ATTR_TYPE_LONG_MODE:
		WRITE_ONCE(x->long_mode, byte);
		hv_xen_wall(vm);
		return 0;
	case KVM_XEN_ATTR_TYPE_SHARED_INFO:
		place = attr->u.shared_info.gfn;
		if (place != KVM_XEN_INVALID_GFN) {
			if (place >> (63 - PAGE_SHIFT))
				return -EINVAL;
			place <<= PAGE_SHIFT;
		}
		r = place_from_gpa(place, PAGE_SIZE, PAGE_SIZE, &place);
		break;
	case KVM_XEN_ATTR_TYPE_SHARED_INFO_HVA:
		r = place_from_hva(attr->u.pad[0], PAGE_SIZE, PAGE_SIZE, &place);
		break;
	case KVM_XEN_ATTR_TYPE_UPCALL_VECTOR:
		if (byte && byte < 16)
			return -EINVAL;
		WRITE_ONCE(x->upcall_vector, byte);
		return 0;
	case KVM_XEN_ATTR_TYPE_XEN_VERSION:
		WRITE_ONCE(x->version, attr->u.xen_version);
		return 0;
	case KVM_XEN_ATTR_TYPE_RUNSTATE_UPDATE_FLAG:
		WRITE_ONCE(x->runstate_flag, byte);
		return 0;
	default:
		return -ENOENT;
	}
	if (r)
		return r;
	WRITE_ONCE(x->shared_info, place);
	hv_xen_wall(vm);
	return 0;
}

/**
 * hv_xen_attr_set() - KVM_XEN_HVM_SET_ATTR
 * @vm: the VM, of the current mm
 * @attr: copied from user space, not trusted
 *
 * Context: may sleep.
 * Return: 0; -ENOENT for a type that does not exist, or a port that has not
 * been set; -EINVAL for a value that cannot be; -EEXIST for a port that has
 * been set; -EBADF; -ENOMEM.
 */
int hv_xen_attr_set(struct hv_vm *vm, const struct kvm_xen_hvm_attr *attr)
{
	struct hv_xen_vm *x = xen_vm_make(vm);
	int r;

	if (!x)
		return -ENOMEM;
	mutex_lock(&x->lock);
	if (attr->type == KVM_XEN_ATTR_TYPE_EVTCHN)
		r = hv_xen_port_set(vm, attr);
	else
		r = attr_set(vm, x, attr);
	mutex_unlock(&x->lock);
	return r;
}

/**
 * hv_xen_attr_get() - KVM_XEN_HVM_GET_ATTR
 * @vm: the VM
 * @attr: type, and filled
 *
 * Return: 0, -ENOENT for a type that does not exist or cannot be read, -ENOMEM.
 */
int hv_xen_attr_get(struct hv_vm *vm, struct kvm_xen_hvm_attr *attr)
{
	struct hv_xen_vm *x = xen_vm_make(vm);
	u64 place;
	int r = 0;

	if (!x)
		return -ENOMEM;
	memset(&attr->u, 0, sizeof(attr->u));
	mutex_lock(&x->lock);
	place = x->shared_info;
	switch (attr->type) {
	case KVM_XEN_ATTR_TYPE_LONG_MODE:
		attr->u.long_mode = x->long_mode;
		break;
	case KVM_XEN_ATTR_TYPE_SHARED_INFO:
		place = place_gpa(place);
		attr->u.shared_info.gfn = place == KVM_XEN_INVALID_GPA ?
					  KVM_XEN_INVALID_GFN : place >> PAGE_SHIFT;
		break;
	case KVM_XEN_ATTR_TYPE_SHARED_INFO_HVA:
		attr->u.pad[0] = place_hva(place);
		break;
	case KVM_XEN_ATTR_TYPE_UPCALL_VECTOR:
		attr->u.vector = x->upcall_vector;
		break;
	case KVM_XEN_ATTR_TYPE_XEN_VERSION:
		attr->u.xen_version = x->version;
		break;
	case KVM_XEN_ATTR_TYPE_RUNSTATE_UPDATE_FLAG:
		attr->u.vector = x->runstate_flag;
		break;
	default:
		r = -ENOENT;
	}
	mutex_unlock(&x->lock);
	return r;
}

/* ------------------------------------------------------------ vCPUs */

static int timer_set(struct hv_xen_vcpu *vx, u32 port, u32 priority, u64 expires)
{
	if (port && (port >= hv_xen_ports(vx->vcpu->vm->xen) ||
		     priority != KVM_IRQ_ROUTING_XEN_EVTCHN_PRIO_2LEVEL))
		return -EINVAL;
	hv_xen_timer_stop(vx);
	WRITE_ONCE(vx->timer_port, port);
	if (port && expires)
		hv_xen_timer_start(vx, expires);
	return 0;
}

/**
 * hv_xen_vcpu_attr_set() - KVM_XEN_VCPU_SET_ATTR
 * @vcpu: the vCPU, its mutex held
 * @attr: copied from user space, not trusted
 *
 * Context: may sleep. Return: 0, -ENOENT for a type that does not exist,
 * -EINVAL for a value that cannot be, -ENOMEM.
 */
int hv_xen_vcpu_attr_set(struct hv_vcpu *vcpu, const struct kvm_xen_vcpu_attr *attr)
{
	struct hv_xen_vcpu *vx = hv_xen_vcpu_make(vcpu);
	u64 place;
	int r;

	if (!vx)
		return -ENOMEM;
	switch (attr->type) {
	case KVM_XEN_VCPU_ATTR_TYPE_VCPU_INFO:
	case KVM_XEN_VCPU_ATTR_TYPE_VCPU_INFO_HVA:
		if (attr->type == KVM_XEN_VCPU_ATTR_TYPE_VCPU_INFO)
			r = place_from_gpa(attr->u.gpa, sizeof(struct vcpu_info),
					   sizeof(u64), &place);
		else
			r = place_from_hva(attr->u.pad[0], sizeof(struct vcpu_info),
					   sizeof(u64), &place);
		if (r)
			return r;
		WRITE_ONCE(vx->vcpu_info, place);
		hv_request(vcpu, HV_REQ_CLOCK);
		return 0;
	case KVM_XEN_VCPU_ATTR_TYPE_VCPU_TIME_INFO:
		r = place_from_gpa(attr->u.gpa, sizeof(struct pvclock_vcpu_time_info),
				   sizeof(u32), &place);
		if (r)
			return r;
		vx->time_info = place;
		hv_request(vcpu, HV_REQ_CLOCK);
		return 0;
	case KVM_XEN_VCPU_ATTR_TYPE_RUNSTATE_ADDR:
		/* Xen has this one cross pages, and at any address. */
		r = place_from_gpa(attr->u.gpa, 0, 1, &place);
		if (r)
			return r;
		vx->runstate = place;
		hv_xen_runstate_write(vcpu);
		return 0;
	case KVM_XEN_VCPU_ATTR_TYPE_RUNSTATE_CURRENT:
	case KVM_XEN_VCPU_ATTR_TYPE_RUNSTATE_DATA:
	case KVM_XEN_VCPU_ATTR_TYPE_RUNSTATE_ADJUST:
		return hv_xen_runstate_attr(vcpu, attr);
	case KVM_XEN_VCPU_ATTR_TYPE_VCPU_ID:
		if (attr->u.vcpu_id >= HV_MAX_VCPUS)
			return -EINVAL;
		vx->id = attr->u.vcpu_id;
		return 0;
	case KVM_XEN_VCPU_ATTR_TYPE_TIMER:
		return timer_set(vx, attr->u.timer.port, attr->u.timer.priority,
				 attr->u.timer.expires_ns);
	case KVM_XEN_VCPU_ATTR_TYPE_UPCALL_VECTOR:
		if (attr->u.vector && attr->u.vector < 16)
			return -EINVAL;
		WRITE_ONCE(vx->upcall_vector, attr->u.vector);
		return 0;
	default:
		return -ENOENT;
	}
}

static void timer_get(struct hv_xen_vcpu *vx, struct kvm_xen_vcpu_attr *attr)
{
	u64 expires;

	/* What has expired is in guest memory, not under way, when this ends. */
	hrtimer_cancel(&vx->timer);
	hv_xen_posted(vx->vcpu);
	expires = READ_ONCE(vx->timer_expires);
	if (expires)
		hv_xen_timer_start(vx, expires);
	attr->u.timer.port = vx->timer_port;
	attr->u.timer.priority = KVM_IRQ_ROUTING_XEN_EVTCHN_PRIO_2LEVEL;
	attr->u.timer.expires_ns = expires;
}

/**
 * hv_xen_vcpu_attr_get() - KVM_XEN_VCPU_GET_ATTR
 * @vcpu: the vCPU, its mutex held
 * @attr: type, and filled
 *
 * Events that were sent to the vCPU are all in guest memory afterwards.
 *
 * Context: may sleep. Return: 0, -ENOENT for a type that does not exist,
 * -EINVAL for one that cannot be read, -ENOMEM.
 */
int hv_xen_vcpu_attr_get(struct hv_vcpu *vcpu, struct kvm_xen_vcpu_attr *attr)
{
	struct hv_xen_vcpu *vx = hv_xen_vcpu_make(vcpu);

	if (!vx)
		return -ENOMEM;
	hv_xen_posted(vcpu);
	memset(&attr->u, 0, sizeof(attr->u));
	switch (attr->type) {
	case KVM_XEN_VCPU_ATTR_TYPE_VCPU_INFO:
		attr->u.gpa = place_gpa(vx->vcpu_info);
		return 0;
	case KVM_XEN_VCPU_ATTR_TYPE_VCPU_INFO_HVA:
		attr->u.pad[0] = place_hva(vx->vcpu_info);
		return 0;
	case KVM_XEN_VCPU_ATTR_TYPE_VCPU_TIME_INFO:
		attr->u.gpa = vx->time_info;
		return 0;
	case KVM_XEN_VCPU_ATTR_TYPE_RUNSTATE_ADDR:
		attr->u.gpa = vx->runstate;
		return 0;
	case KVM_XEN_VCPU_ATTR_TYPE_RUNSTATE_CURRENT:
		attr->u.runstate.state = vx->state;
		return 0;
	case KVM_XEN_VCPU_ATTR_TYPE_RUNSTATE_DATA:
		attr->u.runstate.state = vx->state;
		attr->u.runstate.state_entry_time = vx->state_entry;
		attr->u.runstate.time_running = vx->state_time[RUNSTATE_running];
		attr->u.runstate.time_runnable = vx->state_time[RUNSTATE_runnable];
		attr->u.runstate.time_blocked = vx->state_time[RUNSTATE_blocked];
		attr->u.runstate.time_offline = vx->state_time[RUNSTATE_offline];
		return 0;
	case KVM_XEN_VCPU_ATTR_TYPE_RUNSTATE_ADJUST:
		return -EINVAL;
	case KVM_XEN_VCPU_ATTR_TYPE_VCPU_ID:
		attr->u.vcpu_id = vx->id;
		return 0;
	case KVM_XEN_VCPU_ATTR_TYPE_TIMER:
		timer_get(vx, attr);
		return 0;
	case KVM_XEN_VCPU_ATTR_TYPE_UPCALL_VECTOR:
		attr->u.vector = vx->upcall_vector;
		return 0;
	default:
		return -ENOENT;
	}
}
