/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The rate= of a network card: a bucket of bytes that fills at that rate. A
 * frame may be sent while the bucket is not empty and may leave a debt, so
 * frames larger than the bucket pass as well.
 */
#ifndef VMMD_BUCKET_H
#define VMMD_BUCKET_H

#include "loop.h"
#include "types.h"

/**
 * struct bucket - how much may still be sent; guarded by its owner's lock
 * @rate: bytes per second, 0 for no limit; constant
 * @depth: bytes that may be sent at once; constant
 * @level: bytes that may be sent now
 * @filled_ns: when @level was computed
 * @timer: tells the owner when there is enough again, NULL without limit;
 *	   constant
 */
struct bucket {
	u64 rate;
	u64 depth;
	s64 level;
	u64 filled_ns;
	struct loop_timer *timer;
};

/**
 * bucket_create() - set a limit
 * @b: zeroed
 * @rate: bytes per second, 0 for none
 * @interval_us: microseconds of @rate that may be sent at once, 0 for a
 *		 sensible number
 * @loop: whose thread calls @refilled
 * @refilled: called once what bucket_take() has refused may be sent
 * @opaque: its argument
 *
 * Return: 0 or a negative errno.
 */
int bucket_create(struct bucket *b, u64 rate, u32 interval_us, struct loop *loop, loop_fn refilled,
		  void *opaque);

/** bucket_destroy() - undo bucket_create(); harmless without it */
void bucket_destroy(struct bucket *b);

/**
 * bucket_take() - may it be sent?
 * @b: bucket, its owner locked
 * @bytes: size of the frame
 *
 * Return: true when it may; false when not yet: the owner is told then as soon
 * as it may.
 */
bool bucket_take(struct bucket *b, u32 bytes);

/** bucket_stop() - do not tell the owner any more until something is refused */
void bucket_stop(struct bucket *b);

#endif /* VMMD_BUCKET_H */
