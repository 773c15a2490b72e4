// SPDX-License-Identifier: GPL-2.0
/*
 * hvctl net up|down: an address for the guests' bridge, NAT to the outside by
 * nftables and DHCP by dnsmasq. Both are the user's own tools and are only
 * started when the user asks for it; all they hold for us carries the
 * bridge's name, so down removes that and nothing else.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netlink/netlink.h>
#include <netlink/route/addr.h>
#include <netlink/route/link.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "net.h"

#define RUN_DIR	     "/run/hvctl"
#define PATH_LEN     48
#define DHCP_STOP_MS 2000
#define NAME_CHARS   "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-"

/**
 * struct plan - what one network consists of
 * @bridge: its bridge
 * @address: the host's, as text with prefix length
 * @gateway: the host's, as text
 * @network: the network, as text with prefix length
 * @first: first address that DHCP hands out
 * @last: last one
 * @mask: netmask, as text
 */
struct plan {
	const char *bridge;
	char address[INET_ADDRSTRLEN + 4];
	char gateway[INET_ADDRSTRLEN];
	char network[INET_ADDRSTRLEN + 4];
	char first[INET_ADDRSTRLEN];
	char last[INET_ADDRSTRLEN];
	char mask[INET_ADDRSTRLEN];
};

static void format_ip(uint32_t ip, char *text)
{
	struct in_addr in = {.s_addr = htonl(ip)};

	inet_ntop(AF_INET, &in, text, INET_ADDRSTRLEN);
}

/* The upper half of the network goes to guests, the rest stays for people. */
static int make_plan(const struct net_up_options *o, struct plan *p, struct net_error *err)
{
	const char *text = o->address ? o->address : NET_UP_ADDRESS_DEFAULT;
	char ip_text[INET_ADDRSTRLEN];
	uint32_t ip, mask, network;
	struct in_addr in;
	unsigned int len;
	char end;

	/* The name becomes a word of nft's language. */
	if (!o->bridge[0] || strlen(o->bridge) >= IFNAMSIZ ||
	    strspn(o->bridge, NAME_CHARS) != strlen(o->bridge))
		return net_error_set(err, -EINVAL, "'%s' is no name for a bridge", o->bridge);
	p->bridge = o->bridge;
	if (sscanf(text, "%15[0-9.]/%2u%c", ip_text, &len, &end) != 2 ||
	    inet_pton(AF_INET, ip_text, &in) != 1 || len < 8 || len > 29)
		return net_error_set(err, -EINVAL, "'%s': expected A.B.C.D/LEN, LEN from 8 to 29",
				     text);
	ip = ntohl(in.s_addr);
	mask = ~0U << (32 - len);
	network = ip & mask;
	if (ip == network || ip == (network | ~mask))
		return net_error_set(err, -EINVAL, "'%s' is no address of a host", text);

	snprintf(p->address, sizeof(p->address), "%s/%u", ip_text, len);
	format_ip(ip, p->gateway);
	format_ip(network, p->network);
	snprintf(p->network + strlen(p->network), 4, "/%u", len);
	format_ip(network + (~mask + 1) / 2, p->first);
	format_ip((network | ~mask) - 1, p->last);
	format_ip(mask, p->mask);
	return 0;
}

static bool in_path(const char *program)
{
	static const char *const dirs[] = {"/usr/sbin", "/usr/bin", "/sbin", "/bin"};
	char path[64];

	for (size_t i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", dirs[i], program);
		if (!access(path, X_OK))
			return true;
	}
	return false;
}

static int check_tools(struct net_error *err)
{
	static const struct {
		const char *program, *package;
	} tools[] = {
		{"nft", "nftables"},
		{"dnsmasq", "dnsmasq-base"},
	};

	if (geteuid())
		return net_error_set(err, -EPERM, "hvctl net needs root");
	for (size_t i = 0; i < sizeof(tools) / sizeof(tools[0]); i++) {
		if (!in_path(tools[i].program))
			return net_error_set(err, -ENOENT, "%s is not installed (package %s)",
					     tools[i].program, tools[i].package);
	}
	return 0;
}

static char *const tool_env[] = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin", NULL};

/* Adds or removes an address of the host; either may have been done before. */
static int set_address(const struct plan *p, const char *text, bool add, struct net_error *err)
{
	struct nl_sock *sk = nl_socket_alloc();
	struct rtnl_addr *addr = rtnl_addr_alloc();
	struct nl_addr *local = NULL;
	int ret = -NLE_NOMEM;

	if (sk && addr)
		ret = nl_connect(sk, NETLINK_ROUTE);
	if (!ret)
		ret = nl_addr_parse(text, AF_INET, &local);
	if (!ret)
		ret = rtnl_addr_set_local(addr, local);
	if (!ret) {
		rtnl_addr_set_ifindex(addr, if_nametoindex(p->bridge));
		ret = add ? rtnl_addr_add(sk, addr, 0) : rtnl_addr_delete(sk, addr, 0);
	}
	if ((add && ret == -NLE_EXIST) || (!add && ret == -NLE_NOADDR))
		ret = 0;
	if (ret)
		ret = net_error_set(err, ret == -NLE_PERM ? -EPERM : -EINVAL,
				    "address %s on '%s': %s", text, p->bridge, nl_geterror(ret));
	nl_addr_put(local);
	rtnl_addr_put(addr);
	nl_socket_free(sk);
	return ret;
}

static void run_path(const struct plan *p, const char *what, char *path, size_t size)
{
	snprintf(path, size, RUN_DIR "/.net-%s.%s", p->bridge, what);
}

/* Removes the address that the last net_up() gave to the bridge, if any. */
static int forget_address(const struct plan *p, struct net_error *err)
{
	char path[PATH_LEN], text[INET_ADDRSTRLEN + 4];
	int ret = 0;
	FILE *f;

	run_path(p, "address", path, sizeof(path));
	f = fopen(path, "re");
	if (!f)
		return 0;
	if (fscanf(f, "%19s", text) == 1 && if_nametoindex(p->bridge))
		ret = set_address(p, text, false, err);
	fclose(f);
	if (!ret)
		unlink(path);
	return ret;
}

/* Gives the bridge its address and notes which, for forget_address(). */
static int give_address(const struct plan *p, struct net_error *err)
{
	char path[PATH_LEN];
	int ret;
	FILE *f;

	run_path(p, "address", path, sizeof(path));
	f = fopen(path, "we");
	if (!f || fprintf(f, "%s\n", p->address) < 0) {
		ret = net_error_set(err, -errno, "%s: %s", path, strerror(errno));
		if (f)
			fclose(f);
		return ret;
	}
	if (fclose(f))
		return net_error_set(err, -errno, "%s: %s", path, strerror(errno));
	return set_address(p, p->address, true, err);
}

static int set_forwarding(struct net_error *err)
{
	static const char path[] = "/proc/sys/net/ipv4/ip_forward";
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	int ret = 0;

	if (fd < 0 || write(fd, "1\n", 2) != 2)
		ret = net_error_set(err, -errno, "%s: %s", path, strerror(errno));
	if (fd >= 0)
		close(fd);
	return ret;
}

static int run_nft(char *command, struct net_error *err)
{
	char *const argv[] = {"nft", command, NULL};

	return net_run(argv, tool_env, err);
}

/*
 * A table per bridge. "add" before "delete" makes the deletion succeed in any
 * case, and one command is one transaction, so there is no moment without.
 */
static int set_nat(const struct plan *p, bool on, struct net_error *err)
{
	char command[1024];
	size_t len;

	len = snprintf(command, sizeof(command), "add table ip hvctl-%s; delete table ip hvctl-%s",
		       p->bridge, p->bridge);
	if (on)
		snprintf(command + len, sizeof(command) - len,
			 "; table ip hvctl-%s {"
			 " chain nat { type nat hook postrouting priority srcnat;"
			 " ip saddr %s ip daddr != %s masquerade; };"
			 " chain forward { type filter hook forward priority filter;"
			 " iifname \"%s\" accept; oifname \"%s\" accept; }; }",
			 p->bridge, p->network, p->network, p->bridge, p->bridge);
	return run_nft(command, err);
}

/* Is this process the dnsmasq that we started? Numbers are used again. */
static bool is_our_dnsmasq(pid_t pid, const char *pid_file)
{
	char path[32], text[512];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/cmdline", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (n <= 0)
		return false;
	text[n] = '\0';
	return memmem(text, n, "dnsmasq", 7) && memmem(text, n, pid_file, strlen(pid_file));
}

static void stop_dhcp(const struct plan *p)
{
	struct pollfd gone = {.fd = -1, .events = POLLIN};
	char path[PATH_LEN];
	FILE *f;
	int pid;

	run_path(p, "pid", path, sizeof(path));
	f = fopen(path, "re");
	if (!f)
		return;
	if (fscanf(f, "%d", &pid) == 1 && pid > 1)
		gone.fd = pidfd_open(pid, 0);
	if (gone.fd >= 0 && is_our_dnsmasq(pid, path) &&
	    !pidfd_send_signal(gone.fd, SIGTERM, NULL, 0))
		/* The next one wants the same address: see this one off. */
		poll(&gone, 1, DHCP_STOP_MS);
	if (gone.fd >= 0)
		close(gone.fd);
	fclose(f);
	unlink(path);
}

/*
 * dnsmasq serves this bridge alone and binds to it alone, so it lives beside
 * another one; it goes to the background once it is ready.
 */
static int start_dhcp(const struct plan *p, struct net_error *err)
{
	char interface[32], range[64], pid_arg[80], lease_arg[80], path[PATH_LEN];
	char *const argv[] = {"dnsmasq",
			      "--conf-file=",
			      "--bind-interfaces",
			      "--except-interface=lo",
			      interface,
			      range,
			      "--dhcp-authoritative",
			      pid_arg,
			      lease_arg,
			      NULL};

	stop_dhcp(p);
	snprintf(interface, sizeof(interface), "--interface=%s", p->bridge);
	snprintf(range, sizeof(range), "--dhcp-range=%s,%s,%s", p->first, p->last, p->mask);
	run_path(p, "pid", path, sizeof(path));
	snprintf(pid_arg, sizeof(pid_arg), "--pid-file=%s", path);
	run_path(p, "leases", path, sizeof(path));
	snprintf(lease_arg, sizeof(lease_arg), "--dhcp-leasefile=%s", path);
	return net_run(argv, tool_env, err);
}

/**
 * net_up - connect a bridge of guests to the outside
 * @options: which, and how
 * @err: filled on failure
 *
 * The bridge is made when it is the default one and absent. A network that is
 * up already is brought in line with @options. A failure leaves nothing on.
 *
 * Context: hvctl, as root.
 * Return: 0; -EPERM without root; -ENOENT when a tool is not installed;
 * -EINVAL for a bad address; another negative errno.
 */
int net_up(const struct net_up_options *options, struct net_error *err)
{
	struct net_error ignored;
	struct plan p;
	int ret;

	ret = make_plan(options, &p, err);
	if (!ret)
		ret = check_tools(err);
	if (!ret)
		ret = net_bridge_ensure(p.bridge, err);
	if (!ret)
		ret = net_link_up(p.bridge, 0, err);
	if (!ret && mkdir(RUN_DIR, 0700) && errno != EEXIST)
		ret = net_error_set(err, -errno, RUN_DIR ": %s", strerror(errno));
	/* The one it had may be another. */
	if (!ret)
		ret = forget_address(&p, err);
	if (ret)
		return ret;
	ret = give_address(&p, err);
	if (!ret)
		ret = set_forwarding(err);
	if (!ret)
		ret = set_nat(&p, true, err);
	if (!ret)
		ret = start_dhcp(&p, err);
	if (ret)
		net_down(options, &ignored);
	return ret;
}

/**
 * net_down - undo net_up()
 * @options: which bridge; the address is the one that net_up() gave it
 * @err: filled on failure
 *
 * The bridge stays, for guests may be on it, and so does IP forwarding, which
 * may have been on before. Taking down what is not up is no error.
 *
 * Context: hvctl, as root.
 * Return: 0 or a negative errno.
 */
int net_down(const struct net_up_options *options, struct net_error *err)
{
	char path[PATH_LEN];
	struct plan p;
	int ret;

	ret = make_plan(options, &p, err);
	if (!ret)
		ret = check_tools(err);
	if (ret)
		return ret;
	stop_dhcp(&p);
	run_path(&p, "leases", path, sizeof(path));
	unlink(path);
	ret = set_nat(&p, false, err);
	if (!ret)
		ret = forget_address(&p, err);
	return ret;
}
