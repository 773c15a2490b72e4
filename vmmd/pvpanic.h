/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The panic device that Linux knows as pvpanic: a port that a guest tells its
 * panic to (<misc/pvpanic.h> has the bits).
 */
#ifndef VMMD_PVPANIC_H
#define VMMD_PVPANIC_H

struct vm;

#define PVPANIC_PORT	0x505
#define PVPANIC_ACPI_ID "QEMU0001"

/** pvpanic_create() - add the device; 0 or a negative errno (logged) */
int pvpanic_create(struct vm *vm);

#endif /* VMMD_PVPANIC_H */
