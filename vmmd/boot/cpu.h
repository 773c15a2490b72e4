/* SPDX-License-Identifier: GPL-2.0 */
/* A vCPU's state before its first instruction: CPUID, MSRs, registers. */
#ifndef VMMD_BOOT_CPU_H
#define VMMD_BOOT_CPU_H

#include "types.h"

struct hv;
struct kvm_cpuid2;
struct vcpu;

/**
 * cpu_supported_cpuid() - what the hypervisor can give a guest
 * @hv: open node
 *
 * Return: the table, to be freed by the caller, or NULL (logged).
 */
struct kvm_cpuid2 *cpu_supported_cpuid(const struct hv *hv);

/**
 * cpu_init() - give a fresh vCPU its CPUID table and power-on MSRs
 * @vcpu: just created
 * @supported: of cpu_supported_cpuid(); unchanged
 *
 * Return: 0 or a negative errno (logged).
 */
int cpu_init(struct vcpu *vcpu, const struct kvm_cpuid2 *supported);

/**
 * cpu_set_long_mode() - 64-bit mode, paging on, flat segments
 * @vcpu: vCPU 0
 * @entry: first instruction
 * @rsi: second argument register, the boot protocol's parameter
 * @gdt: guest physical address of a page for the descriptor table
 * @page_tables: guest physical address of three pages for page tables,
 *		 which will map the first GiB one to one
 *
 * The state that the Linux 64-bit boot protocol asks for
 * (Documentation/arch/x86/boot.rst).
 * Return: 0 or a negative errno (logged).
 */
int cpu_set_long_mode(struct vcpu *vcpu, u64 entry, u64 rsi, u64 gdt, u64 page_tables);

/**
 * cpu_set_protected_mode() - 32-bit protected mode, paging off, flat segments
 * @vcpu: vCPU 0
 * @entry: first instruction
 * @ebx: parameter
 *
 * The state that the x86/HVM direct boot ABI asks for (xen/arch-x86/hvm/
 * start_info.h). Return: 0 or a negative errno (logged).
 */
int cpu_set_protected_mode(struct vcpu *vcpu, u32 entry, u32 ebx);

#endif /* VMMD_BOOT_CPU_H */
