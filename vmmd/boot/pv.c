// SPDX-License-Identifier: GPL-2.0
/*
 * The domain builder: everything into guest RAM, where pv_layout.c has found a
 * place for it. See pv.h.
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <xen/xen.h>

#include "boot/boot.h"
#include "boot/pv.h"
#include "boot/pv_elf.h"
#include "boot/pv_layout.h"
#include "vm.h"

/*
 * Entries of all levels. Kernels run at CPL 0 here, so that none is for user
 * mode. Accessed and dirty are set, as loaders do, to save the CPU the stores;
 * above level 1 the latter means nothing. The tables themselves are writable:
 * Xen has them read-only to see what a kernel puts there, and here nobody looks.
 */
#define PTE_PRESENT  (1ULL << 0)
#define PTE_WRITE    (1ULL << 1)
#define PTE_ACCESSED (1ULL << 5)
#define PTE_DIRTY    (1ULL << 6)
#define PV_PTE	     (PTE_PRESENT | PTE_WRITE | PTE_ACCESSED | PTE_DIRTY)

#define PV_MAGIC     "xen-3.0-x86_64"
#define PTES	     512
#define P2M_PER_PAGE (GUEST_PAGE_SIZE / sizeof(xen_pfn_t))

/* Entries of the hypercall page (xen/arch-x86/xen-x86_64.h). */
#define HYPERCALL_BYTES 32
#define HYPERCALLS	(GUEST_PAGE_SIZE / HYPERCALL_BYTES)
#define INSN_INT3	0xcc

_Static_assert(sizeof(struct start_info) <= GUEST_PAGE_SIZE, "start_info has one page");

/**
 * struct pv_domain - a domain being built
 * @vm: where
 * @params: what pv_build() was told
 * @kernel: what the kernel wants
 * @layout: where everything goes; all of it inside of the domain's pages
 */
struct pv_domain {
	struct vm *vm;
	const struct pv_params *params;
	struct pv_elf kernel;
	struct pv_layout layout;
};

/* --------------------------------------------------------- pages and frames */

/* The frame of a page, and how many pages from it on have frames in a row. */
static u64 pv_extent(const struct vm *vm, u64 pfn, u64 *mfn)
{
	const struct mem_region *r;
	u64 pages;
	u32 i;

	for (i = 0; i < vm->mem.nr; i++) {
		r = &vm->mem.region[i];
		if (r->gpa == MEM_PCI32_BASE)
			continue;
		pages = r->len / GUEST_PAGE_SIZE;
		if (pfn < pages) {
			*mfn = r->gpa / GUEST_PAGE_SIZE + pfn;
			return pages - pfn;
		}
		pfn -= pages;
	}
	*mfn = PV_NO_FRAME;
	return 0;
}

u64 pv_mfn(const struct vm *vm, u64 pfn)
{
	u64 mfn;

	pv_extent(vm, pfn, &mfn);
	return mfn;
}

static u64 pv_gpa(const struct vm *vm, u64 pfn)
{
	return pv_mfn(vm, pfn) * GUEST_PAGE_SIZE;
}

static void *pv_page(const struct vm *vm, u64 pfn)
{
	return mem_range(&vm->mem, pv_gpa(vm, pfn), GUEST_PAGE_SIZE);
}

/* The GPA of a pseudo-physical address; @len is cut to what follows in a row. */
static u64 pv_piece(const struct vm *vm, u64 addr, u64 *len)
{
	u64 mfn, in_page = addr & (GUEST_PAGE_SIZE - 1);
	u64 pages = pv_extent(vm, addr / GUEST_PAGE_SIZE, &mfn);

	*len = min_t(u64, *len, pages * GUEST_PAGE_SIZE - in_page);
	return mfn * GUEST_PAGE_SIZE + in_page;
}

/* ------------------------------------------------------------- the contents */

/* The rest of a segment is zero already, as all RAM. */
static void pv_load_segments(const struct pv_domain *d)
{
	const struct pv_segment *seg;
	u64 done, len, gpa;
	u32 i;

	for (i = 0; i < d->kernel.nr_segments; i++) {
		seg = &d->kernel.segment[i];
		for (done = 0; done < seg->filled; done += len) {
			len = seg->filled - done;
			gpa = pv_piece(d->vm, seg->addr + done, &len);
			memcpy(mem_range(&d->vm->mem, gpa, len), d->kernel.map + seg->offset + done,
			       len);
		}
	}
}

static int pv_load_ramdisk(const struct pv_domain *d)
{
	const struct boot_image *ramdisk = &d->vm->files->ramdisk;
	u64 done, len, gpa;
	int ret = 0;

	for (done = 0; done < ramdisk->size && !ret; done += len) {
		len = ramdisk->size - done;
		gpa = pv_piece(d->vm, d->layout.ramdisk * GUEST_PAGE_SIZE + done, &len);
		ret = boot_read(d->vm, ramdisk, done, gpa, len);
	}
	return ret;
}

/*
 * The kernel calls entry NUMBER with arguments in place. Of all registers a
 * hypercall may lose its arguments only, but `syscall` takes RCX and R11. iret
 * does not return: it finds RCX, R11 and RAX on the stack below what the kernel
 * pushed, struct iret_context.
 */
static const u8 pv_call[] = {
	0x51,		     /* push %rcx */
	0x41, 0x53,	     /* push %r11 */
	0xb8, 0,    0, 0, 0, /* mov $NUMBER,%eax */
	0x0f, 0x05,	     /* syscall */
	0x41, 0x5b,	     /* pop %r11 */
	0x59,		     /* pop %rcx */
	0xc3,		     /* ret */
};
static const u8 pv_iret[] = {
	0x51,		     /* push %rcx */
	0x41, 0x53,	     /* push %r11 */
	0x50,		     /* push %rax */
	0xb8, 0,    0, 0, 0, /* mov $NUMBER,%eax */
	0x0f, 0x05,	     /* syscall */
};

/*
 * The same for a kernel that may have written SYSCALL's MSRs: to the vCPU's own
 * gate, which is at a distance from its GDT, with what SYSCALL would have put into
 * RCX and R11, and RFLAGS.IF clear.
 */
static const u8 pv_far_call[] = {
	0x51,		     /* push %rcx */
	0x41, 0x53,	     /* push %r11 */
	0xb8, 0,    0, 0, 0, /* mov $NUMBER,%eax */
	0xe8, 0,    0, 0, 0, /* call GATE */
	0x41, 0x5b,	     /* pop %r11 */
	0x59,		     /* pop %rcx */
	0xc3,		     /* ret */
};
static const u8 pv_far_iret[] = {
	0x51,		     /* push %rcx */
	0x41, 0x53,	     /* push %r11 */
	0x50,		     /* push %rax */
	0xb8, 0,    0, 0, 0, /* mov $NUMBER,%eax */
	0xe8, 0,    0, 0, 0, /* call GATE */
};
static const u8 pv_gate[] = {
	0x59,				       /* pop %rcx */
	0x9c,				       /* pushfq */
	0x41, 0x5b,			       /* pop %r11 */
	0xfa,				       /* cli */
	0x50,				       /* push %rax: room */
	0x0f, 0x01, 0x44, 0x24, 0xfe,	       /* sgdt -2(%rsp): the base comes to be at (%rsp) */
	0x48, 0x81, 0x04, 0x24, 0,    0, 0, 0, /* addq $DISTANCE,(%rsp) */
	0xc3,				       /* ret */
};
#define PV_GATE_DISTANCE 15
/* An entry that no hypercall has. */
#define PV_GATE_ENTRY (HYPERCALLS - 1)

static void pv_write_hypercall_page(const struct pv_domain *d)
{
	u64 pfn = (d->kernel.hypercall_page - d->kernel.virt_base) / GUEST_PAGE_SIZE;
	u8 *page = pv_page(d->vm, pfn), *entry = page;
	bool far = !d->kernel.keeps_lstar;
	const u8 *code;
	u32 i, n, number_at, relative;

	memset(page, INSN_INT3, GUEST_PAGE_SIZE);
	for (i = 0; i < HYPERCALLS; i++, entry += HYPERCALL_BYTES) {
		if (i == __HYPERVISOR_iret) {
			code = far ? pv_far_iret : pv_iret;
			n = far ? sizeof(pv_far_iret) : sizeof(pv_iret);
			number_at = 5;
		} else {
			code = far ? pv_far_call : pv_call;
			n = far ? sizeof(pv_far_call) : sizeof(pv_call);
			number_at = 4;
		}
		memcpy(entry, code, n);
		memcpy(entry + number_at, &i, sizeof(i));
		if (far) {
			/* Behind the number: opcode, distance from the next instruction. */
			number_at += sizeof(i) + 1;
			relative = (PV_GATE_ENTRY - i) * HYPERCALL_BYTES - number_at -
				   (u32)sizeof(relative);
			memcpy(entry + number_at, &relative, sizeof(relative));
		}
	}
	if (far) {
		entry = page + PV_GATE_ENTRY * HYPERCALL_BYTES;
		memcpy(entry, pv_gate, sizeof(pv_gate));
		memcpy(entry + PV_GATE_DISTANCE, &d->params->hypercall_gate,
		       sizeof(d->params->hypercall_gate));
	}
}

static void pv_write_p2m(const struct pv_domain *d)
{
	xen_pfn_t *entry = NULL;
	u64 pfn, mfn = 0, in_a_row = 0;

	for (pfn = 0; pfn < d->layout.nr_pages; pfn++) {
		if (!(pfn % P2M_PER_PAGE))
			entry = pv_page(d->vm, d->layout.p2m + pfn / P2M_PER_PAGE);
		if (!in_a_row)
			in_a_row = pv_extent(d->vm, pfn, &mfn);
		*entry++ = mfn++;
		in_a_row--;
	}
}

/* --------------------------------------------------------------- page tables */

/*
 * Fill a row of tables: entries from @slot on with a row of pages. The first
 * table, @table, is the one that has @slot.
 */
static void pv_fill(const struct vm *vm, u64 table, u64 slot, u64 pfn, u64 count)
{
	u64 first = slot / PTES, i;
	u64 *entries = NULL;

	for (i = 0; i < count; i++, slot++) {
		if (!entries || !(slot % PTES))
			entries = pv_page(vm, table + slot / PTES - first);
		entries[slot % PTES] = pv_gpa(vm, pfn + i) | PV_PTE;
	}
}

static void pv_write_map(const struct pv_domain *d, const struct pv_map *map)
{
	u64 table, pfn = map->pfn, count = map->pages;
	u32 level;

	if (!map->pages)
		return;
	for (level = 1; level <= PV_LEVELS; level++) {
		table = level == PV_LEVELS ? d->layout.l4 : map->table[level];
		pv_fill(d->vm, table, pv_slot(map->va, level), pfn, count);
		/* The next level's entries are for this one's tables. */
		pfn = table;
		count = level == PV_LEVELS ? 0 : map->tables[level];
	}
}

static void pv_write_tables(const struct pv_domain *d)
{
	const struct pv_params *p = d->params;
	u64 *l4 = pv_page(d->vm, d->layout.l4);
	u32 i;

	pv_write_map(d, &d->layout.main);
	pv_write_map(d, &d->layout.p2m_map);
	for (i = 0; i < p->nr_l4_entries; i++)
		l4[p->l4_slot + i] = p->l4_entries[i];
}

/* ---------------------------------------------------------------- start_info */

static void pv_write_start_info(const struct pv_domain *d)
{
	struct start_info *info = pv_page(d->vm, d->layout.start_info);
	const struct boot_image *ramdisk = &d->vm->files->ramdisk;
	const struct pv_layout *l = &d->layout;

	*info = (struct start_info){
		.magic = PV_MAGIC,
		.nr_pages = l->nr_pages,
		.shared_info = d->params->shared_info,
		/* Nobody here walks a P2M tree: the kernel need not build one. */
		.flags = SIF_VIRT_P2M_4TOOLS,
		.store_mfn = pv_mfn(d->vm, l->store),
		.store_evtchn = d->params->store_port,
		.console.domU.mfn = pv_mfn(d->vm, l->console),
		.console.domU.evtchn = d->params->console_port,
		.pt_base = pv_layout_va(l, l->l4),
		.nr_pt_frames = l->nr_pt_frames,
		.mfn_list = l->p2m_va,
	};
	if (l->p2m_map.pages) {
		info->first_p2m_pfn = l->p2m;
		info->nr_p2m_frames = l->p2m_frames;
	}
	if (ramdisk->size) {
		info->mod_start = l->ramdisk_mapped ? pv_layout_va(l, l->ramdisk) : l->ramdisk;
		info->mod_len = ramdisk->size;
		info->flags |= l->ramdisk_mapped ? 0 : SIF_MOD_START_PFN;
	}
	memcpy(info->cmd_line, d->vm->files->cmdline, strlen(d->vm->files->cmdline));
}

/* ------------------------------------------------------------------ building */

static int pv_check_params(const struct pv_domain *d)
{
	size_t len = strlen(d->vm->files->cmdline);

	if (len >= MAX_GUEST_CMDLINE) {
		log_err("the command line has %zu bytes, a PV kernel takes %u", len,
			MAX_GUEST_CMDLINE - 1);
		return -E2BIG;
	}
	if (pv_mfn(d->vm, d->params->nr_pages - 1) == PV_NO_FRAME) {
		log_err("a PV guest of %llu pages has no such RAM",
			(unsigned long long)d->params->nr_pages);
		return -EINVAL;
	}
	return 0;
}

static int pv_build_from(struct pv_domain *d, const u8 *map, u64 len)
{
	const struct boot_files *files = d->vm->files;
	const char *path = files->kernel.path;
	int ret;

	ret = pv_check_params(d);
	if (!ret)
		ret = pv_elf_read(&d->kernel, path, map, len);
	if (!ret)
		ret = pv_layout_make(&d->layout, path, &d->kernel, files->ramdisk.size,
				     d->params->nr_pages);
	if (!ret)
		ret = pv_load_ramdisk(d);
	if (ret)
		return ret;
	pv_load_segments(d);
	if (d->kernel.has_hypercall_page)
		pv_write_hypercall_page(d);
	pv_write_p2m(d);
	pv_write_tables(d);
	pv_write_start_info(d);
	return 0;
}

int pv_build(struct vm *vm, const struct pv_params *params, struct pv_start *start)
{
	struct pv_domain d = {.vm = vm, .params = params};
	const struct pv_layout *l = &d.layout;
	size_t len;
	u8 *map;
	int ret;

	ret = boot_map_elf(vm->files, &map, &len);
	if (ret)
		return ret;
	ret = pv_build_from(&d, map, len);
	munmap(map, len);
	if (ret)
		return ret;
	*start = (struct pv_start){
		.rip = d.kernel.entry,
		.rsi = pv_layout_va(l, l->start_info),
		.rsp = pv_layout_va(l, l->stack) + GUEST_PAGE_SIZE,
		.cr3 = pv_gpa(vm, l->l4),
		.store_gpa = pv_gpa(vm, l->store),
		.console_gpa = pv_gpa(vm, l->console),
	};
	return 0;
}
