/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A PV guest in a file, and out of it again. The guest suspends by itself: asked in
 * xenstore, its kernel lets go of its devices' rings and calls SHUTDOWN_suspend.
 * What is saved then is all of its memory, the shim's included, and its vCPUs. The
 * guest that is made of it meets what the ABI promises for a resume: other event
 * channels, an empty grant table, a fresh xenstore, and back ends that know nothing
 * of it.
 *
 * save.c	asking, and writing the file
 * restore.c	reading it
 *
 * savefile.h describes the file. Context: main thread for all calls.
 */
#ifndef VMMD_XEN_SAVE_H
#define VMMD_XEN_SAVE_H

#include "types.h"

struct config;
struct vm;
struct xen;

/** enum save_then - what becomes of the guest when it is saved */
enum save_then {
	SAVE_DESTROY,
	SAVE_CONTINUE,
	SAVE_PAUSE,
};

/**
 * save_start() - save a guest
 * @vm: PV guest that runs
 * @fd: open for writing; stays the caller's
 * @then: what follows when all is well; else the guest runs on
 *
 * Subscribers hear "saved" or "save-failed".
 * Return: 0; -EAGAIN when the guest does not say that it can suspend; -EBUSY when
 * a file is being written of it already; another negative errno.
 */
int save_start(struct vm *vm, int fd, enum save_then then);

/**
 * save_suspended() - the guest has called SHUTDOWN_suspend, and waits
 * @opaque: its struct xen
 *
 * A loop_fn. If nobody asked for that, the guest goes on at once.
 */
void save_suspended(void *opaque);

/** save_abort() - the guest has ended; harmless when it is not being saved */
void save_abort(struct xen *xen);

/**
 * restore_open() - make ready to read a guest from a file
 * @vm: zeroed but for runtime; vm->restore is set
 * @path: the file
 *
 * Return: 0 or a negative errno (logged).
 */
int restore_open(struct vm *vm, const char *path);

/**
 * restore_config() - the configuration that is in the file
 * @vm: with vm->restore
 * @len: out: bytes
 *
 * Return: the text, vm->restore's.
 */
const char *restore_config(const struct vm *vm, size_t *len);

/**
 * restore_check() - whether vm->cfg is one of the guest in the file
 * @vm: with vm->restore
 *
 * Return: 0 or -EINVAL (logged).
 */
int restore_check(const struct vm *vm);

/** restore_hole() - bytes that the shim had; 0 without vm->restore */
u64 restore_hole(const struct vm *vm);

/** restore_vif_id() - number of a card; @index itself without vm->restore */
u32 restore_vif_id(const struct vm *vm, u32 index);

/**
 * restore_load() - memory and vCPUs as they were
 * @vm: with vm->restore; RAM all zero, vCPUs created, devices registered
 *
 * Return: 0, vm->restore being closed, or a negative errno (logged).
 */
int restore_load(struct vm *vm);

/** restore_close() - harmless when there is nothing to be restored */
void restore_close(struct vm *vm);

#endif /* VMMD_XEN_SAVE_H */
