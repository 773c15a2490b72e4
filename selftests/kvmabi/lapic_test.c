// SPDX-License-Identifier: GPL-2.0
/*
 * The local APIC of one vCPU: priorities and EOI, registers in xAPIC and
 * x2APIC mode, messages a CPU sends itself, and the state ioctls. IPIs
 * between vCPUs are in ipi_test.c, its timer is in timer_test.c.
 */
#include "guest.h"
#include "harness.h"

#define LOW  0x41
#define MID  0x51
#define HIGH 0x61
#define NMI  2
#define GP   13

#define APIC_PPR      0xa0
#define APIC_LDR      0xd0
#define APIC_DFR      0xe0
#define APIC_TMR      0x180
#define APIC_LVTTHMR  0x330
#define APIC_LVTERR   0x370
#define APIC_SELF_IPI 0x3f0
#define APIC_TO_SELF  (1 << 18)
#define APIC_MASKED   (1 << 16)

struct log {
	u64 n;
	u64 last;
	u64 order[32];
	u64 nest;   /* handlers let others in */
	u64 faults; /* #GPs, stepped over */
	u64 skip;   /* length of what faults */
	u64 nmis;
};

#define LOG ((volatile struct log *)KV_DATA)

FIXTURE(lapic)
{
	struct kv_vm *vm;
	struct kv_vcpu *vcpu;
	volatile struct log *log;
};

static __guest void on_irq(struct kv_frame64 *frame)
{
	LOG->order[LOG->n++ & 31] = frame->vector;
	LOG->last = frame->vector;
	if (LOG->nest) {
		guest_sti();
		guest_pause();
		guest_cli();
		LOG->order[LOG->n++ & 31] = frame->vector;
	}
	apic_eoi();
}

static __guest void on_gp(struct kv_frame64 *frame)
{
	LOG->faults++;
	frame->rip += LOG->skip;
}

static __guest void on_nmi(struct kv_frame64 *frame)
{
	(void)frame;
	LOG->nmis++;
}

FIXTURE_SETUP(lapic)
{
	self->vm = kv_vm_new_irqchip(0);
	self->vcpu = kv_vcpu_new(self->vm, 0);
	self->log = kv_gpa(self->vm, KV_DATA, sizeof(struct log));
	kv_enter(self->vcpu, on_irq, 0, 0);
	kv_handler(self->vm, LOW, on_irq);
	kv_handler(self->vm, MID, on_irq);
	kv_handler(self->vm, HIGH, on_irq);
	kv_handler(self->vm, GP, on_gp);
	kv_handler(self->vm, NMI, on_nmi);
	self->log->skip = 2; /* RDMSR, WRMSR */
}

FIXTURE_TEARDOWN(lapic)
{
	kv_vcpu_free(self->vcpu);
	kv_vm_free(self->vm);
}

__guest_inline void self_ipi(u8 vector)
{
	apic_write(APIC_ICR, APIC_TO_SELF | 0x4000 | vector);
}

__guest_inline u32 map_word(u32 reg, u8 vector)
{
	return apic_read(reg + vector / 32 * 16) >> vector % 32 & 1;
}

__guest_inline void breathe(void)
{
	guest_sti();
	guest_pause();
	guest_cli();
}

/* ------------------------------------------------------------ priorities */

static __guest void priorities(void)
{
	apic_enable();
	/* Both pending: the higher first, whatever the order they came in. */
	self_ipi(LOW);
	self_ipi(HIGH);
	guest_equal(map_word(APIC_IRR, LOW), 1);
	guest_equal(map_word(APIC_IRR, HIGH), 1);
	guest_equal(map_word(APIC_TMR, HIGH), 0);
	breathe();
	guest_equal(LOG->n, 2);
	guest_equal(LOG->order[0], HIGH);
	guest_equal(LOG->order[1], LOW);
	guest_equal(map_word(APIC_IRR, LOW), 0);
	guest_equal(apic_read(APIC_PPR), 0);

	/* The TPR holds back its own class and those below. */
	apic_write(APIC_TPR, 0x50);
	guest_equal(apic_read(APIC_TPR), 0x50);
	guest_equal(apic_read(APIC_PPR), 0x50);
	self_ipi(LOW);
	self_ipi(MID);
	breathe();
	guest_equal(LOG->n, 2);
	self_ipi(HIGH);
	breathe();
	guest_equal(LOG->n, 3);
	guest_equal(LOG->last, HIGH);
	apic_write(APIC_TPR, 0x40);
	breathe();
	guest_equal(LOG->n, 4);
	guest_equal(LOG->last, MID);
	apic_write(APIC_TPR, 0);
	breathe();
	guest_equal(LOG->n, 5);
	guest_equal(LOG->last, LOW);
	guest_done();
}

TEST_F(lapic, priorities)
{
	kv_enter(self->vcpu, priorities, 0, 0);
	ASSERT_DONE(self->vcpu);
}

__guest_inline void write_cr8(u64 value)
{
	asm volatile("mov %0, %%cr8" : : "r"(value) : "memory");
}

__guest_inline u64 read_cr8(void)
{
	u64 value;

	asm volatile("mov %%cr8, %0" : "=r"(value) : : "memory");
	return value;
}

/* CR8 is the TPR's upper half, and lowering it lets interrupts in at once. */
static __guest void task_priority(void)
{
	u64 i;

	apic_enable();
	guest_sti();
	for (i = 0; i < 10; i++) {
		write_cr8(6);
		guest_equal(apic_read(APIC_TPR), 0x60);
		self_ipi(HIGH);
		self_ipi(MID);
		guest_pause();
		guest_equal(LOG->n, 2 * i);
		write_cr8(5);
		guest_pause();
		guest_equal(LOG->n, 2 * i + 1);
		guest_equal(LOG->last, HIGH);
		write_cr8(4);
		guest_pause();
		guest_equal(LOG->n, 2 * i + 2);
		guest_equal(LOG->last, MID);
	}
	apic_write(APIC_TPR, 0x30);
	guest_equal(read_cr8(), 3);
	write_cr8(9);
	guest_equal(apic_read(APIC_TPR), 0x90);
	guest_sync(1);
	guest_done();
}

TEST_F(lapic, task_priority)
{
	kv_enter(self->vcpu, task_priority, 0, 0);
	ASSERT_SYNC(self->vcpu, 1);
	EXPECT_EQ(9, kv_sregs(self->vcpu).cr8);
	EXPECT_EQ(9, self->vcpu->run->cr8);
	ASSERT_DONE(self->vcpu);
}

/* The lower half lasts until CR8 changes the upper one. */
static __guest void task_priority_low(void)
{
	apic_write(APIC_TPR, 0x37);
	guest_equal(read_cr8(), 3);
	guest_equal(apic_read(APIC_TPR), 0x37);
	guest_equal(apic_read(APIC_PPR), 0x37);
	write_cr8(4);
	guest_equal(apic_read(APIC_TPR), 0x40);
	guest_done();
}

TEST_F(lapic, task_priority_low)
{
	if (!kv_is_hvctl())
		SKIP(return, "kvm-amd.ko keeps what CR8 holds");
	kv_enter(self->vcpu, task_priority_low, 0, 0);
	ASSERT_DONE(self->vcpu);
}

static __guest void nested(void)
{
	apic_enable();
	LOG->nest = 1;
	/* A handler of LOW that opens up is interrupted by HIGH alone. */
	self_ipi(LOW);
	guest_sync(1); /* host: HIGH and another of LOW's class, by MSI */
	breathe();
	guest_done();
}

TEST_F(lapic, nested)
{
	kv_handler(self->vm, LOW + 1, on_irq);
	kv_enter(self->vcpu, nested, 0, 0);
	ASSERT_SYNC(self->vcpu, 1);
	/* HIGH goes first, and LOW + 1 is of the class of LOW. */
	EXPECT_EQ(1, kv_msi(self->vm, APIC_BASE, HIGH));
	EXPECT_EQ(1, kv_msi(self->vm, APIC_BASE, LOW + 1));
	ASSERT_DONE(self->vcpu);
	EXPECT_EQ(6, self->log->n);
	EXPECT_EQ(HIGH, self->log->order[0]);
	EXPECT_EQ(HIGH, self->log->order[1]);
	EXPECT_EQ(LOW + 1, self->log->order[2]);
	EXPECT_EQ(LOW + 1, self->log->order[3]);
	EXPECT_EQ(LOW, self->log->order[4]);
	EXPECT_EQ(LOW, self->log->order[5]);
}

static __guest void on_low_inner(struct kv_frame64 *frame)
{
	(void)frame;
	guest_equal(map_word(APIC_ISR, LOW), 1);
	guest_equal(apic_read(APIC_PPR) & 0xf0, LOW & 0xf0);
	LOG->order[LOG->n++] = LOW;
	self_ipi(HIGH);
	guest_sti();
	guest_pause();
	guest_cli();
	guest_equal(map_word(APIC_ISR, HIGH), 0);
	guest_equal(map_word(APIC_ISR, LOW), 1);
	LOG->order[LOG->n++] = LOW;
	apic_eoi();
	guest_equal(map_word(APIC_ISR, LOW), 0);
	/* One too many does nothing. */
	apic_eoi();
}

static __guest void inner(void)
{
	apic_enable();
	self_ipi(LOW);
	breathe();
	guest_equal(LOG->n, 3);
	guest_equal(LOG->order[0], LOW);
	guest_equal(LOG->order[1], HIGH);
	guest_equal(LOG->order[2], LOW);
	guest_done();
}

TEST_F(lapic, interrupted_handler)
{
	kv_handler(self->vm, LOW, on_low_inner);
	kv_enter(self->vcpu, inner, 0, 0);
	ASSERT_DONE(self->vcpu);
}

/* ------------------------------------------------------------- registers */

static __guest void registers(void)
{
	u32 reg;

	guest_equal(apic_read(APIC_ID), 0);
	guest_equal(apic_read(APIC_VERSION) & 0xff, 0x14);
	guest_check((apic_read(APIC_VERSION) >> 16 & 0xff) >= 5);
	guest_equal(apic_read(APIC_SPIV) & 0x1ff, 0xff);

	/* Off by software: nothing gets in, local vectors stay masked. */
	for (reg = APIC_LVTT; reg <= APIC_LVTERR; reg += 16) {
		apic_write(reg, LOW);
		guest_equal(apic_read(reg) & APIC_MASKED, APIC_MASKED);
	}
	self_ipi(LOW);
	guest_equal(map_word(APIC_IRR, LOW), 0);

	apic_enable();
	for (reg = APIC_LVTT; reg <= APIC_LVTERR; reg += 16) {
		apic_write(reg, LOW);
		guest_equal(apic_read(reg), LOW);
	}
	/* Switching it off masks them. */
	apic_write(APIC_SPIV, 0xff);
	for (reg = APIC_LVTT; reg <= APIC_LVTERR; reg += 16)
		guest_equal(apic_read(reg), LOW | APIC_MASKED);
	apic_enable();
	guest_equal(apic_read(APIC_LVTT), LOW | APIC_MASKED);

	apic_write(APIC_LDR, 0x02ffffff);
	guest_equal(apic_read(APIC_LDR), 0x02000000);
	guest_equal(apic_read(APIC_DFR), 0xffffffff);
	apic_write(APIC_DFR, 0);
	guest_equal(apic_read(APIC_DFR), 0x0fffffff);
	apic_write(APIC_ICR2, 0x5a000000);
	guest_equal(apic_read(APIC_ICR2), 0x5a000000);
	/* Sent at once: not busy. */
	apic_write(APIC_ICR, 0x4000 | APIC_TO_SELF | LOW);
	guest_equal(apic_read(APIC_ICR) & 0x1000, 0);
	breathe();
	guest_equal(LOG->n, 1);
	guest_done();
}

TEST_F(lapic, registers)
{
	kv_enter(self->vcpu, registers, 0, 0);
	ASSERT_DONE(self->vcpu);
}

static __guest void errors(void)
{
	apic_enable();
	apic_write(APIC_LVTERR, HIGH);
	apic_write(APIC_ESR, 0);
	guest_equal(apic_read(APIC_ESR), 0);
	self_ipi(7); /* there is no such interrupt vector */
	apic_write(APIC_ESR, 0);
	guest_check(apic_read(APIC_ESR) & 0x60);
	breathe();
	guest_equal(LOG->last, HIGH);
	apic_write(APIC_ESR, 0);
	guest_equal(apic_read(APIC_ESR), 0);
	guest_done();
}

TEST_F(lapic, errors)
{
	if (!kv_is_hvctl())
		SKIP(return, "kvm.ko keeps no ESR");
	kv_enter(self->vcpu, errors, 0, 0);
	ASSERT_DONE(self->vcpu);
}

static __guest void nmi(void)
{
	apic_enable();
	apic_ipi(0, 0); /* fills ICR2 */
	apic_write(APIC_ICR, 0x4400);
	guest_pause();
	guest_equal(LOG->nmis, 1);
	guest_done();
}

TEST_F(lapic, nmi_to_itself)
{
	kv_enter(self->vcpu, nmi, 0, 0);
	ASSERT_DONE(self->vcpu);
}

/* ---------------------------------------------------------------- x2APIC */

#define X2_ENABLE 0xc00UL

__guest_inline void expect_gp(u64 faults)
{
	guest_equal(LOG->faults, faults);
}

static __guest void x2apic(u64 strict)
{
	u64 base = rdmsr(MSR_APIC_BASE), faults = 0;

	guest_equal(base & 0x900, 0x900);
	rdmsr(MSR_X2APIC(APIC_ID)); /* not in this mode */
	expect_gp(++faults);
	wrmsr(MSR_APIC_BASE, (base & ~0x800UL) | 0x400); /* x2APIC but disabled */
	expect_gp(++faults);
	wrmsr(MSR_APIC_BASE, base | 1); /* reserved */
	expect_gp(++faults);

	wrmsr(MSR_APIC_BASE, base | X2_ENABLE);
	expect_gp(faults);
	guest_equal(rdmsr(MSR_APIC_BASE), base | X2_ENABLE);
	wrmsr(MSR_APIC_BASE, base); /* no way back but through disabled */
	expect_gp(++faults);

	wrmsr(MSR_X2APIC(APIC_SPIV), 0x1ff);
	guest_equal(rdmsr(MSR_X2APIC(APIC_ID)), 0);
	guest_equal(rdmsr(MSR_X2APIC(APIC_LDR)), 1);
	guest_equal(rdmsr(MSR_X2APIC(APIC_VERSION)) & 0xff, 0x14);
	expect_gp(faults);

	/* What xAPIC mode has and x2APIC has not, and what is read-only. */
	rdmsr(MSR_X2APIC(APIC_DFR));
	expect_gp(++faults);
	rdmsr(MSR_X2APIC(APIC_ICR2));
	expect_gp(++faults);
	rdmsr(MSR_X2APIC(APIC_EOI));
	expect_gp(++faults);
	wrmsr(MSR_X2APIC(APIC_ID), 1);
	expect_gp(++faults);
	wrmsr(MSR_X2APIC(APIC_LDR), 1);
	expect_gp(++faults);
	wrmsr(MSR_X2APIC(APIC_IRR), 0);
	expect_gp(++faults);
	if (strict) {
		wrmsr(MSR_X2APIC(APIC_EOI), 1);
		expect_gp(++faults);
	}
	wrmsr(MSR_X2APIC(APIC_ESR), 1);
	expect_gp(++faults);
	rdmsr(0x8ff);
	expect_gp(++faults);

	/* One 64-bit ICR; a self-IPI register. */
	wrmsr(MSR_X2APIC(APIC_ICR), 0x4000 | LOW);
	wrmsr(MSR_X2APIC(APIC_SELF_IPI), HIGH);
	guest_equal(rdmsr(MSR_X2APIC(APIC_IRR) + LOW / 32) >> LOW % 32 & 1, 1);
	/* To the cluster 0, member 0; and to one that is not there. */
	wrmsr(MSR_X2APIC(APIC_ICR), 1UL << 32 | 0x4800 | MID);
	wrmsr(MSR_X2APIC(APIC_ICR), 0x10001UL << 32 | 0x4800 | (LOW + 1));
	guest_equal(rdmsr(MSR_X2APIC(APIC_ICR)) >> 32, 0x10001);
	wrmsr(MSR_X2APIC(APIC_TPR), 0x60);
	guest_equal(read_cr8(), 6);
	wrmsr(MSR_X2APIC(APIC_TPR), 0);
	expect_gp(faults);
	guest_sync(1);
	guest_sti();
	guest_pause();
	guest_cli();
	guest_equal(LOG->n, 3);
	guest_done();
}

static __guest void on_x2(struct kv_frame64 *frame)
{
	LOG->order[LOG->n++ & 31] = frame->vector;
	wrmsr(MSR_X2APIC(APIC_EOI), 0);
}

TEST_F(lapic, x2apic)
{
	struct kvm_lapic_state state;

	kv_handler(self->vm, LOW, on_x2);
	kv_handler(self->vm, MID, on_x2);
	kv_handler(self->vm, HIGH, on_x2);
	/* kvm.ko lets any value pass as an EOI. */
	kv_enter(self->vcpu, x2apic, kv_is_hvctl(), 0);
	ASSERT_SYNC(self->vcpu, 1);
	ASSERT_EQ(0, ioctl(self->vcpu->fd, KVM_GET_LAPIC, &state));
	EXPECT_EQ(1, *(u32 *)(state.regs + APIC_LDR));
	/* LOW and MID share a word. */
	EXPECT_EQ(1U << LOW % 32 | 1U << MID % 32, *(u32 *)(state.regs + APIC_IRR + LOW / 32 * 16));
	ASSERT_EQ(0, ioctl(self->vcpu->fd, KVM_SET_LAPIC, &state));
	ASSERT_DONE(self->vcpu);
	EXPECT_EQ(HIGH, self->log->order[0]);
	EXPECT_EQ(MID, self->log->order[1]);
	EXPECT_EQ(LOW, self->log->order[2]);
}

/* Disabled by the MSR: CPUID says so, nothing is at its address. */
static __guest void disabled(void)
{
	u64 base = rdmsr(MSR_APIC_BASE);
	u32 a, b, c, d;

	cpuid(1, 0, &a, &b, &c, &d);
	guest_equal(d >> 9 & 1, 1);
	wrmsr(MSR_APIC_BASE, base & ~0x800UL);
	cpuid(1, 0, &a, &b, &c, &d);
	guest_equal(d >> 9 & 1, 0);
	guest_equal(apic_read(APIC_ID), ~0U);
	wrmsr(MSR_APIC_BASE, base | X2_ENABLE); /* only by way of xAPIC */
	guest_equal(LOG->faults, 1);
	wrmsr(MSR_APIC_BASE, base);
	guest_equal(apic_read(APIC_ID), 0);
	guest_done();
}

TEST_F(lapic, disabled)
{
	struct kvm_run *run = self->vcpu->run;
	struct kv_report report;

	kv_enter(self->vcpu, disabled, 0, 0);
	report = kv_next(self->vcpu);
	/* Whether user space is asked what is there instead may differ. */
	if (report.kind == KV_EXIT && report.value == KVM_EXIT_MMIO) {
		EXPECT_EQ(APIC_BASE + APIC_ID, run->mmio.phys_addr);
		memset(run->mmio.data, 0xff, 4);
		report = kv_next(self->vcpu);
	}
	ASSERT_EQ(KV_DONE, report.kind)
	{
		TH_LOG("%s", kv_text(self->vcpu, &report));
	}
}

/* --------------------------------------------------------- get and set */

static u32 reg(const struct kvm_lapic_state *state, u32 offset)
{
	u32 value;

	memcpy(&value, state->regs + offset, sizeof(value));
	return value;
}

static void set_reg(struct kvm_lapic_state *state, u32 offset, u32 value)
{
	memcpy(state->regs + offset, &value, sizeof(value));
}

static __guest void restored(void)
{
	guest_equal(apic_read(APIC_LDR), 0x04000000);
	guest_equal(apic_read(APIC_LVTTHMR), APIC_MASKED | 0x33);
	guest_equal(map_word(APIC_ISR, MID), 1);
	guest_equal(map_word(APIC_IRR, HIGH), 1);
	/* MID is in service: HIGH may interrupt it, LOW may not. */
	breathe();
	guest_equal(LOG->n, 1);
	guest_equal(LOG->last, HIGH);
	apic_eoi();
	guest_equal(map_word(APIC_ISR, MID), 0);
	breathe();
	guest_equal(LOG->n, 2);
	guest_equal(LOG->last, LOW);
	guest_done();
}

TEST_F(lapic, get_set)
{
	struct kvm_lapic_state state, back;
	struct kv_vcpu *other = kv_vcpu_new(self->vm, 1);

	ASSERT_EQ(0, ioctl(self->vcpu->fd, KVM_GET_LAPIC, &state));
	EXPECT_EQ(0, reg(&state, APIC_ID));
	EXPECT_EQ(0xff, reg(&state, APIC_SPIV));
	EXPECT_EQ(0xffffffff, reg(&state, APIC_DFR));
	/* Virtual wire on the boot CPU, everything masked elsewhere. */
	EXPECT_EQ(0x700, reg(&state, APIC_LVT0));
	EXPECT_EQ(APIC_MASKED, reg(&state, APIC_LVT1));
	ASSERT_EQ(0, ioctl(other->fd, KVM_GET_LAPIC, &back));
	EXPECT_EQ(1 << 24, reg(&back, APIC_ID));
	EXPECT_EQ(APIC_MASKED, reg(&back, APIC_LVT0));
	ASSERT_EQ(0, ioctl(self->vcpu->fd, KVM_SET_LAPIC, &state));
	ASSERT_EQ(0, ioctl(self->vcpu->fd, KVM_GET_LAPIC, &back));
	EXPECT_EQ(0, memcmp(&state, &back, sizeof(state)));

	set_reg(&state, APIC_SPIV, 0x1ff);
	set_reg(&state, APIC_LDR, 0x04000000);
	set_reg(&state, APIC_LVTTHMR, APIC_MASKED | 0x33);
	set_reg(&state, APIC_ISR + MID / 32 * 16, 1U << MID % 32);
	set_reg(&state, APIC_IRR + HIGH / 32 * 16, 1U << HIGH % 32);
	set_reg(&state, APIC_IRR + LOW / 32 * 16, 1U << LOW % 32);
	ASSERT_EQ(0, ioctl(self->vcpu->fd, KVM_SET_LAPIC, &state));
	kv_enter(self->vcpu, restored, 0, 0);
	ASSERT_DONE(self->vcpu);

	EXPECT_ERRNO(EFAULT, ioctl(self->vcpu->fd, KVM_GET_LAPIC, 8));
	EXPECT_ERRNO(EFAULT, ioctl(self->vcpu->fd, KVM_SET_LAPIC, 8));
	kv_vcpu_free(other);
}

/* All bits of all registers, and the guest run on that: nothing breaks. */
static __guest void spin(void)
{
	u64 i;

	for (i = 0; i < 100; i++)
		apic_eoi();
	guest_done();
}

TEST_F(lapic, garbage)
{
	struct kvm_lapic_state state;
	int turn, err;

	srand(1);
	for (turn = 0; turn < 200; turn++) {
		size_t i;

		for (i = 0; i < sizeof(state.regs); i++)
			state.regs[i] = turn ? (char)rand() : (char)0xff;
		set_reg(&state, APIC_ID, 0);
		err = ioctl(self->vcpu->fd, KVM_SET_LAPIC, &state) ? errno : 0;
		EXPECT_EQ(0, err);
		kv_enter(self->vcpu, spin, 0, 0);
		ASSERT_DONE(self->vcpu);
	}
}

TEST_HARNESS_MAIN
