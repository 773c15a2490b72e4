/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Starting vmmd, detached, and hearing whether it came up.
 */
#ifndef HVCTL_SPAWN_H
#define HVCTL_SPAWN_H

#include <stdbool.h>

/**
 * struct spawn_options - how to start a guest
 * @file: its configuration; "-" for the one in @restore
 * @restore: file that it was saved to, or NULL
 * @overrides: NULL-terminated key=value words
 * @device: node of the KVM ABI, or NULL
 * @paused: do not let it run yet
 * @no_sandbox: debugging
 */
struct spawn_options {
	const char *file;
	const char *restore;
	char *const *overrides;
	const char *device;
	bool paused;
	bool no_sandbox;
};

/**
 * spawn_vmmd - start vmmd and wait until the guest is there or is not
 * @options: what to start
 * @id: the guest's number on success
 *
 * Return: an exit status; failure is told.
 */
int spawn_vmmd(const struct spawn_options *options, unsigned int *id);

#endif /* HVCTL_SPAWN_H */
