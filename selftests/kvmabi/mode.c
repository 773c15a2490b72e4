// SPDX-License-Identifier: GPL-2.0
/*
 * A vCPU in any of the CPU's modes: descriptor tables, identity page tables
 * and exception stubs (AMD APM volume 2, chapters 4, 5 and 8).
 */
#include "kvmabi.h"

#include <string.h>

extern const u8 kv_stubs64[], kv_stubs64_end[];
extern const u8 kv_stubs32[], kv_stubs32_end[];
extern const u8 kv_ap_start[], kv_ap_start_end[];

#define CR0_PE	  0x1UL
#define CR0_MP	  0x2UL
#define CR0_ET	  0x10UL
#define CR0_NE	  0x20UL
#define CR0_WP	  0x10000UL
#define CR0_PG	  0x80000000UL
#define CR4_PSE	  0x10UL
#define CR4_PAE	  0x20UL
#define CR4_OSFX  0x600UL
#define EFER_SCE  0x1UL
#define EFER_LME  0x100UL
#define EFER_LMA  0x400UL
#define EFER_NXE  0x800UL
#define PTE_LARGE 0x80UL
#define PTE_ADDR  0x000ffffffffff000UL
#define SIZE_2M	  0x200000UL
#define SIZE_4M	  0x400000UL

/* One GDT for all modes and vCPUs; the TSS is only ever set from outside. */
static const u64 gdt[] = {
	[KV_CODE32_SEL / 8] = 0x00cf9b000000ffff, [KV_DATA_SEL / 8] = 0x00cf93000000ffff,
	[KV_CODE64_SEL / 8] = 0x00af9b000000ffff, [KV_CODE16_SEL / 8] = 0x008f9b000000ffff,
	[KV_DATA16_SEL / 8] = 0x008f93000000ffff, [KV_USER32_SEL / 8] = 0x00cffb000000ffff,
	[KV_USERD_SEL / 8] = 0x00cff3000000ffff,  [KV_USER64_SEL / 8] = 0x00affb000000ffff,
};

static struct kvm_segment segment(u16 selector)
{
	u64 d = gdt[selector / 8];

	return (struct kvm_segment){
		.selector = selector,
		.limit = 0xffffffff,
		.type = d >> 40 & 0xf,
		.s = 1,
		.dpl = selector & 3,
		.present = 1,
		.l = d >> 53 & 1,
		.db = d >> 54 & 1,
		.g = 1,
	};
}

/* As the CPU has them in real mode. */
static struct kvm_segment real_segment(bool code)
{
	return (struct kvm_segment){
		.limit = 0xffff,
		.type = code ? 0xb : 0x3,
		.s = 1,
		.present = 1,
	};
}

static u64 new_table(struct kv_vm *vm)
{
	u64 table = vm->next_table;

	if (table >= KV_TABLES_END)
		kv_die("out of page tables");
	vm->next_table += 4096;
	memset(kv_gpa(vm, table, 4096), 0, 4096);
	return table;
}

static void long_tables(struct kv_vm *vm)
{
	u64 flags = KV_PTE_P | KV_PTE_W;
	u64 top = new_table(vm), pdpt = new_table(vm);
	u64 i, j;

	*(u64 *)kv_gpa(vm, top, 8) = pdpt | flags | KV_PTE_U;
	for (i = 0; i < 4; i++) {
		u64 directory = new_table(vm);
		u64 *entry = kv_gpa(vm, directory, 4096);

		for (j = 0; j < 512; j++)
			entry[j] = (i << 30 | j << 21) | PTE_LARGE | flags;
		*(u64 *)kv_gpa(vm, pdpt + i * 8, 8) = directory | flags | KV_PTE_U;
	}
	vm->cr3 = top;
}

static void pae_tables(struct kv_vm *vm)
{
	u64 pdpt = new_table(vm);
	u64 i, j;

	for (i = 0; i < 4; i++) {
		u64 directory = new_table(vm);
		u64 *entry = kv_gpa(vm, directory, 4096);

		for (j = 0; j < 512; j++)
			entry[j] = (i << 30 | j << 21) | PTE_LARGE | KV_PTE_P | KV_PTE_W;
		*(u64 *)kv_gpa(vm, pdpt + i * 8, 8) = directory | KV_PTE_P;
	}
	vm->cr3 = pdpt;
}

static void two_level_tables(struct kv_vm *vm)
{
	u64 directory = new_table(vm);
	u32 *entry = kv_gpa(vm, directory, 4096);
	u32 i;

	for (i = 0; i < 1024; i++)
		entry[i] = i * (u32)SIZE_4M | PTE_LARGE | KV_PTE_P | KV_PTE_W;
	vm->cr3 = directory;
}

static u64 *table_entry(struct kv_vm *vm, u64 table, u64 va, int level)
{
	return kv_gpa(vm, table + (va >> (12 + 9 * level) & 511) * 8, 8);
}

void kv_map(struct kv_vm *vm, u64 va, u64 pa, u64 size, u64 flags)
{
	int leaf = size == SIZE_2M ? 1 : 0;
	u64 table = vm->cr3;
	u64 *entry;
	int level;
	u64 i;

	if (size != SIZE_2M && size != 4096)
		kv_die("kv_map: no pages of %#llx bytes", (unsigned long long)size);
	for (level = 3; level > leaf; level--) {
		entry = table_entry(vm, table, va, level);
		if (!(*entry & KV_PTE_P)) {
			*entry = new_table(vm) | KV_PTE_P | KV_PTE_W | KV_PTE_U;
		} else if (*entry & PTE_LARGE) {
			u64 old = *entry, lower = new_table(vm);
			u64 *small = kv_gpa(vm, lower, 4096);

			for (i = 0; i < 512; i++)
				small[i] = (old & ~PTE_LARGE) + i * 4096;
			*entry = lower | KV_PTE_P | KV_PTE_W | KV_PTE_U;
		}
		table = *entry & PTE_ADDR;
	}
	entry = table_entry(vm, table, va, leaf);
	*entry = flags ? pa | flags | (leaf ? PTE_LARGE : 0) : 0;
}

static void load_gdt(struct kv_vm *vm)
{
	kv_load(vm, KV_GDT, gdt, sizeof(gdt));
}

static void load_idt64(struct kv_vm *vm)
{
	u64 *idt = kv_gpa(vm, KV_IDT, 4096);
	u64 i;

	kv_load(vm, KV_TRAPS, kv_stubs64, (size_t)(kv_stubs64_end - kv_stubs64));
	for (i = 0; i < 256; i++) {
		u64 stub = KV_TRAPS + i * 16;

		/* Interrupt gate, present, DPL 3 for INT n from anywhere. */
		idt[2 * i] = (stub & 0xffff) | (u64)KV_CODE64_SEL << 16 | 0xee00ULL << 32;
		idt[2 * i + 1] = 0;
	}
}

static void load_idt32(struct kv_vm *vm)
{
	u64 *idt = kv_gpa(vm, KV_IDT, 2048);
	u64 i;

	kv_load(vm, KV_TRAPS, kv_stubs32, (size_t)(kv_stubs32_end - kv_stubs32));
	for (i = 0; i < 256; i++) {
		u64 stub = KV_TRAPS + i * 16;

		idt[i] = (stub & 0xffff) | (u64)KV_CODE32_SEL << 16 | 0xee00ULL << 32;
	}
}

/* RSP0 (or ESP0 and SS0) for exceptions out of user mode. */
static void load_tss(struct kv_vcpu *vcpu, bool wide)
{
	u8 *tss = kv_gpa(vcpu->vm, KV_TSS + vcpu->id * 128, 128);
	u64 stack = KV_STACK(vcpu->id) - 0x1000;
	u32 stack_seg = KV_DATA_SEL;

	memset(tss, 0, 128);
	memcpy(tss + 4, &stack, wide ? 8 : 4);
	if (!wide)
		memcpy(tss + 8, &stack_seg, 4);
}

static void set_segments(struct kvm_sregs *sregs, struct kvm_segment code, struct kvm_segment data)
{
	sregs->cs = code;
	sregs->ds = data;
	sregs->es = data;
	sregs->fs = data;
	sregs->gs = data;
	sregs->ss = data;
}

static void set_tables(struct kvm_sregs *sregs, u32 id)
{
	sregs->gdt.base = KV_GDT;
	sregs->gdt.limit = sizeof(gdt) - 1;
	sregs->idt.base = KV_IDT;
	sregs->tr = (struct kvm_segment){
		.selector = KV_TSS_SEL,
		.base = KV_TSS + id * 128,
		.limit = 0x67,
		.type = 0xb,
		.present = 1,
	};
	sregs->ldt = (struct kvm_segment){.unusable = 1};
}

/* The VM's tables are made once, for the first vCPU; the others share them. */
static void prepare_vm(struct kv_vm *vm, enum kv_mode mode)
{
	if (vm->next_table)
		return;
	vm->next_table = KV_TABLES;
	load_gdt(vm);
	switch (mode) {
	case KV_REAL:
		break;
	case KV_PROT16:
	case KV_PROT32:
		load_idt32(vm);
		break;
	case KV_PAGE32:
		load_idt32(vm);
		two_level_tables(vm);
		break;
	case KV_PAE:
		load_idt32(vm);
		pae_tables(vm);
		break;
	case KV_LONG:
	case KV_COMPAT:
		load_idt64(vm);
		long_tables(vm);
		break;
	}
}

void kv_enter_mode(struct kv_vcpu *vcpu, enum kv_mode mode, u64 entry, u64 arg0, u64 arg1)
{
	struct kvm_sregs sregs = kv_sregs(vcpu);
	struct kvm_regs regs = {.rflags = 2, .rip = entry, .rdi = arg0, .rsi = arg1};

	prepare_vm(vcpu->vm, mode);
	vcpu->mode = mode;
	regs.rsp = KV_STACK(vcpu->id) - 16;
	sregs.cr0 = CR0_ET | CR0_MP | CR0_NE;
	sregs.cr3 = 0;
	sregs.cr4 = 0;
	sregs.efer = 0;
	sregs.ldt = (struct kvm_segment){.type = 2, .present = 1, .limit = 0xffff};
	sregs.tr = (struct kvm_segment){.type = 0xb, .present = 1, .limit = 0xffff};
	if (mode == KV_REAL) {
		regs.rsp = 0x7000;
		set_segments(&sregs, real_segment(true), real_segment(false));
		sregs.idt.base = 0;
		sregs.idt.limit = 0x3ff;
	} else {
		set_tables(&sregs, vcpu->id);
		load_tss(vcpu, mode >= KV_LONG);
		sregs.idt.limit = mode >= KV_LONG ? 0xfff : 0x7ff;
		sregs.cr0 |= CR0_PE;
		set_segments(&sregs,
			     segment(mode == KV_PROT16 ? KV_CODE16_SEL
				     : mode == KV_LONG ? KV_CODE64_SEL
						       : KV_CODE32_SEL),
			     segment(mode == KV_PROT16 ? KV_DATA16_SEL : KV_DATA_SEL));
	}
	if (mode == KV_PROT16)
		regs.rsp = 0xfff0;
	if (mode >= KV_PAGE32) {
		sregs.cr0 |= CR0_PG | CR0_WP;
		sregs.cr3 = vcpu->vm->cr3;
		sregs.cr4 = mode == KV_PAGE32 ? CR4_PSE : CR4_PAE;
		sregs.cr4 |= CR4_OSFX;
	}
	if (mode >= KV_LONG) {
		sregs.efer = EFER_LME | EFER_LMA | EFER_NXE | EFER_SCE;
		/* As after a call: the ABI of __guest functions wants it. */
		regs.rsp -= 8;
	}
	kv_set_sregs(vcpu, &sregs);
	kv_set_regs(vcpu, &regs);
}

void kv_enter(struct kv_vcpu *vcpu, const void *fn, u64 arg0, u64 arg1)
{
	kv_enter_mode(vcpu, KV_LONG, kv_guest_fn(fn), arg0, arg1);
}

void kv_handler(struct kv_vm *vm, u8 vector, const void *fn)
{
	*(u64 *)kv_gpa(vm, KV_HANDLERS + vector * 8, 8) = fn ? kv_guest_fn(fn) : 0;
}

void kv_ap_entry(struct kv_vm *vm, const void *fn)
{
	struct kv_ap_mail *mail = kv_gpa(vm, KV_AP_MAIL, sizeof(*mail));
	u16 gdt_limit = sizeof(gdt) - 1, idt_limit = 0xfff;
	u64 gdt_base = KV_GDT, idt_base = KV_IDT;

	prepare_vm(vm, KV_LONG);
	mail->cr3 = vm->cr3;
	mail->entry = kv_guest_fn(fn);
	memcpy(mail->gdtr, &gdt_limit, 2);
	memcpy(mail->gdtr + 2, &gdt_base, 8);
	memcpy(mail->idtr, &idt_limit, 2);
	memcpy(mail->idtr + 2, &idt_base, 8);
	kv_load(vm, KV_AP_CODE, kv_ap_start, (size_t)(kv_ap_start_end - kv_ap_start));
}

struct kv_trap kv_trap_get(struct kv_vcpu *vcpu)
{
	struct kv_trap trap = {.frame = kv_regs(vcpu).rdi, .cr2 = kv_sregs(vcpu).cr2};
	const struct kv_frame64 *wide;
	const struct kv_frame32 *narrow;

	if (vcpu->mode >= KV_LONG) {
		wide = kv_gpa(vcpu->vm, trap.frame, sizeof(*wide));
		trap.vector = (u32)wide->vector;
		trap.error = (u32)wide->error;
		trap.ip = wide->rip;
		trap.cs = wide->cs;
		trap.flags = wide->rflags;
	} else {
		narrow = kv_gpa(vcpu->vm, trap.frame, sizeof(*narrow));
		trap.vector = narrow->vector;
		trap.error = narrow->error;
		trap.ip = narrow->eip;
		trap.cs = narrow->cs;
		trap.flags = narrow->eflags;
	}
	return trap;
}

void kv_trap_resume(struct kv_vcpu *vcpu, u64 ip)
{
	u64 frame = kv_regs(vcpu).rdi;
	struct kv_frame64 *wide;
	struct kv_frame32 *narrow;

	if (vcpu->mode >= KV_LONG) {
		wide = kv_gpa(vcpu->vm, frame, sizeof(*wide));
		wide->rip = ip;
	} else {
		narrow = kv_gpa(vcpu->vm, frame, sizeof(*narrow));
		narrow->eip = (u32)ip;
	}
}
