// SPDX-License-Identifier: GPL-2.0
/*
 * Grant tables, version 1 (xen/grant_table.h). The guest writes what it grants
 * into frames that vmmd reads; vmmd is the only domain that there is to grant to,
 * and grants nothing itself, so that no guest has anything to map.
 */
#include "shim.h"

#include <xen/grant_table.h>

static u32 frames_in_use = 1;

static long setup_table(u64 arg)
{
	struct gnttab_setup_table t;
	u64 *list, frame;
	u32 i;

	if (guest_copy(&t, (void *)arg, sizeof(t)))
		return -EFAULT;
	list = *(u64 **)&t.frame_list;
	t.status = GNTST_okay;
	if (t.nr_frames > SHIM_GRANT_FRAMES) {
		t.status = GNTST_general_error;
	} else if (t.dom != DOMID_SELF) {
		t.status = GNTST_permission_denied;
	} else {
		if (t.nr_frames > frames_in_use)
			frames_in_use = t.nr_frames;
		for (i = 0; i < t.nr_frames; i++) {
			frame = (shim_info.grants >> PAGE_SHIFT) + i;
			if (guest_copy(&list[i], &frame, sizeof(frame)))
				return -EFAULT;
		}
	}
	return guest_copy((void *)arg, &t, sizeof(t));
}

static long query_size(u64 arg)
{
	struct gnttab_query_size q;

	if (guest_copy(&q, (void *)arg, sizeof(q)))
		return -EFAULT;
	q.nr_frames = frames_in_use;
	q.max_nr_frames = SHIM_GRANT_FRAMES;
	q.status = q.dom == DOMID_SELF ? GNTST_okay : GNTST_permission_denied;
	return guest_copy((void *)arg, &q, sizeof(q));
}

static long set_version(u64 arg)
{
	struct gnttab_set_version s;

	if (guest_copy(&s, (void *)arg, sizeof(s)))
		return -EFAULT;
	if (s.version != 1)
		return -EINVAL;
	return 0;
}

static long get_version(u64 arg)
{
	struct gnttab_get_version g;

	if (guest_copy(&g, (void *)arg, sizeof(g)))
		return -EFAULT;
	g.version = 1;
	return guest_copy((void *)arg, &g, sizeof(g));
}

/* args: command, list of arguments, how many */
long hv_grant_table_op(struct vcpu *v, const u64 a[5])
{
	(void)v;
	if (a[2] != 1)
		return -EINVAL;
	switch (a[0]) {
	case GNTTABOP_setup_table:
		return setup_table(a[1]);
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
