/* SPDX-License-Identifier: GPL-2.0 */
/* The Xen side of a guest, as the rest of vmmd sees it. */
#ifndef VMMD_XEN_CORE_H
#define VMMD_XEN_CORE_H

#include "types.h"

struct kvm_cpuid2;
struct vcpu;
struct vm;

/**
 * xen_create() - make vm->xen
 * @vm: being created, type="pv" or "pvh", none of Xen's devices yet
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

/**
 * xen_ask_suspend() - have the guest suspend itself
 * @vm: a running PV guest
 *
 * Context: main thread. Return: as xen_ask_shutdown().
 */
int xen_ask_suspend(struct vm *vm);

/**
 * xen_settle() - back ends say what they have to offer
 * @vm: a PV guest, its devices started, its vCPUs not running
 *
 * A driver that resumes looks at once. Context: main thread.
 */
void xen_settle(struct vm *vm);

/**
 * xen_ask_sysrq() - give the guest a magic key
 * @vm: a running PV guest
 * @letter: printable
 *
 * Context: main thread. Return: as xen_ask_shutdown().
 */
int xen_ask_sysrq(struct vm *vm, char letter);

/** xen_send_nmi() - to a vCPU of a running PV guest that there is; any thread */
void xen_send_nmi(struct vm *vm, u32 vcpu);

/**
 * xen_ask_vcpus() - have the guest bring vCPUs up or down
 * @vm: a PV guest
 * @online: the first so many are to be up, 1 to cfg.vcpus
 *
 * It stays so over restarts. Context: main thread. Return: 0 or -ENOMEM.
 */
int xen_ask_vcpus(struct vm *vm, u32 online);

/**
 * xen_tell_name() - vm->cfg.name has changed
 * @vm: a PV guest
 *
 * Context: main thread. Return: 0 or -ENOMEM.
 */
int xen_tell_name(struct vm *vm);

/**
 * xen_ask_memory() - have the guest's balloon leave it so much memory
 * @vm: a PV guest
 * @mib: vm->limit_mib at most
 *
 * It stays so over restarts. Context: main thread. Return: 0 or -ENOMEM.
 */
int xen_ask_memory(struct vm *vm, u64 mib);

/** xen_memory_target() - bytes that the guest was asked to have; main thread */
u64 xen_memory_target(const struct vm *vm);

/** xen_memory_left() - bytes that it has given back; main thread */
u64 xen_memory_left(const struct vm *vm);

/**
 * xen_memory_limit() - vm->limit_mib has changed
 * @vm: a PV guest
 *
 * Context: main thread. Return: 0 or -ENOMEM.
 */
int xen_memory_limit(struct vm *vm);

/* Leaves that xen_cpuid() may add. */
#define XEN_CPUID_LEAVES 8

/**
 * xen_cpuid() - what CPUID tells a guest that is to find Xen
 * @vm: the VM, with vm->xen
 * @cpuid: the vCPU's table, with room for XEN_CPUID_LEAVES more
 * @vcpu: number of the vCPU
 *
 * Xen's own leaves (xen/arch-x86/cpuid.h) are added, and what the guest's kernel is
 * not to use goes.
 */
void xen_cpuid(const struct vm *vm, struct kvm_cpuid2 *cpuid, u32 vcpu);

/**
 * xen_hypercall() - KVM_EXIT_XEN
 * @vcpu: own thread; its VM has type="pvh"
 */
void xen_hypercall(struct vcpu *vcpu);

#endif /* VMMD_XEN_CORE_H */
