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

#define HV_INSN_MAX	15

enum hv_mmio_op {
	HV_MMIO_LOAD,		/* mov/movzx/movsx reg, mem; one read */
	HV_MMIO_STORE,		/* mov mem, reg/imm; one write */
	HV_MMIO_ALU,		/* and/or/xor/add/sub/... mem, reg/imm: read, write */
	HV_MMIO_TEST,		/* test/cmp: read, flags only */
	HV_MMIO_XCHG,		/* read, write */
	HV_MMIO_BIT,		/* bt/bts/btr/btc mem, reg/imm */
	HV_MMIO_STOS,		/* write, rDI moves, rep counts */
	HV_MMIO_LODS,		/* read, rSI moves, rep counts */
	HV_MMIO_MOVS,		/* memory to memory, one side a device */
};

/**
 * struct hv_insn - one decoded instruction
 * @len: bytes, prefixes included
 * @op: what it does with memory
 * @alu: for HV_MMIO_ALU, TEST and BIT: which operation (opcode extension)
 * @mem_size: bytes of the memory operand: 1, 2, 4, 8
 * @op_size: bytes of the register operand (movzx and movsx differ)
 * @addr_size: 2, 4, 8
 * @reg: register operand (enum hv_reg), -1 when @imm is the operand
 * @high: @reg is AH, CH, DH or BH (of reg 0-3)
 * @sign: a load extends the sign
 * @rep: 0, 0xf3 or 0xf2
 * @seg: segment override as enum hv_seg, -1 for none
 * @imm: immediate operand, sign-extended
 */
struct hv_insn {
	u8 len;
	u8 op;
	u8 alu;
	u8 mem_size;
	u8 op_size;
	u8 addr_size;
	s8 reg;
	u8 high;
	u8 sign;
	u8 rep;
	s8 seg;
	u64 imm;
};

#endif /* HVCTL_INSN_H */
