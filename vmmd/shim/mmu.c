// SPDX-License-Identifier: GPL-2.0
/*
 * Page tables and translation caches.
 *
 * Machine frames are guest frames and nested paging does the rest, so updates
 * are stores, and pinning does nothing but to put the shim into an L4. A page
 * that a kernel maps read-only by update_va_mapping, because Xen would have it
 * so, stays writable: all that Xen would emulate or refuse just works.
 */
#include "shim.h"

#define PTE_PRESENT  0x001UL
#define PTE_WRITE    0x002UL
#define PTE_ACCESSED 0x020UL
#define PTE_DIRTY    0x040UL
#define PTE_LARGE    0x080UL
#define PTE_NX	     (1UL << 63)
#define PTE_FRAME    0x000ffffffffff000UL
#define KERNEL_HALF  (1UL << 63)

#define MMU_OP_MASK 3UL

/* ------------------------------------------------------------ address spaces */

/**
 * mmu_adopt_l4() - have the shim in an address space
 * @mfn: frame of its L4
 */
void mmu_adopt_l4(u64 mfn)
{
	u64 *l4;

	if (!mfn_is_ram(mfn))
		return;
	l4 = (u64 *)ram(mfn << PAGE_SHIFT) + SHIM_L4_SLOT;
	if (l4[1] == shim_info.l4_entries[1])
		return;
	l4[0] = shim_info.l4_entries[0];
	l4[1] = shim_info.l4_entries[1];
}

/*
 * The same for one that programs run on: with entry points, without the guest's
 * memory, for which the CPU is not to be trusted.
 */
static void adopt_user_l4(u64 mfn)
{
	u64 *l4 = (u64 *)ram(mfn << PAGE_SHIFT) + SHIM_L4_SLOT;

	l4[0] = shim_info.l4_entries[0];
	l4[1] = 0;
}

/* Does an entry of a higher level point to a table, in memory that there is? */
static bool has_table(const struct vcpu *v, u64 entry)
{
	u64 gpa = entry & PTE_FRAME;

	return (entry & (PTE_PRESENT | PTE_LARGE)) == PTE_PRESENT &&
	       (gpa < v->low_ram || mfn_is_ram(gpa >> PAGE_SHIFT));
}

/* Where in the table that @entry, or CR3, points to @va has its own entry. */
static u64 *below(u64 entry, u64 va, u32 shift)
{
	return (u64 *)ram(entry & PTE_FRAME) + (va >> shift & 511);
}

/*
 * The L1 entry of an address in the present address space, or NULL. What CR3 says was
 * looked at when it was loaded.
 */
static u64 *find_l1(const struct vcpu *v, u64 va)
{
	u64 entry = *below(read_cr3(), va, 39);

	if (!has_table(v, entry))
		return NULL;
	entry = *below(entry, va, 30);
	if (!has_table(v, entry))
		return NULL;
	entry = *below(entry, va, 21);
	if (!has_table(v, entry))
		return NULL;
	return below(entry, va, 12);
}

/* ------------------------------------------------------------ flushing */

void mmu_flush_local(struct vcpu *v)
{
	(void)v;
	/* PV guests are not offered global pages. */
	write_cr3(read_cr3());
}

/**
 * mmu_serve_flush() - do what other vCPUs have asked for
 * @v: the calling vCPU
 */
void mmu_serve_flush(struct vcpu *v)
{
	u32 wanted = __atomic_load_n(&v->flush_wanted, __ATOMIC_SEQ_CST);

	if (wanted == v->flush_done)
		return;
	mmu_flush_local(v);
	__atomic_store_n(&v->flush_done, wanted, __ATOMIC_SEQ_CST);
}

/*
 * Have other vCPUs flush and wait till they have. Those that do not run the guest do it by
 * themselves before they go on. Two that wait for each other serve each other.
 */
static void flush_others(struct vcpu *v, u64 mask)
{
	u32 ticket[SHIM_VCPUS_MAX];
	u64 left;
	u32 i;

	mask &= (2UL << (shim_info.nr_vcpus - 1)) - 1;
	mask &= ~(1UL << v->id);
	for (left = mask; left; left &= left - 1) {
		struct vcpu *t = vcpu_of(i = (u32)__builtin_ctzl(left));

		ticket[i] = __atomic_add_fetch(&t->flush_wanted, 1, __ATOMIC_SEQ_CST);
		if (!__atomic_load_n(&t->active, __ATOMIC_SEQ_CST))
			mask &= ~(1UL << i);
		else
			event_kick(i, SHIM_VEC_FLUSH);
	}
	while (mask) {
		for (left = mask; left; left &= left - 1) {
			struct vcpu *t = vcpu_of(i = (u32)__builtin_ctzl(left));

			if ((int)(__atomic_load_n(&t->flush_done, __ATOMIC_SEQ_CST) - ticket[i]) >=
				    0 ||
			    !__atomic_load_n(&t->active, __ATOMIC_SEQ_CST))
				mask &= ~(1UL << i);
		}
		mmu_serve_flush(v);
		pause();
	}
}

static u64 read_mask(u64 va)
{
	u32 mask = 0;

	/* One bit for each vCPU that there can be. */
	guest_copy(&mask, (void *)va, (shim_info.nr_vcpus + 7) / 8);
	return mask;
}

/* ------------------------------------------------------------ updates */

static int store_pte(u64 ptr, u64 val, bool keep_ad)
{
	u64 *pte = ram(ptr), old;

	if (!mfn_is_ram(ptr >> PAGE_SHIFT))
		return -EINVAL;
	if (!keep_ad) {
		__atomic_store_n(pte, val, __ATOMIC_RELAXED);
		return 0;
	}
	old = __atomic_load_n(pte, __ATOMIC_RELAXED);
	while (!__atomic_compare_exchange_n(pte, &old, val | (old & (PTE_ACCESSED | PTE_DIRTY)),
					    true, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED))
		;
	return 0;
}

static int one_update(const struct mmu_update *u)
{
	u64 ptr = u->ptr & ~MMU_OP_MASK;
	u64 mfn = ptr >> PAGE_SHIFT;

	switch (u->ptr & MMU_OP_MASK) {
	case MMU_NORMAL_PT_UPDATE:
		return store_pte(ptr & ~7UL, u->val, false);
	case MMU_PT_UPDATE_PRESERVE_AD:
		return store_pte(ptr & ~7UL, u->val, true);
	case MMU_MACHPHYS_UPDATE:
		if (!mfn_is_ram(mfn))
			return -EINVAL;
		((u64 *)SHIM_M2P_VA)[mfn] = u->val;
		return 0;
	default:
		return -ENOSYS;
	}
}

static void store_done(u64 va, u32 done)
{
	if (va)
		guest_copy((void *)va, &done, sizeof(done));
}

/* args: list, count, where to store how many were done, domain */
long hv_mmu_update(struct vcpu *v, const u64 a[5])
{
	const struct mmu_update *list = (void *)a[0];
	struct mmu_update u;
	int r = 0;
	u32 i;

	(void)v;
	for (i = 0; !r && i < (u32)a[1]; i++)
		r = guest_get(&u.ptr, &list[i].ptr) && guest_get(&u.val, &list[i].val)
			    ? one_update(&u)
			    : -EFAULT;
	store_done(a[2], r ? i - 1 : i);
	return r;
}

static void flush_for(struct vcpu *v, u64 va, u64 flags)
{
	u64 who = flags & ~UVMF_FLUSHTYPE_MASK;
	u64 mask = who == UVMF_ALL ? ~0UL : who == UVMF_LOCAL ? 0 : read_mask(who);

	switch (flags & UVMF_FLUSHTYPE_MASK) {
	case UVMF_TLB_FLUSH:
		mmu_flush_local(v);
		break;
	case UVMF_INVLPG:
		invlpg(va);
		break;
	default:
		return;
	}
	if (mask)
		flush_others(v, mask);
}

/* args: address, new entry, what to flush */
long hv_update_va_mapping(struct vcpu *v, const u64 a[5])
{
	u64 *pte = find_l1(v, a[0]), val = a[1];

	if (!pte)
		return -EINVAL;
	if (a[0] & KERNEL_HALF && val & PTE_PRESENT)
		val |= PTE_WRITE;
	__atomic_store_n(pte, val, __ATOMIC_RELAXED);
	flush_for(v, a[0], a[2]);
	return 0;
}

/* args: as update_va_mapping, domain */
long hv_update_va_mapping_otherdomain(struct vcpu *v, const u64 a[5])
{
	if (a[3] != DOMID_SELF && a[3] != SHIM_DOMID)
		return a[3] ? -ESRCH : -EPERM;
	return hv_update_va_mapping(v, a);
}

/* ------------------------------------------------------------ mmuext_op */

static void zero_page(u64 mfn)
{
	__builtin_memset(ram(mfn << PAGE_SHIFT), 0, PAGE_SIZE);
}

static void set_vcpu_pte(u64 va, u64 mfn)
{
	u64 *ptes = ram(shim_info.vcpu_ptes);

	ptes[(va - SHIM_VCPU_VA) >> PAGE_SHIFT] =
		mfn << PAGE_SHIFT | PTE_PRESENT | PTE_WRITE | PTE_ACCESSED | PTE_DIRTY | PTE_NX;
	invlpg(va);
}

/* Programs have no use for an LDT that is where their page table has nothing. */
static u64 map_ldt(struct vcpu *v, u64 base, u64 bytes)
{
	u64 offset, *pte, at = (u64)vcpu_part(v, SHIM_VCPU_LDT);

	for (offset = 0; offset < bytes; offset += PAGE_SIZE) {
		pte = find_l1(v, base + offset);
		if (pte && *pte & PTE_PRESENT && mfn_is_ram((*pte & PTE_FRAME) >> PAGE_SHIFT))
			set_vcpu_pte(at + offset, (*pte & PTE_FRAME) >> PAGE_SHIFT);
	}
	return at;
}

/* Code or data descriptors at an address of the guest's, ours to point at. */
static int set_ldt(struct vcpu *v, u64 base, u64 entries)
{
	u64 *d = vcpu_part(v, SHIM_VCPU_GDT + SHIM_LDT);
	u64 limit = entries * 8 - 1;
	u16 selector = entries ? SHIM_LDT : 0;

	if (entries > 8192 || base & (PAGE_SIZE - 1))
		return -EINVAL;
	if (entries) {
		if (v->user_pgd)
			base = map_ldt(v, base, limit + 1);
		/* Present, type 2: LDT (SDM vol. 3, 3.5) */
		d[0] = (limit & 0xffff) | (base & 0xffffff) << 16 | 0x82UL << 40 |
		       (limit >> 16) << 48 | (base >> 24 & 0xff) << 56;
		d[1] = base >> 32;
	}
	asm volatile("lldt %0" : : "r"(selector) : "memory");
	return 0;
}

static int one_ext(struct vcpu *v, const struct mmuext_op *op)
{
	u64 mfn = op->arg1.mfn;

	switch (op->cmd) {
	case MMUEXT_NEW_BASEPTR:
		if (!mfn_is_ram(mfn))
			return -EINVAL;
		mmu_adopt_l4(mfn);
		write_cr3(mfn << PAGE_SHIFT);
		return 0;
	case MMUEXT_NEW_USER_BASEPTR:
		if (!mfn_is_ram(mfn))
			return -EINVAL;
		if (v->user_pgd && mfn)
			adopt_user_l4(mfn);
		v->user_cr3 = mfn << PAGE_SHIFT;
		return 0;
	case MMUEXT_PIN_L4_TABLE:
	case MMUEXT_PIN_L1_TABLE:
	case MMUEXT_PIN_L2_TABLE:
	case MMUEXT_PIN_L3_TABLE:
	case MMUEXT_UNPIN_TABLE:
		return mfn_is_ram(mfn) ? 0 : -EINVAL;
	case MMUEXT_TLB_FLUSH_LOCAL:
		mmu_flush_local(v);
		return 0;
	case MMUEXT_INVLPG_LOCAL:
		invlpg(op->arg1.linear_addr);
		return 0;
	case MMUEXT_TLB_FLUSH_MULTI:
	case MMUEXT_INVLPG_MULTI:
		/* The mask may have this vCPU in it. */
		mmu_flush_local(v);
		flush_others(v, read_mask(*(const u64 *)&op->arg2.vcpumask));
		return 0;
	case MMUEXT_TLB_FLUSH_ALL:
	case MMUEXT_INVLPG_ALL:
		mmu_flush_local(v);
		flush_others(v, ~0UL);
		return 0;
	case MMUEXT_FLUSH_CACHE:
	case MMUEXT_FLUSH_CACHE_GLOBAL:
		return 0;
	case MMUEXT_SET_LDT:
		return set_ldt(v, op->arg1.linear_addr, op->arg2.nr_ents);
	case MMUEXT_CLEAR_PAGE:
		if (!mfn_is_ram(mfn))
			return -EINVAL;
		zero_page(mfn);
		return 0;
	case MMUEXT_COPY_PAGE:
		if (!mfn_is_ram(mfn) || !mfn_is_ram(op->arg2.src_mfn))
			return -EINVAL;
		__builtin_memcpy(ram(mfn << PAGE_SHIFT), ram(op->arg2.src_mfn << PAGE_SHIFT),
				 PAGE_SIZE);
		return 0;
	case MMUEXT_MARK_SUPER:
	case MMUEXT_UNMARK_SUPER:
		return 0;
	default:
		return -ENOSYS;
	}
}

/* args: list, count, where to store how many were done, domain */
long hv_mmuext_op(struct vcpu *v, const u64 a[5])
{
	const struct mmuext_op *list = (void *)a[0];
	struct mmuext_op op;
	int r = 0;
	u32 i;

	for (i = 0; !r && i < (u32)a[1]; i++) {
		u64 *to = (u64 *)&op;
		const u64 *from = (const u64 *)&list[i];

		r = guest_get(&to[0], &from[0]) && guest_get(&to[1], &from[1]) &&
				    guest_get(&to[2], &from[2])
			    ? one_ext(v, &op)
			    : -EFAULT;
	}
	store_done(a[2], r ? i - 1 : i);
	return r;
}

/* ------------------------------------------------------------ descriptors */

/**
 * mmu_set_gdt_frame() - have a page of the guest's in its vCPU's GDT
 * @v: the vCPU
 * @i: which of the 14 pages
 * @mfn: the page
 */
void mmu_set_gdt_frame(struct vcpu *v, u32 i, u64 mfn)
{
	if (mfn_is_ram(mfn))
		set_vcpu_pte((u64)vcpu_part(v, SHIM_VCPU_GDT + i * PAGE_SIZE), mfn);
}

/* args: frames, entries */
long hv_set_gdt(struct vcpu *v, const u64 a[5])
{
	u64 frames[14], n = (a[1] + 511) / 512;
	u32 i;

	if (n > ARRAY_SIZE(frames))
		return -EINVAL;
	if (guest_copy(frames, (void *)a[0], n * sizeof(frames[0])))
		return -EFAULT;
	for (i = 0; i < n; i++)
		if (!mfn_is_ram(frames[i]))
			return -EINVAL;
	for (i = 0; i < n; i++)
		mmu_set_gdt_frame(v, i, frames[i]);
	return 0;
}

/* args: machine address, descriptor */
long hv_update_descriptor(struct vcpu *v, const u64 a[5])
{
	(void)v;
	if (a[0] & 7 || !mfn_is_ram(a[0] >> PAGE_SHIFT))
		return -EINVAL;
	__atomic_store_n((u64 *)ram(a[0]), a[1], __ATOMIC_RELAXED);
	return 0;
}
