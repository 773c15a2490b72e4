// SPDX-License-Identifier: GPL-2.0
/*
 * vCPU threads. See vcpu.h.
 *
 * A thread is parked or inside KVM_RUN. To stop it, the main thread sets
 * immediate_exit, which makes the next KVM_RUN finish pending I/O and return,
 * and sends a signal, which ends a KVM_RUN under way. In whatever order the
 * two meet the thread, KVM_RUN returns -EINTR and the thread parks.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "boot/cpu.h"
#include "hvctl.h"
#include "thread.h"
#include "vm.h"
#include "xen/core.h"

#define VCPU_KICK SIGRTMIN
/* Where a CPU starts after reset. */
#define RESET_RIP     0xfff0
#define RESET_CS_BASE 0xffff0000

static void vcpu_kicked(int sig)
{
	(void)sig;
}

/*
 * The registers, in a form that a bug report can be made of. SVM loses them in
 * a shutdown (APM vol. 2, 15.14.3) and shows those of a CPU after reset.
 */
static void vcpu_dump(const struct vcpu *vcpu)
{
	struct kvm_sregs s;
	struct kvm_regs r;

	if (hv_ioctl(vcpu->fd, KVM_GET_REGS, &r) || hv_ioctl(vcpu->fd, KVM_GET_SREGS, &s)) {
		log_warn("vCPU %u: registers cannot be read", vcpu->id);
		return;
	}
	if (r.rip == RESET_RIP && s.cs.base == RESET_CS_BASE)
		return;
#define LL(x) ((unsigned long long)(x))
	log_info("vCPU %u: rip %016llx rflags %08llx rsp %016llx", vcpu->id, LL(r.rip),
		 LL(r.rflags), LL(r.rsp));
	log_info("rax %016llx rbx %016llx rcx %016llx rdx %016llx", LL(r.rax), LL(r.rbx), LL(r.rcx),
		 LL(r.rdx));
	log_info("rsi %016llx rdi %016llx rbp %016llx r8  %016llx", LL(r.rsi), LL(r.rdi), LL(r.rbp),
		 LL(r.r8));
	log_info("r9  %016llx r10 %016llx r11 %016llx r12 %016llx", LL(r.r9), LL(r.r10), LL(r.r11),
		 LL(r.r12));
	log_info("r13 %016llx r14 %016llx r15 %016llx efer %08llx", LL(r.r13), LL(r.r14), LL(r.r15),
		 LL(s.efer));
	log_info("cr0 %08llx cr2 %016llx cr3 %016llx cr4 %08llx", LL(s.cr0), LL(s.cr2), LL(s.cr3),
		 LL(s.cr4));
	log_info("cs %04x:%llx ss %04x:%llx gdt %llx/%x idt %llx/%x", s.cs.selector, LL(s.cs.base),
		 s.ss.selector, LL(s.ss.base), LL(s.gdt.base), s.gdt.limit, LL(s.idt.base),
		 s.idt.limit);
#undef LL
}

static void vcpu_io(struct vcpu *vcpu)
{
	struct kvm_run *run = vcpu->run;
	u8 *data = (u8 *)run + run->io.data_offset;
	u32 i;

	for (i = 0; i < run->io.count; i++, data += run->io.size) {
		if (run->io.direction == KVM_EXIT_IO_OUT)
			bus_write(&vcpu->vm->pio, run->io.port, run->io.size, data);
		else
			bus_read(&vcpu->vm->pio, run->io.port, run->io.size, data);
	}
}

static void vcpu_mmio(struct vcpu *vcpu)
{
	struct kvm_run *run = vcpu->run;

	if (run->mmio.is_write)
		bus_write(&vcpu->vm->mmio, run->mmio.phys_addr, run->mmio.len, run->mmio.data);
	else
		bus_read(&vcpu->vm->mmio, run->mmio.phys_addr, run->mmio.len, run->mmio.data);
}

static void vcpu_system_event(struct vcpu *vcpu)
{
	switch (vcpu->run->system_event.type) {
	case KVM_SYSTEM_EVENT_SHUTDOWN:
		vm_request(vcpu->vm, VM_POWEROFF, "system event: shutdown");
		break;
	case KVM_SYSTEM_EVENT_RESET:
		vm_request(vcpu->vm, VM_REBOOT, "system event: reset");
		break;
	default:
		vm_request(vcpu->vm, VM_CRASH, "system event: crash");
	}
}

static void vcpu_internal_error(struct vcpu *vcpu)
{
	const struct kvm_run *run = vcpu->run;
	u32 i, nr = min_t(u32, run->internal.ndata, ARRAY_SIZE(run->internal.data));

	for (i = 0; i < nr; i++)
		log_info("vCPU %u: internal error data[%u] = %#llx", vcpu->id, i,
			 (unsigned long long)run->internal.data[i]);
	vcpu_dump(vcpu);
	guest_fail(vcpu->vm, "vCPU %u: the hypervisor gave up: %s (suberror %u)", vcpu->id,
		   run->internal.suberror == KVM_INTERNAL_ERROR_EMULATION
			   ? "it cannot emulate an instruction"
			   : "internal error",
		   run->internal.suberror);
}

static void vcpu_fail_entry(struct vcpu *vcpu)
{
	struct hvctl_fail_entry fail;
	u32 i;

	memcpy(&fail, vcpu->run->padding, sizeof(fail));
	for (i = 0; i < min_t(u32, fail.count, HVCTL_REFUSED_MAX); i++)
		log_info("vCPU %u: wrong: VMCS field %#x = %#llx", vcpu->id, fail.refused[i].field,
			 (unsigned long long)fail.refused[i].value);
	vcpu_dump(vcpu);
	guest_fail(vcpu->vm, "vCPU %u: the CPU refused to enter the guest: %#llx", vcpu->id,
		   (unsigned long long)fail.hardware_entry_failure_reason);
}

/* Serve one exit; false when this vCPU cannot run on. */
static bool vcpu_exit(struct vcpu *vcpu)
{
	const struct kvm_run *run = vcpu->run;

	switch (run->exit_reason) {
	case KVM_EXIT_IO:
		vcpu_io(vcpu);
		return true;
	case KVM_EXIT_MMIO:
		vcpu_mmio(vcpu);
		return true;
	case KVM_EXIT_XEN:
		xen_hypercall(vcpu);
		return true;
	case KVM_EXIT_INTR:
	case KVM_EXIT_IRQ_WINDOW_OPEN:
		return true;
	case KVM_EXIT_SHUTDOWN:
		vcpu_dump(vcpu);
		guest_fail(vcpu->vm, "triple fault on vCPU %u", vcpu->id);
		return false;
	case KVM_EXIT_SYSTEM_EVENT:
		vcpu_system_event(vcpu);
		return false;
	case KVM_EXIT_INTERNAL_ERROR:
		vcpu_internal_error(vcpu);
		return false;
	case KVM_EXIT_FAIL_ENTRY:
		vcpu_fail_entry(vcpu);
		return false;
	default:
		vcpu_dump(vcpu);
		guest_fail(vcpu->vm, "vCPU %u: exit %u is none vmmd knows", vcpu->id,
			   run->exit_reason);
		return false;
	}
}

/* Run the guest until told to stop. */
static void vcpu_run(struct vcpu *vcpu)
{
	int ret;

	while (!vcpu->ended) {
		ret = hv_ioctl(vcpu->fd, KVM_RUN, NULL);
		if (ret == -EINTR) {
			if (__atomic_load_n(&vcpu->run->immediate_exit, __ATOMIC_ACQUIRE))
				return;
			continue;
		}
		/* An AP that waits for its first SIPI returns this at times. */
		if (ret == -EAGAIN)
			continue;
		if (ret) {
			guest_fail(vcpu->vm, "vCPU %u: KVM_RUN: %s", vcpu->id, strerror(-ret));
			vcpu->ended = true;
			return;
		}
		vcpu->ended = !vcpu_exit(vcpu);
	}
}

int vcpu_ioctl(struct vcpu *vcpu, unsigned long request, void *arg)
{
	struct vm *vm = vcpu->vm;
	int ret;

	if (vcpu->started && pthread_equal(vcpu->thread, pthread_self()))
		return hv_ioctl(vcpu->fd, request, arg);
	pthread_mutex_lock(&vm->run_lock);
	vcpu->holds++;
	if (vcpu->started && !vcpu->parked) {
		__atomic_store_n(&vcpu->run->immediate_exit, 1, __ATOMIC_RELEASE);
		pthread_kill(vcpu->thread, VCPU_KICK);
	}
	pthread_mutex_unlock(&vm->run_lock);
	ret = hv_ioctl(vcpu->fd, request, arg);
	pthread_mutex_lock(&vm->run_lock);
	vcpu->holds--;
	pthread_cond_broadcast(&vm->run_cond);
	pthread_mutex_unlock(&vm->run_lock);
	return ret;
}

/* Wait for leave to run; false when the thread is to end. */
static bool vcpu_park(struct vcpu *vcpu)
{
	struct vm *vm = vcpu->vm;
	bool quit;

	pthread_mutex_lock(&vm->run_lock);
	vcpu->parked = true;
	pthread_cond_broadcast(&vm->park_cond);
	while ((!vm->run || vcpu->ended || vcpu->holds) && !vm->quit)
		pthread_cond_wait(&vm->run_cond, &vm->run_lock);
	vcpu->parked = false;
	__atomic_store_n(&vcpu->run->immediate_exit, 0, __ATOMIC_RELEASE);
	quit = vm->quit;
	pthread_mutex_unlock(&vm->run_lock);
	return !quit;
}

static void vcpu_thread(void *opaque)
{
	struct vcpu *vcpu = opaque;
	sigset_t kick;

	sigemptyset(&kick);
	sigaddset(&kick, VCPU_KICK);
	pthread_sigmask(SIG_UNBLOCK, &kick, NULL);

	while (vcpu_park(vcpu))
		vcpu_run(vcpu);
}

/*
 * Let the guest's watchdogs know that time passed without it. A guest that
 * does not use the clock answers EINVAL, which is no harm.
 */
static void vcpus_excuse(struct vm *vm)
{
	u32 i;

	if (!hv_check(&vm->hv, KVM_CAP_KVMCLOCK_CTRL))
		return;
	for (i = 0; i < vm->cfg.vcpus; i++)
		hv_ioctl(vm->vcpu[i].fd, KVM_KVMCLOCK_CTRL, NULL);
}

void vcpus_resume(struct vm *vm)
{
	vcpus_excuse(vm);
	pthread_mutex_lock(&vm->run_lock);
	vm->run = true;
	pthread_cond_broadcast(&vm->run_cond);
	pthread_mutex_unlock(&vm->run_lock);
}

void vcpus_pause(struct vm *vm)
{
	u32 i;

	pthread_mutex_lock(&vm->run_lock);
	vm->run = false;
	for (i = 0; i < vm->cfg.vcpus; i++) {
		struct vcpu *vcpu = &vm->vcpu[i];

		if (!vcpu->started || vcpu->parked)
			continue;
		__atomic_store_n(&vcpu->run->immediate_exit, 1, __ATOMIC_RELEASE);
		pthread_kill(vcpu->thread, VCPU_KICK);
	}
	for (i = 0; i < vm->cfg.vcpus; i++)
		while (vm->vcpu[i].started && !vm->vcpu[i].parked)
			pthread_cond_wait(&vm->park_cond, &vm->run_lock);
	pthread_mutex_unlock(&vm->run_lock);
}

int vcpus_start(struct vm *vm)
{
	struct sigaction kick = {.sa_handler = vcpu_kicked};
	char name[16];
	int ret;
	u32 i;

	sigaction(VCPU_KICK, &kick, NULL);
	vm->run = false;
	vm->quit = false;
	for (i = 0; i < vm->cfg.vcpus; i++) {
		struct vcpu *vcpu = &vm->vcpu[i];

		snprintf(name, sizeof(name), "vcpu%u", i);
		ret = thread_start(&vcpu->thread, name, ROLE_VCPU, vcpu_thread, vcpu);
		if (ret) {
			vcpus_stop(vm);
			return ret;
		}
		vcpu->started = true;
		if (vm->cfg.affinity_set &&
		    pthread_setaffinity_np(vcpu->thread, sizeof(vm->cfg.affinity),
					   &vm->cfg.affinity))
			log_warn("vCPU %u: cannot be bound to the CPUs of cpus=", i);
	}
	return 0;
}

void vcpus_stop(struct vm *vm)
{
	u32 i;

	if (!vm->vcpu)
		return;
	vcpus_pause(vm);
	pthread_mutex_lock(&vm->run_lock);
	vm->quit = true;
	pthread_cond_broadcast(&vm->run_cond);
	pthread_mutex_unlock(&vm->run_lock);
	for (i = 0; i < vm->cfg.vcpus; i++) {
		if (vm->vcpu[i].started)
			pthread_join(vm->vcpu[i].thread, NULL);
		vm->vcpu[i].started = false;
	}
}

int vcpus_create(struct vm *vm)
{
	struct kvm_cpuid2 *cpuid;
	u32 i;
	int ret = 0;

	cpuid = cpu_supported_cpuid(&vm->hv);
	vm->vcpu = calloc(vm->cfg.vcpus, sizeof(*vm->vcpu));
	if (!cpuid || !vm->vcpu) {
		ret = -ENOMEM;
		goto out;
	}
	for (i = 0; i < vm->cfg.vcpus; i++)
		vm->vcpu[i].fd = -1;
	for (i = 0; i < vm->cfg.vcpus && !ret; i++) {
		struct vcpu *vcpu = &vm->vcpu[i];

		vcpu->vm = vm;
		vcpu->id = i;
		vcpu->fd = hv_create_vcpu(&vm->hv, i, &vcpu->run);
		ret = vcpu->fd < 0 ? vcpu->fd : cpu_init(vcpu, cpuid);
	}
out:
	free(cpuid);
	if (ret)
		vcpus_destroy(vm);
	return ret;
}

void vcpus_destroy(struct vm *vm)
{
	u32 i;

	for (i = 0; vm->vcpu && i < vm->cfg.vcpus; i++) {
		if (vm->vcpu[i].run)
			munmap(vm->vcpu[i].run, vm->hv.run_size);
		if (vm->vcpu[i].fd >= 0)
			close(vm->vcpu[i].fd);
	}
	free(vm->vcpu);
	vm->vcpu = NULL;
}

u64 vcpu_cpu_ns(const struct vcpu *vcpu)
{
	struct timespec used;
	clockid_t clock;

	if (!vcpu->started || pthread_getcpuclockid(vcpu->thread, &clock) ||
	    clock_gettime(clock, &used))
		return 0;
	return (u64)used.tv_sec * NSEC_PER_SEC + (u64)used.tv_nsec;
}
