// SPDX-License-Identifier: GPL-2.0
/* CPUID of guests that find Xen. See core.h. */
#include <errno.h>
#include <asm/kvm_para.h>
#include <linux/kvm.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <xen/xen.h>
#include <xen/arch-x86/cpuid.h>

#include "boot/cpu.h"
#include "savefile.h"
#include "xen/core.h"
#include "xen/hvm.h"
#include "xen/xen_internal.h"

#define HYPERVISOR_LEAVES 0x40000000U
#define HYPERVISOR_END	  0x40010000U
/* EBX of the time leaf: the TSC is the hardware's own. */
#define TSC_NEVER_EMULATED 2U
/* Width of a machine address: a PV guest with more asks for grants of v2. */
#define ADDRESS_BITS 44U

/**
 * struct hidden - bits of a leaf that PV guests do not see
 * @leaf: EAX
 * @index: ECX
 * @eax: and so on
 */
struct hidden {
	u32 leaf, index;
	u32 eax, ebx, ecx, edx;
};

#define BIT(n) (1U << (n))

static const struct hidden hidden[] = {
	/*
	 * MONITOR, VMX and SMX, PCID; VME, PSE, MTRR, PGE, PSE36: paging and modes
	 * that are the hypervisor's, and caches of the TLB that its flushes would
	 * have to know of.
	 */
	{1, 0, .ecx = BIT(3) | BIT(5) | BIT(6) | BIT(17),
	 .edx = BIT(1) | BIT(3) | BIT(12) | BIT(13) | BIT(17)},
	/*
	 * SMEP, INVPCID, SMAP: kernel pages carry no U bit, but Linux's PV code
	 * does not ask before it touches what a program has. UMIP, PKU, LA57,
	 * shadow stacks and IBT want control registers of a kernel of its own.
	 */
	{7, 0, .ebx = BIT(7) | BIT(10) | BIT(20),
	 .ecx = BIT(2) | BIT(3) | BIT(4) | BIT(7) | BIT(16), .edx = BIT(20)},
	/* SVM; pages of 1 GiB. */
	{0x80000001, 0, .ecx = BIT(2), .edx = BIT(3) | BIT(12) | BIT(13) | BIT(17) | BIT(26)},
};

static void hide(struct kvm_cpuid_entry2 *e)
{
	u32 i;

	for (i = 0; i < ARRAY_SIZE(hidden); i++) {
		if (e->function != hidden[i].leaf || e->index != hidden[i].index)
			continue;
		e->eax &= ~hidden[i].eax;
		e->ebx &= ~hidden[i].ebx;
		e->ecx &= ~hidden[i].ecx;
		e->edx &= ~hidden[i].edx;
	}
}

static void add(struct kvm_cpuid2 *cpuid, struct kvm_cpuid_entry2 e)
{
	cpuid->entries[cpuid->nent++] = e;
}

/* ------------------------------------------------------------ of another host */

enum { EAX, EBX, ECX, EDX };

/* Registers that a guest takes for constant: equal, or with all bits that it saw. */
static const struct {
	u32 leaf, index, reg;
	bool equal;
	const char *name;
} compared[SAVEFILE_CPUID] = {
	{0, 0, EBX, true, "vendor"},
	{0, 0, ECX, true, "vendor"},
	{0, 0, EDX, true, "vendor"},
	{1, 0, ECX, false, "leaf 1, ECX"},
	{1, 0, EDX, false, "leaf 1, EDX"},
	{7, 0, EBX, false, "leaf 7, EBX"},
	{7, 0, ECX, false, "leaf 7, ECX"},
	{7, 0, EDX, false, "leaf 7, EDX"},
	{0xd, 0, EAX, false, "leaf 0xd, EAX"},
	{0xd, 1, EAX, false, "leaf 0xd, index 1, EAX"},
	{0x80000001, 0, ECX, false, "leaf 0x80000001, ECX"},
	{0x80000001, 0, EDX, false, "leaf 0x80000001, EDX"},
};

/**
 * xen_cpuid_features() - what guests see of this CPU
 * @hv: open node
 * @features: out
 *
 * Return: 0 or -ENOMEM (logged).
 */
int xen_cpuid_features(const struct hv *hv, u32 features[])
{
	struct kvm_cpuid2 *cpuid = cpu_supported_cpuid(hv);
	u32 i, n;

	if (!cpuid)
		return -ENOMEM;
	memset(features, 0, SAVEFILE_CPUID * sizeof(features[0]));
	for (n = 0; n < cpuid->nent; n++) {
		struct kvm_cpuid_entry2 *e = &cpuid->entries[n];
		const u32 regs[] = {e->eax, e->ebx, e->ecx, e->edx};

		for (i = 0; i < SAVEFILE_CPUID; i++)
			if (compared[i].leaf == e->function && compared[i].index == e->index)
				features[i] = regs[compared[i].reg];
	}
	free(cpuid);
	return 0;
}

/** xen_cpuid_missing() - what @here lacks of @saved, NULL for nothing */
const char *xen_cpuid_missing(const u32 saved[], const u32 here[])
{
	u32 i;

	for (i = 0; i < SAVEFILE_CPUID; i++)
		if (compared[i].equal ? saved[i] != here[i] : saved[i] & ~here[i])
			return compared[i].name;
	return NULL;
}

/* ------------------------------------------------------------ Xen's leaves */

/**
 * struct leaves - what Xen's leaves tell
 * @base: the first of them
 * @pages: hypercall pages, made by writing to an MSR
 * @msr: that MSR
 * @features: XEN_CPUID_FEAT1_*
 * @hvm: XEN_HVM_CPUID_*
 */
struct leaves {
	u32 base;
	u32 pages, msr;
	u32 features;
	u32 hvm;
};

static void add_leaves(struct kvm_cpuid2 *cpuid, const struct leaves *l, u32 vcpu)
{
	add(cpuid, (struct kvm_cpuid_entry2){
			   .function = l->base,
			   .eax = l->base + 5,
			   .ebx = XEN_CPUID_SIGNATURE_EBX,
			   .ecx = XEN_CPUID_SIGNATURE_ECX,
			   .edx = XEN_CPUID_SIGNATURE_EDX,
		   });
	add(cpuid, (struct kvm_cpuid_entry2){.function = l->base + 1, .eax = XEN_VERSION});
	add(cpuid, (struct kvm_cpuid_entry2){
			   .function = l->base + 2,
			   .eax = l->pages,
			   .ebx = l->msr,
			   .ecx = l->features,
		   });
	add(cpuid, (struct kvm_cpuid_entry2){
			   .function = l->base + 3,
			   .flags = KVM_CPUID_FLAG_SIGNIFCANT_INDEX,
			   .ebx = TSC_NEVER_EMULATED,
		   });
	add(cpuid, (struct kvm_cpuid_entry2){
			   .function = l->base + 4,
			   .eax = l->hvm,
			   .ebx = vcpu,
		   });
	add(cpuid, (struct kvm_cpuid_entry2){.function = l->base + 5, .ebx = ADDRESS_BITS});
}

/** xen_cpuid_pv() - see xen_cpuid(): a PV guest */
void xen_cpuid_pv(struct kvm_cpuid2 *cpuid, u32 vcpu)
{
	/* No page of hypercalls by MSR: PV kernels get theirs from the builder. */
	static const struct leaves leaves = {
		.base = HYPERVISOR_LEAVES,
		.features = XEN_CPUID_FEAT1_MMU_PT_UPDATE_PRESERVE_AD,
		.hvm = XEN_HVM_CPUID_VCPU_ID_PRESENT,
	};
	u32 i, n = 0;

	for (i = 0; i < cpuid->nent; i++) {
		struct kvm_cpuid_entry2 *e = &cpuid->entries[i];

		if (e->function >= HYPERVISOR_LEAVES && e->function < HYPERVISOR_END)
			continue;
		hide(e);
		cpuid->entries[n++] = *e;
	}
	cpuid->nent = n;
	add_leaves(cpuid, &leaves, vcpu);
}

/**
 * xen_cpuid_hvm() - see xen_cpuid(): a guest whose hypercalls come by the hypervisor
 *
 * KVM's leaves stay the first, for kernels that do not know Xen. Who knows both takes
 * the hypervisor whose leaves are last for the one it runs on (the others are what
 * that one imitates). All hypercalls are Xen's, so KVM's features that need one go.
 */
void xen_cpuid_hvm(struct kvm_cpuid2 *cpuid, u32 vcpu)
{
	static const struct leaves leaves = {
		.base = HYPERVISOR_LEAVES + 0x100,
		.pages = 1,
		.msr = HVM_HYPERCALL_MSR,
		.hvm = XEN_HVM_CPUID_VCPU_ID_PRESENT | XEN_HVM_CPUID_UPCALL_VECTOR,
	};
	static const u32 by_hypercall = BIT(KVM_FEATURE_PV_UNHALT) | BIT(KVM_FEATURE_PV_SEND_IPI) |
					BIT(KVM_FEATURE_PV_SCHED_YIELD) |
					BIT(KVM_FEATURE_HC_MAP_GPA_RANGE);
	u32 i;

	for (i = 0; i < cpuid->nent; i++)
		if (cpuid->entries[i].function == KVM_CPUID_FEATURES)
			cpuid->entries[i].eax &= ~by_hypercall;
	add_leaves(cpuid, &leaves, vcpu);
}
