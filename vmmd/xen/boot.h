/* SPDX-License-Identifier: GPL-2.0 */
/* What boot/ leaves to the Xen side of a guest. */
#ifndef VMMD_XEN_BOOT_H
#define VMMD_XEN_BOOT_H

struct vm;

/**
 * xen_boot_load() - place what is Xen's
 * @vm: with vm->xen; RAM all zero, vCPUs created, devices registered
 *
 * Of a PV guest that is all: shim, kernel, vCPU registers.
 *
 * Return: 0 or a negative errno (logged).
 */
int xen_boot_load(struct vm *vm);

#endif /* VMMD_XEN_BOOT_H */
