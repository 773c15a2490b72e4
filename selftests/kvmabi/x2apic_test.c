// SPDX-License-Identifier: GPL-2.0
/*
 * Interrupts of guests in x2APIC mode, which some CPUs deliver without leaving
 * the guest: priorities, levels, state that is saved in the middle of things,
 * and other sources beside the local APIC.
 *
 * lab: smp=2 vmx
 */
#include "guest.h"

#include <sys/eventfd.h>
#include <sys/time.h>
#include <unistd.h>

#include "harness.h"

#define LOW  0x41
#define MID  0x51
#define HIGH 0x61
#define PIC  0x30
#define NMI  2
#define GP   13

#define APIC_PPR      0xa0
#define APIC_SELF_IPI 0x3f0
#define X2_ENABLE     0x400
#define EXTINT	      (7 << 8)
#define IOAPIC	      0xfec00000UL
#define LEVEL	      (1 << 15)
#define LEVEL_GSI     10

struct log {
	u64 n;
	u64 order[64];
	u64 nest;	/* handlers let others in */
	u64 stop_in;	/* handlers of this vector report to the host */
	u64 count[256]; /* by vector */
	u64 faults;
	u64 stop;
	u64 ready;
};

#define LOG ((volatile struct log *)KV_DATA)

FIXTURE(x2apic)
{
	struct kv_vm *vm;
	struct kv_vcpu *vcpu;
	volatile struct log *log;
};

__guest_inline u64 x2_read(u32 reg)
{
	return rdmsr(MSR_X2APIC(reg));
}

__guest_inline void x2_write(u32 reg, u64 value)
{
	wrmsr(MSR_X2APIC(reg), value);
}

__guest_inline void self_ipi(u8 vector)
{
	x2_write(APIC_SELF_IPI, vector);
}

__guest_inline void x2_enable(void)
{
	wrmsr(MSR_APIC_BASE, rdmsr(MSR_APIC_BASE) | X2_ENABLE);
	x2_write(APIC_SPIV, 0x1ff);
}

__guest_inline u64 in_map(u32 reg, u8 vector)
{
	return x2_read(reg + vector / 32 * 16) >> vector % 32 & 1;
}

static __guest void on_irq(struct kv_frame64 *frame)
{
	if (irq_made_up(frame))
		return;
	LOG->order[LOG->n++ & 63] = frame->vector;
	LOG->count[frame->vector]++;
	if (LOG->stop_in == frame->vector)
		guest_sync2(0x100, frame->vector, LOG->n);
	if (LOG->nest) {
		guest_sti();
		guest_pause();
		guest_cli();
		LOG->order[LOG->n++ & 63] = frame->vector;
	}
	x2_write(APIC_EOI, 0);
}

static __guest void on_pic(struct kv_frame64 *frame)
{
	LOG->order[LOG->n++ & 63] = frame->vector;
	LOG->count[frame->vector]++;
	outb(0x20, 0x20);
}

static __guest void on_gp(struct kv_frame64 *frame)
{
	LOG->faults++;
	frame->rip += 2;
}

FIXTURE_SETUP(x2apic)
{
	int i;

	self->vm = kv_vm_new_irqchip(0);
	self->vcpu = kv_vcpu_new(self->vm, 0);
	self->log = kv_gpa(self->vm, KV_DATA, sizeof(struct log));
	kv_enter(self->vcpu, on_irq, 0, 0);
	for (i = 0x40; i < 0x70; i++)
		kv_handler(self->vm, (u8)i, on_irq);
	for (i = 0; i < 8; i++)
		kv_handler(self->vm, (u8)(PIC + i), on_pic);
	kv_handler(self->vm, GP, on_gp);
}

FIXTURE_TEARDOWN(x2apic)
{
	kv_vcpu_free(self->vcpu);
	kv_vm_free(self->vm);
}

__guest_inline void breathe(void)
{
	guest_sti();
	guest_pause();
	guest_cli();
}

/* ------------------------------------------------------------ priorities */

/* kvm.ko forgets the lower half of the TPR: @low is 0 there. */
static __guest void priorities(u64 low)
{
	x2_enable();
	self_ipi(LOW);
	self_ipi(HIGH);
	self_ipi(MID);
	guest_equal(in_map(APIC_IRR, LOW), 1);
	guest_equal(in_map(APIC_IRR, HIGH), 1);
	guest_equal(LOG->n, 0);
	breathe();
	guest_equal(LOG->n, 3);
	guest_equal(LOG->order[0], HIGH);
	guest_equal(LOG->order[1], MID);
	guest_equal(LOG->order[2], LOW);
	guest_equal(in_map(APIC_IRR, LOW), 0);
	guest_equal(in_map(APIC_ISR, HIGH), 0);

	/* The TPR holds back its class, until it falls. */
	x2_write(APIC_TPR, 0x50 | low);
	guest_equal(x2_read(APIC_TPR), 0x50 | low);
	guest_equal(x2_read(APIC_PPR), 0x50 | low);
	self_ipi(LOW);
	self_ipi(MID);
	breathe();
	guest_equal(LOG->n, 3);
	self_ipi(HIGH);
	breathe();
	guest_equal(LOG->n, 4);
	guest_equal(x2_read(APIC_TPR), 0x50 | low);
	guest_sti();
	x2_write(APIC_TPR, 0x40 | low);
	guest_pause();
	guest_equal(LOG->n, 5);
	guest_equal(LOG->order[4], MID);
	asm volatile("mov %0, %%cr8" : : "r"(3UL) : "memory");
	guest_pause();
	guest_equal(LOG->n, 6);
	guest_equal(LOG->order[5], LOW);
	guest_equal(x2_read(APIC_TPR), 0x30);
	guest_cli();
	x2_write(APIC_TPR, 0);

	/* A handler is interrupted by higher classes alone. */
	LOG->n = 0;
	LOG->nest = 1;
	self_ipi(MID);
	guest_sti();
	guest_pause();
	guest_cli();
	guest_equal(LOG->n, 2);
	guest_done();
}

static u64 tpr_low(void)
{
	return kv_is_hvctl() ? 0xa : 0;
}

TEST_F(x2apic, priorities)
{
	kv_enter(self->vcpu, priorities, tpr_low(), 0);
	ASSERT_DONE(self->vcpu);
}

/* Whatever interrupts the host takes meanwhile, the guest's wait for STI. */
static __guest void held_back(u64 cycles)
{
	u64 start = rdtsc(), round = 0;

	x2_enable();
	do {
		self_ipi(LOW);
		while (rdtsc() - start < (round + 1) * cycles)
			;
		guest_equal(LOG->n, round);
		breathe();
		guest_equal(LOG->n, ++round);
	} while (round < 4);
	guest_done();
}

TEST_F(x2apic, held_back)
{
	int khz = ioctl(self->vcpu->fd, KVM_GET_TSC_KHZ, 0);

	ASSERT_GT(khz, 0);
	/* 20 ms: several ticks of the host's clock. */
	kv_enter(self->vcpu, held_back, (u64)khz * 20, 0);
	ASSERT_DONE(self->vcpu);
}

/* A CPU that closed its interrupts sleeps through them, but not through an NMI. */
static __guest void closed_halt(void)
{
	x2_enable();
	self_ipi(LOW);
	guest_sync(0);
	asm volatile("hlt" : : : "memory");
	guest_equal(LOG->faults, 1);
	guest_equal(LOG->n, 0);
	breathe();
	guest_equal(LOG->n, 1);
	guest_done();
}

static __guest void on_nmi(struct kv_frame64 *frame)
{
	(void)frame;
	LOG->faults++;
}

static void on_alarm(int sig)
{
	(void)sig;
}

TEST_F(x2apic, closed_halt)
{
	const struct itimerval soon = {.it_value.tv_usec = 50000};
	struct sigaction wake = {.sa_handler = on_alarm};
	struct kvm_mp_state state;

	kv_handler(self->vm, NMI, on_nmi);
	kv_enter(self->vcpu, closed_halt, 0, 0);
	ASSERT_SYNC(self->vcpu, 0);
	ASSERT_EQ(0, sigaction(SIGALRM, &wake, NULL));
	ASSERT_EQ(0, setitimer(ITIMER_REAL, &soon, NULL));
	ASSERT_EQ(-1, ioctl(self->vcpu->fd, KVM_RUN, 0));
	ASSERT_EQ(EINTR, errno);
	ASSERT_EQ(0, ioctl(self->vcpu->fd, KVM_GET_MP_STATE, &state));
	ASSERT_EQ(KVM_MP_STATE_HALTED, state.mp_state);
	ASSERT_EQ(0, ioctl(self->vcpu->fd, KVM_NMI, 0));
	ASSERT_DONE(self->vcpu);
}

/* What the CPU may do without an exit still knows what is wrong. */
static __guest void illegal(u64 strict)
{
	x2_enable();
	if (strict) {
		x2_write(APIC_EOI, 1);
		x2_write(APIC_EOI, 1UL << 32);
		guest_equal(LOG->faults, 2);
		LOG->faults = 0;
	}
	x2_write(APIC_TPR, 0x100);
	x2_write(APIC_TPR, 1UL << 32);
	x2_read(APIC_EOI);
	guest_equal(LOG->faults, 3);
	guest_equal(x2_read(APIC_TPR), 0);
	/* An EOI too many ends nothing. */
	x2_write(APIC_EOI, 0);
	guest_equal(LOG->faults, 3);
	guest_done();
}

TEST_F(x2apic, illegal)
{
	/* kvm.ko lets any value pass as an EOI. */
	kv_enter(self->vcpu, illegal, kv_is_hvctl(), 0);
	ASSERT_DONE(self->vcpu);
}

/* --------------------------------------------------------------- from outside */

static __guest void wait_for(u64 n)
{
	x2_enable();
	guest_sync(1);
	while (LOG->n < n) {
		guest_sti_hlt();
		guest_cli();
	}
	guest_sync(2);
	guest_sti();
	while (!LOG->stop)
		guest_pause();
	guest_done();
}

static void expect_counts(struct __test_metadata *_metadata, volatile struct log *log, u64 each)
{
	int i;

	for (i = 0x40; i < 0x70; i++)
		EXPECT_EQ(each, log->count[i])
		{
			TH_LOG("vector %#x", i);
		}
}

/* Messages reach a vCPU that sleeps in HLT, and one that runs all the time. */
TEST_F(x2apic, messages)
{
	struct timespec ms = {.tv_nsec = 1000000};
	int i, tries;

	kv_enter(self->vcpu, wait_for, 48, 0);
	ASSERT_SYNC(self->vcpu, 1);
	for (i = 0x40; i < 0x70; i++)
		EXPECT_EQ(1, kv_msi(self->vm, APIC_BASE, (u32)i));
	ASSERT_SYNC(self->vcpu, 2);
	EXPECT_EQ(0x6f, self->log->order[0]);
	expect_counts(_metadata, self->log, 1);

	kv_start(self->vcpu);
	for (i = 0x40; i < 0x70; i++) {
		EXPECT_EQ(1, kv_msi(self->vm, APIC_BASE, (u32)i));
		for (tries = 0; self->log->count[i] < 2 && tries < 5000; tries++)
			nanosleep(&ms, NULL);
	}
	self->log->stop = 1;
	ASSERT_EQ(KV_DONE, kv_join(self->vcpu).kind);
	expect_counts(_metadata, self->log, 2);
}

/* Two vCPUs that answer one another's IPIs. */
static __guest void pong(u64 me, u64 rounds)
{
	u64 i, vector = me ? HIGH : LOW;

	x2_enable();
	/* An IPI to one that is not enabled yet would be lost. */
	if (me)
		LOG->ready = 1;
	while (!LOG->ready)
		guest_pause();
	for (i = 0; i < rounds; i++) {
		if (!me)
			x2_write(APIC_ICR, 1UL << 32 | 0x4000 | HIGH);
		while (LOG->count[vector] <= i) {
			guest_sti_hlt();
			guest_cli();
		}
		if (me)
			x2_write(APIC_ICR, 0x4000 | LOW);
	}
	guest_done();
}

TEST_F(x2apic, ping_pong)
{
	struct kv_vcpu *other = kv_vcpu_new(self->vm, 1);

	kv_enter(self->vcpu, pong, 0, 500);
	kv_enter(other, pong, 1, 500);
	ioctl(other->fd, KVM_SET_MP_STATE, &(struct kvm_mp_state){KVM_MP_STATE_RUNNABLE});
	kv_start(other);
	kv_start(self->vcpu);
	EXPECT_EQ(KV_DONE, kv_join(self->vcpu).kind);
	EXPECT_EQ(KV_DONE, kv_join(other).kind);
	EXPECT_EQ(500, self->log->count[LOW]);
	EXPECT_EQ(500, self->log->count[HIGH]);
	kv_vcpu_free(other);
}

/* ------------------------------------------------------------------- levels */

static __guest void level(u64 rounds)
{
	u64 i;

	x2_enable();
	x2_write(APIC_LVT0, 1 << 16); /* the PIC has the line, too */
	write32(IOAPIC, 0x10 + 2 * LEVEL_GSI);
	write32(IOAPIC + 0x10, LEVEL | MID);
	for (i = 0; i < rounds; i++) {
		guest_sync(1);
		breathe();
		guest_equal(LOG->n, 2 * i + 1);
		/* It may come as an edge just as well. */
		self_ipi(MID);
		breathe();
		guest_equal(LOG->n, 2 * i + 2);
	}
	guest_done();
}

/* The IOAPIC hears of the EOI, and whoever holds the line of that. */
TEST_F(x2apic, levels)
{
	int line = eventfd(0, EFD_NONBLOCK), resample = eventfd(0, EFD_NONBLOCK), i;
	struct kvm_irqfd args = {.fd = (u32)line,
				 .gsi = LEVEL_GSI,
				 .flags = KVM_IRQFD_FLAG_RESAMPLE,
				 .resamplefd = (u32)resample};
	u64 one = 1;

	ASSERT_EQ(0, ioctl(self->vm->fd, KVM_IRQFD, &args));
	kv_enter(self->vcpu, level, 5, 0);
	for (i = 0; i < 5; i++) {
		ASSERT_SYNC(self->vcpu, 1);
		EXPECT_EQ(i ? 1 : 0, kv_event_take(resample));
		ASSERT_EQ(8, write(line, &one, 8));
	}
	ASSERT_DONE(self->vcpu);
	EXPECT_EQ(1, kv_event_take(resample));
	args.flags = KVM_IRQFD_FLAG_DEASSIGN;
	ASSERT_EQ(0, ioctl(self->vm->fd, KVM_IRQFD, &args));
	close(line);
	close(resample);
}

/* ------------------------------------------------------------ saved, restored */

static __guest void saved(u64 low)
{
	x2_enable();
	x2_write(APIC_TPR, 0x20 | low);
	self_ipi(MID);
	guest_sti();
	guest_pause();
	guest_cli();
	guest_equal(x2_read(APIC_TPR), 0x20 | low);
	guest_equal(LOG->n, 3);
	guest_equal(LOG->order[0], MID);
	guest_equal(LOG->order[1], HIGH);
	guest_equal(LOG->order[2], LOW);
	guest_done();
}

static u32 reg(const struct kvm_lapic_state *state, u32 offset)
{
	return *(const u32 *)(state->regs + offset);
}

static u32 bit(const struct kvm_lapic_state *state, u32 map, u32 vector)
{
	return reg(state, map + vector / 32 * 16) >> vector % 32 & 1;
}

/* In the middle of a handler, with more to come, on another VM. */
TEST_F(x2apic, moved)
{
	struct kv_vm *vm = kv_vm_new_irqchip(0);
	struct kv_vcpu *vcpu = kv_vcpu_new(vm, 0);
	struct kvm_lapic_state state, back;
	struct kvm_sregs sregs;
	struct kvm_regs regs;

	self->log->stop_in = MID;
	kv_enter(self->vcpu, saved, tpr_low(), 0);
	ASSERT_SYNC(self->vcpu, 0x100);
	EXPECT_EQ(1, kv_msi(self->vm, APIC_BASE, LOW));
	EXPECT_EQ(1, kv_msi(self->vm, APIC_BASE, HIGH));
	ASSERT_EQ(0, ioctl(self->vcpu->fd, KVM_GET_LAPIC, &state));
	EXPECT_EQ(1, bit(&state, APIC_ISR, MID));
	EXPECT_EQ(0, bit(&state, APIC_IRR, MID));
	EXPECT_EQ(1, bit(&state, APIC_IRR, LOW));
	EXPECT_EQ(1, bit(&state, APIC_IRR, HIGH));
	EXPECT_EQ(0x20 | tpr_low(), reg(&state, APIC_TPR));
	EXPECT_EQ(0x50, reg(&state, APIC_PPR));

	memcpy(vm->ram, self->vm->ram, KV_RAM);
	sregs = kv_sregs(self->vcpu);
	regs = kv_regs(self->vcpu);
	kv_set_sregs(vcpu, &sregs);
	kv_set_regs(vcpu, &regs);
	ASSERT_EQ(0, ioctl(vcpu->fd, KVM_SET_LAPIC, &state));
	ASSERT_EQ(0, ioctl(vcpu->fd, KVM_GET_LAPIC, &back));
	EXPECT_EQ(0, memcmp(&state, &back, sizeof(state)));
	((volatile struct log *)kv_gpa(vm, KV_DATA, sizeof(struct log)))->stop_in = 0;
	ASSERT_DONE(vcpu);
	kv_vcpu_free(vcpu);
	kv_vm_free(vm);

	/* And where it was it goes on just as well. */
	ASSERT_DONE(self->vcpu);
}

/* ---------------------------------------------------------------- and others */

/* The PIC's interrupts come by LINT0, past the local APIC's priorities. */
static __guest void extint(void)
{
	x2_enable();
	outb(0x20, 0x11);
	outb(0x21, PIC);
	outb(0x21, 4);
	outb(0x21, 1);
	outb(0x21, 0xfd);
	x2_write(APIC_LVT0, EXTINT);
	self_ipi(LOW);
	guest_sync(1);
	breathe();
	guest_equal(LOG->n, 2);
	guest_equal(LOG->count[PIC + 1], 1);
	guest_equal(LOG->count[LOW], 1);
	guest_sync(2);
	x2_write(APIC_TPR, 0xf0);
	breathe();
	guest_equal(LOG->n, 3);
	guest_equal(LOG->count[PIC + 1], 2);
	guest_done();
}

TEST_F(x2apic, extint)
{
	int i;

	kv_enter(self->vcpu, extint, 0, 0);
	for (i = 1; i <= 2; i++) {
		ASSERT_SYNC(self->vcpu, (u32)i);
		ASSERT_EQ(0, kv_irq_line(self->vm, 1, 1));
		ASSERT_EQ(0, kv_irq_line(self->vm, 1, 0));
	}
	ASSERT_DONE(self->vcpu);
}

/* What is pending when the mode changes is still pending; not so when it ends. */
static __guest void modes(u64 low)
{
	u64 base = rdmsr(MSR_APIC_BASE);

	apic_enable();
	apic_write(APIC_TPR, (u32)(0x20 | low));
	apic_write(APIC_ICR, 1 << 18 | 0x4000 | MID);
	wrmsr(MSR_APIC_BASE, base | X2_ENABLE);
	guest_equal(in_map(APIC_IRR, MID), 1);
	guest_equal(x2_read(APIC_TPR), 0x20 | low);
	breathe();
	guest_equal(LOG->n, 1);

	x2_write(APIC_TPR, 0x70);
	self_ipi(MID);
	wrmsr(MSR_APIC_BASE, base & ~0x800UL);
	wrmsr(MSR_APIC_BASE, base);
	apic_enable();
	guest_equal(apic_read(APIC_TPR), 0);
	guest_equal(apic_read(APIC_IRR + MID / 32 * 16), 0);
	breathe();
	guest_equal(LOG->n, 1);

	/* xAPIC mode works as ever. */
	apic_write(APIC_ICR, 1 << 18 | 0x4000 | HIGH);
	guest_equal(apic_read(APIC_IRR + HIGH / 32 * 16) >> HIGH % 32 & 1, 1);
	guest_done();
}

TEST_F(x2apic, modes)
{
	kv_enter(self->vcpu, modes, tpr_low(), 0);
	ASSERT_DONE(self->vcpu);
}

/* The timer, in all its modes, with interrupts as the mode delivers them. */
static __guest void timers(void)
{
	u64 i;

	x2_enable();
	x2_write(APIC_TDCR, 0xb);
	x2_write(APIC_LVTT, LOW);
	x2_write(APIC_TMICT, 100000);
	while (LOG->count[LOW] < 1) {
		guest_sti_hlt();
		guest_cli();
	}
	x2_write(APIC_LVTT, APIC_PERIODIC | MID);
	x2_write(APIC_TMICT, 200000);
	guest_sti();
	while (LOG->count[MID] < 5)
		guest_pause();
	guest_cli();
	x2_write(APIC_TMICT, 0);
	breathe();
	x2_write(APIC_LVTT, APIC_DEADLINE | HIGH);
	for (i = 0; i < 20; i++) {
		wrmsr(MSR_TSC_DEADLINE, rdtsc() + 30000);
		while (LOG->count[HIGH] <= i) {
			if (i & 1) {
				breathe();
			} else {
				guest_sti_hlt();
				guest_cli();
			}
		}
		guest_equal(rdmsr(MSR_TSC_DEADLINE), 0);
	}
	guest_equal(LOG->count[HIGH], 20);
	guest_equal(LOG->count[LOW], 1);
	guest_done();
}

TEST_F(x2apic, timers)
{
	kv_enter(self->vcpu, timers, 0, 0);
	ASSERT_DONE(self->vcpu);
}

TEST_HARNESS_MAIN
