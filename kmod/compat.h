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
