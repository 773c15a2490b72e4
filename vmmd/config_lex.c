// SPDX-License-Identifier: GPL-2.0
/*
 * Tokens of the xl.cfg syntax, with a position for each.
 *
 * The syntax began as Python and became a grammar of its own in xl: words,
 * strings in either kind of quote, '=', '+=', brackets, commas; a line end or
 * a semicolon ends a setting. Newlines inside brackets are the tree's concern.
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config_tree.h"

void cfg_verror(struct config_error *err, const char *file, const struct config_pos *pos,
		const char *fmt, va_list ap)
{
	char text[sizeof(err->text)];
	int n;

	vsnprintf(text, sizeof(text), fmt, ap);
	if (!pos->line)
		n = snprintf(err->text, sizeof(err->text), "%s: ", file);
	else if (pos->override)
		n = snprintf(err->text, sizeof(err->text), "<command line>:%u:%u: ", pos->override,
			     pos->col);
	else
		n = snprintf(err->text, sizeof(err->text), "%s:%u:%u: ", file, pos->line, pos->col);
	if (n >= 0 && (size_t)n < sizeof(err->text))
		snprintf(err->text + n, sizeof(err->text) - (size_t)n, "%s", text);

	/* What a file holds must not drive the terminal that shows its errors. */
	for (char *p = err->text; *p; p++)
		if (iscntrl((unsigned char)*p))
			*p = '?';
}

int cfg_nomem(struct config_error *err)
{
	snprintf(err->text, sizeof(err->text), "out of memory");
	return -ENOMEM;
}

static struct cfg_token fail(struct cfg_lexer *lx, const struct config_pos *pos, const char *fmt,
			     ...) __attribute__((format(printf, 3, 4)));

static struct cfg_token fail(struct cfg_lexer *lx, const struct config_pos *pos, const char *fmt,
			     ...)
{
	va_list ap;

	va_start(ap, fmt);
	cfg_verror(lx->err, lx->file, pos, fmt, ap);
	va_end(ap);
	return (struct cfg_token){.kind = CFG_TOKEN_ERROR, .pos = *pos};
}

static int peek(const struct cfg_lexer *lx)
{
	return lx->at < lx->end ? (unsigned char)*lx->at : EOF;
}

static int take(struct cfg_lexer *lx)
{
	int c = peek(lx);

	if (c == EOF)
		return EOF;
	lx->at++;
	if (c == '\n') {
		lx->pos.line++;
		lx->pos.col = 1;
	} else {
		lx->pos.col++;
	}
	return c;
}

/* Blanks, comments, and a backslash that hides the end of a line. */
static void skip_blank(struct cfg_lexer *lx)
{
	for (;;) {
		int c = peek(lx);

		if (c == ' ' || c == '\t' || c == '\r' || c == '\f') {
			take(lx);
		} else if (c == '#') {
			while (peek(lx) != '\n' && peek(lx) != EOF)
				take(lx);
		} else if (c == '\\' && lx->at + 1 < lx->end && lx->at[1] == '\n') {
			take(lx);
			take(lx);
		} else {
			return;
		}
	}
}

static int hex_digit(int c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* The byte an escape stands for, the backslash being read; -1 when unknown. */
static int escape(struct cfg_lexer *lx)
{
	static const char names[] = "abfnrtv\\'\"";
	static const char bytes[] = "\a\b\f\n\r\t\v\\'\"";
	int c = take(lx);
	const char *name;
	int value = 0;

	if (c == 'x') {
		for (int i = 0; i < 2; i++) {
			int digit = hex_digit(peek(lx));

			if (digit < 0)
				return -1;
			take(lx);
			value = value * 16 + digit;
		}
		return value;
	}
	if (c >= '0' && c <= '7') {
		value = c - '0';
		for (int i = 0; i < 2 && peek(lx) >= '0' && peek(lx) <= '7'; i++)
			value = value * 8 + take(lx) - '0';
		return value <= 0xff ? value : -1;
	}
	if (c == EOF || c == '\0')
		return -1;
	name = strchr(names, c);
	return name ? (unsigned char)bytes[name - names] : -1;
}

static struct cfg_token lex_string(struct cfg_lexer *lx)
{
	struct cfg_token token = {.kind = CFG_TOKEN_STRING, .pos = lx->pos, .verbatim = true};
	int quote = take(lx);
	size_t room = 0, len = 0;
	const char *p;

	/* No string is longer than what is left of its line or of the file. */
	for (p = lx->at; p < lx->end && *p != '\n'; p++)
		room++;
	token.text = malloc(room + 1);
	if (!token.text) {
		cfg_nomem(lx->err);
		token.kind = CFG_TOKEN_ERROR;
		return token;
	}
	for (;;) {
		struct config_pos here = lx->pos;
		int c = peek(lx);

		if (c == EOF || c == '\n') {
			free(token.text);
			return fail(lx, &token.pos,
				    "string is not closed: expected %c before the end of the line",
				    quote);
		}
		take(lx);
		if (c == quote)
			break;
		if (c == '\\') {
			token.verbatim = false;
			c = escape(lx);
			if (c < 0) {
				free(token.text);
				return fail(lx, &here,
					    "unknown escape: expected one of \\\\ \\' \\\" \\n \\t "
					    "\\r \\a \\b \\f \\v \\xHH \\OOO");
			}
		}
		if (c == '\0') {
			free(token.text);
			return fail(lx, &here, "a NUL byte in a string: expected text");
		}
		token.text[len++] = (char)c;
	}
	token.text[len] = '\0';
	return token;
}

static bool word_byte(int c)
{
	return c != EOF && (isalnum(c) || c == '_' || c == '.' || c == '-');
}

static struct cfg_token lex_word(struct cfg_lexer *lx)
{
	struct cfg_token token = {.kind = CFG_TOKEN_WORD, .pos = lx->pos, .verbatim = true};
	const char *start = lx->at;

	while (word_byte(peek(lx)))
		take(lx);
	token.text = strndup(start, (size_t)(lx->at - start));
	if (!token.text) {
		cfg_nomem(lx->err);
		token.kind = CFG_TOKEN_ERROR;
	}
	return token;
}

static struct cfg_token lex_mark(struct cfg_lexer *lx, enum cfg_token_kind kind)
{
	struct cfg_token token = {.kind = kind, .pos = lx->pos};

	take(lx);
	return token;
}

struct cfg_token cfg_lex(struct cfg_lexer *lx)
{
	struct config_pos start;
	int c;

	skip_blank(lx);
	start = lx->pos;
	c = peek(lx);
	switch (c) {
	case EOF:
		return (struct cfg_token){.kind = CFG_TOKEN_END, .pos = start};
	case '\n':
	case ';':
		return lex_mark(lx, CFG_TOKEN_NEWLINE);
	case '=':
		return lex_mark(lx, CFG_TOKEN_ASSIGN);
	case '[':
		return lex_mark(lx, CFG_TOKEN_OPEN);
	case ']':
		return lex_mark(lx, CFG_TOKEN_CLOSE);
	case ',':
		return lex_mark(lx, CFG_TOKEN_COMMA);
	case '\'':
	case '"':
		return lex_string(lx);
	case '+':
		take(lx);
		if (peek(lx) == '=') {
			take(lx);
			return (struct cfg_token){.kind = CFG_TOKEN_APPEND, .pos = start};
		}
		return fail(lx, &start, "'+' stands alone: expected +=");
	}
	if (word_byte(c))
		return lex_word(lx);
	if (isprint(c))
		return fail(lx, &start, "unexpected '%c': expected a key, a value or a comment", c);
	return fail(lx, &start, "unexpected byte 0x%02x: expected text", c);
}
