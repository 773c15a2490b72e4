// SPDX-License-Identifier: GPL-2.0
/*
 * The run-time directory; its layout and rules are in runtime.h.
 *
 * Names are taken and freed under ROOT/.lock, so nobody ever meets a directory
 * that is half made, and a corpse cannot be mistaken for a guest being born.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "runtime.h"

#define DIR_FLAGS (O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW)

/* Domain ids are 15 bits wide, as the module's are; 0 is the host. */
#define DOMID_COUNT 32768u

static int lock_range(int fd, int cmd, off_t start, off_t len)
{
	struct flock range = {
		.l_type = F_WRLCK,
		.l_whence = SEEK_SET,
		.l_start = start,
		.l_len = len,
	};

	while (fcntl(fd, cmd, &range))
		if (errno != EINTR)
			return -errno;
	return 0;
}

/* Whether somebody holds the lock of the guest's directory @dir_fd. */
static bool is_locked(int dir_fd)
{
	struct flock range = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	int fd = openat(dir_fd, "lock", O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	bool locked;

	if (fd < 0)
		return false;
	locked = !fcntl(fd, F_OFD_GETLK, &range) && range.l_type != F_UNLCK;
	close(fd);
	return locked;
}

int runtime_root(char out[PATH_MAX])
{
	const char *base = getenv("XDG_RUNTIME_DIR");
	int n;

	if (!geteuid()) {
		strcpy(out, "/run/hvctl");
		return 0;
	}
	if (!base || *base != '/')
		return -ENOENT;
	n = snprintf(out, PATH_MAX, "%s/hvctl", base);
	/* Leave room for /NAME/control. */
	return n < PATH_MAX - 2 * CONFIG_NAME_MAX ? 0 : -ENAMETOOLONG;
}

/*
 * A directory that only its owner can write to. One that exists already must
 * be such, or who made it could put sockets of his own under our names.
 */
static int open_dir(int at, const char *path)
{
	struct stat st;
	int fd;

	if (mkdirat(at, path, 0700) && errno != EEXIST)
		return -errno;
	fd = openat(at, path, DIR_FLAGS);
	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) || st.st_uid != geteuid() || st.st_mode & 022) {
		close(fd);
		return -EPERM;
	}
	return fd;
}

/* Take ROOT/.lock; closing the descriptor gives it back. */
static int lock_root(int root_fd)
{
	int fd = openat(root_fd, ".lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	int ret;

	if (fd < 0)
		return -errno;
	ret = lock_range(fd, F_OFD_SETLKW, 0, 0);
	if (ret) {
		close(fd);
		return ret;
	}
	return fd;
}

/* Empty the guest's directory: all that vmmd ever puts there are files. */
static void empty_dir(int dir_fd)
{
	int fd = dup(dir_fd);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;

	if (!dir) {
		if (fd >= 0)
			close(fd);
		return;
	}
	rewinddir(dir);
	while ((entry = readdir(dir)))
		if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, ".."))
			unlinkat(dir_fd, entry->d_name, 0);
	closedir(dir);
}

/*
 * Remove a dead guest's directory. Context: ROOT/.lock held.
 * Return: 0, -EBUSY when the guest lives, another negative errno.
 */
static int bury(int root_fd, const char *name)
{
	int dir_fd = openat(root_fd, name, DIR_FLAGS);

	if (dir_fd < 0)
		return errno == ENOENT ? 0 : -errno;
	if (is_locked(dir_fd)) {
		close(dir_fd);
		return -EBUSY;
	}
	empty_dir(dir_fd);
	close(dir_fd);
	return unlinkat(root_fd, name, AT_REMOVEDIR) ? -errno : 0;
}

/* ROOT/log/NAME.log, empty; the one before becomes NAME.log.1. */
static int open_log(int root_fd, const char *name)
{
	char log[CONFIG_NAME_MAX + 16], old[CONFIG_NAME_MAX + 16];
	int dir_fd = open_dir(root_fd, RUNTIME_LOG_DIR);
	int fd;

	if (dir_fd < 0)
		return dir_fd;
	snprintf(log, sizeof(log), "%s.log", name);
	snprintf(old, sizeof(old), "%s.log.1", name);
	renameat(dir_fd, log, dir_fd, old);
	fd = openat(dir_fd, log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		fd = -errno;
	close(dir_fd);
	return fd;
}

static int claim_name(struct runtime *rt, const char *name)
{
	int ret = bury(rt->root_fd, name);

	if (ret)
		return ret == -EBUSY ? -EEXIST : ret;
	rt->dir_fd = open_dir(rt->root_fd, name);
	if (rt->dir_fd < 0)
		return rt->dir_fd;
	rt->lock_fd = openat(rt->dir_fd, "lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (rt->lock_fd < 0)
		return -errno;
	ret = lock_range(rt->lock_fd, F_OFD_SETLK, 0, 0);
	if (ret)
		return ret;
	if (dprintf(rt->lock_fd, "%d\n", getpid()) < 0)
		return -errno;
	rt->log_fd = open_log(rt->root_fd, name);
	return rt->log_fd < 0 ? rt->log_fd : 0;
}

static void close_all(struct runtime *rt)
{
	int *const fds[] = {&rt->dir_fd, &rt->lock_fd, &rt->uids_fd, &rt->log_fd, &rt->root_fd};

	for (size_t i = 0; i < sizeof(fds) / sizeof(*fds); i++) {
		if (*fds[i] >= 0)
			close(*fds[i]);
		*fds[i] = -1;
	}
}

int runtime_claim(struct runtime *rt, const char *name, char *err)
{
	int ret, lock;

	*rt = (struct runtime){
		.root_fd = -1,
		.dir_fd = -1,
		.lock_fd = -1,
		.uids_fd = -1,
		.log_fd = -1,
	};
	ret = runtime_root(rt->root);
	if (ret) {
		snprintf(err, RUNTIME_ERROR_LEN,
			 "no run-time directory: expected XDG_RUNTIME_DIR to name one");
		return ret;
	}
	snprintf(rt->name, sizeof(rt->name), "%s", name);
	ret = open_dir(AT_FDCWD, rt->root);
	if (ret < 0) {
		snprintf(err, RUNTIME_ERROR_LEN,
			 "%.400s: %s: expected a directory that only its owner can write to",
			 rt->root, strerror(-ret));
		return ret;
	}
	rt->root_fd = ret;

	lock = lock_root(rt->root_fd);
	ret = lock < 0 ? lock : claim_name(rt, name);
	if (lock >= 0)
		close(lock);
	if (!ret)
		return 0;
	if (ret == -EEXIST)
		snprintf(err, RUNTIME_ERROR_LEN, "a guest named %s runs already", name);
	else
		snprintf(err, RUNTIME_ERROR_LEN, "%.300s/%s: %s", rt->root, name, strerror(-ret));
	if (rt->dir_fd >= 0) {
		empty_dir(rt->dir_fd);
		unlinkat(rt->root_fd, name, AT_REMOVEDIR);
	}
	close_all(rt);
	return ret;
}

int runtime_claim_uid(struct runtime *rt, unsigned int hint, uid_t *uid)
{
	int fd = openat(rt->root_fd, ".uids", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	int ret;

	if (fd < 0)
		return -errno;
	for (unsigned int i = 0; i < RUNTIME_UID_COUNT; i++) {
		unsigned int n = (hint + i) % RUNTIME_UID_COUNT;

		ret = lock_range(fd, F_OFD_SETLK, n, 1);
		if (!ret) {
			rt->uids_fd = fd;
			*uid = RUNTIME_UID_BASE + n;
			return 0;
		}
		if (ret != -EAGAIN && ret != -EACCES) {
			close(fd);
			return ret;
		}
	}
	close(fd);
	return -EUSERS;
}

int runtime_hand_over(struct runtime *rt, uid_t uid)
{
	return fchown(rt->dir_fd, uid, uid) ? -errno : 0;
}

unsigned int runtime_next_domid(struct runtime *rt)
{
	int fd = openat(rt->root_fd, ".domid", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	char text[16] = "";
	unsigned int id = 1;

	if (fd < 0)
		return id;
	if (!lock_range(fd, F_OFD_SETLKW, 0, 0)) {
		if (pread(fd, text, sizeof(text) - 1, 0) > 0)
			id = (unsigned int)strtoul(text, NULL, 10) % (DOMID_COUNT - 1) + 1;
		snprintf(text, sizeof(text), "%u\n", id);
		if (ftruncate(fd, 0) || pwrite(fd, text, strlen(text), 0) < 0)
			id = 1;
	}
	close(fd);
	return id;
}

void runtime_release(struct runtime *rt, bool keep_log)
{
	/*
	 * Inside the sandbox ROOT belongs to somebody else: neither the lock nor
	 * the directory can be had, and the corpse stays for runtime_each().
	 */
	int lock = lock_root(rt->root_fd);

	empty_dir(rt->dir_fd);
	if (lock >= 0) {
		char log[CONFIG_NAME_MAX + 16];

		unlinkat(rt->root_fd, rt->name, AT_REMOVEDIR);
		snprintf(log, sizeof(log), RUNTIME_LOG_DIR "/%s.log", rt->name);
		if (!keep_log)
			unlinkat(rt->root_fd, log, 0);
		close(lock);
	}
	close_all(rt);
}

bool runtime_alive(const char *root, const char *name)
{
	int root_fd, dir_fd;
	bool alive = false;

	root_fd = open(root, DIR_FLAGS);
	if (root_fd < 0)
		return false;
	dir_fd = openat(root_fd, name, DIR_FLAGS);
	if (dir_fd >= 0) {
		alive = is_locked(dir_fd);
		close(dir_fd);
	}
	close(root_fd);
	return alive;
}

/* ROOT/.log/OLD.log becomes NEW.log, and the one that was there NEW.log.1. */
static void rename_log(int root_fd, const char *old, const char *new)
{
	char from[CONFIG_NAME_MAX + 16], to[CONFIG_NAME_MAX + 16], last[CONFIG_NAME_MAX + 16];
	int dir_fd = openat(root_fd, RUNTIME_LOG_DIR, DIR_FLAGS);

	if (dir_fd < 0)
		return;
	snprintf(from, sizeof(from), "%s.log", old);
	snprintf(to, sizeof(to), "%s.log", new);
	snprintf(last, sizeof(last), "%s.log.1", new);
	renameat(dir_fd, to, dir_fd, last);
	renameat(dir_fd, from, dir_fd, to);
	close(dir_fd);
}

int runtime_rename(const char *root, const char *old, const char *new)
{
	int root_fd, lock, ret;

	root_fd = open(root, DIR_FLAGS);
	if (root_fd < 0)
		return -errno;
	lock = lock_root(root_fd);
	ret = lock < 0 ? lock : bury(root_fd, new);
	if (ret == -EBUSY)
		ret = -EEXIST;
	if (!ret && renameat(root_fd, old, root_fd, new))
		ret = -errno;
	if (!ret)
		rename_log(root_fd, old, new);
	if (lock >= 0)
		close(lock);
	close(root_fd);
	return ret;
}

/* The real user id of a process, -1 when it is gone. */
static long long process_uid(pid_t pid)
{
	long long uid = -1;
	char path[32], line[128];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "Uid: %lld", &uid) == 1)
			break;
	if (f)
		fclose(f);
	return uid;
}

int runtime_pidfd(const char *root, const char *name)
{
	char path[PATH_MAX], text[16] = "";
	struct pollfd exited;
	struct stat st;
	int fd, pidfd;

	if (snprintf(path, sizeof(path), "%s/%s/lock", root, name) >= (int)sizeof(path))
		return -ENAMETOOLONG;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return errno == ENOENT ? -ESRCH : -errno;
	if (read(fd, text, sizeof(text) - 1) < 0 || atoi(text) <= 0 || fstat(fd, &st)) {
		close(fd);
		return -ESRCH;
	}
	close(fd);
	pidfd = (int)syscall(SYS_pidfd_open, atoi(text), 0);
	if (pidfd < 0)
		return -errno;
	/*
	 * Root may be led to a file that somebody forged: the process must be one
	 * that the file's owner could signal himself, or a guest of root's own.
	 * As long as it has not ended, its number is still its own.
	 */
	exited = (struct pollfd){.fd = pidfd, .events = POLLIN};
	if (runtime_alive(root, name) && !poll(&exited, 1, 0)) {
		long long uid = process_uid(atoi(text));

		if ((uid >= 0 && uid == st.st_uid) || !st.st_uid)
			return pidfd;
	}
	close(pidfd);
	return -ESRCH;
}

/* Remove a corpse, if it still is one once the lock is held. */
static void bury_locked(int root_fd, const char *name)
{
	int lock = lock_root(root_fd);

	if (lock < 0)
		return;
	bury(root_fd, name);
	close(lock);
}

int runtime_each(const char *root, int (*fn)(const char *name, const char *socket, void *opaque),
		 void *opaque)
{
	char socket[PATH_MAX];
	struct dirent **entries;
	int n, root_fd, ret = 0;

	root_fd = open(root, DIR_FLAGS);
	if (root_fd < 0)
		return errno == ENOENT ? 0 : -errno;
	n = scandir(root, &entries, NULL, alphasort);
	if (n < 0) {
		ret = -errno;
		close(root_fd);
		return ret;
	}
	for (int i = 0; i < n; i++) {
		const char *name = entries[i]->d_name;

		if (!ret && config_name_valid(name)) {
			if (!runtime_alive(root, name))
				bury_locked(root_fd, name);
			else if (snprintf(socket, sizeof(socket), "%s/%s/" RUNTIME_CONTROL, root,
					  name) < (int)sizeof(socket))
				ret = fn(name, socket, opaque);
		}
		free(entries[i]);
	}
	free(entries);
	close(root_fd);
	return ret;
}
