// SPDX-License-Identifier: GPL-2.0
/*
 * The 8254 programmable interval timer and, where asked for, port 0x61, which
 * gates its channel 2. Terms are those of Intel's data sheet 231164.
 *
 * Nothing counts: counters and OUT follow from the time since the count was
 * loaded. Channel 0 also has an hrtimer for the moments when its OUT rises,
 * which is IRQ 0. Counts are binary; BCD is remembered but not counted in, as
 * no PC system uses it.
 *
 * Lost ticks: a guest that was not scheduled, or that has not yet taken the
 * tick before, is owed ticks. While it is, ticks come at twice their rate, so
 * that its clock catches up but no burst overruns it. At most MAX_OWED are
 * remembered, none after KVM_REINJECT_CONTROL has switched this off.
 */
#include <linux/math64.h>
#include <linux/slab.h>
#include <linux/timex.h>

#include "chips.h"
#include "lapic.h"

#define MAX_OWED	256

#define PORT_CHANNEL0	0x40
#define PORT_CONTROL	0x43
#define PORT_SPEAKER	0x61

/* Control word: bits 7:6 channel, 5:4 access, 3:1 mode, 0 BCD. */
#define READ_BACK	3	/* channel field */
#define READ_BACK_NO_COUNT	BIT(5)
#define READ_BACK_NO_STATUS	BIT(4)
#define MODE_UNSET	0xff	/* since power-up */

/* Access field, and s.*_state and count_latched of the KVM ABI. */
enum { RW_LATCH, RW_LSB, RW_MSB, RW_WORD0, RW_WORD1 };

#define SPEAKER_GATE	BIT(0)
#define SPEAKER_DATA	BIT(1)
#define SPEAKER_REFRESH	BIT(4)
#define SPEAKER_OUT	BIT(5)

static bool periodic(const struct kvm_pit_channel_state *c)
{
	return c->mode == 2 || c->mode == 3;
}

/* In modes 1 and 5 the gate triggers; in the others it stops the count. */
static bool stopped(const struct kvm_pit_channel_state *c)
{
	return !c->gate && c->mode != 1 && c->mode != 5;
}

/* Ticks since the count was loaded. */
static u64 elapsed(const struct kvm_pit_channel_state *c)
{
	s64 ns = ktime_get_ns() - c->count_load_time;

	if (stopped(c) || ns < 0)
		return 0;
	return mul_u64_u32_div(ns, PIT_TICK_RATE, NSEC_PER_SEC);
}

/* Ticks into the current period, of modes 2 and 3. */
static u32 phase(const struct kvm_pit_channel_state *c, u64 ticks)
{
	u32 rest;

	div_u64_rem(ticks, c->count ?: 0x10000, &rest);
	return rest;
}

static u16 counter(const struct kvm_pit_channel_state *c)
{
	u64 ticks = elapsed(c);

	switch (c->mode) {
	case 2:
		return c->count - phase(c, ticks);
	case 3:
		/* Counts by two, twice a period. */
		return c->count - phase(c, 2 * ticks);
	default:
		return c->count - ticks;
	}
}

static bool out(const struct kvm_pit_channel_state *c)
{
	u64 ticks = elapsed(c);

	switch (c->mode) {
	case 2:
		return phase(c, ticks) + 1 != c->count;
	case 3:
		return phase(c, ticks) < (c->count + 1) / 2;
	case 4:
	case 5:
		return ticks != c->count;
	default:
		return ticks >= c->count;
	}
}

/* ------------------------------------------------------------ IRQ 0 */

/* lock held */
static void pit_arm(struct hv_pit *pit, ktime_t when)
{
	hrtimer_start(&pit->hrtimer, when, HRTIMER_MODE_ABS_HARD);
}

/* lock held. Returns when to come back. */
static ktime_t pit_tick(struct hv_pit *pit)
{
	ktime_t now = ktime_get();
	u64 due;
	int r;

	if (!pit->period_ns) {
		hv_gsi_pulse(pit->chip, HV_SRC_PIT, 0);
		pit->next = KTIME_MAX;
		return KTIME_MAX;
	}

	if (now >= pit->next) {
		due = div64_u64(now - pit->next, pit->period_ns) + 1;
		pit->next += due * pit->period_ns;
		pit->owed = min_t(u64, pit->owed + due, MAX_OWED);
	}
	r = hv_gsi_pulse(pit->chip, HV_SRC_PIT, 0);
	if (r < 0 || !pit->reinject)
		pit->owed = 0;		/* masked: nobody waits for ticks */
	else if (r > 0 && pit->owed)
		pit->owed--;
	if (!pit->owed)
		return pit->next;
	return min_t(u64, pit->next, now + pit->period_ns / 2);
}

static enum hrtimer_restart pit_callback(struct hrtimer *hrtimer)
{
	struct hv_pit *pit = container_of(hrtimer, struct hv_pit, hrtimer);
	ktime_t when;

	raw_spin_lock(&pit->lock);
	/* Unless it was stopped or set anew while we waited for the lock. */
	if (pit->next != KTIME_MAX && !hrtimer_is_queued(hrtimer)) {
		when = pit_tick(pit);
		if (when != KTIME_MAX)
			pit_arm(pit, when);
	}
	raw_spin_unlock(&pit->lock);
	return HRTIMER_NORESTART;
}

/* lock held. The callback may be running, but will find that it is over. */
static void pit_disarm(struct hv_pit *pit)
{
	pit->next = KTIME_MAX;
	pit->owed = 0;
	hrtimer_try_to_cancel(&pit->hrtimer);
}

/* lock held. Channel 0 has a new count. */
static void pit_start(struct hv_pit *pit)
{
	struct kvm_pit_channel_state *c = &pit->s.channels[0];
	u64 ns = mul_u64_u32_div(c->count, NSEC_PER_SEC, PIT_TICK_RATE);

	pit_disarm(pit);
	/* With an HPET in legacy mode, IRQ 0 is the HPET's. */
	if (pit->s.flags & KVM_PIT_FLAGS_HPET_LEGACY)
		return;
	/* Modes 1 and 5 wait for an edge of the gate, which is tied high. */
	if (c->mode != 0 && c->mode != 4 && !periodic(c))
		return;
	if (periodic(c))
		ns = max_t(u64, ns, HV_MIN_PERIOD_NS);
	pit->period_ns = periodic(c) ? ns : 0;
	pit->next = ktime_add_ns(c->count_load_time, ns);
	pit_arm(pit, pit->next);
}

/* ------------------------------------------------------------ registers */

static void load_count(struct hv_pit *pit, u32 nr, u16 value)
{
	struct kvm_pit_channel_state *c = &pit->s.channels[nr];

	c->count = value ?: 0x10000;
	c->count_load_time = ktime_get_ns();
	if (nr == 0)
		pit_start(pit);
}

static void latch_count(struct kvm_pit_channel_state *c)
{
	/* A second latch before the first is read is ignored. */
	if (c->count_latched)
		return;
	c->latched_count = counter(c);
	c->count_latched = c->rw_mode;
}

static void latch_status(struct kvm_pit_channel_state *c)
{
	if (c->status_latched)
		return;
	c->status = out(c) << 7 | c->rw_mode << 4 | (c->mode & 7) << 1 | c->bcd;
	c->status_latched = 1;
}

static void read_back(struct hv_pit *pit, u8 value)
{
	u32 nr;

	for (nr = 0; nr < 3; nr++) {
		if (!(value & 2 << nr))
			continue;
		if (!(value & READ_BACK_NO_COUNT))
			latch_count(&pit->s.channels[nr]);
		if (!(value & READ_BACK_NO_STATUS))
			latch_status(&pit->s.channels[nr]);
	}
}

static void control(struct hv_pit *pit, u8 value)
{
	struct kvm_pit_channel_state *c;
	u32 nr = value >> 6;

	if (nr == READ_BACK) {
		read_back(pit, value);
		return;
	}
	c = &pit->s.channels[nr];
	if ((value >> 4 & 3) == RW_LATCH) {
		latch_count(c);
		return;
	}
	c->rw_mode = value >> 4 & 3;
	c->read_state = c->rw_mode;
	c->write_state = c->rw_mode;
	c->count_latched = 0;
	c->status_latched = 0;
	c->bcd = value & 1;
	c->mode = value >> 1 & 7;
	if (c->mode > 5)
		c->mode &= 3;
	/* It stands still until it is given a count. */
	if (nr == 0)
		pit_disarm(pit);
}

static void channel_write(struct hv_pit *pit, u32 nr, u8 value)
{
	struct kvm_pit_channel_state *c = &pit->s.channels[nr];

	switch (c->write_state) {
	case RW_LSB:
		load_count(pit, nr, value);
		break;
	case RW_MSB:
		load_count(pit, nr, value << 8);
		break;
	case RW_WORD0:
		c->write_latch = value;
		c->write_state = RW_WORD1;
		break;
	case RW_WORD1:
		load_count(pit, nr, c->write_latch | value << 8);
		c->write_state = RW_WORD0;
		break;
	}
}

static u8 channel_read(struct kvm_pit_channel_state *c)
{
	u16 count;

	if (c->status_latched) {
		c->status_latched = 0;
		return c->status;
	}
	switch (c->count_latched) {
	case RW_LSB:
		c->count_latched = 0;
		return c->latched_count;
	case RW_MSB:
		c->count_latched = 0;
		return c->latched_count >> 8;
	case RW_WORD0:
		c->count_latched = RW_MSB;
		return c->latched_count;
	}

	count = counter(c);
	switch (c->read_state) {
	case RW_MSB:
		return count >> 8;
	case RW_WORD0:
		c->read_state = RW_WORD1;
		return count;
	case RW_WORD1:
		c->read_state = RW_WORD0;
		return count >> 8;
	default:
		return count;
	}
}

/* Channel 2's gate: an edge starts over or goes on, by mode. */
static void set_gate(struct kvm_pit_channel_state *c, bool gate)
{
	u64 ticks;

	if (c->gate == gate)
		return;
	if (gate) {
		c->count_load_time = ktime_get_ns();
	} else if (!periodic(c) && c->mode != 1 && c->mode != 5) {
		/* What is left goes on from here; 0: OUT has risen. */
		ticks = elapsed(c);
		c->count = ticks < c->count ? c->count - ticks : 0;
	}
	c->gate = gate;
}

static u8 speaker_read(struct hv_pit *pit)
{
	struct kvm_pit_channel_state *c = &pit->s.channels[2];
	u8 value = 0;

	if (c->gate)
		value |= SPEAKER_GATE;
	if (pit->s.flags & KVM_PIT_FLAGS_SPEAKER_DATA_ON)
		value |= SPEAKER_DATA;
	if (out(c))
		value |= SPEAKER_OUT;
	/* The refresh request toggles about every 15 us on a PC. */
	if (ktime_get_ns() >> 14 & 1)
		value |= SPEAKER_REFRESH;
	return value;
}

static void speaker_write(struct hv_pit *pit, u8 value)
{
	if (value & SPEAKER_DATA)
		pit->s.flags |= KVM_PIT_FLAGS_SPEAKER_DATA_ON;
	else
		pit->s.flags &= ~KVM_PIT_FLAGS_SPEAKER_DATA_ON;
	set_gate(&pit->s.channels[2], value & SPEAKER_GATE);
}

/**
 * hv_pit_read() - the guest reads a port
 * @pit: the PIT
 * @port: 0x40 to 0x43, or 0x61
 *
 * Context: any. Return: the byte.
 */
u8 hv_pit_read(struct hv_pit *pit, u16 port)
{
	unsigned long flags;
	u8 value = 0;

	raw_spin_lock_irqsave(&pit->lock, flags);
	if (port == PORT_SPEAKER)
		value = speaker_read(pit);
	else if (port != PORT_CONTROL)
		value = channel_read(&pit->s.channels[port - PORT_CHANNEL0]);
	raw_spin_unlock_irqrestore(&pit->lock, flags);
	return value;
}

/**
 * hv_pit_write() - the guest writes a port
 * @pit: the PIT
 * @port: 0x40 to 0x43, or 0x61
 * @value: the byte
 *
 * Context: any.
 */
void hv_pit_write(struct hv_pit *pit, u16 port, u8 value)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&pit->lock, flags);
	if (port == PORT_SPEAKER)
		speaker_write(pit, value);
	else if (port == PORT_CONTROL)
		control(pit, value);
	else
		channel_write(pit, port - PORT_CHANNEL0, value);
	raw_spin_unlock_irqrestore(&pit->lock, flags);
}

/* ------------------------------------------------------------ user space */

/**
 * hv_pit_create() - KVM_CREATE_PIT, KVM_CREATE_PIT2
 * @vm: the VM
 * @config: KVM_PIT_SPEAKER_DUMMY: port 0x61 is handled too
 *
 * Context: takes vm->lock. Return: 0, -EINVAL for unknown flags, -EEXIST,
 * -ENOENT without an irqchip, -ENOMEM.
 */
int hv_pit_create(struct hv_vm *vm, const struct kvm_pit_config *config)
{
	struct hv_pit *pit;
	int r = 0, i;

	if (config->flags & ~KVM_PIT_SPEAKER_DUMMY)
		return -EINVAL;
	pit = kzalloc(sizeof(*pit), GFP_KERNEL_ACCOUNT);
	if (!pit)
		return -ENOMEM;
	raw_spin_lock_init(&pit->lock);
	hv_hrtimer_setup(&pit->hrtimer, pit_callback, CLOCK_MONOTONIC,
			 HRTIMER_MODE_ABS_HARD);
	pit->next = KTIME_MAX;
	pit->reinject = true;
	pit->speaker = config->flags & KVM_PIT_SPEAKER_DUMMY;
	for (i = 0; i < 3; i++) {
		pit->s.channels[i].mode = MODE_UNSET;
		pit->s.channels[i].gate = i != 2;
		pit->s.channels[i].count = 0x10000;
		pit->s.channels[i].count_load_time = ktime_get_ns();
	}

	mutex_lock(&vm->lock);
	if (!vm->irqchip || vm->irqchip->split) {
		r = -ENOENT;
	} else if (vm->irqchip->pit) {
		r = -EEXIST;
	} else {
		pit->chip = vm->irqchip;
		/* vCPUs find it without the lock. */
		smp_store_release(&vm->irqchip->pit, pit);
	}
	mutex_unlock(&vm->lock);
	if (r)
		kfree(pit);
	return r;
}

static struct hv_pit *pit_of(struct hv_vm *vm)
{
	struct hv_irqchip *chip = READ_ONCE(vm->irqchip);

	return chip ? READ_ONCE(chip->pit) : NULL;
}

/**
 * hv_pit_get() - KVM_GET_PIT2
 * @vm: the VM
 * @state: filled; load times are in ns of CLOCK_MONOTONIC
 *
 * Return: 0, -ENXIO without a PIT.
 */
int hv_pit_get(struct hv_vm *vm, struct kvm_pit_state2 *state)
{
	struct hv_pit *pit = pit_of(vm);
	unsigned long flags;

	if (!pit)
		return -ENXIO;
	raw_spin_lock_irqsave(&pit->lock, flags);
	*state = pit->s;
	raw_spin_unlock_irqrestore(&pit->lock, flags);
	return 0;
}

/**
 * hv_pit_set() - KVM_SET_PIT2
 * @vm: the VM
 * @state: new state; channel 0 starts over with its count
 *
 * Return: 0, -ENXIO without a PIT.
 */
int hv_pit_set(struct hv_vm *vm, const struct kvm_pit_state2 *state)
{
	struct hv_pit *pit = pit_of(vm);
	struct kvm_pit_channel_state *c;
	unsigned long flags;
	int i;

	if (!pit)
		return -ENXIO;
	raw_spin_lock_irqsave(&pit->lock, flags);
	memcpy(pit->s.channels, state->channels, sizeof(pit->s.channels));
	pit->s.flags = state->flags & (KVM_PIT_FLAGS_HPET_LEGACY |
				       KVM_PIT_FLAGS_SPEAKER_DATA_ON);
	for (i = 0; i < 3; i++) {
		c = &pit->s.channels[i];
		/* What no sequence of port accesses can make of it. */
		if (c->mode > 5)
			c->mode = MODE_UNSET;
		c->rw_mode &= 3;
		c->bcd &= 1;
		c->gate = !!c->gate;
		c->count = min(c->count, 0x10000U);
	}
	load_count(pit, 0, pit->s.channels[0].count);
	raw_spin_unlock_irqrestore(&pit->lock, flags);
	return 0;
}

/**
 * hv_pit_reinject() - KVM_REINJECT_CONTROL
 * @vm: the VM
 * @on: whether lost ticks are made up for
 *
 * Return: 0, -ENXIO without a PIT.
 */
int hv_pit_reinject(struct hv_vm *vm, bool on)
{
	struct hv_pit *pit = pit_of(vm);
	unsigned long flags;

	if (!pit)
		return -ENXIO;
	raw_spin_lock_irqsave(&pit->lock, flags);
	pit->reinject = on;
	raw_spin_unlock_irqrestore(&pit->lock, flags);
	return 0;
}

/**
 * hv_pit_stop() - no more ticks
 * @chip: the irqchip of a VM that is being destroyed
 *
 * Context: may sleep.
 */
void hv_pit_stop(struct hv_irqchip *chip)
{
	struct hv_pit *pit = chip->pit;
	unsigned long flags;

	if (!pit)
		return;
	raw_spin_lock_irqsave(&pit->lock, flags);
	pit_disarm(pit);
	raw_spin_unlock_irqrestore(&pit->lock, flags);
	hrtimer_cancel(&pit->hrtimer);
}
