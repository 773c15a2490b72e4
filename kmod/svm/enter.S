/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Into the guest and back.
 */
#include <linux/linkage.h>
#include <asm/asm.h>
#include <asm/alternative.h>
#include <asm/cpufeatures.h>
#include <asm/msr-index.h>
#include <asm/nospec-branch.h>
#include <asm/segment.h>

#include "../compat_asm.h"

/* struct hv_vcpu begins with the general registers, in encoding order. */
#define GPR(n)	((n) * 8)

	.section .rodata
	.balign	2
/* The operand of VERW: any valid writable selector clears the buffers. */
SYM_DATA_LOCAL(verw_selector, .word __KERNEL_DS)

	.text

/**
 * svm_vmrun - run the guest until its next #VMEXIT
 * @vcpu (%rdi): general registers are loaded from and stored to its start,
 *		 but for RAX and RSP, which VMRUN exchanges by the VMCB
 * @vmcb_pa (%rsi): physical address of the VMCB
 * @host_pa (%rdx): physical address of the host's VMSAVE image
 * @guest_spec_ctrl (%rcx): SPEC_CTRL while the guest runs
 * @host_spec_ctrl (%r8): SPEC_CTRL of the host; equal to the former when the
 *			  MSR is absent or the CPU switches it
 *
 * Called and returns with IF=0 and GIF=1. In between IF=1 and GIF=0: physical
 * interrupts are recognised by the intercept, never by the host's IDT, because
 * with V_INTR_MASKING it is the host's IF that masks them (APM 15.21.1).
 *
 * After #VMEXIT, FS, GS, TR and the system-call MSRs are the guest's until
 * the VMLOAD of the host's image: nothing per-CPU may be touched before it.
 */
SYM_FUNC_START(svm_vmrun)
	push	%rbp
	push	%r15
	push	%r14
	push	%r13
	push	%r12
	push	%rbx
	push	%r8			/* 0x18(%rsp) host SPEC_CTRL */
	push	%rcx			/* 0x10(%rsp) guest SPEC_CTRL */
	push	%rdi			/* 0x08(%rsp) vCPU */
	push	%rdx			/* 0x00(%rsp) host image */

	clgi
	sti

	cmp	%rcx, %r8
	je	1f
	mov	%ecx, %eax
	mov	%rcx, %rdx
	shr	$32, %rdx
	mov	$MSR_IA32_SPEC_CTRL, %ecx
	wrmsr
1:
	mov	%rsi, %rax
	vmload	%rax

	mov	GPR(1)(%rdi), %rcx
	mov	GPR(2)(%rdi), %rdx
	mov	GPR(3)(%rdi), %rbx
	mov	GPR(5)(%rdi), %rbp
	mov	GPR(6)(%rdi), %rsi
	mov	GPR(8)(%rdi), %r8
	mov	GPR(9)(%rdi), %r9
	mov	GPR(10)(%rdi), %r10
	mov	GPR(11)(%rdi), %r11
	mov	GPR(12)(%rdi), %r12
	mov	GPR(13)(%rdi), %r13
	mov	GPR(14)(%rdi), %r14
	mov	GPR(15)(%rdi), %r15
	mov	GPR(7)(%rdi), %rdi

	ALTERNATIVE "", "verw verw_selector(%rip)", HV_FEATURE_CLEAR_CPU_BUF_VM

	vmrun	%rax
	vmsave	%rax

	mov	0x08(%rsp), %rax
	mov	%rcx, GPR(1)(%rax)
	mov	%rdx, GPR(2)(%rax)
	mov	%rbx, GPR(3)(%rax)
	mov	%rbp, GPR(5)(%rax)
	mov	%rsi, GPR(6)(%rax)
	mov	%rdi, GPR(7)(%rax)
	mov	%r8, GPR(8)(%rax)
	mov	%r9, GPR(9)(%rax)
	mov	%r10, GPR(10)(%rax)
	mov	%r11, GPR(11)(%rax)
	mov	%r12, GPR(12)(%rax)
	mov	%r13, GPR(13)(%rax)
	mov	%r14, GPR(14)(%rax)
	mov	%r15, GPR(15)(%rax)

	pop	%rax
	vmload	%rax
	add	$8, %rsp
	pop	%rcx
	pop	%rax

	/*
	 * The guest has trained the predictors. Its return addresses are
	 * overwritten before the first RET of the host, and the host's own
	 * SPEC_CTRL is back before the first indirect branch.
	 */
	FILL_RETURN_BUFFER %rdx, RSB_CLEAR_LOOPS, X86_FEATURE_RSB_VMEXIT
	cmp	%rcx, %rax
	je	2f
	mov	%rax, %rdx
	shr	$32, %rdx
	mov	$MSR_IA32_SPEC_CTRL, %ecx
	wrmsr
2:
	UNTRAIN_RET_VM

	/*
	 * No register but those below carries a guest's value into host code,
	 * where speculation could use it as an address.
	 */
	xor	%ecx, %ecx
	xor	%edx, %edx
	xor	%esi, %esi
	xor	%edi, %edi
	xor	%r8d, %r8d
	xor	%r9d, %r9d
	xor	%r10d, %r10d
	xor	%r11d, %r11d

	cli
	stgi

	pop	%rbx
	pop	%r12
	pop	%r13
	pop	%r14
	pop	%r15
	pop	%rbp
	RET
SYM_FUNC_END(svm_vmrun)
