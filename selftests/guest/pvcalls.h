/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A Xen PV kernel that makes hypercalls no Linux guest makes, or not in this way,
 * and says by console_io what came of them. One vCPU, events masked throughout.
 *
 * pvcalls.c	   what all need, event channels, memory reservation
 * pvcalls_grant.c grant tables
 * pvcalls_nmi.c   NMIs
 * pvcalls_misc.c  timers, watchdogs, the rest
 */
#ifndef PVCALLS_H
#define PVCALLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <xen/xen.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;

#define PAGE	   4096UL
#define VIRT_BASE  0xffffffff80000000UL
#define MACH2PHYS  ((const u64 *)0xffff800000000000UL)
#define PTE_KERNEL 0x63UL /* present, writable, accessed, dirty */

/* Numbers of xen/errno.h */
#define EPERM  1
#define ENOENT 2
#define ESRCH  3
#define EFAULT 14
#define EBUSY  16
#define EINVAL 22
#define ENOSPC 28
#define ENOSYS 38

/* Pages for whoever needs some, eight in a row. */
extern u8 spare[8][PAGE];

static inline long hypercall(long nr, u64 a, u64 b, u64 c)
{
	long ret;

	asm volatile("syscall"
		     : "=a"(ret), "+D"(a), "+S"(b), "+d"(c)
		     : "0"(nr)
		     : "rcx", "r11", "r8", "r9", "r10", "memory");
	return ret;
}

/** check() - say whether what was to come has come */
void check(const char *what, bool good);

u64 pfn_of(const void *p);
u64 mfn_of(const void *p);

/** map_frame() - have a machine frame at a page of the kernel's */
bool map_frame(void *page, u64 mfn);

/** shared_info() - the page of that name, where it is mapped */
struct shared_info *shared_info(void);

void test_grants(void);
void test_nmi(void);
void test_misc(void);
void test_reset(void);
void end_by_watchdog(void);
void end_by_code(void);

#endif /* PVCALLS_H */
