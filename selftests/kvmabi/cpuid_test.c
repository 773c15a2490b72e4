// SPDX-License-Identifier: GPL-2.0
/*
 * CPUID: the entries user space sets are what the guest sees, with the bits
 * the guest's own doings make, and leaves nobody set read as the vendor
 * defines.
 *
 * lab: svm-bochs
 */
#include <stdlib.h>
#include <string.h>

#include "guest.h"
#include "harness.h"

#define MAX_ENTRIES 256

/* What the guest found for one leaf. */
struct answer {
	u32 eax, ebx, ecx, edx;
};

__guest static void ask(const u32 *leaves, struct answer *answers)
{
	for (; *leaves != ~0U; leaves += 2, answers++)
		cpuid(leaves[0], leaves[1], &answers->eax, &answers->ebx, &answers->ecx,
		      &answers->edx);
	guest_done();
}

FIXTURE(cpuid)
{
	struct kv_vm *vm;
	struct kv_vcpu *vcpu;
	struct kvm_cpuid2 *cpuid;
	struct answer *answers;
};

FIXTURE_SETUP(cpuid)
{
	self->vm = kv_vm_new_irqchip(0);
	self->vcpu = kv_vcpu_new(self->vm, 0);
	self->cpuid = calloc(1, sizeof(*self->cpuid) +
					(MAX_ENTRIES + 1) * sizeof(self->cpuid->entries[0]));
	self->answers = kv_gpa(self->vm, KV_DATA + 0x1000, 0x1000);
}

FIXTURE_TEARDOWN(cpuid)
{
	free(self->cpuid);
	kv_vcpu_free(self->vcpu);
	kv_vm_free(self->vm);
}

static void add(struct kvm_cpuid2 *cpuid, u32 leaf, u32 sub, u32 flags, u32 eax, u32 ebx, u32 ecx,
		u32 edx)
{
	cpuid->entries[cpuid->nent++] = (struct kvm_cpuid_entry2){
		.function = leaf,
		.index = sub,
		.flags = flags,
		.eax = eax,
		.ebx = ebx,
		.ecx = ecx,
		.edx = edx,
	};
}

#define SUBLEAF KVM_CPUID_FLAG_SIGNIFCANT_INDEX

/* A CPU of this vendor with 64-bit mode and a few made-up leaves. */
static void made_up_cpu(struct kvm_cpuid2 *cpuid, const char *vendor)
{
	u32 v[3];

	memcpy(v, vendor, sizeof(v));
	cpuid->nent = 0;
	add(cpuid, 0x0, 0, 0, 0x10, v[0], v[2], v[1]);
	add(cpuid, 0x1, 0, 0, 0xf61, 0x12340800, 0x80002000, 0x0783fbff);
	add(cpuid, 0x4, 0, SUBLEAF, 0x121, 0x40, 0x41, 0x42);
	add(cpuid, 0x4, 1, SUBLEAF, 0x122, 0x50, 0x51, 0x52);
	add(cpuid, 0x10, 0, 0, 0x1010, 0x2020, 0x3030, 0x4040);
	add(cpuid, 0x80000000, 0, 0, 0x80000008, 0, 0, 0);
	add(cpuid, 0x80000001, 0, 0, 0, 0, 0x1, 0x2193fbff);
	add(cpuid, 0x80000008, 0, 0, 0x3028, 0, 0, 0);
	add(cpuid, 0x40000000, 0, 0, 0x40000100, 0x11, 0x22, 0x33);
	add(cpuid, 0x40000100, 0, 0, 0xa, 0xb, 0xc, 0xd);
}

static void run_guest(struct __test_metadata *_metadata, struct kv_vm *vm, struct kv_vcpu *vcpu,
		      const u32 *leaves, size_t size)
{
	memcpy(kv_gpa(vm, KV_DATA, size), leaves, size);
	kv_enter(vcpu, ask, KV_DATA, KV_DATA + 0x1000);
	ASSERT_DONE(vcpu);
}

#define EXPECT_ANSWER(i, a, b, c, d)                                                               \
	do {                                                                                       \
		EXPECT_EQ(a, self->answers[i].eax);                                                \
		EXPECT_EQ(b, self->answers[i].ebx);                                                \
		EXPECT_EQ(c, self->answers[i].ecx);                                                \
		EXPECT_EQ(d, self->answers[i].edx);                                                \
	} while (0)

TEST_F(cpuid, amd)
{
	static const u32 leaves[] = {
		0x10,
		0,
		0x4,
		0,
		0x4,
		1,
		0x4,
		7,
		/* absent: inside the range, above it, of no range at all */
		0x3,
		0,
		0x11,
		0,
		0x12345,
		0,
		0x80000002,
		0,
		0x80000009,
		0,
		0x90000000,
		0,
		0x40000000,
		0,
		0x40000100,
		0,
		0x40000010,
		0,
		0x10,
		55,
		~0U,
		0,
	};
	int i;

	made_up_cpu(self->cpuid, "AuthenticAMD");
	kv_set_cpuid(self->vcpu, self->cpuid);
	run_guest(_metadata, self->vm, self->vcpu, leaves, sizeof(leaves));
	EXPECT_ANSWER(0, 0x1010, 0x2020, 0x3030, 0x4040);
	EXPECT_ANSWER(1, 0x121, 0x40, 0x41, 0x42);
	EXPECT_ANSWER(2, 0x122, 0x50, 0x51, 0x52);
	for (i = 3; i < 10; i++)
		EXPECT_ANSWER(i, 0, 0, 0, 0);
	EXPECT_ANSWER(10, 0x40000100, 0x11, 0x22, 0x33);
	EXPECT_ANSWER(11, 0xa, 0xb, 0xc, 0xd);
	EXPECT_ANSWER(12, 0, 0, 0, 0);
	/* No subleaves: ECX is ignored. */
	EXPECT_ANSWER(13, 0x1010, 0x2020, 0x3030, 0x4040);
}

TEST_F(cpuid, intel)
{
	static const u32 leaves[] = {
		0x3, 0, 0x11, 0, 0x12345, 0, 0x80000002, 0, 0x80000009, 0, ~0U, 0,
	};

	made_up_cpu(self->cpuid, "GenuineIntel");
	kv_set_cpuid(self->vcpu, self->cpuid);
	run_guest(_metadata, self->vm, self->vcpu, leaves, sizeof(leaves));
	EXPECT_ANSWER(0, 0, 0, 0, 0);
	/* Above the highest basic leaf: the data of that one. */
	EXPECT_ANSWER(1, 0x1010, 0x2020, 0x3030, 0x4040);
	EXPECT_ANSWER(2, 0x1010, 0x2020, 0x3030, 0x4040);
	EXPECT_ANSWER(3, 0, 0, 0, 0);
	EXPECT_ANSWER(4, 0x1010, 0x2020, 0x3030, 0x4040);
}

TEST_F(cpuid, topology_levels)
{
	static const u32 leaves[] = {0xb, 0, 0xb, 1, 0xb, 2, ~0U, 0};

	made_up_cpu(self->cpuid, "GenuineIntel");
	add(self->cpuid, 0xb, 0, SUBLEAF, 1, 2, 0x100, 0);
	add(self->cpuid, 0xb, 1, SUBLEAF, 4, 8, 0x201, 0);
	kv_set_cpuid(self->vcpu, self->cpuid);
	run_guest(_metadata, self->vm, self->vcpu, leaves, sizeof(leaves));
	EXPECT_ANSWER(0, 1, 2, 0x100, 0);
	EXPECT_ANSWER(1, 4, 8, 0x201, 0);
	/* A level that does not exist tells its number and the x2APIC id. */
	EXPECT_ANSWER(2, 0, 0, 2, 0);
}

TEST_F(cpuid, get_is_what_was_set)
{
	struct kvm_cpuid2 *got = calloc(1, sizeof(*got) + MAX_ENTRIES * sizeof(got->entries[0]));
	u32 i;

	made_up_cpu(self->cpuid, "AuthenticAMD");
	kv_set_cpuid(self->vcpu, self->cpuid);
	got->nent = MAX_ENTRIES;
	ASSERT_EQ(0, ioctl(self->vcpu->fd, KVM_GET_CPUID2, got));
	ASSERT_EQ(self->cpuid->nent, got->nent);
	for (i = 0; i < got->nent; i++) {
		EXPECT_EQ(self->cpuid->entries[i].function, got->entries[i].function);
		EXPECT_EQ(self->cpuid->entries[i].index, got->entries[i].index);
		EXPECT_EQ(self->cpuid->entries[i].ebx, got->entries[i].ebx);
	}
	got->nent = 3;
	EXPECT_ERRNO(E2BIG, ioctl(self->vcpu->fd, KVM_GET_CPUID2, got));
	if (kv_is_hvctl()) /* kvm does not tell how many there are */
		EXPECT_EQ(self->cpuid->nent, got->nent);
	EXPECT_ERRNO(EFAULT, ioctl(self->vcpu->fd, KVM_GET_CPUID2, NULL));
	free(got);
}

TEST_F(cpuid, set_errors)
{
	EXPECT_ERRNO(EFAULT, ioctl(self->vcpu->fd, KVM_SET_CPUID2, NULL));
	self->cpuid->nent = MAX_ENTRIES + 1;
	EXPECT_ERRNO(E2BIG, ioctl(self->vcpu->fd, KVM_SET_CPUID2, self->cpuid));
	/* No CPU has linear addresses of 50 bits. */
	made_up_cpu(self->cpuid, "AuthenticAMD");
	self->cpuid->entries[7].eax = 0x3228;
	EXPECT_ERRNO(EINVAL, ioctl(self->vcpu->fd, KVM_SET_CPUID2, self->cpuid));
	self->cpuid->entries[7].eax = 0x3028;
	EXPECT_EQ(0, ioctl(self->vcpu->fd, KVM_SET_CPUID2, self->cpuid));
}

/* CR4.OSXSAVE, XCR0, the APIC's enable bit show in CPUID as they change. */
__guest static void dynamic_bits(void)
{
	u32 a, b, c, d;

	cpuid(1, 0, &a, &b, &c, &d);
	guest_equal(c >> 27 & 1, 0);
	guest_equal(d >> 9 & 1, 1);
	write_cr4(read_cr4() | 1 << 18);
	cpuid(1, 0, &a, &b, &c, &d);
	guest_equal(c >> 27 & 1, 1);
	cpuid(0xd, 0, &a, &b, &c, &d);
	guest_equal(b, 576);
	asm volatile("xsetbv" : : "a"(7), "d"(0), "c"(0));
	cpuid(0xd, 0, &a, &b, &c, &d);
	guest_equal(b, 832);
	asm volatile("xsetbv" : : "a"(3), "d"(0), "c"(0));
	cpuid(0xd, 0, &a, &b, &c, &d);
	guest_equal(b, 576);
	write_cr4(read_cr4() & ~(1UL << 18));
	cpuid(1, 0, &a, &b, &c, &d);
	guest_equal(c >> 27 & 1, 0);
	wrmsr(MSR_APIC_BASE, rdmsr(MSR_APIC_BASE) & ~(1UL << 11));
	cpuid(1, 0, &a, &b, &c, &d);
	guest_equal(d >> 9 & 1, 0);
	wrmsr(MSR_APIC_BASE, rdmsr(MSR_APIC_BASE) | 1UL << 11);
	cpuid(1, 0, &a, &b, &c, &d);
	guest_equal(d >> 9 & 1, 1);
	guest_done();
}

TEST_F(cpuid, bits_that_follow_state)
{
	struct kvm_cpuid_entry2 *e;
	struct kvm_cpuid2 *supported = kv_supported_cpuid(self->vm->sys);

	e = kv_cpuid_find(supported, 0xd, 0);
	if (!e || (e->eax & 7) != 7)
		SKIP(return, "no AVX");
	kv_enter(self->vcpu, dynamic_bits, 0, 0);
	ASSERT_DONE(self->vcpu);
	free(supported);
}

/* CR4.PKE shows as OSPKE. */
__guest static void protection_keys(void)
{
	u32 a, b, c, d;

	cpuid(7, 0, &a, &b, &c, &d);
	guest_equal(c >> 4 & 1, 0);
	write_cr4(read_cr4() | 1 << 22);
	cpuid(7, 0, &a, &b, &c, &d);
	guest_equal(c >> 4 & 1, 1);
	guest_done();
}

TEST_F(cpuid, ospke)
{
	struct kvm_cpuid2 *supported = kv_supported_cpuid(self->vm->sys);
	struct kvm_cpuid_entry2 *e = kv_cpuid_find(supported, 7, 0);

	if (!e || !(e->ecx & 1 << 3))
		SKIP(return, "no protection keys");
	kv_enter(self->vcpu, protection_keys, 0, 0);
	ASSERT_DONE(self->vcpu);
	free(supported);
}

/* A control-register bit of a feature that CPUID lacks is reserved. */
__guest static void set_osxsave(void)
{
	write_cr4(read_cr4() | 1 << 18);
	guest_done();
}

TEST_F(cpuid, cr4_follows_cpuid)
{
	struct kvm_sregs sregs;

	made_up_cpu(self->cpuid, "AuthenticAMD");
	kv_set_cpuid(self->vcpu, self->cpuid);
	kv_enter(self->vcpu, set_osxsave, 0, 0);
	ASSERT_TRAP(self->vcpu, 13);
	sregs = kv_sregs(self->vcpu);
	sregs.cr4 |= 1 << 18;
	EXPECT_ERRNO(EINVAL, ioctl(self->vcpu->fd, KVM_SET_SREGS, &sregs));
}

/* What the node cannot give is not among what it supports. */
TEST_F(cpuid, not_supported)
{
	struct kvm_cpuid2 *cpuid = kv_supported_cpuid(self->vm->sys);
	struct kvm_cpuid_entry2 *e;

	e = kv_cpuid_find(cpuid, 1, 0);
	ASSERT_NE(NULL, e);
	EXPECT_EQ(0, e->ecx & 1 << 3);	/* MONITOR */
	EXPECT_EQ(0, e->ecx & 1 << 27); /* OSXSAVE belongs to the guest */
	EXPECT_NE(0, e->ecx & 1 << 21); /* x2APIC needs no hardware */
	if (kv_is_hvctl()) {
		EXPECT_NE(0, e->ecx & 1 << 24); /* nor does the deadline timer */
		EXPECT_NE(0, e->ecx & 1U << 31);
		EXPECT_EQ(0, e->ecx & 1 << 5); /* VMX */
		e = kv_cpuid_find(cpuid, 0x80000001, 0);
		ASSERT_NE(NULL, e);
		EXPECT_EQ(0, e->ecx & 1 << 2); /* SVM */
	}
	e = kv_cpuid_find(cpuid, 0xd, 0);
	if (e)
		EXPECT_EQ(3, e->eax & 3);
	free(cpuid);
}

TEST_HARNESS_MAIN
