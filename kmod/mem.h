/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Guest memory: slots, access from the kernel, nested page tables, and the
 * decoding of instructions that touch device memory.
 */
#ifndef HVCTL_MEM_H
#define HVCTL_MEM_H

#include <linux/kvm.h>
#include <linux/mmu_notifier.h>
#include <linux/types.h>

struct hv_vm;
struct hv_vcpu;
struct hv_exit;

#define HV_MAX_SLOTS	512

/**
 * struct hv_slot - one memory slot; immutable once published
 * @id: slot number of KVM_SET_USER_MEMORY_REGION
 * @base_gfn: first guest frame
 * @npages: frames
 * @hva: user address of @base_gfn, page aligned
 * @flags: KVM_MEM_LOG_DIRTY_PAGES, KVM_MEM_READONLY
 * @dirty: bitmap of @npages bits when the slot is logged; set atomically,
 *	   shared with the slot's successor as long as logging goes on
 */
struct hv_slot {
	u32 id;
	u32 flags;
	u64 base_gfn;
	u64 npages;
	unsigned long hva;
	unsigned long *dirty;
};

/**
 * struct hv_slots - all slots of a VM, sorted by base_gfn
 *
 * Published with RCU: readers hold rcu_read_lock() or run with preemption
 * off; writers make a copy under vm->slots_lock.
 */
struct hv_slots {
	struct rcu_head rcu;
	u32 count;
	struct hv_slot slot[] __counted_by(count);
};

/* memslot.c */
int hv_slots_init(struct hv_vm *vm);
void hv_slots_destroy(struct hv_vm *vm);
int hv_set_memory_region(struct hv_vm *vm,
			 const struct kvm_userspace_memory_region *region);
int hv_get_dirty_log(struct hv_vm *vm, const struct kvm_dirty_log *log);
const struct hv_slot *hv_slot_find(struct hv_vm *vm, u64 gfn);
void hv_mark_dirty(struct hv_vm *vm, const struct hv_slot *slot, u64 gfn);
u64 hv_slots_bytes(struct hv_vm *vm);

/* guest_mem.c: the range check and everything that copies */
unsigned long hv_gpa_range(struct hv_vm *vm, u64 gpa, u64 len, bool write);
int hv_read_gpa(struct hv_vm *vm, u64 gpa, void *buf, u32 len);
int hv_write_gpa(struct hv_vm *vm, u64 gpa, const void *buf, u32 len);
/* Never sleep, fit for IRQs off; -EAGAIN where only the slow path can. */
int hv_read_gpa_atomic(struct hv_vm *vm, u64 gpa, void *buf, u32 len);
int hv_write_gpa_atomic(struct hv_vm *vm, u64 gpa, const void *buf, u32 len);

/**
 * struct hv_walk - result of walking the guest's own page tables
 * @gpa: guest-physical address
 * @error: #PF error code when the walk failed
 */
struct hv_walk {
	u64 gpa;
	u32 error;
};

/* walk.c: linear to guest-physical, by the guest's paging mode */
#define HV_WALK_WRITE	BIT(0)
#define HV_WALK_USER	BIT(1)
#define HV_WALK_FETCH	BIT(2)
int hv_walk_gva(struct hv_vcpu *vcpu, u64 gva, u32 access, bool atomic,
		struct hv_walk *out);
int hv_read_gva(struct hv_vcpu *vcpu, u64 gva, void *buf, u32 len,
		u32 access, struct hv_walk *out);
int hv_write_gva(struct hv_vcpu *vcpu, u64 gva, const void *buf, u32 len,
		 u32 access, struct hv_walk *out);
u64 hv_linear_rip(struct hv_vcpu *vcpu);

/* mmu.c: nested page tables */
/* Fault handlers: HV_RESUME when mapped, HV_SLOW from the fast one when it
 * would have to sleep, HV_MMIO when no slot backs the address (or a write
 * hits a read-only slot), -EFAULT when the VMM's own mapping is missing.
 */
#define HV_MMIO		3
int hv_mmu_init(struct hv_vm *vm);
void hv_mmu_destroy(struct hv_vm *vm);
int hv_mmu_fault_fast(struct hv_vcpu *vcpu, u64 gpa, u32 access);
int hv_mmu_fault(struct hv_vcpu *vcpu, u64 gpa, u32 access);
void hv_mmu_zap_gfn_range(struct hv_vm *vm, u64 start_gfn, u64 end_gfn);
void hv_mmu_write_protect(struct hv_vm *vm, u64 start_gfn, u64 end_gfn);
/* ... and only the frames whose bit is set in mask, from base_gfn on. */
void hv_mmu_write_protect_mask(struct hv_vm *vm, u64 base_gfn,
			       unsigned long mask);
u64 hv_mmu_root(struct hv_vm *vm);	/* physical address of the root page */

/**
 * struct hv_pte_format - how this CPU spells a nested page-table entry
 * @levels: 4 or 5
 * @present: bits that make an entry present, all of them for a table
 * @leaf: bits of every present leaf (memory type WB included)
 * @write: writable
 * @exec_disable: set to forbid execution, or 0 where @exec grants it
 * @exec: set to allow execution, or 0
 * @accessed: the CPU sets it on use, 0 where it does not
 * @dirty: the CPU sets it on write, 0 where it does not
 * @large: marks a leaf above the lowest level
 * @huge_1g: 1 GiB leaves are supported
 */
struct hv_pte_format {
	u8 levels;
	u64 present;
	u64 leaf;
	u64 write;
	u64 exec_disable;
	u64 exec;
	u64 accessed;
	u64 dirty;
	u64 large;
	bool (*huge_1g)(void);
};

/* insn.c: lengths and the MMIO forms (no kernel dependencies: unit-tested) */
#include "insn.h"

/* insn_fetch.c: bytes at RIP, with a small translation cache */
/* Length of the instruction that exited (opcode checked against @reason);
 * HV_RESUME with vcpu->exit.insn_len set, HV_SLOW if it cannot tell without
 * sleeping (atomic only), or a fault was queued for the guest (HV_RESUME with
 * insn_len 0).
 */
int hv_insn_len(struct hv_vcpu *vcpu, bool atomic);
int hv_insn_fetch(struct hv_vcpu *vcpu, bool atomic);
/* Decode the access to device memory at exit.fault.gpa into vcpu->mmio. */
int hv_mmio_decode(struct hv_vcpu *vcpu, bool atomic);

#endif /* HVCTL_MEM_H */
