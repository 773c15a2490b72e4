// SPDX-License-Identifier: GPL-2.0
/* xenstore as vmmd uses it. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client.h"

static u32 heard, notified;
static char last[128];
static struct xenstore_watch *watch;

static void hear(void *opaque, const char *path)
{
	(void)opaque;
	heard++;
	snprintf(last, sizeof(last), "%s", path);
}

static void notify(void *opaque)
{
	(void)opaque;
	notified++;
}

static bool values(void)
{
	u32 n = 0;
	char *text;

	CHECK(!xenstore_write(store, "/a/b", "%d", 42));
	text = xenstore_read(store, "/a/b");
	CHECK(text && !strcmp(text, "42"));
	free(text);
	CHECK(!xenstore_read(store, "/a/c"));
	CHECK(!xenstore_read_u32(store, "/a/b", &n) && n == 42);
	CHECK(xenstore_read_u32(store, "/a/c", &n) == -ENOENT);
	CHECK(!xenstore_write(store, "/a/b", "4294967296"));
	CHECK(xenstore_read_u32(store, "/a/b", &n) == -EINVAL);
	CHECK(!xenstore_write(store, "/a/b", "12x"));
	CHECK(xenstore_read_u32(store, "/a/b", &n) == -EINVAL && n == 42);
	CHECK(!xenstore_write(store, "/a/b", "-1"));
	CHECK(xenstore_read_u32(store, "/a/b", &n) == -EINVAL);
	CHECK(xenstore_write(store, "a", "x") == -EINVAL);
	CHECK(xenstore_set_perms(store, "/zz", 0, 'r') == -ENOENT);
	CHECK(xenstore_set_perms(store, "/a", 2, 'r') == -EINVAL);
	CHECK(xenstore_set_perms(store, "/a", 0, 'q') == -EINVAL);
	CHECK(xenstore_remove(store, "/zz") == -ENOENT);
	CHECK(!xenstore_remove(store, "/a"));
	CHECK(!xenstore_read(store, "/a/b"));
	CHECK(xenstore_remove(store, "/") == -ENOENT);
	return true;
}

static bool hears_changes(void)
{
	heard = notified = 0;
	xenstore_set_notify(store, notify, NULL);
	watch = xenstore_watch(store, "/local/domain/1/data", hear, NULL);
	CHECK(watch && notified == 1 && !heard);
	xenstore_run_watches(store);
	CHECK(heard == 1);
	CHECK(does(XS_WRITE, 0, "data/x", "1", NULL));
	CHECK(does(XS_WRITE, 0, "data/y", "1", NULL));
	CHECK(notified == 2 && heard == 1);
	xenstore_run_watches(store);
	CHECK(heard == 2 && !strcmp(last, "/local/domain/1/data/x"));
	xenstore_run_watches(store);
	CHECK(heard == 2);
	/* What is watched goes with what is above it. */
	xenstore_remove(store, "/local/domain/1");
	xenstore_run_watches(store);
	CHECK(heard == 3 && !strcmp(last, "/local/domain/1/data"));
	xenstore_unwatch(store, watch);
	xenstore_write(store, "/local/domain/1/data", "x");
	xenstore_run_watches(store);
	CHECK(heard == 3);
	return true;
}

static void end_itself(void *opaque, const char *path)
{
	hear(opaque, path);
	xenstore_unwatch(store, watch);
	xenstore_write(store, "/local/domain/1/data", "again");
	watch = xenstore_watch(store, "/local/domain/1/other", hear, NULL);
	xenstore_run_watches(store);
}

static bool changes_while_hearing(void)
{
	heard = 0;
	watch = xenstore_watch(store, "/local/domain/1/data", end_itself, NULL);
	xenstore_run_watches(store);
	CHECK(heard == 1);
	xenstore_run_watches(store);
	CHECK(heard == 2 && !strcmp(last, "/local/domain/1/other"));
	return true;
}

void run_host_tests(void)
{
	TEST(values);
	TEST(hears_changes);
	TEST(changes_while_hearing);
}
