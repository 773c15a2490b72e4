// SPDX-License-Identifier: GPL-2.0
/* See image.h. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xen/elfnote.h>

#include "image.h"

struct image image_bare(void)
{
	struct image img = {
		.eh =
			{
				.e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64,
					    ELFDATA2LSB},
				.e_type = ET_EXEC,
				.e_machine = EM_X86_64,
				.e_phoff = offsetof(struct image, ph),
				.e_phnum = 3,
				.e_phentsize = sizeof(Elf64_Phdr),
			},
		.ph[0] =
			{
				.p_type = PT_LOAD,
				.p_offset = offsetof(struct image, code),
				.p_paddr = IMAGE_CODE,
				.p_filesz = IMAGE_CODE_BYTES,
				.p_memsz = IMAGE_CODE_SIZE,
			},
		.ph[1] =
			{
				.p_type = PT_LOAD,
				.p_offset = offsetof(struct image, data),
				.p_paddr = IMAGE_DATA,
				.p_filesz = IMAGE_DATA_BYTES,
				.p_memsz = 0x1800,
			},
		.ph[2] =
			{
				.p_type = PT_NOTE,
				.p_offset = offsetof(struct image, notes),
			},
	};
	u32 i;

	for (i = 0; i < IMAGE_CODE_BYTES; i++)
		img.code[i] = (u8)(i * 7 + i / 256 + 1);
	for (i = 0; i < IMAGE_DATA_BYTES; i++)
		img.data[i] = (u8)(i + 100);
	return img;
}

struct image image_kernel(u64 virt_base)
{
	struct image img = image_bare();

	image_note_text(&img, XEN_ELFNOTE_GUEST_OS, "test");
	image_note_text(&img, XEN_ELFNOTE_XEN_VERSION, "xen-3.0");
	image_note_u64(&img, XEN_ELFNOTE_VIRT_BASE, virt_base);
	image_note_u64(&img, XEN_ELFNOTE_ENTRY, virt_base + IMAGE_CODE + 0x100);
	image_note_u64(&img, XEN_ELFNOTE_HYPERCALL_PAGE, virt_base + IMAGE_HYPERCALLS);
	image_note_text(&img, XEN_ELFNOTE_LOADER, "generic");
	return img;
}

void image_note(struct image *img, u32 type, const void *desc, u32 len)
{
	Elf64_Nhdr note = {.n_namesz = 4, .n_descsz = len, .n_type = type};
	u8 *p = img->notes + img->ph[2].p_filesz;
	u64 total = sizeof(note) + 4 + ALIGN_UP((u64)len, 4);

	if (!range_fits(img->ph[2].p_filesz, total, sizeof(img->notes)))
		abort();
	memcpy(p, &note, sizeof(note));
	memcpy(p + sizeof(note), "Xen", 4);
	memcpy(p + sizeof(note) + 4, desc, len);
	img->ph[2].p_filesz += total;
}

void image_note_u64(struct image *img, u32 type, u64 value)
{
	image_note(img, type, &value, sizeof(value));
}

void image_note_text(struct image *img, u32 type, const char *text)
{
	image_note(img, type, text, (u32)strlen(text) + 1);
}

void image_use_section(struct image *img, const char *name, u32 type)
{
	img->eh.e_shoff = offsetof(struct image, sh);
	img->eh.e_shnum = 3;
	img->eh.e_shstrndx = 2;
	img->eh.e_shentsize = sizeof(Elf64_Shdr);
	img->sh[1] = (Elf64_Shdr){
		.sh_name = IMAGE_SECTION_NAME,
		.sh_type = type,
		.sh_offset = img->ph[2].p_offset,
		.sh_size = img->ph[2].p_filesz,
	};
	img->sh[2] = (Elf64_Shdr){
		.sh_type = SHT_STRTAB,
		.sh_offset = offsetof(struct image, names),
		.sh_size = sizeof(img->names),
	};
	snprintf(img->names + IMAGE_SECTION_NAME, IMAGE_SECTION_NAME, "%s", name);
	img->ph[2].p_type = PT_NULL;
}

struct image image_legacy(const char *text)
{
	struct image img = image_bare();

	img.ph[2].p_filesz = strlen(text) + 1;
	memcpy(img.notes, text, img.ph[2].p_filesz);
	image_use_section(&img, "__xen_guest", SHT_PROGBITS);
	return img;
}
