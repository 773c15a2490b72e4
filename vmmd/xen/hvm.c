// SPDX-License-Identifier: GPL-2.0
/* The Xen side of a guest of type="pvh": its life, and struct xen_ops. See hvm.h. */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <xen/xen.h>

#include "boot/boot.h"
#include "vm.h"
#include "xen/backends.h"
#include "xen/hvm.h"
#include "xen/xen_internal.h"

#define NEEDED                                                                                     \
	(KVM_XEN_HVM_CONFIG_HYPERCALL_MSR | KVM_XEN_HVM_CONFIG_INTERCEPT_HCALL |                   \
	 KVM_XEN_HVM_CONFIG_SHARED_INFO | KVM_XEN_HVM_CONFIG_RUNSTATE |                            \
	 KVM_XEN_HVM_CONFIG_EVTCHN_2LEVEL | KVM_XEN_HVM_CONFIG_EVTCHN_SEND)

/** hvm_attr() - KVM_XEN_HVM_SET_ATTR; any thread */
int hvm_attr(struct hvm *hvm, struct kvm_xen_hvm_attr *attr)
{
	return hv_ioctl(hvm->xen->vm->hv.vm_fd, KVM_XEN_HVM_SET_ATTR, attr);
}

/** hvm_vcpu_attr() - KVM_XEN_VCPU_SET_ATTR; a vCPU's thread, or no vCPU runs yet */
int hvm_vcpu_attr(struct hvm *hvm, u32 vcpu, struct kvm_xen_vcpu_attr *attr)
{
	return vcpu_ioctl(&hvm->xen->vm->vcpu[vcpu], KVM_XEN_VCPU_SET_ATTR, attr);
}

static void hvm_free(struct hvm *hvm)
{
	munmap(hvm->own, HVM_PAGES * GUEST_PAGE_SIZE);
	pthread_mutex_destroy(&hvm->lock);
	free(hvm->given);
	free(hvm);
}

static struct hvm *hvm_make(struct xen *xen)
{
	const struct guest_mem *m = &xen->vm->mem;
	const struct mem_region *last = &m->region[m->nr - 1];
	struct hvm *hvm = calloc(1, sizeof(*hvm));

	if (!hvm)
		return NULL;
	hvm->xen = xen;
	hvm->own = mmap(NULL, HVM_PAGES * GUEST_PAGE_SIZE, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (hvm->own == MAP_FAILED) {
		free(hvm);
		return NULL;
	}
	pthread_mutex_init(&hvm->lock, NULL);
	hvm->frames = (last->gpa + last->len) / GUEST_PAGE_SIZE;
	hvm->given = calloc(hvm->frames / 64 + 1, sizeof(*hvm->given));
	if (!hvm->given) {
		hvm_free(hvm);
		return NULL;
	}
	return hvm;
}

static int hvm_create(struct xen *xen)
{
	const struct hv *hv = &xen->vm->hv;
	u32 has = (u32)hv_check(hv, KVM_CAP_XEN_HVM);

	if ((has & NEEDED) != NEEDED) {
		log_err("%s: lacks what type=\"pvh\" needs for Xen's interface (KVM_CAP_XEN_HVM is "
			"%#x): expected type=\"auto\" or \"hvm\" with it",
			hv->path, has);
		return -EOPNOTSUPP;
	}
	xen->hvm = hvm_make(xen);
	if (!xen->hvm) {
		log_err("Xen guest: out of memory");
		return -ENOMEM;
	}
	return 0;
}

static void hvm_destroy(struct xen *xen)
{
	if (xen->hvm)
		hvm_free(xen->hvm);
	xen->hvm = NULL;
}

/* All that the guest changes in its life. */
static void hvm_reset(struct hvm *hvm)
{
	u32 i;

	for (i = 0; i < ARRAY_SIZE(hvm->info); i++)
		hvm->info[i] = HVM_NO_FRAME;
	memset(hvm->vector, 0, sizeof(hvm->vector));
	hvm->callback = 0;
	hvm->nr_given = 0;
	memset(hvm->given, 0, (hvm->frames / 64 + 1) * sizeof(*hvm->given));
	hvm_pages_reset(hvm);
	hvm_events_reset(hvm);
}

static int hvm_boot(struct xen *xen)
{
	struct kvm_xen_hvm_config config = {
		.flags = KVM_XEN_HVM_CONFIG_INTERCEPT_HCALL | KVM_XEN_HVM_CONFIG_EVTCHN_SEND,
		.msr = HVM_HYPERCALL_MSR,
	};
	/* Kernels that call without a page never tell. */
	struct kvm_xen_hvm_attr mode = {.type = KVM_XEN_ATTR_TYPE_LONG_MODE, .u.long_mode = 1};
	struct vm *vm = xen->vm;
	int ret;

	hvm_reset(xen->hvm);
	xen->start = (struct pv_start){
		.store_gpa = BOOT_XEN_STORE,
		.console_gpa = BOOT_XEN_CONSOLE,
	};
	pvconsole_set_ring(vm, BOOT_XEN_CONSOLE, XEN_PORT_CONSOLE);
	ret = hv_ioctl(vm->hv.vm_fd, KVM_XEN_HVM_CONFIG, &config);
	if (!ret)
		ret = hvm_attr(xen->hvm, &mode);
	if (ret)
		log_err("%s: cannot serve Xen's interface: %s", vm->hv.path, strerror(-ret));
	return ret;
}

static void *hvm_grant_frame(struct xen *xen, u32 frame)
{
	return __atomic_load_n(&xen->hvm->page[frame].at, __ATOMIC_ACQUIRE);
}

static u64 hvm_pages_left(const struct xen *xen)
{
	return __atomic_load_n(&xen->hvm->nr_given, __ATOMIC_RELAXED);
}

const struct xen_ops xen_hvm_ops = {
	.create = hvm_create,
	.destroy = hvm_destroy,
	.boot = hvm_boot,
	.cpuid = xen_cpuid_hvm,
	.listen = hvm_listen,
	.unlisten = hvm_unlisten,
	.raise = hvm_raise,
	.grant_frame = hvm_grant_frame,
	.pages_left = hvm_pages_left,
};
