// SPDX-License-Identifier: GPL-2.0
/* PCI bus 0. See pci.h. Section numbers are of the PCI 3.0 specification. */
#include <errno.h>
#include <linux/pci_regs.h>
#include <stdlib.h>
#include <string.h>

#include "acpi.h"
#include "msix.h"
#include "vm.h"

#define CONFIG_ADDRESS	0xcf8
#define CONFIG_PORTS	8
#define CONFIG_DATA	4 /* offset within the ports */
#define CONFIG_ENABLE	(1U << 31)
#define RESET_OFFSET	(ACPI_RESET_PORT - CONFIG_ADDRESS)
#define RESET_CPU	(1U << 2)
#define ECAM_SLOT_SHIFT 15
#define ECAM_FUNCTION	0x7000
#define ECAM_REGISTER	0x0fff

/* BARs get their first addresses from here. */
#define BAR_IO_BASE  0xc000
#define BAR_IO_LIMIT 0x10000

#define HOST_BRIDGE_VENDOR 0x1b36
#define HOST_BRIDGE_DEVICE 0x0008
#define HOST_BRIDGE_CLASS  0x060000

/**
 * struct pci_host - the host bridge and its bus
 * @dev: entry of the device list
 * @bridge: function 0 of slot 0
 * @vm: constant
 * @ports: 0xcf8-0xcff
 * @ecam: memory-mapped configuration space
 * @slot: functions on the bus; constant once the vCPUs run
 * @next_memory: first memory address not given to a BAR; start-up only
 * @next_io: first port not given to a BAR; start-up only
 * @lock: guards what follows
 * @address: CONFIG_ADDRESS
 * @reset_control: last value written to the reset port
 */
struct pci_host {
	struct device dev;
	struct pci_dev bridge;
	struct vm *vm;
	struct io_region ports;
	struct io_region ecam;
	struct pci_dev *slot[PCI_SLOTS];
	u64 next_memory;
	u64 next_io;
	pthread_mutex_t lock;
	u32 address;
	u8 reset_control;
};

static u16 config16(const struct pci_dev *dev, u32 off)
{
	u16 v;

	memcpy(&v, dev->config + off, sizeof(v));
	return v;
}

static u32 config32(const struct pci_dev *dev, u32 off)
{
	u32 v;

	memcpy(&v, dev->config + off, sizeof(v));
	return v;
}

static void set16(u8 *space, u32 off, u16 v)
{
	memcpy(space + off, &v, sizeof(v));
}

static void set32(u8 *space, u32 off, u32 v)
{
	memcpy(space + off, &v, sizeof(v));
}

static u32 bar_offset(u32 index)
{
	return PCI_BASE_ADDRESS_0 + 4 * index;
}

void pci_dev_init(struct pci_dev *dev, const char *name, const struct pci_ids *ids)
{
	memset(dev, 0, sizeof(*dev));
	dev->name = name;
	dev->cap_end = PCI_STD_HEADER_SIZEOF;
	pthread_mutex_init(&dev->lock, NULL);

	set16(dev->config, PCI_VENDOR_ID, ids->vendor);
	set16(dev->config, PCI_DEVICE_ID, ids->device);
	set16(dev->config, PCI_SUBSYSTEM_VENDOR_ID, ids->subsys_vendor);
	set16(dev->config, PCI_SUBSYSTEM_ID, ids->subsys);
	set32(dev->config, PCI_CLASS_REVISION, ids->class << 8 | ids->revision);
	dev->config[PCI_INTERRUPT_PIN] = 1;

	set16(dev->wmask, PCI_COMMAND,
	      PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER | PCI_COMMAND_INTX_DISABLE);
	dev->wmask[PCI_INTERRUPT_LINE] = 0xff;
	dev->wmask[PCI_CACHE_LINE_SIZE] = 0xff;
	dev->wmask[PCI_LATENCY_TIMER] = 0xff;
}

void pci_add_bar(struct pci_dev *dev, u32 index, u32 flags, u64 size,
		 void (*read)(void *opaque, u64 off, u32 size, void *data),
		 void (*write)(void *opaque, u64 off, u32 size, const void *data), void *opaque)
{
	struct pci_bar *bar = &dev->bar[index];
	u64 mask = ~(size - 1);
	u32 type;

	bar->flags = flags;
	bar->size = size;
	bar->region = (struct io_region){
		.len = size,
		.name = dev->name,
		.read = read,
		.write = write,
		.opaque = opaque,
	};
	if (flags & PCI_BAR_IO) {
		type = PCI_BASE_ADDRESS_SPACE_IO;
		mask &= 0xffff;
	} else {
		type = (flags & PCI_BAR_64) ? PCI_BASE_ADDRESS_MEM_TYPE_64 : 0;
		type |= (flags & PCI_BAR_PREFETCH) ? PCI_BASE_ADDRESS_MEM_PREFETCH : 0;
	}
	set32(dev->config, bar_offset(index), type);
	set32(dev->wmask, bar_offset(index), (u32)mask);
	if (flags & PCI_BAR_64)
		set32(dev->wmask, bar_offset(index + 1), (u32)(mask >> 32));
}

u32 pci_add_cap(struct pci_dev *dev, u8 id, u32 len)
{
	u32 at = dev->cap_end;

	/* Capabilities are described by vmmd alone: too many is a bug in it. */
	if (at + len > PCI_CONFIG_BYTES)
		abort();
	if (dev->cap_last)
		dev->config[dev->cap_last + PCI_CAP_LIST_NEXT] = (u8)at;
	else
		dev->config[PCI_CAPABILITY_LIST] = (u8)at;
	dev->config[at + PCI_CAP_LIST_ID] = id;
	dev->config[PCI_STATUS] |= PCI_STATUS_CAP_LIST;
	dev->cap_last = at;
	dev->cap_end = ALIGN_UP(at + len, 4);
	return at;
}

static struct bus *bar_bus(struct pci_dev *dev, const struct pci_bar *bar)
{
	return (bar->flags & PCI_BAR_IO) ? &dev->vm->pio : &dev->vm->mmio;
}

/* Address in a BAR's register, and whether the command register enables it. */
static bool bar_decodes(const struct pci_dev *dev, u32 index, u64 *addr)
{
	const struct pci_bar *bar = &dev->bar[index];
	u16 command = config16(dev, PCI_COMMAND);
	u32 low = config32(dev, bar_offset(index));

	if (bar->flags & PCI_BAR_IO) {
		*addr = low & PCI_BASE_ADDRESS_IO_MASK & 0xffff;
		return (command & PCI_COMMAND_IO) && *addr;
	}
	*addr = low & ~0xfULL;
	if (bar->flags & PCI_BAR_64)
		*addr |= (u64)config32(dev, bar_offset(index + 1)) << 32;
	return (command & PCI_COMMAND_MEMORY) && *addr;
}

/*
 * Put BARs where their registers say; dev->lock held. A guest that places one
 * over another device finds that it does not decode there.
 */
static void pci_update_bars(struct pci_dev *dev)
{
	struct pci_bar *bar;
	bool want;
	u64 addr;
	u32 i;

	for (i = 0; i < PCI_BARS; i++) {
		bar = &dev->bar[i];
		if (!bar->size)
			continue;
		want = bar_decodes(dev, i, &addr);
		if (bar->mapped && (!want || addr != bar->region.base)) {
			bus_del(bar_bus(dev, bar), &bar->region);
			bar->mapped = false;
			if (dev->bar_moved)
				dev->bar_moved(dev, i, false);
		}
		if (!want || bar->mapped)
			continue;
		__atomic_store_n(&bar->region.base, addr, __ATOMIC_RELAXED);
		bar->mapped = !bus_add(bar_bus(dev, bar), &bar->region);
		if (bar->mapped && dev->bar_moved)
			dev->bar_moved(dev, i, true);
	}
}

/* Drive INTA# as the device and the command register say; dev->lock held. */
static void pci_update_intx(struct pci_dev *dev)
{
	bool level = dev->intx && !(config16(dev, PCI_COMMAND) & PCI_COMMAND_INTX_DISABLE);

	if (dev->intx)
		dev->config[PCI_STATUS] |= PCI_STATUS_INTERRUPT;
	else
		dev->config[PCI_STATUS] &= (u8)~PCI_STATUS_INTERRUPT;
	if (level != dev->intx_line) {
		dev->intx_line = level;
		irq_share(dev->vm, dev->gsi, level);
	}
}

void pci_intx_set(struct pci_dev *dev, bool level)
{
	pthread_mutex_lock(&dev->lock);
	dev->intx = level;
	pci_update_intx(dev);
	pthread_mutex_unlock(&dev->lock);
}

bool pci_bus_master(struct pci_dev *dev)
{
	bool master;

	pthread_mutex_lock(&dev->lock);
	master = config16(dev, PCI_COMMAND) & PCI_COMMAND_MASTER;
	pthread_mutex_unlock(&dev->lock);
	return master;
}

static void pci_config_read(struct pci_dev *dev, u32 off, u32 size, void *data)
{
	pthread_mutex_lock(&dev->lock);
	if (dev->config_read)
		dev->config_read(dev, off, size);
	memcpy(data, dev->config + off, size);
	pthread_mutex_unlock(&dev->lock);
}

static void pci_config_write(struct pci_dev *dev, u32 off, u32 size, const void *data)
{
	const u8 *in = data;
	u32 i, at;

	pthread_mutex_lock(&dev->lock);
	for (i = 0; i < size; i++) {
		at = off + i;
		dev->config[at] &= (u8) ~(in[i] & dev->w1c[at]);
		dev->config[at] &= (u8)~dev->wmask[at];
		dev->config[at] |= in[i] & dev->wmask[at];
	}
	if (off < PCI_BASE_ADDRESS_5 + 4) {
		pci_update_bars(dev);
		pci_update_intx(dev);
	}
	if (dev->msix)
		msix_config_written(dev);
	if (dev->config_written)
		dev->config_written(dev, off, size);
	pthread_mutex_unlock(&dev->lock);
}

/* An access by either mechanism; nobody there reads as all ones (6.1). */
static void pci_access_read(struct pci_host *host, u32 slot, u32 function, u32 off, u32 size,
			    void *data)
{
	struct pci_dev *dev = function ? NULL : host->slot[slot];

	memset(data, 0xff, size);
	if (dev && range_fits(off, size, PCI_CONFIG_BYTES))
		pci_config_read(dev, off, size, data);
}

static void pci_access_write(struct pci_host *host, u32 slot, u32 function, u32 off, u32 size,
			     const void *data)
{
	struct pci_dev *dev = function ? NULL : host->slot[slot];

	if (dev && range_fits(off, size, PCI_CONFIG_BYTES))
		pci_config_write(dev, off, size, data);
}

/* Split CONFIG_ADDRESS (3.2.2.3.2); false for another bus or when disabled. */
static bool pci_decode(struct pci_host *host, u32 *slot, u32 *function, u32 *reg)
{
	u32 address;

	pthread_mutex_lock(&host->lock);
	address = host->address;
	pthread_mutex_unlock(&host->lock);
	*slot = (address >> 11) & 0x1f;
	*function = (address >> 8) & 7;
	*reg = address & 0xfc;
	return (address & CONFIG_ENABLE) && !((address >> 16) & 0xff);
}

static void pci_ports_read(void *opaque, u64 off, u32 size, void *data)
{
	struct pci_host *host = opaque;
	u32 slot, function, reg;

	memset(data, 0xff, size);
	if (off >= CONFIG_DATA) {
		if (pci_decode(host, &slot, &function, &reg))
			pci_access_read(host, slot, function, reg + (u32)off - CONFIG_DATA, size,
					data);
		return;
	}
	pthread_mutex_lock(&host->lock);
	if (off == 0 && size == sizeof(host->address))
		memcpy(data, &host->address, size);
	else if (off == RESET_OFFSET && size == 1)
		memcpy(data, &host->reset_control, size);
	pthread_mutex_unlock(&host->lock);
}

/* CONFIG_ADDRESS takes 32-bit accesses only; the reset port lies within it. */
static void pci_ports_write(void *opaque, u64 off, u32 size, const void *data)
{
	struct pci_host *host = opaque;
	u32 slot, function, reg;
	bool reset = false;

	if (off >= CONFIG_DATA) {
		if (pci_decode(host, &slot, &function, &reg))
			pci_access_write(host, slot, function, reg + (u32)off - CONFIG_DATA, size,
					 data);
		return;
	}
	pthread_mutex_lock(&host->lock);
	if (off == 0 && size == sizeof(host->address)) {
		memcpy(&host->address, data, size);
	} else if (off == RESET_OFFSET && size == 1) {
		memcpy(&host->reset_control, data, size);
		reset = host->reset_control & RESET_CPU;
	}
	pthread_mutex_unlock(&host->lock);
	if (reset)
		vm_request(host->vm, VM_REBOOT, "the guest reset itself");
}

static void pci_ecam_read(void *opaque, u64 off, u32 size, void *data)
{
	pci_access_read(opaque, (u32)(off >> ECAM_SLOT_SHIFT), off & ECAM_FUNCTION,
			off & ECAM_REGISTER, size, data);
}

static void pci_ecam_write(void *opaque, u64 off, u32 size, const void *data)
{
	pci_access_write(opaque, (u32)(off >> ECAM_SLOT_SHIFT), off & ECAM_FUNCTION,
			 off & ECAM_REGISTER, size, data);
}

/* Give every BAR its power-on address. */
static int pci_place_bars(struct pci_host *host, struct pci_dev *dev)
{
	struct pci_bar *bar;
	u64 *next, limit;
	u32 i;

	for (i = 0; i < PCI_BARS; i++) {
		bar = &dev->bar[i];
		if (!bar->size)
			continue;
		next = (bar->flags & PCI_BAR_IO) ? &host->next_io : &host->next_memory;
		limit = (bar->flags & PCI_BAR_IO) ? BAR_IO_LIMIT : MEM_PCI32_BASE + MEM_PCI32_SIZE;
		*next = ALIGN_UP(*next, bar->size);
		if (!range_fits(*next, bar->size, limit))
			return -ENOSPC;
		set32(dev->config, bar_offset(i), config32(dev, bar_offset(i)) | (u32)*next);
		*next += bar->size;
	}
	return 0;
}

int pci_register(struct vm *vm, struct pci_dev *dev)
{
	struct pci_host *host = vm->pci;
	u32 slot = 0;
	int ret;

	while (slot < PCI_SLOTS && host->slot[slot])
		slot++;
	ret = slot < PCI_SLOTS ? pci_place_bars(host, dev) : -ENOSPC;
	if (ret) {
		log_err("%s: no room for one more PCI device", dev->name);
		return ret;
	}
	dev->vm = vm;
	dev->slot = slot;
	dev->gsi = IRQ_PCI_FIRST + slot % IRQ_PCI_COUNT;
	dev->config[PCI_INTERRUPT_LINE] = (u8)dev->gsi;
	set16(dev->config, PCI_COMMAND, PCI_COMMAND_IO | PCI_COMMAND_MEMORY);
	memcpy(dev->power_on, dev->config, sizeof(dev->power_on));
	host->slot[slot] = dev;

	pthread_mutex_lock(&dev->lock);
	pci_update_bars(dev);
	pthread_mutex_unlock(&dev->lock);
	return 0;
}

void pci_reset(struct pci_dev *dev)
{
	msix_reset(dev);
	pthread_mutex_lock(&dev->lock);
	memcpy(dev->config, dev->power_on, sizeof(dev->config));
	pci_update_bars(dev);
	dev->intx = false;
	pci_update_intx(dev);
	pthread_mutex_unlock(&dev->lock);
}

void pci_unregister(struct pci_dev *dev)
{
	u32 i;

	if (dev->vm) {
		for (i = 0; i < PCI_BARS; i++)
			if (dev->bar[i].mapped)
				bus_del(bar_bus(dev, &dev->bar[i]), &dev->bar[i].region);
		dev->vm->pci->slot[dev->slot] = NULL;
	}
	msix_free(dev);
	pthread_mutex_destroy(&dev->lock);
}

u32 pci_slots(const struct vm *vm)
{
	u32 slot, used = 0;

	for (slot = 0; slot < PCI_SLOTS; slot++)
		if (vm->pci->slot[slot])
			used |= 1U << slot;
	return used;
}

static void pci_host_reset(struct device *dev)
{
	struct pci_host *host = container_of(dev, struct pci_host, dev);

	pci_reset(&host->bridge);
	pthread_mutex_lock(&host->lock);
	host->address = 0;
	host->reset_control = 0;
	pthread_mutex_unlock(&host->lock);
}

static void pci_host_destroy(struct device *dev)
{
	struct pci_host *host = container_of(dev, struct pci_host, dev);

	bus_del(&host->vm->pio, &host->ports);
	bus_del(&host->vm->mmio, &host->ecam);
	pci_unregister(&host->bridge);
	host->vm->pci = NULL;
	pthread_mutex_destroy(&host->lock);
	free(host);
}

int pci_init(struct vm *vm)
{
	static const struct pci_ids ids = {
		.vendor = HOST_BRIDGE_VENDOR,
		.device = HOST_BRIDGE_DEVICE,
		.class = HOST_BRIDGE_CLASS,
	};
	struct pci_host *host;
	int ret;

	host = calloc(1, sizeof(*host));
	if (!host)
		return -ENOMEM;
	host->vm = vm;
	host->next_memory = MEM_PCI32_BASE;
	host->next_io = BAR_IO_BASE;
	pthread_mutex_init(&host->lock, NULL);
	host->dev = (struct device){
		.name = "pci",
		.reset = pci_host_reset,
		.destroy = pci_host_destroy,
	};
	host->ports = (struct io_region){
		.base = CONFIG_ADDRESS,
		.len = CONFIG_PORTS,
		.name = "pci",
		.read = pci_ports_read,
		.write = pci_ports_write,
		.opaque = host,
	};
	host->ecam = (struct io_region){
		.base = MEM_ECAM_BASE,
		.len = MEM_ECAM_SIZE,
		.name = "ecam",
		.read = pci_ecam_read,
		.write = pci_ecam_write,
		.opaque = host,
	};
	vm->pci = host;
	pci_dev_init(&host->bridge, "host bridge", &ids);
	host->bridge.config[PCI_INTERRUPT_PIN] = 0;

	ret = bus_add(&vm->pio, &host->ports);
	if (!ret)
		ret = bus_add(&vm->mmio, &host->ecam);
	if (!ret)
		ret = pci_register(vm, &host->bridge);
	if (ret) {
		log_err("pci: %s", strerror(-ret));
		pci_host_destroy(&host->dev);
		return ret;
	}
	vm_add_device(vm, &host->dev);
	return 0;
}
