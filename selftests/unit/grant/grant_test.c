// SPDX-License-Identifier: GPL-2.0
/* What a guest may write into its grant table. Under ASan and UBSan; prints TAP. */
#define __XEN_INTERFACE_VERSION__ __XEN_LATEST_INTERFACE_VERSION__

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <xen/xen.h>
#include <xen/grant_table.h>

#include "vm.h"
#include "xen/xen_internal.h"

#define RAM_MIB 16
#define HOLE	(2 * MIB)
#define GRANTS	(MEM_PCI32_BASE + 0x20000)
#define STATUS	(GRANTS + SHIM_GRANT_FRAMES * GUEST_PAGE_SIZE)
#define FRAME	0x123
#define MARKS	(GTF_reading | GTF_writing)

static int tests, failures, log_fd;
static struct vm vm;
static u64 version = 1;

static void *grant_frame(struct xen *of, u32 frame)
{
	return mem_range(&of->vm->mem, GRANTS + frame * GUEST_PAGE_SIZE, GUEST_PAGE_SIZE);
}

static u64 grant_version(struct xen *of)
{
	(void)of;
	return version;
}

static const struct xen_ops ops = {
	.grant_frame = grant_frame,
	.grant_version = grant_version,
};
static struct xen xen = {.vm = &vm, .ops = &ops};

static void ok(bool good, const char *what)
{
	printf("%sok %d v%d: %s\n", good ? "" : "not ", ++tests, (int)version, what);
	failures += !good;
}

/* ------------------------------------------------------------ the rest of vmmd */

int hv_set_memslot(struct hv *hv, u32 slot, u64 gpa, u64 len, void *host, u32 flags)
{
	(void)hv, (void)slot, (void)gpa, (void)len, (void)host, (void)flags;
	return 0;
}

/* ------------------------------------------------------------ the guest */

static grant_entry_v1_t *v1(u32 ref)
{
	return mem_range(&vm.mem, GRANTS + ref * sizeof(grant_entry_v1_t),
			 sizeof(grant_entry_v1_t));
}

static grant_entry_v2_t *v2(u32 ref)
{
	return mem_range(&vm.mem, GRANTS + ref * sizeof(grant_entry_v2_t),
			 sizeof(grant_entry_v2_t));
}

static grant_status_t *status(u32 ref)
{
	return mem_range(&vm.mem, STATUS + ref * sizeof(grant_status_t), sizeof(grant_status_t));
}

static void begin(u64 table_version)
{
	version = table_version;
	mem_discard(&vm.mem);
	memset(xen.readers, 0, sizeof(xen.readers));
	memset(xen.writers, 0, sizeof(xen.writers));
	xen.grant_told = false;
	if (ftruncate(log_fd, 0) || lseek(log_fd, 0, SEEK_SET))
		abort();
}

static void grant(u32 ref, u16 flags, u16 domid, u64 frame)
{
	if (version == 1) {
		*v1(ref) = (grant_entry_v1_t){flags, domid, (u32)frame};
	} else {
		v2(ref)->full_page.frame = frame;
		v2(ref)->hdr = (grant_entry_header_t){flags, domid};
	}
}

static u16 marks(u32 ref)
{
	return (version == 1 ? v1(ref)->flags : *status(ref)) & MARKS;
}

static int times_logged(const char *text)
{
	static char log[8192];
	ssize_t len = pread(log_fd, log, sizeof(log) - 1, 0);
	const char *at = log;
	int n = 0;

	log[len < 0 ? 0 : len] = '\0';
	for (; (at = strstr(at, text)); at++)
		n++;
	return n;
}

static void *page(u64 frame)
{
	return mem_range(&vm.mem, frame * GUEST_PAGE_SIZE, GUEST_PAGE_SIZE);
}

/* ------------------------------------------------------------ tests */

static void test_good(u64 table_version)
{
	begin(table_version);
	grant(9, GTF_permit_access, 0, FRAME);
	ok(xen_grant_map(&xen, 9, true) == page(FRAME) && marks(9) == MARKS,
	   "a page to write to, and its marks");
	ok(xen_grant_map(&xen, 9, false) == page(FRAME), "... once more, to read");
	xen_grant_unmap(&xen, 9, true);
	ok(marks(9) == GTF_reading, "only the reader is left");
	xen_grant_unmap(&xen, 9, false);
	ok(!marks(9), "nobody is left");
	grant(10, GTF_permit_access | GTF_readonly, 0, FRAME);
	ok(!xen_grant_map(&xen, 10, true) && !marks(10), "a page to read is none to write to");
	ok(xen_grant_map(&xen, 10, false) == page(FRAME) && marks(10) == GTF_reading,
	   "but to read");
}

static void test_bad(u64 table_version)
{
	u32 n = SHIM_GRANT_FRAMES * GUEST_PAGE_SIZE / (table_version == 1 ? 8 : 16);

	begin(table_version);
	grant(n - 1, GTF_permit_access, 0, FRAME);
	ok(xen_grant_map(&xen, n - 1, true) == page(FRAME), "the last entry");
	ok(!xen_grant_map(&xen, n, true) && !xen_grant_map(&xen, UINT32_MAX, true),
	   "there are none behind it");
	ok(!xen_grant_map(&xen, 20, false) && !marks(20), "an entry that is empty");
	grant(20, GTF_permit_access, 2, FRAME);
	ok(!xen_grant_map(&xen, 20, false) && !marks(20), "one for another domain");
	grant(20, GTF_accept_transfer, 0, FRAME);
	ok(!xen_grant_map(&xen, 20, false) && !marks(20), "one that is no grant");
	grant(20, GTF_permit_access, 0, RAM_MIB * MIB / GUEST_PAGE_SIZE);
	ok(!xen_grant_map(&xen, 20, true) && !marks(20), "a frame behind the memory");
	grant(20, GTF_permit_access, 0, UINT32_MAX);
	ok(!xen_grant_map(&xen, 20, true) && !marks(20), "the last frame of 32 bits");
	ok(!xen.readers[20] && !xen.writers[20], "nothing counts as mapped");
}

static void test_forms(void)
{
	begin(2);
	grant(30, GTF_permit_access, 0, 1ULL << 52 | FRAME);
	ok(!xen_grant_map(&xen, 30, false) && !marks(30),
	   "a frame whose address is that of another");
	grant(30, GTF_permit_access, 0, UINT64_MAX);
	ok(!xen_grant_map(&xen, 30, false), "the last frame of 64 bits");
	ok(!times_logged("a grant"), "these are not told of");
	grant(30, GTF_permit_access | GTF_sub_page, 0, FRAME);
	v2(30)->sub_page.length = 100;
	ok(!xen_grant_map(&xen, 30, false) && !marks(30), "a part of a page");
	ok(times_logged("a grant of a part of a page: only whole pages") == 1, "... is told of");
	grant(31, GTF_transitive, 0, FRAME);
	ok(!xen_grant_map(&xen, 31, false) && !marks(31), "another domain's page");
	ok(times_logged("a grant of") == 1, "the log hears once");
	begin(2);
	grant(31, GTF_transitive, 0, FRAME);
	xen_grant_map(&xen, 31, false);
	ok(times_logged("a grant of another domain's page") == 1, "... in the other case, too");
	begin(1);
	grant(30, GTF_permit_access | GTF_sub_page, 0, FRAME);
	ok(xen_grant_map(&xen, 30, false) == page(FRAME), "which knows no parts of pages");
}

/* The version is a word of the guest's memory. */
static void test_change(void)
{
	begin(1);
	grant(30000, GTF_permit_access, 0, FRAME);
	ok(xen_grant_map(&xen, 30000, true) == page(FRAME), "an entry that version 2 has not");
	version = 2;
	xen_grant_unmap(&xen, 30000, true);
	ok(!xen.readers[30000] && !xen.writers[30000], "is let go");
	version = 0x200000002;
	ok(!xen_grant_map(&xen, 20000, false), "a version that there is not");
	begin(2);
	grant(40, GTF_permit_access, 0, FRAME);
	xen_grant_map(&xen, 40, true);
	grant(40, 0, 0, 0);
	ok(marks(40) == MARKS, "an entry that is taken back is still marked");
	version = 1;
	xen_grant_unmap(&xen, 40, true);
	ok(!xen.readers[40] && !xen.writers[40], "let go by the other one");
}

static bool stop;

static void *scribble(void *unused)
{
	u32 seed = 1, i;

	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
		for (i = 0; i < 16; i++) {
			u32 *word = (u32 *)v1(i);

			seed = seed * 1664525 + 1013904223;
			__atomic_store_n(word, seed >> 20 & 0xf1f7, __ATOMIC_RELAXED);
			__atomic_store_n(word + 1, seed >> 18, __ATOMIC_RELAXED);
		}
		__atomic_store_n(&version, 1 + (seed >> 31), __ATOMIC_RELAXED);
	}
	return unused;
}

static void test_race(void)
{
	u32 i, mapped = 0, wild = 0, left = 0;
	pthread_t thread;

	begin(1);
	if (pthread_create(&thread, NULL, scribble, NULL))
		abort();
	for (i = 0; i < 300000 || (!mapped && i < 100000000); i++) {
		u8 *at = xen_grant_map(&xen, i & 7, i & 16);

		if (!at)
			continue;
		mapped++;
		wild += at < vm.mem.host || at > vm.mem.host + vm.mem.size - GUEST_PAGE_SIZE;
		xen_grant_unmap(&xen, i & 7, i & 16);
	}
	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	for (i = 0; i < 8; i++)
		left += xen.readers[i] + xen.writers[i];
	version = 1;
	ok(mapped && !wild && !left, "a table that changes all the time");
}

int main(void)
{
	log_fd = memfd_create("log", 0);
	if (log_fd < 0 || dup2(log_fd, STDERR_FILENO) < 0 ||
	    mem_create(&vm.mem, RAM_MIB * MIB, HOLE))
		return 1;
	pthread_mutex_init(&xen.grant_lock, NULL);
	printf("TAP version 13\n");
	test_good(1);
	test_good(2);
	test_bad(1);
	test_bad(2);
	test_forms();
	test_change();
	test_race();
	printf("1..%d\n", tests);
	return failures != 0;
}
