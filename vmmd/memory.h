/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Guest RAM: where it lies in the guest's address space and how vmmd reaches
 * it. RAM fills [0, 3 GiB) first and goes on at 4 GiB; what lies between is
 * the PCI hole with BARs, ECAM, I/O APIC and local APICs.
 */
#ifndef VMMD_MEMORY_H
#define VMMD_MEMORY_H

#include "types.h"

struct hv;

/* The guest's physical address map. acpi.c and boot/ tell it to the guest. */
#define MEM_LOW_LIMIT	 0xc0000000ULL /* RAM ends here, PCI hole starts */
#define MEM_PCI32_BASE	 0xc0000000ULL /* window for 32- and 64-bit BARs */
#define MEM_PCI32_SIZE	 0x20000000ULL
#define MEM_ECAM_BASE	 0xe0000000ULL /* PCI configuration space of bus 0 */
#define MEM_ECAM_SIZE	 0x00100000ULL
#define MEM_IOAPIC_BASE	 0xfec00000ULL
#define MEM_LAPIC_BASE	 0xfee00000ULL
#define MEM_IDENTITY_MAP 0xfffbc000ULL /* one page, see KVM_SET_IDENTITY.. */
#define MEM_TSS_BASE	 0xfffbd000ULL /* three pages, see KVM_SET_TSS_ADDR */
#define MEM_HIGH_BASE	 0x100000000ULL

/**
 * struct mem_region - one piece of RAM, contiguous for guest and host
 * @gpa: guest physical address of the first byte
 * @len: bytes, a multiple of the page size
 * @host: where it is mapped in vmmd
 */
struct mem_region {
	u64 gpa;
	u64 len;
	u8 *host;
};

/**
 * struct guest_mem - all RAM of a guest
 * @region: ascending by gpa; constant once mem_create() has returned
 * @nr: entries in use: 1, one more for guests with more than 3 GiB, and one more
 *	for those with memory in the hole
 * @size: bytes in all
 * @host: one mapping behind all regions
 */
struct guest_mem {
	struct mem_region region[3];
	u32 nr;
	u64 size;
	u8 *host;
};

/**
 * mem_create() - reserve a guest's RAM; pages are populated on first touch
 * @m: filled in
 * @bytes: how much, a multiple of the page size
 * @hole: how much there is besides at MEM_PCI32_BASE, for guests without PCI:
 *	  a multiple of 2 MiB
 *
 * Anonymous private memory, huge pages welcome: the one kind for which THP,
 * KSM, swap and MADV_DONTNEED work without further set-up on every host.
 * Return: 0 or a negative errno (logged).
 */
int mem_create(struct guest_mem *m, u64 bytes, u64 hole);

/** mem_ram() - bytes of RAM, without what lies in the hole */
u64 mem_ram(const struct guest_mem *m);

/** mem_destroy() - unmap what mem_create() mapped; harmless when repeated */
void mem_destroy(struct guest_mem *m);

/**
 * mem_discard() - drop all content: every page reads as zero again
 * @m: guest memory, no vCPU running and no device active
 */
void mem_discard(struct guest_mem *m);

/**
 * struct mem_run - pages to be given back that are neighbours, gathered
 * @gpa: the first's address
 * @len: bytes, 0 for none
 */
struct mem_run {
	u64 gpa;
	u64 len;
};

/**
 * mem_give() - give pages of the guest's back to the host: they read as zero
 * @m: guest memory, of a running guest
 * @run: empty at first; what is a neighbour of these pages waits for them
 * @gpa: first byte, as hostile as the guest likes; what is no RAM is left alone
 * @len: bytes
 *
 * mem_give_end() gives back the rest. Context: any thread.
 */
void mem_give(const struct guest_mem *m, struct mem_run *run, u64 gpa, u64 len);

/** mem_give_end() - the last pages of a run have come */
void mem_give_end(const struct guest_mem *m, struct mem_run *run);

/**
 * mem_register() - make the regions known to the hypervisor as slots 0..nr-1
 * @m: guest memory
 * @hv: a created VM
 *
 * Return: 0 or a negative errno (logged).
 */
int mem_register(const struct guest_mem *m, struct hv *hv);

/**
 * mem_range() - THE bounds check for guest addresses
 * @m: guest memory
 * @gpa: first byte, as hostile as the guest likes
 * @len: bytes
 *
 * The memory stays shared with the running guest: copy what is to be checked
 * before checking it.
 * Context: any thread; takes no lock.
 * Return: host pointer to [@gpa, @gpa + @len) when that lies wholly inside
 * one RAM region, else NULL.
 */
void *mem_range(const struct guest_mem *m, u64 gpa, u64 len);

/**
 * mem_read() - copy out of guest memory
 * @m: guest memory
 * @gpa: source
 * @buf: destination
 * @len: bytes
 *
 * Return: 0, or -EFAULT when the range is not RAM; nothing is copied then.
 */
int mem_read(const struct guest_mem *m, u64 gpa, void *buf, size_t len);

/** mem_write() - copy into guest memory; mem_read() the other way round */
int mem_write(const struct guest_mem *m, u64 gpa, const void *buf, size_t len);

#endif /* VMMD_MEMORY_H */
