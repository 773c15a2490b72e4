/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A Xen console without hypervisor or xenstore: the guest's end of its rings,
 * and a user at the other end. The test's own thread is vmmd's main thread.
 */
#ifndef UNIT_PVCONSOLE_BOARD_H
#define UNIT_PVCONSOLE_BOARD_H

#include <stdint.h>
#include <xen/io/console.h>

#include "vm.h"

#define BOARD_RAM  (1 * MIB)
#define RING_GPA   0x5000
#define RING_PORT  2U
#define PORT_TAKEN 9U /* another back end's */

#define CHECK(cond)                                                                                \
	do {                                                                                       \
		if (!(cond)) {                                                                     \
			printf("# %s:%d: not true: %s\n", __func__, __LINE__, #cond);              \
			return false;                                                              \
		}                                                                                  \
	} while (0)

extern struct vm vm;
extern struct device *device;
extern u32 notified;	/* notifications of vmmd */
extern u32 bound_port;	/* 0 for none */
extern char perms[128]; /* path, owner and others' rights of xenstore_set_perms() */
extern int user;	/* the user's end */

void board_create(void);
void board_start(void);
void board_restart(void);
void board_destroy(void);
void board_turn(void);
void board_event(void);
const char *store_get(const char *key);

struct xencons_interface *ring(void);
size_t guest_write(const void *buf, size_t len);
size_t guest_read(void *buf, size_t len);
bool user_reads(const void *buf, size_t len);
bool user_types(const void *buf, size_t len);

void run_control_tests(void);
void run_test(const char *name, bool (*fn)(void));
#define TEST(fn) run_test(#fn, fn)

#endif /* UNIT_PVCONSOLE_BOARD_H */
