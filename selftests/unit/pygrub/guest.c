// SPDX-License-Identifier: GPL-2.0
/* See guest.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "guest.h"

/* Nobody unpacks a kernel here; the loaders' tests do. */
int bzimage_unpack(const struct boot_image *kernel, u8 **elf, size_t *len, const char **why)
{
	(void)kernel;
	(void)elf;
	(void)len;
	(void)why;
	abort();
}

void guest_init(struct guest *guest, char *disk)
{
	*guest = (struct guest){
		.cfg.memory_mib = 64,
		.cfg.cmdline = (char *)"console=hvc0",
		.cfg.n_disks = 1,
		.cfg.disks[0].path = disk,
		.cfg.disks[0].vdev = "xvda",
		.cfg.grub.used = true,
	};
}

void guest_free(struct guest *guest)
{
	free(guest->cmdline);
	guest->cmdline = NULL;
}

static u64 take(struct boot_image *image, char text[GUEST_TEXT_MAX])
{
	ssize_t n;

	memset(text, 0, GUEST_TEXT_MAX);
	if (image->fd < 0)
		return 0;
	n = pread(image->fd, text, GUEST_TEXT_MAX - 1, 0);
	text[n < 0 ? 0 : n] = '\0';
	close(image->fd);
	return image->size;
}

/* Messages go to a file while this is so. */
static int redirect(int *saved)
{
	int log = memfd_create("log", MFD_CLOEXEC);

	*saved = dup(STDERR_FILENO);
	if (log < 0 || *saved < 0 || dup2(log, STDERR_FILENO) < 0)
		abort();
	return log;
}

static void restore(struct guest *guest, int log, int saved)
{
	ssize_t n = pread(log, guest->log, sizeof(guest->log) - 1, 0);

	guest->log[n < 0 ? 0 : n] = '\0';
	if (dup2(saved, STDERR_FILENO) < 0)
		abort();
	close(saved);
	close(log);
}

static void do_read(struct guest *guest, struct pygrub *pygrub)
{
	struct boot_image kernel = {.fd = -1}, ramdisk = {.fd = -1};

	guest_free(guest);
	guest->ret = pygrub_read(pygrub, &kernel, &ramdisk, &guest->cmdline);
	guest->kernel_len = take(&kernel, guest->kernel);
	guest->ramdisk_len = take(&ramdisk, guest->ramdisk);
}

void guest_read(struct guest *guest, struct pygrub *pygrub)
{
	int saved, log = redirect(&saved);

	do_read(guest, pygrub);
	restore(guest, log, saved);
}

void guest_start(struct guest *guest)
{
	int saved, log = redirect(&saved);
	struct pygrub *pygrub;

	guest->ret = pygrub_open(&guest->cfg, &pygrub);
	if (!guest->ret) {
		do_read(guest, pygrub);
		pygrub_close(pygrub);
	}
	restore(guest, log, saved);
}
