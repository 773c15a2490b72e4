// SPDX-License-Identifier: GPL-2.0
/*
 * Which console `hvctl console` is connected to. The first part is what
 * control_cmd.c asks of the rest of vmmd for its other requests.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "board.h"
#include "control_cmd.h"
#include "virtio/balloon.h"
#include "virtio/console.h"
#include "xen/core.h"

const struct control_verb control_guest_verbs[] = {{NULL, NULL}};
const struct control_verb control_device_verbs[] = {{NULL, NULL}};
const struct control_verb control_save_verbs[] = {{NULL, NULL}};

u64 xen_memory_left(const struct vm *v)
{
	(void)v;
	return 0;
}

u64 xen_memory_target(const struct vm *v)
{
	(void)v;
	return 0;
}

void balloon_get_stats(struct balloon *balloon, struct balloon_stats *stats)
{
	(void)balloon;
	(void)stats;
	abort();
}

void virtio_console_resize(struct vcon *con, u16 cols, u16 rows)
{
	(void)con;
	(void)cols;
	(void)rows;
	abort();
}

u64 vcpu_cpu_ns(const struct vcpu *vcpu)
{
	(void)vcpu;
	return 0;
}

void config_uuid_format(const uint8_t uuid[16], char out[CONFIG_UUID_STRLEN])
{
	(void)uuid;
	out[0] = '\0';
}

const char *vm_state_name(enum vm_state state)
{
	(void)state;
	return "running";
}

void vm_pause(struct vm *v)
{
	(void)v;
}

int vm_resume(struct vm *v)
{
	(void)v;
	return 0;
}

int vm_power_button(struct vm *v, bool reboot)
{
	(void)v;
	(void)reboot;
	return 0;
}

void vm_request(struct vm *v, enum vm_event event, const char *reason)
{
	(void)v;
	(void)event;
	(void)reason;
}

/* Asks for a console and reads its backlog from it; the error, or NULL. */
static const char *ask(const char *type, char *backlog, size_t size)
{
	static char error[128];
	struct control_answer answer = {.json = json_object_new_object(), .fd = -1};
	struct json_object *request = json_object_new_object(), *value;
	ssize_t n;

	json_object_object_add(request, "cmd", json_object_new_string("console"));
	json_object_object_add(request, "cols", json_object_new_int(80));
	json_object_object_add(request, "rows", json_object_new_int(25));
	if (type)
		json_object_object_add(request, "type", json_object_new_string(type));
	control_command(&vm, request, &answer);
	backlog[0] = error[0] = '\0';
	if (json_object_object_get_ex(answer.json, "error", &value))
		snprintf(error, sizeof(error), "%s", json_object_get_string(value));
	if (answer.fd >= 0) {
		n = read(answer.fd, backlog, size - 1);
		backlog[n > 0 ? n : 0] = '\0';
		close(answer.fd);
		board_turn();
	}
	json_object_put(request);
	json_object_put(answer.json);
	return error[0] ? error : NULL;
}

static bool choice(void)
{
	char backlog[CONSOLE_RING_BYTES + 1];

	CHECK(guest_write("PV console", 10) == 10);
	CHECK(!ask("pv", backlog, sizeof(backlog)) && strstr(backlog, "PV console"));
	/* Whatever the configuration and the command line say: there is no other. */
	vm.cfg.cmdline = "console=ttyS0";
	CHECK(!ask(NULL, backlog, sizeof(backlog)) && strstr(backlog, "PV console"));
	vm.cfg.console = CONFIG_CONSOLE_VIRTIO;
	CHECK(!ask(NULL, backlog, sizeof(backlog)) && strstr(backlog, "PV console"));
	CHECK(strstr(ask("virtio", backlog, sizeof(backlog)), "no such console"));
	CHECK(strstr(ask("serial", backlog, sizeof(backlog)), "no such console"));
	CHECK(strstr(ask("vga", backlog, sizeof(backlog)), "unknown console"));
	return true;
}

static bool told_in_status(void)
{
	struct control_answer answer = {.json = json_object_new_object(), .fd = -1};
	struct json_object *request = json_object_new_object(), *value;
	const char *pty = console_pty(vm.console[CONSOLE_PV]);

	json_object_object_add(request, "cmd", json_object_new_string("status"));
	control_command(&vm, request, &answer);
	CHECK(json_object_object_get_ex(answer.json, "pv_pty", &value));
	CHECK(!pty || !strcmp(json_object_get_string(value), pty));
	CHECK(!json_object_object_get_ex(answer.json, "virtio_pty", &value));
	json_object_put(request);
	json_object_put(answer.json);
	return true;
}

void run_control_tests(void)
{
	TEST(choice);
	TEST(told_in_status);
}
