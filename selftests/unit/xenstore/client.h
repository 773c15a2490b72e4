/* SPDX-License-Identifier: GPL-2.0 */
/* A guest's end of a xenstore ring, for tests. */
#ifndef UNIT_XENSTORE_CLIENT_H
#define UNIT_XENSTORE_CLIENT_H

#include <stdint.h>
#include <xen/io/xs_wire.h>

#include "types.h"
#include "xen/store.h"
#include "xen/xen.h"

#define CHECK(cond)                                                                                \
	do {                                                                                       \
		if (!(cond)) {                                                                     \
			printf("# %s:%d: not true: %s\n", __func__, __LINE__, #cond);              \
			return false;                                                              \
		}                                                                                  \
	} while (0)

extern struct xenstore *store;
extern struct xenstore_domain_interface *ring;
extern u32 kicks;

/**
 * struct reply - a message from the store
 * @type: XS_*
 * @id: of the request
 * @tx: of the transaction
 * @len: bytes of @data, behind which is a NUL
 */
struct reply {
	u32 type;
	u32 id;
	u32 tx;
	u32 len;
	char data[XENSTORE_PAYLOAD_MAX + 1];
};

extern struct reply reply;

void client_start(void);
void client_end(void);

/* Bytes into the ring as far as there is room; how many. */
u32 client_put(const void *bytes, u32 len);

/* A whole message out of the ring, into reply; false when there is none. */
bool client_get(void);

/* One request and the reply to it, into reply; events that come are kept. */
bool ask(u32 type, u32 tx, const void *payload, u32 len);
bool ask_path(u32 type, u32 tx, const char *path);

/*
 * A request with a path, and a value or token when @rest is not NULL: is it done,
 * or refused with the error @want?
 */
bool does(u32 type, u32 tx, const char *path, const char *rest, const char *want);
bool reads(const char *path, const char *value);

/* The next event is of @path and @token. */
bool event_is(const char *path, const char *token);
bool no_event(void);

void run_test(const char *name, bool (*fn)(void));
#define TEST(fn) run_test(#fn, fn)
void run_host_tests(void);
void run_xenbus_tests(void);

#endif /* UNIT_XENSTORE_CLIENT_H */
