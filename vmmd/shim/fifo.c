// SPDX-License-Identifier: GPL-2.0
/*
 * Event channels by the FIFO ABI (xen/event_channel.h): a word for each port in
 * pages of the guest's, linked into 16 queues for each vCPU.
 *
 * The guest takes from the heads without a lock, while this adds behind the tails.
 * A tail that the guest has taken already has lost LINKED, which the same
 * compare-and-exchange finds out that would have linked behind it; then the queue
 * is empty and gets a new head.
 */
#include "shim.h"

#include <xen/event_channel.h>

#define PAGE_WORDS (PAGE_SIZE / sizeof(event_word_t))
#define QUEUES	   EVTCHN_FIFO_MAX_QUEUES

#define PENDING (1U << EVTCHN_FIFO_PENDING)
#define MASKED	(1U << EVTCHN_FIFO_MASKED)
#define LINKED	(1U << EVTCHN_FIFO_LINKED)

/**
 * struct queue - events of one vCPU and one priority
 * @lock: guards @tail, and the words of ports on their way in or out
 * @tail: port linked last, 0 for none; the guest may have taken it
 */
struct queue {
	u8 lock;
	u32 tail;
};

static struct queue queues[SHIM_VCPUS_MAX * QUEUES];

/* Set once, by EVTCHNOP_init_control. */
static struct evtchn_fifo_control_block *control[SHIM_VCPUS_MAX];

/* The guest's words; entries below nr_pages do not change. */
static event_word_t *pages[SHIM_PORTS / PAGE_WORDS];
static u32 nr_pages;
static bool in_use;

/**
 * struct place - where a port belongs
 * @queue: that it was linked into last; guarded by that queue's lock
 * @priority: EVTCHN_FIFO_PRIORITY_*
 */
static struct place {
	u16 queue;
	u8 priority;
} places[SHIM_PORTS];

static event_word_t *word_of(u32 port)
{
	u32 page = port / PAGE_WORDS;

	if (page >= __atomic_load_n(&nr_pages, __ATOMIC_ACQUIRE))
		return NULL;
	return &pages[page][port % PAGE_WORDS];
}

/* Is another event linked behind @port? Not if the guest has taken that one. */
static bool link_behind(u32 port, u32 next)
{
	event_word_t *word = word_of(port);
	event_word_t old = __atomic_load_n(word, __ATOMIC_SEQ_CST);

	do {
		if (!(old & LINKED))
			return false;
	} while (!__atomic_compare_exchange_n(word, &old, (old & ~EVTCHN_FIFO_LINK_MASK) | next,
					      false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST));
	return true;
}

/*
 * Lock the queue that the port was in and the one that it goes to, in the order of
 * their numbers. Return: the number of the latter.
 */
static u32 lock_queues(u32 port, u32 vcpu, u32 *from)
{
	u32 to = vcpu * QUEUES + places[port].priority, low, high;

	for (;;) {
		*from = __atomic_load_n(&places[port].queue, __ATOMIC_RELAXED);
		low = *from < to ? *from : to;
		high = *from < to ? to : *from;
		spin_lock(&queues[low].lock);
		if (high != low)
			spin_lock(&queues[high].lock);
		if (__atomic_load_n(&places[port].queue, __ATOMIC_RELAXED) == *from)
			return to;
		if (high != low)
			spin_unlock(&queues[high].lock);
		spin_unlock(&queues[low].lock);
	}
}

/* Return: the queue has become one that the guest must be told of. */
static bool enqueue(u32 port, u32 from, u32 to)
{
	event_word_t *word = word_of(port);
	struct queue *q = &queues[to];
	bool first;

	if (__atomic_load_n(word, __ATOMIC_SEQ_CST) & MASKED)
		return false;
	if (__atomic_fetch_or(word, LINKED, __ATOMIC_SEQ_CST) & LINKED)
		return false;
	/* It was taken: nothing may follow it where it was, itself least of all. */
	if (queues[from].tail == port)
		queues[from].tail = 0;
	__atomic_store_n(&places[port].queue, (u16)to, __ATOMIC_RELAXED);
	first = !q->tail || !link_behind(q->tail, port);
	if (first)
		__atomic_store_n(&control[to / QUEUES]->head[to % QUEUES], port, __ATOMIC_SEQ_CST);
	q->tail = port;
	return first;
}

/* Return: the vCPU has to be told, as far as it was not already. */
static bool enter(u32 port, u32 vcpu)
{
	u32 from, to;
	bool first;

	/* vCPUs set their control blocks up before they are bound to. */
	if (!__atomic_load_n(&control[vcpu], __ATOMIC_ACQUIRE))
		return false;
	to = lock_queues(port, vcpu, &from);
	first = enqueue(port, from, to);
	if (from != to)
		spin_unlock(&queues[from].lock);
	spin_unlock(&queues[to].lock);
	return first &&
	       !(__atomic_fetch_or(&control[vcpu]->ready, 1U << (to % QUEUES), __ATOMIC_SEQ_CST) >>
			 (to % QUEUES) &
		 1);
}

/** fifo_in_use() - has the guest left the 2-level ABI? */
bool fifo_in_use(void)
{
	return __atomic_load_n(&in_use, __ATOMIC_ACQUIRE);
}

/** fifo_restored() - back to the 2-level ABI; no other vCPU is about */
void fifo_restored(void)
{
	in_use = false;
	nr_pages = 0;
	__builtin_memset(control, 0, sizeof(control));
	__builtin_memset(queues, 0, sizeof(queues));
	__builtin_memset(places, 0, sizeof(places));
}

/**
 * fifo_set_pending() - make a port pending
 * @port: which
 * @vcpu: that it interrupts
 * @upcall: out: that vCPU has to be told
 *
 * Return: false if the guest has no word for the port yet.
 */
bool fifo_set_pending(u32 port, u32 vcpu, bool *upcall)
{
	event_word_t *word = word_of(port);

	if (!word)
		return false;
	__atomic_fetch_or(word, PENDING, __ATOMIC_SEQ_CST);
	*upcall = enter(port, vcpu);
	return true;
}

/** fifo_unmask() - as fifo_set_pending(), for a port that is so only perhaps */
bool fifo_unmask(u32 port, u32 vcpu, bool *upcall)
{
	event_word_t *word = word_of(port);

	if (!word)
		return false;
	*upcall =
		__atomic_and_fetch(word, ~MASKED, __ATOMIC_SEQ_CST) & PENDING && enter(port, vcpu);
	return true;
}

/** fifo_is_pending() - and may be masked */
bool fifo_is_pending(u32 port)
{
	const event_word_t *word = word_of(port);

	return word && __atomic_load_n(word, __ATOMIC_SEQ_CST) & PENDING;
}

/** fifo_is_busy() - a port that was closed is still in a queue: not to be given out */
bool fifo_is_busy(u32 port)
{
	const event_word_t *word = word_of(port);

	return word && __atomic_load_n(word, __ATOMIC_SEQ_CST) & LINKED;
}

/** fifo_reset_port() - of a new port, or one that is closed */
void fifo_reset_port(u32 port)
{
	event_word_t *word = word_of(port);

	places[port].priority = EVTCHN_FIFO_PRIORITY_DEFAULT;
	if (word)
		__atomic_fetch_and(word, ~PENDING, __ATOMIC_SEQ_CST);
}

/** fifo_init_control() - EVTCHNOP_init_control */
long fifo_init_control(struct evtchn_init_control *op)
{
	struct evtchn_fifo_control_block *block, *none = NULL;

	if (op->vcpu >= shim_info.nr_vcpus)
		return -ENOENT;
	if (!mfn_is_ram(op->control_gfn) || op->offset % 8 ||
	    op->offset > PAGE_SIZE - sizeof(*block))
		return -EINVAL;
	block = ram((op->control_gfn << PAGE_SHIFT) + op->offset);
	if (!__atomic_compare_exchange_n(&control[op->vcpu], &none, block, false, __ATOMIC_SEQ_CST,
					 __ATOMIC_SEQ_CST))
		return -EINVAL;
	if (!fifo_in_use()) {
		for (u32 port = 0; port < SHIM_PORTS; port++)
			places[port].priority = EVTCHN_FIFO_PRIORITY_DEFAULT;
		__atomic_store_n(&in_use, true, __ATOMIC_RELEASE);
	}
	op->link_bits = EVTCHN_FIFO_LINK_BITS;
	return 0;
}

/**
 * fifo_expand_array() - EVTCHNOP_expand_array
 * @op: its argument
 * @first: out: the first of the ports that have words now
 *
 * The guest calls it from one vCPU at a time.
 * Return: how many ports they are, or a negative errno.
 */
long fifo_expand_array(const struct evtchn_expand_array *op, u32 *first)
{
	u32 n = nr_pages;

	if (!fifo_in_use())
		return -ENOSYS;
	if (!mfn_is_ram(op->array_gfn))
		return -EINVAL;
	if (n == ARRAY_SIZE(pages))
		return -ENOSPC;
	pages[n] = ram(op->array_gfn << PAGE_SHIFT);
	__atomic_store_n(&nr_pages, n + 1, __ATOMIC_RELEASE);
	*first = n * PAGE_WORDS;
	return PAGE_WORDS;
}

/** fifo_set_priority() - EVTCHNOP_set_priority, of a port that is bound */
long fifo_set_priority(const struct evtchn_set_priority *op)
{
	if (!fifo_in_use())
		return -ENOSYS;
	if (op->priority > EVTCHN_FIFO_PRIORITY_MIN)
		return -EINVAL;
	places[op->port].priority = (u8)op->priority;
	return 0;
}
