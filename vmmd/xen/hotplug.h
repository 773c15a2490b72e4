/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Devices that come to a guest with type="pv" and leave it while it exists.
 *
 * Context: main thread for all calls.
 */
#ifndef VMMD_XEN_HOTPLUG_H
#define VMMD_XEN_HOTPLUG_H

#include "types.h"

struct config_disk;
struct disk_opened;
struct config_vif;
struct device;
struct net_port;
struct vm;

/**
 * hotplug_disk() - attach a disk
 * @vm: a PV guest
 * @disk: its configuration, not to be trusted
 * @opened: see blkback_attach()
 *
 * Return: 0 or a negative errno (logged): -EINVAL for a name that Xen does not
 * have, -EEXIST for one in use, -EBUSY when another guest has the file, -ENOSPC
 * when there are too many.
 */
int hotplug_disk(struct vm *vm, const struct config_disk *disk, const struct disk_opened *opened);

/**
 * hotplug_vif() - attach a network card
 * @vm: a PV guest
 * @vif: its configuration
 * @port: see netback_attach()
 * @id: out: the number it got
 *
 * Return: 0 or a negative errno (logged), -ENOSPC when there are too many.
 */
int hotplug_vif(struct vm *vm, const struct config_vif *vif, const struct net_port *port, u32 *id);

/**
 * hotplug_find() - a device of a PV guest by its number
 * @vm: the VM
 * @type: "vbd" or "vif"
 * @id: the number
 *
 * Return: the device, NULL when there is none.
 */
struct device *hotplug_find(const struct vm *vm, const char *type, u32 id);

/**
 * hotplug_detach() - take a device away
 * @dev: of hotplug_find()
 * @force: at once, whatever the guest is doing with it; else it is asked, and
 *	   the device is there until it has let go
 *
 * Return: 0, or -EAGAIN when the guest does not run and cannot be asked.
 */
int hotplug_detach(struct device *dev, bool force);

/** hotplug_settle() - the guest starts anew: nobody holds what is leaving */
void hotplug_settle(struct vm *vm);

#endif /* VMMD_XEN_HOTPLUG_H */
