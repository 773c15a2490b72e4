// SPDX-License-Identifier: GPL-2.0
/*
 * The client of an image's daemon. See nbd.h.
 *
 * The protocol is a stream each way. Requests wait in a queue while the one
 * before them is only partly in the socket; of answers the first bytes say whose
 * the next are, and data goes from the socket to where the guest wants it.
 *
 * A daemon that is gone, or says what makes no sense, takes the disk with it:
 * all requests fail, as those of a disk whose cable was pulled.
 */
#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <linux/falloc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "disk/nbd.h"
#include "disk/nbd_proto.h"
#include "log.h"
#include "loop.h"
#include "virtio/queue.h" /* iov_cut_front() */

/* What a server has to take at once; QEMU's takes no more. */
#define DATA_MAX  (32 * MIB)
#define RANGE_MAX (1 * GIB)

#define IOV_PIECE 64  /* buffers given to the kernel at once */
#define TURN_MAX  256 /* answers taken before others get a chance at the lock */

/**
 * struct nbd - a client
 * @disk: constant
 * @image: descriptors, and what the daemon can do; constant
 * @loop: between attach and detach, constant then
 * @gone: there is no daemon any more
 * @first: the request that is being sent, and those behind it by their next
 * @end: where the next is put
 * @begun: @first has its name, and @head is its
 * @head: what is sent before @first's data
 * @sent: bytes of @head and data that are in the socket
 * @wants_room: the loop waits for room in the socket
 * @slot: what the daemon has been asked for, by the names on the wire
 * @free: names that are not in use
 * @frees: entries of @free
 * @reply: what is being received
 * @got: bytes of @reply
 * @data: bytes still to come that belong to @reply
 *
 * Guarded by the disk's lock if not marked otherwise.
 */
struct nbd {
	struct disk *disk;
	struct disk_opened image;
	struct loop *loop;
	bool gone;
	struct disk_req *first;
	struct disk_req **end;
	bool begun;
	struct nbd_request head;
	size_t sent;
	bool wants_room;
	struct disk_req *slot[DISK_DEPTH];
	u32 free[DISK_DEPTH];
	u32 frees;
	struct nbd_reply reply;
	size_t got;
	u32 data;
};

static int sock(const struct nbd *nbd)
{
	return nbd->image.file[IMAGE_SOCKET];
}

static bool moves_data(const struct disk_req *req)
{
	return req->op == DISK_READ || req->op == DISK_WRITE;
}

/* ------------------------------------------------------------ requests */

/* Return: the command, or a negative errno for what the daemon cannot do. */
static int command_of(const struct nbd *nbd, const struct disk_req *req)
{
	u16 can = nbd->image.nbd_flags;

	switch (req->op) {
	case DISK_READ:
		return req->len ? NBD_READ : -EIO;
	case DISK_WRITE:
		return req->len ? NBD_WRITE : -EIO;
	case DISK_FLUSH:
		return NBD_FLUSH;
	case DISK_DISCARD:
		return can & NBD_CAN_TRIM ? NBD_TRIM : -EOPNOTSUPP;
	default:
		return can & NBD_CAN_WRITE_ZEROES ? NBD_WRITE_ZEROES : -EOPNOTSUPP;
	}
}

static u16 flags_of(const struct disk_req *req)
{
	if (req->op == DISK_WRITE && req->stable)
		return NBD_FUA;
	if (req->op == DISK_FALLOCATE && !(req->mode & FALLOC_FL_PUNCH_HOLE))
		return NBD_NO_HOLE;
	return 0;
}

void nbd_queue(struct nbd *nbd, struct disk_req *req)
{
	int ret = nbd->gone ? -EIO : command_of(nbd, req);

	if (ret < 0) {
		nbd->disk->ops->done(nbd->disk, req, ret);
		return;
	}
	req->next = NULL;
	*nbd->end = req;
	nbd->end = &req->next;
}

static void begin(struct nbd *nbd, struct disk_req *req)
{
	u64 most = moves_data(req) ? DATA_MAX : RANGE_MAX;

	req->part = req->op == DISK_FLUSH ? 0 : (u32)min_t(u64, req->len, most);
	/* There are as many names as requests, so one is free. */
	req->slot = nbd->free[--nbd->frees];
	nbd->head = (struct nbd_request){
		.magic = htonl(NBD_REQUEST_MAGIC),
		.flags = htons(flags_of(req)),
		.command = htons((u16)command_of(nbd, req)),
		.cookie = htobe64(req->slot),
		.offset = htobe64(req->op == DISK_FLUSH ? 0 : req->offset),
		.len = htonl(req->part),
	};
	nbd->begun = true;
	nbd->sent = 0;
}

/* The front of a request's buffers, @len bytes at most. Return: how many. */
static u32 some_buffers(const struct disk_req *req, size_t len, struct iovec *iov, u32 max)
{
	u32 n = 0;

	for (u32 i = 0; i < req->num && n < max && len; i++) {
		if (!req->iov[i].iov_len)
			continue;
		iov[n] = req->iov[i];
		if (iov[n].iov_len > len)
			iov[n].iov_len = len;
		len -= iov[n++].iov_len;
	}
	return n;
}

/*
 * Sends more of the first request; true when all of it is in the socket. Errors
 * are no matter here: of a socket that has broken the loop is told.
 */
static bool send_more(struct nbd *nbd, struct disk_req *req)
{
	size_t head = sizeof(nbd->head), total, skip;
	struct iovec iov[1 + IOV_PIECE];
	struct msghdr msg = {.msg_iov = iov};
	u32 n = 0;
	ssize_t done;

	total = head + (req->op == DISK_WRITE ? req->part : 0);
	while (nbd->sent < total) {
		skip = nbd->sent;
		n = 0;
		if (skip < head)
			iov[n++] = (struct iovec){(u8 *)&nbd->head + skip, head - skip};
		if (req->op == DISK_WRITE)
			n += some_buffers(req, total - (skip > head ? skip : head), iov + n,
					  IOV_PIECE);
		msg.msg_iovlen = n;
		done = sendmsg(sock(nbd), &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return false;
		nbd->sent += (size_t)done;
		if (nbd->sent > head && req->op == DISK_WRITE)
			req->num = iov_cut_front(&req->iov, req->num,
						 nbd->sent - (skip > head ? skip : head));
	}
	return true;
}

static void want_room(struct nbd *nbd, bool want)
{
	if (want == nbd->wants_room)
		return;
	nbd->wants_room = want;
	loop_mod_fd(nbd->loop, sock(nbd), want ? EPOLLIN | EPOLLOUT : EPOLLIN);
}

void nbd_submit(struct nbd *nbd)
{
	struct disk_req *req;

	while (!nbd->gone && (req = nbd->first)) {
		if (!nbd->begun)
			begin(nbd, req);
		if (!send_more(nbd, req))
			break;
		nbd->begun = false;
		nbd->slot[req->slot] = req;
		nbd->first = req->next;
		if (!nbd->first)
			nbd->end = &nbd->first;
	}
	if (!nbd->gone)
		want_room(nbd, nbd->first);
}

/* ------------------------------------------------------------ answers */

/* The protocol's numbers are Linux's, as far as the guest is told of more than a failure. */
static int error_of(struct nbd *nbd, u32 error)
{
	if (error == ENOSPC) {
		disk_tell_no_space(nbd->disk);
		return -ENOSPC;
	}
	return error == EOPNOTSUPP ? -EOPNOTSUPP : -EIO;
}

static void finish(struct nbd *nbd, struct disk_req *req, int result)
{
	nbd->slot[req->slot] = NULL;
	nbd->free[nbd->frees++] = req->slot;
	req->offset += req->part;
	req->len -= req->part;
	if (!result && req->part && req->len)
		nbd_queue(nbd, req);
	else
		nbd->disk->ops->done(nbd->disk, req, result);
}

/* Return: whose answer @reply is; NULL for nobody's. */
static struct disk_req *asked(const struct nbd *nbd)
{
	u64 cookie = be64toh(nbd->reply.cookie);

	if (ntohl(nbd->reply.magic) != NBD_REPLY_MAGIC || cookie >= DISK_DEPTH)
		return NULL;
	return nbd->slot[cookie];
}

static ssize_t receive_some(struct nbd *nbd)
{
	struct iovec iov[IOV_PIECE];
	struct msghdr msg = {.msg_iov = iov};
	struct disk_req *req;
	ssize_t n;

	if (!nbd->data)
		return recv(sock(nbd), (u8 *)&nbd->reply + nbd->got, sizeof(nbd->reply) - nbd->got,
			    MSG_DONTWAIT);
	req = asked(nbd);
	msg.msg_iovlen = some_buffers(req, nbd->data, iov, IOV_PIECE);
	n = recvmsg(sock(nbd), &msg, MSG_DONTWAIT);
	if (n > 0)
		req->num = iov_cut_front(&req->iov, req->num, (size_t)n);
	return n;
}

/* Return: 0, or -EPROTO for an answer that nobody has asked for. */
static int take(struct nbd *nbd, size_t n)
{
	struct disk_req *req;
	u32 error;

	if (nbd->data) {
		nbd->data -= (u32)n;
	} else {
		nbd->got += n;
		if (nbd->got < sizeof(nbd->reply))
			return 0;
		req = asked(nbd);
		if (!req)
			return -EPROTO;
		if (req->op == DISK_READ && !nbd->reply.error)
			nbd->data = req->part;
	}
	if (nbd->data)
		return 0;
	req = asked(nbd);
	error = ntohl(nbd->reply.error);
	nbd->got = 0;
	finish(nbd, req, error ? error_of(nbd, error) : 0);
	return 0;
}

/* Nothing more will come. */
static void lose(struct nbd *nbd, const char *why)
{
	struct disk_req *req;

	log_err("%s: qemu-storage-daemon: %s: all I/O of the disk fails from now on",
		nbd->disk->name, why);
	nbd->gone = true;
	loop_del_fd(nbd->loop, sock(nbd));
	while ((req = nbd->first)) {
		nbd->first = req->next;
		nbd->disk->ops->done(nbd->disk, req, -EIO);
	}
	for (u32 i = 0; i < DISK_DEPTH; i++) {
		req = nbd->slot[i];
		nbd->slot[i] = NULL;
		if (req)
			nbd->disk->ops->done(nbd->disk, req, -EIO);
	}
}

static void receive(struct nbd *nbd)
{
	for (u32 i = 0; i < 2 * TURN_MAX; i++) {
		ssize_t n = receive_some(nbd);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return;
		if (n <= 0) {
			lose(nbd, n && errno != ECONNRESET ? strerror(errno) : "has ended");
			return;
		}
		if (take(nbd, (size_t)n)) {
			lose(nbd, "an answer that nobody has asked for");
			return;
		}
	}
}

static void ready(void *opaque, u32 events)
{
	struct nbd *nbd = opaque;
	struct disk *disk = nbd->disk;

	(void)events;
	pthread_mutex_lock(disk->lock);
	if (!nbd->gone)
		receive(nbd);
	disk->ops->settled(disk);
	nbd_submit(nbd);
	pthread_mutex_unlock(disk->lock);
}

/* ------------------------------------------------------------ the daemon */

/* What it has to say goes into the log, line by line. */
static void heard(void *opaque, u32 events)
{
	struct nbd *nbd = opaque;
	int fd = nbd->image.file[IMAGE_MESSAGES];
	char text[LOG_LINE_MAX / 2], *rest = NULL, *line;
	ssize_t n;

	(void)events;
	n = read(fd, text, sizeof(text) - 1);
	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (n <= 0) {
		loop_del_fd(nbd->loop, fd);
		return;
	}
	text[n] = '\0';
	for (line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
		log_warn("%s: %s", nbd->disk->name, line);
}

struct nbd *nbd_create(struct disk *disk, const struct disk_opened *opened)
{
	struct nbd *nbd = calloc(1, sizeof(*nbd));

	if (!nbd)
		return NULL;
	nbd->disk = disk;
	nbd->image = *opened;
	nbd->end = &nbd->first;
	while (nbd->frees < DISK_DEPTH) {
		nbd->free[nbd->frees] = nbd->frees;
		nbd->frees++;
	}
	return nbd;
}

void nbd_destroy(struct nbd *nbd)
{
	if (!nbd)
		return;
	if (!image_close(&nbd->image))
		log_warn("%s: qemu-storage-daemon has not ended yet", nbd->disk->name);
	free(nbd);
}

int nbd_attach(struct nbd *nbd, struct loop *loop)
{
	int ret;

	nbd->loop = loop;
	ret = loop_add_fd(loop, sock(nbd), EPOLLIN, ready, nbd);
	if (!ret)
		ret = loop_add_fd(loop, nbd->image.file[IMAGE_MESSAGES], EPOLLIN, heard, nbd);
	if (ret)
		nbd_detach(nbd, loop);
	return ret;
}

void nbd_detach(struct nbd *nbd, struct loop *loop)
{
	if (!nbd->loop)
		return;
	nbd->loop = NULL;
	if (!loop)
		return;
	loop_del_fd(loop, sock(nbd));
	loop_del_fd(loop, nbd->image.file[IMAGE_MESSAGES]);
}
