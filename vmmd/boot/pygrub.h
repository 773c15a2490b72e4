/* SPDX-License-Identifier: GPL-2.0 */
/*
 * bootloader=pygrub: the kernel, its ramdisk and its command line are what the
 * boot loader on the guest's own first disk would start.
 *
 * The disk is the guest's, and so is every byte on it. It is opened with all
 * other files, but read inside the sandbox, before each start of the guest, so
 * that a restart takes the kernel that the guest has installed meanwhile. The
 * reading is done by a child process:
 *
 *	vmmd					child
 *	two memfds, a shared page
 *	fork() ------------------------------->	close all but the disk and these
 *						limits of time and file size
 *						filter of ROLE_READER
 *	waitpid()				partitions, file systems, grub.cfg
 *						kernel and ramdisk into the memfds
 *						command line into the page
 *	look at the page <--------------------	_exit()
 *
 * A guest that takes the child over holds its own disk, read-only, and what
 * it may do anyhow: say what it is started from. It can neither keep the child
 * alive nor make it write more than the guest has memory.
 */
#ifndef VMMD_BOOT_PYGRUB_H
#define VMMD_BOOT_PYGRUB_H

#include "config.h"
#include "types.h"

#define PYGRUB_CMDLINE_MAX 8192 /* with the NUL */
#define PYGRUB_PATH_MAX	   512
#define PYGRUB_ERROR_LEN   384

struct boot_image;
struct pygrub;

/**
 * struct pygrub_job - what to look for, and where
 * @disk_fd: the disk
 * @disk_size: its bytes
 * @disk_name: of the disk, for messages
 * @grub: options
 * @max: bytes that kernel and ramdisk may have together
 * @kernel_fd: where the kernel goes
 * @ramdisk_fd: where the ramdisk goes
 */
struct pygrub_job {
	int disk_fd;
	u64 disk_size;
	const char *disk_name;
	const struct config_grub *grub;
	u64 max;
	int kernel_fd;
	int ramdisk_fd;
};

/**
 * struct pygrub_result - what was found
 * @done: all else is valid but @error; otherwise @error alone is
 * @where: the file system, for messages: "xvda, partition 1"
 * @title: of the entry, "" with --kernel
 * @kernel: path of the kernel
 * @ramdisk: path of the ramdisk, the first of several; "" for none
 * @cmdline: words of the entry, and of --args
 * @error: what was wrong, and where
 */
struct pygrub_result {
	bool done;
	char where[64];
	char title[128];
	char kernel[PYGRUB_PATH_MAX];
	char ramdisk[PYGRUB_PATH_MAX];
	char cmdline[PYGRUB_CMDLINE_MAX];
	char error[PYGRUB_ERROR_LEN];
};

/**
 * pygrub_find() - the child's work
 * @job: what to do
 * @res: out: zeroed by the caller
 *
 * Context: a process of its own that may be lost; but for memory the library
 * does not give back after errors it leaves nothing behind, so that tests may
 * call it.
 */
void pygrub_find(const struct pygrub_job *job, struct pygrub_result *res);

/**
 * pygrub_open() - open the disk
 * @cfg: with grub.used; to outlive @out
 * @out: to be freed by pygrub_close()
 *
 * Context: start-up, before the sandbox.
 * Return: 0 or a negative errno (logged).
 */
int pygrub_open(const struct config *cfg, struct pygrub **out);

/** pygrub_close() - the reverse; NULL is fine */
void pygrub_close(struct pygrub *pygrub);

/**
 * pygrub_read() - have a child look for the kernel
 * @pygrub: open
 * @kernel: out: an open file in memory; its path belongs to @pygrub and is
 *	    valid until the next call
 * @ramdisk: out: likewise; left alone when there is none
 * @cmdline: out: the whole command line, to be freed
 *
 * Context: main thread, inside the sandbox; the guest does not run and has no
 * memory. Waits for the child, for a minute at most.
 * Return: 0 or a negative errno (logged) with nothing open.
 */
int pygrub_read(struct pygrub *pygrub, struct boot_image *kernel, struct boot_image *ramdisk,
		char **cmdline);

/**
 * pygrub_unpack() - keep the ELF image inside a bzImage, in memory
 * @kernel: the bzImage
 * @out: filled in on success
 *
 * What cache_unpacked() is for kernels of the host: those of guests do not go
 * into its cache, which is for people and outlives the guest.
 * Return: 0 or a negative errno (not logged).
 */
int pygrub_unpack(const struct boot_image *kernel, struct boot_image *out);

#endif /* VMMD_BOOT_PYGRUB_H */
