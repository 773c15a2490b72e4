/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The back ends of a Xen guest's devices. Each adds a struct device to the VM
 * and meets its front end over xenbus (xenbus.h).
 */
#ifndef VMMD_XEN_BACKENDS_H
#define VMMD_XEN_BACKENDS_H

#include "types.h"

struct config_disk;
struct config_vif;
struct vm;

/**
 * blkback_create() - make a disk
 * @vm: a VM whose guest speaks to Xen; vm->xen is used from the first start on
 * @disk: its configuration
 *
 * The guest cannot change discs, so an empty drive is no device at all.
 * Return: 0 or a negative errno (logged).
 */
int blkback_create(struct vm *vm, const struct config_disk *disk);

/**
 * netback_create() - make a network card
 * @vm: a VM whose guest speaks to Xen; vm->xen is used from the first start on
 * @vif: its configuration, an element of vm->cfg.vifs
 *
 * Opens the host's end, so it may need privileges.
 * Return: 0 or a negative errno (logged).
 */
int netback_create(struct vm *vm, const struct config_vif *vif);

/**
 * pvconsole_create() - make the guest's console
 * @vm: a VM whose guest speaks to Xen; vm->xen is used from the first start on
 *
 * Return: 0 or a negative errno (logged).
 */
int pvconsole_create(struct vm *vm);

/**
 * pvconsole_set_ring() - tell the console where the guest will look for it
 * @vm: a VM with a PV console, its devices not started
 * @gpa: page of struct xencons_interface (xen/io/console.h), all zero
 * @port: the guest's event channel, as in its start_info
 *
 * Each power-on does this before devices start. Context: main thread.
 */
void pvconsole_set_ring(struct vm *vm, u64 gpa, u32 port);

#endif /* VMMD_XEN_BACKENDS_H */
