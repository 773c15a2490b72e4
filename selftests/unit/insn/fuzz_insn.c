// SPDX-License-Identifier: GPL-2.0
/*
 * Any bytes as an instruction, in every mode and for every reason: the decoder
 * stays inside the bytes it is given and what it says is possible.
 */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "insn.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

#define MUST(cond)                                                                                 \
	do {                                                                                       \
		if (!(cond))                                                                       \
			abort();                                                                   \
	} while (0)

static bool power_of_two(u8 n)
{
	return n == 1 || n == 2 || n == 4 || n == 8;
}

static void check_common(const struct hv_insn *insn, size_t n, u8 mode)
{
	MUST(insn->len > 0 && insn->len <= n && insn->len <= HV_INSN_MAX);
	MUST(insn->reg >= -1 && insn->reg < 16);
	MUST(insn->base >= -1 && insn->base < 16);
	MUST(insn->index >= -1 && insn->index < 16);
	MUST(insn->seg >= -1 && insn->seg < 6);
	MUST(insn->addr_size == 2 || insn->addr_size == 4 || insn->addr_size == 8);
	MUST(mode == 8 || (insn->reg < 8 && insn->addr_size < 8 && !insn->rip_rel));
}

static void check_mmio(const struct hv_insn *insn, u8 mode)
{
	MUST(insn->op <= HV_MMIO_MOVS);
	MUST(power_of_two(insn->mem_size) && power_of_two(insn->op_size));
	MUST(mode == 8 || insn->mem_size < 8);
	MUST(insn->mem_size <= insn->op_size);
	MUST(!insn->high || (insn->reg >= 0 && insn->reg < 4 && insn->op_size == 1));
	if (insn->op == HV_MMIO_BIT)
		MUST(insn->alu <= HV_BTC && insn->mem_size > 1);
	else
		MUST(insn->alu <= HV_ALU_DEC);
}

/* The same instruction, with one byte less and with bytes behind it. */
static void check_prefixes_of(const u8 *bytes, u8 mode, const struct hv_insn *whole)
{
	u8 longer[HV_INSN_MAX];
	struct hv_insn insn;

	MUST(hv_insn_decode_mmio(bytes, whole->len - 1, mode, &insn) == HV_INSN_SHORT);
	memset(longer, 0xcc, sizeof(longer));
	memcpy(longer, bytes, whole->len);
	MUST(!hv_insn_decode_mmio(longer, sizeof(longer), mode, &insn));
	MUST(insn.len == whole->len && insn.imm == whole->imm && insn.disp == whole->disp);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	static const u8 modes[] = {2, 4, 8, 8};
	enum hv_reason reason;
	struct hv_insn insn;
	u8 *bytes, mode;
	u64 flags = 2;

	if (size < 2 || size > 32)
		return 0;
	mode = modes[data[0] & 3];
	reason = (data[0] >> 2) % HV_R_COUNT;
	size--;
	/* Of exactly that size, so that the sanitizer sees each byte too far. */
	bytes = malloc(size);
	MUST(bytes);
	memcpy(bytes, data + 1, size);

	if (!hv_insn_decode_mmio(bytes, size, mode, &insn)) {
		check_common(&insn, size, mode);
		check_mmio(&insn, mode);
		check_prefixes_of(bytes, mode, &insn);
		if (insn.op == HV_MMIO_BIT)
			hv_bit_op(insn.alu, insn.mem_size, insn.disp, insn.imm, &flags);
		else
			hv_alu(insn.alu, insn.mem_size, insn.disp, insn.imm, &flags);
	}
	if (!hv_insn_decode_exit(bytes, size, mode, reason, &insn))
		check_common(&insn, size, mode);
	free(bytes);
	return 0;
}
