// SPDX-License-Identifier: GPL-2.0
/* Timers, watchdogs, and what needs no file of its own. See pvcalls.h. */
#include "pvcalls.h"

#include <xen/event_channel.h>
#include <xen/physdev.h>
#include <xen/sched.h>
#include <xen/vcpu.h>
#include <xen/version.h>

#define MS	 1000000UL
#define ETIME	 62
#define FOREIGN	 0 /* domain 0 */
#define NOBODY	 5 /* a domain that there is not */
#define NR_PORTS 4096

static long vcpu_op(u32 cmd, void *arg)
{
	return hypercall(__HYPERVISOR_vcpu_op, cmd, 0, (u64)arg);
}

static long sched_op(u32 cmd, void *arg)
{
	return hypercall(__HYPERVISOR_sched_op, cmd, (u64)arg, 0);
}

static long event_op(u32 cmd, void *arg)
{
	return hypercall(__HYPERVISOR_event_channel_op, cmd, (u64)arg, 0);
}

/* ------------------------------------------------------------ timers */

/* Nanoseconds since the start, good enough to be in the future or the past. */
static u64 now(void)
{
	const volatile struct vcpu_time_info *t = &shared_info()->vcpu_info[0].time;
	u32 low, high;
	u64 tsc;

	asm volatile("rdtsc" : "=a"(low), "=d"(high));
	tsc = (low | (u64)high << 32) - t->tsc_timestamp;
	tsc = t->tsc_shift < 0 ? tsc >> -t->tsc_shift : tsc << t->tsc_shift;
	return t->system_time + (u64)(((unsigned __int128)tsc * t->tsc_to_system_mul) >> 32);
}

/* Wait for a port, masked as all are, a second at most. Return: whether it came. */
static bool comes(u32 port, u64 ns)
{
	struct sched_poll poll = {.nr_ports = 1, .timeout = now() + ns};
	u64 bit = 1UL << (port % 64);

	*(u32 **)&poll.ports = &port;
	sched_op(SCHEDOP_poll, &poll);
	return __atomic_fetch_and(&shared_info()->evtchn_pending[port / 64], ~bit,
				  __ATOMIC_SEQ_CST) &
	       bit;
}

static void test_timers(void)
{
	struct evtchn_bind_virq virq = {.virq = VIRQ_TIMER};
	struct vcpu_set_periodic_timer period = {MS / 2};
	struct vcpu_set_singleshot_timer shot = {1, VCPU_SSHOTTMR_future};
	u64 then = now();
	u32 port;

	check("bind_virq: the timer", !event_op(EVTCHNOP_bind_virq, &virq));
	port = virq.port;
	check("... once", event_op(EVTCHNOP_bind_virq, &virq) < 0);
	check("set_periodic_timer: too fast",
	      vcpu_op(VCPUOP_set_periodic_timer, &period) == -EINVAL);
	period.period_ns = 2 * MS;
	check("set_periodic_timer", !vcpu_op(VCPUOP_set_periodic_timer, &period));
	check("... ticks", comes(port, 1000 * MS) && comes(port, 1000 * MS) &&
				   comes(port, 1000 * MS) && now() - then >= 4 * MS);
	check("stop_periodic_timer", !vcpu_op(VCPUOP_stop_periodic_timer, NULL));
	comes(port, 5 * MS);
	check("... no tick any more", !comes(port, 20 * MS));
	check("set_singleshot_timer: it is too late",
	      vcpu_op(VCPUOP_set_singleshot_timer, &shot) == -ETIME);
	/* Far enough away that it is not over before it is set, on a busy host either. */
	shot = (struct vcpu_set_singleshot_timer){now() + 200 * MS, VCPU_SSHOTTMR_future};
	check("set_singleshot_timer", !vcpu_op(VCPUOP_set_singleshot_timer, &shot));
	check("... comes once", comes(port, 2000 * MS) && !comes(port, 10 * MS));
	shot.timeout_abs_ns = now() + 200 * MS;
	vcpu_op(VCPUOP_set_singleshot_timer, &shot);
	check("stop_singleshot_timer",
	      !vcpu_op(VCPUOP_stop_singleshot_timer, NULL) && !comes(port, 300 * MS));
	check("set_timer_op", !hypercall(__HYPERVISOR_set_timer_op, now() + 2 * MS, 0, 0) &&
				      comes(port, 1000 * MS));
}

/* ------------------------------------------------------------ ends */

static long watchdog(u32 id, u32 timeout)
{
	struct sched_watchdog w = {id, timeout};

	return sched_op(SCHEDOP_watchdog, &w);
}

static void test_watchdogs(void)
{
	check("watchdog: of no time", watchdog(0, 0) == -EINVAL);
	check("watchdog: one that is not set", watchdog(1, 100) == -EINVAL);
	check("watchdog: no such number", watchdog(3, 100) == -EINVAL);
	check("watchdog: two", watchdog(0, 1) == 1 && watchdog(0, 100) == 2);
	check("watchdog: and no third", watchdog(0, 100) == -ENOSPC);
	check("watchdog: is fed", !watchdog(1, 100));
	check("watchdog: taken down", !watchdog(2, 0) && watchdog(2, 100) == -EINVAL);
	check("watchdog: one again", watchdog(0, 100) == 2);
	check("watchdog: both taken down", !watchdog(1, 0) && !watchdog(2, 0));
	check("watchdog: not mapped", sched_op(SCHEDOP_watchdog, NULL) == -EFAULT);
}

/** end_by_watchdog() - the only way out of here */
void end_by_watchdog(void)
{
	watchdog(0, 1);
	for (;;)
		;
}

/** end_by_code() - whatever follows, it is a reboot */
void end_by_code(void)
{
	struct sched_shutdown code = {SHUTDOWN_reboot};
	struct sched_shutdown crash = {SHUTDOWN_crash};

	check("shutdown_code", !sched_op(SCHEDOP_shutdown_code, &code));
	sched_op(SCHEDOP_shutdown, &crash);
}

/* ------------------------------------------------------------ the rest */

static long version(u32 cmd, void *arg)
{
	return hypercall(__HYPERVISOR_xen_version, cmd, (u64)arg, 0);
}

static bool same(const void *a, const char *text)
{
	const char *p = a;

	while (*text && *p == *text)
		p++, text++;
	return *p == *text;
}

static void test_version(void)
{
	static struct xen_compile_info compiled;
	static char text[1024];
	static const u8 uuid[16] = {0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77,
				    0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff};
	u32 i;

	check("version", version(XENVER_version, NULL) >> 16 == 4);
	check("compile_info",
	      !version(XENVER_compile_info, &compiled) && same(compiled.compile_by, "hvctl"));
	check("changeset", !version(XENVER_changeset, text) && same(text, "unavailable"));
	check("commandline", !version(XENVER_commandline, text) && same(text, "<denied>"));
	check("build_id", version(XENVER_build_id, text) == -EPERM);
	check("guest_handle", !version(XENVER_guest_handle, text));
	for (i = 0; i < sizeof(uuid) && (u8)text[i] == uuid[i]; i++)
		;
	check("... is uuid=", i == sizeof(uuid));
	check("pagesize", version(XENVER_pagesize, NULL) == PAGE);
	check("a version that is not asked for", version(77, text) == -ENOSYS);
	check("compile_info: not mapped", version(XENVER_compile_info, NULL) == -EFAULT);
}

static long physdev(u32 cmd, void *arg)
{
	return hypercall(__HYPERVISOR_physdev_op, cmd, (u64)arg, 0);
}

static void test_ports(void)
{
	struct physdev_set_iobitmap map = {.nr_ports = 65537};
	struct physdev_set_iopl iopl = {4};

	check("set_iopl: no such level", physdev(PHYSDEVOP_set_iopl, &iopl) == -EINVAL);
	iopl.iopl = 1;
	check("set_iopl", !physdev(PHYSDEVOP_set_iopl, &iopl));
	check("set_iobitmap: too many", physdev(PHYSDEVOP_set_iobitmap, &map) == -EINVAL);
	map.nr_ports = 0;
	check("set_iobitmap", !physdev(PHYSDEVOP_set_iobitmap, &map));
	check("set_iobitmap: not mapped", physdev(PHYSDEVOP_set_iobitmap, NULL) == -EFAULT);
	check("a device that is not ours", physdev(PHYSDEVOP_eoi, NULL) == -ENOSYS);
}

static long update_other(u64 page, u64 entry, u64 dom)
{
	register u64 r10 asm("r10") = dom;
	long ret;

	asm volatile("syscall"
		     : "=a"(ret), "+D"(page), "+S"(entry), "+r"(r10)
		     : "0"((u64)__HYPERVISOR_update_va_mapping_otherdomain), "d"((u64)UVMF_INVLPG)
		     : "rcx", "r11", "r8", "r9", "memory");
	return ret;
}

static void test_domains(void)
{
	struct sched_remote_shutdown s = {FOREIGN, SHUTDOWN_poweroff};
	struct evtchn_bind_interdomain bind = {FOREIGN, 1, 0};
	struct vcpu_get_physid id;
	u64 entry = mfn_of(spare[0]) * PAGE | PTE_KERNEL;

	check("get_physid: no vCPU is pinned", vcpu_op(VCPUOP_get_physid, &id) == -EINVAL);
	check("remote_shutdown: domain 0", sched_op(SCHEDOP_remote_shutdown, &s) == -EPERM);
	s.domain_id = NOBODY;
	check("remote_shutdown: no such domain", sched_op(SCHEDOP_remote_shutdown, &s) == -ESRCH);
	check("pin_override", sched_op(SCHEDOP_pin_override, NULL) == -EPERM);
	check("a way to end that does not exist", sched_op(77, NULL) == -ENOSYS);
	check("bind_interdomain: nothing to bind to",
	      event_op(EVTCHNOP_bind_interdomain, &bind) == -EINVAL);
	bind.remote_dom = NOBODY;
	check("bind_interdomain: no such domain",
	      event_op(EVTCHNOP_bind_interdomain, &bind) == -ESRCH);
	check("update_va_mapping_otherdomain: itself",
	      !update_other((u64)spare[0], entry, DOMID_SELF));
	check("update_va_mapping_otherdomain: domain 0",
	      update_other((u64)spare[0], entry, FOREIGN) == -EPERM);
	check("update_va_mapping_otherdomain: no such domain",
	      update_other((u64)spare[0], entry, NOBODY) == -ESRCH);
}

void test_misc(void)
{
	test_timers();
	test_watchdogs();
	test_version();
	test_ports();
	test_domains();
}

/** test_reset() - behind which there is no channel */
void test_reset(void)
{
	struct evtchn_reset reset = {FOREIGN};
	struct evtchn_status status = {.dom = DOMID_SELF};
	struct evtchn_bind_ipi ipi = {0};
	u32 open = 0;

	check("reset: domain 0", event_op(EVTCHNOP_reset, &reset) == -EPERM);
	reset.dom = NOBODY;
	check("reset: no such domain", event_op(EVTCHNOP_reset, &reset) == -ESRCH);
	reset.dom = DOMID_SELF;
	check("reset", !event_op(EVTCHNOP_reset, &reset));
	for (status.port = 0; status.port < NR_PORTS; status.port++)
		open += event_op(EVTCHNOP_status, &status) || status.status != EVTCHNSTAT_closed;
	check("... closes all", !open);
	check("status: no such port", event_op(EVTCHNOP_status, &status) == -EINVAL);
	check("... and the first is free", !event_op(EVTCHNOP_bind_ipi, &ipi) && ipi.port == 1);
	shared_info()->evtchn_pending[0] = 0;
	event_op(EVTCHNOP_send, &(struct evtchn_send){ipi.port});
	check("... by the 2-level ABI", shared_info()->evtchn_pending[0] == 2);
}
