// SPDX-License-Identifier: GPL-2.0
/*
 * KVM_RUN: each way out to user space, what it carries, and signals.
 */
#include "guest.h"

#include <pthread.h>
#include <signal.h>
#include <time.h>

#include "harness.h"

FIXTURE(run)
{
	struct kv_vm *vm;
	struct kv_vcpu *vcpu;
	struct kvm_run *run;
};

FIXTURE_SETUP(run)
{
	self->vm = kv_vm_new(0);
	self->vcpu = kv_vcpu_new(self->vm, 0);
	self->run = self->vcpu->run;
}

FIXTURE_TEARDOWN(run)
{
	kv_vcpu_free(self->vcpu);
	kv_vm_free(self->vm);
}

static void *io_data(struct kvm_run *run)
{
	return (u8 *)run + run->io.data_offset;
}

/* The next exit is this access to a port; more words in *data than one: rep. */
static void expect_io(struct __test_metadata *_metadata, struct kv_vcpu *vcpu, int direction,
		      u16 port, u8 size)
{
	ASSERT_EXIT(vcpu, KVM_EXIT_IO);
	ASSERT_EQ(direction, vcpu->run->io.direction);
	ASSERT_EQ(port, vcpu->run->io.port);
	ASSERT_EQ(size, vcpu->run->io.size);
	ASSERT_GE(vcpu->run->io.count, 1);
}

static __guest void port_out(void)
{
	outb(0x3f8, 0x12);
	outw(0x3f9, 0x3456);
	outl(0xffff, 0x789abcde);
	asm volatile("outb %%al, $0x42" : : "a"(0x99));
	guest_done();
}

TEST_F(run, port_out)
{
	kv_enter(self->vcpu, port_out, 0, 0);
	expect_io(_metadata, self->vcpu, KVM_EXIT_IO_OUT, 0x3f8, 1);
	EXPECT_EQ(0x12, *(u8 *)io_data(self->run));
	expect_io(_metadata, self->vcpu, KVM_EXIT_IO_OUT, 0x3f9, 2);
	EXPECT_EQ(0x3456, *(u16 *)io_data(self->run));
	expect_io(_metadata, self->vcpu, KVM_EXIT_IO_OUT, 0xffff, 4);
	EXPECT_EQ(0x789abcde, *(u32 *)io_data(self->run));
	expect_io(_metadata, self->vcpu, KVM_EXIT_IO_OUT, 0x42, 1);
	EXPECT_EQ(0x99, *(u8 *)io_data(self->run));
	ASSERT_DONE(self->vcpu);
}

/* IN of one or two bytes leaves the rest of RAX alone, of four clears it. */
static __guest void port_in(void)
{
	u64 rax;

	asm volatile("inb %w1, %b0" : "=a"(rax) : "d"(0x60), "0"(~0UL));
	guest_sync2(1, rax, 0);
	asm volatile("inw %w1, %w0" : "=a"(rax) : "d"(0x61), "0"(~0UL));
	guest_sync2(2, rax, 0);
	asm volatile("inl %w1, %k0" : "=a"(rax) : "d"(0x62), "0"(~0UL));
	guest_sync2(3, rax, 0);
	guest_done();
}

TEST_F(run, port_in)
{
	static const u64 seen[] = {0xffffffffffffff44, 0xffffffffffff3344, 0x11223344};
	static const u8 size[] = {1, 2, 4};
	int i;

	kv_enter(self->vcpu, port_in, 0, 0);
	for (i = 0; i < 3; i++) {
		expect_io(_metadata, self->vcpu, KVM_EXIT_IO_IN, (u16)(0x60 + i), size[i]);
		*(u32 *)io_data(self->run) = 0x11223344;
		ASSERT_SYNC(self->vcpu, i + 1);
		EXPECT_EQ(seen[i], self->vcpu->last.a);
	}
	ASSERT_DONE(self->vcpu);
}

#define STRING_LEN 3000

static __guest void port_strings(void)
{
	u64 from = KV_DATA, to = KV_DATA + 0x10000, count = STRING_LEN;

	asm volatile("rep outsb" : "+S"(from), "+c"(count) : "d"(0x700) : "memory");
	guest_equal(from, KV_DATA + STRING_LEN);
	guest_equal(count, 0);
	count = STRING_LEN / 4;
	asm volatile("rep insl" : "+D"(to), "+c"(count) : "d"(0x704) : "memory");
	guest_equal(to, KV_DATA + 0x10000 + STRING_LEN);
	guest_equal(count, 0);
	/* Downwards, one word, no prefix. */
	to = KV_DATA + 0x20000;
	asm volatile("std; insw; cld" : "+D"(to) : "d"(0x708) : "memory");
	guest_equal(to, KV_DATA + 0x20000 - 2);
	/* Nothing at all. */
	count = 0;
	asm volatile("rep outsb" : "+S"(from), "+c"(count) : "d"(0x70c) : "memory");
	guest_done();
}

TEST_F(run, port_strings)
{
	u8 *data = kv_gpa(self->vm, KV_DATA, 0x40000);
	struct kvm_run *run = self->run;
	u32 n, i;

	for (i = 0; i < STRING_LEN; i++)
		data[i] = (u8)(i * 7 + 1);
	kv_enter(self->vcpu, port_strings, 0, 0);
	for (n = 0; n < STRING_LEN; n += run->io.count) {
		expect_io(_metadata, self->vcpu, KVM_EXIT_IO_OUT, 0x700, 1);
		ASSERT_LE(n + run->io.count, STRING_LEN);
		ASSERT_EQ(0, memcmp(io_data(run), data + n, run->io.count));
	}
	for (n = 0; n < STRING_LEN; n += run->io.count * 4) {
		expect_io(_metadata, self->vcpu, KVM_EXIT_IO_IN, 0x704, 4);
		ASSERT_LE(n + run->io.count * 4, STRING_LEN);
		for (i = 0; i < run->io.count * 4; i++)
			((u8 *)io_data(run))[i] = (u8)((n + i) * 5 + 3);
	}
	expect_io(_metadata, self->vcpu, KVM_EXIT_IO_IN, 0x708, 2);
	*(u16 *)io_data(run) = 0xbeef;
	ASSERT_DONE(self->vcpu);
	for (i = 0; i < STRING_LEN; i++)
		ASSERT_EQ((u8)(i * 5 + 3), data[0x10000 + i]);
	EXPECT_EQ(0xbeef, *(u16 *)(data + 0x20000));
}

/* A page that is not mapped in the middle of a string: #PF, then the rest. */
static __guest void string_fault(void)
{
	u64 from = KV_DATA + 0xff0, count = 0x20;

	asm volatile("rep outsb" : "+S"(from), "+c"(count) : "d"(0x700) : "memory");
	guest_equal(from, KV_DATA + 0x1010);
	guest_done();
}

TEST_F(run, port_string_faults)
{
	struct kv_trap trap;
	u32 n = 0;

	kv_enter(self->vcpu, string_fault, 0, 0);
	memset(kv_gpa(self->vm, KV_DATA, 0x2000), 0x5a, 0x2000);
	kv_map(self->vm, KV_DATA + 0x1000, 0, 4096, 0);
	for (;;) {
		self->vcpu->last = kv_next(self->vcpu);
		if (self->vcpu->last.kind != KV_EXIT)
			break;
		n += self->run->io.count;
	}
	ASSERT_EQ(KV_TRAP, self->vcpu->last.kind);
	trap = kv_trap_get(self->vcpu);
	EXPECT_EQ(14, trap.vector);
	EXPECT_EQ(KV_DATA + 0x1000, trap.cr2);
	EXPECT_EQ(0x10, n);
	kv_map(self->vm, KV_DATA + 0x1000, KV_DATA + 0x1000, 4096, KV_PTE_P | KV_PTE_W);
	for (; n < 0x20; n += self->run->io.count)
		expect_io(_metadata, self->vcpu, KVM_EXIT_IO_OUT, 0x700, 1);
	ASSERT_DONE(self->vcpu);
}

GUEST_BLOB(hlt_code, ".code64\n nop\n hlt\n mov $5, %eax\n outl %eax, $0xf0\n");

TEST_F(run, hlt)
{
	KV_LOAD_BLOB(self->vm, KV_CODE, hlt_code);
	kv_enter_mode(self->vcpu, KV_LONG, KV_CODE, 0, 0);
	ASSERT_EXIT(self->vcpu, KVM_EXIT_HLT);
	EXPECT_EQ(KV_CODE + 2, kv_regs(self->vcpu).rip);
	ASSERT_SYNC(self->vcpu, 5);
}

/* No IDT: #UD, #GP, #DF, shutdown. */
TEST_F(run, triple_fault)
{
	struct kvm_sregs sregs;

	kv_load(self->vm, KV_CODE, "\x0f\x0b", 2);
	kv_enter_mode(self->vcpu, KV_LONG, KV_CODE, 0, 0);
	sregs = kv_sregs(self->vcpu);
	sregs.idt.limit = 0;
	kv_set_sregs(self->vcpu, &sregs);
	ASSERT_EXIT(self->vcpu, KVM_EXIT_SHUTDOWN);
}

/* Nothing to fetch there. */
TEST_F(run, code_nowhere)
{
	kv_enter_mode(self->vcpu, KV_LONG, KV_MMIO, 0, 0);
	ASSERT_EXIT(self->vcpu, KVM_EXIT_INTERNAL_ERROR);
	EXPECT_EQ(KVM_INTERNAL_ERROR_EMULATION, self->run->internal.suberror);
}

TEST_F(run, arguments)
{
	EXPECT_ERRNO(EINVAL, ioctl(self->vcpu->fd, KVM_RUN, 1));
}

static __guest void one_mmio_read(void)
{
	u32 value = read32(KV_MMIO);

	guest_sync2(1, value, 0);
	guest_done();
}

TEST_F(run, immediate_exit)
{
	kv_enter(self->vcpu, one_mmio_read, 0, 0);
	self->run->immediate_exit = 1;
	EXPECT_ERRNO(EINTR, ioctl(self->vcpu->fd, KVM_RUN, 0));
	EXPECT_EQ(kv_guest_fn(one_mmio_read), kv_regs(self->vcpu).rip);
	self->run->immediate_exit = 0;

	/* It completes what the last exit began, and does no more. */
	ASSERT_EXIT(self->vcpu, KVM_EXIT_MMIO);
	*(u32 *)self->run->mmio.data = 77;
	self->run->immediate_exit = 1;
	EXPECT_ERRNO(EINTR, ioctl(self->vcpu->fd, KVM_RUN, 0));
	EXPECT_EQ(KVM_EXIT_MMIO, self->run->exit_reason);
	self->run->immediate_exit = 0;
	ASSERT_SYNC(self->vcpu, 1);
	EXPECT_EQ(77, self->vcpu->last.a);
}

static __guest void count_up(volatile u64 *counter)
{
	guest_sync(1);
	for (;;)
		++*counter;
}

TEST_F(run, kick)
{
	volatile u64 *counter = kv_gpa(self->vm, KV_DATA, 8);
	u64 before;
	int i;

	kv_enter(self->vcpu, count_up, KV_DATA, 0);
	ASSERT_SYNC(self->vcpu, 1);
	for (i = 0; i < 20; i++) {
		before = *counter;
		kv_start(self->vcpu);
		while (*counter == before)
			usleep(1000);
		kv_kick(self->vcpu);
		ASSERT_EQ(KV_EINTR, kv_join(self->vcpu).kind);
		before = *counter;
		usleep(2000);
		ASSERT_EQ(before, *counter);
	}
}

static void no_op(int sig)
{
	(void)sig;
}

static int set_mask(int fd, const sigset_t *set, u32 len)
{
	struct {
		struct kvm_signal_mask head;
		u64 bits;
	} mask = {.head.len = len};

	if (!set)
		return ioctl(fd, KVM_SET_SIGNAL_MASK, NULL);
	memcpy(mask.head.sigset, set, 8);
	return ioctl(fd, KVM_SET_SIGNAL_MASK, &mask);
}

/* Blocked outside of KVM_RUN, open inside: a kick that cannot be lost. */
TEST_F(run, signal_mask)
{
	struct timespec none = {0};
	sigset_t blocked, inside, pending;

	signal(SIGUSR2, no_op);
	sigemptyset(&blocked);
	sigaddset(&blocked, SIGUSR2);
	pthread_sigmask(SIG_BLOCK, &blocked, NULL);
	sigemptyset(&inside);

	EXPECT_ERRNO(EINVAL, set_mask(self->vcpu->fd, &inside, 4));
	EXPECT_ERRNO(EFAULT, ioctl(self->vcpu->fd, KVM_SET_SIGNAL_MASK, 8));
	ASSERT_EQ(0, set_mask(self->vcpu->fd, &inside, 8));

	kv_enter(self->vcpu, count_up, KV_DATA, 0);
	ASSERT_SYNC(self->vcpu, 1);
	pthread_kill(pthread_self(), SIGUSR2);
	EXPECT_ERRNO(EINTR, ioctl(self->vcpu->fd, KVM_RUN, 0));
	sigpending(&pending);
	EXPECT_EQ(1, sigismember(&pending, SIGUSR2));
	EXPECT_EQ(SIGUSR2, sigtimedwait(&blocked, NULL, &none));

	/* The other way round: KVM_RUN does not notice. */
	sigaddset(&inside, SIGUSR2);
	ASSERT_EQ(0, set_mask(self->vcpu->fd, &inside, 8));
	pthread_kill(pthread_self(), SIGUSR2);
	kv_enter(self->vcpu, one_mmio_read, 0, 0);
	ASSERT_EXIT(self->vcpu, KVM_EXIT_MMIO);
	EXPECT_EQ(SIGUSR2, sigtimedwait(&blocked, NULL, &none));

	/* And without a mask the thread's own holds. */
	ASSERT_EQ(0, set_mask(self->vcpu->fd, NULL, 0));
	pthread_kill(pthread_self(), SIGUSR2);
	ASSERT_SYNC(self->vcpu, 1);
	EXPECT_EQ(SIGUSR2, sigtimedwait(&blocked, NULL, &none));
}

/* A storm of signals loses nothing and repeats nothing. */
static __guest void sum_ports(void)
{
	u64 sum = 0, i;

	for (i = 0; i < 500; i++) {
		sum += inl(0x500);
		outl(0x504, (u32)i);
		sum += read32(KV_MMIO);
	}
	guest_sync2(1, sum, 0);
	guest_done();
}

TEST_F(run, signal_storm)
{
	struct itimerspec every = {{0, 300000}, {0, 300000}};
	struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR2};
	u64 sum = 0, outs = 0, interrupted = 0;
	struct kvm_run *run = self->run;
	timer_t timer;
	u32 n = 0;
	int err;

	signal(SIGUSR2, no_op);
	ASSERT_EQ(0, timer_create(CLOCK_MONOTONIC, &event, &timer));
	kv_enter(self->vcpu, sum_ports, 0, 0);
	timer_settime(timer, 0, &every, NULL);
	for (;;) {
		err = ioctl(self->vcpu->fd, KVM_RUN, 0) ? errno : 0;
		if (err == EINTR) {
			interrupted++;
			continue;
		}
		ASSERT_EQ(0, err);
		if (run->exit_reason == KVM_EXIT_MMIO) {
			n = n * 1103515245 + 12345;
			*(u32 *)run->mmio.data = n;
			sum += n;
			continue;
		}
		ASSERT_EQ(KVM_EXIT_IO, run->exit_reason);
		if (run->io.port == 0x504) {
			ASSERT_EQ(outs, *(u32 *)io_data(run));
			outs++;
		} else if (run->io.port == 0x500) {
			n = n * 1103515245 + 12345;
			*(u32 *)io_data(run) = n;
			sum += n;
		} else {
			break;
		}
	}
	timer_delete(timer);
	EXPECT_EQ(KV_PORT_SYNC, run->io.port);
	EXPECT_EQ(500, outs);
	EXPECT_EQ(sum, kv_regs(self->vcpu).rdi);
	EXPECT_GT(interrupted, 0);
}

/* What every exit tells beside its reason. */
static __guest void tell_flags(void)
{
	guest_sync(1);
	guest_sti();
	asm volatile("nop");
	guest_sync(2);
	asm volatile("mov %0, %%cr8" : : "r"(7UL));
	guest_sync(3);
}

TEST_F(run, common_fields)
{
	struct kvm_run *run = self->run;

	kv_enter(self->vcpu, tell_flags, 0, 0);
	ASSERT_SYNC(self->vcpu, 1);
	EXPECT_EQ(0, run->if_flag);
	EXPECT_EQ(0, run->ready_for_interrupt_injection);
	EXPECT_EQ(0xfee00000, run->apic_base & ~0xfffULL);
	EXPECT_EQ(0, run->cr8);
	ASSERT_SYNC(self->vcpu, 2);
	EXPECT_EQ(1, run->if_flag);
	EXPECT_EQ(1, run->ready_for_interrupt_injection);
	ASSERT_SYNC(self->vcpu, 3);
	EXPECT_EQ(7, run->cr8);
}

/* One vCPU, several threads: they take turns, and none is let in twice. */
static __guest void count_turns(volatile u64 *counter)
{
	for (;;) {
		++*counter;
		outl(0x500, (u32)*counter);
	}
}

struct turns {
	struct kv_vcpu *vcpu;
	int errors;
};

static void *take_turns(void *arg)
{
	struct turns *turns = arg;
	int i;

	for (i = 0; i < 100;) {
		if (!ioctl(turns->vcpu->fd, KVM_RUN, 0))
			i++;
		else if (errno != EINTR)
			turns->errors++;
	}
	return NULL;
}

TEST_F(run, threads_take_turns)
{
	struct turns turns[4] = {};
	pthread_t thread[4];
	int i;

	kv_enter(self->vcpu, count_turns, KV_DATA, 0);
	for (i = 0; i < 4; i++) {
		turns[i].vcpu = self->vcpu;
		ASSERT_EQ(0, pthread_create(&thread[i], NULL, take_turns, &turns[i]));
	}
	for (i = 0; i < 4; i++) {
		pthread_join(thread[i], NULL);
		EXPECT_EQ(0, turns[i].errors);
	}
	EXPECT_EQ(400, *(u64 *)kv_gpa(self->vm, KV_DATA, 8));
}

TEST_HARNESS_MAIN
