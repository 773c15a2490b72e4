/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The console device's parts: console.c speaks virtio (5.3), console_ctrl.c
 * the multiport protocol, channel.c joins a port to a socket on the host.
 */
#ifndef VMMD_VIRTIO_VCON_H
#define VMMD_VIRTIO_VCON_H

#include <linux/virtio_console.h>

#include "virtio/virtio.h"

#define VCON_SEGS     32
#define VCON_MSGS_MAX 16
#define VCON_NAME_MAX 32
#define VCON_TURN_MAX (64 * 1024) /* bytes per turn of the main loop */

enum vcon_port_number { VCON_PORT_CONSOLE, VCON_PORT_CHANNEL, VCON_PORTS };

struct vcon;
struct vcon_port;

/**
 * struct vcon_port_ops - the host's end of a port
 * @output: the guest wrote @len bytes at @buf (guest memory); returns how many
 *	    were taken, fewer than @len to be asked again by vcon_output_ready()
 * @room: the guest has room again for vcon_input()
 * @opened: a program of the guest opened or closed the port
 *
 * The device is locked.
 */
struct vcon_port_ops {
	size_t (*output)(struct vcon_port *port, const u8 *buf, size_t len);
	void (*room)(struct vcon_port *port);
	void (*opened)(struct vcon_port *port);
};

/**
 * struct vcon_port - one port; guarded by virtio_dev.lock
 * @con: the device, constant
 * @ops: the host's end, NULL when the port does not exist; constant
 * @opaque: of the host's end, constant
 * @name: by which guests find it, constant
 * @number: constant
 * @guest_open: a program of the guest has it open
 * @host_open: the host's end is connected
 * @taken: bytes of the guest's current buffer already written out
 */
struct vcon_port {
	struct vcon *con;
	const struct vcon_port_ops *ops;
	void *opaque;
	const char *name;
	u32 number;
	bool guest_open;
	bool host_open;
	u32 taken;
};

/**
 * struct vcon_msg - a control message on its way to the guest
 * @head: fixed part
 * @len: bytes of @tail
 * @tail: a name or a size
 */
struct vcon_msg {
	struct virtio_console_control head;
	u32 len;
	char tail[VCON_NAME_MAX];
};

/**
 * struct vcon - the device
 * @virtio: the common part; its lock guards the rest
 * @port: by number
 * @msg: messages that wait for buffers, a ring
 * @msg_first: oldest entry of @msg
 * @msg_count: entries in use
 * @cols: width of the terminal in characters, 0 when not known
 * @rows: height
 */
struct vcon {
	struct virtio_dev virtio;
	struct vcon_port port[VCON_PORTS];
	struct vcon_msg msg[VCON_MSGS_MAX];
	u32 msg_first;
	u32 msg_count;
	u16 cols;
	u16 rows;
};

/* console.c; the device is locked */
size_t vcon_input(struct vcon_port *port, const u8 *buf, size_t len);
void vcon_output_ready(struct vcon_port *port);
bool vcon_multiport(const struct vcon *con);

/* console_ctrl.c; the device is locked */
void vcon_ctrl_receive(struct vcon *con);
void vcon_ctrl_flush(struct vcon *con);
void vcon_ctrl_send(struct vcon *con, u32 port, u16 event, u16 value, const void *tail, u32 len);
void vcon_ctrl_resize(struct vcon *con);

/* channel.c */
int vcon_channel_create(struct vcon_port *port, const char *socket_name);
void vcon_channel_destroy(struct vcon_port *port);

#endif /* VMMD_VIRTIO_VCON_H */
