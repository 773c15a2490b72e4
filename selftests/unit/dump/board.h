/* SPDX-License-Identifier: GPL-2.0 */
/* A PV guest without a hypervisor, and its core in memory. */
#ifndef DUMP_BOARD_H
#define DUMP_BOARD_H

#include "vm.h"

#define BOARD_MIB   16
#define BOARD_HOLE  (2 * MIB)
#define BOARD_VCPUS 2
#define BOARD_CR3   0x1000
#define BOARD_RIP   0xffffffff81234567ULL

/** board_init() - the guest, with memory that is all zero */
void board_init(struct vm *vm);

/** board_free() - give it back */
void board_free(struct vm *vm);

/** board_pte() - set an entry of a table */
void board_pte(struct vm *vm, u64 table, u32 index, u64 pte);

/**
 * board_dump() - make a core
 * @vm: the guest
 * @len: out: bytes
 *
 * Return: the file, until the next; NULL when there is none.
 */
const u8 *board_dump(struct vm *vm, size_t *len);

#endif /* DUMP_BOARD_H */
