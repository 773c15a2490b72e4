/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The menu of GRUB 2 as a guest's disk has it: grub.cfg, a script of which the
 * parts that make up the menu are understood, the environment block, and the
 * entries of the Boot Loader Specification that the command blscfg adds.
 *
 * No condition is evaluated: both branches of an `if` count, in the order in
 * which they are written. Bodies of functions do not count. A variable has the
 * value that was assigned to it last before the place where it is used; those
 * of the environment block keep their values.
 *
 * All text is hostile. What it may make us allocate and how often it may make
 * us loop is bounded by the numbers below and its length.
 *
 * A struct grub_cfg belongs to one thread; it has no lock.
 */
#ifndef VMMD_BOOT_GRUB_CFG_H
#define VMMD_BOOT_GRUB_CFG_H

#include "types.h"

#define GRUB_ENTRIES_MAX 256
#define GRUB_INITRDS_MAX 8
#define GRUB_VARS_MAX	 256
#define GRUB_VAR_MAX	 4096 /* bytes of a value */
#define GRUB_COMMAND_MAX 8192 /* bytes of a command, variables expanded */
#define GRUB_ERROR_LEN	 256

/**
 * struct grub_entry - a line of the menu
 * @title: shown
 * @id: by which the default may name it, or NULL
 * @line: in its file
 * @parent: index of the submenu it is in, -1 for none
 * @submenu: a menu of its own
 * @kernel: path of the kernel; NULL when it boots no Linux
 * @args: words for the kernel
 * @initrd: paths of the pieces of the ramdisk, in order
 * @n_initrds: of them
 */
struct grub_entry {
	char *title;
	char *id;
	u32 line;
	int parent;
	bool submenu;
	char *kernel;
	char *args;
	char *initrd[GRUB_INITRDS_MAX];
	u32 n_initrds;
};

/**
 * struct grub_var - a variable
 * @name: of it
 * @value: of it
 * @fixed: assignments do not change it
 */
struct grub_var {
	char *name;
	char *value;
	bool fixed;
};

struct grub_cfg;

/**
 * typedef grub_blscfg_fn - the script calls blscfg
 * @cfg: to which grub_cfg_add_bls() adds entries
 * @opaque: of struct grub_cfg
 *
 * Return: 0 or a negative errno with cfg->error filled.
 */
typedef int (*grub_blscfg_fn)(struct grub_cfg *cfg, void *opaque);

/**
 * struct grub_cfg - a menu
 * @blscfg: called for the command blscfg; NULL to ignore it
 * @opaque: its argument
 * @entry: in order, those of a submenu behind it
 * @n_entries: of them
 * @var: variables; of two with one name the later counts
 * @n_vars: of them
 * @scope: variables before this one are of the menu around and get hidden, not
 *	   changed
 * @file: being read, for messages
 * @error: what was wrong, with file and line
 */
struct grub_cfg {
	grub_blscfg_fn blscfg;
	void *opaque;
	struct grub_entry entry[GRUB_ENTRIES_MAX];
	u32 n_entries;
	struct grub_var var[GRUB_VARS_MAX];
	u32 n_vars;
	u32 scope;
	const char *file;
	char error[GRUB_ERROR_LEN];
};

/**
 * grub_cfg_create() - an empty menu
 *
 * Return: to be freed by grub_cfg_destroy(), or NULL.
 */
struct grub_cfg *grub_cfg_create(void);

/** grub_cfg_destroy() - free a menu; NULL is fine */
void grub_cfg_destroy(struct grub_cfg *cfg);

/**
 * grub_cfg_read_env() - take the variables of an environment block
 * @cfg: the menu; before grub_cfg_read()
 * @text: grubenv
 * @len: bytes
 *
 * Lines that are no assignments are left out.
 * Return: 0 or a negative errno with cfg->error filled.
 */
int grub_cfg_read_env(struct grub_cfg *cfg, const char *text, size_t len);

/**
 * grub_cfg_read() - read grub.cfg
 * @cfg: the menu
 * @file: its path, for messages
 * @text: content
 * @len: bytes
 *
 * Return: 0; -EINVAL when it is no script of GRUB, -E2BIG when it is beyond
 * the limits, -ENOMEM; cfg->error tells what and where.
 */
int grub_cfg_read(struct grub_cfg *cfg, const char *file, const char *text, size_t len);

/**
 * grub_cfg_add_bls() - add an entry of the Boot Loader Specification
 * @cfg: the menu
 * @id: the file's name less .conf
 * @text: content
 * @len: bytes
 *
 * Return: as grub_cfg_read().
 */
int grub_cfg_add_bls(struct grub_cfg *cfg, const char *id, const char *text, size_t len);

/**
 * grub_cfg_default() - the entry that GRUB would boot untouched
 * @cfg: the menu
 *
 * Where the variable default names none that boots Linux, the first that does.
 * Return: NULL when none does.
 */
const struct grub_entry *grub_cfg_default(const struct grub_cfg *cfg);

/**
 * grub_cfg_find() - the entry that the administrator wants
 * @cfg: the menu
 * @wanted: a number that counts all entries from 0, those in submenus and not
 *	    the submenus themselves, as pygrub does; or a title or id, with
 *	    "SUBMENU>" before it where it is not unique
 *
 * Return: NULL when there is none, or it boots no Linux.
 */
const struct grub_entry *grub_cfg_find(const struct grub_cfg *cfg, const char *wanted);

/* --- between grub_cfg.c and grub_script.c --- */

/** grub_cfg_fail() - fill cfg->error, with the file and @line; returns @err */
int grub_cfg_fail(struct grub_cfg *cfg, int err, u32 line, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/** grub_cfg_set() - assign; @len bytes of @name; 0 or a negative errno */
int grub_cfg_set(struct grub_cfg *cfg, u32 line, const char *name, size_t len, const char *value,
		 bool fixed);

/** grub_cfg_get() - value of a variable, "" when it has none */
const char *grub_cfg_get(const struct grub_cfg *cfg, const char *name, size_t len);

/** grub_cfg_end_scope() - forget the variables from @scope on */
void grub_cfg_end_scope(struct grub_cfg *cfg, u32 scope);

/** grub_cfg_add() - a new entry, or NULL with cfg->error filled */
struct grub_entry *grub_cfg_add(struct grub_cfg *cfg, u32 line, const char *title, const char *id);

/** grub_var_name() - length of the variable's name that @text starts with, 0 for none */
size_t grub_var_name(const char *text, size_t len);

#endif /* VMMD_BOOT_GRUB_CFG_H */
