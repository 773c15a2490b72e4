/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The domain builder for Xen PV kernels: image, ramdisk, P2M, start_info and
 * first page tables into guest RAM, as the public headers describe it
 * (xen/xen.h at struct start_info, xen/elfnote.h).
 *
 * pv_elf.c	what an image asks for, by its ELF notes
 * pv_layout.c	where everything goes
 * pv.c		putting it there
 *
 * Machine frames are guest frames: MFN n is GPA n * 4096. RAM of more than
 * 3 GiB has a hole (memory.h), so that a PFN need not be its MFN.
 */
#ifndef VMMD_BOOT_PV_H
#define VMMD_BOOT_PV_H

#include "types.h"

struct vm;

#define PV_NO_FRAME UINT64_MAX

/**
 * struct pv_params - what the builder is told
 * @nr_pages: pages of RAM that the domain has, PFNs 0 to nr_pages - 1
 * @shared_info: GPA of the shared_info page, outside of those pages
 * @store_port: event channel of xenstore
 * @console_port: event channel of the console
 * @hypercall_gate: where hypercalls go, in bytes from the base of a vCPU's GDT
 * @l4_slot: first L4 entry of the hypervisor's range, 256
 * @l4_entries: entries to put there in the first L4
 * @nr_l4_entries: how many
 */
struct pv_params {
	u64 nr_pages;
	u64 shared_info;
	u32 store_port;
	u32 console_port;
	u32 hypercall_gate;
	u32 l4_slot;
	const u64 *l4_entries;
	u32 nr_l4_entries;
};

/**
 * struct pv_start - how the first vCPU starts, and what the back ends need
 * @rip: entry point, virtual
 * @rsi: virtual address of start_info
 * @rsp: virtual address of the boot stack's end
 * @cr3: GPA of the first L4
 * @store_gpa: GPA of the xenstore ring's page
 * @console_gpa: GPA of the console ring's page
 */
struct pv_start {
	u64 rip;
	u64 rsi;
	u64 rsp;
	u64 cr3;
	u64 store_gpa;
	u64 console_gpa;
};

/**
 * pv_mfn() - the machine frame behind a frame number of the domain
 * @vm: the VM, whose RAM exists
 * @pfn: less than the domain's number of pages
 *
 * PFNs count through the RAM regions in ascending order; what the hypervisor
 * has at MEM_PCI32_BASE is not the domain's.
 * Return: the frame, PV_NO_FRAME when there is no such page.
 */
u64 pv_mfn(const struct vm *vm, u64 pfn);

/**
 * pv_has_entry() - is this an ELF image that can be started as a PV domain?
 * @map: the file
 * @len: its bytes
 */
bool pv_has_entry(const u8 *map, u64 len);

/**
 * pv_check() - the same, telling what stands against it
 * @path: for the message
 * @map: the file
 * @len: its bytes
 *
 * Return: 0 or -ENOEXEC (logged).
 */
int pv_check(const char *path, const u8 *map, u64 len);

/**
 * pv_build() - place kernel (vm->files), ramdisk and all that belongs to them
 * @vm: RAM all zero
 * @params: see there
 * @start: out
 *
 * Return: 0 or a negative errno (logged).
 */
int pv_build(struct vm *vm, const struct pv_params *params, struct pv_start *start);

#endif /* VMMD_BOOT_PV_H */
