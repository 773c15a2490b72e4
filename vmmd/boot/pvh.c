// SPDX-License-Identifier: GPL-2.0
/*
 * The x86/HVM direct boot ABI, "PVH" (xen/arch-x86/hvm/start_info.h): an ELF
 * image whose note says where to enter it in 32-bit mode. Linux carries such
 * an image inside its bzImage as well.
 */
#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <xen/xen.h>
#include <xen/arch-x86/hvm/start_info.h>
#include <xen/elfnote.h>

#include "boot/boot.h"
#include "boot/cpu.h"
#include "boot/elf_image.h"
#include "vm.h"

/* What Linux takes on x86; other kernels do not say. */
#define PVH_CMDLINE_MAX 2047

/**
 * struct pvh_image - an ELF image that can be entered by PVH
 * @elf: the file
 * @entry: of the PHYS32_ENTRY note
 * @has_entry: the note was found
 * @end: first address behind all segments, once they are loaded
 */
struct pvh_image {
	struct elf_image elf;
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

static void pvh_note(void *opaque, u32 type, const u8 *desc, u32 len)
{
	struct pvh_image *img = opaque;

	if (type == XEN_ELFNOTE_PHYS32_ENTRY && len >= sizeof(img->entry)) {
		memcpy(&img->entry, desc, sizeof(img->entry));
		img->has_entry = true;
	}
}

static int pvh_open(struct pvh_image *img, const u8 *map, u64 len, const char **why)
{
	int ret;

	*img = (struct pvh_image){0};
	ret = elf_image_open(&img->elf, map, len, why);
	if (!ret)
		ret = elf_image_notes(&img->elf, pvh_note, img, why);
	if (!ret && !img->has_entry) {
		*why = "has no PVH entry point (CONFIG_PVH)";
		ret = -ENOEXEC;
	}
	return ret;
}

bool pvh_has_entry(const u8 *map, u64 len)
{
	struct pvh_image img;
	const char *why;

	return !pvh_open(&img, map, len, &why);
}

static int pvh_load_segment(struct vm *vm, struct pvh_image *img, const Elf64_Phdr *ph)
{
	const char *path = vm->files->kernel.path;
	u8 *dst;

	if (!ph->p_memsz)
		return 0;
	if (ph->p_filesz > ph->p_memsz || !range_fits(ph->p_offset, ph->p_filesz, img->elf.len)) {
		log_err("%s: ELF segment reaches beyond the file", path);
		return -ENOEXEC;
	}
	dst = mem_range(&vm->mem, ph->p_paddr, ph->p_memsz);
	if (!dst || ph->p_paddr < BOOT_HIGH) {
		log_err("%s: segment of %llu MiB at %#llx is not in RAM: raise memory=", path,
			(unsigned long long)(ph->p_memsz / MIB), (unsigned long long)ph->p_paddr);
		return -ENOMEM;
	}
	/* The rest of the segment is zero already, as all RAM. */
	memcpy(dst, img->elf.map + ph->p_offset, ph->p_filesz);
	if (ph->p_paddr + ph->p_memsz > img->end)
		img->end = ph->p_paddr + ph->p_memsz;
	return 0;
}

static int pvh_load_segments(struct vm *vm, struct pvh_image *img)
{
	Elf64_Phdr ph;
	int ret = 0;
	u32 i;

	for (i = 0; i < img->elf.phnum && !ret; i++) {
		ph = elf_image_phdr(&img->elf, i);
		if (ph.p_type == PT_LOAD)
			ret = pvh_load_segment(vm, img, &ph);
	}
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

static int pvh_load_image(struct vm *vm, const u8 *map, u64 len, u64 rsdp)
{
	struct pvh_image img;
	const char *why;
	u64 ramdisk;
	int ret;

	ret = pvh_open(&img, map, len, &why);
	if (ret) {
		log_err("%s: %s", vm->files->kernel.path, why);
		return ret;
	}
	ret = pvh_load_segments(vm, &img);
	if (!ret)
		ret = boot_load_ramdisk(vm, img.end, MEM_LOW_LIMIT, &ramdisk);
	if (!ret)
		ret = boot_write_cmdline(vm, PVH_CMDLINE_MAX);
	if (ret)
		return ret;
	pvh_write_info(vm, ramdisk, rsdp);
	return cpu_set_protected_mode(&vm->vcpu[0], img.entry, (u32)BOOT_START_INFO);
}

int pvh_load(struct vm *vm, u64 rsdp)
{
	size_t len;
	u8 *map;
	int ret;

	ret = boot_map_elf(vm->files, &map, &len);
	if (ret)
		return ret;
	ret = pvh_load_image(vm, map, len, rsdp);
	munmap(map, len);
	return ret;
}
