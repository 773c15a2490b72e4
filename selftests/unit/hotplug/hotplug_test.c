// SPDX-License-Identifier: GPL-2.0
/* Devices come and go, whatever the front end makes of it. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xen/io/xenbus.h>

#include "board.h"
#include "config.h"
#include "disk/disk.h"
#include "net.h"
#include "xen/xen.h"
#include "xen/xenbus.h"

#define XVDA 51712
#define XVDB 51728

static u32 number, failures;

static struct device *disk(u32 id)
{
	return hotplug_find(&vm, "vbd", id);
}

static bool online_is(u32 id, const char *value)
{
	char path[96], *text;
	bool same;

	snprintf(path, sizeof(path), "/local/domain/0/backend/vbd/1/%u/online", id);
	text = xenstore_read(xen_store(vm.xen), path);
	same = text && !strcmp(text, value);
	free(text);
	return same;
}

static bool comes(void)
{
	CHECK(!attach("xvda") && disk(XVDA) && devices == 1);
	CHECK(back(XVDA) == XenbusStateInitWait);
	front(XVDA, XenbusStateInitialised);
	CHECK(back(XVDA) == XenbusStateConnected && connections == 1);
	CHECK(attach("xvda") == -EEXIST && devices == 1);
	CHECK(attach("xvd1") == -EINVAL && devices == 1);
	return true;
}

static bool goes(void)
{
	attach("xvda");
	front(XVDA, XenbusStateConnected);
	CHECK(!hotplug_detach(disk(XVDA), false));
	board_turn();
	CHECK(disk(XVDA) && back(XVDA) == XenbusStateClosing && connections == 1);
	CHECK(online_is(XVDA, "0"));
	/* Asked twice is asked. */
	CHECK(!hotplug_detach(disk(XVDA), false));
	front(XVDA, XenbusStateClosing);
	CHECK(disk(XVDA) && connections == 0);
	front(XVDA, XenbusStateClosed);
	CHECK(!disk(XVDA) && devices == 0 && back(XVDA) == 0);
	CHECK(!attach("xvda") && back(XVDA) == XenbusStateInitWait);
	return true;
}

static bool goes_unheld(void)
{
	attach("xvda");
	CHECK(!hotplug_detach(disk(XVDA), false));
	board_turn();
	CHECK(!disk(XVDA) && devices == 0 && back(XVDA) == 0);
	return true;
}

static bool goes_by_a_new_driver(void)
{
	attach("xvda");
	front(XVDA, XenbusStateConnected);
	hotplug_detach(disk(XVDA), false);
	front(XVDA, XenbusStateInitialising);
	CHECK(!disk(XVDA) && devices == 0 && connections == 0);
	return true;
}

static bool goes_faulty(void)
{
	attach("xvda");
	front(XVDA, XenbusStateConnected);
	xenbus_fail(disk(XVDA)->xenbus, "for a test");
	CHECK(connections == 0);
	CHECK(!hotplug_detach(disk(XVDA), false));
	board_turn();
	CHECK(!disk(XVDA) && devices == 0);
	return true;
}

static bool force(void)
{
	attach("xvda");
	front(XVDA, XenbusStateConnected);
	vm.state = VM_PAUSED;
	CHECK(hotplug_detach(disk(XVDA), false) == -EAGAIN && disk(XVDA));
	CHECK(!hotplug_detach(disk(XVDA), true) && disk(XVDA)->gone);
	CHECK(!hotplug_detach(disk(XVDA), true));
	board_turn();
	CHECK(!disk(XVDA) && devices == 0 && connections == 0);
	return true;
}

/* Attached while paused, it is started with the others. */
static bool paused(void)
{
	vm.state = VM_PAUSED;
	CHECK(!attach("xvda") && disk(XVDA) && back(XVDA) == 0);
	CHECK(!hotplug_detach(disk(XVDA), false));
	board_turn();
	CHECK(!disk(XVDA));
	CHECK(!attach("xvda"));
	board_power_off();
	board_power_on();
	CHECK(back(XVDA) == XenbusStateInitWait);
	return true;
}

static bool restart(void)
{
	attach("xvda");
	attach("xvdb");
	front(XVDA, XenbusStateConnected);
	front(XVDB, XenbusStateConnected);
	CHECK(!hotplug_detach(disk(XVDA), false));
	board_power_off();
	board_power_on();
	CHECK(!disk(XVDA) && devices == 1 && back(XVDA) == 0);
	CHECK(disk(XVDB) && back(XVDB) == XenbusStateInitWait);
	return true;
}

static bool too_many(void)
{
	char vdev[8];

	for (u32 i = 0; i < CONFIG_DISKS_MAX; i++) {
		snprintf(vdev, sizeof(vdev), "xvd%c", 'a' + (int)i);
		CHECK(!attach(vdev));
	}
	CHECK(attach("xvdz") == -ENOSPC && devices == CONFIG_DISKS_MAX);
	return true;
}

static bool cards(void)
{
	struct net_port port = {.fd = -1};
	struct config_vif vif = {0};
	u32 id;

	for (u32 i = 0; i < CONFIG_VIFS_MAX; i++)
		CHECK(!hotplug_vif(&vm, &vif, &port, &id) && id == i);
	CHECK(hotplug_vif(&vm, &vif, &port, &id) == -ENOSPC);
	board_turn();
	CHECK(!hotplug_detach(hotplug_find(&vm, "vif", 3), false));
	board_turn();
	CHECK(!hotplug_vif(&vm, &vif, &port, &id) && id == 3);
	return true;
}

static bool start_fails(void)
{
	no_start = true;
	CHECK(attach("xvda") == -EIO);
	CHECK(!disk(XVDA) && devices == 0);
	return true;
}

/* ------------------------------------------------------------ open files */

static char path[] = "/tmp/hotplug_test.XXXXXX";

/* Be a disk of a file that is opened so. */
static int adopt(int flags, bool readonly, struct disk *d)
{
	struct config_disk cfg = {.vdev = "xvda", .path = path, .readonly = readonly};
	struct disk_opened opened = {.file = {open(path, flags), -1, -1}};
	int ret;

	memset(d, 0, sizeof(*d));
	ret = disk_adopt(d, &cfg, &opened);
	close(opened.file[0]);
	return ret;
}

static bool files(void)
{
	struct config_disk fifo = {.vdev = "xvda", .path = path};
	struct disk_opened given = {.file = {-1, -1, -1}};
	int ends[2];
	struct disk a, b;

	CHECK(!adopt(O_RDWR, false, &a) && a.size == 8192 && a.fd >= 0);
	/* Descriptors of others are closed, the disk's are not. */
	CHECK(pwrite(a.fd, "x", 1, 0) == 1);
	CHECK(adopt(O_RDWR, false, &b) == -EBUSY && b.fd < 0);
	disk_close(&a);
	CHECK(!adopt(O_RDONLY, true, &a) && !adopt(O_RDONLY, true, &b));
	disk_close(&a);
	disk_close(&b);
	CHECK(adopt(O_RDONLY, false, &a) == -EACCES);
	CHECK(adopt(O_WRONLY, true, &a) == -EACCES);
	CHECK(adopt(O_RDWR | O_APPEND, false, &a) == -EINVAL);
	CHECK(adopt(O_PATH, true, &a) == -EINVAL);
	CHECK(adopt(O_RDWR | O_CREAT | O_DIRECTORY, false, &a) == -EBADF);
	if (pipe(ends))
		return false;
	given.file[0] = ends[0];
	fifo.readonly = true;
	memset(&a, 0, sizeof(a));
	CHECK(disk_adopt(&a, &fifo, &given) == -ENOTBLK && a.fd < 0);
	close(ends[0]);
	close(ends[1]);
	return true;
}

static void run(const char *name, bool (*fn)(void))
{
	bool ok;

	board_create();
	ok = fn();
	board_destroy();
	ok = ok && !devices && !connections;
	devices = connections = 0;
	number++;
	failures += !ok;
	printf("%sok %u %s\n", ok ? "" : "not ", number, name);
}

#define TEST(fn) run(#fn, fn)

int main(void)
{
	int fd = mkstemp(path);

	if (fd < 0 || ftruncate(fd, 8192 + 100))
		return 1;
	close(fd);
	printf("TAP version 13\n1..12\n");
	TEST(comes);
	TEST(goes);
	TEST(goes_unheld);
	TEST(goes_by_a_new_driver);
	TEST(goes_faulty);
	TEST(force);
	TEST(paused);
	TEST(restart);
	TEST(too_many);
	TEST(cards);
	TEST(start_fails);
	TEST(files);
	unlink(path);
	return failures != 0;
}
