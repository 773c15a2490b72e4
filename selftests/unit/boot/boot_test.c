// SPDX-License-Identifier: GPL-2.0
/* The loaders against images made here. Under ASan and UBSan; prints TAP. */
#include <asm/bootparam.h>
#include <elf.h>
#include <dirent.h>
#include <endian.h>
#include <errno.h>
#include <lz4.h>
#include <lzma.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xen/xen.h>
#include <xen/arch-x86/hvm/start_info.h>
#include <xen/elfnote.h>
#include <zlib.h>
#include <zstd.h>

#include "machine.h"

#define ENTRY	   0x1000100
#define LOAD	   0x1000000
#define CODE_BYTES 5000

static int tests, failures;

#define CHECK(cond)                                                                                \
	do {                                                                                       \
		if (!(cond)) {                                                                     \
			printf("# %s:%d: not true: %s\n", __func__, __LINE__, #cond);              \
			return false;                                                              \
		}                                                                                  \
	} while (0)

static char cmdline[] = "console=ttyS0";
static const char ramdisk[] = "a ramdisk";

/* ------------------------------------------------------------- ELF images */

struct image64 {
	Elf64_Ehdr eh;
	Elf64_Phdr ph[2];
	Elf64_Nhdr note;
	char name[4];
	u32 desc;
	u8 code[CODE_BYTES];
};

static struct image64 elf64(void)
{
	struct image64 img = {
		.eh =
			{
				.e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64,
					    ELFDATA2LSB},
				.e_machine = EM_X86_64,
				.e_phoff = offsetof(struct image64, ph),
				.e_phnum = 2,
				.e_phentsize = sizeof(Elf64_Phdr),
			},
		.ph[0] =
			{
				.p_type = PT_LOAD,
				.p_offset = offsetof(struct image64, code),
				.p_paddr = LOAD,
				.p_filesz = CODE_BYTES,
				.p_memsz = 3 * CODE_BYTES,
			},
		.ph[1] =
			{
				.p_type = PT_NOTE,
				.p_offset = offsetof(struct image64, note),
				.p_filesz = sizeof(Elf64_Nhdr) + 8,
			},
		.note = {.n_namesz = 4, .n_descsz = 4, .n_type = XEN_ELFNOTE_PHYS32_ENTRY},
		.name = "Xen",
		.desc = ENTRY,
	};
	u32 i;

	for (i = 0; i < CODE_BYTES; i++)
		img.code[i] = (u8)(i * 7 + 1);
	return img;
}

static int boot_elf(const struct image64 *img, enum config_type type)
{
	return machine_boot(img, sizeof(*img), ramdisk, sizeof(ramdisk), type, cmdline);
}

static bool pvh_entered(const struct image64 *img)
{
	const struct hvm_start_info *info = mem_range(&machine.mem, BOOT_START_INFO, sizeof(*info));
	const struct hvm_modlist_entry *mod;

	CHECK(entered.bits == 32 && entered.at == ENTRY && entered.arg == BOOT_START_INFO);
	CHECK(!memcmp(mem_range(&machine.mem, LOAD, CODE_BYTES), img->code, CODE_BYTES));
	CHECK(info->magic == XEN_HVM_START_MAGIC_VALUE && info->version == 1);
	CHECK(info->rsdp_paddr == RSDP && info->nr_modules == 1);
	CHECK(!strcmp(mem_range(&machine.mem, info->cmdline_paddr, sizeof(cmdline)), cmdline));
	mod = mem_range(&machine.mem, info->modlist_paddr, sizeof(*mod));
	CHECK(mod && mod->size == sizeof(ramdisk) && mod->paddr >= LOAD + 3 * CODE_BYTES);
	CHECK(!memcmp(mem_range(&machine.mem, mod->paddr, mod->size), ramdisk, sizeof(ramdisk)));
	CHECK(info->memmap_entries >= 3);
	CHECK(mem_range(&machine.mem, info->memmap_paddr,
			info->memmap_entries * sizeof(struct hvm_memmap_table_entry)));
	return true;
}

static bool test_elf64(void)
{
	struct image64 img = elf64();

	CHECK(!boot_elf(&img, CONFIG_TYPE_AUTO));
	return pvh_entered(&img);
}

static bool test_elf32(void)
{
	struct {
		Elf32_Ehdr eh;
		Elf32_Phdr ph[2];
		Elf32_Nhdr note;
		char name[4];
		u32 desc;
		u8 code[16];
	} img = {
		.eh =
			{
				.e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS32,
					    ELFDATA2LSB},
				.e_machine = EM_386,
				.e_phoff = sizeof(Elf32_Ehdr),
				.e_phnum = 2,
			},
		.note = {.n_namesz = 4, .n_descsz = 4, .n_type = XEN_ELFNOTE_PHYS32_ENTRY},
		.name = "Xen",
		.desc = ENTRY,
		.code = {0x90},
	};

	img.ph[0] = (Elf32_Phdr){
		.p_type = PT_LOAD,
		.p_paddr = LOAD,
		.p_filesz = sizeof(img),
		.p_memsz = sizeof(img),
	};
	img.ph[1] = (Elf32_Phdr){
		.p_type = PT_NOTE,
		.p_offset = (u32)((u8 *)&img.note - (u8 *)&img),
		.p_filesz = sizeof(img.note) + 8,
	};
	CHECK(!machine_boot(&img, sizeof(img), NULL, 0, CONFIG_TYPE_AUTO, cmdline));
	CHECK(entered.bits == 32 && entered.at == ENTRY);
	return true;
}

/* Each of these must be refused, and not by a signal. */
static bool test_bad_elf(void)
{
	struct image64 img;

	img = elf64();
	img.note.n_type = XEN_ELFNOTE_ENTRY;
	CHECK(boot_elf(&img, CONFIG_TYPE_AUTO) == -ENOEXEC);
	img = elf64();
	img.note.n_namesz = UINT32_MAX;
	CHECK(boot_elf(&img, CONFIG_TYPE_AUTO) == -ENOEXEC);
	img = elf64();
	img.note.n_descsz = UINT32_MAX - 2;
	CHECK(boot_elf(&img, CONFIG_TYPE_AUTO) == -ENOEXEC);
	img = elf64();
	img.ph[1].p_offset = UINT64_MAX - 4;
	CHECK(boot_elf(&img, CONFIG_TYPE_AUTO) == -ENOEXEC);
	img = elf64();
	img.ph[0].p_filesz = UINT64_MAX;
	CHECK(boot_elf(&img, CONFIG_TYPE_AUTO) == -ENOEXEC);
	img = elf64();
	img.ph[0].p_offset = sizeof(img) - 1;
	CHECK(boot_elf(&img, CONFIG_TYPE_AUTO) == -ENOEXEC);
	img = elf64();
	img.ph[0].p_paddr = UINT64_MAX - CODE_BYTES;
	CHECK(boot_elf(&img, CONFIG_TYPE_AUTO) == -ENOMEM);
	img = elf64();
	img.ph[0].p_paddr = 0x1000; /* over what the loader itself writes */
	CHECK(boot_elf(&img, CONFIG_TYPE_AUTO) == -ENOMEM);
	img = elf64();
	img.ph[0].p_memsz = 1 * GIB;
	CHECK(boot_elf(&img, CONFIG_TYPE_AUTO) == -ENOMEM);
	img = elf64();
	img.eh.e_phoff = UINT64_MAX - 8;
	CHECK(boot_elf(&img, CONFIG_TYPE_AUTO) == -ENOEXEC);
	img = elf64();
	img.eh.e_phnum = UINT16_MAX;
	CHECK(boot_elf(&img, CONFIG_TYPE_AUTO) == -ENOEXEC);
	img = elf64();
	img.eh.e_machine = EM_AARCH64;
	CHECK(boot_elf(&img, CONFIG_TYPE_AUTO) == -ENOEXEC);
	img = elf64();
	CHECK(machine_boot(&img, 20, NULL, 0, CONFIG_TYPE_AUTO, cmdline) == -ENOEXEC);
	return true;
}

/* --------------------------------------------------------------- bzImages */

#define SETUP_BYTES 1024

/* A bzImage around a payload; the caller frees it. */
static u8 *bzimage(const u8 *payload, size_t len, size_t *total)
{
	struct setup_header *hdr;
	u8 *img;

	*total = SETUP_BYTES + len;
	if (*total < sizeof(struct boot_params))
		*total = sizeof(struct boot_params);
	img = calloc(1, *total);
	hdr = (struct setup_header *)(img + offsetof(struct boot_params, hdr));
	hdr->setup_sects = SETUP_BYTES / 512 - 1;
	hdr->boot_flag = 0xaa55;
	memcpy(&hdr->header, "HdrS", 4);
	hdr->version = 0x020f;
	hdr->xloadflags = XLF_KERNEL_64;
	hdr->loadflags = LOADED_HIGH;
	hdr->relocatable_kernel = 1;
	hdr->kernel_alignment = 2 * MIB;
	hdr->pref_address = LOAD;
	hdr->init_size = 4 * MIB;
	hdr->cmdline_size = 2047;
	hdr->initrd_addr_max = 0x7fffffff;
	hdr->payload_offset = 0;
	hdr->payload_length = (u32)len;
	memcpy(img + SETUP_BYTES, payload, len);
	return img;
}

static int boot_bzimage(u8 *img, size_t len, enum config_type type)
{
	return machine_boot(img, len, ramdisk, sizeof(ramdisk), type, cmdline);
}

static bool test_bzimage(void)
{
	const struct boot_params *zero = mem_range(&machine.mem, BOOT_ZERO_PAGE, sizeof(*zero));
	u8 payload[3000];
	size_t len;
	u8 *img;

	memset(payload, 0xa5, sizeof(payload));
	img = bzimage(payload, sizeof(payload), &len);
	CHECK(!boot_bzimage(img, len, CONFIG_TYPE_HVM));
	free(img);
	CHECK(entered.bits == 64 && entered.at == LOAD + 0x200 && entered.arg == BOOT_ZERO_PAGE);
	CHECK(!memcmp(mem_range(&machine.mem, LOAD, sizeof(payload)), payload, sizeof(payload)));
	CHECK(zero->hdr.type_of_loader == 0xff && zero->acpi_rsdp_addr == RSDP);
	CHECK(!strcmp(mem_range(&machine.mem, zero->hdr.cmd_line_ptr, 64), cmdline));
	CHECK(zero->hdr.ramdisk_size == sizeof(ramdisk));
	CHECK(zero->hdr.ramdisk_image >= LOAD + 4 * MIB);
	CHECK(!memcmp(mem_range(&machine.mem, zero->hdr.ramdisk_image, sizeof(ramdisk)), ramdisk,
		      sizeof(ramdisk)));
	CHECK(zero->e820_entries >= 3 && zero->e820_table[0].type == BOOT_RAM);
	/* Nothing usable overlaps where the tables are. */
	CHECK(zero->e820_table[0].addr + zero->e820_table[0].size <= RSDP);
	return true;
}

static bool test_bzimage_moves(void)
{
	u8 payload[100] = {1};
	struct setup_header *hdr;
	size_t len;
	u8 *img = bzimage(payload, sizeof(payload), &len);

	hdr = (struct setup_header *)(img + offsetof(struct boot_params, hdr));
	hdr->init_size = 20 * MIB;
	CHECK(!boot_bzimage(img, len, CONFIG_TYPE_HVM));
	CHECK(entered.at == 2 * MIB + 0x200);
	free(img);
	return true;
}

static bool test_bad_bzimage(void)
{
	char *longline = malloc(3000);
	u8 payload[100] = {1};
	struct setup_header *hdr;
	size_t len;
	u8 *img = bzimage(payload, sizeof(payload), &len);

	hdr = (struct setup_header *)(img + offsetof(struct boot_params, hdr));
	hdr->xloadflags = 0;
	CHECK(boot_bzimage(img, len, CONFIG_TYPE_HVM) == -ENOEXEC);
	hdr->xloadflags = XLF_KERNEL_64;
	hdr->version = 0x0203;
	CHECK(boot_bzimage(img, len, CONFIG_TYPE_HVM) == -ENOEXEC);
	hdr->version = 0x020f;
	hdr->setup_sects = 255;
	CHECK(boot_bzimage(img, len, CONFIG_TYPE_HVM) == -ENOEXEC);
	hdr->setup_sects = SETUP_BYTES / 512 - 1;
	hdr->init_size = UINT32_MAX;
	CHECK(boot_bzimage(img, len, CONFIG_TYPE_HVM) == -ENOMEM);
	hdr->init_size = 4 * MIB;
	hdr->pref_address = UINT64_MAX - 100;
	hdr->kernel_alignment = 0x80000000;
	CHECK(boot_bzimage(img, len, CONFIG_TYPE_HVM) == -ENOMEM);
	hdr->pref_address = LOAD;
	hdr->kernel_alignment = 3;
	CHECK(!boot_bzimage(img, len, CONFIG_TYPE_HVM));
	hdr->initrd_addr_max = LOAD;
	CHECK(boot_bzimage(img, len, CONFIG_TYPE_HVM) == -ENOMEM);
	hdr->initrd_addr_max = 0x7fffffff;
	memset(longline, 'x', 2999);
	longline[2999] = '\0';
	CHECK(machine_boot(img, len, NULL, 0, CONFIG_TYPE_HVM, longline) == -E2BIG);
	free(longline);
	/* For PVH the payload is what counts. */
	hdr->payload_length = UINT32_MAX;
	CHECK(boot_bzimage(img, len, CONFIG_TYPE_PVH) == -ENOEXEC);
	hdr->payload_length = 3;
	CHECK(boot_bzimage(img, len, CONFIG_TYPE_PVH) == -ENOEXEC);
	hdr->payload_length = 100;
	hdr->payload_offset = UINT32_MAX;
	CHECK(boot_bzimage(img, len, CONFIG_TYPE_PVH) == -ENOEXEC);
	free(img);
	return true;
}

/* -------------------------------------------------------------- compression */

static size_t pack_gzip(const void *in, size_t len, u8 *out, size_t room)
{
	z_stream z = {0};

	if (deflateInit2(&z, 9, Z_DEFLATED, MAX_WBITS + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK)
		abort();
	z.next_in = (Bytef *)in;
	z.avail_in = (uInt)len;
	z.next_out = out;
	z.avail_out = (uInt)room;
	if (deflate(&z, Z_FINISH) != Z_STREAM_END)
		abort();
	deflateEnd(&z);
	return z.total_out; /* ends with the size by itself */
}

static size_t append_size(u8 *out, size_t at, size_t len)
{
	u32 size = htole32((u32)len);

	memcpy(out + at, &size, sizeof(size));
	return at + sizeof(size);
}

static size_t pack_xz(const void *in, size_t len, u8 *out, size_t room)
{
	size_t at = 0;

	if (lzma_easy_buffer_encode(6, LZMA_CHECK_CRC32, NULL, in, len, out, &at, room) != LZMA_OK)
		abort();
	return append_size(out, at, len);
}

static size_t pack_lzma(const void *in, size_t len, u8 *out, size_t room)
{
	lzma_stream lz = LZMA_STREAM_INIT;
	lzma_options_lzma opt;

	lzma_lzma_preset(&opt, 6);
	if (lzma_alone_encoder(&lz, &opt) != LZMA_OK)
		abort();
	lz.next_in = in;
	lz.avail_in = len;
	lz.next_out = out;
	lz.avail_out = room;
	if (lzma_code(&lz, LZMA_FINISH) != LZMA_STREAM_END)
		abort();
	lzma_end(&lz);
	return append_size(out, lz.total_out, len);
}

static size_t pack_lz4(const void *in, size_t len, u8 *out, size_t room)
{
	u32 word = htole32(0x184c2102);
	int n;

	memcpy(out, &word, 4);
	n = LZ4_compress_default(in, (char *)out + 8, (int)len, (int)room - 8);
	word = htole32((u32)n);
	memcpy(out + 4, &word, 4);
	return append_size(out, 8 + (size_t)n, len);
}

static size_t pack_zstd(const void *in, size_t len, u8 *out, size_t room)
{
	size_t at = ZSTD_compress(out, room, in, len, 19);

	if (ZSTD_isError(at))
		abort();
	return append_size(out, at, len);
}

static bool packed(size_t (*pack)(const void *in, size_t len, u8 *out, size_t room))
{
	static u8 buf[4 * sizeof(struct image64)];
	struct image64 elf = elf64();
	size_t len, total, cut;
	u8 *img;

	len = pack(&elf, sizeof(elf), buf, sizeof(buf));
	img = bzimage(buf, len, &total);
	CHECK(!boot_bzimage(img, total, CONFIG_TYPE_PVH));
	free(img);
	if (!pvh_entered(&elf))
		return false;

	/* Damaged, cut short, or lying about its size: refused every time. */
	for (cut = 1; cut < len; cut += len / 5) {
		img = bzimage(buf, len - cut, &total);
		CHECK(boot_bzimage(img, total, CONFIG_TYPE_PVH) < 0);
		free(img);
	}
	buf[len - 1] = 0x7f;
	img = bzimage(buf, len, &total);
	CHECK(boot_bzimage(img, total, CONFIG_TYPE_PVH) == -ENOEXEC);
	free(img);
	buf[len - 1] = 0;
	buf[len - 4] ^= 0x10;
	img = bzimage(buf, len, &total);
	CHECK(boot_bzimage(img, total, CONFIG_TYPE_PVH) == -ENOEXEC);
	free(img);
	return true;
}

static bool test_gzip(void)
{
	return packed(pack_gzip);
}

static bool test_xz(void)
{
	return packed(pack_xz);
}

static bool test_lzma(void)
{
	return packed(pack_lzma);
}

static bool test_lz4(void)
{
	return packed(pack_lz4);
}

static bool test_zstd(void)
{
	return packed(pack_zstd);
}

static bool test_other(void)
{
	u8 payload[200] = "BZh91AY";
	size_t len;
	u8 *img = bzimage(payload, sizeof(payload), &len);

	CHECK(boot_bzimage(img, len, CONFIG_TYPE_PVH) == -ENOEXEC);
	free(img);
	CHECK(machine_boot("text", 4, NULL, 0, CONFIG_TYPE_AUTO, cmdline) == -ENOEXEC);
	return true;
}

/* ---------------------------------------------------------------- the cache */

static char cache_dir[] = "/tmp/boot_test.XXXXXX";

/* Entries of the cache; @bytes: size of one of them. */
static int cache_entries(off_t *bytes)
{
	char path[64];
	struct dirent *entry;
	struct stat st;
	int n = 0;
	DIR *dir;

	snprintf(path, sizeof(path), "%s/hvctl", cache_dir);
	dir = opendir(path);
	while (dir && (entry = readdir(dir))) {
		if (entry->d_name[0] == '.' || fstatat(dirfd(dir), entry->d_name, &st, 0))
			continue;
		n++;
		*bytes = st.st_size;
	}
	if (dir)
		closedir(dir);
	return n;
}

static void cache_empty(void)
{
	char cmd[64];

	snprintf(cmd, sizeof(cmd), "rm -rf %s/hvctl", cache_dir);
	if (system(cmd))
		abort();
}

static u8 *packed_elf(size_t *total)
{
	static u8 buf[4 * sizeof(struct image64)];
	struct image64 elf = elf64();

	return bzimage(buf, pack_zstd(&elf, sizeof(elf), buf, sizeof(buf)), total);
}

static bool test_cache(void)
{
	struct image64 elf = elf64();
	struct boot_image kernel, out;
	u8 nothing[100] = {1};
	off_t bytes = -1;
	size_t total;
	u8 *img;
	int i;

	/* Without type= a bzImage is unpacked once and entered by PVH. */
	cache_empty();
	img = packed_elf(&total);
	CHECK(!boot_bzimage(img, total, CONFIG_TYPE_AUTO) && pvh_entered(&elf));
	CHECK(cache_entries(&bytes) == 1 && bytes == sizeof(elf));
	CHECK(!boot_bzimage(img, total, CONFIG_TYPE_HVM) && entered.bits == 64);

	/* The same file again is not unpacked again: damage shows nothing. */
	kernel = (struct boot_image){.fd = memfd_create("k", 0), .size = total, .path = "k"};
	CHECK(pwrite(kernel.fd, img, total, 0) == (ssize_t)total);
	CHECK(!cache_unpacked(&kernel, &out));
	close(out.fd);
	CHECK(cache_entries(&bytes) == 2);
	CHECK(!cache_unpacked(&kernel, &out) && out.size == sizeof(elf));
	close(out.fd);
	CHECK(cache_entries(&bytes) == 2);
	/* Written to, it is another kernel. */
	usleep(20000);
	CHECK(pwrite(kernel.fd, "x", 1, (off_t)total - 40) == 1);
	cache_unpacked(&kernel, &out);
	CHECK(cache_entries(&bytes) == 3);
	close(kernel.fd);
	for (i = 0; i < 6; i++)
		CHECK(!boot_bzimage(img, total, CONFIG_TYPE_AUTO));
	CHECK(cache_entries(&bytes) == 4);
	free(img);

	/* What PVH cannot enter is remembered as such. */
	cache_empty();
	img = bzimage(nothing, sizeof(nothing), &total);
	CHECK(!boot_bzimage(img, total, CONFIG_TYPE_AUTO) && entered.bits == 64);
	CHECK(cache_entries(&bytes) == 1 && bytes == 0);
	free(img);
	return true;
}

/* An image for PV alone, which PVH cannot enter. */
static bool test_pv_kernel(void)
{
	static u8 buf[4 * sizeof(struct image64)];
	struct image64 elf = elf64();
	off_t bytes;
	size_t total;
	u8 *img;

	elf.note.n_type = XEN_ELFNOTE_VIRT_BASE;
	elf.desc = 0;
	elf.eh.e_entry = ENTRY;
	CHECK(!boot_elf(&elf, CONFIG_TYPE_PV) && pv_started.rip == ENTRY);
	CHECK(boot_elf(&elf, CONFIG_TYPE_PVH) == -ENOEXEC);

	cache_empty();
	img = bzimage(buf, pack_zstd(&elf, sizeof(elf), buf, sizeof(buf)), &total);
	CHECK(!boot_bzimage(img, total, CONFIG_TYPE_PV) && pv_started.rip == ENTRY);
	CHECK(cache_entries(&bytes) == 1 && bytes == sizeof(elf));
	/* Kept or not, the others do not take it for theirs. */
	CHECK(!boot_bzimage(img, total, CONFIG_TYPE_AUTO) && entered.bits == 64);
	CHECK(boot_bzimage(img, total, CONFIG_TYPE_PVH) == -ENOEXEC);
	setenv("XDG_CACHE_HOME", "/dev/null", 1);
	CHECK(!boot_bzimage(img, total, CONFIG_TYPE_PV) && pv_started.rip == ENTRY);
	setenv("XDG_CACHE_HOME", cache_dir, 1);
	free(img);

	/* The other way round: nothing for PV in it. */
	img = packed_elf(&total);
	CHECK(boot_bzimage(img, total, CONFIG_TYPE_PV) == -ENOEXEC);
	free(img);
	return true;
}

/* Neither a foreign hand in the directory nor the lack of one stops a guest. */
static bool test_no_cache(void)
{
	struct image64 elf = elf64();
	char path[64];
	off_t bytes;
	size_t total;
	u8 *img = packed_elf(&total);

	cache_empty();
	snprintf(path, sizeof(path), "%s/hvctl", cache_dir);
	CHECK(!mkdir(path, 0700) && !chmod(path, 0777));
	CHECK(!boot_bzimage(img, total, CONFIG_TYPE_AUTO) && entered.bits == 64);
	CHECK(!boot_bzimage(img, total, CONFIG_TYPE_PVH) && pvh_entered(&elf));
	CHECK(cache_entries(&bytes) == 0);
	setenv("XDG_CACHE_HOME", "/dev/null", 1);
	CHECK(!boot_bzimage(img, total, CONFIG_TYPE_AUTO) && entered.bits == 64);
	CHECK(!boot_bzimage(img, total, CONFIG_TYPE_PVH) && pvh_entered(&elf));
	setenv("XDG_CACHE_HOME", cache_dir, 1);
	free(img);
	return true;
}

static void run(const char *name, bool (*test)(void))
{
	bool good;

	machine_create(32, 0);
	good = test();
	machine_destroy();
	printf("%sok %d %s\n", good ? "" : "not ", ++tests, name);
	failures += !good;
}

int main(void)
{
	if (!mkdtemp(cache_dir))
		abort();
	setenv("XDG_CACHE_HOME", cache_dir, 1);
	printf("TAP version 13\n1..15\n");
	run("a 64-bit ELF image is entered by PVH", test_elf64);
	run("a 32-bit ELF image is entered by PVH", test_elf32);
	run("bad ELF images are refused", test_bad_elf);
	run("a bzImage is entered by the 64-bit protocol", test_bzimage);
	run("a bzImage moves where there is room", test_bzimage_moves);
	run("bad bzImages are refused", test_bad_bzimage);
	run("gzip", test_gzip);
	run("xz", test_xz);
	run("lzma", test_lzma);
	run("lz4", test_lz4);
	run("zstd", test_zstd);
	run("other formats are refused", test_other);
	run("unpacked kernels are kept", test_cache);
	run("without a place for them all boots as well", test_no_cache);
	run("a kernel for PV alone is found in a bzImage", test_pv_kernel);
	cache_empty();
	rmdir(cache_dir);
	return failures != 0;
}
