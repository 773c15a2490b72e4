/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A writer of ACPI Machine Language (ACPI 6.5, chapter 20) with just the
 * words that the DSDT of acpi_dsdt.c is made of.
 */
#ifndef VMMD_AML_H
#define VMMD_AML_H

#include "types.h"

/**
 * struct aml - text being written
 * @buf: where
 * @size: room in bytes
 * @len: bytes written so far
 * @overflow: something did not fit; what is in @buf is useless then
 */
struct aml {
	u8 *buf;
	size_t size;
	size_t len;
	bool overflow;
};

/* Terms that contain others: what aml_begin_*() returns goes to aml_end(). */
size_t aml_begin_scope(struct aml *aml, const char *name);
size_t aml_begin_device(struct aml *aml, const char *name);
size_t aml_begin_package(struct aml *aml, u8 elements);

/**
 * aml_end() - close a term: fill in its length
 * @aml: the text
 * @begin: value of the matching aml_begin_*()
 */
void aml_end(struct aml *aml, size_t begin);

/** aml_name() - Name (@name, ...); the object that follows is the value */
void aml_name(struct aml *aml, const char *name);
/** aml_int() - an integer object in its shortest form */
void aml_int(struct aml *aml, u64 value);
/** aml_string() - a string object */
void aml_string(struct aml *aml, const char *s);
/** aml_eisaid() - an integer object made of a PNP id such as "PNP0501" */
void aml_eisaid(struct aml *aml, const char *id);

/**
 * aml_begin_resources() - a buffer object for resource descriptors
 * @aml: the text
 *
 * Followed by aml_res_*() calls and closed by aml_end_resources().
 */
size_t aml_begin_resources(struct aml *aml);
/** aml_end_resources() - write the end tag and close the buffer */
void aml_end_resources(struct aml *aml, size_t begin);
/** aml_res_io() - ports decoded by 16 address bits (6.4.2.5) */
void aml_res_io(struct aml *aml, u16 base, u8 len);
/** aml_res_irq() - an edge-triggered, active high ISA interrupt (6.4.2.1) */
void aml_res_irq(struct aml *aml, u8 irq);
/** aml_res_memory32() - fixed memory range (6.4.3.4) */
void aml_res_memory32(struct aml *aml, u32 base, u32 len);
/** aml_res_bus() - bus numbers that a bridge produces (6.4.3.5.3) */
void aml_res_bus(struct aml *aml, u16 first, u16 last);
/** aml_res_io_window() - ports that a bridge passes on (6.4.3.5.3) */
void aml_res_io_window(struct aml *aml, u16 first, u16 last);
/** aml_res_memory_window() - memory that a bridge passes on (6.4.3.5.2) */
void aml_res_memory_window(struct aml *aml, u32 first, u32 last);

#endif /* VMMD_AML_H */
