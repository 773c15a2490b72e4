// SPDX-License-Identifier: GPL-2.0
/*
 * The core file. See dump.h.
 *
 *	ELF header, program headers
 *	notes: registers, and what Linux tells dump tools about itself
 *	RAM in the order of its PFNs, then the shim's
 *	the frame of each PFN, as a tree
 *	.note.Xen, .xen_prstatus, .xen_shared_info, .xen_p2m
 *	section headers
 *
 * The sections are for Xen's tools. For gdb the program headers say where in its
 * address space the kernel has what. crash goes by physical addresses, and takes
 * a PV kernel's page tables for what they are under Xen: it wants to translate
 * each frame back to a PFN, so the file looks like a dump of Xen and its domain 0
 * by kdump, with a tree of frames, at a physical address that nobody has.
 */
#include <elf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/procfs.h>
#include <xen/elfnote.h>
#include <xen/version.h>

#include "boot/pv.h"
#include "filejob.h"
#include "vm.h"
#include "xen/dump.h"
#include "xen/xen_internal.h"

/* Of the documented format: "0xF00FEBED", major 0, minor 1. */
#define DUMP_MAGIC   0xf00febedULL
#define DUMP_VERSION 1ULL

#define XEN_MAJOR 4
#define XEN_MINOR 20

#define VMCOREINFO     "VMCOREINFO"
#define VMCOREINFO_MAX 65536

/* Notes of .note.Xen, as the format has them. */
struct dump_header {
	u64 magic, vcpus, pages, page_size;
};

struct dump_version {
	u64 major, minor;
	xen_extraversion_t extra;
	xen_compile_info_t compile;
	xen_capabilities_info_t capabilities;
	xen_changeset_info_t changeset;
	xen_platform_parameters_t platform;
	u64 page_size;
};

/* An entry of .xen_p2m. */
struct dump_p2m {
	u64 pfn, gmfn;
};

#define P2M_BATCH 1024

/* The tree: each page has the frames of so many of the next level. */
#define TREE_FANOUT (GUEST_PAGE_SIZE / sizeof(u64))
#define TREE_LEVELS 3
#define NO_FRAME    UINT64_MAX

/* The note of kdump under Xen; its last word is the frame of the tree's root. */
struct dump_crash_info {
	u64 major, minor, unused[7], root;
};

enum { SEC_NONE, SEC_NAMES, SEC_NOTE, SEC_PRSTATUS, SEC_SHARED_INFO, SEC_P2M, SEC_PAGES, SECTIONS };

static const char names[] = "\0.shstrtab\0.note.Xen\0.xen_prstatus\0.xen_shared_info\0.xen_p2m\0"
			    ".xen_pages";

/**
 * struct blob - bytes that are put together
 * @data: to be freed
 * @len: bytes of it
 * @failed: no memory
 */
struct blob {
	u8 *data;
	size_t len;
	bool failed;
};

/**
 * struct dump - a core being written; what is not constant is the job's thread's
 * @vm: the guest
 * @done: what follows
 * @pages: of RAM
 * @vcpus: entries of @context
 * @map: of the first vCPU's address space
 * @notes: for all but Xen's tools
 * @xen_notes: for these
 * @tree: pages of each level of the tree, the root's first
 * @tree_gpa: where it says to be
 * @pages_at: offset of RAM in the file
 * @context: of the vCPUs
 */
struct dump {
	struct vm *vm;
	dump_done_fn done;
	u64 pages;
	u32 vcpus;
	struct dump_map map;
	struct blob notes;
	struct blob xen_notes;
	u64 tree[TREE_LEVELS];
	u64 tree_gpa;
	u64 pages_at;
	vcpu_guest_context_t context[];
};

static void append(struct blob *b, const void *data, size_t len)
{
	u8 *grown;

	if (!len)
		return;
	grown = b->failed ? NULL : realloc(b->data, b->len + len);
	if (!grown) {
		b->failed = true;
		return;
	}
	b->data = grown;
	memcpy(b->data + b->len, data, len);
	b->len += len;
}

/* ------------------------------------------------------------ notes */

static void append_note(struct blob *b, const char *name, u32 type, const void *desc, size_t len)
{
	static const u8 padding[4];
	Elf64_Nhdr n = {
		.n_namesz = (Elf64_Word)strlen(name) + 1,
		.n_descsz = (Elf64_Word)len,
		.n_type = type,
	};

	append(b, &n, sizeof(n));
	append(b, name, n.n_namesz);
	append(b, padding, -n.n_namesz & 3);
	append(b, desc, len);
	append(b, padding, -len & 3);
}

static void append_prstatus(struct blob *b, u32 id, const vcpu_guest_context_t *c)
{
	const struct cpu_user_regs *r = &c->user_regs;
	/* The order of struct user_regs_struct in <sys/user.h>. */
	const elf_gregset_t regs = {
		r->r15,
		r->r14,
		r->r13,
		r->r12,
		r->rbp,
		r->rbx,
		r->r11,
		r->r10,
		r->r9,
		r->r8,
		r->rax,
		r->rcx,
		r->rdx,
		r->rsi,
		r->rdi,
		r->rax,
		r->rip,
		r->cs,
		r->rflags,
		r->rsp,
		r->ss,
		c->fs_base,
		c->gs_base_kernel,
		r->ds,
		r->es,
		r->fs,
		r->gs,
	};
	/* A thread's number is not 0. */
	prstatus_t status = {.pr_pid = (pid_t)id + 1};

	memcpy(status.pr_reg, regs, sizeof(regs));
	append_note(b, "CORE", NT_PRSTATUS, &status, sizeof(status));
}

/*
 * Linux keeps a note about itself at the start of a page, which kdump would put
 * into the file. Nobody tells where: it is looked for.
 */
static void append_vmcoreinfo(struct blob *b, const struct guest_mem *m)
{
	static const char begins[] = "OSRELEASE=";
	const u8 *page, *desc;
	u64 pfn, gpa, pages;
	Elf64_Nhdr n;
	u32 i;

	for (i = 0; i < m->nr; i++) {
		pages = m->region[i].len / GUEST_PAGE_SIZE;
		for (pfn = 0; pfn < pages; pfn++) {
			page = m->region[i].host + pfn * GUEST_PAGE_SIZE;
			memcpy(&n, page, sizeof(n));
			if (n.n_namesz != sizeof(VMCOREINFO) || n.n_descsz > VMCOREINFO_MAX ||
			    memcmp(page + sizeof(n), VMCOREINFO, sizeof(VMCOREINFO)))
				continue;
			gpa = m->region[i].gpa + pfn * GUEST_PAGE_SIZE + sizeof(n) +
			      ALIGN_UP(sizeof(VMCOREINFO), 4);
			desc = mem_range(m, gpa, n.n_descsz);
			if (desc && n.n_descsz >= sizeof(begins) &&
			    !memcmp(desc, begins, sizeof(begins) - 1)) {
				append_note(b, VMCOREINFO, 0, desc, n.n_descsz);
				return;
			}
		}
	}
}

static void append_crash_info(struct blob *b, const struct dump *d)
{
	const struct dump_crash_info info = {
		.major = XEN_MAJOR,
		.minor = XEN_MINOR,
		.root = d->tree_gpa / GUEST_PAGE_SIZE,
	};

	append_note(b, "Xen", XEN_ELFNOTE_CRASH_INFO, &info, sizeof(info));
}

static void append_xen_notes(struct blob *b, const struct dump *d)
{
	const struct dump_header header = {DUMP_MAGIC, d->vcpus, d->pages, GUEST_PAGE_SIZE};
	const struct dump_version version = {
		.major = XEN_MAJOR,
		.minor = XEN_MINOR,
		.extra = ".0-hvctl",
		.capabilities = "xen-3.0-x86_64",
		.platform.virt_start = SHIM_M2P_VA,
		.page_size = GUEST_PAGE_SIZE,
	};
	const u64 format = DUMP_VERSION;

	append_note(b, "Xen", XEN_ELFNOTE_DUMPCORE_NONE, NULL, 0);
	append_note(b, "Xen", XEN_ELFNOTE_DUMPCORE_HEADER, &header, sizeof(header));
	append_note(b, "Xen", XEN_ELFNOTE_DUMPCORE_XEN_VERSION, &version, sizeof(version));
	append_note(b, "Xen", XEN_ELFNOTE_DUMPCORE_FORMAT_VERSION, &format, sizeof(format));
}

/* ------------------------------------------------------------ the tree */

static void plan_tree(struct dump *d)
{
	const struct guest_mem *m = &d->vm->mem;
	u64 n = d->pages, end = 0;
	u32 i;

	for (i = TREE_LEVELS; i-- > 0;) {
		n = (n + TREE_FANOUT - 1) / TREE_FANOUT;
		d->tree[i] = n;
	}
	for (i = 0; i < m->nr; i++)
		if (m->region[i].gpa + m->region[i].len > end)
			end = m->region[i].gpa + m->region[i].len;
	d->tree_gpa = end;
}

static u64 tree_bytes(const struct dump *d)
{
	u64 n = 0;
	u32 i;

	for (i = 0; i < TREE_LEVELS; i++)
		n += d->tree[i];
	return n * GUEST_PAGE_SIZE;
}

/* Entry @i of a level: what the n-th page of the next one is, if there is one. */
static u64 tree_entry(const struct dump *d, u32 level, u64 next, u64 i)
{
	if (level + 1 < TREE_LEVELS)
		return i < d->tree[level + 1] ? next + i : 0;
	return i < d->pages ? pv_mfn(d->vm, i) : NO_FRAME;
}

static int put_tree(struct filejob *job, const struct dump *d)
{
	u64 page[TREE_FANOUT], next = d->tree_gpa / GUEST_PAGE_SIZE, n, i;
	int ret = 0;
	u32 level;

	for (level = 0; level < TREE_LEVELS; level++) {
		next += d->tree[level];
		for (n = 0; n < d->tree[level] && !ret; n++) {
			for (i = 0; i < TREE_FANOUT; i++)
				page[i] = tree_entry(d, level, next, n * TREE_FANOUT + i);
			ret = filejob_put(job, page, sizeof(page));
		}
	}
	return ret;
}

/* ------------------------------------------------------------ headers */

/* Where in the file a piece of memory is that lies in one region. */
static u64 place_of(const struct dump *d, u64 gpa)
{
	const struct guest_mem *m = &d->vm->mem;
	u64 at = d->pages_at;
	u32 i, round;

	/* RAM, then what is in the hole. */
	for (round = 0; round < 2; round++) {
		for (i = 0; i < m->nr; i++) {
			if ((m->region[i].gpa == MEM_PCI32_BASE) != round)
				continue;
			if (gpa >= m->region[i].gpa && gpa - m->region[i].gpa < m->region[i].len)
				return at + gpa - m->region[i].gpa;
			at += m->region[i].len;
		}
	}
	return at;
}

static void append_load(struct blob *b, const struct dump *d, u64 va, u64 gpa, u64 len)
{
	/* An alignment of 0 is what kdump writes, and is known by. */
	const Elf64_Phdr load = {
		.p_type = PT_LOAD,
		.p_flags = PF_R | PF_W | PF_X,
		.p_offset = place_of(d, gpa),
		.p_vaddr = va,
		.p_paddr = gpa,
		.p_filesz = len,
		.p_memsz = len,
	};

	append(b, &load, sizeof(load));
}

/* Header, program headers and notes; @shoff: of the section headers. */
static void append_head(struct blob *b, const struct dump *d, u64 shoff)
{
	const struct guest_mem *m = &d->vm->mem;
	u32 i, loads = m->nr + 1 + d->map.nr;
	const Elf64_Ehdr e = {
		.e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB,
			    EV_CURRENT},
		.e_type = ET_CORE,
		.e_machine = EM_X86_64,
		.e_version = EV_CURRENT,
		.e_phoff = sizeof(e),
		.e_shoff = shoff,
		.e_ehsize = sizeof(e),
		.e_phentsize = sizeof(Elf64_Phdr),
		.e_phnum = (Elf64_Half)(1 + loads),
		.e_shentsize = sizeof(Elf64_Shdr),
		.e_shnum = SECTIONS,
		.e_shstrndx = SEC_NAMES,
	};
	const Elf64_Phdr note = {
		.p_type = PT_NOTE,
		.p_offset = sizeof(e) + (1 + loads) * sizeof(note),
		.p_filesz = d->notes.len,
		.p_memsz = d->notes.len,
	};

	append(b, &e, sizeof(e));
	append(b, &note, sizeof(note));
	/* All memory first: who asks for a physical address finds it there. */
	for (i = 0; i < m->nr; i++)
		append_load(b, d, SHIM_RAM_VA + m->region[i].gpa, m->region[i].gpa,
			    m->region[i].len);
	append_load(b, d, SHIM_RAM_VA + d->tree_gpa, d->tree_gpa, tree_bytes(d));
	for (i = 0; i < d->map.nr; i++)
		append_load(b, d, d->map.range[i].va, d->map.range[i].gpa, d->map.range[i].len);
	append(b, d->notes.data, d->notes.len);
}

static u64 head_bytes(const struct dump *d)
{
	u64 headers = 1 + d->vm->mem.nr + 1 + d->map.nr;

	return sizeof(Elf64_Ehdr) + headers * sizeof(Elf64_Phdr) + d->notes.len;
}

/* The n-th of the names. */
static u32 name_of(u32 n)
{
	u32 at = 0;

	while (n--)
		at += (u32)strlen(names + at) + 1;
	return at;
}

static void fill_sections(const struct dump *d, Elf64_Shdr s[SECTIONS])
{
	u64 at = d->pages_at + d->vm->mem.size + tree_bytes(d);
	const u64 size[SECTIONS] = {
		[SEC_NAMES] = sizeof(names),
		[SEC_NOTE] = d->xen_notes.len,
		[SEC_PRSTATUS] = d->vcpus * sizeof(d->context[0]),
		[SEC_SHARED_INFO] = GUEST_PAGE_SIZE,
		[SEC_P2M] = d->pages * sizeof(struct dump_p2m),
	};
	const u64 entry[SECTIONS] = {
		[SEC_PRSTATUS] = sizeof(d->context[0]),
		[SEC_SHARED_INFO] = GUEST_PAGE_SIZE,
		[SEC_P2M] = sizeof(struct dump_p2m),
		[SEC_PAGES] = GUEST_PAGE_SIZE,
	};
	u32 i;

	memset(s, 0, SECTIONS * sizeof(*s));
	for (i = 1; i < SECTIONS; i++) {
		s[i].sh_name = name_of(i);
		s[i].sh_type = i == SEC_NAMES  ? SHT_STRTAB
			       : i == SEC_NOTE ? SHT_NOTE
					       : SHT_PROGBITS;
		s[i].sh_offset = at;
		s[i].sh_size = size[i];
		s[i].sh_entsize = entry[i];
		s[i].sh_addralign = 1;
		at += size[i];
	}
	s[SEC_PAGES].sh_offset = d->pages_at;
	s[SEC_PAGES].sh_size = d->pages * GUEST_PAGE_SIZE;
	s[SEC_PAGES].sh_addralign = GUEST_PAGE_SIZE;
}

/* ------------------------------------------------------------ writing */

static void put_memory(struct filejob *job, const struct guest_mem *m)
{
	u32 i, round;

	for (round = 0; round < 2; round++)
		for (i = 0; i < m->nr; i++)
			if ((m->region[i].gpa == MEM_PCI32_BASE) == round)
				filejob_memory(job, m->region[i].host, m->region[i].len);
}

static int put_p2m(struct filejob *job, const struct dump *d)
{
	struct dump_p2m batch[P2M_BATCH];
	u64 pfn, n = 0;
	int ret = 0;

	for (pfn = 0; pfn < d->pages && !ret; pfn++) {
		batch[n++] = (struct dump_p2m){pfn, pv_mfn(d->vm, pfn)};
		if (n == P2M_BATCH || pfn + 1 == d->pages) {
			ret = filejob_put(job, batch, n * sizeof(batch[0]));
			n = 0;
		}
	}
	return ret;
}

static void put_shared_info(struct filejob *job, const struct vm *vm)
{
	const u8 *page = mem_range(&vm->mem, vm->xen->places.shared_info, GUEST_PAGE_SIZE);

	if (page)
		filejob_put(job, page, GUEST_PAGE_SIZE);
	else
		filejob_skip(job, GUEST_PAGE_SIZE);
}

static int dump_write(struct filejob *job, void *opaque)
{
	struct dump *d = opaque;
	Elf64_Shdr sections[SECTIONS];
	struct blob head = {0};
	int ret;

	ret = dump_map_walk(&d->vm->mem, d->context[0].ctrlreg[3], &d->map);
	if (ret)
		return ret;
	if (d->map.cut)
		log_warn("dump-core: the kernel maps more than %u pieces: the rest is there by its "
			 "physical address only",
			 DUMP_RANGES_MAX);
	plan_tree(d);
	append_crash_info(&d->notes, d);
	append_vmcoreinfo(&d->notes, &d->vm->mem);
	append_xen_notes(&d->xen_notes, d);
	d->pages_at = ALIGN_UP(head_bytes(d), GUEST_PAGE_SIZE);
	fill_sections(d, sections);
	append_head(&head, d, sections[SEC_P2M].sh_offset + sections[SEC_P2M].sh_size);
	if (head.failed || d->notes.failed || d->xen_notes.failed) {
		free(head.data);
		return -ENOMEM;
	}
	filejob_put(job, head.data, head.len);
	filejob_skip(job, d->pages_at - head.len);
	free(head.data);
	put_memory(job, &d->vm->mem);
	put_tree(job, d);
	filejob_put(job, names, sizeof(names));
	filejob_put(job, d->xen_notes.data, d->xen_notes.len);
	filejob_put(job, d->context, d->vcpus * sizeof(d->context[0]));
	put_shared_info(job, d->vm);
	put_p2m(job, d);
	return filejob_put(job, sections, sizeof(sections));
}

static void dump_drop(void *opaque)
{
	struct dump *d = opaque;

	free(d->map.range);
	free(d->notes.data);
	free(d->xen_notes.data);
	free(d);
}

static void dump_over(struct vm *vm, void *opaque, int ret)
{
	dump_done_fn done = ((struct dump *)opaque)->done;

	dump_drop(opaque);
	done(vm, ret);
}

static const struct filejob_ops dump_ops = {
	.write = dump_write,
	.done = dump_over,
	.drop = dump_drop,
};

int dump_start(struct vm *vm, int fd, dump_done_fn done)
{
	u32 i, vcpus = vm->cfg.vcpus;
	struct dump *d = calloc(1, sizeof(*d) + vcpus * sizeof(d->context[0]));
	int ret = 0;

	if (!d)
		return -ENOMEM;
	d->vm = vm;
	d->done = done;
	d->pages = mem_ram(&vm->mem) / GUEST_PAGE_SIZE;
	d->vcpus = vcpus;
	for (i = 0; i < vcpus && !ret; i++) {
		ret = dump_regs(vm, i, &d->context[i]);
		append_prstatus(&d->notes, i, &d->context[i]);
	}
	if (!ret)
		ret = filejob_start(vm, fd, &dump_ops, d);
	if (ret)
		dump_drop(d);
	return ret;
}
