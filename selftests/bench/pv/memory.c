// SPDX-License-Identifier: GPL-2.0
/*
 * Memory that is touched. With pages of 4 KiB everywhere: a PV guest of Xen's
 * has no larger ones, and a fault for 512 pages would be another operation.
 */
#include "pvbench.h"

#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#define PAGE 4096UL

static char *map(uint32_t pages, int flags, int fd)
{
	char *p = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE, flags, fd, 0);

	if (p == MAP_FAILED)
		die("mmap");
	madvise(p, pages * PAGE, MADV_NOHUGEPAGE);
	return p;
}

static void touch(volatile char *p, uint32_t pages)
{
	for (; pages--; p += PAGE)
		*p = 1;
}

/* Anonymous memory: mapped, cleared page by page as it is touched, given back. */
void op_mmap_touch(uint32_t n)
{
	char *p = map(n, MAP_PRIVATE | MAP_ANONYMOUS, -1);

	touch(p, n);
	munmap(p, n * PAGE);
}

/* Pages that the page cache has: nothing but the faults. */
void op_fault(uint32_t n)
{
	static int file = -1;
	static uint32_t size;
	char *p;

	if (file < 0) {
		file = memfd_create("fault", MFD_CLOEXEC);
		if (file < 0)
			die("memfd_create");
	}
	if (n > size) {
		if (ftruncate(file, (off_t)(n * PAGE)))
			die("ftruncate");
		p = map(n, MAP_SHARED, file);
		touch(p, n);
		munmap(p, n * PAGE);
		size = n;
	}
	p = map(n, MAP_SHARED, file);
	touch(p, n);
	munmap(p, n * PAGE);
}

extern const char behind_the_write[];

static void skip_write(int signal, siginfo_t *info, void *context)
{
	ucontext_t *c = context;

	(void)signal;
	(void)info;
	c->uc_mcontext.gregs[REG_RIP] = (greg_t)behind_the_write;
}

/* Out of line, so that there is one of the label. */
static __attribute__((noinline)) void write_to(volatile char *p)
{
	asm volatile("movb $1, (%0)\n"
		     "behind_the_write:"
		     :
		     : "r"(p)
		     : "memory");
}

/* Writes to a page that may only be read: a fault and a signal each. */
void op_protection(uint32_t n)
{
	struct sigaction action = {.sa_sigaction = skip_write, .sa_flags = SA_SIGINFO};
	char *p = map(1, MAP_PRIVATE | MAP_ANONYMOUS, -1);

	touch(p, 1);
	if (mprotect(p, PAGE, PROT_READ))
		die("mprotect");
	sigaction(SIGSEGV, &action, NULL);
	while (n--)
		write_to(p);
	signal(SIGSEGV, SIG_DFL);
	munmap(p, PAGE);
}
