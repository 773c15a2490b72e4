/* SPDX-License-Identifier: GPL-2.0 */
/*
 * An engine for images: requests go to the disk's daemon by the NBD protocol,
 * many at a time, and are answered in any order. engine.c calls it in place of
 * io_uring; its rules about locks and threads are those of disk.h.
 */
#ifndef VMMD_DISK_NBD_H
#define VMMD_DISK_NBD_H

#include "disk/disk.h"

/**
 * nbd_create() - be the daemon's client
 * @disk: for its lock, ops and name, which need not be there yet
 * @opened: the image; its descriptors are owned from then on
 *
 * Return: the client, or NULL without memory, when the caller keeps @opened.
 */
struct nbd *nbd_create(struct disk *disk, const struct disk_opened *opened);

/** nbd_destroy() - end the daemon and wait for that; NULL is ignored */
void nbd_destroy(struct nbd *nbd);

/**
 * nbd_attach() - take answers
 * @nbd: client of a disk with name, ops and lock
 * @loop: whose thread takes them
 *
 * Return: 0 or a negative errno.
 */
int nbd_attach(struct nbd *nbd, struct loop *loop);

/** nbd_detach() - undo nbd_attach(), or nothing; @loop is NULL when it is gone */
void nbd_detach(struct nbd *nbd, struct loop *loop);

/** nbd_queue() - disk_queue() */
void nbd_queue(struct nbd *nbd, struct disk_req *req);

/** nbd_submit() - disk_submit(); what finds no room in the socket goes later */
void nbd_submit(struct nbd *nbd);

#endif /* VMMD_DISK_NBD_H */
