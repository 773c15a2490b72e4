// SPDX-License-Identifier: GPL-2.0
/*
 * The requests of the control socket: tables with a function each.
 * Documentation/control.md describes them.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/virtio_balloon.h>

#include "boot/boot.h"
#include "control.h"
#include "control_cmd.h"
#include "hvctl.h"
#include "virtio/balloon.h"
#include "virtio/console.h"
#include "vm.h"
#include "xen/core.h"

void control_put_u64(struct json_object *to, const char *key, u64 value)
{
	json_object_object_add(to, key, json_object_new_uint64(value));
}

void control_put_text(struct json_object *to, const char *key, const char *value)
{
	json_object_object_add(to, key, value ? json_object_new_string(value) : NULL);
}

void control_error(struct control_answer *answer, const char *fmt, ...)
{
	char text[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	control_put_text(answer->json, "error", text);
}

/* An answer of ok stays as it is; a negative errno becomes a message. */
static void answer_errno(struct control_answer *answer, int ret, const char *what)
{
	if (ret < 0)
		control_error(answer, "%s", what);
}

const char *control_text(struct json_object *request, const char *key)
{
	struct json_object *value;

	if (!json_object_object_get_ex(request, key, &value) ||
	    !json_object_is_type(value, json_type_string))
		return NULL;
	return json_object_get_string(value);
}

bool control_flag(struct json_object *request, const char *key)
{
	struct json_object *value;

	return json_object_object_get_ex(request, key, &value) &&
	       json_object_is_type(value, json_type_boolean) && json_object_get_boolean(value);
}

bool control_number(struct json_object *request, const char *key, u64 max, u64 *out)
{
	struct json_object *value;

	if (!json_object_object_get_ex(request, key, &value) ||
	    !json_object_is_type(value, json_type_int) || json_object_get_int64(value) < 0)
		return false;
	*out = json_object_get_uint64(value);
	return *out <= max;
}

/* A number from 1 to 65535, or 0 when there is none. */
static u16 get_u16(struct json_object *request, const char *key)
{
	u64 n;

	return control_number(request, key, UINT16_MAX, &n) ? (u16)n : 0;
}

static void put_identity(struct vm *vm, struct json_object *to)
{
	static const char *const types[] = {"auto", "pv", "pvh", "hvm"};
	char uuid[CONFIG_UUID_STRLEN];

	config_uuid_format(vm->cfg.uuid, uuid);
	control_put_text(to, "name", vm->cfg.name);
	control_put_text(to, "uuid", uuid);
	control_put_u64(to, "domid", vm->domid);
	control_put_u64(to, "pid", (u64)getpid());
	control_put_text(to, "state", vm_state_name(vm->state));
	control_put_text(to, "type", types[vm->cfg.type]);
	control_put_text(to, "device", vm->hv.path);
	control_put_u64(to, "restarts", vm->restarts);
	if (vm->powered)
		control_put_u64(to, "uptime", (loop_now_ns() - vm->power_on_ns) / NSEC_PER_SEC);
}

static void put_memory(struct vm *vm, struct json_object *to)
{
	u64 ram = mem_ram(&vm->mem), left = 0;

	if (vm->xen) {
		left = xen_memory_left(vm);
		control_put_u64(to, "balloon_target", ram - xen_memory_target(vm));
		control_put_u64(to, "balloon_actual", left);
	} else if (vm->balloon) {
		struct balloon_stats stats;

		balloon_get_stats(vm->balloon, &stats);
		left = stats.actual < ram ? stats.actual : ram;
		control_put_u64(to, "balloon_target", stats.target);
		control_put_u64(to, "balloon_actual", stats.actual);
		if (stats.valid & 1u << VIRTIO_BALLOON_S_MEMFREE)
			control_put_u64(to, "memory_free", stats.stat[VIRTIO_BALLOON_S_MEMFREE]);
		if (stats.valid & 1u << VIRTIO_BALLOON_S_AVAIL)
			control_put_u64(to, "memory_available", stats.stat[VIRTIO_BALLOON_S_AVAIL]);
	}
	control_put_u64(to, "memory", ram - left);
	control_put_u64(to, "maxmem", vm->limit_mib * MIB);
}

static void put_exits(struct vcpu *vcpu, struct json_object *to)
{
	struct hvctl_vcpu_stats stats = {.size = sizeof(stats)};
	struct json_object *exits;
	u64 sum = 0;

	if (!vcpu->vm->hv.is_hvctl || vcpu->fd < 0 || ioctl(vcpu->fd, HVCTL_GET_VCPU_STATS, &stats))
		return;
	if (stats.classes > ARRAY_SIZE(stats.exits))
		stats.classes = ARRAY_SIZE(stats.exits);
	exits = json_object_new_array();
	for (u32 i = 0; i < stats.classes; i++) {
		json_object_array_add(exits, json_object_new_uint64(stats.exits[i]));
		/* Returns to user space were counted by their cause already. */
		if (i != HVCTL_EXIT_USER)
			sum += stats.exits[i];
	}
	json_object_object_add(to, "exits_by_class", exits);
	control_put_u64(to, "exits", sum);
	control_put_u64(to, "steal_ns", stats.steal_ns);
	control_put_u64(to, "halt_ns", stats.halt_ns);
}

/* Returns the CPU time of all vCPUs. */
static u64 put_vcpus(struct vm *vm, struct json_object *to)
{
	struct json_object *list = json_object_new_array();
	u64 sum = 0;

	for (unsigned int i = 0; i < vm->cfg.vcpus; i++) {
		struct json_object *entry = json_object_new_object();
		u64 ns = vm->powered ? vcpu_cpu_ns(&vm->vcpu[i]) : 0;

		control_put_u64(entry, "id", i);
		json_object_object_add(entry, "online", json_object_new_boolean(i < vm->online));
		control_put_u64(entry, "cpu_ns", ns);
		if (vm->powered)
			put_exits(&vm->vcpu[i], entry);
		json_object_array_add(list, entry);
		sum += ns;
	}
	json_object_object_add(to, "vcpu", list);
	return sum;
}

static void put_devices(struct vm *vm, struct json_object *to)
{
	static const char *const kinds[] = {"other", "block", "net"};
	struct json_object *list = json_object_new_array();

	for (struct device *dev = vm->devices; dev; dev = dev->next) {
		struct json_object *entry;
		struct device_stats stats = {0};

		if (!dev->stats || dev->kind == DEVICE_OTHER)
			continue;
		dev->stats(dev, &stats);
		entry = json_object_new_object();
		control_put_text(entry, "name", dev->name);
		control_put_text(entry, "kind", kinds[dev->kind]);
		control_put_u64(entry, "read_bytes", stats.read_bytes);
		control_put_u64(entry, "write_bytes", stats.write_bytes);
		control_put_u64(entry, "reads", stats.reads);
		control_put_u64(entry, "writes", stats.writes);
		control_put_u64(entry, "errors", stats.errors);
		json_object_array_add(list, entry);
	}
	json_object_object_add(to, "devices", list);
}

static void cmd_status(struct vm *vm, struct json_object *request, struct control_answer *answer)
{
	static const char *const pty_keys[] = {
		[CONSOLE_SERIAL] = "serial_pty",
		[CONSOLE_VIRTIO] = "virtio_pty",
		[CONSOLE_PV] = "pv_pty",
	};

	(void)request;
	put_identity(vm, answer->json);
	put_memory(vm, answer->json);
	control_put_u64(answer->json, "vcpus", vm->online);
	control_put_u64(answer->json, "maxvcpus", vm->cfg.vcpus);
	control_put_u64(answer->json, "cpu_ns", put_vcpus(vm, answer->json));
	put_devices(vm, answer->json);
	for (int kind = 0; kind < CONSOLE_KINDS; kind++)
		if (vm->console[kind])
			control_put_text(answer->json, pty_keys[kind],
					 console_pty(vm->console[kind]));
}

static void cmd_pause(struct vm *vm, struct json_object *request, struct control_answer *answer)
{
	(void)request;
	if (vm->state == VM_PAUSED)
		return;
	if (vm->state != VM_RUNNING) {
		control_error(answer, "the guest does not run");
		return;
	}
	vm_pause(vm);
	answer->event = "paused";
}

static void cmd_unpause(struct vm *vm, struct json_object *request, struct control_answer *answer)
{
	int ret;

	(void)request;
	if (vm->state == VM_RUNNING)
		return;
	ret = vm_resume(vm);
	answer_errno(answer, ret,
		     ret == -EINVAL  ? "the guest has ended"
		     : ret == -EBUSY ? "a file is being written of it: wait till that is done"
				     : strerror(-ret));
	if (!ret)
		answer->event = "resumed";
}

static void press_button(struct vm *vm, bool reboot, struct control_answer *answer)
{
	int ret = vm_power_button(vm, reboot);

	if (ret == -EAGAIN)
		control_put_text(answer->json, "error",
				 "the guest does not listen to its power button (yet)");
	else
		answer_errno(answer, ret, "the guest does not run");
}

static void cmd_shutdown(struct vm *vm, struct json_object *request, struct control_answer *answer)
{
	(void)request;
	press_button(vm, false, answer);
}

static void cmd_reboot(struct vm *vm, struct json_object *request, struct control_answer *answer)
{
	(void)request;
	press_button(vm, true, answer);
}

static void cmd_destroy(struct vm *vm, struct json_object *request, struct control_answer *answer)
{
	(void)request;
	(void)answer;
	vm_request(vm, VM_DESTROY, "hvctl destroy");
}

/* The console that the kernel itself will take for /dev/console: the last one. */
static enum console_kind default_console(const struct vm *vm)
{
	enum console_kind hvc = vm->console[CONSOLE_PV] ? CONSOLE_PV : CONSOLE_VIRTIO;
	enum console_kind kind = vm->console[CONSOLE_SERIAL] ? CONSOLE_SERIAL : hvc;
	const char *cmdline, *p;

	/* A PV guest has no other, and one of type="pvh" rather this one. */
	if (vm->console[CONSOLE_PV])
		kind = hvc;
	if (vm->console[CONSOLE_PV] && !vm->console[CONSOLE_SERIAL])
		return hvc;
	if (vm->cfg.console != CONFIG_CONSOLE_AUTO)
		return vm->cfg.console == CONFIG_CONSOLE_SERIAL ? CONSOLE_SERIAL : hvc;
	cmdline = vm->files->cmdline;
	p = cmdline;
	while ((p = strstr(p, "console="))) {
		bool word = p == cmdline || p[-1] == ' ';

		p += strlen("console=");
		if (word && !strncmp(p, "ttyS", strlen("ttyS")))
			kind = CONSOLE_SERIAL;
		else if (word && !strncmp(p, "hvc", strlen("hvc")))
			kind = hvc;
	}
	return kind;
}

static void cmd_console(struct vm *vm, struct json_object *request, struct control_answer *answer)
{
	const char *type = control_text(request, "type");
	enum console_kind kind;
	int pair[2], ret;
	u16 cols, rows;

	if (!type)
		kind = default_console(vm);
	else if (!strcmp(type, "serial"))
		kind = CONSOLE_SERIAL;
	else if (!strcmp(type, "virtio"))
		kind = CONSOLE_VIRTIO;
	/* xl's word for hvc0, whatever is behind it. */
	else if (!strcmp(type, "pv"))
		kind = vm->console[CONSOLE_PV] ? CONSOLE_PV : CONSOLE_VIRTIO;
	else {
		control_error(answer, "unknown console: expected serial, virtio or pv");
		return;
	}
	if (!vm->console[kind]) {
		control_error(answer, "the guest has no such console");
		return;
	}
	/*
	 * The socket is of our making: what a client passes could be anything,
	 * and reading from it could wait for ever.
	 */
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair)) {
		control_error(answer, "%s", strerror(errno));
		return;
	}
	ret = console_attach(vm->console[kind], pair[0], true);
	if (ret) {
		close(pair[1]);
		control_error(answer, "%s", strerror(-ret));
		return;
	}
	answer->fd = pair[1];
	/* A serial line has no size; hvc0 takes that of who came last. */
	cols = get_u16(request, "cols");
	rows = get_u16(request, "rows");
	if (kind == CONSOLE_VIRTIO && cols && rows)
		virtio_console_resize(vm->vcon, cols, rows);
}

static void cmd_subscribe(struct vm *vm, struct json_object *request, struct control_answer *answer)
{
	(void)request;
	put_identity(vm, answer->json);
	answer->subscribe = true;
}

static const struct control_verb life_verbs[] = {
	{"console", cmd_console},     {"destroy", cmd_destroy},	  {"pause", cmd_pause},
	{"reboot", cmd_reboot},	      {"shutdown", cmd_shutdown}, {"status", cmd_status},
	{"subscribe", cmd_subscribe}, {"unpause", cmd_unpause},	  {NULL, NULL},
};

static control_fn *find_verb(const char *name)
{
	const struct control_verb *const tables[] = {life_verbs, control_guest_verbs,
						     control_device_verbs, control_save_verbs};
	const struct control_verb *verb;

	for (size_t i = 0; i < ARRAY_SIZE(tables); i++)
		for (verb = tables[i]; verb->name; verb++)
			if (!strcmp(verb->name, name))
				return verb->run;
	return NULL;
}

void control_command(struct vm *vm, struct json_object *request, struct control_answer *answer)
{
	const char *name = control_text(request, "cmd");
	control_fn *run = name ? find_verb(name) : NULL;
	struct json_object *error;

	if (!name)
		control_error(answer, "no request: expected {\"cmd\": \"NAME\"}");
	else if (!run)
		control_error(answer, "unknown request");
	else
		run(vm, request, answer);
	json_object_object_add(
		answer->json, "ok",
		json_object_new_boolean(!json_object_object_get_ex(answer->json, "error", &error)));
}
