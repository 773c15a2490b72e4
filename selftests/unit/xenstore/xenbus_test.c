// SPDX-License-Identifier: GPL-2.0
/* The handshake of split drivers, with a front end that writes what it likes. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xen/io/xenbus.h>

#include "client.h"
#include "xen/xenbus.h"

#define FRONT "/local/domain/1/device/vxx/7"
#define BACK  "/local/domain/0/backend/vxx/1/7"

static struct xenbus_dev dev;
static u32 advertised, connects, connecteds, disconnects;
static bool refuse;

struct xenstore *xen_store(struct xen *xen)
{
	(void)xen;
	return store;
}

static int advertise(struct xenbus_dev *d)
{
	advertised++;
	return xenbus_write(d, "feature-x", "%d", 1);
}

static int do_connect(struct xenbus_dev *d)
{
	connects++;
	if (refuse) {
		xenbus_fail(d, "refused for %s", "a test");
		return -EINVAL;
	}
	return 0;
}

static void connected(struct xenbus_dev *d)
{
	(void)d;
	connecteds++;
}

static void disconnect(struct xenbus_dev *d)
{
	(void)d;
	disconnects++;
}

static const struct xenbus_ops ops = {
	.advertise = advertise,
	.connect = do_connect,
	.connected = connected,
	.disconnect = disconnect,
};

static u32 back_state(void)
{
	u32 state = 99;

	xenstore_run_watches(store);
	xenstore_read_u32(store, BACK "/state", &state);
	return state;
}

static u32 front(u32 state)
{
	xenstore_write(store, FRONT "/state", "%u", state);
	return back_state();
}

static void add(void)
{
	advertised = connects = connecteds = disconnects = 0;
	refuse = false;
	dev = (struct xenbus_dev){.type = "vxx", .id = 7, .ops = &ops};
	if (xenbus_add(&dev))
		abort();
	xenstore_run_watches(store);
}

static bool handshake(void)
{
	add();
	CHECK(back_state() == XenbusStateInitWait && advertised == 1);
	CHECK(reads("device/vxx/7/backend", BACK) && reads("device/vxx/7/backend-id", "0"));
	CHECK(reads(BACK "/frontend", FRONT) && reads(BACK "/frontend-id", "1"));
	CHECK(reads(BACK "/feature-x", "1"));
	CHECK(does(XS_WRITE, 0, BACK "/state", "4", "EACCES"));
	CHECK(does(XS_WRITE, 0, "device/vxx/7/ring-ref", "8", NULL));
	CHECK(front(XenbusStateInitialised) == XenbusStateConnected && connects == 1);
	CHECK(front(XenbusStateConnected) == XenbusStateConnected && connecteds == 1);
	CHECK(front(XenbusStateClosing) == XenbusStateClosing && disconnects == 1);
	CHECK(front(XenbusStateClosed) == XenbusStateClosed && disconnects == 1);
	/* Another driver takes over. */
	CHECK(front(XenbusStateInitialising) == XenbusStateInitWait && advertised == 2);
	/* Network front ends have no state Initialised. */
	CHECK(front(XenbusStateConnected) == XenbusStateConnected && connects == 2);
	CHECK(front(XenbusStateInitialising) == XenbusStateInitWait && disconnects == 2);
	CHECK(front(XenbusStateInitialised) == XenbusStateConnected && connects == 3);
	xenbus_remove(&dev);
	CHECK(disconnects == 3);
	xenbus_remove(&dev);
	CHECK(disconnects == 3);
	CHECK(front(XenbusStateInitialising) == XenbusStateConnected);
	return true;
}

static bool front_end_vanishes(void)
{
	add();
	CHECK(front(XenbusStateInitialised) == XenbusStateConnected);
	CHECK(does(XS_RM, 0, "device/vxx/7", NULL, NULL));
	CHECK(back_state() == XenbusStateClosed && disconnects == 1);
	xenbus_remove(&dev);
	return true;
}

static bool failures(void)
{
	add();
	refuse = true;
	CHECK(front(XenbusStateInitialised) == XenbusStateClosed && !disconnects);
	CHECK(reads(BACK "/error", "refused for a test"));
	CHECK(front(XenbusStateInitialising) == XenbusStateClosed && advertised == 1);
	xenbus_remove(&dev);
	add();
	CHECK(front(XenbusStateInitialised) == XenbusStateConnected);
	xenbus_fail(&dev, "later");
	CHECK(back_state() == XenbusStateClosed && disconnects == 1);
	CHECK(front(XenbusStateInitialised) == XenbusStateClosed && connects == 1);
	xenbus_remove(&dev);
	add();
	CHECK(does(XS_WRITE, 0, "device/vxx/7/state", "nonsense", NULL));
	CHECK(back_state() == XenbusStateClosed && !connects);
	xenbus_remove(&dev);
	return true;
}

static bool odd_states(void)
{
	add();
	CHECK(front(XenbusStateInitWait) == XenbusStateInitWait);
	CHECK(front(4711) == XenbusStateInitWait);
	CHECK(front(XenbusStateClosed) == XenbusStateClosed && !disconnects);
	xenbus_remove(&dev);
	return true;
}

static bool reads_front(void)
{
	char longest[256];
	u32 n = 0;
	char *text;

	add();
	CHECK(does(XS_WRITE, 0, "device/vxx/7/q/port", "12", NULL));
	CHECK(!xenbus_read_u32(&dev, "q/port", &n) && n == 12);
	CHECK(xenbus_read_u32(&dev, "none", &n) == -ENOENT);
	text = xenbus_read(&dev, "q/port");
	CHECK(text && !strcmp(text, "12"));
	free(text);
	memset(longest, 'x', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	CHECK(xenbus_read_u32(&dev, longest, &n) == -EINVAL);
	CHECK(!xenbus_read(&dev, longest));
	CHECK(xenbus_write(&dev, longest, "x") == -EINVAL);
	xenbus_remove(&dev);
	return true;
}

void run_xenbus_tests(void)
{
	TEST(handshake);
	TEST(front_end_vanishes);
	TEST(failures);
	TEST(odd_states);
	TEST(reads_front);
}
