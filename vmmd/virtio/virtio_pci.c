// SPDX-License-Identifier: GPL-2.0
/*
 * The PCI transport (virtio 1.2, 4.1), modern interface only.
 *
 * One memory BAR holds the four structures the specification asks for, at
 * the offsets below; vendor capabilities tell the driver where. A fifth
 * capability is a window through which firmware without memory decoding
 * reaches the BAR by configuration cycles. MSI-X has a BAR of its own: vector
 * 0 is usually the configuration's and the others the queues'.
 */
#include <errno.h>
#include <linux/pci_regs.h>
#include <linux/virtio_pci.h>
#include <stdlib.h>
#include <string.h>

#include "virtio/virtio.h"
#include "vm.h"

#define PCI_VENDOR_VIRTIO   0x1af4 /* 4.1.2 */
#define PCI_DEVICE_VIRTIO   0x1040 /* plus the device type: 4.1.2.1 */
#define PCI_REVISION_MODERN 1

#define BAR_REGS      0
#define BAR_MSIX      1
#define COMMON_OFF    0x0000
#define ISR_OFF	      0x0100
#define CONFIG_OFF    0x0200
#define NOTIFY_OFF    0x1000 /* a page of its own: nothing else lies in it */
#define NOTIFY_SIZE   (VIRTIO_QUEUES_MAX * NOTIFY_STRIDE)
#define NOTIFY_STRIDE 4
#define REGS_SIZE     0x2000

typedef struct virtio_pci_common_cfg common_cfg;

static struct virtio_queue *selected_queue(struct virtio_dev *dev)
{
	return dev->queue_select < dev->num_queues ? &dev->queue[dev->queue_select] : NULL;
}

/*
 * Builds the whole structure and copies out the part asked for: an access of
 * any width then reads what is there. 4.1.5.1.3: a queue that does not exist
 * reads as size 0.
 */
static void common_read(struct virtio_dev *dev, u64 off, u32 size, void *data)
{
	const struct virtio_queue *q = selected_queue(dev);
	common_cfg c = {
		.device_feature_select = dev->feature_select,
		.guest_feature_select = dev->accept_select,
		.msix_config = dev->config_vector,
		.num_queues = dev->num_queues,
		.device_status = dev->status,
		.config_generation = dev->generation,
		.queue_select = dev->queue_select,
	};

	if (dev->feature_select < 2)
		c.device_feature = dev->offered >> (dev->feature_select * 32);
	if (dev->accept_select < 2)
		c.guest_feature = dev->accepted >> (dev->accept_select * 32);
	if (q) {
		c.queue_size = q->size;
		c.queue_msix_vector = q->vector;
		c.queue_enable = q->ring.enabled;
		c.queue_notify_off = q->index;
		c.queue_desc_lo = q->ring.desc_gpa;
		c.queue_desc_hi = q->ring.desc_gpa >> 32;
		c.queue_avail_lo = q->ring.avail_gpa;
		c.queue_avail_hi = q->ring.avail_gpa >> 32;
		c.queue_used_lo = q->ring.used_gpa;
		c.queue_used_hi = q->ring.used_gpa >> 32;
	}
	memset(data, 0, size);
	if (range_fits(off, size, sizeof(c)))
		memcpy(data, (char *)&c + off, size);
}

static void set_half(u64 *value, bool high, u32 half)
{
	u32 shift = high ? 32 : 0;

	*value = (*value & ~(0xffffffffULL << shift)) | (u64)half << shift;
}

/* 4.1.5.1.2: a vector the device cannot use reads back as NO_VECTOR. */
static u16 usable_vector(const struct virtio_dev *dev, u16 vector)
{
	return vector <= dev->num_queues ? vector : VIRTIO_MSI_NO_VECTOR;
}

static void queue_write(struct virtio_queue *q, u64 off, u32 value)
{
	struct virtio_dev *dev = q->dev;
	struct virtq *ring = &q->ring;

	switch (off) {
	case VIRTIO_PCI_COMMON_Q_MSIX:
		q->vector = usable_vector(dev, value);
		if (dev->ops->vector_changed)
			dev->ops->vector_changed(q);
		return;
	case VIRTIO_PCI_COMMON_Q_ENABLE:
		if (value == 1)
			virtio_queue_enable(q);
		return;
	}
	/* The rest describes the ring and is read once, when it is enabled. */
	if (ring->enabled)
		return;
	switch (off) {
	case VIRTIO_PCI_COMMON_Q_SIZE:
		virtio_queue_resize(q, value);
		break;
	case VIRTIO_PCI_COMMON_Q_DESCLO:
	case VIRTIO_PCI_COMMON_Q_DESCHI:
		set_half(&ring->desc_gpa, off == VIRTIO_PCI_COMMON_Q_DESCHI, value);
		break;
	case VIRTIO_PCI_COMMON_Q_AVAILLO:
	case VIRTIO_PCI_COMMON_Q_AVAILHI:
		set_half(&ring->avail_gpa, off == VIRTIO_PCI_COMMON_Q_AVAILHI, value);
		break;
	case VIRTIO_PCI_COMMON_Q_USEDLO:
	case VIRTIO_PCI_COMMON_Q_USEDHI:
		set_half(&ring->used_gpa, off == VIRTIO_PCI_COMMON_Q_USEDHI, value);
		break;
	}
}

/* Width of each writable field, by offset; 0 for all other bytes. */
static const u8 common_width[sizeof(common_cfg)] = {
	[VIRTIO_PCI_COMMON_DFSELECT] = 4,  [VIRTIO_PCI_COMMON_GFSELECT] = 4,
	[VIRTIO_PCI_COMMON_GF] = 4,	   [VIRTIO_PCI_COMMON_MSIX] = 2,
	[VIRTIO_PCI_COMMON_STATUS] = 1,	   [VIRTIO_PCI_COMMON_Q_SELECT] = 2,
	[VIRTIO_PCI_COMMON_Q_SIZE] = 2,	   [VIRTIO_PCI_COMMON_Q_MSIX] = 2,
	[VIRTIO_PCI_COMMON_Q_ENABLE] = 2,  [VIRTIO_PCI_COMMON_Q_DESCLO] = 4,
	[VIRTIO_PCI_COMMON_Q_DESCHI] = 4,  [VIRTIO_PCI_COMMON_Q_AVAILLO] = 4,
	[VIRTIO_PCI_COMMON_Q_AVAILHI] = 4, [VIRTIO_PCI_COMMON_Q_USEDLO] = 4,
	[VIRTIO_PCI_COMMON_Q_USEDHI] = 4,
};

static void common_write(struct virtio_dev *dev, u64 off, u32 size, const void *data)
{
	struct virtio_queue *q = selected_queue(dev);
	u32 value = 0;

	/* 4.1.3.1: fields are written by their own width; the rest is noise. */
	if (off >= sizeof(common_width) || size != common_width[off])
		return;
	memcpy(&value, data, size);

	switch (off) {
	case VIRTIO_PCI_COMMON_DFSELECT:
		dev->feature_select = value;
		break;
	case VIRTIO_PCI_COMMON_GFSELECT:
		dev->accept_select = value;
		break;
	case VIRTIO_PCI_COMMON_GF:
		virtio_set_features(dev, dev->accept_select, value);
		break;
	case VIRTIO_PCI_COMMON_MSIX:
		dev->config_vector = usable_vector(dev, value);
		break;
	case VIRTIO_PCI_COMMON_STATUS:
		virtio_set_status(dev, value);
		break;
	case VIRTIO_PCI_COMMON_Q_SELECT:
		dev->queue_select = value;
		break;
	default:
		if (q)
			queue_write(q, off, value);
	}
}

static void config_read(struct virtio_dev *dev, u64 off, u32 size, void *data)
{
	memset(data, 0, size);
	if (range_fits(off, size, dev->config_len))
		memcpy(data, dev->config + off, size);
}

static void config_write(struct virtio_dev *dev, u64 off, u32 size, const void *data)
{
	if (dev->ops->config_write && range_fits(off, size, dev->config_len))
		dev->ops->config_write(dev, off, size, data);
}

/* 4.1.4.5: reading the ISR status clears it and lowers the line. */
static u8 isr_read(struct virtio_dev *dev)
{
	u8 isr = dev->isr;

	dev->isr = 0;
	pci_intx_set(&dev->pci, false);
	return isr;
}

static void regs_read(void *opaque, u64 off, u32 size, void *data)
{
	struct virtio_dev *dev = opaque;

	pthread_mutex_lock(&dev->lock);
	if (off < ISR_OFF) {
		common_read(dev, off - COMMON_OFF, size, data);
	} else if (off == ISR_OFF) {
		memset(data, 0, size);
		*(u8 *)data = isr_read(dev);
	} else if (off >= CONFIG_OFF && off < NOTIFY_OFF) {
		config_read(dev, off - CONFIG_OFF, size, data);
	} else {
		memset(data, 0, size);
	}
	pthread_mutex_unlock(&dev->lock);
}

static void regs_write(void *opaque, u64 off, u32 size, const void *data)
{
	struct virtio_dev *dev = opaque;
	u64 index = (off - NOTIFY_OFF) / NOTIFY_STRIDE;

	/* A doorbell comes here only when no ioeventfd took it. */
	if (off >= NOTIFY_OFF) {
		if (index < dev->num_queues)
			virtio_kick_self(&dev->queue[index]);
		return;
	}
	pthread_mutex_lock(&dev->lock);
	if (off < ISR_OFF)
		common_write(dev, off - COMMON_OFF, size, data);
	else if (off >= CONFIG_OFF)
		config_write(dev, off - CONFIG_OFF, size, data);
	pthread_mutex_unlock(&dev->lock);
}

/**
 * virtio_pci_raise - interrupt the guest
 * @dev: device, locked
 * @vector: MSI-X vector, used when the guest has MSI-X on
 * @isr_bit: cause in the ISR register, used otherwise
 */
void virtio_pci_raise(struct virtio_dev *dev, u16 vector, u8 isr_bit)
{
	if (pci_msix_enabled(&dev->pci)) {
		if (vector != VIRTIO_MSI_NO_VECTOR)
			pci_msix_trigger(&dev->pci, vector);
		return;
	}
	dev->isr |= isr_bit;
	pci_intx_set(&dev->pci, true);
}

/**
 * virtio_pci_reset - the transport's part of a device reset
 * @dev: device, locked
 */
void virtio_pci_reset(struct virtio_dev *dev)
{
	dev->isr = 0;
	if (dev->pci.vm)
		pci_intx_set(&dev->pci, false);
}

/*
 * The configuration window (4.1.4.9). PCI calls us with its lock held, and
 * our registers may want to raise an interrupt, which takes that lock again:
 * so it is dropped around the access. Whoever comes in between finds
 * configuration space in order, since the guest's own write is complete.
 */
static void window_access(struct pci_dev *pci, bool write)
{
	struct virtio_dev *dev = pci->opaque;
	struct virtio_pci_cfg_cap *cap = (void *)&pci->config[dev->window];
	u32 off = cap->cap.offset;
	u32 len = cap->cap.length;
	u8 data[4];

	memcpy(data, cap->pci_cfg_data, sizeof(data));
	if (cap->cap.bar != BAR_REGS || (len != 1 && len != 2 && len != 4) || off % len ||
	    !range_fits(off, len, REGS_SIZE))
		return;
	pthread_mutex_unlock(&pci->lock);
	if (write)
		regs_write(dev, off, len, data);
	else
		regs_read(dev, off, len, data);
	pthread_mutex_lock(&pci->lock);
	if (!write)
		memcpy(cap->pci_cfg_data, data, len);
}

static bool touches_window(struct pci_dev *pci, u32 off, u32 size)
{
	struct virtio_dev *dev = pci->opaque;
	u32 data = dev->window + offsetof(struct virtio_pci_cfg_cap, pci_cfg_data);

	return off < data + 4 && data < off + size;
}

static void pci_config_read(struct pci_dev *pci, u32 off, u32 size)
{
	if (touches_window(pci, off, size))
		window_access(pci, false);
}

/*
 * A function that may not master the bus must leave guest memory alone. A
 * kernel that starts another (kexec) relies on it: it clears the bit without
 * resetting the device, and the next driver starts with a reset anyway.
 */
static void check_bus_master(struct pci_dev *pci)
{
	struct virtio_dev *dev = pci->opaque;

	if (pci->config[PCI_COMMAND] & PCI_COMMAND_MASTER)
		return;
	/* For the lock order, as in window_access(). */
	pthread_mutex_unlock(&pci->lock);
	pthread_mutex_lock(&dev->lock);
	if (dev->status & VIRTIO_CONFIG_S_DRIVER_OK)
		virtio_set_status(dev, 0);
	pthread_mutex_unlock(&dev->lock);
	pthread_mutex_lock(&pci->lock);
}

static void pci_config_written(struct pci_dev *pci, u32 off, u32 size)
{
	if (off <= PCI_COMMAND && PCI_COMMAND < off + size)
		check_bus_master(pci);
	if (touches_window(pci, off, size))
		window_access(pci, true);
}

/* Adds or removes the doorbells; pci.lock is held. */
static void doorbells(struct virtio_dev *dev, bool on)
{
	for (u16 i = 0; i < dev->num_queues; i++) {
		u64 addr = dev->doorbell_base + i * NOTIFY_STRIDE;

		/*
		 * Of any width, for the value says nothing new. Where this
		 * fails the write exits to regs_write() and works as well.
		 */
		if (on)
			ioeventfd_attach(dev->vm, addr, 0, 0, 0, dev->queue[i].kick);
		else
			ioeventfd_detach(dev->vm, addr, 0, 0, 0, dev->queue[i].kick);
	}
}

static void pci_bar_moved(struct pci_dev *pci, u32 index, bool mapped)
{
	struct virtio_dev *dev = pci->opaque;

	if (index != BAR_REGS)
		return;
	if (mapped)
		dev->doorbell_base = pci->bar[index].region.base + NOTIFY_OFF;
	if (dev->doorbells_wanted)
		doorbells(dev, mapped);
}

/**
 * virtio_pci_doorbells - connect doorbells to the queues' eventfds
 * @dev: device, not locked
 * @on: connect or disconnect; between the two they follow the BAR
 */
void virtio_pci_doorbells(struct virtio_dev *dev, bool on)
{
	struct pci_dev *pci = &dev->pci;

	pthread_mutex_lock(&pci->lock);
	if (on != dev->doorbells_wanted && pci->bar[BAR_REGS].mapped) {
		dev->doorbell_base = pci->bar[BAR_REGS].region.base + NOTIFY_OFF;
		doorbells(dev, on);
	}
	dev->doorbells_wanted = on;
	pthread_mutex_unlock(&pci->lock);
}

static u32 add_cap(struct pci_dev *pci, u8 type, u32 offset, u32 length, u32 size)
{
	u32 pos = pci_add_cap(pci, PCI_CAP_ID_VNDR, size);
	struct virtio_pci_cap *cap = (void *)&pci->config[pos];

	cap->cap_len = size;
	cap->cfg_type = type;
	cap->bar = BAR_REGS;
	cap->offset = offset;
	cap->length = length;
	return pos;
}

static void add_caps(struct virtio_dev *dev)
{
	const u32 plain = sizeof(struct virtio_pci_cap);
	struct pci_dev *pci = &dev->pci;
	struct virtio_pci_notify_cap *notify;
	struct virtio_pci_cfg_cap *mask;
	u32 pos;

	add_cap(pci, VIRTIO_PCI_CAP_COMMON_CFG, COMMON_OFF, sizeof(common_cfg), plain);
	add_cap(pci, VIRTIO_PCI_CAP_ISR_CFG, ISR_OFF, 1, plain);
	if (dev->config_len)
		add_cap(pci, VIRTIO_PCI_CAP_DEVICE_CFG, CONFIG_OFF, dev->config_len, plain);
	pos = add_cap(pci, VIRTIO_PCI_CAP_NOTIFY_CFG, NOTIFY_OFF, NOTIFY_SIZE, sizeof(*notify));
	notify = (void *)&pci->config[pos];
	notify->notify_off_multiplier = NOTIFY_STRIDE;

	dev->window = add_cap(pci, VIRTIO_PCI_CAP_PCI_CFG, 0, 0, sizeof(*mask));
	mask = (void *)&pci->wmask[dev->window];
	mask->cap.bar = 0xff;
	mask->cap.offset = 0xffffffff;
	mask->cap.length = 0xffffffff;
	memset(mask->pci_cfg_data, 0xff, sizeof(mask->pci_cfg_data));
}

/**
 * virtio_pci_create - describe a device as a PCI function
 * @dev: device with queues and config_len
 * @type: VIRTIO_ID_*
 * @class: PCI class, subclass and programming interface
 *
 * Return: 0 or -ENOMEM.
 */
int virtio_pci_create(struct virtio_dev *dev, u16 type, u32 class)
{
	const struct pci_ids ids = {
		.vendor = PCI_VENDOR_VIRTIO,
		.device = PCI_DEVICE_VIRTIO + type,
		.subsys_vendor = PCI_VENDOR_VIRTIO,
		.subsys = PCI_DEVICE_VIRTIO + type,
		.class = class,
		.revision = PCI_REVISION_MODERN,
	};
	struct pci_dev *pci = &dev->pci;

	pci_dev_init(pci, dev->name, &ids);
	pci->opaque = dev;
	pci->config_read = pci_config_read;
	pci->config_written = pci_config_written;
	pci->bar_moved = pci_bar_moved;
	pci_add_bar(pci, BAR_REGS, 0, REGS_SIZE, regs_read, regs_write, dev);
	add_caps(dev);
	return pci_add_msix(pci, BAR_MSIX, dev->num_queues + 1);
}
