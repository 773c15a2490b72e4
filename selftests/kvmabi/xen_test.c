// SPDX-License-Identifier: GPL-2.0
/*
 * KVM's Xen HVM interface: what its calls refuse, the hypercall page and
 * KVM_EXIT_XEN, and upcalls: by a store, by ioctl, by irqfd.
 *
 * lab: smp=2
 */
#include "xen.h"

/* ---------------------------------------------------------------- errors */

TEST_F(xen, config_errors)
{
	struct kvm_xen_hvm_config c = {.flags = KVM_XEN_HVM_CONFIG_INTERCEPT_HCALL, .msr = MSR};

	EXPECT_EQ(0x1ff, kv_cap(KVM_CAP_XEN_HVM));
	EXPECT_ERRNO(EINVAL, config(self->vm, KVM_XEN_HVM_CONFIG_RUNSTATE, MSR));
	EXPECT_ERRNO(EINVAL, config(self->vm, 1U << 31, MSR));
	EXPECT_ERRNO(EINVAL, config(self->vm, 0, 0x10));
	EXPECT_EQ(0, config(self->vm, 0, 0));
	c.blob_addr_64 = 0x1000;
	EXPECT_ERRNO(EINVAL, ioctl(self->vm->fd, KVM_XEN_HVM_CONFIG, &c));
	c.blob_addr_64 = 0;
	c.blob_size_32 = 1;
	EXPECT_ERRNO(EINVAL, ioctl(self->vm->fd, KVM_XEN_HVM_CONFIG, &c));
	EXPECT_ERRNO(EFAULT, ioctl(self->vm->fd, KVM_XEN_HVM_CONFIG, NULL));
	EXPECT_ERRNO(EFAULT, ioctl(self->vm->fd, KVM_XEN_HVM_SET_ATTR, NULL));
	EXPECT_ERRNO(EFAULT, ioctl(self->vm->fd, KVM_XEN_HVM_GET_ATTR, NULL));
	EXPECT_ERRNO(EFAULT, ioctl(self->vm->fd, KVM_XEN_HVM_EVTCHN_SEND, NULL));
	EXPECT_ERRNO(EFAULT, ioctl(self->vcpu->fd, KVM_XEN_VCPU_SET_ATTR, NULL));
	EXPECT_ERRNO(EFAULT, ioctl(self->vcpu->fd, KVM_XEN_VCPU_GET_ATTR, NULL));
}

TEST_F(xen, vm_attributes)
{
	u64 hva = (u64)self->shared;

	EXPECT_EQ(1, get(self->vm, KVM_XEN_ATTR_TYPE_LONG_MODE));
	EXPECT_EQ(SHARED >> 12, get(self->vm, KVM_XEN_ATTR_TYPE_SHARED_INFO));
	EXPECT_EQ(0, get(self->vm, KVM_XEN_ATTR_TYPE_SHARED_INFO_HVA));
	EXPECT_EQ(VECTOR, get(self->vm, KVM_XEN_ATTR_TYPE_UPCALL_VECTOR));
	EXPECT_EQ(0, set(self->vm, KVM_XEN_ATTR_TYPE_SHARED_INFO_HVA, hva));
	EXPECT_EQ(hva, get(self->vm, KVM_XEN_ATTR_TYPE_SHARED_INFO_HVA));
	EXPECT_EQ(KVM_XEN_INVALID_GFN, get(self->vm, KVM_XEN_ATTR_TYPE_SHARED_INFO));
	EXPECT_EQ(0, set(self->vm, KVM_XEN_ATTR_TYPE_SHARED_INFO_HVA, 0));
	EXPECT_EQ(0, get(self->vm, KVM_XEN_ATTR_TYPE_SHARED_INFO_HVA));
	EXPECT_ERRNO(EINVAL, set(self->vm, KVM_XEN_ATTR_TYPE_SHARED_INFO_HVA, hva + 8));
	EXPECT_ERRNO(EINVAL, set(self->vm, KVM_XEN_ATTR_TYPE_SHARED_INFO_HVA, 1UL << 63));
	EXPECT_ERRNO(EINVAL, set(self->vm, KVM_XEN_ATTR_TYPE_SHARED_INFO, 1UL << 60));
	EXPECT_ERRNO(EINVAL, set(self->vm, KVM_XEN_ATTR_TYPE_UPCALL_VECTOR, 15));
	EXPECT_EQ(0, set(self->vm, KVM_XEN_ATTR_TYPE_XEN_VERSION, 0x40014));
	EXPECT_EQ(0x40014, get(self->vm, KVM_XEN_ATTR_TYPE_XEN_VERSION));
	EXPECT_EQ(0, set(self->vm, KVM_XEN_ATTR_TYPE_RUNSTATE_UPDATE_FLAG, 1));
	EXPECT_EQ(1, get(self->vm, KVM_XEN_ATTR_TYPE_RUNSTATE_UPDATE_FLAG));
	EXPECT_ERRNO(ENOENT, set(self->vm, 99, 0));
	EXPECT_EQ(0xdeadbeef, get(self->vm, 99));
	EXPECT_EQ(0xdeadbeef, get(self->vm, KVM_XEN_ATTR_TYPE_EVTCHN));
}

TEST_F(xen, vcpu_attributes)
{
	u64 hva = (u64)self->info;

	EXPECT_EQ(SHARED, vget(self->vcpu, KVM_XEN_VCPU_ATTR_TYPE_VCPU_INFO));
	EXPECT_EQ(0, vset(self->vcpu, KVM_XEN_VCPU_ATTR_TYPE_VCPU_INFO_HVA, hva));
	EXPECT_EQ(hva, vget(self->vcpu, KVM_XEN_VCPU_ATTR_TYPE_VCPU_INFO_HVA));
	EXPECT_EQ(KVM_XEN_INVALID_GPA, vget(self->vcpu, KVM_XEN_VCPU_ATTR_TYPE_VCPU_INFO));
	/* It may not cross a page, nor may a word of it cross a cache line. */
	EXPECT_ERRNO(EINVAL, vset(self->vcpu, KVM_XEN_VCPU_ATTR_TYPE_VCPU_INFO, SHARED + 0xfc8));
	EXPECT_ERRNO(EINVAL, vset(self->vcpu, KVM_XEN_VCPU_ATTR_TYPE_VCPU_INFO, SHARED + 4));
	EXPECT_ERRNO(EINVAL,
		     vset(self->vcpu, KVM_XEN_VCPU_ATTR_TYPE_VCPU_INFO, 1UL << 63 | SHARED));
	EXPECT_ERRNO(EINVAL, vset(self->vcpu, KVM_XEN_VCPU_ATTR_TYPE_VCPU_INFO_HVA, hva + 4));
	EXPECT_EQ(0, vset(self->vcpu, KVM_XEN_VCPU_ATTR_TYPE_VCPU_INFO_HVA, 0));
	EXPECT_EQ(0, vset(self->vcpu, KVM_XEN_VCPU_ATTR_TYPE_VCPU_TIME_INFO, TIME));
	EXPECT_EQ(TIME, vget(self->vcpu, KVM_XEN_VCPU_ATTR_TYPE_VCPU_TIME_INFO));
	EXPECT_EQ(0, vset(self->vcpu, KVM_XEN_VCPU_ATTR_TYPE_RUNSTATE_ADDR, RUNSTATE));
	EXPECT_EQ(RUNSTATE, vget(self->vcpu, KVM_XEN_VCPU_ATTR_TYPE_RUNSTATE_ADDR));
	EXPECT_EQ(0, vget(self->vcpu, KVM_XEN_VCPU_ATTR_TYPE_VCPU_ID));
	EXPECT_EQ(0, vset(self->vcpu, KVM_XEN_VCPU_ATTR_TYPE_VCPU_ID, 7));
	EXPECT_EQ(7, vget(self->vcpu, KVM_XEN_VCPU_ATTR_TYPE_VCPU_ID));
	EXPECT_ERRNO(EINVAL, vset(self->vcpu, KVM_XEN_VCPU_ATTR_TYPE_VCPU_ID, 1 << 20));
	EXPECT_ERRNO(EINVAL, vset(self->vcpu, KVM_XEN_VCPU_ATTR_TYPE_UPCALL_VECTOR, 15));
	EXPECT_EQ(0, vset(self->vcpu, KVM_XEN_VCPU_ATTR_TYPE_UPCALL_VECTOR, 0x60));
	EXPECT_EQ(0x60, vget(self->vcpu, KVM_XEN_VCPU_ATTR_TYPE_UPCALL_VECTOR));
	EXPECT_ERRNO(EINVAL, timer(self->vcpu, 4096, PRIO, 0));
	EXPECT_ERRNO(EINVAL, timer(self->vcpu, PORT, 0, 0));
	EXPECT_ERRNO(ENOENT, vset(self->vcpu, 99, 0));
	EXPECT_EQ(0xdeadbeef, vget(self->vcpu, 99));
	EXPECT_EQ(0xdeadbeef, vget(self->vcpu, KVM_XEN_VCPU_ATTR_TYPE_RUNSTATE_ADJUST));
}

TEST_F(xen, event_errors)
{
	EXPECT_ERRNO(EINVAL, send_event(self->vm, 0, 0, PRIO));
	EXPECT_ERRNO(EINVAL, send_event(self->vm, 0, 4096, PRIO));
	EXPECT_ERRNO(EINVAL, send_event(self->vm, 1, PORT, PRIO));
	EXPECT_ERRNO(EINVAL, send_event(self->vm, 0, PORT, 0));
	EXPECT_EQ(0, send_event(self->vm, 0, PORT, PRIO));
	EXPECT_ERRNO(EINVAL, route(self->vm, 0, 4096, PRIO));
	EXPECT_ERRNO(EINVAL, route(self->vm, 0, 0, PRIO));
	EXPECT_ERRNO(EINVAL, route(self->vm, 0, PORT, 3));
	EXPECT_ERRNO(EINVAL, outbound(self->vm, 0, 4096, EVTCHNSTAT_interdomain, 3, 0));
	EXPECT_ERRNO(EINVAL, outbound(self->vm, 0, 5, EVTCHNSTAT_virq, 5, 0));
	EXPECT_ERRNO(EINVAL, outbound(self->vm, 0, 5, EVTCHNSTAT_ipi, 6, 0));
	EXPECT_ERRNO(EBADF, outbound_fd(self->vm, 5, -1));
	EXPECT_EQ(0, outbound(self->vm, 0, 5, EVTCHNSTAT_ipi, 5, 0));
	EXPECT_ERRNO(EEXIST, outbound(self->vm, 0, 5, EVTCHNSTAT_ipi, 5, 0));
	EXPECT_ERRNO(EINVAL, outbound(self->vm, KVM_XEN_EVTCHN_UPDATE | KVM_XEN_EVTCHN_DEASSIGN, 5,
				      EVTCHNSTAT_ipi, 5, 0));
	EXPECT_ERRNO(EINVAL,
		     outbound(self->vm, KVM_XEN_EVTCHN_UPDATE, 5, EVTCHNSTAT_interdomain, 5, 0));
	EXPECT_EQ(0, outbound(self->vm, KVM_XEN_EVTCHN_UPDATE, 5, EVTCHNSTAT_ipi, 5, 1));
	EXPECT_ERRNO(ENOENT, outbound(self->vm, KVM_XEN_EVTCHN_UPDATE, 6, EVTCHNSTAT_ipi, 6, 1));
	EXPECT_EQ(0, outbound(self->vm, KVM_XEN_EVTCHN_DEASSIGN, 5, 0, 0, 0));
	EXPECT_ERRNO(ENOENT, outbound(self->vm, KVM_XEN_EVTCHN_DEASSIGN, 5, 0, 0, 0));
	/* A guest of 32 bits has fewer ports, and one without page has none. */
	ASSERT_EQ(0, set(self->vm, KVM_XEN_ATTR_TYPE_LONG_MODE, 0));
	EXPECT_EQ(0, send_event(self->vm, 0, 1023, PRIO));
	EXPECT_ERRNO(EINVAL, send_event(self->vm, 0, 1024, PRIO));
	ASSERT_EQ(0, set(self->vm, KVM_XEN_ATTR_TYPE_SHARED_INFO, KVM_XEN_INVALID_GFN));
	EXPECT_ERRNO(EINVAL, send_event(self->vm, 0, PORT, PRIO));
}

/* ---------------------------------------------------------------- hypercalls */

static __guest void calls(u64 intel)
{
	wrmsr(MSR, PAGE);
	guest_sync2(1, xen_call(__HYPERVISOR_memory_op, 1, 2, 3), 0);
	guest_sync2(2, hypercall(intel, 99, 0, 0), 0);
	guest_done();
}

TEST_F(xen, hypercall_page)
{
	struct kvm_run *run = self->vcpu->run;
	u8 *page = kv_gpa(self->vm, PAGE, 4096);

	kv_enter(self->vcpu, calls, kv_intel(), 0);
	set(self->vm, KVM_XEN_ATTR_TYPE_LONG_MODE, 0);
	ASSERT_EXIT(self->vcpu, KVM_EXIT_XEN);
	EXPECT_EQ(KVM_EXIT_XEN_HCALL, run->xen.type);
	EXPECT_EQ(1, run->xen.u.hcall.longmode);
	EXPECT_EQ(0, run->xen.u.hcall.cpl);
	EXPECT_EQ(__HYPERVISOR_memory_op, run->xen.u.hcall.input);
	EXPECT_EQ(1, run->xen.u.hcall.params[0]);
	EXPECT_EQ(2, run->xen.u.hcall.params[1]);
	EXPECT_EQ(3, run->xen.u.hcall.params[2]);
	EXPECT_EQ(0x44, run->xen.u.hcall.params[3]);
	EXPECT_EQ(0x55, run->xen.u.hcall.params[4]);
	EXPECT_EQ(0x66, run->xen.u.hcall.params[5]);
	/* The guest's mode when it wrote the MSR is its layout from then on. */
	EXPECT_EQ(1, get(self->vm, KVM_XEN_ATTR_TYPE_LONG_MODE));
	EXPECT_EQ(0xb8, page[5 * 32]);
	EXPECT_EQ(5, page[5 * 32 + 1]);
	EXPECT_EQ(0xb8, page[4096 - 32]);
	run->xen.u.hcall.result = 0xfffffffffffffff3;
	ASSERT_SYNC(self->vcpu, 1);
	EXPECT_EQ(0xfffffffffffffff3, self->vcpu->last.a);
	ASSERT_EXIT(self->vcpu, KVM_EXIT_XEN);
	EXPECT_EQ(99, run->xen.u.hcall.input);
	run->xen.u.hcall.result = 5;
	ASSERT_SYNC(self->vcpu, 2);
	EXPECT_EQ(5, self->vcpu->last.a);
	ASSERT_DONE(self->vcpu);
}

/* A call whose RIP user space moves has no result. */
TEST_F(xen, hypercall_given_up)
{
	struct kvm_regs regs;

	kv_enter(self->vcpu, calls, kv_intel(), 0);
	ASSERT_EXIT(self->vcpu, KVM_EXIT_XEN);
	self->vcpu->run->xen.u.hcall.result = 1;
	regs = kv_regs(self->vcpu);
	regs.rip += 3;
	regs.rax = 2;
	kv_set_regs(self->vcpu, &regs);
	ASSERT_SYNC(self->vcpu, 1);
	EXPECT_EQ(2, self->vcpu->last.a);
}

GUEST_BLOB(calls32, ".code32\n"
		    "mov $0x40000000, %ecx\n"
		    "mov $0x205000, %eax\n"
		    "xor %edx, %edx\n"
		    "wrmsr\n"
		    "mov $1, %ebx\n"
		    "mov $2, %ecx\n"
		    "mov $3, %edx\n"
		    "mov $4, %esi\n"
		    "mov $5, %edi\n"
		    "mov $6, %ebp\n"
		    "mov $0x205000 + 12 * 32, %eax\n"
		    "call *%eax\n"
		    "mov %eax, %edi\n"
		    "mov $7, %eax\n"
		    "out %eax, $0xf0\n"
		    "1: hlt; jmp 1b\n");

TEST_F(xen, hypercall_32)
{
	struct kvm_run *run = self->vcpu->run;
	u32 i;

	KV_LOAD_BLOB(self->vm, KV_CODE + 0x80000, calls32);
	kv_enter_mode(self->vcpu, KV_PROT32, KV_CODE + 0x80000, 0, 0);
	ASSERT_EXIT(self->vcpu, KVM_EXIT_XEN);
	EXPECT_EQ(0, run->xen.u.hcall.longmode);
	EXPECT_EQ(12, run->xen.u.hcall.input);
	for (i = 0; i < 6; i++)
		EXPECT_EQ(i + 1, run->xen.u.hcall.params[i]);
	EXPECT_EQ(0, get(self->vm, KVM_XEN_ATTR_TYPE_LONG_MODE));
	run->xen.u.hcall.result = 0xffffffff00000009;
	ASSERT_SYNC(self->vcpu, 7);
	EXPECT_EQ(9, (u32)self->vcpu->last.a);
}

static __guest void write_msr(u64 value)
{
	wrmsr(MSR, value);
	guest_done();
}

TEST_F(xen, page_refused)
{
	/* No memory there; and there is but one page. */
	kv_enter(self->vcpu, write_msr, KV_MMIO, 0);
	ASSERT_TRAP(self->vcpu, 13);
	kv_enter(self->vcpu, write_msr, PAGE + 1, 0);
	ASSERT_TRAP(self->vcpu, 13);
	/* Nor is there such an MSR any more. */
	ASSERT_EQ(0, config(self->vm, 0, 0));
	kv_enter(self->vcpu, write_msr, PAGE, 0);
	ASSERT_TRAP(self->vcpu, 13);
}

TEST_F(xen, page_blob)
{
	u8 *blob = kv_mmap(2 << 20), *page = kv_gpa(self->vm, PAGE, 4096);
	struct kvm_xen_hvm_config c = {.msr = MSR, .blob_addr_64 = (u64)blob, .blob_size_64 = 2};

	memset(blob + 4096, 0x77, 4096);
	ASSERT_EQ(0, ioctl(self->vm->fd, KVM_XEN_HVM_CONFIG, &c));
	kv_enter(self->vcpu, write_msr, PAGE + 2, 0);
	ASSERT_TRAP(self->vcpu, 13);
	kv_enter(self->vcpu, write_msr, PAGE + 1, 0);
	ASSERT_DONE(self->vcpu);
	EXPECT_EQ(0x77, page[0]);
	EXPECT_EQ(0x77, page[4095]);
	/* A blob that is not there is user space's mistake. */
	c.blob_addr_64 = 0x1000;
	ASSERT_EQ(0, ioctl(self->vm->fd, KVM_XEN_HVM_CONFIG, &c));
	kv_enter(self->vcpu, write_msr, PAGE, 0);
	ASSERT_REPORT(self->vcpu, KV_ERROR, EFAULT);
}

/* ---------------------------------------------------------------- upcalls */

static __guest void upcalls(void)
{
	guest_sync(1); /* interrupts are off */
	guest_sync(2);
	guest_sti();
	asm volatile("nop");
	guest_sync(3);
	for (;;) {
		guest_sti_hlt();
		guest_cli();
		guest_sync(4);
	}
}

TEST_F(xen, upcall)
{
	kv_enter(self->vcpu, upcalls, 0, 0);
	ASSERT_SYNC(self->vcpu, 1);
	/* User space may store by itself; a closed guest waits. */
	self->info->evtchn_pending_sel = 4;
	self->info->evtchn_upcall_pending = 1;
	ASSERT_SYNC(self->vcpu, 2);
	ASSERT_SYNC(self->vcpu, 0x1000);
	EXPECT_EQ(4, self->vcpu->last.a);
	/* Once: no LAPIC holds it, no EOI is due. */
	ASSERT_SYNC(self->vcpu, 3);
	/* Halted, then woken by the call. */
	kv_start(self->vcpu);
	usleep(50000);
	EXPECT_EQ(0, send_event(self->vm, 0, PORT, PRIO));
	self->vcpu->last = kv_join(self->vcpu);
	EXPECT_EQ(KV_SYNC, self->vcpu->last.kind);
	EXPECT_EQ(0x1000, self->vcpu->last.value);
	EXPECT_EQ(1UL << (PORT / 64), self->vcpu->last.a);
	EXPECT_EQ(1UL << (PORT % 64), self->vcpu->last.b);
	ASSERT_SYNC(self->vcpu, 4);
}

TEST_F(xen, masked)
{
	kv_enter(self->vcpu, upcalls, 0, 0);
	ASSERT_SYNC(self->vcpu, 1);
	self->shared->evtchn_mask[1] = ~0UL;
	EXPECT_EQ(0, send_event(self->vm, 0, PORT, PRIO));
	EXPECT_EQ(1UL << (PORT % 64), self->shared->evtchn_pending[1]);
	EXPECT_EQ(0, self->info->evtchn_pending_sel);
	EXPECT_EQ(0, self->info->evtchn_upcall_pending);
	ASSERT_SYNC(self->vcpu, 2);
	ASSERT_SYNC(self->vcpu, 3);
}

TEST_F(xen, layout_32)
{
	volatile u32 *pending = (u32 *)self->shared + 2048 / 4;

	ASSERT_EQ(0, set(self->vm, KVM_XEN_ATTR_TYPE_LONG_MODE, 0));
	EXPECT_EQ(0, send_event(self->vm, 0, PORT, PRIO));
	EXPECT_EQ(1U << PORT % 32, pending[PORT / 32]);
	EXPECT_EQ(1U << PORT / 32, ((volatile u32 *)self->info)[1]);
	EXPECT_EQ(1, self->info->evtchn_upcall_pending);
}

static __guest void on_vector(struct kv_frame64 *frame)
{
	guest_sync(0x2000 + (u32)frame->vector);
	apic_eoi();
}

static __guest void by_lapic(void)
{
	apic_enable();
	guest_sti();
	guest_sync(1);
	guest_sync(2);
	for (;;)
		guest_hlt();
}

TEST_F(xen, upcall_by_lapic)
{
	ASSERT_EQ(0, set(self->vm, KVM_XEN_ATTR_TYPE_UPCALL_VECTOR, 0));
	ASSERT_EQ(0, vset(self->vcpu, KVM_XEN_VCPU_ATTR_TYPE_UPCALL_VECTOR, 0x60));
	kv_handler(self->vm, 0x60, on_vector);
	kv_enter(self->vcpu, by_lapic, 0, 0);
	ASSERT_SYNC(self->vcpu, 1);
	EXPECT_EQ(0, send_event(self->vm, 0, PORT, PRIO));
	ASSERT_SYNC(self->vcpu, 0x2060);
	ASSERT_SYNC(self->vcpu, 2);
}

TEST_F(xen, irqfd)
{
	int fd = eventfd(0, EFD_NONBLOCK), status;
	struct kvm_irqfd args = {.fd = (u32)fd, .gsi = GSI};
	u64 one = 1;

	ASSERT_EQ(0, route(self->vm, 0, PORT, PRIO));
	ASSERT_EQ(0, ioctl(self->vm->fd, KVM_IRQFD, &args));
	kv_enter(self->vcpu, halting, 0, 0);
	ASSERT_SYNC(self->vcpu, 1);
	ASSERT_EQ(8, write(fd, &one, 8));
	EXPECT_EQ(1UL << (PORT % 64), self->shared->evtchn_pending[1]);
	ASSERT_SYNC(self->vcpu, 0x1000);
	/* From another address space, where the guest's memory is not. */
	kv_start(self->vcpu);
	if (!fork())
		_exit(write(fd, &one, 8) != 8);
	self->vcpu->last = kv_join(self->vcpu);
	EXPECT_EQ(0x1000, self->vcpu->last.value);
	EXPECT_EQ(1UL << (PORT % 64), self->vcpu->last.b);
	wait(&status);
	/* What comes while nobody runs is in memory once the state is asked for. */
	if (!fork())
		_exit(write(fd, &one, 8) != 8);
	wait(&status);
	EXPECT_EQ(SHARED, vget(self->vcpu, KVM_XEN_VCPU_ATTR_TYPE_VCPU_INFO));
	EXPECT_EQ(1UL << (PORT % 64), self->shared->evtchn_pending[1]);
	EXPECT_EQ(1, self->info->evtchn_upcall_pending);
	close(fd);
}

/* The page goes away and comes back under the module's feet. */
TEST_F(xen, page_dropped)
{
	kv_enter(self->vcpu, halting, 0, 0);
	ASSERT_SYNC(self->vcpu, 1);
	ASSERT_EQ(0, madvise((void *)self->shared, 4096, MADV_DONTNEED));
	EXPECT_EQ(0, send_event(self->vm, 0, PORT, PRIO));
	ASSERT_SYNC(self->vcpu, 0x1000);
	EXPECT_EQ(1UL << (PORT % 64), self->vcpu->last.b);
	ASSERT_EQ(0, madvise((void *)self->shared, 4096, MADV_DONTNEED));
	self->info->evtchn_upcall_pending = 0;
	kv_start(self->vcpu);
	usleep(20000);
	ASSERT_EQ(0, madvise((void *)self->shared, 4096, MADV_DONTNEED));
	EXPECT_EQ(0, send_event(self->vm, 0, PORT, PRIO));
	self->vcpu->last = kv_join(self->vcpu);
	EXPECT_EQ(0x1000, self->vcpu->last.value);
}

TEST_HARNESS_MAIN
