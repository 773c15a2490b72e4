// SPDX-License-Identifier: GPL-2.0
/*
 * From VMX's exit reasons (appendix C) and their qualifications (28.2) to
 * neutral ones.
 */
#include <asm/debugreg.h>
#include <asm/trapnr.h>

#include "insn.h"
#include "vmx.h"

/* Reasons without a name in the kernel's headers. */
#define EXIT_REASON_GETSEC	11
#define EXIT_REASON_ENCLV	70

/*
 * What is told of an exit.
 * PLAIN: an instruction that exits before it does anything: its length is
 *	  known, and no event can have been under delivery.
 * MORE: there is something to be read besides.
 */
#define PLAIN	BIT(0)
#define MORE	BIT(1)

/* Unlisted reasons are zero: HV_R_INTERRUPT is stored one up. */
#define R(reason)	(HV_R_##reason + 1)

static const struct {
	u8 reason, flags;
} exits[] = {
	[EXIT_REASON_EXCEPTION_NMI] = { R(EXCEPTION), MORE },
	[EXIT_REASON_EXTERNAL_INTERRUPT] = { R(INTERRUPT), MORE },
	[EXIT_REASON_TRIPLE_FAULT] = { R(SHUTDOWN) },
	[EXIT_REASON_INIT_SIGNAL] = { R(INIT) },
	[EXIT_REASON_INTERRUPT_WINDOW] = { R(WINDOW) },
	[EXIT_REASON_NMI_WINDOW] = { R(NMI_WINDOW) },
	[EXIT_REASON_TASK_SWITCH] = { R(TASK_SWITCH), MORE },
	[EXIT_REASON_CPUID] = { R(CPUID), PLAIN },
	/* Exits only where CR4.SMXE is set, which no guest can. */
	[EXIT_REASON_GETSEC] = { R(UNDEFINED) },
	[EXIT_REASON_HLT] = { R(HLT), PLAIN },
	[EXIT_REASON_INVD] = { R(INVD), PLAIN },
	[EXIT_REASON_RDPMC] = { R(RDPMC), PLAIN },
	[EXIT_REASON_VMCALL] = { R(HYPERCALL), PLAIN },
	/* VMX itself is not offered to guests. */
	[EXIT_REASON_VMCLEAR ... EXIT_REASON_VMON] = { R(UNDEFINED) },
	[EXIT_REASON_CR_ACCESS] = { R(CR), PLAIN | MORE },
	[EXIT_REASON_DR_ACCESS] = { R(DR), PLAIN | MORE },
	[EXIT_REASON_IO_INSTRUCTION] = { R(IO), PLAIN | MORE },
	[EXIT_REASON_MSR_READ] = { R(RDMSR), PLAIN },
	[EXIT_REASON_MSR_WRITE] = { R(WRMSR), PLAIN },
	[EXIT_REASON_MWAIT_INSTRUCTION] = { R(MWAIT) },
	[EXIT_REASON_MONITOR_INSTRUCTION] = { R(MONITOR) },
	[EXIT_REASON_PAUSE_INSTRUCTION] = { R(PAUSE) },
	[EXIT_REASON_EOI_INDUCED] = { R(EOI), MORE },
	[EXIT_REASON_EPT_VIOLATION] = { R(FAULT), MORE },
	[EXIT_REASON_INVEPT] = { R(UNDEFINED) },
	[EXIT_REASON_PREEMPTION_TIMER] = { R(TIMER) },
	[EXIT_REASON_INVVPID] = { R(UNDEFINED) },
	[EXIT_REASON_WBINVD] = { R(WBINVD), PLAIN },
	[EXIT_REASON_XSETBV] = { R(XSETBV), PLAIN },
	[EXIT_REASON_VMFUNC] = { R(UNDEFINED) },
	[EXIT_REASON_ENCLS] = { R(UNDEFINED) },
	[EXIT_REASON_PML_FULL] = { R(LOG_FULL), MORE },
	[EXIT_REASON_ENCLV] = { R(UNDEFINED) },
};

/* What the guest was being given when it exited goes back in line, 28.2.4. */
static noinline void take_back_event(struct hv_vcpu *vcpu, u32 info)
{
	struct hv_event *ev = &vcpu->event;
	u8 vector;

	switch (info & VECTORING_INFO_TYPE_MASK) {
	case INTR_TYPE_EXT_INTR:
		ev->type = HV_EV_INTERRUPT;
		break;
	case INTR_TYPE_NMI_INTR:
		ev->type = HV_EV_NMI;
		/* An entry cannot inject one while they are blocked. */
		vcpu->state.nmi_blocked = false;
		break;
	case INTR_TYPE_HARD_EXCEPTION:
		ev->type = HV_EV_EXCEPTION;
		/* No instruction raises these so: the entry did. */
		vector = info & VECTORING_INFO_VECTOR_MASK;
		if (vector == X86_TRAP_BP || vector == X86_TRAP_OF)
			hv_step_back(vcpu);
		break;
	default:
		/* INT n, INT3 and INTO: RIP is at them, they run again. */
		return;
	}
	ev->vector = info & VECTORING_INFO_VECTOR_MASK;
	ev->has_error = !!(info & VECTORING_INFO_DELIVER_CODE_MASK);
	if (ev->has_error)
		ev->error = vmcs_read(IDT_VECTORING_ERROR_CODE);
	ev->redo = true;
}

/*
 * The exit may have come in the middle of an IRET that had opened NMIs again
 * (28.2.3): it will be run once more, so they are still blocked.
 */
static void undo_iret(struct hv_vcpu *vcpu, u64 info)
{
	if ((info & INTR_INFO_UNBLOCK_NMI) && vcpu->event.type == HV_EV_NONE)
		vcpu->state.nmi_blocked = true;
}

/* Qualification of IN and OUT, table 28-5. */
static void get_io(struct hv_exit *exit, u64 info)
{
	u32 operands;

	exit->io.port = info >> 16;
	exit->io.size = (info & 7) + 1;
	exit->io.in = info >> 3 & 1;
	exit->io.string = info >> 4 & 1;
	exit->io.rep = info >> 5 & 1;
	exit->io.addr_size = 0;
	exit->io.seg = -1;
	if (exit->io.string && (vmx_caps.basic & VMX_BASIC_INOUT)) {
		/* Table 28-8: address size, and the segment of OUTS. */
		operands = vmcs_read(VMX_INSTRUCTION_INFO);
		exit->io.addr_size = 2 << (operands >> 7 & 7);
		exit->io.seg = operands >> 15 & 7;
	}
}

/* Qualification of EPT violations, table 28-7. */
static void get_fault(struct hv_exit *exit, u64 info)
{
	u32 access = HV_ACC_READ;

	if (info & EPT_VIOLATION_ACC_WRITE)
		access = HV_ACC_WRITE;
	else if (info & EPT_VIOLATION_ACC_INSTR)
		access = HV_ACC_EXEC;
	if (info & EPT_VIOLATION_RWX_MASK)
		access |= HV_ACC_PRESENT;
	/* Without a linear address it was MOV to CR3 reading PDPTEs. */
	if (!(info & EPT_VIOLATION_GVA_IS_VALID) ||
	    !(info & EPT_VIOLATION_GVA_TRANSLATED))
		access |= HV_ACC_WALK;
	exit->fault.gpa = vmcs_read(GUEST_PHYSICAL_ADDRESS);
	exit->fault.access = access;
}

/* Qualification of control-register accesses, table 28-3. */
static void get_cr(struct hv_exit *exit, u64 info)
{
	u8 type = (info & CONTROL_REG_ACCESS_TYPE) >> 4;

	exit->cr.nr = info & 15;
	exit->cr.gpr = info >> 8 & 15;
	exit->cr.write = type != 1;
	exit->cr.clts = type == 2;
	exit->cr.lmsw = type == 3;
	exit->cr.msw = info >> LMSW_SOURCE_DATA_SHIFT;
}

/*
 * What #DB would have left in DR6 and DR7, had it not exited (28.1): table 28-2.
 */
static void get_debug(struct hv_vcpu *vcpu, u64 info)
{
	struct hv_state *st = &vcpu->state;

	if (unlikely(hv_debugged(vcpu))) {
		vcpu->exit.exception.address = DR6_RESERVED |
			(info & (DR_TRAP_BITS | DR_STEP | DR6_BD));
		return;
	}
	hv_need(vcpu, HV_PART_DR);
	st->dr6 &= ~DR_TRAP_BITS;
	st->dr6 |= info & (DR_TRAP_BITS | DR_STEP | DR6_BD);
	st->dr7 &= ~DR7_GD;
	st->debugctl &= ~(DEBUGCTLMSR_LBR | DEBUGCTLMSR_BTF);
	hv_dirty(vcpu, HV_PART_DR);
}

static void get_exception(struct hv_vcpu *vcpu, u32 info)
{
	struct hv_exit *exit = &vcpu->exit;

	exit->reason = HV_R_EXCEPTION;
	exit->exception.vector = info & INTR_INFO_VECTOR_MASK;
	exit->exception.has_error = !!(info & INTR_INFO_DELIVER_CODE_MASK);
	exit->exception.error = 0;
	exit->exception.address = 0;
	if (exit->exception.has_error)
		exit->exception.error = vmcs_read(VM_EXIT_INTR_ERROR_CODE);
	if (exit->exception.vector == X86_TRAP_DB) {
		/* INT1 is a trap: its handler returns behind it. */
		if ((info & INTR_INFO_INTR_TYPE_MASK) == INTR_TYPE_PRIV_SW_EXCEPTION)
			vcpu->state.rip += vmcs_read(VM_EXIT_INSTRUCTION_LEN);
		else
			get_debug(vcpu, exit->hw[1]);
	}
}

/* An exception of the guest, or an NMI or machine check of the host. */
static noinline void exception_or_nmi(struct hv_vcpu *vcpu)
{
	struct hv_exit *exit = &vcpu->exit;
	u32 info = vmcs_read(VM_EXIT_INTR_INFO);

	exit->hw[2] = info;
	if ((info & INTR_INFO_INTR_TYPE_MASK) == INTR_TYPE_NMI_INTR) {
		/*
		 * The exit has taken the NMI, and blocked the next one until
		 * the handler's IRET.
		 */
		exit->reason = HV_R_NMI;
		asm volatile("int $2");
		return;
	}
	if ((info & INTR_INFO_VECTOR_MASK) == X86_TRAP_MC) {
		/* The host reads the banks. */
		exit->reason = HV_R_MACHINE_CHECK;
		asm volatile("int $0x12");
		return;
	}
	undo_iret(vcpu, info);
	get_exception(vcpu, info);
}

/* Not in the table: unknown, or a failed entry, which has bit 31 set. */
static noinline void odd_reason(struct hv_exit *exit, u32 reason)
{
	exit->reason = HV_R_UNKNOWN;
	if (reason & VMX_EXIT_REASONS_FAILED_VMENTRY)
		exit->reason = HV_R_FAIL_ENTRY;
	exit->hw[1] = vmcs_read(EXIT_QUALIFICATION);
	if ((u16)reason == EXIT_REASON_MCE_DURING_VMENTRY)
		asm volatile("int $0x12");
}

/* Exits with a qualification. */
static noinline void read_more(struct hv_vcpu *vcpu, u32 reason)
{
	struct hv_exit *exit = &vcpu->exit;
	u64 info = vmcs_read(EXIT_QUALIFICATION);

	exit->hw[1] = info;
	switch (reason) {
	case EXIT_REASON_IO_INSTRUCTION:
		get_io(exit, info);
		break;
	case EXIT_REASON_EPT_VIOLATION:
		undo_iret(vcpu, info);
		get_fault(exit, info);
		break;
	case EXIT_REASON_EXTERNAL_INTERRUPT:
		/* The core is going to let it in. */
		to_vmx(vcpu)->host_moved = true;
		break;
	case EXIT_REASON_PML_FULL:
		undo_iret(vcpu, info);
		break;
	case EXIT_REASON_EOI_INDUCED:
		exit->eoi = info;
		break;
	case EXIT_REASON_CR_ACCESS:
		get_cr(exit, info);
		break;
	case EXIT_REASON_DR_ACCESS:
		exit->dr.nr = info & DEBUG_REG_ACCESS_NUM;
		exit->dr.write = !(info & TYPE_MOV_FROM_DR);
		exit->dr.gpr = DEBUG_REG_ACCESS_REG(info);
		break;
	case EXIT_REASON_EXCEPTION_NMI:
		exception_or_nmi(vcpu);
		break;
	default:
		break;
	}
}

/**
 * vmx_translate_exit() - fill vcpu->exit from the VMCS
 * @vcpu: the vCPU, just back from the guest
 * @reason: the exit-reason field
 */
void vmx_translate_exit(struct hv_vcpu *vcpu, u32 reason)
{
	struct hv_exit *exit = &vcpu->exit;
	u32 vectoring;
	u8 flags;

	exit->hw[0] = reason;
	exit->hw[1] = 0;
	exit->hw[2] = 0;
	exit->insn_bytes = 0;
	if (unlikely(reason >= ARRAY_SIZE(exits) || !exits[reason].reason)) {
		odd_reason(exit, reason);
		return;
	}
	exit->reason = exits[reason].reason - 1;
	flags = exits[reason].flags;
	if (flags & PLAIN) {
		exit->insn_len = vmcs_read(VM_EXIT_INSTRUCTION_LEN);
	} else {
		exit->insn_len = 0;
		vectoring = vmcs_read(IDT_VECTORING_INFO_FIELD);
		if (unlikely(vectoring & VECTORING_INFO_VALID_MASK))
			take_back_event(vcpu, vectoring);
	}
	if (flags & MORE)
		read_more(vcpu, reason);
}

const struct hv_backend hv_vmx_backend = {
	.name = "VMX",
	.uapi_id = HVCTL_BACKEND_VMX,
	.pte = &hv_ept_format,
	.pdpte = true,
	.irqs_outside = !HV_CR4_TRACKED,
	.present = vmx_present,
	.probe = vmx_probe,
	.setup = vmx_setup,
	.teardown = vmx_teardown,
	.cpu_enable = vmx_cpu_enable,
	.cpu_disable = vmx_cpu_disable,
	.cpu_emergency = vmx_cpu_emergency,
	.vcpu_create = vmx_vcpu_create,
	.vcpu_destroy = vmx_vcpu_destroy,
	.vcpu_reset = vmx_vcpu_reset,
	.fetch = vmx_fetch,
	.store = vmx_store,
	.update_intercepts = vmx_update_intercepts,
	.apic_update = vmx_apic_update,
	.update_tsc = vmx_update_tsc,
	.attach = vmx_attach,
	.begin = vmx_begin,
	.end = vmx_end,
	.vcpu_load = vmx_vcpu_load,
	.flush_tlb = vmx_flush_tlb,
	.enter = vmx_enter,
	.dump = vmx_dump,
};
