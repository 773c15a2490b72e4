// SPDX-License-Identifier: GPL-2.0
/*
 * The pair of 8259A interrupt controllers of a PC, the second on pin 2 of the
 * first. Terms are those of Intel's data sheet 231468.
 *
 * Edge or level is chosen for each pin by the ELCR of EISA and PCI chipsets,
 * not by ICW1. Only 8086 mode exists.
 */
#include <linux/bitops.h>

#include "chips.h"
#include "lapic.h"

#define CASCADE		2	/* master's pin for the slave */
#define SPURIOUS	7	/* what INTA gives when the request has gone */

#define ICW1		BIT(4)	/* written to the even port */
#define ICW1_ICW4	BIT(0)
#define ICW4_AUTO_EOI	BIT(1)
#define ICW4_SFNM	BIT(4)
#define OCW3		BIT(3)
#define OCW3_READ	BIT(1)
#define OCW3_READ_ISR	BIT(0)
#define OCW3_POLL	BIT(2)
#define OCW3_SMM	BIT(6)
#define OCW3_SMM_ON	BIT(5)

/* OCW2 bits 7:5. */
#define OCW2_EOI	BIT(0)
#define OCW2_SPECIFIC	BIT(1)
#define OCW2_ROTATE	BIT(2)

#define PORT_MASTER	0x20
#define PORT_SLAVE	0xa0
#define PORT_ELCR	0x4d0

/* s.init_state: which initialisation word comes next. */
enum { INIT_NONE, INIT_ICW2, INIT_ICW3, INIT_ICW4 };

/* How far the first of @pins is from the highest priority; 8 when none. */
static u32 pic_rank(const struct kvm_pic_state *s, u8 pins)
{
	u32 rotated = (pins | pins << 8) >> s->priority_add & 0xff;

	return rotated ? __ffs(rotated) : 8;
}

/* The pin whose request would interrupt what is in service, or -1. */
static int pic_wants(const struct kvm_pic_state *s, bool master)
{
	u32 request = pic_rank(s, s->irr & ~s->imr);
	u8 busy = s->isr;

	if (s->special_mask)
		busy &= ~s->imr;
	/* The slave may interrupt itself through the same pin of the master. */
	if (s->special_fully_nested_mode && master)
		busy &= ~BIT(CASCADE);
	if (request >= pic_rank(s, busy))
		return -1;
	return (request + s->priority_add) & 7;
}

/* lock held. Recompute INT and tell the vCPU that the PIC is wired to. */
static void pic_update(struct hv_irqchip *chip)
{
	struct hv_pic *pic = &chip->pic;
	struct hv_vm *vm = chip->vm;
	struct hv_vcpu *vcpu;
	u32 i, n;

	if (pic_wants(&pic->s[1], false) >= 0)
		pic->s[0].irr |= BIT(CASCADE);
	else
		pic->s[0].irr &= ~BIT(CASCADE);
	WRITE_ONCE(pic->output, pic_wants(&pic->s[0], true) >= 0);
	if (!pic->output)
		return;

	n = hv_nr_vcpus(vm);
	for (i = 0; i < n; i++) {
		vcpu = vm->vcpu[i];
		if (!hv_lapic_takes_pic(vcpu->lapic))
			continue;
		hv_request(vcpu, HV_REQ_EVENT);
		hv_vcpu_kick(vcpu);
		break;
	}
}

/* lock held. Edges latch, levels follow. Result as of hv_gsi_set(). */
static int pic_pin(struct kvm_pic_state *s, u32 pin, bool level)
{
	u8 bit = BIT(pin);
	bool was = s->irr & bit;

	if (s->elcr & bit) {
		if (level)
			s->irr |= bit;
		else
			s->irr &= ~bit;
	} else if (level && !(s->last_irr & bit)) {
		s->irr |= bit;
	}
	if (level)
		s->last_irr |= bit;
	else
		s->last_irr &= ~bit;

	if (s->imr & bit)
		return -1;
	return !level || !was;
}

/**
 * hv_pic_line() - a source raises or lowers its input of a pin
 * @chip: the VM's irqchip
 * @source: who
 * @pin: 0-15
 * @level: high or low
 *
 * Context: any. Return: 1, 0 when it was requested already, -1 when masked.
 */
int hv_pic_line(struct hv_irqchip *chip, enum hv_irq_source source, u32 pin,
		bool level)
{
	struct hv_pic *pic = &chip->pic;
	unsigned long flags;
	int r;

	raw_spin_lock_irqsave(&chip->lock, flags);
	__assign_bit(source, &pic->lines[pin], level);
	r = pic_pin(&pic->s[pin / 8], pin % 8, pic->lines[pin]);
	pic_update(chip);
	raw_spin_unlock_irqrestore(&chip->lock, flags);
	return r;
}

/* lock held. Out of service; whoever waits for the EOI is told later. */
static void pic_end(struct hv_pic *pic, u32 nr, u32 pin)
{
	pic->s[nr].isr &= ~BIT(pin);
	pic->acked |= BIT(nr * 8 + pin);
}

/* lock held. One INTA cycle at one controller. */
static void pic_take(struct hv_pic *pic, u32 nr, u32 pin)
{
	struct kvm_pic_state *s = &pic->s[nr];

	s->isr |= BIT(pin);
	if (!(s->elcr & BIT(pin)))
		s->irr &= ~BIT(pin);
	if (!s->auto_eoi)
		return;
	if (s->rotate_on_auto_eoi)
		s->priority_add = (pin + 1) & 7;
	pic_end(pic, nr, pin);
}

/*
 * lock held on entry and return, but not throughout: a resampling irqfd lowers
 * its line when it hears of the EOI, and INT must not rise for the old level.
 */
static void pic_tell(struct hv_irqchip *chip, unsigned long *flags)
	__must_hold(&chip->lock)
{
	unsigned long acked = chip->pic.acked;
	u32 pin;

	chip->pic.acked = 0;
	if (!acked)
		return;
	raw_spin_unlock_irqrestore(&chip->lock, *flags);
	for_each_set_bit(pin, &acked, HV_PIC_PINS)
		hv_irq_acked(chip, pin < 8 ? KVM_IRQCHIP_PIC_MASTER :
					     KVM_IRQCHIP_PIC_SLAVE, pin % 8);
	raw_spin_lock_irqsave(&chip->lock, *flags);
}

/* lock held. The vector of INTA; takes the request unless only looking. */
static int pic_vector(struct hv_pic *pic, bool take)
{
	int pin = pic_wants(&pic->s[0], true);
	u32 nr = 0;

	if (pin >= 0 && take)
		pic_take(pic, 0, pin);
	if (pin == CASCADE) {
		nr = 1;
		pin = pic_wants(&pic->s[1], false);
		if (pin >= 0 && take)
			pic_take(pic, 1, pin);
	}
	return pic->s[nr].irq_base + (pin < 0 ? SPURIOUS : pin);
}

/**
 * hv_pic_look() - which vector INTA would give
 * @chip: the VM's irqchip
 *
 * Context: any. Return: the vector, -1 while INT is low.
 */
int hv_pic_look(struct hv_irqchip *chip)
{
	unsigned long flags;
	int r = -1;

	raw_spin_lock_irqsave(&chip->lock, flags);
	if (chip->pic.output)
		r = pic_vector(&chip->pic, false);
	raw_spin_unlock_irqrestore(&chip->lock, flags);
	return r;
}

/**
 * hv_pic_inta() - the CPU acknowledges an interrupt
 * @chip: the VM's irqchip
 *
 * Context: the vCPU's own thread. Return: the vector, -1 while INT is low.
 */
int hv_pic_inta(struct hv_irqchip *chip)
{
	unsigned long flags;
	int r = -1;

	raw_spin_lock_irqsave(&chip->lock, flags);
	if (chip->pic.output) {
		r = pic_vector(&chip->pic, true);
		pic_tell(chip, &flags);
		pic_update(chip);
	}
	raw_spin_unlock_irqrestore(&chip->lock, flags);
	return r;
}

static void pic_icw1(struct hv_pic *pic, u32 nr, u8 value)
{
	struct kvm_pic_state *s = &pic->s[nr];

	pic->acked |= s->isr << nr * 8;
	s->isr = 0;
	s->last_irr = 0;
	s->irr &= s->elcr;
	s->imr = 0;
	s->priority_add = 0;
	s->special_mask = 0;
	s->read_reg_select = 0;
	s->poll = 0;
	s->auto_eoi = 0;
	s->rotate_on_auto_eoi = 0;
	s->special_fully_nested_mode = 0;
	s->init4 = value & ICW1_ICW4;
	s->init_state = INIT_ICW2;
}

static void pic_ocw2(struct hv_pic *pic, u32 nr, u8 value)
{
	struct kvm_pic_state *s = &pic->s[nr];
	u8 command = value >> 5;
	u32 rank, pin = value & 7;

	if (!(command & OCW2_EOI)) {
		if (command & OCW2_SPECIFIC) {
			/* "Set priority"; without the rotate bit, no operation */
			if (command & OCW2_ROTATE)
				s->priority_add = (pin + 1) & 7;
		} else {
			s->rotate_on_auto_eoi = !!(command & OCW2_ROTATE);
		}
		return;
	}
	if (!(command & OCW2_SPECIFIC)) {
		rank = pic_rank(s, s->isr);
		if (rank == 8)
			return;
		pin = (rank + s->priority_add) & 7;
	}
	if (command & OCW2_ROTATE)
		s->priority_add = (pin + 1) & 7;
	pic_end(pic, nr, pin);
}

static void pic_even(struct hv_pic *pic, u32 nr, u8 value)
{
	struct kvm_pic_state *s = &pic->s[nr];

	if (value & ICW1) {
		pic_icw1(pic, nr, value);
	} else if (value & OCW3) {
		if (value & OCW3_POLL)
			s->poll = 1;
		if (value & OCW3_READ)
			s->read_reg_select = value & OCW3_READ_ISR;
		if (value & OCW3_SMM)
			s->special_mask = !!(value & OCW3_SMM_ON);
	} else {
		pic_ocw2(pic, nr, value);
	}
}

static void pic_odd(struct kvm_pic_state *s, u8 value)
{
	switch (s->init_state) {
	case INIT_NONE:
		s->imr = value;
		break;
	case INIT_ICW2:
		s->irq_base = value & 0xf8;
		s->init_state = INIT_ICW3;
		break;
	case INIT_ICW3:
		/* The wiring of the pair is what it is. */
		s->init_state = s->init4 ? INIT_ICW4 : INIT_NONE;
		break;
	default:
		s->special_fully_nested_mode = !!(value & ICW4_SFNM);
		s->auto_eoi = !!(value & ICW4_AUTO_EOI);
		s->init_state = INIT_NONE;
	}
}

/**
 * hv_pic_write() - the guest writes a port
 * @chip: the VM's irqchip
 * @port: 0x20, 0x21, 0xa0, 0xa1, 0x4d0 or 0x4d1
 * @value: the byte
 *
 * Context: any.
 */
void hv_pic_write(struct hv_irqchip *chip, u16 port, u8 value)
{
	struct hv_pic *pic = &chip->pic;
	unsigned long flags;

	raw_spin_lock_irqsave(&chip->lock, flags);
	switch (port) {
	case PORT_MASTER:
		pic_even(pic, 0, value);
		break;
	case PORT_SLAVE:
		pic_even(pic, 1, value);
		break;
	case PORT_MASTER + 1:
		pic_odd(&pic->s[0], value);
		break;
	case PORT_SLAVE + 1:
		pic_odd(&pic->s[1], value);
		break;
	case PORT_ELCR:
	case PORT_ELCR + 1:
		pic->s[port & 1].elcr = value & pic->s[port & 1].elcr_mask;
		break;
	}
	pic_tell(chip, &flags);
	pic_update(chip);
	raw_spin_unlock_irqrestore(&chip->lock, flags);
}

/* A poll is an INTA by software: it takes the request (data sheet, "Poll"). */
static u8 pic_poll(struct hv_pic *pic, u32 nr)
{
	int pin = pic_wants(&pic->s[nr], nr == 0);

	pic->s[nr].poll = 0;
	if (pin < 0)
		return 0;
	pic_take(pic, nr, pin);
	return 0x80 | pin;
}

static u8 pic_read(struct hv_pic *pic, u32 nr, bool odd)
{
	struct kvm_pic_state *s = &pic->s[nr];

	if (s->poll)
		return pic_poll(pic, nr);
	if (odd)
		return s->imr;
	return s->read_reg_select ? s->isr : s->irr;
}

/**
 * hv_pic_read() - the guest reads a port
 * @chip: the VM's irqchip
 * @port: as for hv_pic_write()
 *
 * Context: any. Return: the byte.
 */
u8 hv_pic_read(struct hv_irqchip *chip, u16 port)
{
	struct hv_pic *pic = &chip->pic;
	unsigned long flags;
	u8 value = 0xff;

	raw_spin_lock_irqsave(&chip->lock, flags);
	switch (port) {
	case PORT_MASTER:
	case PORT_MASTER + 1:
		value = pic_read(pic, 0, port & 1);
		break;
	case PORT_SLAVE:
	case PORT_SLAVE + 1:
		value = pic_read(pic, 1, port & 1);
		break;
	case PORT_ELCR:
	case PORT_ELCR + 1:
		value = pic->s[port & 1].elcr;
		break;
	}
	pic_tell(chip, &flags);
	pic_update(chip);
	raw_spin_unlock_irqrestore(&chip->lock, flags);
	return value;
}

/**
 * hv_pic_get() - KVM_GET_IRQCHIP for one of the pair
 * @chip: the VM's irqchip
 * @nr: 0 master, 1 slave
 * @state: filled
 *
 * Context: any.
 */
void hv_pic_get(struct hv_irqchip *chip, u32 nr, struct kvm_pic_state *state)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&chip->lock, flags);
	*state = chip->pic.s[nr];
	raw_spin_unlock_irqrestore(&chip->lock, flags);
}

/**
 * hv_pic_set() - KVM_SET_IRQCHIP for one of the pair
 * @chip: the VM's irqchip
 * @nr: 0 master, 1 slave
 * @state: new state; which pins the ELCR may change is not part of it
 *
 * Context: any.
 */
void hv_pic_set(struct hv_irqchip *chip, u32 nr, const struct kvm_pic_state *state)
{
	struct kvm_pic_state *s = &chip->pic.s[nr];
	unsigned long flags;
	u8 elcr_mask;

	raw_spin_lock_irqsave(&chip->lock, flags);
	elcr_mask = s->elcr_mask;
	*s = *state;
	s->elcr_mask = elcr_mask;
	s->elcr &= elcr_mask;
	/* What the hardware has no bits for. */
	s->priority_add &= 7;
	s->irq_base &= 0xf8;
	s->init_state &= 3;
	pic_update(chip);
	raw_spin_unlock_irqrestore(&chip->lock, flags);
}

/**
 * hv_pic_init() - power-up state
 * @chip: the VM's irqchip, being created
 */
void hv_pic_init(struct hv_irqchip *chip)
{
	/* Timer, keyboard, cascade; RTC and FPU error: always edges. */
	chip->pic.s[0].elcr_mask = 0xf8;
	chip->pic.s[1].elcr_mask = 0xde;
}
