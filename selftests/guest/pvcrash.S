/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A Xen PV kernel that makes a hypercall nobody knows, twice, and one with a list
 * that is not mapped, has no handlers and runs into an invalid opcode.
 */
#include <xen/elfnote.h>

#define UNKNOWN	   47
#define MMU_UPDATE 1 /* __HYPERVISOR_mmu_update, which is C in xen.h */
#define DOMID_SELF 0x7ff0
#define UNMAPPED   0x123456789000
#define VIRT_BASE  0xffffffff80000000

	.text
	.global start
start:
	mov	$UNKNOWN, %eax
	syscall
	mov	$UNKNOWN, %eax
	syscall
	/* One entry: the short way, which has to find its way back. */
	mov	$MMU_UPDATE, %eax
	mov	$UNMAPPED, %rdi
	mov	$1, %esi
	xor	%edx, %edx
	mov	$DOMID_SELF, %r10d
	syscall
	mov	%rax, %rbp
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
