// SPDX-License-Identifier: GPL-2.0
/*
 * hvctl events: what happens to guests, as it happens.
 *
 * With the module loaded it tells of all guests. Without it (vmmd on another
 * node) each vmmd is asked for its own events, and the run-time directory is
 * watched for new ones.
 */
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/client.h"
#include "cli/domain.h"
#include "runtime.h"

#define GUESTS_MAX 1024

/* A new guest's directory is there before its socket is. */
#define SETTLE_MS 50

static const struct option longs[] = {
	{"json", no_argument, NULL, 'j'},
	{"count", required_argument, NULL, 'n'},
	{"timeout", required_argument, NULL, 't'},
	{NULL, 0, NULL, 0},
};

/**
 * struct report - how to print
 * @json: a JSON object for each event
 * @left: events to print yet, 0 for no limit
 */
struct report {
	bool json;
	uint64_t left;
};

/* Return: 1 when it was the last event asked for. */
static int print_event(const char *event, const char *name, unsigned int id, const char *reason,
		       struct report *report)
{
	char when[32];
	time_t now = time(NULL);

	strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%S%z", localtime(&now));
	if (report->json) {
		struct json_object *json = json_object_new_object();

		json_object_object_add(json, "time", json_object_new_string(when));
		json_object_object_add(json, "event", json_object_new_string(event));
		json_object_object_add(json, "name", json_object_new_string(name));
		json_object_object_add(json, "id", json_object_new_uint64(id));
		if (*reason)
			json_object_object_add(json, "reason", json_object_new_string(reason));
		puts(json_object_to_json_string_ext(json, JSON_C_TO_STRING_PLAIN));
		json_object_put(json);
	} else {
		char line[1024];

		snprintf(line, sizeof(line), "%s %-9s %5u %s%s%s", when, event, id, name,
			 *reason ? ": " : "", reason);
		puts(cli_clean(line, strlen(line)));
	}
	fflush(stdout);
	return report->left && !--report->left;
}

static int on_module_event(const char *event, const char *name, unsigned int id, void *opaque)
{
	return print_event(event, name, id, "", opaque);
}

/**
 * struct guest - a guest whose vmmd is listened to
 * @name: of it
 * @id: its number
 * @fd: subscribed connection
 */
struct guest {
	char name[CONFIG_NAME_MAX + 1];
	unsigned int id;
	int fd;
};

/**
 * struct watch - all that is listened to without the module
 * @guests: the guests
 * @n: number
 * @report: how to print
 * @first: the guests that are there at the start are no news
 * @done: the last event asked for was printed
 */
struct watch {
	struct guest guests[GUESTS_MAX];
	size_t n;
	struct report *report;
	bool first;
	bool done;
};

static int add_guest(const char *name, const char *socket, void *opaque)
{
	struct watch *watch = opaque;
	struct guest *guest = &watch->guests[watch->n];
	struct json_object *answer;

	for (size_t i = 0; i < watch->n; i++)
		if (!strcmp(watch->guests[i].name, name))
			return 0;
	if (watch->n == GUESTS_MAX)
		return 0;
	guest->fd = client_connect(socket, CLIENT_SECONDS);
	if (guest->fd < 0)
		return 0;
	if (client_call(guest->fd, client_request("subscribe"), &answer, NULL)) {
		json_object_put(answer);
		close(guest->fd);
		return 0;
	}
	snprintf(guest->name, sizeof(guest->name), "%s", name);
	guest->id = (unsigned int)cli_u64(answer, "domid");
	json_object_put(answer);
	watch->n++;
	if (!watch->first)
		watch->done |= print_event("created", guest->name, guest->id, "", watch->report);
	return watch->done;
}

/* Return: whether the guest is still there. */
static bool hear_guest(struct watch *watch, struct guest *guest)
{
	struct json_object *event = NULL;
	int ret = client_event(guest->fd, 0, &event);

	if (ret > 0) {
		/* Its birth was told when it was found. */
		if (strcmp(cli_text(event, "event"), "created"))
			watch->done |= print_event(cli_text(event, "event"), guest->name, guest->id,
						   cli_text(event, "reason"), watch->report);
		json_object_put(event);
		return true;
	}
	if (ret == -ETIMEDOUT)
		return true;
	close(guest->fd);
	watch->done |= print_event("destroyed", guest->name, guest->id, "", watch->report);
	return false;
}

/* One round. Return: whether the time is over. */
static bool wait_round(struct watch *watch, int inotify_fd, const char *root, uint64_t end)
{
	struct pollfd fds[GUESTS_MAX + 1];
	size_t n = watch->n, kept = 0;
	char changes[4096];

	for (size_t i = 0; i < n; i++)
		fds[i] = (struct pollfd){.fd = watch->guests[i].fd, .events = POLLIN};
	fds[n] = (struct pollfd){.fd = inotify_fd, .events = POLLIN};
	if (poll(fds, n + 1, cli_ms_until(end)) == 0)
		return true;
	for (size_t i = 0; i < n; i++) {
		if (!watch->done && fds[i].revents && !hear_guest(watch, &watch->guests[i]))
			continue;
		watch->guests[kept++] = watch->guests[i];
	}
	watch->n = kept;
	if (!watch->done && fds[n].revents && read(inotify_fd, changes, sizeof(changes)) > 0) {
		usleep(SETTLE_MS * 1000);
		runtime_each(root, add_guest, watch);
	}
	return false;
}

static int watch_sockets(struct report *report, uint64_t end)
{
	struct watch *watch = calloc(1, sizeof(*watch));
	char root[PATH_MAX];
	int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	int ret = runtime_root(root);

	if (!watch || fd < 0 || ret) {
		cli_error("cannot watch for guests: %s",
			  ret == -ENOENT ? "expected XDG_RUNTIME_DIR to name a directory"
			  : ret		 ? strerror(-ret)
					 : strerror(errno));
		free(watch);
		if (fd >= 0)
			close(fd);
		return EXIT_FAILED;
	}
	/* Before the first guest there is no directory yet. */
	mkdir(root, 0700);
	if (inotify_add_watch(fd, root, IN_CREATE) < 0) {
		cli_error("cannot watch %s: %s", root, strerror(errno));
		free(watch);
		close(fd);
		return EXIT_FAILED;
	}
	watch->report = report;
	watch->first = true;
	runtime_each(root, add_guest, watch);
	watch->first = false;
	while (!watch->done && !wait_round(watch, fd, root, end))
		;
	for (size_t i = 0; i < watch->n; i++)
		close(watch->guests[i].fd);
	close(fd);
	free(watch);
	return EXIT_OK;
}

int verb_events(const struct verb *verb, int argc, char **argv)
{
	struct report report = {0};
	uint64_t timeout = 0;
	int opt, status, ret;

	while ((opt = cli_option(verb, argc, argv, "jn:t:", longs, &status)) > 0) {
		if (opt == 'j')
			report.json = true;
		else if (opt == 'n' && !cli_number(optarg, UINT32_MAX, &report.left))
			return EXIT_USAGE;
		else if (opt == 't' && !cli_seconds(optarg, &timeout))
			return EXIT_USAGE;
	}
	if (!opt)
		return status;
	if (optind != argc)
		return cli_usage(verb, "too many words");
	ret = genl_events(on_module_event, &report, timeout);
	if (ret == -ENOENT)
		return watch_sockets(&report, timeout ? cli_now_ns() + timeout : 0);
	if (ret < 0) {
		cli_error("cannot listen to the module: %s", strerror(-ret));
		return EXIT_FAILED;
	}
	return EXIT_OK;
}
