// SPDX-License-Identifier: GPL-2.0
/*
 * The number that stands for a virtual device in xenstore, as laid down in
 * xen-vbd-interface(7).
 */
#include <errno.h>
#include <string.h>

#include "xen/backends.h"

/* a is 0, z is 25, aa is 26: no digit is a zero. */
static const char *parse_disk(const char *p, u32 limit, u32 *disk)
{
	u32 n = 0;

	if (*p < 'a' || *p > 'z')
		return NULL;
	for (; *p >= 'a' && *p <= 'z'; p++) {
		n = n * 26 + (u32)(*p - 'a') + 1;
		if (n > limit)
			return NULL;
	}
	*disk = n - 1;
	return p;
}

/* Nothing at all is 0, the whole disk. */
static bool parse_partition(const char *p, u32 limit, u32 *partition)
{
	u32 n = 0;

	if (*p == '0')
		return false;
	for (; *p >= '0' && *p <= '9'; p++) {
		n = n * 10 + (u32)(*p - '0');
		if (n >= limit)
			return false;
	}
	*partition = n;
	return !*p;
}

static u32 xvd_number(u32 disk, u32 partition)
{
	if (disk < 16 && partition < 16)
		return 202 << 8 | disk << 4 | partition;
	return 1U << 28 | disk << 8 | partition;
}

static u32 sd_number(u32 disk, u32 partition)
{
	return 8 << 8 | disk << 4 | partition;
}

static u32 hd_number(u32 disk, u32 partition)
{
	return (disk < 2 ? 3 : 22) << 8 | (disk & 1) << 6 | partition;
}

int blkback_vdev_number(const char *vdev)
{
	static const struct {
		const char *prefix;
		u32 disks;
		u32 partitions;
		u32 (*number)(u32 disk, u32 partition);
	} families[] = {
		{"xvd", 1U << 20, 256, xvd_number},
		/* Xen has no name for them: the config file's virtio names. */
		{"vd", 1U << 20, 256, xvd_number},
		{"sd", 16, 16, sd_number},
		{"hd", 4, 64, hd_number},
	};

	for (size_t i = 0; i < ARRAY_SIZE(families); i++) {
		size_t len = strlen(families[i].prefix);
		u32 disk, partition;
		const char *rest;

		if (strncmp(vdev, families[i].prefix, len))
			continue;
		rest = parse_disk(vdev + len, families[i].disks, &disk);
		if (!rest || !parse_partition(rest, families[i].partitions, &partition))
			return -EINVAL;
		return (int)families[i].number(disk, partition);
	}
	return -EINVAL;
}
