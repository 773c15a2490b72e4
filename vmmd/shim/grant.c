// SPDX-License-Identifier: GPL-2.0
/*
 * Grant tables, versions 1 and 2 (xen/grant_table.h). The guest writes what it
 * grants into frames that vmmd reads; vmmd is the only domain that there is to grant
 * to, and grants nothing itself, so that no guest has anything to map.
 *
 * Both versions have the flags and the domain in the first word of an entry. The
 * marks of what is in use are among the flags in version 1, in version 2 in frames of
 * their own, behind those of the entries.
 */
#include "shim.h"

#include <xen/grant_table.h>

#define MARKS	 (GTF_reading | GTF_writing)
#define TABLE	 (SHIM_GRANT_FRAMES * PAGE_SIZE)
#define STATUSES (PAGE_SIZE / sizeof(grant_status_t))

/* A guest's own domain by its other name. */
#define IS_SELF(dom) ((dom) == DOMID_SELF || (dom) == SHIM_DOMID)

static u32 frames_in_use = 1;

/* Entries do not move, nor are they let go, under a copy by this vCPU. */
static u8 grants_lock;

/** grant_restored() - the guest was saved, and has the table of a new one */
void grant_restored(void)
{
	frames_in_use = 1;
	shim_info.grant_version = 1;
}

/* Return: GNTST_* for a domain that is asked about, whose table nobody else may see. */
static s16 may_ask(domid_t dom)
{
	if (IS_SELF(dom))
		return GNTST_okay;
	return dom ? GNTST_bad_domain : GNTST_permission_denied;
}

/* ------------------------------------------------------------ entries */

static bool is_v2(void)
{
	return shim_info.grant_version == 2;
}

static u64 entry_size(void)
{
	return is_v2() ? sizeof(grant_entry_v2_t) : sizeof(grant_entry_v1_t);
}

static u64 entries(void)
{
	return frames_in_use * PAGE_SIZE / entry_size();
}

static void *entry_of(u64 ref)
{
	return ram(shim_info.grants + ref * entry_size());
}

static u16 *status_of(u64 ref)
{
	return ram(shim_info.grants + TABLE + ref * sizeof(grant_status_t));
}

static bool is_active(u64 ref)
{
	const grant_entry_header_t *header = entry_of(ref);

	return (is_v2() ? *status_of(ref) : header->flags) & MARKS;
}

/* ------------------------------------------------------------ the table */

static int put_frames(u64 list, u64 gpa, u32 n)
{
	u64 frame = gpa >> PAGE_SHIFT;
	u32 i;

	for (i = 0; i < n; i++, frame++)
		if (guest_copy((u64 *)list + i, &frame, sizeof(frame)))
			return -EFAULT;
	return 0;
}

static long setup_table(u64 arg)
{
	struct gnttab_setup_table t;

	if (guest_copy(&t, (void *)arg, sizeof(t)))
		return -EFAULT;
	t.status = may_ask(t.dom);
	if (!t.status && t.nr_frames > SHIM_GRANT_FRAMES)
		t.status = GNTST_general_error;
	if (!t.status) {
		if (t.nr_frames > frames_in_use)
			frames_in_use = t.nr_frames;
		if (put_frames(*(u64 *)&t.frame_list, shim_info.grants, t.nr_frames))
			return -EFAULT;
	}
	return guest_copy((void *)arg, &t, sizeof(t));
}

static long get_status_frames(u64 arg)
{
	struct gnttab_get_status_frames g;

	if (guest_copy(&g, (void *)arg, sizeof(g)))
		return -EFAULT;
	g.status = may_ask(g.dom);
	if (!g.status && (!is_v2() || g.nr_frames > (entries() + STATUSES - 1) / STATUSES))
		g.status = GNTST_general_error;
	if (!g.status && put_frames(*(u64 *)&g.frame_list, shim_info.grants + TABLE, g.nr_frames))
		return -EFAULT;
	return guest_copy((void *)arg, &g, sizeof(g));
}

static long query_size(u64 arg)
{
	struct gnttab_query_size q;

	if (guest_copy(&q, (void *)arg, sizeof(q)))
		return -EFAULT;
	q.status = may_ask(q.dom);
	q.nr_frames = frames_in_use;
	q.max_nr_frames = SHIM_GRANT_FRAMES;
	return guest_copy((void *)arg, &q, sizeof(q));
}

/* The first entries are kept, in the other form, all others are gone. */
static long change_version(void)
{
	struct {
		grant_entry_header_t header;
		u64 frame;
	} kept[GNTTAB_NR_RESERVED_ENTRIES];
	u64 ref, n = entries();

	for (ref = 0; ref < n; ref++)
		if (is_active(ref))
			return -EBUSY;
	for (ref = 0; ref < ARRAY_SIZE(kept); ref++) {
		const grant_entry_v1_t *v1 = entry_of(ref);
		const grant_entry_v2_t *v2 = entry_of(ref);

		kept[ref].header = v2->hdr;
		kept[ref].frame = is_v2() ? v2->full_page.frame : v1->frame;
		/* What version 1 has no form for. */
		if (kept[ref].header.flags & GTF_sub_page ||
		    (kept[ref].header.flags & GTF_type_mask) == GTF_transitive ||
		    kept[ref].frame > UINT32_MAX)
			return -EINVAL;
	}
	shim_info.grant_version = is_v2() ? 1 : 2;
	__builtin_memset(ram(shim_info.grants), 0, TABLE + SHIM_GRANT_STATUS_FRAMES * PAGE_SIZE);
	for (ref = 0; ref < ARRAY_SIZE(kept); ref++) {
		grant_entry_v1_t *v1 = entry_of(ref);
		grant_entry_v2_t *v2 = entry_of(ref);

		v2->hdr = kept[ref].header;
		if (is_v2())
			v2->full_page.frame = kept[ref].frame;
		else
			v1->frame = (u32)kept[ref].frame;
	}
	return 0;
}

static long set_version(u64 arg)
{
	struct gnttab_set_version s;
	long r = 0;

	if (guest_copy(&s, (void *)arg, sizeof(s)))
		return -EFAULT;
	spin_lock(&grants_lock);
	if (s.version != 1 && s.version != 2)
		r = -EINVAL;
	else if (s.version != shim_info.grant_version)
		r = change_version();
	spin_unlock(&grants_lock);
	s.version = (u32)shim_info.grant_version;
	return guest_copy((void *)arg, &s, sizeof(s)) ? -EFAULT : r;
}

static long get_version(u64 arg)
{
	struct gnttab_get_version g;
	s16 status;

	if (guest_copy(&g, (void *)arg, sizeof(g)))
		return -EFAULT;
	status = may_ask(g.dom);
	if (status)
		return status == GNTST_bad_domain ? -ESRCH : -EPERM;
	g.version = (u32)shim_info.grant_version;
	return guest_copy((void *)arg, &g, sizeof(g));
}

/* ------------------------------------------------------------ what an entry permits */

static bool permits(u32 word, bool write)
{
	grant_entry_header_t h = {.flags = (u16)word, .domid = (u16)(word >> 16)};

	return (h.flags & GTF_type_mask) == GTF_permit_access && h.domid == SHIM_DOMID &&
	       !(write && h.flags & GTF_readonly);
}

/*
 * Mark an entry as in use, so that another vCPU's end of access fails. Version 2: the
 * guest takes back the permit and looks for the mark, here it is the other way round.
 */
static bool hold(u64 ref, u16 marks)
{
	u32 *header = entry_of(ref), word = __atomic_load_n(header, __ATOMIC_SEQ_CST);
	bool write = marks & GTF_writing;

	if (is_v2()) {
		__atomic_fetch_or(status_of(ref), marks, __ATOMIC_SEQ_CST);
		if (permits(__atomic_load_n(header, __ATOMIC_SEQ_CST), write))
			return true;
		__atomic_fetch_and(status_of(ref), (u16)~marks, __ATOMIC_SEQ_CST);
		return false;
	}
	do {
		if (!permits(word, write))
			return false;
	} while (!__atomic_compare_exchange_n(header, &word, word | marks, false, __ATOMIC_SEQ_CST,
					      __ATOMIC_SEQ_CST));
	return true;
}

static void release(u64 ref, u16 marks)
{
	if (is_v2())
		__atomic_fetch_and(status_of(ref), (u16)~marks, __ATOMIC_SEQ_CST);
	else
		__atomic_fetch_and((u32 *)entry_of(ref), ~(u32)marks, __ATOMIC_SEQ_CST);
}

/* The frame of an entry that is held; false when its part of a page is left. */
static bool frame_of(u64 ref, u32 offset, u32 len, u64 *mfn)
{
	const grant_entry_v2_t *v2 = entry_of(ref);
	u32 from, end;

	if (!is_v2()) {
		*mfn = ((const grant_entry_v1_t *)v2)->frame;
		return true;
	}
	*mfn = v2->full_page.frame;
	from = v2->sub_page.page_off;
	end = from + v2->sub_page.length;
	return !(v2->hdr.flags & GTF_sub_page) || (offset >= from && offset + len <= end);
}

/* ------------------------------------------------------------ GNTTABOP_copy */

/**
 * struct end - one end of a copy
 * @at: its first byte
 * @marks: GTF_* to take off the entry behind it, 0 for none
 */
struct end {
	u8 *at;
	u16 marks;
};

/* By reference: only the guest's own entries, if it has granted them to itself. */
static s16 hold_end(const struct gnttab_copy_ptr *p, u32 len, struct end *end, u16 marks, u64 *mfn)
{
	if (!IS_SELF(p->domid))
		return p->domid ? GNTST_bad_domain : GNTST_bad_gntref;
	if (p->u.ref >= entries())
		return GNTST_bad_gntref;
	if (!hold(p->u.ref, marks))
		return GNTST_general_error;
	end->marks = marks;
	return frame_of(p->u.ref, p->offset, len, mfn) ? GNTST_okay : GNTST_general_error;
}

static s16 find_end(const struct gnttab_copy_ptr *p, bool by_ref, u32 len, struct end *end,
		    u16 marks)
{
	s16 status = GNTST_okay;
	u64 mfn = p->u.gmfn;

	if (p->offset + len > PAGE_SIZE)
		return GNTST_bad_copy_arg;
	if (by_ref)
		status = hold_end(p, len, end, marks, &mfn);
	else if (p->domid != DOMID_SELF)
		status = GNTST_permission_denied;
	if (!status && !mfn_is_ram(mfn))
		status = GNTST_bad_page;
	if (!status)
		end->at = (u8 *)ram(mfn << PAGE_SHIFT) + p->offset;
	return status;
}

static s16 copy_one(const struct gnttab_copy *c)
{
	struct end from = {0}, to = {0};
	s16 status;

	spin_lock(&grants_lock);
	status = find_end(&c->source, c->flags & GNTCOPY_source_gref, c->len, &from, GTF_reading);
	if (!status)
		status = find_end(&c->dest, c->flags & GNTCOPY_dest_gref, c->len, &to, MARKS);
	if (!status)
		__builtin_memcpy(to.at, from.at, c->len);
	if (to.marks)
		release(c->dest.u.ref, to.marks);
	if (from.marks)
		release(c->source.u.ref, from.marks);
	spin_unlock(&grants_lock);
	return status;
}

/* ------------------------------------------------------------ small ones */

static s16 swap(u64 a, u64 b)
{
	grant_entry_v2_t entry;

	if (a >= entries() || b >= entries())
		return GNTST_bad_gntref;
	if (is_active(a) || is_active(b))
		return GNTST_eagain;
	__builtin_memcpy(&entry, entry_of(a), entry_size());
	__builtin_memcpy(entry_of(a), entry_of(b), entry_size());
	__builtin_memcpy(entry_of(b), &entry, entry_size());
	return GNTST_okay;
}

static s16 swap_locked(u64 a, u64 b)
{
	s16 status;

	spin_lock(&grants_lock);
	status = swap(a, b);
	spin_unlock(&grants_lock);
	return status;
}

/* Who grants nothing to this guest; other domains there are none. */
static s16 no_grant(domid_t dom)
{
	return IS_SELF(dom) || !dom ? GNTST_bad_gntref : GNTST_bad_domain;
}

/*
 * A list of operations, each with a status of its own in it. The list is an array of
 * a type of its command's.
 */
static long each(u64 cmd, u64 list, u64 n)
{
	union {
		struct gnttab_copy copy;
		struct gnttab_swap_grant_ref swap;
		struct gnttab_map_grant_ref map;
		struct gnttab_unmap_grant_ref unmap;
	} op;
	u64 size = cmd == GNTTABOP_copy		    ? sizeof(op.copy)
		   : cmd == GNTTABOP_swap_grant_ref ? sizeof(op.swap)
		   : cmd == GNTTABOP_map_grant_ref  ? sizeof(op.map)
						    : sizeof(op.unmap);

	for (; n; n--, list += size) {
		if (guest_copy(&op, (void *)list, size))
			return -EFAULT;
		if (cmd == GNTTABOP_copy)
			op.copy.status = copy_one(&op.copy);
		else if (cmd == GNTTABOP_swap_grant_ref)
			op.swap.status = swap_locked(op.swap.ref_a, op.swap.ref_b);
		else if (cmd == GNTTABOP_map_grant_ref)
			op.map.status = no_grant(op.map.dom);
		else
			op.unmap.status = GNTST_bad_handle;
		if (guest_copy((void *)list, &op, size))
			return -EFAULT;
	}
	return 0;
}

/* args: command, list of arguments, how many */
long hv_grant_table_op(struct vcpu *v, const u64 a[5])
{
	(void)v;
	switch (a[0]) {
	case GNTTABOP_copy:
	case GNTTABOP_swap_grant_ref:
	case GNTTABOP_map_grant_ref:
	case GNTTABOP_unmap_grant_ref:
		return each(a[0], a[1], (u32)a[2]);
	default:
		break;
	}
	if ((u32)a[2] != 1)
		return -EINVAL;
	switch (a[0]) {
	case GNTTABOP_setup_table:
		return setup_table(a[1]);
	case GNTTABOP_get_status_frames:
		return get_status_frames(a[1]);
	case GNTTABOP_query_size:
		return query_size(a[1]);
	case GNTTABOP_set_version:
		return set_version(a[1]);
	case GNTTABOP_get_version:
		return get_version(a[1]);
	default:
		return -ENOSYS;
	}
}
