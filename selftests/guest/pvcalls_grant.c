// SPDX-License-Identifier: GPL-2.0
/* Grant tables of both versions, and copies by them. See pvcalls.h. */
#include "pvcalls.h"

#include <xen/grant_table.h>

#define SELF   1 /* our own number, which the table knows us by */
#define FRAMES 64

static u8 table_page[PAGE] __attribute__((aligned(PAGE)));
static u8 status_page[PAGE] __attribute__((aligned(PAGE)));
static u64 frames[FRAMES + 1];

static grant_entry_v1_t *v1(u32 ref)
{
	return (grant_entry_v1_t *)table_page + ref;
}

static grant_entry_v2_t *v2(u32 ref)
{
	return (grant_entry_v2_t *)table_page + ref;
}

static long grant_op(u32 cmd, void *list, u32 n)
{
	return hypercall(__HYPERVISOR_grant_table_op, cmd, (u64)list, n);
}

static int setup(u32 n, domid_t dom)
{
	struct gnttab_setup_table op = {.dom = dom, .nr_frames = n};

	*(u64 **)&op.frame_list = frames;
	return grant_op(GNTTABOP_setup_table, &op, 1) ? 1 : op.status;
}

static int status_frames(u32 n, domid_t dom)
{
	struct gnttab_get_status_frames op = {.dom = dom, .nr_frames = n};

	*(u64 **)&op.frame_list = frames;
	return grant_op(GNTTABOP_get_status_frames, &op, 1) ? 1 : op.status;
}

static long set_version(u32 version, u32 *now)
{
	struct gnttab_set_version op = {version};
	long ret = grant_op(GNTTABOP_set_version, &op, 1);

	*now = op.version;
	return ret;
}

static long get_version(domid_t dom, u32 *now)
{
	struct gnttab_get_version op = {.dom = dom};
	long ret = grant_op(GNTTABOP_get_version, &op, 1);

	*now = op.version;
	return ret;
}

static void test_table(void)
{
	struct gnttab_query_size size = {.dom = DOMID_SELF};
	struct gnttab_map_grant_ref map[2] = {{.dom = 0}, {.dom = 5}};
	struct gnttab_unmap_grant_ref unmap = {.handle = 1};

	check("query_size", !grant_op(GNTTABOP_query_size, &size, 1) && !size.status &&
				    size.nr_frames == 1 && size.max_nr_frames == FRAMES);
	size.dom = 0;
	check("query_size: domain 0",
	      !grant_op(GNTTABOP_query_size, &size, 1) && size.status == GNTST_permission_denied);
	size.dom = 5;
	check("query_size: no such domain",
	      !grant_op(GNTTABOP_query_size, &size, 1) && size.status == GNTST_bad_domain);
	check("query_size: a list of two", grant_op(GNTTABOP_query_size, &size, 2) == -EINVAL);
	check("query_size: not mapped", grant_op(GNTTABOP_query_size, NULL, 1) == -EFAULT);
	check("setup_table: too many", setup(FRAMES + 1, DOMID_SELF) == GNTST_general_error);
	check("setup_table: domain 0", setup(1, 0) == GNTST_permission_denied);
	check("setup_table: all", !setup(FRAMES, SELF) && frames[FRAMES - 1] == frames[0] + 63);
	check("... is mapped", map_frame(table_page, frames[0]));
	check("map_grant_ref: nothing to map", !grant_op(GNTTABOP_map_grant_ref, map, 2) &&
						       map[0].status == GNTST_bad_gntref &&
						       map[1].status == GNTST_bad_domain);
	check("unmap_grant_ref: nothing mapped",
	      !grant_op(GNTTABOP_unmap_grant_ref, &unmap, 1) && unmap.status == GNTST_bad_handle);
	check("an operation that does not exist", grant_op(99, NULL, 1) == -ENOSYS);
}

/* ------------------------------------------------------------ copies */

#define BY_FRAME(page)                                                                             \
	{                                                                                          \
		.u.gmfn = mfn_of(page), .domid = DOMID_SELF                                        \
	}
#define BY_REF(n, dom)                                                                             \
	{                                                                                          \
		.u.ref = (n), .domid = (dom)                                                       \
	}

static int copy(struct gnttab_copy op)
{
	op.status = 1;
	return grant_op(GNTTABOP_copy, &op, 1) ? 1 : op.status;
}

static u64 *word(u32 page, u32 offset)
{
	return (u64 *)(spare[page] + offset);
}

static void test_copy_by_frame(void)
{
	struct gnttab_copy op = {.source = BY_FRAME(spare[0]), .dest = BY_FRAME(spare[1])}, c;
	struct gnttab_copy two[2];

	op.len = 8;
	op.source.offset = 24;
	op.dest.offset = PAGE - 8;
	*word(0, 24) = 0x1122334455667788;
	*word(1, PAGE - 16) = 0;
	check("copy: by frames",
	      !copy(op) && *word(1, PAGE - 8) == 0x1122334455667788 && !*word(1, PAGE - 16));
	c = op;
	c.dest.offset = PAGE - 7;
	check("copy: beyond the page", copy(c) == GNTST_bad_copy_arg);
	c = op;
	c.source.u.gmfn = 1UL << 40;
	check("copy: no such frame", copy(c) == GNTST_bad_page);
	c = op;
	c.dest.domid = 0;
	check("copy: a frame of domain 0", copy(c) == GNTST_permission_denied);
	two[0] = c;
	two[1] = op;
	two[1].dest.offset = 0;
	check("copy: one of two", !grant_op(GNTTABOP_copy, two, 2) &&
					  two[0].status == GNTST_permission_denied &&
					  !two[1].status && *word(1, 0) == *word(0, 24));
	check("copy: a list that is not mapped", grant_op(GNTTABOP_copy, NULL, 1) == -EFAULT);
}

static int copy_from(u32 ref, domid_t dom)
{
	struct gnttab_copy op = {.source = BY_REF(ref, dom),
				 .dest = BY_FRAME(spare[1]),
				 .len = 8,
				 .flags = GNTCOPY_source_gref};

	*word(1, 0) = 0;
	return copy(op);
}

static int copy_to(u32 ref, domid_t dom, u32 offset)
{
	struct gnttab_copy op = {.source = BY_FRAME(spare[0]),
				 .dest = BY_REF(ref, dom),
				 .len = 8,
				 .flags = GNTCOPY_dest_gref};

	op.dest.offset = (u16)offset;
	return copy(op);
}

/* What both versions have, with a version's own way to write an entry. */
static void test_copy_by_ref(void (*grant)(u32 ref, u16 flags, domid_t dom, u64 mfn), u32 n)
{
	*word(0, 0) = 0x0102030405060708;
	*word(2, 0) = 0x55aa55aa55aa55aa;
	grant(8, GTF_permit_access, SELF, mfn_of(spare[2]));
	grant(9, GTF_permit_access | GTF_readonly, SELF, mfn_of(spare[2]));
	grant(10, GTF_permit_access, 0, mfn_of(spare[2]));
	grant(11, GTF_permit_access, SELF, 0xffffffff);
	check("copy: from a grant", !copy_from(8, DOMID_SELF) && *word(1, 0) == *word(2, 0));
	check("copy: to one that is for reading", copy_to(9, SELF, 0) == GNTST_general_error);
	check("copy: from that", !copy_from(9, SELF) && *word(1, 0) == *word(2, 0));
	check("copy: from one for domain 0", copy_from(10, SELF) == GNTST_general_error);
	check("copy: from one without a frame", copy_from(11, SELF) == GNTST_bad_page);
	check("copy: from one that is empty", copy_from(12, SELF) == GNTST_general_error);
	check("copy: behind the last", copy_from(n, SELF) == GNTST_bad_gntref);
	check("copy: from domain 0's", copy_from(8, 0) == GNTST_bad_gntref);
	check("copy: from no domain's", copy_from(8, 5) == GNTST_bad_domain);
	check("copy: to a grant", !copy_to(8, DOMID_SELF, 0) && *word(2, 0) == *word(0, 0));
}

static void grant_v1(u32 ref, u16 flags, domid_t dom, u64 mfn)
{
	*v1(ref) = (grant_entry_v1_t){flags, dom, (u32)mfn};
}

static void grant_v2(u32 ref, u16 flags, domid_t dom, u64 mfn)
{
	v2(ref)->full_page.frame = mfn;
	v2(ref)->hdr = (grant_entry_header_t){flags, dom};
}

static int swap(u32 a, u32 b)
{
	struct gnttab_swap_grant_ref op = {a, b, 1};

	return grant_op(GNTTABOP_swap_grant_ref, &op, 1) ? 1 : op.status;
}

static void test_v1(void)
{
	u32 now;

	check("get_version", !get_version(DOMID_SELF, &now) && now == 1);
	check("get_version: domain 0", get_version(0, &now) == -EPERM);
	check("get_version: no such domain", get_version(5, &now) == -ESRCH);
	check("get_status_frames: not in version 1",
	      status_frames(1, DOMID_SELF) == GNTST_general_error);
	test_copy_by_ref(grant_v1, FRAMES * PAGE / sizeof(grant_entry_v1_t));
	check("copy: leaves no marks", v1(8)->flags == GTF_permit_access);
	check("swap_grant_ref", !swap(8, 12) && v1(12)->frame == mfn_of(spare[2]) &&
					v1(12)->flags == GTF_permit_access && !v1(8)->flags);
	check("swap_grant_ref: behind the last", swap(8, FRAMES * 512) == GNTST_bad_gntref);
	v1(8)->flags = GTF_permit_access | GTF_reading;
	check("swap_grant_ref: in use", swap(8, 12) == GNTST_eagain);
	check("set_version: while a grant is in use", set_version(2, &now) == -EBUSY && now == 1);
	v1(8)->flags = 0;
	check("set_version: 3", set_version(3, &now) == -EINVAL && now == 1);
}

static void test_v2(void)
{
	u32 now;

	grant_v1(2, GTF_permit_access, 0, 0x77);
	check("set_version: 2", !set_version(2, &now) && now == 2);
	check("... keeps the first entries",
	      v2(2)->hdr.flags == GTF_permit_access && v2(2)->full_page.frame == 0x77);
	check("... and no others", !v2(12)->hdr.flags && !v2(6)->hdr.flags);
	check("get_version: 2", !get_version(SELF, &now) && now == 2);
	check("get_status_frames", !status_frames(FRAMES / 8, DOMID_SELF));
	check("... are mapped", map_frame(status_page, frames[0]));
	check("get_status_frames: too many",
	      status_frames(FRAMES / 8 + 1, DOMID_SELF) == GNTST_general_error);
	check("get_status_frames: domain 0", status_frames(1, 0) == GNTST_permission_denied);
	test_copy_by_ref(grant_v2, FRAMES * PAGE / sizeof(grant_entry_v2_t));
	check("copy: leaves no status", !((grant_status_t *)status_page)[8]);
	grant_v2(13, GTF_permit_access | GTF_sub_page, SELF, mfn_of(spare[2]));
	v2(13)->sub_page.page_off = 64;
	v2(13)->sub_page.length = 16;
	check("copy: to a part of a page", !copy_to(13, SELF, 72) && *word(2, 72) == *word(0, 0));
	check("copy: in front of it", copy_to(13, SELF, 63) == GNTST_general_error);
	check("copy: behind it", copy_to(13, SELF, 73) == GNTST_general_error);
	((grant_status_t *)status_page)[13] = GTF_reading;
	check("set_version: while status says in use", set_version(1, &now) == -EBUSY && now == 2);
	((grant_status_t *)status_page)[13] = 0;
	v2(3)->full_page.frame = 1UL << 32;
	check("set_version: an entry that 1 has not", set_version(1, &now) == -EINVAL && now == 2);
	v2(3)->full_page.frame = 0;
	check("set_version: back", !set_version(1, &now) && now == 1 && v1(2)->frame == 0x77);
}

void test_grants(void)
{
	test_table();
	test_copy_by_frame();
	test_v1();
	test_v2();
}
