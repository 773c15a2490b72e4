/* SPDX-License-Identifier: GPL-2.0 */
/* The first instructions of a Xen PV kernel in C, and what it says of itself. */
#include <xen/elfnote.h>

#define VIRT_BASE 0xffffffff80000000

	.text
	.global start
start:
	mov	%rsi, %rdi
	and	$-16, %rsp
	call	kernel

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

	.section .note.GNU-stack, "", @progbits
