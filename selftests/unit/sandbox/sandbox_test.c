// SPDX-License-Identifier: GPL-2.0
/*
 * The sandbox from inside: children enter it, try what a guest that took them
 * over would try, and are looked at as they end. Root tries the change of the
 * user as well.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sandbox.h"

/* What a child does in the sandbox; its exit status. */
typedef int attempt(void);

#define UID	1894000007u
#define LOG_MAX 4096

static unsigned int number, failed;
static char log_text[LOG_MAX];

static void report(bool ok, const char *what)
{
	printf("%sok %u sandbox: %s\n", ok ? "" : "not ", ++number, what);
	if (!ok && *log_text)
		printf("# log: %s", log_text);
	failed += !ok;
}

/* An attempt for a thread. */
struct task {
	attempt *try;
	enum sandbox_role role;
};

static void *on_thread(void *opaque)
{
	const struct task *task = opaque;

	if (sandbox_thread(task->role))
		_exit(99);
	_exit(task->try());
}

/* Run @try in a thread of @role of a sandboxed child; returns wait()'s status. */
static int run(attempt *try, enum sandbox_role role)
{
	struct task task = {try, role};
	int log = memfd_create("log", 0), status = -1;
	ssize_t n;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (!pid) {
		struct sandbox_params params = {
			.enabled = true,
			.change_user = !geteuid(),
			.uid = UID,
			.log_fd = log,
		};
		pthread_t thread;

		dup2(log, STDERR_FILENO);
		if (sandbox_enter(&params))
			_exit(98);
		if (role == ROLE_MAIN)
			_exit(try());
		if (pthread_create(&thread, NULL, on_thread, &task))
			_exit(97);
		pthread_join(thread, NULL);
		_exit(96);
	}
	waitpid(pid, &status, 0);
	n = pread(log, log_text, sizeof(log_text) - 1, 0);
	log_text[n > 0 ? n : 0] = '\0';
	close(log);
	return status;
}

static void expect_exit(attempt *try, enum sandbox_role role, const char *what)
{
	int status = run(try, role);

	if (status)
		printf("# wait status 0x%x\n", status);
	report(status == 0, what);
}

static void expect_death(attempt *try, enum sandbox_role role, const char *call, const char *what)
{
	int status = run(try, role);

	if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGSYS)
		printf("# wait status 0x%x\n", status);
	report(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS && strstr(log_text, call), what);
}

static int try_nothing(void)
{
	return 0;
}

static int try_work(void)
{
	char *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char byte;
	int fds[2];

	if (p == MAP_FAILED || madvise(p, 4096, MADV_DONTNEED) || munmap(p, 4096))
		return 1;
	free(malloc(1 << 20));
	if (getpid() <= 0 || clock_gettime(CLOCK_MONOTONIC, &(struct timespec){0}))
		return 2;
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, fds) || write(fds[0], "x", 1) != 1 ||
	    read(fds[1], &byte, 1) != 1)
		return 3;
	return 0;
}

static int try_vcpu_work(void)
{
	free(malloc(1 << 20));
	/* Allowed, though no such descriptor is there. */
	return ioctl(-1, KVM_RUN, 0) == -1 && errno == EBADF ? 0 : 1;
}

static int try_root(void)
{
	DIR *dir = opendir("/");
	struct dirent *entry;
	int n = 0;

	if (!dir)
		return 1;
	while ((entry = readdir(dir)))
		n++;
	closedir(dir);
	/* "." and ".." alone, and nothing can be added. */
	return n == 2 && openat(AT_FDCWD, "/x", O_CREAT | O_WRONLY, 0600) < 0 ? 0 : 2;
}

static int try_open(void)
{
	return openat(AT_FDCWD, "/etc/passwd", O_RDONLY) < 0 && errno == ENOENT ? 0 : 1;
}

static int try_abort(void)
{
	abort();
}

static int try_exec(void)
{
	execl("/bin/true", "true", NULL);
	return 1;
}

static int try_ptrace(void)
{
	syscall(SYS_ptrace, 0, 0, 0, 0);
	return 1;
}

static int try_socket(void)
{
	socket(AF_INET, SOCK_STREAM, 0);
	return 1;
}

static int try_kill(void)
{
	syscall(SYS_kill, 1, SIGTERM);
	return 1;
}

static int try_tgkill(void)
{
	syscall(SYS_tgkill, 1, 1, SIGTERM);
	return 1;
}

static int try_setuid(void)
{
	syscall(SYS_setuid, 0);
	return 1;
}

static int try_exec_map(void)
{
	mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	return 1;
}

static int try_exec_protect(void)
{
	void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	mprotect(p, 4096, PROT_READ | PROT_EXEC);
	return 1;
}

static int try_tiocsti(void)
{
	ioctl(0, TIOCSTI, "x");
	return 1;
}

static int try_unshare(void)
{
	unshare(CLONE_NEWUSER);
	return 1;
}

static int try_thread_open(void)
{
	openat(AT_FDCWD, "/x", O_RDONLY);
	return 1;
}

static int try_thread_clone(void)
{
	syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
	return 1;
}

static int try_create_vm(void)
{
	ioctl(-1, KVM_CREATE_VM, 0);
	return 1;
}

static int try_user(void)
{
	return getuid() == UID && geteuid() == UID ? 0 : 1;
}

static int outside(void)
{
	struct sandbox_params params = {.enabled = false};

	if (sandbox_enter(&params) || sandbox_thread(ROLE_VCPU))
		return 1;
	return getppid() > 0 ? 0 : 2;
}

/* Without CAP_SYS_ADMIN and without user name spaces there is no empty root. */
static bool have_namespaces(void)
{
	int status;
	pid_t pid = fork();

	if (!pid)
		_exit(unshare(CLONE_NEWNS | (geteuid() ? CLONE_NEWUSER : 0)) ? 1 : 0);
	waitpid(pid, &status, 0);
	return !status;
}

int main(void)
{
	bool namespaces = have_namespaces();
	int status;

	if (!namespaces && !geteuid()) {
		printf("1..0 # SKIP root without CAP_SYS_ADMIN\n");
		return 4;
	}
	printf("TAP version 13\n1..%d\n", 20 + (namespaces ? 2 : 0) + (geteuid() ? 0 : 1));
	expect_exit(try_nothing, ROLE_MAIN, "it can be entered");
	expect_exit(try_work, ROLE_MAIN, "the main thread can do its work");
	expect_exit(try_vcpu_work, ROLE_VCPU, "a vCPU can do its work");
	expect_exit(try_nothing, ROLE_IO, "an I/O thread can end");
	if (namespaces) {
		expect_exit(try_root, ROLE_MAIN, "the root is empty and read-only");
		expect_exit(try_open, ROLE_MAIN, "files of the host are not there");
	}
	if (!geteuid())
		expect_exit(try_user, ROLE_MAIN, "root becomes somebody else");
	expect_death(try_exec, ROLE_MAIN, "execve", "no program is run");
	expect_death(try_ptrace, ROLE_MAIN, "ptrace", "nobody is traced");
	expect_death(try_socket, ROLE_MAIN, "socket", "no socket is made");
	expect_death(try_kill, ROLE_MAIN, "kill", "nobody is killed");
	expect_death(try_tgkill, ROLE_MAIN, "tgkill", "not by thread either");
	expect_death(try_setuid, ROLE_MAIN, "setuid", "the user is not changed");
	expect_death(try_unshare, ROLE_MAIN, "unshare", "no name space is made");
	expect_death(try_exec_map, ROLE_MAIN, "mmap", "no memory is mapped as code");
	expect_death(try_exec_protect, ROLE_MAIN, "mprotect", "no memory is made code");
	expect_death(try_tiocsti, ROLE_MAIN, "ioctl", "no key is pressed on a terminal");
	expect_death(try_thread_open, ROLE_VCPU, "openat", "a vCPU opens nothing");
	expect_death(try_thread_clone, ROLE_VCPU, "clone", "a vCPU makes no process");
	expect_death(try_create_vm, ROLE_VCPU, "ioctl", "a vCPU makes no VM");
	expect_death(try_thread_open, ROLE_IO, "role io", "an I/O thread opens nothing");

	status = run(try_abort, ROLE_VCPU);
	report(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT && !WCOREDUMP(status),
	       "abort() works and leaves no core");

	status = fork();
	if (!status)
		_exit(outside());
	waitpid(status, &status, 0);
	report(status == 0, "--no-sandbox does nothing");
	return failed ? 1 : 0;
}
