// SPDX-License-Identifier: GPL-2.0
/*
 * The guest's handlers, and what becomes of exceptions that are not for them:
 * the shim's own, those that Xen would emulate, and those that end the guest.
 */
#include "shim.h"

#include <asm/processor-flags.h>
#include <xen/callback.h>

#define MSR_EFER	   0xc0000080
#define MSR_STAR	   0xc0000081
#define MSR_LSTAR	   0xc0000082
#define MSR_CSTAR	   0xc0000083
#define MSR_SFMASK	   0xc0000084
#define MSR_FS_BASE	   0xc0000100
#define MSR_GS_BASE	   0xc0000101
#define MSR_KERNEL_GS_BASE 0xc0000102

/* What SYSCALL clears: the ABI of kernels wants all of these clear. */
#define SYSCALL_CLEARS                                                                             \
	(X86_EFLAGS_TF | X86_EFLAGS_DF | X86_EFLAGS_IF | X86_EFLAGS_IOPL | X86_EFLAGS_NT |         \
	 X86_EFLAGS_AC | X86_EFLAGS_RF)

/* Vectors with a stack of their own: the guest's may be what is wrong. */
#define IST_FAULTS 1
#define IST_DEBUG  2
#define VEC_DB	   1
#define VEC_NMI	   2
#define VEC_UD	   6
#define VEC_DF	   8
#define VEC_GP	   13
#define VEC_PF	   14
#define VEC_MC	   18

struct gate {
	u16 offset_low;
	u16 selector;
	u8 ist;
	u8 type;
	u16 offset_mid;
	u32 offset_high;
	u32 unused;
};

#define GATE_INTERRUPT 0x8e
#define GATE_DPL3      0x60

/* By vector: the entry point, and the one for user page tables. */
struct stub {
	u64 vector;
	u64 plain;
	u64 user_pgd;
};

extern const struct stub stub_table[];

static struct gate *idt(const struct vcpu *v)
{
	return vcpu_part(v, SHIM_VCPU_IDT);
}

static void set_gate(struct vcpu *v, u64 vector, u64 address)
{
	u8 ist = 0;

	if (vector == VEC_DB)
		ist = IST_DEBUG;
	else if (vector == VEC_NMI || vector == VEC_DF || vector == VEC_MC)
		ist = IST_FAULTS;
	idt(v)[vector] = (struct gate){
		.offset_low = (u16)address,
		.offset_mid = (u16)(address >> 16),
		.offset_high = (u32)(address >> 32),
		.selector = SHIM_CS,
		.ist = ist,
		.type = GATE_INTERRUPT,
	};
}

/* Segments at the selectors that guests know, for CPL 0 and 3. */
static void init_gdt(struct vcpu *v)
{
	u64 *gdt = vcpu_part(v, SHIM_VCPU_GDT + SHIM_GDT_RESERVED);
	u64 tss = (u64)vcpu_tss(v);

	gdt[1] = 0x00af9b000000ffff; /* e008: code, 64 bits, CPL 0 */
	gdt[2] = 0x00cf93000000ffff; /* e010: data, CPL 0 */
	gdt[4] = 0x00cffb000000ffff; /* e023: code, 32 bits, CPL 3 */
	gdt[5] = 0x00cff3000000ffff; /* e02b: data, CPL 3 */
	gdt[6] = 0x00affb000000ffff; /* e033: code, 64 bits, CPL 3 */
	gdt[8] = (sizeof(struct tss) - 1) | (tss & 0xffffff) << 16 | 0x8bUL << 40 |
		 (tss >> 24 & 0xff) << 56;
	gdt[9] = tss >> 32;
}

/**
 * trap_set_stack() - where the guest's kernel is entered from its programs
 * @v: the calling vCPU
 * @sp: end of the stack
 */
void trap_set_stack(struct vcpu *v, u64 sp)
{
	v->kernel_sp = sp;
	/* See to_kernel_stack in entry.S. */
	vcpu_tss(v)->rsp[0] = v->user_pgd ? (u64)vcpu_part(v, SHIM_VCPU_END) : sp;
}

static u64 no_handler(const struct vcpu *v, u32 trap)
{
	return stub_address(v, stub_no_handlers) + trap * NO_HANDLER_STRIDE;
}

/** trap_unset() - the guest has no handler of a trap, the number in struct vcpu */
void trap_unset(struct vcpu *v, u32 trap)
{
	v->trap[trap] = no_handler(v, trap);
}

/** trap_is_set() - the guest has one */
bool trap_is_set(const struct vcpu *v, u32 trap)
{
	return v->trap[trap] != no_handler(v, trap);
}

/**
 * trap_init() - descriptor tables and entry points of a vCPU
 * @v: the calling vCPU, before it runs the guest
 */
void trap_init(struct vcpu *v)
{
	const struct stub *stub;
	u32 i;

	init_gdt(v);
	vcpu_tss(v)->ist[IST_DEBUG - 1] = (u64)vcpu_part(v, SHIM_VCPU_STACK + PAGE_SIZE);
	vcpu_tss(v)->ist[IST_FAULTS - 1] = (u64)vcpu_part(v, SHIM_VCPU_STACK + 2 * PAGE_SIZE);
	vcpu_tss(v)->io_map = sizeof(struct tss);
	for (i = 0; i < TRAPS; i++)
		trap_unset(v, i);
	v->user_pgd = shim_info.user_pgd ? 1 : 0;
	trap_set_stack(v, 0);
	for (stub = stub_table; stub->vector != NEVER; stub++)
		set_gate(v, stub->vector,
			 stub_address(v, (void *)(v->user_pgd ? stub->user_pgd : stub->plain)));

	wrmsr(MSR_STAR, (u64)0xe023 << 48 | (u64)SHIM_CS << 32);
	wrmsr(MSR_LSTAR, stub_address(v, stub_hypercall));
	wrmsr(MSR_CSTAR, stub_address(v, v->user_pgd ? user_syscall32 : stub_syscall32));
	wrmsr(MSR_SFMASK, SYSCALL_CLEARS);
}

/* ------------------------------------------------------------ hypercalls */

/**
 * trap_set() - set the guest's handler of an exception
 * @v: the vCPU
 * @t: which one, and where it is; without an address there is none
 */
void trap_set(struct vcpu *v, const struct trap_info *t)
{
	u32 i = t->vector == INT80 ? TRAP_INT80 : t->vector;

	if (!t->address || i >= TRAPS)
		return;
	v->trap[i] = t->address;
	v->trap_mask[i] = TI_GET_IF(t) ? 1 : 0;
	if (TI_GET_DPL(t) == 3)
		idt(v)[t->vector].type |= GATE_DPL3;
}

/* args: list of struct trap_info, which one without an address ends */
long hv_set_trap_table(struct vcpu *v, const u64 a[5])
{
	const struct trap_info *list = (void *)a[0];
	struct trap_info t;
	u32 n;

	if (!list)
		return 0;
	for (n = 0; n < 256; n++) {
		if (guest_copy(&t, &list[n], sizeof(t)))
			return -EFAULT;
		if (!t.address)
			break;
		trap_set(v, &t);
	}
	return 0;
}

/**
 * trap_set_syscall() - set the guest's callback for system calls
 * @v: the calling vCPU
 * @address: of the callback, or 0
 *
 * A kernel with one is in the upper half, where SYSCALL is a hypercall.
 */
void trap_set_syscall(struct vcpu *v, u64 address)
{
	v->syscall = address;
	if (address)
		wrmsr(MSR_LSTAR, stub_address(v, v->user_pgd ? user_syscall : stub_syscall));
}

/* args: event, failsafe, syscall */
long hv_set_callbacks(struct vcpu *v, const u64 a[5])
{
	v->event = a[0];
	v->failsafe = a[1];
	trap_set_syscall(v, a[2]);
	return 0;
}

static long register_callback(struct vcpu *v, const struct callback_register *r)
{
	u8 mask = r->flags & CALLBACKF_mask_events ? 1 : 0;

	switch (r->type) {
	case CALLBACKTYPE_event:
		v->event = r->address;
		return 0;
	case CALLBACKTYPE_failsafe:
		v->failsafe = r->address;
		return 0;
	case CALLBACKTYPE_syscall:
		trap_set_syscall(v, r->address);
		v->syscall_mask = mask;
		return 0;
	case CALLBACKTYPE_syscall32:
		v->syscall32 = r->address;
		v->syscall32_mask = mask;
		return 0;
	case CALLBACKTYPE_nmi:
		return nmi_set_handler(v, r->address);
	default:
		/* SYSENTER has no stub: programs use INT 80h. */
		return -ENOSYS;
	}
}

/* A kernel that has entries cannot be without them again, but for that of NMIs. */
static long unregister_callback(struct vcpu *v, u64 arg)
{
	struct callback_unregister u;

	if (guest_copy(&u, (void *)arg, sizeof(u)))
		return -EFAULT;
	switch (u.type) {
	case CALLBACKTYPE_nmi:
		return nmi_set_handler(v, 0);
	case CALLBACKTYPE_event:
	case CALLBACKTYPE_failsafe:
	case CALLBACKTYPE_syscall:
	case CALLBACKTYPE_syscall32:
	case CALLBACKTYPE_sysenter:
		return -EINVAL;
	default:
		return -ENOSYS;
	}
}

/* args: command, its argument */
long hv_callback_op(struct vcpu *v, const u64 a[5])
{
	struct callback_register r;

	if (a[0] == CALLBACKOP_unregister)
		return unregister_callback(v, a[1]);
	if (a[0] != CALLBACKOP_register)
		return -ENOSYS;
	if (guest_copy(&r, (void *)a[1], sizeof(r)))
		return -EFAULT;
	return register_callback(v, &r);
}

/* args: selector, which does not matter at CPL 0, and stack pointer */
long hv_stack_switch(struct vcpu *v, const u64 a[5])
{
	trap_set_stack(v, a[1]);
	return 0;
}

/* args: which, value */
long hv_set_segment_base(struct vcpu *v, const u64 a[5])
{
	(void)v;
	switch (a[0]) {
	case SEGBASE_FS:
		wrmsr(MSR_FS_BASE, a[1]);
		return 0;
	case SEGBASE_GS_USER:
		wrmsr(MSR_KERNEL_GS_BASE, a[1]);
		return 0;
	case SEGBASE_GS_KERNEL:
		wrmsr(MSR_GS_BASE, a[1]);
		return 0;
	case SEGBASE_GS_USER_SEL:
		/* A selector that is none is none for the program, too. */
		asm volatile("swapgs\n"
			     "1: mov %0, %%gs\n"
			     "2: mfence; swapgs\n"
			     ".pushsection .text.unlikely, \"ax\"\n"
			     "3: mov %1, %%gs; jmp 2b\n"
			     ".popsection\n"
			     ".pushsection .fixup, \"a\"\n"
			     ".quad 1b, 3b\n"
			     ".popsection"
			     :
			     : "r"((u16)a[1]), "r"((u16)0)
			     : "memory");
		return 0;
	default:
		return -EINVAL;
	}
}

/* args: whether to set CR0.TS */
long hv_fpu_taskswitch(struct vcpu *v, const u64 a[5])
{
	u64 cr0;

	(void)v;
	asm volatile("mov %%cr0, %0" : "=r"(cr0));
	cr0 = a[0] ? cr0 | X86_CR0_TS : cr0 & ~(u64)X86_CR0_TS;
	asm volatile("mov %0, %%cr0" : : "r"(cr0) : "memory");
	return 0;
}

/* args: number, value */
long hv_set_debugreg(struct vcpu *v, const u64 a[5])
{
	(void)v;
	switch (a[0]) {
	case 0:
		asm volatile("mov %0, %%db0" : : "r"(a[1]));
		return 0;
	case 1:
		asm volatile("mov %0, %%db1" : : "r"(a[1]));
		return 0;
	case 2:
		asm volatile("mov %0, %%db2" : : "r"(a[1]));
		return 0;
	case 3:
		asm volatile("mov %0, %%db3" : : "r"(a[1]));
		return 0;
	case 6:
		asm volatile("mov %0, %%db6" : : "r"(a[1] & 0xffffffff));
		return 0;
	case 7:
		/* General detect would trap the shim. */
		asm volatile("mov %0, %%db7" : : "r"(a[1] & 0xffffdfff));
		return 0;
	default:
		return -EINVAL;
	}
}

/* args: number */
long hv_get_debugreg(struct vcpu *v, const u64 a[5])
{
	u64 value;

	(void)v;
	switch (a[0]) {
	case 0:
		asm volatile("mov %%db0, %0" : "=r"(value));
		break;
	case 1:
		asm volatile("mov %%db1, %0" : "=r"(value));
		break;
	case 2:
		asm volatile("mov %%db2, %0" : "=r"(value));
		break;
	case 3:
		asm volatile("mov %%db3, %0" : "=r"(value));
		break;
	case 6:
		asm volatile("mov %%db6, %0" : "=r"(value));
		break;
	case 7:
		asm volatile("mov %%db7, %0" : "=r"(value));
		break;
	default:
		return -EINVAL;
	}
	return (long)value;
}

/* ------------------------------------------------------------ exceptions */

extern const u64 fixups[][2], fixups_end[][2];

static bool fix_up(const struct vcpu *v, struct frame *f)
{
	u32 i;

	if (f->rip >= stub_address(v, stub_update) && f->rip < stub_address(v, stub_update_end)) {
		f->rip = stub_address(v, stub_update_fault);
		return true;
	}

	if (f->rip >= (u64)guest_copy && f->rip < (u64)guest_copy_end) {
		f->rip = (u64)guest_copy_fault;
		return true;
	}
	for (i = 0; &fixups[i] < fixups_end; i++) {
		if (f->rip == fixups[i][0]) {
			f->rip = fixups[i][1];
			return true;
		}
	}
	return false;
}

/* UD2, "xen": CPUID follows and means Xen's, which is the only one there is. */
static bool forced_emulation(struct frame *f)
{
	static const u8 prefix[] = {0x0f, 0x0b, 'x', 'e', 'n'};
	u8 code[sizeof(prefix)];

	if (guest_copy(code, (void *)f->rip, sizeof(code)) ||
	    __builtin_memcmp(code, prefix, sizeof(code)))
		return false;
	f->rip += sizeof(prefix);
	return true;
}

/*
 * The IRETQ of an iret hypercall was refused: the guest's failsafe callback is
 * told what it tried, with GS its own again. The frame for it is made below all
 * that is in use on this stack.
 */
static bool failed_iret(struct vcpu *v, struct frame *f)
{
	const u64 *iret = (const u64 *)f->rsp;
	u64 stack = (u64)f, *to;
	u16 ds, es, fs, gs;

	if (!v->failsafe)
		return false;
	if (v->user_pgd && iret[1] & 3) {
		/* @f and @iret are on the vCPU's own stack, CR3 is the program's. */
		write_cr3(v->kernel_cr3);
		stack = v->kernel_sp;
	}
	to = (u64 *)((stack - 1024) & ~15UL) - 1;
	asm volatile("mov %%ds, %0; mov %%es, %1; mov %%fs, %2; mov %%gs, %3"
		     : "=r"(ds), "=r"(es), "=r"(fs), "=r"(gs));
	if (iret[1] & 3)
		asm volatile("swapgs");
	to[0] = f->rcx;
	to[1] = f->r11;
	to[2] = ds;
	to[3] = es;
	to[4] = fs;
	to[5] = gs;
	to[6] = iret[0];
	to[7] = (u32)iret[1];
	to[8] = iret[2];
	to[9] = iret[3];
	to[10] = iret[4];
	v->info->evtchn_upcall_mask = 1;
	f->rip = v->failsafe;
	f->cs = SHIM_CS;
	f->ss = SHIM_SS;
	f->rflags |= X86_EFLAGS_IF;
	f->rsp = (u64)to;
	return true;
}

/* Leave the registers where vmmd finds them; it ends the guest. */
static __attribute__((noreturn)) void dump(struct vcpu *v, const struct shim_crash *c)
{
	struct shim_crash *to = vcpu_part(v, SHIM_VCPU_CRASH);

	*to = *c;
	to->cr3 = read_cr3();
	outl(SHIM_PORT_CRASH, v->id);
	for (;;)
		asm volatile("cli; hlt");
}

static __attribute__((noreturn)) void die(struct vcpu *v, const struct frame *f, u64 vector)
{
	struct shim_crash c = {
		.vector = vector,
		.error = f->error,
		.rip = f->rip,
		.cs = f->cs,
		.rflags = f->rflags,
		.rsp = f->rsp,
		.ss = f->ss,
		.rcx = f->rcx,
		.r11 = f->r11,
		.rax = f->rax,
		.rdx = f->rdx,
		.rsi = f->rsi,
		.rdi = f->rdi,
		.r8 = f->r8,
		.r9 = f->r9,
		.r10 = f->r10,
	};

	asm volatile("mov %%cr2, %0" : "=r"(c.cr2));
	dump(v, &c);
}

/**
 * exception() - from entry.S: is it the shim's business?
 * @v: the vCPU
 * @f: where it happened
 * @vector: which
 *
 * Return: true when the vCPU goes on with what is in @f, false when the
 * exception is the guest's.
 */
bool exception(struct vcpu *v, struct frame *f, u32 vector)
{
	u64 shim = f->rip >> 39;

	if (vector == VEC_UD && forced_emulation(f))
		return true;
	if (vector == VEC_GP && f->cs & 3)
		return port_access(v, f);
	if (shim != SHIM_VA >> 39)
		return false;
	if (fix_up(v, f))
		return true;
	if ((f->rip == stub_address(v, stub_iretq) || f->rip == stub_address(v, user_iretq)) &&
	    failed_iret(v, f))
		return true;
	die(v, f, vector);
}

/* The stack of a fault that nothing can be done about. */
struct fatal_frame {
	u64 r15, r14, r13, r12, rbp, rbx;
	struct frame f;
};

/**
 * fatal() - from entry.S: a double fault or a machine check
 * @v: the vCPU
 * @f: where it happened
 * @vector: which
 */
__attribute__((noreturn)) void fatal(struct vcpu *v, const struct fatal_frame *f, u32 vector)
{
	struct shim_crash c = {
		.vector = vector,
		.error = f->f.error,
		.rip = f->f.rip,
		.cs = f->f.cs,
		.rflags = f->f.rflags,
		.rsp = f->f.rsp,
		.ss = f->f.ss,
		.rcx = f->f.rcx,
		.r11 = f->f.r11,
		.rax = f->f.rax,
		.rdx = f->f.rdx,
		.rsi = f->f.rsi,
		.rdi = f->f.rdi,
		.r8 = f->f.r8,
		.r9 = f->f.r9,
		.r10 = f->f.r10,
		.rbx = f->rbx,
		.rbp = f->rbp,
		.r12 = f->r12,
		.r13 = f->r13,
		.r14 = f->r14,
		.r15 = f->r15,
	};

	asm volatile("mov %%cr2, %0" : "=r"(c.cr2));
	dump(v, &c);
}

/* The stack of a trap that the guest has no handler for: see to_guest. */
struct unhandled_frame {
	u64 r15, r14, r13, r12, rbp, rbx;
	u64 r10, r9, r8, rdi, rsi, rdx, rax;
	u64 trap;
	u64 rcx, r11;
	u64 hw[6]; /* with the error code first, if it has one */
};

/* Exceptions with an error code (SDM vol. 3, table 6-1). */
#define HAS_ERROR                                                                                  \
	(1U << 8 | 1U << 10 | 1U << 11 | 1U << 12 | 1U << 13 | 1U << 14 | 1U << 17 | 1U << 21)

/**
 * unhandled() - from entry.S: the guest has no handler
 * @v: the vCPU
 * @f: where it happened
 */
__attribute__((noreturn)) void unhandled(struct vcpu *v, const struct unhandled_frame *f)
{
	bool error = f->trap < 32 && HAS_ERROR >> f->trap & 1;
	const u64 *hw = f->hw + error;
	struct shim_crash c = {
		.vector = f->trap == TRAP_INT80 ? INT80 : f->trap,
		.error = error ? f->hw[0] : 0,
		.cr2 = v->info->arch.cr2,
		.rip = hw[0],
		.cs = (u32)hw[1],
		.rflags = hw[2],
		.rsp = hw[3],
		.ss = hw[4],
		.rcx = f->rcx,
		.r11 = f->r11,
		.rax = f->rax,
		.rdx = f->rdx,
		.rsi = f->rsi,
		.rdi = f->rdi,
		.r8 = f->r8,
		.r9 = f->r9,
		.r10 = f->r10,
		.rbx = f->rbx,
		.rbp = f->rbp,
		.r12 = f->r12,
		.r13 = f->r13,
		.r14 = f->r14,
		.r15 = f->r15,
	};

	dump(v, &c);
}

/** debug_text() - to vmmd's log */
void debug_text(const char *text, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++)
		outb(SHIM_PORT_DEBUG, (u8)text[i]);
}
