// SPDX-License-Identifier: GPL-2.0
/*
 * A guest's FPU, vector and protection-key state.
 *
 * It lives in an XSAVE area of our own while the guest does not run, because
 * the kernel's guest-FPU calls are not for every module. kernel_fpu_begin()
 * puts the host task's registers in safety; from there until kernel_fpu_end()
 * the registers belong to the guest. The area has the standard format, whose
 * offsets CPUID leaf 0xD gives, so KVM_GET_XSAVE is nearly a copy.
 *
 * Components are saved and restored under the host's XCR0: the guest's may be
 * smaller, and a component the guest has switched off must survive.
 *
 * PKRU is the guest's from enter to leave. The kernel's own accesses to user
 * memory obey it meanwhile: one that it forbids fails, and the slow path,
 * which runs after leave, repeats it.
 */
#include "hvctl.h"

#include <linux/log2.h>
#include <linux/slab.h>

#include <asm/cpufeature.h>
#include <asm/fpu/api.h>
#include <asm/fpu/types.h>
#include <asm/fpu/xcr.h>
#include <asm/msr.h>
#include <asm/pkru.h>
#include <asm/processor.h>

#define FX_SIZE		sizeof(struct fxregs_state)
#define HEADER_END	(FX_SIZE + sizeof(struct xstate_header))
#define MXCSR_RESET	0x1f80
#define FCW_RESET	0x37f

/* What a guest may ever have: up to AVX-512, and protection keys. */
#define FEATURES	(XFEATURE_MASK_FPSSE | XFEATURE_MASK_YMM | \
			 XFEATURE_MASK_AVX512 | XFEATURE_MASK_PKRU)
#define FEATURES_NR	(XFEATURE_PKRU + 1)

/* All set by hv_fpu_init() and constant afterwards. */
static struct {
	bool xsave;		/* else FXSAVE */
	u64 host_xcr0;
	u64 host_xss;
	u64 features;
	u32 size;
	u32 mxcsr_mask;
	struct {
		u32 offset, size;	/* in the standard format */
		bool aligned;		/* to 64 bytes in the compacted one */
	} part[FEATURES_NR];
} fpu;

/* MXCSR bits the CPU has; setting another one in an image faults. */
static u32 mxcsr_mask(void)
{
	struct fxregs_state fx __aligned(16) = { };

	kernel_fpu_begin();
	asm volatile("fxsave64 %0" : "+m" (fx));
	kernel_fpu_end();
	/* A CPU that leaves the field 0 means this (Intel volume 1, 11.6.6). */
	return fx.mxcsr_mask ?: 0xffbf;
}

/**
 * hv_fpu_init() - learn what this CPU's state consists of
 *
 * Called once at load, before any vCPU exists; may sleep.
 */
void hv_fpu_init(void)
{
	u32 eax, ebx, ecx, edx;
	int i;

	fpu.mxcsr_mask = mxcsr_mask();
	fpu.features = XFEATURE_MASK_FPSSE;
	fpu.size = HEADER_END;
	if (!boot_cpu_has(X86_FEATURE_XSAVE))
		return;

	fpu.xsave = true;
	fpu.host_xcr0 = xgetbv(XCR_XFEATURE_ENABLED_MASK);
	fpu.features = fpu.host_xcr0 & FEATURES;
	if ((fpu.features & XFEATURE_MASK_AVX512) != XFEATURE_MASK_AVX512)
		fpu.features &= ~XFEATURE_MASK_AVX512;
	if (!cpu_feature_enabled(X86_FEATURE_OSPKE))
		fpu.features &= ~XFEATURE_MASK_PKRU;
	if (boot_cpu_has(X86_FEATURE_XSAVES))
		rdmsrl(MSR_IA32_XSS, fpu.host_xss);

	for (i = XFEATURE_YMM; i < FEATURES_NR; i++) {
		if (!(fpu.features & BIT_ULL(i)))
			continue;
		cpuid_count(0xd, i, &eax, &ebx, &ecx, &edx);
		fpu.part[i].size = eax;
		fpu.part[i].offset = ebx;
		fpu.part[i].aligned = ecx & BIT(1);
		fpu.size = max(fpu.size, ebx + eax);
	}
}

/**
 * hv_fpu_supported() - XCR0 bits that guests may have on this host
 *
 * Return: 0 on a CPU without XSAVE.
 */
u64 hv_fpu_supported(void)
{
	return fpu.xsave ? fpu.features : 0;
}

/**
 * hv_xstate_size() - bytes of an XSAVE area
 * @features: components in it; those that hvctl does not know take no room
 * @compacted: in the format of XSAVEC and XSAVES (Intel volume 1, 13.4.3)
 */
u32 hv_xstate_size(u64 features, bool compacted)
{
	u32 size = HEADER_END;
	int i;

	for (i = XFEATURE_YMM; i < FEATURES_NR; i++) {
		if (!(features & fpu.features & BIT_ULL(i)))
			continue;
		if (compacted) {
			if (fpu.part[i].aligned)
				size = ALIGN(size, 64);
			size += fpu.part[i].size;
		} else {
			size = max(size, fpu.part[i].offset + fpu.part[i].size);
		}
	}
	return size;
}

/**
 * hv_xsave_size() - bytes that KVM_GET_XSAVE2 writes and KVM_SET_XSAVE reads
 *
 * Return: never less than struct kvm_xsave, as the KVM API promises.
 */
u32 hv_xsave_size(void)
{
	return max_t(u32, fpu.size, sizeof(struct kvm_xsave));
}

/**
 * hv_fpu_create() - give a new vCPU its area, in the state after RESET
 * @vcpu: being created
 *
 * Return: 0 or -ENOMEM.
 */
int hv_fpu_create(struct hv_vcpu *vcpu)
{
	/* A power of two, because those are aligned to their size. */
	vcpu->fpu.size = roundup_pow_of_two(fpu.size);
	vcpu->fpu.area = kzalloc(vcpu->fpu.size, GFP_KERNEL_ACCOUNT);
	if (!vcpu->fpu.area)
		return -ENOMEM;
	hv_fpu_reset(vcpu, false);
	return 0;
}

/**
 * hv_fpu_destroy() - free what hv_fpu_create() made; nothing if it did not
 * @vcpu: no longer running
 */
void hv_fpu_destroy(struct hv_vcpu *vcpu)
{
	kfree(vcpu->fpu.area);
	vcpu->fpu.area = NULL;
}

/**
 * hv_fpu_reset() - all components in their initial configuration
 * @vcpu: outside the inner loop
 * @init: INIT leaves them alone
 */
void hv_fpu_reset(struct hv_vcpu *vcpu, bool init)
{
	struct xregs_state *x = vcpu->fpu.area;

	if (init)
		return;
	memset(x, 0, vcpu->fpu.size);
	x->i387.cwd = FCW_RESET;
	x->i387.mxcsr = MXCSR_RESET;
}

static void restore(struct xregs_state *x)
{
	u32 lo = lower_32_bits(fpu.features), hi = upper_32_bits(fpu.features);

	if (fpu.xsave)
		asm volatile("xrstor64 %0"
			     : : "m" (*x), "a" (lo), "d" (hi) : "memory");
	else
		asm volatile("fxrstor64 %0" : : "m" (*x) : "memory");
}

static void save(struct xregs_state *x)
{
	u32 lo = lower_32_bits(fpu.features), hi = upper_32_bits(fpu.features);

	if (!fpu.xsave)
		asm volatile("fxsave64 %0" : "=m" (*x) : : "memory");
	else if (static_cpu_has(X86_FEATURE_XSAVEOPT))
		asm volatile("xsaveopt64 %0"
			     : "+m" (*x) : "a" (lo), "d" (hi) : "memory");
	else
		asm volatile("xsave64 %0"
			     : "+m" (*x) : "a" (lo), "d" (hi) : "memory");
}

/**
 * hv_fpu_enter() - the registers become the guest's
 * @vcpu: its own thread, preemptible
 *
 * Returns with preemption off. The image cannot make XRSTOR fault: every way
 * into it checks the header and MXCSR.
 */
void hv_fpu_enter(struct hv_vcpu *vcpu)
{
	/* Nothing initialised: restore() loads all of it. */
	kernel_fpu_begin_mask(0);
	if (fpu.features & XFEATURE_MASK_PKRU)
		vcpu->fpu.host_pkru = rdpkru();
	restore(vcpu->fpu.area);
	if (fpu.xsave && vcpu->state.xcr0 != fpu.host_xcr0)
		xsetbv(XCR_XFEATURE_ENABLED_MASK, vcpu->state.xcr0);
	/* The guest's XSAVES must not reach supervisor state of the host. */
	if (fpu.host_xss)
		wrmsrl(MSR_IA32_XSS, 0);
}

/**
 * hv_fpu_leave() - the registers become the host's again
 * @vcpu: after hv_fpu_enter(), same CPU
 *
 * Between the two vcpu->state.xcr0 does not change: XSETBV is for the slow
 * path.
 */
void hv_fpu_leave(struct hv_vcpu *vcpu)
{
	if (fpu.host_xss)
		wrmsrl(MSR_IA32_XSS, fpu.host_xss);
	if (fpu.xsave && vcpu->state.xcr0 != fpu.host_xcr0)
		xsetbv(XCR_XFEATURE_ENABLED_MASK, fpu.host_xcr0);
	save(vcpu->fpu.area);
	if (fpu.features & XFEATURE_MASK_PKRU)
		write_pkru(vcpu->fpu.host_pkru);
	kernel_fpu_end();
}

/**
 * hv_fpu_get() - KVM_GET_FPU
 * @vcpu: locked
 * @out: filled
 */
int hv_fpu_get(struct hv_vcpu *vcpu, struct kvm_fpu *out)
{
	const struct xregs_state *x = vcpu->fpu.area;
	const struct fxregs_state *fx = &x->i387;
	u64 live = fpu.xsave ? x->header.xfeatures : XFEATURE_MASK_FPSSE;

	memset(out, 0, sizeof(*out));
	out->fcw = FCW_RESET;
	if (live & XFEATURE_MASK_FP) {
		memcpy(out->fpr, fx->st_space, sizeof(out->fpr));
		out->fcw = fx->cwd;
		out->fsw = fx->swd;
		out->ftwx = fx->twd;
		out->last_opcode = fx->fop;
		out->last_ip = fx->rip;
		out->last_dp = fx->rdp;
	}
	if (live & XFEATURE_MASK_SSE)
		memcpy(out->xmm, fx->xmm_space, sizeof(out->xmm));
	out->mxcsr = fx->mxcsr;
	return 0;
}

/**
 * hv_fpu_set() - KVM_SET_FPU
 * @vcpu: locked
 * @in: new x87 and SSE state; the other components stay
 *
 * Return: 0, or -EINVAL for MXCSR bits this CPU lacks.
 */
int hv_fpu_set(struct hv_vcpu *vcpu, const struct kvm_fpu *in)
{
	struct xregs_state *x = vcpu->fpu.area;
	struct fxregs_state *fx = &x->i387;

	if (in->mxcsr & ~fpu.mxcsr_mask)
		return -EINVAL;
	memcpy(fx->st_space, in->fpr, sizeof(in->fpr));
	fx->cwd = in->fcw;
	fx->swd = in->fsw;
	fx->twd = in->ftwx;
	fx->fop = in->last_opcode;
	fx->rip = in->last_ip;
	fx->rdp = in->last_dp;
	memcpy(fx->xmm_space, in->xmm, sizeof(in->xmm));
	fx->mxcsr = in->mxcsr;
	x->header.xfeatures |= XFEATURE_MASK_FPSSE;
	return 0;
}

/**
 * hv_xsave_get() - KVM_GET_XSAVE, KVM_GET_XSAVE2
 * @vcpu: locked
 * @buf: cleared and filled in the standard format
 * @size: of @buf, bytes
 *
 * A component in its initial configuration is told by its bit alone: XSAVEOPT
 * does not write it, and what its place in the area holds is old.
 *
 * Return: 0, or -EINVAL when the area does not fit @size.
 */
int hv_xsave_get(struct hv_vcpu *vcpu, void *buf, u32 size)
{
	const struct xregs_state *x = vcpu->fpu.area;
	struct xregs_state *out = buf;
	u64 live = fpu.xsave ? x->header.xfeatures : XFEATURE_MASK_FPSSE;
	int i;

	if (size < fpu.size)
		return -EINVAL;
	memset(buf, 0, size);
	out->header.xfeatures = live;
	out->i387.cwd = FCW_RESET;
	if (live & XFEATURE_MASK_FP)
		memcpy(&out->i387, &x->i387,
		       offsetof(struct fxregs_state, xmm_space));
	if (live & XFEATURE_MASK_SSE)
		memcpy(out->i387.xmm_space, x->i387.xmm_space,
		       sizeof(x->i387.xmm_space));
	out->i387.mxcsr = x->i387.mxcsr;
	out->i387.mxcsr_mask = fpu.mxcsr_mask;
	for (i = XFEATURE_YMM; i < FEATURES_NR; i++)
		if (live & BIT_ULL(i))
			memcpy(buf + fpu.part[i].offset,
			       vcpu->fpu.area + fpu.part[i].offset,
			       fpu.part[i].size);
	return 0;
}

/**
 * hv_xsave_set() - KVM_SET_XSAVE
 * @vcpu: locked
 * @buf: an image in the standard format, already copied from user space
 * @size: of @buf, bytes
 *
 * Return: 0, or -EINVAL for an image that XRSTOR would refuse: components the
 * host lacks, the compacted format, reserved bits of header or MXCSR.
 */
int hv_xsave_set(struct hv_vcpu *vcpu, const void *buf, u32 size)
{
	struct xregs_state *x = vcpu->fpu.area;
	const struct xregs_state *in = buf;
	u64 live;

	if (size < fpu.size)
		return -EINVAL;
	live = in->header.xfeatures;
	if ((live & ~fpu.features) || in->header.xcomp_bv ||
	    memchr_inv(in->header.reserved, 0, sizeof(in->header.reserved)))
		return -EINVAL;
	if ((live & (XFEATURE_MASK_SSE | XFEATURE_MASK_YMM)) &&
	    (in->i387.mxcsr & ~fpu.mxcsr_mask))
		return -EINVAL;

	memcpy(x, in, fpu.size);
	if (!(live & (XFEATURE_MASK_SSE | XFEATURE_MASK_YMM)))
		x->i387.mxcsr = MXCSR_RESET;
	if (!fpu.xsave && !(live & XFEATURE_MASK_FP)) {
		/* FXRSTOR has no bit that says "initial". */
		memset(&x->i387, 0, offsetof(struct fxregs_state, mxcsr));
		memset(x->i387.st_space, 0, sizeof(x->i387.st_space));
		x->i387.cwd = FCW_RESET;
	}
	if (!fpu.xsave && !(live & XFEATURE_MASK_SSE))
		memset(x->i387.xmm_space, 0, sizeof(x->i387.xmm_space));
	return 0;
}

/**
 * hv_xcrs_get() - KVM_GET_XCRS
 * @vcpu: locked
 * @xcrs: filled with XCR0, the only one there is
 *
 * Return: 0, or -EINVAL on a host without XSAVE.
 */
int hv_xcrs_get(struct hv_vcpu *vcpu, struct kvm_xcrs *xcrs)
{
	if (!fpu.xsave)
		return -EINVAL;
	memset(xcrs, 0, sizeof(*xcrs));
	xcrs->nr_xcrs = 1;
	xcrs->xcrs[0].xcr = XCR_XFEATURE_ENABLED_MASK;
	xcrs->xcrs[0].value = vcpu->state.xcr0;
	return 0;
}

/**
 * hv_xcrs_set() - KVM_SET_XCRS
 * @vcpu: locked
 * @xcrs: registers other than XCR0 are ignored
 *
 * Return: 0, or -EINVAL on a host without XSAVE, for flags, for more registers
 * than fit, and for a value of XCR0 the guest could not load itself.
 */
int hv_xcrs_set(struct hv_vcpu *vcpu, const struct kvm_xcrs *xcrs)
{
	u32 i;

	if (!fpu.xsave || xcrs->flags || xcrs->nr_xcrs > KVM_MAX_XCRS)
		return -EINVAL;
	for (i = 0; i < xcrs->nr_xcrs; i++)
		if (xcrs->xcrs[i].xcr == XCR_XFEATURE_ENABLED_MASK)
			return hv_xcr0_set(vcpu, xcrs->xcrs[i].value);
	return 0;
}
