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

/* The beginning of struct vmx_vcpu, which vmx_vcpu_create() compares. */
#define VMX_HOST_RSP	0
#define VMX_GUEST_SPEC	8
#define VMX_HOST_SPEC	16
#define VMX_LAUNCHED	24

/* enum vmcs_field, which is C */
#define FIELD_HOST_RSP	0x6c14

/* SPEC_CTRL, when that of host and guest differ. */
.macro SWITCH_SPEC_CTRL from:req to:req
	ALTERNATIVE "jmp .Lsame_\@", "", X86_FEATURE_MSR_SPEC_CTRL
	mov	\to(%rsi), %rax
	cmp	\from(%rsi), %rax
	je	.Lguessed_\@
	mov	%rax, %rdx
	shr	$32, %rdx
	mov	$MSR_IA32_SPEC_CTRL, %ecx
	wrmsr
.Lguessed_\@:
	/* A CPU that guesses wrong about the jump must not get further. */
	lfence
.Lsame_\@:
.endm

	.section .rodata
	.balign	2
/* The operand of VERW: any valid writable selector clears the buffers. */
SYM_DATA_LOCAL(verw_selector, .word __KERNEL_DS)

	.text

/**
 * vmx_vmenter - run the guest until its next exit
 * @vcpu (%rdi): general registers are loaded from and stored to its start,
 *		 but for RSP, which is in the VMCS
 * @vmx (%rsi): the fields above
 *
 * Called and returns with IF=0: physical interrupts and NMIs exit whatever the
 * guest's IF, and the interrupt stays pending until the host opens IF.
 *
 * Returns false after an exit, true when the instruction failed.
 */
SYM_FUNC_START(vmx_vmenter)
	push	%rbp
	push	%r15
	push	%r14
	push	%r13
	push	%r12
	push	%rbx
	push	%rsi			/* 0x08(%rsp) struct vmx_vcpu */
	push	%rdi			/* 0x00(%rsp) struct hv_vcpu */

	/* The stack is as deep as at the last entry, nearly always. */
	cmp	%rsp, VMX_HOST_RSP(%rsi)
	je	1f
	mov	%rsp, VMX_HOST_RSP(%rsi)
	mov	$FIELD_HOST_RSP, %eax
	vmwrite	%rsp, %rax
1:
	SWITCH_SPEC_CTRL VMX_HOST_SPEC VMX_GUEST_SPEC

	/* CF tells which instruction. Nothing up to there changes it. */
	cmpb	$1, VMX_LAUNCHED(%rsi)

	mov	GPR(0)(%rdi), %rax
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

	/* Changes ZF only. */
	ALTERNATIVE "", "verw verw_selector(%rip)", HV_FEATURE_CLEAR_CPU_BUF_VM

	jc	2f
	vmresume
	jmp	3f
2:
	vmlaunch
3:
	/* Here only after a failure, which has set CF or ZF. */
	jbe	.Lfailed

	/*
	 * HOST_RIP. The stack is where it was, the general registers are the
	 * guest's.
	 */
SYM_INNER_LABEL(vmx_vmexit, SYM_L_GLOBAL)
	ENDBR
	push	%rax
	mov	8(%rsp), %rax
	pop	GPR(0)(%rax)
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
	xor	%ebx, %ebx

.Lback:
	add	$8, %rsp
	pop	%rsi

	/*
	 * The guest has trained the predictors. Its return addresses are
	 * overwritten before the first RET of the host, and the host's own
	 * SPEC_CTRL is back before the first indirect branch.
	 */
	FILL_RETURN_BUFFER %rdx, RSB_CLEAR_LOOPS, X86_FEATURE_RSB_VMEXIT, \
			   X86_FEATURE_RSB_VMEXIT_LITE
	SWITCH_SPEC_CTRL VMX_GUEST_SPEC VMX_HOST_SPEC
	HV_CLEAR_BRANCH_HISTORY

	/*
	 * No register carries a guest's value into host code, where
	 * speculation could use it as an address: those below are cleared, the
	 * others loaded.
	 */
	mov	%ebx, %eax
	xor	%ecx, %ecx
	xor	%edx, %edx
	xor	%edi, %edi
	xor	%r8d, %r8d
	xor	%r9d, %r9d
	xor	%r10d, %r10d
	xor	%r11d, %r11d

	pop	%rbx
	pop	%r12
	pop	%r13
	pop	%r14
	pop	%r15
	pop	%rbp
	RET

.Lfailed:
	mov	$1, %ebx
	jmp	.Lback
SYM_FUNC_END(vmx_vmenter)
