// SPDX-License-Identifier: GPL-2.0
/* The virtual machine: its parts in order, and its life cycle. See vm.h. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "acpi.h"
#include "boot/boot.h"
#include "control.h"
#include "corefile.h"
#include "filejob.h"
#include "hvctl.h"
#include "i8042.h"
#include "pvpanic.h"
#include "rtc.h"
#include "serial.h"
#include "virtio/balloon.h"
#include "virtio/console.h"
#include "virtio/virtio.h"
#include "vm.h"
#include "xen/backends.h"
#include "xen/core.h"
#include "xen/save.h"
#include "xen/shim_load.h"

/* A kernel needs the first MiB and something beyond it. */
#define VM_MEMORY_MIN (4 * MIB)
/* A guest that crashes sooner is given time to let its log be read. */
#define VM_RESTART_FAST_NS (2 * NSEC_PER_SEC)
#define VM_RESTART_WAIT_NS (5 * NSEC_PER_SEC)

static void vm_restart(void *opaque);

void vm_add_device(struct vm *vm, struct device *dev)
{
	struct device **link = &vm->devices;

	while (*link)
		link = &(*link)->next;
	dev->next = NULL;
	*link = dev;
}

void vm_remove_device(struct vm *vm, struct device *dev)
{
	struct device **link = &vm->devices;

	while (*link && *link != dev)
		link = &(*link)->next;
	if (*link)
		*link = dev->next;
}

/* Up the list: the last device first. */
static void devices_stop(struct device *dev)
{
	if (!dev)
		return;
	devices_stop(dev->next);
	if (dev->stop)
		dev->stop(dev);
}

static void devices_reset(struct device *dev)
{
	if (!dev)
		return;
	devices_reset(dev->next);
	if (dev->reset)
		dev->reset(dev);
}

static void devices_destroy(struct device *dev)
{
	if (!dev)
		return;
	devices_destroy(dev->next);
	if (dev->destroy)
		dev->destroy(dev);
}

static int devices_start(struct vm *vm)
{
	struct device *dev;
	int ret;

	for (dev = vm->devices; dev; dev = dev->next) {
		/* One that was detached between two lives becomes so by Xen's start. */
		ret = dev->start && !dev->gone ? dev->start(dev) : 0;
		if (ret) {
			devices_stop(vm->devices);
			return ret;
		}
	}
	return 0;
}

static int vm_create_console(struct vm *vm)
{
	struct console *con = console_create(vm, CONSOLE_VIRTIO);

	return con ? virtio_console_create(vm, con) : -ENOMEM;
}

/* Xen's side, and the devices that are Xen's. */
static int vm_create_backends(struct vm *vm)
{
	const struct config *cfg = &vm->cfg;
	u32 i;
	int ret;

	ret = xen_create(vm);
	if (!ret)
		ret = pvconsole_create(vm);
	for (i = 0; !ret && i < cfg->n_disks; i++)
		if (!cfg->disks[i].virtio)
			ret = blkback_create(vm, &cfg->disks[i]);
	for (i = 0; !ret && i < cfg->n_vifs; i++)
		if (!cfg->vifs[i].virtio)
			ret = netback_create(vm, &cfg->vifs[i]);
	return ret;
}

/* The machine, top to bottom; PCI slots go in the same order. */
static int vm_create_machine(struct vm *vm)
{
	const struct config *cfg = &vm->cfg;
	u32 i;
	int ret;

	ret = pci_init(vm);
	if (!ret)
		ret = acpi_pm_create(vm);
	if (!ret)
		ret = rtc_create(vm);
	if (!ret)
		ret = i8042_create(vm);
	if (!ret)
		ret = pvpanic_create(vm);
	if (!ret && cfg->serial)
		ret = serial_create(vm);
	for (i = 0; !ret && i < cfg->n_disks; i++)
		if (cfg->disks[i].virtio)
			ret = virtio_blk_create(vm, &cfg->disks[i]);
	for (i = 0; !ret && i < cfg->n_vifs; i++)
		if (cfg->vifs[i].virtio)
			ret = virtio_net_create(vm, &cfg->vifs[i]);
	/* Xen has a console and a balloon of its own. */
	if (!ret && !config_has_xen(cfg))
		ret = vm_create_console(vm);
	if (!ret && cfg->rng)
		ret = virtio_rng_create(vm);
	if (!ret && cfg->balloon && !config_has_xen(cfg))
		ret = virtio_balloon_create(vm);
	if (!ret && cfg->vsock_cid)
		ret = virtio_vsock_create(vm, cfg->vsock_cid);
	return ret;
}

/* A PV guest has no machine. */
static int vm_create_devices(struct vm *vm)
{
	int ret = 0;

	if (vm->cfg.type != CONFIG_TYPE_PV)
		ret = vm_create_machine(vm);
	if (!ret && config_has_xen(&vm->cfg))
		ret = vm_create_backends(vm);
	return ret;
}

/* A Xen guest has all vCPUs that it may get; it leaves those that are not online. */
static void vm_count_vcpus(struct vm *vm)
{
	vm->online = vm->cfg.vcpus;
	if (config_has_xen(&vm->cfg))
		vm->cfg.vcpus = vm->cfg.maxvcpus;
}

/*
 * With a balloon there is all of maxmem, and the guest is asked to give some back. One
 * with type="pv" starts without it.
 */
static int vm_create_memory(struct vm *vm)
{
	const struct config *cfg = &vm->cfg;
	u64 bytes, hole = 0;

	vm->limit_mib = cfg->balloon ? cfg->maxmem_mib : cfg->memory_mib;
	bytes = vm->limit_mib * MIB;

	if (bytes < VM_MEMORY_MIN) {
		log_err("memory=%llu: at least %llu MiB are needed",
			(unsigned long long)cfg->memory_mib,
			(unsigned long long)(VM_MEMORY_MIN / MIB));
		return -EINVAL;
	}
	if (cfg->type == CONFIG_TYPE_PV)
		hole = shim_bytes(cfg->vcpus, bytes);
	/* As much as another vmmd has given it, and enough for this one's. */
	if (hole < restore_hole(vm))
		hole = restore_hole(vm);
	return mem_create(&vm->mem, bytes, hole);
}

int vm_create(struct vm *vm, const char *device)
{
	int ret;

	vm->hv.dev_fd = -1;
	vm->hv.vm_fd = -1;
	vm->core_fd = -1;
	vm->state = VM_BUILDING;
	bus_init(&vm->pio);
	bus_init(&vm->mmio);
	pthread_mutex_init(&vm->irq.lock, NULL);
	pthread_mutex_init(&vm->event_lock, NULL);
	pthread_mutex_init(&vm->run_lock, NULL);
	pthread_cond_init(&vm->run_cond, NULL);
	pthread_cond_init(&vm->park_cond, NULL);

	vm->main_loop = loop_create();
	vm->restart = vm->main_loop ? loop_timer_create(vm->main_loop, vm_restart, vm) : NULL;
	if (!vm->restart) {
		log_err("event loop: %s", strerror(errno));
		ret = -errno;
		goto fail;
	}
	ret = boot_open(vm);
	if (!ret)
		ret = hv_open(&vm->hv, device);
	if (!ret) {
		vm_count_vcpus(vm);
		ret = vm_create_memory(vm);
	}
	if (!ret)
		ret = vm_create_devices(vm);
	if (!ret) {
		corefile_open(vm);
		return 0;
	}
fail:
	vm_destroy(vm);
	return ret;
}

void vm_destroy(struct vm *vm)
{
	vm->state = VM_DYING;
	if (vm->powered)
		vm_power_off(vm);
	devices_destroy(vm->devices);
	vm->devices = NULL;
	hv_close(&vm->hv);
	boot_close(vm);
	corefile_close(vm);
	restore_close(vm);
	mem_destroy(&vm->mem);
	loop_timer_destroy(vm->restart);
	loop_destroy(vm->main_loop);
	vm->restart = NULL;
	vm->main_loop = NULL;
}

int vm_power_on(struct vm *vm)
{
	int ret;

	ret = boot_prepare(vm);
	if (ret)
		return ret;
	ret = hv_create_vm(&vm->hv, vm->cfg.name, vm->cfg.uuid);
	if (ret)
		return ret;
	if (vm->hv.domid)
		vm->domid = vm->hv.domid;
	ret = mem_register(&vm->mem, &vm->hv);
	if (!ret)
		ret = irq_init(vm);
	if (!ret)
		ret = vcpus_create(vm);
	if (ret)
		goto fail_vm;
	ret = boot_load(vm);
	if (!ret)
		ret = vcpus_start(vm);
	if (ret)
		goto fail_vcpus;

	pthread_mutex_lock(&vm->event_lock);
	vm->event = VM_NONE;
	pthread_mutex_unlock(&vm->event_lock);
	vm->reboot_wanted = false;
	vm->powered = true;
	vm->power_on_ns = loop_now_ns();
	vm->state = VM_PAUSED;
	return 0;

fail_vcpus:
	vcpus_destroy(vm);
fail_vm:
	hv_destroy_vm(&vm->hv);
	return ret;
}

void vm_power_off(struct vm *vm)
{
	filejob_cancel(vm);
	vm_pause(vm);
	vcpus_stop(vm);
	devices_reset(vm->devices);
	vcpus_destroy(vm);
	hv_destroy_vm(&vm->hv);
	vm->powered = false;
}

void vm_pause(struct vm *vm)
{
	if (vm->state != VM_RUNNING)
		return;
	vcpus_pause(vm);
	devices_stop(vm->devices);
	vm->state = VM_PAUSED;
	hv_set_state(&vm->hv, HVCTL_STATE_PAUSED);
}

int vm_resume(struct vm *vm)
{
	int ret;

	if (vm->state == VM_RUNNING)
		return 0;
	if (vm->state != VM_PAUSED)
		return -EINVAL;
	if (vm->filejob)
		return -EBUSY;
	ret = devices_start(vm);
	if (ret)
		return ret;
	if (vm->xen)
		xen_settle(vm);
	vm->state = VM_RUNNING;
	hv_set_state(&vm->hv, HVCTL_STATE_RUNNING);
	vcpus_resume(vm);
	return 0;
}

int vm_power_button(struct vm *vm, bool reboot)
{
	int ret = -EAGAIN;

	if (vm->state != VM_RUNNING)
		return -EINVAL;
	if (vm->xen)
		ret = xen_ask_shutdown(vm, reboot ? "reboot" : "poweroff");
	if (!ret)
		vm->reboot_wanted = false;
	/* A kernel that does not know Xen may know ACPI. */
	if (ret != -EAGAIN || !vm->acpi_pm)
		return ret;
	ret = acpi_pm_press_button(vm);
	if (!ret)
		vm->reboot_wanted = reboot;
	return ret;
}

/* Out of the guest's life for good: main() takes it from here. */
static void vm_finish(struct vm *vm)
{
	vm->state = VM_DYING;
	if (vm->powered)
		vm_power_off(vm);
	loop_stop(vm->main_loop);
}

static void vm_restart(void *opaque)
{
	struct vm *vm = opaque;
	int ret;

	/* Destroyed while the timer ran. */
	if (vm->state != VM_BUILDING)
		return;
	ret = vm_power_on(vm);
	if (!ret)
		ret = vm_resume(vm);
	if (ret) {
		log_err("the guest cannot be restarted");
		vm_finish(vm);
		return;
	}
	vm->restarts++;
	control_event(vm->control, "created", "restarted");
}

static void vm_begin_restart(struct vm *vm, enum vm_event event)
{
	bool fast = loop_now_ns() - vm->power_on_ns < VM_RESTART_FAST_NS;

	vm->state = VM_BUILDING;
	vm_power_off(vm);
	/* The next guest starts from zeroed memory, as the first one did. */
	mem_discard(&vm->mem);
	if (event == VM_CRASH && fast) {
		log_info("crashed at once: restarted in %llu s",
			 (unsigned long long)(VM_RESTART_WAIT_NS / NSEC_PER_SEC));
		loop_timer_set(vm->restart, VM_RESTART_WAIT_NS, 0);
	} else {
		vm_restart(vm);
	}
}

static void vm_preserve(struct vm *vm, enum vm_event event)
{
	bool crashed = event == VM_CRASH || event == VM_WATCHDOG;

	vm->state = crashed ? VM_CRASHED : VM_SHUTDOWN;
	hv_set_state(&vm->hv, crashed ? HVCTL_STATE_CRASHED : HVCTL_STATE_SHUTDOWN);
	log_info("kept for inspection until 'hvctl destroy'");
}

/* Actions that xl.cfg(5) knows and vmmd replaces by the nearest it has. */
static enum config_action vm_simplify(enum config_action action)
{
	switch (action) {
	case CONFIG_COREDUMP_DESTROY:
		return CONFIG_DESTROY;
	case CONFIG_COREDUMP_RESTART:
		return CONFIG_RESTART;
	case CONFIG_RENAME_RESTART:
		log_warn("%s: restarted, but the old guest is not kept",
			 config_action_name(action));
		return CONFIG_RESTART;
	default:
		return action;
	}
}

static enum config_action vm_action(const struct vm *vm, enum vm_event event)
{
	switch (event) {
	case VM_POWEROFF:
		return vm->reboot_wanted ? vm->cfg.on_reboot : vm->cfg.on_poweroff;
	case VM_REBOOT:
		return vm->cfg.on_reboot;
	case VM_CRASH:
		return vm->cfg.on_crash;
	case VM_WATCHDOG:
		return vm->cfg.on_watchdog;
	default:
		return CONFIG_DESTROY;
	}
}

/* The guest has ended and is paused. */
static void vm_end_life(struct vm *vm, enum vm_event event)
{
	switch (vm_simplify(vm_action(vm, event))) {
	case CONFIG_RESTART:
		vm_begin_restart(vm, event);
		break;
	case CONFIG_PRESERVE:
		vm_preserve(vm, event);
		break;
	default:
		vm_finish(vm);
	}
}

static void vm_core_done(struct vm *vm)
{
	vm_end_life(vm, vm->core_event);
}

/* Return: whether a core is being written, behind which the guest's life ends. */
static bool vm_begin_core(struct vm *vm, enum vm_event event)
{
	enum config_action action = vm_action(vm, event);

	if (action != CONFIG_COREDUMP_DESTROY && action != CONFIG_COREDUMP_RESTART)
		return false;
	/* A dump that was under way is of the same moment, and nobody's any more. */
	filejob_cancel(vm);
	vm->core_event = event;
	if (!corefile_dump(vm, vm_core_done))
		return false;
	vm->state = VM_CRASHED;
	return true;
}

/* Main loop: serve the request that vm_request() left. */
static void vm_serve_request(void *opaque)
{
	static const char *const words[] = {
		[VM_POWEROFF] = "shutdown", [VM_REBOOT] = "reboot",	[VM_CRASH] = "crashed",
		[VM_WATCHDOG] = "crashed",  [VM_DESTROY] = "destroyed",
	};
	struct vm *vm = opaque;
	char reason[VM_REASON_MAX];
	enum vm_event event;

	pthread_mutex_lock(&vm->event_lock);
	event = vm->event;
	memcpy(reason, vm->reason, sizeof(reason));
	pthread_mutex_unlock(&vm->event_lock);
	if (event == VM_NONE || vm->state == VM_DYING)
		return;
	/* A preserved guest, or one between two lives, can only be destroyed. */
	if (event != VM_DESTROY && vm->state != VM_RUNNING && vm->state != VM_PAUSED)
		return;

	log_info("%s: %s (%s)", words[event], reason, config_action_name(vm_action(vm, event)));
	control_event(vm->control, words[event], reason);
	vm_pause(vm);
	if (!vm_begin_core(vm, event))
		vm_end_life(vm, event);
}

void vm_request(struct vm *vm, enum vm_event event, const char *reason)
{
	bool first;

	pthread_mutex_lock(&vm->event_lock);
	first = vm->event == VM_NONE || (event == VM_DESTROY && vm->event != VM_DESTROY);
	if (first) {
		vm->event = event;
		snprintf(vm->reason, sizeof(vm->reason), "%s", reason);
	}
	pthread_mutex_unlock(&vm->event_lock);
	if (first)
		loop_post(vm->main_loop, vm_serve_request, vm);
}

void guest_fail(struct vm *vm, const char *fmt, ...)
{
	char reason[VM_REASON_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(reason, sizeof(reason), fmt, ap);
	va_end(ap);
	vm_request(vm, VM_CRASH, reason);
}

const char *vm_state_name(enum vm_state state)
{
	static const char *const names[] = {
		[VM_BUILDING] = "building", [VM_RUNNING] = "running", [VM_PAUSED] = "paused",
		[VM_SHUTDOWN] = "shutdown", [VM_CRASHED] = "crashed", [VM_DYING] = "dying",
	};

	return names[state];
}
