/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The run-time directory: where a live guest can be found.
 *
 *	ROOT/			/run/hvctl for root, $XDG_RUNTIME_DIR/hvctl else
 *	ROOT/.lock		held for the short time a name is taken or freed
 *	ROOT/.uids		byte N is locked while user id BASE + N is in use
 *	ROOT/.domid		the last number given on a node that gives none
 *	ROOT/NAME/lock		locked for as long as the guest's vmmd lives, and
 *				holding its process id
 *	ROOT/NAME/control	its control socket
 *	ROOT/.log/NAME.log	what it had to say; outlives the guest
 *
 * No guest's name starts with a dot, so the two kinds of entry never meet.
 * All locks are open-file-description locks: the kernel drops them with the
 * process however it dies, and asking who holds one takes nothing. A NAME
 * whose lock is free is a corpse, and whoever meets it first removes it.
 */
#ifndef VMMD_RUNTIME_H
#define VMMD_RUNTIME_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "config.h"

#define RUNTIME_CONTROL	  "control"
#define RUNTIME_LOG_DIR	  ".log"
#define RUNTIME_ERROR_LEN 512

/*
 * User ids for guests that root starts: outside every range that Debian,
 * systemd (UIDS-GIDS) or subuid allocation hands out, below 2^31.
 */
#define RUNTIME_UID_BASE  1894000000u
#define RUNTIME_UID_COUNT 32768u

/**
 * struct runtime - a guest's place in the run-time directory
 * @name: of the guest
 * @root: path of ROOT
 * @root_fd: ROOT
 * @dir_fd: ROOT/NAME
 * @lock_fd: ROOT/NAME/lock, locked
 * @uids_fd: ROOT/.uids, one byte locked; -1 when no user id was claimed
 * @log_fd: ROOT/.log/NAME.log, for appending
 *
 * Main thread only.
 */
struct runtime {
	char name[CONFIG_NAME_MAX + 1];
	char root[PATH_MAX];
	int root_fd;
	int dir_fd;
	int lock_fd;
	int uids_fd;
	int log_fd;
};

/**
 * runtime_root - path of the caller's run-time directory
 * @out: PATH_MAX bytes
 *
 * Return: 0, -ENOENT when the caller is not root and XDG_RUNTIME_DIR is unset,
 * -ENAMETOOLONG.
 */
int runtime_root(char out[PATH_MAX]);

/**
 * runtime_claim - take @name for a new guest
 * @rt: filled on success
 * @name: a valid guest name
 * @err: RUNTIME_ERROR_LEN bytes, one line on failure
 *
 * Makes the directories as needed and removes the remains of a dead guest of
 * that name. The log of the last guest of that name becomes NAME.log.1.
 *
 * Return: 0, -EEXIST when such a guest lives, another negative errno.
 */
int runtime_claim(struct runtime *rt, const char *name, char *err);

/**
 * runtime_claim_uid - take a user id that no other guest uses
 * @rt: a claimed place
 * @hint: number to start from, the domain id
 * @uid: filled on success
 *
 * The id stays taken until the process ends. Context: root only.
 *
 * Return: 0, -EUSERS when all are taken, another negative errno.
 */
int runtime_claim_uid(struct runtime *rt, unsigned int hint, uid_t *uid);

/**
 * runtime_hand_over - give the guest's directory to the user id it will run as
 * @rt: a claimed place
 * @uid: new owner, whose group of the same number becomes the group
 *
 * Lets vmmd empty its directory after it has dropped its privileges.
 */
int runtime_hand_over(struct runtime *rt, uid_t uid);

/**
 * runtime_next_domid - a domain id for a node that does not give one
 * @rt: a claimed place
 *
 * Return: 1..32767, unique among the caller's guests for 32766 creations.
 */
unsigned int runtime_next_domid(struct runtime *rt);

/**
 * runtime_release - free the name and close everything
 * @rt: a claimed place
 * @keep_log: false removes the log as well (a guest that was never born)
 *
 * A vmmd that changed its user id can empty its directory but not remove it;
 * the next hvctl command does.
 */
void runtime_release(struct runtime *rt, bool keep_log);

/**
 * runtime_rename - move the place of a live guest, and its log
 * @root: run-time directory
 * @old: the guest's name
 * @new: valid name that it is to have
 *
 * The guest itself is to be told. What is left of a dead guest of the new name
 * goes, but its log is kept as by runtime_claim().
 *
 * Return: 0, -EEXIST when such a guest lives, another negative errno.
 */
int runtime_rename(const char *root, const char *old, const char *new);

/**
 * runtime_each - visit the live guests
 * @root: a run-time directory
 * @fn: called with the guest's name and the path of its control socket; a
 *	return value other than 0 ends the walk
 * @opaque: for @fn
 *
 * Corpses met on the way are removed where the caller may.
 *
 * Return: what @fn returned last, 0 without guests, or a negative errno.
 */
int runtime_each(const char *root, int (*fn)(const char *name, const char *socket, void *opaque),
		 void *opaque);

/** runtime_alive - whether a guest called @name lives under @root */
bool runtime_alive(const char *root, const char *name);

/**
 * runtime_pidfd - a descriptor of the process that is the guest @name
 *
 * For a vmmd that does not answer. Return: a descriptor, or a negative errno;
 * -ESRCH when the guest is dead.
 */
int runtime_pidfd(const char *root, const char *name);

#endif /* VMMD_RUNTIME_H */
