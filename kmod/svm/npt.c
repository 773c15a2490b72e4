// SPDX-License-Identifier: GPL-2.0
/*
 * Nested page-table entries of AMD: those of long mode (APM 15.25.5).
 */
#include <asm/pgtable_types.h>

#include "svm.h"

static bool npt_huge_1g(void)
{
	/* CPUID 0x80000001 Page1GB holds for nested tables too. */
	return boot_cpu_has(X86_FEATURE_GBPAGES);
}

/*
 * Every nested walk counts as a user access, so U is part of "present". The
 * memory type comes from the guest's PAT, so nothing is set for write-back.
 */
const struct hv_pte_format hv_npt_format = {
	.levels = 4,
	.present = _PAGE_PRESENT | _PAGE_USER,
	.leaf = 0,
	.write = _PAGE_RW,
	.exec = 0,
	.accessed = _PAGE_ACCESSED,
	.dirty = _PAGE_DIRTY,
	.large = _PAGE_PSE,
	.huge_1g = npt_huge_1g,
};
