// SPDX-License-Identifier: GPL-2.0
/*
 * The Xen side of a guest: made before its back ends, it keeps xenstore and serves
 * what all kinds of guests ask for by a hypercall. How that comes here is told by
 * struct xen_ops.
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xen/xen.h>
#include <xen/sched.h>

#include "vm.h"
#include "xen/boot.h"
#include "xen/core.h"
#include "xen/hotplug.h"
#include "xen/save.h"
#include "xen/store.h"
#include "xen/xen_internal.h"

struct xenstore *xen_store(struct xen *xen)
{
	return xen->store;
}

/* ------------------------------------------------------------ hypercalls */

/** xen_shutdown() - the guest ends itself: SHUTDOWN_* of xen/sched.h */
void xen_shutdown(struct xen *xen, u32 reason)
{
	switch (reason) {
	case SHUTDOWN_poweroff:
		vm_request(xen->vm, VM_POWEROFF, "shutdown: power off");
		break;
	case SHUTDOWN_reboot:
	case SHUTDOWN_soft_reset:
		vm_request(xen->vm, VM_REBOOT, "shutdown: reboot");
		break;
	case SHUTDOWN_crash:
		vm_request(xen->vm, VM_CRASH, "shutdown: the kernel has crashed");
		break;
	case SHUTDOWN_watchdog:
		vm_request(xen->vm, VM_WATCHDOG, "shutdown: the watchdog has expired");
		break;
	case SHUTDOWN_suspend:
		if (loop_post(xen->vm->main_loop, save_suspended, xen))
			guest_fail(xen->vm, "shutdown: suspend: out of memory");
		break;
	default:
		guest_fail(xen->vm, "shutdown: reason %u", reason);
	}
}

/** xen_debug_char() - one character of what the guest prints by console_io */
void xen_debug_char(struct xen *xen, u8 c)
{
	pthread_mutex_lock(&xen->debug_lock);
	if (c >= ' ' && c < 0x7f)
		xen->debug[xen->debug_len++] = (char)c;
	if (xen->debug_len && (c == '\n' || xen->debug_len == sizeof(xen->debug))) {
		log_info("guest: %.*s", (int)xen->debug_len, xen->debug);
		xen->debug_len = 0;
	}
	pthread_mutex_unlock(&xen->debug_lock);
}

/** xen_unknown_hypercall() - the log hears of each number once */
void xen_unknown_hypercall(struct xen *xen, u32 nr)
{
	u64 bit = 1ULL << min_t(u32, nr, 63);

	if (!(__atomic_fetch_or(&xen->unknown, bit, __ATOMIC_RELAXED) & bit))
		log_info("guest: hypercall %u does not exist here", nr);
}

/* ------------------------------------------------------------ the device */

static void run_watches(void *opaque)
{
	struct xen *xen = opaque;

	if (xen->store)
		xenstore_run_watches(xen->store);
}

void xen_settle(struct vm *vm)
{
	run_watches(vm->xen);
}

static void store_changed(void *opaque)
{
	struct xen *xen = opaque;

	loop_post(xen->vm->main_loop, run_watches, xen);
}

static void store_notify(void *opaque)
{
	xen_evtchn_notify(opaque, XEN_PORT_STORE);
}

static void store_work(void *opaque)
{
	struct xen *xen = opaque;

	xenstore_ring_work(xen->store);
	xenstore_run_watches(xen->store);
}

static int connect_store(struct xen *xen)
{
	void *page = mem_range(&xen->vm->mem, xen->start.store_gpa, GUEST_PAGE_SIZE);
	int ret;

	if (!page)
		return -EFAULT;
	xen->store = xenstore_create();
	if (!xen->store)
		return -ENOMEM;
	xenstore_set_notify(xen->store, store_changed, xen);
	ret = xen_tree_make(xen);
	if (ret)
		return ret;
	xenstore_ring_connect(xen->store, page, store_notify, xen);
	return xen_evtchn_bind(xen, XEN_PORT_STORE, xen->vm->main_loop, store_work, xen);
}

static void xen_reset(struct device *dev)
{
	struct xen *xen = container_of(dev, struct xen, dev);

	save_abort(xen);
	xen_evtchn_unbind(xen, XEN_PORT_STORE);
	if (xen->ops->disconnect)
		xen->ops->disconnect(xen);
	if (xen->store)
		xenstore_destroy(xen->store);
	xen->store = NULL;
	xen->running = false;
	xen->controls = 0;
	xen->grant_told = false;
	__atomic_store_n(&xen->crashed, 0, __ATOMIC_RELAXED);
	__atomic_store_n(&xen->unknown, 0, __ATOMIC_RELAXED);
}

static int xen_start(struct device *dev)
{
	struct xen *xen = container_of(dev, struct xen, dev);
	int ret;

	if (xen->running)
		return 0;
	ret = xen->ops->connect ? xen->ops->connect(xen) : 0;
	if (!ret)
		ret = connect_store(xen);
	if (ret) {
		log_err("xenstore and event channels: %s", strerror(-ret));
		xen_reset(dev);
		return ret;
	}
	hotplug_settle(xen->vm);
	xen->running = true;
	return 0;
}

static void xen_destroy(struct device *dev)
{
	struct xen *xen = container_of(dev, struct xen, dev);

	xen_reset(dev);
	xen->ops->destroy(xen);
	pthread_mutex_destroy(&xen->grant_lock);
	pthread_mutex_destroy(&xen->debug_lock);
	xen->vm->xen = NULL;
	free(xen);
}

int xen_create(struct vm *vm)
{
	struct xen *xen = calloc(1, sizeof(*xen));
	int ret;

	if (!xen) {
		log_err("Xen guest: out of memory");
		return -ENOMEM;
	}
	xen->vm = vm;
	xen->ops = vm->cfg.type == CONFIG_TYPE_PV ? &xen_shim_ops : &xen_hvm_ops;
	xen->target_mib = min_t(u64, vm->cfg.memory_mib, vm->limit_mib);
	xen->dev = (struct device){
		.name = "xen",
		.start = xen_start,
		.reset = xen_reset,
		.destroy = xen_destroy,
	};
	pthread_mutex_init(&xen->grant_lock, NULL);
	pthread_mutex_init(&xen->debug_lock, NULL);
	ret = xen->ops->create(xen);
	if (ret) {
		xen_destroy(&xen->dev);
		return ret;
	}
	vm->xen = xen;
	vm_add_device(vm, &xen->dev);
	return 0;
}

int xen_boot_load(struct vm *vm)
{
	return vm->xen->ops->boot(vm->xen);
}

void xen_cpuid(const struct vm *vm, struct kvm_cpuid2 *cpuid, u32 vcpu)
{
	vm->xen->ops->cpuid(cpuid, vcpu);
}
