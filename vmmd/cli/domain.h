/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What is known about the guests of this machine: from their control sockets,
 * and from the module where it is loaded. A guest of another front end (QEMU)
 * or of another user is known to the module alone.
 */
#ifndef HVCTL_DOMAIN_H
#define HVCTL_DOMAIN_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "config.h"

enum domain_state {
	DOMAIN_RUNNING,
	DOMAIN_BLOCKED,
	DOMAIN_PAUSED,
	DOMAIN_SHUTDOWN,
	DOMAIN_CRASHED,
	DOMAIN_DYING,
};

/**
 * struct domain_vcpu - one virtual CPU
 * @id: its number
 * @cpu: host CPU it ran on last, -1 when unknown
 * @online: the guest is to use it
 * @running: it runs now, as opposed to sleeping in HLT
 * @cpu_ns: CPU time it has used
 * @tid: its thread, 0 when unknown
 */
struct domain_vcpu {
	unsigned int id;
	int cpu;
	bool online;
	bool running;
	uint64_t cpu_ns;
	pid_t tid;
};

/**
 * struct domain - one guest
 * @name: of it
 * @uuid: of it
 * @id: its number; 0 is the host
 * @pid: its vmmd, or whoever made it; 0 when not visible from here
 * @uid: owner as the module knows it, -1 else
 * @state: what it does
 * @mem: bytes it has
 * @maxmem: bytes it may have
 * @cpu_ns: CPU time of its vCPUs
 * @exits: exits since its start
 * @have_exits: whether @exits is known
 * @vcpus: vCPUs
 * @n_vcpus: number of vCPUs, also when @vcpus is NULL
 * @n_online: how many of them are online
 * @socket: path of its control socket, NULL when it has none for us
 * @status: the answer of its vmmd to "status", or NULL
 */
struct domain {
	char name[CONFIG_NAME_MAX + 1];
	uint8_t uuid[16];
	unsigned int id;
	pid_t pid;
	long long uid;
	enum domain_state state;
	uint64_t mem;
	uint64_t maxmem;
	uint64_t cpu_ns;
	uint64_t exits;
	bool have_exits;
	struct domain_vcpu *vcpus;
	size_t n_vcpus;
	size_t n_online;
	char *socket;
	struct json_object *status;
};

/**
 * struct domains - all of them, by id
 * @list: the guests
 * @n: number
 */
struct domains {
	struct domain *list;
	size_t n;
};

/** domains_get - look around; 0 or a negative errno (told) */
int domains_get(struct domains *all);

/** domains_free - free what domains_get() made */
void domains_free(struct domains *all);

/** domains_find - the guest of that name, id or uuid; NULL with a message */
struct domain *domains_find(struct domains *all, const char *which);

/** domains_add - a new zeroed entry, or NULL */
struct domain *domains_add(struct domains *all);

/** domain_state_name - "running", ... */
const char *domain_state_name(enum domain_state state);

/** domain_connect - as client_connect() to the guest's vmmd; fd, or -1 with a message */
int domain_connect(const struct domain *dom, unsigned int seconds);

/**
 * domain_call - one request to a guest, errors told
 * @dom: the guest
 * @fd: connection
 * @request: freed
 * @answer: where the answer is put, or NULL
 * @passed: as for client_call()
 *
 * Return: an exit status.
 */
int domain_call(const struct domain *dom, int fd, struct json_object *request,
		struct json_object **answer, int *passed);

/**
 * domain_ask - find a guest and make one request
 * @which: name, id or uuid
 * @request: freed
 * @answer: where the answer is put, or NULL
 *
 * Return: an exit status, errors told.
 */
int domain_ask(const char *which, struct json_object *request, struct json_object **answer);

/** domain_ask_files - the same, and descriptors go along; see client_call_files() */
int domain_ask_files(const char *which, struct json_object *request, const int *files, size_t n,
		     struct json_object **answer);

/* genl.c: the module's side */

/** genl_domains - add the module's guests to @all; -ENOENT without a module */
int genl_domains(struct domains *all);

/**
 * genl_events - call @fn for each event of the module
 * @fn: event's name, guest's name and id; non-zero ends it
 * @opaque: for @fn
 * @timeout_ns: end after this time, 0 for never
 *
 * Return: what @fn returned, 0 after the time-out, -ENOENT without a module.
 */
int genl_events(int (*fn)(const char *event, const char *name, unsigned int id, void *opaque),
		void *opaque, uint64_t timeout_ns);

#endif /* HVCTL_DOMAIN_H */
