/* SPDX-License-Identifier: GPL-2.0 */
/*
 * struct xen, which xen.c makes: shared by the files that serve the shim, not
 * by back ends.
 */
#ifndef VMMD_XEN_INTERNAL_H
#define VMMD_XEN_INTERNAL_H

#include <pthread.h>
#include <stddef.h>

#include "boot/pv.h"
#include "bus.h"
#include "device.h"
#include "shim/abi.h"
#include "xen/shim_load.h"
#include "xen/xen.h"

/**
 * struct xen_binding - a back end that listens to a port
 * @fd: eventfd that the guest's doorbell signals
 * @loop: whose thread calls @fn
 * @fn: the back end's function
 * @opaque: its argument
 */
struct xen_binding {
	int fd;
	struct loop *loop;
	xen_event_fn fn;
	void *opaque;
};

/**
 * struct xen_call - how vmmd interrupts a vCPU
 * @fd: eventfd
 * @gsi: what it raises, -1 while the VM is not powered
 */
struct xen_call {
	int fd;
	int gsi;
};

struct hv;
struct hvm;
struct kvm_cpuid2;
struct saving;
struct xen;

/**
 * struct xen_ops - how a guest's hypercalls reach vmmd: by the shim in the guest
 * (shim_ops.c), or by the hypervisor (hvm.c)
 * @create: the guest's devices are about to be made
 * @destroy: the reverse; harmless when @create has failed
 * @boot: place what the guest is to find in its memory; fills xen->start
 * @connect: the VM is powered, devices are about to be started; may be NULL, then
 *	     so is @disconnect
 * @disconnect: the reverse; harmless when not connected
 * @cpuid: the hypervisor's leaves, see xen_cpuid()
 * @listen: have the guest's notifications of a port signal an eventfd; -EINVAL when
 *	    the guest has no such port
 * @unlisten: the reverse
 * @raise: make a port pending; any thread
 * @grant_frame: a frame of the grant table, below SHIM_GRANT_FRAMES, or behind them
 *		 one of the status of version 2; NULL where there is none; any thread
 * @grant_version: of the table, 1 or 2, as the guest likes it; any thread; may be
 *		   NULL, then it is 1
 * @put_limit: vm->limit_mib is new; may be NULL
 * @pages_left: pages that the guest has given back, as it likes it
 *
 * Context: main thread, unless said otherwise. What returns int: 0 or a negative
 * errno.
 */
struct xen_ops {
	int (*create)(struct xen *xen);
	void (*destroy)(struct xen *xen);
	int (*boot)(struct xen *xen);
	int (*connect)(struct xen *xen);
	void (*disconnect)(struct xen *xen);
	void (*cpuid)(struct kvm_cpuid2 *cpuid, u32 vcpu);
	int (*listen)(struct xen *xen, u32 port, int fd);
	void (*unlisten)(struct xen *xen, u32 port, int fd);
	void (*raise)(struct xen *xen, u32 port);
	void *(*grant_frame)(struct xen *xen, u32 frame);
	u64 (*grant_version)(struct xen *xen);
	void (*put_limit)(struct xen *xen);
	u64 (*pages_left)(const struct xen *xen);
};

extern const struct xen_ops xen_shim_ops, xen_hvm_ops;

#define XEN_GRANTS     (SHIM_GRANT_FRAMES * GUEST_PAGE_SIZE / 8)
#define XEN_DEBUG_LINE 200

/* What the hypervisor calls itself. */
#define XEN_VERSION (4U << 16 | 20)

/* Event channels that exist before the guest does: those that the shim knows. */
#define XEN_PORT_STORE	 SHIM_PORT_STORE
#define XEN_PORT_CONSOLE SHIM_PORT_CONSOLE

/* The guest's own directory in xenstore. */
#define XEN_HOME "/local/domain/1"

/**
 * struct xen - the Xen side of a guest
 * @vm: the VM
 * @dev: first of the guest's devices that are Xen's
 * @ops: how its hypercalls come; constant
 * @hvm: of a guest whose hypercalls come by the hypervisor (hvm.h), else NULL;
 *	 constant
 * @store: its xenstore; made anew for each start of the guest
 * @start: where the guest finds its rings; main thread, before the guest runs
 * @user_pgd: PV: programs run on page tables without their kernel; constant
 * @places: PV: where the shim is; main thread, before the guest runs
 * @doorbell: PV: the shim's ports
 * @call: PV: by vCPU
 * @saving: the guest is being saved, else NULL; main thread
 * @controls: of a guest that was restored: what it listens to, see
 *	      xen_tree_controls(); main thread
 * @target_mib: memory that the guest is asked to have; main thread
 * @running: xenstore and interrupts are connected; main thread
 * @binding: by port, NULL for none; main thread
 * @grant_lock: guards the three below and the marks in the guest's table
 * @readers: by grant reference: how often it is mapped
 * @writers: of these, for writing
 * @grant_told: the log has heard of a grant that cannot be mapped
 * @crashed: PV: vCPUs, by bit, whose last registers the shim has left; atomic, all vCPUs
 * @unknown: hypercalls that the log has heard of, by number; atomic, all vCPUs
 * @debug_lock: guards the two below
 * @debug: line that the guest prints by console_io
 * @debug_len: bytes of it
 */
struct xen {
	struct vm *vm;
	struct device dev;
	const struct xen_ops *ops;
	struct hvm *hvm;
	struct xenstore *store;
	struct pv_start start;
	bool user_pgd;
	struct shim_places places;
	struct io_region doorbell;
	struct xen_call call[SHIM_VCPUS_MAX];
	struct saving *saving;
	u32 controls;
	u64 target_mib;
	bool running;
	struct xen_binding *binding[XEN_PORTS];

	pthread_mutex_t grant_lock;
	u32 readers[XEN_GRANTS];
	u32 writers[XEN_GRANTS];
	bool grant_told;

	u32 crashed;
	u64 unknown;

	pthread_mutex_t debug_lock;
	char debug[XEN_DEBUG_LINE];
	u32 debug_len;
};

/* xen.c: what hypercalls ask for, whichever way they come; any thread */
void xen_shutdown(struct xen *xen, u32 reason);
void xen_debug_char(struct xen *xen, u8 c);
void xen_unknown_hypercall(struct xen *xen, u32 nr);

/* xen_crash.c */
void xen_crash(struct xen *xen, u32 vcpu);

/* xen_memory.c */
u64 *xen_info_field(const struct vm *vm, size_t offset);
u64 xen_memory_start(const struct vm *vm);
void xen_memory_given(struct xen *xen, u32 vcpu);
void xen_shim_put_limit(struct xen *xen);
u64 xen_shim_pages_left(const struct xen *xen);

/* xen_tree.c */
int xen_tree_make(struct xen *xen);
u32 xen_tree_controls(const struct xen *xen);
void xen_tree_withdraw_suspend(struct xen *xen);

/* xen_cpuid.c */
void xen_cpuid_pv(struct kvm_cpuid2 *cpuid, u32 vcpu);
void xen_cpuid_hvm(struct kvm_cpuid2 *cpuid, u32 vcpu);
/* arrays of SAVEFILE_CPUID */
int xen_cpuid_features(const struct hv *hv, u32 features[]);
const char *xen_cpuid_missing(const u32 saved[], const u32 here[]);

#endif /* VMMD_XEN_INTERNAL_H */
