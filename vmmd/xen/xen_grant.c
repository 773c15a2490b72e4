// SPDX-License-Identifier: GPL-2.0
/*
 * Grants, vmmd's end: the table (xen/grant_table.h), which the guest writes at any
 * time. Both versions of it have flags and domain of an entry in its first word, which
 * is read as one, so that what was checked is what is marked. The marks are among
 * these flags in version 1, apart from them in version 2.
 */
/* Without it the headers have only version 1. */
#define __XEN_INTERFACE_VERSION__ __XEN_LATEST_INTERFACE_VERSION__

#include <stdint.h>
#include <xen/xen.h>
#include <xen/grant_table.h>

#include "log.h"
#include "vm.h"
#include "xen/xen_internal.h"

/* Flags and domain of an entry in one word, as they lie in memory. */
#define WORD_FLAGS(word) ((u16)(word))
#define WORD_DOMID(word) ((u16)((word) >> 16))

/**
 * struct entry - where the guest has it
 * @word: flags and domain
 * @status: marks of version 2, NULL in version 1
 * @frame: what is granted, 64 bits wide in version 2
 */
struct entry {
	u32 *word;
	u16 *status;
	void *frame;
};

_Static_assert(offsetof(grant_entry_v1_t, frame) == sizeof(u32), "behind the word");
#define STATUS_PER_FRAME (GUEST_PAGE_SIZE / sizeof(grant_status_t))

_Static_assert(SHIM_GRANT_FRAMES *GUEST_PAGE_SIZE / sizeof(grant_entry_v1_t) == XEN_GRANTS,
	       "version 1 has more of them");

/* The version is the guest's to change as all else, even under what is mapped. */
static bool find(struct xen *xen, u32 ref, struct entry *e)
{
	bool v2 = xen->ops->grant_version && xen->ops->grant_version(xen) == 2;
	u64 size = v2 ? sizeof(grant_entry_v2_t) : sizeof(grant_entry_v1_t);
	u64 per_frame = GUEST_PAGE_SIZE / size;
	grant_status_t *status;
	u8 *entry;

	if (ref / per_frame >= SHIM_GRANT_FRAMES)
		return false;
	entry = xen->ops->grant_frame(xen, (u32)(ref / per_frame));
	if (!entry)
		return false;
	entry += ref % per_frame * size;
	*e = (struct entry){.word = (u32 *)entry};
	if (v2) {
		status = xen->ops->grant_frame(xen, SHIM_GRANT_FRAMES + ref / STATUS_PER_FRAME);
		if (!status)
			return false;
		e->status = status + ref % STATUS_PER_FRAME;
	}
	e->frame = entry + (v2 ? offsetof(grant_entry_v2_t, full_page.frame)
			       : offsetof(grant_entry_v1_t, frame));
	return true;
}

/* Of these the log hears once: no front end that we know of maps them. */
static bool cannot(struct xen *xen, const struct entry *e, u32 word)
{
	u32 type = WORD_FLAGS(word) & GTF_type_mask;
	bool part = type == GTF_permit_access && WORD_FLAGS(word) & GTF_sub_page;

	if (!e->status || (!part && type != GTF_transitive))
		return false;
	if (!xen->grant_told)
		log_warn("guest: a grant %s: only whole pages of its own can be mapped",
			 part ? "of a part of a page" : "of another domain's page");
	xen->grant_told = true;
	return true;
}

static bool permits(struct xen *xen, const struct entry *e, u32 word, bool write)
{
	u16 flags = WORD_FLAGS(word);

	return !cannot(xen, e, word) && (flags & GTF_type_mask) == GTF_permit_access &&
	       WORD_DOMID(word) == 0 && !(write && flags & GTF_readonly);
}

static u16 marks_of(bool write)
{
	return write ? GTF_reading | GTF_writing : GTF_reading;
}

/* Take off marks that no mapping needs. */
static void unmark(const struct xen *xen, const struct entry *e, u32 ref, u16 marks)
{
	if (xen->readers[ref])
		marks &= (u16)~GTF_reading;
	if (xen->writers[ref])
		marks &= (u16)~GTF_writing;
	if (e->status)
		__atomic_fetch_and(e->status, (u16)~marks, __ATOMIC_SEQ_CST);
	else
		__atomic_fetch_and(e->word, ~(u32)marks, __ATOMIC_SEQ_CST);
}

/* Version 1. Each retry means that the guest has just changed the entry. */
static bool mark(struct xen *xen, const struct entry *e, bool write)
{
	u32 word = __atomic_load_n(e->word, __ATOMIC_ACQUIRE);

	do {
		if (!permits(xen, e, word, write))
			return false;
	} while (!__atomic_compare_exchange_n(e->word, &word, word | marks_of(write), false,
					      __ATOMIC_SEQ_CST, __ATOMIC_ACQUIRE));
	return true;
}

/*
 * Version 2. The guest takes back the permit and then looks for marks; so the mark
 * comes first here, and the entry counts as it is then.
 */
static bool mark_status(struct xen *xen, const struct entry *e, u32 ref, bool write)
{
	if (!permits(xen, e, __atomic_load_n(e->word, __ATOMIC_ACQUIRE), write))
		return false;
	__atomic_fetch_or(e->status, marks_of(write), __ATOMIC_SEQ_CST);
	if (permits(xen, e, __atomic_load_n(e->word, __ATOMIC_SEQ_CST), write))
		return true;
	unmark(xen, e, ref, marks_of(write));
	return false;
}

static void *page_of(const struct xen *xen, const struct entry *e)
{
	u64 frame = e->status ? __atomic_load_n((u64 *)e->frame, __ATOMIC_RELAXED)
			      : __atomic_load_n((u32 *)e->frame, __ATOMIC_RELAXED);

	/* A frame of no address that there is would be cut to one. */
	if (frame > UINT64_MAX / GUEST_PAGE_SIZE)
		return NULL;
	return mem_range(&xen->vm->mem, frame * GUEST_PAGE_SIZE, GUEST_PAGE_SIZE);
}

void *xen_grant_map(struct xen *xen, u32 ref, bool write)
{
	struct entry e;
	void *page = NULL;

	if (!find(xen, ref, &e))
		return NULL;
	pthread_mutex_lock(&xen->grant_lock);
	if (e.status ? mark_status(xen, &e, ref, write) : mark(xen, &e, write)) {
		page = page_of(xen, &e);
		if (page) {
			xen->readers[ref]++;
			xen->writers[ref] += write;
		} else {
			unmark(xen, &e, ref, marks_of(write));
		}
	}
	pthread_mutex_unlock(&xen->grant_lock);
	return page;
}

void xen_grant_unmap(struct xen *xen, u32 ref, bool write)
{
	struct entry e;

	if (ref >= XEN_GRANTS)
		return;
	pthread_mutex_lock(&xen->grant_lock);
	xen->readers[ref]--;
	xen->writers[ref] -= write;
	if (find(xen, ref, &e))
		unmark(xen, &e, ref, marks_of(write));
	pthread_mutex_unlock(&xen->grant_lock);
}
