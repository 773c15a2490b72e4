/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Every difference between the kernels hvctl builds for (6.1, 6.12, 7.2)
 * lives here, and for assembly in compat_asm.h, and nowhere else.
 */
#ifndef HVCTL_COMPAT_H
#define HVCTL_COMPAT_H

#include <linux/entry-kvm.h>
#include <linux/mm.h>
#include <linux/page-flags.h>
#include <linux/eventfd.h>
#include <linux/hrtimer.h>
#include <linux/sched.h>
#include <linux/version.h>
#include <asm/cpufeatures.h>
#include <asm/nospec-branch.h>
#include <asm/reboot.h>
#include <asm/special_insns.h>
#include <asm/tlbflush.h>

#ifndef __counted_by
#define __counted_by(member)
#endif

/* Work that a thread has to do before it may enter a guest, as TIF bits. */
#define HV_TIF_WORK	XFER_TO_GUEST_MODE_WORK
/* Do it. May sleep; -EINTR when a signal must be taken in user space. */
int hv_thread_work(void);

/*
 * VMSCAPE: after a guest ran, the kernel issues a predictor barrier on its
 * next return to user space on the CPUs that need it.
 */
static inline void hv_guest_ran(void)
{
#ifdef X86_FEATURE_IBPB_EXIT_TO_USER
	if (cpu_feature_enabled(X86_FEATURE_IBPB_EXIT_TO_USER))
		this_cpu_write(x86_ibpb_exit_to_user, true);
#endif
}

/*
 * What a crashing kernel calls on each CPU to have virtualisation switched off.
 * Before 6.6 it looks at CR4 and needs no help; from 6.18 on only KVM may
 * register. There is room for one, and KVM has it while it holds the CPUs,
 * which is when we do not.
 */
#define HV_EMERGENCY	(LINUX_VERSION_CODE >= KERNEL_VERSION(6, 6, 0) && \
			 LINUX_VERSION_CODE < KERNEL_VERSION(6, 18, 0))
static inline void hv_emergency_register(void (*fn)(void))
{
#if HV_EMERGENCY
	cpu_emergency_register_virt_callback(fn);
#endif
}

static inline void hv_emergency_unregister(void (*fn)(void))
{
#if HV_EMERGENCY
	cpu_emergency_unregister_virt_callback(fn);
#endif
}

/*
 * CR4.VMXE must stay set while VMX is on, and the kernel writes CR4 from a copy
 * of its own that only its helpers change. From 6.18 on those are KVM's. There
 * the bit is set by hand and VMX is on only while interrupts are off, during
 * which the kernel does not write CR4.
 */
#ifndef HV_CR4_TRACKED
#define HV_CR4_TRACKED	(LINUX_VERSION_CODE < KERNEL_VERSION(6, 18, 0))
#endif
static inline void hv_cr4_update(unsigned long set, unsigned long clear)
{
#if HV_CR4_TRACKED
	cr4_update_irqsoff(set, clear);
#else
	asm volatile("mov %0, %%cr4"
		     : : "r" ((native_read_cr4() | set) & ~clear) : "memory");
#endif
}

/* What came to KVM's Xen interface after 6.1; the values lie in pads there. */
#ifndef KVM_XEN_HVM_CONFIG_RUNSTATE_UPDATE_FLAG
#define KVM_XEN_HVM_CONFIG_RUNSTATE_UPDATE_FLAG	BIT(6)
#define KVM_XEN_ATTR_TYPE_RUNSTATE_UPDATE_FLAG	0x5
#endif
#ifndef KVM_XEN_HVM_CONFIG_PVCLOCK_TSC_UNSTABLE
#define KVM_XEN_HVM_CONFIG_PVCLOCK_TSC_UNSTABLE	BIT(7)
#endif
#ifndef KVM_XEN_HVM_CONFIG_SHARED_INFO_HVA
#define KVM_XEN_HVM_CONFIG_SHARED_INFO_HVA	BIT(8)
#define KVM_XEN_ATTR_TYPE_SHARED_INFO_HVA	0x6
#define KVM_XEN_VCPU_ATTR_TYPE_VCPU_INFO_HVA	0x9
#endif

/* The function became an argument in 6.13. */
static inline void hv_hrtimer_setup(struct hrtimer *timer,
				    enum hrtimer_restart (*fn)(struct hrtimer *),
				    clockid_t clock, enum hrtimer_mode mode)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 13, 0)
	hrtimer_setup(timer, fn, clock, mode);
#else
	hrtimer_init(timer, clock, mode);
	timer->function = fn;
#endif
}

/* Lost its count in 6.8. */
static inline void hv_eventfd_signal(struct eventfd_ctx *ctx)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 8, 0)
	eventfd_signal(ctx);
#else
	eventfd_signal(ctx, 1);
#endif
}

/* CPUID bits that got their names after 6.1; words are in enum cpuid_leafs. */
#ifndef X86_FEATURE_CMPCCXADD
#define X86_FEATURE_CMPCCXADD	(12 * 32 + 7)
#define X86_FEATURE_FZRM	(12 * 32 + 10)
#define X86_FEATURE_FSRS	(12 * 32 + 11)
#define X86_FEATURE_FSRC	(12 * 32 + 12)
#define X86_FEATURE_AVX_IFMA	(12 * 32 + 23)
#endif
#ifndef X86_FEATURE_AMD_PSFD
#define X86_FEATURE_AMD_PSFD	(13 * 32 + 28)
#endif

/* Event delivery by FRED came with 6.9. */
#ifdef X86_FEATURE_FRED
#define HV_FEATURE_FRED	X86_FEATURE_FRED
#else
#define HV_FEATURE_FRED	(12 * 32 + 17)
#endif

/* The flag in page tables for pages of DAX devices went away in 6.17. */
#ifdef _PAGE_DEVMAP
#define HV_PAGE_DEVMAP	_PAGE_DEVMAP
#else
#define HV_PAGE_DEVMAP	0
#endif

/* Before 6.3 a page was always waited for, before 6.6 NUMA faults honoured. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 3, 0)
#define HV_FOLL_INTERRUPTIBLE	FOLL_INTERRUPTIBLE
#else
#define HV_FOLL_INTERRUPTIBLE	0
#endif
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 6, 0)
#define HV_FOLL_HONOR_NUMA_FAULT	FOLL_HONOR_NUMA_FAULT
#else
#define HV_FOLL_HONOR_NUMA_FAULT	0
#endif

/* A write will reach the page that no page table of the kernel records. */
static inline void hv_page_dirty(struct page *page)
{
	struct folio *folio = page_folio(page);

	if (!folio_test_dirty(folio) && !folio_test_reserved(folio))
		folio_set_dirty(folio);
}

#endif /* HVCTL_COMPAT_H */
