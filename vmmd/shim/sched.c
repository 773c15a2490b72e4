// SPDX-License-Identifier: GPL-2.0
/*
 * vCPUs that have nothing to do, and their comings and goings.
 *
 * HLT here is the only place where interrupts are open in the shim: entry.S then
 * delivers no event, and whoever halted looks for itself why it woke.
 */
#include "shim.h"

#include <xen/event_channel.h>
#include <xen/memory.h>
#include <xen/sched.h>

/* Contexts of vCPUs that were initialised and are not up yet. */
static struct vcpu_guest_context *context[SHIM_VCPUS_MAX];

/* Wait for an interrupt; those that have come since IF was cleared count. */
static void halt(struct vcpu *v)
{
	v->halted = 1;
	asm volatile("sti; hlt; cli" : : : "memory");
	v->halted = 0;
}

/* Page tables may change without this vCPU until it is active again. */
static void rest(struct vcpu *v)
{
	__atomic_store_n(&v->active, 0, __ATOMIC_SEQ_CST);
}

static void resume(struct vcpu *v)
{
	__atomic_store_n(&v->active, 1, __ATOMIC_SEQ_CST);
	mmu_serve_flush(v);
	nmi_again(v);
}

static bool event_waits(const struct vcpu *v)
{
	return __atomic_load_n(&v->info->evtchn_upcall_pending, __ATOMIC_SEQ_CST);
}

/* The guest is open for events from here on; entry.S delivers what has come. */
static long block(struct vcpu *v)
{
	v->info->evtchn_upcall_mask = 0;
	if (event_waits(v))
		return 0;
	runstate_set(v, RUNSTATE_blocked);
	rest(v);
	while (!event_waits(v) && !v->nmi_waits)
		halt(v);
	resume(v);
	runstate_set(v, RUNSTATE_running);
	return 0;
}

static bool any_pending(const u32 *list, u32 n)
{
	u32 i;

	for (i = 0; i < n; i++)
		if (event_is_pending(list[i]))
			return true;
	return false;
}

#define POLL_PORTS 128

static long poll(struct vcpu *v, u64 arg)
{
	u32 list[POLL_PORTS], i;
	struct sched_poll p;

	if (guest_copy(&p, (void *)arg, sizeof(p)))
		return -EFAULT;
	if (p.nr_ports > POLL_PORTS)
		return -EINVAL;
	if (guest_copy(list, *(void **)&p.ports, p.nr_ports * sizeof(list[0])))
		return -EFAULT;
	for (i = 0; i < p.nr_ports; i++)
		if (list[i] >= SHIM_PORTS)
			return -EINVAL;

	__atomic_store_n(&v->polling, 1, __ATOMIC_SEQ_CST);
	v->poll_until = p.timeout ? p.timeout : NEVER;
	if (p.timeout)
		clock_program(v);
	runstate_set(v, RUNSTATE_blocked);
	rest(v);
	while (!any_pending(list, p.nr_ports) &&
	       !(event_waits(v) && !v->info->evtchn_upcall_mask) && !v->nmi_waits &&
	       (!p.timeout || v->poll_until != NEVER))
		halt(v);
	resume(v);
	runstate_set(v, RUNSTATE_running);
	v->poll_until = NEVER;
	__atomic_store_n(&v->polling, 0, __ATOMIC_SEQ_CST);
	return 0;
}

/* What SCHEDOP_shutdown_code has said, NO_CODE for nothing. */
#define NO_CODE (~0U)
static u32 shutdown_code = NO_CODE;

/**
 * shut_down() - the guest is to end
 * @reason: SHUTDOWN_*, unless the guest has said another before
 */
void shut_down(u32 reason)
{
	outl(SHIM_PORT_SHUTDOWN, shutdown_code == NO_CODE ? reason : shutdown_code);
	/* vmmd stops the VM; the doorbell may be a little faster than that. */
	for (;;)
		asm volatile("cli; hlt");
}

/*
 * vmmd stops the VM here. What it saves is this loop, so that it goes on from here,
 * too: in this guest, or in one that has its memory. Other vCPUs may be anywhere,
 * the guest sees to it that they do nothing.
 */
static long suspend(struct vcpu *v, u64 start_info)
{
	u64 how;

	shim_info.start_info = start_info;
	__atomic_store_n(&shim_info.resume, SHIM_SUSPENDED, __ATOMIC_SEQ_CST);
	outl(SHIM_PORT_SHUTDOWN, SHUTDOWN_suspend);
	while (!(how = __atomic_load_n(&shim_info.resume, __ATOMIC_SEQ_CST))) {
		mmu_serve_flush(v);
		pause();
	}
	if (how == SHIM_CANCELLED)
		return 1;
	event_restored();
	grant_restored();
	watchdog_restored();
	clock_restored();
	return 0;
}

static long set_shutdown_code(u64 arg)
{
	struct sched_shutdown s;

	if (guest_copy(&s, (void *)arg, sizeof(s)))
		return -EFAULT;
	shutdown_code = s.reason;
	return 0;
}

static long remote_shutdown(u64 arg)
{
	struct sched_remote_shutdown s;

	if (guest_copy(&s, (void *)arg, sizeof(s)))
		return -EFAULT;
	return s.domain_id ? -ESRCH : -EPERM;
}

static long shutdown(struct vcpu *v, u64 arg, u64 start_info)
{
	struct sched_shutdown s;

	if (guest_copy(&s, (void *)arg, sizeof(s)))
		return -EFAULT;
	if (s.reason == SHUTDOWN_suspend)
		return suspend(v, start_info);
	shut_down(s.reason);
}

/* args: command, its argument, with SHUTDOWN_suspend the frame of start_info */
long hv_sched_op(struct vcpu *v, const u64 a[5])
{
	switch (a[0]) {
	case SCHEDOP_yield:
		pause();
		return 0;
	case SCHEDOP_block:
		return block(v);
	case SCHEDOP_poll:
		return poll(v, a[1]);
	case SCHEDOP_shutdown:
		return shutdown(v, a[1], a[2]);
	case SCHEDOP_shutdown_code:
		return set_shutdown_code(a[1]);
	case SCHEDOP_remote_shutdown:
		return remote_shutdown(a[1]);
	case SCHEDOP_watchdog:
		return watchdog_op(v, a[1]);
	case SCHEDOP_pin_override:
		return -EPERM;
	default:
		return -ENOSYS;
	}
}

/* The old form: the argument of shutdown is the reason itself. */
long hv_sched_op_compat(struct vcpu *v, const u64 a[5])
{
	switch (a[0]) {
	case SCHEDOP_yield:
		pause();
		return 0;
	case SCHEDOP_block:
		return block(v);
	case SCHEDOP_shutdown:
		if ((u8)a[1] == SHUTDOWN_suspend)
			return suspend(v, a[2]);
		shut_down((u8)a[1]);
	default:
		return -ENOSYS;
	}
}

/* args: absolute time in ns, or 0 for never */
long hv_set_timer_op(struct vcpu *v, const u64 a[5])
{
	v->timer = a[0] ? a[0] : NEVER;
	clock_program(v);
	return 0;
}

/* ------------------------------------------------------------ vCPUs */

/**
 * vcpu_wait_up() - be down until VCPUOP_up, then run the guest
 * @v: the calling vCPU, on a stack of its own
 */
void vcpu_wait_up(struct vcpu *v)
{
	rest(v);
	while (!__atomic_load_n(&v->up, __ATOMIC_SEQ_CST))
		halt(v);
	resume(v);
	clock_follow(v);
	vcpu_load(v, context[v->id]);
}

static long initialise(u64 id, u64 arg)
{
	/* Too large for anybody's stack, and there is no allocator. */
	static struct vcpu_guest_context copies[SHIM_VCPUS_MAX];

	if (vcpu_of((u32)id)->started)
		return -EEXIST;
	if (guest_copy(&copies[id], (void *)arg, sizeof(copies[id])))
		return -EFAULT;
	context[id] = &copies[id];
	return 0;
}

static long up(u64 id)
{
	struct vcpu *target = vcpu_of((u32)id);

	if (!target->started && !context[id])
		return -EINVAL;
	if (!__atomic_exchange_n(&target->up, 1, __ATOMIC_SEQ_CST))
		event_kick((u32)id, SHIM_VEC_EVENT);
	return 0;
}

/* Goes on behind the hypercall when it is up again. */
static long down(struct vcpu *v, u64 id)
{
	struct vcpu *target = vcpu_of((u32)id);

	__atomic_store_n(&target->up, 0, __ATOMIC_SEQ_CST);
	/* Linux stops only itself; for another it has to be down by itself. */
	if (target != v)
		return 0;
	runstate_set(v, RUNSTATE_offline);
	rest(v);
	while (!__atomic_load_n(&v->up, __ATOMIC_SEQ_CST))
		halt(v);
	resume(v);
	runstate_set(v, RUNSTATE_running);
	return 0;
}

/* Where in a machine frame, hence in the shim's view of it. */
static long register_info(struct vcpu *v, struct vcpu *target, u64 arg)
{
	struct vcpu_register_vcpu_info r;
	struct vcpu_info *info, *old = target->info;

	if (guest_copy(&r, (void *)arg, sizeof(r)))
		return -EFAULT;
	if (!mfn_is_ram(r.mfn) || r.offset > PAGE_SIZE - sizeof(*info) || r.offset & 3)
		return -EINVAL;
	info = ram((r.mfn << PAGE_SHIFT) + r.offset);
	*info = *old;
	__atomic_store_n(&target->info, info, __ATOMIC_SEQ_CST);
	event_info_moved(target);
	if (target == v)
		clock_follow(v);
	else
		event_kick(target->id, SHIM_VEC_EVENT);
	return 0;
}

static long register_runstate(struct vcpu *target, u64 arg)
{
	struct vcpu_register_runstate_memory_area area;
	struct vcpu_runstate_info info = {
		.state = target->started ? RUNSTATE_running : RUNSTATE_offline,
	};

	if (guest_copy(&area, (void *)arg, sizeof(area)))
		return -EFAULT;
	info.state_entry_time = clock_now(target);
	target->runstate = *(struct vcpu_runstate_info **)&area.addr;
	return guest_copy(target->runstate, &info, sizeof(info));
}

static long get_runstate(const struct vcpu *target, u64 arg)
{
	struct vcpu_runstate_info info = {.state = RUNSTATE_running};

	if (target->runstate && guest_copy(&info, target->runstate, sizeof(info)))
		return -EFAULT;
	return guest_copy((void *)arg, &info, sizeof(info));
}

static long set_singleshot(struct vcpu *v, u64 arg)
{
	struct vcpu_set_singleshot_timer t;

	if (guest_copy(&t, (void *)arg, sizeof(t)))
		return -EFAULT;
	if (t.flags & VCPU_SSHOTTMR_future && t.timeout_abs_ns < clock_now(v))
		return -ETIME;
	v->timer = t.timeout_abs_ns;
	clock_program(v);
	return 0;
}

#define PERIOD_MIN_NS 1000000

static long set_periodic(struct vcpu *v, u64 arg)
{
	struct vcpu_set_periodic_timer t;

	if (guest_copy(&t, (void *)arg, sizeof(t)))
		return -EFAULT;
	if (t.period_ns < PERIOD_MIN_NS)
		return -EINVAL;
	v->period = t.period_ns;
	v->period_next = clock_now(v) + t.period_ns;
	clock_program(v);
	return 0;
}

/* args: command, vCPU, argument */
long hv_vcpu_op(struct vcpu *v, const u64 a[5])
{
	struct vcpu *target;

	if (a[1] >= shim_info.nr_vcpus)
		return -ENOENT;
	target = vcpu_of((u32)a[1]);
	switch (a[0]) {
	case VCPUOP_initialise:
		return initialise(a[1], a[2]);
	case VCPUOP_up:
		return up(a[1]);
	case VCPUOP_down:
		return down(v, a[1]);
	case VCPUOP_is_up:
		return target->up;
	case VCPUOP_register_vcpu_info:
		return register_info(v, target, a[2]);
	case VCPUOP_register_runstate_memory_area:
		return register_runstate(target, a[2]);
	case VCPUOP_get_runstate_info:
		return get_runstate(target, a[2]);
	case VCPUOP_get_physid:
		/* No vCPU is a CPU of the host's for good. */
		return -EINVAL;
	case VCPUOP_send_nmi:
		event_kick(target->id, SHIM_VEC_NMI);
		return 0;
	case VCPUOP_stop_periodic_timer:
		/* Linux stops those of all when it resumes. Set, it may still go off once. */
		__atomic_store_n(&target->period, 0, __ATOMIC_SEQ_CST);
		return 0;
	default:
		break;
	}
	/* Timers are each vCPU's own. */
	if (target != v)
		return -EINVAL;
	switch (a[0]) {
	case VCPUOP_set_periodic_timer:
		return set_periodic(v, a[2]);
	case VCPUOP_set_singleshot_timer:
		return set_singleshot(v, a[2]);
	case VCPUOP_stop_singleshot_timer:
		v->timer = NEVER;
		clock_program(v);
		return 0;
	default:
		return -ENOSYS;
	}
}
