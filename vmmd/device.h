/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the VM needs to know of a device. Devices stand in one explicit list
 * (vm.c builds it top to bottom); start runs down the list, stop, reset and
 * destroy run up.
 */
#ifndef VMMD_DEVICE_H
#define VMMD_DEVICE_H

#include "types.h"

/** enum device_kind - which counters of struct device_stats mean something */
enum device_kind {
	DEVICE_OTHER,
	DEVICE_BLOCK,
	DEVICE_NET,
};

/**
 * struct device_stats - counters since the device was created
 * @read_bytes: block: from the disk; net: received by the guest
 * @write_bytes: block: to the disk; net: sent by the guest
 * @reads: requests or packets that way
 * @writes: requests or packets that way
 * @errors: requests failed, packets dropped
 */
struct device_stats {
	u64 read_bytes;
	u64 write_bytes;
	u64 reads;
	u64 writes;
	u64 errors;
};

struct xenbus_dev;

/**
 * struct device - one entry of the VM's device list
 * @name: unique within the VM, e.g. "serial0", "xvda"; constant
 * @kind: see enum device_kind
 * @start: vCPUs are about to run, for the first time or after a pause:
 *	   begin or resume I/O. 0 or a negative errno (logged).
 * @stop: vCPUs have stopped: finish or park all I/O; when it returns the
 *	  device touches neither guest memory nor interrupts until @start
 * @reset: power-on state, called between @stop and @start with guest memory
 *	   about to be wiped
 * @destroy: give everything back, free the device; follows @stop
 * @stats: fill in counters; any thread
 * @xenbus: its handshake with a Xen guest's driver, NULL for other devices;
 *	    constant
 * @host: what the host has behind it, a file or an interface, NULL when that is
 *	  told elsewhere; constant
 * @gone: the guest has let go of it: about to be destroyed, never started again;
 *	  main thread only
 * @next: link, owned by vm.c
 *
 * Any callback may be NULL. All but @stats run in the main thread.
 */
struct device {
	const char *name;
	enum device_kind kind;
	int (*start)(struct device *dev);
	void (*stop)(struct device *dev);
	void (*reset)(struct device *dev);
	void (*destroy)(struct device *dev);
	void (*stats)(struct device *dev, struct device_stats *stats);
	struct xenbus_dev *xenbus;
	const char *host;
	bool gone;
	struct device *next;
};

#endif /* VMMD_DEVICE_H */
