// SPDX-License-Identifier: GPL-2.0
/* Processes that are born and die. */
#include "pvbench.h"

#include <errno.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static void reap(pid_t pid)
{
	int status;

	if (waitpid(pid, &status, 0) != pid)
		die("waitpid");
	if (status) {
		errno = ECHILD;
		die("a child");
	}
}

void op_fork(uint32_t n)
{
	pid_t pid;

	while (n--) {
		pid = fork();
		if (pid < 0)
			die("fork");
		if (!pid)
			_exit(0);
		reap(pid);
	}
}

/* The program is this one: static, and done at once. */
void op_exec(uint32_t n)
{
	char *argv[] = {"pvbench", "true", NULL};
	pid_t pid;

	while (n--) {
		pid = fork();
		if (pid < 0)
			die("fork");
		if (!pid) {
			execve("/proc/self/exe", argv, environ);
			_exit(127);
		}
		reap(pid);
	}
}
