/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A block back end without hypervisor, xenstore or guest: board.c is what it
 * asks of the rest of vmmd, front.c a front end that does what it is told,
 * sense or nonsense. The test's own thread is vmmd's main thread.
 */
#ifndef UNIT_BLKBACK_BOARD_H
#define UNIT_BLKBACK_BOARD_H

#include "xen/blkback.h"
#include "xen/xen.h"
#include "vm.h"

#define DISK_SECTORS 4096U
#define GUEST_PAGES  1024U
#define GRANT_BASE   8U /* the first that exists */
#define GRANTS	     (GRANT_BASE + GUEST_PAGES)
#define PORTS	     16U
#define PORT_BASE    3U	 /* the first of the front end's */
#define PORT_TAKEN   15U /* another back end's */

#define CHECK(cond)                                                                                \
	do {                                                                                       \
		if (!(cond)) {                                                                     \
			printf("# %s:%d: not true: %s\n", __func__, __LINE__, #cond);              \
			return false;                                                              \
		}                                                                                  \
	} while (0)

extern struct vm vm;
extern struct device *device;	  /* the disk, NULL for none */
extern struct xenbus_dev *xenbus; /* the disk's, NULL when it is not on the bus */
extern char fail_reason[128];	  /* of xenbus_fail(), "" for none */
extern char disk_path[64];
extern u8 *guest;	    /* GUEST_PAGES pages, granted one by one */
extern u32 maps;	    /* grants that are mapped */
extern u32 bound;	    /* ports that are bound */
extern u32 notified[PORTS]; /* notifications of the back end */
extern bool readonly_grant[GRANTS];

/* What board.c does to the disk's io_uring, and has seen of it. */
extern bool no_uring;	  /* the host has none */
extern bool no_holes;	  /* fallocate() cannot make any */
extern bool slow_uring;	  /* requests are done by workers, in any order */
extern u32 uring_fences;  /* flushes and stable writes */
extern u32 uring_crossed; /* how often others were in flight with one */

int board_create(const struct config_disk *cfg);
struct config_disk board_disk(void);
void board_start(void);
void board_destroy(void);
void board_turn(void);
void board_notify(u32 port);
void board_call(u32 port);
int disk_fd(void);

void front_clear(void);
void front_set(const char *key, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void front_unset(const char *key);
const char *front_get(const char *key);
const char *back_get(const char *key);
int board_connect(void);
void board_disconnect(void);

/**
 * struct front - a guest's idea of one ring
 * @port: event channel
 * @pages: how many
 * @page: where they lie, numbers of guest pages
 * @size: entries
 * @req_prod: requests put
 * @rsp_cons: responses taken
 */
struct front {
	u32 port;
	u32 pages;
	u32 page[BLKBACK_RING_PAGES_MAX];
	u32 size;
	RING_IDX req_prod;
	RING_IDX rsp_cons;
};

/* Pages below are the rings', data may begin here. */
#define DATA_PAGE 256U

extern struct front front[BLKBACK_QUEUES_MAX];

union front_msg {
	struct blkif_request request;
	struct blkif_request_discard discard;
	struct blkif_request_indirect indirect;
};

void *page(u32 number);
u32 gref(u32 number);
blkif_sring_t *sring(const struct front *f);
void front_rings(u32 queues, u32 pages);
bool front_up(u32 queues, u32 pages);
void front_put(struct front *f, const union front_msg *msg);
void front_push(struct front *f);
bool front_wait(struct front *f, struct blkif_response *rsp);
bool front_quiet(const struct front *f);

union front_msg transfer(u8 op, u64 sector, u32 first_page, u8 segments);
union front_msg indirect(u8 op, u64 sector, u32 table, u32 first_page, u16 segments);
union front_msg discard(u64 sector, u64 sectors);
struct blkif_request_segment *segment(u32 table, u32 i);

int request(struct front *f, union front_msg msg);
#define NO_ANSWER 1000

void fill(u32 first_page, u32 pages, u32 seed);
bool file_holds(u64 sector, u32 sectors, u32 first_page);
void file_fill(u32 seed);

void run_hostile_tests(void);
void run_test(const char *name, bool (*fn)(void));
#define TEST(fn) run_test(#fn, fn)

#endif /* UNIT_BLKBACK_BOARD_H */
