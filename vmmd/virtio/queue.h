/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The device's side of a split virtqueue (virtio 1.2, section 2.7).
 *
 * Everything a ring holds was written by the guest and may change while we
 * look at it. Each value is therefore copied once, checked, and only the copy
 * is used. A ring that breaks a rule of the specification is marked broken:
 * nothing more is taken from it until the driver resets the device.
 */
#ifndef VMMD_VIRTIO_QUEUE_H
#define VMMD_VIRTIO_QUEUE_H

#include <stdbool.h>
#include <sys/uio.h>
#include <linux/virtio_ring.h>

#include "memory.h"

/* The largest ring the specification allows (2.7). */
#define VIRTQ_NUM_MAX 32768

/**
 * struct virtq - one split virtqueue
 * @mem: the guest's memory; constant
 * @desc_gpa: guest address of the descriptor table
 * @avail_gpa: guest address of the driver's ring
 * @used_gpa: guest address of the device's ring
 * @num: entries of each ring, a power of two once enabled
 * @enabled: virtq_enable() succeeded and no reset came since
 * @event_idx: VIRTIO_RING_F_EVENT_IDX was negotiated
 * @indirect: VIRTIO_RING_F_INDIRECT_DESC was negotiated
 * @desc: @desc_gpa in our address space, valid while @enabled
 * @avail: @avail_gpa, likewise
 * @used: @used_gpa, likewise
 * @next_avail: next entry of the driver's ring to take
 * @next_used: next entry of the device's ring to fill
 * @signalled: @next_used when an interrupt was last considered
 * @broken: why the ring is unusable, or NULL
 *
 * The structure has no lock of its own: whoever runs the queue serialises.
 */
struct virtq {
	const struct guest_mem *mem;
	u64 desc_gpa;
	u64 avail_gpa;
	u64 used_gpa;
	u16 num;
	bool enabled;
	bool event_idx;
	bool indirect;
	struct vring_desc *desc;
	struct vring_avail *avail;
	struct vring_used *used;
	u16 next_avail;
	u16 next_used;
	u16 signalled;
	const char *broken;
};

/**
 * struct virtq_chain - one request of the driver, as host memory
 * @iov: the caller's array: first the parts the device reads, then those it
 *	 writes
 * @max: entries of @iov
 * @head: the request's name, to be given to virtq_push()
 * @out_num: entries of @iov that the device reads
 * @in_num: entries of @iov that the device writes, after @out_num
 * @out_len: bytes to read
 * @in_len: bytes to write
 */
struct virtq_chain {
	struct iovec *iov;
	u32 max;
	u16 head;
	u32 out_num;
	u32 in_num;
	u32 out_len;
	u32 in_len;
};

int virtq_enable(struct virtq *q);
void virtq_reset(struct virtq *q);

int virtq_pop(struct virtq *q, struct virtq_chain *chain);
void virtq_unpop(struct virtq *q);
bool virtq_pending(const struct virtq *q);

void virtq_fill(struct virtq *q, u16 offset, u16 head, u32 len);
void virtq_publish(struct virtq *q, u16 count);
void virtq_push(struct virtq *q, u16 head, u32 len);

bool virtq_wants_interrupt(struct virtq *q);
bool virtq_enable_kicks(struct virtq *q);
void virtq_disable_kicks(struct virtq *q);

size_t iov_read(const struct iovec *iov, u32 num, size_t off, void *buf, size_t len);
size_t iov_write(const struct iovec *iov, u32 num, size_t off, const void *buf, size_t len);
u32 iov_cut_front(struct iovec **iov, u32 num, size_t len);

#endif /* VMMD_VIRTIO_QUEUE_H */
