// SPDX-License-Identifier: GPL-2.0
/*
 * Opening the node, VMs, vCPUs, running them and reading their reports.
 */
#include "kvmabi.h"

#include <cpuid.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define SIG_KICK    SIGUSR1
#define SIG_TIMEOUT SIGRTMIN

#define EXIT_FAIL 1
#define EXIT_SKIP 4

/* All __guest functions of this program. */
extern const u8 __start_guest_text[] __attribute__((weak));
extern const u8 __stop_guest_text[] __attribute__((weak));

/* What the signal handlers of this thread must make return. */
static __thread struct kvm_run *volatile running;
static __thread volatile sig_atomic_t timed_out;
static __thread timer_t timer;
static __thread bool have_timer;

void kv_die(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	printf("# ");
	vprintf(fmt, args);
	printf("\n");
	va_end(args);
	fflush(stdout);
	_exit(EXIT_FAIL);
}

const char *kv_node(void)
{
	const char *node = getenv("HVCTL_NODE");

	return node ? node : "/dev/hvctl";
}

bool kv_is_hvctl(void)
{
	return !strcmp(kv_node(), "/dev/hvctl");
}

/* The flag goes up before KVM_RUN can look at it: no signal is lost. */
static void on_signal(int sig)
{
	if (sig == SIG_TIMEOUT)
		timed_out = 1;
	if (running)
		running->immediate_exit = 1;
}

int kv_open(void)
{
	struct sigaction action = {.sa_handler = on_signal};
	int fd = open(kv_node(), O_RDWR | O_CLOEXEC);

	if (fd < 0) {
		printf("# %s: %s\n", kv_node(), strerror(errno));
		fflush(stdout);
		_exit(errno == ENOENT ? EXIT_SKIP : EXIT_FAIL);
	}
	sigaction(SIG_KICK, &action, NULL);
	sigaction(SIG_TIMEOUT, &action, NULL);
	return fd;
}

int kv_cap(int cap)
{
	int fd = kv_open();
	int ret = ioctl(fd, KVM_CHECK_EXTENSION, cap);

	close(fd);
	return ret;
}

void *kv_mmap(size_t size)
{
	const size_t align = 2 << 20;
	u8 *p = mmap(NULL, size + align, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	u8 *aligned;

	if (p == MAP_FAILED)
		kv_die("mmap of %zu bytes: %s", size, strerror(errno));
	aligned = (u8 *)(((uintptr_t)p + align - 1) & ~(align - 1));
	if (aligned != p)
		munmap(p, (size_t)(aligned - p));
	munmap(aligned + size, align - (size_t)(aligned - p));
	return aligned;
}

int kv_slot(struct kv_vm *vm, u32 slot, u64 gpa, u64 size, void *hva, u32 flags)
{
	struct kvm_userspace_memory_region region = {
		.slot = slot,
		.flags = flags,
		.guest_phys_addr = gpa,
		.memory_size = size,
		.userspace_addr = (uintptr_t)hva,
	};

	return ioctl(vm->fd, KVM_SET_USER_MEMORY_REGION, &region) ? errno : 0;
}

struct kv_vm *kv_vm_bare(void)
{
	struct kv_vm *vm = calloc(1, sizeof(*vm));

	if (!vm)
		kv_die("out of memory");
	vm->sys = kv_open();
	vm->fd = ioctl(vm->sys, KVM_CREATE_VM, 0);
	if (vm->fd < 0)
		kv_die("KVM_CREATE_VM: %s", strerror(errno));
	return vm;
}

static void add_ram(struct kv_vm *vm, u64 size)
{
	int err;

	vm->ram_size = size ? size : KV_RAM;
	vm->ram = kv_mmap(vm->ram_size);
	err = kv_slot(vm, 0, 0, vm->ram_size, vm->ram, 0);
	if (err)
		kv_die("memory slot of %#llx bytes at 0: %s", (unsigned long long)vm->ram_size,
		       strerror(err));
	if (__start_guest_text)
		kv_load(vm, KV_CODE, __start_guest_text,
			(size_t)(__stop_guest_text - __start_guest_text));
}

/* Places Intel CPUs may need for real mode, out of everybody's way. */
static void set_tss_addr(struct kv_vm *vm)
{
	u64 identity = 0xfffbc000;

	if (ioctl(vm->fd, KVM_SET_IDENTITY_MAP_ADDR, &identity))
		kv_die("KVM_SET_IDENTITY_MAP_ADDR: %s", strerror(errno));
	if (ioctl(vm->fd, KVM_SET_TSS_ADDR, 0xfffbd000UL))
		kv_die("KVM_SET_TSS_ADDR: %s", strerror(errno));
}

struct kv_vm *kv_vm_new(u64 ram_size)
{
	struct kv_vm *vm = kv_vm_bare();

	set_tss_addr(vm);
	add_ram(vm, ram_size);
	return vm;
}

struct kv_vm *kv_vm_new_irqchip(u64 ram_size)
{
	struct kv_vm *vm = kv_vm_new(ram_size);

	if (ioctl(vm->fd, KVM_CREATE_IRQCHIP, 0))
		kv_die("KVM_CREATE_IRQCHIP: %s", strerror(errno));
	return vm;
}

void kv_vm_free(struct kv_vm *vm)
{
	close(vm->fd);
	close(vm->sys);
	if (vm->ram)
		munmap(vm->ram, vm->ram_size);
	free(vm);
}

struct kv_vcpu *kv_vcpu_bare(struct kv_vm *vm, u32 id)
{
	struct kv_vcpu *vcpu = calloc(1, sizeof(*vcpu));
	int size = ioctl(vm->sys, KVM_GET_VCPU_MMAP_SIZE, 0);

	if (!vcpu)
		kv_die("out of memory");
	if (size < 0)
		kv_die("KVM_GET_VCPU_MMAP_SIZE: %s", strerror(errno));
	vcpu->vm = vm;
	vcpu->id = id;
	vcpu->run_size = (size_t)size;
	vcpu->fd = ioctl(vm->fd, KVM_CREATE_VCPU, (unsigned long)id);
	if (vcpu->fd < 0)
		kv_die("KVM_CREATE_VCPU %u: %s", id, strerror(errno));
	vcpu->run = mmap(NULL, vcpu->run_size, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu->fd, 0);
	if (vcpu->run == MAP_FAILED)
		kv_die("mmap of vCPU %u: %s", id, strerror(errno));
	return vcpu;
}

struct kvm_cpuid2 *kv_supported_cpuid(int sys)
{
	struct kvm_cpuid2 *cpuid = NULL;
	u32 nent;

	for (nent = 64; nent <= 1024; nent *= 2) {
		cpuid = realloc(cpuid, sizeof(*cpuid) + nent * sizeof(cpuid->entries[0]));
		if (!cpuid)
			kv_die("out of memory");
		memset(cpuid, 0, sizeof(*cpuid));
		cpuid->nent = nent;
		if (!ioctl(sys, KVM_GET_SUPPORTED_CPUID, cpuid))
			return cpuid;
		if (errno != E2BIG)
			break;
	}
	kv_die("KVM_GET_SUPPORTED_CPUID: %s", strerror(errno));
}

struct kvm_cpuid_entry2 *kv_cpuid_find(struct kvm_cpuid2 *cpuid, u32 leaf, u32 sub)
{
	u32 i;

	for (i = 0; i < cpuid->nent; i++) {
		struct kvm_cpuid_entry2 *entry = &cpuid->entries[i];

		if (entry->function == leaf && entry->index == sub)
			return entry;
	}
	return NULL;
}

void kv_set_cpuid(struct kv_vcpu *vcpu, struct kvm_cpuid2 *cpuid)
{
	u32 i;

	/* The APIC id, where CPUID tells it. */
	for (i = 0; i < cpuid->nent; i++) {
		struct kvm_cpuid_entry2 *entry = &cpuid->entries[i];

		if (entry->function == 1)
			entry->ebx = (entry->ebx & 0x00ffffff) | vcpu->id << 24;
		else if (entry->function == 0xb || entry->function == 0x1f)
			entry->edx = vcpu->id;
	}
	if (ioctl(vcpu->fd, KVM_SET_CPUID2, cpuid))
		kv_die("KVM_SET_CPUID2: %s", strerror(errno));
}

struct kv_vcpu *kv_vcpu_new(struct kv_vm *vm, u32 id)
{
	struct kv_vcpu *vcpu = kv_vcpu_bare(vm, id);
	struct kvm_cpuid2 *cpuid = kv_supported_cpuid(vm->sys);

	/* Not part of the supported bits: the irqchip may be in user space. */
	if (ioctl(vm->sys, KVM_CHECK_EXTENSION, KVM_CAP_TSC_DEADLINE_TIMER) > 0)
		kv_cpuid_find(cpuid, 1, 0)->ecx |= 1 << 24;
	kv_set_cpuid(vcpu, cpuid);
	free(cpuid);
	return vcpu;
}

void kv_vcpu_free(struct kv_vcpu *vcpu)
{
	munmap(vcpu->run, vcpu->run_size);
	close(vcpu->fd);
	free(vcpu);
}

void *kv_gpa(struct kv_vm *vm, u64 gpa, u64 len)
{
	if (gpa > vm->ram_size || len > vm->ram_size - gpa)
		kv_die("no RAM at %#llx", (unsigned long long)gpa);
	return vm->ram + gpa;
}

void kv_load(struct kv_vm *vm, u64 gpa, const void *blob, size_t len)
{
	memcpy(kv_gpa(vm, gpa, len), blob, len);
}

u64 kv_guest_fn(const void *fn)
{
	return KV_CODE + (u64)((const u8 *)fn - __start_guest_text);
}

static void arm_timer(time_t seconds)
{
	struct itimerspec when = {.it_value.tv_sec = seconds};

	if (!have_timer) {
		struct sigevent event = {
			.sigev_notify = SIGEV_THREAD_ID,
			.sigev_signo = SIG_TIMEOUT,
		};

		event._sigev_un._tid = (pid_t)syscall(SYS_gettid);
		if (timer_create(CLOCK_MONOTONIC, &event, &timer))
			kv_die("timer_create: %s", strerror(errno));
		have_timer = true;
	}
	timer_settime(timer, 0, &when, NULL);
}

int kv_run(struct kv_vcpu *vcpu)
{
	int err;

	timed_out = 0;
	running = vcpu->run;
	arm_timer(KV_SECONDS);
	/* EINTR without a signal of ours is the host's own business. */
	do {
		err = ioctl(vcpu->fd, KVM_RUN, 0) ? errno : 0;
	} while (err == EINTR && !vcpu->run->immediate_exit);
	arm_timer(0);
	running = NULL;
	if (err == EINTR)
		vcpu->run->immediate_exit = 0;
	return err;
}

bool kv_timed_out(void)
{
	return timed_out;
}

struct kv_report kv_next(struct kv_vcpu *vcpu)
{
	static const struct {
		u16 port;
		enum kv_kind kind;
	} ports[] = {
		{KV_PORT_SYNC, KV_SYNC},
		{KV_PORT_DONE, KV_DONE},
		{KV_PORT_ABORT, KV_ABORT},
		{KV_PORT_TRAP, KV_TRAP},
	};
	struct kvm_run *run = vcpu->run;
	struct kv_report report = {0};
	struct kvm_regs regs;
	size_t i;
	int err;

	/* EAGAIN: a halted AP was started; there is nothing to see. */
	do {
		err = kv_run(vcpu);
	} while (err == EAGAIN);
	if (err) {
		report.kind = err != EINTR ? KV_ERROR : timed_out ? KV_TIMEOUT : KV_EINTR;
		report.value = (u32)err;
		return report;
	}
	report.kind = KV_EXIT;
	report.value = run->exit_reason;
	if (run->exit_reason != KVM_EXIT_IO || run->io.direction != KVM_EXIT_IO_OUT)
		return report;
	for (i = 0; i < sizeof(ports) / sizeof(ports[0]); i++) {
		if (run->io.port != ports[i].port)
			continue;
		regs = kv_regs(vcpu);
		report.kind = ports[i].kind;
		memcpy(&report.value, (u8 *)run + run->io.data_offset, sizeof(report.value));
		report.a = regs.rdi;
		report.b = regs.rsi;
	}
	return report;
}

static void *thread_main(void *arg)
{
	struct kv_vcpu *vcpu = arg;

	vcpu->last = kv_next(vcpu);
	if (have_timer)
		timer_delete(timer);
	have_timer = false;
	return NULL;
}

void kv_start(struct kv_vcpu *vcpu)
{
	int err = pthread_create(&vcpu->thread, NULL, thread_main, vcpu);

	if (err)
		kv_die("pthread_create: %s", strerror(err));
}

void kv_kick(struct kv_vcpu *vcpu)
{
	/* Also for a thread that has not got as far as KVM_RUN yet. */
	vcpu->run->immediate_exit = 1;
	pthread_kill(vcpu->thread, SIG_KICK);
}

struct kv_report kv_join(struct kv_vcpu *vcpu)
{
	pthread_join(vcpu->thread, NULL);
	return vcpu->last;
}

const char *kv_text(struct kv_vcpu *vcpu, const struct kv_report *report)
{
	static __thread char text[256];
	struct kvm_regs regs = {0};
	struct kv_trap trap;
	struct kvm_run *run = vcpu->run;
	unsigned long long rip;

	ioctl(vcpu->fd, KVM_GET_REGS, &regs);
	rip = regs.rip;
	switch (report->kind) {
	case KV_SYNC:
	case KV_DONE:
	case KV_ABORT:
		snprintf(text, sizeof(text), "%s %u, a=%#llx b=%#llx, rip %#llx",
			 report->kind == KV_SYNC   ? "sync point"
			 : report->kind == KV_DONE ? "done"
						   : "guest check failed in line",
			 report->value, (unsigned long long)report->a,
			 (unsigned long long)report->b, rip);
		break;
	case KV_TRAP:
		trap = kv_trap_get(vcpu);
		snprintf(text, sizeof(text), "vector %u, error %#x, at %#llx:%#llx, cr2 %#llx",
			 trap.vector, trap.error, (unsigned long long)trap.cs,
			 (unsigned long long)trap.ip, (unsigned long long)trap.cr2);
		break;
	case KV_EXIT:
		if (run->exit_reason == KVM_EXIT_INTERNAL_ERROR)
			snprintf(text, sizeof(text), "internal error %u at rip %#llx",
				 run->internal.suberror, rip);
		else if (run->exit_reason == KVM_EXIT_FAIL_ENTRY)
			snprintf(text, sizeof(text), "entry failed, reason %#llx, rip %#llx",
				 (unsigned long long)run->fail_entry.hardware_entry_failure_reason,
				 rip);
		else if (run->exit_reason == KVM_EXIT_MMIO)
			snprintf(text, sizeof(text), "MMIO %s of %u bytes at %#llx, rip %#llx",
				 run->mmio.is_write ? "write" : "read", run->mmio.len,
				 (unsigned long long)run->mmio.phys_addr, rip);
		else if (run->exit_reason == KVM_EXIT_IO)
			snprintf(text, sizeof(text), "%s port %#x, %u x %u bytes, rip %#llx",
				 run->io.direction == KVM_EXIT_IO_OUT ? "out to" : "in from",
				 run->io.port, run->io.count, run->io.size, rip);
		else
			snprintf(text, sizeof(text), "exit reason %u at rip %#llx",
				 run->exit_reason, rip);
		break;
	case KV_EINTR:
		snprintf(text, sizeof(text), "interrupted by a signal at rip %#llx", rip);
		break;
	case KV_TIMEOUT:
		snprintf(text, sizeof(text), "no exit for %d s, rip %#llx, rflags %#llx",
			 KV_SECONDS, rip, (unsigned long long)regs.rflags);
		break;
	case KV_ERROR:
		snprintf(text, sizeof(text), "KVM_RUN: %s, rip %#llx", strerror((int)report->value),
			 rip);
		break;
	}
	return text;
}

u64 kv_event_take(int fd)
{
	u64 count = 0;

	if (read(fd, &count, sizeof(count)) < 0)
		return 0;
	return count;
}

struct kvm_regs kv_regs(struct kv_vcpu *vcpu)
{
	struct kvm_regs regs;

	if (ioctl(vcpu->fd, KVM_GET_REGS, &regs))
		kv_die("KVM_GET_REGS: %s", strerror(errno));
	return regs;
}

void kv_set_regs(struct kv_vcpu *vcpu, const struct kvm_regs *regs)
{
	if (ioctl(vcpu->fd, KVM_SET_REGS, regs))
		kv_die("KVM_SET_REGS: %s", strerror(errno));
}

struct kvm_sregs kv_sregs(struct kv_vcpu *vcpu)
{
	struct kvm_sregs sregs;

	if (ioctl(vcpu->fd, KVM_GET_SREGS, &sregs))
		kv_die("KVM_GET_SREGS: %s", strerror(errno));
	return sregs;
}

void kv_set_sregs(struct kv_vcpu *vcpu, const struct kvm_sregs *sregs)
{
	if (ioctl(vcpu->fd, KVM_SET_SREGS, sregs))
		kv_die("KVM_SET_SREGS: %s", strerror(errno));
}

struct one_msr {
	struct kvm_msrs head;
	struct kvm_msr_entry entry;
};

int kv_get_msr(struct kv_vcpu *vcpu, u32 msr, u64 *value)
{
	struct one_msr one = {.head.nmsrs = 1, .entry.index = msr};

	if (ioctl(vcpu->fd, KVM_GET_MSRS, &one) != 1)
		return -1;
	*value = one.entry.data;
	return 0;
}

int kv_set_msr(struct kv_vcpu *vcpu, u32 msr, u64 value)
{
	struct one_msr one = {.head.nmsrs = 1, .entry = {.index = msr, .data = value}};

	return ioctl(vcpu->fd, KVM_SET_MSRS, &one) == 1 ? 0 : -1;
}

int kv_irq_line(struct kv_vm *vm, u32 gsi, int level)
{
	struct kvm_irq_level irq = {.irq = gsi, .level = (u32)level};

	return ioctl(vm->fd, KVM_IRQ_LINE, &irq);
}

int kv_msi(struct kv_vm *vm, u64 address, u32 data)
{
	struct kvm_msi msi = {
		.address_lo = (u32)address,
		.address_hi = (u32)(address >> 32),
		.data = data,
	};

	return ioctl(vm->fd, KVM_SIGNAL_MSI, &msi);
}

int kv_routes(struct kv_vm *vm, const struct kvm_irq_routing_entry *entry, u32 nr)
{
	struct kvm_irq_routing *routing = calloc(1, sizeof(*routing) + nr * sizeof(*entry));
	int ret, err;

	routing->nr = nr;
	memcpy(routing->entries, entry, nr * sizeof(*entry));
	ret = ioctl(vm->fd, KVM_SET_GSI_ROUTING, routing);
	err = errno;
	free(routing);
	errno = err;
	return ret;
}

bool kv_intel(void)
{
	u32 a, b, c, d;

	return __get_cpuid(0, &a, &b, &c, &d) && b == (u32)signature_INTEL_ebx;
}

bool kv_bochs(void)
{
	char text[64] = "";
	int fd = open("/sys/class/dmi/id/bios_vendor", O_RDONLY | O_CLOEXEC);

	if (fd >= 0) {
		if (read(fd, text, sizeof(text) - 1) < 0)
			text[0] = 0;
		close(fd);
	}
	return strstr(text, "Bochs") != NULL;
}

bool kv_tcg(void)
{
	char name[13] = "";
	u32 max;

	__cpuid(0x40000000, max, *(u32 *)name, *(u32 *)(name + 4), *(u32 *)(name + 8));
	return max >= 0x40000000 && !strcmp(name, "TCGTCGTCGTCG");
}

/* Those that the program was started on; a later kv_pin() changes nothing. */
static cpu_set_t kv_allowed;

static void __attribute__((constructor)) kv_find_cpus(void)
{
	if (sched_getaffinity(0, sizeof(kv_allowed), &kv_allowed))
		CPU_SET(0, &kv_allowed);
}

int kv_cpus(void)
{
	return CPU_COUNT(&kv_allowed);
}

bool kv_pin(pthread_t thread, int n)
{
	cpu_set_t set;
	int cpu;

	for (cpu = 0; cpu < CPU_SETSIZE; cpu++)
		if (CPU_ISSET(cpu, &kv_allowed) && !n--)
			break;
	if (cpu == CPU_SETSIZE)
		return false;
	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	return !pthread_setaffinity_np(thread, sizeof(set), &set);
}
