// SPDX-License-Identifier: GPL-2.0
/*
 * PV guests: hypercalls are served by the shim, which keeps event channels and the
 * grant table in guest memory. It rings at I/O ports for what it cannot do. To the
 * guest: a bit in struct shim_events, and an interrupt by irqfd.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "vm.h"
#include "xen/backends.h"
#include "xen/core.h"
#include "xen/save.h"
#include "xen/xen_internal.h"

#define DOORBELLS (SHIM_PORT_END - SHIM_PORT_EVENT)

#define MSI_ADDRESS  0xfee00000ULL
#define MSI_DEST(id) ((u64)(id) << 12)

/* ------------------------------------------------------------ doorbells */

static void doorbell(void *opaque, u64 off, u32 size, const void *data)
{
	struct xen *xen = opaque;
	u32 value = 0;

	memcpy(&value, data, size < sizeof(value) ? size : sizeof(value));
	switch (off + SHIM_PORT_EVENT) {
	case SHIM_PORT_EVENT:
		/* Nobody listens to this event channel. */
		break;
	case SHIM_PORT_SHUTDOWN:
		xen_shutdown(xen, value);
		break;
	case SHIM_PORT_CRASH:
		xen_crash(xen, value);
		break;
	case SHIM_PORT_DEBUG:
		xen_debug_char(xen, (u8)value);
		break;
	case SHIM_PORT_GIVEN:
		xen_memory_given(xen, value);
		break;
	case SHIM_PORT_UNKNOWN:
		xen_unknown_hypercall(xen, value);
		break;
	}
}

/* ------------------------------------------------------------ event channels */

static int shim_listen(struct xen *xen, u32 port, int fd)
{
	return ioeventfd_attach(xen->vm, SHIM_PORT_EVENT, 4, port,
				IOEVENTFD_PIO | IOEVENTFD_DATAMATCH, fd);
}

static void shim_unlisten(struct xen *xen, u32 port, int fd)
{
	ioeventfd_detach(xen->vm, SHIM_PORT_EVENT, 4, port, IOEVENTFD_PIO | IOEVENTFD_DATAMATCH,
			 fd);
}

static void shim_raise(struct xen *xen, u32 port)
{
	struct shim_events *e = mem_range(&xen->vm->mem, xen->places.events, sizeof(*e));
	u32 vcpu;

	if (!e)
		return;
	vcpu = __atomic_load_n(&e->vcpu[port], __ATOMIC_RELAXED);
	if (vcpu >= xen->vm->cfg.vcpus)
		vcpu = 0;
	/* The bit before the word's, and both before the interrupt: see the shim. */
	__atomic_fetch_or(&e->pending[port / 64], 1ULL << (port % 64), __ATOMIC_SEQ_CST);
	__atomic_fetch_or(&e->summary, 1ULL << (port / 64), __ATOMIC_SEQ_CST);
	eventfd_write(xen->call[vcpu].fd, 1);
}

void xen_send_nmi(struct vm *vm, u32 vcpu)
{
	irq_msi_send(vm, MSI_ADDRESS | MSI_DEST(vcpu), SHIM_VEC_NMI);
}

static void shim_disconnect(struct xen *xen)
{
	struct xen_call *call;
	u32 i;

	for (i = 0; i < xen->vm->cfg.vcpus; i++) {
		call = &xen->call[i];
		if (call->gsi < 0)
			continue;
		irqfd_detach(xen->vm, (u32)call->gsi, call->fd);
		irq_msi_unroute(xen->vm, (u32)call->gsi);
		call->gsi = -1;
	}
}

/* Let vmmd interrupt the vCPUs. */
static int shim_connect(struct xen *xen)
{
	struct xen_call *call;
	int ret;
	u32 i;

	for (i = 0; i < xen->vm->cfg.vcpus; i++) {
		call = &xen->call[i];
		ret = irq_msi_route(xen->vm, MSI_ADDRESS | MSI_DEST(i), SHIM_VEC_EVENT);
		if (ret < 0)
			goto err;
		call->gsi = ret;
		ret = irqfd_attach(xen->vm, (u32)call->gsi, call->fd, -1);
		if (ret) {
			irq_msi_unroute(xen->vm, (u32)call->gsi);
			call->gsi = -1;
			goto err;
		}
	}
	return 0;
err:
	shim_disconnect(xen);
	return ret;
}

static void *shim_grant_frame(struct xen *xen, u32 frame)
{
	return mem_range(&xen->vm->mem, xen->places.grants + frame * GUEST_PAGE_SIZE,
			 GUEST_PAGE_SIZE);
}

static u64 shim_grant_version(struct xen *xen)
{
	const u64 *version = xen_info_field(xen->vm, offsetof(struct shim_info, grant_version));

	return version ? __atomic_load_n(version, __ATOMIC_RELAXED) : 1;
}

/* ------------------------------------------------------------ life */

#define MELTDOWN "/sys/devices/system/cpu/vulnerabilities/meltdown"

/* On these CPUs a program can read what its page table maps, its or not. */
static bool cpu_leaks(void)
{
	char line[64] = "";
	FILE *file = fopen(MELTDOWN, "re");

	if (!file)
		return false;
	if (!fgets(line, sizeof(line), file))
		line[0] = '\0';
	fclose(file);
	return line[0] && strncmp(line, "Not affected", strlen("Not affected"));
}

static int shim_create(struct xen *xen)
{
	struct vm *vm = xen->vm;
	int ret = 0;
	u32 i;

	for (i = 0; i < SHIM_VCPUS_MAX; i++)
		xen->call[i] = (struct xen_call){.fd = -1, .gsi = -1};
	if (vm->cfg.vcpus > SHIM_VCPUS_MAX) {
		log_err("vcpus=%u: a PV guest may have %u", vm->cfg.vcpus, SHIM_VCPUS_MAX);
		return -EINVAL;
	}
	xen->user_pgd = vm->cfg.pv_user_pgd == CONFIG_AUTO ? cpu_leaks() : vm->cfg.pv_user_pgd;
	for (i = 0; i < vm->cfg.vcpus && !ret; i++) {
		xen->call[i].fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
		if (xen->call[i].fd < 0)
			ret = -errno;
	}
	xen->doorbell = (struct io_region){
		.base = SHIM_PORT_EVENT,
		.len = DOORBELLS,
		.name = "shim",
		.write = doorbell,
		.opaque = xen,
	};
	if (!ret)
		ret = bus_add(&vm->pio, &xen->doorbell);
	if (ret)
		log_err("Xen guest: %s", strerror(-ret));
	return ret;
}

static void shim_destroy(struct xen *xen)
{
	u32 i;

	bus_del(&xen->vm->pio, &xen->doorbell);
	for (i = 0; i < SHIM_VCPUS_MAX; i++)
		if (xen->call[i].fd >= 0)
			close(xen->call[i].fd);
}

static int shim_boot(struct xen *xen)
{
	struct vm *vm = xen->vm;
	struct pv_params params = {
		.l4_slot = SHIM_L4_SLOT,
		.store_port = XEN_PORT_STORE,
		.console_port = XEN_PORT_CONSOLE,
	};
	int ret;

	if (vm->restore)
		return restore_load(vm);
	ret = shim_load(vm, &xen->places);
	if (ret)
		return ret;
	xen_shim_put_limit(xen);
	params.nr_pages = xen_memory_start(vm);
	params.hypercall_gate = xen->places.hypercall_gate;
	params.shared_info = xen->places.shared_info;
	params.l4_entries = xen->places.l4_entries;
	params.nr_l4_entries = ARRAY_SIZE(xen->places.l4_entries);
	ret = pv_build(vm, &params, &xen->start);
	if (ret)
		return ret;
	pvconsole_set_ring(vm, xen->start.console_gpa, XEN_PORT_CONSOLE);
	return shim_start(vm, &xen->places, &xen->start);
}

const struct xen_ops xen_shim_ops = {
	.create = shim_create,
	.destroy = shim_destroy,
	.boot = shim_boot,
	.connect = shim_connect,
	.disconnect = shim_disconnect,
	.cpuid = xen_cpuid_pv,
	.listen = shim_listen,
	.unlisten = shim_unlisten,
	.raise = shim_raise,
	.grant_frame = shim_grant_frame,
	.grant_version = shim_grant_version,
	.put_limit = xen_shim_put_limit,
	.pages_left = xen_shim_pages_left,
};
