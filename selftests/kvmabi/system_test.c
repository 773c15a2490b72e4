// SPDX-License-Identifier: GPL-2.0
/*
 * Calls on the node itself: version, capabilities, lists, and their errors.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "harness.h"
#include "hvctl.h"

FIXTURE(node)
{
	int fd;
};

FIXTURE_SETUP(node)
{
	self->fd = kv_open();
}

FIXTURE_TEARDOWN(node)
{
	close(self->fd);
}

TEST_F(node, api_version)
{
	EXPECT_EQ(12, ioctl(self->fd, KVM_GET_API_VERSION, 0));
	EXPECT_ERRNO(EINVAL, ioctl(self->fd, KVM_GET_API_VERSION, 1));
}

TEST_F(node, vcpu_mmap_size)
{
	int size = ioctl(self->fd, KVM_GET_VCPU_MMAP_SIZE, 0);

	EXPECT_GE(size, 2 * 4096);
	EXPECT_EQ(0, size % 4096);
	EXPECT_ERRNO(EINVAL, ioctl(self->fd, KVM_GET_VCPU_MMAP_SIZE, 1));
}

/* What stock QEMU and other front ends refuse to run without. */
TEST_F(node, required_extensions)
{
	static const struct {
		int cap;
		int least;
	} required[] = {
		{KVM_CAP_USER_MEMORY, 1},
		{KVM_CAP_DESTROY_MEMORY_REGION_WORKS, 1},
		{KVM_CAP_JOIN_MEMORY_REGIONS_WORKS, 1},
		{KVM_CAP_INTERNAL_ERROR_DATA, 1},
		{KVM_CAP_IOEVENTFD, 1},
		{KVM_CAP_IOEVENTFD_ANY_LENGTH, 1},
		{KVM_CAP_SET_TSS_ADDR, 1},
		{KVM_CAP_SET_IDENTITY_MAP_ADDR, 1},
		{KVM_CAP_EXT_CPUID, 1},
		{KVM_CAP_MP_STATE, 1},
		{KVM_CAP_SIGNAL_MSI, 1},
		{KVM_CAP_IRQCHIP, 1},
		{KVM_CAP_IRQ_ROUTING, 1},
		{KVM_CAP_IRQFD, 1},
		{KVM_CAP_IRQFD_RESAMPLE, 1},
		{KVM_CAP_PIT2, 1},
		{KVM_CAP_PIT_STATE2, 1},
		{KVM_CAP_DEBUGREGS, 1},
		{KVM_CAP_XSAVE, 1},
		{KVM_CAP_XCRS, 1},
		{KVM_CAP_VCPU_EVENTS, 1},
		{KVM_CAP_X86_ROBUST_SINGLESTEP, 1},
		{KVM_CAP_MCE, 10},
		{KVM_CAP_ADJUST_CLOCK, 1},
		{KVM_CAP_GET_TSC_KHZ, 1},
		{KVM_CAP_TSC_DEADLINE_TIMER, 1},
		{KVM_CAP_READONLY_MEM, 1},
		{KVM_CAP_IMMEDIATE_EXIT, 1},
		{KVM_CAP_NR_MEMSLOTS, 32},
		{KVM_CAP_NR_VCPUS, 1},
		{KVM_CAP_MAX_VCPUS, 4},
		{KVM_CAP_MAX_VCPU_ID, 4},
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(required); i++) {
		EXPECT_GE(ioctl(self->fd, KVM_CHECK_EXTENSION, required[i].cap), required[i].least)
		{
			TH_LOG("capability %d", required[i].cap);
		}
	}
}

TEST_F(node, unknown_extension)
{
	EXPECT_EQ(0, ioctl(self->fd, KVM_CHECK_EXTENSION, 0x7fff));
	EXPECT_EQ(0, ioctl(self->fd, KVM_CHECK_EXTENSION, -1L));
}

/*
 * Either all of a feature or a plain no: the call behind a 0 is unknown. (But for
 * KVM_SET_VAPIC_ADDR, which QEMU makes without a look at KVM_CAP_VAPIC, to switch it
 * off: split_irqchip_test.)
 */
TEST_F(node, what_is_not_there)
{
	static const struct {
		int cap;
		unsigned long call;
		enum { VM, VCPU } on;
	} calls[] = {
		{KVM_CAP_NESTED_STATE, KVM_GET_NESTED_STATE, VCPU},
		{KVM_CAP_NESTED_STATE, KVM_SET_NESTED_STATE, VCPU},
		{KVM_CAP_XEN_HVM, KVM_XEN_HVM_CONFIG, VM},
		{KVM_CAP_XEN_HVM, KVM_XEN_HVM_SET_ATTR, VM},
		{KVM_CAP_XEN_HVM, KVM_XEN_VCPU_SET_ATTR, VCPU},
		{KVM_CAP_X86_SMM, KVM_SMI, VCPU},
		{KVM_CAP_HYPERV_EVENTFD, KVM_HYPERV_EVENTFD, VM},
		{KVM_CAP_PMU_EVENT_FILTER, KVM_SET_PMU_EVENT_FILTER, VM},
		{KVM_CAP_DIRTY_LOG_RING, KVM_RESET_DIRTY_RINGS, VM},
		{KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2, KVM_CLEAR_DIRTY_LOG, VM},
		{KVM_CAP_DEVICE_CTRL, KVM_CREATE_DEVICE, VM},
		{KVM_CAP_GUEST_MEMFD, KVM_CREATE_GUEST_MEMFD, VM},
		{KVM_CAP_BINARY_STATS_FD, KVM_GET_STATS_FD, VM},
	};
	struct kv_vm *vm = kv_vm_new_irqchip(0);
	struct kv_vcpu *vcpu = kv_vcpu_new(vm, 0);
	void *big = kv_mmap(2 << 20);
	size_t i;

	if (!kv_is_hvctl())
		SKIP(return, "kvm answers some unknown calls with EINVAL");
	for (i = 0; i < ARRAY_SIZE(calls); i++) {
		if (ioctl(vm->fd, KVM_CHECK_EXTENSION, calls[i].cap))
			continue;
		errno = 0;
		EXPECT_EQ(-1, ioctl(calls[i].on == VM ? vm->fd : vcpu->fd, calls[i].call, big));
		EXPECT_EQ(ENOTTY, errno)
		{
			TH_LOG("capability %d", calls[i].cap);
		}
	}
}

/* A capability is the same on the VM as on the node, or more exact there. */
TEST_F(node, extension_on_vm)
{
	struct kv_vm *vm = kv_vm_bare();

	EXPECT_EQ(1, ioctl(vm->fd, KVM_CHECK_EXTENSION, KVM_CAP_CHECK_EXTENSION_VM));
	EXPECT_EQ(ioctl(self->fd, KVM_CHECK_EXTENSION, KVM_CAP_NR_MEMSLOTS),
		  ioctl(vm->fd, KVM_CHECK_EXTENSION, KVM_CAP_NR_MEMSLOTS));
	kv_vm_free(vm);
}

TEST_F(node, unknown_ioctl)
{
	struct kv_vm *vm = kv_vm_new(0);
	struct kv_vcpu *vcpu = kv_vcpu_new(vm, 0);
	int fds[] = {self->fd, vm->fd, vcpu->fd};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(fds); i++) {
		EXPECT_EQ(-1, ioctl(fds[i], _IO(KVMIO, 0xff), 0));
		EXPECT_TRUE(errno == ENOTTY || (!kv_is_hvctl() && errno == EINVAL));
		/* Of another magic. */
		EXPECT_EQ(-1, ioctl(fds[i], _IO(0x99, 0x00), 0));
		EXPECT_TRUE(errno == ENOTTY || (!kv_is_hvctl() && errno == EINVAL));
	}
	/* Calls that belong to another kind of descriptor. */
	EXPECT_EQ(-1, ioctl(self->fd, KVM_RUN, 0));
	EXPECT_EQ(-1, ioctl(vm->fd, KVM_RUN, 0));
	EXPECT_EQ(-1, ioctl(vcpu->fd, KVM_CREATE_VCPU, 5));
	EXPECT_EQ(-1, ioctl(self->fd, KVM_CREATE_VCPU, 5));
}

TEST_F(node, supported_cpuid)
{
	struct kvm_cpuid2 *cpuid = kv_supported_cpuid(self->fd);
	struct kvm_cpuid_entry2 *entry;
	u32 nent = cpuid->nent;

	ASSERT_NE(NULL, kv_cpuid_find(cpuid, 0, 0));
	entry = kv_cpuid_find(cpuid, 1, 0);
	ASSERT_NE(NULL, entry);
	EXPECT_NE(0, entry->edx & 1U << 9); /* with an APIC */
	entry = kv_cpuid_find(cpuid, 0x80000001, 0);
	ASSERT_NE(NULL, entry);
	EXPECT_NE(0, entry->edx & 1U << 29); /* long mode */
	ASSERT_NE(NULL, kv_cpuid_find(cpuid, 0x80000008, 0));
	entry = kv_cpuid_find(cpuid, 0x40000000, 0);
	ASSERT_NE(NULL, entry);
	EXPECT_EQ(0x4b4d564b, entry->ebx); /* "KVMKVMKVM": its clock and MSRs */
	entry = kv_cpuid_find(cpuid, 0x40000001, 0);
	ASSERT_NE(NULL, entry);
	EXPECT_EQ(1 << 3, entry->eax & 1 << 3); /* kvmclock */

	cpuid->nent = 1;
	EXPECT_ERRNO(E2BIG, ioctl(self->fd, KVM_GET_SUPPORTED_CPUID, cpuid));
	cpuid->nent = nent - 1;
	EXPECT_ERRNO(E2BIG, ioctl(self->fd, KVM_GET_SUPPORTED_CPUID, cpuid));
	cpuid->nent = nent;
	EXPECT_EQ(0, ioctl(self->fd, KVM_GET_SUPPORTED_CPUID, cpuid));
	EXPECT_EQ(nent, cpuid->nent);
	EXPECT_ERRNO(EFAULT, ioctl(self->fd, KVM_GET_SUPPORTED_CPUID, NULL));
	free(cpuid);
}

static void check_list(struct __test_metadata *_metadata, int fd, unsigned long call, bool readable)
{
	struct kvm_msr_list *list, head = {0};
	u32 i;

	EXPECT_ERRNO(E2BIG, ioctl(fd, call, &head));
	ASSERT_GT(head.nmsrs, 0);
	list = calloc(1, sizeof(*list) + head.nmsrs * sizeof(list->indices[0]));
	list->nmsrs = head.nmsrs - 1;
	EXPECT_ERRNO(E2BIG, ioctl(fd, call, list));
	EXPECT_EQ(head.nmsrs, list->nmsrs);
	EXPECT_EQ(0, ioctl(fd, call, list));
	for (i = 0; readable && i < list->nmsrs; i++) {
		struct {
			struct kvm_msrs head;
			struct kvm_msr_entry entry;
		} one = {.head.nmsrs = 1, .entry.index = list->indices[i]};

		EXPECT_EQ(1, ioctl(fd, KVM_GET_MSRS, &one))
		{
			TH_LOG("MSR %#x", list->indices[i]);
		}
	}
	free(list);
	EXPECT_ERRNO(EFAULT, ioctl(fd, call, NULL));
}

TEST_F(node, msr_index_list)
{
	check_list(_metadata, self->fd, KVM_GET_MSR_INDEX_LIST, false);
}

TEST_F(node, msr_feature_list)
{
	struct {
		struct kvm_msrs head;
		struct kvm_msr_entry entry;
	} bad = {.head.nmsrs = 1, .entry.index = 0xdead0000};

	if (ioctl(self->fd, KVM_CHECK_EXTENSION, KVM_CAP_GET_MSR_FEATURES) <= 0) {
		EXPECT_EQ(-1, ioctl(self->fd, KVM_GET_MSR_FEATURE_INDEX_LIST, &bad));
		SKIP(return, "no feature MSRs");
	}
	check_list(_metadata, self->fd, KVM_GET_MSR_FEATURE_INDEX_LIST, true);
	/* The first one that cannot be read ends the loop: none was. */
	EXPECT_EQ(0, ioctl(self->fd, KVM_GET_MSRS, &bad));
}

TEST_F(node, create_vm_errors)
{
	EXPECT_ERRNO(EINVAL, ioctl(self->fd, KVM_CREATE_VM, 0x1000));
	EXPECT_ERRNO(EINVAL, ioctl(self->fd, KVM_CREATE_VM, -1L));
}

TEST_F(node, not_a_file)
{
	char byte = 0;

	EXPECT_ERRNO(EINVAL, read(self->fd, &byte, 1));
	EXPECT_ERRNO(EINVAL, write(self->fd, &byte, 1));
	EXPECT_EQ(MAP_FAILED, mmap(NULL, 4096, PROT_READ, MAP_SHARED, self->fd, 0));
}

TEST_F(node, hvctl_version)
{
	struct hvctl_version version = {0};

	if (!kv_is_hvctl()) {
		EXPECT_EQ(-1, ioctl(self->fd, HVCTL_GET_VERSION, &version));
		return;
	}
	ASSERT_EQ(0, ioctl(self->fd, HVCTL_GET_VERSION, &version));
	EXPECT_EQ(HVCTL_ABI_VERSION, version.abi);
	EXPECT_TRUE(version.backend == HVCTL_BACKEND_SVM || version.backend == HVCTL_BACKEND_VMX);
	EXPECT_NE(NULL, memchr(version.module, 0, sizeof(version.module)));
	EXPECT_NE(0, version.module[0]);
	EXPECT_ERRNO(EFAULT, ioctl(self->fd, HVCTL_GET_VERSION, NULL));
}

TEST_HARNESS_MAIN
