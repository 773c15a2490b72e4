// SPDX-License-Identifier: GPL-2.0
/* A saved guest without a hypervisor. See board.h. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "board.h"
#include "xen/backends.h"
#include "xen/save.h"
#include "xen/xen_internal.h"

u32 board_vcpus_set;
u64 board_tsc_set, board_clock_set;

/* ------------------------------------------------------------ the rest of vmmd */

int hv_ioctl(int fd, unsigned long request, void *arg)
{
	(void)fd;
	switch (request) {
	case KVM_GET_TSC_KHZ:
		return BOARD_TSC_KHZ;
	case KVM_SET_CLOCK:
		board_clock_set = ((struct kvm_clock_data *)arg)->clock;
		return 0;
	default:
		return -EINVAL;
	}
}

int hv_set_memslot(struct hv *hv, u32 slot, u64 gpa, u64 len, void *host, u32 flags)
{
	(void)hv, (void)slot, (void)gpa, (void)len, (void)host, (void)flags;
	return 0;
}

int vcpu_state_set(struct vcpu *vcpu, const struct vcpu_state *state, u64 tsc)
{
	u64 sum = 0;
	u32 i;

	/* Whatever is counted is there. */
	for (i = 0; i < state->nr_msrs; i++)
		sum += state->msr[i].data;
	board_tsc_set = tsc + 0 * sum;
	board_vcpus_set |= 1U << vcpu->id;
	return 0;
}

u64 *xen_info_field(const struct vm *vm, size_t offset)
{
	return mem_range(&vm->mem, MEM_PCI32_BASE + offsetof(struct shim_header, info) + offset,
			 sizeof(u64));
}

void xen_shim_put_limit(struct xen *xen)
{
	(void)xen;
}

int xen_cpuid_features(const struct hv *hv, u32 features[])
{
	(void)hv;
	for (u32 i = 0; i < SAVEFILE_CPUID; i++)
		features[i] = 0xff;
	return 0;
}

const char *xen_cpuid_missing(const u32 saved[], const u32 here[])
{
	for (u32 i = 0; i < SAVEFILE_CPUID; i++)
		if (saved[i] & ~here[i])
			return "leaf";
	return NULL;
}

void pvconsole_adopt_ring(struct vm *vm, u64 gpa, u32 port)
{
	(void)port;
	if (!mem_range(&vm->mem, gpa, GUEST_PAGE_SIZE))
		abort();
}

void guest_fail(struct vm *vm, const char *fmt, ...)
{
	(void)vm, (void)fmt;
}

/* ------------------------------------------------------------ the file */

static void append(struct board *b, const void *data, size_t len)
{
	if (len > sizeof(b->data) - b->len)
		abort();
	if (len)
		memcpy(b->data + b->len, data, len);
	b->len += len;
}

void board_head(struct board *b, u32 version, const char *config)
{
	struct savefile_head head = {
		.version = version,
		.config_bytes = (u32)strlen(config),
		.config_crc = savefile_crc(0, config, strlen(config)),
	};

	b->len = 0;
	memcpy(head.magic, SAVEFILE_MAGIC, sizeof(head.magic));
	head.crc = savefile_crc(0, &head, offsetof(struct savefile_head, crc));
	append(b, &head, sizeof(head));
	append(b, config, strlen(config));
}

void board_record(struct board *b, u32 type, const void *data, size_t len)
{
	struct savefile_record rec = {
		.type = type,
		.len = (u32)len,
		.data_crc = savefile_crc(0, data, len),
	};

	rec.crc = savefile_crc(0, &rec, offsetof(struct savefile_record, crc));
	append(b, &rec, sizeof(rec));
	append(b, data, len);
}

const char *board_config(void)
{
	return "name = 'saved'\ntype = 'pv'\nkernel = '/boot/vmlinuz'\nmemory = 16\nvcpus = 2\n";
}

struct savefile_guest board_guest(void)
{
	return (struct savefile_guest){
		.shim_abi = SHIM_ABI,
		.vcpus = BOARD_VCPUS,
		.online = BOARD_VCPUS,
		.ram = BOARD_MIB * MIB,
		.hole = BOARD_HOLE,
		.shared_info = MEM_PCI32_BASE + 0x8000,
		.events = BOARD_EVENTS,
		.grants = BOARD_GRANTS,
		.vcpu_pages = MEM_PCI32_BASE + 0x80000,
		.vcpu_ptes = MEM_PCI32_BASE + 0x7000,
		.store = BOARD_STORE,
		.console = BOARD_CONSOLE,
		.start_info = BOARD_START_INFO,
		.limit_mib = BOARD_MIB,
		.target_mib = BOARD_MIB,
		.tsc = 123456789,
		.clock_ns = 987654321,
		.tsc_khz = BOARD_TSC_KHZ,
	};
}

void board_vcpu(struct board *b, u32 id)
{
	const size_t len = sizeof(struct vcpu_state) + sizeof(struct kvm_msr_entry);
	struct vcpu_state *s = calloc(1, len);

	if (!s)
		abort();
	s->id = id;
	s->nr_msrs = 1;
	board_record(b, SAVEFILE_VCPU, s, len);
	free(s);
}

void board_page(struct board *b, u64 gpa, u8 byte)
{
	u8 data[sizeof(gpa) + GUEST_PAGE_SIZE];

	memcpy(data, &gpa, sizeof(gpa));
	memset(data + sizeof(gpa), byte, GUEST_PAGE_SIZE);
	board_record(b, SAVEFILE_MEMORY, data, sizeof(data));
}

/* ------------------------------------------------------------ restoring */

void board_free(struct vm *vm)
{
	restore_close(vm);
	mem_destroy(&vm->mem);
	config_free(&vm->cfg);
	free(vm->vcpu);
	free(vm->xen);
}

static int load(struct vm *vm, char *const overrides[])
{
	struct config_error err;
	const char *text;
	size_t len;
	int ret;
	u32 i;

	text = restore_config(vm, &len);
	ret = config_parse_text("saved", text, len, overrides, &vm->cfg, &err);
	if (!ret)
		ret = restore_check(vm);
	/* What is told here belongs to the test, and a fuzzer has not so much. */
	if (!ret && (vm->cfg.memory_mib > 64 || restore_hole(vm) > 64 * MIB))
		ret = -ENOMEM;
	if (!ret)
		ret = mem_create(&vm->mem, vm->cfg.maxmem_mib * MIB, restore_hole(vm));
	if (ret)
		return ret;
	vm->cfg.vcpus = vm->cfg.maxvcpus;
	vm->vcpu = calloc(vm->cfg.vcpus, sizeof(*vm->vcpu));
	vm->xen = calloc(1, sizeof(*vm->xen));
	if (!vm->vcpu || !vm->xen)
		abort();
	for (i = 0; i < vm->cfg.vcpus; i++)
		vm->vcpu[i].id = i;
	return restore_load(vm);
}

int board_restore(const struct board *b, char *const overrides[], struct vm *vm)
{
	int ret, fd = memfd_create("saved", MFD_CLOEXEC);
	char path[32];

	*vm = (struct vm){0};
	board_vcpus_set = 0;
	board_tsc_set = board_clock_set = 0;
	if (fd < 0 || write(fd, b->data, b->len) != (ssize_t)b->len)
		abort();
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	ret = restore_open(vm, path);
	close(fd);
	if (!ret)
		ret = load(vm, overrides);
	if (ret)
		board_free(vm);
	return ret;
}
