// SPDX-License-Identifier: GPL-2.0
/*
 * A tap interface for one network card.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/virtio_net.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "config.h"
#include "net.h"

#define TUN_NODE "/dev/net/tun"

static int tap_open_error(int error, const char *name, struct net_error *err)
{
	switch (error) {
	case ENOENT:
	case ENODEV:
		return net_error_set(err, -error, TUN_NODE ": no such device: modprobe tun");
	case EPERM:
	case EACCES:
		return net_error_set(err, -error,
				     "a tap needs CAP_NET_ADMIN: use vif=['type=user'] or root");
	case EBUSY:
		return net_error_set(err, -error, "interface '%s' is in use", name);
	default:
		return net_error_set(err, -error, "tap '%s': %s", name, strerror(error));
	}
}

/* Makes the interface; it lives exactly as long as the descriptor does. */
static int tap_create(const char *name, struct net_port *port, struct net_error *err)
{
	struct ifreq ifr = {.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR};
	int hdr_len = sizeof(struct virtio_net_hdr_mrg_rxbuf);
	unsigned int offloads = 0;

	port->fd = open(TUN_NODE, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (port->fd < 0)
		return tap_open_error(errno, name, err);
	/* IFF_TUN_EXCL: a name that exists belongs to somebody else. */
	ifr.ifr_flags |= IFF_TUN_EXCL;
	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", name);
	if (ioctl(port->fd, TUNSETIFF, &ifr))
		return tap_open_error(errno, name, err);
	/* A virtio 1.x header always has the num_buffers field (5.1.6.1). */
	if (ioctl(port->fd, TUNSETVNETHDRSZ, &hdr_len) || ioctl(port->fd, TUNSETOFFLOAD, offloads))
		return tap_open_error(errno, name, err);
	memcpy(port->ifname, ifr.ifr_name, sizeof(port->ifname));
	return 0;
}

/*
 * A hotplug script of the user's own takes over joining and addressing. It
 * is called with "online" and finds its facts in the environment, under the
 * names that Xen's scripts use.
 */
static int tap_script(const struct config_vif *vif, const char *guest, const struct net_port *port,
		      struct net_error *err)
{
	char vif_env[8 + IFNAMSIZ], bridge_env[8 + IFNAMSIZ], mac_env[24], mtu_env[16];
	char guest_env[8 + CONFIG_NAME_MAX + 1];
	char ip_env[128];
	char *const argv[] = {vif->script, "online", "type_if=tap", NULL};
	char *const envp[] = {vif_env,
			      bridge_env,
			      mac_env,
			      mtu_env,
			      ip_env,
			      guest_env,
			      "PATH=/usr/sbin:/usr/bin:/sbin:/bin",
			      NULL};
	const uint8_t *m = vif->mac;

	snprintf(vif_env, sizeof(vif_env), "vif=%s", port->ifname);
	snprintf(bridge_env, sizeof(bridge_env), "bridge=%s", vif->bridge);
	snprintf(mac_env, sizeof(mac_env), "mac=%02x:%02x:%02x:%02x:%02x:%02x", m[0], m[1], m[2],
		 m[3], m[4], m[5]);
	snprintf(mtu_env, sizeof(mtu_env), "mtu=%u", vif->mtu);
	snprintf(ip_env, sizeof(ip_env), "ip=%s", vif->ip ? vif->ip : "");
	snprintf(guest_env, sizeof(guest_env), "domain=%s", guest);
	return net_run(argv, envp, err);
}

/**
 * net_tap_open - make a tap and connect it
 * @vif: the card's configuration
 * @guest: the guest's name
 * @port: filled on success
 * @err: filled on failure
 *
 * Return: 0; -EPERM or -EACCES when the caller may not; another negative
 * errno. Nothing is left behind on failure except the default bridge.
 */
int net_tap_open(const struct config_vif *vif, const char *guest, struct net_port *port,
		 struct net_error *err)
{
	int ret;

	/* The kernel puts the lowest free number in the place of %d. */
	ret = tap_create(vif->ifname[0] ? vif->ifname : "hvtap%d", port, err);
	if (ret)
		goto fail;
	port->kind = NET_TAP;
	port->mtu = vif->mtu;

	if (vif->script) {
		ret = tap_script(vif, guest, port, err);
	} else {
		ret = net_bridge_ensure(vif->bridge, err);
		if (!ret)
			ret = net_bridge_join(port->ifname, vif->bridge, &port->mtu, err);
	}
	if (!ret)
		ret = net_link_up(port->ifname, port->mtu, err);
	if (ret)
		goto fail;
	snprintf(port->bridge, sizeof(port->bridge), "%s", vif->bridge);
	return 0;

fail:
	net_port_close(port);
	return ret;
}
