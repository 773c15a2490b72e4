// SPDX-License-Identifier: GPL-2.0
/*
 * The control socket: who may speak, and packets in and out. What the packets
 * mean is in control_cmd.c.
 *
 * Everything here runs on the main loop, which also serves the guest's
 * consoles and its end: so nothing waits, and a client that does not take its
 * answer is dropped.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "control.h"
#include "control_cmd.h"
#include "vm.h"

/* Requests are flat objects. */
#define JSON_DEPTH 4

/**
 * struct client - one connection
 * @ctl: its server, NULL for a free slot
 * @fd: connected socket
 * @subscribed: wants events
 */
struct client {
	struct control *ctl;
	int fd;
	bool subscribed;
};

/**
 * struct control - the server; main thread only
 * @vm: the guest
 * @fd: listening socket
 * @owner: user who started vmmd, before the sandbox changed the process's own
 * @clients: connections
 * @packet: the packet being read, one byte longer than any valid one
 */
struct control {
	struct vm *vm;
	int fd;
	uid_t owner;
	struct client clients[CONTROL_CLIENTS_MAX];
	char packet[CONTROL_PACKET_MAX + 1];
};

static void drop(struct client *client)
{
	loop_del_fd(client->ctl->vm->main_loop, client->fd);
	close(client->fd);
	*client = (struct client){0};
}

/* Return: 0, or -1 when the client was dropped. */
static int send_json(struct client *client, struct json_object *json, int fd)
{
	const char *text = json_object_to_json_string_ext(json, JSON_C_TO_STRING_PLAIN);
	struct iovec iov = {.iov_base = (void *)text, .iov_len = strlen(text)};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
	union {
		char buf[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} u = {0};

	if (fd >= 0) {
		struct cmsghdr *cmsg;

		msg.msg_control = u.buf;
		msg.msg_controllen = sizeof(u.buf);
		cmsg = CMSG_FIRSTHDR(&msg);
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(cmsg), &fd, sizeof(int));
	}
	if (sendmsg(client->fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
		return 0;
	drop(client);
	return -1;
}

static struct json_object *parse(const char *text, size_t len)
{
	struct json_tokener *tok = json_tokener_new_ex(JSON_DEPTH);
	struct json_object *json;

	if (!tok)
		return NULL;
	json = json_tokener_parse_ex(tok, text, (int)len);
	if (json && (json_tokener_get_error(tok) != json_tokener_success ||
		     json_tokener_get_parse_end(tok) != len ||
		     !json_object_is_type(json, json_type_object))) {
		json_object_put(json);
		json = NULL;
	}
	json_tokener_free(tok);
	return json;
}

/* Takes a packet, and the descriptors that come with it, into @files. */
static ssize_t receive(struct client *client, int files[CONTROL_FILES])
{
	struct control *ctl = client->ctl;
	struct iovec iov = {.iov_base = ctl->packet, .iov_len = sizeof(ctl->packet)};
	union {
		char buf[CMSG_SPACE(CONTROL_FILES * sizeof(int))];
		struct cmsghdr align;
	} u;
	struct msghdr msg = {.msg_iov = &iov,
			     .msg_iovlen = 1,
			     .msg_control = u.buf,
			     .msg_controllen = CMSG_LEN(CONTROL_FILES * sizeof(int))};
	struct cmsghdr *cmsg;
	size_t bytes;
	ssize_t n;

	for (int i = 0; i < CONTROL_FILES; i++)
		files[i] = -1;
	n = recvmsg(client->fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	if (n < 0)
		return -errno;
	/* What finds no room is closed by the kernel; the room ends without padding. */
	cmsg = CMSG_FIRSTHDR(&msg);
	if (cmsg && cmsg->cmsg_level == SOL_SOCKET && cmsg->cmsg_type == SCM_RIGHTS) {
		bytes = cmsg->cmsg_len - CMSG_LEN(0);
		memcpy(files, CMSG_DATA(cmsg),
		       bytes < CONTROL_FILES * sizeof(int) ? bytes : CONTROL_FILES * sizeof(int));
	}
	return n;
}

static void close_files(int files[CONTROL_FILES])
{
	for (int i = 0; i < CONTROL_FILES; i++)
		if (files[i] >= 0)
			close(files[i]);
}

static void serve(struct client *client, size_t len, const int files[CONTROL_FILES])
{
	struct control *ctl = client->ctl;
	struct control_answer answer = {.json = json_object_new_object(), .fd = -1};
	struct json_object *request = parse(ctl->packet, len);
	const char *cmd = "";

	if (request) {
		struct json_object *name;

		memcpy(answer.files, files, sizeof(answer.files));
		if (json_object_object_get_ex(request, "cmd", &name))
			cmd = json_object_get_string(name);
		control_command(ctl->vm, request, &answer);
	} else {
		json_object_object_add(answer.json, "ok", json_object_new_boolean(false));
		json_object_object_add(answer.json, "error",
				       json_object_new_string("not a JSON object"));
	}
	if (!send_json(client, answer.json, answer.fd) && answer.subscribe)
		client->subscribed = true;
	if (answer.fd >= 0)
		close(answer.fd);
	if (answer.event)
		control_event(ctl, answer.event, cmd);
	json_object_put(answer.json);
	json_object_put(request);
}

static void on_client(void *opaque, u32 events)
{
	struct client *client = opaque;
	int files[CONTROL_FILES];
	ssize_t n;

	(void)events;
	n = receive(client, files);
	if (n == -EAGAIN || n == -EINTR)
		return;
	if (n <= 0 || n > CONTROL_PACKET_MAX)
		drop(client);
	else
		serve(client, (size_t)n, files);
	close_files(files);
}

static bool may_speak(const struct control *ctl, int fd)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);

	return !getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) &&
	       (peer.uid == 0 || peer.uid == ctl->owner);
}

static struct client *free_slot(struct control *ctl)
{
	for (int i = 0; i < CONTROL_CLIENTS_MAX; i++)
		if (!ctl->clients[i].ctl)
			return &ctl->clients[i];
	return NULL;
}

static void on_accept(void *opaque, u32 events)
{
	struct control *ctl = opaque;
	struct client *client;
	int fd;

	(void)events;
	fd = accept4(ctl->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd < 0)
		return;
	client = free_slot(ctl);
	if (!client || !may_speak(ctl, fd)) {
		close(fd);
		return;
	}
	*client = (struct client){.ctl = ctl, .fd = fd};
	if (loop_add_fd(ctl->vm->main_loop, fd, EPOLLIN, on_client, client)) {
		close(fd);
		*client = (struct client){0};
	}
}

/*
 * An address holds 108 bytes, a run-time directory and a guest's name may be
 * longer: the way through /proc is short.
 */
static int bind_in(int fd, int dir_fd)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};

	snprintf(addr.sun_path, sizeof(addr.sun_path), "/proc/self/fd/%d/" RUNTIME_CONTROL, dir_fd);
	return bind(fd, (struct sockaddr *)&addr, sizeof(addr));
}

struct control *control_create(struct vm *vm, struct runtime *rt)
{
	struct control *ctl = calloc(1, sizeof(*ctl));
	int ret;

	if (!ctl)
		return NULL;
	ctl->vm = vm;
	ctl->owner = getuid();
	ctl->fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (ctl->fd < 0) {
		ret = -errno;
		goto err_free;
	}
	/* The directory is its owner's alone; the socket is, too. */
	if (bind_in(ctl->fd, rt->dir_fd) || fchmodat(rt->dir_fd, RUNTIME_CONTROL, 0600, 0) ||
	    listen(ctl->fd, CONTROL_CLIENTS_MAX)) {
		ret = -errno;
		goto err_close;
	}
	ret = loop_add_fd(vm->main_loop, ctl->fd, EPOLLIN, on_accept, ctl);
	if (ret)
		goto err_close;
	return ctl;

err_close:
	close(ctl->fd);
err_free:
	free(ctl);
	errno = -ret;
	return NULL;
}

void control_event(struct control *ctl, const char *event, const char *reason)
{
	struct json_object *json;

	if (!ctl)
		return;
	json = json_object_new_object();
	json_object_object_add(json, "event", json_object_new_string(event));
	json_object_object_add(json, "name", json_object_new_string(ctl->vm->cfg.name));
	json_object_object_add(json, "domid", json_object_new_uint64(ctl->vm->domid));
	if (reason)
		json_object_object_add(json, "reason", json_object_new_string(reason));
	for (int i = 0; i < CONTROL_CLIENTS_MAX; i++)
		if (ctl->clients[i].ctl && ctl->clients[i].subscribed)
			send_json(&ctl->clients[i], json, -1);
	json_object_put(json);
}

void control_destroy(struct control *ctl)
{
	if (!ctl)
		return;
	for (int i = 0; i < CONTROL_CLIENTS_MAX; i++)
		if (ctl->clients[i].ctl)
			drop(&ctl->clients[i]);
	loop_del_fd(ctl->vm->main_loop, ctl->fd);
	close(ctl->fd);
	free(ctl);
}
