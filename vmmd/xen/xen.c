// SPDX-License-Identifier: GPL-2.0
/*
 * The Xen side of a guest: made before its back ends, it answers the shim's
 * doorbells, keeps xenstore, and loads the guest.
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <xen/xen.h>
#include <xen/sched.h>

#include "vm.h"
#include "xen/backends.h"
#include "xen/boot.h"
#include "xen/core.h"
#include "xen/hotplug.h"
#include "xen/save.h"
#include "xen/store.h"
#include "xen/xen_internal.h"

#define DOORBELLS (SHIM_PORT_END - SHIM_PORT_EVENT)

struct xenstore *xen_store(struct xen *xen)
{
	return xen->store;
}

/* ------------------------------------------------------------ doorbells */

static void shut_down(struct xen *xen, u32 reason)
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

/* One character of what the guest prints by console_io. */
static void debug_char(struct xen *xen, u8 c)
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

/* The shim tells once of each number, a guest that writes the port itself does not. */
static void unknown_hypercall(struct xen *xen, u32 nr)
{
	u64 bit = 1ULL << min_t(u32, nr, 63);

	if (!(__atomic_fetch_or(&xen->unknown, bit, __ATOMIC_RELAXED) & bit))
		log_info("guest: hypercall %u does not exist here", nr);
}

static void doorbell(void *opaque, u64 off, u32 size, const void *data)
{
	struct xen *xen = opaque;
	u32 value = 0;

	memcpy(&value, data, size < sizeof(value) ? size : sizeof(value));
	switch (off + SHIM_PORT_EVENT) {
	case SHIM_PORT_EVENT:
		/* Nobody listens to this event channel. */
		break;
	case SHIM_PORT_SHUTDOWN:
		shut_down(xen, value);
		break;
	case SHIM_PORT_CRASH:
		xen_crash(xen, value);
		break;
	case SHIM_PORT_DEBUG:
		debug_char(xen, (u8)value);
		break;
	case SHIM_PORT_GIVEN:
		xen_memory_given(xen, value);
		break;
	case SHIM_PORT_UNKNOWN:
		unknown_hypercall(xen, value);
		break;
	}
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
	xen_evtchn_notify(opaque, SHIM_PORT_STORE);
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
	return xen_evtchn_bind(xen, SHIM_PORT_STORE, xen->vm->main_loop, store_work, xen);
}

static void xen_reset(struct device *dev)
{
	struct xen *xen = container_of(dev, struct xen, dev);

	save_abort(xen);
	xen_evtchn_unbind(xen, SHIM_PORT_STORE);
	xen_events_disconnect(xen);
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
	ret = xen_events_connect(xen);
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
	u32 i;

	xen_reset(dev);
	bus_del(&xen->vm->pio, &xen->doorbell);
	for (i = 0; i < SHIM_VCPUS_MAX; i++)
		if (xen->call[i].fd >= 0)
			close(xen->call[i].fd);
	pthread_mutex_destroy(&xen->grant_lock);
	pthread_mutex_destroy(&xen->debug_lock);
	xen->vm->xen = NULL;
	free(xen);
}

#define MELTDOWN "/sys/devices/system/cpu/vulnerabilities/meltdown"

/* On these CPUs a program can read what its page table maps, its or not. */
static bool cpu_leaks(void)
{
	char line[64] = "";
	FILE *file = fopen(MELTDOWN, "re");

	if (!file)
		return false;
	if (!fgets(line, sizeof(line), file))
		line[0] = '\0';
	fclose(file);
	return line[0] && strncmp(line, "Not affected", strlen("Not affected"));
}

int xen_create(struct vm *vm)
{
	struct xen *xen;
	int ret = 0;
	u32 i;

	if (vm->cfg.vcpus > SHIM_VCPUS_MAX) {
		log_err("vcpus=%u: a PV guest may have %u", vm->cfg.vcpus, SHIM_VCPUS_MAX);
		return -EINVAL;
	}
	xen = calloc(1, sizeof(*xen));
	if (!xen)
		return -ENOMEM;
	xen->vm = vm;
	xen->target_mib = min_t(u64, vm->cfg.memory_mib, vm->limit_mib);
	xen->user_pgd = vm->cfg.pv_user_pgd == CONFIG_AUTO ? cpu_leaks() : vm->cfg.pv_user_pgd;
	xen->dev = (struct device){
		.name = "xen",
		.start = xen_start,
		.reset = xen_reset,
		.destroy = xen_destroy,
	};
	pthread_mutex_init(&xen->grant_lock, NULL);
	pthread_mutex_init(&xen->debug_lock, NULL);
	for (i = 0; i < SHIM_VCPUS_MAX; i++)
		xen->call[i] = (struct xen_call){.fd = -1, .gsi = -1};
	for (i = 0; i < vm->cfg.vcpus && !ret; i++) {
		xen->call[i].fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
		if (xen->call[i].fd < 0)
			ret = -errno;
	}
	xen->doorbell = (struct io_region){
		.base = SHIM_PORT_EVENT,
		.len = DOORBELLS,
		.name = "shim",
		.write = doorbell,
		.opaque = xen,
	};
	if (!ret)
		ret = bus_add(&vm->pio, &xen->doorbell);
	if (ret) {
		log_err("Xen guest: %s", strerror(-ret));
		xen_destroy(&xen->dev);
		return ret;
	}
	vm->xen = xen;
	vm_add_device(vm, &xen->dev);
	return 0;
}

int xen_boot_load(struct vm *vm)
{
	struct xen *xen = vm->xen;
	struct pv_params params = {
		.l4_slot = SHIM_L4_SLOT,
		.store_port = SHIM_PORT_STORE,
		.console_port = SHIM_PORT_CONSOLE,
	};
	int ret;

	if (vm->restore)
		return restore_load(vm);
	ret = shim_load(vm, &xen->places);
	if (ret)
		return ret;
	xen_memory_put_limit(xen);
	params.nr_pages = xen_memory_start(vm);
	params.hypercall_gate = xen->places.hypercall_gate;
	params.shared_info = xen->places.shared_info;
	params.l4_entries = xen->places.l4_entries;
	params.nr_l4_entries = ARRAY_SIZE(xen->places.l4_entries);
	ret = pv_build(vm, &params, &xen->start);
	if (ret)
		return ret;
	pvconsole_set_ring(vm, xen->start.console_gpa, SHIM_PORT_CONSOLE);
	return shim_start(vm, &xen->places, &xen->start);
}
