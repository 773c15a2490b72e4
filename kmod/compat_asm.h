/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The assembler's share of compat.h.
 */
#ifndef HVCTL_COMPAT_ASM_H
#define HVCTL_COMPAT_ASM_H

#include <linux/version.h>
#include <asm/cpufeatures.h>
#include <asm/nospec-branch.h>

/* Clearing CPU buffers before guest entry got a feature bit of its own. */
#ifdef X86_FEATURE_CLEAR_CPU_BUF_VM
#define HV_FEATURE_CLEAR_CPU_BUF_VM	X86_FEATURE_CLEAR_CPU_BUF_VM
#else
#define HV_FEATURE_CLEAR_CPU_BUF_VM	X86_FEATURE_CLEAR_CPU_BUF
#endif

/*
 * Clearing the branch history after an exit, where the CPU needs a loop for
 * it. From 6.18 on the kernel's is for KVM alone.
 */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 18, 0)
#define HV_CLEAR_BRANCH_HISTORY	CLEAR_BRANCH_HISTORY_VMEXIT
#else
#define HV_CLEAR_BRANCH_HISTORY
#endif

#endif /* HVCTL_COMPAT_ASM_H */
