// SPDX-License-Identifier: GPL-2.0
/*
 * A console port joined to a socket in the guest's run-time directory: an
 * agent in the guest opens the port by its name, a program on the host
 * connects to the socket. One program at a time.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "runtime.h"
#include "virtio/vcon.h"
#include "vm.h"

#define CHUNK 4096

/**
 * struct channel - the host's end; guarded by the device's lock
 * @port: constant
 * @dir_fd: run-time directory, constant
 * @name: of the socket in it, constant
 * @listen_fd: constant
 * @fd: connected program, or -1
 * @events: what @fd is watched for
 * @buf: what the program wrote and the guest had no room for
 * @len: bytes in @buf
 */
struct channel {
	struct vcon_port *port;
	int dir_fd;
	const char *name;
	int listen_fd;
	int fd;
	u32 events;
	u8 buf[CHUNK];
	size_t len;
};

static struct loop *main_loop(const struct channel *ch)
{
	return ch->port->con->virtio.vm->main_loop;
}

static void watch(struct channel *ch, u32 events)
{
	if (ch->fd < 0 || events == ch->events)
		return;
	ch->events = events;
	loop_mod_fd(main_loop(ch), ch->fd, events);
}

static void tell_guest(struct channel *ch, bool open)
{
	struct vcon *con = ch->port->con;

	ch->port->host_open = open;
	if (virtio_dev_live(&con->virtio) && vcon_multiport(con))
		vcon_ctrl_send(con, ch->port->number, VIRTIO_CONSOLE_PORT_OPEN, open, NULL, 0);
}

static void hang_up(struct channel *ch)
{
	loop_del_fd(main_loop(ch), ch->fd);
	close(ch->fd);
	ch->fd = -1;
	ch->events = 0;
	ch->len = 0;
	tell_guest(ch, false);
	/* The guest may have waited for the program to read. */
	vcon_output_ready(ch->port);
}

/* Moves bytes to the guest until either side has had enough. */
static void to_guest(struct channel *ch)
{
	size_t n;
	ssize_t got;

	if (!ch->len) {
		got = recv(ch->fd, ch->buf, sizeof(ch->buf), MSG_DONTWAIT);
		if (!got || (got < 0 && errno != EAGAIN && errno != EINTR)) {
			hang_up(ch);
			return;
		}
		ch->len = got > 0 ? got : 0;
	}
	n = vcon_input(ch->port, ch->buf, ch->len);
	ch->len -= n;
	memmove(ch->buf, ch->buf + n, ch->len);
	/* What is left waits for channel_room(). */
	watch(ch, (ch->events & EPOLLOUT) | (ch->len ? 0 : EPOLLIN));
}

static void program_ready(void *opaque, u32 events)
{
	struct channel *ch = opaque;
	struct virtio_dev *dev = &ch->port->con->virtio;

	pthread_mutex_lock(&dev->lock);
	if (events & EPOLLOUT) {
		watch(ch, ch->events & ~EPOLLOUT);
		vcon_output_ready(ch->port);
	}
	if (!virtio_dev_live(dev) && !(events & (EPOLLHUP | EPOLLERR)))
		watch(ch, 0);
	else if (events & EPOLLIN)
		to_guest(ch);
	else if (events & (EPOLLHUP | EPOLLERR))
		hang_up(ch);
	pthread_mutex_unlock(&dev->lock);
}

static void program_comes(void *opaque, u32 events)
{
	struct channel *ch = opaque;
	struct virtio_dev *dev = &ch->port->con->virtio;
	int fd = accept4(ch->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	(void)events;
	if (fd < 0)
		return;
	pthread_mutex_lock(&dev->lock);
	if (ch->fd >= 0 || loop_add_fd(main_loop(ch), fd, EPOLLIN, program_ready, ch)) {
		close(fd);
	} else {
		ch->fd = fd;
		ch->events = EPOLLIN;
		tell_guest(ch, true);
	}
	pthread_mutex_unlock(&dev->lock);
}

static size_t channel_output(struct vcon_port *port, const u8 *buf, size_t len)
{
	struct channel *ch = port->opaque;
	ssize_t n;

	/* With nobody there it goes where a serial line's output goes. */
	if (ch->fd < 0)
		return len;
	n = send(ch->fd, buf, len, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (n < 0 && errno != EAGAIN && errno != EINTR)
		return len; /* gone; program_ready() will hear of it */
	if (n < (ssize_t)len)
		watch(ch, ch->events | EPOLLOUT);
	return n > 0 ? n : 0;
}

static void channel_room(struct vcon_port *port)
{
	struct channel *ch = port->opaque;

	if (ch->fd >= 0)
		to_guest(ch);
}

static const struct vcon_port_ops channel_ops = {
	.output = channel_output,
	.room = channel_room,
	.opened = channel_room,
};

static int listen_at(int dir_fd, const char *name)
{
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int ret;

	if (fd < 0)
		return -errno;
	/* Through the descriptor: the directory's own path may be too long. */
	snprintf(sa.sun_path, sizeof(sa.sun_path), "/proc/self/fd/%d/%s", dir_fd, name);
	if (!bind(fd, (struct sockaddr *)&sa, sizeof(sa)) && !listen(fd, 1))
		return fd;
	ret = -errno;
	close(fd);
	return ret;
}

/**
 * vcon_channel_create - open a socket for a port
 * @port: port, which exists from now on
 * @socket_name: name in the guest's run-time directory
 *
 * Without a run-time directory there is no port, which is no error.
 *
 * Return: 0 or a negative errno (logged).
 */
int vcon_channel_create(struct vcon_port *port, const char *socket_name)
{
	struct vm *vm = port->con->virtio.vm;
	struct channel *ch;
	int ret;

	if (!vm->runtime)
		return 0;
	ch = calloc(1, sizeof(*ch));
	if (!ch) {
		log_err("%s: out of memory", port->con->virtio.name);
		return -ENOMEM;
	}
	ch->port = port;
	ch->dir_fd = vm->runtime->dir_fd;
	ch->name = socket_name;
	ch->fd = -1;
	ch->listen_fd = listen_at(ch->dir_fd, socket_name);
	ret = ch->listen_fd;
	if (ret >= 0)
		ret = loop_add_fd(vm->main_loop, ch->listen_fd, EPOLLIN, program_comes, ch);
	if (ret < 0) {
		log_err("%s: socket '%s': %s", port->con->virtio.name, socket_name, strerror(-ret));
		if (ch->listen_fd >= 0)
			close(ch->listen_fd);
		free(ch);
		return ret;
	}
	port->opaque = ch;
	port->ops = &channel_ops;
	return 0;
}

/**
 * vcon_channel_destroy - close a port's socket
 * @port: port with a channel
 */
void vcon_channel_destroy(struct vcon_port *port)
{
	struct channel *ch = port->opaque;

	if (ch->fd >= 0) {
		loop_del_fd(main_loop(ch), ch->fd);
		close(ch->fd);
	}
	loop_del_fd(main_loop(ch), ch->listen_fd);
	close(ch->listen_fd);
	unlinkat(ch->dir_fd, ch->name, 0);
	port->ops = NULL;
	free(ch);
}
