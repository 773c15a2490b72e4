// SPDX-License-Identifier: GPL-2.0
/*
 * Loaded into Bochs (LD_PRELOAD) by the lab, for five reasons.
 *
 * A host need not boot for each run: Bochs can save and restore its state, but
 * offers the one only by a click and makes the other slow.
 *
 * BOCHS_SAVE=DIR:TMP  when the guest writes the line "snapshot" to a serial
 *                     port, save the state in TMP, then call it DIR (soon:
 *                     the guest had better wait for some milliseconds)
 * BOCHS_RAM=FILE      the memory file of the state being restored: Bochs
 *                     copies memory.ram into a temporary file, then reads the
 *                     blocks in use from there; it gets FILE as that file
 *
 * Interrupts reach the host: when a VMX guest is entered with EFLAGS.IF clear,
 * Bochs (2.7, and 3.0 as well) goes on masking interrupts as the host did, until
 * the guest changes that flag; "external-interrupt exiting" says that the flag
 * has no say. A guest that loops would hold its CPU for ever.
 *
 * They do not reach it while it has them off: the other way round, too, Bochs
 * goes on as the guest did, and a host was interrupted between an exit and its
 * next STI.
 *
 * Interrupts that the CPU delivers to a guest by itself have a name: when one
 * meets a nested fault on its way, Bochs 2.7 says in the IDT-vectoring
 * information that the last exception, long over, was under delivery.
 *
 * Those interrupts wait for EFLAGS.IF, too: while one of the host's was pending
 * as well, Bochs (both) asked for that one's mask alone, and delivered the
 * guest's in the middle of whatever it had closed its interrupts for.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

/* bx_real_sim_c::save_state(const char *), the C++ ABI's name for it. */
#define SAVE_STATE "_ZN13bx_real_sim_c10save_stateEPKc"

static void save(void)
{
	bool (*save_state)(void *sim, const char *dir) = dlsym(RTLD_DEFAULT, SAVE_STATE);
	void **sim = dlsym(RTLD_DEFAULT, "SIM");
	char *target = getenv("BOCHS_SAVE");
	char *tmp = target ? strchr(target, ':') : NULL;

	if (!tmp || !save_state || !sim)
		return;
	*tmp++ = '\0';
	if (!mkdir(tmp, 0777) && save_state(*sim, tmp))
		rename(tmp, target);
	unsetenv("BOCHS_SAVE");
}

/* Looks for keys from now on until the state is saved; 0 when it need not be. */
static int looks;

/* How Bochs sends a byte of a serial port: too early for saving, the port is busy. */
ssize_t send(int fd, const void *data, size_t bytes, int flags)
{
	static ssize_t (*real)(int fd, const void *data, size_t bytes, int flags);
	static const char word[] = "snapshot\n";
	static unsigned int matched;
	char c = *(const char *)data;

	if (!real)
		real = dlsym(RTLD_NEXT, "send");
	matched = c == word[matched] ? matched + 1 : c == word[0];
	if (!word[matched]) {
		matched = 0;
		looks = 3;
	}
	return real(fd, data, bytes, flags);
}

/* Have each CPU work out from its present state whether interrupts are masked. */
static void mask_again(void)
{
	/* BX_CPU_C::handleInterruptMaskChange() and the CPUs, which are few. */
	static void (*mask_change)(void *cpu);
	static void ***cpus;
	static unsigned int *count;
	unsigned int i;

	if (!mask_change) {
		mask_change = dlsym(RTLD_DEFAULT, "_ZN8BX_CPU_C25handleInterruptMaskChangeEv");
		cpus = dlsym(RTLD_DEFAULT, "bx_cpu_array");
		count = dlsym(RTLD_DEFAULT, "bx_cpu_count");
	}
	if (mask_change && cpus && *cpus && count)
		for (i = 0; i < *count; i++)
			mask_change((*cpus)[i]);
}

/*
 * How it looks for a key, every millisecond and between two instructions: where
 * it would act on that click.
 */
int wgetch(void *window)
{
	static int (*real)(void *window);

	/* The library came with a plug-in, so it is not among the next. */
	if (!real)
		real = dlsym(dlopen("libncurses.so.6", RTLD_LAZY | RTLD_NOLOAD), "wgetch");
	if (looks && !--looks)
		save();
	mask_again();
	return real(window);
}

/* Where in a CPU's object that information is kept; from VMexit_Event(). */
static unsigned int vectoring;
/* Where its masked events are, and which an interrupt flag of 0 masks. */
static unsigned int event_mask, interrupts;
static void ***all_cpus;

static unsigned int *cpu_field(unsigned int cpu, unsigned int offset)
{
	return (unsigned int *)((char *)(*all_cpus)[cpu] + offset);
}

/* What Bochs calls before each hardware interrupt, for instrumentation. */
static void on_interrupt(unsigned int cpu, unsigned int vector)
{
	/* Type 0: an external interrupt. */
	*cpu_field(cpu, vectoring) = vector;
}

/* ... and before each exit: a host always starts with interrupts off. */
static void on_vmexit(unsigned int cpu)
{
	*cpu_field(cpu, event_mask) |= interrupts;
}

/* Where a CPU's pending events are, and which is that of its guest's APIC. */
static unsigned int event_pending, virtual_interrupt;
/* BX_CPU_C::InterruptAcknowledge() */
static void (*acknowledge)(void *cpu);

/* Called in its place. The exit drops the event, too, and the next entry finds it. */
static void on_acknowledge(void *cpu)
{
	unsigned int *mask = (unsigned int *)((char *)cpu + event_mask);
	unsigned int *pending = (unsigned int *)((char *)cpu + event_pending);

	if (*mask & virtual_interrupt)
		*pending &= ~virtual_interrupt;
	acknowledge(cpu);
}

static bool patch(unsigned char *at, const void *code, size_t bytes)
{
	unsigned char *page = (unsigned char *)((unsigned long)at & ~4095UL);

	if (mprotect(page, 8192, PROT_READ | PROT_WRITE | PROT_EXEC))
		return false;
	memcpy(at, code, bytes);
	mprotect(page, 8192, PROT_READ | PROT_EXEC);
	return true;
}

/* Have one of those hooks, which are empty functions, call another function. */
static unsigned char *hook(const char *name, void (*target)(void))
{
	/* movabs $target, %rax; jmp *%rax */
	unsigned char jump[12] = {0x48, 0xb8, [10] = 0xff, 0xe0};
	unsigned char *at = dlsym(RTLD_DEFAULT, name);

	memcpy(jump + 2, &target, sizeof(target));
	if (!at || *at != 0xc3 || !patch(at, jump, sizeof(jump)))
		return NULL;
	return at;
}

/* Have @caller call @stub, near enough for its instruction, instead of @callee. */
static bool redirect(unsigned char *caller, const unsigned char *callee, const unsigned char *stub)
{
	int i, distance;

	for (i = 0; i < 4096; i++) {
		memcpy(&distance, caller + i + 1, sizeof(distance));
		/* call: from the end of its five bytes */
		if (caller[i] != 0xe8 || caller + i + 5 + distance != callee)
			continue;
		distance = (int)(stub - (caller + i + 5));
		return patch(caller + i + 1, &distance, sizeof(distance));
	}
	return false;
}

/* The IDT-vectoring information. */
static bool mend_vectoring(void)
{
	unsigned char *event = dlsym(RTLD_DEFAULT, "_ZN8BX_CPU_C12VMexit_EventEjjtbm");
	int i;

	/* mov %ebx, offset(%rbp): the store of type and vector */
	for (i = 0; event && i < 256 && !vectoring; i++)
		if (event[i] == 0x89 && event[i + 1] == 0x9d)
			memcpy(&vectoring, event + i + 2, sizeof(vectoring));
	return vectoring && hook("_Z20bx_instr_hwinterruptjjtm", (void (*)(void))on_interrupt);
}

/* Interrupts off after an exit. */
static bool mend_exit(void)
{
	unsigned char *mask = dlsym(RTLD_DEFAULT, "_ZN8BX_CPU_C25handleInterruptMaskChangeEv");
	int i;

	/* mov offset(%rdi), %eax ... or $interrupts, %eax: outside of guests */
	if (!mask || mask[0] != 0x8b || mask[1] != 0x87)
		return false;
	memcpy(&event_mask, mask + 2, sizeof(event_mask));
	for (i = 6; i < 128 && !interrupts; i++)
		if (mask[i] == 0x0d && mask[i + 5] == 0x89 && mask[i + 6] == 0x87)
			memcpy(&interrupts, mask + i + 1, sizeof(interrupts));
	return interrupts && hook("_Z15bx_instr_vmexitjjm", (void (*)(void))on_vmexit);
}

/* The guest's own interrupts; behind mend_exit(). */
static bool mend_acknowledge(void)
{
	unsigned char *look =
		dlsym(RTLD_DEFAULT, "_ZN8BX_CPU_C39VMX_Evaluate_Pending_Virtual_InterruptsEv");
	unsigned char *caller = dlsym(RTLD_DEFAULT, "_ZN8BX_CPU_C16handleAsyncEventEv");
	unsigned char *stub;
	int i;

	acknowledge = dlsym(RTLD_DEFAULT, "_ZN8BX_CPU_C20InterruptAcknowledgeEv");
	/* orl $virtual_interrupt, event_pending(%rbx) */
	for (i = 0; look && i < 128 && !virtual_interrupt; i++) {
		if (look[i] != 0x81 || look[i + 1] != 0x8b)
			continue;
		memcpy(&event_pending, look + i + 2, sizeof(event_pending));
		memcpy(&virtual_interrupt, look + i + 6, sizeof(virtual_interrupt));
	}
	if (!virtual_interrupt || !acknowledge || !caller)
		return false;
	/* Called for a command of the debugger, which nobody gives. */
	stub = hook("_Z18bx_instr_debug_cmdPKc", (void (*)(void))on_acknowledge);
	return stub && redirect(caller, (unsigned char *)acknowledge, stub);
}

__attribute__((constructor)) static void mend(void)
{
	all_cpus = dlsym(RTLD_DEFAULT, "bx_cpu_array");
	/* A program that Bochs, or who debugs it, has started is none of ours. */
	if (!all_cpus || (mend_vectoring() && mend_exit() && mend_acknowledge()))
		return;
	fprintf(stderr,
		"bochs-snapshot: this is not the Bochs that it was made for (2.7 of Debian 12)\n");
	_exit(1);
}

FILE *tmpfile64(void)
{
	FILE *(*real)(void) = dlsym(RTLD_NEXT, "tmpfile64");
	char *ram = getenv("BOCHS_RAM");

	if (!ram)
		return real();
	unsetenv("BOCHS_RAM");
	return fopen(ram, "rb");
}
