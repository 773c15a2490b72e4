/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Operations of an operating system, each repeated as often as it is asked to be.
 */
#ifndef BENCH_PVBENCH_H
#define BENCH_PVBENCH_H

#include <stdint.h>

/**
 * typedef op_fn - do an operation
 * @n: how many times
 *
 * Ends the program when something fails.
 */
typedef void op_fn(uint32_t n);

/* process.c: one turn is a process that is waited for. */
op_fn op_fork, op_exec;

/* memory.c: one turn is a page, or a signal. */
op_fn op_mmap_touch, op_fault, op_protection;

/* talk.c: one turn is a system call, a signal, a byte there and back. */
op_fn op_syscall, op_signal, op_pipe, op_pipe_alone, op_ring;

/** files() - the work of some clients of a file server, in directory @where */
void files(const char *where);

/** die() - end the program because @what failed, with errno's reason */
void die(const char *what) __attribute__((noreturn));

#endif /* BENCH_PVBENCH_H */
