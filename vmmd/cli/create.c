// SPDX-License-Identifier: GPL-2.0
/*
 * hvctl create, restore: a guest from a configuration file, or from one that it was
 * saved to.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/client.h"
#include "cli/console.h"
#include "cli/domain.h"
#include "cli/guest_log.h"
#include "cli/spawn.h"
#include "runtime.h"
#include "savefile.h"

/*
 * How long a new guest is watched. A kernel that cannot even start triple
 * faults within milliseconds; who typed the command should hear of it.
 */
#define WATCH_MS 300

enum { OPT_NO_SANDBOX = 256 };

static const struct option longs[] = {
	{"console", no_argument, NULL, 'c'},
	{"paused", no_argument, NULL, 'p'},
	{"dry-run", no_argument, NULL, 'n'},
	{"quiet", no_argument, NULL, 'q'},
	{"device", required_argument, NULL, 'd'},
	{"no-sandbox", no_argument, NULL, OPT_NO_SANDBOX},
	{NULL, 0, NULL, 0},
};

static void put(struct json_object *to, const char *key, const char *text)
{
	json_object_object_add(to, key, text ? json_object_new_string(text) : NULL);
}

static struct json_object *disk_json(const struct config_disk *disk)
{
	struct json_object *json = json_object_new_object();

	put(json, "vdev", disk->vdev);
	put(json, "target", disk->path);
	put(json, "format", config_disk_format_name(disk->format));
	put(json, "access", disk->readonly ? "ro" : "rw");
	json_object_object_add(json, "cdrom", json_object_new_boolean(disk->cdrom));
	json_object_object_add(json, "direct", json_object_new_boolean(disk->direct));
	json_object_object_add(json, "discard", json_object_new_boolean(disk->discard));
	return json;
}

static struct json_object *vif_json(const struct config_vif *vif)
{
	static const char *const types[] = {"auto", "bridge", "user"};
	struct json_object *json = json_object_new_object();
	char mac[18];

	snprintf(mac, sizeof(mac), "%02x:%02x:%02x:%02x:%02x:%02x", vif->mac[0], vif->mac[1],
		 vif->mac[2], vif->mac[3], vif->mac[4], vif->mac[5]);
	put(json, "type", types[vif->type]);
	put(json, "mac", mac);
	put(json, "bridge", vif->bridge);
	put(json, "vifname", vif->ifname);
	put(json, "ip", vif->ip);
	put(json, "script", vif->script);
	json_object_object_add(json, "rate", json_object_new_uint64(vif->rate));
	json_object_object_add(json, "mtu", json_object_new_uint64(vif->mtu));
	return json;
}

static void print_config(const struct config *cfg)
{
	static const char *const types[] = {"auto", "pv", "pvh", "hvm"};
	struct json_object *json = json_object_new_object();
	struct json_object *disks = json_object_new_array(), *vifs = json_object_new_array();
	char uuid[CONFIG_UUID_STRLEN];

	config_uuid_format(cfg->uuid, uuid);
	put(json, "name", cfg->name);
	put(json, "uuid", uuid);
	put(json, "type", types[cfg->type]);
	put(json, "kernel", cfg->kernel);
	put(json, "ramdisk", cfg->ramdisk);
	put(json, "bootloader", cfg->grub.used ? "pygrub" : NULL);
	put(json, "cmdline", cfg->cmdline);
	json_object_object_add(json, "memory", json_object_new_uint64(cfg->memory_mib));
	json_object_object_add(json, "maxmem", json_object_new_uint64(cfg->maxmem_mib));
	json_object_object_add(json, "vcpus", json_object_new_uint64(cfg->vcpus));
	json_object_object_add(json, "maxvcpus", json_object_new_uint64(cfg->maxvcpus));
	for (unsigned int i = 0; i < cfg->n_disks; i++)
		json_object_array_add(disks, disk_json(&cfg->disks[i]));
	json_object_object_add(json, "disk", disks);
	for (unsigned int i = 0; i < cfg->n_vifs; i++)
		json_object_array_add(vifs, vif_json(&cfg->vifs[i]));
	json_object_object_add(json, "vif", vifs);
	put(json, "on_poweroff", config_action_name(cfg->on_poweroff));
	put(json, "on_reboot", config_action_name(cfg->on_reboot));
	put(json, "on_crash", config_action_name(cfg->on_crash));
	put(json, "on_watchdog", config_action_name(cfg->on_watchdog));
	cli_print_json(json);
}

/* The configuration that a guest was saved with. */
static int parse_saved(const char *file, char *const overrides[], struct config *cfg,
		       struct config_error *err)
{
	struct savefile f = {.fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
	char *text;
	size_t len;
	int ret;

	if (f.fd < 0) {
		ret = -errno;
		snprintf(err->text, sizeof(err->text), "%.4000s: %s", file, strerror(-ret));
		return ret;
	}
	ret = savefile_open(&f, f.fd, &text, &len);
	close(f.fd);
	if (ret) {
		snprintf(err->text, sizeof(err->text), "%.4000s: %s", file, f.why);
		return ret;
	}
	ret = config_parse_text(file, text, len, overrides, cfg, err);
	free(text);
	return ret;
}

/* A guest that was saved has its kernel with it: there need be no file of it. */
static int check_files(struct config *cfg, bool saved, struct config_error *err)
{
	char *kernel = cfg->kernel, *ramdisk = cfg->ramdisk;
	int ret;

	if (saved)
		cfg->kernel = cfg->ramdisk = NULL;
	ret = config_check_files(cfg, err);
	cfg->kernel = kernel;
	cfg->ramdisk = ramdisk;
	return ret;
}

/* Parse and check here, where the position of a mistake can be shown at once. */
static int check(const struct spawn_options *o, bool quiet, struct config *cfg)
{
	struct config_error err;
	int ret;

	if (o->restore && !strcmp(o->file, "-"))
		ret = parse_saved(o->restore, o->overrides, cfg, &err);
	else
		ret = config_parse_file(o->file, o->overrides, cfg, &err);
	if (ret) {
		cli_error("%s", err.text);
		return EXIT_FAILED;
	}
	for (size_t i = 0; !quiet && i < cfg->n_warnings; i++)
		cli_error("%s", cfg->warnings[i]);
	if (check_files(cfg, o->restore, &err)) {
		cli_error("%s", err.text);
		config_free(cfg);
		return EXIT_FAILED;
	}
	return EXIT_OK;
}

static int connect_new(const char *name, struct domain *dom)
{
	char root[PATH_MAX], path[PATH_MAX + CONFIG_NAME_MAX + 16];

	*dom = (struct domain){.uid = -1};
	snprintf(dom->name, sizeof(dom->name), "%s", name);
	if (runtime_root(root))
		return -1;
	snprintf(path, sizeof(path), "%s/%s/" RUNTIME_CONTROL, root, name);
	return client_connect(path, CLIENT_SECONDS);
}

/*
 * See the guest through its first moments. A guest that is gone already may
 * have done what it was for; one that crashed has something to tell.
 */
static int watch(const char *name, int fd)
{
	uint64_t end = cli_now_ns() + WATCH_MS * 1000000ull;
	bool crashed = false;
	int ret = 1;

	while (!crashed && ret > 0) {
		struct json_object *event = NULL;
		int ms = cli_ms_until(end);

		if (!ms)
			return EXIT_OK;
		ret = client_event(fd, ms, &event);
		if (ret > 0)
			crashed = !strcmp(cli_text(event, "event"), "crashed");
		json_object_put(event);
	}
	if (ret == -ETIMEDOUT || (!crashed && !log_has_error(name)))
		return EXIT_OK;
	cli_error("%s died at once; its log ends:", name);
	log_tail(name, stderr);
	return EXIT_FAILED;
}

/* The guest is there, paused if we are to do something first. */
static int attend(const char *name, bool console, bool paused)
{
	struct domain dom;
	int fd = connect_new(name, &dom), console_fd = -1, status = EXIT_OK;

	if (fd < 0) {
		cli_error("%s died at once; its log ends:", name);
		log_tail(name, stderr);
		return EXIT_FAILED;
	}
	if (console)
		status = domain_call(&dom, fd, console_request(NULL), NULL, &console_fd);
	if (!status && !paused)
		status = domain_call(&dom, fd, client_request("subscribe"), NULL, NULL);
	if (!status && !paused)
		status = domain_call(&dom, fd, client_request("unpause"), NULL, NULL);
	if (!status && console)
		status = console_relay(name, console_fd);
	else if (!status && !paused)
		status = watch(name, fd);
	if (console_fd >= 0)
		close(console_fd);
	close(fd);
	return status;
}

int verb_create(const struct verb *verb, int argc, char **argv)
{
	struct spawn_options options = {.paused = true};
	bool console = false, paused = false, dry_run = false, quiet = false;
	struct config cfg;
	unsigned int id;
	int opt, status;

	while ((opt = cli_option(verb, argc, argv, "cpnqd:f:", longs, &status)) > 0) {
		switch (opt) {
		case 'c':
			console = true;
			break;
		case 'p':
			paused = true;
			break;
		case 'n':
			dry_run = true;
			break;
		case 'q':
			quiet = true;
			break;
		case 'd':
			options.device = optarg;
			break;
		case 'f':
			options.file = optarg;
			break;
		case OPT_NO_SANDBOX:
			options.no_sandbox = true;
			break;
		}
	}
	if (!opt)
		return status;
	if (!options.file) {
		if (optind == argc)
			return cli_usage(verb, "no configuration file");
		options.file = argv[optind++];
	}
	options.overrides = &argv[optind];

	status = check(&options, quiet, &cfg);
	if (status)
		return status;
	if (dry_run)
		print_config(&cfg);
	else
		status = spawn_vmmd(&options, &id);
	if (!status && !dry_run)
		status = attend(cfg.name, console, paused);
	config_free(&cfg);
	return status;
}

int verb_restore(const struct verb *verb, int argc, char **argv)
{
	struct spawn_options options = {.file = "-", .paused = true};
	bool console = false, paused = false, quiet = false;
	struct config cfg;
	unsigned int id;
	int opt, status;

	/* -e: xl would stay as the guest's guardian, which vmmd is anyway. */
	while ((opt = cli_option(verb, argc, argv, "cpeqd:", longs, &status)) > 0) {
		console |= opt == 'c';
		paused |= opt == 'p';
		quiet |= opt == 'q';
		options.no_sandbox |= opt == OPT_NO_SANDBOX;
		if (opt == 'd')
			options.device = optarg;
		if (opt == 'n')
			return cli_usage(verb, "a saved guest cannot be tried");
	}
	if (!opt)
		return status;
	if (optind == argc)
		return cli_usage(verb, "no file");
	/* As xl has it: a configuration that is to be used instead, then the file. */
	if (optind + 1 < argc && !strchr(argv[optind + 1], '='))
		options.file = argv[optind++];
	options.restore = argv[optind++];
	options.overrides = &argv[optind];

	status = check(&options, quiet, &cfg);
	if (!status) {
		status = spawn_vmmd(&options, &id);
		if (!status)
			status = attend(cfg.name, console, paused);
		config_free(&cfg);
	}
	return status;
}
