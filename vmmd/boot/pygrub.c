// SPDX-License-Identifier: GPL-2.0
/* vmmd's side: the disk, the child, and what came of it. See pygrub.h. */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "boot/boot.h"
#include "boot/pygrub.h"
#include "log.h"
#include "sandbox.h"

/* A disk that has to spin up is waited for; a loop in a library is not. */
#define WALL_SECONDS 60
#define CPU_SECONDS  30

/**
 * struct pygrub - a disk to find kernels on
 * @cfg: the guest's configuration
 * @fd: the disk
 * @size: its bytes
 * @kernel: what messages call the kernel found last
 * @ramdisk: and its ramdisk
 *
 * Used by the main thread.
 */
struct pygrub {
	const struct config *cfg;
	int fd;
	u64 size;
	char kernel[PYGRUB_PATH_MAX + 80];
	char ramdisk[PYGRUB_PATH_MAX + 80];
};

static const struct config_disk *first_disk(const struct pygrub *p)
{
	return &p->cfg->disks[0];
}

static int measure(struct pygrub *p)
{
	struct stat st;

	if (fstat(p->fd, &st))
		return -errno;
	if (S_ISREG(st.st_mode))
		p->size = (u64)st.st_size;
	else if (!S_ISBLK(st.st_mode))
		return -ENOTBLK;
	else if (ioctl(p->fd, BLKGETSIZE64, &p->size))
		return -errno;
	return 0;
}

int pygrub_open(const struct config *cfg, struct pygrub **out)
{
	struct pygrub *p = calloc(1, sizeof(*p));
	const struct config_disk *disk;
	int ret = 0;

	if (!p) {
		log_err("pygrub: out of memory");
		return -ENOMEM;
	}
	p->cfg = cfg;
	disk = first_disk(p);
	if (disk->format != CONFIG_DISK_RAW) {
		log_err("%s: %s: pygrub reads raw images only", disk->vdev, disk->path);
		free(p);
		return -EOPNOTSUPP;
	}
	p->fd = open(disk->path, O_RDONLY | O_CLOEXEC);
	if (p->fd < 0)
		ret = -errno;
	if (!ret)
		ret = measure(p);
	if (ret) {
		log_err("%s: %s: %s", disk->vdev, disk->path, strerror(-ret));
		pygrub_close(p);
		return ret;
	}
	*out = p;
	return 0;
}

void pygrub_close(struct pygrub *pygrub)
{
	if (!pygrub)
		return;
	if (pygrub->fd >= 0)
		close(pygrub->fd);
	free(pygrub);
}

/* ---------------------------------------------------------------- the child */

/* Of all that vmmd has open the child keeps what it works on, and the log. */
static int close_others(const struct pygrub_job *job)
{
	const int keep[] = {STDERR_FILENO, job->disk_fd, job->kernel_fd, job->ramdisk_fd};
	unsigned int from = 0;

	for (;;) {
		int next = -1;

		for (size_t i = 0; i < ARRAY_SIZE(keep); i++)
			if (keep[i] >= (int)from && (next < 0 || keep[i] < next))
				next = keep[i];
		if (next < 0)
			return close_range(from, ~0U, 0);
		if (next > (int)from && close_range(from, (unsigned int)next - 1, 0))
			return -1;
		from = (unsigned int)next + 1;
	}
}

/* Lowered for good: what raises them again is not in the child's filter. */
static int limit(const struct pygrub_job *job)
{
	const struct rlimit cpu = {CPU_SECONDS, CPU_SECONDS};
	const struct rlimit file = {job->max, job->max};
	sigset_t none;

	sigemptyset(&none);
	if (signal(SIGALRM, SIG_DFL) == SIG_ERR || sigprocmask(SIG_SETMASK, &none, NULL) ||
	    setrlimit(RLIMIT_CPU, &cpu) || setrlimit(RLIMIT_FSIZE, &file))
		return -1;
	alarm(WALL_SECONDS);
	return 0;
}

static void __attribute__((noreturn))
run_child(const struct pygrub_job *job, struct pygrub_result *res)
{
	if (close_others(job) || limit(job) || sandbox_thread(ROLE_READER))
		snprintf(res->error, sizeof(res->error), "no confinement for the reader: %s",
			 strerror(errno));
	else
		pygrub_find(job, res);
	_exit(0);
}

/* ------------------------------------------------------------- what it found */

/* Bytes of a guest, about to be shown to people. */
static void make_printable(char *text, size_t size)
{
	text[size - 1] = '\0';
	for (; *text; text++)
		if (!isprint((unsigned char)*text))
			*text = '?';
}

static int wait_child(const char *disk, pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR) {
			log_err("pygrub: %s: the reader is lost: %s", disk, strerror(errno));
			return -errno;
		}
	if (!status)
		return 0;
	if (WIFSIGNALED(status) && (WTERMSIG(status) == SIGALRM || WTERMSIG(status) == SIGKILL ||
				    WTERMSIG(status) == SIGXCPU))
		log_err("pygrub: %s: reading it takes too long", disk);
	else
		log_err("pygrub: %s: the reader broke down (%s %d): the file system is damaged",
			disk, WIFSIGNALED(status) ? "signal" : "status",
			WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
	return -EIO;
}

static int memory_file(const char *name)
{
	int fd = memfd_create(name, MFD_CLOEXEC);

	if (fd < 0)
		log_err("pygrub: no file in memory: %s", strerror(errno));
	return fd;
}

static u64 bytes_of(int fd)
{
	struct stat st;

	return fstat(fd, &st) ? 0 : (u64)st.st_size;
}

/* The child is gone: nothing of this changes any more. */
static int accept(struct pygrub *p, const struct pygrub_job *job, struct pygrub_result *res,
		  struct boot_image *kernel, struct boot_image *ramdisk)
{
	u64 kernel_len = bytes_of(job->kernel_fd), ramdisk_len = bytes_of(job->ramdisk_fd);

	make_printable(res->where, sizeof(res->where));
	make_printable(res->title, sizeof(res->title));
	make_printable(res->kernel, sizeof(res->kernel));
	make_printable(res->ramdisk, sizeof(res->ramdisk));
	make_printable(res->error, sizeof(res->error));
	res->cmdline[sizeof(res->cmdline) - 1] = '\0';
	if (!res->done) {
		log_err("pygrub: %s", res->error);
		return -ENOENT;
	}
	if (!kernel_len) {
		log_err("pygrub: %s: %s: is empty", res->where, res->kernel);
		return -EINVAL;
	}
	if (!range_fits(kernel_len, ramdisk_len, job->max)) {
		log_err("pygrub: %s: the kernel and its ramdisk are larger than the guest's memory",
			res->where);
		return -EFBIG;
	}
	log_info("pygrub: %s: '%s': %s %s", res->where, res->title, res->kernel, res->ramdisk);
	snprintf(p->kernel, sizeof(p->kernel), "%s: %s", res->where, res->kernel);
	snprintf(p->ramdisk, sizeof(p->ramdisk), "%s: %s", res->where, res->ramdisk);
	*kernel = (struct boot_image){job->kernel_fd, kernel_len, p->kernel};
	if (ramdisk_len)
		*ramdisk = (struct boot_image){job->ramdisk_fd, ramdisk_len, p->ramdisk};
	else
		close(job->ramdisk_fd);
	return 0;
}

static int have_child_read(struct pygrub *p, const struct pygrub_job *job,
			   struct boot_image *kernel, struct boot_image *ramdisk, char **cmdline)
{
	const char *extra = p->cfg->cmdline;
	struct pygrub_result *res;
	char *text = NULL;
	pid_t pid;
	int ret;

	res = mmap(NULL, sizeof(*res), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (res == MAP_FAILED) {
		log_err("pygrub: %s", strerror(errno));
		return -ENOMEM;
	}
	pid = fork();
	if (!pid)
		run_child(job, res);
	if (pid < 0) {
		ret = -errno;
		log_err("pygrub: no process for the reader: %s", strerror(-ret));
		goto out;
	}
	ret = wait_child(job->disk_name, pid);
	if (ret)
		goto out;
	res->cmdline[sizeof(res->cmdline) - 1] = '\0';
	if (asprintf(&text, "%s%s%s", res->cmdline, *res->cmdline && *extra ? " " : "", extra) <
	    0) {
		log_err("pygrub: out of memory");
		ret = -ENOMEM;
		goto out;
	}
	ret = accept(p, job, res, kernel, ramdisk);
	if (ret)
		free(text);
	else
		*cmdline = text;
out:
	munmap(res, sizeof(*res));
	return ret;
}

int pygrub_read(struct pygrub *pygrub, struct boot_image *kernel, struct boot_image *ramdisk,
		char **cmdline)
{
	struct pygrub_job job = {
		.disk_fd = pygrub->fd,
		.disk_size = pygrub->size,
		.disk_name = first_disk(pygrub)->vdev,
		.grub = &pygrub->cfg->grub,
		.max = pygrub->cfg->memory_mib * MIB,
		.ramdisk_fd = -1,
	};
	int ret = -EMFILE;

	job.kernel_fd = memory_file("kernel");
	if (job.kernel_fd >= 0)
		job.ramdisk_fd = memory_file("ramdisk");
	if (job.ramdisk_fd >= 0)
		ret = have_child_read(pygrub, &job, kernel, ramdisk, cmdline);
	if (!ret)
		return 0;
	if (job.ramdisk_fd >= 0)
		close(job.ramdisk_fd);
	if (job.kernel_fd >= 0)
		close(job.kernel_fd);
	return ret;
}

int pygrub_unpack(const struct boot_image *kernel, struct boot_image *out)
{
	const char *why;
	size_t len = 0, done = 0;
	ssize_t n = 1;
	u8 *elf = NULL;
	int fd, ret;

	ret = bzimage_unpack(kernel, &elf, &len, &why);
	if (ret)
		return ret;
	fd = memfd_create("unpacked", MFD_CLOEXEC);
	while (fd >= 0 && n > 0 && done < len) {
		n = pwrite(fd, elf + done, len - done, (off_t)done);
		if (n > 0)
			done += (size_t)n;
	}
	munmap(elf, len);
	if (fd >= 0 && done == len) {
		*out = (struct boot_image){fd, len, kernel->path};
		return 0;
	}
	if (fd >= 0)
		close(fd);
	return -ENOMEM;
}
