// SPDX-License-Identifier: GPL-2.0
/* CPUID of PV guests. See core.h. */
#include <linux/kvm.h>
#include <stdint.h>
#include <string.h>
#include <xen/xen.h>
#include <xen/arch-x86/cpuid.h>

#include "xen/core.h"

#define HYPERVISOR_LEAVES 0x40000000U
#define HYPERVISOR_END	  0x40010000U
#define XEN_VERSION	  (4U << 16 | 20)
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

void xen_cpuid(struct kvm_cpuid2 *cpuid, u32 vcpu)
{
	u32 i, n = 0;

	for (i = 0; i < cpuid->nent; i++) {
		struct kvm_cpuid_entry2 *e = &cpuid->entries[i];

		if (e->function >= HYPERVISOR_LEAVES && e->function < HYPERVISOR_END)
			continue;
		hide(e);
		cpuid->entries[n++] = *e;
	}
	cpuid->nent = n;
	add(cpuid, (struct kvm_cpuid_entry2){
			   .function = HYPERVISOR_LEAVES,
			   .eax = HYPERVISOR_LEAVES + 5,
			   .ebx = XEN_CPUID_SIGNATURE_EBX,
			   .ecx = XEN_CPUID_SIGNATURE_ECX,
			   .edx = XEN_CPUID_SIGNATURE_EDX,
		   });
	add(cpuid,
	    (struct kvm_cpuid_entry2){.function = HYPERVISOR_LEAVES + 1, .eax = XEN_VERSION});
	/* No page of hypercalls by MSR: PV kernels get theirs from the builder. */
	add(cpuid, (struct kvm_cpuid_entry2){
			   .function = HYPERVISOR_LEAVES + 2,
			   .ecx = XEN_CPUID_FEAT1_MMU_PT_UPDATE_PRESERVE_AD,
		   });
	add(cpuid, (struct kvm_cpuid_entry2){
			   .function = HYPERVISOR_LEAVES + 3,
			   .flags = KVM_CPUID_FLAG_SIGNIFCANT_INDEX,
			   .ebx = TSC_NEVER_EMULATED,
		   });
	add(cpuid, (struct kvm_cpuid_entry2){
			   .function = HYPERVISOR_LEAVES + 4,
			   .eax = XEN_HVM_CPUID_VCPU_ID_PRESENT,
			   .ebx = vcpu,
		   });
	add(cpuid,
	    (struct kvm_cpuid_entry2){.function = HYPERVISOR_LEAVES + 5, .ebx = ADDRESS_BITS});
}
