// SPDX-License-Identifier: GPL-2.0
/*
 * KVM's Xen HVM interface: hypercalls that the kernel handles (events to ports
 * and eventfds, timers, polls), and the records of time in both of the guest's
 * layouts.
 *
 * lab: smp=2
 */
#include "xen.h"

static __guest void senders(void)
{
	struct evtchn_send *send = (struct evtchn_send *)ARG;

	wrmsr(MSR, PAGE);
	guest_sti();
	send->port = 5; /* to ourselves */
	guest_equal(xen_call(__HYPERVISOR_event_channel_op, EVTCHNOP_send, ARG, 0), 0);
	guest_sync(1);
	send->port = 6; /* to an eventfd */
	guest_equal(xen_call(__HYPERVISOR_event_channel_op, EVTCHNOP_send, ARG, 0), 0);
	guest_sync(2);
	send->port = 4096;
	guest_equal(xen_call(__HYPERVISOR_event_channel_op, EVTCHNOP_send, ARG, 0), -22);
	/* In memory that the guest's tables do not have. */
	guest_equal(xen_call(__HYPERVISOR_event_channel_op, EVTCHNOP_send, 1UL << 46, 0), -14);
	guest_equal(xen_call(__HYPERVISOR_xen_version, XENVER_version, 0, 0), 0x40014);
	guest_sync(3);
	send->port = 7; /* unknown: user space's */
	guest_equal(xen_call(__HYPERVISOR_event_channel_op, EVTCHNOP_send, ARG, 0), 77);
	guest_done();
}

TEST_F(xen, sent_by_guest)
{
	int fd = eventfd(0, EFD_NONBLOCK);

	ASSERT_EQ(0, outbound(self->vm, 0, 5, EVTCHNSTAT_interdomain, PORT, 0));
	ASSERT_EQ(0, outbound_fd(self->vm, 6, fd));
	ASSERT_EQ(0, outbound(self->vm, 0, 7, EVTCHNSTAT_ipi, 7, 0));
	ASSERT_EQ(0, set(self->vm, KVM_XEN_ATTR_TYPE_XEN_VERSION, 0x40014));
	kv_enter(self->vcpu, senders, 0, 0);
	ASSERT_SYNC(self->vcpu, 0x1000);
	EXPECT_EQ(1UL << (PORT % 64), self->vcpu->last.b);
	ASSERT_SYNC(self->vcpu, 1);
	EXPECT_EQ(0, kv_event_take(fd));
	ASSERT_SYNC(self->vcpu, 2);
	EXPECT_EQ(1, kv_event_take(fd));
	ASSERT_SYNC(self->vcpu, 3);
	ASSERT_EQ(0, outbound(self->vm, KVM_XEN_EVTCHN_RESET, 0, 0, 0, 0));
	ASSERT_EXIT(self->vcpu, KVM_EXIT_XEN);
	EXPECT_EQ(__HYPERVISOR_event_channel_op, self->vcpu->run->xen.u.hcall.input);
	self->vcpu->run->xen.u.hcall.result = 77;
	ASSERT_DONE(self->vcpu);
	close(fd);
}

/* RDI: Xen's time in 20 ms. */
static __guest void timers(u64 when)
{
	struct vcpu_set_singleshot_timer *single = (void *)ARG;

	wrmsr(MSR, PAGE);
	guest_equal(xen_call(__HYPERVISOR_set_timer_op, when, 0, 0), 0);
	guest_sync(1);
	guest_sti_hlt();
	guest_cli();
	guest_sync(2);
	single->timeout_abs_ns = 1;
	single->flags = VCPU_SSHOTTMR_future;
	guest_equal(xen_call(__HYPERVISOR_vcpu_op, VCPUOP_set_singleshot_timer, 0, ARG), -62);
	single->flags = 0;
	guest_equal(xen_call(__HYPERVISOR_vcpu_op, VCPUOP_set_singleshot_timer, 0, ARG), 0);
	guest_sti_hlt();
	guest_cli();
	guest_equal(xen_call(__HYPERVISOR_vcpu_op, VCPUOP_set_singleshot_timer, 1, ARG), -22);
	guest_equal(xen_call(__HYPERVISOR_vcpu_op, VCPUOP_set_singleshot_timer, 0, 1UL << 46), -14);
	single->timeout_abs_ns = when + 1000000000000UL;
	guest_equal(xen_call(__HYPERVISOR_vcpu_op, VCPUOP_set_singleshot_timer, 0, ARG), 0);
	guest_sync(3);
	guest_equal(xen_call(__HYPERVISOR_vcpu_op, VCPUOP_stop_singleshot_timer, 0, 0), 0);
	guest_sync(4);
	guest_done();
}

TEST_F(xen, timer)
{
	u64 when = now(self->vm) + 300 * MS;

	ASSERT_EQ(0, timer(self->vcpu, PORT, PRIO, 0));
	kv_enter(self->vcpu, timers, when, 0);
	ASSERT_SYNC(self->vcpu, 1);
	EXPECT_EQ(when, timer_expires(self->vcpu));
	ASSERT_SYNC(self->vcpu, 0x1000);
	EXPECT_EQ(1UL << (PORT % 64), self->vcpu->last.b);
	EXPECT_LE(when, now(self->vm) + MS);
	ASSERT_SYNC(self->vcpu, 2);
	EXPECT_EQ(0, timer_expires(self->vcpu));
	ASSERT_SYNC(self->vcpu, 0x1000);
	ASSERT_SYNC(self->vcpu, 3);
	EXPECT_EQ(when + 1000000 * MS, timer_expires(self->vcpu));
	ASSERT_SYNC(self->vcpu, 4);
	EXPECT_EQ(0, timer_expires(self->vcpu));
	ASSERT_DONE(self->vcpu);
}

/* Without a port for it the timer is user space's; one that is restored is not. */
TEST_F(xen, timer_restored)
{
	kv_enter(self->vcpu, timers, 5, 0);
	ASSERT_EXIT(self->vcpu, KVM_EXIT_XEN);
	EXPECT_EQ(__HYPERVISOR_set_timer_op, self->vcpu->run->xen.u.hcall.input);
	EXPECT_EQ(5, self->vcpu->run->xen.u.hcall.params[0]);
	kv_enter(self->vcpu, halting, 0, 0);
	ASSERT_SYNC(self->vcpu, 1);
	ASSERT_EQ(0, timer(self->vcpu, PORT, PRIO, now(self->vm) + 20 * MS));
	ASSERT_SYNC(self->vcpu, 0x1000);
	ASSERT_EQ(0, timer(self->vcpu, PORT, PRIO, 1));
	EXPECT_EQ(0, timer_expires(self->vcpu));
	EXPECT_EQ(1UL << (PORT % 64), self->shared->evtchn_pending[1]);
	ASSERT_SYNC(self->vcpu, 0x1000);
}

/* RDI: the timeout. */
static __guest void polls(u64 timeout)
{
	struct sched_poll *poll = (void *)ARG;
	u32 *ports = (u32 *)(ARG + 64);

	wrmsr(MSR, PAGE);
	ports[0] = PORT;
	poll->ports.p = (evtchn_port_t *)(ARG + 64);
	poll->nr_ports = 1;
	poll->timeout = timeout;
	guest_sync(1);
	guest_equal(xen_call(__HYPERVISOR_sched_op, SCHEDOP_poll, ARG, 0), 0);
	guest_sync(2);
	poll->nr_ports = 129;
	guest_equal(xen_call(__HYPERVISOR_sched_op, SCHEDOP_poll, ARG, 0), -22);
	poll->nr_ports = 1;
	ports[0] = 4096;
	guest_equal(xen_call(__HYPERVISOR_sched_op, SCHEDOP_poll, ARG, 0), -22);
	guest_equal(xen_call(__HYPERVISOR_sched_op, SCHEDOP_poll, 1UL << 46, 0), -14);
	guest_equal(xen_call(__HYPERVISOR_sched_op, SCHEDOP_yield, 0, 0), 0);
	guest_done();
}

TEST_F(xen, poll_masked)
{
	kv_enter(self->vcpu, polls, 0, 0);
	ASSERT_SYNC(self->vcpu, 1);
	self->shared->evtchn_mask[1] = ~0UL;
	kv_start(self->vcpu);
	usleep(50000);
	EXPECT_EQ(0, send_event(self->vm, 0, PORT, PRIO));
	self->vcpu->last = kv_join(self->vcpu);
	EXPECT_EQ(KV_SYNC, self->vcpu->last.kind);
	EXPECT_EQ(2, self->vcpu->last.value);
	ASSERT_DONE(self->vcpu);
}

TEST_F(xen, poll_timeout)
{
	u64 when = now(self->vm) + 200 * MS;

	kv_enter(self->vcpu, polls, when, 0);
	ASSERT_SYNC(self->vcpu, 1);
	ASSERT_SYNC(self->vcpu, 2);
	EXPECT_LE(when, now(self->vm) + MS);
}

/* Of events that user space sets itself the kernel would not hear. */
TEST_F(xen, poll_by_user)
{
	ASSERT_EQ(0, config(self->vm, KVM_XEN_HVM_CONFIG_INTERCEPT_HCALL, MSR));
	kv_enter(self->vcpu, polls, 0, 0);
	ASSERT_SYNC(self->vcpu, 1);
	ASSERT_EXIT(self->vcpu, KVM_EXIT_XEN);
	EXPECT_EQ(__HYPERVISOR_sched_op, self->vcpu->run->xen.u.hcall.input);
}

/* ---------------------------------------------------------------- time */

static __guest void syncs(void)
{
	for (;;)
		guest_sync(1);
}

TEST_F(xen, runstate)
{
	volatile struct vcpu_runstate_info *rs = kv_gpa(self->vm, RUNSTATE, sizeof(*rs));

	kv_enter(self->vcpu, syncs, 0, 0);
	memset((void *)rs, 0xa5, sizeof(*rs) + 8);
	ASSERT_EQ(0, vset(self->vcpu, KVM_XEN_VCPU_ATTR_TYPE_RUNSTATE_ADDR, RUNSTATE));
	EXPECT_EQ(RUNSTATE_running, rs->state);
	EXPECT_EQ(0xa5, ((u8 *)rs)[sizeof(*rs)]);
	ASSERT_EQ(0, runstate(self->vcpu, KVM_XEN_VCPU_ATTR_TYPE_RUNSTATE_CURRENT, RUNSTATE_blocked,
			      0, 0, 0));
	EXPECT_EQ(RUNSTATE_blocked, rs->state);
	usleep(20000);
	ASSERT_SYNC(self->vcpu, 1);
	EXPECT_EQ(RUNSTATE_running, rs->state);
	EXPECT_LE(20 * MS, rs->time[RUNSTATE_blocked]);
	EXPECT_EQ(rs->state_entry_time, rs->time[0] + rs->time[1] + rs->time[2] + rs->time[3]);

	ASSERT_EQ(0, runstate(self->vcpu, KVM_XEN_VCPU_ATTR_TYPE_RUNSTATE_DATA, RUNSTATE_offline,
			      100, 200, 300));
	EXPECT_EQ(300, rs->state_entry_time);
	EXPECT_EQ(100, rs->time[RUNSTATE_running]);
	EXPECT_EQ(0, rs->time[RUNSTATE_runnable]);
	EXPECT_EQ(RUNSTATE_offline, rs->state);
	ASSERT_EQ(0,
		  runstate(self->vcpu, KVM_XEN_VCPU_ATTR_TYPE_RUNSTATE_ADJUST, (u64)-1, 10, 5, 15));
	EXPECT_EQ(315, rs->state_entry_time);
	EXPECT_EQ(205, rs->time[RUNSTATE_blocked]);

	EXPECT_ERRNO(EINVAL,
		     runstate(self->vcpu, KVM_XEN_VCPU_ATTR_TYPE_RUNSTATE_CURRENT, 4, 0, 0, 0));
	EXPECT_ERRNO(EINVAL,
		     runstate(self->vcpu, KVM_XEN_VCPU_ATTR_TYPE_RUNSTATE_DATA, 0, 1, 1, 3));
	EXPECT_ERRNO(EINVAL, runstate(self->vcpu, KVM_XEN_VCPU_ATTR_TYPE_RUNSTATE_DATA, 0,
				      1UL << 62, 0, 1UL << 62));
	EXPECT_ERRNO(EINVAL,
		     runstate(self->vcpu, KVM_XEN_VCPU_ATTR_TYPE_RUNSTATE_ADJUST, 4, 1, 1, 2));
	EXPECT_ERRNO(EINVAL,
		     runstate(self->vcpu, KVM_XEN_VCPU_ATTR_TYPE_RUNSTATE_ADJUST, 0, 1, 1, 3));
}

TEST_F(xen, runstate_32)
{
	u8 *rs = kv_gpa(self->vm, RUNSTATE, 64);
	u64 entry, blocked;

	memset(rs, 0xa5, 64);
	ASSERT_EQ(0, set(self->vm, KVM_XEN_ATTR_TYPE_LONG_MODE, 0));
	ASSERT_EQ(0, set(self->vm, KVM_XEN_ATTR_TYPE_RUNSTATE_UPDATE_FLAG, 1));
	ASSERT_EQ(0, vset(self->vcpu, KVM_XEN_VCPU_ATTR_TYPE_RUNSTATE_ADDR, RUNSTATE));
	usleep(1000);
	ASSERT_EQ(0, runstate(self->vcpu, KVM_XEN_VCPU_ATTR_TYPE_RUNSTATE_DATA, RUNSTATE_blocked,
			      100, 200, 300));
	memcpy(&entry, rs + 4, 8);
	memcpy(&blocked, rs + 12 + 16, 8);
	EXPECT_EQ(RUNSTATE_blocked, rs[0]);
	EXPECT_EQ(300, entry);
	EXPECT_EQ(200, blocked);
	EXPECT_EQ(0xa5, rs[44]);
}

TEST_F(xen, clocks)
{
	volatile struct vcpu_time_info *time = kv_gpa(self->vm, TIME, sizeof(*time));
	struct kvm_clock_data data;
	long long zero;

	ASSERT_EQ(0, vset(self->vcpu, KVM_XEN_VCPU_ATTR_TYPE_VCPU_TIME_INFO, TIME));
	kv_enter(self->vcpu, syncs, 0, 0);
	ASSERT_SYNC(self->vcpu, 1);
	EXPECT_NE(0, time->version);
	EXPECT_EQ(0, time->version & 1);
	EXPECT_EQ(0, self->info->time.version & 1);
	EXPECT_EQ(time->tsc_to_system_mul, self->info->time.tsc_to_system_mul);
	EXPECT_NE(0, self->info->time.tsc_to_system_mul);

	ASSERT_EQ(0, ioctl(self->vm->fd, KVM_GET_CLOCK, &data));
	EXPECT_NE(0, self->shared->wc_version);
	EXPECT_EQ(0, self->shared->wc_version & 1);
	EXPECT_EQ(0, self->shared->wc_sec_hi);
	zero = (long long)(data.realtime - data.clock);
	if (data.flags & KVM_CLOCK_REALTIME)
		EXPECT_GE(1, llabs(zero / 1000000000 - (long long)self->shared->wc_sec));
	if (data.flags & KVM_CLOCK_TSC_STABLE)
		EXPECT_EQ(1, time->flags & 1);
	/* The guest is told not to trust the TSC when user space says so. */
	ASSERT_EQ(0, config(self->vm, KVM_XEN_HVM_CONFIG_PVCLOCK_TSC_UNSTABLE, MSR));
	ASSERT_EQ(0, vset(self->vcpu, KVM_XEN_VCPU_ATTR_TYPE_VCPU_TIME_INFO, TIME));
	ASSERT_SYNC(self->vcpu, 1);
	EXPECT_EQ(0, time->flags & 1);
}

TEST_HARNESS_MAIN
