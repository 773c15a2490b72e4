// SPDX-License-Identifier: GPL-2.0
/*
 * NMIs: for the guest, not for the CPU. What comes is an interrupt of the local APIC,
 * SHIM_VEC_NMI, for which the guest is open whether it has masked events or not.
 *
 * As on a CPU no other one comes until the guest's next iret. The stub of that
 * hypercall is the vCPU's own copy, so it is the one that is changed: whoever takes no
 * NMI has nothing to look at.
 */
#include "shim.h"

#include <xen/nmi.h>

/* JMP with a displacement of 32 bits from its end. */
#define JMP_OPCODE 0xe9
#define JMP_BYTES  5

/* What the image has at stub_iret is what the copy had. */
static void hook_iret(struct vcpu *v, bool on)
{
	u8 *at = (u8 *)stub_address(v, stub_iret);
	s64 far = stub_nmi_iret - (stub_iret + JMP_BYTES);
	u32 i;

	for (i = 0; i < JMP_BYTES; i++)
		at[i] = !on ? stub_iret[i] : i ? (u8)(far >> (8 * (i - 1))) : JMP_OPCODE;
}

/**
 * nmi() - from entry.S: one for the guest has come
 * @v: the vCPU
 *
 * Return: the guest is to take it now.
 */
bool nmi(struct vcpu *v)
{
	event_end_of_interrupt();
	/* A vCPU that is down has nobody who would know what to do. */
	if (!v->up || !trap_is_set(v, TRAP_NMI))
		return false;
	if (v->halted || v->in_nmi) {
		v->nmi_waits = 1;
		return false;
	}
	v->in_nmi = 1;
	hook_iret(v, true);
	return true;
}

/**
 * nmi_again() - the guest goes on, and may take the one that waits
 * @v: the calling vCPU
 */
void nmi_again(struct vcpu *v)
{
	if (!v->nmi_waits)
		return;
	v->nmi_waits = 0;
	event_kick(v->id, SHIM_VEC_NMI);
}

/**
 * nmi_done() - from entry.S: the guest makes its iret
 * @v: the vCPU
 *
 * Another one comes behind it.
 */
void nmi_done(struct vcpu *v)
{
	hook_iret(v, false);
	v->in_nmi = 0;
	nmi_again(v);
}

/**
 * nmi_set_handler() - set the guest's handler
 * @v: the calling vCPU
 * @address: where it is, or 0
 *
 * It is that of trap 2, and begins with events masked.
 * Return: 0, or -EINVAL for an address that is none.
 */
long nmi_set_handler(struct vcpu *v, u64 address)
{
	struct trap_info t = {.vector = TRAP_NMI, .address = address};

	if ((u64)((s64)(address << 16) >> 16) != address)
		return -EINVAL;
	TI_SET_IF(&t, 1);
	if (address)
		trap_set(v, &t);
	else
		trap_unset(v, TRAP_NMI);
	return 0;
}

/* args: command, its argument */
long hv_nmi_op(struct vcpu *v, const u64 a[5])
{
	struct xennmi_callback c;

	switch (a[0]) {
	case XENNMI_register_callback:
		if (guest_copy(&c, (void *)a[1], sizeof(c)))
			return -EFAULT;
		return nmi_set_handler(v, c.handler_address);
	case XENNMI_unregister_callback:
		return nmi_set_handler(v, 0);
	default:
		return -ENOSYS;
	}
}
