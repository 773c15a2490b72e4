// SPDX-License-Identifier: GPL-2.0
/*
 * Time of a guest: its TSC, the VM's kvmclock, and when each must be told anew.
 *
 * A guest's TSC is the host's plus an offset. The kvmclock is the host's
 * CLOCK_MONOTONIC_RAW plus time asleep, plus an offset. While the host itself
 * keeps time by the TSC and all vCPUs have the same TSC offset, one pair of
 * (TSC, kvmclock), the master, is all a guest needs for good: every vCPU's
 * page is made from the same pair, and the guest is told that it may compare
 * them. Otherwise each page gets a pair of its own, and a new one every second
 * and with every move to another CPU.
 *
 * pvclock.c writes the pages.
 */
#include "hvctl.h"

#include <linux/clocksource.h>
#include <linux/pvclock_gtod.h>
#include <linux/sched.h>
#include <linux/timekeeper_internal.h>
#include <linux/timekeeping.h>
#include <linux/workqueue.h>

#include <asm/kvm_para.h>
#include <asm/msr.h>
#include <asm/msr-index.h>
#include <asm/pvclock.h>
#include <asm/tsc.h>

#include "clock.h"

/* Host TSC when it was suspended; the CPUs may have started again from 0. */
static u64 suspended_at;

/* The host's clocksource as last seen; compared, never followed. */
static const struct clocksource *host_clocksource;

/**
 * hv_tsc_khz() - frequency of host and guest TSC
 */
u32 hv_tsc_khz(void)
{
	return tsc_khz;
}

/**
 * hv_guest_tsc() - what RDTSC gives in this guest now
 * @vcpu: any context
 */
u64 hv_guest_tsc(struct hv_vcpu *vcpu)
{
	return rdtsc() + vcpu->tsc_offset;
}

/* The base of all kvmclocks: raw monotonic time, which goes on in suspend. */
static u64 raw_boot_ns(ktime_t raw)
{
	return ktime_to_ns(raw) +
	       ktime_to_ns(ktime_mono_to_any(0, TK_OFFS_BOOT));
}

/**
 * hv_clock_sample() - host TSC and time of the same moment
 * @s: filled
 *
 * Return: whether the host keeps its time by the TSC, so that @s is exact and
 * time between two samples follows from the TSC. Told by the snapshot's
 * counter being a TSC value of just now.
 */
bool hv_clock_sample(struct hv_clock_sample *s)
{
	struct system_time_snapshot snap;
	u64 before, after;

	before = rdtsc_ordered();
	ktime_get_snapshot(&snap);
	after = rdtsc_ordered();
	s->ns = raw_boot_ns(snap.raw);
	s->real_ns = ktime_to_ns(snap.real);
	if (snap.cycles >= before && snap.cycles <= after) {
		s->tsc = snap.cycles;
		return true;
	}
	s->tsc = after;
	return false;
}

static bool offsets_match(struct hv_vm *vm)
{
	u32 i, n = smp_load_acquire(&vm->nr_vcpus); /* hv_vcpu_create() */

	for (i = 1; i < n; i++)
		if (READ_ONCE(vm->vcpu[i]->tsc_offset) !=
		    READ_ONCE(vm->vcpu[0]->tsc_offset))
			return false;
	return true;
}

/**
 * hv_clock_master() - make the VM's master pair anew
 * @vm: with its clock.lock held
 */
void hv_clock_master(struct hv_vm *vm)
{
	struct hv_clock_vm *c = &vm->clock;
	struct hv_clock_sample s;

	lockdep_assert_held(&c->lock);
	WRITE_ONCE(c->stable, hv_clock_sample(&s) && offsets_match(vm));
	c->master_tsc = s.tsc;
	c->master_ns = s.ns + c->offset;
}

/* New master, and every vCPU writes its page before it goes on. */
static void restart(struct hv_vm *vm)
{
	u32 i, n = smp_load_acquire(&vm->nr_vcpus); /* hv_vcpu_create() */

	spin_lock(&vm->clock.lock);
	hv_clock_master(vm);
	spin_unlock(&vm->clock.lock);
	for (i = 0; i < n; i++) {
		hv_request(vm->vcpu[i], HV_REQ_CLOCK);
		hv_vcpu_kick(vm->vcpu[i]);
	}
}

/**
 * hv_clock_vm_init() - the kvmclock of a new VM starts from zero
 * @vm: being created
 */
void hv_clock_vm_init(struct hv_vm *vm)
{
	spin_lock_init(&vm->clock.lock);
	vm->clock.offset = -(s64)raw_boot_ns(ktime_get_raw());
}

/**
 * hv_clock_create() - start the TSC of a new vCPU
 * @vcpu: being created, not yet in vm->vcpu[]
 *
 * The first one starts from zero, the others agree with their peers.
 */
void hv_clock_create(struct hv_vcpu *vcpu)
{
	struct hv_clock_vm *c = &vcpu->vm->clock;

	spin_lock(&c->lock);
	if (!c->tsc_known) {
		c->tsc_known = true;
		c->tsc_offset = -rdtsc();
		c->tsc_written_ns = raw_boot_ns(ktime_get_raw());
	}
	vcpu->tsc_offset = c->tsc_offset;
	spin_unlock(&c->lock);
	hv_request(vcpu, HV_REQ_TSC);
}

/**
 * hv_clock_reset() - paravirtual clocks off, as after RESET
 * @vcpu: its own thread, or being created
 */
void hv_clock_reset(struct hv_vcpu *vcpu)
{
	memset(&vcpu->clock, 0, sizeof(vcpu->clock));
	vcpu->tsc_adjust = 0;
}

static void set_offset(struct hv_vcpu *vcpu, u64 offset)
{
	if (offset == vcpu->tsc_offset)
		return;
	WRITE_ONCE(vcpu->tsc_offset, offset);
	hv_request(vcpu, HV_REQ_TSC);
	if (vcpu->lapic)
		hv_lapic_timer_update(vcpu);
	restart(vcpu->vm);
}

/*
 * The offset that a value written by user space means.
 *
 * A VMM that restores or resets a VM writes the TSCs one after the other,
 * each a little later. Values within a second of where the others would be
 * by now mean "the same as the others", and 0 on a vCPU that is plugged in
 * always does.
 */
static u64 offset_by_user(struct hv_vm *vm, u64 value)
{
	struct hv_clock_vm *c = &vm->clock;
	u64 now, expected, offset;

	spin_lock(&c->lock);
	now = raw_boot_ns(ktime_get_raw());
	expected = c->tsc_written +
		   mul_u64_u32_div(now - c->tsc_written_ns, tsc_khz,
				   USEC_PER_SEC);
	if (value && (!c->tsc_by_user ||
		      abs((s64)(value - expected)) >= tsc_khz * 1000LL)) {
		c->tsc_offset = value - rdtsc();
		c->tsc_written = value;
		c->tsc_written_ns = now;
	}
	c->tsc_by_user = true;
	offset = c->tsc_offset;
	spin_unlock(&c->lock);
	return offset;
}

/**
 * hv_clock_tsc_write() - write MSR_IA32_TSC or MSR_IA32_TSC_ADJUST
 * @vcpu: its own thread, hot or slow path
 * @msr: which of the two
 * @value: new value
 * @host: user space restores a state: TSC_ADJUST is only stored then, as its
 *	  effect came with the TSC
 */
void hv_clock_tsc_write(struct hv_vcpu *vcpu, u32 msr, u64 value, bool host)
{
	u64 offset;

	if (msr == MSR_IA32_TSC_ADJUST) {
		if (!host)
			set_offset(vcpu, vcpu->tsc_offset + value -
					 vcpu->tsc_adjust);
		vcpu->tsc_adjust = value;
	} else if (host) {
		set_offset(vcpu, offset_by_user(vcpu->vm, value));
	} else {
		/* TSC_ADJUST follows (Intel volume 3, 18.17.3). */
		offset = value - rdtsc();
		vcpu->tsc_adjust += offset - vcpu->tsc_offset;
		set_offset(vcpu, offset);
	}
}

/**
 * hv_clock_msr_read() - read one of KVM's time MSRs
 * @vcpu: its own thread, hot or slow path
 * @msr: which
 * @value: filled with what was written last
 */
int hv_clock_msr_read(struct hv_vcpu *vcpu, u32 msr, u64 *value)
{
	switch (msr) {
	case MSR_KVM_SYSTEM_TIME:
	case MSR_KVM_SYSTEM_TIME_NEW:
		*value = vcpu->clock.time_msr;
		return 0;
	case MSR_KVM_WALL_CLOCK:
	case MSR_KVM_WALL_CLOCK_NEW:
		*value = vcpu->clock.wall_msr;
		return 0;
	case MSR_KVM_STEAL_TIME:
		*value = vcpu->clock.steal_msr;
		return 0;
	default:
		return -EINVAL;
	}
}

/**
 * hv_clock_msr_write() - write one of KVM's time MSRs
 * @vcpu: its own thread, hot or slow path
 * @msr: which
 * @value: guest-physical address of the record, bit 0 enables it
 * @host: user space restores a state: the wall clock in memory is kept
 *
 * The records are written before the guest goes on.
 *
 * Return: 0, or -EINVAL for reserved bits (the guest gets #GP).
 */
int hv_clock_msr_write(struct hv_vcpu *vcpu, u32 msr, u64 value, bool host)
{
	struct hv_clock_vcpu *c = &vcpu->clock;

	switch (msr) {
	case MSR_KVM_SYSTEM_TIME:
	case MSR_KVM_SYSTEM_TIME_NEW:
		c->time_msr = value;
		if (value & KVM_MSR_ENABLED)
			hv_request(vcpu, HV_REQ_CLOCK);
		return 0;
	case MSR_KVM_WALL_CLOCK:
	case MSR_KVM_WALL_CLOCK_NEW:
		c->wall_msr = value;
		if (!host && value) {
			c->wall_wanted = true;
			hv_request(vcpu, HV_REQ_CLOCK);
		}
		return 0;
	case MSR_KVM_STEAL_TIME:
		if (value & KVM_STEAL_RESERVED_MASK)
			return -EINVAL;
		c->steal_msr = value;
		c->steal_told = vcpu->steal_ns;
		if (value & KVM_MSR_ENABLED)
			hv_request(vcpu, HV_REQ_STEAL);
		return 0;
	default:
		return -EINVAL;
	}
}

/* Time the thread was runnable and did not run, ns. */
static u64 run_delay(void)
{
#ifdef CONFIG_SCHED_INFO
	return current->sched_info.run_delay;
#else
	return 0;
#endif
}

/**
 * hv_clock_load() - see whether time went wrong while the vCPU was away
 * @vcpu: its own thread, about to enter the inner loop, IRQs on or off
 * @moved: it runs on another CPU than before
 */
void hv_clock_load(struct hv_vcpu *vcpu, bool moved)
{
	struct hv_clock_vcpu *c = &vcpu->clock;
	u64 delay = run_delay();

	if (unlikely(c->task != current)) {
		c->task = current;
		c->run_delay = delay;
	} else if (delay != c->run_delay) {
		vcpu->steal_ns += delay - c->run_delay;
		c->run_delay = delay;
		if ((c->steal_msr & KVM_MSR_ENABLED) || vcpu->xen)
			hv_request(vcpu, HV_REQ_STEAL);
	}
	if (unlikely(!READ_ONCE(vcpu->vm->clock.stable)) &&
	    ((c->time_msr & KVM_MSR_ENABLED) || vcpu->xen) &&
	    (moved || rdtsc() - c->written_at > tsc_khz * 1000ULL))
		hv_request(vcpu, HV_REQ_CLOCK);
}

/**
 * hv_kvmclock_ctrl() - KVM_KVMCLOCK_CTRL: the guest was stopped on purpose
 * @vcpu: locked
 *
 * Keeps the guest's soft-lockup watchdog quiet after a pause.
 *
 * Return: 0, or -EINVAL when the guest does not use kvmclock.
 */
int hv_kvmclock_ctrl(struct hv_vcpu *vcpu)
{
	if (!(vcpu->clock.time_msr & KVM_MSR_ENABLED))
		return -EINVAL;
	vcpu->clock.paused = true;
	hv_request(vcpu, HV_REQ_CLOCK);
	return 0;
}

/**
 * hv_clock_get() - KVM_GET_CLOCK
 * @vm: any VM
 * @data: filled; the flags say when the guest reads the same from its TSC,
 *	  and then host TSC and CLOCK_REALTIME of that moment are given too
 */
int hv_clock_get(struct hv_vm *vm, struct kvm_clock_data *data)
{
	struct hv_clock_vm *c = &vm->clock;
	struct hv_clock_sample s;
	bool exact;

	memset(data, 0, sizeof(*data));
	spin_lock(&c->lock);
	if (!c->master_tsc)
		hv_clock_master(vm);
	exact = hv_clock_sample(&s) && c->stable;
	data->clock = exact ? c->master_ns + hv_tsc_to_ns(s.tsc - c->master_tsc) :
			      s.ns + c->offset;
	spin_unlock(&c->lock);
	if (exact) {
		data->flags = KVM_CLOCK_TSC_STABLE | KVM_CLOCK_REALTIME |
			      KVM_CLOCK_HOST_TSC;
		data->realtime = s.real_ns;
		data->host_tsc = s.tsc;
	}
	return 0;
}

/**
 * hv_clock_set() - KVM_SET_CLOCK
 * @vm: any VM
 * @data: new kvmclock, ns; with KVM_CLOCK_REALTIME it was read at that
 *	  CLOCK_REALTIME and is moved on by the time since
 *
 * Return: 0, or -EINVAL for flags that do not exist.
 */
int hv_clock_set(struct hv_vm *vm, const struct kvm_clock_data *data)
{
	struct hv_clock_sample s;
	u64 clock = data->clock;

	if (data->flags & ~(KVM_CLOCK_TSC_STABLE | KVM_CLOCK_REALTIME |
			    KVM_CLOCK_HOST_TSC))
		return -EINVAL;
	hv_clock_sample(&s);
	if ((data->flags & KVM_CLOCK_REALTIME) && s.real_ns > data->realtime)
		clock += s.real_ns - data->realtime;
	spin_lock(&vm->clock.lock);
	vm->clock.offset = clock - s.ns;
	spin_unlock(&vm->clock.lock);
	restart(vm);
	return 0;
}

static void restart_all(struct work_struct *work)
{
	struct hv_vm *vm;

	mutex_lock(&hv_vms_lock);
	list_for_each_entry(vm, &hv_vms, node)
		restart(vm);
	mutex_unlock(&hv_vms_lock);
}

static DECLARE_WORK(restart_work, restart_all);

/**
 * hv_clock_suspend() - before the host sleeps
 *
 * Context: syscore callback: one CPU, IRQs off, all tasks frozen.
 */
void hv_clock_suspend(void)
{
	suspended_at = rdtsc();
}

/**
 * hv_clock_hotplug() - after the host slept: all clocks anew
 *
 * Guests' TSCs never go back: what the host's lost is added to the offsets.
 *
 * Context: syscore callback: one CPU, IRQs off, all tasks frozen, so that the
 * lists do not change.
 */
void hv_clock_hotplug(void)
{
	u64 now = rdtsc(), lost = suspended_at > now ? suspended_at - now : 0;
	struct hv_vm *vm;
	u32 i;

	if (lost) {
		list_for_each_entry(vm, &hv_vms, node) {
			vm->clock.tsc_offset += lost;
			for (i = 0; i < vm->nr_vcpus; i++) {
				vm->vcpu[i]->tsc_offset += lost;
				hv_request(vm->vcpu[i], HV_REQ_TSC);
			}
		}
	}
	schedule_work(&restart_work);
}

/* Called with every tick of the timekeeper, interrupts off. */
static int timekeeping(struct notifier_block *nb, unsigned long stepped,
		       void *priv)
{
	const struct timekeeper *tk = priv;

	if (tk->tkr_mono.clock != host_clocksource) {
		host_clocksource = tk->tkr_mono.clock;
		schedule_work(&restart_work);
	}
	return 0;
}

static struct notifier_block timekeeping_nb = {
	.notifier_call = timekeeping,
};

/**
 * hv_clock_init() - follow the host's clocksource
 *
 * Return: 0, or an errno of the notifier chain.
 */
int hv_clock_init(void)
{
	return pvclock_gtod_register_notifier(&timekeeping_nb);
}

/**
 * hv_clock_exit() - undo hv_clock_init(); no VM is left
 */
void hv_clock_exit(void)
{
	pvclock_gtod_unregister_notifier(&timekeeping_nb);
	cancel_work_sync(&restart_work);
}
