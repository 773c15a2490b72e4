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

#define ROUNDS 100

static bool host_has_avx(void)
{
	unsigned int a, b, c, d;

	return __get_cpuid(1, &a, &b, &c, &d) && (c & bit_AVX) && (c & bit_OSXSAVE);
}

/* Registers of the calling thread, 16 of 32 bytes, to and from memory. */
__guest_inline void load_ymm(const u8 *from)
{
	asm volatile("vmovups 0x00(%0), %%ymm0; vmovups 0x20(%0), %%ymm1\n"
		     "vmovups 0x40(%0), %%ymm2; vmovups 0x60(%0), %%ymm3\n"
		     "vmovups 0x80(%0), %%ymm4; vmovups 0xa0(%0), %%ymm5\n"
		     "vmovups 0xc0(%0), %%ymm6; vmovups 0xe0(%0), %%ymm7\n"
		     "vmovups 0x100(%0), %%ymm8; vmovups 0x120(%0), %%ymm9\n"
		     "vmovups 0x140(%0), %%ymm10; vmovups 0x160(%0), %%ymm11\n"
		     "vmovups 0x180(%0), %%ymm12; vmovups 0x1a0(%0), %%ymm13\n"
		     "vmovups 0x1c0(%0), %%ymm14; vmovups 0x1e0(%0), %%ymm15\n"
		     :
		     : "r"(from)
		     : "memory");
}

__guest_inline void save_ymm(u8 *to)
{
	asm volatile("vmovups %%ymm0, 0x00(%0); vmovups %%ymm1, 0x20(%0)\n"
		     "vmovups %%ymm2, 0x40(%0); vmovups %%ymm3, 0x60(%0)\n"
		     "vmovups %%ymm4, 0x80(%0); vmovups %%ymm5, 0xa0(%0)\n"
		     "vmovups %%ymm6, 0xc0(%0); vmovups %%ymm7, 0xe0(%0)\n"
		     "vmovups %%ymm8, 0x100(%0); vmovups %%ymm9, 0x120(%0)\n"
		     "vmovups %%ymm10, 0x140(%0); vmovups %%ymm11, 0x160(%0)\n"
		     "vmovups %%ymm12, 0x180(%0); vmovups %%ymm13, 0x1a0(%0)\n"
		     "vmovups %%ymm14, 0x1c0(%0); vmovups %%ymm15, 0x1e0(%0)\n"
		     :
		     : "r"(to)
		     : "memory");
}

#define YMM_BYTES 0x200

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
	u8 ymm[YMM_BYTES];
	u8 seen[YMM_BYTES];
	struct x87 x87, x87_seen;
};

static __guest void keep_fpu(struct fpu_area *area, u64 avx)
{
	u64 i, j;

	if (avx) {
		write_cr4(read_cr4() | 1 << 18);
		asm volatile("xsetbv" : : "a"(7), "c"(0), "d"(0));
		load_ymm(area->ymm);
	}
	load_x87(&area->x87);
	for (i = 0; i < ROUNDS; i++) {
		u32 a, b, c, d;

		guest_sync(1);
		cpuid(0, 0, &a, &b, &c, &d);
		if (avx) {
			save_ymm(area->seen);
			for (j = 0; j < YMM_BYTES; j += 8)
				guest_equal(*(volatile u64 *)(area->seen + j),
					    *(volatile u64 *)(area->ymm + j));
			load_ymm(area->ymm);
		}
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

	for (i = 0; i < YMM_BYTES; i++)
		area->ymm[i] = (u8)(seed + i * 3);
	area->x87 = (struct x87){
		.number = 0x0123456789000000UL + seed,
		.control = seed & 1 ? 0x37f : 0x27f,
		.mxcsr = seed & 1 ? 0x1f80 : 0x5f80,
	};
}

/* KVM_RUN with the VMM's own registers full; true when they are the same. */
static bool run_keeps_mine(struct kv_vcpu *vcpu, const struct fpu_area *mine, bool avx, int *err)
{
	struct fpu_area seen;
	long ret;

	load_x87(&mine->x87);
	if (avx)
		load_ymm(mine->ymm);
	asm volatile("syscall"
		     : "=a"(ret)
		     : "a"(16 /* ioctl */), "D"(vcpu->fd), "S"(KVM_RUN), "d"(0)
		     : "rcx", "r11", "memory");
	if (avx)
		save_ymm(seen.seen);
	save_x87(&seen.x87_seen);
	asm volatile("fninit");
	*err = (int)ret;
	return (!avx || !memcmp(seen.seen, mine->ymm, YMM_BYTES)) &&
	       seen.x87_seen.number == mine->x87.number &&
	       seen.x87_seen.control == mine->x87.control && seen.x87_seen.mxcsr == mine->x87.mxcsr;
}

/* A process on the same CPU that uses its registers without pause. */
static pid_t start_rival(bool avx)
{
	pid_t pid = fork();
	struct fpu_area area, check;

	if (pid)
		return pid;
	signal(SIGTERM, SIG_DFL);
	fill(&area, 0x99);
	load_x87(&area.x87);
	if (avx)
		load_ymm(area.ymm);
	for (;;) {
		if (avx)
			save_ymm(check.seen);
		save_x87(&check.x87_seen);
		if ((avx && memcmp(check.seen, area.ymm, YMM_BYTES)) ||
		    check.x87_seen.number != area.x87.number)
			_exit(1);
		if (avx)
			load_ymm(area.ymm);
	}
}

TEST(kept_apart)
{
	bool avx = host_has_avx();
	struct kv_vm *vm = kv_vm_new(0);
	struct fpu_area mine, *area[2];
	struct kv_vcpu *vcpu[2];
	int i, turn, err, status;
	pid_t rival;

	kv_pin(pthread_self(), 0);
	for (i = 0; i < 2; i++) {
		vcpu[i] = kv_vcpu_new(vm, (u32)i);
		area[i] = kv_gpa(vm, KV_DATA + (u64)i * 0x1000, sizeof(**area));
		fill(area[i], (u8)(0x30 + i));
		kv_enter(vcpu[i], keep_fpu, KV_DATA + (u64)i * 0x1000, avx);
	}
	fill(&mine, 0x77);
	rival = start_rival(avx);
	ASSERT_GE(rival, 0);
	for (turn = 0; turn < ROUNDS; turn++) {
		for (i = 0; i < 2; i++) {
			struct kvm_run *run = vcpu[i]->run;

			ASSERT_TRUE(run_keeps_mine(vcpu[i], &mine, avx, &err));
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
static __guest void spin_fpu(struct fpu_area *area, u64 avx)
{
	volatile u64 *stop = (volatile u64 *)(KV_DATA + 0x8000);
	u64 j;

	if (avx) {
		write_cr4(read_cr4() | 1 << 18);
		asm volatile("xsetbv" : : "a"(7), "c"(0), "d"(0));
		load_ymm(area->ymm);
	}
	load_x87(&area->x87);
	while (!*stop) {
		++*(volatile u64 *)(area + 1);
		for (j = 0; j < 1000; j++)
			guest_pause();
		if (avx) {
			save_ymm(area->seen);
			for (j = 0; j < YMM_BYTES; j += 8)
				guest_equal(*(volatile u64 *)(area->seen + j),
					    *(volatile u64 *)(area->ymm + j));
			load_ymm(area->ymm);
		}
		save_x87(&area->x87_seen);
		guest_equal(area->x87_seen.number, area->x87.number);
		guest_equal(area->x87_seen.mxcsr, area->x87.mxcsr);
	}
	guest_done();
}

TEST(preempted)
{
	bool avx = host_has_avx();
	struct kv_vm *vm = kv_vm_new(0);
	struct kv_vcpu *vcpu[3];
	struct kv_report report;
	int i, status;
	pid_t rival;

	kv_pin(pthread_self(), 0);
	rival = start_rival(avx);
	for (i = 0; i < 3; i++) {
		u64 at = KV_DATA + (u64)i * 0x1000;

		vcpu[i] = kv_vcpu_new(vm, (u32)i);
		fill(kv_gpa(vm, at, sizeof(struct fpu_area)), (u8)(0x40 + i));
		kv_enter(vcpu[i], spin_fpu, at, avx);
		kv_start(vcpu[i]);
	}
	sleep(3);
	*(u64 *)kv_gpa(vm, KV_DATA + 0x8000, 8) = 1;
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

TEST_HARNESS_MAIN
