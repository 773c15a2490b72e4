// SPDX-License-Identifier: GPL-2.0
/*
 * Requests are taken from the rings, checked, and handed to the disk
 * (disk/disk.h); its ends become responses.
 *
 * Rings and segments are the guest's memory and change at its will: each is
 * copied once, and only the copy is looked at.
 */
#include <errno.h>
#include <linux/falloc.h>
#include <string.h>

#include "xen/blkback.h"
#include "xen/xen.h"

/* Requests taken from a ring before others get a chance at the lock. */
#define TURN_MAX 256

#define SECTORS_PER_PAGE (GUEST_PAGE_SIZE >> DISK_SECTOR_SHIFT)

/* The first page of segments holds all that we allow. */
_Static_assert(BLKBACK_SEGMENTS_MAX * sizeof(struct blkif_request_segment) <= GUEST_PAGE_SIZE,
	       "one indirect page");

union message {
	struct blkif_request request;
	struct blkif_request_discard discard;
	struct blkif_request_indirect indirect;
};

/* All three kinds have it at the same place, and so has an unknown one. */
_Static_assert(offsetof(struct blkif_request, id) == offsetof(struct blkif_request_discard, id) &&
		       offsetof(struct blkif_request, id) ==
			       offsetof(struct blkif_request_indirect, id),
	       "place of the id");

/* Makes the compiler read guest memory here and never again. */
static void copy_once(void *to, const void *from, size_t len)
{
	memcpy(to, from, len);
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
}

/*
 * Entries do not divide a page, so in a ring of several pages one may begin in
 * a page and end in the next, which lies anywhere.
 */
static void copy_entry(const struct blkback_ring *ring, u32 index, void *buf, size_t len, bool in)
{
	size_t at = offsetof(blkif_sring_t, ring) +
		    (size_t)(index & (ring->back.nr_ents - 1)) * sizeof(union blkif_sring_entry);
	size_t n;

	for (size_t done = 0; done < len; done += n, at += n) {
		u8 *shared = (u8 *)ring->page[at / GUEST_PAGE_SIZE] + at % GUEST_PAGE_SIZE;

		n = min_t(size_t, len - done, GUEST_PAGE_SIZE - at % GUEST_PAGE_SIZE);
		if (in)
			copy_once((u8 *)buf + done, shared, n);
		else
			memcpy(shared, (u8 *)buf + done, n);
	}
}

static void respond(struct blkback_req *req, int status)
{
	struct blkback_ring *ring = req->ring;
	struct blkback *blk = ring->blk;
	/* As map_segments() had it: who reads the disk writes to the guest. */
	bool wrote = req->disk.op == DISK_READ;
	struct blkif_response rsp;

	for (u32 i = 0; i < req->refs; i++)
		xen_grant_unmap(blk->xenbus.xen, req->ref[i], wrote);

	memset(&rsp, 0, sizeof(rsp)); /* the holes, too, go to the guest */
	rsp.id = req->id;
	rsp.operation = req->operation;
	rsp.status = (int16_t)status;
	copy_entry(ring, ring->back.rsp_prod_pvt, &rsp, sizeof(rsp), false);
	ring->back.rsp_prod_pvt++;

	if (blk->barrier == req)
		blk->barrier = NULL;
	disk_put(&blk->disk, &req->disk, status == BLKIF_RSP_OKAY);
}

static void request_done(struct disk *disk, struct disk_req *d, int result)
{
	struct blkback_req *req = container_of(d, struct blkback_req, disk);
	int status = BLKIF_RSP_OKAY;

	if (!result && req->then_write) {
		req->then_write = false;
		d->op = DISK_WRITE;
		disk_queue(disk, d);
		return;
	}
	if (result)
		status = BLKIF_RSP_ERROR;
	/* A file system without holes: the front end will not try again. */
	if (result == -EOPNOTSUPP && d->op == DISK_DISCARD)
		status = BLKIF_RSP_EOPNOTSUPP;
	respond(req, status);
}

/* Sets what part of the disk is meant; false when there is no such part. */
static bool set_range(const struct disk *disk, struct disk_req *d, u64 sector, u64 sectors)
{
	/* Beyond the shift's reach is beyond any disk. */
	if (sector >> (64 - DISK_SECTOR_SHIFT) || sectors >> (64 - DISK_SECTOR_SHIFT))
		return false;
	d->offset = sector << DISK_SECTOR_SHIFT;
	d->len = sectors << DISK_SECTOR_SHIFT;
	d->total = d->len;
	return d->len && range_fits(d->offset, d->len, disk->size);
}

static bool map_segments(struct blkback_req *req, const struct blkif_request_segment *seg, u32 num)
{
	struct disk_req *d = &req->disk;

	d->iov = req->iov;
	d->num = num;
	for (u32 i = 0; i < num; i++) {
		bool kept;
		u8 *page = blkback_grant_map(req->ring, seg[i].gref, d->op == DISK_READ, &kept);

		if (!page)
			return false;
		if (!kept)
			req->ref[req->refs++] = seg[i].gref;
		req->iov[i].iov_base = page + (seg[i].first_sect << DISK_SECTOR_SHIFT);
		req->iov[i].iov_len = (seg[i].last_sect - seg[i].first_sect + 1)
				      << DISK_SECTOR_SHIFT;
	}
	return true;
}

static int prepare_transfer(struct blkback_req *req, enum disk_op op, u64 sector,
			    const struct blkif_request_segment *seg, u32 num)
{
	const struct disk *disk = &req->ring->blk->disk;
	u32 sectors = 0;

	req->disk.op = op;
	req->disk.stable = req->barrier;
	for (u32 i = 0; i < num; i++) {
		if (seg[i].first_sect > seg[i].last_sect || seg[i].last_sect >= SECTORS_PER_PAGE)
			return BLKIF_RSP_ERROR;
		sectors += seg[i].last_sect - seg[i].first_sect + 1;
	}
	if (!set_range(disk, &req->disk, sector, sectors))
		return BLKIF_RSP_ERROR;
	if (op == DISK_WRITE && disk->readonly)
		return BLKIF_RSP_ERROR;
	return map_segments(req, seg, num) ? BLKIF_RSP_OKAY : BLKIF_RSP_ERROR;
}

/*
 * A flush may carry data to write after it, and a barrier is a flush, a write
 * and a flush of what was written. Both may come without data.
 */
static int prepare_flush(struct blkback_req *req, const struct blkif_request *msg)
{
	int status = BLKIF_RSP_OKAY;

	req->disk.total = 0;
	if (msg->nr_segments) {
		req->then_write = true;
		status = prepare_transfer(req, DISK_WRITE, msg->sector_number, msg->seg,
					  msg->nr_segments);
	}
	req->disk.op = DISK_FLUSH;
	return status;
}

static int prepare_direct(struct blkback_req *req, const struct blkif_request *msg)
{
	if (msg->nr_segments > BLKIF_MAX_SEGMENTS_PER_REQUEST)
		return BLKIF_RSP_ERROR;
	switch (msg->operation) {
	case BLKIF_OP_READ:
	case BLKIF_OP_WRITE:
		return prepare_transfer(req,
					msg->operation == BLKIF_OP_READ ? DISK_READ : DISK_WRITE,
					msg->sector_number, msg->seg, msg->nr_segments);
	default:
		req->barrier = msg->operation == BLKIF_OP_WRITE_BARRIER;
		return prepare_flush(req, msg);
	}
}

static int prepare_indirect(struct blkback_req *req, const struct blkif_request_indirect *msg)
{
	struct blkif_request_segment seg[BLKBACK_SEGMENTS_MAX];
	u32 ref = msg->indirect_grefs[0];
	bool kept;
	void *page;

	/*
	 * Front ends take the response for one to the operation inside: Linux
	 * gives the device up when it finds BLKIF_OP_INDIRECT there.
	 */
	req->operation = msg->indirect_op;
	if (msg->indirect_op != BLKIF_OP_READ && msg->indirect_op != BLKIF_OP_WRITE)
		return BLKIF_RSP_ERROR;
	if (!msg->nr_segments || msg->nr_segments > BLKBACK_SEGMENTS_MAX)
		return BLKIF_RSP_ERROR;
	page = blkback_grant_map(req->ring, ref, false, &kept);
	if (!page)
		return BLKIF_RSP_ERROR;
	copy_once(seg, page, msg->nr_segments * sizeof(*seg));
	if (!kept)
		xen_grant_unmap(req->ring->blk->xenbus.xen, ref, false);
	return prepare_transfer(req, msg->indirect_op == BLKIF_OP_READ ? DISK_READ : DISK_WRITE,
				msg->sector_number, seg, msg->nr_segments);
}

static int prepare_discard(struct blkback_req *req, const struct blkif_request_discard *msg)
{
	const struct blkback *blk = req->ring->blk;
	struct disk_req *d = &req->disk;

	/* Its flag is ignored, for we say discard-secure = 0. */
	if (!blk->discard)
		return BLKIF_RSP_EOPNOTSUPP;
	d->op = DISK_DISCARD;
	d->mode = FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE;
	return set_range(&blk->disk, d, msg->sector_number, msg->nr_sectors) ? BLKIF_RSP_OKAY
									     : BLKIF_RSP_ERROR;
}

static int prepare(struct blkback_req *req, const union message *msg)
{
	req->disk.op = DISK_FLUSH;
	req->barrier = false;
	req->then_write = false;
	req->refs = 0;
	req->id = msg->request.id;
	req->operation = msg->request.operation;
	switch (msg->request.operation) {
	case BLKIF_OP_READ:
	case BLKIF_OP_WRITE:
	case BLKIF_OP_WRITE_BARRIER:
	case BLKIF_OP_FLUSH_DISKCACHE:
		return prepare_direct(req, &msg->request);
	case BLKIF_OP_INDIRECT:
		return prepare_indirect(req, &msg->indirect);
	case BLKIF_OP_DISCARD:
		return prepare_discard(req, &msg->discard);
	default:
		return BLKIF_RSP_EOPNOTSUPP;
	}
}

static void begin(struct blkback *blk, struct blkback_req *req)
{
	if (req->barrier) {
		blk->barrier = req;
		blk->parked = blk->disk.in_flight > 1;
		if (blk->parked)
			return;
	}
	disk_queue(&blk->disk, &req->disk);
}

/* Takes the next request of a ring that has one; false when it has to wait. */
static bool take_request(struct blkback_ring *ring)
{
	struct blkback *blk = ring->blk;
	struct blkback_req *req;
	struct disk_req *d;
	union message msg;
	int status;

	if (blk->barrier) {
		blk->disk.starved = true;
		return false;
	}
	d = disk_get(&blk->disk);
	if (!d)
		return false;
	req = container_of(d, struct blkback_req, disk);
	req->ring = ring;
	copy_entry(ring, ring->back.req_cons, &msg, sizeof(msg), true);
	ring->back.req_cons++;
	status = prepare(req, &msg);
	if (status == BLKIF_RSP_OKAY)
		begin(blk, req);
	else
		respond(req, status);
	return true;
}

static void push_responses(struct blkback_ring *ring)
{
	bool notify;

	if (ring->pushed == ring->back.rsp_prod_pvt)
		return;
	ring->pushed = ring->back.rsp_prod_pvt;
	RING_PUSH_RESPONSES_AND_CHECK_NOTIFY(&ring->back, notify);
	if (notify)
		xen_evtchn_notify(ring->blk->xenbus.xen, ring->port);
}

static bool served(const struct blkback_ring *ring)
{
	return ring->live && ring->blk->running && !ring->blk->fault[0];
}

/* Takes what the front end has put there, and a little of what comes meanwhile. */
static void take_requests(struct blkback_ring *ring)
{
	blkif_back_ring_t *back = &ring->back;
	u32 taken = 0;
	int more = 1;

	while (more && served(ring)) {
		RING_IDX prod = __atomic_load_n(&back->sring->req_prod, __ATOMIC_ACQUIRE);

		/*
		 * What is new and what is unanswered fit into the ring together.
		 * RING_REQUEST_PROD_OVERFLOW() would miss an index that goes back.
		 */
		if (prod - back->req_cons > back->nr_ents - (back->req_cons - back->rsp_prod_pvt)) {
			blkback_fault(ring->blk, "ring %u: request index %u after %u, size %u",
				      ring->index, prod, back->req_cons, back->nr_ents);
			return;
		}
		while (back->req_cons != prod && taken < TURN_MAX && take_request(ring))
			taken++;
		if (taken == TURN_MAX) {
			blkback_kick(ring->blk);
			return;
		}
		/* Starved, or behind a barrier: settled() comes back to it. */
		if (back->req_cons != prod)
			return;
		RING_FINAL_CHECK_FOR_REQUESTS(back, more);
	}
}

void blkback_ring_work(struct blkback_ring *ring)
{
	take_requests(ring);
	disk_submit(&ring->blk->disk);
	push_responses(ring);
}

static void settled(struct disk *disk)
{
	struct blkback *blk = container_of(disk, struct blkback, disk);

	if (blk->parked && disk->in_flight == 1) {
		blk->parked = false;
		disk_queue(disk, &blk->barrier->disk);
	}
	if (disk->starved && !blk->barrier) {
		disk->starved = false;
		for (u32 i = 0; i < blk->queues_max; i++)
			take_requests(&blk->ring[i]);
	}
	for (u32 i = 0; i < blk->queues_max; i++)
		push_responses(&blk->ring[i]);
}

const struct disk_ops blkback_disk_ops = {
	.done = request_done,
	.settled = settled,
};
