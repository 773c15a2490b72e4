// SPDX-License-Identifier: GPL-2.0
/*
 * Values for keys that were not given.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "config_tree.h"

int cfg_default_name(struct config *cfg, const char *file)
{
	static const char *const endings[] = {".cfg", ".conf", ".hvctl", ".xl", ".xm"};
	const char *base = strrchr(file, '/');
	size_t len;

	base = base ? base + 1 : file;
	len = strlen(base);
	for (size_t i = 0; i < sizeof(endings) / sizeof(*endings); i++) {
		size_t tail = strlen(endings[i]);

		if (len > tail && !strcmp(base + len - tail, endings[i])) {
			len -= tail;
			break;
		}
	}
	if (len > CONFIG_NAME_MAX)
		return -EINVAL;
	memcpy(cfg->name, base, len);
	cfg->name[len] = '\0';
	return config_name_valid(cfg->name) ? 0 : -EINVAL;
}

int cfg_default_uuid(uint8_t uuid[16])
{
	if (getrandom(uuid, 16, 0) != 16)
		return -EIO;
	/* RFC 9562: version 4 (random), variant 10. */
	uuid[6] = (uuid[6] & 0x0f) | 0x40;
	uuid[8] = (uuid[8] & 0x3f) | 0x80;
	return 0;
}

/*
 * 00:16:3e is the prefix that Xen's guests use, its last three bytes are free.
 * They follow from the uuid, so that a guest that keeps its uuid keeps its
 * addresses. The n-th card adds n: two cards of a guest never collide.
 */
void cfg_default_macs(struct config *cfg)
{
	static const uint8_t none[6];
	uint32_t hash = 2166136261u; /* FNV-1a */

	for (int i = 0; i < 16; i++)
		hash = (hash ^ cfg->uuid[i]) * 16777619u;
	for (unsigned int i = 0; i < cfg->n_vifs; i++) {
		uint8_t *mac = cfg->vifs[i].mac;
		uint32_t low = ((hash ^ hash >> 24) + i) & 0xffffff;

		if (memcmp(mac, none, sizeof(none)))
			continue;
		mac[0] = 0x00;
		mac[1] = 0x16;
		mac[2] = 0x3e;
		mac[3] = (uint8_t)(low >> 16);
		mac[4] = (uint8_t)(low >> 8);
		mac[5] = (uint8_t)low;
	}
}
