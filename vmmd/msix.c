// SPDX-License-Identifier: GPL-2.0
/*
 * MSI-X. See pci.h for what devices call and msix.h for what pci.c does.
 *
 * A vector that vmmd raises itself is sent as a message at once. Only one
 * that the kernel raises through an eventfd takes a GSI, and only while it is
 * unmasked: what happens meanwhile stays in the eventfd, which is thereby the
 * vector's pending bit.
 */
#include <errno.h>
#include <linux/pci_regs.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "msix.h"
#include "vm.h"

#define MSIX_BAR_MIN 4096

/* One entry as the guest sees it in the table (6.8.2.6 and on). */
struct msix_entry {
	u64 addr;
	u32 data;
	u32 control;
};

/**
 * struct msix_vector - one vector; guarded by msix.lock
 * @entry: its table entry
 * @pending: raised while masked
 * @fd: eventfd that raises it, or -1
 * @gsi: GSI taken for @fd, or -1
 * @attached: @fd is bound to @gsi in the kernel
 */
struct msix_vector {
	struct msix_entry entry;
	bool pending;
	int fd;
	int gsi;
	bool attached;
};

/**
 * struct msix - state of a function's MSI-X capability
 * @dev: constant
 * @cap: offset of the capability; constant
 * @vectors: entries of @vec; constant
 * @pba: offset of the pending bits in the BAR; constant
 * @lock: guards what follows; taken with pci_dev.lock held or alone
 * @enabled: MSI-X enable
 * @masked: function mask
 * @vec: the vectors
 */
struct msix {
	struct pci_dev *dev;
	u32 cap;
	u32 vectors;
	u32 pba;
	pthread_mutex_t lock;
	bool enabled;
	bool masked;
	struct msix_vector vec[];
};

static bool msix_live(const struct msix *m, const struct msix_vector *v)
{
	return m->enabled && !m->masked && !(v->entry.control & PCI_MSIX_ENTRY_CTRL_MASKBIT);
}

static void msix_detach(struct msix *m, struct msix_vector *v)
{
	if (v->attached)
		irqfd_detach(m->dev->vm, (u32)v->gsi, v->fd);
	v->attached = false;
}

static int msix_attach(struct msix *m, struct msix_vector *v)
{
	struct vm *vm = m->dev->vm;
	int ret;

	if (v->gsi < 0)
		ret = v->gsi = irq_msi_route(vm, v->entry.addr, v->entry.data);
	else
		ret = irq_msi_reroute(vm, (u32)v->gsi, v->entry.addr, v->entry.data);
	if (ret >= 0 && !v->attached) {
		ret = irqfd_attach(vm, (u32)v->gsi, v->fd, -1);
		v->attached = !ret;
	}
	return ret < 0 ? ret : 0;
}

/* Bring a vector in line with its mask bits. */
static int msix_update(struct msix *m, struct msix_vector *v)
{
	int ret = 0;

	if (!msix_live(m, v)) {
		msix_detach(m, v);
		return 0;
	}
	if (v->pending) {
		v->pending = false;
		irq_msi_send(m->dev->vm, v->entry.addr, v->entry.data);
	}
	if (v->fd >= 0)
		ret = msix_attach(m, v);
	return ret;
}

static void msix_update_guest(struct msix *m, struct msix_vector *v)
{
	int ret = msix_update(m, v);

	if (ret)
		guest_fail(m->dev->vm, "%s: interrupt vector %u: %s", m->dev->name,
			   (u32)(v - m->vec), strerror(-ret));
}

static void msix_read_pba(const struct msix *m, u32 byte, u32 size, u8 *data)
{
	u32 i, vector;

	for (i = 0; i < size * 8; i++) {
		struct pollfd raised = {.events = POLLIN};

		vector = byte * 8 + i;
		if (vector >= m->vectors)
			return;
		/* poll() ignores a negative descriptor. */
		raised.fd = m->vec[vector].attached ? -1 : m->vec[vector].fd;
		if (m->vec[vector].pending || poll(&raised, 1, 0) > 0)
			data[i / 8] |= (u8)(1U << i % 8);
	}
}

static void msix_read(void *opaque, u64 off, u32 size, void *data)
{
	struct msix *m = opaque;
	u8 *out = data;
	u32 i;

	memset(out, 0, size);
	pthread_mutex_lock(&m->lock);
	if (off >= m->pba) {
		msix_read_pba(m, (u32)off - m->pba, size, out);
	} else {
		for (i = 0; i < size; i++, off++) {
			u64 vector = off / sizeof(struct msix_entry);

			if (vector < m->vectors)
				out[i] = ((u8 *)&m->vec[vector]
						  .entry)[off % sizeof(struct msix_entry)];
		}
	}
	pthread_mutex_unlock(&m->lock);
}

/* Aligned accesses of 4 or 8 bytes are all that is defined (6.8.2). */
static void msix_write(void *opaque, u64 off, u32 size, const void *data)
{
	struct msix *m = opaque;
	u64 vector = off / sizeof(struct msix_entry);
	struct msix_vector *v;

	if (vector >= m->vectors || size < 4 || off % size)
		return;
	v = &m->vec[vector];
	pthread_mutex_lock(&m->lock);
	memcpy((u8 *)&v->entry + off % sizeof(v->entry), data, size);
	v->entry.control &= PCI_MSIX_ENTRY_CTRL_MASKBIT;
	msix_update_guest(m, v);
	pthread_mutex_unlock(&m->lock);
}

static u32 round_up_pow2(u32 n)
{
	return n > 1 ? 1U << (32 - __builtin_clz(n - 1)) : 1;
}

int pci_add_msix(struct pci_dev *dev, u32 bar, u32 vectors)
{
	u32 table = round_up_pow2(vectors * (u32)sizeof(struct msix_entry));
	u32 size = 2 * table > MSIX_BAR_MIN ? 2 * table : MSIX_BAR_MIN;
	struct msix *m;
	u32 i, offset;
	u16 flags;

	m = calloc(1, sizeof(*m) + vectors * sizeof(m->vec[0]));
	if (!m)
		return -ENOMEM;
	m->dev = dev;
	m->vectors = vectors;
	m->pba = size / 2;
	pthread_mutex_init(&m->lock, NULL);
	for (i = 0; i < vectors; i++)
		m->vec[i] = (struct msix_vector){
			.entry.control = PCI_MSIX_ENTRY_CTRL_MASKBIT,
			.fd = -1,
			.gsi = -1,
		};

	m->cap = pci_add_cap(dev, PCI_CAP_ID_MSIX, PCI_CAP_MSIX_SIZEOF);
	flags = (u16)(vectors - 1);
	memcpy(dev->config + m->cap + PCI_MSIX_FLAGS, &flags, sizeof(flags));
	offset = bar;
	memcpy(dev->config + m->cap + PCI_MSIX_TABLE, &offset, sizeof(offset));
	offset = bar | m->pba;
	memcpy(dev->config + m->cap + PCI_MSIX_PBA, &offset, sizeof(offset));
	flags = PCI_MSIX_FLAGS_ENABLE | PCI_MSIX_FLAGS_MASKALL;
	memcpy(dev->wmask + m->cap + PCI_MSIX_FLAGS, &flags, sizeof(flags));

	pci_add_bar(dev, bar, 0, size, msix_read, msix_write, m);
	dev->msix = m;
	return 0;
}

void msix_config_written(struct pci_dev *dev)
{
	struct msix *m = dev->msix;
	u16 flags;
	u32 i;

	memcpy(&flags, dev->config + m->cap + PCI_MSIX_FLAGS, sizeof(flags));
	pthread_mutex_lock(&m->lock);
	if (m->enabled != !!(flags & PCI_MSIX_FLAGS_ENABLE) ||
	    m->masked != !!(flags & PCI_MSIX_FLAGS_MASKALL)) {
		m->enabled = flags & PCI_MSIX_FLAGS_ENABLE;
		m->masked = flags & PCI_MSIX_FLAGS_MASKALL;
		for (i = 0; i < m->vectors; i++)
			msix_update_guest(m, &m->vec[i]);
	}
	pthread_mutex_unlock(&m->lock);
}

void msix_reset(struct pci_dev *dev)
{
	struct msix *m = dev->msix;
	struct msix_vector *v;
	u32 i;

	if (!m)
		return;
	pthread_mutex_lock(&m->lock);
	m->enabled = false;
	m->masked = false;
	for (i = 0; i < m->vectors; i++) {
		v = &m->vec[i];
		msix_detach(m, v);
		if (v->gsi >= 0)
			irq_msi_unroute(dev->vm, (u32)v->gsi);
		*v = (struct msix_vector){
			.entry.control = PCI_MSIX_ENTRY_CTRL_MASKBIT,
			.fd = -1,
			.gsi = -1,
		};
	}
	pthread_mutex_unlock(&m->lock);
}

void msix_free(struct pci_dev *dev)
{
	if (!dev->msix)
		return;
	msix_reset(dev);
	pthread_mutex_destroy(&dev->msix->lock);
	free(dev->msix);
	dev->msix = NULL;
}

bool pci_msix_enabled(struct pci_dev *dev)
{
	bool enabled;

	if (!dev->msix)
		return false;
	pthread_mutex_lock(&dev->msix->lock);
	enabled = dev->msix->enabled;
	pthread_mutex_unlock(&dev->msix->lock);
	return enabled;
}

void pci_msix_trigger(struct pci_dev *dev, u32 vector)
{
	struct msix *m = dev->msix;

	if (!m || vector >= m->vectors)
		return;
	/* Sending under the lock keeps a masked vector silent from then on. */
	pthread_mutex_lock(&m->lock);
	m->vec[vector].pending = true;
	if (msix_live(m, &m->vec[vector])) {
		m->vec[vector].pending = false;
		irq_msi_send(dev->vm, m->vec[vector].entry.addr, m->vec[vector].entry.data);
	}
	pthread_mutex_unlock(&m->lock);
}

int pci_msix_irqfd(struct pci_dev *dev, u32 vector, int fd)
{
	struct msix *m = dev->msix;
	int ret;

	if (!m || vector >= m->vectors)
		return -EINVAL;
	pthread_mutex_lock(&m->lock);
	msix_detach(m, &m->vec[vector]);
	m->vec[vector].fd = fd;
	ret = msix_update(m, &m->vec[vector]);
	pthread_mutex_unlock(&m->lock);
	return ret;
}
