/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The partitions of a guest's disk: an MBR with its extended partition, or a
 * GPT. Nothing of it is believed: what is returned lies inside of the disk.
 */
#ifndef VMMD_BOOT_GUEST_PARTS_H
#define VMMD_BOOT_GUEST_PARTS_H

#include "types.h"

#define GUEST_PARTS_MAX 64

/**
 * struct guest_part - a partition
 * @number: as the guest counts it: 1 is the first
 * @offset: in the disk, in bytes
 * @len: bytes
 */
struct guest_part {
	u32 number;
	u64 offset;
	u64 len;
};

/**
 * guest_parts_read() - find the partitions of a disk
 * @fd: the disk
 * @size: its bytes
 * @part: out
 *
 * Return: how many there are, 0 without a table, or a negative errno when the
 * disk cannot be read.
 */
int guest_parts_read(int fd, u64 size, struct guest_part part[GUEST_PARTS_MAX]);

#endif /* VMMD_BOOT_GUEST_PARTS_H */
