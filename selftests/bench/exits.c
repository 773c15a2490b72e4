// SPDX-License-Identifier: GPL-2.0
/*
 * What leaving a guest costs, on any node that speaks the KVM ABI.
 *
 * A flat 64-bit guest loops on one instruction that leaves it. Each line of
 * output is the name of the exit, a tab, and the ticks of the host's TSC for
 * one turn of the loop, host and guest together. In an emulator that counts
 * instructions (QEMU with -icount shift=0) a tick is an instruction.
 *
 * Each loop runs with two lengths, and the difference of the times over that
 * of the lengths is the result: what start and end cost drops out.
 */
#include "../kvmabi/guest.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#define SHORT_RUN 2000
#define LONG_RUN  22000

#define DOORBELL_PORT 0x510
#define USER_PORT     0x520
#define DOORBELL_MMIO (KV_MMIO + 0x1000)
#define USER_MMIO     (KV_MMIO + 0x2000)

/* Memory for first touches: far from the VM's RAM, in a slot of its own. */
#define TOUCH_BASE 0x40000000UL
#define TOUCH_SIZE (64UL << 20)

#define UNKNOWN_HYPERCALL 0x7fffffff

#define MSR_MISC_ENABLE 0x1a0

/* A guest function that repeats one instruction RDI times. */
#define LOOP(name, before, instruction)                                                            \
	static __guest void name(u64 n)                                                            \
	{                                                                                          \
		before;                                                                            \
		while (n--) {                                                                      \
			instruction;                                                               \
		}                                                                                  \
		guest_done();                                                                      \
	}

/* Leaf 0 each time: what it answers is in the registers of the question. */
LOOP(loop_cpuid, , {
	u32 leaf = 0;
	u32 sub = 0;

	asm volatile("cpuid" : "+a"(leaf), "+c"(sub) : : "rbx", "rdx");
})
LOOP(loop_hypercall, , { asm volatile("vmmcall" : : "a"(UNKNOWN_HYPERCALL) : "memory"); })
LOOP(loop_hypercall_intel, , { asm volatile("vmcall" : : "a"(UNKNOWN_HYPERCALL) : "memory"); })
LOOP(loop_rdmsr_base, , (void)rdmsr(MSR_APIC_BASE))
LOOP(loop_rdmsr_misc, , (void)rdmsr(MSR_MISC_ENABLE))
LOOP(loop_wrmsr_misc, u64 value = rdmsr(MSR_MISC_ENABLE), wrmsr(MSR_MISC_ENABLE, value))
LOOP(loop_deadline_off, , wrmsr(MSR_TSC_DEADLINE, 0))
LOOP(loop_deadline, apic_enable();
     apic_write(APIC_LVTT, APIC_DEADLINE | 0x40), wrmsr(MSR_TSC_DEADLINE, rdtsc() + 1000000))
LOOP(loop_out_doorbell, , outl(DOORBELL_PORT, 1))
LOOP(loop_out_user, , outl(USER_PORT, 1))
LOOP(loop_mmio_doorbell, , write32(DOORBELL_MMIO, 1))
LOOP(loop_mmio_user, , write32(USER_MMIO, 1))
LOOP(loop_eoi, apic_enable(), apic_write(APIC_EOI, 0))
LOOP(loop_tmict_stop, apic_enable(), apic_write(APIC_TMICT, 0))
LOOP(loop_tmict, apic_enable(); apic_write(APIC_TDCR, 0xb);
     apic_write(APIC_LVTT, 0x10040), apic_write(APIC_TMICT, 1000000))
LOOP(loop_x2apic_eoi, wrmsr(MSR_APIC_BASE, rdmsr(MSR_APIC_BASE) | 0xc00);
     wrmsr(MSR_X2APIC(APIC_SPIV), 0x1ff), wrmsr(MSR_X2APIC(APIC_EOI), 0))

/* RDI pages from RSI on. */
static __guest void touch(u64 pages, u64 from)
{
	while (pages--) {
		write32(from, 1);
		from += 4096;
	}
	guest_done();
}

struct machine {
	struct kv_vm *vm;
	struct kv_vcpu *vcpu;
	int doorbell;
};

static void add_doorbell(struct machine *m, u64 address, u32 flags)
{
	struct kvm_ioeventfd args = {.addr = address, .len = 4, .fd = m->doorbell, .flags = flags};

	if (ioctl(m->vm->fd, KVM_IOEVENTFD, &args))
		kv_die("KVM_IOEVENTFD: %s", strerror(errno));
}

static struct machine new_machine(void)
{
	struct machine m = {.vm = kv_vm_new_irqchip(0), .doorbell = eventfd(0, EFD_CLOEXEC)};

	m.vcpu = kv_vcpu_new(m.vm, 0);
	add_doorbell(&m, DOORBELL_PORT, KVM_IOEVENTFD_FLAG_PIO);
	add_doorbell(&m, DOORBELL_MMIO, 0);
	return m;
}

static void free_machine(struct machine *m)
{
	close(m->doorbell);
	kv_vcpu_free(m->vcpu);
	kv_vm_free(m->vm);
}

/* Run to the guest's end; exits to user space are the loop's own. */
static u64 timed_run(struct kv_vcpu *vcpu, u32 expect)
{
	const struct kvm_run *run = vcpu->run;
	u64 start = rdtsc();

	for (;;) {
		if (ioctl(vcpu->fd, KVM_RUN, 0))
			kv_die("KVM_RUN: %s", strerror(errno));
		if (run->exit_reason == KVM_EXIT_IO && run->io.port == KV_PORT_DONE)
			return rdtsc() - start;
		if (run->exit_reason != expect) {
			struct kv_report report = {.kind = KV_EXIT, .value = run->exit_reason};

			kv_die("unexpected: %s", kv_text(vcpu, &report));
		}
	}
}

static double per_turn(struct kv_vcpu *vcpu, const void *fn, u32 expect)
{
	u64 times[2];
	int i;

	for (i = 0; i < 2; i++) {
		kv_enter(vcpu, fn, i ? LONG_RUN : SHORT_RUN, 0);
		times[i] = timed_run(vcpu, expect);
	}
	return (double)(times[1] - times[0]) / (LONG_RUN - SHORT_RUN);
}

static void print(const char *name, double ticks)
{
	printf("%s\t%.0f\n", name, ticks);
	fflush(stdout);
}

static void exits(void)
{
	static const struct {
		const char *name;
		const void *fn;
		u32 expect;
	} loops[] = {
		{"cpuid", loop_cpuid, 0},
		{"hypercall", loop_hypercall, 0},
		{"rdmsr-apic-base", loop_rdmsr_base, 0},
		{"rdmsr-misc-enable", loop_rdmsr_misc, 0},
		{"wrmsr-misc-enable", loop_wrmsr_misc, 0},
		{"wrmsr-tsc-deadline", loop_deadline_off, 0},
		{"arm-tsc-deadline", loop_deadline, 0},
		{"out-ioeventfd", loop_out_doorbell, 0},
		{"mmio-ioeventfd", loop_mmio_doorbell, 0},
		{"apic-eoi", loop_eoi, 0},
		{"apic-tmict", loop_tmict_stop, 0},
		{"arm-apic-tmict", loop_tmict, 0},
		{"x2apic-eoi", loop_x2apic_eoi, 0},
		{"out-user", loop_out_user, KVM_EXIT_IO},
		{"mmio-user", loop_mmio_user, KVM_EXIT_MMIO},
	};
	size_t i;

	for (i = 0; i < sizeof(loops) / sizeof(loops[0]); i++) {
		struct machine m = new_machine();
		const void *fn = loops[i].fn;

		if (fn == loop_hypercall && kv_intel())
			fn = loop_hypercall_intel;
		print(loops[i].name, per_turn(m.vcpu, fn, loops[i].expect));
		free_machine(&m);
	}
}

/* The guest is the first to touch memory that the host has not touched. */
static double first_touch(int advice, bool populate)
{
	struct machine m = new_machine();
	u8 *memory = kv_mmap(TOUCH_SIZE);
	u64 ticks;

	madvise(memory, TOUCH_SIZE, advice);
	if (populate)
		memset(memory, 1, TOUCH_SIZE);
	if (kv_slot(m.vm, 1, TOUCH_BASE, TOUCH_SIZE, memory, 0))
		kv_die("no slot for first touches");
	kv_enter(m.vcpu, touch, TOUCH_SIZE / 4096, TOUCH_BASE);
	ticks = timed_run(m.vcpu, 0);
	free_machine(&m);
	munmap(memory, TOUCH_SIZE);
	return (double)ticks / (TOUCH_SIZE / 4096);
}

/* What a VMM waits for: a VM with memory and a vCPU, and its end. */
static void creation(void)
{
	const int turns = 40;
	u8 *memory = kv_mmap(KV_RAM);
	u64 start, made, gone, create = 0, destroy = 0;
	int sys = kv_open();
	int i;

	for (i = 0; i <= turns; i++) {
		struct kv_vm vm = {.sys = sys};
		int vcpu;

		start = rdtsc();
		vm.fd = ioctl(sys, KVM_CREATE_VM, 0);
		if (vm.fd < 0 || kv_slot(&vm, 0, 0, KV_RAM, memory, 0))
			kv_die("no VM: %s", strerror(errno));
		vcpu = ioctl(vm.fd, KVM_CREATE_VCPU, 0);
		if (vcpu < 0)
			kv_die("KVM_CREATE_VCPU: %s", strerror(errno));
		made = rdtsc();
		close(vcpu);
		close(vm.fd);
		gone = rdtsc();
		if (!i)
			continue; /* it filled the caches of the allocator */
		create += made - start;
		destroy += gone - made;
	}
	close(sys);
	munmap(memory, KV_RAM);
	print("vm-create", (double)create / turns);
	print("vm-destroy", (double)destroy / turns);
	print("vm-create-destroy", (double)(create + destroy) / turns);
}

int main(int argc, char **argv)
{
	if (argc > 1) {
		bool help = !strcmp(argv[1], "--help");

		fprintf(help ? stdout : stderr,
			"usage: exits\n\n"
			"Print what each kind of exit costs on $HVCTL_NODE (default %s),\n"
			"in ticks of the TSC: NAME <tab> TICKS.\n",
			"/dev/hvctl");
		return help ? 0 : 2;
	}
	kv_pin(pthread_self(), 0);
	exits();
	print("first-touch-2m", first_touch(MADV_HUGEPAGE, false));
	print("first-touch-2m-populated", first_touch(MADV_HUGEPAGE, true));
	print("first-touch-4k", first_touch(MADV_NOHUGEPAGE, false));
	print("first-touch-4k-populated", first_touch(MADV_NOHUGEPAGE, true));
	creation();
	return 0;
}
