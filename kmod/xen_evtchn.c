// SPDX-License-Identifier: GPL-2.0
/*
 * Xen's event channels by the 2-level ABI.
 *
 * An event is a bit in the shared_info page, unless it is masked one in the
 * vcpu_info that says which word to look at, and a byte there that asks for an
 * upcall. The guest clears them in the other order. All of it is done by locked
 * operations on guest memory, so no lock of ours is needed.
 *
 * Bitmaps are used by words of 32 bits: on x86 those of 64 have the same bits at
 * the same addresses, so that both layouts of the guest are one but for offsets.
 */
#include "xen.h"

#include <linux/bitmap.h>
#include <linux/eventfd.h>
#include <linux/preempt.h>
#include <linux/slab.h>
#include <xen/interface/xen.h>
#include <xen/interface/event_channel.h>

#include "lapic.h"

/* The layouts of 32-bit guests, where a long has 32 bits. */
struct vcpu_info32 {
	u8 evtchn_upcall_pending;
	u8 evtchn_upcall_mask;
	u32 evtchn_pending_sel;
	u32 arch[6];
	struct pvclock_vcpu_time_info time;
};

struct shared_info32 {
	struct vcpu_info32 vcpu_info[MAX_VIRT_CPUS];
	u32 evtchn_pending[32];
	u32 evtchn_mask[32];
};

static_assert(sizeof(struct vcpu_info32) == sizeof(struct vcpu_info));
static_assert(sizeof(((struct shared_info *)0)->evtchn_pending) == HV_XEN_PORTS / 8);
static_assert(sizeof(((struct shared_info32 *)0)->evtchn_pending) ==
	      HV_XEN_PORTS / 4 / 8);

struct layout {
	u16 pending, mask;	/* offsets in shared_info */
	u16 sel;		/* offset in vcpu_info */
	u8 shift;		/* a port's bit in sel */
};

static const struct layout layouts[2] = {
	{
		.pending = offsetof(struct shared_info32, evtchn_pending),
		.mask = offsetof(struct shared_info32, evtchn_mask),
		.sel = offsetof(struct vcpu_info32, evtchn_pending_sel),
		.shift = 5,
	}, {
		.pending = offsetof(struct shared_info, evtchn_pending),
		.mask = offsetof(struct shared_info, evtchn_mask),
		.sel = offsetof(struct vcpu_info, evtchn_pending_sel),
		.shift = 6,
	},
};

static const struct layout *layout_of(const struct hv_xen_vm *x)
{
	return &layouts[READ_ONCE(x->long_mode)];
}

/* ------------------------------------------------------------ delivery */

/* Preemption off. 1 when it is set, 0 when not, or an errno. */
static int peek_bit(struct hv_vm *vm, u64 place, u32 nr)
{
	u32 word;
	int r;

	if (place == HV_PLACE_NONE)
		return -ENOENT;
	r = hv_place_peek(vm, place + nr / 32 * 4, &word, sizeof(word));
	return r ?: !!(word & BIT(nr % 32));
}

/* The upcall byte is set: have the vCPU take note. */
static void notify(struct hv_vcpu *vcpu)
{
	u8 vector = READ_ONCE(vcpu->xen->upcall_vector);

	if (vector && vcpu->lapic) {
		hv_lapic_post(vcpu->lapic, vector, false);
		return;
	}
	hv_request(vcpu, HV_REQ_EVENT);
	hv_vcpu_kick(vcpu);
}

/*
 * Deliver an event, without sleeping. again: an earlier attempt may have come
 * half way, so that the bit in shared_info tells nothing.
 *
 * Context: preemption off, in the VM's mm. Return: 1 delivered, 0 coalesced or
 * masked, -ENOENT when the guest has no place for it, -EAGAIN.
 */
static int deliver(struct hv_vcpu *vcpu, u32 port, bool again)
{
	struct hv_vm *vm = vcpu->vm;
	struct hv_xen_vm *x = vm->xen;
	const struct layout *l = layout_of(x);
	u64 shared = READ_ONCE(x->shared_info);
	u64 info = READ_ONCE(vcpu->xen->vcpu_info);
	int r;

	if (shared == HV_PLACE_NONE || info == HV_PLACE_NONE)
		return -ENOENT;
	r = hv_place_set_bit(vm, shared + l->pending, port);
	if (r < 0 || (r && !again))
		return min(r, 0);
	r = peek_bit(vm, shared + l->mask, port);
	if (r < 0)
		return r;
	if (r) {
		/* Pairs with poll() in xen_hcall.c; the bit was a barrier. */
		if (READ_ONCE(vcpu->xen->polls))
			hv_vcpu_kick(vcpu);
		return 0;
	}
	r = hv_place_set_bit(vm, info + l->sel, port >> l->shift);
	if (r < 0 || (r && !again))
		return min(r, 0);
	r = hv_place_poke(vm, info + offsetof(struct vcpu_info,
					      evtchn_upcall_pending), 1);
	if (r)
		return r;
	notify(vcpu);
	return 1;
}

/**
 * hv_xen_post() - have a vCPU deliver an event itself
 * @vx: of the vCPU
 * @port: below HV_XEN_PORTS
 *
 * Context: any.
 */
void hv_xen_post(struct hv_xen_vcpu *vx, u32 port)
{
	set_bit(port, vx->posted);
	hv_request(vx->vcpu, HV_REQ_XEN);
	hv_vcpu_kick(vx->vcpu);
}

/**
 * hv_xen_posted() - deliver what was left for the vCPU
 * @vcpu: the vCPU, its mutex held, in the VM's mm; vcpu->xen is there
 *
 * Events that the guest has no place for are lost.
 *
 * Context: may sleep. Return: 0 or -EINTR; what was not delivered stays posted.
 */
int hv_xen_posted(struct hv_vcpu *vcpu)
{
	struct hv_xen_vcpu *vx = vcpu->xen;
	u32 port;
	int r;

	for_each_set_bit(port, vx->posted, HV_XEN_PORTS) {
		clear_bit(port, vx->posted);
		for (;;) {
			preempt_disable();
			r = deliver(vcpu, port, true);
			preempt_enable();
			if (r != -EAGAIN)
				break;
			r = hv_place_fault_in(vcpu->vm, vcpu->vm->xen->shared_info);
			if (!r)
				r = hv_place_fault_in(vcpu->vm, vx->vcpu_info);
			if (r == -EINTR) {
				hv_xen_post(vx, port);
				return r;
			}
			if (r)
				break;
			cond_resched();
		}
	}
	return 0;
}

static bool in_guest_mm(const struct hv_vm *vm)
{
	return in_task() && current->mm == vm->mm;
}

/**
 * hv_xen_evtchn() - send an event to the guest
 * @vm: the VM
 * @vcpu_id: KVM's number of the vCPU
 * @port: not trusted
 *
 * Context: any. Return: 1 delivered or on its way, 0 coalesced or masked, -1
 * when there is no such port or vCPU, or the guest has no place for it.
 */
int hv_xen_evtchn(struct hv_vm *vm, u32 vcpu_id, u32 port)
{
	struct hv_xen_vm *x = hv_xen_vm(vm);
	struct hv_vcpu *vcpu = hv_vcpu_by_id(vm, vcpu_id);
	struct hv_xen_vcpu *vx = vcpu ? hv_xen_vcpu(vcpu) : NULL;
	int r;

	if (!x || !vx || !port || port >= hv_xen_ports(x))
		return -1;
	if (in_guest_mm(vm)) {
		preempt_disable();
		r = deliver(vcpu, port, false);
		preempt_enable();
		if (r != -EAGAIN)
			return r < 0 ? -1 : r;
	}
	hv_xen_post(vx, port);
	return 1;
}

/**
 * hv_xen_evtchn_send() - KVM_XEN_HVM_EVTCHN_SEND
 * @vm: the VM, of the current mm
 * @e: copied from user space, not trusted
 *
 * Return: 0 when it was delivered, coalesced or masked; -EINVAL for a port, vCPU
 * or priority that does not exist, or when the guest has no place for it.
 */
int hv_xen_evtchn_send(struct hv_vm *vm, const struct kvm_irq_routing_xen_evtchn *e)
{
	if (e->priority != KVM_IRQ_ROUTING_XEN_EVTCHN_PRIO_2LEVEL)
		return -EINVAL;
	return hv_xen_evtchn(vm, e->vcpu, e->port) < 0 ? -EINVAL : 0;
}

/**
 * hv_xen_upcall() - is the guest to get an upcall?
 * @vcpu: the vCPU, with vcpu->xen
 *
 * One that the guest has not taken note of is looked for again before each
 * entry. Where that takes sleeping, HV_REQ_XEN is made.
 *
 * Context: own thread, IRQs off or on, may be about to sleep.
 * Return: the vector, -1 for none.
 */
int hv_xen_upcall(struct hv_vcpu *vcpu)
{
	u8 vector = READ_ONCE(vcpu->vm->xen->upcall_vector), pending;
	u64 info = vcpu->xen->vcpu_info;
	int r;

	if (!vector || info == HV_PLACE_NONE)
		return -1;
	preempt_disable();
	r = hv_place_peek(vcpu->vm, info + offsetof(struct vcpu_info,
						    evtchn_upcall_pending),
			  &pending, sizeof(pending));
	preempt_enable();
	if (r == -EAGAIN)
		hv_request(vcpu, HV_REQ_XEN);
	if (r || !pending)
		return -1;
	vcpu->event_check = true;
	return vector;
}

/**
 * hv_xen_serve() - HV_REQ_XEN
 * @vcpu: own thread, outside the inner loop
 *
 * Context: may sleep. Return: 0; -EINTR; -EFAULT where the VMM has no blob for
 * the hypercall page; -ENOMEM.
 */
int hv_xen_serve(struct hv_vcpu *vcpu)
{
	struct hv_xen_vcpu *vx = vcpu->xen;
	int r;

	r = hv_xen_page_fill(vcpu);
	if (r || !vx)
		return r;
	if (vx->vcpu_info != HV_PLACE_NONE &&
	    hv_place_fault_in(vcpu->vm, vx->vcpu_info) == -EINTR)
		r = -EINTR;
	if (!r)
		r = hv_xen_posted(vcpu);
	vcpu->event_check = true;
	return r;
}

/**
 * hv_xen_any_pending() - is one of some ports pending?
 * @vcpu: own thread, with vcpu->xen
 * @ports: each checked
 * @nr: how many
 *
 * Context: does not sleep. Return: true too where that cannot be told.
 */
bool hv_xen_any_pending(struct hv_vcpu *vcpu, const u32 *ports, u32 nr)
{
	struct hv_xen_vm *x = vcpu->vm->xen;
	u64 shared = READ_ONCE(x->shared_info);
	bool any = shared == HV_PLACE_NONE;
	u32 i;

	preempt_disable();
	for (i = 0; i < nr && !any; i++)
		any = peek_bit(vcpu->vm, shared + layout_of(x)->pending, ports[i]);
	preempt_enable();
	return any;
}

/* ------------------------------------------------------------ the guest's */

/* What EVTCHNOP_send to one of the guest's ports does. */
struct xen_port {
	struct rcu_head rcu;
	u32 type;			/* (c) EVTCHNSTAT_* */
	u32 port;			/* (c) of the guest, 0 with an eventfd */
	u32 vcpu;			/* x->lock, read anywhere */
	struct eventfd_ctx *eventfd;	/* (c) NULL with a port */
};

static void port_free(struct rcu_head *rcu)
{
	struct xen_port *p = container_of(rcu, struct xen_port, rcu);

	if (p->eventfd)
		eventfd_ctx_put(p->eventfd);
	kfree(p);
}

static void port_forget(struct hv_xen_vm *x, struct xen_port *p)
{
	/* Whoever found it may be using it. */
	if (p)
		call_rcu(&p->rcu, port_free);
}

/**
 * hv_xen_ports_free() - forget all ports that were set
 * @x: of the VM; its lock held, or nobody else knows it
 */
void hv_xen_ports_free(struct hv_xen_vm *x)
{
	struct xen_port *p;
	unsigned long i;

	xa_for_each(&x->ports, i, p)
		port_forget(x, xa_erase(&x->ports, i));
}

static struct xen_port *port_make(struct hv_xen_vm *x,
				  const struct kvm_xen_hvm_attr *attr)
{
	u32 port = attr->u.evtchn.deliver.port.port;
	struct xen_port *p;
	int r;

	/* An IPI is of one port only: the one it is sent from. */
	if (attr->u.evtchn.type == EVTCHNSTAT_ipi ?
	    port != attr->u.evtchn.send_port :
	    attr->u.evtchn.type != EVTCHNSTAT_interdomain)
		return ERR_PTR(-EINVAL);
	if (port && (port >= hv_xen_ports(x) ||
		     attr->u.evtchn.deliver.port.priority !=
		     KVM_IRQ_ROUTING_XEN_EVTCHN_PRIO_2LEVEL))
		return ERR_PTR(-EINVAL);

	p = kzalloc(sizeof(*p), GFP_KERNEL_ACCOUNT);
	if (!p)
		return ERR_PTR(-ENOMEM);
	p->type = attr->u.evtchn.type;
	p->port = port;
	if (port) {
		p->vcpu = attr->u.evtchn.deliver.port.vcpu;
		return p;
	}
	p->eventfd = eventfd_ctx_fdget(attr->u.evtchn.deliver.eventfd.fd);
	if (IS_ERR(p->eventfd)) {
		r = PTR_ERR(p->eventfd);
		kfree(p);
		return ERR_PTR(r);
	}
	return p;
}

static int port_add(struct hv_xen_vm *x, const struct kvm_xen_hvm_attr *attr)
{
	struct xen_port *p = port_make(x, attr);
	int r;

	if (IS_ERR(p))
		return PTR_ERR(p);
	r = xa_insert(&x->ports, attr->u.evtchn.send_port, p, GFP_KERNEL_ACCOUNT);
	if (!r)
		return 0;
	port_forget(x, p);
	return r == -EBUSY ? -EEXIST : r;
}

static int port_update(struct hv_xen_vm *x, const struct kvm_xen_hvm_attr *attr)
{
	struct xen_port *p = xa_load(&x->ports, attr->u.evtchn.send_port);

	if (!p)
		return -ENOENT;
	if (!p->port || p->type != attr->u.evtchn.type ||
	    p->port != attr->u.evtchn.deliver.port.port ||
	    attr->u.evtchn.deliver.port.priority !=
	    KVM_IRQ_ROUTING_XEN_EVTCHN_PRIO_2LEVEL)
		return -EINVAL;
	WRITE_ONCE(p->vcpu, attr->u.evtchn.deliver.port.vcpu);
	return 0;
}

static int port_remove(struct hv_xen_vm *x, u32 port)
{
	struct xen_port *p = xa_erase(&x->ports, port);

	port_forget(x, p);
	return p ? 0 : -ENOENT;
}

/**
 * hv_xen_port_set() - KVM_XEN_ATTR_TYPE_EVTCHN
 * @vm: the VM, the lock of vm->xen held
 * @attr: copied from user space, not trusted
 *
 * Context: may sleep. Return: as hv_xen_attr_set().
 */
int hv_xen_port_set(struct hv_vm *vm, const struct kvm_xen_hvm_attr *attr)
{
	struct hv_xen_vm *x = vm->xen;

	if (attr->u.evtchn.flags == KVM_XEN_EVTCHN_RESET) {
		hv_xen_ports_free(x);
		return 0;
	}
	if (!attr->u.evtchn.send_port ||
	    attr->u.evtchn.send_port >= hv_xen_ports(x))
		return -EINVAL;
	switch (attr->u.evtchn.flags) {
	case 0:
		return port_add(x, attr);
	case KVM_XEN_EVTCHN_UPDATE:
		return port_update(x, attr);
	case KVM_XEN_EVTCHN_DEASSIGN:
		return port_remove(x, attr->u.evtchn.send_port);
	default:
		return -EINVAL;
	}
}

/**
 * hv_xen_port_send() - EVTCHNOP_send
 * @vm: the VM, of the current mm
 * @port: below HV_XEN_PORTS
 *
 * Context: does not sleep. Return: false when user space has to do it.
 */
bool hv_xen_port_send(struct hv_vm *vm, u32 port)
{
	struct xen_port *p;
	bool done = true;

	rcu_read_lock();
	p = xa_load(&vm->xen->ports, port);
	if (!p)
		done = false;
	else if (p->eventfd)
		hv_eventfd_signal(p->eventfd);
	else
		done = hv_xen_evtchn(vm, READ_ONCE(p->vcpu), p->port) >= 0;
	rcu_read_unlock();
	return done;
}
