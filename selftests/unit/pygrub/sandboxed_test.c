// SPDX-License-Identifier: GPL-2.0
/*
 * Kernels out of disks, inside the real sandbox: what the reader needs is what
 * its filter allows. Run as sandboxed_test IMAGES; prints TAP.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "guest.h"
#include "sandbox.h"

#define UID 1894000008u

static const char *images;
static unsigned int number, failed;

/* Runs in a process that enters the sandbox; its exit status. */
static int read_twice(const char *image, const char *found)
{
	struct sandbox_params params = {
		.enabled = true,
		.change_user = !geteuid(),
		.uid = UID,
		.log_fd = STDERR_FILENO,
	};
	struct pygrub *pygrub;
	struct guest guest;
	char path[512];

	snprintf(path, sizeof(path), "%s/%s.img", images, image);
	guest_init(&guest, path);
	if (pygrub_open(&guest.cfg, &pygrub) || sandbox_enter(&params))
		return 1;
	/* A start and a restart. Redirecting the log is not for the sandbox. */
	for (int i = 0; i < 2; i++) {
		struct boot_image kernel = {.fd = -1}, ramdisk = {.fd = -1};
		char text[GUEST_TEXT_MAX] = "", *cmdline = NULL;

		if (pygrub_read(pygrub, &kernel, &ramdisk, &cmdline))
			return *found ? 2 : 0;
		if (pread(kernel.fd, text, sizeof(text) - 1, 0) < 0 || strcmp(text, found))
			return 3;
		if (ramdisk.fd < 0 || !strstr(cmdline, "console=hvc0"))
			return 4;
		close(kernel.fd);
		close(ramdisk.fd);
		free(cmdline);
	}
	pygrub_close(pygrub);
	return 0;
}

static void expect(const char *image, const char *found, const char *log, const char *what)
{
	int fd = memfd_create("log", 0), status = -1;
	char text[2048];
	pid_t pid;
	ssize_t n;
	bool ok;

	fflush(stdout);
	pid = fork();
	if (!pid) {
		dup2(fd, STDERR_FILENO);
		_exit(read_twice(image, found));
	}
	waitpid(pid, &status, 0);
	n = pread(fd, text, sizeof(text) - 1, 0);
	text[n > 0 ? n : 0] = '\0';
	close(fd);
	ok = !status && strstr(text, log);
	printf("%sok %u sandboxed: %s\n", ok ? "" : "not ", ++number, what);
	if (!ok)
		printf("# wait status 0x%x, log: %s\n", status, text);
	failed += !ok;
}

int main(int argc, char **argv)
{
	if (argc != 2)
		return 2;
	images = argv[1];
	printf("TAP version 13\n1..5\n");
	expect("mbr", "kernel 6.1.0-37-amd64", "partition 6", "a kernel, twice");
	expect("bls-saved", "kernel 6.9.12-200.fc40", "Fedora", "directories are listed");
	expect("loop", "", "/k: Too many symbolic links", "an error is told in words");
	expect("large", "", "102400 KiB", "a kernel that is too large");
	expect("zero", "", "no ext2", "an empty disk");
	return failed ? 1 : 0;
}
