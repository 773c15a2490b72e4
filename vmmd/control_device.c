// SPDX-License-Identifier: GPL-2.0
/*
 * Requests of the control socket about disks and network cards: what there is,
 * and in guests that speak to Xen their coming and going. Who asks opens the file
 * or the interface with his own rights and sends the descriptor: the guest's
 * vmmd, in its sandbox, opens nothing.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xen/io/xenbus.h>

#include "control_cmd.h"
#include "disk/image.h"
#include "net.h"
#include "vm.h"
#include "xen/backends.h"
#include "xen/hotplug.h"
#include "xen/xenbus.h"

/* ------------------------------------------------------------ lists */

/* A number that the front end has told, for its first queue. */
static void put_front(struct json_object *to, const char *key, struct xenbus_dev *bus,
		      const char *name, const char *other)
{
	const char *const names[] = {name, other};
	char queue[48];
	u32 value;

	/* No watch: not on the bus, so that there is nothing to be read. */
	for (u32 i = 0; bus->watch && i < ARRAY_SIZE(names); i++) {
		snprintf(queue, sizeof(queue), "queue-0/%s", names[i]);
		if (!xenbus_read_u32(bus, names[i], &value) ||
		    !xenbus_read_u32(bus, queue, &value)) {
			control_put_u64(to, key, value);
			return;
		}
	}
}

static struct json_object *device_json(const struct device *dev)
{
	struct json_object *json = json_object_new_object();
	const struct xenbus_dev *bus = dev->xenbus;

	control_put_text(json, "name", dev->name);
	control_put_u64(json, "id", bus->id);
	control_put_u64(json, "state", bus->state);
	control_put_text(json, "host", dev->host);
	control_put_text(json, "path", bus->backend);
	return json;
}

static struct json_object *put_list(struct control_answer *answer)
{
	struct json_object *list = json_object_new_array();

	json_object_object_add(answer->json, "devices", list);
	return list;
}

static void list_xen_disks(struct vm *vm, struct json_object *list)
{
	struct json_object *json;
	struct device *dev;

	for (dev = vm->devices; dev; dev = dev->next) {
		if (!dev->xenbus || dev->kind != DEVICE_BLOCK)
			continue;
		json = device_json(dev);
		put_front(json, "event_channel", dev->xenbus, "event-channel", "event-channel");
		put_front(json, "ring_ref", dev->xenbus, "ring-ref", "ring-ref0");
		json_object_array_add(list, json);
	}
}

/* Virtio disks are those of the configuration. */
static void list_virtio_disks(struct vm *vm, struct json_object *list)
{
	const struct config_disk *disk;
	struct json_object *json;
	int number;

	for (u32 i = 0; i < vm->cfg.n_disks; i++) {
		disk = &vm->cfg.disks[i];
		if (!disk->virtio)
			continue;
		number = blkback_vdev_number(disk->vdev);
		json = json_object_new_object();
		control_put_text(json, "name", disk->vdev);
		if (number >= 0)
			control_put_u64(json, "id", (u64)number);
		control_put_text(json, "host", disk->path);
		json_object_array_add(list, json);
	}
}

static void cmd_block_list(struct vm *vm, struct json_object *request,
			   struct control_answer *answer)
{
	struct json_object *list = put_list(answer);

	(void)request;
	list_xen_disks(vm, list);
	list_virtio_disks(vm, list);
}

static void mac_text(const u8 mac[6], char text[18])
{
	snprintf(text, 18, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3], mac[4],
		 mac[5]);
}

static void list_xen_vifs(struct vm *vm, struct json_object *list)
{
	struct json_object *json;
	struct device *dev;
	char mac[18];

	for (dev = vm->devices; dev; dev = dev->next) {
		if (!dev->xenbus || dev->kind != DEVICE_NET)
			continue;
		json = device_json(dev);
		mac_text(netback_mac(dev), mac);
		control_put_text(json, "mac", mac);
		put_front(json, "event_channel", dev->xenbus, "event-channel", "event-channel-tx");
		put_front(json, "tx_ring_ref", dev->xenbus, "tx-ring-ref", "tx-ring-ref");
		put_front(json, "rx_ring_ref", dev->xenbus, "rx-ring-ref", "rx-ring-ref");
		json_object_array_add(list, json);
	}
}

static void list_virtio_vifs(struct vm *vm, struct json_object *list)
{
	const struct config_vif *vif;
	struct json_object *json;
	char mac[18];

	for (u32 i = 0; i < vm->cfg.n_vifs; i++) {
		vif = &vm->cfg.vifs[i];
		if (!vif->virtio)
			continue;
		json = json_object_new_object();
		mac_text(vif->mac, mac);
		control_put_u64(json, "id", i);
		control_put_text(json, "mac", mac);
		control_put_text(json, "host", vif->ifname[0] ? vif->ifname : NULL);
		json_object_array_add(list, json);
	}
}

static void cmd_network_list(struct vm *vm, struct json_object *request,
			     struct control_answer *answer)
{
	struct json_object *list = put_list(answer);

	(void)request;
	list_xen_vifs(vm, list);
	list_virtio_vifs(vm, list);
}

/* ------------------------------------------------------------ attaching */

static bool may_change(struct vm *vm, struct control_answer *answer)
{
	if (!vm->xen)
		control_error(answer, "devices come and go in guests with type='pv' or 'pvh' only");
	else if (vm->state != VM_RUNNING && vm->state != VM_PAUSED)
		control_error(answer, "the guest has ended");
	else if (vm->filejob)
		control_error(answer, "a file is being written of it: wait till that is done");
	else
		return true;
	return false;
}

static bool short_text(struct json_object *request, const char *key, char *out, size_t size)
{
	const char *text = control_text(request, key);

	return text && *text && (size_t)snprintf(out, size, "%s", text) < size;
}

static bool get_disk(struct json_object *request, const struct control_answer *answer,
		     struct config_disk *disk, struct disk_opened *opened)
{
	const char *format = control_text(request, "format");
	u64 flags = 0;

	*opened = (struct disk_opened){0};
	memcpy(opened->file, answer->files, sizeof(opened->file));
	if (format)
		disk->format = config_disk_format_parse(format);
	if (disk->format == CONFIG_DISK_FORMATS)
		return false;
	if (disk->format == CONFIG_DISK_RAW)
		return opened->file[0] >= 0 && (!disk->direct || opened->file[1] >= 0);
	if (!control_number(request, "size", INT64_MAX, &opened->size) ||
	    !control_number(request, "nbd_flags", UINT16_MAX, &flags))
		return false;
	opened->nbd_flags = (u16)flags;
	return opened->file[DISK_FILES - 1] >= 0;
}

static void cmd_block_attach(struct vm *vm, struct json_object *request,
			     struct control_answer *answer)
{
	const char *path = control_text(request, "path");
	struct disk_opened opened;
	struct config_disk disk = {
		.path = (char *)path,
		.readonly = control_flag(request, "readonly"),
		.cdrom = control_flag(request, "cdrom"),
		.direct = control_flag(request, "direct"),
		.discard = control_flag(request, "discard"),
	};
	int ret;

	if (!may_change(vm, answer))
		return;
	if (!path || !short_text(request, "vdev", disk.vdev, sizeof(disk.vdev)) ||
	    !get_disk(request, answer, &disk, &opened)) {
		control_error(answer, "no disk: expected \"vdev\", \"path\" and the open file");
		return;
	}
	ret = hotplug_disk(vm, &disk, &opened);
	switch (ret) {
	case 0:
		break;
	case -EEXIST:
		control_error(answer, "%s: the guest has such a disk", disk.vdev);
		break;
	case -EBUSY:
		control_error(answer, "%s: in use by another guest", path);
		break;
	case -ENOSPC:
		control_error(answer, "too many disks: expected %u at most", CONFIG_DISKS_MAX);
		break;
	case -EINVAL:
		control_error(answer,
			      "%s: Xen has no such disk: expected xvda, hda to hdd, sda to sdp",
			      disk.vdev);
		break;
	default:
		control_error(answer, "%s: %s", path, strerror(-ret));
	}
}

static bool parse_mac(const char *text, u8 mac[6])
{
	unsigned int b[6];
	int end = 0;

	if (!text ||
	    sscanf(text, "%2x:%2x:%2x:%2x:%2x:%2x%n", &b[0], &b[1], &b[2], &b[3], &b[4], &b[5],
		   &end) != 6 ||
	    text[end])
		return false;
	for (int i = 0; i < 6; i++)
		mac[i] = (u8)b[i];
	return true;
}

/*
 * A tap or the socket to passt. Nobody may wait for it: an I/O thread that does
 * could not be stopped.
 */
static int check_port(const struct net_port *port)
{
	mode_t kind = port->kind == NET_TAP ? S_IFCHR : S_IFSOCK;
	int flags = fcntl(port->fd, F_GETFL);
	struct stat st;

	if (flags < 0 || fstat(port->fd, &st))
		return -errno;
	if ((st.st_mode & S_IFMT) != kind || flags & O_PATH)
		return -EINVAL;
	return flags & O_NONBLOCK || !fcntl(port->fd, F_SETFL, flags | O_NONBLOCK) ? 0 : -errno;
}

static bool get_port(struct json_object *request, struct control_answer *answer,
		     struct net_port *port)
{
	const char *kind = control_text(request, "kind");
	u64 mtu = 0;

	control_number(request, "mtu", UINT16_MAX, &mtu);
	*port = (struct net_port){.fd = answer->files[0], .mtu = (u32)mtu};
	short_text(request, "interface", port->ifname, sizeof(port->ifname));
	short_text(request, "bridge", port->bridge, sizeof(port->bridge));
	if (!kind || (strcmp(kind, "tap") && strcmp(kind, "passt")))
		return false;
	port->kind = strcmp(kind, "tap") ? NET_PASST : NET_TAP;
	return port->fd >= 0 && !check_port(port);
}

static void cmd_network_attach(struct vm *vm, struct json_object *request,
			       struct control_answer *answer)
{
	struct config_vif vif = {0};
	struct net_port port;
	u64 interval = 0;
	u32 id;
	int ret;

	if (!may_change(vm, answer))
		return;
	control_number(request, "rate", UINT64_MAX / 2, &vif.rate);
	if (control_number(request, "rate_interval_us", UINT32_MAX, &interval))
		vif.rate_interval_us = (u32)interval;
	if (!parse_mac(control_text(request, "mac"), vif.mac) ||
	    !get_port(request, answer, &port)) {
		control_error(answer, "no card: expected \"mac\", \"kind\" and the open interface");
		return;
	}
	ret = hotplug_vif(vm, &vif, &port, &id);
	if (ret == -ENOSPC)
		control_error(answer, "too many cards: expected %u at most", CONFIG_VIFS_MAX);
	else if (ret)
		control_error(answer, "%s", strerror(-ret));
	else
		control_put_u64(answer->json, "id", id);
}

/* ------------------------------------------------------------ detaching */

static bool parse_id(const char *text, u32 *id)
{
	char *end;
	unsigned long n = strtoul(text, &end, 10);

	*id = (u32)n;
	return *text >= '0' && *text <= '9' && !*end && n <= UINT32_MAX;
}

static struct device *find_disk(struct vm *vm, const char *which)
{
	int number = blkback_vdev_number(which);
	u32 id;

	if (number >= 0)
		id = (u32)number;
	else if (!parse_id(which, &id))
		return NULL;
	return hotplug_find(vm, "vbd", id);
}

static struct device *find_vif(struct vm *vm, const char *which)
{
	struct device *dev;
	u8 mac[6];
	u32 id;

	if (parse_id(which, &id))
		return hotplug_find(vm, "vif", id);
	if (!parse_mac(which, mac))
		return NULL;
	for (dev = vm->devices; dev; dev = dev->next)
		if (dev->xenbus && dev->kind == DEVICE_NET && !memcmp(netback_mac(dev), mac, 6))
			return dev;
	return NULL;
}

static void detach(struct vm *vm, struct json_object *request, struct control_answer *answer,
		   struct device *(*find)(struct vm *vm, const char *which), const char *list)
{
	const char *which = control_text(request, "device");
	struct device *dev;

	if (!may_change(vm, answer))
		return;
	dev = which ? find(vm, which) : NULL;
	if (!dev) {
		control_error(answer, "no device '%.40s': expected one of 'hvctl %s'",
			      which ? which : "", list);
		return;
	}
	control_put_u64(answer->json, "id", dev->xenbus->id);
	if (hotplug_detach(dev, control_flag(request, "force")))
		control_error(answer, "the guest does not run and cannot let go of it: expected "
				      "--force, or to be unpaused");
}

static void cmd_block_detach(struct vm *vm, struct json_object *request,
			     struct control_answer *answer)
{
	detach(vm, request, answer, find_disk, "block-list");
}

static void cmd_network_detach(struct vm *vm, struct json_object *request,
			       struct control_answer *answer)
{
	detach(vm, request, answer, find_vif, "network-list");
}

const struct control_verb control_device_verbs[] = {
	{"block-attach", cmd_block_attach},
	{"block-detach", cmd_block_detach},
	{"block-list", cmd_block_list},
	{"network-attach", cmd_network_attach},
	{"network-detach", cmd_network_detach},
	{"network-list", cmd_network_list},
	{NULL, NULL},
};
