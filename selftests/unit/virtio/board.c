// SPDX-License-Identifier: GPL-2.0
/* See board.h. The first part is what the devices ask of the rest of vmmd. */
#include <errno.h>
#include <linux/pci_regs.h>
#include <linux/virtio_pci.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "board.h"
#include "net.h"
#include "sandbox.h"

struct vm vm;
struct virtio_dev *device[DEV_COUNT];
int net_peer = -1;
char console_text[256];
u32 messages;
u32 line_raises;
const char *disk_path;

static size_t (*console_input)(void *opaque, const u8 *buf, size_t len);
static void *console_opaque;
static pthread_t main_thread;
static bool main_running;

void irq_set(struct vm *v, u32 gsi, bool level)
{
	(void)v;
	(void)gsi;
	if (level)
		__atomic_fetch_add(&line_raises, 1, __ATOMIC_SEQ_CST);
}

void irq_share(struct vm *v, u32 gsi, bool level)
{
	irq_set(v, gsi, level);
}

void irq_pulse(struct vm *v, u32 gsi)
{
	irq_set(v, gsi, true);
}

void irq_msi_send(struct vm *v, u64 addr, u32 data)
{
	(void)v;
	(void)addr;
	(void)data;
	__atomic_fetch_add(&messages, 1, __ATOMIC_SEQ_CST);
}

int irq_msi_route(struct vm *v, u64 addr, u32 data)
{
	(void)v;
	(void)addr;
	(void)data;
	return IRQ_MSI_BASE;
}

int irq_msi_reroute(struct vm *v, u32 gsi, u64 addr, u32 data)
{
	(void)gsi;
	return irq_msi_route(v, addr, data) < 0;
}

void irq_msi_unroute(struct vm *v, u32 gsi)
{
	(void)v;
	(void)gsi;
}

int irqfd_attach(struct vm *v, u32 gsi, int fd, int resamplefd)
{
	(void)v;
	(void)gsi;
	(void)fd;
	(void)resamplefd;
	return -ENOSYS;
}

void irqfd_detach(struct vm *v, u32 gsi, int fd)
{
	(void)v;
	(void)gsi;
	(void)fd;
}

/* Without doorbells in the kernel each kick goes by the register. */
int ioeventfd_attach(struct vm *v, u64 addr, u32 len, u64 datamatch, u32 flags, int fd)
{
	(void)v;
	(void)addr;
	(void)len;
	(void)datamatch;
	(void)flags;
	(void)fd;
	return -ENOSYS;
}

void ioeventfd_detach(struct vm *v, u64 addr, u32 len, u64 datamatch, u32 flags, int fd)
{
	ioeventfd_attach(v, addr, len, datamatch, flags, fd);
}

int sandbox_thread(enum sandbox_role role)
{
	(void)role;
	return 0;
}

void vm_request(struct vm *v, enum vm_event event, const char *reason)
{
	(void)v;
	(void)event;
	printf("# asked for: %s\n", reason);
}

void guest_fail(struct vm *v, const char *fmt, ...)
{
	(void)v;
	printf("# guest_fail: %s\n", fmt);
}

void vm_add_device(struct vm *v, struct device *dev)
{
	dev->next = v->devices;
	v->devices = dev;
}

void console_set_input(struct console *con, size_t (*fn)(void *, const u8 *, size_t), void *opaque)
{
	(void)con;
	console_input = fn;
	console_opaque = opaque;
}

/* Whoever types here types one word, once. */
void console_input_ready(struct console *con)
{
	(void)con;
}

size_t board_type(const char *text)
{
	return console_input(console_opaque, (const u8 *)text, strlen(text));
}

void console_output(struct console *con, const void *buf, size_t len)
{
	size_t have = strlen(console_text);

	(void)con;
	if (len > sizeof(console_text) - 1 - have)
		len = sizeof(console_text) - 1 - have;
	memcpy(console_text + have, buf, len);
	console_text[have + len] = '\0';
}

/* The card's frames go to a stream, as to passt. */
int net_port_open(const struct config_vif *vif, const char *guest, struct net_port *port,
		  struct net_error *err)
{
	int sock[2];

	(void)vif;
	(void)guest;
	(void)err;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, sock))
		return -errno;
	*port = (struct net_port){.kind = NET_PASST, .fd = sock[0]};
	net_peer = sock[1];
	return 0;
}

void net_port_close(struct net_port *port)
{
	close(port->fd);
	close(net_peer);
}

struct net_counter *net_counter_open(const char *ifname)
{
	(void)ifname;
	return NULL;
}

void net_counter_read(struct net_counter *counter, struct device_stats *stats)
{
	(void)counter;
	(void)stats;
}

void net_counter_close(struct net_counter *counter)
{
	(void)counter;
}

/* ---------------------------------------------------------------- the board */

static void *run_main(void *opaque)
{
	(void)opaque;
	loop_run(vm.main_loop);
	return NULL;
}

static void stop_main(void)
{
	if (!main_running)
		return;
	loop_stop(vm.main_loop);
	pthread_join(main_thread, NULL);
	main_running = false;
}

/* As vm_pause(): with the main loop standing still. */
void board_pause(void)
{
	stop_main();
	for (struct device *d = vm.devices; d; d = d->next)
		d->stop(d);
}

void board_resume(void)
{
	for (struct device *d = vm.devices; d; d = d->next) {
		if (d->start(d))
			abort();
	}
	main_running = !pthread_create(&main_thread, NULL, run_main, NULL);
}

void board_reset(void)
{
	board_pause();
	for (struct device *d = vm.devices; d; d = d->next)
		d->reset(d);
	mem_discard(&vm.mem);
	board_resume();
}

static void make_disk(char *path)
{
	int fd = mkstemp(path);

	if (fd < 0 || ftruncate(fd, BOARD_DISK))
		abort();
	for (u32 i = 0; i < BOARD_DISK; i += 512) {
		if (pwrite(fd, &i, sizeof(i), i) != sizeof(i))
			abort();
	}
	close(fd);
}

void board_create(void)
{
	static char path[] = "/tmp/virtio-unit.XXXXXX";
	struct config_disk disk = {.path = path, .vdev = "xvda", .discard = true};
	struct config_disk cdrom = {.path = path, .vdev = "xvdb", .readonly = true};
	int ret;

	make_disk(path);
	disk_path = path;
	log_init("unit", false);
	bus_init(&vm.pio);
	bus_init(&vm.mmio);
	vm.cfg.vcpus = 2;
	vm.cfg.memory_mib = BOARD_RAM / MIB;
	/* A limit nothing here reaches, but its timer is there. */
	vm.cfg.vifs[0].rate = 1000000000;
	vm.main_loop = loop_create();
	ret = mem_create(&vm.mem, BOARD_RAM, 0);
	if (!ret)
		ret = pci_init(&vm);
	vm.devices = NULL;
	if (!ret)
		ret = virtio_balloon_create(&vm) ?: virtio_rng_create(&vm);
	if (!ret)
		ret = virtio_console_create(&vm, NULL);
	if (!ret)
		ret = virtio_net_create(&vm, vm.cfg.vifs);
	/* The read-only one is a second opening: no lock is in its way. */
	if (!ret)
		ret = virtio_blk_create(&vm, &disk);
	unlink(path);
	make_disk(strcpy(path, "/tmp/virtio-unit.XXXXXX"));
	if (!ret)
		ret = virtio_blk_create(&vm, &cdrom);
	if (ret)
		abort();
	for (struct device *d = vm.devices; d; d = d->next) {
		static const char *const names[] = {"xvda",	"xvdb", "vif0",
						    "console0", "rng0", "balloon0"};

		for (u32 i = 0; i < DEV_COUNT; i++) {
			if (!strcmp(d->name, names[i]))
				device[i] = container_of(d, struct virtio_dev, device);
		}
	}
	board_resume();
}

void board_destroy(void)
{
	struct device *d, *next;

	board_pause();
	for (d = vm.devices; d; d = next) {
		next = d->next;
		d->reset(d);
		d->destroy(d);
	}
	unlink(disk_path);
	loop_destroy(vm.main_loop);
	mem_destroy(&vm.mem);
}

/* --------------------------------------------------------------- the driver */

static u64 base(struct virtio_dev *dev)
{
	return dev->pci.bar[0].region.base;
}

u32 reg_read(struct virtio_dev *dev, u32 off, u32 size)
{
	u32 value = 0;

	bus_read(&vm.mmio, base(dev) + off, size, &value);
	return value;
}

void reg_write(struct virtio_dev *dev, u32 off, u32 size, u32 value)
{
	bus_write(&vm.mmio, base(dev) + off, size, &value);
}

static u64 ecam(struct virtio_dev *dev, u32 off)
{
	return MEM_ECAM_BASE + ((u64)dev->pci.slot << 15) + off;
}

u32 cfg_read(struct virtio_dev *dev, u32 off, u32 size)
{
	u32 value = 0;

	bus_read(&vm.mmio, ecam(dev, off), size, &value);
	return value;
}

void cfg_write(struct virtio_dev *dev, u32 off, u32 size, u32 value)
{
	bus_write(&vm.mmio, ecam(dev, off), size, &value);
}

u8 status(struct virtio_dev *dev)
{
	return reg_read(dev, VIRTIO_PCI_COMMON_STATUS, 1);
}

void *ram(u64 gpa)
{
	return vm.mem.host + gpa;
}

/* Each queue has three pages: descriptors, the driver's ring, the device's. */
static u64 ring_gpa(u16 queue, u32 part)
{
	return 0x10000 + (u64)(queue * 3 + part) * GUEST_PAGE_SIZE;
}

struct vring_desc *drv_desc(u16 queue, u32 i)
{
	return (struct vring_desc *)ram(ring_gpa(queue, 0)) + i;
}

static struct vring_avail *drv_avail(u16 queue)
{
	return ram(ring_gpa(queue, 1));
}

static struct vring_used *drv_used(u16 queue)
{
	return ram(ring_gpa(queue, 2));
}

/* Agrees on all that is offered but @drop; false when the device does not. */
bool drv_negotiate(struct virtio_dev *dev, u64 drop)
{
	cfg_write(dev, PCI_COMMAND, 2, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	reg_write(dev, VIRTIO_PCI_COMMON_STATUS, 1, 0);
	reg_write(dev, VIRTIO_PCI_COMMON_STATUS, 1, 3);
	for (u32 half = 0; half < 2; half++) {
		u32 bits;

		reg_write(dev, VIRTIO_PCI_COMMON_DFSELECT, 4, half);
		bits = reg_read(dev, VIRTIO_PCI_COMMON_DF, 4) & ~(u32)(drop >> (half * 32));
		reg_write(dev, VIRTIO_PCI_COMMON_GFSELECT, 4, half);
		reg_write(dev, VIRTIO_PCI_COMMON_GF, 4, bits);
	}
	reg_write(dev, VIRTIO_PCI_COMMON_STATUS, 1, 11);
	return status(dev) == 11;
}

void drv_queue(struct virtio_dev *dev, u16 index)
{
	static const u32 reg[] = {VIRTIO_PCI_COMMON_Q_DESCLO, VIRTIO_PCI_COMMON_Q_AVAILLO,
				  VIRTIO_PCI_COMMON_Q_USEDLO};

	memset(ram(ring_gpa(index, 0)), 0, 3 * GUEST_PAGE_SIZE);
	reg_write(dev, VIRTIO_PCI_COMMON_Q_SELECT, 2, index);
	if (!reg_read(dev, VIRTIO_PCI_COMMON_Q_SIZE, 2))
		return;
	reg_write(dev, VIRTIO_PCI_COMMON_Q_SIZE, 2, DRV_NUM);
	for (u32 part = 0; part < 3; part++) {
		reg_write(dev, reg[part], 4, ring_gpa(index, part));
		reg_write(dev, reg[part] + 4, 4, 0);
	}
	reg_write(dev, VIRTIO_PCI_COMMON_Q_ENABLE, 2, 1);
}

bool drv_up(struct virtio_dev *dev, u64 drop)
{
	if (!drv_negotiate(dev, drop))
		return false;
	for (u16 i = 0; i < DRV_QUEUES; i++)
		drv_queue(dev, i);
	reg_write(dev, VIRTIO_PCI_COMMON_STATUS, 1, 15);
	return status(dev) == 15;
}

struct driver drv(struct virtio_dev *dev, u16 index)
{
	return (struct driver){.dev = dev, .index = index};
}

void drv_set(u16 queue, u32 i, u64 gpa, u32 len, u16 flags)
{
	*drv_desc(queue, i) = (struct vring_desc){gpa, len, flags, i + 1};
}

void drv_offer(struct driver *d, u16 head)
{
	struct vring_avail *avail = drv_avail(d->index);

	avail->ring[avail->idx % DRV_NUM] = head;
	/* Asks for an interrupt after each answer. */
	avail->ring[DRV_NUM] = __atomic_load_n(&drv_used(d->index)->idx, __ATOMIC_ACQUIRE);
	__atomic_store_n(&avail->idx, avail->idx + 1, __ATOMIC_RELEASE);
}

void drv_kick(struct driver *d)
{
	reg_write(d->dev, REG_NOTIFY + d->index * 4, 2, d->index);
}

/* Waits for one answer; false when none comes within two seconds. */
bool drv_wait(struct driver *d, u32 *len)
{
	struct vring_used *used = drv_used(d->index);

	for (u32 i = 0; i < 20000; i++) {
		if (__atomic_load_n(&used->idx, __ATOMIC_ACQUIRE) != d->seen) {
			*len = used->ring[d->seen++ % DRV_NUM].len;
			return true;
		}
		usleep(100);
	}
	return false;
}
