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
struct saving;

#define XEN_GRANTS     (SHIM_GRANT_FRAMES * GUEST_PAGE_SIZE / 8)
#define XEN_DEBUG_LINE 200

/* The guest's own directory in xenstore. */
#define XEN_HOME "/local/domain/1"

/**
 * struct xen - the Xen side of a guest
 * @vm: the VM
 * @dev: first of the guest's devices
 * @store: its xenstore; made anew for each start of the guest
 * @user_pgd: programs run on page tables without their kernel; constant
 * @places: where the shim is; main thread, before the guest runs
 * @start: likewise, what the builder has placed
 * @doorbell: the shim's ports
 * @saving: the guest is being saved, else NULL; main thread
 * @controls: of a guest that was restored: what it listens to, see
 *	      xen_tree_controls(); main thread
 * @target_mib: memory that the guest is asked to have; main thread
 * @running: xenstore and interrupts are connected; main thread
 * @binding: by port, NULL for none; main thread
 * @call: by vCPU
 * @grant_lock: guards the three below and the marks in the guest's table
 * @readers: by grant reference: how often it is mapped
 * @writers: of these, for writing
 * @grant_told: the log has heard of a grant that cannot be mapped
 * @crashed: vCPUs, by bit, whose last registers the shim has left; atomic, all vCPUs
 * @unknown: hypercalls that the log has heard of, by number; atomic, all vCPUs
 * @debug_lock: guards the two below
 * @debug: line that the guest prints by console_io
 * @debug_len: bytes of it
 */
struct xen {
	struct vm *vm;
	struct device dev;
	struct xenstore *store;
	bool user_pgd;
	struct shim_places places;
	struct pv_start start;
	struct io_region doorbell;
	struct saving *saving;
	u32 controls;
	u64 target_mib;
	bool running;
	struct xen_binding *binding[XEN_PORTS];
	struct xen_call call[SHIM_VCPUS_MAX];

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

/* xen_event.c */
int xen_events_connect(struct xen *xen);
void xen_events_disconnect(struct xen *xen);

/* xen_crash.c */
void xen_crash(struct xen *xen, u32 vcpu);

/* xen_memory.c */
u64 *xen_info_field(const struct vm *vm, size_t offset);
u64 xen_memory_start(const struct vm *vm);
void xen_memory_given(struct xen *xen, u32 vcpu);
void xen_memory_put_limit(struct xen *xen);

/* xen_tree.c */
int xen_tree_make(struct xen *xen);
u32 xen_tree_controls(const struct xen *xen);
void xen_tree_withdraw_suspend(struct xen *xen);

/* xen_cpuid.c; arrays of SAVEFILE_CPUID */
int xen_cpuid_features(const struct hv *hv, u32 features[]);
const char *xen_cpuid_missing(const u32 saved[], const u32 here[]);

#endif /* VMMD_XEN_INTERNAL_H */
