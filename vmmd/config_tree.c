// SPDX-License-Identifier: GPL-2.0
/*
 * From tokens to settings: KEY = VALUE, where a value is a word, a string or
 * a list of values. A key that is set twice keeps its last value, as in xl;
 * += adds to a list or a string.
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config_tree.h"

/* Nested lists have a use in xl.cfg to depth two; recursion needs some end. */
#define DEPTH_MAX 8

/* No list of xl.cfg has a use for more, and a file cannot make us grow. */
#define ITEMS_MAX 1024

int cfg_fail(struct cfg_tree *tree, const struct config_pos *pos, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	cfg_verror(tree->err, tree->file, pos, fmt, ap);
	va_end(ap);
	return -EINVAL;
}

int cfg_warn(struct cfg_tree *tree, const struct config_pos *pos, const char *fmt, ...)
{
	struct config *cfg = tree->cfg;
	struct config_error line;
	char **grown;
	va_list ap;

	va_start(ap, fmt);
	cfg_verror(&line, tree->file, pos, fmt, ap);
	va_end(ap);
	grown = reallocarray(cfg->warnings, cfg->n_warnings + 1, sizeof(*grown));
	if (!grown)
		return cfg_nomem(tree->err);
	cfg->warnings = grown;
	grown[cfg->n_warnings] = strdup(line.text);
	if (!grown[cfg->n_warnings])
		return cfg_nomem(tree->err);
	cfg->n_warnings++;
	return 0;
}

struct config_pos cfg_pos_inside(const struct cfg_value *value, size_t offset)
{
	struct config_pos pos = value->pos;

	if (value->verbatim)
		pos.col += (unsigned int)offset + (value->kind == CFG_STRING);
	return pos;
}

static void value_free(struct cfg_value *value)
{
	for (size_t i = 0; i < value->n_items; i++)
		value_free(&value->items[i]);
	free(value->items);
	free(value->text);
	*value = (struct cfg_value){0};
}

void cfg_tree_free(struct cfg_tree *tree)
{
	for (size_t i = 0; i < tree->n_settings; i++) {
		free(tree->settings[i].key);
		value_free(&tree->settings[i].value);
	}
	free(tree->settings);
	tree->settings = NULL;
	tree->n_settings = 0;
}

static int parse_value(struct cfg_tree *tree, struct cfg_lexer *lx, struct cfg_token token,
		       unsigned int depth, struct cfg_value *out);

static struct cfg_token lex_in_list(struct cfg_lexer *lx)
{
	struct cfg_token token;

	do
		token = cfg_lex(lx);
	while (token.kind == CFG_TOKEN_NEWLINE);
	return token;
}

static int parse_list(struct cfg_tree *tree, struct cfg_lexer *lx, const struct config_pos *open,
		      unsigned int depth, struct cfg_value *out)
{
	struct cfg_token token;
	struct cfg_value *grown;
	int ret;

	out->kind = CFG_LIST;
	if (depth == DEPTH_MAX)
		return cfg_fail(tree, open, "lists are nested too deep: expected %d levels at most",
				DEPTH_MAX);
	for (;;) {
		token = lex_in_list(lx);
		if (token.kind == CFG_TOKEN_CLOSE)
			return 0;
		if (token.kind == CFG_TOKEN_END)
			return cfg_fail(tree, open, "list is not closed: expected ]");
		if (out->n_items == ITEMS_MAX) {
			free(token.text);
			return cfg_fail(tree, &token.pos,
					"list is too long: expected %d items at most", ITEMS_MAX);
		}
		grown = reallocarray(out->items, out->n_items + 1, sizeof(*grown));
		if (!grown) {
			free(token.text);
			return cfg_nomem(tree->err);
		}
		out->items = grown;
		grown[out->n_items] = (struct cfg_value){0};
		ret = parse_value(tree, lx, token, depth + 1, &grown[out->n_items++]);
		if (ret)
			return ret;

		token = lex_in_list(lx);
		switch (token.kind) {
		case CFG_TOKEN_COMMA:
			break;
		case CFG_TOKEN_CLOSE:
			return 0;
		case CFG_TOKEN_ERROR:
			return -EINVAL;
		case CFG_TOKEN_END:
			return cfg_fail(tree, open, "list is not closed: expected ]");
		default:
			free(token.text);
			return cfg_fail(tree, &token.pos,
					"list item not followed by , or ]: "
					"expected a comma between items");
		}
	}
}

/* A bare word is a value when it is a number or Python's truth. */
static bool word_is_value(const char *text)
{
	if (*text == '-')
		text++;
	return isdigit((unsigned char)*text) || !strcasecmp(text, "true") ||
	       !strcasecmp(text, "false") || !strcmp(text, "None");
}

/* Takes over the text of @token. */
static int parse_value(struct cfg_tree *tree, struct cfg_lexer *lx, struct cfg_token token,
		       unsigned int depth, struct cfg_value *out)
{
	int ret;

	out->pos = token.pos;
	switch (token.kind) {
	case CFG_TOKEN_STRING:
	case CFG_TOKEN_WORD:
		out->kind = token.kind == CFG_TOKEN_STRING ? CFG_STRING : CFG_WORD;
		if (out->kind == CFG_WORD && !word_is_value(token.text)) {
			ret = cfg_fail(tree, &token.pos,
				       "'%s' has no quotes: expected '%s' in quotes", token.text,
				       token.text);
			free(token.text);
			return ret;
		}
		out->text = token.text;
		out->verbatim = token.verbatim;
		return 0;
	case CFG_TOKEN_OPEN:
		return parse_list(tree, lx, &token.pos, depth, out);
	case CFG_TOKEN_ERROR:
		return -EINVAL;
	default:
		return cfg_fail(tree, &token.pos,
				"no value: expected 'text', a number or a [list]");
	}
}

static struct cfg_setting *find(const struct cfg_tree *tree, const char *key)
{
	for (size_t i = 0; i < tree->n_settings; i++)
		if (!strcmp(tree->settings[i].key, key))
			return &tree->settings[i];
	return NULL;
}

static int append_list(struct cfg_tree *tree, struct cfg_value *to, struct cfg_value *from)
{
	struct cfg_value *grown;

	if (to->n_items + from->n_items > ITEMS_MAX)
		return cfg_fail(tree, &from->pos, "list is too long: expected %d items at most",
				ITEMS_MAX);
	grown = reallocarray(to->items, to->n_items + from->n_items + 1, sizeof(*grown));
	if (!grown)
		return cfg_nomem(tree->err);
	if (from->n_items)
		memcpy(grown + to->n_items, from->items, from->n_items * sizeof(*grown));
	to->items = grown;
	to->n_items += from->n_items;
	from->n_items = 0;
	return 0;
}

static int append_text(struct cfg_tree *tree, struct cfg_value *to, struct cfg_value *from)
{
	size_t old = strlen(to->text), more = strlen(from->text);
	char *grown = realloc(to->text, old + more + 1);

	if (!grown)
		return cfg_nomem(tree->err);
	memcpy(grown + old, from->text, more + 1);
	to->text = grown;
	to->kind = CFG_STRING;
	to->verbatim = false;
	return 0;
}

/* Takes over @value and, when the key is new, @key. */
static int set(struct cfg_tree *tree, struct cfg_token *key, bool append, struct cfg_value *value)
{
	struct cfg_setting *setting = find(tree, key->text);
	struct cfg_setting *grown;
	int ret = 0;

	if (setting && append) {
		if ((setting->value.kind == CFG_LIST) != (value->kind == CFG_LIST))
			ret = cfg_fail(tree, &value->pos, "+= joins a list and a text: expected %s",
				       value->kind == CFG_LIST ? "'text'" : "a [list]");
		else if (value->kind == CFG_LIST)
			ret = append_list(tree, &setting->value, value);
		else
			ret = append_text(tree, &setting->value, value);
		value_free(value);
		return ret;
	}
	if (setting) {
		/* Overriding is what the command line is for; in a file it is odd. */
		if (!key->pos.override || setting->pos.override)
			ret = cfg_warn(tree, &key->pos, "%s is set twice: the last one holds",
				       key->text);
		value_free(&setting->value);
		setting->value = *value;
		setting->pos = key->pos;
		return ret;
	}
	grown = reallocarray(tree->settings, tree->n_settings + 1, sizeof(*grown));
	if (!grown) {
		value_free(value);
		return cfg_nomem(tree->err);
	}
	tree->settings = grown;
	grown[tree->n_settings++] =
		(struct cfg_setting){.key = key->text, .pos = key->pos, .value = *value};
	key->text = NULL;
	return 0;
}

static bool is_key(const char *text)
{
	if (!isalpha((unsigned char)*text) && *text != '_')
		return false;
	return text[strspn(text,
			   "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_")] ==
	       '\0';
}

static int parse_setting(struct cfg_tree *tree, struct cfg_lexer *lx, struct cfg_token *key)
{
	struct cfg_value value = {0};
	struct cfg_token token;
	bool append;
	int ret;

	if (key->kind != CFG_TOKEN_WORD || !is_key(key->text))
		return cfg_fail(tree, &key->pos, "no key here: expected KEY = VALUE");

	token = cfg_lex(lx);
	if (token.kind == CFG_TOKEN_ERROR)
		return -EINVAL;
	append = token.kind == CFG_TOKEN_APPEND;
	if (token.kind != CFG_TOKEN_ASSIGN && !append) {
		free(token.text);
		return cfg_fail(tree, &token.pos, "no = after '%s': expected KEY = VALUE",
				key->text);
	}

	ret = parse_value(tree, lx, cfg_lex(lx), 0, &value);
	if (ret) {
		value_free(&value);
		return ret;
	}

	token = cfg_lex(lx);
	if (token.kind != CFG_TOKEN_NEWLINE && token.kind != CFG_TOKEN_END) {
		value_free(&value);
		if (token.kind == CFG_TOKEN_ERROR)
			return -EINVAL;
		free(token.text);
		return cfg_fail(tree, &token.pos,
				"more text after the value: expected the end of the line or ;");
	}
	return set(tree, key, append, &value);
}

static int read_settings(struct cfg_tree *tree, struct cfg_lexer *lx)
{
	for (;;) {
		struct cfg_token key = cfg_lex(lx);
		int ret;

		switch (key.kind) {
		case CFG_TOKEN_END:
			return 0;
		case CFG_TOKEN_NEWLINE:
			continue;
		case CFG_TOKEN_ERROR:
			return -EINVAL;
		default:
			ret = parse_setting(tree, lx, &key);
			free(key.text);
			if (ret)
				return ret;
		}
	}
}

int cfg_tree_read(struct cfg_tree *tree, const char *text, size_t len)
{
	static const char bom[] = "\xef\xbb\xbf";
	struct cfg_lexer lx = {
		.file = tree->file,
		.at = text,
		.end = text + len,
		.pos = {.line = 1, .col = 1},
		.err = tree->err,
	};

	if (len >= 3 && !memcmp(text, bom, 3))
		lx.at += 3;
	return read_settings(tree, &lx);
}

int cfg_tree_override(struct cfg_tree *tree, const char *word, unsigned int number)
{
	struct config_pos pos = {.line = 1, .col = 1, .override = number};
	const char *equals = strchr(word, '=');
	struct cfg_lexer lx = {
		.file = tree->file,
		.at = word,
		.end = word + strlen(word),
		.pos = pos,
		.err = tree->err,
	};
	struct cfg_token key = {.pos = pos};
	struct cfg_value value = {.kind = CFG_WORD, .verbatim = true, .pos = pos};
	const char *start;
	size_t key_len;
	bool append;
	int ret;

	if (!equals)
		return cfg_fail(tree, &pos, "'%s' sets nothing: expected KEY=VALUE", word);
	start = equals + 1;
	start += strspn(start, " \t");
	if (*start && strchr("'\"[", *start))
		return read_settings(tree, &lx);

	append = equals > word && equals[-1] == '+';
	if (append)
		start = equals + 1; /* blanks are part of what is added */
	key_len = (size_t)(equals - word) - append;
	while (key_len && strchr(" \t", word[key_len - 1]))
		key_len--;
	key.text = strndup(word, key_len);
	if (!key.text)
		return cfg_nomem(tree->err);
	if (!is_key(key.text)) {
		ret = cfg_fail(tree, &pos, "no key here: expected KEY=VALUE");
		goto out;
	}
	value.pos.col += (unsigned int)(start - word);
	value.text = strdup(start);
	if (!value.text) {
		ret = cfg_nomem(tree->err);
		goto out;
	}
	ret = set(tree, &key, append, &value);
out:
	free(key.text);
	return ret;
}
