// SPDX-License-Identifier: GPL-2.0
/*
 * hvctl pause, unpause, shutdown, reboot, destroy, rename: verbs that change what a
 * guest does.
 */
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/client.h"
#include "cli/domain.h"
#include "runtime.h"

/* A vmmd that does not answer in time, or does not end in time, is killed. */
#define DESTROY_SECONDS 5
#define DESTROY_NS	10000000000ull

static const struct option power_longs[] = {
	{"all", no_argument, NULL, 'a'},
	{"wait", no_argument, NULL, 'w'},
	{"timeout", required_argument, NULL, 't'},
	{NULL, 0, NULL, 0},
};

/* The worse of two exit statuses: the first one that is not 0. */
static int worse(int a, int b)
{
	return a ? a : b;
}

/* Send the same request to each guest named. */
static int each(const struct verb *verb, int argc, char **argv, const char *cmd)
{
	struct domains all;
	int opt, status;

	opt = cli_option(verb, argc, argv, "", NULL, &status);
	if (!opt)
		return status;
	if (optind == argc)
		return cli_usage(verb, "no guest");
	if (domains_get(&all))
		return EXIT_FAILED;
	status = EXIT_OK;
	for (int i = optind; i < argc; i++) {
		struct domain *dom = domains_find(&all, argv[i]);
		int fd = dom ? domain_connect(dom, CLIENT_SECONDS) : -1;

		if (fd < 0) {
			status = worse(status, dom ? EXIT_FAILED : EXIT_NO_GUEST);
			continue;
		}
		status = worse(status, domain_call(dom, fd, client_request(cmd), NULL, NULL));
		close(fd);
	}
	domains_free(&all);
	return status;
}

int verb_pause(const struct verb *verb, int argc, char **argv)
{
	return each(verb, argc, argv, "pause");
}

int verb_unpause(const struct verb *verb, int argc, char **argv)
{
	return each(verb, argc, argv, "unpause");
}

/* Wait for an event of a guest, or for its end, which stands for any of them. */
static int wait_event(const struct domain *dom, int fd, const char *const wanted[], uint64_t end_ns)
{
	for (;;) {
		struct json_object *event = NULL;
		bool met = false;
		int ret = client_event(fd, cli_ms_until(end_ns), &event);

		if (ret == -ETIMEDOUT) {
			cli_error("%s: not done in time", dom->name);
			return EXIT_TIMEOUT;
		}
		if (ret <= 0)
			return EXIT_OK;
		for (size_t i = 0; wanted[i]; i++)
			met |= !strcmp(cli_text(event, "event"), wanted[i]);
		json_object_put(event);
		if (met)
			return EXIT_OK;
	}
}

/**
 * struct waiting - a guest that was told to go down
 * @dom: the guest
 * @fd: subscribed connection, -1 when not waited for
 */
struct waiting {
	struct domain *dom;
	int fd;
};

static int press(struct domain *dom, const char *cmd, bool wait, struct waiting *slot)
{
	int fd = domain_connect(dom, CLIENT_SECONDS), status = EXIT_OK;

	*slot = (struct waiting){.dom = dom, .fd = -1};
	if (fd < 0)
		return EXIT_FAILED;
	/* Subscribe first, or the event could come before the ear. */
	if (wait)
		status = domain_call(dom, fd, client_request("subscribe"), NULL, NULL);
	if (!status)
		status = domain_call(dom, fd, client_request(cmd), NULL, NULL);
	if (status || !wait)
		close(fd);
	else
		slot->fd = fd;
	return status;
}

static int power(const struct verb *verb, int argc, char **argv, const char *cmd,
		 const char *const wanted[])
{
	bool all_guests = false, wait = false;
	uint64_t timeout = 0, end;
	struct waiting *slots;
	struct domains all;
	size_t n = 0;
	int opt, status;

	/* -F: xl's fallback to the button, which is the only way here. */
	while ((opt = cli_option(verb, argc, argv, "awFt:", power_longs, &status)) > 0) {
		all_guests |= opt == 'a';
		wait |= opt == 'w';
		if (opt == 't' && !cli_seconds(optarg, &timeout))
			return EXIT_USAGE;
	}
	if (!opt)
		return status;
	if (all_guests == (optind < argc))
		return cli_usage(verb, all_guests ? "-a and guests" : "no guest");
	if (domains_get(&all))
		return EXIT_FAILED;
	slots = calloc(all.n + (size_t)(argc - optind) + 1, sizeof(*slots));
	if (!slots) {
		domains_free(&all);
		cli_error("out of memory");
		return EXIT_FAILED;
	}
	end = timeout ? cli_now_ns() + timeout : 0;
	status = EXIT_OK;
	for (size_t i = 0; all_guests && i < all.n; i++)
		if (all.list[i].socket)
			status = worse(status, press(&all.list[i], cmd, wait, &slots[n++]));
	for (int i = optind; i < argc; i++) {
		struct domain *dom = domains_find(&all, argv[i]);

		status = worse(status, dom ? press(dom, cmd, wait, &slots[n++]) : EXIT_NO_GUEST);
	}
	for (size_t i = 0; i < n; i++) {
		if (slots[i].fd < 0)
			continue;
		status = worse(status, wait_event(slots[i].dom, slots[i].fd, wanted, end));
		close(slots[i].fd);
	}
	free(slots);
	domains_free(&all);
	return status;
}

int verb_shutdown(const struct verb *verb, int argc, char **argv)
{
	static const char *const wanted[] = {"shutdown", "crashed", "destroyed", NULL};

	return power(verb, argc, argv, "shutdown", wanted);
}

int verb_reboot(const struct verb *verb, int argc, char **argv)
{
	static const char *const wanted[] = {"reboot", "shutdown", "crashed", "destroyed", NULL};

	return power(verb, argc, argv, "reboot", wanted);
}

/* Return: whether the process behind @pidfd has ended by then. */
static bool wait_exit(int pidfd, uint64_t end_ns)
{
	struct pollfd wait = {.fd = pidfd, .events = POLLIN};

	return poll(&wait, 1, cli_ms_until(end_ns)) == 1;
}

/* Ask for the end. Return: whether it was promised. */
static bool ask_destroy(const struct domain *dom)
{
	int fd = client_connect(dom->socket, DESTROY_SECONDS);
	struct json_object *answer;
	int ret;

	if (fd < 0)
		return false;
	ret = client_call(fd, client_request("destroy"), &answer, NULL);
	json_object_put(answer);
	close(fd);
	return !ret || ret == -ECONNRESET;
}

/* ROOT of a guest's ROOT/NAME/control. */
static void root_of(const struct domain *dom, char root[PATH_MAX])
{
	snprintf(root, PATH_MAX, "%s", dom->socket);
	*strrchr(root, '/') = '\0';
	*strrchr(root, '/') = '\0';
}

static bool reachable(const struct domain *dom)
{
	if (!dom->socket)
		cli_error("%s is not yours or not run by vmmd: expected a guest started by "
			  "'hvctl create'",
			  dom->name);
	return dom->socket;
}

/*
 * The name is free again when the process is gone, which is a little after its
 * answer. A process descriptor cannot be mistaken for a later process of the
 * same number.
 */
static int destroy(const struct domain *dom)
{
	int pidfd, status = EXIT_OK;
	char root[PATH_MAX];

	if (!reachable(dom))
		return EXIT_FAILED;
	root_of(dom, root);
	pidfd = runtime_pidfd(root, dom->name);
	if (pidfd == -ESRCH)
		return EXIT_OK;
	if (pidfd < 0) {
		cli_error("%s: cannot watch its vmmd: %s", dom->name, strerror(-pidfd));
		return EXIT_FAILED;
	}
	if (ask_destroy(dom) && wait_exit(pidfd, cli_now_ns() + DESTROY_NS)) {
		close(pidfd);
		return EXIT_OK;
	}
	if (syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0) ||
	    !wait_exit(pidfd, cli_now_ns() + DESTROY_NS)) {
		cli_error("%s: its vmmd neither ends nor can be killed", dom->name);
		status = EXIT_FAILED;
	} else {
		cli_error("%s: its vmmd did not end by itself and was killed", dom->name);
	}
	close(pidfd);
	return status;
}

/* Looking around buries what is left of the dead. */
static void bury_dead(void)
{
	struct domains all;

	if (!domains_get(&all))
		domains_free(&all);
}

int verb_destroy(const struct verb *verb, int argc, char **argv)
{
	struct domains all;
	int opt, status;

	opt = cli_option(verb, argc, argv, "", NULL, &status);
	if (!opt)
		return status;
	if (optind == argc)
		return cli_usage(verb, "no guest");
	if (domains_get(&all))
		return EXIT_FAILED;
	status = EXIT_OK;
	for (int i = optind; i < argc; i++) {
		struct domain *dom = domains_find(&all, argv[i]);

		status = worse(status, dom ? destroy(dom) : EXIT_NO_GUEST);
	}
	domains_free(&all);
	bury_dead();
	return status;
}

/* First the place, by which it is found; back again if the guest does not know. */
static int rename_guest(const struct domain *dom, const char *name)
{
	char root[PATH_MAX], path[PATH_MAX + CONFIG_NAME_MAX + 16];
	struct json_object *request = client_request("rename");
	struct domain renamed = *dom;
	int ret, fd, status = EXIT_FAILED;

	root_of(dom, root);
	json_object_object_add(request, "name", json_object_new_string(name));
	ret = runtime_rename(root, dom->name, name);
	if (ret) {
		json_object_put(request);
		cli_error("%s: %s", name,
			  ret == -EEXIST ? "a guest of that name runs" : strerror(-ret));
		return EXIT_FAILED;
	}
	snprintf(path, sizeof(path), "%s/%s/" RUNTIME_CONTROL, root, name);
	renamed.socket = path;
	fd = domain_connect(&renamed, CLIENT_SECONDS);
	if (fd < 0) {
		json_object_put(request);
	} else {
		status = domain_call(&renamed, fd, request, NULL, NULL);
		close(fd);
	}
	if (status && runtime_rename(root, name, dom->name))
		cli_error("%s: found under the new name, does not know it", name);
	return status;
}

int verb_rename(const struct verb *verb, int argc, char **argv)
{
	struct domains all;
	struct domain *dom;
	const char *name;
	int opt, status;

	opt = cli_option(verb, argc, argv, "", NULL, &status);
	if (!opt)
		return status;
	if (argc - optind != 2)
		return cli_usage(verb, "a guest and a name are needed");
	name = argv[optind + 1];
	if (!config_name_valid(name)) {
		cli_error("bad name '%s': expected 1 to %d of A-Z a-z 0-9 _.:+-, not . or - first",
			  name, CONFIG_NAME_MAX);
		return EXIT_USAGE;
	}
	if (domains_get(&all))
		return EXIT_FAILED;
	dom = domains_find(&all, argv[optind]);
	if (!dom)
		status = EXIT_NO_GUEST;
	else
		status = reachable(dom) ? rename_guest(dom, name) : EXIT_FAILED;
	domains_free(&all);
	return status;
}
