// SPDX-License-Identifier: GPL-2.0
/*
 * Pages of 1 GiB: one nested entry serves all of it, and it comes apart and
 * together again as logging and the host's memory manager want.
 *
 * lab: gib=1 mem=4096
 */
#include <fcntl.h>
#include <sys/mman.h>
#include <time.h>

#include "guest.h"
#include "harness.h"
#include "hvctl.h"

#define MIB   (1UL << 20)
#define GIB   (1UL << 30)
#define AREA  GIB
#define STEP  (2 * MIB)
#define STEPS (GIB / STEP)
#define WORDS (GIB / 0x1000 / 64)

#ifndef MAP_HUGE_1GB
#define MAP_HUGE_1GB (30 << 26)
#endif

FIXTURE(large)
{
	struct kv_vm *vm;
	struct kv_vcpu *vcpu;
	u8 *mem;
	u64 *log;
};

static bool cpu_has(const char *flag)
{
	static char text[1 << 16];
	FILE *f = fopen("/proc/cpuinfo", "r");
	size_t n;

	if (!f)
		return false;
	n = fread(text, 1, sizeof(text) - 1, f);
	text[n] = 0;
	fclose(f);
	return strstr(text, flag);
}

FIXTURE_SETUP(large)
{
	if (!cpu_has(kv_intel() ? " ept_1gb" : " pdpe1gb"))
		SKIP(return, "this CPU's nested tables have no 1 GiB entries");
	self->mem = mmap(NULL, GIB, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB | MAP_HUGE_1GB, -1, 0);
	if (self->mem == MAP_FAILED)
		SKIP(return, "no page of 1 GiB: boot with hugepagesz=1G hugepages=1");
	self->log = calloc(WORDS, 8);
	ASSERT_NE(NULL, self->log);
	self->vm = kv_vm_new(0);
	self->vcpu = kv_vcpu_new(self->vm, 0);
	ASSERT_EQ(0, kv_slot(self->vm, 1, AREA, GIB, self->mem, 0));
}

FIXTURE_TEARDOWN(large)
{
	kv_vcpu_free(self->vcpu);
	kv_vm_free(self->vm);
	munmap(self->mem, GIB);
	free(self->log);
}

/* Each round: one word in each 2 MiB is what it was, and one more from now on. */
static __guest void stepper(u64 first)
{
	u64 round, i;

	for (round = first;; round++) {
		for (i = 0; i < STEPS; i++) {
			volatile u64 *at = (void *)(AREA + i * STEP + i * 8);

			guest_equal(*at, round);
			*at = round + 1;
		}
		guest_sync2(1, round, 0);
	}
}

static u64 nested_faults(struct kv_vcpu *vcpu)
{
	struct hvctl_vcpu_stats stats = {.size = sizeof(stats)};

	if (ioctl(vcpu->fd, HVCTL_GET_VCPU_STATS, &stats))
		kv_die("HVCTL_GET_VCPU_STATS: %s", strerror(errno));
	return stats.exits[HVCTL_EXIT_NESTED_FAULT];
}

/* A round of the stepper, which takes so many nested faults. */
static void expect_round(struct __test_metadata *_metadata, struct kv_vcpu *vcpu, u64 least,
			 u64 most)
{
	u64 before = 0, faults;

	if (kv_is_hvctl())
		before = nested_faults(vcpu);
	ASSERT_SYNC(vcpu, 1);
	if (!kv_is_hvctl())
		return;
	faults = nested_faults(vcpu) - before;
	EXPECT_LE(least, faults);
	EXPECT_GE(most, faults);
}

static void expect_memory(struct __test_metadata *_metadata, const u8 *mem, u64 value)
{
	u64 i;

	for (i = 0; i < STEPS; i++)
		ASSERT_EQ(value, *(u64 *)(mem + i * STEP + i * 8));
}

/* The first round also takes those for code, stack and tables. */
#define FEW 20

TEST_F(large, one_entry)
{
	kv_enter(self->vcpu, stepper, 0, 0);
	expect_round(_metadata, self->vcpu, 1, FEW);
	expect_round(_metadata, self->vcpu, 0, 0);
	expect_memory(_metadata, self->mem, 2);
}

/* Slots of less than 1 GiB, or shifted: no entry of 1 GiB fits there. */
TEST_F(large, smaller_slots)
{
	ASSERT_EQ(0, kv_slot(self->vm, 1, AREA, 0, NULL, 0));
	ASSERT_EQ(0, kv_slot(self->vm, 1, AREA, GIB / 2, self->mem, 0));
	ASSERT_EQ(0, kv_slot(self->vm, 2, AREA + GIB / 2, GIB / 2, self->mem + GIB / 2, 0));
	kv_enter(self->vcpu, stepper, 0, 0);
	expect_round(_metadata, self->vcpu, STEPS, STEPS + FEW);
	expect_memory(_metadata, self->mem, 1);

	ASSERT_EQ(0, kv_slot(self->vm, 1, AREA, 0, NULL, 0));
	ASSERT_EQ(0, kv_slot(self->vm, 2, AREA + GIB / 2, 0, NULL, 0));
	ASSERT_EQ(0, kv_slot(self->vm, 1, AREA + 2 * MIB, GIB - 2 * MIB, self->mem, 0));
	ASSERT_EQ(0, kv_slot(self->vm, 2, AREA, 2 * MIB, self->mem + GIB - 2 * MIB, 0));
	memset(self->mem, 0, GIB);
	kv_enter(self->vcpu, stepper, 0, 0);
	expect_round(_metadata, self->vcpu, STEPS, STEPS + FEW);
}

/* Logging is by frames of 4 KiB; when it ends the large entry comes back. */
TEST_F(large, logged)
{
	struct kvm_dirty_log log = {.slot = 1, .dirty_bitmap = self->log};
	u64 i, bits = 0;

	kv_enter(self->vcpu, stepper, 0, 0);
	expect_round(_metadata, self->vcpu, 1, FEW);
	ASSERT_EQ(0, kv_slot(self->vm, 1, AREA, GIB, self->mem, KVM_MEM_LOG_DIRTY_PAGES));
	expect_round(_metadata, self->vcpu, STEPS, 2 * STEPS);
	ASSERT_EQ(0, ioctl(self->vm->fd, KVM_GET_DIRTY_LOG, &log));
	for (i = 0; i < WORDS; i++)
		bits += (u64)__builtin_popcountl(self->log[i]);
	EXPECT_EQ(STEPS, bits);
	for (i = 0; i < STEPS; i++)
		EXPECT_EQ(1, self->log[i * STEP / 0x1000 / 64] & 1);
	ASSERT_EQ(0, kv_slot(self->vm, 1, AREA, GIB, self->mem, 0));
	expect_round(_metadata, self->vcpu, 1, 1);
	expect_memory(_metadata, self->mem, 3);
}

/* The host takes the page away, write-protects it, and gives another. */
TEST_F(large, taken_back)
{
	kv_enter(self->vcpu, stepper, 0, 0);
	expect_round(_metadata, self->vcpu, 1, FEW);
	ASSERT_EQ(0, mprotect(self->mem, GIB, PROT_READ));
	ASSERT_REPORT(self->vcpu, KV_ERROR, EFAULT);
	ASSERT_EQ(0, mprotect(self->mem, GIB, PROT_READ | PROT_WRITE));
	expect_round(_metadata, self->vcpu, 1, 2);
	expect_memory(_metadata, self->mem, 2);
	ASSERT_EQ(0, madvise(self->mem, GIB, MADV_DONTNEED));
	kv_enter(self->vcpu, stepper, 0, 0);
	expect_round(_metadata, self->vcpu, 1, 2);
	expect_memory(_metadata, self->mem, 1);
}

TEST_HARNESS_MAIN
