// SPDX-License-Identifier: GPL-2.0
/* Interrupts and doorbells. See irq.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "vm.h"

/* Pins of the two PICs; GSI n is pin n of both chips up to here. */
#define IRQ_PIC_PINS 16

int irq_init(struct vm *vm)
{
	struct kvm_pit_config pit = {.flags = KVM_PIT_SPEAKER_DUMMY};
	int ret;

	memset(vm->irq.msi, 0, sizeof(vm->irq.msi));
	memset(vm->irq.shared, 0, sizeof(vm->irq.shared));

	/* The kernel's default table is ours: GSI n on pin n of both chips. */
	ret = hv_ioctl(vm->hv.vm_fd, KVM_CREATE_IRQCHIP, NULL);
	if (!ret && hv_check(&vm->hv, KVM_CAP_PIT2))
		ret = hv_ioctl(vm->hv.vm_fd, KVM_CREATE_PIT2, &pit);
	if (ret)
		log_err("%s: cannot create interrupt controllers: %s", vm->hv.path, strerror(-ret));
	return ret;
}

void irq_set(struct vm *vm, u32 gsi, bool level)
{
	struct kvm_irq_level line = {.irq = gsi, .level = level};
	int ret;

	ret = hv_ioctl(vm->hv.vm_fd, KVM_IRQ_LINE, &line);
	if (ret < 0)
		log_warn("interrupt line %u: %s", gsi, strerror(-ret));
}

void irq_pulse(struct vm *vm, u32 gsi)
{
	irq_set(vm, gsi, true);
	irq_set(vm, gsi, false);
}

void irq_share(struct vm *vm, u32 gsi, bool level)
{
	u32 *holders = &vm->irq.shared[gsi];

	/* The ioctl stays under the lock: two changes must not overtake. */
	pthread_mutex_lock(&vm->irq.lock);
	if (level ? (*holders)++ == 0 : --(*holders) == 0)
		irq_set(vm, gsi, level);
	pthread_mutex_unlock(&vm->irq.lock);
}

void irq_msi_send(struct vm *vm, u64 addr, u32 data)
{
	struct kvm_msi msi = {
		.address_lo = (u32)addr,
		.address_hi = (u32)(addr >> 32),
		.data = data,
	};

	hv_ioctl(vm->hv.vm_fd, KVM_SIGNAL_MSI, &msi);
}

static struct kvm_irq_routing_entry irq_pin_route(u32 gsi, u32 chip, u32 pin)
{
	return (struct kvm_irq_routing_entry){
		.gsi = gsi,
		.type = KVM_IRQ_ROUTING_IRQCHIP,
		.u.irqchip = {.irqchip = chip, .pin = pin},
	};
}

static struct kvm_irq_routing_entry irq_msi_entry(u32 gsi, const struct irq_msi *msi)
{
	return (struct kvm_irq_routing_entry){
		.gsi = gsi,
		.type = KVM_IRQ_ROUTING_MSI,
		.u.msi =
			{
				.address_lo = (u32)msi->addr,
				.address_hi = (u32)(msi->addr >> 32),
				.data = msi->data,
			},
	};
}

/* Hand the whole table to the kernel; irq.lock held. */
static int irq_commit(struct vm *vm)
{
	const size_t max = IRQ_PIC_PINS + IRQ_IOAPIC_PINS + IRQ_MSI_MAX;
	struct kvm_irq_routing *table;
	u32 i, nr = 0;
	int ret;

	table = calloc(1, sizeof(*table) + max * sizeof(table->entries[0]));
	if (!table)
		return -ENOMEM;
	for (i = 0; i < IRQ_PIC_PINS; i++)
		table->entries[nr++] = irq_pin_route(
			i, i < 8 ? KVM_IRQCHIP_PIC_MASTER : KVM_IRQCHIP_PIC_SLAVE, i % 8);
	for (i = 0; i < IRQ_IOAPIC_PINS; i++)
		table->entries[nr++] = irq_pin_route(i, KVM_IRQCHIP_IOAPIC, i);
	for (i = 0; i < IRQ_MSI_MAX; i++)
		if (vm->irq.msi[i].used)
			table->entries[nr++] = irq_msi_entry(IRQ_MSI_BASE + i, &vm->irq.msi[i]);
	table->nr = nr;
	ret = hv_ioctl(vm->hv.vm_fd, KVM_SET_GSI_ROUTING, table);
	free(table);
	return ret;
}

int irq_msi_route(struct vm *vm, u64 addr, u32 data)
{
	u32 i, limit = IRQ_MSI_MAX;
	int ret = -ENOSPC;

	if (vm->hv.msi_routes < IRQ_MSI_BASE + limit)
		limit = vm->hv.msi_routes > IRQ_MSI_BASE ? vm->hv.msi_routes - IRQ_MSI_BASE : 0;

	pthread_mutex_lock(&vm->irq.lock);
	for (i = 0; i < limit && vm->irq.msi[i].used; i++)
		;
	if (i < limit) {
		vm->irq.msi[i] = (struct irq_msi){.addr = addr, .data = data, .used = true};
		ret = irq_commit(vm);
		if (ret)
			vm->irq.msi[i].used = false;
		else
			ret = (int)(IRQ_MSI_BASE + i);
	}
	pthread_mutex_unlock(&vm->irq.lock);
	return ret;
}

int irq_msi_reroute(struct vm *vm, u32 gsi, u64 addr, u32 data)
{
	struct irq_msi *msi = &vm->irq.msi[gsi - IRQ_MSI_BASE];
	int ret = 0;

	pthread_mutex_lock(&vm->irq.lock);
	if (msi->addr != addr || msi->data != data) {
		msi->addr = addr;
		msi->data = data;
		ret = irq_commit(vm);
	}
	pthread_mutex_unlock(&vm->irq.lock);
	return ret;
}

void irq_msi_unroute(struct vm *vm, u32 gsi)
{
	/* The stale entry leaves the kernel with the next commit; no irqfd uses it. */
	pthread_mutex_lock(&vm->irq.lock);
	vm->irq.msi[gsi - IRQ_MSI_BASE].used = false;
	pthread_mutex_unlock(&vm->irq.lock);
}

int irqfd_attach(struct vm *vm, u32 gsi, int fd, int resamplefd)
{
	struct kvm_irqfd irqfd = {.fd = (u32)fd, .gsi = gsi};

	if (resamplefd >= 0) {
		irqfd.flags = KVM_IRQFD_FLAG_RESAMPLE;
		irqfd.resamplefd = (u32)resamplefd;
	}
	return hv_ioctl(vm->hv.vm_fd, KVM_IRQFD, &irqfd);
}

void irqfd_detach(struct vm *vm, u32 gsi, int fd)
{
	struct kvm_irqfd irqfd = {
		.fd = (u32)fd,
		.gsi = gsi,
		.flags = KVM_IRQFD_FLAG_DEASSIGN,
	};

	hv_ioctl(vm->hv.vm_fd, KVM_IRQFD, &irqfd);
}

static struct kvm_ioeventfd ioeventfd_arg(u64 addr, u32 len, u64 datamatch, u32 flags, int fd)
{
	struct kvm_ioeventfd arg = {.addr = addr, .len = len, .fd = fd};

	if (flags & IOEVENTFD_PIO)
		arg.flags |= KVM_IOEVENTFD_FLAG_PIO;
	if (flags & IOEVENTFD_DATAMATCH) {
		arg.flags |= KVM_IOEVENTFD_FLAG_DATAMATCH;
		arg.datamatch = datamatch;
	}
	return arg;
}

int ioeventfd_attach(struct vm *vm, u64 addr, u32 len, u64 datamatch, u32 flags, int fd)
{
	struct kvm_ioeventfd arg = ioeventfd_arg(addr, len, datamatch, flags, fd);

	return hv_ioctl(vm->hv.vm_fd, KVM_IOEVENTFD, &arg);
}

void ioeventfd_detach(struct vm *vm, u64 addr, u32 len, u64 datamatch, u32 flags, int fd)
{
	struct kvm_ioeventfd arg = ioeventfd_arg(addr, len, datamatch, flags, fd);

	arg.flags |= KVM_IOEVENTFD_FLAG_DEASSIGN;
	hv_ioctl(vm->hv.vm_fd, KVM_IOEVENTFD, &arg);
}
