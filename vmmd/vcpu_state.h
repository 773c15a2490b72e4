/* SPDX-License-Identifier: GPL-2.0 */
/* All of a vCPU's state that is not in memory, to be kept in a file. */
#ifndef VMMD_VCPU_STATE_H
#define VMMD_VCPU_STATE_H

#include <linux/kvm.h>

#include "types.h"

struct vcpu;

#define VCPU_MSRS_MAX 512

/**
 * struct vcpu_state - a vCPU, in the words of the KVM ABI
 * @id: number
 * @nr_msrs: entries of @msr
 * @xsave: struct kvm_xsave, whose size is open
 *
 * What it has of the time (TSC and its deadline) belongs together with the VM's
 * clock: see vcpu_state_set().
 */
struct vcpu_state {
	u32 id;
	u32 nr_msrs;
	struct kvm_regs regs;
	struct kvm_sregs sregs;
	struct kvm_debugregs debugregs;
	struct kvm_vcpu_events events;
	struct kvm_xcrs xcrs;
	u32 xsave[1024];
	struct kvm_lapic_state lapic;
	struct kvm_mp_state mp_state;
	struct kvm_msr_entry msr[];
};

/**
 * vcpu_state_get() - read a vCPU's state
 * @vcpu: parked
 * @state: out: to be freed
 * @bytes: out: of it
 *
 * Context: main thread. Return: 0 or a negative errno (logged).
 */
int vcpu_state_get(struct vcpu *vcpu, struct vcpu_state **state, size_t *bytes);

/**
 * vcpu_state_set() - give a vCPU a state
 * @vcpu: created, never run
 * @state: as hostile as it likes: the node is what checks it
 * @tsc: what its TSC reads from now on
 *
 * An MSR that is refused is left as it is (logged): lists differ from node to node.
 * Context: main thread. Return: 0 or a negative errno (logged).
 */
int vcpu_state_set(struct vcpu *vcpu, const struct vcpu_state *state, u64 tsc);

/**
 * vcpu_get_tsc() - what a vCPU's TSC reads now
 * Return: 0 or a negative errno.
 */
int vcpu_get_tsc(const struct vcpu *vcpu, u64 *tsc);

#endif /* VMMD_VCPU_STATE_H */
