// SPDX-License-Identifier: GPL-2.0
/*
 * hvctl save, dump-core: verbs that leave a file behind. It is opened here, with the rights of who
 * asks, and written by the guest's vmmd.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/client.h"
#include "cli/domain.h"
#include "runtime.h"

/* A vmmd that has saved its guest has only to give back its memory. */
#define GONE_NS 30000000000ull

/* What is in memory may be a secret of the guest's. */
static int open_file(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (fd < 0)
		cli_error("%s: %s", path, strerror(errno));
	return fd;
}

/* What is not whole is of no use; a device or a pipe stays. */
static void remove_file(const char *path, int fd)
{
	struct stat st;

	if (!fstat(fd, &st) && S_ISREG(st.st_mode))
		unlink(path);
}

/*
 * Wait till it is over. As long as the connection holds the guest's vmmd is at
 * work, and how long that takes is the disk's business.
 */
static int wait_over(const struct domain *dom, int fd, const char *done, const char *failed)
{
	for (;;) {
		struct json_object *event = NULL;
		int ret = client_event(fd, -1, &event), status = -1;
		const char *what;

		if (ret <= 0) {
			cli_error("%s: ended before that was done; see 'hvctl log %s'", dom->name,
				  dom->name);
			return EXIT_FAILED;
		}
		what = cli_text(event, "event");
		if (!strcmp(what, done)) {
			status = EXIT_OK;
		} else if (!strcmp(what, failed)) {
			cli_error("%s: %s", dom->name, cli_text(event, "reason"));
			status = EXIT_FAILED;
		}
		json_object_put(event);
		if (status >= 0)
			return status;
	}
}

/*
 * @then is called when all is well, with the connection.
 * Return: an exit status; the request is freed.
 */
static int ask(const struct domain *dom, struct json_object *request, const char *path,
	       const char *done, const char *failed, int (*then)(const struct domain *dom, int fd))
{
	int fd = domain_connect(dom, CLIENT_SECONDS), file = -1, ret, status = EXIT_FAILED;
	struct json_object *answer = NULL;

	/* First the ear, or the event could come before it. */
	if (fd < 0 || domain_call(dom, fd, client_request("subscribe"), NULL, NULL))
		goto out;
	file = open_file(path);
	if (file < 0)
		goto out;
	ret = client_call_files(fd, request, &file, 1, &answer);
	request = NULL;
	if (ret == -EPROTO)
		cli_error("%s: %s", dom->name, cli_text(answer, "error"));
	else if (ret)
		cli_error("%s: no answer from its vmmd: %s", dom->name, strerror(-ret));
	else
		status = wait_over(dom, fd, done, failed);
	if (status)
		remove_file(path, file);
	else if (then)
		status = then(dom, fd);
out:
	json_object_put(answer);
	json_object_put(request);
	if (file >= 0)
		close(file);
	if (fd >= 0)
		close(fd);
	return status;
}

/* As 'hvctl destroy' does, come back when the name is free. */
static int wait_gone(const struct domain *dom, int fd)
{
	char root[PATH_MAX];
	uint64_t end = cli_now_ns() + GONE_NS;
	int ret;

	do {
		struct json_object *event = NULL;

		ret = client_event(fd, cli_ms_until(end), &event);
		json_object_put(event);
	} while (ret > 0);
	snprintf(root, sizeof(root), "%s", dom->socket);
	*strrchr(root, '/') = '\0';
	*strrchr(root, '/') = '\0';
	while (runtime_alive(root, dom->name)) {
		if (cli_now_ns() > end) {
			cli_error("%s: saved, but does not end", dom->name);
			return EXIT_FAILED;
		}
		usleep(20000);
	}
	return EXIT_OK;
}

int verb_save(const struct verb *verb, int argc, char **argv)
{
	struct json_object *request = client_request(verb->name);
	const char *then = "destroy";
	struct domains all;
	struct domain *dom;
	int opt, status;

	while ((opt = cli_option(verb, argc, argv, "cp", NULL, &status)) > 0)
		then = opt == 'c' ? "continue" : "pause";
	if (!opt || argc - optind != 2 || domains_get(&all)) {
		json_object_put(request);
		if (!opt)
			return status;
		return argc - optind != 2 ? cli_usage(verb, "a guest and a file are needed")
					  : EXIT_FAILED;
	}
	json_object_object_add(request, "then", json_object_new_string(then));
	dom = domains_find(&all, argv[optind]);
	if (dom) {
		status = ask(dom, request, argv[optind + 1], "saved", "save-failed",
			     *then == 'd' ? wait_gone : NULL);
	} else {
		json_object_put(request);
		status = EXIT_NO_GUEST;
	}
	domains_free(&all);
	return status;
}

int verb_dump_core(const struct verb *verb, int argc, char **argv)
{
	struct domains all;
	struct domain *dom;
	int opt, status;

	opt = cli_option(verb, argc, argv, "", NULL, &status);
	if (!opt)
		return status;
	if (argc - optind != 2)
		return cli_usage(verb, "a guest and a file are needed");
	if (domains_get(&all))
		return EXIT_FAILED;
	dom = domains_find(&all, argv[optind]);
	status = !dom ? EXIT_NO_GUEST
		      : ask(dom, client_request(verb->name), argv[optind + 1], "dumped",
			    "dump-failed", NULL);
	domains_free(&all);
	return status;
}
