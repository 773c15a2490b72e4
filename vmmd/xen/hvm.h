/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Guests of type="pvh" that speak to Xen: hypercalls come by the hypervisor, as
 * KVM_EXIT_XEN, and those that are made often are served by it at once: event
 * channels that were told to it, the single-shot timer, SCHEDOP_poll.
 *
 *	hvm.c		life, and struct xen_ops
 *	hvm_call.c	arguments, and who serves which hypercall
 *	hvm_page.c	shared_info and the grant table, where the guest wants them
 *	hvm_event.c	event channels
 *	hvm_vcpu.c	what is told of a vCPU: events, time, runstates
 *	hvm_memory.c	memory given back, and the map of it
 *	hvm_op.c	parameters; version, console, shutdown
 *
 * All records are those of 64-bit guests; hypercalls made in another mode, or by
 * programs, are refused.
 */
#ifndef VMMD_XEN_HVM_H
#define VMMD_XEN_HVM_H

#include <pthread.h>

#include "config.h"
#include "shim/abi.h"
#include "types.h"
#include "xen/xen.h"

struct vcpu;
struct xen;

/* Where a guest asks for a page of hypercalls; CPUID tells. */
#define HVM_HYPERCALL_MSR 0x40000000U

/* Pages that the guest places in its address space: grant table, shared_info. */
#define HVM_SHARED_INFO SHIM_GRANT_FRAMES
#define HVM_PAGES	(SHIM_GRANT_FRAMES + 1)

#define HVM_NO_FRAME UINT64_MAX

/**
 * struct hvm_page - a page that the guest places
 * @at: its memory: the guest's own page where it was placed in RAM, else one of
 *	hvm->own; never NULL. Changed under hvm->lock, read by any thread.
 * @frame: where it was placed, HVM_NO_FRAME for nowhere; hvm->lock
 * @slot: a memory slot shows it to the guest; hvm->lock
 */
struct hvm_page {
	u8 *at;
	u64 frame;
	bool slot;
};

/**
 * struct hvm_port - an event channel
 * @state: EVTCHNSTAT_*; changed under hvm->lock, read by any thread
 * @vcpu: that hears of it; likewise
 * @virq: of EVTCHNSTAT_virq
 * @fd: of the back end that listens, -1 for none. It may still do so when the guest
 *	has closed the channel.
 */
struct hvm_port {
	u8 state;
	u8 virq;
	u16 vcpu;
	int fd;
};

/**
 * struct hvm - of a guest
 * @xen: constant
 * @own: HVM_PAGES pages of vmmd's, for what is placed outside of RAM
 * @lock: guards all that follows
 * @page: see HVM_SHARED_INFO
 * @port: by number; 0 is none
 * @info: by vCPU: frame and offset of its vcpu_info as one address, HVM_NO_FRAME for
 *	  that in shared_info, or none
 * @vector: by vCPU: of its own upcall, 0 for that of @callback
 * @callback: HVM_PARAM_CALLBACK_IRQ
 * @given: bitmap by frame: given back
 * @frames: how many bits that has
 * @nr_given: and how many are set; read by any thread
 */
struct hvm {
	struct xen *xen;
	u8 *own;

	pthread_mutex_t lock;
	struct hvm_page page[HVM_PAGES];
	struct hvm_port port[XEN_PORTS];
	u64 info[CONFIG_VCPUS_MAX];
	u8 vector[CONFIG_VCPUS_MAX];
	u64 callback;
	u64 *given;
	u64 frames;
	u64 nr_given;
};

/**
 * struct hvm_call - a hypercall being served
 * @hvm: the guest
 * @vcpu: that made it, in whose thread we are
 * @nr: its number
 * @arg: its arguments
 */
struct hvm_call {
	struct hvm *hvm;
	struct vcpu *vcpu;
	u64 nr;
	u64 arg[5];
};

/* hvm_call.c: 0 or -EFAULT; addresses are the guest's virtual ones */
int hvm_gpa(const struct hvm_call *call, u64 gva, u64 len, u64 *gpa);
int hvm_get(const struct hvm_call *call, u64 gva, void *buf, size_t len);
int hvm_put(const struct hvm_call *call, u64 gva, const void *buf, size_t len);
/* Whether a domain is the guest itself: there is no other that it could name. */
bool hvm_is_self(u32 domid);

/* hvm.c: attributes of the VM and of a vCPU; 0 or a negative errno */
struct kvm_xen_hvm_attr;
struct kvm_xen_vcpu_attr;
int hvm_attr(struct hvm *hvm, struct kvm_xen_hvm_attr *attr);
int hvm_vcpu_attr(struct hvm *hvm, u32 vcpu, struct kvm_xen_vcpu_attr *attr);

/* hvm_page.c */
void hvm_pages_reset(struct hvm *hvm);
int hvm_page_place(struct hvm *hvm, u32 nr, u64 frame);
bool hvm_page_remove(struct hvm *hvm, u64 frame);

/* hvm_event.c */
void hvm_events_reset(struct hvm *hvm);
int hvm_listen(struct xen *xen, u32 port, int fd);
void hvm_unlisten(struct xen *xen, u32 port, int fd);
void hvm_raise(struct xen *xen, u32 port);
s64 hvm_event_channel_op(struct hvm_call *call);

/* hvm_vcpu.c */
int hvm_vcpus_use_shared_info(struct hvm *hvm);
s64 hvm_vcpu_op(struct hvm_call *call);

/* hvm_memory.c */
s64 hvm_memory_op(struct hvm_call *call);
s64 hvm_grant_table_op(struct hvm_call *call);

/* hvm_op.c */
s64 hvm_hvm_op(struct hvm_call *call);
s64 hvm_xen_version(struct hvm_call *call);
s64 hvm_console_io(struct hvm_call *call);
s64 hvm_sched_op(struct hvm_call *call);
s64 hvm_vm_assist(struct hvm_call *call);

#endif /* VMMD_XEN_HVM_H */
