// SPDX-License-Identifier: GPL-2.0
/*
 * What this machine's SVM can do, and switching it on and off.
 */
#include <linux/percpu.h>
#include <asm/msr.h>
#include <asm/processor.h>

#include "svm.h"

struct svm_features svm_features;
DEFINE_PER_CPU(struct svm_cpu, svm_cpu);

/* All ports are intercepted, so every guest shares one map of ones. */
static struct page *iopm;

/**
 * svm_iopm_pa() - physical address of the I/O permission map, APM 15.10.1
 */
u64 svm_iopm_pa(void)
{
	return page_to_phys(iopm);
}

/**
 * svm_present() - whether the kernel sees SVM on this CPU
 */
bool svm_present(void)
{
	return boot_cpu_has(X86_FEATURE_SVM);
}

/**
 * svm_probe() - whether this machine can run guests by SVM
 *
 * Reads the CPUID leaf 0x8000000a (APM vol 3, E.4.9) and VM_CR.
 *
 * Return: 0, or -EOPNOTSUPP with the reason in the log.
 */
int svm_probe(void)
{
	u32 eax, ebx, ecx, edx;
	u64 vm_cr;

	if (!rdmsrl_safe(MSR_VM_CR, &vm_cr) &&
	    (vm_cr & SVM_VM_CR_SVM_DIS_MASK)) {
		pr_err("SVM is disabled by the firmware: enable it in the BIOS set-up\n");
		return -EOPNOTSUPP;
	}
	if (!boot_cpu_has(X86_FEATURE_NPT)) {
		pr_err("this CPU's SVM has no nested paging, which hvctl needs\n");
		return -EOPNOTSUPP;
	}

	cpuid(SVM_CPUID_FUNC, &eax, &ebx, &ecx, &edx);
	if (ebx < 2) {
		pr_err("SVM offers %u address-space ids: too few\n", ebx);
		return -EOPNOTSUPP;
	}
	svm_features = (struct svm_features) {
		.nrips = boot_cpu_has(X86_FEATURE_NRIPS),
		.decode = boot_cpu_has(X86_FEATURE_DECODEASSISTS),
		.flush_by_asid = boot_cpu_has(X86_FEATURE_FLUSHBYASID),
		.pause_filter = boot_cpu_has(X86_FEATURE_PAUSEFILTER),
		.v_spec_ctrl = boot_cpu_has(X86_FEATURE_V_SPEC_CTRL),
		.nr_asids = ebx,
	};
	return 0;
}

static void free_cpu_pages(void)
{
	int cpu;

	for_each_possible_cpu(cpu) {
		struct svm_cpu *sc = per_cpu_ptr(&svm_cpu, cpu);

		if (sc->hsave)
			__free_page(sc->hsave);
		if (sc->host)
			__free_page(sc->host);
		memset(sc, 0, sizeof(*sc));
	}
}

/**
 * svm_setup() - allocate what outlives any guest
 *
 * Return: 0 or -ENOMEM.
 */
int __init svm_setup(void)
{
	int cpu;

	svm_npt_init();
	iopm = alloc_pages(GFP_KERNEL, SVM_IOPM_ORDER);
	if (!iopm)
		return -ENOMEM;
	memset(page_address(iopm), 0xff, PAGE_SIZE << SVM_IOPM_ORDER);

	for_each_possible_cpu(cpu) {
		struct svm_cpu *sc = per_cpu_ptr(&svm_cpu, cpu);
		int node = cpu_to_node(cpu);

		sc->hsave = alloc_pages_node(node, GFP_KERNEL | __GFP_ZERO, 0);
		sc->host = alloc_pages_node(node, GFP_KERNEL | __GFP_ZERO, 0);
		if (!sc->hsave || !sc->host) {
			svm_teardown();
			return -ENOMEM;
		}
		sc->host_pa = page_to_phys(sc->host);
	}
	return 0;
}

/**
 * svm_teardown() - the reverse of svm_setup(); no CPU has SVM enabled
 */
void svm_teardown(void)
{
	free_cpu_pages();
	__free_pages(iopm, SVM_IOPM_ORDER);
	iopm = NULL;
}

/**
 * svm_cpu_enable() - take SVM on this CPU, APM 15.4
 *
 * Context: interrupts off, on the CPU meant.
 * Return: 0, or -EBUSY when EFER.SVME is set already.
 */
int svm_cpu_enable(void)
{
	struct svm_cpu *sc = this_cpu_ptr(&svm_cpu);
	u64 efer;

	rdmsrl(MSR_EFER, efer);
	if (efer & EFER_SVME)
		return -EBUSY;

	/* Stale tags of an earlier owner of the TLB must not match ours. */
	sc->asid_generation++;
	sc->next_asid = svm_features.nr_asids;
	if (boot_cpu_has(X86_FEATURE_RDTSCP))
		rdmsrl(MSR_TSC_AUX, sc->host_tsc_aux);
	sc->tsc_aux = sc->host_tsc_aux;
	wrmsrl(MSR_EFER, efer | EFER_SVME);
	wrmsrl(MSR_VM_HSAVE_PA, page_to_phys(sc->hsave));
	sc->enabled = true;
	return 0;
}

/**
 * svm_cpu_disable() - give SVM back on this CPU
 *
 * Context: interrupts off, on the CPU meant.
 */
void svm_cpu_disable(void)
{
	struct svm_cpu *sc = this_cpu_ptr(&svm_cpu);
	u64 efer;

	if (!sc->enabled)
		return;
	sc->enabled = false;
	wrmsrl(MSR_VM_HSAVE_PA, 0);
	rdmsrl(MSR_EFER, efer);
	wrmsrl(MSR_EFER, efer & ~EFER_SVME);
}
