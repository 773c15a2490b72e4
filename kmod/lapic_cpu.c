// SPDX-License-Identifier: GPL-2.0
/*
 * Local APICs whose interrupts the CPU delivers by itself, from a page of
 * registers in the xAPIC's format: without leaving the guest it takes the
 * highest one requested, lets the TPR hold it back, and ends it by EOI (SDM
 * vol. 3, chapter 30). That is done for guests in x2APIC mode, whose registers
 * are MSRs. The page of an xAPIC would be one more piece of nested paging, the
 * same for all vCPUs of a VM, which need not agree on where it is.
 *
 * IRR of struct hv_lapic is where senders put what they request, as ever. When
 * the guest is entered it is moved to the page: "given". Anyone who wants to
 * know priorities, or change them, takes all of it back first; that happens to
 * HLT, to user space that saves the state, and hardly else.
 */
#include <linux/atomic.h>

#include "chips.h"
#include "lapic.h"

/* The n-th of the eight registers that a bitmap is made of. */
static u32 *page_reg(struct hv_vcpu *vcpu, u32 reg, int n)
{
	return (u32 *)(vcpu->apic_page + reg + 0x10 * n);
}

static unsigned long page_word(struct hv_vcpu *vcpu, u32 reg, int i)
{
	return *page_reg(vcpu, reg, 2 * i) |
	       (u64)*page_reg(vcpu, reg, 2 * i + 1) << 32;
}

static void set_page_word(struct hv_vcpu *vcpu, u32 reg, int i, unsigned long word)
{
	*page_reg(vcpu, reg, 2 * i) = word;
	*page_reg(vcpu, reg, 2 * i + 1) = word >> 32;
}

/* The highest vector of a bitmap; 0 when it is empty, as the CPU has it. */
static u8 page_top(struct hv_vcpu *vcpu, u32 reg)
{
	int n;

	for (n = 7; n >= 0; n--) {
		u32 word = *page_reg(vcpu, reg, n);

		if (word)
			return n * 32 + __fls(word);
	}
	return 0;
}

/**
 * __hv_lapic_take() - the CPU no longer has the state
 * @lapic: the local APIC, whose state is given
 *
 * Context: own thread, the guest is stopped.
 */
void __hv_lapic_take(struct hv_lapic *lapic)
{
	struct hv_vcpu *vcpu = lapic->vcpu;
	unsigned long word;
	int i;

	lapic->given = false;
	for (i = 0; i < ARRAY_SIZE(lapic->irr); i++) {
		lapic->isr[i] = page_word(vcpu, APIC_ISR, i);
		word = page_word(vcpu, APIC_IRR, i);
		if (word)
			atomic_long_or(word, (atomic_long_t *)&lapic->irr[i]);
		set_page_word(vcpu, APIC_IRR, i, 0);
	}
	lapic->tpr = vcpu->apic_page[APIC_TASKPRI];
	/* Which has the event looked for, and all of it given again. */
	hv_lapic_maps_changed(lapic);
}

static void give_requests(struct hv_lapic *lapic)
{
	struct hv_vcpu *vcpu = lapic->vcpu;
	unsigned long word;
	int i;

	for (i = 0; i < ARRAY_SIZE(lapic->irr); i++) {
		if (!READ_ONCE(lapic->irr[i]))
			continue;
		word = xchg(&lapic->irr[i], 0);
		vcpu->injected += hweight_long(word);
		set_page_word(vcpu, APIC_IRR, i,
			      page_word(vcpu, APIC_IRR, i) | word);
	}
	hv_lapic_irr_emptied(lapic);
}

/**
 * hv_lapic_give() - let the CPU deliver what is requested
 * @vcpu: the vCPU, about to be entered
 *
 * Until the guest has exited nothing may be taken back.
 *
 * Context: inner loop, interrupts off.
 */
void hv_lapic_give(struct hv_vcpu *vcpu)
{
	struct hv_lapic *lapic = vcpu->lapic;
	int i;

	if (!lapic->given) {
		for (i = 0; i < ARRAY_SIZE(lapic->isr); i++)
			set_page_word(vcpu, APIC_ISR, i, lapic->isr[i]);
		vcpu->apic_page[APIC_TASKPRI] = hv_lapic_tpr(vcpu);
		lapic->given = true;
	}
	if (READ_ONCE(lapic->irr_pending))
		give_requests(lapic);
	/* TMR was right before IRR was, see lapic_request(). */
	hv_backend->apic_update(vcpu, page_top(vcpu, APIC_IRR),
				page_top(vcpu, APIC_ISR), lapic->tmr);
}

/**
 * hv_hot_eoi() - HV_R_EOI: the CPU has ended a level-triggered interrupt
 * @vcpu: the vCPU; exit.eoi is the vector
 *
 * Context: inner loop. Return: HV_RESUME.
 */
int hv_hot_eoi(struct hv_vcpu *vcpu)
{
	struct hv_lapic *lapic = vcpu->lapic;

	if (test_bit(vcpu->exit.eoi, lapic->tmr))
		hv_lapic_level_eoi(lapic, vcpu->exit.eoi);
	return HV_RESUME;
}
