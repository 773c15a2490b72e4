// SPDX-License-Identifier: GPL-2.0
/* See board.h. The first part is what the devices ask of the rest of vmmd. */
#include <stdlib.h>
#include <string.h>

#include "acpi.h"
#include "board.h"
#include "i8042.h"
#include "pvpanic.h"
#include "rtc.h"
#include "serial.h"

struct vm vm;
struct board board;
struct pci_dev card;

struct loop_timer {
	loop_fn fn;
	void *opaque;
	bool armed;
};

static struct loop_timer timers[4];
static u32 nr_timers;

void irq_set(struct vm *v, u32 gsi, bool level)
{
	(void)v;
	board.raises[gsi] += level && !board.pin[gsi];
	board.pin[gsi] = level;
}

void irq_share(struct vm *v, u32 gsi, bool level)
{
	irq_set(v, gsi, level);
}

void irq_msi_send(struct vm *v, u64 addr, u32 data)
{
	(void)v;
	board.msi_addr = addr;
	board.msi_data = data;
	board.messages++;
}

int irq_msi_route(struct vm *v, u64 addr, u32 data)
{
	(void)v;
	board.msi_addr = addr;
	board.msi_data = data;
	return IRQ_MSI_BASE;
}

int irq_msi_reroute(struct vm *v, u32 gsi, u64 addr, u32 data)
{
	(void)gsi;
	irq_msi_route(v, addr, data);
	return 0;
}

void irq_msi_unroute(struct vm *v, u32 gsi)
{
	(void)v;
	(void)gsi;
}

int irqfd_attach(struct vm *v, u32 gsi, int fd, int resamplefd)
{
	(void)v;
	(void)gsi;
	(void)fd;
	(void)resamplefd;
	board.irqfds++;
	return 0;
}

void irqfd_detach(struct vm *v, u32 gsi, int fd)
{
	(void)v;
	(void)gsi;
	(void)fd;
	board.irqfds--;
}

struct console *console_create(struct vm *v, enum console_kind kind)
{
	(void)v;
	(void)kind;
	return (struct console *)&board;
}

void console_destroy(struct console *con)
{
	(void)con;
}

void console_set_input(struct console *con, size_t (*fn)(void *opaque, const u8 *buf, size_t len),
		       void *opaque)
{
	(void)con;
	board.input = fn;
	board.input_opaque = opaque;
}

void console_input_ready(struct console *con)
{
	(void)con;
}

void console_output(struct console *con, const void *buf, size_t len)
{
	(void)con;
	if (range_fits(board.out_len, len, sizeof(board.out)))
		memcpy(board.out + board.out_len, buf, len);
	board.out_len += len;
}

struct loop_timer *loop_timer_create(struct loop *loop, loop_fn fn, void *opaque)
{
	struct loop_timer *timer = &timers[nr_timers++];

	(void)loop;
	*timer = (struct loop_timer){fn, opaque, false};
	return timer;
}

void loop_timer_set(struct loop_timer *timer, u64 delay_ns, u64 period_ns)
{
	(void)period_ns;
	timer->armed = delay_ns;
	board.armed = 0;
	for (u32 i = 0; i < nr_timers; i++)
		board.armed += timers[i].armed;
}

void loop_timer_destroy(struct loop_timer *timer)
{
	(void)timer;
}

void vm_add_device(struct vm *v, struct device *dev)
{
	dev->next = v->devices;
	v->devices = dev;
}

void vm_request(struct vm *v, enum vm_event event, const char *reason)
{
	(void)v;
	(void)reason;
	board.event = event;
}

void guest_fail(struct vm *v, const char *fmt, ...)
{
	(void)fmt;
	vm_request(v, VM_CRASH, NULL);
}

/* A card whose registers are memory. */

static u8 card_memory[4096];

static void card_read(void *opaque, u64 off, u32 size, void *data)
{
	memcpy(data, (u8 *)opaque + off, size);
}

static void card_write(void *opaque, u64 off, u32 size, const void *data)
{
	memcpy((u8 *)opaque + off, data, size);
}

static int card_create(void)
{
	static const struct pci_ids ids = {.vendor = 0x1af4, .device = 0x1042, .class = 0x018000};

	pci_dev_init(&card, "card", &ids);
	pci_add_bar(&card, 0, PCI_BAR_64, sizeof(card_memory), card_read, card_write, card_memory);
	pci_add_bar(&card, 2, PCI_BAR_IO, 64, card_read, card_write, card_memory);
	return pci_add_msix(&card, 3, TEST_VECTORS) ?: pci_register(&vm, &card);
}

void board_create(void)
{
	memset(&vm, 0, sizeof(vm));
	memset(&board, 0, sizeof(board));
	nr_timers = 0;
	bus_init(&vm.pio);
	bus_init(&vm.mmio);
	vm.mem = (struct guest_mem){
		.region = {{0, MEM_LOW_LIMIT, NULL}, {MEM_HIGH_BASE, GIB, NULL}},
		.nr = 2,
	};
	if (pci_init(&vm) || acpi_pm_create(&vm) || rtc_create(&vm) || i8042_create(&vm) ||
	    pvpanic_create(&vm) || serial_create(&vm) || card_create())
		abort();
}

void board_reset(void)
{
	pci_reset(&card);
	for (struct device *dev = vm.devices; dev; dev = dev->next)
		if (dev->reset)
			dev->reset(dev);
	memset(board.pin, 0, sizeof(board.pin));
}

void board_destroy(void)
{
	struct device *dev = vm.devices, *next;

	pci_unregister(&card);
	for (; dev; dev = next) {
		next = dev->next;
		dev->destroy(dev);
	}
}

void board_tick(void)
{
	for (u32 i = 0; i < nr_timers; i++)
		if (timers[i].armed)
			timers[i].fn(timers[i].opaque);
}

u8 in8(u16 port)
{
	u8 value;

	bus_read(&vm.pio, port, sizeof(value), &value);
	return value;
}

u32 in32(u16 port)
{
	u32 value;

	bus_read(&vm.pio, port, sizeof(value), &value);
	return value;
}

void out8(u16 port, u8 value)
{
	bus_write(&vm.pio, port, sizeof(value), &value);
}

void out32(u16 port, u32 value)
{
	bus_write(&vm.pio, port, sizeof(value), &value);
}
