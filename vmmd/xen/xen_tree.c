// SPDX-License-Identifier: GPL-2.0
/* What a guest finds in its xenstore, as xl would have left it there. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vm.h"
#include "xen/core.h"
#include "xen/store.h"
#include "xen/xen_internal.h"

#define HOME XEN_HOME

/* Directories that are the guest's own. */
static const char *const own[] = {
	HOME "/data",
	HOME "/drivers",
	HOME "/feature",
	HOME "/attr",
	HOME "/error",
	HOME "/device/suspend",
	HOME "/control/shutdown",
	HOME "/control/sysrq",
	HOME "/control/feature-poweroff",
	HOME "/control/feature-reboot",
	HOME "/control/feature-suspend",
	HOME "/control/feature-sysrq",
	HOME "/control/feature-balloon",
};

/*
 * By bit: those of them that a guest writes once in its life, and counts on when it
 * was saved and restored.
 */
static const char *const controls[] = {
	HOME "/control/feature-poweroff", HOME "/control/feature-reboot",
	HOME "/control/feature-suspend",  HOME "/control/feature-sysrq",
	HOME "/control/feature-balloon",
};

static bool is_set(struct xenstore *xs, const char *path)
{
	u32 value;

	return xs && !xenstore_read_u32(xs, path, &value) && value;
}

/** xen_tree_controls() - what the guest has said that it listens to; main thread */
u32 xen_tree_controls(const struct xen *xen)
{
	u32 i, bits = 0;

	for (i = 0; i < ARRAY_SIZE(controls); i++)
		bits |= (u32)is_set(xen->store, controls[i]) << i;
	return bits;
}

static int write_controls(struct xenstore *xs, u32 bits)
{
	int ret = 0;
	u32 i;

	for (i = 0; i < ARRAY_SIZE(controls) && !ret; i++)
		if (bits >> i & 1)
			ret = xenstore_write(xs, controls[i], "1");
	return ret;
}

static int make_own(struct xenstore *xs)
{
	int ret = 0;
	u32 i;

	for (i = 0; i < ARRAY_SIZE(own) && !ret; i++) {
		ret = xenstore_write(xs, own[i], "%s", "");
		if (!ret)
			ret = xenstore_set_perms(xs, own[i], XEN_DOMID, 'n');
	}
	return ret;
}

/* Each write is an event for the guest, so what is as it should be stays. */
static int set_cpu(struct xenstore *xs, u32 cpu, const char *state)
{
	char path[64], *now;
	bool same;

	snprintf(path, sizeof(path), HOME "/cpu/%u/availability", cpu);
	now = xenstore_read(xs, path);
	same = now && !strcmp(now, state);
	free(now);
	return same ? 0 : xenstore_write(xs, path, "%s", state);
}

static int set_cpus(struct xenstore *xs, u32 vcpus, u32 online)
{
	int ret = 0;
	u32 i;

	for (i = 0; i < vcpus && !ret; i++)
		ret = set_cpu(xs, i, i < online ? "online" : "offline");
	return ret;
}

/* 16 bytes in the usual form. */
static void uuid_text(const u8 uuid[16], char text[37])
{
	static const u8 dashes[] = {4, 6, 8, 10};
	u32 i, d = 0, at = 0;

	for (i = 0; i < 16; i++) {
		if (d < ARRAY_SIZE(dashes) && i == dashes[d]) {
			text[at++] = '-';
			d++;
		}
		at += (u32)sprintf(text + at, "%02x", uuid[i]);
	}
}

int xen_tree_make(struct xen *xen)
{
	const struct config *cfg = &xen->vm->cfg;
	u64 kib = xen->vm->limit_mib * MIB / KIB;
	struct xenstore *xs = xen->store;
	char uuid[37], vm[64];
	int ret;

	uuid_text(cfg->uuid, uuid);
	snprintf(vm, sizeof(vm), "/vm/%s", uuid);
	/* What the guest may read is inherited from its home. */
	ret = xenstore_write(xs, HOME, "%s", "");
	if (!ret)
		ret = xenstore_set_perms(xs, HOME, 0, 'r');
	if (!ret)
		ret = xenstore_write(xs, vm, "%s", "");
	if (!ret)
		ret = xenstore_set_perms(xs, vm, 0, 'r');
	if (ret || xenstore_write(xs, HOME "/vm", "%s", vm) ||
	    xenstore_write(xs, HOME "/name", "%s", cfg->name) ||
	    xenstore_write(xs, HOME "/domid", "%u", XEN_DOMID) ||
	    xenstore_write(xs, HOME "/memory/static-max", "%llu", (unsigned long long)kib) ||
	    xenstore_write(xs, HOME "/memory/target", "%llu",
			   (unsigned long long)(xen->target_mib * MIB / KIB)) ||
	    xenstore_write(xs, HOME "/store/port", "%u", XEN_PORT_STORE) ||
	    xenstore_write(xs, HOME "/store/ring-ref", "%llu",
			   (unsigned long long)(xen->start.store_gpa / GUEST_PAGE_SIZE)) ||
	    xenstore_write(xs, HOME "/control/platform-feature-multiprocessor-suspend", "1") ||
	    xenstore_write(xs, HOME "/device", "%s", "") ||
	    set_cpus(xs, cfg->vcpus, xen->vm->online) || make_own(xs) ||
	    write_controls(xs, xen->controls))
		return ret ? ret : -ENOMEM;
	return 0;
}

/* Its driver for control/ has come up. */
static bool listens(struct xenstore *xs)
{
	return is_set(xs, HOME "/control/feature-poweroff");
}

int xen_ask_shutdown(struct vm *vm, const char *how)
{
	struct xenstore *xs = vm->xen->store;

	return listens(xs) ? xenstore_write(xs, HOME "/control/shutdown", "%s", how) : -EAGAIN;
}

int xen_ask_suspend(struct vm *vm)
{
	struct xenstore *xs = vm->xen->store;

	return is_set(xs, HOME "/control/feature-suspend")
		       ? xenstore_write(xs, HOME "/control/shutdown", "suspend")
		       : -EAGAIN;
}

/** xen_tree_withdraw_suspend() - the guest need not suspend any more; main thread */
void xen_tree_withdraw_suspend(struct xen *xen)
{
	char *asked = xenstore_read(xen->store, HOME "/control/shutdown");

	/* One that has seen it has emptied it. */
	if (asked && !strcmp(asked, "suspend"))
		xenstore_write(xen->store, HOME "/control/shutdown", "%s", "");
	free(asked);
}

int xen_ask_sysrq(struct vm *vm, char letter)
{
	struct xenstore *xs = vm->xen->store;

	return listens(xs) ? xenstore_write(xs, HOME "/control/sysrq", "%c", letter) : -EAGAIN;
}

int xen_ask_vcpus(struct vm *vm, u32 online)
{
	struct xenstore *xs = vm->xen->store;
	int ret = xs ? set_cpus(xs, vm->cfg.vcpus, online) : 0;

	if (!ret)
		vm->online = online;
	return ret;
}

int xen_ask_memory(struct vm *vm, u64 mib)
{
	struct xenstore *xs = vm->xen->store;
	int ret = 0;

	if (xs)
		ret = xenstore_write(xs, HOME "/memory/target", "%llu",
				     (unsigned long long)(mib * MIB / KIB));
	if (!ret)
		vm->xen->target_mib = mib;
	return ret;
}

int xen_tell_name(struct vm *vm)
{
	struct xenstore *xs = vm->xen->store;

	return xs ? xenstore_write(xs, HOME "/name", "%s", vm->cfg.name) : 0;
}
