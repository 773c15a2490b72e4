// SPDX-License-Identifier: GPL-2.0
/*
 * The generic-netlink family "hvctl": listing domains, their counters, and
 * the events of a domain's life.
 */
#include <netlink/genl/ctrl.h>
#include <netlink/genl/genl.h>
#include <netlink/netlink.h>
#include <poll.h>
#include <string.h>

#include "guest.h"
#include "harness.h"
#include "hvctl.h"

#define MAX_EVENTS 32

/* What one message said of a domain. */
struct domain {
	u32 cmd, domid, pid, uid, state, vcpus;
	u64 mem, run_ns, start_ns, cpuid_exits;
	char name[HVCTL_NAME_LEN];
	u8 uuid[16];
	u32 nests, vcpu_id[4];
	u32 running;
	u64 nested_run_ns;
};

struct seen {
	struct domain dom[MAX_EVENTS];
	u32 n;
	int error;
	bool done;
};

static u64 attr64(struct nlattr *attr)
{
	return attr ? nla_get_u64(attr) : 0;
}

static u32 attr32(struct nlattr *attr)
{
	return attr ? nla_get_u32(attr) : 0;
}

static int on_message(struct nl_msg *msg, void *opaque)
{
	struct nlattr *attrs[HVCTL_A_MAX + 1], *inner[HVCTL_A_MAX + 1], *attr;
	struct nlmsghdr *head = nlmsg_hdr(msg);
	struct seen *seen = opaque;
	struct domain *d = &seen->dom[seen->n];
	int left;

	if (seen->n == MAX_EVENTS || genlmsg_parse(head, 0, attrs, HVCTL_A_MAX, NULL))
		return NL_SKIP;
	memset(d, 0, sizeof(*d));
	d->cmd = genlmsg_hdr(head)->cmd;
	d->domid = attr32(attrs[HVCTL_A_DOMID]);
	d->pid = attr32(attrs[HVCTL_A_PID]);
	d->uid = attr32(attrs[HVCTL_A_UID]);
	d->state = attr32(attrs[HVCTL_A_STATE]);
	d->vcpus = attr32(attrs[HVCTL_A_VCPUS]);
	d->mem = attr64(attrs[HVCTL_A_MEM_BYTES]);
	d->run_ns = attr64(attrs[HVCTL_A_RUN_NS]);
	d->start_ns = attr64(attrs[HVCTL_A_START_NS]);
	if (attrs[HVCTL_A_NAME])
		snprintf(d->name, sizeof(d->name), "%s", nla_get_string(attrs[HVCTL_A_NAME]));
	if (attrs[HVCTL_A_UUID])
		memcpy(d->uuid, nla_data(attrs[HVCTL_A_UUID]), sizeof(d->uuid));
	if (attrs[HVCTL_A_EXITS])
		memcpy(&d->cpuid_exits, nla_data(attrs[HVCTL_A_EXITS]) + 8 * HVCTL_EXIT_CPUID, 8);
	nlmsg_for_each_attr(attr, head, GENL_HDRLEN, left)
	{
		if (nla_type(attr) != HVCTL_A_VCPU ||
		    nla_parse_nested(inner, HVCTL_A_MAX, attr, NULL))
			continue;
		if (d->nests < ARRAY_SIZE(d->vcpu_id))
			d->vcpu_id[d->nests] = attr32(inner[HVCTL_A_VCPU_ID]);
		d->nests++;
		d->running += attr32(inner[HVCTL_A_VCPU_RUNNING]);
		d->nested_run_ns += attr64(inner[HVCTL_A_RUN_NS]);
	}
	seen->n++;
	return NL_OK;
}

static int on_done(struct nl_msg *msg, void *opaque)
{
	(void)msg;
	((struct seen *)opaque)->done = true;
	return NL_STOP;
}

static int on_error(struct sockaddr_nl *from, struct nlmsgerr *err, void *opaque)
{
	struct seen *seen = opaque;

	(void)from;
	seen->error = -err->error;
	seen->done = true;
	return NL_STOP;
}

FIXTURE(netlink)
{
	struct nl_sock *sock;
	int family;
	struct seen seen;
};

FIXTURE_SETUP(netlink)
{
	close(kv_open());
	if (!kv_is_hvctl())
		SKIP(return, "kvm has no netlink family");
	self->sock = nl_socket_alloc();
	ASSERT_EQ(0, genl_connect(self->sock));
	self->family = genl_ctrl_resolve(self->sock, HVCTL_GENL_NAME);
	ASSERT_GT(self->family, 0);
	nl_socket_disable_seq_check(self->sock);
	nl_socket_modify_cb(self->sock, NL_CB_VALID, NL_CB_CUSTOM, on_message, &self->seen);
	nl_socket_modify_cb(self->sock, NL_CB_FINISH, NL_CB_CUSTOM, on_done, &self->seen);
	nl_socket_modify_cb(self->sock, NL_CB_ACK, NL_CB_CUSTOM, on_done, &self->seen);
	nl_socket_modify_err_cb(self->sock, NL_CB_CUSTOM, on_error, &self->seen);
}

FIXTURE_TEARDOWN(netlink)
{
	if (self->sock)
		nl_socket_free(self->sock);
}

/* One request and all of its answer. */
static void ask(struct nl_sock *sock, int family, struct seen *seen, int flags, u32 domid)
{
	struct nl_msg *msg = nlmsg_alloc();

	memset(seen, 0, sizeof(*seen));
	genlmsg_put(msg, NL_AUTO_PORT, NL_AUTO_SEQ, family, 0, flags, HVCTL_CMD_GET_DOMAIN,
		    HVCTL_GENL_VERSION);
	if (domid)
		nla_put_u32(msg, HVCTL_A_DOMID, domid);
	if (nl_send_auto(sock, msg) < 0)
		kv_die("cannot send to netlink");
	nlmsg_free(msg);
	while (!seen->done && nl_recvmsgs_default(sock) >= 0)
		;
}

static struct domain *find(struct seen *seen, u32 domid)
{
	u32 i;

	for (i = 0; i < seen->n; i++)
		if (seen->dom[i].domid == domid)
			return &seen->dom[i];
	return NULL;
}

static void identity(struct kv_vm *vm, struct hvctl_identity *id)
{
	memset(id, 0, sizeof(*id));
	if (ioctl(vm->fd, HVCTL_GET_IDENTITY, id))
		kv_die("HVCTL_GET_IDENTITY: %m");
}

__guest static void ask_cpuid(u64 times)
{
	u32 a, b, c, d;

	while (times--)
		cpuid(0, 0, &a, &b, &c, &d);
	guest_done();
}

TEST_F(netlink, dump)
{
	struct kv_vm *one = kv_vm_new_irqchip(8 << 20), *two = kv_vm_new(0);
	struct kv_vcpu *first = kv_vcpu_new(one, 0), *second = kv_vcpu_new(one, 1);
	struct hvctl_identity id, other;
	struct domain *d;

	identity(one, &id);
	identity(two, &other);
	EXPECT_NE(id.domid, other.domid);
	strcpy(id.name, "a-name");
	memset(id.uuid, 0xab, sizeof(id.uuid));
	ASSERT_EQ(0, ioctl(one->fd, HVCTL_SET_IDENTITY, &id));
	kv_enter(first, ask_cpuid, 1000, 0);
	ASSERT_DONE(first);

	ask(self->sock, self->family, &self->seen, NLM_F_DUMP, 0);
	d = find(&self->seen, id.domid);
	ASSERT_NE(NULL, d);
	EXPECT_EQ(HVCTL_CMD_DOMAIN, d->cmd);
	EXPECT_STREQ("a-name", d->name);
	EXPECT_EQ(0, memcmp(id.uuid, d->uuid, sizeof(id.uuid)));
	EXPECT_EQ((u32)getpid(), d->pid);
	EXPECT_EQ(getuid(), d->uid);
	EXPECT_EQ(HVCTL_STATE_RUNNING, d->state);
	EXPECT_EQ(2, d->vcpus);
	EXPECT_EQ(8 << 20, d->mem);
	EXPECT_GE(d->cpuid_exits, 1000);
	EXPECT_GT(d->run_ns, 0);
	EXPECT_GT(d->start_ns, 0);
	EXPECT_EQ(2, d->nests);
	EXPECT_EQ(0, d->vcpu_id[0]);
	EXPECT_EQ(1, d->vcpu_id[1]);
	EXPECT_EQ(0, d->running);
	EXPECT_EQ(d->run_ns, d->nested_run_ns);
	d = find(&self->seen, other.domid);
	ASSERT_NE(NULL, d);
	EXPECT_EQ(0, d->vcpus);
	EXPECT_EQ(0, d->nests);

	kv_vcpu_free(first);
	kv_vcpu_free(second);
	kv_vm_free(one);
	kv_vm_free(two);
	ask(self->sock, self->family, &self->seen, NLM_F_DUMP, 0);
	EXPECT_EQ(NULL, find(&self->seen, id.domid));
	EXPECT_EQ(NULL, find(&self->seen, other.domid));
}

TEST_F(netlink, one_domain)
{
	struct kv_vm *vm = kv_vm_new(0);
	struct hvctl_identity id;

	identity(vm, &id);
	ask(self->sock, self->family, &self->seen, 0, id.domid);
	ASSERT_EQ(1, self->seen.n);
	EXPECT_EQ(id.domid, self->seen.dom[0].domid);
	EXPECT_STREQ(id.name, self->seen.dom[0].name);
	kv_vm_free(vm);
}

TEST_F(netlink, errors)
{
	/* nobody has this number: they go up to 2^15 */
	ask(self->sock, self->family, &self->seen, 0, 0x12345);
	EXPECT_EQ(ENOENT, self->seen.error);
	ask(self->sock, self->family, &self->seen, 0, 0);
	EXPECT_EQ(EINVAL, self->seen.error);
	EXPECT_EQ(0, self->seen.n);
}

/* A call to KVM_RUN that does not end is counted while it goes on. */
__guest static void spin(void)
{
	for (;;)
		guest_pause();
}

TEST_F(netlink, running)
{
	struct kv_vm *vm = kv_vm_new_irqchip(0);
	struct kv_vcpu *vcpu = kv_vcpu_new(vm, 0);
	struct hvctl_identity id;
	u64 before;
	int i;

	identity(vm, &id);
	kv_enter(vcpu, spin, 0, 0);
	kv_start(vcpu);
	for (i = 0; i < 500; i++) {
		ask(self->sock, self->family, &self->seen, 0, id.domid);
		ASSERT_EQ(1, self->seen.n);
		if (self->seen.dom[0].running)
			break;
		usleep(10000);
	}
	EXPECT_EQ(1, self->seen.dom[0].running);
	before = self->seen.dom[0].run_ns;
	usleep(200000);
	ask(self->sock, self->family, &self->seen, 0, id.domid);
	EXPECT_GE(self->seen.dom[0].run_ns - before, 100000000);
	kv_kick(vcpu);
	kv_join(vcpu);
	ask(self->sock, self->family, &self->seen, 0, id.domid);
	EXPECT_EQ(0, self->seen.dom[0].running);
	kv_vcpu_free(vcpu);
	kv_vm_free(vm);
}

/* More domains than one buffer holds: all are told, each once. */
TEST_F(netlink, long_dump)
{
	struct kv_vm *vms[24];
	struct hvctl_identity id;
	u32 i, j, found;

	for (i = 0; i < ARRAY_SIZE(vms); i++) {
		vms[i] = kv_vm_bare();
		for (j = 0; j < 4; j++)
			kv_vcpu_bare(vms[i], j);
	}
	ask(self->sock, self->family, &self->seen, NLM_F_DUMP, 0);
	for (i = 0; i < ARRAY_SIZE(vms); i++) {
		identity(vms[i], &id);
		for (found = j = 0; j < self->seen.n; j++)
			found += self->seen.dom[j].domid == id.domid;
		EXPECT_EQ(1, found);
		EXPECT_EQ(4, find(&self->seen, id.domid)->nests);
	}
	/* The process ends with all of them open. */
}

static void next_event(struct nl_sock *sock, struct seen *seen)
{
	struct pollfd pfd = {.fd = nl_socket_get_fd(sock), .events = POLLIN};

	if (poll(&pfd, 1, 5000) == 1)
		nl_recvmsgs_default(sock);
	(void)seen;
}

TEST_F(netlink, events)
{
	static const u32 expected[] = {
		HVCTL_CMD_CREATED,  HVCTL_CMD_RENAMED, HVCTL_CMD_PAUSED,    HVCTL_CMD_RESUMED,
		HVCTL_CMD_SHUTDOWN, HVCTL_CMD_CRASHED, HVCTL_CMD_DESTROYED,
	};
	static const u32 states[] = {
		HVCTL_STATE_PAUSED,  HVCTL_STATE_RUNNING, HVCTL_STATE_SHUTDOWN,
		HVCTL_STATE_CRASHED, HVCTL_STATE_CRASHED, /* twice: told once */
	};
	int group = genl_ctrl_resolve_grp(self->sock, HVCTL_GENL_NAME, HVCTL_GENL_EVENTS);
	struct hvctl_identity id;
	struct kv_vm *vm;
	u32 i, bad = 99;

	ASSERT_GT(group, 0);
	ASSERT_EQ(0, nl_socket_add_membership(self->sock, group));
	memset(&self->seen, 0, sizeof(self->seen));
	vm = kv_vm_new(0);
	identity(vm, &id);
	strcpy(id.name, "noisy");
	ASSERT_EQ(0, ioctl(vm->fd, HVCTL_SET_IDENTITY, &id));
	for (i = 0; i < ARRAY_SIZE(states); i++)
		ASSERT_EQ(0, ioctl(vm->fd, HVCTL_SET_STATE, &states[i]));
	EXPECT_ERRNO(EINVAL, ioctl(vm->fd, HVCTL_SET_STATE, &bad));
	kv_vm_free(vm);

	while (self->seen.n < ARRAY_SIZE(expected)) {
		u32 before = self->seen.n;

		next_event(self->sock, &self->seen);
		if (self->seen.n == before)
			break;
	}
	ASSERT_EQ(ARRAY_SIZE(expected), self->seen.n);
	for (i = 0; i < ARRAY_SIZE(expected); i++) {
		EXPECT_EQ(expected[i], self->seen.dom[i].cmd);
		EXPECT_EQ(id.domid, self->seen.dom[i].domid);
		EXPECT_EQ((u32)getpid(), self->seen.dom[i].pid);
		if (i)
			EXPECT_STREQ("noisy", self->seen.dom[i].name);
	}
}

/* A reader without any privilege sees the same. */
TEST_F(netlink, anybody_may_list)
{
	struct kv_vm *vm = kv_vm_new(0);
	struct hvctl_identity id;

	identity(vm, &id);
	ASSERT_EQ(0, setgid(65534));
	ASSERT_EQ(0, setuid(65534));
	ask(self->sock, self->family, &self->seen, NLM_F_DUMP, 0);
	ASSERT_NE(NULL, find(&self->seen, id.domid));
	EXPECT_EQ(0, find(&self->seen, id.domid)->uid);
}

TEST_HARNESS_MAIN
