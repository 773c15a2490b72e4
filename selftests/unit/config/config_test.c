// SPDX-License-Identifier: GPL-2.0
/*
 * pass/X.cfg is read and written out again as X.out; fail/X.cfg is refused
 * with the line in X.err. X.args holds command-line overrides, one a line.
 * Anything the parser prints differently from these files is a failure.
 */
#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config.h"

#define ARGS_MAX 16

/* The working directory, which relative paths begin with. */
static char here[4096];

static char *slurp(const char *path)
{
	char *text = calloc(1, 65536);
	FILE *f = fopen(path, "r");

	if (!f) {
		free(text);
		return NULL;
	}
	if (fread(text, 1, 65535, f) == 0)
		*text = '\0';
	fclose(f);
	return text;
}

static void dump_path(FILE *out, const char *path)
{
	size_t len = strlen(here);

	if (!path)
		fprintf(out, "-");
	else if (!strncmp(path, here, len) && path[len] == '/')
		fprintf(out, "HERE%s", path + len);
	else
		fprintf(out, "%s", path);
}

/* Others than PVH guests have devices of one kind. */
static const char *kind_of(const struct config *cfg, bool virtio)
{
	if (cfg->type == CONFIG_TYPE_PVH)
		return virtio ? " virtio" : " xen";
	return virtio == (cfg->type != CONFIG_TYPE_PV) ? "" : " WRONG";
}

static void dump(FILE *out, const struct config *cfg, bool has_uuid)
{
	static const char *const types[] = {"auto", "pv", "pvh", "hvm"};
	static const char *const consoles[] = {"auto", "serial", "virtio"};
	static const char *const vif_types[] = {"auto", "bridge", "user"};
	char uuid[CONFIG_UUID_STRLEN];

	config_uuid_format(cfg->uuid, uuid);
	fprintf(out, "name %s\nuuid %s\ntype %s\nkernel ", cfg->name, has_uuid ? uuid : "random",
		types[cfg->type]);
	dump_path(out, cfg->kernel);
	fprintf(out, "\nramdisk ");
	dump_path(out, cfg->ramdisk);
	fprintf(out, "\ncmdline \"%s\"\nmemory %llu of %llu\nvcpus %u of %u\n", cfg->cmdline,
		(unsigned long long)cfg->memory_mib, (unsigned long long)cfg->maxmem_mib,
		cfg->vcpus, cfg->maxvcpus);
	if (cfg->grub.used)
		fprintf(out, "pygrub entry=%s kernel=%s ramdisk=%s args=%s\n",
			cfg->grub.entry ? cfg->grub.entry : "-",
			cfg->grub.kernel ? cfg->grub.kernel : "-",
			cfg->grub.ramdisk ? cfg->grub.ramdisk : "-",
			cfg->grub.args ? cfg->grub.args : "-");
	if (cfg->affinity_set) {
		fprintf(out, "cpus");
		for (int i = 0; i < 64; i++)
			if (CPU_ISSET(i, &cfg->affinity))
				fprintf(out, " %d", i);
		fprintf(out, "\n");
	}
	for (unsigned int i = 0; i < cfg->n_disks; i++) {
		const struct config_disk *disk = &cfg->disks[i];

		fprintf(out, "disk %s %s %s%s%s%s%s ", disk->vdev,
			config_disk_format_name(disk->format), disk->readonly ? "ro" : "rw",
			kind_of(cfg, disk->virtio), disk->cdrom ? " cdrom" : "",
			disk->direct ? " direct" : "", disk->discard ? "" : " no-discard");
		dump_path(out, disk->path);
		fprintf(out, "\n");
	}
	for (unsigned int i = 0; i < cfg->n_vifs; i++) {
		const struct config_vif *vif = &cfg->vifs[i];
		const uint8_t *m = vif->mac;

		fprintf(out, "vif %s ", vif_types[vif->type]);
		if (m[0] == 0 && m[1] == 0x16 && m[2] == 0x3e && !has_uuid && m[3] != 0)
			fprintf(out, "00:16:3e:*");
		else
			fprintf(out, "%02x:%02x:%02x:%02x:%02x:%02x", m[0], m[1], m[2], m[3], m[4],
				m[5]);
		fprintf(out, "%s bridge=%s ifname=%s ip=%s script=%s rate=%llu@%u mtu=%u\n",
			kind_of(cfg, vif->virtio), vif->bridge, vif->ifname, vif->ip ? vif->ip : "",
			vif->script ? vif->script : "", (unsigned long long)vif->rate,
			vif->rate_interval_us, vif->mtu);
	}
	fprintf(out, "on %s %s %s %s\n", config_action_name(cfg->on_poweroff),
		config_action_name(cfg->on_reboot), config_action_name(cfg->on_crash),
		config_action_name(cfg->on_watchdog));
	fprintf(out, "console %s serial %d rng %d balloon %d vsock %u device ",
		consoles[cfg->console], cfg->serial, cfg->rng, cfg->balloon, cfg->vsock_cid);
	dump_path(out, cfg->device);
	fprintf(out, "\n");
	for (size_t i = 0; i < cfg->n_warnings; i++)
		fprintf(out, "warning %s\n", cfg->warnings[i]);
}

/* The result of parsing @path as text: a dump, or the error line. */
static char *outcome(const char *path, char *const args[], bool has_uuid, bool check, int *ret)
{
	struct config_error err;
	struct config cfg;
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	*ret = config_parse_file(path, args, &cfg, &err);
	if (!*ret && check)
		*ret = config_check_files(&cfg, &err);
	if (*ret) {
		char *at = strstr(err.text, here);

		if (at)
			fprintf(out, "%.*sHERE%s\n", (int)(at - err.text), err.text,
				at + strlen(here));
		else
			fprintf(out, "%s\n", err.text);
	}
	if (!*ret)
		dump(out, &cfg, has_uuid);
	fclose(out);
	if (!*ret || check)
		config_free(&cfg);
	return text;
}

static void explain(const char *what, const char *text)
{
	char *copy = strdup(text), *save = NULL;

	printf("# %s:\n", what);
	for (char *line = strtok_r(copy, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		printf("#   %s\n", line);
	free(copy);
}

static bool run(const char *dir, const char *file, bool pass)
{
	char path[600], beside[600], *args[ARGS_MAX + 1] = {NULL};
	char *expected, *got, *arg_text, *save = NULL, *cfg_text;
	size_t stem = strlen(file) - strlen(".cfg");
	bool ok, check;
	int ret, n = 0;

	snprintf(path, sizeof(path), "%s/%s", dir, file);
	snprintf(beside, sizeof(beside), "%s/%.*s.args", dir, (int)stem, file);
	arg_text = slurp(beside);
	if (arg_text)
		for (char *line = strtok_r(arg_text, "\n", &save); line && n < ARGS_MAX;
		     line = strtok_r(NULL, "\n", &save))
			args[n++] = line;
	snprintf(beside, sizeof(beside), "%s/%.*s.%s", dir, (int)stem, file, pass ? "out" : "err");
	expected = slurp(beside);
	cfg_text = slurp(path);

	/* check-*.cfg are well formed and name files that are not there. */
	check = !strncmp(file, "check-", strlen("check-"));
	got = outcome(path, args, strstr(cfg_text, "uuid"), check, &ret);
	ok = expected && !strcmp(expected, got) && !ret == pass;
	if (!ok) {
		explain("expected", expected ? expected : "(no such file)");
		explain("got", got);
	}
	free(cfg_text);
	free(expected);
	free(got);
	free(arg_text);
	return ok;
}

static int is_cfg(const struct dirent *entry)
{
	size_t len = strlen(entry->d_name);

	return len > 4 && !strcmp(entry->d_name + len - 4, ".cfg");
}

/* Two cards of one guest differ, and a kept uuid keeps the addresses. */
static bool macs_stable(void)
{
	static const char text[] = "kernel='/k'\nuuid='0123456789abcdef0123456789abcdef'\n"
				   "vif=['','']\n";
	struct config_error err;
	struct config a, b;
	bool ok;

	if (config_parse_text("a", text, strlen(text), NULL, &a, &err))
		return false;
	if (config_parse_text("b", text, strlen(text), NULL, &b, &err)) {
		config_free(&a);
		return false;
	}
	ok = !memcmp(a.vifs[0].mac, b.vifs[0].mac, 6) && !memcmp(a.vifs[1].mac, b.vifs[1].mac, 6) &&
	     memcmp(a.vifs[0].mac, a.vifs[1].mac, 6) && !memcmp(a.vifs[0].mac, "\x00\x16\x3e", 3);
	config_free(&a);
	config_free(&b);
	return ok;
}

/* Without uuid= each start makes another, of version 4. */
static bool uuids_random(void)
{
	static const char text[] = "kernel='/k'\n";
	struct config_error err;
	struct config a, b;
	bool ok;

	if (config_parse_text("a", text, strlen(text), NULL, &a, &err))
		return false;
	if (config_parse_text("a", text, strlen(text), NULL, &b, &err)) {
		config_free(&a);
		return false;
	}
	ok = memcmp(a.uuid, b.uuid, 16) && a.uuid[6] >> 4 == 4 && a.uuid[8] >> 6 == 2;
	config_free(&a);
	config_free(&b);
	return ok;
}

/* A file that is a fork of something else: a megabyte, a directory, nothing. */
static bool odd_files(void)
{
	struct config_error err;
	struct config cfg;

	return config_parse_file("/", NULL, &cfg, &err) && strstr(err.text, "is a directory") &&
	       config_parse_file("no-such.cfg", NULL, &cfg, &err) &&
	       strstr(err.text, "No such file") &&
	       config_parse_file("/dev/zero", NULL, &cfg, &err) &&
	       strstr(err.text, "File too large");
}

static unsigned int failed, number;

static void report(bool ok, const char *dir, const char *name)
{
	printf("%sok %u config: %s%s%s\n", ok ? "" : "not ", ++number, dir, *dir ? "/" : "", name);
	failed += !ok;
}

/* A disk or card by itself, as attached to a guest that runs. */
static bool devices_alone(void)
{
	static const char *const bad[][2] = {
		{"/a,raw,xvda,z", "<command line>:1:1: unknown access 'z'"},
		{"/a", "disk has no virtual device"},
		{"", "disk has no virtual device"},
		{"format=raw,vdev=xvda", "disk has no target"},
		{",empty,hdc,ro,cdrom", "drive hdc is empty"},
		{"/a,qcow3,xvda,w", "unknown disk format 'qcow3'"},
		{"/a,raw,sdxyz,w", "bad virtual device"},
	};
	struct config_error err;
	struct config cfg;
	bool ok = true;

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		ok = ok && config_parse_disk(bad[i][0], &cfg, &err) == -EINVAL &&
		     strstr(err.text, bad[i][1]) && !cfg.n_disks;
	ok = ok && !config_parse_disk("format=raw,vdev=xvdb,access=ro,target=/a,b", &cfg, &err) &&
	     cfg.n_disks == 1 && !strcmp(cfg.disks[0].path, "/a,b") && cfg.disks[0].readonly &&
	     !strcmp(cfg.disks[0].vdev, "xvdb") && cfg.disks[0].discard;
	config_free(&cfg);
	ok = ok && config_parse_vif("mac=1", &cfg, &err) == -EINVAL && strstr(err.text, "bad mac");
	ok = ok && config_parse_vif("frob=1", &cfg, &err) == -EINVAL &&
	     strstr(err.text, "unknown option");
	ok = ok && !config_parse_vif("", &cfg, &err) && cfg.n_vifs == 1 &&
	     !memcmp(cfg.vifs[0].mac, "\x00\x16\x3e", 3);
	config_free(&cfg);
	ok = ok && !config_parse_vif("bridge=br7,rate=1MB/s,model=e1000", &cfg, &err) &&
	     !strcmp(cfg.vifs[0].bridge, "br7") && cfg.vifs[0].rate == 1000000;
	config_free(&cfg);
	return ok;
}

int main(void)
{
	static const char *const dirs[] = {"fail", "pass"};
	struct dirent **files[2];
	int n[2];

	if (!getcwd(here, sizeof(here)))
		return 1;
	for (int d = 0; d < 2; d++) {
		n[d] = scandir(dirs[d], &files[d], is_cfg, alphasort);
		if (n[d] <= 0) {
			fprintf(stderr, "config_test: no %s/*.cfg here\n", dirs[d]);
			return 1;
		}
	}
	printf("TAP version 13\n1..%d\n", n[0] + n[1] + 4);
	for (int d = 0; d < 2; d++) {
		for (int i = 0; i < n[d]; i++) {
			report(run(dirs[d], files[d][i]->d_name, d == 1), dirs[d],
			       files[d][i]->d_name);
			free(files[d][i]);
		}
		free(files[d]);
	}
	report(macs_stable(), "", "addresses follow from the uuid");
	report(uuids_random(), "", "a uuid is made when none is given");
	report(devices_alone(), "", "a disk and a card by themselves");
	report(odd_files(), "", "odd files are refused");
	return failed ? 1 : 0;
}
