// SPDX-License-Identifier: GPL-2.0
/*
 * Opening the host's end of a network card, and what its kinds share.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "config.h"
#include "net.h"

/**
 * net_error_set - put a sentence into @err
 * @err: filled; longer text is cut
 * @ret: what to return
 * @fmt: the sentence, without newline
 *
 * Return: @ret.
 */
int net_error_set(struct net_error *err, int ret, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(err->text, sizeof(err->text), fmt, ap);
	va_end(ap);
	return ret;
}

/*
 * Keeps one line of what the program wrote: the one that speaks of an error,
 * or the last, where programs that do not use the word tell the cause.
 */
static void telling_line(char *text)
{
	size_t len = strlen(text);
	char *word, *line, *end;

	while (len && (text[len - 1] == '\n' || text[len - 1] == ' '))
		text[--len] = '\0';
	word = strcasestr(text, "error");
	end = word ? strchr(word, '\n') : NULL;
	if (end)
		*end = '\0';
	line = word ? memrchr(text, '\n', word - text) : strrchr(text, '\n');
	if (line)
		memmove(text, line + 1, strlen(line + 1) + 1);
}

/*
 * Reads what a program writes to its standard error until it has ended. A
 * daemon may hold on to the pipe, so the end of the first process counts and
 * not the end of the file.
 */
static int collect(pid_t pid, int fd, char *text, size_t size)
{
	size_t len = 0;
	int status;
	pid_t done;

	do {
		struct pollfd p = {.fd = fd, .events = POLLIN};
		char buf[256];
		ssize_t n;

		done = waitpid(pid, &status, WNOHANG);
		poll(&p, 1, 20);
		/* What does not fit is read all the same, or the program waits. */
		while ((n = read(fd, buf, sizeof(buf))) > 0) {
			if ((size_t)n > size - 1 - len)
				n = size - 1 - len;
			memcpy(text + len, buf, n);
			len += n;
		}
	} while (!done || (done < 0 && errno == EINTR));
	text[len] = '\0';
	telling_line(text);
	return done < 0 ? -errno : status;
}

/**
 * net_run - run a program and wait for it
 * @argv: as for execvp()
 * @envp: as for execve()
 * @err: filled on failure, with what the program had to say
 *
 * A program that goes to the background by itself is waited for until it
 * has done so.
 *
 * Return: 0; -ENOENT when there is no such program; -EIO when it failed.
 */
int net_run(char *const argv[], char *const envp[], struct net_error *err)
{
	posix_spawn_file_actions_t fa;
	char text[2048];
	int pipefd[2];
	pid_t pid;
	int ret;

	if (pipe2(pipefd, O_CLOEXEC | O_NONBLOCK))
		return net_error_set(err, -errno, "pipe: %s", strerror(errno));
	posix_spawn_file_actions_init(&fa);
	posix_spawn_file_actions_addopen(&fa, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_addopen(&fa, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
	posix_spawn_file_actions_adddup2(&fa, pipefd[1], STDERR_FILENO);
	ret = posix_spawnp(&pid, argv[0], &fa, NULL, argv, envp);
	posix_spawn_file_actions_destroy(&fa);
	close(pipefd[1]);
	if (ret) {
		close(pipefd[0]);
		return net_error_set(err, -ret, "%s: %s", argv[0], strerror(ret));
	}

	ret = collect(pid, pipefd[0], text, sizeof(text));
	close(pipefd[0]);
	if (ret < 0)
		return net_error_set(err, ret, "%s: %s", argv[0], strerror(-ret));
	if (WIFEXITED(ret) && !WEXITSTATUS(ret))
		return 0;
	if (WIFEXITED(ret) && WEXITSTATUS(ret) == 127 && !text[0])
		return net_error_set(err, -ENOENT, "%s: not found", argv[0]);
	if (text[0])
		return net_error_set(err, -EIO, "%s: %.180s", argv[0], text);
	return net_error_set(err, -EIO, "%s failed without a message", argv[0]);
}

/**
 * net_port_open - open the host's end of a card
 * @vif: the card's configuration
 * @guest: the guest's name, told to a hotplug script
 * @port: filled on success
 * @err: filled on failure
 *
 * A card that does not say how its frames leave gets a tap, or passt when
 * the caller may not make taps.
 *
 * Return: 0 or a negative errno.
 */
int net_port_open(const struct config_vif *vif, const char *guest, struct net_port *port,
		  struct net_error *err)
{
	int ret;

	*port = (struct net_port){.fd = -1};
	if (vif->type == CONFIG_VIF_USER)
		return net_passt_open(vif, port, err);

	ret = net_tap_open(vif, guest, port, err);
	if (vif->type == CONFIG_VIF_AUTO && (ret == -EPERM || ret == -EACCES))
		ret = net_passt_open(vif, port, err);
	return ret;
}

/**
 * net_port_close - undo net_port_open()
 * @port: port; the tap, or the passt behind it, goes away by itself
 */
void net_port_close(struct net_port *port)
{
	if (port->fd >= 0)
		close(port->fd);
	port->fd = -1;
}
