// SPDX-License-Identifier: GPL-2.0
/* A process that talks to its kernel, to itself, and to others by pipes. */
#include "pvbench.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* How many processes hand on a token. */
#define RING 8

void op_syscall(uint32_t n)
{
	while (n--)
		syscall(SYS_getppid);
}

static volatile sig_atomic_t seen;

static void count(int signal)
{
	(void)signal;
	seen++;
}

void op_signal(uint32_t n)
{
	struct sigaction action = {.sa_handler = count};
	pid_t self = getpid();

	sigaction(SIGUSR1, &action, NULL);
	while (n--)
		kill(self, SIGUSR1);
}

static void send_byte(int fd)
{
	char c = 0;

	if (write(fd, &c, 1) != 1)
		die("write to a pipe");
}

static void receive_byte(int fd)
{
	char c;

	if (read(fd, &c, 1) != 1)
		die("read from a pipe");
}

static void new_pipe(int fds[2])
{
	if (pipe(fds))
		die("pipe");
}

/* A process that passes bytes on, as long as its parent lives. */
static void relay(int from, int to)
{
	pid_t pid = fork();

	if (pid < 0)
		die("fork");
	if (pid)
		return;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (;;) {
		receive_byte(from);
		send_byte(to);
	}
}

/* Through the pipe of one process: what handing on costs without a switch. */
void op_pipe_alone(uint32_t n)
{
	static int fds[2];

	if (!fds[1])
		new_pipe(fds);
	while (n--) {
		send_byte(fds[1]);
		receive_byte(fds[0]);
	}
}

/* To another process and back: two switches. */
void op_pipe(uint32_t n)
{
	static int there[2], back[2];

	if (!there[1]) {
		new_pipe(there);
		new_pipe(back);
		relay(there[0], back[1]);
	}
	while (n--) {
		send_byte(there[1]);
		receive_byte(back[0]);
	}
}

/* From process to process, in a ring; n is a multiple of its length. */
void op_ring(uint32_t n)
{
	static int fds[RING][2];
	int i;

	if (!fds[0][1]) {
		for (i = 0; i < RING; i++)
			new_pipe(fds[i]);
		for (i = 1; i < RING; i++)
			relay(fds[i - 1][0], fds[i][1]);
	}
	for (; n >= RING; n -= RING) {
		send_byte(fds[0][1]);
		receive_byte(fds[RING - 1][0]);
	}
}
