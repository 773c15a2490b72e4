/* SPDX-License-Identifier: GPL-2.0 */
/*
 * An ELF kernel in memory: headers, and the notes by which it speaks to Xen
 * (xen/elfnote.h). The bytes are a file's, as broken as they may be, and may
 * change while they are read: what is returned is a copy.
 */
#ifndef VMMD_BOOT_ELF_IMAGE_H
#define VMMD_BOOT_ELF_IMAGE_H

#include <elf.h>

#include "types.h"

#define ELF_PHDRS_MAX 64

/**
 * struct elf_image - an ELF file for x86
 * @map: the file
 * @len: its bytes
 * @is64: ELFCLASS64
 * @entry: e_entry
 * @phoff: where the program headers are, inside the file
 * @phnum: how many, ELF_PHDRS_MAX at most
 * @shoff: where the section headers are, inside the file
 * @shnum: how many; 0 for 32-bit files and where the table is broken
 * @shstrndx: section with the names of sections, unchecked
 */
struct elf_image {
	const u8 *map;
	u64 len;
	bool is64;
	u64 entry;
	u64 phoff;
	u32 phnum;
	u64 shoff;
	u32 shnum;
	u32 shstrndx;
};

/**
 * elf_image_open() - check a file's headers
 * @img: filled in on success
 * @map: the file
 * @len: its bytes
 * @why: what is wrong with it
 *
 * Return: 0, or -ENOEXEC with a reason in @why.
 */
int elf_image_open(struct elf_image *img, const u8 *map, u64 len, const char **why);

/**
 * elf_image_phdr() - one program header of either class in the form of the larger
 * @img: an open image
 * @i: less than @img->phnum
 */
Elf64_Phdr elf_image_phdr(const struct elf_image *img, u32 i);

/**
 * typedef elf_note_fn - a note of Xen's
 * @opaque: given to elf_image_notes()
 * @type: XEN_ELFNOTE_*, or one that xen/elfnote.h does not know
 * @desc: the content, inside the file
 * @len: its bytes
 */
typedef void (*elf_note_fn)(void *opaque, u32 type, const u8 *desc, u32 len);

/**
 * elf_image_notes() - go through the notes whose name is "Xen"
 * @img: an open image
 * @fn: called for each
 * @opaque: its argument
 * @why: what is wrong
 *
 * Notes should be in a segment; where none of Xen's is in one, those in
 * sections are taken, and at last all of the section ".note.Xen", which is how
 * GNU Mach carries them.
 * Return: 0, or -ENOEXEC with a reason in @why.
 */
int elf_image_notes(const struct elf_image *img, elf_note_fn fn, void *opaque, const char **why);

/**
 * elf_image_section() - find a section by its name
 * @img: an open image
 * @name: e.g. "__xen_guest"
 * @data: out: its content, inside the file
 * @len: out: its bytes
 *
 * Return: whether it was found.
 */
bool elf_image_section(const struct elf_image *img, const char *name, const u8 **data, u64 *len);

#endif /* VMMD_BOOT_ELF_IMAGE_H */
