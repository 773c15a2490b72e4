// SPDX-License-Identifier: GPL-2.0
/* NMIs that we send ourselves. See pvcalls.h. */
#include "pvcalls.h"

#include <xen/callback.h>
#include <xen/nmi.h>
#include <xen/vcpu.h>

/* What is on the stack when a handler without an error code begins. */
struct frame {
	u64 rcx, r11, rip, cs, rflags, rsp, ss;
};

void nmi_entry(void);
void nmi_handler(const struct frame *f);

/* All registers are whoever's was interrupted; the way back is the iret hypercall. */
asm(".text\n"
    "nmi_entry:\n"
    "	push %rax; push %rdx; push %rsi; push %rdi; push %r8; push %r9; push %r10\n"
    "	lea 56(%rsp), %rdi\n"
    "	call nmi_handler\n"
    "	pop %r10; pop %r9; pop %r8; pop %rdi; pop %rsi; pop %rdx; pop %rax\n"
    "	pop %rcx\n"
    "	pop %r11\n"
    "	push $0\n"
    "	push %rcx\n"
    "	push %r11\n"
    "	push %rax\n"
    "	mov $23, %eax\n" /* __HYPERVISOR_iret */
    "	syscall\n");

static volatile u32 taken, depth, deepest, more;
static volatile u8 mask_inside, mask_saved;
static volatile u64 flags_saved;

static struct vcpu_info *vcpu(void)
{
	return &shared_info()->vcpu_info[0];
}

static long send_nmi(u64 id)
{
	return hypercall(__HYPERVISOR_vcpu_op, VCPUOP_send_nmi, id, 0);
}

void nmi_handler(const struct frame *f)
{
	depth++;
	if (depth > deepest)
		deepest = depth;
	taken++;
	mask_inside = vcpu()->evtchn_upcall_mask;
	mask_saved = (u8)(f->cs >> 32);
	flags_saved = f->rflags;
	if (more) {
		more--;
		send_nmi(0);
		send_nmi(0);
	}
	depth--;
}

static long nmi_op(u32 cmd, u64 address)
{
	struct xennmi_callback c = {address, 0};

	return hypercall(__HYPERVISOR_nmi_op, cmd, (u64)&c, 0);
}

static long callback_op(u32 cmd, u16 type, u64 address)
{
	struct callback_register r = {.type = type, .address = address};

	return hypercall(__HYPERVISOR_callback_op, cmd, (u64)&r, 0);
}

void test_nmi(void)
{
	check("NMI: without a handler it is lost", !send_nmi(0));
	check("nmi_op: an address that is none",
	      nmi_op(XENNMI_register_callback, 1UL << 47) == -EINVAL);
	check("nmi_op: not mapped",
	      hypercall(__HYPERVISOR_nmi_op, XENNMI_register_callback, 0, 0) == -EFAULT);
	check("nmi_op: no such operation", nmi_op(2, 0) == -ENOSYS);
	check("nmi_op: a handler", !nmi_op(XENNMI_register_callback, (u64)nmi_entry) && !taken);
	check("NMI: no such vCPU", send_nmi(1) == -ENOENT);
	check("NMI: comes, though events are masked", !send_nmi(0) && taken == 1);
	check("... with the mask beside CS", mask_saved == 1 && mask_inside == 1);
	check("... and as RFLAGS.IF", !(flags_saved & 0x200));
	vcpu()->evtchn_upcall_pending = 0;
	vcpu()->evtchn_upcall_mask = 0;
	send_nmi(0);
	check("NMI: to a guest that is open: events are masked", taken == 2 && mask_inside == 1);
	check("... and open behind it",
	      !mask_saved && flags_saved & 0x200 && !vcpu()->evtchn_upcall_mask);
	vcpu()->evtchn_upcall_mask = 1;
	more = 1;
	send_nmi(0);
	check("NMI: those that come to its handler are one, behind the iret",
	      taken == 4 && deepest == 1);
	more = 2;
	send_nmi(0);
	check("... and once more", taken == 7 && deepest == 1);
	check("callback_op: no handler of NMIs any more",
	      !callback_op(CALLBACKOP_unregister, CALLBACKTYPE_nmi, 0) && !send_nmi(0) &&
		      taken == 7);
	check("callback_op: a handler again",
	      !callback_op(CALLBACKOP_register, CALLBACKTYPE_nmi, (u64)nmi_entry) && !send_nmi(0) &&
		      taken == 8);
	check("callback_op: that of events stays",
	      callback_op(CALLBACKOP_unregister, CALLBACKTYPE_event, 0) == -EINVAL);
	check("callback_op: no such callback",
	      callback_op(CALLBACKOP_unregister, 77, 0) == -ENOSYS &&
		      callback_op(CALLBACKOP_register, 77, 0) == -ENOSYS);
	check("nmi_op: none", !nmi_op(XENNMI_unregister_callback, 0) && !send_nmi(0) && taken == 8);
}
