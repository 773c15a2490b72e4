// SPDX-License-Identifier: GPL-2.0
/*
 * Starting and ending the qemu-storage-daemon of a disk. See image.h.
 */
#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "config.h"
#include "disk/image.h"
#include "disk/nbd_proto.h"

#define DAEMON "qemu-storage-daemon"

/* The only export has this name, and its node in the daemon, too. */
#define EXPORT "disk"

/*
 * How long a daemon may take to write what it has in memory, or the end of a
 * guest would wait for a file server that does not answer.
 */
#define END_MS 10000

#define FLAGS_NEEDED (NBD_HAS_FLAGS | NBD_CAN_FLUSH | NBD_CAN_FUA)

static const char *const drivers[] = {
	[CONFIG_DISK_QCOW] = "qcow", [CONFIG_DISK_QCOW2] = "qcow2", [CONFIG_DISK_VHD] = "vpc",
	[CONFIG_DISK_QED] = "qed",   [CONFIG_DISK_VMDK] = "vmdk",
};

static int fail(char err[IMAGE_ERROR_LEN], int ret)
{
	snprintf(err, IMAGE_ERROR_LEN, "%s", strerror(-ret));
	return ret;
}

/* ------------------------------------------------------------ the command line */

/* In a list of options a comma of a value's is doubled. */
static void put_path(FILE *out, const char *path)
{
	for (; *path; path++) {
		if (*path == ',')
			fputc(',', out);
		fputc(*path, out);
	}
}

/*
 * What can be said without the daemon is told better here. The daemon opens the
 * file once more, with the same rights.
 * Return: of which kind the file is, or a negative errno.
 */
static int look(const struct config_disk *cfg, char err[IMAGE_ERROR_LEN])
{
	struct stat st;
	int fd;

	/* Looked at first: opening a FIFO would wait for somebody. */
	if (stat(cfg->path, &st))
		return fail(err, -errno);
	if (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode)) {
		snprintf(err, IMAGE_ERROR_LEN,
			 "wrong kind of file: expected a file or block device");
		return -ENOTBLK;
	}
	fd = open(cfg->path, O_CLOEXEC | O_NONBLOCK | (cfg->readonly ? O_RDONLY : O_RDWR));
	if (fd < 0)
		return fail(err, -errno);
	close(fd);
	return st.st_mode & S_IFMT;
}

/* Return: --blockdev's argument, to be freed; NULL without memory. */
static char *describe(const struct config_disk *cfg, int kind)
{
	const char *unmap = cfg->discard && !cfg->readonly ? "unmap" : "ignore";
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	if (!out)
		return NULL;
	fprintf(out, "driver=%s,node-name=" EXPORT ",read-only=%s,discard=%s", drivers[cfg->format],
		cfg->readonly ? "on" : "off", unmap);
	fprintf(out, ",cache.direct=%s,file.driver=%s,file.discard=%s,file.filename=",
		cfg->direct ? "on" : "off", kind == S_IFBLK ? "host_device" : "file", unmap);
	put_path(out, cfg->path);
	if (fclose(out)) {
		free(text);
		return NULL;
	}
	return text;
}

/* ------------------------------------------------------------ the daemon */

/*
 * A socket that listens, and one that is connected to it already. A name is
 * what only root's or the user's own processes could see, and it is gone before
 * there is anybody to talk to.
 */
static int make_sockets(int *listener, int *sock)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX, .sun_path = "/tmp/hvctl.XXXXXX"};
	size_t dir_len = strlen(addr.sun_path);
	int ret = 0;

	*sock = -1;
	*listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (*listener < 0 || !mkdtemp(addr.sun_path))
		return -errno;
	strcpy(addr.sun_path + dir_len, "/nbd");
	*sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (*sock < 0 || bind(*listener, (struct sockaddr *)&addr, sizeof(addr)) ||
	    listen(*listener, 1) || connect(*sock, (struct sockaddr *)&addr, sizeof(addr)))
		ret = -errno;
	unlink(addr.sun_path);
	addr.sun_path[dir_len] = '\0';
	rmdir(addr.sun_path);
	return ret;
}

/*
 * What a daemon of root's needs of root's rights is to open files. Others it
 * cannot get back: exec gives what the bounding set has.
 */
static void lower_rights(void)
{
	for (unsigned long cap = 0; prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; cap++)
		if (cap != CAP_DAC_OVERRIDE && cap != CAP_DAC_READ_SEARCH)
			prctl(PR_CAPBSET_DROP, cap, 0, 0, 0);
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}

/*
 * Have the kernel send SIGTERM when nobody holds the other end of standard
 * input any more. PR_SET_PDEATHSIG would not do: vmmd's user has changed by then
 * and may not send signals to us, and hvctl ends when a disk is attached.
 */
static bool tie_to_life(void)
{
	struct pollfd p = {.fd = STDIN_FILENO, .events = POLLIN};

	return !fcntl(p.fd, F_SETOWN, getpid()) && !fcntl(p.fd, F_SETSIG, SIGTERM) &&
	       !fcntl(p.fd, F_SETFL, O_ASYNC) && !poll(&p, 1, 0);
}

/* The daemon's process: only exec is left to do. */
static void become_daemon(char *blockdev, bool readonly, int listener, int life, int messages)
{
	char *const argv[] = {
		DAEMON,
		"--blockdev",
		blockdev,
		"--nbd-server",
		"addr.type=fd,addr.str=3,max-connections=1",
		"--export",
		readonly ? "type=nbd,id=e,node-name=" EXPORT ",name=" EXPORT ",writable=off"
			 : "type=nbd,id=e,node-name=" EXPORT ",name=" EXPORT ",writable=on",
		NULL,
	};
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGTERM, SIG_DFL);
	/* Ctrl-C of who attaches the disk is not for us. */
	setsid();
	if (dup2(life, STDIN_FILENO) < 0 || dup2(messages, STDERR_FILENO) < 0 ||
	    dup2(open("/dev/null", O_WRONLY), STDOUT_FILENO) < 0 || dup2(listener, 3) < 0 ||
	    fcntl(3, F_SETFD, 0) || close_range(4, ~0U, 0) || chdir("/")) {
		dprintf(STDERR_FILENO, "%s\n", strerror(errno));
		_exit(1);
	}
	lower_rights();
	if (tie_to_life()) {
		execvp(DAEMON, argv);
		if (errno == ENOENT)
			dprintf(STDERR_FILENO, "needs " DAEMON ": install the package qemu-utils, "
					       "where it is not in there qemu-system-common\n");
		else
			dprintf(STDERR_FILENO, "cannot run " DAEMON ": %s\n", strerror(errno));
	}
	_exit(1);
}

/* Forked twice: it is nobody's child, and nobody needs to wait for it. */
static int start(char *blockdev, bool readonly, int listener, int life, int messages)
{
	pid_t pid = fork();
	int status;

	if (!pid) {
		pid = fork();
		if (!pid)
			become_daemon(blockdev, readonly, listener, life, messages);
		_exit(pid < 0 ? errno : 0);
	}
	if (pid < 0)
		return -errno;
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return WIFEXITED(status) ? -WEXITSTATUS(status) : -EIO;
}

/* ------------------------------------------------------------ its first words */

/*
 * Makes one line of what the daemon said, without its name and the argument it
 * complains about.
 */
static int explain(int messages, const char *blockdev, char err[IMAGE_ERROR_LEN])
{
	static const char busy[] = "in use by another process: ";
	char text[4096], *at = text, *found;
	size_t len = 0;
	ssize_t n;

	while ((n = read(messages, text + len, sizeof(text) - 1 - len)) > 0)
		len += (size_t)n;
	while (len && text[len - 1] == '\n')
		len--;
	text[len] = '\0';
	found = strstr(text, blockdev);
	if (found) {
		at = found + strlen(blockdev);
		at += strspn(at, ": ");
	} else if (!strncmp(text, DAEMON ": ", sizeof(DAEMON ": ") - 1)) {
		at += sizeof(DAEMON ": ") - 1;
	}
	for (char *c = at; *c; c++)
		if ((unsigned char)*c < ' ')
			*c = c[0] == '\n' ? ';' : ' ';
	/* Of all its errors the one that goes away by itself. */
	found = strstr(at, "Is another process using the image");
	snprintf(err, IMAGE_ERROR_LEN, "%s%.400s", found ? busy : "",
		 *at ? at : DAEMON " ended without a message");
	if (found)
		return -EBUSY;
	return strstr(at, "needs " DAEMON) ? -ENOPKG : -EIO;
}

static bool receive(int sock, void *buf, size_t len)
{
	return recv(sock, buf, len, MSG_WAITALL) == (ssize_t)len;
}

/* Return: 0; -EPIPE when the daemon has ended; -EPROTO for what is no such server. */
static int shake_hands(int sock, struct disk_opened *opened)
{
	struct nbd_choice choice = {
		.flags = htonl(NBD_FIXED_NEWSTYLE | NBD_NO_ZEROES),
		.option_magic = htobe64(NBD_OPTION_MAGIC),
		.option = htonl(NBD_OPT_EXPORT_NAME),
		.len = htonl(sizeof(EXPORT) - 1),
		.name = EXPORT,
	};
	ssize_t len = offsetof(struct nbd_choice, name) + sizeof(EXPORT) - 1;
	struct nbd_greeting hello;
	struct nbd_export export;

	if (!receive(sock, &hello, sizeof(hello)))
		return -EPIPE;
	if (be64toh(hello.magic) != NBD_MAGIC || be64toh(hello.option_magic) != NBD_OPTION_MAGIC ||
	    (~ntohs(hello.flags) & (NBD_FIXED_NEWSTYLE | NBD_NO_ZEROES)))
		return -EPROTO;
	if (send(sock, &choice, (size_t)len, MSG_NOSIGNAL) != len ||
	    !receive(sock, &export, sizeof(export)))
		return -EPIPE;
	opened->size = be64toh(export.size);
	opened->nbd_flags = ntohs(export.flags);
	return ~opened->nbd_flags & FLAGS_NEEDED ? -EPROTO : 0;
}

static int serve(const struct config_disk *cfg, char *blockdev, struct disk_opened *opened,
		 char err[IMAGE_ERROR_LEN])
{
	int life[2] = {-1, -1}, messages[2] = {-1, -1}, listener = -1;
	int ret;

	ret = make_sockets(&listener, &opened->file[IMAGE_SOCKET]);
	if (!ret && (pipe2(life, O_CLOEXEC) || pipe2(messages, O_CLOEXEC)))
		ret = -errno;
	opened->file[IMAGE_LIFE] = life[1];
	opened->file[IMAGE_MESSAGES] = messages[0];
	if (!ret)
		ret = start(blockdev, cfg->readonly, listener, life[0], messages[1]);
	/* From here on these are the daemon's alone: they end with it. */
	if (listener >= 0)
		close(listener);
	if (life[0] >= 0)
		close(life[0]);
	if (messages[1] >= 0)
		close(messages[1]);
	if (ret)
		return fail(err, ret);
	ret = shake_hands(opened->file[IMAGE_SOCKET], opened);
	if (ret == -EPIPE) {
		/* It has ended, or now does: the messages have an end. */
		close(life[1]);
		opened->file[IMAGE_LIFE] = -1;
		return explain(messages[0], blockdev, err);
	}
	if (ret)
		snprintf(err, IMAGE_ERROR_LEN,
			 DAEMON " does not flush, or speaks another language");
	else if (fcntl(opened->file[IMAGE_SOCKET], F_SETFL, O_NONBLOCK) ||
		 fcntl(messages[0], F_SETFL, O_NONBLOCK))
		ret = fail(err, -errno);
	return ret;
}

int image_open(const struct config_disk *cfg, struct disk_opened *opened, char err[IMAGE_ERROR_LEN])
{
	int kind = look(cfg, err), ret;
	char *blockdev;

	*opened = (struct disk_opened){.file = {-1, -1, -1}};
	if (kind < 0)
		return kind;
	blockdev = describe(cfg, kind);
	if (!blockdev)
		return fail(err, -ENOMEM);
	ret = serve(cfg, blockdev, opened, err);
	free(blockdev);
	if (ret)
		image_close(opened);
	return ret;
}

/* ------------------------------------------------------------ its end */

static bool wait_end(int messages)
{
	struct pollfd p = {.fd = messages, .events = POLLIN};
	char text[256];
	ssize_t n;

	do {
		if (poll(&p, 1, END_MS) == 0)
			return false;
		n = read(messages, text, sizeof(text));
	} while (n > 0 || (n < 0 && (errno == EINTR || errno == EAGAIN)));
	return true;
}

bool image_close(struct disk_opened *opened)
{
	int *file = opened->file;
	bool ended = true;

	/* In this order: what is left in the socket is not wanted any more. */
	if (file[IMAGE_LIFE] >= 0)
		close(file[IMAGE_LIFE]);
	if (file[IMAGE_SOCKET] >= 0)
		close(file[IMAGE_SOCKET]);
	if (file[IMAGE_MESSAGES] >= 0) {
		ended = wait_end(file[IMAGE_MESSAGES]);
		close(file[IMAGE_MESSAGES]);
	}
	for (u32 i = 0; i < DISK_FILES; i++)
		file[i] = -1;
	return ended;
}
