/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The seam between the core and SVM or VMX.
 *
 * The core owns the run loop, memory, interrupt controllers and all guest
 * state that user space sees. A back end knows one vendor's control block:
 * it moves state between struct hv_state and that block, enters the guest,
 * and says in neutral terms why the guest stopped. Exit codes, intercept bits
 * and field encodings never leave it.
 */
#ifndef HVCTL_BACKEND_H
#define HVCTL_BACKEND_H

#include <linux/types.h>

struct hv_vm;
struct hv_vcpu;
struct hvctl_fail_entry;
struct hv_pte_format;

/*
 * Parts of struct hv_state that live in the control block while the guest
 * runs. hv_need() fetches a part, hv_dirty() has it written back on entry.
 * General registers, RIP, RFLAGS, CR2, CR8 and the interrupt shadow are not
 * listed: hot exits want them, so they are always in struct hv_state when
 * the guest is stopped.
 */
#define HV_PART_CR	BIT(0)	/* CR0, CR3, CR4, EFER */
#define HV_PART_SEG	BIT(1)	/* segments, GDTR, IDTR, LDTR, TR, CPL */
#define HV_PART_MSR	BIT(2)	/* STAR..SFMASK, KERNEL_GS_BASE, SYSENTER, PAT */
#define HV_PART_DR	BIT(3)	/* DR0-3, DR6, DR7, DEBUGCTL */
#define HV_PART_PDPTE	BIT(4)	/* of PAE paging; only where hv_backend->pdpte is */
#define HV_PART_ALL	(HV_PART_CR | HV_PART_SEG | HV_PART_MSR | HV_PART_DR)

/* Why the guest stopped. Order is that of the handler tables in exit.c. */
enum hv_reason {
	HV_R_INTERRUPT,		/* a host interrupt is pending */
	HV_R_NMI,		/* a host NMI arrived */
	HV_R_MACHINE_CHECK,	/* host #MC, already handed to the host */
	HV_R_WINDOW,		/* the guest can take an interrupt now */
	HV_R_NMI_WINDOW,	/* the guest can take an NMI now */
	HV_R_CPUID,
	HV_R_HYPERCALL,
	HV_R_RDMSR,
	HV_R_WRMSR,
	HV_R_RDPMC,
	HV_R_IO,
	HV_R_FAULT,		/* nested page fault */
	HV_R_EOI,		/* the guest has ended a level-triggered interrupt */
	HV_R_TIMER,		/* vcpu->deadline has come, or is very near */
	HV_R_LOG_FULL,		/* the CPU's log of writes, handed over already */
	HV_R_HLT,
	HV_R_PAUSE,
	HV_R_CR,
	HV_R_DR,
	HV_R_EXCEPTION,		/* one the core asked to see */
	HV_R_XSETBV,
	HV_R_WBINVD,
	HV_R_INVD,
	HV_R_MONITOR,
	HV_R_MWAIT,
	HV_R_TASK_SWITCH,	/* by a task gate, or a TSS as operand */
	HV_R_UNDEFINED,		/* an instruction the guest's CPU lacks */
	HV_R_INIT,		/* INIT signal; ignored */
	HV_R_SHUTDOWN,		/* triple fault */
	HV_R_FAIL_ENTRY,	/* the CPU refused the control block */
	HV_R_UNKNOWN,		/* nobody knows: raw code in exit.hw */
	HV_R_COUNT
};

/* hv_exit.fault.access */
#define HV_ACC_READ	BIT(0)
#define HV_ACC_WRITE	BIT(1)
#define HV_ACC_EXEC	BIT(2)
#define HV_ACC_PRESENT	BIT(3)	/* the nested entry was present */
#define HV_ACC_WALK	BIT(4)	/* while walking the guest's page tables */

/**
 * struct hv_exit - one stop of the guest, as the back end reports it
 * @reason: which member of the union holds
 * @insn_len: bytes of the instruction, 0 where the CPU does not say
 * @insn_bytes: how many of @insn the CPU fetched for us (0 to 15)
 * @insn: those bytes
 * @hw: the raw exit code and its qualifications, for logs and user space
 *
 * Only the vCPU's own thread touches it.
 */
struct hv_exit {
	enum hv_reason reason;
	u8 insn_len;
	u8 insn_bytes;
	u8 insn[15];
	union {
		struct {
			u16 port;
			u8 size;	/* 1, 2, 4 bytes */
			u8 in:1, string:1, rep:1;
			u8 addr_size;	/* 2, 4, 8; 0 where unknown */
			s8 seg;		/* enum hv_seg; -1 where unknown */
		} io;
		struct {
			u64 gpa;
			u32 access;	/* HV_ACC_* */
		} fault;
		struct {
			u8 nr;
			u8 write:1, lmsw:1, clts:1;
			s8 gpr;		/* -1: must be decoded */
			u16 msw;	/* operand of lmsw */
		} cr, dr;
		struct {
			u8 vector;
			u8 has_error:1;
			u32 error;
			u64 address;	/* #PF: linear address; #DB: DR6, when
					 * hv_debugged()
					 */
		} exception;
		u8 eoi;		/* vector */
	};
	u64 hw[3];
};

enum hv_event_type {
	HV_EV_NONE,
	HV_EV_INTERRUPT,	/* external, vector from the irqchip */
	HV_EV_NMI,
	HV_EV_EXCEPTION,
};

/**
 * struct hv_event - what the next entry delivers to the guest
 * @type: HV_EV_NONE when there is nothing
 * @vector: as in the IDT
 * @has_error: @error is pushed
 * @soft_len: #BP and #OF that user space raises: bytes of the INT3 or INTO that RIP
 *	      is at, which delivery steps over. When the guest executes one, it is
 *	      no event, but runs again
 * @redo: an earlier entry had begun to deliver it (IDT vectoring): it counts
 *	  as accepted and cannot be taken back
 * @error: error code
 *
 * Only the vCPU's own thread touches it.
 */
struct hv_event {
	u8 type;
	u8 vector;
	u8 has_error;
	u8 soft_len;
	u8 redo;
	u32 error;
};

/**
 * struct hv_backend - what a vendor's extension must be able to do
 *
 * "IRQs off" means hard interrupts disabled and preemption off on the vCPU's
 * thread, inside the inner loop. The others may sleep unless told otherwise.
 */
struct hv_backend {
	const char *name;		/* "SVM", "VMX" */
	u32 uapi_id;			/* HVCTL_BACKEND_* */
	const struct hv_pte_format *pte;	/* nested page-table entries */

	/* The control block has PDPTEs: they are not read from memory at need. */
	bool pdpte;

	/* Interrupts of the host must not be taken between begin and end. */
	bool irqs_outside;

	/* Whether this is a CPU of that vendor's extension at all. */
	bool (*present)(void);
	/* It can be used: 0, or -EOPNOTSUPP with the reason in the log; no side
	 * effects.
	 */
	int (*probe)(void);
	/* Module load/unload: global pages, capability tables. */
	int (*setup)(void);
	void (*teardown)(void);
	/* On each CPU, IRQs off: take and give back the extension. */
	int (*cpu_enable)(void);
	void (*cpu_disable)(void);
	/* The same when the kernel is crashing: any context, NMI above all,
	 * and nothing is left to be kept. NULL where there is nothing to do.
	 */
	void (*cpu_emergency)(void);

	int (*vcpu_create)(struct hv_vcpu *vcpu);
	void (*vcpu_destroy)(struct hv_vcpu *vcpu);
	/* Control block to the architectural reset defaults of the back end
	 * (intercepts, not guest state).
	 */
	void (*vcpu_reset)(struct hv_vcpu *vcpu);

	/* Move parts between the control block and vcpu->state. */
	void (*fetch)(struct hv_vcpu *vcpu, u32 parts);
	void (*store)(struct hv_vcpu *vcpu, u32 parts);
	/* vcpu->dr_live, want_cr8 or apic_by_cpu changed: new intercepts. */
	void (*update_intercepts)(struct hv_vcpu *vcpu);
	/* Where vcpu->apic_page was set. IRQs off: the highest vectors that are
	 * requested and in service have changed in it, 0 for none; those set in
	 * @level exit with HV_R_EOI when they end.
	 */
	void (*apic_update)(struct hv_vcpu *vcpu, u8 requested, u8 in_service,
			    const unsigned long *level);
	/* New guest TSC offset in vcpu->tsc_offset. */
	void (*update_tsc)(struct hv_vcpu *vcpu);

	/* Preemption off, IRQs on: the inner loop is about to begin on this
	 * CPU. Another may hold parts of the control block: fetch them. NULL
	 * where control blocks are plain memory.
	 */
	void (*attach)(struct hv_vcpu *vcpu);
	/* IRQs off: the inner loop begins and ends; the thread keeps this CPU
	 * in between.
	 */
	void (*begin)(struct hv_vcpu *vcpu);
	void (*end)(struct hv_vcpu *vcpu);
	/* IRQs off: this vCPU is about to run on a CPU where it was not the
	 * last to run (predictor barrier, TLB tag).
	 */
	void (*vcpu_load)(struct hv_vcpu *vcpu);
	/* IRQs off: forget all translations of this guest before entry. */
	void (*flush_tlb)(struct hv_vcpu *vcpu);
	/* IRQs off: deliver vcpu->event if any, ask for an exit when the guest
	 * opens its interrupt window (vcpu->want_window) or NMI window, run the
	 * guest until it exits, fill vcpu->exit. An event that was not
	 * delivered is back in vcpu->event with redo set.
	 */
	void (*enter)(struct hv_vcpu *vcpu);
	/* After HV_R_FAIL_ENTRY: say in the log what is wrong with the control
	 * block, and in fail (zeroed) as far as there is a number for it.
	 */
	void (*dump)(struct hv_vcpu *vcpu, struct hvctl_fail_entry *fail);
};

extern const struct hv_backend hv_svm_backend;
extern const struct hv_backend hv_vmx_backend;
/* The back end in use: set once before the device exists. */
extern const struct hv_backend *hv_backend;

#endif /* HVCTL_BACKEND_H */
