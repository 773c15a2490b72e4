// SPDX-License-Identifier: GPL-2.0
/*
 * Copying to and from scattered buffers. The buffers are guest memory that
 * was range-checked by virtq_pop(); the lengths are our own copies.
 */
#include <string.h>

#include "virtio/queue.h"

static size_t iov_copy(const struct iovec *iov, u32 num, size_t off, char *buf, size_t len,
		       bool to_iov)
{
	size_t done = 0;

	for (u32 i = 0; i < num && done < len; i++) {
		size_t n = iov[i].iov_len;
		char *p = iov[i].iov_base;

		if (off >= n) {
			off -= n;
			continue;
		}
		p += off;
		n -= off;
		off = 0;
		if (n > len - done)
			n = len - done;
		if (to_iov)
			memcpy(p, buf + done, n);
		else
			memcpy(buf + done, p, n);
		done += n;
	}
	return done;
}

/**
 * iov_read - copy bytes out of scattered buffers
 * @iov: buffers
 * @num: how many
 * @off: bytes to skip
 * @buf: destination
 * @len: bytes wanted
 *
 * Return: bytes copied, fewer than @len when the buffers end before.
 */
size_t iov_read(const struct iovec *iov, u32 num, size_t off, void *buf, size_t len)
{
	return iov_copy(iov, num, off, buf, len, false);
}

/**
 * iov_write - copy bytes into scattered buffers
 * @iov: buffers
 * @num: how many
 * @off: bytes to skip
 * @buf: source
 * @len: bytes to copy
 *
 * Return: bytes copied, fewer than @len when the buffers end before.
 */
size_t iov_write(const struct iovec *iov, u32 num, size_t off, const void *buf, size_t len)
{
	return iov_copy(iov, num, off, (char *)buf, len, true);
}

/**
 * iov_cut_front - drop bytes from the start of scattered buffers
 * @iov: in/out: buffers; entries are changed in place
 * @num: how many
 * @len: bytes to drop
 *
 * Return: entries left, of which the first is *@iov.
 */
u32 iov_cut_front(struct iovec **iov, u32 num, size_t len)
{
	while (num && len >= (*iov)->iov_len) {
		len -= (*iov)->iov_len;
		(*iov)++;
		num--;
	}
	if (num) {
		(*iov)->iov_base = (char *)(*iov)->iov_base + len;
		(*iov)->iov_len -= len;
	}
	return num;
}
