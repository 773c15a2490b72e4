/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The terminal's end of a guest's console.
 */
#ifndef HVCTL_CONSOLE_H
#define HVCTL_CONSOLE_H

/**
 * console_relay - be the terminal of a console until Ctrl-] or its end
 * @name: the guest, for messages
 * @fd: the console, from its vmmd
 *
 * Return: an exit status.
 */
int console_relay(const char *name, int fd);

#endif /* HVCTL_CONSOLE_H */
