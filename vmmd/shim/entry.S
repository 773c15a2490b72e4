/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Ways between a PV guest and the shim. Both run at CPL 0; the guest's own
 * programs at CPL 3.
 *
 * The stubs section exists once for each vCPU, with the vCPU's struct vcpu at a
 * fixed distance behind it: so they reach their data relative to RIP, without
 * a register, a segment or a lock. What is outside of the section they reach
 * by the absolute pointers in those data.
 *
 * The guest's interrupt flag is evtchn_upcall_mask in struct vcpu_info. RFLAGS.IF
 * is set whenever guest code runs, and clear here. Exceptions and system calls
 * find the guest's kernel stack by themselves (TSS.RSP0) or are already on it;
 * all that is added is what the Xen ABI wants below the hardware's frame: R11,
 * RCX, the saved mask beside CS, IF as the guest believes it to be, its own GS.
 */
#include "abi.h"
#include "stubs.h"

#define RFLAGS_IF 0x200
#define RFLAGS_RF 0x10000
/* Of xen.h, where they are C: __HYPERVISOR_iret, __HYPERVISOR_mmu_update. */
#define IRET_NR	      23
#define MMU_UPDATE_NR 1

/* The field at offset @off of this vCPU's struct vcpu. */
#define V(off) (vcpu_data + (off))(%rip)

/* The end of the vCPU's own stack, which the guest's entries do not use. */
#define OWN_STACK V(SHIM_VCPU_END - SHIM_VCPU_DATA)

	.section .stubs, "ax"
	.balign	4096
	.global	stubs
stubs:

/* ------------------------------------------------------------ exceptions */

/*
 * From the frame at 0(%rsp), whose hardware part is at @hw bytes, to the
 * guest's handler of trap @trap. RFLAGS.IF was set when it was pushed.
 */
.macro to_guest trap hw
	mov	V(V_INFO), %r11
	movzbl	INFO_MASK(%r11), %ecx
	mov	%ecx, (\hw + 12)(%rsp)		/* beside CS */
	neg	%ecx				/* a mask is all but 0 */
	sbb	%ecx, %ecx
	and	$RFLAGS_IF, %ecx
	xor	%ecx, (\hw + 16)(%rsp)		/* RFLAGS.IF = !mask */
	movzbl	V(V_TRAP_MASK + \trap), %ecx
	or	%cl, INFO_MASK(%r11)
	testb	$3, (\hw + 8)(%rsp)
	jz	1f
	swapgs
1:
	mov	V(V_TRAP + 8 * \trap), %rcx
	sti
	jmp	*%rcx
.endm

.macro save_regs
	push	%rax
	push	%rdx
	push	%rsi
	push	%rdi
	push	%r8
	push	%r9
	push	%r10
.endm

.macro restore_regs
	pop	%r10
	pop	%r9
	pop	%r8
	pop	%rdi
	pop	%rsi
	pop	%rdx
	pop	%rax
.endm

/* Ask C first: true when the guest need not know of this one. */
.macro ask_first vector
	save_regs
	lea	V(0), %rdi
	mov	%rsp, %rsi
	mov	$\vector, %edx
	call	*V(V_EXCEPTION_FN)
	test	%al, %al
	restore_regs
.endm

/* Move R11, RCX and what the CPU pushed before them to the stack that ends at R11. */
.macro copy_frame words
	sub	$(8 * (\words + 2)), %r11
	.set	word, 0
	.rept	\words + 2
	mov	(8 * word)(%rsp), %rcx
	mov	%rcx, (8 * word)(%r11)
	.set	word, word + 1
	.endr
	mov	%r11, %rsp
.endm

/* No error code, nothing for the shim to do. */
.macro plain vector trap
	.balign 16
stub_\vector:
	push	%r11
	push	%rcx
in_\vector:
	to_guest \trap 16
.endm

/* With error code. */
.macro coded vector
	.balign 16
stub_\vector:
	push	%r11
	push	%rcx
in_\vector:
	to_guest \vector 24
.endm

/* With error code; those from CPL 0 may be the shim's own. */
.macro checked vector
	.balign 16
stub_\vector:
	push	%r11
	push	%rcx
	testb	$3, 32(%rsp)
	jnz	2f
	ask_first \vector
	jz	2f
	pop	%rcx
	pop	%r11
	add	$8, %rsp
	iretq
2:
in_\vector:
	to_guest \vector 24
.endm

/* On a stack of the shim's own, and no way back. */
.macro fatal vector coded
	.balign 16
stub_\vector:
	.ifeq \coded
	push	$0
	.endif
	push	%r11
	push	%rcx
	save_regs
	push	%rbx
	push	%rbp
	push	%r12
	push	%r13
	push	%r14
	push	%r15
	lea	V(0), %rdi
	mov	%rsp, %rsi
	mov	$\vector, %edx
	jmp	*V(V_FATAL_FN)
.endm

	plain	0 0

	/*
	 * #DB can come where nothing else does: behind a SYSCALL, in front of our
	 * first instruction, on the program's stack (MOV SS in front of it puts off
	 * a data breakpoint; TF does it on some CPUs). So it has a stack of its own,
	 * what hits the shim is dropped, all else is moved to where it belongs.
	 */
	.balign 16
stub_1:
	push	%r11
	push	%rcx
	testb	$3, F_CS(%rsp)
	jnz	2f
	mov	F_RIP(%rsp), %r11
	shr	$39, %r11
	cmp	$(SHIM_VA >> 39), %r11
	je	3f
	mov	F_RSP(%rsp), %r11
	and	$-16, %r11
	jmp	4f
2:
	cmpb	$0, V(V_USER_PGD)
	je	1f
	mov	V(V_KERNEL_CR3), %rcx
	mov	%rcx, %cr3
1:
	mov	V(V_KERNEL_SP), %r11
4:
	copy_frame HW_WORDS
	to_guest 1 16
3:
	/* RF: an instruction breakpoint here would hit for ever. */
	orl	$RFLAGS_RF, F_RFLAGS(%rsp)
	pop	%rcx
	pop	%r11
	iretq

	.balign 16
stub_2:	/* An NMI: the host's never get here, the guest's come by SHIM_VEC_NMI. */
	iretq
	plain	3 3
	plain	4 4
	plain	5 5

	/* #UD: CPUID behind Xen's prefix is no invalid opcode. */
	.balign 16
stub_6:
	push	$0
	push	%r11
	push	%rcx
	ask_first 6
	pop	%rcx
	pop	%r11
	lea	8(%rsp), %rsp
	jz	1f
	iretq
1:
	push	%r11
	push	%rcx
in_6:
	to_guest 6 16

	plain	7 7
	fatal	8 1
	plain	9 9
	checked	10
	checked	11
	checked	12

	/* #GP: a program may have been given I/O ports, which are C's. */
	.balign 16
stub_13:
	push	%r11
	push	%rcx
	testb	$3, 32(%rsp)
	jz	3f
in_13:
	cmpb	$0, V(V_PORTS)
	je	2f
3:
	ask_first 13
	jz	2f
	pop	%rcx
	pop	%r11
	lea	8(%rsp), %rsp
	testb	$3, 8(%rsp)
	jz	1f
	cmpb	$0, V(V_USER_PGD)
	jne	to_user
1:
	iretq
2:
	to_guest 13 24

	/* #PF: the address goes where the guest looks for it. */
	.balign 16
stub_14:
	push	%r11
	push	%rcx
	testb	$3, 32(%rsp)
	jz	3f
in_14:
	mov	V(V_INFO), %r11
	mov	%cr2, %rcx
	mov	%rcx, INFO_CR2(%r11)
	/* to_guest for an open guest's program, which is nearly all there are. */
	cmpb	$0, INFO_MASK(%r11)
	jne	4f
	movl	$0, 36(%rsp)
	mov	V(V_TRAP_MASK + 14), %cl
	mov	%cl, INFO_MASK(%r11)
	swapgs
	mov	V(V_TRAP + 8 * 14), %rcx
	sti
	jmp	*%rcx
3:
	/* In the shim itself? */
	mov	24(%rsp), %r11
	shr	$39, %r11
	cmp	$(SHIM_VA >> 39), %r11
	jne	2f
	ask_first 14
	jz	2f
	pop	%rcx
	pop	%r11
	add	$8, %rsp
	iretq
2:
	mov	V(V_INFO), %r11
	mov	%cr2, %rcx
	mov	%rcx, INFO_CR2(%r11)
4:
	to_guest 14 24

	plain	15 15
	plain	16 16
	coded	17
	fatal	18 0
	plain	19 19
	plain	20 20
	coded	21
	.irp	v, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
	plain	\v \v
	.endr
	plain	128 TRAP_INT80

/* ------------------------------------------------------------ interrupts */

.macro interrupt vector
	.balign 16
stub_\vector:
	push	%r11
	push	%rcx
in_\vector:
	save_regs
	mov	$\vector, %esi
	jmp	interrupted
.endm

	interrupt 240
	interrupt 241
	interrupt 242

interrupted:
	lea	V(0), %rdi
	call	*V(V_INTERRUPT_FN)
	restore_regs
	/* In HLT it is the shim that goes on. */
	cmpb	$0, V(V_HALTED)
	jne	back
	mov	V(V_INFO), %r11
	cmpb	$0, INFO_MASK(%r11)
	jne	back
	cmpb	$0, INFO_PENDING(%r11)
	jne	deliver
back:
	testb	$3, F_CS(%rsp)
	pop	%rcx
	pop	%r11
	jz	1f
	cmpb	$0, V(V_USER_PGD)
	jne	to_user
1:
	iretq

/*
 * An NMI for the guest is an interrupt: those are open whenever its code runs, and
 * never in the shim, where an NMI would come in between anything. C tells whether the
 * guest takes it now.
 */
	.balign 16
stub_243:
	push	%r11
	push	%rcx
in_243:
	save_regs
	lea	V(0), %rdi
	call	*V(V_NMI_FN)
	test	%al, %al
	restore_regs
	jz	back
	to_guest TRAP_NMI 16

/*
 * What nmi() makes the iret hypercall of a vCPU begin with while the guest is in its
 * handler: the first iret ends that, as on a CPU.
 */
	.global	stub_nmi_iret
stub_nmi_iret:
	save_regs
	lea	V(0), %rdi
	call	*V(V_NMI_DONE_FN)
	restore_regs
	jmp	iret

/*
 * The guest's callback for events, with a frame of a guest that is open for
 * them. R11 is V_INFO.
 */
deliver:
	movb	$1, INFO_MASK(%r11)
	movl	$0, (F_CS + 4)(%rsp)
	testb	$3, F_CS(%rsp)
	jz	1f
	swapgs
1:
	sti
	jmp	*V(V_EVENT)

/* ------------------------------------------------------------ SYSCALL */

/*
 * From the kernel's half of the address space it is a hypercall, from the
 * other one a system call: RCX is where it returns to. Hypercalls run on the
 * vCPU's own stack: PV GRUB, on its way to another kernel, has none for a while.
 */
	.balign 16
	.global	stub_syscall
stub_syscall:
	test	%rcx, %rcx
	jns	system_call
	/* A kernel that has no callback for system calls may be anywhere. */
	.global	stub_hypercall
stub_hypercall:
	cmp	$IRET_NR, %eax
	je	iret
	cmp	$MMU_UPDATE_NR, %eax
	je	update
any_hypercall:
	mov	%rsp, V(V_SCRATCH)
	lea	OWN_STACK, %rsp
	pushq	V(V_SCRATCH)
	push	%r11
	push	%rcx
	push	%r9
	/* From here down: the arguments in the ABI's order. */
	push	%r8
	push	%r10
	push	%rdx
	push	%rsi
	push	%rdi
	lea	V(0), %rdi
	mov	%eax, %esi
	mov	%rsp, %rdx
	call	*V(V_HYPERCALL_FN)
	pop	%rdi
	pop	%rsi
	pop	%rdx
	pop	%r10
	pop	%r8
	pop	%r9
	mov	V(V_INFO), %rcx
	cmpb	$0, INFO_MASK(%rcx)
	jne	1f
	cmpb	$0, INFO_PENDING(%rcx)
	jne	2f
1:
	pop	%rcx
	pop	%r11
	pop	%rsp
	sti
	jmp	*%rcx

	/* As if the event had come right behind the hypercall. */
2:
	pop	%rcx
	pop	%r11
	pop	%rsp
	mov	%rsp, V(V_SCRATCH)
	and	$-16, %rsp
	pushq	$SHIM_SS
	pushq	V(V_SCRATCH)
	push	%r11
	pushq	$SHIM_CS
	push	%rcx
	push	%r11
	push	%rcx
	mov	V(V_INFO), %r11
	jmp	deliver

/*
 * mmu_update with one entry of a page table, as kernels do for each page fault.
 * A list of another kind, or one that is not mapped, goes the long way.
 */
update:
	cmp	$1, %rsi
	jne	any_hypercall
	test	%rdx, %rdx
	jnz	any_hypercall
	.global	stub_update, stub_update_end, stub_update_fault
stub_update:
	mov	(%rdi), %rax
	mov	8(%rdi), %rdx
stub_update_end:
	test	$7, %al
	jnz	1f
	cmp	V(V_LOW_RAM), %rax
	jae	1f
	movabs	$SHIM_RAM_VA, %rsi
	mov	%rdx, (%rax, %rsi)
	mov	$1, %esi
	xor	%edx, %edx
	xor	%eax, %eax
	sti
	jmp	*%rcx
stub_update_fault:
1:
	mov	$MMU_UPDATE_NR, %eax
	xor	%edx, %edx
	jmp	any_hypercall

/*
 * A program's system call: its stack is the program's, SFMASK has cleared IF.
 * With @pgd its page table is the program's, too.
 */
.macro call_kernel cs ss entry mask pgd=0
	swapgs
	mov	%rsp, V(V_SCRATCH)
	.if	\pgd
	mov	V(V_KERNEL_CR3), %rsp
	mov	%rsp, %cr3
	.endif
	mov	V(V_KERNEL_SP), %rsp
	pushq	$\ss
	pushq	V(V_SCRATCH)
	push	%r11
	pushq	$\cs
	push	%rcx
	push	%r11
	push	%rcx
	mov	V(V_INFO), %r11
	mov	V(\mask), %cl
	or	%cl, INFO_MASK(%r11)
	sti
	jmp	*V(\entry)
.endm

system_call:
	call_kernel 0xe033, 0xe02b, V_SYSCALL, V_SYSCALL_MASK

	.balign 16
	.global	stub_syscall32
stub_syscall32:
	call_kernel 0xe023, 0xe02b, V_SYSCALL32, V_SYSCALL32_MASK

	.balign 16
	.global	user_syscall
user_syscall:
	test	%rcx, %rcx
	js	stub_syscall
	call_kernel 0xe033, 0xe02b, V_SYSCALL, V_SYSCALL_MASK, pgd=1

	.balign 16
	.global	user_syscall32
user_syscall32:
	call_kernel 0xe023, 0xe02b, V_SYSCALL32, V_SYSCALL32_MASK, pgd=1

/*
 * The iret hypercall. The new mask comes with RFLAGS; when that opens the guest
 * for an event that waits, the event goes first, with a frame made in place.
 */
	.global	stub_iret
stub_iret:
iret:
	mov	V(V_INFO), %r11
	testl	$RFLAGS_IF, I_RFLAGS(%rsp)
	jz	1f
	movb	$0, INFO_MASK(%r11)
	cmpb	$0, INFO_PENDING(%r11)
	jne	3f
2:
	testb	$3, I_CS(%rsp)
	mov	I_RAX(%rsp), %rax
	mov	I_R11(%rsp), %r11
	mov	I_RCX(%rsp), %rcx
	lea	I_RIP(%rsp), %rsp
	jz	4f
	swapgs
	cmpb	$0, V(V_USER_PGD)
	jne	to_user
4:
	.global	stub_iretq
stub_iretq:
	iretq
1:
	movb	$1, INFO_MASK(%r11)
	orl	$RFLAGS_IF, I_RFLAGS(%rsp)
	jmp	2b
3:
	movb	$1, INFO_MASK(%r11)
	mov	I_RAX(%rsp), %rax
	mov	I_R11(%rsp), %rcx
	mov	%rcx, I_FLAGS(%rsp)
	lea	I_RCX(%rsp), %rsp
	movl	$0, (F_CS + 4)(%rsp)
	sti
	jmp	*V(V_EVENT)

/* ------------------------------------------------------------ user page tables */

/*
 * With pv_user_pgd programs run on a page table without the kernel. What the
 * CPU pushes then must not go to the kernel's stack, which is not there: TSS.RSP0
 * is a stack of the vCPU's own, and frames are copied between the two.
 */
/* From CPL 3, with R11 and RCX pushed on top of @words by the CPU. */
.macro to_kernel_stack words
	mov	V(V_KERNEL_CR3), %rcx
	mov	%rcx, %cr3
	mov	V(V_KERNEL_SP), %r11
	copy_frame \words
.endm

.macro from_user vector words
	.balign	16
user_\vector:
	testb	$3, (8 * (\words - HW_WORDS) + 8)(%rsp)
	jz	stub_\vector
	push	%r11
	push	%rcx
	to_kernel_stack \words
	jmp	in_\vector
.endm

	.irp	v, 0,3,4,5,7,9,15,16,19,20,22,23,24,25,26,27,28,29,30,31,128,240,241,242,243
	from_user \v HW_WORDS
	.endr
	.irp	v, 10,11,12,13,14,17,21
	from_user \v (HW_WORDS + 1)
	.endr

	/* CPUID behind Xen's prefix needs no kernel. */
	.balign	16
user_6:
	testb	$3, 8(%rsp)
	jz	stub_6
	push	$0
	push	%r11
	push	%rcx
	ask_first 6
	pop	%rcx
	pop	%r11
	lea	8(%rsp), %rsp
	jz	1f
	iretq
1:
	push	%r11
	push	%rcx
	to_kernel_stack HW_WORDS
	jmp	in_6

	/* These have their own stack. */
	.set	user_1, stub_1
	.set	user_2, stub_2
	.set	user_8, stub_8
	.set	user_18, stub_18

/* To CPL 3: all registers are the program's, the frame is on the kernel's stack. */
to_user:
	mov	%rcx, V(V_SCRATCH)
	mov	%r11, V(V_SCRATCH2)
	lea	OWN_STACK, %r11
	sub	$(8 * HW_WORDS), %r11
	.set	word, 0
	.rept	HW_WORDS
	mov	(8 * word)(%rsp), %rcx
	mov	%rcx, (8 * word)(%r11)
	.set	word, word + 1
	.endr
	mov	%r11, %rsp
	mov	%cr3, %rcx
	mov	%rcx, V(V_KERNEL_CR3)
	mov	V(V_USER_CR3), %rcx
	mov	%rcx, %cr3
	mov	V(V_SCRATCH), %rcx
	mov	V(V_SCRATCH2), %r11
	.global	user_iretq
user_iretq:
	iretq

/* ------------------------------------------------------------ no handler */

/* Where each trap goes that the guest has set no handler for. */
	.balign	NO_HANDLER_STRIDE
	.global	stub_no_handlers
stub_no_handlers:
	.set	trap, 0
	.rept	TRAPS
	.balign	NO_HANDLER_STRIDE
	pushq	$trap
	jmp	no_handler
	.set	trap, trap + 1
	.endr

no_handler:
	save_regs
	push	%rbx
	push	%rbp
	push	%r12
	push	%r13
	push	%r14
	push	%r15
	lea	V(0), %rdi
	mov	%rsp, %rsi
	cli
	jmp	*V(V_UNHANDLED_FN)

/* ------------------------------------------------------------ data */

	.balign	4096
	.org	stubs + (SHIM_VCPU_DATA - SHIM_VCPU_STUBS)
vcpu_data:
	.org	vcpu_data + V_HYPERCALL_FN
	.quad	hypercall_do
	.quad	interrupt
	.quad	exception
	.quad	fatal
	.quad	unhandled
	.quad	nmi
	.quad	nmi_done
	.global stubs_end
	.org	vcpu_data + 0x1000
stubs_end:

/* Where in the section each vector's stub is; for the IDT. */
	.section .rodata
	.balign	8
	.global	stub_table
stub_table:
	.irp	v, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31,128,240,241,242,243
	.quad	\v, stub_\v, user_\v
	.endr
	.quad	-1

/* ------------------------------------------------------------ C's helpers */

	.text
/*
 * int guest_copy(void *dst, const void *src, size_t bytes): 0, or -EFAULT when
 * one of them is not mapped. exception() knows its bounds.
 */
	.global	guest_copy, guest_copy_end, guest_copy_fault
guest_copy:
	mov	%rdx, %rcx
	rep movsb
guest_copy_end:
	xor	%eax, %eax
	ret
guest_copy_fault:
	mov	$-14, %eax
	ret

/* Into the guest for the first time: void guest_enter(const struct guest_regs *). */
	.global	guest_enter
guest_enter:
	mov	%rdi, %rsp
	pop	%rax
	pop	%rbx
	pop	%rcx
	pop	%rdx
	pop	%rsi
	pop	%rdi
	pop	%rbp
	pop	%r8
	pop	%r9
	pop	%r10
	pop	%r11
	pop	%r12
	pop	%r13
	pop	%r14
	pop	%r15
	iretq
