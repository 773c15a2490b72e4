// SPDX-License-Identifier: GPL-2.0
/*
 * irqfd: writing to an eventfd raises an interrupt of the guest.
 *
 * The eventfd calls irqfd_wakeup() with its wait queue's lock held and
 * interrupts off. Everything on the way to a local APIC works in that context,
 * so the interrupt is delivered right there.
 *
 * Taking an irqfd apart may sleep, but closing the eventfd announces itself
 * in the same atomic context. Therefore whoever takes an irqfd off the list
 * (deassign, the VM's end, or the hang-up) owns it, and gives it to a work
 * item; the others wait for the workqueue where they must be sure.
 *
 * A resampling irqfd models a level: the eventfd raises it, the guest's EOI
 * lowers it and signals another eventfd, whereupon the device raises it again
 * if it still wants to. All on one GSI share a resampler.
 */
#include <linux/eventfd.h>
#include <linux/file.h>
#include <linux/poll.h>
#include <linux/rculist.h>
#include <linux/slab.h>
#include <linux/workqueue.h>

#include "chips.h"

struct hv_resampler {
	struct list_head node;		/* irqfds.resamplers */
	struct list_head fds;		/* (r) resample_mutex */
	u32 gsi;			/* (c) */
};

struct hv_irqfd {
	struct hv_irqchip *chip;	/* (c) */
	u32 gsi;			/* (c) */
	struct eventfd_ctx *eventfd;	/* (c) */
	struct eventfd_ctx *resample;	/* (c) signalled by EOI, or NULL */
	struct hv_resampler *resampler;	/* (c) */
	struct list_head resample_node;	/* resampler->fds */
	struct list_head node;		/* irqfds.list; irqfds.lock */
	wait_queue_entry_t wait;
	struct work_struct shutdown;
};

struct irqfd_poll {
	poll_table table;
	struct hv_irqfd *irqfd;
};

static struct workqueue_struct *irqfd_wq;

static void irqfd_inject(struct hv_irqfd *irqfd)
{
	if (irqfd->resampler)
		hv_gsi_set(irqfd->chip->vm, HV_SRC_RESAMPLE, irqfd->gsi, true);
	else
		hv_gsi_pulse(irqfd->chip, HV_SRC_USER, irqfd->gsi);
}

/* irqfds.lock held. False when somebody else has it already. */
static bool irqfd_take_down(struct hv_irqfd *irqfd)
{
	if (list_empty(&irqfd->node))
		return false;
	list_del_init(&irqfd->node);
	queue_work(irqfd_wq, &irqfd->shutdown);
	return true;
}

static int irqfd_wakeup(wait_queue_entry_t *wait, unsigned int mode, int sync,
			void *key)
{
	struct hv_irqfd *irqfd = container_of(wait, struct hv_irqfd, wait);
	struct hv_irqfds *fds = &irqfd->chip->irqfds;
	__poll_t events = key_to_poll(key);
	u64 count;

	if (events & EPOLLIN) {
		/* Taken note of: nobody else need read it back to zero. */
		eventfd_ctx_do_read(irqfd->eventfd, &count);
		irqfd_inject(irqfd);
	}
	if (events & EPOLLHUP) {
		raw_spin_lock(&fds->lock);
		irqfd_take_down(irqfd);
		raw_spin_unlock(&fds->lock);
	}
	return 0;
}

static void irqfd_queue(struct file *file, wait_queue_head_t *head,
			poll_table *table)
{
	struct hv_irqfd *irqfd =
		container_of(table, struct irqfd_poll, table)->irqfd;

	add_wait_queue(head, &irqfd->wait);
}

/* ------------------------------------------------------------ resampling */

/**
 * hv_irqfd_resample() - the guest has ended a level-triggered interrupt
 * @chip: the VM's irqchip, its lock not held
 * @gsi: the GSI that feeds the pin
 *
 * Context: RCU read side, IRQs off or on.
 */
void hv_irqfd_resample(struct hv_irqchip *chip, u32 gsi)
{
	struct hv_resampler *resampler;
	struct hv_irqfd *irqfd;

	list_for_each_entry_rcu(resampler, &chip->irqfds.resamplers, node) {
		if (resampler->gsi != gsi)
			continue;
		/* First down: a device may raise it again from the signal. */
		hv_gsi_set(chip->vm, HV_SRC_RESAMPLE, gsi, false);
		list_for_each_entry_rcu(irqfd, &resampler->fds, resample_node)
			hv_eventfd_signal(irqfd->resample);
		break;
	}
}

static int resampler_join(struct hv_irqfd *irqfd)
{
	struct hv_irqfds *fds = &irqfd->chip->irqfds;
	struct hv_resampler *resampler;
	int r = 0;

	mutex_lock(&fds->resample_mutex);
	list_for_each_entry(resampler, &fds->resamplers, node)
		if (resampler->gsi == irqfd->gsi)
			goto found;

	resampler = kzalloc(sizeof(*resampler), GFP_KERNEL_ACCOUNT);
	if (!resampler) {
		r = -ENOMEM;
		goto out;
	}
	resampler->gsi = irqfd->gsi;
	INIT_LIST_HEAD(&resampler->fds);
	list_add_rcu(&resampler->node, &fds->resamplers);
	WRITE_ONCE(fds->nr_resamplers, fds->nr_resamplers + 1);
found:
	list_add_rcu(&irqfd->resample_node, &resampler->fds);
	irqfd->resampler = resampler;
out:
	mutex_unlock(&fds->resample_mutex);
	return r;
}

static void resampler_leave(struct hv_irqfd *irqfd)
{
	struct hv_resampler *resampler = irqfd->resampler;
	struct hv_irqfds *fds = &irqfd->chip->irqfds;
	bool last;

	mutex_lock(&fds->resample_mutex);
	list_del_rcu(&irqfd->resample_node);
	last = list_empty(&resampler->fds);
	if (last) {
		list_del_rcu(&resampler->node);
		WRITE_ONCE(fds->nr_resamplers, fds->nr_resamplers - 1);
		/* Nobody is left to lower the line. */
		hv_gsi_set(irqfd->chip->vm, HV_SRC_RESAMPLE, irqfd->gsi, false);
	}
	mutex_unlock(&fds->resample_mutex);
	synchronize_rcu_expedited();
	if (last)
		kfree(resampler);
}

/* ------------------------------------------------------------ life */

static void irqfd_free(struct hv_irqfd *irqfd)
{
	if (irqfd->resampler)
		resampler_leave(irqfd);
	if (irqfd->resample)
		eventfd_ctx_put(irqfd->resample);
	eventfd_ctx_put(irqfd->eventfd);
	kfree(irqfd);
}

static void irqfd_shutdown(struct work_struct *work)
{
	struct hv_irqfd *irqfd = container_of(work, struct hv_irqfd, shutdown);
	u64 count;

	/* After this irqfd_wakeup() is neither running nor called again. */
	eventfd_ctx_remove_wait_queue(irqfd->eventfd, &irqfd->wait, &count);
	irqfd_free(irqfd);
}

static struct hv_irqfd *irqfd_make(struct hv_irqchip *chip, struct file *file,
				   const struct kvm_irqfd *args)
{
	struct hv_irqfd *irqfd = kzalloc(sizeof(*irqfd), GFP_KERNEL_ACCOUNT);
	int r;

	if (!irqfd)
		return ERR_PTR(-ENOMEM);
	irqfd->chip = chip;
	irqfd->gsi = args->gsi;
	INIT_LIST_HEAD(&irqfd->node);
	INIT_WORK(&irqfd->shutdown, irqfd_shutdown);
	init_waitqueue_func_entry(&irqfd->wait, irqfd_wakeup);

	irqfd->eventfd = eventfd_ctx_fileget(file);
	if (IS_ERR(irqfd->eventfd)) {
		r = PTR_ERR(irqfd->eventfd);
		kfree(irqfd);
		return ERR_PTR(r);
	}
	if (!(args->flags & KVM_IRQFD_FLAG_RESAMPLE))
		return irqfd;

	irqfd->resample = eventfd_ctx_fdget(args->resamplefd);
	r = PTR_ERR_OR_ZERO(irqfd->resample);
	if (r)
		irqfd->resample = NULL;
	else
		r = resampler_join(irqfd);
	if (r) {
		irqfd_free(irqfd);
		return ERR_PTR(r);
	}
	return irqfd;
}

/* fds->mutex held: only hang-ups can change the list besides us. */
static int irqfd_add(struct hv_irqfds *fds, struct hv_irqfd *irqfd)
{
	struct hv_irqfd *other;
	int r = 0;

	raw_spin_lock_irq(&fds->lock);
	list_for_each_entry(other, &fds->list, node)
		if (other->eventfd == irqfd->eventfd)
			r = -EBUSY;
	if (!r)
		list_add_tail(&irqfd->node, &fds->list);
	raw_spin_unlock_irq(&fds->lock);
	return r;
}

static int irqfd_assign(struct hv_irqchip *chip, const struct kvm_irqfd *args)
{
	struct hv_irqfds *fds = &chip->irqfds;
	struct irqfd_poll poll;
	struct file *file;
	int r;

	file = fget(args->fd);
	if (!file)
		return -EBADF;
	poll.irqfd = irqfd_make(chip, file, args);
	r = PTR_ERR_OR_ZERO(poll.irqfd);
	if (r)
		goto out;

	mutex_lock(&fds->mutex);
	r = irqfd_add(fds, poll.irqfd);
	if (!r) {
		/* The file is held: no hang-up before we are in its queue. */
		init_poll_funcptr(&poll.table, irqfd_queue);
		if (vfs_poll(file, &poll.table) & EPOLLIN)
			irqfd_inject(poll.irqfd);
	}
	mutex_unlock(&fds->mutex);
	if (r)
		irqfd_free(poll.irqfd);
out:
	fput(file);
	return r;
}

static int irqfd_deassign(struct hv_irqchip *chip, const struct kvm_irqfd *args)
{
	struct hv_irqfds *fds = &chip->irqfds;
	struct hv_irqfd *irqfd, *next;
	struct eventfd_ctx *eventfd;

	eventfd = eventfd_ctx_fdget(args->fd);
	if (IS_ERR(eventfd))
		return PTR_ERR(eventfd);

	mutex_lock(&fds->mutex);
	raw_spin_lock_irq(&fds->lock);
	list_for_each_entry_safe(irqfd, next, &fds->list, node)
		if (irqfd->eventfd == eventfd && irqfd->gsi == args->gsi)
			irqfd_take_down(irqfd);
	raw_spin_unlock_irq(&fds->lock);
	mutex_unlock(&fds->mutex);
	eventfd_ctx_put(eventfd);

	/* On return no interrupt comes from it. */
	flush_workqueue(irqfd_wq);
	return 0;
}

/**
 * hv_irqfd_assign() - KVM_IRQFD
 * @vm: the VM
 * @args: eventfd, GSI and KVM_IRQFD_FLAG_*
 *
 * Context: may sleep. Return: 0; -EINVAL without an irqchip, for unknown flags
 * and for RESAMPLE without an IOAPIC, a GSI out of range or a descriptor that is
 * no eventfd; -EBADF; -EBUSY when the eventfd is in use as an irqfd of this VM;
 * -ENOMEM.
 */
int hv_irqfd_assign(struct hv_vm *vm, const struct kvm_irqfd *args)
{
	struct hv_irqchip *chip = READ_ONCE(vm->irqchip);
	const u32 known = KVM_IRQFD_FLAG_DEASSIGN | KVM_IRQFD_FLAG_RESAMPLE;

	if (!chip || args->flags & ~known || args->gsi >= HV_GSI_MAX)
		return -EINVAL;
	if (args->flags & KVM_IRQFD_FLAG_DEASSIGN)
		return irqfd_deassign(chip, args);
	/* Only user space's IOAPIC would know when to sample again. */
	if (chip->split && args->flags & KVM_IRQFD_FLAG_RESAMPLE)
		return -EINVAL;
	return irqfd_assign(chip, args);
}

/**
 * hv_irqfd_release_all() - detach all eventfds from a VM
 * @vm: the VM; nobody assigns any more
 *
 * Context: may sleep.
 */
void hv_irqfd_release_all(struct hv_vm *vm)
{
	struct hv_irqfd *irqfd, *next;
	struct hv_irqfds *fds;

	if (!vm->irqchip)
		return;
	fds = &vm->irqchip->irqfds;
	raw_spin_lock_irq(&fds->lock);
	list_for_each_entry_safe(irqfd, next, &fds->list, node)
		irqfd_take_down(irqfd);
	raw_spin_unlock_irq(&fds->lock);
	/* Those that hung up before are taken apart here, too. */
	flush_workqueue(irqfd_wq);
}

/**
 * hv_irqfds_init() - no irqfds yet
 * @fds: of an irqchip that is being created
 */
void hv_irqfds_init(struct hv_irqfds *fds)
{
	mutex_init(&fds->mutex);
	raw_spin_lock_init(&fds->lock);
	INIT_LIST_HEAD(&fds->list);
	mutex_init(&fds->resample_mutex);
	INIT_LIST_HEAD(&fds->resamplers);
}

/**
 * hv_irqfd_init() - once for the module
 *
 * The workqueue is the module's and not a VM's, so that it costs no VM
 * anything and is drained before the module's code goes away.
 *
 * Return: 0 or -ENOMEM.
 */
int hv_irqfd_init(void)
{
	irqfd_wq = alloc_workqueue("hvctl_irqfd", WQ_UNBOUND, 0);
	return irqfd_wq ? 0 : -ENOMEM;
}

/** hv_irqfd_exit() - after the last VM */
void hv_irqfd_exit(void)
{
	destroy_workqueue(irqfd_wq);
}
