// SPDX-License-Identifier: GPL-2.0
/*
 * virtio-console (virtio 1.2, 5.3): port 0 is the guest's hvc0, port 1 a
 * channel by which programs of the host talk to an agent in the guest.
 */
#include <errno.h>
#include <linux/virtio_ids.h>
#include <stdlib.h>
#include <string.h>

#include "virtio/console.h"
#include "virtio/vcon.h"
#include "vm.h"

#define PCI_CLASS_CONSOLE 0x078000 /* communication, other */

/* 5.3.2: the control queues sit between those of port 0 and of port 1. */
enum vcon_queue { Q_RX0, Q_TX0, Q_CTRL_RX, Q_CTRL_TX, Q_RX1, Q_TX1, Q_COUNT };

static struct vcon *to_vcon(struct virtio_dev *dev)
{
	return container_of(dev, struct vcon, virtio);
}

static struct virtio_queue *rx_queue(const struct vcon_port *port)
{
	return &port->con->virtio.queue[port->number ? port->number * 2 + 2 : Q_RX0];
}

static struct virtio_queue *tx_queue(const struct vcon_port *port)
{
	return rx_queue(port) + 1;
}

static struct vcon_port *port_of(struct virtio_queue *q)
{
	return &to_vcon(q->dev)->port[q->index < Q_CTRL_RX ? 0 : (q->index - 2) / 2];
}

/**
 * vcon_multiport - does the driver know of ports?
 * @con: device
 */
bool vcon_multiport(const struct vcon *con)
{
	return virtio_has(&con->virtio, VIRTIO_CONSOLE_F_MULTIPORT);
}

/**
 * vcon_input - give bytes to the guest
 * @port: port
 * @buf: bytes
 * @len: how many
 *
 * Return: bytes taken; when fewer than @len, ops->room() is called later.
 */
size_t vcon_input(struct vcon_port *port, const u8 *buf, size_t len)
{
	struct virtio_queue *q = rx_queue(port);
	struct iovec iov[VCON_SEGS];
	struct virtq_chain c = {.iov = iov, .max = VCON_SEGS};
	size_t done = 0;

	/* Nobody in the guest listens: what is typed waits. */
	if (vcon_multiport(port->con) && !port->guest_open)
		return 0;
	while (done < len) {
		size_t n;

		if (virtio_pop(q, &c) <= 0) {
			if (virtq_enable_kicks(&q->ring))
				continue;
			break;
		}
		if (!c.in_num) {
			virtio_break(q->dev, "a receive buffer without room");
			break;
		}
		n = iov_write(iov + c.out_num, c.in_num, 0, buf + done, len - done);
		virtq_push(&q->ring, c.head, n);
		done += n;
	}
	virtio_notify(q);
	return done;
}

/* Writes one buffer of the guest out; false when the host takes no more. */
static bool output_chain(struct vcon_port *port, const struct virtq_chain *c)
{
	u32 skip = port->taken;

	for (u32 i = 0; i < c->out_num; i++) {
		u8 *buf = c->iov[i].iov_base;
		size_t len = c->iov[i].iov_len;
		size_t n;

		if (skip >= len) {
			skip -= len;
			continue;
		}
		n = port->ops->output(port, buf + skip, len - skip);
		port->taken += n;
		if (n < len - skip)
			return false;
		skip = 0;
	}
	port->taken = 0;
	return true;
}

static void output(struct vcon_port *port)
{
	struct virtio_queue *q = tx_queue(port);
	struct iovec iov[VCON_SEGS];
	struct virtq_chain c = {.iov = iov, .max = VCON_SEGS};
	u32 bytes = 0;

	virtq_disable_kicks(&q->ring);
	do {
		while (bytes < VCON_TURN_MAX && virtio_pop(q, &c) > 0) {
			if (!output_chain(port, &c)) {
				virtq_unpop(&q->ring);
				virtio_notify(q);
				return;
			}
			bytes += c.out_len + 1;
			virtq_push(&q->ring, c.head, 0);
		}
		virtio_notify(q);
		if (bytes >= VCON_TURN_MAX) {
			virtio_kick_self(q);
			return;
		}
	} while (virtq_enable_kicks(&q->ring) && virtio_dev_live(q->dev));
}

/**
 * vcon_output_ready - the host's end takes output again
 * @port: port
 */
void vcon_output_ready(struct vcon_port *port)
{
	virtio_kick_self(tx_queue(port));
}

static void vcon_kick(struct virtio_queue *q)
{
	struct vcon *con = to_vcon(q->dev);
	struct vcon_port *port = port_of(q);

	if (q->index == Q_CTRL_RX)
		vcon_ctrl_flush(con);
	else if (q->index == Q_CTRL_TX)
		vcon_ctrl_receive(con);
	else if (!port->ops)
		return; /* a port that was never announced */
	else if (q == tx_queue(port))
		output(port);
	else
		port->ops->room(port);
}

/* Port 0: the guest's output is copied, so all of it is always taken. */
static size_t hvc_output(struct vcon_port *port, const u8 *buf, size_t len)
{
	console_output(port->opaque, buf, len);
	return len;
}

static void hvc_room(struct vcon_port *port)
{
	console_input_ready(port->opaque);
}

static size_t hvc_input(void *opaque, const u8 *buf, size_t len)
{
	struct vcon *con = opaque;
	size_t n = 0;

	pthread_mutex_lock(&con->virtio.lock);
	if (virtio_dev_live(&con->virtio))
		n = vcon_input(&con->port[VCON_PORT_CONSOLE], buf, len);
	pthread_mutex_unlock(&con->virtio.lock);
	return n;
}

static const struct vcon_port_ops hvc_ops = {
	.output = hvc_output,
	.room = hvc_room,
	.opened = hvc_room,
};

/* 5.3.4: one character at a time, before any queue exists. */
static void vcon_config_write(struct virtio_dev *dev, u32 off, u32 size, const void *data)
{
	struct vcon *con = to_vcon(dev);

	if (off == offsetof(struct virtio_console_config, emerg_wr) && size)
		console_output(con->port[VCON_PORT_CONSOLE].opaque, data, 1);
}

static void vcon_reset(struct virtio_dev *dev)
{
	struct vcon *con = to_vcon(dev);

	con->msg_count = 0;
	for (u32 i = 0; i < VCON_PORTS; i++) {
		struct vcon_port *port = &con->port[i];
		port->guest_open = false;
		port->taken = 0;
	}
}

static void free_parts(struct vcon *con)
{
	if (con->port[VCON_PORT_CHANNEL].ops)
		vcon_channel_destroy(&con->port[VCON_PORT_CHANNEL]);
	free(con);
}

static void vcon_destroy(struct virtio_dev *dev)
{
	dev->vm->vcon = NULL;
	free_parts(to_vcon(dev));
}

static const struct virtio_ops vcon_ops = {
	.kick = vcon_kick,
	.reset = vcon_reset,
	.config_write = vcon_config_write,
	.destroy = vcon_destroy,
};

/**
 * virtio_console_resize - the user's terminal has changed
 * @con: device
 * @cols: characters across
 * @rows: lines
 *
 * Context: any thread.
 */
void virtio_console_resize(struct vcon *con, u16 cols, u16 rows)
{
	struct virtio_console_config *c = (void *)con->virtio.config;

	pthread_mutex_lock(&con->virtio.lock);
	con->cols = cols;
	con->rows = rows;
	c->cols = cols;
	c->rows = rows;
	if (vcon_multiport(con) && virtio_dev_live(&con->virtio))
		vcon_ctrl_resize(con);
	else
		virtio_config_changed(&con->virtio);
	pthread_mutex_unlock(&con->virtio.lock);
}

static void add_port(struct vcon *con, u32 number, const char *name,
		     const struct vcon_port_ops *ops, void *opaque)
{
	con->port[number] = (struct vcon_port){
		.con = con,
		.ops = ops,
		.opaque = opaque,
		.name = name,
		.number = number,
	};
}

/**
 * virtio_console_create - make the console device and put it in vm->vcon
 * @vm: the VM
 * @console: far end of port 0
 *
 * Return: 0 or a negative errno (logged).
 */
int virtio_console_create(struct vm *vm, struct console *console)
{
	static const struct virtio_setup setup = {
		.name = "console0",
		.type = VIRTIO_ID_CONSOLE,
		.class = PCI_CLASS_CONSOLE,
		.ops = &vcon_ops,
		.features = VIRTIO_F(VIRTIO_CONSOLE_F_SIZE) | VIRTIO_F(VIRTIO_CONSOLE_F_MULTIPORT) |
			    VIRTIO_F(VIRTIO_CONSOLE_F_EMERG_WRITE),
		.num_queues = Q_COUNT,
		.queue_size = 64,
		.config_len = sizeof(struct virtio_console_config),
	};
	struct vcon *con = calloc(1, sizeof(*con));
	struct virtio_console_config *c;
	int ret;

	if (!con) {
		log_err("console0: out of memory");
		return -ENOMEM;
	}
	ret = virtio_dev_create(&con->virtio, vm, &setup);
	if (ret)
		goto free_con;
	c = (void *)con->virtio.config;
	c->max_nr_ports = VCON_PORTS;

	add_port(con, VCON_PORT_CONSOLE, "org.hvctl.console", &hvc_ops, console);
	con->port[VCON_PORT_CONSOLE].host_open = true;
	add_port(con, VCON_PORT_CHANNEL, "org.qemu.guest_agent.0", NULL, NULL);
	ret = vcon_channel_create(&con->port[VCON_PORT_CHANNEL], "agent");
	if (ret)
		goto release;
	ret = virtio_dev_register(&con->virtio);
	if (ret)
		goto release;
	console_set_input(console, hvc_input, con);
	vm->vcon = con;
	return 0;

release:
	virtio_dev_release(&con->virtio);
free_con:
	free_parts(con);
	return ret;
}
