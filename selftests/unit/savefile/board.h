/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A file in memory that a guest was saved to, and a VM without a hypervisor that it
 * is restored to.
 */
#ifndef SAVEFILE_BOARD_H
#define SAVEFILE_BOARD_H

#include "savefile.h"
#include "vcpu_state.h"
#include "vm.h"

#define BOARD_MIB      16
#define BOARD_HOLE     (2 * MIB)
#define BOARD_VCPUS    2
#define BOARD_TSC_KHZ  2000000
#define BOARD_FILE_MAX (4U << 20)

/* Places in the guest's memory. */
#define BOARD_STORE	 0x3000
#define BOARD_CONSOLE	 0x4000
#define BOARD_START_INFO 0x5000
#define BOARD_EVENTS	 (MEM_PCI32_BASE + 0x10000)
#define BOARD_GRANTS	 (MEM_PCI32_BASE + 0x20000)

/**
 * struct board - the file
 * @data: its bytes
 * @len: how many
 */
struct board {
	u8 data[BOARD_FILE_MAX];
	size_t len;
};

/* What the last restore has told the node, and the last message. */
extern u32 board_vcpus_set;
extern u64 board_tsc_set, board_clock_set;

/** board_head() - begin the file with a configuration */
void board_head(struct board *b, u32 version, const char *config);

/** board_record() - add a record with good checksums */
void board_record(struct board *b, u32 type, const void *data, size_t len);

/** board_guest() - what vmmd knows of a good guest */
struct savefile_guest board_guest(void);

/** board_vcpu() - add the state of a vCPU, with one MSR */
void board_vcpu(struct board *b, u32 id);

/** board_page() - add a page that is full of a byte */
void board_page(struct board *b, u64 gpa, u8 byte);

/** board_config() - the configuration of a good guest */
const char *board_config(void);

/**
 * board_restore() - read the file as vmmd does
 * @b: the file
 * @overrides: of the configuration, or NULL
 * @vm: out: with memory when 0 is returned, which board_free() gives back
 *
 * Return: 0 or a negative errno.
 */
int board_restore(const struct board *b, char *const overrides[], struct vm *vm);

/** board_free() - give back what board_restore() has left */
void board_free(struct vm *vm);

#endif /* SAVEFILE_BOARD_H */
