// SPDX-License-Identifier: GPL-2.0
/* See board.h. The first part is what the console asks of the rest of vmmd. */
#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "board.h"
#include "sandbox.h"
#include "xen/backends.h"
#include "xen/store.h"
#include "xen/xen.h"

struct vm vm;
struct device *device;
u32 notified;
u32 bound_port;
char perms[128];
int user = -1;

/* Stands for the guest's Xen side; only its address means something. */
static char xen_stub;
static xen_event_fn event_fn;
static void *event_opaque;

int sandbox_thread(enum sandbox_role role)
{
	(void)role;
	return 0;
}

void vm_add_device(struct vm *v, struct device *dev)
{
	(void)v;
	device = dev;
}

struct xenstore *xen_store(struct xen *xen)
{
	return (struct xenstore *)xen;
}

int xen_evtchn_bind(struct xen *xen, u32 port, struct loop *loop, xen_event_fn fn, void *opaque)
{
	(void)xen;
	if (loop != vm.main_loop || bound_port)
		abort();
	if (!port)
		return -EINVAL;
	if (port == PORT_TAKEN)
		return -EBUSY;
	bound_port = port;
	event_fn = fn;
	event_opaque = opaque;
	return 0;
}

void xen_evtchn_unbind(struct xen *xen, u32 port)
{
	(void)xen;
	if (port != bound_port)
		abort();
	bound_port = 0;
}

void xen_evtchn_notify(struct xen *xen, u32 port)
{
	(void)xen;
	if (port != bound_port)
		abort();
	notified++;
}

static struct {
	char path[96];
	char value[96];
} nodes[16];

int xenstore_write(struct xenstore *xs, const char *path, const char *fmt, ...)
{
	va_list ap;
	u32 i = 0;

	if ((void *)xs != &xen_stub)
		abort();
	while (nodes[i].path[0] && strcmp(nodes[i].path, path))
		i++;
	snprintf(nodes[i].path, sizeof(nodes[i].path), "%s", path);
	va_start(ap, fmt);
	vsnprintf(nodes[i].value, sizeof(nodes[i].value), fmt, ap);
	va_end(ap);
	return 0;
}

int xenstore_set_perms(struct xenstore *xs, const char *path, u32 owner, char other)
{
	(void)xs;
	if (!store_get(""))
		return -ENOENT;
	snprintf(perms, sizeof(perms), "%s %u %c", path, owner, other);
	return 0;
}

/* A node of the console's directory, or the directory for "". */
const char *store_get(const char *key)
{
	char path[96];

	snprintf(path, sizeof(path), "/local/domain/1/console%s%s", *key ? "/" : "", key);
	for (u32 i = 0; i < ARRAY_SIZE(nodes); i++) {
		if (!strcmp(nodes[i].path, path))
			return nodes[i].value;
	}
	return NULL;
}

/* ------------------------------------------------------------ the board */

static void stop_loop(void *opaque)
{
	loop_stop(opaque);
}

/* The main thread serves all there is, and what comes of it. */
void board_turn(void)
{
	for (u32 i = 0; i < 4; i++) {
		loop_post(vm.main_loop, stop_loop, vm.main_loop);
		loop_run(vm.main_loop);
	}
}

/* The guest has notified. */
void board_event(void)
{
	if (bound_port)
		event_fn(event_opaque);
	board_turn();
}

/* A user who attaches and sees the last output. */
static void attach(void)
{
	int sock[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, sock) ||
	    console_attach(vm.console[CONSOLE_PV], sock[0], false))
		abort();
	user = sock[1];
}

void board_start(void)
{
	memset(vm.mem.host, 0, BOARD_RAM);
	memset(nodes, 0, sizeof(nodes));
	pvconsole_set_ring(&vm, RING_GPA, RING_PORT);
	notified = 0;
	if (device->start(device))
		abort();
	board_turn();
}

void board_restart(void)
{
	u8 rest[4096];

	device->stop(device);
	device->reset(device);
	board_start();
	usleep(5000);
	board_turn();
	while (read(user, rest, sizeof(rest)) > 0)
		board_turn();
}

void board_create(void)
{
	log_init("unit", false);
	vm.xen = (struct xen *)&xen_stub;
	vm.main_loop = loop_create();
	if (!vm.main_loop || mem_create(&vm.mem, BOARD_RAM, 0) || pvconsole_create(&vm))
		abort();
	attach();
	board_start();
}

void board_destroy(void)
{
	device->stop(device);
	device->reset(device);
	device->destroy(device);
	if (bound_port || vm.console[CONSOLE_PV] || vm.pvconsole)
		abort();
	close(user);
	loop_destroy(vm.main_loop);
	mem_destroy(&vm.mem);
}

/* ------------------------------------------------------------ the guest */

struct xencons_interface *ring(void)
{
	return (struct xencons_interface *)(vm.mem.host + RING_GPA);
}

/* Writes what there is room for. */
size_t guest_write(const void *buf, size_t len)
{
	struct xencons_interface *r = ring();
	size_t done = 0;

	while (done < len && r->out_prod - r->out_cons < sizeof(r->out))
		r->out[MASK_XENCONS_IDX(r->out_prod++, r->out)] = ((const char *)buf)[done++];
	board_event();
	return done;
}

size_t guest_read(void *buf, size_t len)
{
	struct xencons_interface *r = ring();
	size_t done = 0;

	while (done < len && r->in_cons != r->in_prod)
		((char *)buf)[done++] = r->in[MASK_XENCONS_IDX(r->in_cons++, r->in)];
	board_event();
	return done;
}

/* ------------------------------------------------------------ the user */

/* Does exactly this come? */
bool user_reads(const void *buf, size_t len)
{
	static u8 got[16384];
	size_t done = 0;

	for (u32 i = 0; i < 100 && (done < len || i < 10); i++) {
		ssize_t n = read(user, got + done, sizeof(got) - done);

		if (n > 0)
			done += n;
		else
			usleep(1000);
		board_turn();
	}
	if (done == len && !memcmp(got, buf, len))
		return true;
	printf("# %zu bytes instead of %zu\n", done, len);
	return false;
}

bool user_types(const void *buf, size_t len)
{
	bool ok = write(user, buf, len) == (ssize_t)len;

	board_turn();
	return ok;
}
