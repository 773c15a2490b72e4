// SPDX-License-Identifier: GPL-2.0
/* xenstore as a guest sees it, over the ring. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client.h"

static u32 number, failed;

void run_test(const char *name, bool (*fn)(void))
{
	bool good;

	client_start();
	good = fn();
	client_end();
	number++;
	failed += !good;
	printf("%sok %u xenstore: %s\n", good ? "" : "not ", number, name);
}

/* ------------------------------------------------------------ nodes */

static bool nodes(void)
{
	CHECK(does(XS_WRITE, 0, "data/a", "one", NULL));
	CHECK(reads("data/a", "one"));
	CHECK(reads("/local/domain/1/data/a", "one"));
	CHECK(does(XS_WRITE, 0, "data/deep/er/still", "two", NULL));
	CHECK(reads("data/deep/er", ""));
	CHECK(ask_path(XS_DIRECTORY, 0, "data"));
	CHECK(reply.len == 7 && !memcmp(reply.data, "a\0deep", 7));
	CHECK(does(XS_MKDIR, 0, "data/b", NULL, NULL));
	CHECK(does(XS_MKDIR, 0, "data/a", NULL, NULL));
	CHECK(reads("data/a", "one"));
	CHECK(reads("data/b", ""));
	CHECK(ask_path(XS_DIRECTORY, 0, "data/b") && !reply.len);
	CHECK(does(XS_RM, 0, "data/deep", NULL, NULL));
	CHECK(reads("data/deep/er/still", NULL));
	/* What could be there is gone; what could not is a mistake. */
	CHECK(does(XS_RM, 0, "data/deep", NULL, NULL));
	CHECK(does(XS_RM, 0, "data/deep/er", NULL, "ENOENT"));
	CHECK(does(XS_RM, 0, "/", NULL, "EACCES"));
	return true;
}

static bool values_are_bytes(void)
{
	static const char request[] = "data/a\0x\0y\377";

	CHECK(ask(XS_WRITE, 0, request, 11) && reply.type == XS_WRITE);
	CHECK(ask_path(XS_READ, 0, "data/a") && reply.len == 4);
	CHECK(!memcmp(reply.data, "x\0y\377", 4));
	CHECK(ask(XS_WRITE, 0, "data/a", 7) && reply.type == XS_WRITE);
	CHECK(ask_path(XS_READ, 0, "data/a") && reply.type == XS_READ && !reply.len);
	return true;
}

static bool bad_paths(void)
{
	static const char *const bad[] = {
		"data//a", "data/a/", "/local/domain/1/data/a b", "", "data/\303\244",
		"data/a*", "//",      "/local/domain/1/data/a/"};
	char longest[XENSTORE_ABS_PATH_MAX + 2];

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		CHECK(does(XS_WRITE, 0, bad[i], "x", "EINVAL"));
	memset(longest, 'x', sizeof(longest));
	longest[0] = '/';
	longest[sizeof(longest) - 1] = '\0';
	CHECK(does(XS_READ, 0, longest, NULL, "EINVAL"));
	longest[sizeof(longest) - 2] = '\0';
	CHECK(does(XS_READ, 0, longest, NULL, "ENOENT"));
	/* No string at all. */
	CHECK(ask(XS_READ, 0, "data", 4) && !strcmp(reply.data, "EINVAL"));
	CHECK(ask(XS_READ, 0, NULL, 0) && !strcmp(reply.data, "EINVAL"));
	CHECK(ask(XS_WATCH, 0, "data", 5) && !strcmp(reply.data, "EINVAL"));
	return true;
}

static bool long_lists(void)
{
	char path[64], names[64 * 1024], *at = names;
	u32 n = 0;

	for (u32 i = 0; i < 300; i++) {
		snprintf(path, sizeof(path), "data/a-rather-long-name-%u", i);
		CHECK(does(XS_MKDIR, 0, path, NULL, NULL));
	}
	CHECK(does(XS_DIRECTORY, 0, "data", NULL, "E2BIG"));
	for (;;) {
		size_t gen;

		snprintf(path, sizeof(path), "%zu", (size_t)(at - names));
		char request[128];
		u32 len = (u32)sprintf(request, "data") + 1;

		len += (u32)sprintf(request + len, "%s", path) + 1;
		CHECK(ask(XS_DIRECTORY_PART, 0, request, len) && reply.type == XS_DIRECTORY_PART);
		gen = strlen(reply.data) + 1;
		CHECK(gen > 1 && gen < reply.len);
		memcpy(at, reply.data + gen, reply.len - gen);
		at += reply.len - gen;
		if (at[-1] == '\0' && (at - names < 2 || at[-2] == '\0'))
			break;
		CHECK(++n < 20);
	}
	n = 0;
	for (char *p = names; *p; p += strlen(p) + 1)
		n++;
	CHECK(n == 300);
	return true;
}

/* ------------------------------------------------------------ permissions */

static bool permissions(void)
{
	xenstore_write(store, "/secret/a", "hidden");
	xenstore_write(store, "/shown", "seen");
	xenstore_set_perms(store, "/shown", 0, 'r');
	xenstore_write(store, "/slate", "%s", "");
	xenstore_set_perms(store, "/slate", 0, 'b');
	CHECK(does(XS_READ, 0, "/secret/a", NULL, "EACCES"));
	CHECK(does(XS_DIRECTORY, 0, "/", NULL, "EACCES"));
	CHECK(does(XS_WRITE, 0, "/secret/b", "x", "EACCES"));
	CHECK(reads("/shown", "seen"));
	CHECK(does(XS_WRITE, 0, "/shown", "x", "EACCES"));
	CHECK(does(XS_RM, 0, "/shown", NULL, "EACCES"));
	CHECK(does(XS_MKDIR, 0, "/shown/x", NULL, "EACCES"));
	CHECK(does(XS_WRITE, 0, "/slate", "x", NULL));
	CHECK(does(XS_WRITE, 0, "name", "x", "EACCES"));
	CHECK(does(XS_WRITE, 0, "data", "x", NULL));
	/* It owns what it makes, as its parent has it for others. */
	CHECK(ask_path(XS_GET_PERMS, 0, "/shown") && reply.len == 3 && !strcmp(reply.data, "r0"));
	CHECK(does(XS_MKDIR, 0, "/slate/mine", NULL, NULL));
	CHECK(ask_path(XS_GET_PERMS, 0, "/slate/mine") && !strcmp(reply.data, "b1"));
	CHECK(ask(XS_SET_PERMS, 0, "/slate/mine\0n1\0r0\0w7", 21) && reply.type == XS_SET_PERMS);
	CHECK(ask_path(XS_GET_PERMS, 0, "/slate/mine") && reply.len == 9);
	CHECK(!memcmp(reply.data, "n1\0r0\0w7", 9));
	CHECK(ask(XS_SET_PERMS, 0, "/slate/mine\0n0", 15) && !strcmp(reply.data, "EPERM"));
	CHECK(ask(XS_SET_PERMS, 0, "/slate\0n1", 10) && !strcmp(reply.data, "EACCES"));
	CHECK(ask(XS_SET_PERMS, 0, "/slate/mine\0x1", 15) && !strcmp(reply.data, "EINVAL"));
	CHECK(ask(XS_SET_PERMS, 0, "/slate/mine\0n", 14) && !strcmp(reply.data, "EINVAL"));
	CHECK(ask(XS_SET_PERMS, 0, "/slate/mine", 12) && !strcmp(reply.data, "EINVAL"));
	CHECK(ask(XS_SET_PERMS, 0, "/nowhere\0n1", 12) && !strcmp(reply.data, "ENOENT"));
	CHECK(ask(XS_SET_PERMS, 0, "data\0n1\0n2\0n3\0n4\0n5\0n6\0n7\0n8\0n9", 32) &&
	      !strcmp(reply.data, "ENOSPC"));
	return true;
}

static bool quotas(void)
{
	static char big[4000];
	char path[64];
	u32 i;

	memset(big, 'x', sizeof(big) - 1);
	big[2048] = '\0';
	CHECK(does(XS_WRITE, 0, "data/a", big, NULL));
	big[2048] = 'x';
	big[2049] = '\0';
	CHECK(does(XS_WRITE, 0, "data/a", big, "ENOSPC"));
	for (i = 0; i < 2000; i++) {
		snprintf(path, sizeof(path), "data/n%u", i);
		if (!ask(XS_MKDIR, 0, path, (u32)strlen(path) + 1) || reply.type == XS_ERROR)
			break;
	}
	CHECK(i > 900 && i < 1000 && !strcmp(reply.data, "ENOSPC"));
	CHECK(does(XS_WRITE, 0, "data/n1", "x", NULL));
	CHECK(does(XS_RM, 0, "data/n2", NULL, NULL));
	CHECK(does(XS_MKDIR, 0, "data/again", NULL, NULL));
	CHECK(does(XS_MKDIR, 0, "data/more", NULL, "ENOSPC"));
	/* Domain 0 is not bound by them. */
	CHECK(!xenstore_write(store, "/local/domain/1/data/host", "x"));
	for (i = 0; i < 300; i++) {
		snprintf(path, sizeof(path), "t%u", i);
		if (!does(XS_WATCH, 0, "data", path, NULL))
			break;
	}
	CHECK(i == 128 && !strcmp(reply.data, "E2BIG"));
	return true;
}

/* ------------------------------------------------------------ watches */

static bool watches(void)
{
	CHECK(does(XS_WATCH, 0, "data", "rel", NULL));
	CHECK(does(XS_WATCH, 0, "/local/domain/1/data", "abs", NULL));
	CHECK(event_is("data", "rel"));
	CHECK(event_is("/local/domain/1/data", "abs"));
	CHECK(does(XS_WATCH, 0, "data", "rel", "EEXIST"));
	CHECK(does(XS_WRITE, 0, "data/a/b", "x", NULL));
	CHECK(event_is("data/a/b", "rel"));
	CHECK(event_is("/local/domain/1/data/a/b", "abs"));
	CHECK(does(XS_UNWATCH, 0, "/local/domain/1/data", "abs", NULL));
	CHECK(does(XS_UNWATCH, 0, "/local/domain/1/data", "abs", "ENOENT"));
	CHECK(does(XS_WATCH, 0, "data/a/b/c", "below", NULL));
	CHECK(event_is("data/a/b/c", "below"));
	/* Removal is told to those below; other names that begin alike are others. */
	CHECK(does(XS_WRITE, 0, "data/a/bc", "x", NULL));
	CHECK(event_is("data/a/bc", "rel"));
	CHECK(does(XS_RM, 0, "data/a", NULL, NULL));
	CHECK(event_is("data/a", "rel"));
	CHECK(event_is("data/a/b/c", "below"));
	CHECK(no_event());
	xenstore_write(store, "/local/domain/1/data/host", "y");
	CHECK(event_is("data/host", "rel"));
	CHECK(does(XS_WATCH, 0, "@releaseDomain", "gone", NULL));
	CHECK(event_is("@releaseDomain", "gone"));
	CHECK(ask(XS_RESET_WATCHES, 0, "", 1) && reply.type == XS_RESET_WATCHES);
	CHECK(does(XS_WRITE, 0, "data/a", "x", NULL));
	CHECK(no_event());
	return true;
}

/* A guest that does not take its events loses some, and nothing else. */
static bool events_pile_up(void)
{
	char path[32];
	u32 n = 0;

	CHECK(does(XS_WATCH, 0, "data", "t", NULL));
	CHECK(event_is("data", "t"));
	for (u32 i = 0; i < 3000; i++) {
		snprintf(path, sizeof(path), "/local/domain/1/data/%u", i % 10);
		xenstore_write(store, path, "x");
	}
	while (client_get())
		n++;
	CHECK(n > 1000 && n < 1100);
	CHECK(reads("data/5", "x"));
	return true;
}

/* ------------------------------------------------------------ transactions */

static u32 begin(void)
{
	return ask(XS_TRANSACTION_START, 0, "", 1) && reply.type == XS_TRANSACTION_START
		       ? (u32)atoi(reply.data)
		       : 0;
}

static bool transactions(void)
{
	u32 a, b;

	CHECK(does(XS_WATCH, 0, "data", "t", NULL));
	CHECK(event_is("data", "t"));
	a = begin();
	b = begin();
	CHECK(a && b && a != b);
	CHECK(does(XS_WRITE, a, "data/a", "1", NULL));
	CHECK(does(XS_WRITE, a, "data/b", "2", NULL));
	CHECK(does(XS_RM, a, "data/b", NULL, NULL));
	CHECK(reads("data/a", NULL));
	CHECK(ask_path(XS_READ, a, "data/a") && !strcmp(reply.data, "1"));
	CHECK(does(XS_READ, b, "data/a", NULL, "ENOENT"));
	CHECK(no_event());
	CHECK(does(XS_TRANSACTION_END, a, "T", NULL, NULL));
	CHECK(reads("data/a", "1"));
	CHECK(event_is("data/a", "t") && event_is("data/b", "t") && event_is("data/b", "t"));
	/* The other one has read what was not to last. */
	CHECK(does(XS_WRITE, b, "data/c", "3", NULL));
	CHECK(does(XS_TRANSACTION_END, b, "T", NULL, "EAGAIN"));
	CHECK(reads("data/c", NULL));
	CHECK(does(XS_TRANSACTION_END, b, "T", NULL, "ENOENT"));
	a = begin();
	CHECK(does(XS_WRITE, a, "data/c", "3", NULL));
	CHECK(does(XS_TRANSACTION_END, a, "F", NULL, NULL));
	CHECK(reads("data/c", NULL));
	CHECK(no_event());
	/* One that has only looked cannot fail. */
	a = begin();
	CHECK(does(XS_WRITE, 0, "data/d", "4", NULL));
	CHECK(does(XS_TRANSACTION_END, a, "T", NULL, NULL));
	a = begin();
	CHECK(does(XS_TRANSACTION_START, a, "", NULL, "EBUSY"));
	CHECK(does(XS_TRANSACTION_END, a, "X", NULL, "EINVAL"));
	CHECK(does(XS_TRANSACTION_END, 0, "T", NULL, "ENOENT"));
	CHECK(does(XS_WRITE, 77777, "data/a", "x", "ENOENT"));
	return true;
}

static bool transaction_quotas(void)
{
	u32 n, a;

	for (n = 0; n < 50 && begin(); n++)
		;
	CHECK(n == 10 && !strcmp(reply.data, "ENOSPC"));
	CHECK(ask(XS_RESET_WATCHES, 0, "", 1) && reply.type == XS_RESET_WATCHES);
	a = begin();
	CHECK(a);
	for (n = 0; n < 5000; n++)
		if (!ask(XS_WRITE, a, "data/a\0x", 8) || reply.type == XS_ERROR)
			break;
	CHECK(n == 1024 && !strcmp(reply.data, "ENOSPC"));
	return true;
}

/* ------------------------------------------------------------ domains, and what is not for guests
 */

static bool domains(void)
{
	CHECK(ask_path(XS_GET_DOMAIN_PATH, 0, "1") && !strcmp(reply.data, "/local/domain/1"));
	CHECK(ask_path(XS_GET_DOMAIN_PATH, 0, "7") && !strcmp(reply.data, "/local/domain/7"));
	CHECK(does(XS_GET_DOMAIN_PATH, 0, "x", NULL, "EINVAL"));
	CHECK(does(XS_GET_DOMAIN_PATH, 0, "-1", NULL, "EINVAL"));
	CHECK(ask_path(XS_IS_DOMAIN_INTRODUCED, 0, "1") && !strcmp(reply.data, "T"));
	CHECK(ask_path(XS_IS_DOMAIN_INTRODUCED, 0, "2") && !strcmp(reply.data, "F"));
	CHECK(does(XS_INTRODUCE, 0, "1", NULL, "EACCES"));
	CHECK(does(XS_RELEASE, 0, "1", NULL, "EACCES"));
	CHECK(does(XS_RESUME, 0, "1", NULL, "EACCES"));
	CHECK(does(XS_SET_TARGET, 0, "1", NULL, "EACCES"));
	CHECK(does(XS_CONTROL, 0, "help", NULL, "EACCES"));
	CHECK(does(XS_WATCH_EVENT, 0, "data", "x", "ENOSYS"));
	CHECK(does(XS_ERROR, 0, "x", NULL, "ENOSYS"));
	CHECK(does(XS_TYPE_COUNT, 0, "x", NULL, "ENOSYS"));
	CHECK(does(XS_INVALID, 0, "x", NULL, "ENOSYS"));
	CHECK(does(0xffffffff, 0, "x", NULL, "ENOSYS"));
	return true;
}

/* ------------------------------------------------------------ the ring */

static bool all_around_the_ring(void)
{
	char value[32];

	/* Each request and reply begins at another place of it. */
	for (u32 i = 0; i < 2000; i++) {
		snprintf(value, sizeof(value), "%.*s", (int)(i % 23), "abcdefghijklmnopqrstuvw");
		CHECK(does(XS_WRITE, 0, "data/a", value, NULL));
		CHECK(reads("data/a", value));
	}
	CHECK(kicks >= 4000);
	return true;
}

static bool large_messages(void)
{
	static char request[XENSTORE_PAYLOAD_MAX];

	memcpy(request, "data/a", 7);
	memset(request + 7, 'v', 2000);
	CHECK(ask(XS_WRITE, 0, request, 2007) && reply.type == XS_WRITE);
	CHECK(ask_path(XS_READ, 0, "data/a") && reply.len == 2000);
	CHECK(ask(XS_WRITE, 0, request, sizeof(request)) && !strcmp(reply.data, "ENOSPC"));
	return true;
}

/* No request is taken while a reply waits for room. */
static bool slow_reader(void)
{
	struct xsd_sockmsg head = {.type = XS_READ, .len = 7};
	u32 n = 0, before;

	xenstore_write(store, "/local/domain/1/data/a", "%01500d", 0);
	for (u32 i = 0; i < 30; i++) {
		client_put(&head, sizeof(head));
		client_put("data/a", 7);
	}
	xenstore_ring_work(store);
	CHECK(ring->rsp_prod - ring->rsp_cons == XENSTORE_RING_SIZE);
	before = ring->req_cons;
	xenstore_ring_work(store);
	CHECK(before == ring->req_cons && before < ring->req_prod);
	while (client_get()) {
		CHECK(reply.len == 1500);
		n++;
	}
	CHECK(n == 30 && ring->req_cons == ring->req_prod);
	return true;
}

static bool hung_up(u32 error)
{
	CHECK(ring->error == error);
	ring->req_prod = ring->req_cons;
	ring->rsp_cons = ring->rsp_prod;
	CHECK(!ask_path(XS_READ, 0, "data"));
	/* Nothing is kept for it, either. */
	xenstore_write(store, "/local/domain/1/data", "x");
	CHECK(ring->rsp_cons == ring->rsp_prod);
	return true;
}

static bool wild_request_index(void)
{
	ring->req_prod = ring->req_cons + XENSTORE_RING_SIZE + 1;
	xenstore_ring_work(store);
	return hung_up(XENSTORE_ERROR_RINGIDX);
}

static bool wild_reply_index(void)
{
	struct xsd_sockmsg head = {.type = XS_READ, .len = 5};

	client_put(&head, sizeof(head));
	client_put("data", 5);
	ring->rsp_cons = 5;
	xenstore_ring_work(store);
	return hung_up(XENSTORE_ERROR_RINGIDX);
}

static bool too_long(void)
{
	struct xsd_sockmsg head = {.type = XS_READ, .len = XENSTORE_PAYLOAD_MAX + 1};

	client_put(&head, sizeof(head));
	xenstore_ring_work(store);
	return hung_up(XENSTORE_ERROR_PROTO);
}

/* The kernel behind PV GRUB, or behind kexec, finds a ring in use. */
static bool reconnects(void)
{
	CHECK(ring->server_features & XENSTORE_SERVER_FEATURE_RECONNECTION);
	CHECK(does(XS_WATCH, 0, "data", "old", NULL));
	CHECK(event_is("data", "old"));
	CHECK(begin());
	client_put("half a request", 14);
	xenstore_ring_work(store);
	ring->connection = XENSTORE_RECONNECT;
	xenstore_ring_work(store);
	CHECK(ring->connection == XENSTORE_CONNECTED && !ring->req_prod && !ring->rsp_cons);
	CHECK(does(XS_WRITE, 0, "data/a", "new", NULL));
	CHECK(reads("data/a", "new"));
	CHECK(no_event());
	return true;
}

int main(void)
{
	TEST(nodes);
	TEST(values_are_bytes);
	TEST(bad_paths);
	TEST(long_lists);
	TEST(permissions);
	TEST(quotas);
	TEST(watches);
	TEST(events_pile_up);
	TEST(transactions);
	TEST(transaction_quotas);
	TEST(domains);
	TEST(all_around_the_ring);
	TEST(large_messages);
	TEST(slow_reader);
	TEST(wild_request_index);
	TEST(wild_reply_index);
	TEST(too_long);
	TEST(reconnects);
	run_host_tests();
	run_xenbus_tests();
	printf("1..%u\n", number);
	return failed != 0;
}
