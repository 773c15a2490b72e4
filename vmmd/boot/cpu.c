// SPDX-License-Identifier: GPL-2.0
/* A vCPU before its first instruction. See cpu.h. */
#include <asm/processor-flags.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "boot/cpu.h"
#include "vm.h"
#include "xen/core.h"

/* Numbers that Linux's user-space headers do not carry (AMD APM vol. 2, A). */
#define MSR_MISC_ENABLE	  0x1a0
#define MSR_MTRR_DEF_TYPE 0x2ff
#define MISC_FAST_STRING  (1ULL << 0)
#define MTRR_ENABLE	  (1ULL << 11)
#define MTRR_WRITE_BACK	  6
#define EFER_LME	  (1ULL << 8)
#define EFER_LMA	  (1ULL << 10)
#define PTE_PRESENT	  (1ULL << 0)
#define PTE_WRITE	  (1ULL << 1)
#define PTE_LARGE	  (1ULL << 7)

#define CPUID_MAX_ENTRIES 256
#define APIC_LVT_LINT0	  0x350
#define APIC_LVT_LINT1	  0x360
#define APIC_MODE_NMI	  (4U << 8)
#define APIC_MODE_EXTINT  (7U << 8)

struct kvm_cpuid2 *cpu_supported_cpuid(const struct hv *hv)
{
	struct kvm_cpuid2 *cpuid;
	int ret;

	cpuid = calloc(1, sizeof(*cpuid) + CPUID_MAX_ENTRIES * sizeof(cpuid->entries[0]));
	if (!cpuid)
		return NULL;
	cpuid->nent = CPUID_MAX_ENTRIES;
	ret = hv_ioctl(hv->dev_fd, KVM_GET_SUPPORTED_CPUID, cpuid);
	if (ret) {
		log_err("%s: cannot read the CPU's features: %s", hv->path, strerror(-ret));
		free(cpuid);
		return NULL;
	}
	return cpuid;
}

static u32 log2_up(u32 n)
{
	return n > 1 ? 32 - (u32)__builtin_clz(n - 1) : 0;
}

/* Leaf 1: identity within the machine, and what the in-kernel APIC can do. */
static void cpuid_features(struct kvm_cpuid_entry2 *e, const struct vcpu *vcpu)
{
	u32 vcpus = vcpu->vm->cfg.vcpus;

	e->ebx = (e->ebx & 0x0000ffff) | vcpu->id << 24 | vcpus << 16;
	if (vcpus > 1)
		e->edx |= 1U << 28; /* HTT: EBX[23:16] counts */
	else
		e->edx &= ~(1U << 28);
	e->ecx |= 1U << 31; /* runs under a hypervisor */
	if (hv_check(&vcpu->vm->hv, KVM_CAP_TSC_DEADLINE_TIMER))
		e->ecx |= 1U << 24;
}

/* Leaf 4: every vCPU is a core of one package with caches of its own. */
static void cpuid_cache(struct kvm_cpuid_entry2 *e, u32 vcpus)
{
	u32 level = (e->eax >> 5) & 7;
	u32 sharing = level >= 3 ? (1U << log2_up(vcpus)) - 1 : 0;
	u32 cores = min_t(u32, (1U << log2_up(vcpus)) - 1, 63);

	if (!(e->eax & 0x1f))
		return;
	e->eax = (e->eax & 0x3fff) | sharing << 14 | cores << 26;
}

/* Leaves 0xb and 0x1f: sub-leaf 0 is the thread, 1 the core, then the end. */
static void cpuid_topology(struct kvm_cpuid_entry2 *e, u32 id, u32 vcpus)
{
	e->eax = e->index == 1 ? log2_up(vcpus) : 0;
	e->ebx = e->index == 1 ? vcpus : e->index == 0 ? 1 : 0;
	e->ecx = e->index | (e->index == 1 ? 2U << 8 : e->index == 0 ? 1U << 8 : 0);
	e->edx = id;
}

static void cpuid_adjust(struct kvm_cpuid_entry2 *e, const struct vcpu *vcpu)
{
	u32 vcpus = vcpu->vm->cfg.vcpus;

	switch (e->function) {
	case 0x1:
		cpuid_features(e, vcpu);
		break;
	case 0x4:
		cpuid_cache(e, vcpus);
		break;
	case 0xb:
	case 0x1f:
		cpuid_topology(e, vcpu->id, vcpus);
		break;
	case 0x80000001:
		/* CmpLegacy: AMD's word for "EBX[23:16] counts cores". */
		if (vcpus > 1)
			e->ecx |= 1U << 1;
		else
			e->ecx &= ~(1U << 1);
		/* Nested SVM is not offered: nothing here keeps its state. */
		e->ecx &= ~(1U << 2);
		break;
	case 0x80000008:
		e->ecx = vcpus > 1 ? log2_up(vcpus) << 12 | (vcpus - 1) : 0;
		break;
	case 0x8000001e:
		e->eax = vcpu->id;
		e->ebx = vcpu->id & 0xff;
		e->ecx = 0;
		break;
	}
}

/*
 * Leaf 0xb tells x2APIC ids and the package's width. Where the hypervisor
 * reports fewer sub-leaves than the two that mean something, they are added.
 */
static bool cpuid_has(const struct kvm_cpuid2 *cpuid, u32 function, u32 index)
{
	u32 i;

	for (i = 0; i < cpuid->nent; i++)
		if (cpuid->entries[i].function == function && cpuid->entries[i].index == index)
			return true;
	return false;
}

static void cpuid_add(struct kvm_cpuid2 *cpuid, u32 function, u32 index)
{
	if (cpuid_has(cpuid, function, index))
		return;
	cpuid->entries[cpuid->nent++] = (struct kvm_cpuid_entry2){
		.function = function,
		.index = index,
		.flags = KVM_CPUID_FLAG_SIGNIFCANT_INDEX,
	};
}

static int cpu_set_cpuid(struct vcpu *vcpu, const struct kvm_cpuid2 *supported)
{
	const size_t spare = 2 + XEN_CPUID_LEAVES;
	struct kvm_cpuid2 *cpuid;
	u32 i;
	int ret;

	cpuid = malloc(sizeof(*cpuid) + (supported->nent + spare) * sizeof(cpuid->entries[0]));
	if (!cpuid)
		return -ENOMEM;
	memcpy(cpuid, supported, sizeof(*cpuid) + supported->nent * sizeof(cpuid->entries[0]));
	if (cpuid->nent && cpuid->entries[0].eax >= 0xb) {
		cpuid_add(cpuid, 0xb, 0);
		cpuid_add(cpuid, 0xb, 1);
	}
	for (i = 0; i < cpuid->nent; i++)
		cpuid_adjust(&cpuid->entries[i], vcpu);
	if (vcpu->vm->xen)
		xen_cpuid(vcpu->vm, cpuid, vcpu->id);
	ret = hv_ioctl(vcpu->fd, KVM_SET_CPUID2, cpuid);
	if (ret)
		log_err("vCPU %u: CPUID refused: %s", vcpu->id, strerror(-ret));
	free(cpuid);
	return ret;
}

/*
 * What firmware would have done: all memory write-back (without MTRRs Linux
 * before 6.3 gives up PAT as well), fast strings on.
 */
static int cpu_set_msrs(struct vcpu *vcpu)
{
	struct {
		struct kvm_msrs head;
		struct kvm_msr_entry entry[2];
	} msrs = {
		.entry[0] = {.index = MSR_MTRR_DEF_TYPE, .data = MTRR_ENABLE | MTRR_WRITE_BACK},
		.entry[1] = {.index = MSR_MISC_ENABLE, .data = MISC_FAST_STRING},
	};
	int ret;

	msrs.head.nmsrs = ARRAY_SIZE(msrs.entry);
	ret = hv_ioctl(vcpu->fd, KVM_SET_MSRS, &msrs);
	if (ret == (int)msrs.head.nmsrs)
		return 0;
	log_err("vCPU %u: MSR %#x refused", vcpu->id, ret < 0 ? 0 : msrs.entry[ret].index);
	return ret < 0 ? ret : -EINVAL;
}

static void lapic_write(struct kvm_lapic_state *lapic, u32 reg, u32 value)
{
	memcpy(lapic->regs + reg, &value, sizeof(value));
}

/* The boot CPU starts in virtual wire mode: PIC on LINT0, NMI on LINT1. */
static int cpu_set_lapic(struct vcpu *vcpu)
{
	struct kvm_lapic_state lapic;
	int ret;

	ret = hv_ioctl(vcpu->fd, KVM_GET_LAPIC, &lapic);
	if (!ret) {
		lapic_write(&lapic, APIC_LVT_LINT0, APIC_MODE_EXTINT);
		lapic_write(&lapic, APIC_LVT_LINT1, APIC_MODE_NMI);
		ret = hv_ioctl(vcpu->fd, KVM_SET_LAPIC, &lapic);
	}
	if (ret)
		log_err("vCPU %u: local APIC: %s", vcpu->id, strerror(-ret));
	return ret;
}

int cpu_init(struct vcpu *vcpu, const struct kvm_cpuid2 *supported)
{
	int ret;

	ret = cpu_set_cpuid(vcpu, supported);
	if (!ret)
		ret = cpu_set_msrs(vcpu);
	if (!ret && vcpu->id == 0)
		ret = cpu_set_lapic(vcpu);
	return ret;
}

/* Flat segments as in the descriptor cache; both boot protocols want these. */
static struct kvm_segment segment(u16 selector, u8 type)
{
	return (struct kvm_segment){
		.selector = selector,
		.limit = 0xffffffff,
		.type = type,
		.present = 1,
		.s = 1,
		.g = 1,
		.db = 1,
	};
}

#define SEG_CODE 0xb /* execute, read, accessed */
#define SEG_DATA 0x3 /* read, write, accessed */
#define SEG_TSS	 0xb /* busy 32-bit TSS */
/* Linux's __BOOT_CS and __BOOT_DS, which the 64-bit protocol prescribes. */
#define BOOT_CS 0x10
#define BOOT_DS 0x18

static void set_segments(struct kvm_sregs *s, bool long_mode)
{
	s->cs = segment(BOOT_CS, SEG_CODE);
	s->ds = segment(BOOT_DS, SEG_DATA);
	s->es = s->ds;
	s->fs = s->ds;
	s->gs = s->ds;
	s->ss = s->ds;
	if (long_mode) {
		s->cs.l = 1;
		s->cs.db = 0;
	}
	s->tr = (struct kvm_segment){.limit = 0x67, .type = SEG_TSS, .present = 1};
}

static int cpu_set_entry(struct vcpu *vcpu, struct kvm_sregs *s, const struct kvm_regs *r)
{
	int ret;

	ret = hv_ioctl(vcpu->fd, KVM_SET_SREGS, s);
	if (!ret)
		ret = hv_ioctl(vcpu->fd, KVM_SET_REGS, (void *)r);
	if (ret)
		log_err("vCPU %u: registers refused: %s", vcpu->id, strerror(-ret));
	return ret;
}

/* The descriptors that match set_segments() in long mode. */
static const u64 boot_gdt[] = {0, 0, 0x00af9b000000ffff, 0x00cf93000000ffff};

static int map_first_gib(const struct guest_mem *mem, u64 page_tables)
{
	u64 *pml4 = mem_range(mem, page_tables, 3 * GUEST_PAGE_SIZE);
	u64 *pdpt, *pd;
	u32 i;

	if (!pml4)
		return -EFAULT;
	pdpt = pml4 + 512;
	pd = pdpt + 512;
	pml4[0] = (page_tables + GUEST_PAGE_SIZE) | PTE_PRESENT | PTE_WRITE;
	pdpt[0] = (page_tables + 2 * GUEST_PAGE_SIZE) | PTE_PRESENT | PTE_WRITE;
	for (i = 0; i < 512; i++)
		pd[i] = i * 2 * MIB | PTE_PRESENT | PTE_WRITE | PTE_LARGE;
	return 0;
}

int cpu_set_long_mode(struct vcpu *vcpu, u64 entry, u64 rsi, u64 gdt, u64 page_tables)
{
	struct kvm_regs r = {.rip = entry, .rsi = rsi, .rflags = X86_EFLAGS_FIXED};
	const struct guest_mem *mem = &vcpu->vm->mem;
	struct kvm_sregs s;
	int ret;

	ret = map_first_gib(mem, page_tables);
	if (!ret)
		ret = mem_write(mem, gdt, boot_gdt, sizeof(boot_gdt));
	if (!ret)
		ret = hv_ioctl(vcpu->fd, KVM_GET_SREGS, &s);
	if (ret) {
		log_err("vCPU %u: cannot prepare long mode: %s", vcpu->id, strerror(-ret));
		return ret;
	}
	set_segments(&s, true);
	s.gdt = (struct kvm_dtable){.base = gdt, .limit = sizeof(boot_gdt) - 1};
	s.idt = (struct kvm_dtable){0};
	s.cr0 = X86_CR0_PE | X86_CR0_ET | X86_CR0_PG;
	s.cr3 = page_tables;
	s.cr4 = X86_CR4_PAE;
	s.efer = EFER_LME | EFER_LMA;
	return cpu_set_entry(vcpu, &s, &r);
}

int cpu_set_protected_mode(struct vcpu *vcpu, u32 entry, u32 ebx)
{
	struct kvm_regs r = {.rip = entry, .rbx = ebx, .rflags = X86_EFLAGS_FIXED};
	struct kvm_sregs s;
	int ret;

	ret = hv_ioctl(vcpu->fd, KVM_GET_SREGS, &s);
	if (ret) {
		log_err("vCPU %u: cannot read registers: %s", vcpu->id, strerror(-ret));
		return ret;
	}
	set_segments(&s, false);
	s.cr0 = X86_CR0_PE | X86_CR0_ET;
	s.cr3 = 0;
	s.cr4 = 0;
	s.efer = 0;
	return cpu_set_entry(vcpu, &s, &r);
}
