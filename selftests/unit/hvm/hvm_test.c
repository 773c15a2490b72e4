// SPDX-License-Identifier: GPL-2.0
/*
 * Hypercalls as PVH guests make them. On the workstation, under sanitizers; prints
 * TAP.
 */
#include <errno.h>
#include <stdio.h>

#include "board.h"

#include <xen/grant_table.h>
#include <xen/memory.h>
#include <xen/sched.h>
#include <xen/vcpu.h>
#include <xen/version.h>
#include <xen/features.h>
#include <xen/hvm/hvm_op.h>
#include <xen/hvm/params.h>

static int tests, failures;

#define CHECK(cond)                                                                                \
	do {                                                                                       \
		if (!(cond)) {                                                                     \
			printf("# line %d: %s\n", __LINE__, #cond);                                \
			return false;                                                              \
		}                                                                                  \
	} while (0)

static void run_test(const char *name, bool (*fn)(void))
{
	bool ok = fn();

	printf("%sok %d hvm: %s\n", ok ? "" : "not ", ++tests, name);
	failures += !ok;
	board_start();
}

#define TEST(fn) run_test(#fn, fn)

#define EVENT(op, record)  CALL(__HYPERVISOR_event_channel_op, op, record)
#define MEMORY(op, record) CALL(__HYPERVISOR_memory_op, op, record)

static s64 place(u32 space, u64 idx, u64 frame)
{
	struct xen_add_to_physmap op = {
		.domid = DOMID_SELF,
		.space = space,
		.idx = idx,
		.gpfn = frame,
	};

	return MEMORY(XENMEM_add_to_physmap, op);
}

#define SHARED 0x20ULL

static struct shared_info *shared(void)
{
	return ram(SHARED * GUEST_PAGE_SIZE);
}

/* ------------------------------------------------------------ who may call */

static bool callers(void)
{
	CHECK(make_call(true, 0, __HYPERVISOR_xen_version, XENVER_version, 0, 0) == XEN_VERSION);
	CHECK(make_call(true, 3, __HYPERVISOR_xen_version, XENVER_version, 0, 0) == -EPERM);
	CHECK(make_call(false, 0, __HYPERVISOR_xen_version, XENVER_version, 0, 0) == -ENOSYS);
	CHECK(!unknown);
	CHECK(make_call(true, 0, __HYPERVISOR_physdev_op, 0, 0, 0) == -ENOSYS && !unknown);
	CHECK(make_call(true, 0, 47, 0, 0, 0) == -ENOSYS && unknown == 1);
	CHECK(make_call(true, 0, ~0ULL, 0, 0, 0) == -ENOSYS && unknown == 2);
	/* Arguments that are not mapped, or no RAM, or half of it. */
	CHECK(make_call(true, 0, __HYPERVISOR_memory_op, XENMEM_memory_map, TOP, 0) == -EFAULT);
	CHECK(make_call(true, 0, __HYPERVISOR_memory_op, XENMEM_memory_map, ~0ULL, 0) == -EFAULT);
	CHECK(make_call(true, 0, __HYPERVISOR_memory_op, XENMEM_memory_map, BOARD_RAM - 8, 0) ==
	      -EFAULT);
	return true;
}

/* ------------------------------------------------------------ places */

static bool shared_info(void)
{
	CHECK(!place(XENMAPSPACE_shared_info, 0, SHARED));
	CHECK(told.shared_info == SHARED && !told.slots);
	CHECK(told.vcpu_info[0] == SHARED * GUEST_PAGE_SIZE);
	CHECK(told.vcpu_info[1] == SHARED * GUEST_PAGE_SIZE + sizeof(struct vcpu_info));
	shared()->evtchn_mask[0] = 5;
	/* Where no RAM is, a page of vmmd's has what the guest's had; and back. */
	CHECK(!place(XENMAPSPACE_shared_info, 0, TOP / GUEST_PAGE_SIZE));
	CHECK(told.slots == 1 && told.shared_info == TOP / GUEST_PAGE_SIZE);
	CHECK(!place(XENMAPSPACE_shared_info, 0, SHARED + 1));
	CHECK(!told.slots && *(u8 *)ram((SHARED + 1) * GUEST_PAGE_SIZE +
					offsetof(struct shared_info, evtchn_mask)) == 5);
	return true;
}

static bool places(void)
{
	struct xen_remove_from_physmap gone = {.domid = DOMID_SELF, .gpfn = 0x5000};
	struct xen_add_to_physmap op = {.domid = 7, .space = XENMAPSPACE_grant_table};

	CHECK(MEMORY(XENMEM_add_to_physmap, op) == -ESRCH);
	CHECK(place(XENMAPSPACE_shared_info, 1, SHARED) == -EINVAL);
	CHECK(place(XENMAPSPACE_grant_table, SHIM_GRANT_FRAMES, SHARED) == -EINVAL);
	CHECK(place(XENMAPSPACE_grant_table, ~0ULL, SHARED) == -EINVAL);
	CHECK(place(XENMAPSPACE_grant_table, 0, ~0ULL) == -EINVAL);
	CHECK(place(XENMAPSPACE_gmfn, 0, SHARED) == -EINVAL);
	/* Two pages at one frame, which is none of RAM. */
	CHECK(!place(XENMAPSPACE_grant_table, 0, 0x5000) && told.slots == 1);
	CHECK(!place(XENMAPSPACE_grant_table, 0, 0x5000) && told.slots == 1);
	CHECK(place(XENMAPSPACE_grant_table, 1, 0x5000) == -EEXIST && told.slots == 1);
	CHECK(!place(XENMAPSPACE_grant_table, 1, 0x5001) && told.slots == 2);
	CHECK(!MEMORY(XENMEM_remove_from_physmap, gone) && told.slots == 1);
	CHECK(MEMORY(XENMEM_remove_from_physmap, gone) == -EINVAL);
	gone.gpfn = ~0ULL;
	CHECK(MEMORY(XENMEM_remove_from_physmap, gone) == -EINVAL);
	return true;
}

static bool grants(void)
{
	const u32 per_page = GUEST_PAGE_SIZE / sizeof(grant_entry_v1_t);
	grant_entry_v1_t *table = ram(0x30 * GUEST_PAGE_SIZE);

	CHECK(!place(XENMAPSPACE_grant_table, 1, 0x30));
	table[3] = (grant_entry_v1_t){.flags = GTF_permit_access, .domid = 0, .frame = 0x40};
	CHECK(xen_grant_map(vm.xen, per_page + 3, true) == ram(0x40 * GUEST_PAGE_SIZE));
	CHECK(table[3].flags == (GTF_permit_access | GTF_reading | GTF_writing));
	/* The table moves, and the marks with it. */
	CHECK(!place(XENMAPSPACE_grant_table, 1, 0x31));
	table = ram(0x31 * GUEST_PAGE_SIZE);
	xen_grant_unmap(vm.xen, per_page + 3, true);
	CHECK(table[3].flags == GTF_permit_access);
	table[3].frame = BOARD_RAM / GUEST_PAGE_SIZE;
	CHECK(!xen_grant_map(vm.xen, per_page + 3, false));
	CHECK(!xen_grant_map(vm.xen, 3, false) && !xen_grant_map(vm.xen, ~0U, false));
	return true;
}

static bool grant_operations(void)
{
	struct gnttab_query_size size = {.dom = DOMID_SELF};
	struct gnttab_set_version version = {.version = 2};

	memcpy(ram(ARG), &size, sizeof(size));
	CHECK(!make_call(true, 0, __HYPERVISOR_grant_table_op, GNTTABOP_query_size, ARG, 1));
	memcpy(&size, ram(ARG), sizeof(size));
	CHECK(size.status == GNTST_okay && size.max_nr_frames == SHIM_GRANT_FRAMES);
	memcpy(ram(ARG), &version, sizeof(version));
	CHECK(make_call(true, 0, __HYPERVISOR_grant_table_op, GNTTABOP_set_version, ARG, 1) ==
	      -ENOSYS);
	CHECK(make_call(true, 0, __HYPERVISOR_grant_table_op, GNTTABOP_map_grant_ref, ARG, 1) ==
	      -ENOSYS);
	CHECK(make_call(true, 0, __HYPERVISOR_grant_table_op, GNTTABOP_query_size, ARG, 2) ==
	      -EINVAL);
	return true;
}

/* ------------------------------------------------------------ event channels */

static bool channels(void)
{
	struct evtchn_alloc_unbound alloc = {.dom = DOMID_SELF};
	struct evtchn_bind_vcpu vcpu;
	struct evtchn_close end;
	u32 port, other;

	CHECK(hvm_listen(vm.xen, 3, 33) == -EINVAL);
	CHECK(!EVENT(EVTCHNOP_alloc_unbound, alloc));
	port = alloc.port;
	CHECK(port == 3 && !hvm_listen(vm.xen, port, 33) && told.fd[port] == 33);
	CHECK(hvm_listen(vm.xen, port, 34) == -EINVAL);
	hvm_raise(vm.xen, port);
	CHECK(told.events == 1 && told.port == port && told.vcpu == 0);
	vcpu = (struct evtchn_bind_vcpu){.port = port, .vcpu = 1};
	CHECK(!EVENT(EVTCHNOP_bind_vcpu, vcpu));
	vcpu.vcpu = BOARD_VCPUS;
	CHECK(EVENT(EVTCHNOP_bind_vcpu, vcpu) == -ENOENT);
	hvm_raise(vm.xen, port);
	CHECK(told.events == 2 && told.vcpu == 1);
	/* Closed: no events, and nobody gets the port while somebody listens to it. */
	end.port = port;
	CHECK(!EVENT(EVTCHNOP_close, end) && !told.fd[port]);
	CHECK(EVENT(EVTCHNOP_close, end) == -EINVAL);
	hvm_raise(vm.xen, port);
	CHECK(told.events == 2);
	CHECK(!EVENT(EVTCHNOP_alloc_unbound, alloc));
	other = alloc.port;
	CHECK(other != port);
	hvm_unlisten(vm.xen, port, 33);
	CHECK(!EVENT(EVTCHNOP_alloc_unbound, alloc) && alloc.port == port);
	/* The two that are there from the start. */
	CHECK(!hvm_listen(vm.xen, XEN_PORT_STORE, 1) && !hvm_listen(vm.xen, XEN_PORT_CONSOLE, 2));
	hvm_unlisten(vm.xen, XEN_PORT_STORE, 1);
	CHECK(!told.fd[XEN_PORT_STORE] && !hvm_listen(vm.xen, XEN_PORT_STORE, 3));
	return true;
}

static bool foreign_channels(void)
{
	struct evtchn_alloc_unbound alloc = {.dom = DOMID_SELF, .remote_dom = 3};
	struct evtchn_bind_interdomain inter = {.remote_dom = 0, .remote_port = 1};
	struct evtchn_status status = {.dom = DOMID_SELF, .port = XEN_PORTS};
	struct evtchn_send event = {.port = XEN_PORTS};

	CHECK(EVENT(EVTCHNOP_alloc_unbound, alloc) == -ESRCH);
	alloc = (struct evtchn_alloc_unbound){.dom = 0};
	CHECK(EVENT(EVTCHNOP_alloc_unbound, alloc) == -EPERM);
	CHECK(EVENT(EVTCHNOP_bind_interdomain, inter) == -ENOSYS);
	CHECK(EVENT(EVTCHNOP_init_control, inter) == -ENOSYS && EVENT(~0ULL, inter) == -ENOSYS);
	CHECK(EVENT(EVTCHNOP_status, status) == -EINVAL);
	CHECK(EVENT(EVTCHNOP_send, event) == -EINVAL);
	event.port = 0;
	CHECK(EVENT(EVTCHNOP_send, event) == -EINVAL);
	return true;
}

static bool no_more_ports(void)
{
	struct evtchn_alloc_unbound alloc = {.dom = DOMID_SELF};
	u32 n = 0;

	while (!EVENT(EVTCHNOP_alloc_unbound, alloc))
		n++;
	CHECK(n == XEN_PORTS - 3 && EVENT(EVTCHNOP_alloc_unbound, alloc) == -ENOSPC);
	return true;
}

static bool virqs_and_ipis(void)
{
	struct evtchn_bind_virq timer = {.virq = VIRQ_TIMER, .vcpu = 1}, virq;
	struct evtchn_bind_ipi ipi = {.vcpu = 1};
	struct evtchn_bind_vcpu move;
	struct evtchn_close end;

	CHECK(!EVENT(EVTCHNOP_bind_virq, timer) && told.timer[1] == timer.port && !told.timer[0]);
	virq = timer;
	CHECK(EVENT(EVTCHNOP_bind_virq, virq) == -EEXIST);
	virq = (struct evtchn_bind_virq){.virq = NR_VIRQS};
	CHECK(EVENT(EVTCHNOP_bind_virq, virq) == -EINVAL);
	virq = (struct evtchn_bind_virq){.virq = VIRQ_CONSOLE, .vcpu = 1};
	CHECK(EVENT(EVTCHNOP_bind_virq, virq) == -EINVAL);
	virq = (struct evtchn_bind_virq){.virq = VIRQ_TIMER, .vcpu = BOARD_VCPUS};
	CHECK(EVENT(EVTCHNOP_bind_virq, virq) == -ENOENT);
	CHECK(!EVENT(EVTCHNOP_bind_ipi, ipi) && told.ipi[ipi.port] == 2);
	move = (struct evtchn_bind_vcpu){.port = ipi.port};
	CHECK(EVENT(EVTCHNOP_bind_vcpu, move) == -EINVAL);
	move.port = timer.port;
	CHECK(EVENT(EVTCHNOP_bind_vcpu, move) == -EINVAL);
	end.port = ipi.port;
	CHECK(!EVENT(EVTCHNOP_close, end) && !told.ipi[ipi.port]);
	end.port = timer.port;
	CHECK(!EVENT(EVTCHNOP_close, end) && !told.timer[1]);
	return true;
}

static bool unmasking(void)
{
	struct evtchn_alloc_unbound alloc = {.dom = DOMID_SELF};
	struct evtchn_unmask op;

	CHECK(!place(XENMAPSPACE_shared_info, 0, SHARED));
	CHECK(!EVENT(EVTCHNOP_alloc_unbound, alloc));
	op.port = alloc.port;
	/* Not masked, or not pending: there is nothing to tell. */
	shared()->evtchn_pending[0] = 1UL << op.port;
	CHECK(!EVENT(EVTCHNOP_unmask, op) && !told.events);
	shared()->evtchn_pending[0] = 0;
	shared()->evtchn_mask[0] = 1UL << op.port;
	CHECK(!EVENT(EVTCHNOP_unmask, op) && !told.events && !shared()->evtchn_mask[0]);
	shared()->evtchn_pending[0] = ~0UL;
	shared()->evtchn_mask[0] = ~0UL;
	CHECK(!EVENT(EVTCHNOP_unmask, op) && told.events == 1 && told.port == op.port);
	/* The hypervisor is to set the bit, and finds it clear. */
	CHECK(shared()->evtchn_pending[0] == ~(1UL << op.port));
	CHECK(shared()->evtchn_mask[0] == ~(1UL << op.port));
	return true;
}

/* ------------------------------------------------------------ vCPUs */

static s64 vcpu_op(u64 op, u64 vcpu, const void *record, size_t len)
{
	memcpy(ram(ARG), record, len);
	return make_call(true, 0, __HYPERVISOR_vcpu_op, op, vcpu, ARG);
}

static bool vcpu_infos(void)
{
	struct vcpu_register_vcpu_info op = {.mfn = 0x50, .offset = 0x100};
	struct xen_hvm_evtchn_upcall_vector upcall = {.vcpu = 1, .vector = 0xf3};
	struct vcpu_info *info = ram(0x50100);

	CHECK(!place(XENMAPSPACE_shared_info, 0, SHARED));
	shared()->vcpu_info[1].evtchn_upcall_mask = 1;
	CHECK(!vcpu_op(VCPUOP_register_vcpu_info, 1, &op, sizeof(op)));
	CHECK(told.vcpu_info[1] == 0x50100 && info->evtchn_upcall_mask == 1);
	/* The hypervisor tells of a word only once: no bit is set without an interrupt. */
	CHECK(!info->evtchn_upcall_pending && !info->evtchn_pending_sel && !told.interrupts);
	info->evtchn_pending_sel = 4;
	CHECK(!CALL(__HYPERVISOR_hvm_op, HVMOP_set_evtchn_upcall_vector, upcall));
	op.offset = 0x200;
	CHECK(!vcpu_op(VCPUOP_register_vcpu_info, 1, &op, sizeof(op)));
	info = ram(0x50200);
	CHECK(info->evtchn_upcall_pending && info->evtchn_pending_sel == 4 && told.interrupts == 1);
	/* It stays there when shared_info moves. */
	CHECK(!place(XENMAPSPACE_shared_info, 0, SHARED + 1) && told.vcpu_info[1] == 0x50200);
	op.offset = 0x104;
	CHECK(vcpu_op(VCPUOP_register_vcpu_info, 0, &op, sizeof(op)) == -EINVAL);
	op.offset = GUEST_PAGE_SIZE - 8;
	CHECK(vcpu_op(VCPUOP_register_vcpu_info, 0, &op, sizeof(op)) == -EINVAL);
	op = (struct vcpu_register_vcpu_info){.mfn = 0x5000};
	CHECK(vcpu_op(VCPUOP_register_vcpu_info, 0, &op, sizeof(op)) == -EINVAL);
	op.mfn = ~0ULL;
	CHECK(vcpu_op(VCPUOP_register_vcpu_info, 0, &op, sizeof(op)) == -EINVAL);
	CHECK(vcpu_op(VCPUOP_register_vcpu_info, BOARD_VCPUS, &op, sizeof(op)) == -ENOENT);
	CHECK(vcpu_op(VCPUOP_initialise, 1, &op, sizeof(op)) == -ENOSYS);
	return true;
}

static bool areas(void)
{
	u64 gva = 0x60010;

	CHECK(!vcpu_op(VCPUOP_register_runstate_memory_area, 1, &gva, sizeof(gva)));
	CHECK(told.runstate[1] == gva);
	gva = 0;
	CHECK(!vcpu_op(VCPUOP_register_runstate_memory_area, 1, &gva, sizeof(gva)));
	CHECK(told.runstate[1] == KVM_XEN_INVALID_GPA);
	gva = TOP - 1;
	CHECK(vcpu_op(VCPUOP_register_runstate_memory_area, 1, &gva, sizeof(gva)) == -EFAULT);
	gva = ~0ULL;
	CHECK(vcpu_op(VCPUOP_register_vcpu_time_memory_area, 1, &gva, sizeof(gva)) == -EFAULT);
	return true;
}

/* ------------------------------------------------------------ memory */

static s64 reserve(u64 op, u64 first, u64 n, u32 order)
{
	struct xen_memory_reservation r = {
		.nr_extents = n,
		.extent_order = order,
		.domid = DOMID_SELF,
	};
	u64 *list = ram(0x100000), i;

	for (i = 0; i < n && i < 4096; i++)
		list[i] = first + (i << order);
	r.extent_start.p = (void *)0x100000;
	return MEMORY(op, r);
}

static u64 left(void)
{
	return xen_hvm_ops.pages_left(vm.xen);
}

static bool balloon(void)
{
	const u64 end = BOARD_RAM / GUEST_PAGE_SIZE;
	domid_t self = DOMID_SELF;

	*(u8 *)ram(0x400000) = 1;
	CHECK(reserve(XENMEM_decrease_reservation, 0x400, 600, 0) == 600 && left() == 600);
	CHECK(!*(u8 *)ram(0x400000));
	/* Given already; no RAM; an address that wraps. */
	CHECK(!reserve(XENMEM_decrease_reservation, 0x400, 1, 0) && left() == 600);
	CHECK(reserve(XENMEM_decrease_reservation, end - 2, 4, 0) == 2 && left() == 602);
	CHECK(!reserve(XENMEM_decrease_reservation, ~0ULL >> 12, 1, 0));
	CHECK(!reserve(XENMEM_decrease_reservation, ~0ULL, 1, 0));
	CHECK(MEMORY(XENMEM_current_reservation, self) == (s64)end - 602);
	/* What has not been given cannot be had. */
	CHECK(!reserve(XENMEM_populate_physmap, 0x300, 1, 0));
	CHECK(reserve(XENMEM_populate_physmap, 0x400, 601, 0) == 600 && left() == 2);
	CHECK(reserve(XENMEM_decrease_reservation, 0x400, 1, 9) == 1 && left() == 514);
	CHECK(!reserve(XENMEM_decrease_reservation, 0x600, 1, 10));
	/* No more than the guest may have. */
	vm.limit_mib = BOARD_RAM / MIB - 1;
	CHECK(reserve(XENMEM_populate_physmap, 0x400, 512, 0) == 514 - 256 && left() == 256);
	vm.limit_mib = BOARD_RAM / MIB;
	/* Longer than the list. */
	CHECK(reserve(XENMEM_decrease_reservation, 0, ~0ULL, 0) >= 0);
	return true;
}

static bool memory_map(void)
{
	struct xen_memory_map map = {.nr_entries = 1};
	u64 *entry = ram(0x200000);

	map.buffer.p = (void *)0x200000;
	CHECK(!MEMORY(XENMEM_memory_map, map) && map.nr_entries == 1);
	CHECK(entry[1] == BOARD_RAM && entry[3] == 0);
	map.nr_entries = 128;
	CHECK(!MEMORY(XENMEM_memory_map, map) && map.nr_entries == 2);
	map.buffer.p = (void *)TOP;
	CHECK(MEMORY(XENMEM_memory_map, map) == -EFAULT);
	return true;
}

/* ------------------------------------------------------------ others */

static s64 set_param(u32 index, u64 value)
{
	struct xen_hvm_param op = {.domid = DOMID_SELF, .index = index, .value = value};

	return CALL(__HYPERVISOR_hvm_op, HVMOP_set_param, op);
}

static bool params(void)
{
	struct xen_hvm_param get = {.domid = DOMID_SELF, .index = HVM_PARAM_STORE_EVTCHN};
	struct xen_hvm_evtchn_upcall_vector upcall = {.vcpu = 1, .vector = 0xf3};

	CHECK(!CALL(__HYPERVISOR_hvm_op, HVMOP_get_param, get) && get.value == XEN_PORT_STORE);
	get.index = HVM_PARAM_VM86_TSS;
	CHECK(CALL(__HYPERVISOR_hvm_op, HVMOP_get_param, get) == -EINVAL);
	CHECK(!set_param(HVM_PARAM_CALLBACK_IRQ, 2ULL << 56 | 0xf3) && told.vector == 0xf3);
	CHECK(set_param(HVM_PARAM_CALLBACK_IRQ, 2ULL << 56 | 3) == -EINVAL && told.vector == 0xf3);
	CHECK(set_param(HVM_PARAM_CALLBACK_IRQ, 1ULL << 56) == -EINVAL);
	CHECK(!set_param(HVM_PARAM_CALLBACK_IRQ, 0) && !told.vector);
	/* A line is for show, and for who has vectors: see below. */
	CHECK(set_param(HVM_PARAM_CALLBACK_IRQ, 1) == -EINVAL);
	CHECK(set_param(HVM_PARAM_STORE_PFN, 1) == -EPERM);
	CHECK(!CALL(__HYPERVISOR_hvm_op, HVMOP_set_evtchn_upcall_vector, upcall));
	CHECK(told.vcpu_vector[1] == 0xf3);
	upcall.vcpu = 0;
	CHECK(!CALL(__HYPERVISOR_hvm_op, HVMOP_set_evtchn_upcall_vector, upcall));
	CHECK(!set_param(HVM_PARAM_CALLBACK_IRQ, 1) && !told.vector);
	CHECK(set_param(HVM_PARAM_CALLBACK_IRQ, 1ULL << 56) == -EINVAL);
	upcall.vector = 2;
	CHECK(CALL(__HYPERVISOR_hvm_op, HVMOP_set_evtchn_upcall_vector, upcall) == -EINVAL);
	upcall.vcpu = BOARD_VCPUS;
	CHECK(CALL(__HYPERVISOR_hvm_op, HVMOP_set_evtchn_upcall_vector, upcall) == -ENOENT);
	return true;
}

static bool ends(void)
{
	struct sched_shutdown op = {.reason = SHUTDOWN_suspend};

	CHECK(CALL(__HYPERVISOR_sched_op, SCHEDOP_shutdown, op) == 1 && !ended);
	op.reason = SHUTDOWN_poweroff;
	CHECK(!CALL(__HYPERVISOR_sched_op, SCHEDOP_shutdown, op) && ended == SHUTDOWN_poweroff + 1);
	return true;
}

static bool features(void)
{
	struct xen_feature_info info = {.submap_idx = 0};

	CHECK(!CALL(__HYPERVISOR_xen_version, XENVER_get_features, info));
	CHECK(info.submap & 1U << XENFEAT_hvm_callback_vector);
	CHECK(info.submap & 1U << XENFEAT_auto_translated_physmap);
	info.submap_idx = 1;
	CHECK(!CALL(__HYPERVISOR_xen_version, XENVER_get_features, info) && !info.submap);
	CHECK(!make_call(true, 0, __HYPERVISOR_vm_assist, VMASST_CMD_enable,
			 VMASST_TYPE_runstate_update_flag, 0) &&
	      told.flag);
	CHECK(make_call(true, 0, __HYPERVISOR_vm_assist, VMASST_CMD_enable,
			VMASST_TYPE_4gb_segments, 0) == -EINVAL);
	return true;
}

/* A node without what is needed. */
static bool no_interface(void)
{
	struct xen other = {.vm = &vm, .ops = &xen_hvm_ops};

	xen_cap &= ~(u32)KVM_XEN_HVM_CONFIG_EVTCHN_SEND;
	CHECK(xen_hvm_ops.create(&other) == -EOPNOTSUPP && !other.hvm);
	xen_cap = 0;
	CHECK(xen_hvm_ops.create(&other) == -EOPNOTSUPP && !other.hvm);
	xen_hvm_ops.destroy(&other);
	return true;
}

int main(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	printf("TAP version 13\n");
	board_create();
	TEST(callers);
	TEST(shared_info);
	TEST(places);
	TEST(grants);
	TEST(grant_operations);
	TEST(channels);
	TEST(foreign_channels);
	TEST(no_more_ports);
	TEST(virqs_and_ipis);
	TEST(unmasking);
	TEST(vcpu_infos);
	TEST(areas);
	TEST(balloon);
	TEST(memory_map);
	TEST(params);
	TEST(ends);
	TEST(features);
	TEST(no_interface);
	board_destroy();
	printf("1..%d\n", tests);
	return failures != 0;
}
