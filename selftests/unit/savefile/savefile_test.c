// SPDX-License-Identifier: GPL-2.0
/* The file that a guest is saved to. Under ASan and UBSan; prints TAP. */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <xen/xen.h>

#include "board.h"
#include "xen/xen_internal.h"

static int tests, failures, log_fd;
static struct board board;

static void ok(bool good, const char *what)
{
	printf("%sok %d %s\n", good ? "" : "not ", ++tests, what);
	failures += !good;
}

static bool logged(const char *text)
{
	static char log[8192];
	ssize_t len = pread(log_fd, log, sizeof(log) - 1, 0);

	log[len < 0 ? 0 : len] = '\0';
	return strstr(log, text);
}

/* Heads and records of a good guest, all but the end. */
static void begin(const struct savefile_guest *g)
{
	board_head(&board, SAVEFILE_VERSION, board_config());
	board_record(&board, SAVEFILE_GUEST, g, sizeof(*g));
	board_vcpu(&board, 0);
	board_vcpu(&board, 1);
	board_page(&board, 0x1000, 0x55);
	board_page(&board, BOARD_STORE, 0x66);
	board_page(&board, BOARD_START_INFO, 0x77);
	board_page(&board, BOARD_GRANTS, 0x88);
	board_page(&board, BOARD_EVENTS, 0x99);
	board_page(&board, BOARD_MIB * MIB - GUEST_PAGE_SIZE, 0xaa);
}

static void good_file(void)
{
	struct savefile_guest g = board_guest();

	begin(&g);
	board_record(&board, SAVEFILE_END, NULL, 0);
}

/* The file is refused, with this in the log. */
static void bad(const char *what, char *const overrides[], const char *message)
{
	struct vm vm;
	int ret;

	if (ftruncate(log_fd, 0))
		abort();
	lseek(log_fd, 0, SEEK_SET);
	ret = board_restore(&board, overrides, &vm);
	ok(ret < 0 && logged(message), what);
	if (ret >= 0)
		board_free(&vm);
}

static bool all_zero(const u8 *page)
{
	for (size_t i = 0; i < GUEST_PAGE_SIZE; i++)
		if (page[i])
			return false;
	return true;
}

static void test_good(void)
{
	const struct start_info *info;
	struct vm vm;
	const u8 *p;

	good_file();
	ok(!board_restore(&board, NULL, &vm), "a good file is taken");
	p = mem_range(&vm.mem, 0x1000, GUEST_PAGE_SIZE);
	ok(p[0] == 0x55 && p[4095] == 0x55, "memory is what it was");
	p = mem_range(&vm.mem, BOARD_MIB * MIB - GUEST_PAGE_SIZE, GUEST_PAGE_SIZE);
	ok(p[4095] == 0xaa, "to its end");
	ok(all_zero(mem_range(&vm.mem, 0x2000, GUEST_PAGE_SIZE)), "what is left out is zero");
	ok(all_zero(mem_range(&vm.mem, BOARD_GRANTS, GUEST_PAGE_SIZE)), "no grants");
	ok(all_zero(mem_range(&vm.mem, BOARD_EVENTS, GUEST_PAGE_SIZE)), "no events");
	ok(all_zero(mem_range(&vm.mem, BOARD_STORE, GUEST_PAGE_SIZE)), "a fresh xenstore ring");
	info = mem_range(&vm.mem, BOARD_START_INFO, GUEST_PAGE_SIZE);
	ok(info->store_mfn == BOARD_STORE / GUEST_PAGE_SIZE && info->store_evtchn &&
		   info->console.domU.mfn == BOARD_CONSOLE / GUEST_PAGE_SIZE &&
		   info->nr_pages == BOARD_MIB * MIB / GUEST_PAGE_SIZE && info->pt_base,
	   "start_info has the new frames and keeps the rest");
	ok(*xen_info_field(&vm, offsetof(struct shim_info, resume)) == SHIM_RESTORED,
	   "the shim is told");
	ok(board_vcpus_set == 3 && board_tsc_set == 123456789 && board_clock_set == 987654321,
	   "both vCPUs and the time are set");
	ok(!vm.restore && vm.online == 2 && vm.limit_mib == BOARD_MIB, "and vmmd knows the guest");
	board_free(&vm);
}

static void test_damage(void)
{
	char text[64];
	struct vm vm;
	size_t len, bits;
	u32 wrong = 0;

	good_file();
	len = board.len;
	for (board.len = 0; board.len < len; board.len += 97)
		if (board_restore(&board, NULL, &vm) >= 0) {
			board_free(&vm);
			wrong++;
		}
	ok(!wrong, "no part of the file is taken for all of it");
	board.len = len - 1;
	bad("a file without its last byte", NULL, "truncated");
	board.len = 100;
	bad("a file of which the configuration is cut", NULL, "truncated");
	board.len = 0;
	bad("an empty file", NULL, "truncated");

	for (bits = 0; bits < len * 8; bits += 1013) {
		good_file();
		board.data[bits / 8] ^= (u8)(1 << bits % 8);
		if (board_restore(&board, NULL, &vm) >= 0) {
			board_free(&vm);
			wrong++;
		}
	}
	ok(!wrong, "no bit can be another");

	good_file();
	memcpy(board.data,
	       "\x7f"
	       "ELF",
	       4);
	bad("another kind of file", NULL, "no guest was saved to this file");
	board_head(&board, SAVEFILE_VERSION + 1, board_config());
	snprintf(text, sizeof(text), "of version %u: expected %u", SAVEFILE_VERSION + 1,
		 SAVEFILE_VERSION);
	bad("a file of a later version", NULL, text);
}

static void test_guest(void)
{
	char *const memory[] = {"memory=32", NULL}, *const vcpus[] = {"vcpus=3", NULL};
	char *const type[] = {"type='hvm'", NULL};
	struct savefile_guest g;

	good_file();
	bad("another size of memory", memory, "saved with 16 MiB, the configuration has 32");
	bad("another number of vCPUs", vcpus, "saved with 2 vCPUs, the configuration has 3");
	bad("another type", type, "type= is not");

	g = board_guest();
	g.shim_abi++;
	begin(&g);
	bad("a shim of another vmmd", NULL, "shim is of version");
	g = board_guest();
	g.tsc_khz = BOARD_TSC_KHZ / 2;
	begin(&g);
	bad("a host with another TSC", NULL, "TSC of 1000000 kHz");
	g = board_guest();
	g.cpuid[3] = 0x100;
	begin(&g);
	bad("a CPU that lacks something", NULL, "saved on a CPU that this one is not like");
	g = board_guest();
	g.store = BOARD_MIB * MIB;
	begin(&g);
	board_record(&board, SAVEFILE_END, NULL, 0);
	bad("a ring outside of memory", NULL, "cannot be");
	g = board_guest();
	g.hole = 1ULL << 40;
	begin(&g);
	bad("a shim that is too large", NULL, "cannot be");
	g = board_guest();
	g.vcpus = 33;
	begin(&g);
	bad("too many vCPUs", NULL, "cannot be");
}

static void test_records(void)
{
	struct savefile_guest g = board_guest();
	u8 piece[100] = {0};

	board_head(&board, SAVEFILE_VERSION, board_config());
	board_vcpu(&board, 0);
	bad("a file that does not begin with its guest", NULL, "damaged");
	begin(&g);
	board_page(&board, BOARD_MIB * MIB, 1);
	bad("a page behind the end of memory", NULL, "cannot be");
	begin(&g);
	board_page(&board, 0x1234, 1);
	bad("a page that is none", NULL, "cannot be");
	begin(&g);
	board_record(&board, SAVEFILE_MEMORY, piece, sizeof(piece));
	bad("half a page", NULL, "cannot be");
	begin(&g);
	board_record(&board, SAVEFILE_MEMORY, piece, 4);
	bad("memory without an address", NULL, "too short");
	begin(&g);
	board_vcpu(&board, 1);
	bad("a vCPU twice", NULL, "cannot be");
	begin(&g);
	board_vcpu(&board, 2);
	bad("a vCPU that there is not", NULL, "cannot be");
	board_head(&board, SAVEFILE_VERSION, board_config());
	board_record(&board, SAVEFILE_GUEST, &g, sizeof(g));
	board_vcpu(&board, 0);
	board_record(&board, SAVEFILE_END, NULL, 0);
	bad("a vCPU that is missing", NULL, "cannot be");
	begin(&g);
	board_record(&board, SAVEFILE_GUEST, &g, sizeof(g));
	bad("two guests", NULL, "cannot be");
	begin(&g);
	board_record(&board, 99, NULL, 0);
	bad("a record of no kind", NULL, "damaged");
}

/* What is written of a configuration is read as the same. */
static void test_config(void)
{
	static const char text[] =
		"name='a'\ntype='pv'\nkernel='/k'\nramdisk='/r'\nextra='x=\"1 2\" \\\\ \\x01'\n"
		"root='/dev/xvda ro'\nmemory=64\nmaxmem=128\nvcpus=2\nmaxvcpus=4\ncpus='1-3,^2'\n"
		"on_crash='coredump-destroy'\non_reboot='restart'\npv_user_pgd=1\n"
		"disk=['file:/x/y,xvda,w','format=raw,vdev=xvdb,access=ro,direct-io-safe,"
		"no-discard,target=/a \\'b,c','format=raw,vdev=hdc,devtype=cdrom,access=ro,"
		"target=/iso']\n"
		"vif=['mac=00:16:3e:01:02:03,bridge=br1,rate=10Mb/s@50ms,mtu=9000',"
		"'type=user','vifname=v1,rate=100GB/s,script=/bin/true,ip=10.0.0.1']\n";
	struct config one, two;
	struct config_error err;
	size_t len, len2;
	char *a, *b;

	if (config_parse_text("c", text, strlen(text), NULL, &one, &err)) {
		printf("# %s\n", err.text);
		ok(false, "a configuration");
		return;
	}
	a = config_to_text(&one, &len);
	if (!a || config_parse_text("c", a, len, NULL, &two, &err)) {
		printf("# %s\n%s", err.text, a ? a : "");
		ok(false, "a configuration as text is one");
		goto out;
	}
	b = config_to_text(&two, &len2);
	if (b && strcmp(a, b))
		printf("%s\n-----\n%s\n", a, b);
	ok(b && !strcmp(a, b), "a configuration as text is the same");
	ok(!strcmp(one.cmdline, two.cmdline) && one.maxmem_mib == two.maxmem_mib &&
		   one.maxvcpus == two.maxvcpus && one.n_disks == two.n_disks &&
		   !strcmp(one.disks[1].path, two.disks[1].path) && two.disks[1].direct &&
		   !two.disks[1].discard && two.disks[2].cdrom &&
		   CPU_EQUAL(&one.affinity, &two.affinity) && !memcmp(one.uuid, two.uuid, 16),
	   "in its parts");
	ok(one.n_vifs == two.n_vifs && one.vifs[0].rate == two.vifs[0].rate &&
		   one.vifs[0].rate_interval_us == two.vifs[0].rate_interval_us &&
		   one.vifs[2].rate == two.vifs[2].rate &&
		   !memcmp(one.vifs[1].mac, two.vifs[1].mac, 6) &&
		   !strcmp(one.vifs[2].script, two.vifs[2].script),
	   "and in its cards");
	free(b);
	config_free(&two);
out:
	free(a);
	config_free(&one);
}

int main(void)
{
	log_fd = memfd_create("log", 0);
	if (log_fd < 0 || dup2(log_fd, STDERR_FILENO) < 0)
		return 1;
	printf("TAP version 13\n");
	test_good();
	test_damage();
	test_guest();
	test_records();
	test_config();
	printf("1..%d\n", tests);
	return failures != 0;
}
