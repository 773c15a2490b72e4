// SPDX-License-Identifier: GPL-2.0
/*
 * A place for unpacked kernels. See cache_unpacked() in boot.h.
 *
 * A file is named after the kernel it came from: device, inode, size and the
 * times of its last changes. A kernel that is replaced or touched thereby gets
 * a new entry, and old ones leave by age. An empty file says that what is packed
 * in the kernel of that name cannot be entered, so that nobody keeps it again.
 *
 * The directory belongs to the user who runs vmmd and is closed to others:
 * what is in it was put there by him.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "boot/boot.h"
#include "boot/pv.h"
#include "log.h"

#define CACHE_ROOT    "/var/cache"
#define CACHE_DIR     "hvctl"
#define CACHE_SUFFIX  ".elf"
#define CACHE_KERNELS 4
#define CACHE_NAME    128

/* The directory may have to be made; it has to be ours alone. */
static int cache_open_below(const char *parent)
{
	struct stat st;
	char path[PATH_MAX];
	int fd;

	if ((size_t)snprintf(path, sizeof(path), "%s/" CACHE_DIR, parent) >= sizeof(path))
		return -ENAMETOOLONG;
	if (mkdir(parent, 0700) && errno != EEXIST)
		return -errno;
	if (mkdir(path, 0700) && errno != EEXIST)
		return -errno;
	fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) || st.st_uid != geteuid() || (st.st_mode & 022)) {
		close(fd);
		return -EPERM;
	}
	return fd;
}

static int cache_open_dir(void)
{
	const char *parent = getenv("XDG_CACHE_HOME");
	const char *home = getenv("HOME");
	char path[PATH_MAX];

	if (parent && *parent == '/')
		return cache_open_below(parent);
	if (geteuid() == 0)
		return cache_open_below(CACHE_ROOT);
	if (!home || *home != '/')
		return -ENOENT;
	if ((size_t)snprintf(path, sizeof(path), "%s/.cache", home) >= sizeof(path))
		return -ENAMETOOLONG;
	return cache_open_below(path);
}

static int cache_name(const struct boot_image *kernel, char name[CACHE_NAME])
{
	struct stat st;

	if (fstat(kernel->fd, &st))
		return -errno;
	snprintf(name, CACHE_NAME, "%llx-%llx-%llx-%llx.%lx-%llx.%lx" CACHE_SUFFIX,
		 (unsigned long long)st.st_dev, (unsigned long long)st.st_ino,
		 (unsigned long long)st.st_size, (unsigned long long)st.st_mtim.tv_sec,
		 (unsigned long)st.st_mtim.tv_nsec, (unsigned long long)st.st_ctim.tv_sec,
		 (unsigned long)st.st_ctim.tv_nsec);
	return 0;
}

static bool cache_is_entry(const char *name)
{
	size_t len = strlen(name), suffix = strlen(CACHE_SUFFIX);

	return len > suffix && !strcmp(name + len - suffix, CACHE_SUFFIX);
}

/* Remove the entry used longest ago when there are too many. */
static void cache_trim(int dir_fd)
{
	char oldest[NAME_MAX + 1] = "";
	struct timespec age = {0};
	struct dirent *entry;
	struct stat st;
	u32 entries = 0;
	DIR *dir;
	int fd;

	fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir) {
		if (fd >= 0)
			close(fd);
		return;
	}
	while ((entry = readdir(dir))) {
		if (!cache_is_entry(entry->d_name) ||
		    fstatat(dir_fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW))
			continue;
		if (!entries++ || st.st_mtim.tv_sec < age.tv_sec ||
		    (st.st_mtim.tv_sec == age.tv_sec && st.st_mtim.tv_nsec < age.tv_nsec)) {
			age = st.st_mtim;
			snprintf(oldest, sizeof(oldest), "%s", entry->d_name);
		}
	}
	closedir(dir);
	if (entries > CACHE_KERNELS)
		unlinkat(dir_fd, oldest, 0);
}

static int cache_write(int fd, const u8 *data, size_t len)
{
	ssize_t done;

	for (; len; data += done, len -= (size_t)done) {
		done = write(fd, data, len);
		if (done < 0 && errno == EINTR)
			done = 0;
		else if (done <= 0)
			return done ? -errno : -EIO;
	}
	/* A crash of the host must not leave a name with half of the data. */
	return fdatasync(fd) ? -errno : 0;
}

/* Make an entry appear whole or not at all. */
static int cache_store(int dir_fd, const char *name, const u8 *data, size_t len)
{
	char temp[CACHE_NAME];
	int fd, ret;

	snprintf(temp, sizeof(temp), ".%d", getpid());
	unlinkat(dir_fd, temp, 0);
	fd = openat(dir_fd, temp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	ret = cache_write(fd, data, len);
	close(fd);
	if (!ret && renameat(dir_fd, temp, dir_fd, name))
		ret = -errno;
	if (ret)
		unlinkat(dir_fd, temp, 0);
	else
		cache_trim(dir_fd);
	return ret;
}

/* Unpack a kernel into a new entry, empty when it is of no use to us. */
static int cache_fill(int dir_fd, const char *name, const struct boot_image *kernel)
{
	size_t len = 0, keep = 0;
	const char *why;
	u8 *elf = NULL;
	int ret;

	ret = bzimage_unpack(kernel, &elf, &len, &why);
	if (ret == -ENOMEM)
		return ret;
	if (!ret && (pvh_has_entry(elf, len) || pv_has_entry(elf, len)))
		keep = len;
	ret = cache_store(dir_fd, name, elf, keep);
	if (elf)
		munmap(elf, len);
	return ret;
}

static int cache_open_entry(int dir_fd, const char *name, struct boot_image *out)
{
	struct stat st;
	int fd;

	fd = openat(dir_fd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) || !S_ISREG(st.st_mode) || !st.st_size) {
		close(fd);
		return -ENOEXEC;
	}
	/* Its age is the time since its last use. */
	futimens(fd, NULL);
	out->fd = fd;
	out->size = (u64)st.st_size;
	return 0;
}

int cache_unpacked(const struct boot_image *kernel, struct boot_image *out)
{
	char name[CACHE_NAME];
	int dir_fd, ret;

	dir_fd = cache_open_dir();
	if (dir_fd < 0)
		return dir_fd;
	ret = cache_name(kernel, name);
	if (!ret)
		ret = cache_open_entry(dir_fd, name, out);
	if (ret == -ENOENT) {
		ret = cache_fill(dir_fd, name, kernel);
		if (!ret)
			ret = cache_open_entry(dir_fd, name, out);
		else
			log_info("%s: cannot be kept unpacked: %s", kernel->path, strerror(-ret));
	}
	out->path = kernel->path;
	close(dir_fd);
	return ret;
}
