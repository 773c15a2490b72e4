/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The local APIC, as its own files and the other interrupt controllers see it.
 *
 * Register numbers are offsets in the xAPIC page (<asm/apicdef.h>); APM vol. 2
 * chapter 16 and SDM vol. 3 chapter 11 describe them.
 */
#ifndef HVCTL_LAPIC_H
#define HVCTL_LAPIC_H

#include <linux/bitops.h>
#include <linux/hrtimer.h>
#include <linux/spinlock.h>
#include <asm/apicdef.h>

#include "hvctl.h"

/*
 * A guest's periodic timer fires at most so often: shorter periods would let
 * it keep a host CPU in its timer interrupt.
 */
#define HV_MIN_PERIOD_NS	100000

/* Position in lvt[] of the register at an offset. */
#define HV_LVT(offset)	(((offset) - APIC_LVTT) >> 4)
#define HV_LVTS		(HV_LVT(APIC_LVTERR) + 1)

/**
 * struct hv_apic_timer - the timer of one local APIC
 *
 * vcpu->deadline is the truth; the hrtimer is merely armed for some moment that
 * is not later. Moving the deadline away or dropping it is thus one store: the
 * hrtimer comes too early once, finds the deadline in the future and arms
 * itself for that. See lapic_timer.c.
 */
struct hv_apic_timer {
	u64 armed;		/* lock; read anywhere: host TSC hrtimer is set to */
	u64 reload;		/* (v), read by the callback: period in host TSC
				 * ticks, 0 unless periodic
				 */
	u64 guest_deadline;	/* (v) IA32_TSC_DEADLINE as written */
	raw_spinlock_t lock;	/* armed and the state of hrtimer */
	struct hrtimer hrtimer;
};

/**
 * struct hv_lapic - the local APIC of one vCPU
 *
 * Fields that are (v) and marked "read anywhere" are looked at without a lock
 * by senders of interrupts, which live with a value that is changing.
 *
 * While @given, ISR and TPR are those of vcpu->apic_page, and so is the part of
 * IRR that was there when the guest was entered: see lapic_cpu.c.
 */
struct hv_lapic {
	unsigned long irr[4];	/* (a) requested, by vector */
	unsigned long tmr[4];	/* (a) was level triggered when requested */
	unsigned long isr[4];	/* (v) in service */
	s16 isr_top;		/* (v) highest vector in isr, -1 */
	u16 isr_depth;		/* (v) bits set in isr */
	u8 irr_pending;		/* (a) 0: irr is empty; 1: it may not be */
	u8 tpr;			/* (v) as last written; see hv_lapic_tpr() */
	bool given;		/* (v) the CPU has the state */
	bool on;		/* (v), read anywhere: APIC_BASE enables it */
	bool x2;		/* (v), read anywhere: in x2APIC mode */
	bool soft_on;		/* (v), read anywhere: the SVR enables it */

	struct hv_vcpu *vcpu;	/* (c) */
	struct hv_irqchip *chip;	/* (c) */

	u32 lvt[HV_LVTS];	/* (v), read anywhere */
	u32 ldr, dfr;		/* (v), read anywhere: xAPIC logical destination */
	u32 svr;		/* (v) */
	u32 esr;		/* (v) as the guest reads it */
	unsigned long errors;	/* (a) since the guest last wrote the ESR */
	u32 icr, icr2;		/* (v) */
	u32 tmict, tdcr;	/* (v) */
	struct hv_apic_timer timer;
};

/* Values of the delivery mode field, everywhere it occurs. */
enum hv_apic_mode {
	HV_DM_FIXED,
	HV_DM_LOWEST,
	HV_DM_SMI,
	HV_DM_REMOTE_READ,
	HV_DM_NMI,
	HV_DM_INIT,
	HV_DM_STARTUP,
	HV_DM_EXTINT,
};

/**
 * struct hv_apic_msg - one interrupt message on the APIC bus
 * @dest: destination field of the sender
 * @wide: @dest has 32 bits (x2APIC); otherwise 8
 * @logical: @dest is a logical destination
 * @lowest: one of the destinations gets it, not all
 * @level: level triggered: the EOI is sent to the IOAPIC
 * @mode: enum hv_apic_mode
 * @vector: 0-255
 */
struct hv_apic_msg {
	u32 dest;
	bool wide, logical, lowest, level;
	u8 mode;
	u8 vector;
};

/* lapic.c. Any context: 1 requested, 0 it already was, -1 not accepted. */
int hv_lapic_post(struct hv_lapic *lapic, u8 vector, bool level);
/* Own thread: the same without waking anyone. */
int hv_lapic_post_self(struct hv_lapic *lapic, u8 vector, bool level);
/* Any context: an ESR bit; raises the error interrupt. */
void hv_lapic_error(struct hv_lapic *lapic, u32 bits);
/* Own thread. */
bool hv_lapic_reg(struct hv_lapic *lapic, u32 reg, u32 *value);
void hv_lapic_svr(struct hv_lapic *lapic, u32 value);
void hv_lapic_maps_changed(struct hv_lapic *lapic);
void hv_lapic_irr_emptied(struct hv_lapic *lapic);
void hv_lapic_level_eoi(struct hv_lapic *lapic, u8 vector);
/* What may be written to each local vector; LVTT has rules of its own. */
extern const u32 hv_lapic_lvt_bits[HV_LVTS];

/* lapic_cpu.c. Own thread: get back what the CPU has. */
void __hv_lapic_take(struct hv_lapic *lapic);
static inline void hv_lapic_take(struct hv_lapic *lapic)
{
	if (unlikely(lapic->given))
		__hv_lapic_take(lapic);
}

/* lapic_ipi.c. Any context: >0 delivered, 0 coalesced, -1 nobody took it. */
int hv_apic_send(struct hv_irqchip *chip, const struct hv_apic_msg *msg);
void hv_lapic_icr(struct hv_lapic *lapic, u32 icr, u32 dest);

/* lapic_timer.c: own thread */
void hv_lapic_timer_init(struct hv_lapic *lapic);
void hv_lapic_timer_reset(struct hv_lapic *lapic);
void hv_lapic_timer_lvtt(struct hv_lapic *lapic, u32 value);
void hv_lapic_timer_tmict(struct hv_lapic *lapic, u32 count);
u32 hv_lapic_timer_tmcct(struct hv_lapic *lapic);
void hv_lapic_timer_tdcr(struct hv_lapic *lapic, u32 value);
void hv_lapic_timer_restore(struct hv_lapic *lapic, u32 tmcct);

/* How many entries of vm->vcpu[] are valid. */
static inline u32 hv_nr_vcpus(struct hv_vm *vm)
{
	/* Pairs with the release in hv_vcpu_create(). */
	return smp_load_acquire(&vm->nr_vcpus);
}

/* x2APIC: the logical ID follows from the ID (SDM vol. 3, 11.12.10.2). */
static inline u32 hv_x2apic_ldr(u32 id)
{
	return (id >> 4) << 16 | BIT(id & 15);
}

/* Whether the PIC's output reaches the CPU: LINT0 in ExtINT mode, or wired
 * straight to the CPU while the APIC is switched off.
 */
static inline bool hv_lapic_takes_pic(const struct hv_lapic *lapic)
{
	u32 lvt0 = READ_ONCE(lapic->lvt[HV_LVT(APIC_LVT0)]);

	if (!READ_ONCE(lapic->on))
		return true;
	return (lvt0 & (APIC_LVT_MASKED | APIC_MODE_MASK)) == APIC_DM_EXTINT;
}

#endif /* HVCTL_LAPIC_H */
