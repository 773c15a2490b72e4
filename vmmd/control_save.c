// SPDX-License-Identifier: GPL-2.0
/*
 * Requests of the control socket that leave a file behind: a guest's core, or all
 * of it.
 * Who asks has opened the file and sends the descriptor. The answer comes at
 * once; an event tells how it went.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "control.h"
#include "control_cmd.h"
#include "vm.h"
#include "xen/dump.h"
#include "xen/save.h"

/* Whether a file came along that can be written. */
static bool has_file(const struct control_answer *answer)
{
	int flags = answer->files[0] < 0 ? -1 : fcntl(answer->files[0], F_GETFL);

	return flags >= 0 && !(flags & (O_PATH | O_APPEND)) && (flags & O_ACCMODE) != O_RDONLY;
}

/* The guest goes on as before; if it cannot it stays paused, for its owner to see. */
static void go_on(struct vm *vm)
{
	int ret = vm->resume_after ? vm_resume(vm) : 0;

	vm->resume_after = false;
	if (ret)
		log_err("the guest stays paused: %s", strerror(-ret));
}

static void dumped(struct vm *vm, int ret)
{
	if (ret)
		log_warn("dump-core: %s", strerror(-ret));
	go_on(vm);
	if (ret)
		control_event(vm->control, "dump-failed", strerror(-ret));
	else
		control_event(vm->control, "dumped", "hvctl dump-core");
}

static void cmd_dump_core(struct vm *vm, struct json_object *request, struct control_answer *answer)
{
	bool running = vm->state == VM_RUNNING;
	int ret;

	(void)request;
	if (vm->cfg.type != CONFIG_TYPE_PV) {
		control_error(answer, "cores are of guests with type='pv' only");
	} else if (!vm->powered) {
		control_error(answer, "the guest is about to start anew");
	} else if (!has_file(answer)) {
		control_error(answer, "no file: expected one that is open for writing");
	} else if (vm->filejob) {
		control_error(answer, "a file is being written of it already");
	} else {
		vm_pause(vm);
		vm->resume_after = running;
		ret = dump_start(vm, answer->files[0], dumped);
		if (ret) {
			go_on(vm);
			control_error(answer, "%s", strerror(-ret));
		}
	}
}

static void cmd_save(struct vm *vm, struct json_object *request, struct control_answer *answer)
{
	static const struct {
		const char *name;
		enum save_then then;
	} words[] = {{"destroy", SAVE_DESTROY}, {"continue", SAVE_CONTINUE}, {"pause", SAVE_PAUSE}};
	const char *then = control_text(request, "then");
	u32 i = 0;
	int ret;

	while (then && i < ARRAY_SIZE(words) && strcmp(words[i].name, then))
		i++;
	if (!then || i == ARRAY_SIZE(words)) {
		control_error(answer, "no \"then\": expected destroy, continue or pause");
	} else if (vm->cfg.type != CONFIG_TYPE_PV) {
		control_error(answer, "guests with type='pv' can be saved only");
	} else if (vm->state != VM_RUNNING) {
		control_error(answer, "the guest does not run and cannot suspend itself");
	} else if (!has_file(answer)) {
		control_error(answer, "no file: expected one that is open for writing");
	} else {
		ret = save_start(vm, answer->files[0], words[i].then);
		if (ret)
			control_error(answer, "%s",
				      ret == -EBUSY ? "a file is being written of it already"
				      : ret == -EAGAIN
					      ? "the guest does not say that it can suspend (yet)"
					      : strerror(-ret));
	}
}

const struct control_verb control_save_verbs[] = {
	{"dump-core", cmd_dump_core},
	{"save", cmd_save},
	{NULL, NULL},
};
