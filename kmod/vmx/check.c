// SPDX-License-Identifier: GPL-2.0
/*
 * What an entry refused.
 */
#include "insn.h"
#include "vmx.h"

void vmx_dump(struct hv_vcpu *vcpu)
{
	pr_err_ratelimited("dom %u vcpu %u: entry failed: %#llx %#llx\n",
			   vcpu->vm->domid, vcpu->id, vcpu->exit.hw[0], vcpu->exit.hw[1]);
}
