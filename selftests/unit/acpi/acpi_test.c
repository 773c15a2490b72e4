// SPDX-License-Identifier: GPL-2.0
/*
 * Writes the tables of a machine as files into a directory, after checking
 * what a kernel checks first: signatures, lengths, sums and pointers.
 *
 * usage: acpi_test DIR VCPUS PCI_SLOTS SERIAL
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "acpi.h"
#include "vm.h"

#define GPA   0xe0000
#define BYTES 0x20000

static u8 area[BYTES];

/* acpi_build() is not what is tested here; it asks for this. */
u32 pci_slots(const struct vm *vm)
{
	(void)vm;
	abort();
}

static void die(const char *what)
{
	fprintf(stderr, "acpi_test: %s\n", what);
	exit(1);
}

static u8 *at(u64 gpa, size_t len)
{
	if (gpa < GPA || !range_fits(gpa - GPA, len, BYTES))
		die("pointer out of range");
	return area + (gpa - GPA);
}

static u64 get(const u8 *p, size_t bytes)
{
	u64 v = 0;

	memcpy(&v, p, bytes);
	return v;
}

static void check_sum(const u8 *p, size_t len)
{
	u8 sum = 0;

	while (len--)
		sum = (u8)(sum + *p++);
	if (sum)
		die("bad checksum");
}

/* Length of the table at @gpa, which goes into a file of its name. */
static u32 save(const char *dir, u64 gpa, bool summed)
{
	u8 *table = at(gpa, 8);
	u32 len = (u32)get(table + 4, 4);
	char path[4096];
	FILE *f;

	at(gpa, len);
	if (summed)
		check_sum(table, len);
	snprintf(path, sizeof(path), "%s/%.4s.dat", dir, (char *)table);
	f = fopen(path, "w");
	if (!f || fwrite(table, len, 1, f) != 1 || fclose(f))
		die("cannot write a table");
	return len;
}

int main(int argc, char **argv)
{
	struct acpi_machine machine;
	u64 rsdp_gpa, xsdt, gpa;
	u32 i, len;
	u8 *rsdp;
	int used, room;

	if (argc != 5)
		die("usage: acpi_test DIR VCPUS PCI_SLOTS SERIAL");
	machine.vcpus = (u32)atoi(argv[2]);
	machine.pci_slots = (u32)strtoul(argv[3], NULL, 0);
	machine.serial = atoi(argv[4]);

	used = acpi_write(&machine, area, sizeof(area), GPA, &rsdp_gpa);
	if (used < 0)
		die("does not fit");
	/* With less room there is an error, and nothing written beyond it. */
	for (room = 0; room < used; room += 7) {
		u8 *small = calloc(1, (size_t)room + 1);

		if (acpi_write(&machine, small, (size_t)room, GPA, &gpa) != -ENOSPC)
			die("no error for lack of room");
		free(small);
	}

	rsdp = at(rsdp_gpa, 36);
	if (memcmp(rsdp, "RSD PTR ", 8) || rsdp_gpa % 16)
		die("bad root pointer");
	check_sum(rsdp, 20);
	check_sum(rsdp, 36);
	xsdt = get(rsdp + 24, 8);
	len = save(argv[1], xsdt, true);
	for (i = 36; i < len; i += 8) {
		gpa = get(at(xsdt, len) + i, 8);
		save(argv[1], gpa, true);
		if (!memcmp(at(gpa, 4), "FACP", 4)) {
			save(argv[1], get(at(gpa, 276) + 36, 4), false);
			save(argv[1], get(at(gpa, 276) + 140, 8), true);
		}
	}
	return 0;
}
