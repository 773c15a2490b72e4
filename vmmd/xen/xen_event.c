// SPDX-License-Identifier: GPL-2.0
/*
 * Event channels, vmmd's end. From the guest: the shim's doorbell port, whose
 * value is the port's number, signals the eventfd of whoever is bound to it. To
 * the guest: a bit in struct shim_events, and an interrupt by irqfd.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "vm.h"
#include "xen/core.h"
#include "xen/xen_internal.h"

#define MSI_ADDRESS  0xfee00000ULL
#define MSI_DEST(id) ((u64)(id) << 12)

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
	ret = ioeventfd_attach(xen->vm, SHIM_PORT_EVENT, 4, port,
			       IOEVENTFD_PIO | IOEVENTFD_DATAMATCH, b->fd);
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
	ioeventfd_detach(xen->vm, SHIM_PORT_EVENT, 4, port, IOEVENTFD_PIO | IOEVENTFD_DATAMATCH,
			 b->fd);
	loop_del_fd(b->loop, b->fd);
	close(b->fd);
	free(b);
}

void xen_evtchn_notify(struct xen *xen, u32 port)
{
	struct shim_events *e = mem_range(&xen->vm->mem, xen->places.events, sizeof(*e));
	u32 vcpu;

	if (!e || port >= XEN_PORTS)
		return;
	vcpu = __atomic_load_n(&e->vcpu[port], __ATOMIC_RELAXED);
	if (vcpu >= xen->vm->cfg.vcpus)
		vcpu = 0;
	/* The bit before the word's, and both before the interrupt: see the shim. */
	__atomic_fetch_or(&e->pending[port / 64], 1ULL << (port % 64), __ATOMIC_SEQ_CST);
	__atomic_fetch_or(&e->summary, 1ULL << (port / 64), __ATOMIC_SEQ_CST);
	eventfd_write(xen->call[vcpu].fd, 1);
}

void xen_send_nmi(struct vm *vm, u32 vcpu)
{
	irq_msi_send(vm, MSI_ADDRESS | MSI_DEST(vcpu), SHIM_VEC_NMI);
}

/**
 * xen_events_connect() - let vmmd interrupt the vCPUs
 * @xen: the guest's Xen side, powered on
 *
 * Return: 0 or a negative errno.
 */
int xen_events_connect(struct xen *xen)
{
	struct xen_call *call;
	int ret;
	u32 i;

	for (i = 0; i < xen->vm->cfg.vcpus; i++) {
		call = &xen->call[i];
		ret = irq_msi_route(xen->vm, MSI_ADDRESS | MSI_DEST(i), SHIM_VEC_EVENT);
		if (ret < 0)
			goto err;
		call->gsi = ret;
		ret = irqfd_attach(xen->vm, (u32)call->gsi, call->fd, -1);
		if (ret) {
			irq_msi_unroute(xen->vm, (u32)call->gsi);
			call->gsi = -1;
			goto err;
		}
	}
	return 0;
err:
	xen_events_disconnect(xen);
	return ret;
}

/** xen_events_disconnect() - the reverse; harmless when not connected */
void xen_events_disconnect(struct xen *xen)
{
	struct xen_call *call;
	u32 i;

	for (i = 0; i < xen->vm->cfg.vcpus; i++) {
		call = &xen->call[i];
		if (call->gsi < 0)
			continue;
		irqfd_detach(xen->vm, (u32)call->gsi, call->fd);
		irq_msi_unroute(xen->vm, (u32)call->gsi);
		call->gsi = -1;
	}
}
