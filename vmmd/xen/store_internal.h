/* SPDX-License-Identifier: GPL-2.0 */
/* What the files of xenstore share. See store.h. */
#ifndef VMMD_XEN_STORE_INTERNAL_H
#define VMMD_XEN_STORE_INTERNAL_H

#include <stdint.h>
#include <xen/io/xs_wire.h>

#include "xen/store.h"
#include "xen/xen.h"

/* What a guest may have, as xenstored's defaults are. */
#define STORE_NODES	   1000
#define STORE_NODE_BYTES   2048
#define STORE_WATCHES	   128
#define STORE_TRANSACTIONS 10
#define STORE_PERMS	   8
#define STORE_EVENTS	   1024

#define STORE_HOME     "/local/domain/1"
#define PATH_MAX_BYTES (XENSTORE_ABS_PATH_MAX + 1)

/**
 * struct node_perm - one entry of a permission list
 * @domid: for whom; in the first entry the owner
 * @perm: 'n', 'r', 'w' or 'b'; in the first entry what all others may
 */
struct node_perm {
	u32 domid;
	char perm;
};

/**
 * struct node - a node of the tree; children are sorted by name
 */
struct node {
	char *name;
	struct node *parent;
	struct node **child;
	u32 nr_children;
	void *value;
	u32 len;
	struct node_perm perm[STORE_PERMS];
	u32 nr_perms;
};

/**
 * struct tree - a root, and how many nodes below it the guest has made
 */
struct tree {
	struct node *root;
	u32 guest_nodes;
};

/**
 * struct change - a path that a transaction has changed
 * @gone: removed: all that was below it, too
 */
struct change {
	struct change *next;
	bool gone;
	char path[];
};

/**
 * struct transaction - one under way: a copy of the tree, and what it changed
 * @generation: of the tree that was copied
 */
struct transaction {
	struct transaction *next;
	u32 id;
	u64 generation;
	struct tree tree;
	struct change *changes;
	u32 nr_changes;
};

/**
 * struct guest_watch - what the guest watches
 * @path: absolute
 * @relative: it was named below STORE_HOME, and events name paths so
 */
struct guest_watch {
	struct guest_watch *next;
	bool relative;
	char *path;
	char *token;
};

struct xenstore_watch {
	struct xenstore_watch *next;
	xenstore_watch_fn fn; /* NULL: ended */
	void *opaque;
	char *path;
	char *fired; /* path of a change not yet told, NULL for none */
};

/** struct message - on its way to the guest */
struct message {
	struct message *next;
	u32 len;
	u32 sent;
	u8 data[];
};

/**
 * struct xenstore - a guest's xenstore; main thread
 * @tree: what everybody sees
 * @generation: counts its changes
 * @txns: those under way
 * @next_txn: number of the next one
 * @watches: the guest's
 * @nr_watches: how many
 * @host: vmmd's watches
 * @notify: told when one of these has fired
 * @notify_opaque: its argument
 * @running: their functions are being called
 * @out: messages that wait for room in the ring
 * @out_end: where the next goes
 * @nr_out: how many
 * @ring: the shared page, NULL while nobody is served
 * @kick: tells the guest to look
 * @kick_opaque: its argument
 * @request: being assembled
 * @have: bytes of it
 */
struct xenstore {
	struct tree tree;
	u64 generation;
	struct transaction *txns;
	u32 next_txn;
	struct guest_watch *watches;
	u32 nr_watches;
	struct xenstore_watch *host;
	void (*notify)(void *opaque);
	void *notify_opaque;
	bool running;
	struct message *out;
	struct message **out_end;
	u32 nr_out;
	struct xenstore_domain_interface *ring;
	void (*kick)(void *opaque);
	void *kick_opaque;
	/* Behind the payload a NUL, so that it can be read as a string. */
	u8 request[sizeof(struct xsd_sockmsg) + XENSTORE_PAYLOAD_MAX + 1];
	u32 have;
};

/* store.c */
bool store_path_ok(const char *path);
bool store_below(const char *path, const char *dir);
struct node *tree_find(const struct tree *tree, const char *path);
int tree_make(struct tree *tree, u32 domid, const char *path, struct node **node);
int tree_remove(struct tree *tree, struct node *node);
int tree_copy(struct tree *to, const struct tree *from);
void tree_free(struct tree *tree);
int node_set(struct node *node, const void *value, u32 len);
bool node_allows(const struct node *node, u32 domid, char what);

/* store_watch.c */
int watch_add(struct xenstore *xs, const char *path, bool relative, const char *token);
int watch_del(struct xenstore *xs, const char *path, const char *token);
void watch_first(struct xenstore *xs, const char *path, const char *token);
void watch_del_all(struct xenstore *xs);
void watch_fire(struct xenstore *xs, const char *path, bool gone);

/* store_txn.c */
struct transaction *txn_find(struct xenstore *xs, u32 id);
int txn_start(struct xenstore *xs, u32 *id);
int txn_end(struct xenstore *xs, struct transaction *txn, bool commit);
int txn_changed(struct xenstore *xs, struct transaction *txn, const char *path, bool gone);
void txn_drop_all(struct xenstore *xs);

/* store_wire.c */
void store_serve(struct xenstore *xs, const struct xsd_sockmsg *head, char *payload);

/* store_ring.c */
void ring_send(struct xenstore *xs, const struct xsd_sockmsg *head, const void *payload);

#endif /* VMMD_XEN_STORE_INTERNAL_H */
