// SPDX-License-Identifier: GPL-2.0
/*
 * Consoles. See console.h.
 *
 * Output goes into a ring; every client is a cursor into it. The main loop
 * moves the cursors a moment after output began, so that a busy guest costs a
 * system call for many characters and not for each.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <termios.h>
#include <unistd.h>

#include "vm.h"

#define CONSOLE_FLUSH_NS (2 * 1000 * 1000)
#define CONSOLE_INPUT	 256
#define CONSOLE_CHUNK	 4096

/**
 * struct console_client - somebody who watches; main thread only
 * @con: the console
 * @fd: non-blocking
 * @is_pty: the console's own pty, which stays when its user goes
 * @active: on the main loop
 * @cursor: bytes of output seen, counted since the guest began
 * @events: epoll events waited for
 * @input: typed and not yet taken by the device
 * @input_len: bytes in @input
 * @next: link
 */
struct console_client {
	struct console *con;
	int fd;
	bool is_pty;
	bool active;
	u64 cursor;
	u32 events;
	u8 input[CONSOLE_INPUT];
	size_t input_len;
	struct console_client *next;
};

/**
 * struct console - see console.h
 * @vm: constant
 * @kind: constant
 * @input: constant after start-up
 * @input_opaque: constant after start-up
 * @clients: main thread only
 * @pty: client that stands for the pty, or NULL; constant
 * @pty_path: its slave; constant
 * @inotify_fd: tells when a program opens the slave; -1 without pty; constant
 * @flush: timer that runs console_flush(); constant
 * @lock: guards what follows
 * @total: bytes the guest has written; ring[total % size] is the next place
 * @watched: there are active clients
 * @flushing: @flush is armed
 * @ring: the last output
 */
struct console {
	struct vm *vm;
	enum console_kind kind;
	size_t (*input)(void *opaque, const u8 *buf, size_t len);
	void *input_opaque;
	struct console_client *clients;
	struct console_client *pty;
	char pty_path[64];
	int inotify_fd;
	struct loop_timer *flush;

	pthread_mutex_t lock;
	u64 total;
	bool watched;
	bool flushing;
	u8 ring[CONSOLE_RING_BYTES];
};

static void client_events(struct console_client *cl, u32 events)
{
	if (cl->events == events)
		return;
	cl->events = events;
	loop_mod_fd(cl->con->vm->main_loop, cl->fd, events);
}

static void console_count_watchers(struct console *con)
{
	struct console_client *cl;
	bool watched = false;

	for (cl = con->clients; cl; cl = cl->next)
		watched |= cl->active;
	pthread_mutex_lock(&con->lock);
	con->watched = watched;
	pthread_mutex_unlock(&con->lock);
}

/* Take a client off the loop; all but the pty end there. */
static void client_leave(struct console_client *cl)
{
	struct console *con = cl->con;
	struct console_client **link;

	if (cl->active)
		loop_del_fd(con->vm->main_loop, cl->fd);
	cl->active = false;
	cl->input_len = 0;
	console_count_watchers(con);
	if (cl->is_pty)
		return;

	for (link = &con->clients; *link != cl; link = &(*link)->next)
		;
	*link = cl->next;
	close(cl->fd);
	free(cl);
}

/* Copy what @cl has not seen; what fell out of the ring is lost to it. */
static size_t console_peek(struct console *con, struct console_client *cl, u8 *buf, size_t len)
{
	u64 avail, at;
	size_t part;

	pthread_mutex_lock(&con->lock);
	avail = con->total - cl->cursor;
	if (avail > CONSOLE_RING_BYTES) {
		avail = CONSOLE_RING_BYTES;
		cl->cursor = con->total - avail;
	}
	at = cl->cursor % CONSOLE_RING_BYTES;
	len = min_t(size_t, len, avail);
	part = min_t(size_t, len, CONSOLE_RING_BYTES - at);
	memcpy(buf, con->ring + at, part);
	memcpy(buf + part, con->ring, len - part);
	pthread_mutex_unlock(&con->lock);
	return len;
}

/* Bring a client up to date; false when it is gone. */
static bool client_send(struct console_client *cl)
{
	u8 buf[CONSOLE_CHUNK];
	ssize_t done;
	size_t len;

	while ((len = console_peek(cl->con, cl, buf, sizeof(buf)))) {
		done = write(cl->fd, buf, len);
		if (done < 0 && errno == EAGAIN) {
			client_events(cl, cl->events | EPOLLOUT);
			return true;
		}
		if (done < 0) {
			client_leave(cl);
			return false;
		}
		cl->cursor += (u64)done;
	}
	client_events(cl, cl->events & ~(u32)EPOLLOUT);
	return true;
}

static void console_flush(void *opaque)
{
	struct console *con = opaque;
	struct console_client *cl, *next;

	pthread_mutex_lock(&con->lock);
	con->flushing = false;
	pthread_mutex_unlock(&con->lock);

	for (cl = con->clients; cl; cl = next) {
		next = cl->next;
		if (cl->active)
			client_send(cl);
	}
}

/* Offer typed bytes to the device; reading pauses while it has no room. */
static void client_feed(struct console_client *cl)
{
	struct console *con = cl->con;
	size_t taken = cl->input_len;

	if (con->input)
		taken = con->input(con->input_opaque, cl->input, cl->input_len);
	cl->input_len -= taken;
	memmove(cl->input, cl->input + taken, cl->input_len);
	if (cl->input_len)
		client_events(cl, cl->events & ~(u32)EPOLLIN);
	else
		client_events(cl, cl->events | EPOLLIN);
}

static bool client_receive(struct console_client *cl)
{
	ssize_t len;

	len = read(cl->fd, cl->input, sizeof(cl->input));
	if (len < 0 && errno == EAGAIN)
		return true;
	if (len <= 0) {
		client_leave(cl);
		return false;
	}
	cl->input_len = (size_t)len;
	client_feed(cl);
	return true;
}

static void client_ready(void *opaque, u32 events)
{
	struct console_client *cl = opaque;

	if ((events & EPOLLIN) && (cl->events & EPOLLIN) && !client_receive(cl))
		return;
	if ((events & EPOLLOUT) && !client_send(cl))
		return;
	/* Nobody at the other end, and nothing left to read from there. */
	if ((events & (EPOLLHUP | EPOLLERR)) && !(events & EPOLLIN))
		client_leave(cl);
}

static int client_join(struct console_client *cl, bool backlog)
{
	struct console *con = cl->con;
	int ret;

	pthread_mutex_lock(&con->lock);
	cl->cursor = con->total;
	if (backlog)
		cl->cursor -= min_t(u64, con->total, CONSOLE_RING_BYTES);
	pthread_mutex_unlock(&con->lock);

	cl->events = EPOLLIN;
	ret = loop_add_fd(con->vm->main_loop, cl->fd, cl->events, client_ready, cl);
	if (ret)
		return ret;
	cl->active = true;
	console_count_watchers(con);
	client_send(cl);
	return 0;
}

int console_attach(struct console *con, int fd, bool backlog)
{
	struct console_client *cl;
	int ret;

	cl = calloc(1, sizeof(*cl));
	if (!cl || fcntl(fd, F_SETFL, O_NONBLOCK) < 0) {
		ret = -errno;
		goto fail;
	}
	cl->con = con;
	cl->fd = fd;
	cl->next = con->clients;
	con->clients = cl;
	ret = client_join(cl, backlog);
	if (ret)
		client_leave(cl);
	return ret;

fail:
	close(fd);
	free(cl);
	return ret;
}

static void console_feed_all(void *opaque)
{
	struct console *con = opaque;
	struct console_client *cl;

	for (cl = con->clients; cl; cl = cl->next)
		if (cl->active && cl->input_len)
			client_feed(cl);
}

void console_input_ready(struct console *con)
{
	loop_post(con->vm->main_loop, console_feed_all, con);
}

void console_set_input(struct console *con, size_t (*fn)(void *opaque, const u8 *buf, size_t len),
		       void *opaque)
{
	con->input = fn;
	con->input_opaque = opaque;
}

void console_output(struct console *con, const void *buf, size_t len)
{
	const u8 *src = buf;
	size_t at, part;
	bool arm;

	pthread_mutex_lock(&con->lock);
	while (len) {
		at = con->total % CONSOLE_RING_BYTES;
		part = min_t(size_t, len, CONSOLE_RING_BYTES - at);
		memcpy(con->ring + at, src, part);
		con->total += part;
		src += part;
		len -= part;
	}
	arm = con->watched && !con->flushing;
	con->flushing |= arm;
	pthread_mutex_unlock(&con->lock);

	if (arm)
		loop_timer_set(con->flush, CONSOLE_FLUSH_NS, 0);
}

const char *console_pty(const struct console *con)
{
	return con->pty ? con->pty_path : NULL;
}

/*
 * A pty's master reports hang-up for as long as no program has the slave
 * open, and says nothing when one comes: inotify does.
 */
static void console_pty_opened(void *opaque, u32 events)
{
	struct console *con = opaque;
	char buf[sizeof(struct inotify_event) + NAME_MAX + 1];

	(void)events;
	if (read(con->inotify_fd, buf, sizeof(buf)) > 0 && !con->pty->active)
		client_join(con->pty, true);
}

/* Raw from the start, whatever program opens the slave first. */
static int console_pty_prepare(const char *path)
{
	struct termios tio;
	int fd, ret;

	fd = open(path, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	ret = tcgetattr(fd, &tio);
	if (!ret) {
		cfmakeraw(&tio);
		ret = tcsetattr(fd, TCSANOW, &tio);
	}
	close(fd);
	return ret;
}

static int console_open_pty(struct console *con)
{
	struct console_client *cl;
	int ret;

	cl = calloc(1, sizeof(*cl));
	if (!cl)
		return -ENOMEM;
	cl->con = con;
	cl->is_pty = true;
	cl->fd = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
	if (cl->fd < 0 || grantpt(cl->fd) || unlockpt(cl->fd) ||
	    ptsname_r(cl->fd, con->pty_path, sizeof(con->pty_path)) ||
	    console_pty_prepare(con->pty_path))
		goto fail;

	con->inotify_fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (con->inotify_fd < 0 || inotify_add_watch(con->inotify_fd, con->pty_path, IN_OPEN) < 0)
		goto fail;
	ret = loop_add_fd(con->vm->main_loop, con->inotify_fd, EPOLLIN, console_pty_opened, con);
	if (ret) {
		errno = -ret;
		goto fail;
	}
	cl->next = con->clients;
	con->clients = cl;
	con->pty = cl;
	return 0;

fail:
	ret = -errno;
	if (con->inotify_fd >= 0)
		close(con->inotify_fd);
	con->inotify_fd = -1;
	if (cl->fd >= 0)
		close(cl->fd);
	free(cl);
	return ret;
}

struct console *console_create(struct vm *vm, enum console_kind kind)
{
	static const char *const names[] = {
		[CONSOLE_SERIAL] = "serial",
		[CONSOLE_VIRTIO] = "virtio",
		[CONSOLE_PV] = "pv",
	};
	struct console *con;
	int ret;

	con = calloc(1, sizeof(*con));
	if (!con)
		return NULL;
	con->vm = vm;
	con->kind = kind;
	con->inotify_fd = -1;
	pthread_mutex_init(&con->lock, NULL);
	con->flush = loop_timer_create(vm->main_loop, console_flush, con);
	if (!con->flush) {
		log_err("console: %s", strerror(errno));
		free(con);
		return NULL;
	}
	ret = console_open_pty(con);
	if (ret)
		log_warn("%s console: no pty, only 'hvctl console' will do: %s", names[kind],
			 strerror(-ret));
	else
		log_info("%s console: %s", names[kind], con->pty_path);
	vm->console[kind] = con;
	return con;
}

void console_destroy(struct console *con)
{
	struct console_client *cl, *next;

	if (!con)
		return;
	/* The guest's last words have waited for the timer. */
	console_flush(con);
	con->vm->console[con->kind] = NULL;
	if (con->inotify_fd >= 0) {
		loop_del_fd(con->vm->main_loop, con->inotify_fd);
		close(con->inotify_fd);
	}
	for (cl = con->clients; cl; cl = next) {
		next = cl->next;
		cl->is_pty = false;
		client_leave(cl);
	}
	loop_timer_destroy(con->flush);
	pthread_mutex_destroy(&con->lock);
	free(con);
}
