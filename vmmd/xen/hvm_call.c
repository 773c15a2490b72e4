// SPDX-License-Identifier: GPL-2.0
/* Hypercalls that the hypervisor leaves to vmmd: arguments, and who serves them. */
#include <errno.h>
#include <stdint.h>
#include <string.h>

/* The numbers of today: the default of these headers is Xen 3.0's. */
#define __XEN_INTERFACE_VERSION__ __XEN_LATEST_INTERFACE_VERSION__
#include <xen/xen.h>

#include "vm.h"
#include "xen/core.h"
#include "xen/hvm.h"
#include "xen/xen_internal.h"

static int translate(const struct hvm_call *call, u64 gva, u64 *gpa)
{
	struct kvm_translation t = {.linear_address = gva};

	if (hv_ioctl(call->vcpu->fd, KVM_TRANSLATE, &t) || !t.valid)
		return -EFAULT;
	*gpa = t.physical_address;
	return 0;
}

/**
 * hvm_gpa() - where a record lies that the guest names by its address
 * @call: the hypercall
 * @gva: its address
 * @len: bytes, a page at most
 * @gpa: out
 *
 * Return: 0; -EFAULT when it is not mapped, or not in one piece.
 */
int hvm_gpa(const struct hvm_call *call, u64 gva, u64 len, u64 *gpa)
{
	u64 last;

	if (translate(call, gva, gpa) || translate(call, gva + len - 1, &last) ||
	    last - *gpa != len - 1)
		return -EFAULT;
	return 0;
}

static int copy(const struct hvm_call *call, u64 gva, void *buf, size_t len, bool put)
{
	const struct guest_mem *m = &call->hvm->xen->vm->mem;
	u8 *at = buf;
	size_t part;
	void *ram;
	u64 gpa;

	for (; len; len -= part, at += part, gva += part) {
		part = min_t(size_t, len, GUEST_PAGE_SIZE - (gva & (GUEST_PAGE_SIZE - 1)));
		ram = translate(call, gva, &gpa) ? NULL : mem_range(m, gpa, part);
		if (!ram)
			return -EFAULT;
		if (put)
			memcpy(ram, at, part);
		else
			memcpy(at, ram, part);
	}
	return 0;
}

/** hvm_get() - copy an argument in, once */
int hvm_get(const struct hvm_call *call, u64 gva, void *buf, size_t len)
{
	return copy(call, gva, buf, len, false);
}

/** hvm_put() - copy an answer out */
int hvm_put(const struct hvm_call *call, u64 gva, const void *buf, size_t len)
{
	return copy(call, gva, (void *)buf, len, true);
}

/** hvm_is_self() - whether a domain is the guest itself */
bool hvm_is_self(u32 domid)
{
	return domid == DOMID_SELF || domid == XEN_DOMID;
}

/* What guests try, to see whether there is any. */
static s64 absent(struct hvm_call *call)
{
	(void)call;
	return -ENOSYS;
}

static s64 (*const calls[])(struct hvm_call *call) = {
	[__HYPERVISOR_console_io] = hvm_console_io,
	[__HYPERVISOR_event_channel_op] = hvm_event_channel_op,
	[__HYPERVISOR_grant_table_op] = hvm_grant_table_op,
	[__HYPERVISOR_hvm_op] = hvm_hvm_op,
	[__HYPERVISOR_memory_op] = hvm_memory_op,
	[__HYPERVISOR_physdev_op] = absent,
	[__HYPERVISOR_sched_op] = hvm_sched_op,
	[__HYPERVISOR_set_timer_op] = absent,
	[__HYPERVISOR_vcpu_op] = hvm_vcpu_op,
	[__HYPERVISOR_vm_assist] = hvm_vm_assist,
	[__HYPERVISOR_xen_version] = hvm_xen_version,
	[__HYPERVISOR_xenpmu_op] = absent,
	[__HYPERVISOR_xsm_op] = absent,
};

static s64 serve(struct hvm_call *call)
{
	if (call->nr < ARRAY_SIZE(calls) && calls[call->nr])
		return calls[call->nr](call);
	xen_unknown_hypercall(call->hvm->xen, (u32)min_t(u64, call->nr, UINT32_MAX));
	return -ENOSYS;
}

void xen_hypercall(struct vcpu *vcpu)
{
	struct hvm *hvm = vcpu->vm->xen ? vcpu->vm->xen->hvm : NULL;
	struct kvm_run *run = vcpu->run;
	struct hvm_call call = {.hvm = hvm, .vcpu = vcpu, .nr = run->xen.u.hcall.input};
	s64 result;

	if (!hvm || run->xen.type != KVM_EXIT_XEN_HCALL)
		return;
	memcpy(call.arg, run->xen.u.hcall.params, sizeof(call.arg));
	if (run->xen.u.hcall.cpl)
		result = -EPERM;
	else if (!run->xen.u.hcall.longmode)
		result = -ENOSYS;
	else
		result = serve(&call);
	run->xen.u.hcall.result = (u64)result;
}
