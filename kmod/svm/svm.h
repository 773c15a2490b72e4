/* SPDX-License-Identifier: GPL-2.0 */
/*
 * AMD-V: what the files of this folder share. Section numbers are those of
 * the AMD64 Architecture Programmer's Manual, volume 2 (chapter 15: SVM,
 * appendix B: layout of the VMCB, appendix C: exit codes).
 */
#ifndef HVCTL_SVM_H
#define HVCTL_SVM_H

#include <asm/svm.h>
#include <asm/trap_pf.h>
#include <asm/trapnr.h>

#include "../hvctl.h"

/* VMCB clean bits, 15.15.2: set means "unchanged since the last VMRUN". */
#define SVM_CLEAN_INTERCEPTS	BIT(0)	/* vectors, TSC offset, pause filter */
#define SVM_CLEAN_PERM_MAPS	BIT(1)
#define SVM_CLEAN_ASID		BIT(2)
#define SVM_CLEAN_INTR		BIT(3)	/* V_TPR, V_IRQ and friends */
#define SVM_CLEAN_NPT		BIT(4)	/* nested CR3, G_PAT */
#define SVM_CLEAN_CR		BIT(5)	/* CR0, CR3, CR4, EFER */
#define SVM_CLEAN_DR		BIT(6)	/* DR6, DR7 */
#define SVM_CLEAN_DT		BIT(7)	/* GDT, IDT */
#define SVM_CLEAN_SEG		BIT(8)	/* CS, DS, SS, ES, CPL */
#define SVM_CLEAN_CR2		BIT(9)
#define SVM_CLEAN_LBR		BIT(10)	/* DEBUGCTL and the branch records */
#define SVM_CLEAN_ALL		GENMASK(10, 0)

/* The two bitmaps of 15.10 and 15.11. */
#define SVM_IOPM_ORDER		2	/* 12 KiB, rounded up */
#define SVM_MSRPM_ORDER		1	/* 8 KiB */

/**
 * struct svm_features - optional parts of SVM this machine has
 *
 * Set once by probe(). QEMU's TCG has none of them, current processors all.
 */
struct svm_features {
	bool nrips;		/* next RIP on intercept, 15.7.1 */
	bool decode;		/* decode assists, 15.8.4 */
	bool flush_by_asid;	/* 15.16.2 */
	bool pause_filter;	/* 15.14.4 */
	bool v_spec_ctrl;	/* 15.15.x: SPEC_CTRL is switched by the CPU */
	u32 nr_asids;
};

extern struct svm_features svm_features;

/**
 * struct svm_cpu - one host processor's part
 *
 * Touched on that processor only, with interrupts off.
 */
struct svm_cpu {
	struct page *hsave;	/* VM_HSAVE_PA: VMRUN keeps host state here */
	struct page *host;	/* the VMSAVE image of the host */
	phys_addr_t host_pa;
	u64 asid_generation;
	u32 next_asid;
	bool enabled;
	u64 host_tsc_aux;	/* the host's, constant */
	u64 tsc_aux;		/* what the register holds now */
};

DECLARE_PER_CPU(struct svm_cpu, svm_cpu);

/**
 * struct svm_vcpu - the control block of a vCPU and what surrounds it
 *
 * All of it belongs to the vCPU's thread.
 */
struct svm_vcpu {
	struct vmcb *vmcb;
	phys_addr_t vmcb_pa;
	u64 host_spec_ctrl;	/* read when the inner loop begins */
	u64 asid_generation;	/* 0: needs a new tag */
	int cpu;		/* where the tag is valid */
	u32 clean;		/* clean bits for the next VMRUN */
	void *msrpm;
	bool iret_watched;	/* IRET is intercepted to see NMIs unblock */
	u64 iret_rip;		/* where that IRET was seen */
	bool iret_seen;
	bool stepping;		/* TF is ours, to see when NMIs are open */
	bool window_armed;	/* V_IRQ asks for an exit when IF opens */
};

static inline struct svm_vcpu *to_svm(const struct hv_vcpu *vcpu)
{
	return vcpu->hw;
}

static inline void svm_unclean(struct svm_vcpu *svm, u32 bits)
{
	svm->clean &= ~bits;
}

static inline void svm_intercept(struct svm_vcpu *svm, u32 bit, bool on)
{
	u32 *word = &svm->vmcb->control.intercepts[bit / 32];

	if (on)
		*word |= BIT(bit % 32);
	else
		*word &= ~BIT(bit % 32);
	svm_unclean(svm, SVM_CLEAN_INTERCEPTS);
}

/* caps.c */
bool svm_present(void);
int svm_probe(void);
int svm_setup(void);			/* __init */
void svm_teardown(void);
int svm_cpu_enable(void);
void svm_cpu_disable(void);
u64 svm_iopm_pa(void);

/* vmcb.c */
int svm_vcpu_create(struct hv_vcpu *vcpu);
void svm_vcpu_destroy(struct hv_vcpu *vcpu);
void svm_vcpu_reset(struct hv_vcpu *vcpu);
void svm_fetch(struct hv_vcpu *vcpu, u32 parts);
void svm_store(struct hv_vcpu *vcpu, u32 parts);
void svm_update_intercepts(struct hv_vcpu *vcpu);
void svm_update_tsc(struct hv_vcpu *vcpu);
void svm_dump(struct hv_vcpu *vcpu, struct hvctl_fail_entry *fail);

/* npt.c */
extern struct hv_pte_format hv_npt_format;
void svm_npt_init(void);

/* run.c */
void svm_begin(struct hv_vcpu *vcpu);
void svm_end(struct hv_vcpu *vcpu);
void svm_vcpu_load(struct hv_vcpu *vcpu);
void svm_flush_tlb(struct hv_vcpu *vcpu);
void svm_enter(struct hv_vcpu *vcpu);

/* exit.c */
void svm_translate_exit(struct hv_vcpu *vcpu);

/* enter.S */
void svm_vmrun(struct hv_vcpu *vcpu, phys_addr_t vmcb_pa, phys_addr_t host_pa,
	       u64 guest_spec_ctrl, u64 host_spec_ctrl);

#endif /* HVCTL_SVM_H */
