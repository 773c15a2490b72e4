/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The interrupt controllers of a guest and the ways into them: LAPIC, IOAPIC,
 * PIC, PIT, GSI routing, MSI, irqfd; and ioeventfd, the way out.
 *
 * Lock order: an eventfd's wait queue > irqfds.lock; pit.lock > irqchip->lock;
 * the LAPIC timer's lock is a leaf. All are raw and taken with IRQs off. LAPICs
 * have no lock: IRR and TMR are set atomically from anywhere, the rest belongs
 * to the vCPU's thread.
 */
#ifndef HVCTL_IRQCHIP_H
#define HVCTL_IRQCHIP_H

#include <linux/kvm.h>
#include <linux/types.h>

struct hv_vm;
struct hv_vcpu;
struct hv_irqchip;	/* PIC pair + IOAPIC (+ PIT): chips.h */
struct hv_lapic;	/* one per vCPU: lapic.h */

#define HV_GSI_MAX		4096	/* KVM_CAP_IRQ_ROUTING */

/* Who holds an interrupt line up: a line is high while anyone does. */
enum hv_irq_source {
	HV_SRC_USER,		/* KVM_IRQ_LINE and plain irqfds */
	HV_SRC_RESAMPLE,	/* irqfds with KVM_IRQFD_FLAG_RESAMPLE */
	HV_SRC_PIT,
};

/* irq.c: the VM's irqchip, routing and delivery. Take vm->lock as they need. */
int hv_irqchip_create(struct hv_vm *vm);		/* KVM_CREATE_IRQCHIP */
int hv_irqchip_split(struct hv_vm *vm, u64 pins);	/* KVM_CAP_SPLIT_IRQCHIP */
/* vm->lock held: are PIC, IOAPIC (and PIT) here, not in user space? */
bool hv_pic_in_kernel(struct hv_vm *vm);
/* No timer of the irqchip fires after this; the vCPUs may be freed. */
void hv_irqchip_stop(struct hv_vm *vm);
void hv_irqchip_destroy(struct hv_vm *vm);
int hv_irqchip_get(struct hv_vm *vm, struct kvm_irqchip *chip);
int hv_irqchip_set(struct hv_vm *vm, const struct kvm_irqchip *chip);
int hv_gsi_routing_set(struct hv_vm *vm,
		       const struct kvm_irq_routing_entry *entries, u32 nr);
/* Any context. >0 delivered to so many vCPUs, 0 coalesced, <0 ignored. */
int hv_gsi_set(struct hv_vm *vm, enum hv_irq_source source, u32 gsi, bool level);
int hv_msi_send(struct hv_vm *vm, u64 address, u32 data);	/* any context */
/* KVM_SIGNAL_MSI; -EINVAL without an irqchip or for flags. */
int hv_signal_msi(struct hv_vm *vm, const struct kvm_msi *msi);

/* pit.c */
int hv_pit_create(struct hv_vm *vm, const struct kvm_pit_config *config);
int hv_pit_reinject(struct hv_vm *vm, bool on);		/* KVM_REINJECT_CONTROL */
int hv_pit_get(struct hv_vm *vm, struct kvm_pit_state2 *state);
int hv_pit_set(struct hv_vm *vm, const struct kvm_pit_state2 *state);

/*
 * Port and MMIO accesses that the module answers itself (PIC, PIT, ELCR,
 * IOAPIC). IRQs off or not. HV_RESUME when the access was consumed,
 * HV_NOT_HERE when nothing claims it.
 */
#define HV_NOT_HERE	4
int hv_kernel_pio(struct hv_vcpu *vcpu, u16 port, u8 size, bool in, void *data);
int hv_kernel_mmio(struct hv_vcpu *vcpu, u64 gpa, u8 size, bool write,
		   void *data);

/* lapic.c, lapic_state.c, lapic_timer.c */
int hv_lapic_create(struct hv_vcpu *vcpu);
void hv_lapic_destroy(struct hv_vcpu *vcpu);
void hv_lapic_reset(struct hv_vcpu *vcpu, bool init);
int hv_lapic_get(struct hv_vcpu *vcpu, struct kvm_lapic_state *state);
int hv_lapic_set(struct hv_vcpu *vcpu, const struct kvm_lapic_state *state);
/* xAPIC page: reg is the offset, its low four bits do not count. x2APIC: MSR
 * 0x800 + reg / 16, -EINVAL for #GP. All may be called with IRQs off.
 */
u32 hv_lapic_mmio_read(struct hv_vcpu *vcpu, u32 reg);
void hv_lapic_mmio_write(struct hv_vcpu *vcpu, u32 reg, u32 value);
int hv_lapic_msr_read(struct hv_vcpu *vcpu, u32 msr, u64 *value);	/* 0x800-0x8ff */
int hv_lapic_msr_write(struct hv_vcpu *vcpu, u32 msr, u64 value);
u64 hv_lapic_base(struct hv_vcpu *vcpu);			/* IA32_APIC_BASE */
int hv_lapic_base_set(struct hv_vcpu *vcpu, u64 value, bool host);
u64 hv_lapic_deadline(struct hv_vcpu *vcpu);		/* IA32_TSC_DEADLINE */
void hv_lapic_deadline_set(struct hv_vcpu *vcpu, u64 guest_tsc);
u8 hv_lapic_tpr(struct hv_vcpu *vcpu);
void hv_lapic_tpr_set(struct hv_vcpu *vcpu, u8 tpr);
/* Highest vector the guest can take now (PPR honoured; PIC's ExtINT through
 * LVT0 included, or what KVM_INTERRUPT brought from user space's), -1 for none.
 * Own thread only, cheap when nothing is pending.
 * A look, not a promise: hv_irq_accept() says what is delivered.
 */
int hv_irq_next(struct hv_vcpu *vcpu);
/* The same of the PIC alone; there is an irqchip. */
int hv_irq_next_pic(struct hv_vcpu *vcpu);
/* User space has the PIC: does it reach this vCPU? */
bool hv_irq_takes_user_pic(struct hv_vcpu *vcpu);
/* Take it: IRR to ISR, or the PIC's INTA cycle. -1 when it has gone. */
int hv_irq_accept(struct hv_vcpu *vcpu);
bool hv_irq_has(struct hv_vcpu *vcpu);	/* own thread, or racy */
/* Only the TPR keeps an interrupt back: leave the guest when it lowers CR8. */
bool hv_irq_tpr_holds(struct hv_vcpu *vcpu);
void hv_lapic_mode(struct hv_vcpu *vcpu);
/* lapic_cpu.c, IRQs off, in the inner loop, where vcpu->apic_by_cpu. */
void hv_lapic_give(struct hv_vcpu *vcpu);
int hv_hot_eoi(struct hv_vcpu *vcpu);
/* The TSC offset changed or time jumped: timers are computed anew. */
void hv_lapic_timer_update(struct hv_vcpu *vcpu);
/* HV_R_TIMER: vcpu->deadline has come, or nearly. */
int hv_hot_timer(struct hv_vcpu *vcpu);
/* IRQs off: vcpu->timer_exit, and the inner loop has just ended. */
void hv_lapic_timer_leave(struct hv_vcpu *vcpu);
/* HV_REQ_TIMER, IRQs off: have the timer fire on the CPU we now run on. */
void hv_lapic_timer_migrate(struct hv_vcpu *vcpu);

/* irqfd.c */
int hv_irqfd_init(void);		/* once, for the module */
void hv_irqfd_exit(void);
int hv_irqfd_assign(struct hv_vm *vm, const struct kvm_irqfd *args);
void hv_irqfd_release_all(struct hv_vm *vm);

/* coalesced.c: hot, too. */
bool hv_coalesce(struct hv_vm *vm, u64 addr, u8 size, u64 value, bool pio);
int hv_coalesced_add(struct hv_vm *vm, const struct kvm_coalesced_mmio_zone *zone);
int hv_coalesced_remove(struct hv_vm *vm, const struct kvm_coalesced_mmio_zone *zone);
int hv_coalesced_init(struct hv_vm *vm);
void hv_coalesced_destroy(struct hv_vm *vm);
/* ioeventfd.c: hot: called with IRQs off. True when a doorbell took it. */
int hv_ioeventfd(struct hv_vm *vm, const struct kvm_ioeventfd *args);
void hv_ioeventfd_release_all(struct hv_vm *vm);
bool hv_doorbell_pio(struct hv_vm *vm, u16 port, u8 size, u64 value);
bool hv_doorbell_mmio(struct hv_vm *vm, u64 gpa, u8 size, u64 value);
/* Whether any doorbell is at gpa at all (before an instruction is decoded). */
bool hv_doorbell_mmio_at(struct hv_vm *vm, u64 gpa);

#endif /* HVCTL_IRQCHIP_H */
