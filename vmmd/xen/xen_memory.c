// SPDX-License-Identifier: GPL-2.0
/*
 * What a guest has of its memory. Its balloon driver gives pages back by a
 * hypercall, and the shim hands them on (shim/mem.c).
 */
#include <stddef.h>

#include "vm.h"
#include "xen/core.h"
#include "xen/store.h"
#include "xen/xen_internal.h"

/** xen_info_field() - a field of struct shim_info, which the guest can overwrite as all */
u64 *xen_info_field(const struct vm *vm, size_t offset)
{
	return mem_range(&vm->mem, MEM_PCI32_BASE + offsetof(struct shim_header, info) + offset,
			 sizeof(u64));
}

/**
 * xen_memory_given() - the guest has given memory back
 * @xen: the guest's Xen side
 * @vcpu: where the list is, as the guest likes it
 *
 * The vCPU waits meanwhile, so that nobody gets these pages before they are
 * empty. Context: the thread of a vCPU of this guest.
 */
void xen_memory_given(struct xen *xen, u32 vcpu)
{
	const struct guest_mem *m = &xen->vm->mem;
	struct mem_run run = {0};
	struct shim_given given;
	u64 gpa, i;

	if (vcpu >= xen->vm->cfg.vcpus)
		return;
	gpa = xen->places.vcpus + vcpu * (SHIM_VCPU_END - SHIM_GDT_RESERVED) + SHIM_VCPU_GIVEN -
	      SHIM_GDT_RESERVED;
	if (mem_read(m, gpa, &given, sizeof(given)) || given.extents > SHIM_GIVEN_MAX ||
	    given.order > SHIM_GIVEN_ORDER)
		return;
	for (i = 0; i < given.extents; i++)
		/* A frame of no address that there is would be cut to one. */
		if (given.mfn[i] <= UINT64_MAX / GUEST_PAGE_SIZE)
			mem_give(m, &run, given.mfn[i] * GUEST_PAGE_SIZE,
				 GUEST_PAGE_SIZE << given.order);
	mem_give_end(m, &run);
}

/** xen_memory_start() - pages that a guest has at its start: memory=, out of maxmem= */
u64 xen_memory_start(const struct vm *vm)
{
	return min_t(u64, vm->cfg.memory_mib, vm->limit_mib) * MIB / GUEST_PAGE_SIZE;
}

/** xen_shim_put_limit() - tell the shim vm->limit_mib; it is loaded */
void xen_shim_put_limit(struct xen *xen)
{
	u64 *limit = xen_info_field(xen->vm, offsetof(struct shim_info, limit));

	if (limit)
		__atomic_store_n(limit, xen->vm->limit_mib * MIB / GUEST_PAGE_SIZE,
				 __ATOMIC_RELAXED);
}

/** xen_shim_pages_left() - what the shim says that the guest has given back */
u64 xen_shim_pages_left(const struct xen *xen)
{
	const u64 *given = xen_info_field(xen->vm, offsetof(struct shim_info, given));

	return given ? __atomic_load_n(given, __ATOMIC_RELAXED) : 0;
}

int xen_memory_limit(struct vm *vm)
{
	struct xen *xen = vm->xen;

	if (xen->ops->put_limit)
		xen->ops->put_limit(xen);
	if (!xen->store)
		return 0;
	return xenstore_write(xen->store, XEN_HOME "/memory/static-max", "%llu",
			      (unsigned long long)(vm->limit_mib * MIB / KIB));
}

u64 xen_memory_target(const struct vm *vm)
{
	return vm->xen->target_mib * MIB;
}

u64 xen_memory_left(const struct vm *vm)
{
	return min_t(u64, vm->xen->ops->pages_left(vm->xen), mem_ram(&vm->mem) / GUEST_PAGE_SIZE) *
	       GUEST_PAGE_SIZE;
}
