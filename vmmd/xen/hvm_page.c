// SPDX-License-Identifier: GPL-2.0
/*
 * Pages that a guest places in its address space: shared_info and the frames of the
 * grant table. Where it has RAM, its own page becomes the page; elsewhere one of
 * vmmd's is shown by a memory slot of its own. What a page held moves with it.
 */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "vm.h"
#include "xen/hvm.h"
#include "xen/xen_internal.h"

static u8 *own_page(const struct hvm *hvm, u32 nr)
{
	return hvm->own + (u64)nr * GUEST_PAGE_SIZE;
}

/* Behind those of RAM. */
static int set_slot(struct hvm *hvm, u32 nr, u64 frame, bool there)
{
	struct vm *vm = hvm->xen->vm;

	return hv_set_memslot(&vm->hv, vm->mem.nr + nr, frame * GUEST_PAGE_SIZE,
			      there ? GUEST_PAGE_SIZE : 0, own_page(hvm, nr), 0);
}

static void move_to(struct hvm_page *page, u8 *to)
{
	if (page->at == to)
		return;
	memcpy(to, page->at, GUEST_PAGE_SIZE);
	__atomic_store_n(&page->at, to, __ATOMIC_RELEASE);
}

static void take_away(struct hvm *hvm, u32 nr)
{
	struct hvm_page *page = &hvm->page[nr];

	if (page->slot)
		set_slot(hvm, nr, page->frame, false);
	page->slot = false;
	page->frame = HVM_NO_FRAME;
}

/** hvm_pages_reset() - all pages empty and nowhere; the VM is new, no vCPU runs */
void hvm_pages_reset(struct hvm *hvm)
{
	u32 i;

	madvise(hvm->own, HVM_PAGES * GUEST_PAGE_SIZE, MADV_DONTNEED);
	for (i = 0; i < HVM_PAGES; i++)
		hvm->page[i] = (struct hvm_page){.at = own_page(hvm, i), .frame = HVM_NO_FRAME};
}

/**
 * hvm_page_place() - a page is to be at a frame
 * @hvm: the guest; its lock held
 * @nr: below HVM_PAGES
 * @frame: as hostile as the guest likes
 *
 * Return: 0, or a negative errno when it cannot be there; it is where it was, or
 * nowhere.
 */
int hvm_page_place(struct hvm *hvm, u32 nr, u64 frame)
{
	struct hvm_page *page = &hvm->page[nr];
	u8 *ram;
	int ret;

	if (frame > UINT64_MAX / GUEST_PAGE_SIZE)
		return -EINVAL;
	if (frame == page->frame)
		return 0;
	ram = mem_range(&hvm->xen->vm->mem, frame * GUEST_PAGE_SIZE, GUEST_PAGE_SIZE);
	take_away(hvm, nr);
	if (!ram) {
		ret = set_slot(hvm, nr, frame, true);
		if (ret)
			return ret;
		page->slot = true;
	}
	move_to(page, ram ? ram : own_page(hvm, nr));
	page->frame = frame;
	return 0;
}

/** hvm_page_remove() - whether a page was placed at @frame, and is no more; lock held */
bool hvm_page_remove(struct hvm *hvm, u64 frame)
{
	u32 i;

	for (i = 0; i < HVM_PAGES; i++) {
		if (frame == HVM_NO_FRAME || hvm->page[i].frame != frame)
			continue;
		move_to(&hvm->page[i], own_page(hvm, i));
		take_away(hvm, i);
		return true;
	}
	return false;
}
