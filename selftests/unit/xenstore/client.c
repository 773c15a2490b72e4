// SPDX-License-Identifier: GPL-2.0
/* See client.h. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client.h"

#define EVENTS_KEPT 2048

struct xenstore *store;
struct xenstore_domain_interface *ring;
u32 kicks;
struct reply reply;

static struct {
	char path[512];
	char token[64];
} events[EVENTS_KEPT];
static u32 event_put, event_take;
static u32 next_id;

static void kick(void *opaque)
{
	(void)opaque;
	kicks++;
}

void client_start(void)
{
	store = xenstore_create();
	ring = calloc(1, sizeof(*ring));
	if (!store || !ring)
		abort();
	xenstore_ring_connect(store, ring, kick, NULL);
	xenstore_write(store, "/local/domain/1", "%s", "");
	xenstore_set_perms(store, "/local/domain/1", 0, 'r');
	xenstore_write(store, "/local/domain/1/data", "%s", "");
	xenstore_set_perms(store, "/local/domain/1/data", XEN_DOMID, 'n');
	event_put = event_take = 0;
	kicks = 0;
}

void client_end(void)
{
	xenstore_destroy(store);
	free(ring);
	store = NULL;
	ring = NULL;
}

u32 client_put(const void *bytes, u32 len)
{
	u32 i, room = XENSTORE_RING_SIZE - (ring->req_prod - ring->req_cons);

	len = len < room ? len : room;
	for (i = 0; i < len; i++)
		ring->req[MASK_XENSTORE_IDX(ring->req_prod + i)] = ((const char *)bytes)[i];
	ring->req_prod += len;
	return len;
}

/* Exactly @len bytes; the store is made to go on while they are not there. */
static bool client_take(void *bytes, u32 len)
{
	u32 i;

	for (i = 0; i < len; i++) {
		if (ring->rsp_prod == ring->rsp_cons)
			xenstore_ring_work(store);
		if (ring->rsp_prod == ring->rsp_cons)
			return false;
		((char *)bytes)[i] = ring->rsp[MASK_XENSTORE_IDX(ring->rsp_cons++)];
	}
	return true;
}

bool client_get(void)
{
	struct xsd_sockmsg head;

	if (!client_take(&head, sizeof(head)))
		return false;
	if (head.len > XENSTORE_PAYLOAD_MAX || !client_take(reply.data, head.len))
		abort();
	reply.data[head.len] = '\0';
	reply.type = head.type;
	reply.id = head.req_id;
	reply.tx = head.tx_id;
	reply.len = head.len;
	return true;
}

static void keep_event(void)
{
	size_t path = strlen(reply.data) + 1;

	memset(&events[event_put % EVENTS_KEPT], 0, sizeof(events[0]));
	if (event_put - event_take >= EVENTS_KEPT || path >= reply.len)
		abort();
	stpncpy(events[event_put % EVENTS_KEPT].path, reply.data, 511);
	stpncpy(events[event_put % EVENTS_KEPT].token, reply.data + path, 63);
	event_put++;
}

bool ask(u32 type, u32 tx, const void *payload, u32 len)
{
	struct xsd_sockmsg head = {.type = type, .req_id = ++next_id, .tx_id = tx, .len = len};
	u32 at = 0;

	if (client_put(&head, sizeof(head)) != sizeof(head))
		return false;
	while (at < len) {
		at += client_put((const char *)payload + at, len - at);
		xenstore_ring_work(store);
	}
	xenstore_ring_work(store);
	while (client_get()) {
		if (reply.type != XS_WATCH_EVENT)
			return reply.id == next_id && reply.tx == tx;
		keep_event();
	}
	return false;
}

bool ask_path(u32 type, u32 tx, const char *path)
{
	return ask(type, tx, path, (u32)strlen(path) + 1);
}

bool does(u32 type, u32 tx, const char *path, const char *rest, const char *want)
{
	char payload[8192];
	size_t len = strlen(path) + 1, more = rest ? strlen(rest) : 0;
	bool done;

	memcpy(payload, path, len);
	if (rest)
		memcpy(payload + len, rest, more);
	/* A value has no end, a token has. */
	if (rest && type != XS_WRITE)
		payload[len + more++] = '\0';
	if (!ask(type, tx, payload, (u32)(len + more))) {
		printf("# no reply to %s\n", path);
		return false;
	}
	done = want ? reply.type == XS_ERROR && !strcmp(reply.data, want)
		    : reply.type == type && !strcmp(reply.data, "OK") && reply.len == 3;
	if (!done)
		printf("# %s: type %u, '%s'\n", path, reply.type, reply.data);
	return done;
}

bool reads(const char *path, const char *value)
{
	if (!ask_path(XS_READ, 0, path))
		return false;
	if (!value)
		return reply.type == XS_ERROR && !strcmp(reply.data, "ENOENT");
	return reply.type == XS_READ && reply.len == strlen(value) && !strcmp(reply.data, value);
}

static void collect(void)
{
	xenstore_ring_work(store);
	while (client_get()) {
		if (reply.type != XS_WATCH_EVENT)
			abort();
		keep_event();
	}
}

bool event_is(const char *path, const char *token)
{
	u32 at = event_take % EVENTS_KEPT;

	collect();
	if (event_take == event_put) {
		printf("# no event for %s\n", path);
		return false;
	}
	event_take++;
	if (strcmp(events[at].path, path) || strcmp(events[at].token, token)) {
		printf("# event '%s' '%s', not '%s'\n", events[at].path, events[at].token, path);
		return false;
	}
	return true;
}

bool no_event(void)
{
	collect();
	if (event_take != event_put)
		printf("# event '%s'\n", events[event_take % EVENTS_KEPT].path);
	return event_take == event_put;
}
