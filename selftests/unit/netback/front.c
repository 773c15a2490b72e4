// SPDX-License-Identifier: GPL-2.0
/* See board.h: the front end. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "board.h"

#define PATIENCE 20000 /* looks, 100 us apart */

struct front front[NETBACK_QUEUES_MAX];
RING_IDX ring_start;

u32 gref(u32 page)
{
	return page + GRANT_BASE;
}

static void set_queue(u32 queues, u32 i, const char *name, u32 value)
{
	char key[64];

	if (queues > 1)
		snprintf(key, sizeof(key), "queue-%u/%s", i, name);
	else
		snprintf(key, sizeof(key), "%s", name);
	front_set(key, "%u", value);
}

/* Fresh rings, told to xenstore. */
void front_rings(u32 queues, bool split)
{
	for (u32 i = 0; i < queues; i++) {
		struct front *f = &front[i];
		netif_tx_sring_t *tx;
		netif_rx_sring_t *rx;

		f->page = 2 * i;
		f->tx_port = PORT_BASE + 2 * i;
		f->rx_port = split ? f->tx_port + 1 : f->tx_port;
		tx = (netif_tx_sring_t *)guest[f->page];
		rx = (netif_rx_sring_t *)guest[f->page + 1];
		SHARED_RING_INIT(tx);
		SHARED_RING_INIT(rx);
		tx->req_prod = tx->rsp_prod = ring_start;
		rx->req_prod = rx->rsp_prod = ring_start;
		tx->req_event = tx->rsp_event = ring_start + 1;
		rx->req_event = rx->rsp_event = ring_start + 1;
		FRONT_RING_ATTACH(&f->tx, tx, ring_start, GUEST_PAGE_SIZE);
		FRONT_RING_ATTACH(&f->rx, rx, ring_start, GUEST_PAGE_SIZE);
		set_queue(queues, i, "tx-ring-ref", gref(f->page));
		set_queue(queues, i, "rx-ring-ref", gref(f->page + 1));
		if (split) {
			set_queue(queues, i, "event-channel-tx", f->tx_port);
			set_queue(queues, i, "event-channel-rx", f->rx_port);
		} else {
			set_queue(queues, i, "event-channel", f->tx_port);
		}
	}
	if (queues > 1)
		front_set("multi-queue-num-queues", "%u", queues);
}

/* As today's Linux asks for. */
void front_features(void)
{
	front_set("request-rx-copy", "1");
	front_set("feature-rx-notify", "1");
	front_set("feature-sg", "1");
	front_set("feature-gso-tcpv4", "1");
	front_set("feature-gso-tcpv6", "1");
	front_set("feature-ipv6-csum-offload", "1");
}

bool front_up(u32 queues, bool split)
{
	front_features();
	front_rings(queues, split);
	memset(notified, 0, sizeof(notified));
	return !board_connect();
}

void tx_put(struct front *f, u32 ref, u16 offset, u16 size, u16 flags)
{
	RING_IDX i = f->tx.req_prod_pvt++;

	*RING_GET_REQUEST(&f->tx, i) = (struct netif_tx_request){
		.gref = ref,
		.offset = offset,
		.flags = flags,
		.id = i % 1000,
		.size = size,
	};
}

void tx_extra(struct front *f, u8 type, u8 flags, const void *info)
{
	struct netif_extra_info extra = {.type = type, .flags = flags};

	memcpy(&extra.u, info, sizeof(extra.u));
	memcpy(RING_GET_REQUEST(&f->tx, f->tx.req_prod_pvt++), &extra, sizeof(extra));
}

void tx_push(struct front *f)
{
	bool notify;

	RING_PUSH_REQUESTS_AND_CHECK_NOTIFY(&f->tx, notify);
	if (notify)
		board_notify(f->tx_port);
}

/* The next answer; false when none comes within two seconds. */
bool tx_answer(struct front *f, int16_t *status)
{
	struct netif_tx_response *r;

	for (u32 i = 0; i < PATIENCE; i++) {
		if (__atomic_load_n(&f->tx.sring->rsp_prod, __ATOMIC_ACQUIRE) != f->tx.rsp_cons) {
			r = RING_GET_RESPONSE(&f->tx, f->tx.rsp_cons);
			*status = r->status;
			/* Extra information has no number. */
			if (r->status != NETIF_RSP_NULL && r->id != f->tx.rsp_cons % 1000) {
				printf("# answer %u to request %u\n", r->id, f->tx.rsp_cons);
				return false;
			}
			f->tx.sring->rsp_event = ++f->tx.rsp_cons + 1;
			return true;
		}
		usleep(100);
	}
	return false;
}

/* Back ends answer first and ring then. */
bool front_rung(u32 port, u32 times)
{
	for (u32 i = 0; i < PATIENCE; i++) {
		if (__atomic_load_n(&notified[port], __ATOMIC_SEQ_CST) == times)
			return true;
		usleep(100);
	}
	return false;
}

/* Which of n queues has so many packets for the guest, n for none. */
u32 rx_where(u32 n, u32 packets)
{
	for (u32 i = 0; i < PATIENCE; i++) {
		for (u32 q = 0; q < n; q++) {
			RING_IDX prod =
				__atomic_load_n(&front[q].rx.sring->rsp_prod, __ATOMIC_ACQUIRE);

			if (prod - front[q].rx.rsp_cons == packets)
				return q;
		}
		usleep(100);
	}
	return n;
}

bool tx_answers(struct front *f, u32 count, int16_t status)
{
	int16_t answer;

	for (u32 i = 0; i < count; i++) {
		if (!tx_answer(f, &answer))
			return false;
		if (answer != status) {
			printf("# answer %u: %d instead of %d\n", i, answer, status);
			return false;
		}
	}
	return true;
}

/* Sends a frame from as many pages as it takes, others than the last one's. */
void tx_frame(struct front *f, const u8 *frame, size_t len, u16 flags)
{
	static u32 next;
	size_t done = 0;

	while (done < len) {
		size_t part = min_t(size_t, len - done, GUEST_PAGE_SIZE);
		u32 page = DATA_PAGE + next++ % (BUF_PAGE - DATA_PAGE);
		bool more = done + part < len;

		memcpy(guest[page], frame + done, part);
		tx_put(f, gref(page), 0, done ? part : len,
		       (done ? 0 : flags) | (more ? NETTXF_more_data : 0));
		done += part;
	}
}

static u32 buffer_page(RING_IDX i)
{
	return BUF_PAGE + i % 256;
}

void rx_offer(struct front *f, u32 count)
{
	bool notify;

	while (count--) {
		RING_IDX i = f->rx.req_prod_pvt++;

		*RING_GET_REQUEST(&f->rx, i) = (struct netif_rx_request){
			.id = i % 1000,
			.gref = gref(buffer_page(i)),
		};
	}
	RING_PUSH_REQUESTS_AND_CHECK_NOTIFY(&f->rx, notify);
	if (notify)
		board_notify(f->rx_port);
}

bool rx_answer(struct front *f, netif_rx_response_t *r)
{
	for (u32 i = 0; i < PATIENCE; i++) {
		if (__atomic_load_n(&f->rx.sring->rsp_prod, __ATOMIC_ACQUIRE) != f->rx.rsp_cons) {
			*r = *RING_GET_RESPONSE(&f->rx, f->rx.rsp_cons);
			f->rx.sring->rsp_event = ++f->rx.rsp_cons + 1;
			return true;
		}
		usleep(100);
	}
	return false;
}

/* One frame, put together; all fields in the right places. */
bool rx_frame(struct front *f, u8 *frame, size_t *len, u16 *flags, struct netif_extra_info *gso)
{
	netif_rx_response_t r;
	bool more = true;

	*len = 0;
	memset(gso, 0, sizeof(*gso));
	for (u32 i = 0; more; i++) {
		RING_IDX at = f->rx.rsp_cons;

		CHECK(rx_answer(f, &r));
		CHECK(r.id == at % 1000);
		CHECK(r.status > 0 && r.offset + r.status <= (int)GUEST_PAGE_SIZE);
		if (!i)
			*flags = r.flags & ~NETRXF_more_data;
		else
			CHECK(!(r.flags & ~NETRXF_more_data));
		memcpy(frame + *len, guest[buffer_page(at)] + r.offset, r.status);
		*len += r.status;
		more = r.flags & NETRXF_more_data;
		if (!i && r.flags & NETRXF_extra_info) {
			netif_rx_response_t raw;

			CHECK(rx_answer(f, &raw));
			memcpy(gso, &raw, sizeof(*gso));
			CHECK(!gso->flags);
		}
	}
	return true;
}

bool rx_quiet(struct front *f)
{
	board_wait_idle();
	return __atomic_load_n(&f->rx.sring->rsp_prod, __ATOMIC_ACQUIRE) == f->rx.rsp_cons;
}
