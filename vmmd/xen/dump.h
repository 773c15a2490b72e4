/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The memory and registers of a PV guest as an ELF core file, which crash(8)
 * and gdb read as a kernel's, by its program headers, and Xen's own tools by its
 * sections (Xen's docs/misc/dump-core-format.txt).
 *
 * dump.c	what is in the file, and writing it
 * dump_map.c	where in its address space the guest has its memory
 * dump_regs.c	what the guest's kernel had in its registers
 */
#ifndef VMMD_XEN_DUMP_H
#define VMMD_XEN_DUMP_H

#include <stdint.h> /* before Xen's headers, which use it without including it */
#include <xen/xen.h>

#include "types.h"

struct guest_mem;
struct vm;

/**
 * typedef dump_done_fn - a core has been written
 * @vm: the guest, paused
 * @ret: 0 or a negative errno
 *
 * Context: main thread.
 */
typedef void (*dump_done_fn)(struct vm *vm, int ret);

/**
 * dump_start() - begin to write a core
 * @vm: PV guest, paused, which stays so until @done is called
 * @fd: empty file, or something else that can be written to; stays the caller's
 * @done: what follows
 *
 * Context: main thread. Return: 0 or a negative errno, -EBUSY when a file is
 * being written already.
 */
int dump_start(struct vm *vm, int fd, dump_done_fn done);

/**
 * struct dump_range - pages in a row, both ways
 * @va: virtual address of the first
 * @gpa: physical address
 * @len: bytes
 */
struct dump_range {
	u64 va;
	u64 gpa;
	u64 len;
};

/**
 * struct dump_map - the kernel's half of an address space
 * @range: ascending by address; to be freed
 * @nr: entries
 * @cut: there was more than the file can tell of
 */
struct dump_map {
	struct dump_range *range;
	u32 nr;
	bool cut;
};

/* A program header is for one range, and their number has 16 bits. */
#define DUMP_RANGES_MAX 32768

/**
 * dump_map_walk() - read page tables
 * @m: guest memory
 * @cr3: GPA of the L4, as hostile as the guest likes
 * @map: out
 *
 * Tables that are no RAM are left out, and so is all but the first of a row of
 * addresses of the same page. It ends after as many tables as the guest
 * can have pages. Return: 0 or -ENOMEM.
 */
int dump_map_walk(const struct guest_mem *m, u64 cr3, struct dump_map *map);

/**
 * dump_regs() - a vCPU's state as Xen has it
 * @vm: PV guest, powered and paused
 * @id: number of the vCPU
 * @c: out: registers and CR3, and bases of FS and GS
 *
 * Where the vCPU is inside of the shim, for a hypercall or for good, these are
 * the guest's, as far as the shim has kept them. Return: 0 or a negative errno.
 */
int dump_regs(struct vm *vm, u32 id, vcpu_guest_context_t *c);

#endif /* VMMD_XEN_DUMP_H */
