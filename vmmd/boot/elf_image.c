// SPDX-License-Identifier: GPL-2.0
/* Reading ELF kernels. See elf_image.h. */
#include <errno.h>
#include <string.h>

#include "boot/elf_image.h"

#define XEN_NOTE_NAME	 "Xen"
#define XEN_NOTE_SECTION ".note.Xen"
/* Far more than a kernel has, few enough to look at all of them. */
#define SHDRS_MAX 1024

static int elf_bad(const char **why, const char *what)
{
	*why = what;
	return -ENOEXEC;
}

/* The table of sections is not needed to run a kernel: without it there are none. */
static void elf_find_sections(struct elf_image *img, const Elf64_Ehdr *eh)
{
	if (!img->is64 || eh->e_shnum > SHDRS_MAX ||
	    !range_fits(eh->e_shoff, eh->e_shnum * sizeof(Elf64_Shdr), img->len))
		return;
	img->shoff = eh->e_shoff;
	img->shnum = eh->e_shnum;
	img->shstrndx = eh->e_shstrndx;
}

int elf_image_open(struct elf_image *img, const u8 *map, u64 len, const char **why)
{
	Elf64_Ehdr eh64;
	Elf32_Ehdr eh32;
	u64 phsize;

	*img = (struct elf_image){.map = map, .len = len};
	if (len < sizeof(eh64))
		return elf_bad(why, "ELF file is cut short");
	memcpy(&eh64, map, sizeof(eh64));
	memcpy(&eh32, map, sizeof(eh32));
	if (memcmp(eh64.e_ident, ELFMAG, SELFMAG) || eh64.e_ident[EI_DATA] != ELFDATA2LSB)
		return elf_bad(why, "not a little-endian ELF file");
	img->is64 = eh64.e_ident[EI_CLASS] == ELFCLASS64;
	if (eh64.e_machine != EM_X86_64 && eh64.e_machine != EM_386)
		return elf_bad(why, "not a kernel for x86");

	img->entry = img->is64 ? eh64.e_entry : eh32.e_entry;
	img->phoff = img->is64 ? eh64.e_phoff : eh32.e_phoff;
	img->phnum = img->is64 ? eh64.e_phnum : eh32.e_phnum;
	phsize = img->is64 ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr);
	if (img->phnum > ELF_PHDRS_MAX || !range_fits(img->phoff, img->phnum * phsize, len))
		return elf_bad(why, "bad ELF program headers");
	elf_find_sections(img, &eh64);
	return 0;
}

Elf64_Phdr elf_image_phdr(const struct elf_image *img, u32 i)
{
	Elf64_Phdr ph64;
	Elf32_Phdr ph32;

	if (img->is64) {
		memcpy(&ph64, img->map + img->phoff + i * sizeof(ph64), sizeof(ph64));
		return ph64;
	}
	memcpy(&ph32, img->map + img->phoff + i * sizeof(ph32), sizeof(ph32));
	return (Elf64_Phdr){
		.p_type = ph32.p_type,
		.p_offset = ph32.p_offset,
		.p_paddr = ph32.p_paddr,
		.p_filesz = ph32.p_filesz,
		.p_memsz = ph32.p_memsz,
	};
}

static Elf64_Shdr elf_shdr(const struct elf_image *img, u32 i)
{
	Elf64_Shdr sh;

	memcpy(&sh, img->map + img->shoff + i * sizeof(sh), sizeof(sh));
	return sh;
}

/**
 * struct elf_walk - a walk through notes
 * @img: the image
 * @any_owner: all notes are Xen's, whatever their name
 * @fn: called for each of Xen's
 * @opaque: its argument
 * @found: so many were there
 */
struct elf_walk {
	const struct elf_image *img;
	bool any_owner;
	elf_note_fn fn;
	void *opaque;
	u32 found;
};

/* What follows a note that does not fit into its place is no note. */
static int elf_walk_notes(struct elf_walk *walk, u64 offset, u64 left)
{
	u64 name_len, desc_len;
	const u8 *p;
	Elf64_Nhdr note;

	if (!range_fits(offset, left, walk->img->len))
		return -ENOEXEC;
	p = walk->img->map + offset;
	while (left >= sizeof(note)) {
		memcpy(&note, p, sizeof(note));
		p += sizeof(note);
		left -= sizeof(note);
		name_len = ALIGN_UP((u64)note.n_namesz, 4);
		desc_len = ALIGN_UP((u64)note.n_descsz, 4);
		if (name_len > left || desc_len > left - name_len)
			break;
		if (walk->any_owner || (note.n_namesz == sizeof(XEN_NOTE_NAME) &&
					!memcmp(p, XEN_NOTE_NAME, sizeof(XEN_NOTE_NAME)))) {
			walk->fn(walk->opaque, note.n_type, p + name_len, note.n_descsz);
			walk->found++;
		}
		p += name_len + desc_len;
		left -= name_len + desc_len;
	}
	return 0;
}

/* GNU Mach 1.8 names the owner of its notes "name"; their section says whose they are. */
static int elf_walk_named(struct elf_walk *walk)
{
	const u8 *data;
	u64 len;

	if (!elf_image_section(walk->img, XEN_NOTE_SECTION, &data, &len))
		return 0;
	walk->any_owner = true;
	return elf_walk_notes(walk, (u64)(data - walk->img->map), len);
}

int elf_image_notes(const struct elf_image *img, elf_note_fn fn, void *opaque, const char **why)
{
	struct elf_walk walk = {.img = img, .fn = fn, .opaque = opaque};
	Elf64_Phdr ph;
	Elf64_Shdr sh;
	int ret = 0;
	u32 i;

	for (i = 0; i < img->phnum && !ret; i++) {
		ph = elf_image_phdr(img, i);
		if (ph.p_type == PT_NOTE)
			ret = elf_walk_notes(&walk, ph.p_offset, ph.p_filesz);
	}
	if (!walk.found) {
		for (i = 0; i < img->shnum && !ret; i++) {
			sh = elf_shdr(img, i);
			if (sh.sh_type == SHT_NOTE)
				ret = elf_walk_notes(&walk, sh.sh_offset, sh.sh_size);
		}
	}
	if (!walk.found && !ret)
		ret = elf_walk_named(&walk);
	return ret ? elf_bad(why, "ELF notes reach beyond the file") : 0;
}

bool elf_image_section(const struct elf_image *img, const char *name, const u8 **data, u64 *len)
{
	u64 name_len = strlen(name) + 1;
	Elf64_Shdr names, sh;
	u32 i;

	if (img->shstrndx >= img->shnum)
		return false;
	names = elf_shdr(img, img->shstrndx);
	if (!range_fits(names.sh_offset, names.sh_size, img->len))
		return false;
	for (i = 0; i < img->shnum; i++) {
		sh = elf_shdr(img, i);
		if (!range_fits(sh.sh_name, name_len, names.sh_size) ||
		    memcmp(img->map + names.sh_offset + sh.sh_name, name, name_len) ||
		    sh.sh_type == SHT_NOBITS || !range_fits(sh.sh_offset, sh.sh_size, img->len))
			continue;
		*data = img->map + sh.sh_offset;
		*len = sh.sh_size;
		return true;
	}
	return false;
}
