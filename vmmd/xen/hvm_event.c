// SPDX-License-Identifier: GPL-2.0
/*
 * Event channels of guests whose hypercalls come by the hypervisor: the 2-level ABI.
 *
 * vmmd has the table of ports. The hypervisor is told of those that the guest
 * notifies often, so that EVTCHNOP_send does not come here: a back end's, by its
 * eventfd, and IPIs. It also makes events pending in the guest's memory and raises
 * the vCPU's upcall.
 */
#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/eventfd.h>
#include <xen/xen.h>
#include <xen/event_channel.h>

#include "vm.h"
#include "xen/hvm.h"
#include "xen/xen_internal.h"

#define PRIORITY ((u32)KVM_IRQ_ROUTING_XEN_EVTCHN_PRIO_2LEVEL)

static struct hvm_port *find(struct hvm *hvm, u32 port)
{
	return port && port < XEN_PORTS && hvm->port[port].state != EVTCHNSTAT_closed
		       ? &hvm->port[port]
		       : NULL;
}

static void set_state(struct hvm_port *p, u8 state)
{
	__atomic_store_n(&p->state, state, __ATOMIC_RELEASE);
}

/** hvm_events_reset() - the ports of a guest that is about to start */
void hvm_events_reset(struct hvm *hvm)
{
	u32 i;

	for (i = 0; i < XEN_PORTS; i++)
		hvm->port[i] = (struct hvm_port){.state = EVTCHNSTAT_closed, .fd = -1};
	hvm->port[XEN_PORT_STORE].state = EVTCHNSTAT_unbound;
	hvm->port[XEN_PORT_CONSOLE].state = EVTCHNSTAT_unbound;
}

/* ------------------------------------------------------------ the hypervisor's */

static int tell(struct hvm *hvm, u32 port, u32 flags)
{
	const struct hvm_port *p = &hvm->port[port];
	struct kvm_xen_hvm_attr attr = {
		.type = KVM_XEN_ATTR_TYPE_EVTCHN,
		.u.evtchn = {.send_port = port, .flags = flags, .type = p->state},
	};

	if (p->state == EVTCHNSTAT_ipi) {
		attr.u.evtchn.deliver.port.port = port;
		attr.u.evtchn.deliver.port.vcpu = p->vcpu;
		attr.u.evtchn.deliver.port.priority = PRIORITY;
	} else {
		attr.u.evtchn.deliver.eventfd.fd = p->fd;
	}
	return hvm_attr(hvm, &attr);
}

static int set_timer(struct hvm *hvm, u32 vcpu, u32 port)
{
	struct kvm_xen_vcpu_attr attr = {
		.type = KVM_XEN_VCPU_ATTR_TYPE_TIMER,
		.u.timer = {.port = port, .priority = PRIORITY},
	};

	return hvm_vcpu_attr(hvm, vcpu, &attr);
}

static void deliver(struct hvm *hvm, u32 port, u32 vcpu)
{
	struct kvm_irq_routing_xen_evtchn event = {
		.port = port,
		.vcpu = vcpu,
		.priority = PRIORITY,
	};

	/* Refused where the guest has no vcpu_info: it hears of nothing then. */
	hv_ioctl(hvm->xen->vm->hv.vm_fd, KVM_XEN_HVM_EVTCHN_SEND, &event);
}

/* ------------------------------------------------------------ back ends */

/** hvm_listen() - see struct xen_ops */
int hvm_listen(struct xen *xen, u32 port, int fd)
{
	struct hvm *hvm = xen->hvm;
	struct hvm_port *p;
	int ret = -EINVAL;

	pthread_mutex_lock(&hvm->lock);
	p = find(hvm, port);
	if (p && p->state == EVTCHNSTAT_unbound) {
		p->fd = fd;
		set_state(p, EVTCHNSTAT_interdomain);
		ret = tell(hvm, port, 0);
		if (ret) {
			p->fd = -1;
			set_state(p, EVTCHNSTAT_unbound);
		}
	}
	pthread_mutex_unlock(&hvm->lock);
	return ret;
}

/** hvm_unlisten() - see struct xen_ops */
void hvm_unlisten(struct xen *xen, u32 port, int fd)
{
	struct hvm *hvm = xen->hvm;
	struct hvm_port *p = &hvm->port[port];

	(void)fd;
	pthread_mutex_lock(&hvm->lock);
	if (p->state == EVTCHNSTAT_interdomain) {
		tell(hvm, port, KVM_XEN_EVTCHN_DEASSIGN);
		set_state(p, EVTCHNSTAT_unbound);
	}
	p->fd = -1;
	pthread_mutex_unlock(&hvm->lock);
}

/** hvm_raise() - see struct xen_ops */
void hvm_raise(struct xen *xen, u32 port)
{
	const struct hvm_port *p = &xen->hvm->port[port];

	/* The guest may have closed it, and use it for something else. */
	if (__atomic_load_n(&p->state, __ATOMIC_ACQUIRE) == EVTCHNSTAT_interdomain)
		deliver(xen->hvm, port, __atomic_load_n(&p->vcpu, __ATOMIC_RELAXED));
}

/* ------------------------------------------------------------ the guest's bits */

/* By words of 32 bits, which on x86 have the same bits as those of 64. */
static u32 *bits(struct hvm *hvm, size_t offset, u32 port, u32 *mask)
{
	*mask = 1U << port % 32;
	return (u32 *)(hvm->page[HVM_SHARED_INFO].at + offset) + port / 32;
}

static bool test_and_clear(struct hvm *hvm, size_t offset, u32 port)
{
	u32 mask, *word = bits(hvm, offset, port, &mask);

	return __atomic_fetch_and(word, ~mask, __ATOMIC_SEQ_CST) & mask;
}

#define PENDING offsetof(struct shared_info, evtchn_pending)
#define MASK	offsetof(struct shared_info, evtchn_mask)

/* ------------------------------------------------------------ operations */

/* A port that nobody has; one that a back end still listens to is not taken. */
static int take_port(struct hvm *hvm, u8 state, u32 vcpu, u32 *port)
{
	struct hvm_port *p;
	u32 i;

	for (i = 1; i < XEN_PORTS; i++) {
		p = &hvm->port[i];
		if (p->state != EVTCHNSTAT_closed || p->fd >= 0)
			continue;
		p->vcpu = (u16)vcpu;
		set_state(p, state);
		*port = i;
		return 0;
	}
	return -ENOSPC;
}

static s64 alloc_unbound(struct hvm_call *call, void *arg)
{
	struct evtchn_alloc_unbound *op = arg;

	if (!hvm_is_self(op->dom))
		return -EPERM;
	/* There is domain 0, and nobody else. */
	if (op->remote_dom)
		return -ESRCH;
	return take_port(call->hvm, EVTCHNSTAT_unbound, 0, &op->port);
}

/* Those that each vCPU has for itself (xen/xen.h). */
static bool is_of_vcpu(u32 virq)
{
	return virq == VIRQ_TIMER || virq == VIRQ_DEBUG || virq == VIRQ_XENOPROF ||
	       virq == VIRQ_XENPMU;
}

static s64 bind_virq(struct hvm_call *call, void *arg)
{
	struct evtchn_bind_virq *op = arg;
	struct hvm *hvm = call->hvm;
	const struct hvm_port *p;
	int ret;
	u32 i;

	if (op->virq >= NR_VIRQS || (op->vcpu && !is_of_vcpu(op->virq)))
		return -EINVAL;
	if (op->vcpu >= hvm->xen->vm->cfg.vcpus)
		return -ENOENT;
	for (i = 1; i < XEN_PORTS; i++) {
		p = &hvm->port[i];
		if (p->state == EVTCHNSTAT_virq && p->virq == op->virq && p->vcpu == op->vcpu)
			return -EEXIST;
	}
	ret = take_port(hvm, EVTCHNSTAT_virq, op->vcpu, &op->port);
	if (ret)
		return ret;
	hvm->port[op->port].virq = (u8)op->virq;
	if (op->virq == VIRQ_TIMER)
		ret = set_timer(hvm, op->vcpu, op->port);
	if (ret)
		set_state(&hvm->port[op->port], EVTCHNSTAT_closed);
	return ret;
}

static s64 bind_ipi(struct hvm_call *call, void *arg)
{
	struct evtchn_bind_ipi *op = arg;
	struct hvm *hvm = call->hvm;
	int ret;

	if (op->vcpu >= hvm->xen->vm->cfg.vcpus)
		return -ENOENT;
	ret = take_port(hvm, EVTCHNSTAT_ipi, op->vcpu, &op->port);
	if (ret)
		return ret;
	ret = tell(hvm, op->port, 0);
	if (ret)
		set_state(&hvm->port[op->port], EVTCHNSTAT_closed);
	return ret;
}

static s64 bind_vcpu(struct hvm_call *call, void *arg)
{
	const struct evtchn_bind_vcpu *op = arg;
	struct hvm_port *p = find(call->hvm, op->port);

	if (op->vcpu >= call->hvm->xen->vm->cfg.vcpus)
		return -ENOENT;
	if (!p || p->state == EVTCHNSTAT_ipi ||
	    (p->state == EVTCHNSTAT_virq && is_of_vcpu(p->virq)))
		return -EINVAL;
	__atomic_store_n(&p->vcpu, (u16)op->vcpu, __ATOMIC_RELAXED);
	return 0;
}

static s64 close_port(struct hvm_call *call, void *arg)
{
	const struct evtchn_close *op = arg;
	struct hvm *hvm = call->hvm;
	struct hvm_port *p = find(hvm, op->port);

	if (!p)
		return -EINVAL;
	if (p->state == EVTCHNSTAT_interdomain || p->state == EVTCHNSTAT_ipi)
		tell(hvm, op->port, KVM_XEN_EVTCHN_DEASSIGN);
	else if (p->state == EVTCHNSTAT_virq && p->virq == VIRQ_TIMER)
		set_timer(hvm, p->vcpu, 0);
	set_state(p, EVTCHNSTAT_closed);
	/* Whoever has the port next is not to find it pending. */
	test_and_clear(hvm, PENDING, op->port);
	return 0;
}

/* Those that the hypervisor knows it has served. */
static s64 send_event(struct hvm_call *call, void *arg)
{
	const struct evtchn_send *op = arg;
	const struct hvm_port *p = find(call->hvm, op->port);

	if (!p || p->state == EVTCHNSTAT_virq)
		return -EINVAL;
	if (p->state == EVTCHNSTAT_interdomain)
		eventfd_write(p->fd, 1);
	else if (p->state == EVTCHNSTAT_ipi)
		deliver(call->hvm, op->port, p->vcpu);
	return 0;
}

static s64 unmask(struct hvm_call *call, void *arg)
{
	const struct evtchn_unmask *op = arg;
	struct hvm *hvm = call->hvm;
	const struct hvm_port *p = find(hvm, op->port);

	if (!p)
		return -EINVAL;
	/* An event that came meanwhile comes again: to who has it pending it is none. */
	if (test_and_clear(hvm, MASK, op->port) && test_and_clear(hvm, PENDING, op->port))
		deliver(hvm, op->port, p->vcpu);
	return 0;
}

static s64 status(struct hvm_call *call, void *arg)
{
	struct evtchn_status *op = arg;
	const struct hvm_port *p;

	if (!hvm_is_self(op->dom))
		return -EPERM;
	if (!op->port || op->port >= XEN_PORTS)
		return -EINVAL;
	p = &call->hvm->port[op->port];
	op->status = p->state;
	op->vcpu = p->vcpu;
	memset(&op->u, 0, sizeof(op->u));
	if (p->state == EVTCHNSTAT_virq)
		op->u.virq = p->virq;
	return 0;
}

/* What is not here is not offered: other domains' channels, PIRQs, the FIFO ABI. */
static const struct {
	s64 (*serve)(struct hvm_call *call, void *arg);
	size_t len;
	bool answers;
} operations[] = {
	[EVTCHNOP_alloc_unbound] = {alloc_unbound, sizeof(struct evtchn_alloc_unbound), true},
	[EVTCHNOP_bind_ipi] = {bind_ipi, sizeof(struct evtchn_bind_ipi), true},
	[EVTCHNOP_bind_vcpu] = {bind_vcpu, sizeof(struct evtchn_bind_vcpu), false},
	[EVTCHNOP_bind_virq] = {bind_virq, sizeof(struct evtchn_bind_virq), true},
	[EVTCHNOP_close] = {close_port, sizeof(struct evtchn_close), false},
	[EVTCHNOP_send] = {send_event, sizeof(struct evtchn_send), false},
	[EVTCHNOP_status] = {status, sizeof(struct evtchn_status), true},
	[EVTCHNOP_unmask] = {unmask, sizeof(struct evtchn_unmask), false},
};

/** hvm_event_channel_op() - __HYPERVISOR_event_channel_op */
s64 hvm_event_channel_op(struct hvm_call *call)
{
	union {
		struct evtchn_alloc_unbound alloc;
		struct evtchn_bind_virq virq;
		struct evtchn_status status;
	} arg;
	u64 op = call->arg[0];
	s64 ret;

	if (op >= ARRAY_SIZE(operations) || !operations[op].serve)
		return -ENOSYS;
	if (hvm_get(call, call->arg[1], &arg, operations[op].len))
		return -EFAULT;
	pthread_mutex_lock(&call->hvm->lock);
	ret = operations[op].serve(call, &arg);
	pthread_mutex_unlock(&call->hvm->lock);
	if (!ret && operations[op].answers && hvm_put(call, call->arg[1], &arg, operations[op].len))
		return -EFAULT;
	return ret;
}
