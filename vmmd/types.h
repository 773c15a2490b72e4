/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The words every file of vmmd uses: fixed-width integers under the kernel's
 * short names and a handful of arithmetic helpers.
 */
#ifndef VMMD_TYPES_H
#define VMMD_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int64_t s64;

#define KIB		(1ULL << 10)
#define MIB		(1ULL << 20)
#define GIB		(1ULL << 30)
#define GUEST_PAGE_SIZE 4096ULL
#define NSEC_PER_SEC	1000000000ULL

#define ARRAY_SIZE(a)			(sizeof(a) / sizeof((a)[0]))
#define ALIGN_DOWN(x, a)		((x) & ~((__typeof__(x))(a)-1))
#define ALIGN_UP(x, a)			ALIGN_DOWN((x) + ((__typeof__(x))(a)-1), (a))
#define container_of(ptr, type, member) ((type *)((char *)(ptr)-offsetof(type, member)))

#define min_t(type, a, b)                                                                          \
	({                                                                                         \
		type _a = (a);                                                                     \
		type _b = (b);                                                                     \
		_a < _b ? _a : _b;                                                                 \
	})

/**
 * range_fits() - does [start, start + len) lie wholly inside [0, limit)?
 * @start: first byte
 * @len: bytes; 0 fits wherever @start <= @limit
 * @limit: first byte outside
 *
 * Written so that no term can wrap, whatever a guest put into @start and @len.
 */
static inline bool range_fits(u64 start, u64 len, u64 limit)
{
	return start <= limit && len <= limit - start;
}

#endif /* VMMD_TYPES_H */
