// SPDX-License-Identifier: GPL-2.0
/*
 * The host's file or block device behind a disk.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config.h"
#include "virtio/blk.h"
#include "vm.h"

#define SECTOR (1U << BLK_SECTOR_SHIFT)

/* Alignment that satisfies O_DIRECT on every file system we know of. */
#define DIRECT_ALIGN 4096

static int measure(struct blk *blk)
{
	struct stat st;

	if (fstat(blk->fd, &st))
		return -errno;
	if (S_ISBLK(st.st_mode)) {
		if (ioctl(blk->fd, BLKGETSIZE64, &blk->size))
			return -errno;
	} else if (S_ISREG(st.st_mode)) {
		blk->size = st.st_size;
	} else {
		return -ENOTBLK;
	}
	/* A tail that is no whole sector cannot be addressed. */
	blk->size &= ~(u64)(SECTOR - 1);
	return 0;
}

/*
 * Two guests that write one disk destroy it. The lock belongs to the open
 * file and goes with it, however we end.
 */
static int take_lock(struct blk *blk)
{
	struct flock lock = {
		.l_type = blk->readonly ? F_RDLCK : F_WRLCK,
		.l_whence = SEEK_SET,
	};

	if (!fcntl(blk->fd, F_OFD_SETLK, &lock))
		return 0;
	if (errno == EAGAIN || errno == EACCES)
		return -EBUSY;
	/* Some network file systems have no locks. */
	return errno == ENOLCK || errno == EINVAL ? 0 : -errno;
}

/**
 * blk_file_open - open what a disk is made of
 * @blk: filled: descriptors, size and alignment
 * @disk: its configuration
 *
 * Return: 0, -EBUSY when another guest uses it, or another negative errno
 * (logged).
 */
int blk_file_open(struct blk *blk, const struct config_disk *disk)
{
	int flags = O_CLOEXEC | (disk->readonly ? O_RDONLY : O_RDWR);
	int ret = 0;

	blk->readonly = disk->readonly;
	blk->align = 1;
	blk->fd = -1;
	blk->plain_fd = -1;
	if (disk->format != CONFIG_DISK_RAW) {
		log_err("%s: %s: only raw images can be served", disk->vdev, disk->path);
		return -EOPNOTSUPP;
	}
	blk->fd = open(disk->path, flags | (disk->direct ? O_DIRECT : 0));
	blk->plain_fd = blk->fd;
	if (blk->fd >= 0 && disk->direct) {
		blk->align = DIRECT_ALIGN;
		blk->plain_fd = open(disk->path, flags);
	}
	if (blk->fd < 0 || blk->plain_fd < 0)
		ret = -errno;
	if (!ret)
		ret = measure(blk);
	if (!ret)
		ret = take_lock(blk);
	if (ret) {
		log_err("%s: %s: %s", disk->vdev, disk->path,
			ret == -EBUSY ? "in use by another guest" : strerror(-ret));
		blk_file_close(blk);
	}
	return ret;
}

/**
 * blk_file_close - close a disk's file
 * @blk: disk
 */
void blk_file_close(struct blk *blk)
{
	if (blk->plain_fd >= 0 && blk->plain_fd != blk->fd)
		close(blk->plain_fd);
	if (blk->fd >= 0)
		close(blk->fd);
	blk->fd = -1;
	blk->plain_fd = -1;
}

/**
 * blk_file_block_size - the blocks a disk is addressed in
 * @blk: open disk
 * @physical: bytes that the medium writes at once
 *
 * Return: bytes of the smallest block that can be addressed.
 */
u32 blk_file_block_size(const struct blk *blk, u32 *physical)
{
	u32 logical = SECTOR;
	u32 phys = 0;
	int size;

	if (!ioctl(blk->fd, BLKSSZGET, &size) && size >= (int)SECTOR)
		logical = size;
	if (ioctl(blk->fd, BLKPBSZGET, &phys) || phys < logical)
		phys = GUEST_PAGE_SIZE; /* a file: what the page cache works in */
	*physical = phys;
	return logical;
}
