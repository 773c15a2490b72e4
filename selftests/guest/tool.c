// SPDX-License-Identifier: GPL-2.0
/*
 * Small things that the guest's busybox cannot do:
 *
 *   tool zeroout DEVICE OFFSET LENGTH	write zeroes without data
 *   tool vsock PORT TEXT			echo one connection from the host
 *   tool fill BYTES TEXT		use so much memory until a line is typed
 *
 * TEXT is what the last two print when they are ready.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/vm_sockets.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

static int fail(const char *what)
{
	fprintf(stderr, "tool: %s: %s\n", what, strerror(errno));
	return 1;
}

/* Seen at once: whoever waits for it reads a terminal. */
static void ready(const char *text)
{
	puts(text);
	fflush(stdout);
}

static int zeroout(const char *device, const char *offset, const char *length)
{
	uint64_t range[2] = {strtoull(offset, NULL, 0), strtoull(length, NULL, 0)};
	int fd = open(device, O_RDWR);

	if (fd < 0 || ioctl(fd, BLKZEROOUT, range))
		return fail(device);
	return 0;
}

static int vsock(const char *port, const char *text)
{
	struct sockaddr_vm sa = {
		.svm_family = AF_VSOCK,
		.svm_cid = VMADDR_CID_ANY,
		.svm_port = strtoul(port, NULL, 0),
	};
	int listener = socket(AF_VSOCK, SOCK_STREAM, 0);
	char buf[4096];
	ssize_t n;
	int fd;

	if (listener < 0 || bind(listener, (struct sockaddr *)&sa, sizeof(sa)) ||
	    listen(listener, 1))
		return fail("vsock");
	ready(text);
	fd = accept(listener, NULL, NULL);
	if (fd < 0)
		return fail("accept");
	while ((n = read(fd, buf, sizeof(buf))) > 0) {
		if (write(fd, buf, n) != n)
			return fail("write");
	}
	return n ? fail("read") : 0;
}

static int fill(const char *bytes, const char *text)
{
	size_t len = strtoull(bytes, NULL, 0);
	char *p = malloc(len);
	int c;

	if (!p)
		return fail("malloc");
	for (size_t i = 0; i < len; i += 4096)
		((volatile char *)p)[i] = 1;
	ready(text);
	/* Byte by byte: what follows the line is not for us. */
	setvbuf(stdin, NULL, _IONBF, 0);
	do {
		c = getchar();
	} while (c != '\n' && c != EOF);
	free(p);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 5 && !strcmp(argv[1], "zeroout"))
		return zeroout(argv[2], argv[3], argv[4]);
	if (argc == 4 && !strcmp(argv[1], "vsock"))
		return vsock(argv[2], argv[3]);
	if (argc == 4 && !strcmp(argv[1], "fill"))
		return fill(argv[2], argv[3]);
	fprintf(stderr, "usage: tool zeroout DEVICE OFFSET LENGTH | vsock PORT TEXT | "
			"fill BYTES TEXT\n");
	return 2;
}
