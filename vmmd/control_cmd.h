/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The requests of the control socket, apart from its transport.
 */
#ifndef VMMD_CONTROL_CMD_H
#define VMMD_CONTROL_CMD_H

#include <json-c/json.h>
#include <stdbool.h>

struct vm;

/**
 * struct control_answer - what a request leads to
 * @json: the answer, filled in by the request; owned by the transport
 * @fd: descriptor to pass along, -1 for none; owned by the transport
 * @subscribe: the client wants events from now on
 * @event: told to all subscribers after the answer, NULL for none
 */
struct control_answer {
	struct json_object *json;
	int fd;
	bool subscribe;
	const char *event;
};

/**
 * control_command - carry out one request
 * @vm: the guest
 * @request: the parsed packet
 * @answer: in: json an empty object, fd -1; out: filled in
 *
 * Context: main thread; never waits for the guest or a client.
 */
void control_command(struct vm *vm, struct json_object *request, struct control_answer *answer);

#endif /* VMMD_CONTROL_CMD_H */
