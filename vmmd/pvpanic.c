// SPDX-License-Identifier: GPL-2.0
/* See pvpanic.h. The device has no state: the first word ends the guest. */
#include <errno.h>
#include <misc/pvpanic.h>
#include <stdlib.h>
#include <string.h>

#include "pvpanic.h"
#include "vm.h"

struct pvpanic {
	struct device dev;
	struct vm *vm;
	struct io_region region;
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
	if (event & PVPANIC_CRASH_LOADED)
		log_info("the guest panicked and starts its crash kernel");
	else if (event & PVPANIC_PANICKED)
		guest_fail(p->vm, "the guest's kernel panicked");
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
	p->dev = (struct device){.name = "pvpanic", .destroy = pvpanic_destroy};
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
