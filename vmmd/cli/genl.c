// SPDX-License-Identifier: GPL-2.0
/*
 * The module's generic-netlink family: counters of all its domains, events.
 */
#include <errno.h>
#include <netlink/genl/ctrl.h>
#include <netlink/genl/genl.h>
#include <netlink/netlink.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/domain.h"
#include "hvctl.h"

static struct nl_sock *open_family(int *family)
{
	struct nl_sock *sock = nl_socket_alloc();

	if (!sock)
		return NULL;
	if (!genl_connect(sock)) {
		*family = genl_ctrl_resolve(sock, HVCTL_GENL_NAME);
		if (*family >= 0)
			return sock;
	}
	nl_socket_free(sock);
	return NULL;
}

static struct domain *find(struct domains *all, unsigned int id, pid_t pid)
{
	for (size_t i = 0; i < all->n; i++)
		/* A vmmd that hangs has not told its number. */
		if (all->list[i].pid == pid && (all->list[i].id == id || !all->list[i].status))
			return &all->list[i];
	return NULL;
}

static uint64_t get_u64(struct nlattr **attrs, int which)
{
	return attrs[which] && nla_len(attrs[which]) >= 8 ? nla_get_u64(attrs[which]) : 0;
}

static uint32_t get_u32(struct nlattr **attrs, int which)
{
	return attrs[which] && nla_len(attrs[which]) >= 4 ? nla_get_u32(attrs[which]) : 0;
}

static void take_exits(struct domain *dom, struct nlattr *attr)
{
	size_t n = (size_t)nla_len(attr) / sizeof(uint64_t);
	uint64_t count;

	dom->exits = 0;
	dom->have_exits = true;
	for (size_t i = 0; i < n; i++) {
		if (i == HVCTL_EXIT_USER)
			continue;
		memcpy(&count, (char *)nla_data(attr) + i * sizeof(count), sizeof(count));
		dom->exits += count;
	}
}

/* The module's vCPUs, when the control socket has not told of them. */
static void take_vcpus(struct domain *dom, struct nlmsghdr *header)
{
	struct nlattr *attr, *inner[HVCTL_A_MAX + 1];
	size_t n = 0;
	int left;

	if (dom->vcpus)
		return;
	dom->vcpus = calloc(dom->n_vcpus + 1, sizeof(*dom->vcpus));
	if (!dom->vcpus)
		return;
	nlmsg_for_each_attr(attr, header, GENL_HDRLEN, left)
	{
		if (nla_type(attr) != HVCTL_A_VCPU || n == dom->n_vcpus ||
		    nla_parse_nested(inner, HVCTL_A_MAX, attr, NULL))
			continue;
		dom->vcpus[n++] = (struct domain_vcpu){
			.id = get_u32(inner, HVCTL_A_VCPU_ID),
			.cpu = (int)get_u32(inner, HVCTL_A_VCPU_CPU),
			.online = true,
			.running = get_u32(inner, HVCTL_A_VCPU_RUNNING),
			.cpu_ns = get_u64(inner, HVCTL_A_RUN_NS),
		};
	}
	dom->n_vcpus = n;
}

static bool any_running(const struct domain *dom)
{
	for (size_t i = 0; i < dom->n_vcpus; i++)
		if (dom->vcpus[i].running)
			return true;
	return false;
}

/* What a control socket would have told. */
static void take_domain(struct domain *dom, struct nlattr **attrs, struct nlmsghdr *header)
{
	static const enum domain_state states[] = {
		[HVCTL_STATE_RUNNING] = DOMAIN_RUNNING,
		[HVCTL_STATE_PAUSED] = DOMAIN_PAUSED,
		[HVCTL_STATE_SHUTDOWN] = DOMAIN_SHUTDOWN,
		[HVCTL_STATE_CRASHED] = DOMAIN_CRASHED,
	};
	uint32_t state = get_u32(attrs, HVCTL_A_STATE);

	dom->id = get_u32(attrs, HVCTL_A_DOMID);
	if (attrs[HVCTL_A_UUID] && nla_len(attrs[HVCTL_A_UUID]) >= 16)
		memcpy(dom->uuid, nla_data(attrs[HVCTL_A_UUID]), 16);
	dom->mem = get_u64(attrs, HVCTL_A_MEM_BYTES);
	dom->maxmem = dom->mem;
	dom->n_vcpus = get_u32(attrs, HVCTL_A_VCPUS);
	take_vcpus(dom, header);
	dom->n_online = dom->n_vcpus;
	if (dom->socket)
		return; /* it should have answered: dying */
	dom->state = state <= HVCTL_STATE_CRASHED ? states[state] : DOMAIN_DYING;
	if (dom->state == DOMAIN_RUNNING && !any_running(dom))
		dom->state = DOMAIN_BLOCKED;
}

static int on_domain(struct nl_msg *msg, void *opaque)
{
	struct nlattr *attrs[HVCTL_A_MAX + 1];
	struct nlmsghdr *header = nlmsg_hdr(msg);
	struct domains *all = opaque;
	struct domain *dom;

	if (genlmsg_parse(header, 0, attrs, HVCTL_A_MAX, NULL) || !attrs[HVCTL_A_DOMID])
		return NL_SKIP;
	dom = find(all, get_u32(attrs, HVCTL_A_DOMID), (pid_t)get_u32(attrs, HVCTL_A_PID));
	if (!dom) {
		dom = domains_add(all);
		if (!dom)
			return NL_STOP;
		dom->pid = (pid_t)get_u32(attrs, HVCTL_A_PID);
		if (attrs[HVCTL_A_NAME])
			snprintf(dom->name, sizeof(dom->name), "%.*s", nla_len(attrs[HVCTL_A_NAME]),
				 (char *)nla_data(attrs[HVCTL_A_NAME]));
	}
	if (!dom->status)
		take_domain(dom, attrs, header);
	dom->uid = get_u32(attrs, HVCTL_A_UID);
	dom->cpu_ns = get_u64(attrs, HVCTL_A_RUN_NS);
	if (attrs[HVCTL_A_EXITS])
		take_exits(dom, attrs[HVCTL_A_EXITS]);
	return NL_OK;
}

int genl_domains(struct domains *all)
{
	struct nl_sock *sock;
	struct nl_msg *msg;
	int family, ret = -ENOMEM;

	sock = open_family(&family);
	if (!sock)
		return -ENOENT;
	nl_socket_modify_cb(sock, NL_CB_VALID, NL_CB_CUSTOM, on_domain, all);
	msg = nlmsg_alloc();
	if (msg && genlmsg_put(msg, NL_AUTO_PORT, NL_AUTO_SEQ, family, 0, NLM_F_DUMP,
			       HVCTL_CMD_GET_DOMAIN, HVCTL_GENL_VERSION)) {
		ret = nl_send_auto(sock, msg);
		if (ret >= 0)
			ret = nl_recvmsgs_default(sock);
		if (ret < 0)
			ret = -EIO;
		else
			ret = 0;
	}
	nlmsg_free(msg);
	nl_socket_free(sock);
	return ret;
}

/**
 * struct listener - who waits for events
 * @fn: told of each
 * @opaque: for @fn
 * @ret: what @fn returned
 */
struct listener {
	int (*fn)(const char *event, const char *name, unsigned int id, void *opaque);
	void *opaque;
	int ret;
};

static int on_event(struct nl_msg *msg, void *opaque)
{
	static const char *const names[] = {
		[HVCTL_CMD_CREATED] = "created", [HVCTL_CMD_PAUSED] = "paused",
		[HVCTL_CMD_RESUMED] = "resumed", [HVCTL_CMD_SHUTDOWN] = "shutdown",
		[HVCTL_CMD_CRASHED] = "crashed", [HVCTL_CMD_DESTROYED] = "destroyed",
		[HVCTL_CMD_RENAMED] = "renamed",
	};
	struct listener *listener = opaque;
	struct nlattr *attrs[HVCTL_A_MAX + 1];
	unsigned int cmd = genlmsg_hdr(nlmsg_hdr(msg))->cmd;
	char name[CONFIG_NAME_MAX + 1] = "";

	if (listener->ret || cmd >= sizeof(names) / sizeof(*names) || !names[cmd] ||
	    genlmsg_parse(nlmsg_hdr(msg), 0, attrs, HVCTL_A_MAX, NULL))
		return NL_SKIP;
	if (attrs[HVCTL_A_NAME])
		snprintf(name, sizeof(name), "%.*s", nla_len(attrs[HVCTL_A_NAME]),
			 (char *)nla_data(attrs[HVCTL_A_NAME]));
	listener->ret =
		listener->fn(names[cmd], name, get_u32(attrs, HVCTL_A_DOMID), listener->opaque);
	return NL_OK;
}

int genl_events(int (*fn)(const char *event, const char *name, unsigned int id, void *opaque),
		void *opaque, uint64_t timeout_ns)
{
	struct listener listener = {.fn = fn, .opaque = opaque};
	uint64_t end = timeout_ns ? cli_now_ns() + timeout_ns : 0;
	struct nl_sock *sock;
	int family, group;

	sock = open_family(&family);
	if (!sock)
		return -ENOENT;
	group = genl_ctrl_resolve_grp(sock, HVCTL_GENL_NAME, HVCTL_GENL_EVENTS);
	if (group < 0 || nl_socket_add_membership(sock, group)) {
		nl_socket_free(sock);
		return -EIO;
	}
	/* Events are not answers: their numbers follow no request. */
	nl_socket_disable_seq_check(sock);
	nl_socket_set_nonblocking(sock);
	nl_socket_modify_cb(sock, NL_CB_VALID, NL_CB_CUSTOM, on_event, &listener);
	while (!listener.ret) {
		struct pollfd wait = {.fd = nl_socket_get_fd(sock), .events = POLLIN};
		int ms = cli_ms_until(end);

		if (!ms)
			break;
		if (poll(&wait, 1, ms) > 0)
			nl_recvmsgs_default(sock);
	}
	nl_socket_free(sock);
	return listener.ret;
}
