// SPDX-License-Identifier: GPL-2.0
/*
 * hvctl pause, unpause, shutdown, reboot, destroy, mem-set: verbs that change
 * what a guest does.
 */
#include <ctype.h>
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

/*
 * The name is free again when the process is gone, which is a little after its
 * answer. A process descriptor cannot be mistaken for a later process of the
 * same number.
 */
static int destroy(const struct domain *dom)
{
	int pidfd, status = EXIT_OK;
	char root[PATH_MAX];

	if (!dom->socket) {
		cli_error("%s is not yours or not run by vmmd: expected a guest started by "
			  "'hvctl create'",
			  dom->name);
		return EXIT_FAILED;
	}
	/* ROOT/NAME/control */
	snprintf(root, sizeof(root), "%s", dom->socket);
	*strrchr(root, '/') = '\0';
	*strrchr(root, '/') = '\0';
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

/* MiB unless a unit follows. */
static bool parse_memory(const char *text, uint64_t *mib)
{
	char *end;
	uint64_t n = strtoull(text, &end, 10);

	if (!isdigit((unsigned char)*text))
		goto bad;
	switch (tolower((unsigned char)*end)) {
	case 'k':
		n /= 1024;
		end++;
		break;
	case 'g':
		n *= 1024;
		end++;
		break;
	case 't':
		n *= 1024 * 1024;
		end++;
		break;
	case 'm':
		end++;
		break;
	}
	if (*end || !n || n > 1ull << 40)
		goto bad;
	*mib = n;
	return true;
bad:
	cli_error("bad memory '%s': expected MiB, or a number with k, m, g or t", text);
	return false;
}

int verb_mem_set(const struct verb *verb, int argc, char **argv)
{
	struct json_object *request;
	struct domains all;
	struct domain *dom;
	uint64_t mib;
	int opt, status, fd;

	opt = cli_option(verb, argc, argv, "", NULL, &status);
	if (!opt)
		return status;
	if (argc - optind != 2)
		return cli_usage(verb, "a guest and an amount are needed");
	if (!parse_memory(argv[optind + 1], &mib))
		return EXIT_USAGE;
	if (domains_get(&all))
		return EXIT_FAILED;
	dom = domains_find(&all, argv[optind]);
	fd = dom ? domain_connect(dom, CLIENT_SECONDS) : -1;
	status = dom ? EXIT_FAILED : EXIT_NO_GUEST;
	if (fd >= 0) {
		request = client_request("mem-set");
		json_object_object_add(request, "mib", json_object_new_uint64(mib));
		status = domain_call(dom, fd, request, NULL, NULL);
		close(fd);
	}
	domains_free(&all);
	return status;
}
