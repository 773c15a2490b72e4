/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The smallest guest: an ELF kernel with a PVH entry point that halts, with
 * interrupts off, for good. It costs a page of memory and no time.
 */
#include <xen/elfnote.h>

	.section .note.Xen, "a", @note
	.balign	4
	.long	4			/* bytes of the name */
	.long	4			/* and of the entry point */
	.long	XEN_ELFNOTE_PHYS32_ENTRY
	.asciz	"Xen"
	.long	start

	.text
	.code32
	.globl	start
start:
	cli
	hlt
	jmp	start

	.section .note.GNU-stack, "", @progbits
