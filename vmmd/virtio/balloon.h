/* SPDX-License-Identifier: GPL-2.0 */
/* The memory balloon, as the control socket sees it. */
#ifndef VMMD_VIRTIO_BALLOON_H
#define VMMD_VIRTIO_BALLOON_H

#include "types.h"

struct vm;
struct balloon;

/**
 * struct balloon_stats - what is known about the guest's memory
 * @target: bytes the guest is asked to leave to the host
 * @actual: bytes it has left
 * @reported: bytes of free pages it has reported since it was started
 * @valid: bit N: stat[N] was told by the guest
 * @stat: by VIRTIO_BALLOON_S_*, memory in bytes
 * @age_ns: nanoseconds since @stat was told
 */
struct balloon_stats {
	u64 target;
	u64 actual;
	u64 reported;
	u32 valid;
	u64 stat[16];
	u64 age_ns;
};

int virtio_balloon_create(struct vm *vm);

void balloon_set_target(struct balloon *balloon, u64 bytes);
void balloon_get_stats(struct balloon *balloon, struct balloon_stats *stats);

#endif /* VMMD_VIRTIO_BALLOON_H */
