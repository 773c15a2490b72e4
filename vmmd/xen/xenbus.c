// SPDX-License-Identifier: GPL-2.0
/* The back end's side of the split drivers' handshake. See xenbus.h. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xen/io/xenbus.h>

#include "log.h"
#include "xen/store.h"
#include "xen/xen.h"
#include "xen/xenbus.h"

#define KEY_MAX (XENBUS_PATH_MAX + 64)

int xenbus_read_u32(struct xenbus_dev *dev, const char *key, u32 *value)
{
	char path[KEY_MAX];

	if (snprintf(path, sizeof(path), "%s/%s", dev->frontend, key) >= (int)sizeof(path))
		return -EINVAL;
	return xenstore_read_u32(xen_store(dev->xen), path, value);
}

char *xenbus_read(struct xenbus_dev *dev, const char *key)
{
	char path[KEY_MAX];

	if (snprintf(path, sizeof(path), "%s/%s", dev->frontend, key) >= (int)sizeof(path))
		return NULL;
	return xenstore_read(xen_store(dev->xen), path);
}

static int write_node(struct xenbus_dev *dev, const char *dir, const char *key, const char *fmt,
		      va_list ap)
{
	char path[KEY_MAX], *value;
	int ret;

	if (snprintf(path, sizeof(path), "%s/%s", dir, key) >= (int)sizeof(path))
		return -EINVAL;
	if (vasprintf(&value, fmt, ap) < 0)
		return -ENOMEM;
	ret = xenstore_write(xen_store(dev->xen), path, "%s", value);
	free(value);
	return ret;
}

int xenbus_write(struct xenbus_dev *dev, const char *key, const char *fmt, ...)
{
	va_list ap;
	int ret;

	va_start(ap, fmt);
	ret = write_node(dev, dev->backend, key, fmt, ap);
	va_end(ap);
	return ret;
}

__attribute__((format(printf, 3, 4))) static int write_front(struct xenbus_dev *dev,
							     const char *key, const char *fmt, ...)
{
	va_list ap;
	int ret;

	va_start(ap, fmt);
	ret = write_node(dev, dev->frontend, key, fmt, ap);
	va_end(ap);
	return ret;
}

/* ------------------------------------------------------------ states */

static void set_state(struct xenbus_dev *dev, u32 state)
{
	int ret;

	if (dev->state == state)
		return;
	dev->state = state;
	ret = xenbus_write(dev, "state", "%u", state);
	if (ret)
		log_err("%s/%u: the guest cannot be told of state %u: %s", dev->type, dev->id,
			state, strerror(-ret));
}

static void disconnect(struct xenbus_dev *dev)
{
	if (!dev->connected)
		return;
	dev->connected = false;
	dev->ops->disconnect(dev);
}

static void offer(struct xenbus_dev *dev)
{
	disconnect(dev);
	if (dev->ops->advertise(dev))
		xenbus_fail(dev, "features cannot be written");
	else
		set_state(dev, XenbusStateInitWait);
}

static void connect_front(struct xenbus_dev *dev)
{
	if (dev->connected || dev->ops->connect(dev))
		return;
	dev->connected = true;
	set_state(dev, XenbusStateConnected);
}

/* The front end is closed. Whoever wants the device to go can have it. */
static void let_go(struct xenbus_dev *dev)
{
	void (*left)(struct xenbus_dev * dev) = dev->left;

	disconnect(dev);
	set_state(dev, XenbusStateClosed);
	dev->left = NULL;
	if (left)
		left(dev);
}

/* The front end's state has changed, or was written once more. */
static void front_changed(void *opaque, const char *path)
{
	struct xenbus_dev *dev = opaque;
	u32 state = XenbusStateUnknown;
	int ret = xenbus_read_u32(dev, "state", &state);

	(void)path;
	if (dev->failed)
		return;
	if (ret == -EINVAL) {
		xenbus_fail(dev, "the front end's state is no number");
		return;
	}
	switch (state) {
	case XenbusStateInitialising:
		/* The first time, or a new driver after the old one has closed. */
		if (dev->left)
			let_go(dev);
		else if (dev->state != XenbusStateInitWait)
			offer(dev);
		break;
	case XenbusStateInitialised:
		connect_front(dev);
		break;
	case XenbusStateConnected:
		/* Network front ends come here at once. */
		connect_front(dev);
		if (dev->connected && dev->ops->connected)
			dev->ops->connected(dev);
		break;
	case XenbusStateClosing:
		disconnect(dev);
		set_state(dev, XenbusStateClosing);
		break;
	case XenbusStateClosed:
	case XenbusStateUnknown:
		let_go(dev);
		break;
	}
}

/* Has a driver taken it, as far as it says? */
static bool is_held(struct xenbus_dev *dev)
{
	u32 state;

	if (dev->state == XenbusStateClosed || xenbus_read_u32(dev, "state", &state))
		return false;
	return state == XenbusStateInitialised || state == XenbusStateConnected ||
	       state == XenbusStateClosing;
}

void xenbus_close(struct xenbus_dev *dev, void (*left)(struct xenbus_dev *dev))
{
	dev->left = left;
	xenbus_write(dev, "online", "0");
	if (is_held(dev))
		set_state(dev, XenbusStateClosing);
	else
		let_go(dev);
}

void xenbus_fail(struct xenbus_dev *dev, const char *fmt, ...)
{
	char reason[160];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(reason, sizeof(reason), fmt, ap);
	va_end(ap);
	log_warn("%s/%u: closed: %s", dev->type, dev->id, reason);
	dev->failed = true;
	disconnect(dev);
	xenbus_write(dev, "error", "%s", reason);
	set_state(dev, XenbusStateClosed);
}

/* ------------------------------------------------------------ the device */

static int make_directories(struct xenbus_dev *dev)
{
	struct xenstore *store = xen_store(dev->xen);
	int ret;

	snprintf(dev->frontend, sizeof(dev->frontend), "/local/domain/%u/device/%s/%u", XEN_DOMID,
		 dev->type, dev->id);
	snprintf(dev->backend, sizeof(dev->backend), "/local/domain/0/backend/%s/%u/%u", dev->type,
		 XEN_DOMID, dev->id);
	ret = xenstore_write(store, dev->frontend, "%s", "");
	if (!ret)
		ret = xenstore_set_perms(store, dev->frontend, XEN_DOMID, 'n');
	if (!ret)
		ret = xenstore_write(store, dev->backend, "%s", "");
	if (!ret)
		ret = xenstore_set_perms(store, dev->backend, 0, 'r');
	if (!ret)
		ret = xenbus_write(dev, "frontend", "%s", dev->frontend);
	if (!ret)
		ret = xenbus_write(dev, "frontend-id", "%u", XEN_DOMID);
	if (!ret)
		ret = xenbus_write(dev, "online", "1");
	if (!ret)
		ret = xenbus_write(dev, "state", "%u", XenbusStateInitialising);
	if (!ret)
		ret = write_front(dev, "backend", "%s", dev->backend);
	if (!ret)
		ret = write_front(dev, "backend-id", "0");
	if (!ret)
		ret = write_front(dev, "state", "%u", XenbusStateInitialising);
	return ret;
}

int xenbus_add(struct xenbus_dev *dev)
{
	char path[KEY_MAX];
	int ret;

	dev->state = XenbusStateInitialising;
	dev->connected = false;
	dev->failed = false;
	ret = make_directories(dev);
	if (!ret) {
		snprintf(path, sizeof(path), "%s/state", dev->frontend);
		dev->watch = xenstore_watch(xen_store(dev->xen), path, front_changed, dev);
		ret = dev->watch ? 0 : -ENOMEM;
	}
	if (ret)
		log_err("%s/%u: xenstore: %s", dev->type, dev->id, strerror(-ret));
	return ret;
}

void xenbus_remove(struct xenbus_dev *dev)
{
	if (!dev->watch)
		return;
	xenstore_unwatch(xen_store(dev->xen), dev->watch);
	dev->watch = NULL;
	disconnect(dev);
}

void xenbus_delete(struct xenbus_dev *dev)
{
	struct xenstore *store = xen_store(dev->xen);

	xenbus_remove(dev);
	if (!store || !dev->frontend[0])
		return;
	/* The guest may have removed its own. */
	xenstore_remove(store, dev->frontend);
	xenstore_remove(store, dev->backend);
}
