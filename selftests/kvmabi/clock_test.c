// SPDX-License-Identifier: GPL-2.0
/*
 * Time: the TSC of a guest and its synchronisation, kvmclock, wall clock and
 * steal time records, KVM_GET_CLOCK and KVM_SET_CLOCK.
 */
#include <linux/kvm_para.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "guest.h"
#include "harness.h"

#define MSR_TSC	       0x10
#define MSR_TSC_ADJUST 0x3b

#define NS 1000000000UL
#define MS 1000000UL

/* Loads make an emulated host late; wrong by more than this is wrong. */
#define SLACK_NS (500 * MS)

/* The record behind MSR_KVM_SYSTEM_TIME_NEW, of Linux's pvclock-abi.h. */
struct time_info {
	u32 version, pad;
	u64 tsc, system_time;
	u32 mul;
	int8_t shift;
	u8 flags, pad2[2];
};

#define TSC_STABLE    1
#define GUEST_STOPPED 2

struct wall_clock {
	u32 version, sec, nsec;
};

#define TIME_GPA  (KV_DATA + 0x100)
#define WALL_GPA  (KV_DATA + 0x200)
#define STEAL_GPA (KV_DATA + 0x240)

FIXTURE(clock)
{
	struct kv_vm *vm;
	struct kv_vcpu *vcpu;
	u64 khz;
};

FIXTURE_SETUP(clock)
{
	self->vm = kv_vm_new_irqchip(0);
	self->vcpu = kv_vcpu_new(self->vm, 0);
	self->khz = ioctl(self->vcpu->fd, KVM_GET_TSC_KHZ, 0);
}

FIXTURE_TEARDOWN(clock)
{
	kv_vcpu_free(self->vcpu);
	kv_vm_free(self->vm);
}

static u64 now(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return ts.tv_sec * NS + ts.tv_nsec;
}

static u64 distance(u64 a, u64 b)
{
	return a > b ? a - b : b - a;
}

TEST_F(clock, tsc_khz)
{
	EXPECT_GT(self->khz, 1000);
	EXPECT_EQ(0, ioctl(self->vcpu->fd, KVM_SET_TSC_KHZ, self->khz));
}

TEST_F(clock, tsc_starts_from_zero_and_counts)
{
	u64 first, second;

	ASSERT_EQ(0, kv_get_msr(self->vcpu, MSR_TSC, &first));
	EXPECT_LT(first, 60 * self->khz * 1000);
	usleep(10000);
	ASSERT_EQ(0, kv_get_msr(self->vcpu, MSR_TSC, &second));
	EXPECT_GE(second - first, 9 * self->khz);
}

__guest static void report_tsc(void)
{
	u64 first, second;

	for (;;) {
		first = rdtsc();
		second = rdmsr(MSR_TSC);
		guest_sync2(1, first, second);
	}
}

TEST_F(clock, guest_reads_what_was_set)
{
	const u64 set = 1UL << 50;

	kv_enter(self->vcpu, report_tsc, 0, 0);
	ASSERT_EQ(0, kv_set_msr(self->vcpu, MSR_TSC, set));
	ASSERT_SYNC(self->vcpu, 1);
	EXPECT_GE(self->vcpu->last.a, set);
	EXPECT_LT(self->vcpu->last.a, set + 60 * self->khz * 1000);
	/* RDMSR is RDTSC a little later. */
	EXPECT_GE(self->vcpu->last.b, self->vcpu->last.a);
	EXPECT_LT(self->vcpu->last.b, self->vcpu->last.a + 60 * self->khz * 1000);
}

/* The difference of two vCPUs' TSCs, as two reads in a row show it. */
static u64 skew(struct kv_vcpu *a, struct kv_vcpu *b)
{
	u64 first, second, best = ~0UL;
	int i;

	for (i = 0; i < 10; i++) {
		kv_get_msr(a, MSR_TSC, &first);
		kv_get_msr(b, MSR_TSC, &second);
		if (distance(first, second) < best)
			best = distance(first, second);
	}
	return best;
}

TEST_F(clock, vcpus_agree)
{
	struct kv_vcpu *other;
	u64 tsc;

	usleep(200000);
	other = kv_vcpu_new(self->vm, 1);
	EXPECT_LT(skew(self->vcpu, other), 100 * self->khz);

	/* Values a VMM restores one after the other mean the same time. */
	ASSERT_EQ(0, kv_set_msr(self->vcpu, MSR_TSC, 1UL << 40));
	usleep(200000);
	ASSERT_EQ(0, kv_set_msr(other, MSR_TSC, 1UL << 40));
	EXPECT_LT(skew(self->vcpu, other), 100 * self->khz);
	ASSERT_EQ(0, kv_get_msr(other, MSR_TSC, &tsc));
	EXPECT_GE(tsc, (1UL << 40) + 190 * self->khz);
	/* One that is far off is meant. */
	ASSERT_EQ(0, kv_set_msr(other, MSR_TSC, 1UL << 50));
	ASSERT_EQ(0, kv_get_msr(other, MSR_TSC, &tsc));
	EXPECT_GE(tsc, 1UL << 50);
	kv_vcpu_free(other);
}

__guest static void adjust(void)
{
	u64 before = rdtsc();

	guest_equal(rdmsr(MSR_TSC_ADJUST), 0);
	wrmsr(MSR_TSC_ADJUST, 1UL << 45);
	guest_equal(rdmsr(MSR_TSC_ADJUST), 1UL << 45);
	guest_check(rdtsc() - before >= 1UL << 45);
	/* Writing the TSC moves TSC_ADJUST by as much. */
	wrmsr(MSR_TSC, rdtsc() + (1UL << 46));
	guest_check(rdmsr(MSR_TSC_ADJUST) > (1UL << 46) + (1UL << 44));
	wrmsr(MSR_TSC_ADJUST, 0);
	guest_check(rdtsc() - before < 1UL << 44);
	guest_done();
}

TEST_F(clock, tsc_adjust)
{
	u64 before, after;

	kv_enter(self->vcpu, adjust, 0, 0);
	ASSERT_DONE(self->vcpu);
	/* From user space it is only a value. */
	ASSERT_EQ(0, kv_get_msr(self->vcpu, MSR_TSC, &before));
	ASSERT_EQ(0, kv_set_msr(self->vcpu, MSR_TSC_ADJUST, 1UL << 45));
	ASSERT_EQ(0, kv_get_msr(self->vcpu, MSR_TSC, &after));
	EXPECT_LT(after - before, 60 * self->khz * 1000);
}

/* kvmclock as a guest computes it. */
__guest_inline u64 pvclock(volatile struct time_info *info)
{
	u64 delta, ns;
	u32 version;

	do {
		version = info->version;
		asm volatile("" : : : "memory");
		delta = rdtsc() - info->tsc;
		if (info->shift < 0)
			delta >>= -info->shift;
		else
			delta <<= info->shift;
		ns = info->system_time + (u64)((unsigned __int128)delta * info->mul >> 32);
		asm volatile("" : : : "memory");
	} while ((version & 1) || version != info->version);
	return ns;
}

__guest static void use_clock(void)
{
	volatile struct time_info *info = (void *)TIME_GPA;
	volatile struct wall_clock *wall = (void *)WALL_GPA;
	u64 last = 0, ns;
	int i;

	wrmsr(MSR_KVM_SYSTEM_TIME_NEW, TIME_GPA | 1);
	guest_equal(rdmsr(MSR_KVM_SYSTEM_TIME_NEW), TIME_GPA | 1);
	guest_check(info->version && !(info->version & 1));
	guest_check(info->mul);
	for (i = 0; i < 1000; i++) {
		ns = pvclock(info);
		guest_check(ns >= last);
		last = ns;
	}
	wrmsr(MSR_KVM_WALL_CLOCK_NEW, WALL_GPA);
	guest_check(wall->version && !(wall->version & 1));
	guest_sync2(1, wall->sec, wall->nsec);
	for (;;)
		guest_sync2(2, pvclock(info), info->flags);
}

TEST_F(clock, kvmclock)
{
	struct kvm_clock_data data;
	u64 wall, first, start;

	kv_enter(self->vcpu, use_clock, 0, 0);
	ASSERT_SYNC(self->vcpu, 1);
	wall = self->vcpu->last.a * NS + self->vcpu->last.b;
	ASSERT_SYNC(self->vcpu, 2);
	first = self->vcpu->last.a;
	start = now(CLOCK_MONOTONIC);
	/* Wall clock plus kvmclock is the time of day. */
	EXPECT_LT(distance(wall + first, now(CLOCK_REALTIME)), SLACK_NS);
	ASSERT_EQ(0, ioctl(self->vm->fd, KVM_GET_CLOCK, &data));
	EXPECT_LT(distance(data.clock, first), SLACK_NS);
	usleep(500000);
	ASSERT_SYNC(self->vcpu, 2);
	EXPECT_LT(distance(self->vcpu->last.a - first, now(CLOCK_MONOTONIC) - start), 50 * MS);
}

TEST_F(clock, set_clock)
{
	struct kvm_clock_data data = {.clock = 1000 * NS};

	kv_enter(self->vcpu, use_clock, 0, 0);
	ASSERT_SYNC(self->vcpu, 1);
	ASSERT_EQ(0, ioctl(self->vm->fd, KVM_SET_CLOCK, &data));
	ASSERT_SYNC(self->vcpu, 2);
	EXPECT_GE(self->vcpu->last.a, 1000 * NS);
	EXPECT_LT(self->vcpu->last.a, 1000 * NS + SLACK_NS);
	ASSERT_EQ(0, ioctl(self->vm->fd, KVM_GET_CLOCK, &data));
	EXPECT_GE(data.clock, self->vcpu->last.a);
	EXPECT_LT(data.clock, 1000 * NS + SLACK_NS);

	data = (struct kvm_clock_data){.flags = 1U << 31};
	EXPECT_ERRNO(EINVAL, ioctl(self->vm->fd, KVM_SET_CLOCK, &data));
	EXPECT_ERRNO(EFAULT, ioctl(self->vm->fd, KVM_SET_CLOCK, NULL));
	EXPECT_ERRNO(EFAULT, ioctl(self->vm->fd, KVM_GET_CLOCK, NULL));
}

/* A clock read long ago on another machine goes on by the time since. */
TEST_F(clock, set_clock_with_realtime)
{
	int flags = ioctl(self->vm->sys, KVM_CHECK_EXTENSION, KVM_CAP_ADJUST_CLOCK);
	struct kvm_clock_data data = {.flags = KVM_CLOCK_REALTIME, .clock = 50 * NS};

	if (!(flags & KVM_CLOCK_REALTIME))
		SKIP(return, "no KVM_CLOCK_REALTIME");
	data.realtime = now(CLOCK_REALTIME) - 10 * NS;
	ASSERT_EQ(0, ioctl(self->vm->fd, KVM_SET_CLOCK, &data));
	ASSERT_EQ(0, ioctl(self->vm->fd, KVM_GET_CLOCK, &data));
	EXPECT_GE(data.clock, 60 * NS);
	EXPECT_LT(data.clock, 60 * NS + SLACK_NS);
}

/* When the clock is said to be exact, so is what comes with it. */
TEST_F(clock, get_clock_pair)
{
	struct kvm_clock_data data;
	u64 tsc;

	ASSERT_EQ(0, ioctl(self->vm->fd, KVM_GET_CLOCK, &data));
	if (!(data.flags & KVM_CLOCK_HOST_TSC))
		SKIP(return, "the host does not keep time by the TSC");
	tsc = rdtsc();
	EXPECT_LE(data.host_tsc, tsc);
	EXPECT_LT(tsc - data.host_tsc, 500 * self->khz);
	EXPECT_LT(distance(data.realtime, now(CLOCK_REALTIME)), SLACK_NS);
}

TEST_F(clock, paused)
{
	kv_enter(self->vcpu, use_clock, 0, 0);
	/* Before the guest has a clock there is nothing to tell. */
	EXPECT_ERRNO(EINVAL, ioctl(self->vcpu->fd, KVM_KVMCLOCK_CTRL, 0));
	ASSERT_SYNC(self->vcpu, 1);
	ASSERT_SYNC(self->vcpu, 2);
	EXPECT_EQ(0, self->vcpu->last.b & GUEST_STOPPED);
	ASSERT_EQ(0, ioctl(self->vcpu->fd, KVM_KVMCLOCK_CTRL, 0));
	ASSERT_SYNC(self->vcpu, 2);
	EXPECT_EQ(GUEST_STOPPED, self->vcpu->last.b & GUEST_STOPPED);
}

/* A record that is not in guest memory harms nobody. */
__guest static void clock_nowhere(void)
{
	wrmsr(MSR_KVM_SYSTEM_TIME_NEW, 0xd0000000 | 1);
	wrmsr(MSR_KVM_WALL_CLOCK_NEW, 0xd0000000);
	wrmsr(MSR_KVM_STEAL_TIME, 0xd0000000 | 1);
	guest_sync(1);
	guest_done();
}

TEST_F(clock, record_outside_of_memory)
{
	kv_enter(self->vcpu, clock_nowhere, 0, 0);
	ASSERT_SYNC(self->vcpu, 1);
	ASSERT_DONE(self->vcpu);
}

__guest static void bad_steal(void)
{
	wrmsr(MSR_KVM_STEAL_TIME, STEAL_GPA | 0x10 | 1);
	guest_done();
}

TEST_F(clock, steal_reserved_bits)
{
	kv_enter(self->vcpu, bad_steal, 0, 0);
	ASSERT_TRAP(self->vcpu, 13);
}

__guest static void burn(void)
{
	volatile struct kvm_steal_time *steal = (void *)STEAL_GPA;

	wrmsr(MSR_KVM_STEAL_TIME, STEAL_GPA | 1);
	guest_check(steal->version && !(steal->version & 1));
	guest_sync2(1, steal->steal, steal->version);
	/* Until a good deal was stolen: the host tires before we do. */
	for (;;) {
		if (steal->steal > 200 * MS)
			break;
		guest_pause();
	}
	guest_sync2(2, steal->steal, steal->version);
	guest_done();
}

static volatile bool stop;

static void *compete(void *unused)
{
	(void)unused;
	kv_pin(pthread_self(), 0);
	while (!stop)
		;
	return NULL;
}

TEST_F(clock, steal_time)
{
	struct kvm_cpuid2 *cpuid = kv_supported_cpuid(self->vm->sys);
	pthread_t thread;
	u64 start;

	if (!(kv_cpuid_find(cpuid, 0x40000001, 0)->eax & 1 << KVM_FEATURE_STEAL_TIME))
		SKIP(return, "no steal time");
	free(cpuid);
	ASSERT_TRUE(kv_pin(pthread_self(), 0));
	stop = false;
	kv_enter(self->vcpu, burn, 0, 0);
	ASSERT_SYNC(self->vcpu, 1);
	start = now(CLOCK_MONOTONIC);
	ASSERT_EQ(0, pthread_create(&thread, NULL, compete, NULL));
	self->vcpu->last = kv_next(self->vcpu);
	stop = true;
	pthread_join(thread, NULL);
	ASSERT_EQ(KV_SYNC, self->vcpu->last.kind);
	ASSERT_EQ(2, self->vcpu->last.value);
	/* No more can be stolen than went by. */
	EXPECT_LT(self->vcpu->last.a, now(CLOCK_MONOTONIC) - start + 10 * MS);
}

/* With the host on the TSC all vCPUs have one clock; else nobody says so. */
__guest static void two_clocks(u64 gpa)
{
	wrmsr(MSR_KVM_SYSTEM_TIME_NEW, gpa | 1);
	for (;;)
		guest_sync2(1, pvclock((void *)gpa), ((struct time_info *)gpa)->flags);
}

TEST_F(clock, vcpus_share_the_clock)
{
	struct kv_vcpu *other = kv_vcpu_new(self->vm, 1);
	struct kvm_mp_state runnable = {.mp_state = KVM_MP_STATE_RUNNABLE};
	struct time_info *a, *b;
	int i;

	kv_enter(self->vcpu, two_clocks, TIME_GPA, 0);
	kv_enter(other, two_clocks, TIME_GPA + 0x40, 0);
	ASSERT_EQ(0, ioctl(other->fd, KVM_SET_MP_STATE, &runnable));
	for (i = 0; i < 3; i++) {
		ASSERT_SYNC(self->vcpu, 1);
		ASSERT_SYNC(other, 1);
		EXPECT_LT(distance(self->vcpu->last.a, other->last.a), SLACK_NS);
	}
	a = kv_gpa(self->vm, TIME_GPA, sizeof(*a));
	b = kv_gpa(self->vm, TIME_GPA + 0x40, sizeof(*b));
	EXPECT_EQ(a->flags & TSC_STABLE, b->flags & TSC_STABLE);
	if (a->flags & TSC_STABLE) {
		EXPECT_EQ(a->system_time, b->system_time);
		EXPECT_EQ(a->tsc, b->tsc);
	}
	/* A TSC of its own ends that. */
	ASSERT_EQ(0, kv_set_msr(self->vcpu, MSR_TSC, 1UL << 40));
	ASSERT_EQ(0, kv_set_msr(other, MSR_TSC, 1UL << 50));
	ASSERT_SYNC(self->vcpu, 1);
	ASSERT_SYNC(other, 1);
	EXPECT_EQ(0, a->flags & TSC_STABLE);
	EXPECT_EQ(0, b->flags & TSC_STABLE);
	EXPECT_LT(distance(self->vcpu->last.a, other->last.a), SLACK_NS);
	kv_vcpu_free(other);
}

#define CLOCKSOURCE "/sys/devices/system/clocksource/clocksource0/"

static bool read_line(const char *path, char *line, size_t size)
{
	FILE *file = fopen(path, "r");
	bool ok = file && fgets(line, size, file);

	if (file)
		fclose(file);
	if (ok)
		line[strcspn(line, "\n")] = 0;
	return ok;
}

static bool use_clocksource(const char *name)
{
	FILE *file = fopen(CLOCKSOURCE "current_clocksource", "w");
	bool ok = file && fputs(name, file) >= 0;

	return file && !fclose(file) && ok;
}

/* Run until the guest's page says stable or not, as wanted. */
static bool stable_is(struct kv_vcpu *vcpu, u64 wanted)
{
	struct kv_report report;
	int i;

	for (i = 0; i < 200; i++) {
		report = kv_next(vcpu);
		if (report.kind != KV_SYNC)
			return false;
		if ((report.b & TSC_STABLE) == wanted)
			return true;
		usleep(10000);
	}
	return false;
}

/* A host that leaves the TSC, and comes back to it, takes its guests along. */
TEST_F(clock, host_changes_clocksource)
{
	char all[128], *other;
	u64 before, start;

	if (!read_line(CLOCKSOURCE "current_clocksource", all, sizeof(all)) || strcmp(all, "tsc"))
		SKIP(return, "the host does not keep time by the TSC");
	ASSERT_TRUE(read_line(CLOCKSOURCE "available_clocksource", all, sizeof(all)));
	other = strstr(all, "hpet") ? "hpet" : strstr(all, "acpi_pm") ? "acpi_pm" : NULL;
	if (!other)
		SKIP(return, "the host has no other clocksource");
	kv_enter(self->vcpu, two_clocks, TIME_GPA, 0);
	if (!stable_is(self->vcpu, TSC_STABLE))
		SKIP(return, "the clock is not stable");
	ASSERT_SYNC(self->vcpu, 1);
	before = self->vcpu->last.a;
	start = now(CLOCK_MONOTONIC);
	ASSERT_TRUE(use_clocksource(other));
	EXPECT_TRUE(stable_is(self->vcpu, 0));
	EXPECT_TRUE(use_clocksource("tsc"));
	if (kv_is_hvctl()) /* kvm waits for another reason to look again */
		EXPECT_TRUE(stable_is(self->vcpu, TSC_STABLE));
	/* Time did not jump. */
	ASSERT_SYNC(self->vcpu, 1);
	EXPECT_LT(distance(self->vcpu->last.a - before, now(CLOCK_MONOTONIC) - start), SLACK_NS);
}

TEST_HARNESS_MAIN
