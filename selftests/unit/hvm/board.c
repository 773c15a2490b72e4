// SPDX-License-Identifier: GPL-2.0
/* See board.h: the hypervisor, and what hvm*.c ask of the rest of vmmd. */
#include "board.h"

#include <errno.h>
#include <stdlib.h>

#include "boot/boot.h"
#include "xen/backends.h"
#include "xen/core.h"

struct vm vm;
struct told told;
u32 unknown, ended;
u32 xen_cap = 0x1ff;

static struct xen xen;
static struct kvm_run run[BOARD_VCPUS];
static struct vcpu vcpus[BOARD_VCPUS];
static u64 slot_gpa[1024];

/* ------------------------------------------------------------ the hypervisor */

static int take_attr(const struct kvm_xen_hvm_attr *attr)
{
	u32 port = attr->u.evtchn.send_port;

	switch (attr->type) {
	case KVM_XEN_ATTR_TYPE_LONG_MODE:
		return 0;
	case KVM_XEN_ATTR_TYPE_SHARED_INFO:
		told.shared_info = attr->u.shared_info.gfn;
		return 0;
	case KVM_XEN_ATTR_TYPE_UPCALL_VECTOR:
		told.vector = attr->u.vector;
		return 0;
	case KVM_XEN_ATTR_TYPE_RUNSTATE_UPDATE_FLAG:
		told.flag = attr->u.runstate_update_flag;
		return 0;
	case KVM_XEN_ATTR_TYPE_EVTCHN:
		break;
	default:
		abort();
	}
	if (!port || port >= XEN_PORTS)
		abort();
	if (attr->u.evtchn.flags == KVM_XEN_EVTCHN_DEASSIGN) {
		if (!told.fd[port] && !told.ipi[port])
			abort();
		told.fd[port] = 0;
		told.ipi[port] = 0;
		return 0;
	}
	if (told.fd[port] || told.ipi[port])
		return -EEXIST;
	if (attr->u.evtchn.type == EVTCHNSTAT_ipi)
		told.ipi[port] = attr->u.evtchn.deliver.port.vcpu + 1;
	else
		told.fd[port] = attr->u.evtchn.deliver.eventfd.fd;
	return 0;
}

static int take_vcpu_attr(u32 vcpu, const struct kvm_xen_vcpu_attr *attr)
{
	switch (attr->type) {
	case KVM_XEN_VCPU_ATTR_TYPE_VCPU_INFO:
		told.vcpu_info[vcpu] = attr->u.gpa;
		return attr->u.gpa % 8 ? -EINVAL : 0;
	case KVM_XEN_VCPU_ATTR_TYPE_VCPU_TIME_INFO:
		return attr->u.gpa != KVM_XEN_INVALID_GPA && attr->u.gpa % 4 ? -EINVAL : 0;
	case KVM_XEN_VCPU_ATTR_TYPE_RUNSTATE_ADDR:
		told.runstate[vcpu] = attr->u.gpa;
		return 0;
	case KVM_XEN_VCPU_ATTR_TYPE_TIMER:
		told.timer[vcpu] = attr->u.timer.port;
		return 0;
	case KVM_XEN_VCPU_ATTR_TYPE_UPCALL_VECTOR:
		told.vcpu_vector[vcpu] = attr->u.vector;
		return 0;
	default:
		abort();
	}
}

int hv_ioctl(int fd, unsigned long request, void *arg)
{
	const struct kvm_irq_routing_xen_evtchn *event = arg;
	struct kvm_translation *t = arg;

	(void)fd;
	switch (request) {
	case KVM_XEN_HVM_CONFIG:
		return 0;
	case KVM_XEN_HVM_SET_ATTR:
		return take_attr(arg);
	case KVM_TRANSLATE:
		t->valid = t->linear_address < TOP;
		t->physical_address = t->linear_address;
		return 0;
	case KVM_XEN_HVM_EVTCHN_SEND:
		told.events++;
		told.port = event->port;
		told.vcpu = event->vcpu;
		return 0;
	default:
		abort();
	}
}

int vcpu_ioctl(struct vcpu *vcpu, unsigned long request, void *arg)
{
	if (request != KVM_XEN_VCPU_SET_ATTR || vcpu->id >= BOARD_VCPUS)
		abort();
	return take_vcpu_attr(vcpu->id, arg);
}

int hv_check(const struct hv *hv, u32 cap)
{
	(void)hv;
	return cap == KVM_CAP_XEN_HVM ? (int)xen_cap : 0;
}

/* Slots do not overlap. */
int hv_set_memslot(struct hv *hv, u32 slot, u64 gpa, u64 len, void *host, u32 flags)
{
	u32 i;

	(void)hv;
	(void)host;
	(void)flags;
	if (slot >= ARRAY_SIZE(slot_gpa) || (!len && !slot_gpa[slot]))
		abort();
	for (i = 0; len && i < ARRAY_SIZE(slot_gpa); i++)
		if (slot_gpa[i] == gpa + 1)
			return -EEXIST;
	if (len && gpa < BOARD_RAM)
		abort();
	slot_gpa[slot] = len ? gpa + 1 : 0;
	told.slots += len ? 1 : -1U;
	return 0;
}

/* ------------------------------------------------------------ the rest of vmmd */

void xen_shutdown(struct xen *x, u32 reason)
{
	(void)x;
	ended = reason + 1;
}

void irq_msi_send(struct vm *v, u64 addr, u32 data)
{
	(void)data;
	if (v != &vm || (addr & ~0x1000ULL) != 0xfee00000)
		abort();
	told.interrupts++;
}

void xen_debug_char(struct xen *x, u8 c)
{
	(void)x;
	(void)c;
}

void xen_unknown_hypercall(struct xen *x, u32 nr)
{
	(void)x;
	(void)nr;
	unknown++;
}

void pvconsole_set_ring(struct vm *v, u64 gpa, u32 port)
{
	if (v != &vm || !mem_range(&vm.mem, gpa, GUEST_PAGE_SIZE) || port != XEN_PORT_CONSOLE)
		abort();
}

void xen_cpuid_hvm(struct kvm_cpuid2 *cpuid, u32 vcpu)
{
	(void)cpuid;
	(void)vcpu;
}

u32 boot_memory_map(const struct guest_mem *mem, struct boot_range map[BOOT_RANGES])
{
	map[0] = (struct boot_range){0, mem->size, BOOT_RAM};
	map[1] = (struct boot_range){MEM_ECAM_BASE, MEM_ECAM_SIZE, BOOT_RESERVED};
	return 2;
}

/* ------------------------------------------------------------ the guest */

void *ram(u64 gpa)
{
	return vm.mem.host + gpa;
}

s64 make_call(bool wide, u32 cpl, u64 nr, u64 a, u64 b, u64 c)
{
	run[0].exit_reason = KVM_EXIT_XEN;
	run[0].xen.type = KVM_EXIT_XEN_HCALL;
	run[0].xen.u.hcall.longmode = wide;
	run[0].xen.u.hcall.cpl = cpl;
	run[0].xen.u.hcall.input = nr;
	run[0].xen.u.hcall.params[0] = a;
	run[0].xen.u.hcall.params[1] = b;
	run[0].xen.u.hcall.params[2] = c;
	xen_hypercall(&vcpus[0]);
	return (s64)run[0].xen.u.hcall.result;
}

s64 call(u64 nr, u64 a, void *record, size_t len)
{
	s64 ret;

	memcpy(ram(ARG), record, len);
	ret = make_call(true, 0, nr, a, ARG, 0);
	memcpy(record, ram(ARG), len);
	return ret;
}

void board_start(void)
{
	memset(vm.mem.host, 0, BOARD_RAM);
	memset(&told, 0, sizeof(told));
	memset(slot_gpa, 0, sizeof(slot_gpa));
	unknown = 0;
	ended = 0;
	if (xen_hvm_ops.boot(&xen))
		abort();
}

void board_create(void)
{
	log_init("unit", false);
	vm.cfg.vcpus = BOARD_VCPUS;
	vm.limit_mib = BOARD_RAM / MIB;
	vm.vcpu = vcpus;
	vm.xen = &xen;
	xen.vm = &vm;
	xen.ops = &xen_hvm_ops;
	pthread_mutex_init(&xen.grant_lock, NULL);
	for (u32 i = 0; i < BOARD_VCPUS; i++)
		vcpus[i] = (struct vcpu){.vm = &vm, .id = i, .run = &run[i]};
	if (mem_create(&vm.mem, BOARD_RAM, 0) || xen_hvm_ops.create(&xen))
		abort();
	board_start();
}

void board_destroy(void)
{
	xen_hvm_ops.destroy(&xen);
	mem_destroy(&vm.mem);
}
