// SPDX-License-Identifier: GPL-2.0
/*
 * An 8042 that passes its self test, answers for its configuration byte and
 * pulses the reset line. Nothing is plugged into its ports.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "i8042.h"
#include "vm.h"

#define I8042_DATA    0x60
#define I8042_COMMAND 0x64

#define STATUS_OUTPUT_FULL (1U << 0)
#define STATUS_SYSTEM	   (1U << 2)
#define STATUS_COMMAND	   (1U << 3)

#define CMD_READ_CONFIG	 0x20
#define CMD_WRITE_CONFIG 0x60
#define CMD_SELF_TEST	 0xaa
#define CMD_TEST_PORT	 0xab
#define CMD_READ_OUTPUT	 0xd0
#define CMD_WRITE_OUTPUT 0xd1
/* Commands F0-FF pulse the output lines whose bit is 0; bit 0 is reset. */
#define CMD_PULSE	   0xf0
#define CMD_PULSE_NO_RESET 0x01

#define REPLY_SELF_TEST 0x55
#define REPLY_PORT_OK	0x00
#define OUTPUT_RUN	(1U << 0)
#define OUTPUT_A20	(1U << 1)

/**
 * struct i8042 - the controller
 * @dev: entry of the device list
 * @vm: constant
 * @data: port 0x60
 * @command: port 0x64
 * @lock: guards what follows
 * @config: configuration byte
 * @reply: byte for the guest to read
 * @full: @reply has not been read
 * @last: command that waits for its data byte, or 0
 */
struct i8042 {
	struct device dev;
	struct vm *vm;
	struct io_region data;
	struct io_region command;
	pthread_mutex_t lock;
	u8 config;
	u8 reply;
	bool full;
	u8 last;
};

static void i8042_reply(struct i8042 *kbc, u8 byte)
{
	kbc->reply = byte;
	kbc->full = true;
}

static void i8042_read_data(void *opaque, u64 off, u32 size, void *data)
{
	struct i8042 *kbc = opaque;

	(void)off;
	memset(data, 0, size);
	pthread_mutex_lock(&kbc->lock);
	*(u8 *)data = kbc->reply;
	kbc->full = false;
	pthread_mutex_unlock(&kbc->lock);
}

static void i8042_read_status(void *opaque, u64 off, u32 size, void *data)
{
	struct i8042 *kbc = opaque;

	(void)off;
	memset(data, 0, size);
	pthread_mutex_lock(&kbc->lock);
	*(u8 *)data = STATUS_SYSTEM | STATUS_COMMAND | (kbc->full ? STATUS_OUTPUT_FULL : 0);
	pthread_mutex_unlock(&kbc->lock);
}

static void i8042_write_data(void *opaque, u64 off, u32 size, const void *data)
{
	struct i8042 *kbc = opaque;
	u8 value = *(const u8 *)data;
	bool reset = false;

	(void)off;
	(void)size;
	pthread_mutex_lock(&kbc->lock);
	if (kbc->last == CMD_WRITE_CONFIG)
		kbc->config = value;
	else if (kbc->last == CMD_WRITE_OUTPUT)
		reset = !(value & OUTPUT_RUN);
	kbc->last = 0;
	pthread_mutex_unlock(&kbc->lock);
	if (reset)
		vm_request(kbc->vm, VM_REBOOT, "the guest reset itself");
}

static void i8042_write_command(void *opaque, u64 off, u32 size, const void *data)
{
	struct i8042 *kbc = opaque;
	u8 cmd = *(const u8 *)data;
	bool reset = false;

	(void)off;
	(void)size;
	pthread_mutex_lock(&kbc->lock);
	kbc->last = 0;
	switch (cmd) {
	case CMD_READ_CONFIG:
		i8042_reply(kbc, kbc->config);
		break;
	case CMD_WRITE_CONFIG:
	case CMD_WRITE_OUTPUT:
		kbc->last = cmd;
		break;
	case CMD_SELF_TEST:
		i8042_reply(kbc, REPLY_SELF_TEST);
		break;
	case CMD_TEST_PORT:
		i8042_reply(kbc, REPLY_PORT_OK);
		break;
	case CMD_READ_OUTPUT:
		i8042_reply(kbc, OUTPUT_RUN | OUTPUT_A20);
		break;
	default:
		reset = cmd >= CMD_PULSE && !(cmd & CMD_PULSE_NO_RESET);
	}
	pthread_mutex_unlock(&kbc->lock);
	if (reset)
		vm_request(kbc->vm, VM_REBOOT, "the guest reset itself");
}

static void i8042_reset(struct device *dev)
{
	struct i8042 *kbc = container_of(dev, struct i8042, dev);

	pthread_mutex_lock(&kbc->lock);
	kbc->config = 0;
	kbc->reply = 0;
	kbc->full = false;
	kbc->last = 0;
	pthread_mutex_unlock(&kbc->lock);
}

static void i8042_destroy(struct device *dev)
{
	struct i8042 *kbc = container_of(dev, struct i8042, dev);

	bus_del(&kbc->vm->pio, &kbc->data);
	bus_del(&kbc->vm->pio, &kbc->command);
	pthread_mutex_destroy(&kbc->lock);
	free(kbc);
}

int i8042_create(struct vm *vm)
{
	struct i8042 *kbc;
	int ret;

	kbc = calloc(1, sizeof(*kbc));
	if (!kbc)
		return -ENOMEM;
	kbc->vm = vm;
	pthread_mutex_init(&kbc->lock, NULL);
	kbc->dev = (struct device){
		.name = "i8042",
		.reset = i8042_reset,
		.destroy = i8042_destroy,
	};
	kbc->data = (struct io_region){
		.base = I8042_DATA,
		.len = 1,
		.name = "i8042",
		.read = i8042_read_data,
		.write = i8042_write_data,
		.opaque = kbc,
	};
	kbc->command = (struct io_region){
		.base = I8042_COMMAND,
		.len = 1,
		.name = "i8042",
		.read = i8042_read_status,
		.write = i8042_write_command,
		.opaque = kbc,
	};
	ret = bus_add(&vm->pio, &kbc->data);
	if (!ret)
		ret = bus_add(&vm->pio, &kbc->command);
	if (ret) {
		log_err("i8042: %s", strerror(-ret));
		i8042_destroy(&kbc->dev);
		return ret;
	}
	vm_add_device(vm, &kbc->dev);
	return 0;
}
