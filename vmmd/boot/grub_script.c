// SPDX-License-Identifier: GPL-2.0
/*
 * The language of grub.cfg, as far as a menu is written in it. See grub_cfg.h.
 *
 * A script is cut into commands, a command into words by the quoting rules of
 * GRUB's manual ("Writing GRUB configuration files directly"). Words that only
 * steer (if, then, else, ...) are taken off the front of a command; what is
 * left is one of the few commands known here, or of no interest.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "boot/grub_cfg.h"

#define WORDS_MAX 512
#define DEPTH_MAX 16

/**
 * struct word - of a command
 * @text: NUL-terminated
 * @plain: written without quotes, backslashes and variables
 * @blank: holds a blank that must not separate words
 */
struct word {
	const char *text;
	bool plain;
	bool blank;
};

/**
 * struct command - a command, its variables expanded
 * @line: where it starts
 * @word: its words
 * @n: of them
 * @text: what they consist of
 * @used: bytes of @text
 */
struct command {
	u32 line;
	struct word word[WORDS_MAX];
	u32 n;
	char text[GRUB_COMMAND_MAX];
	size_t used;
};

enum block_kind {
	BLOCK_OTHER,
	BLOCK_FUNCTION,
	BLOCK_MENUENTRY,
	BLOCK_SUBMENU,
};

/**
 * struct block - what an open brace is about
 * @kind: of it
 * @line: of the brace
 * @entry: of the menu
 * @first_var: variables from here on end with it
 * @scope: of the block around
 */
struct block {
	enum block_kind kind;
	u32 line;
	int entry;
	u32 first_var;
	u32 scope;
};

/**
 * struct script - where reading has got to
 * @cfg: the menu
 * @at: next byte
 * @end: behind the last one
 * @line: of @at
 * @command: being read
 * @block: open braces
 * @depth: of them
 */
struct script {
	struct grub_cfg *cfg;
	const char *at;
	const char *end;
	u32 line;
	struct command command;
	struct block block[DEPTH_MAX];
	u32 depth;
};

/* -------------------------------------------------------------- characters */

static int peek(const struct script *s)
{
	return s->at < s->end ? (unsigned char)*s->at : -1;
}

static int get(struct script *s)
{
	if (s->at == s->end)
		return -1;
	if (*s->at == '\n')
		s->line++;
	return (unsigned char)*s->at++;
}

static bool is_blank(int c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

/* They separate words wherever they are, as blanks do. */
static bool is_brace(int c)
{
	return c == '{' || c == '}';
}

/* Ends of a command; a file ends one, too. */
static bool is_end(int c)
{
	return c == -1 || c == '\n' || c == ';' || c == '|' || c == '&';
}

static int put(struct script *s, int c)
{
	struct command *command = &s->command;

	if (!c)
		return grub_cfg_fail(s->cfg, -EINVAL, s->line, "a byte 0: this is no text");
	/* One byte is for the NUL. */
	if (command->used + 1 >= sizeof(command->text))
		return grub_cfg_fail(s->cfg, -E2BIG, command->line,
				     "a command of more than %u bytes", GRUB_COMMAND_MAX);
	command->text[command->used++] = (char)c;
	return 0;
}

/* ------------------------------------------------------------------- words */

/* Behind a '$'. Names that are no names leave the '$' as it is. */
static int put_variable(struct script *s)
{
	const char *name = s->at, *value;
	bool braces = peek(s) == '{';
	size_t len;
	int ret = 0;

	name += braces;
	len = name < s->end ? grub_var_name(name, (size_t)(s->end - name)) : 0;
	if (!len || (braces && (name + len == s->end || name[len] != '}')))
		return put(s, '$');
	s->at = name + len + braces;
	for (value = grub_cfg_get(s->cfg, name, len); !ret && *value; value++)
		ret = put(s, *value);
	return ret;
}

/* Behind the opening quote. */
static int put_quoted(struct script *s, struct word *word, int quote)
{
	u32 line = s->line;
	int c, ret = 0;

	while (!ret && (c = get(s)) != quote) {
		size_t before = s->command.used;

		if (c == -1)
			return grub_cfg_fail(s->cfg, -EINVAL, line, "no end of the text after %c",
					     quote);
		if (quote == '"' && c == '$') {
			ret = put_variable(s);
		} else if (quote == '"' && c == '\\' && peek(s) != -1 &&
			   strchr("$\"\\\n", peek(s))) {
			c = get(s);
			if (c != '\n')
				ret = put(s, c);
		} else {
			ret = put(s, c);
		}
		if (memchr(s->command.text + before, ' ', s->command.used - before))
			word->blank = true;
	}
	return ret;
}

static int end_word(struct script *s, const struct word *word)
{
	struct command *command = &s->command;

	if (command->n == WORDS_MAX)
		return grub_cfg_fail(s->cfg, -E2BIG, command->line,
				     "a command of more than %u words", WORDS_MAX);
	command->text[command->used++] = '\0';
	command->word[command->n++] = *word;
	return 0;
}

/* One word, up to the blank, the brace or the end of the command behind it. */
static int read_word(struct script *s)
{
	struct command *command = &s->command;
	struct word word = {.text = command->text + command->used, .plain = true};
	bool quoted = false;
	int c, ret = 0;

	while (!ret && !is_blank(peek(s)) && !is_brace(peek(s)) && !is_end(peek(s))) {
		c = get(s);
		if (c == '\'' || c == '"') {
			quoted = true;
			ret = put_quoted(s, &word, c);
		} else if (c == '\\') {
			word.plain = false;
			c = get(s);
			if (c != '\n' && c != -1) {
				word.blank |= c == ' ';
				ret = put(s, c);
			}
		} else if (c == '$') {
			word.plain = false;
			ret = put_variable(s);
		} else {
			ret = put(s, c);
		}
	}
	if (ret)
		return ret;
	/* A variable without value makes no word. */
	if (word.text == command->text + command->used && !quoted)
		return 0;
	word.plain = word.plain && !quoted;
	return end_word(s, &word);
}

static bool is_plain(const struct word *word, const char *text)
{
	return word->plain && !strcmp(word->text, text);
}

/* A brace is a word, but a command goes no further than to one. */
static int read_brace(struct script *s)
{
	struct command *command = &s->command;
	struct word word = {.text = command->text + command->used, .plain = true};
	int ret = put(s, get(s));

	return ret ? ret : end_word(s, &word);
}

static void skip_comment(struct script *s)
{
	while (peek(s) != '\n' && peek(s) != -1)
		get(s);
}

/* Return: 1 with a command, 0 at the end of the script, or a negative errno. */
static int read_command(struct script *s)
{
	struct command *command = &s->command;
	int ret;

	command->n = 0;
	command->used = 0;
	while (peek(s) != -1) {
		command->line = command->n ? command->line : s->line;
		if (is_blank(peek(s))) {
			get(s);
		} else if (peek(s) == '#') {
			skip_comment(s);
		} else if (is_end(peek(s))) {
			get(s);
			if (command->n)
				return 1;
		} else if (peek(s) == '}' && command->n) {
			/* "initrd /x }": the brace ends the command before it. */
			return 1;
		} else if (is_brace(peek(s))) {
			ret = read_brace(s);
			return ret ? ret : 1;
		} else {
			ret = read_word(s);
			if (ret)
				return ret;
		}
	}
	return command->n > 0;
}

/* ---------------------------------------------------------------- commands */

static struct block *innermost(struct script *s)
{
	return s->depth ? &s->block[s->depth - 1] : NULL;
}

static bool inside(const struct script *s, enum block_kind kind)
{
	u32 i;

	for (i = 0; i < s->depth; i++)
		if (s->block[i].kind == kind)
			return true;
	return false;
}

/* The entry that commands are for, or NULL outside of entries. */
static struct grub_entry *current_entry(struct script *s)
{
	u32 i;

	for (i = s->depth; i > 0; i--)
		if (s->block[i - 1].kind == BLOCK_MENUENTRY)
			return &s->cfg->entry[s->block[i - 1].entry];
	return NULL;
}

static int open_block(struct script *s, enum block_kind kind, int entry)
{
	struct block *block = &s->block[s->depth];

	if (s->depth == DEPTH_MAX)
		return grub_cfg_fail(s->cfg, -E2BIG, s->command.line, "braces nest too deeply");
	*block = (struct block){
		.kind = kind,
		.line = s->command.line,
		.entry = entry,
		.first_var = s->cfg->n_vars,
		.scope = s->cfg->scope,
	};
	/* An entry's variables are its own: it is one of many that may run. */
	if (kind == BLOCK_MENUENTRY || kind == BLOCK_SUBMENU)
		s->cfg->scope = s->cfg->n_vars;
	s->depth++;
	return 0;
}

static int close_block(struct script *s)
{
	const struct block *block = innermost(s);

	if (!block)
		return grub_cfg_fail(s->cfg, -EINVAL, s->command.line, "} without {");
	if (block->kind == BLOCK_MENUENTRY || block->kind == BLOCK_SUBMENU) {
		grub_cfg_end_scope(s->cfg, block->first_var);
		s->cfg->scope = block->scope;
	}
	s->depth--;
	return 0;
}

/* menuentry TITLE [--class X] [--id ID] ... { */
static int open_entry(struct script *s, const struct word *word, u32 n, bool submenu)
{
	const char *title = NULL, *id = NULL;
	struct grub_entry *entry;
	int parent = -1;
	u32 i;

	if (!is_plain(&word[n - 1], "{"))
		return grub_cfg_fail(s->cfg, -EINVAL, s->command.line, "%s without {",
				     word[0].text);
	if (current_entry(s))
		return grub_cfg_fail(s->cfg, -EINVAL, s->command.line, "%s inside an entry",
				     word[0].text);
	for (i = 1; i < n - 1; i++) {
		const char *text = word[i].text;

		if (strncmp(text, "--", 2))
			title = title ?: text;
		else if (!strncmp(text, "--id=", strlen("--id=")))
			id = text + strlen("--id=");
		else if (!strcmp(text, "--id") && i + 1 < n - 1)
			id = word[++i].text;
		else if (!strchr(text, '=') && strcmp(text, "--unrestricted"))
			i++;
	}
	if (!title)
		return grub_cfg_fail(s->cfg, -EINVAL, s->command.line, "%s without a title",
				     word[0].text);
	for (i = 0; i < s->depth; i++)
		if (s->block[i].kind == BLOCK_SUBMENU)
			parent = s->block[i].entry;
	entry = grub_cfg_add(s->cfg, s->command.line, title, id);
	if (!entry)
		return -E2BIG;
	entry->parent = parent;
	entry->submenu = submenu;
	return open_block(s, submenu ? BLOCK_SUBMENU : BLOCK_MENUENTRY,
			  (int)(entry - s->cfg->entry));
}

static int no_memory(struct script *s)
{
	return grub_cfg_fail(s->cfg, -ENOMEM, s->command.line, "out of memory");
}

/*
 * linux PATH WORD...: the words with one blank between them; one with a blank
 * inside is put into quotes, which Linux understands. Of more than one such
 * line in an entry, in branches of an `if`, the first counts.
 */
static int set_linux(struct script *s, struct grub_entry *entry, const struct word *word, u32 n)
{
	size_t used = 0;
	u32 i;

	if (n < 2 || entry->kernel)
		return 0;
	/* Every word has a NUL in its command, which leaves room for two quotes. */
	entry->args = malloc(3 * sizeof(s->command.text));
	entry->kernel = strdup(word[1].text);
	if (!entry->args || !entry->kernel)
		return no_memory(s);
	entry->args[0] = '\0';
	for (i = 2; i < n; i++)
		used += (size_t)sprintf(entry->args + used, word[i].blank ? "%s\"%s\"" : "%s%s",
					used ? " " : "", word[i].text);
	entry->args = realloc(entry->args, used + 1) ?: entry->args;
	return 0;
}

static int set_initrd(struct script *s, struct grub_entry *entry, const struct word *word, u32 n)
{
	u32 i;

	if (entry->n_initrds)
		return 0;
	for (i = 1; i < n; i++) {
		if (!strncmp(word[i].text, "--", 2))
			continue;
		if (entry->n_initrds == GRUB_INITRDS_MAX)
			return grub_cfg_fail(s->cfg, -E2BIG, s->command.line,
					     "more than %u files for initrd", GRUB_INITRDS_MAX);
		entry->initrd[entry->n_initrds] = strdup(word[i].text);
		if (!entry->initrd[entry->n_initrds])
			return no_memory(s);
		entry->n_initrds++;
	}
	return 0;
}

/* NAME=VALUE, of `set` or alone; anything else is no assignment. */
static int assign(struct script *s, const struct word *word)
{
	size_t len = grub_var_name(word->text, strlen(word->text));

	if (!len || word->text[len] != '=')
		return 0;
	return grub_cfg_set(s->cfg, s->command.line, word->text, len, word->text + len + 1, false);
}

static bool is_one_of(const char *word, const char *const list[])
{
	for (; *list; list++)
		if (!strcmp(word, *list))
			return true;
	return false;
}

static int run_command(struct script *s)
{
	static const char *const steering[] = {"if",	"then",	 "elif", "else", "do",
					       "while", "until", "!",	 NULL};
	static const char *const linux_words[] = {"linux", "linux16", "linuxefi", NULL};
	static const char *const initrd_words[] = {"initrd", "initrd16", "initrdefi", NULL};
	const struct word *word = s->command.word;
	struct grub_entry *entry = current_entry(s);
	u32 n = s->command.n;
	const char *name;

	while (n && word->plain && is_one_of(word->text, steering)) {
		word++;
		n--;
	}
	if (!n)
		return 0;
	name = word->text;
	if (is_plain(word, "}"))
		return close_block(s);
	if (inside(s, BLOCK_FUNCTION))
		return is_plain(&word[n - 1], "{") ? open_block(s, BLOCK_OTHER, -1) : 0;
	if (!strcmp(name, "menuentry") || !strcmp(name, "submenu"))
		return open_entry(s, word, n, *name == 's');
	if (is_plain(&word[n - 1], "{"))
		return open_block(s, strcmp(name, "function") ? BLOCK_OTHER : BLOCK_FUNCTION, -1);
	if (!strcmp(name, "set"))
		return n > 1 ? assign(s, &word[1]) : 0;
	if (!strcmp(name, "unset"))
		return n > 1 ? grub_cfg_set(s->cfg, s->command.line, word[1].text,
					    strlen(word[1].text), "", false)
			     : 0;
	if (entry && is_one_of(name, linux_words))
		return set_linux(s, entry, word, n);
	if (entry && is_one_of(name, initrd_words))
		return set_initrd(s, entry, word, n);
	if (!strcmp(name, "blscfg") && s->cfg->blscfg)
		return s->cfg->blscfg(s->cfg, s->cfg->opaque);
	return assign(s, word);
}

int grub_cfg_read(struct grub_cfg *cfg, const char *file, const char *text, size_t len)
{
	struct script *s = calloc(1, sizeof(*s));
	int ret;

	cfg->file = file;
	if (!s)
		return grub_cfg_fail(cfg, -ENOMEM, 0, "out of memory");
	s->cfg = cfg;
	s->at = text;
	s->end = text + len;
	s->line = 1;
	while ((ret = read_command(s)) > 0) {
		ret = run_command(s);
		if (ret)
			break;
	}
	if (!ret && s->depth)
		ret = grub_cfg_fail(cfg, -EINVAL, innermost(s)->line, "no } for this {");
	free(s);
	return ret;
}
