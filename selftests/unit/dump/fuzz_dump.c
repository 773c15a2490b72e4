// SPDX-License-Identifier: GPL-2.0
/*
 * Any page tables, for a core. Each change is two bytes that say which entry of the
 * first pages, one of flags, and one for the page that it points to.
 */
#include <stdlib.h>
#include <string.h>

#include "board.h"
#include "xen/dump.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

#define TABLES 16

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct dump_map map;
	struct vm vm;
	u32 i, entry;

	board_init(&vm);
	for (; size >= 4; data += 4, size -= 4) {
		entry = (u32)(data[0] | data[1] << 8) % (TABLES * 512);
		board_pte(&vm, 0, entry, (u64)data[3] << 12 | data[2]);
	}
	if (!dump_map_walk(&vm.mem, BOARD_CR3, &map)) {
		for (i = 0; i < map.nr; i++)
			if (!map.range[i].len ||
			    !mem_range(&vm.mem, map.range[i].gpa, map.range[i].len))
				abort();
		free(map.range);
	}
	board_free(&vm);
	return 0;
}
