// SPDX-License-Identifier: GPL-2.0
/*
 * The timers that interrupt a guest: the local APIC's in its three modes, with
 * the deadlines that guests really program (later and later ones, past ones),
 * and the PIT.
 *
 * lab: smp=2 vmx
 *
 * Upper bounds on time are wide: the emulated host stands still at times.
 */
#include "guest.h"
#include "harness.h"

#define VECTOR 0x51
#define DIV_1  0xb

/* 5 ms in bus cycles; KVM's APIC bus runs at 1 GHz. */
#define COUNT 5000000U

struct log {
	u64 n;
	u64 tsc;    /* at the last one */
	u64 reload; /* handler: next deadline so much later */
	u64 early;  /* came before its deadline */
	u64 deadline;
	u64 khz;
};

#define LOG ((volatile struct log *)KV_DATA)

FIXTURE(timer)
{
	struct kv_vm *vm;
	struct kv_vcpu *vcpu;
	volatile struct log *log;
};

static __guest void on_timer(struct kv_frame64 *frame)
{
	if (irq_made_up(frame))
		return;
	LOG->tsc = rdtsc();
	LOG->n++;
	if (LOG->deadline && LOG->tsc < LOG->deadline)
		LOG->early++;
	if (LOG->reload) {
		LOG->deadline = rdtsc() + LOG->reload;
		wrmsr(MSR_TSC_DEADLINE, LOG->deadline);
	}
	apic_eoi();
}

FIXTURE_SETUP(timer)
{
	self->vm = kv_vm_new_irqchip(0);
	self->vcpu = kv_vcpu_new(self->vm, 0);
	self->log = kv_gpa(self->vm, KV_DATA, sizeof(struct log));
	self->log->khz = (u64)ioctl(self->vcpu->fd, KVM_GET_TSC_KHZ, 0);
	kv_enter(self->vcpu, on_timer, 0, 0);
	kv_handler(self->vm, VECTOR, on_timer);
}

FIXTURE_TEARDOWN(timer)
{
	kv_vcpu_free(self->vcpu);
	kv_vm_free(self->vm);
}

__guest_inline void wait_n(u64 n)
{
	guest_cli();
	while (LOG->n < n) {
		guest_sti_hlt();
		guest_cli();
	}
}

/* Busy for so many ms, with interrupts on. */
__guest_inline void spin_ms(u64 ms)
{
	u64 end = rdtsc() + ms * LOG->khz;

	guest_sti();
	while (rdtsc() < end)
		guest_pause();
	guest_cli();
}

/* ------------------------------------------------------ one-shot, periodic */

static __guest void one_shot(u64 halt, u64 strict)
{
	u64 start, passed;
	u32 count, last;

	apic_enable();
	guest_equal(apic_read(APIC_TMCCT), 0);
	apic_write(APIC_LVTT, VECTOR);
	apic_write(APIC_TDCR, DIV_1);
	start = rdtsc();
	apic_write(APIC_TMICT, COUNT);
	guest_equal(apic_read(APIC_TMICT), COUNT);
	last = apic_read(APIC_TMCCT);
	guest_check(last && last <= COUNT);
	count = apic_read(APIC_TMCCT);
	guest_check(count <= last);
	if (halt)
		wait_n(1);
	else
		while (!LOG->n)
			spin_ms(1);
	passed = LOG->tsc - start;
	guest_check(passed >= 5 * LOG->khz);
	guest_check(passed < 4000 * LOG->khz);
	guest_equal(apic_read(APIC_TMCCT), 0);
	/* It does not come again. */
	spin_ms(20);
	guest_equal(LOG->n, 1);
	guest_equal(apic_read(APIC_TMICT), COUNT);

	/* Stopped before it comes. */
	apic_write(APIC_TMICT, COUNT);
	apic_write(APIC_TMICT, 0);
	guest_equal(apic_read(APIC_TMCCT), 0);
	spin_ms(10);
	guest_equal(LOG->n, 1);
	if (!strict)
		guest_done();
	/* Counted down while masked: nothing comes of it. */
	apic_write(APIC_LVTT, 1 << 16 | VECTOR);
	apic_write(APIC_TMICT, 1000000);
	spin_ms(5);
	apic_write(APIC_LVTT, VECTOR);
	spin_ms(5);
	guest_equal(LOG->n, 1);
	guest_done();
}

TEST_F(timer, one_shot_halted)
{
	/* kvm.ko remembers what expired while masked. */
	kv_enter(self->vcpu, one_shot, 1, kv_is_hvctl());
	ASSERT_DONE(self->vcpu);
}

TEST_F(timer, one_shot_running)
{
	kv_enter(self->vcpu, one_shot, 0, kv_is_hvctl());
	ASSERT_DONE(self->vcpu);
}

/* The divider stretches time: 1/128 of the count takes as long. */
static __guest void divided(void)
{
	u64 start;

	apic_enable();
	apic_write(APIC_LVTT, VECTOR);
	apic_write(APIC_TDCR, 0xa);
	start = rdtsc();
	apic_write(APIC_TMICT, COUNT / 128);
	guest_check(apic_read(APIC_TMCCT) <= COUNT / 128);
	wait_n(1);
	guest_check(LOG->tsc - start >= 499 * LOG->khz / 100);
	guest_check(LOG->tsc - start < 4000 * LOG->khz);
	guest_done();
}

TEST_F(timer, divided)
{
	kv_enter(self->vcpu, divided, 0, 0);
	ASSERT_DONE(self->vcpu);
}

static __guest void periodic(void)
{
	u64 start;
	u32 i;

	apic_enable();
	apic_write(APIC_TDCR, DIV_1);
	apic_write(APIC_LVTT, APIC_PERIODIC | VECTOR);
	start = rdtsc();
	apic_write(APIC_TMICT, COUNT);
	wait_n(20);
	/* No drift: never ahead of 20 periods, however late each may be. */
	guest_check(LOG->tsc - start >= 20 * 5 * LOG->khz);
	for (i = 0; i < 10; i++)
		guest_check(apic_read(APIC_TMCCT) <= COUNT);
	/* The last one, when it becomes a one-shot timer. */
	apic_write(APIC_LVTT, VECTOR);
	wait_n(21);
	spin_ms(30);
	guest_check(LOG->n <= 22);
	guest_equal(apic_read(APIC_TMCCT), 0);
	guest_done();
}

TEST_F(timer, periodic)
{
	kv_enter(self->vcpu, periodic, 0, 0);
	ASSERT_DONE(self->vcpu);
}

/* A period far too short for the host must not stop it. */
static __guest void storm(void)
{
	apic_enable();
	apic_write(APIC_TDCR, DIV_1);
	apic_write(APIC_LVTT, APIC_PERIODIC | VECTOR);
	apic_write(APIC_TMICT, 1);
	wait_n(200);
	apic_write(APIC_TMICT, 0);
	guest_done();
}

TEST_F(timer, storm)
{
	kv_enter(self->vcpu, storm, 0, 0);
	ASSERT_DONE(self->vcpu);
}

/* ------------------------------------------------------------ TSC deadline */

static __guest void deadline(void)
{
	u64 when;

	apic_enable();
	/* In another mode the MSR is dead. */
	wrmsr(MSR_TSC_DEADLINE, rdtsc() + 1000);
	guest_equal(rdmsr(MSR_TSC_DEADLINE), 0);
	apic_write(APIC_LVTT, APIC_DEADLINE | VECTOR);
	apic_write(APIC_TMICT, COUNT);
	guest_equal(apic_read(APIC_TMICT), 0);
	guest_equal(apic_read(APIC_TMCCT), 0);

	when = rdtsc() + 5 * LOG->khz;
	LOG->deadline = when;
	wrmsr(MSR_TSC_DEADLINE, when);
	guest_equal(rdmsr(MSR_TSC_DEADLINE), when);
	wait_n(1);
	guest_equal(LOG->early, 0);
	guest_check(LOG->tsc < when + 4000 * LOG->khz);
	guest_equal(rdmsr(MSR_TSC_DEADLINE), 0);

	/* Past deadlines are due at once. */
	wrmsr(MSR_TSC_DEADLINE, 1);
	guest_sti();
	guest_pause();
	guest_cli();
	guest_equal(LOG->n, 2);
	guest_equal(rdmsr(MSR_TSC_DEADLINE), 0);

	/* The end of time, which in host terms may lie in the past. */
	wrmsr(MSR_TSC_DEADLINE, ~0UL);
	guest_equal(rdmsr(MSR_TSC_DEADLINE), ~0UL);
	spin_ms(5);
	guest_equal(LOG->n, 2);

	/* Disarmed. */
	wrmsr(MSR_TSC_DEADLINE, rdtsc() + 5 * LOG->khz);
	wrmsr(MSR_TSC_DEADLINE, 0);
	guest_equal(rdmsr(MSR_TSC_DEADLINE), 0);
	spin_ms(10);
	guest_equal(LOG->n, 2);

	/* Another mode disarms, too. */
	wrmsr(MSR_TSC_DEADLINE, rdtsc() + 5 * LOG->khz);
	apic_write(APIC_LVTT, VECTOR);
	apic_write(APIC_LVTT, APIC_DEADLINE | VECTOR);
	guest_equal(rdmsr(MSR_TSC_DEADLINE), 0);
	spin_ms(10);
	guest_equal(LOG->n, 2);
	guest_done();
}

TEST_F(timer, deadline)
{
	kv_enter(self->vcpu, deadline, 0, 0);
	ASSERT_DONE(self->vcpu);
}

/* Moved later 100 times and then once earlier, it comes when it is due. */
static __guest void moved(void)
{
	u64 i, turn, when = 0;

	apic_enable();
	apic_write(APIC_LVTT, APIC_DEADLINE | VECTOR);
	for (turn = 0; turn < 10; turn++) {
		for (i = 0; i < 100; i++) {
			when = rdtsc() + (2 + i / 10) * LOG->khz;
			LOG->deadline = when;
			wrmsr(MSR_TSC_DEADLINE, when);
		}
		/* If we were not fast enough, an earlier one has come already. */
		if (apic_read(APIC_IRR + VECTOR / 32 * 16) >> VECTOR % 32 & 1)
			LOG->deadline = 0;
		wait_n(LOG->n + 1);
		guest_check(LOG->tsc < when + 4000 * LOG->khz);
		wrmsr(MSR_TSC_DEADLINE, rdtsc() + 60000 * LOG->khz);
		when = rdtsc() + 2 * LOG->khz;
		LOG->deadline = when;
		wrmsr(MSR_TSC_DEADLINE, when);
		wait_n(LOG->n + 1);
		guest_check(LOG->tsc < when + 4000 * LOG->khz);
	}
	guest_equal(LOG->early, 0);
	guest_done();
}

TEST_F(timer, moved)
{
	kv_enter(self->vcpu, moved, 0, 0);
	ASSERT_DONE(self->vcpu);
}

/* A tick that each handler sets up for the next one, asleep and awake. */
static __guest void ticking(void)
{
	u64 start = rdtsc();

	apic_enable();
	apic_write(APIC_LVTT, APIC_DEADLINE | VECTOR);
	LOG->reload = LOG->khz;
	wrmsr(MSR_TSC_DEADLINE, rdtsc() + LOG->reload);
	wait_n(100);
	guest_sti();
	while (LOG->n < 200)
		guest_pause();
	guest_cli();
	LOG->reload = 0;
	guest_check(rdtsc() - start >= 199 * LOG->khz);
	guest_equal(LOG->early, 0);
	guest_done();
}

TEST_F(timer, ticking)
{
	kv_enter(self->vcpu, ticking, 0, 0);
	ASSERT_DONE(self->vcpu);
}

/* The same on a thread that is moved from CPU to CPU. */
TEST_F(timer, ticking_on_the_move)
{
	int cpus = kv_cpus(), turn;

	if (cpus < 2)
		SKIP(return, "one CPU: nowhere to go");
	kv_enter(self->vcpu, ticking, 0, 0);
	kv_start(self->vcpu);
	for (turn = 0; turn < 60; turn++) {
		ASSERT_TRUE(kv_pin(self->vcpu->thread, turn % cpus));
		usleep(4000);
	}
	ASSERT_EQ(KV_DONE, kv_join(self->vcpu).kind)
	{
		TH_LOG("%s", kv_text(self->vcpu, &self->vcpu->last));
	}
}

/* The host sets the TSC forward: a deadline is a moment of the guest's TSC. */
static __guest void jump(void)
{
	apic_enable();
	apic_write(APIC_LVTT, APIC_DEADLINE | VECTOR);
	LOG->deadline = rdtsc() + 600000 * LOG->khz;
	wrmsr(MSR_TSC_DEADLINE, LOG->deadline);
	guest_sync(1);
	wait_n(1);
	guest_equal(LOG->early, 0);
	guest_done();
}

TEST_F(timer, tsc_set_forward)
{
	u64 tsc;

	if (!kv_is_hvctl())
		SKIP(return, "kvm.ko leaves the timer where it was");
	kv_enter(self->vcpu, jump, 0, 0);
	ASSERT_SYNC(self->vcpu, 1);
	ASSERT_EQ(0, kv_get_msr(self->vcpu, 0x10, &tsc));
	ASSERT_EQ(0, kv_set_msr(self->vcpu, 0x10, tsc + 600000 * self->log->khz));
	ASSERT_DONE(self->vcpu);
}

/* Saved and restored in the middle, a timer goes on with what is left. */
static __guest void saved(u64 mode)
{
	apic_enable();
	apic_write(APIC_TDCR, DIV_1);
	apic_write(APIC_LVTT, mode | VECTOR);
	apic_write(APIC_TMICT, 4 * COUNT);
	guest_sync(1);
	wait_n(mode ? 3 : 1);
	guest_done();
}

TEST_F(timer, restored)
{
	struct kvm_lapic_state state;
	u32 left, mode;
	struct kv_vm *vm;
	struct kv_vcpu *vcpu;
	struct kvm_regs regs;
	struct kvm_sregs sregs;

	for (mode = 0; mode <= APIC_PERIODIC; mode += APIC_PERIODIC) {
		self->log->n = 0;
		kv_enter(self->vcpu, saved, mode, 0);
		ASSERT_SYNC(self->vcpu, 1);
		/* The OUT is only done when KVM_RUN has been called again. */
		self->vcpu->run->immediate_exit = 1;
		ASSERT_EQ(EINTR, kv_run(self->vcpu));
		ASSERT_EQ(0, ioctl(self->vcpu->fd, KVM_GET_LAPIC, &state));
		memcpy(&left, state.regs + APIC_TMCCT, 4);
		EXPECT_LE(left, 4 * COUNT);
		EXPECT_GT(left, 0);

		/* The same state in another VM, which gets a copy of the RAM. */
		regs = kv_regs(self->vcpu);
		sregs = kv_sregs(self->vcpu);
		vm = kv_vm_new_irqchip(0);
		memcpy(vm->ram, self->vm->ram, vm->ram_size);
		vcpu = kv_vcpu_new(vm, 0);
		kv_set_sregs(vcpu, &sregs);
		kv_set_regs(vcpu, &regs);
		ASSERT_EQ(0, ioctl(vcpu->fd, KVM_SET_LAPIC, &state));
		ASSERT_DONE(vcpu);
		kv_vcpu_free(vcpu);
		kv_vm_free(vm);
	}
}

/* ---------------------------------------------------------------- the PIT */

#define PIT_HZ	 1193182
#define PIC1	 0x20
#define PIC_BASE 0x30

static __guest void on_pit(struct kv_frame64 *frame)
{
	(void)frame;
	LOG->tsc = rdtsc();
	LOG->n++;
	outb(PIC1, 0x20);
}

__guest_inline void pic_timer_only(void)
{
	outb(PIC1, 0x11);
	outb(PIC1 + 1, PIC_BASE);
	outb(PIC1 + 1, 4);
	outb(PIC1 + 1, 1);
	outb(PIC1 + 1, 0xfe);
}

__guest_inline void pit_load(u8 control, u16 count)
{
	outb(0x43, control);
	outb(0x40 + (control >> 6), count & 0xff);
	outb(0x40 + (control >> 6), count >> 8);
}

__guest_inline u16 pit_count(u8 channel)
{
	u16 low;

	outb(0x43, channel << 6);
	low = inb(0x40 + channel);
	return low | inb(0x40 + channel) << 8;
}

static __guest void pit(void)
{
	u64 start, i;
	u16 a, b;

	pic_timer_only();
	/* Channel 0, mode 2: 100 Hz. */
	start = rdtsc();
	pit_load(0x34, PIT_HZ / 100);
	for (i = 0; i < 20; i++)
		guest_check(pit_count(0) <= PIT_HZ / 100);
	wait_n(10);
	guest_check(LOG->tsc - start >= 99 * LOG->khz);
	/* Mode 3. */
	start = rdtsc();
	pit_load(0x36, PIT_HZ / 100);
	guest_sti(); /* one of before may be pending */
	guest_pause();
	guest_cli();
	wait_n(LOG->n + 5);
	guest_check(LOG->tsc - start >= 39 * LOG->khz);
	/* Mode 0: once. The control word alone stops it. */
	pit_load(0x30, PIT_HZ / 200);
	spin_ms(1);
	LOG->n = 0;
	pit_load(0x30, PIT_HZ / 200);
	wait_n(1);
	spin_ms(30);
	guest_equal(LOG->n, 1);

	/* Channel 2 counts while its gate is up; OUT shows in port 0x61. */
	outb(0x61, 1);
	pit_load(0xb0, 60000);
	guest_equal(inb(0x61) & 0x21, 0x01);
	a = pit_count(2);
	b = pit_count(2);
	guest_check(a <= 60000 && b <= a);
	while (!(inb(0x61) & 0x20))
		guest_pause();
	outb(0x61, 2);
	guest_equal(inb(0x61) & 3, 2);
	outb(0x61, 0);

	/* Read-back: status and count of channel 2, latched at once. */
	pit_load(0xb6, 5000);
	outb(0x43, 0xc8);
	guest_equal(inb(0x42) & 0x3f, 0x36);
	a = inb(0x42);
	a |= inb(0x42) << 8;
	guest_check(a <= 5000);
	/* LSB only. */
	outb(0x43, 0x90);
	outb(0x42, 0x12);
	outb(0x43, 0xe8); /* status */
	guest_equal(inb(0x42) & 0x3f, 0x10);
	guest_done();
}

TEST_F(timer, pit)
{
	struct kvm_pit_config config = {.flags = KVM_PIT_SPEAKER_DUMMY};
	struct kvm_reinject_control reinject = {.pit_reinject = 0};

	ASSERT_EQ(0, ioctl(self->vm->fd, KVM_CREATE_PIT2, &config));
	ASSERT_EQ(0, ioctl(self->vm->fd, KVM_REINJECT_CONTROL, &reinject));
	kv_enter(self->vcpu, pit, 0, 0);
	kv_handler(self->vm, PIC_BASE, on_pit);
	ASSERT_DONE(self->vcpu);
}

static __guest void pit_runs_on(void)
{
	wait_n(3);
	guest_done();
}

TEST_F(timer, pit_ioctls)
{
	struct kvm_pit_config config = {0};
	struct kvm_reinject_control reinject = {0};
	struct kvm_pit_state2 state, back;
	struct kv_vm *vm = kv_vm_new(0);
	struct kvm_irqchip chip = {.chip_id = KVM_IRQCHIP_PIC_MASTER};

	EXPECT_ERRNO(ENOENT, ioctl(vm->fd, KVM_CREATE_PIT2, &config));
	kv_vm_free(vm);
	vm = self->vm;
	EXPECT_ERRNO(ENXIO, ioctl(vm->fd, KVM_GET_PIT2, &state));
	EXPECT_ERRNO(ENXIO, ioctl(vm->fd, KVM_SET_PIT2, &state));
	EXPECT_ERRNO(ENXIO, ioctl(vm->fd, KVM_REINJECT_CONTROL, &reinject));
	EXPECT_ERRNO(EFAULT, ioctl(vm->fd, KVM_CREATE_PIT2, 8));
	ASSERT_EQ(0, ioctl(vm->fd, KVM_CREATE_PIT2, &config));
	EXPECT_ERRNO(EEXIST, ioctl(vm->fd, KVM_CREATE_PIT2, &config));
	EXPECT_EQ(0, ioctl(vm->fd, KVM_REINJECT_CONTROL, &reinject));

	ASSERT_EQ(0, ioctl(vm->fd, KVM_GET_PIT2, &state));
	EXPECT_EQ(1, state.channels[0].gate);
	EXPECT_EQ(0, state.channels[2].gate);
	/* Channel 0 ticks at 200 Hz from here on. */
	state.channels[0].mode = 2;
	state.channels[0].rw_mode = 3;
	state.channels[0].count = PIT_HZ / 200;
	state.channels[2].mode = 3;
	state.channels[2].count = 1000;
	ASSERT_EQ(0, ioctl(vm->fd, KVM_SET_PIT2, &state));
	ASSERT_EQ(0, ioctl(vm->fd, KVM_GET_PIT2, &back));
	EXPECT_EQ(PIT_HZ / 200, back.channels[0].count);
	EXPECT_EQ(3, back.channels[2].mode);
	EXPECT_EQ(1000, back.channels[2].count);

	chip.chip.pic.irq_base = PIC_BASE;
	chip.chip.pic.imr = 0xfe;
	ASSERT_EQ(0, ioctl(vm->fd, KVM_SET_IRQCHIP, &chip));
	kv_enter(self->vcpu, pit_runs_on, 0, 0);
	kv_handler(vm, PIC_BASE, on_pit);
	ASSERT_DONE(self->vcpu);

	/* Nonsense is taken or refused, and the VM goes on and away. */
	memset(&state, 0xff, sizeof(state));
	ioctl(vm->fd, KVM_SET_PIT2, &state);
	ioctl(vm->fd, KVM_GET_PIT2, &state);
	memset(&state, 0, sizeof(state));
	ioctl(vm->fd, KVM_SET_PIT2, &state);
}

TEST_HARNESS_MAIN
