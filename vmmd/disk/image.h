/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Disks whose bytes are not the file's: qcow2 and other formats. A
 * qemu-storage-daemon of the disk's own opens the file, and what its format
 * leads to (backing files), with the rights of who starts the guest, and serves
 * what the guest is to see by the NBD protocol on a socket that has no name.
 * nbd.c is the other end.
 *
 * The daemon lives as long as somebody holds @IMAGE_LIFE: it is told by the
 * kernel, whatever way its last holder went. These functions run before the
 * sandbox, or in hvctl, which sends the descriptors to a guest's vmmd.
 */
#ifndef VMMD_DISK_IMAGE_H
#define VMMD_DISK_IMAGE_H

#include "types.h"

#define IMAGE_ERROR_LEN 512

struct config_disk;

/* What struct disk_opened holds for an image. */
enum {
	IMAGE_SOCKET,	/* stream: NBD, past the handshake */
	IMAGE_LIFE,	/* pipe, write end: closed, it ends the daemon */
	IMAGE_MESSAGES, /* pipe, read end: what the daemon says; at its end it has ended */
};

#define DISK_FILES 3

/**
 * struct disk_opened - what a disk is made of, opened
 * @file: of a raw disk: the file and, when that is open with O_DIRECT, the same
 *	  without. Of an image: see above. -1 for none.
 * @size: of an image: bytes
 * @nbd_flags: of an image: what the daemon can do, flags of nbd_proto.h
 */
struct disk_opened {
	int file[DISK_FILES];
	u64 size;
	u16 nbd_flags;
};

/**
 * image_open() - start a daemon for an image
 * @cfg: the disk's configuration, not raw
 * @opened: filled on success
 * @err: filled on failure: one line that names neither disk nor file
 *
 * Context: before other threads exist.
 * Return: 0 or a negative errno: -ENOPKG when there is no daemon, -EBUSY when
 * another process uses the file.
 */
int image_open(const struct config_disk *cfg, struct disk_opened *opened,
	       char err[IMAGE_ERROR_LEN]);

/**
 * image_close() - close all descriptors of an image
 * @opened: the image
 *
 * Return: whether the daemon has ended, which is waited for, but not for ever.
 * Then all is written that there was to write, and the file is free.
 */
bool image_close(struct disk_opened *opened);

#endif /* VMMD_DISK_IMAGE_H */
