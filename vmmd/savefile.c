// SPDX-License-Identifier: GPL-2.0
/* Reading what a guest was saved to. See savefile.h. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "savefile.h"

_Static_assert(sizeof(SAVEFILE_MAGIC) - 1 == sizeof(((struct savefile_head *)0)->magic), "magic");

u32 savefile_crc(u32 crc, const void *data, size_t len)
{
	return (u32)crc32_z(crc, data, len);
}

static int fail(struct savefile *f, int ret, const char *why)
{
	snprintf(f->why, sizeof(f->why), "%s", why);
	return ret;
}

static int read_all(struct savefile *f, void *buf, size_t len)
{
	u8 *at = buf;
	ssize_t n;

	while (len) {
		n = read(f->fd, at, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return fail(f, -errno, strerror(errno));
		if (!n)
			return fail(f, -EBADMSG, "the file is truncated");
		at += n;
		len -= (size_t)n;
	}
	return 0;
}

int savefile_open(struct savefile *f, int fd, char **config, size_t *len)
{
	struct savefile_head head;
	char *text;
	int ret;

	*f = (struct savefile){.fd = fd};
	ret = read_all(f, &head, sizeof(head));
	if (ret)
		return ret;
	if (memcmp(head.magic, SAVEFILE_MAGIC, sizeof(head.magic)))
		return fail(f, -EBADMSG, "no guest was saved to this file");
	if (head.version != SAVEFILE_VERSION) {
		snprintf(f->why, sizeof(f->why), "the file is of version %u: expected %u",
			 head.version, SAVEFILE_VERSION);
		return -EPROTO;
	}
	if (head.crc != savefile_crc(0, &head, offsetof(struct savefile_head, crc)) ||
	    head.config_bytes > SAVEFILE_CONFIG_MAX)
		return fail(f, -EBADMSG, "the head of the file is damaged");
	text = malloc(head.config_bytes + 1);
	if (!text)
		return fail(f, -ENOMEM, "out of memory");
	ret = read_all(f, text, head.config_bytes);
	if (!ret && head.config_crc != savefile_crc(0, text, head.config_bytes))
		ret = fail(f, -EBADMSG, "the configuration in the file is damaged");
	if (ret) {
		free(text);
		return ret;
	}
	text[head.config_bytes] = '\0';
	*config = text;
	*len = head.config_bytes;
	return 0;
}

int savefile_read(struct savefile *f, void *buf, size_t len)
{
	int ret;

	if (len > f->left)
		return fail(f, -EBADMSG, "a record is too short");
	ret = read_all(f, buf, len);
	if (ret)
		return ret;
	f->crc = savefile_crc(f->crc, buf, len);
	f->left -= (u32)len;
	if (!f->left && f->crc != f->rec.data_crc)
		return fail(f, -EBADMSG, "the file is damaged");
	return 0;
}

int savefile_next(struct savefile *f)
{
	u8 rest[4096];
	size_t n;
	int ret;

	while (f->left) {
		n = min_t(size_t, f->left, sizeof(rest));
		ret = savefile_read(f, rest, n);
		if (ret)
			return ret;
	}
	ret = read_all(f, &f->rec, sizeof(f->rec));
	if (ret)
		return ret;
	if (f->rec.crc != savefile_crc(0, &f->rec, offsetof(struct savefile_record, crc)) ||
	    f->rec.type < SAVEFILE_GUEST || f->rec.type > SAVEFILE_END)
		return fail(f, -EBADMSG, "the file is damaged");
	f->left = f->rec.len;
	f->crc = 0;
	return (int)f->rec.type;
}
