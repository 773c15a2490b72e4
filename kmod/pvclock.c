// SPDX-License-Identifier: GPL-2.0
/*
 * The records in guest memory that tell a guest the time: kvmclock, wall
 * clock, steal time.
 *
 * Each has a version that is odd while the record is being written; a guest
 * reads again when it was odd or has changed. The version goes on from the
 * one in memory, which may have come with a migration. Guest memory is not
 * trusted: what is read from it is only counted on.
 */
#include "hvctl.h"

#include <linux/timekeeping.h>

#include <asm/kvm_para.h>
#include <asm/msr.h>
#include <asm/pvclock-abi.h>

#include "clock.h"

/* Next version of a record in memory, to be odd while it is written. */
static u32 next_odd(u32 version)
{
	return (version + 1) | 1;
}

/**
 * hv_clock_publish() - write a record under its version
 * @vm: the VM, of the current mm
 * @place: where in the guest's memory
 * @rec: the new record
 * @len: its bytes
 * @at: offset of the version in it, which is made even; the odd one is stored
 *	first and the even one last
 *
 * A record outside of guest memory is not written.
 *
 * Context: may sleep.
 */
void hv_clock_publish(struct hv_vm *vm, u64 place, void *rec, u32 len, u32 at)
{
	u32 *version = rec + at;
	u32 odd;

	if (hv_place_read(vm, place + at, &odd, sizeof(odd)))
		return;
	odd = next_odd(odd);
	if (hv_place_write(vm, place + at, &odd, sizeof(odd)))
		return;
	smp_wmb();	/* readers see the odd version before new contents */
	*version = odd;
	if (hv_place_write(vm, place, rec, len))
		return;
	smp_wmb();	/* and all contents before the even one */
	*version = odd + 1;
	hv_place_write(vm, place + at, version, sizeof(*version));
}

/*
 * The guest computes ns = ((cycles << shift) * mul) >> 32, a negative shift
 * going right. Choose shift so that mul has all its 32 bits.
 */
static void tsc_scale(struct pvclock_vcpu_time_info *info)
{
	u64 hz = (u64)tsc_khz * 1000;
	s8 shift = 0;

	for (; hz > 2 * (u64)NSEC_PER_SEC; shift--)
		hz >>= 1;
	for (; hz <= NSEC_PER_SEC; shift++)
		hz <<= 1;
	info->tsc_shift = shift;
	info->tsc_to_system_mul = div64_u64((u64)NSEC_PER_SEC << 32, hz);
}

static void write_time(struct hv_vcpu *vcpu)
{
	struct hv_clock_vm *c = &vcpu->vm->clock;
	struct hv_clock_vcpu *v = &vcpu->clock;
	struct pvclock_vcpu_time_info info = { };
	struct hv_clock_sample s;

	spin_lock(&c->lock);
	if (!c->master_tsc)
		hv_clock_master(vcpu->vm);
	if (c->stable) {
		s.tsc = c->master_tsc;
		s.ns = c->master_ns;
		info.flags |= PVCLOCK_TSC_STABLE_BIT;
	} else {
		hv_clock_sample(&s);
		s.ns += c->offset;
	}
	spin_unlock(&c->lock);

	if (vcpu->clock.paused) {
		vcpu->clock.paused = false;
		info.flags |= PVCLOCK_GUEST_STOPPED;
	}
	info.tsc_timestamp = s.tsc + vcpu->tsc_offset;
	info.system_time = s.ns;
	tsc_scale(&info);
	v->written_at = rdtsc();
	if (v->time_msr & KVM_MSR_ENABLED)
		hv_clock_publish(vcpu->vm,
				 hv_place_gpa(v->time_msr & ~(u64)KVM_MSR_ENABLED),
				 &info, sizeof(info),
				 offsetof(struct pvclock_vcpu_time_info, version));
	if (vcpu->xen)
		hv_xen_clock_update(vcpu, &info);
}

/**
 * hv_clock_zero() - CLOCK_REALTIME of the moment kvmclock was zero
 * @vm: the VM
 */
struct timespec64 hv_clock_zero(struct hv_vm *vm)
{
	struct kvm_clock_data now;

	hv_clock_get(vm, &now);
	if (!(now.flags & KVM_CLOCK_REALTIME))
		now.realtime = ktime_get_real_ns();
	return ns_to_timespec64(now.realtime - now.clock);
}

static void write_wall(struct hv_vcpu *vcpu)
{
	struct timespec64 zero = hv_clock_zero(vcpu->vm);
	struct pvclock_wall_clock wall = {
		.sec = zero.tv_sec,
		.nsec = zero.tv_nsec,
	};

	hv_clock_publish(vcpu->vm, hv_place_gpa(vcpu->clock.wall_msr), &wall,
			 sizeof(wall), offsetof(struct pvclock_wall_clock, version));
}

/**
 * hv_clock_update() - serve HV_REQ_CLOCK
 * @vcpu: its own thread, outside the inner loop; may sleep
 *
 * A record outside of guest memory is not written; nothing tells the guest.
 */
void hv_clock_update(struct hv_vcpu *vcpu)
{
	if (vcpu->clock.wall_wanted) {
		vcpu->clock.wall_wanted = false;
		write_wall(vcpu);
	}
	if ((vcpu->clock.time_msr & KVM_MSR_ENABLED) || vcpu->xen)
		write_time(vcpu);
}

/**
 * hv_steal_update() - serve HV_REQ_STEAL
 * @vcpu: its own thread, outside the inner loop; may sleep
 *
 * Time stolen on another host before a migration is in the record already
 * and is added to.
 */
void hv_steal_update(struct hv_vcpu *vcpu)
{
	struct hv_clock_vcpu *c = &vcpu->clock;
	u64 gpa = c->steal_msr & KVM_STEAL_VALID_BITS;
	struct kvm_steal_time rec;

	if (vcpu->xen)
		hv_xen_runstate_update(vcpu);
	if (!(c->steal_msr & KVM_MSR_ENABLED) ||
	    hv_read_gpa(vcpu->vm, gpa, &rec, sizeof(rec)))
		return;
	rec.steal += vcpu->steal_ns - c->steal_told;
	rec.flags = 0;
	rec.preempted = 0;
	c->steal_told = vcpu->steal_ns;
	hv_clock_publish(vcpu->vm, hv_place_gpa(gpa), &rec, sizeof(rec),
			 offsetof(struct kvm_steal_time, version));
}
