// SPDX-License-Identifier: GPL-2.0
/*
 * The local APIC: priorities, EOI and registers.
 *
 * IRR and TMR are bitmaps that anyone may set bits in, at any time. All else
 * is touched by the vCPU's own thread alone, so acceptance and EOI, by far the
 * most frequent operations, need neither lock nor atomic instruction beyond
 * the one on the IRR.
 */
#include <linux/bitmap.h>

#include "chips.h"
#include "lapic.h"

/* Version as of the P4 family, with six local vectors. */
#define LAPIC_VERSION	(0x14 | (HV_LVTS - 1) << 16)

#define LVT_FIXED_BITS	(APIC_VECTOR_MASK | APIC_LVT_MASKED)
#define LVT_MODE_BITS	(LVT_FIXED_BITS | APIC_MODE_MASK)
#define LVT_LINT_BITS	(LVT_MODE_BITS | APIC_INPUT_POLARITY | \
			 APIC_LVT_LEVEL_TRIGGER)

/* What the guest may write to each entry; LVTT is hv_lapic_timer_lvtt()'s. */
const u32 hv_lapic_lvt_bits[HV_LVTS] = {
	[HV_LVT(APIC_LVTTHMR)] = LVT_MODE_BITS,
	[HV_LVT(APIC_LVTPC)] = LVT_MODE_BITS,
	[HV_LVT(APIC_LVT0)] = LVT_LINT_BITS,
	[HV_LVT(APIC_LVT1)] = LVT_LINT_BITS,
	[HV_LVT(APIC_LVTERR)] = LVT_FIXED_BITS,
};

static int top_vector(const unsigned long *map)
{
	int i;

	for (i = 3; i >= 0; i--) {
		unsigned long word = READ_ONCE(map[i]);

		if (word)
			return i * BITS_PER_LONG + __fls(word);
	}
	return -1;
}

/* Registers of 32 bits at intervals of 16 bytes show a bitmap to the guest. */
static u32 map_read(const unsigned long *map, u32 reg)
{
	u32 i = (reg >> 4) & 7;

	return READ_ONCE(map[i / 2]) >> (i % 2 * 32);
}

/* ------------------------------------------------------------ requests */

static int lapic_request(struct hv_lapic *lapic, u8 vector, bool level)
{
	if (!READ_ONCE(lapic->on) || !READ_ONCE(lapic->soft_on))
		return -1;
	if (unlikely(vector < 16)) {
		hv_lapic_error(lapic, APIC_ESR_RECVILL);
		return -1;
	}
	/* The EOI looks at TMR, so it must be right before IRR is. */
	if (level)
		set_bit(vector, lapic->tmr);
	else if (test_bit(vector, lapic->tmr))
		clear_bit(vector, lapic->tmr);
	if (test_and_set_bit(vector, lapic->irr))
		return 0;
	/* After the bit: see hv_lapic_irr_emptied(). */
	WRITE_ONCE(lapic->irr_pending, 1);
	return 1;
}

/**
 * hv_lapic_post() - request an interrupt
 * @lapic: of the vCPU that is to take it
 * @vector: 16-255; a lower one is a receive error
 * @level: level triggered
 *
 * Context: any. Return: 1 when requested, 0 when it was pending already, -1
 * when the APIC is switched off or @vector is illegal.
 */
int hv_lapic_post(struct hv_lapic *lapic, u8 vector, bool level)
{
	int r = lapic_request(lapic, vector, level);

	if (r > 0) {
		hv_request(lapic->vcpu, HV_REQ_EVENT);
		hv_vcpu_kick(lapic->vcpu);
	}
	return r;
}

/**
 * hv_lapic_post_self() - request an interrupt for the vCPU that runs here
 * @lapic: its local APIC
 * @vector: as for hv_lapic_post()
 * @level: likewise
 *
 * Context: the vCPU's own thread; it looks before it enters the guest, so
 * nobody need be woken. Return: as hv_lapic_post().
 */
int hv_lapic_post_self(struct hv_lapic *lapic, u8 vector, bool level)
{
	int r = lapic_request(lapic, vector, level);

	if (r > 0)
		lapic->vcpu->event_check = true;
	return r;
}

/**
 * hv_lapic_error() - note an error in the ESR
 * @lapic: the local APIC
 * @bits: one bit of the ESR
 *
 * Context: any.
 */
void hv_lapic_error(struct hv_lapic *lapic, u32 bits)
{
	u32 lvt = READ_ONCE(lapic->lvt[HV_LVT(APIC_LVTERR)]);

	if (test_and_set_bit(__ffs(bits), &lapic->errors))
		return;
	/* An illegal vector here must not come back as an error forever. */
	if (!(lvt & APIC_LVT_MASKED) && (lvt & APIC_VECTOR_MASK) >= 16)
		hv_lapic_post(lapic, lvt & APIC_VECTOR_MASK, false);
}

/* ------------------------------------------------------------ priorities */

/*
 * A vector is taken when its class is above that of the TPR and of every
 * vector in service. Bits 7:4 of the TPR are CR8, which the guest may have
 * written without an exit.
 */
static int lapic_class(const struct hv_lapic *lapic)
{
	return max_t(int, lapic->vcpu->state.cr8, lapic->isr_top >> 4);
}

static u32 lapic_ppr(const struct hv_lapic *lapic)
{
	int isr = max_t(int, lapic->isr_top, 0) & 0xf0;
	u32 tpr = hv_lapic_tpr(lapic->vcpu);

	return (tpr & 0xf0) >= isr ? tpr : isr;
}

static u32 lapic_apr(const struct hv_lapic *lapic)
{
	u32 tpr = hv_lapic_tpr(lapic->vcpu);
	u32 isr = max_t(int, lapic->isr_top, 0) & 0xf0;
	u32 irr = max(top_vector(lapic->irr), 0) & 0xf0;

	if ((tpr & 0xf0) >= irr && (tpr & 0xf0) > isr)
		return tpr;
	return max3(tpr & isr & 0xf0, irr, isr);
}

static bool pic_waits(const struct hv_lapic *lapic)
{
	return unlikely(READ_ONCE(lapic->chip->pic.output)) &&
	       hv_lapic_takes_pic(lapic);
}

/* Vector of the PIC, be it ours or user space's; -1 for none. */
static int pic_next(const struct hv_lapic *lapic)
{
	/* User space has looked at LINT0 itself before KVM_INTERRUPT. */
	if (unlikely(lapic->vcpu->user_irq >= 0))
		return lapic->vcpu->user_irq;
	return pic_waits(lapic) ? hv_pic_look(lapic->chip) : -1;
}

/* The same, and it is taken. */
static int pic_accept(struct hv_lapic *lapic)
{
	int vector = lapic->vcpu->user_irq;

	if (likely(vector < 0))
		return pic_waits(lapic) ? hv_pic_inta(lapic->chip) : -1;
	lapic->vcpu->user_irq = -1;
	return vector;
}

static int lapic_next(struct hv_lapic *lapic)
{
	int vector;

	hv_lapic_take(lapic);
	if (!READ_ONCE(lapic->irr_pending))
		return -1;
	vector = top_vector(lapic->irr);
	return vector >> 4 > lapic_class(lapic) ? vector : -1;
}

int hv_irq_next(struct hv_vcpu *vcpu)
{
	struct hv_lapic *lapic = vcpu->lapic;
	int vector;

	if (!lapic)
		return -1;
	vector = pic_next(lapic);
	return vector >= 0 ? vector : lapic_next(lapic);
}

int hv_irq_next_pic(struct hv_vcpu *vcpu)
{
	return pic_next(vcpu->lapic);
}

bool hv_irq_takes_user_pic(struct hv_vcpu *vcpu)
{
	return !vcpu->lapic || hv_lapic_takes_pic(vcpu->lapic);
}

bool hv_irq_has(struct hv_vcpu *vcpu)
{
	return hv_irq_next(vcpu) >= 0;
}

bool hv_irq_tpr_holds(struct hv_vcpu *vcpu)
{
	struct hv_lapic *lapic = vcpu->lapic;
	int class;

	if (!lapic)
		return false;
	hv_lapic_take(lapic);
	if (!READ_ONCE(lapic->irr_pending))
		return false;
	class = top_vector(lapic->irr) >> 4;
	return class > lapic->isr_top >> 4 && class <= vcpu->state.cr8;
}

/*
 * irr_pending may only be 0 while the IRR is empty. A sender sets its bit and
 * then irr_pending; here irr_pending falls and then the bits are looked at
 * again: whichever way the two interleave, the bit is not forgotten.
 */
void hv_lapic_irr_emptied(struct hv_lapic *lapic)
{
	WRITE_ONCE(lapic->irr_pending, 0);
	smp_mb();	/* pairs with test_and_set_bit() in lapic_request() */
	if (top_vector(lapic->irr) >= 0)
		WRITE_ONCE(lapic->irr_pending, 1);
}

/**
 * hv_lapic_maps_changed() - IRR and ISR have been replaced
 * @lapic: the local APIC
 *
 * Context: own thread.
 */
void hv_lapic_maps_changed(struct hv_lapic *lapic)
{
	lapic->isr_top = top_vector(lapic->isr);
	lapic->isr_depth = bitmap_weight(lapic->isr, 256);
	hv_lapic_irr_emptied(lapic);
	lapic->vcpu->event_check = true;
}

int hv_irq_accept(struct hv_vcpu *vcpu)
{
	struct hv_lapic *lapic = vcpu->lapic;
	int vector;

	if (!lapic)
		return -1;
	vector = pic_accept(lapic);
	if (vector >= 0)
		return vector;
	/* All else it has been given. */
	if (vcpu->apic_by_cpu)
		return -1;
	vector = lapic_next(lapic);
	if (vector < 0)
		return -1;

	clear_bit(vector, lapic->irr);
	if (top_vector(lapic->irr) < 0)
		hv_lapic_irr_emptied(lapic);
	__set_bit(vector, lapic->isr);
	lapic->isr_top = vector;
	lapic->isr_depth++;
	return vector;
}

/**
 * hv_lapic_level_eoi() - a level-triggered interrupt has been ended
 * @lapic: the local APIC
 * @vector: its vector
 *
 * Context: own thread, IRQs off or on.
 */
void hv_lapic_level_eoi(struct hv_lapic *lapic, u8 vector)
{
	if (!lapic->chip->split) {
		hv_ioapic_eoi(lapic->chip, vector);
	} else if (hv_irq_of_user_pin(lapic->chip, vector)) {
		lapic->vcpu->user_eoi = vector;
		hv_request(lapic->vcpu, HV_REQ_EOI);
	}
}

static void lapic_eoi(struct hv_lapic *lapic)
{
	int vector;

	hv_lapic_take(lapic);
	vector = lapic->isr_top;
	if (vector < 0)
		return;
	__clear_bit(vector, lapic->isr);
	lapic->isr_top = --lapic->isr_depth ? top_vector(lapic->isr) : -1;
	if (unlikely(test_bit(vector, lapic->tmr)))
		hv_lapic_level_eoi(lapic, vector);
	if (READ_ONCE(lapic->irr_pending))
		lapic->vcpu->event_check = true;
}

/**
 * hv_lapic_tpr() - the task priority register
 * @vcpu: the vCPU
 *
 * A guest's write to CR8 changes bits 7:4 and clears the others (APM vol. 2,
 * 16.6.4), and it need not exit. What was written to the register itself
 * holds as long as the two agree.
 *
 * Context: own thread. Return: all eight bits.
 */
u8 hv_lapic_tpr(struct hv_vcpu *vcpu)
{
	u8 cr8 = vcpu->state.cr8;

	if (vcpu->lapic && vcpu->lapic->tpr >> 4 == cr8)
		return vcpu->lapic->tpr;
	return cr8 << 4;
}

/**
 * hv_lapic_tpr_set() - write the task priority register
 * @vcpu: the vCPU
 * @tpr: all eight bits
 *
 * Context: own thread, IRQs off or on.
 */
void hv_lapic_tpr_set(struct hv_vcpu *vcpu, u8 tpr)
{
	vcpu->state.cr8 = tpr >> 4;
	if (!vcpu->lapic)
		return;
	vcpu->lapic->tpr = tpr;
	if (READ_ONCE(vcpu->lapic->irr_pending))
		vcpu->event_check = true;
}

/* ------------------------------------------------------------ registers */

/**
 * hv_lapic_reg() - read a register without side effects
 * @lapic: the local APIC
 * @reg: offset in the xAPIC page
 * @value: set, to 0 where there is no such register
 *
 * Context: own thread. Return: whether the register exists in this mode.
 */
bool hv_lapic_reg(struct hv_lapic *lapic, u32 reg, u32 *value)
{
	struct hv_vcpu *vcpu = lapic->vcpu;

	hv_lapic_take(lapic);
	switch (reg) {
	case APIC_ID:
		*value = lapic->x2 ? vcpu->id : vcpu->id << 24;
		break;
	case APIC_LVR:
		*value = LAPIC_VERSION;
		break;
	case APIC_TASKPRI:
		*value = hv_lapic_tpr(vcpu);
		break;
	case APIC_ARBPRI:
		*value = lapic_apr(lapic);
		return !lapic->x2;
	case APIC_PROCPRI:
		*value = lapic_ppr(lapic);
		break;
	case APIC_RRR:
		*value = 0;
		return !lapic->x2;
	case APIC_LDR:
		*value = lapic->x2 ? hv_x2apic_ldr(vcpu->id) : lapic->ldr;
		break;
	case APIC_DFR:
		*value = lapic->dfr;
		return !lapic->x2;
	case APIC_SPIV:
		*value = lapic->svr;
		break;
	case APIC_ISR ... APIC_ISR + 0x70:
		*value = map_read(lapic->isr, reg);
		break;
	case APIC_TMR ... APIC_TMR + 0x70:
		*value = map_read(lapic->tmr, reg);
		break;
	case APIC_IRR ... APIC_IRR + 0x70:
		*value = map_read(lapic->irr, reg);
		break;
	case APIC_ESR:
		*value = lapic->esr;
		break;
	case APIC_ICR:
		*value = lapic->icr;
		break;
	case APIC_ICR2:
		*value = lapic->icr2;
		return !lapic->x2;
	case APIC_LVTT ... APIC_LVTERR:
		*value = lapic->lvt[HV_LVT(reg)];
		break;
	case APIC_TMICT:
		*value = lapic->tmict;
		break;
	case APIC_TMCCT:
		*value = hv_lapic_timer_tmcct(lapic);
		break;
	case APIC_TDCR:
		*value = lapic->tdcr;
		break;
	default:
		*value = 0;
		return false;
	}
	return true;
}

/**
 * hv_lapic_svr() - write the spurious-interrupt vector register
 * @lapic: the local APIC
 * @value: bit 8 switches the APIC on or, masking all its own sources, off
 *
 * Context: own thread.
 */
void hv_lapic_svr(struct hv_lapic *lapic, u32 value)
{
	int i;

	lapic->svr = value & (APIC_VECTOR_MASK | APIC_SPIV_APIC_ENABLED |
			      APIC_SPIV_FOCUS_DISABLED);
	WRITE_ONCE(lapic->soft_on, value & APIC_SPIV_APIC_ENABLED);
	/* SDM vol. 3, 11.4.7.2: off means all mask bits set. */
	if (!lapic->soft_on)
		for (i = 0; i < HV_LVTS; i++)
			WRITE_ONCE(lapic->lvt[i],
				   lapic->lvt[i] | APIC_LVT_MASKED);
}

static void lapic_lvt(struct hv_lapic *lapic, u32 reg, u32 value)
{
	if (!lapic->soft_on)
		value |= APIC_LVT_MASKED;
	if (reg == APIC_LVTT)
		hv_lapic_timer_lvtt(lapic, value);
	else
		WRITE_ONCE(lapic->lvt[HV_LVT(reg)],
			   value & hv_lapic_lvt_bits[HV_LVT(reg)]);
	/* LINT0 may have opened the way for the PIC. */
	lapic->vcpu->event_check = true;
}

/* Those that xAPIC and x2APIC mode have in common; false for the others. */
static bool lapic_write(struct hv_lapic *lapic, u32 reg, u32 value)
{
	switch (reg) {
	case APIC_TASKPRI:
		hv_lapic_tpr_set(lapic->vcpu, value);
		break;
	case APIC_EOI:
		lapic_eoi(lapic);
		break;
	case APIC_SPIV:
		hv_lapic_svr(lapic, value);
		break;
	case APIC_ESR:
		/* A write latches what happened since the one before. */
		lapic->esr = xchg(&lapic->errors, 0);
		break;
	case APIC_LVTT ... APIC_LVTERR:
		lapic_lvt(lapic, reg, value);
		break;
	case APIC_TMICT:
		hv_lapic_timer_tmict(lapic, value);
		break;
	case APIC_TDCR:
		hv_lapic_timer_tdcr(lapic, value);
		break;
	default:
		return false;
	}
	return true;
}

u32 hv_lapic_mmio_read(struct hv_vcpu *vcpu, u32 reg)
{
	u32 value;

	if (!hv_lapic_reg(vcpu->lapic, reg & 0xff0, &value))
		hv_lapic_error(vcpu->lapic, APIC_ESR_ILLREGA);
	return value;
}

void hv_lapic_mmio_write(struct hv_vcpu *vcpu, u32 reg, u32 value)
{
	struct hv_lapic *lapic = vcpu->lapic;

	reg &= 0xff0;
	if (likely(reg == APIC_EOI)) {
		lapic_eoi(lapic);
		return;
	}
	switch (reg) {
	case APIC_ICR:
		hv_lapic_icr(lapic, value, lapic->icr2 >> 24);
		break;
	case APIC_ICR2:
		lapic->icr2 = value & 0xff000000;
		break;
	case APIC_LDR:
		WRITE_ONCE(lapic->ldr, value & APIC_LDR_MASK);
		break;
	case APIC_DFR:
		WRITE_ONCE(lapic->dfr, value | APIC_DFR_CLUSTER);
		break;
	case APIC_ID:
		/* Read-only, as on all CPUs with x2APIC. */
		break;
	default:
		if (!lapic_write(lapic, reg, value))
			hv_lapic_error(lapic, APIC_ESR_ILLREGA);
	}
}

int hv_lapic_msr_read(struct hv_vcpu *vcpu, u32 msr, u64 *value)
{
	struct hv_lapic *lapic = vcpu->lapic;
	u32 reg = (msr - APIC_BASE_MSR) << 4;
	u32 low;

	if (!lapic || !lapic->x2 || !hv_lapic_reg(lapic, reg, &low))
		return -EINVAL;
	*value = low;
	if (reg == APIC_ICR)
		*value |= (u64)lapic->icr2 << 32;
	return 0;
}

int hv_lapic_msr_write(struct hv_vcpu *vcpu, u32 msr, u64 value)
{
	struct hv_lapic *lapic = vcpu->lapic;
	u32 reg = (msr - APIC_BASE_MSR) << 4;

	if (!lapic || !lapic->x2)
		return -EINVAL;
	if (reg == APIC_ICR) {
		lapic->icr2 = value >> 32;
		hv_lapic_icr(lapic, value, value >> 32);
		return 0;
	}
	/* Reserved bits: #GP (SDM vol. 3, 11.12.1.3). */
	if (value >> 32)
		return -EINVAL;
	switch (reg) {
	case APIC_EOI:
	case APIC_ESR:
		if (value)
			return -EINVAL;
		break;
	case APIC_TASKPRI:
		if (value > 0xff)
			return -EINVAL;
		break;
	case APIC_SELF_IPI:
		if (value > 0xff)
			return -EINVAL;
		if (value < 16)
			hv_lapic_error(lapic, APIC_ESR_SENDILL);
		else
			hv_lapic_post_self(lapic, value, false);
		return 0;
	}
	return lapic_write(lapic, reg, value) ? 0 : -EINVAL;
}
