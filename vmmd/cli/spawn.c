// SPDX-License-Identifier: GPL-2.0
/*
 * Starting vmmd.
 *
 * vmmd writes one line on a pipe when it is up ("ok ID") or cannot be ("error
 * TEXT"). One that dies before it could do so is told from its exit status and
 * from what it left on standard error, which is a memory file until vmmd has
 * its log: a pipe would break, and a terminal would not outlive the shell.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/spawn.h"

#define LINE_MAX_BYTES 4096

/* vmmd next to hvctl, as in a build directory, else from the PATH. */
static void find_vmmd(char path[PATH_MAX])
{
	ssize_t n = readlink("/proc/self/exe", path, PATH_MAX - sizeof("vmmd"));
	char *slash;

	path[n > 0 ? n : 0] = '\0';
	slash = strrchr(path, '/');
	if (slash) {
		strcpy(slash + 1, "vmmd");
		if (!access(path, X_OK))
			return;
	}
	strcpy(path, "vmmd");
}

static void run_vmmd(const struct spawn_options *options, int ready_fd, int err_fd)
{
	char path[PATH_MAX], fd_text[16];
	size_t n = 0, words = 0;
	sigset_t none;
	char **argv;

	while (options->overrides && options->overrides[words])
		words++;
	argv = calloc(words + 16, sizeof(*argv));
	if (!argv)
		_exit(127);
	find_vmmd(path);
	snprintf(fd_text, sizeof(fd_text), "%d", ready_fd);
	argv[n++] = path;
	argv[n++] = (char *)"--ready-fd";
	argv[n++] = fd_text;
	if (options->device) {
		argv[n++] = (char *)"--device";
		argv[n++] = (char *)options->device;
	}
	if (options->paused)
		argv[n++] = (char *)"--paused";
	if (options->restore) {
		argv[n++] = (char *)"--restore";
		argv[n++] = (char *)options->restore;
	}
	if (options->no_sandbox)
		argv[n++] = (char *)"--no-sandbox";
	argv[n++] = (char *)"--";
	argv[n++] = (char *)options->file;
	for (size_t i = 0; i < words; i++)
		argv[n++] = options->overrides[i];

	/* A session of its own: no terminal, no signal of the shell reaches it. */
	setsid();
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	dup2(open("/dev/null", O_RDONLY), STDIN_FILENO);
	dup2(err_fd, STDOUT_FILENO);
	dup2(err_fd, STDERR_FILENO);
	fcntl(ready_fd, F_SETFD, 0);
	execvp(path, argv);
	dprintf(STDERR_FILENO, "hvctl: cannot run %s: %s\n", path, strerror(errno));
	_exit(127);
}

static volatile sig_atomic_t interrupted;

static void on_signal(int sig)
{
	interrupted = sig;
}

/* Ctrl-C while a guest is being made unmakes it; it is not in our session. */
static void catch_signals(bool on)
{
	struct sigaction action = {.sa_handler = on ? on_signal : SIG_DFL};

	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGHUP, &action, NULL);
}

/* Reads one line without its end; false when there is none. */
static bool read_line(int fd, char *line, size_t size)
{
	size_t got = 0;
	char *end;
	ssize_t n;

	while (got < size - 1) {
		n = read(fd, line + got, size - 1 - got);
		if (n < 0 && errno == EINTR && !interrupted)
			continue;
		if (n <= 0)
			break;
		got += (size_t)n;
		if (memchr(line + got - n, '\n', (size_t)n))
			break;
	}
	line[got] = '\0';
	end = strchr(line, '\n');
	if (end)
		*end = '\0';
	return end;
}

/* vmmd died without a word on the pipe. */
static void tell_death(pid_t pid, int err_fd)
{
	char text[LINE_MAX_BYTES];
	int status = 0;
	ssize_t n;

	if (waitpid(pid, &status, 0) == pid && WIFSIGNALED(status))
		cli_error("vmmd was killed by signal %d (%s)", WTERMSIG(status),
			  strsignal(WTERMSIG(status)));
	else
		cli_error("vmmd ended before the guest was there, status %d", WEXITSTATUS(status));
	n = pread(err_fd, text, sizeof(text), 0);
	if (n > 0 && write(STDERR_FILENO, text, (size_t)n) < 0)
		return;
}

int spawn_vmmd(const struct spawn_options *options, unsigned int *id)
{
	char line[LINE_MAX_BYTES];
	int ready[2], err_fd, status = EXIT_FAILED;
	pid_t pid;

	err_fd = memfd_create("stderr", MFD_CLOEXEC);
	if (err_fd < 0 || pipe2(ready, O_CLOEXEC)) {
		cli_error("cannot start vmmd: %s", strerror(errno));
		if (err_fd >= 0)
			close(err_fd);
		return EXIT_FAILED;
	}
	fflush(stdout);
	catch_signals(true);
	pid = fork();
	if (!pid)
		run_vmmd(options, ready[1], err_fd);
	close(ready[1]);
	if (pid < 0) {
		cli_error("cannot start vmmd: %s", strerror(errno));
	} else if (!read_line(ready[0], line, sizeof(line))) {
		if (interrupted) {
			kill(pid, SIGTERM);
			waitpid(pid, NULL, 0);
			cli_error("interrupted, the guest was not made");
		} else {
			tell_death(pid, err_fd);
		}
	} else if (sscanf(line, "ok %u", id) == 1) {
		status = EXIT_OK;
	} else {
		cli_error("%s", strncmp(line, "error ", 6) ? line : line + 6);
		waitpid(pid, NULL, 0);
	}
	catch_signals(false);
	close(ready[0]);
	close(err_fd);
	return status;
}
