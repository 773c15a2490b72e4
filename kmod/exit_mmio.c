// SPDX-License-Identifier: GPL-2.0
/*
 * Nested faults: memory that is not mapped yet, or no memory at all.
 *
 * What touches a device is a read, a computation and a write, of which most
 * instructions have only a part. The hot handler does the plain loads and
 * stores. The slow one does everything; each step may have to ask user space,
 * which answers with the next KVM_RUN.
 *
 * An operand that crosses a page has two parts, either of which may be memory.
 */
#include <asm/apicdef.h>
#include <asm/msr-index.h>
#include <asm/processor-flags.h>
#include <asm/trapnr.h>

#include "hvctl.h"
#include "trace.h"

static int read_parts(struct hv_vcpu *vcpu);
static int write_parts(struct hv_vcpu *vcpu);

/* The xAPIC page of a guest whose LAPIC is in the kernel. */
static bool is_apic(const struct hv_vcpu *vcpu, u64 gpa)
{
	return vcpu->lapic && !((vcpu->apic_base ^ gpa) & PAGE_MASK) &&
	       (vcpu->apic_base & (MSR_IA32_APICBASE_ENABLE | X2APIC_ENABLE)) ==
	       MSR_IA32_APICBASE_ENABLE;
}

/* What was counted as one kind of exit turns out to be another. */
static void recount(struct hv_vcpu *vcpu, enum hvctl_exit_class from,
		    enum hvctl_exit_class to)
{
	vcpu->exits[from]--;
	vcpu->exits[to]++;
}

static bool device_read(struct hv_vcpu *vcpu, u64 gpa, u8 size, u64 *value)
{
	u32 reg = offset_in_page(gpa);

	*value = 0;
	if (is_apic(vcpu, gpa)) {
		/* Registers have 4 bytes on 16-byte boundaries. */
		if ((reg & 15) + size <= 4)
			*value = hv_lapic_mmio_read(vcpu, reg) >> 8 * (reg & 3);
		return true;
	}
	return hv_kernel_mmio(vcpu, gpa, size, false, value) == HV_RESUME;
}

static bool device_write(struct hv_vcpu *vcpu, u64 gpa, u8 size, u64 value)
{
	if (is_apic(vcpu, gpa)) {
		/* SDM vol 3, 11.4.1: other accesses are undefined. */
		if (size == 4 && !(gpa & 15))
			hv_lapic_mmio_write(vcpu, offset_in_page(gpa), value);
		return true;
	}
	if (hv_doorbell_mmio(vcpu->vm, gpa, size, value)) {
		recount(vcpu, HVCTL_EXIT_MMIO, HVCTL_EXIT_DOORBELL);
		return true;
	}
	return hv_kernel_mmio(vcpu, gpa, size, true, &value) == HV_RESUME ||
	       hv_coalesce(vcpu->vm, gpa, size, value, false);
}

static int ask_user(struct hv_vcpu *vcpu, bool write, u64 value)
{
	struct hv_mmio *m = &vcpu->mmio;
	struct kvm_run *run = vcpu->run;

	run->exit_reason = KVM_EXIT_MMIO;
	run->mmio.phys_addr = m->gpa[m->part];
	run->mmio.len = m->size[m->part];
	run->mmio.is_write = write;
	memcpy(run->mmio.data, &value, sizeof(value));
	return HV_USER;
}

static u64 cut(u64 value, u8 size)
{
	return size == 8 ? value : value & (BIT_ULL(8 * size) - 1);
}

/* The operand that is not in memory. */
static u64 operand(struct hv_vcpu *vcpu, const struct hv_insn *insn)
{
	if (insn->reg < 0)
		return cut(insn->imm, insn->op_size);
	return hv_gpr_read(vcpu, insn->reg, insn->high, insn->op_size);
}

static void load(struct hv_vcpu *vcpu, const struct hv_insn *insn, u64 value)
{
	u8 bits = 8 * insn->mem_size;

	if (insn->sign && bits < 64)
		value = sign_extend64(value, bits - 1);
	hv_gpr_write(vcpu, insn->reg, insn->high, insn->op_size, value);
}

static bool reads(const struct hv_insn *insn)
{
	return insn->op != HV_MMIO_STORE && insn->op != HV_MMIO_STOS;
}

/* Whether the operand that is read, or the only one, is written too. */
static bool writes(const struct hv_insn *insn)
{
	switch (insn->op) {
	case HV_MMIO_STORE:
	case HV_MMIO_STOS:
	case HV_MMIO_ALU:
	case HV_MMIO_XCHG:
		return true;
	case HV_MMIO_BIT:
		return insn->alu != HV_BT;
	default:
		return false;
	}
}

static bool is_string(const struct hv_insn *insn)
{
	return insn->op >= HV_MMIO_STOS;
}

static void advance(struct hv_vcpu *vcpu, u8 reg, u8 addr_size, s64 by)
{
	hv_gpr_write(vcpu, reg, false, addr_size, vcpu->state.gpr[reg] + by);
}

/*
 * One element of a string is done. True when the instruction is: otherwise it
 * runs again, as after an interrupt between two elements.
 */
static bool string_done(struct hv_vcpu *vcpu, const struct hv_insn *insn)
{
	s64 step = vcpu->state.rflags & X86_EFLAGS_DF ? -(s64)insn->mem_size :
							insn->mem_size;

	if (insn->op != HV_MMIO_STOS)
		advance(vcpu, HV_RSI, insn->addr_size, step);
	if (insn->op != HV_MMIO_LODS)
		advance(vcpu, HV_RDI, insn->addr_size, step);
	if (!insn->rep)
		return true;
	advance(vcpu, HV_RCX, insn->addr_size, -1);
	return !hv_gpr_read(vcpu, HV_RCX, false, insn->addr_size);
}

/* All accesses are made, or handed to user space. */
static void finish(struct hv_vcpu *vcpu)
{
	struct hv_mmio *m = &vcpu->mmio;
	const struct hv_insn *insn = &m->insn;

	switch (insn->op) {
	case HV_MMIO_ALU:
	case HV_MMIO_BIT:
		vcpu->state.rflags = m->rflags;
		break;
	case HV_MMIO_XCHG:
		hv_gpr_write(vcpu, insn->reg, insn->high, insn->op_size, m->old);
		break;
	default:
		break;
	}
	if (is_string(insn) && !string_done(vcpu, insn))
		return;
	vcpu->exit.insn_len = insn->len;
	hv_skip(vcpu);
}

/* A step failed: an exception for the guest, or an error for user space. */
static int failed(struct hv_vcpu *vcpu, int error, const struct hv_walk *walk,
		  u64 linear)
{
	switch (error) {
	case -EACCES:
		hv_inject_pf(vcpu, linear, walk->error);
		return HV_RESUME;
	case -ENOENT:
		return hv_insn_unknown(vcpu);	/* page tables in a device */
	default:
		return error;
	}
}

static int segment_fault(struct hv_vcpu *vcpu, bool stack)
{
	if (stack)
		hv_inject_error(vcpu, X86_TRAP_SS, 0);
	else
		hv_inject_gp(vcpu);
	return HV_RESUME;
}

/* Find the parts of an operand. False: *ret is what the handler returns. */
static bool place(struct hv_vcpu *vcpu, u64 linear, bool write, int *ret)
{
	u32 access = (write ? HV_WALK_WRITE : 0) |
		     (vcpu->state.cpl == 3 ? HV_WALK_USER : 0);
	struct hv_mmio *m = &vcpu->mmio;
	u8 size = m->insn.mem_size;
	struct hv_walk walk;
	u8 i;

	m->size[0] = min_t(u32, size, PAGE_SIZE - offset_in_page(linear));
	m->size[1] = size - m->size[0];
	m->part = 0;
	for (i = 0; i < 2 && m->size[i]; i++) {
		*ret = hv_walk_gva(vcpu, linear, access, false, &walk);
		if (*ret) {
			*ret = failed(vcpu, *ret, &walk, linear);
			return false;
		}
		m->gpa[i] = walk.gpa;
		linear += m->size[i];
	}
	return true;
}

/* MOVS has a second operand in memory, ES:rDI. */
static bool place_destination(struct hv_vcpu *vcpu, int *ret)
{
	const struct hv_insn *insn = &vcpu->mmio.insn;
	u64 linear;

	if (!hv_linear(vcpu, HV_ES,
		       hv_gpr_read(vcpu, HV_RDI, false, insn->addr_size),
		       insn->mem_size, true, &linear)) {
		*ret = segment_fault(vcpu, false);
		return false;
	}
	return place(vcpu, linear, true, ret);
}

/* Everything is read: compute, then write what is to be written. */
static int compute(struct hv_vcpu *vcpu)
{
	struct hv_mmio *m = &vcpu->mmio;
	const struct hv_insn *insn = &m->insn;
	u64 *rflags = &vcpu->state.rflags;
	u64 reg;
	int ret;

	m->part = 0;
	m->rflags = *rflags;
	switch (insn->op) {
	case HV_MMIO_LOAD:
	case HV_MMIO_LODS:
		load(vcpu, insn, m->value);
		break;
	case HV_MMIO_TEST:
		hv_alu(insn->alu, insn->mem_size, m->value, operand(vcpu, insn),
		       rflags);
		break;
	case HV_MMIO_ALU_LOAD:
		reg = hv_alu(insn->alu, insn->mem_size, operand(vcpu, insn),
			     m->value, rflags);
		if (insn->alu != HV_ALU_CMP)
			hv_gpr_write(vcpu, insn->reg, insn->high, insn->op_size, reg);
		break;
	case HV_MMIO_ALU:
		m->value = hv_alu(insn->alu, insn->mem_size, m->value,
				  operand(vcpu, insn), &m->rflags);
		return write_parts(vcpu);
	case HV_MMIO_BIT:
		m->value = hv_bit_op(insn->alu, insn->mem_size, m->value,
				     operand(vcpu, insn), &m->rflags);
		if (insn->alu != HV_BT)
			return write_parts(vcpu);
		break;
	case HV_MMIO_XCHG:
		m->old = m->value;
		m->value = operand(vcpu, insn);
		return write_parts(vcpu);
	case HV_MMIO_MOVS:
		if (!place_destination(vcpu, &ret))
			return ret;
		return write_parts(vcpu);
	}
	finish(vcpu);
	return HV_RESUME;
}

static void add_part(struct hv_mmio *m, u64 value)
{
	u8 shift = m->part ? 8 * m->size[0] : 0;

	m->value |= cut(value, m->size[m->part]) << shift;
	m->part++;
}

static bool parts_left(const struct hv_mmio *m)
{
	return m->part < 2 && m->size[m->part];
}

static int read_done(struct hv_vcpu *vcpu)
{
	struct hv_mmio *m = &vcpu->mmio;
	u64 value;

	if (vcpu->state.rip != m->rip)
		return HV_RESUME;
	memcpy(&value, vcpu->run->mmio.data, sizeof(value));
	add_part(m, value);
	return read_parts(vcpu);
}

static int read_parts(struct hv_vcpu *vcpu)
{
	struct hv_mmio *m = &vcpu->mmio;

	while (parts_left(m)) {
		u64 gpa = m->gpa[m->part], value = 0;
		u8 size = m->size[m->part];
		int ret = -ENOENT;

		if (!is_apic(vcpu, gpa))
			ret = hv_read_gpa(vcpu->vm, gpa, &value, size);
		if (ret && ret != -ENOENT)
			return ret;
		if (ret && !device_read(vcpu, gpa, size, &value)) {
			vcpu->complete = read_done;
			return ask_user(vcpu, false, 0);
		}
		add_part(m, value);
	}
	return compute(vcpu);
}

static int write_done(struct hv_vcpu *vcpu)
{
	struct hv_mmio *m = &vcpu->mmio;

	if (vcpu->state.rip != m->rip)
		return HV_RESUME;
	m->part++;
	return write_parts(vcpu);
}

static int write_again(struct hv_vcpu *vcpu)
{
	return vcpu->state.rip == vcpu->mmio.rip ? write_parts(vcpu) : HV_RESUME;
}

static int write_parts(struct hv_vcpu *vcpu)
{
	struct hv_mmio *m = &vcpu->mmio;

	for (; parts_left(m); m->part++) {
		u64 gpa = m->gpa[m->part];
		u8 size = m->size[m->part];
		u64 value = cut(m->part ? m->value >> 8 * m->size[0] : m->value, size);
		int ret = -ENOENT;

		if (!is_apic(vcpu, gpa))
			ret = hv_write_gpa(vcpu->vm, gpa, &value, size);
		/* A device may have been read: it is not read a second time. */
		if (ret == -EINTR)
			vcpu->complete = write_again;
		if (ret && ret != -ENOENT)
			return ret;
		if (!ret || device_write(vcpu, gpa, size, value))
			continue;
		/* With the last part the instruction is over. */
		if (m->part || !m->size[1])
			finish(vcpu);
		else
			vcpu->complete = write_done;
		return ask_user(vcpu, true, value);
	}
	finish(vcpu);
	return HV_RESUME;
}

/* The operand begins at gpa and ends in the same page. */
static bool one_part(struct hv_vcpu *vcpu, const struct hv_insn *insn, u64 gpa)
{
	u32 offset = offset_in_page(gpa);
	u64 linear;

	if (offset + insn->mem_size > PAGE_SIZE)
		return false;
	/* A fault on the first byte of a page may be that of a second part. */
	return offset || (hv_insn_linear(vcpu, insn, &linear) &&
			  !offset_in_page(linear));
}

/* A plain load or store. */
static int hot_access(struct hv_vcpu *vcpu, u64 gpa)
{
	struct hv_mmio *m = &vcpu->mmio;
	const struct hv_insn *insn = &m->insn;
	u64 value;

	m->gpa[0] = gpa;
	m->size[0] = insn->mem_size;
	m->size[1] = 0;
	m->part = 0;

	if (insn->op == HV_MMIO_STORE) {
		value = operand(vcpu, insn);
		hv_skip(vcpu);
		if (device_write(vcpu, gpa, insn->mem_size, value))
			return HV_RESUME;
		return ask_user(vcpu, true, value);
	}
	if (device_read(vcpu, gpa, insn->mem_size, &value)) {
		load(vcpu, insn, value);
		hv_skip(vcpu);
		return HV_RESUME;
	}
	m->value = 0;
	m->rip = vcpu->state.rip;
	vcpu->complete = read_done;
	return ask_user(vcpu, false, 0);
}

/**
 * hv_hot_fault() - HV_R_FAULT in the inner loop
 * @vcpu: the vCPU
 *
 * Context: interrupts off.
 * Return: HV_RESUME, HV_USER or HV_SLOW.
 */
int hv_hot_fault(struct hv_vcpu *vcpu)
{
	u64 gpa = vcpu->exit.fault.gpa;
	u32 access = vcpu->exit.fault.access;
	const struct hv_insn *insn = &vcpu->mmio.insn;
	bool apic = is_apic(vcpu, gpa);
	int ret;

	trace_hvctl_fault(vcpu, gpa, access);
	if (!apic) {
		ret = hv_mmu_fault_fast(vcpu, gpa, access);
		if (ret != HV_MMIO)
			return ret;
	}
	if (vcpu->event.type != HV_EV_NONE ||
	    (access & (HV_ACC_EXEC | HV_ACC_WALK)))
		return HV_SLOW;
	ret = hv_mmio_decode(vcpu, true);
	if (ret != HV_RESUME)
		return ret;
	if (insn->op != (access & HV_ACC_WRITE ? HV_MMIO_STORE : HV_MMIO_LOAD) ||
	    !one_part(vcpu, insn, gpa))
		return HV_SLOW;
	recount(vcpu, HVCTL_EXIT_NESTED_FAULT,
		apic ? HVCTL_EXIT_APIC : HVCTL_EXIT_MMIO);
	return hot_access(vcpu, gpa);
}

/* Any instruction we know, from the start. */
static int slow_access(struct hv_vcpu *vcpu)
{
	struct hv_mmio *m = &vcpu->mmio;
	const struct hv_insn *insn = &m->insn;
	u64 linear;
	int ret;

	m->rip = vcpu->state.rip;
	m->value = 0;
	if (is_string(insn) && insn->rep &&
	    !hv_gpr_read(vcpu, HV_RCX, false, insn->addr_size)) {
		hv_skip(vcpu);
		return HV_RESUME;
	}
	/* The second operand's fault comes before a device has seen a read. */
	if (insn->op == HV_MMIO_MOVS && !place_destination(vcpu, &ret))
		return ret;
	if (!hv_insn_linear(vcpu, insn, &linear))
		return segment_fault(vcpu, insn->seg == HV_SS ||
				     (insn->seg < 0 && insn->stack));
	if (!place(vcpu, linear, writes(insn), &ret))
		return ret;
	if (reads(insn))
		return read_parts(vcpu);
	m->value = operand(vcpu, insn);
	return write_parts(vcpu);
}

/**
 * hv_slow_fault() - HV_R_FAULT, sleeping as needed
 * @vcpu: the vCPU
 *
 * Return: HV_RESUME, HV_USER; -EFAULT where the VMM has nothing mapped,
 * -EHWPOISON, -EINTR, -ENOMEM.
 */
int hv_slow_fault(struct hv_vcpu *vcpu)
{
	u64 gpa = vcpu->exit.fault.gpa;
	u32 access = vcpu->exit.fault.access;
	bool apic = is_apic(vcpu, gpa);
	int ret;

	if (!apic) {
		ret = hv_mmu_fault(vcpu, gpa, access);
		if (ret == -EINTR)
			vcpu->run->exit_reason = KVM_EXIT_INTR;
		if (ret != HV_MMIO)
			return ret;
	}
	/* Not an instruction's own access: delivery of an event, ... */
	if (vcpu->event.type != HV_EV_NONE)
		return hv_internal_error(vcpu, KVM_INTERNAL_ERROR_DELIVERY_EV);
	/* ... code in a device, or page tables there. */
	if (access & (HV_ACC_EXEC | HV_ACC_WALK)) {
		vcpu->exit.insn_bytes = 0;
		return hv_insn_unknown(vcpu);
	}
	ret = hv_mmio_decode(vcpu, false);
	if (ret != HV_RESUME || !vcpu->exit.insn_len)
		return ret;
	recount(vcpu, HVCTL_EXIT_NESTED_FAULT,
		apic ? HVCTL_EXIT_APIC : HVCTL_EXIT_MMIO);
	return slow_access(vcpu);
}
