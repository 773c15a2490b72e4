// SPDX-License-Identifier: GPL-2.0
/*
 * Interrupts that the CPU delivers from the virtual-APIC page without an exit
 * (chapter 30): what the VMCS has of them besides the page.
 */
#include "insn.h"
#include "vmx.h"

/* The four bitmaps are 64-bit fields, whose encodings are 2 apart. */
static void write_eoi_exit(int i, u64 vectors)
{
	vmcs_write(EOI_EXIT_BITMAP0 + 2 * i, vectors);
}

/**
 * vmx_apic_init() - nothing is requested, nothing in service
 * @vmx: whose VMCS is new and current
 */
void vmx_apic_init(struct vmx_vcpu *vmx)
{
	int i;

	vmcs_write(GUEST_INTR_STATUS, 0);
	for (i = 0; i < ARRAY_SIZE(vmx->eoi_exit); i++) {
		write_eoi_exit(i, 0);
		vmx->eoi_exit[i] = 0;
	}
}

/**
 * vmx_apic_update() - the virtual-APIC page was changed
 * @vcpu: in the inner loop
 * @requested: RVI: the highest vector in the page's IRR, or 0
 * @in_service: SVI: the highest one in its ISR, or 0
 * @level: bitmap of vectors whose EOI the IOAPIC wants to know
 */
void vmx_apic_update(struct hv_vcpu *vcpu, u8 requested, u8 in_service,
		     const unsigned long *level)
{
	struct vmx_vcpu *vmx = to_vmx(vcpu);
	int i;

	/* 25.4.2 */
	vmcs_write(GUEST_INTR_STATUS, in_service << 8 | requested);
	for (i = 0; i < ARRAY_SIZE(vmx->eoi_exit); i++) {
		u64 vectors = READ_ONCE(level[i]);

		if (vmx->eoi_exit[i] == vectors)
			continue;
		write_eoi_exit(i, vectors);
		vmx->eoi_exit[i] = vectors;
	}
}
