/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Between clock.c, which keeps time, and pvclock.c, which tells the guest.
 */
#ifndef HVCTL_CLOCK_H
#define HVCTL_CLOCK_H

#include <linux/math64.h>
#include <linux/time64.h>
#include <linux/types.h>

#include <asm/tsc.h>

struct hv_vm;

/**
 * struct hv_clock_sample - one moment of the host
 * @tsc: host TSC
 * @ns: raw monotonic time plus time suspended
 * @real_ns: CLOCK_REALTIME
 */
struct hv_clock_sample {
	u64 tsc;
	u64 ns;
	u64 real_ns;
};

void hv_clock_publish(struct hv_vm *vm, u64 place, void *rec, u32 len, u32 at);
struct timespec64 hv_clock_zero(struct hv_vm *vm);
bool hv_clock_sample(struct hv_clock_sample *s);
void hv_clock_master(struct hv_vm *vm);

/* Cycles of the TSC, of less than some years, as ns. */
static inline u64 hv_tsc_to_ns(u64 cycles)
{
	return mul_u64_u32_div(cycles, USEC_PER_SEC, tsc_khz);
}

#endif /* HVCTL_CLOCK_H */
