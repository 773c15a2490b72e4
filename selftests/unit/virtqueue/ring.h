/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A guest's side of a virtqueue, small enough to see through: a page for
 * each part, at guest addresses the tests can bend as they like.
 */
#ifndef VIRTQUEUE_RING_H
#define VIRTQUEUE_RING_H

#include "virtio/queue.h"

#define GUEST_BYTES  (256 * KIB)
#define RING_NUM     8
#define DESC_GPA     0x1000
#define AVAIL_GPA    0x2000
#define USED_GPA     0x3000
#define INDIRECT_GPA 0x4000
#define DATA_GPA     0x8000

static struct guest_mem mem;

static inline void *guest(u64 gpa)
{
	return mem.host + gpa;
}

static inline struct vring_desc *desc(u32 i)
{
	return (struct vring_desc *)guest(DESC_GPA) + i;
}

static inline struct vring_desc *indirect(u32 i)
{
	return (struct vring_desc *)guest(INDIRECT_GPA) + i;
}

static inline struct vring_avail *avail(void)
{
	return guest(AVAIL_GPA);
}

static inline struct vring_used *used(void)
{
	return guest(USED_GPA);
}

static inline void set_desc(struct vring_desc *d, u64 addr, u32 len, u16 flags, u16 next)
{
	*d = (struct vring_desc){.addr = addr, .len = len, .flags = flags, .next = next};
}

/* Two regions, as a guest with more than 3 GiB has them, to find the seam. */
static inline void guest_create(void)
{
	mem.host = aligned_alloc(4096, GUEST_BYTES);
	memset(mem.host, 0, GUEST_BYTES);
	mem.size = GUEST_BYTES;
	mem.nr = 2;
	mem.region[0] = (struct mem_region){.gpa = 0, .len = GUEST_BYTES / 2, .host = mem.host};
	mem.region[1] = (struct mem_region){
		.gpa = MEM_HIGH_BASE,
		.len = GUEST_BYTES / 2,
		.host = mem.host + GUEST_BYTES / 2,
	};
}

static inline void queue_create(struct virtq *q, u16 num)
{
	*q = (struct virtq){
		.mem = &mem,
		.desc_gpa = DESC_GPA,
		.avail_gpa = AVAIL_GPA,
		.used_gpa = USED_GPA,
		.num = num,
		.indirect = true,
	};
}

#endif /* VIRTQUEUE_RING_H */
