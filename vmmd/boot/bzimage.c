// SPDX-License-Identifier: GPL-2.0
/*
 * Linux by its 64-bit boot protocol (Documentation/arch/x86/boot.rst): no
 * real-mode code runs; the kernel is entered at load address + 0x200 with
 * paging on and RSI at the zero page.
 */
#include <asm/bootparam.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "boot/boot.h"
#include "boot/cpu.h"
#include "vm.h"

#define SETUP_SECTOR 512ULL
#define BOOT_FLAG    0xaa55
/* 2.12 brought xloadflags, which says whether there is a 64-bit entry. */
#define PROTOCOL_MIN	 0x020c
#define ENTRY_64	 0x200
#define LOADER_UNDEFINED 0xff
#define HEADER_OFFSET	 offsetof(struct boot_params, hdr)

static int bzimage_read_header(const struct boot_image *kernel, struct setup_header *hdr)
{
	ssize_t len;

	len = pread(kernel->fd, hdr, sizeof(*hdr), HEADER_OFFSET);
	if (len != (ssize_t)sizeof(*hdr) || hdr->boot_flag != BOOT_FLAG) {
		log_err("%s: not a Linux bzImage", kernel->path);
		return -ENOEXEC;
	}
	if (hdr->version < PROTOCOL_MIN || !(hdr->xloadflags & XLF_KERNEL_64)) {
		log_err("%s: boot protocol %u.%02u without 64-bit entry; Linux 3.8 for x86-64 "
			"or later is needed",
			kernel->path, hdr->version >> 8, hdr->version & 0xff);
		return -ENOEXEC;
	}
	/* 0 stands for 4, for the sake of loaders older than the field. */
	if (!hdr->setup_sects)
		hdr->setup_sects = 4;
	return 0;
}

/* Where the kernel likes to be, or the lowest place it can move to. */
static int bzimage_place(struct vm *vm, const struct setup_header *hdr, u64 size, u64 *gpa)
{
	u64 room = vm->mem.region[0].len;
	u64 need = hdr->init_size > size ? hdr->init_size : size;

	*gpa = hdr->pref_address;
	if (*gpa >= BOOT_HIGH && range_fits(*gpa, need, room))
		return 0;
	if (hdr->relocatable_kernel && hdr->kernel_alignment &&
	    !(hdr->kernel_alignment & (hdr->kernel_alignment - 1))) {
		*gpa = ALIGN_UP(BOOT_HIGH, (u64)hdr->kernel_alignment);
		if (range_fits(*gpa, need, room))
			return 0;
	}
	log_err("%s: needs %llu MiB to unpack itself: raise memory=", vm->files->kernel.path,
		(unsigned long long)(ALIGN_UP(*gpa + need, MIB) / MIB));
	return -ENOMEM;
}

static void bzimage_e820(struct boot_params *zero, const struct guest_mem *mem)
{
	struct boot_range map[BOOT_RANGES];
	u32 i, n = boot_memory_map(mem, map);

	for (i = 0; i < n; i++)
		zero->e820_table[i] = (struct boot_e820_entry){
			.addr = map[i].addr,
			.size = map[i].len,
			.type = map[i].type,
		};
	zero->e820_entries = (u8)n;
}

int bzimage_load(struct vm *vm, u64 rsdp)
{
	const struct boot_image *kernel = &vm->files->kernel;
	u64 setup, size, gpa, end, ramdisk;
	struct setup_header hdr;
	struct boot_params *zero;
	int ret;

	ret = bzimage_read_header(kernel, &hdr);
	if (ret)
		return ret;
	setup = (hdr.setup_sects + 1) * SETUP_SECTOR;
	if (setup >= kernel->size) {
		log_err("%s: file is cut short", kernel->path);
		return -ENOEXEC;
	}
	size = kernel->size - setup;

	ret = bzimage_place(vm, &hdr, size, &gpa);
	if (ret)
		return ret;
	end = gpa + (hdr.init_size > size ? hdr.init_size : size);
	ret = boot_read(vm, kernel, setup, gpa, size);
	if (!ret)
		ret = boot_load_ramdisk(vm, end, (u64)hdr.initrd_addr_max + 1, &ramdisk);
	if (!ret)
		ret = boot_write_cmdline(vm, hdr.cmdline_size);
	if (ret)
		return ret;

	/* RAM is all zero, and inside region 0 by the layout of boot.h. */
	zero = mem_range(&vm->mem, BOOT_ZERO_PAGE, sizeof(*zero));
	zero->hdr = hdr;
	zero->hdr.type_of_loader = LOADER_UNDEFINED;
	zero->hdr.loadflags |= LOADED_HIGH;
	zero->hdr.code32_start = (u32)gpa;
	zero->hdr.cmd_line_ptr = (u32)BOOT_CMDLINE;
	zero->hdr.ramdisk_image = (u32)ramdisk;
	zero->hdr.ramdisk_size = ramdisk ? (u32)vm->files->ramdisk.size : 0;
	zero->acpi_rsdp_addr = rsdp;
	bzimage_e820(zero, &vm->mem);

	return cpu_set_long_mode(&vm->vcpu[0], gpa + ENTRY_64, BOOT_ZERO_PAGE, BOOT_GDT,
				 BOOT_PAGE_TABLES);
}

int bzimage_unpack(const struct boot_image *kernel, u8 **elf, size_t *len, const char **why)
{
	struct setup_header hdr;
	u64 payload;
	u8 *map;
	int ret;

	if (kernel->size < sizeof(struct boot_params)) {
		*why = "file is cut short";
		return -ENOEXEC;
	}
	map = mmap(NULL, kernel->size, PROT_READ, MAP_PRIVATE, kernel->fd, 0);
	if (map == MAP_FAILED) {
		*why = "cannot be mapped";
		return -errno;
	}
	memcpy(&hdr, map + HEADER_OFFSET, sizeof(hdr));
	payload = (hdr.setup_sects + 1) * SETUP_SECTOR + hdr.payload_offset;
	if (range_fits(payload, hdr.payload_length, kernel->size)) {
		ret = unpack(map + payload, hdr.payload_length, elf, len, why);
	} else {
		*why = "nothing is packed where the header points";
		ret = -ENOEXEC;
	}
	munmap(map, kernel->size);
	return ret;
}
