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

#include "insn.h"

struct hv_vm;
struct hv_vcpu;

/* KVM_CAP_NR_MEMSLOTS */
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
 * Published with RCU under mmu_lock: readers hold rcu_read_lock(), mmu_lock, or
 * run with preemption off; writers make a copy under vm->slots_lock.
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
const struct hv_slot *hv_slot_find(const struct hv_slots *slots, u64 gfn);
const struct hv_slot *hv_slot_by_id(const struct hv_slots *slots, u32 id);
u64 hv_slots_bytes(struct hv_vm *vm);

/* dirty_log.c; KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2 */
#define HV_DIRTY_FLAGS	(KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE | \
			 KVM_DIRTY_LOG_INITIALLY_SET)
unsigned long *hv_dirty_alloc(struct hv_vm *vm, u64 npages);
void hv_mark_dirty(const struct hv_slot *slot, u64 gfn);
void hv_log_gpa(struct hv_vm *vm, u64 gpa);	/* preemption off */
int hv_get_dirty_log(struct hv_vm *vm, const struct kvm_dirty_log *log);
int hv_clear_dirty_log(struct hv_vm *vm, const struct kvm_clear_dirty_log *log);

/*
 * guest_mem.c: the range check and everything that copies. 0; -ENOENT outside
 * the slots (or a write to a read-only one); -EFAULT where the VMM has
 * unmapped its side; -EINTR for a signal while the page was fetched.
 */
unsigned long hv_gpa_range(struct hv_vm *vm, u64 gpa, u64 len, bool write);
int hv_read_gpa(struct hv_vm *vm, u64 gpa, void *buf, u32 len);
int hv_write_gpa(struct hv_vm *vm, u64 gpa, const void *buf, u32 len);
/* Never sleeps, fit for IRQs off; -EAGAIN where only the slow path can. */
int hv_cmpxchg_gpa_atomic(struct hv_vm *vm, u64 gpa, u8 size, u64 old, u64 new);

/*
 * A record of the guest's that user space has told of by guest-physical address
 * or, with bit 63, by its own. One word, so that it can change under readers.
 */
#define HV_PLACE_NONE	U64_MAX
#define HV_PLACE_HVA	BIT_ULL(63)
/* An address that the guest has given must not be taken for the VMM's. */
static inline u64 hv_place_gpa(u64 gpa)
{
	return gpa & HV_PLACE_HVA ? HV_PLACE_NONE : gpa;
}

int hv_place_read(struct hv_vm *vm, u64 place, void *buf, u32 len);
int hv_place_write(struct hv_vm *vm, u64 place, const void *buf, u32 len);
/* Never sleep, preemption off; -EAGAIN where only hv_place_fault_in() can. */
int hv_place_peek(struct hv_vm *vm, u64 place, void *buf, u32 len);
int hv_place_poke(struct hv_vm *vm, u64 place, u8 value);
int hv_place_set_bit(struct hv_vm *vm, u64 place, u32 nr);
int hv_place_fault_in(struct hv_vm *vm, u64 place);

#define HV_WALK_LEVELS	5

/**
 * struct hv_walk_step - an 8-byte entry of the guest's page tables
 * @hva: user address where the kernel can read it again
 * @entry: what it held
 */
struct hv_walk_step {
	unsigned long hva;
	u64 entry;
};

/**
 * struct hv_walk - result of walking the guest's own page tables
 * @gpa: guest-physical address
 * @error: #PF error code when the walk failed with -EACCES
 * @depth: entries in @path
 * @path: the entries the walk went through, the last level last
 * @retraceable: @path is the whole way (4-byte entries are not kept)
 */
struct hv_walk {
	u64 gpa;
	u32 error;
	u8 depth;
	bool retraceable;
	struct hv_walk_step path[HV_WALK_LEVELS];
};

/*
 * walk.c: linear to guest-physical, by the guest's paging mode. 0; -EACCES for
 * a #PF of the guest (error code and address in the walk); -EAGAIN where
 * atomic could only by sleeping; else as guest_mem.c. Reads and writes of
 * memory may have been done in part when a later page fails.
 */
#define HV_WALK_WRITE	BIT(0)
#define HV_WALK_USER	BIT(1)
#define HV_WALK_FETCH	BIT(2)
/* The access was made already, the CPU has checked: only translate. */
#define HV_WALK_TRUST	BIT(3)
/* No access: leave no trace in the guest's tables. */
#define HV_WALK_LOOK	BIT(4)
int hv_walk_gva(struct hv_vcpu *vcpu, u64 gva, u32 access, bool atomic,
		struct hv_walk *out);
int hv_read_gva(struct hv_vcpu *vcpu, u64 gva, void *buf, u32 len,
		u32 access, struct hv_walk *out);
int hv_write_gva(struct hv_vcpu *vcpu, u64 gva, const void *buf, u32 len,
		 u32 access, struct hv_walk *out);
u64 hv_linear_rip(struct hv_vcpu *vcpu);
/* Linear address of seg:offset, or false when #GP (#SS) is due. */
bool hv_linear(struct hv_vcpu *vcpu, u8 seg, u64 offset, u32 len, bool write,
	       u64 *linear);

/* mmu.c: nested page tables */
/* Fault handlers: HV_RESUME when mapped, HV_SLOW from the fast one when it
 * would have to sleep, HV_MMIO when no slot backs the address (or a write
 * hits a read-only slot), -EFAULT when the VMM's own mapping is missing,
 * -EHWPOISON when its page went bad, -EINTR for a signal.
 */
#define HV_MMIO		3
int hv_mmu_init(struct hv_vm *vm);
void hv_mmu_destroy(struct hv_vm *vm);
int hv_mmu_fault_fast(struct hv_vcpu *vcpu, u64 gpa, u32 access);
int hv_mmu_fault(struct hv_vcpu *vcpu, u64 gpa, u32 access);
u64 hv_mmu_root(struct hv_vm *vm);	/* physical address of the root page */
/* Have the VMM's page at hva present in its page table. */
int hv_fault_in(struct hv_vm *vm, unsigned long hva, bool write);

/* mmu_zap.c: taking back what mmu.c gave; frames from start to before end */
void hv_mmu_zap_gfn_range(struct hv_vm *vm, struct hv_slots *slots,
			  u64 start, u64 end);
void hv_mmu_write_protect(struct hv_vm *vm, u64 start, u64 end);
/* Only frames whose bit is set in mask, from base on. The caller flushes. */
void hv_mmu_write_protect_mask(struct hv_vm *vm, u64 base, unsigned long mask);

/* mmu_notifier.c */
int hv_notifier_register(struct hv_vm *vm);
void hv_notifier_unregister(struct hv_vm *vm);

/**
 * struct hv_pte_format - how this CPU spells a nested page-table entry
 * @levels: 4 or 5
 * @present: bits that make an entry present; a table also has @write, @exec
 * @leaf: bits of every present leaf (memory type WB included)
 * @write: writable
 * @exec: set to allow execution, or 0
 * @accessed: the CPU sets it on use, 0 where it does not
 * @dirty: the CPU sets it on write, 0 where it does not
 * @large: marks a leaf above the lowest level
 * @logged: when it sets @dirty the CPU writes the frame down, and the back end
 *	    hands it to hv_log_gpa()
 * @huge_1g: 1 GiB leaves are supported
 */
struct hv_pte_format {
	u8 levels;
	u64 present;
	u64 leaf;
	u64 write;
	u64 exec;
	u64 accessed;
	u64 dirty;
	u64 large;
	bool logged;
	bool (*huge_1g)(void);
};

/**
 * struct hv_fetch - where the code at RIP lies, from the last time it was read
 * @page: linear address of the page
 * @cr3: the guest's when the walk was made
 * @mode: its paging mode then
 * @hva: user address of the page, 0 when nothing is cached
 * @gen: vm->slots_gen then
 * @retraceable: the walk can be compared with what the tables say now
 * @misses: times in a row that the bytes were not what had exited
 * @depth: entries in @path
 * @path: the walk
 */
struct hv_fetch {
	u64 page;
	u64 cr3;
	u64 mode;
	unsigned long hva;
	unsigned long gen;
	bool retraceable;
	u8 misses;
	u8 depth;
	struct hv_walk_step path[HV_WALK_LEVELS];
};

/**
 * struct hv_mmio - an access to device memory that is under way
 * @insn: the instruction
 * @gpa: guest-physical address of each part: an operand may cross into
 *	 another page
 * @size: bytes in each part; @size[1] is 0 where there is one part
 * @part: the one whose turn it is
 * @value: what was read so far, then what is to be written
 * @old: what was read, for XCHG
 * @rflags: RFLAGS after the instruction
 * @rip: of the instruction; a VMM that moved RIP has given the access up
 * @bytes: of which @insn was decoded, and what follows them
 * @mode: bytes of an address in the code segment then; 0 when @bytes says
 *	  nothing
 */
struct hv_mmio {
	struct hv_insn insn;
	u64 gpa[2];
	u8 size[2];
	u8 part;
	u64 value;
	u64 old;
	u64 rflags;
	u64 rip;
	u64 bytes[2];
	u8 mode;
};

/**
 * struct hv_pio - an IN that user space has been asked for
 * @rip: of the instruction, as for struct hv_mmio
 * @linear: INS: where the data goes
 * @count: INS: elements
 */
struct hv_pio {
	u64 rip;
	u64 linear;
	u32 count;
};

/*
 * insn_fetch.c: the instruction at RIP. HV_RESUME with its length in
 * vcpu->exit.insn_len; HV_RESUME with length 0 when the guest was given an
 * exception or must run the instruction again; HV_SLOW if it takes sleeping
 * (atomic only); HV_USER after hv_internal_error(); or an error.
 */
/* Fills vcpu->exit.insn_len, and what else the exit lacks about operands. */
int hv_insn_len(struct hv_vcpu *vcpu, bool atomic);
/* Decode the access to device memory at exit.fault.gpa into vcpu->mmio.insn. */
int hv_mmio_decode(struct hv_vcpu *vcpu, bool atomic);
/* size 4 clears the upper half; high: AH, CH, DH or BH. */
void hv_gpr_write(struct hv_vcpu *vcpu, u8 reg, bool high, u8 size, u64 value);
u64 hv_gpr_read(struct hv_vcpu *vcpu, u8 reg, bool high, u8 size);
/* No form we know: KVM_EXIT_INTERNAL_ERROR with the bytes, or #UD. */
int hv_insn_unknown(struct hv_vcpu *vcpu);
/* Linear address of the memory operand, or false when #GP (#SS) is due. */
bool hv_insn_linear(struct hv_vcpu *vcpu, const struct hv_insn *insn, u64 *linear);

#endif /* HVCTL_MEM_H */
