// SPDX-License-Identifier: GPL-2.0
/* Saving a guest. See save.h. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "control.h"
#include "filejob.h"
#include "savefile.h"
#include "vcpu_state.h"
#include "vm.h"
#include "xen/backends.h"
#include "xen/core.h"
#include "xen/save.h"
#include "xen/store.h"
#include "xen/xen_internal.h"
#include "xen/xenbus.h"

/* As xl waits. Who freezes his programs first takes his time. */
#define SUSPEND_NS (60 * NSEC_PER_SEC)

/**
 * struct saving - a guest being saved
 * @xen: its Xen side
 * @fd: a duplicate of the caller's
 * @then: what follows
 * @timer: the guest has no more time to suspend
 * @suspended: it has; what follows is constant from then on, and its file being
 *	       written
 * @guest: what vmmd knows of it
 * @config: as text
 * @config_len: bytes of it
 * @vcpu: states of its vCPUs
 * @vcpu_len: bytes of each
 */
struct saving {
	struct xen *xen;
	int fd;
	enum save_then then;
	struct loop_timer *timer;
	bool suspended;
	struct savefile_guest guest;
	char *config;
	size_t config_len;
	struct vcpu_state *vcpu[SHIM_VCPUS_MAX];
	size_t vcpu_len[SHIM_VCPUS_MAX];
};

static void release(struct saving *s)
{
	u32 i;

	s->xen->saving = NULL;
	loop_timer_destroy(s->timer);
	for (i = 0; i < SHIM_VCPUS_MAX; i++)
		free(s->vcpu[i]);
	free(s->config);
	close(s->fd);
	free(s);
}

/* How the vCPU goes on that waits in the shim. */
static void set_resume(struct xen *xen, u64 how)
{
	u64 *resume = xen_info_field(xen->vm, offsetof(struct shim_info, resume));

	if (resume)
		__atomic_store_n(resume, how, __ATOMIC_SEQ_CST);
}

static void fail(struct saving *s, const char *why)
{
	struct vm *vm = s->xen->vm;

	log_warn("not saved: %s", why);
	release(s);
	control_event(vm->control, "save-failed", why);
}

/* The guest is suspended and paused, and the file is written, or cannot be. */
static void over(struct vm *vm, void *opaque, int ret)
{
	struct saving *s = opaque;
	enum save_then then = s->then;

	if (ret || then != SAVE_DESTROY)
		set_resume(vm->xen, SHIM_CANCELLED);
	if (ret || then == SAVE_CONTINUE) {
		if (vm_resume(vm))
			log_err("the guest stays paused");
	}
	if (ret) {
		fail(s, strerror(-ret));
		return;
	}
	release(s);
	control_event(vm->control, "saved", "hvctl save");
	if (then == SAVE_DESTROY)
		vm_request(vm, VM_DESTROY, "saved");
}

/* ------------------------------------------------------------ the file */

static int put_record(struct filejob *job, u32 type, const void *data, size_t len)
{
	struct savefile_record rec = {
		.type = type,
		.len = (u32)len,
		.data_crc = savefile_crc(0, data, len),
	};

	rec.crc = savefile_crc(0, &rec, offsetof(struct savefile_record, crc));
	filejob_put(job, &rec, sizeof(rec));
	return filejob_put(job, data, len);
}

static int put_head(struct filejob *job, const struct saving *s)
{
	struct savefile_head head = {
		.version = SAVEFILE_VERSION,
		.config_bytes = (u32)s->config_len,
		.config_crc = savefile_crc(0, s->config, s->config_len),
	};

	memcpy(head.magic, SAVEFILE_MAGIC, sizeof(head.magic));
	head.crc = savefile_crc(0, &head, offsetof(struct savefile_head, crc));
	filejob_put(job, &head, sizeof(head));
	return filejob_put(job, s->config, s->config_len);
}

/* Copied first: main thread's back ends may still touch what is being read. */
static int put_region(struct filejob *job, const struct mem_region *r, u8 *piece)
{
	u64 at = 0, len, gpa;
	int ret = 0;

	while (at < r->len && !ret) {
		if (filejob_is_zero(r->host + at)) {
			at += GUEST_PAGE_SIZE;
			continue;
		}
		len = GUEST_PAGE_SIZE;
		while (len < SAVEFILE_PIECE && at + len < r->len &&
		       !filejob_is_zero(r->host + at + len))
			len += GUEST_PAGE_SIZE;
		gpa = r->gpa + at;
		memcpy(piece, &gpa, sizeof(gpa));
		memcpy(piece + sizeof(gpa), r->host + at, len);
		ret = put_record(job, SAVEFILE_MEMORY, piece, sizeof(gpa) + len);
		at += len;
	}
	return ret;
}

static int write_file(struct filejob *job, void *opaque)
{
	const struct saving *s = opaque;
	const struct guest_mem *m = &s->xen->vm->mem;
	u8 *piece = malloc(sizeof(struct savefile_memory) + SAVEFILE_PIECE);
	u32 i;

	if (!piece)
		return -ENOMEM;
	put_head(job, s);
	put_record(job, SAVEFILE_GUEST, &s->guest, sizeof(s->guest));
	for (i = 0; i < s->guest.vcpus; i++)
		put_record(job, SAVEFILE_VCPU, s->vcpu[i], s->vcpu_len[i]);
	for (i = 0; i < m->nr; i++)
		put_region(job, &m->region[i], piece);
	free(piece);
	return put_record(job, SAVEFILE_END, NULL, 0);
}

static void drop(void *opaque)
{
	fail(opaque, "the guest has ended");
}

static const struct filejob_ops save_ops = {
	.write = write_file,
	.done = over,
	.drop = drop,
};

/* ------------------------------------------------------------ what goes into it */

/* The configuration with those devices that the guest has now. */
static int collect_config(struct saving *s)
{
	const struct vm *vm = s->xen->vm;
	struct config cfg = vm->cfg;
	struct device *dev;

	cfg.vcpus = vm->online;
	cfg.maxvcpus = vm->cfg.vcpus;
	cfg.n_disks = 0;
	cfg.n_vifs = 0;
	for (dev = vm->devices; dev; dev = dev->next) {
		if (!dev->xenbus || dev->gone)
			continue;
		if (dev->kind == DEVICE_BLOCK && cfg.n_disks < CONFIG_DISKS_MAX) {
			blkback_config(dev, &cfg.disks[cfg.n_disks++]);
		} else if (dev->kind == DEVICE_NET && cfg.n_vifs < CONFIG_VIFS_MAX) {
			s->guest.vif_id[cfg.n_vifs] = dev->xenbus->id;
			netback_config(dev, &cfg.vifs[cfg.n_vifs++]);
		}
	}
	s->config = config_to_text(&cfg, &s->config_len);
	if (!s->config)
		return -ENOMEM;
	return s->config_len <= SAVEFILE_CONFIG_MAX ? 0 : -E2BIG;
}

static void collect_places(struct saving *s)
{
	const struct shim_places *p = &s->xen->places;
	const struct vm *vm = s->xen->vm;
	struct savefile_guest *g = &s->guest;

	g->shim_abi = SHIM_ABI;
	g->vcpus = vm->cfg.vcpus;
	g->online = vm->online;
	g->ram = mem_ram(&vm->mem);
	g->hole = vm->mem.size - g->ram;
	g->l4 = p->l4;
	memcpy(g->l4_entries, p->l4_entries, sizeof(g->l4_entries));
	g->shared_info = p->shared_info;
	g->events = p->events;
	g->grants = p->grants;
	g->vcpu_pages = p->vcpus;
	g->vcpu_ptes = p->vcpu_ptes;
	g->hypercall_gate = p->hypercall_gate;
	g->store = s->xen->start.store_gpa;
	g->console = s->xen->start.console_gpa;
	g->limit_mib = vm->limit_mib;
	g->target_mib = s->xen->target_mib;
	g->controls = xen_tree_controls(s->xen);
}

/* The guest tells where it has its start_info, as it will look there. */
static int collect_start_info(struct saving *s)
{
	const struct vm *vm = s->xen->vm;
	const u64 *field = xen_info_field(vm, offsetof(struct shim_info, start_info));
	u64 frame = field ? __atomic_load_n(field, __ATOMIC_RELAXED) : UINT64_MAX;

	if (frame > UINT64_MAX / GUEST_PAGE_SIZE ||
	    !mem_range(&vm->mem, frame * GUEST_PAGE_SIZE, GUEST_PAGE_SIZE)) {
		log_warn("the guest suspends without its start_info");
		return -EINVAL;
	}
	s->guest.start_info = frame * GUEST_PAGE_SIZE;
	return 0;
}

static int collect_time(struct saving *s)
{
	const struct vm *vm = s->xen->vm;
	struct kvm_clock_data clock;
	int ret;

	ret = hv_ioctl(vm->vcpu[0].fd, KVM_GET_TSC_KHZ, NULL);
	if (ret < 0)
		return ret;
	s->guest.tsc_khz = (u32)ret;
	ret = vcpu_get_tsc(&vm->vcpu[0], &s->guest.tsc);
	if (!ret)
		ret = hv_ioctl(vm->hv.vm_fd, KVM_GET_CLOCK, &clock);
	if (!ret)
		s->guest.clock_ns = clock.clock;
	return ret;
}

static int collect(struct saving *s)
{
	struct vm *vm = s->xen->vm;
	int ret;
	u32 i;

	collect_places(s);
	ret = collect_start_info(s);
	if (!ret)
		ret = collect_config(s);
	if (!ret)
		ret = xen_cpuid_features(&vm->hv, s->guest.cpuid);
	for (i = 0; i < vm->cfg.vcpus && !ret; i++)
		ret = vcpu_state_get(&vm->vcpu[i], &s->vcpu[i], &s->vcpu_len[i]);
	if (!ret)
		ret = collect_time(s);
	return ret;
}

/* ------------------------------------------------------------ the guest suspends */

void save_suspended(void *opaque)
{
	struct xen *xen = opaque;
	struct saving *s = xen->saving;
	struct vm *vm = xen->vm;
	int ret;

	if (!s || s->suspended || (vm->state != VM_RUNNING && vm->state != VM_PAUSED)) {
		set_resume(xen, SHIM_CANCELLED);
		return;
	}
	s->suspended = true;
	loop_timer_destroy(s->timer);
	s->timer = NULL;
	vm_pause(vm);
	ret = collect(s);
	if (!ret)
		ret = filejob_start(vm, s->fd, &save_ops, s);
	if (ret)
		over(vm, s, ret);
}

/* A guest that has not even seen that it was asked is asked no more. */
static void too_late(void *opaque)
{
	struct saving *s = opaque;

	xen_tree_withdraw_suspend(s->xen);
	fail(s, "the guest has not suspended in time");
}

void save_abort(struct xen *xen)
{
	if (xen->saving)
		fail(xen->saving, "the guest has ended");
}

int save_start(struct vm *vm, int fd, enum save_then then)
{
	struct saving *s;
	int ret;

	if (vm->xen->saving || vm->filejob)
		return -EBUSY;
	s = calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	s->xen = vm->xen;
	s->then = then;
	s->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	s->timer = s->fd < 0 ? NULL : loop_timer_create(vm->main_loop, too_late, s);
	if (!s->timer) {
		ret = -errno;
		goto fail;
	}
	ret = xen_ask_suspend(vm);
	if (ret)
		goto fail;
	vm->xen->saving = s;
	loop_timer_set(s->timer, SUSPEND_NS, 0);
	log_info("suspending, to be saved");
	return 0;

fail:
	loop_timer_destroy(s->timer);
	if (s->fd >= 0)
		close(s->fd);
	free(s);
	return ret;
}
