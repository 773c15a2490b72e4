// SPDX-License-Identifier: GPL-2.0
/*
 * How long a guest takes from the start of a command to a line on its console.
 *
 * Prints the ticks of the TSC between the fork of the command and the arrival
 * of the text, less those in which the host's CPUs had nothing to do: under
 * -icount, instructions. Needs one CPU to mean anything.
 *
 * The command has a terminal of its own. What --then gives is run by the shell
 * while the guest lives; then the command is ended.
 */
#include <errno.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <x86intrin.h>

#define PATIENCE_MS 120000

/* Idle time of all CPUs in nanoseconds; /proc/stat counts in 1/CLK_TCK s. */
static uint64_t idle_ns(void)
{
	unsigned long long idle = 0, iowait = 0;
	FILE *f = fopen("/proc/stat", "re");

	if (!f || fscanf(f, "cpu %*u %*u %*u %llu %llu", &idle, &iowait) != 2) {
		fprintf(stderr, "launch: cannot read /proc/stat\n");
		exit(1);
	}
	fclose(f);
	return (idle + iowait) * (1000000000ULL / (unsigned long long)sysconf(_SC_CLK_TCK));
}

/* The TSC's rate, so that idle time can be told in ticks. */
static double ticks_per_ns(void)
{
	struct timespec a, b;
	uint64_t start, end;

	clock_gettime(CLOCK_MONOTONIC_RAW, &a);
	start = __rdtsc();
	do {
		clock_gettime(CLOCK_MONOTONIC_RAW, &b);
		end = __rdtsc();
	} while (end - start < 20000000);
	return (double)(end - start) /
	       ((double)(b.tv_sec - a.tv_sec) * 1e9 + (double)(b.tv_nsec - a.tv_nsec));
}

/* Copy the terminal to stderr until text has come. */
static int wait_for(int fd, const char *text)
{
	struct pollfd poller = {.fd = fd, .events = POLLIN};
	static char seen[1 << 20];
	size_t len = 0;
	ssize_t n;

	while (len < sizeof(seen) - 1 && poll(&poller, 1, PATIENCE_MS) > 0) {
		n = read(fd, seen + len, sizeof(seen) - 1 - len);
		if (n <= 0)
			break;
		len += (size_t)n;
		seen[len] = 0;
		if (strstr(seen, text))
			return 0;
	}
	fwrite(seen, 1, len, stderr);
	return -1;
}

int main(int argc, char **argv)
{
	const char *then = NULL;
	uint64_t start, end, idle;
	double rate;
	int arg = 1, fd, failed;
	pid_t pid;

	if (argc > 3 && !strcmp(argv[1], "--then")) {
		then = argv[2];
		arg = 3;
	}
	if (argc < arg + 2) {
		fprintf(stderr, "usage: launch [--then SHELL-COMMAND] TEXT COMMAND [ARG]...\n");
		return 2;
	}
	rate = ticks_per_ns();
	idle = idle_ns();
	start = __rdtsc();
	pid = forkpty(&fd, NULL, NULL, NULL);
	if (pid < 0) {
		fprintf(stderr, "launch: forkpty: %s\n", strerror(errno));
		return 1;
	}
	if (!pid) {
		execvp(argv[arg + 1], argv + arg + 1);
		fprintf(stderr, "launch: %s: %s\n", argv[arg + 1], strerror(errno));
		_exit(127);
	}
	failed = wait_for(fd, argv[arg]);
	end = __rdtsc();
	idle = idle_ns() - idle;
	if (!failed) {
		printf("%.0f\n", (double)(end - start) - (double)idle * rate);
		fflush(stdout);
		failed = then && system(then);
	}
	kill(pid, SIGTERM);
	waitpid(pid, NULL, 0);
	return failed ? 1 : 0;
}
