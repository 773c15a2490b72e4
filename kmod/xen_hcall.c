// SPDX-License-Identifier: GPL-2.0
/*
 * The hypercall page, and hypercalls: few are done here, when user space has
 * said what is needed for that; all others exit with KVM_EXIT_XEN.
 */
#include "xen.h"

#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <xen/interface/xen.h>
#include <xen/interface/event_channel.h>
#include <xen/interface/sched.h>
#include <xen/interface/vcpu.h>
#include <xen/interface/version.h>

/* ------------------------------------------------------------ the page */

/* Entries of the hypercall page: each hypercall has so many bytes. */
#define ENTRY_SIZE	32

/**
 * hv_xen_msr_write() - the guest writes one of Xen's MSRs
 * @vcpu: own thread, hot or slow path
 * @msr: which
 * @value: address of a page, and in its low bits which page of the blob
 * @host: user space restores a state: it has the page in memory already
 *
 * The page is filled before the guest goes on. As with Xen, that also tells
 * which layout the guest's shared records have.
 *
 * Return: 0, or -EINVAL when the guest gets #GP.
 */
int hv_xen_msr_write(struct hv_vcpu *vcpu, u32 msr, u64 value, bool host)
{
	struct hv_xen_vm *x = hv_xen_vm(vcpu->vm);
	u64 gpa = value & PAGE_MASK;
	u32 pages = 1;
	bool there;

	if (host || !x || READ_ONCE(x->config.msr) != msr)
		return -EINVAL;
	if (!(READ_ONCE(x->config.flags) & KVM_XEN_HVM_CONFIG_INTERCEPT_HCALL))
		pages = hv_long_mode(vcpu) ? READ_ONCE(x->config.blob_size_64) :
					     READ_ONCE(x->config.blob_size_32);
	preempt_disable();
	there = hv_gpa_range(vcpu->vm, gpa, PAGE_SIZE, true);
	preempt_enable();
	if (!there || offset_in_page(value) >= pages)
		return -EINVAL;
	WRITE_ONCE(x->long_mode, hv_long_mode(vcpu));
	/* Memory for it is made where that may sleep. */
	vcpu->xen_page = value;
	hv_request(vcpu, HV_REQ_XEN);
	return 0;
}

static void make_page(u8 *page)
{
	static const u8 vmcall[] = { 0x0f, 0x01, 0xc1 };
	static const u8 vmmcall[] = { 0x0f, 0x01, 0xd9 };
	const u8 *call = hv_backend->uapi_id == HVCTL_BACKEND_VMX ? vmcall : vmmcall;
	u32 i;

	memset(page, 0xcc, PAGE_SIZE);	/* INT3 */
	for (i = 0; i < PAGE_SIZE / ENTRY_SIZE; i++, page += ENTRY_SIZE) {
		page[0] = 0xb8;		/* MOV to EAX */
		memcpy(page + 1, &i, sizeof(i));
		memcpy(page + 5, call, sizeof(vmcall));
		page[8] = 0xc3;		/* RET */
	}
}

/**
 * hv_xen_page_fill() - fill the hypercall page that the guest has asked for
 * @vcpu: own thread
 *
 * Context: may sleep. Return: 0, also where the guest's page has gone; -EINTR;
 * -EFAULT where the VMM has no blob; -ENOMEM.
 */
int hv_xen_page_fill(struct hv_vcpu *vcpu)
{
	struct hv_xen_vm *x = vcpu->vm->xen;
	u64 value = vcpu->xen_page, blob;
	u8 *page;
	int r;

	if (value == HV_NEVER)
		return 0;
	mutex_lock(&x->lock);
	blob = x->long_mode ? x->config.blob_addr_64 : x->config.blob_addr_32;
	r = x->config.flags & KVM_XEN_HVM_CONFIG_INTERCEPT_HCALL;
	mutex_unlock(&x->lock);
	if (r) {
		page = kmalloc(PAGE_SIZE, GFP_KERNEL_ACCOUNT);
		if (!page)
			return -ENOMEM;
		make_page(page);
	} else {
		page = memdup_user((void __user *)(blob + offset_in_page(value) *
						   PAGE_SIZE), PAGE_SIZE);
		if (IS_ERR(page))
			return PTR_ERR(page);
	}
	r = hv_write_gpa(vcpu->vm, value & PAGE_MASK, page, PAGE_SIZE);
	kfree(page);
	if (r == -EINTR)
		return r;
	vcpu->xen_page = HV_NEVER;
	return 0;
}

/* ------------------------------------------------------------ hypercalls */

struct hcall {
	u64 nr;
	u64 arg[6];
	bool wide;		/* made in 64-bit mode */
};

static void get_hcall(const struct hv_vcpu *vcpu, struct hcall *call)
{
	static const u8 wide[] = { HV_RDI, HV_RSI, HV_RDX, HV_R10, HV_R8, HV_R9 };
	static const u8 narrow[] = { HV_RBX, HV_RCX, HV_RDX, HV_RSI, HV_RDI, HV_RBP };
	const u64 *gpr = vcpu->state.gpr;
	u32 i;

	call->wide = vcpu->state.code64;
	call->nr = call->wide ? gpr[HV_RAX] : (u32)gpr[HV_RAX];
	for (i = 0; i < ARRAY_SIZE(wide); i++)
		call->arg[i] = call->wide ? gpr[wide[i]] : (u32)gpr[narrow[i]];
}

static void set_result(struct hv_vcpu *vcpu, u64 result)
{
	vcpu->state.gpr[HV_RAX] = vcpu->state.code64 ? result : (u32)result;
	hv_skip(vcpu);
}

/* A record in memory of the guest's kernel: 0, -EFAULT for it, or -EINTR. */
static int get_record(struct hv_vcpu *vcpu, u64 gva, void *buf, u32 len)
{
	struct hv_walk walk;
	int r = hv_read_gva(vcpu, gva, buf, len, 0, &walk);

	return r && r != -EINTR ? -EFAULT : r;
}

static int evtchn_send(struct hv_vcpu *vcpu, const struct hcall *call, s64 *result)
{
	struct evtchn_send send;
	int r;

	r = get_record(vcpu, call->arg[1], &send, sizeof(send));
	if (r == -EINTR)
		return r;
	*result = r;
	if (r)
		return HV_RESUME;
	if (!send.port || send.port >= hv_xen_ports(vcpu->vm->xen)) {
		*result = -EINVAL;
		return HV_RESUME;
	}
	return hv_xen_port_send(vcpu->vm, send.port) ? HV_RESUME : HV_USER;
}

/* Xen's own bound. */
#define POLL_PORTS	128

/* Both layouts begin with the pointer; its size moves what follows. */
struct poll32 {
	u32 ports;
	u32 nr_ports;
	u64 timeout;
};

static int get_poll(struct hv_vcpu *vcpu, const struct hcall *call, u32 *ports,
		    u32 *nr, u64 *timeout)
{
	struct sched_poll poll;
	struct poll32 narrow;
	u32 i, max = hv_xen_ports(vcpu->vm->xen);
	u64 list;
	int r;

	if (call->wide) {
		r = get_record(vcpu, call->arg[1], &poll, sizeof(poll));
		list = (u64)poll.ports;
		*nr = poll.nr_ports;
		*timeout = poll.timeout;
	} else {
		r = get_record(vcpu, call->arg[1], &narrow, sizeof(narrow));
		list = narrow.ports;
		*nr = narrow.nr_ports;
		*timeout = narrow.timeout;
	}
	if (r)
		return r;
	if (*nr > POLL_PORTS)
		return -EINVAL;
	r = get_record(vcpu, list, ports, *nr * sizeof(*ports));
	for (i = 0; !r && i < *nr; i++)
		if (ports[i] >= max)
			r = -EINVAL;
	return r;
}

/* Whatever there is to do for the vCPU ends a poll: the guest looks itself. */
static bool poll_over(struct hv_vcpu *vcpu, const u32 *ports, u32 nr)
{
	return hv_ends_halt(vcpu) || READ_ONCE(vcpu->xen->poll_timeout) ||
	       hv_xen_any_pending(vcpu, ports, nr) ||
	       READ_ONCE(vcpu->requests) & ~HV_REQ_HOT;
}

/* SCHEDOP_poll: sleep until an event is pending, even a masked one. */
static int sched_poll(struct hv_vcpu *vcpu, const struct hcall *call, s64 *result)
{
	struct hv_xen_vcpu *vx = vcpu->xen;
	u64 timeout, start = rdtsc();
	u32 ports[POLL_PORTS], nr;
	int r;

	r = get_poll(vcpu, call, ports, &nr, &timeout);
	if (r == -EINTR)
		return r;
	*result = r;
	if (r)
		return HV_RESUME;

	WRITE_ONCE(vx->poll_timeout, false);
	WRITE_ONCE(vx->polls, true);
	smp_mb();	/* pairs with hv_place_set_bit() in deliver() */
	if (timeout)
		hv_xen_timer_run(vcpu->vm, &vx->poll_timer, timeout);
	WRITE_ONCE(vcpu->halt_since, start);
	rcuwait_wait_event(&vcpu->wait,
			   poll_over(vcpu, ports, nr) || signal_pending(current),
			   TASK_INTERRUPTIBLE);
	WRITE_ONCE(vcpu->halt_since, 0);
	vcpu->halt_cycles += rdtsc() - start;
	hrtimer_cancel(&vx->poll_timer);
	WRITE_ONCE(vx->polls, false);
	vcpu->event_check = true;
	return HV_RESUME;
}

static int sched_op(struct hv_vcpu *vcpu, const struct hcall *call, s64 *result)
{
	u32 flags = READ_ONCE(vcpu->vm->xen->config.flags);

	switch (call->arg[0]) {
	case SCHEDOP_yield:
		yield();
		*result = 0;
		return HV_RESUME;
	case SCHEDOP_poll:
		/* Events that user space sets by itself wake nobody here. */
		if (vcpu->lapic && (flags & KVM_XEN_HVM_CONFIG_EVTCHN_SEND))
			return sched_poll(vcpu, call, result);
		return HV_USER;
	default:
		return HV_USER;
	}
}

static int set_singleshot(struct hv_vcpu *vcpu, u64 gva, s64 *result)
{
	struct vcpu_set_singleshot_timer timer;
	int r;

	/* Without what 64-bit guests have behind it, to align it. */
	r = get_record(vcpu, gva, &timer,
		       offsetofend(struct vcpu_set_singleshot_timer, flags));
	if (r == -EINTR)
		return r;
	*result = r;
	if (r)
		return HV_RESUME;
	if ((timer.flags & VCPU_SSHOTTMR_future) &&
	    timer.timeout_abs_ns <= hv_xen_now(vcpu->vm))
		*result = -ETIME;
	else
		hv_xen_timer_start(vcpu->xen, timer.timeout_abs_ns);
	return HV_RESUME;
}

static int vcpu_op(struct hv_vcpu *vcpu, const struct hcall *call, s64 *result)
{
	bool set = call->arg[0] == VCPUOP_set_singleshot_timer;

	if (!vcpu->xen->timer_port ||
	    (!set && call->arg[0] != VCPUOP_stop_singleshot_timer))
		return HV_USER;
	/* The timer is one's own only (xen/interface/vcpu.h). */
	if (call->arg[1] != vcpu->xen->id) {
		*result = -EINVAL;
		return HV_RESUME;
	}
	if (set)
		return set_singleshot(vcpu, call->arg[2], result);
	hv_xen_timer_stop(vcpu->xen);
	*result = 0;
	return HV_RESUME;
}

static int set_timer_op(struct hv_vcpu *vcpu, const struct hcall *call, s64 *result)
{
	u64 timeout = call->arg[0];

	if (!vcpu->xen->timer_port)
		return HV_USER;
	if (!call->wide)
		timeout |= call->arg[1] << 32;
	if (timeout)
		hv_xen_timer_start(vcpu->xen, timeout);
	else
		hv_xen_timer_stop(vcpu->xen);
	*result = 0;
	return HV_RESUME;
}

/* HV_RESUME with a result, HV_USER when it is user space's, or an errno. */
static int do_here(struct hv_vcpu *vcpu, const struct hcall *call, s64 *result)
{
	/* Programs are none of Xen's guests; who wants to hear them, may. */
	if (vcpu->state.cpl)
		return HV_USER;
	switch (call->nr) {
	case __HYPERVISOR_xen_version:
		*result = READ_ONCE(vcpu->vm->xen->version);
		return call->arg[0] == XENVER_version && *result ? HV_RESUME : HV_USER;
	case __HYPERVISOR_event_channel_op:
		return call->arg[0] == EVTCHNOP_send ?
		       evtchn_send(vcpu, call, result) : HV_USER;
	case __HYPERVISOR_sched_op:
		return sched_op(vcpu, call, result);
	case __HYPERVISOR_vcpu_op:
		return vcpu_op(vcpu, call, result);
	case __HYPERVISOR_set_timer_op:
		return set_timer_op(vcpu, call, result);
	default:
		return HV_USER;
	}
}

/**
 * hv_xen_intercepts() - are the guest's hypercalls Xen's?
 * @vm: the VM
 *
 * Context: any.
 */
bool hv_xen_intercepts(struct hv_vm *vm)
{
	struct hv_xen_vm *x = hv_xen_vm(vm);

	return x && (READ_ONCE(x->config.flags) & KVM_XEN_HVM_CONFIG_INTERCEPT_HCALL);
}

static int hcall_done(struct hv_vcpu *vcpu)
{
	/* A VMM that moved RIP has given the hypercall up. */
	if (vcpu->state.rip == vcpu->xen->hcall_rip)
		set_result(vcpu, READ_ONCE(vcpu->run->xen.u.hcall.result));
	return HV_RESUME;
}

/**
 * hv_xen_hypercall() - VMCALL or VMMCALL of a guest that talks to Xen
 * @vcpu: own thread, outside the inner loop; exit.insn_len is set
 *
 * Context: may sleep. Return: HV_RESUME; HV_USER with KVM_EXIT_XEN; -EINTR,
 * whereupon the guest makes it again; -ENOMEM.
 */
int hv_xen_hypercall(struct hv_vcpu *vcpu)
{
	struct kvm_run *run = vcpu->run;
	struct hcall call;
	s64 result = 0;
	int r;

	if (!hv_xen_vcpu_make(vcpu))
		return -ENOMEM;
	get_hcall(vcpu, &call);
	r = do_here(vcpu, &call, &result);
	if (r == HV_RESUME)
		set_result(vcpu, result);
	if (r != HV_USER)
		return r;

	run->exit_reason = KVM_EXIT_XEN;
	run->xen.type = KVM_EXIT_XEN_HCALL;
	run->xen.u.hcall.longmode = call.wide;
	run->xen.u.hcall.cpl = vcpu->state.cpl;
	run->xen.u.hcall.input = call.nr;
	run->xen.u.hcall.result = 0;
	memcpy(run->xen.u.hcall.params, call.arg, sizeof(call.arg));
	vcpu->xen->hcall_rip = vcpu->state.rip;
	vcpu->complete = hcall_done;
	return HV_USER;
}
