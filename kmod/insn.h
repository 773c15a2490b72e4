/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Instruction lengths and the forms that touch device memory.
 *
 * Free of kernel interfaces, so that selftests/unit can run it under the
 * sanitizers and a fuzzer.
 */
#ifndef HVCTL_INSN_H
#define HVCTL_INSN_H

#include <linux/types.h>

#include "backend.h"

#define HV_INSN_MAX	15

/* What the decoders say instead of 0. */
#define HV_INSN_SHORT	(-1)	/* needs more bytes than it was given */
#define HV_INSN_UNKNOWN	(-2)	/* not one of the forms looked for */

enum hv_mmio_op {
	HV_MMIO_LOAD,		/* mov/movzx/movsx reg, mem: one read */
	HV_MMIO_STORE,		/* mov mem, reg/imm: one write */
	HV_MMIO_ALU,		/* op mem, reg/imm and op mem: read, write */
	HV_MMIO_ALU_LOAD,	/* op reg, mem: read */
	HV_MMIO_TEST,		/* test/cmp mem, reg/imm: read, flags only */
	HV_MMIO_XCHG,		/* read, write */
	HV_MMIO_BIT,		/* bt/bts/btr/btc mem, reg/imm: read, write */
	HV_MMIO_STOS,		/* write, rDI moves, rep counts */
	HV_MMIO_LODS,		/* read, rSI moves, rep counts */
	HV_MMIO_MOVS,		/* memory to memory, one side a device */
};

/* hv_insn.alu: the first eight in the order of their opcodes. */
enum hv_alu {
	HV_ALU_ADD, HV_ALU_OR, HV_ALU_ADC, HV_ALU_SBB,
	HV_ALU_AND, HV_ALU_SUB, HV_ALU_XOR, HV_ALU_CMP,
	HV_ALU_TEST, HV_ALU_NOT, HV_ALU_NEG, HV_ALU_INC, HV_ALU_DEC,
};

/* hv_insn.alu of HV_MMIO_BIT: as in the opcode's bits 3 to 4. */
enum hv_bit_op { HV_BT, HV_BTS, HV_BTR, HV_BTC };

/* hv_insn.cr_op: instructions that exit for HV_R_CR */
enum hv_cr_op { HV_MOV_CR, HV_CLTS, HV_LMSW, HV_SMSW };

/**
 * struct hv_insn - one decoded instruction
 * @len: bytes, prefixes included
 * @op: what it does with memory
 * @alu: enum hv_alu, or enum hv_bit_op for HV_MMIO_BIT
 * @cr_op: of an exit for HV_R_CR: enum hv_cr_op
 * @cr: HV_MOV_CR: number of the control register
 * @cr_write: HV_MOV_CR: it is the destination
 * @mem_size: bytes of the memory operand: 1, 2, 4, 8
 * @op_size: bytes of the register operand (movzx and movsx differ)
 * @addr_size: 2, 4, 8
 * @reg: register operand (enum hv_reg), -1 when @imm is the operand
 * @high: @reg is AH, CH, DH or BH (of reg 0-3)
 * @sign: a load extends the sign
 * @rep: 0, 0xf3 or 0xf2
 * @seg: segment override as enum hv_seg, -1 for none
 * @stack: without override the segment is SS
 * @base: base register of the address, -1 for none
 * @index: index register of the address, -1 for none
 * @scale: the index is shifted left by this
 * @rip_rel: the address is relative to the next instruction
 * @disp: displacement, sign-extended
 * @imm: immediate operand, sign-extended
 */
struct hv_insn {
	u8 len;
	u8 op;
	u8 alu;
	u8 cr_op;
	u8 cr;
	bool cr_write;
	u8 mem_size;
	u8 op_size;
	u8 addr_size;
	s8 reg;
	bool high;
	bool sign;
	u8 rep;
	s8 seg;
	bool stack;
	s8 base;
	s8 index;
	u8 scale;
	bool rip_rel;
	u64 disp;
	u64 imm;
};

/*
 * mode: bytes of an address in the current code segment, 2, 4 or 8. n is how
 * many bytes of the instruction are at hand.
 */
int hv_insn_decode_mmio(const u8 *bytes, u8 n, u8 mode, struct hv_insn *insn);

/*
 * The instruction must be one that exits for this reason. Also fills cr_op and
 * the register operand of those that exit for HV_R_CR (LMSW and SMSW: reg, or
 * an address with reg -1), and address size and segment of string I/O.
 */
int hv_insn_decode_exit(const u8 *bytes, u8 n, u8 mode, enum hv_reason reason,
			struct hv_insn *insn);

/* insn_alu.c: what the ALU does, flags included; size is 1, 2, 4 or 8 */
u64 hv_alu(enum hv_alu op, u8 size, u64 dst, u64 src, u64 *rflags);
u64 hv_bit_op(enum hv_bit_op op, u8 size, u64 dst, u64 bit, u64 *rflags);

#endif /* HVCTL_INSN_H */
