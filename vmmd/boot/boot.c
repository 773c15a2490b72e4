// SPDX-License-Identifier: GPL-2.0
/* What all loaders share. See boot.h. */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "acpi.h"
#include "boot/boot.h"
#include "boot/pv.h"
#include "boot/pygrub.h"
#include "vm.h"
#include "xen/boot.h"

/* Offset and value of a bzImage's magic (boot protocol, "header"). */
#define HDRS_OFFSET 0x202
#define HDRS_MAGIC  "HdrS"

static int boot_open_image(struct boot_image *image, const char *path)
{
	struct stat st;
	int ret = 0;

	image->path = path;
	image->fd = open(path, O_RDONLY | O_CLOEXEC);
	if (image->fd < 0 || fstat(image->fd, &st)) {
		ret = -errno;
		log_err("%s: %s", path, strerror(-ret));
		return ret;
	}
	image->size = (u64)st.st_size;
	if (!S_ISREG(st.st_mode)) {
		log_err("%s: not a file", path);
		ret = -EINVAL;
	} else if (!image->size) {
		log_err("%s: is empty", path);
		ret = -EINVAL;
	}
	return ret;
}

static int boot_map_file(const struct boot_image *file, u8 **map, size_t *len)
{
	*map = mmap(NULL, file->size, PROT_READ, MAP_PRIVATE, file->fd, 0);
	if (*map == MAP_FAILED) {
		log_err("%s: %s", file->path, strerror(errno));
		return -EIO;
	}
	*len = file->size;
	return 0;
}

int boot_map_elf(const struct boot_files *files, u8 **map, size_t *len)
{
	const char *why;
	int ret;

	if (files->kernel.fd < 0) {
		log_err("the kernel was not there when the guest was restored");
		return -ENOENT;
	}
	if (!files->packed)
		return boot_map_file(&files->kernel, map, len);
	if (files->unpacked.fd >= 0)
		return boot_map_file(&files->unpacked, map, len);
	ret = bzimage_unpack(&files->kernel, map, len, &why);
	if (ret)
		log_err("%s: %s", files->kernel.path, why);
	return ret;
}

static bool boot_can_pvh(const struct boot_files *files)
{
	size_t len;
	bool can;
	u8 *map;

	if (boot_map_elf(files, &map, &len))
		return false;
	can = pvh_has_entry(map, len);
	munmap(map, len);
	return can;
}

static int boot_check_pv(const struct boot_files *files)
{
	size_t len;
	u8 *map;
	int ret;

	ret = boot_map_elf(files, &map, &len);
	if (ret)
		return ret;
	ret = pv_check(files->kernel.path, map, len);
	munmap(map, len);
	return ret;
}

/*
 * Of the ways into a bzImage, PVH with an image unpacked before is the
 * shortest. Its price is the kernel's own address space randomisation, which
 * is part of its unpacker: type="hvm" keeps that.
 */
static boot_load_fn boot_choose_bzimage(struct boot_files *files, enum config_type type)
{
	bool kept;

	if (type == CONFIG_TYPE_HVM)
		return bzimage_load;
	kept = files->pygrub ? !pygrub_unpack(&files->kernel, &files->unpacked)
			     : !cache_unpacked(&files->kernel, &files->unpacked);
	if (type == CONFIG_TYPE_AUTO && (!kept || !boot_can_pvh(files)))
		return bzimage_load;
	return pvh_load;
}

/* Read the first bytes of the kernel and find who can load it. */
static int boot_choose_loader(struct boot_files *files, enum config_type type)
{
	u8 head[HDRS_OFFSET + sizeof(HDRS_MAGIC)] = {0};
	const char *path = files->kernel.path;

	if (pread(files->kernel.fd, head, sizeof(head), 0) < 0) {
		log_err("%s: %s", path, strerror(errno));
		return -EIO;
	}
	if (!memcmp(head, ELFMAG, SELFMAG)) {
		files->load = pvh_load;
	} else if (!memcmp(head + HDRS_OFFSET, HDRS_MAGIC, strlen(HDRS_MAGIC))) {
		files->packed = true;
		files->load = boot_choose_bzimage(files, type);
	} else {
		log_err("%s: neither a Linux bzImage nor an ELF kernel", path);
		return -ENOEXEC;
	}
	return type == CONFIG_TYPE_PV ? boot_check_pv(files) : 0;
}

static void boot_close_image(struct boot_image *image)
{
	if (image->fd >= 0)
		close(image->fd);
	*image = (struct boot_image){.fd = -1};
}

static void boot_close_images(struct boot_files *files)
{
	boot_close_image(&files->kernel);
	boot_close_image(&files->unpacked);
	boot_close_image(&files->ramdisk);
	files->packed = false;
}

static int boot_open_files(struct vm *vm, struct boot_files *files)
{
	const struct config *cfg = &vm->cfg;
	int ret;

	files->cmdline = strdup(cfg->cmdline);
	if (!files->cmdline)
		return -ENOMEM;
	if (cfg->grub.used)
		return pygrub_open(cfg, &files->pygrub);
	/* A guest that was saved has its kernel with it. */
	if (vm->restore && access(cfg->kernel, R_OK)) {
		log_warn("%s: %s: the guest cannot be restarted", cfg->kernel, strerror(errno));
		return 0;
	}
	ret = boot_open_image(&files->kernel, cfg->kernel);
	if (!ret && cfg->ramdisk)
		ret = boot_open_image(&files->ramdisk, cfg->ramdisk);
	if (!ret)
		ret = boot_choose_loader(files, cfg->type);
	return ret;
}

int boot_open(struct vm *vm)
{
	struct boot_files *files;
	int ret;

	if (!vm->cfg.kernel && !vm->cfg.grub.used) {
		log_err("no kernel=: booting from firmware is not there yet");
		return -EOPNOTSUPP;
	}
	files = calloc(1, sizeof(*files));
	if (!files)
		return -ENOMEM;
	files->kernel.fd = -1;
	files->unpacked.fd = -1;
	files->ramdisk.fd = -1;
	vm->files = files;

	ret = boot_open_files(vm, files);
	if (ret)
		boot_close(vm);
	return ret;
}

void boot_close(struct vm *vm)
{
	struct boot_files *files = vm->files;

	if (!files)
		return;
	boot_close_images(files);
	pygrub_close(files->pygrub);
	free(files->cmdline);
	free(files);
	vm->files = NULL;
}

int boot_prepare(struct vm *vm)
{
	struct boot_files *files = vm->files;
	char *cmdline;
	int ret;

	if (!files->pygrub || vm->restore)
		return 0;
	boot_close_images(files);
	ret = pygrub_read(files->pygrub, &files->kernel, &files->ramdisk, &cmdline);
	if (ret)
		return ret;
	free(files->cmdline);
	files->cmdline = cmdline;
	return boot_choose_loader(files, vm->cfg.type);
}

int boot_load(struct vm *vm)
{
	u64 rsdp;
	int ret;

	if (vm->cfg.type == CONFIG_TYPE_PV) {
		ret = xen_boot_load(vm);
	} else {
		ret = acpi_build(vm, BOOT_ACPI, BOOT_ACPI_BYTES, &rsdp);
		if (!ret)
			ret = vm->files->load(vm, rsdp);
		if (!ret && vm->xen)
			ret = xen_boot_load(vm);
	}
	/* They are in the guest's memory now, and read anew for its next start. */
	if (vm->files->pygrub)
		boot_close_images(vm->files);
	return ret;
}

u32 boot_memory_map(const struct guest_mem *mem, struct boot_range map[BOOT_RANGES])
{
	u32 n = 0;

	map[n++] = (struct boot_range){0, BOOT_EBDA, BOOT_RAM};
	map[n++] = (struct boot_range){BOOT_EBDA, BOOT_HIGH - BOOT_EBDA, BOOT_RESERVED};
	map[n++] = (struct boot_range){BOOT_HIGH, mem->region[0].len - BOOT_HIGH, BOOT_RAM};
	map[n++] = (struct boot_range){MEM_ECAM_BASE, MEM_ECAM_SIZE, BOOT_RESERVED};
	if (mem->nr > 1)
		map[n++] = (struct boot_range){mem->region[1].gpa, mem->region[1].len, BOOT_RAM};
	return n;
}

int boot_read(struct vm *vm, const struct boot_image *image, u64 offset, u64 gpa, u64 len)
{
	u8 *dst = mem_range(&vm->mem, gpa, len);
	ssize_t done;

	if (!dst || !range_fits(offset, len, image->size)) {
		log_err("%s: does not fit into memory at %#llx", image->path,
			(unsigned long long)gpa);
		return -ENOMEM;
	}
	while (len) {
		done = pread(image->fd, dst, len, (off_t)offset);
		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0) {
			log_err("%s: %s", image->path, done ? strerror(errno) : "file has shrunk");
			return -EIO;
		}
		dst += done;
		offset += (u64)done;
		len -= (u64)done;
	}
	return 0;
}

int boot_load_ramdisk(struct vm *vm, u64 kernel_end, u64 limit, u64 *gpa)
{
	const struct boot_image *ramdisk = &vm->files->ramdisk;

	*gpa = 0;
	if (ramdisk->fd < 0)
		return 0;
	limit = min_t(u64, limit, vm->mem.region[0].len);
	if (!range_fits(kernel_end, ramdisk->size, limit)) {
		log_err("%s: %llu MiB do not fit beside the kernel: raise memory=", ramdisk->path,
			(unsigned long long)(ramdisk->size / MIB));
		return -ENOMEM;
	}
	*gpa = ALIGN_DOWN(limit - ramdisk->size, GUEST_PAGE_SIZE);
	if (*gpa < kernel_end)
		*gpa = limit - ramdisk->size;
	return boot_read(vm, ramdisk, 0, *gpa, ramdisk->size);
}

int boot_write_cmdline(struct vm *vm, u64 max)
{
	size_t len = strlen(vm->files->cmdline);

	max = min_t(u64, max, BOOT_CMDLINE_BYTES - 1);
	if (len > max) {
		log_err("the command line has %zu bytes, this kernel takes %llu", len,
			(unsigned long long)max);
		return -E2BIG;
	}
	return mem_write(&vm->mem, BOOT_CMDLINE, vm->files->cmdline, len + 1);
}
