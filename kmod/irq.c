// SPDX-License-Identifier: GPL-2.0
/*
 * The VM's irqchip as a whole: where a GSI leads, messages of MSI format,
 * and the ports and addresses at which the guest finds the chips.
 */
#include <linux/nospec.h>
#include <linux/slab.h>
#include <asm/apicdef.h>

#include "chips.h"
#include "lapic.h"
#include "xen.h"

/* MSI address and data (SDM vol. 3, 11.11). */
#define MSI_DEST_SHIFT	12
#define MSI_HINT	BIT(3)
#define MSI_LOGICAL	BIT(2)

#define IOAPIC_SIZE	0x100

/* ------------------------------------------------------------ MSI */

static int msi_send(struct hv_irqchip *chip, u64 address, u32 data)
{
	u64 flags = READ_ONCE(chip->vm->x2apic_flags);
	struct hv_apic_msg msg = {
		.dest = (u32)address >> MSI_DEST_SHIFT & 0xff,
		.logical = address & MSI_LOGICAL,
		.level = data & APIC_INT_LEVELTRIG,
		.mode = (data & APIC_MODE_MASK) >> 8,
		.vector = data & APIC_VECTOR_MASK,
	};

	if (flags & KVM_X2APIC_API_USE_32BIT_IDS)
		msg.dest |= (address >> 32) & 0xffffff00;
	/* 255 is everyone, unless user space knows of an APIC of that number. */
	msg.wide = msg.dest > 0xff ||
		   (msg.dest == 0xff && !msg.logical &&
		    flags & KVM_X2APIC_API_DISABLE_BROADCAST_QUIRK);
	msg.lowest = msg.mode == HV_DM_LOWEST || address & MSI_HINT;
	return hv_apic_send(chip, &msg);
}

/**
 * hv_msi_send() - a device writes a message
 * @vm: the VM
 * @address: 64 bits; the upper half extends the destination if user space has
 *	     enabled KVM_X2APIC_API_USE_32BIT_IDS
 * @data: what it writes
 *
 * Context: any. Return: >0 delivered to so many, 0 coalesced, -1 nobody took
 * it or there is no irqchip.
 */
int hv_msi_send(struct hv_vm *vm, u64 address, u32 data)
{
	struct hv_irqchip *chip = READ_ONCE(vm->irqchip);

	return chip ? msi_send(chip, address, data) : -1;
}

/**
 * hv_signal_msi() - KVM_SIGNAL_MSI
 * @vm: the VM
 * @msi: address and data
 *
 * Return: >0 delivered, 0 blocked by the guest, -EINVAL without an irqchip or
 * for flags.
 */
int hv_signal_msi(struct hv_vm *vm, const struct kvm_msi *msi)
{
	if (!READ_ONCE(vm->irqchip) || msi->flags)
		return -EINVAL;
	return max(0, hv_msi_send(vm, (u64)msi->address_hi << 32 | msi->address_lo,
				  msi->data));
}

/* ------------------------------------------------------------ routing */

static int route_set(struct hv_irqchip *chip, const struct hv_route *route,
		     enum hv_irq_source source, bool level)
{
	if (route->type == KVM_IRQ_ROUTING_MSI)
		return level ? msi_send(chip, route->address, route->data) : -1;
	if (route->type == KVM_IRQ_ROUTING_XEN_EVTCHN)
		return level ? hv_xen_evtchn(chip->vm, route->vcpu, route->port) : -1;
	if (route->chip == KVM_IRQCHIP_IOAPIC)
		return hv_ioapic_line(chip, source, route->pin, level);
	return hv_pic_line(chip, source, route->pin + 8 * route->chip, level);
}

static int routes_set(struct hv_irqchip *chip, enum hv_irq_source source,
		      u32 gsi, bool level, bool pulse)
{
	const struct hv_routing *routing;
	int sum = -1, r;
	u32 i;

	rcu_read_lock();
	routing = rcu_dereference(chip->routing);
	if (gsi < routing->nr_gsi) {
		gsi = array_index_nospec(gsi, routing->nr_gsi);
		for (i = routing->start[gsi]; i < routing->start[gsi + 1]; i++) {
			r = route_set(chip, &routing->route[i], source, level);
			if (pulse && routing->route[i].type == KVM_IRQ_ROUTING_IRQCHIP)
				route_set(chip, &routing->route[i], source, false);
			if (r >= 0)
				sum = max(sum, 0) + r;
		}
	}
	rcu_read_unlock();
	return sum;
}

/**
 * hv_gsi_set() - set the level of a global system interrupt
 * @vm: the VM
 * @source: on whose behalf; the line is high while any source holds it up
 * @gsi: number; nothing happens where it leads nowhere
 * @level: high or low
 *
 * Context: any. Return: >0 delivered to so many vCPUs, 0 coalesced with an
 * earlier one, -1 ignored (masked, no route, no irqchip).
 */
int hv_gsi_set(struct hv_vm *vm, enum hv_irq_source source, u32 gsi, bool level)
{
	struct hv_irqchip *chip = READ_ONCE(vm->irqchip);

	return chip ? routes_set(chip, source, gsi, level, false) : -1;
}

int hv_gsi_pulse(struct hv_irqchip *chip, enum hv_irq_source source, u32 gsi)
{
	return routes_set(chip, source, gsi, true, true);
}

void hv_irq_acked(struct hv_irqchip *chip, u32 chip_id, u32 pin)
{
	const struct hv_routing *routing;
	int gsi;

	if (!READ_ONCE(chip->irqfds.nr_resamplers))
		return;
	rcu_read_lock();
	routing = rcu_dereference(chip->routing);
	gsi = routing->gsi_of[chip_id][pin];
	if (gsi >= 0)
		hv_irqfd_resample(chip, gsi);
	rcu_read_unlock();
}

/**
 * hv_irq_of_user_pin() - whether user space has to hear of an EOI
 * @chip: the irqchip, which is split
 * @vector: that has been ended, having been level triggered
 *
 * User space tells what its IOAPIC sends by routes for its pins.
 *
 * Context: any.
 */
bool hv_irq_of_user_pin(struct hv_irqchip *chip, u8 vector)
{
	const struct hv_routing *routing;
	bool found = false;
	u32 i, n;

	rcu_read_lock();
	routing = rcu_dereference(chip->routing);
	n = routing->start[min(chip->nr_user_pins, routing->nr_gsi)];
	for (i = 0; i < n && !found; i++) {
		const struct hv_route *route = &routing->route[i];

		found = route->type == KVM_IRQ_ROUTING_MSI &&
			route->data & APIC_INT_LEVELTRIG &&
			(route->data & APIC_VECTOR_MASK) == vector;
	}
	rcu_read_unlock();
	return found;
}

static int route_parse(const struct kvm_irq_routing_entry *entry, bool split,
		       u64 x2apic_flags, struct hv_route *route)
{
	u32 pins;

	if (entry->gsi >= HV_GSI_MAX || entry->flags)
		return -EINVAL;
	route->gsi = entry->gsi;
	route->type = entry->type;
	switch (entry->type) {
	case KVM_IRQ_ROUTING_IRQCHIP:
		route->chip = entry->u.irqchip.irqchip;
		route->pin = entry->u.irqchip.pin;
		if (split || route->chip >= HV_CHIPS)
			return -EINVAL;
		pins = route->chip == KVM_IRQCHIP_IOAPIC ?
		       KVM_IOAPIC_NUM_PINS : HV_PIC_PINS / 2;
		return route->pin < pins ? 0 : -EINVAL;
	case KVM_IRQ_ROUTING_MSI:
		/* The low byte of the upper half is no part of an APIC ID. */
		if (x2apic_flags & KVM_X2APIC_API_USE_32BIT_IDS &&
		    entry->u.msi.address_hi & 0xff)
			return -EINVAL;
		route->address = (u64)entry->u.msi.address_hi << 32 |
				 entry->u.msi.address_lo;
		route->data = entry->u.msi.data;
		return 0;
	case KVM_IRQ_ROUTING_XEN_EVTCHN:
		route->vcpu = entry->u.xen_evtchn.vcpu;
		route->port = entry->u.xen_evtchn.port;
		if (!route->port || route->port >= HV_XEN_PORTS ||
		    entry->u.xen_evtchn.priority !=
		    KVM_IRQ_ROUTING_XEN_EVTCHN_PRIO_2LEVEL)
			return -EINVAL;
		return 0;
	default:
		return -EINVAL;
	}
}

/* A GSI leads to one message or event, or to at most one pin of each chip. */
static bool routes_clash(const struct hv_route *a, const struct hv_route *b)
{
	return a->type != KVM_IRQ_ROUTING_IRQCHIP ||
	       b->type != KVM_IRQ_ROUTING_IRQCHIP || a->chip == b->chip;
}

static int routing_fill(struct hv_routing *routing,
			const struct kvm_irq_routing_entry *entries, u32 nr,
			bool split, u64 x2apic_flags)
{
	struct hv_route *to, route;
	u32 i, j;
	int r;

	memset(routing->gsi_of, 0xff, sizeof(routing->gsi_of));
	/* Count, sum up, and fill each GSI's part from its end. */
	for (i = 0; i < nr; i++)
		if (entries[i].gsi < routing->nr_gsi)
			routing->start[entries[i].gsi]++;
	for (i = 1; i <= routing->nr_gsi; i++)
		routing->start[i] += routing->start[i - 1];

	for (i = nr; i-- > 0;) {
		r = route_parse(&entries[i], split, x2apic_flags, &route);
		if (r)
			return r;
		j = --routing->start[route.gsi];
		to = &routing->route[j];
		*to = route;
		/* Those of the same GSI that are there already come next. */
		while (++j < nr && routing->route[j].type &&
		       routing->route[j].gsi == route.gsi)
			if (routes_clash(to, &routing->route[j]))
				return -EINVAL;
		if (route.type == KVM_IRQ_ROUTING_IRQCHIP)
			routing->gsi_of[route.chip][route.pin] = route.gsi;
	}
	return 0;
}

static struct hv_routing *
routing_make(const struct kvm_irq_routing_entry *entries, u32 nr, bool split,
	     u64 x2apic_flags)
{
	struct hv_routing *routing;
	u32 i, nr_gsi = 0;
	int r;

	if (nr > HV_GSI_MAX)
		return ERR_PTR(-EINVAL);
	for (i = 0; i < nr; i++)
		if (entries[i].gsi < HV_GSI_MAX)
			nr_gsi = max(nr_gsi, entries[i].gsi + 1);
	routing = kvzalloc(struct_size(routing, route, nr) +
			   (nr_gsi + 1) * sizeof(*routing->start),
			   GFP_KERNEL_ACCOUNT);
	if (!routing)
		return ERR_PTR(-ENOMEM);
	routing->nr_gsi = nr_gsi;
	routing->start = (u16 *)&routing->route[nr];
	r = routing_fill(routing, entries, nr, split, x2apic_flags);
	if (r) {
		kvfree(routing);
		return ERR_PTR(r);
	}
	return routing;
}

/**
 * hv_gsi_routing_set() - KVM_SET_GSI_ROUTING: replace all routes
 * @vm: the VM
 * @entries: copied from user space, not trusted
 * @nr: how many; 0 leaves no route
 *
 * On return nothing is delivered by the old routes any more.
 *
 * Context: takes vm->lock, may sleep. Return: 0, -EINVAL for a route that
 * cannot be or without an irqchip, -ENOMEM.
 */
int hv_gsi_routing_set(struct hv_vm *vm,
		       const struct kvm_irq_routing_entry *entries, u32 nr)
{
	struct hv_irqchip *chip = READ_ONCE(vm->irqchip);
	struct hv_routing *routing, *old;

	if (!chip)
		return -EINVAL;
	routing = routing_make(entries, nr, chip->split,
			       READ_ONCE(vm->x2apic_flags));
	if (IS_ERR(routing))
		return PTR_ERR(routing);

	mutex_lock(&vm->lock);
	old = rcu_replace_pointer(chip->routing, routing,
				  lockdep_is_held(&vm->lock));
	mutex_unlock(&vm->lock);
	synchronize_rcu_expedited();
	kvfree(old);
	return 0;
}

/* What the KVM API promises after KVM_CREATE_IRQCHIP: pin for pin. */
static struct hv_routing *routing_default(void)
{
	struct kvm_irq_routing_entry *entries, *e;
	struct hv_routing *routing;
	u32 gsi;

	entries = kcalloc(HV_PIC_PINS + KVM_IOAPIC_NUM_PINS, sizeof(*entries),
			  GFP_KERNEL);
	if (!entries)
		return ERR_PTR(-ENOMEM);
	e = entries;
	for (gsi = 0; gsi < KVM_IOAPIC_NUM_PINS; gsi++, e++) {
		e->gsi = gsi;
		e->type = KVM_IRQ_ROUTING_IRQCHIP;
		e->u.irqchip.irqchip = KVM_IRQCHIP_IOAPIC;
		e->u.irqchip.pin = gsi;
	}
	for (gsi = 0; gsi < HV_PIC_PINS; gsi++, e++) {
		e->gsi = gsi;
		e->type = KVM_IRQ_ROUTING_IRQCHIP;
		e->u.irqchip.irqchip = gsi / 8;
		e->u.irqchip.pin = gsi % 8;
	}
	routing = routing_make(entries, e - entries, false, 0);
	kfree(entries);
	return routing;
}

/* ------------------------------------------------------------ life */

static int irqchip_create(struct hv_vm *vm, bool split, u32 pins)
{
	struct hv_irqchip *chip;
	struct hv_routing *routing;
	int r = 0;

	chip = kzalloc(sizeof(*chip), GFP_KERNEL_ACCOUNT);
	if (!chip)
		return -ENOMEM;
	routing = split ? routing_make(NULL, 0, true, 0) : routing_default();
	if (IS_ERR(routing)) {
		kfree(chip);
		return PTR_ERR(routing);
	}
	chip->vm = vm;
	chip->split = split;
	chip->nr_user_pins = pins;
	raw_spin_lock_init(&chip->lock);
	RCU_INIT_POINTER(chip->routing, routing);
	hv_pic_init(chip);
	hv_ioapic_init(chip);
	hv_irqfds_init(&chip->irqfds);

	mutex_lock(&vm->lock);
	if (vm->irqchip)
		r = -EEXIST;
	else if (vm->nr_vcpus)
		r = -EINVAL;
	else
		/* Found without the lock by whoever delivers. */
		smp_store_release(&vm->irqchip, chip);
	mutex_unlock(&vm->lock);
	if (r) {
		kvfree(routing);
		kfree(chip);
	}
	return r;
}

/**
 * hv_irqchip_create() - KVM_CREATE_IRQCHIP
 * @vm: the VM
 *
 * Context: takes vm->lock. Return: 0, -EEXIST, -EINVAL when there are vCPUs
 * already, which would be without local APICs, -ENOMEM.
 */
int hv_irqchip_create(struct hv_vm *vm)
{
	return irqchip_create(vm, false, 0);
}

/**
 * hv_irqchip_split() - KVM_CAP_SPLIT_IRQCHIP: local APICs, and nothing else
 * @vm: the VM
 * @pins: so many GSIs are the pins of user space's IOAPIC
 *
 * User space has PIC, IOAPIC and PIT. What its IOAPIC sends it tells by routes;
 * of their EOIs it hears by KVM_EXIT_IOAPIC_EOI. Its PIC speaks by KVM_INTERRUPT.
 *
 * Context: takes vm->lock. Return: as hv_irqchip_create(), and -EINVAL for
 * more pins than GSIs.
 */
int hv_irqchip_split(struct hv_vm *vm, u64 pins)
{
	return pins > HV_GSI_MAX ? -EINVAL : irqchip_create(vm, true, pins);
}

bool hv_pic_in_kernel(struct hv_vm *vm)
{
	lockdep_assert_held(&vm->lock);
	return vm->irqchip && !vm->irqchip->split;
}

/**
 * hv_irqchip_stop() - no timer of the irqchip fires after this
 * @vm: the VM, which nobody refers to any more
 *
 * Context: may sleep. The vCPUs' own timers end with them.
 */
void hv_irqchip_stop(struct hv_vm *vm)
{
	if (vm->irqchip)
		hv_pit_stop(vm->irqchip);
}

/**
 * hv_irqchip_destroy() - free the irqchip
 * @vm: the VM, whose vCPUs and irqfds are gone
 */
void hv_irqchip_destroy(struct hv_vm *vm)
{
	struct hv_irqchip *chip = vm->irqchip;

	if (!chip)
		return;
	kvfree(rcu_dereference_protected(chip->routing, true));
	kfree(chip->pit);
	kfree(chip);
	vm->irqchip = NULL;
}

/**
 * hv_irqchip_get() - KVM_GET_IRQCHIP
 * @vm: the VM
 * @chip: chip_id says which; its state is filled in
 *
 * Return: 0, -ENXIO without such chips, -EINVAL for another chip_id.
 */
int hv_irqchip_get(struct hv_vm *vm, struct kvm_irqchip *chip)
{
	struct hv_irqchip *irqchip = READ_ONCE(vm->irqchip);

	if (!irqchip || irqchip->split)
		return -ENXIO;
	switch (chip->chip_id) {
	case KVM_IRQCHIP_PIC_MASTER:
	case KVM_IRQCHIP_PIC_SLAVE:
		hv_pic_get(irqchip, chip->chip_id, &chip->chip.pic);
		return 0;
	case KVM_IRQCHIP_IOAPIC:
		hv_ioapic_get(irqchip, &chip->chip.ioapic);
		return 0;
	}
	return -EINVAL;
}

/**
 * hv_irqchip_set() - KVM_SET_IRQCHIP
 * @vm: the VM
 * @chip: chip_id says which
 *
 * Return: as hv_irqchip_get().
 */
int hv_irqchip_set(struct hv_vm *vm, const struct kvm_irqchip *chip)
{
	struct hv_irqchip *irqchip = READ_ONCE(vm->irqchip);

	if (!irqchip || irqchip->split)
		return -ENXIO;
	switch (chip->chip_id) {
	case KVM_IRQCHIP_PIC_MASTER:
	case KVM_IRQCHIP_PIC_SLAVE:
		hv_pic_set(irqchip, chip->chip_id, &chip->chip.pic);
		return 0;
	case KVM_IRQCHIP_IOAPIC:
		hv_ioapic_set(irqchip, &chip->chip.ioapic);
		return 0;
	}
	return -EINVAL;
}

/* ------------------------------------------------------------ accesses */

enum port_owner { PORT_NONE, PORT_PIC, PORT_PIT };

static enum port_owner port_owner(struct hv_irqchip *chip, u32 port)
{
	struct hv_pit *pit;

	switch (port) {
	case 0x20 ... 0x21:
	case 0xa0 ... 0xa1:
	case 0x4d0 ... 0x4d1:
		return PORT_PIC;
	case 0x40 ... 0x43:
		return READ_ONCE(chip->pit) ? PORT_PIT : PORT_NONE;
	case 0x61:
		pit = READ_ONCE(chip->pit);
		return pit && pit->speaker ? PORT_PIT : PORT_NONE;
	}
	return PORT_NONE;
}

static u8 port_read(struct hv_irqchip *chip, u32 port)
{
	switch (port_owner(chip, port)) {
	case PORT_PIC:
		return hv_pic_read(chip, port);
	case PORT_PIT:
		return hv_pit_read(chip->pit, port);
	default:
		return 0xff;
	}
}

static void port_write(struct hv_irqchip *chip, u32 port, u8 value)
{
	switch (port_owner(chip, port)) {
	case PORT_PIC:
		hv_pic_write(chip, port, value);
		break;
	case PORT_PIT:
		hv_pit_write(chip->pit, port, value);
		break;
	default:
		break;
	}
}

/**
 * hv_kernel_pio() - port access to PIC, ELCR, PIT and port 0x61
 * @vcpu: who accesses
 * @port: first port
 * @size: 1, 2 or 4 bytes; the chips are 8 bits wide, so it is split as the bus
 *	  does it
 * @in: read
 * @data: @size bytes
 *
 * Context: own thread, IRQs off or on. Return: HV_RESUME when done,
 * HV_NOT_HERE when the first port is nobody's.
 */
int hv_kernel_pio(struct hv_vcpu *vcpu, u16 port, u8 size, bool in, void *data)
{
	struct hv_irqchip *chip = vcpu->vm->irqchip;
	u8 *bytes = data;
	u32 i;

	if (!chip || chip->split || port_owner(chip, port) == PORT_NONE)
		return HV_NOT_HERE;
	for (i = 0; i < size; i++) {
		if (in)
			bytes[i] = port_read(chip, port + i);
		else
			port_write(chip, port + i, bytes[i]);
	}
	return HV_RESUME;
}

/**
 * hv_kernel_mmio() - memory access to the IOAPIC
 * @vcpu: who accesses
 * @gpa: guest-physical address
 * @size: 1, 2, 4 or 8 bytes
 * @write: write
 * @data: @size bytes
 *
 * Registers have 32 bits: shorter reads get their low part, longer ones zeroes.
 *
 * Context: own thread, IRQs off or on. Return: as hv_kernel_pio().
 */
int hv_kernel_mmio(struct hv_vcpu *vcpu, u64 gpa, u8 size, bool write,
		   void *data)
{
	struct hv_irqchip *chip = vcpu->vm->irqchip;
	u64 offset, value = 0;

	if (!chip || chip->split)
		return HV_NOT_HERE;
	offset = gpa - READ_ONCE(chip->ioapic.s.base_address);
	if (offset >= IOAPIC_SIZE)
		return HV_NOT_HERE;
	if (write) {
		memcpy(&value, data, size);
		hv_ioapic_write(chip, offset, value);
	} else {
		value = hv_ioapic_read(chip, offset);
		memcpy(data, &value, size);
	}
	return HV_RESUME;
}
