// SPDX-License-Identifier: GPL-2.0
/*
 * Coalesced I/O: writes to a zone are found in the ring, in order, without an
 * exit; what does not fit there, or into the ring, exits.
 *
 * lab: vmx
 */
#include <string.h>

#include "guest.h"
#include "harness.h"

/* For KVM_COALESCED_MMIO_MAX. */
#define PAGE_SIZE 4096
#define PORT	  0x5a0
#define SIZE	  0x100

FIXTURE(coalesced)
{
	struct kv_vm *vm;
	struct kv_vcpu *vcpu;
	struct kvm_coalesced_mmio_ring *ring;
};

FIXTURE_SETUP(coalesced)
{
	int page = kv_cap(KVM_CAP_COALESCED_MMIO);

	self->vm = kv_vm_new(0);
	self->vcpu = kv_vcpu_new(self->vm, 0);
	ASSERT_LT(0, page);
	ASSERT_LE((page + 1) * 4096, self->vcpu->run_size);
	self->ring = (void *)self->vcpu->run + page * 4096;
}

FIXTURE_TEARDOWN(coalesced)
{
	kv_vcpu_free(self->vcpu);
	kv_vm_free(self->vm);
}

static int zone(struct kv_vm *vm, unsigned long call, u64 addr, u32 size, u32 pio)
{
	struct kvm_coalesced_mmio_zone zone = {.addr = addr, .size = size, .pio = pio};

	return ioctl(vm->fd, call, &zone);
}

#define ADD    KVM_REGISTER_COALESCED_MMIO
#define REMOVE KVM_UNREGISTER_COALESCED_MMIO

static __guest void three_writes(void)
{
	write32(KV_MMIO, 0x11111111);
	asm volatile("movb $0x22, (%0)" : : "r"(KV_MMIO + SIZE - 1));
	asm volatile("movq %0, (%1)" : : "r"(0x3333333344444444UL), "r"(KV_MMIO + 8));
	guest_sync(1);
	/* Not in the zone, or not all of it; and a read. */
	write32(KV_MMIO + SIZE, 5);
	write32(KV_MMIO + SIZE - 2, 6);
	read32(KV_MMIO);
	guest_done();
}

static void check_entry(struct __test_metadata *_metadata, const struct kvm_coalesced_mmio *entry,
			u64 addr, u32 len, u64 value)
{
	u64 data = 0;

	memcpy(&data, entry->data, len);
	EXPECT_EQ(addr, entry->phys_addr);
	EXPECT_EQ(len, entry->len);
	EXPECT_EQ(0, entry->pio);
	EXPECT_EQ(value, data);
}

TEST_F(coalesced, in_order)
{
	ASSERT_EQ(0, zone(self->vm, ADD, KV_MMIO, SIZE, 0));
	kv_enter(self->vcpu, three_writes, 0, 0);
	ASSERT_SYNC(self->vcpu, 1);
	EXPECT_EQ(0, self->ring->first);
	ASSERT_EQ(3, self->ring->last);
	check_entry(_metadata, &self->ring->coalesced_mmio[0], KV_MMIO, 4, 0x11111111);
	check_entry(_metadata, &self->ring->coalesced_mmio[1], KV_MMIO + SIZE - 1, 1, 0x22);
	check_entry(_metadata, &self->ring->coalesced_mmio[2], KV_MMIO + 8, 8, 0x3333333344444444);
	ASSERT_EXIT(self->vcpu, KVM_EXIT_MMIO);
	EXPECT_EQ(KV_MMIO + SIZE, self->vcpu->run->mmio.phys_addr);
	ASSERT_EXIT(self->vcpu, KVM_EXIT_MMIO);
	EXPECT_EQ(KV_MMIO + SIZE - 2, self->vcpu->run->mmio.phys_addr);
	ASSERT_EXIT(self->vcpu, KVM_EXIT_MMIO);
	EXPECT_EQ(0, self->vcpu->run->mmio.is_write);
	ASSERT_DONE(self->vcpu);
	EXPECT_EQ(3, self->ring->last);
}

static __guest void many_writes(u64 count)
{
	u64 i;

	for (i = 0; i < count; i++)
		write32(KV_MMIO, i);
	guest_done();
}

TEST_F(coalesced, full)
{
	u32 n = KVM_COALESCED_MMIO_MAX - 1, i;

	ASSERT_EQ(0, zone(self->vm, ADD, KV_MMIO, SIZE, 0));
	/* The ring begins anywhere. */
	self->ring->first = self->ring->last = 7;
	kv_enter(self->vcpu, many_writes, n + 3, 0);
	ASSERT_EXIT(self->vcpu, KVM_EXIT_MMIO);
	EXPECT_EQ(n, *(u32 *)self->vcpu->run->mmio.data);
	ASSERT_EQ(6, self->ring->last);
	for (i = 0; i < n; i++)
		check_entry(_metadata,
			    &self->ring->coalesced_mmio[(7 + i) % KVM_COALESCED_MMIO_MAX], KV_MMIO,
			    4, i);
	/* Room for one. */
	self->ring->first = 8;
	ASSERT_EXIT(self->vcpu, KVM_EXIT_MMIO);
	EXPECT_EQ(n + 2, *(u32 *)self->vcpu->run->mmio.data);
	check_entry(_metadata, &self->ring->coalesced_mmio[6], KV_MMIO, 4, n + 1);
	ASSERT_DONE(self->vcpu);
}

/* User space harms itself alone. */
TEST_F(coalesced, spoilt_ring)
{
	static const u32 bad[] = {KVM_COALESCED_MMIO_MAX, 0x7fffffff, 0xffffffff};
	u32 i;

	ASSERT_EQ(0, zone(self->vm, ADD, KV_MMIO, SIZE, 0));
	kv_enter(self->vcpu, many_writes, ARRAY_SIZE(bad), 0);
	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		self->ring->last = bad[i];
		ASSERT_EXIT(self->vcpu, KVM_EXIT_MMIO);
	}
	ASSERT_DONE(self->vcpu);
}

static __guest void port_writes(void)
{
	outb(PORT + 3, 0x77);
	guest_sync(1);
	outl(PORT + 6, 1);
	guest_done();
}

TEST_F(coalesced, ports)
{
	const struct kvm_coalesced_mmio *entry = &self->ring->coalesced_mmio[0];

	ASSERT_EQ(1, kv_cap(KVM_CAP_COALESCED_PIO));
	ASSERT_EQ(0, zone(self->vm, ADD, PORT, 8, 1));
	kv_enter(self->vcpu, port_writes, 0, 0);
	ASSERT_SYNC(self->vcpu, 1);
	ASSERT_EQ(1, self->ring->last);
	EXPECT_EQ(PORT + 3, entry->phys_addr);
	EXPECT_EQ(1, entry->len);
	EXPECT_EQ(1, entry->pio);
	EXPECT_EQ(0x77, entry->data[0]);
	ASSERT_EXIT(self->vcpu, KVM_EXIT_IO);
	EXPECT_EQ(PORT + 6, self->vcpu->run->io.port);
	ASSERT_DONE(self->vcpu);
}

TEST_F(coalesced, removed)
{
	ASSERT_EQ(0, zone(self->vm, ADD, KV_MMIO, SIZE, 0));
	/* Of another kind, and of another place. */
	ASSERT_EQ(0, zone(self->vm, REMOVE, KV_MMIO + SIZE, SIZE, 0));
	kv_enter(self->vcpu, many_writes, 2, 0);
	ASSERT_DONE(self->vcpu);
	EXPECT_EQ(2, self->ring->last);
	/* A zone goes when a part of it is named. */
	ASSERT_EQ(0, zone(self->vm, REMOVE, KV_MMIO + 4, 4, 0));
	kv_enter(self->vcpu, many_writes, 1, 0);
	ASSERT_EXIT(self->vcpu, KVM_EXIT_MMIO);
	ASSERT_DONE(self->vcpu);
}

TEST_F(coalesced, bad_zones)
{
	int i;

	EXPECT_ERRNO(EINVAL, zone(self->vm, ADD, 0, 8, 2));
	EXPECT_ERRNO(EFAULT, ioctl(self->vm->fd, ADD, NULL));
	EXPECT_ERRNO(EFAULT, ioctl(self->vm->fd, REMOVE, NULL));
	if (!kv_is_hvctl())
		SKIP(return, "kvm takes zones that nothing can be in");
	EXPECT_ERRNO(EINVAL, zone(self->vm, ADD, KV_MMIO, 0, 0));
	EXPECT_ERRNO(EINVAL, zone(self->vm, ADD, ~0UL, 2, 0));
	EXPECT_ERRNO(EINVAL, zone(self->vm, ADD, 0xffff, 2, 1));
	EXPECT_EQ(0, zone(self->vm, ADD, ~0UL, 1, 0));
	for (i = 1; i < 1000; i++)
		ASSERT_EQ(0, zone(self->vm, ADD, KV_MMIO + i * SIZE, SIZE, 0));
	EXPECT_ERRNO(ENOSPC, zone(self->vm, ADD, KV_MMIO, SIZE, 0));
	EXPECT_EQ(0, zone(self->vm, REMOVE, ~0UL, 1, 0));
	EXPECT_EQ(0, zone(self->vm, ADD, KV_MMIO, SIZE, 0));
}

TEST_HARNESS_MAIN
