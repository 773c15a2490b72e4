// SPDX-License-Identifier: GPL-2.0
/*
 * General registers, debug registers, pending events and run state of a vCPU:
 * reset, and get and set for user space.
 */
#include "hvctl.h"

#include <asm/debugreg.h>
#include <asm/processor-flags.h>
#include <asm/trapnr.h>

#define SEG_DATA	3	/* read/write, accessed */
#define SEG_CODE	11	/* execute/read, accessed */
#define SEG_LDT		2
#define SEG_TSS16_BUSY	3

/*
 * Bits of DR6 and DR7 that software can change; the others are constants
 * (AMD volume 2, 13.1.1; DR6.RTM, BLD are constants on CPUs without them).
 */
#define DR6_BT		BIT(15)
#define DR6_WRITABLE	(DR_TRAP_BITS | DR6_BD | DR_STEP | DR6_BT)
#define DR6_ONES	0xffff0ff0UL
#define DR7_WRITABLE	0xffff2bffUL
#define DR7_ONES	0x400UL

#define REAL_MODE_SEG(t)	{ .limit = 0xffff, .type = (t), .present = 1, .s = 1 }

/* AMD volume 2, table 14-1, "Initial Processor State". */
static const struct hv_state reset_state = {
	.rip = 0xfff0,
	.rflags = X86_EFLAGS_FIXED,
	.cr0 = X86_CR0_CD | X86_CR0_NW | X86_CR0_ET,
	.seg = {
		[HV_CS] = {
			.base = 0xffff0000, .selector = 0xf000, .limit = 0xffff,
			.type = SEG_CODE, .present = 1, .s = 1,
		},
		[HV_SS] = REAL_MODE_SEG(SEG_DATA),
		[HV_DS] = REAL_MODE_SEG(SEG_DATA),
		[HV_ES] = REAL_MODE_SEG(SEG_DATA),
		[HV_FS] = REAL_MODE_SEG(SEG_DATA),
		[HV_GS] = REAL_MODE_SEG(SEG_DATA),
		[HV_LDTR] = { .limit = 0xffff, .type = SEG_LDT, .present = 1 },
		[HV_TR] = { .limit = 0xffff, .type = SEG_TSS16_BUSY, .present = 1 },
	},
	.gdt = { .limit = 0xffff },
	.idt = { .limit = 0xffff },
	.dr6 = DR6_ONES,
	.dr7 = DR7_ONES,
	.pat = 0x0007040600070406,
	.xcr0 = 1,
};

/* A value that is written to DR6, with what cannot be changed. */
u64 hv_dr6_of(u64 value)
{
	return (value & DR6_WRITABLE) | DR6_ONES;
}

/* The same for DR7. */
u64 hv_dr7_of(u64 value)
{
	return (value & DR7_WRITABLE) | DR7_ONES;
}

/* RDX after reset: family, model, stepping, as CPUID leaf 1 has them. */
static u32 cpu_signature(struct hv_vcpu *vcpu)
{
	const struct kvm_cpuid_entry2 *leaf = hv_cpuid_find(vcpu, 1, 0);

	return leaf ? leaf->eax : 0x600;
}

/**
 * hv_state_reset() - registers as after RESET or INIT
 * @vcpu: its own thread, or being created
 * @init: INIT leaves the caching bits of CR0 and most MSRs as they are
 *
 * Everything but what struct hv_state holds is reset by its own file.
 */
void hv_state_reset(struct hv_vcpu *vcpu, bool init)
{
	const struct hv_state *r = &reset_state;
	struct hv_state *s = &vcpu->state;
	u32 parts = HV_PART_CR | HV_PART_SEG | HV_PART_DR;

	if (!init) {
		*s = *r;
		parts = HV_PART_ALL;
	} else {
		hv_need(vcpu, HV_PART_CR);
		memset(s->gpr, 0, sizeof(s->gpr));
		s->rip = r->rip;
		s->rflags = r->rflags;
		s->cr2 = 0;
		s->cr8 = 0;
		s->shadow = 0;
		s->cpl = 0;
		s->code64 = false;
		s->nmi_blocked = false;
		s->cr0 = X86_CR0_ET | (s->cr0 & (X86_CR0_CD | X86_CR0_NW));
		s->cr3 = 0;
		s->cr4 = 0;
		s->efer = 0;
		memcpy(s->seg, r->seg, sizeof(s->seg));
		s->gdt = r->gdt;
		s->idt = r->idt;
		memset(s->dr, 0, sizeof(s->dr));
		s->dr6 = r->dr6;
		s->dr7 = r->dr7;
		s->debugctl = 0;
	}
	s->gpr[HV_RDX] = cpu_signature(vcpu);
	hv_dirty(vcpu, parts);
	hv_dr_arm(vcpu);
	hv_cpuid_refresh(vcpu);
	hv_request(vcpu, HV_REQ_FLUSH_TLB);
}

/**
 * hv_regs_get() - KVM_GET_REGS
 * @vcpu: locked
 * @regs: filled
 */
int hv_regs_get(struct hv_vcpu *vcpu, struct kvm_regs *regs)
{
	const u64 *gpr = vcpu->state.gpr;

	*regs = (struct kvm_regs) {
		.rax = gpr[HV_RAX], .rbx = gpr[HV_RBX],
		.rcx = gpr[HV_RCX], .rdx = gpr[HV_RDX],
		.rsi = gpr[HV_RSI], .rdi = gpr[HV_RDI],
		.rsp = gpr[HV_RSP], .rbp = gpr[HV_RBP],
		.r8 = gpr[HV_R8], .r9 = gpr[HV_R9],
		.r10 = gpr[HV_R10], .r11 = gpr[HV_R11],
		.r12 = gpr[HV_R12], .r13 = gpr[HV_R13],
		.r14 = gpr[HV_R14], .r15 = gpr[HV_R15],
		.rip = vcpu->state.rip,
		.rflags = vcpu->state.rflags,
	};
	if (unlikely(vcpu->debug & KVM_GUESTDBG_SINGLESTEP) && !vcpu->debug_own_tf)
		regs->rflags &= ~(u64)X86_EFLAGS_TF;
	return 0;
}

/**
 * hv_regs_set() - KVM_SET_REGS
 * @vcpu: locked
 * @regs: any values; bit 1 of RFLAGS reads as 1
 *
 * An exception that waited for delivery belonged to the old RIP and is
 * dropped, as KVM does.
 */
int hv_regs_set(struct hv_vcpu *vcpu, const struct kvm_regs *regs)
{
	u64 *gpr = vcpu->state.gpr;

	gpr[HV_RAX] = regs->rax;
	gpr[HV_RBX] = regs->rbx;
	gpr[HV_RCX] = regs->rcx;
	gpr[HV_RDX] = regs->rdx;
	gpr[HV_RSI] = regs->rsi;
	gpr[HV_RDI] = regs->rdi;
	gpr[HV_RSP] = regs->rsp;
	gpr[HV_RBP] = regs->rbp;
	gpr[HV_R8] = regs->r8;
	gpr[HV_R9] = regs->r9;
	gpr[HV_R10] = regs->r10;
	gpr[HV_R11] = regs->r11;
	gpr[HV_R12] = regs->r12;
	gpr[HV_R13] = regs->r13;
	gpr[HV_R14] = regs->r14;
	gpr[HV_R15] = regs->r15;
	vcpu->state.rip = regs->rip;
	vcpu->state.rflags = regs->rflags | X86_EFLAGS_FIXED;
	vcpu->debug_own_tf = regs->rflags & X86_EFLAGS_TF;
	hv_debug_step(vcpu);
	if (vcpu->event.type == HV_EV_EXCEPTION && !vcpu->event.redo)
		vcpu->event = (struct hv_event) { .type = HV_EV_NONE };
	hv_request(vcpu, HV_REQ_EVENT);
	return 0;
}

/**
 * hv_debugregs_get() - KVM_GET_DEBUGREGS
 * @vcpu: locked
 * @regs: filled
 */
int hv_debugregs_get(struct hv_vcpu *vcpu, struct kvm_debugregs *regs)
{
	hv_need(vcpu, HV_PART_DR);
	memset(regs, 0, sizeof(*regs));
	memcpy(regs->db, vcpu->state.dr, sizeof(regs->db));
	regs->dr6 = vcpu->state.dr6;
	regs->dr7 = vcpu->state.dr7;
	return 0;
}

/**
 * hv_debugregs_set() - KVM_SET_DEBUGREGS
 * @vcpu: locked
 * @regs: constant bits of DR6 and DR7 are taken as what they must be
 *
 * Return: 0, or -EINVAL for flags or for upper halves of DR6 and DR7 that are
 * not zero.
 */
int hv_debugregs_set(struct hv_vcpu *vcpu, const struct kvm_debugregs *regs)
{
	if (regs->flags || upper_32_bits(regs->dr6) || upper_32_bits(regs->dr7))
		return -EINVAL;
	hv_need(vcpu, HV_PART_DR);	/* DEBUGCTL shares the part */
	memcpy(vcpu->state.dr, regs->db, sizeof(regs->db));
	vcpu->state.dr6 = hv_dr6_of(regs->dr6);
	vcpu->state.dr7 = hv_dr7_of(regs->dr7);
	hv_dirty(vcpu, HV_PART_DR);
	hv_dr_arm(vcpu);
	return 0;
}

/**
 * hv_events_get() - KVM_GET_VCPU_EVENTS
 * @vcpu: locked
 * @events: filled
 *
 * A software interrupt whose delivery was cut short is not told: RIP is still
 * at the INT instruction, which a restored vCPU executes again. What an exception
 * leaves in CR2 or DR6 is there from when it is raised on: there is never a payload.
 */
int hv_events_get(struct hv_vcpu *vcpu, struct kvm_vcpu_events *events)
{
	bool payloads = READ_ONCE(vcpu->vm->payloads);
	const struct hv_event *ev = &vcpu->event;

	memset(events, 0, sizeof(*events));
	events->flags = KVM_VCPUEVENT_VALID_NMI_PENDING |
			KVM_VCPUEVENT_VALID_SHADOW;
	if (payloads)
		events->flags |= KVM_VCPUEVENT_VALID_PAYLOAD;
	if (READ_ONCE(vcpu->vm->triple_faults)) {
		events->flags |= KVM_VCPUEVENT_VALID_TRIPLE_FAULT;
		events->triple_fault.pending = test_bit(HV_REQ_TRIPLE,
							&vcpu->requests);
	}
	switch (ev->type) {
	case HV_EV_EXCEPTION:
		/* Who does not know of payloads knows of one kind only. */
		events->exception.pending = payloads && !ev->redo;
		events->exception.injected = !events->exception.pending;
		events->exception.nr = ev->vector;
		events->exception.has_error_code = ev->has_error;
		events->exception.error_code = ev->error;
		break;
	case HV_EV_NMI:
		events->nmi.injected = 1;
		break;
	case HV_EV_INTERRUPT:
		events->interrupt.injected = 1;
		events->interrupt.nr = ev->vector;
		break;
	}
	if (!events->interrupt.injected && vcpu->user_irq >= 0) {
		events->interrupt.injected = 1;
		events->interrupt.nr = vcpu->user_irq;
	}
	events->interrupt.shadow = vcpu->state.shadow;
	events->nmi.pending = READ_ONCE(vcpu->nmi_pending) != 0;
	events->nmi.masked = vcpu->state.nmi_blocked;
	return 0;
}

#define EVENTS_VALID	(KVM_VCPUEVENT_VALID_NMI_PENDING | \
			 KVM_VCPUEVENT_VALID_SIPI_VECTOR | \
			 KVM_VCPUEVENT_VALID_SHADOW | \
			 KVM_VCPUEVENT_VALID_SMM)

/* What an exception that is pending has not done yet: APM volume 2, 8.2. */
static void take_payload(struct hv_vcpu *vcpu, u8 vector, u64 payload)
{
	struct hv_state *s = &vcpu->state;

	if (vector == X86_TRAP_PF) {
		s->cr2 = payload;
	} else if (vector == X86_TRAP_DB) {
		hv_need(vcpu, HV_PART_DR);
		s->dr6 = hv_dr6_of((s->dr6 & ~(u64)DR_TRAP_BITS) | payload);
		hv_dirty(vcpu, HV_PART_DR);
	}
}

static u32 valid_flags(const struct hv_vm *vm)
{
	return EVENTS_VALID |
	       (READ_ONCE(vm->payloads) ? KVM_VCPUEVENT_VALID_PAYLOAD : 0) |
	       (READ_ONCE(vm->triple_faults) ? KVM_VCPUEVENT_VALID_TRIPLE_FAULT : 0);
}

/**
 * hv_events_set() - KVM_SET_VCPU_EVENTS
 * @vcpu: locked
 * @events: at most one event can be under delivery; of several, an exception
 *	    goes before an NMI and that before an interrupt, and those left
 *	    over become pending
 *
 * Return: 0, or -EINVAL for an exception that does not exist, for flags whose
 * capability is not enabled, and for System Management Mode.
 */
int hv_events_set(struct hv_vcpu *vcpu, const struct kvm_vcpu_events *events)
{
	bool pending = (events->flags & KVM_VCPUEVENT_VALID_PAYLOAD) &&
		       events->exception.pending;
	bool exception = pending || events->exception.injected;
	struct hv_event ev = { .type = HV_EV_NONE };
	unsigned long nmis = 0;
	s16 irq = -1;

	if (events->flags & ~valid_flags(vcpu->vm))
		return -EINVAL;
	if (exception && (events->exception.nr > 31 ||
			  events->exception.nr == X86_TRAP_NMI))
		return -EINVAL;
	if ((events->flags & KVM_VCPUEVENT_VALID_SMM) &&
	    (events->smi.smm || events->smi.pending || events->smi.latched_init))
		return -EINVAL;

	if (events->interrupt.injected && !events->interrupt.soft)
		irq = events->interrupt.nr;
	if (exception) {
		ev.type = HV_EV_EXCEPTION;
		ev.vector = events->exception.nr;
		ev.has_error = !!events->exception.has_error_code;
		ev.error = events->exception.error_code;
		/* Only an instruction raises these, and RIP is still at it. */
		if (ev.vector == X86_TRAP_BP || ev.vector == X86_TRAP_OF)
			ev.soft_len = 1;
		nmis += !!events->nmi.injected;
	} else if (events->nmi.injected) {
		ev.type = HV_EV_NMI;
		ev.vector = X86_TRAP_NMI;
	} else if (irq >= 0) {
		ev.type = HV_EV_INTERRUPT;
		ev.vector = irq;
		irq = -1;
	}
	ev.redo = ev.type != HV_EV_NONE && !pending;
	vcpu->event = ev;
	if (pending && events->exception_has_payload)
		take_payload(vcpu, ev.vector, events->exception_payload);
	if (events->flags & KVM_VCPUEVENT_VALID_TRIPLE_FAULT)
		assign_bit(HV_REQ_TRIPLE, &vcpu->requests,
			   events->triple_fault.pending);
	vcpu->user_irq = irq;

	if (events->flags & KVM_VCPUEVENT_VALID_NMI_PENDING)
		nmis += !!events->nmi.pending;
	else
		nmis += READ_ONCE(vcpu->nmi_pending);
	WRITE_ONCE(vcpu->nmi_pending, min(nmis, 2UL));
	if (nmis)
		hv_request(vcpu, HV_REQ_NMI);
	vcpu->state.nmi_blocked = events->nmi.masked;
	if (events->flags & KVM_VCPUEVENT_VALID_SHADOW)
		vcpu->state.shadow = events->interrupt.shadow &
				     (KVM_X86_SHADOW_INT_MOV_SS |
				      KVM_X86_SHADOW_INT_STI);
	if (events->flags & KVM_VCPUEVENT_VALID_SIPI_VECTOR)
		WRITE_ONCE(vcpu->sipi, (READ_ONCE(vcpu->sipi) & ~0xffUL) |
				       (events->sipi_vector & 0xff));
	hv_request(vcpu, HV_REQ_EVENT);
	return 0;
}
