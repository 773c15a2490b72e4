/* SPDX-License-Identifier: GPL-2.0 */
/* What boot/ leaves to the Xen side of a guest. */
#ifndef VMMD_XEN_BOOT_H
#define VMMD_XEN_BOOT_H

struct vm;

/**
 * xen_boot_load() - load a PV guest: shim, kernel, vCPU registers
 * @vm: RAM all zero, vCPUs created, devices registered
 *
 * Return: 0 or a negative errno (logged).
 */
int xen_boot_load(struct vm *vm);

#endif /* VMMD_XEN_BOOT_H */
