// SPDX-License-Identifier: GPL-2.0
/*
 * Requests of the control socket about what a guest has and is told: memory,
 * vCPUs, keys and buttons.
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "control_cmd.h"
#include "irq.h"
#include "runtime.h"
#include "virtio/balloon.h"
#include "vm.h"
#include "xen/core.h"

/* A message that is an NMI for the vCPU of that number (SDM vol. 3, 11.11). */
#define MSI_NMI(vcpu) (0xfee00000ULL | (u64)(vcpu) << 12)
#define MSI_DATA_NMI  (4U << 8)
/* An xAPIC's destination has 8 bits, the last of them all set for everyone. */
#define MSI_VCPUS 255

#define MIB_MAX (1ULL << 40)

static bool get_mib(struct json_object *request, struct control_answer *answer, u64 max, u64 *mib)
{
	if (!control_number(request, "mib", MIB_MAX, mib))
		control_error(answer, "no amount: expected \"mib\"");
	else if (!*mib || *mib > max)
		control_error(answer, "%llu MiB cannot be had: expected 1 to %llu",
			      (unsigned long long)*mib, (unsigned long long)max);
	else
		return true;
	return false;
}

/* What the guest was asked to have. */
static u64 target_bytes(struct vm *vm)
{
	struct balloon_stats stats;

	if (vm->xen)
		return xen_memory_target(vm);
	if (!vm->balloon)
		return mem_ram(&vm->mem);
	balloon_get_stats(vm->balloon, &stats);
	return mem_ram(&vm->mem) - stats.target;
}

static void cmd_mem_set(struct vm *vm, struct json_object *request, struct control_answer *answer)
{
	int ret = 0;
	u64 mib;

	if (!vm->xen && !vm->balloon) {
		control_error(answer, "the guest has no balloon");
		return;
	}
	if (!get_mib(request, answer, vm->limit_mib, &mib))
		return;
	if (vm->xen)
		ret = xen_ask_memory(vm, mib);
	else
		balloon_set_target(vm->balloon, mem_ram(&vm->mem) - mib * MIB);
	if (ret)
		control_error(answer, "%s", strerror(-ret));
}

static void cmd_mem_max(struct vm *vm, struct json_object *request, struct control_answer *answer)
{
	u64 mib, target = target_bytes(vm) / MIB;
	int ret;

	if (!get_mib(request, answer, mem_ram(&vm->mem) / MIB, &mib))
		return;
	if (mib < target) {
		control_error(answer, "the guest may have %llu MiB now: expected that or more",
			      (unsigned long long)target);
		return;
	}
	vm->limit_mib = mib;
	ret = vm->xen ? xen_memory_limit(vm) : 0;
	if (ret)
		control_error(answer, "%s", strerror(-ret));
}

static void cmd_vcpu_set(struct vm *vm, struct json_object *request, struct control_answer *answer)
{
	u64 vcpus;
	int ret;

	if (!control_number(request, "vcpus", UINT32_MAX, &vcpus)) {
		control_error(answer, "no number: expected \"vcpus\"");
	} else if (!vm->xen) {
		control_error(answer, "vCPUs come and go in guests with type='pv' or 'pvh' only");
	} else if (!vcpus || vcpus > vm->cfg.vcpus) {
		control_error(answer, "%llu vCPUs cannot be had: expected 1 to %u (maxvcpus)",
			      (unsigned long long)vcpus, vm->cfg.vcpus);
	} else {
		ret = xen_ask_vcpus(vm, (u32)vcpus);
		if (ret)
			control_error(answer, "%s", strerror(-ret));
	}
}

static void cmd_sysrq(struct vm *vm, struct json_object *request, struct control_answer *answer)
{
	const char *key = control_text(request, "key");
	int ret;

	if (!key || strlen(key) != 1 || !isgraph((unsigned char)*key)) {
		control_error(answer, "no key: expected one letter or digit");
	} else if (!vm->xen) {
		control_error(answer, "magic keys reach guests with type='pv' or 'pvh' only");
	} else if (vm->state != VM_RUNNING) {
		control_error(answer, "the guest does not run");
	} else {
		ret = xen_ask_sysrq(vm, *key);
		if (ret)
			control_error(answer, "%s",
				      ret == -EAGAIN ? "the guest does not listen to keys (yet)"
						     : strerror(-ret));
	}
}

/* The run-time directory has been moved by who asks. */
static void cmd_rename(struct vm *vm, struct json_object *request, struct control_answer *answer)
{
	const char *name = control_text(request, "name");
	int ret;

	if (!name || !config_name_valid(name)) {
		control_error(answer, "no name for a guest: expected 1 to %d of A-Z a-z 0-9 _.:+-",
			      CONFIG_NAME_MAX);
		return;
	}
	ret = hv_identify(&vm->hv, name, vm->cfg.uuid);
	if (!ret) {
		snprintf(vm->cfg.name, sizeof(vm->cfg.name), "%s", name);
		snprintf(vm->runtime->name, sizeof(vm->runtime->name), "%s", name);
		log_info("renamed to %s", name);
		ret = vm->xen ? xen_tell_name(vm) : 0;
	}
	if (ret)
		control_error(answer, "%s", strerror(-ret));
}

/* ------------------------------------------------------------ trigger */

static void trigger_nmi(struct vm *vm, struct json_object *request, struct control_answer *answer)
{
	u64 vcpu = 0;

	if (json_object_object_get_ex(request, "vcpu", NULL) &&
	    !control_number(request, "vcpu", UINT32_MAX, &vcpu))
		control_error(answer, "bad vCPU: expected a number");
	else if (vcpu >= vm->cfg.vcpus || vcpu >= MSI_VCPUS)
		control_error(answer, "no vCPU %llu: expected 0 to %u", (unsigned long long)vcpu,
			      vm->cfg.vcpus - 1);
	else if (vm->cfg.type == CONFIG_TYPE_PV)
		xen_send_nmi(vm, (u32)vcpu);
	else
		irq_msi_send(vm, MSI_NMI(vcpu), MSI_DATA_NMI);
}

static void trigger_power(struct vm *vm, struct json_object *request, struct control_answer *answer)
{
	int ret = vm_power_button(vm, false);

	(void)request;
	if (ret)
		control_error(answer, "%s",
			      ret == -EAGAIN ? "the guest does not listen to its power button (yet)"
					     : strerror(-ret));
}

static void trigger_reset(struct vm *vm, struct json_object *request, struct control_answer *answer)
{
	(void)request;
	(void)answer;
	vm_request(vm, VM_REBOOT, "hvctl trigger reset");
}

static const struct control_verb triggers[] = {
	{"nmi", trigger_nmi},
	{"power", trigger_power},
	{"reset", trigger_reset},
	{NULL, NULL},
};

static void cmd_trigger(struct vm *vm, struct json_object *request, struct control_answer *answer)
{
	const char *name = control_text(request, "trigger");
	const struct control_verb *t = triggers;

	while (name && t->name && strcmp(t->name, name))
		t++;
	if (!name || !t->name)
		control_error(answer, "unknown trigger: expected nmi, power or reset");
	else if (vm->state != VM_RUNNING)
		control_error(answer, "the guest does not run");
	else
		t->run(vm, request, answer);
}

const struct control_verb control_guest_verbs[] = {
	{"mem-max", cmd_mem_max},
	{"mem-set", cmd_mem_set},
	{"rename", cmd_rename},
	{"sysrq", cmd_sysrq},
	{"trigger", cmd_trigger},
	{"vcpu-set", cmd_vcpu_set},
	{NULL, NULL},
};
