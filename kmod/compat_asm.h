/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The assembler's share of compat.h.
 */
#ifndef HVCTL_COMPAT_ASM_H
#define HVCTL_COMPAT_ASM_H

#include <asm/cpufeatures.h>
#include <asm/nospec-branch.h>

/* Clearing CPU buffers before guest entry got a feature bit of its own. */
#ifdef X86_FEATURE_CLEAR_CPU_BUF_VM
#define HV_FEATURE_CLEAR_CPU_BUF_VM	X86_FEATURE_CLEAR_CPU_BUF_VM
#else
#define HV_FEATURE_CLEAR_CPU_BUF_VM	X86_FEATURE_CLEAR_CPU_BUF
#endif

#endif /* HVCTL_COMPAT_ASM_H */
