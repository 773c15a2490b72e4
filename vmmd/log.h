/* SPDX-License-Identifier: GPL-2.0 */
/*
 * One-line messages on standard error, which vmmd points at the domain's log
 * file once it has one. Each call is one write(2), so lines of different
 * threads never mix, and nothing else is needed inside the sandbox.
 */
#ifndef VMMD_LOG_H
#define VMMD_LOG_H

#include <stdarg.h>
#include <stdbool.h>

struct vm;

#define LOG_LINE_MAX 512

/**
 * log_init() - name the program and, once known, the domain
 * @prefix: text that starts every line, e.g. "vmmd" or "vmmd[web]"; copied
 * @timestamps: put seconds since boot before the prefix (log files)
 *
 * Context: start-up only, before other threads exist.
 */
void log_init(const char *prefix, bool timestamps);

/**
 * log_err() - what failed; log_warn(): what is odd; log_info(): what happened
 * @fmt: printf format, no trailing newline; lines are cut at LOG_LINE_MAX
 *
 * Start-up code reports its failure by exactly one log_err() and a negative
 * errno: the first line is what `hvctl create` shows (log_first_error()).
 * Context: any thread.
 */
void log_err(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_warn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_info(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/**
 * log_first_error() - text of the first log_err() since start, "" if none
 *
 * Context: main thread, while no other thread may fail (start-up).
 */
const char *log_first_error(void);

/**
 * guest_fail() - the guest did something it cannot go on from
 * @vm: the guest
 * @fmt: printf format: what it did, without newline
 *
 * The first reason wins and is logged; the guest ends as a crash (on_crash)
 * as soon as the main loop sees the request. The call returns: the caller
 * drops what it was doing and needs no other error path.
 * Context: any thread, any locks but those of vm_request().
 */
void guest_fail(struct vm *vm, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif /* VMMD_LOG_H */
