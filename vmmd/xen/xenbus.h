/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The handshake of split drivers (xen/io/xenbus.h): two directories in
 * xenstore, front end and back end, whose "state" nodes go from Initialising
 * to Connected and to Closed. xenbus.c keeps the back end's side of it; a back
 * end brings struct xenbus_ops.
 *
 * Directories:
 *	/local/domain/1/device/TYPE/ID		front end, the guest owns it
 *	/local/domain/0/backend/TYPE/1/ID	back end, the guest may read it
 *
 * Context: main thread.
 */
#ifndef VMMD_XEN_XENBUS_H
#define VMMD_XEN_XENBUS_H

#include "device.h"
#include "types.h"

#define XENBUS_PATH_MAX 96

struct vm;
struct xen;
struct xenbus_dev;

/**
 * struct xenbus_ops - what makes a back end
 * @advertise: write the back end's features below dev->backend; they are read
 *	       by the front end in state InitWait. 0 or a negative errno.
 * @connect: the front end is Initialised: read its rings' grant references and
 *	     event channels below dev->frontend, map and start them. 0 (the back
 *	     end becomes Connected) or a negative errno after
 *	     xenbus_fail(): the device is closed.
 * @connected: optional: both ends are Connected
 * @disconnect: stop all I/O, unmap and unbind everything of @connect; the guest
 *		is closing, is being reset, or has misbehaved. Called only after
 *		@connect returned 0.
 */
struct xenbus_ops {
	int (*advertise)(struct xenbus_dev *dev);
	int (*connect)(struct xenbus_dev *dev);
	void (*connected)(struct xenbus_dev *dev);
	void (*disconnect)(struct xenbus_dev *dev);
};

/**
 * struct xenbus_dev - one device
 * @xen: the guest's Xen side
 * @type: "vbd", "vif", ...
 * @id: number in xenstore
 * @frontend: path of the front end's directory
 * @backend: path of the back end's directory
 * @ops: the back end
 *
 * All else belongs to xenbus.c.
 */
struct xenbus_dev {
	struct xen *xen;
	const char *type;
	u32 id;
	char frontend[XENBUS_PATH_MAX];
	char backend[XENBUS_PATH_MAX];
	const struct xenbus_ops *ops;

	u32 state;			      /* enum xenbus_state of the back end */
	bool connected;			      /* ops->connect() has succeeded */
	bool failed;			      /* closed for misbehaviour, until reset */
	void (*left)(struct xenbus_dev *dev); /* see xenbus_close(); else NULL */
	struct xenstore_watch *watch;	      /* of the front end's state; NULL outside */
};

/**
 * xenbus_add() - make both directories and wait for the front end
 * @dev: xen, type, id and ops filled in, all else zero
 *
 * The guest is about to be started (anew), xenstore is fresh.
 * Return: 0 or a negative errno (logged).
 */
int xenbus_add(struct xenbus_dev *dev);

/** xenbus_remove() - disconnect if connected, forget the watch; idempotent */
void xenbus_remove(struct xenbus_dev *dev);

/**
 * xenbus_close() - ask the front end to let go of a device
 * @dev: the device, added
 * @left: called once when it has, and at once when nobody holds it; may call
 *	  xenbus_delete()
 *
 * A front end need not obey. What is left of an unheeded request when the guest
 * restarts is dev->left.
 */
void xenbus_close(struct xenbus_dev *dev, void (*left)(struct xenbus_dev *dev));

/** xenbus_delete() - xenbus_remove(), and no such device for the guest any more */
void xenbus_delete(struct xenbus_dev *dev);

/**
 * xenbus_fail() - close a device whose front end misbehaves
 * @dev: the device
 * @fmt: printf() format of the reason: to the log, and to the "error" node
 *
 * Disconnects (unless called from within ops->connect) and sets the state to
 * Closed; the guest is told nothing else. The device stays closed until the
 * guest restarts. Other threads post it to the main loop.
 */
void xenbus_fail(struct xenbus_dev *dev, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/**
 * xenbus_read_u32() - a number below the front end's directory
 * @dev: the device
 * @key: name below dev->frontend, e.g. "ring-ref" or "queue-0/event-channel-tx"
 * @value: out
 *
 * Return: 0, -ENOENT or -EINVAL.
 */
int xenbus_read_u32(struct xenbus_dev *dev, const char *key, u32 *value);

/** xenbus_read() - a text below the front end's directory, to be freed, or NULL */
char *xenbus_read(struct xenbus_dev *dev, const char *key);

/** xenbus_write() - set a value below the back end's directory; 0 or -errno */
int xenbus_write(struct xenbus_dev *dev, const char *key, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

#endif /* VMMD_XEN_XENBUS_H */
