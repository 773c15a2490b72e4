// SPDX-License-Identifier: GPL-2.0
/*
 * The driver from hell: takes every virtio device of the guest away from its
 * kernel and feeds it nonsense through all that a guest can write: rings,
 * descriptors, registers, doorbells and configuration space.
 *
 *   garbage ROUNDS SEED
 *
 * Addresses in descriptors point at a pool of our own or at no memory at
 * all, so that the guest's kernel survives to print the last line, "garbage:
 * done". Nothing here checks what a device does: the VMM has to live on, or
 * to end this guest with a message.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/pci_regs.h>
#include <linux/virtio_config.h>
#include <linux/virtio_pci.h>
#include <linux/virtio_ring.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define SYSFS	   "/sys/bus/pci/devices"
#define POOL_PAGES 64
#define PAGE	   4096UL
#define QUEUES_MAX 8
#define RING_PAGES 3

/**
 * struct function - one virtio function
 * @slot: its name in sysfs
 * @config: its configuration space
 * @regs: the BAR of its registers
 * @size: bytes of @regs
 * @common: offset of the common structure in @regs
 * @notify: offset of the doorbells
 * @msix: the MSI-X capability in configuration space, 0 if none
 * @table: MSI-X table, or NULL
 */
struct function {
	char slot[16];
	int config;
	volatile uint8_t *regs;
	size_t size;
	uint32_t common;
	uint32_t notify;
	uint32_t msix;
	volatile uint32_t *table;
};

static uint8_t *pool;
static uint64_t pool_gpa[POOL_PAGES];
static uint64_t state;

static uint32_t rnd(void)
{
	state = state * 6364136223846793005ULL + 1442695040888963407ULL;
	return state >> 33;
}

static uint32_t below(uint32_t limit)
{
	return rnd() % limit;
}

static void die(const char *what)
{
	fprintf(stderr, "garbage: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* The pool must be ordinary RAM whose guest addresses are known. */
static void make_pool(void)
{
	int fd = open("/proc/self/pagemap", O_RDONLY);

	pool = mmap(NULL, POOL_PAGES * PAGE, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_LOCKED | MAP_POPULATE, -1, 0);
	if (fd < 0 || pool == MAP_FAILED)
		die("pool");
	for (int i = 0; i < POOL_PAGES; i++) {
		uint64_t entry;

		pool[i * PAGE] = 1;
		if (pread(fd, &entry, 8, ((uintptr_t)pool / PAGE + i) * 8) != 8)
			die("pagemap");
		pool_gpa[i] = (entry & ((1ULL << 55) - 1)) * PAGE;
	}
	close(fd);
}

static uint32_t read_config(const struct function *f, uint32_t off, uint32_t size)
{
	uint32_t value = 0;

	if (pread(f->config, &value, size, off) < 0)
		die("config");
	return value;
}

/* 4.1.4: vendor capabilities say where the structures are. */
static int find_structures(struct function *f)
{
	uint32_t pos = read_config(f, PCI_CAPABILITY_LIST, 1);
	int bar = -1;

	for (int i = 0; pos && i < 32; i++, pos = read_config(f, pos + 1, 1)) {
		uint32_t type;

		if (read_config(f, pos, 1) == PCI_CAP_ID_MSIX)
			f->msix = pos;
		if (read_config(f, pos, 1) != PCI_CAP_ID_VNDR)
			continue;
		type = read_config(f, pos + VIRTIO_PCI_CAP_CFG_TYPE, 1);
		if (type == VIRTIO_PCI_CAP_COMMON_CFG) {
			bar = read_config(f, pos + VIRTIO_PCI_CAP_BAR, 1);
			f->common = read_config(f, pos + VIRTIO_PCI_CAP_OFFSET, 4);
		} else if (type == VIRTIO_PCI_CAP_NOTIFY_CFG) {
			f->notify = read_config(f, pos + VIRTIO_PCI_CAP_OFFSET, 4);
		}
	}
	return bar;
}

static void write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY);

	if (fd < 0)
		return;
	if (write(fd, text, strlen(text)) < 0)
		fprintf(stderr, "garbage: %s: %s\n", path, strerror(errno));
	close(fd);
}

static volatile void *map_bar(const char *slot, int bar, size_t *size)
{
	char path[320];
	off_t end;
	void *p;
	int fd;

	snprintf(path, sizeof(path), SYSFS "/%s/resource%d", slot, bar);
	fd = open(path, O_RDWR);
	end = fd < 0 ? 0 : lseek(fd, 0, SEEK_END);
	if (end <= 0)
		die(path);
	p = mmap(NULL, end, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED)
		die(path);
	close(fd);
	*size = end;
	return p;
}

static int open_function(struct function *f, const char *slot)
{
	char path[320];
	uint32_t where;
	size_t size;
	int bar;

	snprintf(f->slot, sizeof(f->slot), "%.15s", slot);
	snprintf(path, sizeof(path), SYSFS "/%s/driver/unbind", slot);
	write_file(path, slot);
	snprintf(path, sizeof(path), SYSFS "/%s/enable", slot);
	write_file(path, "1");
	snprintf(path, sizeof(path), SYSFS "/%s/config", slot);
	f->config = open(path, O_RDWR);
	if (f->config < 0)
		die(path);
	bar = find_structures(f);
	if (bar < 0)
		return -1;
	f->regs = map_bar(slot, bar, &f->size);
	if (f->msix) {
		where = read_config(f, f->msix + PCI_MSIX_TABLE, 4);
		f->table = map_bar(slot, where & PCI_MSIX_TABLE_BIR, &size);
		f->table += (where & PCI_MSIX_TABLE_OFFSET) / 4;
	}
	return 0;
}

static void set_master(struct function *f, int on)
{
	uint16_t command = read_config(f, PCI_COMMAND, 2);

	command |= PCI_COMMAND_MEMORY;
	command = on ? command | PCI_COMMAND_MASTER : command & ~PCI_COMMAND_MASTER;
	if (pwrite(f->config, &command, 2, PCI_COMMAND) != 2)
		die("command");
}

static void put8(struct function *f, uint32_t off, uint8_t v)
{
	f->regs[f->common + off] = v;
}

static void put16(struct function *f, uint32_t off, uint16_t v)
{
	*(volatile uint16_t *)(f->regs + f->common + off) = v;
}

static void put32(struct function *f, uint32_t off, uint32_t v)
{
	*(volatile uint32_t *)(f->regs + f->common + off) = v;
}

static uint32_t get32(struct function *f, uint32_t off)
{
	return *(volatile uint32_t *)(f->regs + f->common + off);
}

static uint16_t get16(struct function *f, uint32_t off)
{
	return *(volatile uint16_t *)(f->regs + f->common + off);
}

static uint64_t some_address(void)
{
	switch (below(8)) {
	case 0:
		return (uint64_t)rnd() << 32 | rnd() | 1ULL << 40; /* beyond RAM */
	case 1:
		return ~(uint64_t)below(4096);
	default:
		return pool_gpa[below(POOL_PAGES)] + below(PAGE);
	}
}

static uint32_t some_length(void)
{
	switch (below(8)) {
	case 0:
		return rnd();
	case 1:
		return 0;
	case 2:
		return below(4) * 16;
	default:
		return 1 + below(512);
	}
}

/*
 * Fills a page with descriptors. Lengths keep within a page most times; those
 * that do not would reach pages that are not ours, so they get an address
 * where there is no memory.
 */
static void fill_descriptors(struct vring_desc *d, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		d[i].addr = some_address();
		d[i].len = some_length();
		d[i].flags = below(8) ? below(4) : below(65536);
		d[i].next = below(8) ? below(count) : below(65536);
		if ((d[i].addr % PAGE) + d[i].len > PAGE)
			d[i].addr |= 1ULL << 40;
	}
}

static void fill_plausible(struct vring_desc *d, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		d[i].addr = pool_gpa[below(POOL_PAGES)] + below(8) * 512;
		d[i].len = 1 + below(512);
		d[i].flags = (i & 3) < 3 ? VRING_DESC_F_NEXT : 0;
		if ((i & 3) > 1)
			d[i].flags |= VRING_DESC_F_WRITE;
		d[i].next = i + 1;
	}
}

/* Ring number @q has three pages of the pool to itself. */
static uint32_t ring_page(uint32_t q)
{
	return q * RING_PAGES;
}

static void fill_ring(uint32_t q, uint32_t num)
{
	uint8_t *base = pool + ring_page(q) * PAGE;
	struct vring_avail *avail = (void *)(base + PAGE);

	if (below(2))
		fill_descriptors((void *)base, num);
	else
		fill_plausible((void *)base, num);
	for (uint32_t i = 0; i < num; i++)
		avail->ring[i] = below(16) ? below(num) : below(65536);
	avail->flags = below(2);
	avail->ring[num] = below(65536);
	__atomic_store_n(&avail->idx, below(16) ? below(num + 1) : below(65536), __ATOMIC_RELEASE);
}

static void set_up_queue(struct function *f, uint32_t q)
{
	uint32_t page = ring_page(q);
	uint64_t desc = pool_gpa[page], avail = pool_gpa[page + 1], used = pool_gpa[page + 2];
	uint16_t num;

	put16(f, VIRTIO_PCI_COMMON_Q_SELECT, q);
	num = get16(f, VIRTIO_PCI_COMMON_Q_SIZE);
	if (!num)
		return;
	if (num > 256 || !below(4))
		num = 1 << below(9);
	if (!below(32))
		num = below(65536);
	if (!below(16))
		desc = some_address();
	if (!below(16))
		avail = some_address();
	if (!below(16))
		used = some_address();
	put16(f, VIRTIO_PCI_COMMON_Q_MSIX, below(8) ? below(6) : rnd());
	put16(f, VIRTIO_PCI_COMMON_Q_SIZE, num);
	put32(f, VIRTIO_PCI_COMMON_Q_DESCLO, desc);
	put32(f, VIRTIO_PCI_COMMON_Q_DESCHI, desc >> 32);
	put32(f, VIRTIO_PCI_COMMON_Q_AVAILLO, avail);
	put32(f, VIRTIO_PCI_COMMON_Q_AVAILHI, avail >> 32);
	put32(f, VIRTIO_PCI_COMMON_Q_USEDLO, used);
	put32(f, VIRTIO_PCI_COMMON_Q_USEDHI, used >> 32);
	memset(pool + page * PAGE, 0, RING_PAGES * PAGE);
	if (num <= 256)
		fill_ring(q, num);
	put16(f, VIRTIO_PCI_COMMON_Q_ENABLE, 1);
}

static void negotiate(struct function *f)
{
	for (uint32_t half = 0; half < 2; half++) {
		uint32_t offered;

		put32(f, VIRTIO_PCI_COMMON_DFSELECT, half);
		offered = get32(f, VIRTIO_PCI_COMMON_DF);
		put32(f, VIRTIO_PCI_COMMON_GFSELECT, half);
		if (!below(16))
			offered = rnd();
		else if (!half && below(2))
			offered &= rnd();
		put32(f, VIRTIO_PCI_COMMON_GF, offered);
	}
}

static void kick(struct function *f)
{
	*(volatile uint16_t *)(f->regs + f->notify + below(QUEUES_MAX) * 4) = rnd();
}

static void poke_register(struct function *f)
{
	uint32_t off = below(4) ? below(64) : below(f->size - 8);

	/* A status of 0 resets, which would spare the device all the rest. */
	if (off <= f->common + VIRTIO_PCI_COMMON_STATUS &&
	    off + 4 > f->common + VIRTIO_PCI_COMMON_STATUS)
		return;
	/* Queue addresses of our choice only: answers must not hit strangers. */
	if (off + 4 > f->common + VIRTIO_PCI_COMMON_Q_ENABLE &&
	    off < f->common + VIRTIO_PCI_COMMON_Q_USEDHI + 4)
		return;
	switch (below(3)) {
	case 0:
		f->regs[off] = rnd();
		break;
	case 1:
		*(volatile uint16_t *)(f->regs + (off & ~1U)) = rnd();
		break;
	default:
		*(volatile uint32_t *)(f->regs + (off & ~3U)) = rnd();
	}
}

/*
 * Messages that no bus takes: what goes to a local APIC would have the kernel
 * handle interrupts of ours. Masks come and go.
 */
static void poke_msix(struct function *f)
{
	uint16_t flags = below(4) ? PCI_MSIX_FLAGS_ENABLE : 0;

	if (!f->msix)
		return;
	if (!below(4))
		flags |= PCI_MSIX_FLAGS_MASKALL;
	for (uint32_t i = 0; i < 6; i++) {
		volatile uint32_t *entry = f->table + i * 4;

		entry[0] = rnd() & 0x0ffffffc;
		entry[1] = below(2) ? 0 : rnd();
		entry[2] = rnd();
		entry[3] = below(2);
	}
	if (pwrite(f->config, &flags, 2, f->msix + PCI_MSIX_FLAGS) != 2)
		die("msix");
}

/* The window into the BAR, and the command register's bus master bit. */
static void poke_config(struct function *f)
{
	uint32_t pos = read_config(f, PCI_CAPABILITY_LIST, 1);

	for (int i = 0; pos && i < 32; i++, pos = read_config(f, pos + 1, 1)) {
		uint8_t window[5] = {0};
		uint32_t value = below(0x3000), size = 1 << below(4);

		if (read_config(f, pos, 1) != PCI_CAP_ID_VNDR ||
		    read_config(f, pos + VIRTIO_PCI_CAP_CFG_TYPE, 1) != VIRTIO_PCI_CAP_PCI_CFG)
			continue;
		window[0] = below(4) ? 0 : rnd();
		if (pwrite(f->config, window, 1, pos + VIRTIO_PCI_CAP_BAR) < 0 ||
		    pwrite(f->config, &value, 4, pos + VIRTIO_PCI_CAP_OFFSET) < 0 ||
		    pwrite(f->config, &size, 4, pos + VIRTIO_PCI_CAP_LENGTH) < 0)
			die("window");
		read_config(f, pos + 16, 4);
	}
	if (!below(4)) {
		set_master(f, 0);
		set_master(f, 1);
	}
}

static void one_round(struct function *f)
{
	put8(f, VIRTIO_PCI_COMMON_STATUS, 0);
	put8(f, VIRTIO_PCI_COMMON_STATUS, VIRTIO_CONFIG_S_ACKNOWLEDGE);
	put8(f, VIRTIO_PCI_COMMON_STATUS, 3);
	negotiate(f);
	poke_msix(f);
	put16(f, VIRTIO_PCI_COMMON_MSIX, below(8));
	put8(f, VIRTIO_PCI_COMMON_STATUS, 11);
	for (uint32_t q = 0; q < QUEUES_MAX; q++)
		set_up_queue(f, q);
	put8(f, VIRTIO_PCI_COMMON_STATUS, 15);
	for (uint32_t i = 0; i < 16; i++) {
		kick(f);
		poke_register(f);
		fill_ring(below(QUEUES_MAX), 1 << below(9));
		kick(f);
		if (!below(8))
			poke_msix(f);
		if (!below(4))
			usleep(below(2000));
	}
	if (!below(4))
		poke_config(f);
	if (!below(16))
		put8(f, VIRTIO_PCI_COMMON_STATUS, rnd());
}

static int list_functions(struct function *f, int max)
{
	DIR *dir = opendir(SYSFS);
	struct dirent *e;
	int count = 0;

	if (!dir)
		die(SYSFS);
	while ((e = readdir(dir)) && count < max) {
		char path[300], text[16] = "";
		int fd;

		snprintf(path, sizeof(path), SYSFS "/%s/vendor", e->d_name);
		fd = open(path, O_RDONLY);
		if (fd < 0)
			continue;
		if (read(fd, text, sizeof(text) - 1) > 0 && !strncmp(text, "0x1af4", 6) &&
		    !open_function(&f[count], e->d_name))
			count++;
		close(fd);
	}
	closedir(dir);
	return count;
}

int main(int argc, char **argv)
{
	static struct function f[32];
	uint32_t rounds;
	int count;

	if (argc != 3) {
		fprintf(stderr, "usage: garbage ROUNDS SEED\n");
		return 2;
	}
	rounds = strtoul(argv[1], NULL, 0);
	state = strtoull(argv[2], NULL, 0);
	make_pool();
	count = list_functions(f, 32);
	printf("garbage: %d functions, seed %s\n", count, argv[2]);
	for (int i = 0; i < count; i++)
		set_master(&f[i], 1);
	for (uint32_t r = 0; r < rounds; r++) {
		for (int i = 0; i < count; i++)
			one_round(&f[i]);
	}
	for (int i = 0; i < count; i++)
		put8(&f[i], VIRTIO_PCI_COMMON_STATUS, 0);
	printf("garbage: done\n");
	return 0;
}
