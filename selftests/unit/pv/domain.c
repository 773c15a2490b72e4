// SPDX-License-Identifier: GPL-2.0
/* See domain.h. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xen/xen.h>

#include "domain.h"

#define PTES	  512
#define PTE_FRAME 0x000ffffffffff000ULL
/* Present, writable, accessed, dirty, and nothing else: no user bit above all. */
#define PTE_FLAGS 0x63ULL
#define NR_PAGES  (mem_ram(&machine.mem) / GUEST_PAGE_SIZE)

static u64 nr_pages(void)
{
	return pv_params.nr_pages ? pv_params.nr_pages : NR_PAGES;
}

/* RAM has a hole of 1 GiB from 3 GiB on. */
static u64 mfn_of(u64 pfn)
{
	return pfn < 0xc0000 ? pfn : pfn + 0x40000;
}

static u64 pfn_of(u64 mfn)
{
	if (mfn >= 0x100000)
		return mfn - 0x40000;
	return mfn < 0xc0000 ? mfn : NOWHERE;
}

static bool canonical(u64 va)
{
	return (u64)((s64)(va << 16) >> 16) == va;
}

static u64 *table_at(u64 gpa)
{
	return mem_range(&machine.mem, gpa, GUEST_PAGE_SIZE);
}

u64 domain_translate(u64 va)
{
	u64 at = pv_started.cr3, *table, entry;
	int shift;

	if (!canonical(va))
		return NOWHERE;
	for (shift = 39; shift >= 12; shift -= 9) {
		table = table_at(at);
		entry = table ? table[(va >> shift) % PTES] : 0;
		if ((entry & ~PTE_FRAME) != PTE_FLAGS)
			return NOWHERE;
		at = entry & PTE_FRAME;
	}
	return at | (va & (GUEST_PAGE_SIZE - 1));
}

static u64 pfn_at(u64 va)
{
	u64 gpa = domain_translate(va);

	return gpa == NOWHERE ? NOWHERE : pfn_of(gpa / GUEST_PAGE_SIZE);
}

bool domain_holds(u64 va, const void *bytes, u64 len)
{
	static const u8 zeroes[GUEST_PAGE_SIZE];
	u64 gpa, n;
	u8 *p;

	for (; len; va += n, len -= n) {
		n = min_t(u64, len, GUEST_PAGE_SIZE - (va & (GUEST_PAGE_SIZE - 1)));
		gpa = domain_translate(va);
		p = gpa == NOWHERE ? NULL : mem_range(&machine.mem, gpa, n);
		if (!p || memcmp(p, bytes ? bytes : zeroes, n))
			return false;
		if (bytes)
			bytes = (const u8 *)bytes + n;
	}
	return true;
}

/* What a look at all tables found. */
struct survey {
	u64 pages;     /* mapped */
	u64 main;      /* tables among those of start_info */
	u64 p2m;       /* tables among the frames of the P2M */
	u64 elsewhere; /* others */
	bool ordered;  /* levels fall as PFNs of the main ones rise */
	u8 *level;     /* of a page, 0 for no table */
};

static void survey_table(struct survey *s, const struct start_info *info, u64 gpa, u32 level)
{
	u64 pfn = pfn_of(gpa / GUEST_PAGE_SIZE), first = pfn_at(info->pt_base);
	u64 *table = table_at(gpa);
	u32 i;

	if (!table || pfn >= nr_pages() || s->level[pfn]) {
		s->elsewhere++;
		return;
	}
	s->level[pfn] = (u8)level;
	if (pfn >= first && pfn - first < info->nr_pt_frames)
		s->main++;
	else if (pfn >= info->first_p2m_pfn && pfn - info->first_p2m_pfn < info->nr_p2m_frames)
		s->p2m++;
	else
		s->elsewhere++;
	for (i = 0; i < PTES; i++) {
		if (!table[i])
			continue;
		if (level == 4 && i >= pv_params.l4_slot &&
		    i < pv_params.l4_slot + pv_params.nr_l4_entries)
			continue;
		if (level == 1)
			s->pages++;
		else
			survey_table(s, info, table[i] & PTE_FRAME, level - 1);
	}
}

static struct survey survey(const struct start_info *info)
{
	struct survey s = {.ordered = true, .level = calloc(1, NR_PAGES)};
	u64 first = pfn_at(info->pt_base), i;

	if (!s.level)
		abort();
	survey_table(&s, info, pv_started.cr3, 4);
	for (i = 1; i < info->nr_pt_frames; i++)
		s.ordered &= s.level[first + i] <= s.level[first + i - 1];
	free(s.level);
	return s;
}

static bool ramdisk_good(const struct expect *want, const struct start_info *info, u64 region)
{
	u64 i, n, pfn = info->mod_start;
	const u8 *bytes = want->ramdisk;

	if (!want->ramdisk) {
		CHECK(!info->mod_start && !info->mod_len && !(info->flags & SIF_MOD_START_PFN));
		return true;
	}
	CHECK(info->mod_len == want->ramdisk_len);
	CHECK(!!(info->flags & SIF_MOD_START_PFN) == want->by_pfn);
	if (!want->by_pfn) {
		CHECK(info->mod_start == want->virt_base + want->kernel_end);
		return domain_holds(info->mod_start, want->ramdisk, want->ramdisk_len);
	}
	CHECK(pfn >= region && pfn >= info->first_p2m_pfn + info->nr_p2m_frames);
	CHECK(range_fits(pfn, (want->ramdisk_len + GUEST_PAGE_SIZE - 1) / GUEST_PAGE_SIZE,
			 nr_pages()));
	for (i = 0; i < want->ramdisk_len; i += n, pfn++) {
		n = min_t(u64, want->ramdisk_len - i, GUEST_PAGE_SIZE);
		CHECK(!memcmp(table_at(mfn_of(pfn) * GUEST_PAGE_SIZE), bytes + i, n));
	}
	return true;
}

static bool p2m_good(const struct expect *want, const struct start_info *info, u64 region)
{
	u64 pfn, va, gpa = NOWHERE, *entry;
	u64 pages = (nr_pages() * 8 + GUEST_PAGE_SIZE - 1) / GUEST_PAGE_SIZE;

	for (pfn = 0; pfn < nr_pages(); pfn++) {
		va = info->mfn_list + pfn * 8;
		if (!(va % GUEST_PAGE_SIZE))
			gpa = domain_translate(va);
		CHECK(gpa != NOWHERE);
		entry = mem_range(&machine.mem, gpa + va % GUEST_PAGE_SIZE, 8);
		CHECK(entry && *entry == mfn_of(pfn) && pfn_of(*entry) == pfn);
		CHECK(mem_range(&machine.mem, *entry * GUEST_PAGE_SIZE, GUEST_PAGE_SIZE));
	}
	if (!want->init_p2m) {
		CHECK(!info->first_p2m_pfn && !info->nr_p2m_frames);
		return true;
	}
	CHECK(info->mfn_list == want->init_p2m);
	CHECK(info->first_p2m_pfn == region && info->nr_p2m_frames > pages);
	CHECK(range_fits(info->first_p2m_pfn, info->nr_p2m_frames, nr_pages()));
	for (pfn = 0; pfn < pages; pfn++)
		CHECK(pfn_at(want->init_p2m + pfn * GUEST_PAGE_SIZE) == region + pfn);
	CHECK(domain_translate(want->init_p2m + pages * GUEST_PAGE_SIZE) == NOWHERE);
	return true;
}

/* The order of things in the region. */
static bool order_good(const struct expect *want, const struct start_info *info)
{
	u64 next = want->kernel_end / GUEST_PAGE_SIZE;

	if (want->ramdisk && !want->by_pfn)
		next += (want->ramdisk_len + GUEST_PAGE_SIZE - 1) / GUEST_PAGE_SIZE;
	if (!want->init_p2m) {
		CHECK(pfn_at(info->mfn_list) == next);
		next += (nr_pages() * 8 + GUEST_PAGE_SIZE - 1) / GUEST_PAGE_SIZE;
	}
	CHECK(pfn_at(pv_started.rsi) == next++);
	CHECK(info->store_mfn == mfn_of(next++));
	CHECK(info->console.domU.mfn == mfn_of(next++));
	CHECK(pfn_at(info->pt_base) == next);
	CHECK(domain_translate(info->pt_base) == pv_started.cr3);
	next += info->nr_pt_frames;
	CHECK(pfn_at(pv_started.rsp - GUEST_PAGE_SIZE) == next);
	CHECK(!(pv_started.rsp & (GUEST_PAGE_SIZE - 1)));
	CHECK(pv_started.store_gpa == info->store_mfn * GUEST_PAGE_SIZE);
	CHECK(pv_started.console_gpa == info->console.domU.mfn * GUEST_PAGE_SIZE);
	return true;
}

static bool tables_good(const struct expect *want, const struct start_info *info, u64 region)
{
	u64 p2m = (nr_pages() * 8 + GUEST_PAGE_SIZE - 1) / GUEST_PAGE_SIZE;
	struct survey s = survey(info);
	u64 *l4 = table_at(pv_started.cr3);

	CHECK(!s.elsewhere && s.ordered && s.main == info->nr_pt_frames);
	CHECK(s.pages == region + (want->init_p2m ? p2m : 0));
	CHECK(!want->init_p2m || s.p2m + p2m == info->nr_p2m_frames);
	CHECK(!memcmp(l4 + pv_params.l4_slot, pv_params.l4_entries,
		      pv_params.nr_l4_entries * sizeof(*l4)));
	return true;
}

bool domain_good(const struct expect *want)
{
	const struct start_info *info;
	u64 va, region = 0;

	/* The region: from PFN 0 on, one by one, to 4 MiB, past the stack. */
	for (va = want->virt_base; domain_translate(va) != NOWHERE; va += GUEST_PAGE_SIZE) {
		CHECK(pfn_at(va) == region && region < nr_pages());
		region++;
	}
	CHECK(region && !(va % (4 * MIB)) && va - pv_started.rsp >= 512 * KIB);
	CHECK(va - pv_started.rsp < 512 * KIB + 4 * MIB);

	CHECK(!(pv_started.rsi & (GUEST_PAGE_SIZE - 1)));
	CHECK(domain_translate(pv_started.rsi) != NOWHERE);
	info = mem_range(&machine.mem, domain_translate(pv_started.rsi), sizeof(*info));
	CHECK(info && !strcmp(info->magic, "xen-3.0-x86_64"));
	CHECK(info->nr_pages == nr_pages() && info->shared_info == pv_params.shared_info);
	CHECK(info->store_evtchn == pv_params.store_port);
	CHECK(info->console.domU.evtchn == pv_params.console_port);
	CHECK(!(info->flags & (SIF_PRIVILEGED | SIF_INITDOMAIN | SIF_MULTIBOOT_MOD)));
	CHECK(!strcmp((const char *)info->cmd_line, want->cmdline));
	CHECK(domain_holds(pv_started.rsp - GUEST_PAGE_SIZE, NULL, GUEST_PAGE_SIZE));

	return order_good(want, info) && ramdisk_good(want, info, region) &&
	       p2m_good(want, info, region) && tables_good(want, info, region);
}
