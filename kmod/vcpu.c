// SPDX-License-Identifier: GPL-2.0
/*
 * A virtual CPU: its life, and the two loops that run it.
 *
 * The outer loop (hv_vcpu_run) may sleep: it serves requests, blocks in HLT
 * and calls the handlers that need more than a moment. The inner loop
 * (inner_loop) enters the guest and handles what comes often. It keeps the
 * CPU, with preemption and interrupts off and the guest's FPU state loaded,
 * until an exit is not hot, or the host wants something of this thread.
 */
#include <linux/anon_inodes.h>
#include <linux/file.h>
#include <linux/mm.h>
#include <linux/rcupdate.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/vtime.h>
#include <trace/events/ipi.h>
#include <asm/tsc.h>

#include "hvctl.h"
#include "trace.h"

/* The vCPU that ran last on this CPU; compared, never followed. */
static DEFINE_PER_CPU(struct hv_vcpu *, last_vcpu);

/* The kind of exit that HVCTL_GET_VCPU_STATS counts for each reason. */
static const u8 exit_class[HV_R_COUNT] = {
	[HV_R_INTERRUPT] = HVCTL_EXIT_EXTERNAL_INTERRUPT,
	[HV_R_NMI] = HVCTL_EXIT_NMI,
	[HV_R_MACHINE_CHECK] = HVCTL_EXIT_OTHER,
	[HV_R_WINDOW] = HVCTL_EXIT_INTERRUPT_WINDOW,
	[HV_R_NMI_WINDOW] = HVCTL_EXIT_INTERRUPT_WINDOW,
	[HV_R_CPUID] = HVCTL_EXIT_CPUID,
	[HV_R_HYPERCALL] = HVCTL_EXIT_HYPERCALL,
	[HV_R_RDMSR] = HVCTL_EXIT_MSR_READ,
	[HV_R_WRMSR] = HVCTL_EXIT_MSR_WRITE,
	[HV_R_RDPMC] = HVCTL_EXIT_OTHER,
	[HV_R_IO] = HVCTL_EXIT_IO,
	[HV_R_FAULT] = HVCTL_EXIT_NESTED_FAULT,
	[HV_R_EOI] = HVCTL_EXIT_APIC,
	[HV_R_TIMER ... HV_R_LOG_FULL] = HVCTL_EXIT_OTHER,
	[HV_R_HLT] = HVCTL_EXIT_HLT,
	[HV_R_PAUSE] = HVCTL_EXIT_PAUSE,
	[HV_R_CR] = HVCTL_EXIT_CR_ACCESS,
	[HV_R_DR] = HVCTL_EXIT_DR_ACCESS,
	[HV_R_EXCEPTION] = HVCTL_EXIT_EXCEPTION,
	[HV_R_XSETBV ... HV_R_INIT] = HVCTL_EXIT_OTHER,
	[HV_R_SHUTDOWN] = HVCTL_EXIT_SHUTDOWN,
	[HV_R_FAIL_ENTRY ... HV_R_UNKNOWN] = HVCTL_EXIT_OTHER,
};

/**
 * hv_vcpu_kick() - have a vCPU look at its requests soon
 * @vcpu: any vCPU
 *
 * Set the request first. Ends HLT, and the guest's time slice when it runs on
 * another CPU. A vCPU that the calling interrupt has stopped on this very CPU
 * looks by itself before it enters again.
 *
 * Context: any, but not NMI.
 */
void hv_vcpu_kick(struct hv_vcpu *vcpu)
{
	int cpu;

	rcuwait_wake_up(&vcpu->wait);	/* orders the request before mode */
	if (READ_ONCE(vcpu->mode) != HV_INSIDE)
		return;
	cpu = get_cpu();
	if (READ_ONCE(vcpu->cpu) != cpu)
		smp_send_reschedule(READ_ONCE(vcpu->cpu));
	put_cpu();
}

static DEFINE_PER_CPU(cpumask_t, kick_mask);

static void kick_ack(void *unused)
{
	/* Taking the IPI meant leaving the guest. */
}

/**
 * hv_kick_all_wait() - make a request of all vCPUs, wait till they stopped
 * @vm: the VM
 * @req: what each does before it enters again
 *
 * On return no vCPU is in the guest on what it knew before, nor in a hot
 * handler that began before the call. The caller must not hold mmu_lock: a
 * hot handler may be trying for it with interrupts off.
 *
 * Context: interrupts on; does not sleep.
 */
void hv_kick_all_wait(struct hv_vm *vm, enum hv_request req)
{
	/* Pairs with hv_vcpu_create(): the pointers come before the count. */
	u32 i, n = smp_load_acquire(&vm->nr_vcpus);
	struct cpumask *mask;

	preempt_disable();
	mask = this_cpu_ptr(&kick_mask);
	cpumask_clear(mask);
	for (i = 0; i < n; i++) {
		hv_request(vm->vcpu[i], req);
		smp_mb__after_atomic();	/* pairs with enter_inside() */
		if (READ_ONCE(vm->vcpu[i]->mode) == HV_INSIDE)
			__cpumask_set_cpu(READ_ONCE(vm->vcpu[i]->cpu), mask);
	}
	smp_call_function_many(mask, kick_ack, NULL, true);
	preempt_enable();
}

/* Any context: INIT resets the vCPU and forgets an earlier SIPI. */
void hv_vcpu_init_ipi(struct hv_vcpu *vcpu)
{
	xchg(&vcpu->sipi, HV_INIT_PENDING);
	hv_request(vcpu, HV_REQ_INIT);
	hv_vcpu_kick(vcpu);
}

/**
 * hv_vcpu_start_ipi() - deliver a start-up IPI (APM vol 2, 16.5)
 * @vcpu: the target
 * @vector: page number of the code to start at
 *
 * Only the first SIPI after an INIT counts. Context: any.
 */
void hv_vcpu_start_ipi(struct hv_vcpu *vcpu, u8 vector)
{
	unsigned long old = READ_ONCE(vcpu->sipi);

	do {
		if (old & HV_SIPI_PENDING)
			return;
	} while (!try_cmpxchg(&vcpu->sipi, &old, (old & ~HV_SIPI_VECTOR) |
						 HV_SIPI_PENDING | vector));
	hv_request(vcpu, HV_REQ_INIT);
	hv_vcpu_kick(vcpu);
}

/**
 * hv_vcpu_nmi() - raise an NMI
 * @vcpu: the target
 *
 * One may be in service and one latched; more are lost, as on hardware.
 * Context: any.
 */
void hv_vcpu_nmi(struct hv_vcpu *vcpu)
{
	WRITE_ONCE(vcpu->nmi_pending, 1);
	hv_request(vcpu, HV_REQ_NMI);
	hv_vcpu_kick(vcpu);
}

/**
 * hv_vcpu_reset() - RESET# or INIT
 * @vcpu: the vCPU
 * @init: INIT: caches, FPU and most MSRs survive (APM vol 2, 14.1.3)
 */
void hv_vcpu_reset(struct hv_vcpu *vcpu, bool init)
{
	/* What INIT leaves alone must outlive the control block's reset. */
	if (init)
		hv_need(vcpu, HV_PART_ALL);
	hv_backend->vcpu_reset(vcpu);
	hv_state_reset(vcpu, init);
	/* The control block is blank now, and has to get what survives too. */
	hv_dirty(vcpu, HV_PART_ALL);
	hv_fpu_reset(vcpu, init);
	if (!init) {
		hv_msr_reset(vcpu);
		hv_clock_reset(vcpu);
	}
	hv_lapic_reset(vcpu, init);
	vcpu->event.type = HV_EV_NONE;
	vcpu->event.redo = false;
	vcpu->want_window = false;
	vcpu->want_nmi_window = false;
	vcpu->event_check = true;
	vcpu->nmi_pending = 0;
	vcpu->user_irq = -1;
	vcpu->fetch.hva = 0;
	vcpu->complete = NULL;
	hv_request(vcpu, HV_REQ_FLUSH_TLB);
	hv_cpuid_refresh(vcpu);
}

/**
 * hv_vcpu_create() - KVM_CREATE_VCPU
 * @vm: the VM
 * @id: number of the vCPU, which is its initial APIC id
 *
 * Return: a file descriptor; -EINVAL for an id out of range or a VM that is
 * full, -EEXIST, -ENOMEM, or what a full descriptor table gives.
 */
int hv_vcpu_create(struct hv_vm *vm, u32 id)
{
	struct hv_vcpu *vcpu;
	struct file *file;
	int r, fd;

	if (id >= HV_MAX_VCPUS)
		return -EINVAL;

	vcpu = kvzalloc(sizeof(*vcpu), GFP_KERNEL_ACCOUNT);
	if (!vcpu)
		return -ENOMEM;
	mutex_init(&vcpu->mutex);
	rcuwait_init(&vcpu->wait);
	vcpu->vm = vm;
	vcpu->id = id;
	vcpu->cpu = -1;
	vcpu->last_cpu = -1;
	vcpu->deadline = HV_NEVER;
	vcpu->xen_page = HV_NEVER;
	vcpu->user_irq = -1;

	r = -ENOMEM;
	/*
	 * Two pages in one piece: struct kvm_run and the data of port I/O. A
	 * compound page, as user space maps, and so references, each of them.
	 */
	vcpu->run = (void *)__get_free_pages(GFP_KERNEL_ACCOUNT | __GFP_ZERO |
					     __GFP_COMP, HV_RUN_ORDER);
	if (!vcpu->run)
		goto err_free;
	vcpu->pio_data = (void *)vcpu->run + PAGE_SIZE;
	r = hv_fpu_create(vcpu);
	if (r)
		goto err_run;
	r = hv_backend->vcpu_create(vcpu);
	if (r)
		goto err_fpu;

	mutex_lock(&vm->lock);
	r = -EEXIST;
	if (hv_vcpu_by_id(vm, id))
		goto err_unlock;
	r = -EINVAL;
	if (vm->nr_vcpus == HV_MAX_VCPUS)
		goto err_unlock;
	if (vm->irqchip) {
		r = hv_lapic_create(vcpu);
		if (r)
			goto err_unlock;
	}
	hv_cpuid_set(vcpu, NULL, 0);	/* no entries: cannot fail */
	hv_clock_create(vcpu);
	/* Without an irqchip user space holds the application processors. */
	vcpu->mp_state = vcpu->lapic && id != 0 ? KVM_MP_STATE_UNINITIALIZED :
						  KVM_MP_STATE_RUNNABLE;
	vcpu->want_cr8 = !vcpu->lapic;
	vcpu->user_pic = !hv_pic_in_kernel(vm);
	hv_vcpu_reset(vcpu, false);

	fd = get_unused_fd_flags(O_CLOEXEC);
	r = fd;
	if (fd < 0)
		goto err_lapic;
	file = anon_inode_getfile("hvctl-vcpu", &hv_vcpu_fops, vcpu, O_RDWR);
	r = PTR_ERR_OR_ZERO(file);
	if (r)
		goto err_fd;

	hv_vm_get(vm);
	vcpu->index = vm->nr_vcpus;
	vm->vcpu[vcpu->index] = vcpu;
	/* Readers of vm->vcpu[] look at the count first. */
	smp_store_release(&vm->nr_vcpus, vcpu->index + 1);
	mutex_unlock(&vm->lock);
	fd_install(fd, file);
	return fd;

err_fd:
	put_unused_fd(fd);
err_lapic:
	if (vcpu->lapic)
		hv_lapic_destroy(vcpu);
err_unlock:
	mutex_unlock(&vm->lock);
	hv_backend->vcpu_destroy(vcpu);
err_fpu:
	hv_fpu_destroy(vcpu);
err_run:
	free_pages((unsigned long)vcpu->run, HV_RUN_ORDER);
err_free:
	kvfree(vcpu);
	return r;
}

/**
 * hv_vcpu_destroy() - free a vCPU
 * @vcpu: the vCPU, of a VM that nobody refers to any more
 */
void hv_vcpu_destroy(struct hv_vcpu *vcpu)
{
	if (vcpu->lapic)
		hv_lapic_destroy(vcpu);
	hv_xen_vcpu_destroy(vcpu);
	hv_backend->vcpu_destroy(vcpu);
	hv_fpu_destroy(vcpu);
	hv_cpuid_destroy(vcpu);
	free_pages((unsigned long)vcpu->run, HV_RUN_ORDER);
	kvfree(vcpu);
}

/**
 * hv_vcpu_serve_init() - act on INIT and SIPI, in the order they came
 * @vcpu: its own thread, outside the inner loop
 *
 * The boot processor answers INIT by starting over, the others wait for a SIPI.
 */
void hv_vcpu_serve_init(struct hv_vcpu *vcpu)
{
	unsigned long what = xchg(&vcpu->sipi, 0);
	u8 vector = what & HV_SIPI_VECTOR;

	if (what & HV_INIT_PENDING) {
		hv_vcpu_reset(vcpu, true);
		vcpu->mp_state = hv_lapic_base(vcpu) & MSR_IA32_APICBASE_BSP ?
				 KVM_MP_STATE_RUNNABLE :
				 KVM_MP_STATE_INIT_RECEIVED;
	}
	if ((what & HV_SIPI_PENDING) &&
	    vcpu->mp_state == KVM_MP_STATE_INIT_RECEIVED) {
		hv_need(vcpu, HV_PART_SEG);
		vcpu->state.seg[HV_CS].selector = vector << 8;
		vcpu->state.seg[HV_CS].base = vector << 12;
		vcpu->state.rip = 0;
		hv_dirty(vcpu, HV_PART_SEG);
		vcpu->mp_state = KVM_MP_STATE_RUNNABLE;
	}
}

static bool test_and_take(struct hv_vcpu *vcpu, enum hv_request req)
{
	return test_bit(req, &vcpu->requests) &&
	       test_and_clear_bit(req, &vcpu->requests);
}

/* Requests that the inner loop can serve, interrupts off. */
static void serve_hot_requests(struct hv_vcpu *vcpu)
{
	if (test_and_take(vcpu, HV_REQ_TIMER))
		hv_lapic_timer_migrate(vcpu);
	if (test_and_take(vcpu, HV_REQ_EVENT) || test_and_take(vcpu, HV_REQ_NMI))
		vcpu->event_check = true;
	if (test_and_take(vcpu, HV_REQ_TSC))
		hv_backend->update_tsc(vcpu);
	if (test_and_take(vcpu, HV_REQ_FLUSH_TLB)) {
		vcpu->fetch.hva = 0;
		hv_backend->flush_tlb(vcpu);
	}
}

/* The others; they may sleep. */
static int serve_requests(struct hv_vcpu *vcpu)
{
	int r;

	if (test_and_take(vcpu, HV_REQ_STOP) || READ_ONCE(vcpu->vm->dead))
		return -EIO;
	if (test_and_take(vcpu, HV_REQ_TRIPLE)) {
		vcpu->run->exit_reason = KVM_EXIT_SHUTDOWN;
		return HV_USER;
	}
	if (test_and_take(vcpu, HV_REQ_STEPPED))
		return hv_debug_stepped(vcpu);
	if (test_and_take(vcpu, HV_REQ_EOI)) {
		vcpu->run->exit_reason = KVM_EXIT_IOAPIC_EOI;
		vcpu->run->eoi.vector = vcpu->user_eoi;
		return HV_USER;
	}
	if (test_and_take(vcpu, HV_REQ_INIT))
		hv_vcpu_serve_init(vcpu);
	if (test_and_take(vcpu, HV_REQ_PDPTE))
		hv_pdpte_load(vcpu);
	if (test_and_take(vcpu, HV_REQ_CLOCK))
		hv_clock_update(vcpu);
	if (test_and_take(vcpu, HV_REQ_STEAL))
		hv_steal_update(vcpu);
	if (test_and_take(vcpu, HV_REQ_XEN)) {
		r = hv_xen_serve(vcpu);
		if (r)
			return r;
	}
	return HV_RESUME;
}

static bool enter_inside(struct hv_vcpu *vcpu)
{
	int cpu = smp_processor_id();
	bool moved = vcpu->last_cpu != cpu;

	if (unlikely(!this_cpu_read(hv_cpu_on)))
		return false;
	WRITE_ONCE(vcpu->cpu, cpu);
	/* Whoever makes a request now sees INSIDE and sends an IPI. */
	smp_store_mb(vcpu->mode, HV_INSIDE);

	hv_clock_load(vcpu, moved);
	if (this_cpu_read(last_vcpu) != vcpu || moved) {
		hv_backend->vcpu_load(vcpu);
		this_cpu_write(last_vcpu, vcpu);
		vcpu->last_cpu = cpu;
	}
	hv_backend->begin(vcpu);
	hv_dr_begin(vcpu);
	vtime_account_guest_enter();
	return true;
}

static void leave_inside(struct hv_vcpu *vcpu)
{
	vtime_account_guest_exit();
	hv_dr_end(vcpu);
	hv_backend->end(vcpu);
	/* Who sees OUTSIDE sees all that the guest and its handlers did. */
	smp_store_release(&vcpu->mode, HV_OUTSIDE);
}

/* What makes the inner loop give the CPU back before the next entry. */
static bool host_wants_us(struct hv_vcpu *vcpu)
{
	if (unlikely(vcpu->requests)) {
		if (vcpu->requests & ~HV_REQ_HOT)
			return true;
		serve_hot_requests(vcpu);
	}
	/* Softirqs may be held off for as long as the FPU is ours. */
	return (read_thread_flags() & HV_TIF_WORK) || local_softirq_pending();
}

/*
 * Run the guest until an exit needs the outer loop.
 *
 * Return: HV_RESUME when the host wanted the thread, HV_SLOW when the exit in
 * vcpu->exit needs its slow handler, HV_USER or an errno.
 */
static int inner_loop(struct hv_vcpu *vcpu)
{
	int r = HV_RESUME;
	u64 start;

	hv_fpu_enter(vcpu);
	if (hv_backend->attach)
		hv_backend->attach(vcpu);
	local_irq_disable();
	if (!enter_inside(vcpu)) {
		/* This CPU is going down: let the scheduler move us. */
		local_irq_enable();
		hv_fpu_leave(vcpu);
		schedule_timeout_killable(1);
		return HV_RESUME;
	}
	start = rdtsc();

	while (r == HV_RESUME && !host_wants_us(vcpu)) {
		enum hv_reason reason;
		u8 cr8 = vcpu->state.cr8;

		if (vcpu->event_check || vcpu->event.type != HV_EV_NONE)
			hv_deliver(vcpu);
		trace_hvctl_entry(vcpu);
		hv_backend->enter(vcpu);
		if (unlikely(vcpu->state.cr8 != cr8) && vcpu->lapic)
			hv_lapic_tpr_set(vcpu, vcpu->state.cr8 << 4);
		reason = vcpu->exit.reason;
		vcpu->exits[exit_class[reason]]++;
		trace_hvctl_exit(vcpu);
		r = hv_hot_exit[reason](vcpu);
	}

	vcpu->guest_cycles += rdtsc() - start;
	leave_inside(vcpu);
	if (vcpu->timer_exit)
		hv_lapic_timer_leave(vcpu);
	local_irq_enable();
	hv_fpu_leave(vcpu);
	return r;
}

/**
 * hv_ends_halt() - is there an event that ends HLT?
 * @vcpu: the vCPU, behind the instruction
 *
 * An interrupt is one only where the guest would take it: a CPU that was stopped
 * by CLI and HLT stays so (SDM vol. 2, HLT).
 *
 * Context: own thread. Return: whether HLT is over.
 */
bool hv_ends_halt(struct hv_vcpu *vcpu)
{
	if (vcpu->nmi_pending)
		return true;
	if (!(vcpu->state.rflags & X86_EFLAGS_IF))
		return false;
	return vcpu->user_irq >= 0 || (vcpu->lapic && hv_irq_has(vcpu)) ||
	       (vcpu->xen && hv_xen_upcall(vcpu) >= 0);
}

/* A vCPU that was halted, or waits for INIT or SIPI, may go on. */
static bool may_wake(struct hv_vcpu *vcpu)
{
	if (vcpu->mp_state == KVM_MP_STATE_HALTED && hv_ends_halt(vcpu))
		return true;
	/*
	 * Requests about how to enter the guest can wait until it does. Looking
	 * for an end of HLT may have made one.
	 */
	return READ_ONCE(vcpu->requests) &
	       ~(BIT(HV_REQ_FLUSH_TLB) | BIT(HV_REQ_TSC) | BIT(HV_REQ_TIMER));
}

/*
 * Sleep in HLT or for start-up. Return: HV_RESUME to look again, or -EINTR.
 */
static int halted(struct hv_vcpu *vcpu)
{
	u64 start = rdtsc();

	if (!vcpu->lapic) {
		/* Without a LAPIC of ours only user space can end HLT. */
		vcpu->mp_state = KVM_MP_STATE_RUNNABLE;
		vcpu->run->exit_reason = KVM_EXIT_HLT;
		return HV_USER;
	}
	WRITE_ONCE(vcpu->halt_since, start);
	rcuwait_wait_event(&vcpu->wait,
			   may_wake(vcpu) || signal_pending(current),
			   TASK_INTERRUPTIBLE);
	WRITE_ONCE(vcpu->halt_since, 0);
	vcpu->halt_cycles += rdtsc() - start;

	if (test_and_take(vcpu, HV_REQ_EVENT) || test_and_take(vcpu, HV_REQ_NMI))
		vcpu->event_check = true;
	if (vcpu->mp_state == KVM_MP_STATE_HALTED && hv_ends_halt(vcpu)) {
		vcpu->mp_state = KVM_MP_STATE_RUNNABLE;
		vcpu->event_check = true;
	}
	return HV_RESUME;
}

/* What KVM_INTERRUPT brings would be taken on the next entry. */
static bool takes_user_irq(struct hv_vcpu *vcpu)
{
	return (vcpu->state.rflags & X86_EFLAGS_IF) && !vcpu->state.shadow &&
	       vcpu->event.type == HV_EV_NONE && vcpu->user_irq < 0 &&
	       hv_irq_takes_user_pic(vcpu);
}

/* What KVM_RUN reports on every return, abi: struct kvm_run. */
static void fill_run(struct hv_vcpu *vcpu)
{
	struct kvm_run *run = vcpu->run;

	run->if_flag = !!(vcpu->state.rflags & X86_EFLAGS_IF);
	run->flags = 0;
	run->cr8 = vcpu->state.cr8;
	run->apic_base = vcpu->apic_base;
	run->ready_for_interrupt_injection =
		!vcpu->user_pic || takes_user_irq(vcpu);
}

/* User space asked to be told when it can inject, and it can. */
static bool window_for_user(struct hv_vcpu *vcpu)
{
	return vcpu->user_pic &&
	       READ_ONCE(vcpu->run->request_interrupt_window) &&
	       takes_user_irq(vcpu);
}

static int outer_loop(struct hv_vcpu *vcpu)
{
	struct kvm_run *run = vcpu->run;
	int r;

	do {
		if (unlikely(read_thread_flags() & HV_TIF_WORK) &&
		    hv_thread_work()) {
			run->exit_reason = KVM_EXIT_INTR;
			return -EINTR;
		}
		if (vcpu->requests & ~HV_REQ_HOT) {
			r = serve_requests(vcpu);
			if (r != HV_RESUME)
				return r;
		}
		if (unlikely(vcpu->mp_state != KVM_MP_STATE_RUNNABLE)) {
			r = halted(vcpu);
			continue;
		}
		if (unlikely(window_for_user(vcpu))) {
			run->exit_reason = KVM_EXIT_IRQ_WINDOW_OPEN;
			return HV_USER;
		}
		r = inner_loop(vcpu);
		if (r == HV_SLOW)
			r = hv_slow_exit[vcpu->exit.reason](vcpu);
	} while (r == HV_RESUME);
	return r;
}

/**
 * hv_vcpu_run() - KVM_RUN
 * @vcpu: the vCPU, its mutex held
 *
 * Return: 0 with vcpu->run filled; -EINTR when a signal is pending or user
 * space set immediate_exit; -EFAULT when guest memory is not backed; -EIO when
 * the VM is dead.
 */
int hv_vcpu_run(struct hv_vcpu *vcpu)
{
	struct kvm_run *run = vcpu->run;
	u64 start = rdtsc();
	sigset_t saved;
	int r;

	WRITE_ONCE(vcpu->run_since, start);
	if (vcpu->sigset_active)
		sigprocmask(SIG_SETMASK, &vcpu->sigset, &saved);

	/* Where user space has the LAPIC it also has the task priority. */
	if (!vcpu->lapic)
		vcpu->state.cr8 = READ_ONCE(run->cr8) & 15;
	if (vcpu->user_pic)
		vcpu->event_check |= READ_ONCE(run->request_interrupt_window);
	/* User space may have made an upcall pending, by a store. */
	if (unlikely(vcpu->xen))
		vcpu->event_check = true;

	if (unlikely(vcpu->debug))
		hv_debug_step(vcpu);
	r = HV_RESUME;
	if (vcpu->complete) {
		int (*complete)(struct hv_vcpu *vcpu) = vcpu->complete;

		vcpu->complete = NULL;
		r = complete(vcpu);
	}
	if (r == HV_RESUME) {
		/* What the last exit was about stays readable, as with KVM. */
		if (READ_ONCE(run->immediate_exit__unsafe)) {
			r = -EINTR;
		} else {
			run->exit_reason = KVM_EXIT_UNKNOWN;
			r = outer_loop(vcpu);
		}
	}

	fill_run(vcpu);
	vcpu->exits[HVCTL_EXIT_USER]++;
	WRITE_ONCE(vcpu->run_since, 0);
	vcpu->run_cycles += rdtsc() - start;
	if (vcpu->sigset_active)
		sigprocmask(SIG_SETMASK, &saved, NULL);
	return r;
}
