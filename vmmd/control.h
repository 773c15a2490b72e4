/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The control socket: how `hvctl` talks to a guest's vmmd.
 *
 * SOCK_SEQPACKET, one JSON object per packet, one answer per request.
 * Documentation/control.md lists the requests. The server lives on the main
 * loop and never waits: an answer that does not fit into the client's socket
 * buffer at once ends that client.
 */
#ifndef VMMD_CONTROL_H
#define VMMD_CONTROL_H

#include "runtime.h"

struct vm;
struct control;

#define CONTROL_PACKET_MAX  32768 /* bytes, either direction */
#define CONTROL_CLIENTS_MAX 16

/**
 * control_create - open the control socket and serve it on the main loop
 * @vm: the guest
 * @rt: its claimed place
 *
 * Only the user who started vmmd and root are served.
 *
 * Return: the server, or NULL with errno set.
 */
struct control *control_create(struct vm *vm, struct runtime *rt);

/**
 * control_event - tell the subscribed clients what happened
 * @ctl: the server, NULL is fine
 * @event: one of created, paused, resumed, shutdown, reboot, crashed, destroyed,
 *	   saved, save-failed, dumped, dump-failed
 * @reason: one line, or NULL
 *
 * Context: main thread.
 */
void control_event(struct control *ctl, const char *event, const char *reason);

/** control_destroy - say goodbye to all clients and close; NULL is fine */
void control_destroy(struct control *ctl);

#endif /* VMMD_CONTROL_H */
