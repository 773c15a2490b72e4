/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A guest console's far end: keeps the last output, feeds a pty and any number
 * of attached clients, and carries their input to the device. The device side
 * (serial.c, virtio console, xen/pvconsole.c) runs in any thread, the rest on the main loop.
 */
#ifndef VMMD_CONSOLE_H
#define VMMD_CONSOLE_H

#include "types.h"

struct vm;
struct console;

/* Kinds of console, as in `hvctl console -t` */
enum console_kind { CONSOLE_SERIAL, CONSOLE_VIRTIO, CONSOLE_PV, CONSOLE_KINDS };

#define CONSOLE_RING_BYTES (16 * KIB)

/**
 * console_create() - make a console on the main loop and put it in vm->console
 * @vm: the VM
 * @kind: which
 *
 * Return: the console, or NULL (logged).
 */
struct console *console_create(struct vm *vm, enum console_kind kind);

/** console_destroy() - hang up on everybody; NULL is ignored */
void console_destroy(struct console *con);

/**
 * console_set_input() - who takes what users type
 * @con: the console
 * @fn: takes up to @len bytes and returns how many it took; the rest is
 *	offered again after console_input_ready(). Called on the main loop with
 *	no lock of the console held.
 * @opaque: its argument
 *
 * Context: start-up.
 */
void console_set_input(struct console *con, size_t (*fn)(void *opaque, const u8 *buf, size_t len),
		       void *opaque);

/** console_input_ready() - the device has room again; any thread */
void console_input_ready(struct console *con);

/**
 * console_output() - what the guest wrote
 * @con: the console
 * @buf: bytes
 * @len: how many
 *
 * Never waits: a client that does not read loses output, the ring keeps the
 * last CONSOLE_RING_BYTES. Context: any thread.
 */
void console_output(struct console *con, const void *buf, size_t len);

/**
 * console_attach() - connect a client
 * @con: the console
 * @fd: connected stream socket or tty, made non-blocking; the console owns it
 *	from now on, whatever the result
 * @backlog: send what the ring holds first
 *
 * End of file detaches. Context: main thread. Return: 0 or a negative errno.
 */
int console_attach(struct console *con, int fd, bool backlog);

/**
 * console_pty() - path of the slave of the console's pty
 * @con: the console
 *
 * Return: the path, or NULL when the host gave no pty.
 */
const char *console_pty(const struct console *con);

#endif /* VMMD_CONSOLE_H */
