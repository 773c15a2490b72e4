// SPDX-License-Identifier: GPL-2.0
/*
 * Event channels (xen/event_channel.h): those of two levels here, with fifo.c those
 * of the FIFO ABI.
 *
 * The other end of every channel between domains is vmmd: a notification from
 * the guest is a doorbell, one to the guest comes as a bit in struct
 * shim_events and an interrupt. All else stays among the guest's vCPUs.
 */
#include "shim.h"

#include <xen/event_channel.h>

/* The local APIC's registers as MSRs (SDM vol. 3, 11.12.1.2). */
#define X2APIC_EOI 0x80b
#define X2APIC_ICR 0x830 /* vector, destination in the upper half */

enum port_state { PORT_FREE, PORT_UNBOUND, PORT_DOMAIN, PORT_VIRQ, PORT_IPI, PORT_RESERVED };

/**
 * struct port - an event channel
 * @state: what it is
 * @vcpu: whom it interrupts
 * @virq: which, for PORT_VIRQ
 */
struct port {
	u8 state;
	u8 vcpu;
	u8 virq;
};

/* Guarded by ports_lock; @vcpu is read without it. */
static struct port ports[SHIM_PORTS];
static u8 ports_lock;

/* Ports of each vCPU's VIRQs, 0 for none. */
static u16 virq_port[SHIM_VCPUS_MAX][NR_VIRQS];

static struct shim_events *events(void)
{
	return ram(shim_info.events);
}

void event_kick(u32 id, u32 vector)
{
	wrmsr(X2APIC_ICR, (u64)id << 32 | vector);
}

static void set_vcpu(u32 port, u32 vcpu)
{
	ports[port].vcpu = (u8)vcpu;
	events()->vcpu[port] = (u8)vcpu;
}

/**
 * event_init() - the channels that the guest starts with
 */
void event_init(void)
{
	ports[0].state = PORT_RESERVED;
	ports[SHIM_PORT_STORE].state = PORT_DOMAIN;
	ports[SHIM_PORT_CONSOLE].state = PORT_DOMAIN;
}

/* Back to the 2-level ABI with no channel; what other vCPUs raise meanwhile may be lost. */
static void close_all(void)
{
	u32 i;

	for (i = 0; i < SHIM_PORTS; i++) {
		ports[i] = (struct port){0};
		set_vcpu(i, 0);
	}
	ports[0].state = PORT_RESERVED;
	__builtin_memset(virq_port, 0, sizeof(virq_port));
	fifo_restored();
	for (i = 0; i < shim_info.nr_vcpus; i++)
		__atomic_store_n(&vcpu_of(i)->info->evtchn_pending_sel, 0, __ATOMIC_SEQ_CST);
	__builtin_memset(shared()->evtchn_pending, 0, sizeof(shared()->evtchn_pending));
}

/**
 * event_restored() - the guest was saved, and has the channels of a new one
 *
 * All are masked. Those that it starts with are pending, for what vmmd may have
 * raised on them before this.
 */
void event_restored(void)
{
	struct shared_info *s = shared();

	close_all();
	event_init();
	__builtin_memset(s->evtchn_mask, 0xff, sizeof(s->evtchn_mask));
	test_and_set_bit((u64 *)s->evtchn_pending, SHIM_PORT_STORE);
	test_and_set_bit((u64 *)s->evtchn_pending, SHIM_PORT_CONSOLE);
}

/* Have a vCPU take its upcall; it may be this one. */
static void upcall(struct vcpu *v, struct vcpu *target)
{
	__atomic_store_n(&target->info->evtchn_upcall_pending, 1, __ATOMIC_SEQ_CST);
	if (target != v)
		event_kick(target->id, SHIM_VEC_EVENT);
}

/* A pending port is not masked: tell its vCPU. */
static void select(struct vcpu *v, struct vcpu *target, u32 port)
{
	if (!test_and_set_bit((u64 *)&target->info->evtchn_pending_sel, port / 64))
		upcall(v, target);
}

/* A port that is masked is waited for all the same. */
static void wake_poller(struct vcpu *v, struct vcpu *target)
{
	if (target != v && __atomic_load_n(&target->polling, __ATOMIC_SEQ_CST))
		event_kick(target->id, SHIM_VEC_EVENT);
}

/**
 * event_raise() - make a port pending
 * @v: the calling vCPU
 * @port: which
 */
void event_raise(struct vcpu *v, u32 port)
{
	struct vcpu *target = vcpu_of(ports[port].vcpu);
	struct shared_info *s = shared();
	bool tell;

	if (fifo_in_use() && fifo_set_pending(port, target->id, &tell)) {
		if (tell)
			upcall(v, target);
		else
			wake_poller(v, target);
		return;
	}
	if (test_and_set_bit((u64 *)s->evtchn_pending, port))
		return;
	if (!test_bit((u64 *)s->evtchn_mask, port))
		select(v, target, port);
	else
		wake_poller(v, target);
}

/** event_is_pending() - a port, masked or not */
bool event_is_pending(u32 port)
{
	return fifo_in_use() ? fifo_is_pending(port)
			     : test_bit((u64 *)shared()->evtchn_pending, port);
}

/** event_raise_virq() - the same for a VIRQ of the calling vCPU, if it is bound */
void event_raise_virq(struct vcpu *v, u32 virq)
{
	u32 port = virq_port[v->id][virq];

	if (port)
		event_raise(v, port);
}

/**
 * event_take() - take what vmmd has raised
 * @v: the calling vCPU
 *
 * Any vCPU may: the ports need not be its own.
 */
void event_take(struct vcpu *v)
{
	struct shim_events *e = events();
	u64 words = __atomic_exchange_n(&e->summary, 0, __ATOMIC_SEQ_CST), bits;
	u32 word, port;

	for (; words; words &= words - 1) {
		word = (u32)__builtin_ctzl(words);
		bits = __atomic_exchange_n(&e->pending[word], 0, __ATOMIC_SEQ_CST);
		for (; bits; bits &= bits - 1) {
			port = word * 64 + (u32)__builtin_ctzl(bits);
			event_raise(v, port);
		}
	}
}

/**
 * event_info_moved() - a vCPU has a new struct vcpu_info
 * @v: the vCPU
 *
 * Whatever was raised meanwhile is looked for once more.
 */
void event_info_moved(struct vcpu *v)
{
	__atomic_store_n(&v->info->evtchn_pending_sel, ~0UL, __ATOMIC_SEQ_CST);
	__atomic_store_n(&v->info->evtchn_upcall_pending, 1, __ATOMIC_SEQ_CST);
}

/** event_end_of_interrupt() - the local APIC's interrupt has been taken */
void event_end_of_interrupt(void)
{
	wrmsr(X2APIC_EOI, 0);
}

/**
 * interrupt() - from entry.S: one of the shim's own
 * @v: the vCPU
 * @vector: SHIM_VEC_*
 */
void interrupt(struct vcpu *v, u32 vector)
{
	event_end_of_interrupt();
	switch (vector) {
	case SHIM_VEC_TIMER:
		clock_expired(v);
		break;
	case SHIM_VEC_EVENT:
		clock_follow(v);
		event_take(v);
		break;
	case SHIM_VEC_FLUSH:
		mmu_serve_flush(v);
		break;
	}
}

/* ------------------------------------------------------------ operations */

static bool bound(u32 port)
{
	return port < SHIM_PORTS && ports[port].state != PORT_FREE &&
	       ports[port].state != PORT_RESERVED;
}

/* A new port, or 0 when all are taken. */
static u32 new_port(u8 state, u32 vcpu)
{
	u32 port;

	spin_lock(&ports_lock);
	for (port = 1; port < SHIM_PORTS; port++)
		if (ports[port].state == PORT_FREE && !fifo_is_busy(port))
			break;
	if (port == SHIM_PORTS)
		port = 0;
	else
		ports[port].state = state;
	spin_unlock(&ports_lock);
	if (port) {
		fifo_reset_port(port);
		set_vcpu(port, vcpu);
	}
	return port;
}

static long op_alloc_unbound(struct evtchn_alloc_unbound *op)
{
	if (op->dom != DOMID_SELF)
		return -EPERM;
	op->port = new_port(PORT_UNBOUND, 0);
	return op->port ? 0 : -ENOSPC;
}

static bool virq_is_global(u32 virq)
{
	return virq != VIRQ_TIMER && virq != VIRQ_DEBUG && virq != VIRQ_XENOPROF &&
	       virq != VIRQ_XENPMU;
}

static long op_bind_virq(struct evtchn_bind_virq *op)
{
	if (op->virq >= NR_VIRQS || (virq_is_global(op->virq) && op->vcpu))
		return -EINVAL;
	if (op->vcpu >= shim_info.nr_vcpus)
		return -ENOENT;
	if (virq_port[op->vcpu][op->virq])
		return -EEXIST;
	op->port = new_port(PORT_VIRQ, op->vcpu);
	if (!op->port)
		return -ENOSPC;
	ports[op->port].virq = (u8)op->virq;
	virq_port[op->vcpu][op->virq] = (u16)op->port;
	return 0;
}

static long op_bind_ipi(struct evtchn_bind_ipi *op)
{
	if (op->vcpu >= shim_info.nr_vcpus)
		return -ENOENT;
	op->port = new_port(PORT_IPI, op->vcpu);
	return op->port ? 0 : -ENOSPC;
}

static long op_close(const struct evtchn_close *op)
{
	struct port *p = &ports[op->port];

	if (!bound(op->port))
		return -EINVAL;
	if (p->state == PORT_VIRQ)
		virq_port[p->vcpu][p->virq] = 0;
	clear_bit((u64 *)shared()->evtchn_pending, op->port);
	fifo_reset_port(op->port);
	__atomic_store_n(&p->state, PORT_FREE, __ATOMIC_RELEASE);
	return 0;
}

static long op_send(struct vcpu *v, const struct evtchn_send *op)
{
	if (!bound(op->port))
		return -EINVAL;
	switch (ports[op->port].state) {
	case PORT_IPI:
		event_raise(v, op->port);
		return 0;
	case PORT_VIRQ:
		return -EINVAL;
	default:
		outl(SHIM_PORT_EVENT, op->port);
		return 0;
	}
}

static long op_status(struct evtchn_status *op)
{
	static const u8 status[] = {
		[PORT_FREE] = EVTCHNSTAT_closed,
		[PORT_UNBOUND] = EVTCHNSTAT_unbound,
		[PORT_DOMAIN] = EVTCHNSTAT_interdomain,
		[PORT_VIRQ] = EVTCHNSTAT_virq,
		[PORT_IPI] = EVTCHNSTAT_ipi,
		[PORT_RESERVED] = EVTCHNSTAT_closed,
	};
	const struct port *p = &ports[op->port];

	if (op->port >= SHIM_PORTS)
		return -EINVAL;
	op->status = status[p->state];
	op->vcpu = p->vcpu;
	if (p->state == PORT_VIRQ) {
		op->u.virq = p->virq;
	} else if (p->state == PORT_DOMAIN) {
		op->u.interdomain.dom = 0;
		op->u.interdomain.port = op->port;
	}
	return 0;
}

static long op_bind_vcpu(const struct evtchn_bind_vcpu *op)
{
	struct port *p = &ports[op->port];

	if (!bound(op->port))
		return -EINVAL;
	if (op->vcpu >= shim_info.nr_vcpus)
		return -ENOENT;
	if (p->state == PORT_IPI || (p->state == PORT_VIRQ && !virq_is_global(p->virq)))
		return -EINVAL;
	set_vcpu(op->port, op->vcpu);
	return 0;
}

static long op_unmask(struct vcpu *v, const struct evtchn_unmask *op)
{
	struct shared_info *s = shared();
	struct vcpu *target;
	bool tell;

	if (!bound(op->port))
		return -EINVAL;
	target = vcpu_of(ports[op->port].vcpu);
	if (fifo_in_use() && fifo_unmask(op->port, target->id, &tell)) {
		if (tell)
			upcall(v, target);
		return 0;
	}
	clear_bit((u64 *)s->evtchn_mask, op->port);
	if (test_bit((u64 *)s->evtchn_pending, op->port))
		select(v, target, op->port);
	return 0;
}

/* What was raised before the guest had words for it is in the old bitmap. */
static long op_expand_array(struct vcpu *v, const struct evtchn_expand_array *op)
{
	u64 *map = (u64 *)shared()->evtchn_pending;
	u32 first, port;
	long n = fifo_expand_array(op, &first);

	if (n < 0)
		return n;
	for (port = first; port < first + n; port++) {
		if (test_bit(map, port)) {
			clear_bit(map, port);
			event_raise(v, port);
		}
	}
	return 0;
}

static long op_set_priority(const struct evtchn_set_priority *op)
{
	return bound(op->port) ? fifo_set_priority(op) : -EINVAL;
}

/* There is no port of another domain's to bind to. */
static long op_bind_interdomain(const struct evtchn_bind_interdomain *op)
{
	return op->remote_dom == DOMID_SELF || op->remote_dom <= SHIM_DOMID ? -EINVAL : -ESRCH;
}

static long op_reset(const struct evtchn_reset *op)
{
	if (op->dom != DOMID_SELF && op->dom != SHIM_DOMID)
		return op->dom ? -ESRCH : -EPERM;
	close_all();
	return 0;
}

/* Sizes of the arguments, which are copied both ways. */
static const u8 op_size[] = {
	[EVTCHNOP_bind_interdomain] = sizeof(struct evtchn_bind_interdomain),
	[EVTCHNOP_bind_virq] = sizeof(struct evtchn_bind_virq),
	[EVTCHNOP_close] = sizeof(struct evtchn_close),
	[EVTCHNOP_send] = sizeof(struct evtchn_send),
	[EVTCHNOP_status] = sizeof(struct evtchn_status),
	[EVTCHNOP_alloc_unbound] = sizeof(struct evtchn_alloc_unbound),
	[EVTCHNOP_bind_ipi] = sizeof(struct evtchn_bind_ipi),
	[EVTCHNOP_bind_vcpu] = sizeof(struct evtchn_bind_vcpu),
	[EVTCHNOP_unmask] = sizeof(struct evtchn_unmask),
	[EVTCHNOP_reset] = sizeof(struct evtchn_reset),
	[EVTCHNOP_init_control] = sizeof(struct evtchn_init_control),
	[EVTCHNOP_expand_array] = sizeof(struct evtchn_expand_array),
	[EVTCHNOP_set_priority] = sizeof(struct evtchn_set_priority),
};

/* args: command, its argument */
long hv_event_channel_op(struct vcpu *v, const u64 a[5])
{
	union {
		struct evtchn_bind_interdomain bind_interdomain;
		struct evtchn_bind_virq bind_virq;
		struct evtchn_close close;
		struct evtchn_send send;
		struct evtchn_status status;
		struct evtchn_alloc_unbound alloc_unbound;
		struct evtchn_bind_ipi bind_ipi;
		struct evtchn_bind_vcpu bind_vcpu;
		struct evtchn_unmask unmask;
		struct evtchn_reset reset;
		struct evtchn_init_control init_control;
		struct evtchn_expand_array expand_array;
		struct evtchn_set_priority set_priority;
	} op;
	bool out = false;
	long r;

	if (a[0] >= ARRAY_SIZE(op_size) || !op_size[a[0]])
		return -ENOSYS;
	if (guest_copy(&op, (void *)a[1], op_size[a[0]]))
		return -EFAULT;
	switch (a[0]) {
	case EVTCHNOP_bind_virq:
		r = op_bind_virq(&op.bind_virq);
		out = true;
		break;
	case EVTCHNOP_bind_interdomain:
		return op_bind_interdomain(&op.bind_interdomain);
	case EVTCHNOP_reset:
		return op_reset(&op.reset);
	case EVTCHNOP_close:
		return op_close(&op.close);
	case EVTCHNOP_send:
		return op_send(v, &op.send);
	case EVTCHNOP_status:
		r = op_status(&op.status);
		out = true;
		break;
	case EVTCHNOP_alloc_unbound:
		r = op_alloc_unbound(&op.alloc_unbound);
		out = true;
		break;
	case EVTCHNOP_bind_ipi:
		r = op_bind_ipi(&op.bind_ipi);
		out = true;
		break;
	case EVTCHNOP_init_control:
		r = fifo_init_control(&op.init_control);
		out = true;
		break;
	case EVTCHNOP_expand_array:
		return op_expand_array(v, &op.expand_array);
	case EVTCHNOP_set_priority:
		return op_set_priority(&op.set_priority);
	case EVTCHNOP_bind_vcpu:
		return op_bind_vcpu(&op.bind_vcpu);
	default:
		return op_unmask(v, &op.unmask);
	}
	if (!r && out)
		r = guest_copy((void *)a[1], &op, op_size[a[0]]);
	return r;
}

/* The old form: struct evtchn_op, command and argument in one. */
long hv_event_channel_op_compat(struct vcpu *v, const u64 a[5])
{
	struct evtchn_op *op = (void *)a[0];
	u32 cmd;

	if (guest_copy(&cmd, &op->cmd, sizeof(cmd)))
		return -EFAULT;
	return hv_event_channel_op(v, (u64[5]){cmd, (u64)&op->u});
}
