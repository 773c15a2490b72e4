// SPDX-License-Identifier: GPL-2.0
/*
 * A VMM that is killed at a random point leaves nothing behind: no reference
 * to the module, no memory, no thread.
 *
 * lab: timeout=240
 */
#include "guest.h"

#include <limits.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "harness.h"

#define KILLS	     60
#define VICTIM_VCPUS 2

static const char *refcount_file(void)
{
	return kv_is_hvctl() ? "/sys/module/hvctl/refcnt" : "/sys/module/kvm_amd/refcnt";
}

static long read_number(const char *file, const char *key)
{
	char line[256];
	long value = -1;
	FILE *f = fopen(file, "r");

	if (!f)
		return -1;
	while (fgets(line, sizeof(line), f)) {
		if (!key)
			value = atol(line);
		else if (!strncmp(line, key, strlen(key)))
			value = atol(line + strlen(key));
	}
	fclose(f);
	return value;
}

/* In KiB. Page and slab caches that can be given up are no leak. */
static long free_memory(void)
{
	FILE *f = fopen("/proc/sys/vm/drop_caches", "w");

	if (f) {
		fputs("3", f);
		fclose(f);
	}
	return read_number("/proc/meminfo", "MemAvailable:");
}

/* All kinds of exits, faults, timers and IPIs without end. */
static __guest void busy(u64 id)
{
	u64 i = 0;

	apic_enable();
	apic_write(APIC_TDCR, 0xb);
	apic_write(APIC_LVTT, APIC_PERIODIC | 0x60);
	apic_write(APIC_TMICT, 100000);
	guest_sti();
	for (;;) {
		u32 a, b, c, d;

		*(volatile u64 *)(KV_DATA + (i * 4096) % 0x800000) = i;
		cpuid(0, 0, &a, &b, &c, &d);
		outl(0x510, 1);
		write32(KV_MMIO, (u32)i);
		outl(0x520, (u32)i);
		apic_ipi((u32)id ^ 1, 0x61);
		if (++i % 64 == 0)
			guest_sti_hlt();
	}
}

static __guest void on_irq(struct kv_frame64 *frame)
{
	(void)frame;
	apic_eoi();
}

static void *run_forever(void *arg)
{
	struct kv_vcpu *vcpu = arg;

	for (;;)
		ioctl(vcpu->fd, KVM_RUN, 0);
	return NULL;
}

/* Never returns; memory slots and eventfds come and go beside the guest. */
static void victim(void)
{
	struct kvm_mp_state runnable = {KVM_MP_STATE_RUNNABLE};
	struct kv_vm *vm = kv_vm_new_irqchip(0);
	struct kvm_ioeventfd doorbell = {.addr = 0x510, .len = 4, .flags = KVM_IOEVENTFD_FLAG_PIO};
	struct kvm_irqfd irqfd = {.gsi = 5};
	struct kv_vcpu *vcpu[VICTIM_VCPUS];
	u8 *extra = kv_mmap(4 << 20);
	pthread_t thread;
	u32 i;

	doorbell.fd = eventfd(0, 0);
	irqfd.fd = (u32)eventfd(0, 0);
	for (i = 0; i < VICTIM_VCPUS; i++) {
		vcpu[i] = kv_vcpu_new(vm, i);
		kv_enter(vcpu[i], busy, i, 0);
		ioctl(vcpu[i]->fd, KVM_SET_MP_STATE, &runnable);
	}
	kv_handler(vm, 0x60, on_irq);
	kv_handler(vm, 0x61, on_irq);
	for (i = 0; i < VICTIM_VCPUS; i++)
		if (pthread_create(&thread, NULL, run_forever, vcpu[i]))
			_exit(1);
	for (i = 0;; i++) {
		doorbell.flags = KVM_IOEVENTFD_FLAG_PIO | (i & 1 ? KVM_IOEVENTFD_FLAG_DEASSIGN : 0);
		ioctl(vm->fd, KVM_IOEVENTFD, &doorbell);
		irqfd.flags = i & 1 ? KVM_IRQFD_FLAG_DEASSIGN : 0;
		ioctl(vm->fd, KVM_IRQFD, &irqfd);
		kv_slot(vm, 1, 0x40000000, i & 1 ? 0 : 4 << 20, extra,
			i & 2 ? KVM_MEM_LOG_DIRTY_PAGES : 0);
		madvise(vm->ram + KV_DATA + (i % 8 << 20), 1 << 20, MADV_DONTNEED);
		usleep(100);
	}
}

static void kill_one(struct __test_metadata *_metadata, useconds_t after)
{
	pid_t pid = fork();
	int status;

	ASSERT_GE(pid, 0);
	if (!pid)
		victim();
	usleep(after);
	kill(pid, SIGKILL);
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	ASSERT_TRUE(WIFSIGNALED(status))
	{
		TH_LOG("the victim ended by itself, status %#x", status);
	}
}

#define ROUNDS 4

/* Kill many; return the KiB that are gone when RCU and workqueues are done. */
static long round_costs(struct __test_metadata *_metadata, long references)
{
	long before = free_memory(), lost = 0;
	int i;

	for (i = 0; i < KILLS; i++)
		kill_one(_metadata, (useconds_t)(random() % 150000));
	for (i = 0; i < 50; i++) {
		lost = before - free_memory();
		if (read_number(refcount_file(), NULL) == references && lost < 2048)
			break;
		usleep(100000);
	}
	return lost;
}

TEST(killed_at_random)
{
	long references = read_number(refcount_file(), NULL), lost = LONG_MAX;
	int i;

	ASSERT_GE(references, 0);
	srandom(1);
	/*
	 * A VM has some 10 MiB; a page for each kill would be 240 KiB. The rest
	 * of the system takes memory too, for caches, once: a leak comes again
	 * in each round.
	 */
	for (i = 0; i < ROUNDS && lost >= 2048; i++)
		lost = round_costs(_metadata, references);
	EXPECT_EQ(references, read_number(refcount_file(), NULL));
	EXPECT_LT(lost, 2048);
}

TEST_HARNESS_MAIN
