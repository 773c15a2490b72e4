// SPDX-License-Identifier: GPL-2.0
/*
 * MSRs: every one in the index list can be read and written back, the guest
 * and user space see the same values, and what a CPU would fault on faults.
 *
 * lab: svm-bochs
 */
#include <stdlib.h>
#include <string.h>

#include "guest.h"
#include "harness.h"

#define MSR_TSC		 0x10
#define MSR_TSC_ADJUST	 0x3b
#define MSR_MTRR_CAP	 0xfe
#define MSR_SYSENTER_CS	 0x174
#define MSR_SYSENTER_ESP 0x175
#define MSR_SYSENTER_EIP 0x176
#define MSR_MCG_CAP	 0x179
#define MSR_MCG_STATUS	 0x17a
#define MSR_MTRR_BASE0	 0x200
#define MSR_MTRR_MASK0	 0x201
#define MSR_MTRR_FIX64K	 0x250
#define MSR_PAT		 0x277
#define MSR_MTRR_DEF	 0x2ff
#define MSR_MC0_CTL	 0x400
#define MSR_MC0_STATUS	 0x401
#define MSR_X2APIC_ID	 0x802
#define MSR_EFER	 0xc0000080
#define MSR_STAR	 0xc0000081
#define MSR_LSTAR	 0xc0000082
#define MSR_CSTAR	 0xc0000083
#define MSR_SFMASK	 0xc0000084
#define MSR_FS_BASE	 0xc0000100
#define MSR_GS_BASE	 0xc0000101
#define MSR_KERNEL_GS	 0xc0000102
#define MSR_TSC_AUX	 0xc0000103
#define MSR_NOBODY	 0xdead0000

struct msrs {
	struct kvm_msrs head;
	struct kvm_msr_entry entry[300];
};

FIXTURE(msr)
{
	struct kv_vm *vm;
	struct kv_vcpu *vcpu;
	struct msrs *msrs;
};

FIXTURE_SETUP(msr)
{
	self->vm = kv_vm_new_irqchip(0);
	self->vcpu = kv_vcpu_new(self->vm, 0);
	self->msrs = calloc(1, sizeof(*self->msrs));
}

FIXTURE_TEARDOWN(msr)
{
	free(self->msrs);
	kv_vcpu_free(self->vcpu);
	kv_vm_free(self->vm);
}

TEST_F(msr, listed_both_ways)
{
	struct kvm_msr_list *list, head = {0};
	u64 value, again;
	u32 i, msr;

	EXPECT_ERRNO(E2BIG, ioctl(self->vm->sys, KVM_GET_MSR_INDEX_LIST, &head));
	list = calloc(1, sizeof(*list) + head.nmsrs * sizeof(u32));
	list->nmsrs = head.nmsrs;
	ASSERT_EQ(0, ioctl(self->vm->sys, KVM_GET_MSR_INDEX_LIST, list));
	for (i = 0; i < list->nmsrs; i++) {
		msr = list->indices[i];
		if (kv_get_msr(self->vcpu, msr, &value)) {
			/* kvm lists some that need a feature switched on. */
			EXPECT_FALSE(kv_is_hvctl())
			{
				TH_LOG("MSR %#x cannot be read", msr);
			}
			continue;
		}
		EXPECT_TRUE(!kv_set_msr(self->vcpu, msr, value) || !kv_is_hvctl())
		{
			TH_LOG("MSR %#x cannot be written", msr);
		}
		EXPECT_EQ(0, kv_get_msr(self->vcpu, msr, &again));
		if (msr != MSR_TSC && kv_is_hvctl()) {
			EXPECT_EQ(value, again)
			{
				TH_LOG("MSR %#x", msr);
			}
		}
	}
	free(list);
}

/* What QEMU saves whether listed or not. */
TEST_F(msr, required)
{
	static const u32 required[] = {
		MSR_TSC,
		MSR_SYSENTER_CS,
		MSR_SYSENTER_ESP,
		MSR_SYSENTER_EIP,
		MSR_PAT,
		MSR_STAR,
		MSR_LSTAR,
		MSR_CSTAR,
		MSR_SFMASK,
		MSR_KERNEL_GS,
		MSR_APIC_BASE,
		MSR_MTRR_DEF,
		MSR_MTRR_BASE0,
		MSR_MTRR_MASK0,
		MSR_MTRR_BASE0 + 14,
		MSR_MTRR_MASK0 + 14,
		MSR_MTRR_FIX64K,
		0x258,
		0x259,
		0x268,
		0x26f,
		MSR_MCG_STATUS,
		MSR_MC0_CTL,
		MSR_MC0_CTL + 4 * 9 + 3,
	};
	u64 value;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(required); i++) {
		EXPECT_EQ(0, kv_get_msr(self->vcpu, required[i], &value))
		{
			TH_LOG("MSR %#x", required[i]);
		}
		EXPECT_EQ(0, kv_set_msr(self->vcpu, required[i], value))
		{
			TH_LOG("MSR %#x", required[i]);
		}
	}
}

/* The calls stop at the first MSR that fails and tell how many were done. */
TEST_F(msr, partial)
{
	u64 star;

	self->msrs->head.nmsrs = 3;
	self->msrs->entry[0].index = MSR_STAR;
	self->msrs->entry[0].data = 0x1234;
	self->msrs->entry[1].index = MSR_NOBODY;
	self->msrs->entry[2].index = MSR_CSTAR;
	self->msrs->entry[2].data = 0x5678;
	EXPECT_EQ(1, ioctl(self->vcpu->fd, KVM_SET_MSRS, self->msrs));
	ASSERT_EQ(0, kv_get_msr(self->vcpu, MSR_STAR, &star));
	EXPECT_EQ(0x1234, star);
	ASSERT_EQ(0, kv_get_msr(self->vcpu, MSR_CSTAR, &star));
	EXPECT_EQ(0, star);
	EXPECT_EQ(1, ioctl(self->vcpu->fd, KVM_GET_MSRS, self->msrs));
	self->msrs->head.nmsrs = 0;
	EXPECT_EQ(0, ioctl(self->vcpu->fd, KVM_GET_MSRS, self->msrs));
	self->msrs->head.nmsrs = 256;
	EXPECT_ERRNO(E2BIG, ioctl(self->vcpu->fd, KVM_GET_MSRS, self->msrs));
	EXPECT_ERRNO(E2BIG, ioctl(self->vcpu->fd, KVM_SET_MSRS, self->msrs));
	EXPECT_ERRNO(EFAULT, ioctl(self->vcpu->fd, KVM_GET_MSRS, NULL));
	EXPECT_ERRNO(EFAULT, ioctl(self->vcpu->fd, KVM_SET_MSRS, NULL));
}

TEST_F(msr, values_refused)
{
	static const struct {
		u32 msr;
		u64 value;
	} bad[] = {
		{MSR_LSTAR, 0x8000000000000000},
		{MSR_KERNEL_GS, 0x0100000000000000},
		{MSR_FS_BASE, 0x8000000000000000},
		{MSR_PAT, 0x0200000000000000},
		{MSR_PAT, 0x08},
		{MSR_MTRR_DEF, 0x2},
		{MSR_MTRR_DEF, 1UL << 63},
		{MSR_MTRR_FIX64K, 0x0300},
		{MSR_MTRR_BASE0, 0x7},
		{MSR_MTRR_MASK0, 1UL << 63 | 1 << 11},
		{MSR_APIC_BASE, 0xfee00b00},
		{MSR_APIC_BASE, 1UL << 63},
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		EXPECT_EQ(-1, kv_set_msr(self->vcpu, bad[i].msr, bad[i].value))
		{
			TH_LOG("MSR %#x = %#lx", bad[i].msr, bad[i].value);
		}
	}
}

/* Write and read back, in the guest. */
__guest static void write_read(u32 msr, u64 value)
{
	wrmsr(msr, value);
	guest_equal(rdmsr(msr), value);
}

__guest static void exchange(void)
{
	/* Set by user space */
	guest_equal(rdmsr(MSR_LSTAR), 0xffffffff81000000);
	guest_equal(rdmsr(MSR_KERNEL_GS), 0x7f0000001000);
	guest_equal(rdmsr(MSR_FS_BASE), 0x12345000);
	guest_equal(rdmsr(MSR_PAT), 0x0007040600070406);
	guest_equal(rdmsr(MSR_MTRR_CAP) & 0xff, 8);
	guest_equal(rdmsr(MSR_EFER) & 0x500, 0x500);
	guest_equal(rdmsr(MSR_APIC_BASE), 0xfee00900);
	/* For user space to read */
	write_read(MSR_STAR, 0x0023001000000000);
	write_read(MSR_LSTAR, 0xffffffff82000000);
	write_read(MSR_CSTAR, 0xffffffff83000000);
	write_read(MSR_SFMASK, 0x47700);
	write_read(MSR_KERNEL_GS, 0x7f0000002000);
	write_read(MSR_GS_BASE, 0xffff888000002000);
	write_read(MSR_SYSENTER_CS, 0x10);
	write_read(MSR_SYSENTER_ESP, 0x70001000);
	write_read(MSR_SYSENTER_EIP, 0x74000000);
	write_read(MSR_PAT, 0x0007010600070106);
	write_read(MSR_MTRR_DEF, 0xc06);
	write_read(MSR_MTRR_BASE0 + 2, 0x80000000);
	write_read(MSR_MTRR_MASK0 + 2, 0xf80000800);
	write_read(MSR_MTRR_FIX64K, 0x0606060606060606);
	guest_done();
}

TEST_F(msr, guest_and_host_agree)
{
	static const struct {
		u32 msr;
		u64 value;
	} left[] = {
		{MSR_STAR, 0x0023001000000000},
		{MSR_LSTAR, 0xffffffff82000000},
		{MSR_CSTAR, 0xffffffff83000000},
		{MSR_SFMASK, 0x47700},
		{MSR_KERNEL_GS, 0x7f0000002000},
		{MSR_GS_BASE, 0xffff888000002000},
		{MSR_SYSENTER_CS, 0x10},
		{MSR_SYSENTER_ESP, 0x70001000},
		{MSR_SYSENTER_EIP, 0x74000000},
		{MSR_PAT, 0x0007010600070106},
		{MSR_MTRR_DEF, 0xc06},
		{MSR_MTRR_BASE0 + 2, 0x80000000},
		{MSR_MTRR_FIX64K, 0x0606060606060606},
	};
	u64 value;
	size_t i;

	kv_enter(self->vcpu, exchange, 0, 0);
	ASSERT_EQ(0, kv_set_msr(self->vcpu, MSR_LSTAR, 0xffffffff81000000));
	ASSERT_EQ(0, kv_set_msr(self->vcpu, MSR_KERNEL_GS, 0x7f0000001000));
	ASSERT_EQ(0, kv_set_msr(self->vcpu, MSR_FS_BASE, 0x12345000));
	ASSERT_DONE(self->vcpu);
	for (i = 0; i < ARRAY_SIZE(left); i++) {
		ASSERT_EQ(0, kv_get_msr(self->vcpu, left[i].msr, &value));
		EXPECT_EQ(left[i].value, value)
		{
			TH_LOG("MSR %#x", left[i].msr);
		}
	}
	EXPECT_EQ(0xffff888000002000, kv_sregs(self->vcpu).gs.base);
}

/* Each access of this list must fault. */
__guest static void fault_on(u64 msr, u64 value)
{
	wrmsr(msr, value);
	guest_done();
}

__guest static void fault_on_read(u64 msr)
{
	rdmsr(msr);
	guest_done();
}

TEST_F(msr, guest_faults)
{
	static const struct {
		u32 msr;
		u64 value;
	} bad[] = {
		{MSR_NOBODY, 0},
		{MSR_PAT, 0x02},
		{MSR_EFER, 1UL << 63},
		{MSR_EFER, 0}, /* LME cannot go while paging is on */
		{MSR_MTRR_CAP, 8},
		{MSR_MTRR_DEF, 0x3},
		{MSR_MCG_CAP, 10},
		{MSR_MC0_STATUS, 1}, /* only zero may be written */
		{MSR_APIC_BASE, 1UL << 60 | 0xfee00900},
		{MSR_X2APIC_ID, 0}, /* not in x2APIC mode */
	};
	static const u32 unreadable[] = {MSR_NOBODY, MSR_X2APIC_ID, 0xc0010117};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		kv_enter(self->vcpu, fault_on, bad[i].msr, bad[i].value);
		self->vcpu->last = kv_next(self->vcpu);
		EXPECT_EQ(KV_TRAP, self->vcpu->last.kind)
		{
			TH_LOG("MSR %#x = %#lx", bad[i].msr, bad[i].value);
		}
		if (self->vcpu->last.kind == KV_TRAP)
			EXPECT_EQ(13, kv_trap_get(self->vcpu).vector);
	}
	for (i = 0; i < ARRAY_SIZE(unreadable); i++) {
		if (unreadable[i] == 0xc0010117 && !kv_is_hvctl())
			continue; /* kvm has nested SVM */
		kv_enter(self->vcpu, fault_on_read, unreadable[i], 0);
		ASSERT_TRAP(self->vcpu, 13);
	}
}

/* Registers that Linux touches on AMD and Intel CPUs without asking first. */
__guest static void boot_registers(const u32 *msr)
{
	for (; *msr; msr++) {
		guest_sync(*msr);
		rdmsr(*msr);
	}
	guest_sync(0);
	wrmsr(0x8b, 0);		      /* before CPUID gives the revision */
	wrmsr(0xc0010015, 0x1000000); /* HWCR */
	guest_done();
}

TEST_F(msr, kernels_boot)
{
	static const u32 touched[] = {
		0x17,	    0x1b,	0x8b,	    0xfe,	0x179,	    0x1a0,
		0x1d9,	    0xc0010010, 0xc0010015, 0xc001001f, 0xc0011029, 0xc0010055,
		0xc0010058, 0xc001001a, 0xc001001d, 0xc0010112, 0,
	};
	size_t i;

	memcpy(kv_gpa(self->vm, KV_DATA, sizeof(touched)), touched, sizeof(touched));
	if (!kv_is_hvctl())
		SKIP(return, "kvm lets some of them fault");
	kv_enter(self->vcpu, boot_registers, KV_DATA, 0);
	for (i = 0; i < ARRAY_SIZE(touched); i++)
		ASSERT_SYNC(self->vcpu, touched[i]);
	ASSERT_DONE(self->vcpu);
}

/* EFER.NX can be switched, LMA cannot be written. */
__guest static void toggle_efer(void)
{
	u64 efer = rdmsr(MSR_EFER);

	wrmsr(MSR_EFER, efer ^ 1 << 11);
	guest_equal(rdmsr(MSR_EFER), efer ^ 1 << 11);
	wrmsr(MSR_EFER, efer | 1);
	guest_equal(rdmsr(MSR_EFER), efer | 1);
	guest_done();
}

TEST_F(msr, efer)
{
	u64 efer;

	kv_enter(self->vcpu, toggle_efer, 0, 0);
	ASSERT_DONE(self->vcpu);
	EXPECT_EQ(1, kv_sregs(self->vcpu).efer & 1);
	ASSERT_EQ(0, kv_get_msr(self->vcpu, MSR_EFER, &efer));
	EXPECT_EQ(kv_sregs(self->vcpu).efer, efer);
}

__guest static void tsc_aux(u64 expected)
{
	u32 a, d, c;

	asm volatile("rdtscp" : "=a"(a), "=d"(d), "=c"(c));
	guest_equal(c, expected);
	wrmsr(MSR_TSC_AUX, 77);
	asm volatile("rdtscp" : "=a"(a), "=d"(d), "=c"(c));
	guest_equal(c, 77);
	guest_done();
}

TEST_F(msr, tsc_aux)
{
	struct kvm_cpuid2 *supported = kv_supported_cpuid(self->vm->sys);
	u64 value;

	if (!(kv_cpuid_find(supported, 0x80000001, 0)->edx & 1 << 27))
		SKIP(return, "no RDTSCP");
	ASSERT_EQ(0, kv_set_msr(self->vcpu, MSR_TSC_AUX, 0x1234));
	kv_enter(self->vcpu, tsc_aux, 0x1234, 0);
	ASSERT_DONE(self->vcpu);
	ASSERT_EQ(0, kv_get_msr(self->vcpu, MSR_TSC_AUX, &value));
	EXPECT_EQ(77, value);
	free(supported);
}

/* Machine checks: set up by user space, raised as #MC, read by the guest. */
__guest static void machine_check(void)
{
	write_cr4(read_cr4() | 1 << 6);
	guest_equal(rdmsr(MSR_MCG_CAP) & 0xff, 10);
	guest_sync(1);
	for (;;)
		guest_sync(2);
}

TEST_F(msr, machine_check)
{
	u64 cap, supported;
	struct kvm_x86_mce mce = {
		.status = 1UL << 63 | 1UL << 61 | 1UL << 60 | 0x135, /* VAL, UC, EN */
		.addr = 0xabc000,
		.mcg_status = 5, /* RIPV, MCIP */
		.bank = 3,
	};

	ASSERT_EQ(0, ioctl(self->vm->sys, KVM_X86_GET_MCE_CAP_SUPPORTED, &supported));
	EXPECT_GE(ioctl(self->vm->sys, KVM_CHECK_EXTENSION, KVM_CAP_MCE), 10);
	cap = (supported & ~0xffUL) | 0xff;
	EXPECT_ERRNO(EINVAL, ioctl(self->vcpu->fd, KVM_X86_SETUP_MCE, &cap));
	cap = supported & ~0xffUL;
	EXPECT_ERRNO(EINVAL, ioctl(self->vcpu->fd, KVM_X86_SETUP_MCE, &cap));
	cap = 1UL << 63 | 10;
	EXPECT_ERRNO(EINVAL, ioctl(self->vcpu->fd, KVM_X86_SETUP_MCE, &cap));
	EXPECT_ERRNO(EFAULT, ioctl(self->vcpu->fd, KVM_X86_SETUP_MCE, NULL));
	cap = (supported & 1UL << 24) | 1UL << 8 | 10; /* SER_P, CTL_P */
	ASSERT_EQ(0, ioctl(self->vcpu->fd, KVM_X86_SETUP_MCE, &cap));

	kv_enter(self->vcpu, machine_check, 0, 0);
	ASSERT_SYNC(self->vcpu, 1);
	mce.bank = 10;
	EXPECT_ERRNO(EINVAL, ioctl(self->vcpu->fd, KVM_X86_SET_MCE, &mce));
	mce.bank = 3;
	mce.status &= ~(1UL << 63);
	EXPECT_ERRNO(EINVAL, ioctl(self->vcpu->fd, KVM_X86_SET_MCE, &mce));
	mce.status |= 1UL << 63;
	ASSERT_EQ(0, ioctl(self->vcpu->fd, KVM_X86_SET_MCE, &mce));
	ASSERT_TRAP(self->vcpu, 18);
	ASSERT_EQ(0, kv_get_msr(self->vcpu, MSR_MCG_STATUS, &cap));
	EXPECT_EQ(5, cap);
	ASSERT_EQ(0, kv_get_msr(self->vcpu, MSR_MC0_STATUS + 4 * 3, &cap));
	EXPECT_EQ(mce.status, cap);
	ASSERT_EQ(0, kv_get_msr(self->vcpu, MSR_MC0_STATUS + 4 * 3 + 1, &cap));
	EXPECT_EQ(0xabc000, cap);

	/* A second one while the first is handled shuts the guest down. */
	ASSERT_EQ(0, ioctl(self->vcpu->fd, KVM_X86_SET_MCE, &mce));
	ASSERT_EXIT(self->vcpu, KVM_EXIT_SHUTDOWN);
}

TEST_HARNESS_MAIN
