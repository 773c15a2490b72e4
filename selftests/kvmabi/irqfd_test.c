// SPDX-License-Identifier: GPL-2.0
/*
 * KVM_IRQFD: eventfds that raise interrupts, as edges and, with a resample
 * eventfd, as levels; what it refuses; and closing, deassigning and routing
 * while interrupts come in.
 *
 * lab: smp=2
 */
#include "guest.h"
#include "harness.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define IOAPIC	  0xfec00000UL
#define VECTOR	  0x51
#define PIC_BASE  0x30
#define LEVEL	  (1 << 15)
#define MSI_GSI	  50
#define LEVEL_GSI 10

struct log {
	u64 n;
	u64 no_eoi;
	u64 stop;
	u64 count[256];
};

#define LOG ((volatile struct log *)KV_DATA)

FIXTURE(irqfd)
{
	struct kv_vm *vm;
	struct kv_vcpu *vcpu;
	volatile struct log *log;
	int fd;
	int resample;
};

static __guest void on_irq(struct kv_frame64 *frame)
{
	bool pic = frame->vector >= PIC_BASE && frame->vector < PIC_BASE + 16;

	if (!pic && irq_made_up(frame))
		return;
	LOG->count[frame->vector]++;
	LOG->n++;
	if (!LOG->no_eoi)
		apic_eoi();
}

static int set_routes(struct kv_vm *vm, u8 vector)
{
	struct {
		struct kvm_irq_routing head;
		struct kvm_irq_routing_entry entry[3];
	} routes = {
		.head.nr = 3,
		.entry =
			{
				{.gsi = MSI_GSI,
				 .type = KVM_IRQ_ROUTING_MSI,
				 .u.msi = {.address_lo = APIC_BASE, .data = vector}},
				{.gsi = LEVEL_GSI,
				 .type = KVM_IRQ_ROUTING_IRQCHIP,
				 .u.irqchip = {KVM_IRQCHIP_IOAPIC, LEVEL_GSI}},
				{.gsi = LEVEL_GSI,
				 .type = KVM_IRQ_ROUTING_IRQCHIP,
				 .u.irqchip = {KVM_IRQCHIP_PIC_SLAVE, LEVEL_GSI - 8}},
			},
	};

	return ioctl(vm->fd, KVM_SET_GSI_ROUTING, &routes);
}

FIXTURE_SETUP(irqfd)
{
	self->vm = kv_vm_new_irqchip(0);
	self->vcpu = kv_vcpu_new(self->vm, 0);
	self->log = kv_gpa(self->vm, KV_DATA, sizeof(struct log));
	kv_enter(self->vcpu, on_irq, 0, 0);
	kv_handler(self->vm, VECTOR, on_irq);
	kv_handler(self->vm, VECTOR + 1, on_irq);
	self->fd = eventfd(0, EFD_NONBLOCK);
	self->resample = eventfd(0, EFD_NONBLOCK);
	ASSERT_LE(0, self->fd);
	ASSERT_LE(0, self->resample);
	ASSERT_EQ(0, set_routes(self->vm, VECTOR));
}

FIXTURE_TEARDOWN(irqfd)
{
	close(self->fd);
	close(self->resample);
	kv_vcpu_free(self->vcpu);
	kv_vm_free(self->vm);
}

static int irqfd(struct kv_vm *vm, int fd, u32 gsi, u32 flags, int resample)
{
	struct kvm_irqfd args = {
		.fd = (u32)fd, .gsi = gsi, .flags = flags, .resamplefd = (u32)resample};

	return ioctl(vm->fd, KVM_IRQFD, &args);
}

static void ring(int fd)
{
	u64 one = 1;

	if (write(fd, &one, sizeof(one)) != sizeof(one))
		kv_die("write to an eventfd: %s", strerror(errno));
}

/* ---------------------------------------------------------------- errors */

TEST_F(irqfd, errors)
{
	struct kv_vm *bare = kv_vm_new(0);
	int file = open("/dev/null", O_RDWR), other = eventfd(0, 0);

	EXPECT_ERRNO(EINVAL, irqfd(bare, self->fd, 5, 0, 0));
	kv_vm_free(bare);

	EXPECT_ERRNO(EFAULT, ioctl(self->vm->fd, KVM_IRQFD, 8));
	EXPECT_ERRNO(EINVAL, irqfd(self->vm, self->fd, 5, 4, 0));
	EXPECT_ERRNO(EBADF, irqfd(self->vm, 999, 5, 0, 0));
	EXPECT_ERRNO(EINVAL, irqfd(self->vm, file, 5, 0, 0));
	EXPECT_ERRNO(EBADF, irqfd(self->vm, self->fd, 5, KVM_IRQFD_FLAG_RESAMPLE, 999));
	EXPECT_ERRNO(EINVAL, irqfd(self->vm, self->fd, 5, KVM_IRQFD_FLAG_RESAMPLE, file));
	EXPECT_ERRNO(EBADF, irqfd(self->vm, 999, 5, KVM_IRQFD_FLAG_DEASSIGN, 0));

	EXPECT_EQ(0, irqfd(self->vm, self->fd, 5, 0, 0));
	EXPECT_ERRNO(EBUSY, irqfd(self->vm, self->fd, 6, 0, 0));
	EXPECT_ERRNO(EBUSY, irqfd(self->vm, self->fd, 6, KVM_IRQFD_FLAG_RESAMPLE, self->resample));
	EXPECT_EQ(0, irqfd(self->vm, other, 5, 0, 0));
	/* By eventfd and GSI: another GSI is another irqfd. */
	EXPECT_EQ(0, irqfd(self->vm, self->fd, 6, KVM_IRQFD_FLAG_DEASSIGN, 0));
	EXPECT_ERRNO(EBUSY, irqfd(self->vm, self->fd, 5, 0, 0));
	EXPECT_EQ(0, irqfd(self->vm, self->fd, 5, KVM_IRQFD_FLAG_DEASSIGN, 0));
	EXPECT_EQ(0, irqfd(self->vm, self->fd, 5, 0, 0));
	close(other);
	close(file);
}

/* ---------------------------------------------------------------- edges */

__guest_inline void wait_n(u64 n)
{
	guest_cli();
	while (LOG->n < n) {
		guest_sti_hlt();
		guest_cli();
	}
}

__guest_inline void io_route(u32 pin, u32 low)
{
	write32(IOAPIC, 0x11 + 2 * pin);
	write32(IOAPIC + 0x10, 0);
	write32(IOAPIC, 0x10 + 2 * pin);
	write32(IOAPIC + 0x10, low);
}

/* The PIC would answer, too: it is wired through out of reset. */
__guest_inline void apic_only(void)
{
	outb(0x21, 0xff);
	outb(0xa1, 0xff);
	apic_enable();
}

static __guest void edges(void)
{
	u64 i;

	apic_only();
	io_route(LEVEL_GSI, VECTOR + 1);
	for (i = 1; i <= 4; i++) {
		guest_sync(i);
		wait_n(i);
	}
	guest_sync(5);
	guest_sti();
	guest_pause();
	guest_cli();
	guest_equal(LOG->n, 4);
	guest_done();
}

TEST_F(irqfd, edges)
{
	int other = eventfd(0, EFD_NONBLOCK);

	ASSERT_EQ(0, irqfd(self->vm, self->fd, MSI_GSI, 0, 0));
	ASSERT_EQ(0, irqfd(self->vm, other, LEVEL_GSI, 0, 0));
	kv_enter(self->vcpu, edges, 0, 0);
	ASSERT_SYNC(self->vcpu, 1);
	ring(self->fd);
	/* Consumed, not left for others to read. */
	EXPECT_EQ(0, kv_event_take(self->fd));
	ASSERT_SYNC(self->vcpu, 2);
	EXPECT_EQ(1, self->log->count[VECTOR]);
	/* A pulse on a pin; and again, with the line down in between. */
	ring(other);
	ASSERT_SYNC(self->vcpu, 3);
	ring(other);
	ASSERT_SYNC(self->vcpu, 4);
	EXPECT_EQ(2, self->log->count[VECTOR + 1]);
	/* Signalled before it is assigned: raised then. */
	ASSERT_EQ(0, irqfd(self->vm, self->fd, MSI_GSI, KVM_IRQFD_FLAG_DEASSIGN, 0));
	ring(self->fd);
	ASSERT_EQ(0, irqfd(self->vm, self->fd, MSI_GSI, 0, 0));
	ASSERT_SYNC(self->vcpu, 5);
	EXPECT_EQ(2, self->log->count[VECTOR]);
	/* Deassigned or closed: silent. */
	ASSERT_EQ(0, irqfd(self->vm, self->fd, MSI_GSI, KVM_IRQFD_FLAG_DEASSIGN, 0));
	ring(self->fd);
	close(other);
	ASSERT_DONE(self->vcpu);
}

static __guest void rerouted(void)
{
	apic_enable();
	guest_sync(1);
	wait_n(1);
	guest_sync(2);
	wait_n(2);
	guest_sync(3);
	guest_sti();
	guest_pause();
	guest_cli();
	guest_equal(LOG->n, 2);
	guest_done();
}

TEST_F(irqfd, rerouted)
{
	struct kvm_irq_routing none = {0};

	ASSERT_EQ(0, irqfd(self->vm, self->fd, MSI_GSI, 0, 0));
	kv_enter(self->vcpu, rerouted, 0, 0);
	ASSERT_SYNC(self->vcpu, 1);
	ring(self->fd);
	ASSERT_SYNC(self->vcpu, 2);
	EXPECT_EQ(1, self->log->count[VECTOR]);
	ASSERT_EQ(0, set_routes(self->vm, VECTOR + 1));
	ring(self->fd);
	ASSERT_SYNC(self->vcpu, 3);
	EXPECT_EQ(1, self->log->count[VECTOR + 1]);
	ASSERT_EQ(0, ioctl(self->vm->fd, KVM_SET_GSI_ROUTING, &none));
	ring(self->fd);
	ASSERT_DONE(self->vcpu);
}

/* ------------------------------------------------------------- resampling */

static __guest void level_ioapic(void)
{
	apic_only();
	LOG->no_eoi = 1;
	io_route(LEVEL_GSI, LEVEL | VECTOR);
	guest_sync(1);
	wait_n(1);
	guest_sync(2);
	apic_eoi();
	/* The EOI has lowered it: it does not come again by itself. */
	guest_sti();
	guest_pause();
	guest_cli();
	guest_equal(LOG->n, 1);
	guest_sync(3);
	wait_n(2);
	apic_eoi();
	guest_sync(4);
	/* The plain line holds it up: it comes again after the EOI. */
	wait_n(3);
	apic_eoi();
	wait_n(4);
	guest_sync(5);
	apic_eoi();
	guest_done();
}

TEST_F(irqfd, resample_ioapic)
{
	int other = eventfd(0, EFD_NONBLOCK), other_resample = eventfd(0, EFD_NONBLOCK);

	ASSERT_EQ(0, irqfd(self->vm, self->fd, LEVEL_GSI, KVM_IRQFD_FLAG_RESAMPLE, self->resample));
	ASSERT_EQ(0, irqfd(self->vm, other, LEVEL_GSI, KVM_IRQFD_FLAG_RESAMPLE, other_resample));
	kv_enter(self->vcpu, level_ioapic, 0, 0);
	ASSERT_SYNC(self->vcpu, 1);
	ring(self->fd);
	ASSERT_SYNC(self->vcpu, 2);
	EXPECT_EQ(0, kv_event_take(self->resample));
	ASSERT_SYNC(self->vcpu, 3);
	/* All on the line hear of it, each once. */
	EXPECT_EQ(1, kv_event_take(self->resample));
	EXPECT_EQ(1, kv_event_take(other_resample));
	ring(other);
	ASSERT_SYNC(self->vcpu, 4);
	EXPECT_EQ(1, kv_event_take(self->resample));
	EXPECT_EQ(1, kv_event_take(other_resample));
	ASSERT_EQ(0, kv_irq_line(self->vm, LEVEL_GSI, 1));
	ASSERT_SYNC(self->vcpu, 5);
	EXPECT_EQ(1, kv_event_take(self->resample));
	ASSERT_EQ(0, kv_irq_line(self->vm, LEVEL_GSI, 0));
	ASSERT_DONE(self->vcpu);
	EXPECT_EQ(4, self->log->n);
	close(other);
	close(other_resample);
}

static __guest void on_pic(struct kv_frame64 *frame)
{
	(void)frame;
	LOG->n++;
}

static __guest void level_pic(void)
{
	outb(0x20, 0x11);
	outb(0xa0, 0x11);
	outb(0x21, PIC_BASE);
	outb(0xa1, PIC_BASE + 8);
	outb(0x21, 4);
	outb(0xa1, 2);
	outb(0x21, 1);
	outb(0xa1, 1);
	outb(0x21, 0);
	outb(0xa1, 0);
	outb(0x4d1, 4);
	guest_sync(1);
	wait_n(1);
	guest_sync(2);
	outb(0xa0, 0x20);
	outb(0x20, 0x20);
	guest_sti();
	guest_pause();
	guest_cli();
	guest_equal(LOG->n, 1);
	guest_sync(3);
	guest_done();
}

TEST_F(irqfd, resample_pic)
{
	ASSERT_EQ(0, irqfd(self->vm, self->fd, LEVEL_GSI, KVM_IRQFD_FLAG_RESAMPLE, self->resample));
	kv_enter(self->vcpu, level_pic, 0, 0);
	kv_handler(self->vm, PIC_BASE + LEVEL_GSI, on_pic);
	ASSERT_SYNC(self->vcpu, 1);
	ring(self->fd);
	ASSERT_SYNC(self->vcpu, 2);
	kv_event_take(self->resample);
	ASSERT_SYNC(self->vcpu, 3);
	EXPECT_EQ(1, kv_event_take(self->resample));
	ASSERT_DONE(self->vcpu);
}

/* An irqfd that goes while its line is up takes the line down. */
TEST_F(irqfd, resample_gone)
{
	struct kvm_irqchip chip = {.chip_id = KVM_IRQCHIP_IOAPIC};

	ASSERT_EQ(0, ioctl(self->vm->fd, KVM_GET_IRQCHIP, &chip));
	chip.chip.ioapic.redirtbl[LEVEL_GSI].bits = 1 << 16 | LEVEL | VECTOR;
	ASSERT_EQ(0, ioctl(self->vm->fd, KVM_SET_IRQCHIP, &chip));
	ASSERT_EQ(0, irqfd(self->vm, self->fd, LEVEL_GSI, KVM_IRQFD_FLAG_RESAMPLE, self->resample));
	ring(self->fd);
	usleep(100000);
	ASSERT_EQ(0, ioctl(self->vm->fd, KVM_GET_IRQCHIP, &chip));
	EXPECT_EQ(1 << LEVEL_GSI, chip.chip.ioapic.irr);
	ASSERT_EQ(0, irqfd(self->vm, self->fd, LEVEL_GSI, KVM_IRQFD_FLAG_DEASSIGN, 0));
	ASSERT_EQ(0, ioctl(self->vm->fd, KVM_GET_IRQCHIP, &chip));
	EXPECT_EQ(0, chip.chip.ioapic.irr);
}

/* ----------------------------------------------------------------- races */

static __guest void serve(void)
{
	apic_only();
	io_route(LEVEL_GSI, LEVEL | (VECTOR + 1));
	while (!LOG->stop) {
		guest_cli();
		guest_sti_hlt();
	}
	guest_done();
}

static volatile bool racing;
static struct kv_vm *race_vm;

static void *race_assign(void *arg)
{
	u32 gsi = *(u32 *)arg;

	while (racing) {
		int fd = eventfd(0, EFD_NONBLOCK), resample = eventfd(0, EFD_NONBLOCK);
		int flags = gsi == LEVEL_GSI ? KVM_IRQFD_FLAG_RESAMPLE : 0;

		if (irqfd(race_vm, fd, gsi, flags, resample))
			kv_die("KVM_IRQFD: %s", strerror(errno));
		ring(fd);
		if (rand() & 1)
			irqfd(race_vm, fd, gsi, KVM_IRQFD_FLAG_DEASSIGN, 0);
		ring(fd);
		close(resample);
		close(fd);
	}
	return NULL;
}

static void *race_routes(void *arg)
{
	u8 turn = 0;

	(void)arg;
	while (racing) {
		if (set_routes(race_vm, VECTOR + turn))
			kv_die("KVM_SET_GSI_ROUTING: %s", strerror(errno));
		turn ^= 1;
	}
	return NULL;
}

TEST_F(irqfd, races)
{
	u32 msi = MSI_GSI, level = LEVEL_GSI;
	pthread_t thread[3];
	u64 turn;
	int i;

	race_vm = self->vm;
	racing = true;
	ASSERT_EQ(0, irqfd(self->vm, self->fd, MSI_GSI, 0, 0));
	kv_enter(self->vcpu, serve, 0, 0);
	kv_start(self->vcpu);
	ASSERT_EQ(0, pthread_create(&thread[0], NULL, race_assign, &msi));
	ASSERT_EQ(0, pthread_create(&thread[1], NULL, race_assign, &level));
	ASSERT_EQ(0, pthread_create(&thread[2], NULL, race_routes, NULL));
	for (turn = 0; turn < 400; turn++) {
		ring(self->fd);
		usleep(5000);
	}
	racing = false;
	for (i = 0; i < 3; i++)
		pthread_join(thread[i], NULL);
	/* And the one that was there all the time still works. */
	turn = self->log->n;
	self->log->stop = 1;
	ring(self->fd);
	ASSERT_EQ(KV_DONE, kv_join(self->vcpu).kind)
	{
		TH_LOG("%s", kv_text(self->vcpu, &self->vcpu->last));
	}
	EXPECT_GT(self->log->n, 0);
}

/* Ends of VMs with irqfds of all kinds, closed in either order. */
TEST(vm_ends_first)
{
	int turn;

	for (turn = 0; turn < 50; turn++) {
		struct kv_vm *vm = kv_vm_new_irqchip(0);
		struct kv_vcpu *vcpu = kv_vcpu_new(vm, 0);
		int fd[4], i;

		for (i = 0; i < 4; i++) {
			fd[i] = eventfd(0, EFD_NONBLOCK);
			ASSERT_EQ(0, irqfd(vm, fd[i], i < 2 ? 5 : 9,
					   i & 1 ? KVM_IRQFD_FLAG_RESAMPLE : 0, fd[0]));
			ring(fd[i]);
		}
		if (turn & 1)
			for (i = 0; i < 4; i++)
				close(fd[i]);
		kv_vcpu_free(vcpu);
		kv_vm_free(vm);
		for (i = 0; !(turn & 1) && i < 4; i++) {
			ring(fd[i]);
			close(fd[i]);
		}
	}
}

TEST_HARNESS_MAIN
