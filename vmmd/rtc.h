/* SPDX-License-Identifier: GPL-2.0 */
/* The clock and CMOS memory of a PC: ports 0x70 and 0x71, IRQ 8. */
#ifndef VMMD_RTC_H
#define VMMD_RTC_H

struct vm;

/**
 * rtc_create() - add the clock to the device list
 * @vm: being created, with its memory
 *
 * The clock starts at the host's UTC and keeps the offset a guest sets.
 * Return: 0 or a negative errno (logged).
 */
int rtc_create(struct vm *vm);

#endif /* VMMD_RTC_H */
