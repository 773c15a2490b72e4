// SPDX-License-Identifier: GPL-2.0
/*
 * What the services of a kernel cost, wherever that kernel runs.
 *
 * Each line of output is the name of an operation, a tab, and the ticks of the
 * TSC that it takes, all layers below included. In an emulator that counts
 * instructions a tick is an instruction.
 *
 * Each operation runs a small and a large number of times, and the difference
 * of the times over that of the numbers is the result: what start and end cost
 * drops out. Of several such results the median is printed, which leaves out
 * what the kernel does now and then on its own.
 */
#include "pvbench.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <x86intrin.h>

#define ROUNDS 7

static const struct op {
	const char *name;
	op_fn *fn;
	uint32_t few, many;
	/* Named without being printed: what another one has to be rid of. */
	int hidden;
} ops[] = {
	{"syscall", op_syscall, 200, 2200, 0},
	{"signal", op_signal, 100, 1100, 0},
	{"pipe", op_pipe, 50, 550, 0},
	{"fork", op_fork, 5, 55, 0},
	{"exec", op_exec, 5, 55, 0},
	{"mmap-touch", op_mmap_touch, 256, 2304, 0},
	{"fault", op_fault, 256, 2304, 0},
	{"protection", op_protection, 100, 1100, 0},
	{"pipe-alone", op_pipe_alone, 50, 550, 1},
	{"switch", op_ring, 160, 1760, 0},
};

#define OPS (sizeof(ops) / sizeof(ops[0]))

void die(const char *what)
{
	fprintf(stderr, "pvbench: %s: %s\n", what, strerror(errno));
	exit(1);
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static uint64_t timed(op_fn *fn, uint32_t n)
{
	uint64_t start = __rdtsc();

	fn(n);
	return __rdtsc() - start;
}

static double measure(const struct op *op)
{
	double result[ROUNDS];
	uint64_t few, many;
	int i;

	op->fn(op->few); /* fills caches and pools */
	for (i = 0; i < ROUNDS; i++) {
		few = timed(op->fn, op->few);
		many = timed(op->fn, op->many);
		result[i] = ((double)many - (double)few) / (op->many - op->few);
	}
	qsort(result, ROUNDS, sizeof(result[0]), by_value);
	return result[ROUNDS / 2];
}

static void all(void)
{
	double value, pipe_alone = 0;
	size_t i;

	for (i = 0; i < OPS; i++) {
		value = measure(&ops[i]);
		if (ops[i].hidden)
			pipe_alone = value;
		else if (ops[i].fn == op_ring)
			value -= pipe_alone; /* to hand on the token is not to switch */
		if (!ops[i].hidden)
			printf("%s\t%.0f\n", ops[i].name, value);
	}
}

/* A whole command, as it comes: it is long enough. */
static int job(const char *name, char **command)
{
	uint64_t start = __rdtsc();
	pid_t pid = fork();
	int status;

	if (!pid) {
		int null = open("/dev/null", O_WRONLY | O_CLOEXEC);

		dup2(null, STDOUT_FILENO);
		execvp(command[0], command);
		die(command[0]);
	}
	if (pid < 0 || waitpid(pid, &status, 0) < 0)
		die("fork");
	printf("%s\t%.0f\n", name, (double)(__rdtsc() - start));
	return status ? 1 : 0;
}

int main(int argc, char **argv)
{
	static char buffer[4096];

	if (argc > 1 && !strcmp(argv[1], "true")) /* what op_exec() starts */
		return 0;
	if (argc > 3 && !strcmp(argv[1], "job"))
		return job(argv[2], argv + 3);
	if (argc == 3 && !strcmp(argv[1], "files")) {
		files(argv[2]);
		return 0;
	}
	if (argc > 1) {
		fprintf(stderr, "usage: pvbench [job NAME COMMAND [ARG]... | files DIR]\n");
		return 2;
	}
	/* A console at work would be measured, too. */
	setvbuf(stdout, buffer, _IOFBF, sizeof(buffer));
	all();
	return 0;
}
