// SPDX-License-Identifier: GPL-2.0
/*
 * The vCPU descriptor: copy in, dispatch, copy out, and the shared mapping.
 */
#include <linux/compat.h>
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/uaccess.h>

#include "hvctl.h"

/* KVM_GET_MSRS and KVM_SET_MSRS take at most so many at once, as KVM does. */
#define MAX_IO_MSRS	256

/**
 * hv_msrs_user() - KVM_GET_MSRS, KVM_SET_MSRS
 * @vcpu: passed to @fn
 * @user: struct kvm_msrs
 * @fn: does one entry; anything but 0 ends the loop
 * @back: the entries are copied back
 *
 * Return: how many entries were done, -E2BIG, -ENOMEM or -EFAULT.
 */
int hv_msrs_user(struct hv_vcpu *vcpu, struct kvm_msrs __user *user,
		 int (*fn)(struct hv_vcpu *vcpu, struct kvm_msr_entry *entry),
		 bool back)
{
	struct kvm_msr_entry *entries;
	struct kvm_msrs head;
	size_t size;
	u32 i;
	int r;

	if (copy_from_user(&head, user, sizeof(head)))
		return -EFAULT;
	if (head.nmsrs >= MAX_IO_MSRS)
		return -E2BIG;
	size = array_size(sizeof(*entries), head.nmsrs);
	entries = memdup_user(user->entries, size);
	if (IS_ERR(entries))
		return PTR_ERR(entries);
	for (i = 0; i < head.nmsrs; i++)
		if (fn(vcpu, &entries[i]))
			break;
	r = i;
	if (back && copy_to_user(user->entries, entries, size))
		r = -EFAULT;
	kfree(entries);
	return r;
}

static int get_msr(struct hv_vcpu *vcpu, struct kvm_msr_entry *entry)
{
	u64 value;
	int r = hv_msr_read(vcpu, entry->index, &value, true);

	if (!r)
		entry->data = value;
	return r;
}

static int set_msr(struct hv_vcpu *vcpu, struct kvm_msr_entry *entry)
{
	return hv_msr_write(vcpu, entry->index, entry->data, true);
}

static int set_cpuid(struct hv_vcpu *vcpu, struct kvm_cpuid2 __user *user)
{
	struct kvm_cpuid_entry2 *entries;
	struct kvm_cpuid2 head;
	int r;

	if (copy_from_user(&head, user, sizeof(head)))
		return -EFAULT;
	if (head.nent > HV_MAX_CPUID)
		return -E2BIG;
	entries = memdup_user(user->entries,
			      array_size(sizeof(*entries), head.nent));
	if (IS_ERR(entries))
		return PTR_ERR(entries);
	r = hv_cpuid_set(vcpu, entries, head.nent);
	kfree(entries);
	return r;
}

static int get_cpuid(struct hv_vcpu *vcpu, struct kvm_cpuid2 __user *user)
{
	struct kvm_cpuid2 head;
	int r;

	if (copy_from_user(&head, user, sizeof(head)))
		return -EFAULT;
	r = hv_cpuid_get(vcpu, &head, user->entries);
	if ((!r || r == -E2BIG) && copy_to_user(user, &head, sizeof(head)))
		return -EFAULT;
	return r;
}

static int set_signal_mask(struct hv_vcpu *vcpu,
			   struct kvm_signal_mask __user *user)
{
	struct kvm_signal_mask head;
	sigset_t set;

	if (!user) {
		vcpu->sigset_active = false;
		return 0;
	}
	if (copy_from_user(&head, user, sizeof(head)))
		return -EFAULT;
	if (head.len != sizeof(set))
		return -EINVAL;
	if (copy_from_user(&set, user->sigset, sizeof(set)))
		return -EFAULT;
	sigdelsetmask(&set, sigmask(SIGKILL) | sigmask(SIGSTOP));
	vcpu->sigset = set;
	vcpu->sigset_active = true;
	return 0;
}

static int interrupt(struct hv_vcpu *vcpu, void __user *user)
{
	struct kvm_interrupt irq;

	if (copy_from_user(&irq, user, sizeof(irq)))
		return -EFAULT;
	if (irq.irq > 255)
		return -EINVAL;
	if (!vcpu->user_pic)
		return -ENXIO;
	if (vcpu->user_irq >= 0)
		return -EEXIST;
	vcpu->user_irq = irq.irq;
	vcpu->event_check = true;
	return 0;
}

static int get_stats(struct hv_vcpu *vcpu, struct hvctl_vcpu_stats __user *user)
{
	struct hvctl_vcpu_stats stats = {};
	u32 size;

	if (get_user(size, &user->size))
		return -EFAULT;
	/* Older and newer callers get what both sides know. */
	size = min_t(u32, size, sizeof(stats));
	if (size < offsetofend(struct hvctl_vcpu_stats, classes))
		return -EINVAL;
	hv_vcpu_stats(vcpu, &stats);
	stats.size = size;
	stats.classes = HVCTL_EXIT_CLASSES;
	return copy_to_user(user, &stats, size) ? -EFAULT : 0;
}

/* Fixed-size structures that are only copied and handed on. */
#define GET(type, fn) ({						\
	type *__s = kzalloc(sizeof(type), GFP_KERNEL);			\
	int __r = __s ? fn(vcpu, __s) : -ENOMEM;			\
									\
	if (!__r && copy_to_user(user, __s, sizeof(type)))		\
		__r = -EFAULT;						\
	kfree(__s);							\
	__r;								\
})

#define SET(type, fn) ({						\
	type *__s = memdup_user(user, sizeof(type));			\
	int __r = PTR_ERR_OR_ZERO(__s);					\
									\
	if (!__r) {							\
		__r = fn(vcpu, __s);					\
		kfree(__s);						\
	}								\
	__r;								\
})

static int get_lapic(struct hv_vcpu *vcpu, struct kvm_lapic_state *state)
{
	return vcpu->lapic ? hv_lapic_get(vcpu, state) : -EINVAL;
}

static int set_lapic(struct hv_vcpu *vcpu, const struct kvm_lapic_state *state)
{
	return vcpu->lapic ? hv_lapic_set(vcpu, state) : -EINVAL;
}

static int get_xsave(struct hv_vcpu *vcpu, struct kvm_xsave *xsave)
{
	return hv_xsave_get(vcpu, xsave, sizeof(*xsave));
}

static int set_xsave(struct hv_vcpu *vcpu, const struct kvm_xsave *xsave)
{
	return hv_xsave_set(vcpu, xsave, sizeof(*xsave));
}

static int get_xsave2(struct hv_vcpu *vcpu, void __user *user)
{
	u32 size = hv_xsave_size();
	void *buf = kzalloc(size, GFP_KERNEL);
	int r = buf ? hv_xsave_get(vcpu, buf, size) : -ENOMEM;

	if (!r && copy_to_user(user, buf, size))
		r = -EFAULT;
	kfree(buf);
	return r;
}

static int setup_mce(struct hv_vcpu *vcpu, u64 __user *user)
{
	u64 mcg_cap;

	if (get_user(mcg_cap, user))
		return -EFAULT;
	return hv_mce_setup(vcpu, mcg_cap);
}

static int get_xen(struct hv_vcpu *vcpu, void __user *user)
{
	struct kvm_xen_vcpu_attr attr;
	int r;

	if (copy_from_user(&attr, user, sizeof(attr)))
		return -EFAULT;
	r = hv_xen_vcpu_attr_get(vcpu, &attr);
	if (!r && copy_to_user(user, &attr, sizeof(attr)))
		r = -EFAULT;
	return r;
}

/* Paravirtual task priorities are not offered: there is nothing to switch off. */
static int set_vapic_addr(struct hv_vcpu *vcpu, void __user *user)
{
	struct kvm_vapic_addr vapic;

	if (copy_from_user(&vapic, user, sizeof(vapic)))
		return -EFAULT;
	return vapic.vapic_addr || !vcpu->lapic ? -EINVAL : 0;
}

static int set_tsc_khz(struct hv_vcpu *vcpu, unsigned long khz)
{
	/* Without TSC scaling a guest's TSC runs as the host's. */
	return khz == 0 || khz == hv_tsc_khz() ? 0 : -EINVAL;
}

static long locked_ioctl(struct hv_vcpu *vcpu, unsigned int cmd,
			 unsigned long arg)
{
	void __user *user = (void __user *)arg;

	switch (cmd) {
	case KVM_GET_REGS:
		return GET(struct kvm_regs, hv_regs_get);
	case KVM_SET_REGS:
		return SET(struct kvm_regs, hv_regs_set);
	case KVM_GET_SREGS:
		return GET(struct kvm_sregs, hv_sregs_get);
	case KVM_SET_SREGS:
		return SET(struct kvm_sregs, hv_sregs_set);
	case KVM_GET_SREGS2:
		return GET(struct kvm_sregs2, hv_sregs2_get);
	case KVM_SET_SREGS2:
		return SET(struct kvm_sregs2, hv_sregs2_set);
	case KVM_GET_MSRS:
		return hv_msrs_user(vcpu, user, get_msr, true);
	case KVM_SET_MSRS:
		return hv_msrs_user(vcpu, user, set_msr, false);
	case KVM_GET_FPU:
		return GET(struct kvm_fpu, hv_fpu_get);
	case KVM_SET_FPU:
		return SET(struct kvm_fpu, hv_fpu_set);
	case KVM_GET_XSAVE:
		return GET(struct kvm_xsave, get_xsave);
	case KVM_SET_XSAVE:
		return SET(struct kvm_xsave, set_xsave);
	case KVM_GET_XSAVE2:
		return get_xsave2(vcpu, user);
	case KVM_GET_XCRS:
		return GET(struct kvm_xcrs, hv_xcrs_get);
	case KVM_SET_XCRS:
		return SET(struct kvm_xcrs, hv_xcrs_set);
	case KVM_GET_CPUID2:
		return get_cpuid(vcpu, user);
	case KVM_SET_CPUID2:
		return set_cpuid(vcpu, user);
	case KVM_GET_LAPIC:
		return GET(struct kvm_lapic_state, get_lapic);
	case KVM_SET_LAPIC:
		return SET(struct kvm_lapic_state, set_lapic);
	case KVM_GET_MP_STATE:
		return GET(struct kvm_mp_state, hv_mp_state_get);
	case KVM_SET_MP_STATE:
		return SET(struct kvm_mp_state, hv_mp_state_set);
	case KVM_GET_VCPU_EVENTS:
		return GET(struct kvm_vcpu_events, hv_events_get);
	case KVM_SET_VCPU_EVENTS:
		return SET(struct kvm_vcpu_events, hv_events_set);
	case KVM_GET_DEBUGREGS:
		return GET(struct kvm_debugregs, hv_debugregs_get);
	case KVM_SET_DEBUGREGS:
		return SET(struct kvm_debugregs, hv_debugregs_set);
	case KVM_SET_GUEST_DEBUG:
		return SET(struct kvm_guest_debug, hv_guest_debug_set);
	case KVM_TRANSLATE: {
		struct kvm_translation tr;
		int r;

		if (copy_from_user(&tr, user, sizeof(tr)))
			return -EFAULT;
		r = hv_translate(vcpu, &tr);
		if (!r && copy_to_user(user, &tr, sizeof(tr)))
			r = -EFAULT;
		return r;
	}
	case KVM_SET_SIGNAL_MASK:
		return set_signal_mask(vcpu, user);
	case KVM_INTERRUPT:
		return interrupt(vcpu, user);
	case KVM_NMI:
		hv_vcpu_nmi(vcpu);
		return 0;
	case KVM_SET_VAPIC_ADDR:
		return set_vapic_addr(vcpu, user);
	case KVM_X86_SETUP_MCE:
		return setup_mce(vcpu, user);
	case KVM_X86_SET_MCE:
		return SET(struct kvm_x86_mce, hv_mce_inject);
	case KVM_GET_TSC_KHZ:
		return hv_tsc_khz();
	case KVM_SET_TSC_KHZ:
		return set_tsc_khz(vcpu, arg);
	case KVM_KVMCLOCK_CTRL:
		return hv_kvmclock_ctrl(vcpu);
	case KVM_XEN_VCPU_GET_ATTR:
		return get_xen(vcpu, user);
	case KVM_XEN_VCPU_SET_ATTR:
		return SET(struct kvm_xen_vcpu_attr, hv_xen_vcpu_attr_set);
	default:
		return -ENOTTY;
	}
}

static long vcpu_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct hv_vcpu *vcpu = file->private_data;
	long r;

	if (vcpu->vm->mm != current->mm || READ_ONCE(vcpu->vm->dead))
		return -EIO;
	/* Counters are for others to look at, while the guest runs. */
	if (cmd == HVCTL_GET_VCPU_STATS)
		return get_stats(vcpu, (void __user *)arg);
	if (mutex_lock_killable(&vcpu->mutex))
		return -EINTR;
	if (cmd == KVM_RUN)
		r = arg ? -EINVAL : hv_vcpu_run(vcpu);
	else
		r = locked_ioctl(vcpu, cmd, arg);
	mutex_unlock(&vcpu->mutex);
	return r;
}

static vm_fault_t vcpu_fault(struct vm_fault *vmf)
{
	struct hv_vcpu *vcpu = vmf->vma->vm_file->private_data;
	struct page *page;

	if (vmf->pgoff >= HV_MMAP_PAGES)
		return VM_FAULT_SIGBUS;
	if (vmf->pgoff == HV_RING_OFFSET)
		page = virt_to_page(vcpu->vm->ring);
	else
		page = virt_to_page((void *)vcpu->run + vmf->pgoff * PAGE_SIZE);
	get_page(page);
	vmf->page = page;
	return 0;
}

static const struct vm_operations_struct vcpu_vm_ops = {
	.fault = vcpu_fault,
};

static int vcpu_mmap(struct file *file, struct vm_area_struct *vma)
{
	vma->vm_ops = &vcpu_vm_ops;
	return 0;
}

static int vcpu_release(struct inode *inode, struct file *file)
{
	struct hv_vcpu *vcpu = file->private_data;

	hv_vm_put(vcpu->vm);
	return 0;
}

const struct file_operations hv_vcpu_fops = {
	.owner = THIS_MODULE,
	.unlocked_ioctl = vcpu_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.mmap = vcpu_mmap,
	.release = vcpu_release,
	.llseek = noop_llseek,
};
