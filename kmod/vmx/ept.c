// SPDX-License-Identifier: GPL-2.0
/*
 * Nested page-table entries of Intel: EPT (29.3), and forgetting what CPUs
 * have cached of them.
 */
#include <linux/cache.h>
#include <linux/init.h>
#include <linux/mem_encrypt.h>
#include <asm/memtype.h>
#include <asm/processor.h>

#include "insn.h"
#include "vmx.h"

/**
 * vmx_ept_init() - settle which optional parts of EPT are used
 */
void __init vmx_ept_init(void)
{
	/* A fifth level is only of use for addresses that need it. */
	if ((vmx_caps.ept & VMX_EPT_PAGE_WALK_5_BIT) &&
	    boot_cpu_data.x86_phys_bits > 48)
		hv_ept_format.levels = 5;
	if (vmx_caps.ept & VMX_EPT_AD_BIT) {
		hv_ept_format.accessed = VMX_EPT_ACCESS_BIT;
		hv_ept_format.dirty = VMX_EPT_DIRTY_BIT;
	}
	hv_ept_format.logged = vmx_caps.ctl[VMX_CPU2] & SECONDARY_EXEC_ENABLE_PML;
}

static bool ept_huge_1g(void)
{
	return vmx_caps.ept & VMX_EPT_1GB_PAGE_BIT;
}

/*
 * Leaves say write-back and leave it to the guest's PAT to say less (29.3.7.2):
 * bit 6, which would have it ignored, is clear.
 */
struct hv_pte_format hv_ept_format __ro_after_init = {
	.levels = 4,
	.present = VMX_EPT_READABLE_MASK,
	.leaf = X86_MEMTYPE_WB << VMX_EPT_MT_EPTE_SHIFT,
	.write = VMX_EPT_WRITABLE_MASK,
	.exec = VMX_EPT_EXECUTABLE_MASK,
	.large = _PAGE_PSE,
	.huge_1g = ept_huge_1g,
};

/**
 * vmx_eptp() - the EPT pointer of a VM, 25.6.11
 * @vm: the VM
 *
 * Return: constant for the VM's life.
 */
u64 vmx_eptp(struct hv_vm *vm)
{
	u64 eptp = hv_mmu_root(vm) | VMX_EPTP_MT_WB;

	eptp |= hv_ept_format.levels == 5 ? VMX_EPTP_PWL_5 : VMX_EPTP_PWL_4;
	if (hv_ept_format.accessed)
		eptp |= VMX_EPTP_AD_ENABLE_BIT;
	return eptp;
}

/* Entries of the log; the index counts down and is 0xffff when it is full. */
#define LOG_ENTRIES	512

/**
 * vmx_log_init() - a vCPU's log of writes is empty, 25.6.14
 * @vmx: whose VMCS is new and current
 */
void vmx_log_init(struct vmx_vcpu *vmx)
{
	vmcs_write(PML_ADDRESS, page_to_phys(vmx->log));
	vmcs_write(GUEST_PML_INDEX, LOG_ENTRIES - 1);
}

/**
 * vmx_log_flush() - hand over the frames that the CPU has logged (29.3.6)
 * @vcpu: just back from the guest
 *
 * Nothing is logged but in slots that want it: elsewhere entries that can be
 * written by are made with their dirty bit set.
 */
void vmx_log_flush(struct hv_vcpu *vcpu)
{
	struct vmx_vcpu *vmx = to_vmx(vcpu);
	const u64 *log = page_address(vmx->log);
	u16 i = vmcs_read(GUEST_PML_INDEX);

	if (likely(i == LOG_ENTRIES - 1))
		return;
	/* It points to the entry that would come next. */
	for (i++; i < LOG_ENTRIES; i++)
		hv_log_gpa(vcpu->vm, log[i]);
	vmcs_write(GUEST_PML_INDEX, LOG_ENTRIES - 1);
}

/**
 * vmx_invept() - drop what this CPU has cached
 * @vm: of which guest; NULL for all of them
 *
 * With EPT every cached translation of a guest is tagged with its EPT pointer,
 * whichever VPID it has besides (29.4.1), and INVEPT drops them all, those of
 * linear addresses too. So INVVPID is never needed.
 *
 * Context: VMX is on, preemption off.
 */
void vmx_invept(struct hv_vm *vm)
{
	struct {
		u64 eptp, reserved;
	} operand = { };
	u64 type = VMX_EPT_EXTENT_GLOBAL;
	bool failed;

	if (vm && (vmx_caps.ept & VMX_EPT_EXTENT_CONTEXT_BIT)) {
		operand.eptp = vmx_eptp(vm);
		type = VMX_EPT_EXTENT_CONTEXT;
	}
	asm volatile("invept %1, %2"
		     : "=@ccna" (failed) : "m" (operand), "r" (type) : "memory");
	WARN_ONCE(failed, "hvctl: INVEPT of type %llu failed\n", type);
}
