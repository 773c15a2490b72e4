// SPDX-License-Identifier: GPL-2.0
/*
 * hvctl block-*, network-*: devices of guests. Columns as xl's. What is attached
 * is opened here, with the rights of who asks, and handed over: the guest's vmmd
 * opens nothing.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/client.h"
#include "cli/domain.h"
#include "config.h"
#include "disk/image.h"
#include "net.h"

/* How long a guest may take to let go of a device; as xl waits. */
#define DETACH_NS      10000000000ull
#define DETACH_POLL_US 50000

static const struct option json_longs[] = {
	{"json", no_argument, NULL, 'j'},
	{NULL, 0, NULL, 0},
};

static const struct option detach_longs[] = {
	{"force", no_argument, NULL, 'f'},
	{"timeout", required_argument, NULL, 't'},
	{NULL, 0, NULL, 0},
};

/* ------------------------------------------------------------ lists */

/* A number, or a dash where the device has none. */
static const char *number(struct json_object *json, const char *key, char text[24])
{
	struct json_object *value;

	if (json_object_object_get_ex(json, key, &value) &&
	    json_object_is_type(value, json_type_int))
		snprintf(text, 24, "%llu", (unsigned long long)json_object_get_uint64(value));
	else
		strcpy(text, "-");
	return text;
}

static const char *path(struct json_object *json)
{
	const char *text = cli_text(json, "path");

	return *text ? text : "-";
}

static void print_disk(struct json_object *json)
{
	char id[24], state[24], channel[24], ring[24];

	printf("%-5s %-3d %-6d %-5s %-6s %-8s %-30s\n", number(json, "id", id), 0, 0,
	       number(json, "state", state), number(json, "event_channel", channel),
	       number(json, "ring_ref", ring), path(json));
}

static void print_vif(struct json_object *json)
{
	char id[24], state[24], channel[24], tx[24], rx[24];

	number(json, "id", id);
	printf("%-3s %-2d %-17s %6s %5s %6s %5s/%-11s %-30s\n", id, 0, cli_text(json, "mac"), id,
	       number(json, "state", state), number(json, "event_channel", channel),
	       number(json, "tx_ring_ref", tx), number(json, "rx_ring_ref", rx), path(json));
}

static int list_devices(const struct verb *verb, int argc, char **argv, const char *header,
			void (*print)(struct json_object *json))
{
	struct json_object *all = NULL, *answer, *list, *entry;
	int opt, status, worst = EXIT_OK;
	bool json = false;

	while ((opt = cli_option(verb, argc, argv, "j", json_longs, &status)) > 0)
		json = true;
	if (!opt)
		return status;
	if (optind == argc)
		return cli_usage(verb, "no guest");
	if (json)
		all = json_object_new_array();
	else
		puts(header);
	for (int i = optind; i < argc; i++) {
		status = domain_ask(argv[i], client_request(verb->name), &answer);
		if (status) {
			worst = worst ? worst : status;
			continue;
		}
		if (!json_object_object_get_ex(answer, "devices", &list) ||
		    !json_object_is_type(list, json_type_array))
			list = NULL;
		for (size_t n = 0; list && n < json_object_array_length(list); n++) {
			entry = json_object_array_get_idx(list, n);
			if (json)
				json_object_array_add(all, json_object_get(entry));
			else
				print(entry);
		}
		json_object_put(answer);
	}
	if (json)
		cli_print_json(all);
	return worst;
}

int verb_block_list(const struct verb *verb, int argc, char **argv)
{
	char header[96];

	snprintf(header, sizeof(header), "%-5s %-3s %-6s %-5s %-6s %-8s %-30s", "Vdev", "BE",
		 "handle", "state", "evt-ch", "ring-ref", "BE-path");
	return list_devices(verb, argc, argv, header, print_disk);
}

int verb_network_list(const struct verb *verb, int argc, char **argv)
{
	char header[112];

	snprintf(header, sizeof(header), "%-3s %-2s %-17s %-6s %-5s %-6s %5s/%-5s %-30s", "Idx",
		 "BE", "Mac Addr.", "handle", "state", "evt-ch", "tx-", "rx-ring-ref", "BE-path");
	return list_devices(verb, argc, argv, header, print_vif);
}

/* ------------------------------------------------------------ attaching */

/* xl takes a device in one word or several. Return: to be freed, or NULL. */
static char *join(char **words)
{
	size_t len = 1, at = 0;
	char *text;

	for (char **w = words; *w; w++)
		len += strlen(*w) + 1;
	text = malloc(len);
	if (!text) {
		cli_error("out of memory");
		return NULL;
	}
	*text = '\0';
	for (char **w = words; *w; w++)
		at += (size_t)sprintf(text + at, "%s%s", at ? "," : "", *w);
	return text;
}

/* Return: whether there is a guest and a device; else @status counts. */
static bool take_device(const struct verb *verb, int argc, char **argv, int least, char **text,
			int *status)
{
	if (!cli_option(verb, argc, argv, "", NULL, status))
		return false;
	if (argc - optind < least) {
		*status = cli_usage(verb, least > 1 ? "a guest and a device are needed"
						    : "a guest is needed");
		return false;
	}
	*status = EXIT_FAILED;
	*text = join(&argv[optind + 1]);
	return *text;
}

/* Return: a descriptor, or -1, told. */
static int open_disk(const struct config_disk *disk, int more)
{
	int flags = O_CLOEXEC | (disk->readonly ? O_RDONLY : O_RDWR) | more;
	struct stat st;
	int fd = -1;

	/* Looked at first: opening a FIFO would wait for somebody. */
	if (!stat(disk->path, &st)) {
		if (S_ISREG(st.st_mode) || S_ISBLK(st.st_mode))
			fd = open(disk->path, flags);
		else
			errno = ENOTBLK;
	}
	if (fd < 0)
		cli_error("%s: %s: expected a file or block device that can be %s", disk->path,
			  errno == ENOTBLK ? "wrong kind of file" : strerror(errno),
			  disk->readonly ? "read" : "written");
	return fd;
}

static struct json_object *disk_request(const struct config_disk *disk)
{
	struct json_object *request = client_request("block-attach");

	json_object_object_add(request, "vdev", json_object_new_string(disk->vdev));
	json_object_object_add(request, "path", json_object_new_string(disk->path));
	json_object_object_add(request, "format",
			       json_object_new_string(config_disk_format_name(disk->format)));
	json_object_object_add(request, "readonly", json_object_new_boolean(disk->readonly));
	json_object_object_add(request, "cdrom", json_object_new_boolean(disk->cdrom));
	json_object_object_add(request, "direct", json_object_new_boolean(disk->direct));
	json_object_object_add(request, "discard", json_object_new_boolean(disk->discard));
	return request;
}

static int attach_raw(const char *guest, const struct config_disk *disk)
{
	int files[2] = {-1, -1}, n = disk->direct ? 2 : 1, status = EXIT_FAILED;

	files[0] = open_disk(disk, disk->direct ? O_DIRECT : 0);
	if (files[0] >= 0 && disk->direct)
		files[1] = open_disk(disk, 0);
	if (files[n - 1] >= 0)
		status = domain_ask_files(guest, disk_request(disk), files, (size_t)n, NULL);
	for (int i = 0; i < 2; i++)
		if (files[i] >= 0)
			close(files[i]);
	return status;
}

/* The daemon lives for the guest's vmmd from then on, or ends when that did not take it. */
static int attach_image(const char *guest, const struct config_disk *disk)
{
	struct json_object *request;
	char err[IMAGE_ERROR_LEN];
	struct disk_opened opened;
	int status;

	if (image_open(disk, &opened, err)) {
		cli_error("%s: %s", disk->path, err);
		return EXIT_FAILED;
	}
	request = disk_request(disk);
	json_object_object_add(request, "size", json_object_new_uint64(opened.size));
	json_object_object_add(request, "nbd_flags", json_object_new_int(opened.nbd_flags));
	status = domain_ask_files(guest, request, opened.file, DISK_FILES, NULL);
	for (int i = 0; i < DISK_FILES; i++)
		close(opened.file[i]);
	return status;
}

int verb_block_attach(const struct verb *verb, int argc, char **argv)
{
	struct config_error err;
	struct config cfg;
	char *text;
	int status;

	if (!take_device(verb, argc, argv, 2, &text, &status))
		return status;
	if (config_parse_disk(text, &cfg, &err)) {
		cli_error("%s", err.text);
		status = EXIT_USAGE;
	} else {
		status = cfg.disks[0].format == CONFIG_DISK_RAW
				 ? attach_raw(argv[optind], &cfg.disks[0])
				 : attach_image(argv[optind], &cfg.disks[0]);
		config_free(&cfg);
	}
	free(text);
	return status;
}

static struct json_object *vif_request(const struct config_vif *vif, const struct net_port *port)
{
	struct json_object *request = client_request("network-attach");
	char mac[18];

	snprintf(mac, sizeof(mac), "%02x:%02x:%02x:%02x:%02x:%02x", vif->mac[0], vif->mac[1],
		 vif->mac[2], vif->mac[3], vif->mac[4], vif->mac[5]);
	json_object_object_add(request, "mac", json_object_new_string(mac));
	json_object_object_add(request, "kind",
			       json_object_new_string(port->kind == NET_TAP ? "tap" : "passt"));
	json_object_object_add(request, "interface", json_object_new_string(port->ifname));
	json_object_object_add(request, "bridge", json_object_new_string(port->bridge));
	json_object_object_add(request, "mtu", json_object_new_uint64(port->mtu));
	json_object_object_add(request, "rate", json_object_new_uint64(vif->rate));
	json_object_object_add(request, "rate_interval_us",
			       json_object_new_uint64(vif->rate_interval_us));
	return request;
}

/* The guest is looked for first: a script of the card's may do much. */
static int attach_vif(const char *guest, const struct config_vif *vif)
{
	char name[CONFIG_NAME_MAX + 1] = "";
	struct net_error net_err;
	struct net_port port;
	struct domains all;
	struct domain *dom;
	int status;

	if (domains_get(&all))
		return EXIT_FAILED;
	dom = domains_find(&all, guest);
	if (dom)
		snprintf(name, sizeof(name), "%s", dom->name);
	domains_free(&all);
	if (!*name)
		return EXIT_NO_GUEST;
	if (net_port_open(vif, name, &port, &net_err)) {
		cli_error("%s", net_err.text);
		return EXIT_FAILED;
	}
	status = domain_ask_files(guest, vif_request(vif, &port), &port.fd, 1, NULL);
	net_port_close(&port);
	return status;
}

int verb_network_attach(const struct verb *verb, int argc, char **argv)
{
	struct config_error err;
	struct config cfg;
	char *text;
	int status;

	if (!take_device(verb, argc, argv, 1, &text, &status))
		return status;
	if (config_parse_vif(text, &cfg, &err)) {
		cli_error("%s", err.text);
		status = EXIT_USAGE;
	} else {
		status = attach_vif(argv[optind], &cfg.vifs[0]);
		config_free(&cfg);
	}
	free(text);
	return status;
}

/* ------------------------------------------------------------ detaching */

/* Return: 1 while the guest has it, 0, or a negative number, told. */
static int is_there(const char *guest, const char *list_cmd, uint64_t id)
{
	struct json_object *answer, *list;
	int there = 0;

	if (domain_ask(guest, client_request(list_cmd), &answer))
		return -1;
	if (json_object_object_get_ex(answer, "devices", &list) &&
	    json_object_is_type(list, json_type_array))
		for (size_t i = 0; i < json_object_array_length(list); i++)
			there |= cli_u64(json_object_array_get_idx(list, i), "id") == id;
	json_object_put(answer);
	return there;
}

static int wait_gone(const char *guest, const char *device, const char *list_cmd, uint64_t id,
		     uint64_t end_ns)
{
	int there;

	while ((there = is_there(guest, list_cmd, id)) > 0) {
		if (cli_now_ns() >= end_ns) {
			cli_error("%s: the guest does not let go of %s (yet): expected its driver "
				  "to close it, or --force",
				  guest, device);
			return EXIT_TIMEOUT;
		}
		usleep(DETACH_POLL_US);
	}
	return there ? EXIT_FAILED : EXIT_OK;
}

static int detach(const struct verb *verb, int argc, char **argv, const char *list_cmd)
{
	struct json_object *request, *answer;
	uint64_t limit = DETACH_NS, id;
	bool force = false;
	int opt, status;

	while ((opt = cli_option(verb, argc, argv, "ft:", detach_longs, &status)) > 0) {
		force |= opt == 'f';
		if (opt == 't' && !cli_seconds(optarg, &limit))
			return EXIT_USAGE;
	}
	if (!opt)
		return status;
	if (argc - optind != 2)
		return cli_usage(verb, "a guest and a device are needed");
	request = client_request(verb->name);
	json_object_object_add(request, "device", json_object_new_string(argv[optind + 1]));
	json_object_object_add(request, "force", json_object_new_boolean(force));
	status = domain_ask(argv[optind], request, &answer);
	if (status)
		return status;
	id = cli_u64(answer, "id");
	json_object_put(answer);
	return wait_gone(argv[optind], argv[optind + 1], list_cmd, id, cli_now_ns() + limit);
}

int verb_block_detach(const struct verb *verb, int argc, char **argv)
{
	return detach(verb, argc, argv, "block-list");
}

int verb_network_detach(const struct verb *verb, int argc, char **argv)
{
	return detach(verb, argc, argv, "network-list");
}
