/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Guest code in C. Functions marked __guest are linked together, copied to
 * KV_CODE and run in the guest in long mode. They may call each other and use
 * guest memory by address; they have no globals, no string literals, no libc.
 */
#ifndef KVMABI_GUEST_H
#define KVMABI_GUEST_H

#include "kvmabi.h"

#define __guest __attribute__((section("guest_text"), noinline, used))
/* Helpers that end up inside __guest functions. */
#define __guest_inline static inline __attribute__((always_inline))

/*
 * A blob of guest assembly for other modes: GUEST_BLOB(name, ".code16; ...")
 * defines name[] and name##_end[] for kv_load().
 */
#define GUEST_BLOB(name, text)                                                                     \
	extern const u8 name[], name##_end[];                                                      \
	asm(".pushsection .rodata\n"                                                               \
	    ".balign 16\n" #name ":\n" text "\n" #name "_end:\n"                                   \
	    ".code64\n"                                                                            \
	    ".popsection\n")
/* ... and loads it. */
#define KV_LOAD_BLOB(vm, gpa, name) kv_load(vm, gpa, name, (size_t)(name##_end - name))

__guest_inline void guest_report(int port, u32 value, u64 a, u64 b)
{
	asm volatile("outl %%eax, %[port]"
		     :
		     : [port] "N"(port), "a"(value), "D"(a), "S"(b)
		     : "memory");
}

#define guest_sync(value)	 guest_report(KV_PORT_SYNC, value, 0, 0)
#define guest_sync2(value, a, b) guest_report(KV_PORT_SYNC, value, (u64)(a), (u64)(b))
#define guest_done()                                                                               \
	do {                                                                                       \
		guest_report(KV_PORT_DONE, 0, 0, 0);                                               \
		for (;;)                                                                           \
			asm volatile("hlt");                                                       \
	} while (0)
#define guest_equal(seen, expected)                                                                \
	do {                                                                                       \
		u64 seen_ = (u64)(seen), expected_ = (u64)(expected);                              \
                                                                                                   \
		if (seen_ != expected_)                                                            \
			guest_report(KV_PORT_ABORT, __LINE__, seen_, expected_);                   \
	} while (0)
#define guest_check(cond) guest_equal(!!(cond), 1)

#define GUEST_OUT(suffix, type)                                                                    \
	__guest_inline void out##suffix(u16 port, type value)                                      \
	{                                                                                          \
		asm volatile("out" #suffix " %0, %1" : : "a"(value), "Nd"(port) : "memory");       \
	}                                                                                          \
	__guest_inline type in##suffix(u16 port)                                                   \
	{                                                                                          \
		type value;                                                                        \
                                                                                                   \
		asm volatile("in" #suffix " %1, %0" : "=a"(value) : "Nd"(port) : "memory");        \
		return value;                                                                      \
	}
GUEST_OUT(b, u8)
GUEST_OUT(w, u16)
GUEST_OUT(l, u32)

__guest_inline u64 rdmsr(u32 msr)
{
	u32 low, high;

	asm volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr) : "memory");
	return (u64)high << 32 | low;
}

__guest_inline void wrmsr(u32 msr, u64 value)
{
	asm volatile("wrmsr" : : "c"(msr), "a"((u32)value), "d"((u32)(value >> 32)) : "memory");
}

__guest_inline u64 rdtsc(void)
{
	u32 low, high;

	asm volatile("rdtsc" : "=a"(low), "=d"(high) : : "memory");
	return (u64)high << 32 | low;
}

__guest_inline void cpuid(u32 leaf, u32 sub, u32 *a, u32 *b, u32 *c, u32 *d)
{
	asm volatile("cpuid" : "=a"(*a), "=b"(*b), "=c"(*c), "=d"(*d) : "a"(leaf), "c"(sub));
}

/* Each vendor has an instruction of its own for it; intel: kv_intel(). */
__guest_inline u64 hypercall(u64 intel, u64 nr, u64 a, u64 b)
{
	u64 ret;

	if (intel)
		asm volatile("vmcall" : "=a"(ret) : "a"(nr), "b"(a), "c"(b) : "memory");
	else
		asm volatile("vmmcall" : "=a"(ret) : "a"(nr), "b"(a), "c"(b) : "memory");
	return ret;
}

__guest_inline void write32(u64 address, u32 value)
{
	asm volatile("movl %0, (%1)" : : "r"(value), "r"(address) : "memory");
}

__guest_inline u32 read32(u64 address)
{
	u32 value;

	asm volatile("movl (%1), %0" : "=r"(value) : "r"(address) : "memory");
	return value;
}

__guest_inline u64 read_cr0(void)
{
	u64 value;

	asm volatile("mov %%cr0, %0" : "=r"(value));
	return value;
}

__guest_inline void write_cr0(u64 value)
{
	asm volatile("mov %0, %%cr0" : : "r"(value) : "memory");
}

__guest_inline u64 read_cr2(void)
{
	u64 value;

	asm volatile("mov %%cr2, %0" : "=r"(value));
	return value;
}

__guest_inline u64 read_cr3(void)
{
	u64 value;

	asm volatile("mov %%cr3, %0" : "=r"(value) : : "memory");
	return value;
}

__guest_inline void write_cr3(u64 value)
{
	asm volatile("mov %0, %%cr3" : : "r"(value) : "memory");
}

__guest_inline u64 read_cr4(void)
{
	u64 value;

	asm volatile("mov %%cr4, %0" : "=r"(value));
	return value;
}

__guest_inline void write_cr4(u64 value)
{
	asm volatile("mov %0, %%cr4" : : "r"(value) : "memory");
}

__guest_inline u64 read_flags(void)
{
	u64 value;

	asm volatile("pushfq; popq %0" : "=r"(value));
	return value;
}

__guest_inline void guest_pause(void)
{
	asm volatile("pause" : : : "memory");
}

__guest_inline void guest_hlt(void)
{
	asm volatile("hlt" : : : "memory");
}

__guest_inline void guest_sti(void)
{
	asm volatile("sti" : : : "memory");
}

__guest_inline void guest_cli(void)
{
	asm volatile("cli" : : : "memory");
}

/* The only window between STI and HLT is the shadow: no wake-up is lost. */
__guest_inline void guest_sti_hlt(void)
{
	asm volatile("sti; hlt" : : : "memory");
}

__guest_inline void invlpg(u64 address)
{
	asm volatile("invlpg (%0)" : : "r"(address) : "memory");
}

/* The local APIC at its reset address. */
#define APIC_BASE     0xfee00000UL
#define APIC_ID	      0x20
#define APIC_VERSION  0x30
#define APIC_TPR      0x80
#define APIC_EOI      0xb0
#define APIC_SPIV     0xf0
#define APIC_ISR      0x100
#define APIC_IRR      0x200
#define APIC_ESR      0x280
#define APIC_ICR      0x300
#define APIC_ICR2     0x310
#define APIC_LVTT     0x320
#define APIC_LVT0     0x350
#define APIC_LVT1     0x360
#define APIC_TMICT    0x380
#define APIC_TMCCT    0x390
#define APIC_TDCR     0x3e0
#define APIC_INIT     0x4500
#define APIC_STARTUP  0x4600
#define APIC_DEADLINE (2 << 17)
#define APIC_PERIODIC (1 << 17)

#define MSR_APIC_BASE	 0x1b
#define MSR_TSC_DEADLINE 0x6e0
#define MSR_X2APIC(reg)	 (0x800 + (reg) / 16)

__guest_inline u32 apic_read(u32 reg)
{
	return read32(APIC_BASE + reg);
}

__guest_inline void apic_write(u32 reg, u32 value)
{
	write32(APIC_BASE + reg, value);
}

__guest_inline void apic_enable(void)
{
	apic_write(APIC_SPIV, 0x1ff);
}

/*
 * Whether the emulator made an interrupt up. QEMU's TCG raises an injected one
 * again when its main loop is called away just then, kvm_amd sees that as well:
 * with interrupts off, or without the LAPIC's having it in service.
 */
__guest_inline bool irq_made_up(const struct kv_frame64 *frame)
{
	u32 reg = APIC_ISR + frame->vector / 32 * 0x10, isr;

	if (rdmsr(MSR_APIC_BASE) & 0x400)
		isr = (u32)rdmsr(MSR_X2APIC(reg));
	else
		isr = apic_read(reg);
	return !(frame->rflags & 0x200) || !(isr >> frame->vector % 32 & 1);
}

__guest_inline void apic_eoi(void)
{
	apic_write(APIC_EOI, 0);
}

/* Fixed IPI to the APIC with this id. */
__guest_inline void apic_ipi(u32 id, u8 vector)
{
	apic_write(APIC_ICR2, id << 24);
	apic_write(APIC_ICR, 0x4000 | vector);
}

/* INIT and two start-up IPIs to all but ourselves (shorthand 3). */
__guest_inline void apic_start_others(void)
{
	apic_write(APIC_ICR, 3 << 18 | APIC_INIT);
	apic_write(APIC_ICR, 3 << 18 | APIC_STARTUP | KV_AP_CODE >> 12);
	apic_write(APIC_ICR, 3 << 18 | APIC_STARTUP | KV_AP_CODE >> 12);
}

#endif /* KVMABI_GUEST_H */
