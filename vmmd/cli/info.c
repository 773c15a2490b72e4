// SPDX-License-Identifier: GPL-2.0
/*
 * hvctl info: this host, in the words of xl info.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/domain.h"
#include "cli/host.h"
#include "hvctl.h"

static const struct option longs[] = {
	{"json", no_argument, NULL, 'j'},
	{NULL, 0, NULL, 0},
};

static void read_memory(struct host *host)
{
	FILE *f = fopen("/proc/meminfo", "re");
	unsigned long long kib;
	char line[128];

	while (f && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "MemTotal: %llu", &kib) == 1)
			host->total_bytes = kib * 1024;
		else if (sscanf(line, "MemAvailable: %llu", &kib) == 1)
			host->free_bytes = kib * 1024;
	}
	if (f)
		fclose(f);
}

/* The first line of /proc/stat: user nice system idle iowait irq softirq steal */
static void read_busy(struct host *host)
{
	unsigned long long t[8] = {0};
	FILE *f = fopen("/proc/stat", "re");
	long hz = sysconf(_SC_CLK_TCK);

	if (!f)
		return;
	if (fscanf(f, "cpu %llu %llu %llu %llu %llu %llu %llu %llu", &t[0], &t[1], &t[2], &t[3],
		   &t[4], &t[5], &t[6], &t[7]) == 8 &&
	    hz > 0)
		host->busy_ns = (t[0] + t[1] + t[2] + t[5] + t[6]) * (1000000000ull / (uint64_t)hz);
	fclose(f);
}

static void read_cpu(struct host *host)
{
	FILE *f = fopen("/proc/cpuinfo", "re");
	char *line = NULL;
	size_t size = 0;

	/* All CPUs of a machine that can run guests are alike: read one. */
	while (f && getline(&line, &size, f) > 0 && *line != '\n') {
		char *value = strchr(line, ':');

		if (!value)
			continue;
		value += value[1] == ' ' ? 2 : 1;
		value[strcspn(value, "\n")] = '\0';
		if (!strncmp(line, "model name", strlen("model name")))
			snprintf(host->model, sizeof(host->model), "%s", value);
		else if (!strncmp(line, "cpu MHz", strlen("cpu MHz")))
			host->mhz = strtod(value, NULL);
		else if (!strncmp(line, "flags", strlen("flags"))) {
			host->svm |= !!strstr(value, " svm ");
			host->vmx |= !!strstr(value, " vmx ");
			host->npt |= strstr(value, " npt") || strstr(value, " ept");
		}
	}
	free(line);
	if (f)
		fclose(f);
}

void host_get(struct host *host)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);

	memset(host, 0, sizeof(*host));
	host->cpus = cpus > 0 ? (size_t)cpus : 0;
	read_memory(host);
	read_busy(host);
	read_cpu(host);
}

static void put(struct json_object *to, const char *key, const char *value)
{
	json_object_object_add(to, key, json_object_new_string(value));
}

/* Who answers on the node, or why nobody does. */
static void put_module(struct json_object *to)
{
	struct hvctl_version version;
	char text[96];
	int fd = open(HVCTL_DEVICE, O_RDWR | O_CLOEXEC);

	if (fd < 0) {
		snprintf(text, sizeof(text), "%s",
			 errno == ENOENT ? "not loaded (modprobe hvctl)" : strerror(errno));
		put(to, "hvctl_module", text);
	} else if (ioctl(fd, HVCTL_GET_VERSION, &version)) {
		put(to, "hvctl_module", strerror(errno));
	} else {
		version.module[sizeof(version.module) - 1] = '\0';
		put(to, "hvctl_module", version.module);
		put(to, "hvctl_backend", version.backend == HVCTL_BACKEND_SVM ? "svm" : "vmx");
		snprintf(text, sizeof(text), "%u", version.abi);
		put(to, "hvctl_abi", text);
	}
	if (fd >= 0)
		close(fd);
	put(to, "kvm", access("/dev/kvm", R_OK | W_OK) ? "no" : "yes");
}

int verb_info(const struct verb *verb, int argc, char **argv)
{
	struct json_object *json;
	struct domains all;
	struct utsname uts;
	struct host host;
	bool as_json = false;
	char text[64];
	int opt, status;

	while ((opt = cli_option(verb, argc, argv, "j", longs, &status)) > 0)
		as_json = true;
	if (!opt)
		return status;
	if (optind != argc)
		return cli_usage(verb, "too many words");
	if (domains_get(&all))
		return EXIT_FAILED;
	uname(&uts);
	host_get(&host);
	json = json_object_new_object();
	put(json, "host", uts.nodename);
	put(json, "release", uts.release);
	put(json, "version", uts.version);
	put(json, "machine", uts.machine);
	put(json, "cpu_model", host.model);
	json_object_object_add(json, "nr_cpus", json_object_new_uint64(host.cpus));
	snprintf(text, sizeof(text), "%.3f", host.mhz);
	put(json, "cpu_mhz", text);
	snprintf(text, sizeof(text), "%s%s%s",
		 host.svm   ? "svm"
		 : host.vmx ? "vmx"
			    : "none",
		 host.npt ? " hap" : "", host.svm || host.vmx ? " hvm pvh" : "");
	put(json, "virt_caps", text);
	json_object_object_add(json, "total_memory",
			       json_object_new_uint64(host.total_bytes >> 20));
	json_object_object_add(json, "free_memory", json_object_new_uint64(host.free_bytes >> 20));
	json_object_object_add(json, "nr_guests", json_object_new_uint64(all.n));
	put_module(json);
	put(json, "hvctl_version", HVCTL_VERSION);
	domains_free(&all);

	if (as_json) {
		cli_print_json(json);
		return EXIT_OK;
	}
	json_object_object_foreach(json, key, value)
		printf("%-22s : %s\n", key, json_object_get_string(value));
	json_object_put(json);
	return EXIT_OK;
}
