// SPDX-License-Identifier: GPL-2.0
/* See board.h. The front end. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "board.h"

struct front front[BLKBACK_QUEUES_MAX];

void *page(u32 number)
{
	return guest + number * GUEST_PAGE_SIZE;
}

u32 gref(u32 number)
{
	return number + GRANT_BASE;
}

blkif_sring_t *sring(const struct front *f)
{
	return page(f->page[0]);
}

/* Fresh rings, whose pages lie backwards, and the keys that tell of them. */
void front_rings(u32 queues, u32 pages)
{
	char key[32];

	front_set("protocol", "x86_64-abi");
	if (queues > 1)
		front_set("multi-queue-num-queues", "%u", queues);
	if (pages > 1)
		front_set("ring-page-order", "%d", __builtin_ctz(pages));
	for (u32 q = 0; q < queues; q++) {
		struct front *f = &front[q];
		const char *dir[] = {"", "queue-0/", "queue-1/", "queue-2/", "queue-3/"};
		u32 name = queues > 1 ? q + 1 : 0;

		*f = (struct front){.port = PORT_BASE + q, .pages = pages};
		for (u32 i = 0; i < pages; i++) {
			f->page[i] = (q + 1) * 2 * pages - 2 * i;
			memset(page(f->page[i]), 0, GUEST_PAGE_SIZE);
			snprintf(key, sizeof(key), pages > 1 ? "%sring-ref%u" : "%sring-ref",
				 dir[name], i);
			front_set(key, "%u", gref(f->page[i]));
		}
		f->size = __CONST_RING_SIZE(blkif, pages * GUEST_PAGE_SIZE);
		SHARED_RING_INIT(sring(f));
		snprintf(key, sizeof(key), "%sevent-channel", dir[name]);
		front_set(key, "%u", f->port);
	}
}

/* A disk that is started and connected. */
bool front_up(u32 queues, u32 pages)
{
	front_rings(queues, pages);
	if (!xenbus)
		board_start();
	return !board_connect();
}

/* Where a byte of the ring lies. */
static u8 *ring_byte(const struct front *f, size_t at)
{
	return (u8 *)page(f->page[at / GUEST_PAGE_SIZE]) + at % GUEST_PAGE_SIZE;
}

static size_t entry_at(const struct front *f, RING_IDX i)
{
	return sizeof(blkif_sring_t) - sizeof(union blkif_sring_entry) +
	       i % f->size * sizeof(union blkif_sring_entry);
}

void front_put(struct front *f, const union front_msg *msg)
{
	size_t at = entry_at(f, f->req_prod++);

	for (size_t i = 0; i < sizeof(*msg); i++)
		*ring_byte(f, at + i) = ((const u8 *)msg)[i];
}

void front_push(struct front *f)
{
	__atomic_store_n(&sring(f)->req_prod, f->req_prod, __ATOMIC_RELEASE);
	board_notify(f->port);
}

/* Holes of a structure must not carry what lay on the back end's stack. */
static bool no_leak(const struct blkif_response *rsp)
{
	const u8 *bytes = (const u8 *)rsp;
	u8 holes = bytes[offsetof(struct blkif_response, operation) + 1];

	for (size_t i = offsetof(struct blkif_response, status) + sizeof(rsp->status);
	     i < sizeof(*rsp); i++)
		holes |= bytes[i];
	return !holes;
}

/* Takes one response; false when none comes within two seconds. */
bool front_wait(struct front *f, struct blkif_response *rsp)
{
	for (u32 i = 0; i < 20000; i++) {
		if (__atomic_load_n(&sring(f)->rsp_prod, __ATOMIC_ACQUIRE) != f->rsp_cons) {
			size_t at = entry_at(f, f->rsp_cons++);

			for (size_t n = 0; n < sizeof(*rsp); n++)
				((u8 *)rsp)[n] = *ring_byte(f, at + n);
			sring(f)->rsp_event = f->rsp_cons + 1;
			return no_leak(rsp);
		}
		usleep(100);
	}
	return false;
}

/* No response comes for a while. */
bool front_quiet(const struct front *f)
{
	usleep(20000);
	return __atomic_load_n(&sring(f)->rsp_prod, __ATOMIC_ACQUIRE) == f->rsp_cons;
}

/* Whole pages, one after the other. */
union front_msg transfer(u8 op, u64 sector, u32 first_page, u8 segments)
{
	union front_msg msg = {.request = {op, segments, 0, 0x1234, sector, {{0}}}};

	for (u32 i = 0; i < segments && i < BLKIF_MAX_SEGMENTS_PER_REQUEST; i++)
		msg.request.seg[i] = (struct blkif_request_segment){gref(first_page + i), 0, 7};
	return msg;
}

struct blkif_request_segment *segment(u32 table, u32 i)
{
	return (struct blkif_request_segment *)page(table) + i;
}

union front_msg indirect(u8 op, u64 sector, u32 table, u32 first_page, u16 segments)
{
	union front_msg msg = {
		.indirect = {BLKIF_OP_INDIRECT, op, segments, 0x5678, sector, 0, {gref(table)}}};

	for (u32 i = 0; i < segments && i < 512; i++)
		*segment(table, i) = (struct blkif_request_segment){gref(first_page + i), 0, 7};
	return msg;
}

union front_msg discard(u64 sector, u64 sectors)
{
	return (union front_msg){.discard = {BLKIF_OP_DISCARD, 0, 0, 0x9abc, sector, sectors}};
}

/* One request alone: its status, or NO_ANSWER for none that fits. */
int request(struct front *f, union front_msg msg)
{
	u8 op = msg.request.operation;
	struct blkif_response rsp;

	if (op == BLKIF_OP_INDIRECT)
		op = msg.indirect.indirect_op;
	front_put(f, &msg);
	front_push(f);
	if (!front_wait(f, &rsp) || rsp.id != msg.request.id || rsp.operation != op)
		return NO_ANSWER;
	return rsp.status;
}

static u32 pattern(u32 seed, u32 i)
{
	return seed * 2654435761U + i * 40503U;
}

void fill(u32 first_page, u32 pages, u32 seed)
{
	u32 *words = page(first_page);

	for (u32 i = 0; i < pages * GUEST_PAGE_SIZE / sizeof(*words); i++)
		words[i] = pattern(seed, i);
}

/* Does the file hold at @sector what these pages hold? */
bool file_holds(u64 sector, u32 sectors, u32 first_page)
{
	size_t len = (size_t)sectors << DISK_SECTOR_SHIFT;
	u8 *buf = malloc(len);
	bool same = pread(disk_fd(), buf, len, sector << DISK_SECTOR_SHIFT) == (ssize_t)len &&
		    !memcmp(buf, page(first_page), len);

	free(buf);
	return same;
}

/* Each sector of the file begins with words of its own. */
void file_fill(u32 seed)
{
	u32 words[DISK_SECTOR / 4];
	int fd = disk_fd();

	for (u32 s = 0; s < DISK_SECTORS; s++) {
		for (u32 i = 0; i < ARRAY_SIZE(words); i++)
			words[i] = pattern(seed, s * ARRAY_SIZE(words) + i);
		if (pwrite(fd, words, sizeof(words), (off_t)s << DISK_SECTOR_SHIFT) !=
		    sizeof(words))
			abort();
	}
}
