/* SPDX-License-Identifier: GPL-2.0 */
/*
 * hvctl: the types everything shares, and who may touch what.
 *
 * Keys to the locks, as the fields name them:
 *
 *	(c)  constant after creation
 *	(v)  vcpu->mutex: the thread inside a vCPU ioctl, KVM_RUN above all
 *	(l)  vm->lock: creation of vCPUs, irqchip, identity, caps
 *	(s)  vm->slots_lock: changes of the memory map
 *	(m)  vm->mmu_lock: nested page tables and the invalidation counters
 *	(r)  RCU: read under rcu_read_lock() or with preemption off
 *	(a)  atomic: any context
 *
 * Lock order: vcpu->mutex > vm->lock > vm->slots_lock > mmap_lock > mmu_lock.
 *
 * The inner loop of a vCPU (vcpu.c) runs with hard interrupts off for as long
 * as exits are hot. Whatever it calls must not sleep, and must not spin on a
 * lock whose holder may wait for this CPU to answer an IPI: mmu_lock is only
 * tried there.
 */
#ifndef HVCTL_H
#define HVCTL_H

#include <linux/cpumask.h>
#include <linux/hrtimer.h>
#include <linux/kernel.h>
#include <linux/kref.h>
#include <linux/mmu_notifier.h>
#include <linux/mutex.h>
#include <linux/netlink.h>
#include <linux/rcuwait.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <asm/mce.h>
#include <asm/processor-flags.h>
#include "../uapi/hvctl.h"

#include "backend.h"
#include "compat.h"
#include "irqchip.h"
#include "mem.h"

struct pvclock_vcpu_time_info;

#undef pr_fmt
#define pr_fmt(fmt) "hvctl: " fmt

#define HV_MAX_VCPUS	288
#define HV_MAX_CPUID	256
#define HV_VERSION	"0.1"
#define HV_RUN_ORDER	1	/* pages of struct kvm_run, as a power of 2 */
/* Behind them in the vCPU's mapping: the VM's ring of coalesced writes. */
#define HV_RING_OFFSET	BIT(HV_RUN_ORDER)
#define HV_MMAP_PAGES	(HV_RING_OFFSET + 1)
#define HV_MCE_BANKS	32

/* A deadline that never comes. */
#define HV_NEVER	U64_MAX

/* What a handler says to the run loop. Errors are negative. */
#define HV_USER		0	/* vcpu->run is filled: return to user space */
#define HV_RESUME	1	/* enter the guest again */
#define HV_SLOW		2	/* same exit, by the handler that may sleep */

enum hv_reg {
	HV_RAX, HV_RCX, HV_RDX, HV_RBX, HV_RSP, HV_RBP, HV_RSI, HV_RDI,
	HV_R8, HV_R9, HV_R10, HV_R11, HV_R12, HV_R13, HV_R14, HV_R15,
	HV_GPRS
};

/* In the order of the segment field of instructions. */
enum hv_seg {
	HV_ES, HV_CS, HV_SS, HV_DS, HV_FS, HV_GS, HV_LDTR, HV_TR, HV_SEGS
};

/**
 * struct hv_state - the guest's registers as the guest believes them to be
 *
 * All (v). Parts (HV_PART_*) are only current when vcpu->fresh has their bit:
 * call hv_need() before reading and hv_dirty() after writing. The first block
 * needs no call.
 */
struct hv_state {
	u64 gpr[HV_GPRS];
	u64 rip;
	u64 rflags;
	u64 cr2;
	u8 cr8;
	u8 shadow;			/* KVM_X86_SHADOW_INT_* */
	u8 cpl;				/* current privilege level, always current */
	bool code64;			/* CS.L in long mode, always current */
	bool nmi_blocked;		/* between NMI and IRET */

	u64 cr0, cr3, cr4, efer;	/* HV_PART_CR */
	u64 pdpte[4];			/* HV_PART_PDPTE, where the back end has it */

	struct kvm_segment seg[HV_SEGS];	/* HV_PART_SEG */
	struct kvm_dtable gdt, idt;

	u64 star, lstar, cstar, sfmask;	/* HV_PART_MSR */
	u64 kernel_gs_base;
	u64 sysenter_cs, sysenter_esp, sysenter_eip;
	u64 pat;

	u64 dr[4], dr6, dr7, debugctl;	/* HV_PART_DR */

	u64 xcr0;			/* the rest is only ever here */
	u64 tsc_aux;
	u64 spec_ctrl;
};

/* vcpu->requests: what must be done before the next entry. */
enum hv_request {
	HV_REQ_FLUSH_TLB,	/* forget all guest translations */
	HV_REQ_EVENT,		/* look at the irqchip again */
	HV_REQ_TIMER,		/* the LAPIC timer is armed on another CPU */
	HV_REQ_CLOCK,		/* rewrite the kvmclock page */
	HV_REQ_STEAL,		/* rewrite the steal-time record */
	HV_REQ_NMI,		/* an NMI came in */
	HV_REQ_TRIPLE,		/* triple fault while an exit was handled */
	HV_REQ_INIT,		/* INIT or SIPI came in */
	HV_REQ_TSC,		/* tsc_offset changed */
	HV_REQ_PDPTE,		/* PAE paging: the top of the tables may differ */
	HV_REQ_EOI,		/* tell user space's IOAPIC of an EOI */
	HV_REQ_XEN,		/* xen.h: event channels or hypercall page */
	HV_REQ_STEPPED,		/* tell the debugger that an instruction is done */
	HV_REQ_STOP,		/* leave KVM_RUN: the VM is dead */
};

/* Requests that the inner loop serves without leaving. */
#define HV_REQ_HOT	(BIT(HV_REQ_FLUSH_TLB) | BIT(HV_REQ_EVENT) | \
			 BIT(HV_REQ_TIMER) | BIT(HV_REQ_TSC) | BIT(HV_REQ_NMI))

/* vcpu->sipi: an INIT forgets the SIPI before it, a SIPI stays after INIT. */
#define HV_SIPI_VECTOR	0xff
#define HV_SIPI_PENDING	BIT(8)
#define HV_INIT_PENDING	BIT(9)

enum hv_vcpu_mode {
	HV_OUTSIDE,		/* not in the inner loop */
	HV_INSIDE,		/* in it: an IPI makes it look at requests */
};

/* fpu.c: a guest's extended state in hardware format */
struct hv_fpu {
	void *area;		/* (c) XSAVE area, standard format, 64-byte aligned */
	u32 size;		/* (c) */
	u32 host_pkru;		/* (v) while the guest's is in the register */
};

#define HV_CPUID_BASIC	0x20
#define HV_CPUID_EXT	0x28
#define HV_CPUID_HV	0x10

/* cpuid.c: what KVM_SET_CPUID2 gave, and an index for the hot exit */
struct hv_cpuid {
	u32 nent;
	struct kvm_cpuid_entry2 *entry;		/* (v) nent of them */
	/* Position in entry[] + 1 of the first entry of a leaf; 0 for none. */
	u16 basic[HV_CPUID_BASIC];		/* leaf 0x00000000 + i */
	u16 ext[HV_CPUID_EXT];			/* leaf 0x80000000 + i */
	u16 hv[HV_CPUID_HV];			/* leaf 0x40000000 + i */
	u32 max_basic, max_ext, max_hv;
	u8 phys_bits;				/* MAXPHYADDR of the guest */
	u64 cr4_reserved;			/* CR4 bits the guest may not set */
	u64 efer_reserved;
	u64 xcr0_allowed;
	bool amd;				/* vendor of the guest's CPU */
	bool long_mode, x2apic, tsc_deadline, rdtscp, rdpid;
	bool spec_ctrl, pred_cmd, arch_caps;	/* has these MSRs */
};

/* clock.c: the clocks of one VM */
struct hv_clock_vm {
	spinlock_t lock;	/* leaf lock, never taken from an interrupt */
	s64 offset;		/* lock: kvmclock - host's raw boot time, ns */
	/* The pair that every vCPU's page is made from. */
	u64 master_tsc;		/* lock: host TSC ... */
	u64 master_ns;		/* lock: ... and kvmclock at that moment */
	bool stable;		/* lock: the TSC alone tells the time */
	bool tsc_known;		/* lock: the next four are set */
	u64 tsc_offset;		/* lock: of the vCPU written to last */
	u64 tsc_written;	/* lock: the value written then */
	u64 tsc_written_ns;	/* lock: and when, raw boot time */
	bool tsc_by_user;	/* lock: user space wrote one, not only creation */
};

/* clock.c: the clocks of one vCPU */
struct hv_clock_vcpu {
	u64 time_msr;		/* (v) MSR_KVM_SYSTEM_TIME(_NEW) as written */
	u64 wall_msr;		/* (v) MSR_KVM_WALL_CLOCK(_NEW) */
	u64 steal_msr;		/* (v) MSR_KVM_STEAL_TIME */
	bool wall_wanted;	/* (v) HV_REQ_CLOCK writes the wall clock too */
	bool paused;		/* (v) tell the guest that it was stopped */
	u64 steal_told;		/* (v) steal_ns when the record was written */
	u64 written_at;		/* (v) host TSC when the page was */
	struct task_struct *task;	/* (v) whose run_delay was seen last; */
	u64 run_delay;			/* (v) compared only, never followed */
};

/**
 * struct hv_vcpu - one virtual CPU
 */
struct hv_vcpu {
	/* What the hot path touches comes first. */
	struct hv_state state;			/* (v) */
	u32 fresh;				/* (v) parts current in state */
	u32 dirty;				/* (v) parts to store on entry */
	struct hv_event event;			/* (v) */
	bool want_window;			/* (v) exit when IF opens */
	bool want_nmi_window;			/* (v) */
	bool want_cr8;				/* (v) exit when CR8 is written */
	bool dr_live;				/* (v) DR0-3 are in the CPU */
	bool dr_armed;				/* (v) ... and must be, always */
	bool event_check;			/* (v) irqchip may have something */
	unsigned long requests;			/* (a) BIT(enum hv_request) */
	int mode;				/* (a) enum hv_vcpu_mode */
	int cpu;				/* (a) where it runs, if inside */
	int last_cpu;				/* (v) where it ran last */
	u64 deadline;				/* (a) host TSC when the LAPIC timer
						 * goes off, HV_NEVER
						 */
	bool timer_exit;			/* (c) the CPU exits at deadline */
	bool user_pic;				/* (c) the PIC is user space's */
	bool apic_by_cpu;			/* (v) the CPU delivers interrupts,
						 * see lapic_cpu.c
						 */
	struct hv_exit exit;			/* (v) */
	void *hw;				/* (v) the back end's own */

	struct hv_vm *vm;			/* (c) */
	struct kvm_run *run;			/* (c) shared with user space: hostile */
	void *pio_data;				/* (c) second page of the mapping */
	u32 id;					/* (c) vCPU id = initial APIC id */
	u32 index;				/* (c) position in vm->vcpu */
	struct mutex mutex;			/* one thread at a time */
	struct rcuwait wait;			/* HLT sleeps here */

	struct hv_lapic *lapic;			/* (c) NULL without irqchip */
	struct hv_xen_vcpu *xen;		/* (v) then (c); NULL before Xen's
						 * interface is used
						 */
	u64 xen_page;				/* (v) written to Xen's MSR, and the
						 * page is not there yet; or HV_NEVER
						 */
	u8 *apic_page;				/* (c) the back end's; NULL where no
						 * CPU delivers from it
						 */
	u32 mp_state;				/* (v); remote INIT/SIPI by request */
	unsigned long sipi;			/* (a) HV_SIPI_* and the vector */
	unsigned long nmi_pending;		/* (a) count, at most 2 */
	s16 user_irq;				/* (v) KVM_INTERRUPT vector, -1 */
	u8 user_eoi;				/* (v) HV_REQ_EOI: vector */

	struct hv_mmio mmio;			/* (v) */
	struct hv_pio pio;			/* (v) */
	/* Finishes in KVM_RUN what the last exit to user space began. */
	int (*complete)(struct hv_vcpu *vcpu);	/* (v) */

	struct hv_cpuid cpuid;			/* (v) */
	struct hv_fpu fpu;			/* (v) */
	u64 tsc_offset;				/* (v) guest TSC - host TSC */
	u64 apic_base;				/* (v) lapic.c */
	u64 misc_enable;			/* (v) msr.c */
	u64 mtrr_def, mtrr_fixed[11], mtrr_var[16];	/* (v) msr.c: stored only */
	u64 mcg_cap, mcg_status, mcg_ctl;			/* (v) mce.c */
	u64 mce[HV_MCE_BANKS][4];		/* (v) mce.c: CTL, STATUS, ADDR, MISC */
	u64 hwcr, patch_level, de_cfg, arch_caps;	/* (v) msr.c */
	u64 tsc_adjust;				/* (v) clock.c */
	struct hv_clock_vcpu clock;		/* (v) */

	struct hv_fetch fetch;			/* (v) */

	u32 debug;				/* (v) debug.c: KVM_GUESTDBG_*, 0: off */
	bool debug_own_tf;			/* (v) TF is the guest's as well */
	u64 debug_dr[4], debug_dr7;		/* (v) with KVM_GUESTDBG_USE_HW_BP */

	sigset_t sigset;			/* (v) KVM_SET_SIGNAL_MASK */
	bool sigset_active;			/* (v) */
	unsigned long host_dr[4], host_dr7;	/* (v) inside the inner loop */

	u64 exits[HVCTL_EXIT_CLASSES];		/* (v), read racily by dumps */
	/* Host TSC ticks, read racily too: hv_vcpu_stats() makes ns of them. */
	u64 run_cycles, guest_cycles, halt_cycles;	/* (v) */
	u64 run_since, halt_since;		/* (v) 0: not in KVM_RUN, in HLT */
	u64 steal_ns, injected;			/* (v), read racily */
};

/**
 * struct hv_vm - one virtual machine
 *
 * Lives until the VM fd and the last vCPU fd are closed.
 */
struct hv_vm {
	struct kref ref;
	struct mm_struct *mm;			/* (c) only this process may use us */
	struct list_head node;			/* hv_vms_lock */
	struct mutex lock;
	struct mutex slots_lock;

	struct hv_slots __rcu *slots;		/* (r)(s) */
	unsigned long slots_gen;		/* (s), read with READ_ONCE */
	u32 logged;				/* (s), read with READ_ONCE: slots
						 * whose writes are logged
						 */

	spinlock_t mmu_lock;
	struct mmu_notifier notifier;		/* (c) after first slot */
	bool notifier_on;			/* (s) */
	unsigned long inval_active;		/* (m) invalidations under way */
	unsigned long inval_start, inval_end;	/* (m) HVA range while active */
	u32 flushing;				/* (m) flushes not yet done */
	u64 *root;				/* (c) top nested table; (m) contents */
	void *spare_tables;			/* (m) for faults that cannot sleep */
	u32 nr_spare_tables;			/* (m) */

	u32 nr_vcpus;				/* (l), published with release */
	struct hv_vcpu *vcpu[HV_MAX_VCPUS];	/* (l) slots below nr_vcpus are (c) */

	struct hv_irqchip *irqchip;		/* (l) then (c) */
	struct hv_xen_vm *xen;			/* (l) then (c); NULL before Xen's
						 * interface is used
						 */
	u64 x2apic_flags;			/* (l) KVM_CAP_X2APIC_API */
	u64 dirty_flags;			/* (s) KVM_DIRTY_LOG_* */
	bool payloads, triple_faults;		/* (l) told by KVM_GET_VCPU_EVENTS */
	struct hv_doorbells __rcu *doorbells;	/* (r)(l) ioeventfd.c */
	struct hv_zones __rcu *zones;		/* (r)(l) coalesced.c */
	spinlock_t ring_lock;			/* leaf lock, IRQs off */
	struct kvm_coalesced_mmio_ring *ring;	/* (c); ring_lock: entries; shared with
						 * user space: hostile
						 */

	struct hv_clock_vm clock;		/* own lock */
	u64 boot_ns;				/* (c) CLOCK_BOOTTIME */

	bool dead;				/* (a) mm is gone or fatal: refuse */
	u32 state;				/* (l) enum hvctl_state */
	u32 domid;				/* (c) */
	u8 uuid[16];				/* (l) */
	char name[HVCTL_NAME_LEN];		/* (l) */
	struct pid *owner;			/* (c) */
	kuid_t owner_uid;			/* (c) */
};

DECLARE_PER_CPU(bool, hv_cpu_on);	/* main.c */

/* All VMs, for dumps. */
extern struct list_head hv_vms;
extern struct mutex hv_vms_lock;

/* Current parts of the guest's state, see struct hv_state. */
static inline void hv_need(struct hv_vcpu *vcpu, u32 parts)
{
	u32 missing = parts & ~vcpu->fresh;

	if (missing) {
		hv_backend->fetch(vcpu, missing);
		vcpu->fresh |= missing;
	}
}

static inline void hv_dirty(struct hv_vcpu *vcpu, u32 parts)
{
	vcpu->fresh |= parts;
	vcpu->dirty |= parts;
}

/* The memory map; whoever asks has preemption off, RCU or mmu_lock. */
static inline const struct hv_slots *hv_slots(const struct hv_vm *vm)
{
	return rcu_dereference_check(vm->slots, !preemptible() ||
				     lockdep_is_held(&vm->mmu_lock));
}

/*
 * User space debugs the guest with debug registers: these are not the guest's,
 * whose own are in struct hv_state alone. Its accesses exit.
 */
static inline bool hv_debugged(const struct hv_vcpu *vcpu)
{
	return vcpu->debug & (KVM_GUESTDBG_SINGLESTEP | KVM_GUESTDBG_USE_HW_BP);
}

static inline bool hv_wants_bp(const struct hv_vcpu *vcpu)
{
	return vcpu->debug & KVM_GUESTDBG_USE_SW_BP;
}

static inline void hv_request(struct hv_vcpu *vcpu, enum hv_request req)
{
	set_bit(req, &vcpu->requests);
}

/* vm.c */
struct hv_vm *hv_vm_create(unsigned long type);
void hv_vm_get(struct hv_vm *vm);
void hv_vm_put(struct hv_vm *vm);
int hv_vm_identity_get(struct hv_vm *vm, struct hvctl_identity *id);
int hv_vm_identity_set(struct hv_vm *vm, const struct hvctl_identity *id);
int hv_vm_state_set(struct hv_vm *vm, u32 state);
struct hv_vcpu *hv_vcpu_by_id(struct hv_vm *vm, u32 id);

/* vcpu.c: life cycle and the run loop */
int hv_vcpu_create(struct hv_vm *vm, u32 id);	/* returns an fd */
int hv_vcpu_run(struct hv_vcpu *vcpu);
void hv_vcpu_reset(struct hv_vcpu *vcpu, bool init);
void hv_vcpu_destroy(struct hv_vcpu *vcpu);
/* Any context: have it look at its requests soon, wake it from HLT. */
void hv_vcpu_kick(struct hv_vcpu *vcpu);
/* Own thread: is there an event that a halted vCPU goes on for? */
bool hv_ends_halt(struct hv_vcpu *vcpu);
/* May sleep: on return no vCPU of the VM is still inside the guest with what
 * it had cached before; with req set on each first.
 */
void hv_kick_all_wait(struct hv_vm *vm, enum hv_request req);

/* Any context: INIT, and start-up IPI with its vector. */
void hv_vcpu_init_ipi(struct hv_vcpu *vcpu);
void hv_vcpu_start_ipi(struct hv_vcpu *vcpu, u8 vector);
void hv_vcpu_serve_init(struct hv_vcpu *vcpu);	/* HV_REQ_INIT */
void hv_vcpu_nmi(struct hv_vcpu *vcpu);		/* any context: raise an NMI */

/* DR6.BD and DR7.GD: a debug register was touched while that is forbidden. */
#define DR7_GD	BIT_ULL(13)
#define DR6_BD	BIT_ULL(13)
/* debug.c: debug registers. IRQs off, in the inner loop. */
void hv_dr_begin(struct hv_vcpu *vcpu);
void hv_dr_arm(struct hv_vcpu *vcpu);		/* ... or outside */
void hv_dr_end(struct hv_vcpu *vcpu);
int hv_hot_dr(struct hv_vcpu *vcpu);
int hv_hot_exception(struct hv_vcpu *vcpu);
/* ... and user space as a debugger. May sleep. */
#define HV_GUESTDBG	(KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_SINGLESTEP | \
			 KVM_GUESTDBG_USE_SW_BP | KVM_GUESTDBG_USE_HW_BP | \
			 KVM_GUESTDBG_INJECT_DB | KVM_GUESTDBG_INJECT_BP | \
			 KVM_GUESTDBG_BLOCKIRQ)
int hv_guest_debug_set(struct hv_vcpu *vcpu, const struct kvm_guest_debug *debug);
void hv_debug_step(struct hv_vcpu *vcpu);	/* at the beginning of KVM_RUN */
int hv_debug_stepped(struct hv_vcpu *vcpu);	/* HV_REQ_STEPPED */
int hv_slow_dr(struct hv_vcpu *vcpu);
int hv_slow_exception(struct hv_vcpu *vcpu);
u64 hv_dr7(const struct hv_vcpu *vcpu);		/* as the CPU is to have it */
u64 hv_dr6_of(u64 value);			/* state.c: constant bits as they are */
u64 hv_dr7_of(u64 value);

/* event.c: exceptions for the guest */
void hv_deliver(struct hv_vcpu *vcpu);
void hv_inject(struct hv_vcpu *vcpu, u8 vector);
void hv_inject_error(struct hv_vcpu *vcpu, u8 vector, u32 error);
void hv_inject_gp(struct hv_vcpu *vcpu);
void hv_inject_ud(struct hv_vcpu *vcpu);
void hv_inject_int3(struct hv_vcpu *vcpu, u8 vector);
void hv_inject_pf(struct hv_vcpu *vcpu, u64 address, u32 error);
void hv_step_back(struct hv_vcpu *vcpu);
/* Step over the instruction that exited; clears the shadow, honours TF. */
void hv_skip(struct hv_vcpu *vcpu);

/* exit.c: handlers by enum hv_reason */
typedef int (*hv_handler)(struct hv_vcpu *vcpu);
extern const hv_handler hv_hot_exit[HV_R_COUNT];
extern const hv_handler hv_slow_exit[HV_R_COUNT];
int hv_internal_error(struct hv_vcpu *vcpu, u32 suberror);

/* exit_mmio.c, exit_io.c */
int hv_hot_fault(struct hv_vcpu *vcpu);
int hv_slow_fault(struct hv_vcpu *vcpu);
int hv_hot_io(struct hv_vcpu *vcpu);
int hv_slow_io(struct hv_vcpu *vcpu);

/* cpuid.c */
int hv_cpuid_supported(struct kvm_cpuid2 *head, struct kvm_cpuid_entry2 __user *to);
int hv_cpuid_set(struct hv_vcpu *vcpu, const struct kvm_cpuid_entry2 *entry, u32 nent);
int hv_cpuid_get(struct hv_vcpu *vcpu, struct kvm_cpuid2 *head,
		 struct kvm_cpuid_entry2 __user *to);
void hv_cpuid_destroy(struct hv_vcpu *vcpu);
void hv_cpuid_refresh(struct hv_vcpu *vcpu);	/* CR4, XCR0, APIC base changed */
void hv_cpuid_run(struct hv_vcpu *vcpu, u32 *eax, u32 *ebx, u32 *ecx, u32 *edx);
const struct kvm_cpuid_entry2 *hv_cpuid_find(struct hv_vcpu *vcpu, u32 leaf, u32 sub);

/* cpuid_caps.c: what the host has and guests may have */
#define HV_EFER_AUTOIBRS	BIT_ULL(21)
u64 hv_efer_host_reserved(void);
u64 hv_cr4_host_reserved(void);
u32 hv_host_phys_bits(void);

/* msr.c: 0, or -EINVAL for an MSR or value the guest may not use (#GP) */
int hv_msr_read(struct hv_vcpu *vcpu, u32 msr, u64 *value, bool host);
int hv_msr_write(struct hv_vcpu *vcpu, u32 msr, u64 value, bool host);
int hv_msr_index_list(struct kvm_msr_list *head, u32 __user *to, bool features);
int hv_msr_feature(u32 msr, u64 *value);
void hv_msr_reset(struct hv_vcpu *vcpu);

/* mce.c: machine-check banks, set by user space, read by the guest */
#define HV_MCE_CAP	(MCG_CTL_P | MCG_SER_P)	/* KVM_X86_GET_MCE_CAP_SUPPORTED */
int hv_mce_setup(struct hv_vcpu *vcpu, u64 mcg_cap);	/* KVM_X86_SETUP_MCE */
int hv_mce_inject(struct hv_vcpu *vcpu, const struct kvm_x86_mce *mce);
int hv_mce_msr_read(struct hv_vcpu *vcpu, u32 msr, u64 *value, bool host);
int hv_mce_msr_write(struct hv_vcpu *vcpu, u32 msr, u64 value, bool host);

/* state.c, sregs.c: get and set for user space; creg.c: control registers */
void hv_state_reset(struct hv_vcpu *vcpu, bool init);
int hv_regs_get(struct hv_vcpu *vcpu, struct kvm_regs *regs);
int hv_regs_set(struct hv_vcpu *vcpu, const struct kvm_regs *regs);
int hv_sregs_get(struct hv_vcpu *vcpu, struct kvm_sregs *sregs);
int hv_sregs_set(struct hv_vcpu *vcpu, const struct kvm_sregs *sregs);
int hv_sregs2_get(struct hv_vcpu *vcpu, struct kvm_sregs2 *sregs2);
int hv_sregs2_set(struct hv_vcpu *vcpu, const struct kvm_sregs2 *sregs2);
int hv_debugregs_get(struct hv_vcpu *vcpu, struct kvm_debugregs *regs);
int hv_debugregs_set(struct hv_vcpu *vcpu, const struct kvm_debugregs *regs);
int hv_events_get(struct hv_vcpu *vcpu, struct kvm_vcpu_events *events);
int hv_events_set(struct hv_vcpu *vcpu, const struct kvm_vcpu_events *events);
int hv_mp_state_get(struct hv_vcpu *vcpu, struct kvm_mp_state *mp);
int hv_mp_state_set(struct hv_vcpu *vcpu, const struct kvm_mp_state *mp);
int hv_translate(struct hv_vcpu *vcpu, struct kvm_translation *tr);
/* 0, or -EINVAL when the guest gets #GP */
int hv_cr0_set(struct hv_vcpu *vcpu, u64 value);
int hv_cr3_set(struct hv_vcpu *vcpu, u64 value);
int hv_cr4_set(struct hv_vcpu *vcpu, u64 value);
int hv_efer_set(struct hv_vcpu *vcpu, u64 value, bool host);
int hv_xcr0_set(struct hv_vcpu *vcpu, u64 value);
void hv_pdpte_load(struct hv_vcpu *vcpu);	/* HV_REQ_PDPTE, may sleep */
bool hv_creg_valid(struct hv_vcpu *vcpu, const struct kvm_sregs *sregs);
static inline bool hv_long_mode(struct hv_vcpu *vcpu);
static inline bool hv_pae_paging(struct hv_vcpu *vcpu);

/* fpu.c */
void hv_fpu_init(void);				/* module load, before any vCPU */
u64 hv_fpu_supported(void);			/* XCR0 bits guests may have */
u32 hv_xstate_size(u64 features, bool compacted);	/* of an XSAVE area */
u32 hv_xsave_size(void);			/* KVM_CAP_XSAVE2 */
int hv_fpu_create(struct hv_vcpu *vcpu);
void hv_fpu_destroy(struct hv_vcpu *vcpu);
void hv_fpu_reset(struct hv_vcpu *vcpu, bool init);
/* Around the inner loop: preemption off from enter to leave. */
void hv_fpu_enter(struct hv_vcpu *vcpu);
void hv_fpu_leave(struct hv_vcpu *vcpu);
int hv_fpu_get(struct hv_vcpu *vcpu, struct kvm_fpu *fpu);
int hv_fpu_set(struct hv_vcpu *vcpu, const struct kvm_fpu *fpu);
int hv_xsave_get(struct hv_vcpu *vcpu, void *buf, u32 size);	/* KVM_GET_XSAVE(2) */
int hv_xsave_set(struct hv_vcpu *vcpu, const void *buf, u32 size);
int hv_xcrs_get(struct hv_vcpu *vcpu, struct kvm_xcrs *xcrs);
int hv_xcrs_set(struct hv_vcpu *vcpu, const struct kvm_xcrs *xcrs);

/* clock.c: TSC, kvmclock, wall clock, steal time */
int hv_clock_init(void);			/* module load */
void hv_clock_exit(void);			/* module unload, no VM left */
void hv_clock_vm_init(struct hv_vm *vm);
void hv_clock_create(struct hv_vcpu *vcpu);	/* vcpu->tsc_offset, like its peers */
void hv_clock_reset(struct hv_vcpu *vcpu);
/* Before each stay in the inner loop, IRQs on or off: asks for HV_REQ_STEAL
 * and HV_REQ_CLOCK when there is a reason. moved: on another CPU than before.
 */
void hv_clock_load(struct hv_vcpu *vcpu, bool moved);
int hv_clock_msr_read(struct hv_vcpu *vcpu, u32 msr, u64 *value);
int hv_clock_msr_write(struct hv_vcpu *vcpu, u32 msr, u64 value, bool host);
void hv_clock_update(struct hv_vcpu *vcpu);	/* HV_REQ_CLOCK, may sleep */
void hv_steal_update(struct hv_vcpu *vcpu);	/* HV_REQ_STEAL, may sleep */
int hv_clock_get(struct hv_vm *vm, struct kvm_clock_data *data);
int hv_clock_set(struct hv_vm *vm, const struct kvm_clock_data *data);
u64 hv_guest_tsc(struct hv_vcpu *vcpu);
void hv_clock_tsc_write(struct hv_vcpu *vcpu, u32 msr, u64 value, bool host);
u32 hv_tsc_khz(void);
int hv_kvmclock_ctrl(struct hv_vcpu *vcpu);	/* KVM_KVMCLOCK_CTRL */
void hv_clock_suspend(void);
void hv_clock_hotplug(void);			/* after resume: all clocks anew */

/* xen.h tells what this is about. Any context, with a VM that has it or not: */
int hv_xen_evtchn(struct hv_vm *vm, u32 vcpu_id, u32 port);
/* Own thread, vcpu->xen is there. IRQs off or on: the vector of the upcall
 * that the guest is to get, -1 for none.
 */
int hv_xen_upcall(struct hv_vcpu *vcpu);
int hv_xen_serve(struct hv_vcpu *vcpu);		/* HV_REQ_XEN, may sleep */
void hv_xen_runstate_update(struct hv_vcpu *vcpu);	/* HV_REQ_STEAL */
/* HV_REQ_CLOCK; its flags may be changed */
void hv_xen_clock_update(struct hv_vcpu *vcpu, struct pvclock_vcpu_time_info *info);
/* Own thread, hot or slow path, as hv_msr_write(). */
int hv_xen_msr_write(struct hv_vcpu *vcpu, u32 msr, u64 value, bool host);
bool hv_xen_intercepts(struct hv_vm *vm);	/* hypercalls are Xen's */
int hv_xen_hypercall(struct hv_vcpu *vcpu);	/* slow handler; length known */
int hv_xen_config_set(struct hv_vm *vm, const struct kvm_xen_hvm_config *config);
int hv_xen_attr_get(struct hv_vm *vm, struct kvm_xen_hvm_attr *attr);
int hv_xen_attr_set(struct hv_vm *vm, const struct kvm_xen_hvm_attr *attr);
int hv_xen_vcpu_attr_get(struct hv_vcpu *vcpu, struct kvm_xen_vcpu_attr *attr);
int hv_xen_vcpu_attr_set(struct hv_vcpu *vcpu, const struct kvm_xen_vcpu_attr *attr);
int hv_xen_evtchn_send(struct hv_vm *vm, const struct kvm_irq_routing_xen_evtchn *e);
u32 hv_xen_caps(void);
void hv_xen_vcpu_destroy(struct hv_vcpu *vcpu);
void hv_xen_vm_destroy(struct hv_vm *vm);

/* netlink.c */
int hv_netlink_init(void);
void hv_netlink_exit(void);
void hv_netlink_event(struct hv_vm *vm, enum hvctl_cmd cmd);
void hv_vcpu_stats(struct hv_vcpu *vcpu, struct hvctl_vcpu_stats *stats);

/* ioctl.c */
extern const struct file_operations hv_device_fops;
extern const struct file_operations hv_vm_fops;
extern const struct file_operations hv_vcpu_fops;
int hv_check_extension(struct hv_vm *vm, long ext);
/* ioctl_vcpu.c */
int hv_msrs_user(struct hv_vcpu *vcpu, struct kvm_msrs __user *user,
		 int (*fn)(struct hv_vcpu *vcpu, struct kvm_msr_entry *entry),
		 bool back);

static inline bool hv_long_mode(struct hv_vcpu *vcpu)
{
	hv_need(vcpu, HV_PART_CR);
	return vcpu->state.efer & BIT_ULL(10);	/* EFER.LMA */
}

/* The mode with four top entries, which the CPU keeps (SDM volume 3, 4.4.1). */
static inline bool hv_pae_paging(struct hv_vcpu *vcpu)
{
	const struct hv_state *s = &vcpu->state;

	return !hv_long_mode(vcpu) && (s->cr0 & X86_CR0_PG) &&
	       (s->cr4 & X86_CR4_PAE);
}

#endif /* HVCTL_H */
