/* SPDX-License-Identifier: GPL-2.0 */
/*
 * System call filters, one for each thread role.
 */
#ifndef VMMD_SANDBOX_FILTER_H
#define VMMD_SANDBOX_FILTER_H

#include "sandbox.h"

/**
 * sandbox_filters_build - compile the filters of all roles and the table of names
 *
 * Compiling costs far more than loading, so it is done once and the threads
 * load what was made here. Context: once, no other thread exists.
 * Return: 0 or a negative errno (logged).
 */
int sandbox_filters_build(void);

/**
 * sandbox_filter_load - put the calling thread under its role's filter
 *
 * What was loaded before stays in force: the sum of all filters decides.
 * Return: 0 or a negative errno.
 */
int sandbox_filter_load(enum sandbox_role role);

/** sandbox_syscall_name - name of system call @nr; async-signal-safe */
const char *sandbox_syscall_name(int nr);

#endif /* VMMD_SANDBOX_FILTER_H */
