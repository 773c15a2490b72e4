// SPDX-License-Identifier: GPL-2.0
/* xenstore's watches: the guest's, which become messages, and vmmd's. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "xen/store_internal.h"

/* ------------------------------------------------------------ the guest's */

static void send_event(struct xenstore *xs, const struct guest_watch *w, const char *path)
{
	struct xsd_sockmsg head = {.type = XS_WATCH_EVENT};
	char data[XENSTORE_PAYLOAD_MAX];
	size_t path_len, token_len = strlen(w->token) + 1;

	if (w->relative && !strncmp(path, STORE_HOME "/", strlen(STORE_HOME "/")))
		path += strlen(STORE_HOME "/");
	path_len = strlen(path) + 1;
	if (path_len + token_len > sizeof(data))
		return;
	if (xs->nr_out >= STORE_EVENTS) {
		log_warn("xenstore: the guest takes no events: one is lost");
		return;
	}
	memcpy(data, path, path_len);
	memcpy(data + path_len, w->token, token_len);
	head.len = (u32)(path_len + token_len);
	ring_send(xs, &head, data);
}

static void free_watch(struct guest_watch *w)
{
	free(w->path);
	free(w->token);
	free(w);
}

static struct guest_watch **find_watch(struct xenstore *xs, const char *path, const char *token)
{
	struct guest_watch **link = &xs->watches;

	while (*link && (strcmp((*link)->path, path) || strcmp((*link)->token, token)))
		link = &(*link)->next;
	return link;
}

/**
 * watch_add() - XS_WATCH; the caller has replied already
 * @xs: the store
 * @path: absolute, or a special one that begins with '@'
 * @relative: the guest named it below its home
 * @token: the guest's name for it
 *
 * Return: 0, -EEXIST, -E2BIG when there are too many, -ENOMEM.
 */
int watch_add(struct xenstore *xs, const char *path, bool relative, const char *token)
{
	struct guest_watch *w, **link = find_watch(xs, path, token);

	if (*link)
		return -EEXIST;
	if (xs->nr_watches >= STORE_WATCHES)
		return -E2BIG;
	w = calloc(1, sizeof(*w));
	if (!w)
		return -ENOMEM;
	w->path = strdup(path);
	w->token = strdup(token);
	w->relative = relative;
	if (!w->path || !w->token) {
		free_watch(w);
		return -ENOMEM;
	}
	*link = w;
	xs->nr_watches++;
	return 0;
}

/** watch_first() - the event that every watch begins with */
void watch_first(struct xenstore *xs, const char *path, const char *token)
{
	struct guest_watch *w = *find_watch(xs, path, token);

	if (w)
		send_event(xs, w, w->path);
}

int watch_del(struct xenstore *xs, const char *path, const char *token)
{
	struct guest_watch **link = find_watch(xs, path, token), *w = *link;

	if (!w)
		return -ENOENT;
	*link = w->next;
	free_watch(w);
	xs->nr_watches--;
	return 0;
}

void watch_del_all(struct xenstore *xs)
{
	struct guest_watch *w;

	while (xs->watches) {
		w = xs->watches;
		xs->watches = w->next;
		free_watch(w);
	}
	xs->nr_watches = 0;
}

/* ------------------------------------------------------------ vmmd's */

static void fire_host(struct xenstore *xs, struct xenstore_watch *w, const char *path)
{
	char *copy;

	if (w->fired || !w->fn)
		return;
	copy = strdup(path);
	if (!copy) {
		log_err("xenstore: out of memory: a change of %s is missed", path);
		return;
	}
	w->fired = copy;
	if (xs->notify)
		xs->notify(xs->notify_opaque);
}

/**
 * watch_fire() - a path has changed
 * @xs: the store
 * @path: what
 * @gone: it was removed: who watches something below it hears of that
 */
void watch_fire(struct xenstore *xs, const char *path, bool gone)
{
	struct xenstore_watch *host;
	struct guest_watch *w;

	for (w = xs->watches; w; w = w->next) {
		if (store_below(path, w->path))
			send_event(xs, w, path);
		else if (gone && store_below(w->path, path))
			send_event(xs, w, w->path);
	}
	for (host = xs->host; host; host = host->next) {
		if (store_below(path, host->path))
			fire_host(xs, host, path);
		else if (gone && store_below(host->path, path))
			fire_host(xs, host, host->path);
	}
}

struct xenstore_watch *xenstore_watch(struct xenstore *xs, const char *path, xenstore_watch_fn fn,
				      void *opaque)
{
	struct xenstore_watch *w = calloc(1, sizeof(*w));

	if (!w)
		return NULL;
	w->path = strdup(path);
	if (!w->path) {
		free(w);
		return NULL;
	}
	w->fn = fn;
	w->opaque = opaque;
	w->next = xs->host;
	xs->host = w;
	fire_host(xs, w, path);
	return w;
}

/* Those that have ended go when nobody is walking the list. */
static void sweep(struct xenstore *xs)
{
	struct xenstore_watch *w, **link = &xs->host;

	while (*link) {
		w = *link;
		if (w->fn) {
			link = &w->next;
			continue;
		}
		*link = w->next;
		free(w->path);
		free(w->fired);
		free(w);
	}
}

void xenstore_unwatch(struct xenstore *xs, struct xenstore_watch *watch)
{
	watch->fn = NULL;
	if (!xs->running)
		sweep(xs);
}

void xenstore_run_watches(struct xenstore *xs)
{
	struct xenstore_watch *w;
	char *path;

	if (xs->running)
		return;
	xs->running = true;
	/* What a function changes may fire watches in front of it: notify() comes. */
	for (w = xs->host; w; w = w->next) {
		path = w->fired;
		w->fired = NULL;
		if (path && w->fn)
			w->fn(w->opaque, path);
		free(path);
	}
	xs->running = false;
	sweep(xs);
}

void xenstore_set_notify(struct xenstore *xs, void (*fn)(void *opaque), void *opaque)
{
	xs->notify = fn;
	xs->notify_opaque = opaque;
}
