// SPDX-License-Identifier: GPL-2.0
/*
 * Kernels out of the disks that make-images made, and out of damaged ones. Run
 * as pygrub_test SAMPLES IMAGES; under ASan and UBSan; prints TAP.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "guest.h"
#include "menu_test.h"
#include "sandbox.h"

#define DAMAGES 200

static const char *images;
static unsigned int number, failed;

void report(bool ok, const char *part, const char *what)
{
	printf("%sok %u %s: %s\n", ok ? "" : "not ", ++number, part, what);
	fflush(stdout);
}

/* ------------------------------------------------ the child before it reads */

static enum {
	CHILD_READS,
	CHILD_LOOKS, /* at what it still has */
	CHILD_HANGS,
	CHILD_ABORTS,
	CHILD_WRITES, /* more than it may */
	CHILD_LIES,   /* that all is well */
} child_does;

static bool limited(int what, rlim_t most)
{
	struct rlimit now;

	return !getrlimit(what, &now) && now.rlim_max <= most;
}

/* The disk, two files to write to, the log, and the directory that is being read. */
static bool has_nothing_else(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int n = 0;

	while (readdir(dir))
		n++;
	closedir(dir);
	return n - 2 == 5 && limited(RLIMIT_CPU, 30) && limited(RLIMIT_FSIZE, 64 * MIB) &&
	       alarm(0) > 0;
}

/* Stands for the sandbox, whose own tests are sandboxed_test and unit/sandbox. */
int sandbox_thread(enum sandbox_role role)
{
	if (role != ROLE_READER)
		abort();
	switch (child_does) {
	case CHILD_READS:
		return 0;
	case CHILD_LOOKS:
		_exit(has_nothing_else() ? 100 : 101);
	case CHILD_HANGS:
		alarm(1);
		for (;;)
			pause();
	case CHILD_ABORTS:
		signal(SIGABRT, SIG_DFL);
		abort();
	case CHILD_WRITES:
		for (int fd = 3; fd < 64; fd++)
			if (pwrite(fd, "x", 1, 64 * MIB) == 1)
				_exit(0);
		_exit(0);
	case CHILD_LIES:
		_exit(0);
	}
	abort();
}

/* ------------------------------------------------------------------- images */

/**
 * struct image_case - a disk and what is started from it
 * @what: is tested
 * @image: name of the disk
 * @grub: options of pygrub
 * @kernel: start of the kernel, or NULL when there is an error
 * @ramdisk: start of the ramdisk
 * @cmdline: command line; or a part of the error
 */
struct image_case {
	const char *what;
	const char *image;
	struct config_grub grub;
	const char *kernel;
	const char *ramdisk;
	const char *cmdline;
};

#define ENTRY(n)                                                                                   \
	{                                                                                          \
		.entry = (char *)(n)                                                               \
	}
#define FILES(k, r)                                                                                \
	{                                                                                          \
		.kernel = (char *)(k), .ramdisk = (char *)(r)                                      \
	}

#define D37	  "kernel 6.1.0-37-amd64", "ramdisk 6.1.0-37-amd64"
#define D37_WORDS "root=UUID=1234 ro quiet console=hvc0"

static const struct image_case image_cases[] = {
	{"ext2", "ext2", {}, D37, D37_WORDS},
	{"ext3", "ext3", {}, D37, D37_WORDS},
	{"ext4", "ext4", {}, D37, D37_WORDS},
	{"a logical partition", "mbr", {}, D37, D37_WORDS},
	{"an entry by number", "mbr", ENTRY("3"), "kernel 6.1.0-35-amd64", "ramdisk 6.1.0-35-amd64",
	 D37_WORDS},
	{"a GPT, /boot of its own, a saved default",
	 "gpt",
	 {},
	 "1\n2\n3\n",
	 "ramdisk 6.8.0-40-generic",
	 "root=/dev/mapper/ubuntu--vg-lv ro quiet splash console=hvc0"},
	{"a GPT by its second header", "gpt-backup", ENTRY("0"), "kernel 6.8.0-45-generic",
	 "ramdisk 6.8.0-45-generic", "root=/dev/mapper/ubuntu--vg-lv ro quiet splash console=hvc0"},
	{"BLS entries, the newest first",
	 "bls",
	 {},
	 "kernel 6.10.6-200.fc40",
	 "ramdisk 6.10.6-200.fc40",
	 "root=UUID=77 ro rhgb quiet  nofb last console=hvc0"},
	{"... by id", "bls", ENTRY("abcd-0-rescue"), "kernel 0-rescue", "ramdisk 0-rescue",
	 "root=UUID=77 ro rhgb quiet  nofb last console=hvc0"},
	{"... the saved one, with the saved options",
	 "bls-saved",
	 {},
	 "kernel 6.9.12-200.fc40",
	 "ramdisk 6.9.12-200.fc40",
	 "root=/dev/xvda2 ro nofb last console=hvc0"},
	{"--kernel", "ext4", FILES("/boot/vmlinuz-6.1.0-35-amd64", NULL), "kernel 6.1.0-35-amd64",
	 "", "console=hvc0"},
	{"--kernel, --ramdisk and --args, through links",
	 "mbr",
	 {.kernel = (char *)"/boot/link",
	  .ramdisk = (char *)"/boot/initrd.img-6.1.0-35-amd64",
	  .args = (char *)"root=/dev/vda6 ro"},
	 "kernel 6.1.0-35-amd64",
	 "ramdisk 6.1.0-35-amd64",
	 "root=/dev/vda6 ro console=hvc0"},
	{"--args beside the menu's",
	 "ext3",
	 {.args = (char *)"single"},
	 D37,
	 "root=UUID=1234 ro quiet single console=hvc0"},
	{"a ramdisk of pieces", "pieces", {}, "kernel", "ramdisk", "a console=hvc0"},

	{"no such entry", "mbr", ENTRY("x\ny"), NULL, NULL,
	 "xvda, partition 6: /boot/grub/grub.cfg: no entry 'x?y' that boots Linux"},
	{"no such kernel", "mbr", FILES("/boot/vmlinuz", NULL), NULL, NULL,
	 "xvda: no ext2, ext3 or ext4 file system has /boot/vmlinuz"},
	{"no such ramdisk", "mbr", FILES("/boot/link", "/r"), NULL, NULL,
	 "xvda, partition 6: /r: File not found"},
	{"a mistake in grub.cfg",
	 "syntax",
	 {},
	 NULL,
	 NULL,
	 "xvda: /boot/grub/grub.cfg:2: no end of the text after \""},
	{"a kernel that is not there",
	 "missing",
	 {},
	 NULL,
	 NULL,
	 "xvda: /boot/grub/grub.cfg:3: 'one': /nothing: File not found"},
	{"a ramdisk that is not there",
	 "missing-ramdisk",
	 {},
	 NULL,
	 NULL,
	 "/nothing: File not found"},
	{"a menu without Linux",
	 "none",
	 {},
	 NULL,
	 NULL,
	 "/boot/grub/grub.cfg: no entry boots Linux"},
	{"an empty kernel", "empty", {}, NULL, NULL, "xvda: /empty: is empty"},
	{"a directory", "directory", {}, NULL, NULL, "/boot: not a file"},
	{"links in a ring", "loop", {}, NULL, NULL, "/k: Too many symbolic links"},
	{"grub.cfg leads to itself",
	 "cfg-loop",
	 {},
	 NULL,
	 NULL,
	 "xvda: /boot/grub/grub.cfg: Too many symbolic links"},
	{"a large kernel",
	 "large",
	 {},
	 NULL,
	 NULL,
	 "/large: has 102400 KiB, and no more than 65536 KiB are taken"},
	{"a large ramdisk",
	 "large-ramdisk",
	 {},
	 NULL,
	 NULL,
	 "/large: has 102400 KiB, and no more than 65535 KiB are taken"},
	{"a large grub.cfg",
	 "large-cfg",
	 {},
	 NULL,
	 NULL,
	 "grub.cfg: has 2048 KiB, and no more than 1024 KiB are taken"},
	{"a command line that is too long",
	 "long",
	 {.args = (char *)"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
			  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
			  "aa"},
	 NULL,
	 NULL,
	 "xvda: the command line has 8210 bytes: more than 8191"},
	{"no GRUB",
	 "no-grub",
	 {},
	 NULL,
	 NULL,
	 "xvda: no ext2, ext3 or ext4 file system has grub.cfg in boot/grub"},
	{"nothing", "zero", {}, NULL, NULL, "xvda: no ext2, ext3 or ext4 file system"},
	{"a tiny disk", "tiny", {}, NULL, NULL, "xvda: no ext2, ext3 or ext4 file system"},
	{"no disk", "no-such", {}, NULL, NULL, "no-such.img: No such file or directory"},
};

static bool test_image(const struct image_case *c)
{
	struct guest guest;
	char path[512];
	bool ok;

	snprintf(path, sizeof(path), "%s/%s.img", images, c->image);
	guest_init(&guest, path);
	guest.cfg.grub = c->grub;
	guest.cfg.grub.used = true;
	guest_start(&guest);
	if (c->kernel)
		ok = !guest.ret && !strncmp(guest.kernel, c->kernel, strlen(c->kernel)) &&
		     !strncmp(guest.ramdisk, c->ramdisk, strlen(c->ramdisk)) &&
		     !guest.ramdisk_len == !*c->ramdisk && !strcmp(guest.cmdline, c->cmdline);
	else
		ok = guest.ret < 0 && !guest.cmdline && strstr(guest.log, c->cmdline);
	if (!ok)
		printf("# returned %d, kernel '%s', ramdisk '%s', command line '%s'\n# log: %s\n",
		       guest.ret, guest.kernel, guest.ramdisk, guest.cmdline ?: "-", guest.log);
	guest_free(&guest);
	return ok;
}

/* In this process, where the sanitizers see what is left behind. */
static bool test_leaks(const struct image_case *c)
{
	struct pygrub_result *res = calloc(1, sizeof(*res));
	struct pygrub_job job = {
		.disk_name = "xvda",
		.grub = &c->grub,
		.max = 64 * MIB,
		.kernel_fd = memfd_create("kernel", 0),
		.ramdisk_fd = memfd_create("ramdisk", 0),
	};
	char path[512];
	struct stat st;
	bool ok;

	snprintf(path, sizeof(path), "%s/%s.img", images, c->image);
	job.disk_fd = open(path, O_RDONLY);
	if (job.disk_fd >= 0 && !fstat(job.disk_fd, &st)) {
		job.disk_size = (u64)st.st_size;
		pygrub_find(&job, res);
		close(job.disk_fd);
	}
	ok = res->done == (c->kernel || !strcmp(c->image, "empty"));
	close(job.kernel_fd);
	close(job.ramdisk_fd);
	free(res);
	return ok;
}

/* ------------------------------------------------------------------ details */

static void start(struct guest *guest, const char *image)
{
	static char path[512];

	snprintf(path, sizeof(path), "%s/%s.img", images, image);
	guest_init(guest, path);
	guest_start(guest);
}

/* The second of two pieces begins at a multiple of four. */
static bool test_pieces(void)
{
	struct guest guest;
	bool ok;

	start(&guest, "pieces");
	ok = guest.ramdisk_len == 14 && !memcmp(guest.ramdisk, "ramdisk\0second", 14);
	guest_free(&guest);
	return ok;
}

static bool test_whole_kernel(void)
{
	struct guest guest;
	char path[512];
	struct stat st;
	bool ok;

	/* seq 1 200000 */
	start(&guest, "gpt");
	ok = guest.kernel_len == 1288895;
	snprintf(path, sizeof(path), "%s/gpt.img", images);
	ok = ok && !stat(path, &st) && guest.kernel_len < (u64)st.st_size;
	guest_free(&guest);
	return ok;
}

static bool test_memory(void)
{
	static char path[512];
	struct guest guest;
	bool ok;

	snprintf(path, sizeof(path), "%s/gpt.img", images);
	guest_init(&guest, path);
	guest.cfg.memory_mib = 1;
	guest_start(&guest);
	ok = guest.ret == -ENOENT && strstr(guest.log, "no more than 1024 KiB are taken");
	guest_free(&guest);
	return ok;
}

static bool test_unfriendly(void)
{
	struct guest guest;
	bool ok;

	start(&guest, "unfriendly");
	ok = !guest.ret && strstr(guest.log, "'a?]0;b?'");
	guest_free(&guest);
	return ok;
}

static bool test_format(void)
{
	static char path[512];
	struct guest guest;

	snprintf(path, sizeof(path), "%s/gpt.img", images);
	guest_init(&guest, path);
	guest.cfg.disks[0].format = CONFIG_DISK_QCOW2;
	guest_start(&guest);
	return guest.ret == -EOPNOTSUPP && strstr(guest.log, "pygrub reads raw images only");
}

static bool test_fifo(void)
{
	struct guest guest;

	guest_init(&guest, (char *)"/dev/null");
	guest_start(&guest);
	return guest.ret == -ENOTBLK;
}

/* ---------------------------------------------------------------- the child */

static bool child_ends(int does, const char *log)
{
	struct guest guest;
	bool ok;

	child_does = does;
	start(&guest, "ext4");
	child_does = CHILD_READS;
	ok = guest.ret < 0 && strstr(guest.log, log);
	if (!ok)
		printf("# %s\n", guest.log);
	guest_free(&guest);
	return ok;
}

static int open_files(void)
{
	int n = 0;

	for (int fd = 0; fd < 256; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

/* ------------------------------------------------------------------- damage */

/* Most of a disk is empty: where it is not, at most @max places. */
static size_t find_bytes(const u8 *disk, size_t len, u32 *at, size_t max)
{
	size_t n = 0;

	for (size_t i = 0; i < len && n < max; i++)
		if (disk[i])
			at[n++] = (u32)i;
	return n;
}

/* Bytes of metadata and directories of a good disk, changed at random. */
static bool test_damage(void)
{
	static char path[512], copy[64];
	static u32 places[1 << 20];
	int good, fd = memfd_create("damaged", 0), right = 0, wrong = 0;
	size_t n_places = 0;
	struct guest guest;
	struct stat st;
	u8 *disk;

	snprintf(path, sizeof(path), "%s/mbr.img", images);
	good = open(path, O_RDONLY);
	if (good < 0 || fd < 0 || fstat(good, &st) || ftruncate(fd, st.st_size))
		return false;
	disk = mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (disk == MAP_FAILED)
		return false;
	snprintf(copy, sizeof(copy), "/proc/self/fd/%d", fd);
	srand(1);
	for (int i = 0; i < DAMAGES; i++) {
		if (pread(good, disk, (size_t)st.st_size, 0) != st.st_size)
			return false;
		if (!n_places)
			n_places = find_bytes(disk, (size_t)st.st_size, places, ARRAY_SIZE(places));
		if (!n_places)
			return false;
		for (int j = 0; j < 1 << i % 8; j++)
			disk[places[(size_t)rand() % n_places]] = (u8)rand();
		guest_init(&guest, copy);
		guest_start(&guest);
		if (guest.ret)
			wrong++;
		else
			right++;
		if ((guest.ret != 0) != (strstr(guest.log, "error: pygrub: ") != NULL)) {
			printf("# damage %d: returned %d and said: %s\n", i, guest.ret, guest.log);
			return false;
		}
		if (strstr(guest.log, "broke down"))
			printf("# damage %d: %s", i, guest.log);
		guest_free(&guest);
	}
	munmap(disk, (size_t)st.st_size);
	close(fd);
	close(good);
	printf("# %d kernels found, %d errors\n", right, wrong);
	return right && wrong;
}

static void test(bool ok, const char *part, const char *what)
{
	report(ok, part, what);
	failed += !ok;
}

int main(int argc, char **argv)
{
	int before = open_files();

	if (argc != 3)
		return 2;
	images = argv[2];
	printf("TAP version 13\n1..%zu\n", menu_tests_number() + 2 * ARRAY_SIZE(image_cases) + 13);
	failed = menu_tests(argv[1]);
	for (size_t i = 0; i < ARRAY_SIZE(image_cases); i++)
		test(test_image(&image_cases[i]), "image", image_cases[i].what);
	for (size_t i = 0; i < ARRAY_SIZE(image_cases); i++)
		test(test_leaks(&image_cases[i]), "in this process", image_cases[i].what);
	test(test_pieces(), "image", "pieces of a ramdisk are aligned");
	test(test_whole_kernel(), "image", "a kernel of many blocks arrives whole");
	test(test_memory(), "image", "no more is read than the guest has memory");
	test(test_unfriendly(), "image", "a terminal is not told what a guest says");
	test(test_format(), "image", "qcow2 is refused");
	test(test_fifo(), "image", "a device that is no disk is refused");
	test(child_ends(CHILD_LOOKS, "(status 100)"), "child", "it has nothing but its files");
	test(child_ends(CHILD_HANGS, "reading it takes too long"), "child", "it may not hang");
	test(child_ends(CHILD_ABORTS, "(signal 6)"), "child", "it may die");
	test(child_ends(CHILD_WRITES, "(signal 25)"), "child", "it may not write without end");
	test(child_ends(CHILD_LIES, "error: pygrub: "), "child", "it may say nothing");
	test(test_damage(), "damage", "ends in a kernel or an error");
	test(open_files() == before, "files", "none is left open");
	return failed ? 1 : 0;
}
