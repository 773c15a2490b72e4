/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the tests of KVM's Xen HVM interface share: the calls, and a VM that has
 * been told of a 64-bit guest with its shared_info at SHARED.
 */
#ifndef KVMABI_XEN_H
#define KVMABI_XEN_H

/* The records as they are now. */
#define __XEN_INTERFACE_VERSION__ 0x00040e00

#include "guest.h"
#include "harness.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/wait.h>
#include <unistd.h>
#include <xen/xen.h>
#include <xen/event_channel.h>
#include <xen/sched.h>
#include <xen/vcpu.h>
#include <xen/version.h>

#define MSR	 0x40000000
#define VECTOR	 0x55
#define SHARED	 KV_DATA
#define ARG	 (KV_DATA + 0x1000) /* the guest's records */
#define TIME	 (KV_DATA + 0x2000)
#define RUNSTATE (KV_DATA + 0x3fe0) /* on two pages */
#define PAGE	 (KV_DATA + 0x5000)
#define PRIO	 KVM_IRQ_ROUTING_XEN_EVTCHN_PRIO_2LEVEL
#define PORT	 70
#define GSI	 40
#define MS	 1000000ULL

#define SHARED_INFO ((volatile struct shared_info *)SHARED)

FIXTURE(xen)
{
	struct kv_vm *vm;
	struct kv_vcpu *vcpu;
	volatile struct shared_info *shared;
	volatile struct vcpu_info *info;
};

static inline int config(struct kv_vm *vm, u32 flags, u32 msr)
{
	struct kvm_xen_hvm_config c = {.flags = flags, .msr = msr};

	return ioctl(vm->fd, KVM_XEN_HVM_CONFIG, &c);
}

/* All values of attributes but event channels and times fit the first word. */
static inline int set(struct kv_vm *vm, u16 type, u64 value)
{
	struct kvm_xen_hvm_attr attr = {.type = type, .u.pad[0] = value};

	return ioctl(vm->fd, KVM_XEN_HVM_SET_ATTR, &attr);
}

static inline u64 get(struct kv_vm *vm, u16 type)
{
	struct kvm_xen_hvm_attr attr = {.type = type, .u.pad[0] = 0x5555};

	if (ioctl(vm->fd, KVM_XEN_HVM_GET_ATTR, &attr))
		return 0xdeadbeef;
	return attr.u.pad[0];
}

static inline int vset(struct kv_vcpu *vcpu, u16 type, u64 value)
{
	struct kvm_xen_vcpu_attr attr = {.type = type, .u.pad[0] = value};

	return ioctl(vcpu->fd, KVM_XEN_VCPU_SET_ATTR, &attr);
}

static inline u64 vget(struct kv_vcpu *vcpu, u16 type)
{
	struct kvm_xen_vcpu_attr attr = {.type = type, .u.pad[0] = 0x5555};

	if (ioctl(vcpu->fd, KVM_XEN_VCPU_GET_ATTR, &attr))
		return 0xdeadbeef;
	return attr.u.pad[0];
}

static inline int timer(struct kv_vcpu *vcpu, u32 port, u32 priority, u64 expires)
{
	struct kvm_xen_vcpu_attr attr = {
		.type = KVM_XEN_VCPU_ATTR_TYPE_TIMER,
		.u.timer = {.port = port, .priority = priority, .expires_ns = expires}};

	return ioctl(vcpu->fd, KVM_XEN_VCPU_SET_ATTR, &attr);
}

static inline u64 timer_expires(struct kv_vcpu *vcpu)
{
	struct kvm_xen_vcpu_attr attr = {.type = KVM_XEN_VCPU_ATTR_TYPE_TIMER};

	if (ioctl(vcpu->fd, KVM_XEN_VCPU_GET_ATTR, &attr))
		kv_die("KVM_XEN_VCPU_GET_ATTR: %s", strerror(errno));
	return attr.u.timer.expires_ns;
}

static inline int runstate(struct kv_vcpu *vcpu, u16 type, u64 state, u64 running, u64 blocked,
			   u64 sum)
{
	struct kvm_xen_vcpu_attr attr = {.type = type,
					 .u.runstate = {.state = state,
							.state_entry_time = sum,
							.time_running = running,
							.time_blocked = blocked}};

	return ioctl(vcpu->fd, KVM_XEN_VCPU_SET_ATTR, &attr);
}

static inline int send_event(struct kv_vm *vm, u32 vcpu, u32 port, u32 priority)
{
	struct kvm_irq_routing_xen_evtchn e = {.port = port, .vcpu = vcpu, .priority = priority};

	return ioctl(vm->fd, KVM_XEN_HVM_EVTCHN_SEND, &e);
}

static inline int outbound(struct kv_vm *vm, u32 flags, u32 send, u32 type, u32 port, u32 vcpu)
{
	struct kvm_xen_hvm_attr attr = {
		.type = KVM_XEN_ATTR_TYPE_EVTCHN,
		.u.evtchn = {.send_port = send,
			     .type = type,
			     .flags = flags,
			     .deliver.port = {.port = port, .vcpu = vcpu, .priority = PRIO}}};

	return ioctl(vm->fd, KVM_XEN_HVM_SET_ATTR, &attr);
}

static inline int outbound_fd(struct kv_vm *vm, u32 send, int fd)
{
	struct kvm_xen_hvm_attr attr = {.type = KVM_XEN_ATTR_TYPE_EVTCHN,
					.u.evtchn = {.send_port = send,
						     .type = EVTCHNSTAT_interdomain,
						     .deliver.eventfd.fd = fd}};

	return ioctl(vm->fd, KVM_XEN_HVM_SET_ATTR, &attr);
}

static inline int route(struct kv_vm *vm, u32 vcpu, u32 port, u32 priority)
{
	struct {
		struct kvm_irq_routing head;
		struct kvm_irq_routing_entry entry;
	} routes = {.head.nr = 1,
		    .entry = {.gsi = GSI,
			      .type = KVM_IRQ_ROUTING_XEN_EVTCHN,
			      .u.xen_evtchn = {.port = port, .vcpu = vcpu, .priority = priority}}};

	return ioctl(vm->fd, KVM_SET_GSI_ROUTING, &routes);
}

static inline u64 now(struct kv_vm *vm)
{
	struct kvm_clock_data data;

	if (ioctl(vm->fd, KVM_GET_CLOCK, &data))
		kv_die("KVM_GET_CLOCK: %s", strerror(errno));
	return data.clock;
}

static __guest void on_upcall(struct kv_frame64 *frame)
{
	volatile struct vcpu_info *info = &SHARED_INFO->vcpu_info[0];
	u64 sel, pending;

	(void)frame;
	info->evtchn_upcall_pending = 0;
	sel = __atomic_exchange_n((u64 *)&info->evtchn_pending_sel, 0, __ATOMIC_SEQ_CST);
	pending = __atomic_exchange_n((u64 *)&SHARED_INFO->evtchn_pending[1], 0, __ATOMIC_SEQ_CST);
	guest_sync2(0x1000, sel, pending);
}

__guest_inline u64 xen_call(u64 nr, u64 a, u64 b, u64 c)
{
	register u64 r10 asm("r10") = 0x44;
	register u64 r8 asm("r8") = 0x55;
	register u64 r9 asm("r9") = 0x66;
	u64 ret;

	asm volatile("call *%1"
		     : "=a"(ret)
		     : "r"(PAGE + nr * 32), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
		     : "rcx", "r11", "memory");
	return ret;
}

static __guest void halting(void)
{
	guest_sync(1);
	for (;;)
		guest_sti_hlt();
}

FIXTURE_SETUP(xen)
{
	self->vm = kv_vm_new_irqchip(0);
	self->vcpu = kv_vcpu_new(self->vm, 0);
	self->shared = kv_gpa(self->vm, SHARED, sizeof(struct shared_info));
	self->info = &self->shared->vcpu_info[0];
	kv_enter(self->vcpu, on_upcall, 0, 0);
	kv_handler(self->vm, VECTOR, on_upcall);
	ASSERT_EQ(0,
		  config(self->vm,
			 KVM_XEN_HVM_CONFIG_INTERCEPT_HCALL | KVM_XEN_HVM_CONFIG_EVTCHN_SEND, MSR));
	ASSERT_EQ(0, set(self->vm, KVM_XEN_ATTR_TYPE_LONG_MODE, 1));
	ASSERT_EQ(0, set(self->vm, KVM_XEN_ATTR_TYPE_SHARED_INFO, SHARED >> 12));
	ASSERT_EQ(0, set(self->vm, KVM_XEN_ATTR_TYPE_UPCALL_VECTOR, VECTOR));
	ASSERT_EQ(0, vset(self->vcpu, KVM_XEN_VCPU_ATTR_TYPE_VCPU_INFO, SHARED));
}

FIXTURE_TEARDOWN(xen)
{
	kv_vcpu_free(self->vcpu);
	kv_vm_free(self->vm);
}

#endif /* KVMABI_XEN_H */
