// SPDX-License-Identifier: GPL-2.0
/* The core of a guest that has crashed. See corefile.h. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "corefile.h"
#include "vm.h"
#include "xen/dump.h"

static bool wants_core(enum config_action action)
{
	return action == CONFIG_COREDUMP_DESTROY || action == CONFIG_COREDUMP_RESTART;
}

/* A core has all that a guest's memory had: it is its owner's alone. */
static int open_core(const char *name)
{
	int dir, fd;

	if (mkdir(CORE_DIR, 0700) && errno == ENOENT) {
		mkdir("/var/lib/xen", 0755);
		mkdir(CORE_DIR, 0700);
	}
	dir = open(CORE_DIR, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return -errno;
	fd = openat(dir, name, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		fd = -errno;
	close(dir);
	return fd;
}

void corefile_open(struct vm *vm)
{
	const struct config *cfg = &vm->cfg;
	int fd;

	if (cfg->type != CONFIG_TYPE_PV ||
	    (!wants_core(cfg->on_crash) && !wants_core(cfg->on_poweroff) &&
	     !wants_core(cfg->on_reboot)))
		return;
	fd = open_core(cfg->name);
	if (fd < 0)
		log_warn(CORE_DIR "/%s: %s: no core will be dumped", cfg->name, strerror(-fd));
	else
		vm->core_fd = fd;
}

void corefile_close(struct vm *vm)
{
	if (vm->core_fd >= 0)
		close(vm->core_fd);
	vm->core_fd = -1;
}

static void dumped(struct vm *vm, int ret)
{
	if (ret)
		log_err("no core could be dumped: %s", strerror(-ret));
	else
		log_info("core dumped");
	vm->core_done(vm);
}

bool corefile_dump(struct vm *vm, void (*done)(struct vm *vm))
{
	int ret;

	if (vm->core_fd < 0) {
		log_warn("no core is dumped");
		return false;
	}
	ret = ftruncate(vm->core_fd, 0) || lseek(vm->core_fd, 0, SEEK_SET) ? -errno : 0;
	vm->core_done = done;
	if (!ret)
		ret = dump_start(vm, vm->core_fd, dumped);
	if (ret)
		log_err("no core could be dumped: %s", strerror(-ret));
	return !ret;
}
