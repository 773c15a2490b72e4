// SPDX-License-Identifier: GPL-2.0
/*
 * Partition tables. See guest_parts.h.
 *
 * libblkid would read them, but for a block device it goes through /sys and
 * asks ioctls, none of which a process in the sandbox may do.
 */
#include <endian.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "boot/guest_parts.h"

#define SECTOR	    512ULL
#define SECTOR_LONG 4096ULL /* of disks that have no others: for GPT only */

/* The MBR: four entries of 16 bytes at the end of the first sector. */
#define MBR_ENTRIES	446
#define MBR_ENTRY_BYTES 16
#define MBR_PRIMARIES	4
#define MBR_MAGIC	510
#define MBR_MAGIC_VALUE 0xaa55
/* Of an entry */
#define MBR_FLAG	0
#define MBR_FLAG_ACTIVE 0x80
#define MBR_TYPE	4
#define MBR_START	8
#define MBR_SECTORS	12

#define TYPE_EXTENDED_CHS   0x05
#define TYPE_EXTENDED_LBA   0x0f
#define TYPE_EXTENDED_LINUX 0x85
#define TYPE_GPT	    0xee

/* The GPT's header (UEFI specification 5.3.2) */
#define GPT_MAGIC	"EFI PART"
#define GPT_HEADER_SIZE 12
#define GPT_HEADER_CRC	16
#define GPT_ENTRIES_LBA 72
#define GPT_ENTRIES	80
#define GPT_ENTRY_SIZE	84
#define GPT_HEADER_MIN	92
/* and an entry (5.3.3) */
#define GPT_TYPE_BYTES	16
#define GPT_FIRST	32
#define GPT_LAST	40
#define GPT_ENTRY_BYTES 48 /* that are of interest */
#define GPT_ENTRY_MIN	128
#define GPT_ENTRY_MAX	4096
#define GPT_ENTRIES_MAX 1024

/**
 * struct table - reading of a table
 * @fd: the disk
 * @size: its bytes
 * @part: found
 * @n: of them
 */
struct table {
	int fd;
	u64 size;
	struct guest_part *part;
	int n;
};

static u32 get_le32(const u8 *p)
{
	u32 v;

	memcpy(&v, p, sizeof(v));
	return le32toh(v);
}

static u64 get_le64(const u8 *p)
{
	u64 v;

	memcpy(&v, p, sizeof(v));
	return le64toh(v);
}

/* Return: 1 when all was read, 0 when it is not on the disk, or a negative errno. */
static int read_at(const struct table *t, u64 offset, void *buf, size_t len)
{
	ssize_t n;

	if (!range_fits(offset, len, t->size))
		return 0;
	n = pread(t->fd, buf, len, (off_t)offset);
	if (n < 0)
		return -errno;
	return n == (ssize_t)len;
}

/* In sectors of @unit bytes; what is not wholly on the disk is left out. */
static void add(struct table *t, u32 number, u64 start, u64 sectors, u64 unit)
{
	u64 limit = t->size / unit;

	if (!start || !sectors || !range_fits(start, sectors, limit) || t->n == GUEST_PARTS_MAX)
		return;
	t->part[t->n++] = (struct guest_part){number, start * unit, sectors * unit};
}

/* --------------------------------------------------------------------- MBR */

static bool mbr_valid(const u8 *sector)
{
	u32 i;

	if ((get_le32(sector + MBR_MAGIC - 2) >> 16) != MBR_MAGIC_VALUE)
		return false;
	/* The boot sector of a file system has the magic and code for entries. */
	for (i = 0; i < MBR_PRIMARIES; i++)
		if (sector[MBR_ENTRIES + i * MBR_ENTRY_BYTES + MBR_FLAG] & ~MBR_FLAG_ACTIVE)
			return false;
	return true;
}

static bool is_extended(u8 type)
{
	return type == TYPE_EXTENDED_CHS || type == TYPE_EXTENDED_LBA ||
	       type == TYPE_EXTENDED_LINUX;
}

/*
 * A chain of sectors like the MBR: the first entry is a partition, counted
 * from that sector; the second leads on, counted from the start of the chain.
 * A chain that is a ring ends where there is no room for more partitions.
 */
static int read_logical(struct table *t, u64 first)
{
	u8 sector[SECTOR];
	u64 at = first;
	u32 number;
	int ret;

	for (number = MBR_PRIMARIES + 1; number <= GUEST_PARTS_MAX; number++) {
		const u8 *entry = sector + MBR_ENTRIES, *next = entry + MBR_ENTRY_BYTES;

		ret = read_at(t, at * SECTOR, sector, sizeof(sector));
		if (ret <= 0)
			return ret;
		if (!mbr_valid(sector))
			return 0;
		if (entry[MBR_TYPE])
			add(t, number, at + get_le32(entry + MBR_START),
			    get_le32(entry + MBR_SECTORS), SECTOR);
		if (!is_extended(next[MBR_TYPE]))
			return 0;
		at = first + get_le32(next + MBR_START);
	}
	return 0;
}

static int read_mbr(struct table *t, const u8 *sector)
{
	int ret = 0;
	u32 i;

	for (i = 0; !ret && i < MBR_PRIMARIES; i++) {
		const u8 *entry = sector + MBR_ENTRIES + i * MBR_ENTRY_BYTES;

		if (is_extended(entry[MBR_TYPE]))
			ret = read_logical(t, get_le32(entry + MBR_START));
		else if (entry[MBR_TYPE])
			add(t, i + 1, get_le32(entry + MBR_START), get_le32(entry + MBR_SECTORS),
			    SECTOR);
	}
	return ret;
}

/* --------------------------------------------------------------------- GPT */

static bool gpt_valid(u8 *header)
{
	u32 size = get_le32(header + GPT_HEADER_SIZE);
	u32 crc = get_le32(header + GPT_HEADER_CRC);

	if (memcmp(header, GPT_MAGIC, strlen(GPT_MAGIC)) || size < GPT_HEADER_MIN || size > SECTOR)
		return false;
	/* The sum is over the header with a sum of 0. */
	memset(header + GPT_HEADER_CRC, 0, sizeof(crc));
	return crc32(0, header, size) == crc;
}

static int read_gpt_entries(struct table *t, const u8 *header, u64 unit)
{
	u64 lba = get_le64(header + GPT_ENTRIES_LBA);
	u32 entries = min_t(u32, get_le32(header + GPT_ENTRIES), GPT_ENTRIES_MAX);
	u32 bytes = get_le32(header + GPT_ENTRY_SIZE), i;
	static const u8 unused[GPT_TYPE_BYTES];
	u8 entry[GPT_ENTRY_BYTES];
	int ret;

	if (bytes < GPT_ENTRY_MIN || bytes > GPT_ENTRY_MAX || lba > t->size / unit)
		return 0;
	for (i = 0; i < entries; i++) {
		u64 first, last;

		ret = read_at(t, lba * unit + (u64)i * bytes, entry, sizeof(entry));
		if (ret <= 0)
			return ret;
		first = get_le64(entry + GPT_FIRST);
		last = get_le64(entry + GPT_LAST);
		if (memcmp(entry, unused, sizeof(unused)) && first <= last && last < UINT64_MAX)
			add(t, i + 1, first, last - first + 1, unit);
	}
	return 0;
}

/* Its header is in the second sector and, should that be lost, in the last. */
static int read_gpt(struct table *t)
{
	const u64 units[] = {SECTOR, SECTOR_LONG};
	u8 header[SECTOR];
	u32 i, copy;
	int ret;

	for (i = 0; i < ARRAY_SIZE(units); i++) {
		for (copy = 0; copy < 2; copy++) {
			u64 lba = copy ? t->size / units[i] - 1 : 1;

			if (t->size / units[i] < 2)
				continue;
			ret = read_at(t, lba * units[i], header, sizeof(header));
			if (ret < 0)
				return ret;
			if (ret && gpt_valid(header))
				return read_gpt_entries(t, header, units[i]);
		}
	}
	return 0;
}

int guest_parts_read(int fd, u64 size, struct guest_part part[GUEST_PARTS_MAX])
{
	struct table t = {.fd = fd, .size = size, .part = part};
	u8 sector[SECTOR];
	bool gpt = false;
	int ret;
	u32 i;

	ret = read_at(&t, 0, sector, sizeof(sector));
	if (ret <= 0)
		return ret;
	if (!mbr_valid(sector))
		return 0;
	for (i = 0; i < MBR_PRIMARIES; i++)
		gpt |= sector[MBR_ENTRIES + i * MBR_ENTRY_BYTES + MBR_TYPE] == TYPE_GPT;
	ret = gpt ? read_gpt(&t) : read_mbr(&t, sector);
	return ret < 0 ? ret : t.n;
}
