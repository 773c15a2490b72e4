/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A PVH guest for the tests: memory, two vCPUs, and a hypervisor that takes note of
 * what it is told. Virtual addresses are physical ones.
 */
#ifndef HVM_BOARD_H
#define HVM_BOARD_H

#define __XEN_INTERFACE_VERSION__ __XEN_LATEST_INTERFACE_VERSION__

#include <stdint.h>
#include <string.h>
#include <xen/xen.h>
#include <xen/event_channel.h>

#include "vm.h"
#include "xen/hvm.h"
#include "xen/xen_internal.h"

#define BOARD_RAM   (8 * MIB)
#define BOARD_VCPUS 2
/* Where arguments of hypercalls lie, and the highest address that is mapped. */
#define ARG 0x10000ULL
#define TOP (64 * MIB)

extern struct vm vm;

/**
 * struct told - what the hypervisor has been told
 * @shared_info: frame
 * @vector: of the domain's upcalls
 * @vcpu_vector: of a vCPU's own
 * @vcpu_info: address, by vCPU
 * @runstate: likewise
 * @timer: port, by vCPU
 * @fd: eventfd, by port; 0 for none
 * @ipi: vCPU + 1, by port
 * @events: how many were sent
 * @port: the last one
 * @vcpu: its vCPU
 * @interrupts: messages with vectors
 * @slots: memory slots in use
 * @flag: VMASST_TYPE_runstate_update_flag
 */
struct told {
	u64 shared_info;
	u32 vector;
	u32 vcpu_vector[BOARD_VCPUS];
	u64 vcpu_info[BOARD_VCPUS];
	u64 runstate[BOARD_VCPUS];
	u32 timer[BOARD_VCPUS];
	int fd[XEN_PORTS];
	u32 ipi[XEN_PORTS];
	u32 events, port, vcpu;
	u32 interrupts;
	u32 slots;
	bool flag;
};

extern struct told told;

/* How many hypercalls the log has heard of, and how the guest has ended. */
extern u32 unknown, ended;

/* What the hypervisor can do: KVM_CAP_XEN_HVM. */
extern u32 xen_cap;

void board_create(void);
void board_start(void);
void board_destroy(void);

/* A hypercall of vCPU 0: in which mode, by whom. */
s64 make_call(bool wide, u32 cpl, u64 nr, u64 a, u64 b, u64 c);

/* One by the kernel whose argument @b is a record of @len bytes, at ARG. */
s64 call(u64 nr, u64 a, void *record, size_t len);

/* The guest's memory. */
void *ram(u64 gpa);

#define CALL(nr, a, record) call(nr, a, &(record), sizeof(record))

#endif /* HVM_BOARD_H */
