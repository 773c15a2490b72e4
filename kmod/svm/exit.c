// SPDX-License-Identifier: GPL-2.0
/*
 * From SVM's exit codes (APM vol 2, appendix C) to neutral ones.
 */
#include "svm.h"

/* Unlisted codes are zero: HV_R_INTERRUPT is stored one up. */
#define R(reason)	(HV_R_##reason + 1)

static const u8 reasons[] = {
	[SVM_EXIT_READ_CR0] = R(CR),
	[SVM_EXIT_WRITE_CR0] = R(CR),
	[SVM_EXIT_WRITE_CR4] = R(CR),
	[SVM_EXIT_WRITE_CR8] = R(CR),
	[SVM_EXIT_CR0_SEL_WRITE] = R(CR),
	[SVM_EXIT_READ_DR0 ... SVM_EXIT_READ_DR7] = R(DR),
	[SVM_EXIT_WRITE_DR0 ... SVM_EXIT_WRITE_DR7] = R(DR),
	[SVM_EXIT_EXCP_BASE ... SVM_EXIT_LAST_EXCP] = R(EXCEPTION),
	[SVM_EXIT_INTR] = R(INTERRUPT),
	[SVM_EXIT_NMI] = R(NMI),
	[SVM_EXIT_SMI] = R(INTERRUPT),
	[SVM_EXIT_INIT] = R(INIT),
	[SVM_EXIT_VINTR] = R(WINDOW),
	/* watch_iret() has seen it; nothing else is to be done. */
	[SVM_EXIT_IRET] = R(NMI_WINDOW),
	[SVM_EXIT_RDPMC] = R(RDPMC),
	[SVM_EXIT_CPUID] = R(CPUID),
	[SVM_EXIT_INVD] = R(INVD),
	[SVM_EXIT_PAUSE] = R(PAUSE),
	[SVM_EXIT_HLT] = R(HLT),
	[SVM_EXIT_INVLPGA] = R(UNDEFINED),
	[SVM_EXIT_IOIO] = R(IO),
	[SVM_EXIT_FERR_FREEZE] = R(INTERRUPT),
	[SVM_EXIT_SHUTDOWN] = R(SHUTDOWN),
	[SVM_EXIT_VMRUN] = R(UNDEFINED),
	[SVM_EXIT_VMMCALL] = R(HYPERCALL),
	[SVM_EXIT_VMLOAD ... SVM_EXIT_SKINIT] = R(UNDEFINED),
	[SVM_EXIT_WBINVD] = R(WBINVD),
	[SVM_EXIT_MONITOR] = R(MONITOR),
	[SVM_EXIT_MWAIT ... SVM_EXIT_MWAIT_COND] = R(MWAIT),
	[SVM_EXIT_XSETBV] = R(XSETBV),
	[SVM_EXIT_RDPRU] = R(UNDEFINED),
	/* INVLPGB, its illegal form, MCOMMIT, TLBSYNC: 0xa0 to 0xa4. */
	[0xa0 ... 0xa1] = R(UNDEFINED),
	[0xa3 ... 0xa4] = R(UNDEFINED),
};

static enum hv_reason reason_of(u32 code)
{
	if (code < ARRAY_SIZE(reasons) && reasons[code])
		return reasons[code] - 1;
	return HV_R_UNKNOWN;
}

/* Exit info of IN and OUT, 15.10.2. */
static void get_io(struct hv_exit *exit, u64 info)
{
	u8 asize = (info & SVM_IOIO_ASIZE_MASK) >> SVM_IOIO_ASIZE_SHIFT;

	exit->io.port = info >> 16;
	exit->io.size = (info & SVM_IOIO_SIZE_MASK) >> SVM_IOIO_SIZE_SHIFT;
	exit->io.in = info & SVM_IOIO_TYPE_MASK;
	exit->io.string = !!(info & SVM_IOIO_STR_MASK);
	exit->io.rep = !!(info & BIT(SVM_IOIO_REP_SHIFT));
	exit->io.addr_size = asize * 2;
	exit->io.seg = -1;
	if (exit->io.string && svm_features.decode)
		exit->io.seg = info >> 10 & 7;
}

static void get_fault(struct hv_exit *exit, u64 info, u64 gpa)
{
	u32 access = HV_ACC_READ;

	/* The error code of a nested fault is a #PF's, 15.25.6. */
	if (info & X86_PF_WRITE)
		access = HV_ACC_WRITE;
	else if (info & X86_PF_INSTR)
		access = HV_ACC_EXEC;
	if (info & X86_PF_PROT)
		access |= HV_ACC_PRESENT;
	if (!(info & BIT_ULL(32)))
		access |= HV_ACC_WALK;
	exit->fault.gpa = gpa;
	exit->fault.access = access;
}

static void get_cr(struct hv_exit *exit, u32 code, u64 info)
{
	exit->cr.lmsw = 0;
	exit->cr.clts = 0;
	exit->cr.gpr = -1;
	if (code == SVM_EXIT_CR0_SEL_WRITE) {
		exit->cr.nr = 0;
		exit->cr.write = 1;
		/* No register number here, and it may be an LMSW. */
		return;
	}
	exit->cr.nr = code & 15;
	exit->cr.write = code >> 4 & 1;
	/* 15.8.4: bit 63 tells MOV from LMSW, SMSW and CLTS. */
	if (svm_features.decode && (info & BIT_ULL(63)))
		exit->cr.gpr = info & 15;
}

static void get_exception(struct hv_vcpu *vcpu, u32 code, u64 info1, u64 info2)
{
	struct hv_exit *exit = &vcpu->exit;

	exit->exception.vector = code - SVM_EXIT_EXCP_BASE;
	exit->exception.has_error = exit->exception.vector == X86_TRAP_AC;
	exit->exception.error = info1;
	exit->exception.address = info2;
	if (exit->exception.vector == X86_TRAP_DB)
		exit->exception.address = to_svm(vcpu)->vmcb->save.dr6;
	if (exit->exception.vector == X86_TRAP_MC) {
		/*
		 * An intercepted #MC is not delivered to the host by itself
		 * (15.12.15): raise it again, it reads the banks.
		 */
		asm volatile("int $0x12");
		exit->reason = HV_R_MACHINE_CHECK;
	}
}

static void get_insn_len(struct hv_vcpu *vcpu, u64 next_rip)
{
	u64 len = next_rip - vcpu->state.rip;

	vcpu->exit.insn_len = len <= HV_INSN_MAX ? len : 0;
}

/**
 * svm_translate_exit() - fill vcpu->exit from the control block
 * @vcpu: the vCPU, just back from the guest
 */
void svm_translate_exit(struct hv_vcpu *vcpu)
{
	struct vmcb_control_area *ctl = &to_svm(vcpu)->vmcb->control;
	struct hv_exit *exit = &vcpu->exit;
	u32 code = ctl->exit_code;

	exit->hw[0] = code;
	exit->hw[1] = ctl->exit_info_1;
	exit->hw[2] = ctl->exit_info_2;
	exit->insn_len = 0;
	exit->insn_bytes = 0;

	if (code == SVM_EXIT_NPF) {
		exit->reason = HV_R_FAULT;
		get_fault(exit, ctl->exit_info_1, ctl->exit_info_2);
		if (svm_features.decode && ctl->insn_len) {
			exit->insn_bytes = min_t(u8, ctl->insn_len, HV_INSN_MAX);
			memcpy(exit->insn, ctl->insn_bytes, exit->insn_bytes);
		}
		return;
	}
	if (code == (u32)SVM_EXIT_ERR) {
		exit->reason = HV_R_FAIL_ENTRY;
		return;
	}

	exit->reason = reason_of(code);
	if (svm_features.nrips)
		get_insn_len(vcpu, ctl->next_rip);

	switch (exit->reason) {
	case HV_R_IO:
		get_io(exit, ctl->exit_info_1);
		get_insn_len(vcpu, ctl->exit_info_2);
		break;
	case HV_R_CR:
		get_cr(exit, code, ctl->exit_info_1);
		break;
	case HV_R_DR:
		exit->dr.nr = code & 7;
		exit->dr.write = code >> 4 & 1;
		exit->dr.gpr = svm_features.decode ? ctl->exit_info_1 & 15 : -1;
		break;
	case HV_R_EXCEPTION:
		get_exception(vcpu, code, ctl->exit_info_1, ctl->exit_info_2);
		break;
	default:
		break;
	}
	if (code == SVM_EXIT_MSR)
		exit->reason = ctl->exit_info_1 ? HV_R_WRMSR : HV_R_RDMSR;
}

const struct hv_backend hv_svm_backend = {
	.name = "SVM",
	.uapi_id = HVCTL_BACKEND_SVM,
	.pte = &hv_npt_format,
	.present = svm_present,
	.probe = svm_probe,
	.setup = svm_setup,
	.teardown = svm_teardown,
	.cpu_enable = svm_cpu_enable,
	.cpu_disable = svm_cpu_disable,
	.vcpu_create = svm_vcpu_create,
	.vcpu_destroy = svm_vcpu_destroy,
	.vcpu_reset = svm_vcpu_reset,
	.fetch = svm_fetch,
	.store = svm_store,
	.update_intercepts = svm_update_intercepts,
	.update_tsc = svm_update_tsc,
	.begin = svm_begin,
	.end = svm_end,
	.vcpu_load = svm_vcpu_load,
	.flush_tlb = svm_flush_tlb,
	.enter = svm_enter,
	.dump = svm_dump,
};
