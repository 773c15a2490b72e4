/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Intel VT-x: what the files of this folder share. Section numbers are those of
 * the Intel 64 and IA-32 Architectures Software Developer's Manual, volume 3
 * (chapter 24: introduction, 25: the VMCS, 26: what exits, 27: entries, 28:
 * exits, 29: EPT and VPID, 31: instructions; appendix A: capabilities, C: exit
 * reasons).
 */
#ifndef HVCTL_VMX_H
#define HVCTL_VMX_H

#include <asm/desc_defs.h>
#include <asm/vmx.h>

#include "../hvctl.h"

/* The control words of a VMCS, in the order of vmx_caps.ctl. */
enum vmx_word { VMX_PIN, VMX_CPU, VMX_CPU2, VMX_EXIT, VMX_ENTRY, VMX_WORDS };

/**
 * struct vmx_caps - what this machine's VMX can do
 * @basic: IA32_VMX_BASIC (A.1)
 * @ept: IA32_VMX_EPT_VPID_CAP (A.10)
 * @cr0_fixed: bits of CR0 that must be 1 while a guest runs, but for PE and
 *	       PG, which unrestricted guests may clear
 * @cr4_fixed: the same of CR4
 * @ctl: the controls that every guest runs with
 * @apic: secondary controls with which the CPU delivers the interrupts of
 *	  x2APIC guests; 0 where it cannot
 * @timer: there is a preemption timer ...
 * @timer_shift: ... that counts once in 2^n ticks of the TSC
 *
 * Set once by probe(); every CPU that is enabled must have the same.
 */
struct vmx_caps {
	u64 basic;
	u64 ept;
	u64 cr0_fixed;
	u64 cr4_fixed;
	u32 ctl[VMX_WORDS];
	u32 apic;
	bool timer;
	u8 timer_shift;
};

extern struct vmx_caps vmx_caps;

/* Controls that are switched on and off while a guest runs. */
#define VMX_CPU_VARIABLE	(CPU_BASED_INTR_WINDOW_EXITING | \
				 CPU_BASED_NMI_WINDOW_EXITING | \
				 CPU_BASED_CR8_LOAD_EXITING | \
				 CPU_BASED_MOV_DR_EXITING)

/*
 * Exceptions that exit. #DB and #AC can recur for ever inside their own
 * delivery and would keep the CPU from taking interrupts: see CVE-2015-8104 and
 * 5307. #MC is the host's.
 */
#define VMX_EXCEPTIONS	(BIT(X86_TRAP_DB) | BIT(X86_TRAP_AC) | BIT(X86_TRAP_MC))

/*
 * MSRs that a VMCS does not hold: the guest's are in the registers for as long
 * as the inner loop lasts. The kernel's are constants of each CPU.
 */
enum vmx_msr { VMX_STAR, VMX_LSTAR, VMX_CSTAR, VMX_SFMASK, VMX_MSRS };

struct vmx_vcpu;

/**
 * struct vmx_cpu - one host processor's part
 *
 * Touched on that processor only, with interrupts off.
 */
struct vmx_cpu {
	struct page *vmxon;	/* the VMXON region */
	bool enabled;
	struct vmx_vcpu *current_vmcs;	/* what VMREAD and VMWRITE act on */
	struct list_head active;	/* vmx_vcpu.node: VMCSs it may cache */
	u64 host_msr[VMX_MSRS];
	u64 host_tsc_aux;	/* the host's, constant */
};

DECLARE_PER_CPU(struct vmx_cpu, vmx_cpu);

/**
 * struct vmx_vcpu - the control block of a vCPU and what surrounds it
 *
 * All of it belongs to the vCPU's thread, but @node, @active_cpu and @launched,
 * which are the CPU's that has the VMCS active, as long as there is one.
 * "Last written" and "last read" fields spare a VMWRITE.
 */
struct vmx_vcpu {
	/* The first four are enter.S's, see there. */
	unsigned long host_rsp;	/* HOST_RSP as last written */
	u64 guest_spec_ctrl;	/* SPEC_CTRL while the guest runs */
	u64 host_spec_ctrl;	/* the host's, read when the inner loop begins */
	bool launched;		/* VMLAUNCH has been done since VMCLEAR */
	bool inside;		/* in the inner loop: the VMCS is current */
	bool blank;		/* the VMCS has not been initialised */
	bool stale;		/* this CPU's translations are to be flushed */
	bool host_moved;	/* host state may not be what it was */
	bool long_mode;		/* IA-32e mode guest, EFER.LMA */
	bool dr_live;		/* the guest's DR6 is in the register */
	u32 interruptibility;	/* last read or written */
	u64 rsp, rflags;	/* last read or written */
	u32 cpu_base;		/* processor-based controls without windows */
	u32 cpu_ctl;		/* ... with them, last written */
	u32 cpu2;		/* secondary controls ... */
	u32 cpu2_ctl;		/* ... as last written */
	bool timer_set;		/* the preemption timer was, last time */
	u8 *vapic;		/* virtual-APIC page */
	u64 eoi_exit[4];	/* vectors whose EOI exits, last written */
	u64 msr[VMX_MSRS];	/* what the registers hold */
	u64 tsc_aux;
	u64 host_cr3, host_cr4;	/* last written */

	struct page *log;	/* of writes; NULL where CPUs keep none */
	struct page *page;	/* the VMCS */
	u64 pa;
	struct list_head node;	/* vmx_cpu.active */
	int active_cpu;		/* whose cache may hold the VMCS; -1: none */
	int cpu;		/* where translations are valid */
	int host_cpu;		/* whose tables the host state names */
	u16 vpid;		/* 0: none */
	u64 cr0_shadow, cr4_shadow;	/* what the guest reads, last written */
	u64 cr4_owned;		/* CR4 bits that the guest changes at will */

	/* Of the host, read when the inner loop begins. */
	u16 fs, gs, ds, es, ldt;
	struct desc_ptr gdt;
	u64 fs_base, user_gs_base;
	u64 host_debugctl;
};

static inline struct vmx_vcpu *to_vmx(const struct hv_vcpu *vcpu)
{
	return vcpu->hw;
}

/* caps.c */
bool vmx_present(void);
int vmx_probe(void);
int vmx_setup(void);			/* __init */
void vmx_teardown(void);
int vmx_cpu_enable(void);
void vmx_cpu_disable(void);
void vmx_cpu_emergency(void);
bool vmx_on(void);
void vmx_off(void);
u64 vmx_msr_bitmap_pa(bool x2apic);

/* vmcs.c */
int vmx_vcpu_create(struct hv_vcpu *vcpu);
void vmx_vcpu_destroy(struct hv_vcpu *vcpu);
void vmx_vcpu_reset(struct hv_vcpu *vcpu);
void vmx_attach(struct hv_vcpu *vcpu);
void vmx_load(struct vmx_vcpu *vmx);	/* make it current; IRQs off */
void vmx_unload(struct vmx_vcpu *vmx);	/* IRQs off, on vmx->active_cpu */
/* Outside the inner loop: have the VMCS at hand for a moment. */
bool vmx_hold(struct hv_vcpu *vcpu, unsigned long *flags);
void vmx_release(struct vmx_vcpu *vmx, unsigned long flags);
void vmx_init_vmcs(struct hv_vcpu *vcpu);

/* state.c */
void vmx_fetch(struct hv_vcpu *vcpu, u32 parts);
void vmx_store(struct hv_vcpu *vcpu, u32 parts);
void vmx_update_intercepts(struct hv_vcpu *vcpu);
void vmx_update_tsc(struct hv_vcpu *vcpu);

/* apic.c */
void vmx_apic_init(struct vmx_vcpu *vmx);
void vmx_apic_update(struct hv_vcpu *vcpu, u8 requested, u8 in_service,
		     const unsigned long *level);

/* ept.c */
extern struct hv_pte_format hv_ept_format;
void vmx_ept_init(void);
u64 vmx_eptp(struct hv_vm *vm);
void vmx_log_init(struct vmx_vcpu *vmx);
void vmx_log_flush(struct hv_vcpu *vcpu);
void vmx_invept(struct hv_vm *vm);	/* NULL: all guests; on this CPU */

/* host.c */
void vmx_begin(struct hv_vcpu *vcpu);
void vmx_end(struct hv_vcpu *vcpu);
void vmx_load_msrs(struct hv_vcpu *vcpu);
void vmx_host_moved(struct vmx_vcpu *vmx);

/* run.c */
void vmx_vcpu_load(struct hv_vcpu *vcpu);
void vmx_flush_tlb(struct hv_vcpu *vcpu);
void vmx_enter(struct hv_vcpu *vcpu);

/* exit.c */
void vmx_translate_exit(struct hv_vcpu *vcpu, u32 reason);

/* check.c */
void vmx_dump(struct hv_vcpu *vcpu, struct hvctl_fail_entry *fail);

/* enter.S; true when the instruction failed and no guest was entered */
bool vmx_vmenter(struct hv_vcpu *vcpu, struct vmx_vcpu *vmx);
extern const char vmx_vmexit[];

#endif /* HVCTL_VMX_H */
