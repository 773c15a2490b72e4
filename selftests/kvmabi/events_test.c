// SPDX-License-Identifier: GPL-2.0
/*
 * What later generations of the ABI tell of a stopped vCPU: KVM_GET_SREGS2,
 * exceptions that wait with what they will change, triple faults.
 */
#include <string.h>

#include "guest.h"
#include "harness.h"

#define COMMON offsetof(struct kvm_sregs2, flags)
#define DR6_BS (1UL << 14)
/* No CPU marks these entries as used: QEMU's emulation of nested paging does. */
#define EMULATORS 0x20UL

FIXTURE(events)
{
	struct kv_vm *vm;
	struct kv_vcpu *vcpu;
};

FIXTURE_SETUP(events)
{
	self->vm = kv_vm_new_irqchip(0);
	self->vcpu = kv_vcpu_new(self->vm, 0);
}

FIXTURE_TEARDOWN(events)
{
	kv_vcpu_free(self->vcpu);
	kv_vm_free(self->vm);
}

static int enable(struct kv_vm *vm, u32 cap, u64 arg)
{
	struct kvm_enable_cap enable = {.cap = cap, .args = {arg}};

	return ioctl(vm->fd, KVM_ENABLE_CAP, &enable);
}

static struct kvm_vcpu_events get_events(struct kv_vcpu *vcpu)
{
	struct kvm_vcpu_events events;

	if (ioctl(vcpu->fd, KVM_GET_VCPU_EVENTS, &events))
		kv_die("KVM_GET_VCPU_EVENTS: %s", strerror(errno));
	return events;
}

/* ------------------------------------------------------------ KVM_GET_SREGS2 */

GUEST_BLOB(two_syncs, ".code32\n"
		      "mov $1, %eax\n outl %eax, $0xf0\n"
		      "mov %cr3, %eax\n mov %eax, %cr3\n mov $2, %eax\n outl %eax, $0xf0\n"
		      "xorl %eax, %eax\n outl %eax, $0xf1\n");

TEST_F(events, sregs2_pae)
{
	struct kvm_sregs2 sregs2, back;
	struct kvm_sregs sregs;
	const u64 *top;
	int i, n;

	ASSERT_EQ(1, kv_cap(KVM_CAP_SREGS2));
	KV_LOAD_BLOB(self->vm, KV_CODE, two_syncs);
	kv_enter_mode(self->vcpu, KV_PAE, KV_CODE, 0, 0);
	for (i = 1; i <= 2; i++) {
		ASSERT_SYNC(self->vcpu, i);
		ASSERT_EQ(0, ioctl(self->vcpu->fd, KVM_GET_SREGS2, &sregs2));
		sregs = kv_sregs(self->vcpu);
		EXPECT_EQ(0, memcmp(&sregs, &sregs2, COMMON));
		EXPECT_EQ(KVM_SREGS2_FLAGS_PDPTRS_VALID, sregs2.flags);
		top = kv_gpa(self->vm, sregs.cr3, 32);
		for (n = 0; n < 4; n++)
			EXPECT_EQ(0, (sregs2.pdptrs[n] ^ top[n]) & ~EMULATORS);
		ASSERT_EQ(0, ioctl(self->vcpu->fd, KVM_SET_SREGS2, &sregs2));
		ASSERT_EQ(0, ioctl(self->vcpu->fd, KVM_GET_SREGS2, &back));
		EXPECT_EQ(0, memcmp(&back, &sregs2, sizeof(back)));
	}
	ASSERT_DONE(self->vcpu);
}

/* On Intel the CPU keeps them: what memory holds meanwhile is another matter. */
TEST_F(events, sregs2_keeps_pdptrs)
{
	struct kvm_sregs2 sregs2;
	u64 *top;

	if (!kv_intel())
		SKIP(return, "AMD's CPUs read them from memory");
	KV_LOAD_BLOB(self->vm, KV_CODE, two_syncs);
	kv_enter_mode(self->vcpu, KV_PAE, KV_CODE, 0, 0);
	ASSERT_SYNC(self->vcpu, 1);
	top = kv_gpa(self->vm, kv_sregs(self->vcpu).cr3, 32);
	top[3] = 0;
	ASSERT_EQ(0, ioctl(self->vcpu->fd, KVM_GET_SREGS2, &sregs2));
	EXPECT_NE(0, sregs2.pdptrs[3]);
	ASSERT_EQ(0, ioctl(self->vcpu->fd, KVM_SET_SREGS2, &sregs2));
	memset(&sregs2, 0, sizeof(sregs2));
	ASSERT_EQ(0, ioctl(self->vcpu->fd, KVM_GET_SREGS2, &sregs2));
	EXPECT_NE(0, sregs2.pdptrs[3]);
	/* Then it loads CR3. */
	ASSERT_SYNC(self->vcpu, 2);
	ASSERT_EQ(0, ioctl(self->vcpu->fd, KVM_GET_SREGS2, &sregs2));
	EXPECT_EQ(0, sregs2.pdptrs[3]);
}

static __guest void nothing(void)
{
	guest_sync(1);
	guest_done();
}

TEST_F(events, sregs2_long)
{
	struct kvm_sregs2 sregs2;

	kv_enter(self->vcpu, nothing, 0, 0);
	ASSERT_EQ(0, ioctl(self->vcpu->fd, KVM_GET_SREGS2, &sregs2));
	EXPECT_EQ(0, sregs2.flags);
	ASSERT_EQ(0, ioctl(self->vcpu->fd, KVM_SET_SREGS2, &sregs2));
	ASSERT_SYNC(self->vcpu, 1);
	sregs2.flags = 2;
	EXPECT_ERRNO(EINVAL, ioctl(self->vcpu->fd, KVM_SET_SREGS2, &sregs2));
	sregs2.flags = 0;
	sregs2.cr0 = 1UL << 31; /* paging without protection */
	EXPECT_ERRNO(EINVAL, ioctl(self->vcpu->fd, KVM_SET_SREGS2, &sregs2));
	EXPECT_ERRNO(EFAULT, ioctl(self->vcpu->fd, KVM_GET_SREGS2, NULL));
	EXPECT_ERRNO(EFAULT, ioctl(self->vcpu->fd, KVM_SET_SREGS2, NULL));
	ASSERT_DONE(self->vcpu);
}

/* -------------------------------------------------------- exception payloads */

TEST_F(events, payload_of_a_page_fault)
{
	struct kvm_vcpu_events events;

	ASSERT_EQ(1, kv_cap(KVM_CAP_EXCEPTION_PAYLOAD));
	ASSERT_EQ(0, enable(self->vm, KVM_CAP_EXCEPTION_PAYLOAD, 1));
	kv_enter(self->vcpu, nothing, 0, 0);
	ASSERT_SYNC(self->vcpu, 1);
	events = get_events(self->vcpu);
	EXPECT_TRUE(events.flags & KVM_VCPUEVENT_VALID_PAYLOAD);
	events.exception.pending = 1;
	events.exception.nr = 14;
	events.exception.has_error_code = 1;
	events.exception.error_code = 2;
	events.exception_has_payload = 1;
	events.exception_payload = 0x12345678;
	ASSERT_EQ(0, ioctl(self->vcpu->fd, KVM_SET_VCPU_EVENTS, &events));
	events = get_events(self->vcpu);
	EXPECT_EQ(1, events.exception.pending);
	EXPECT_EQ(0, events.exception.injected);
	EXPECT_EQ(14, events.exception.nr);
	/* Whether it is told as still to come or has been done. */
	EXPECT_EQ(0x12345678, events.exception_has_payload ? events.exception_payload
							   : kv_sregs(self->vcpu).cr2);
	ASSERT_TRAP(self->vcpu, 14);
	EXPECT_EQ(0x12345678, kv_trap_get(self->vcpu).cr2);
	EXPECT_EQ(2, kv_trap_get(self->vcpu).error);
}

TEST_F(events, payload_of_a_debug_exception)
{
	struct kvm_debugregs debug;
	struct kvm_vcpu_events events;

	ASSERT_EQ(0, enable(self->vm, KVM_CAP_EXCEPTION_PAYLOAD, 1));
	kv_enter(self->vcpu, nothing, 0, 0);
	ASSERT_SYNC(self->vcpu, 1);
	events = get_events(self->vcpu);
	events.exception.pending = 1;
	events.exception.nr = 1;
	events.exception_has_payload = 1;
	events.exception_payload = DR6_BS;
	ASSERT_EQ(0, ioctl(self->vcpu->fd, KVM_SET_VCPU_EVENTS, &events));
	ASSERT_TRAP(self->vcpu, 1);
	ASSERT_EQ(0, ioctl(self->vcpu->fd, KVM_GET_DEBUGREGS, &debug));
	EXPECT_EQ(DR6_BS, debug.dr6 & (DR6_BS | 0xf));
}

/* Without the capability there is one kind of exception only: under delivery. */
TEST_F(events, no_payload)
{
	struct kvm_vcpu_events events;

	kv_enter(self->vcpu, nothing, 0, 0);
	ASSERT_SYNC(self->vcpu, 1);
	events = get_events(self->vcpu);
	EXPECT_FALSE(events.flags & KVM_VCPUEVENT_VALID_PAYLOAD);
	events.exception.pending = 1;
	events.exception.nr = 6;
	ASSERT_EQ(0, ioctl(self->vcpu->fd, KVM_SET_VCPU_EVENTS, &events));
	ASSERT_EQ(0, get_events(self->vcpu).exception.injected);
	ASSERT_DONE(self->vcpu);
}

/* -------------------------------------------------------------- triple faults */

TEST_F(events, triple_fault)
{
	struct kvm_vcpu_events events;

	ASSERT_EQ(1, kv_cap(KVM_CAP_X86_TRIPLE_FAULT_EVENT));
	events = get_events(self->vcpu);
	events.flags |= KVM_VCPUEVENT_VALID_TRIPLE_FAULT;
	EXPECT_ERRNO(EINVAL, ioctl(self->vcpu->fd, KVM_SET_VCPU_EVENTS, &events));
	ASSERT_EQ(0, enable(self->vm, KVM_CAP_X86_TRIPLE_FAULT_EVENT, 1));
	kv_enter(self->vcpu, nothing, 0, 0);
	events = get_events(self->vcpu);
	EXPECT_TRUE(events.flags & KVM_VCPUEVENT_VALID_TRIPLE_FAULT);
	EXPECT_EQ(0, events.triple_fault.pending);
	events.triple_fault.pending = 1;
	ASSERT_EQ(0, ioctl(self->vcpu->fd, KVM_SET_VCPU_EVENTS, &events));
	EXPECT_EQ(1, get_events(self->vcpu).triple_fault.pending);
	/* Taken back, and set again. */
	events.triple_fault.pending = 0;
	ASSERT_EQ(0, ioctl(self->vcpu->fd, KVM_SET_VCPU_EVENTS, &events));
	ASSERT_SYNC(self->vcpu, 1);
	events = get_events(self->vcpu);
	events.triple_fault.pending = 1;
	ASSERT_EQ(0, ioctl(self->vcpu->fd, KVM_SET_VCPU_EVENTS, &events));
	ASSERT_EXIT(self->vcpu, KVM_EXIT_SHUTDOWN);
	EXPECT_EQ(0, get_events(self->vcpu).triple_fault.pending);
}

TEST_F(events, bad_switches)
{
	if (!kv_is_hvctl())
		SKIP(return, "kvm takes any number for on");
	EXPECT_ERRNO(EINVAL, enable(self->vm, KVM_CAP_EXCEPTION_PAYLOAD, 2));
	EXPECT_ERRNO(EINVAL, enable(self->vm, KVM_CAP_X86_TRIPLE_FAULT_EVENT, 2));
}

TEST_HARNESS_MAIN
