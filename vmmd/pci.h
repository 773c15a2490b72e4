/* SPDX-License-Identifier: GPL-2.0 */
/*
 * PCI as a guest sees it: one bus, a host bridge and single-function devices,
 * configuration by ports 0xcf8/0xcfc and by ECAM (PCI 3.0 3.2.2.3, PCIe 7.2.2).
 * Devices describe themselves with the functions here; decoding, BARs,
 * capabilities and MSI-X are this file's and msix.c's.
 */
#ifndef VMMD_PCI_H
#define VMMD_PCI_H

#include <pthread.h>
#include "bus.h"
#include "types.h"

struct vm;
struct msix;
struct pci_dev;

#define PCI_SLOTS	 32
#define PCI_BARS	 6
#define PCI_CONFIG_BYTES 256

/* Flags of pci_add_bar() */
#define PCI_BAR_IO	 (1U << 0) /* ports, else memory */
#define PCI_BAR_64	 (1U << 1) /* takes the next BAR's place as well */
#define PCI_BAR_PREFETCH (1U << 2)

/**
 * struct pci_bar - one base address register
 * @flags: PCI_BAR_*
 * @size: bytes, a power of two; 0: not there
 * @mapped: the region is on its bus; guarded by pci_dev.lock
 * @region: callbacks of the device; base guarded by pci_dev.lock
 */
struct pci_bar {
	u32 flags;
	u64 size;
	bool mapped;
	struct io_region region;
};

/**
 * struct pci_dev - a function 0, embedded in the device it belongs to
 * @vm: set by pci_register()
 * @name: for messages
 * @slot: device number on bus 0, set by pci_register()
 * @gsi: pin of INTA#, set by pci_register()
 * @lock: guards config, bars, intx and intx_line
 * @config: what the guest reads
 * @power_on: @config as pci_register() left it; constant then
 * @wmask: bits of @config a guest may change
 * @w1c: bits of @config a guest clears by writing 1
 * @bar: base address registers
 * @cap_end: first free byte behind the capabilities
 * @cap_last: offset of the last capability, 0 if none
 * @intx: level the device wants on INTA#
 * @intx_line: level driven, which "interrupt disable" keeps low
 * @msix: MSI-X state, NULL without the capability
 * @config_written: optional: called with @lock held after the guest has
 *		    written [off, off + size) of @config
 * @config_read: optional: called with @lock held before the guest reads
 * @bar_moved: optional: called with @lock held when a BAR begins or ceases to
 *	       decode at bar[index].region.base, so that ioeventfds follow
 * @opaque: the device's own
 */
struct pci_dev {
	struct vm *vm;
	const char *name;
	u32 slot;
	u32 gsi;
	pthread_mutex_t lock;
	u8 config[PCI_CONFIG_BYTES];
	u8 power_on[PCI_CONFIG_BYTES];
	u8 wmask[PCI_CONFIG_BYTES];
	u8 w1c[PCI_CONFIG_BYTES];
	struct pci_bar bar[PCI_BARS];
	u32 cap_end;
	u32 cap_last;
	bool intx;
	bool intx_line;
	struct msix *msix;
	void (*config_written)(struct pci_dev *dev, u32 off, u32 size);
	void (*config_read)(struct pci_dev *dev, u32 off, u32 size);
	void (*bar_moved)(struct pci_dev *dev, u32 index, bool mapped);
	void *opaque;
};

/**
 * struct pci_ids - the identity of a function, all in host byte order
 * @class: base class << 16 | subclass << 8 | programming interface
 */
struct pci_ids {
	u16 vendor, device;
	u16 subsys_vendor, subsys;
	u32 class;
	u8 revision;
};

/**
 * pci_dev_init() - begin the description of a function
 * @dev: zeroed by this call
 * @name: constant
 * @ids: its identity
 */
void pci_dev_init(struct pci_dev *dev, const char *name, const struct pci_ids *ids);

/**
 * pci_add_bar() - declare a base address register
 * @dev: not registered yet
 * @index: 0-5
 * @flags: PCI_BAR_*
 * @size: bytes, a power of two, at least 16
 * @read: see struct io_region
 * @write: see struct io_region
 * @opaque: their argument
 */
void pci_add_bar(struct pci_dev *dev, u32 index, u32 flags, u64 size,
		 void (*read)(void *opaque, u64 off, u32 size, void *data),
		 void (*write)(void *opaque, u64 off, u32 size, const void *data), void *opaque);

/**
 * pci_add_cap() - append a capability
 * @dev: not registered yet
 * @id: PCI_CAP_ID_* of <linux/pci_regs.h>
 * @len: bytes with the two-byte header, 3 or more
 *
 * The body is zero and read-only; the caller fills in config and wmask.
 * Return: its offset in configuration space.
 */
u32 pci_add_cap(struct pci_dev *dev, u8 id, u32 len);

/**
 * pci_register() - give the function a slot, addresses and a place on the bus
 * @vm: the VM
 * @dev: described completely; must outlive the vCPU threads
 *
 * BARs get addresses and decode from power-on, for there is no firmware that
 * would do it. Return: 0 or a negative errno (logged).
 */
int pci_register(struct vm *vm, struct pci_dev *dev);

/**
 * pci_reset() - configuration space back to its power-on state
 * @dev: registered; no vCPU runs
 *
 * BARs, command register, MSI-X table and INTx return to what pci_register()
 * left. Call it from the device's reset callback.
 */
void pci_reset(struct pci_dev *dev);

/** pci_unregister() - free what pci_register() and pci_add_msix() took */
void pci_unregister(struct pci_dev *dev);

/** pci_intx_set() - drive INTA#; any thread, any level, repeats are free */
void pci_intx_set(struct pci_dev *dev, bool level);

/** pci_bus_master() - may the device touch guest memory (command bit 2)? */
bool pci_bus_master(struct pci_dev *dev);

/**
 * pci_add_msix() - add MSI-X with the table at the start of a BAR of its own
 * @dev: not registered yet
 * @bar: index of a free BAR, which becomes 32-bit memory
 * @vectors: 1-2048
 *
 * Return: 0 or -ENOMEM.
 */
int pci_add_msix(struct pci_dev *dev, u32 bar, u32 vectors);

/** pci_msix_enabled() - has the guest switched MSI-X on? Any thread. */
bool pci_msix_enabled(struct pci_dev *dev);

/**
 * pci_msix_trigger() - raise a vector
 * @dev: registered
 * @vector: as the guest chose it; out of range is ignored
 *
 * A masked vector becomes pending and fires when unmasked.
 * Context: any thread, pci_dev.lock not held.
 */
void pci_msix_trigger(struct pci_dev *dev, u32 vector);

/**
 * pci_msix_irqfd() - let an eventfd of the kernel's (vhost) raise a vector
 * @dev: registered
 * @vector: vector number
 * @fd: eventfd that stays open until replaced, or -1 to detach
 *
 * While the vector is masked events stay in the eventfd and show as pending.
 * Return: 0, -EINVAL for a vector out of range, or another negative errno.
 */
int pci_msix_irqfd(struct pci_dev *dev, u32 vector, int fd);

/**
 * pci_init() - create the host bridge and the two configuration mechanisms
 * @vm: the VM
 *
 * Return: 0 or a negative errno (logged).
 */
int pci_init(struct vm *vm);

/** pci_slots() - one bit for each slot in use */
u32 pci_slots(const struct vm *vm);

#endif /* VMMD_PCI_H */
