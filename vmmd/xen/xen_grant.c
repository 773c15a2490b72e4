// SPDX-License-Identifier: GPL-2.0
/*
 * Grants, vmmd's end: the table of version 1 (xen/grant_table.h), which the
 * guest writes at any time. An entry is read as one word of flags and domain, so
 * that what was checked is what is marked.
 */
#include <stdint.h>
#include <xen/xen.h>
#include <xen/grant_table.h>

#include "vm.h"
#include "xen/xen_internal.h"

/* Flags and domain of an entry in one word, as they lie in memory. */
#define WORD_FLAGS(word) ((u16)(word))
#define WORD_DOMID(word) ((u16)((word) >> 16))

struct entry {
	u32 word;
	u32 frame;
};

_Static_assert(sizeof(struct entry) == sizeof(grant_entry_v1_t), "two words");

static struct entry *entry_of(struct xen *xen, u32 ref)
{
	if (ref >= XEN_GRANTS)
		return NULL;
	return mem_range(&xen->vm->mem, xen->places.grants + ref * sizeof(struct entry),
			 sizeof(struct entry));
}

static bool permits(u32 word, bool write)
{
	u16 flags = WORD_FLAGS(word);

	return (flags & GTF_type_mask) == GTF_permit_access && WORD_DOMID(word) == 0 &&
	       !(write && flags & GTF_readonly);
}

static void let_go(struct xen *xen, struct entry *e, u32 ref, bool write)
{
	u32 marks = 0;

	if (write && !--xen->writers[ref])
		marks |= GTF_writing;
	if (!--xen->readers[ref])
		marks |= GTF_reading;
	if (marks)
		__atomic_fetch_and(&e->word, ~marks, __ATOMIC_SEQ_CST);
}

static bool mark(struct entry *e, bool write)
{
	u32 marks = write ? GTF_reading | GTF_writing : GTF_reading;
	u32 word = __atomic_load_n(&e->word, __ATOMIC_ACQUIRE);

	/* Each retry means that the guest has just changed the entry. */
	do {
		if (!permits(word, write))
			return false;
	} while (!__atomic_compare_exchange_n(&e->word, &word, word | marks, false,
					      __ATOMIC_SEQ_CST, __ATOMIC_ACQUIRE));
	return true;
}

void *xen_grant_map(struct xen *xen, u32 ref, bool write)
{
	struct entry *e = entry_of(xen, ref);
	void *page = NULL;

	if (!e)
		return NULL;
	pthread_mutex_lock(&xen->grant_lock);
	if (mark(e, write)) {
		u64 frame = __atomic_load_n(&e->frame, __ATOMIC_RELAXED);

		xen->readers[ref]++;
		xen->writers[ref] += write;
		page = mem_range(&xen->vm->mem, frame * GUEST_PAGE_SIZE, GUEST_PAGE_SIZE);
		if (!page)
			let_go(xen, e, ref, write);
	}
	pthread_mutex_unlock(&xen->grant_lock);
	return page;
}

void xen_grant_unmap(struct xen *xen, u32 ref, bool write)
{
	struct entry *e = entry_of(xen, ref);

	if (!e)
		return;
	pthread_mutex_lock(&xen->grant_lock);
	let_go(xen, e, ref, write);
	pthread_mutex_unlock(&xen->grant_lock);
}
