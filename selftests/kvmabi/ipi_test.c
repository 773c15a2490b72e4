// SPDX-License-Identifier: GPL-2.0
/*
 * Who an interrupt message is for: physical and logical destinations in the
 * flat and cluster models and in x2APIC mode, broadcast, shorthands, lowest
 * priority, NMI and SIPI; sent by a vCPU's ICR and as MSIs.
 *
 * lab: smp=2 vmx
 */
#include "guest.h"
#include "harness.h"

#define VCPUS  4
#define VECTOR 0x51
#define NMI    2

#define LOGICAL	     0x800
#define LOWEST	     0x100
#define SHORT_ALL    (2U << 18)
#define SHORT_OTHERS (3U << 18)

enum { FLAT, CLUSTER, X2APIC };

struct shared {
	u64 model;
	u64 online;
	u64 total;
	u64 nmis;
	u64 stop;
	u64 count[VCPUS];
};

#define SHARED ((volatile struct shared *)KV_DATA)

FIXTURE(ipi)
{
	struct kv_vm *vm;
	struct kv_vcpu *vcpu[VCPUS];
	volatile struct shared *shared;
};

FIXTURE_VARIANT(ipi)
{
	u64 model;
};

FIXTURE_VARIANT_ADD(ipi, flat){.model = FLAT};
FIXTURE_VARIANT_ADD(ipi, cluster){.model = CLUSTER};
FIXTURE_VARIANT_ADD(ipi, x2apic){.model = X2APIC};

__guest_inline u32 my_id(void)
{
	u32 a, b, c, d;

	cpuid(1, 0, &a, &b, &c, &d);
	return b >> 24;
}

__guest_inline void atomic_inc(volatile u64 *word)
{
	asm volatile("lock incq %0" : "+m"(*word) : : "memory");
}

static __guest void on_ipi(struct kv_frame64 *frame)
{
	if (irq_made_up(frame))
		return;
	SHARED->count[my_id()]++;
	if (SHARED->model == X2APIC)
		wrmsr(MSR_X2APIC(APIC_EOI), 0);
	else
		apic_eoi();
	atomic_inc(&SHARED->total);
}

static __guest void on_nmi(struct kv_frame64 *frame)
{
	(void)frame;
	atomic_inc(&SHARED->nmis);
}

/* Logical ids: in cluster mode vCPUs 0 and 1 are cluster 0, 2 and 3 cluster 1. */
__guest_inline u32 logical_id(u32 id)
{
	if (SHARED->model == X2APIC)
		return 1U << id;
	if (SHARED->model == CLUSTER)
		return (id / 2) << 4 | 1U << id % 2;
	return 1U << id;
}

__guest_inline void setup(u32 id)
{
	if (SHARED->model == X2APIC) {
		wrmsr(MSR_APIC_BASE, rdmsr(MSR_APIC_BASE) | 0xc00);
		wrmsr(MSR_X2APIC(APIC_SPIV), 0x1ff);
		guest_equal(rdmsr(MSR_X2APIC(0xd0)), logical_id(id));
		return;
	}
	apic_write(0xe0, SHARED->model == CLUSTER ? 0x0fffffff : 0xffffffff);
	apic_write(0xd0, logical_id(id) << 24);
	apic_enable();
}

static __guest void ap_main(u64 id)
{
	setup((u32)id);
	atomic_inc(&SHARED->online);
	while (!SHARED->stop)
		guest_sti_hlt();
	guest_done();
}

__guest_inline void send(u32 dest, u32 icr)
{
	if (SHARED->model == X2APIC) {
		wrmsr(MSR_X2APIC(APIC_ICR), (u64)dest << 32 | 0x4000 | icr);
	} else {
		apic_write(APIC_ICR2, dest << 24);
		apic_write(APIC_ICR, 0x4000 | icr);
	}
}

__guest_inline void bsp_start(void)
{
	apic_start_others();
	while (SHARED->online < VCPUS - 1)
		guest_pause();
	setup(0);
	guest_sti();
}

/* Exactly those in mask get one each. */
__guest_inline void expect_ipis(u32 dest, u32 icr, u32 mask, int line)
{
	u64 before[VCPUS], n = 0, total = SHARED->total, i;

	for (i = 0; i < VCPUS; i++) {
		before[i] = SHARED->count[i];
		n += mask >> i & 1;
	}
	send(dest, icr | VECTOR);
	while (SHARED->total < total + n)
		guest_pause();
	for (i = 0; i < 100; i++)
		guest_pause();
	for (i = 0; i < VCPUS; i++)
		if (SHARED->count[i] != before[i] + (mask >> i & 1))
			guest_report(KV_PORT_ABORT, (u32)line, dest, i);
}

#define EXPECT_IPIS(dest, icr, mask) expect_ipis(dest, icr, mask, __LINE__)

static __guest void destinations(void)
{
	u32 all = SHARED->model == X2APIC ? ~0U : 0xff, i;

	bsp_start();
	for (i = 0; i < VCPUS; i++)
		EXPECT_IPIS(i, 0, 1U << i);
	EXPECT_IPIS(VCPUS, 0, 0);
	EXPECT_IPIS(200, 0, 0);
	EXPECT_IPIS(all, 0, 0xf);
	for (i = 0; i < VCPUS; i++)
		EXPECT_IPIS(logical_id(i), LOGICAL, 1U << i);
	EXPECT_IPIS(all, LOGICAL, 0xf);
	switch (SHARED->model) {
	case FLAT:
		EXPECT_IPIS(0x0a, LOGICAL, 0x0a);
		EXPECT_IPIS(0xf0, LOGICAL, 0);
		break;
	case CLUSTER:
		EXPECT_IPIS(0x03, LOGICAL, 0x3);
		EXPECT_IPIS(0x13, LOGICAL, 0xc);
		EXPECT_IPIS(0x23, LOGICAL, 0);
		break;
	default:
		EXPECT_IPIS(0x0000000a, LOGICAL, 0xa);
		EXPECT_IPIS(0x0001000f, LOGICAL, 0);
		/* 255 is an id like any other. */
		EXPECT_IPIS(0xff, 0, 0);
	}
	EXPECT_IPIS(0, SHORT_ALL, 0xf);
	EXPECT_IPIS(0, SHORT_OTHERS, 0xe);
	EXPECT_IPIS(3, 1U << 18, 1);
	guest_sync(1);
	guest_done();
}

/* Each goes to one CPU; all take part. */
static __guest void lowest(void)
{
	u64 i, seen = 0;

	bsp_start();
	for (i = 1; i <= 64; i++) {
		send(SHARED->model == CLUSTER ? 0xff : 0x0f, LOGICAL | LOWEST | VECTOR);
		while (SHARED->total < i)
			guest_pause();
	}
	guest_equal(SHARED->total, 64);
	for (i = 0; i < VCPUS; i++)
		seen += SHARED->count[i];
	guest_equal(seen, 64);
	guest_sync(1);
	guest_done();
}

static __guest void nmis(void)
{
	u64 i;

	bsp_start();
	for (i = 1; i <= 5; i++) {
		send(2, 0x400);
		while (SHARED->nmis < i)
			guest_pause();
	}
	/* To a CPU that runs, a SIPI and INIT level de-assert are nothing. */
	send(1, 0x600 | KV_AP_CODE >> 12);
	if (SHARED->model != X2APIC) {
		apic_write(APIC_ICR2, 1 << 24);
		apic_write(APIC_ICR, 0x8500);
	}
	EXPECT_IPIS(1, 0, 2);
	guest_equal(SHARED->online, VCPUS - 1);
	guest_sync(1);
	guest_done();
}

static __guest void msis(void)
{
	bsp_start();
	guest_sync(1);
	while (!SHARED->stop)
		guest_pause();
	guest_done();
}

FIXTURE_SETUP(ipi)
{
	int i;

	self->vm = kv_vm_new_irqchip(0);
	for (i = 0; i < VCPUS; i++)
		self->vcpu[i] = kv_vcpu_new(self->vm, (u32)i);
	self->shared = kv_gpa(self->vm, KV_DATA, sizeof(struct shared));
	self->shared->model = variant->model;
	kv_enter(self->vcpu[0], msis, 0, 0);
	kv_ap_entry(self->vm, ap_main);
	kv_handler(self->vm, VECTOR, on_ipi);
	kv_handler(self->vm, NMI, on_nmi);
	for (i = 1; i < VCPUS; i++)
		kv_start(self->vcpu[i]);
}

FIXTURE_TEARDOWN(ipi)
{
	struct kv_report report;
	int i;

	/* The APs end by themselves once they are woken. */
	self->shared->stop = 1;
	kv_msi(self->vm, APIC_BASE | 0xff000, VECTOR);
	for (i = 1; i < VCPUS; i++) {
		kv_kick(self->vcpu[i]);
		report = kv_join(self->vcpu[i]);
		EXPECT_TRUE(report.kind == KV_DONE || report.kind == KV_EINTR)
		{
			TH_LOG("vCPU %d: %s", i, kv_text(self->vcpu[i], &report));
		}
	}
	for (i = 0; i < VCPUS; i++)
		kv_vcpu_free(self->vcpu[i]);
	kv_vm_free(self->vm);
}

TEST_F(ipi, destinations)
{
	kv_enter(self->vcpu[0], destinations, 0, 0);
	ASSERT_SYNC(self->vcpu[0], 1);
}

TEST_F(ipi, lowest_priority)
{
	int i, takers = 0;

	kv_enter(self->vcpu[0], lowest, 0, 0);
	ASSERT_SYNC(self->vcpu[0], 1);
	for (i = 0; i < VCPUS; i++)
		takers += self->shared->count[i] > 0;
	/* kvm.ko has the vector choose. */
	if (kv_is_hvctl())
		EXPECT_LT(1, takers);
}

TEST_F(ipi, nmi)
{
	kv_enter(self->vcpu[0], nmis, 0, 0);
	ASSERT_SYNC(self->vcpu[0], 1);
}

static bool wait_total(volatile struct shared *shared, u64 total)
{
	int i;

	for (i = 0; i < 20000 && shared->total < total; i++)
		usleep(1000);
	usleep(10000);
	return shared->total == total;
}

TEST_F(ipi, msi)
{
	struct kv_report report;
	u64 i;

	kv_enter(self->vcpu[0], msis, 0, 0);
	ASSERT_SYNC(self->vcpu[0], 1);
	kv_start(self->vcpu[0]);
	for (i = 0; i < VCPUS; i++) {
		ASSERT_EQ(1, kv_msi(self->vm, APIC_BASE | i << 12, VECTOR));
		ASSERT_TRUE(wait_total(self->shared, i + 1));
		ASSERT_EQ(1, self->shared->count[i]);
	}
	EXPECT_EQ(VCPUS, kv_msi(self->vm, APIC_BASE | 0xff000, VECTOR));
	ASSERT_TRUE(wait_total(self->shared, 2 * VCPUS));
	for (i = 0; i < VCPUS; i++)
		EXPECT_EQ(2, self->shared->count[i]);
	/* Logical (bit 2), to vCPUs 0 and 1; with the hint (bit 3), to one. */
	EXPECT_EQ(2, kv_msi(self->vm, APIC_BASE | 3 << 12 | 4, VECTOR));
	ASSERT_TRUE(wait_total(self->shared, 2 * VCPUS + 2));
	EXPECT_EQ(3, self->shared->count[0]);
	EXPECT_EQ(3, self->shared->count[1]);
	EXPECT_EQ(1, kv_msi(self->vm, APIC_BASE | 3 << 12 | 0xc, VECTOR));
	ASSERT_TRUE(wait_total(self->shared, 2 * VCPUS + 3));
	EXPECT_EQ(7, self->shared->count[0] + self->shared->count[1]);
	EXPECT_EQ(1, kv_msi(self->vm, APIC_BASE | 2 << 12, 0x400));
	for (i = 0; i < 1000 && !self->shared->nmis; i++)
		usleep(1000);
	EXPECT_EQ(1, self->shared->nmis);
	self->shared->stop = 1;
	report = kv_join(self->vcpu[0]);
	EXPECT_EQ(KV_DONE, report.kind)
	{
		TH_LOG("%s", kv_text(self->vcpu[0], &report));
	}
}

TEST_HARNESS_MAIN
