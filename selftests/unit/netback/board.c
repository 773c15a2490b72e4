// SPDX-License-Identifier: GPL-2.0
/* See board.h: what the back end asks of the rest of vmmd. */
#include <errno.h>
#include <linux/if_tun.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "board.h"
#include "sandbox.h"
#include "xen/save.h"
#include "xen/backends.h"
#include "xen/store.h"

struct vm vm;
struct device *device;
struct xenbus_dev *xenbus;
char fail_reason[128];
u8 *guest[GUEST_PAGES];
bool readonly[GUEST_PAGES];
s64 maps;
u32 bound;
u32 notified[PORTS];
int peer = -1;
unsigned int tap_offloads;
bool tap_refuses;
bool no_xenbus;
struct config_vif *card_cfg = vm.cfg.vifs;

static enum net_kind port_kind;

/* ------------------------------------------------------------ the host's end */

int __wrap_ioctl(int fd, unsigned long request, ...);
int __wrap_ioctl(int fd, unsigned long request, ...)
{
	va_list ap;

	(void)fd;
	if (request != TUNSETOFFLOAD)
		abort();
	if (tap_refuses) {
		errno = EINVAL;
		return -1;
	}
	va_start(ap, request);
	tap_offloads = va_arg(ap, unsigned int);
	va_end(ap);
	return 0;
}

int net_port_open(const struct config_vif *vif, const char *name, struct net_port *port,
		  struct net_error *err)
{
	int type = port_kind == NET_TAP ? SOCK_SEQPACKET : SOCK_STREAM;
	int sock[2];

	(void)name;
	*port = (struct net_port){.fd = -1};
	if (vif->ifname[0]) {
		snprintf(err->text, sizeof(err->text), "no such luck");
		return -EPERM;
	}
	if (socketpair(AF_UNIX, type | SOCK_NONBLOCK, 0, sock))
		abort();
	*port = (struct net_port){.kind = port_kind, .fd = sock[0], .mtu = vif->mtu};
	peer = sock[1];
	return 0;
}

void net_port_close(struct net_port *port)
{
	if (port->fd >= 0)
		close(port->fd);
	port->fd = -1;
}

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

/* ------------------------------------------------------------ Xen */

/* Stands for the guest's Xen side; only its address means something. */
static char xen_stub;

struct xenstore *xen_store(struct xen *xen)
{
	return (struct xenstore *)xen;
}

static struct {
	int fd;
	xen_event_fn fn;
	void *opaque;
	struct loop *loop;
} binding[PORTS];

static void event_ready(void *opaque, u32 events)
{
	u64 port = (u64)opaque;
	eventfd_t count;

	(void)events;
	if (!eventfd_read(binding[port].fd, &count))
		binding[port].fn(binding[port].opaque);
}

u32 restore_vif_id(const struct vm *which, u32 index)
{
	(void)which;
	return index;
}

int xen_evtchn_bind(struct xen *xen, u32 port, struct loop *loop, xen_event_fn fn, void *opaque)
{
	(void)xen;
	if (!port || port >= PORTS)
		return -EINVAL;
	if (binding[port].fn || port == PORT_TAKEN)
		return -EBUSY;
	binding[port].fd = eventfd(0, EFD_NONBLOCK);
	binding[port].fn = fn;
	binding[port].opaque = opaque;
	binding[port].loop = loop;
	if (loop_add_fd(loop, binding[port].fd, EPOLLIN, event_ready, (void *)(u64)port))
		abort();
	bound++;
	return 0;
}

void xen_evtchn_unbind(struct xen *xen, u32 port)
{
	(void)xen;
	if (port >= PORTS || !binding[port].fn)
		abort();
	loop_del_fd(binding[port].loop, binding[port].fd);
	close(binding[port].fd);
	binding[port].fn = NULL;
	bound--;
}

void xen_evtchn_notify(struct xen *xen, u32 port)
{
	(void)xen;
	__atomic_fetch_add(&notified[port], 1, __ATOMIC_SEQ_CST);
}

/* The guest notifies. */
void board_notify(u32 port)
{
	if (binding[port].fn)
		eventfd_write(binding[port].fd, 1);
}

void *xen_grant_map(struct xen *xen, u32 ref, bool write)
{
	u32 page = ref - GRANT_BASE;

	(void)xen;
	if (page >= GUEST_PAGES || (write && readonly[page]))
		return NULL;
	__atomic_fetch_add(&maps, 1, __ATOMIC_SEQ_CST);
	return guest[page];
}

void xen_grant_unmap(struct xen *xen, u32 ref, bool write)
{
	(void)xen;
	(void)write;
	if (ref - GRANT_BASE >= GUEST_PAGES)
		abort();
	if (__atomic_fetch_sub(&maps, 1, __ATOMIC_SEQ_CST) <= 0)
		abort();
}

/* ------------------------------------------------------------ xenstore */

static struct node {
	char path[128];
	char value[64];
	struct node *next;
} * nodes;

static struct node **find(const char *path)
{
	struct node **link = &nodes;

	while (*link && strcmp((*link)->path, path))
		link = &(*link)->next;
	return link;
}

static void set(const char *path, const char *fmt, va_list ap)
{
	struct node **link = find(path);

	if (!*link) {
		*link = calloc(1, sizeof(struct node));
		snprintf((*link)->path, sizeof((*link)->path), "%s", path);
	}
	vsnprintf((*link)->value, sizeof((*link)->value), fmt, ap);
}

void store_set(const char *path, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	set(path, fmt, ap);
	va_end(ap);
}

const char *store_get(const char *path)
{
	struct node *node = *find(path);

	return node ? node->value : NULL;
}

void store_clear(void)
{
	struct node *node;

	while ((node = nodes)) {
		nodes = node->next;
		free(node);
	}
}

int xenstore_write(struct xenstore *xs, const char *path, const char *fmt, ...)
{
	va_list ap;

	if ((void *)xs != &xen_stub)
		abort();
	va_start(ap, fmt);
	set(path, fmt, ap);
	va_end(ap);
	return 0;
}

static const char *front_path(const char *key)
{
	static char path[128];

	snprintf(path, sizeof(path), "/local/domain/1/device/vif/0/%s", key);
	return path;
}

void front_set(const char *key, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	set(front_path(key), fmt, ap);
	va_end(ap);
}

void front_unset(const char *key)
{
	struct node **link = find(front_path(key));
	struct node *node = *link;

	if (node) {
		*link = node->next;
		free(node);
	}
}

const char *front_get(const char *key)
{
	return store_get(front_path(key));
}

const char *back_get(const char *key)
{
	char path[128];

	snprintf(path, sizeof(path), "/local/domain/0/backend/vif/1/0/%s", key);
	return store_get(path);
}

/* ------------------------------------------------------------ xenbus */

int xenbus_add(struct xenbus_dev *dev)
{
	snprintf(dev->frontend, sizeof(dev->frontend), "/local/domain/1/device/%s/%u", dev->type,
		 dev->id);
	snprintf(dev->backend, sizeof(dev->backend), "/local/domain/0/backend/%s/1/%u", dev->type,
		 dev->id);
	if (no_xenbus)
		return -ENOMEM;
	xenbus = dev;
	return dev->ops->advertise(dev);
}

static void disconnect(struct xenbus_dev *dev)
{
	if (dev->connected)
		dev->ops->disconnect(dev);
	dev->connected = false;
}

void xenbus_remove(struct xenbus_dev *dev)
{
	disconnect(dev);
	xenbus = NULL;
}

void xenbus_fail(struct xenbus_dev *dev, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(fail_reason, sizeof(fail_reason), fmt, ap);
	va_end(ap);
	dev->failed = true;
	disconnect(dev);
}

int xenbus_read_u32(struct xenbus_dev *dev, const char *key, u32 *value)
{
	const char *text;
	char path[160];
	char *end;

	snprintf(path, sizeof(path), "%s/%s", dev->frontend, key);
	text = store_get(path);
	if (!text)
		return -ENOENT;
	*value = strtoul(text, &end, 10);
	return *text && !*end ? 0 : -EINVAL;
}

int xenbus_write(struct xenbus_dev *dev, const char *key, const char *fmt, ...)
{
	char path[160];
	va_list ap;

	snprintf(path, sizeof(path), "%s/%s", dev->backend, key);
	va_start(ap, fmt);
	set(path, fmt, ap);
	va_end(ap);
	return 0;
}

int board_connect(void)
{
	int ret;

	fail_reason[0] = '\0';
	xenbus->failed = false;
	ret = xenbus->ops->connect(xenbus);
	xenbus->connected = !ret;
	if (!ret != !xenbus->failed)
		abort();
	return ret;
}

void board_disconnect(void)
{
	disconnect(xenbus);
}

/* ------------------------------------------------------------ the board */

static void stop_loop(void *opaque)
{
	loop_stop(opaque);
}

/* The main thread does what was left to it. */
void board_turn(void)
{
	loop_post(vm.main_loop, stop_loop, vm.main_loop);
	loop_run(vm.main_loop);
}

/* The guest is switched off and on. */
void board_restart(void)
{
	device->stop(device);
	device->reset(device);
	store_clear();
	fail_reason[0] = '\0';
	if (device->start(device))
		abort();
}

/* Waits until the I/O thread has nothing more to do. */
void board_wait_idle(void)
{
	usleep(20000);
}

void board_create(enum net_kind kind)
{
	port_kind = kind;
	log_init("unit", false);
	vm.cfg.vcpus = 8;
	vm.xen = (struct xen *)&xen_stub;
	vm.main_loop = loop_create();
	for (u32 i = 0; i < GUEST_PAGES; i++) {
		/* Each on its own, for ASan to guard its ends. */
		guest[i] = calloc(1, GUEST_PAGE_SIZE);
		readonly[i] = false;
	}
	fail_reason[0] = '\0';
	memcpy(card_cfg->mac, "\x00\x16\x3e\x01\x02\x03", 6);
	if (!vm.main_loop || netback_create(&vm, card_cfg) || device->start(device))
		abort();
}

void board_destroy(void)
{
	device->stop(device);
	device->reset(device);
	device->destroy(device);
	if (maps || bound)
		abort();
	device = NULL;
	close(peer);
	store_clear();
	loop_destroy(vm.main_loop);
	for (u32 i = 0; i < GUEST_PAGES; i++)
		free(guest[i]);
}
