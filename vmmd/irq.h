/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Interrupts into the guest and doorbells out of it.
 *
 * GSI 0-23 are the pins of the I/O APIC (0-15 also those of the two PICs);
 * from IRQ_MSI_BASE on, GSIs are handed out to messages, so that an irqfd can
 * raise them. A thread of vmmd that wants to send a message needs no GSI: it
 * calls irq_msi_send(). Inside the sandbox the calls below use the VM ioctls
 * KVM_IRQ_LINE, KVM_SIGNAL_MSI, KVM_SET_GSI_ROUTING, KVM_IRQFD and
 * KVM_IOEVENTFD, from vCPU, I/O and main threads alike.
 */
#ifndef VMMD_IRQ_H
#define VMMD_IRQ_H

#include <pthread.h>
#include "types.h"

struct vm;

#define IRQ_IOAPIC_PINS 24
#define IRQ_MSI_BASE	IRQ_IOAPIC_PINS
#define IRQ_MSI_MAX	256

/* Who sits on which pin. PCI INTx lines share the rest, 16-23. */
#define IRQ_TIMER     0
#define IRQ_KEYBOARD  1
#define IRQ_SERIAL0   4
#define IRQ_RTC	      8
#define IRQ_SCI	      9
#define IRQ_PCI_FIRST 16
#define IRQ_PCI_COUNT 8

/**
 * struct irq_msi - a message that has a GSI
 * @addr: message address
 * @data: message data
 * @used: entry is handed out
 */
struct irq_msi {
	u64 addr;
	u32 data;
	bool used;
};

/**
 * struct irq_state - the routing table
 * @lock: guards all fields below; made by vm_create()
 * @msi: message of GSI IRQ_MSI_BASE + index
 * @shared: how many sources hold each shared (PCI) line up
 */
struct irq_state {
	pthread_mutex_t lock;
	struct irq_msi msi[IRQ_MSI_MAX];
	u32 shared[IRQ_IOAPIC_PINS];
};

/**
 * irq_init() - create the in-kernel irqchip and PIT and the default routes
 * @vm: VM without vCPUs
 *
 * Return: 0 or a negative errno (logged).
 */
int irq_init(struct vm *vm);

/**
 * irq_set() - drive a pin with one source
 * @vm: the VM
 * @gsi: 0-23
 * @level: asserted or not; an edge-triggered source pulses with irq_pulse()
 *
 * Context: any thread.
 */
void irq_set(struct vm *vm, u32 gsi, bool level);

/** irq_pulse() - raise and drop an edge-triggered pin */
void irq_pulse(struct vm *vm, u32 gsi);

/**
 * irq_share() - one source of a shared level-triggered pin changes
 * @vm: the VM
 * @gsi: 0-23
 * @level: new level of this source, which must differ from its last one
 *
 * The pin is asserted while any source asserts it.
 */
void irq_share(struct vm *vm, u32 gsi, bool level);

/**
 * irq_msi_send() - deliver a message-signalled interrupt now
 * @vm: the VM
 * @addr: message address as the guest programmed it
 * @data: message data
 *
 * A malformed message is dropped, as hardware does. Context: any thread.
 */
void irq_msi_send(struct vm *vm, u64 addr, u32 data);

/**
 * irq_msi_route() - get a GSI that delivers a message, for an irqfd
 * @vm: the VM
 * @addr: message address
 * @data: message data
 *
 * Return: the GSI, -ENOSPC when all are taken, or another negative errno.
 */
int irq_msi_route(struct vm *vm, u64 addr, u32 data);

/** irq_msi_reroute() - change the message of a GSI; 0 or a negative errno */
int irq_msi_reroute(struct vm *vm, u32 gsi, u64 addr, u32 data);

/** irq_msi_unroute() - give a GSI back; its irqfd is detached already */
void irq_msi_unroute(struct vm *vm, u32 gsi);

/**
 * irqfd_attach() - let an eventfd raise a GSI without leaving the kernel
 * @vm: the VM
 * @gsi: a pin or a GSI of irq_msi_route()
 * @fd: eventfd; an event already pending is delivered at once
 * @resamplefd: eventfd signalled when the guest acknowledges a level
 *		interrupt, or -1 for edge
 *
 * Return: 0 or a negative errno.
 */
int irqfd_attach(struct vm *vm, u32 gsi, int fd, int resamplefd);

/** irqfd_detach() - undo; events stay in the eventfd from then on */
void irqfd_detach(struct vm *vm, u32 gsi, int fd);

/* Flags of ioeventfd_attach() */
#define IOEVENTFD_PIO	    (1U << 0) /* a port, else MMIO */
#define IOEVENTFD_DATAMATCH (1U << 1) /* only writes of this value */

/**
 * ioeventfd_attach() - a guest write signals an eventfd, without an exit
 * @vm: the VM
 * @addr: port or guest physical address
 * @len: 1, 2, 4 or 8 bytes, or 0 for a write of any size (not with a match)
 * @datamatch: value to match with IOEVENTFD_DATAMATCH
 * @flags: IOEVENTFD_*
 * @fd: the eventfd
 *
 * Return: 0 or a negative errno.
 */
int ioeventfd_attach(struct vm *vm, u64 addr, u32 len, u64 datamatch, u32 flags, int fd);

/** ioeventfd_detach() - undo; same arguments */
void ioeventfd_detach(struct vm *vm, u64 addr, u32 len, u64 datamatch, u32 flags, int fd);

#endif /* VMMD_IRQ_H */
