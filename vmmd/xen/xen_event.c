// SPDX-License-Identifier: GPL-2.0
/* Event channels, vmmd's end: back ends that listen to a port of the guest's. */
#include <errno.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "vm.h"
#include "xen/xen_internal.h"

static void event_ready(void *opaque, u32 events)
{
	struct xen_binding *b = opaque;
	eventfd_t count;

	(void)events;
	if (!eventfd_read(b->fd, &count))
		b->fn(b->opaque);
}

int xen_evtchn_bind(struct xen *xen, u32 port, struct loop *loop, xen_event_fn fn, void *opaque)
{
	struct xen_binding *b;
	int ret;

	if (port == 0 || port >= XEN_PORTS)
		return -EINVAL;
	if (xen->binding[port])
		return -EBUSY;
	b = calloc(1, sizeof(*b));
	if (!b)
		return -ENOMEM;
	*b = (struct xen_binding){.loop = loop, .fn = fn, .opaque = opaque};
	b->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (b->fd < 0) {
		ret = -errno;
		goto err_free;
	}
	ret = loop_add_fd(loop, b->fd, EPOLLIN, event_ready, b);
	if (ret)
		goto err_close;
	ret = xen->ops->listen(xen, port, b->fd);
	if (ret)
		goto err_loop;
	xen->binding[port] = b;
	/* What the guest sent before somebody listened. */
	eventfd_write(b->fd, 1);
	return 0;

err_loop:
	loop_del_fd(loop, b->fd);
err_close:
	close(b->fd);
err_free:
	free(b);
	return ret;
}

void xen_evtchn_unbind(struct xen *xen, u32 port)
{
	struct xen_binding *b = port < XEN_PORTS ? xen->binding[port] : NULL;

	if (!b)
		return;
	xen->binding[port] = NULL;
	xen->ops->unlisten(xen, port, b->fd);
	loop_del_fd(b->loop, b->fd);
	close(b->fd);
	free(b);
}

void xen_evtchn_notify(struct xen *xen, u32 port)
{
	if (port < XEN_PORTS)
		xen->ops->raise(xen, port);
}
