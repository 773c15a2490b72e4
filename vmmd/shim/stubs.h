/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the entry points share with C: where their data lie, and the frame that
 * a guest's handlers find on the stack.
 */
#ifndef VMMD_SHIM_STUBS_H
#define VMMD_SHIM_STUBS_H

/* struct vcpu, the part that entry.S uses */
#define V_INFO		 0x00
#define V_KERNEL_SP	 0x08
#define V_SCRATCH	 0x10
#define V_SYSCALL	 0x18
#define V_SYSCALL32	 0x20
#define V_EVENT		 0x28
#define V_HYPERCALL_FN	 0x30
#define V_INTERRUPT_FN	 0x38
#define V_EXCEPTION_FN	 0x40
#define V_FATAL_FN	 0x48
#define V_UNHANDLED_FN	 0x50
#define V_NMI_FN	 0x58
#define V_NMI_DONE_FN	 0x60
#define V_HALTED	 0x68
#define V_SYSCALL_MASK	 0x69
#define V_SYSCALL32_MASK 0x6a
#define V_USER_PGD	 0x6b
#define V_PORTS		 0x6c
#define V_USER_CR3	 0x70
#define V_KERNEL_CR3	 0x78
#define V_SCRATCH2	 0x80
#define V_LOW_RAM	 0x88
#define V_TRAP		 0x90
#define V_TRAP_MASK	 (V_TRAP + 8 * TRAPS)

/* Exceptions 0-31, and the software interrupt that Linux and Mach have. */
#define TRAPS	   33
#define TRAP_INT80 32
#define TRAP_NMI   2
#define INT80	   0x80
/* What the CPU pushes, in words; some exceptions add an error code. */
#define HW_WORDS 5
/* Bytes from one default handler to the next. */
#define NO_HANDLER_STRIDE 8

/* struct vcpu_info of xen/xen.h */
#define INFO_PENDING 0
#define INFO_MASK    1
#define INFO_CR2     16

/* The frame of a handler without an error code, in bytes from RSP. */
#define F_RCX	 0
#define F_R11	 8
#define F_RIP	 16
#define F_CS	 24
#define F_RFLAGS 32
#define F_RSP	 40
#define F_SS	 48

/* That of the iret hypercall, struct iret_context of xen-x86_64.h. */
#define I_RAX	 0
#define I_R11	 8
#define I_RCX	 16
#define I_FLAGS	 24
#define I_RIP	 32
#define I_CS	 40
#define I_RFLAGS 48
#define I_RSP	 56
#define I_SS	 64

#endif /* VMMD_SHIM_STUBS_H */
