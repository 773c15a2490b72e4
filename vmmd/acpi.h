/* SPDX-License-Identifier: GPL-2.0 */
/*
 * ACPI: the tables that describe the machine (acpi.c, acpi_dsdt.c) and the
 * fixed hardware behind power button and power-off (acpi_pm.c).
 */
#ifndef VMMD_ACPI_H
#define VMMD_ACPI_H

#include "types.h"

struct aml;
struct vm;

/* Fixed hardware: event block of status and enable, then control. */
#define ACPI_PM1_EVENT	       0x600
#define ACPI_PM1_EVENT_BYTES   4
#define ACPI_PM1_CONTROL       0x604
#define ACPI_PM1_CONTROL_BYTES 2
/* SLP_TYP value that \_S5 announces. */
#define ACPI_S5_TYPE 5
/* A write of this value here resets the machine (FADT RESET_REG). */
#define ACPI_RESET_PORT	 0xcf9
#define ACPI_RESET_VALUE 0x06

/**
 * acpi_build() - write all tables into guest memory
 * @vm: devices are registered
 * @gpa: where
 * @size: room in bytes
 * @rsdp: out: guest physical address of the root pointer
 *
 * Return: 0 or a negative errno (logged).
 */
int acpi_build(struct vm *vm, u64 gpa, u64 size, u64 *rsdp);

/** struct acpi_machine - what the tables tell, apart from constants */
struct acpi_machine {
	u32 vcpus;
	u32 pci_slots; /* one bit for each slot in use */
	bool serial;
};

/**
 * acpi_write() - write all tables into a buffer
 * @machine: what to describe
 * @buf: zeroed memory
 * @size: its bytes
 * @gpa: the guest physical address it stands for
 * @rsdp: out: guest physical address of the root pointer
 *
 * Return: bytes used, or -ENOSPC.
 */
int acpi_write(const struct acpi_machine *machine, u8 *buf, size_t size, u64 gpa, u64 *rsdp);

/** acpi_dsdt() - write the definition block of the DSDT */
void acpi_dsdt(struct aml *aml, const struct acpi_machine *machine);

/**
 * acpi_pm_create() - add the fixed hardware to the device list
 * @vm: being created
 *
 * Return: 0 or a negative errno (logged).
 */
int acpi_pm_create(struct vm *vm);

/**
 * acpi_pm_press_button() - the power button
 * @vm: a running VM
 *
 * Context: any thread.
 * Return: 0, or -EAGAIN when the guest has not enabled the event.
 */
int acpi_pm_press_button(struct vm *vm);

#endif /* VMMD_ACPI_H */
