// SPDX-License-Identifier: GPL-2.0
/*
 * The generic-netlink family "hvctl": who runs here, and what happened.
 *
 * Anybody may list the domains and listen, as anybody may list processes;
 * nothing here changes a domain. Counters are read while their vCPUs count:
 * each is right, a set of them need not be of one moment.
 */
#include "hvctl.h"

#include <linux/cred.h>
#include <linux/pid.h>
#include <linux/pid_namespace.h>
#include <linux/skbuff.h>
#include <linux/user_namespace.h>

#include <net/genetlink.h>
#include <net/net_namespace.h>

#include "clock.h"

/* Bounds for what one domain and one vCPU take in a message. */
#define DOMAIN_SIZE	(1024 + HVCTL_NAME_LEN)
#define VCPU_SIZE	512

enum { GROUP_EVENTS };

static const struct genl_multicast_group groups[] = {
	[GROUP_EVENTS] = { .name = HVCTL_GENL_EVENTS },
};

static struct genl_family family;

/* In whose name spaces the numbers of a message are. */
struct reader {
	struct pid_namespace *pid;
	struct user_namespace *user;
};

/**
 * hv_vcpu_stats() - the counters of a vCPU
 * @vcpu: any vCPU, running or not
 * @stats: all but size and classes is filled
 */
void hv_vcpu_stats(struct hv_vcpu *vcpu, struct hvctl_vcpu_stats *stats)
{
	u64 run = READ_ONCE(vcpu->run_cycles);
	u64 halt = READ_ONCE(vcpu->halt_cycles);
	u64 since = READ_ONCE(vcpu->run_since);
	u64 halted = READ_ONCE(vcpu->halt_since);
	u64 now = rdtsc();
	u32 i;

	/* The call and the sleep that are under way are not counted yet. */
	if (since)
		run += now - since;
	if (halted)
		halt += now - halted;
	/* KVM_RUN slept in HLT for a part of its time; the clocks race. */
	stats->run_ns = hv_tsc_to_ns(run > halt ? run - halt : 0);
	stats->halt_ns = hv_tsc_to_ns(halt);
	stats->guest_ns = hv_tsc_to_ns(READ_ONCE(vcpu->guest_cycles));
	stats->steal_ns = READ_ONCE(vcpu->steal_ns);
	stats->injected = READ_ONCE(vcpu->injected);
	for (i = 0; i < HVCTL_EXIT_CLASSES; i++)
		stats->exits[i] = READ_ONCE(vcpu->exits[i]);
}

static int put_u64(struct sk_buff *skb, int attr, u64 value)
{
	return nla_put_u64_64bit(skb, attr, value, HVCTL_A_PAD);
}

static int put_stats(struct sk_buff *skb, const struct hvctl_vcpu_stats *s)
{
	if (put_u64(skb, HVCTL_A_RUN_NS, s->run_ns) ||
	    put_u64(skb, HVCTL_A_GUEST_NS, s->guest_ns) ||
	    put_u64(skb, HVCTL_A_STEAL_NS, s->steal_ns) ||
	    put_u64(skb, HVCTL_A_HALT_NS, s->halt_ns) ||
	    put_u64(skb, HVCTL_A_INJECTED, s->injected) ||
	    nla_put_64bit(skb, HVCTL_A_EXITS,
			  HVCTL_EXIT_CLASSES * sizeof(s->exits[0]), s->exits,
			  HVCTL_A_PAD))
		return -EMSGSIZE;
	return 0;
}

static int put_vcpu(struct sk_buff *skb, struct hv_vcpu *vcpu)
{
	bool running = READ_ONCE(vcpu->run_since) &&
		       !READ_ONCE(vcpu->halt_since);
	struct hvctl_vcpu_stats stats = { };
	struct nlattr *nest;

	nest = nla_nest_start(skb, HVCTL_A_VCPU);
	if (!nest)
		return -EMSGSIZE;
	hv_vcpu_stats(vcpu, &stats);
	if (nla_put_u32(skb, HVCTL_A_VCPU_ID, vcpu->id) ||
	    nla_put_u32(skb, HVCTL_A_VCPU_CPU, READ_ONCE(vcpu->last_cpu)) ||
	    nla_put_u32(skb, HVCTL_A_VCPU_RUNNING, running) ||
	    put_stats(skb, &stats)) {
		nla_nest_cancel(skb, nest);
		return -EMSGSIZE;
	}
	nla_nest_end(skb, nest);
	return 0;
}

static void add_stats(struct hvctl_vcpu_stats *sum, struct hv_vcpu *vcpu)
{
	struct hvctl_vcpu_stats one = { };
	u32 i;

	hv_vcpu_stats(vcpu, &one);
	sum->run_ns += one.run_ns;
	sum->guest_ns += one.guest_ns;
	sum->steal_ns += one.steal_ns;
	sum->halt_ns += one.halt_ns;
	sum->injected += one.injected;
	for (i = 0; i < HVCTL_EXIT_CLASSES; i++)
		sum->exits[i] += one.exits[i];
}

static int put_identity(struct sk_buff *skb, struct hv_vm *vm,
			const struct reader *reader)
{
	char name[HVCTL_NAME_LEN];
	u8 uuid[sizeof(vm->uuid)];
	u32 state;

	mutex_lock(&vm->lock);
	memcpy(name, vm->name, sizeof(name));
	memcpy(uuid, vm->uuid, sizeof(uuid));
	state = vm->state;
	mutex_unlock(&vm->lock);

	if (nla_put_u32(skb, HVCTL_A_DOMID, vm->domid) ||
	    nla_put_string(skb, HVCTL_A_NAME, name) ||
	    nla_put(skb, HVCTL_A_UUID, sizeof(uuid), uuid) ||
	    nla_put_u32(skb, HVCTL_A_PID, pid_nr_ns(vm->owner, reader->pid)) ||
	    nla_put_u32(skb, HVCTL_A_UID,
			from_kuid_munged(reader->user, vm->owner_uid)) ||
	    nla_put_u32(skb, HVCTL_A_STATE, state) ||
	    put_u64(skb, HVCTL_A_START_NS, vm->boot_ns))
		return -EMSGSIZE;
	return 0;
}

static int put_domain(struct sk_buff *skb, struct hv_vm *vm,
		      const struct reader *reader, u32 portid, u32 seq,
		      int flags, bool each_vcpu)
{
	u32 i, n = smp_load_acquire(&vm->nr_vcpus); /* hv_vcpu_create() */
	struct hvctl_vcpu_stats sum = { };
	void *head;

	head = genlmsg_put(skb, portid, seq, &family, flags, HVCTL_CMD_DOMAIN);
	if (!head)
		return -EMSGSIZE;
	for (i = 0; i < n; i++)
		add_stats(&sum, vm->vcpu[i]);
	if (put_identity(skb, vm, reader) ||
	    nla_put_u32(skb, HVCTL_A_VCPUS, n) ||
	    put_u64(skb, HVCTL_A_MEM_BYTES, hv_slots_bytes(vm)) ||
	    put_stats(skb, &sum))
		goto too_long;
	for (i = 0; each_vcpu && i < n; i++)
		if (put_vcpu(skb, vm->vcpu[i]))
			goto too_long;
	genlmsg_end(skb, head);
	return 0;

too_long:
	genlmsg_cancel(skb, head);
	return -EMSGSIZE;
}

static struct hv_vm *find_vm(u32 domid)
{
	struct hv_vm *vm;

	list_for_each_entry(vm, &hv_vms, node)
		if (vm->domid == domid)
			return vm;
	return NULL;
}

/* The domain with the lowest number from domid on. */
static struct hv_vm *next_vm(u32 domid)
{
	struct hv_vm *vm, *best = NULL;

	list_for_each_entry(vm, &hv_vms, node)
		if (vm->domid >= domid && (!best || vm->domid < best->domid))
			best = vm;
	return best;
}

static int get_domain(struct sk_buff *skb, struct genl_info *info)
{
	struct reader reader = {
		.pid = task_active_pid_ns(current),
		.user = current_user_ns(),
	};
	struct sk_buff *reply;
	struct hv_vm *vm;
	int ret;

	if (!info->attrs[HVCTL_A_DOMID])
		return -EINVAL;
	mutex_lock(&hv_vms_lock);
	ret = -ENOENT;
	vm = find_vm(nla_get_u32(info->attrs[HVCTL_A_DOMID]));
	if (!vm)
		goto out;
	ret = -ENOMEM;
	reply = genlmsg_new(DOMAIN_SIZE + READ_ONCE(vm->nr_vcpus) * VCPU_SIZE,
			    GFP_KERNEL);
	if (!reply)
		goto out;
	ret = put_domain(reply, vm, &reader, info->snd_portid, info->snd_seq, 0,
			 true);
	if (ret)
		nlmsg_free(reply);
out:
	mutex_unlock(&hv_vms_lock);
	return ret ? ret : genlmsg_reply(reply, info);
}

/*
 * One call fills one buffer and is called again until it adds nothing. The
 * place to go on from is a number, as domains come and go in between.
 */
static int dump_domains(struct sk_buff *skb, struct netlink_callback *cb)
{
	struct reader reader = {
		.pid = task_active_pid_ns(current),
		.user = current_user_ns(),
	};
	u32 portid = NETLINK_CB(cb->skb).portid, seq = cb->nlh->nlmsg_seq;
	struct hv_vm *vm;
	int ret = 0;

	mutex_lock(&hv_vms_lock);
	while ((vm = next_vm(cb->args[0]))) {
		ret = put_domain(skb, vm, &reader, portid, seq, NLM_F_MULTI,
				 true);
		/* Too many vCPUs for any buffer: the sums must do. */
		if (ret && !skb->len)
			ret = put_domain(skb, vm, &reader, portid, seq,
					 NLM_F_MULTI, false);
		if (ret)
			break;
		cb->args[0] = vm->domid + 1;
	}
	mutex_unlock(&hv_vms_lock);
	return ret && !skb->len ? ret : skb->len;
}

static const struct nla_policy get_domain_policy[HVCTL_A_DOMID + 1] = {
	[HVCTL_A_DOMID] = { .type = NLA_U32 },
};

static const struct genl_ops ops[] = {
	{
		.cmd = HVCTL_CMD_GET_DOMAIN,
		.policy = get_domain_policy,
		.maxattr = HVCTL_A_DOMID,
		.doit = get_domain,
		.dumpit = dump_domains,
	},
};

static struct genl_family family __ro_after_init = {
	.name = HVCTL_GENL_NAME,
	.version = HVCTL_GENL_VERSION,
	.netnsok = true,
	.parallel_ops = true,
	.module = THIS_MODULE,
	.ops = ops,
	.n_ops = ARRAY_SIZE(ops),
	.resv_start_op = HVCTL_CMD_GET_DOMAIN + 1,
	.mcgrps = groups,
	.n_mcgrps = ARRAY_SIZE(groups),
};

/**
 * hv_netlink_event() - tell listeners in all network name spaces
 * @vm: what it is about; its lock is not held
 * @cmd: what happened, HVCTL_CMD_CREATED and so on
 *
 * Numbers are those of the host's own name spaces. May sleep. An event that
 * finds no memory is lost; listeners learn of that as of any overrun.
 */
void hv_netlink_event(struct hv_vm *vm, enum hvctl_cmd cmd)
{
	static const struct reader reader = {
		.pid = &init_pid_ns,
		.user = &init_user_ns,
	};
	struct sk_buff *skb, *copy;
	struct net *net;
	void *head;

	skb = genlmsg_new(DOMAIN_SIZE, GFP_KERNEL);
	if (!skb)
		return;
	head = genlmsg_put(skb, 0, 0, &family, 0, cmd);
	if (!head || put_identity(skb, vm, &reader)) {
		nlmsg_free(skb);
		return;
	}
	genlmsg_end(skb, head);

	rcu_read_lock();
	for_each_net_rcu(net) {
		copy = skb_clone(skb, GFP_ATOMIC);
		if (copy)
			genlmsg_multicast_netns(&family, net, copy, 0,
						GROUP_EVENTS, GFP_ATOMIC);
	}
	rcu_read_unlock();
	nlmsg_free(skb);
}

/**
 * hv_netlink_init() - register the family, before the device exists
 *
 * Return: 0 or an errno of genl_register_family().
 */
int hv_netlink_init(void)
{
	return genl_register_family(&family);
}

/**
 * hv_netlink_exit() - unregister the family
 */
void hv_netlink_exit(void)
{
	genl_unregister_family(&family);
}
