// SPDX-License-Identifier: GPL-2.0
/*
 * Entries of the Boot Loader Specification, type 1: a file of "KEY VALUE"
 * lines for each kernel. GRUB's blscfg expands variables in them.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "boot/grub_cfg.h"

/**
 * struct bls - an entry being read
 * @cfg: the menu
 * @line: being read
 * @kernel: of "linux", or NULL
 * @initrd: of "initrd", all of them with blanks between
 * @options: of "options", likewise
 * @title: of "title"
 */
struct bls {
	struct grub_cfg *cfg;
	u32 line;
	char kernel[GRUB_COMMAND_MAX];
	char initrd[GRUB_COMMAND_MAX];
	char options[GRUB_COMMAND_MAX];
	char title[GRUB_COMMAND_MAX];
};

static int append(struct bls *bls, char out[GRUB_COMMAND_MAX], const char *text, size_t len)
{
	size_t used = strlen(out);

	if (len >= GRUB_COMMAND_MAX - used)
		return grub_cfg_fail(bls->cfg, -E2BIG, bls->line,
				     "the values of a key have more than %u bytes",
				     GRUB_COMMAND_MAX);
	memcpy(out + used, text, len);
	out[used + len] = '\0';
	return 0;
}

/* Add a value, a blank before it if it is not the first. */
static int add_value(struct bls *bls, char out[GRUB_COMMAND_MAX], const char *text, size_t len)
{
	const char *end = text + len;
	int ret = *out ? append(bls, out, " ", 1) : 0;

	while (!ret && text < end) {
		const char *dollar = memchr(text, '$', (size_t)(end - text));
		size_t plain = (size_t)((dollar ? dollar : end) - text), name;
		const char *value;

		ret = append(bls, out, text, plain);
		text += plain;
		if (ret || !dollar)
			continue;
		name = grub_var_name(text + 1, (size_t)(end - text) - 1);
		value = name ? grub_cfg_get(bls->cfg, text + 1, name) : "$";
		ret = append(bls, out, value, strlen(value));
		text += 1 + name;
	}
	return ret;
}

static int read_line(struct bls *bls, const char *text, size_t len)
{
	static const char blanks[] = " \t\r";
	const struct {
		const char *key;
		char *out;
	} keys[] = {
		{"title", bls->title},
		{"linux", bls->kernel},
		{"initrd", bls->initrd},
		{"options", bls->options},
	};
	size_t key = 0, value;

	while (key < len && !strchr(blanks, text[key]))
		key++;
	value = key;
	while (value < len && strchr(blanks, text[value]))
		value++;
	while (len > value && strchr(blanks, text[len - 1]))
		len--;
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		if (strlen(keys[i].key) == key && !memcmp(text, keys[i].key, key))
			return add_value(bls, keys[i].out, text + value, len - value);
	return 0;
}

static int set_initrds(struct bls *bls, struct grub_entry *entry)
{
	char *save = NULL, *path;

	for (path = strtok_r(bls->initrd, " \t", &save); path;
	     path = strtok_r(NULL, " \t", &save)) {
		if (entry->n_initrds == GRUB_INITRDS_MAX)
			return grub_cfg_fail(bls->cfg, -E2BIG, bls->line,
					     "more than %u files for initrd", GRUB_INITRDS_MAX);
		entry->initrd[entry->n_initrds] = strdup(path);
		if (!entry->initrd[entry->n_initrds])
			return grub_cfg_fail(bls->cfg, -ENOMEM, bls->line, "out of memory");
		entry->n_initrds++;
	}
	return 0;
}

static int add_entry(struct bls *bls, const char *id)
{
	struct grub_entry *entry;

	entry = grub_cfg_add(bls->cfg, 1, *bls->title ? bls->title : id, id);
	if (!entry)
		return -E2BIG;
	if (*bls->kernel) {
		entry->kernel = strdup(bls->kernel);
		entry->args = strdup(bls->options);
		if (!entry->kernel || !entry->args)
			return grub_cfg_fail(bls->cfg, -ENOMEM, 1, "out of memory");
	}
	return set_initrds(bls, entry);
}

int grub_cfg_add_bls(struct grub_cfg *cfg, const char *id, const char *text, size_t len)
{
	struct bls *bls = calloc(1, sizeof(*bls));
	const char *end = text + len, *file = cfg->file;
	int ret = 0;

	if (!bls)
		return grub_cfg_fail(cfg, -ENOMEM, 0, "out of memory");
	bls->cfg = cfg;
	cfg->file = id;
	while (!ret && text < end) {
		const char *eol = memchr(text, '\n', (size_t)(end - text));
		size_t line = (size_t)((eol ? eol : end) - text);

		bls->line++;
		if (memchr(text, '\0', line))
			ret = grub_cfg_fail(cfg, -EINVAL, bls->line, "a byte 0: this is no text");
		else if (*text != '#')
			ret = read_line(bls, text, line);
		text = eol ? eol + 1 : end;
	}
	if (!ret)
		ret = add_entry(bls, id);
	cfg->file = file;
	free(bls);
	return ret;
}
