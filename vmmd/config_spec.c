// SPDX-License-Identifier: GPL-2.0
/*
 * Fields between commas, for the disk and vif languages.
 */
#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config_spec.h"

static struct cfg_field trimmed(const struct cfg_value *value, size_t start, size_t end)
{
	const char *text = value->text;

	while (start < end && isspace((unsigned char)text[start]))
		start++;
	while (end > start && isspace((unsigned char)text[end - 1]))
		end--;
	return (struct cfg_field){.value = value, .start = start, .len = end - start};
}

struct cfg_field cfg_field_next(const struct cfg_value *value, size_t *at)
{
	size_t start = *at;
	size_t end = start + strcspn(value->text + start, ",");

	*at = value->text[end] ? end + 1 : end;
	return trimmed(value, start, end);
}

struct cfg_field cfg_field_rest(const struct cfg_value *value, size_t start)
{
	return trimmed(value, start, strlen(value->text));
}

const char *cfg_field_text(const struct cfg_field *field)
{
	return field->value->text + field->start;
}

bool cfg_field_split(struct cfg_field *field, struct cfg_field *key)
{
	const char *equals = memchr(cfg_field_text(field), '=', field->len);
	size_t at;

	if (!equals)
		return false;
	at = (size_t)(equals - field->value->text);
	*key = trimmed(field->value, field->start, at);
	*field = trimmed(field->value, at + 1, field->start + field->len);
	return true;
}

bool cfg_field_is(const struct cfg_field *field, const char *word)
{
	return strlen(word) == field->len && !memcmp(cfg_field_text(field), word, field->len);
}

bool cfg_field_skip(struct cfg_field *field, const char *prefix)
{
	size_t len = strlen(prefix);

	if (field->len < len || memcmp(cfg_field_text(field), prefix, len))
		return false;
	field->start += len;
	field->len -= len;
	return true;
}

char *cfg_field_dup(const struct cfg_field *field)
{
	return strndup(cfg_field_text(field), field->len);
}

bool cfg_field_copy(const struct cfg_field *field, char *out, size_t size)
{
	if (field->len >= size)
		return false;
	memcpy(out, cfg_field_text(field), field->len);
	out[field->len] = '\0';
	return true;
}

bool cfg_field_number(const struct cfg_field *field, uint64_t max, uint64_t *out)
{
	const char *text = cfg_field_text(field);
	uint64_t n = 0;

	if (!field->len)
		return false;
	for (size_t i = 0; i < field->len; i++) {
		if (!isdigit((unsigned char)text[i]))
			return false;
		if (__builtin_mul_overflow(n, 10, &n) ||
		    __builtin_add_overflow(n, (uint64_t)(text[i] - '0'), &n))
			return false;
	}
	*out = n;
	return n <= max;
}

struct config_pos cfg_field_pos(const struct cfg_field *field)
{
	return cfg_pos_inside(field->value, field->start);
}

int cfg_field_fail(struct cfg_tree *tree, const struct cfg_field *field, const char *fmt, ...)
{
	struct config_pos pos = cfg_field_pos(field);
	va_list ap;

	va_start(ap, fmt);
	cfg_verror(tree->err, tree->file, &pos, fmt, ap);
	va_end(ap);
	return -EINVAL;
}

int cfg_field_unknown(struct cfg_tree *tree, const struct cfg_field *key, const char *const known[])
{
	const char *text = cfg_field_text(key);
	const char *like;
	char word[32];

	like = cfg_field_copy(key, word, sizeof(word)) ? cfg_nearest(word, known) : NULL;
	if (like)
		return cfg_field_fail(tree, key, "unknown option '%s': did you mean '%s'?", word,
				      like);
	return cfg_field_fail(tree, key, "unknown option '%.*s': expected one of hvctl.cfg(5)",
			      (int)key->len, text);
}

char *cfg_absolute(const char *path, size_t len)
{
	char cwd[PATH_MAX];
	char *out;

	if (*path == '/')
		return strndup(path, len);
	if (!getcwd(cwd, sizeof(cwd)))
		return NULL;
	if (asprintf(&out, "%s/%.*s", strcmp(cwd, "/") ? cwd : "", (int)len, path) < 0)
		return NULL;
	return out;
}
