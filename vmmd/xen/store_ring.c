// SPDX-License-Identifier: GPL-2.0
/*
 * The page that carries xenstore's requests and replies (xen/io/xs_wire.h): two
 * rings of bytes. The guest can write all of it at any time, so that indices
 * are read once, checked, and used masked.
 *
 * While a reply waits for room no request is taken: what a guest can make vmmd
 * keep is bounded by that and by STORE_EVENTS.
 */
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "xen/store_internal.h"

static u32 load(const u32 *index)
{
	return __atomic_load_n(index, __ATOMIC_ACQUIRE);
}

/*
 * A guest that finds, behind what it has put, that we have more to do does not
 * notify; we look again behind what we have taken. One of us must see the other's
 * index: stores before loads, on both sides.
 */
static void store(u32 *index, u32 value)
{
	__atomic_store_n(index, value, __ATOMIC_SEQ_CST);
}

/*
 * Whoever sends an event is walking the watches: what the guest had is freed when
 * it connects again, or with the store.
 */
static void hang_up(struct xenstore *xs, u32 error, const char *why)
{
	log_warn("xenstore: %s: the guest is not served any more", why);
	store(&xs->ring->error, error);
	xs->ring = NULL;
}

/* ------------------------------------------------------------ replies */

/* Put what fits of the first message; false when nothing does. */
static bool put_some(struct xenstore *xs)
{
	struct xenstore_domain_interface *ring = xs->ring;
	u32 prod = load(&ring->rsp_prod), cons = load(&ring->rsp_cons);
	struct message *m = xs->out;
	u32 n, at = MASK_XENSTORE_IDX(prod);

	if (prod - cons > XENSTORE_RING_SIZE) {
		hang_up(xs, XENSTORE_ERROR_RINGIDX, "indices of replies that cannot be");
		return false;
	}
	n = min_t(u32, XENSTORE_RING_SIZE - (prod - cons), m->len - m->sent);
	n = min_t(u32, n, XENSTORE_RING_SIZE - at);
	if (!n)
		return false;
	memcpy(ring->rsp + at, m->data + m->sent, n);
	store(&ring->rsp_prod, prod + n);
	m->sent += n;
	if (m->sent < m->len)
		return true;
	xs->out = m->next;
	if (!xs->out)
		xs->out_end = &xs->out;
	xs->nr_out--;
	free(m);
	return true;
}

static void put_all(struct xenstore *xs)
{
	bool any = false;

	while (xs->ring && xs->out && put_some(xs))
		any = true;
	if (any && xs->ring)
		xs->kick(xs->kick_opaque);
}

/**
 * ring_send() - a message to the guest
 * @xs: the store; without a ring nobody hears it
 * @head: its head
 * @payload: head->len bytes
 */
void ring_send(struct xenstore *xs, const struct xsd_sockmsg *head, const void *payload)
{
	struct message *m;

	if (!xs->ring)
		return;
	m = malloc(sizeof(*m) + sizeof(*head) + head->len);
	if (!m) {
		hang_up(xs, XENSTORE_ERROR_COMM, "out of memory");
		return;
	}
	m->next = NULL;
	m->sent = 0;
	m->len = (u32)sizeof(*head) + head->len;
	memcpy(m->data, head, sizeof(*head));
	memcpy(m->data + sizeof(*head), payload, head->len);
	*xs->out_end = m;
	xs->out_end = &m->next;
	xs->nr_out++;
	put_all(xs);
}

/* ------------------------------------------------------------ requests */

/* Take up to @want bytes of the request being assembled; false for none. */
static bool take_some(struct xenstore *xs, u32 want)
{
	struct xenstore_domain_interface *ring = xs->ring;
	u32 prod = load(&ring->req_prod), cons = load(&ring->req_cons);
	u32 n, at = MASK_XENSTORE_IDX(cons);

	if (prod - cons > XENSTORE_RING_SIZE) {
		hang_up(xs, XENSTORE_ERROR_RINGIDX, "indices of requests that cannot be");
		return false;
	}
	n = min_t(u32, prod - cons, XENSTORE_RING_SIZE - at);
	n = min_t(u32, n, want);
	if (!n)
		return false;
	memcpy(xs->request + xs->have, ring->req + at, n);
	store(&ring->req_cons, cons + n);
	xs->have += n;
	return true;
}

/* Go on with a request; false when the guest has sent no more, or is gone. */
static bool take_request(struct xenstore *xs)
{
	struct xsd_sockmsg head;

	if (xs->have < sizeof(head))
		return take_some(xs, (u32)sizeof(head) - xs->have);
	memcpy(&head, xs->request, sizeof(head));
	if (head.len > XENSTORE_PAYLOAD_MAX) {
		hang_up(xs, XENSTORE_ERROR_PROTO, "a request that is too long");
		return false;
	}
	if (xs->have < sizeof(head) + head.len)
		return take_some(xs, (u32)sizeof(head) + head.len - xs->have);
	xs->have = 0;
	store_serve(xs, &head, (char *)xs->request + sizeof(head));
	return xs->ring;
}

/* ------------------------------------------------------------ connection */

static void forget(struct xenstore *xs)
{
	struct message *m;

	while (xs->out) {
		m = xs->out;
		xs->out = m->next;
		free(m);
	}
	xs->out_end = &xs->out;
	xs->nr_out = 0;
	xs->have = 0;
	watch_del_all(xs);
	txn_drop_all(xs);
}

void xenstore_ring_connect(struct xenstore *xs, void *page, void (*notify)(void *opaque),
			   void *opaque)
{
	forget(xs);
	xs->ring = page;
	xs->kick = notify;
	xs->kick_opaque = opaque;
	if (xs->ring)
		xs->ring->server_features =
			XENSTORE_SERVER_FEATURE_RECONNECTION | XENSTORE_SERVER_FEATURE_ERROR;
}

/* A kernel that took over from another one (kexec, PV GRUB) wants to begin anew. */
static void reconnect(struct xenstore *xs)
{
	struct xenstore_domain_interface *ring = xs->ring;

	forget(xs);
	store(&ring->req_cons, 0);
	store(&ring->req_prod, 0);
	store(&ring->rsp_cons, 0);
	store(&ring->rsp_prod, 0);
	store(&ring->connection, XENSTORE_CONNECTED);
	xs->kick(xs->kick_opaque);
}

void xenstore_ring_work(struct xenstore *xs)
{
	bool any = false;

	if (!xs->ring)
		return;
	if (load(&xs->ring->connection) == XENSTORE_RECONNECT)
		reconnect(xs);
	put_all(xs);
	while (xs->ring && !xs->out && take_request(xs))
		any = true;
	/* It may wait for room for its next request. */
	if (any && xs->ring)
		xs->kick(xs->kick_opaque);
}
