// SPDX-License-Identifier: GPL-2.0
/*
 * xenstore's transactions: each works on a copy of the tree, which replaces the
 * original when nobody has changed that meanwhile. Else it has to be tried again
 * (EAGAIN), which the protocol allows for whatever reason.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "xen/store_internal.h"

/* Changes that one may make. */
#define CHANGES_MAX 1024

struct transaction *txn_find(struct xenstore *xs, u32 id)
{
	struct transaction *txn;

	for (txn = xs->txns; txn; txn = txn->next)
		if (txn->id == id)
			return txn;
	return NULL;
}

/** txn_start() - begin one; 0, -ENOSPC when there are too many, -ENOMEM */
int txn_start(struct xenstore *xs, u32 *id)
{
	struct transaction *txn;
	u32 n = 0;

	for (txn = xs->txns; txn; txn = txn->next)
		n++;
	if (n >= STORE_TRANSACTIONS)
		return -ENOSPC;
	txn = calloc(1, sizeof(*txn));
	if (!txn || tree_copy(&txn->tree, &xs->tree)) {
		free(txn);
		return -ENOMEM;
	}
	while (!xs->next_txn || txn_find(xs, xs->next_txn))
		xs->next_txn++;
	txn->id = xs->next_txn++;
	txn->generation = xs->generation;
	txn->next = xs->txns;
	xs->txns = txn;
	*id = txn->id;
	return 0;
}

static void drop(struct xenstore *xs, struct transaction *txn)
{
	struct transaction **link = &xs->txns;
	struct change *c, *next;

	while (*link != txn)
		link = &(*link)->next;
	*link = txn->next;
	for (c = txn->changes; c; c = next) {
		next = c->next;
		free(c);
	}
	tree_free(&txn->tree);
	free(txn);
}

/* Oldest first: they were put in front of each other. */
static void fire_changes(struct xenstore *xs, struct transaction *txn)
{
	struct change *c, *next, *list = NULL;

	for (c = txn->changes; c; c = next) {
		next = c->next;
		c->next = list;
		list = c;
	}
	txn->changes = list;
	for (c = list; c; c = c->next)
		watch_fire(xs, c->path, c->gone);
}

/** txn_end() - finish one; 0, or -EAGAIN when somebody else was faster */
int txn_end(struct xenstore *xs, struct transaction *txn, bool commit)
{
	struct tree old;
	int ret = 0;

	if (commit && txn->changes) {
		if (txn->generation != xs->generation) {
			ret = -EAGAIN;
		} else {
			old = xs->tree;
			xs->tree = txn->tree;
			txn->tree = old;
			xs->generation++;
			fire_changes(xs, txn);
		}
	}
	drop(xs, txn);
	return ret;
}

/**
 * txn_changed() - a path was changed: tell, now or when the transaction ends
 * @xs: the store
 * @txn: by which transaction, NULL for none
 * @path: what
 * @gone: it was removed
 *
 * Return: 0, -ENOMEM, or -ENOSPC when the transaction is too large.
 */
int txn_changed(struct xenstore *xs, struct transaction *txn, const char *path, bool gone)
{
	struct change *c;

	if (!txn) {
		xs->generation++;
		watch_fire(xs, path, gone);
		return 0;
	}
	if (txn->nr_changes >= CHANGES_MAX)
		return -ENOSPC;
	c = malloc(sizeof(*c) + strlen(path) + 1);
	if (!c)
		return -ENOMEM;
	c->gone = gone;
	strcpy(c->path, path);
	c->next = txn->changes;
	txn->changes = c;
	txn->nr_changes++;
	return 0;
}

void txn_drop_all(struct xenstore *xs)
{
	while (xs->txns)
		drop(xs, xs->txns);
}
