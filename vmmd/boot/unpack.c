// SPDX-License-Identifier: GPL-2.0
/*
 * Decompression of the payload of a bzImage. Linux's build appends the size
 * of the unpacked image as four little-endian bytes, which for gzip are part
 * of the format. The image is unpacked in one go into memory of its own.
 */
#include <endian.h>
#include <errno.h>
#include <lz4.h>
#include <lzma.h>
#include <string.h>
#include <sys/mman.h>
#include <zlib.h>
#include <zstd.h>

#include "boot/boot.h"

#define UNPACK_MAX (1 * GIB)
#define SIZE_BYTES 4
/* lz4's legacy frame: magic, then blocks of 8 MiB, each after its length. */
#define LZ4_BLOCK_MAX (8 * MIB)

/* Each returns whether exactly out_len bytes came out. */

static bool unpack_gzip(const u8 *in, size_t in_len, u8 *out, size_t out_len)
{
	const int gzip_wrapper = 16;
	z_stream z = {0};
	int ret;

	if (inflateInit2(&z, MAX_WBITS + gzip_wrapper) != Z_OK)
		return false;
	z.next_in = (Bytef *)in;
	z.avail_in = (uInt)in_len;
	z.next_out = out;
	z.avail_out = (uInt)out_len;
	ret = inflate(&z, Z_FINISH);
	inflateEnd(&z);
	return ret == Z_STREAM_END && z.total_out == out_len;
}

static bool unpack_lzma_any(lzma_stream *lz, const u8 *in, size_t in_len, u8 *out, size_t out_len)
{
	lzma_ret ret;

	lz->next_in = in;
	lz->avail_in = in_len - SIZE_BYTES;
	lz->next_out = out;
	lz->avail_out = out_len;
	ret = lzma_code(lz, LZMA_FINISH);
	lzma_end(lz);
	/* An lzma stream of known size may end without saying so. */
	return (ret == LZMA_STREAM_END || ret == LZMA_OK) && !lz->avail_out;
}

static bool unpack_xz(const u8 *in, size_t in_len, u8 *out, size_t out_len)
{
	lzma_stream lz = LZMA_STREAM_INIT;

	return lzma_stream_decoder(&lz, UINT64_MAX, 0) == LZMA_OK &&
	       unpack_lzma_any(&lz, in, in_len, out, out_len);
}

static bool unpack_lzma(const u8 *in, size_t in_len, u8 *out, size_t out_len)
{
	lzma_stream lz = LZMA_STREAM_INIT;

	return lzma_alone_decoder(&lz, UINT64_MAX) == LZMA_OK &&
	       unpack_lzma_any(&lz, in, in_len, out, out_len);
}

static u32 get_le32(const u8 *p)
{
	u32 v;

	memcpy(&v, p, sizeof(v));
	return le32toh(v);
}

static bool unpack_lz4(const u8 *in, size_t in_len, u8 *out, size_t out_len)
{
	size_t pos = SIZE_BYTES, done = 0, room;
	u32 block;
	int n;

	while (done < out_len) {
		if (!range_fits(pos, SIZE_BYTES, in_len))
			return false;
		block = get_le32(in + pos);
		pos += SIZE_BYTES;
		if (!range_fits(pos, block, in_len))
			return false;
		room = min_t(size_t, LZ4_BLOCK_MAX, out_len - done);
		n = LZ4_decompress_safe((const char *)in + pos, (char *)out + done, (int)block,
					(int)room);
		if (n <= 0)
			return false;
		pos += block;
		done += (size_t)n;
	}
	return true;
}

static bool unpack_zstd(const u8 *in, size_t in_len, u8 *out, size_t out_len)
{
	size_t frame = ZSTD_findFrameCompressedSize(in, in_len);

	return !ZSTD_isError(frame) && ZSTD_decompress(out, out_len, in, frame) == out_len;
}

static const struct {
	u8 magic[6];
	size_t magic_len;
	bool (*unpack)(const u8 *in, size_t in_len, u8 *out, size_t out_len);
} unpackers[] = {
	{{0x1f, 0x8b}, 2, unpack_gzip},
	{{0xfd, '7', 'z', 'X', 'Z', 0}, 6, unpack_xz},
	{{0x5d, 0, 0}, 3, unpack_lzma},
	{{0x02, 0x21, 0x4c, 0x18}, 4, unpack_lz4},
	{{0x28, 0xb5, 0x2f, 0xfd}, 4, unpack_zstd},
};

int unpack(const u8 *in, size_t in_len, u8 **out, size_t *out_len, const char **why)
{
	size_t i, size;
	u8 *buf;

	for (i = 0; i < ARRAY_SIZE(unpackers); i++)
		if (in_len > sizeof(unpackers[i].magic) + SIZE_BYTES &&
		    !memcmp(in, unpackers[i].magic, unpackers[i].magic_len))
			break;
	if (i == ARRAY_SIZE(unpackers)) {
		*why = "packed in a way vmmd cannot unpack: try type=\"hvm\"";
		return -ENOEXEC;
	}

	size = get_le32(in + in_len - SIZE_BYTES);
	if (!size || size > UNPACK_MAX) {
		*why = "claims an impossible size for what is packed in it";
		return -ENOEXEC;
	}
	buf = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (buf == MAP_FAILED) {
		*why = "not enough memory to unpack it";
		return -ENOMEM;
	}
	if (!unpackers[i].unpack(in, in_len, buf, size)) {
		*why = "the data packed in it are damaged";
		munmap(buf, size);
		return -ENOEXEC;
	}
	*out = buf;
	*out_len = size;
	return 0;
}
