// SPDX-License-Identifier: GPL-2.0
/* See pvpanic.h. */
#include <errno.h>
#include <misc/pvpanic.h>
#include <stdlib.h>
#include <string.h>

#include "pvpanic.h"
#include "vm.h"

/**
 * struct pvpanic - the device
 * @dev: entry of the device list
 * @vm: constant
 * @region: the port
 * @told: the log has the news of the crash kernel; atomic
 */
struct pvpanic {
	struct device dev;
	struct vm *vm;
	struct io_region region;
	bool told;
};

static void pvpanic_read(void *opaque, u64 off, u32 size, void *data)
{
	u8 features = PVPANIC_PANICKED | PVPANIC_CRASH_LOADED;

	(void)opaque;
	(void)off;
	memset(data, 0, size);
	memcpy(data, &features, sizeof(features));
}

static void pvpanic_write(void *opaque, u64 off, u32 size, const void *data)
{
	struct pvpanic *p = opaque;
	u8 event;

	(void)off;
	(void)size;
	memcpy(&event, data, sizeof(event));
	/* A guest with a crash kernel goes on to run it, and must be let. */
	if (event & PVPANIC_CRASH_LOADED) {
		if (!__atomic_exchange_n(&p->told, true, __ATOMIC_RELAXED))
			log_info("the guest panicked and starts its crash kernel");
	} else if (event & PVPANIC_PANICKED) {
		guest_fail(p->vm, "the guest's kernel panicked");
	}
}

static void pvpanic_reset(struct device *dev)
{
	struct pvpanic *p = container_of(dev, struct pvpanic, dev);

	__atomic_store_n(&p->told, false, __ATOMIC_RELAXED);
}

static void pvpanic_destroy(struct device *dev)
{
	struct pvpanic *p = container_of(dev, struct pvpanic, dev);

	bus_del(&p->vm->pio, &p->region);
	free(p);
}

int pvpanic_create(struct vm *vm)
{
	struct pvpanic *p;
	int ret;

	p = calloc(1, sizeof(*p));
	if (!p)
		return -ENOMEM;
	p->vm = vm;
	p->dev = (struct device){
		.name = "pvpanic",
		.reset = pvpanic_reset,
		.destroy = pvpanic_destroy,
	};
	p->region = (struct io_region){
		.base = PVPANIC_PORT,
		.len = 1,
		.name = "pvpanic",
		.read = pvpanic_read,
		.write = pvpanic_write,
		.opaque = p,
	};
	ret = bus_add(&vm->pio, &p->region);
	if (ret) {
		log_err("pvpanic: %s", strerror(-ret));
		free(p);
		return ret;
	}
	vm_add_device(vm, &p->dev);
	return 0;
}
