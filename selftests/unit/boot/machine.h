/* SPDX-License-Identifier: GPL-2.0 */
/* A machine without a hypervisor: memory, files, and what was asked of it. */
#ifndef UNIT_BOOT_MACHINE_H
#define UNIT_BOOT_MACHINE_H

#include "boot/boot.h"
#include "boot/pv.h"
#include "vm.h"

#define RSDP 0xe0000

/**
 * struct entry - how the loader left vCPU 0
 * @bits: 32 or 64, 0 when it did not get so far; see pv_started for PV guests
 * @at: first instruction
 * @arg: parameter register
 */
struct entry {
	int bits;
	u64 at;
	u64 arg;
};

extern struct vm machine;
extern struct entry entered;

/* For pv_build(): what the hypervisor would tell it, and what came back. A
 * number of pages of 0 stands for all RAM.
 */
extern struct pv_params pv_params;
extern struct pv_start pv_started;

/* A machine with @mib MiB of zeroed memory, and @hole MiB in the PCI hole. */
void machine_create(u64 mib, u64 hole);
void machine_destroy(void);

/* Boot from memory; @ramdisk may be NULL. Returns what boot_open() or the
 * loader said.
 */
int machine_boot(const void *kernel, size_t len, const void *ramdisk, size_t ramdisk_len,
		 enum config_type type, char *cmdline);

#endif /* UNIT_BOOT_MACHINE_H */
