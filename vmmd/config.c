// SPDX-License-Identifier: GPL-2.0
/*
 * Reading a guest's configuration from a file, and what goes with it.
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config_tree.h"

/* A configuration is a page of text; more is some other file. */
#define FILE_MAX ((size_t)1 << 20)

bool config_name_valid(const char *name)
{
	size_t len = strlen(name);

	if (!len || len > CONFIG_NAME_MAX || *name == '.' || *name == '-')
		return false;
	for (; *name; name++)
		if (!isascii((unsigned char)*name) ||
		    (!isalnum((unsigned char)*name) && !strchr("_.:+-", *name)))
			return false;
	return true;
}

void config_uuid_format(const uint8_t uuid[16], char out[CONFIG_UUID_STRLEN])
{
	for (int i = 0; i < 16; i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			*out++ = '-';
		out += sprintf(out, "%02x", uuid[i]);
	}
}

int config_uuid_parse(const char *text, uint8_t uuid[16])
{
	uint8_t bytes[16];

	for (int i = 0; i < 16; i++) {
		unsigned int byte;

		if ((i == 4 || i == 6 || i == 8 || i == 10) && *text == '-')
			text++;
		if (!isxdigit((unsigned char)text[0]) || !isxdigit((unsigned char)text[1]))
			return -EINVAL;
		sscanf(text, "%2x", &byte);
		bytes[i] = (uint8_t)byte;
		text += 2;
	}
	if (*text)
		return -EINVAL;
	memcpy(uuid, bytes, sizeof(bytes));
	return 0;
}

/*
 * How far apart two words are: letters to add, drop, change, or swap with
 * their neighbour (optimal string alignment).
 */
static unsigned int distance(const char *a, const char *b)
{
	size_t n = strlen(a), m = strlen(b);
	unsigned int rows[3][64];
	unsigned int *before = rows[0], *above = rows[1], *row = rows[2];

	if (n >= 64 || m >= 64)
		return 64;
	for (size_t j = 0; j <= m; j++)
		above[j] = (unsigned int)j;
	memset(before, 0, sizeof(rows[0]));
	for (size_t i = 1; i <= n; i++) {
		unsigned int *spare = before;

		row[0] = (unsigned int)i;
		for (size_t j = 1; j <= m; j++) {
			unsigned int best = above[j - 1] + (a[i - 1] != b[j - 1]);

			if (above[j] + 1 < best)
				best = above[j] + 1;
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
			    before[j - 2] + 1 < best)
				best = before[j - 2] + 1;
			row[j] = best;
		}
		before = above;
		above = row;
		row = spare;
	}
	return above[m];
}

const char *cfg_nearest(const char *word, const char *const words[])
{
	size_t len = strlen(word);
	unsigned int limit = len < 4 ? 1 : 2;
	const char *nearest = NULL;

	for (; *words; words++) {
		unsigned int d = distance(word, *words);

		if (d <= limit && d < len) {
			nearest = *words;
			if (!d)
				break;
			limit = d - 1;
		}
	}
	return nearest;
}

void config_error_at(const struct config *cfg, const struct config_pos *pos,
		     struct config_error *err, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	cfg_verror(err, cfg->file, pos, fmt, ap);
	va_end(ap);
}

void config_free(struct config *cfg)
{
	for (unsigned int i = 0; i < cfg->n_disks; i++)
		free(cfg->disks[i].path);
	for (unsigned int i = 0; i < cfg->n_vifs; i++) {
		free(cfg->vifs[i].ip);
		free(cfg->vifs[i].script);
	}
	for (size_t i = 0; i < cfg->n_warnings; i++)
		free(cfg->warnings[i]);
	free(cfg->warnings);
	free(cfg->kernel);
	free(cfg->ramdisk);
	free(cfg->cmdline);
	free(cfg->grub.entry);
	free(cfg->grub.kernel);
	free(cfg->grub.ramdisk);
	free(cfg->grub.args);
	free(cfg->device);
	free(cfg->file);
	memset(cfg, 0, sizeof(*cfg));
}

int config_parse_text(const char *name, const char *text, size_t len, char *const overrides[],
		      struct config *out, struct config_error *err)
{
	struct cfg_tree tree = {.file = name, .cfg = out, .err = err};
	int ret;

	*out = (struct config){
		.memory_mib = 128,
		.vcpus = 1,
		.on_poweroff = CONFIG_DESTROY,
		.on_reboot = CONFIG_RESTART,
		.on_crash = CONFIG_DESTROY,
		.on_watchdog = CONFIG_DESTROY,
		.serial = true,
		.rng = true,
		.balloon = true,
		.pv_user_pgd = CONFIG_AUTO,
	};
	err->text[0] = '\0';
	out->file = strdup(name);
	if (!out->file)
		return cfg_nomem(err);

	ret = cfg_tree_read(&tree, text, len);
	for (unsigned int i = 0; !ret && overrides && overrides[i]; i++)
		ret = cfg_tree_override(&tree, overrides[i], i + 1);
	if (!ret)
		ret = cfg_keys_apply(&tree);
	cfg_tree_free(&tree);
	if (ret)
		config_free(out);
	return ret;
}

/* What the name leads to must be a file: a FIFO would make us wait for it. */
static int read_file(const char *path, char **text, size_t *len, struct config_error *err)
{
	size_t got = 0;
	struct stat st;
	ssize_t n;
	int fd, ret;
	char *buf;

	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0 || fstat(fd, &st)) {
		ret = -errno;
		snprintf(err->text, sizeof(err->text), "%s: %s: expected a configuration file",
			 path, strerror(-ret));
		if (fd >= 0)
			close(fd);
		return ret;
	}
	if (S_ISDIR(st.st_mode)) {
		close(fd);
		snprintf(err->text, sizeof(err->text),
			 "%s: is a directory: expected a configuration file", path);
		return -EISDIR;
	}
	buf = malloc(FILE_MAX + 1);
	if (!buf) {
		close(fd);
		return cfg_nomem(err);
	}
	do {
		n = read(fd, buf + got, FILE_MAX + 1 - got);
		if (n > 0)
			got += (size_t)n;
	} while (n > 0 && got <= FILE_MAX);
	ret = n < 0 ? -errno : 0;
	close(fd);
	if (!ret && got > FILE_MAX)
		ret = -EFBIG;
	if (ret) {
		free(buf);
		snprintf(err->text, sizeof(err->text), "%s: %s: expected a configuration file",
			 path, strerror(-ret));
		return ret;
	}
	*text = buf;
	*len = got;
	return 0;
}

int config_parse_file(const char *path, char *const overrides[], struct config *out,
		      struct config_error *err)
{
	char *text = NULL;
	size_t len = 0;
	int ret;

	memset(out, 0, sizeof(*out));
	ret = read_file(path, &text, &len, err);
	if (ret)
		return ret;
	ret = config_parse_text(path, text, len, overrides, out, err);
	free(text);
	return ret;
}

static int check(const struct config *cfg, const struct config_pos *pos, const char *what,
		 const char *path, bool disk, int mode, struct config_error *err)
{
	const char *kind = disk ? "a file or block device" : "a file";
	struct stat st;
	int ret = 0;

	if (stat(path, &st) || access(path, mode))
		ret = -errno;
	else if (S_ISDIR(st.st_mode))
		ret = -EISDIR;
	else if (!S_ISREG(st.st_mode) && !(disk && S_ISBLK(st.st_mode)))
		ret = -EINVAL;
	if (!ret)
		return 0;
	config_error_at(cfg, pos, err, "%s '%s': %s: expected %s that can be %s", what, path,
			ret == -EINVAL ? "wrong kind of file" : strerror(-ret), kind,
			mode & W_OK ? "written" : "read");
	return ret;
}

int config_check_files(const struct config *cfg, struct config_error *err)
{
	int ret = 0;

	if (cfg->kernel)
		ret = check(cfg, &cfg->kernel_pos, "kernel", cfg->kernel, false, R_OK, err);
	if (!ret && cfg->ramdisk)
		ret = check(cfg, &cfg->ramdisk_pos, "ramdisk", cfg->ramdisk, false, R_OK, err);
	for (unsigned int i = 0; !ret && i < cfg->n_disks; i++) {
		const struct config_disk *disk = &cfg->disks[i];

		ret = check(cfg, &disk->path_pos, "disk", disk->path, true,
			    disk->readonly ? R_OK : R_OK | W_OK, err);
	}
	return ret;
}
