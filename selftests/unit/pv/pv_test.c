// SPDX-License-Identifier: GPL-2.0
/* The PV domain builder. Under ASan and UBSan; prints TAP. */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <xen/xen.h>
#include <xen/elfnote.h>

#include "domain.h"
#include "image.h"

/* Where Linux has its kernel, and where it wants its P2M. */
#define LINUX_BASE 0xffffffff80000000ULL
#define LINUX_P2M  0x8000000000ULL
#define HOLE_BASE  0xffff800000000000ULL
#define HOLE_END   0xffff880000000000ULL

static int tests, failures, log_fd;
static char cmdline[] = "root=/dev/xvda1 quiet";
static u8 ramdisk[3 * 4096 + 5];
static const u64 l4_entries[3] = {0xc0001067, 0, 0xc0003063};

/* Does the log of the last build have this in it? */
static bool logged(const char *text)
{
	static char log[4096];
	ssize_t len = pread(log_fd, log, sizeof(log) - 1, 0);

	log[len < 0 ? 0 : len] = '\0';
	return strstr(log, text);
}

static int build_with(const struct image *img, bool with_ramdisk, char *line)
{
	if (ftruncate(log_fd, 0))
		abort();
	return machine_boot(img, sizeof(*img), with_ramdisk ? ramdisk : NULL,
			    with_ramdisk ? sizeof(ramdisk) : 0, CONFIG_TYPE_PV, line);
}

static int build(const struct image *img)
{
	return build_with(img, true, cmdline);
}

static struct expect expect(u64 virt_base)
{
	return (struct expect){
		.virt_base = virt_base,
		.kernel_end = IMAGE_END,
		.ramdisk = ramdisk,
		.ramdisk_len = sizeof(ramdisk),
		.cmdline = cmdline,
	};
}

static struct image linux_like(void)
{
	struct image img = image_kernel(LINUX_BASE);
	u32 one = 1;

	image_note_u64(&img, XEN_ELFNOTE_INIT_P2M, LINUX_P2M);
	image_note(&img, XEN_ELFNOTE_MOD_START_PFN, &one, sizeof(one));
	image_note(&img, XEN_ELFNOTE_FEATURES, "!writable_page_tables", 21);
	return img;
}

/* Kernel bytes where they belong, zeroes behind them; not the hypercall page. */
static bool kernel_loaded(const struct image *img, u64 virt_base)
{
	u64 code = virt_base + IMAGE_CODE, after = 0x2000;

	CHECK(domain_holds(code, img->code, 0x1000));
	CHECK(domain_holds(code + after, img->code + after, IMAGE_CODE_BYTES - after));
	CHECK(domain_holds(code + IMAGE_CODE_BYTES, NULL, IMAGE_CODE_SIZE - IMAGE_CODE_BYTES));
	CHECK(domain_holds(virt_base + IMAGE_DATA, img->data, IMAGE_DATA_BYTES));
	CHECK(domain_holds(virt_base + IMAGE_DATA + IMAGE_DATA_BYTES, NULL, 0x1000));
	return true;
}

/* ----------------------------------------------------------------- layouts */

static bool test_plain(void)
{
	struct image img = image_kernel(0);
	struct expect want = expect(0);

	CHECK(!build(&img) && domain_good(&want) && kernel_loaded(&img, 0));
	CHECK(pv_started.rip == IMAGE_CODE + 0x100);
	want.ramdisk = NULL;
	CHECK(!build_with(&img, false, cmdline) && domain_good(&want));
	return true;
}

static bool test_linux(void)
{
	struct image img = linux_like();
	struct expect want = expect(LINUX_BASE);

	want.init_p2m = LINUX_P2M;
	want.by_pfn = true;
	CHECK(!build(&img) && domain_good(&want) && kernel_loaded(&img, LINUX_BASE));
	CHECK(pv_started.rip == LINUX_BASE + IMAGE_CODE + 0x100);
	want.ramdisk = NULL;
	CHECK(!build_with(&img, false, cmdline) && domain_good(&want));
	return true;
}

static bool test_mixed(void)
{
	struct image img = image_kernel(LINUX_BASE);
	struct expect want = expect(LINUX_BASE);
	u64 zero = 0;

	image_note_u64(&img, XEN_ELFNOTE_INIT_P2M, LINUX_P2M);
	/* A note that is there and says no. */
	image_note(&img, XEN_ELFNOTE_MOD_START_PFN, &zero, sizeof(zero));
	want.init_p2m = LINUX_P2M;
	CHECK(!build(&img) && domain_good(&want));

	img = image_kernel(LINUX_BASE);
	image_note_u64(&img, XEN_ELFNOTE_MOD_START_PFN, 1);
	want.init_p2m = 0;
	want.by_pfn = true;
	CHECK(!build(&img) && domain_good(&want));
	return true;
}

/* Regions that begin amid a table of each level, or end where addresses do. */
static bool test_bases(void)
{
	static const u64 bases[] = {
		0x1000,	  0x40000000 - 0x201000, 0x8000000000 - 0x3000, 0x7ffffe000000,
		HOLE_END, 0xffffffffff000000,
	};
	struct expect want;
	struct image img;
	u32 i;

	for (i = 0; i < ARRAY_SIZE(bases); i++) {
		img = image_kernel(bases[i]);
		want = expect(bases[i]);
		printf("# VIRT_BASE %#llx\n", (unsigned long long)bases[i]);
		CHECK(!build(&img) && domain_good(&want) && kernel_loaded(&img, bases[i]));
	}
	/* A P2M across the end of a table of each level. */
	img = image_kernel(0);
	image_note_u64(&img, XEN_ELFNOTE_INIT_P2M, 2 * LINUX_P2M - 0x5000);
	want = expect(0);
	want.init_p2m = 2 * LINUX_P2M - 0x5000;
	CHECK(!build(&img) && domain_good(&want));
	return true;
}

/* Kernels of many sizes: the stack ends at any distance from 4 MiB. */
static bool test_padding(void)
{
	const u64 first = ALIGN_DOWN(IMAGE_DATA, GUEST_PAGE_SIZE),
		  pages = 2 * MIB / GUEST_PAGE_SIZE;
	struct image img = linux_like();
	struct expect want = expect(LINUX_BASE);
	u64 n;

	want.init_p2m = LINUX_P2M;
	want.by_pfn = true;
	for (n = 1; n < pages; n += 1 + n % 5) {
		img.ph[1].p_memsz = n * GUEST_PAGE_SIZE - IMAGE_DATA % GUEST_PAGE_SIZE;
		want.kernel_end = first + n * GUEST_PAGE_SIZE;
		if (want.kernel_end < IMAGE_END)
			continue;
		CHECK(!build(&img) && domain_good(&want));
	}
	return true;
}

/* More RAM than fits below the hole; the hypervisor has memory in it. */
static bool test_big(void)
{
	const u64 straddle = 0xc0000000 - 0x2000;
	struct image img = linux_like();
	struct expect want = expect(LINUX_BASE);

	machine_destroy();
	machine_create(5 * 1024, 4);
	CHECK(pv_mfn(&machine, 0) == 0 && pv_mfn(&machine, 0xbffff) == 0xbffff);
	CHECK(pv_mfn(&machine, 0xc0000) == 0x100000 && pv_mfn(&machine, 0x13ffff) == 0x17ffff);
	CHECK(pv_mfn(&machine, 0x140000) == PV_NO_FRAME);
	want.init_p2m = LINUX_P2M;
	want.by_pfn = true;
	CHECK(!build(&img) && domain_good(&want));

	/* A kernel on the brink, so that ramdisk and all else is beyond. */
	img = image_kernel(0);
	img.ph[0].p_paddr = straddle;
	img.ph[1].p_memsz = 0;
	image_note_u64(&img, XEN_ELFNOTE_ENTRY, straddle);
	want = expect(0);
	want.kernel_end = straddle + IMAGE_CODE_SIZE;
	CHECK(!build(&img) && domain_good(&want));
	CHECK(domain_holds(straddle, img.code, IMAGE_CODE_BYTES));

	/* A ramdisk that is cut by the hole. */
	img.ph[0].p_paddr = straddle - IMAGE_CODE_SIZE;
	want.kernel_end = straddle;
	image_note_u64(&img, XEN_ELFNOTE_ENTRY, straddle - 1);
	CHECK(!build(&img) && domain_good(&want));
	return true;
}

/* As pages are added there comes a point from which on all is well. */
static bool test_small(void)
{
	struct image img = linux_like();
	struct expect want = expect(LINUX_BASE);
	u32 passed = 0;

	want.init_p2m = LINUX_P2M;
	want.by_pfn = true;
	for (pv_params.nr_pages = 1; pv_params.nr_pages < 1100; pv_params.nr_pages++) {
		if (pv_params.nr_pages < 1000 && pv_params.nr_pages % 64)
			continue;
		if (build(&img)) {
			CHECK(!passed && logged("raise memory="));
			continue;
		}
		passed++;
		CHECK(domain_good(&want));
	}
	/* A region of 4 MiB, 3 pages of P2M, as many tables, 4 pages of ramdisk. */
	CHECK(pv_params.nr_pages - passed == 1024 + 10);
	return true;
}

static bool test_no_such_ram(void)
{
	struct image img = linux_like();

	CHECK(pv_mfn(&machine, 32 * 256) == PV_NO_FRAME);
	pv_params.nr_pages = 32 * 256 + 1;
	CHECK(build(&img) == -EINVAL && logged("no such RAM"));
	pv_params.nr_pages = 32 * 256;
	CHECK(!build(&img));
	return true;
}

static bool test_hypercalls(void)
{
	const u8 head[] = {0x51, 0x41, 0x53, 0xb8}, tail[] = {0x0f, 0x05, 0x41, 0x5b, 0x59, 0xc3};
	const u8 iret[] = {0x51, 0x41, 0x53, 0x50, 0xb8, 23, 0, 0, 0, 0x0f, 0x05};
	struct image img = image_kernel(LINUX_BASE);
	u64 va = LINUX_BASE + IMAGE_HYPERCALLS;
	u32 nr;

	image_note_text(&img, XEN_ELFNOTE_GUEST_OS, "linux");
	CHECK(!build(&img));
	for (nr = 0; nr < 128; nr++, va += 32) {
		if (nr == 23) {
			CHECK(domain_holds(va, iret, sizeof(iret)));
			continue;
		}
		CHECK(domain_holds(va, head, sizeof(head)));
		CHECK(domain_holds(va + sizeof(head), &nr, sizeof(nr)));
		CHECK(domain_holds(va + sizeof(head) + sizeof(nr), tail, sizeof(tail)));
	}

	/* Without the note the page is as it was. */
	img = image_bare();
	image_note_u64(&img, XEN_ELFNOTE_ENTRY, IMAGE_CODE);
	CHECK(!build(&img) && domain_holds(IMAGE_CODE, img.code, IMAGE_CODE_BYTES));
	return true;
}

/* Without SYSCALL: each entry calls the last one, which goes to the vCPU's gate. */
static bool test_far_hypercalls(void)
{
	const u8 gate[] = {0x59, 0x9c, 0x41, 0x5b, 0xfa, 0x50, 0x0f, 0x01, 0x44, 0x24,
			   0xfe, 0x48, 0x81, 0x04, 0x24, 0x45, 0x23, 0x01, 0x00, 0xc3};
	struct image img = image_kernel(LINUX_BASE);
	u64 page = LINUX_BASE + IMAGE_HYPERCALLS, va = page;
	u32 nr;

	image_note_text(&img, XEN_ELFNOTE_GUEST_OS, "GNU Mach");
	pv_params.hypercall_gate = 0x12345;
	CHECK(!build(&img));
	for (nr = 0; nr < 127; nr++, va += 32) {
		u64 call = va + (nr == 23 ? 9 : 8);
		u32 distance = (u32)(page + 127 * 32 - (call + 5));

		CHECK(domain_holds(call, (const u8[]){0xe8}, 1));
		CHECK(domain_holds(call + 1, &distance, sizeof(distance)));
	}
	CHECK(domain_holds(va, gate, sizeof(gate)));
	return true;
}

/* GNU Mach's notes name no owner that is known; their section does. */
static bool test_unknown_owner(void)
{
	struct image img = image_kernel(LINUX_BASE);
	struct expect want = expect(LINUX_BASE);
	u32 i;

	for (i = 0; i + 4 <= sizeof(img.notes); i++)
		if (!memcmp(img.notes + i, "Xen", 4))
			memcpy(img.notes + i, "xeN", 4);
	CHECK(build(&img) == -ENOEXEC && logged("not a Xen PV kernel"));
	image_use_section(&img, ".note.Xen", SHT_NOTE);
	CHECK(!build(&img) && domain_good(&want));
	return true;
}

static bool test_cmdline(void)
{
	char line[1025];
	struct image img = image_kernel(0);
	struct expect want = expect(0);

	memset(line, 'x', sizeof(line));
	line[1023] = '\0';
	want.cmdline = line;
	CHECK(!build_with(&img, true, line) && domain_good(&want));
	line[1023] = 'x';
	line[1024] = '\0';
	CHECK(build_with(&img, true, line) == -E2BIG && logged("takes 1023"));
	return true;
}

/* ------------------------------------------------------------------- notes */

static bool test_offset(void)
{
	struct image img = image_kernel(LINUX_BASE);
	struct expect want = expect(LINUX_BASE);

	image_note_u64(&img, XEN_ELFNOTE_PADDR_OFFSET, 0xc0000000);
	img.ph[0].p_paddr += 0xc0000000;
	img.ph[1].p_paddr += 0xc0000000;
	CHECK(!build(&img) && domain_good(&want) && kernel_loaded(&img, LINUX_BASE));
	img.ph[1].p_paddr = 0xbfffffff;
	CHECK(build(&img) == -ENOEXEC && logged("outside of memory"));
	/* Differences must not wrap to where there is RAM. */
	img = image_kernel(0);
	image_note_u64(&img, XEN_ELFNOTE_PADDR_OFFSET, -IMAGE_CODE);
	CHECK(build(&img) == -ENOEXEC && logged("outside of memory"));
	return true;
}

/* GNU Mach's notes are in a section that no segment has. */
static bool test_sections(void)
{
	struct image img = image_kernel(LINUX_BASE);
	struct expect want = expect(LINUX_BASE);

	image_use_section(&img, ".note.name", SHT_NOTE);
	CHECK(!build(&img) && domain_good(&want));
	/* Where a segment has notes of Xen's, sections do not count. */
	img.ph[2].p_type = PT_NOTE;
	img.ph[2].p_filesz = 12 + 4 + 8;
	CHECK(build(&img) == -ENOEXEC && logged("not a Xen PV kernel"));
	/* Nor does a table of sections that is broken. */
	img.ph[2].p_type = PT_NULL;
	img.eh.e_shoff = sizeof(img) - 3 * sizeof(Elf64_Shdr) + 1;
	CHECK(build(&img) == -ENOEXEC && logged("not a Xen PV kernel"));
	img.eh.e_shoff = offsetof(struct image, sh);
	img.sh[1].sh_offset = sizeof(img);
	CHECK(build(&img) == -ENOEXEC && logged("reach beyond"));
	return true;
}

static bool test_legacy(void)
{
	const u8 first[] = {0x51, 0x41, 0x53, 0xb8, 0};
	struct expect want = expect(0x40000000);
	struct image img;

	img = image_legacy("GUEST_OS=Mach,XEN_VER=xen-3.0,VIRT_BASE=0x40000000,"
			   "ELF_PADDR_OFFSET=0x0,HYPERCALL_PAGE=0x201,LOADER=generic,PAE=yes,"
			   "FEATURES=!writable_page_tables|pae_pgdir_above_4gb");
	img.eh.e_entry = 0x40000000 + IMAGE_CODE;
	CHECK(!build(&img) && domain_good(&want) && kernel_loaded(&img, 0x40000000));
	CHECK(pv_started.rip == 0x40000000 + IMAGE_CODE);
	CHECK(domain_holds(0x40000000 + IMAGE_HYPERCALLS, first, sizeof(first)));

	/* The offset is the base unless it is given. */
	img = image_legacy("VIRT_BASE=0x40000000,VIRT_ENTRY=0x40200004");
	img.ph[0].p_paddr += 0x40000000;
	img.ph[1].p_paddr += 0x40000000;
	CHECK(!build(&img) && domain_good(&want) && pv_started.rip == 0x40200004);

	img = image_legacy("VIRT_BASE=0x4000000g");
	CHECK(build(&img) == -ENOEXEC && logged("number"));
	img = image_legacy("VIRT_BASE=0x40000000,HYPERCALL_PAGE=");
	CHECK(build(&img) == -ENOEXEC && logged("number"));
	img = image_legacy("VIRT_BASE=0x00000000000000000000000000000000000000000000001");
	CHECK(build(&img) == -ENOEXEC && logged("number"));
	img = image_legacy("VIRT_BASE=0x40000000,HYPERCALL_PAGE=0xffffffffffffffff");
	CHECK(build(&img) == -ENOEXEC && logged("number"));
	img = image_legacy("VIRT_BASE=0,FEATURES=!auto_translated_physmap");
	CHECK(build(&img) == -ENOEXEC && logged("\"auto_translated_physmap\""));
	/* A section that is not in the file has no string in it. */
	img = image_legacy("VIRT_BASE=0");
	img.eh.e_entry = IMAGE_CODE;
	CHECK(!build(&img));
	img.sh[1].sh_size = sizeof(img);
	CHECK(build(&img) == -ENOEXEC && logged("not a Xen PV kernel"));
	img = image_legacy("VIRT_BASE=0");
	img.sh[1].sh_name = sizeof(img.names) - 3;
	CHECK(build(&img) == -ENOEXEC && logged("not a Xen PV kernel"));
	img = image_legacy("VIRT_BASE=0");
	img.eh.e_shstrndx = 3;
	CHECK(build(&img) == -ENOEXEC && logged("not a Xen PV kernel"));
	return true;
}

static bool test_features(void)
{
	static const struct {
		const char *text;
		const char *missing;
	} list[] = {
		{"", NULL},
		{"|!writable_page_tables|", NULL},
		{"auto_translated_physmap|whatever", NULL},
		{"!writable_page_tables|!writable_descriptor_tables|!pae_pgdir_above_4gb", NULL},
		{"!mmu_pt_update_preserve_ad|!gnttab_map_avail_bits|!highmem_assist", NULL},
		{"!auto_translated_physmap", "\"auto_translated_physmap\""},
		{"!supervisor_mode_kernel", "\"supervisor_mode_kernel\""},
		{"a|!writable_page_tables|!hvm_pirqs|b", "\"hvm_pirqs\""},
		{"!dom0", "\"dom0\""},
		{"!writable_page_table", "\"writable_page_table\""},
		{"!new_thing\nvmmd: forged", "\"new_thing\""},
		{"!", "\"\""},
	};
	struct image img;
	u32 i;

	for (i = 0; i < ARRAY_SIZE(list); i++) {
		img = image_kernel(0);
		image_note_text(&img, XEN_ELFNOTE_FEATURES, list[i].text);
		CHECK(build(&img) == (list[i].missing ? -ENOEXEC : 0));
		CHECK(!list[i].missing || logged(list[i].missing));
		CHECK(!logged("forged"));
	}
	/* The text may end without a NUL. */
	img = image_kernel(0);
	image_note(&img, XEN_ELFNOTE_FEATURES, "!writable_page_tablesX", 21);
	CHECK(!build(&img));
	return true;
}

/* ------------------------------------------------------------- what is refused */

static bool test_not_pv(void)
{
	struct image img = image_bare();

	CHECK(build(&img) == -ENOEXEC && logged("not a Xen PV kernel (CONFIG_XEN_PV)"));
	/* A kernel with drivers for Xen has some of the notes. */
	image_note_text(&img, XEN_ELFNOTE_LOADER, "generic");
	image_note_u64(&img, XEN_ELFNOTE_HYPERCALL_PAGE, IMAGE_HYPERCALLS);
	image_note_u64(&img, XEN_ELFNOTE_PHYS32_ENTRY, IMAGE_CODE);
	CHECK(build(&img) == -ENOEXEC && logged("not a Xen PV kernel (CONFIG_XEN_PV)"));
	img = image_kernel(0);
	img.eh.e_ident[EI_CLASS] = ELFCLASS32;
	CHECK(build(&img) == -ENOEXEC);
	img.eh = (Elf64_Ehdr){0};
	memcpy(&img.eh,
	       &(Elf32_Ehdr){
		       .e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS32, ELFDATA2LSB},
		       .e_machine = EM_386,
	       },
	       sizeof(Elf32_Ehdr));
	CHECK(build(&img) == -ENOEXEC && logged("32-bit"));
	img = image_kernel(0);
	img.eh.e_machine = EM_AARCH64;
	CHECK(build(&img) == -ENOEXEC && logged("not a kernel for x86"));
	img = image_kernel(0);
	image_note_text(&img, XEN_ELFNOTE_XEN_VERSION, "xen-2.0");
	CHECK(build(&img) == -ENOEXEC && logged("another Xen"));
	CHECK(machine_boot("text", 4, NULL, 0, CONFIG_TYPE_PV, cmdline) == -ENOEXEC);
	return true;
}

static bool test_bad_notes(void)
{
	struct image img;

	img = image_kernel(0);
	image_note(&img, XEN_ELFNOTE_ENTRY, "abc", 3);
	CHECK(build(&img) == -ENOEXEC && logged("number"));
	img = image_kernel(0);
	image_note(&img, XEN_ELFNOTE_INIT_P2M, "", 0);
	CHECK(build(&img) == -ENOEXEC && logged("number"));
	img = image_kernel(0);
	img.ph[2].p_offset = UINT64_MAX - 4;
	CHECK(build(&img) == -ENOEXEC && logged("reach beyond"));
	img = image_kernel(0);
	img.ph[2].p_filesz = sizeof(img);
	CHECK(build(&img) == -ENOEXEC && logged("reach beyond"));
	/* Lengths that run wild end the walk. */
	img = image_kernel(0);
	memset(img.notes, 0xff, 8);
	CHECK(build(&img) == -ENOEXEC && logged("not a Xen PV kernel"));
	img = image_kernel(0);
	((Elf64_Nhdr *)img.notes)->n_descsz = UINT32_MAX - 2;
	CHECK(build(&img) == -ENOEXEC && logged("not a Xen PV kernel"));
	img = image_kernel(0);
	img.eh.e_phoff = UINT64_MAX - 8;
	CHECK(build(&img) == -ENOEXEC && logged("program headers"));
	CHECK(machine_boot(&img, 20, NULL, 0, CONFIG_TYPE_PV, cmdline) == -ENOEXEC);
	return true;
}

static int build_note(struct image img, u32 type, u64 value)
{
	image_note_u64(&img, type, value);
	return build(&img);
}

static bool test_bad_addresses(void)
{
	const struct image img = linux_like();
	const u64 end = LINUX_BASE + IMAGE_END;
	struct image at;

	CHECK(build_note(img, XEN_ELFNOTE_ENTRY, end) == -ENOEXEC && logged("entry point"));
	CHECK(!build_note(img, XEN_ELFNOTE_ENTRY, end - 1));
	CHECK(build_note(img, XEN_ELFNOTE_ENTRY, LINUX_BASE - 1) == -ENOEXEC);
	CHECK(build_note(img, XEN_ELFNOTE_HYPERCALL_PAGE, end) == -ENOEXEC);
	CHECK(logged("hypercall page"));
	CHECK(build_note(img, XEN_ELFNOTE_HYPERCALL_PAGE, end - 0x800) == -ENOEXEC);
	CHECK(build_note(img, XEN_ELFNOTE_HYPERCALL_PAGE, LINUX_BASE - 0x1000) == -ENOEXEC);
	CHECK(!build_note(img, XEN_ELFNOTE_HYPERCALL_PAGE, end - 0x1000));

	CHECK(build_note(img, XEN_ELFNOTE_INIT_P2M, LINUX_P2M + 8) == -ENOEXEC);
	CHECK(logged("INIT_P2M"));
	CHECK(build_note(img, XEN_ELFNOTE_INIT_P2M, HOLE_BASE) == -ENOEXEC && logged("INIT_P2M"));
	CHECK(build_note(img, XEN_ELFNOTE_INIT_P2M, HOLE_END - 0x1000) == -ENOEXEC);
	CHECK(!build_note(img, XEN_ELFNOTE_INIT_P2M, HOLE_END));
	CHECK(build_note(img, XEN_ELFNOTE_INIT_P2M, 1ULL << 47) == -ENOEXEC);
	CHECK(build_note(img, XEN_ELFNOTE_INIT_P2M, (1ULL << 47) - 0x1000) == -ENOEXEC);
	CHECK(build_note(img, XEN_ELFNOTE_INIT_P2M, LINUX_BASE - GIB) == -ENOEXEC);
	CHECK(logged("same 512 GiB"));
	CHECK(build_note(img, XEN_ELFNOTE_INIT_P2M, -0x1000ULL) == -ENOEXEC);

	CHECK(build_note(img, XEN_ELFNOTE_VIRT_BASE, LINUX_BASE + 0x800) == -ENOEXEC);
	CHECK(logged("VIRT_BASE"));
	at = image_kernel(HOLE_BASE);
	CHECK(build(&at) == -ENOEXEC && logged("hypervisor"));
	at = image_kernel(HOLE_END - 0x1000);
	CHECK(build(&at) == -ENOEXEC && logged("hypervisor"));
	at = image_kernel(1ULL << 60);
	CHECK(build(&at) == -ENOEXEC && logged("VIRT_BASE"));
	at = image_kernel((1ULL << 47) - MIB);
	CHECK(build(&at) == -ENOEXEC && logged("VIRT_BASE"));
	at = image_kernel(-0x400000ULL);
	at.ph[0].p_memsz = 0x1ff000;
	CHECK(build(&at) == -ENOEXEC && logged("VIRT_BASE"));
	return true;
}

static bool test_bad_segments(void)
{
	struct image img;

	img = image_kernel(0);
	img.ph[0].p_filesz = UINT64_MAX;
	CHECK(build(&img) == -ENOEXEC && logged("reaches beyond"));
	img = image_kernel(0);
	img.ph[1].p_offset = sizeof(img) - 1;
	CHECK(build(&img) == -ENOEXEC && logged("reaches beyond"));
	img = image_kernel(0);
	img.ph[0].p_paddr = UINT64_MAX - 100;
	CHECK(build(&img) == -ENOEXEC && logged("outside of memory"));
	img = image_kernel(0);
	img.ph[0].p_memsz = UINT64_MAX;
	CHECK(build(&img) == -ENOEXEC && logged("outside of memory"));
	img = image_kernel(0);
	img.ph[0].p_memsz = 1 * GIB;
	CHECK(build(&img) == -ENOMEM && logged("raise memory="));
	/* Without anything to load there is nothing to enter. */
	img = image_kernel(0);
	img.ph[0].p_memsz = 0;
	img.ph[0].p_filesz = 0;
	img.ph[1].p_type = PT_NULL;
	CHECK(build(&img) == -ENOEXEC && logged("entry point"));
	return true;
}

/* -------------------------------------------------------------------- kernels */

static void *file_content(const char *path, size_t *len)
{
	int fd = open(path, O_RDONLY);
	off_t size = fd < 0 ? -1 : lseek(fd, 0, SEEK_END);
	void *map =
		size <= 0 ? MAP_FAILED : mmap(NULL, (size_t)size, PROT_READ, MAP_PRIVATE, fd, 0);

	if (map == MAP_FAILED) {
		perror(path);
		exit(2);
	}
	close(fd);
	*len = (size_t)size;
	return map;
}

/* A real kernel: what it wants is read from what it got, and all that fits. */
static bool build_kernel(const char *path)
{
	const struct start_info *info;
	struct expect want = expect(0);
	size_t len;
	void *map = file_content(path, &len);

	machine_destroy();
	machine_create(512, 4);
	CHECK(!machine_boot(map, len, ramdisk, sizeof(ramdisk), CONFIG_TYPE_PV, cmdline));
	munmap(map, len);
	info = mem_range(&machine.mem, domain_translate(pv_started.rsi), sizeof(*info));
	CHECK(info);
	want.by_pfn = info->flags & SIF_MOD_START_PFN;
	want.init_p2m = info->nr_p2m_frames ? info->mfn_list : 0;
	/* PFNs and frames are the same as long as there is no RAM above the hole. */
	want.virt_base = pv_started.rsi - domain_translate(pv_started.rsi);
	want.kernel_end = want.by_pfn ? 0 : info->mod_start - want.virt_base;
	if (want.by_pfn)
		want.kernel_end =
			(want.init_p2m ? pv_started.rsi : info->mfn_list) - want.virt_base;
	printf("# base %#llx entry %#llx end %#llx P2M %#llx ramdisk by %s\n",
	       (unsigned long long)want.virt_base, (unsigned long long)pv_started.rip,
	       (unsigned long long)want.kernel_end, (unsigned long long)info->mfn_list,
	       want.by_pfn ? "PFN" : "address");
	CHECK(domain_translate(pv_started.rip) < want.kernel_end);
	return domain_good(&want);
}

/* -------------------------------------------------------------------- running */

static void fresh(void)
{
	pv_params = (struct pv_params){
		.shared_info = 0xc0000000,
		.store_port = 1,
		.console_port = 2,
		.l4_slot = 256,
		.l4_entries = l4_entries,
		.nr_l4_entries = ARRAY_SIZE(l4_entries),
	};
	machine_create(32, 2);
}

static void report(const char *name, bool good)
{
	machine_destroy();
	printf("%sok %d %s\n", good ? "" : "not ", ++tests, name);
	failures += !good;
}

static void run(const char *name, bool (*test)(void))
{
	fresh();
	report(name, test());
}

int main(int argc, char **argv)
{
	u32 i;

	/* No kernel of a test is worth keeping. What is logged is looked at. */
	setenv("XDG_CACHE_HOME", "/dev/null", 1);
	log_fd = memfd_create("log", 0);
	if (log_fd < 0 || fcntl(log_fd, F_SETFL, O_APPEND) || dup2(log_fd, STDERR_FILENO) < 0)
		abort();
	for (i = 0; i < sizeof(ramdisk); i++)
		ramdisk[i] = (u8)(i * 5 + i / 256 + 3);

	printf("TAP version 13\n1..%d\n", 18 + argc - 1);
	run("all in one region", test_plain);
	run("P2M and ramdisk outside, as Linux has them", test_linux);
	run("one of them outside", test_mixed);
	run("regions across tables", test_bases);
	run("padding behind the stack", test_padding);
	run("more than 3 GiB", test_big);
	run("too little RAM is told", test_small);
	run("pages that are not there are refused", test_no_such_ram);
	run("the hypercall page", test_hypercalls);
	run("the hypercall page without SYSCALL", test_far_hypercalls);
	run("notes of an unknown owner", test_unknown_owner);
	run("a command line of 1023 bytes, not one more", test_cmdline);
	run("an offset in physical addresses", test_offset);
	run("notes in a section", test_sections);
	run("the string before there were notes", test_legacy);
	run("required features", test_features);
	run("other kernels are refused", test_not_pv);
	run("broken notes are refused", test_bad_notes);
	run("addresses that cannot be are refused", test_bad_addresses);
	run("bad segments are refused", test_bad_segments);
	for (i = 1; i < (u32)argc; i++) {
		fresh();
		report(argv[i], build_kernel(argv[i]));
	}
	return failures != 0;
}
