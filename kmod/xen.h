/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a VM has besides when its guest talks to Xen: KVM's Xen HVM interface.
 *
 * Nothing of it exists before user space makes the first of its calls. Guest
 * memory is written by user accesses, as everywhere: from the vCPU's own thread
 * and from whoever sends an event in the VMM's address space. A sender in
 * another one, or in an interrupt, leaves the port in hv_xen_vcpu.posted and
 * has the vCPU do it.
 */
#ifndef HVCTL_XEN_H
#define HVCTL_XEN_H

#include <linux/hrtimer.h>
#include <linux/mutex.h>
#include <linux/xarray.h>

#include "hvctl.h"

/* Event channels by the 2-level ABI, in the 64-bit layout. */
#define HV_XEN_PORTS	4096

/* The MSR for the hypercall page may be one of those that CPUs leave alone. */
#define HV_XEN_MSR_FIRST	0x40000000
#define HV_XEN_MSR_LAST		0x4000ffff

/* KVM_CAP_XEN_HVM, and what of it KVM_XEN_HVM_CONFIG takes. */
#define HV_XEN_CAPS	(KVM_XEN_HVM_CONFIG_HYPERCALL_MSR | \
			 KVM_XEN_HVM_CONFIG_INTERCEPT_HCALL | \
			 KVM_XEN_HVM_CONFIG_SHARED_INFO | \
			 KVM_XEN_HVM_CONFIG_RUNSTATE | \
			 KVM_XEN_HVM_CONFIG_EVTCHN_2LEVEL | \
			 KVM_XEN_HVM_CONFIG_EVTCHN_SEND | \
			 KVM_XEN_HVM_CONFIG_RUNSTATE_UPDATE_FLAG | \
			 KVM_XEN_HVM_CONFIG_PVCLOCK_TSC_UNSTABLE | \
			 KVM_XEN_HVM_CONFIG_SHARED_INFO_HVA)
#define HV_XEN_CONFIGS	(KVM_XEN_HVM_CONFIG_INTERCEPT_HCALL | \
			 KVM_XEN_HVM_CONFIG_EVTCHN_SEND | \
			 KVM_XEN_HVM_CONFIG_PVCLOCK_TSC_UNSTABLE)

/**
 * struct hv_xen_vm - of a VM
 *
 * Made by the first call that wants it, freed with the VM.
 */
struct hv_xen_vm {
	struct mutex lock;		/* inside vcpu->mutex, vm->lock */
	struct kvm_xen_hvm_config config;	/* lock; flags and msr read anywhere */
	u64 shared_info;		/* lock, read anywhere: a place */
	u32 version;			/* lock, read anywhere; 0: not handled here */
	u8 upcall_vector;		/* lock, read anywhere; 0: none */
	bool long_mode;			/* lock, read anywhere */
	bool runstate_flag;		/* lock, read anywhere */
	struct xarray ports;		/* (r) lock: struct xen_port by number */
};

/**
 * struct hv_xen_vcpu - of a vCPU
 *
 * Made by the first call or exit that wants it, freed with the vCPU.
 */
struct hv_xen_vcpu {
	struct hv_vcpu *vcpu;		/* (c) */
	u64 vcpu_info;			/* (v), read anywhere: a place */
	u64 time_info;			/* (v) a place */
	u64 runstate;			/* (v) a place */
	u32 id;				/* (v) Xen's number of the vCPU */
	u8 upcall_vector;		/* (v), read anywhere; 0: none */
	bool polls;			/* (v), read anywhere: in SCHEDOP_poll */
	bool poll_timeout;		/* (a) which has lasted long enough */
	u64 hcall_rip;			/* (v) of the one user space has */

	u32 state;			/* (v) RUNSTATE_* */
	u64 state_entry;		/* (v) kvmclock */
	u64 state_time[4];		/* (v) ns */
	u64 steal_told;			/* (v) vcpu->steal_ns at state_entry */

	u32 timer_port;			/* (v), read by the callback; 0: none */
	u64 timer_expires;		/* (a) kvmclock; 0: not running */
	struct hrtimer timer;
	struct hrtimer poll_timer;

	/* (a) ports that wait for the vCPU to set them in guest memory */
	unsigned long posted[HV_XEN_PORTS / BITS_PER_LONG];
};

/* How many ports the guest's layout has room for. */
static inline u32 hv_xen_ports(const struct hv_xen_vm *x)
{
	return READ_ONCE(x->long_mode) ? HV_XEN_PORTS : HV_XEN_PORTS / 4;
}

/* Found without a lock: they are made whole before they are seen. */
static inline struct hv_xen_vm *hv_xen_vm(struct hv_vm *vm)
{
	/* Pairs with the release in xen.c where it is made. */
	return smp_load_acquire(&vm->xen);
}

static inline struct hv_xen_vcpu *hv_xen_vcpu(struct hv_vcpu *vcpu)
{
	/* Pairs with the release in xen.c where it is made. */
	return smp_load_acquire(&vcpu->xen);
}

/* xen.c */
struct hv_xen_vcpu *hv_xen_vcpu_make(struct hv_vcpu *vcpu);

/* xen_evtchn.c */
int hv_xen_port_set(struct hv_vm *vm, const struct kvm_xen_hvm_attr *attr);
void hv_xen_ports_free(struct hv_xen_vm *x);
/* EVTCHNOP_send: false when it is user space's. */
bool hv_xen_port_send(struct hv_vm *vm, u32 port);
void hv_xen_post(struct hv_xen_vcpu *vx, u32 port);
int hv_xen_posted(struct hv_vcpu *vcpu);
bool hv_xen_any_pending(struct hv_vcpu *vcpu, const u32 *ports, u32 nr);

/* xen_time.c */
void hv_xen_wall(struct hv_vm *vm);
int hv_xen_runstate_attr(struct hv_vcpu *vcpu, const struct kvm_xen_vcpu_attr *attr);
void hv_xen_runstate_write(struct hv_vcpu *vcpu);
void hv_xen_timer_run(struct hv_vm *vm, struct hrtimer *timer, u64 expires);
void hv_xen_timer_init(struct hv_xen_vcpu *vx);
void hv_xen_timer_start(struct hv_xen_vcpu *vx, u64 expires);
void hv_xen_timer_stop(struct hv_xen_vcpu *vx);
u64 hv_xen_now(struct hv_vm *vm);

/* xen_hcall.c */
int hv_xen_page_fill(struct hv_vcpu *vcpu);

#endif /* HVCTL_XEN_H */
