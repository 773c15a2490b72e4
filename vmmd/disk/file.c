// SPDX-License-Identifier: GPL-2.0
/*
 * The host's file or block device behind a disk. See disk.h.
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
#include "disk/disk.h"
#include "disk/nbd.h"
#include "log.h"

/* Alignment that satisfies O_DIRECT on every file system we know of. */
#define DIRECT_ALIGN 4096

static int measure(struct disk *disk)
{
	struct stat st;

	if (fstat(disk->fd, &st))
		return -errno;
	if (S_ISBLK(st.st_mode)) {
		if (ioctl(disk->fd, BLKGETSIZE64, &disk->size))
			return -errno;
	} else if (S_ISREG(st.st_mode)) {
		disk->size = st.st_size;
	} else {
		return -ENOTBLK;
	}
	/* A tail that is no whole sector cannot be addressed. */
	disk->size &= ~(u64)(DISK_SECTOR - 1);
	return 0;
}

/*
 * Two guests that write one disk destroy it. The lock belongs to the open
 * file and goes with it, however we end.
 */
static int take_lock(struct disk *disk)
{
	struct flock lock = {
		.l_type = disk->readonly ? F_RDLCK : F_WRLCK,
		.l_whence = SEEK_SET,
	};

	if (!fcntl(disk->fd, F_OFD_SETLK, &lock))
		return 0;
	if (errno == EAGAIN || errno == EACCES)
		return -EBUSY;
	/* Some network file systems have no locks. */
	return errno == ENOLCK || errno == EINVAL ? 0 : -errno;
}

static void begin(struct disk *disk, const struct config_disk *cfg)
{
	disk->readonly = cfg->readonly;
	disk->align = 1;
	disk->fd = -1;
	disk->plain_fd = -1;
	pthread_cond_init(&disk->idle, NULL);
}

static void tell(const struct config_disk *cfg, int ret)
{
	log_err("%s: %s: %s", cfg->vdev, cfg->path,
		ret == -EBUSY ? "in use by another guest" : strerror(-ret));
}

/* Takes the descriptors, also when it fails. */
static int connect_image(struct disk *disk, struct disk_opened *opened)
{
	/* A tail that is no whole sector cannot be addressed. */
	disk->size = opened->size & ~(u64)(DISK_SECTOR - 1);
	disk->nbd = nbd_create(disk, opened);
	if (disk->nbd)
		return 0;
	image_close(opened);
	return -ENOMEM;
}

static int open_image(struct disk *disk, const struct config_disk *cfg)
{
	char err[IMAGE_ERROR_LEN];
	struct disk_opened opened;
	int ret = image_open(cfg, &opened, err);

	if (ret) {
		log_err("%s: %s: %s", cfg->vdev, cfg->path, err);
		return ret;
	}
	ret = connect_image(disk, &opened);
	if (ret)
		tell(cfg, ret);
	return ret;
}

int disk_open(struct disk *disk, const struct config_disk *cfg)
{
	int flags = O_CLOEXEC | (cfg->readonly ? O_RDONLY : O_RDWR);
	int ret = 0;

	begin(disk, cfg);
	if (cfg->format != CONFIG_DISK_RAW)
		return open_image(disk, cfg);
	disk->fd = open(cfg->path, flags | (cfg->direct ? O_DIRECT : 0));
	disk->plain_fd = disk->fd;
	if (disk->fd >= 0 && cfg->direct) {
		disk->align = DIRECT_ALIGN;
		disk->plain_fd = open(cfg->path, flags);
	}
	if (disk->fd < 0 || disk->plain_fd < 0)
		ret = -errno;
	if (!ret)
		ret = measure(disk);
	if (!ret)
		ret = take_lock(disk);
	if (ret) {
		tell(cfg, ret);
		disk_close(disk);
	}
	return ret;
}

/* Whoever opened it may have done so in a way that does not serve. */
static int check_flags(int fd, bool readonly, bool direct)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0)
		return -errno;
	/* Writes to a file of the former kind all go to its end. */
	if (flags & (O_APPEND | O_PATH) || !(flags & O_DIRECT) != !direct)
		return -EINVAL;
	if ((flags & O_ACCMODE) == O_WRONLY || (!readonly && (flags & O_ACCMODE) != O_RDWR))
		return -EACCES;
	return 0;
}

static int check_files(const struct config_disk *cfg, const int *files)
{
	struct stat a, b;
	int ret = check_flags(files[0], cfg->readonly, cfg->direct);

	if (ret || !cfg->direct)
		return ret;
	ret = check_flags(files[1], cfg->readonly, false);
	if (!ret && (fstat(files[0], &a) || fstat(files[1], &b)))
		ret = -errno;
	if (!ret && (a.st_dev != b.st_dev || a.st_ino != b.st_ino))
		ret = -EINVAL;
	return ret;
}

static int adopt_files(struct disk *disk, const struct config_disk *cfg, const int *files)
{
	int ret = check_files(cfg, files);

	if (ret)
		return ret;
	disk->fd = fcntl(files[0], F_DUPFD_CLOEXEC, 0);
	disk->plain_fd = disk->fd;
	if (cfg->direct) {
		disk->align = DIRECT_ALIGN;
		disk->plain_fd = fcntl(files[1], F_DUPFD_CLOEXEC, 0);
	}
	if (disk->fd < 0 || disk->plain_fd < 0)
		return -errno;
	ret = measure(disk);
	return ret ? ret : take_lock(disk);
}

/* The I/O thread must not wait in any of them. */
static int check_image(const int *files)
{
	struct stat st;

	for (u32 i = 0; i < DISK_FILES; i++) {
		if (fstat(files[i], &st))
			return -errno;
		if ((st.st_mode & S_IFMT) != (i == IMAGE_SOCKET ? S_IFSOCK : S_IFIFO))
			return -EINVAL;
		if (i != IMAGE_LIFE && !(fcntl(files[i], F_GETFL) & O_NONBLOCK))
			return -EINVAL;
	}
	return 0;
}

static int adopt_image(struct disk *disk, const struct disk_opened *opened)
{
	struct disk_opened ours = *opened;
	int ret = check_image(opened->file);

	if (ret)
		return ret;
	for (u32 i = 0; i < DISK_FILES; i++) {
		ours.file[i] = fcntl(opened->file[i], F_DUPFD_CLOEXEC, 0);
		if (ours.file[i] < 0)
			ret = -errno;
	}
	if (!ret)
		return connect_image(disk, &ours);
	/* The caller has the others: the daemon does not end by this. */
	for (u32 i = 0; i < DISK_FILES; i++)
		if (ours.file[i] >= 0)
			close(ours.file[i]);
	return ret;
}

int disk_adopt(struct disk *disk, const struct config_disk *cfg, const struct disk_opened *opened)
{
	int ret;

	begin(disk, cfg);
	ret = cfg->format == CONFIG_DISK_RAW ? adopt_files(disk, cfg, opened->file)
					     : adopt_image(disk, opened);
	if (ret) {
		tell(cfg, ret);
		disk_close(disk);
	}
	return ret;
}

void disk_close(struct disk *disk)
{
	nbd_destroy(disk->nbd);
	disk->nbd = NULL;
	if (disk->plain_fd >= 0 && disk->plain_fd != disk->fd)
		close(disk->plain_fd);
	if (disk->fd >= 0)
		close(disk->fd);
	disk->fd = -1;
	disk->plain_fd = -1;
}

u32 disk_block_size(const struct disk *disk, u32 *physical)
{
	u32 logical = DISK_SECTOR;
	u32 phys = 0;
	int size;

	if (!ioctl(disk->fd, BLKSSZGET, &size) && size >= (int)DISK_SECTOR)
		logical = size;
	if (ioctl(disk->fd, BLKPBSZGET, &phys) || phys < logical)
		phys = GUEST_PAGE_SIZE; /* a file: what the page cache works in */
	*physical = phys;
	return logical;
}
