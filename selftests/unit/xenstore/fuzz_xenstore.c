// SPDX-License-Identifier: GPL-2.0
/*
 * libFuzzer is the guest: requests of all kinds with any payload, bytes and
 * indices written into the ring, replies taken or not, and vmmd changing the
 * tree beneath.
 */
#include <stdlib.h>
#include <string.h>

#include "client.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

struct xenstore *xen_store(struct xen *xen);

struct xenstore *xen_store(struct xen *xen)
{
	(void)xen;
	return store;
}

static const u8 *input;
static size_t left;

static u32 take(u32 bytes)
{
	u32 value = 0;

	for (u32 i = 0; i < bytes; i++) {
		value = value << 8 | (left ? *input++ : 0);
		left -= !!left;
	}
	return value;
}

/* Names that meet again, so that nodes, watches and transactions do. */
static const char *const paths[] = {
	"data", "data/a", "data/a/b", "/local/domain/1/data/a", "/", "@releaseDomain", "name", "x",
};

static void request(void)
{
	struct xsd_sockmsg head = {.type = take(1) % (XS_TYPE_COUNT + 1), .tx_id = take(1) % 12};
	char payload[XENSTORE_PAYLOAD_MAX];
	u32 how = take(1), more = how >> 3;
	const char *path = paths[how & 7];

	head.len = (u32)strlen(path) + 1;
	memcpy(payload, path, head.len);
	for (; more; more--)
		payload[head.len++] = (char)take(1);
	client_put(&head, sizeof(head));
	client_put(payload, head.len);
}

static void hear(void *opaque, const char *path)
{
	(void)opaque;
	(void)path;
}

static void act(u32 op)
{
	struct xenstore_watch *watch;
	u32 n;

	switch (op & 7) {
	default:
		request();
		break;
	case 4:
		for (n = take(1); n && left; n--)
			client_put((const char[]){(char)take(1)}, 1);
		break;
	case 5:
		((u8 *)ring)[take(2) % sizeof(*ring)] = (u8)take(1);
		break;
	case 6:
		xenstore_write(store, "/local/domain/1/data/host", "%u", op);
		watch = xenstore_watch(store, "/local/domain/1/data", hear, NULL);
		xenstore_run_watches(store);
		if (watch && op & 8)
			xenstore_unwatch(store, watch);
		break;
	case 7:
		ring->rsp_cons = ring->rsp_prod;
		break;
	}
	xenstore_ring_work(store);
	xenstore_run_watches(store);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	client_start();
	input = data;
	left = size;
	while (left)
		act(take(1));
	client_end();
	return 0;
}
