// SPDX-License-Identifier: GPL-2.0
/* The AML writer. See aml.h; section numbers are of ACPI 6.5. */
#include <string.h>

#include "aml.h"

/* Opcodes (20.3) */
#define AML_ZERO       0x00
#define AML_ONE	       0x01
#define AML_NAME       0x08
#define AML_BYTE       0x0a
#define AML_WORD       0x0b
#define AML_DWORD      0x0c
#define AML_STRING     0x0d
#define AML_QWORD      0x0e
#define AML_SCOPE      0x10
#define AML_BUFFER     0x11
#define AML_PACKAGE    0x12
#define AML_EXT	       0x5b
#define AML_EXT_DEVICE 0x82
#define AML_ROOT       '\\'

#define NAME_SEG 4
/* Room kept for PkgLength, which is known only at the end (20.2.4). */
#define PKG_LENGTH     3
#define PKG_LENGTH_MAX 0xfffff

static void put(struct aml *aml, const void *bytes, size_t len)
{
	if (!range_fits(aml->len, len, aml->size)) {
		aml->overflow = true;
		return;
	}
	memcpy(aml->buf + aml->len, bytes, len);
	aml->len += len;
}

static void put8(struct aml *aml, u8 v)
{
	put(aml, &v, sizeof(v));
}

static void put16(struct aml *aml, u16 v)
{
	put(aml, &v, sizeof(v));
}

static void put32(struct aml *aml, u32 v)
{
	put(aml, &v, sizeof(v));
}

/* A name segment has four characters; shorter ones end in underscores. */
static void put_name(struct aml *aml, const char *name)
{
	size_t i;

	if (*name == AML_ROOT)
		put8(aml, (u8)*name++);
	for (i = 0; i < NAME_SEG; i++)
		put8(aml, *name ? (u8)*name++ : '_');
}

static size_t begin(struct aml *aml)
{
	static const u8 room[PKG_LENGTH];
	size_t at = aml->len;

	put(aml, room, sizeof(room));
	return at;
}

void aml_end(struct aml *aml, size_t begin)
{
	size_t len = aml->len - begin;

	if (aml->overflow || len > PKG_LENGTH_MAX) {
		aml->overflow = true;
		return;
	}
	/* Two more bytes follow; the lead byte has the lowest four bits. */
	aml->buf[begin] = (u8)((PKG_LENGTH - 1) << 6 | (len & 0xf));
	aml->buf[begin + 1] = (u8)(len >> 4);
	aml->buf[begin + 2] = (u8)(len >> 12);
}

size_t aml_begin_scope(struct aml *aml, const char *name)
{
	size_t at;

	put8(aml, AML_SCOPE);
	at = begin(aml);
	put_name(aml, name);
	return at;
}

size_t aml_begin_device(struct aml *aml, const char *name)
{
	size_t at;

	put8(aml, AML_EXT);
	put8(aml, AML_EXT_DEVICE);
	at = begin(aml);
	put_name(aml, name);
	return at;
}

size_t aml_begin_package(struct aml *aml, u8 elements)
{
	size_t at;

	put8(aml, AML_PACKAGE);
	at = begin(aml);
	put8(aml, elements);
	return at;
}

void aml_name(struct aml *aml, const char *name)
{
	put8(aml, AML_NAME);
	put_name(aml, name);
}

void aml_int(struct aml *aml, u64 value)
{
	if (value <= 1) {
		put8(aml, value ? AML_ONE : AML_ZERO);
	} else if (value <= UINT8_MAX) {
		put8(aml, AML_BYTE);
		put8(aml, (u8)value);
	} else if (value <= UINT16_MAX) {
		put8(aml, AML_WORD);
		put16(aml, (u16)value);
	} else if (value <= UINT32_MAX) {
		put8(aml, AML_DWORD);
		put32(aml, (u32)value);
	} else {
		put8(aml, AML_QWORD);
		put(aml, &value, sizeof(value));
	}
}

void aml_string(struct aml *aml, const char *s)
{
	put8(aml, AML_STRING);
	put(aml, s, strlen(s) + 1);
}

static u32 hex_digit(char c)
{
	return c <= '9' ? (u32)(c - '0') : (u32)(c - 'A' + 10);
}

/* Three letters of five bits, four hex digits, high byte first (19.3.4). */
void aml_eisaid(struct aml *aml, const char *id)
{
	u32 v = 0;
	int i;

	for (i = 0; i < 3; i++)
		v = v << 5 | (u32)(id[i] - '@');
	for (i = 3; i < 7; i++)
		v = v << 4 | hex_digit(id[i]);
	put8(aml, AML_DWORD);
	put32(aml, __builtin_bswap32(v));
}

/*
 * Buffer: PkgLength, BufferSize, bytes. The size is an integer object of
 * fixed width, filled in at the end like the length.
 */
size_t aml_begin_resources(struct aml *aml)
{
	size_t at;

	put8(aml, AML_BUFFER);
	at = begin(aml);
	put8(aml, AML_WORD);
	put16(aml, 0);
	return at;
}

void aml_end_resources(struct aml *aml, size_t begin)
{
	const size_t head = PKG_LENGTH + 1 + sizeof(u16);
	u16 size;

	/* End tag with checksum 0, which means "not summed" (6.4.2.9). */
	put8(aml, 0x79);
	put8(aml, 0);
	if (!aml->overflow) {
		size = (u16)(aml->len - begin - head);
		memcpy(aml->buf + begin + PKG_LENGTH + 1, &size, sizeof(size));
	}
	aml_end(aml, begin);
}

void aml_res_io(struct aml *aml, u16 base, u8 len)
{
	put8(aml, 0x47);
	put8(aml, 1);
	put16(aml, base);
	put16(aml, base);
	put8(aml, 1);
	put8(aml, len);
}

void aml_res_irq(struct aml *aml, u8 irq)
{
	put8(aml, 0x22);
	put16(aml, (u16)(1U << irq));
}

void aml_res_memory32(struct aml *aml, u32 base, u32 len)
{
	put8(aml, 0x86);
	put16(aml, 9);
	put8(aml, 1);
	put32(aml, base);
	put32(aml, len);
}

/* Address space descriptors: kind 0 memory, 1 I/O, 2 bus numbers. */
#define RES_MEMORY    0
#define RES_IO	      1
#define RES_BUS	      2
#define RES_FIXED     0x0c /* both ends fixed, produced by a bridge */
#define RES_IO_ENTIRE 0x03
#define RES_MEMORY_RW 0x01

static void res_word(struct aml *aml, u8 kind, u8 specific, u16 first, u16 last)
{
	put8(aml, 0x88);
	put16(aml, 13);
	put8(aml, kind);
	put8(aml, RES_FIXED);
	put8(aml, specific);
	put16(aml, 0);
	put16(aml, first);
	put16(aml, last);
	put16(aml, 0);
	put16(aml, (u16)(last - first + 1));
}

void aml_res_bus(struct aml *aml, u16 first, u16 last)
{
	res_word(aml, RES_BUS, 0, first, last);
}

void aml_res_io_window(struct aml *aml, u16 first, u16 last)
{
	res_word(aml, RES_IO, RES_IO_ENTIRE, first, last);
}

void aml_res_memory_window(struct aml *aml, u32 first, u32 last)
{
	put8(aml, 0x87);
	put16(aml, 23);
	put8(aml, RES_MEMORY);
	put8(aml, RES_FIXED);
	put8(aml, RES_MEMORY_RW);
	put32(aml, 0);
	put32(aml, first);
	put32(aml, last);
	put32(aml, 0);
	put32(aml, last - first + 1);
}
