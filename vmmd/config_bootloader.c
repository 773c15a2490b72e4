// SPDX-License-Identifier: GPL-2.0
/*
 * bootloader= and bootloader_args=: a kernel out of the guest's own disk.
 *
 * pygrub is the only loader there is. Xen's tools run a program of that name;
 * vmmd does the work itself, so a path that ends in its name means the same.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "config_tree.h"

/**
 * struct option - an option of pygrub that has a value
 * @name: as it is written
 * @offset: of the text in struct config_grub
 */
struct option {
	const char *name;
	size_t offset;
};

static const struct option options[] = {
	{"--args", offsetof(struct config_grub, args)},
	{"--entry", offsetof(struct config_grub, entry)},
	{"--kernel", offsetof(struct config_grub, kernel)},
	{"--ramdisk", offsetof(struct config_grub, ramdisk)},
};

#define N_OPTIONS (sizeof(options) / sizeof(*options))

/* Options of pygrub without a value, about the menu that it may draw. */
static const char *const silent[] = {"-q", "--quiet"};

/**
 * struct args - reading of bootloader_args
 * @tree: where errors go
 * @grub: where values go
 * @open: "--entry" was a word of its own: the next one is its value
 */
struct args {
	struct cfg_tree *tree;
	struct config_grub *grub;
	const struct option *open;
};

static int store(struct args *args, const struct option *option, const char *text, size_t len)
{
	char **out = (char **)((char *)args->grub + option->offset);

	free(*out);
	*out = strndup(text, len);
	args->open = NULL;
	return *out ? 0 : cfg_nomem(args->tree->err);
}

static int add_word(struct args *args, const struct config_pos *pos, const char *text, size_t len)
{
	const char *equals = memchr(text, '=', len);
	size_t name = equals ? (size_t)(equals - text) : len;

	if (args->open)
		return store(args, args->open, text, len);
	for (size_t i = 0; i < sizeof(silent) / sizeof(*silent); i++)
		if (len == strlen(silent[i]) && !memcmp(text, silent[i], len))
			return 0;
	for (size_t i = 0; i < N_OPTIONS; i++) {
		if (name != strlen(options[i].name) || memcmp(text, options[i].name, name))
			continue;
		if (equals)
			return store(args, &options[i], equals + 1, len - name - 1);
		args->open = &options[i];
		return 0;
	}
	return cfg_fail(args->tree, pos,
			"unknown option '%.*s' of pygrub: expected --entry=, --kernel=, "
			"--ramdisk= or --args=",
			(int)len, text);
}

/* One text holds many words, for xm's sake. */
static int add_words(struct args *args, const struct cfg_value *value)
{
	static const char blanks[] = " \t\n";
	const char *p = value->text;
	int ret = 0;

	for (p += strspn(p, blanks); !ret && *p; p += strspn(p, blanks)) {
		struct config_pos pos = cfg_pos_inside(value, (size_t)(p - value->text));
		size_t len = strcspn(p, blanks);

		ret = add_word(args, &pos, p, len);
		p += len;
	}
	return ret;
}

static int read_args(struct cfg_tree *tree, const struct cfg_value *value)
{
	struct args args = {.tree = tree, .grub = &tree->cfg->grub};
	int ret = 0;

	if (value->kind != CFG_LIST) {
		ret = add_words(&args, value);
	} else {
		/* A text of a list is one word, blanks included: --args='a b'. */
		for (size_t i = 0; !ret && i < value->n_items; i++) {
			const struct cfg_value *item = &value->items[i];

			if (item->kind == CFG_LIST)
				return cfg_fail(tree, &item->pos,
						"bootloader_args has a list in its list: "
						"expected a text");
			ret = add_word(&args, &item->pos, item->text, strlen(item->text));
		}
	}
	if (!ret && args.open)
		return cfg_fail(tree, &value->pos, "%s has no value: expected %s=VALUE",
				args.open->name, args.open->name);
	return ret;
}

/* No kernel= is given: the bootloader has to find one. */
static int use_pygrub(struct cfg_tree *tree, const char *name, const struct config_pos *pos,
		      const struct cfg_value *args)
{
	const char *slash = strrchr(name, '/');
	struct config *cfg = tree->cfg;
	int ret = 0;

	if (strcmp(slash ? slash + 1 : name, "pygrub"))
		return cfg_fail(tree, pos,
				"no bootloader '%s': expected 'pygrub', or kernel = 'PATH'", name);
	if (!cfg->n_disks)
		return cfg_fail(tree, pos,
				"pygrub has no disk to look at: expected disk = [ 'SPEC', ... ]");
	if (args)
		ret = read_args(tree, args);
	if (ret)
		return ret;
	if (cfg->grub.ramdisk && !cfg->grub.kernel)
		return cfg_fail(tree, &args->pos,
				"--ramdisk without a kernel: expected --kernel=PATH, too");
	if (cfg->grub.entry && cfg->grub.kernel)
		return cfg_fail(tree, &args->pos,
				"--entry and --kernel exclude each other: expected one");
	cfg->grub.used = true;
	if (!cfg->ramdisk)
		return 0;
	free(cfg->ramdisk);
	cfg->ramdisk = NULL;
	return cfg_warn(tree, &cfg->ramdisk_pos, "ramdisk has no effect: the bootloader finds one");
}

int cfg_bootloader_settle(struct cfg_tree *tree, const char *name, const struct config_pos *pos,
			  const struct cfg_value *args)
{
	static const char given[] = "kernel is given";
	int ret = 0;

	if (name && !tree->cfg->kernel)
		return use_pygrub(tree, name, pos, args);
	if (name)
		ret = cfg_warn(tree, pos, "bootloader has no effect: %s", given);
	if (!ret && args)
		ret = cfg_warn(tree, &args->pos, "bootloader_args has no effect: %s",
			       name ? given : "there is no bootloader");
	return ret;
}
