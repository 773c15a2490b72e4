// SPDX-License-Identifier: GPL-2.0
/*
 * What a PV kernel asks for: by ELF notes, or by the one string "__xen_guest"
 * that the notes have replaced (xen/elfnote.h tells how one becomes the other).
 */
#include <ctype.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xen/xen.h>
#include <xen/elfnote.h>

#include "boot/pv.h"
#include "boot/pv_elf.h"
#include "log.h"

#define LEGACY_SECTION "__xen_guest"
#define PV_VERSION     "xen-3.0"
#define NUMBER_CHARS   24

/* Some bytes of the file. */
struct pv_text {
	const char *p;
	u64 len;
};

/**
 * struct pv_notes - what was found
 * @number: numeric notes by type
 * @has: the note is there
 * @features: content of FEATURES
 * @version: content of XEN_VERSION
 * @guest_os: content of GUEST_OS
 * @legacy: all of this comes from the string
 * @broken: a number that is none
 */
struct pv_notes {
	u64 number[XEN_ELFNOTE_MAX + 1];
	bool has[XEN_ELFNOTE_MAX + 1];
	struct pv_text features;
	struct pv_text version;
	struct pv_text guest_os;
	bool legacy;
	bool broken;
};

/*
 * What a kernel may insist on, by the names of xen/features.h. Missing are what
 * only other guests have (HVM, PVH, ARM, dom0) and two things no PV guest here
 * gets: auto_translated_physmap, which ends PV page tables, and
 * supervisor_mode_kernel, upon which Linux leaves callbacks unregistered.
 */
static const char *const pv_features[] = {
	"writable_page_tables",
	"writable_descriptor_tables",
	"pae_pgdir_above_4gb",
	"mmu_pt_update_preserve_ad",
	"highmem_assist",
	"gnttab_map_avail_bits",
	"memory_op_vnode_supported",
	"not_direct_mapped",
};

/* A text of the file ends where its room ends, or at a NUL before that. */
static struct pv_text pv_text(const void *p, u64 room)
{
	return (struct pv_text){p, strnlen(p, room)};
}

/* Cut off all up to a separator. */
static struct pv_text pv_next(struct pv_text *rest, char separator)
{
	const char *at = rest->len ? memchr(rest->p, separator, rest->len) : NULL;
	struct pv_text word = {rest->p, at ? (u64)(at - rest->p) : rest->len};
	u64 used = word.len + (at ? 1 : 0);

	rest->p += used;
	rest->len -= used;
	return word;
}

static bool pv_text_is(struct pv_text text, const char *word)
{
	return text.len == strlen(word) && !memcmp(text.p, word, text.len);
}

/* ---------------------------------------------------------------- ELF notes */

static void pv_note(void *opaque, u32 type, const u8 *desc, u32 len)
{
	struct pv_notes *notes = opaque;
	u32 value;

	switch (type) {
	case XEN_ELFNOTE_ENTRY:
	case XEN_ELFNOTE_HYPERCALL_PAGE:
	case XEN_ELFNOTE_VIRT_BASE:
	case XEN_ELFNOTE_PADDR_OFFSET:
	case XEN_ELFNOTE_INIT_P2M:
	case XEN_ELFNOTE_MOD_START_PFN:
		notes->has[type] = true;
		if (len == sizeof(value)) {
			memcpy(&value, desc, sizeof(value));
			notes->number[type] = value;
		} else if (len == sizeof(notes->number[type])) {
			memcpy(&notes->number[type], desc, len);
		} else {
			notes->broken = true;
		}
		break;
	case XEN_ELFNOTE_FEATURES:
		notes->features = pv_text(desc, len);
		break;
	case XEN_ELFNOTE_XEN_VERSION:
		notes->version = pv_text(desc, len);
		break;
	case XEN_ELFNOTE_GUEST_OS:
		notes->guest_os = pv_text(desc, len);
		break;
	}
}

/* --------------------------------------------------------------- the string */

static void pv_legacy_number(struct pv_notes *notes, u32 type, struct pv_text value)
{
	char digits[NUMBER_CHARS], *end;

	snprintf(digits, sizeof(digits), "%.*s", (int)min_t(u64, value.len, NUMBER_CHARS), value.p);
	errno = 0;
	notes->number[type] = strtoull(digits, &end, 0);
	notes->has[type] = true;
	if (errno || end == digits || *end || value.len >= NUMBER_CHARS)
		notes->broken = true;
}

static void pv_legacy_pair(struct pv_notes *notes, struct pv_text value)
{
	struct pv_text key = pv_next(&value, '=');

	if (pv_text_is(key, "VIRT_ENTRY"))
		pv_legacy_number(notes, XEN_ELFNOTE_ENTRY, value);
	else if (pv_text_is(key, "HYPERCALL_PAGE"))
		pv_legacy_number(notes, XEN_ELFNOTE_HYPERCALL_PAGE, value);
	else if (pv_text_is(key, "VIRT_BASE"))
		pv_legacy_number(notes, XEN_ELFNOTE_VIRT_BASE, value);
	else if (pv_text_is(key, "ELF_PADDR_OFFSET"))
		pv_legacy_number(notes, XEN_ELFNOTE_PADDR_OFFSET, value);
	else if (pv_text_is(key, "FEATURES"))
		notes->features = value;
	else if (pv_text_is(key, "XEN_VER"))
		notes->version = value;
}

/* The string in the terms of the notes. */
static void pv_read_legacy(struct pv_notes *notes, const struct elf_image *elf)
{
	struct pv_text text;
	const u8 *data;
	u64 *page = &notes->number[XEN_ELFNOTE_HYPERCALL_PAGE];
	u64 len;

	if (!elf_image_section(elf, LEGACY_SECTION, &data, &len))
		return;
	notes->legacy = true;
	text = pv_text(data, len);
	while (text.len)
		pv_legacy_pair(notes, pv_next(&text, ','));
	if (!notes->has[XEN_ELFNOTE_PADDR_OFFSET])
		notes->number[XEN_ELFNOTE_PADDR_OFFSET] = notes->number[XEN_ELFNOTE_VIRT_BASE];
	if (*page > PV_SIZE_MAX / GUEST_PAGE_SIZE)
		notes->broken = true;
	*page = notes->number[XEN_ELFNOTE_VIRT_BASE] + *page * GUEST_PAGE_SIZE;
}

/* --------------------------------------------------------------- the checks */

static int pv_bad(const char *path, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* An image that is only looked at, to see whether it would do, has no path. */
static int pv_bad(const char *path, const char *fmt, ...)
{
	char what[LOG_LINE_MAX / 2];
	va_list ap;

	if (!path)
		return -ENOEXEC;
	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	log_err("%s: %s", path, what);
	return -ENOEXEC;
}

static bool pv_feature_known(struct pv_text name)
{
	u32 i;

	for (i = 0; i < ARRAY_SIZE(pv_features); i++)
		if (pv_text_is(name, pv_features[i]))
			return true;
	return false;
}

/* So much of a name can go to the log: what is no letter in it does not. */
static int pv_printable(struct pv_text name)
{
	int n = 0;

	while ((u64)n < name.len && (isalnum((u8)name.p[n]) || name.p[n] == '_'))
		n++;
	return n;
}

/* Names separated by '|', '!' before those without which the kernel cannot run. */
static int pv_check_features(const char *path, struct pv_text features)
{
	struct pv_text name;

	while (features.len) {
		name = pv_next(&features, '|');
		if (!name.len || *name.p != '!')
			continue;
		name.p++;
		name.len--;
		if (!pv_feature_known(name))
			return pv_bad(path,
				      "requires the Xen feature \"%.*s\", which PV guests "
				      "do not get",
				      pv_printable(name), name.p);
	}
	return 0;
}

static int pv_check_segment(struct pv_elf *kernel, const char *path, const struct elf_image *elf,
			    const Elf64_Phdr *ph, u64 paddr_offset)
{
	u64 addr = ph->p_paddr - paddr_offset;

	if (!ph->p_memsz)
		return 0;
	if (ph->p_filesz > ph->p_memsz || !range_fits(ph->p_offset, ph->p_filesz, elf->len))
		return pv_bad(path, "ELF segment reaches beyond the file");
	if (ph->p_paddr < paddr_offset || !range_fits(addr, ph->p_memsz, PV_SIZE_MAX - 1))
		return pv_bad(path, "ELF segment at %#llx, offset %#llx, is outside of memory",
			      (unsigned long long)ph->p_paddr, (unsigned long long)paddr_offset);
	kernel->segment[kernel->nr_segments++] = (struct pv_segment){
		.offset = ph->p_offset,
		.filled = ph->p_filesz,
		.addr = addr,
		.size = ph->p_memsz,
	};
	if (addr + ph->p_memsz > kernel->end)
		kernel->end = addr + ph->p_memsz;
	return 0;
}

static int pv_check_segments(struct pv_elf *kernel, const char *path, const struct elf_image *elf,
			     u64 paddr_offset)
{
	Elf64_Phdr ph;
	int ret = 0;
	u32 i;

	for (i = 0; i < elf->phnum && !ret; i++) {
		ph = elf_image_phdr(elf, i);
		if (ph.p_type == PT_LOAD)
			ret = pv_check_segment(kernel, path, elf, &ph, paddr_offset);
	}
	return ret;
}

static bool pv_page_aligned(u64 va)
{
	return !(va & (GUEST_PAGE_SIZE - 1));
}

/* Do these bytes belong to the kernel? Differences wrap as addresses do. */
static bool pv_inside(const struct pv_elf *kernel, u64 va, u64 len)
{
	return range_fits(va - kernel->virt_base, len, ALIGN_UP(kernel->end, GUEST_PAGE_SIZE));
}

static int pv_check_addresses(const struct pv_elf *kernel, const char *path)
{
	if (!pv_page_aligned(kernel->virt_base))
		return pv_bad(path, "VIRT_BASE %#llx is not at a page's start",
			      (unsigned long long)kernel->virt_base);
	if (!pv_inside(kernel, kernel->entry, 1))
		return pv_bad(path, "entry point %#llx is outside of the kernel",
			      (unsigned long long)kernel->entry);
	if (kernel->has_hypercall_page &&
	    (!pv_page_aligned(kernel->hypercall_page) ||
	     !pv_inside(kernel, kernel->hypercall_page, GUEST_PAGE_SIZE)))
		return pv_bad(path, "hypercall page %#llx is not a page of the kernel",
			      (unsigned long long)kernel->hypercall_page);
	if (kernel->has_init_p2m && !pv_page_aligned(kernel->init_p2m))
		return pv_bad(path, "INIT_P2M %#llx is not at a page's start",
			      (unsigned long long)kernel->init_p2m);
	return 0;
}

static int pv_read_notes(struct pv_notes *notes, const char *path, const struct elf_image *elf)
{
	const char *why;
	int ret;

	ret = elf_image_notes(elf, pv_note, notes, &why);
	if (ret)
		return pv_bad(path, "%s", why);
	/*
	 * Kernels that only have drivers for Xen carry some of the notes as
	 * well: what tells a PV kernel is that it says where it wants to be.
	 */
	if (!notes->has[XEN_ELFNOTE_ENTRY] && !notes->has[XEN_ELFNOTE_VIRT_BASE]) {
		*notes = (struct pv_notes){0};
		pv_read_legacy(notes, elf);
		if (!notes->legacy)
			return pv_bad(path, "not a Xen PV kernel (CONFIG_XEN_PV)");
	}
	if (notes->broken)
		return pv_bad(path, "a number among its Xen notes is none");
	if (notes->version.p && !pv_text_is(notes->version, PV_VERSION))
		return pv_bad(path, "made for another Xen than " PV_VERSION);
	return pv_check_features(path, notes->features);
}

int pv_elf_read(struct pv_elf *kernel, const char *path, const u8 *map, u64 len)
{
	struct pv_notes notes = {0};
	struct elf_image elf;
	const char *why;
	int ret;

	*kernel = (struct pv_elf){.map = map};
	ret = elf_image_open(&elf, map, len, &why);
	if (ret)
		return pv_bad(path, "%s", why);
	if (!elf.is64)
		return pv_bad(path, "a 32-bit kernel: PV guests are 64-bit ones here");
	ret = pv_read_notes(&notes, path, &elf);
	if (!ret)
		ret = pv_check_segments(kernel, path, &elf, notes.number[XEN_ELFNOTE_PADDR_OFFSET]);
	if (ret)
		return ret;

	kernel->virt_base = notes.number[XEN_ELFNOTE_VIRT_BASE];
	kernel->entry = notes.has[XEN_ELFNOTE_ENTRY] ? notes.number[XEN_ELFNOTE_ENTRY] : elf.entry;
	kernel->has_hypercall_page = notes.has[XEN_ELFNOTE_HYPERCALL_PAGE];
	kernel->hypercall_page = notes.number[XEN_ELFNOTE_HYPERCALL_PAGE];
	kernel->keeps_lstar = pv_text_is(notes.guest_os, "linux");
	kernel->has_init_p2m = notes.has[XEN_ELFNOTE_INIT_P2M];
	kernel->init_p2m = notes.number[XEN_ELFNOTE_INIT_P2M];
	kernel->mod_start_pfn = notes.number[XEN_ELFNOTE_MOD_START_PFN];
	return pv_check_addresses(kernel, path);
}

bool pv_has_entry(const u8 *map, u64 len)
{
	struct pv_elf kernel;

	return !pv_elf_read(&kernel, NULL, map, len);
}

int pv_check(const char *path, const u8 *map, u64 len)
{
	struct pv_elf kernel;

	return pv_elf_read(&kernel, path, map, len);
}
