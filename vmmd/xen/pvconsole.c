// SPDX-License-Identifier: GPL-2.0
/*
 * The console of a Xen guest (xen/io/console.h): two rings of characters in a
 * page that the domain builder has chosen, and an event channel. The guest may
 * change both at any time, so our indices are kept here and the guest's are
 * read once and checked.
 *
 * All of it runs in the main thread.
 */
#include <errno.h>
#include <stdint.h> /* before Xen's headers, which use it without including it */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xen/io/console.h>

#include "vm.h"
#include "xen/backends.h"
#include "xen/store.h"
#include "xen/xen.h"

/* As xl writes it: bytes that a console daemon may keep, and who it is. */
#define CONSOLE_LIMIT "1048576"
#define CONSOLE_TYPE  "xenconsoled"

/**
 * struct pvconsole - see above; main thread only
 * @dev: entry of the VM's list
 * @vm: constant
 * @con: far end, constant
 * @gpa: where the rings are
 * @port: the guest's event channel
 * @page: the rings, NULL before the guest's first start and after its end
 * @out_cons: characters of the guest's taken
 * @in_prod: characters given to the guest
 * @running: between start and stop
 * @broken: the guest has broken the rings' rules
 * @waiting: somebody has typed more than there was room for
 */
struct pvconsole {
	struct device dev;
	struct vm *vm;
	struct console *con;
	u64 gpa;
	u32 port;
	struct xencons_interface *page;
	XENCONS_RING_IDX out_cons;
	XENCONS_RING_IDX in_prod;
	bool running;
	bool broken;
	bool waiting;
};

static void give_up(struct pvconsole *c, const char *ring, u32 bytes)
{
	log_warn("%s: %u bytes in its %s ring: not served until the guest restarts", c->dev.name,
		 bytes, ring);
	c->broken = true;
}

/* What the guest has written. */
static void take_output(struct pvconsole *c)
{
	const struct xencons_interface *page = c->page;
	u32 len = __atomic_load_n(&page->out_prod, __ATOMIC_ACQUIRE) - c->out_cons;
	u32 at = MASK_XENCONS_IDX(c->out_cons, page->out);
	u32 part = sizeof(page->out) - at;

	if (len > sizeof(page->out)) {
		give_up(c, "output", len);
		return;
	}
	if (!len)
		return;
	if (part > len)
		part = len;
	console_output(c->con, page->out + at, part);
	console_output(c->con, page->out, len - part);
	c->out_cons += len;
	__atomic_store_n(&c->page->out_cons, c->out_cons, __ATOMIC_RELEASE);
	xen_evtchn_notify(c->vm->xen, c->port);
}

/* What users type: takes as much as there is room for. */
static size_t give_input(void *opaque, const u8 *buf, size_t len)
{
	struct pvconsole *c = opaque;
	struct xencons_interface *page = c->page;
	u32 used, at, part;

	c->waiting = true;
	if (!c->running || c->broken)
		return 0;
	used = c->in_prod - __atomic_load_n(&page->in_cons, __ATOMIC_ACQUIRE);
	if (used > sizeof(page->in)) {
		give_up(c, "input", used);
		return 0;
	}
	c->waiting = len > sizeof(page->in) - used;
	if (c->waiting)
		len = sizeof(page->in) - used;
	if (!len)
		return 0;
	at = MASK_XENCONS_IDX(c->in_prod, page->in);
	part = min_t(u32, len, sizeof(page->in) - at);
	memcpy(page->in + at, buf, part);
	memcpy(page->in, buf + part, len - part);
	c->in_prod += len;
	__atomic_store_n(&page->in_prod, c->in_prod, __ATOMIC_RELEASE);
	xen_evtchn_notify(c->vm->xen, c->port);
	return len;
}

static void work(void *opaque)
{
	struct pvconsole *c = opaque;

	if (!c->running || c->broken)
		return;
	take_output(c);
	if (c->waiting)
		console_input_ready(c->con);
}

/* The guest may read this, and programs of the host that know xl's consoles. */
static int describe(struct pvconsole *c)
{
	struct xenstore *store = xen_store(c->vm->xen);
	const char *pty = console_pty(c->con);
	char dir[64], ring_ref[24], port[16], path[96];
	const struct {
		const char *key;
		const char *value;
	} nodes[] = {
		{"ring-ref", ring_ref}, {"port", port},	   {"limit", CONSOLE_LIMIT},
		{"type", CONSOLE_TYPE}, {"output", "pty"}, {"tty", pty ? pty : ""},
	};
	int ret;

	snprintf(dir, sizeof(dir), "/local/domain/%u/console", XEN_DOMID);
	snprintf(ring_ref, sizeof(ring_ref), "%llu",
		 (unsigned long long)(c->gpa / GUEST_PAGE_SIZE));
	snprintf(port, sizeof(port), "%u", c->port);
	ret = xenstore_write(store, dir, "%s", "");
	if (!ret)
		ret = xenstore_set_perms(store, dir, 0, 'r');
	for (size_t i = 0; !ret && i < ARRAY_SIZE(nodes); i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, nodes[i].key);
		ret = xenstore_write(store, path, "%s", nodes[i].value);
	}
	return ret;
}

static int connect_rings(struct pvconsole *c)
{
	struct xencons_interface *page = mem_range(&c->vm->mem, c->gpa, GUEST_PAGE_SIZE);
	int ret;

	if (!page)
		return -EFAULT;
	ret = describe(c);
	if (!ret)
		ret = xen_evtchn_bind(c->vm->xen, c->port, c->vm->main_loop, work, c);
	if (!ret)
		c->page = page;
	return ret;
}

static int pvconsole_start(struct device *dev)
{
	struct pvconsole *c = container_of(dev, struct pvconsole, dev);
	int ret;

	if (c->running)
		return 0;
	ret = c->page ? 0 : connect_rings(c);
	if (ret) {
		log_err("%s: cannot start: %s", dev->name, strerror(-ret));
		return ret;
	}
	c->running = true;
	/* What came while nobody was to touch the rings. */
	work(c);
	return 0;
}

static void pvconsole_stop(struct device *dev)
{
	container_of(dev, struct pvconsole, dev)->running = false;
}

static void pvconsole_reset(struct device *dev)
{
	struct pvconsole *c = container_of(dev, struct pvconsole, dev);

	if (c->page)
		xen_evtchn_unbind(c->vm->xen, c->port);
	c->page = NULL;
}

static void pvconsole_destroy(struct device *dev)
{
	struct pvconsole *c = container_of(dev, struct pvconsole, dev);

	pvconsole_reset(dev);
	c->vm->pvconsole = NULL;
	console_destroy(c->con);
	free(c);
}

void pvconsole_set_ring(struct vm *vm, u64 gpa, u32 port)
{
	struct pvconsole *c = vm->pvconsole;

	c->gpa = gpa;
	c->port = port;
	c->out_cons = 0;
	c->in_prod = 0;
	c->broken = false;
}

void pvconsole_adopt_ring(struct vm *vm, u64 gpa, u32 port)
{
	const struct xencons_interface *page = mem_range(&vm->mem, gpa, GUEST_PAGE_SIZE);
	struct pvconsole *c = vm->pvconsole;

	pvconsole_set_ring(vm, gpa, port);
	/* Ours, and where they were left: whoever had the page last is as good as we. */
	c->out_cons = page->out_cons;
	c->in_prod = page->in_prod;
}

int pvconsole_create(struct vm *vm)
{
	struct pvconsole *c = calloc(1, sizeof(*c));

	if (!c) {
		log_err("pvconsole: out of memory");
		return -ENOMEM;
	}
	c->vm = vm;
	c->con = console_create(vm, CONSOLE_PV);
	if (!c->con) {
		free(c);
		return -ENOMEM;
	}
	console_set_input(c->con, give_input, c);
	c->dev = (struct device){
		.name = "pvconsole",
		.start = pvconsole_start,
		.stop = pvconsole_stop,
		.reset = pvconsole_reset,
		.destroy = pvconsole_destroy,
	};
	vm->pvconsole = c;
	vm_add_device(vm, &c->dev);
	return 0;
}
