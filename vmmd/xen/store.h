/* SPDX-License-Identifier: GPL-2.0 */
/*
 * xenstore: a tree of small values that guest and vmmd share, with watches and
 * transactions. Each guest has a tree of its own, in which it is domain
 * XEN_DOMID and vmmd domain 0; nothing in it comes from another guest.
 *
 * store.c	nodes, permissions, quotas
 * store_txn.c	transactions
 * store_watch.c watches
 * store_wire.c	the wire protocol (xen/io/xs_wire.h): a request in, replies out
 * store_ring.c	the page that carries it to and from the guest
 *
 * Context: main thread for all calls.
 */
#ifndef VMMD_XEN_STORE_H
#define VMMD_XEN_STORE_H

#include "types.h"

struct xenstore;
struct xen;

/** xenstore_create() - an empty tree: "/" alone; NULL without memory */
struct xenstore *xenstore_create(void);

/** xenstore_destroy() - free the tree, all watches, transactions, the ring */
void xenstore_destroy(struct xenstore *xs);

/**
 * xenstore_write() - set a value as domain 0
 * @xs: the tree
 * @path: absolute; missing parents are made
 * @fmt: printf() format of the value
 *
 * New nodes inherit their parent's permissions. Fires watches.
 * Return: 0, -EINVAL for a bad path, -ENOMEM.
 */
int xenstore_write(struct xenstore *xs, const char *path, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/**
 * xenstore_read() - get a value as domain 0
 * @xs: the tree
 * @path: absolute
 *
 * Return: the value with a NUL behind it, to be freed, or NULL when there is
 * no such node. What the guest wrote may hold any bytes, NULs included.
 */
char *xenstore_read(struct xenstore *xs, const char *path);

/**
 * xenstore_read_u32() - a value that should be a decimal number
 * Return: 0, -ENOENT without the node, -EINVAL when it is no such number.
 */
int xenstore_read_u32(struct xenstore *xs, const char *path, u32 *value);

/** xenstore_remove() - remove a node and all below it; 0 or -ENOENT */
int xenstore_remove(struct xenstore *xs, const char *path);

/**
 * xenstore_set_perms() - who may do what with a node
 * @xs: the tree
 * @path: absolute, must exist
 * @owner: domain that owns it: 0 or XEN_DOMID
 * @other: what the others may: 'n'one, 'r'ead, 'w'rite or 'b'oth
 *
 * Return: 0, -ENOENT or -EINVAL.
 */
int xenstore_set_perms(struct xenstore *xs, const char *path, u32 owner, char other);

/** typedef xenstore_watch_fn - @path, at or below what is watched, has changed */
typedef void (*xenstore_watch_fn)(void *opaque, const char *path);

struct xenstore_watch;

/**
 * xenstore_watch() - be told of changes at or below a path, as domain 0
 * @xs: the tree
 * @path: absolute; need not exist
 * @fn: called from the main loop, never from within the change, and once soon
 *	after this call; it may use all functions of this file
 * @opaque: its argument
 *
 * Return: the watch, or NULL without memory.
 */
struct xenstore_watch *xenstore_watch(struct xenstore *xs, const char *path, xenstore_watch_fn fn,
				      void *opaque);

/** xenstore_unwatch() - end a watch; its function will not be called again */
void xenstore_unwatch(struct xenstore *xs, struct xenstore_watch *watch);

/**
 * xenstore_run_watches() - call the functions of watches that have fired
 * @xs: the tree
 *
 * The main loop does this after it has served the guest's requests; whoever
 * changes the tree otherwise sees to it (xen.c posts it).
 */
void xenstore_run_watches(struct xenstore *xs);

/**
 * xenstore_set_notify() - who hears that watches of domain 0 have fired
 * @xs: the tree
 * @fn: called once when xenstore_run_watches() has something to do
 * @opaque: its argument
 */
void xenstore_set_notify(struct xenstore *xs, void (*fn)(void *opaque), void *opaque);

/**
 * xenstore_ring_connect() - serve the guest's ring
 * @xs: the tree
 * @page: struct xenstore_domain_interface (xen/io/xs_wire.h), shared with the
 *	  running guest and never to be trusted
 * @notify: tells the guest to look at the page
 * @opaque: its argument
 *
 * An earlier connection, its watches and transactions, are forgotten.
 */
void xenstore_ring_connect(struct xenstore *xs, void *page, void (*notify)(void *opaque),
			   void *opaque);

/**
 * xenstore_ring_work() - the guest has notified: take requests, put replies
 * @xs: the tree
 *
 * A guest that breaks the ring's rules is not served any more until it is
 * connected again (logged once).
 */
void xenstore_ring_work(struct xenstore *xs);

#endif /* VMMD_XEN_STORE_H */
