// SPDX-License-Identifier: GPL-2.0
/*
 * The local APIC's modes and its life: IA32_APIC_BASE, reset, and the state
 * that user space saves and restores.
 */
#include <linux/slab.h>
#include <asm/msr-index.h>

#include "lapic.h"

/**
 * hv_lapic_base() - read IA32_APIC_BASE
 * @vcpu: the vCPU
 *
 * Context: own thread. Return: the MSR's value.
 */
u64 hv_lapic_base(struct hv_vcpu *vcpu)
{
	return vcpu->apic_base;
}

static void lapic_clear(struct hv_lapic *lapic)
{
	int i;

	hv_lapic_take(lapic);
	hv_lapic_timer_reset(lapic);
	for (i = 0; i < ARRAY_SIZE(lapic->irr); i++) {
		WRITE_ONCE(lapic->irr[i], 0);
		WRITE_ONCE(lapic->tmr[i], 0);
		lapic->isr[i] = 0;
	}
	hv_lapic_maps_changed(lapic);
	lapic->ldr = 0;
	lapic->dfr = APIC_DFR_FLAT;
	lapic->esr = 0;
	lapic->errors = 0;
	lapic->icr = 0;
	lapic->icr2 = 0;
	lapic->tmict = 0;
	lapic->tdcr = 0;
	for (i = 0; i < HV_LVTS; i++)
		lapic->lvt[i] = APIC_LVT_MASKED;
	hv_lapic_svr(lapic, 0xff);
	hv_lapic_tpr_set(lapic->vcpu, 0);
}

/**
 * hv_lapic_mode() - what the APIC base, or a debugger, says has changed
 * @vcpu: its own thread, or locked
 */
void hv_lapic_mode(struct hv_vcpu *vcpu)
{
	struct hv_lapic *lapic = vcpu->lapic;
	u64 base = vcpu->apic_base;
	bool by_cpu;

	WRITE_ONCE(lapic->on, base & MSR_IA32_APICBASE_ENABLE);
	WRITE_ONCE(lapic->x2, lapic->on && base & X2APIC_ENABLE);
	/* Interrupts can be held back only by whoever delivers them. */
	by_cpu = lapic->x2 && vcpu->apic_page &&
		 !(vcpu->debug & KVM_GUESTDBG_BLOCKIRQ);
	if (by_cpu == vcpu->apic_by_cpu)
		return;
	hv_lapic_take(lapic);
	vcpu->apic_by_cpu = by_cpu;
	vcpu->want_cr8 = false;
	vcpu->event_check = true;
	hv_backend->update_intercepts(vcpu);
}

/**
 * hv_lapic_base_set() - write IA32_APIC_BASE
 * @vcpu: the vCPU
 * @value: new value
 * @host: user space writes; it may change the mode in any direction
 *
 * The guest may go from disabled to xAPIC, on to x2APIC, and from anywhere to
 * disabled (SDM vol. 3, 11.12.5). An APIC that was disabled starts over.
 *
 * Context: own thread. Return: 0, -EINVAL for reserved bits, x2APIC where
 * CPUID lacks it, or a transition the guest may not make.
 */
int hv_lapic_base_set(struct hv_vcpu *vcpu, u64 value, bool host)
{
	struct hv_lapic *lapic = vcpu->lapic;
	u64 enable = MSR_IA32_APICBASE_ENABLE, x2 = X2APIC_ENABLE;
	u64 old = vcpu->apic_base, allowed;

	allowed = (BIT_ULL(min_t(u8, vcpu->cpuid.phys_bits, 52)) - 1) & PAGE_MASK;
	allowed |= MSR_IA32_APICBASE_BSP | enable;
	if (vcpu->cpuid.x2apic)
		allowed |= x2;
	if (value & ~allowed || (value & (enable | x2)) == x2)
		return -EINVAL;
	if (!host && value & enable) {
		/* No way back from x2APIC to xAPIC but by disabling it ... */
		if (old & x2 && !(value & x2))
			return -EINVAL;
		/* ... and none to x2APIC but from xAPIC. */
		if (!(old & enable) && value & x2)
			return -EINVAL;
	}

	vcpu->apic_base = value;
	if ((old ^ value) & (enable | x2)) {
		if (lapic) {
			hv_lapic_mode(lapic->vcpu);
			if (!(value & enable))
				lapic_clear(lapic);
			vcpu->event_check = true;
		}
		hv_cpuid_refresh(vcpu);
	}
	return 0;
}

/* ------------------------------------------------------------ life */

/**
 * hv_lapic_create() - give a new vCPU its local APIC
 * @vcpu: the vCPU, not yet published in vm->vcpu[]
 *
 * Context: vm->lock held, the VM has an irqchip. Return: 0 or -ENOMEM.
 */
int hv_lapic_create(struct hv_vcpu *vcpu)
{
	struct hv_lapic *lapic = kzalloc(sizeof(*lapic), GFP_KERNEL_ACCOUNT);

	if (!lapic)
		return -ENOMEM;
	lapic->vcpu = vcpu;
	lapic->chip = vcpu->vm->irqchip;
	hv_lapic_timer_init(lapic);
	vcpu->lapic = lapic;
	return 0;
}

/**
 * hv_lapic_destroy() - free it
 * @vcpu: the vCPU, which nobody sends interrupts to any more
 *
 * Context: may sleep.
 */
void hv_lapic_destroy(struct hv_vcpu *vcpu)
{
	if (!vcpu->lapic)
		return;
	hrtimer_cancel(&vcpu->lapic->timer.hrtimer);
	kfree(vcpu->lapic);
	vcpu->lapic = NULL;
}

/**
 * hv_lapic_reset() - power-up state, or what INIT makes of it
 * @vcpu: the vCPU
 * @init: INIT: APIC ID and APIC base stay as they are
 *
 * Context: own thread, or before the vCPU is published.
 */
void hv_lapic_reset(struct hv_vcpu *vcpu, bool init)
{
	struct hv_lapic *lapic = vcpu->lapic;

	if (!init) {
		vcpu->apic_base = APIC_DEFAULT_PHYS_BASE |
				  MSR_IA32_APICBASE_ENABLE;
		if (vcpu->id == 0)
			vcpu->apic_base |= MSR_IA32_APICBASE_BSP;
	}
	if (!lapic)
		return;
	hv_lapic_mode(lapic->vcpu);
	lapic_clear(lapic);
	/*
	 * Firmware and systems that know no APIC expect the PIC to work: the
	 * boot CPU starts in the virtual-wire mode of the MultiProcessor
	 * Specification, although the SVR has the APIC switched off.
	 */
	if (vcpu->apic_base & MSR_IA32_APICBASE_BSP)
		lapic->lvt[HV_LVT(APIC_LVT0)] = APIC_DM_EXTINT;
}

static u32 reg_get(const struct kvm_lapic_state *state, u32 reg)
{
	u32 value;

	memcpy(&value, state->regs + reg, sizeof(value));
	return value;
}

static void reg_put(struct kvm_lapic_state *state, u32 reg, u32 value)
{
	memcpy(state->regs + reg, &value, sizeof(value));
}

/**
 * hv_lapic_get() - KVM_GET_LAPIC
 * @vcpu: the vCPU
 * @state: filled with the registers at their offsets in the xAPIC page
 *
 * The ID is in xAPIC format unless x2APIC mode is on and user space has asked
 * for 32-bit IDs by KVM_CAP_X2APIC_API.
 *
 * Context: own thread. Return: 0, -EINVAL without an irqchip.
 */
int hv_lapic_get(struct hv_vcpu *vcpu, struct kvm_lapic_state *state)
{
	struct hv_lapic *lapic = vcpu->lapic;
	u32 reg, value;

	if (!lapic)
		return -EINVAL;
	memset(state, 0, sizeof(*state));
	for (reg = 0; reg < sizeof(state->regs); reg += 16) {
		hv_lapic_reg(lapic, reg, &value);
		reg_put(state, reg, value);
	}
	if (lapic->x2 &&
	    !(vcpu->vm->x2apic_flags & KVM_X2APIC_API_USE_32BIT_IDS))
		reg_put(state, APIC_ID, vcpu->id << 24);
	return 0;
}

static bool id_matches(struct hv_lapic *lapic, u32 id)
{
	struct hv_vcpu *vcpu = lapic->vcpu;

	if (!lapic->x2)
		return id == vcpu->id << 24;
	/* In the old format a 32-bit ID cannot be told: nothing to compare. */
	if (!(vcpu->vm->x2apic_flags & KVM_X2APIC_API_USE_32BIT_IDS))
		return true;
	return id == vcpu->id;
}

static void map_restore(unsigned long *map, const struct kvm_lapic_state *state,
			u32 reg)
{
	int i;

	for (i = 0; i < 4; i++, reg += 32)
		WRITE_ONCE(map[i], reg_get(state, reg) |
				   (u64)reg_get(state, reg + 16) << 32);
}

/**
 * hv_lapic_set() - KVM_SET_LAPIC
 * @vcpu: the vCPU
 * @state: registers at their offsets; the mode is that of IA32_APIC_BASE
 *
 * The timer goes on with TMCCT ticks to go.
 *
 * Context: own thread. Return: 0, -EINVAL without an irqchip or when the ID
 * is not the vCPU's.
 */
int hv_lapic_set(struct hv_vcpu *vcpu, const struct kvm_lapic_state *state)
{
	struct hv_lapic *lapic = vcpu->lapic;
	u32 reg;

	if (!lapic || !id_matches(lapic, reg_get(state, APIC_ID)))
		return -EINVAL;

	hv_lapic_take(lapic);
	hv_lapic_timer_reset(lapic);
	lapic->ldr = reg_get(state, APIC_LDR) & APIC_LDR_MASK;
	lapic->dfr = reg_get(state, APIC_DFR) | APIC_DFR_CLUSTER;
	hv_lapic_svr(lapic, reg_get(state, APIC_SPIV));
	lapic->esr = reg_get(state, APIC_ESR);
	lapic->icr = reg_get(state, APIC_ICR) & ~APIC_ICR_BUSY;
	lapic->icr2 = reg_get(state, APIC_ICR2);
	lapic->tdcr = reg_get(state, APIC_TDCR) & APIC_TDR_DIV_1;
	/*
	 * Not by lapic_lvt(): a fresh boot CPU has LINT0 unmasked with the
	 * APIC off, and that must survive a get and set.
	 */
	for (reg = APIC_LVTTHMR; reg <= APIC_LVTERR; reg += 16)
		lapic->lvt[HV_LVT(reg)] = reg_get(state, reg) &
					  hv_lapic_lvt_bits[HV_LVT(reg)];
	hv_lapic_timer_lvtt(lapic, reg_get(state, APIC_LVTT));
	lapic->tmict = reg_get(state, APIC_TMICT);

	map_restore(lapic->isr, state, APIC_ISR);
	map_restore(lapic->tmr, state, APIC_TMR);
	map_restore(lapic->irr, state, APIC_IRR);
	hv_lapic_maps_changed(lapic);
	hv_lapic_tpr_set(vcpu, reg_get(state, APIC_TASKPRI));
	hv_lapic_timer_restore(lapic, reg_get(state, APIC_TMCCT));
	return 0;
}
