// SPDX-License-Identifier: GPL-2.0
/*
 * libFuzzer is the guest and the user of a Xen console: indices, characters,
 * typing, pauses and restarts in any order. vmmd must write within the input
 * ring and to its own two indices alone.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "board.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

static u32 word(const u8 **data, size_t *size)
{
	u32 value = 0;

	for (u32 i = 0; i < 4 && *size; i++, (*size)--)
		value = value << 8 | *(*data)++;
	return value;
}

/* The page around the rings, and what vmmd only reads of them, stays as it was. */
static void check(const struct xencons_interface *before)
{
	struct xencons_interface *r = ring();
	const u8 *page = (const u8 *)r;

	if (memcmp(r->out, before->out, sizeof(r->out)) || r->out_prod != before->out_prod ||
	    r->in_cons != before->in_cons)
		abort();
	for (size_t i = sizeof(*r); i < GUEST_PAGE_SIZE; i++) {
		if (page[i])
			abort();
	}
	if (page[-1] || page[GUEST_PAGE_SIZE])
		abort();
}

static void act(u8 op, u32 value)
{
	struct xencons_interface before, *r = ring();
	u8 buf[1024];

	switch (op % 8) {
	case 0:
		r->out_prod = op & 0x80 ? value : r->out_prod + value % 2100;
		break;
	case 1:
		r->in_cons = op & 0x80 ? value : r->in_cons + value % 1100;
		break;
	case 2:
		r->out[value % sizeof(r->out)] = op;
		break;
	case 3:
		memset(buf, op, sizeof(buf));
		if (write(user, buf, value % sizeof(buf)) < 0)
			break;
		break;
	case 4:
		r->in_cons = r->in_prod;
		break;
	case 5:
		device->stop(device);
		board_event();
		break;
	case 6:
		if (device->start(device))
			abort();
		break;
	case 7:
		device->stop(device);
		device->reset(device);
		board_start();
		break;
	}
	before = *r;
	board_event();
	while (read(user, buf, sizeof(buf)) > 0)
		;
	check(&before);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	if (!device)
		board_create();
	device->stop(device);
	device->reset(device);
	board_start();
	while (size) {
		u8 op = *data++;

		size--;
		act(op, word(&data, &size));
	}
	return 0;
}
