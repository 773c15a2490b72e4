/* SPDX-License-Identifier: GPL-2.0 */
/* The Xen side of a guest, as the rest of vmmd sees it. */
#ifndef VMMD_XEN_CORE_H
#define VMMD_XEN_CORE_H

#include "types.h"

struct kvm_cpuid2;
struct vm;

/**
 * xen_create() - make vm->xen
 * @vm: being created, type="pv", no device yet
 *
 * Return: 0 or a negative errno (logged).
 */
int xen_create(struct vm *vm);

/**
 * xen_ask_shutdown() - have the guest shut itself down
 * @vm: a running PV guest
 * @how: "poweroff", "reboot", as in control/shutdown of its xenstore
 *
 * Context: main thread. Return: 0, or -EAGAIN when the guest has not said that
 * it listens (yet).
 */
int xen_ask_shutdown(struct vm *vm, const char *how);

/* Leaves that xen_cpuid() may add. */
#define XEN_CPUID_LEAVES 8

/**
 * xen_cpuid() - what CPUID tells a PV guest
 * @cpuid: the vCPU's table, with room for XEN_CPUID_LEAVES more
 * @vcpu: number of the vCPU
 *
 * The hypervisor's own leaves become Xen's (xen/arch-x86/cpuid.h), and what a
 * PV kernel is not to use goes.
 */
void xen_cpuid(struct kvm_cpuid2 *cpuid, u32 vcpu);

#endif /* VMMD_XEN_CORE_H */
