// SPDX-License-Identifier: GPL-2.0
/*
 * Any bytes as a PV kernel. The first byte says how: as they are, behind an ELF
 * header that is good enough to get past it, or as changes to a good image.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xen/xen.h>
#include <xen/elfnote.h>

#include "domain.h"
#include "image.h"

#define RAM_MIB 16

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

/* One change: where, and eight bytes, or fewer at the image's end. */
#define CHANGE_BYTES  8
#define CHANGE_OFFSET 2

static void change_image(struct image *img, const u8 *data, size_t size)
{
	const size_t step = CHANGE_OFFSET + CHANGE_BYTES;
	size_t at;
	u16 offset;

	for (; size >= step; data += step, size -= step) {
		memcpy(&offset, data, sizeof(offset));
		at = offset % sizeof(*img);
		memcpy((u8 *)img + at, data + CHANGE_OFFSET,
		       min_t(size_t, CHANGE_BYTES, sizeof(*img) - at));
	}
}

static struct image good_image(u8 kind)
{
	struct image img;

	if (kind & 4) {
		img = image_legacy("VIRT_BASE=0x40000000,ELF_PADDR_OFFSET=0,HYPERCALL_PAGE=0x201,"
				   "FEATURES=!writable_page_tables");
		img.eh.e_entry = 0x40000000 + IMAGE_CODE;
		return img;
	}
	img = image_kernel(0xffffffff80000000);
	image_note_text(&img, XEN_ELFNOTE_FEATURES, "!writable_page_tables");
	if (kind & 8)
		image_note_u64(&img, XEN_ELFNOTE_INIT_P2M, 0x8000000000);
	if (kind & 16)
		image_note_u64(&img, XEN_ELFNOTE_MOD_START_PFN, 1);
	if (kind & 32)
		image_use_section(&img, ".notes", SHT_NOTE);
	return img;
}

/* What was built must be mapped, whatever the image was. */
static void check_started(void)
{
	const struct start_info *info;
	u64 gpa = domain_translate(pv_started.rsi);

	info = gpa == NOWHERE ? NULL : mem_range(&machine.mem, gpa, sizeof(*info));
	if (!info || domain_translate(pv_started.rip) == NOWHERE ||
	    domain_translate(pv_started.rsp - 8) == NOWHERE ||
	    domain_translate(pv_started.rsp + 512 * KIB - 1) == NOWHERE ||
	    domain_translate(info->pt_base) != pv_started.cr3 ||
	    domain_translate(info->mfn_list + info->nr_pages * 8 - 1) == NOWHERE)
		abort();
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	static char cmdline[] = "quiet";
	struct image img;
	size_t len;
	u8 *copy;

	if (size < 2)
		return 0;
	if (!machine.mem.host) {
		/* No kernel of a fuzzer is worth keeping. */
		setenv("XDG_CACHE_HOME", "/dev/null", 1);
		machine_create(RAM_MIB, 0);
	}
	len = (data[0] & 1) ? sizeof(img) : size - 1;
	/* Its own allocation: a step beyond the end shall not go unseen. */
	copy = malloc(len);
	if (!copy)
		abort();
	if (data[0] & 1) {
		img = good_image(data[0]);
		change_image(&img, data + 1, size - 1);
		memcpy(copy, &img, len);
	} else {
		img = image_bare();
		memcpy(copy, data + 1, len);
		if (data[0] & 2)
			memcpy(copy, &img, min_t(size_t, len, sizeof(img.eh)));
	}
	if (pv_has_entry(copy, len) &&
	    !machine_boot(copy, len, data, size, CONFIG_TYPE_PV, cmdline))
		check_started();
	free(copy);
	return 0;
}
