// SPDX-License-Identifier: GPL-2.0
/*
 * ACPI fixed hardware (ACPI 6.5, 4.8.3): the PM1a event and control blocks,
 * which is what it takes for a power button and for powering off. ACPI mode
 * is always on, there is no SMI.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "acpi.h"
#include "vm.h"

/* PM1 status and enable */
#define PM1_POWER_BUTTON (1U << 8)
/* Timer, global lock, power button, sleep button and RTC have enable bits. */
#define PM1_ENABLE_MASK 0x0721
/* PM1 control */
#define PM1_SCI_ENABLE (1U << 0)
#define PM1_SLP_TYP(v) (((v) >> 10) & 7)
#define PM1_SLP_EN     (1U << 13)
/* Everything but SLP_EN, which reads as zero. */
#define PM1_CONTROL_MASK 0x1c07

/**
 * struct acpi_pm - the registers
 * @dev: entry of the device list
 * @vm: constant
 * @region: both blocks
 * @lock: guards what follows
 * @status: PM1a_STS
 * @enable: PM1a_EN
 * @control: PM1a_CNT
 * @sci: level driven on the SCI
 */
struct acpi_pm {
	struct device dev;
	struct vm *vm;
	struct io_region region;
	pthread_mutex_t lock;
	u16 status;
	u16 enable;
	u16 control;
	bool sci;
};

static void acpi_pm_update_sci(struct acpi_pm *pm)
{
	bool level = pm->status & pm->enable & PM1_POWER_BUTTON;

	if (level != pm->sci) {
		pm->sci = level;
		irq_set(pm->vm, IRQ_SCI, level);
	}
}

static void acpi_pm_read(void *opaque, u64 off, u32 size, void *data)
{
	struct acpi_pm *pm = opaque;
	u16 regs[3];

	pthread_mutex_lock(&pm->lock);
	regs[0] = pm->status;
	regs[1] = pm->enable;
	regs[2] = pm->control | PM1_SCI_ENABLE;
	pthread_mutex_unlock(&pm->lock);
	memcpy(data, (u8 *)regs + off, size);
}

static void acpi_pm_control(struct acpi_pm *pm, u16 value)
{
	pm->control = value & PM1_CONTROL_MASK;
	if ((value & PM1_SLP_EN) && PM1_SLP_TYP(value) == ACPI_S5_TYPE)
		vm_request(pm->vm, VM_POWEROFF, "the guest powered off");
}

/* Byte accesses to the 16-bit registers merge with what is there. */
static void acpi_pm_write(void *opaque, u64 off, u32 size, const void *data)
{
	struct acpi_pm *pm = opaque;
	u16 regs[3];
	u64 end = off + size;

	pthread_mutex_lock(&pm->lock);
	regs[0] = 0; /* status is cleared by ones: zeros change nothing */
	regs[1] = pm->enable;
	regs[2] = pm->control;
	memcpy((u8 *)regs + off, data, size);
	pm->status &= (u16)~regs[0];
	pm->enable = regs[1] & PM1_ENABLE_MASK;
	if (end > 4)
		acpi_pm_control(pm, regs[2]);
	acpi_pm_update_sci(pm);
	pthread_mutex_unlock(&pm->lock);
}

int acpi_pm_press_button(struct vm *vm)
{
	struct acpi_pm *pm = vm->acpi_pm;
	int ret = -EAGAIN;

	pthread_mutex_lock(&pm->lock);
	if (pm->enable & PM1_POWER_BUTTON) {
		pm->status |= PM1_POWER_BUTTON;
		acpi_pm_update_sci(pm);
		ret = 0;
	}
	pthread_mutex_unlock(&pm->lock);
	return ret;
}

static void acpi_pm_reset(struct device *dev)
{
	struct acpi_pm *pm = container_of(dev, struct acpi_pm, dev);

	pthread_mutex_lock(&pm->lock);
	pm->status = 0;
	pm->enable = 0;
	pm->control = 0;
	pm->sci = false;
	pthread_mutex_unlock(&pm->lock);
}

static void acpi_pm_destroy(struct device *dev)
{
	struct acpi_pm *pm = container_of(dev, struct acpi_pm, dev);

	bus_del(&pm->vm->pio, &pm->region);
	pm->vm->acpi_pm = NULL;
	pthread_mutex_destroy(&pm->lock);
	free(pm);
}

int acpi_pm_create(struct vm *vm)
{
	struct acpi_pm *pm;
	int ret;

	pm = calloc(1, sizeof(*pm));
	if (!pm)
		return -ENOMEM;
	pm->vm = vm;
	pthread_mutex_init(&pm->lock, NULL);
	pm->dev = (struct device){
		.name = "acpi",
		.reset = acpi_pm_reset,
		.destroy = acpi_pm_destroy,
	};
	pm->region = (struct io_region){
		.base = ACPI_PM1_EVENT,
		.len = ACPI_PM1_EVENT_BYTES + ACPI_PM1_CONTROL_BYTES,
		.name = "acpi",
		.read = acpi_pm_read,
		.write = acpi_pm_write,
		.opaque = pm,
	};
	ret = bus_add(&vm->pio, &pm->region);
	if (ret) {
		log_err("acpi: %s", strerror(-ret));
		pthread_mutex_destroy(&pm->lock);
		free(pm);
		return ret;
	}
	vm->acpi_pm = pm;
	vm_add_device(vm, &pm->dev);
	return 0;
}
