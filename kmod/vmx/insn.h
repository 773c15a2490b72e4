/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The instructions of VMX (SDM volume 3, chapter 31).
 */
#ifndef HVCTL_VMX_INSN_H
#define HVCTL_VMX_INSN_H

#include <linux/types.h>
#include <asm/asm.h>
#include <asm/vmx.h>

/*
 * VMREAD and VMWRITE fail when no VMCS is current or the field does not exist.
 * The first is what vmx_load() sees to; the second is settled by vmx_probe(),
 * which refuses a CPU that lacks a control whose fields are used.
 */
static __always_inline u64 vmcs_read(enum vmcs_field field)
{
	u64 value;

	asm volatile("vmread %1, %0" : "=rm" (value) : "r" ((u64)field) : "cc");
	return value;
}

static __always_inline void vmcs_write(enum vmcs_field field, u64 value)
{
	asm volatile("vmwrite %0, %1" : : "rm" (value), "r" ((u64)field) : "cc");
}

/* The others take a physical address and say whether it worked. */
static inline bool vmx_vmclear(u64 pa)
{
	bool failed;

	asm volatile("vmclear %1" : "=@ccna" (failed) : "m" (pa) : "memory");
	return !failed;
}

static inline bool vmx_vmptrld(u64 pa)
{
	bool failed;

	asm volatile("vmptrld %1" : "=@ccna" (failed) : "m" (pa) : "memory");
	return !failed;
}

/* False also for #UD and #GP: something about the CPU is not as it seemed. */
static inline bool vmx_vmxon(u64 pa)
{
	bool failed = true;

	asm volatile("1: vmxon %1\n"
		     "	setna %0\n"
		     "2:\n"
		     _ASM_EXTABLE(1b, 2b)
		     : "+qm" (failed) : "m" (pa) : "cc", "memory");
	return !failed;
}

/* Does nothing where VMX is off already: #UD. */
static inline void vmx_vmxoff(void)
{
	asm volatile("1: vmxoff\n"
		     "2:\n"
		     _ASM_EXTABLE(1b, 2b)
		     : : : "cc", "memory");
}

#endif /* HVCTL_VMX_INSN_H */
