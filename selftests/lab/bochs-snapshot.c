// SPDX-License-Identifier: GPL-2.0
/*
 * Loaded into Bochs (LD_PRELOAD) by the lab, for three reasons.
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
 * Interrupts that the CPU delivers to a guest by itself have a name: when one
 * meets a nested fault on its way, Bochs 2.7 says in the IDT-vectoring
 * information that the last exception, long over, was under delivery.
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
static void ***all_cpus;

/* What Bochs calls before each hardware interrupt, for instrumentation. */
static void on_interrupt(unsigned int cpu, unsigned int vector)
{
	/* Type 0: an external interrupt. */
	*(unsigned int *)((char *)(*all_cpus)[cpu] + vectoring) = vector;
}

/* Have that hook, an empty function, call the one above. */
__attribute__((constructor)) static void name_interrupts(void)
{
	unsigned char *hook = dlsym(RTLD_DEFAULT, "_Z20bx_instr_hwinterruptjjtm");
	unsigned char *event = dlsym(RTLD_DEFAULT, "_ZN8BX_CPU_C12VMexit_EventEjjtbm");
	/* movabs $on_interrupt, %rax; jmp *%rax */
	unsigned char jump[12] = {0x48, 0xb8, [10] = 0xff, 0xe0};
	void (*target)(unsigned int, unsigned int) = on_interrupt;
	unsigned char *page;
	int i;

	all_cpus = dlsym(RTLD_DEFAULT, "bx_cpu_array");
	if (!hook || !event || !all_cpus || *hook != 0xc3)
		return;
	/* mov %ebx, offset(%rbp): the store of type and vector */
	for (i = 0; i < 256 && !vectoring; i++)
		if (event[i] == 0x89 && event[i + 1] == 0x9d)
			memcpy(&vectoring, event + i + 2, sizeof(vectoring));
	page = (unsigned char *)((unsigned long)hook & ~4095UL);
	if (!vectoring || mprotect(page, 8192, PROT_READ | PROT_WRITE | PROT_EXEC))
		return;
	memcpy(jump + 2, &target, sizeof(target));
	memcpy(hook, jump, sizeof(jump));
	mprotect(page, 8192, PROT_READ | PROT_EXEC);
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
