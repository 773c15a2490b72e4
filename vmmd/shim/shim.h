/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The shim: what a Xen PV kernel finds in place of Xen. It runs at CPL 0 in the
 * guest's own address space, beside the guest's kernel, and guards nothing: the
 * VM is what confines them both. So it checks what it is given only as far as a
 * mistake of the guest's should be told to the guest and not crash it.
 *
 * start.c	a vCPU's first steps, and the guest's
 * hypercall.c	the table of hypercalls, and small ones
 * mmu.c	page tables and TLBs
 * mem.c	memory reservation
 * event.c	event channels
 * fifo.c	their words and queues by the FIFO ABI
 * grant.c	grant tables
 * sched.c	blocking, polling, vCPUs going up and down
 * clock.c	time and timers
 * watchdog.c	those that end the guest
 * nmi.c	NMIs
 * port.c	I/O ports of programs
 * trap.c	exceptions that the guest need not see, or that end it
 *
 * All of it runs with RFLAGS.IF clear: hypercalls on the vCPU's own stack,
 * exceptions on the guest's.
 */
#ifndef VMMD_SHIM_H
#define VMMD_SHIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <xen/xen.h>
#include <xen/vcpu.h>

#include "abi.h"
#include "stubs.h"

/* All of it is one image: no symbol needs a table to be found. */
#pragma GCC visibility push(hidden)

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int16_t s16;
typedef int64_t s64;

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define PAGE_SIZE     4096UL
#define PAGE_SHIFT    12
#define NEVER	      UINT64_MAX

/* Numbers of xen/errno.h, as hypercalls return them. */
#define EPERM  1
#define ENOENT 2
#define ESRCH  3
#define E2BIG  7
#define ENOMEM 12
#define EFAULT 14
#define EBUSY  16
#define EEXIST 17
#define EINVAL 22
#define ENOSPC 28
#define ENOSYS 38
#define ETIME  62

/** struct tss - task state segment (SDM vol. 3, 8.7) */
struct tss {
	u32 unused0;
	u64 rsp[3];
	u64 unused1;
	u64 ist[7];
	u64 unused2;
	u16 unused3;
	u16 io_map;
} __attribute__((packed));

/**
 * struct vcpu - a vCPU; by its own code alone unless said otherwise
 * @info: the guest's struct vcpu_info, in SHIM_RAM_VA
 * @kernel_sp: stack for entries from CPL 3, as in the TSS
 * @scratch: a stub's
 * @syscall: callbacks of the guest
 * @syscall32: for programs of 32 bits
 * @event: for event channels
 * @fn: where the stubs leave their section for C
 * @halted: in HLT inside the shim
 * @syscall_mask: events are masked on entry
 * @syscall32_mask: likewise
 * @user_pgd: programs run on @user_cr3
 * @ports: programs may use I/O ports, by @iopl or @nr_ports
 * @user_cr3: of MMUEXT_NEW_USER_BASEPTR
 * @kernel_cr3: while they do: the kernel's
 * @scratch2: a stub's
 * @low_ram: physical addresses below are RAM
 * @trap: handlers of the guest
 * @trap_mask: they want events masked on entry
 * @id: number, also of its local APIC
 * @failsafe: callback for an iret that failed
 * @flush_wanted: TLB flushes asked for; added to by all vCPUs
 * @flush_done: those that were done
 * @active: runs the guest, else it looks at @flush_wanted before it does; read by all
 * @polling: in SCHEDOP_poll: any pending port of its wakes it; read by all
 * @up: runs the guest; by sched.c's rules
 * @started: has run the guest; its context may be set while it is not
 * @in_nmi: the guest has taken an NMI and made no iret since
 * @nmi_waits: another one has come
 * @runstate: the guest's record at an address of the guest's, or NULL
 * @timer: absolute time of the one-shot timer, in ns, or NEVER
 * @period: of the periodic timer in ns, or 0
 * @period_next: when it is due
 * @poll_until: timeout of SCHEDOP_poll, or NEVER
 * @iopl: privilege level of the guest's for ports
 * @nr_ports: how many ports @port_bitmap has bits for
 * @port_bitmap: the guest's, a bit is clear for a port that programs may use
 * @clock: @info of which the node keeps the time
 */
struct vcpu {
	struct vcpu_info *info;
	u64 kernel_sp;
	u64 scratch;
	u64 syscall;
	u64 syscall32;
	u64 event;
	u64 fn[7];
	u8 halted;
	u8 syscall_mask;
	u8 syscall32_mask;
	u8 user_pgd;
	u8 ports;
	u64 user_cr3;
	u64 kernel_cr3;
	u64 scratch2;
	u64 low_ram;
	u64 trap[TRAPS];
	u8 trap_mask[TRAPS];

	u32 id;
	u64 failsafe;
	u32 flush_wanted;
	u32 flush_done;
	u8 active;
	u8 polling;
	u8 up;
	u8 started;
	u8 in_nmi;
	u8 nmi_waits;
	struct vcpu_runstate_info *runstate;
	u64 timer;
	u64 period;
	u64 period_next;
	u64 poll_until;
	u8 iopl;
	u32 nr_ports;
	const u8 *port_bitmap;
	struct vcpu_info *clock;
};

_Static_assert(offsetof(struct vcpu, info) == V_INFO, "stubs.h");
_Static_assert(offsetof(struct vcpu, kernel_sp) == V_KERNEL_SP, "stubs.h");
_Static_assert(offsetof(struct vcpu, scratch) == V_SCRATCH, "stubs.h");
_Static_assert(offsetof(struct vcpu, syscall) == V_SYSCALL, "stubs.h");
_Static_assert(offsetof(struct vcpu, syscall32) == V_SYSCALL32, "stubs.h");
_Static_assert(offsetof(struct vcpu, event) == V_EVENT, "stubs.h");
_Static_assert(offsetof(struct vcpu, fn) == V_HYPERCALL_FN, "stubs.h");
_Static_assert(offsetof(struct vcpu, halted) == V_HALTED, "stubs.h");
_Static_assert(offsetof(struct vcpu, syscall_mask) == V_SYSCALL_MASK, "stubs.h");
_Static_assert(offsetof(struct vcpu, user_pgd) == V_USER_PGD, "stubs.h");
_Static_assert(offsetof(struct vcpu, ports) == V_PORTS, "stubs.h");
_Static_assert(offsetof(struct vcpu, user_cr3) == V_USER_CR3, "stubs.h");
_Static_assert(offsetof(struct vcpu, kernel_cr3) == V_KERNEL_CR3, "stubs.h");
_Static_assert(offsetof(struct vcpu, scratch2) == V_SCRATCH2, "stubs.h");
_Static_assert(offsetof(struct vcpu, low_ram) == V_LOW_RAM, "stubs.h");
_Static_assert(offsetof(struct vcpu, fn[6]) == V_NMI_DONE_FN, "stubs.h");
_Static_assert(offsetof(struct vcpu, trap) == V_TRAP, "stubs.h");
_Static_assert(offsetof(struct vcpu, trap_mask) == V_TRAP_MASK, "stubs.h");
_Static_assert(offsetof(struct vcpu_info, evtchn_upcall_mask) == INFO_MASK, "stubs.h");
_Static_assert(offsetof(struct vcpu_info, arch) == INFO_CR2, "stubs.h");
_Static_assert(sizeof(struct vcpu) <= SHIM_VCPU_CRASH - SHIM_VCPU_DATA, "abi.h");

/**
 * struct frame - the stack when entry.S asks C about an exception
 *
 * What is here is restored when exception() returns true.
 */
struct frame {
	u64 r10, r9, r8, rdi, rsi, rdx, rax;
	u64 rcx, r11, error, rip, cs, rflags, rsp, ss;
};

/** struct guest_regs - what guest_enter() pops */
struct guest_regs {
	u64 rax, rbx, rcx, rdx, rsi, rdi, rbp, r8, r9, r10, r11, r12, r13, r14, r15;
	u64 rip, cs, rflags, rsp, ss;
};

extern struct shim_header shim_header;
#define shim_info (shim_header.info)

extern const u8 stubs[], stubs_end[];
extern const u8 stub_syscall[], stub_hypercall[], stub_syscall32[], stub_iretq[],
	stub_no_handlers[];
extern const u8 stub_iret[], stub_nmi_iret[];
extern const u8 user_syscall[], user_syscall32[], user_iretq[];
extern const u8 stub_update[], stub_update_end[], stub_update_fault[];
extern const u8 guest_copy_end[], guest_copy_fault[];

/** guest_copy() - copy from or to guest memory; 0, or -EFAULT when unmapped */
int guest_copy(void *dst, const void *src, size_t bytes);
void guest_enter(const struct guest_regs *regs) __attribute__((noreturn));

/** guest_get() - read a word of guest memory; false when it is unmapped */
static inline bool guest_get(u64 *to, const u64 *from)
{
	u64 value;

	asm goto volatile("1: mov %1, %0\n"
			  ".pushsection .fixup, \"a\"\n"
			  ".quad 1b, %l2\n"
			  ".popsection"
			  : "=r"(value)
			  : "m"(*from)
			  :
			  : fault);
	*to = value;
	return true;
fault:
	return false;
}

/** guest_put() - write a word of guest memory; false when it is unmapped */
static inline bool guest_put(u64 *to, u64 value)
{
	asm goto volatile("1: mov %1, %0\n"
			  ".pushsection .fixup, \"a\"\n"
			  ".quad 1b, %l2\n"
			  ".popsection"
			  :
			  : "m"(*to), "r"(value)
			  : "memory"
			  : fault);
	return true;
fault:
	return false;
}

/* ------------------------------------------------------------ small things */

static inline struct vcpu *vcpu_of(u32 id)
{
	return (struct vcpu *)(SHIM_VCPU_VA + id * SHIM_VCPU_STRIDE + SHIM_VCPU_DATA);
}

/* A part of a vCPU's range, SHIM_VCPU_*. */
static inline void *vcpu_part(const struct vcpu *v, u64 offset)
{
	return (void *)(SHIM_VCPU_VA + v->id * SHIM_VCPU_STRIDE + offset);
}

static inline struct tss *vcpu_tss(const struct vcpu *v)
{
	return vcpu_part(v, SHIM_VCPU_TSS);
}

/* Where the copy of a stub is. */
static inline u64 stub_address(const struct vcpu *v, const void *stub)
{
	return SHIM_VCPU_VA + v->id * SHIM_VCPU_STRIDE + SHIM_VCPU_STUBS +
	       (u64)((const u8 *)stub - stubs);
}

/* Guest memory at a physical address that is known to be RAM. */
static inline void *ram(u64 gpa)
{
	return (void *)(SHIM_RAM_VA + gpa);
}

static inline bool mfn_is_ram(u64 mfn)
{
	return mfn < shim_info.low_pages ||
	       (mfn >= shim_info.high_mfn &&
		mfn - shim_info.high_mfn < shim_info.max_pages - shim_info.low_pages);
}

static inline struct shared_info *shared(void)
{
	return ram(shim_info.shared_info);
}

static inline void mb(void)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

static inline void outl(u16 port, u32 value)
{
	asm volatile("outl %0, %1" : : "a"(value), "Nd"(port) : "memory");
}

static inline void outb(u16 port, u8 value)
{
	asm volatile("outb %0, %1" : : "a"(value), "Nd"(port) : "memory");
}

static inline u64 rdmsr(u32 msr)
{
	u32 low, high;

	asm volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr) : "memory");
	return low | (u64)high << 32;
}

static inline void wrmsr(u32 msr, u64 value)
{
	asm volatile("wrmsr" : : "c"(msr), "a"((u32)value), "d"((u32)(value >> 32)) : "memory");
}

static inline u64 read_cr3(void)
{
	u64 value;

	asm volatile("mov %%cr3, %0" : "=r"(value) : : "memory");
	return value;
}

static inline void write_cr3(u64 value)
{
	asm volatile("mov %0, %%cr3" : : "r"(value) : "memory");
}

static inline void invlpg(u64 va)
{
	asm volatile("invlpg (%0)" : : "r"(va) : "memory");
}

static inline u64 rdtsc(void)
{
	u32 low, high;

	asm volatile("rdtsc" : "=a"(low), "=d"(high) : : "memory");
	return low | (u64)high << 32;
}

static inline void pause(void)
{
	asm volatile("pause" : : : "memory");
}

static inline void spin_lock(u8 *lock)
{
	while (__atomic_exchange_n(lock, 1, __ATOMIC_ACQUIRE))
		pause();
}

static inline void spin_unlock(u8 *lock)
{
	__atomic_store_n(lock, 0, __ATOMIC_RELEASE);
}

static inline bool test_and_set_bit(u64 *map, u32 bit)
{
	return __atomic_fetch_or(&map[bit / 64], 1UL << (bit % 64), __ATOMIC_SEQ_CST) >>
		       (bit % 64) &
	       1;
}

static inline void clear_bit(u64 *map, u32 bit)
{
	__atomic_fetch_and(&map[bit / 64], ~(1UL << (bit % 64)), __ATOMIC_SEQ_CST);
}

static inline bool test_bit(const u64 *map, u32 bit)
{
	return __atomic_load_n(&map[bit / 64], __ATOMIC_SEQ_CST) >> (bit % 64) & 1;
}

/* ------------------------------------------------------------ hypercalls */

/**
 * typedef hypercall_fn - one hypercall
 * @v: the calling vCPU
 * @a: its arguments
 *
 * Return: what the guest finds in RAX.
 */
typedef long hypercall_fn(struct vcpu *v, const u64 a[5]);

/**
 * hypercall_do() - by number; called by entry.S, and for each of a multicall
 * @v: the calling vCPU
 * @nr: which
 * @a: its arguments
 *
 * Return: RAX.
 */
long hypercall_do(struct vcpu *v, u64 nr, const u64 a[5]);

hypercall_fn hv_mmu_update, hv_update_va_mapping, hv_mmuext_op, hv_memory_op;
hypercall_fn hv_update_va_mapping_otherdomain;
hypercall_fn hv_set_gdt, hv_update_descriptor;
hypercall_fn hv_event_channel_op, hv_event_channel_op_compat;
hypercall_fn hv_grant_table_op;
hypercall_fn hv_sched_op, hv_sched_op_compat, hv_vcpu_op, hv_set_timer_op;
hypercall_fn hv_set_trap_table, hv_set_callbacks, hv_callback_op, hv_stack_switch;
hypercall_fn hv_nmi_op, hv_physdev_op;
hypercall_fn hv_set_segment_base, hv_fpu_taskswitch, hv_set_debugreg, hv_get_debugreg;

/* start.c */
void vcpu_load(struct vcpu *v, const struct vcpu_guest_context *c) __attribute__((noreturn));

/* mmu.c */
void mmu_adopt_l4(u64 mfn);
void mmu_set_gdt_frame(struct vcpu *v, u32 i, u64 mfn);
void mmu_flush_local(struct vcpu *v);
void mmu_serve_flush(struct vcpu *v);

/* event.c */
void event_init(void);
void event_restored(void);
void event_raise(struct vcpu *v, u32 port);
bool event_is_pending(u32 port);
void event_raise_virq(struct vcpu *v, u32 virq);
void event_take(struct vcpu *v);
void event_kick(u32 id, u32 vector);
void event_end_of_interrupt(void);
void event_info_moved(struct vcpu *v);

/* fifo.c */
struct evtchn_init_control;
struct evtchn_expand_array;
struct evtchn_set_priority;
bool fifo_in_use(void);
void fifo_restored(void);
bool fifo_set_pending(u32 port, u32 vcpu, bool *upcall);
bool fifo_unmask(u32 port, u32 vcpu, bool *upcall);
bool fifo_is_pending(u32 port);
bool fifo_is_busy(u32 port);
void fifo_reset_port(u32 port);
long fifo_init_control(struct evtchn_init_control *op);
long fifo_expand_array(const struct evtchn_expand_array *op, u32 *first);
long fifo_set_priority(const struct evtchn_set_priority *op);

/* grant.c */
void grant_restored(void);

/* clock.c */
void clock_follow(struct vcpu *v);
void clock_restored(void);
u64 clock_now(const struct vcpu *v);
void clock_program(struct vcpu *v);
void clock_expired(struct vcpu *v);
void runstate_set(struct vcpu *v, u32 state);

/* watchdog.c */
u64 watchdog_next(const struct vcpu *v);
void watchdog_restored(void);
long watchdog_op(struct vcpu *v, u64 arg);

/* sched.c */
void shut_down(u32 reason) __attribute__((noreturn));
void vcpu_wait_up(struct vcpu *v) __attribute__((noreturn));

/* nmi.c */
long nmi_set_handler(struct vcpu *v, u64 address);
void nmi_again(struct vcpu *v);

/* port.c */
bool port_access(const struct vcpu *v, struct frame *f);

/* trap.c */
void trap_unset(struct vcpu *v, u32 trap);
bool trap_is_set(const struct vcpu *v, u32 trap);
void debug_text(const char *text, size_t len);
void trap_init(struct vcpu *v);
void trap_set_syscall(struct vcpu *v, u64 address);
void trap_set_stack(struct vcpu *v, u64 sp);
void trap_set(struct vcpu *v, const struct trap_info *t);

#endif /* VMMD_SHIM_H */
