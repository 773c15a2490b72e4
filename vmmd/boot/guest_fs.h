/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Files of a guest, read out of an ext2, ext3 or ext4 file system on its disk
 * by libext2fs. It is read as it stands: no journal is replayed, no sum that
 * is wrong is accepted.
 *
 * Used by one thread of a process that has nothing else to lose: a library
 * meets a file system that may have been made to break it.
 */
#ifndef VMMD_BOOT_GUEST_FS_H
#define VMMD_BOOT_GUEST_FS_H

#include <ext2fs/ext2fs.h>

#include "types.h"

#define GUEST_FS_ERROR_LEN 192
#define GUEST_FS_NAME_MAX  256

/**
 * struct guest_disk - a disk of a guest
 * @fd: open for reading
 * @size: bytes
 * @budget: bytes that may still be read from it; ends what goes in circles
 */
struct guest_disk {
	int fd;
	u64 size;
	u64 budget;
};

/**
 * struct guest_fs - a file system
 * @disk: where
 * @offset: first byte on it
 * @len: bytes
 * @ext2: libext2fs's
 * @error: why the last call failed
 */
struct guest_fs {
	struct guest_disk *disk;
	u64 offset;
	u64 len;
	ext2_filsys ext2;
	char error[GUEST_FS_ERROR_LEN];
};

/**
 * guest_fs_open() - open a file system
 * @fs: out; to be closed only after success
 * @disk: stays in use
 * @offset: first byte on @disk
 * @len: bytes
 *
 * Return: 0, -ENODEV when there is no such file system, or another negative
 * errno with fs->error filled.
 */
int guest_fs_open(struct guest_fs *fs, struct guest_disk *disk, u64 offset, u64 len);

/** guest_fs_close() - close it */
void guest_fs_close(struct guest_fs *fs);

/**
 * guest_fs_read() - a file's content in memory
 * @fs: open
 * @path: from the root of the file system; links are followed inside of it
 * @max: bytes; a larger file is an error
 * @text: out: to be freed
 * @len: out: bytes
 *
 * Return: 0; -ENOENT when there is no such file; -ELOOP, -EISDIR, -EFBIG, -EIO
 * and others, fs->error filled in all cases.
 */
int guest_fs_read(struct guest_fs *fs, const char *path, u64 max, char **text, size_t *len);

/**
 * guest_fs_copy() - a file's content into another one
 * @fs: open
 * @path: as above
 * @max: bytes; a larger file is an error
 * @fd: where to write
 * @at: offset in @fd
 * @len: out: bytes
 *
 * Return: as above.
 */
int guest_fs_copy(struct guest_fs *fs, const char *path, u64 max, int fd, u64 at, u64 *len);

/**
 * guest_fs_list() - names in a directory
 * @fs: open
 * @path: as above
 * @suffix: names that do not end so are left out
 * @names: out: without @suffix, in no order
 * @max: names; the rest is left out
 *
 * Return: how many, or a negative errno as above.
 */
int guest_fs_list(struct guest_fs *fs, const char *path, const char *suffix,
		  char names[][GUEST_FS_NAME_MAX], u32 max);

#endif /* VMMD_BOOT_GUEST_FS_H */
