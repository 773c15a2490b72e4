// SPDX-License-Identifier: GPL-2.0
/*
 * Extended state: x87, SSE and AVX registers of guests, of their VMM and of
 * other processes on the same CPU stay apart.
 */
#include "guest.h"

#include <cpuid.h>
#include <signal.h>
#include <sys/wait.h>

#include "harness.h"

#define ROUNDS	    100
#define XCR0_AVX512 0xe0U /* masks and both parts of ZMM */
/* Where a vCPU's area is. */
#define AREA(n) (KV_DATA + (u64)(n)*0x2000)
#define STOP	AREA(4)

/* The vector registers to test with: those that the host's kernel switches. */
enum vectors { NO_VECTORS, AVX, AVX512 };

static enum vectors host_vectors(void)
{
	unsigned int a, b, c, d, xcr0, high;

	if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_AVX) || !(c & bit_OSXSAVE))
		return NO_VECTORS;
	asm("xgetbv" : "=a"(xcr0), "=d"(high) : "c"(0));
	if (!__get_cpuid_count(7, 0, &a, &b, &c, &d) || !(b & bit_AVX512F) ||
	    (xcr0 & XCR0_AVX512) != XCR0_AVX512)
		return AVX;
	return AVX512;
}

/*
 * Registers of the calling thread, to and from memory: 16 of 32 bytes, or 32 of
 * 64 and seven masks of 16 bits.
 */
#define YMM_BYTES  0x200
#define ZMM_BYTES  0x800
#define MASK_BYTES 0x10
#define VEC_BYTES  (ZMM_BYTES + MASK_BYTES)

__guest_inline u64 vector_bytes(enum vectors vectors)
{
	return vectors == AVX512 ? VEC_BYTES : vectors == AVX ? YMM_BYTES : 0;
}

#define YMM(n)	     "vmovups " #n "*0x20(%0), %%ymm" #n "\n"
#define ZMM(n)	     "vmovups " #n "*0x40(%0), %%zmm" #n "\n"
#define MASK(n)	     "kmovw 0x800+" #n "*2(%0), %%k" #n "\n"
#define YMM_TO(n)    "vmovups %%ymm" #n ", " #n "*0x20(%0)\n"
#define ZMM_TO(n)    "vmovups %%zmm" #n ", " #n "*0x40(%0)\n"
#define MASK_TO(n)   "kmovw %%k" #n ", 0x800+" #n "*2(%0)\n"
#define EACH_1_7(x)  x(1) x(2) x(3) x(4) x(5) x(6) x(7)
#define EACH_0_15(x) x(0) EACH_1_7(x) x(8) x(9) x(10) x(11) x(12) x(13) x(14) x(15)
#define EACH_16_31(x)                                                                              \
	x(16) x(17) x(18) x(19) x(20) x(21) x(22) x(23) x(24) x(25) x(26) x(27) x(28) x(29) x(30)  \
		x(31)

__guest_inline void load_vectors(const u8 *from, enum vectors vectors)
{
	if (vectors == AVX)
		asm volatile(EACH_0_15(YMM) : : "r"(from) : "memory");
	if (vectors == AVX512)
		asm volatile(EACH_0_15(ZMM) EACH_16_31(ZMM) EACH_1_7(MASK)
			     :
			     : "r"(from)
			     : "memory");
}

__guest_inline void save_vectors(u8 *to, enum vectors vectors)
{
	if (vectors == AVX)
		asm volatile(EACH_0_15(YMM_TO) : : "r"(to) : "memory");
	if (vectors == AVX512)
		asm volatile(EACH_0_15(ZMM_TO) EACH_16_31(ZMM_TO) EACH_1_7(MASK_TO)
			     :
			     : "r"(to)
			     : "memory");
}

__guest_inline void guest_enable_vectors(enum vectors vectors)
{
	if (vectors == NO_VECTORS)
		return;
	write_cr4(read_cr4() | 1 << 18);
	asm volatile("xsetbv" : : "a"(vectors == AVX512 ? 7 | XCR0_AVX512 : 7), "c"(0), "d"(0));
}

/* 80-bit registers and the control words. */
struct x87 {
	u64 number;
	u16 control;
	u32 mxcsr;
};

__guest_inline void load_x87(const struct x87 *x)
{
	asm volatile("fninit; fldcw %0; fildll %1; ldmxcsr %2"
		     :
		     : "m"(x->control), "m"(x->number), "m"(x->mxcsr));
}

__guest_inline void save_x87(struct x87 *x)
{
	/* FISTP pops: put it back for the next time. */
	asm volatile("fnstcw %0; fistpll %1; fildll %1; stmxcsr %2"
		     : "=m"(x->control), "=m"(x->number), "=m"(x->mxcsr));
}

/* At RDI: the pattern, then room for what is found. */
struct fpu_area {
	u8 vectors[VEC_BYTES];
	u8 seen[VEC_BYTES];
	struct x87 x87, x87_seen;
};

/* k0 is not among the masks, so that the first two of their bytes are not used. */
__guest_inline void guest_check_vectors(struct fpu_area *area, enum vectors vectors)
{
	u64 j;

	*(u16 *)(area->seen + ZMM_BYTES) = *(u16 *)(area->vectors + ZMM_BYTES);
	save_vectors(area->seen, vectors);
	for (j = 0; j < vector_bytes(vectors); j += 8)
		guest_equal(*(volatile u64 *)(area->seen + j),
			    *(volatile u64 *)(area->vectors + j));
	load_vectors(area->vectors, vectors);
}

static __guest void keep_fpu(struct fpu_area *area, u64 vectors)
{
	u64 i;

	guest_enable_vectors(vectors);
	load_vectors(area->vectors, vectors);
	load_x87(&area->x87);
	for (i = 0; i < ROUNDS; i++) {
		u32 a, b, c, d;

		guest_sync(1);
		cpuid(0, 0, &a, &b, &c, &d);
		guest_check_vectors(area, vectors);
		save_x87(&area->x87_seen);
		guest_equal(area->x87_seen.number, area->x87.number);
		guest_equal(area->x87_seen.control, area->x87.control);
		guest_equal(area->x87_seen.mxcsr, area->x87.mxcsr);
	}
	guest_done();
}

static void fill(struct fpu_area *area, u8 seed)
{
	int i;

	for (i = 0; i < VEC_BYTES; i++)
		area->vectors[i] = (u8)(seed + i * 3);
	area->x87 = (struct x87){
		.number = 0x0123456789000000UL + seed,
		.control = seed & 1 ? 0x37f : 0x27f,
		.mxcsr = seed & 1 ? 0x1f80 : 0x5f80,
	};
}

static bool same_vectors(const u8 *a, const u8 *b, enum vectors vectors)
{
	if (vectors != AVX512)
		return !memcmp(a, b, vector_bytes(vectors));
	return !memcmp(a, b, ZMM_BYTES) &&
	       !memcmp(a + ZMM_BYTES + 2, b + ZMM_BYTES + 2, MASK_BYTES - 2);
}

/* KVM_RUN with the VMM's own registers full; true when they are the same. */
static bool run_keeps_mine(struct kv_vcpu *vcpu, const struct fpu_area *mine, enum vectors vectors,
			   int *err)
{
	struct fpu_area seen;
	long ret;

	load_x87(&mine->x87);
	load_vectors(mine->vectors, vectors);
	asm volatile("syscall"
		     : "=a"(ret)
		     : "a"(16 /* ioctl */), "D"(vcpu->fd), "S"(KVM_RUN), "d"(0)
		     : "rcx", "r11", "memory");
	save_vectors(seen.seen, vectors);
	save_x87(&seen.x87_seen);
	asm volatile("fninit");
	*err = (int)ret;
	return same_vectors(seen.seen, mine->vectors, vectors) &&
	       seen.x87_seen.number == mine->x87.number &&
	       seen.x87_seen.control == mine->x87.control && seen.x87_seen.mxcsr == mine->x87.mxcsr;
}

/* A process on the same CPU that uses its registers without pause. */
static pid_t start_rival(enum vectors vectors)
{
	pid_t pid = fork();
	struct fpu_area area, check;

	if (pid)
		return pid;
	signal(SIGTERM, SIG_DFL);
	fill(&area, 0x99);
	load_x87(&area.x87);
	load_vectors(area.vectors, vectors);
	for (;;) {
		save_vectors(check.seen, vectors);
		save_x87(&check.x87_seen);
		if (!same_vectors(check.seen, area.vectors, vectors) ||
		    check.x87_seen.number != area.x87.number)
			_exit(1);
		load_vectors(area.vectors, vectors);
	}
}

TEST(kept_apart)
{
	enum vectors vectors = host_vectors();
	struct kv_vm *vm = kv_vm_new(0);
	struct fpu_area mine, *area[2];
	struct kv_vcpu *vcpu[2];
	int i, turn, err, status;
	pid_t rival;

	kv_pin(pthread_self(), 0);
	for (i = 0; i < 2; i++) {
		vcpu[i] = kv_vcpu_new(vm, (u32)i);
		area[i] = kv_gpa(vm, AREA(i), sizeof(**area));
		fill(area[i], (u8)(0x30 + i));
		kv_enter(vcpu[i], keep_fpu, AREA(i), vectors);
	}
	fill(&mine, 0x77);
	rival = start_rival(vectors);
	ASSERT_GE(rival, 0);
	for (turn = 0; turn < ROUNDS; turn++) {
		for (i = 0; i < 2; i++) {
			struct kvm_run *run = vcpu[i]->run;

			ASSERT_TRUE(run_keeps_mine(vcpu[i], &mine, vectors, &err));
			ASSERT_EQ(0, err);
			ASSERT_EQ(KVM_EXIT_IO, run->exit_reason);
			ASSERT_EQ(KV_PORT_SYNC, run->io.port)
			{
				TH_LOG("vCPU %d, turn %d, port %#x, saw %#llx for %#llx", i, turn,
				       run->io.port, kv_regs(vcpu[i]).rdi, kv_regs(vcpu[i]).rsi);
			}
		}
		if (turn % 10 == 0)
			usleep(10000); /* the rival's turn */
	}
	for (i = 0; i < 2; i++)
		ASSERT_DONE(vcpu[i]);
	EXPECT_EQ(0, waitpid(rival, &status, WNOHANG));
	kill(rival, SIGKILL);
	waitpid(rival, &status, 0);
}

/* Preemption in the middle of guest code, not only at exits. */
static __guest void spin_fpu(struct fpu_area *area, u64 vectors)
{
	volatile u64 *stop = (volatile u64 *)STOP;
	u64 j;

	guest_enable_vectors(vectors);
	load_vectors(area->vectors, vectors);
	load_x87(&area->x87);
	while (!*stop) {
		++*(volatile u64 *)(area + 1);
		for (j = 0; j < 1000; j++)
			guest_pause();
		guest_check_vectors(area, vectors);
		save_x87(&area->x87_seen);
		guest_equal(area->x87_seen.number, area->x87.number);
		guest_equal(area->x87_seen.mxcsr, area->x87.mxcsr);
	}
	guest_done();
}

TEST(preempted)
{
	enum vectors vectors = host_vectors();
	struct kv_vm *vm = kv_vm_new(0);
	struct kv_vcpu *vcpu[3];
	struct kv_report report;
	int i, status;
	pid_t rival;

	kv_pin(pthread_self(), 0);
	rival = start_rival(vectors);
	for (i = 0; i < 3; i++) {
		u64 at = AREA(i);

		vcpu[i] = kv_vcpu_new(vm, (u32)i);
		fill(kv_gpa(vm, at, sizeof(struct fpu_area)), (u8)(0x40 + i));
		kv_enter(vcpu[i], spin_fpu, at, vectors);
		kv_start(vcpu[i]);
	}
	sleep(3);
	*(u64 *)kv_gpa(vm, STOP, 8) = 1;
	for (i = 0; i < 3; i++) {
		report = kv_join(vcpu[i]);
		EXPECT_EQ(KV_DONE, report.kind)
		{
			TH_LOG("vCPU %d: %s", i, kv_text(vcpu[i], &report));
		}
	}
	EXPECT_EQ(0, waitpid(rival, &status, WNOHANG));
	kill(rival, SIGKILL);
	waitpid(rival, &status, 0);
}

/* What the guest has in its registers is what KVM_GET_FPU and XSAVE show. */
static __guest void fill_xmm(void)
{
	asm volatile("movq %0, %%xmm3" : : "r"(0x1122334455667788UL));
	guest_sync(1);
	guest_done();
}

TEST(seen_from_outside)
{
	struct kv_vm *vm = kv_vm_new(0);
	struct kv_vcpu *vcpu = kv_vcpu_new(vm, 0);
	struct kvm_xsave xsave;
	struct kvm_fpu fpu;
	u64 seen;

	kv_enter(vcpu, fill_xmm, 0, 0);
	ASSERT_SYNC(vcpu, 1);
	ASSERT_EQ(0, ioctl(vcpu->fd, KVM_GET_FPU, &fpu));
	memcpy(&seen, fpu.xmm[3], 8);
	EXPECT_EQ(0x1122334455667788, seen);
	ASSERT_EQ(0, ioctl(vcpu->fd, KVM_GET_XSAVE, &xsave));
	memcpy(&seen, (u8 *)&xsave + 160 + 3 * 16, 8);
	EXPECT_EQ(0x1122334455667788, seen);
}

/* The same for what only AVX-512 has, at the offsets that CPUID names. */
static __guest void fill_zmm(struct fpu_area *area)
{
	guest_enable_vectors(AVX512);
	load_vectors(area->vectors, AVX512);
	guest_sync(1);
	guest_check_vectors(area, AVX512);
	guest_sync(2);
	save_vectors(area->seen, AVX512);
	guest_done();
}

static u8 *component(struct kvm_xsave *xsave, unsigned int n)
{
	unsigned int size, offset, c, d;

	__cpuid_count(0xd, n, size, offset, c, d);
	return (u8 *)xsave + offset;
}

TEST(avx512_seen_from_outside)
{
	struct kv_vm *vm = kv_vm_new(0);
	struct kv_vcpu *vcpu = kv_vcpu_new(vm, 0);
	struct fpu_area *area = kv_gpa(vm, AREA(0), sizeof(*area));
	struct kvm_xsave xsave;
	u16 mask;

	if (host_vectors() != AVX512)
		SKIP(return, "no AVX-512");
	fill(area, 0x21);
	kv_enter(vcpu, fill_zmm, AREA(0), 0);
	ASSERT_SYNC(vcpu, 1);
	ASSERT_EQ(0, ioctl(vcpu->fd, KVM_GET_XSAVE, &xsave));
	memcpy(&mask, component(&xsave, 5) + 3 * 8, 2);
	EXPECT_EQ(0, memcmp(&mask, area->vectors + ZMM_BYTES + 3 * 2, 2));
	EXPECT_EQ(0, memcmp(component(&xsave, 6) + 3 * 32, area->vectors + 3 * 64 + 32, 32));
	EXPECT_EQ(0, memcmp(component(&xsave, 7) + 3 * 64, area->vectors + 19 * 64, 64));
	ASSERT_SYNC(vcpu, 2);
	/* Swap two registers on the way back. */
	memcpy(component(&xsave, 7), area->vectors + 17 * 64, 64);
	memcpy(component(&xsave, 7) + 64, area->vectors + 16 * 64, 64);
	ASSERT_EQ(0, ioctl(vcpu->fd, KVM_SET_XSAVE, &xsave));
	ASSERT_DONE(vcpu);
	EXPECT_EQ(0, memcmp(area->seen + 16 * 64, area->vectors + 17 * 64, 64));
	EXPECT_EQ(0, memcmp(area->seen + 17 * 64, area->vectors + 16 * 64, 64));
	EXPECT_EQ(0, memcmp(area->seen + 18 * 64, area->vectors + 18 * 64, 14 * 64));
}

TEST_HARNESS_MAIN
