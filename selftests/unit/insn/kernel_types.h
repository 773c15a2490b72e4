/* SPDX-License-Identifier: GPL-2.0 */
/* The kernel's names of integer types, for its files that need nothing else. */
#ifndef KERNEL_TYPES_H
#define KERNEL_TYPES_H

#include <stdbool.h>
#include <stdint.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int8_t s8;
typedef int16_t s16;

#endif /* KERNEL_TYPES_H */
