/* SPDX-License-Identifier: GPL-2.0 */
/* The shim's image, SHIM_IMAGE as make names it, inside vmmd. */
	.section .rodata
	.balign	8
	.global	shim_image, shim_image_end
shim_image:
	.incbin	SHIM_IMAGE
shim_image_end:
	.section .note.GNU-stack, "", @progbits
