// SPDX-License-Identifier: GPL-2.0
/*
 * What arithmetic on device memory does to value and flags (APM volume 3).
 * Flags that the manual leaves undefined are cleared, or for the bit
 * instructions left alone.
 */
#include "insn.h"

#define FLAG_CF		0x1ULL
#define FLAG_PF		0x4ULL
#define FLAG_AF		0x10ULL
#define FLAG_ZF		0x40ULL
#define FLAG_SF		0x80ULL
#define FLAG_OF		0x800ULL
#define FLAGS_ARITH	(FLAG_CF | FLAG_PF | FLAG_AF | FLAG_ZF | FLAG_SF | FLAG_OF)

static bool even_parity(u8 byte)
{
	/* Bit n is set when n has an even number of ones. */
	return 0x9669 >> ((byte ^ byte >> 4) & 15) & 1;
}

/* dst + src + carry, or with @sub dst - src - carry. */
static u64 add_or_sub(u8 size, u64 dst, u64 src, bool carry, bool sub, u64 *flags)
{
	u64 mask = ~0ULL >> (64 - 8 * size);
	u64 sign = 1ULL << (8 * size - 1);
	bool cf, of;
	u64 res;

	if (sub) {
		res = (dst - src - carry) & mask;
		cf = carry ? dst <= src : dst < src;
		of = (dst ^ src) & (dst ^ res) & sign;
	} else {
		res = (dst + src + carry) & mask;
		cf = carry ? res <= dst : res < dst;
		of = (dst ^ res) & (src ^ res) & sign;
	}
	*flags = (cf ? FLAG_CF : 0) | (of ? FLAG_OF : 0) |
		 ((dst ^ src ^ res) & FLAG_AF);
	return res;
}

/**
 * hv_alu() - one arithmetic or logic operation
 * @op: which
 * @size: bytes of the operands: 1, 2, 4 or 8
 * @dst: first operand; higher bytes are ignored
 * @src: second operand, ignored by NOT, NEG, INC and DEC
 * @rflags: read for the carry, written with the result's flags
 *
 * Return: the result, higher bytes 0; for CMP and TEST it is not stored.
 */
u64 hv_alu(enum hv_alu op, u8 size, u64 dst, u64 src, u64 *rflags)
{
	u64 mask = ~0ULL >> (64 - 8 * size);
	u64 flags = 0, affected = FLAGS_ARITH;
	bool carry = *rflags & FLAG_CF;
	u64 res;

	dst &= mask;
	src &= mask;
	switch (op) {
	case HV_ALU_ADD:
		res = add_or_sub(size, dst, src, false, false, &flags);
		break;
	case HV_ALU_ADC:
		res = add_or_sub(size, dst, src, carry, false, &flags);
		break;
	case HV_ALU_SUB:
	case HV_ALU_CMP:
		res = add_or_sub(size, dst, src, false, true, &flags);
		break;
	case HV_ALU_SBB:
		res = add_or_sub(size, dst, src, carry, true, &flags);
		break;
	case HV_ALU_INC:
		res = add_or_sub(size, dst, 1, false, false, &flags);
		affected &= ~FLAG_CF;
		break;
	case HV_ALU_DEC:
		res = add_or_sub(size, dst, 1, false, true, &flags);
		affected &= ~FLAG_CF;
		break;
	case HV_ALU_NEG:
		res = add_or_sub(size, 0, dst, false, true, &flags);
		break;
	case HV_ALU_NOT:
		return ~dst & mask;
	case HV_ALU_OR:
		res = dst | src;
		break;
	case HV_ALU_XOR:
		res = dst ^ src;
		break;
	default:	/* AND, TEST */
		res = dst & src;
		break;
	}

	if (even_parity(res))
		flags |= FLAG_PF;
	if (!res)
		flags |= FLAG_ZF;
	if (res >> (8 * size - 1))
		flags |= FLAG_SF;
	*rflags = (*rflags & ~affected) | (flags & affected);
	return res;
}

/**
 * hv_bit_op() - test a bit and set, clear or flip it
 * @op: which
 * @size: bytes of the operand: 2, 4 or 8
 * @dst: the operand
 * @bit: number of the bit, cut to the operand's size
 * @rflags: the carry becomes the bit's old value
 *
 * Return: the new value.
 */
u64 hv_bit_op(enum hv_bit_op op, u8 size, u64 dst, u64 bit, u64 *rflags)
{
	u64 mask = 1ULL << (bit & (8 * size - 1));

	*rflags &= ~FLAG_CF;
	if (dst & mask)
		*rflags |= FLAG_CF;
	switch (op) {
	case HV_BTS:
		return dst | mask;
	case HV_BTR:
		return dst & ~mask;
	case HV_BTC:
		return dst ^ mask;
	default:
		return dst;
	}
}
