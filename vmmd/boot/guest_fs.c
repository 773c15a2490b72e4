// SPDX-License-Identifier: GPL-2.0
/* ext2, ext3 and ext4 on a part of a descriptor. See guest_fs.h. */
#include <errno.h>
#include <et/com_err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "boot/guest_fs.h"

/* The longest thing read at once: group descriptors of a file system of 16 TiB. */
#define REQUEST_MAX (16 * MIB)
/* Reads cost time whatever their size. */
#define REQUEST_MIN (4 * KIB)
#define COPY_BYTES  (256 * KIB)

/* What the I/O manager says when the budget is spent; nobody else does. */
#define EXT2_ET_BUDGET EXT2_ET_TOO_MANY_REFS

/* ------------------------------------------- what libext2fs reads a disk by */

/*
 * The library hands its I/O manager a name and nothing else. A process opens
 * one file system at a time: this is which.
 */
static struct guest_fs *opening;

/* Filled in below its functions. */
static struct struct_io_manager guest_io;

static errcode_t io_open(const char *name, int flags, io_channel *channel)
{
	io_channel io;

	if (flags & IO_FLAG_RW)
		return EXT2_ET_RO_FILSYS;
	io = calloc(1, sizeof(*io));
	if (!io)
		return EXT2_ET_NO_MEMORY;
	io->name = strdup(name);
	if (!io->name) {
		free(io);
		return EXT2_ET_NO_MEMORY;
	}
	io->magic = EXT2_ET_MAGIC_IO_CHANNEL;
	io->manager = &guest_io;
	io->block_size = SUPERBLOCK_SIZE;
	io->refcount = 1;
	io->private_data = opening;
	*channel = io;
	return 0;
}

static errcode_t io_close(io_channel io)
{
	if (--io->refcount > 0)
		return 0;
	free(io->name);
	free(io);
	return 0;
}

static errcode_t io_set_blksize(io_channel io, int block_size)
{
	if (block_size <= 0)
		return EXT2_ET_INVALID_ARGUMENT;
	io->block_size = block_size;
	return 0;
}

/* A negative count is one of bytes. Nothing outside of the file system is read. */
static errcode_t io_read_blk64(io_channel io, unsigned long long block, int count, void *data)
{
	const struct guest_fs *fs = io->private_data;
	u64 len = count < 0 ? -(u64)(s64)count : (u64)count * (u64)io->block_size;
	u64 at, cost = len < REQUEST_MIN ? REQUEST_MIN : len;
	ssize_t n;

	if (__builtin_mul_overflow(block, (u64)io->block_size, &at) ||
	    !range_fits(at, len, fs->len))
		return EXT2_ET_SHORT_READ;
	if (len > REQUEST_MAX || cost > fs->disk->budget)
		return EXT2_ET_BUDGET;
	fs->disk->budget -= cost;
	while (len) {
		n = pread(fs->disk->fd, data, len, (off_t)(fs->offset + at));
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? (errcode_t)errno : EXT2_ET_SHORT_READ;
		data = (u8 *)data + n;
		at += (u64)n;
		len -= (u64)n;
	}
	return 0;
}

static errcode_t io_read_blk(io_channel io, unsigned long block, int count, void *data)
{
	return io_read_blk64(io, block, count, data);
}

static errcode_t io_write_blk64(io_channel io, unsigned long long block, int count,
				const void *data)
{
	(void)io;
	(void)block;
	(void)count;
	(void)data;
	return EXT2_ET_RO_FILSYS;
}

static errcode_t io_write_blk(io_channel io, unsigned long block, int count, const void *data)
{
	return io_write_blk64(io, block, count, data);
}

static errcode_t io_flush(io_channel io)
{
	(void)io;
	return 0;
}

static struct struct_io_manager guest_io = {
	.magic = EXT2_ET_MAGIC_IO_MANAGER,
	.name = "a guest's disk",
	.open = io_open,
	.close = io_close,
	.set_blksize = io_set_blksize,
	.read_blk = io_read_blk,
	.read_blk64 = io_read_blk64,
	.write_blk = io_write_blk,
	.write_blk64 = io_write_blk64,
	.flush = io_flush,
};

/* ------------------------------------------------------------------- errors */

/* The library's errors in the words of errno, for callers that tell them apart. */
static int to_errno(errcode_t err)
{
	switch (err) {
	case EXT2_ET_FILE_NOT_FOUND:
	case EXT2_ET_NO_DIRECTORY:
		return -ENOENT;
	case EXT2_ET_SYMLINK_LOOP:
		return -ELOOP;
	case EXT2_ET_NO_MEMORY:
		return -ENOMEM;
	default:
		return -EIO;
	}
}

/* @path: of the file, or NULL when it is about the file system. */
static int fail(struct guest_fs *fs, const char *path, errcode_t err)
{
	const char *why = error_message(err);

	if (err == EXT2_ET_BUDGET)
		why = "reading it takes more than it could hold: the file system is damaged";
	snprintf(fs->error, sizeof(fs->error), "%.100s%s%s", path ?: "", path ? ": " : "", why);
	return to_errno(err);
}

static int refuse(struct guest_fs *fs, const char *path, int ret, const char *why)
{
	snprintf(fs->error, sizeof(fs->error), "%.100s: %s", path, why);
	return ret;
}

/* -------------------------------------------------------------- file system */

int guest_fs_open(struct guest_fs *fs, struct guest_disk *disk, u64 offset, u64 len)
{
	errcode_t err;

	*fs = (struct guest_fs){.disk = disk, .offset = offset, .len = len};
	initialize_ext2_error_table();
	opening = fs;
	err = ext2fs_open(guest_io.name, EXT2_FLAG_64BITS, 0, 0, &guest_io, &fs->ext2);
	opening = NULL;
	if (!err)
		return 0;
	fail(fs, NULL, err);
	return err == EXT2_ET_BAD_MAGIC || len < 2 * SUPERBLOCK_OFFSET ? -ENODEV : to_errno(err);
}

void guest_fs_close(struct guest_fs *fs)
{
	ext2fs_free(fs->ext2);
	fs->ext2 = NULL;
}

static int look_up(struct guest_fs *fs, const char *path, ext2_ino_t *ino)
{
	errcode_t err = ext2fs_namei_follow(fs->ext2, EXT2_ROOT_INO, EXT2_ROOT_INO, path, ino);

	return err ? fail(fs, path, err) : 0;
}

static int open_file(struct guest_fs *fs, const char *path, u64 max, ext2_file_t *file, u64 *len)
{
	struct ext2_inode inode;
	ext2_ino_t ino;
	errcode_t err;
	__u64 size;
	int ret;

	ret = look_up(fs, path, &ino);
	if (ret)
		return ret;
	err = ext2fs_read_inode(fs->ext2, ino, &inode);
	if (err)
		return fail(fs, path, err);
	if (!LINUX_S_ISREG(inode.i_mode))
		return refuse(fs, path, -EISDIR, "not a file");
	err = ext2fs_file_open2(fs->ext2, ino, &inode, 0, file);
	if (err)
		return fail(fs, path, err);
	err = ext2fs_file_get_lsize(*file, &size);
	if (err) {
		ret = fail(fs, path, err);
	} else if (size > max) {
		snprintf(fs->error, sizeof(fs->error),
			 "%.100s: has %llu KiB, and no more than %llu KiB are taken", path,
			 (unsigned long long)(size / KIB), (unsigned long long)(max / KIB));
		ret = -EFBIG;
	}
	if (ret)
		ext2fs_file_close(*file);
	*len = size;
	return ret;
}

static int read_piece(struct guest_fs *fs, const char *path, ext2_file_t file, void *buf,
		      size_t len)
{
	unsigned int got = 0;
	errcode_t err;

	err = ext2fs_file_read(file, buf, (unsigned int)len, &got);
	if (err)
		return fail(fs, path, err);
	return got == len ? 0 : refuse(fs, path, -EIO, "ends before its size");
}

int guest_fs_read(struct guest_fs *fs, const char *path, u64 max, char **text, size_t *len)
{
	ext2_file_t file;
	u64 size;
	int ret;

	ret = open_file(fs, path, max, &file, &size);
	if (ret)
		return ret;
	*text = malloc(size + 1);
	*len = size;
	ret = *text ? read_piece(fs, path, file, *text, size)
		    : refuse(fs, path, -ENOMEM, "out of memory");
	if (ret)
		free(*text);
	ext2fs_file_close(file);
	return ret;
}

static int write_piece(struct guest_fs *fs, const char *path, int fd, u64 at, const char *buf,
		       size_t len)
{
	ssize_t n;

	for (; len; buf += n, at += (u64)n, len -= (size_t)n) {
		n = pwrite(fd, buf, len, (off_t)at);
		if (n < 0 && errno == EINTR)
			n = 0;
		else if (n <= 0)
			return refuse(fs, path, n ? -errno : -EIO, "no memory to put it in");
	}
	return 0;
}

int guest_fs_copy(struct guest_fs *fs, const char *path, u64 max, int fd, u64 at, u64 *len)
{
	ext2_file_t file;
	u64 done, piece;
	char *buf;
	int ret;

	ret = open_file(fs, path, max, &file, len);
	if (ret)
		return ret;
	buf = malloc(COPY_BYTES);
	if (!buf)
		ret = refuse(fs, path, -ENOMEM, "out of memory");
	for (done = 0; !ret && done < *len; done += piece) {
		piece = min_t(u64, *len - done, COPY_BYTES);
		ret = read_piece(fs, path, file, buf, piece);
		if (!ret)
			ret = write_piece(fs, path, fd, at + done, buf, piece);
	}
	free(buf);
	ext2fs_file_close(file);
	return ret;
}

/* -------------------------------------------------------------- directories */

/**
 * struct listing - names being collected
 * @suffix: that they must have
 * @names: without it
 * @max: entries of @names
 * @n: of them in use
 */
struct listing {
	const char *suffix;
	char (*names)[GUEST_FS_NAME_MAX];
	u32 max;
	u32 n;
};

static int list_one(struct ext2_dir_entry *entry, int offset, int block_size, char *buf,
		    void *opaque)
{
	struct listing *listing = opaque;
	size_t suffix = strlen(listing->suffix);
	size_t len = (size_t)ext2fs_dirent_name_len(entry);

	(void)offset;
	(void)block_size;
	(void)buf;
	if (len <= suffix || memcmp(entry->name + len - suffix, listing->suffix, suffix) ||
	    memchr(entry->name, '/', len) || memchr(entry->name, '\0', len))
		return 0;
	if (listing->n == listing->max)
		return DIRENT_ABORT;
	len -= suffix;
	memcpy(listing->names[listing->n], entry->name, len);
	listing->names[listing->n++][len] = '\0';
	return 0;
}

int guest_fs_list(struct guest_fs *fs, const char *path, const char *suffix,
		  char names[][GUEST_FS_NAME_MAX], u32 max)
{
	struct listing listing = {.suffix = suffix, .names = names, .max = max};
	ext2_ino_t ino;
	errcode_t err;
	int ret;

	ret = look_up(fs, path, &ino);
	if (ret)
		return ret;
	err = ext2fs_dir_iterate(fs->ext2, ino, 0, NULL, list_one, &listing);
	return err ? fail(fs, path, err) : (int)listing.n;
}
