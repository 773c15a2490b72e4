// SPDX-License-Identifier: GPL-2.0
/*
 * The instruction decoder against the assembler, and its arithmetic against
 * the processor this runs on. Prints TAP.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "insn.h"

static int tests;
static int failures;

static void result(bool ok, const char *name)
{
	printf("%sok %d insn: %s\n", ok ? "" : "not ", ++tests, name);
	failures += !ok;
}

/* An instruction as text; the assembler says what its bytes are. */
#define CODE_1(bits, text)                                                                         \
	({                                                                                         \
		const u8 *from_, *to_;                                                             \
                                                                                                   \
		asm(".pushsection .rodata\n"                                                       \
		    ".code" #bits "\n"                                                             \
		    "771: " text "\n"                                                              \
		    "772: .code64\n"                                                               \
		    ".popsection\n"                                                                \
		    "lea 771b(%%rip), %0\n"                                                        \
		    "lea 772b(%%rip), %1\n"                                                        \
		    : "=r"(from_), "=r"(to_));                                                     \
		(struct code){from_, (u8)(to_ - from_), bits / 8};                                 \
	})

struct code {
	const u8 *bytes;
	u8 len;
	u8 mode;
};

enum { AX, CX, DX, BX, SP, BP, SI, DI, R8, R9, R10, R11, R12, R13, R14, R15 };
enum { ES, CS, SS, DS, FS, GS };

/* What a form leaves open is: no register, no segment, no repetition. */
#define FORM(...) ((struct hv_insn){.seg = -1, .base = -1, .index = -1, __VA_ARGS__})

#define FIELD(name)                                                                                \
	do {                                                                                       \
		if ((u64)got.name != (u64)want->name) {                                            \
			printf("# %s: " #name " is %#llx, not %#llx\n", text,                      \
			       (unsigned long long)got.name, (unsigned long long)want->name);      \
			ok = false;                                                                \
		}                                                                                  \
	} while (0)

static bool check(const char *text, struct code code, const struct hv_insn *want)
{
	struct hv_insn got;
	bool ok = true;
	u8 n;
	int ret;

	for (n = 0; n < code.len; n++) {
		ret = hv_insn_decode_mmio(code.bytes, n, code.mode, &got);
		if (ret != HV_INSN_SHORT) {
			printf("# %s: %d with %u of %u bytes\n", text, ret, n, code.len);
			return false;
		}
	}
	ret = hv_insn_decode_mmio(code.bytes, code.len, code.mode, &got);
	if (ret) {
		printf("# %s: %d\n", text, ret);
		return false;
	}
	if (got.len != code.len) {
		printf("# %s: length %u, not %u\n", text, got.len, code.len);
		ok = false;
	}
	FIELD(op);
	FIELD(alu);
	FIELD(mem_size);
	FIELD(op_size);
	FIELD(addr_size);
	FIELD(reg);
	FIELD(high);
	FIELD(sign);
	FIELD(rep);
	FIELD(seg);
	FIELD(stack);
	FIELD(base);
	FIELD(index);
	FIELD(scale);
	FIELD(rip_rel);
	FIELD(disp);
	FIELD(imm);
	return ok;
}

#define IS(bits, text, ...) (ok &= check(text, CODE_1(bits, text), &FORM(__VA_ARGS__)))

#define SIZE(n)	    .mem_size = (n), .op_size = (n)
#define LOAD(n, r)  .op = HV_MMIO_LOAD, SIZE(n), .reg = (r)
#define STORE(n, r) .op = HV_MMIO_STORE, SIZE(n), .reg = (r)
#define IMM(n, v)   .op = HV_MMIO_STORE, SIZE(n), .reg = -1, .imm = (u64)(v)
#define A64	    .addr_size = 8
#define A32	    .addr_size = 4
#define A16	    .addr_size = 2

static bool test_moves(void)
{
	bool ok = true;

	IS(64, "movb %%al, (%%rbx)", STORE(1, AX), A64, .base = BX);
	IS(64, "movb %%dh, (%%rbx)", STORE(1, DX), A64, .base = BX, .high = true);
	IS(64, "movb %%sil, (%%rbx)", STORE(1, SI), A64, .base = BX);
	IS(64, "movw %%ax, (%%rbx)", STORE(2, AX), A64, .base = BX);
	IS(64, "movl %%ecx, (%%rbx)", STORE(4, CX), A64, .base = BX);
	IS(64, "movq %%r9, (%%r10)", STORE(8, R9), A64, .base = R10);
	IS(64, "movb $0x80, (%%rbx)", IMM(1, -128), A64, .base = BX);
	IS(64, "movw $-2, (%%rbx)", IMM(2, -2), A64, .base = BX);
	IS(64, "movl $0x12345678, 4(%%rbx)", IMM(4, 0x12345678), A64, .base = BX, .disp = 4);
	IS(64, "movq $-2, -4(%%rbx)", IMM(8, -2), A64, .base = BX, .disp = -4UL);
	IS(64, "movl (%%rbx), %%r15d", LOAD(4, R15), A64, .base = BX);
	IS(64, "movb (%%rbx), %%ch", LOAD(1, CX), A64, .base = BX, .high = true);
	IS(64, "movnti %%rax, (%%rbx)", STORE(8, AX), A64, .base = BX);
	IS(64, "movabs %%eax, 0x1122334455667788", STORE(4, AX), A64, .disp = 0x1122334455667788);
	IS(64, "movabs 0xfedcba9876543210, %%al", LOAD(1, AX), A64, .disp = 0xfedcba9876543210);
	IS(32, "movl %%eax, 0xfee000b0", STORE(4, AX), A32, .disp = 0xfee000b0);
	IS(16, "movw 0xfff0, %%ax", LOAD(2, AX), A16, .disp = 0xfff0);
	IS(16, "movl %%eax, 0x1234", STORE(4, AX), A16, .disp = 0x1234);
	IS(64, "movzbl (%%rbx), %%eax", .op = HV_MMIO_LOAD, .mem_size = 1, .op_size = 4, .reg = AX,
	   A64, .base = BX);
	IS(64, "movzwq (%%rbx), %%rax", .op = HV_MMIO_LOAD, .mem_size = 2, .op_size = 8, .reg = AX,
	   A64, .base = BX);
	IS(64, "movsbw (%%rbx), %%ax", .op = HV_MMIO_LOAD, .mem_size = 1, .op_size = 2, .reg = AX,
	   .sign = true, A64, .base = BX);
	IS(64, "movslq (%%rbx), %%rax", .op = HV_MMIO_LOAD, .mem_size = 4, .op_size = 8, .reg = AX,
	   .sign = true, A64, .base = BX);
	return ok;
}

static bool test_addresses(void)
{
	bool ok = true;

	IS(64, "movl %%eax, 0x1000(%%rbp, %%r12, 8)", STORE(4, AX), A64, .base = BP, .stack = true,
	   .index = R12, .scale = 3, .disp = 0x1000);
	IS(64, "movl %%eax, (%%rsp)", STORE(4, AX), A64, .base = SP, .stack = true);
	IS(64, "movl %%eax, (%%r12)", STORE(4, AX), A64, .base = R12);
	IS(64, "movl %%eax, (%%r13)", STORE(4, AX), A64, .base = R13);
	IS(64, "movl %%eax, -8(, %%rcx, 4)", STORE(4, AX), A64, .index = CX, .scale = 2,
	   .disp = -8UL);
	IS(64, "movl %%eax, 0x7fff0000", STORE(4, AX), A64, .disp = 0x7fff0000);
	IS(64, "movl %%eax, 0x10(%%rip)", STORE(4, AX), A64, .rip_rel = true, .disp = 0x10);
	IS(64, "movl $1, 0x10(%%rip)", IMM(4, 1), A64, .rip_rel = true, .disp = 0x10);
	IS(64, "movl %%eax, (%%ebx)", STORE(4, AX), A32, .base = BX);
	IS(64, "movl %%eax, %%gs:(%%rbx)", STORE(4, AX), A64, .base = BX, .seg = GS);
	IS(32, "movl %%eax, %%es:(%%ebp)", STORE(4, AX), A32, .base = BP, .stack = true, .seg = ES);
	IS(32, "movl %%eax, 0x80(%%esi, %%edi, 2)", STORE(4, AX), A32, .base = SI, .index = DI,
	   .scale = 1, .disp = 0x80);
	IS(32, "movl %%eax, (%%bx, %%si)", STORE(4, AX), A16, .base = BX, .index = SI);
	IS(16, "movb %%al, (%%bx, %%di)", STORE(1, AX), A16, .base = BX, .index = DI);
	IS(16, "movb %%al, (%%bp, %%si)", STORE(1, AX), A16, .base = BP, .index = SI,
	   .stack = true);
	IS(16, "movb %%al, -1(%%bp)", STORE(1, AX), A16, .base = BP, .stack = true, .disp = -1UL);
	IS(16, "movb %%al, 0x1234(%%di)", STORE(1, AX), A16, .base = DI, .disp = 0x1234);
	IS(16, "movb %%cl, 0x1234", STORE(1, CX), A16, .disp = 0x1234);
	IS(16, "movl %%eax, %%fs:(%%edx)", STORE(4, AX), A32, .base = DX, .seg = FS);
	return ok;
}

static bool test_arithmetic(void)
{
	bool ok = true;

	IS(64, "addl %%eax, (%%rbx)", .op = HV_MMIO_ALU, .alu = HV_ALU_ADD, SIZE(4), .reg = AX, A64,
	   .base = BX);
	IS(64, "lock orb $1, (%%rbx)", .op = HV_MMIO_ALU, .alu = HV_ALU_OR, SIZE(1), .reg = -1,
	   .imm = 1, A64, .base = BX);
	IS(64, "andq $-16, (%%rbx)", .op = HV_MMIO_ALU, .alu = HV_ALU_AND, SIZE(8), .reg = -1,
	   .imm = -16UL, A64, .base = BX);
	IS(64, "xorw $0x1234, (%%rbx)", .op = HV_MMIO_ALU, .alu = HV_ALU_XOR, SIZE(2), .reg = -1,
	   .imm = 0x1234, A64, .base = BX);
	IS(64, "sbbl (%%rbx), %%ecx", .op = HV_MMIO_ALU_LOAD, .alu = HV_ALU_SBB, SIZE(4), .reg = CX,
	   A64, .base = BX);
	IS(64, "cmpl (%%rbx), %%ecx", .op = HV_MMIO_ALU_LOAD, .alu = HV_ALU_CMP, SIZE(4), .reg = CX,
	   A64, .base = BX);
	IS(64, "cmpl %%ecx, (%%rbx)", .op = HV_MMIO_TEST, .alu = HV_ALU_CMP, SIZE(4), .reg = CX,
	   A64, .base = BX);
	IS(64, "cmpb $0xff, (%%rbx)", .op = HV_MMIO_TEST, .alu = HV_ALU_CMP, SIZE(1), .reg = -1,
	   .imm = -1UL, A64, .base = BX);
	IS(64, "testl %%ecx, (%%rbx)", .op = HV_MMIO_TEST, .alu = HV_ALU_TEST, SIZE(4), .reg = CX,
	   A64, .base = BX);
	IS(64, "testq $0x100, (%%rbx)", .op = HV_MMIO_TEST, .alu = HV_ALU_TEST, SIZE(8), .reg = -1,
	   .imm = 0x100, A64, .base = BX);
	IS(64, "notl (%%rbx)", .op = HV_MMIO_ALU, .alu = HV_ALU_NOT, SIZE(4), .reg = -1, A64,
	   .base = BX);
	IS(64, "negb (%%rbx)", .op = HV_MMIO_ALU, .alu = HV_ALU_NEG, SIZE(1), .reg = -1, A64,
	   .base = BX);
	IS(64, "incw (%%rbx)", .op = HV_MMIO_ALU, .alu = HV_ALU_INC, SIZE(2), .reg = -1, A64,
	   .base = BX);
	IS(64, "decq (%%rbx)", .op = HV_MMIO_ALU, .alu = HV_ALU_DEC, SIZE(8), .reg = -1, A64,
	   .base = BX);
	IS(64, "xchgl %%ecx, (%%rbx)", .op = HV_MMIO_XCHG, SIZE(4), .reg = CX, A64, .base = BX);
	IS(64, "btl %%ecx, (%%rbx)", .op = HV_MMIO_BIT, .alu = HV_BT, SIZE(4), .reg = CX, A64,
	   .base = BX);
	IS(64, "btsq $63, (%%rbx)", .op = HV_MMIO_BIT, .alu = HV_BTS, SIZE(8), .reg = -1, .imm = 63,
	   A64, .base = BX);
	IS(64, "btrw %%ax, (%%rbx)", .op = HV_MMIO_BIT, .alu = HV_BTR, SIZE(2), .reg = AX, A64,
	   .base = BX);
	IS(64, "btcl $3, (%%rbx)", .op = HV_MMIO_BIT, .alu = HV_BTC, SIZE(4), .reg = -1, .imm = 3,
	   A64, .base = BX);
	return ok;
}

static bool test_strings(void)
{
	bool ok = true;

	IS(64, "rep stosq", .op = HV_MMIO_STOS, SIZE(8), .reg = AX, A64, .base = DI, .rep = 0xf3);
	IS(64, "lodsb", .op = HV_MMIO_LODS, SIZE(1), .reg = AX, A64, .base = SI);
	IS(64, "rep movsl", .op = HV_MMIO_MOVS, SIZE(4), .reg = AX, A64, .base = SI, .rep = 0xf3);
	IS(64, "addr32 movsb", .op = HV_MMIO_MOVS, SIZE(1), .reg = AX, A32, .base = SI);
	IS(16, "movsw", .op = HV_MMIO_MOVS, SIZE(2), .reg = AX, A16, .base = SI);
	IS(16, "lodsl %%cs:(%%si), %%eax", .op = HV_MMIO_LODS, SIZE(4), .reg = AX, A16, .base = SI,
	   .seg = CS);
	return ok;
}

static bool unknown(const char *text, struct code code)
{
	struct hv_insn insn;
	int ret = hv_insn_decode_mmio(code.bytes, code.len, code.mode, &insn);

	if (ret == HV_INSN_UNKNOWN)
		return true;
	printf("# %s: %d\n", text, ret);
	return false;
}

#define UNKNOWN(bits, text) (ok &= unknown(text, CODE_1(bits, text)))

static bool test_refused(void)
{
	bool ok = true;

	UNKNOWN(64, "movl %%eax, %%ebx");
	UNKNOWN(64, "addb $1, %%al");
	UNKNOWN(64, "addb $1, %%cl");
	UNKNOWN(64, "pushq (%%rbx)");
	UNKNOWN(64, "callq *(%%rbx)");
	UNKNOWN(64, "mull (%%rbx)");
	UNKNOWN(64, "divl (%%rbx)");
	UNKNOWN(64, "movups (%%rbx), %%xmm0");
	UNKNOWN(64, "cmpxchgl %%ecx, (%%rbx)");
	UNKNOWN(64, "cmpsb");
	UNKNOWN(64, "popq (%%rbx)");
	UNKNOWN(64, "ud2");
	UNKNOWN(32, "arpl %%ax, (%%ebx)");
	UNKNOWN(64, ".fill 14, 1, 0x66; movb %%al, (%%rbx)");
	return ok;
}

static bool exits(const char *text, struct code code, enum hv_reason reason, enum hv_cr_op cr_op,
		  s8 reg)
{
	struct hv_insn insn;
	enum hv_reason other;
	bool ok = true;
	int ret;

	ret = hv_insn_decode_exit(code.bytes, code.len - 1, code.mode, reason, &insn);
	if (ret != HV_INSN_SHORT) {
		printf("# %s: %d where a byte is missing\n", text, ret);
		ok = false;
	}
	ret = hv_insn_decode_exit(code.bytes, code.len, code.mode, reason, &insn);
	if (ret || insn.len != code.len) {
		printf("# %s: %d, length %u, not %u\n", text, ret, insn.len, code.len);
		return false;
	}
	if ((reason == HV_R_CR || reason == HV_R_DR) && (insn.cr_op != cr_op || insn.reg != reg)) {
		printf("# %s: operation %u, register %d\n", text, insn.cr_op, insn.reg);
		ok = false;
	}
	for (other = 0; other < HV_R_COUNT; other++) {
		ret = hv_insn_decode_exit(code.bytes, code.len, code.mode, other, &insn);
		if (other != reason && ret != HV_INSN_UNKNOWN) {
			printf("# %s: taken for reason %d\n", text, other);
			ok = false;
		}
	}
	return ok;
}

#define EXITS(bits, text, reason)     (ok &= exits(text, CODE_1(bits, text), reason, 0, 0))
#define EXITS_DR(bits, text, reg)     (ok &= exits(text, CODE_1(bits, text), HV_R_DR, HV_MOV_CR, reg))
#define EXITS_CR(bits, text, op, reg) (ok &= exits(text, CODE_1(bits, text), HV_R_CR, op, reg))

static bool test_exits(void)
{
	bool ok = true;

	EXITS(64, "cpuid", HV_R_CPUID);
	EXITS(16, "cpuid", HV_R_CPUID);
	EXITS(64, ".byte 0xf3; rex64 cpuid", HV_R_CPUID);
	EXITS(64, ".fill 13, 1, 0x66; cpuid", HV_R_CPUID);
	EXITS(64, "rdmsr", HV_R_RDMSR);
	EXITS(64, "wrmsr", HV_R_WRMSR);
	EXITS(64, "rdpmc", HV_R_RDPMC);
	EXITS(64, "hlt", HV_R_HLT);
	EXITS(64, "data16 hlt", HV_R_HLT);
	EXITS(64, "vmmcall", HV_R_HYPERCALL);
	EXITS(32, "vmcall", HV_R_HYPERCALL);
	EXITS(64, "invd", HV_R_INVD);
	EXITS(64, "wbinvd", HV_R_WBINVD);
	EXITS(64, "wbnoinvd", HV_R_WBINVD);
	EXITS(64, "xsetbv", HV_R_XSETBV);
	EXITS(64, "inb $0x71, %%al", HV_R_IO);
	EXITS(64, "outl %%eax, %%dx", HV_R_IO);
	EXITS(16, "outl %%eax, $0x80", HV_R_IO);
	EXITS(64, "rep outsl", HV_R_IO);
	EXITS(16, "rep insw", HV_R_IO);
	EXITS_CR(64, "mov %%rax, %%cr0", HV_MOV_CR, AX);
	EXITS_CR(64, "mov %%r10, %%cr4", HV_MOV_CR, R10);
	EXITS_CR(64, "mov %%cr0, %%r15", HV_MOV_CR, R15);
	EXITS_CR(64, "mov %%rdx, %%cr8", HV_MOV_CR, DX);
	EXITS_CR(32, "mov %%cr0, %%esi", HV_MOV_CR, SI);
	EXITS_CR(64, "clts", HV_CLTS, 0);
	EXITS_CR(16, "lmsw %%ax", HV_LMSW, AX);
	EXITS_CR(64, "lmsw %%r9w", HV_LMSW, R9);
	EXITS_CR(64, "lmsw 0x10(%%rbx, %%rcx)", HV_LMSW, -1);
	EXITS_CR(32, "smsw %%ebx", HV_SMSW, BX);
	EXITS_CR(16, "smsw 2(%%bp)", HV_SMSW, -1);
	EXITS_DR(64, "mov %%rax, %%dr7", AX);
	EXITS_DR(64, "mov %%dr6, %%r10", R10);
	EXITS_DR(32, "mov %%dr0, %%esi", SI);
	return ok;
}

/* The arithmetic flags that an instruction defines. */
#define CF  0x001UL
#define PF  0x004UL
#define AF  0x010UL
#define ZF  0x040UL
#define SF  0x080UL
#define OF  0x800UL
#define ALL (CF | PF | AF | ZF | SF | OF)

#define RUN(insn, suffix, type)                                                                    \
	do {                                                                                       \
		type d_ = dst, s_ = src;                                                           \
                                                                                                   \
		asm("pushq %[f]; popfq; " insn #suffix " %[s], %[d]; pushfq; popq %[f]"            \
		    : [d] "+r"(d_), [f] "+r"(flags)                                                \
		    : [s] "r"(s_)                                                                  \
		    : "cc");                                                                       \
		res = d_;                                                                          \
	} while (0)
#define RUN1(insn, suffix, type)                                                                   \
	do {                                                                                       \
		type d_ = dst;                                                                     \
                                                                                                   \
		asm("pushq %[f]; popfq; " insn #suffix " %[d]; pushfq; popq %[f]"                  \
		    : [d] "+r"(d_), [f] "+r"(flags)                                                \
		    :                                                                              \
		    : "cc");                                                                       \
		res = d_;                                                                          \
	} while (0)

#define CPU(name, how, insn)                                                                       \
	static u64 name(u8 size, u64 dst, u64 src, u64 *rflags)                                    \
	{                                                                                          \
		u64 flags = *rflags, res;                                                          \
                                                                                                   \
		(void)src;                                                                         \
		switch (size) {                                                                    \
		case 1:                                                                            \
			how(insn, b, u8);                                                          \
			break;                                                                     \
		case 2:                                                                            \
			how(insn, w, u16);                                                         \
			break;                                                                     \
		case 4:                                                                            \
			how(insn, l, u32);                                                         \
			break;                                                                     \
		default:                                                                           \
			how(insn, q, u64);                                                         \
			break;                                                                     \
		}                                                                                  \
		*rflags = flags;                                                                   \
		return res;                                                                        \
	}

CPU(cpu_add, RUN, "add")
CPU(cpu_or, RUN, "or")
CPU(cpu_adc, RUN, "adc")
CPU(cpu_sbb, RUN, "sbb")
CPU(cpu_and, RUN, "and")
CPU(cpu_sub, RUN, "sub")
CPU(cpu_xor, RUN, "xor")
CPU(cpu_cmp, RUN, "cmp")
CPU(cpu_test, RUN, "test")
CPU(cpu_not, RUN1, "not")
CPU(cpu_neg, RUN1, "neg")
CPU(cpu_inc, RUN1, "inc")
CPU(cpu_dec, RUN1, "dec")

static const struct {
	const char *name;
	u64 (*run)(u8 size, u64 dst, u64 src, u64 *rflags);
	u64 undefined;
	bool stores;
} cpu[] = {
	[HV_ALU_ADD] = {"add", cpu_add, 0, true},      [HV_ALU_OR] = {"or", cpu_or, AF, true},
	[HV_ALU_ADC] = {"adc", cpu_adc, 0, true},      [HV_ALU_SBB] = {"sbb", cpu_sbb, 0, true},
	[HV_ALU_AND] = {"and", cpu_and, AF, true},     [HV_ALU_SUB] = {"sub", cpu_sub, 0, true},
	[HV_ALU_XOR] = {"xor", cpu_xor, AF, true},     [HV_ALU_CMP] = {"cmp", cpu_cmp, 0, false},
	[HV_ALU_TEST] = {"test", cpu_test, AF, false}, [HV_ALU_NOT] = {"not", cpu_not, 0, true},
	[HV_ALU_NEG] = {"neg", cpu_neg, 0, true},      [HV_ALU_INC] = {"inc", cpu_inc, 0, true},
	[HV_ALU_DEC] = {"dec", cpu_dec, 0, true},
};

static bool alu_once(enum hv_alu op, u8 size, u64 dst, u64 src, u64 before)
{
	u64 mask = ~0ULL >> (64 - 8 * size);
	u64 want_flags = before, got_flags = before;
	u64 want = cpu[op].run(size, dst, src, &want_flags) & mask;
	u64 got = hv_alu(op, size, dst, src, &got_flags);

	if ((cpu[op].stores && got != want) ||
	    ((got_flags ^ want_flags) & ALL & ~cpu[op].undefined)) {
		printf("# %s size %u, %#llx and %#llx, flags %#llx: %#llx flags %#llx, "
		       "the CPU says %#llx flags %#llx\n",
		       cpu[op].name, size, (unsigned long long)dst, (unsigned long long)src,
		       (unsigned long long)before, (unsigned long long)got,
		       (unsigned long long)got_flags & ALL, (unsigned long long)want,
		       (unsigned long long)want_flags & ALL);
		return false;
	}
	return true;
}

static u64 some_number(void)
{
	static const u64 edge[] = {0,
				   1,
				   0x7f,
				   0x80,
				   0xff,
				   0x7fff,
				   0x8000,
				   0xffff,
				   0x7fffffff,
				   0x80000000,
				   0xffffffff,
				   0x7fffffffffffffff,
				   0x8000000000000000,
				   ~0ULL};
	u64 random = (u64)lrand48() << 42 ^ (u64)lrand48() << 21 ^ lrand48();

	return random % 3 ? random : edge[random / 3 % (sizeof(edge) / sizeof(edge[0]))];
}

static bool test_alu(void)
{
	static const u8 sizes[] = {2, 4, 8};
	u32 dst, src, i;
	enum hv_alu op;

	for (op = HV_ALU_ADD; op <= HV_ALU_DEC; op++) {
		for (dst = 0; dst < 256; dst++) {
			for (src = 0; src < 256; src++) {
				if (!alu_once(op, 1, dst, src, 0x202) ||
				    !alu_once(op, 1, dst, src, 0x202 | ALL))
					return false;
			}
		}
		for (i = 0; i < 30000; i++) {
			if (!alu_once(op, sizes[i % 3], some_number(), some_number(),
				      0x202 | (lrand48() & ALL)))
				return false;
		}
	}
	return true;
}

static bool test_bits(void)
{
	static const u8 sizes[] = {2, 4, 8};
	u32 i, bit;

	for (i = 0; i < 3; i++) {
		for (bit = 0; bit < 8U * sizes[i]; bit++) {
			u64 one = 1ULL << bit, set = 0x202, clear = 0x203;
			/* Numbers beyond the operand count from its start again. */
			u64 far = bit + 16 * 8 * sizes[i];

			if (hv_bit_op(HV_BTS, sizes[i], 0, far, &clear) != one || (clear & CF))
				return false;
			if (hv_bit_op(HV_BTR, sizes[i], one, bit, &set) || !(set & CF))
				return false;
			if (hv_bit_op(HV_BTC, sizes[i], one, bit, &set) || !(set & CF))
				return false;
			if (hv_bit_op(HV_BT, sizes[i], one, bit, &set) != one || !(set & CF))
				return false;
		}
	}
	return true;
}

int main(void)
{
	static const struct {
		const char *name;
		bool (*fn)(void);
	} all[] = {
		{"moves", test_moves},
		{"addresses", test_addresses},
		{"arithmetic", test_arithmetic},
		{"strings", test_strings},
		{"what touches no memory or is not known", test_refused},
		{"instructions that exit", test_exits},
		{"results and flags of the ALU", test_alu},
		{"bit instructions", test_bits},
	};
	size_t i;

	printf("TAP version 13\n1..%zu\n", sizeof(all) / sizeof(all[0]));
	for (i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		result(all[i].fn(), all[i].name);
	return failures != 0;
}
