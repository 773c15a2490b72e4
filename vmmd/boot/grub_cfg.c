// SPDX-License-Identifier: GPL-2.0
/* The menu itself: variables, entries, and which of them is meant. See grub_cfg.h. */
#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "boot/grub_cfg.h"

/*
 * Scripts of grub-mkconfig put "--id" into this one if GRUB knows the option,
 * by an `if` that is not evaluated here, and nothing otherwise.
 */
#define ID_OPTION "menuentry_id_option"

int grub_cfg_fail(struct grub_cfg *cfg, int err, u32 line, const char *fmt, ...)
{
	size_t used;
	va_list ap;

	snprintf(cfg->error, sizeof(cfg->error), "%.160s:%u: ", cfg->file, line);
	used = strlen(cfg->error);
	va_start(ap, fmt);
	vsnprintf(cfg->error + used, sizeof(cfg->error) - used, fmt, ap);
	va_end(ap);
	return err;
}

static int no_memory(struct grub_cfg *cfg)
{
	snprintf(cfg->error, sizeof(cfg->error), "out of memory");
	return -ENOMEM;
}

struct grub_cfg *grub_cfg_create(void)
{
	struct grub_cfg *cfg = calloc(1, sizeof(*cfg));

	if (!cfg)
		return NULL;
	cfg->file = "";
	if (grub_cfg_set(cfg, 0, ID_OPTION, strlen(ID_OPTION), "--id", true)) {
		grub_cfg_destroy(cfg);
		return NULL;
	}
	return cfg;
}

void grub_cfg_destroy(struct grub_cfg *cfg)
{
	u32 i, j;

	if (!cfg)
		return;
	for (i = 0; i < cfg->n_entries; i++) {
		struct grub_entry *entry = &cfg->entry[i];

		free(entry->title);
		free(entry->id);
		free(entry->kernel);
		free(entry->args);
		for (j = 0; j < entry->n_initrds; j++)
			free(entry->initrd[j]);
	}
	grub_cfg_end_scope(cfg, 0);
	free(cfg);
}

/* --------------------------------------------------------------- variables */

size_t grub_var_name(const char *text, size_t len)
{
	size_t n = 0;

	while (n < len && (isalnum((unsigned char)text[n]) || text[n] == '_'))
		n++;
	return n && !isdigit((unsigned char)*text) ? n : 0;
}

/* Index of a variable at @from or behind, or n_vars. */
static u32 find_var(const struct grub_cfg *cfg, u32 from, const char *name, size_t len)
{
	u32 i;

	for (i = cfg->n_vars; i > from; i--) {
		const char *have = cfg->var[i - 1].name;

		if (!strncmp(have, name, len) && !have[len])
			return i - 1;
	}
	return cfg->n_vars;
}

const char *grub_cfg_get(const struct grub_cfg *cfg, const char *name, size_t len)
{
	u32 i = find_var(cfg, 0, name, len);

	return i < cfg->n_vars ? cfg->var[i].value : "";
}

int grub_cfg_set(struct grub_cfg *cfg, u32 line, const char *name, size_t len, const char *value,
		 bool fixed)
{
	u32 i = find_var(cfg, 0, name, len);
	struct grub_var *var;
	char *copy;

	if (i < cfg->n_vars && cfg->var[i].fixed)
		return 0;
	if (strlen(value) > GRUB_VAR_MAX)
		return grub_cfg_fail(cfg, -E2BIG, line, "%.*s has more than %u bytes",
				     (int)min_t(size_t, len, 32), name, GRUB_VAR_MAX);
	if (i >= cfg->n_vars || i < cfg->scope) {
		if (cfg->n_vars == GRUB_VARS_MAX)
			return grub_cfg_fail(cfg, -E2BIG, line, "more than %u variables",
					     GRUB_VARS_MAX);
		i = cfg->n_vars;
	}
	copy = strdup(value);
	if (!copy)
		return no_memory(cfg);
	var = &cfg->var[i];
	if (i == cfg->n_vars) {
		var->name = strndup(name, len);
		if (!var->name) {
			free(copy);
			return no_memory(cfg);
		}
		cfg->n_vars++;
	}
	free(var->value);
	var->value = copy;
	var->fixed = fixed;
	return 0;
}

void grub_cfg_end_scope(struct grub_cfg *cfg, u32 scope)
{
	while (cfg->n_vars > scope) {
		struct grub_var *var = &cfg->var[--cfg->n_vars];

		free(var->name);
		free(var->value);
		*var = (struct grub_var){0};
	}
}

int grub_cfg_read_env(struct grub_cfg *cfg, const char *text, size_t len)
{
	const char *end = text + len;
	char value[GRUB_VAR_MAX + 1];
	int ret = 0;

	cfg->file = "grubenv";
	while (!ret && text < end) {
		const char *eol = memchr(text, '\n', (size_t)(end - text));
		size_t line = (size_t)((eol ? eol : end) - text);
		size_t name = grub_var_name(text, line);

		if (name && name < line && text[name] == '=') {
			snprintf(value, sizeof(value), "%.*s",
				 (int)min_t(size_t, line - name - 1, GRUB_VAR_MAX),
				 text + name + 1);
			ret = grub_cfg_set(cfg, 0, text, name, value, true);
		}
		text = eol ? eol + 1 : end;
	}
	return ret;
}

/* ----------------------------------------------------------------- entries */

struct grub_entry *grub_cfg_add(struct grub_cfg *cfg, u32 line, const char *title, const char *id)
{
	struct grub_entry *entry = &cfg->entry[cfg->n_entries];

	if (cfg->n_entries == GRUB_ENTRIES_MAX) {
		grub_cfg_fail(cfg, -E2BIG, line, "more than %u entries", GRUB_ENTRIES_MAX);
		return NULL;
	}
	*entry = (struct grub_entry){.line = line, .parent = -1};
	entry->title = strdup(title);
	entry->id = id ? strdup(id) : NULL;
	if (!entry->title || (id && !entry->id)) {
		free(entry->title);
		free(entry->id);
		no_memory(cfg);
		return NULL;
	}
	cfg->n_entries++;
	return entry;
}

static bool all_digits(const char *text)
{
	return *text && text[strspn(text, "0123456789")] == '\0';
}

/* What @name, without a '>', means among the entries of one menu; or -1. */
static int find_in_menu(const struct grub_cfg *cfg, int parent, const char *name)
{
	unsigned long number = all_digits(name) ? strtoul(name, NULL, 10) : 0, n = 0;
	bool numbered = all_digits(name);
	u32 i;

	for (i = 0; i < cfg->n_entries; i++) {
		const struct grub_entry *entry = &cfg->entry[i];

		if (entry->parent != parent)
			continue;
		if (numbered ? n++ == number
			     : !strcmp(entry->title, name) ||
				       (entry->id && !strcmp(entry->id, name)))
			return (int)i;
	}
	return -1;
}

/* Is @inner the entry @outer, or in that menu? */
static bool is_inside(const struct grub_cfg *cfg, int inner, int outer)
{
	/* Parents come before their children: this ends. */
	while (inner > outer)
		inner = cfg->entry[inner].parent;
	return inner == outer;
}

/* The first entry in menu @outer, -1 for all, that boots Linux. */
static const struct grub_entry *first_bootable(const struct grub_cfg *cfg, int outer)
{
	u32 i;

	for (i = 0; i < cfg->n_entries; i++)
		if (cfg->entry[i].kernel && is_inside(cfg, (int)i, outer))
			return &cfg->entry[i];
	return NULL;
}

/* "SUBMENU>ENTRY", each a number, title or id; ">>" is a '>' of a title. */
static const struct grub_entry *find_by_path(const struct grub_cfg *cfg, const char *path)
{
	char name[GRUB_VAR_MAX + 1];
	int at = -1;

	while (*path) {
		size_t n = 0;

		for (; *path && n < GRUB_VAR_MAX; path++) {
			if (*path == '>' && *++path != '>')
				break;
			name[n++] = *path;
		}
		name[n] = '\0';
		at = find_in_menu(cfg, at, name);
		if (at < 0)
			return NULL;
	}
	return at < 0 ? NULL : first_bootable(cfg, at);
}

const struct grub_entry *grub_cfg_default(const struct grub_cfg *cfg)
{
	static const char name[] = "default";
	const struct grub_entry *entry = find_by_path(cfg, grub_cfg_get(cfg, name, strlen(name)));

	return entry ? entry : first_bootable(cfg, -1);
}

const struct grub_entry *grub_cfg_find(const struct grub_cfg *cfg, const char *wanted)
{
	bool numbered = all_digits(wanted);
	unsigned long number = numbered ? strtoul(wanted, NULL, 10) : 0, n = 0;
	u32 i;

	for (i = 0; i < cfg->n_entries; i++) {
		const struct grub_entry *entry = &cfg->entry[i];

		if (entry->submenu)
			continue;
		if (numbered ? n++ == number
			     : !strcmp(entry->title, wanted) ||
				       (entry->id && !strcmp(entry->id, wanted)))
			return entry->kernel ? entry : NULL;
	}
	return numbered ? NULL : find_by_path(cfg, wanted);
}
