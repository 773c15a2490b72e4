/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Virtual CPUs: one thread each, which runs the guest and serves its exits.
 */
#ifndef VMMD_VCPU_H
#define VMMD_VCPU_H

#include <pthread.h>
#include "types.h"

struct kvm_run;
struct vm;

/**
 * struct vcpu - one virtual CPU
 * @vm: its VM
 * @id: number, also the APIC id
 * @fd: KVM vCPU descriptor
 * @run: area shared with the kernel; its thread only, but for immediate_exit
 * @thread: valid when @started
 * @started: the thread exists; set by the main thread before any vCPU runs
 * @parked: the thread waits in vcpu.c for work; guarded by vm->run_lock
 * @holds: vcpu_ioctl() calls that keep it from running; guarded by vm->run_lock
 * @ended: met an exit it cannot go on from; its thread only
 */
struct vcpu {
	struct vm *vm;
	u32 id;
	int fd;
	struct kvm_run *run;
	pthread_t thread;
	bool started;
	bool parked;
	u32 holds;
	bool ended;
};

/**
 * vcpus_create() - create cfg.vcpus vCPUs in power-on state, no threads yet
 * @vm: VM with irqchip
 *
 * vCPU 0 gets its registers from the boot loader by vcpus_set_entry(); the
 * others wait for INIT and SIPI. Return: 0 or a negative errno (logged).
 */
int vcpus_create(struct vm *vm);

/** vcpus_destroy() - close all vCPUs; the threads are joined already */
void vcpus_destroy(struct vm *vm);

/**
 * vcpus_start() - start the threads, parked until vcpus_resume()
 * Return: 0 or a negative errno (logged).
 */
int vcpus_start(struct vm *vm);

/** vcpus_resume() - let the threads run the guest; main thread */
void vcpus_resume(struct vm *vm);

/** vcpus_pause() - stop the guest and wait until every thread is parked */
void vcpus_pause(struct vm *vm);

/** vcpus_stop() - end and join the threads; harmless when not started */
void vcpus_stop(struct vm *vm);

/**
 * vcpu_ioctl() - an ioctl on a vCPU that may be running the guest
 * @vcpu: the vCPU, its threads started
 * @request: KVM_*
 * @arg: pointer or number
 *
 * The kernel serves it while the vCPU is outside of KVM_RUN only, which one that
 * waits for its first SIPI may never leave by itself. So it is held out meanwhile.
 *
 * Context: the thread of any vCPU of the VM. Return: as hv_ioctl().
 */
int vcpu_ioctl(struct vcpu *vcpu, unsigned long request, void *arg);

/**
 * vcpu_cpu_ns() - host CPU time a vCPU's thread has used
 * @vcpu: the vCPU
 *
 * Context: main thread. Return: nanoseconds, 0 when the thread is gone.
 */
u64 vcpu_cpu_ns(const struct vcpu *vcpu);

#endif /* VMMD_VCPU_H */
