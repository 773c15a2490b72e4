// SPDX-License-Identifier: GPL-2.0
/* What all tests need, event channels, memory reservation. See pvcalls.h. */
#include "pvcalls.h"

#include <xen/event_channel.h>
#include <xen/memory.h>
#include <xen/sched.h>

#define ARRAY 4 /* pages of words that the shim takes */

#define PENDING (1U << EVTCHN_FIFO_PENDING)
#define MASKED	(1U << EVTCHN_FIFO_MASKED)
#define LINKED	(1U << EVTCHN_FIFO_LINKED)
#define HIGH	3 /* a priority above the default */

static u8 shared_page[PAGE] __attribute__((aligned(PAGE)));
static u8 control_page[PAGE] __attribute__((aligned(PAGE)));
static u32 words[ARRAY][PAGE / 4] __attribute__((aligned(PAGE)));
u8 spare[8][PAGE] __attribute__((aligned(8 * PAGE)));

static const u64 *mfn_list;
static const struct start_info *info;

static long event_op(u32 cmd, void *arg)
{
	return hypercall(__HYPERVISOR_event_channel_op, cmd, (u64)arg, 0);
}

static void say(const char *text)
{
	u64 len = 0;

	while (text[len])
		len++;
	hypercall(__HYPERVISOR_console_io, CONSOLEIO_write, len, (u64)text);
}

void check(const char *what, bool good)
{
	say(good ? "ok " : "not ok ");
	say(what);
	say("\n");
}

u64 pfn_of(const void *p)
{
	return ((u64)p - VIRT_BASE) / PAGE;
}

u64 mfn_of(const void *p)
{
	return mfn_list[pfn_of(p)];
}

bool map_frame(void *page, u64 mfn)
{
	return !hypercall(__HYPERVISOR_update_va_mapping, (u64)page, mfn * PAGE | PTE_KERNEL,
			  UVMF_INVLPG);
}

/* ------------------------------------------------------------ event channels */

struct shared_info *shared_info(void)
{
	return (struct shared_info *)shared_page;
}

static volatile struct evtchn_fifo_control_block *control(void)
{
	return (void *)(control_page + 64);
}

static volatile u32 *word(u32 port)
{
	return &words[port / (PAGE / 4)][port % (PAGE / 4)];
}

static u32 bind_ipi(void)
{
	struct evtchn_bind_ipi op = {0};

	return event_op(EVTCHNOP_bind_ipi, &op) ? 0 : op.port;
}

static long send(u32 port)
{
	struct evtchn_send op = {port};

	return event_op(EVTCHNOP_send, &op);
}

static long unmask(u32 port)
{
	struct evtchn_unmask op = {port};

	return event_op(EVTCHNOP_unmask, &op);
}

static long set_priority(u32 port, u32 priority)
{
	struct evtchn_set_priority op = {port, priority};

	return event_op(EVTCHNOP_set_priority, &op);
}

static long init_control(u64 gfn, u32 offset, u32 vcpu)
{
	struct evtchn_init_control op = {.control_gfn = gfn, .offset = offset, .vcpu = vcpu};
	long ret = event_op(EVTCHNOP_init_control, &op);

	return ret ? ret : op.link_bits;
}

static long expand(u64 gfn)
{
	struct evtchn_expand_array op = {gfn};

	return event_op(EVTCHNOP_expand_array, &op);
}

/* As a guest takes an event from a queue. Return: the next one. */
static u32 take(u32 port)
{
	u32 old =
		__atomic_fetch_and(word(port), ~(LINKED | EVTCHN_FIFO_LINK_MASK), __ATOMIC_SEQ_CST);

	*word(port) &= ~PENDING;
	return old & EVTCHN_FIFO_LINK_MASK;
}

static bool queued_first(u32 port, u32 priority)
{
	return *word(port) == (PENDING | LINKED) && control()->head[priority] == port &&
	       control()->ready & 1U << priority &&
	       shared_info()->vcpu_info[0].evtchn_upcall_pending;
}

static bool returns_at_once(u32 port)
{
	struct sched_poll poll = {.nr_ports = 1};

	*(u32 **)&poll.ports = &port;
	return !hypercall(__HYPERVISOR_sched_op, SCHEDOP_poll, (u64)&poll, 0);
}

static void open_words(u32 port)
{
	unmask(port);
	control()->ready = 0;
	shared_info()->vcpu_info[0].evtchn_upcall_pending = 0;
}

static void test_setup(u32 early)
{
	u64 gfn = mfn_of(control_page);
	u32 i;

	check("expand_array before init_control", expand(mfn_of(words[0])) < 0);
	check("set_priority before init_control", set_priority(early, HIGH) < 0);
	check("init_control: no such frame", init_control(1UL << 40, 0, 0) == -EINVAL);
	check("init_control: offset not a multiple of 8", init_control(gfn, 4, 0) == -EINVAL);
	check("init_control: beyond the page", init_control(gfn, 4088, 0) == -EINVAL);
	check("init_control: no such vCPU", init_control(gfn, 0, 1) == -ENOENT);
	check("an event by the 2-level ABI",
	      !send(early) && shared_info()->evtchn_pending[0] >> early & 1);
	check("init_control", init_control(gfn, 64, 0) == EVTCHN_FIFO_LINK_BITS);
	check("init_control: twice", init_control(gfn, 64, 0) == -EINVAL);
	check("set_priority", !set_priority(early, HIGH));
	check("set_priority: too low", set_priority(early, 16) == -EINVAL);
	check("set_priority: not bound", set_priority(100, HIGH) == -EINVAL);
	for (i = 0; i < ARRAY * PAGE / 4; i++)
		*word(i) = MASKED;
	check("expand_array: no such frame", expand(1UL << 40) == -EINVAL);
	check("expand_array", !expand(mfn_of(words[0])));
	check("what was pending before still is, and masked", *word(early) == (PENDING | MASKED));
	check("a port that is masked can be polled for", returns_at_once(early));
}

static void test_queues(u32 early)
{
	u32 a = bind_ipi(), b = bind_ipi(), c;

	shared_info()->vcpu_info[0].evtchn_upcall_pending = 0;
	check("unmask: its queue, its vCPU", !unmask(early) && queued_first(early, HIGH));
	check("once more: it stays where it is", !send(early) && queued_first(early, HIGH));
	open_words(a);
	open_words(b);
	check("the first of a queue", !send(a) && queued_first(a, EVTCHN_FIFO_PRIORITY_DEFAULT));
	check("the second is linked behind it",
	      !send(b) && *word(a) == (PENDING | LINKED | b) && *word(b) == (PENDING | LINKED));
	check("the first is taken", take(a) == b);
	check("... and comes again, behind the second",
	      !send(a) && *word(b) == (PENDING | LINKED | a));
	check("the queue is taken to its end", take(b) == a && take(a) == 0);
	control()->ready = 0;
	check("it begins anew", !send(b) && queued_first(b, EVTCHN_FIFO_PRIORITY_DEFAULT));
	control()->ready = 0;
	check("... and once more with the same",
	      !take(b) && !send(b) && queued_first(b, EVTCHN_FIFO_PRIORITY_DEFAULT));
	set_priority(b, HIGH);
	check("another priority: first it leaves its queue",
	      !send(b) && control()->head[EVTCHN_FIFO_PRIORITY_DEFAULT] == b);
	take(b);
	check("... then it is in the other",
	      !send(b) && (*word(early) & EVTCHN_FIFO_LINK_MASK) == b);
	check("... and nothing is linked behind it in the old one",
	      !send(a) && queued_first(a, EVTCHN_FIFO_PRIORITY_DEFAULT));

	event_op(EVTCHNOP_close, &(struct evtchn_close){a});
	c = bind_ipi();
	check("a port that is closed and linked is not given out", c && c != a);
	take(a);
	check("... but when it was taken", bind_ipi() == a);
	for (u32 i = 1; i < ARRAY; i++)
		check("another page of words", !expand(mfn_of(words[i])));
	check("one too many", expand(mfn_of(words[0])) == -ENOSPC);
}

/* ------------------------------------------------------------------ exchange */

static u64 frames[8], places[8];

static long exchange(u32 n_in, u32 order_in, u32 n_out, u32 order_out, u64 *done)
{
	struct xen_memory_exchange x = {
		.in = {.nr_extents = n_in, .extent_order = order_in, .domid = DOMID_SELF},
		.out = {.nr_extents = n_out, .extent_order = order_out, .domid = DOMID_SELF},
	};
	long ret;

	*(u64 **)&x.in.extent_start = frames;
	*(u64 **)&x.out.extent_start = places;
	ret = hypercall(__HYPERVISOR_memory_op, XENMEM_exchange, (u64)&x, 0);
	*done = x.nr_exchanged;
	return ret;
}

static bool all_there(void)
{
	for (u32 i = 0; i < 8; i++)
		if (MACH2PHYS[mfn_of(spare[i])] != pfn_of(spare[i]))
			return false;
	return true;
}

static void test_exchange(void)
{
	u64 done;

	for (u32 i = 0; i < 8; i++)
		frames[i] = mfn_of(spare[7 - i]);
	places[0] = pfn_of(spare[0]);
	check("exchange: eight frames for one extent", !exchange(8, 0, 1, 3, &done) && done == 8 &&
							       places[0] == mfn_of(spare[0]) &&
							       all_there());
	frames[0] = mfn_of(spare[0]);
	places[0] = pfn_of(spare[4]);
	places[1] = pfn_of(spare[0]);
	check("exchange: one extent for two", !exchange(1, 3, 2, 2, &done) && done == 1 &&
						      places[0] == mfn_of(spare[4]) &&
						      places[1] == mfn_of(spare[0]) && all_there());
	places[0] = pfn_of(spare[0]);
	check("exchange: sizes differ", exchange(3, 0, 1, 1, &done) == -EINVAL && !done);
	check("exchange: too large", exchange(1, 10, 1, 10, &done) == -EINVAL && !done);
	frames[0] = frames[1] = mfn_of(spare[0]);
	check("exchange: a frame twice",
	      exchange(2, 0, 1, 1, &done) == -EINVAL && !done && all_there());
	frames[1] = 1UL << 40;
	check("exchange: no such frame",
	      exchange(2, 0, 1, 1, &done) == -EINVAL && !done && all_there());
	frames[1] = mfn_of(spare[1]);
	places[0] = pfn_of(spare[0]);
	places[1] = 1UL << 40;
	check("exchange: no second place: the first extent is done",
	      exchange(2, 0, 2, 0, &done) == -EINVAL && done == 1 && all_there());
	check("exchange: half an extent has no place: nothing is done",
	      exchange(1, 1, 2, 0, &done) == -EINVAL && !done && places[0] == pfn_of(spare[0]) &&
		      all_there());
}

/* ---------------------------------------------------------------- populate */

/* One frame, by its list of one: a frame given back, or a number to be populated. */
static long reservation(u32 cmd, u64 *frame)
{
	struct xen_memory_reservation r = {.nr_extents = 1, .domid = DOMID_SELF};

	*(u64 **)&r.extent_start = frame;
	return hypercall(__HYPERVISOR_memory_op, cmd, (u64)&r, 0);
}

static void test_populate(void)
{
	u64 frame = mfn_of(spare[0]), beyond = 1UL << 30;

	check("decrease_reservation", reservation(XENMEM_decrease_reservation, &frame) == 1);
	check("... once", !reservation(XENMEM_decrease_reservation, &frame));
	check("populate_physmap: a number beyond the memory",
	      reservation(XENMEM_populate_physmap, &beyond) == 1 && beyond == frame &&
		      MACH2PHYS[frame] == 1UL << 30);
	beyond = pfn_of(spare[0]);
	check("populate_physmap: nothing is left", !reservation(XENMEM_populate_physmap, &beyond));
	reservation(XENMEM_decrease_reservation, &frame);
	check("populate_physmap: as it was",
	      reservation(XENMEM_populate_physmap, &beyond) == 1 && all_there());
}

void kernel(const struct start_info *start);

void kernel(const struct start_info *start)
{
	struct sched_shutdown off = {SHUTDOWN_poweroff};
	u32 early;

	info = start;
	mfn_list = (const u64 *)info->mfn_list;
	check("shared_info is mapped", map_frame(shared_page, info->shared_info / PAGE));
	/* How it is to end, if that is the test. */
	if (info->cmd_line[0] == 'w')
		end_by_watchdog();
	if (info->cmd_line[0] == 'c')
		end_by_code();
	test_misc();
	early = bind_ipi();
	test_setup(early);
	test_queues(early);
	test_exchange();
	test_populate();
	test_grants();
	test_nmi();
	test_reset();
	say("done\n");
	hypercall(__HYPERVISOR_sched_op, SCHEDOP_shutdown, (u64)&off, 0);
	for (;;)
		;
}
