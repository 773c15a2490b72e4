// SPDX-License-Identifier: GPL-2.0
/*
 * The device and VM descriptors: copy in, dispatch, copy out. What an ioctl
 * does is said in Documentation/uapi.rst and done elsewhere.
 */
#include <linux/anon_inodes.h>
#include <linux/compat.h>
#include <linux/fs.h>
#include <linux/module.h>
#include <linux/uaccess.h>

#include "hvctl.h"

/**
 * hv_check_extension() - KVM_CHECK_EXTENSION
 * @vm: the VM, or NULL for the device
 * @ext: KVM_CAP_*
 *
 * Return: 0 for what is not there, else 1 or the value the KVM API gives.
 */
int hv_check_extension(struct hv_vm *vm, long ext)
{
	switch (ext) {
	case KVM_CAP_USER_MEMORY:
	case KVM_CAP_DESTROY_MEMORY_REGION_WORKS:
	case KVM_CAP_JOIN_MEMORY_REGIONS_WORKS:
	case KVM_CAP_READONLY_MEM:
	case KVM_CAP_SYNC_MMU:
	case KVM_CAP_ENABLE_CAP_VM:
	case KVM_CAP_IRQCHIP:
	case KVM_CAP_SPLIT_IRQCHIP:
	case KVM_CAP_HLT:
	case KVM_CAP_NOP_IO_DELAY:
	case KVM_CAP_EXT_CPUID:
	case KVM_CAP_MP_STATE:
	case KVM_CAP_IRQ_INJECT_STATUS:
	case KVM_CAP_SET_TSS_ADDR:
	case KVM_CAP_SET_IDENTITY_MAP_ADDR:
	case KVM_CAP_PIT2:
	case KVM_CAP_PIT_STATE2:
	case KVM_CAP_REINJECT_CONTROL:
	case KVM_CAP_IRQFD:
	case KVM_CAP_IRQFD_RESAMPLE:
	case KVM_CAP_COALESCED_PIO:
	case KVM_CAP_IOEVENTFD:
	case KVM_CAP_IOEVENTFD_ANY_LENGTH:
	case KVM_CAP_SIGNAL_MSI:
	case KVM_CAP_USER_NMI:
	case KVM_CAP_VCPU_EVENTS:
	case KVM_CAP_DEBUGREGS:
	case KVM_CAP_SET_GUEST_DEBUG:
	case KVM_CAP_X86_ROBUST_SINGLESTEP:
	case KVM_CAP_EXCEPTION_PAYLOAD:
	case KVM_CAP_X86_TRIPLE_FAULT_EVENT:
	case KVM_CAP_SREGS2:
	case KVM_CAP_XSAVE:
	case KVM_CAP_INTERNAL_ERROR_DATA:
	case KVM_CAP_GET_TSC_KHZ:
	case KVM_CAP_TSC_DEADLINE_TIMER:
	case KVM_CAP_KVMCLOCK_CTRL:
	case KVM_CAP_GET_MSR_FEATURES:
	case KVM_CAP_IMMEDIATE_EXIT:
	case KVM_CAP_CHECK_EXTENSION_VM:
		return 1;
	case KVM_CAP_SET_GUEST_DEBUG2:
		return HV_GUESTDBG;
	case KVM_CAP_COALESCED_MMIO:
		return HV_RING_OFFSET;
	case KVM_CAP_XCRS:
		return boot_cpu_has(X86_FEATURE_XSAVE);
	case KVM_CAP_MCE:
		return HV_MCE_BANKS;
	case KVM_CAP_ADJUST_CLOCK:
		return KVM_CLOCK_TSC_STABLE | KVM_CLOCK_REALTIME |
		       KVM_CLOCK_HOST_TSC;
	case KVM_CAP_IRQ_ROUTING:
		return HV_GSI_MAX;
	case KVM_CAP_X2APIC_API:
		return KVM_X2APIC_API_USE_32BIT_IDS |
		       KVM_X2APIC_API_DISABLE_BROADCAST_QUIRK;
	case KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2:
		return HV_DIRTY_FLAGS;
	case KVM_CAP_XSAVE2:
		return hv_xsave_size();
	case KVM_CAP_XEN_HVM:
		return hv_xen_caps();
	case KVM_CAP_NR_MEMSLOTS:
		return HV_MAX_SLOTS;
	case KVM_CAP_NR_VCPUS:
		return min_t(u32, num_online_cpus(), HV_MAX_VCPUS);
	case KVM_CAP_MAX_VCPUS:
	case KVM_CAP_MAX_VCPU_ID:
		return HV_MAX_VCPUS;
	default:
		return 0;
	}
}

static int dev_create_vm(unsigned long type)
{
	struct hv_vm *vm = hv_vm_create(type);
	int fd;

	if (IS_ERR(vm))
		return PTR_ERR(vm);
	fd = anon_inode_getfd("hvctl-vm", &hv_vm_fops, vm, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		hv_vm_put(vm);
	return fd;
}

static int dev_supported_cpuid(struct kvm_cpuid2 __user *user)
{
	struct kvm_cpuid2 head;
	int r;

	if (copy_from_user(&head, user, sizeof(head)))
		return -EFAULT;
	r = hv_cpuid_supported(&head, user->entries);
	if ((!r || r == -E2BIG) && copy_to_user(user, &head, sizeof(head)))
		return -EFAULT;
	return r;
}

static int dev_msr_list(struct kvm_msr_list __user *user, bool features)
{
	struct kvm_msr_list head;
	int r;

	if (copy_from_user(&head, user, sizeof(head)))
		return -EFAULT;
	r = hv_msr_index_list(&head, user->indices, features);
	if ((!r || r == -E2BIG) && copy_to_user(user, &head, sizeof(head)))
		return -EFAULT;
	return r;
}

static int feature_msr(struct hv_vcpu *unused, struct kvm_msr_entry *entry)
{
	u64 value;
	int r = hv_msr_feature(entry->index, &value);

	if (!r)
		entry->data = value;
	return r;
}

static int dev_version(struct hvctl_version __user *user)
{
	struct hvctl_version version = {
		.abi = HVCTL_ABI_VERSION,
		.backend = hv_backend->uapi_id,
		.module = HV_VERSION,
	};

	return copy_to_user(user, &version, sizeof(version)) ? -EFAULT : 0;
}

static long device_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	void __user *user = (void __user *)arg;
	u64 mcg_cap;

	switch (cmd) {
	case KVM_GET_API_VERSION:
		return arg ? -EINVAL : KVM_API_VERSION;
	case KVM_CREATE_VM:
		return dev_create_vm(arg);
	case KVM_CHECK_EXTENSION:
		return hv_check_extension(NULL, arg);
	case KVM_GET_VCPU_MMAP_SIZE:
		return arg ? -EINVAL : PAGE_SIZE * HV_MMAP_PAGES;
	case KVM_GET_SUPPORTED_CPUID:
		return dev_supported_cpuid(user);
	case KVM_GET_MSR_INDEX_LIST:
		return dev_msr_list(user, false);
	case KVM_GET_MSR_FEATURE_INDEX_LIST:
		return dev_msr_list(user, true);
	case KVM_GET_MSRS:
		return hv_msrs_user(NULL, user, feature_msr, true);
	case KVM_X86_GET_MCE_CAP_SUPPORTED:
		mcg_cap = HV_MCE_CAP | HV_MCE_BANKS;
		return copy_to_user(user, &mcg_cap, sizeof(mcg_cap)) ? -EFAULT : 0;
	case HVCTL_GET_VERSION:
		return dev_version(user);
	default:
		return -ENOTTY;
	}
}

const struct file_operations hv_device_fops = {
	.owner = THIS_MODULE,
	.unlocked_ioctl = device_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.llseek = noop_llseek,
};

static int vm_memory_region(struct hv_vm *vm, void __user *user)
{
	struct kvm_userspace_memory_region region;

	if (copy_from_user(&region, user, sizeof(region)))
		return -EFAULT;
	return hv_set_memory_region(vm, &region);
}

static int vm_dirty_log(struct hv_vm *vm, void __user *user)
{
	struct kvm_dirty_log log;

	if (copy_from_user(&log, user, sizeof(log)))
		return -EFAULT;
	return hv_get_dirty_log(vm, &log);
}

static int vm_clear_dirty_log(struct hv_vm *vm, void __user *user)
{
	struct kvm_clear_dirty_log log;

	if (copy_from_user(&log, user, sizeof(log)))
		return -EFAULT;
	return hv_clear_dirty_log(vm, &log);
}

static int vm_irqchip_get(struct hv_vm *vm, void __user *user)
{
	struct kvm_irqchip *chip = memdup_user(user, sizeof(*chip));
	int r;

	if (IS_ERR(chip))
		return PTR_ERR(chip);
	r = hv_irqchip_get(vm, chip);
	if (!r && copy_to_user(user, chip, sizeof(*chip)))
		r = -EFAULT;
	kfree(chip);
	return r;
}

static int vm_irqchip_set(struct hv_vm *vm, void __user *user)
{
	struct kvm_irqchip *chip = memdup_user(user, sizeof(*chip));
	int r;

	if (IS_ERR(chip))
		return PTR_ERR(chip);
	r = hv_irqchip_set(vm, chip);
	kfree(chip);
	return r;
}

static int vm_pit_create(struct hv_vm *vm, void __user *user)
{
	struct kvm_pit_config config;

	if (copy_from_user(&config, user, sizeof(config)))
		return -EFAULT;
	return hv_pit_create(vm, &config);
}

static int vm_pit_get(struct hv_vm *vm, void __user *user)
{
	struct kvm_pit_state2 state;
	int r = hv_pit_get(vm, &state);

	if (!r && copy_to_user(user, &state, sizeof(state)))
		r = -EFAULT;
	return r;
}

static int vm_pit_set(struct hv_vm *vm, void __user *user)
{
	struct kvm_pit_state2 state;

	if (copy_from_user(&state, user, sizeof(state)))
		return -EFAULT;
	return hv_pit_set(vm, &state);
}

static int vm_pit_reinject(struct hv_vm *vm, void __user *user)
{
	struct kvm_reinject_control control;

	if (copy_from_user(&control, user, sizeof(control)))
		return -EFAULT;
	return hv_pit_reinject(vm, control.pit_reinject);
}

static int vm_irq_line(struct hv_vm *vm, void __user *user, bool status)
{
	struct kvm_irq_level line;
	int r;

	if (copy_from_user(&line, user, sizeof(line)))
		return -EFAULT;
	if (!vm->irqchip)
		return -ENXIO;
	r = hv_gsi_set(vm, HV_SRC_USER, line.irq, line.level);
	if (!status)
		return 0;
	line.status = r;
	return copy_to_user(user, &line, sizeof(line)) ? -EFAULT : 0;
}

static int vm_gsi_routing(struct hv_vm *vm, struct kvm_irq_routing __user *user)
{
	struct kvm_irq_routing_entry *entries = NULL;
	struct kvm_irq_routing head;
	int r;

	if (copy_from_user(&head, user, sizeof(head)))
		return -EFAULT;
	if (head.flags || head.nr > HV_GSI_MAX)
		return -EINVAL;
	if (head.nr) {
		entries = vmemdup_user(user->entries,
				       array_size(sizeof(*entries), head.nr));
		if (IS_ERR(entries))
			return PTR_ERR(entries);
	}
	r = hv_gsi_routing_set(vm, entries, head.nr);
	kvfree(entries);
	return r;
}

static int vm_signal_msi(struct hv_vm *vm, void __user *user)
{
	struct kvm_msi msi;

	if (copy_from_user(&msi, user, sizeof(msi)))
		return -EFAULT;
	return hv_signal_msi(vm, &msi);
}

static int vm_irqfd(struct hv_vm *vm, void __user *user)
{
	struct kvm_irqfd args;

	if (copy_from_user(&args, user, sizeof(args)))
		return -EFAULT;
	return hv_irqfd_assign(vm, &args);
}

static int vm_ioeventfd(struct hv_vm *vm, void __user *user)
{
	struct kvm_ioeventfd args;

	if (copy_from_user(&args, user, sizeof(args)))
		return -EFAULT;
	return hv_ioeventfd(vm, &args);
}

static int vm_coalesced(struct hv_vm *vm, void __user *user, bool add)
{
	struct kvm_coalesced_mmio_zone zone;

	if (copy_from_user(&zone, user, sizeof(zone)))
		return -EFAULT;
	return add ? hv_coalesced_add(vm, &zone) : hv_coalesced_remove(vm, &zone);
}

static int vm_clock_get(struct hv_vm *vm, void __user *user)
{
	struct kvm_clock_data data = {};
	int r = hv_clock_get(vm, &data);

	if (!r && copy_to_user(user, &data, sizeof(data)))
		r = -EFAULT;
	return r;
}

static int vm_clock_set(struct hv_vm *vm, void __user *user)
{
	struct kvm_clock_data data;

	if (copy_from_user(&data, user, sizeof(data)))
		return -EFAULT;
	return hv_clock_set(vm, &data);
}

static int vm_x2apic_api(struct hv_vm *vm, u64 flags)
{
	if (flags & ~(KVM_X2APIC_API_USE_32BIT_IDS |
		      KVM_X2APIC_API_DISABLE_BROADCAST_QUIRK))
		return -EINVAL;
	mutex_lock(&vm->lock);
	vm->x2apic_flags |= flags;
	mutex_unlock(&vm->lock);
	return 0;
}

static int vm_dirty_protect(struct hv_vm *vm, u64 flags)
{
	/* Only who clears the log himself can begin with a full one. */
	if (flags & ~HV_DIRTY_FLAGS ||
	    flags == KVM_DIRTY_LOG_INITIALLY_SET)
		return -EINVAL;
	mutex_lock(&vm->slots_lock);
	vm->dirty_flags = flags;
	mutex_unlock(&vm->slots_lock);
	return 0;
}

/* What is on or off, read by vCPUs that run. */
static int vm_enable(struct hv_vm *vm, bool *what, u64 on)
{
	if (on > 1)
		return -EINVAL;
	mutex_lock(&vm->lock);
	WRITE_ONCE(*what, on);
	mutex_unlock(&vm->lock);
	return 0;
}

static int vm_enable_cap(struct hv_vm *vm, void __user *user)
{
	struct kvm_enable_cap cap;

	if (copy_from_user(&cap, user, sizeof(cap)))
		return -EFAULT;
	if (cap.flags)
		return -EINVAL;
	switch (cap.cap) {
	case KVM_CAP_EXCEPTION_PAYLOAD:
		return vm_enable(vm, &vm->payloads, cap.args[0]);
	case KVM_CAP_X86_TRIPLE_FAULT_EVENT:
		return vm_enable(vm, &vm->triple_faults, cap.args[0]);
	case KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2:
		return vm_dirty_protect(vm, cap.args[0]);
	case KVM_CAP_SPLIT_IRQCHIP:
		return hv_irqchip_split(vm, cap.args[0]);
	case KVM_CAP_X2APIC_API:
		return vm_x2apic_api(vm, cap.args[0]);
	default:
		return -EINVAL;
	}
}

static int vm_identity_get(struct hv_vm *vm, void __user *user)
{
	struct hvctl_identity id;
	int r = hv_vm_identity_get(vm, &id);

	if (!r && copy_to_user(user, &id, sizeof(id)))
		r = -EFAULT;
	return r;
}

static int vm_identity_set(struct hv_vm *vm, void __user *user)
{
	struct hvctl_identity id;

	if (copy_from_user(&id, user, sizeof(id)))
		return -EFAULT;
	return hv_vm_identity_set(vm, &id);
}

static int vm_state_set(struct hv_vm *vm, u32 __user *user)
{
	u32 state;

	if (get_user(state, user))
		return -EFAULT;
	return hv_vm_state_set(vm, state);
}

static int vm_xen_config(struct hv_vm *vm, void __user *user)
{
	struct kvm_xen_hvm_config config;

	if (copy_from_user(&config, user, sizeof(config)))
		return -EFAULT;
	return hv_xen_config_set(vm, &config);
}

static int vm_xen_get(struct hv_vm *vm, void __user *user)
{
	struct kvm_xen_hvm_attr attr;
	int r;

	if (copy_from_user(&attr, user, sizeof(attr)))
		return -EFAULT;
	r = hv_xen_attr_get(vm, &attr);
	if (!r && copy_to_user(user, &attr, sizeof(attr)))
		r = -EFAULT;
	return r;
}

static int vm_xen_set(struct hv_vm *vm, void __user *user)
{
	struct kvm_xen_hvm_attr attr;

	if (copy_from_user(&attr, user, sizeof(attr)))
		return -EFAULT;
	return hv_xen_attr_set(vm, &attr);
}

static int vm_xen_send(struct hv_vm *vm, void __user *user)
{
	struct kvm_irq_routing_xen_evtchn event;

	if (copy_from_user(&event, user, sizeof(event)))
		return -EFAULT;
	return hv_xen_evtchn_send(vm, &event);
}

static long vm_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct hv_vm *vm = file->private_data;
	void __user *user = (void __user *)arg;
	u64 address;

	/* Guest memory is the creator's address space and nobody else's. */
	if (vm->mm != current->mm || READ_ONCE(vm->dead))
		return -EIO;

	switch (cmd) {
	case KVM_CHECK_EXTENSION:
		return hv_check_extension(vm, arg);
	case KVM_CREATE_VCPU:
		return hv_vcpu_create(vm, arg);
	case KVM_SET_USER_MEMORY_REGION:
		return vm_memory_region(vm, user);
	case KVM_GET_DIRTY_LOG:
		return vm_dirty_log(vm, user);
	case KVM_CLEAR_DIRTY_LOG:
		return vm_clear_dirty_log(vm, user);
	case KVM_CREATE_IRQCHIP:
		return hv_irqchip_create(vm);
	case KVM_GET_IRQCHIP:
		return vm_irqchip_get(vm, user);
	case KVM_SET_IRQCHIP:
		return vm_irqchip_set(vm, user);
	case KVM_CREATE_PIT2:
		return vm_pit_create(vm, user);
	case KVM_GET_PIT2:
		return vm_pit_get(vm, user);
	case KVM_SET_PIT2:
		return vm_pit_set(vm, user);
	case KVM_REINJECT_CONTROL:
		return vm_pit_reinject(vm, user);
	case KVM_IRQ_LINE:
		return vm_irq_line(vm, user, false);
	case KVM_IRQ_LINE_STATUS:
		return vm_irq_line(vm, user, true);
	case KVM_SET_GSI_ROUTING:
		return vm_gsi_routing(vm, user);
	case KVM_SIGNAL_MSI:
		return vm_signal_msi(vm, user);
	case KVM_IRQFD:
		return vm_irqfd(vm, user);
	case KVM_IOEVENTFD:
		return vm_ioeventfd(vm, user);
	case KVM_REGISTER_COALESCED_MMIO:
		return vm_coalesced(vm, user, true);
	case KVM_UNREGISTER_COALESCED_MMIO:
		return vm_coalesced(vm, user, false);
	case KVM_GET_CLOCK:
		return vm_clock_get(vm, user);
	case KVM_SET_CLOCK:
		return vm_clock_set(vm, user);
	case KVM_ENABLE_CAP:
		return vm_enable_cap(vm, user);
	case KVM_XEN_HVM_CONFIG:
		return vm_xen_config(vm, user);
	case KVM_XEN_HVM_GET_ATTR:
		return vm_xen_get(vm, user);
	case KVM_XEN_HVM_SET_ATTR:
		return vm_xen_set(vm, user);
	case KVM_XEN_HVM_EVTCHN_SEND:
		return vm_xen_send(vm, user);
	case KVM_SET_TSS_ADDR:
		/* Hardware runs real mode by itself: nothing to be placed. */
		return arg > (u32)-3 * PAGE_SIZE ? -EINVAL : 0;
	case KVM_SET_IDENTITY_MAP_ADDR:
		if (get_user(address, (u64 __user *)user))
			return -EFAULT;
		return address & ~PAGE_MASK ? -EINVAL : 0;
	case HVCTL_GET_IDENTITY:
		return vm_identity_get(vm, user);
	case HVCTL_SET_IDENTITY:
		return vm_identity_set(vm, user);
	case HVCTL_SET_STATE:
		return vm_state_set(vm, user);
	default:
		return -ENOTTY;
	}
}

static int vm_release(struct inode *inode, struct file *file)
{
	struct hv_vm *vm = file->private_data;

	/* eventfds hold on to the VM by their wait queues: let go of them. */
	hv_irqfd_release_all(vm);
	hv_ioeventfd_release_all(vm);
	hv_vm_put(vm);
	return 0;
}

const struct file_operations hv_vm_fops = {
	.owner = THIS_MODULE,
	.unlocked_ioctl = vm_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.release = vm_release,
	.llseek = noop_llseek,
};
