/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The virtual machine: owner of everything else, and its life cycle.
 *
 *	vm_create()	opens files, devices and the node; may need privileges
 *	vm_power_on()	makes the VM in the kernel, loads the guest, starts vCPUs
 *	vm_power_off()	ends vCPUs, resets devices, gives the VM back
 *	vm_destroy()	closes everything
 *
 * A restart (on_reboot=, on_crash=) is power off and on again, inside the
 * sandbox: it opens nothing. All of it runs in the main thread.
 */
#ifndef VMMD_VM_H
#define VMMD_VM_H

#include <pthread.h>
#include "bus.h"
#include "config.h"
#include "console.h"
#include "device.h"
#include "hv.h"
#include "irq.h"
#include "log.h"
#include "loop.h"
#include "memory.h"
#include "pci.h"
#include "types.h"
#include "vcpu.h"

struct acpi_pm;
struct balloon;
struct boot_files;
struct control;
struct filejob;
struct loop_timer;
struct pci_host;
struct pvconsole;
struct restore;
struct runtime;
struct vcon;
struct xen;

/** enum vm_event - how a guest's life may end, or begin anew */
enum vm_event {
	VM_NONE,
	VM_POWEROFF, /* the guest switched itself off: on_poweroff */
	VM_REBOOT,   /* the guest reset itself: on_reboot */
	VM_CRASH,    /* panic, triple fault, broken device rules: on_crash */
	VM_WATCHDOG, /* it has not fed its watchdog: on_watchdog */
	VM_DESTROY,  /* the administrator: hvctl destroy, SIGTERM */
};

/** enum vm_state - what `hvctl list` shows */
enum vm_state {
	VM_BUILDING,
	VM_RUNNING,
	VM_PAUSED,
	VM_SHUTDOWN, /* ended by itself and preserved */
	VM_CRASHED,  /* crashed and preserved */
	VM_DYING,
};

/* Bytes of the line that says why a guest ended. */
#define VM_REASON_MAX 160

/**
 * struct vm - one guest
 * @cfg: configuration, constant after start-up
 * @runtime: run-time directory, socket and log; owned by main.c
 * @control: control socket server; owned by main.c; may be NULL
 * @hv: node and VM
 * @mem: RAM
 * @pio: port I/O decoding
 * @mmio: MMIO decoding
 * @irq: interrupt routing
 * @pci: host bridge and bus 0
 * @acpi_pm: ACPI fixed hardware
 * @files: kernel and ramdisk, open since vm_create()
 * @devices: list in start order
 * @vcpu: cfg.vcpus entries
 * @main_loop: event loop of the main thread
 * @console: by enum console_kind, NULL where the guest has none
 * @balloon: virtio balloon, NULL where the guest has none
 * @vcon: virtio console, NULL where the guest has none
 * @pvconsole: Xen console, NULL where the guest has none
 * @xen: Xen side of a guest with type="pv" or "pvh", NULL for others
 * @restore: what the guest is read from at its first start, else NULL; main thread
 *	     only
 * @filejob: file that is being written of the guest's memory, NULL for none; main
 *	     thread only
 * @resume_after: the guest runs again when @filejob is over; main thread only
 * @core_fd: file for the core of a crash, -1 for none; main thread only
 * @core_done: what follows when it is written; main thread only
 * @core_event: how the guest's life ended that it is of; main thread only
 * @domid: number in `hvctl list`
 * @state: main thread only
 * @powered: vm_power_on() succeeded; main thread only
 * @restart: timer that delays the restart of a guest that crashes at once
 * @limit_mib: RAM that the guest may have, changed by hvctl mem-max; main thread
 *	       only
 * @online: vCPUs that it is to use, changed by hvctl vcpu-set; the others of
 *	    cfg.vcpus are down. Main thread only.
 * @restarts: how often the guest was restarted; main thread only
 * @power_on_ns: CLOCK_MONOTONIC of the last power on; main thread only
 * @reboot_wanted: turn the guest's next power-off into a reboot (hvctl reboot)
 * @event_lock: guards @event and @reason
 * @event: first request not yet served
 * @reason: why, one line
 * @run_lock: guards @run, @quit and every vcpu->parked
 * @run_cond: @run or @quit changed
 * @park_cond: a vCPU parked
 * @run: vCPUs may run the guest
 * @quit: vCPU threads are to end
 */
struct vm {
	struct config cfg;
	struct runtime *runtime;
	struct control *control;
	struct hv hv;
	struct guest_mem mem;
	struct bus pio;
	struct bus mmio;
	struct irq_state irq;
	struct pci_host *pci;
	struct acpi_pm *acpi_pm;
	struct boot_files *files;
	struct device *devices;
	struct vcpu *vcpu;
	struct loop *main_loop;
	struct console *console[CONSOLE_KINDS];
	struct balloon *balloon;
	struct vcon *vcon;
	struct pvconsole *pvconsole;
	struct xen *xen;
	struct restore *restore;
	struct filejob *filejob;
	bool resume_after;
	int core_fd;
	void (*core_done)(struct vm *vm);
	enum vm_event core_event;
	u32 domid;
	enum vm_state state;
	bool powered;
	struct loop_timer *restart;
	u64 limit_mib;
	u32 online;
	u32 restarts;
	u64 power_on_ns;
	bool reboot_wanted;

	pthread_mutex_t event_lock;
	enum vm_event event;
	char reason[VM_REASON_MAX];

	pthread_mutex_t run_lock;
	pthread_cond_t run_cond;
	pthread_cond_t park_cond;
	bool run;
	bool quit;
};

/**
 * vm_create() - open all a guest needs and build its device list
 * @vm: zeroed but for cfg, runtime, restore
 * @device: KVM-ABI node, or NULL for the default
 *
 * Return: 0, or a negative errno (logged) with nothing left open.
 */
int vm_create(struct vm *vm, const char *device);

/** vm_destroy() - the reverse; powers off first when needed */
void vm_destroy(struct vm *vm);

/**
 * vm_power_on() - make the VM and bring the guest to its first instruction
 * @vm: created, not powered
 *
 * vCPU threads exist afterwards, parked, and the state is VM_PAUSED:
 * vm_resume() starts the guest.
 * Return: 0 or a negative errno (logged).
 */
int vm_power_on(struct vm *vm);

/** vm_power_off() - stop the guest and return devices to power-on state */
void vm_power_off(struct vm *vm);

/**
 * vm_add_device() - append to the device list
 * @vm: being created; or main thread
 * @dev: owned by the list until its destroy callback
 */
void vm_add_device(struct vm *vm, struct device *dev);

/**
 * vm_remove_device() - take a device out of the list
 * @vm: the VM
 * @dev: stopped and reset; the caller destroys it
 *
 * Context: main thread, no walk through the list under way.
 */
void vm_remove_device(struct vm *vm, struct device *dev);

/**
 * vm_request() - ask for the guest's end or restart
 * @vm: the VM
 * @event: what
 * @reason: one line for the log, copied
 *
 * The first request since the last power on wins, except that VM_DESTROY
 * overrides the others. The main loop acts on it.
 * Context: any thread; takes event_lock.
 */
void vm_request(struct vm *vm, enum vm_event event, const char *reason);

/** vm_pause() - stop vCPUs, then devices; main thread; repeats are free */
void vm_pause(struct vm *vm);

/**
 * vm_resume() - start devices, then vCPUs; main thread
 * Return: 0, -EINVAL when the guest has ended, -EBUSY while a file is written of
 * it, or a device's error.
 */
int vm_resume(struct vm *vm);

/**
 * vm_power_button() - press the ACPI power button
 * @vm: a running VM
 * @reboot: restart the guest once it has switched itself off
 *
 * Context: main thread.
 * Return: 0, -EAGAIN when the guest has not switched ACPI events on (yet),
 * -EINVAL when it does not run.
 */
int vm_power_button(struct vm *vm, bool reboot);

/** vm_state_name() - "running", "paused", ... for messages and JSON */
const char *vm_state_name(enum vm_state state);

#endif /* VMMD_VM_H */
