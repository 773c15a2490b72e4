// SPDX-License-Identifier: GPL-2.0
/* A guest has ended in a fault that nobody handles: its registers, for the log. */
#include "vm.h"
#include "xen/xen_internal.h"

#define STACK_WORDS 32

#define PTE_PRESENT 0x001ULL
#define PTE_LARGE   0x080ULL
#define PTE_FRAME   0x000ffffffffff000ULL

/*
 * Read a word of guest memory at a virtual address. The tables are walked here:
 * the sandbox leaves a vCPU's thread no ioctl for it.
 */
static bool read_word(const struct guest_mem *mem, u64 cr3, u64 va, u64 *word)
{
	u64 pte, mask, table = cr3 & PTE_FRAME;
	u32 shift;

	for (shift = 39;; shift -= 9) {
		if (mem_read(mem, table + (va >> shift & 511) * sizeof(pte), &pte, sizeof(pte)) ||
		    !(pte & PTE_PRESENT))
			return false;
		if (shift == 12 || (shift < 39 && pte & PTE_LARGE))
			break;
		table = pte & PTE_FRAME;
	}
	mask = (1ULL << shift) - 1;
	return !mem_read(mem, (pte & PTE_FRAME & ~mask) | (va & mask), word, sizeof(*word));
}

static void dump_stack(const struct guest_mem *mem, u64 cr3, u64 rsp)
{
	u64 word[4];
	u32 i, n;

	log_info("Guest stack trace from rsp=%016llx:", (unsigned long long)rsp);
	for (i = 0; i < STACK_WORDS; i += ARRAY_SIZE(word)) {
		for (n = 0; n < ARRAY_SIZE(word); n++)
			if (!read_word(mem, cr3, (rsp & ~7ULL) + (i + n) * sizeof(u64), &word[n]))
				return;
		log_info("  %016llx %016llx %016llx %016llx", (unsigned long long)word[0],
			 (unsigned long long)word[1], (unsigned long long)word[2],
			 (unsigned long long)word[3]);
	}
}

/**
 * xen_crash() - the shim has given up on a vCPU
 * @xen: the guest's Xen side
 * @id: number of the vCPU, as the guest likes it
 *
 * Context: the thread of a vCPU of this guest.
 */
void xen_crash(struct xen *xen, u32 id)
{
	struct vm *vm = xen->vm;
	struct shim_crash c;
	u64 gpa;

	if (id >= vm->cfg.vcpus)
		return;
	gpa = xen->places.vcpus + id * (SHIM_VCPU_END - SHIM_GDT_RESERVED) + SHIM_VCPU_CRASH -
	      SHIM_GDT_RESERVED;
	if (mem_read(&vm->mem, gpa, &c, sizeof(c)))
		return;
	__atomic_fetch_or(&xen->crashed, 1U << id, __ATOMIC_RELAXED);
#define LL(x) ((unsigned long long)(x))
	log_info("Domain %u (vcpu#%u) crashed: exception %llu, error code %04llx", vm->domid, id,
		 LL(c.vector), LL(c.error));
	log_info("RIP:    %04llx:[<%016llx>]", LL(c.cs & 0xffff), LL(c.rip));
	log_info("RFLAGS: %016llx   CONTEXT: guest", LL(c.rflags));
	log_info("rax: %016llx   rbx: %016llx   rcx: %016llx", LL(c.rax), LL(c.rbx), LL(c.rcx));
	log_info("rdx: %016llx   rsi: %016llx   rdi: %016llx", LL(c.rdx), LL(c.rsi), LL(c.rdi));
	log_info("rbp: %016llx   rsp: %016llx   r8:  %016llx", LL(c.rbp), LL(c.rsp), LL(c.r8));
	log_info("r9:  %016llx   r10: %016llx   r11: %016llx", LL(c.r9), LL(c.r10), LL(c.r11));
	log_info("r12: %016llx   r13: %016llx   r14: %016llx", LL(c.r12), LL(c.r13), LL(c.r14));
	log_info("r15: %016llx   cr3: %016llx   cr2: %016llx", LL(c.r15), LL(c.cr3), LL(c.cr2));
#undef LL
	dump_stack(&vm->mem, c.cr3, c.rsp);
	guest_fail(vm, "vCPU %u: exception %llu that no handler takes", id,
		   (unsigned long long)c.vector);
}
