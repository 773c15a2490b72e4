// SPDX-License-Identifier: GPL-2.0
/*
 * Any bytes as a file that a guest was saved to. The first byte says how: as they
 * are; or as records whose checksums are good, behind a good head and, or not, a
 * guest that differs from a good one in some bytes.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "board.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

static struct board board;

/* Two bytes of place and one of value for each change. */
static size_t change_guest(struct savefile_guest *g, const u8 *data, size_t size)
{
	size_t n, changes = size ? data[0] % 8 : 0;

	if (!size || size < 1 + changes * 3)
		return size;
	for (n = 0; n < changes; n++) {
		const u8 *c = data + 1 + n * 3;

		((u8 *)g)[(c[0] | c[1] << 8) % sizeof(*g)] = c[2];
	}
	return 1 + changes * 3;
}

/* Type, two bytes of length, bytes; a length beyond the end means all of them. */
static void add_records(const u8 *data, size_t size)
{
	while (size >= 3 && board.len < sizeof(board.data) / 2) {
		size_t len = data[1] | (size_t)data[2] << 8;

		len = min_t(size_t, len, size - 3);
		/* Some that mutations would hardly find. */
		switch (data[0]) {
		case 0xf0:
			board_vcpu(&board, len ? data[3] : 0);
			break;
		case 0xf1:
			board_page(&board, len >= 2 ? (u64)(data[3] | data[4] << 8) << 8 : 0, 1);
			break;
		default:
			board_record(&board, data[0] % 6, data + 3, len);
		}
		data += 3 + len;
		size -= 3 + len;
	}
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct savefile_guest g = board_guest();
	struct vm vm;
	size_t used;
	u8 how;

	if (!size)
		return 0;
	how = *data++;
	size--;
	if (how % 4 == 0) {
		memcpy(board.data, data, size);
		board.len = size;
	} else {
		board_head(&board, SAVEFILE_VERSION, board_config());
		if (how % 4 != 1) {
			used = change_guest(&g, data, size);
			data += used;
			size -= used;
			board_record(&board, SAVEFILE_GUEST, &g, sizeof(g));
		}
		if (how % 4 == 3) {
			board_vcpu(&board, 0);
			board_vcpu(&board, 1);
		}
		add_records(data, size);
		if (how & 4)
			board_record(&board, SAVEFILE_END, NULL, 0);
	}
	if (board_restore(&board, NULL, &vm) >= 0)
		board_free(&vm);
	return 0;
}
