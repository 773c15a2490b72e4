// SPDX-License-Identifier: GPL-2.0
/*
 * Menus, environments, BLS entries and partition tables of any content. The
 * first byte says which; a menu may have an environment before it, up to a NUL,
 * and has itself as its BLS entry.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "boot/grub_cfg.h"
#include "boot/guest_parts.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

static const char *text;
static size_t len;

static void must(bool cond)
{
	if (!cond)
		abort();
}

static int on_blscfg(struct grub_cfg *cfg, void *opaque)
{
	(void)opaque;
	return grub_cfg_add_bls(cfg, "bls", text, len);
}

static void check_entry(const struct grub_cfg *cfg, const struct grub_entry *entry)
{
	if (!entry)
		return;
	must(entry >= cfg->entry && entry < cfg->entry + cfg->n_entries);
	must(entry->title && entry->kernel && *entry->kernel && entry->args && !entry->submenu);
	must(entry->n_initrds <= GRUB_INITRDS_MAX);
	must(entry->parent < (int)(entry - cfg->entry));
}

static void try_menu(void)
{
	struct grub_cfg *cfg = grub_cfg_create();
	const char *nul = memchr(text, '\0', len);
	char wanted[16] = "";
	int ret = 0;

	must(cfg);
	cfg->blscfg = on_blscfg;
	if (nul) {
		ret = grub_cfg_read_env(cfg, text, (size_t)(nul - text));
		len -= (size_t)(nul - text) + 1;
		text = nul + 1;
	}
	if (!ret)
		ret = grub_cfg_read(cfg, "fuzz", text, len);
	if (ret) {
		must(ret < 0 && *cfg->error);
	} else {
		memcpy(wanted, text, len < sizeof(wanted) - 1 ? len : sizeof(wanted) - 1);
		check_entry(cfg, grub_cfg_default(cfg));
		check_entry(cfg, grub_cfg_find(cfg, wanted));
		check_entry(cfg, grub_cfg_find(cfg, "1>0"));
	}
	grub_cfg_destroy(cfg);
}

/* The data is the start of the disk, and its end, where a second header is. */
static void try_parts(void)
{
	struct guest_part part[GUEST_PARTS_MAX];
	static int fd = -1;
	const u64 disk = 64 * KIB;
	int n;

	if (fd < 0)
		fd = memfd_create("disk", 0);
	if (len > disk)
		return;
	must(!ftruncate(fd, 0) && !ftruncate(fd, (off_t)disk));
	must(pwrite(fd, text, len, 0) == (ssize_t)len);
	if (len > 512)
		must(pwrite(fd, text + 512, 512 < len - 512 ? 512 : len - 512, (off_t)disk - 512) >
		     0);
	n = guest_parts_read(fd, disk, part);
	must(n >= 0 && n <= GUEST_PARTS_MAX);
	for (int i = 0; i < n; i++)
		must(part[i].number && part[i].offset && part[i].len &&
		     range_fits(part[i].offset, part[i].len, disk));
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	if (!size)
		return 0;
	text = (const char *)data + 1;
	len = size - 1;
	if (*data == 'p')
		try_parts();
	else
		try_menu();
	return 0;
}
