// SPDX-License-Identifier: GPL-2.0
/*
 * Disks that a daemon serves: how it is started and ended, what it is asked for,
 * and what becomes of a disk when it is a bad one. Under ASan and UBSan; prints
 * TAP.
 */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <linux/falloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "config.h"
#include "daemon.h"
#include "disk/disk.h"
#include "disk/nbd_proto.h"
#include "log.h"
#include "loop.h"
#include "sandbox.h"

#define SIZE (40 * MIB)

static char dir[] = "/tmp/image_test.XXXXXX";
static char path[128];
static struct journal *journal;
static int tests, failures, log_fd;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct loop *loop;
static struct disk disk;
static struct disk_req reqs[DISK_DEPTH];
static struct iovec iov[DISK_DEPTH][3];
static int results[DISK_DEPTH];
static u8 *buffer;

int sandbox_thread(enum sandbox_role role)
{
	(void)role;
	return 0;
}

#define CHECK(cond)                                                                                \
	do {                                                                                       \
		if (!(cond)) {                                                                     \
			printf("# line %d: %s\n", __LINE__, #cond);                                \
			return false;                                                              \
		}                                                                                  \
	} while (0)

static bool logged(const char *text)
{
	static char said[16384];
	ssize_t len = pread(log_fd, said, sizeof(said) - 1, 0);

	said[len < 0 ? 0 : len] = '\0';
	return strstr(said, text);
}

/* ------------------------------------------------------------ a disk */

static void done(struct disk *d, struct disk_req *req, int result)
{
	results[req - reqs] = result;
	disk_put(d, req, !result);
}

static void settled(struct disk *d)
{
	(void)d;
}

static const struct disk_ops ops = {.done = done, .settled = settled};

/* The image's name says how the daemon is to behave. */
static struct config_disk config_of(const char *name)
{
	struct config_disk cfg = {.format = CONFIG_DISK_QCOW2, .discard = true, .vdev = "xvda"};
	int fd;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
	if (fd < 0 || ftruncate(fd, SIZE))
		abort();
	close(fd);
	cfg.path = path;
	return cfg;
}

static int start_disk(void)
{
	disk.name = "xvda";
	disk.ops = &ops;
	disk.lock = &lock;
	for (u32 i = 0; i < DISK_DEPTH; i++)
		disk_add_req(&disk, &reqs[i]);
	loop = loop_create();
	if (!loop || disk_engine_create(&disk, loop))
		return -1;
	return loop_start_thread(loop, "disk");
}

static int open_disk(const char *name)
{
	struct config_disk cfg = config_of(name);
	int ret;

	memset(&disk, 0, sizeof(disk));
	journal->count = 0;
	ret = disk_open(&disk, &cfg);
	return ret ? ret : start_disk();
}

/* Whoever inherited it may take a moment to notice its death. */
static bool daemon_ended(void)
{
	for (u32 i = 0; i < 500; i++) {
		if (kill(journal->pid, 0))
			return true;
		usleep(10000);
	}
	return false;
}

static bool close_disk(void)
{
	loop_stop_thread(loop);
	disk_engine_destroy(&disk, loop);
	disk_close(&disk);
	loop_destroy(loop);
	return daemon_ended();
}

/* Begins a request; the third part of its data begins in the middle of a page. */
static struct disk_req *queue(enum disk_op op, u64 offset, u64 len)
{
	struct disk_req *req = disk_get(&disk);
	u32 i = (u32)(req - reqs);

	req->op = op;
	req->mode = FALLOC_FL_KEEP_SIZE | FALLOC_FL_ZERO_RANGE;
	req->stable = false;
	req->offset = offset;
	req->len = len;
	req->total = len;
	req->iov = iov[i];
	req->num = 3;
	iov[i][0] = (struct iovec){buffer + offset, len / 2};
	iov[i][1] = (struct iovec){NULL, 0};
	iov[i][2] = (struct iovec){buffer + offset + len / 2, len - len / 2};
	results[i] = 1;
	return req;
}

static void go(struct disk_req *req)
{
	disk_queue(&disk, req);
}

static void wait_all(void)
{
	disk_submit(&disk);
	disk_drain(&disk);
}

/* One request from its begin to its end. */
static int one(enum disk_op op, u64 offset, u64 len)
{
	struct disk_req *req;
	int result;

	pthread_mutex_lock(&lock);
	req = queue(op, offset, len);
	go(req);
	wait_all();
	result = results[req - reqs];
	pthread_mutex_unlock(&lock);
	return result;
}

static bool was_asked(u32 i, u16 command, u16 flags, u64 offset, u32 len)
{
	return journal->request[i].command == command && journal->request[i].flags == flags &&
	       journal->request[i].offset == offset && journal->request[i].len == len;
}

static void fill(u64 offset, u64 len, u8 seed)
{
	for (u64 i = 0; i < len; i++)
		buffer[offset + i] = (u8)(seed + i * 7 + (i >> 8));
}

static bool holds(u64 offset, u64 len, u8 seed)
{
	for (u64 i = 0; i < len; i++)
		if (buffer[offset + i] != (u8)(seed + i * 7 + (i >> 8)))
			return false;
	return true;
}

/* ------------------------------------------------------------ good daemons */

static bool requests(void)
{
	struct disk_req *req;

	CHECK(!open_disk("good"));
	CHECK(disk.size == SIZE);
	fill(8192, 65536, 3);
	CHECK(!one(DISK_WRITE, 8192, 65536));
	memset(buffer, 0, 2 * MIB);
	CHECK(!one(DISK_READ, 8192, 65536) && holds(8192, 65536, 3));
	CHECK(!one(DISK_FLUSH, 0, 0));
	CHECK(!one(DISK_DISCARD, 4096, 512));
	CHECK(!one(DISK_FALLOCATE, 4096, 1024));
	pthread_mutex_lock(&lock);
	req = queue(DISK_FALLOCATE, 512, 1024);
	req->mode = FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE;
	go(req);
	wait_all();
	req = queue(DISK_WRITE, 512, 512);
	req->stable = true;
	go(req);
	wait_all();
	pthread_mutex_unlock(&lock);
	CHECK(journal->count == 7);
	CHECK(was_asked(0, NBD_WRITE, 0, 8192, 65536));
	CHECK(was_asked(1, NBD_READ, 0, 8192, 65536));
	CHECK(was_asked(2, NBD_FLUSH, 0, 0, 0));
	CHECK(was_asked(3, NBD_TRIM, 0, 4096, 512));
	CHECK(was_asked(4, NBD_WRITE_ZEROES, NBD_NO_HOLE, 4096, 1024));
	CHECK(was_asked(5, NBD_WRITE_ZEROES, 0, 512, 1024));
	CHECK(was_asked(6, NBD_WRITE, NBD_FUA, 512, 512));
	CHECK(disk.stats.reads == 1 && disk.stats.writes == 2 && disk.stats.read_bytes == 65536);
	CHECK(logged("xvda: a warning") && logged("xvda: and one more"));
	return close_disk();
}

/* More than a server takes at once. */
static bool large(void)
{
	CHECK(!open_disk("good"));
	fill(0, SIZE, 9);
	CHECK(!one(DISK_WRITE, 0, SIZE));
	memset(buffer, 0, SIZE);
	CHECK(!one(DISK_READ, 0, SIZE) && holds(0, SIZE, 9));
	CHECK(!one(DISK_DISCARD, 0, 3 * GIB));
	CHECK(journal->count == 7);
	CHECK(was_asked(1, NBD_WRITE, 0, 32 * MIB, 8 * MIB));
	CHECK(was_asked(3, NBD_READ, 0, 32 * MIB, 8 * MIB));
	CHECK(was_asked(6, NBD_TRIM, 0, 2 * GIB, GIB));
	return close_disk();
}

/* As many as there are, in a socket that is full most of the time. */
static bool many(const char *name)
{
	CHECK(!open_disk(name));
	fill(0, 32 * MIB, 5);
	pthread_mutex_lock(&lock);
	for (u64 i = 0; i < DISK_DEPTH; i++)
		go(queue(DISK_WRITE, i * 256 * KIB, 256 * KIB));
	CHECK(!disk_get(&disk) && disk.starved);
	wait_all();
	memset(buffer, 0, 32 * MIB);
	for (u64 i = 0; i < DISK_DEPTH; i++)
		go(queue(DISK_READ, i * 256 * KIB, 256 * KIB));
	wait_all();
	pthread_mutex_unlock(&lock);
	CHECK(holds(0, 32 * MIB, 5));
	for (u32 i = 0; i < DISK_DEPTH; i++)
		CHECK(!results[i]);
	return close_disk();
}

static bool many_in_order(void)
{
	return many("good");
}

static bool many_backwards(void)
{
	return many("backwards");
}

static bool slow(void)
{
	CHECK(!open_disk("slow"));
	fill(0, 4 * MIB, 1);
	pthread_mutex_lock(&lock);
	for (u64 i = 0; i < 4; i++)
		go(queue(DISK_WRITE, i * MIB, MIB));
	go(queue(DISK_FLUSH, 0, 0));
	wait_all();
	pthread_mutex_unlock(&lock);
	CHECK(was_asked(4, NBD_FLUSH, 0, 0, 0));
	memset(buffer, 0, 4 * MIB);
	CHECK(!one(DISK_READ, 0, 4 * MIB) && holds(0, 4 * MIB, 1));
	return close_disk();
}

/* A request that finds no room at all in the socket is tried over and over. */
static bool no_room(void)
{
	CHECK(!open_disk("slow"));
	fill(0, DISK_DEPTH * 4096, 1);
	pthread_mutex_lock(&lock);
	for (u64 i = 0; i < DISK_DEPTH; i++)
		go(queue(DISK_WRITE, i * 4096, 4096));
	for (u32 i = 0; i < 4 * DISK_DEPTH; i++)
		disk_submit(&disk);
	wait_all();
	pthread_mutex_unlock(&lock);
	memset(buffer, 0, DISK_DEPTH * 4096);
	CHECK(!one(DISK_READ, 0, DISK_DEPTH * 4096) && holds(0, DISK_DEPTH * 4096, 1));
	CHECK(journal->count == DISK_DEPTH + 1);
	return close_disk();
}

static bool comma(void)
{
	CHECK(!open_disk("com,ma,,=\"x"));
	CHECK(!one(DISK_WRITE, 0, 512));
	return close_disk();
}

static bool errors(void)
{
	CHECK(!open_disk("full"));
	CHECK(one(DISK_WRITE, 0, 512) == -ENOSPC && logged("xvda: no space left on the host"));
	CHECK(one(DISK_DISCARD, 0, 512) == -EOPNOTSUPP);
	CHECK(!one(DISK_READ, 0, 512));
	CHECK(one(DISK_READ, 0, 0) == -EIO && one(DISK_WRITE, 0, 0) == -EIO);
	CHECK(close_disk());
	CHECK(!open_disk("broken"));
	CHECK(one(DISK_READ, 0, 512) == -EIO && !one(DISK_WRITE, 0, 512));
	CHECK(close_disk());
	CHECK(!open_disk("plain"));
	CHECK(one(DISK_DISCARD, 0, 512) == -EOPNOTSUPP);
	CHECK(one(DISK_FALLOCATE, 0, 512) == -EOPNOTSUPP && !journal->count);
	return close_disk();
}

/* ------------------------------------------------------------ bad daemons */

/* All fail, those on their way and those to come. */
static bool lost(const char *name, const char *why)
{
	CHECK(!open_disk(name));
	pthread_mutex_lock(&lock);
	for (u64 i = 0; i < DISK_DEPTH; i++)
		go(queue(DISK_READ, i * 4096, 4096));
	wait_all();
	pthread_mutex_unlock(&lock);
	for (u32 i = 0; i < DISK_DEPTH; i++)
		CHECK(results[i] == -EIO);
	CHECK(one(DISK_READ, 0, 512) == -EIO && one(DISK_FLUSH, 0, 0) == -EIO);
	CHECK(logged(why));
	return close_disk();
}

static bool dies(void)
{
	return lost("dies", "xvda: qemu-storage-daemon: has ended: all I/O of the disk fails");
}

static bool wrong_magic(void)
{
	return lost("magic", "an answer that nobody has asked for");
}

static bool wrong_cookie(void)
{
	return lost("cookie", "an answer that nobody has asked for");
}

static bool killed(void)
{
	CHECK(!open_disk("good"));
	kill(journal->pid, SIGKILL);
	CHECK(one(DISK_WRITE, 0, MIB) == -EIO);
	CHECK(one(DISK_READ, 0, 512) == -EIO);
	return close_disk();
}

/* The answer to a request that was answered already. */
static bool answered_twice(void)
{
	CHECK(!open_disk("twice"));
	CHECK(!one(DISK_READ, 0, 512));
	for (u32 i = 0; i < 500 && !logged("an answer that nobody has asked for"); i++)
		usleep(10000);
	CHECK(one(DISK_READ, 0, 512) == -EIO);
	return close_disk();
}

static bool refused(const char *name, int error, const char *text)
{
	CHECK(open_disk(name) == error);
	CHECK(logged(text));
	return true;
}

static bool cannot_start(void)
{
	char missing[] = "/nonexistent/image", nothing[] = "/dev/null", *was = getenv("PATH");
	struct config_disk cfg = config_of("good");
	char text[256];

	CHECK(refused("speaks", -EIO, "/speaks: It is no image"));
	snprintf(text, sizeof(text),
		 "xvda: %s/locked: in use by another process: Failed to get \"write\" lock;Is "
		 "another process using the image [%s/locked]?",
		 dir, dir);
	CHECK(refused("locked", -EBUSY, text));
	CHECK(refused("mute", -EIO, "ended without a message"));
	CHECK(refused("old", -EPROTO, "does not flush"));
	CHECK(refused("stranger", -EPROTO, "speaks another language"));
	was = strdup(was);
	setenv("PATH", "/nonexistent", 1);
	CHECK(refused("good", -ENOPKG, "install the package qemu-utils"));
	setenv("PATH", was, 1);
	free(was);
	cfg.path = missing;
	CHECK(disk_open(&disk, &cfg) == -ENOENT && logged("xvda: /nonexistent/image: No such"));
	cfg.path = nothing;
	CHECK(disk_open(&disk, &cfg) == -ENOTBLK && logged("xvda: /dev/null: wrong kind"));
	return true;
}

/* ------------------------------------------------------------ ends */

static bool end_of_holder(void)
{
	struct config_disk cfg = config_of("good");
	pid_t pid = fork();
	int status;

	if (!pid) {
		memset(&disk, 0, sizeof(disk));
		if (!disk_open(&disk, &cfg))
			kill(getpid(), SIGKILL);
		_exit(1);
	}
	CHECK(waitpid(pid, &status, 0) == pid && WIFSIGNALED(status));
	return daemon_ended();
}

/* hvctl opens it and goes, and a guest's vmmd has it. */
static bool handed_over(void)
{
	struct config_disk cfg = config_of("good");
	char err[IMAGE_ERROR_LEN];
	struct disk_opened opened;

	CHECK(!image_open(&cfg, &opened, err));
	memset(&disk, 0, sizeof(disk));
	CHECK(!disk_adopt(&disk, &cfg, &opened));
	for (u32 i = 0; i < DISK_FILES; i++)
		close(opened.file[i]);
	CHECK(!start_disk());
	CHECK(disk.size == SIZE && !one(DISK_WRITE, 0, 4096));
	return close_disk();
}

static bool bad_descriptors(void)
{
	struct config_disk cfg = config_of("good");
	char err[IMAGE_ERROR_LEN];
	struct disk_opened opened, bad;

	CHECK(!image_open(&cfg, &opened, err));
	bad = opened;
	bad.file[IMAGE_SOCKET] = opened.file[IMAGE_LIFE];
	CHECK(disk_adopt(&disk, &cfg, &bad) == -EINVAL);
	bad = opened;
	bad.file[IMAGE_MESSAGES] = -1;
	CHECK(disk_adopt(&disk, &cfg, &bad) == -EBADF);
	fcntl(opened.file[IMAGE_SOCKET], F_SETFL, 0);
	CHECK(disk_adopt(&disk, &cfg, &opened) == -EINVAL);
	CHECK(!kill(journal->pid, 0));
	return image_close(&opened) && daemon_ended();
}

/* ------------------------------------------------------------ the real one */

static u64 allocated(void)
{
	struct stat st;

	return stat(path, &st) ? 0 : (u64)st.st_blocks * 512;
}

/* Skipped where there is none. */
static bool real_daemon(void)
{
	char *was = getenv("PATH"), command[256];
	struct config_disk cfg = config_of("real");
	u64 before;

	if (system("command -v qemu-img qemu-storage-daemon >/dev/null"))
		return true;
	setenv("PATH", strchr(was, ':') + 1, 1);
	snprintf(command, sizeof(command), "qemu-img create -q -f qcow2 %s 1G", path);
	CHECK(!system(command));
	memset(&disk, 0, sizeof(disk));
	CHECK(!disk_open(&disk, &cfg) && !start_disk());
	setenv("PATH", was, 1);
	CHECK(disk.size == GIB);
	fill(0, 32 * MIB, 5);
	pthread_mutex_lock(&lock);
	for (u64 i = 0; i < DISK_DEPTH; i++)
		go(queue(DISK_WRITE, i * 256 * KIB, 256 * KIB));
	wait_all();
	pthread_mutex_unlock(&lock);
	CHECK(!one(DISK_FLUSH, 0, 0));
	memset(buffer, 0, 32 * MIB);
	CHECK(!one(DISK_READ, 0, 32 * MIB) && holds(0, 32 * MIB, 5));
	before = allocated();
	CHECK(before >= 32 * MIB);
	CHECK(!one(DISK_DISCARD, 8 * MIB, GIB - 8 * MIB));
	CHECK(allocated() <= before - 20 * MIB);
	CHECK(!one(DISK_FALLOCATE, 512, 1024));
	CHECK(!one(DISK_READ, 0, 8 * MIB));
	CHECK(!buffer[512] && !buffer[1535]);
	fill(16 * MIB, 8 * MIB, 5);
	memcpy(buffer + 16 * MIB + 512, buffer + 512, 1024);
	CHECK(!memcmp(buffer, buffer + 16 * MIB, 8 * MIB));
	CHECK(one(DISK_READ, GIB - 512, 1024) == -EIO);
	loop_stop_thread(loop);
	disk_engine_destroy(&disk, loop);
	disk_close(&disk);
	loop_destroy(loop);
	snprintf(command, sizeof(command), "qemu-img check -q -f qcow2 %s", path);
	return !system(command);
}

static void run(const char *name, bool (*fn)(void))
{
	bool good;

	if (ftruncate(log_fd, 0))
		abort();
	lseek(log_fd, 0, SEEK_SET);
	good = fn();
	printf("%sok %d image: %s\n", good ? "" : "not ", ++tests, name);
	failures += !good;
}

#define TEST(fn) run(#fn, fn)

/* Ourselves, under the daemon's name, before all others. */
static void become_findable(void)
{
	char self[512], name[128], paths[4096];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (n < 0 || !mkdtemp(dir))
		abort();
	self[n] = '\0';
	snprintf(name, sizeof(name), "%s/qemu-storage-daemon", dir);
	if (symlink(self, name))
		abort();
	snprintf(paths, sizeof(paths), "%s:%s", dir, getenv("PATH"));
	setenv("PATH", paths, 1);
	snprintf(name, sizeof(name), "%s/journal", dir);
	setenv(JOURNAL, name, 1);
}

static void make_journal(void)
{
	int fd = open(getenv(JOURNAL), O_RDWR | O_CREAT, 0600);

	if (fd < 0 || ftruncate(fd, sizeof(*journal)))
		abort();
	journal = mmap(NULL, sizeof(*journal), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	buffer = malloc(SIZE);
	if (journal == MAP_FAILED || !buffer)
		abort();
}

int main(int argc, char **argv)
{
	char command[160];

	(void)argc;
	if (!strcmp(basename(argv[0]), "qemu-storage-daemon"))
		return daemon_main(argv);
	setvbuf(stdout, NULL, _IOLBF, 0);
	become_findable();
	make_journal();
	/* Messages of the disk's are what some tests are about. */
	log_fd = memfd_create("log", 0);
	dup2(log_fd, STDERR_FILENO);
	printf("TAP version 13\n");
	TEST(requests);
	TEST(large);
	TEST(many_in_order);
	TEST(many_backwards);
	TEST(slow);
	TEST(no_room);
	TEST(comma);
	TEST(errors);
	TEST(dies);
	TEST(wrong_magic);
	TEST(wrong_cookie);
	TEST(killed);
	TEST(answered_twice);
	TEST(cannot_start);
	TEST(end_of_holder);
	TEST(handed_over);
	TEST(bad_descriptors);
	TEST(real_daemon);
	printf("1..%d\n", tests);
	free(buffer);
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	return system(command) || failures;
}
