// SPDX-License-Identifier: GPL-2.0
/*
 * The bytes at RIP, for CPUs that do not say how long an instruction was or
 * what it wanted of device memory.
 *
 * Hot exits come from the same page of code over and over, so the last walk of
 * the guest's page tables is kept, and compared, entry by entry, with what the
 * tables say now: the guest may have mapped another page without an exit. The
 * nested page table is not involved: the bytes are read through the VMM's
 * mapping.
 */
#include "hvctl.h"

#include <linux/uaccess.h>
#include <asm/processor-flags.h>
#include <asm/trap_pf.h>

/* Bits of a page-table entry that the CPU sets by itself. */
#define PTE_ACCESSED_DIRTY	(BIT_ULL(5) | BIT_ULL(6))

/* Give up on an instruction that exits but reads as something else. */
#define MAX_MISSES	16

/* Padding, so that the bytes can be read as two words. */
union code {
	u64 word[2];
	u8 byte[16];
};

static u64 paging_mode(const struct hv_state *s)
{
	/* The bits of the three registers are distinct. */
	return (s->cr0 & X86_CR0_PG) |
	       (s->cr4 & (X86_CR4_PSE | X86_CR4_PAE | X86_CR4_LA57)) |
	       (s->efer & EFER_LMA);
}

/* Bytes of an address in the current code segment. */
static u8 code_mode(struct hv_vcpu *vcpu)
{
	if (vcpu->state.code64)
		return 8;
	hv_need(vcpu, HV_PART_SEG);
	return vcpu->state.seg[HV_CS].db ? 4 : 2;
}

/* Read what is cached; false when the VMM's page is absent. */
static bool read_cached(const struct hv_fetch *f, unsigned int offset,
			union code *code, u8 n)
{
	const u64 __user *at = (const u64 __user *)(f->hva + offset);
	bool ok = false;

	pagefault_disable();
	if (unlikely(n < 15)) {
		ok = !__copy_from_user_inatomic(code->byte,
						(const void __user *)at, n);
	} else if (likely(user_access_begin(at, sizeof(*code)))) {
		unsafe_get_user(code->word[0], at, fault);
		unsafe_get_user(code->word[1], at + 1, fault);
		ok = true;
fault:
		user_access_end();
	}
	pagefault_enable();
	return ok;
}

/* Whether the guest's tables still say what the cached walk found. */
static bool same_walk(struct hv_vcpu *vcpu)
{
	const struct hv_fetch *f = &vcpu->fetch;
	bool same = false;
	u64 entry;
	u8 i;

	hv_need(vcpu, HV_PART_CR);
	if (!f->retraceable || f->cr3 != vcpu->state.cr3 ||
	    f->mode != paging_mode(&vcpu->state))
		return false;
	if (!f->depth)
		return true;	/* paging is off */

	pagefault_disable();
	if (user_access_begin((const void __user *)f->path[0].hva, 8)) {
		for (i = 0; i < f->depth; i++) {
			unsafe_get_user(entry, (const u64 __user *)f->path[i].hva,
					out);
			if ((entry ^ f->path[i].entry) & ~PTE_ACCESSED_DIRTY)
				goto out;
		}
		same = true;
out:
		user_access_end();
	}
	pagefault_enable();
	return same;
}

/* Whether the cache has the page that is mapped there now. */
static bool cached(struct hv_vcpu *vcpu, u64 page)
{
	const struct hv_fetch *f = &vcpu->fetch;

	return f->page == page && f->hva &&
	       f->gen == READ_ONCE(vcpu->vm->slots_gen) && same_walk(vcpu);
}

/* Walk the guest's tables for a page of code and keep the result. */
static bool fill_cache(struct hv_vcpu *vcpu, u64 page)
{
	struct hv_fetch *f = &vcpu->fetch;
	struct hv_walk walk;

	f->hva = 0;
	f->gen = READ_ONCE(vcpu->vm->slots_gen);
	if (hv_walk_gva(vcpu, page, HV_WALK_FETCH | HV_WALK_TRUST, true, &walk))
		return false;
	f->page = page;
	f->cr3 = vcpu->state.cr3;
	f->mode = paging_mode(&vcpu->state);
	f->retraceable = walk.retraceable;
	f->depth = walk.depth;
	memcpy(f->path, walk.path, sizeof(f->path));
	f->hva = hv_gpa_range(vcpu->vm, walk.gpa, PAGE_SIZE, false);
	return f->hva;
}

/*
 * The instruction without sleeping: false when only the slow path can. @n
 * becomes the number of bytes up to the end of the page, 15 at most.
 */
static bool fetch_hot(struct hv_vcpu *vcpu, u64 rip, union code *code, u8 *n)
{
	u64 page = rip & PAGE_MASK;

	*n = min_t(u32, HV_INSN_MAX, PAGE_SIZE - offset_in_page(rip));
	/* The last byte of a full read is one too many: not across a page. */
	if (offset_in_page(rip) + sizeof(*code) > PAGE_SIZE)
		*n = min_t(u8, *n, HV_INSN_MAX - 1);
	if (!cached(vcpu, page) && !fill_cache(vcpu, page))
		return false;
	return read_cached(&vcpu->fetch, offset_in_page(rip), code, *n);
}

/*
 * Bytes @from to @from + @n of the instruction, sleeping as needed. False:
 * *ret is what hv_insn_len() returns.
 */
static bool fetch_slow(struct hv_vcpu *vcpu, u64 rip, u8 from, u8 n,
		       union code *code, int *ret)
{
	struct hv_walk walk;

	*ret = hv_read_gva(vcpu, rip + from, code->byte + from, n,
			   HV_WALK_FETCH | HV_WALK_TRUST, &walk);
	if (!*ret)
		return true;
	if (*ret == -EACCES) {
		/* Another vCPU has unmapped the code since it ran here. */
		if (vcpu->state.cpl == 3)
			walk.error |= X86_PF_USER;
		hv_inject_pf(vcpu, walk.gpa, walk.error);
		*ret = HV_RESUME;
	} else if (*ret == -ENOENT) {
		*ret = hv_insn_unknown(vcpu);	/* code in device memory */
	}
	return false;
}

/* Hand the bytes on, for error reports. */
static void keep_bytes(struct hv_vcpu *vcpu, const union code *code, u8 n)
{
	memcpy(vcpu->exit.insn, code->byte, min_t(u8, n, HV_INSN_MAX));
	vcpu->exit.insn_bytes = n;
}

/* A device is mostly touched by one instruction, many times over. */
static int decode_mmio(struct hv_vcpu *vcpu, const union code *code, u8 n)
{
	struct hv_mmio *m = &vcpu->mmio;
	u8 mode = code_mode(vcpu);
	bool full = n == HV_INSN_MAX;
	int ret;

	if (full && m->mode == mode && m->bytes[0] == code->word[0] &&
	    m->bytes[1] == code->word[1])
		return 0;
	ret = hv_insn_decode_mmio(code->byte, n, mode, &m->insn);
	m->mode = !ret && full ? mode : 0;
	m->bytes[0] = code->word[0];
	m->bytes[1] = code->word[1];
	return ret;
}

static int decode(struct hv_vcpu *vcpu, bool mmio, const union code *code, u8 n,
		  struct hv_insn *insn)
{
	if (mmio)
		return decode_mmio(vcpu, code, n);
	return hv_insn_decode_exit(code->byte, n, code_mode(vcpu),
				   vcpu->exit.reason, insn);
}

/*
 * Read and decode with all patience. 0 or HV_INSN_UNKNOWN; HV_INSN_SHORT when
 * the bytes cannot be had, and *ret is to be returned.
 */
static int decode_slow(struct hv_vcpu *vcpu, bool mmio, struct hv_insn *insn,
		       int *ret)
{
	u64 rip = hv_linear_rip(vcpu);
	u8 n = min_t(u32, HV_INSN_MAX, PAGE_SIZE - offset_in_page(rip));
	union code code = { };
	int got;

	vcpu->exit.insn_bytes = 0;
	if (!fetch_slow(vcpu, rip, 0, n, &code, ret))
		return HV_INSN_SHORT;
	got = decode(vcpu, mmio, &code, n, insn);
	if (got == HV_INSN_SHORT) {
		if (!fetch_slow(vcpu, rip, n, HV_INSN_MAX - n, &code, ret))
			return HV_INSN_SHORT;
		n = HV_INSN_MAX;
		got = decode(vcpu, mmio, &code, n, insn);
	}
	keep_bytes(vcpu, &code, n);
	return got;
}

/* The same by the hot way; HV_INSN_SHORT where the slow path must do it. */
static int decode_hot(struct hv_vcpu *vcpu, bool mmio, struct hv_insn *insn)
{
	union code code;
	u8 n;

	if (!fetch_hot(vcpu, hv_linear_rip(vcpu), &code, &n))
		return HV_INSN_SHORT;
	return decode(vcpu, mmio, &code, n, insn);
}

/**
 * hv_insn_unknown() - the kernel cannot do this instruction for the guest
 * @vcpu: the vCPU; exit.insn has exit.insn_bytes of it
 *
 * A process of the guest gets #UD, so that it cannot take its system down. For
 * the guest's kernel the VMM is told, with the bytes.
 *
 * Return: HV_RESUME or HV_USER.
 */
int hv_insn_unknown(struct hv_vcpu *vcpu)
{
	struct kvm_run *run = vcpu->run;
	int ret;

	vcpu->exit.insn_len = 0;
	if (vcpu->state.cpl == 3) {
		hv_inject_ud(vcpu);
		return HV_RESUME;
	}
	ret = hv_internal_error(vcpu, KVM_INTERNAL_ERROR_EMULATION);
	/* The same words of the ABI, with a layout of their own. */
	run->emulation_failure.ndata = 3;
	run->emulation_failure.flags = 0;
	if (vcpu->exit.insn_bytes) {
		run->emulation_failure.flags =
			KVM_INTERNAL_ERROR_EMULATION_FLAG_INSTRUCTION_BYTES;
		run->emulation_failure.insn_size = vcpu->exit.insn_bytes;
		memset(run->emulation_failure.insn_bytes, 0x90,
		       sizeof(run->emulation_failure.insn_bytes));
		memcpy(run->emulation_failure.insn_bytes, vcpu->exit.insn,
		       vcpu->exit.insn_bytes);
	}
	return ret;
}

/**
 * hv_gpr_write() - an instruction's result goes into a register
 * @vcpu: the vCPU, on its own thread
 * @reg: enum hv_reg
 * @high: bits 8 to 15 of it, @size is 1
 * @size: bytes; 4 clears the upper half, 1 and 2 leave the rest alone
 * @value: the result
 */
void hv_gpr_write(struct hv_vcpu *vcpu, u8 reg, bool high, u8 size, u64 value)
{
	u64 *gpr = &vcpu->state.gpr[reg];

	if (size == 8)
		*gpr = value;
	else if (size == 4)
		*gpr = (u32)value;
	else if (size == 2)
		*gpr = (*gpr & ~0xffffULL) | (u16)value;
	else if (high)
		*gpr = (*gpr & ~0xff00ULL) | (u64)(u8)value << 8;
	else
		*gpr = (*gpr & ~0xffULL) | (u8)value;
}

/**
 * hv_gpr_read() - a register operand
 * @vcpu: the vCPU, on its own thread
 * @reg: enum hv_reg
 * @high: bits 8 to 15 of it
 * @size: bytes, 1 to 8
 *
 * Return: the operand, zero-extended.
 */
u64 hv_gpr_read(struct hv_vcpu *vcpu, u8 reg, bool high, u8 size)
{
	u64 value = vcpu->state.gpr[reg];

	if (high)
		value >>= 8;
	return size == 8 ? value : value & (BIT_ULL(8 * size) - 1);
}

/* Effective address of a memory operand, cut to the address size. */
static u64 effective(const struct hv_vcpu *vcpu, const struct hv_insn *insn)
{
	const u64 *gpr = vcpu->state.gpr;
	u64 ea = insn->disp;

	if (insn->base >= 0)
		ea += gpr[insn->base];
	if (insn->index >= 0)
		ea += gpr[insn->index] << insn->scale;
	if (insn->rip_rel)
		ea += vcpu->state.rip + insn->len;
	/* Bits of a register are numbered on into the memory around. */
	if (insn->op == HV_MMIO_BIT && insn->reg >= 0) {
		s64 bit = gpr[insn->reg];

		if (insn->op_size == 2)
			bit = (s16)bit;
		else if (insn->op_size == 4)
			bit = (s32)bit;
		ea += (bit >> (3 + __ffs(insn->op_size))) * insn->op_size;
	}
	return insn->addr_size == 8 ? ea : ea & (BIT_ULL(8 * insn->addr_size) - 1);
}

/**
 * hv_insn_linear() - where an instruction's memory operand is
 * @vcpu: the vCPU, on its own thread
 * @insn: the instruction; for string instructions the source, if they have
 *	  one, else the destination
 * @linear: the linear address
 *
 * Return: false when the guest gets #GP(0), or #SS(0) for the stack segment.
 */
bool hv_insn_linear(struct hv_vcpu *vcpu, const struct hv_insn *insn, u64 *linear)
{
	bool write = insn->op != HV_MMIO_LOAD && insn->op != HV_MMIO_TEST &&
		     insn->op != HV_MMIO_ALU_LOAD && insn->op != HV_MMIO_LODS &&
		     insn->op != HV_MMIO_MOVS;
	u8 seg = insn->stack ? HV_SS : HV_DS;

	if (insn->op == HV_MMIO_STOS)
		seg = HV_ES;
	else if (insn->seg >= 0)
		seg = insn->seg;
	return hv_linear(vcpu, seg, effective(vcpu, insn), insn->mem_size, write,
			 linear);
}

/* LMSW and SMSW with a memory operand: 0, or *ret is to be returned. */
static int msw_memory(struct hv_vcpu *vcpu, const struct hv_insn *insn, int *ret)
{
	u32 access = vcpu->state.cpl == 3 ? HV_WALK_USER : 0;
	struct hv_walk walk;
	u16 msw = vcpu->state.cr0;
	u64 linear;

	*ret = HV_RESUME;
	if (!hv_insn_linear(vcpu, insn, &linear)) {
		hv_inject_gp(vcpu);
		return -EAGAIN;
	}
	if (insn->cr_op == HV_SMSW)
		*ret = hv_write_gva(vcpu, linear, &msw, 2, access, &walk);
	else
		*ret = hv_read_gva(vcpu, linear, &msw, 2, access, &walk);
	vcpu->exit.cr.msw = msw;
	if (!*ret)
		return 0;
	if (*ret == -EACCES) {
		hv_inject_pf(vcpu, walk.gpa, walk.error);
		*ret = HV_RESUME;
	} else if (*ret == -ENOENT) {
		*ret = hv_insn_unknown(vcpu);
	}
	return -EAGAIN;
}

/* What the exit of a control-register access does not say. 0, or *ret counts. */
static int cr_operands(struct hv_vcpu *vcpu, const struct hv_insn *insn, int *ret)
{
	struct hv_exit *exit = &vcpu->exit;
	u64 cr0;

	exit->cr.gpr = insn->reg;
	exit->cr.lmsw = insn->cr_op == HV_LMSW;
	exit->cr.clts = insn->cr_op == HV_CLTS;
	if (insn->cr_op == HV_MOV_CR) {
		/*
		 * Not from the exit code: QEMU's TCG calls every read of a
		 * control register one of CR0.
		 */
		exit->cr.nr = insn->cr;
		exit->cr.write = insn->cr_write;
		return 0;
	}
	exit->cr.nr = 0;
	exit->cr.write = 1;
	if (insn->cr_op == HV_CLTS)
		return 0;

	hv_need(vcpu, HV_PART_CR);
	cr0 = vcpu->state.cr0;
	if (insn->reg < 0) {
		if (msw_memory(vcpu, insn, ret))
			return -EAGAIN;
	} else if (insn->cr_op == HV_LMSW) {
		exit->cr.msw = vcpu->state.gpr[insn->reg];
	} else {
		hv_gpr_write(vcpu, insn->reg, false, insn->op_size, cr0);
	}
	if (insn->cr_op == HV_LMSW)
		return 0;

	/* SMSW has nothing left for the handler to do. */
	exit->insn_len = insn->len;
	hv_skip(vcpu);
	exit->insn_len = 0;
	*ret = HV_RESUME;
	return -EAGAIN;
}

static int take_operands(struct hv_vcpu *vcpu, const struct hv_insn *insn, int *ret)
{
	struct hv_exit *exit = &vcpu->exit;

	if (exit->reason == HV_R_IO) {
		exit->io.addr_size = insn->addr_size;
		exit->io.seg = insn->seg;
	} else if (exit->reason == HV_R_CR) {
		return cr_operands(vcpu, insn, ret);
	} else if (exit->reason == HV_R_DR) {
		exit->dr.gpr = insn->reg;
	}
	return 0;
}

/* The shortest way for what exits most: no prefix, 64-bit code, cached page. */
static bool plain_len(struct hv_vcpu *vcpu)
{
	static const struct {
		u32 mask, code;
		u8 len;
	} plain[HV_R_COUNT] = {
		[HV_R_CPUID] = { 0xffff, 0xa20f, 2 },
		[HV_R_RDMSR] = { 0xffff, 0x320f, 2 },
		[HV_R_WRMSR] = { 0xffff, 0x300f, 2 },
		[HV_R_HLT] = { 0xff, 0xf4, 1 },
		[HV_R_HYPERCALL] = { 0xffffff, 0xd9010f, 3 },
	};
	u64 rip = vcpu->state.rip;
	enum hv_reason reason = vcpu->exit.reason;
	unsigned int offset = offset_in_page(rip);
	u32 code = 0;

	if (!plain[reason].len || !vcpu->state.code64 ||
	    offset > PAGE_SIZE - sizeof(code) || !cached(vcpu, rip & PAGE_MASK))
		return false;
	pagefault_disable();
	if (__get_user(code, (const u32 __user *)(vcpu->fetch.hva + offset)))
		code = 0;
	pagefault_enable();
	if ((code & plain[reason].mask) != plain[reason].code)
		return false;
	vcpu->exit.insn_len = plain[reason].len;
	return true;
}

/**
 * hv_insn_len() - how long the instruction is that exited
 * @vcpu: the vCPU, on its own thread; fills exit.insn_len, the operands of
 *	  accesses to control and debug registers, address size and segment of
 *	  string I/O
 * @atomic: do not sleep
 *
 * An instruction at RIP that does not exit for this reason has been changed by
 * another vCPU meanwhile: the guest runs what is there now.
 *
 * Return: see mem.h.
 */
int hv_insn_len(struct hv_vcpu *vcpu, bool atomic)
{
	struct hv_insn insn;
	int ret;

	if (atomic) {
		if (plain_len(vcpu))
			return HV_RESUME;
		/* Operands may be in memory: what sleeps is left to others. */
		if (vcpu->exit.reason == HV_R_CR ||
		    decode_hot(vcpu, false, &insn))
			return HV_SLOW;
	} else {
		vcpu->exit.insn_len = 0;
		switch (decode_slow(vcpu, false, &insn, &ret)) {
		case 0:
			break;
		case HV_INSN_UNKNOWN:
			if (++vcpu->fetch.misses > MAX_MISSES)
				return hv_insn_unknown(vcpu);
			return HV_RESUME;
		default:
			return ret;
		}
	}
	vcpu->fetch.misses = 0;
	if (take_operands(vcpu, &insn, &ret))
		return ret;
	vcpu->exit.insn_len = insn.len;
	return HV_RESUME;
}

static noinline int mmio_decode_slow(struct hv_vcpu *vcpu)
{
	struct hv_insn *insn = &vcpu->mmio.insn;
	int got, ret;

	vcpu->exit.insn_len = 0;
	got = decode_slow(vcpu, true, insn, &ret);
	if (got == HV_INSN_UNKNOWN)
		return hv_insn_unknown(vcpu);
	if (got)
		return ret;
	vcpu->exit.insn_len = insn->len;
	return HV_RESUME;
}

/**
 * hv_mmio_decode() - the instruction that touched device memory
 * @vcpu: the vCPU, on its own thread; vcpu->mmio.insn is filled
 * @atomic: do not sleep
 *
 * Return: see mem.h.
 */
int hv_mmio_decode(struct hv_vcpu *vcpu, bool atomic)
{
	struct hv_insn *insn = &vcpu->mmio.insn;
	struct hv_exit *exit = &vcpu->exit;

	if (exit->insn_bytes) {
		/* Decode assists: the CPU has kept what it fetched. */
		vcpu->mmio.mode = 0;
		if (!hv_insn_decode_mmio(exit->insn, exit->insn_bytes,
					 code_mode(vcpu), insn))
			goto decoded;
	}
	if (!atomic)
		return mmio_decode_slow(vcpu);
	if (decode_hot(vcpu, true, insn))
		return HV_SLOW;
decoded:
	exit->insn_len = insn->len;
	return HV_RESUME;
}
