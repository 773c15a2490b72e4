/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Starts the lab's host in Bochs without a boot loader, a disk or any
 * decompression: kernel and ramdisk are in memory before the first instruction.
 *
 * Bochs can fill memory from a file ("optramimage"), but it hands out its
 * memory in blocks of 128 KiB, each where the next unused one of its own array
 * is, as the guest comes to touch them. So the file lands in that array in
 * order, and whoever touches guest memory in the right order finds the file
 * there. Nobody has touched much when the BIOS calls the ROM of the video
 * card, and this is that ROM:
 *
 *   - it touches block after block from 1 MiB on, until it sees the mark that
 *     the last block of the file's lead-in carries: the blocks before are
 *     those the BIOS used up;
 *   - it touches the rest of the file, from INFO on, in one go;
 *   - it enters the kernel at its PVH entry (the ABI in the public header
 *     <xen/interface/hvm/start_info.h>), with the BIOS's memory map.
 *
 * The mark is wiped: after a reset it is not found, the ROM knows that and
 * ends the emulator, as QEMU's -no-reboot does. A Bochs that hands out memory
 * in another way ends there, too.
 *
 * Given by --defsym: PVH_ENTRY, INITRD (physical addresses), INITRD_SIZE and
 * IMAGE_END (the physical address behind the file's last byte).
 *
 * With XEN_LOAD it is Xen that is in the kernel's place, without a PVH entry
 * but with one of the Multiboot specification, version 0.6.96: XEN_BYTES of it
 * are moved to that address and XEN_ZERO bytes behind them cleared, and what
 * follows are its modules, the kernel of domain 0 from MODULE on and INITRD,
 * with command lines a page each behind Xen's own.
 */

	.set	BLOCK, 0x20000
	/* The file's lead-in, in blocks; the mark is at the start of its last. */
	.set	LEAD_IN, 32
	.set	MARK, 0x4c414231
	.set	INFO, 0x1000000 - BLOCK
	.set	CMDLINE, INFO + 0x1000
	.set	START_MAGIC, 0x336ec578

	.set	ROM, 0xc0000
	.set	MAP_ENTRY, 24
	/* Multiboot wants the size of an entry in front of it. */
	.ifdef	XEN_LOAD
	.set	MAP, 0x8004
	.else
	.set	MAP, 0x8000
	.endif

	.section .rom, "ax"
	.code16
rom:
	/* What the BIOS looks for: signature, length in 512 bytes, entry. */
	.byte	0x55, 0xaa, 1
	cli
	cld
	xorw	%ax, %ax
	movw	%ax, %ds
	movw	%ax, %es
	movw	%ax, %ss
	movw	$0x7c00, %sp

	/* The memory map: int 15h, function e820h; ESI counts. */
	movw	$MAP, %di
	xorl	%ebx, %ebx
	xorl	%esi, %esi
1:	movl	$0xe820, %eax
	movl	$0x534d4150, %edx
	movl	$20, %ecx
	int	$0x15
	jc	2f
	.ifdef	XEN_LOAD
	movl	$20, -4(%di)
	.else
	movl	$0, 20(%di)
	.endif
	addw	$MAP_ENTRY, %di
	incl	%esi
	testl	%ebx, %ebx
	jnz	1b
2:
	/* Address line 20 on. */
	inb	$0x92, %al
	orb	$2, %al
	outb	%al, $0x92

	lgdtl	%cs:(gdt_register - rom)
	movl	%cr0, %eax
	orb	$1, %al
	movl	%eax, %cr0
	ljmpl	$8, $(ROM + flat - rom)

	.code32
flat:
	movl	$16, %eax
	movl	%eax, %ds
	movl	%eax, %es
	movl	%eax, %ss

	movl	$0x100000, %edi
1:	cmpl	$MARK, (%edi)
	je	2f
	addl	$BLOCK, %edi
	cmpl	$(0x100000 + LEAD_IN * BLOCK), %edi
	jb	1b

	/* Bochs ends when this word comes to this port. */
	leal	(ROM + word - rom), %esi
	movl	$(word_end - word), %ecx
	movw	$0x8900, %dx
	rep outsb
	hlt

2:	movl	$0, (%edi)
	movl	$INFO, %edi
3:	movl	(%edi), %eax
	addl	$BLOCK, %edi
	cmpl	$IMAGE_END, %edi
	jb	3b

	movl	$INFO, %ebx
	.ifdef	XEN_LOAD
	imull	$MAP_ENTRY, %esi
	movl	%esi, multiboot_map_length - multiboot_info(%ebx)
	movl	$0x1000000, %esi
	movl	$XEN_LOAD, %edi
	movl	$XEN_BYTES, %ecx
	rep movsb
	xorl	%eax, %eax
	movl	$XEN_ZERO, %ecx
	rep stosb
	movl	$0x2badb002, %eax
	movl	$XEN_LOAD, %ecx
	jmp	*%ecx
	.else
	movl	%esi, start_info_map_entries - start_info(%ebx)
	movl	$PVH_ENTRY, %eax
	jmp	*%eax
	.endif

word:
	.ascii	"Shutdown"
word_end:
	.balign	8
gdt:
	.quad	0
	.quad	0x00cf9a000000ffff	/* flat code */
	.quad	0x00cf92000000ffff	/* flat data */
gdt_register:
	.word	gdt_register - gdt - 1
	.long	ROM + gdt - rom

	.ifdef	XEN_LOAD
	.section .info, "a"
multiboot_info:
	.long	0x4c			/* command line, modules, memory map */
	.long	0, 0, 0
	.long	CMDLINE
	.long	2, INFO + modules - multiboot_info
	.long	0, 0, 0, 0
multiboot_map_length:
	.long	0, MAP - 4
	.fill	9, 4, 0
modules:
	.long	MODULE, INITRD, CMDLINE + 0x1000, 0
	.long	INITRD, IMAGE_END, CMDLINE + 0x2000, 0
	.else

	/* struct hvm_start_info, then its one struct hvm_modlist_entry. */
	.section .info, "a"
start_info:
	.long	START_MAGIC, 1, 0, 1
	.quad	INFO + module - start_info, CMDLINE, 0, MAP
start_info_map_entries:
	.long	0, 0
module:
	.quad	INITRD, INITRD_SIZE, 0, 0
	.endif
