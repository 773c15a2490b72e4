/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the test is when it is started as qemu-storage-daemon: a server whose
 * image is raw, and which behaves as the image's name asks for.
 */
#ifndef IMAGE_DAEMON_H
#define IMAGE_DAEMON_H

#include "types.h"

#define JOURNAL_MAX 64

/**
 * struct journal - what the daemon was asked for, in memory shared with the test
 * @pid: of the daemon
 * @count: requests, which may be more than there is room for
 * @request: in the order of their coming, in the host's byte order
 */
struct journal {
	int pid;
	u32 count;
	struct {
		u16 flags;
		u16 command;
		u64 offset;
		u32 len;
	} request[JOURNAL_MAX];
};

/* The journal's file, in the environment. */
#define JOURNAL "IMAGE_TEST_JOURNAL"

int daemon_main(char **argv);

#endif /* IMAGE_DAEMON_H */
