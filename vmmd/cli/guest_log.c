// SPDX-License-Identifier: GPL-2.0
/*
 * hvctl log: what a guest's vmmd had to say.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/domain.h"
#include "cli/guest_log.h"
#include "runtime.h"

#define TAIL_BYTES 2048

static const struct option longs[] = {
	{"follow", no_argument, NULL, 'f'},
	{"previous", no_argument, NULL, 'p'},
	{NULL, 0, NULL, 0},
};

static FILE *open_log(const char *name, bool previous, char path[PATH_MAX + 128])
{
	char root[PATH_MAX];

	if (runtime_root(root) || !config_name_valid(name)) {
		errno = ENOENT;
		return NULL;
	}
	snprintf(path, PATH_MAX + 128, "%s/" RUNTIME_LOG_DIR "/%s.log%s", root, name,
		 previous ? ".1" : "");
	return fopen(path, "re");
}

/* The last @size - 1 bytes, from the start of a line. */
static void read_tail(const char *name, char *text, size_t size)
{
	char path[PATH_MAX + 128];
	FILE *f = open_log(name, false, path);
	size_t n = 0;
	char *start = text;
	long length;

	*text = '\0';
	if (!f)
		return;
	if (!fseek(f, 0, SEEK_END)) {
		length = ftell(f);
		fseek(f, length > (long)size - 1 ? length - (long)size + 1 : 0, SEEK_SET);
		n = fread(text, 1, size - 1, f);
		if (length > (long)size - 1)
			start = memchr(text, '\n', n);
	}
	fclose(f);
	text[n] = '\0';
	if (start && start != text)
		memmove(text, start + 1, strlen(start + 1) + 1);
}

void log_tail(const char *name, FILE *out)
{
	char text[TAIL_BYTES];

	read_tail(name, text, sizeof(text));
	fputs(cli_clean(text, strlen(text)), out);
}

bool log_has_error(const char *name)
{
	char text[TAIL_BYTES];

	read_tail(name, text, sizeof(text));
	return strstr(text, ": error: ") || strstr(text, "sandbox: system call");
}

static void copy(FILE *f)
{
	char buf[4096];
	size_t n;

	clearerr(f);
	while ((n = fread(buf, 1, sizeof(buf), f)) > 0)
		fwrite(cli_clean(buf, n), 1, n, stdout);
	fflush(stdout);
}

/* Until the guest is gone. */
static int follow(const char *name, FILE *f, const char *path)
{
	char root[PATH_MAX], events[4096];
	int fd = inotify_init1(IN_CLOEXEC);

	if (fd < 0 || inotify_add_watch(fd, path, IN_MODIFY | IN_CLOSE_WRITE) < 0 ||
	    runtime_root(root)) {
		cli_error("cannot follow %s: %s", path, strerror(errno));
		if (fd >= 0)
			close(fd);
		return EXIT_FAILED;
	}
	copy(f);
	while (runtime_alive(root, name) && read(fd, events, sizeof(events)) > 0)
		copy(f);
	copy(f);
	close(fd);
	return EXIT_OK;
}

int verb_log(const struct verb *verb, int argc, char **argv)
{
	bool following = false, previous = false;
	char path[PATH_MAX + 128], name[CONFIG_NAME_MAX + 1];
	int opt, status = EXIT_OK;
	FILE *f;

	while ((opt = cli_option(verb, argc, argv, "fp", longs, &status)) > 0) {
		following |= opt == 'f';
		previous |= opt == 'p';
	}
	if (!opt)
		return status;
	if (argc - optind != 1)
		return cli_usage(verb, "one guest is needed");
	snprintf(name, sizeof(name), "%s", argv[optind]);
	f = open_log(name, previous, path);
	if (!f) {
		/* Not a name: perhaps the id or the uuid of a guest that lives. */
		struct domains all;
		struct domain *dom;

		if (domains_get(&all))
			return EXIT_FAILED;
		dom = domains_find(&all, argv[optind]);
		if (dom) {
			snprintf(name, sizeof(name), "%s", dom->name);
			f = open_log(name, previous, path);
		}
		status = dom ? EXIT_FAILED : EXIT_NO_GUEST;
		if (dom && !f)
			cli_error("%s has no log here: %s", name, strerror(errno));
		domains_free(&all);
		if (!f)
			return status;
	}
	status = EXIT_OK;
	if (following && !previous)
		status = follow(name, f, path);
	else
		copy(f);
	fclose(f);
	return status;
}
