// SPDX-License-Identifier: GPL-2.0
/*
 * The run-time directory: names are taken once, corpses are found and buried,
 * nobody slips a directory of his own under ours. Runs as an ordinary user in
 * a directory made for it.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime.h"

#define NOBODY 65534

static char base[] = "/tmp/runtime_test.XXXXXX";
static unsigned int number, failed;

static void report(bool ok, const char *what)
{
	printf("%sok %u runtime: %s\n", ok ? "" : "not ", ++number, what);
	failed += !ok;
}

static bool exists(const char *name)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/hvctl/%s", base, name);
	return !access(path, F_OK);
}

static int count(const char *name, const char *socket, void *opaque)
{
	(void)name;
	(void)socket;
	++*(int *)opaque;
	return 0;
}

static int live(void)
{
	char root[PATH_MAX];
	int n = 0;

	if (runtime_root(root) || runtime_each(root, count, &n))
		return -1;
	return n;
}

/* A child that claims @name and holds it until it is killed. */
static pid_t holder(const char *name)
{
	char err[RUNTIME_ERROR_LEN], byte = 0;
	struct runtime rt;
	int pipe_fd[2];
	pid_t pid;

	if (pipe(pipe_fd))
		return -1;
	fflush(stdout);
	pid = fork();
	if (!pid) {
		byte = !runtime_claim(&rt, name, err);
		if (write(pipe_fd[1], &byte, 1) != 1)
			_exit(1);
		pause();
		_exit(0);
	}
	if (read(pipe_fd[0], &byte, 1) != 1)
		byte = 0;
	close(pipe_fd[0]);
	close(pipe_fd[1]);
	return byte ? pid : -1;
}

static void end(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static void test_life(void)
{
	char err[RUNTIME_ERROR_LEN], root[PATH_MAX];
	struct runtime a, b;

	runtime_root(root);
	report(live() == 0, "nothing there is no guest");
	report(!runtime_claim(&a, "one", err) && exists("one/lock"), "a name is claimed");
	report(runtime_alive(root, "one") && live() == 1, "and lives");
	report(runtime_claim(&b, "one", err) == -EEXIST && strstr(err, "one runs already"),
	       "it is not claimed twice");
	report(!runtime_claim(&b, "two", err) && live() == 2, "another one is");
	runtime_release(&a, true);
	report(!exists("one") && exists(RUNTIME_LOG_DIR "/one.log") && live() == 1,
	       "released, it is gone and its log is not");
	runtime_release(&b, false);
	report(!exists("two") && !exists(RUNTIME_LOG_DIR "/two.log"),
	       "never born, its log goes too");
	report(!runtime_claim(&a, "one", err) && exists(RUNTIME_LOG_DIR "/one.log.1"),
	       "claimed again, it keeps the log before");
	runtime_release(&a, true);
}

static void test_rename(void)
{
	char err[RUNTIME_ERROR_LEN], root[PATH_MAX];
	struct runtime a, b;

	runtime_root(root);
	if (runtime_claim(&a, "old", err) || runtime_claim(&b, "other", err))
		exit(1);
	report(runtime_rename(root, "old", "other") == -EEXIST && runtime_alive(root, "old"),
	       "no guest gets the name of a live one");
	report(runtime_rename(root, "none", "new") == -ENOENT, "nobody is not renamed");
	runtime_release(&b, true);
	report(!runtime_rename(root, "old", "other") && runtime_alive(root, "other") &&
		       !exists("old") && live() == 1,
	       "a guest gets that of one that is gone");
	report(exists(RUNTIME_LOG_DIR "/other.log") && exists(RUNTIME_LOG_DIR "/other.log.1") &&
		       !exists(RUNTIME_LOG_DIR "/old.log"),
	       "its log goes along, the other's is kept");
	report(runtime_claim(&b, "other", err) == -EEXIST, "the new name is taken");
	/* vmmd is told; it then releases what it has. */
	snprintf(a.name, sizeof(a.name), "other");
	runtime_release(&a, false);
	report(live() == 0 && !exists("other"), "and goes with the guest");
}

static void test_death(void)
{
	char err[RUNTIME_ERROR_LEN], root[PATH_MAX];
	struct runtime rt;
	pid_t pid = holder("dead");
	int fd;

	report(pid > 0 && live() == 1, "a guest of another process lives");
	report(runtime_claim(&rt, "dead", err) == -EEXIST, "its name is taken");
	runtime_root(root);
	fd = runtime_pidfd(root, "dead");
	report(fd >= 0 && !syscall(SYS_pidfd_send_signal, fd, SIGKILL, NULL, 0) &&
		       waitpid(pid, NULL, 0) == pid,
	       "its process is known");
	close(fd);
	report(runtime_pidfd(root, "dead") == -ESRCH, "not when it has ended");
	report(!runtime_claim(&rt, "dead", err), "killed, its name is free at once");
	runtime_release(&rt, true);

	pid = holder("dead");
	end(pid);
	report(exists("dead") && live() == 0 && !exists("dead"), "looking around buries it");
}

static void test_numbers(void)
{
	char err[RUNTIME_ERROR_LEN];
	unsigned int first, id = 0;
	struct runtime a, b;
	uid_t u = 0, v = 0, w = 0;
	bool ok;

	runtime_claim(&a, "a", err);
	runtime_claim(&b, "b", err);
	first = runtime_next_domid(&a);
	ok = first >= 1 && runtime_next_domid(&b) == first + 1;
	for (int i = 0; i < 32765 && ok; i++) {
		id = runtime_next_domid(&a);
		ok = id >= 1 && id < 32768 && id != first;
	}
	report(ok && runtime_next_domid(&a) == first, "domain ids go round without 0");

	ok = !runtime_claim_uid(&a, 5, &u) && !runtime_claim_uid(&b, 5, &v);
	report(ok && u == RUNTIME_UID_BASE + 5 && v == RUNTIME_UID_BASE + 6,
	       "two guests get two user ids");
	runtime_release(&a, true);
	runtime_claim(&a, "a", err);
	report(!runtime_claim_uid(&a, 5, &w) && w == u, "one that is given back is used again");
	runtime_release(&a, true);
	runtime_release(&b, true);
}

static void test_traps(void)
{
	char err[RUNTIME_ERROR_LEN], path[PATH_MAX];
	struct runtime rt;

	snprintf(path, sizeof(path), "%s/hvctl", base);
	chmod(path, 0777);
	report(runtime_claim(&rt, "one", err) == -EPERM && strstr(err, "only its owner"),
	       "a directory that others can write to is refused");
	chmod(path, 0700);

	snprintf(path, sizeof(path), "%s/hvctl/link", base);
	report(!symlink("/tmp", path) && runtime_claim(&rt, "link", err) < 0,
	       "a link in the place of a directory is not followed");
	report(live() == 0 && !access("/tmp", F_OK), "nor buried");
	unlink(path);

	setenv("XDG_RUNTIME_DIR", "relative", 1);
	report(runtime_claim(&rt, "one", err) == -ENOENT && strstr(err, "XDG_RUNTIME_DIR"),
	       "a relative run-time directory is none");
	unsetenv("XDG_RUNTIME_DIR");
	report(runtime_claim(&rt, "one", err) == -ENOENT, "nor is none at all");
	setenv("XDG_RUNTIME_DIR", base, 1);
}

static void test_race(void)
{
	pid_t pids[8];
	int won = 0;

	for (size_t i = 0; i < 8; i++) {
		pids[i] = fork();
		if (!pids[i]) {
			char err[RUNTIME_ERROR_LEN];
			struct runtime rt;
			int ret = runtime_claim(&rt, "race", err);

			/* Hold it until all others have tried. */
			if (!ret)
				sleep(1);
			_exit(ret ? 1 : 0);
		}
	}
	for (size_t i = 0; i < 8; i++) {
		int status;

		waitpid(pids[i], &status, 0);
		won += !status;
	}
	report(won == 1, "of eight at once one wins");
}

int main(void)
{
	char cmd[PATH_MAX];
	int status;

	if (!mkdtemp(base))
		return 1;
	if (!geteuid() && (chown(base, NOBODY, NOBODY) || setresgid(NOBODY, NOBODY, NOBODY) ||
			   setresuid(NOBODY, NOBODY, NOBODY)))
		return 1;
	setenv("XDG_RUNTIME_DIR", base, 1);
	printf("TAP version 13\n1..29\n");
	test_life();
	test_rename();
	test_death();
	test_numbers();
	test_traps();
	test_race();
	snprintf(cmd, sizeof(cmd), "rm -rf %s/*  %s/.??*; rmdir %s 2>/dev/null", base, base, base);
	status = system(cmd);
	(void)status;
	return failed ? 1 : 0;
}
