// SPDX-License-Identifier: GPL-2.0
/* Which hypercall is which, and those that need no file of their own. */
#include "shim.h"

#include <xen/features.h>
#include <xen/version.h>

/* The version whose interface this is. */
#define VERSION_MAJOR 4
#define VERSION_MINOR 20

static const char extra_version[XEN_EXTRAVERSION_LEN] = ".0-hvctl";
static const char capabilities[] = "xen-3.0-x86_64";
static const char changeset[XEN_CHANGESET_INFO_LEN] = "unavailable";
static const xen_compile_info_t compile_info = {
	.compiler = __VERSION__,
	.compile_by = "hvctl",
	.compile_domain = "hvctl",
	.compile_date = "unavailable",
};

/* What an unprivileged domain gets to know of Xen's own command line. */
static const char denied[] = "<denied>";

#define FEATURE(name) (1U << XENFEAT_##name)

/*
 * mmu_pt_update_preserve_ad and gnttab_map_avail_bits are what Linux insists
 * on. Page tables may be written by whoever likes; to announce that would buy
 * nothing, as Linux pins them all the same.
 */
static const u32 features = FEATURE(mmu_pt_update_preserve_ad) | FEATURE(gnttab_map_avail_bits) |
			    FEATURE(pae_pgdir_above_4gb);

static int get_features(u64 arg)
{
	struct xen_feature_info info;

	if (guest_copy(&info, (void *)arg, sizeof(info)))
		return -EFAULT;
	if (info.submap_idx >= XENFEAT_NR_SUBMAPS)
		return -EINVAL;
	info.submap = info.submap_idx ? 0 : features;
	return guest_copy((void *)arg, &info, sizeof(info));
}

static long hv_xen_version(struct vcpu *v, const u64 a[5])
{
	struct xen_platform_parameters where = {.virt_start = HYPERVISOR_VIRT_START};

	(void)v;
	switch (a[0]) {
	case XENVER_version:
		return VERSION_MAJOR << 16 | VERSION_MINOR;
	case XENVER_extraversion:
		return guest_copy((void *)a[1], extra_version, sizeof(extra_version));
	case XENVER_capabilities:
		return guest_copy((void *)a[1], capabilities, sizeof(capabilities));
	case XENVER_platform_parameters:
		return guest_copy((void *)a[1], &where, sizeof(where));
	case XENVER_get_features:
		return get_features(a[1]);
	case XENVER_pagesize:
		return PAGE_SIZE;
	case XENVER_compile_info:
		return guest_copy((void *)a[1], &compile_info, sizeof(compile_info));
	case XENVER_changeset:
		return guest_copy((void *)a[1], changeset, sizeof(changeset));
	case XENVER_guest_handle:
		return guest_copy((void *)a[1], shim_info.uuid, sizeof(shim_info.uuid));
	case XENVER_commandline:
		return guest_copy((void *)a[1], denied, sizeof(denied));
	case XENVER_build_id:
		return -EPERM;
	default:
		return -ENOSYS;
	}
}

/*
 * An entry's arguments are read where they are, by the hypercall: what is there is
 * the guest's to change, and its own first and last word tell whether it is
 * mapped.
 */
static long hv_multicall(struct vcpu *v, const u64 a[5])
{
	struct multicall_entry *e = (void *)a[0];
	u64 i, nr, last;

	for (i = 0; i < a[1]; i++, e++)
		if (!guest_get(&nr, &e->op) ||
		    !guest_get(&last, &e->args[ARRAY_SIZE(e->args) - 1]) ||
		    !guest_put(&e->result, (u64)hypercall_do(v, nr, e->args)))
			return -EFAULT;
	return 0;
}

/* Text that a kernel prints before it has a console. */
static long hv_console_io(struct vcpu *v, const u64 a[5])
{
	char text[128];
	u64 done, len;

	(void)v;
	if (a[0] != CONSOLEIO_write)
		return -ENOSYS;
	for (done = 0; done < (u32)a[1]; done += len) {
		len = (u32)a[1] - done;
		if (len > sizeof(text))
			len = sizeof(text);
		if (guest_copy(text, (void *)(a[2] + done), len))
			return -EFAULT;
		debug_text(text, len);
	}
	return (u32)a[1];
}

/*
 * Assists are for kernels that have to be helped at CPL 3, which this one is
 * not: all are there and none does anything.
 */
static long hv_vm_assist(struct vcpu *v, const u64 a[5])
{
	(void)v;
	return a[0] == VMASST_CMD_enable || a[0] == VMASST_CMD_disable ? 0 : -EINVAL;
}

static hypercall_fn *const table[] = {
	[__HYPERVISOR_set_trap_table] = hv_set_trap_table,
	[__HYPERVISOR_mmu_update] = hv_mmu_update,
	[__HYPERVISOR_set_gdt] = hv_set_gdt,
	[__HYPERVISOR_stack_switch] = hv_stack_switch,
	[__HYPERVISOR_set_callbacks] = hv_set_callbacks,
	[__HYPERVISOR_fpu_taskswitch] = hv_fpu_taskswitch,
	[__HYPERVISOR_sched_op_compat] = hv_sched_op_compat,
	[__HYPERVISOR_set_debugreg] = hv_set_debugreg,
	[__HYPERVISOR_get_debugreg] = hv_get_debugreg,
	[__HYPERVISOR_update_descriptor] = hv_update_descriptor,
	[__HYPERVISOR_memory_op] = hv_memory_op,
	[__HYPERVISOR_multicall] = hv_multicall,
	[__HYPERVISOR_update_va_mapping] = hv_update_va_mapping,
	[__HYPERVISOR_update_va_mapping_otherdomain] = hv_update_va_mapping_otherdomain,
	[__HYPERVISOR_set_timer_op] = hv_set_timer_op,
	[__HYPERVISOR_event_channel_op_compat] = hv_event_channel_op_compat,
	[__HYPERVISOR_xen_version] = hv_xen_version,
	[__HYPERVISOR_console_io] = hv_console_io,
	[__HYPERVISOR_grant_table_op] = hv_grant_table_op,
	[__HYPERVISOR_vm_assist] = hv_vm_assist,
	[__HYPERVISOR_vcpu_op] = hv_vcpu_op,
	[__HYPERVISOR_set_segment_base] = hv_set_segment_base,
	[__HYPERVISOR_mmuext_op] = hv_mmuext_op,
	[__HYPERVISOR_sched_op] = hv_sched_op,
	[__HYPERVISOR_nmi_op] = hv_nmi_op,
	[__HYPERVISOR_callback_op] = hv_callback_op,
	[__HYPERVISOR_event_channel_op] = hv_event_channel_op,
	[__HYPERVISOR_physdev_op] = hv_physdev_op,
};

/* The numbers that vmmd has heard of, the last bit for all that are higher. */
static u64 told;

/* Once for each, as kernels probe: it costs an exit to user space. */
static long unknown(u64 nr)
{
	u64 bit = 1UL << (nr < 63 ? nr : 63);

	if (!(__atomic_fetch_or(&told, bit, __ATOMIC_RELAXED) & bit))
		outl(SHIM_PORT_UNKNOWN, (u32)nr);
	return -ENOSYS;
}

long hypercall_do(struct vcpu *v, u64 nr, const u64 a[5])
{
	if (nr < ARRAY_SIZE(table) && table[nr])
		return table[nr](v, a);
	return unknown(nr);
}
