// SPDX-License-Identifier: GPL-2.0
/*
 * I/O ports of the guest's programs. Its kernel may allow them, all or by a bitmap,
 * and what is allowed does nothing, as in any domain that has no device of Xen's host:
 * ones are read, and what is written goes nowhere. The CPU knows of no permission, so
 * each access is a #GP. What a program may not do stays one.
 */
#include "shim.h"

#include <xen/physdev.h>

#define PORTS	  65536
#define IOPL_USER 3

/* Of a selector: in the LDT, whose segments may have a base. */
#define SELECTOR_LDT 4

#define PREFIX_OPERAND 0x66
#define PREFIX_ADDRESS 0x67
#define PREFIX_REX     0x40 /* to 0x4f */

/* IN and OUT by a byte of the instruction, or by DX. */
#define OP_IMM	0xe4 /* to 0xe7 */
#define OP_DX	0xec /* to 0xef */
#define OP_WIDE 1    /* not a byte */
#define OP_OUT	2

/* Prefixes that one of them may have. */
#define PREFIXES_MAX 3

/**
 * struct access - one that a program makes
 * @port: the first
 * @bytes: how many
 * @len: of the instruction
 * @out: it writes
 */
struct access {
	u32 port;
	u32 bytes;
	u32 len;
	bool out;
};

static bool decode(const struct frame *f, struct access *a)
{
	u8 code, imm;

	*a = (struct access){.bytes = 4};
	do {
		if (a->len > PREFIXES_MAX ||
		    guest_copy(&code, (void *)(f->rip + a->len++), sizeof(code)))
			return false;
		if (code == PREFIX_OPERAND)
			a->bytes = 2;
	} while (code == PREFIX_OPERAND || code == PREFIX_ADDRESS || (code & 0xf0) == PREFIX_REX);
	a->port = (u16)f->rdx;
	if ((code & ~3) == OP_IMM) {
		if (guest_copy(&imm, (void *)(f->rip + a->len++), sizeof(imm)))
			return false;
		a->port = imm;
	} else if ((code & ~3) != OP_DX) {
		return false;
	}
	if (!(code & OP_WIDE))
		a->bytes = 1;
	a->out = code & OP_OUT;
	return true;
}

/* A bitmap that is gone permits nothing. */
static bool allowed(const struct vcpu *v, const struct access *a)
{
	u32 port;
	u8 bits;

	if (v->iopl == IOPL_USER)
		return true;
	for (port = a->port; port < a->port + a->bytes; port++)
		if (port >= v->nr_ports ||
		    guest_copy(&bits, v->port_bitmap + port / 8, sizeof(bits)) ||
		    bits >> (port % 8) & 1)
			return false;
	return true;
}

/**
 * port_access() - was a #GP an access to ports that the program may make?
 * @v: the vCPU
 * @f: where it happened, at CPL 3
 *
 * Return: true when it has been done.
 */
bool port_access(const struct vcpu *v, struct frame *f)
{
	struct access a;

	if (f->error || f->cs & SELECTOR_LDT || !decode(f, &a) || !allowed(v, &a))
		return false;
	f->rip += a.len;
	if (!a.out)
		/* As all results of 32 bits it clears what is above. */
		f->rax = a.bytes == 4 ? UINT32_MAX : f->rax | ((1UL << (8 * a.bytes)) - 1);
	return true;
}

static void note(struct vcpu *v)
{
	v->ports = v->iopl == IOPL_USER || v->nr_ports;
}

/* args: command, its argument */
long hv_physdev_op(struct vcpu *v, const u64 a[5])
{
	struct physdev_set_iobitmap map;
	struct physdev_set_iopl iopl;

	switch (a[0]) {
	case PHYSDEVOP_set_iopl:
		if (guest_copy(&iopl, (void *)a[1], sizeof(iopl)))
			return -EFAULT;
		if (iopl.iopl > IOPL_USER)
			return -EINVAL;
		v->iopl = (u8)iopl.iopl;
		break;
	case PHYSDEVOP_set_iobitmap:
		if (guest_copy(&map, (void *)a[1], sizeof(map)))
			return -EFAULT;
		if (map.nr_ports > PORTS)
			return -EINVAL;
		v->port_bitmap = *(const u8 **)&map.bitmap;
		v->nr_ports = map.nr_ports;
		break;
	default:
		return -ENOSYS;
	}
	note(v);
	return 0;
}
