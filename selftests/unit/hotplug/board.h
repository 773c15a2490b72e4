/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A guest's xenstore and bus without guest: devices are dummies that count, the
 * front end is whoever writes its nodes. The test's own thread is vmmd's main
 * thread.
 */
#ifndef UNIT_HOTPLUG_BOARD_H
#define UNIT_HOTPLUG_BOARD_H

#include "vm.h"
#include "xen/hotplug.h"
#include "xen/store.h"

#define CHECK(cond)                                                                                \
	do {                                                                                       \
		if (!(cond)) {                                                                     \
			printf("# %s:%d: not true: %s\n", __func__, __LINE__, #cond);              \
			return false;                                                              \
		}                                                                                  \
	} while (0)

extern struct vm vm;

/* Devices that are there, connected, and have been stopped so far. */
extern s64 devices, connections;
extern bool no_start;

/** board_power_on() - a guest begins: a new xenstore, all devices started */
void board_power_on(void);

/** board_power_off() - it ends */
void board_power_off(void);

/** board_create() - a VM that runs */
void board_create(void);

/** board_destroy() - give back everything */
void board_destroy(void);

/** board_turn() - serve watches and what was posted */
void board_turn(void);

/** attach() - a disk of that name; what hotplug_disk() says */
int attach(const char *vdev);

/** front() - the front end of a disk writes its state, and is served */
void front(u32 id, u32 state);

/** back() - the back end's state, 0 for none */
u32 back(u32 id);

#endif /* UNIT_HOTPLUG_BOARD_H */
