// SPDX-License-Identifier: GPL-2.0
/*
 * The guest's memory is the VMM's memory, whatever the host does to it: freed,
 * replaced, protected, copied on write, made of large pages, moved, merged,
 * swapped out.
 *
 * lab: smp=2 timeout=300
 */
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/swap.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#include "guest.h"
#include "harness.h"

#define MIB   (1UL << 20)
#define AREA  0x40000000UL
#define SIZE  (4 * MIB)
#define PAGES (SIZE / 0x1000)

#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25
#endif

FIXTURE(notifier)
{
	struct kv_vm *vm;
	struct kv_vcpu *vcpu;
	u8 *mem;
};

FIXTURE_SETUP(notifier)
{
	self->vm = kv_vm_new(0);
	self->vcpu = kv_vcpu_new(self->vm, 0);
	self->mem = kv_mmap(SIZE);
	ASSERT_EQ(0, kv_slot(self->vm, 1, AREA, SIZE, self->mem, 0));
}

FIXTURE_TEARDOWN(notifier)
{
	kv_vcpu_free(self->vcpu);
	kv_vm_free(self->vm);
	munmap(self->mem, SIZE);
}

static bool write_file(const char *name, const char *text)
{
	int fd = open(name, O_WRONLY | O_CLOEXEC);
	bool ok;

	if (fd < 0)
		return false;
	ok = write(fd, text, strlen(text)) == (ssize_t)strlen(text);
	close(fd);
	return ok;
}

static long read_number(const char *name)
{
	char text[32] = "";
	int fd = open(name, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return -1;
	if (read(fd, text, sizeof(text) - 1) < 0)
		text[0] = 0;
	close(fd);
	return atol(text);
}

/* RDI = page: report what is there, add one, and so on. */
static __guest void adder(u64 page)
{
	for (;;) {
		u64 value = *(volatile u64 *)(AREA + page * 0x1000);

		guest_sync2(1, value, 0);
		*(volatile u64 *)(AREA + page * 0x1000) = value + 1;
		guest_sync2(2, value + 1, 0);
	}
}

/* One round of the adder: it finds value. */
static void expect_value(struct __test_metadata *_metadata, struct kv_vcpu *vcpu, u64 value)
{
	ASSERT_SYNC(vcpu, 1);
	ASSERT_EQ(value, vcpu->last.a);
	ASSERT_SYNC(vcpu, 2);
}

TEST_F(notifier, dontneed)
{
	int round;

	kv_enter(self->vcpu, adder, 3, 0);
	for (round = 0; round < 5; round++) {
		expect_value(_metadata, self->vcpu, 0);
		expect_value(_metadata, self->vcpu, 1);
		ASSERT_EQ(2, *(u64 *)(self->mem + 0x3000));
		ASSERT_EQ(0, madvise(self->mem + (round & 1 ? 0 : 0x3000), 0x4000, MADV_DONTNEED));
	}
}

TEST_F(notifier, mapped_over)
{
	kv_enter(self->vcpu, adder, 3, 0);
	expect_value(_metadata, self->vcpu, 0);
	ASSERT_EQ(self->mem + 0x3000, mmap(self->mem + 0x3000, 0x1000, PROT_READ | PROT_WRITE,
					   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
	*(u64 *)(self->mem + 0x3000) = 100;
	expect_value(_metadata, self->vcpu, 100);
	ASSERT_NE(MAP_FAILED, mremap(self->mem + 0x8000, 0x1000, 0x1000,
				     MREMAP_MAYMOVE | MREMAP_FIXED, self->mem + 0x3000));
	expect_value(_metadata, self->vcpu, 0);
	ASSERT_EQ(0, munmap(self->mem + 0x3000, 0x1000));
	ASSERT_REPORT(self->vcpu, KV_ERROR, EFAULT);
}

TEST_F(notifier, protection)
{
	kv_enter(self->vcpu, adder, 3, 0);
	expect_value(_metadata, self->vcpu, 0);
	ASSERT_EQ(0, mprotect(self->mem, SIZE, PROT_READ));
	ASSERT_SYNC(self->vcpu, 1);
	ASSERT_REPORT(self->vcpu, KV_ERROR, EFAULT);
	ASSERT_EQ(0, mprotect(self->mem, SIZE, PROT_NONE));
	ASSERT_REPORT(self->vcpu, KV_ERROR, EFAULT);
	ASSERT_EQ(0, mprotect(self->mem, SIZE, PROT_READ | PROT_WRITE));
	ASSERT_SYNC(self->vcpu, 2);
	EXPECT_EQ(2, *(u64 *)(self->mem + 0x3000));
}

TEST_F(notifier, zero_page)
{
	volatile u64 *at = (void *)(self->mem + 0x3000);

	/* The VMM has only read it: it is the page of zeroes, shared by all. */
	ASSERT_EQ(0, *at);
	kv_enter(self->vcpu, adder, 3, 0);
	expect_value(_metadata, self->vcpu, 0);
	ASSERT_EQ(1, *at);
	ASSERT_EQ(0, *(volatile u64 *)(self->mem + 0x4000));
	expect_value(_metadata, self->vcpu, 1);
}

TEST_F(notifier, copy_on_write)
{
	int pipes[2][2], i;
	char byte = 0;
	pid_t pid;

	kv_enter(self->vcpu, adder, 3, 0);
	expect_value(_metadata, self->vcpu, 0);
	for (i = 0; i < 2; i++)
		ASSERT_EQ(0, pipe(pipes[i]));
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		/* What the parent's guest does now is not for the child. */
		if (read(pipes[0][0], &byte, 1) != 1)
			_exit(1);
		_exit(*(u64 *)(self->mem + 0x3000) == 1 ? 0 : 2);
	}
	expect_value(_metadata, self->vcpu, 1);
	expect_value(_metadata, self->vcpu, 2);
	ASSERT_EQ(1, write(pipes[0][1], &byte, 1));
	ASSERT_EQ(pid, waitpid(pid, &i, 0));
	EXPECT_EQ(0, i);
	EXPECT_EQ(3, *(u64 *)(self->mem + 0x3000));
}

TEST_F(notifier, files)
{
	int fd = memfd_create("guest", MFD_CLOEXEC);
	u64 value = 50;

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, ftruncate(fd, SIZE));
	ASSERT_EQ(8, pwrite(fd, &value, 8, 0x3000));
	ASSERT_NE(MAP_FAILED,
		  mmap(self->mem, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0));
	kv_enter(self->vcpu, adder, 3, 0);
	expect_value(_metadata, self->vcpu, 50);
	ASSERT_EQ(8, pread(fd, &value, 8, 0x3000));
	EXPECT_EQ(51, value);
	value = 60;
	ASSERT_EQ(8, pwrite(fd, &value, 8, 0x3000));
	expect_value(_metadata, self->vcpu, 60);
	ASSERT_EQ(0, fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0x3000, 0x1000));
	expect_value(_metadata, self->vcpu, 0);

	/* A private mapping: the guest's writes stay out of the file. */
	value = 70;
	ASSERT_EQ(8, pwrite(fd, &value, 8, 0x3000));
	ASSERT_NE(MAP_FAILED,
		  mmap(self->mem, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED, fd, 0));
	expect_value(_metadata, self->vcpu, 70);
	expect_value(_metadata, self->vcpu, 71);
	ASSERT_EQ(8, pread(fd, &value, 8, 0x3000));
	EXPECT_EQ(70, value);

	/* Beyond the end of the file there is nothing. */
	ASSERT_EQ(0, madvise(self->mem, SIZE, MADV_DONTNEED));
	ASSERT_EQ(0, ftruncate(fd, 0x3000));
	ASSERT_REPORT(self->vcpu, KV_ERROR, EFAULT);
	close(fd);
}

/* Keep at it for so long: the library gives a vCPU up after KV_SECONDS. */
#define STRESS_SECONDS 4

/* Each page holds a number that only this vCPU changes: it never goes astray. */
static __guest void keeper(u64 first, u64 last)
{
	u64 round, i;

	for (round = 0;; round++) {
		for (i = first; i < last; i++) {
			volatile u64 *at = (void *)(AREA + i * 0x1000);

			guest_equal(*at, round ? round << 32 | i : 0);
			*at = (round + 1) << 32 | i;
		}
	}
}

struct keepers {
	struct kv_vcpu *vcpu[2];
};

static void start_keepers(struct keepers *k, struct kv_vm *vm, struct kv_vcpu *first)
{
	k->vcpu[0] = first;
	k->vcpu[1] = kv_vcpu_new(vm, 1);
	kv_enter(k->vcpu[0], keeper, 0, PAGES / 2);
	kv_enter(k->vcpu[1], keeper, PAGES / 2, PAGES);
	kv_start(k->vcpu[0]);
	kv_start(k->vcpu[1]);
}

static void pause_keeper(struct __test_metadata *_metadata, struct kv_vcpu *vcpu)
{
	struct kv_report report;

	kv_kick(vcpu);
	report = kv_join(vcpu);
	EXPECT_EQ(KV_EINTR, report.kind)
	{
		TH_LOG("vCPU %u: %s", vcpu->id, kv_text(vcpu, &report));
	}
}

static void stop_keepers(struct __test_metadata *_metadata, struct keepers *k)
{
	pause_keeper(_metadata, k->vcpu[0]);
	pause_keeper(_metadata, k->vcpu[1]);
	kv_vcpu_free(k->vcpu[1]);
}

/*
 * One large page out of 512, and apart again. Under load that may be put off
 * for ever, as a page that is being faulted in is enough; so, in the end,
 * without the vCPU whose half it is.
 */
TEST_F(notifier, huge_pages)
{
	time_t end = time(NULL) + STRESS_SECONDS;
	struct keepers k;
	int round, made = 0, err = 0;

	madvise(self->mem, SIZE, MADV_NOHUGEPAGE);
	start_keepers(&k, self->vm, self->vcpu);
	for (round = 0; round < 40 && time(NULL) < end; round++) {
		u8 *half = self->mem + (round & 1) * 2 * MIB;
		struct kv_vcpu *keeper = k.vcpu[round & 1];

		usleep(5000);
		madvise(half, 2 * MIB, MADV_HUGEPAGE);
		err = 0;
		if (madvise(half, 2 * MIB, MADV_COLLAPSE)) {
			pause_keeper(_metadata, keeper);
			err = madvise(half, 2 * MIB, MADV_COLLAPSE) ? errno : 0;
			kv_start(keeper);
		}
		made += !err;
		usleep(5000);
		/* Splits the large page: part of it is to go to another list. */
		madvise(half + 0x5000, 0x1000, MADV_COLD);
		madvise(half, 2 * MIB, MADV_NOHUGEPAGE);
	}
	stop_keepers(_metadata, &k);
	EXPECT_GT(made, 1)
	{
		TH_LOG("%d large pages in %d rounds: %s", made, round, strerror(err));
	}
}

TEST_F(notifier, forks)
{
	time_t end = time(NULL) + STRESS_SECONDS;
	struct keepers k;
	int round;

	start_keepers(&k, self->vm, self->vcpu);
	for (round = 0; round < 30 && time(NULL) < end; round++) {
		pid_t pid = fork();

		ASSERT_LE(0, pid);
		if (!pid)
			_exit(0);
		ASSERT_EQ(pid, waitpid(pid, NULL, 0));
	}
	stop_keepers(_metadata, &k);
}

TEST_F(notifier, compaction)
{
	time_t end = time(NULL) + STRESS_SECONDS;
	struct keepers k;
	int round;

	if (access("/proc/sys/vm/compact_memory", W_OK))
		SKIP(return, "the host cannot compact its memory");
	madvise(self->mem, SIZE, MADV_NOHUGEPAGE);
	start_keepers(&k, self->vm, self->vcpu);
	for (round = 0; round < 10 && time(NULL) < end; round++)
		EXPECT_TRUE(write_file("/proc/sys/vm/compact_memory", "1"));
	stop_keepers(_metadata, &k);
}

TEST_F(notifier, merged)
{
	u64 *a = (void *)(self->mem + 0x3000), *b = (void *)(self->mem + 0x9000);
	int i;

	if (read_number("/sys/kernel/mm/ksm/run") < 0)
		SKIP(return, "the host has no KSM");
	for (i = 0; i < 512; i++)
		a[i] = b[i] = 0x5a5a5a5aUL;
	kv_enter(self->vcpu, adder, 3, 0);
	ASSERT_SYNC(self->vcpu, 1);
	ASSERT_EQ(0, madvise(self->mem, SIZE, MADV_MERGEABLE));
	write_file("/sys/kernel/mm/ksm/sleep_millisecs", "1");
	write_file("/sys/kernel/mm/ksm/pages_to_scan", "10000");
	ASSERT_TRUE(write_file("/sys/kernel/mm/ksm/run", "1"));
	for (i = 0; i < 200 && read_number("/sys/kernel/mm/ksm/pages_sharing") < 1; i++)
		usleep(50000);
	EXPECT_GT(read_number("/sys/kernel/mm/ksm/pages_sharing"), 0);
	/* The guest's write parts them again. */
	ASSERT_SYNC(self->vcpu, 2);
	EXPECT_EQ(0x5a5a5a5bUL, a[0]);
	EXPECT_EQ(0x5a5a5a5aUL, b[0]);
	expect_value(_metadata, self->vcpu, 0x5a5a5a5bUL);
	write_file("/sys/kernel/mm/ksm/run", "2");
}

/* A RAM disk to swap to, where the host can make one. */
static bool swap_on(void)
{
	return !system("modprobe zram 2>/dev/null && echo 64M >/sys/block/zram0/disksize && "
		       "mkswap -q /dev/zram0 >/dev/null 2>&1") &&
	       !swapon("/dev/zram0", 0);
}

static long pages_swapped_out(void)
{
	char text[8192], *at;
	int fd = open("/proc/vmstat", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

	close(fd);
	if (n < 0)
		return -1;
	text[n] = 0;
	at = strstr(text, "\npswpout ");
	return at ? atol(at + 9) : -1;
}

TEST_F(notifier, swapped)
{
	time_t end = time(NULL) + 3 * STRESS_SECONDS;
	struct keepers k;
	long before;
	int round;

	if (!swap_on())
		SKIP(return, "the host has nothing to swap to");
	before = pages_swapped_out();
	madvise(self->mem, SIZE, MADV_NOHUGEPAGE);
	start_keepers(&k, self->vm, self->vcpu);
	/* Pages that came a moment ago are passed over. */
	for (round = 0; (round < 20 || pages_swapped_out() < before + 100) && time(NULL) < end;
	     round++) {
		EXPECT_EQ(0, madvise(self->mem, SIZE, MADV_PAGEOUT));
		usleep(5000);
	}
	stop_keepers(_metadata, &k);
	EXPECT_LE(before + 100, pages_swapped_out());
	EXPECT_EQ(0, swapoff("/dev/zram0"));
	write_file("/sys/block/zram0/reset", "1");
}

/* Threads that free memory at random while the guest touches all of it. */
static __guest void rover(void)
{
	u64 n = 1;

	for (;;) {
		n = n * 6364136223846793005UL + 1442695040888963407UL;
		*(volatile u64 *)(AREA + (n >> 33) % PAGES * 0x1000) = n;
	}
}

struct freer {
	u8 *mem;
	unsigned int seed;
	volatile bool stop;
};

static void *free_pages(void *arg)
{
	struct freer *f = arg;

	while (!f->stop) {
		u64 page = (u64)rand_r(&f->seed) % PAGES;
		u64 n = 1 + (u64)rand_r(&f->seed) % 64;

		if (page + n > PAGES)
			n = PAGES - page;
		madvise(f->mem + page * 0x1000, n * 0x1000, MADV_DONTNEED);
	}
	return NULL;
}

TEST_F(notifier, freed_under_load)
{
	struct freer f[2] = {{self->mem, 1, false}, {self->mem, 2, false}};
	struct kv_vcpu *second = kv_vcpu_new(self->vm, 1);
	pthread_t thread[2];
	int i;

	kv_enter(self->vcpu, rover, 0, 0);
	kv_enter(second, rover, 0, 0);
	kv_start(self->vcpu);
	kv_start(second);
	for (i = 0; i < 2; i++)
		ASSERT_EQ(0, pthread_create(&thread[i], NULL, free_pages, &f[i]));
	sleep(3);
	for (i = 0; i < 2; i++) {
		f[i].stop = true;
		pthread_join(thread[i], NULL);
	}
	kv_kick(self->vcpu);
	kv_kick(second);
	ASSERT_KICKED(self->vcpu);
	ASSERT_KICKED(second);
	/* With all of it freed once more, nothing of the guest shows up. */
	ASSERT_EQ(0, madvise(self->mem, SIZE, MADV_DONTNEED));
	for (i = 0; i < (int)PAGES; i++)
		ASSERT_EQ(0, *(u64 *)(self->mem + i * 0x1000UL));
	kv_vcpu_free(second);
}

TEST_HARNESS_MAIN
