/* SPDX-License-Identifier: GPL-2.0 */
/* A guest whose kernel is on its disk, and what pygrub_read() makes of it. */
#ifndef UNIT_PYGRUB_GUEST_H
#define UNIT_PYGRUB_GUEST_H

#include "boot/boot.h"
#include "boot/pygrub.h"

#define GUEST_TEXT_MAX 64

/**
 * struct guest - a configuration and its outcome
 * @cfg: the configuration
 * @ret: of pygrub_open(), or of pygrub_read() after it
 * @kernel: start of the kernel
 * @kernel_len: bytes
 * @ramdisk: start of the ramdisk, "" without one
 * @ramdisk_len: bytes
 * @cmdline: command line, or NULL
 * @log: what was logged meanwhile
 */
struct guest {
	struct config cfg;
	int ret;
	char kernel[GUEST_TEXT_MAX];
	u64 kernel_len;
	char ramdisk[GUEST_TEXT_MAX];
	u64 ramdisk_len;
	char *cmdline;
	char log[2048];
};

/** guest_init() - a guest of 64 MiB with one disk, to be changed */
void guest_init(struct guest *guest, char *disk);

/** guest_read() - have its kernel read; what was read before is forgotten */
void guest_read(struct guest *guest, struct pygrub *pygrub);

/** guest_start() - guest_read() with the disk opened and closed around it */
void guest_start(struct guest *guest);

/** guest_free() - free what guest_read() has left */
void guest_free(struct guest *guest);

#endif /* UNIT_PYGRUB_GUEST_H */
