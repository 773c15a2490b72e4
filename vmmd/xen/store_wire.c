// SPDX-License-Identifier: GPL-2.0
/* xenstore's requests (docs/misc/xenstore.txt of Xen, xen/io/xs_wire.h). */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* xs_wire.h has the names of the errors for whoever has included errno.h. */
#include "types.h"
#include "xen/store_internal.h"

/**
 * struct call - a request being served
 * @xs: the store
 * @txn: the transaction that it belongs to, NULL for none
 * @tree: what it works on: the transaction's tree, or the one of all
 * @at: what of the payload has not been looked at
 * @left: bytes of that
 * @path: the path that it names, absolute
 * @relative: it was named below the guest's home
 * @token: of the watch that it names
 * @reply: payload of the reply
 * @len: bytes of it
 */
struct call {
	struct xenstore *xs;
	struct transaction *txn;
	struct tree *tree;
	char *at;
	u32 left;
	char path[PATH_MAX_BYTES];
	bool relative;
	const char *token;
	char reply[XENSTORE_PAYLOAD_MAX];
	u32 len;
};

/* ------------------------------------------------------------ arguments */

/* The payload's next string; NULL without one. */
static char *next_string(struct call *c)
{
	char *text = c->at, *end = memchr(c->at, '\0', c->left);

	if (!end)
		return NULL;
	c->left -= (u32)(end + 1 - text);
	c->at = end + 1;
	return text;
}

static int next_path(struct call *c)
{
	const char *text = next_string(c);
	int len;

	if (!text)
		return -EINVAL;
	c->relative = text[0] != '/';
	len = snprintf(c->path, sizeof(c->path), "%s%s", c->relative ? STORE_HOME "/" : "", text);
	if (len >= (int)sizeof(c->path) || !store_path_ok(c->path))
		return -EINVAL;
	return 0;
}

static int next_number(struct call *c, u32 *number)
{
	const char *text = next_string(c);
	unsigned long long n;
	char *end;

	if (!text || *text < '0' || *text > '9')
		return -EINVAL;
	errno = 0;
	n = strtoull(text, &end, 10);
	if (errno || *end || n > UINT32_MAX)
		return -EINVAL;
	*number = (u32)n;
	return 0;
}

/* The node that a request names, if the guest may do @what with it. */
static int next_node(struct call *c, char what, struct node **node)
{
	int ret = next_path(c);

	if (ret)
		return ret;
	*node = tree_find(c->tree, c->path);
	if (!*node)
		return -ENOENT;
	return node_allows(*node, XEN_DOMID, what) ? 0 : -EACCES;
}

/* ------------------------------------------------------------ replies */

static int reply_bytes(struct call *c, const void *bytes, u32 len)
{
	if (len > sizeof(c->reply) - c->len)
		return -E2BIG;
	if (len)
		memcpy(c->reply + c->len, bytes, len);
	c->len += len;
	return 0;
}

static int reply_string(struct call *c, const char *text)
{
	return reply_bytes(c, text, (u32)strlen(text) + 1);
}

static int reply_number(struct call *c, const char *before, unsigned long long number)
{
	char text[64];

	snprintf(text, sizeof(text), "%s%llu", before, number);
	return reply_string(c, text);
}

/* ------------------------------------------------------------ nodes */

static int do_directory(struct call *c)
{
	struct node *node;
	int ret = next_node(c, 'r', &node);
	u32 i;

	for (i = 0; !ret && i < node->nr_children; i++)
		ret = reply_string(c, node->child[i]->name);
	return ret;
}

/*
 * Lists that one reply cannot hold: a generation, by which the guest sees that
 * it has to begin again, and the names from an offset on; an empty name ends it.
 */
static int do_directory_part(struct call *c)
{
	struct node *node;
	u32 i, offset, name;
	int ret = next_node(c, 'r', &node);

	if (!ret)
		ret = next_number(c, &offset);
	if (!ret)
		ret = reply_number(c, "", c->xs->generation);
	if (ret)
		return ret;
	for (i = 0; i < node->nr_children; i++) {
		name = (u32)strlen(node->child[i]->name) + 1;
		if (offset) {
			/* Offsets are sums of what earlier replies held. */
			offset -= name < offset ? name : offset;
			continue;
		}
		if (reply_string(c, node->child[i]->name))
			return 0;
	}
	/* No room for the end: it comes by itself. */
	reply_string(c, "");
	return 0;
}

static int do_read(struct call *c)
{
	struct node *node;
	int ret = next_node(c, 'r', &node);

	return ret ? ret : reply_bytes(c, node->value, node->len);
}

static int do_write(struct call *c)
{
	struct node *node;
	int ret = next_path(c);

	if (ret)
		return ret;
	if (c->left > STORE_NODE_BYTES)
		return -ENOSPC;
	ret = tree_make(c->tree, XEN_DOMID, c->path, &node);
	if (ret < 0)
		return ret;
	if (!ret && !node_allows(node, XEN_DOMID, 'w'))
		return -EACCES;
	ret = node_set(node, c->at, c->left);
	return ret ? ret : txn_changed(c->xs, c->txn, c->path, false);
}

static int do_mkdir(struct call *c)
{
	struct node *node;
	int ret = next_path(c);

	if (!ret)
		ret = tree_make(c->tree, XEN_DOMID, c->path, &node);
	if (ret <= 0)
		return ret;
	return txn_changed(c->xs, c->txn, c->path, false);
}

/* A node that is not there is gone, if there is one that it could be in. */
static int removed_before(struct call *c)
{
	char *slash = strrchr(c->path, '/');

	*slash = '\0';
	return tree_find(c->tree, c->path) ? 0 : -ENOENT;
}

static int do_rm(struct call *c)
{
	struct node *node;
	int ret = next_node(c, 'w', &node);

	if (ret == -ENOENT)
		return removed_before(c);
	if (!ret)
		ret = tree_remove(c->tree, node);
	return ret ? ret : txn_changed(c->xs, c->txn, c->path, true);
}

/* ------------------------------------------------------------ permissions */

static int do_get_perms(struct call *c)
{
	struct node *node;
	int ret = next_node(c, 'r', &node);
	u32 i;

	for (i = 0; !ret && i < node->nr_perms; i++)
		ret = reply_number(c, (const char[]){node->perm[i].perm, '\0'},
				   node->perm[i].domid);
	return ret;
}

static int next_perm(struct call *c, struct node_perm *perm)
{
	if (!c->left || !*c->at || !strchr("nrwb", *c->at))
		return -EINVAL;
	perm->perm = *c->at;
	c->at++;
	c->left--;
	return next_number(c, &perm->domid);
}

static int do_set_perms(struct call *c)
{
	struct node_perm perm[STORE_PERMS];
	struct node *node;
	u32 n = 0;
	int ret = next_path(c);

	if (ret)
		return ret;
	while (c->left) {
		if (n == ARRAY_SIZE(perm))
			return -ENOSPC;
		ret = next_perm(c, &perm[n++]);
		if (ret)
			return ret;
	}
	if (!n)
		return -EINVAL;
	node = tree_find(c->tree, c->path);
	if (!node)
		return -ENOENT;
	/* A guest can share what it owns, but not give it away. */
	if (node->perm[0].domid != XEN_DOMID)
		return -EACCES;
	if (perm[0].domid != XEN_DOMID)
		return -EPERM;
	memcpy(node->perm, perm, n * sizeof(perm[0]));
	node->nr_perms = n;
	return txn_changed(c->xs, c->txn, c->path, false);
}

/* ------------------------------------------------------------ watches */

static int next_watch(struct call *c)
{
	int ret = next_path(c);

	if (ret)
		return ret;
	c->token = next_string(c);
	return c->token ? 0 : -EINVAL;
}

static int do_watch(struct call *c)
{
	int ret = next_watch(c);

	return ret ? ret : watch_add(c->xs, c->path, c->relative, c->token);
}

static int do_unwatch(struct call *c)
{
	int ret = next_watch(c);

	return ret ? ret : watch_del(c->xs, c->path, c->token);
}

static int do_reset_watches(struct call *c)
{
	watch_del_all(c->xs);
	txn_drop_all(c->xs);
	return 0;
}

/* ------------------------------------------------------------ transactions */

static int do_transaction_start(struct call *c)
{
	u32 id;
	int ret;

	if (c->txn)
		return -EBUSY;
	ret = txn_start(c->xs, &id);
	return ret ? ret : reply_number(c, "", id);
}

static int do_transaction_end(struct call *c)
{
	const char *how = next_string(c);

	if (!how || (strcmp(how, "T") && strcmp(how, "F")))
		return -EINVAL;
	if (!c->txn)
		return -ENOENT;
	return txn_end(c->xs, c->txn, *how == 'T');
}

/* ------------------------------------------------------------ domains */

static int do_get_domain_path(struct call *c)
{
	u32 domid;
	int ret = next_number(c, &domid);

	return ret ? ret : reply_number(c, "/local/domain/", domid);
}

static int do_is_introduced(struct call *c)
{
	u32 domid;
	int ret = next_number(c, &domid);

	return ret ? ret : reply_string(c, domid <= XEN_DOMID ? "T" : "F");
}

/* What is domain 0's alone. */
static int do_refuse(struct call *c)
{
	(void)c;
	return -EACCES;
}

static int (*const requests[XS_TYPE_COUNT])(struct call *c) = {
	[XS_CONTROL] = do_refuse,
	[XS_DIRECTORY] = do_directory,
	[XS_READ] = do_read,
	[XS_GET_PERMS] = do_get_perms,
	[XS_WATCH] = do_watch,
	[XS_UNWATCH] = do_unwatch,
	[XS_TRANSACTION_START] = do_transaction_start,
	[XS_TRANSACTION_END] = do_transaction_end,
	[XS_INTRODUCE] = do_refuse,
	[XS_RELEASE] = do_refuse,
	[XS_GET_DOMAIN_PATH] = do_get_domain_path,
	[XS_WRITE] = do_write,
	[XS_MKDIR] = do_mkdir,
	[XS_RM] = do_rm,
	[XS_SET_PERMS] = do_set_perms,
	[XS_IS_DOMAIN_INTRODUCED] = do_is_introduced,
	[XS_RESUME] = do_refuse,
	[XS_SET_TARGET] = do_refuse,
	[XS_RESET_WATCHES] = do_reset_watches,
	[XS_DIRECTORY_PART] = do_directory_part,
};

static const char *error_name(int err)
{
	u32 i;

	for (i = 0; i < ARRAY_SIZE(xsd_errors); i++)
		if (xsd_errors[i].errnum == err)
			return xsd_errors[i].errstring;
	return "EINVAL";
}

static int serve(struct call *c, const struct xsd_sockmsg *head)
{
	c->tree = &c->xs->tree;
	if (head->tx_id) {
		c->txn = txn_find(c->xs, head->tx_id);
		if (!c->txn)
			return -ENOENT;
		c->tree = &c->txn->tree;
	}
	if (head->type >= ARRAY_SIZE(requests) || !requests[head->type])
		return -ENOSYS;
	return requests[head->type](c);
}

/* Requests whose answer is data, of which there may be none. */
static bool answers(u32 type)
{
	return type == XS_DIRECTORY || type == XS_READ;
}

/**
 * store_serve() - answer one request of the guest
 * @xs: the store
 * @head: its head, checked for its length only
 * @payload: head->len bytes, and room for one more
 */
void store_serve(struct xenstore *xs, const struct xsd_sockmsg *head, char *payload)
{
	struct call c = {.xs = xs, .at = payload, .left = head->len};
	struct xsd_sockmsg reply = *head;
	int ret = serve(&c, head);

	if (ret) {
		c.len = 0;
		reply.type = XS_ERROR;
		reply_string(&c, error_name(-ret));
	} else if (!c.len && !answers(head->type)) {
		reply_string(&c, "OK");
	}
	reply.len = c.len;
	ring_send(xs, &reply, c.reply);
	/* A watch fires once when it is set, which is heard after the reply. */
	if (!ret && head->type == XS_WATCH)
		watch_first(xs, c.path, c.token);
}
