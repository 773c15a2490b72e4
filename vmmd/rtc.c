// SPDX-License-Identifier: GPL-2.0
/*
 * An MC146818A clock with a PC's 128 bytes of CMOS memory.
 *
 * Nothing ticks while nobody listens: time registers are computed when read.
 * A timer runs only while an interrupt is enabled: once a second for update
 * and alarm, at the programmed rate for the periodic interrupt.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "rtc.h"
#include "vm.h"

#define RTC_PORT   0x70
#define RTC_PORTS  2
#define CMOS_BYTES 128

/* Registers */
#define RTC_SECONDS	  0x00
#define RTC_SECONDS_ALARM 0x01
#define RTC_MINUTES	  0x02
#define RTC_MINUTES_ALARM 0x03
#define RTC_HOURS	  0x04
#define RTC_HOURS_ALARM	  0x05
#define RTC_WEEKDAY	  0x06
#define RTC_DAY		  0x07
#define RTC_MONTH	  0x08
#define RTC_YEAR	  0x09
#define RTC_A		  0x0a
#define RTC_B		  0x0b
#define RTC_C		  0x0c
#define RTC_D		  0x0d
#define RTC_CENTURY	  0x32

#define RTC_A_UIP     (1U << 7)
#define RTC_A_RATE    0x0f
#define RTC_A_32768HZ 0x26 /* divider on, 1024 Hz */
#define RTC_B_SET     (1U << 7)
#define RTC_B_PIE     (1U << 6)
#define RTC_B_AIE     (1U << 5)
#define RTC_B_UIE     (1U << 4)
#define RTC_B_BINARY  (1U << 2)
#define RTC_B_24H     (1U << 1)
#define RTC_C_IRQF    (1U << 7)
#define RTC_C_PF      (1U << 6)
#define RTC_C_AF      (1U << 5)
#define RTC_C_UF      (1U << 4)
#define RTC_D_VALID   (1U << 7)
#define RTC_PM	      (1U << 7)
/* An alarm byte with both top bits set matches everything. */
#define RTC_ALARM_ANY 0xc0
/* Update in progress for so long before the second changes (t_BUC). */
#define RTC_UIP_NS 244000

/* Memory size, where a PC's firmware keeps it */
#define CMOS_BASE_KIB	0x15
#define CMOS_EXT_KIB	0x17 /* again at 0x30 */
#define CMOS_EXT2_KIB	0x30
#define CMOS_HIGH_64KIB 0x34 /* above 16 MiB */
#define CMOS_ABOVE_4GIB 0x5b /* three bytes, 64 KiB units */

/**
 * struct rtc - the clock
 * @dev: entry of the device list
 * @vm: constant
 * @region: ports
 * @second: timer for update and alarm; constant
 * @period: timer for the periodic interrupt; constant
 * @lock: guards what follows
 * @index: register selected
 * @cmos: registers that are not computed; time registers while RTC_B_SET
 * @offset: seconds the guest's clock is ahead of the host's
 * @seen: second at which register C was read last
 * @irq: level driven on the line
 */
struct rtc {
	struct device dev;
	struct vm *vm;
	struct io_region region;
	struct loop_timer *second;
	struct loop_timer *period;
	pthread_mutex_t lock;
	u8 index;
	u8 cmos[CMOS_BYTES];
	s64 offset;
	s64 seen;
	bool irq;
};

/* The guest's clock in seconds since 1970, and how far into the second. */
static s64 rtc_now(const struct rtc *rtc, long *ns)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	if (ns)
		*ns = now.tv_nsec;
	return now.tv_sec + rtc->offset;
}

static u8 rtc_encode(const struct rtc *rtc, int value)
{
	if (rtc->cmos[RTC_B] & RTC_B_BINARY)
		return (u8)value;
	return (u8)(value / 10 << 4 | value % 10);
}

static int rtc_decode(const struct rtc *rtc, u8 value)
{
	if (rtc->cmos[RTC_B] & RTC_B_BINARY)
		return value;
	return (value >> 4) * 10 + (value & 0xf);
}

static u8 rtc_encode_hour(const struct rtc *rtc, int hour)
{
	if (rtc->cmos[RTC_B] & RTC_B_24H)
		return rtc_encode(rtc, hour);
	return (u8)(rtc_encode(rtc, hour % 12 ? hour % 12 : 12) | (hour >= 12 ? RTC_PM : 0));
}

static int rtc_decode_hour(const struct rtc *rtc, u8 value)
{
	if (rtc->cmos[RTC_B] & RTC_B_24H)
		return rtc_decode(rtc, value);
	return rtc_decode(rtc, value & ~RTC_PM) % 12 + (value & RTC_PM ? 12 : 0);
}

/* Fill in the time registers. */
static void rtc_latch(struct rtc *rtc)
{
	time_t now = (time_t)rtc_now(rtc, NULL);
	struct tm tm;
	int year;

	gmtime_r(&now, &tm);
	/* A guest may have set the clock to before year 0. */
	year = tm.tm_year < -1900 ? 0 : tm.tm_year + 1900;
	rtc->cmos[RTC_SECONDS] = rtc_encode(rtc, tm.tm_sec);
	rtc->cmos[RTC_MINUTES] = rtc_encode(rtc, tm.tm_min);
	rtc->cmos[RTC_HOURS] = rtc_encode_hour(rtc, tm.tm_hour);
	rtc->cmos[RTC_WEEKDAY] = rtc_encode(rtc, tm.tm_wday + 1);
	rtc->cmos[RTC_DAY] = rtc_encode(rtc, tm.tm_mday);
	rtc->cmos[RTC_MONTH] = rtc_encode(rtc, tm.tm_mon + 1);
	rtc->cmos[RTC_YEAR] = rtc_encode(rtc, year % 100);
	rtc->cmos[RTC_CENTURY] = rtc_encode(rtc, year / 100 % 100);
}

/* Set the clock to what the time registers say, whatever nonsense that is. */
static void rtc_set(struct rtc *rtc)
{
	struct tm tm = {
		.tm_sec = rtc_decode(rtc, rtc->cmos[RTC_SECONDS]),
		.tm_min = rtc_decode(rtc, rtc->cmos[RTC_MINUTES]),
		.tm_hour = rtc_decode_hour(rtc, rtc->cmos[RTC_HOURS]),
		.tm_mday = rtc_decode(rtc, rtc->cmos[RTC_DAY]),
		.tm_mon = rtc_decode(rtc, rtc->cmos[RTC_MONTH]) - 1,
		.tm_year = rtc_decode(rtc, rtc->cmos[RTC_YEAR]) - 1900 +
			   100 * rtc_decode(rtc, rtc->cmos[RTC_CENTURY]),
	};

	rtc->offset += (s64)timegm(&tm) - rtc_now(rtc, NULL);
}

static bool rtc_is_time(u8 reg)
{
	return reg == RTC_SECONDS || reg == RTC_MINUTES || reg == RTC_CENTURY ||
	       (reg >= RTC_HOURS && reg <= RTC_YEAR && reg != RTC_HOURS_ALARM);
}

static void rtc_update_irq(struct rtc *rtc)
{
	bool level = rtc->cmos[RTC_C] & rtc->cmos[RTC_B] & (RTC_C_PF | RTC_C_AF | RTC_C_UF);

	if (level)
		rtc->cmos[RTC_C] |= RTC_C_IRQF;
	if (level != rtc->irq) {
		rtc->irq = level;
		irq_set(rtc->vm, IRQ_RTC, level);
	}
}

static bool rtc_alarm_byte(u8 alarm, u8 value)
{
	return (alarm & RTC_ALARM_ANY) == RTC_ALARM_ANY || alarm == value;
}

static bool rtc_alarm_matches(struct rtc *rtc)
{
	rtc_latch(rtc);
	return rtc_alarm_byte(rtc->cmos[RTC_SECONDS_ALARM], rtc->cmos[RTC_SECONDS]) &&
	       rtc_alarm_byte(rtc->cmos[RTC_MINUTES_ALARM], rtc->cmos[RTC_MINUTES]) &&
	       rtc_alarm_byte(rtc->cmos[RTC_HOURS_ALARM], rtc->cmos[RTC_HOURS]);
}

/* The second changed while an interrupt depends on it. */
static void rtc_second(void *opaque)
{
	struct rtc *rtc = opaque;

	pthread_mutex_lock(&rtc->lock);
	if (!(rtc->cmos[RTC_B] & RTC_B_SET)) {
		rtc->cmos[RTC_C] |= RTC_C_UF;
		if (rtc_alarm_matches(rtc))
			rtc->cmos[RTC_C] |= RTC_C_AF;
		rtc_update_irq(rtc);
	}
	pthread_mutex_unlock(&rtc->lock);
}

static void rtc_period(void *opaque)
{
	struct rtc *rtc = opaque;

	pthread_mutex_lock(&rtc->lock);
	rtc->cmos[RTC_C] |= RTC_C_PF;
	rtc_update_irq(rtc);
	pthread_mutex_unlock(&rtc->lock);
}

/* Rates 1 and 2 are the same as 8 and 9; 0 is off (data sheet, table 5). */
static u64 rtc_period_ns(const struct rtc *rtc)
{
	u32 rate = rtc->cmos[RTC_A] & RTC_A_RATE;

	if (!rate)
		return 0;
	if (rate <= 2)
		rate += 7;
	return NSEC_PER_SEC * (1ULL << (rate - 1)) / 32768;
}

/* Run the timers that the enabled interrupts need, and no others. */
static void rtc_arm(struct rtc *rtc)
{
	u8 b = rtc->cmos[RTC_B];
	u64 period = (b & RTC_B_PIE) ? rtc_period_ns(rtc) : 0;
	u64 second = 0;
	long ns;

	if (b & (RTC_B_AIE | RTC_B_UIE)) {
		rtc_now(rtc, &ns);
		second = NSEC_PER_SEC - (u64)ns;
	}
	loop_timer_set(rtc->second, second, second ? NSEC_PER_SEC : 0);
	loop_timer_set(rtc->period, period, period);
}

/* Reading C acknowledges. What no timer watched is found out now. */
static u8 rtc_read_c(struct rtc *rtc)
{
	s64 now = rtc_now(rtc, NULL);
	u8 c;

	if (now != rtc->seen && !(rtc->cmos[RTC_B] & RTC_B_SET)) {
		rtc->cmos[RTC_C] |= RTC_C_UF;
		if (rtc_alarm_matches(rtc))
			rtc->cmos[RTC_C] |= RTC_C_AF;
	}
	rtc->seen = now;
	if (!(rtc->cmos[RTC_B] & RTC_B_PIE) && rtc_period_ns(rtc))
		rtc->cmos[RTC_C] |= RTC_C_PF;
	c = rtc->cmos[RTC_C];
	rtc->cmos[RTC_C] = 0;
	rtc_update_irq(rtc);
	return c;
}

static u8 rtc_read_reg(struct rtc *rtc, u8 reg)
{
	long ns;

	if (rtc_is_time(reg) && !(rtc->cmos[RTC_B] & RTC_B_SET))
		rtc_latch(rtc);
	switch (reg) {
	case RTC_A:
		rtc_now(rtc, &ns);
		if (!(rtc->cmos[RTC_B] & RTC_B_SET) && ns >= (long)NSEC_PER_SEC - RTC_UIP_NS)
			return rtc->cmos[RTC_A] | RTC_A_UIP;
		return rtc->cmos[RTC_A];
	case RTC_C:
		return rtc_read_c(rtc);
	case RTC_D:
		return RTC_D_VALID;
	default:
		return rtc->cmos[reg];
	}
}

static void rtc_write_b(struct rtc *rtc, u8 value)
{
	u8 old = rtc->cmos[RTC_B];

	/* Freeze the registers as they are; set the clock when they thaw. */
	if (value & ~old & RTC_B_SET)
		rtc_latch(rtc);
	rtc->cmos[RTC_B] = value;
	if (old & ~value & RTC_B_SET)
		rtc_set(rtc);
	if (value & RTC_B_SET)
		rtc->cmos[RTC_B] &= (u8)~RTC_B_UIE;
	rtc_arm(rtc);
	rtc_update_irq(rtc);
}

static void rtc_write_reg(struct rtc *rtc, u8 reg, u8 value)
{
	switch (reg) {
	case RTC_A:
		rtc->cmos[RTC_A] = value & (u8)~RTC_A_UIP;
		rtc_arm(rtc);
		break;
	case RTC_B:
		rtc_write_b(rtc, value);
		break;
	case RTC_C:
	case RTC_D:
		break;
	default:
		if (!rtc_is_time(reg) || (rtc->cmos[RTC_B] & RTC_B_SET)) {
			rtc->cmos[reg] = value;
			break;
		}
		rtc_latch(rtc);
		rtc->cmos[reg] = value;
		rtc_set(rtc);
	}
}

static void rtc_read(void *opaque, u64 off, u32 size, void *data)
{
	struct rtc *rtc = opaque;

	memset(data, 0xff, size);
	/* The index port is write only. */
	if (off != 1)
		return;
	pthread_mutex_lock(&rtc->lock);
	*(u8 *)data = rtc_read_reg(rtc, rtc->index);
	pthread_mutex_unlock(&rtc->lock);
}

static void rtc_write(void *opaque, u64 off, u32 size, const void *data)
{
	struct rtc *rtc = opaque;
	const u8 *in = data;

	pthread_mutex_lock(&rtc->lock);
	if (off == 0) {
		/* Bit 7 masks NMI, of which there is none. */
		rtc->index = in[0] & (CMOS_BYTES - 1);
		if (size > 1)
			rtc_write_reg(rtc, rtc->index, in[1]);
	} else {
		rtc_write_reg(rtc, rtc->index, in[0]);
	}
	pthread_mutex_unlock(&rtc->lock);
}

static void cmos_put(struct rtc *rtc, u32 at, u64 value, u32 bytes)
{
	for (; bytes; bytes--, at++, value >>= 8)
		rtc->cmos[at] = (u8)value;
}

/* Sizes are told in units that saturate where their field ends. */
static void cmos_memory(struct rtc *rtc, const struct guest_mem *mem)
{
	u64 low = mem->region[0].len;
	u64 ext = min_t(u64, (low - MIB) / KIB, UINT16_MAX);
	u64 high = low > 16 * MIB ? (low - 16 * MIB) / (64 * KIB) : 0;
	u64 above = mem->nr > 1 ? mem->region[1].len / (64 * KIB) : 0;

	cmos_put(rtc, CMOS_BASE_KIB, 640, 2);
	cmos_put(rtc, CMOS_EXT_KIB, ext, 2);
	cmos_put(rtc, CMOS_EXT2_KIB, ext, 2);
	cmos_put(rtc, CMOS_HIGH_64KIB, min_t(u64, high, UINT16_MAX), 2);
	cmos_put(rtc, CMOS_ABOVE_4GIB, min_t(u64, above, 0xffffff), 3);
}

/* Power-on state of a machine whose clock never lost its battery. */
static void rtc_reset(struct device *dev)
{
	struct rtc *rtc = container_of(dev, struct rtc, dev);

	pthread_mutex_lock(&rtc->lock);
	memset(rtc->cmos, 0, sizeof(rtc->cmos));
	rtc->cmos[RTC_A] = RTC_A_32768HZ;
	rtc->cmos[RTC_B] = RTC_B_24H;
	rtc->index = 0;
	rtc->irq = false;
	rtc->seen = rtc_now(rtc, NULL);
	cmos_memory(rtc, &rtc->vm->mem);
	rtc_arm(rtc);
	pthread_mutex_unlock(&rtc->lock);
}

static int rtc_start(struct device *dev)
{
	struct rtc *rtc = container_of(dev, struct rtc, dev);

	pthread_mutex_lock(&rtc->lock);
	rtc_arm(rtc);
	pthread_mutex_unlock(&rtc->lock);
	return 0;
}

static void rtc_stop(struct device *dev)
{
	struct rtc *rtc = container_of(dev, struct rtc, dev);

	loop_timer_set(rtc->second, 0, 0);
	loop_timer_set(rtc->period, 0, 0);
}

static void rtc_destroy(struct device *dev)
{
	struct rtc *rtc = container_of(dev, struct rtc, dev);

	bus_del(&rtc->vm->pio, &rtc->region);
	loop_timer_destroy(rtc->second);
	loop_timer_destroy(rtc->period);
	pthread_mutex_destroy(&rtc->lock);
	free(rtc);
}

int rtc_create(struct vm *vm)
{
	struct rtc *rtc;
	int ret;

	rtc = calloc(1, sizeof(*rtc));
	if (!rtc)
		return -ENOMEM;
	rtc->vm = vm;
	pthread_mutex_init(&rtc->lock, NULL);
	/* gmtime_r() reads the zone file once, which the sandbox would forbid. */
	tzset();
	rtc->dev = (struct device){
		.name = "rtc",
		.start = rtc_start,
		.stop = rtc_stop,
		.reset = rtc_reset,
		.destroy = rtc_destroy,
	};
	rtc->region = (struct io_region){
		.base = RTC_PORT,
		.len = RTC_PORTS,
		.name = "rtc",
		.read = rtc_read,
		.write = rtc_write,
		.opaque = rtc,
	};
	rtc->second = loop_timer_create(vm->main_loop, rtc_second, rtc);
	rtc->period = loop_timer_create(vm->main_loop, rtc_period, rtc);
	if (!rtc->second || !rtc->period) {
		ret = -errno;
		goto fail;
	}
	rtc_reset(&rtc->dev);
	ret = bus_add(&vm->pio, &rtc->region);
	if (ret)
		goto fail;
	vm_add_device(vm, &rtc->dev);
	return 0;

fail:
	log_err("rtc: %s", strerror(-ret));
	rtc_destroy(&rtc->dev);
	return ret;
}
