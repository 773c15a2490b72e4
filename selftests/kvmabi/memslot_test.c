// SPDX-License-Identifier: GPL-2.0
/*
 * Memory slots: what may be set, what is refused and how, and that the guest
 * sees exactly the memory that the slots say, from the moment the call returns.
 */
#include <sys/mman.h>

#include "guest.h"
#include "harness.h"

#define MIB  (1UL << 20)
#define GIB  (1UL << 30)
#define LOW  0x40000000UL /* free for slots, mapped by the guest's tables */
#define HIGH (1UL << 32)

FIXTURE(slot)
{
	struct kv_vm *vm;
	struct kv_vcpu *vcpu;
	u8 *mem;
};

FIXTURE_SETUP(slot)
{
	self->vm = kv_vm_new(0);
	self->vcpu = kv_vcpu_new(self->vm, 0);
	self->mem = kv_mmap(16 * MIB);
}

FIXTURE_TEARDOWN(slot)
{
	kv_vcpu_free(self->vcpu);
	kv_vm_free(self->vm);
	munmap(self->mem, 16 * MIB);
}

TEST_F(slot, refused)
{
	struct kv_vm *vm = self->vm;
	u8 *mem = self->mem;
	u32 slots = kv_cap(KVM_CAP_NR_MEMSLOTS);

	/* Alignment. */
	EXPECT_EQ(EINVAL, kv_slot(vm, 1, LOW + 1, MIB, mem, 0));
	EXPECT_EQ(EINVAL, kv_slot(vm, 1, LOW + 0x800, MIB, mem, 0));
	EXPECT_EQ(EINVAL, kv_slot(vm, 1, LOW, MIB + 1, mem, 0));
	EXPECT_EQ(EINVAL, kv_slot(vm, 1, LOW, 0x800, mem, 0));
	EXPECT_EQ(EINVAL, kv_slot(vm, 1, LOW, MIB, mem + 1, 0));
	/* Wrap, size, and addresses no user has. */
	EXPECT_EQ(EINVAL, kv_slot(vm, 1, -0x1000UL, 0x2000, mem, 0));
	EXPECT_EQ(EINVAL, kv_slot(vm, 1, -0x1000UL, 0x1000, mem, 0));
	EXPECT_EQ(EINVAL, kv_slot(vm, 1, LOW, -0x1000UL, mem, 0));
	EXPECT_EQ(EINVAL, kv_slot(vm, 1, LOW, 1UL << 43, mem, 0));
	EXPECT_EQ(EINVAL, kv_slot(vm, 1, 1UL << 52, MIB, mem, 0));
	EXPECT_EQ(EINVAL, kv_slot(vm, 1, LOW, MIB, (void *)0xffff800000000000UL, 0));
	EXPECT_EQ(EINVAL, kv_slot(vm, 1, LOW, MIB, (void *)-0x1000UL, 0));
	/* Numbers and flags that do not exist. */
	EXPECT_EQ(EINVAL, kv_slot(vm, slots + 4096, LOW, MIB, mem, 0));
	EXPECT_EQ(EINVAL, kv_slot(vm, ~0U, LOW, MIB, mem, 0));
	EXPECT_EQ(EINVAL, kv_slot(vm, 7 << 16, LOW, MIB, mem, 0));
	EXPECT_EQ(EINVAL, kv_slot(vm, 1, LOW, MIB, mem, 1 << 30));
	/* Removal of what is not there. */
	EXPECT_EQ(EINVAL, kv_slot(vm, 1, LOW, 0, mem, 0));
	/* None of that left anything behind. */
	EXPECT_EQ(0, kv_slot(vm, 1, LOW, MIB, mem, 0));
	EXPECT_EQ(0, kv_slot(vm, 1, LOW, 0, mem, 0));
	EXPECT_EQ(EINVAL, kv_slot(vm, 1, LOW, 0, mem, 0));
	EXPECT_ERRNO(EFAULT, ioctl(vm->fd, KVM_SET_USER_MEMORY_REGION, NULL));
}

TEST_F(slot, overlap)
{
	struct kv_vm *vm = self->vm;
	u8 *mem = self->mem;

	ASSERT_EQ(0, kv_slot(vm, 1, LOW, MIB, mem, 0));
	EXPECT_EQ(EEXIST, kv_slot(vm, 2, LOW, MIB, mem, 0));
	EXPECT_EQ(EEXIST, kv_slot(vm, 2, LOW - MIB, MIB + 0x1000, mem, 0));
	EXPECT_EQ(EEXIST, kv_slot(vm, 2, LOW + MIB - 0x1000, 0x1000, mem, 0));
	EXPECT_EQ(EEXIST, kv_slot(vm, 2, LOW + 0x1000, 0x1000, mem, 0));
	EXPECT_EQ(EEXIST, kv_slot(vm, 2, LOW - MIB, 4 * MIB, mem, 0));
	/* Neighbours, and the same memory twice, are no overlap. */
	EXPECT_EQ(0, kv_slot(vm, 2, LOW - MIB, MIB, mem, 0));
	EXPECT_EQ(0, kv_slot(vm, 3, LOW + MIB, MIB, mem, 0));
	/* A slot may not move onto another, but over its own place. */
	EXPECT_EQ(EEXIST, kv_slot(vm, 1, LOW + 0x1000, MIB, mem, 0));
	EXPECT_EQ(0, kv_slot(vm, 3, LOW + MIB + 0x1000, MIB, mem, 0));
}

TEST_F(slot, changes)
{
	struct kv_vm *vm = self->vm;
	u8 *mem = self->mem;

	ASSERT_EQ(0, kv_slot(vm, 1, LOW, MIB, mem, 0));
	EXPECT_EQ(0, kv_slot(vm, 1, LOW, MIB, mem, 0));
	EXPECT_EQ(EINVAL, kv_slot(vm, 1, LOW, MIB, mem + MIB, 0));
	EXPECT_EQ(EINVAL, kv_slot(vm, 1, LOW, 2 * MIB, mem, 0));
	EXPECT_EQ(EINVAL, kv_slot(vm, 1, LOW, 0x1000, mem, 0));
	EXPECT_EQ(EINVAL, kv_slot(vm, 1, LOW, MIB, mem, KVM_MEM_READONLY));
	EXPECT_EQ(0, kv_slot(vm, 1, LOW, MIB, mem, KVM_MEM_LOG_DIRTY_PAGES));
	EXPECT_EQ(0, kv_slot(vm, 1, LOW, MIB, mem, 0));
	EXPECT_EQ(0, kv_slot(vm, 1, LOW + MIB, MIB, mem, KVM_MEM_LOG_DIRTY_PAGES));
	/* A removal counts the size alone. */
	EXPECT_EQ(0, kv_slot(vm, 1, 0, 0, NULL, 0));
}

TEST_F(slot, all_numbers)
{
	u32 slots = kv_cap(KVM_CAP_NR_MEMSLOTS), i;

	/* Each frame its slot, in an order that is neither up nor down. */
	if (slots > 2048)
		slots = 2048;
	for (i = 1; i < slots; i++)
		ASSERT_EQ(0, kv_slot(self->vm, i, LOW + (i * 37UL % 4099) * 0x2000, 0x1000,
				     self->mem, 0));
	for (i = 1; i < slots; i += 2)
		ASSERT_EQ(0, kv_slot(self->vm, i, 0, 0, NULL, 0));
	for (i = 2; i < slots; i += 2)
		ASSERT_EQ(EEXIST, kv_slot(self->vm, 1, LOW + (i * 37UL % 4099) * 0x2000, 0x1000,
					  self->mem, 0));
}

/* Report what is read at each address of a list that ends with 0. */
static __guest void reader(const u64 *list)
{
	for (; *list; list++)
		guest_sync2(1, *(volatile u64 *)*list, *list);
	guest_done();
}

TEST_F(slot, places)
{
	/* Either side of 4 GiB and of the boundaries of large pages. */
	static const struct {
		u64 gpa, size;
	} at[] = {
		{HIGH - 0x3000, 0x3000},
		{HIGH, 0x3000},
		{LOW, 2 * MIB},
		{LOW + 4 * MIB - 0x1000, 2 * MIB + 0x2000},
		{8 * HIGH + 0x1000, 2 * MIB},
		{LOW + GIB, 0x1000},
	};
	u64 *list = kv_gpa(self->vm, KV_DATA, 0x1000);
	size_t i, n = 0;

	kv_enter(self->vcpu, reader, KV_DATA, 0);
	for (i = 0; i < ARRAY_SIZE(at); i++) {
		/* Addresses of VMM and guest are congruent for some of them. */
		u8 *mem = self->mem + 2 * MIB * i + (i & 1 ? 0x1000 : at[i].gpa & (2 * MIB - 1));
		u64 last = at[i].size - 8, page;

		mem = self->mem + (size_t)(mem - self->mem) % (10 * MIB);
		ASSERT_EQ(0, kv_slot(self->vm, i + 1, at[i].gpa, at[i].size, mem, 0));
		for (page = at[i].gpa & ~0xfffUL; page < at[i].gpa + at[i].size; page += 0x1000) {
			if (page >= HIGH)
				kv_map(self->vm, page, page, 0x1000, KV_PTE_P | KV_PTE_W);
		}
		*(u64 *)mem = at[i].gpa;
		*(u64 *)(mem + last) = at[i].gpa + last;
		list[n++] = at[i].gpa;
		list[n++] = at[i].gpa + last;
		/* Read before the next slot's memory may overlap this one's. */
		list[n] = 0;
		kv_enter(self->vcpu, reader, KV_DATA + (n - 2) * 8, 0);
		ASSERT_SYNC(self->vcpu, 1);
		ASSERT_EQ(at[i].gpa, self->vcpu->last.a);
		ASSERT_SYNC(self->vcpu, 1);
		ASSERT_EQ(at[i].gpa + last, self->vcpu->last.a);
		ASSERT_DONE(self->vcpu);
	}
}

TEST_F(slot, neighbours_of_memory)
{
	u64 *list = kv_gpa(self->vm, KV_DATA, 0x1000);
	struct kvm_run *run = self->vcpu->run;

	/* In the middle of what could be a large page. */
	ASSERT_EQ(0, kv_slot(self->vm, 1, LOW + 0x1000, 2 * MIB - 0x2000, self->mem + 0x1000, 0));
	*(u64 *)(self->mem + 0x1000) = 5;
	*(u64 *)(self->mem) = 6;
	*(u64 *)(self->mem + 2 * MIB - 8) = 7;
	list[0] = LOW + 0x1000;
	list[1] = LOW;
	list[2] = LOW + 2 * MIB - 8;
	list[3] = 0;
	kv_enter(self->vcpu, reader, KV_DATA, 0);
	ASSERT_SYNC(self->vcpu, 1);
	EXPECT_EQ(5, self->vcpu->last.a);
	ASSERT_EXIT(self->vcpu, KVM_EXIT_MMIO);
	EXPECT_EQ(LOW, run->mmio.phys_addr);
	ASSERT_SYNC(self->vcpu, 1);
	ASSERT_EXIT(self->vcpu, KVM_EXIT_MMIO);
	EXPECT_EQ(LOW + 2 * MIB - 8, run->mmio.phys_addr);
}

TEST_F(slot, move)
{
	u64 *list = kv_gpa(self->vm, KV_DATA, 0x1000);

	list[0] = LOW;
	list[1] = LOW;
	list[2] = LOW + 4 * MIB;
	list[3] = LOW + 4 * MIB;
	list[4] = 0;
	*(u64 *)self->mem = 42;
	ASSERT_EQ(0, kv_slot(self->vm, 1, LOW, 2 * MIB, self->mem, 0));
	kv_enter(self->vcpu, reader, KV_DATA, 0);
	ASSERT_SYNC(self->vcpu, 1);
	EXPECT_EQ(42, self->vcpu->last.a);
	ASSERT_EQ(0, kv_slot(self->vm, 1, LOW + 4 * MIB, 2 * MIB, self->mem, 0));
	ASSERT_EXIT(self->vcpu, KVM_EXIT_MMIO);
	ASSERT_SYNC(self->vcpu, 1);
	ASSERT_SYNC(self->vcpu, 1);
	EXPECT_EQ(42, self->vcpu->last.a);
	ASSERT_EQ(0, kv_slot(self->vm, 1, 0, 0, NULL, 0));
	ASSERT_EXIT(self->vcpu, KVM_EXIT_MMIO);
	EXPECT_EQ(LOW + 4 * MIB, self->vcpu->run->mmio.phys_addr);
}

static __guest void read_only_main(void)
{
	u64 value;

	guest_equal(*(volatile u64 *)LOW, 0x1122334455667788);
	*(volatile u32 *)(LOW + 4) = 0xabcdef01;
	/* The write has gone to the VMM, not to memory. */
	guest_equal(*(volatile u64 *)LOW, 0x1122334455667788);
	asm volatile("lock orl $1, %0" : : "m"(*(u32 *)(LOW + 4)) : "memory");
	value = 0;
	asm volatile("xchgq %0, %1" : "+r"(value) : "m"(*(u64 *)LOW) : "memory");
	guest_equal(value, 0x1122334455667788);
	guest_done();
}

TEST_F(slot, read_only)
{
	struct kvm_run *run = self->vcpu->run;

	*(u64 *)self->mem = 0x1122334455667788;
	ASSERT_EQ(0, kv_slot(self->vm, 1, LOW, 2 * MIB, self->mem, KVM_MEM_READONLY));
	kv_enter(self->vcpu, read_only_main, 0, 0);
	ASSERT_EXIT(self->vcpu, KVM_EXIT_MMIO);
	EXPECT_EQ(LOW + 4, run->mmio.phys_addr);
	EXPECT_EQ(1, run->mmio.is_write);
	EXPECT_EQ(4, run->mmio.len);
	EXPECT_EQ(0xabcdef01, *(u32 *)run->mmio.data);
	ASSERT_EXIT(self->vcpu, KVM_EXIT_MMIO);
	EXPECT_EQ(1, run->mmio.is_write);
	EXPECT_EQ(0x11223345, *(u32 *)run->mmio.data);
	ASSERT_EXIT(self->vcpu, KVM_EXIT_MMIO);
	EXPECT_EQ(1, run->mmio.is_write);
	EXPECT_EQ(8, run->mmio.len);
	ASSERT_DONE(self->vcpu);
	EXPECT_EQ(0x1122334455667788, *(u64 *)self->mem);
}

static __guest void toucher(u64 address)
{
	for (;;) {
		guest_sync2(1, *(volatile u64 *)address, 0);
		*(volatile u64 *)address = 77;
		guest_sync(2);
	}
}

/* A slot is only an address range: what is behind it may come and go. */
TEST_F(slot, memory_missing)
{
	u8 *page = mmap(NULL, 0x1000, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ASSERT_NE(MAP_FAILED, page);
	ASSERT_EQ(0, munmap(page, 0x1000));
	ASSERT_EQ(0, kv_slot(self->vm, 1, LOW, 0x1000, page, 0));
	kv_enter(self->vcpu, toucher, LOW, 0);
	ASSERT_REPORT(self->vcpu, KV_ERROR, EFAULT);
	ASSERT_REPORT(self->vcpu, KV_ERROR, EFAULT);

	ASSERT_EQ(page, mmap(page, 0x1000, PROT_READ,
			     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0));
	ASSERT_SYNC(self->vcpu, 1);
	EXPECT_EQ(0, self->vcpu->last.a);
	ASSERT_REPORT(self->vcpu, KV_ERROR, EFAULT);

	ASSERT_EQ(0, mprotect(page, 0x1000, PROT_READ | PROT_WRITE));
	ASSERT_SYNC(self->vcpu, 2);
	ASSERT_SYNC(self->vcpu, 1);
	EXPECT_EQ(77, self->vcpu->last.a);
	EXPECT_EQ(77, *(u64 *)page);
	ASSERT_EQ(0, munmap(page, 0x1000));
	ASSERT_REPORT(self->vcpu, KV_ERROR, EFAULT);
}

static __guest void counter(u64 address, u64 pages)
{
	u64 n = 0, i;

	for (;;) {
		n++;
		for (i = 0; i < pages; i++)
			*(volatile u64 *)(address + i * 0x1000) = n;
	}
}

/* The guest's writes to nowhere are of no interest. */
static void *run_on(void *arg)
{
	struct kv_vcpu *vcpu = arg;

	while (kv_next(vcpu).kind == KV_EXIT)
		;
	return NULL;
}

/* What has been removed is not written to after the call has returned. */
TEST_F(slot, removed_under_load)
{
	const u64 pages = 64;
	u64 before[64], i, wrote = 0;
	int round;

	kv_enter(self->vcpu, counter, LOW, pages);
	ASSERT_EQ(0, kv_slot(self->vm, 1, LOW, 2 * MIB, self->mem, 0));
	ASSERT_EQ(0, pthread_create(&self->vcpu->thread, NULL, run_on, self->vcpu));
	for (round = 0; round < 100; round++) {
		u8 *mem = self->mem + (round & 1) * 2 * MIB;

		usleep(2000);
		ASSERT_EQ(0, kv_slot(self->vm, 1, LOW, 0, mem, 0));
		for (i = 0; i < pages; i++)
			before[i] = *(volatile u64 *)(mem + i * 0x1000);
		wrote += before[0] != 0;
		usleep(1000);
		for (i = 0; i < pages; i++)
			ASSERT_EQ(before[i], *(volatile u64 *)(mem + i * 0x1000));
		mem = self->mem + (~round & 1) * 2 * MIB;
		memset(mem, 0, 2 * MIB);
		ASSERT_EQ(0, kv_slot(self->vm, 1, LOW, 2 * MIB, mem, 0));
	}
	EXPECT_GT(wrote, 10);
	kv_kick(self->vcpu);
	pthread_join(self->vcpu->thread, NULL);
}

TEST_HARNESS_MAIN
