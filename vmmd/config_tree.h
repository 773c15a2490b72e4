/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Inside of the configuration parser: positioned, untyped values.
 *
 * Single-threaded by use; see config.h.
 */
#ifndef VMMD_CONFIG_TREE_H
#define VMMD_CONFIG_TREE_H

#include <stdarg.h>

#include "config.h"

enum cfg_token_kind {
	CFG_TOKEN_END,
	CFG_TOKEN_NEWLINE, /* or a semicolon */
	CFG_TOKEN_WORD,	   /* letters, digits, '_': a key, a number, True */
	CFG_TOKEN_STRING,
	CFG_TOKEN_ASSIGN,
	CFG_TOKEN_APPEND, /* += */
	CFG_TOKEN_OPEN,
	CFG_TOKEN_CLOSE,
	CFG_TOKEN_COMMA,
	CFG_TOKEN_ERROR, /* told already */
};

/**
 * struct cfg_token - one token
 * @kind: of it
 * @pos: of its first byte
 * @text: of a word, or of a string without quotes and escapes; owned by who
 *	  asked for the token, NULL for the other kinds
 * @verbatim: a string without escapes: byte N of @text stands N + 1 bytes
 *	      after @pos
 */
struct cfg_token {
	enum cfg_token_kind kind;
	struct config_pos pos;
	char *text;
	bool verbatim;
};

/**
 * struct cfg_lexer - where reading has got to
 * @file: name for messages
 * @at: next byte
 * @end: behind the last byte
 * @pos: of @at
 * @err: told here
 */
struct cfg_lexer {
	const char *file;
	const char *at;
	const char *end;
	struct config_pos pos;
	struct config_error *err;
};

/** cfg_lex - read the next token; CFG_TOKEN_ERROR when @lx->err was filled */
struct cfg_token cfg_lex(struct cfg_lexer *lx);

enum cfg_value_kind {
	CFG_WORD,
	CFG_STRING,
	CFG_LIST,
};

/**
 * struct cfg_value - one value
 * @kind: of it
 * @pos: of its first byte
 * @text: of a word or a string
 * @verbatim: as in struct cfg_token; always true for words, which have no quote
 * @items: of a list
 * @n_items: number of @items
 */
struct cfg_value {
	enum cfg_value_kind kind;
	struct config_pos pos;
	char *text;
	bool verbatim;
	struct cfg_value *items;
	size_t n_items;
};

/**
 * struct cfg_setting - one key and what it is set to
 * @key: the name
 * @pos: of the key
 * @value: the last one given
 */
struct cfg_setting {
	char *key;
	struct config_pos pos;
	struct cfg_value value;
};

/**
 * struct cfg_tree - a file and the overrides of the command line
 * @file: name for messages
 * @settings: in order of first mention, each key once
 * @n_settings: number of @settings
 * @cfg: where warnings go
 * @err: where the error goes
 */
struct cfg_tree {
	const char *file;
	struct cfg_setting *settings;
	size_t n_settings;
	struct config *cfg;
	struct config_error *err;
};

/** cfg_tree_read - add the settings of @text; 0 or -EINVAL/-ENOMEM */
int cfg_tree_read(struct cfg_tree *tree, const char *text, size_t len);

/**
 * cfg_tree_override - add one key=value word of the command line
 * @tree: the tree
 * @word: the word; a value that starts with neither quote nor bracket is
 *	  taken as it stands, for a shell has eaten the quotes already
 * @number: which override it is, from 1
 */
int cfg_tree_override(struct cfg_tree *tree, const char *word, unsigned int number);

/** cfg_tree_free - free all settings */
void cfg_tree_free(struct cfg_tree *tree);

/** cfg_pos_inside - position of byte @offset of a string's or word's text */
struct config_pos cfg_pos_inside(const struct cfg_value *value, size_t offset);

/** cfg_verror - format "FILE:LINE:COL: ..." into @err, unprintable bytes as '?' */
void cfg_verror(struct config_error *err, const char *file, const struct config_pos *pos,
		const char *fmt, va_list ap);

/** cfg_fail - tell an error at @pos; always -EINVAL */
int cfg_fail(struct cfg_tree *tree, const struct config_pos *pos, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/** cfg_nomem - tell that memory ran out; always -ENOMEM */
int cfg_nomem(struct config_error *err);

/** cfg_warn - add a warning at @pos; 0 or -ENOMEM */
int cfg_warn(struct cfg_tree *tree, const struct config_pos *pos, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/** cfg_nearest - the word of @words (NULL ends) most like @word, or NULL */
const char *cfg_nearest(const char *word, const char *const words[]);

/** cfg_ignored - why @key, of other tools, has no effect; NULL when it is no such key */
const char *cfg_ignored(const char *key);

/** cfg_default_name - name a guest after its file; -EINVAL when that cannot be */
int cfg_default_name(struct config *cfg, const char *file);

/** cfg_default_uuid - a random uuid; 0 or a negative errno */
int cfg_default_uuid(uint8_t uuid[16]);

/** cfg_default_macs - give each card without address one made of the uuid */
void cfg_default_macs(struct config *cfg);

/** cfg_keys_apply - give each setting of the tree its meaning in @tree->cfg */
int cfg_keys_apply(struct cfg_tree *tree);

/** cfg_disk_parse - read one entry of disk=[...] into @disk */
int cfg_disk_parse(struct cfg_tree *tree, const struct cfg_value *value, struct config_disk *disk);

/**
 * cfg_bootloader_settle - decide who finds the kernel, when all keys are read
 * @tree: the tree
 * @name: of bootloader=, or NULL
 * @pos: where it stands
 * @args: value of bootloader_args=, or NULL
 */
int cfg_bootloader_settle(struct cfg_tree *tree, const char *name, const struct config_pos *pos,
			  const struct cfg_value *args);

/** cfg_vif_parse - read one entry of vif=[...] into @vif */
int cfg_vif_parse(struct cfg_tree *tree, const struct cfg_value *value, struct config_vif *vif);

/**
 * cfg_root_translate - the guest's name for a disk that root= names
 * @cfg: with its disks filled in
 * @root: value of root=, "/dev/hda1 ro"
 *
 * Return: allocated text, the same as @root where no disk matches.
 */
char *cfg_root_translate(const struct config *cfg, const char *root);

#endif /* VMMD_CONFIG_TREE_H */
