// SPDX-License-Identifier: GPL-2.0
/*
 * What this machine's VMX can do, and switching it on and off.
 */
#include <linux/percpu.h>
#include <asm/apicdef.h>
#include <asm/intel_pt.h>
#include <asm/msr.h>
#include <asm/perf_event.h>
#include <asm/processor.h>

#include "insn.h"
#include "vmx.h"

struct vmx_caps vmx_caps;
DEFINE_PER_CPU(struct vmx_cpu, vmx_cpu);

/*
 * All guests have the same MSRs to themselves, and some of their local APIC's
 * where the CPU looks after that: two bitmaps are enough.
 */
static u8 *msr_bitmap[2];

/* Controls without which there is no guest. */
static const struct {
	enum vmx_word word;
	u32 bit;
	const char *name;
} needs[] = {
	{ VMX_PIN, PIN_BASED_EXT_INTR_MASK, "external-interrupt exiting" },
	{ VMX_PIN, PIN_BASED_NMI_EXITING, "NMI exiting" },
	{ VMX_PIN, PIN_BASED_VIRTUAL_NMIS, "virtual NMIs" },
	{ VMX_CPU, CPU_BASED_INTR_WINDOW_EXITING, "interrupt-window exiting" },
	{ VMX_CPU, CPU_BASED_NMI_WINDOW_EXITING, "NMI-window exiting" },
	{ VMX_CPU, CPU_BASED_USE_TSC_OFFSETTING, "TSC offsetting" },
	{ VMX_CPU, CPU_BASED_HLT_EXITING, "HLT exiting" },
	{ VMX_CPU, CPU_BASED_MWAIT_EXITING, "MWAIT exiting" },
	{ VMX_CPU, CPU_BASED_MONITOR_EXITING, "MONITOR exiting" },
	{ VMX_CPU, CPU_BASED_RDPMC_EXITING, "RDPMC exiting" },
	{ VMX_CPU, CPU_BASED_MOV_DR_EXITING, "MOV-DR exiting" },
	{ VMX_CPU, CPU_BASED_CR8_LOAD_EXITING, "CR8-load exiting" },
	{ VMX_CPU, CPU_BASED_TPR_SHADOW, "TPR shadow" },
	{ VMX_CPU, CPU_BASED_UNCOND_IO_EXITING, "unconditional I/O exiting" },
	{ VMX_CPU, CPU_BASED_USE_MSR_BITMAPS, "MSR bitmaps" },
	{ VMX_CPU, CPU_BASED_ACTIVATE_SECONDARY_CONTROLS, "secondary controls" },
	{ VMX_CPU2, SECONDARY_EXEC_ENABLE_EPT, "extended page tables" },
	{ VMX_CPU2, SECONDARY_EXEC_UNRESTRICTED_GUEST, "unrestricted guest" },
	{ VMX_EXIT, VM_EXIT_HOST_ADDR_SPACE_SIZE, "64-bit host" },
	{ VMX_EXIT, VM_EXIT_SAVE_DEBUG_CONTROLS, "save debug controls" },
	{ VMX_EXIT, VM_EXIT_LOAD_IA32_PAT, "load PAT on exit" },
	{ VMX_EXIT, VM_EXIT_LOAD_IA32_EFER, "load EFER on exit" },
	{ VMX_ENTRY, VM_ENTRY_LOAD_DEBUG_CONTROLS, "load debug controls" },
	{ VMX_ENTRY, VM_ENTRY_IA32E_MODE, "64-bit guest" },
	{ VMX_ENTRY, VM_ENTRY_LOAD_IA32_PAT, "load PAT on entry" },
	{ VMX_ENTRY, VM_ENTRY_LOAD_IA32_EFER, "load EFER on entry" },
};

/*
 * Controls that are used where there are. Without theirs RDTSCP, INVPCID and
 * XSAVES give #UD, and ENCLS, WBINVD run at the guest's will.
 */
static const u32 wants[VMX_WORDS] = {
	[VMX_PIN] = PIN_BASED_VMX_PREEMPTION_TIMER,
	[VMX_CPU2] = SECONDARY_EXEC_ENABLE_VPID | SECONDARY_EXEC_ENABLE_RDTSCP |
		     SECONDARY_EXEC_ENABLE_INVPCID | SECONDARY_EXEC_ENABLE_XSAVES |
		     SECONDARY_EXEC_PAUSE_LOOP_EXITING |
		     SECONDARY_EXEC_WBINVD_EXITING |
		     SECONDARY_EXEC_ENCLS_EXITING |
		     SECONDARY_EXEC_ENABLE_PML |
		     SECONDARY_EXEC_PT_CONCEAL_VMX,
	[VMX_EXIT] = VM_EXIT_PT_CONCEAL_PIP,
	[VMX_ENTRY] = VM_ENTRY_PT_CONCEAL_PIP,
};

/* On for guests in x2APIC mode, where there are both. */
#define CPU2_APIC	(SECONDARY_EXEC_VIRTUALIZE_X2APIC_MODE | \
			 SECONDARY_EXEC_VIRTUAL_INTR_DELIVERY)

/* Part of needs[], but the vCPU decides when they are on. */
static const u32 variable[VMX_WORDS] = {
	[VMX_CPU] = VMX_CPU_VARIABLE,
	[VMX_ENTRY] = VM_ENTRY_IA32E_MODE,
};

static const u32 ctl_msr[VMX_WORDS] = {
	[VMX_PIN] = MSR_IA32_VMX_TRUE_PINBASED_CTLS,
	[VMX_CPU] = MSR_IA32_VMX_TRUE_PROCBASED_CTLS,
	[VMX_CPU2] = MSR_IA32_VMX_PROCBASED_CTLS2,
	[VMX_EXIT] = MSR_IA32_VMX_TRUE_EXIT_CTLS,
	[VMX_ENTRY] = MSR_IA32_VMX_TRUE_ENTRY_CTLS,
};

/**
 * vmx_msr_bitmap_pa() - physical address of an MSR bitmap, 25.6.9
 * @x2apic: that of guests whose x2APIC the CPU virtualises
 */
u64 vmx_msr_bitmap_pa(bool x2apic)
{
	return virt_to_phys(msr_bitmap[x2apic]);
}

/*
 * A control word (A.3 to A.5): bits of the lower half of the MSR must be 1,
 * bits that are 0 in the upper half must be 0. Return: what is needed and not
 * to be had.
 */
static u32 read_word(struct vmx_caps *caps, enum vmx_word word)
{
	u32 must = 0, low, high;
	size_t i;

	rdmsr(ctl_msr[word], low, high);
	for (i = 0; i < ARRAY_SIZE(needs); i++)
		if (needs[i].word == word)
			must |= needs[i].bit;
	caps->ctl[word] = ((must & ~variable[word]) | (wants[word] & high)) | low;
	if (word == VMX_CPU2 && (high & CPU2_APIC) == CPU2_APIC)
		caps->apic = CPU2_APIC;
	return must & ~high;
}

/* Secondary controls and EPT have MSRs of their own only where they exist. */
static void read_caps(struct vmx_caps *caps, u32 missing[VMX_WORDS])
{
	enum vmx_word word;
	u64 misc;

	memset(caps, 0, sizeof(*caps));
	rdmsrl(MSR_IA32_VMX_BASIC, caps->basic);
	if (!(caps->basic & VMX_BASIC_TRUE_CTLS))
		return;
	for (word = 0; word < VMX_WORDS; word++) {
		if (word == VMX_CPU2 &&
		    (missing[VMX_CPU] & CPU_BASED_ACTIVATE_SECONDARY_CONTROLS))
			continue;
		missing[word] = read_word(caps, word);
	}
	if (!missing[VMX_CPU] && !missing[VMX_CPU2])
		rdmsrl(MSR_IA32_VMX_EPT_VPID_CAP, caps->ept);
	/* It logs when a dirty bit is set. */
	if (!(caps->ept & VMX_EPT_AD_BIT))
		caps->ctl[VMX_CPU2] &= ~SECONDARY_EXEC_ENABLE_PML;

	/* A.6: of the TSC's bits, the one whose change is a count. */
	rdmsrl(MSR_IA32_VMX_MISC, misc);
	caps->timer_shift = misc & GENMASK(4, 0);
	caps->timer = caps->ctl[VMX_PIN] & PIN_BASED_VMX_PREEMPTION_TIMER;

	rdmsrl(MSR_IA32_VMX_CR0_FIXED0, caps->cr0_fixed);
	rdmsrl(MSR_IA32_VMX_CR4_FIXED0, caps->cr4_fixed);
	caps->cr0_fixed &= ~(X86_CR0_PE | X86_CR0_PG);
}

static int refuse(const char *what)
{
	pr_err("this CPU's VMX has no %s, which hvctl needs\n", what);
	return -EOPNOTSUPP;
}

/* CPUID 1 ECX: the kernel clears its copy where the firmware says no. */
static bool cpuid_vmx(void)
{
	return cpuid_ecx(1) & BIT(X86_FEATURE_VMX & 31);
}

/**
 * vmx_present() - whether this CPU has VMX at all
 */
bool vmx_present(void)
{
	return boot_cpu_has(X86_FEATURE_VMX) || cpuid_vmx();
}

/**
 * vmx_probe() - whether this machine can run guests by VMX
 *
 * Reads the capability MSRs (appendix A).
 *
 * Return: 0, or -EOPNOTSUPP with the reason in the log.
 */
int vmx_probe(void)
{
	u32 missing[VMX_WORDS] = { };
	size_t i;

	/* IA32_FEATURE_CONTROL, locked by the firmware or by the kernel. */
	if (!boot_cpu_has(X86_FEATURE_VMX)) {
		pr_err("VMX is disabled by the firmware: enable it in the BIOS set-up\n");
		return -EOPNOTSUPP;
	}
	if (cpu_feature_enabled(HV_FEATURE_FRED)) {
		pr_err("VMX with FRED is not supported: boot with fred=off\n");
		return -EOPNOTSUPP;
	}
	read_caps(&vmx_caps, missing);
	if (!(vmx_caps.basic & VMX_BASIC_TRUE_CTLS))
		return refuse("\"true\" control MSRs");
	for (i = 0; i < ARRAY_SIZE(needs); i++)
		if (missing[needs[i].word] & needs[i].bit)
			return refuse(needs[i].name);
	if (!(vmx_caps.ept & VMX_EPT_PAGE_WALK_4_BIT) ||
	    !(vmx_caps.ept & VMX_EPTP_WB_BIT))
		return refuse("4-level write-back EPT");
	if (!(vmx_caps.ept & VMX_EPT_2MB_PAGE_BIT))
		return refuse("2 MiB pages in EPT");
	if (!(vmx_caps.ept & VMX_EPT_INVEPT_BIT) ||
	    !(vmx_caps.ept & VMX_EPT_EXTENT_GLOBAL_BIT))
		return refuse("INVEPT");
	if (boot_cpu_has_bug(X86_BUG_L1TF) && !cpu_mitigations_off() &&
	    !boot_cpu_has(X86_FEATURE_FLUSH_L1D))
		pr_warn("guests may read the host's L1 cache (L1TF): the microcode cannot flush it\n");
	return 0;
}

#define PASS_READ	BIT(0)
#define PASS_WRITE	BIT(1)

static void pass_msr(u8 *bitmap, u32 msr, u32 how)
{
	/* 25.6.9: reads low, reads high, writes low, writes high, 1 KiB each. */
	u32 bit = (msr & 0x1fff) + (msr >= 0xc0000000 ? 0x2000 : 0);

	if (how & PASS_READ)
		__clear_bit(bit, (unsigned long *)bitmap);
	if (how & PASS_WRITE)
		__clear_bit(bit + 0x4000, (unsigned long *)bitmap);
}

/*
 * What the guest may do without an exit. Of most it is reading: they are seldom
 * written, and then the last value need never be read back.
 */
static void fill_msr_bitmap(u8 *bitmap, bool x2apic)
{
	static const u32 readable[] = {
		MSR_STAR, MSR_LSTAR, MSR_CSTAR, MSR_SYSCALL_MASK,
		MSR_IA32_SYSENTER_CS, MSR_IA32_SYSENTER_ESP,
		MSR_IA32_SYSENTER_EIP, MSR_IA32_CR_PAT,
	};
	static const u32 own[] = {
		MSR_FS_BASE, MSR_GS_BASE, MSR_KERNEL_GS_BASE,
	};
	size_t i;

	memset(bitmap, 0xff, PAGE_SIZE);
	for (i = 0; i < ARRAY_SIZE(readable); i++)
		pass_msr(bitmap, readable[i], PASS_READ);
	for (i = 0; i < ARRAY_SIZE(own); i++)
		pass_msr(bitmap, own[i], PASS_READ | PASS_WRITE);
	if (!x2apic)
		return;
	/* 30.5: these do not reach the real APIC's. */
	pass_msr(bitmap, APIC_BASE_MSR + (APIC_TASKPRI >> 4), PASS_READ | PASS_WRITE);
	pass_msr(bitmap, APIC_BASE_MSR + (APIC_EOI >> 4), PASS_WRITE);
}

/**
 * vmx_setup() - allocate what outlives any guest
 *
 * Return: 0 or -ENOMEM.
 */
int __init vmx_setup(void)
{
	int cpu, i;

	vmx_ept_init();
	for (i = 0; i < ARRAY_SIZE(msr_bitmap); i++) {
		msr_bitmap[i] = (u8 *)__get_free_page(GFP_KERNEL);
		if (!msr_bitmap[i]) {
			vmx_teardown();
			return -ENOMEM;
		}
		fill_msr_bitmap(msr_bitmap[i], i);
	}

	for_each_possible_cpu(cpu) {
		struct vmx_cpu *vc = per_cpu_ptr(&vmx_cpu, cpu);

		INIT_LIST_HEAD(&vc->active);
		vc->vmxon = alloc_pages_node(cpu_to_node(cpu),
					     GFP_KERNEL | __GFP_ZERO, 0);
		if (!vc->vmxon) {
			vmx_teardown();
			return -ENOMEM;
		}
		/* The region begins with the revision identifier, 24.11.5. */
		*(u32 *)page_address(vc->vmxon) =
			vmx_basic_vmcs_revision_id(vmx_caps.basic);
	}
	return 0;
}

/**
 * vmx_teardown() - the reverse of vmx_setup(); no CPU has VMX enabled
 */
void vmx_teardown(void)
{
	int cpu, i;

	for_each_possible_cpu(cpu) {
		struct vmx_cpu *vc = per_cpu_ptr(&vmx_cpu, cpu);

		if (vc->vmxon)
			__free_page(vc->vmxon);
		vc->vmxon = NULL;
	}
	for (i = 0; i < ARRAY_SIZE(msr_bitmap); i++) {
		free_page((unsigned long)msr_bitmap[i]);
		msr_bitmap[i] = NULL;
	}
}

/**
 * vmx_on() - VMXON on this CPU, 24.7
 *
 * Context: interrupts off.
 * Return: whether the CPU is in VMX operation now.
 */
bool vmx_on(void)
{
	struct vmx_cpu *vc = this_cpu_ptr(&vmx_cpu);

	hv_cr4_update(X86_CR4_VMXE, 0);
	if (vmx_vmxon(page_to_phys(vc->vmxon)))
		return true;
	hv_cr4_update(0, X86_CR4_VMXE);
	return false;
}

/**
 * vmx_off() - VMXOFF on this CPU
 *
 * A VMCS that is active then may be lost (25.11.1), so none is.
 *
 * Context: interrupts off.
 */
void vmx_off(void)
{
	struct vmx_cpu *vc = this_cpu_ptr(&vmx_cpu);

	while (!list_empty(&vc->active))
		vmx_unload(list_first_entry(&vc->active, struct vmx_vcpu, node));
	vmx_vmxoff();
	hv_cr4_update(0, X86_CR4_VMXE);
}

/* Whether VMXON is allowed outside of SMX; the kernel has locked it so. */
static bool feature_control_ok(void)
{
	u64 want = FEAT_CTL_LOCKED | FEAT_CTL_VMX_ENABLED_OUTSIDE_SMX;
	u64 value;

	rdmsrl(MSR_IA32_FEAT_CTL, value);
	if (!(value & FEAT_CTL_LOCKED)) {
		/* A kernel without the option for it leaves that to us. */
		wrmsrl(MSR_IA32_FEAT_CTL, value | want);
		return true;
	}
	return (value & want) == want;
}

static bool same_caps(void)
{
	u32 missing[VMX_WORDS] = { };
	struct vmx_caps caps;

	read_caps(&caps, missing);
	return !memcmp(&caps, &vmx_caps, sizeof(caps));
}

static void read_host_msrs(struct vmx_cpu *vc)
{
	rdmsrl(MSR_STAR, vc->host_msr[VMX_STAR]);
	rdmsrl(MSR_LSTAR, vc->host_msr[VMX_LSTAR]);
	rdmsrl(MSR_CSTAR, vc->host_msr[VMX_CSTAR]);
	rdmsrl(MSR_SYSCALL_MASK, vc->host_msr[VMX_SFMASK]);
	if (boot_cpu_has(X86_FEATURE_RDTSCP))
		rdmsrl(MSR_TSC_AUX, vc->host_tsc_aux);
}

/**
 * vmx_cpu_enable() - take VMX on this CPU
 *
 * Context: interrupts off, on the CPU meant.
 * Return: 0; -EBUSY when CR4.VMXE is set already; -EOPNOTSUPP for a CPU that
 * is not like the first, or whose firmware has VMX disabled; -EIO when it will
 * not be switched on all the same.
 */
int vmx_cpu_enable(void)
{
	struct vmx_cpu *vc = this_cpu_ptr(&vmx_cpu);
	int cpu = smp_processor_id();

	if (native_read_cr4() & X86_CR4_VMXE)
		return -EBUSY;
	if (!feature_control_ok()) {
		pr_err("VMX is disabled by the firmware on CPU %d\n", cpu);
		return -EOPNOTSUPP;
	}
	if (!same_caps()) {
		pr_err("VMX of CPU %d differs from that of the first\n", cpu);
		return -EOPNOTSUPP;
	}
	read_host_msrs(vc);
	vc->current_vmcs = NULL;
	/* Some CPUs cannot trace in VMX operation: VMXON would give #GP. */
	intel_pt_handle_vmx(1);
	if (!vmx_on()) {
		intel_pt_handle_vmx(0);
		pr_err("VMXON failed on CPU %d\n", cpu);
		return -EIO;
	}
	/* Whatever an earlier owner of the CPU has left cached. */
	vmx_invept(NULL);
	if (!HV_CR4_TRACKED)
		vmx_off();
	vc->enabled = true;
	return 0;
}

/**
 * vmx_cpu_disable() - give VMX back on this CPU
 *
 * Context: interrupts off, on the CPU meant.
 */
void vmx_cpu_disable(void)
{
	struct vmx_cpu *vc = this_cpu_ptr(&vmx_cpu);

	if (!vc->enabled)
		return;
	vc->enabled = false;
	if (HV_CR4_TRACKED)
		vmx_off();
	intel_pt_handle_vmx(0);
}

/**
 * vmx_cpu_emergency() - the kernel is crashing: make INIT work again
 *
 * The crash kernel would not survive CR4.VMXE, which it clears early, nor could
 * it start this CPU. Cached parts of guests' VMCSs are lost with the guests.
 *
 * Context: any, NMI too.
 */
void vmx_cpu_emergency(void)
{
	if (!(native_read_cr4() & X86_CR4_VMXE))
		return;
	vmx_vmxoff();
	hv_cr4_update(0, X86_CR4_VMXE);
}
