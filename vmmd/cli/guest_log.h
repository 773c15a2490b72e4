/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Logs of guests, alive or gone.
 */
#ifndef HVCTL_GUEST_LOG_H
#define HVCTL_GUEST_LOG_H

#include <stdbool.h>
#include <stdio.h>

/** log_tail - print the last lines of the guest's log to @out */
void log_tail(const char *name, FILE *out);

/** log_has_error - whether the guest's log tells of an error */
bool log_has_error(const char *name);

#endif /* HVCTL_GUEST_LOG_H */
