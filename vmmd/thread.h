/* SPDX-License-Identifier: GPL-2.0 */
/* Threads of vmmd: named, small-stacked, deaf to signals, confined. */
#ifndef VMMD_THREAD_H
#define VMMD_THREAD_H

#include <pthread.h>

#include "sandbox.h"

/**
 * thread_start() - start a thread
 * @thread: out
 * @name: for ps and top, 15 bytes at most
 * @role: sandbox role it enters before @fn
 * @fn: its body
 * @opaque: argument of @fn
 *
 * All signals are blocked in the new thread, so that they reach the main
 * loop's signalfd; a vCPU thread unblocks its kick.
 * Return: 0 or a negative errno (logged).
 */
int thread_start(pthread_t *thread, const char *name, enum sandbox_role role, void (*fn)(void *),
		 void *opaque);

#endif /* VMMD_THREAD_H */
