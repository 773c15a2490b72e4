/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The terminal's end of a guest's console.
 */
#ifndef HVCTL_CONSOLE_H
#define HVCTL_CONSOLE_H

struct json_object;

/**
 * console_request - what to ask a vmmd for
 * @type: which console, or NULL for the one the guest uses
 *
 * The size of our terminal goes along, for a console that has a use for it.
 *
 * Return: the request.
 */
struct json_object *console_request(const char *type);

/**
 * console_relay - be the terminal of a console until Ctrl-] or its end
 * @name: the guest, for messages
 * @fd: the console, from its vmmd
 *
 * Return: an exit status.
 */
int console_relay(const char *name, int fd);

#endif /* HVCTL_CONSOLE_H */
