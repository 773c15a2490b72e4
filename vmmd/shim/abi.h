/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What vmmd and the shim agree on: addresses, ports and the pages that they
 * share. Both trust the other's constants, vmmd nothing else: whatever it
 * reads here may have been written by the guest.
 */
#ifndef VMMD_SHIM_ABI_H
#define VMMD_SHIM_ABI_H

#ifdef __ASSEMBLER__
#define UL(x) x
#else
#include <stdint.h>
#define UL(x) x##UL
#endif

/*
 * To be counted up with each change of what follows: a guest that was saved goes on
 * with the shim that it has in its memory.
 */
#define SHIM_ABI 2

/*
 * Virtual addresses, in the range that a PV kernel leaves to the hypervisor:
 * L4 slot 256 has the machine-to-physical table, the shim and the vCPUs, slot
 * 257 all guest memory at its physical address.
 */
#define SHIM_L4_SLOT	 256
#define SHIM_M2P_VA	 UL(0xffff800000000000)
#define SHIM_M2P_NOBODY	 UL(0xffffffffffffffff) /* what it says of a frame that nobody has */
#define SHIM_VA		 UL(0xffff804000000000)
#define SHIM_VCPU_VA	 UL(0xffff806000000000)
#define SHIM_VCPU_STRIDE UL(0x40000)
#define SHIM_RAM_VA	 UL(0xffff808000000000)

/* Parts of a vCPU's range, by offset. */
#define SHIM_VCPU_GDT	0x00000 /* 16 pages: 14 of the guest's, 2 of ours */
#define SHIM_VCPU_STUBS 0x10000 /* entry points and, behind them, the data */
#define SHIM_VCPU_DATA	0x12000 /* struct vcpu */
#define SHIM_VCPU_CRASH 0x13000 /* struct shim_crash */
#define SHIM_VCPU_TSS	0x13800
#define SHIM_VCPU_IDT	0x14000
#define SHIM_VCPU_GIVEN 0x15000 /* struct shim_given */
#define SHIM_VCPU_STACK 0x16000 /* four pages: faults, and life without a guest */
#define SHIM_VCPU_END	0x1a000
#define SHIM_VCPU_LDT	0x20000 /* 16 pages of the guest's, see set_ldt() */

/* Selectors, those that xen/arch-x86/xen-x86_64.h tells guests of. */
#define SHIM_GDT_RESERVED 0xe000
#define SHIM_CS		  0xe008
#define SHIM_SS		  0xe010
#define SHIM_TSS	  0xe040
#define SHIM_LDT	  0xe050
#define SHIM_GDT_LIMIT	  0xffff

/* Vectors of the local APIC. */
#define SHIM_VEC_TIMER 0xf0 /* its timer */
#define SHIM_VEC_EVENT 0xf1 /* look at events; sent by vmmd and by vCPUs */
#define SHIM_VEC_FLUSH 0xf2 /* flush the TLB */
#define SHIM_VEC_NMI   0xf3 /* an NMI for the guest; sent by vmmd and by vCPUs */

/* I/O ports: doorbells to vmmd, 32 bits wide unless said otherwise. */
#define SHIM_PORT_EVENT	   0xb0c0 /* event channel that the guest notifies */
#define SHIM_PORT_SHUTDOWN 0xb0c4 /* SHUTDOWN_* of xen/sched.h */
#define SHIM_PORT_CRASH	   0xb0c8 /* struct shim_crash of vCPU n is filled */
#define SHIM_PORT_DEBUG	   0xb0cc /* 8 bits: text for the log */
#define SHIM_PORT_GIVEN	   0xb0d0 /* struct shim_given of vCPU n is filled */
#define SHIM_PORT_UNKNOWN  0xb0d4 /* number of a hypercall that does not exist */
#define SHIM_PORT_END	   0xb0d8

#define SHIM_VCPUS_MAX	  32 /* those that shared_info has room for */
#define SHIM_PORTS	  4096
#define SHIM_GRANT_FRAMES 64
/* Those of their status, by version 2: 2 bytes for each entry of 16. */
#define SHIM_GRANT_STATUS_FRAMES (SHIM_GRANT_FRAMES / 8)

/* The guest; vmmd is domain 0. */
#define SHIM_DOMID 1

/* Event channels that exist before the guest does. */
#define SHIM_PORT_STORE	  1
#define SHIM_PORT_CONSOLE 2

/* How a vCPU goes on that has called SHUTDOWN_suspend: shim_info.resume. */
#define SHIM_SUSPENDED 0 /* it does not */
#define SHIM_RESTORED  1 /* as another guest, with all of the first one's memory */
#define SHIM_CANCELLED 2 /* as if nothing had been */

#ifndef __ASSEMBLER__

/**
 * struct shim_events - events that vmmd raises, shared with the running guest
 * @summary: bit n: word n of @pending may not be zero
 * @pending: one bit for each port; set by vmmd, taken by the shim
 * @vcpu: by port: which vCPU to interrupt; written by the shim
 */
struct shim_events {
	uint64_t summary;
	uint64_t pending[SHIM_PORTS / 64];
	uint8_t vcpu[SHIM_PORTS];
};

/**
 * struct shim_start - registers of the guest's first instruction
 * @rip: virtual address
 * @rsi: of start_info, virtual
 * @rsp: virtual
 * @cr3: physical
 */
struct shim_start {
	uint64_t rip;
	uint64_t rsi;
	uint64_t rsp;
	uint64_t cr3;
};

/**
 * struct shim_info - what vmmd tells the shim; at the start of its image
 * @nr_vcpus: vCPUs of the VM
 * @user_pgd: programs run on page tables without the kernel
 * @max_pages: pages of RAM
 * @low_pages: how many of them lie below the hole that the shim is in
 * @high_mfn: machine frame of the others' first
 * @nr_mfns: entries of the machine-to-physical table
 * @l4_entries: for the slots from SHIM_L4_SLOT on
 * @shared_info: GPA of that page
 * @events: GPA of struct shim_events
 * @grants: GPA of SHIM_GRANT_FRAMES pages, and SHIM_GRANT_STATUS_FRAMES behind them
 * @grant_version: 1 or 2: what their entries are; the shim changes it
 * @vcpu_ptes: GPA of the L1 entries from SHIM_VCPU_VA on, all in one piece
 * @limit: pages that the guest may have now, @max_pages at most; vmmd changes it
 *	   while the guest runs
 * @given: pages that the guest has given back; the shim changes it
 * @start_info: frame of that page, as the guest has told when it suspended
 * @resume: SHIM_SUSPENDED, set by the shim before it rings, and what vmmd makes
 *	    of it
 * @uuid: the guest's
 * @start: for the first vCPU
 */
struct shim_info {
	uint32_t nr_vcpus;
	uint32_t user_pgd;
	uint64_t max_pages;
	uint64_t low_pages;
	uint64_t high_mfn;
	uint64_t nr_mfns;
	uint64_t l4_entries[2];
	uint64_t shared_info;
	uint64_t events;
	uint64_t grants;
	uint64_t grant_version;
	uint64_t vcpu_ptes;
	uint64_t limit;
	uint64_t given;
	uint64_t start_info;
	uint64_t resume;
	uint8_t uuid[16];
	struct shim_start start;
};

/**
 * struct shim_header - first bytes of the shim's image
 * @entry: where a vCPU starts, with its number in RDI
 * @stubs: the entry points, to be copied to each vCPU's SHIM_VCPU_STUBS
 * @stubs_end: their end and that of the data behind them
 * @hypercall: the one among them for hypercalls
 * @image_end: end of the image and of what has to be zero behind it
 * @info: filled by vmmd
 */
struct shim_header {
	uint64_t entry;
	uint64_t stubs;
	uint64_t stubs_end;
	uint64_t hypercall;
	uint64_t image_end;
	struct shim_info info;
};

/**
 * struct shim_crash - a guest's last registers, at SHIM_VCPU_CRASH
 * @vector: exception, or 256 for what the shim gave up over
 */
struct shim_crash {
	uint64_t vector, error, cr2, cr3;
	uint64_t rip, cs, rflags, rsp, ss;
	uint64_t rcx, r11, rax, rdx, rsi, rdi, r8, r9, r10;
	uint64_t rbx, rbp, r12, r13, r14, r15;
};

#define SHIM_GIVEN_MAX	 510
#define SHIM_GIVEN_ORDER 9

/**
 * struct shim_given - memory whose contents the guest can do without, a page at
 * SHIM_VCPU_GIVEN
 * @extents: entries of @mfn
 * @order: each stands for 1 << @order frames, SHIM_GIVEN_ORDER at most
 * @mfn: the first frame of each
 *
 * When the doorbell has been written they read as zero, and cost the host
 * nothing until they are touched.
 */
struct shim_given {
	uint64_t extents;
	uint64_t order;
	uint64_t mfn[SHIM_GIVEN_MAX];
};

#endif /* __ASSEMBLER__ */
#endif /* VMMD_SHIM_ABI_H */
