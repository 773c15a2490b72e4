// SPDX-License-Identifier: GPL-2.0
/*
 * What a program of a Xen PV guest finds behind I/O ports when its kernel lets it:
 * nothing, not even the doorbells of the shim. Exits with 0 when all is as it should be.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/io.h>

#define UNUSED	       0x80
#define DOORBELL       0xb0c4 /* to shut down */
#define SHUTDOWN_CRASH 3

static sigjmp_buf back;
static int failures;

static void faulted(int sig)
{
	(void)sig;
	siglongjmp(back, 1);
}

static void check(const char *what, bool good)
{
	printf("[%s]\t%s\n", good ? "OK" : "FAIL", what);
	failures += !good;
}

static bool may_read(uint16_t port)
{
	if (sigsetjmp(back, 1))
		return false;
	inb(port);
	return true;
}

static bool may_read_two(uint16_t port)
{
	if (sigsetjmp(back, 1))
		return false;
	inw(port);
	return true;
}

/* All of RAX, behind an IN of each width. */
static uint64_t read_8(uint64_t rax)
{
	asm volatile("inb %%dx, %%al" : "+a"(rax) : "d"(UNUSED));
	return rax;
}

static uint64_t read_8_imm(uint64_t rax)
{
	asm volatile("inb $0x80, %%al" : "+a"(rax));
	return rax;
}

static uint64_t read_16(uint64_t rax)
{
	asm volatile("inw %%dx, %%ax" : "+a"(rax) : "d"(UNUSED));
	return rax;
}

static uint64_t read_32(uint64_t rax)
{
	asm volatile("inl %%dx, %%eax" : "+a"(rax) : "d"(UNUSED));
	return rax;
}

int main(void)
{
	signal(SIGSEGV, faulted);
	check("without leave: a fault", !may_read(UNUSED));
	check("ioperm", !ioperm(UNUSED, 1, 1) && may_read(UNUSED));
	check("... only for that port", !may_read(UNUSED + 1) && !may_read(UNUSED - 1));
	check("... and not for two of them", !may_read_two(UNUSED));
	check("ioperm: two more", !ioperm(UNUSED, 4, 1) && may_read(UNUSED + 3));
	check("8 bits", read_8(0x1122334455667700) == 0x11223344556677ff);
	check("8 bits of a port in the code", read_8_imm(0x1122334455667700) == 0x11223344556677ff);
	check("16 bits", read_16(0x1122334455660000) == 0x112233445566ffff);
	check("32 bits", read_32(0x1122334455667788) == 0xffffffff);
	check("ioperm: taken back", !ioperm(UNUSED, 4, 0) && !may_read(UNUSED));
	check("iopl", !iopl(3) && may_read(UNUSED) && may_read(DOORBELL));
	outl(SHUTDOWN_CRASH, DOORBELL);
	check("what is written goes nowhere", true);
	check("iopl: taken back", !iopl(0) && !may_read(UNUSED));
	return failures != 0;
}
