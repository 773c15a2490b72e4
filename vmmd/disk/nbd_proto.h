/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The NBD protocol, as far as a client needs it that asks for one export by its
 * name and then for nothing special: simple replies only. All numbers are big
 * endian. <linux/nbd.h> knows nothing of the handshake, and older ones not all of
 * the rest.
 */
#ifndef VMMD_DISK_NBD_PROTO_H
#define VMMD_DISK_NBD_PROTO_H

#include "types.h"

/* ------------------------------------------------------------ the handshake */

#define NBD_MAGIC	   0x4e42444d41474943ull /* NBDMAGIC */
#define NBD_OPTION_MAGIC   0x49484156454f5054ull /* IHAVEOPT */
#define NBD_FIXED_NEWSTYLE 1
#define NBD_NO_ZEROES	   2 /* behind struct nbd_export */

#define NBD_OPT_EXPORT_NAME 1
#define NBD_NAME_MAX	    8 /* of ours */

/* The server's first words. */
struct nbd_greeting {
	u64 magic;
	u64 option_magic;
	u16 flags;
} __attribute__((packed));

/* What the client says to that; @len bytes of @name. */
struct nbd_choice {
	u32 flags;
	u64 option_magic;
	u32 option;
	u32 len;
	char name[NBD_NAME_MAX];
} __attribute__((packed));

/* The server has such an export; else it closes the connection. */
struct nbd_export {
	u64 size;
	u16 flags;
} __attribute__((packed));

/* Flags of an export. */
#define NBD_HAS_FLAGS	     (1u << 0)
#define NBD_CAN_FLUSH	     (1u << 2)
#define NBD_CAN_FUA	     (1u << 3)
#define NBD_CAN_TRIM	     (1u << 5)
#define NBD_CAN_WRITE_ZEROES (1u << 6)

/* ------------------------------------------------------------ requests, replies */

#define NBD_REQUEST_MAGIC 0x25609513
#define NBD_REPLY_MAGIC	  0x67446698

enum {
	NBD_READ = 0,
	NBD_WRITE = 1,
	NBD_FLUSH = 3,
	NBD_TRIM = 4,
	NBD_WRITE_ZEROES = 6,
};

/* Flags of a command. */
#define NBD_FUA	    (1u << 0) /* on stable storage before the reply */
#define NBD_NO_HOLE (1u << 1) /* zeroes that keep their space */

/* Data follows a write. */
struct nbd_request {
	u32 magic;
	u16 flags;
	u16 command;
	u64 cookie;
	u64 offset;
	u32 len;
} __attribute__((packed));

/* Data follows when a read went well. Errors are those of Linux. */
struct nbd_reply {
	u32 magic;
	u32 error;
	u64 cookie;
} __attribute__((packed));

#endif /* VMMD_DISK_NBD_PROTO_H */
