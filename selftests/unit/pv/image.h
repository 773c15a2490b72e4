/* SPDX-License-Identifier: GPL-2.0 */
/* A PV kernel made in memory: two segments, and notes as each test likes. */
#ifndef UNIT_PV_IMAGE_H
#define UNIT_PV_IMAGE_H

#include <elf.h>

#include "types.h"

#define IMAGE_NOTES_MAX	   1024
#define IMAGE_CODE_BYTES   9000
#define IMAGE_DATA_BYTES   100
#define IMAGE_CODE	   0x200000ULL /* pseudo-physical */
#define IMAGE_CODE_SIZE	   0x6000ULL   /* in memory */
#define IMAGE_DATA	   0x206123ULL
#define IMAGE_END	   0x208000ULL /* of the kernel, to a page */
#define IMAGE_HYPERCALLS   (IMAGE_CODE + 0x1000)
#define IMAGE_SECTION_NAME 16

/**
 * struct image - the file; its fields may be changed at will
 * @eh: ELF header
 * @ph: code, data, notes
 * @sh: none, notes, names of sections; not in use without image_use_sections()
 * @names: of sections
 * @notes: ELF notes, or the old string
 * @code: first segment, not to a page's end
 * @data: second segment, amid a page
 */
struct image {
	Elf64_Ehdr eh;
	Elf64_Phdr ph[3];
	Elf64_Shdr sh[3];
	char names[2 * IMAGE_SECTION_NAME];
	u8 notes[IMAGE_NOTES_MAX];
	u8 code[IMAGE_CODE_BYTES];
	u8 data[IMAGE_DATA_BYTES];
};

/* A kernel without notes. */
struct image image_bare(void);

/* A kernel for @virt_base with what all need: ENTRY, VIRT_BASE, HYPERCALL_PAGE. */
struct image image_kernel(u64 virt_base);

/* Add a note. */
void image_note(struct image *img, u32 type, const void *desc, u32 len);
void image_note_u64(struct image *img, u32 type, u64 value);
void image_note_text(struct image *img, u32 type, const char *text);

/* Move the notes from a segment to a section of this name and type. */
void image_use_section(struct image *img, const char *name, u32 type);

/* A 64-bit kernel with the old string instead of notes. */
struct image image_legacy(const char *text);

#endif /* UNIT_PV_IMAGE_H */
