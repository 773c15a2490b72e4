// SPDX-License-Identifier: GPL-2.0
/* xenstore's tree: nodes, permissions, quotas, and vmmd's way to them. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "xen/store_internal.h"

/* ------------------------------------------------------------ paths */

static bool char_ok(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       (c && strchr("-/_@", c));
}

/**
 * store_path_ok() - is it an absolute path of xenstore?
 * @path: a string
 */
bool store_path_ok(const char *path)
{
	size_t i, len = strlen(path);

	if (path[0] != '/' || len > XENSTORE_ABS_PATH_MAX)
		return false;
	if (len > 1 && path[len - 1] == '/')
		return false;
	for (i = 0; i < len; i++)
		if (!char_ok(path[i]) || (path[i] == '/' && path[i + 1] == '/'))
			return false;
	return true;
}

/** store_below() - is @path @dir itself or something in it? */
bool store_below(const char *path, const char *dir)
{
	size_t len = strlen(dir);

	if (len == 1)
		return true;
	return !strncmp(path, dir, len) && (!path[len] || path[len] == '/');
}

/* ------------------------------------------------------------ nodes */

/* Where a child is, or would be. */
static bool find_child(const struct node *node, const char *name, size_t len, u32 *at)
{
	u32 low = 0, high = node->nr_children;

	while (low < high) {
		u32 mid = low + (high - low) / 2;
		const char *other = node->child[mid]->name;
		int order = strncmp(other, name, len);

		if (!order && other[len])
			order = 1;
		if (!order) {
			*at = mid;
			return true;
		}
		if (order < 0)
			low = mid + 1;
		else
			high = mid;
	}
	*at = low;
	return false;
}

/* The next name of a path, and what is behind it. */
static const char *next_name(const char *path, size_t *len)
{
	path += *path == '/';
	*len = strcspn(path, "/");
	return path;
}

struct node *tree_find(const struct tree *tree, const char *path)
{
	struct node *node = tree->root;
	const char *name;
	size_t len;
	u32 at;

	for (name = next_name(path, &len); len; name = next_name(name + len, &len)) {
		if (!find_child(node, name, len, &at))
			return NULL;
		node = node->child[at];
	}
	return node;
}

static void free_node(struct node *node)
{
	u32 i;

	if (!node)
		return;
	for (i = 0; i < node->nr_children; i++)
		free_node(node->child[i]);
	free(node->child);
	free(node->value);
	free(node->name);
	free(node);
}

static u32 owner(const struct node *node)
{
	return node->perm[0].domid;
}

static struct node *add_child(struct node *parent, const char *name, size_t len, u32 at)
{
	struct node **list, *node = calloc(1, sizeof(*node));

	if (!node)
		return NULL;
	node->name = strndup(name, len);
	list = reallocarray(parent->child, parent->nr_children + 1, sizeof(*list));
	if (list)
		parent->child = list;
	if (!node->name || !list) {
		free_node(node);
		return NULL;
	}
	memmove(&list[at + 1], &list[at], (parent->nr_children - at) * sizeof(*list));
	list[at] = node;
	parent->nr_children++;
	node->parent = parent;
	memcpy(node->perm, parent->perm, sizeof(node->perm));
	node->nr_perms = parent->nr_perms;
	return node;
}

/**
 * tree_make() - find a node, or make it and what is missing above it
 * @tree: the tree
 * @domid: who makes it
 * @path: a valid path
 * @node: out
 *
 * Return: 1 when it was made, 0 when it was there, -EACCES, -ENOSPC when the
 * guest has too many, -ENOMEM. What was made above a node that failed stays.
 */
int tree_make(struct tree *tree, u32 domid, const char *path, struct node **out)
{
	struct node *node = tree->root, *child;
	const char *name;
	int made = 0;
	size_t len;
	u32 at;

	for (name = next_name(path, &len); len; name = next_name(name + len, &len)) {
		if (find_child(node, name, len, &at)) {
			node = node->child[at];
			continue;
		}
		if (!node_allows(node, domid, 'w'))
			return -EACCES;
		if (domid && tree->guest_nodes >= STORE_NODES)
			return -ENOSPC;
		child = add_child(node, name, len, at);
		if (!child)
			return -ENOMEM;
		if (domid) {
			/* Whoever makes a node owns it. */
			child->perm[0].domid = domid;
			tree->guest_nodes++;
		}
		node = child;
		made = 1;
	}
	*out = node;
	return made;
}

static u32 guest_nodes(const struct node *node)
{
	u32 i, n = owner(node) == XEN_DOMID;

	for (i = 0; i < node->nr_children; i++)
		n += guest_nodes(node->child[i]);
	return n;
}

/** tree_remove() - remove a node and all below it; 0, or -EINVAL for the root */
int tree_remove(struct tree *tree, struct node *node)
{
	struct node *parent = node->parent;
	u32 at, n;

	if (!parent)
		return -EINVAL;
	n = guest_nodes(node);
	tree->guest_nodes -= n < tree->guest_nodes ? n : tree->guest_nodes;
	find_child(parent, node->name, strlen(node->name), &at);
	memmove(&parent->child[at], &parent->child[at + 1],
		(parent->nr_children - at - 1) * sizeof(parent->child[0]));
	parent->nr_children--;
	free_node(node);
	return 0;
}

int node_set(struct node *node, const void *value, u32 len)
{
	void *copy = malloc(len + 1);

	if (!copy)
		return -ENOMEM;
	memcpy(copy, value, len);
	((char *)copy)[len] = '\0';
	free(node->value);
	node->value = copy;
	node->len = len;
	return 0;
}

static int copy_children(struct node *to, const struct node *from)
{
	struct node *child;
	int ret = 0;
	u32 i;

	memcpy(to->perm, from->perm, sizeof(to->perm));
	to->nr_perms = from->nr_perms;
	if (from->value)
		ret = node_set(to, from->value, from->len);
	for (i = 0; i < from->nr_children && !ret; i++) {
		child = add_child(to, from->child[i]->name, strlen(from->child[i]->name), i);
		ret = child ? copy_children(child, from->child[i]) : -ENOMEM;
	}
	return ret;
}

int tree_copy(struct tree *to, const struct tree *from)
{
	int ret;

	to->root = calloc(1, sizeof(*to->root));
	to->guest_nodes = from->guest_nodes;
	if (!to->root)
		return -ENOMEM;
	ret = copy_children(to->root, from->root);
	if (ret)
		tree_free(to);
	return ret;
}

void tree_free(struct tree *tree)
{
	free_node(tree->root);
	tree->root = NULL;
}

/**
 * node_allows() - may a domain read ('r') or write ('w') a node?
 */
bool node_allows(const struct node *node, u32 domid, char what)
{
	char perm = node->perm[0].perm;
	u32 i;

	if (domid == 0 || domid == owner(node))
		return true;
	for (i = 1; i < node->nr_perms; i++) {
		if (node->perm[i].domid == domid) {
			perm = node->perm[i].perm;
			break;
		}
	}
	return perm == what || perm == 'b';
}

/* ------------------------------------------------------------ vmmd's calls */

struct xenstore *xenstore_create(void)
{
	struct xenstore *xs = calloc(1, sizeof(*xs));

	if (!xs)
		return NULL;
	xs->tree.root = calloc(1, sizeof(*xs->tree.root));
	if (!xs->tree.root) {
		free(xs);
		return NULL;
	}
	xs->tree.root->nr_perms = 1;
	xs->tree.root->perm[0] = (struct node_perm){.domid = 0, .perm = 'n'};
	xs->next_txn = 1;
	xs->out_end = &xs->out;
	return xs;
}

void xenstore_destroy(struct xenstore *xs)
{
	struct xenstore_watch *w, *next;

	xenstore_ring_connect(xs, NULL, NULL, NULL);
	for (w = xs->host; w; w = next) {
		next = w->next;
		free(w->path);
		free(w->fired);
		free(w);
	}
	tree_free(&xs->tree);
	free(xs);
}

int xenstore_write(struct xenstore *xs, const char *path, const char *fmt, ...)
{
	struct node *node;
	char *value;
	va_list ap;
	int ret, len;

	if (!store_path_ok(path))
		return -EINVAL;
	va_start(ap, fmt);
	len = vasprintf(&value, fmt, ap);
	va_end(ap);
	if (len < 0)
		return -ENOMEM;
	ret = tree_make(&xs->tree, 0, path, &node);
	if (ret >= 0)
		ret = node_set(node, value, (u32)len);
	free(value);
	if (ret < 0)
		return ret;
	xs->generation++;
	watch_fire(xs, path, false);
	return 0;
}

char *xenstore_read(struct xenstore *xs, const char *path)
{
	struct node *node = tree_find(&xs->tree, path);
	char *copy;

	if (!node)
		return NULL;
	copy = malloc(node->len + 1);
	if (copy) {
		if (node->len)
			memcpy(copy, node->value, node->len);
		copy[node->len] = '\0';
	}
	return copy;
}

int xenstore_read_u32(struct xenstore *xs, const char *path, u32 *value)
{
	char *text = xenstore_read(xs, path), *end;
	unsigned long long n;
	int ret = -EINVAL;

	if (!text)
		return -ENOENT;
	if (*text >= '0' && *text <= '9') {
		errno = 0;
		n = strtoull(text, &end, 10);
		if (!errno && !*end && n <= UINT32_MAX) {
			*value = (u32)n;
			ret = 0;
		}
	}
	free(text);
	return ret;
}

int xenstore_remove(struct xenstore *xs, const char *path)
{
	struct node *node = tree_find(&xs->tree, path);

	if (!node || tree_remove(&xs->tree, node))
		return -ENOENT;
	xs->generation++;
	watch_fire(xs, path, true);
	return 0;
}

int xenstore_set_perms(struct xenstore *xs, const char *path, u32 owned_by, char other)
{
	struct node *node = tree_find(&xs->tree, path);

	if (!node)
		return -ENOENT;
	if (owned_by > XEN_DOMID || !other || !strchr("nrwb", other))
		return -EINVAL;
	xs->tree.guest_nodes += (owned_by == XEN_DOMID) - (owner(node) == XEN_DOMID);
	node->perm[0] = (struct node_perm){.domid = owned_by, .perm = other};
	node->nr_perms = 1;
	xs->generation++;
	return 0;
}
