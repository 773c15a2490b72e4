// SPDX-License-Identifier: GPL-2.0
/*
 * hvctl console: bytes between the terminal and a guest.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/client.h"
#include "cli/console.h"
#include "cli/domain.h"

#define ESCAPE 0x1d /* Ctrl-] */

static const struct option longs[] = {
	{"type", required_argument, NULL, 't'},
	{NULL, 0, NULL, 0},
};

/* The terminal as it was; put back at exit and on deadly signals. */
static struct termios saved;
static volatile sig_atomic_t saved_valid;

static void restore_terminal(void)
{
	if (saved_valid)
		tcsetattr(STDIN_FILENO, TCSANOW, &saved);
	saved_valid = 0;
}

static void on_signal(int sig)
{
	restore_terminal();
	signal(sig, SIG_DFL);
	raise(sig);
}

static void raw_terminal(void)
{
	struct termios raw;

	if (tcgetattr(STDIN_FILENO, &saved))
		return;
	raw = saved;
	cfmakeraw(&raw);
	saved_valid = 1;
	atexit(restore_terminal);
	signal(SIGHUP, on_signal);
	signal(SIGTERM, on_signal);
	tcsetattr(STDIN_FILENO, TCSANOW, &raw);
}

static int write_all(int fd, const char *buf, size_t len)
{
	while (len) {
		ssize_t n = write(fd, buf, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		buf += n;
		len -= (size_t)n;
	}
	return 0;
}

/* Return: 1 to go on, 0 when the user detached or typing has ended. */
static int from_terminal(int fd, bool *open)
{
	char buf[1024], *escape;
	ssize_t n = read(STDIN_FILENO, buf, sizeof(buf));

	if (n < 0 && errno == EINTR)
		return 1;
	if (n <= 0) {
		/* Piped input is over; what the guest answers is still wanted. */
		*open = false;
		return !isatty(STDIN_FILENO);
	}
	escape = isatty(STDIN_FILENO) ? memchr(buf, ESCAPE, (size_t)n) : NULL;
	if (escape)
		n = escape - buf;
	return !write_all(fd, buf, (size_t)n) && !escape;
}

struct json_object *console_request(const char *type)
{
	struct json_object *request = client_request("console");
	struct winsize size;

	if (type)
		json_object_object_add(request, "type", json_object_new_string(type));
	if (isatty(STDIN_FILENO) && !ioctl(STDIN_FILENO, TIOCGWINSZ, &size)) {
		json_object_object_add(request, "cols", json_object_new_int(size.ws_col));
		json_object_object_add(request, "rows", json_object_new_int(size.ws_row));
	}
	return request;
}

int console_relay(const char *name, int fd)
{
	struct pollfd fds[3] = {
		{.fd = fd, .events = POLLIN},
		{.fd = STDIN_FILENO, .events = POLLIN},
		/* For errors alone: whoever read our output may have gone. */
		{.fd = STDOUT_FILENO},
	};
	bool tty = isatty(STDIN_FILENO), typing = true;
	int status = EXIT_OK;

	signal(SIGPIPE, SIG_IGN);
	if (tty) {
		fprintf(stderr, "Console of %s, Ctrl-] detaches.\n", name);
		raw_terminal();
	}
	for (;;) {
		char buf[4096];
		ssize_t n;

		fds[1].fd = typing ? STDIN_FILENO : -1;
		if (poll(fds, 3, -1) < 0) {
			if (errno == EINTR)
				continue;
			status = EXIT_FAILED;
			break;
		}
		if (fds[2].revents || (fds[1].revents && !from_terminal(fd, &typing)))
			break;
		if (!fds[0].revents)
			continue;
		n = read(fd, buf, sizeof(buf));
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break; /* the guest is gone */
		if (write_all(STDOUT_FILENO, buf, (size_t)n)) {
			status = EXIT_FAILED;
			break;
		}
	}
	restore_terminal();
	if (tty)
		fprintf(stderr, "\n");
	return status;
}

int verb_console(const struct verb *verb, int argc, char **argv)
{
	const char *type = NULL;
	struct domains all;
	struct domain *dom;
	int opt, status, fd, console_fd;

	while ((opt = cli_option(verb, argc, argv, "t:", longs, &status)) > 0)
		type = optarg;
	if (!opt)
		return status;
	if (argc - optind != 1)
		return cli_usage(verb, "one guest is needed");
	if (domains_get(&all))
		return EXIT_FAILED;
	dom = domains_find(&all, argv[optind]);
	fd = dom ? domain_connect(dom, CLIENT_SECONDS) : -1;
	status = dom ? EXIT_FAILED : EXIT_NO_GUEST;
	if (fd >= 0) {
		status = domain_call(dom, fd, console_request(type), NULL, &console_fd);
		close(fd);
		if (!status) {
			status = console_relay(dom->name, console_fd);
			close(console_fd);
		}
	}
	domains_free(&all);
	return status;
}
