/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Code that runs in guests: exception stubs for 64-bit and 32-bit modes, and
 * what a started AP does first. Position-independent or made for the address
 * it is copied to; see kvmabi.h for the places.
 */

	.section .rodata

/* Vectors whose exceptions push an error code: 8, 10-14, 17, 21, 29, 30. */
#define ERROR_CODES 0x60227d00

/*
 * 64-bit stubs, 16 bytes each. They make all frames alike (struct kv_frame64)
 * and call the handler in KV_HANDLERS[vector]; without one the host is told.
 */
	.code64
	.globl kv_stubs64, kv_stubs64_end
	.balign 16
kv_stubs64:
	.set vector, 0
	.rept 256
	.balign 16, 0x90
	.set has_error, 0
	.if vector < 32
	.set has_error, (ERROR_CODES >> vector) & 1
	.endif
	.if !has_error
	pushq $0
	.endif
	pushq $vector
	jmp common64
	.set vector, vector + 1
	.endr
	.balign 16, 0x90
common64:
	pushq %rax
	pushq %rcx
	pushq %rdx
	pushq %rbx
	pushq %rbp
	pushq %rsi
	pushq %rdi
	pushq %r8
	pushq %r9
	pushq %r10
	pushq %r11
	pushq %r12
	pushq %r13
	pushq %r14
	pushq %r15
	cld
	movq %rsp, %rdi
	movq 15 * 8(%rsp), %rax
	movq 0x6000(, %rax, 8), %rax		/* KV_HANDLERS */
	testq %rax, %rax
	jz 1f
	movq %rsp, %rbx
	andq $-16, %rsp
	callq *%rax
	movq %rbx, %rsp
	jmp 2f
1:	outl %eax, $0xf3			/* KV_PORT_TRAP */
2:	popq %r15
	popq %r14
	popq %r13
	popq %r12
	popq %r11
	popq %r10
	popq %r9
	popq %r8
	popq %rdi
	popq %rsi
	popq %rbp
	popq %rbx
	popq %rdx
	popq %rcx
	popq %rax
	addq $16, %rsp
	iretq
kv_stubs64_end:

/* 32-bit stubs: struct kv_frame32; the host is told of every one. */
	.code32
	.globl kv_stubs32, kv_stubs32_end
	.balign 16
kv_stubs32:
	.set vector, 0
	.rept 256
	.balign 16, 0x90
	.set has_error, 0
	.if vector < 32
	.set has_error, (ERROR_CODES >> vector) & 1
	.endif
	.if !has_error
	pushl $0
	.endif
	pushl $vector
	jmp common32
	.set vector, vector + 1
	.endr
	.balign 16, 0x90
common32:
	pushal
	movl %esp, %edi
	outl %eax, $0xf3			/* KV_PORT_TRAP */
	popal
	addl $8, %esp
	iretl
kv_stubs32_end:

/*
 * An AP after INIT and SIPI: from 0800:0000 in real mode to long mode, with
 * the tables of struct kv_ap_mail at 0x7000, on a stack chosen by APIC id,
 * into the entry given there.
 */
	.code16
	.globl kv_ap_start, kv_ap_start_end
	.balign 16
kv_ap_start:
	cli
	xorw %ax, %ax
	movw %ax, %ds
	lgdtl 0x7010
	lidtl 0x701a
	movl $0x620, %eax			/* PAE, OSFXSR, OSXMMEXCPT */
	movl %eax, %cr4
	movl 0x7000, %eax
	movl %eax, %cr3
	movl $0xc0000080, %ecx
	movl $0x901, %eax			/* EFER: NXE, LME, SCE */
	xorl %edx, %edx
	wrmsr
	movl $0x80010033, %eax			/* PG, WP, NE, ET, MP, PE */
	movl %eax, %cr0
	ljmpl $0x18, $(0x8000 + 1f - kv_ap_start) /* KV_CODE64_SEL */
	.code64
1:	movl $0x10, %eax			/* KV_DATA_SEL */
	movl %eax, %ds
	movl %eax, %es
	movl %eax, %ss
	movl $1, %eax
	cpuid
	shrl $24, %ebx
	movl %ebx, %edi
	movl %ebx, %eax
	shll $13, %eax
	leaq 0x82000(%rax), %rsp		/* KV_STACK(id) */
	callq *0x7008
2:	hlt
	jmp 2b
kv_ap_start_end:

	.section .note.GNU-stack, "", @progbits
