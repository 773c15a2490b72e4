/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What all virtio devices share (virtio 1.2, chapters 2 and 3): status,
 * features, queues, interrupts. device.c holds the rules, virtio_pci.c the
 * registers by which a driver reaches them, and each device brings the rest
 * as a struct virtio_ops.
 *
 * Threads. Register accesses come from vCPU threads. Queues are run by the
 * thread of virtio_dev.loop: an I/O thread of the device's own or the main
 * loop. virtio_dev.lock is held in every callback and guards everything that
 * is not marked constant. Lock order: virtio_dev.lock, then pci_dev.lock.
 */
#ifndef VMMD_VIRTIO_H
#define VMMD_VIRTIO_H

#include <linux/virtio_config.h>
#include <linux/virtio_ids.h>
#include <pthread.h>

#include "device.h"
#include "loop.h"
#include "pci.h"
#include "virtio/queue.h"

#define VIRTIO_QUEUES_MAX  64
#define VIRTIO_QUEUE_SIZE  128 /* entries offered where nothing else is said */
#define VIRTIO_CONFIG_SIZE 128 /* bytes; the largest device's are 96 */

#define VIRTIO_F(bit) (1ULL << (bit))

struct virtio_dev;

/**
 * struct virtio_queue - one queue of a device
 * @dev: device, constant
 * @index: number of the queue, constant
 * @max: entries offered, constant
 * @kick: eventfd the driver's doorbell signals, constant
 * @ring: the rings
 * @vector: MSI-X vector or VIRTIO_MSI_NO_VECTOR
 * @size: entries the driver chose, at most @max
 * @offloaded: the kernel (vhost) runs this queue; the loop leaves @kick alone.
 *	       Changes only while the device is stopped or not yet created.
 */
struct virtio_queue {
	struct virtio_dev *dev;
	u16 index;
	u16 max;
	int kick;
	struct virtq ring;
	u16 vector;
	u16 size;
	bool offloaded;
};

/**
 * struct virtio_ops - what makes a device
 * @activate: the driver is ready; queues are enabled. 0 or a negative errno,
 *	      which breaks the device. vCPU thread.
 * @reset: forget the driver; when it returns no request is in flight and no
 *	   guest memory is touched. It may drop the lock while it waits.
 * @kick: the driver has put requests into the queue. Loop thread.
 * @config_write: the driver wrote [@off, @off + @size) of the configuration
 *		  to @data; the device applies what is writable. vCPU thread.
 * @vector_changed: the queue's vector or the way interrupts travel changed
 * @start: vCPUs are about to run; 0 or a negative errno. Main thread.
 * @stop: vCPUs have stopped: as @reset, but the rings live on. Main thread.
 * @destroy: free what the device's own create function made. Main thread,
 *	     after the last stop; lock not held.
 * @stats: fill counters; lock not held, any thread.
 *
 * All but @kick may be NULL.
 */
struct virtio_ops {
	int (*activate)(struct virtio_dev *dev);
	void (*reset)(struct virtio_dev *dev);
	void (*kick)(struct virtio_queue *q);
	void (*config_write)(struct virtio_dev *dev, u32 off, u32 size, const void *data);
	void (*vector_changed)(struct virtio_queue *q);
	int (*start)(struct virtio_dev *dev);
	void (*stop)(struct virtio_dev *dev);
	void (*destroy)(struct virtio_dev *dev);
	void (*stats)(struct virtio_dev *dev, struct device_stats *stats);
};

/**
 * struct virtio_dev - a virtio device, embedded in the actual one
 * @device: entry of the VM's list
 * @pci: the PCI function
 * @vm: constant
 * @ops: constant
 * @name: for messages and threads, constant
 * @loop: who runs the queues, constant
 * @own_loop: @loop has a thread of its own, constant
 * @offered: features the device has, constant
 * @queue: @num_queues entries, constant
 * @num_queues: constant
 * @config_len: bytes of @config that mean something, constant
 * @lock: guards all that follows
 * @config: the device's configuration structure, little-endian
 * @generation: changes with @config
 * @accepted: features the driver wrote; final once FEATURES_OK is set
 * @status: VIRTIO_CONFIG_S_*
 * @isr: what the ISR register shows next
 * @config_vector: MSI-X vector or VIRTIO_MSI_NO_VECTOR
 * @feature_select: which half of @offered the driver reads
 * @accept_select: which half of @accepted the driver writes
 * @queue_select: which queue the driver talks about
 * @running: between start and stop
 * @complaints: messages logged about this driver
 * @window: offset of the configuration window's capability, constant
 * @doorbells_wanted: doorbells are to be connected; guarded by pci.lock
 * @doorbell_base: guest address of queue 0's doorbell; guarded by pci.lock
 */
struct virtio_dev {
	struct device device;
	struct pci_dev pci;
	struct vm *vm;
	const struct virtio_ops *ops;
	char name[24];
	struct loop *loop;
	bool own_loop;
	u64 offered;
	struct virtio_queue *queue;
	u16 num_queues;
	u32 config_len;

	pthread_mutex_t lock;
	u8 config[VIRTIO_CONFIG_SIZE];
	u8 generation;
	u64 accepted;
	u8 status;
	u8 isr;
	u16 config_vector;
	u32 feature_select;
	u32 accept_select;
	u16 queue_select;
	bool running;
	u32 complaints;

	u32 window;
	bool doorbells_wanted;
	u64 doorbell_base;
};

/**
 * struct virtio_setup - arguments of virtio_dev_create()
 * @name: unique in the VM; copied
 * @kind: whether the device has block or network counters
 * @type: VIRTIO_ID_*
 * @class: PCI class << 16 | subclass << 8 | programming interface
 * @ops: the device
 * @features: features beside those of the rings and of version 1
 * @num_queues: how many
 * @queue_size: entries of each, 0 for VIRTIO_QUEUE_SIZE
 * @config_len: bytes of configuration
 * @own_thread: run the queues in an I/O thread instead of the main loop
 */
struct virtio_setup {
	const char *name;
	enum device_kind kind;
	u16 type;
	u32 class;
	const struct virtio_ops *ops;
	u64 features;
	u16 num_queues;
	u16 queue_size;
	u32 config_len;
	bool own_thread;
};

/* device.c: for the devices */
int virtio_dev_create(struct virtio_dev *dev, struct vm *vm, const struct virtio_setup *setup);
int virtio_dev_register(struct virtio_dev *dev);
void virtio_dev_release(struct virtio_dev *dev);
bool virtio_dev_live(const struct virtio_dev *dev);
bool virtio_has(const struct virtio_dev *dev, u32 bit);
void virtio_break(struct virtio_dev *dev, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
int virtio_pop(struct virtio_queue *q, struct virtq_chain *chain);
void virtio_notify(struct virtio_queue *q);
void virtio_interrupt(struct virtio_queue *q);
void virtio_config_changed(struct virtio_dev *dev);
void virtio_kick_self(struct virtio_queue *q);

/* device.c: for the transport; the lock is held */
void virtio_set_status(struct virtio_dev *dev, u8 status);
void virtio_set_features(struct virtio_dev *dev, u32 half, u32 value);
void virtio_queue_enable(struct virtio_queue *q);
void virtio_queue_resize(struct virtio_queue *q, u16 size);

/* virtio_pci.c */
int virtio_pci_create(struct virtio_dev *dev, u16 type, u32 class);
void virtio_pci_reset(struct virtio_dev *dev);
void virtio_pci_doorbells(struct virtio_dev *dev, bool on);
void virtio_pci_raise(struct virtio_dev *dev, u16 vector, u8 isr_bit);

/* The devices. Each returns 0 or a negative errno (logged). */
struct config_disk;
struct config_vif;

int virtio_blk_create(struct vm *vm, const struct config_disk *disk);
int virtio_net_create(struct vm *vm, const struct config_vif *vif);
int virtio_rng_create(struct vm *vm);
int virtio_vsock_create(struct vm *vm, u32 cid);

#endif /* VMMD_VIRTIO_H */
