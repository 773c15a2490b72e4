// SPDX-License-Identifier: GPL-2.0
/*
 * The guest's own address translation: segments and page tables.
 *
 * AMD APM volume 2, chapters 4 and 5. The CPU translates nearly everything by
 * itself; this is for instructions that the kernel has to read, and for their
 * operands where the exit does not give a physical address.
 */
#include "hvctl.h"

#include <asm/page_types.h>
#include <asm/processor-flags.h>
#include <asm/trap_pf.h>
#include <linux/sched/signal.h>
#include <linux/uaccess.h>

/* Bits of an entry, the same in all modes. */
#define PTE_P		BIT_ULL(0)
#define PTE_W		BIT_ULL(1)
#define PTE_U		BIT_ULL(2)
#define PTE_A		BIT_ULL(5)
#define PTE_D		BIT_ULL(6)
#define PTE_PS		BIT_ULL(7)
#define PTE_NX		BIT_ULL(63)
#define PTE_ADDR	GENMASK_ULL(51, 12)

/**
 * struct walker - a walk under way
 * @vcpu: whose tables
 * @gva: the linear address
 * @access: HV_WALK_*
 * @atomic: may not sleep
 * @wide: entries have 8 bytes
 * @pae: the top level is the four entries of legacy PAE
 * @levels: 2 to 5
 * @nx: EFER.NXE
 * @reserved: bits that may be set in no entry
 */
struct walker {
	struct hv_vcpu *vcpu;
	u64 gva;
	u32 access;
	bool atomic;
	bool wide;
	bool pae;
	u8 levels;
	bool nx;
	u64 reserved;
};

/* What was read: an entry, and where the kernel and the guest have it. */
struct entry {
	u64 value;
	u64 gpa;
	unsigned long hva;
};

static int read_entry(struct walker *w, struct entry *e)
{
	struct hv_vm *vm = w->vcpu->vm;
	u32 narrow;
	int ret;

	for (;;) {
		preempt_disable();
		e->hva = hv_gpa_range(vm, e->gpa, w->wide ? 8 : 4, false);
		if (!e->hva) {
			preempt_enable();
			return -ENOENT;
		}
		pagefault_disable();
		if (w->wide) {
			ret = __get_user(e->value, (u64 __user *)e->hva);
		} else {
			ret = __get_user(narrow, (u32 __user *)e->hva);
			e->value = narrow;
		}
		pagefault_enable();
		preempt_enable();
		if (!ret)
			return 0;
		if (w->atomic)
			return -EAGAIN;
		ret = hv_fault_in(vm, e->hva, false);
		if (ret)
			return ret;
	}
}

/*
 * Set accessed and dirty bits as the CPU would have. -EBUSY: the entry has
 * changed, walk again. Tables in read-only memory keep their bits as they are.
 */
static int set_bits(struct walker *w, struct entry *e, u64 bits)
{
	struct hv_vm *vm = w->vcpu->vm;
	int ret;

	if ((e->value & bits) == bits ||
	    (w->access & (HV_WALK_TRUST | HV_WALK_LOOK)))
		return 0;
	if (w->atomic)
		return -EAGAIN;
	for (;;) {
		preempt_disable();
		ret = hv_cmpxchg_gpa_atomic(vm, e->gpa, w->wide ? 8 : 4,
					    e->value, e->value | bits);
		preempt_enable();
		if (ret == -ENOENT)
			return 0;
		if (ret != -EAGAIN)
			return ret;
		ret = hv_fault_in(vm, e->hva, true);
		if (ret)
			return ret;
	}
}

/* APM 5.6: what the access needs of the rights all levels grant together. */
static bool allowed(const struct walker *w, u64 rights)
{
	const struct hv_state *s = &w->vcpu->state;
	bool user_page = rights & PTE_U;

	if (w->access & HV_WALK_TRUST)
		return true;
	if ((w->access & HV_WALK_FETCH) && (rights & PTE_NX))
		return false;
	if (w->access & HV_WALK_USER)
		return user_page &&
		       (!(w->access & HV_WALK_WRITE) || (rights & PTE_W));
	if (user_page) {
		if (w->access & HV_WALK_FETCH)
			return !(s->cr4 & X86_CR4_SMEP);
		if ((s->cr4 & X86_CR4_SMAP) && !(s->rflags & X86_EFLAGS_AC))
			return false;
	}
	return !(w->access & HV_WALK_WRITE) || (rights & PTE_W) ||
	       !(s->cr0 & X86_CR0_WP);
}

static int page_fault(const struct walker *w, struct hv_walk *out, u32 error)
{
	if (w->access & HV_WALK_WRITE)
		error |= X86_PF_WRITE;
	if (w->access & HV_WALK_USER)
		error |= X86_PF_USER;
	if ((w->access & HV_WALK_FETCH) &&
	    (w->nx || (w->vcpu->state.cr4 & X86_CR4_SMEP)))
		error |= X86_PF_INSTR;
	out->error = error;
	return -EACCES;
}

static unsigned int level_shift(const struct walker *w, u8 level)
{
	return 12 + (level - 1) * (w->wide ? 9 : 10);
}

/* Whether an entry of this level is a page, not a table. */
static bool is_page(const struct walker *w, u64 entry, u8 level)
{
	if (level == 1)
		return true;
	if (!(entry & PTE_PS))
		return false;
	if (!w->wide)
		return w->vcpu->state.cr4 & X86_CR4_PSE;
	return level == 2 || (level == 3 && !w->pae);
}

static u64 leaf_address(const struct walker *w, u64 entry, u8 level)
{
	u64 mask = BIT_ULL(level_shift(w, level)) - 1;
	u64 base = entry & PTE_ADDR & ~mask;

	/* PSE-36: bits 13 to 20 of a 4 MiB page are bits 32 to 39, APM 5.2.2. */
	if (!w->wide && level == 2)
		base |= (entry & GENMASK_ULL(20, 13)) << 19;
	return base | (w->gva & mask);
}

static u64 reserved_bits(const struct walker *w, u64 entry, u8 level)
{
	u64 reserved = w->reserved;

	if (!w->wide)
		return 0;
	/* Bit 5 is reserved, too, but QEMU's CPU sets it as "accessed". */
	if (w->pae && level == 3)
		return reserved | GENMASK_ULL(8, 6) | GENMASK_ULL(2, 1) | PTE_NX;
	if (level > 3)
		reserved |= PTE_PS;
	else if (level > 1 && is_page(w, entry, level))
		reserved |= GENMASK_ULL(level_shift(w, level) - 1, 13);
	return reserved;
}

static int walk(struct walker *w, struct hv_walk *out)
{
	u64 cr3 = w->vcpu->state.cr3;
	u64 rights = PTE_W | PTE_U;
	struct entry e;
	u64 table;
	u8 level;
	int ret;

	table = w->pae ? cr3 & GENMASK_ULL(31, 5) : cr3 & PTE_ADDR;
	out->depth = 0;
	out->retraceable = w->wide;

	for (level = w->levels;; level--) {
		u64 index = w->gva >> level_shift(w, level);

		if (w->pae && level == 3)
			index &= 3;
		else
			index &= w->wide ? 0x1ff : 0x3ff;
		e.gpa = table + index * (w->wide ? 8 : 4);
		ret = read_entry(w, &e);
		if (ret)
			return ret;
		if (w->wide) {
			out->path[out->depth].hva = e.hva;
			out->path[out->depth++].entry = e.value;
		}
		if (!(e.value & PTE_P))
			return page_fault(w, out, 0);
		if (e.value & reserved_bits(w, e.value, level))
			return page_fault(w, out, X86_PF_PROT | X86_PF_RSVD);
		if (!(w->pae && level == 3)) {
			rights &= e.value | ~(PTE_W | PTE_U);
			if (w->nx)
				rights |= e.value & PTE_NX;
			if (is_page(w, e.value, level))
				break;
			ret = set_bits(w, &e, PTE_A);
			if (ret)
				return ret;
		}
		table = e.value & PTE_ADDR;
	}

	if (!allowed(w, rights))
		return page_fault(w, out, X86_PF_PROT);
	out->gpa = leaf_address(w, e.value, level);
	return set_bits(w, &e, PTE_A | (w->access & HV_WALK_WRITE ? PTE_D : 0));
}

/**
 * hv_walk_gva() - linear to guest-physical address
 * @vcpu: the vCPU, on its own thread
 * @gva: linear address
 * @access: HV_WALK_*; 0 is a read by the supervisor
 * @atomic: do not sleep
 * @out: filled
 *
 * Accessed and dirty bits are set as the CPU would, except for HV_WALK_TRUST,
 * where the CPU has done it, and HV_WALK_LOOK.
 *
 * Return: 0; -EACCES when the guest gets #PF with @out->error; -EAGAIN where
 * only sleeping helps (@atomic); -ENOENT when a table is outside the slots;
 * -EFAULT when the VMM has unmapped one.
 */
int hv_walk_gva(struct hv_vcpu *vcpu, u64 gva, u32 access, bool atomic,
		struct hv_walk *out)
{
	struct walker w = {
		.vcpu = vcpu, .gva = gva, .access = access, .atomic = atomic,
	};
	struct hv_state *s = &vcpu->state;
	u8 bits = vcpu->cpuid.phys_bits;
	int ret;

	hv_need(vcpu, HV_PART_CR);
	if (!(s->cr0 & X86_CR0_PG)) {
		out->gpa = lower_32_bits(gva);
		out->depth = 0;
		out->retraceable = true;
		return 0;
	}

	w.wide = s->cr4 & X86_CR4_PAE;
	w.nx = w.wide && (s->efer & EFER_NX);
	if (s->efer & EFER_LMA) {
		w.levels = s->cr4 & X86_CR4_LA57 ? 5 : 4;
	} else {
		w.pae = w.wide;
		w.levels = w.wide ? 3 : 2;
		w.gva = lower_32_bits(gva);
	}
	if (bits && bits < 52)
		w.reserved = GENMASK_ULL(51, bits);
	if (!w.nx)
		w.reserved |= PTE_NX;

	do {
		ret = walk(&w, out);
	} while (ret == -EBUSY && !signal_pending(current));
	/* Other vCPUs may change the tables for as long as they like. */
	return ret == -EBUSY ? -EINTR : ret;
}

/* @op on each page of a linear range, in order. */
static int each_page(struct hv_vcpu *vcpu, u64 gva, void *buf, u32 len,
		     u32 access, struct hv_walk *out,
		     int (*op)(struct hv_vm *vm, u64 gpa, void *buf, u32 len))
{
	while (len) {
		u32 n = min_t(u32, len, PAGE_SIZE - offset_in_page(gva));
		int ret = hv_walk_gva(vcpu, gva, access, false, out);

		if (!ret && op)
			ret = op(vcpu->vm, out->gpa, buf, n);
		if (ret) {
			/* The address a #PF would report. */
			out->gpa = gva;
			return ret;
		}
		gva += n;
		buf += n;
		len -= n;
	}
	return 0;
}

static int write_op(struct hv_vm *vm, u64 gpa, void *buf, u32 len)
{
	return hv_write_gpa(vm, gpa, buf, len);
}

/**
 * hv_read_gva() - read guest memory by linear address
 * @vcpu: the vCPU, on its own thread
 * @gva: linear address
 * @buf: where to
 * @len: bytes
 * @access: HV_WALK_*
 * @out: on -EACCES: the error code, and the faulting linear address in gpa
 *
 * Context: may sleep.
 * Return: as hv_walk_gva().
 */
int hv_read_gva(struct hv_vcpu *vcpu, u64 gva, void *buf, u32 len,
		u32 access, struct hv_walk *out)
{
	return each_page(vcpu, gva, buf, len, access, out, hv_read_gpa);
}

/**
 * hv_write_gva() - write guest memory by linear address
 * @vcpu: the vCPU, on its own thread
 * @gva: linear address
 * @buf: where from
 * @len: bytes
 * @access: HV_WALK_*, HV_WALK_WRITE is implied
 * @out: as for hv_read_gva()
 *
 * All pages are translated before the first byte is written: an instruction
 * that faults leaves nothing behind.
 *
 * Context: may sleep.
 * Return: as hv_walk_gva().
 */
int hv_write_gva(struct hv_vcpu *vcpu, u64 gva, const void *buf, u32 len,
		 u32 access, struct hv_walk *out)
{
	int ret = 0;

	access |= HV_WALK_WRITE;
	if (offset_in_page(gva) + len > PAGE_SIZE)
		ret = each_page(vcpu, gva, (void *)buf, len, access, out, NULL);
	if (ret)
		return ret;
	return each_page(vcpu, gva, (void *)buf, len, access, out, write_op);
}

/**
 * hv_linear_rip() - linear address of the instruction at RIP
 * @vcpu: the vCPU, on its own thread
 *
 * Return: the address.
 */
u64 hv_linear_rip(struct hv_vcpu *vcpu)
{
	if (vcpu->state.code64)
		return vcpu->state.rip;
	hv_need(vcpu, HV_PART_SEG);
	return lower_32_bits(vcpu->state.seg[HV_CS].base + vcpu->state.rip);
}

/* APM 4.8 and 4.12: may the operand be accessed through this descriptor? */
static bool segment_allows(struct hv_vcpu *vcpu, const struct kvm_segment *seg,
			   u32 offset, u32 len, bool write)
{
	u32 last = offset + len - 1;
	bool code, expand_down;

	hv_need(vcpu, HV_PART_CR);
	if (last < offset)
		return false;
	if (!(vcpu->state.cr0 & X86_CR0_PE) ||
	    (vcpu->state.rflags & X86_EFLAGS_VM))
		return last <= seg->limit;

	if (seg->unusable || !seg->present)
		return false;
	code = seg->type & 8;
	expand_down = !code && (seg->type & 4);
	/* Bit 1: writable data, or readable code, which is never writable. */
	if (write ? code || !(seg->type & 2) : code && !(seg->type & 2))
		return false;
	if (expand_down)
		return offset > seg->limit && (seg->db || last <= 0xffff);
	return last <= seg->limit;
}

/**
 * hv_linear() - linear address of an operand
 * @vcpu: the vCPU, on its own thread
 * @seg: enum hv_seg
 * @offset: effective address, cut to the address size
 * @len: bytes, at least 1
 * @write: the operand is written to
 * @linear: where the result goes
 *
 * Return: false when the guest gets #GP(0), or #SS(0) for HV_SS.
 */
bool hv_linear(struct hv_vcpu *vcpu, u8 seg, u64 offset, u32 len, bool write,
	       u64 *linear)
{
	const struct kvm_segment *s = &vcpu->state.seg[seg];
	u64 last;
	u8 bits;

	if (!vcpu->state.code64) {
		hv_need(vcpu, HV_PART_SEG);
		*linear = lower_32_bits(s->base + offset);
		return segment_allows(vcpu, s, offset, len, write);
	}

	*linear = offset;
	if (seg == HV_FS || seg == HV_GS) {
		hv_need(vcpu, HV_PART_SEG);
		*linear += s->base;
	}
	hv_need(vcpu, HV_PART_CR);
	bits = vcpu->state.cr4 & X86_CR4_LA57 ? 57 : 48;
	last = *linear + len - 1;
	return __is_canonical_address(*linear, bits) &&
	       __is_canonical_address(last, bits);
}
