// SPDX-License-Identifier: GPL-2.0
/*
 * What a vCPU is told: vcpu_info with its events and its time, runstates. vmmd tells
 * the hypervisor where, which writes them. vCPUs come up by INIT and SIPI, as on any
 * machine.
 */
#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <xen/xen.h>
#include <xen/vcpu.h>

#include "vm.h"
#include "xen/hvm.h"
#include "xen/xen_internal.h"

#define MSI_ADDRESS 0xfee00000ULL

/* Where a vCPU's record is in shared_info. */
static size_t shared_offset(u32 vcpu)
{
	return offsetof(struct shared_info, vcpu_info) + vcpu * sizeof(struct vcpu_info);
}

static int set_place(struct hvm *hvm, u32 vcpu, u16 type, u64 gpa)
{
	struct kvm_xen_vcpu_attr attr = {.type = type, .u.gpa = gpa};

	return hvm_vcpu_attr(hvm, vcpu, &attr);
}

/**
 * hvm_vcpus_use_shared_info() - shared_info is at a new place
 * @hvm: the guest; its lock held
 *
 * What a vCPU has registered elsewhere stays there. Return: 0 or a negative errno.
 */
int hvm_vcpus_use_shared_info(struct hvm *hvm)
{
	u64 gpa = hvm->page[HVM_SHARED_INFO].frame * GUEST_PAGE_SIZE;
	u32 i, n = min_t(u32, hvm->xen->vm->cfg.vcpus, XEN_LEGACY_MAX_VCPUS);
	int ret = 0;

	for (i = 0; i < n && !ret; i++)
		if (hvm->info[i] == HVM_NO_FRAME)
			ret = set_place(hvm, i, KVM_XEN_VCPU_ATTR_TYPE_VCPU_INFO,
					gpa + shared_offset(i));
	return ret;
}

/* The record as it is now, NULL for a vCPU that has none. */
static struct vcpu_info *present(struct hvm *hvm, u32 vcpu)
{
	if (hvm->info[vcpu] != HVM_NO_FRAME)
		return mem_range(&hvm->xen->vm->mem, hvm->info[vcpu], sizeof(struct vcpu_info));
	if (vcpu >= XEN_LEGACY_MAX_VCPUS)
		return NULL;
	return (void *)(hvm->page[HVM_SHARED_INFO].at + shared_offset(vcpu));
}

/*
 * Events that came while the record moved. A word's bit that is set already has the
 * hypervisor believe that the vCPU knows, so that it is interrupted here.
 */
static void catch_up(struct hvm *hvm, u32 vcpu, struct vcpu_info *from, struct vcpu_info *to)
{
	u64 words = __atomic_load_n(&from->evtchn_pending_sel, __ATOMIC_SEQ_CST);

	if (!words)
		return;
	__atomic_fetch_or(&to->evtchn_pending_sel, words, __ATOMIC_SEQ_CST);
	__atomic_store_n(&to->evtchn_upcall_pending, 1, __ATOMIC_SEQ_CST);
	/* The domain's vector needs no help: it is raised as long as that byte is set. */
	if (hvm->vector[vcpu])
		irq_msi_send(hvm->xen->vm, MSI_ADDRESS | (u64)vcpu << 12, hvm->vector[vcpu]);
}

static s64 register_info(struct hvm_call *call, u32 vcpu)
{
	struct vcpu_register_vcpu_info op;
	struct hvm *hvm = call->hvm;
	struct vcpu_info *to, *from;
	int ret;
	u64 gpa;

	if (hvm_get(call, call->arg[2], &op, sizeof(op)))
		return -EFAULT;
	if (op.mfn > UINT64_MAX / GUEST_PAGE_SIZE || op.offset % sizeof(u64) ||
	    !range_fits(op.offset, sizeof(*to), GUEST_PAGE_SIZE))
		return -EINVAL;
	gpa = op.mfn * GUEST_PAGE_SIZE + op.offset;
	to = mem_range(&hvm->xen->vm->mem, gpa, sizeof(*to));
	if (!to)
		return -EINVAL;
	pthread_mutex_lock(&hvm->lock);
	from = present(hvm, vcpu);
	if (from != to) {
		if (from)
			memcpy(to, from, sizeof(*to));
		else
			memset(to, 0, sizeof(*to));
	}
	ret = set_place(hvm, vcpu, KVM_XEN_VCPU_ATTR_TYPE_VCPU_INFO, gpa);
	if (!ret) {
		hvm->info[vcpu] = gpa;
		if (from && from != to)
			catch_up(hvm, vcpu, from, to);
	}
	pthread_mutex_unlock(&hvm->lock);
	return ret;
}

/* Both records begin with an address, and the guest's kernel names a virtual one. */
static s64 register_area(struct hvm_call *call, u32 vcpu, u16 type, size_t len)
{
	u64 gva, gpa;

	if (hvm_get(call, call->arg[2], &gva, sizeof(gva)))
		return -EFAULT;
	if (!gva)
		gpa = KVM_XEN_INVALID_GPA;
	else if (hvm_gpa(call, gva, len, &gpa))
		return -EFAULT;
	return set_place(call->hvm, vcpu, type, gpa);
}

/** hvm_vcpu_op() - __HYPERVISOR_vcpu_op; timers that run are the hypervisor's */
s64 hvm_vcpu_op(struct hvm_call *call)
{
	u64 vcpu = call->arg[1];

	if (vcpu >= call->hvm->xen->vm->cfg.vcpus)
		return -ENOENT;
	switch (call->arg[0]) {
	case VCPUOP_register_vcpu_info:
		return register_info(call, (u32)vcpu);
	case VCPUOP_register_runstate_memory_area:
		return register_area(call, (u32)vcpu, KVM_XEN_VCPU_ATTR_TYPE_RUNSTATE_ADDR,
				     sizeof(struct vcpu_runstate_info));
	case VCPUOP_register_vcpu_time_memory_area:
		return register_area(call, (u32)vcpu, KVM_XEN_VCPU_ATTR_TYPE_VCPU_TIME_INFO,
				     sizeof(struct vcpu_time_info));
	case VCPUOP_stop_periodic_timer:
		/* None runs. To Linux it says that there are single-shot ones. */
	case VCPUOP_stop_singleshot_timer:
		return 0;
	default:
		return -ENOSYS;
	}
}
