// SPDX-License-Identifier: GPL-2.0
/* A vCPU's state. See vcpu_state.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "hv.h"
#include "log.h"
#include "vcpu.h"
#include "vcpu_state.h"
#include "vm.h"

/* Numbers that Linux's user-space headers do not carry (SDM vol. 4). */
#define MSR_TSC		 0x10
#define MSR_TSC_DEADLINE 0x6e0

_Static_assert(sizeof(struct kvm_xsave) == sizeof(((struct vcpu_state *)0)->xsave), "size");

/**
 * struct one_msr - struct kvm_msrs with room for one
 * @head: nmsrs is 1
 * @entry: the MSR
 */
struct one_msr {
	struct kvm_msrs head;
	struct kvm_msr_entry entry;
};

static int get_msr(const struct vcpu *vcpu, u32 index, u64 *value)
{
	struct one_msr one = {.head.nmsrs = 1, .entry.index = index};
	int ret = hv_ioctl(vcpu->fd, KVM_GET_MSRS, &one);

	*value = one.entry.data;
	return ret == 1 ? 0 : ret < 0 ? ret : -EINVAL;
}

static int set_msr(const struct vcpu *vcpu, u32 index, u64 value)
{
	struct one_msr one = {.head.nmsrs = 1, .entry = {.index = index, .data = value}};
	int ret = hv_ioctl(vcpu->fd, KVM_SET_MSRS, &one);

	return ret == 1 ? 0 : ret < 0 ? ret : -EINVAL;
}

int vcpu_get_tsc(const struct vcpu *vcpu, u64 *tsc)
{
	return get_msr(vcpu, MSR_TSC, tsc);
}

/* Numbers of the MSRs that the node wants to have kept; to be freed, or NULL. */
static struct kvm_msr_list *list_msrs(const struct hv *hv)
{
	struct kvm_msr_list *list = calloc(1, sizeof(*list) + VCPU_MSRS_MAX * sizeof(u32));
	int ret;

	if (!list)
		return NULL;
	list->nmsrs = VCPU_MSRS_MAX;
	ret = hv_ioctl(hv->dev_fd, KVM_GET_MSR_INDEX_LIST, list);
	if (ret) {
		log_err("%s: list of MSRs: %s", hv->path, strerror(-ret));
		free(list);
		return NULL;
	}
	return list;
}

/* Those that this vCPU does not have are left out. */
static void get_msrs(struct vcpu *vcpu, const struct kvm_msr_list *list, struct vcpu_state *s)
{
	u64 value;
	u32 i;

	for (i = 0; i < list->nmsrs; i++)
		if (!get_msr(vcpu, list->indices[i], &value))
			s->msr[s->nr_msrs++] = (struct kvm_msr_entry){
				.index = list->indices[i],
				.data = value,
			};
}

int vcpu_state_get(struct vcpu *vcpu, struct vcpu_state **state, size_t *bytes)
{
	struct kvm_msr_list *list = list_msrs(&vcpu->vm->hv);
	struct vcpu_state *s;
	int ret;

	s = list ? calloc(1, sizeof(*s) + list->nmsrs * sizeof(s->msr[0])) : NULL;
	if (!s) {
		free(list);
		return -ENOMEM;
	}
	s->id = vcpu->id;
	ret = hv_ioctl(vcpu->fd, KVM_GET_MP_STATE, &s->mp_state);
	if (!ret)
		ret = hv_ioctl(vcpu->fd, KVM_GET_REGS, &s->regs);
	if (!ret)
		ret = hv_ioctl(vcpu->fd, KVM_GET_SREGS, &s->sregs);
	if (!ret)
		ret = hv_ioctl(vcpu->fd, KVM_GET_DEBUGREGS, &s->debugregs);
	if (!ret)
		ret = hv_ioctl(vcpu->fd, KVM_GET_VCPU_EVENTS, &s->events);
	if (!ret && hv_check(&vcpu->vm->hv, KVM_CAP_XCRS))
		ret = hv_ioctl(vcpu->fd, KVM_GET_XCRS, &s->xcrs);
	if (!ret)
		ret = hv_ioctl(vcpu->fd, KVM_GET_XSAVE, s->xsave);
	if (!ret)
		ret = hv_ioctl(vcpu->fd, KVM_GET_LAPIC, &s->lapic);
	if (!ret)
		get_msrs(vcpu, list, s);
	free(list);
	if (ret) {
		log_err("vCPU %u: state cannot be read: %s", vcpu->id, strerror(-ret));
		free(s);
		return ret;
	}
	*state = s;
	*bytes = sizeof(*s) + s->nr_msrs * sizeof(s->msr[0]);
	return 0;
}

static void set_msrs(struct vcpu *vcpu, const struct vcpu_state *s)
{
	u64 now, deadline = 0;
	u32 i;

	for (i = 0; i < s->nr_msrs; i++) {
		const struct kvm_msr_entry *e = &s->msr[i];

		if (e->index == MSR_TSC)
			continue;
		if (e->index == MSR_TSC_DEADLINE)
			deadline = e->data;
		else if (set_msr(vcpu, e->index, e->data) &&
			 (get_msr(vcpu, e->index, &now) || now != e->data))
			log_warn("vCPU %u: MSR %#x refused, was %#llx", vcpu->id, e->index,
				 (unsigned long long)e->data);
	}
	/* The local APIC and the TSC are what it is measured by. */
	if (set_msr(vcpu, MSR_TSC_DEADLINE, deadline))
		log_warn("vCPU %u: deadline of its timer refused", vcpu->id);
}

int vcpu_state_set(struct vcpu *vcpu, const struct vcpu_state *s, u64 tsc)
{
	int ret;

	/* What is later depends on what is earlier: modes, then what they allow. */
	ret = hv_ioctl(vcpu->fd, KVM_SET_SREGS, (void *)&s->sregs);
	if (!ret && s->xcrs.nr_xcrs)
		ret = hv_ioctl(vcpu->fd, KVM_SET_XCRS, (void *)&s->xcrs);
	if (!ret)
		ret = hv_ioctl(vcpu->fd, KVM_SET_XSAVE, (void *)s->xsave);
	if (!ret)
		ret = hv_ioctl(vcpu->fd, KVM_SET_REGS, (void *)&s->regs);
	if (!ret)
		ret = hv_ioctl(vcpu->fd, KVM_SET_DEBUGREGS, (void *)&s->debugregs);
	if (!ret)
		ret = set_msr(vcpu, MSR_TSC, tsc);
	if (!ret)
		ret = hv_ioctl(vcpu->fd, KVM_SET_LAPIC, (void *)&s->lapic);
	if (!ret) {
		set_msrs(vcpu, s);
		ret = hv_ioctl(vcpu->fd, KVM_SET_VCPU_EVENTS, (void *)&s->events);
	}
	if (!ret)
		ret = hv_ioctl(vcpu->fd, KVM_SET_MP_STATE, (void *)&s->mp_state);
	if (ret)
		log_err("vCPU %u: the state in the file is refused: %s", vcpu->id, strerror(-ret));
	return ret;
}
