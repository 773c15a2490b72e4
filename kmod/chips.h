/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The interrupt controllers that a VM has once: a pair of 8259A PICs, an
 * 82093AA IOAPIC, an 8254 PIT; and the table that says which GSI ends where.
 *
 * State is kept in the structures of the KVM ABI where they say it all.
 */
#ifndef HVCTL_CHIPS_H
#define HVCTL_CHIPS_H

#include <linux/hrtimer.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/rcupdate.h>
#include <linux/spinlock.h>

#include "hvctl.h"

#define HV_PIC_PINS	16	/* of the pair */
#define HV_CHIPS	3	/* KVM_IRQCHIP_PIC_MASTER, _PIC_SLAVE, _IOAPIC */

/* pic.c; all under irqchip->lock */
struct hv_pic {
	struct kvm_pic_state s[2];	/* master, slave */
	unsigned long lines[HV_PIC_PINS];	/* BIT(enum hv_irq_source) */
	u16 acked;		/* pins whose EOI is still to be told */
	bool output;		/* INT pin of the master; read anywhere */
};

/* ioapic.c; all under irqchip->lock but s.base_address, which is read anywhere */
struct hv_ioapic {
	struct kvm_ioapic_state s;
	unsigned long lines[KVM_IOAPIC_NUM_PINS];	/* BIT(enum hv_irq_source) */
};

/* pit.c */
struct hv_pit {
	struct hv_irqchip *chip;	/* (c) */
	raw_spinlock_t lock;
	struct kvm_pit_state2 s;	/* lock */
	bool speaker;			/* (c) port 0x61 is ours */
	bool reinject;			/* lock: make up for lost ticks */
	u32 owed;			/* lock: ticks the guest could not take yet */
	u64 period_ns;			/* lock: of channel 0, 0 for one-shot */
	ktime_t next;			/* lock: when channel 0's OUT rises */
	struct hrtimer hrtimer;		/* lock */
};

/* Where a GSI leads to. */
struct hv_route {
	u32 gsi;
	u32 type;			/* KVM_IRQ_ROUTING_IRQCHIP, _MSI, _XEN_EVTCHN */
	union {
		struct {
			u32 chip, pin;
		};
		struct {
			u64 address;
			u32 data;
		};
		struct {
			u32 vcpu, port;
		};
	};
};

/**
 * struct hv_routing - the routes of a VM; immutable once published
 * @rcu: frees it after the last reader
 * @nr_gsi: GSIs from here on lead nowhere
 * @gsi_of: the other direction: which GSI feeds a pin, -1 for none
 * @route: sorted by GSI
 * @start: nr_gsi + 1 of them, after @route: position of a GSI's first route
 */
struct hv_routing {
	struct rcu_head rcu;
	u32 nr_gsi;
	s16 gsi_of[HV_CHIPS][KVM_IOAPIC_NUM_PINS];
	u16 *start;
	struct hv_route route[];
};

/* irqfd.c */
struct hv_irqfds {
	struct mutex mutex;		/* assign and deassign, one at a time */
	raw_spinlock_t lock;		/* list, against hang-ups */
	struct list_head list;		/* lock */
	struct mutex resample_mutex;	/* inside mutex */
	struct list_head resamplers;	/* (r) resample_mutex */
	u32 nr_resamplers;		/* resample_mutex; read anywhere */
};

struct hv_irqchip {
	struct hv_vm *vm;		/* (c) */
	bool split;			/* (c) PIC and IOAPIC are user space's; */
	u32 nr_user_pins;		/* (c) GSIs below are its IOAPIC's pins */
	raw_spinlock_t lock;
	struct hv_pic pic;		/* lock */
	struct hv_ioapic ioapic;	/* lock */
	struct hv_pit *pit;		/* (l) then (c) */
	struct hv_routing __rcu *routing;	/* (r)(l) */
	atomic_t turn;			/* (a) who gets the next lowest priority */
	struct hv_irqfds irqfds;
};

/* irq.c: a pin's interrupt has ended (EOI). irqchip->lock not held. */
void hv_irq_acked(struct hv_irqchip *chip, u32 chip_id, u32 pin);
/* The chip is split: does the vector come from a pin of user space's IOAPIC? */
bool hv_irq_of_user_pin(struct hv_irqchip *chip, u8 vector);
/* An edge: up and down again. Any context; result of the rising half. */
int hv_gsi_pulse(struct hv_irqchip *chip, enum hv_irq_source source, u32 gsi);

/* pic.c. What takes a chip takes its lock. */
void hv_pic_init(struct hv_irqchip *chip);
int hv_pic_line(struct hv_irqchip *chip, enum hv_irq_source source, u32 pin,
		bool level);
int hv_pic_look(struct hv_irqchip *chip);	/* vector INTA would give */
int hv_pic_inta(struct hv_irqchip *chip);	/* -1 when INT is low */
void hv_pic_get(struct hv_irqchip *chip, u32 nr, struct kvm_pic_state *state);
void hv_pic_set(struct hv_irqchip *chip, u32 nr,
		const struct kvm_pic_state *state);
u8 hv_pic_read(struct hv_irqchip *chip, u16 port);
void hv_pic_write(struct hv_irqchip *chip, u16 port, u8 value);

/* ioapic.c, likewise */
void hv_ioapic_init(struct hv_irqchip *chip);
int hv_ioapic_line(struct hv_irqchip *chip, enum hv_irq_source source, u32 pin,
		   bool level);
void hv_ioapic_eoi(struct hv_irqchip *chip, u8 vector);
void hv_ioapic_get(struct hv_irqchip *chip, struct kvm_ioapic_state *state);
void hv_ioapic_set(struct hv_irqchip *chip, const struct kvm_ioapic_state *state);
u32 hv_ioapic_read(struct hv_irqchip *chip, u32 offset);
void hv_ioapic_write(struct hv_irqchip *chip, u32 offset, u32 value);

/* pit.c, likewise with the PIT's */
void hv_pit_stop(struct hv_irqchip *chip);
u8 hv_pit_read(struct hv_pit *pit, u16 port);
void hv_pit_write(struct hv_pit *pit, u16 port, u8 value);

/* irqfd.c */
void hv_irqfds_init(struct hv_irqfds *fds);
void hv_irqfd_resample(struct hv_irqchip *chip, u32 gsi);

#endif /* HVCTL_CHIPS_H */
