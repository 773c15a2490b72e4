// SPDX-License-Identifier: GPL-2.0
/*
 * x87, SSE, AVX and protection-key state: user space and guest see the same,
 * it survives exits, and neither side's registers leak into the other's.
 *
 * lab: svm-bochs
 */
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

#include "guest.h"
#include "harness.h"

#define CR4_OSFXSR  (1UL << 9)
#define CR4_OSXSAVE (1UL << 18)
#define CR4_PKE	    (1UL << 22)

/* The standard format of an XSAVE area. */
#define XSAVE_MXCSR 24
#define XSAVE_XMM   160
#define XSAVE_BV    512
#define XSAVE_XCOMP 520
#define XSAVE_RES   528
#define XSAVE_YMM   576

#define X87 1UL
#define SSE 2UL
#define YMM 4UL

FIXTURE(fpu)
{
	struct kv_vm *vm;
	struct kv_vcpu *vcpu;
	struct kvm_cpuid2 *cpuid;
	u8 *area;
};

FIXTURE_SETUP(fpu)
{
	self->vm = kv_vm_new(0);
	self->vcpu = kv_vcpu_new(self->vm, 0);
	self->cpuid = kv_supported_cpuid(self->vm->sys);
	self->area = calloc(1, sizeof(struct kvm_xsave));
}

FIXTURE_TEARDOWN(fpu)
{
	free(self->area);
	free(self->cpuid);
	kv_vcpu_free(self->vcpu);
	kv_vm_free(self->vm);
}

static u64 supported_xcr0(struct kvm_cpuid2 *cpuid)
{
	struct kvm_cpuid_entry2 *e = kv_cpuid_find(cpuid, 0xd, 0);

	return e ? e->eax : 0;
}

static u64 get64(const u8 *p)
{
	u64 value;

	memcpy(&value, p, sizeof(value));
	return value;
}

static void put64(u8 *p, u64 value)
{
	memcpy(p, &value, sizeof(value));
}

TEST_F(fpu, fpu_round_trip)
{
	struct kvm_fpu in =
			       {
				       .fcw = 0x27f,
				       .fsw = 0x3800,
				       .ftwx = 0x81,
				       .last_opcode = 0x123,
				       .mxcsr = 0x1fa0,
			       },
		       out;
	int i;

	for (i = 0; i < 8; i++)
		memset(in.fpr[i], 0x10 + i, 10);
	for (i = 0; i < 16; i++)
		memset(in.xmm[i], 0x40 + i, 16);
	ASSERT_EQ(0, ioctl(self->vcpu->fd, KVM_SET_FPU, &in));
	memset(&out, 0xff, sizeof(out));
	ASSERT_EQ(0, ioctl(self->vcpu->fd, KVM_GET_FPU, &out));
	EXPECT_EQ(in.fcw, out.fcw);
	EXPECT_EQ(in.fsw, out.fsw);
	EXPECT_EQ(in.ftwx, out.ftwx);
	EXPECT_EQ(in.last_opcode, out.last_opcode);
	EXPECT_EQ(0, memcmp(in.fpr, out.fpr, sizeof(in.fpr)));
	EXPECT_EQ(0, memcmp(in.xmm, out.xmm, sizeof(in.xmm)));
	EXPECT_ERRNO(EFAULT, ioctl(self->vcpu->fd, KVM_SET_FPU, NULL));
	EXPECT_ERRNO(EFAULT, ioctl(self->vcpu->fd, KVM_GET_FPU, NULL));
	if (kv_is_hvctl()) {
		EXPECT_EQ(in.mxcsr, out.mxcsr);
		in.mxcsr = 1U << 31;
		EXPECT_ERRNO(EINVAL, ioctl(self->vcpu->fd, KVM_SET_FPU, &in));
	}
}

TEST_F(fpu, reset_state)
{
	struct kvm_fpu fpu;

	ASSERT_EQ(0, ioctl(self->vcpu->fd, KVM_GET_FPU, &fpu));
	EXPECT_EQ(0x37f, fpu.fcw);
	EXPECT_EQ(0, fpu.fsw);
	if (kv_is_hvctl()) /* kvm leaves it 0 */
		EXPECT_EQ(0x1f80, fpu.mxcsr);
	ASSERT_EQ(0, ioctl(self->vcpu->fd, KVM_GET_XSAVE, self->area));
	EXPECT_EQ(0, get64(self->area + XSAVE_XCOMP));
	EXPECT_EQ(0, get64(self->area + XSAVE_BV) & ~(X87 | SSE));
}

TEST_F(fpu, xsave_errors)
{
	EXPECT_ERRNO(EFAULT, ioctl(self->vcpu->fd, KVM_GET_XSAVE, NULL));
	EXPECT_ERRNO(EFAULT, ioctl(self->vcpu->fd, KVM_SET_XSAVE, NULL));
	ASSERT_EQ(0, ioctl(self->vcpu->fd, KVM_GET_XSAVE, self->area));
	EXPECT_EQ(0, ioctl(self->vcpu->fd, KVM_SET_XSAVE, self->area));
	/* a component that no host has */
	put64(self->area + XSAVE_BV, 1UL << 62);
	EXPECT_ERRNO(EINVAL, ioctl(self->vcpu->fd, KVM_SET_XSAVE, self->area));
	put64(self->area + XSAVE_BV, X87 | SSE);
	EXPECT_EQ(0, ioctl(self->vcpu->fd, KVM_SET_XSAVE, self->area));
	/* the compacted format, reserved bytes of the header */
	put64(self->area + XSAVE_XCOMP, 1UL << 63);
	EXPECT_ERRNO(EINVAL, ioctl(self->vcpu->fd, KVM_SET_XSAVE, self->area));
	put64(self->area + XSAVE_XCOMP, 0);
	put64(self->area + XSAVE_RES + 8, 1);
	EXPECT_ERRNO(EINVAL, ioctl(self->vcpu->fd, KVM_SET_XSAVE, self->area));
	put64(self->area + XSAVE_RES + 8, 0);
	/* reserved bits of MXCSR */
	self->area[XSAVE_MXCSR + 3] = 0x80;
	EXPECT_ERRNO(EINVAL, ioctl(self->vcpu->fd, KVM_SET_XSAVE, self->area));
	self->area[XSAVE_MXCSR + 3] = 0;
	EXPECT_EQ(0, ioctl(self->vcpu->fd, KVM_SET_XSAVE, self->area));
}

TEST_F(fpu, xsave2)
{
	int size = ioctl(self->vm->fd, KVM_CHECK_EXTENSION, KVM_CAP_XSAVE2);
	u8 *big;

	if (size <= 0)
		SKIP(return, "no KVM_CAP_XSAVE2");
	ASSERT_GE(size, (int)sizeof(struct kvm_xsave));
	big = malloc(size);
	memset(big, 0xff, size);
	ASSERT_EQ(0, ioctl(self->vcpu->fd, KVM_GET_XSAVE2, big));
	ASSERT_EQ(0, ioctl(self->vcpu->fd, KVM_GET_XSAVE, self->area));
	EXPECT_EQ(0, memcmp(big, self->area, sizeof(struct kvm_xsave)));
	EXPECT_EQ(0, ioctl(self->vcpu->fd, KVM_SET_XSAVE, big));
	free(big);
}

static int set_xcr0(struct kv_vcpu *vcpu, u64 value)
{
	struct kvm_xcrs xcrs = {.nr_xcrs = 1, .xcrs[0] = {.xcr = 0, .value = value}};

	return ioctl(vcpu->fd, KVM_SET_XCRS, &xcrs);
}

static u64 get_xcr0(struct kv_vcpu *vcpu)
{
	struct kvm_xcrs xcrs = {0};

	if (ioctl(vcpu->fd, KVM_GET_XCRS, &xcrs) || xcrs.nr_xcrs != 1 || xcrs.xcrs[0].xcr)
		return 0;
	return xcrs.xcrs[0].value;
}

TEST_F(fpu, xcrs)
{
	struct kvm_xcrs bad = {.nr_xcrs = 1, .flags = 1, .xcrs[0] = {.value = 1}};
	u64 all = supported_xcr0(self->cpuid);
	struct kv_vcpu *without;

	if (!all)
		SKIP(return, "no XSAVE");
	EXPECT_EQ(1, get_xcr0(self->vcpu));
	EXPECT_EQ(0, set_xcr0(self->vcpu, X87 | SSE));
	EXPECT_EQ(X87 | SSE, get_xcr0(self->vcpu));
	EXPECT_EQ(0, set_xcr0(self->vcpu, all));
	EXPECT_EQ(all, get_xcr0(self->vcpu));
	/* x87 cannot be off, AVX needs SSE, AVX-512 comes in one piece. */
	EXPECT_ERRNO(EINVAL, set_xcr0(self->vcpu, 0));
	EXPECT_ERRNO(EINVAL, set_xcr0(self->vcpu, SSE));
	EXPECT_ERRNO(EINVAL, set_xcr0(self->vcpu, X87 | YMM));
	EXPECT_ERRNO(EINVAL, set_xcr0(self->vcpu, X87 | SSE | YMM | 0x20));
	EXPECT_ERRNO(EINVAL, set_xcr0(self->vcpu, all | 1UL << 62));
	EXPECT_EQ(all, get_xcr0(self->vcpu));
	/* What reset leaves can be set on a CPU without XSAVE, and no more. */
	without = kv_vcpu_bare(self->vm, 1);
	EXPECT_EQ(0, set_xcr0(without, X87));
	EXPECT_ERRNO(EINVAL, set_xcr0(without, X87 | SSE));
	kv_vcpu_free(without);
	EXPECT_ERRNO(EINVAL, ioctl(self->vcpu->fd, KVM_SET_XCRS, &bad));
	bad.flags = 0;
	bad.nr_xcrs = KVM_MAX_XCRS + 1;
	EXPECT_ERRNO(EINVAL, ioctl(self->vcpu->fd, KVM_SET_XCRS, &bad));
	EXPECT_ERRNO(EFAULT, ioctl(self->vcpu->fd, KVM_SET_XCRS, NULL));
	EXPECT_ERRNO(EFAULT, ioctl(self->vcpu->fd, KVM_GET_XCRS, NULL));
}

/* XMM3 goes up by one in each 64-bit half with every exit. */
__guest static void count_in_xmm(void)
{
	u64 low, high;

	write_cr4(read_cr4() | CR4_OSFXSR);
	for (;;) {
		asm volatile("pcmpeqd %%xmm4, %%xmm4\n psubq %%xmm4, %%xmm3\n"
			     "movq %%xmm3, %0\n movhlps %%xmm3, %%xmm4\n movq %%xmm4, %1"
			     : "=r"(low), "=r"(high)
			     :
			     : "memory");
		guest_sync2(1, low, high);
	}
}

TEST_F(fpu, user_space_and_guest_agree)
{
	struct kvm_fpu fpu;
	u64 half[2] = {100, 200};

	kv_enter(self->vcpu, count_in_xmm, 0, 0);
	/* kvm has KVM_SET_FPU change what is in use already. */
	ASSERT_SYNC(self->vcpu, 1);
	EXPECT_EQ(1, self->vcpu->last.a);
	ASSERT_EQ(0, ioctl(self->vcpu->fd, KVM_GET_FPU, &fpu));
	memcpy(fpu.xmm[3], half, sizeof(half));
	ASSERT_EQ(0, ioctl(self->vcpu->fd, KVM_SET_FPU, &fpu));
	ASSERT_SYNC(self->vcpu, 1);
	EXPECT_EQ(101, self->vcpu->last.a);
	EXPECT_EQ(201, self->vcpu->last.b);
	ASSERT_EQ(0, ioctl(self->vcpu->fd, KVM_GET_XSAVE, self->area));
	EXPECT_EQ(SSE, get64(self->area + XSAVE_BV) & SSE);
	EXPECT_EQ(101, get64(self->area + XSAVE_XMM + 3 * 16));
	put64(self->area + XSAVE_XMM + 3 * 16, 1000);
	ASSERT_EQ(0, ioctl(self->vcpu->fd, KVM_SET_XSAVE, self->area));
	ASSERT_SYNC(self->vcpu, 1);
	EXPECT_EQ(1001, self->vcpu->last.a);
	EXPECT_EQ(202, self->vcpu->last.b);
	/* Back to the initial state by its bit alone. */
	put64(self->area + XSAVE_BV, X87);
	ASSERT_EQ(0, ioctl(self->vcpu->fd, KVM_SET_XSAVE, self->area));
	ASSERT_SYNC(self->vcpu, 1);
	EXPECT_EQ(1, self->vcpu->last.a);
	EXPECT_EQ(1, self->vcpu->last.b);
}

/* KVM_RUN with all XMM registers loaded; the sum of what changed. */
static u64 run_with_xmm(struct kv_vcpu *vcpu)
{
	u64 before[16][2], after[16][2], diff = 0;
	long ret = SYS_ioctl;
	int i;

	for (i = 0; i < 16; i++) {
		before[i][0] = 0x5a5a000000000000 + i;
		before[i][1] = 0xa5a5000000000000 + i;
	}
#define EACH(insn_, from, to)                                                                      \
	insn_(0, from, to) insn_(1, from, to) insn_(2, from, to) insn_(3, from, to)                \
		insn_(4, from, to) insn_(5, from, to) insn_(6, from, to) insn_(7, from, to)        \
			insn_(8, from, to) insn_(9, from, to) insn_(10, from, to)                  \
				insn_(11, from, to) insn_(12, from, to) insn_(13, from, to)        \
					insn_(14, from, to) insn_(15, from, to)
#define LOAD(n, from, to)  "movups 16*" #n "(%[" #from "]), %%xmm" #n "\n"
#define STORE(n, from, to) "movups %%xmm" #n ", 16*" #n "(%[" #to "])\n"
	asm volatile(EACH(LOAD, before, none) "syscall\n" EACH(STORE, none, after)
		     : "+a"(ret)
		     : "D"((long)vcpu->fd), "S"((long)KVM_RUN),
		       "d"(0L), [before] "r"(before), [after] "r"(after)
		     : "rcx", "r11", "memory", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5",
		       "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14",
		       "xmm15");
	for (i = 0; i < 16; i++)
		diff |= (before[i][0] ^ after[i][0]) | (before[i][1] ^ after[i][1]);
	return ret ? ~0UL : diff;
}

TEST_F(fpu, host_registers_survive)
{
	int i;

	kv_enter(self->vcpu, count_in_xmm, 0, 0);
	for (i = 0; i < 100; i++) {
		ASSERT_EQ(0, run_with_xmm(self->vcpu));
		ASSERT_EQ(KVM_EXIT_IO, self->vcpu->run->exit_reason);
	}
	EXPECT_EQ(100, kv_regs(self->vcpu).rdi);
}

__guest_inline void set_xcr(u64 value)
{
	asm volatile("xsetbv" : : "a"((u32)value), "d"(0), "c"(0));
}

/* The upper half of YMM0 outlives a while with AVX switched off in XCR0. */
__guest static void avx_off_and_on(void)
{
	u64 upper;

	write_cr4(read_cr4() | CR4_OSFXSR | CR4_OSXSAVE);
	set_xcr(X87 | SSE | YMM);
	asm volatile("vpcmpeqd %xmm1, %xmm1, %xmm1\n vinsertf128 $1, %xmm1, %ymm0, %ymm0");
	guest_sync(1);
	set_xcr(X87 | SSE);
	guest_sync(2);
	set_xcr(X87 | SSE | YMM);
	asm volatile("vextractf128 $1, %%ymm0, %%xmm1\n vmovq %%xmm1, %0" : "=r"(upper));
	guest_equal(upper, ~0UL);
	guest_done();
}

TEST_F(fpu, avx)
{
	if (!(supported_xcr0(self->cpuid) & YMM))
		SKIP(return, "no AVX");
	kv_enter(self->vcpu, avx_off_and_on, 0, 0);
	ASSERT_SYNC(self->vcpu, 1);
	ASSERT_EQ(0, ioctl(self->vcpu->fd, KVM_GET_XSAVE, self->area));
	EXPECT_EQ(YMM, get64(self->area + XSAVE_BV) & YMM);
	EXPECT_EQ(~0UL, get64(self->area + XSAVE_YMM));
	EXPECT_EQ(X87 | SSE | YMM, get_xcr0(self->vcpu));
	ASSERT_SYNC(self->vcpu, 2);
	EXPECT_EQ(X87 | SSE, get_xcr0(self->vcpu));
	ASSERT_EQ(0, ioctl(self->vcpu->fd, KVM_GET_XSAVE, self->area));
	EXPECT_EQ(~0UL, get64(self->area + XSAVE_YMM));
	ASSERT_DONE(self->vcpu);
}

/* With AVX off its instructions are undefined, whatever the host has on. */
__guest static void avx_without_xcr0(void)
{
	write_cr4(read_cr4() | CR4_OSFXSR | CR4_OSXSAVE);
	set_xcr(X87 | SSE);
	asm volatile("vxorps %ymm0, %ymm0, %ymm0");
	guest_done();
}

TEST_F(fpu, avx_is_off)
{
	if (!(supported_xcr0(self->cpuid) & YMM))
		SKIP(return, "no AVX");
	kv_enter(self->vcpu, avx_without_xcr0, 0, 0);
	ASSERT_TRAP(self->vcpu, 6);
}

/* A value of XCR0 that is impossible faults. */
__guest static void bad_xcr0(u64 value)
{
	write_cr4(read_cr4() | CR4_OSXSAVE);
	set_xcr(value);
	guest_done();
}

TEST_F(fpu, xsetbv_faults)
{
	static const u64 bad[] = {0, SSE, X87 | YMM, X87 | 1UL << 29};
	size_t i;

	if (!supported_xcr0(self->cpuid))
		SKIP(return, "no XSAVE");
	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		kv_enter(self->vcpu, bad_xcr0, bad[i], 0);
		ASSERT_TRAP(self->vcpu, 13);
	}
}

/* A guest that forbids itself all user pages does not forbid them the host. */
__guest static void own_pkru(u64 value)
{
	u32 eax, edx;

	write_cr4(read_cr4() | CR4_PKE);
	asm volatile("wrpkru" : : "a"((u32)value), "c"(0), "d"(0));
	guest_sync(1);
	/* MMIO: the host reads the instruction from user memory. */
	write32(KV_MMIO, 7);
	asm volatile("rdpkru" : "=a"(eax), "=d"(edx) : "c"(0));
	guest_equal(eax, value);
	guest_done();
}

TEST_F(fpu, protection_keys)
{
	struct kvm_cpuid_entry2 *e = kv_cpuid_find(self->cpuid, 7, 0);
	u32 before, after, edx;

	if (!e || !(e->ecx & 1 << 3))
		SKIP(return, "no protection keys");
	asm volatile("rdpkru" : "=a"(before), "=d"(edx) : "c"(0));
	kv_enter(self->vcpu, own_pkru, 0xfffffffd, 0);
	ASSERT_SYNC(self->vcpu, 1);
	asm volatile("rdpkru" : "=a"(after), "=d"(edx) : "c"(0));
	EXPECT_EQ(before, after);
	ASSERT_EXIT(self->vcpu, KVM_EXIT_MMIO);
	EXPECT_EQ(KV_MMIO, self->vcpu->run->mmio.phys_addr);
	ASSERT_DONE(self->vcpu);
	asm volatile("rdpkru" : "=a"(after), "=d"(edx) : "c"(0));
	EXPECT_EQ(before, after);
}

TEST_HARNESS_MAIN
