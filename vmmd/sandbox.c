// SPDX-License-Identifier: GPL-2.0
/*
 * Giving up privileges, in the one order that works: name spaces and the
 * empty root need capabilities, changing the user needs them too and loses
 * them, and the filter comes last because it forbids all of it.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/securebits.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "log.h"
#include "sandbox.h"
#include "sandbox_filter.h"

/*
 * Threads of a guest: vCPUs, I/O threads, workers of io_uring and vhost. The
 * limit counts per user id, so it is for guests that have one to themselves.
 */
#define THREADS_MAX 1024

/* Disks, cards with their queues' eventfds, vCPUs, control clients. */
#define FILES_MAX 4096

static struct sandbox_params self;

/* Role of this thread, for the message about its last system call. */
static __thread enum sandbox_role my_role;

static int fail(const char *what)
{
	int ret = -errno;

	log_err("sandbox: cannot %s: %s", what, strerror(-ret));
	return ret;
}

/* Signal context: only write(2), and nothing that takes a lock. */
static void on_violation(int sig, siginfo_t *info, void *context)
{
	static const char *const roles[] = {"main", "vcpu", "io", "reader"};
	const char *name = sandbox_syscall_name(info->si_syscall);
	char line[128];
	size_t len = 0;
	const char *const parts[] = {"sandbox: system call ", name, " is not allowed to role ",
				     roles[my_role], ", ending the guest\n"};

	(void)context;
	for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++)
		for (const char *p = parts[i]; *p && len < sizeof(line); p++)
			line[len++] = *p;
	if (write(self.log_fd, line, len) < 0)
		_exit(128 + sig);
	/* The handler was reset when it was entered: this one is deadly. */
	raise(sig);
	_exit(128 + sig);
}

static int catch_violations(void)
{
	struct sigaction action = {
		.sa_sigaction = on_violation,
		.sa_flags = (int)(SA_SIGINFO | SA_RESETHAND | SA_NODEFER),
	};

	return sigaction(SIGSYS, &action, NULL) ? fail("catch SIGSYS") : 0;
}

/* Threads block all signals; a blocked SIGSYS would kill without a word. */
static void unblock_violations(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGSYS);
	pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}

static int write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	int ret = 0;

	if (fd < 0)
		return -errno;
	if (write(fd, text, strlen(text)) < 0)
		ret = -errno;
	close(fd);
	return ret;
}

/*
 * Name spaces of an ordinary user hang below a user name space of his, in
 * which he stays who he is. Return: 0, 1 when the system grants none, or a
 * negative errno.
 */
static int enter_user_namespace(int flags)
{
	uid_t uid = geteuid();
	gid_t gid = getegid();
	char map[48];
	int ret;

	if (unshare(CLONE_NEWUSER | flags)) {
		/* EINVAL: the kernel already added a thread (vhost) to us. */
		if (errno != EPERM && errno != ENOSPC && errno != EINVAL && errno != EACCES)
			return fail("make name spaces");
		log_info("sandbox: no name spaces for ordinary users here: %s", strerror(errno));
		return 1;
	}
	ret = write_file("/proc/self/setgroups", "deny");
	snprintf(map, sizeof(map), "%u %u 1", uid, uid);
	if (!ret)
		ret = write_file("/proc/self/uid_map", map);
	snprintf(map, sizeof(map), "%u %u 1", gid, gid);
	if (!ret)
		ret = write_file("/proc/self/gid_map", map);
	if (ret)
		log_err("sandbox: cannot map the user into its name space: %s", strerror(-ret));
	return ret;
}

/*
 * A root directory with nothing in it. /proc is a directory on every system;
 * it serves as the place to mount the new root on.
 */
static int empty_root(void)
{
	unsigned long flags = MS_NOSUID | MS_NODEV | MS_NOEXEC;

	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL))
		return fail("keep mounts to itself");
	if (mount("none", "/proc", "tmpfs", flags, "size=4k,nr_inodes=2,mode=555") ||
	    chdir("/proc"))
		return fail("mount an empty root");
	/* Old and new root stacked on one directory: no second one is needed. */
	if (!syscall(SYS_pivot_root, ".", ".")) {
		if (umount2(".", MNT_DETACH))
			return fail("leave the old root");
	} else if (errno != EINVAL || chroot(".")) {
		/* EINVAL: the system runs from an initramfs, which cannot be left. */
		return fail("change the root");
	}
	if (chdir("/") || mount(NULL, "/", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY | flags, NULL))
		return fail("make the root read-only");
	return 0;
}

static int enter_namespaces(void)
{
	int flags = CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS;
	int ret = 0;

	if (!self.change_user)
		ret = enter_user_namespace(flags);
	else if (unshare(flags))
		return fail("make name spaces");
	if (ret)
		return ret < 0 ? ret : 0;
	return empty_root();
}

static int drop_capabilities(void)
{
	cap_t none = cap_init();
	int ret = 0;

	if (!none || cap_set_proc(none))
		ret = fail("drop capabilities");
	cap_free(none);
	return ret;
}

/*
 * The bounding set and the secure bits outlive an exec, so that no file with
 * capabilities and no set-uid program gives anything back.
 */
static int lock_capabilities(void)
{
	for (cap_value_t cap = 0; cap_get_bound(cap) >= 0; cap++)
		if (cap_drop_bound(cap))
			return fail("empty the capability bounding set");
	if (prctl(PR_SET_SECUREBITS,
		  SECBIT_NOROOT | SECBIT_NOROOT_LOCKED | SECBIT_NO_CAP_AMBIENT_RAISE |
			  SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED | SECBIT_KEEP_CAPS_LOCKED |
			  SECBIT_NO_SETUID_FIXUP_LOCKED))
		return fail("lock the secure bits");
	return 0;
}

static int change_user(void)
{
	if (!self.change_user)
		return 0;
	if (setgroups(0, NULL))
		return fail("leave all groups");
	if (setresgid(self.uid, self.uid, self.uid) || setresuid(self.uid, self.uid, self.uid))
		return fail("change the user");
	return 0;
}

static int limit(int what, rlim_t most, const char *name)
{
	struct rlimit limit;

	if (getrlimit(what, &limit))
		return fail(name);
	if (limit.rlim_max > most)
		limit.rlim_max = most;
	limit.rlim_cur = limit.rlim_max;
	return setrlimit(what, &limit) ? fail(name) : 0;
}

static int set_limits(void)
{
	int ret;

	/* Guest memory must not end in a core file. */
	ret = limit(RLIMIT_CORE, 0, "forbid core files");
	if (!ret)
		ret = limit(RLIMIT_NOFILE, FILES_MAX, "limit open files");
	if (!ret && self.change_user)
		ret = limit(RLIMIT_NPROC, THREADS_MAX, "limit threads");
	return ret;
}

int sandbox_enter(const struct sandbox_params *params)
{
	bool have_caps;
	int ret;

	self = *params;
	if (!self.enabled) {
		log_warn("no sandbox, as asked for: what breaks into vmmd has its user's rights");
		return 0;
	}
	ret = sandbox_filters_build();
	if (!ret)
		ret = catch_violations();
	if (!ret)
		ret = set_limits();
	if (!ret)
		ret = enter_namespaces();
	if (ret)
		return ret;

	/* Root has it, and so has the owner of a new user name space. */
	have_caps = prctl(PR_CAPBSET_READ, CAP_SETPCAP, 0, 0, 0) == 1 &&
		    !prctl(PR_SET_SECUREBITS, prctl(PR_GET_SECUREBITS, 0, 0, 0, 0), 0, 0, 0);
	if (have_caps)
		ret = lock_capabilities();
	if (!ret)
		ret = change_user();
	if (!ret)
		ret = drop_capabilities();
	if (ret)
		return ret;

	/* Nobody but root may look into the guest's memory through /proc. */
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0))
		return fail("become undumpable");
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return fail("forbid new privileges");
	unblock_violations();
	ret = sandbox_filter_load(ROLE_MAIN);
	if (ret)
		log_err("sandbox: cannot load the filter: %s", strerror(-ret));
	return ret;
}

int sandbox_thread(enum sandbox_role role)
{
	int ret;

	if (!self.enabled)
		return 0;
	my_role = role;
	unblock_violations();
	ret = sandbox_filter_load(role);
	if (ret)
		log_err("sandbox: cannot load a thread's filter: %s", strerror(-ret));
	return ret;
}
