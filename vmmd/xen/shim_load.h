/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The shim (shim/) in a guest's memory: its image, page tables for its part of
 * every address space, the pages that it shares with vmmd, and the vCPUs that
 * start in it. All of that lies in the hole at MEM_PCI32_BASE, where the guest
 * has no RAM.
 */
#ifndef VMMD_XEN_SHIM_LOAD_H
#define VMMD_XEN_SHIM_LOAD_H

#include "types.h"

struct pv_start;
struct vm;

/**
 * struct shim_places - guest physical addresses of what is shared
 * @l4: top-level page table that has nothing but the shim
 * @l4_entries: the shim's entries for any other
 * @shared_info: struct shared_info
 * @events: struct shim_events
 * @grants: SHIM_GRANT_FRAMES + SHIM_GRANT_STATUS_FRAMES pages
 * @vcpus: first page of the vCPUs' own
 * @vcpu_ptes: L1 entries of their address range
 * @hypercall_gate: where hypercalls go, in bytes from the base of a vCPU's GDT
 */
struct shim_places {
	u64 l4;
	u64 l4_entries[2];
	u64 shared_info;
	u64 events;
	u64 grants;
	u64 vcpus;
	u64 vcpu_ptes;
	u32 hypercall_gate;
};

/**
 * shim_bytes() - memory that the shim needs
 * @vcpus: number of vCPUs
 * @ram: bytes of RAM that the guest has
 *
 * Return: bytes, a multiple of 2 MiB.
 */
u64 shim_bytes(u32 vcpus, u64 ram);

/**
 * shim_load() - put the shim into memory
 * @vm: RAM all zero, with shim_bytes() in the hole
 * @places: out
 *
 * Return: 0 or a negative errno (logged).
 */
int shim_load(struct vm *vm, struct shim_places *places);

/**
 * shim_start() - have all vCPUs begin in the shim, the first with the guest
 * @vm: with vCPUs
 * @places: of shim_load()
 * @start: where the guest begins
 *
 * Return: 0 or a negative errno (logged).
 */
int shim_start(struct vm *vm, const struct shim_places *places, const struct pv_start *start);

#endif /* VMMD_XEN_SHIM_LOAD_H */
