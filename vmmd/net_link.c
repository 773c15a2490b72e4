// SPDX-License-Identifier: GPL-2.0
/*
 * Interfaces and bridges by rtnetlink.
 */
#include <errno.h>
#include <linux/if_link.h>
#include <netlink/netlink.h>
#include <netlink/route/link.h>
#include <netlink/route/link/bridge.h>
#include <netlink/route/link/inet6.h>
#include <string.h>
#include <sys/random.h>

#include "config.h"
#include "net.h"

/* libnl has error numbers of its own; these are the ones we tell apart. */
static int nl_errno(int error)
{
	switch (error < 0 ? -error : error) {
	case NLE_PERM:
	case NLE_NOACCESS:
		return -EPERM;
	case NLE_EXIST:
		return -EEXIST;
	case NLE_BUSY:
		return -EBUSY;
	case NLE_NODEV:
	case NLE_OBJ_NOTFOUND:
		return -ENODEV;
	case NLE_NOMEM:
		return -ENOMEM;
	case NLE_OPNOTSUPP:
		return -EOPNOTSUPP;
	default:
		return -EINVAL;
	}
}

static int nl_fail(struct net_error *err, int error, const char *what, const char *name)
{
	int ret = nl_errno(error);

	if (ret == -EPERM)
		return net_error_set(err, ret, "%s '%s' needs CAP_NET_ADMIN", what, name);
	return net_error_set(err, ret, "%s '%s': %s", what, name, nl_geterror(error));
}

static struct nl_sock *nl_open(struct net_error *err)
{
	struct nl_sock *sk = nl_socket_alloc();
	int ret = sk ? nl_connect(sk, NETLINK_ROUTE) : -NLE_NOMEM;

	if (!ret)
		return sk;
	nl_socket_free(sk);
	net_error_set(err, nl_errno(ret), "rtnetlink: %s", nl_geterror(ret));
	return NULL;
}

/*
 * An address of our own choice stays; the one a bridge inherits changes with
 * its ports, and guests would lose their gateway's for a while.
 */
static struct nl_addr *random_mac(void)
{
	uint8_t mac[6];

	if (getrandom(mac, sizeof(mac), 0) != sizeof(mac))
		return NULL;
	mac[0] = (mac[0] & 0xfc) | 0x02; /* locally administered, unicast */
	return nl_addr_build(AF_LLC, mac, sizeof(mac));
}

static int bridge_create(struct nl_sock *sk, const char *name)
{
	struct rtnl_link *link = rtnl_link_bridge_alloc();
	struct nl_addr *mac = random_mac();
	int ret = -NLE_NOMEM;

	if (link && mac) {
		rtnl_link_set_name(link, name);
		rtnl_link_set_addr(link, mac);
		rtnl_link_set_flags(link, IFF_UP);
		ret = rtnl_link_add(sk, link, NLM_F_CREATE | NLM_F_EXCL);
	}
	nl_addr_put(mac);
	rtnl_link_put(link);
	/* Another guest that starts at the same moment may have been faster. */
	return ret == -NLE_EXIST ? 0 : ret;
}

/**
 * net_bridge_ensure - see that a bridge is there
 * @name: bridge; the default one is made when absent, others are not
 * @err: filled on failure
 *
 * Return: 0; -ENODEV when there is no such bridge; -EINVAL when the
 * interface is something else; -EPERM without CAP_NET_ADMIN.
 */
int net_bridge_ensure(const char *name, struct net_error *err)
{
	struct nl_sock *sk = nl_open(err);
	struct rtnl_link *link = NULL;
	const char *type;
	int ret;

	if (!sk)
		return -EIO;
	ret = rtnl_link_get_kernel(sk, 0, name, &link);
	if (!ret) {
		type = rtnl_link_get_type(link);
		if (!type || strcmp(type, "bridge"))
			ret = net_error_set(err, -EINVAL, "'%s' is an interface but no bridge",
					    name);
		rtnl_link_put(link);
	} else if (nl_errno(ret) != -ENODEV) {
		ret = nl_fail(err, ret, "bridge", name);
	} else if (strcmp(name, CONFIG_BRIDGE_DEFAULT)) {
		ret = net_error_set(err, -ENODEV, "no bridge '%s': make it, or leave bridge= out",
				    name);
	} else {
		ret = bridge_create(sk, name);
		if (ret)
			ret = nl_fail(err, ret, "bridge", name);
	}
	nl_socket_free(sk);
	return ret;
}

/**
 * net_bridge_join - make an interface a port of a bridge
 * @ifname: interface
 * @bridge: bridge that exists
 * @mtu: in/out: 0 becomes the bridge's own, in bytes
 * @err: filled on failure
 *
 * Return: 0 or a negative errno.
 */
int net_bridge_join(const char *ifname, const char *bridge, uint32_t *mtu, struct net_error *err)
{
	/*
	 * All ports look alike from the host, as Xen's do: the highest address
	 * there is, so that no bridge ever adopts it as its own.
	 */
	static const uint8_t port_mac[6] = {0xfe, 0xff, 0xff, 0xff, 0xff, 0xff};
	struct nl_sock *sk = nl_open(err);
	struct nl_addr *mac = nl_addr_build(AF_LLC, port_mac, sizeof(port_mac));
	struct rtnl_link *change = rtnl_link_alloc();
	struct rtnl_link *port = NULL;
	struct rtnl_link *master = NULL;
	int ret;

	if (!sk) {
		ret = -EIO;
		goto out;
	}
	ret = mac && change ? 0 : -NLE_NOMEM;
	if (!ret)
		ret = rtnl_link_get_kernel(sk, 0, bridge, &master);
	if (!ret)
		ret = rtnl_link_get_kernel(sk, 0, ifname, &port);
	if (!ret) {
		if (!*mtu)
			*mtu = rtnl_link_get_mtu(master);
		rtnl_link_set_addr(change, mac);
		rtnl_link_set_mtu(change, *mtu);
		rtnl_link_set_master(change, rtnl_link_get_ifindex(master));
		ret = rtnl_link_change(sk, port, change, 0);
	}
	if (ret)
		ret = nl_fail(err, ret, "joining bridge", bridge);
out:
	rtnl_link_put(port);
	rtnl_link_put(master);
	rtnl_link_put(change);
	nl_addr_put(mac);
	nl_socket_free(sk);
	return ret;
}

/**
 * net_link_up - bring an interface up
 * @ifname: interface
 * @mtu: in bytes, 0 to leave it
 * @err: filled on failure
 *
 * Return: 0 or a negative errno.
 */
int net_link_up(const char *ifname, uint32_t mtu, struct net_error *err)
{
	struct nl_sock *sk = nl_open(err);
	struct rtnl_link *change = rtnl_link_alloc();
	struct rtnl_link *quiet = rtnl_link_alloc();
	struct rtnl_link *link = NULL;
	int ret;

	if (!sk) {
		ret = -EIO;
		goto out;
	}
	ret = change && quiet ? rtnl_link_get_kernel(sk, 0, ifname, &link) : -NLE_NOMEM;
	if (!ret) {
		/*
		 * The host itself has nothing to say on this port: without a
		 * link-local address it sends no router solicitations to the
		 * guest. A kernel without IPv6 refuses, which is as good.
		 */
		if (!rtnl_link_inet6_set_addr_gen_mode(quiet, IN6_ADDR_GEN_MODE_NONE))
			rtnl_link_change(sk, link, quiet, 0);
		if (mtu)
			rtnl_link_set_mtu(change, mtu);
		rtnl_link_set_flags(change, IFF_UP);
		ret = rtnl_link_change(sk, link, change, 0);
	}
	if (ret)
		ret = nl_fail(err, ret, "bringing up", ifname);
out:
	rtnl_link_put(link);
	rtnl_link_put(quiet);
	rtnl_link_put(change);
	nl_socket_free(sk);
	return ret;
}
