// SPDX-License-Identifier: GPL-2.0
/* See machine.h. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "acpi.h"
#include "boot/cpu.h"
#include "machine.h"
#include "sandbox.h"
#include "xen/boot.h"

struct vm machine;
struct entry entered;
struct pv_params pv_params;
struct pv_start pv_started;
static struct vcpu vcpu;

/* What the loaders ask of other parts of vmmd. */

int cpu_set_long_mode(struct vcpu *v, u64 entry, u64 rsi, u64 gdt, u64 page_tables)
{
	(void)v;
	(void)gdt;
	(void)page_tables;
	entered = (struct entry){64, entry, rsi};
	return 0;
}

int cpu_set_protected_mode(struct vcpu *v, u32 entry, u32 ebx)
{
	(void)v;
	entered = (struct entry){32, entry, ebx};
	return 0;
}

int acpi_build(struct vm *vm, u64 gpa, u64 size, u64 *rsdp)
{
	(void)vm;
	(void)size;
	*rsdp = gpa;
	return 0;
}

/* Kernels out of guests' disks are for unit/pygrub. */
int sandbox_thread(enum sandbox_role role)
{
	(void)role;
	return 0;
}

int xen_boot_load(struct vm *vm)
{
	struct pv_params params = pv_params;

	if (!params.nr_pages)
		params.nr_pages = mem_ram(&vm->mem) / GUEST_PAGE_SIZE;
	return pv_build(vm, &params, &pv_started);
}

void machine_create(u64 mib, u64 hole)
{
	memset(&machine, 0, sizeof(machine));
	machine.vcpu = &vcpu;
	if (mem_create(&machine.mem, mib * MIB, hole * MIB))
		abort();
}

void machine_destroy(void)
{
	mem_destroy(&machine.mem);
}

static char *file_of(const char *name, const void *data, size_t len, char path[64])
{
	int fd = memfd_create(name, 0);

	if (fd < 0 || ftruncate(fd, (off_t)len) || pwrite(fd, data, len, 0) != (ssize_t)len)
		abort();
	snprintf(path, 64, "/proc/self/fd/%d", fd);
	return path;
}

static void close_file(const char *path)
{
	close(atoi(strrchr(path, '/') + 1));
}

int machine_boot(const void *kernel, size_t len, const void *ramdisk, size_t ramdisk_len,
		 enum config_type type, char *cmdline)
{
	char kernel_path[64], ramdisk_path[64];
	int ret;

	machine.cfg.kernel = file_of("kernel", kernel, len, kernel_path);
	machine.cfg.ramdisk =
		ramdisk ? file_of("ramdisk", ramdisk, ramdisk_len, ramdisk_path) : NULL;
	machine.cfg.cmdline = cmdline;
	machine.cfg.type = type;
	entered = (struct entry){0};
	pv_started = (struct pv_start){0};
	mem_discard(&machine.mem);

	ret = boot_open(&machine);
	if (!ret)
		ret = boot_load(&machine);
	boot_close(&machine);
	close_file(kernel_path);
	if (ramdisk)
		close_file(ramdisk_path);
	return ret;
}
