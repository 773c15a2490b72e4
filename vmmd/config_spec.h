/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the disk and vif languages share: fields between commas, each with its
 * place in the value's text.
 */
#ifndef VMMD_CONFIG_SPEC_H
#define VMMD_CONFIG_SPEC_H

#include "config_tree.h"

/**
 * struct cfg_field - a part of a value's text
 * @value: the value
 * @start: offset of the first byte in its text
 * @len: bytes, blanks at either end not counted
 */
struct cfg_field {
	const struct cfg_value *value;
	size_t start;
	size_t len;
};

/** cfg_field_next - the field that starts at *@at; advances *@at past its comma */
struct cfg_field cfg_field_next(const struct cfg_value *value, size_t *at);

/** cfg_field_rest - all text from @start to the end, blanks trimmed */
struct cfg_field cfg_field_rest(const struct cfg_value *value, size_t start);

/**
 * cfg_field_split - cut KEY=VALUE
 * @field: in: the whole; out: the value, when there is a key
 * @key: out: the key
 *
 * Return: whether there was an equals sign.
 */
bool cfg_field_split(struct cfg_field *field, struct cfg_field *key);

/** cfg_field_is - whether the field says exactly @word */
bool cfg_field_is(const struct cfg_field *field, const char *word);

/** cfg_field_skip - drop @prefix from the front; false when it is not there */
bool cfg_field_skip(struct cfg_field *field, const char *prefix);

/** cfg_field_text - first byte of the field; not NUL terminated */
const char *cfg_field_text(const struct cfg_field *field);

/** cfg_field_dup - the field as allocated text, or NULL */
char *cfg_field_dup(const struct cfg_field *field);

/** cfg_field_copy - the field into @size bytes at @out; false when too long */
bool cfg_field_copy(const struct cfg_field *field, char *out, size_t size);

/** cfg_field_number - a decimal number; false when it is none or above @max */
bool cfg_field_number(const struct cfg_field *field, uint64_t max, uint64_t *out);

/** cfg_field_pos - position of the field's first byte */
struct config_pos cfg_field_pos(const struct cfg_field *field);

/** cfg_field_fail - as cfg_fail() at the field; always -EINVAL */
int cfg_field_fail(struct cfg_tree *tree, const struct cfg_field *field, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/** cfg_field_unknown - tell that @key is no key, and which of @known it may be */
int cfg_field_unknown(struct cfg_tree *tree, const struct cfg_field *key,
		      const char *const known[]);

/** cfg_absolute - @len bytes of @path behind the working directory if relative; NULL with errno */
char *cfg_absolute(const char *path, size_t len);

#endif /* VMMD_CONFIG_SPEC_H */
