// SPDX-License-Identifier: GPL-2.0
/*
 * KVM_IOEVENTFD: writes of the guest that signal an eventfd instead of leaving
 * to user space; which writes match, what is refused, and changes while a
 * guest is writing.
 *
 * lab: smp=2
 */
#include "guest.h"
#include "harness.h"

#include <fcntl.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define PIO    KVM_IOEVENTFD_FLAG_PIO
#define MATCH  KVM_IOEVENTFD_FLAG_DATAMATCH
#define REMOVE KVM_IOEVENTFD_FLAG_DEASSIGN

#define PORT 0x3210

FIXTURE(bell)
{
	struct kv_vm *vm;
	struct kv_vcpu *vcpu;
	int fd, other;
};

FIXTURE_SETUP(bell)
{
	self->vm = kv_vm_new(0);
	self->vcpu = kv_vcpu_new(self->vm, 0);
	self->fd = eventfd(0, EFD_NONBLOCK);
	self->other = eventfd(0, EFD_NONBLOCK);
	ASSERT_LE(0, self->other);
}

FIXTURE_TEARDOWN(bell)
{
	close(self->fd);
	close(self->other);
	kv_vcpu_free(self->vcpu);
	kv_vm_free(self->vm);
}

static int bell(struct kv_vm *vm, int fd, u64 addr, u32 len, u64 match, u32 flags)
{
	struct kvm_ioeventfd args = {
		.datamatch = match, .addr = addr, .len = len, .fd = fd, .flags = flags};

	return ioctl(vm->fd, KVM_IOEVENTFD, &args);
}

/* ---------------------------------------------------------------- errors */

TEST_F(bell, errors)
{
	int file = open("/dev/null", O_RDWR);
	struct kv_vm *vm = self->vm;
	u32 len;

	EXPECT_ERRNO(EFAULT, ioctl(vm->fd, KVM_IOEVENTFD, 8));
	EXPECT_ERRNO(EINVAL, bell(vm, self->fd, KV_MMIO, 4, 0, 1 << 31));
	for (len = 0; len <= 16; len++) {
		if (len == 0 || len == 1 || len == 2 || len == 4 || len == 8)
			continue;
		EXPECT_ERRNO(EINVAL, bell(vm, self->fd, KV_MMIO, len, 0, 0));
	}
	/* No length, no data to compare; and no end before the beginning. */
	EXPECT_ERRNO(EINVAL, bell(vm, self->fd, KV_MMIO, 0, 1, MATCH));
	EXPECT_ERRNO(EINVAL, bell(vm, self->fd, ~0UL, 4, 0, 0));
	EXPECT_ERRNO(EBADF, bell(vm, 999, KV_MMIO, 4, 0, 0));
	EXPECT_ERRNO(EINVAL, bell(vm, file, KV_MMIO, 4, 0, 0));
	close(file);

	/* What one write would ring twice. */
	ASSERT_EQ(0, bell(vm, self->fd, KV_MMIO, 4, 1, MATCH));
	EXPECT_ERRNO(EEXIST, bell(vm, self->other, KV_MMIO, 4, 1, MATCH));
	EXPECT_ERRNO(EEXIST, bell(vm, self->other, KV_MMIO, 4, 0, 0));
	EXPECT_ERRNO(EEXIST, bell(vm, self->other, KV_MMIO, 0, 0, 0));
	EXPECT_EQ(0, bell(vm, self->other, KV_MMIO, 4, 2, MATCH));
	EXPECT_EQ(0, bell(vm, self->other, KV_MMIO, 2, 1, MATCH));
	EXPECT_EQ(0, bell(vm, self->other, KV_MMIO + 4, 4, 0, 0));
	EXPECT_ERRNO(EEXIST, bell(vm, self->other, KV_MMIO + 4, 4, 1, MATCH));
	/* Ports are other addresses. */
	EXPECT_EQ(0, bell(vm, self->fd, PORT, 4, 0, 0));
	EXPECT_EQ(0, bell(vm, self->fd, PORT, 4, 0, PIO));
	EXPECT_EQ(0, bell(vm, self->fd, PORT + 8, 0, 0, PIO));
	EXPECT_ERRNO(EEXIST, bell(vm, self->fd, PORT + 8, 2, 0, PIO));

	/* Each part of the name counts. */
	EXPECT_ERRNO(ENOENT, bell(vm, self->other, KV_MMIO, 4, 1, MATCH | REMOVE));
	EXPECT_ERRNO(ENOENT, bell(vm, self->fd, KV_MMIO, 4, 2, MATCH | REMOVE));
	EXPECT_ERRNO(ENOENT, bell(vm, self->fd, KV_MMIO, 4, 1, REMOVE));
	EXPECT_ERRNO(ENOENT, bell(vm, self->fd, KV_MMIO, 2, 1, MATCH | REMOVE));
	EXPECT_ERRNO(ENOENT, bell(vm, self->fd, KV_MMIO + 1, 4, 1, MATCH | REMOVE));
	EXPECT_ERRNO(ENOENT, bell(vm, self->fd, PORT, 4, 1, MATCH | REMOVE | PIO));
	EXPECT_ERRNO(EBADF, bell(vm, 999, KV_MMIO, 4, 1, MATCH | REMOVE));
	EXPECT_EQ(0, bell(vm, self->fd, KV_MMIO, 4, 1, MATCH | REMOVE));
	EXPECT_ERRNO(ENOENT, bell(vm, self->fd, KV_MMIO, 4, 1, MATCH | REMOVE));
	EXPECT_EQ(0, bell(vm, self->fd, KV_MMIO, 4, 1, MATCH));
}

/* There is an end to it, and it says so. */
TEST_F(bell, too_many)
{
	u32 i;

	if (!kv_is_hvctl())
		SKIP(return, "kvm.ko takes minutes in the lab");
	for (i = 0; i < 100000; i++)
		if (bell(self->vm, self->fd, KV_MMIO + 16 * i, 4, 0, 0))
			break;
	EXPECT_EQ(ENOSPC, errno);
	EXPECT_GE(i, 500);
	EXPECT_EQ(0, bell(self->vm, self->fd, KV_MMIO, 4, 0, REMOVE));
	EXPECT_EQ(0, bell(self->vm, self->fd, PORT, 4, 0, PIO));
}

/* --------------------------------------------------------------- matching */

static __guest void ports(void)
{
	outw(PORT, 7);
	guest_sync(1);
	outw(PORT, 8); /* other value */
	outb(PORT, 7); /* other sizes */
	outl(PORT, 7);
	outw(PORT + 1, 7); /* other port */
	guest_sync(2);
	outb(PORT + 16, 1); /* any value of one size */
	outb(PORT + 16, 255);
	guest_sync(3);
	outb(PORT + 32, 1); /* anything */
	outw(PORT + 32, 2);
	outl(PORT + 32, 3);
	guest_sync(4);
	inw(PORT); /* reads never */
	guest_done();
}

static void expect_out(struct __test_metadata *_metadata, struct kv_vcpu *vcpu, u16 port, u32 size)
{
	ASSERT_EXIT(vcpu, KVM_EXIT_IO);
	ASSERT_EQ(port, vcpu->run->io.port);
	ASSERT_EQ(size, vcpu->run->io.size);
}

TEST_F(bell, ports)
{
	struct kv_vcpu *vcpu = self->vcpu;

	ASSERT_EQ(0, bell(self->vm, self->fd, PORT, 2, 7, PIO | MATCH));
	ASSERT_EQ(0, bell(self->vm, self->fd, PORT + 16, 1, 0, PIO));
	ASSERT_EQ(0, bell(self->vm, self->fd, PORT + 32, 0, 0, PIO));
	kv_enter(vcpu, ports, 0, 0);
	ASSERT_SYNC(vcpu, 1);
	EXPECT_EQ(1, kv_event_take(self->fd));
	expect_out(_metadata, vcpu, PORT, 2);
	expect_out(_metadata, vcpu, PORT, 1);
	expect_out(_metadata, vcpu, PORT, 4);
	expect_out(_metadata, vcpu, PORT + 1, 2);
	ASSERT_SYNC(vcpu, 2);
	EXPECT_EQ(0, kv_event_take(self->fd));
	ASSERT_SYNC(vcpu, 3);
	EXPECT_EQ(2, kv_event_take(self->fd));
	ASSERT_SYNC(vcpu, 4);
	EXPECT_EQ(3, kv_event_take(self->fd));
	ASSERT_EXIT(vcpu, KVM_EXIT_IO);
	EXPECT_EQ(KVM_EXIT_IO_IN, vcpu->run->io.direction);
	ASSERT_DONE(vcpu);
}

__guest_inline void write64(u64 address, u64 value)
{
	asm volatile("movq %0, (%1)" : : "r"(value), "r"(address) : "memory");
}

__guest_inline void write16(u64 address, u16 value)
{
	asm volatile("movw %0, (%1)" : : "r"(value), "r"(address) : "memory");
}

__guest_inline void write8(u64 address, u8 value)
{
	asm volatile("movb %0, (%1)" : : "r"(value), "r"(address) : "memory");
}

static __guest void memory(void)
{
	u64 rax = KV_MMIO;

	write32(KV_MMIO, 0x80000001);
	write16(KV_MMIO + 0x10, 1);
	write16(KV_MMIO + 0x10, 2);
	write64(KV_MMIO + 0x20, 0x1122334455667788);
	write8(KV_MMIO + 0x30, 1);
	write16(KV_MMIO + 0x30, 1);
	write32(KV_MMIO + 0x30, 1);
	write64(KV_MMIO + 0x30, 1);
	/* Registers and flags are as they were; an immediate does as well. */
	asm volatile("movl $0x80000001, (%0)" : : "r"(rax) : "memory");
	guest_equal(rax, KV_MMIO);
	guest_sync(1);
	write32(KV_MMIO, 1);
	write32(KV_MMIO + 0x10, 1);
	write32(KV_MMIO + 2, 0x80000001);
	read32(KV_MMIO);
	guest_done();
}

static void expect_mmio(struct __test_metadata *_metadata, struct kv_vcpu *vcpu, u64 gpa, u32 len,
			bool write)
{
	ASSERT_EXIT(vcpu, KVM_EXIT_MMIO);
	ASSERT_EQ(gpa, vcpu->run->mmio.phys_addr);
	ASSERT_EQ(len, vcpu->run->mmio.len);
	ASSERT_EQ(write, vcpu->run->mmio.is_write);
}

TEST_F(bell, memory)
{
	struct kv_vcpu *vcpu = self->vcpu;

	ASSERT_EQ(0, bell(self->vm, self->fd, KV_MMIO, 4, 0x80000001, MATCH));
	ASSERT_EQ(0, bell(self->vm, self->other, KV_MMIO + 0x10, 2, 0, 0));
	ASSERT_EQ(0, bell(self->vm, self->fd, KV_MMIO + 0x20, 8, 0x1122334455667788, MATCH));
	ASSERT_EQ(0, bell(self->vm, self->other, KV_MMIO + 0x30, 0, 0, 0));
	kv_enter(vcpu, memory, 0, 0);
	ASSERT_SYNC(vcpu, 1);
	EXPECT_EQ(3, kv_event_take(self->fd));
	EXPECT_EQ(6, kv_event_take(self->other));
	expect_mmio(_metadata, vcpu, KV_MMIO, 4, true);
	expect_mmio(_metadata, vcpu, KV_MMIO + 0x10, 4, true);
	expect_mmio(_metadata, vcpu, KV_MMIO + 2, 4, true);
	expect_mmio(_metadata, vcpu, KV_MMIO, 4, false);
	ASSERT_DONE(vcpu);
	EXPECT_EQ(0, kv_event_take(self->fd));
	EXPECT_EQ(0, kv_event_take(self->other));
}

/* Many at one address, as a legacy virtio device with many queues has. */
#define QUEUES 64

static __guest void queues(void)
{
	u32 i;

	for (i = 0; i < QUEUES; i++)
		outw(PORT, (u16)i);
	guest_sync(1);
	for (i = 0; i < QUEUES; i++)
		write32(KV_MMIO + 0x1000 * i, i);
	guest_sync(2);
	outw(PORT, 5);
	outw(PORT, QUEUES);
	guest_done();
}

TEST_F(bell, queues)
{
	int fd[QUEUES], i;

	for (i = 0; i < QUEUES; i++) {
		fd[i] = eventfd(0, EFD_NONBLOCK);
		ASSERT_EQ(0, bell(self->vm, fd[i], PORT, 2, (u64)i, PIO | MATCH));
		ASSERT_EQ(0, bell(self->vm, fd[i], KV_MMIO + 0x1000 * (u64)i, 4, 0, 0));
	}
	kv_enter(self->vcpu, queues, 0, 0);
	ASSERT_SYNC(self->vcpu, 1);
	for (i = 0; i < QUEUES; i++)
		EXPECT_EQ(1, kv_event_take(fd[i]));
	ASSERT_SYNC(self->vcpu, 2);
	for (i = 0; i < QUEUES; i++)
		EXPECT_EQ(1, kv_event_take(fd[i]));
	/* Taking one away leaves the others where they are. */
	ASSERT_EQ(0, bell(self->vm, fd[5], PORT, 2, 5, PIO | MATCH | REMOVE));
	expect_out(_metadata, self->vcpu, PORT, 2);
	expect_out(_metadata, self->vcpu, PORT, 2);
	ASSERT_DONE(self->vcpu);
	for (i = 0; i < QUEUES; i++) {
		EXPECT_EQ(i == 5 ? -1 : 0,
			  bell(self->vm, fd[i], PORT, 2, (u64)i, PIO | MATCH | REMOVE));
		close(fd[i]);
	}
}

/* A doorbell keeps its eventfd alive, and lets it go with the VM. */
static __guest void once(void)
{
	outw(PORT, 1);
	guest_done();
}

TEST_F(bell, closed)
{
	int copy = dup(self->fd);

	ASSERT_EQ(0, bell(self->vm, self->fd, PORT, 2, 0, PIO));
	close(self->fd);
	kv_enter(self->vcpu, once, 0, 0);
	ASSERT_DONE(self->vcpu);
	EXPECT_EQ(1, kv_event_take(copy));
	ASSERT_EQ(0, bell(self->vm, self->other, PORT + 4, 2, 0, PIO));
	close(self->other);
	self->fd = copy;
	self->other = eventfd(0, EFD_NONBLOCK);
}

/* ----------------------------------------------------------------- races */

#define FLAG ((volatile u64 *)KV_DATA)

static __guest void ringing(void)
{
	while (!*FLAG) {
		outw(PORT, 1);
		write32(KV_MMIO, 1);
		FLAG[1]++;
	}
	guest_done();
}

TEST_F(bell, races)
{
	volatile u64 *flag = kv_gpa(self->vm, KV_DATA, 16);
	struct kv_report report;
	u64 before, sum = 0;
	int turn;

	/* This one stays, others at the same address come and go. */
	ASSERT_EQ(0, bell(self->vm, self->fd, PORT, 2, 1, PIO | MATCH));
	ASSERT_EQ(0, bell(self->vm, self->fd, KV_MMIO, 4, 1, MATCH));
	kv_enter(self->vcpu, ringing, 0, 0);
	kv_start(self->vcpu);
	for (turn = 0; turn < 200; turn++) {
		int fd = eventfd(0, EFD_NONBLOCK);

		ASSERT_EQ(0, bell(self->vm, fd, PORT, 2, 2, PIO | MATCH));
		ASSERT_EQ(0, bell(self->vm, fd, KV_MMIO, 4, 2, MATCH));
		ASSERT_EQ(0, bell(self->vm, fd, PORT, 2, 2, PIO | MATCH | REMOVE));
		ASSERT_EQ(0, bell(self->vm, fd, KV_MMIO, 4, 2, MATCH | REMOVE));
		EXPECT_EQ(0, kv_event_take(fd));
		close(fd);
		sum += kv_event_take(self->fd);
	}
	before = flag[1];
	usleep(100000);
	EXPECT_GT(flag[1], before);
	*flag = 1;
	report = kv_join(self->vcpu);
	ASSERT_EQ(KV_DONE, report.kind)
	{
		TH_LOG("%s", kv_text(self->vcpu, &report));
	}
	sum += kv_event_take(self->fd);
	EXPECT_EQ(2 * flag[1], sum);

	/* After it is removed not a single ring arrives. */
	*flag = 0;
	kv_enter(self->vcpu, ringing, 0, 0);
	kv_start(self->vcpu);
	usleep(10000);
	ASSERT_EQ(0, bell(self->vm, self->fd, PORT, 2, 1, PIO | MATCH | REMOVE));
	ASSERT_EQ(0, bell(self->vm, self->fd, KV_MMIO, 4, 1, MATCH | REMOVE));
	kv_event_take(self->fd);
	report = kv_join(self->vcpu);
	EXPECT_EQ(KV_EXIT, report.kind);
	EXPECT_EQ(0, kv_event_take(self->fd));
}

TEST_HARNESS_MAIN
