// SPDX-License-Identifier: GPL-2.0
/*
 * Nested page-table entries of AMD: those of long mode (APM 15.25.5).
 */
#include <linux/cache.h>
#include <linux/init.h>
#include <asm/pgtable_types.h>
#include <asm/special_insns.h>

#include "svm.h"

/**
 * svm_npt_init() - settle how deep nested tables are
 *
 * The CPU walks them in the paging mode of the host: as many levels as its
 * CR4.LA57 says at VMRUN (APM 15.25.3).
 */
void __init svm_npt_init(void)
{
	hv_npt_format.levels = native_read_cr4() & X86_CR4_LA57 ? 5 : 4;
}

static bool npt_huge_1g(void)
{
	/* CPUID 0x80000001 Page1GB holds for nested tables too. */
	return boot_cpu_has(X86_FEATURE_GBPAGES);
}

/*
 * Every nested walk counts as a user access, so U is part of "present". The
 * memory type comes from the guest's PAT, so nothing is set for write-back.
 */
struct hv_pte_format hv_npt_format __ro_after_init = {
	.present = _PAGE_PRESENT | _PAGE_USER,
	.leaf = 0,
	.write = _PAGE_RW,
	.exec = 0,
	.accessed = _PAGE_ACCESSED,
	.dirty = _PAGE_DIRTY,
	.large = _PAGE_PSE,
	.huge_1g = npt_huge_1g,
};
