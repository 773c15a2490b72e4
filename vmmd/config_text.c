// SPDX-License-Identifier: GPL-2.0
/*
 * A configuration as text again, for the file that a guest is saved to.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"

/* A quoted string: what would end it, or a line, is escaped. */
static void put_string(FILE *out, const char *text)
{
	fputc('\'', out);
	for (; *text; text++) {
		if ((unsigned char)*text < ' ' || *text == 0x7f)
			fprintf(out, "\\x%02x", (unsigned char)*text);
		else if (*text == '\'' || *text == '\\')
			fprintf(out, "\\%c", *text);
		else
			fputc(*text, out);
	}
	fputc('\'', out);
}

static void put_text(FILE *out, const char *key, const char *text)
{
	if (!text)
		return;
	fprintf(out, "%s = ", key);
	put_string(out, text);
	fputc('\n', out);
}

static void put_number(FILE *out, const char *key, unsigned long long n)
{
	fprintf(out, "%s = %llu\n", key, n);
}

static void put_cpus(FILE *out, const struct config *cfg)
{
	const char *comma = "";

	if (!cfg->affinity_set)
		return;
	fputs("cpus = '", out);
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (!CPU_ISSET(cpu, &cfg->affinity))
			continue;
		fprintf(out, "%s%d", comma, cpu);
		comma = ",";
	}
	fputs("'\n", out);
}

/* The path comes last: behind target= all is of it. */
static void put_disk(FILE *out, const struct config_disk *disk)
{
	char *text;

	if (asprintf(&text, "format=%s,vdev=%s,access=%s%s%s%s%s%s",
		     disk->path ? config_disk_format_name(disk->format) : "empty", disk->vdev,
		     disk->readonly ? "ro" : "rw", disk->cdrom ? ",devtype=cdrom" : "",
		     disk->direct ? ",direct-io-safe" : "", disk->discard ? "" : ",no-discard",
		     disk->path ? ",target=" : "", disk->path ? disk->path : "") < 0)
		return;
	put_string(out, text);
	free(text);
}

static void put_vif(FILE *out, const struct config_vif *vif)
{
	static const char *const types[] = {NULL, "bridge", "user"};
	/* A number of the configuration has 32 bits. */
	bool kilo = vif->rate > UINT32_MAX;
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	if (!f)
		return;
	fprintf(f, "mac=%02x:%02x:%02x:%02x:%02x:%02x", vif->mac[0], vif->mac[1], vif->mac[2],
		vif->mac[3], vif->mac[4], vif->mac[5]);
	if (types[vif->type])
		fprintf(f, ",type=%s", types[vif->type]);
	/* One that was named makes the type; else it is the default. */
	if (vif->type == CONFIG_VIF_BRIDGE)
		fprintf(f, ",bridge=%s", vif->bridge);
	if (*vif->ifname)
		fprintf(f, ",vifname=%s", vif->ifname);
	if (vif->ip)
		fprintf(f, ",ip=%s", vif->ip);
	if (vif->script)
		fprintf(f, ",script=%s", vif->script);
	if (vif->rate)
		fprintf(f, ",rate=%llu%s@%uus",
			(unsigned long long)(kilo ? vif->rate / 1000 : vif->rate),
			kilo ? "KB/s" : "B/s", vif->rate_interval_us);
	if (vif->mtu)
		fprintf(f, ",mtu=%u", vif->mtu);
	if (!fclose(f))
		put_string(out, text);
	free(text);
}

static void put_lists(FILE *out, const struct config *cfg)
{
	fputs("disk = [", out);
	for (unsigned int i = 0; i < cfg->n_disks; i++) {
		fputs(i ? ",\n\t" : "\n\t", out);
		put_disk(out, &cfg->disks[i]);
	}
	fputs(" ]\nvif = [", out);
	for (unsigned int i = 0; i < cfg->n_vifs; i++) {
		fputs(i ? ",\n\t" : "\n\t", out);
		put_vif(out, &cfg->vifs[i]);
	}
	fputs(" ]\n", out);
}

/* A list of texts: its words may have blanks in them. */
static void put_grub(FILE *out, const struct config_grub *grub)
{
	const char *const names[] = {"entry", "kernel", "ramdisk", "args"};
	const char *const values[] = {grub->entry, grub->kernel, grub->ramdisk, grub->args};
	char *text;

	put_text(out, "bootloader", "pygrub");
	fputs("bootloader_args = [ ", out);
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		if (!values[i] || asprintf(&text, "--%s=%s", names[i], values[i]) < 0)
			continue;
		put_string(out, text);
		fputs(", ", out);
		free(text);
	}
	fputs("]\n", out);
}

char *config_to_text(const struct config *cfg, size_t *len)
{
	static const char *const types[] = {"auto", "pv", "pvh", "hvm"};
	char uuid[CONFIG_UUID_STRLEN], *text = NULL;
	FILE *out = open_memstream(&text, len);
	bool failed;

	if (!out)
		return NULL;
	config_uuid_format(cfg->uuid, uuid);
	put_text(out, "name", cfg->name);
	put_text(out, "uuid", uuid);
	put_text(out, "type", types[cfg->type]);
	put_text(out, "kernel", cfg->kernel);
	put_text(out, "ramdisk", cfg->ramdisk);
	if (cfg->grub.used)
		put_grub(out, &cfg->grub);
	put_text(out, "cmdline", cfg->cmdline);
	put_number(out, "memory", cfg->memory_mib);
	put_number(out, "maxmem", cfg->maxmem_mib);
	put_number(out, "balloon", cfg->balloon);
	put_number(out, "vcpus", cfg->vcpus);
	put_number(out, "maxvcpus", cfg->maxvcpus);
	put_cpus(out, cfg);
	put_text(out, "on_poweroff", config_action_name(cfg->on_poweroff));
	put_text(out, "on_reboot", config_action_name(cfg->on_reboot));
	put_text(out, "on_crash", config_action_name(cfg->on_crash));
	put_text(out, "on_watchdog", config_action_name(cfg->on_watchdog));
	if (cfg->pv_user_pgd != CONFIG_AUTO)
		put_number(out, "pv_user_pgd", cfg->pv_user_pgd);
	put_text(out, "device", cfg->device);
	put_lists(out, cfg);
	failed = ferror(out);
	if (fclose(out) || failed) {
		free(text);
		return NULL;
	}
	return text;
}
