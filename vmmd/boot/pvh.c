// SPDX-License-Identifier: GPL-2.0
/*
 * The x86/HVM direct boot ABI, "PVH" (xen/arch-x86/hvm/start_info.h): an ELF
 * image whose note says where to enter it in 32-bit mode. Linux carries such
 * an image inside its bzImage as well.
 */
#include <elf.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <xen/xen.h>
#include <xen/arch-x86/hvm/start_info.h>
#include <xen/elfnote.h>

#include "boot/boot.h"
#include "boot/cpu.h"
#include "vm.h"

#define XEN_NOTE_NAME "Xen"
/* What Linux takes on x86; other kernels do not say. */
#define PVH_CMDLINE_MAX 2047
#define PHDRS_MAX	64

/**
 * struct pvh_image - an ELF image being loaded
 * @vm: where to, or NULL
 * @path: for messages
 * @map: the file
 * @len: its bytes
 * @is64: ELFCLASS64
 * @entry: of the PHYS32_ENTRY note
 * @has_entry: the note was found
 * @end: first address behind all segments
 */
struct pvh_image {
	struct vm *vm;
	const char *path;
	const u8 *map;
	u64 len;
	bool is64;
	u32 entry;
	bool has_entry;
	u64 end;
};

/* Where the tables of BOOT_START_INFO's page lie. */
struct pvh_page {
	struct hvm_start_info info;
	struct hvm_modlist_entry module;
	struct hvm_memmap_table_entry memmap[BOOT_RANGES];
};

/* An image that is only looked at, to see whether it would do, has no VM. */
static int pvh_bad(const struct pvh_image *img, const char *what)
{
	if (img->vm)
		log_err("%s: %s", img->path, what);
	return -ENOEXEC;
}

static int pvh_load_segment(struct pvh_image *img, const Elf64_Phdr *ph)
{
	u8 *dst;

	if (!ph->p_memsz)
		return 0;
	if (ph->p_filesz > ph->p_memsz || !range_fits(ph->p_offset, ph->p_filesz, img->len))
		return pvh_bad(img, "ELF segment reaches beyond the file");
	dst = mem_range(&img->vm->mem, ph->p_paddr, ph->p_memsz);
	if (!dst || ph->p_paddr < BOOT_HIGH) {
		log_err("%s: segment of %llu MiB at %#llx is not in RAM: raise memory=", img->path,
			(unsigned long long)(ph->p_memsz / MIB), (unsigned long long)ph->p_paddr);
		return -ENOMEM;
	}
	/* The rest of the segment is zero already, as all RAM. */
	memcpy(dst, img->map + ph->p_offset, ph->p_filesz);
	if (ph->p_paddr + ph->p_memsz > img->end)
		img->end = ph->p_paddr + ph->p_memsz;
	return 0;
}

/* Look for PHYS32_ENTRY among the notes of one segment. */
static int pvh_read_notes(struct pvh_image *img, const Elf64_Phdr *ph)
{
	u64 left, name_len, desc_len;
	const u8 *p;
	Elf64_Nhdr note;

	if (!range_fits(ph->p_offset, ph->p_filesz, img->len))
		return pvh_bad(img, "ELF notes reach beyond the file");
	p = img->map + ph->p_offset;
	left = ph->p_filesz;
	while (left >= sizeof(note)) {
		memcpy(&note, p, sizeof(note));
		p += sizeof(note);
		left -= sizeof(note);
		name_len = ALIGN_UP((u64)note.n_namesz, 4);
		desc_len = ALIGN_UP((u64)note.n_descsz, 4);
		if (name_len > left || desc_len > left - name_len)
			break;
		if (note.n_type == XEN_ELFNOTE_PHYS32_ENTRY &&
		    note.n_descsz >= sizeof(img->entry) && note.n_namesz == sizeof(XEN_NOTE_NAME) &&
		    !memcmp(p, XEN_NOTE_NAME, sizeof(XEN_NOTE_NAME))) {
			memcpy(&img->entry, p + name_len, sizeof(img->entry));
			img->has_entry = true;
		}
		p += name_len + desc_len;
		left -= name_len + desc_len;
	}
	return 0;
}

/* One program header of either class in the form of the larger. */
static Elf64_Phdr pvh_phdr(const struct pvh_image *img, const u8 *at)
{
	Elf64_Phdr ph64;
	Elf32_Phdr ph32;

	if (img->is64) {
		memcpy(&ph64, at, sizeof(ph64));
		return ph64;
	}
	memcpy(&ph32, at, sizeof(ph32));
	return (Elf64_Phdr){
		.p_type = ph32.p_type,
		.p_offset = ph32.p_offset,
		.p_paddr = ph32.p_paddr,
		.p_filesz = ph32.p_filesz,
		.p_memsz = ph32.p_memsz,
	};
}

static int pvh_read_image(struct pvh_image *img)
{
	u64 phoff, phsize;
	Elf64_Ehdr eh64;
	Elf32_Ehdr eh32;
	Elf64_Phdr ph;
	u16 i, phnum;
	int ret = 0;

	if (img->len < sizeof(eh64))
		return pvh_bad(img, "ELF file is cut short");
	memcpy(&eh64, img->map, sizeof(eh64));
	memcpy(&eh32, img->map, sizeof(eh32));
	if (memcmp(eh64.e_ident, ELFMAG, SELFMAG) || eh64.e_ident[EI_DATA] != ELFDATA2LSB)
		return pvh_bad(img, "not a little-endian ELF file");
	img->is64 = eh64.e_ident[EI_CLASS] == ELFCLASS64;
	if (eh64.e_machine != EM_X86_64 && eh64.e_machine != EM_386)
		return pvh_bad(img, "not a kernel for x86");

	phoff = img->is64 ? eh64.e_phoff : eh32.e_phoff;
	phnum = img->is64 ? eh64.e_phnum : eh32.e_phnum;
	phsize = img->is64 ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr);
	if (phnum > PHDRS_MAX || !range_fits(phoff, phnum * phsize, img->len))
		return pvh_bad(img, "bad ELF program headers");

	for (i = 0; i < phnum && !ret; i++) {
		ph = pvh_phdr(img, img->map + phoff + i * phsize);
		if (ph.p_type == PT_LOAD && img->vm)
			ret = pvh_load_segment(img, &ph);
		else if (ph.p_type == PT_NOTE)
			ret = pvh_read_notes(img, &ph);
	}
	if (!ret && !img->has_entry)
		return pvh_bad(img, "has no PVH entry point (CONFIG_PVH)");
	return ret;
}

static void pvh_write_info(struct vm *vm, u64 ramdisk, u64 rsdp)
{
	struct pvh_page *page = mem_range(&vm->mem, BOOT_START_INFO, sizeof(*page));
	struct boot_range map[BOOT_RANGES];
	u32 i, n = boot_memory_map(&vm->mem, map);

	for (i = 0; i < n; i++)
		page->memmap[i] = (struct hvm_memmap_table_entry){
			.addr = map[i].addr,
			.size = map[i].len,
			.type = map[i].type,
		};
	page->module = (struct hvm_modlist_entry){
		.paddr = ramdisk,
		.size = vm->files->ramdisk.size,
	};
	page->info = (struct hvm_start_info){
		.magic = XEN_HVM_START_MAGIC_VALUE,
		.version = 1,
		.nr_modules = ramdisk ? 1 : 0,
		.modlist_paddr = BOOT_START_INFO + offsetof(struct pvh_page, module),
		.cmdline_paddr = BOOT_CMDLINE,
		.rsdp_paddr = rsdp,
		.memmap_paddr = BOOT_START_INFO + offsetof(struct pvh_page, memmap),
		.memmap_entries = n,
	};
}

static int pvh_load(struct pvh_image *img, u64 rsdp)
{
	struct vm *vm = img->vm;
	u64 ramdisk;
	int ret;

	ret = pvh_read_image(img);
	if (!ret)
		ret = boot_load_ramdisk(vm, img->end, MEM_LOW_LIMIT, &ramdisk);
	if (!ret)
		ret = boot_write_cmdline(vm, PVH_CMDLINE_MAX);
	if (ret)
		return ret;
	pvh_write_info(vm, ramdisk, rsdp);
	return cpu_set_protected_mode(&vm->vcpu[0], img->entry, (u32)BOOT_START_INFO);
}

bool pvh_has_entry(const u8 *map, u64 len)
{
	struct pvh_image img = {.map = map, .len = len};

	return !pvh_read_image(&img);
}

static int pvh_load_file(struct vm *vm, const struct boot_image *file, u64 rsdp)
{
	struct pvh_image img = {.vm = vm, .path = file->path, .len = file->size};
	void *map;
	int ret;

	map = mmap(NULL, file->size, PROT_READ, MAP_PRIVATE, file->fd, 0);
	if (map == MAP_FAILED) {
		log_err("%s: %s", file->path, strerror(errno));
		return -EIO;
	}
	img.map = map;
	ret = pvh_load(&img, rsdp);
	munmap(map, img.len);
	return ret;
}

int pvh_load_elf(struct vm *vm, u64 rsdp)
{
	return pvh_load_file(vm, &vm->files->kernel, rsdp);
}

int pvh_load_unpacked(struct vm *vm, u64 rsdp)
{
	return pvh_load_file(vm, &vm->files->unpacked, rsdp);
}

int pvh_load_bzimage(struct vm *vm, u64 rsdp)
{
	const struct boot_image *kernel = &vm->files->kernel;
	struct pvh_image img = {.vm = vm, .path = kernel->path};
	const char *why;
	size_t len;
	u8 *elf;
	int ret;

	ret = bzimage_unpack(kernel, &elf, &len, &why);
	if (ret)
		return pvh_bad(&img, why);
	img.map = elf;
	img.len = len;
	ret = pvh_load(&img, rsdp);
	munmap(elf, len);
	return ret;
}
