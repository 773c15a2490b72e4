/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Loading a guest: kernel, ramdisk and command line into RAM, and the boot
 * CPU to its first instruction. There is no firmware; what it would have left
 * in memory is written here.
 */
#ifndef VMMD_BOOT_H
#define VMMD_BOOT_H

#include "types.h"

struct guest_mem;
struct pygrub;
struct vm;

/*
 * The first MiB. Kernels keep their hands off the first 64 KiB until they
 * have copied what a boot loader left there.
 */
#define BOOT_GDT	   0x1000ULL
#define BOOT_PAGE_TABLES   0x2000ULL /* three pages */
#define BOOT_ZERO_PAGE	   0x6000ULL /* struct boot_params */
#define BOOT_START_INFO	   0x7000ULL /* struct hvm_start_info and its tables */
#define BOOT_CMDLINE	   0x8000ULL
#define BOOT_CMDLINE_BYTES 0x8000ULL
#define BOOT_EBDA	   0x9fc00ULL
#define BOOT_XEN_STORE	   0xde000ULL /* a PVH guest's ring of xenstore */
#define BOOT_XEN_CONSOLE   0xdf000ULL /* and that of its console */
#define BOOT_ACPI	   0xe0000ULL
#define BOOT_ACPI_BYTES	   0x20000ULL
#define BOOT_HIGH	   0x100000ULL /* images go here and above */

/**
 * struct boot_image - an open file
 * @fd: descriptor, -1 for none
 * @size: bytes
 * @path: for messages; the configuration's
 */
struct boot_image {
	int fd;
	u64 size;
	const char *path;
};

/**
 * typedef boot_load_fn - a loader: places the kernel, sets vCPU 0's registers
 *
 * Return: 0 or a negative errno (logged).
 */
typedef int (*boot_load_fn)(struct vm *vm, u64 rsdp);

/**
 * struct boot_files - what a guest is started, and started again, from
 * @pygrub: where kernel and ramdisk come from at each start; NULL when they are
 *	    files of the host, open all the time
 * @cmdline: for the kernel
 * @kernel: bzImage or ELF
 * @packed: @kernel is a bzImage
 * @unpacked: the ELF image that was packed in @kernel; fd is -1 without one
 * @ramdisk: fd is -1 without one
 * @load: the loader that understands @kernel; not for PV guests
 */
struct boot_files {
	struct pygrub *pygrub;
	char *cmdline;
	struct boot_image kernel;
	bool packed;
	struct boot_image unpacked;
	struct boot_image ramdisk;
	boot_load_fn load;
};

/* Values of struct boot_range.type, the same in e820 and hvm_memmap tables */
#define BOOT_RAM      1
#define BOOT_RESERVED 2

/** struct boot_range - a piece of the memory map told to the guest */
struct boot_range {
	u64 addr;
	u64 len;
	u32 type;
};

#define BOOT_RANGES 6

/**
 * boot_open() - open the files of the configuration and choose a loader
 * @vm: being created; vm->files is set
 *
 * Return: 0 or a negative errno (logged).
 */
int boot_open(struct vm *vm);

/** boot_close() - close the files; harmless when not open */
void boot_close(struct vm *vm);

/**
 * boot_prepare() - find the kernel for this start on the guest's own disk
 * @vm: created, without memory in use and without a VM in the kernel, because
 *	this forks
 *
 * Does nothing when the configuration names the kernel.
 * Context: inside the sandbox, vm->files is changed.
 * Return: 0 or a negative errno (logged).
 */
int boot_prepare(struct vm *vm);

/**
 * boot_load() - bring the guest to the brink of its first instruction
 * @vm: prepared, RAM all zero, vCPUs created, devices registered
 *
 * Return: 0 or a negative errno (logged).
 */
int boot_load(struct vm *vm);

/**
 * boot_memory_map() - what the guest is told of its memory
 * @mem: guest memory
 * @map: out: BOOT_RANGES entries at most
 *
 * Return: entries in use.
 */
u32 boot_memory_map(const struct guest_mem *mem, struct boot_range map[BOOT_RANGES]);

/**
 * boot_read() - read a piece of a file into guest memory, without a copy
 * @vm: the VM
 * @image: the file
 * @offset: first byte of the file
 * @gpa: destination
 * @len: bytes
 *
 * Return: 0 or a negative errno (logged).
 */
int boot_read(struct vm *vm, const struct boot_image *image, u64 offset, u64 gpa, u64 len);

/**
 * boot_map_elf() - the ELF image of a kernel in memory
 * @files: open
 * @map: out: the image, to be freed by munmap(); nothing writes to it
 * @len: out: its bytes
 *
 * A bzImage that could not be kept unpacked is unpacked by each call.
 * Return: 0 or a negative errno (logged).
 */
int boot_map_elf(const struct boot_files *files, u8 **map, size_t *len);

/**
 * boot_load_ramdisk() - place the ramdisk as high as it may go
 * @vm: the VM
 * @kernel_end: first address behind the kernel, all it unpacks included
 * @limit: first address the ramdisk must not reach
 * @gpa: out: where it is; 0 without one
 *
 * Return: 0 or a negative errno (logged).
 */
int boot_load_ramdisk(struct vm *vm, u64 kernel_end, u64 limit, u64 *gpa);

/**
 * boot_write_cmdline() - put the command line at BOOT_CMDLINE
 * @vm: the VM
 * @max: bytes the kernel takes without the NUL
 *
 * Return: 0 or a negative errno (logged).
 */
int boot_write_cmdline(struct vm *vm, u64 max);

/** bzimage_load() - a loader: Linux by the 64-bit boot protocol */
int bzimage_load(struct vm *vm, u64 rsdp);

/** pvh_load() - a loader: an ELF image with a PVH entry point, packed or not */
int pvh_load(struct vm *vm, u64 rsdp);

/** pvh_has_entry() - is this an ELF image that can be entered by PVH? */
bool pvh_has_entry(const u8 *map, u64 len);

/**
 * bzimage_unpack() - unpack the ELF image inside a bzImage
 * @kernel: the bzImage
 * @elf: the image, to be freed by munmap()
 * @len: its bytes
 * @why: what is wrong with it
 *
 * Return: 0, or a negative errno with a reason in @why.
 */
int bzimage_unpack(const struct boot_image *kernel, u8 **elf, size_t *len, const char **why);

/**
 * cache_unpacked() - find or make the unpacked form of a bzImage
 * @kernel: an open bzImage
 * @out: filled in on success
 *
 * Unpacking a kernel takes longer than most of what it does afterwards, so
 * the result is kept in a file below $XDG_CACHE_HOME/hvctl, or without that
 * variable below /var/cache/hvctl for root and ~/.cache/hvctl for others.
 * Context: start-up, before the sandbox.
 * Return: 0; -ENOEXEC when the kernel can be entered neither by PVH nor as a
 * PV guest, or not be unpacked; another negative errno when there is no place to keep files.
 */
int cache_unpacked(const struct boot_image *kernel, struct boot_image *out);

/**
 * unpack() - decompress a kernel's payload
 * @in: the payload with the four bytes of size that end it
 * @in_len: bytes
 * @out: the result, to be freed by munmap()
 * @out_len: its bytes
 * @why: what is wrong with it
 *
 * The format is told by the first bytes: gzip, xz, lzma, lz4 or zstd.
 * Return: 0, or a negative errno with a reason in @why.
 */
int unpack(const u8 *in, size_t in_len, u8 **out, size_t *out_len, const char **why);

#endif /* VMMD_BOOT_H */
