// SPDX-License-Identifier: GPL-2.0
/* Any bytes as accesses of a guest, and as what happens around it. */
#include <string.h>

#include "board.h"

/**
 * struct step - one access
 * @what: port or memory, read or write, or an event outside the guest
 * @size: log2 of its bytes
 * @addr: where, by the table below and an offset
 * @value: written
 */
struct step {
	u8 what;
	u8 size;
	u16 addr;
	u64 value;
} __attribute__((packed));

static const u64 ports[] = {0x60, 0x64, 0x70, 0x3f8, 0x505, 0x600, 0xcf8, 0xc000};
static const u64 memory[] = {MEM_PCI32_BASE, MEM_ECAM_BASE, 0x8000000000, 0};

static void outside(const struct step *step)
{
	switch (step->addr & 7) {
	case 0:
		board_tick();
		break;
	case 1:
		board_reset();
		break;
	case 2:
		board.input(board.input_opaque, (const u8 *)&step->value, sizeof(step->value));
		break;
	case 3:
		pci_intx_set(&card, step->value & 1);
		break;
	default:
		pci_msix_trigger(&card, (u32)step->value);
	}
}

static void play(const struct step *step)
{
	u32 size = 1U << (step->size & 3);
	u64 value = step->value;
	u64 addr;

	if (step->what & 4) {
		outside(step);
		return;
	}
	if (step->what & 1) {
		addr = memory[step->addr >> 14] + (step->addr & 0x3fff);
		if (addr >= MEM_ECAM_BASE)
			addr += card.slot << 15;
	} else {
		addr = ports[(step->addr >> 8) & 7] + (step->addr & 7);
		size = size > 4 ? 4 : size;
	}
	if (step->what & 2)
		bus_write(step->what & 1 ? &vm.mmio : &vm.pio, addr, size, &value);
	else
		bus_read(step->what & 1 ? &vm.mmio : &vm.pio, addr, size, &value);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct step step;

	board_create();
	for (; size >= sizeof(step); data += sizeof(step), size -= sizeof(step)) {
		memcpy(&step, data, sizeof(step));
		play(&step);
	}
	board_destroy();
	return 0;
}
