// SPDX-License-Identifier: GPL-2.0
/*
 * The CPUID of one vCPU: what user space gave, and what follows from it.
 *
 * The exit is hot, so that what depends on the guest's own doings (OSXSAVE,
 * OSPKE, the APIC bit, the size of the XSAVE area) is written into the
 * entries when it changes, and reading is a table look-up.
 */
#include "hvctl.h"

#include <linux/slab.h>
#include <linux/uaccess.h>

#include <asm/cpufeature.h>
#include <asm/msr-index.h>
#include <asm/processor-flags.h>

#define F(name)		BIT(X86_FEATURE_##name & 31)

/* CR4 bits that every CPU has which hvctl runs on. */
#define CR4_ALWAYS	(X86_CR4_VME | X86_CR4_PVI | X86_CR4_TSD | \
			 X86_CR4_DE | X86_CR4_PSE | X86_CR4_PAE | \
			 X86_CR4_MCE | X86_CR4_PGE | X86_CR4_PCE | \
			 X86_CR4_OSFXSR | X86_CR4_OSXMMEXCPT)

/* MAXPHYADDR of a CPU without leaf 0x80000008 (Intel volume 2, CPUID). */
#define PHYS_BITS_DEFAULT	36

/* First entry of a leaf, or NULL. */
static struct kvm_cpuid_entry2 *first(struct hv_cpuid *c, u32 leaf)
{
	u32 pos, i;

	if (leaf < HV_CPUID_BASIC) {
		pos = c->basic[leaf];
	} else if (leaf - 0x80000000 < HV_CPUID_EXT) {
		pos = c->ext[leaf - 0x80000000];
	} else if (leaf - 0x40000000 < HV_CPUID_HV) {
		pos = c->hv[leaf - 0x40000000];
	} else {
		for (i = 0; i < c->nent; i++)
			if (c->entry[i].function == leaf)
				return &c->entry[i];
		return NULL;
	}
	return pos ? &c->entry[pos - 1] : NULL;
}

static struct kvm_cpuid_entry2 *find(struct hv_cpuid *c, u32 leaf, u32 sub)
{
	struct kvm_cpuid_entry2 *e = first(c, leaf);

	if (!e || !(e->flags & KVM_CPUID_FLAG_SIGNIFCANT_INDEX) ||
	    e->index == sub)
		return e;
	while (++e < c->entry + c->nent)
		if (e->function == leaf && e->index == sub)
			return e;
	return NULL;
}

/**
 * hv_cpuid_find() - the entry user space gave for a leaf
 * @vcpu: its own thread
 * @leaf: EAX
 * @sub: ECX, ignored where the leaf has no subleaves
 *
 * Return: NULL when there is none; valid until the next KVM_SET_CPUID2.
 */
const struct kvm_cpuid_entry2 *hv_cpuid_find(struct hv_vcpu *vcpu, u32 leaf,
					     u32 sub)
{
	return find(&vcpu->cpuid, leaf, sub);
}

/*
 * A leaf nobody gave. AMD's CPUs answer with zeros. Intel's answer a leaf
 * above the highest basic one with the data of that one (volume 2, CPUID,
 * "If a value entered for CPUID.EAX is higher than the maximum..."); a leaf
 * inside a range reads as zero, except that a level of the topology that
 * does not exist still tells its number and the x2APIC id.
 */
static const struct kvm_cpuid_entry2 *
absent(struct hv_cpuid *c, u32 leaf, u32 sub, struct kvm_cpuid_entry2 *made)
{
	const struct kvm_cpuid_entry2 *e;
	u32 max = c->max_basic;

	if ((leaf & 0xf0000000) == 0x40000000)
		max = c->max_hv;
	else if (leaf & 0x80000000)
		max = c->max_ext;

	*made = (struct kvm_cpuid_entry2) { };
	if (leaf > max) {
		if (c->amd)
			return made;
		return find(c, c->max_basic, sub) ?: made;
	}
	if (leaf == 0xb || leaf == 0x1f) {
		e = first(c, leaf);
		made->ecx = sub & 0xff;
		made->edx = e ? e->edx : 0;
	}
	return made;
}

/**
 * hv_cpuid_run() - execute CPUID for the guest
 * @vcpu: its own thread, hot path
 * @eax: in: leaf; out
 * @ebx: out
 * @ecx: in: subleaf; out
 * @edx: out
 */
void hv_cpuid_run(struct hv_vcpu *vcpu, u32 *eax, u32 *ebx, u32 *ecx, u32 *edx)
{
	struct kvm_cpuid_entry2 made;
	const struct kvm_cpuid_entry2 *e;

	e = find(&vcpu->cpuid, *eax, *ecx);
	if (unlikely(!e))
		e = absent(&vcpu->cpuid, *eax, *ecx, &made);
	*eax = e->eax;
	*ebx = e->ebx;
	*ecx = e->ecx;
	*edx = e->edx;
}

static void put_bit(u32 *reg, u32 bit, bool on)
{
	*reg = on ? *reg | bit : *reg & ~bit;
}

/**
 * hv_cpuid_refresh() - bring the bits up to date that the guest's state makes
 * @vcpu: its own thread, hot or slow path
 *
 * To be called when CR4.OSXSAVE, CR4.PKE, XCR0 or the APIC's enable bit
 * changed.
 */
void hv_cpuid_refresh(struct hv_vcpu *vcpu)
{
	struct hv_cpuid *c = &vcpu->cpuid;
	struct kvm_cpuid_entry2 *e;

	hv_need(vcpu, HV_PART_CR);
	e = first(c, 1);
	if (e) {
		put_bit(&e->ecx, F(OSXSAVE),
			vcpu->state.cr4 & X86_CR4_OSXSAVE);
		put_bit(&e->edx, F(APIC),
			vcpu->apic_base & MSR_IA32_APICBASE_ENABLE);
	}
	e = find(c, 7, 0);
	if (e)
		put_bit(&e->ecx, F(OSPKE), vcpu->state.cr4 & X86_CR4_PKE);
	e = find(c, 0xd, 0);
	if (e)
		e->ebx = hv_xstate_size(vcpu->state.xcr0, false);
	e = find(c, 0xd, 1);
	if (e && (e->eax & (F(XSAVEC) | F(XSAVES))))
		e->ebx = hv_xstate_size(vcpu->state.xcr0, true);
}

static void make_index(struct hv_cpuid *c)
{
	u32 i, leaf;
	u16 *slot;

	memset(c->basic, 0, sizeof(c->basic));
	memset(c->ext, 0, sizeof(c->ext));
	memset(c->hv, 0, sizeof(c->hv));
	for (i = 0; i < c->nent; i++) {
		leaf = c->entry[i].function;
		if (leaf < HV_CPUID_BASIC)
			slot = &c->basic[leaf];
		else if (leaf - 0x80000000 < HV_CPUID_EXT)
			slot = &c->ext[leaf - 0x80000000];
		else if (leaf - 0x40000000 < HV_CPUID_HV)
			slot = &c->hv[leaf - 0x40000000];
		else
			continue;
		if (!*slot)
			*slot = i + 1;
	}
}

/* The entry of a leaf, one of zeros without the leaf. */
static const struct kvm_cpuid_entry2 *get(struct hv_cpuid *c, u32 leaf, u32 sub)
{
	static const struct kvm_cpuid_entry2 none;

	return find(c, leaf, sub) ?: &none;
}

/* What other files ask again and again, worked out once. */
static void derive(struct hv_cpuid *c)
{
	u32 l1_ecx = get(c, 0x1, 0)->ecx;
	u32 l7_ebx = get(c, 0x7, 0)->ebx;
	u32 l7_ecx = get(c, 0x7, 0)->ecx;
	u32 l7_edx = get(c, 0x7, 0)->edx;
	u32 e1_edx = get(c, 0x80000001, 0)->edx;
	u32 e8_ebx = get(c, 0x80000008, 0)->ebx;
	u32 e21_eax = get(c, 0x80000021, 0)->eax;
	u32 vendor = get(c, 0x0, 0)->ebx;
	u64 cr4 = CR4_ALWAYS, efer = EFER_SCE;

	c->max_basic = get(c, 0x0, 0)->eax;
	c->max_ext = get(c, 0x80000000, 0)->eax;
	c->max_hv = get(c, 0x40000000, 0)->eax;
	/* First letters of AuthenticAMD and HygonGenuine */
	c->amd = !memcmp(&vendor, "Auth", 4) || !memcmp(&vendor, "Hygo", 4);
	c->phys_bits = get(c, 0x80000008, 0)->eax & 0xff;
	if (!c->phys_bits)
		c->phys_bits = PHYS_BITS_DEFAULT;

	if (l1_ecx & F(XSAVE))
		cr4 |= X86_CR4_OSXSAVE;
	if (l1_ecx & F(PCID))
		cr4 |= X86_CR4_PCIDE;
	if (l7_ebx & F(FSGSBASE))
		cr4 |= X86_CR4_FSGSBASE;
	if (l7_ebx & F(SMEP))
		cr4 |= X86_CR4_SMEP;
	if (l7_ebx & F(SMAP))
		cr4 |= X86_CR4_SMAP;
	if (l7_ecx & F(UMIP))
		cr4 |= X86_CR4_UMIP;
	if (l7_ecx & F(PKU))
		cr4 |= X86_CR4_PKE;
	if (l7_ecx & F(LA57))
		cr4 |= X86_CR4_LA57;
	/* What the guest's CPUID has by mistake cannot be switched on. */
	c->cr4_reserved = ~(cr4 & ~hv_cr4_host_reserved());

	c->long_mode = e1_edx & F(LM);
	if (c->long_mode)
		efer |= EFER_LME | EFER_LMA;
	if (e1_edx & F(NX))
		efer |= EFER_NX;
	if (e1_edx & F(FXSR_OPT))
		efer |= EFER_FFXSR;
	if (e21_eax & BIT(8))
		efer |= HV_EFER_AUTOIBRS;
	c->efer_reserved = ~efer | hv_efer_host_reserved();

	c->xcr0_allowed = 0;
	if (l1_ecx & F(XSAVE))
		c->xcr0_allowed = hv_fpu_supported() &
				  (get(c, 0xd, 0)->eax |
				   (u64)get(c, 0xd, 0)->edx << 32);
	c->x2apic = l1_ecx & F(X2APIC);
	c->tsc_deadline = l1_ecx & F(TSC_DEADLINE_TIMER);
	c->rdtscp = e1_edx & F(RDTSCP);
	c->rdpid = l7_ecx & F(RDPID);
	c->spec_ctrl = (l7_edx & (F(SPEC_CTRL) | F(INTEL_STIBP) |
				  F(SPEC_CTRL_SSBD))) ||
		       (e8_ebx & (F(AMD_IBRS) | F(AMD_STIBP) | F(AMD_SSBD)));
	c->pred_cmd = (l7_edx & F(SPEC_CTRL)) || (e8_ebx & F(AMD_IBPB));
	c->arch_caps = l7_edx & F(ARCH_CAPABILITIES);
}

/**
 * hv_cpuid_set() - KVM_SET_CPUID2, and the empty CPUID of a new vCPU
 * @vcpu: locked, or being created
 * @entry: new entries, already copied from user space; NULL with @nent 0
 * @nent: how many
 *
 * Return: 0; -E2BIG for more than HV_MAX_CPUID entries; -EINVAL for a linear
 * address width that no CPU has; -ENOMEM.
 */
int hv_cpuid_set(struct hv_vcpu *vcpu, const struct kvm_cpuid_entry2 *entry,
		 u32 nent)
{
	struct hv_cpuid *c = &vcpu->cpuid;
	struct kvm_cpuid_entry2 *copy = NULL;
	u32 i, virt;

	if (nent > HV_MAX_CPUID)
		return -E2BIG;
	for (i = 0; i < nent; i++) {
		if (entry[i].function != 0x80000008)
			continue;
		virt = (entry[i].eax >> 8) & 0xff;
		if (virt != 0 && virt != 48 && virt != 57)
			return -EINVAL;
	}
	if (nent) {
		copy = kvcalloc(nent, sizeof(*copy), GFP_KERNEL_ACCOUNT);
		if (!copy)
			return -ENOMEM;
		memcpy(copy, entry, nent * sizeof(*copy));
	}
	kvfree(c->entry);
	c->entry = copy;
	c->nent = nent;
	make_index(c);
	derive(c);
	hv_cpuid_refresh(vcpu);
	hv_backend->update_intercepts(vcpu);
	return 0;
}

/**
 * hv_cpuid_get() - KVM_GET_CPUID2
 * @vcpu: locked
 * @head: in: entries that @to has room for; out: entries there are
 * @to: user memory
 *
 * Return: 0, -E2BIG with the count in @head when @to is too small, -EFAULT.
 */
int hv_cpuid_get(struct hv_vcpu *vcpu, struct kvm_cpuid2 *head,
		 struct kvm_cpuid_entry2 __user *to)
{
	struct hv_cpuid *c = &vcpu->cpuid;
	u32 room = head->nent;

	head->nent = c->nent;
	if (room < c->nent)
		return -E2BIG;
	if (copy_to_user(to, c->entry, c->nent * sizeof(*c->entry)))
		return -EFAULT;
	return 0;
}

/**
 * hv_cpuid_destroy() - free the entries
 * @vcpu: no longer running
 */
void hv_cpuid_destroy(struct hv_vcpu *vcpu)
{
	kvfree(vcpu->cpuid.entry);
	vcpu->cpuid.entry = NULL;
	vcpu->cpuid.nent = 0;
}
