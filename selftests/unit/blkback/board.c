// SPDX-License-Identifier: GPL-2.0
/* See board.h. What a back end asks of the rest of vmmd. */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "board.h"
#include "loop.h"
#include "sandbox.h"
#include "xen/backends.h"
#include "xen/store.h"

#define KEYS_MAX  64
#define VALUE_MAX 64

struct vm vm;
struct device *device;
struct xenbus_dev *xenbus;
char fail_reason[128];
char disk_path[64];
u8 *guest;
u32 maps;
u32 bound;
u32 notified[PORTS];
bool readonly_grant[GRANTS];
bool no_uring;
bool no_holes;
bool slow_uring;
u32 uring_fences;
u32 uring_crossed;

struct key {
	char name[VALUE_MAX];
	char value[VALUE_MAX];
};

struct port {
	struct loop *loop;
	xen_event_fn fn;
	void *opaque;
	int fd;
};

static struct key front_keys[KEYS_MAX], back_keys[KEYS_MAX];
static struct port port[PORTS];
static pthread_mutex_t grant_lock = PTHREAD_MUTEX_INITIALIZER;
static u32 mapped[GRANTS][2];
static u32 submitted;

/* ----------------------------------------------------------------- the rest */

int sandbox_thread(enum sandbox_role role)
{
	(void)role;
	return 0;
}

void vm_request(struct vm *v, enum vm_event event, const char *reason)
{
	(void)v;
	(void)event;
	(void)reason;
	abort();
}

void vm_add_device(struct vm *v, struct device *dev)
{
	dev->next = v->devices;
	v->devices = dev;
}

/* ---------------------------------------------------------------- the kernel */

int __real_io_uring_queue_init(unsigned int entries, struct io_uring *ring, unsigned int flags);
int __real_io_uring_submit(struct io_uring *ring);
int __wrap_io_uring_queue_init(unsigned int entries, struct io_uring *ring, unsigned int flags);
int __wrap_io_uring_submit(struct io_uring *ring);
int __real_fallocate(int fd, int mode, off_t offset, off_t len);
int __wrap_fallocate(int fd, int mode, off_t offset, off_t len);

int __wrap_io_uring_queue_init(unsigned int entries, struct io_uring *ring, unsigned int flags)
{
	submitted = 0;
	return no_uring ? -ENOSYS : __real_io_uring_queue_init(entries, ring, flags);
}

int __wrap_fallocate(int fd, int mode, off_t offset, off_t len)
{
	if (!no_holes)
		return __real_fallocate(fd, mode, offset, len);
	errno = EOPNOTSUPP;
	return -1;
}

/*
 * What a barrier makes of itself finds nothing in flight, and what comes next
 * finds it done.
 */
int __wrap_io_uring_submit(struct io_uring *ring)
{
	static bool after_fence;
	u32 n = ring->sq.sqe_tail - ring->sq.sqe_head;
	bool idle = submitted == *ring->cq.khead;

	if (after_fence && !idle)
		uring_crossed++;
	after_fence = false;
	for (u32 i = ring->sq.sqe_head; i != ring->sq.sqe_tail; i++) {
		struct io_uring_sqe *sqe = &ring->sq.sqes[i & *ring->sq.kring_mask];

		if (slow_uring)
			sqe->flags |= IOSQE_ASYNC;
		if (sqe->opcode != IORING_OP_FSYNC && !(sqe->rw_flags & RWF_DSYNC))
			continue;
		uring_fences++;
		after_fence = true;
		if (!idle || n != 1)
			uring_crossed++;
	}
	submitted += n;
	return __real_io_uring_submit(ring);
}

/* -------------------------------------------------------------------- grants */

void *xen_grant_map(struct xen *xen, u32 ref, bool write)
{
	(void)xen;
	if (ref < GRANT_BASE || ref >= GRANTS || (write && readonly_grant[ref]))
		return NULL;
	pthread_mutex_lock(&grant_lock);
	mapped[ref][write]++;
	maps++;
	pthread_mutex_unlock(&grant_lock);
	return page(ref - GRANT_BASE);
}

void xen_grant_unmap(struct xen *xen, u32 ref, bool write)
{
	(void)xen;
	pthread_mutex_lock(&grant_lock);
	if (ref >= GRANTS || !mapped[ref][write])
		abort();
	mapped[ref][write]--;
	maps--;
	pthread_mutex_unlock(&grant_lock);
}

/* ------------------------------------------------------------ event channels */

static void port_ready(void *opaque, u32 events)
{
	struct port *p = opaque;
	eventfd_t count;

	(void)events;
	eventfd_read(p->fd, &count);
	p->fn(p->opaque);
}

int xen_evtchn_bind(struct xen *xen, u32 nr, struct loop *loop, xen_event_fn fn, void *opaque)
{
	struct port *p = &port[nr % PORTS];

	(void)xen;
	if (nr < PORT_BASE || nr >= PORTS)
		return -EINVAL;
	if (p->fn || nr == PORT_TAKEN)
		return -EBUSY;
	*p = (struct port){loop, fn, opaque, eventfd(0, EFD_NONBLOCK)};
	if (loop_add_fd(loop, p->fd, EPOLLIN, port_ready, p))
		abort();
	bound++;
	return 0;
}

void xen_evtchn_unbind(struct xen *xen, u32 nr)
{
	struct port *p = &port[nr];

	(void)xen;
	if (nr >= PORTS || !p->fn)
		abort();
	loop_del_fd(p->loop, p->fd);
	close(p->fd);
	p->fn = NULL;
	bound--;
}

void xen_evtchn_notify(struct xen *xen, u32 nr)
{
	(void)xen;
	if (nr >= PORTS || !port[nr].fn)
		abort();
	__atomic_fetch_add(&notified[nr], 1, __ATOMIC_SEQ_CST);
}

/* The guest notifies: by the back end's thread, or before this returns. */
void board_notify(u32 nr)
{
	eventfd_write(port[nr].fd, 1);
}

void board_call(u32 nr)
{
	if (port[nr].fn)
		port[nr].fn(port[nr].opaque);
}

/* ------------------------------------------------------------------ xenstore */

static struct key *find_key(struct key *keys, const char *name, bool make)
{
	for (u32 i = 0; i < KEYS_MAX; i++) {
		if (!strcmp(keys[i].name, name))
			return &keys[i];
		if (!keys[i].name[0]) {
			if (!make)
				return NULL;
			snprintf(keys[i].name, sizeof(keys[i].name), "%s", name);
			return &keys[i];
		}
	}
	abort();
}

static void set_key(struct key *keys, const char *name, const char *fmt, va_list ap)
{
	struct key *key = find_key(keys, name, true);

	vsnprintf(key->value, sizeof(key->value), fmt, ap);
}

void front_clear(void)
{
	memset(front_keys, 0, sizeof(front_keys));
}

void front_set(const char *name, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	set_key(front_keys, name, fmt, ap);
	va_end(ap);
}

/* An entry without value stands for none, so that the list has no holes. */
void front_unset(const char *name)
{
	find_key(front_keys, name, true)->value[0] = '\0';
}

static const char *get_key(struct key *keys, const char *name)
{
	struct key *key = find_key(keys, name, false);

	return key && key->value[0] ? key->value : NULL;
}

const char *front_get(const char *name)
{
	return get_key(front_keys, name);
}

const char *back_get(const char *name)
{
	const char *value = get_key(back_keys, name);

	return value ? value : "";
}

struct xenstore *xen_store(struct xen *xen)
{
	(void)xen;
	return NULL;
}

int xenstore_write(struct xenstore *xs, const char *path, const char *fmt, ...)
{
	va_list ap;

	(void)xs;
	if (!xenbus || strncmp(path, xenbus->frontend, strlen(xenbus->frontend)))
		abort();
	va_start(ap, fmt);
	set_key(front_keys, path + strlen(xenbus->frontend) + 1, fmt, ap);
	va_end(ap);
	return 0;
}

/* -------------------------------------------------------------------- xenbus */

int xenbus_add(struct xenbus_dev *dev)
{
	if (xenbus || dev->connected || dev->failed)
		abort();
	snprintf(dev->frontend, sizeof(dev->frontend), "/front/%s/%u", dev->type, dev->id);
	xenbus = dev;
	return dev->ops->advertise(dev);
}

void xenbus_remove(struct xenbus_dev *dev)
{
	if (dev != xenbus)
		abort();
	board_disconnect();
	xenbus = NULL;
}

void xenbus_fail(struct xenbus_dev *dev, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(fail_reason, sizeof(fail_reason), fmt, ap);
	va_end(ap);
	dev->failed = true;
	board_disconnect();
}

int xenbus_read_u32(struct xenbus_dev *dev, const char *name, u32 *value)
{
	const char *text = front_get(name);
	char *end;

	if (dev != xenbus)
		abort();
	if (!text)
		return -ENOENT;
	*value = strtoul(text, &end, 10);
	return *end ? -EINVAL : 0;
}

char *xenbus_read(struct xenbus_dev *dev, const char *name)
{
	const char *text = front_get(name);

	if (dev != xenbus)
		abort();
	return text ? strdup(text) : NULL;
}

int xenbus_write(struct xenbus_dev *dev, const char *name, const char *fmt, ...)
{
	va_list ap;

	if (dev != xenbus)
		abort();
	va_start(ap, fmt);
	set_key(back_keys, name, fmt, ap);
	va_end(ap);
	return 0;
}

int board_connect(void)
{
	int ret = xenbus->ops->connect(xenbus);

	xenbus->connected = !ret;
	return ret;
}

void board_disconnect(void)
{
	if (!xenbus->connected)
		return;
	xenbus->connected = false;
	xenbus->ops->disconnect(xenbus);
}

/* ----------------------------------------------------------------- the board */

struct config_disk board_disk(void)
{
	return (struct config_disk){.path = disk_path, .vdev = "xvda", .discard = true};
}

static void make_guest(void)
{
	if (posix_memalign((void **)&guest, GUEST_PAGE_SIZE, GUEST_PAGES * GUEST_PAGE_SIZE))
		abort();
	memset(guest, 0, GUEST_PAGES * GUEST_PAGE_SIZE);
}

static void make_disk(void)
{
	int fd;

	strcpy(disk_path, "/tmp/blkback-unit.XXXXXX");
	fd = mkstemp(disk_path);
	if (fd < 0 || ftruncate(fd, DISK_SECTORS << DISK_SECTOR_SHIFT))
		abort();
	close(fd);
}

/* A guest with a disk that was never started. */
int board_create(const struct config_disk *cfg)
{
	if (!guest) {
		log_init("unit", false);
		make_guest();
	}
	if (!disk_path[0])
		make_disk();
	if (!vm.main_loop)
		vm.main_loop = loop_create();
	if (!vm.cfg.vcpus)
		vm.cfg.vcpus = 4;
	return blkback_create(&vm, cfg) ?: (device = vm.devices, 0);
}

void board_start(void)
{
	fail_reason[0] = '\0';
	if (device->start(device))
		abort();
}

/* As vm_destroy(), with the order of its calls. */
void board_destroy(void)
{
	struct device *d, *next;

	for (d = vm.devices; d; d = d->next) {
		d->stop(d);
		d->reset(d);
	}
	for (d = vm.devices; d; d = next) {
		next = d->next;
		d->destroy(d);
	}
	vm.devices = NULL;
	device = NULL;
	loop_destroy(vm.main_loop);
	vm.main_loop = NULL;
	if (disk_path[0])
		unlink(disk_path);
	disk_path[0] = '\0';
	memset(back_keys, 0, sizeof(back_keys));
	memset(readonly_grant, 0, sizeof(readonly_grant));
	memset(notified, 0, sizeof(notified));
	front_clear();
}

static void stop_turn(void *opaque)
{
	loop_stop(opaque);
}

/* The main loop does what was posted to it so far. */
void board_turn(void)
{
	loop_post(vm.main_loop, stop_turn, vm.main_loop);
	loop_run(vm.main_loop);
}

int disk_fd(void)
{
	static int fd = -1;

	if (fd >= 0)
		close(fd);
	fd = open(disk_path, O_RDWR | O_CLOEXEC);
	return fd;
}
