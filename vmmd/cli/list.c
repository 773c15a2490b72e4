// SPDX-License-Identifier: GPL-2.0
/*
 * hvctl list, vcpu-list, domid, domname: what there is. Columns as xl's.
 */
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/domain.h"
#include "cli/host.h"

#define MIB (1024u * 1024u)

static const struct option list_longs[] = {
	{"json", no_argument, NULL, 'l'},
	{"long", no_argument, NULL, 'l'},
	{"verbose", no_argument, NULL, 'v'},
	{NULL, 0, NULL, 0},
};

static const struct option json_longs[] = {
	{"json", no_argument, NULL, 'j'},
	{NULL, 0, NULL, 0},
};

/**
 * struct selection - the guests a command is about
 * @all: every guest
 * @which: those asked for, or all
 * @n: number of @which
 * @status: EXIT_NO_GUEST when one is missing
 */
struct selection {
	struct domains all;
	struct domain **which;
	size_t n;
	int status;
};

static int select_domains(struct selection *sel, int argc, char **argv)
{
	size_t want = argc ? (size_t)argc : 0;

	*sel = (struct selection){0};
	if (domains_get(&sel->all))
		return EXIT_FAILED;
	sel->which = calloc(sel->all.n + want + 1, sizeof(*sel->which));
	if (!sel->which) {
		domains_free(&sel->all);
		cli_error("out of memory");
		return EXIT_FAILED;
	}
	for (size_t i = 0; !want && i < sel->all.n; i++)
		sel->which[sel->n++] = &sel->all.list[i];
	for (size_t i = 0; i < want; i++) {
		struct domain *dom = domains_find(&sel->all, argv[i]);

		if (dom)
			sel->which[sel->n++] = dom;
		else
			sel->status = EXIT_NO_GUEST;
	}
	return EXIT_OK;
}

static void selection_free(struct selection *sel)
{
	free(sel->which);
	domains_free(&sel->all);
}

/* "r-----": one column for each state. */
static void format_state(enum domain_state state, char out[7])
{
	static const char letters[] = "rbpscd";

	memcpy(out, "------", 7);
	out[state] = letters[state];
}

static struct json_object *domain_json(const struct domain *dom)
{
	struct json_object *json = json_object_new_object();
	char uuid[CONFIG_UUID_STRLEN];

	config_uuid_format(dom->uuid, uuid);
	json_object_object_add(json, "name", json_object_new_string(dom->name));
	json_object_object_add(json, "id", json_object_new_uint64(dom->id));
	json_object_object_add(json, "uuid", json_object_new_string(uuid));
	json_object_object_add(json, "state",
			       json_object_new_string(domain_state_name(dom->state)));
	json_object_object_add(json, "memory", json_object_new_uint64(dom->mem / MIB));
	json_object_object_add(json, "maxmem", json_object_new_uint64(dom->maxmem / MIB));
	json_object_object_add(json, "vcpus", json_object_new_uint64(dom->n_online));
	json_object_object_add(json, "time", json_object_new_double((double)dom->cpu_ns / 1e9));
	json_object_object_add(json, "pid", json_object_new_int64(dom->pid));
	if (dom->have_exits)
		json_object_object_add(json, "exits", json_object_new_uint64(dom->exits));
	if (dom->status)
		json_object_object_add(json, "vmmd", json_object_get(dom->status));
	return json;
}

static void print_row(const char *name, unsigned int id, uint64_t mem, size_t vcpus,
		      enum domain_state state, uint64_t cpu_ns, const uint8_t *uuid)
{
	char letters[7], text[CONFIG_UUID_STRLEN];

	format_state(state, letters);
	printf("%-40s %5u %5llu %5zu %8s %10.1f", name, id, (unsigned long long)(mem / MIB), vcpus,
	       letters, (double)cpu_ns / 1e9);
	if (uuid) {
		config_uuid_format(uuid, text);
		printf(" %s", text);
	}
	printf("\n");
}

int verb_list(const struct verb *verb, int argc, char **argv)
{
	static const uint8_t host_uuid[16];
	bool json = false, verbose = false;
	struct json_object *list;
	struct selection sel;
	struct host host;
	int opt, status;

	while ((opt = cli_option(verb, argc, argv, "lv", list_longs, &status)) > 0) {
		json |= opt == 'l';
		verbose |= opt == 'v';
	}
	if (!opt)
		return status;
	status = select_domains(&sel, argc - optind, argv + optind);
	if (status)
		return status;
	if (json) {
		list = json_object_new_array();
		for (size_t i = 0; i < sel.n; i++)
			json_object_array_add(list, domain_json(sel.which[i]));
		cli_print_json(list);
	} else if (sel.n || optind == argc) {
		printf("%-40s %5s %5s %5s %8s %10s%s\n", "Name", "ID", "Mem", "VCPUs", "State",
		       "Time(s)", verbose ? " UUID" : "");
		if (optind == argc) {
			host_get(&host);
			print_row("Domain-0", 0, host.total_bytes, host.cpus, DOMAIN_RUNNING,
				  host.busy_ns, verbose ? host_uuid : NULL);
		}
		for (size_t i = 0; i < sel.n; i++) {
			const struct domain *dom = sel.which[i];

			print_row(dom->name, dom->id, dom->mem, dom->n_online, dom->state,
				  dom->cpu_ns, verbose ? dom->uuid : NULL);
		}
	}
	status = sel.status;
	selection_free(&sel);
	return status;
}

int verb_domid(const struct verb *verb, int argc, char **argv)
{
	struct selection sel;
	int opt, status;

	opt = cli_option(verb, argc, argv, "", NULL, &status);
	if (!opt)
		return status;
	if (argc - optind != 1)
		return cli_usage(verb, "one guest is needed");
	status = select_domains(&sel, 1, argv + optind);
	if (status)
		return status;
	if (sel.n)
		printf("%u\n", sel.which[0]->id);
	status = sel.status;
	selection_free(&sel);
	return status;
}

int verb_domname(const struct verb *verb, int argc, char **argv)
{
	struct selection sel;
	int opt, status;

	opt = cli_option(verb, argc, argv, "", NULL, &status);
	if (!opt)
		return status;
	if (argc - optind != 1)
		return cli_usage(verb, "one guest is needed");
	status = select_domains(&sel, 1, argv + optind);
	if (status)
		return status;
	if (sel.n)
		printf("%s\n", sel.which[0]->name);
	status = sel.status;
	selection_free(&sel);
	return status;
}

/* "all", or the CPUs as ranges: "0-3,6". */
static void format_affinity(pid_t tid, char *out, size_t size)
{
	long cpus = sysconf(_SC_NPROCESSORS_CONF);
	cpu_set_t set;
	size_t at = 0;

	snprintf(out, size, "all");
	if (!tid || sched_getaffinity(tid, sizeof(set), &set) || CPU_COUNT(&set) >= cpus)
		return;
	for (int cpu = 0; cpu < CPU_SETSIZE && at < size; cpu++) {
		int last = cpu;

		if (!CPU_ISSET(cpu, &set))
			continue;
		while (last + 1 < CPU_SETSIZE && CPU_ISSET(last + 1, &set))
			last++;
		at += (size_t)snprintf(out + at, size - at, last > cpu ? "%s%d-%d" : "%s%d",
				       at ? "," : "", cpu, last);
		cpu = last;
	}
}

static void print_vcpu(const struct domain *dom, const struct domain_vcpu *vcpu)
{
	bool active = dom->state <= DOMAIN_BLOCKED && vcpu->online;
	char affinity[64], cpu[12] = "-";

	format_affinity(vcpu->tid, affinity, sizeof(affinity));
	if (vcpu->cpu >= 0 && vcpu->online)
		snprintf(cpu, sizeof(cpu), "%d", vcpu->cpu);
	printf("%-32s %5u %5u %5s   %c%c%c %9.1f  %s\n", dom->name, dom->id, vcpu->id, cpu,
	       active && vcpu->running ? 'r' : '-', active && !vcpu->running ? 'b' : '-',
	       dom->state == DOMAIN_PAUSED || !vcpu->online ? 'p' : '-', (double)vcpu->cpu_ns / 1e9,
	       affinity);
}

static struct json_object *vcpus_json(const struct domain *dom)
{
	struct json_object *json = json_object_new_object(), *list = json_object_new_array();

	json_object_object_add(json, "name", json_object_new_string(dom->name));
	json_object_object_add(json, "id", json_object_new_uint64(dom->id));
	for (size_t i = 0; dom->vcpus && i < dom->n_vcpus; i++) {
		const struct domain_vcpu *vcpu = &dom->vcpus[i];
		struct json_object *entry = json_object_new_object();
		char affinity[64];

		format_affinity(vcpu->tid, affinity, sizeof(affinity));
		json_object_object_add(entry, "id", json_object_new_uint64(vcpu->id));
		json_object_object_add(entry, "online", json_object_new_boolean(vcpu->online));
		json_object_object_add(entry, "cpu", json_object_new_int(vcpu->cpu));
		json_object_object_add(entry, "running", json_object_new_boolean(vcpu->running));
		json_object_object_add(entry, "time",
				       json_object_new_double((double)vcpu->cpu_ns / 1e9));
		json_object_object_add(entry, "affinity", json_object_new_string(affinity));
		json_object_array_add(list, entry);
	}
	json_object_object_add(json, "vcpus", list);
	return json;
}

int verb_vcpu_list(const struct verb *verb, int argc, char **argv)
{
	struct json_object *list;
	struct selection sel;
	bool json = false;
	int opt, status;

	while ((opt = cli_option(verb, argc, argv, "j", json_longs, &status)) > 0)
		json = true;
	if (!opt)
		return status;
	status = select_domains(&sel, argc - optind, argv + optind);
	if (status)
		return status;
	if (json) {
		list = json_object_new_array();
		for (size_t i = 0; i < sel.n; i++)
			json_object_array_add(list, vcpus_json(sel.which[i]));
		cli_print_json(list);
	} else {
		printf("%-32s %5s %5s %5s %5s %9s  %s\n", "Name", "ID", "VCPU", "CPU", "State",
		       "Time(s)", "Affinity");
		for (size_t i = 0; i < sel.n; i++)
			for (size_t j = 0; sel.which[i]->vcpus && j < sel.which[i]->n_vcpus; j++)
				print_vcpu(sel.which[i], &sel.which[i]->vcpus[j]);
	}
	status = sel.status;
	selection_free(&sel);
	return status;
}
