/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A Xen PV kernel that makes a hypercall nobody knows, twice, has no handlers and
 * runs into an invalid opcode.
 */
#include <xen/elfnote.h>

#define UNKNOWN	  47
#define VIRT_BASE 0xffffffff80000000

	.text
	.global start
start:
	mov	$UNKNOWN, %eax
	syscall
	mov	$UNKNOWN, %eax
	syscall
	mov	$0x1122334455667788, %rbx
	mov	$0x99aabbccddeeff00, %r15
	movq	$0x5ca1ab1e, -8(%rsp)
	lea	-8(%rsp), %rsp
	ud2

	.macro note type value
	.balign	4
	.long	4, 8, \type
	.asciz	"Xen"
	.quad	\value
	.endm

	.section .note.Xen, "a", @note
	note	XEN_ELFNOTE_ENTRY, start
	note	XEN_ELFNOTE_VIRT_BASE, VIRT_BASE
	note	XEN_ELFNOTE_PADDR_OFFSET, VIRT_BASE
	.balign	4
	.long	4, 8, XEN_ELFNOTE_XEN_VERSION
	.asciz	"Xen"
	.asciz	"xen-3.0"
	.balign	4
	.long	4, 8, XEN_ELFNOTE_LOADER
	.asciz	"Xen"
	.asciz	"generic"
