/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The back ends of a Xen guest's devices. Each adds a struct device to the VM
 * and meets its front end over xenbus (xenbus.h).
 */
#ifndef VMMD_XEN_BACKENDS_H
#define VMMD_XEN_BACKENDS_H

#include "types.h"

struct config_disk;
struct disk_opened;
struct config_vif;
struct device;
struct net_port;
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
 * blkback_attach() - make a disk of an open file, while the guest exists
 * @vm: a VM whose guest speaks to Xen
 * @disk: its configuration
 * @opened: see disk_adopt()
 *
 * Context: main thread, inside the sandbox. The disk is to be started.
 * Return: 0 or a negative errno (logged); -EEXIST for a name in use.
 */
int blkback_attach(struct vm *vm, const struct config_disk *disk, const struct disk_opened *opened);

/**
 * blkback_config() - the configuration of a disk
 * @dev: the disk
 * @disk: out: texts are the disk's
 *
 * Context: main thread.
 */
void blkback_config(const struct device *dev, struct config_disk *disk);

/**
 * blkback_vdev_number() - the number Xen gives to a virtual device
 * @vdev: xvda, hda1, sdb2, ...; a "vd" counts as "xvd"
 *
 * Return: the number (positive), or -EINVAL for a name that has none.
 */
int blkback_vdev_number(const char *vdev);

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
 * netback_attach() - make a network card of an open port, while the guest exists
 * @vm: a VM whose guest speaks to Xen
 * @vif: its configuration
 * @id: number that no other card has
 * @port: the host's end; the card has a descriptor of its own for it
 *
 * Context: main thread, inside the sandbox. The card is to be started.
 * Return: 0 or a negative errno (logged).
 */
int netback_attach(struct vm *vm, const struct config_vif *vif, u32 id,
		   const struct net_port *port);

/**
 * netback_config() - the configuration of a card
 * @dev: the card
 * @vif: out: texts are the VM's
 *
 * Context: main thread.
 */
void netback_config(const struct device *dev, struct config_vif *vif);

/** netback_mac() - the guest's address of a card, six bytes */
const u8 *netback_mac(const struct device *dev);

/**
 * pvconsole_create() - make the guest's console
 * @vm: a VM whose guest speaks to Xen; vm->xen is used from the first start on
 *
 * Return: 0 or a negative errno (logged).
 */
int pvconsole_create(struct vm *vm);

/**
 * pvconsole_adopt_ring() - the same for one that was in use, and is full of it
 * @vm: a VM with a PV console, its devices not started
 * @gpa: page of the rings, known to be RAM
 * @port: the guest's event channel
 *
 * Context: main thread.
 */
void pvconsole_adopt_ring(struct vm *vm, u64 gpa, u32 port);

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
