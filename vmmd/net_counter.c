// SPDX-License-Identifier: GPL-2.0
/*
 * A tap's counters, for cards whose frames the kernel moves.
 *
 * The socket is opened before the sandbox and stays in the name space that
 * the tap is in.
 */
#include <netlink/netlink.h>
#include <netlink/route/link.h>
#include <stdlib.h>

#include "device.h"
#include "net.h"

struct net_counter {
	struct nl_sock *sk;
	int ifindex;
};

/**
 * net_counter_open - get ready to read an interface's counters
 * @ifname: interface
 *
 * Return: the counter, or NULL.
 */
struct net_counter *net_counter_open(const char *ifname)
{
	struct net_counter *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->ifindex = if_nametoindex(ifname);
	c->sk = nl_socket_alloc();
	if (c->sk && !nl_connect(c->sk, NETLINK_ROUTE))
		return c;
	net_counter_close(c);
	return NULL;
}

/**
 * net_counter_read - read the counters
 * @counter: the interface's
 * @stats: filled as the guest sees it; left alone when the interface is gone
 *
 * What the host receives on a tap is what the guest has sent.
 */
void net_counter_read(struct net_counter *counter, struct device_stats *stats)
{
	struct rtnl_link *link;

	if (rtnl_link_get_kernel(counter->sk, counter->ifindex, NULL, &link))
		return;
	stats->read_bytes = rtnl_link_get_stat(link, RTNL_LINK_TX_BYTES);
	stats->reads = rtnl_link_get_stat(link, RTNL_LINK_TX_PACKETS);
	stats->write_bytes = rtnl_link_get_stat(link, RTNL_LINK_RX_BYTES);
	stats->writes = rtnl_link_get_stat(link, RTNL_LINK_RX_PACKETS);
	stats->errors = rtnl_link_get_stat(link, RTNL_LINK_TX_DROPPED) +
			rtnl_link_get_stat(link, RTNL_LINK_RX_DROPPED);
	rtnl_link_put(link);
}

/**
 * net_counter_close - undo net_counter_open()
 * @counter: the counter, NULL is fine
 */
void net_counter_close(struct net_counter *counter)
{
	if (!counter)
		return;
	nl_socket_free(counter->sk);
	free(counter);
}
