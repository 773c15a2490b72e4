// SPDX-License-Identifier: GPL-2.0
/*
 * A guest from the file that it was saved to. See save.h.
 *
 * The file is opened and its first records are read outside of the sandbox, with
 * the rights of who asks; memory and vCPUs inside of it. What the file says is
 * believed as little as what a guest says: addresses of the shim are looked up in
 * guest memory wherever they are used, the state of vCPUs is checked by the node.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h> /* before Xen's headers, which use it without including it */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xen/xen.h>

#include "savefile.h"
#include "vcpu_state.h"
#include "vm.h"
#include "xen/backends.h"
#include "xen/save.h"
#include "xen/xen_internal.h"

/* Clocks that differ by less than this, in 1/1000000, are one. */
#define TSC_TOLERANCE 250ULL

/**
 * struct restore - a guest that is read from a file
 * @path: of the file
 * @file: open behind the record @guest
 * @config: the configuration in it
 * @config_len: bytes
 * @guest: what vmmd knew of it
 * @vcpu: states of its vCPUs
 */
struct restore {
	char *path;
	struct savefile file;
	char *config;
	size_t config_len;
	struct savefile_guest guest;
	struct vcpu_state *vcpu[SHIM_VCPUS_MAX];
};

void restore_close(struct vm *vm)
{
	struct restore *r = vm->restore;
	u32 i;

	if (!r)
		return;
	vm->restore = NULL;
	for (i = 0; i < SHIM_VCPUS_MAX; i++)
		free(r->vcpu[i]);
	free(r->config);
	if (r->file.fd >= 0)
		close(r->file.fd);
	free(r->path);
	free(r);
}

/* ------------------------------------------------------------ before the guest */

static bool is_page(u64 gpa)
{
	return !(gpa & (GUEST_PAGE_SIZE - 1));
}

/* What the rest of vmmd builds upon; all else is checked where it is used. */
static bool guest_is_sane(const struct savefile_guest *g)
{
	return g->vcpus && g->vcpus <= SHIM_VCPUS_MAX && g->online && g->online <= g->vcpus &&
	       is_page(g->ram) && g->ram / MIB <= UINT32_MAX && g->hole && !(g->hole % (2 * MIB)) &&
	       g->hole <= MEM_PCI32_SIZE && is_page(g->shared_info) && is_page(g->events) &&
	       is_page(g->grants) && is_page(g->vcpu_pages) && is_page(g->store) &&
	       is_page(g->console) && is_page(g->start_info) && g->limit_mib <= g->ram / MIB &&
	       g->target_mib && g->target_mib <= g->limit_mib && g->tsc_khz;
}

static int read_guest(struct restore *r)
{
	struct savefile *f = &r->file;
	int ret;

	ret = savefile_open(f, f->fd, &r->config, &r->config_len);
	if (!ret) {
		ret = savefile_next(f);
		if (ret == SAVEFILE_GUEST && f->left == sizeof(r->guest))
			ret = savefile_read(f, &r->guest, sizeof(r->guest));
		else if (ret >= 0)
			ret = -EPROTO;
	}
	if (ret) {
		log_err("%s: %s", r->path, f->why[0] ? f->why : "the file is damaged");
		return ret;
	}
	if (r->guest.shim_abi != SHIM_ABI) {
		log_err("%s: the guest's shim is of version %u: expected %u", r->path,
			r->guest.shim_abi, SHIM_ABI);
		return -EPROTO;
	}
	if (!guest_is_sane(&r->guest)) {
		log_err("%s: what it says of the guest cannot be", r->path);
		return -EBADMSG;
	}
	return 0;
}

static int open_file(const char *path)
{
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0)
		return -errno;
	if (!fstat(fd, &st) && S_ISREG(st.st_mode))
		return fd;
	close(fd);
	return -EINVAL;
}

int restore_open(struct vm *vm, const char *path)
{
	struct restore *r = calloc(1, sizeof(*r));
	int ret;

	if (!r)
		return -ENOMEM;
	vm->restore = r;
	r->path = strdup(path);
	r->file.fd = open_file(path);
	if (!r->path || r->file.fd < 0) {
		ret = r->path ? r->file.fd : -ENOMEM;
		log_err("%s: %s", path, ret == -EINVAL ? "not a file" : strerror(-ret));
	} else {
		ret = read_guest(r);
	}
	if (ret)
		restore_close(vm);
	return ret;
}

const char *restore_config(const struct vm *vm, size_t *len)
{
	*len = vm->restore->config_len;
	return vm->restore->config;
}

int restore_check(const struct vm *vm)
{
	const struct restore *r = vm->restore;
	const struct config *cfg = &vm->cfg;
	u64 mib = cfg->balloon ? cfg->maxmem_mib : cfg->memory_mib;
	u32 i, n;

	if (cfg->type != CONFIG_TYPE_PV) {
		log_err("%s: type= is not \"pv\"", r->path);
		return -EINVAL;
	}
	if (mib * MIB != r->guest.ram) {
		log_err("%s: the guest was saved with %llu MiB, the configuration has %llu",
			r->path, (unsigned long long)(r->guest.ram / MIB), (unsigned long long)mib);
		return -EINVAL;
	}
	if (cfg->maxvcpus != r->guest.vcpus) {
		log_err("%s: the guest was saved with %u vCPUs, the configuration has %u", r->path,
			r->guest.vcpus, cfg->maxvcpus);
		return -EINVAL;
	}
	for (i = 0; i < cfg->n_vifs; i++)
		for (n = 0; n < i; n++)
			if (restore_vif_id(vm, i) == restore_vif_id(vm, n)) {
				log_err("%s: more network cards than the guest was saved with",
					r->path);
				return -EINVAL;
			}
	return 0;
}

u64 restore_hole(const struct vm *vm)
{
	return vm->restore ? vm->restore->guest.hole : 0;
}

u32 restore_vif_id(const struct vm *vm, u32 index)
{
	return vm->restore ? vm->restore->guest.vif_id[index] : index;
}

/* ------------------------------------------------------------ memory and vCPUs */

static int read_vcpu(struct vm *vm, struct restore *r)
{
	struct savefile *f = &r->file;
	u32 len = f->left;
	struct vcpu_state *s;
	int ret;

	if (len < sizeof(*s) || len > sizeof(*s) + VCPU_MSRS_MAX * sizeof(s->msr[0]))
		return -EPROTO;
	s = malloc(len);
	if (!s)
		return -ENOMEM;
	ret = savefile_read(f, s, len);
	if (!ret && (len != sizeof(*s) + s->nr_msrs * sizeof(s->msr[0]) || s->id >= vm->cfg.vcpus ||
		     r->vcpu[s->id]))
		ret = -EPROTO;
	if (ret)
		free(s);
	else
		r->vcpu[s->id] = s;
	return ret;
}

static int read_memory(struct vm *vm, struct restore *r)
{
	struct savefile *f = &r->file;
	struct savefile_memory head;
	void *host;
	int ret;

	ret = savefile_read(f, &head, sizeof(head));
	if (ret)
		return ret;
	host = mem_range(&vm->mem, head.gpa, f->left);
	if (!host || !is_page(head.gpa) || !is_page(f->left))
		return -EPROTO;
	return savefile_read(f, host, f->left);
}

static int read_records(struct vm *vm, struct restore *r)
{
	int ret;
	u32 i;

	for (;;) {
		ret = savefile_next(&r->file);
		switch (ret) {
		case SAVEFILE_VCPU:
			ret = read_vcpu(vm, r);
			break;
		case SAVEFILE_MEMORY:
			ret = read_memory(vm, r);
			break;
		case SAVEFILE_END:
			for (i = 0; i < vm->cfg.vcpus; i++)
				if (!r->vcpu[i])
					return -EPROTO;
			return 0;
		case SAVEFILE_GUEST:
			return -EPROTO;
		}
		if (ret)
			return ret;
	}
}

/* A guest that counts by the TSC would be wrong by another one's frequency. */
static int check_tsc(struct vm *vm, const struct restore *r)
{
	u64 saved = r->guest.tsc_khz, off;
	int khz, ret = 0;
	u32 i;

	khz = hv_ioctl(vm->vcpu[0].fd, KVM_GET_TSC_KHZ, NULL);
	if (khz < 0)
		return khz;
	off = saved > (u64)khz ? saved - (u64)khz : (u64)khz - saved;
	if (off * 1000000 <= saved * TSC_TOLERANCE)
		return 0;
	for (i = 0; i < vm->cfg.vcpus && !ret; i++)
		ret = hv_ioctl(vm->vcpu[i].fd, KVM_SET_TSC_KHZ, (void *)(uintptr_t)saved);
	if (ret)
		log_err("%s: the guest was saved with a TSC of %llu kHz, that of this host has %d "
			"and cannot be scaled",
			r->path, (unsigned long long)saved, khz);
	return ret;
}

static int check_cpu(struct vm *vm, const struct restore *r)
{
	u32 here[SAVEFILE_CPUID];
	const char *missing;
	int ret;

	ret = xen_cpuid_features(&vm->hv, here);
	if (ret)
		return ret;
	missing = xen_cpuid_missing(r->guest.cpuid, here);
	if (missing) {
		log_err("%s: the guest was saved on a CPU that this one is not like: CPUID %s",
			r->path, missing);
		return -EINVAL;
	}
	return check_tsc(vm, r);
}

static int set_vcpus(struct vm *vm, const struct restore *r)
{
	struct kvm_clock_data clock = {.clock = r->guest.clock_ns};
	int ret = 0;
	u32 i;

	for (i = 0; i < vm->cfg.vcpus && !ret; i++)
		ret = vcpu_state_set(&vm->vcpu[i], r->vcpu[i], r->guest.tsc);
	if (!ret) {
		ret = hv_ioctl(vm->hv.vm_fd, KVM_SET_CLOCK, &clock);
		if (ret)
			log_err("the guest's clock is refused: %s", strerror(-ret));
	}
	return ret;
}

/* ------------------------------------------------------------ the ABI of a resume */

static void set_places(struct vm *vm, const struct savefile_guest *g)
{
	struct xen *xen = vm->xen;

	xen->places = (struct shim_places){
		.l4 = g->l4,
		.l4_entries = {g->l4_entries[0], g->l4_entries[1]},
		.shared_info = g->shared_info,
		.events = g->events,
		.grants = g->grants,
		.vcpus = g->vcpu_pages,
		.vcpu_ptes = g->vcpu_ptes,
		.hypercall_gate = g->hypercall_gate,
	};
	xen->start = (struct pv_start){.store_gpa = g->store, .console_gpa = g->console};
	xen->controls = g->controls;
	xen->target_mib = g->target_mib;
	vm->limit_mib = g->limit_mib;
	vm->online = g->online;
}

/* Linux and its like have put PFNs where they want to find frames again. */
static void write_start_info(struct vm *vm, const struct savefile_guest *g)
{
	struct start_info *info = mem_range(&vm->mem, g->start_info, GUEST_PAGE_SIZE);

	info->nr_pages = g->ram / GUEST_PAGE_SIZE;
	info->shared_info = g->shared_info;
	info->flags = SIF_VIRT_P2M_4TOOLS;
	info->store_mfn = g->store / GUEST_PAGE_SIZE;
	info->store_evtchn = SHIM_PORT_STORE;
	info->console.domU.mfn = g->console / GUEST_PAGE_SIZE;
	info->console.domU.evtchn = SHIM_PORT_CONSOLE;
}

/*
 * Nothing is granted, nothing raised, xenstore has said nothing yet. What is left in
 * the console's rings is still to be taken. The rest, event channels, is the
 * shim's to do: it is what goes on first.
 */
static int write_pages(struct vm *vm, const struct savefile_guest *g)
{
	u64 *resume = xen_info_field(vm, offsetof(struct shim_info, resume));
	void *events = mem_range(&vm->mem, g->events, sizeof(struct shim_events));
	u64 grant_bytes = (SHIM_GRANT_FRAMES + SHIM_GRANT_STATUS_FRAMES) * GUEST_PAGE_SIZE;
	void *grants = mem_range(&vm->mem, g->grants, grant_bytes);
	void *store = mem_range(&vm->mem, g->store, GUEST_PAGE_SIZE);

	if (!resume || !events || !grants || !store ||
	    !mem_range(&vm->mem, g->console, GUEST_PAGE_SIZE) ||
	    !mem_range(&vm->mem, g->start_info, GUEST_PAGE_SIZE))
		return -EFAULT;
	write_start_info(vm, g);
	memset(events, 0, sizeof(struct shim_events));
	memset(grants, 0, grant_bytes);
	memset(store, 0, GUEST_PAGE_SIZE);
	*resume = SHIM_RESTORED;
	return 0;
}

int restore_load(struct vm *vm)
{
	struct restore *r = vm->restore;
	int ret;

	ret = check_cpu(vm, r);
	if (ret)
		return ret;
	ret = read_records(vm, r);
	if (!ret)
		ret = write_pages(vm, &r->guest);
	if (ret) {
		log_err("%s: %s", r->path,
			r->file.why[0]	 ? r->file.why
			: ret == -ENOMEM ? "out of memory"
					 : "what it says of the guest cannot be");
		return ret;
	}
	set_places(vm, &r->guest);
	xen_shim_put_limit(vm->xen);
	pvconsole_adopt_ring(vm, r->guest.console, SHIM_PORT_CONSOLE);
	ret = set_vcpus(vm, r);
	if (ret)
		return ret;
	log_info("restored from %s", r->path);
	restore_close(vm);
	return 0;
}
