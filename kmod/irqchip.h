/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The interrupt controllers of a guest and the ways into them: LAPIC, IOAPIC,
 * PIC, PIT, GSI routing, MSI, irqfd; and ioeventfd, the way out.
 *
 * Lock order: irqfds.lock > irqchip->lock (spin, irqsave) > nothing. LAPICs have
 * no lock: IRR and TMR are set atomically from anywhere, the rest belongs to
 * the vCPU's thread.
 */
#ifndef HVCTL_IRQCHIP_H
#define HVCTL_IRQCHIP_H

#include <linux/kvm.h>
#include <linux/types.h>

struct hv_vm;
struct hv_vcpu;
struct hv_irqchip;	/* PIC pair + IOAPIC (+ PIT), irq.c and friends */
struct hv_lapic;	/* one per vCPU, lapic.c */

#define HV_IOAPIC_PINS		24
#define HV_GSI_MAX		1024
#define HV_APIC_DEFAULT_BASE	0xfee00000ULL

/* irq.c: the VM's irqchip, routing and delivery */
int hv_irqchip_create(struct hv_vm *vm);		/* KVM_CREATE_IRQCHIP */
void hv_irqchip_destroy(struct hv_vm *vm);
int hv_irqchip_get(struct hv_vm *vm, struct kvm_irqchip *chip);
int hv_irqchip_set(struct hv_vm *vm, const struct kvm_irqchip *chip);
int hv_gsi_routing_set(struct hv_vm *vm,
		       const struct kvm_irq_routing_entry *entries, u32 nr);
/* Any context. >0 delivered to so many vCPUs, 0 coalesced, <0 ignored. */
int hv_gsi_set(struct hv_vm *vm, u32 source, u32 gsi, int level);
int hv_msi_send(struct hv_vm *vm, u64 address, u32 data);	/* any context */

/* pit.c */
int hv_pit_create(struct hv_vm *vm, const struct kvm_pit_config *config);
void hv_pit_destroy(struct hv_vm *vm);
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

/* lapic.c (may be split: lapic_timer.c, lapic_ipi.c) */
int hv_lapic_create(struct hv_vcpu *vcpu);
void hv_lapic_destroy(struct hv_vcpu *vcpu);
void hv_lapic_reset(struct hv_vcpu *vcpu, bool init);
int hv_lapic_get(struct hv_vcpu *vcpu, struct kvm_lapic_state *state);
int hv_lapic_set(struct hv_vcpu *vcpu, const struct kvm_lapic_state *state);
/* xAPIC page: reg is the offset. x2APIC: MSR 0x800 + reg / 16.
 * Hot path, IRQs off allowed; HV_RESUME, HV_SLOW (only if !atomic can do it),
 * or HV_USER with vcpu->run filled for an IOAPIC EOI exit.
 */
u32 hv_lapic_mmio_read(struct hv_vcpu *vcpu, u32 reg);
int hv_lapic_mmio_write(struct hv_vcpu *vcpu, u32 reg, u32 value);
int hv_lapic_msr_read(struct hv_vcpu *vcpu, u32 msr, u64 *value);	/* 0x800-0x8ff */
int hv_lapic_msr_write(struct hv_vcpu *vcpu, u32 msr, u64 value);
u64 hv_lapic_base(struct hv_vcpu *vcpu);			/* IA32_APIC_BASE */
int hv_lapic_base_set(struct hv_vcpu *vcpu, u64 value, bool host);
u64 hv_lapic_deadline(struct hv_vcpu *vcpu);		/* IA32_TSC_DEADLINE */
void hv_lapic_deadline_set(struct hv_vcpu *vcpu, u64 guest_tsc);
u8 hv_lapic_tpr(struct hv_vcpu *vcpu);
void hv_lapic_tpr_set(struct hv_vcpu *vcpu, u8 tpr);
/* Highest vector the guest can take now (PPR honoured; PIC's ExtINT through
 * LVT0 included), -1 for none. Own thread only, cheap when nothing is pending.
 */
int hv_irq_next(struct hv_vcpu *vcpu);
/* The vector of hv_irq_next() goes into the guest: IRR to ISR, or PIC INTA. */
int hv_irq_accept(struct hv_vcpu *vcpu);
bool hv_irq_has(struct hv_vcpu *vcpu);	/* would end HLT (own thread, or racy) */
/* The TSC offset changed or time jumped: timers are computed anew. */
void hv_lapic_timer_update(struct hv_vcpu *vcpu);
/* Own thread, IRQs off, before each entry when vcpu->requests says so. */
void hv_lapic_timer_expired(struct hv_vcpu *vcpu);

/* irqfd.c */
int hv_irqfd_assign(struct hv_vm *vm, const struct kvm_irqfd *args);
void hv_irqfd_release_all(struct hv_vm *vm);
void hv_irqfd_routing_changed(struct hv_vm *vm);

/* ioeventfd.c: hot: called with IRQs off. True when a doorbell took it. */
int hv_ioeventfd(struct hv_vm *vm, const struct kvm_ioeventfd *args);
void hv_ioeventfd_release_all(struct hv_vm *vm);
bool hv_doorbell_pio(struct hv_vm *vm, u16 port, u8 size, u64 value);
bool hv_doorbell_mmio(struct hv_vm *vm, u64 gpa, u8 size, u64 value);
/* Whether any doorbell is at gpa at all (before an instruction is decoded). */
bool hv_doorbell_mmio_at(struct hv_vm *vm, u64 gpa);

#endif /* HVCTL_IRQCHIP_H */
