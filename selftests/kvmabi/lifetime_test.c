// SPDX-License-Identifier: GPL-2.0
/*
 * VMs and vCPUs come and go: limits, who may use them, orders of closing.
 */
#include "guest.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "harness.h"

static __guest void hello(void)
{
	guest_sync(1);
	guest_done();
}

static __guest void spin(void)
{
	guest_sync(1);
	for (;;)
		guest_pause();
}

TEST(vcpu_ids)
{
	struct kv_vm *vm = kv_vm_new(0);
	int max_id = ioctl(vm->fd, KVM_CHECK_EXTENSION, KVM_CAP_MAX_VCPU_ID);
	int fd;

	fd = ioctl(vm->fd, KVM_CREATE_VCPU, 1);
	ASSERT_GE(fd, 0);
	EXPECT_EQ(-1, ioctl(vm->fd, KVM_CREATE_VCPU, 1));
	EXPECT_EQ(EEXIST, errno);
	EXPECT_EQ(-1, ioctl(vm->fd, KVM_CREATE_VCPU, max_id));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(-1, ioctl(vm->fd, KVM_CREATE_VCPU, 0xffffffffUL));
	EXPECT_EQ(EINVAL, errno);
	/* Its number stays taken after the descriptor is closed. */
	close(fd);
	EXPECT_EQ(-1, ioctl(vm->fd, KVM_CREATE_VCPU, 1));
	EXPECT_EQ(EEXIST, errno);
	kv_vm_free(vm);
}

TEST(too_many_vcpus)
{
	struct kv_vm *vm = kv_vm_new(0);
	int max = ioctl(vm->fd, KVM_CHECK_EXTENSION, KVM_CAP_MAX_VCPUS);
	int max_id = ioctl(vm->fd, KVM_CHECK_EXTENSION, KVM_CAP_MAX_VCPU_ID);
	int i;

	if (max > 512)
		SKIP(return, "%d vCPUs are too many to try", max);
	for (i = 0; i < max; i++)
		ASSERT_GE(ioctl(vm->fd, KVM_CREATE_VCPU, i), 0);
	if (max_id > max) {
		EXPECT_EQ(-1, ioctl(vm->fd, KVM_CREATE_VCPU, max));
		EXPECT_EQ(EINVAL, errno);
	}
	kv_vm_free(vm);
}

TEST(descriptors_close_on_exec)
{
	struct kv_vm *vm = kv_vm_new(0);
	struct kv_vcpu *vcpu = kv_vcpu_new(vm, 0);

	EXPECT_EQ(FD_CLOEXEC, fcntl(vm->fd, F_GETFD));
	EXPECT_EQ(FD_CLOEXEC, fcntl(vcpu->fd, F_GETFD));
}

/* A VM belongs to the memory of the process that made it. */
TEST(other_process)
{
	struct kv_vm *vm = kv_vm_new_irqchip(0);
	struct kv_vcpu *vcpu = kv_vcpu_new(vm, 0);
	struct kvm_regs regs;
	int status;
	pid_t pid;

	kv_enter(vcpu, hello, 0, 0);
	pid = fork();
	ASSERT_GE(pid, 0);
	if (!pid) {
		int bad = 0;

		bad |= ioctl(vcpu->fd, KVM_RUN, 0) != -1 || errno != EIO;
		bad |= (ioctl(vcpu->fd, KVM_GET_REGS, &regs) != -1 || errno != EIO) << 1;
		bad |= (ioctl(vm->fd, KVM_CREATE_VCPU, 1) != -1 || errno != EIO) << 2;
		bad |= (kv_slot(vm, 1, 1UL << 32, 4096, vm->ram, 0) != EIO) << 3;
		bad |= (kv_irq_line(vm, 1, 1) != -1 || errno != EIO) << 4;
		_exit(bad);
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	/* ... and goes on as if nothing had been. */
	ASSERT_SYNC(vcpu, 1);
	ASSERT_DONE(vcpu);
}

/* A program started over a running VM: its memory goes, the kernel stays. */
TEST(exec_over_vm)
{
	int status;
	pid_t pid = fork();

	ASSERT_GE(pid, 0);
	if (!pid) {
		struct kv_vm *vm = kv_vm_new(0);
		struct kv_vcpu *vcpu = kv_vcpu_new(vm, 0);

		kv_enter(vcpu, spin, 0, 0);
		if (kv_next(vcpu).kind != KV_SYNC)
			_exit(1);
		kv_start(vcpu);
		usleep(20000);
		fcntl(vm->fd, F_SETFD, 0);
		fcntl(vcpu->fd, F_SETFD, 0);
		execl("/bin/true", "true", NULL);
		_exit(1);
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
}

TEST(vm_closed_before_vcpu)
{
	struct kv_vm *vm = kv_vm_new(0);
	struct kv_vcpu *vcpu = kv_vcpu_new(vm, 0);

	kv_enter(vcpu, hello, 0, 0);
	close(vm->fd);
	ASSERT_SYNC(vcpu, 1);
	ASSERT_DONE(vcpu);
	kv_vcpu_free(vcpu);
}

TEST(node_closed_first)
{
	struct kv_vm *vm = kv_vm_new(0);
	struct kv_vcpu *vcpu;

	vcpu = kv_vcpu_new(vm, 0);
	close(vm->sys);
	kv_enter(vcpu, hello, 0, 0);
	ASSERT_SYNC(vcpu, 1);
	kv_vcpu_free(vcpu);
	close(vm->fd);
}

/* The mapping holds the vCPU, whatever is closed. */
TEST(run_page_outlives_all)
{
	struct kv_vm *vm = kv_vm_new(0);
	struct kv_vcpu *vcpu = kv_vcpu_new(vm, 0);
	struct kvm_run *run = vcpu->run;

	kv_enter(vcpu, hello, 0, 0);
	ASSERT_SYNC(vcpu, 1);
	close(vcpu->fd);
	close(vm->fd);
	close(vm->sys);
	munmap(vm->ram, vm->ram_size);
	EXPECT_EQ(KVM_EXIT_IO, run->exit_reason);
	run->immediate_exit = 1;
	munmap(run, vcpu->run_size);
}

TEST(run_page_bounds)
{
	struct kv_vm *vm = kv_vm_new(0);
	struct kv_vcpu *vcpu = kv_vcpu_new(vm, 0);
	size_t size = vcpu->run_size;
	volatile u8 *page;
	int status;
	pid_t pid;

	/* Behind its end: no mapping, or one that kills who touches it. */
	page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu->fd, (off_t)size);
	if (page != MAP_FAILED) {
		pid = fork();
		ASSERT_GE(pid, 0);
		if (!pid) {
			signal(SIGBUS, SIG_DFL);
			_exit(page[0]);
		}
		ASSERT_EQ(pid, waitpid(pid, &status, 0));
		EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGBUS);
	}
	/* Twice the same pages. */
	page = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu->fd, 0);
	ASSERT_NE(MAP_FAILED, page);
	vcpu->run->request_interrupt_window = 1;
	EXPECT_EQ(1, ((volatile struct kvm_run *)page)->request_interrupt_window);
	vcpu->run->request_interrupt_window = 0;
}

/* A vCPU's descriptor is closed by one thread while another is in KVM_RUN. */
TEST(close_while_running)
{
	struct kv_vm *vm = kv_vm_new(0);
	struct kv_vcpu *vcpu = kv_vcpu_new(vm, 0);

	kv_enter(vcpu, spin, 0, 0);
	ASSERT_SYNC(vcpu, 1);
	kv_start(vcpu);
	usleep(20000);
	close(vm->fd);
	close(vm->sys);
	close(vcpu->fd);
	usleep(20000);
	kv_kick(vcpu);
	EXPECT_EQ(KV_EINTR, kv_join(vcpu).kind);
}

/* Slots may come before vCPUs and vCPUs before slots. */
TEST(memory_after_vcpu)
{
	struct kv_vm *vm = kv_vm_bare();
	struct kv_vcpu *vcpu = kv_vcpu_new(vm, 0);

	vm->ram_size = KV_RAM;
	vm->ram = kv_mmap(KV_RAM);
	ASSERT_EQ(0, kv_slot(vm, 0, 0, KV_RAM, vm->ram, 0));
	kv_load(vm, 0x8000, "\xb0\x07\xe6\xf0\xf4", 5); /* mov $7,%al; out; hlt */
	kv_enter_mode(vcpu, KV_REAL, 0x8000, 0, 0);
	ASSERT_EQ(0, kv_run(vcpu));
	EXPECT_EQ(KVM_EXIT_IO, vcpu->run->exit_reason);
	EXPECT_EQ(7, *((u8 *)vcpu->run + vcpu->run->io.data_offset));
	ASSERT_EXIT(vcpu, KVM_EXIT_HLT);
}

/* Many guests at once, each with its own answer. */
TEST(two_hundred_guests)
{
	enum { N = 200 };
	static struct kv_vm *vm[N];
	static struct kv_vcpu *vcpu[N];
	u8 code[] = {0xb0, 0, 0xe6, 0xf0, 0xf4};
	int i;

	for (i = 0; i < N; i++) {
		vm[i] = kv_vm_bare();
		vm[i]->ram_size = 0x10000;
		vm[i]->ram = mmap(NULL, 0x10000, PROT_READ | PROT_WRITE,
				  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		ASSERT_NE(MAP_FAILED, vm[i]->ram);
		ASSERT_EQ(0, kv_slot(vm[i], 0, 0, 0x10000, vm[i]->ram, 0));
		vcpu[i] = kv_vcpu_new(vm[i], 0);
		code[1] = (u8)i;
		kv_load(vm[i], 0x8000, code, sizeof(code));
		kv_enter_mode(vcpu[i], KV_REAL, 0x8000, 0, 0);
	}
	for (i = N - 1; i >= 0; i--) {
		ASSERT_EQ(0, kv_run(vcpu[i]));
		ASSERT_EQ(KVM_EXIT_IO, vcpu[i]->run->exit_reason);
		ASSERT_EQ((u8)i, *((u8 *)vcpu[i]->run + vcpu[i]->run->io.data_offset));
	}
	for (i = 0; i < N; i++) {
		ASSERT_EXIT(vcpu[i], KVM_EXIT_HLT);
		kv_vcpu_free(vcpu[i]);
		kv_vm_free(vm[i]);
	}
}

TEST_HARNESS_MAIN
