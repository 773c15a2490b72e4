// SPDX-License-Identifier: GPL-2.0
/*
 * Finding guests and asking them.
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/client.h"
#include "cli/domain.h"
#include "runtime.h"

/* A guest that hangs must not keep the list of the others away for long. */
#define STATUS_SECONDS 2

const char *domain_state_name(enum domain_state state)
{
	static const char *const names[] = {"running",	"blocked", "paused",
					    "shutdown", "crashed", "dying"};

	return names[state];
}

struct domain *domains_add(struct domains *all)
{
	struct domain *grown = reallocarray(all->list, all->n + 1, sizeof(*grown));

	if (!grown)
		return NULL;
	all->list = grown;
	grown[all->n] = (struct domain){.uid = -1};
	return &grown[all->n++];
}

static enum domain_state parse_state(const char *text)
{
	for (enum domain_state state = DOMAIN_RUNNING; state < DOMAIN_DYING; state++)
		if (!strcmp(text, domain_state_name(state)))
			return state;
	return !strcmp(text, "building") ? DOMAIN_PAUSED : DOMAIN_DYING;
}

/* The thread's host CPU (field 39) and whether it runs (field 3). */
static void read_thread(pid_t pid, pid_t tid, struct domain_vcpu *vcpu)
{
	char path[64], text[1024];
	char *p;
	FILE *f;

	vcpu->tid = tid;
	snprintf(path, sizeof(path), "/proc/%d/task/%d/stat", pid, tid);
	f = fopen(path, "re");
	if (!f)
		return;
	p = fgets(text, sizeof(text), f) ? strrchr(text, ')') : NULL;
	fclose(f);
	if (!p || strlen(p) < 3)
		return;
	vcpu->running = p[2] == 'R';
	p += 2;
	for (int field = 3; field < 39 && p; field++) {
		p = strchr(p, ' ');
		if (p)
			p++;
	}
	if (p)
		vcpu->cpu = atoi(p);
}

/* vmmd names the threads of its vCPUs vcpu0, vcpu1, ... */
static void read_threads(struct domain *dom)
{
	char path[64], comm[32];
	struct dirent *entry;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/task", dom->pid);
	dir = opendir(path);
	if (!dir)
		return;
	while ((entry = readdir(dir))) {
		pid_t tid = atoi(entry->d_name);
		unsigned int n;
		FILE *f;

		if (tid <= 0)
			continue;
		snprintf(path, sizeof(path), "/proc/%d/task/%d/comm", dom->pid, tid);
		f = fopen(path, "re");
		if (!f)
			continue;
		if (fgets(comm, sizeof(comm), f) && sscanf(comm, "vcpu%u", &n) == 1 &&
		    n < dom->n_vcpus)
			read_thread(dom->pid, tid, &dom->vcpus[n]);
		fclose(f);
	}
	closedir(dir);
}

static void take_vcpus(struct domain *dom)
{
	struct json_object *list, *entry, *exits, *online;

	if (!json_object_object_get_ex(dom->status, "vcpu", &list) ||
	    !json_object_is_type(list, json_type_array))
		return;
	dom->n_vcpus = json_object_array_length(list);
	dom->vcpus = calloc(dom->n_vcpus + 1, sizeof(*dom->vcpus));
	if (!dom->vcpus)
		dom->n_vcpus = 0;
	for (size_t i = 0; i < dom->n_vcpus; i++) {
		entry = json_object_array_get_idx(list, i);
		dom->vcpus[i] = (struct domain_vcpu){
			.id = (unsigned int)cli_u64(entry, "id"),
			.cpu = -1,
			.online = !json_object_object_get_ex(entry, "online", &online) ||
				  json_object_get_boolean(online),
			.cpu_ns = cli_u64(entry, "cpu_ns"),
		};
		dom->n_online += dom->vcpus[i].online;
		if (json_object_object_get_ex(entry, "exits", &exits)) {
			dom->have_exits = true;
			dom->exits += json_object_get_uint64(exits);
		}
	}
	read_threads(dom);
	if (dom->state != DOMAIN_RUNNING)
		return;
	dom->state = DOMAIN_BLOCKED;
	for (size_t i = 0; i < dom->n_vcpus; i++)
		if (dom->vcpus[i].running)
			dom->state = DOMAIN_RUNNING;
}

/* A guest whose vmmd does not answer is listed all the same, as dying. */
static int add_live(const char *name, const char *socket, void *opaque)
{
	struct domain *dom = domains_add(opaque);
	int fd;

	if (!dom)
		return -ENOMEM;
	snprintf(dom->name, sizeof(dom->name), "%s", name);
	dom->state = DOMAIN_DYING;
	dom->socket = strdup(socket);
	if (!dom->socket)
		return -ENOMEM;
	fd = client_connect(socket, STATUS_SECONDS);
	if (fd < 0)
		return 0;
	dom->pid = client_peer(fd);
	if (!client_call(fd, client_request("status"), &dom->status, NULL)) {
		dom->id = (unsigned int)cli_u64(dom->status, "domid");
		config_uuid_parse(cli_text(dom->status, "uuid"), dom->uuid);
		dom->state = parse_state(cli_text(dom->status, "state"));
		dom->mem = cli_u64(dom->status, "memory");
		dom->maxmem = cli_u64(dom->status, "maxmem");
		dom->cpu_ns = cli_u64(dom->status, "cpu_ns");
		take_vcpus(dom);
		json_object_object_del(dom->status, "ok");
	}
	close(fd);
	return 0;
}

/* Root sees the guests of all who are logged in. */
static int add_users(struct domains *all)
{
	static const char users[] = "/run/user";
	char root[PATH_MAX];
	struct dirent *entry;
	DIR *dir = opendir(users);
	int ret = 0;

	if (!dir)
		return 0;
	while (!ret && (entry = readdir(dir))) {
		if (!isdigit((unsigned char)*entry->d_name))
			continue;
		snprintf(root, sizeof(root), "%s/%s/hvctl", users, entry->d_name);
		ret = runtime_each(root, add_live, all);
	}
	closedir(dir);
	return ret;
}

static int by_id(const void *a, const void *b)
{
	const struct domain *x = a, *y = b;

	if (x->id != y->id)
		return x->id < y->id ? -1 : 1;
	return strcmp(x->name, y->name);
}

int domains_get(struct domains *all)
{
	char root[PATH_MAX];
	int ret;

	*all = (struct domains){0};
	ret = runtime_root(root);
	if (!ret)
		ret = runtime_each(root, add_live, all);
	else if (ret == -ENOENT)
		ret = 0; /* no such directory, no guest of ours */
	if (!ret && !geteuid())
		ret = add_users(all);
	if (!ret) {
		ret = genl_domains(all);
		if (ret == -ENOENT)
			ret = 0;
	}
	if (ret) {
		cli_error("cannot look for guests: %s", strerror(-ret));
		domains_free(all);
		return ret;
	}
	if (all->n)
		qsort(all->list, all->n, sizeof(*all->list), by_id);
	return 0;
}

void domains_free(struct domains *all)
{
	for (size_t i = 0; i < all->n; i++) {
		free(all->list[i].vcpus);
		free(all->list[i].socket);
		json_object_put(all->list[i].status);
	}
	free(all->list);
	*all = (struct domains){0};
}

struct domain *domains_find(struct domains *all, const char *which)
{
	uint8_t uuid[16];
	char *end;
	unsigned long id;

	/* Names are each user's own: what the caller can reach comes first. */
	for (size_t i = 0; i < all->n; i++)
		if (all->list[i].socket && !strcmp(all->list[i].name, which))
			return &all->list[i];
	for (size_t i = 0; i < all->n; i++)
		if (!strcmp(all->list[i].name, which))
			return &all->list[i];
	id = strtoul(which, &end, 10);
	if (isdigit((unsigned char)*which) && !*end)
		for (size_t i = 0; i < all->n; i++)
			if (all->list[i].id == id)
				return &all->list[i];
	if (!config_uuid_parse(which, uuid))
		for (size_t i = 0; i < all->n; i++)
			if (!memcmp(all->list[i].uuid, uuid, sizeof(uuid)))
				return &all->list[i];
	cli_error("no guest '%s': expected a name, id or uuid of 'hvctl list'", which);
	return NULL;
}

int domain_connect(const struct domain *dom, unsigned int seconds)
{
	int fd;

	if (!dom->socket) {
		cli_error("%s is not yours or not run by vmmd: expected a guest started by "
			  "'hvctl create'",
			  dom->name);
		return -1;
	}
	fd = client_connect(dom->socket, seconds);
	if (fd < 0)
		cli_error("%s: cannot reach its vmmd: %s", dom->name, strerror(-fd));
	return fd < 0 ? -1 : fd;
}

/* The answer goes where it is wanted, or is freed. */
static int settle(const struct domain *dom, int ret, struct json_object *got,
		  struct json_object **answer)
{
	if (ret == -EPROTO)
		cli_error("%s: %s", dom->name, cli_text(got, "error"));
	else if (ret)
		cli_error("%s: no answer from its vmmd: %s", dom->name, strerror(-ret));
	if (answer && !ret)
		*answer = got;
	else
		json_object_put(got);
	return ret ? EXIT_FAILED : EXIT_OK;
}

int domain_call(const struct domain *dom, int fd, struct json_object *request,
		struct json_object **answer, int *passed)
{
	struct json_object *got;
	int ret = client_call(fd, request, &got, passed);

	return settle(dom, ret, got, answer);
}

int domain_ask_files(const char *which, struct json_object *request, const int *files, size_t n,
		     struct json_object **answer)
{
	struct json_object *got;
	struct domains all;
	struct domain *dom;
	int fd, status;

	if (domains_get(&all)) {
		json_object_put(request);
		return EXIT_FAILED;
	}
	dom = domains_find(&all, which);
	status = dom ? EXIT_FAILED : EXIT_NO_GUEST;
	fd = dom ? domain_connect(dom, CLIENT_SECONDS) : -1;
	if (fd >= 0) {
		int ret = client_call_files(fd, request, files, n, &got);

		status = settle(dom, ret, got, answer);
		close(fd);
	} else {
		json_object_put(request);
	}
	domains_free(&all);
	return status;
}

int domain_ask(const char *which, struct json_object *request, struct json_object **answer)
{
	return domain_ask_files(which, request, NULL, 0, answer);
}
