// SPDX-License-Identifier: GPL-2.0
/* What the child does: from a disk to a kernel. See pygrub.h. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "boot/grub_cfg.h"
#include "boot/guest_fs.h"
#include "boot/guest_parts.h"
#include "boot/pygrub.h"

#define KERNEL_MAX   (256 * MIB)
#define RAMDISK_MAX  (1 * GIB)
#define GRUB_CFG_MAX (1 * MIB)
#define GRUBENV_MAX  (64 * KIB)
#define BLS_MAX	     (64 * KIB)
#define BLS_ENTRIES  64

/* Blocks of a file that lie far apart are found by reading others, each time. */
#define BUDGET_FACTOR 4
#define BUDGET_BASE   (256 * MIB)

/* Linux wants the pieces of a ramdisk, like all it consists of, aligned to this. */
#define RAMDISK_ALIGN 4ULL

/**
 * struct finder - a search
 * @job: what for
 * @res: where the outcome goes
 * @disk: the disk
 * @fs: the file system that is being looked at
 * @bls_done: blscfg was called
 */
struct finder {
	const struct pygrub_job *job;
	struct pygrub_result *res;
	struct guest_disk disk;
	struct guest_fs fs;
	bool bls_done;
};

static int fail(struct finder *f, int ret, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* The first thing that was wrong is told, unless a kernel is found all the same. */
static int fail(struct finder *f, int ret, const char *fmt, ...)
{
	char *out = f->res->error;
	size_t used;
	va_list ap;

	if (*out)
		return ret;
	snprintf(out, PYGRUB_ERROR_LEN, "%s: ", f->res->where);
	used = strlen(out);
	va_start(ap, fmt);
	vsnprintf(out + used, PYGRUB_ERROR_LEN - used, fmt, ap);
	va_end(ap);
	return ret;
}

static int fail_fs(struct finder *f, int ret)
{
	return fail(f, ret, "%s", f->fs.error);
}

/* ---------------------------------------------------------------- the files */

/* "(hd0,msdos1)/vmlinuz": what names a device is dropped; see hvctl.cfg(5). */
static const char *without_device(const char *path)
{
	const char *end = *path == '(' ? strchr(path, ')') : NULL;

	return end ? end + 1 : path;
}

static int copy_kernel(struct finder *f, const char *path, u64 *len)
{
	u64 max = min_t(u64, f->job->max, KERNEL_MAX);
	int ret;

	path = without_device(path);
	ret = guest_fs_copy(&f->fs, path, max, f->job->kernel_fd, 0, len);
	snprintf(f->res->kernel, sizeof(f->res->kernel), "%s", path);
	return ret;
}

/* Pieces follow each other: GRUB, too, makes one ramdisk of them. */
static int copy_ramdisk(struct finder *f, char *const paths[], u32 n, u64 kernel_len)
{
	u64 max = min_t(u64, f->job->max - kernel_len, RAMDISK_MAX), at = 0, len;
	int ret = 0;
	u32 i;

	for (i = 0; !ret && i < n; i++) {
		at = ALIGN_UP(at, RAMDISK_ALIGN);
		ret = guest_fs_copy(&f->fs, without_device(paths[i]), max - min_t(u64, at, max),
				    f->job->ramdisk_fd, at, &len);
		at += len;
	}
	if (!ret && n)
		snprintf(f->res->ramdisk, sizeof(f->res->ramdisk), "%s", without_device(paths[0]));
	return ret;
}

static int compose_cmdline(struct finder *f, const char *words)
{
	const char *more = f->job->grub->args ?: "";
	int len = snprintf(f->res->cmdline, sizeof(f->res->cmdline), "%s%s%s", words,
			   *words && *more ? " " : "", more);

	if (len >= (int)sizeof(f->res->cmdline))
		return fail(f, -E2BIG, "the command line has %d bytes: more than %d", len,
			    PYGRUB_CMDLINE_MAX - 1);
	return 0;
}

static int take_entry(struct finder *f, const char *file, const struct grub_entry *entry)
{
	u64 kernel_len;
	int ret;

	snprintf(f->res->title, sizeof(f->res->title), "%s", entry->title);
	ret = copy_kernel(f, entry->kernel, &kernel_len);
	if (!ret)
		ret = copy_ramdisk(f, entry->initrd, entry->n_initrds, kernel_len);
	if (ret)
		return fail(f, ret, "%s:%u: '%.64s': %s", file, entry->line, entry->title,
			    f->fs.error);
	return compose_cmdline(f, entry->args);
}

/* --------------------------------------------------------------- the menu */

static int newest_first(const void *a, const void *b)
{
	return strverscmp(b, a);
}

static int add_bls(struct grub_cfg *cfg, const char *dir, struct finder *f,
		   char names[][GUEST_FS_NAME_MAX], u32 n)
{
	char path[PYGRUB_PATH_MAX], *text;
	size_t len;
	int ret = 0;
	u32 i;

	qsort(names, n, sizeof(*names), newest_first);
	for (i = 0; !ret && i < n; i++) {
		snprintf(path, sizeof(path), "%s/%s.conf", dir, names[i]);
		ret = guest_fs_read(&f->fs, path, BLS_MAX, &text, &len);
		if (ret) {
			snprintf(cfg->error, sizeof(cfg->error), "%s", f->fs.error);
			return ret;
		}
		ret = grub_cfg_add_bls(cfg, names[i], text, len);
		free(text);
	}
	return ret;
}

/* The command blscfg. A menu that has its entries already gets them no second time. */
static int on_blscfg(struct grub_cfg *cfg, void *opaque)
{
	static const char *const dirs[] = {"/boot/loader/entries", "/loader/entries"};
	struct finder *f = opaque;
	char(*names)[GUEST_FS_NAME_MAX];
	int n = 0, ret = 0;

	if (f->bls_done)
		return 0;
	f->bls_done = true;
	names = calloc(BLS_ENTRIES, sizeof(*names));
	if (!names)
		return -ENOMEM;
	for (size_t i = 0; n <= 0 && i < ARRAY_SIZE(dirs); i++) {
		n = guest_fs_list(&f->fs, dirs[i], ".conf", names, BLS_ENTRIES);
		if (n > 0)
			ret = add_bls(cfg, dirs[i], f, names, (u32)n);
	}
	free(names);
	return ret;
}

/* Its absence is nothing, and so is what it may hold but variables. */
static int read_env(struct finder *f, struct grub_cfg *cfg, const char *dir)
{
	char path[PYGRUB_PATH_MAX], *text;
	size_t len;
	int ret;

	snprintf(path, sizeof(path), "%s/grubenv", dir);
	if (guest_fs_read(&f->fs, path, GRUBENV_MAX, &text, &len))
		return 0;
	ret = grub_cfg_read_env(cfg, text, len);
	free(text);
	return ret;
}

/* Return: 0, 1 when there is nothing in this menu to boot, or a negative errno. */
static int use_menu(struct finder *f, const char *dir, const char *file, const char *text,
		    size_t len)
{
	const char *wanted = f->job->grub->entry;
	struct grub_cfg *cfg = grub_cfg_create();
	const struct grub_entry *entry;
	int ret;

	if (!cfg)
		return fail(f, -ENOMEM, "out of memory");
	cfg->blscfg = on_blscfg;
	cfg->opaque = f;
	ret = read_env(f, cfg, dir);
	if (!ret)
		ret = grub_cfg_read(cfg, file, text, len);
	if (ret) {
		fail(f, ret, "%s", cfg->error);
		goto out;
	}
	entry = wanted ? grub_cfg_find(cfg, wanted) : grub_cfg_default(cfg);
	if (entry) {
		ret = take_entry(f, file, entry);
	} else {
		ret = 1;
		if (wanted)
			fail(f, ret, "%s: no entry '%s' that boots Linux", file, wanted);
		else
			fail(f, ret, "%s: no entry boots Linux", file);
	}
out:
	grub_cfg_destroy(cfg);
	return ret;
}

/* ------------------------------------------------------------ file systems */

/* Return: as look_at(). */
static int look_for_menu(struct finder *f)
{
	static const char *const dirs[] = {"/boot/grub", "/grub", "/boot/grub2", "/grub2"};
	char path[PYGRUB_PATH_MAX], *text;
	size_t len;
	int ret;

	for (size_t i = 0; i < ARRAY_SIZE(dirs); i++) {
		snprintf(path, sizeof(path), "%s/grub.cfg", dirs[i]);
		ret = guest_fs_read(&f->fs, path, GRUB_CFG_MAX, &text, &len);
		if (ret == -ENOENT)
			continue;
		if (ret) {
			fail_fs(f, ret);
			continue;
		}
		ret = use_menu(f, dirs[i], path, text, len);
		free(text);
		return ret;
	}
	return 1;
}

/* --kernel= and --ramdisk=, without any menu */
static int look_for_kernel(struct finder *f)
{
	const struct config_grub *grub = f->job->grub;
	u64 kernel_len;
	int ret;

	ret = copy_kernel(f, grub->kernel, &kernel_len);
	if (ret == -ENOENT)
		return 1;
	if (!ret)
		ret = copy_ramdisk(f, &grub->ramdisk, grub->ramdisk ? 1 : 0, kernel_len);
	return ret ? fail_fs(f, ret) : compose_cmdline(f, "");
}

/* Return: 0, 1 when what is wanted is not here, or a negative errno. */
static int look_at(struct finder *f, const struct guest_part *part)
{
	int ret;

	if (part->number)
		snprintf(f->res->where, sizeof(f->res->where), "%s, partition %u",
			 f->job->disk_name, part->number);
	else
		snprintf(f->res->where, sizeof(f->res->where), "%s", f->job->disk_name);
	ret = guest_fs_open(&f->fs, &f->disk, part->offset, part->len);
	if (ret) {
		if (ret != -ENODEV)
			fail_fs(f, ret);
		return 1;
	}
	ret = f->job->grub->kernel ? look_for_kernel(f) : look_for_menu(f);
	guest_fs_close(&f->fs);
	return ret;
}

void pygrub_find(const struct pygrub_job *job, struct pygrub_result *res)
{
	struct finder f = {
		.job = job,
		.res = res,
		.disk.fd = job->disk_fd,
		.disk.size = job->disk_size,
		.disk.budget = min_t(u64, job->max, KERNEL_MAX + RAMDISK_MAX) * BUDGET_FACTOR +
			       BUDGET_BASE,
	};
	struct guest_part part[GUEST_PARTS_MAX + 1];
	int n, i, ret = 1;

	snprintf(res->where, sizeof(res->where), "%s", job->disk_name);
	n = guest_parts_read(job->disk_fd, job->disk_size, part);
	if (n < 0) {
		fail(&f, n, "the partition table: %s", strerror(-n));
		return;
	}
	/* Last, and without partitions alone, the disk as one file system. */
	part[n++] = (struct guest_part){.len = job->disk_size};
	for (i = 0; ret > 0 && i < n; i++)
		ret = look_at(&f, &part[i]);
	if (ret > 0 && job->grub->kernel)
		fail(&f, ret, "no ext2, ext3 or ext4 file system has %s", job->grub->kernel);
	else if (ret > 0)
		fail(&f, ret,
		     "no ext2, ext3 or ext4 file system has grub.cfg in boot/grub, grub, "
		     "boot/grub2 or grub2");
	res->done = !ret;
}
