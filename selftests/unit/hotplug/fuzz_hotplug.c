// SPDX-License-Identifier: GPL-2.0
/*
 * An administrator and a front end that do what the input says, at any time:
 * nothing may be used after it is gone, and all be gone in the end.
 */
#include <stdlib.h>
#include <unistd.h>

#include "board.h"
#include "xen/xenbus.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	static const char *const names[] = {"xvda", "xvdb", "xvdc", "xvdd"};
	struct device *dev;
	u32 which, id;

	board_create();
	for (size_t i = 0; i < size; i++) {
		which = data[i] & 3;
		id = 51712 + which * 16;
		dev = hotplug_find(&vm, "vbd", id);
		switch (data[i] >> 2 & 7) {
		case 0:
			attach(names[which]);
			break;
		case 1:
			if (dev)
				hotplug_detach(dev, false);
			break;
		case 2:
			if (dev)
				hotplug_detach(dev, true);
			break;
		case 3:
			front(id, data[i] >> 5);
			break;
		case 4:
			if (dev && dev->xenbus->watch && !dev->gone)
				xenbus_fail(dev->xenbus, "fuzz");
			break;
		case 5:
			board_turn();
			break;
		case 6:
			board_power_off();
			board_power_on();
			break;
		case 7:
			vm.state = data[i] & 0x20 ? VM_PAUSED : VM_RUNNING;
			break;
		}
	}
	board_destroy();
	if (devices || connections)
		abort();
	return 0;
}
