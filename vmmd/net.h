/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The host's end of a guest's network card: a tap on a bridge, or a stream to
 * passt for users who may not make taps.
 *
 * These functions run before the sandbox is entered and need privileges that
 * vmmd gives up afterwards; what they return is an open descriptor. None of
 * them removes a bridge, an address or a rule that another guest could use.
 */
#ifndef VMMD_NET_H
#define VMMD_NET_H

#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>

struct config_vif;

#define NET_ERROR_LEN 256

/**
 * struct net_error - why a network function failed
 * @text: one line without newline
 */
struct net_error {
	char text[NET_ERROR_LEN];
};

enum net_kind {
	NET_TAP,   /* whole frames behind a virtio-net header */
	NET_PASST, /* a stream of frames, each behind its length */
};

/**
 * struct net_port - where a guest's frames go
 * @kind: what @fd speaks
 * @fd: non-blocking tap or stream socket; closing it undoes the port
 * @ifname: the tap's name, empty for passt
 * @bridge: bridge the tap has joined, empty for passt
 * @mtu: in bytes, 0 when it is the usual 1500
 */
struct net_port {
	enum net_kind kind;
	int fd;
	char ifname[IFNAMSIZ];
	char bridge[IFNAMSIZ];
	uint32_t mtu;
};

int net_port_open(const struct config_vif *vif, const char *guest, struct net_port *port,
		  struct net_error *err);
void net_port_close(struct net_port *port);

int net_error_set(struct net_error *err, int ret, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* The steps of net_port_open(), each in a file of its own. */
int net_tap_open(const struct config_vif *vif, const char *guest, struct net_port *port,
		 struct net_error *err);
int net_passt_open(const struct config_vif *vif, struct net_port *port, struct net_error *err);

int net_bridge_ensure(const char *name, struct net_error *err);
int net_bridge_join(const char *ifname, const char *bridge, uint32_t *mtu, struct net_error *err);
int net_link_up(const char *ifname, uint32_t mtu, struct net_error *err);

struct net_counter;
struct device_stats;
struct net_counter *net_counter_open(const char *ifname);
void net_counter_read(struct net_counter *counter, struct device_stats *stats);
void net_counter_close(struct net_counter *counter);

int net_run(char *const argv[], char *const envp[], struct net_error *err);

/**
 * struct net_up_options - a network of the host's own for its guests
 * @bridge: bridge to give an address to
 * @address: "A.B.C.D/LEN" of the host on @bridge; guests get theirs from the
 *	     rest of that network by DHCP
 */
struct net_up_options {
	const char *bridge;
	const char *address;
};

#define NET_UP_ADDRESS_DEFAULT "192.168.231.1/24"

int net_up(const struct net_up_options *options, struct net_error *err);
int net_down(const struct net_up_options *options, struct net_error *err);

#endif /* VMMD_NET_H */
