/* SPDX-License-Identifier: GPL-2.0 */
/* The 16550A UART at 0x3f8, IRQ 4: the guest's ttyS0. */
#ifndef VMMD_SERIAL_H
#define VMMD_SERIAL_H

struct vm;

#define SERIAL_PORT 0x3f8

/**
 * serial_create() - add the UART and its console to the device list
 * @vm: being created
 *
 * Return: 0 or a negative errno (logged).
 */
int serial_create(struct vm *vm);

#endif /* VMMD_SERIAL_H */
