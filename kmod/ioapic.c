// SPDX-License-Identifier: GPL-2.0
/*
 * The 82093AA IOAPIC: 24 lines in, interrupt messages out.
 *
 * s.irr holds what the pins ask for: the level of a level-triggered pin, and
 * of an edge-triggered one nothing beyond the moment of its edge.
 */
#include <linux/bitops.h>
#include <asm/apicdef.h>

#include "chips.h"
#include "lapic.h"

#define IOAPIC_VERSION	(0x11 | (KVM_IOAPIC_NUM_PINS - 1) << 16)

/* Offsets in the page; registers behind the window. */
#define IOAPIC_SELECT	0x00
#define IOAPIC_WINDOW	0x10
#define IOAPIC_REG_ID	0
#define IOAPIC_REG_VER	1
#define IOAPIC_REG_ARB	2
#define IOAPIC_REG_RED	0x10	/* two for each pin */

/* Bits of a redirection entry (82093AA, 3.2.4). */
#define RED_VECTOR	0xffULL
#define RED_MODE_SHIFT	8
#define RED_LOGICAL	BIT_ULL(11)
#define RED_STATUS	BIT_ULL(12)
#define RED_REMOTE_IRR	BIT_ULL(14)
#define RED_LEVEL	BIT_ULL(15)
#define RED_MASKED	BIT_ULL(16)
#define RED_DEST_SHIFT	56
#define RED_READ_ONLY	(RED_STATUS | RED_REMOTE_IRR)

static u64 *entry_of(struct hv_ioapic *io, u32 pin)
{
	return &io->s.redirtbl[pin].bits;
}

/* lock held. As hv_apic_send(), -1 also while the entry holds it back. */
static int ioapic_send(struct hv_irqchip *chip, u32 pin)
{
	u64 *entry = entry_of(&chip->ioapic, pin);
	u64 e = *entry;
	struct hv_apic_msg msg = {
		.dest = e >> RED_DEST_SHIFT,
		.logical = e & RED_LOGICAL,
		.level = e & RED_LEVEL,
		.mode = e >> RED_MODE_SHIFT & 7,
		.vector = e & RED_VECTOR,
	};
	int r;

	if (e & (RED_MASKED | RED_REMOTE_IRR))
		return -1;
	msg.lowest = msg.mode == HV_DM_LOWEST;
	r = hv_apic_send(chip, &msg);
	/* Only who accepted it will send the EOI that clears this. */
	if (msg.level && r >= 0)
		*entry |= RED_REMOTE_IRR;
	return r;
}

/**
 * hv_ioapic_line() - a source raises or lowers its input of a pin
 * @chip: the VM's irqchip
 * @source: who
 * @pin: 0-23
 * @level: high or low
 *
 * Context: any. Return: >0 delivered to so many, 0 coalesced, -1 masked or
 * nobody took it.
 */
int hv_ioapic_line(struct hv_irqchip *chip, enum hv_irq_source source, u32 pin,
		   bool level)
{
	struct hv_ioapic *io = &chip->ioapic;
	unsigned long flags, was;
	int r;

	raw_spin_lock_irqsave(&chip->lock, flags);
	was = io->lines[pin];
	__assign_bit(source, &io->lines[pin], level);
	if (!io->lines[pin]) {
		io->s.irr &= ~BIT(pin);
		r = 1;
	} else if (*entry_of(io, pin) & RED_LEVEL) {
		io->s.irr |= BIT(pin);
		r = ioapic_send(chip, pin);
	} else {
		/* No edge if another source holds the line up. */
		r = was ? 0 : ioapic_send(chip, pin);
	}
	raw_spin_unlock_irqrestore(&chip->lock, flags);
	return r;
}

/**
 * hv_ioapic_eoi() - a local APIC has ended a level-triggered interrupt
 * @chip: the VM's irqchip
 * @vector: the vector
 *
 * Context: the vCPU's own thread, IRQs off or on, lock not held.
 */
void hv_ioapic_eoi(struct hv_irqchip *chip, u8 vector)
{
	struct hv_ioapic *io = &chip->ioapic;
	const u64 want = RED_LEVEL | RED_REMOTE_IRR | vector;
	unsigned long flags, ended = 0;
	u32 pin;

	raw_spin_lock_irqsave(&chip->lock, flags);
	for (pin = 0; pin < KVM_IOAPIC_NUM_PINS; pin++)
		if ((*entry_of(io, pin) &
		     (RED_LEVEL | RED_REMOTE_IRR | RED_VECTOR)) == want)
			__set_bit(pin, &ended);
	raw_spin_unlock_irqrestore(&chip->lock, flags);

	/*
	 * Resampling irqfds lower their line now; remote IRR still keeps the
	 * old level from being delivered again.
	 */
	for_each_set_bit(pin, &ended, KVM_IOAPIC_NUM_PINS)
		hv_irq_acked(chip, KVM_IRQCHIP_IOAPIC, pin);

	raw_spin_lock_irqsave(&chip->lock, flags);
	for_each_set_bit(pin, &ended, KVM_IOAPIC_NUM_PINS) {
		*entry_of(io, pin) &= ~RED_REMOTE_IRR;
		if (io->s.irr & BIT(pin))
			ioapic_send(chip, pin);
	}
	raw_spin_unlock_irqrestore(&chip->lock, flags);
}

static u32 window_read(struct hv_ioapic *io)
{
	u32 reg = io->s.ioregsel;

	switch (reg) {
	case IOAPIC_REG_ID:
	case IOAPIC_REG_ARB:
		return (io->s.id & 0xf) << 24;
	case IOAPIC_REG_VER:
		return IOAPIC_VERSION;
	}
	reg -= IOAPIC_REG_RED;
	if (reg >= 2 * KVM_IOAPIC_NUM_PINS)
		return 0;
	return *entry_of(io, reg / 2) >> (reg % 2 * 32);
}

static void window_write(struct hv_irqchip *chip, u32 value)
{
	struct hv_ioapic *io = &chip->ioapic;
	u32 reg = io->s.ioregsel, pin;
	u64 *entry;

	if (reg == IOAPIC_REG_ID) {
		io->s.id = value >> 24 & 0xf;
		return;
	}
	reg -= IOAPIC_REG_RED;
	pin = reg / 2;
	if (pin >= KVM_IOAPIC_NUM_PINS)
		return;

	entry = entry_of(io, pin);
	if (reg % 2) {
		*entry = (u32)*entry | (u64)value << 32;
	} else {
		*entry = (*entry & (GENMASK_ULL(63, 32) | RED_READ_ONLY)) |
			 (value & (u32)~RED_READ_ONLY);
		/*
		 * Systems without a way to send an EOI to the IOAPIC get rid of
		 * a stuck remote IRR by making the pin edge triggered for a
		 * moment; the hardware clears it then.
		 */
		if (!(value & RED_LEVEL)) {
			*entry &= ~RED_REMOTE_IRR;
			io->s.irr &= ~BIT(pin);
		} else if (io->lines[pin]) {
			io->s.irr |= BIT(pin);
		}
	}
	if (io->s.irr & BIT(pin))
		ioapic_send(chip, pin);
}

/**
 * hv_ioapic_read() - the guest reads a register
 * @chip: the VM's irqchip
 * @offset: in the IOAPIC's page
 *
 * Context: any. Return: 32 bits, 0 where there is no register.
 */
u32 hv_ioapic_read(struct hv_irqchip *chip, u32 offset)
{
	unsigned long flags;
	u32 value = 0;

	raw_spin_lock_irqsave(&chip->lock, flags);
	if (offset == IOAPIC_SELECT)
		value = chip->ioapic.s.ioregsel;
	else if (offset == IOAPIC_WINDOW)
		value = window_read(&chip->ioapic);
	raw_spin_unlock_irqrestore(&chip->lock, flags);
	return value;
}

/**
 * hv_ioapic_write() - the guest writes a register
 * @chip: the VM's irqchip
 * @offset: in the IOAPIC's page
 * @value: 32 bits
 *
 * Context: any.
 */
void hv_ioapic_write(struct hv_irqchip *chip, u32 offset, u32 value)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&chip->lock, flags);
	if (offset == IOAPIC_SELECT)
		chip->ioapic.s.ioregsel = value & 0xff;
	else if (offset == IOAPIC_WINDOW)
		window_write(chip, value);
	raw_spin_unlock_irqrestore(&chip->lock, flags);
}

/**
 * hv_ioapic_get() - KVM_GET_IRQCHIP for the IOAPIC
 * @chip: the VM's irqchip
 * @state: filled
 *
 * Context: any.
 */
void hv_ioapic_get(struct hv_irqchip *chip, struct kvm_ioapic_state *state)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&chip->lock, flags);
	*state = chip->ioapic.s;
	raw_spin_unlock_irqrestore(&chip->lock, flags);
}

/**
 * hv_ioapic_set() - KVM_SET_IRQCHIP for the IOAPIC
 * @chip: the VM's irqchip
 * @state: new state; what irr says is pending is sent
 *
 * Context: any.
 */
void hv_ioapic_set(struct hv_irqchip *chip, const struct kvm_ioapic_state *state)
{
	struct hv_ioapic *io = &chip->ioapic;
	unsigned long flags;
	u32 pin;

	raw_spin_lock_irqsave(&chip->lock, flags);
	WRITE_ONCE(io->s.base_address, state->base_address);
	io->s.ioregsel = state->ioregsel & 0xff;
	io->s.id = state->id & 0xf;
	io->s.irr = 0;
	for (pin = 0; pin < KVM_IOAPIC_NUM_PINS; pin++) {
		*entry_of(io, pin) = state->redirtbl[pin].bits;
		if (!(state->irr & BIT(pin)))
			continue;
		if (*entry_of(io, pin) & RED_LEVEL)
			io->s.irr |= BIT(pin);
		ioapic_send(chip, pin);
	}
	raw_spin_unlock_irqrestore(&chip->lock, flags);
}

/**
 * hv_ioapic_init() - power-up state
 * @chip: the VM's irqchip, being created
 */
void hv_ioapic_init(struct hv_irqchip *chip)
{
	u32 pin;

	chip->ioapic.s.base_address = IO_APIC_DEFAULT_PHYS_BASE;
	for (pin = 0; pin < KVM_IOAPIC_NUM_PINS; pin++)
		*entry_of(&chip->ioapic, pin) = RED_MASKED;
}
