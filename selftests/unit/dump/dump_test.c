// SPDX-License-Identifier: GPL-2.0
/* The core of a PV guest. Under ASan and UBSan; prints TAP. */
#include <elf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/procfs.h>

#include "board.h"
#include "xen/dump.h"

#define KERNEL 0xffffffff80000000ULL

static int tests, failures;

static void ok(bool good, const char *what)
{
	printf("%sok %d %s\n", good ? "" : "not ", ++tests, what);
	failures += !good;
}

/* The kernel's address space: so many pages at KERNEL from 1 MiB on. */
static void map_kernel(struct vm *vm, u32 pages)
{
	board_pte(vm, BOARD_CR3, 511, 0x2000 | 3);
	board_pte(vm, 0x2000, 510, 0x3000 | 3);
	board_pte(vm, 0x3000, 0, 0x4000 | 3);
	for (u32 i = 0; i < pages; i++)
		board_pte(vm, 0x4000, i, (MIB + i * GUEST_PAGE_SIZE) | 3);
}

static void test_walk(struct vm *vm)
{
	struct dump_map map;

	map_kernel(vm, 5);
	ok(!dump_map_walk(&vm->mem, BOARD_CR3, &map) && map.nr == 1 && map.range[0].va == KERNEL &&
		   map.range[0].gpa == MIB && map.range[0].len == 5 * GUEST_PAGE_SIZE && !map.cut,
	   "pages in a row are one range");
	free(map.range);
	board_pte(vm, 0x4000, 2, 0x8000 | 3);
	ok(!dump_map_walk(&vm->mem, BOARD_CR3, &map) && map.nr == 3, "others are not");
	free(map.range);
	board_pte(vm, 0x4000, 4, 0);
	for (u32 i = 5; i < 512; i++)
		board_pte(vm, 0x4000, i, 0x9000 | 3);
	ok(!dump_map_walk(&vm->mem, BOARD_CR3, &map) && map.nr == 4,
	   "one page, over and over, is there once");
	free(map.range);
	board_pte(vm, 0x3000, 1, (BOARD_MIB * MIB + 0x200000) | 0x83);
	board_pte(vm, 0x3000, 2, 0x400000 | 0x83);
	ok(!dump_map_walk(&vm->mem, BOARD_CR3, &map) && map.nr == 5 &&
		   map.range[4].len == 2 * MIB && map.range[4].va == KERNEL + 4 * MIB,
	   "large pages, and none of what is no memory");
	free(map.range);
	ok(!dump_map_walk(&vm->mem, 1ULL << 40, &map) && !map.nr, "tables that are no memory");
	free(map.range);
	/* A table whose entries are all itself. */
	for (u32 i = 0; i < 512; i++)
		board_pte(vm, 0x6000, i, 0x6000 | 3);
	ok(!dump_map_walk(&vm->mem, 0x6000, &map) && map.cut, "tables in circles come to an end");
	free(map.range);
}

static const Elf64_Phdr *segment(const u8 *core, u64 va)
{
	const Elf64_Ehdr *e = (const Elf64_Ehdr *)core;
	const Elf64_Phdr *p = (const Elf64_Phdr *)(core + e->e_phoff);

	for (u32 i = 0; i < e->e_phnum; i++)
		if (p[i].p_type == PT_LOAD && va >= p[i].p_vaddr &&
		    va - p[i].p_vaddr < p[i].p_memsz)
			return &p[i];
	return NULL;
}

static const Elf64_Shdr *section(const u8 *core, const char *name)
{
	const Elf64_Ehdr *e = (const Elf64_Ehdr *)core;
	const Elf64_Shdr *s = (const Elf64_Shdr *)(core + e->e_shoff);
	const char *names = (const char *)core + s[e->e_shstrndx].sh_offset;

	for (u32 i = 0; i < e->e_shnum; i++)
		if (!strcmp(names + s[i].sh_name, name))
			return &s[i];
	return NULL;
}

static void test_file(struct vm *vm)
{
	static const char text[] = "a kernel's text", info[] = "OSRELEASE=6.12\n";
	const Elf64_Nhdr note = {.n_namesz = 11, .n_descsz = sizeof(info)};
	const Elf64_Phdr *p;
	const Elf64_Shdr *s;
	const Elf64_Ehdr *e;
	const u8 *core, *at;
	prstatus_t status;
	size_t len = 0;

	memset(vm->mem.host, 0, vm->mem.size);
	map_kernel(vm, 5);
	mem_write(&vm->mem, MIB + 0x1234, text, sizeof(text));
	mem_write(&vm->mem, 0x7000, &note, sizeof(note));
	mem_write(&vm->mem, 0x7000 + sizeof(note), "VMCOREINFO", 11);
	mem_write(&vm->mem, 0x7000 + sizeof(note) + 12, info, sizeof(info));
	core = board_dump(vm, &len);
	ok(core, "a core");
	if (!core)
		return;
	e = (const Elf64_Ehdr *)core;
	p = (const Elf64_Phdr *)(core + e->e_phoff);
	ok(!memcmp(core, ELFMAG, SELFMAG) && e->e_type == ET_CORE && e->e_machine == EM_X86_64,
	   "is an ELF core");
	ok(p[0].p_type == PT_NOTE && p[0].p_offset + p[0].p_filesz <= p[1].p_offset,
	   "its notes are in front of memory, as crash wants them");
	memcpy(&status, core + p[0].p_offset + sizeof(Elf64_Nhdr) + 8, sizeof(status));
	ok(status.pr_reg[16] == BOARD_RIP && status.pr_pid == 1, "with registers");
	ok(memmem(core + p[0].p_offset, p[0].p_filesz, info, sizeof(info)), "and VMCOREINFO");
	p = segment(core, KERNEL + 0x1234);
	ok(p && p->p_paddr == MIB &&
		   !strcmp((const char *)core + p->p_offset + KERNEL + 0x1234 - p->p_vaddr, text),
	   "memory is found by the kernel's addresses");
	s = section(core, ".xen_pages");
	ok(s && s->sh_size == BOARD_MIB * MIB &&
		   !strcmp((const char *)core + s->sh_offset + MIB + 0x1234, text),
	   "and by Xen's section");
	s = section(core, ".xen_p2m");
	at = s ? core + s->sh_offset + 16 * 7 : core;
	ok(s && s->sh_size == BOARD_MIB * MIB / GUEST_PAGE_SIZE * 16 && at[0] == 7 && at[8] == 7,
	   "which has a list of frames");
	s = section(core, ".xen_prstatus");
	ok(s && s->sh_size == BOARD_VCPUS * sizeof(vcpu_guest_context_t), "and contexts");
	ok(e->e_shoff + e->e_shnum * sizeof(Elf64_Shdr) == len, "nothing is behind it");
}

int main(void)
{
	struct vm vm;

	printf("TAP version 13\n");
	board_init(&vm);
	test_walk(&vm);
	test_file(&vm);
	board_free(&vm);
	printf("1..%d\n", tests);
	return failures != 0;
}
