// SPDX-License-Identifier: GPL-2.0
/*
 * The multiport protocol of virtio-console (virtio 1.2, 5.3.6.2): short
 * messages about ports, in a pair of queues of their own.
 */
#include <stdlib.h>
#include <string.h>

#include "virtio/vcon.h"
#include "vm.h"

#define Q_CTRL_RX 2
#define Q_CTRL_TX 3
#define TURN_MAX  32 /* messages per turn of the main loop */

/* A size as it travels: columns first, unlike in Linux's own structures. */
struct size_tail {
	u16 cols;
	u16 rows;
};

/**
 * vcon_ctrl_flush - give waiting messages to the guest
 * @con: device, locked
 */
void vcon_ctrl_flush(struct vcon *con)
{
	struct virtio_queue *q = &con->virtio.queue[Q_CTRL_RX];
	struct iovec iov[VCON_SEGS];
	struct virtq_chain c = {.iov = iov, .max = VCON_SEGS};

	while (con->msg_count) {
		const struct vcon_msg *m = &con->msg[con->msg_first];
		size_t n;

		if (virtio_pop(q, &c) <= 0) {
			if (virtq_enable_kicks(&q->ring))
				continue;
			break;
		}
		n = iov_write(iov + c.out_num, c.in_num, 0, &m->head, sizeof(m->head));
		n += iov_write(iov + c.out_num, c.in_num, n, m->tail, m->len);
		virtq_push(&q->ring, c.head, n);
		con->msg_first = (con->msg_first + 1) % VCON_MSGS_MAX;
		con->msg_count--;
	}
	virtio_notify(q);
}

/**
 * vcon_ctrl_send - tell the guest something about a port
 * @con: device, locked
 * @port: number
 * @event: VIRTIO_CONSOLE_*
 * @value: extra information
 * @tail: what follows the fixed part, or NULL
 * @len: bytes of @tail, at most VCON_NAME_MAX
 *
 * A guest that asks and asks without giving buffers loses messages.
 */
void vcon_ctrl_send(struct vcon *con, u32 port, u16 event, u16 value, const void *tail, u32 len)
{
	struct vcon_msg *m;

	if (con->msg_count == VCON_MSGS_MAX)
		return;
	m = &con->msg[(con->msg_first + con->msg_count++) % VCON_MSGS_MAX];
	m->head = (struct virtio_console_control){.id = port, .event = event, .value = value};
	m->len = len;
	if (len)
		memcpy(m->tail, tail, len);
	vcon_ctrl_flush(con);
}

/**
 * vcon_ctrl_resize - tell the guest the size of its console
 * @con: device, locked
 */
void vcon_ctrl_resize(struct vcon *con)
{
	struct size_tail size = {.cols = con->cols, .rows = con->rows};

	if (con->cols && con->rows)
		vcon_ctrl_send(con, VCON_PORT_CONSOLE, VIRTIO_CONSOLE_RESIZE, 0, &size,
			       sizeof(size));
}

static void introduce_ports(struct vcon *con)
{
	for (u32 i = 0; i < VCON_PORTS; i++) {
		if (con->port[i].ops)
			vcon_ctrl_send(con, i, VIRTIO_CONSOLE_PORT_ADD, 1, NULL, 0);
	}
}

/* The guest's driver knows the port: tell it what the port is. */
static void describe_port(struct vcon *con, const struct vcon_port *port)
{
	if (port->number == VCON_PORT_CONSOLE) {
		vcon_ctrl_send(con, port->number, VIRTIO_CONSOLE_CONSOLE_PORT, 1, NULL, 0);
		vcon_ctrl_resize(con);
	}
	vcon_ctrl_send(con, port->number, VIRTIO_CONSOLE_PORT_NAME, 1, port->name,
		       strlen(port->name));
	if (port->host_open)
		vcon_ctrl_send(con, port->number, VIRTIO_CONSOLE_PORT_OPEN, 1, NULL, 0);
}

static void handle(struct vcon *con, const struct virtio_console_control *m)
{
	struct vcon_port *port;

	if (m->event == VIRTIO_CONSOLE_DEVICE_READY) {
		if (m->value)
			introduce_ports(con);
		return;
	}
	if (m->id >= VCON_PORTS || !con->port[m->id].ops)
		return;
	port = &con->port[m->id];
	if (m->event == VIRTIO_CONSOLE_PORT_READY && m->value) {
		describe_port(con, port);
	} else if (m->event == VIRTIO_CONSOLE_PORT_OPEN) {
		port->guest_open = m->value;
		port->ops->opened(port);
	}
}

/**
 * vcon_ctrl_receive - read what the guest has to say
 * @con: device, locked
 */
void vcon_ctrl_receive(struct vcon *con)
{
	struct virtio_queue *q = &con->virtio.queue[Q_CTRL_TX];
	struct iovec iov[VCON_SEGS];
	struct virtq_chain c = {.iov = iov, .max = VCON_SEGS};
	u32 count = 0;

	do {
		while (count < TURN_MAX && virtio_pop(q, &c) > 0) {
			struct virtio_console_control m;

			if (iov_read(iov, c.out_num, 0, &m, sizeof(m)) == sizeof(m))
				handle(con, &m);
			virtq_push(&q->ring, c.head, 0);
			count++;
		}
		virtio_notify(q);
		if (count == TURN_MAX) {
			virtio_kick_self(q);
			return;
		}
	} while (virtq_enable_kicks(&q->ring) && virtio_dev_live(q->dev));
}
