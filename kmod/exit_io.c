// SPDX-License-Identifier: GPL-2.0
/*
 * IN, OUT and their string forms: devices in the kernel, doorbells, and the
 * VMM for everything else. The CPU has checked the guest's right to the port.
 */
#include <asm/processor-flags.h>
#include <asm/trapnr.h>

#include "hvctl.h"

static bool port_write(struct hv_vcpu *vcpu, u16 port, u8 size, u32 value)
{
	if (hv_doorbell_pio(vcpu->vm, port, size, value)) {
		vcpu->exits[HVCTL_EXIT_IO]--;
		vcpu->exits[HVCTL_EXIT_DOORBELL]++;
		return true;
	}
	return hv_kernel_pio(vcpu, port, size, false, &value) == HV_RESUME ||
	       hv_coalesce(vcpu->vm, port, size, value, true);
}

static bool port_read(struct hv_vcpu *vcpu, u16 port, u8 size, u32 *value)
{
	*value = 0;
	return hv_kernel_pio(vcpu, port, size, true, value) == HV_RESUME;
}

static int ask_user(struct hv_vcpu *vcpu, u32 count)
{
	struct kvm_run *run = vcpu->run;

	run->exit_reason = KVM_EXIT_IO;
	run->io.direction = vcpu->exit.io.in ? KVM_EXIT_IO_IN : KVM_EXIT_IO_OUT;
	run->io.size = vcpu->exit.io.size;
	run->io.port = vcpu->exit.io.port;
	run->io.count = count;
	run->io.data_offset = vcpu->pio_data - (void *)run;
	return HV_USER;
}

/* User space has answered an IN. */
static int in_done(struct hv_vcpu *vcpu)
{
	u32 value = 0;

	if (vcpu->state.rip != vcpu->pio.rip)
		return HV_RESUME;
	memcpy(&value, vcpu->pio_data, vcpu->exit.io.size);
	hv_gpr_write(vcpu, HV_RAX, false, vcpu->exit.io.size, value);
	hv_skip(vcpu);
	return HV_RESUME;
}

static int single_io(struct hv_vcpu *vcpu, bool atomic)
{
	u8 size = vcpu->exit.io.size;
	u16 port = vcpu->exit.io.port;
	u32 value;
	int ret;

	if (!vcpu->exit.insn_len) {
		ret = hv_insn_len(vcpu, atomic);
		if (ret != HV_RESUME || !vcpu->exit.insn_len)
			return ret;
	}

	if (!vcpu->exit.io.in) {
		value = hv_gpr_read(vcpu, HV_RAX, false, size);
		hv_skip(vcpu);
		if (port_write(vcpu, port, size, value))
			return HV_RESUME;
		memcpy(vcpu->pio_data, &value, sizeof(value));
		return ask_user(vcpu, 1);
	}

	if (port_read(vcpu, port, size, &value)) {
		hv_gpr_write(vcpu, HV_RAX, false, size, value);
		hv_skip(vcpu);
		return HV_RESUME;
	}
	vcpu->pio.rip = vcpu->state.rip;
	vcpu->complete = in_done;
	return ask_user(vcpu, 1);
}

/* Bits of rCX, rSI and rDI that a string instruction uses. */
static u64 address_mask(const struct hv_vcpu *vcpu)
{
	u8 size = vcpu->exit.io.addr_size;

	return size == 8 ? ~0ULL : BIT_ULL(8 * size) - 1;
}

/* Elements are transferred: move on in the string, or to the next instruction. */
static void retire(struct hv_vcpu *vcpu, u32 count)
{
	u8 addr_size = vcpu->exit.io.addr_size;
	u8 reg = vcpu->exit.io.in ? HV_RDI : HV_RSI;
	s64 step = (s64)count * vcpu->exit.io.size;
	u64 *gpr = vcpu->state.gpr;

	if (vcpu->state.rflags & X86_EFLAGS_DF)
		step = -step;
	hv_gpr_write(vcpu, reg, false, addr_size, gpr[reg] + step);
	if (vcpu->exit.io.rep) {
		hv_gpr_write(vcpu, HV_RCX, false, addr_size, gpr[HV_RCX] - count);
		/* More to do: the instruction runs again with what is left. */
		if (gpr[HV_RCX] & address_mask(vcpu))
			return;
	}
	hv_skip(vcpu);
}

static int guest_fault(struct hv_vcpu *vcpu, int error, const struct hv_walk *walk)
{
	switch (error) {
	case -EACCES:
		hv_inject_pf(vcpu, walk->gpa, walk->error);
		return HV_RESUME;
	case -ENOENT:
		/* The string is in device memory, or its page tables are. */
		return hv_insn_unknown(vcpu);
	default:
		return error;
	}
}

static u32 user_access(const struct hv_vcpu *vcpu)
{
	return vcpu->state.cpl == 3 ? HV_WALK_USER : 0;
}

/* The data of an INS goes into guest memory. */
static int store_string(struct hv_vcpu *vcpu, const void *data, u32 count)
{
	struct hv_walk walk;
	int ret;

	ret = hv_write_gva(vcpu, vcpu->pio.linear, data,
			   count * vcpu->exit.io.size, user_access(vcpu), &walk);
	if (ret)
		return guest_fault(vcpu, ret, &walk);
	retire(vcpu, count);
	return HV_RESUME;
}

static int ins_done(struct hv_vcpu *vcpu)
{
	int ret;

	if (vcpu->state.rip != vcpu->pio.rip)
		return HV_RESUME;
	ret = store_string(vcpu, vcpu->pio_data, vcpu->pio.count);
	/* The device has given its data away: they are not asked for again. */
	if (ret == -EINTR)
		vcpu->complete = ins_done;
	return ret;
}

static int ins(struct hv_vcpu *vcpu, u64 linear, u32 count)
{
	u32 access = user_access(vcpu) | HV_WALK_WRITE;
	u32 bytes = count * vcpu->exit.io.size;
	struct hv_walk walk;
	u32 value;
	int ret;

	/* Faults come before the device has given its data away. */
	ret = hv_walk_gva(vcpu, linear, access, false, &walk);
	walk.gpa = linear;
	if (!ret && offset_in_page(linear) + bytes > PAGE_SIZE) {
		ret = hv_walk_gva(vcpu, PAGE_ALIGN(linear), access, false, &walk);
		walk.gpa = PAGE_ALIGN(linear);
	}
	if (ret)
		return guest_fault(vcpu, ret, &walk);

	vcpu->pio.linear = linear;
	if (port_read(vcpu, vcpu->exit.io.port, vcpu->exit.io.size, &value))
		return store_string(vcpu, &value, 1);
	vcpu->pio.rip = vcpu->state.rip;
	vcpu->pio.count = count;
	vcpu->complete = ins_done;
	return ask_user(vcpu, count);
}

static int outs(struct hv_vcpu *vcpu, u64 linear, u32 count)
{
	u8 size = vcpu->exit.io.size;
	struct hv_walk walk;
	u32 value = 0;
	int ret;

	ret = hv_read_gva(vcpu, linear, &value, size, user_access(vcpu), &walk);
	if (!ret && port_write(vcpu, vcpu->exit.io.port, size, value)) {
		retire(vcpu, 1);
		return HV_RESUME;
	}
	if (!ret)
		ret = hv_read_gva(vcpu, linear, vcpu->pio_data, count * size,
				  user_access(vcpu), &walk);
	if (ret)
		return guest_fault(vcpu, ret, &walk);
	retire(vcpu, count);
	return ask_user(vcpu, count);
}

/*
 * As many elements as can be had at once: up to the end of the page, of the
 * segment and of the address size. Downwards it is one at a time.
 */
static bool string_range(struct hv_vcpu *vcpu, u8 seg, u64 *linear, u32 *count)
{
	bool in = vcpu->exit.io.in;
	u8 size = vcpu->exit.io.size;
	u64 mask = address_mask(vcpu);
	u64 offset = vcpu->state.gpr[in ? HV_RDI : HV_RSI] & mask;
	u64 left = vcpu->exit.io.rep ? vcpu->state.gpr[HV_RCX] & mask : 1;
	u32 fit;

	*count = 1;
	if (!hv_linear(vcpu, seg, offset, size, in, linear))
		return false;
	fit = min_t(u64, left, (PAGE_SIZE - offset_in_page(*linear)) / size);
	if (fit > 1 && !(vcpu->state.rflags & X86_EFLAGS_DF) &&
	    fit * size - 1 <= mask - offset &&
	    hv_linear(vcpu, seg, offset, fit * size, in, linear))
		*count = fit;
	return true;
}

static int string_io(struct hv_vcpu *vcpu)
{
	struct hv_exit *exit = &vcpu->exit;
	u8 seg = HV_ES;		/* of INS, always */
	u64 linear;
	u32 count;
	int ret;

	if (!exit->insn_len || !exit->io.addr_size ||
	    (!exit->io.in && exit->io.seg < 0)) {
		ret = hv_insn_len(vcpu, false);
		if (ret != HV_RESUME || !exit->insn_len)
			return ret;
	}
	if (!exit->io.in)
		seg = exit->io.seg < 0 ? HV_DS : exit->io.seg;

	if (exit->io.rep && !(vcpu->state.gpr[HV_RCX] & address_mask(vcpu))) {
		hv_skip(vcpu);
		return HV_RESUME;
	}
	if (!string_range(vcpu, seg, &linear, &count)) {
		if (seg == HV_SS)
			hv_inject_error(vcpu, X86_TRAP_SS, 0);
		else
			hv_inject_gp(vcpu);
		return HV_RESUME;
	}
	return exit->io.in ? ins(vcpu, linear, count) : outs(vcpu, linear, count);
}

/**
 * hv_hot_io() - HV_R_IO in the inner loop
 * @vcpu: the vCPU
 *
 * Context: interrupts off.
 * Return: HV_RESUME, HV_USER or HV_SLOW.
 */
int hv_hot_io(struct hv_vcpu *vcpu)
{
	return vcpu->exit.io.string ? HV_SLOW : single_io(vcpu, true);
}

/**
 * hv_slow_io() - HV_R_IO, sleeping as needed
 * @vcpu: the vCPU
 *
 * Return: HV_RESUME, HV_USER; -EFAULT where the VMM has nothing mapped,
 * -EHWPOISON, -EINTR, -ENOMEM.
 */
int hv_slow_io(struct hv_vcpu *vcpu)
{
	return vcpu->exit.io.string ? string_io(vcpu) : single_io(vcpu, false);
}
