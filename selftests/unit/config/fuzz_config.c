// SPDX-License-Identifier: GPL-2.0
/*
 * libFuzzer target: any bytes are either a configuration or one error line,
 * and what was parsed keeps the promises of config.h. A NUL byte parts the
 * file from one override.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"

static void must(int what)
{
	if (!what)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *nul = memchr(data, 0, size);
	size_t file_len = nul ? (size_t)(nul - data) : size;
	char *override = nul ? strndup((const char *)nul + 1, size - file_len - 1) : NULL;
	char *overrides[] = {override, NULL};
	struct config_error err;
	struct config cfg;
	int ret;

	ret = config_parse_text("fuzz.cfg", (const char *)data, file_len, overrides, &cfg, &err);
	if (ret) {
		must(ret < 0 && *err.text && !strchr(err.text, '\n') && !cfg.file);
	} else {
		must(cfg.kernel ? *cfg.kernel == '/' && !cfg.grub.used
				: cfg.grub.used && cfg.n_disks);
		must(config_name_valid(cfg.name) && cfg.cmdline && cfg.vcpus >= 1 &&
		     cfg.maxvcpus >= cfg.vcpus && cfg.maxmem_mib >= cfg.memory_mib &&
		     cfg.n_disks <= CONFIG_DISKS_MAX && cfg.n_vifs <= CONFIG_VIFS_MAX);
		for (unsigned int i = 0; i < cfg.n_disks; i++)
			must(*cfg.disks[i].path == '/');
		for (unsigned int i = 0; i < cfg.n_vifs; i++)
			must(!(cfg.vifs[i].mac[0] & 1) && *cfg.vifs[i].bridge);
		config_free(&cfg);
	}
	free(override);
	return 0;
}
