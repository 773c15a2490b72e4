// SPDX-License-Identifier: GPL-2.0
/*
 * The block back end against a front end that knows what it does, and the
 * device's life. Runs on the workstation under ASan and UBSan; prints TAP.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "board.h"
#include "loop.h"

static int tests;
static int failures;

static bool vdev_numbers(void)
{
	static const struct {
		const char *vdev;
		int number;
	} cases[] = {
		{"xvda", 51712},
		{"xvda1", 51713},
		{"xvdb", 51728},
		{"xvdp15", 51967},
		{"xvda16", 1 << 28 | 16},
		{"xvda255", 1 << 28 | 255},
		{"xvdq", 1 << 28 | 16 << 8},
		{"xvdz3", 1 << 28 | 25 << 8 | 3},
		{"xvdaa", 1 << 28 | 26 << 8},
		{"xvdba1", 1 << 28 | 52 << 8 | 1},
		{"xvdzz", 1 << 28 | 701 << 8},
		{"xvdbgqcv", 1 << 28 | 1048575 << 8},
		{"vdc", 51744},
		{"hda", 768},
		{"hdb63", 895},
		{"hdc", 5632},
		{"hdd1", 5697},
		{"sda", 2048},
		{"sdb2", 2066},
		{"sdp15", 2303},
		{"xvdbgqcw", -EINVAL},
		{"xvdzzzzzzzzzzzzzzzz", -EINVAL},
		{"xvda256", -EINVAL},
		{"xvda99999999999999999999", -EINVAL},
		{"xvda0", -EINVAL},
		{"xvda01", -EINVAL},
		{"xvd", -EINVAL},
		{"xvd1", -EINVAL},
		{"xvdA", -EINVAL},
		{"xvda1x", -EINVAL},
		{"hde", -EINVAL},
		{"hda64", -EINVAL},
		{"sdq", -EINVAL},
		{"sda16", -EINVAL},
		{"", -EINVAL},
		{"fd0", -EINVAL},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		int number = blkback_vdev_number(cases[i].vdev);

		if (number != cases[i].number) {
			printf("# %s is %d\n", cases[i].vdev, number);
			return false;
		}
	}
	return true;
}

static bool told(const char *key, const char *value)
{
	bool same = !strcmp(back_get(key), value);

	if (!same)
		printf("# %s is '%s'\n", key, back_get(key));
	return same;
}

static bool handshake(void)
{
	board_start();
	CHECK(xenbus->id == 51712 && !strcmp(xenbus->type, "vbd"));
	CHECK(!strcmp(front_get("virtual-device"), "51712"));
	CHECK(!strcmp(front_get("device-type"), "disk"));
	CHECK(told("mode", "w") && told("feature-flush-cache", "1"));
	CHECK(told("feature-barrier", "1") && told("feature-persistent", "1"));
	CHECK(told("feature-max-indirect-segments", "256"));
	CHECK(told("max-ring-page-order", "4") && told("max-ring-pages", "16"));
	CHECK(told("multi-queue-max-queues", "4"));
	CHECK(told("feature-discard", "1") && told("discard-granularity", "512"));
	CHECK(told("discard-alignment", "0") && told("discard-secure", "0"));
	CHECK(told("sectors", ""));
	CHECK(front_up(1, 1));
	CHECK(told("sectors", "4096") && told("sector-size", "512"));
	CHECK(told("physical-sector-size", "4096") && told("info", "0"));
	return true;
}

/* physical-sector-size must divide the disk, so it shrinks with an odd one. */
static bool odd_size(void)
{
	struct config_disk cfg = board_disk();

	CHECK(!truncate(disk_path, 7 * DISK_SECTOR + 100));
	device->destroy(device);
	vm.devices = NULL;
	CHECK(!board_create(&cfg) && front_up(1, 1));
	CHECK(told("sectors", "7") && told("physical-sector-size", "512"));
	CHECK(request(front, transfer(BLKIF_OP_READ, 0, DATA_PAGE, 1)) == BLKIF_RSP_ERROR);
	return true;
}

static bool reads(void)
{
	union front_msg msg = transfer(BLKIF_OP_READ, 40, DATA_PAGE, 11);

	file_fill(1);
	CHECK(front_up(1, 1));
	CHECK(request(front, msg) == BLKIF_RSP_OKAY);
	CHECK(file_holds(40, 88, DATA_PAGE));
	/* Parts of pages: what is not asked for stays. */
	memset(page(DATA_PAGE), 0xee, 2 * GUEST_PAGE_SIZE);
	msg = transfer(BLKIF_OP_READ, 7, DATA_PAGE, 2);
	msg.request.seg[0].first_sect = 5;
	msg.request.seg[1].last_sect = 0;
	CHECK(request(front, msg) == BLKIF_RSP_OKAY);
	memmove(page(DATA_PAGE), (u8 *)page(DATA_PAGE) + 5 * DISK_SECTOR, 4 * DISK_SECTOR);
	CHECK(file_holds(7, 4, DATA_PAGE));
	CHECK(*((u8 *)page(DATA_PAGE) + 4 * DISK_SECTOR) == 0xee);
	/* One page twice: it holds what came last. */
	msg = transfer(BLKIF_OP_READ, 0, DATA_PAGE, 2);
	msg.request.seg[1].gref = msg.request.seg[0].gref;
	CHECK(request(front, msg) == BLKIF_RSP_OKAY);
	CHECK(file_holds(8, 8, DATA_PAGE));
	CHECK(maps == 1);
	return true;
}

static bool writes(void)
{
	union front_msg msg = transfer(BLKIF_OP_WRITE, DISK_SECTORS - 88, DATA_PAGE, 11);

	CHECK(front_up(1, 1));
	fill(DATA_PAGE, 11, 2);
	/* Pages to read from need no right to write. */
	readonly_grant[gref(DATA_PAGE)] = true;
	CHECK(request(front, msg) == BLKIF_RSP_OKAY);
	CHECK(file_holds(DISK_SECTORS - 88, 88, DATA_PAGE));
	CHECK(maps == 1);
	return true;
}

static bool flush(void)
{
	CHECK(front_up(1, 1));
	uring_fences = 0;
	CHECK(request(front, transfer(BLKIF_OP_FLUSH_DISKCACHE, 0, 0, 0)) == BLKIF_RSP_OKAY);
	CHECK(no_uring || uring_fences == 1);
	fill(DATA_PAGE, 3, 3);
	CHECK(request(front, transfer(BLKIF_OP_FLUSH_DISKCACHE, 16, DATA_PAGE, 3)) ==
	      BLKIF_RSP_OKAY);
	CHECK(file_holds(16, 24, DATA_PAGE));
	CHECK(no_uring || uring_fences == 2);
	CHECK(request(front, transfer(BLKIF_OP_FLUSH_DISKCACHE, DISK_SECTORS, DATA_PAGE, 1)) ==
	      BLKIF_RSP_ERROR);
	return true;
}

/* Nothing overtakes a barrier, and it overtakes nothing, on other rings either. */
static bool barriers(void)
{
	struct blkif_response rsp;
	u32 last = DATA_PAGE + 200;

	slow_uring = true;
	CHECK(front_up(2, 1));
	uring_fences = 0;
	uring_crossed = 0;
	fill(last, 1, 9);
	for (u32 round = 0; round < 20; round++) {
		for (u32 i = 0; i < 30; i++) {
			bool barrier = i % 10 == 7;
			union front_msg msg = transfer(
				barrier ? BLKIF_OP_WRITE_BARRIER : BLKIF_OP_WRITE, 0,
				i == 29 ? last : DATA_PAGE + i, barrier && round % 2 ? 0 : 1);

			/* All to one place: the last one is to stay. */
			if (i == 28)
				msg.request.operation = BLKIF_OP_WRITE_BARRIER;
			front_put(&front[0], &msg);
			msg = transfer(BLKIF_OP_WRITE, 800 + i, DATA_PAGE, 1);
			front_put(&front[1], &msg);
		}
		front_push(&front[1]);
		front_push(&front[0]);
		for (u32 i = 0; i < 30; i++) {
			CHECK(front_wait(&front[0], &rsp) && rsp.status == BLKIF_RSP_OKAY);
			CHECK(front_wait(&front[1], &rsp) && rsp.status == BLKIF_RSP_OKAY);
		}
		CHECK(file_holds(0, 8, last));
	}
	CHECK(no_uring || uring_fences == 20 * 4 + 10 * 4 + 10);
	CHECK(!uring_crossed);
	CHECK(maps == 2);
	return true;
}

static bool discards(void)
{
	struct config_disk cfg = board_disk();

	file_fill(4);
	CHECK(front_up(1, 1));
	CHECK(request(front, discard(8, 16)) == BLKIF_RSP_OKAY);
	memset(page(DATA_PAGE), 0, 16 * DISK_SECTOR);
	CHECK(file_holds(8, 16, DATA_PAGE));
	CHECK(!file_holds(24, 1, DATA_PAGE) && !file_holds(7, 1, DATA_PAGE));
	CHECK(request(front, discard(0, DISK_SECTORS)) == BLKIF_RSP_OKAY);
	CHECK(file_holds(DISK_SECTORS - 1, 1, DATA_PAGE));
	CHECK(request(front, discard(0, DISK_SECTORS + 1)) == BLKIF_RSP_ERROR);
	CHECK(request(front, discard(1, ~0ULL)) == BLKIF_RSP_ERROR);
	CHECK(request(front, discard(1ULL << 55, 1)) == BLKIF_RSP_ERROR);
	CHECK(request(front, discard(~0ULL, 2)) == BLKIF_RSP_ERROR);
	CHECK(request(front, discard(0, 0)) == BLKIF_RSP_ERROR);
	board_destroy();

	cfg.discard = false;
	CHECK(!board_create(&cfg) && front_up(1, 1));
	CHECK(told("feature-discard", ""));
	CHECK(request(front, discard(8, 16)) == BLKIF_RSP_EOPNOTSUPP);
	return true;
}

/* The front end is told to leave it where the file cannot have holes. */
static bool discard_unsupported(void)
{
	struct config_disk cfg = board_disk();
	bool ok;

	board_destroy();
	no_uring = true;
	no_holes = true;
	ok = !board_create(&cfg) && front_up(1, 1) &&
	     request(front, discard(8, 16)) == BLKIF_RSP_EOPNOTSUPP;
	no_uring = false;
	no_holes = false;
	return ok;
}

static bool indirect_segments(void)
{
	const u32 table = DATA_PAGE, data = DATA_PAGE + 1;
	union front_msg msg;

	file_fill(5);
	CHECK(front_up(1, 1));
	CHECK(request(front, indirect(BLKIF_OP_READ, 9, table, data, 256)) == BLKIF_RSP_OKAY);
	CHECK(file_holds(9, 2048, data));
	fill(data, 256, 6);
	CHECK(request(front, indirect(BLKIF_OP_WRITE, 99, table, data, 256)) == BLKIF_RSP_OKAY);
	CHECK(file_holds(99, 2048, data));
	CHECK(request(front, indirect(BLKIF_OP_READ, 0, table, data, 257)) == BLKIF_RSP_ERROR);
	CHECK(request(front, indirect(BLKIF_OP_READ, 0, table, data, 512)) == BLKIF_RSP_ERROR);
	CHECK(request(front, indirect(BLKIF_OP_READ, 0, table, data, 65535)) == BLKIF_RSP_ERROR);
	CHECK(request(front, indirect(BLKIF_OP_READ, 0, table, data, 0)) == BLKIF_RSP_ERROR);
	CHECK(request(front, indirect(BLKIF_OP_WRITE_BARRIER, 0, table, data, 1)) ==
	      BLKIF_RSP_ERROR);
	msg = indirect(BLKIF_OP_READ, 0, table, data, 20);
	msg.indirect.indirect_grefs[0] = GRANTS;
	CHECK(request(front, msg) == BLKIF_RSP_ERROR);
	msg = indirect(BLKIF_OP_READ, 0, table, data, 20);
	segment(table, 19)->gref = 0;
	CHECK(request(front, msg) == BLKIF_RSP_ERROR);
	msg = indirect(BLKIF_OP_READ, 0, table, data, 20);
	segment(table, 19)->last_sect = 8;
	CHECK(request(front, msg) == BLKIF_RSP_ERROR);
	CHECK(maps == 1);
	return true;
}

/* Grants stay mapped as long as the header allows, and no longer. */
static bool persistent(void)
{
	const u32 limit = 32 * BLKIF_MAX_SEGMENTS_PER_REQUEST;
	const u32 table = DATA_PAGE, data = DATA_PAGE + 1;

	file_fill(7);
	front_set("feature-persistent", "1");
	CHECK(front_up(1, 1));
	CHECK(request(front, transfer(BLKIF_OP_WRITE, 0, DATA_PAGE, 11)) == BLKIF_RSP_OKAY);
	CHECK(maps == 1 + 11);
	CHECK(request(front, transfer(BLKIF_OP_READ, 0, DATA_PAGE, 11)) == BLKIF_RSP_OKAY);
	CHECK(maps == 1 + 11);
	CHECK(request(front, indirect(BLKIF_OP_READ, 9, table, data, 256)) == BLKIF_RSP_OKAY);
	CHECK(maps == 1 + 257 && file_holds(9, 2048, data));
	CHECK(request(front, indirect(BLKIF_OP_READ, 9, table, data + 250, 256)) == BLKIF_RSP_OKAY);
	CHECK(maps == 1 + limit && file_holds(9, 2048, data + 250));
	/* A grant that cannot be kept is used as without the feature. */
	readonly_grant[gref(DATA_PAGE + 600)] = true;
	CHECK(request(front, transfer(BLKIF_OP_WRITE, 0, DATA_PAGE + 600, 1)) == BLKIF_RSP_OKAY);
	CHECK(request(front, transfer(BLKIF_OP_READ, 0, DATA_PAGE + 600, 1)) == BLKIF_RSP_ERROR);
	CHECK(maps == 1 + limit);
	board_disconnect();
	CHECK(!maps);
	/* Before the table is full, too. */
	CHECK(front_up(1, 1));
	CHECK(request(front, transfer(BLKIF_OP_WRITE, 0, DATA_PAGE + 600, 1)) == BLKIF_RSP_OKAY);
	CHECK(maps == 1);
	return true;
}

/* Rounds of as many requests as the ring holds, more than the disk takes at once. */
static bool crowd(struct front *f, u32 rounds)
{
	struct blkif_response rsp;

	for (u32 round = 0; round < rounds; round++) {
		for (u32 i = 0; i < f->size; i++) {
			union front_msg msg = transfer(BLKIF_OP_READ, i, DATA_PAGE + i, 1);

			msg.request.id = i;
			msg.request.seg[0].last_sect = 0;
			front_put(f, &msg);
		}
		front_push(f);
		for (u32 i = 0, sum = 0; i < f->size; i++) {
			CHECK(front_wait(f, &rsp) && rsp.status == BLKIF_RSP_OKAY);
			CHECK(rsp.id < f->size && rsp.operation == BLKIF_OP_READ);
			sum += rsp.id;
			CHECK(i + 1 < f->size || sum == f->size * (f->size - 1) / 2);
		}
		for (u32 i = 0; i < f->size; i += 37) {
			CHECK(file_holds(i, 1, DATA_PAGE + i));
			memset(page(DATA_PAGE + i), 0, GUEST_PAGE_SIZE);
		}
	}
	return true;
}

static bool multi_page(void)
{
	file_fill(8);
	slow_uring = true;
	for (u32 pages = 1; pages <= 16; pages *= 2) {
		CHECK(front_up(1, pages));
		CHECK(maps == pages);
		CHECK(crowd(front, 3));
		board_disconnect();
		CHECK(!maps);
	}
	CHECK(front[0].size == 512);
	/* The older word, and the older word for one page. */
	front_rings(1, 4);
	front_unset("ring-page-order");
	front_set("num-ring-pages", "4");
	CHECK(!board_connect() && maps == 4);
	CHECK(crowd(front, 1));
	board_disconnect();
	front_set("num-ring-pages", "1");
	CHECK(front_up(1, 1) && crowd(front, 1));
	return true;
}

static bool multi_queue(void)
{
	file_fill(9);
	slow_uring = true;
	CHECK(front_up(4, 2));
	CHECK(maps == 8 && bound == 4);
	for (u32 q = 0; q < 4; q++)
		CHECK(crowd(&front[q], 2));
	for (u32 q = 0; q < 4; q++)
		CHECK(notified[PORT_BASE + q]);
	board_disconnect();
	CHECK(!maps && !bound);
	/* From four to one, whose keys lie elsewhere. */
	front_clear();
	front_set("multi-queue-num-queues", "1");
	CHECK(front_up(1, 1) && maps == 1 && bound == 1);
	return crowd(front, 1);
}

static bool readonly(void)
{
	struct config_disk cfg = board_disk();

	board_destroy();
	cfg.readonly = true;
	cfg.cdrom = true;
	CHECK(!board_create(&cfg));
	file_fill(10);
	CHECK(front_up(1, 1));
	CHECK(told("mode", "r") && told("info", "5") && told("feature-discard", ""));
	CHECK(!strcmp(front_get("device-type"), "cdrom"));
	CHECK(request(front, transfer(BLKIF_OP_READ, 0, DATA_PAGE, 4)) == BLKIF_RSP_OKAY);
	CHECK(file_holds(0, 32, DATA_PAGE));
	CHECK(request(front, transfer(BLKIF_OP_WRITE, 0, DATA_PAGE, 1)) == BLKIF_RSP_ERROR);
	CHECK(request(front, transfer(BLKIF_OP_WRITE_BARRIER, 0, DATA_PAGE, 1)) == BLKIF_RSP_ERROR);
	CHECK(request(front, transfer(BLKIF_OP_FLUSH_DISKCACHE, 0, DATA_PAGE, 1)) ==
	      BLKIF_RSP_ERROR);
	CHECK(request(front, transfer(BLKIF_OP_FLUSH_DISKCACHE, 0, 0, 0)) == BLKIF_RSP_OKAY);
	CHECK(request(front, indirect(BLKIF_OP_WRITE, 0, DATA_PAGE, DATA_PAGE + 1, 3)) ==
	      BLKIF_RSP_ERROR);
	CHECK(request(front, discard(0, 8)) == BLKIF_RSP_EOPNOTSUPP);
	return true;
}

static void put_reads(struct front *f, u32 count)
{
	for (u32 i = 0; i < count; i++) {
		union front_msg msg = transfer(BLKIF_OP_READ, i * 8, DATA_PAGE + i * 8, 8);

		front_put(f, &msg);
	}
}

/* Closes at any moment: nothing stays mapped, nothing is answered later. */
static bool disconnect_in_flight(void)
{
	slow_uring = true;
	for (u32 round = 0; round < 200; round++) {
		RING_IDX prod;

		CHECK(front_up(1 + round % 3, 1 << round % 4));
		put_reads(front, 32);
		if (round % 5 == 4) {
			union front_msg msg = transfer(BLKIF_OP_WRITE_BARRIER, 0, DATA_PAGE, 1);

			front[0].req_prod--;
			front_put(front, &msg);
		}
		front_push(front);
		usleep(round % 7 * 20);
		board_disconnect();
		CHECK(!maps && !bound);
		prod = sring(front)->rsp_prod;
		CHECK(prod <= 32);
		usleep(100);
		CHECK(sring(front)->rsp_prod == prod);
		front_clear();
	}
	return true;
}

/* A paused device leaves memory and event channels alone, and then goes on. */
static bool paused(void)
{
	struct blkif_response rsp;
	RING_IDX prod;
	u32 told_before;

	slow_uring = true;
	CHECK(front_up(1, 1));
	for (u32 round = 0; round < 50; round++) {
		put_reads(front, 16);
		front_push(front);
		usleep(round % 5 * 30);
		device->stop(device);
		prod = sring(front)->rsp_prod;
		told_before = notified[PORT_BASE];
		put_reads(front, 16);
		front_push(front);
		board_call(front[0].port); /* on its way when we stopped */
		usleep(200);
		CHECK(sring(front)->rsp_prod == prod && notified[PORT_BASE] == told_before);
		CHECK(maps == 1);
		board_start();
		for (u32 i = 0; i < 32; i++)
			CHECK(front_wait(front, &rsp) && rsp.status == BLKIF_RSP_OKAY);
	}
	/* Repeats are free. */
	device->stop(device);
	device->stop(device);
	board_start();
	board_start();
	return request(front, transfer(BLKIF_OP_READ, 0, DATA_PAGE, 1)) == BLKIF_RSP_OKAY;
}

/* Requests that were put, and told of, before we listened. */
static bool early_requests(void)
{
	struct blkif_response rsp;

	front_rings(1, 1);
	put_reads(front, 5);
	sring(front)->req_prod = front[0].req_prod;
	board_start();
	CHECK(!board_connect());
	for (u32 i = 0; i < 5; i++)
		CHECK(front_wait(front, &rsp) && rsp.status == BLKIF_RSP_OKAY);
	return true;
}

/* The guest connects or goes while the device is paused. */
static bool handshake_while_paused(void)
{
	board_start();
	device->stop(device);
	CHECK(front_up(1, 1));
	put_reads(front, 1);
	front_push(front);
	CHECK(front_quiet(front));
	board_start();
	CHECK(request(front, transfer(BLKIF_OP_READ, 0, DATA_PAGE, 1)) == BLKIF_RSP_OKAY);
	device->stop(device);
	board_disconnect();
	CHECK(!maps && !bound);
	return true;
}

static bool reset(void)
{
	for (u32 i = 0; i < 5; i++) {
		CHECK(front_up(2, 2));
		put_reads(&front[1], 32);
		front_push(&front[1]);
		device->stop(device);
		device->reset(device);
		CHECK(!xenbus && !maps && !bound);
		device->reset(device);
		memset(guest, 0, GUEST_PAGES * GUEST_PAGE_SIZE);
		front_clear();
	}
	return true;
}

static bool stats(void)
{
	struct device_stats s;

	CHECK(front_up(1, 1));
	request(front, transfer(BLKIF_OP_READ, 0, DATA_PAGE, 3));
	request(front, transfer(BLKIF_OP_WRITE, 0, DATA_PAGE, 2));
	request(front, transfer(BLKIF_OP_WRITE_BARRIER, 0, DATA_PAGE, 1));
	request(front, transfer(BLKIF_OP_FLUSH_DISKCACHE, 0, 0, 0));
	request(front, transfer(BLKIF_OP_READ, DISK_SECTORS, DATA_PAGE, 1));
	device->stats(device, &s);
	CHECK(device->kind == DEVICE_BLOCK && !strcmp(device->name, "xvda"));
	CHECK(s.reads == 1 && s.read_bytes == 3 * GUEST_PAGE_SIZE);
	CHECK(s.writes == 2 && s.write_bytes == 3 * GUEST_PAGE_SIZE);
	CHECK(s.errors == 1);
	return true;
}

/* The front end says which response it wants to hear of. */
static bool hold_off(void)
{
	struct blkif_response rsp;

	CHECK(front_up(1, 1));
	sring(front)->rsp_event = 3;
	put_reads(front, 1);
	front_push(front);
	CHECK(!front_quiet(front) && !notified[PORT_BASE]);
	put_reads(front, 2);
	front_push(front);
	CHECK(!front_quiet(front) && sring(front)->rsp_prod == 3);
	CHECK(notified[PORT_BASE] == 1);
	for (u32 i = 0; i < 3; i++)
		CHECK(front_wait(front, &rsp));
	/* And we asked to hear of the next request. */
	CHECK(sring(front)->req_event == 4);
	return true;
}

static bool short_file(void)
{
	CHECK(front_up(1, 1));
	CHECK(!truncate(disk_path, 16 * DISK_SECTOR));
	CHECK(request(front, transfer(BLKIF_OP_READ, 0, DATA_PAGE, 2)) == BLKIF_RSP_OKAY);
	CHECK(request(front, transfer(BLKIF_OP_READ, 8, DATA_PAGE, 2)) == BLKIF_RSP_ERROR);
	CHECK(request(front, transfer(BLKIF_OP_READ, 16, DATA_PAGE, 1)) == BLKIF_RSP_ERROR);
	return true;
}

/* O_DIRECT where pages are whole, the page cache where they are not. */
static bool direct(void)
{
	struct config_disk cfg = board_disk();
	union front_msg msg = transfer(BLKIF_OP_READ, 8, DATA_PAGE, 2);

	board_destroy();
	cfg.direct = true;
	if (board_create(&cfg)) {
		printf("# no O_DIRECT here\n");
		return true;
	}
	file_fill(11);
	CHECK(front_up(1, 1));
	CHECK(request(front, msg) == BLKIF_RSP_OKAY && file_holds(8, 16, DATA_PAGE));
	msg.request.seg[0].last_sect = 3;
	msg.request.seg[1].first_sect = 4;
	CHECK(request(front, msg) == BLKIF_RSP_OKAY && file_holds(8, 4, DATA_PAGE));
	return true;
}

static bool refuses_disks(void)
{
	struct config_disk cfg = board_disk();
	char missing[] = "/nonexistent/disk";

	/* The file is the first disk's, and so is the number. */
	CHECK(board_create(&cfg) == -EEXIST);
	strcpy(cfg.vdev, "vda");
	CHECK(board_create(&cfg) == -EEXIST);
	strcpy(cfg.vdev, "xvdb");
	CHECK(board_create(&cfg) == -EBUSY);
	strcpy(cfg.vdev, "hde");
	CHECK(board_create(&cfg) == -EINVAL);
	strcpy(cfg.vdev, "xvdb");
	cfg.path = missing;
	CHECK(board_create(&cfg) == -ENOENT);
	cfg.format = CONFIG_DISK_QCOW2;
	CHECK(board_create(&cfg) == -ENOENT);
	cfg.path = NULL;
	CHECK(!board_create(&cfg) && !device->next);
	return true;
}

/* All of it again where the host has no io_uring. */
static bool without_uring(void)
{
	static bool (*const again[])(void) = {reads,	  writes,     flush,
					      barriers,	  discards,   indirect_segments,
					      persistent, multi_page, disconnect_in_flight,
					      paused,	  short_file};
	struct config_disk cfg = board_disk();
	bool ok = true;

	for (size_t i = 0; ok && i < ARRAY_SIZE(again); i++) {
		board_destroy();
		no_uring = true;
		ok = !board_create(&cfg) && again[i]();
	}
	no_uring = false;
	return ok;
}

/* A fresh disk before each test; nothing left of it behind it. */
void run_test(const char *name, bool (*fn)(void))
{
	struct config_disk cfg = board_disk();
	bool ok;

	slow_uring = false;
	ok = !board_create(&cfg) && fn();
	board_destroy();
	if (maps || bound || xenbus) {
		printf("# left: %u grants, %u ports\n", maps, bound);
		ok = false;
	}
	printf("%sok %d blkback: %s\n", ok ? "" : "not ", ++tests, name);
	failures += !ok;
}

int main(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	printf("TAP version 13\n");
	TEST(vdev_numbers);
	TEST(handshake);
	TEST(odd_size);
	TEST(reads);
	TEST(writes);
	TEST(flush);
	TEST(barriers);
	TEST(discards);
	TEST(discard_unsupported);
	TEST(indirect_segments);
	TEST(persistent);
	TEST(multi_page);
	TEST(multi_queue);
	TEST(readonly);
	TEST(disconnect_in_flight);
	TEST(paused);
	TEST(early_requests);
	TEST(handshake_while_paused);
	TEST(reset);
	TEST(stats);
	TEST(hold_off);
	TEST(short_file);
	TEST(direct);
	TEST(refuses_disks);
	TEST(without_uring);
	run_hostile_tests();
	printf("1..%d\n", tests);
	free(guest);
	return failures != 0;
}
