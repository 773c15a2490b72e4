// SPDX-License-Identifier: GPL-2.0
/*
 * Instruction decoding: the instructions that exit by themselves, and those
 * that move data between registers and device memory. AMD APM volume 3,
 * appendix A (opcode maps) and chapter 1 (encoding).
 *
 * Pure functions over bytes: no kernel interfaces, no state.
 */
#include "insn.h"

#define ESCAPE		0x0f

#define REX_B		1
#define REX_X		2
#define REX_R		4
#define REX_W		8

/* Segment numbers as instructions encode them. */
enum { SEG_ES, SEG_CS, SEG_SS, SEG_DS, SEG_FS, SEG_GS };

/* Register numbers of implied operands. */
enum { REG_A = 0, REG_B = 3, REG_SP = 4, REG_BP = 5, REG_SI = 6, REG_DI = 7 };

/**
 * struct cursor - a decoder's position and what it has seen
 * @bytes: the instruction
 * @n: bytes at hand
 * @pos: next byte
 * @short_of: more were wanted than are at hand
 * @mode: address bytes of the code segment
 * @rex: REX prefix, 0 for none
 * @lock: LOCK prefix
 * @opsize: operand-size prefix
 * @mod: of the ModRM byte
 * @reg: of the ModRM byte
 * @rm: of the ModRM byte
 */
struct cursor {
	const u8 *bytes;
	u8 n;
	u8 pos;
	bool short_of;
	u8 mode;
	u8 rex;
	bool lock;
	bool opsize;
	u8 mod;
	u8 reg;
	u8 rm;
};

static u8 next(struct cursor *c)
{
	if (c->pos >= c->n) {
		c->short_of = true;
		return 0;
	}
	return c->bytes[c->pos++];
}

/* A little-endian number of 1, 2, 4 or 8 bytes, sign-extended. */
static u64 next_signed(struct cursor *c, u8 size)
{
	u64 value = 0;
	u8 i;

	for (i = 0; i < size; i++)
		value |= (u64)next(c) << (8 * i);
	if (size < 8 && value >> (8 * size - 1))
		value |= ~0ULL << (8 * size);
	return value;
}

/* Legacy prefixes in any order, then REX. Returns the byte after them. */
static u8 prefixes(struct cursor *c, struct hv_insn *insn)
{
	bool addrsize = false;
	u8 byte;

	insn->seg = -1;
	for (;;) {
		byte = next(c);
		switch (byte) {
		case 0x66:
			c->opsize = true;
			break;
		case 0x67:
			addrsize = true;
			break;
		case 0xf0:
			c->lock = true;
			break;
		case 0xf2:
		case 0xf3:
			insn->rep = byte;
			break;
		case 0x26:
		case 0x2e:
		case 0x36:
		case 0x3e:
			/* ES, CS, SS and DS mean nothing in 64-bit mode. */
			if (c->mode != 8)
				insn->seg = byte >> 3 & 3;
			break;
		case 0x64:
			insn->seg = SEG_FS;
			break;
		case 0x65:
			insn->seg = SEG_GS;
			break;
		default:
			if (c->mode == 8 && (byte & 0xf0) == 0x40) {
				c->rex = byte;
				continue;
			}
			goto done;
		}
		/* A REX prefix that others follow is void. */
		c->rex = 0;
	}
done:
	insn->addr_size = c->mode;
	if (addrsize)
		insn->addr_size = c->mode == 4 ? 2 : 4;
	return byte;
}

static u8 operand_size(const struct cursor *c)
{
	if (c->rex & REX_W)
		return 8;
	return (c->mode == 2) == c->opsize ? 4 : 2;
}

/* 16-bit addresses: APM volume 3, table A-33. */
static void address16(struct cursor *c, struct hv_insn *insn)
{
	static const s8 base[] = {
		REG_B, REG_B, REG_BP, REG_BP, REG_SI, REG_DI, REG_BP, REG_B
	};
	static const s8 index[] = {
		REG_SI, REG_DI, REG_SI, REG_DI, -1, -1, -1, -1
	};

	if (c->mod == 0 && c->rm == 6) {
		insn->disp = next_signed(c, 2);
		return;
	}
	insn->base = base[c->rm];
	insn->index = index[c->rm];
	insn->stack = insn->base == REG_BP;
	if (c->mod)
		insn->disp = next_signed(c, c->mod);
}

static void address32(struct cursor *c, struct hv_insn *insn)
{
	u8 rm = c->rm;
	u8 sib;

	if (rm == 4) {
		sib = next(c);
		rm = sib & 7;
		insn->scale = sib >> 6;
		insn->index = (sib >> 3 & 7) | (c->rex & REX_X ? 8 : 0);
		if (insn->index == REG_SP)
			insn->index = -1;
		if (rm == 5 && c->mod == 0) {
			insn->disp = next_signed(c, 4);
			return;
		}
	} else if (rm == 5 && c->mod == 0) {
		insn->rip_rel = c->mode == 8;
		insn->disp = next_signed(c, 4);
		return;
	}
	insn->base = rm | (c->rex & REX_B ? 8 : 0);
	insn->stack = insn->base == REG_SP || insn->base == REG_BP;
	if (c->mod == 1)
		insn->disp = next_signed(c, 1);
	else if (c->mod == 2)
		insn->disp = next_signed(c, 4);
}

/* The ModRM byte and the address it starts. */
static void modrm(struct cursor *c, struct hv_insn *insn)
{
	u8 byte = next(c);

	c->mod = byte >> 6;
	c->reg = byte >> 3 & 7;
	c->rm = byte & 7;
	insn->base = -1;
	insn->index = -1;
	if (c->mod == 3)
		return;
	if (insn->addr_size == 2)
		address16(c, insn);
	else
		address32(c, insn);
}

/* ModRM's reg field as a general register of @size bytes. */
static void register_operand(const struct cursor *c, struct hv_insn *insn, u8 size)
{
	insn->op_size = size;
	insn->reg = c->reg | (c->rex & REX_R ? 8 : 0);
	if (size == 1 && !c->rex && insn->reg >= 4) {
		insn->reg -= 4;
		insn->high = true;
	}
}

static void immediate(struct cursor *c, struct hv_insn *insn, u8 size)
{
	insn->reg = -1;
	insn->imm = next_signed(c, size < 4 ? size : 4);
}

/* reg and memory of the same size: the most common form. */
static void both(struct cursor *c, struct hv_insn *insn, u8 op, u8 size)
{
	modrm(c, insn);
	register_operand(c, insn, size);
	insn->mem_size = size;
	insn->op = op;
}

static void string(struct hv_insn *insn, u8 op, u8 size)
{
	insn->op = op;
	insn->mem_size = size;
	insn->op_size = size;
	insn->reg = REG_A;
	insn->base = op == HV_MMIO_STOS ? REG_DI : REG_SI;
	insn->index = -1;
}

/* MOV between the accumulator and an address given in full. */
static void mov_offset(struct cursor *c, struct hv_insn *insn, u8 op, u8 size)
{
	insn->op = op;
	insn->mem_size = size;
	insn->op_size = size;
	insn->reg = REG_A;
	insn->base = -1;
	insn->index = -1;
	insn->disp = next_signed(c, insn->addr_size);
	if (insn->addr_size < 8)
		insn->disp &= (1ULL << 8 * insn->addr_size) - 1;
}

/* F6/F7 and FE/FF: the operation is in ModRM. */
static int unary(struct cursor *c, struct hv_insn *insn, u8 opcode, u8 size)
{
	modrm(c, insn);
	insn->reg = -1;
	insn->mem_size = size;
	insn->op_size = size;
	insn->op = HV_MMIO_ALU;
	if (opcode >= 0xfe) {
		if (c->reg > 1)
			return HV_INSN_UNKNOWN;
		insn->alu = c->reg ? HV_ALU_DEC : HV_ALU_INC;
		return 0;
	}
	switch (c->reg) {
	case 0:
	case 1:
		insn->op = HV_MMIO_TEST;
		insn->alu = HV_ALU_TEST;
		immediate(c, insn, size);
		return 0;
	case 2:
		insn->alu = HV_ALU_NOT;
		return 0;
	case 3:
		insn->alu = HV_ALU_NEG;
		return 0;
	default:
		return HV_INSN_UNKNOWN;	/* MUL and DIV */
	}
}

/* 00 to 3F: eight operations in six forms, of which four have ModRM. */
static int alu_row(struct cursor *c, struct hv_insn *insn, u8 opcode, u8 size)
{
	if ((opcode & 7) > 3)
		return HV_INSN_UNKNOWN;
	both(c, insn, opcode & 2 ? HV_MMIO_ALU_LOAD : HV_MMIO_ALU, size);
	insn->alu = opcode >> 3;
	if (insn->alu == HV_ALU_CMP && !(opcode & 2))
		insn->op = HV_MMIO_TEST;
	return 0;
}

static int one_byte(struct cursor *c, struct hv_insn *insn, u8 opcode)
{
	u8 size = opcode & 1 ? operand_size(c) : 1;

	switch (opcode) {
	case 0x88 ... 0x89:
		both(c, insn, HV_MMIO_STORE, size);
		return 0;
	case 0x8a ... 0x8b:
		both(c, insn, HV_MMIO_LOAD, size);
		return 0;
	case 0xc6 ... 0xc7:
		modrm(c, insn);
		if (c->reg)
			return HV_INSN_UNKNOWN;
		insn->op = HV_MMIO_STORE;
		insn->mem_size = size;
		insn->op_size = size;
		immediate(c, insn, size);
		return 0;
	case 0x00 ... 0x3f:
		return alu_row(c, insn, opcode, size);
	case 0x63:
		if (c->mode != 8)
			return HV_INSN_UNKNOWN;	/* ARPL */
		both(c, insn, HV_MMIO_LOAD, size);
		/* MOVSXD reads as much as it writes without REX.W. */
		insn->mem_size = size == 8 ? 4 : size;
		insn->sign = true;
		return 0;
	case 0x80 ... 0x83:
		if (opcode == 0x82 && c->mode == 8)
			return HV_INSN_UNKNOWN;
		modrm(c, insn);
		insn->alu = c->reg;
		insn->op = insn->alu == HV_ALU_CMP ? HV_MMIO_TEST : HV_MMIO_ALU;
		insn->mem_size = size;
		insn->op_size = size;
		immediate(c, insn, opcode == 0x83 ? 1 : size);
		return 0;
	case 0x84 ... 0x85:
		both(c, insn, HV_MMIO_TEST, size);
		insn->alu = HV_ALU_TEST;
		return 0;
	case 0x86 ... 0x87:
		both(c, insn, HV_MMIO_XCHG, size);
		return 0;
	case 0xa0 ... 0xa1:
		mov_offset(c, insn, HV_MMIO_LOAD, size);
		return 0;
	case 0xa2 ... 0xa3:
		mov_offset(c, insn, HV_MMIO_STORE, size);
		return 0;
	case 0xa4 ... 0xa5:
		string(insn, HV_MMIO_MOVS, size);
		return 0;
	case 0xaa ... 0xab:
		string(insn, HV_MMIO_STOS, size);
		return 0;
	case 0xac ... 0xad:
		string(insn, HV_MMIO_LODS, size);
		return 0;
	case 0xf6 ... 0xf7:
	case 0xfe ... 0xff:
		return unary(c, insn, opcode, size);
	default:
		return HV_INSN_UNKNOWN;
	}
}

static int two_bytes(struct cursor *c, struct hv_insn *insn)
{
	u8 opcode = next(c);
	u8 size = operand_size(c);

	switch (opcode) {
	case 0xb6 ... 0xb7:	/* MOVZX */
	case 0xbe ... 0xbf:	/* MOVSX */
		both(c, insn, HV_MMIO_LOAD, size);
		insn->mem_size = opcode & 1 ? 2 : 1;
		insn->sign = opcode >= 0xbe;
		return 0;
	case 0xc3:		/* MOVNTI */
		if (c->opsize || insn->rep)
			return HV_INSN_UNKNOWN;
		both(c, insn, HV_MMIO_STORE, size);
		return 0;
	case 0xa3:		/* BT, BTS, BTR, BTC with a register */
	case 0xab:
	case 0xb3:
	case 0xbb:
		both(c, insn, HV_MMIO_BIT, size);
		insn->alu = opcode >> 3 & 3;
		return 0;
	case 0xba:		/* with an immediate */
		modrm(c, insn);
		if (c->reg < 4)
			return HV_INSN_UNKNOWN;
		insn->op = HV_MMIO_BIT;
		insn->alu = c->reg & 3;
		insn->mem_size = size;
		insn->op_size = size;
		immediate(c, insn, 1);
		return 0;
	default:
		return HV_INSN_UNKNOWN;
	}
}

static int finish(const struct cursor *c, struct hv_insn *insn, int ret)
{
	if (c->short_of)
		return c->n < HV_INSN_MAX ? HV_INSN_SHORT : HV_INSN_UNKNOWN;
	insn->len = c->pos;
	return ret;
}

/**
 * hv_insn_decode_mmio() - decode a move to or from memory
 * @bytes: the instruction
 * @n: bytes at hand
 * @mode: bytes of an address in the code segment: 2, 4 or 8
 * @insn: filled on success
 *
 * Return: 0; HV_INSN_SHORT when more bytes are needed; HV_INSN_UNKNOWN.
 */
int hv_insn_decode_mmio(const u8 *bytes, u8 n, u8 mode, struct hv_insn *insn)
{
	struct cursor c = {
		.bytes = bytes,
		.n = n < HV_INSN_MAX ? n : HV_INSN_MAX,
		.mode = mode,
	};
	u8 opcode;
	int ret;

	*insn = (struct hv_insn){ 0 };
	opcode = prefixes(&c, insn);
	if (opcode == ESCAPE)
		ret = two_bytes(&c, insn);
	else
		ret = one_byte(&c, insn, opcode);
	if (c.mod == 3)
		ret = HV_INSN_UNKNOWN;	/* touches no memory */
	return finish(&c, insn, ret);
}

/* 0F 01 with ModRM: a group of instructions without operands, and LMSW. */
static int group7(struct cursor *c, enum hv_reason reason, struct hv_insn *insn)
{
	u8 op;

	modrm(c, insn);
	op = 0xc0 | c->reg << 3 | c->rm;
	switch (reason) {
	case HV_R_HYPERCALL:
		if (c->mod == 3 && (op == 0xc1 || op == 0xd9))
			return 0;
		break;
	case HV_R_XSETBV:
		if (c->mod == 3 && op == 0xd1)
			return 0;
		break;
	case HV_R_CR:
		/* SMSW is /4, LMSW /6; memory operands have two bytes. */
		if (c->reg != 4 && c->reg != 6)
			break;
		insn->cr_op = c->reg == 4 ? HV_SMSW : HV_LMSW;
		insn->reg = c->mod == 3 ? c->rm | (c->rex & REX_B ? 8 : 0) : -1;
		insn->op_size = c->mod == 3 ? operand_size(c) : 2;
		insn->mem_size = 2;
		return 0;
	default:
		break;
	}
	return HV_INSN_UNKNOWN;
}

/*
 * 0F 06: CLTS; 0F 20 and 0F 22: MOV from and to a control register, 0F 21 and
 * 0F 23 a debug register.
 */
static int cr_insn(struct cursor *c, u8 opcode, bool debug, struct hv_insn *insn)
{
	u8 byte;

	if (opcode == 0x06 && !debug) {
		insn->cr_op = HV_CLTS;
		return 0;
	}
	if (opcode != 0x20 + debug && opcode != 0x22 + debug)
		return HV_INSN_UNKNOWN;
	/* Always registers: the mod field counts for nothing. */
	byte = next(c);
	insn->cr_op = HV_MOV_CR;
	insn->cr = (byte >> 3 & 7) | (c->rex & REX_R ? 8 : 0);
	insn->cr_write = opcode >= 0x22;
	insn->reg = (byte & 7) | (c->rex & REX_B ? 8 : 0);
	insn->op_size = c->mode == 8 ? 8 : 4;
	return 0;
}

static int port_io(struct cursor *c, u8 opcode)
{
	switch (opcode) {
	case 0xe4 ... 0xe7:
		next(c);
		return 0;
	case 0x6c ... 0x6f:
	case 0xec ... 0xef:
		return 0;
	default:
		return HV_INSN_UNKNOWN;
	}
}

/**
 * hv_insn_decode_exit() - decode an instruction that exited
 * @bytes: the instruction
 * @n: bytes at hand
 * @mode: bytes of an address in the code segment: 2, 4 or 8
 * @reason: why it exited; other instructions are refused
 * @insn: filled on success: len, and what insn.h lists
 *
 * Return: as hv_insn_decode_mmio().
 */
int hv_insn_decode_exit(const u8 *bytes, u8 n, u8 mode, enum hv_reason reason,
			struct hv_insn *insn)
{
	/* 0F and one byte, where that is all there is to an instruction. */
	static const u8 plain[HV_R_COUNT] = {
		[HV_R_CPUID] = 0xa2, [HV_R_RDMSR] = 0x32, [HV_R_WRMSR] = 0x30,
		[HV_R_RDPMC] = 0x33, [HV_R_INVD] = 0x08, [HV_R_WBINVD] = 0x09,
	};
	struct cursor c = {
		.bytes = bytes,
		.n = n < HV_INSN_MAX ? n : HV_INSN_MAX,
		.mode = mode,
	};
	int ret = HV_INSN_UNKNOWN;
	u8 opcode;

	*insn = (struct hv_insn){ 0 };
	opcode = prefixes(&c, insn);
	if (opcode != ESCAPE) {
		if (reason == HV_R_HLT && opcode == 0xf4)
			ret = 0;
		else if (reason == HV_R_IO)
			ret = port_io(&c, opcode);
		return finish(&c, insn, ret);
	}

	opcode = next(&c);
	if (opcode == 0x01)
		ret = group7(&c, reason, insn);
	else if (reason == HV_R_CR || reason == HV_R_DR)
		ret = cr_insn(&c, opcode, reason == HV_R_DR, insn);
	else if (reason < HV_R_COUNT && plain[reason] && opcode == plain[reason])
		ret = 0;
	return finish(&c, insn, ret);
}
