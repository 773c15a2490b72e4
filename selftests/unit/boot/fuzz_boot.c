// SPDX-License-Identifier: GPL-2.0
/* Any bytes as a kernel: the first says which type= and magic to try. */
#include <stdlib.h>
#include <string.h>

#include <asm/bootparam.h>
#include <elf.h>

#include "machine.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	static char cmdline[] = "quiet";
	static u8 image[8192];

	if (size < 2 || size > sizeof(image))
		return 0;
	if (!machine.mem.host) {
		/* No kernel of a fuzzer is worth keeping. */
		setenv("XDG_CACHE_HOME", "/dev/null", 1);
		machine_create(32, 0);
	}
	size--;
	memcpy(image, data + 1, size);
	/* Past the first comparison, where there is something to find. */
	if ((data[0] & 1) && size >= SELFMAG)
		memcpy(image, ELFMAG, SELFMAG);
	else if (size >= 0x206)
		memcpy(image + 0x1fe, "\x55\xaa\x66\x66HdrS\x0f\x02", 10);
	machine_boot(image, size, data, size, (data[0] & 2) ? CONFIG_TYPE_PVH : CONFIG_TYPE_AUTO,
		     cmdline);
	return 0;
}
