/* SPDX-License-Identifier: GPL-2.0 */
/* The platform's devices on a board without CPU: pins, messages, console. */
#ifndef UNIT_DEVICES_BOARD_H
#define UNIT_DEVICES_BOARD_H

#include "vm.h"

#define TEST_VECTORS 3

/**
 * struct board - what the devices did
 * @pin: level of each interrupt pin
 * @raises: how often each pin rose
 * @msi_addr: of the last message
 * @msi_data: of the last message
 * @messages: how many there were
 * @irqfds: descriptors bound to a GSI
 * @out: what the serial port sent
 * @out_len: bytes in @out, counted on beyond its end
 * @event: what was asked of the VM
 * @input: the serial port's input function
 * @input_opaque: its argument
 * @armed: timers running
 */
struct board {
	bool pin[IRQ_IOAPIC_PINS];
	u32 raises[IRQ_IOAPIC_PINS];
	u64 msi_addr;
	u32 msi_data;
	u32 messages;
	u32 irqfds;
	char out[256];
	size_t out_len;
	enum vm_event event;
	size_t (*input)(void *opaque, const u8 *buf, size_t len);
	void *input_opaque;
	u32 armed;
};

extern struct vm vm;
extern struct board board;
/* A PCI function with a 64-bit memory BAR, an I/O BAR and MSI-X. */
extern struct pci_dev card;

/* Power up, and reset, and take all apart again. */
void board_create(void);
void board_reset(void);
void board_destroy(void);
/* Let all armed timers expire once. */
void board_tick(void);

u8 in8(u16 port);
u32 in32(u16 port);
void out8(u16 port, u8 value);
void out32(u16 port, u32 value);

#endif /* UNIT_DEVICES_BOARD_H */
