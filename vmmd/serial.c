// SPDX-License-Identifier: GPL-2.0
/*
 * A 16550A (National PC16550D data sheet) whose line is infinitely fast: a
 * byte written to THR has left when the write returns.
 */
#include <errno.h>
#include <linux/serial_reg.h>
#include <stdlib.h>
#include <string.h>

#include "serial.h"
#include "vm.h"

#define SERIAL_PORTS 8
#define SERIAL_FIFO  16
/* 115200 baud, what a PC's firmware leaves behind. */
#define SERIAL_DIVISOR	 1
#define SERIAL_MSR_LINES (UART_MSR_DCD | UART_MSR_DSR | UART_MSR_CTS)

/**
 * struct serial - the UART
 * @dev: entry of the device list
 * @vm: constant
 * @con: far end; constant
 * @region: ports
 * @lock: guards what follows
 * @divisor: baud rate divisor, kept for the guest to read back
 * @ier: interrupt enable register
 * @fcr: FIFO control register
 * @lcr: line control register
 * @mcr: modem control register
 * @scr: scratch register
 * @overrun: a byte came when the FIFO was full (loopback only)
 * @thr_empty: "transmitter empty" interrupt is due
 * @fifo: received bytes
 * @fifo_head: index of the oldest
 * @fifo_len: how many
 * @input_waits: the console holds bytes that found no room
 * @irq: level driven on the line
 */
struct serial {
	struct device dev;
	struct vm *vm;
	struct console *con;
	struct io_region region;
	pthread_mutex_t lock;
	u16 divisor;
	u8 ier, fcr, lcr, mcr, scr;
	bool overrun;
	bool thr_empty;
	u8 fifo[SERIAL_FIFO];
	u32 fifo_head;
	u32 fifo_len;
	bool input_waits;
	bool irq;
};

static u32 serial_fifo_size(const struct serial *s)
{
	return (s->fcr & UART_FCR_ENABLE_FIFO) ? SERIAL_FIFO : 1;
}

/* The pending interrupt of highest priority, as IIR encodes it. */
static u8 serial_iir(const struct serial *s)
{
	if ((s->ier & UART_IER_RLSI) && s->overrun)
		return UART_IIR_RLSI;
	/* The line is instant, so a FIFO below its trigger level has timed out. */
	if ((s->ier & UART_IER_RDI) && s->fifo_len)
		return UART_IIR_RDI;
	if ((s->ier & UART_IER_THRI) && s->thr_empty)
		return UART_IIR_THRI;
	return UART_IIR_NO_INT;
}

/* After every access: the interrupt line, and room for input that waits. */
static void serial_update(struct serial *s)
{
	/* On a PC, OUT2 connects the chip's interrupt pin to the bus. */
	bool level = (s->mcr & UART_MCR_OUT2) && !(s->mcr & UART_MCR_LOOP) &&
		     serial_iir(s) != UART_IIR_NO_INT;

	if (level != s->irq) {
		s->irq = level;
		irq_set(s->vm, IRQ_SERIAL0, level);
	}
	if (s->input_waits && !s->fifo_len && !(s->mcr & UART_MCR_LOOP)) {
		s->input_waits = false;
		console_input_ready(s->con);
	}
}

static bool serial_receive(struct serial *s, u8 byte)
{
	if (s->fifo_len == serial_fifo_size(s))
		return false;
	s->fifo[(s->fifo_head + s->fifo_len++) % SERIAL_FIFO] = byte;
	return true;
}

static size_t serial_input(void *opaque, const u8 *buf, size_t len)
{
	struct serial *s = opaque;
	size_t taken = 0;

	pthread_mutex_lock(&s->lock);
	while (!(s->mcr & UART_MCR_LOOP) && taken < len && serial_receive(s, buf[taken]))
		taken++;
	s->input_waits = taken < len;
	serial_update(s);
	pthread_mutex_unlock(&s->lock);
	return taken;
}

static void serial_transmit(struct serial *s, u8 byte)
{
	if (!(s->mcr & UART_MCR_LOOP))
		console_output(s->con, &byte, 1);
	else if (!serial_receive(s, byte))
		s->overrun = true;
	s->thr_empty = true;
}

static u8 serial_read_data(struct serial *s)
{
	u8 byte;

	if (!s->fifo_len)
		return 0;
	byte = s->fifo[s->fifo_head];
	s->fifo_head = (s->fifo_head + 1) % SERIAL_FIFO;
	s->fifo_len--;
	return byte;
}

static u8 serial_read_lsr(struct serial *s)
{
	u8 lsr = UART_LSR_THRE | UART_LSR_TEMT;

	if (s->fifo_len)
		lsr |= UART_LSR_DR;
	if (s->overrun)
		lsr |= UART_LSR_OE;
	s->overrun = false;
	return lsr;
}

/* In loopback the four outputs are wired to the four inputs. */
static u8 serial_read_msr(const struct serial *s)
{
	u8 msr = 0;

	if (!(s->mcr & UART_MCR_LOOP))
		return SERIAL_MSR_LINES;
	if (s->mcr & UART_MCR_DTR)
		msr |= UART_MSR_DSR;
	if (s->mcr & UART_MCR_RTS)
		msr |= UART_MSR_CTS;
	if (s->mcr & UART_MCR_OUT1)
		msr |= UART_MSR_RI;
	if (s->mcr & UART_MCR_OUT2)
		msr |= UART_MSR_DCD;
	return msr;
}

static u8 serial_read_iir(struct serial *s)
{
	u8 iir = serial_iir(s);

	if (iir == UART_IIR_THRI)
		s->thr_empty = false;
	if (s->fcr & UART_FCR_ENABLE_FIFO)
		iir |= UART_IIR_FIFO_ENABLED_16550A;
	return iir;
}

static u8 serial_read_reg(struct serial *s, u64 reg)
{
	bool dlab = s->lcr & UART_LCR_DLAB;

	switch (reg) {
	case UART_RX:
		return dlab ? (u8)s->divisor : serial_read_data(s);
	case UART_IER:
		return dlab ? (u8)(s->divisor >> 8) : s->ier;
	case UART_IIR:
		return serial_read_iir(s);
	case UART_LCR:
		return s->lcr;
	case UART_MCR:
		return s->mcr;
	case UART_LSR:
		return serial_read_lsr(s);
	case UART_MSR:
		return serial_read_msr(s);
	default:
		return s->scr;
	}
}

static void serial_write_fcr(struct serial *s, u8 value)
{
	/* Switching the FIFO on or off empties it, as clearing it does. */
	if (((value ^ s->fcr) & UART_FCR_ENABLE_FIFO) || (value & UART_FCR_CLEAR_RCVR))
		s->fifo_len = 0;
	s->fcr = value & (UART_FCR_ENABLE_FIFO | UART_FCR_TRIGGER_MASK);
}

static void serial_write_ier(struct serial *s, u8 value)
{
	/* Enabling the interrupt while THR is empty, as it always is, raises it. */
	if (value & ~s->ier & UART_IER_THRI)
		s->thr_empty = true;
	s->ier = value & (UART_IER_MSI | UART_IER_RLSI | UART_IER_THRI | UART_IER_RDI);
}

static void serial_write_reg(struct serial *s, u64 reg, u8 value)
{
	bool dlab = s->lcr & UART_LCR_DLAB;

	switch (reg) {
	case UART_TX:
		if (dlab)
			s->divisor = (u16)((s->divisor & 0xff00) | value);
		else
			serial_transmit(s, value);
		break;
	case UART_IER:
		if (dlab)
			s->divisor = (u16)((s->divisor & 0x00ff) | value << 8);
		else
			serial_write_ier(s, value);
		break;
	case UART_FCR:
		serial_write_fcr(s, value);
		break;
	case UART_LCR:
		s->lcr = value;
		break;
	case UART_MCR:
		s->mcr = value & (UART_MCR_LOOP | UART_MCR_OUT2 | UART_MCR_OUT1 | UART_MCR_RTS |
				  UART_MCR_DTR);
		break;
	case UART_SCR:
		s->scr = value;
		break;
	}
}

/* The chip has byte registers; a wider access meets consecutive ones. */
static void serial_read(void *opaque, u64 off, u32 size, void *data)
{
	struct serial *s = opaque;
	u8 *out = data;
	u32 i;

	pthread_mutex_lock(&s->lock);
	for (i = 0; i < size; i++)
		out[i] = serial_read_reg(s, off + i);
	serial_update(s);
	pthread_mutex_unlock(&s->lock);
}

static void serial_write(void *opaque, u64 off, u32 size, const void *data)
{
	struct serial *s = opaque;
	const u8 *in = data;
	u32 i;

	pthread_mutex_lock(&s->lock);
	for (i = 0; i < size; i++)
		serial_write_reg(s, off + i, in[i]);
	serial_update(s);
	pthread_mutex_unlock(&s->lock);
}

static void serial_reset(struct device *dev)
{
	struct serial *s = container_of(dev, struct serial, dev);

	pthread_mutex_lock(&s->lock);
	s->divisor = SERIAL_DIVISOR;
	s->ier = 0;
	s->fcr = 0;
	s->lcr = UART_LCR_WLEN8;
	s->mcr = 0;
	s->scr = 0;
	s->overrun = false;
	s->thr_empty = false;
	s->fifo_head = 0;
	s->fifo_len = 0;
	s->irq = false;
	s->input_waits = false;
	pthread_mutex_unlock(&s->lock);
	console_input_ready(s->con);
}

static void serial_destroy(struct device *dev)
{
	struct serial *s = container_of(dev, struct serial, dev);

	bus_del(&s->vm->pio, &s->region);
	console_destroy(s->con);
	pthread_mutex_destroy(&s->lock);
	free(s);
}

int serial_create(struct vm *vm)
{
	struct serial *s;
	int ret;

	s = calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	s->vm = vm;
	s->con = console_create(vm, CONSOLE_SERIAL);
	if (!s->con) {
		free(s);
		return -ENOMEM;
	}
	console_set_input(s->con, serial_input, s);
	pthread_mutex_init(&s->lock, NULL);
	s->dev = (struct device){
		.name = "serial0",
		.reset = serial_reset,
		.destroy = serial_destroy,
	};
	serial_reset(&s->dev);
	s->region = (struct io_region){
		.base = SERIAL_PORT,
		.len = SERIAL_PORTS,
		.name = "serial0",
		.read = serial_read,
		.write = serial_write,
		.opaque = s,
	};
	ret = bus_add(&vm->pio, &s->region);
	if (ret) {
		log_err("serial port: %s", strerror(-ret));
		serial_destroy(&s->dev);
		return ret;
	}
	vm_add_device(vm, &s->dev);
	return 0;
}
