/* SPDX-License-Identifier: GPL-2.0 */
/* What a PV kernel asks of the domain builder. Inside boot/ only. */
#ifndef VMMD_BOOT_PV_ELF_H
#define VMMD_BOOT_PV_ELF_H

#include "boot/elf_image.h"
#include "types.h"

/* Far above all RAM there is, low enough that sums of such sizes cannot wrap. */
#define PV_SIZE_MAX (1ULL << 46)

/**
 * struct pv_segment - a piece of the kernel
 * @offset: in the file, inside of it with all of @filled
 * @filled: bytes that come from the file, @size at most
 * @addr: pseudo-physical address
 * @size: bytes in memory
 */
struct pv_segment {
	u64 offset;
	u64 filled;
	u64 addr;
	u64 size;
};

/**
 * struct pv_elf - a PV kernel
 * @map: the file
 * @segment: what to load
 * @nr_segments: entries in use
 * @end: first pseudo-physical address behind all segments, below PV_SIZE_MAX
 * @virt_base: virtual address of pseudo-physical address 0, page-aligned
 * @entry: virtual address of the entry point, inside the kernel
 * @has_hypercall_page: the kernel has set a page aside for entry code
 * @hypercall_page: its virtual address, page-aligned, inside the kernel
 * @keeps_lstar: the kernel does not write SYSCALL's MSRs, which Xen would ignore
 * @has_init_p2m: the kernel wants its P2M away from all else
 * @init_p2m: virtual address for it, page-aligned
 * @mod_start_pfn: the kernel finds a ramdisk by PFN
 */
struct pv_elf {
	const u8 *map;
	struct pv_segment segment[ELF_PHDRS_MAX];
	u32 nr_segments;
	u64 end;
	u64 virt_base;
	u64 entry;
	bool has_hypercall_page;
	u64 hypercall_page;
	bool keeps_lstar;
	bool has_init_p2m;
	u64 init_p2m;
	bool mod_start_pfn;
};

/**
 * pv_elf_read() - read and check a kernel's headers and notes
 * @kernel: filled in on success
 * @path: for messages; NULL for none
 * @map: the file
 * @len: its bytes
 *
 * Return: 0 or -ENOEXEC (logged).
 */
int pv_elf_read(struct pv_elf *kernel, const char *path, const u8 *map, u64 len);

#endif /* VMMD_BOOT_PV_ELF_H */
