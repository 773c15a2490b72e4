// SPDX-License-Identifier: GPL-2.0
/*
 * libFuzzer makes hypercalls with records of its own, and back ends come and go
 * meanwhile. The hypervisor of the board aborts at what it should not be told.
 */
#include "board.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

static u64 word(const u8 **data, size_t *size, u32 bytes)
{
	u64 value = 0;

	for (u32 i = 0; i < bytes && *size; i++, (*size)--)
		value = value << 8 | *(*data)++;
	return value;
}

static void act(const u8 **data, size_t *size)
{
	static const u8 calls[] = {
		__HYPERVISOR_memory_op, __HYPERVISOR_event_channel_op, __HYPERVISOR_grant_table_op,
		__HYPERVISOR_hvm_op,	__HYPERVISOR_vcpu_op,	       __HYPERVISOR_xen_version,
		__HYPERVISOR_sched_op,	__HYPERVISOR_vm_assist,	       __HYPERVISOR_console_io,
	};
	u8 what = (u8)word(data, size, 1);
	u64 op = word(data, size, 1), third = word(data, size, 1);
	u32 port = (u32)third % XEN_PORTS;
	u8 *arg = ram(ARG);

	if (what % 16 == 15) {
		if (hvm_listen(vm.xen, port, 9))
			hvm_unlisten(vm.xen, port, 9);
		hvm_raise(vm.xen, port);
		return;
	}
	for (u32 i = 0; i < 32; i++)
		arg[i] = (u8)word(data, size, 1);
	/* An address of a list now and then. */
	if (what & 0x10)
		memcpy(arg, &(u64){ARG + 8}, sizeof(u64));
	what = calls[what % ARRAY_SIZE(calls)];
	if (what == __HYPERVISOR_vcpu_op)
		make_call(true, 0, what, op, third, ARG);
	else
		make_call(true, 0, what, op, ARG, third);
	if (what == __HYPERVISOR_grant_table_op) {
		if (xen_grant_map(vm.xen, port, op & 1))
			xen_grant_unmap(vm.xen, port, op & 1);
	}
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	static bool made;

	if (!made)
		board_create();
	made = true;
	board_start();
	while (size)
		act(&data, &size);
	return 0;
}
