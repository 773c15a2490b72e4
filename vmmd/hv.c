// SPDX-License-Identifier: GPL-2.0
/* The KVM-ABI node. See hv.h. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "hv.h"
#include "hvctl.h"
#include "log.h"
#include "memory.h"

/* What vmmd cannot do without; everything else is optional. */
static const struct {
	u32 cap;
	const char *name;
} hv_required[] = {
	{KVM_CAP_USER_MEMORY, "KVM_CAP_USER_MEMORY"},
	{KVM_CAP_IRQCHIP, "KVM_CAP_IRQCHIP"},
	{KVM_CAP_IRQ_ROUTING, "KVM_CAP_IRQ_ROUTING"},
	{KVM_CAP_IRQFD, "KVM_CAP_IRQFD"},
	{KVM_CAP_IOEVENTFD, "KVM_CAP_IOEVENTFD"},
	{KVM_CAP_SIGNAL_MSI, "KVM_CAP_SIGNAL_MSI"},
	{KVM_CAP_EXT_CPUID, "KVM_CAP_EXT_CPUID"},
	{KVM_CAP_IMMEDIATE_EXIT, "KVM_CAP_IMMEDIATE_EXIT"},
};

int hv_ioctl(int fd, unsigned long request, void *arg)
{
	int ret = ioctl(fd, request, arg);

	return ret < 0 ? -errno : ret;
}

int hv_check(const struct hv *hv, u32 cap)
{
	int ret = hv_ioctl(hv->dev_fd, KVM_CHECK_EXTENSION, (void *)(uintptr_t)cap);

	return ret < 0 ? 0 : ret;
}

static void hv_explain_open(const char *path, int err)
{
	switch (err) {
	case ENOENT:
	case ENODEV:
	case ENXIO:
		log_err("%s: no hypervisor there: load its module%s", path,
			strcmp(path, HVCTL_DEVICE) ? "" : " by 'modprobe hvctl'");
		break;
	case EACCES:
	case EPERM:
		log_err("%s: permission denied: join the group that owns it", path);
		break;
	default:
		log_err("%s: %s", path, strerror(err));
	}
}

static int hv_probe(struct hv *hv)
{
	struct hvctl_version version;
	size_t i;
	int ret;

	ret = hv_ioctl(hv->dev_fd, KVM_GET_API_VERSION, NULL);
	if (ret != KVM_API_VERSION) {
		log_err("%s: not a node of the KVM ABI, version %d", hv->path, KVM_API_VERSION);
		return -ENODEV;
	}
	for (i = 0; i < ARRAY_SIZE(hv_required); i++) {
		if (hv_check(hv, hv_required[i].cap))
			continue;
		log_err("%s: lacks %s, which vmmd needs", hv->path, hv_required[i].name);
		return -EOPNOTSUPP;
	}
	ret = hv_ioctl(hv->dev_fd, KVM_GET_VCPU_MMAP_SIZE, NULL);
	if (ret < (int)sizeof(struct kvm_run)) {
		log_err("%s: bad size of the vCPU area: %d", hv->path, ret);
		return -EPROTO;
	}
	hv->run_size = (size_t)ret;
	hv->msi_routes = (u32)hv_check(hv, KVM_CAP_IRQ_ROUTING);
	hv->is_hvctl = !hv_ioctl(hv->dev_fd, HVCTL_GET_VERSION, &version);
	return 0;
}

int hv_open(struct hv *hv, const char *path)
{
	int ret;

	memset(hv, 0, sizeof(*hv));
	hv->vm_fd = -1;
	hv->path = path ? path : HVCTL_DEVICE;
	hv->dev_fd = open(hv->path, O_RDWR | O_CLOEXEC);
	if (hv->dev_fd < 0) {
		ret = -errno;
		hv_explain_open(hv->path, -ret);
		return ret;
	}
	ret = hv_probe(hv);
	if (ret)
		hv_close(hv);
	return ret;
}

void hv_close(struct hv *hv)
{
	if (hv->dev_fd >= 0)
		close(hv->dev_fd);
	hv->dev_fd = -1;
}

int hv_identify(struct hv *hv, const char *name, const u8 uuid[16])
{
	struct hvctl_identity id = {0};
	int ret;

	if (!hv->is_hvctl || hv->vm_fd < 0)
		return 0;
	snprintf(id.name, sizeof(id.name), "%s", name);
	memcpy(id.uuid, uuid, sizeof(id.uuid));
	ret = hv_ioctl(hv->vm_fd, HVCTL_SET_IDENTITY, &id);
	if (!ret)
		ret = hv_ioctl(hv->vm_fd, HVCTL_GET_IDENTITY, &id);
	if (ret) {
		log_err("%s: cannot name the domain: %s", hv->path, strerror(-ret));
		return ret;
	}
	hv->domid = id.domid;
	return 0;
}

/*
 * Intel CPUs without unrestricted guest need four pages of guest-physical
 * space for real mode (Documentation/virt/kvm/api.rst, 4.36 and 4.41).
 */
static int hv_place_hidden_pages(struct hv *hv)
{
	__u64 identity = MEM_IDENTITY_MAP;
	int ret = 0;

	if (hv_check(hv, KVM_CAP_SET_IDENTITY_MAP_ADDR))
		ret = hv_ioctl(hv->vm_fd, KVM_SET_IDENTITY_MAP_ADDR, &identity);
	if (!ret && hv_check(hv, KVM_CAP_SET_TSS_ADDR))
		ret = hv_ioctl(hv->vm_fd, KVM_SET_TSS_ADDR, (void *)MEM_TSS_BASE);
	if (ret)
		log_err("%s: cannot place real-mode pages: %s", hv->path, strerror(-ret));
	return ret;
}

int hv_create_vm(struct hv *hv, const char *name, const u8 uuid[16])
{
	int ret;

	/* Creation takes locks and may be interrupted by any signal. */
	do
		ret = hv_ioctl(hv->dev_fd, KVM_CREATE_VM, NULL);
	while (ret == -EINTR);
	if (ret < 0) {
		log_err("%s: cannot create a VM: %s", hv->path, strerror(-ret));
		return ret;
	}
	hv->vm_fd = ret;

	ret = hv_identify(hv, name, uuid);
	if (!ret)
		ret = hv_place_hidden_pages(hv);
	if (ret)
		hv_destroy_vm(hv);
	return ret;
}

void hv_destroy_vm(struct hv *hv)
{
	if (hv->vm_fd >= 0)
		close(hv->vm_fd);
	hv->vm_fd = -1;
}

int hv_set_memslot(struct hv *hv, u32 slot, u64 gpa, u64 len, void *host, u32 flags)
{
	struct kvm_userspace_memory_region region = {
		.slot = slot,
		.flags = flags,
		.guest_phys_addr = gpa,
		.memory_size = len,
		.userspace_addr = (uintptr_t)host,
	};

	return hv_ioctl(hv->vm_fd, KVM_SET_USER_MEMORY_REGION, &region);
}

int hv_create_vcpu(struct hv *hv, u32 id, struct kvm_run **run)
{
	void *map;
	int fd, err;

	fd = hv_ioctl(hv->vm_fd, KVM_CREATE_VCPU, (void *)(uintptr_t)id);
	if (fd < 0) {
		log_err("%s: cannot create vCPU %u: %s", hv->path, id, strerror(-fd));
		return fd;
	}
	map = mmap(NULL, hv->run_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED) {
		err = errno;
		close(fd);
		log_err("%s: cannot map vCPU %u: %s", hv->path, id, strerror(err));
		return -err;
	}
	*run = map;
	return fd;
}

void hv_set_state(struct hv *hv, u32 state)
{
	__u32 value = state;

	if (hv->is_hvctl && hv->vm_fd >= 0)
		hv_ioctl(hv->vm_fd, HVCTL_SET_STATE, &value);
}
