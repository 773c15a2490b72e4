/* SPDX-License-Identifier: GPL-2.0 */
/* The keyboard controller, with no keyboard: kernels reset a PC through it. */
#ifndef VMMD_I8042_H
#define VMMD_I8042_H

struct vm;

/** i8042_create() - add the controller; 0 or a negative errno (logged) */
int i8042_create(struct vm *vm);

#endif /* VMMD_I8042_H */
