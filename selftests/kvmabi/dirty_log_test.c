// SPDX-License-Identifier: GPL-2.0
/*
 * The dirty log: every page the guest wrote is in it, no other is, and nothing
 * is lost while the guest goes on writing.
 *
 * lab: smp=2 timeout=300 vmx
 */
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>

#include "guest.h"
#include "harness.h"

#define MIB   (1UL << 20)
#define LOG   0x40000000UL
#define PAGES 1000UL /* the last word of the bitmap is not full */
#define WORDS ((PAGES + 63) / 64)

FIXTURE(dirty)
{
	struct kv_vm *vm;
	struct kv_vcpu *vcpu;
	u8 *mem;
	u64 map[WORDS];
};

FIXTURE_SETUP(dirty)
{
	self->vm = kv_vm_new(0);
	self->vcpu = kv_vcpu_new(self->vm, 0);
	self->mem = kv_mmap(4 * MIB);
	madvise(self->mem, 4 * MIB, MADV_HUGEPAGE);
	memset(self->mem, 0, 4 * MIB);
}

FIXTURE_TEARDOWN(dirty)
{
	kv_vcpu_free(self->vcpu);
	kv_vm_free(self->vm);
	munmap(self->mem, 4 * MIB);
}

static int set_slot(struct kv_vm *vm, u8 *mem, u32 flags)
{
	return kv_slot(vm, 1, LOG, PAGES * 0x1000, mem, flags);
}

static int get_log(struct kv_vm *vm, u32 slot, void *map)
{
	struct kvm_dirty_log log = {.slot = slot, .dirty_bitmap = map};

	return ioctl(vm->fd, KVM_GET_DIRTY_LOG, &log);
}

TEST_F(dirty, errors)
{
	struct kv_vm *vm = self->vm;

	EXPECT_ERRNO(ENOENT, get_log(vm, 1, self->map));
	EXPECT_ERRNO(ENOENT, get_log(vm, 0, self->map));
	EXPECT_ERRNO(EINVAL, get_log(vm, kv_cap(KVM_CAP_NR_MEMSLOTS) + 4096, self->map));
	EXPECT_ERRNO(EINVAL, get_log(vm, 7 << 16, self->map));
	ASSERT_EQ(0, set_slot(vm, self->mem, KVM_MEM_LOG_DIRTY_PAGES));
	EXPECT_EQ(0, get_log(vm, 1, self->map));
	EXPECT_ERRNO(EFAULT, get_log(vm, 1, NULL));
	EXPECT_ERRNO(EFAULT, ioctl(vm->fd, KVM_GET_DIRTY_LOG, NULL));
	ASSERT_EQ(0, set_slot(vm, self->mem, 0));
	EXPECT_ERRNO(ENOENT, get_log(vm, 1, self->map));
}

/* Write to the pages whose bits are set, read all others. */
static __guest void pattern(const u64 *map)
{
	u64 sum, i;

	for (;;) {
		sum = 0;
		for (i = 0; i < PAGES; i++) {
			volatile u64 *page = (void *)(LOG + i * 0x1000 + i % 512 * 8);

			if (map[i / 64] >> i % 64 & 1)
				*page = i;
			else
				sum += *page;
		}
		guest_sync2(1, sum, 0);
	}
}

/*
 * A log may say too much, never too little: KVM maps a writable page for
 * writing when it is read. Ours is exact.
 */
static bool logged(const u64 *want, const u64 *seen)
{
	bool exact = kv_is_hvctl();
	u64 i;

	for (i = 0; i < WORDS; i++) {
		if ((exact ? seen[i] : seen[i] & want[i]) != want[i]) {
			printf("# word %llu is %#llx, not %#llx\n", (unsigned long long)i,
			       (unsigned long long)seen[i], (unsigned long long)want[i]);
			return false;
		}
	}
	/* Beyond the slot's end there are no pages. */
	return !(seen[WORDS - 1] >> PAGES % 64);
}

static void expect_pattern(struct __test_metadata *_metadata, struct kv_vcpu *vcpu, u64 *seen,
			   const u64 *want)
{
	u64 *map = kv_gpa(vcpu->vm, KV_DATA, WORDS * 8);

	memcpy(map, want, WORDS * 8);
	ASSERT_SYNC(vcpu, 1);
	memset(seen, 0xee, WORDS * 8);
	ASSERT_EQ(0, get_log(vcpu->vm, 1, seen));
	ASSERT_TRUE(logged(want, seen));
}

TEST_F(dirty, pattern)
{
	u64 want[WORDS] = {0};
	u64 i, n;

	ASSERT_EQ(0, set_slot(self->vm, self->mem, KVM_MEM_LOG_DIRTY_PAGES));
	kv_enter(self->vcpu, pattern, KV_DATA, 0);
	expect_pattern(_metadata, self->vcpu, self->map, want);
	for (n = 1; n <= 7; n++) {
		memset(want, 0, sizeof(want));
		for (i = 0; i < PAGES; i += 2 * n - 1)
			want[i / 64] |= 1UL << i % 64;
		expect_pattern(_metadata, self->vcpu, self->map, want);
		/* The same ones again: they were armed again. */
		expect_pattern(_metadata, self->vcpu, self->map, want);
	}
	memset(want, 0, sizeof(want));
	want[0] = 1;
	want[(PAGES - 1) / 64] = 1UL << (PAGES - 1) % 64;
	expect_pattern(_metadata, self->vcpu, self->map, want);
	memset(want, 0, sizeof(want));
	expect_pattern(_metadata, self->vcpu, self->map, want);
}

/* Memory that was mapped writable, and large, before logging began. */
TEST_F(dirty, switched_on_late)
{
	u64 want[WORDS] = {0};
	u64 *map = kv_gpa(self->vm, KV_DATA, sizeof(want));
	int round;

	kv_enter(self->vcpu, pattern, KV_DATA, 0);
	ASSERT_EQ(0, set_slot(self->vm, self->mem, 0));
	for (round = 0; round < 3; round++) {
		memset(map, 0xff, sizeof(want));
		ASSERT_SYNC(self->vcpu, 1);
		ASSERT_EQ(0, set_slot(self->vm, self->mem, KVM_MEM_LOG_DIRTY_PAGES));
		memset(want, 0, sizeof(want));
		expect_pattern(_metadata, self->vcpu, self->map, want);
		want[3 + round] = 0x8000000000000001;
		expect_pattern(_metadata, self->vcpu, self->map, want);
		ASSERT_EQ(0, set_slot(self->vm, self->mem, 0));
	}
}

static int manual(struct kv_vm *vm, u64 flags)
{
	struct kvm_enable_cap cap = {
		.cap = KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2,
		.args[0] = flags,
	};

	return ioctl(vm->fd, KVM_ENABLE_CAP, &cap);
}

static int clear_log(struct kv_vm *vm, u32 slot, u64 first, u32 n, void *map)
{
	struct kvm_clear_dirty_log log = {
		.slot = slot,
		.first_page = first,
		.num_pages = n,
		.dirty_bitmap = map,
	};

	return ioctl(vm->fd, KVM_CLEAR_DIRTY_LOG, &log);
}

/* Reading leaves the log alone; what is cleared by name can be written again. */
TEST_F(dirty, manual_protect)
{
	u64 *map = kv_gpa(self->vm, KV_DATA, sizeof(self->map));
	u64 bits[WORDS], want[WORDS] = {0};

	ASSERT_EQ(0, manual(self->vm, KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE));
	ASSERT_EQ(0, set_slot(self->vm, self->mem, KVM_MEM_LOG_DIRTY_PAGES));
	kv_enter(self->vcpu, pattern, KV_DATA, 0);
	want[0] = 0xff;
	want[2] = 5;
	want[WORDS - 1] = 1UL << (PAGES - 1) % 64;
	memcpy(map, want, sizeof(want));
	ASSERT_SYNC(self->vcpu, 1);
	ASSERT_EQ(0, get_log(self->vm, 1, self->map));
	EXPECT_TRUE(logged(want, self->map));
	ASSERT_EQ(0, get_log(self->vm, 1, self->map));
	EXPECT_TRUE(logged(want, self->map));

	/* Half of the first word, by a range that ends behind it. */
	memset(bits, 0, sizeof(bits));
	bits[0] = 0x0f;
	ASSERT_EQ(0, clear_log(self->vm, 1, 0, 64, bits));
	want[0] = 0xf0;
	/* The tail, whose bits beyond the slot mean nothing. */
	bits[0] = ~0UL;
	ASSERT_EQ(0, clear_log(self->vm, 1, (WORDS - 1) * 64, PAGES % 64, bits));
	want[WORDS - 1] = 0;
	ASSERT_EQ(0, get_log(self->vm, 1, self->map));
	EXPECT_TRUE(logged(want, self->map));

	memset(map, 0, sizeof(want));
	map[0] = 0x03;
	ASSERT_SYNC(self->vcpu, 1);
	want[0] |= 0x03;
	ASSERT_EQ(0, get_log(self->vm, 1, self->map));
	EXPECT_TRUE(logged(want, self->map));

	EXPECT_ERRNO(EINVAL, clear_log(self->vm, 1, 1, 64, bits));
	EXPECT_ERRNO(EINVAL, clear_log(self->vm, 1, 0, 65, bits));
	EXPECT_ERRNO(EINVAL, clear_log(self->vm, 1, 64, PAGES, bits));
	EXPECT_ERRNO(EINVAL, clear_log(self->vm, 1, ~63UL, 64, bits));
	EXPECT_ERRNO(EINVAL, clear_log(self->vm, 1 << 20, 0, 64, bits));
	EXPECT_ERRNO(ENOENT, clear_log(self->vm, 0, 0, 64, bits));
	EXPECT_ERRNO(EFAULT, clear_log(self->vm, 1, 0, 64, NULL));
}

TEST_F(dirty, initially_set)
{
	u64 want[WORDS];

	EXPECT_ERRNO(EINVAL, manual(self->vm, KVM_DIRTY_LOG_INITIALLY_SET));
	EXPECT_ERRNO(EINVAL, manual(self->vm, 4));
	ASSERT_EQ(0, manual(self->vm, kv_cap(KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2)));
	ASSERT_EQ(0, set_slot(self->vm, self->mem, KVM_MEM_LOG_DIRTY_PAGES));
	memset(want, 0xff, sizeof(want));
	want[WORDS - 1] = (1UL << PAGES % 64) - 1;
	ASSERT_EQ(0, get_log(self->vm, 1, self->map));
	EXPECT_TRUE(logged(want, self->map));
	ASSERT_EQ(0, clear_log(self->vm, 1, 0, PAGES, self->map));
	memset(want, 0, sizeof(want));
	ASSERT_EQ(0, get_log(self->vm, 1, self->map));
	EXPECT_TRUE(logged(want, self->map));
}

/* The bitmap stays what it was when it cannot be handed out. */
TEST_F(dirty, kept_on_fault)
{
	u64 want[WORDS] = {0};
	u64 *map = kv_gpa(self->vm, KV_DATA, sizeof(want));
	u8 *edge = mmap(NULL, 0x2000, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ASSERT_NE(MAP_FAILED, edge);
	ASSERT_EQ(0, munmap(edge + 0x1000, 0x1000));
	want[1] = 3;
	want[WORDS - 1] = 1;
	memcpy(map, want, sizeof(want));
	ASSERT_EQ(0, set_slot(self->vm, self->mem, KVM_MEM_LOG_DIRTY_PAGES));
	kv_enter(self->vcpu, pattern, KV_DATA, 0);
	ASSERT_SYNC(self->vcpu, 1);
	EXPECT_ERRNO(EFAULT, get_log(self->vm, 1, edge + 0x1000 - 8));
	if (kv_is_hvctl()) {
		ASSERT_EQ(0, get_log(self->vm, 1, self->map));
		EXPECT_TRUE(logged(want, self->map));
	}
	/* And what is written next is seen in any case. */
	expect_pattern(_metadata, self->vcpu, self->map, want);
}

TEST_F(dirty, survives_move)
{
	u64 want[WORDS] = {0};
	u64 *map = kv_gpa(self->vm, KV_DATA, sizeof(want));

	want[2] = 0x10;
	memcpy(map, want, sizeof(want));
	ASSERT_EQ(0, set_slot(self->vm, self->mem, KVM_MEM_LOG_DIRTY_PAGES));
	kv_enter(self->vcpu, pattern, KV_DATA, 0);
	ASSERT_SYNC(self->vcpu, 1);
	ASSERT_EQ(0, kv_slot(self->vm, 1, LOG + 8 * MIB, PAGES * 0x1000, self->mem,
			     KVM_MEM_LOG_DIRTY_PAGES));
	ASSERT_EQ(0, get_log(self->vm, 1, self->map));
	EXPECT_TRUE(logged(want, self->map));
}

/* Writes by the VMM are its own business; those by the kernel are the guest's. */
TEST_F(dirty, who_writes)
{
	u64 want[WORDS] = {0};

	ASSERT_EQ(0, set_slot(self->vm, self->mem, KVM_MEM_LOG_DIRTY_PAGES));
	kv_enter(self->vcpu, pattern, KV_DATA, 0);
	expect_pattern(_metadata, self->vcpu, self->map, want);
	self->mem[5 * 0x1000] = 1;
	expect_pattern(_metadata, self->vcpu, self->map, want);
	/* MSR_KVM_SYSTEM_TIME_NEW: the kernel writes the clock's page. */
	ASSERT_EQ(0, kv_set_msr(self->vcpu, 0x4b564d01, LOG + 70 * 0x1000 + 1));
	want[70 / 64] = 1UL << 70 % 64;
	memcpy(kv_gpa(self->vm, KV_DATA, sizeof(want)), (u64[WORDS]){0}, sizeof(want));
	ASSERT_SYNC(self->vcpu, 1);
	ASSERT_EQ(0, get_log(self->vm, 1, self->map));
	EXPECT_TRUE(logged(want, self->map));
}

/* Strings from ports are written by the kernel as well. */
static __guest void ins_main(void)
{
	u64 to = LOG + 3 * 0x1000 - 8, count = 4;

	asm volatile("rep insl" : "+D"(to), "+c"(count) : "d"(0x300) : "memory");
	guest_done();
}

TEST_F(dirty, port_string)
{
	u64 want[WORDS] = {(1UL << 2) | (1UL << 3)};
	u64 seen[WORDS];
	struct kv_report report;

	memset(self->map, 0, sizeof(self->map));
	ASSERT_EQ(0, set_slot(self->vm, self->mem, KVM_MEM_LOG_DIRTY_PAGES));
	kv_enter(self->vcpu, ins_main, 0, 0);
	while ((report = kv_next(self->vcpu)).kind == KV_EXIT) {
		ASSERT_EQ(KVM_EXIT_IO, report.value);
		ASSERT_EQ(KVM_EXIT_IO_IN, self->vcpu->run->io.direction);
		memset((u8 *)self->vcpu->run + self->vcpu->run->io.data_offset, 0x55,
		       self->vcpu->run->io.count * self->vcpu->run->io.size);
	}
	ASSERT_EQ(KV_DONE, report.kind);
	ASSERT_EQ(0, get_log(self->vm, 1, seen));
	EXPECT_TRUE(logged(want, seen));
	EXPECT_EQ(0x5555555555555555, *(u64 *)(self->mem + 3 * 0x1000));
}

/* Write ever new numbers to pages in no simple order. */
static __guest void scribbler(u64 seed)
{
	u64 n = seed;

	for (;;) {
		n = n * 6364136223846793005UL + 1442695040888963407UL;
		*(volatile u64 *)(LOG + (n >> 33) % PAGES * 0x1000 + (n >> 20) % 512 * 8) = n;
	}
}

static void copy_dirty(u8 *to, const u8 *from, const u64 *map)
{
	u64 i;

	for (i = 0; i < PAGES; i++) {
		if (map[i / 64] >> i % 64 & 1)
			memcpy(to + i * 0x1000, from + i * 0x1000, 0x1000);
	}
}

/*
 * What live migration does: copy everything, then what the log says, over and
 * over while two vCPUs write; after a last look with both stopped the copy is
 * the memory. Meanwhile the host moves the pages about.
 */
TEST_F(dirty, live_copy)
{
	struct kv_vcpu *second = kv_vcpu_new(self->vm, 1);
	u8 *copy = kv_mmap(4 * MIB);
	time_t end = time(NULL) + 5; /* well before the library's KV_SECONDS */
	u64 i, most = 0;
	int round;

	ASSERT_EQ(0, set_slot(self->vm, self->mem, 0));
	kv_enter(self->vcpu, scribbler, 12345, 0);
	kv_enter(second, scribbler, 67890, 0);
	kv_start(self->vcpu);
	kv_start(second);
	usleep(20000);
	ASSERT_EQ(0, set_slot(self->vm, self->mem, KVM_MEM_LOG_DIRTY_PAGES));
	memcpy(copy, self->mem, PAGES * 0x1000);
	for (round = 0; round < 150 && time(NULL) < end; round++) {
		u64 dirty = 0;

		/* A fork has the pages copied on the next write. */
		if (round % 10 == 3) {
			pid_t pid = fork();

			ASSERT_LE(0, pid);
			if (!pid)
				_exit(0);
			waitpid(pid, NULL, 0);
		}
		ASSERT_EQ(0, get_log(self->vm, 1, self->map));
		for (i = 0; i < WORDS; i++)
			dirty += (u64)__builtin_popcountl(self->map[i]);
		most = dirty > most ? dirty : most;
		copy_dirty(copy, self->mem, self->map);
	}
	kv_kick(self->vcpu);
	kv_kick(second);
	ASSERT_KICKED(self->vcpu);
	ASSERT_KICKED(second);
	ASSERT_EQ(0, get_log(self->vm, 1, self->map));
	copy_dirty(copy, self->mem, self->map);
	for (i = 0; i < PAGES; i++)
		ASSERT_EQ(0, memcmp(copy + i * 0x1000, self->mem + i * 0x1000, 0x1000))
		{
			TH_LOG("page %llu", (unsigned long long)i);
		}
	EXPECT_GT(most, 10);
	kv_vcpu_free(second);
	munmap(copy, 4 * MIB);
}

TEST_HARNESS_MAIN
