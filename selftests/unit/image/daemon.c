// SPDX-License-Identifier: GPL-2.0
/* A daemon for the test. See daemon.h. */
#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon.h"
#include "disk/nbd_proto.h"

/* As many requests as are answered from the last to the first. */
#define BACKWARDS 8

static struct journal *journal;
static const char *way;
static int sock, image;
static u8 *data;

static void get(void *buf, size_t len)
{
	if (len && recv(sock, buf, len, MSG_WAITALL) != (ssize_t)len)
		_exit(0);
}

static void put(const void *buf, size_t len)
{
	if (len && send(sock, buf, len, MSG_NOSIGNAL) != (ssize_t)len)
		_exit(0);
}

static bool is(const char *name)
{
	return !strcmp(way, name);
}

static void greet(void)
{
	struct nbd_greeting hello = {
		.magic = htobe64(is("stranger") ? 1 : NBD_MAGIC),
		.option_magic = htobe64(NBD_OPTION_MAGIC),
		.flags = htons(NBD_FIXED_NEWSTYLE | NBD_NO_ZEROES),
	};
	u16 flags =
		NBD_HAS_FLAGS | NBD_CAN_FLUSH | NBD_CAN_FUA | NBD_CAN_TRIM | NBD_CAN_WRITE_ZEROES;
	struct nbd_export export;
	struct nbd_choice choice;
	struct stat st;

	put(&hello, sizeof(hello));
	get(&choice, offsetof(struct nbd_choice, name));
	if (be64toh(choice.option_magic) != NBD_OPTION_MAGIC ||
	    ntohl(choice.option) != NBD_OPT_EXPORT_NAME || ntohl(choice.len) != 4)
		_exit(2);
	get(choice.name, 4);
	if (memcmp(choice.name, "disk", 4) || fstat(image, &st))
		_exit(3);
	if (is("old"))
		flags &= ~NBD_CAN_FUA;
	if (is("plain"))
		flags &= ~(NBD_CAN_TRIM | NBD_CAN_WRITE_ZEROES);
	export = (struct nbd_export){.size = htobe64(st.st_size), .flags = htons(flags)};
	put(&export, sizeof(export));
}

static void reply(const struct nbd_request *req, u32 error)
{
	struct nbd_reply answer = {
		.magic = htonl(is("magic") ? 7 : NBD_REPLY_MAGIC),
		.error = htonl(error),
		.cookie = is("cookie") ? htobe64(1000) : req->cookie,
	};
	size_t len = ntohs(req->command) == NBD_READ && !error ? ntohl(req->len) : 0;

	/* In pieces, as a stream may come. */
	put(&answer, 5);
	put((u8 *)&answer + 5, sizeof(answer) - 5);
	if (len && pread(image, data, len, (off_t)be64toh(req->offset)) != (ssize_t)len)
		_exit(4);
	if (is("dies"))
		len /= 2;
	put(data, len);
	if (is("dies"))
		_exit(5);
	if (is("twice"))
		put(&answer, sizeof(answer));
}

static u32 carry_out(const struct nbd_request *req)
{
	size_t len = ntohl(req->len);

	if (ntohs(req->command) == NBD_WRITE) {
		/* Slow to take it, so that the socket is full. */
		if (is("slow"))
			usleep(len > 4096 ? 100000 : 5000);
		get(data, len);
		if (is("full"))
			return ENOSPC;
		if (pwrite(image, data, len, (off_t)be64toh(req->offset)) != (ssize_t)len)
			return EIO;
	}
	if (ntohs(req->command) == NBD_TRIM && is("full"))
		return EOPNOTSUPP;
	if (ntohs(req->command) == NBD_READ && is("broken"))
		return EIO;
	return 0;
}

static void note(const struct nbd_request *req)
{
	u32 i = journal->count;

	if (i < JOURNAL_MAX) {
		journal->request[i].flags = ntohs(req->flags);
		journal->request[i].command = ntohs(req->command);
		journal->request[i].offset = be64toh(req->offset);
		journal->request[i].len = ntohl(req->len);
	}
	__atomic_store_n(&journal->count, i + 1, __ATOMIC_SEQ_CST);
}

static void serve(void)
{
	struct nbd_request req[BACKWARDS];
	u32 error[BACKWARDS], n = 0;

	for (;;) {
		get(&req[n], sizeof(req[n]));
		if (ntohl(req[n].magic) != NBD_REQUEST_MAGIC)
			_exit(6);
		note(&req[n]);
		error[n] = carry_out(&req[n]);
		if (is("backwards") && ++n < BACKWARDS)
			continue;
		do {
			if (n)
				n--;
			reply(&req[n], error[n]);
		} while (n);
	}
}

/* A comma of the file's name is doubled. */
static void undouble(char *path)
{
	char *to = path;

	for (; *path; path++) {
		*to++ = *path;
		if (path[0] == ',' && path[1] == ',')
			path++;
	}
	*to = '\0';
}

int daemon_main(char **argv)
{
	char *path = strstr(argv[2], "file.filename=");
	int fd = open(getenv(JOURNAL), O_RDWR);

	if (strcmp(argv[1], "--blockdev") || !path || fd < 0)
		_exit(7);
	path = strdup(path + strlen("file.filename="));
	undouble(path);
	way = strrchr(path, '/') + 1;
	journal = mmap(NULL, sizeof(*journal), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	journal->pid = getpid();
	if (is("speaks"))
		fprintf(stderr, "qemu-storage-daemon: --blockdev %s: It is no image\n", argv[2]);
	if (is("locked"))
		fprintf(stderr,
			"qemu-storage-daemon: --blockdev %s: Failed to get \"write\" lock\n"
			"Is another process using the image [%s]?\n",
			argv[2], path);
	if (is("speaks") || is("locked") || is("mute"))
		_exit(1);
	image = open(path, O_RDWR);
	sock = accept(3, NULL, NULL);
	data = malloc(64 << 20);
	if (sock < 0 || image < 0 || !data)
		_exit(8);
	close(3);
	greet();
	fprintf(stderr, "a warning\nand one more\n");
	serve();
	return 0;
}
