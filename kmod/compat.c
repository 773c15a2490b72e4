// SPDX-License-Identifier: GPL-2.0
/*
 * What compat.h cannot do inline.
 */
#include <linux/entry-kvm.h>
#include <linux/kvm_host.h>

#include "compat.h"

/*
 * Up to 6.17 the kernel's function counts an exit for a signal in KVM's own
 * vCPU. It gets one that nobody reads.
 */
static struct kvm_run nobody_run;
static struct kvm_vcpu nobody = { .run = &nobody_run };

int hv_thread_work(void)
{
	return xfer_to_guest_mode_handle_work(&nobody);
}
