/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Every difference between the kernels hvctl builds for (6.1, 6.12, 7.2)
 * lives here, and for assembly in compat_asm.h, and nowhere else.
 */
#ifndef HVCTL_COMPAT_H
#define HVCTL_COMPAT_H

#include <linux/entry-kvm.h>
#include <linux/sched.h>
#include <linux/version.h>
#include <asm/nospec-branch.h>
#include <asm/reboot.h>

#ifndef __counted_by
#define __counted_by(member)
#endif

/* Work that a thread must do before it may enter a guest, as TIF bits. */
#define HV_TIF_WORK	XFER_TO_GUEST_MODE_WORK

/*
 * A crash kernel is started by INIT, which a CPU inside VMX or SVM may not
 * hear: the kernel calls back before it stops the other CPUs.
 */
static inline void hv_emergency_register(void (*callback)(void))
{
	cpu_emergency_register_virt_callback(callback);
}

static inline void hv_emergency_unregister(void (*callback)(void))
{
	cpu_emergency_unregister_virt_callback(callback);
}

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

#endif /* HVCTL_COMPAT_H */
