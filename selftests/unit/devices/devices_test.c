// SPDX-License-Identifier: GPL-2.0
/* The platform's devices as a driver sees them. Under sanitizers; prints TAP. */
#include <linux/pci_regs.h>
#include <linux/serial_reg.h>
#include <misc/pvpanic.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "acpi.h"
#include "board.h"
#include "pvpanic.h"
#include "serial.h"

static int tests, failures;

#define CHECK(cond)                                                                                \
	do {                                                                                       \
		if (!(cond)) {                                                                     \
			printf("# %s:%d: not true: %s\n", __func__, __LINE__, #cond);              \
			return false;                                                              \
		}                                                                                  \
	} while (0)

/* ----------------------------------------------------------------- the bus */

static struct io_region region(u64 base, u64 len)
{
	return (struct io_region){.base = base, .len = len};
}

static bool test_bus(void)
{
	struct io_region a = region(0x1000, 16), b = region(0x1010, 16), c = region(0x0ff8, 9);
	struct io_region top = region(UINT64_MAX - 7, 8), wrap = region(UINT64_MAX, 2);
	struct io_region many[BUS_REGIONS_MAX + 1];
	struct bus bus;
	u64 value;
	u32 i;

	bus_init(&bus);
	CHECK(!bus_add(&bus, &b) && !bus_add(&bus, &a) && !bus_add(&bus, &top));
	CHECK(bus_add(&bus, &c) < 0 && bus_add(&bus, &a) < 0 && bus_add(&bus, &wrap) < 0);
	CHECK(bus_read(&bus, 0x100f, 1, &value) && !bus_read(&bus, 0x100f, 2, &value));
	CHECK(bus_read(&bus, 0x1010, 8, &value) && !bus_read(&bus, 0x1020, 1, &value));
	CHECK(bus_read(&bus, UINT64_MAX, 1, &value) && !bus_read(&bus, UINT64_MAX, 8, &value));
	CHECK(value == UINT64_MAX);
	bus_del(&bus, &a);
	bus_del(&bus, &a);
	CHECK(!bus_write(&bus, 0x1000, 4, &value) && bus_write(&bus, 0x1010, 4, &value));
	CHECK(!bus_add(&bus, &c));

	bus_init(&bus);
	for (i = 0; i < BUS_REGIONS_MAX; i++) {
		many[i] = region((u64)((i * 37) % BUS_REGIONS_MAX) * 4, 4);
		CHECK(!bus_add(&bus, &many[i]));
	}
	many[i] = region(0x100000, 4);
	CHECK(bus_add(&bus, &many[i]) < 0);
	for (i = 0; i < BUS_REGIONS_MAX * 4; i++)
		CHECK(bus_read(&bus, i, 1, &value));
	return true;
}

/* --------------------------------------------------------- the serial port */

#define COM(reg) (SERIAL_PORT + (reg))

static bool test_serial_output(void)
{
	CHECK(in8(COM(UART_LSR)) == (UART_LSR_THRE | UART_LSR_TEMT));
	out8(COM(UART_TX), 'o');
	out8(COM(UART_TX), 'k');
	CHECK(board.out_len == 2 && !memcmp(board.out, "ok", 2));

	/* The transmitter's interrupt: due when enabled, taken by reading IIR. */
	out8(COM(UART_MCR), UART_MCR_OUT2);
	out8(COM(UART_IER), UART_IER_THRI);
	CHECK(board.pin[IRQ_SERIAL0] && (in8(COM(UART_IIR)) & 0xf) == UART_IIR_THRI);
	CHECK(!board.pin[IRQ_SERIAL0] && (in8(COM(UART_IIR)) & 0xf) == UART_IIR_NO_INT);
	out8(COM(UART_TX), '!');
	CHECK(board.pin[IRQ_SERIAL0]);
	out8(COM(UART_MCR), 0);
	CHECK(!board.pin[IRQ_SERIAL0]);
	return true;
}

static bool test_serial_input(void)
{
	const u8 *text = (const u8 *)"0123456789abcdefghij";
	u32 i;

	/* Without FIFO there is room for one byte. */
	CHECK(board.input(board.input_opaque, text, 20) == 1);
	CHECK(in8(COM(UART_LSR)) & UART_LSR_DR);
	CHECK(in8(COM(UART_RX)) == '0' && !(in8(COM(UART_LSR)) & UART_LSR_DR));

	out8(COM(UART_FCR), UART_FCR_ENABLE_FIFO);
	CHECK((in8(COM(UART_IIR)) & UART_IIR_FIFO_ENABLED) == UART_IIR_FIFO_ENABLED_16550A);
	out8(COM(UART_MCR), UART_MCR_OUT2);
	out8(COM(UART_IER), UART_IER_RDI);
	CHECK(!board.pin[IRQ_SERIAL0]);
	CHECK(board.input(board.input_opaque, text, 20) == 16);
	CHECK(board.pin[IRQ_SERIAL0] && (in8(COM(UART_IIR)) & 0xf) == UART_IIR_RDI);
	for (i = 0; i < 16; i++)
		CHECK(in8(COM(UART_RX)) == text[i]);
	CHECK(!board.pin[IRQ_SERIAL0]);
	CHECK(board.input(board.input_opaque, text, 3) == 3);
	out8(COM(UART_FCR), UART_FCR_ENABLE_FIFO | UART_FCR_CLEAR_RCVR);
	CHECK(!(in8(COM(UART_LSR)) & UART_LSR_DR));
	return true;
}

static bool test_serial_registers(void)
{
	u32 i;

	out8(COM(UART_LCR), UART_LCR_DLAB);
	out8(COM(UART_DLL), 12);
	out8(COM(UART_DLM), 1);
	CHECK(in8(COM(UART_DLL)) == 12 && in8(COM(UART_DLM)) == 1);
	out8(COM(UART_LCR), UART_LCR_WLEN8);
	CHECK(in8(COM(UART_IER)) == 0);
	out8(COM(UART_SCR), 0x5a);
	CHECK(in8(COM(UART_SCR)) == 0x5a);

	/* Loopback: outputs come back as inputs, data as data, nothing leaves. */
	out8(COM(UART_MCR), UART_MCR_LOOP | UART_MCR_OUT2 | UART_MCR_RTS);
	CHECK((in8(COM(UART_MSR)) & 0xf0) == (UART_MSR_DCD | UART_MSR_CTS));
	out8(COM(UART_FCR), UART_FCR_ENABLE_FIFO);
	for (i = 0; i < 16; i++)
		out8(COM(UART_TX), (u8)i);
	CHECK(!(in8(COM(UART_LSR)) & UART_LSR_OE));
	out8(COM(UART_TX), 0xff);
	CHECK(in8(COM(UART_LSR)) & UART_LSR_OE);
	for (i = 0; i < 16; i++)
		CHECK(in8(COM(UART_RX)) == i);
	CHECK(board.out_len == 0);
	board_reset();
	CHECK((in8(COM(UART_MSR)) & 0xf0) == (UART_MSR_DCD | UART_MSR_DSR | UART_MSR_CTS));
	return true;
}

/* --------------------------------------------------------------- the clock */

static u8 cmos(u8 reg)
{
	out8(0x70, reg);
	return in8(0x71);
}

static void cmos_set(u8 reg, u8 value)
{
	out8(0x70, reg);
	out8(0x71, value);
}

static int bcd(u8 value)
{
	return (value >> 4) * 10 + (value & 0xf);
}

static time_t clock_time(void)
{
	struct tm tm = {
		.tm_sec = bcd(cmos(0)),
		.tm_min = bcd(cmos(2)),
		.tm_hour = bcd(cmos(4)),
		.tm_mday = bcd(cmos(7)),
		.tm_mon = bcd(cmos(8)) - 1,
		.tm_year = bcd(cmos(9)) + 100 * bcd(cmos(0x32)) - 1900,
	};

	return timegm(&tm);
}

static bool test_rtc_time(void)
{
	s64 diff = clock_time() - time(NULL);

	CHECK(diff >= -2 && diff <= 2);
	CHECK(cmos(0x0d) == 0x80);

	/* Set to 12 h form, 11:59:58 PM, 31 Dec 1999. */
	cmos_set(0x0b, 0x80);
	cmos_set(0, 0x58);
	cmos_set(2, 0x59);
	cmos_set(4, 0x91);
	cmos_set(7, 0x31);
	cmos_set(8, 0x12);
	cmos_set(9, 0x99);
	cmos_set(0x32, 0x19);
	CHECK(cmos(0) == 0x58 && cmos(4) == 0x91);
	cmos_set(0x0b, 0x00);
	CHECK(cmos(4) == 0x91);
	cmos_set(0x0b, 0x02);
	diff = clock_time() - 946684798;
	CHECK(diff >= 0 && diff <= 2);
	/* Binary form. */
	cmos_set(0x0b, 0x06);
	CHECK(cmos(0x32) == 19 || cmos(0x32) == 20);
	/* No value does harm. */
	cmos_set(0x0b, 0x80);
	cmos_set(0, 0xff);
	cmos_set(8, 0xff);
	cmos_set(9, 0xff);
	cmos_set(0x0b, 0x02);
	clock_time();
	return true;
}

static bool test_rtc_interrupts(void)
{
	CHECK(board.armed == 0);
	cmos_set(0x0b, 0x12); /* update ended */
	CHECK(board.armed == 1);
	board_tick();
	CHECK(board.pin[IRQ_RTC]);
	CHECK((cmos(0x0c) & 0x90) == 0x90 && !board.pin[IRQ_RTC]);

	cmos_set(0x0b, 0x42); /* periodic */
	CHECK(board.armed == 1);
	board_tick();
	CHECK(board.pin[IRQ_RTC] && (cmos(0x0c) & 0xc0) == 0xc0);

	cmos_set(1, 0xc0); /* an alarm at every second */
	cmos_set(3, 0xff);
	cmos_set(5, 0xff);
	cmos_set(0x0b, 0x22);
	board_tick();
	CHECK(board.pin[IRQ_RTC] && (cmos(0x0c) & 0xa0) == 0xa0);
	cmos_set(0x0b, 0x02);
	CHECK(board.armed == 0 && !board.pin[IRQ_RTC]);
	return true;
}

static bool test_cmos_memory(void)
{
	CHECK(cmos(0x15) == 0x80 && cmos(0x16) == 0x02);
	CHECK(cmos(0x17) == 0xff && cmos(0x18) == 0xff);
	/* (3 GiB - 16 MiB) and 1 GiB in units of 64 KiB */
	CHECK(cmos(0x34) == 0x00 && cmos(0x35) == 0xbf);
	CHECK(cmos(0x5b) == 0x00 && cmos(0x5c) == 0x40 && cmos(0x5d) == 0);
	cmos_set(0x40, 0x77);
	CHECK(cmos(0x40) == 0x77);
	return true;
}

/* ---------------------------------------------------- reset, power and panic */

static bool test_ends(void)
{
	u16 word;

	out8(0x64, 0xaa);
	CHECK((in8(0x64) & 1) && in8(0x60) == 0x55 && !(in8(0x64) & 1));
	CHECK(board.event == VM_NONE);
	out8(0x64, 0xfe);
	CHECK(board.event == VM_REBOOT);
	board.event = VM_NONE;
	out8(ACPI_RESET_PORT, 0x02);
	CHECK(board.event == VM_NONE);
	out8(ACPI_RESET_PORT, ACPI_RESET_VALUE);
	CHECK(board.event == VM_REBOOT);

	word = ACPI_S5_TYPE << 10;
	board.event = VM_NONE;
	bus_write(&vm.pio, ACPI_PM1_CONTROL, 2, &word);
	CHECK(board.event == VM_NONE);
	word |= 1 << 13;
	bus_write(&vm.pio, ACPI_PM1_CONTROL, 2, &word);
	CHECK(board.event == VM_POWEROFF);

	board.event = VM_NONE;
	CHECK(in8(PVPANIC_PORT) & PVPANIC_PANICKED);
	out8(PVPANIC_PORT, PVPANIC_CRASH_LOADED);
	CHECK(board.event == VM_NONE);
	out8(PVPANIC_PORT, PVPANIC_PANICKED);
	CHECK(board.event == VM_CRASH);
	return true;
}

static bool test_power_button(void)
{
	u16 word = 1 << 8;

	CHECK(acpi_pm_press_button(&vm) < 0 && !board.pin[IRQ_SCI]);
	bus_write(&vm.pio, ACPI_PM1_EVENT + 2, 2, &word);
	CHECK(!acpi_pm_press_button(&vm) && board.pin[IRQ_SCI]);
	bus_read(&vm.pio, ACPI_PM1_EVENT, 2, &word);
	CHECK(word & 1 << 8);
	out8(ACPI_PM1_EVENT + 1, 1);
	CHECK(!board.pin[IRQ_SCI] && in8(ACPI_PM1_EVENT + 1) == 0);
	return true;
}

/* -------------------------------------------------------------------- PCI */

static u32 config_address(u32 reg)
{
	return 1U << 31 | card.slot << 11 | (reg & 0xfc);
}

static u32 config_read(u32 reg)
{
	out32(0xcf8, config_address(reg));
	return in32(0xcfc);
}

static void config_write(u32 reg, u32 value)
{
	out32(0xcf8, config_address(reg));
	out32(0xcfc, value);
}

static bool answers(u64 addr)
{
	u32 value;

	return bus_read(&vm.mmio, addr, 4, &value);
}

static bool test_pci_config(void)
{
	u64 ecam = MEM_ECAM_BASE + (card.slot << 15);
	u32 value;

	CHECK(config_read(0) == 0x10421af4);
	/* An access across the end of a function meets nobody. */
	CHECK(bus_read(&vm.mmio, ecam + 0xffe, 4, &value) && value == UINT32_MAX);
	CHECK(bus_read(&vm.mmio, ecam, 4, &value) && value == 0x10421af4);
	bus_read(&vm.mmio, ecam + 0x100, 4, &value);
	CHECK(value == UINT32_MAX);
	/* Other functions, other buses, empty slots: all ones. */
	out32(0xcf8, config_address(0) | 1 << 8);
	CHECK(in32(0xcfc) == UINT32_MAX);
	out32(0xcf8, config_address(0) | 1 << 16);
	CHECK(in32(0xcfc) == UINT32_MAX);
	out32(0xcf8, 1U << 31 | 31 << 11);
	CHECK(in32(0xcfc) == UINT32_MAX);
	out32(0xcf8, config_address(0) & ~(1U << 31));
	CHECK(in32(0xcfc) == UINT32_MAX);
	/* What is read-only stays. */
	config_write(0, 0);
	CHECK(config_read(0) == 0x10421af4);
	return true;
}

static bool test_pci_bars(void)
{
	u64 old = config_read(PCI_BASE_ADDRESS_0) & ~0xfU;
	u32 command = config_read(PCI_COMMAND);

	CHECK(old >= MEM_PCI32_BASE && answers(old) && answers(old + 4092));
	config_write(PCI_COMMAND, command & ~PCI_COMMAND_MEMORY);
	CHECK(!answers(old));
	config_write(PCI_BASE_ADDRESS_0, UINT32_MAX);
	config_write(PCI_BASE_ADDRESS_1, UINT32_MAX);
	CHECK(config_read(PCI_BASE_ADDRESS_0) == (0xfffff000 | PCI_BASE_ADDRESS_MEM_TYPE_64));
	CHECK(config_read(PCI_BASE_ADDRESS_1) == UINT32_MAX);
	CHECK(config_read(PCI_BASE_ADDRESS_2) != 0 && config_read(PCI_BASE_ADDRESS_4) == 0);

	/* Above 4 GiB; then over the host bridge's ECAM, where it must not win. */
	config_write(PCI_BASE_ADDRESS_0, 0x5000);
	config_write(PCI_BASE_ADDRESS_1, 0x80);
	config_write(PCI_COMMAND, command);
	CHECK(answers(0x8000005000ULL) && !answers(old));
	config_write(PCI_BASE_ADDRESS_1, 0);
	config_write(PCI_BASE_ADDRESS_0, (u32)MEM_ECAM_BASE);
	CHECK(!card.bar[0].mapped && answers(MEM_ECAM_BASE));
	board_reset();
	CHECK(answers(old) && config_read(PCI_COMMAND) == command);
	return true;
}

static bool test_pci_intx(void)
{
	u32 command = config_read(PCI_COMMAND);

	pci_intx_set(&card, true);
	CHECK(board.pin[card.gsi] && (config_read(PCI_COMMAND) & PCI_STATUS_INTERRUPT << 16));
	config_write(PCI_COMMAND, command | PCI_COMMAND_INTX_DISABLE);
	CHECK(!board.pin[card.gsi]);
	config_write(PCI_COMMAND, command);
	CHECK(board.pin[card.gsi]);
	pci_intx_set(&card, false);
	CHECK(!board.pin[card.gsi]);
	CHECK(!pci_bus_master(&card));
	config_write(PCI_COMMAND, command | PCI_COMMAND_MASTER);
	CHECK(pci_bus_master(&card));
	return true;
}

static u64 msix_bar(void)
{
	return config_read(PCI_BASE_ADDRESS_3) & ~0xfU;
}

static void msix_entry(u32 vector, u64 addr, u32 data, u32 control)
{
	u64 at = msix_bar() + 16 * vector;

	bus_write(&vm.mmio, at, 8, &addr);
	bus_write(&vm.mmio, at + 8, 4, &data);
	bus_write(&vm.mmio, at + 12, 4, &control);
}

static void msix_control(u16 flags)
{
	u32 cap = config_read(PCI_CAPABILITY_LIST) & 0xfc;

	config_write(cap, (u32)flags << 16);
}

static u64 msix_pending(void)
{
	u64 value;

	bus_read(&vm.mmio, msix_bar() + 2048, 8, &value);
	return value;
}

static bool test_msix(void)
{
	CHECK(!pci_msix_enabled(&card));
	pci_msix_trigger(&card, 1);
	CHECK(board.messages == 0 && msix_pending() == 2);
	msix_control(PCI_MSIX_FLAGS_ENABLE);
	CHECK(pci_msix_enabled(&card));
	msix_entry(1, 0xfee01000, 0x55, 0);
	CHECK(board.messages == 1 && msix_pending() == 0);
	CHECK(board.msi_addr == 0xfee01000 && board.msi_data == 0x55);
	pci_msix_trigger(&card, 1);
	CHECK(board.messages == 2);

	msix_control(PCI_MSIX_FLAGS_ENABLE | PCI_MSIX_FLAGS_MASKALL);
	pci_msix_trigger(&card, 1);
	CHECK(board.messages == 2 && msix_pending() == 2);
	msix_control(PCI_MSIX_FLAGS_ENABLE);
	CHECK(board.messages == 3);
	pci_msix_trigger(&card, TEST_VECTORS);
	CHECK(board.messages == 3);
	return true;
}

static bool test_msix_irqfd(void)
{
	int fd = eventfd(0, EFD_NONBLOCK);
	u64 one = 1;

	msix_control(PCI_MSIX_FLAGS_ENABLE);
	CHECK(pci_msix_irqfd(&card, TEST_VECTORS, fd) < 0);
	CHECK(!pci_msix_irqfd(&card, 0, fd) && board.irqfds == 0);
	/* Masked, what comes waits in the eventfd and shows as pending. */
	CHECK(write(fd, &one, sizeof(one)) == sizeof(one) && msix_pending() == 1);
	msix_entry(0, 0xfee02000, 0x66, 0);
	CHECK(board.irqfds == 1 && board.msi_data == 0x66 && msix_pending() == 0);
	msix_entry(0, 0xfee02000, 0x67, 0);
	CHECK(board.irqfds == 1 && board.msi_data == 0x67);
	msix_entry(0, 0xfee02000, 0x67, 1);
	CHECK(board.irqfds == 0);
	msix_entry(0, 0xfee02000, 0x67, 0);
	board_reset();
	CHECK(board.irqfds == 0 && !pci_msix_enabled(&card));
	close(fd);
	return true;
}

static void run(const char *name, bool (*test)(void))
{
	bool good;

	board_create();
	good = test();
	board_destroy();
	printf("%sok %d %s\n", good ? "" : "not ", ++tests, name);
	failures += !good;
}

int main(void)
{
	printf("TAP version 13\n1..14\n");
	run("address decoding", test_bus);
	run("serial output and its interrupt", test_serial_output);
	run("serial input, with and without FIFO", test_serial_input);
	run("serial registers and loopback", test_serial_registers);
	run("the clock's time", test_rtc_time);
	run("the clock's interrupts", test_rtc_interrupts);
	run("memory sizes in CMOS", test_cmos_memory);
	run("reset, power-off, panic", test_ends);
	run("the power button", test_power_button);
	run("PCI configuration space", test_pci_config);
	run("PCI base address registers", test_pci_bars);
	run("PCI interrupt line", test_pci_intx);
	run("MSI-X", test_msix);
	run("MSI-X by eventfd", test_msix_irqfd);
	return failures != 0;
}
