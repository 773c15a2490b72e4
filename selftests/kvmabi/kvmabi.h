/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A small library for tests and benchmarks of any node that speaks the KVM
 * ioctl ABI. The node is $HVCTL_NODE, /dev/hvctl when that is unset.
 *
 * A test makes a VM with some RAM, puts a vCPU into one of the CPU's modes
 * with descriptor tables, page tables and exception stubs ready, and has it
 * run guest code: C functions marked __guest (guest.h) or a blob of assembly.
 * The guest reports by OUT to the ports KV_PORT_*; kv_next() runs the vCPU
 * until the next report or any other exit.
 *
 * Functions that return no error end the process with a message when the
 * node refuses something every test needs; a harness counts that as failure.
 */
#ifndef KVMABI_H
#define KVMABI_H

#include <linux/kvm.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/ioctl.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;

/* Where things are in the guest's RAM: linear, as paging is the identity. */
#define KV_GDT	      0x1000 /* see the KV_*_SEL selectors */
#define KV_IDT	      0x2000
#define KV_TSS	      0x3000 /* 128 bytes for each vCPU */
#define KV_TRAPS      0x4000 /* 256 stubs of 16 bytes, then the common part */
#define KV_HANDLERS   0x6000 /* 256 addresses of __guest handlers, long mode */
#define KV_AP_MAIL    0x7000 /* struct kv_ap_mail */
#define KV_AP_CODE    0x8000 /* where a SIPI with vector 8 starts */
#define KV_TABLES     0x10000
#define KV_TABLES_END 0x80000
#define KV_STACK(id)  (0x82000 + (id)*0x2000) /* tops, for vCPUs 0 to 13 */
#define KV_CODE	      0x100000UL	      /* all of guest_text */
#define KV_DATA	      0x200000UL	      /* a test's own from here on */
#define KV_RAM	      0x1000000UL	      /* default size */

#define KV_CODE32_SEL 0x08
#define KV_DATA_SEL   0x10
#define KV_CODE64_SEL 0x18
#define KV_CODE16_SEL 0x20
#define KV_DATA16_SEL 0x28
#define KV_USER32_SEL 0x33
#define KV_USERD_SEL  0x3b
#define KV_USER64_SEL 0x43
#define KV_TSS_SEL    0x48

/* OUT of 32 bits, more in RDI and RSI. */
#define KV_PORT_SYNC  0xf0
#define KV_PORT_DONE  0xf1
#define KV_PORT_ABORT 0xf2 /* EAX = line, RDI and RSI: what was and should be */
#define KV_PORT_TRAP  0xf3 /* from the stubs: RDI = frame */

/* An address that no RAM backs, mapped by the identity tables. */
#define KV_MMIO 0xd0000000UL

enum kv_mode {
	KV_REAL,   /* 16 bit, as after a far jump to 0000:entry */
	KV_PROT16, /* 16-bit protected, no paging */
	KV_PROT32, /* 32-bit protected, no paging */
	KV_PAGE32, /* 32-bit, two-level paging, 4 MiB pages */
	KV_PAE,	   /* 32-bit, three levels, 2 MiB pages */
	KV_LONG,   /* 64-bit, four levels, 2 MiB pages */
	KV_COMPAT, /* long mode, 32-bit code segment */
};

/**
 * struct kv_vm - a VM and its RAM in slot 0 from address 0 on
 * @sys: the node
 * @fd: the VM
 * @ram: host mapping of guest-physical address 0
 * @ram_size: bytes, a multiple of 2 MiB
 * @cr3: top of the identity page tables, 0 before kv_enter_mode()
 * @next_table: first free byte of KV_TABLES
 */
struct kv_vm {
	int sys;
	int fd;
	u8 *ram;
	u64 ram_size;
	u64 cr3;
	u64 next_table;
};

/**
 * struct kv_vcpu - a vCPU
 * @vm: its VM
 * @id: its id, also its initial APIC id
 * @fd: the vCPU
 * @run: shared page
 * @run_size: bytes mapped there
 * @mode: as given to kv_enter_mode()
 * @thread: valid between kv_start() and kv_join()
 * @last: what kv_join() returns
 */
struct kv_vcpu {
	struct kv_vm *vm;
	u32 id;
	int fd;
	struct kvm_run *run;
	size_t run_size;
	enum kv_mode mode;
	pthread_t thread;
	struct kv_report {
		enum kv_kind {
			KV_SYNC,    /* the guest's sync point: value, a, b */
			KV_DONE,    /* the guest's end: value, a, b */
			KV_ABORT,   /* guest_check() failed: value = line */
			KV_TRAP,    /* exception nobody handles: see kv_trap_get() */
			KV_EXIT,    /* something else: value = run->exit_reason */
			KV_EINTR,   /* a signal, immediate_exit */
			KV_TIMEOUT, /* nothing for KV_SECONDS */
			KV_ERROR,   /* KVM_RUN failed: value = errno */
		} kind;
		u32 value;
		u64 a, b;
	} last;
};

/* An exception as the guest's stubs saw it, whatever the mode. */
struct kv_trap {
	u64 frame; /* where the saved registers lie in guest memory */
	u32 vector;
	u32 error; /* 0 for vectors without an error code */
	u64 ip;
	u64 cs;
	u64 flags;
	u64 cr2;
};

/* Saved by the 64-bit stubs; handlers in the guest get a pointer to it. */
struct kv_frame64 {
	u64 r15, r14, r13, r12, r11, r10, r9, r8;
	u64 rdi, rsi, rbp, rbx, rdx, rcx, rax;
	u64 vector, error;
	u64 rip, cs, rflags, rsp, ss;
};

struct kv_frame32 {
	u32 edi, esi, ebp, esp, ebx, edx, ecx, eax;
	u32 vector, error;
	u32 eip, cs, eflags;
};

/* What the code behind a SIPI reads. */
struct kv_ap_mail {
	u64 cr3;
	u64 entry; /* a __guest function, called with the APIC id */
	u8 gdtr[10];
	u8 idtr[10];
};

/* How long a vCPU may go without any exit, in seconds. */
#define KV_SECONDS 20

/* The node's name, for messages and for opening it oneself. */
const char *kv_node(void);
bool kv_is_hvctl(void);
/* Opens the node, or ends the process with exit status 4 (skip). */
int kv_open(void);
/* KVM_CHECK_EXTENSION on the node. */
int kv_cap(int cap);
/* End the process with a message, as a failure. */
void kv_die(const char *fmt, ...) __attribute__((noreturn, format(printf, 1, 2)));

/* A VM with ram_size bytes in slot 0 (KV_RAM for 0). Guest code is loaded. */
struct kv_vm *kv_vm_new(u64 ram_size);
/* ... and with PIC, IOAPIC and local APICs in the kernel. */
struct kv_vm *kv_vm_new_irqchip(u64 ram_size);
/* A VM without memory. */
struct kv_vm *kv_vm_bare(void);
void kv_vm_free(struct kv_vm *vm);
/* KVM_SET_USER_MEMORY_REGION; 0 or an errno. */
int kv_slot(struct kv_vm *vm, u32 slot, u64 gpa, u64 size, void *hva, u32 flags);
/* Anonymous memory, aligned to 2 MiB. */
void *kv_mmap(size_t size);

/* A vCPU with all supported CPUID bits. */
struct kv_vcpu *kv_vcpu_new(struct kv_vm *vm, u32 id);
/* ... and with no CPUID set. */
struct kv_vcpu *kv_vcpu_bare(struct kv_vm *vm, u32 id);
void kv_vcpu_free(struct kv_vcpu *vcpu);
/* KVM_GET_SUPPORTED_CPUID into malloc'ed memory. */
struct kvm_cpuid2 *kv_supported_cpuid(int sys);
struct kvm_cpuid_entry2 *kv_cpuid_find(struct kvm_cpuid2 *cpuid, u32 leaf, u32 sub);
void kv_set_cpuid(struct kv_vcpu *vcpu, struct kvm_cpuid2 *cpuid);

/*
 * Put the vCPU in mode with its next instruction at linear address entry.
 * Interrupts are off, the stack is KV_STACK(id), RDI = arg0, RSI = arg1.
 */
void kv_enter_mode(struct kv_vcpu *vcpu, enum kv_mode mode, u64 entry, u64 arg0, u64 arg1);
/* Long mode at a __guest function. */
void kv_enter(struct kv_vcpu *vcpu, const void *fn, u64 arg0, u64 arg1);
/* Guest address of a __guest function. */
u64 kv_guest_fn(const void *fn);
/* Long mode: have fn (a __guest function taking struct kv_frame64 *) handle
 * vector; NULL reports it to the host again.
 */
void kv_handler(struct kv_vm *vm, u8 vector, const void *fn);
/* Long mode: where APs that get a SIPI with vector KV_AP_CODE >> 12 go. */
void kv_ap_entry(struct kv_vm *vm, const void *fn);
/* Long mode tables: map size (4 KiB or 2 MiB) at va with the given low PTE
 * bits; 0 for flags unmaps. A 2 MiB page in the way is split.
 */
void kv_map(struct kv_vm *vm, u64 va, u64 pa, u64 size, u64 flags);
#define KV_PTE_P  0x1UL
#define KV_PTE_W  0x2UL
#define KV_PTE_U  0x4UL
#define KV_PTE_A  0x20UL
#define KV_PTE_D  0x40UL
#define KV_PTE_NX (1UL << 63)

/* Guest-physical to host pointer, checked. */
void *kv_gpa(struct kv_vm *vm, u64 gpa, u64 len);
/* Copy a blob of code or data to gpa. */
void kv_load(struct kv_vm *vm, u64 gpa, const void *blob, size_t len);

/* KVM_RUN once: 0 or an errno. EINTR after KV_SECONDS; see kv_timed_out(). */
int kv_run(struct kv_vcpu *vcpu);
bool kv_timed_out(void);
/* Run to the next report or unknown exit. */
struct kv_report kv_next(struct kv_vcpu *vcpu);
/* Run on a thread of its own to the next report; kick it out; wait for it. */
void kv_start(struct kv_vcpu *vcpu);
void kv_kick(struct kv_vcpu *vcpu);
struct kv_report kv_join(struct kv_vcpu *vcpu);
/* After KV_TRAP. */
struct kv_trap kv_trap_get(struct kv_vcpu *vcpu);
/* After KV_TRAP: go on at ip once the stub returns. */
void kv_trap_resume(struct kv_vcpu *vcpu, u64 ip);
/* A report as text, for messages; static memory. */
const char *kv_text(struct kv_vcpu *vcpu, const struct kv_report *report);

/* The count of a non-blocking eventfd, 0 when it was not signalled. */
u64 kv_event_take(int fd);
struct kvm_regs kv_regs(struct kv_vcpu *vcpu);
void kv_set_regs(struct kv_vcpu *vcpu, const struct kvm_regs *regs);
struct kvm_sregs kv_sregs(struct kv_vcpu *vcpu);
void kv_set_sregs(struct kv_vcpu *vcpu, const struct kvm_sregs *sregs);
/* One MSR from the host's side: 0 or -1. */
int kv_get_msr(struct kv_vcpu *vcpu, u32 msr, u64 *value);
int kv_set_msr(struct kv_vcpu *vcpu, u32 msr, u64 value);
/* KVM_IRQ_LINE, KVM_SIGNAL_MSI: the ioctl's result. */
int kv_irq_line(struct kv_vm *vm, u32 gsi, int level);
int kv_msi(struct kv_vm *vm, u64 address, u32 data);
/* KVM_SET_GSI_ROUTING with nr entries: the ioctl's result. */
int kv_routes(struct kv_vm *vm, const struct kvm_irq_routing_entry *entry, u32 nr);

/* An Intel CPU: guests call the hypervisor by VMCALL, elsewhere by VMMCALL. */
bool kv_intel(void);
/* The host runs in Bochs, which has defects of its own. */
bool kv_bochs(void);
/* ... or in QEMU's TCG. */
bool kv_tcg(void);
#define KV_VMMCALL 0xd9 /* third byte of VMMCALL ... */
#define KV_VMCALL  0xc1 /* ... and of VMCALL */

/*
 * Bind a thread to the nth of the CPUs that the program may use; false when there
 * are not so many.
 */
bool kv_pin(pthread_t thread, int n);
int kv_cpus(void);

#endif /* KVMABI_H */
