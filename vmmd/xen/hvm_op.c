// SPDX-License-Identifier: GPL-2.0
/*
 * Small hypercalls: parameters of the domain, how it is interrupted, what the
 * hypervisor calls itself, the end of the guest.
 */
#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <xen/xen.h>
#include <xen/features.h>
#include <xen/sched.h>
#include <xen/version.h>
#include <xen/hvm/hvm_op.h>
#include <xen/hvm/params.h>

#include "vm.h"
#include "xen/hvm.h"
#include "xen/xen_internal.h"

/* Vectors below are the CPU's exceptions. */
#define VECTOR_MIN 16

/* HVM_PARAM_CALLBACK_IRQ: how, in the highest byte (xen/hvm/params.h). */
#define CALLBACK_TYPE(value) ((value) >> 56)
#define CALLBACK_LINE	     0
#define CALLBACK_VECTOR	     2

/* ------------------------------------------------------------ hvm_op */

static s64 set_callback(struct hvm *hvm, u64 value)
{
	struct kvm_xen_hvm_attr attr = {.type = KVM_XEN_ATTR_TYPE_UPCALL_VECTOR};
	bool vector = CALLBACK_TYPE(value) == CALLBACK_VECTOR;
	int ret = 0;

	if (vector)
		attr.u.vector = (u8)value;
	if (vector && attr.u.vector < VECTOR_MIN)
		return -EINVAL;
	pthread_mutex_lock(&hvm->lock);
	/*
	 * There are no interrupt lines for it here. Who has vectors by vCPU needs none:
	 * Linux names one then, to show a toolstack that it has the drivers, and takes
	 * a refusal for one of the vectors, whose interrupts it would never end.
	 */
	if (value && !vector && (CALLBACK_TYPE(value) != CALLBACK_LINE || !hvm->vector[0]))
		ret = -EINVAL;
	if (!ret)
		ret = hvm_attr(hvm, &attr);
	if (!ret)
		hvm->callback = value;
	pthread_mutex_unlock(&hvm->lock);
	return ret;
}

static s64 get_param(struct hvm *hvm, u32 index, u64 *value)
{
	switch (index) {
	case HVM_PARAM_CALLBACK_IRQ:
		pthread_mutex_lock(&hvm->lock);
		*value = hvm->callback;
		pthread_mutex_unlock(&hvm->lock);
		return 0;
	case HVM_PARAM_STORE_PFN:
		*value = hvm->xen->start.store_gpa / GUEST_PAGE_SIZE;
		return 0;
	case HVM_PARAM_STORE_EVTCHN:
		*value = XEN_PORT_STORE;
		return 0;
	case HVM_PARAM_CONSOLE_PFN:
		*value = hvm->xen->start.console_gpa / GUEST_PAGE_SIZE;
		return 0;
	case HVM_PARAM_CONSOLE_EVTCHN:
		*value = XEN_PORT_CONSOLE;
		return 0;
	default:
		return -EINVAL;
	}
}

static s64 param(struct hvm_call *call, bool set)
{
	struct xen_hvm_param op;
	s64 ret;

	if (hvm_get(call, call->arg[1], &op, sizeof(op)))
		return -EFAULT;
	if (!hvm_is_self(op.domid))
		return -ESRCH;
	if (set)
		return op.index == HVM_PARAM_CALLBACK_IRQ ? set_callback(call->hvm, op.value)
							  : -EPERM;
	ret = get_param(call->hvm, op.index, &op.value);
	return ret ? ret : hvm_put(call, call->arg[1], &op, sizeof(op));
}

static s64 set_upcall_vector(struct hvm_call *call)
{
	struct kvm_xen_vcpu_attr attr = {.type = KVM_XEN_VCPU_ATTR_TYPE_UPCALL_VECTOR};
	struct xen_hvm_evtchn_upcall_vector op;
	int ret;

	if (hvm_get(call, call->arg[1], &op, sizeof(op)))
		return -EFAULT;
	if (op.vcpu >= call->hvm->xen->vm->cfg.vcpus)
		return -ENOENT;
	if (op.vector < VECTOR_MIN)
		return -EINVAL;
	attr.u.vector = op.vector;
	pthread_mutex_lock(&call->hvm->lock);
	ret = hvm_vcpu_attr(call->hvm, op.vcpu, &attr);
	if (!ret)
		call->hvm->vector[op.vcpu] = op.vector;
	pthread_mutex_unlock(&call->hvm->lock);
	return ret;
}

/** hvm_hvm_op() - __HYPERVISOR_hvm_op */
s64 hvm_hvm_op(struct hvm_call *call)
{
	switch (call->arg[0]) {
	case HVMOP_set_param:
		return param(call, true);
	case HVMOP_get_param:
		return param(call, false);
	case HVMOP_set_evtchn_upcall_vector:
		return set_upcall_vector(call);
	default:
		return -ENOSYS;
	}
}

/* ------------------------------------------------------------ xen_version */

static s64 features(struct hvm_call *call)
{
	struct xen_feature_info op;

	if (hvm_get(call, call->arg[1], &op, sizeof(op)))
		return -EFAULT;
	op.submap = op.submap_idx ? 0
				  : 1U << XENFEAT_auto_translated_physmap |
					    1U << XENFEAT_hvm_callback_vector |
					    1U << XENFEAT_hvm_safe_pvclock;
	return hvm_put(call, call->arg[1], &op, sizeof(op));
}

static s64 put_text(struct hvm_call *call, const char *text, size_t size)
{
	char out[1024] = "";

	strcpy(out, text);
	return hvm_put(call, call->arg[1], out, size);
}

/** hvm_xen_version() - __HYPERVISOR_xen_version */
s64 hvm_xen_version(struct hvm_call *call)
{
	xen_platform_parameters_t platform = {0};

	switch (call->arg[0]) {
	case XENVER_version:
		return XEN_VERSION;
	case XENVER_extraversion:
		return put_text(call, ".0", sizeof(xen_extraversion_t));
	case XENVER_capabilities:
		return put_text(call, "hvm-3.0-x86_64 ", sizeof(xen_capabilities_info_t));
	case XENVER_changeset:
		return put_text(call, "", sizeof(xen_changeset_info_t));
	case XENVER_commandline:
		return put_text(call, "", sizeof(xen_commandline_t));
	case XENVER_platform_parameters:
		return hvm_put(call, call->arg[1], &platform, sizeof(platform));
	case XENVER_get_features:
		return features(call);
	case XENVER_pagesize:
		return GUEST_PAGE_SIZE;
	case XENVER_guest_handle:
		return hvm_put(call, call->arg[1], call->hvm->xen->vm->cfg.uuid,
			       sizeof(xen_domain_handle_t));
	default:
		return -ENOSYS;
	}
}

/* ------------------------------------------------------------ others */

/** hvm_console_io() - __HYPERVISOR_console_io: to the log; there is nothing to read */
s64 hvm_console_io(struct hvm_call *call)
{
	u64 at = call->arg[2], len = call->arg[1], i, n;
	char text[128];

	if (call->arg[0] != CONSOLEIO_write)
		return call->arg[0] == CONSOLEIO_read ? 0 : -ENOSYS;
	/* Nobody prints as much as fits into an int. */
	len = min_t(u64, len, GUEST_PAGE_SIZE);
	for (; len; len -= n, at += n) {
		n = min_t(u64, len, sizeof(text));
		if (hvm_get(call, at, text, n))
			return -EFAULT;
		for (i = 0; i < n; i++)
			xen_debug_char(call->hvm->xen, (u8)text[i]);
	}
	return 0;
}

/** hvm_sched_op() - __HYPERVISOR_sched_op; what sleeps is the hypervisor's */
s64 hvm_sched_op(struct hvm_call *call)
{
	struct sched_shutdown op;

	switch (call->arg[0]) {
	case SCHEDOP_yield:
		return 0;
	case SCHEDOP_shutdown:
		if (hvm_get(call, call->arg[1], &op, sizeof(op)))
			return -EFAULT;
		/* Nobody has asked for that: it is called off at once. */
		if (op.reason == SHUTDOWN_suspend)
			return 1;
		xen_shutdown(call->hvm->xen, op.reason);
		return 0;
	default:
		return -ENOSYS;
	}
}

/** hvm_vm_assist() - __HYPERVISOR_vm_assist: what it has for such guests */
s64 hvm_vm_assist(struct hvm_call *call)
{
	struct kvm_xen_hvm_attr attr = {.type = KVM_XEN_ATTR_TYPE_RUNSTATE_UPDATE_FLAG};

	if (call->arg[1] != VMASST_TYPE_runstate_update_flag || call->arg[0] > VMASST_CMD_disable)
		return -EINVAL;
	attr.u.runstate_update_flag = call->arg[0] == VMASST_CMD_enable;
	return hvm_attr(call->hvm, &attr);
}
