// SPDX-License-Identifier: GPL-2.0
/*
 * Several vCPUs: bring-up by INIT and SIPI, IPIs, TLB shootdown, and vCPUs
 * that move between host CPUs. The guest's threads share as few host CPUs as
 * there are: whoever waits for another sleeps in HLT.
 *
 * lab: smp=2 timeout=300
 */
#include "guest.h"

#include <sched.h>

#include "harness.h"

#define MAX_VCPUS 4

#define VEC_PING 0x50
#define VEC_PONG 0x51
#define VEC_TLB	 0x52
#define VEC_WAKE 0x53

/* What the guests' CPUs share, at KV_DATA; each word in a cache line. */
struct shared {
	u64 online __attribute__((aligned(64)));
	u64 ping __attribute__((aligned(64)));
	u64 pong __attribute__((aligned(64)));
	u64 acks __attribute__((aligned(64)));
	u64 errors __attribute__((aligned(64)));
	u64 stop __attribute__((aligned(64)));
	u64 expected __attribute__((aligned(64)));
	u64 count[MAX_VCPUS] __attribute__((aligned(64)));
};

#define SHARED ((volatile struct shared *)KV_DATA)
/* A virtual page that the guest maps to one of two frames. */
#define WINDOW	  0x600000UL
#define FRAME(n)  (KV_DATA + 0x10000 + (n)*0x1000UL)
#define ROUNDS	  100
#define TLB_TURNS 60

FIXTURE(smp)
{
	struct kv_vm *vm;
	struct kv_vcpu *vcpu[MAX_VCPUS];
	int n;
};

FIXTURE_VARIANT(smp)
{
	int vcpus;
};

FIXTURE_VARIANT_ADD(smp, two){.vcpus = 2};
FIXTURE_VARIANT_ADD(smp, four){.vcpus = 4};

FIXTURE_SETUP(smp)
{
	int i;

	self->vm = kv_vm_new_irqchip(0);
	self->n = variant->vcpus;
	for (i = 0; i < self->n; i++)
		self->vcpu[i] = kv_vcpu_new(self->vm, (u32)i);
}

FIXTURE_TEARDOWN(smp)
{
	int i;

	for (i = 0; i < self->n; i++)
		kv_vcpu_free(self->vcpu[i]);
	kv_vm_free(self->vm);
}

__guest_inline void atomic_inc(volatile u64 *word)
{
	asm volatile("lock incq %0" : "+m"(*word) : : "memory");
}

/* Sleep until the word has the value; every change comes with an IPI. */
__guest_inline void wait_for(volatile u64 *word, u64 value)
{
	guest_cli();
	while (*word != value)
		guest_sti_hlt(), guest_cli();
	guest_sti();
}

/* ------------------------------------------------------------- interrupts */

static __guest void on_wake(struct kv_frame64 *frame)
{
	(void)frame;
	apic_eoi();
}

static __guest void on_ping(struct kv_frame64 *frame)
{
	if (irq_made_up(frame))
		return;
	apic_eoi();
	SHARED->ping++;
	apic_ipi(0, VEC_PONG);
}

static __guest void on_pong(struct kv_frame64 *frame)
{
	if (irq_made_up(frame))
		return;
	apic_eoi();
	SHARED->pong++;
}

static __guest void on_tlb(struct kv_frame64 *frame)
{
	if (irq_made_up(frame))
		return;
	invlpg(WINDOW);
	if (*(volatile u64 *)WINDOW != SHARED->expected)
		atomic_inc(&SHARED->errors);
	atomic_inc(&SHARED->acks);
	apic_eoi();
	apic_ipi(0, VEC_WAKE);
}

/* APs: say so, then sleep and serve interrupts. */
static __guest void ap_main(u64 id)
{
	apic_enable();
	/* Fill the TLB before anybody changes what it must not keep. */
	if (*(volatile u64 *)WINDOW == ~0UL)
		atomic_inc(&SHARED->errors);
	SHARED->count[id] = 1;
	atomic_inc(&SHARED->online);
	apic_ipi(0, VEC_WAKE);
	for (;;)
		guest_sti_hlt();
}

__guest_inline void start_aps(u64 n)
{
	apic_enable();
	guest_sti();
	apic_start_others();
	wait_for(&SHARED->online, n - 1);
}

static void prepare(struct kv_vm *vm, struct kv_vcpu *boot, const void *fn, u64 n, u64 arg)
{
	kv_enter(boot, fn, n, arg);
	kv_map(vm, WINDOW, FRAME(0), 4096, KV_PTE_P | KV_PTE_W);
	kv_ap_entry(vm, ap_main);
	kv_handler(vm, VEC_PING, on_ping);
	kv_handler(vm, VEC_PONG, on_pong);
	kv_handler(vm, VEC_TLB, on_tlb);
	kv_handler(vm, VEC_WAKE, on_wake);
}

/* Run all but the boot vCPU on threads; they end when they are kicked. */
static void start_threads(struct kv_vcpu **vcpu, int n)
{
	int i;

	for (i = 1; i < n; i++)
		kv_start(vcpu[i]);
}

static void stop_threads(struct __test_metadata *_metadata, struct kv_vcpu **vcpu, int n)
{
	struct kv_report report;
	int i;

	for (i = 1; i < n; i++) {
		kv_kick(vcpu[i]);
		report = kv_join(vcpu[i]);
		EXPECT_EQ(KV_EINTR, report.kind)
		{
			TH_LOG("vCPU %d: %s", i, kv_text(vcpu[i], &report));
		}
	}
}

/* -------------------------------------------------------------- bring-up */

static __guest void bring_up(u64 n)
{
	start_aps(n);
	guest_sync2(1, SHARED->online, SHARED->errors);
	guest_done();
}

static u32 mp_state(struct kv_vcpu *vcpu)
{
	struct kvm_mp_state state = {~0U};

	ioctl(vcpu->fd, KVM_GET_MP_STATE, &state);
	return state.mp_state;
}

TEST_F(smp, bring_up)
{
	struct shared *shared = kv_gpa(self->vm, KV_DATA, sizeof(*shared));
	int i;

	EXPECT_EQ(KVM_MP_STATE_RUNNABLE, mp_state(self->vcpu[0]));
	for (i = 1; i < self->n; i++)
		EXPECT_EQ(KVM_MP_STATE_UNINITIALIZED, mp_state(self->vcpu[i]));
	prepare(self->vm, self->vcpu[0], bring_up, (u64)self->n, 0);
	start_threads(self->vcpu, self->n);
	ASSERT_SYNC(self->vcpu[0], 1);
	EXPECT_EQ(self->n - 1, self->vcpu[0]->last.a);
	EXPECT_EQ(0, self->vcpu[0]->last.b);
	for (i = 1; i < self->n; i++)
		EXPECT_EQ(1, shared->count[i]);
	ASSERT_DONE(self->vcpu[0]);
	stop_threads(_metadata, self->vcpu, self->n);
}

/* INIT stops a running AP wherever it is, and a new SIPI starts it afresh. */
static __guest void restart(u64 n)
{
	u64 i;

	start_aps(n);
	for (i = 0; i < 5; i++) {
		SHARED->online = 0;
		apic_start_others();
		wait_for(&SHARED->online, n - 1);
	}
	guest_sync2(1, SHARED->online, SHARED->errors);
	guest_done();
}

TEST_F(smp, init_again)
{
	prepare(self->vm, self->vcpu[0], restart, (u64)self->n, 0);
	start_threads(self->vcpu, self->n);
	ASSERT_SYNC(self->vcpu[0], 1);
	EXPECT_EQ(0, self->vcpu[0]->last.b);
	ASSERT_DONE(self->vcpu[0]);
	stop_threads(_metadata, self->vcpu, self->n);
}

/* ------------------------------------------------------------------- IPIs */

static __guest void ping_pong(u64 n)
{
	u64 i;

	start_aps(n);
	for (i = 1; i <= ROUNDS; i++) {
		apic_ipi(1 + (u32)(i % (n - 1)), VEC_PING);
		wait_for(&SHARED->pong, i);
		guest_equal(SHARED->ping, i);
	}
	guest_done();
}

TEST_F(smp, ping_pong)
{
	prepare(self->vm, self->vcpu[0], ping_pong, (u64)self->n, 0);
	start_threads(self->vcpu, self->n);
	ASSERT_DONE(self->vcpu[0]);
	stop_threads(_metadata, self->vcpu, self->n);
}

/* --------------------------------------------------------- TLB shootdown */

static __guest void shoot_down(u64 n, u64 pte)
{
	u64 i;

	*(volatile u64 *)FRAME(0) = 100;
	*(volatile u64 *)FRAME(1) = 101;
	start_aps(n);
	for (i = 1; i <= TLB_TURNS; i++) {
		*(volatile u64 *)pte = FRAME(i & 1) | 3;
		invlpg(WINDOW);
		SHARED->expected = 100 + (i & 1);
		SHARED->acks = 0;
		apic_write(APIC_ICR, 3 << 18 | 0x4000 | VEC_TLB); /* all but us */
		wait_for(&SHARED->acks, n - 1);
		guest_equal(*(volatile u64 *)WINDOW, SHARED->expected);
	}
	guest_sync2(1, SHARED->errors, 0);
	guest_done();
}

/* The guest address of the PTE of WINDOW. */
static u64 window_pte(struct kv_vm *vm)
{
	u64 table = vm->cr3;
	int level;

	for (level = 3; level > 0; level--)
		table = *(u64 *)kv_gpa(vm, table + (WINDOW >> (12 + 9 * level) & 511) * 8, 8) &
			0xfffffffff000UL;
	return table + (WINDOW >> 12 & 511) * 8;
}

TEST_F(smp, tlb_shootdown)
{
	struct kvm_regs regs;

	prepare(self->vm, self->vcpu[0], shoot_down, (u64)self->n, 0);
	regs = kv_regs(self->vcpu[0]);
	regs.rsi = window_pte(self->vm);
	kv_set_regs(self->vcpu[0], &regs);
	start_threads(self->vcpu, self->n);
	ASSERT_SYNC(self->vcpu[0], 1);
	EXPECT_EQ(0, self->vcpu[0]->last.a);
	ASSERT_DONE(self->vcpu[0]);
	stop_threads(_metadata, self->vcpu, self->n);
}

/* -------------------------------------------------------------- migration */

/*
 * Each vCPU checks that its registers, TSC and FPU follow it: a number stays
 * in XMM5 for all of the loop.
 */
static __guest void keep_state(u64 id)
{
	volatile u64 *count = &SHARED->count[id];
	u64 tsc = rdtsc(), now, seen, mark = 0x1122334400 + id;

	asm volatile("movq %0, %%xmm5" : : "r"(mark));
	while (!SHARED->stop) {
		u32 a, b, c, d;

		now = rdtsc();
		guest_check(now >= tsc);
		tsc = now;
		cpuid(1, 0, &a, &b, &c, &d);
		guest_equal(b >> 24, id);
		asm volatile("movq %%xmm5, %0" : "=r"(seen));
		guest_equal(seen, mark);
		++*count;
	}
	guest_done();
}

TEST_F(smp, migration)
{
	volatile struct shared *shared = kv_gpa(self->vm, KV_DATA, sizeof(*shared));
	struct kvm_mp_state runnable = {KVM_MP_STATE_RUNNABLE};
	int cpus = kv_cpus(), i, turn;
	struct kv_report report;
	u64 before[MAX_VCPUS];

	if (cpus < 2)
		SKIP(return, "one CPU: nowhere to go");
	for (i = 0; i < self->n; i++) {
		kv_enter(self->vcpu[i], keep_state, (u64)i, 0);
		ASSERT_EQ(0, ioctl(self->vcpu[i]->fd, KVM_SET_MP_STATE, &runnable));
		kv_start(self->vcpu[i]);
	}
	for (turn = 0; turn < 200; turn++) {
		for (i = 0; i < self->n; i++)
			ASSERT_TRUE(kv_pin(self->vcpu[i]->thread, (turn + i) % cpus));
		usleep(5000);
	}
	for (i = 0; i < self->n; i++)
		before[i] = shared->count[i];
	usleep(500000);
	for (i = 0; i < self->n; i++)
		EXPECT_GT(shared->count[i], before[i]);
	shared->stop = 1;
	for (i = 0; i < self->n; i++) {
		report = kv_join(self->vcpu[i]);
		EXPECT_EQ(KV_DONE, report.kind)
		{
			TH_LOG("vCPU %d: %s", i, kv_text(self->vcpu[i], &report));
		}
	}
}

TEST_HARNESS_MAIN
