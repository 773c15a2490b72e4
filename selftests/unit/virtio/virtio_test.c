// SPDX-License-Identifier: GPL-2.0
/*
 * The virtio devices and their transport as drivers see them, good ones and
 * bad ones. On the workstation, under sanitizers; prints TAP.
 */
#include <arpa/inet.h>
#include <linux/pci_regs.h>
#include <linux/virtio_balloon.h>
#include <linux/virtio_blk.h>
#include <linux/virtio_console.h>
#include <linux/virtio_net.h>
#include <linux/virtio_pci.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "board.h"

static int tests, failures;

#define CHECK(cond)                                                                                \
	do {                                                                                       \
		if (!(cond)) {                                                                     \
			printf("# %s:%d: not true: %s\n", __func__, __LINE__, #cond);              \
			return false;                                                              \
		}                                                                                  \
	} while (0)

#define IN     VRING_DESC_F_WRITE
#define NEXT   VRING_DESC_F_NEXT
#define HDR    POOL_GPA
#define DATA   (POOL_GPA + 0x1000)
#define STATUS (POOL_GPA + 0x800)

/* ------------------------------------------------------------- the transport */

static bool registers(void)
{
	struct virtio_dev *dev = device[DEV_DISK];

	CHECK(cfg_read(dev, PCI_VENDOR_ID, 2) == 0x1af4 &&
	      cfg_read(dev, PCI_DEVICE_ID, 2) == 0x1042);
	CHECK(reg_read(dev, VIRTIO_PCI_COMMON_NUMQ, 2) == 2);
	reg_write(dev, VIRTIO_PCI_COMMON_Q_SELECT, 2, 1);
	CHECK(reg_read(dev, VIRTIO_PCI_COMMON_Q_SIZE, 2) == VIRTIO_QUEUE_SIZE);
	CHECK(reg_read(dev, VIRTIO_PCI_COMMON_Q_MSIX, 2) == VIRTIO_MSI_NO_VECTOR);
	reg_write(dev, VIRTIO_PCI_COMMON_Q_MSIX, 2, 2);
	CHECK(reg_read(dev, VIRTIO_PCI_COMMON_Q_MSIX, 2) == 2);
	reg_write(dev, VIRTIO_PCI_COMMON_Q_MSIX, 2, 3);
	CHECK(reg_read(dev, VIRTIO_PCI_COMMON_Q_MSIX, 2) == VIRTIO_MSI_NO_VECTOR);
	reg_write(dev, VIRTIO_PCI_COMMON_Q_SELECT, 2, 2);
	CHECK(reg_read(dev, VIRTIO_PCI_COMMON_Q_SIZE, 2) == 0);
	CHECK(reg_read(dev, REG_CONFIG, 4) == BOARD_DISK / 512 && reg_read(dev, 0xff0, 4) == 0);
	reg_write(dev, VIRTIO_PCI_COMMON_DFSELECT, 4, 1);
	CHECK(reg_read(dev, VIRTIO_PCI_COMMON_DF, 4) & 1);
	reg_write(dev, VIRTIO_PCI_COMMON_DFSELECT, 4, 2);
	CHECK(reg_read(dev, VIRTIO_PCI_COMMON_DF, 4) == 0);
	return true;
}

static bool status_rules(void)
{
	struct virtio_dev *dev = device[DEV_RNG];

	/* Without VERSION_1, and with a bit that was not offered. */
	CHECK(!drv_negotiate(dev, VIRTIO_F(VIRTIO_F_VERSION_1)) && status(dev) == 3);
	reg_write(dev, VIRTIO_PCI_COMMON_STATUS, 1, 0);
	reg_write(dev, VIRTIO_PCI_COMMON_GFSELECT, 4, 1);
	reg_write(dev, VIRTIO_PCI_COMMON_GF, 4, 0xff);
	reg_write(dev, VIRTIO_PCI_COMMON_STATUS, 1, 11);
	CHECK(status(dev) == 3);
	/* Live without features. */
	reg_write(dev, VIRTIO_PCI_COMMON_STATUS, 1, 7);
	CHECK(status(dev) & VIRTIO_CONFIG_S_NEEDS_RESET);
	/* Features are frozen, bits stay set. */
	CHECK(drv_negotiate(dev, 0));
	reg_write(dev, VIRTIO_PCI_COMMON_GF, 4, 1);
	CHECK(status(dev) & VIRTIO_CONFIG_S_NEEDS_RESET);
	CHECK(drv_negotiate(dev, 0));
	reg_write(dev, VIRTIO_PCI_COMMON_STATUS, 1, 1);
	CHECK(status(dev) & VIRTIO_CONFIG_S_NEEDS_RESET);
	/* A queue with an odd size, or outside of memory. */
	CHECK(drv_negotiate(dev, 0));
	reg_write(dev, VIRTIO_PCI_COMMON_Q_SIZE, 2, 3);
	CHECK(status(dev) & VIRTIO_CONFIG_S_NEEDS_RESET);
	CHECK(drv_negotiate(dev, 0));
	reg_write(dev, VIRTIO_PCI_COMMON_Q_DESCHI, 4, 1);
	reg_write(dev, VIRTIO_PCI_COMMON_Q_ENABLE, 2, 1);
	CHECK(status(dev) & VIRTIO_CONFIG_S_NEEDS_RESET);
	CHECK(drv_up(dev, 0));
	return true;
}

/* Asks for entropy once; the answer's length, or 0. */
static u32 ask_rng(struct driver *d)
{
	u32 len;

	drv_set(0, 0, DATA, 64, IN);
	drv_offer(d, 0);
	drv_kick(d);
	return drv_wait(d, &len) ? len : 0;
}

static bool interrupts(void)
{
	struct virtio_dev *dev = device[DEV_RNG];
	struct driver d = drv(dev, 0);
	u32 before;

	CHECK(drv_up(dev, VIRTIO_F(VIRTIO_RING_F_EVENT_IDX)));
	before = line_raises;
	CHECK(ask_rng(&d) == 64);
	usleep(10000);
	CHECK(line_raises == before + 1);
	CHECK(reg_read(dev, REG_ISR, 1) == 1 && reg_read(dev, REG_ISR, 1) == 0);
	CHECK(ask_rng(&d) == 64);
	usleep(10000);
	CHECK(line_raises == before + 2);
	return true;
}

static bool broken_ring(void)
{
	struct virtio_dev *dev = device[DEV_RNG];
	struct driver d = drv(dev, 0);

	CHECK(drv_up(dev, 0));
	drv_set(0, 0, 1ULL << 40, 64, IN);
	drv_offer(&d, 0);
	drv_kick(&d);
	for (int i = 0; i < 1000 && !(status(dev) & VIRTIO_CONFIG_S_NEEDS_RESET); i++)
		usleep(1000);
	CHECK(status(dev) & VIRTIO_CONFIG_S_NEEDS_RESET);
	CHECK(drv_up(dev, 0));
	d = drv(dev, 0);
	CHECK(ask_rng(&d) == 64);
	return true;
}

static bool pause_keeps_kicks(void)
{
	struct virtio_dev *dev = device[DEV_RNG];
	struct driver d = drv(dev, 0);
	u32 len;

	CHECK(drv_up(dev, 0));
	CHECK(ask_rng(&d) == 64);
	board_pause();
	drv_set(0, 0, DATA, 32, IN);
	drv_offer(&d, 0);
	drv_kick(&d);
	usleep(20000);
	board_resume();
	CHECK(drv_wait(&d, &len) && len == 32);
	board_reset();
	CHECK(status(dev) == 0);
	return true;
}

static bool bus_master(void)
{
	struct virtio_dev *dev = device[DEV_RNG];

	CHECK(drv_up(dev, 0));
	cfg_write(dev, PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
	CHECK(status(dev) == 0);
	return true;
}

static bool config_window(void)
{
	struct virtio_dev *dev = device[DEV_DISK];
	u32 pos = dev->window;

	cfg_write(dev, pos + VIRTIO_PCI_CAP_BAR, 1, 0);
	cfg_write(dev, pos + VIRTIO_PCI_CAP_OFFSET, 4, VIRTIO_PCI_COMMON_NUMQ);
	cfg_write(dev, pos + VIRTIO_PCI_CAP_LENGTH, 4, 2);
	CHECK((cfg_read(dev, pos + 16, 4) & 0xffff) == 2);
	cfg_write(dev, pos + VIRTIO_PCI_CAP_OFFSET, 4, VIRTIO_PCI_COMMON_Q_SELECT);
	cfg_write(dev, pos + 16, 4, 1);
	CHECK(reg_read(dev, VIRTIO_PCI_COMMON_Q_SELECT, 2) == 1);
	cfg_write(dev, pos + VIRTIO_PCI_CAP_OFFSET, 4, 0xfffffffe);
	cfg_write(dev, pos + VIRTIO_PCI_CAP_BAR, 1, 5);
	cfg_read(dev, pos + 16, 4);
	return true;
}

/* --------------------------------------------------------------- the devices */

/* One request of a disk; the status byte, or 0xff without an answer. */
static u8 disk_request(struct driver *d, u32 type, u64 sector, u32 len, bool to_guest)
{
	*(struct virtio_blk_outhdr *)ram(HDR) = (struct virtio_blk_outhdr){type, 0, sector};
	*(u8 *)ram(STATUS) = 0xee;
	drv_set(d->index, 0, HDR, 16, NEXT);
	drv_set(d->index, 1, DATA, len, NEXT | (to_guest ? IN : 0));
	drv_set(d->index, 2, STATUS, 1, IN);
	if (!len)
		drv_desc(d->index, 0)->next = 2;
	drv_offer(d, 0);
	drv_kick(d);
	return drv_wait(d, &len) ? *(u8 *)ram(STATUS) : 0xff;
}

static bool disk(void)
{
	struct driver d = drv(device[DEV_DISK], 1);
	struct virtio_blk_discard_write_zeroes *range = ram(DATA);
	u32 last = BOARD_DISK / 512 - 1;

	CHECK(drv_up(d.dev, 0));
	CHECK(disk_request(&d, VIRTIO_BLK_T_IN, 7, 4096, true) == VIRTIO_BLK_S_OK);
	CHECK(*(u32 *)ram(DATA) == 7 * 512 && *(u32 *)ram(DATA + 512) == 8 * 512);
	memset(ram(DATA), 0x5a, 4096);
	CHECK(disk_request(&d, VIRTIO_BLK_T_OUT, last - 7, 4096, false) == VIRTIO_BLK_S_OK);
	memset(ram(DATA), 0, 4096);
	CHECK(disk_request(&d, VIRTIO_BLK_T_FLUSH, 0, 0, false) == VIRTIO_BLK_S_OK);
	CHECK(disk_request(&d, VIRTIO_BLK_T_IN, last, 512, true) == VIRTIO_BLK_S_OK);
	CHECK(*(u32 *)ram(DATA) == 0x5a5a5a5a);
	CHECK(disk_request(&d, VIRTIO_BLK_T_GET_ID, 0, 20, true) == VIRTIO_BLK_S_OK);
	CHECK(!strcmp(ram(DATA), "xvda"));
	/* Beyond the end, wrapping, odd, empty, unknown. */
	CHECK(disk_request(&d, VIRTIO_BLK_T_IN, last, 1024, true) == VIRTIO_BLK_S_IOERR);
	CHECK(disk_request(&d, VIRTIO_BLK_T_IN, ~0ULL >> 9, 512, true) == VIRTIO_BLK_S_IOERR);
	CHECK(disk_request(&d, VIRTIO_BLK_T_IN, 1ULL << 55, 512, true) == VIRTIO_BLK_S_IOERR);
	CHECK(disk_request(&d, VIRTIO_BLK_T_IN, 0, 511, true) == VIRTIO_BLK_S_IOERR);
	CHECK(disk_request(&d, VIRTIO_BLK_T_IN, 0, 0, true) == VIRTIO_BLK_S_IOERR);
	CHECK(disk_request(&d, 77, 0, 512, true) == VIRTIO_BLK_S_UNSUPP);
	*range = (struct virtio_blk_discard_write_zeroes){.sector = last - 7, .num_sectors = 4};
	CHECK(disk_request(&d, VIRTIO_BLK_T_WRITE_ZEROES, 0, 16, false) == VIRTIO_BLK_S_OK);
	CHECK(disk_request(&d, VIRTIO_BLK_T_IN, last - 7, 4096, true) == VIRTIO_BLK_S_OK);
	CHECK(*(u32 *)ram(DATA) == 0 && *(u32 *)ram(DATA + 2048) == 0x5a5a5a5a);
	*range = (struct virtio_blk_discard_write_zeroes){.sector = 0, .num_sectors = 8};
	CHECK(disk_request(&d, VIRTIO_BLK_T_DISCARD, 0, 16, false) == VIRTIO_BLK_S_OK);
	range->num_sectors = last + 2;
	CHECK(disk_request(&d, VIRTIO_BLK_T_DISCARD, 0, 16, false) == VIRTIO_BLK_S_IOERR);
	range->flags = 2;
	CHECK(disk_request(&d, VIRTIO_BLK_T_DISCARD, 0, 16, false) == VIRTIO_BLK_S_UNSUPP);
	CHECK(disk_request(&d, VIRTIO_BLK_T_DISCARD, 0, 15, false) == VIRTIO_BLK_S_UNSUPP);
	return true;
}

static bool disk_without_flush(void)
{
	struct driver d = drv(device[DEV_DISK], 0);

	CHECK(drv_up(d.dev, VIRTIO_F(VIRTIO_BLK_F_FLUSH)));
	memset(ram(DATA), 0x77, 512);
	CHECK(disk_request(&d, VIRTIO_BLK_T_OUT, 100, 512, false) == VIRTIO_BLK_S_OK);
	CHECK(disk_request(&d, VIRTIO_BLK_T_IN, 100, 512, true) == VIRTIO_BLK_S_OK);
	return true;
}

static bool disk_readonly(void)
{
	struct driver d = drv(device[DEV_CDROM], 0);

	CHECK(drv_up(d.dev, 0));
	CHECK(disk_request(&d, VIRTIO_BLK_T_OUT, 0, 512, false) == VIRTIO_BLK_S_IOERR);
	CHECK(disk_request(&d, VIRTIO_BLK_T_IN, 1, 512, true) == VIRTIO_BLK_S_OK);
	CHECK(*(u32 *)ram(DATA) == 512);
	return true;
}

/* More requests than there is room for, all at once, then a reset among them. */
static bool disk_crowd(void)
{
	struct driver d = drv(device[DEV_DISK], 0);
	u32 len;

	CHECK(drv_up(d.dev, 0));
	*(struct virtio_blk_outhdr *)ram(HDR) = (struct virtio_blk_outhdr){VIRTIO_BLK_T_IN, 0, 0};
	for (u32 round = 0; round < 50; round++) {
		for (u16 i = 0; i < 5; i++) {
			drv_set(0, i * 3, HDR, 16, NEXT);
			drv_set(0, i * 3 + 1, DATA + i * 4096, 4096, NEXT | IN);
			drv_set(0, i * 3 + 2, STATUS + i, 1, IN);
			drv_offer(&d, i * 3);
		}
		drv_kick(&d);
		if (round == 25) {
			CHECK(drv_up(d.dev, 0));
			d = drv(d.dev, 0);
			continue;
		}
		for (u16 i = 0; i < 5; i++)
			CHECK(drv_wait(&d, &len) && len == 4097);
	}
	return true;
}

static bool read_exactly(int fd, void *buf, size_t len)
{
	for (size_t done = 0; done < len;) {
		struct pollfd p = {.fd = fd, .events = POLLIN};
		ssize_t n = poll(&p, 1, 2000) > 0 ? read(fd, (char *)buf + done, len - done) : 0;

		if (n <= 0)
			return false;
		done += n;
	}
	return true;
}

static bool net(void)
{
	struct driver rx = drv(device[DEV_NET], 0), tx = drv(device[DEV_NET], 1);
	struct virtio_net_hdr_mrg_rxbuf *hdr = ram(DATA);
	u8 frame[1504];
	u32 len;

	CHECK(drv_up(rx.dev, 0));
	memset(ram(DATA), 0, 12);
	memset(ram(DATA + 12), 0x42, 100);
	drv_set(1, 0, DATA, 12, NEXT);
	drv_set(1, 1, DATA + 12, 100, 0);
	drv_offer(&tx, 0);
	drv_kick(&tx);
	CHECK(drv_wait(&tx, &len));
	CHECK(read_exactly(net_peer, frame, 104) && ntohl(*(u32 *)frame) == 100);
	CHECK(frame[4] == 0x42 && frame[103] == 0x42);
	/* Too short to be a frame: lost, but answered. */
	drv_set(1, 0, DATA, 13, 0);
	drv_offer(&tx, 0);
	drv_kick(&tx);
	CHECK(drv_wait(&tx, &len));

	/* A frame that needs four buffers, two of which come late. */
	memset(frame, 0x24, sizeof(frame));
	*(u32 *)frame = htonl(1500);
	CHECK(write(net_peer, frame, sizeof(frame)) == sizeof(frame));
	for (u16 i = 0; i < 4; i++)
		drv_set(0, i, DATA + i * 512, 400, IN);
	drv_offer(&rx, 0);
	drv_offer(&rx, 1);
	drv_kick(&rx);
	usleep(20000);
	drv_offer(&rx, 2);
	drv_offer(&rx, 3);
	drv_kick(&rx);
	for (u32 i = 0; i < 4; i++)
		CHECK(drv_wait(&rx, &len) && len == (i < 3 ? 400 : 312));
	CHECK(hdr->num_buffers == 4 && *(u8 *)ram(DATA + 12) == 0x24);
	CHECK(*(u8 *)ram(DATA + 3 * 512 + 311) == 0x24);
	return true;
}

static bool console(void)
{
	struct virtio_dev *dev = device[DEV_CONSOLE];
	struct driver rx = drv(dev, 0), tx = drv(dev, 1), ctl_rx = drv(dev, 2),
		      ctl_tx = drv(dev, 3);
	struct virtio_console_control *m = ram(POOL_GPA);
	u32 len;

	CHECK(drv_up(dev, 0));
	console_text[0] = '\0';
	memcpy(ram(DATA), "hello ", 6);
	drv_set(1, 0, DATA, 3, NEXT);
	drv_set(1, 1, DATA + 3, 3, 0);
	drv_offer(&tx, 0);
	drv_kick(&tx);
	CHECK(drv_wait(&tx, &len));
	reg_write(dev, REG_CONFIG + 8, 4, '!');
	CHECK(!strcmp(console_text, "hello !"));

	/* The port is announced, becomes a console and gets what is typed. */
	CHECK(board_type("x") == 0);
	for (u16 i = 0; i < 4; i++) {
		drv_set(2, i, DATA + i * 64, 64, IN);
		drv_offer(&ctl_rx, i);
	}
	drv_kick(&ctl_rx);
	*m = (struct virtio_console_control){0, VIRTIO_CONSOLE_DEVICE_READY, 1};
	drv_set(3, 0, POOL_GPA, sizeof(*m), 0);
	drv_offer(&ctl_tx, 0);
	drv_kick(&ctl_tx);
	CHECK(drv_wait(&ctl_tx, &len) && drv_wait(&ctl_rx, &len) && len == sizeof(*m));
	CHECK(((struct virtio_console_control *)ram(DATA))->event == VIRTIO_CONSOLE_PORT_ADD);
	*m = (struct virtio_console_control){0, VIRTIO_CONSOLE_PORT_READY, 1};
	drv_offer(&ctl_tx, 0);
	drv_kick(&ctl_tx);
	CHECK(drv_wait(&ctl_tx, &len) && drv_wait(&ctl_rx, &len));
	CHECK(((struct virtio_console_control *)ram(DATA + 64))->event ==
	      VIRTIO_CONSOLE_CONSOLE_PORT);
	*m = (struct virtio_console_control){0, VIRTIO_CONSOLE_PORT_OPEN, 1};
	drv_offer(&ctl_tx, 0);
	drv_kick(&ctl_tx);
	CHECK(drv_wait(&ctl_tx, &len));
	drv_set(0, 0, DATA, 64, IN);
	drv_offer(&rx, 0);
	CHECK(board_type("typed") == 5);
	CHECK(drv_wait(&rx, &len) && len == 5 && !memcmp(ram(DATA), "typed", 5));
	return true;
}

static bool balloon(void)
{
	struct virtio_dev *dev = device[DEV_BALLOON];
	struct driver inflate = drv(dev, 0), stats = drv(dev, 2), report = drv(dev, 3);
	struct virtio_balloon_stat *stat = ram(POOL_GPA + 0x2000);
	struct balloon_stats s;
	u32 *pfn = ram(POOL_GPA);
	u32 len;

	CHECK(drv_up(dev, 0));
	balloon_set_target(vm.balloon, 2 * MIB);
	CHECK(reg_read(dev, REG_CONFIG, 4) == 512);
	memset(ram(0x200000), 1, 0x10000);
	pfn[0] = 0x200;
	pfn[1] = 0x201;
	pfn[2] = 0x20f;
	pfn[3] = 0xffffffff;
	drv_set(0, 0, POOL_GPA, 16, 0);
	drv_offer(&inflate, 0);
	drv_kick(&inflate);
	CHECK(drv_wait(&inflate, &len));
	CHECK(!*(u8 *)ram(0x200000) && !*(u8 *)ram(0x201fff) && !*(u8 *)ram(0x20f000));
	CHECK(*(u8 *)ram(0x202000) == 1);
	reg_write(dev, REG_CONFIG + 4, 4, 3);

	drv_set(3, 0, 0x203800, 0x3000, IN);
	drv_offer(&report, 0);
	drv_kick(&report);
	CHECK(drv_wait(&report, &len));
	CHECK(*(u8 *)ram(0x203fff) == 1 && !*(u8 *)ram(0x204000) && *(u8 *)ram(0x206000) == 1);

	stat[0] = (struct virtio_balloon_stat){VIRTIO_BALLOON_S_MEMFREE, 12345};
	stat[1] = (struct virtio_balloon_stat){999, 1};
	drv_set(2, 0, POOL_GPA + 0x2000, 2 * sizeof(*stat), 0);
	drv_offer(&stats, 0);
	drv_kick(&stats);
	for (int i = 0; i < 1000; i++) {
		balloon_get_stats(vm.balloon, &s);
		if (s.valid)
			break;
		usleep(1000);
	}
	CHECK(s.valid == 1 << VIRTIO_BALLOON_S_MEMFREE &&
	      s.stat[VIRTIO_BALLOON_S_MEMFREE] == 12345);
	CHECK(s.actual == 3 * 4096 && s.reported == 0x2000 && s.target == 2 * MIB);
	return true;
}

/* ------------------------------------------------------------------- garbage */

static u64 seed = 1;
static u32 rounds = 3000;

static u32 rnd(u64 *state)
{
	*state = *state * 6364136223846793005ULL + 1442695040888963407ULL;
	return *state >> 33;
}

static void wild_queue(struct virtio_dev *dev, u16 queue, u64 *r)
{
	struct driver d = drv(dev, queue);

	for (u32 i = 0; i < DRV_NUM; i++) {
		u64 gpa = POOL_GPA + rnd(r) % (POOL_PAGES * 4096);

		if (rnd(r) % 32 == 0)
			gpa = (u64)rnd(r) << 20;
		drv_set(queue, i, gpa, rnd(r) % 16 ? rnd(r) % 2000 : rnd(r),
			rnd(r) % 16 ? rnd(r) % 4 : rnd(r));
		if (rnd(r) % 8 == 0)
			drv_desc(queue, i)->next = rnd(r) % (DRV_NUM + 1);
	}
	for (u32 i = 0; i < 8; i++)
		drv_offer(&d, rnd(r) % 64 ? rnd(r) % DRV_NUM : rnd(r));
	drv_kick(&d);
}

static void *vandal(void *opaque)
{
	u64 state = (uintptr_t)opaque, *r = &state;

	for (u32 i = 0; i < rounds; i++) {
		struct virtio_dev *dev = device[rnd(r) % DEV_COUNT];

		if (rnd(r) % 4 == 0)
			drv_up(dev, rnd(r) % 4 ? 0 : rnd(r));
		for (u16 q = 0; q < DRV_QUEUES; q++) {
			/* Headers that make sense now and then. */
			*(struct virtio_blk_outhdr *)ram(POOL_GPA + rnd(r) % 1000 * 16) =
				(struct virtio_blk_outhdr){rnd(r) % 16, 0, rnd(r) % 4096};
			wild_queue(dev, q, r);
		}
		for (u32 k = 0; k < 8; k++) {
			static const u8 sizes[] = {1, 2, 4, 8};

			reg_write(dev, rnd(r) % (rnd(r) % 2 ? 64 : 0x1ff8), sizes[rnd(r) % 3],
				  rnd(r));
			reg_read(dev, rnd(r) % 0x1ff8, sizes[rnd(r) % 3]);
		}
		cfg_write(dev, dev->window + rnd(r) % 20, 1, rnd(r));
		cfg_read(dev, dev->window + 16, 4);
		if (rnd(r) % 64 == 0)
			cfg_write(dev, PCI_COMMAND, 2, rnd(r));
	}
	return NULL;
}

/* Frames and typing from outside meanwhile, and pauses. */
static bool garbage(void)
{
	pthread_t guest[2];
	u8 buf[4096];
	struct virtio_dev *dev;

	for (u32 round = 0; round < 4; round++) {
		for (u64 i = 0; i < 2; i++)
			pthread_create(&guest[i], NULL, vandal,
				       (void *)(seed * 16 + round * 2 + i));
		for (u32 i = 0; i < 300; i++) {
			*(u32 *)buf = htonl(60 + i);
			memset(buf + 4, i, 60 + i);
			if (write(net_peer, buf, 64 + i) < 0 ||
			    read(net_peer, buf, sizeof(buf)) < 0)
				usleep(100);
			board_type("garbage");
			balloon_set_target(vm.balloon, i * 4096);
		}
		pthread_join(guest[0], NULL);
		pthread_join(guest[1], NULL);
		board_reset();
	}
	/* And all is well again for a driver that behaves. */
	dev = device[DEV_RNG];
	for (u32 i = 0; i < DEV_COUNT; i++)
		CHECK(status(device[i]) == 0);
	return interrupts() && disk_readonly() && drv_up(dev, 0);
}

#define TEST(fn)                                                                                   \
	{                                                                                          \
#fn, fn                                                                            \
	}

static const struct {
	const char *name;
	bool (*fn)(void);
} all[] = {
	TEST(registers),
	TEST(status_rules),
	TEST(interrupts),
	TEST(broken_ring),
	TEST(pause_keeps_kicks),
	TEST(bus_master),
	TEST(config_window),
	TEST(disk),
	TEST(disk_without_flush),
	TEST(disk_readonly),
	TEST(disk_crowd),
	TEST(net),
	TEST(console),
	TEST(balloon),
	TEST(garbage),
};

int main(int argc, char **argv)
{
	if (argc > 1)
		seed = strtoull(argv[1], NULL, 0);
	if (argc > 2)
		rounds = strtoul(argv[2], NULL, 0);
	setvbuf(stdout, NULL, _IOLBF, 0);
	board_create();
	printf("TAP version 13\n1..%zu\n", ARRAY_SIZE(all));
	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		bool ok = all[i].fn();

		printf("%sok %d virtio: %s\n", ok ? "" : "not ", ++tests, all[i].name);
		failures += !ok;
	}
	board_destroy();
	return failures != 0;
}
