// SPDX-License-Identifier: GPL-2.0
/*
 * A file server's clients, as dbench has them, with an end: directories made,
 * files written by pieces, read back, looked at, renamed, listed and removed, by
 * several processes at once.
 */
#include "pvbench.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define CLIENTS 4
#define ROUNDS	6
#define FILES	40
#define PIECE	4096

/* Sizes differ, from one piece to sixteen. */
static int pieces_of(int file)
{
	return 1 + file * 7 % 16;
}

static int open_file(int dir, int file, int flags)
{
	char name[32];
	int fd;

	snprintf(name, sizeof(name), "file-%d", file);
	fd = openat(dir, name, flags, 0600);
	if (fd < 0)
		die(name);
	return fd;
}

static void write_file(int dir, int file)
{
	static char piece[PIECE];
	int i, fd = open_file(dir, file, O_CREAT | O_EXCL | O_WRONLY);

	for (i = 0; i < pieces_of(file); i++) {
		piece[i] = (char)file;
		if (write(fd, piece, PIECE) != PIECE)
			die("write");
	}
	fsync(fd);
	close(fd);
}

static void read_file(int dir, int file)
{
	static char piece[PIECE];
	struct stat st;
	int i, fd = open_file(dir, file, O_RDONLY);

	if (fstat(fd, &st) || st.st_size != (off_t)pieces_of(file) * PIECE)
		die("fstat");
	for (i = 0; i < pieces_of(file); i++)
		if (pread(fd, piece, PIECE, (off_t)i * PIECE) != PIECE)
			die("pread");
	close(fd);
}

static void move_file(int dir, int file)
{
	char from[32], to[32];

	snprintf(from, sizeof(from), "file-%d", file);
	snprintf(to, sizeof(to), "moved-%d", file);
	if (renameat(dir, from, dir, to))
		die("rename");
}

/* Look at each entry, then remove it. */
static void empty(int dir)
{
	DIR *d = fdopendir(dup(dir));
	struct dirent *entry;
	struct stat st;

	if (!d)
		die("fdopendir");
	while ((entry = readdir(d))) {
		if (entry->d_name[0] == '.')
			continue;
		if (fstatat(dir, entry->d_name, &st, 0) || unlinkat(dir, entry->d_name, 0))
			die(entry->d_name);
	}
	closedir(d);
}

static void client(int number)
{
	int round, i, dir;
	char name[32];

	snprintf(name, sizeof(name), "client-%d", number);
	for (round = 0; round < ROUNDS; round++) {
		if (mkdir(name, 0700))
			die(name);
		dir = open(name, O_RDONLY | O_DIRECTORY);
		if (dir < 0)
			die(name);
		for (i = 0; i < FILES; i++)
			write_file(dir, i);
		for (i = 0; i < FILES; i++)
			read_file(dir, i);
		for (i = 0; i < FILES; i += 2)
			move_file(dir, i);
		empty(dir);
		close(dir);
		if (rmdir(name))
			die(name);
	}
}

void files(const char *where)
{
	int i, status;

	if (chdir(where))
		die(where);
	for (i = 0; i < CLIENTS; i++) {
		pid_t pid = fork();

		if (pid < 0)
			die("fork");
		if (!pid) {
			client(i);
			_exit(0);
		}
	}
	for (i = 0; i < CLIENTS; i++)
		if (wait(&status) < 0 || status)
			die("a client");
}
