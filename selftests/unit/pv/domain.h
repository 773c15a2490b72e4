/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A built domain as its first vCPU sees it: through page tables, from CR3 and
 * RSI on, and by the rules of xen/xen.h (above struct start_info).
 */
#ifndef UNIT_PV_DOMAIN_H
#define UNIT_PV_DOMAIN_H

#include "machine.h"

#define NOWHERE UINT64_MAX

#define CHECK(cond)                                                                                \
	do {                                                                                       \
		if (!(cond)) {                                                                     \
			printf("# %s:%d: not true: %s\n", __func__, __LINE__, #cond);              \
			return false;                                                              \
		}                                                                                  \
	} while (0)

/**
 * struct expect - what the domain should be like
 * @virt_base: of the kernel
 * @kernel_end: first pseudo-physical address behind the kernel, to a page
 * @init_p2m: where the P2M is wanted, 0 for in the region
 * @by_pfn: the ramdisk is wanted outside of the region
 * @ramdisk: content, or NULL
 * @ramdisk_len: its bytes
 * @cmdline: the command line
 */
struct expect {
	u64 virt_base;
	u64 kernel_end;
	u64 init_p2m;
	bool by_pfn;
	const void *ramdisk;
	u64 ramdisk_len;
	const char *cmdline;
};

/* The GPA behind an address, by the tables of pv_started.cr3, or NOWHERE. */
u64 domain_translate(u64 va);

/* Does memory from @va on hold these bytes? @bytes of NULL stands for zeroes. */
bool domain_holds(u64 va, const void *bytes, u64 len);

/* Is all of the domain as it has to be? Says what is not. */
bool domain_good(const struct expect *want);

#endif /* UNIT_PV_DOMAIN_H */
