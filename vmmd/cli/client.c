// SPDX-License-Identifier: GPL-2.0
/*
 * The client's end of control sockets. A vmmd that hangs must not hang hvctl:
 * every wait here ends.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "cli/client.h"
#include "control.h"
#include "control_cmd.h"

int client_connect(const char *path, unsigned int seconds)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	struct timeval limit = {.tv_sec = seconds};
	const char *slash = strrchr(path, '/');
	char dir[PATH_MAX];
	int fd, dir_fd, ret;

	/* The path may be longer than an address; see control.c. */
	snprintf(dir, sizeof(dir), "%.*s", (int)(slash - path), path);
	dir_fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (dir_fd < 0)
		return -errno;
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	snprintf(addr.sun_path, sizeof(addr.sun_path), "/proc/self/fd/%d/" RUNTIME_CONTROL, dir_fd);
	ret = fd < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) ||
			      setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)) ||
			      connect(fd, (struct sockaddr *)&addr, sizeof(addr))
		      ? -errno
		      : 0;
	close(dir_fd);
	if (!ret)
		return fd;
	if (fd >= 0)
		close(fd);
	return ret;
}

pid_t client_peer(int fd)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) ? 0 : peer.pid;
}

struct json_object *client_request(const char *cmd)
{
	struct json_object *request = json_object_new_object();

	json_object_object_add(request, "cmd", json_object_new_string(cmd));
	return request;
}

/* Return: bytes, 0 at the end, a negative errno. */
static ssize_t receive(int fd, char *packet, size_t size, int *passed)
{
	struct iovec iov = {.iov_base = packet, .iov_len = size};
	union {
		char buf[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} u;
	struct msghdr msg = {.msg_iov = &iov,
			     .msg_iovlen = 1,
			     .msg_control = u.buf,
			     .msg_controllen = sizeof(u.buf)};
	struct cmsghdr *cmsg;
	ssize_t n;

	do
		n = recvmsg(fd, &msg, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == EAGAIN ? -ETIMEDOUT : -errno;
	cmsg = CMSG_FIRSTHDR(&msg);
	if (cmsg && cmsg->cmsg_level == SOL_SOCKET && cmsg->cmsg_type == SCM_RIGHTS) {
		int got;

		memcpy(&got, CMSG_DATA(cmsg), sizeof(got));
		if (passed)
			*passed = got;
		else
			close(got);
	}
	return n;
}

static int send_packet(int fd, const char *text, const int *files, size_t n)
{
	struct iovec iov = {.iov_base = (void *)text, .iov_len = strlen(text)};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
	union {
		char buf[CMSG_SPACE(CONTROL_FILES * sizeof(int))];
		struct cmsghdr align;
	} u = {0};

	if (n) {
		struct cmsghdr *cmsg;

		msg.msg_control = u.buf;
		msg.msg_controllen = CMSG_SPACE(n * sizeof(int));
		cmsg = CMSG_FIRSTHDR(&msg);
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(n * sizeof(int));
		memcpy(CMSG_DATA(cmsg), files, n * sizeof(int));
	}
	return sendmsg(fd, &msg, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

static int call(int fd, struct json_object *request, const int *files, size_t n_files,
		struct json_object **answer, int *passed)
{
	const char *text = json_object_to_json_string_ext(request, JSON_C_TO_STRING_PLAIN);
	char packet[CONTROL_PACKET_MAX + 1];
	struct json_object *ok;
	ssize_t n;
	int ret;

	*answer = NULL;
	if (passed)
		*passed = -1;
	ret = send_packet(fd, text, files, n_files);
	json_object_put(request);
	if (ret)
		return ret == -EAGAIN ? -ETIMEDOUT : ret;
	n = receive(fd, packet, CONTROL_PACKET_MAX, passed);
	if (n <= 0)
		return n ? (int)n : -ECONNRESET;
	packet[n] = '\0';
	*answer = json_tokener_parse(packet);
	if (!*answer)
		return -EBADMSG;
	if (json_object_object_get_ex(*answer, "ok", &ok) && json_object_get_boolean(ok))
		return 0;
	if (passed && *passed >= 0)
		close(*passed);
	return -EPROTO;
}

int client_call(int fd, struct json_object *request, struct json_object **answer, int *passed)
{
	return call(fd, request, NULL, 0, answer, passed);
}

int client_call_files(int fd, struct json_object *request, const int *files, size_t n,
		      struct json_object **answer)
{
	return call(fd, request, files, n, answer, NULL);
}

int client_event(int fd, int timeout_ms, struct json_object **event)
{
	struct pollfd wait = {.fd = fd, .events = POLLIN};
	char packet[CONTROL_PACKET_MAX + 1];
	ssize_t n;
	int ret;

	ret = poll(&wait, 1, timeout_ms);
	if (ret <= 0)
		return ret ? -errno : -ETIMEDOUT;
	n = receive(fd, packet, CONTROL_PACKET_MAX, NULL);
	/* A vmmd that dies with unread requests resets the connection. */
	if (n <= 0)
		return n == -ECONNRESET ? 0 : (int)n;
	packet[n] = '\0';
	*event = json_tokener_parse(packet);
	return *event ? 1 : -EBADMSG;
}
