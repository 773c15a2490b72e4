/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The requests of the control socket, apart from its transport.
 *
 * control_cmd.c	status, the guest's life, consoles
 * control_guest.c	its memory, vCPUs, keys and buttons
 * control_device.c	its disks and network cards
 * control_save.c	files that are written of it
 */
#ifndef VMMD_CONTROL_CMD_H
#define VMMD_CONTROL_CMD_H

#include <json-c/json.h>
#include <stdbool.h>

#include "types.h"

struct vm;

/* Descriptors that a request may bring along. */
#define CONTROL_FILES 3

/**
 * struct control_answer - what a request leads to
 * @json: the answer, filled in by the request; owned by the transport
 * @fd: descriptor to pass along, -1 for none; owned by the transport
 * @files: in: descriptors that came with the request, -1 for none; anything may
 *	   be behind them. Owned by the transport.
 * @subscribe: the client wants events from now on
 * @event: told to all subscribers after the answer, NULL for none
 */
struct control_answer {
	struct json_object *json;
	int fd;
	int files[CONTROL_FILES];
	bool subscribe;
	const char *event;
};

/** typedef control_fn - carry out one request; control_command() tells the rest */
typedef void control_fn(struct vm *vm, struct json_object *request, struct control_answer *answer);

/**
 * struct control_verb - a request
 * @name: its "cmd"; NULL ends a table
 * @run: carries it out
 */
struct control_verb {
	const char *name;
	control_fn *run;
};

extern const struct control_verb control_guest_verbs[];
extern const struct control_verb control_device_verbs[];
extern const struct control_verb control_save_verbs[];

/**
 * control_command - carry out one request
 * @vm: the guest
 * @request: the parsed packet
 * @answer: in: json an empty object, fd -1, files; out: filled in
 *
 * Context: main thread; never waits for the guest or a client.
 */
void control_command(struct vm *vm, struct json_object *request, struct control_answer *answer);

/** control_error - the answer is no, in one line */
void control_error(struct control_answer *answer, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/** control_text - a member that is a text, or NULL */
const char *control_text(struct json_object *request, const char *key);

/** control_flag - a member that is true */
bool control_flag(struct json_object *request, const char *key);

/**
 * control_number - a member that is a number
 * @request: the packet
 * @key: of the member
 * @max: largest that makes sense
 * @value: out, from 0
 *
 * Return: whether there is one.
 */
bool control_number(struct json_object *request, const char *key, u64 max, u64 *value);

/** control_put_u64 - add a number */
void control_put_u64(struct json_object *to, const char *key, u64 value);

/** control_put_text - add a text; NULL is null */
void control_put_text(struct json_object *to, const char *key, const char *value);

#endif /* VMMD_CONTROL_CMD_H */
