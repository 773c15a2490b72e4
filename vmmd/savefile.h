/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The file that a guest is saved to: its form, and reading it.
 *
 *	struct savefile_head
 *	configuration: text in the language of hvctl.cfg(5)
 *	records, each a struct savefile_record and what it is of:
 *		SAVEFILE_GUEST	struct savefile_guest
 *		SAVEFILE_VCPU	struct vcpu_state, one for each vCPU
 *		SAVEFILE_MEMORY struct savefile_memory and whole pages, any number;
 *				what is in none of them is zero
 *		SAVEFILE_END	nothing
 *
 * All numbers are little endian, all structures without holes. A file can come
 * from anybody: what the checksums prove is that it is whole, not that it means
 * well. It is read front to back, so that it may be a pipe.
 *
 * A struct savefile belongs to one thread.
 */
#ifndef VMMD_SAVEFILE_H
#define VMMD_SAVEFILE_H

#include "config.h"
#include "types.h"

/* To be counted up with each change of the form. */
#define SAVEFILE_VERSION 1
#define SAVEFILE_MAGIC	 "hvctl saved PV\n\x1a"

#define SAVEFILE_CONFIG_MAX (1U << 20)
/* The largest record: a piece of memory. */
#define SAVEFILE_PIECE (1U << 20)

/**
 * struct savefile_head - first bytes of the file
 * @magic: SAVEFILE_MAGIC, without the NUL
 * @version: SAVEFILE_VERSION
 * @config_bytes: of the text that follows
 * @config_crc: of the text; CRC-32 as zlib has it, like all
 * @crc: of what stands before it here
 */
struct savefile_head {
	char magic[16];
	u32 version;
	u32 config_bytes;
	u32 config_crc;
	u32 crc;
};

enum savefile_type {
	SAVEFILE_GUEST = 1,
	SAVEFILE_VCPU,
	SAVEFILE_MEMORY,
	SAVEFILE_END,
};

/**
 * struct savefile_record - what stands before each record
 * @type: enum savefile_type
 * @len: bytes that follow
 * @data_crc: of these
 * @crc: of what stands before it here
 */
struct savefile_record {
	u32 type;
	u32 len;
	u32 data_crc;
	u32 crc;
};

/* Registers of CPUID that a guest builds upon, see savefile_guest. */
#define SAVEFILE_CPUID 12

/**
 * struct savefile_guest - what vmmd knows of the guest
 * @shim_abi: SHIM_ABI of the shim in its memory
 * @vcpus: how many there are
 * @online: how many of them it is asked to use
 * @controls: bits for what it listens to in control/ of xenstore
 * @ram: bytes of RAM
 * @hole: bytes that the shim has
 * @l4: places of the shim, as in struct shim_places
 * @l4_entries: likewise
 * @shared_info: likewise
 * @events: likewise
 * @grants: likewise
 * @vcpu_pages: likewise
 * @vcpu_ptes: likewise
 * @store: GPA of the page of xenstore's ring
 * @console: GPA of the page of the console's rings
 * @start_info: GPA of that page
 * @limit_mib: memory that it may have
 * @target_mib: memory that it is asked to have
 * @tsc: what all vCPUs read
 * @clock_ns: its kvmclock at the same moment
 * @tsc_khz: frequency of the TSC
 * @hypercall_gate: as in struct shim_places
 * @cpuid: features of the CPU
 * @vif_id: numbers of the network cards, in the order of the configuration
 */
struct savefile_guest {
	u32 shim_abi;
	u32 vcpus;
	u32 online;
	u32 controls;
	u64 ram;
	u64 hole;
	u64 l4;
	u64 l4_entries[2];
	u64 shared_info;
	u64 events;
	u64 grants;
	u64 vcpu_pages;
	u64 vcpu_ptes;
	u64 store;
	u64 console;
	u64 start_info;
	u64 limit_mib;
	u64 target_mib;
	u64 tsc;
	u64 clock_ns;
	u32 tsc_khz;
	u32 hypercall_gate;
	u32 cpuid[SAVEFILE_CPUID];
	u32 vif_id[CONFIG_VIFS_MAX];
};

/** struct savefile_memory - GPA of the first of the pages that follow */
struct savefile_memory {
	u64 gpa;
};

#define SAVEFILE_WHY_MAX 128

/**
 * struct savefile - a file being read
 * @fd: its descriptor, the caller's
 * @rec: the record that was read last
 * @left: bytes of it that were not read yet
 * @crc: of those that were
 * @why: what is wrong with the file, when a function has failed
 */
struct savefile {
	int fd;
	struct savefile_record rec;
	u32 left;
	u32 crc;
	char why[SAVEFILE_WHY_MAX];
};

/**
 * savefile_open() - read head and configuration
 * @f: out
 * @fd: at the start of the file
 * @config: out: the text with a NUL behind it, to be freed
 * @len: out: its bytes
 *
 * Return: 0 or a negative errno, with f->why: -EBADMSG for what is not such a
 * file or not whole, -EPROTO for one of another version, what read(2) says.
 */
int savefile_open(struct savefile *f, int fd, char **config, size_t *len);

/**
 * savefile_next() - go to the next record
 * @f: open; what was left of the last record is skipped, and checked
 *
 * Return: its enum savefile_type or a negative errno, with f->why.
 */
int savefile_next(struct savefile *f);

/**
 * savefile_read() - read from the record
 * @f: open
 * @buf: where to
 * @len: bytes
 *
 * With the last byte the checksum is compared.
 * Return: 0 or a negative errno, with f->why; -EBADMSG when there are not so many.
 */
int savefile_read(struct savefile *f, void *buf, size_t len);

/** savefile_crc() - CRC-32, begun with @crc = 0 */
u32 savefile_crc(u32 crc, const void *data, size_t len);

#endif /* VMMD_SAVEFILE_H */
