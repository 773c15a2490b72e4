// SPDX-License-Identifier: GPL-2.0
/* The shim in a guest's memory. See shim_load.h. */
#include <asm/processor-flags.h>
#include <errno.h>
#include <string.h>

#include "boot/pv.h"
#include "shim/abi.h"
#include "vm.h"
#include "xen/shim_load.h"
#include "xen/xen_internal.h"

/* The flat image, from shim_image.S. */
extern const u8 shim_image[], shim_image_end[];

#define PTE_PRESENT  (1ULL << 0)
#define PTE_WRITE    (1ULL << 1)
#define PTE_ACCESSED (1ULL << 5)
#define PTE_DIRTY    (1ULL << 6)
#define PTE_LARGE    (1ULL << 7)
#define PTE_NX	     (1ULL << 63)
#define PTE_TABLE    (PTE_PRESENT | PTE_WRITE | PTE_ACCESSED)
#define PTE_DATA     (PTE_TABLE | PTE_DIRTY | PTE_NX)
#define PTE_TEXT     (PTE_TABLE | PTE_DIRTY)
#define PT_ENTRIES   512
#define LARGE_PAGE   (2 * MIB)

#define MSR_APIC_BASE 0xfee00000ULL
#define APIC_BASE_BSP (1ULL << 8)
#define APIC_BASE_X2  (1ULL << 10)
#define APIC_BASE_ON  (1ULL << 11)
#define EFER_SCE      (1ULL << 0)
#define EFER_LME      (1ULL << 8)
#define EFER_LMA      (1ULL << 10)
#define EFER_NXE      (1ULL << 11)
#define SEG_CODE      0xb /* execute, read, accessed */
#define SEG_DATA      0x3
#define SEG_TSS_BUSY  0xb

/* Pages of a vCPU's range that are memory of the shim's; the other part of its
 * GDT is the guest's.
 */
#define VCPU_PAGES ((SHIM_VCPU_END - SHIM_GDT_RESERVED) / GUEST_PAGE_SIZE)
/* vCPUs whose ranges one L1 table maps. */
#define VCPUS_PER_L1 ((u32)(PT_ENTRIES * GUEST_PAGE_SIZE / SHIM_VCPU_STRIDE))

/* Where struct tss is, for TR: the shim's descriptor says the same. */
#define TSS_LIMIT 0x67

static u64 ram_end(u64 ram)
{
	return ram <= MEM_LOW_LIMIT ? ram : MEM_HIGH_BASE + ram - MEM_LOW_LIMIT;
}

/* Tables map guest memory up to here, by large pages, the shim's included. */
static u64 map_end(u64 ram)
{
	u64 end = ALIGN_UP(ram_end(ram), GIB);

	return end < MEM_HIGH_BASE ? MEM_HIGH_BASE : end;
}

static u64 m2p_bytes(u64 ram)
{
	return ALIGN_UP(ram_end(ram) / GUEST_PAGE_SIZE * sizeof(u64), LARGE_PAGE);
}

static u64 image_bytes(void)
{
	struct shim_header header;

	memcpy(&header, shim_image, sizeof(header));
	return header.image_end - SHIM_VA;
}

static u32 l1_tables(u32 vcpus)
{
	return (vcpus + VCPUS_PER_L1 - 1) / VCPUS_PER_L1;
}

/* All but the image and the machine-to-physical table, in pages. */
static u64 small_pages(u32 vcpus, u64 ram)
{
	u64 tables = 1			     /* L4 */
		     + 2		     /* L3s */
		     + map_end(ram) / GIB    /* L2s of guest memory */
		     + 1		     /* L2 of the M2P */
		     + 2		     /* L2, L1 of the image */
		     + 1 + l1_tables(vcpus); /* L2, L1s of the vCPUs */

	return tables + 1 /* shared_info */ + 2 /* events */ + SHIM_GRANT_FRAMES +
	       SHIM_GRANT_STATUS_FRAMES + vcpus * VCPU_PAGES;
}

u64 shim_bytes(u32 vcpus, u64 ram)
{
	u64 small = image_bytes() + small_pages(vcpus, ram) * GUEST_PAGE_SIZE;

	return ALIGN_UP(small, LARGE_PAGE) + m2p_bytes(ram);
}

/**
 * struct loader - memory being handed out
 * @vm: the VM
 * @next: first free GPA
 */
struct loader {
	struct vm *vm;
	u64 next;
};

static u64 take(struct loader *l, u64 pages)
{
	u64 gpa = l->next;

	l->next += pages * GUEST_PAGE_SIZE;
	return gpa;
}

/* A table; mem_range() cannot fail in memory of shim_bytes(). */
static u64 *table(struct loader *l, u64 gpa)
{
	return mem_range(&l->vm->mem, gpa, GUEST_PAGE_SIZE);
}

static u32 index_of(u64 va, u32 level)
{
	return va >> (12 + 9 * (level - 1)) & (PT_ENTRIES - 1);
}

static void map_guest_memory(struct loader *l, u64 *l3, u64 end)
{
	u64 gib, gpa, *l2;
	u32 i;

	for (gib = 0; gib < end / GIB; gib++) {
		gpa = take(l, 1);
		l3[gib] = gpa | PTE_TABLE;
		l2 = table(l, gpa);
		for (i = 0; i < PT_ENTRIES; i++)
			l2[i] = (gib * GIB + i * LARGE_PAGE) | PTE_DATA | PTE_LARGE;
	}
}

static void map_m2p(struct loader *l, u64 *l3, u64 gpa, u64 bytes)
{
	u64 tables = take(l, 1), *l2 = table(l, tables);
	u32 i;

	l3[index_of(SHIM_M2P_VA, 3)] = tables | PTE_TABLE;
	for (i = 0; i < bytes / LARGE_PAGE; i++)
		l2[i] = (gpa + i * LARGE_PAGE) | PTE_DATA | PTE_LARGE;
}

static void map_image(struct loader *l, u64 *l3, u64 gpa, u64 bytes)
{
	u64 tables = take(l, 2), *l2 = table(l, tables);
	u64 *l1 = table(l, tables + GUEST_PAGE_SIZE);
	u32 i;

	l3[index_of(SHIM_VA, 3)] = tables | PTE_TABLE;
	l2[index_of(SHIM_VA, 2)] = (tables + GUEST_PAGE_SIZE) | PTE_TABLE;
	for (i = 0; i < bytes / GUEST_PAGE_SIZE; i++)
		l1[i] = (gpa + i * GUEST_PAGE_SIZE) | PTE_TEXT;
}

static bool is_text(u64 offset)
{
	return offset >= SHIM_VCPU_STUBS && offset < SHIM_VCPU_DATA;
}

/* Each vCPU's pages, and the entry points copied into them. */
static void map_vcpu(struct loader *l, u64 *ptes, u32 id, const struct shim_header *header)
{
	u64 offset, gpa = take(l, VCPU_PAGES), len = header->stubs_end - header->stubs;
	u64 stubs = gpa + SHIM_VCPU_STUBS - SHIM_GDT_RESERVED;
	u64 *pte = ptes + id * (SHIM_VCPU_STRIDE / GUEST_PAGE_SIZE);

	for (offset = SHIM_GDT_RESERVED; offset < SHIM_VCPU_END; offset += GUEST_PAGE_SIZE)
		pte[offset / GUEST_PAGE_SIZE] = (gpa + offset - SHIM_GDT_RESERVED) |
						(is_text(offset) ? PTE_TEXT : PTE_DATA);
	mem_write(&l->vm->mem, stubs, shim_image + (header->stubs - SHIM_VA), len);
}

static void map_vcpus(struct loader *l, u64 *l3, struct shim_places *p,
		      const struct shim_header *header)
{
	u32 i, vcpus = l->vm->cfg.vcpus, n = l1_tables(vcpus);
	u64 tables = take(l, 1), *l2 = table(l, tables);

	p->vcpu_ptes = take(l, n);
	l3[index_of(SHIM_VCPU_VA, 3)] = tables | PTE_TABLE;
	for (i = 0; i < n; i++)
		l2[i] = (p->vcpu_ptes + i * GUEST_PAGE_SIZE) | PTE_TABLE;
	p->vcpus = l->next;
	for (i = 0; i < vcpus; i++)
		map_vcpu(l, table(l, p->vcpu_ptes), i, header);
}

/* PFNs and MFNs are the same below the hole. What the guest starts without is as given back. */
static void fill_m2p(struct vm *vm, u64 gpa, u64 nr_pages)
{
	u64 start = xen_memory_start(vm);
	u64 *m2p = mem_range(&vm->mem, gpa, m2p_bytes(nr_pages * GUEST_PAGE_SIZE));
	u64 pfn;

	for (pfn = 0; pfn < nr_pages; pfn++)
		m2p[pv_mfn(vm, pfn)] = pfn < start ? pfn : SHIM_M2P_NOBODY;
}

static void fill_info(struct vm *vm, const struct shim_places *p, u64 ram)
{
	u64 low = ram < MEM_LOW_LIMIT ? ram : MEM_LOW_LIMIT;
	struct shim_info info = {
		.nr_vcpus = vm->cfg.vcpus,
		.user_pgd = vm->xen->user_pgd,
		.max_pages = ram / GUEST_PAGE_SIZE,
		.given = ram / GUEST_PAGE_SIZE - xen_memory_start(vm),
		.low_pages = low / GUEST_PAGE_SIZE,
		.high_mfn = MEM_HIGH_BASE / GUEST_PAGE_SIZE,
		.nr_mfns = ram_end(ram) / GUEST_PAGE_SIZE,
		.shared_info = p->shared_info,
		.events = p->events,
		.grants = p->grants,
		.grant_version = 1,
		.vcpu_ptes = p->vcpu_ptes,
	};

	memcpy(info.uuid, vm->cfg.uuid, sizeof(info.uuid));
	memcpy(info.l4_entries, p->l4_entries, sizeof(info.l4_entries));
	mem_write(&vm->mem, MEM_PCI32_BASE + offsetof(struct shim_header, info), &info,
		  sizeof(info));
}

int shim_load(struct vm *vm, struct shim_places *p)
{
	u64 ram = mem_ram(&vm->mem), l3_low, l3_high, *l4, m2p, len = image_bytes();
	struct loader l = {.vm = vm, .next = MEM_PCI32_BASE};
	struct shim_header header;

	if (!mem_range(&vm->mem, MEM_PCI32_BASE, shim_bytes(vm->cfg.vcpus, ram)))
		return -EFAULT;
	memcpy(&header, shim_image, sizeof(header));
	mem_write(&vm->mem, take(&l, len / GUEST_PAGE_SIZE), shim_image,
		  (size_t)(shim_image_end - shim_image));

	p->hypercall_gate = (u32)(header.hypercall - header.stubs) + SHIM_VCPU_STUBS;
	p->l4 = take(&l, 1);
	l3_low = take(&l, 1);
	l3_high = take(&l, 1);
	p->l4_entries[0] = l3_low | PTE_TABLE;
	p->l4_entries[1] = l3_high | PTE_TABLE;
	l4 = table(&l, p->l4);
	memcpy(l4 + SHIM_L4_SLOT, p->l4_entries, sizeof(p->l4_entries));

	map_guest_memory(&l, table(&l, l3_high), map_end(ram));
	map_image(&l, table(&l, l3_low), MEM_PCI32_BASE, len);
	map_vcpus(&l, table(&l, l3_low), p, &header);
	p->shared_info = take(&l, 1);
	p->events = take(&l, 2);
	p->grants = take(&l, SHIM_GRANT_FRAMES + SHIM_GRANT_STATUS_FRAMES);
	m2p = ALIGN_UP(l.next + GUEST_PAGE_SIZE, LARGE_PAGE);
	map_m2p(&l, table(&l, l3_low), m2p, m2p_bytes(ram));
	fill_m2p(vm, m2p, ram / GUEST_PAGE_SIZE);
	fill_info(vm, p, ram);
	return 0;
}

/* ------------------------------------------------------------ vCPUs */

static struct kvm_segment segment(u16 selector, u8 type, bool code)
{
	return (struct kvm_segment){
		.selector = selector,
		.limit = 0xffffffff,
		.type = type,
		.present = 1,
		.s = 1,
		.g = 1,
		.l = code,
		.db = !code,
	};
}

static int start_vcpu(struct vcpu *vcpu, const struct shim_places *p, u64 entry)
{
	u64 base = SHIM_VCPU_VA + vcpu->id * SHIM_VCPU_STRIDE;
	struct kvm_regs r = {
		.rip = entry,
		.rdi = vcpu->id,
		/* As behind a call: what the compiler expects of it. */
		.rsp = base + SHIM_VCPU_END - sizeof(u64),
		.rflags = X86_EFLAGS_FIXED,
	};
	struct kvm_mp_state run = {.mp_state = KVM_MP_STATE_RUNNABLE};
	struct kvm_sregs s;
	int ret;

	ret = hv_ioctl(vcpu->fd, KVM_GET_SREGS, &s);
	if (ret)
		goto out;
	s.cs = segment(SHIM_CS, SEG_CODE, true);
	s.ss = segment(SHIM_SS, SEG_DATA, false);
	s.ds = s.es = s.fs = s.gs = (struct kvm_segment){.unusable = 1};
	s.ldt = (struct kvm_segment){.unusable = 1};
	s.tr = (struct kvm_segment){
		.selector = SHIM_TSS,
		.base = base + SHIM_VCPU_TSS,
		.limit = TSS_LIMIT,
		.type = SEG_TSS_BUSY,
		.present = 1,
	};
	s.gdt = (struct kvm_dtable){.base = base + SHIM_VCPU_GDT, .limit = SHIM_GDT_LIMIT};
	s.idt = (struct kvm_dtable){.base = base + SHIM_VCPU_IDT, .limit = GUEST_PAGE_SIZE - 1};
	s.cr0 = X86_CR0_PE | X86_CR0_MP | X86_CR0_ET | X86_CR0_NE | X86_CR0_WP | X86_CR0_AM |
		X86_CR0_PG;
	s.cr3 = p->l4;
	s.cr4 = X86_CR4_PAE | X86_CR4_OSFXSR | X86_CR4_OSXMMEXCPT;
	s.efer = EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE;
	s.apic_base = MSR_APIC_BASE | APIC_BASE_ON | APIC_BASE_X2 | (vcpu->id ? 0 : APIC_BASE_BSP);
	ret = hv_ioctl(vcpu->fd, KVM_SET_SREGS, &s);
	if (!ret)
		ret = hv_ioctl(vcpu->fd, KVM_SET_REGS, &r);
	if (!ret)
		ret = hv_ioctl(vcpu->fd, KVM_SET_MP_STATE, &run);
out:
	if (ret)
		log_err("vCPU %u: registers for the shim refused: %s", vcpu->id, strerror(-ret));
	return ret;
}

int shim_start(struct vm *vm, const struct shim_places *p, const struct pv_start *start)
{
	const struct shim_start regs = {
		.rip = start->rip,
		.rsi = start->rsi,
		.rsp = start->rsp,
		.cr3 = start->cr3,
	};
	struct shim_header header;
	int ret = 0;
	u32 i;

	memcpy(&header, shim_image, sizeof(header));
	mem_write(&vm->mem,
		  MEM_PCI32_BASE + offsetof(struct shim_header, info) +
			  offsetof(struct shim_info, start),
		  &regs, sizeof(regs));
	for (i = 0; i < vm->cfg.vcpus && !ret; i++)
		ret = start_vcpu(&vm->vcpu[i], p, header.entry);
	return ret;
}
