// SPDX-License-Identifier: GPL-2.0
/* A PV guest without a hypervisor. See board.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "board.h"
#include "boot/pv.h"
#include "filejob.h"
#include "xen/dump.h"
#include "xen/xen_internal.h"

static u8 *file;
static size_t file_len;
static int result;

/* ------------------------------------------------------------ the rest of vmmd */

int filejob_put(struct filejob *job, const void *data, size_t len)
{
	u8 *grown = realloc(file, file_len + len + 1);

	(void)job;
	if (!grown)
		abort();
	file = grown;
	memcpy(file + file_len, data, len);
	file_len += len;
	return 0;
}

int filejob_skip(struct filejob *job, u64 len)
{
	u8 *zero = calloc(1, len + 1);

	if (!zero)
		abort();
	filejob_put(job, zero, len);
	free(zero);
	return 0;
}

int filejob_memory(struct filejob *job, const u8 *host, u64 len)
{
	return filejob_put(job, host, len);
}

int filejob_start(struct vm *vm, int fd, const struct filejob_ops *ops, void *opaque)
{
	(void)fd;
	ops->done(vm, opaque, ops->write(NULL, opaque));
	return 0;
}

int dump_regs(struct vm *vm, u32 id, vcpu_guest_context_t *c)
{
	(void)vm;
	memset(c, 0, sizeof(*c));
	c->user_regs.rip = BOARD_RIP + id;
	c->ctrlreg[3] = BOARD_CR3;
	return 0;
}

u64 pv_mfn(const struct vm *vm, u64 pfn)
{
	(void)vm;
	return pfn;
}

int hv_set_memslot(struct hv *hv, u32 slot, u64 gpa, u64 len, void *host, u32 flags)
{
	(void)hv, (void)slot, (void)gpa, (void)len, (void)host, (void)flags;
	return 0;
}

void guest_fail(struct vm *vm, const char *fmt, ...)
{
	(void)vm, (void)fmt;
}

/* ------------------------------------------------------------ the guest */

void board_init(struct vm *vm)
{
	*vm = (struct vm){.cfg.vcpus = BOARD_VCPUS};
	vm->xen = calloc(1, sizeof(*vm->xen));
	if (!vm->xen || mem_create(&vm->mem, BOARD_MIB * MIB, BOARD_HOLE))
		abort();
	vm->xen->places.shared_info = MEM_PCI32_BASE;
}

void board_free(struct vm *vm)
{
	mem_destroy(&vm->mem);
	free(vm->xen);
	free(file);
	file = NULL;
}

void board_pte(struct vm *vm, u64 table, u32 index, u64 pte)
{
	if (mem_write(&vm->mem, table + index * sizeof(pte), &pte, sizeof(pte)))
		abort();
}

static void done(struct vm *vm, int ret)
{
	(void)vm;
	result = ret;
}

const u8 *board_dump(struct vm *vm, size_t *len)
{
	file_len = 0;
	result = -EINVAL;
	if (dump_start(vm, -1, done) || result)
		return NULL;
	*len = file_len;
	return file;
}
