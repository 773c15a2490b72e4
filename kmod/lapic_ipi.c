// SPDX-License-Identifier: GPL-2.0
/*
 * Interrupt messages: who a destination means, and what arrives there.
 */
#include <linux/bitmap.h>

#include "chips.h"
#include "lapic.h"

/* Destinations of 8 and of 32 bits that mean everyone. */
#define BROADCAST_8	0xffU
#define BROADCAST_32	0xffffffffU

/* Whether a message with an 8-bit logical destination is for an xAPIC. */
static bool xapic_logical(const struct hv_lapic *lapic, u32 dest)
{
	u32 ldr = READ_ONCE(lapic->ldr) >> 24;

	if (READ_ONCE(lapic->dfr) == APIC_DFR_FLAT)
		return ldr & dest;
	/* Cluster model: four bits of cluster, four of members. */
	return (ldr ^ dest) < 16 && ldr & dest & 15;
}

static bool addressed(const struct hv_lapic *lapic,
		      const struct hv_apic_msg *msg)
{
	u32 ldr;

	if (!READ_ONCE(lapic->on))
		return false;
	if (msg->dest == (msg->wide ? BROADCAST_32 : BROADCAST_8))
		return true;
	if (!msg->logical)
		return msg->dest == lapic->vcpu->id;
	if (!READ_ONCE(lapic->x2))
		return xapic_logical(lapic, msg->dest);
	ldr = hv_x2apic_ldr(lapic->vcpu->id);
	return ldr >> 16 == msg->dest >> 16 && ldr & msg->dest & 0xffff;
}

static int deliver(struct hv_lapic *lapic, const struct hv_apic_msg *msg)
{
	switch (msg->mode) {
	case HV_DM_FIXED:
	case HV_DM_LOWEST:
		return hv_lapic_post(lapic, msg->vector, msg->level);
	case HV_DM_NMI:
		hv_vcpu_nmi(lapic->vcpu);
		return 1;
	case HV_DM_INIT:
		hv_vcpu_init_ipi(lapic->vcpu);
		return 1;
	case HV_DM_STARTUP:
		hv_vcpu_start_ipi(lapic->vcpu, msg->vector);
		return 1;
	default:
		/*
		 * No SMM and no remote read; ExtINT comes by LINT0 alone, as
		 * no other way leads to the PIC's INTA.
		 */
		return -1;
	}
}

/* Results of several deliveries: how many took it. */
static int add_result(int sum, int r)
{
	if (r < 0)
		return sum;
	return max(sum, 0) + r;
}

static int deliver_map(struct hv_vm *vm, const unsigned long *map,
		       const struct hv_apic_msg *msg)
{
	int r = -1;
	u32 i;

	for_each_set_bit(i, map, HV_MAX_VCPUS)
		r = add_result(r, deliver(vm->vcpu[i]->lapic, msg));
	return r;
}

/*
 * Lowest priority: those who could take it take turns. Priorities of vCPUs that
 * are running elsewhere change too fast for a comparison to mean anything.
 */
static int deliver_lowest(struct hv_irqchip *chip, unsigned long *map,
			  const struct hv_apic_msg *msg)
{
	u32 turn = atomic_inc_return(&chip->turn);
	u32 i, n = 0;

	for_each_set_bit(i, map, HV_MAX_VCPUS) {
		if (READ_ONCE(chip->vm->vcpu[i]->lapic->soft_on))
			n++;
		else
			__clear_bit(i, map);
	}
	if (!n)
		return -1;
	turn %= n;
	for_each_set_bit(i, map, HV_MAX_VCPUS)
		if (!turn--)
			return deliver(chip->vm->vcpu[i]->lapic, msg);
	return -1;
}

/* x2APIC logical destinations name one cluster: at most 16 look-ups. */
static void map_cluster(struct hv_vm *vm, unsigned long *map, u32 dest)
{
	unsigned long members = dest & 0xffff;
	struct hv_vcpu *vcpu;
	u32 i;

	for_each_set_bit(i, &members, 16) {
		vcpu = hv_vcpu_by_id(vm, dest >> 16 << 4 | i);
		if (vcpu && READ_ONCE(vcpu->lapic->x2))
			__set_bit(vcpu->index, map);
	}
}

/**
 * hv_apic_send() - send a message from an IOAPIC, a device or an ICR
 * @chip: the VM's irqchip
 * @msg: the message
 *
 * Context: any; irqchip->lock may be held. Return: how many local APICs have a
 * new request, 0 when all that took it had it pending already, -1 when none
 * took it.
 */
int hv_apic_send(struct hv_irqchip *chip, const struct hv_apic_msg *msg)
{
	DECLARE_BITMAP(map, HV_MAX_VCPUS);
	struct hv_vm *vm = chip->vm;
	struct hv_vcpu *vcpu;
	u32 i, n;

	if (!msg->logical &&
	    msg->dest != (msg->wide ? BROADCAST_32 : BROADCAST_8)) {
		vcpu = hv_vcpu_by_id(vm, msg->dest);
		if (!vcpu || !READ_ONCE(vcpu->lapic->on))
			return -1;
		return deliver(vcpu->lapic, msg);
	}

	bitmap_zero(map, HV_MAX_VCPUS);
	if (msg->wide && msg->dest != BROADCAST_32) {
		map_cluster(vm, map, msg->dest);
	} else {
		n = hv_nr_vcpus(vm);
		for (i = 0; i < n; i++)
			if (addressed(vm->vcpu[i]->lapic, msg))
				__set_bit(i, map);
	}
	if (msg->lowest)
		return deliver_lowest(chip, map, msg);
	return deliver_map(vm, map, msg);
}

/* "All" and "all but me" have no destination field. */
static void icr_all(struct hv_lapic *from, const struct hv_apic_msg *msg,
		    bool self)
{
	struct hv_vm *vm = from->vcpu->vm;
	u32 i, n = hv_nr_vcpus(vm);
	struct hv_lapic *lapic;

	for (i = 0; i < n; i++) {
		lapic = vm->vcpu[i]->lapic;
		if (READ_ONCE(lapic->on) && (self || lapic != from))
			deliver(lapic, msg);
	}
}

/**
 * hv_lapic_icr() - write the interrupt command register: send an IPI
 * @lapic: of the sending vCPU
 * @icr: low half
 * @dest: destination, of 8 bits or, in x2APIC mode, of 32
 *
 * Context: the vCPU's own thread.
 */
void hv_lapic_icr(struct hv_lapic *lapic, u32 icr, u32 dest)
{
	struct hv_apic_msg msg = {
		.dest = dest,
		.wide = lapic->x2,
		.logical = icr & APIC_DEST_LOGICAL,
		.mode = (icr & APIC_MODE_MASK) >> 8,
		.vector = icr & APIC_VECTOR_MASK,
	};

	/* Messages are on their way at once: the busy bit reads as 0. */
	lapic->icr = icr & ~APIC_ICR_BUSY;
	msg.lowest = msg.mode == HV_DM_LOWEST;
	if (msg.mode <= HV_DM_LOWEST && unlikely(msg.vector < 16)) {
		hv_lapic_error(lapic, APIC_ESR_SENDILL);
		return;
	}
	/* INIT level de-assert is of the time before the P4: nothing to do. */
	if (msg.mode == HV_DM_INIT && icr & APIC_INT_LEVELTRIG &&
	    !(icr & APIC_INT_ASSERT))
		return;

	switch (icr & APIC_DEST_ALLBUT) {
	case APIC_DEST_SELF:
		/* Fixed mode only (SDM vol. 3, table 11-3). */
		if (msg.mode == HV_DM_FIXED)
			hv_lapic_post_self(lapic, msg.vector, false);
		break;
	case APIC_DEST_ALLINC:
		icr_all(lapic, &msg, true);
		break;
	case APIC_DEST_ALLBUT:
		icr_all(lapic, &msg, false);
		break;
	default:
		hv_apic_send(lapic->chip, &msg);
	}
}
