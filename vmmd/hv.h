/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The hypervisor: any node that speaks the KVM ABI. /dev/hvctl and /dev/kvm
 * are driven by the same calls; what only hvctl.ko has is used when
 * HVCTL_GET_VERSION answers.
 */
#ifndef VMMD_HV_H
#define VMMD_HV_H

#include <linux/kvm.h>
#include "types.h"

/**
 * struct hv - an open node and the VM made on it
 * @path: of the node, for messages
 * @dev_fd: the node
 * @vm_fd: the VM, -1 before hv_create_vm() and after hv_destroy_vm()
 * @run_size: bytes of a vCPU's shared page(s)
 * @msi_routes: GSIs the routing table may hold
 * @is_hvctl: hvctl.ko answers, HVCTL_* calls work
 * @domid: number of the VM as hvctl.ko gave it, 0 with another node
 *
 * Written by the main thread while no other thread of the VM exists.
 */
struct hv {
	const char *path;
	int dev_fd;
	int vm_fd;
	size_t run_size;
	u32 msi_routes;
	bool is_hvctl;
	u32 domid;
};

/**
 * hv_open() - open a node and see that it can do what vmmd needs
 * @hv: filled in
 * @path: the node, or NULL for HVCTL_DEVICE
 *
 * Return: 0 or a negative errno (logged with what to do about it).
 */
int hv_open(struct hv *hv, const char *path);

/** hv_close() - close the node; the VM is destroyed already */
void hv_close(struct hv *hv);

/**
 * hv_create_vm() - create an empty VM
 * @hv: open node without a VM
 * @name: domain name, told to hvctl.ko
 * @uuid: 16 bytes, told to hvctl.ko
 *
 * Return: 0 or a negative errno (logged).
 */
int hv_create_vm(struct hv *hv, const char *name, const u8 uuid[16]);

/**
 * hv_identify() - tell hvctl.ko who the VM is; no-op elsewhere
 * @hv: the VM
 * @name: domain name
 * @uuid: 16 bytes
 *
 * Return: 0 or a negative errno (logged).
 */
int hv_identify(struct hv *hv, const char *name, const u8 uuid[16]);

/** hv_destroy_vm() - close the VM; its vCPUs are closed already */
void hv_destroy_vm(struct hv *hv);

/** hv_check() - KVM_CHECK_EXTENSION; 0 for absent, whatever went wrong */
int hv_check(const struct hv *hv, u32 cap);

/**
 * hv_ioctl() - an ioctl that reports failure as a negative errno
 * @fd: node, VM or vCPU
 * @request: KVM_* or HVCTL_*
 * @arg: pointer or number
 *
 * EINTR is returned, not retried: KVM_RUN needs to see it.
 */
int hv_ioctl(int fd, unsigned long request, void *arg);

/**
 * hv_set_memslot() - map memory of vmmd into the guest
 * @hv: the VM
 * @slot: slot number
 * @gpa: guest physical address, page aligned
 * @len: bytes; 0 removes the slot
 * @host: what to map
 * @flags: KVM_MEM_*
 *
 * Return: 0 or a negative errno.
 */
int hv_set_memslot(struct hv *hv, u32 slot, u64 gpa, u64 len, void *host, u32 flags);

/**
 * hv_create_vcpu() - create a vCPU and map its shared area
 * @hv: the VM
 * @id: vCPU number, also its APIC id
 * @run: out: the mapping, @hv->run_size bytes
 *
 * Return: the vCPU's descriptor or a negative errno (logged).
 */
int hv_create_vcpu(struct hv *hv, u32 id, struct kvm_run **run);

/**
 * hv_set_state() - tell hvctl.ko why the domain rests; no-op elsewhere
 * @hv: the VM
 * @state: enum hvctl_state
 */
void hv_set_state(struct hv *hv, u32 state);

#endif /* VMMD_HV_H */
