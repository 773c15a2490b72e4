// SPDX-License-Identifier: GPL-2.0
/*
 * User-mode networking: passt translates the guest's frames into ordinary
 * sockets of the user who started it, so no privilege is needed.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "config.h"
#include "net.h"

/**
 * net_passt_open - start a passt for one card
 * @vif: the card's configuration
 * @port: filled on success
 * @err: filled on failure
 *
 * passt goes to the background once it is ready and ends when its socket
 * closes, that is, with the guest.
 *
 * Return: 0; -ENOENT when passt is not installed; another negative errno.
 */
int net_passt_open(const struct config_vif *vif, struct net_port *port, struct net_error *err)
{
	char fd_arg[16], mtu_arg[16];
	char *argv[] = {"passt", "--quiet", "--fd", fd_arg, "--mtu", mtu_arg, NULL};
	int sock[2];
	int ret;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sock))
		return net_error_set(err, -errno, "socketpair: %s", strerror(errno));
	/* Ours must not block; the other is to stay open across exec. */
	ret = fcntl(sock[0], F_SETFL, O_NONBLOCK) ? -1 : dup(sock[1]);
	close(sock[1]);
	if (ret < 0) {
		ret = net_error_set(err, -errno, "socket of passt: %s", strerror(errno));
		close(sock[0]);
		return ret;
	}
	sock[1] = ret;

	snprintf(fd_arg, sizeof(fd_arg), "%d", sock[1]);
	snprintf(mtu_arg, sizeof(mtu_arg), "%u", vif->mtu ? vif->mtu : 1500);
	ret = net_run(argv, environ, err);
	close(sock[1]);
	if (ret == -ENOENT)
		net_error_set(err, ret, "user-mode networking needs the package passt");
	if (ret) {
		close(sock[0]);
		return ret;
	}
	port->kind = NET_PASST;
	port->fd = sock[0];
	port->mtu = vif->mtu;
	return 0;
}
