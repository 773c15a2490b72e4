// SPDX-License-Identifier: GPL-2.0
/*
 * The disk language of xl.cfg. Three dialects live in people's files:
 *
 *	format=raw,vdev=xvda,access=rw,target=/path	by name; target comes last
 *	/path,raw,xvda,rw				by place
 *	phy:/dev/vg/lv,xvda,w				xm: the prefix is the format
 *
 * They mix: what has no name fills the next free place.
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config_spec.h"

static const char *const options[] = {
	"access",	 "backend",	   "backendtype", "cdrom",	"devtype",
	"discard",	 "direct-io-safe", "format",	  "no-discard", "script",
	"specification", "target",	   "vdev",	  NULL,
};

static const char *const format_names[] = {
	[CONFIG_DISK_RAW] = "raw", [CONFIG_DISK_QCOW] = "qcow", [CONFIG_DISK_QCOW2] = "qcow2",
	[CONFIG_DISK_VHD] = "vhd", [CONFIG_DISK_QED] = "qed",	[CONFIG_DISK_VMDK] = "vmdk",
};

const char *config_disk_format_name(enum config_disk_format format)
{
	return format_names[format];
}

enum config_disk_format config_disk_format_parse(const char *name)
{
	unsigned int format = 0;

	while (format < CONFIG_DISK_FORMATS && strcmp(name, format_names[format]))
		format++;
	return format;
}

/* Places of the words without a name, in order. */
enum place {
	PLACE_TARGET,
	PLACE_FORMAT,
	PLACE_VDEV,
	PLACE_ACCESS,
	PLACES,
};

/**
 * struct spec - an entry being read
 * @tree: for messages
 * @disk: being filled
 * @next: the next place that a nameless word may fill
 * @given: by enum place: already said
 * @target: where the path stands
 * @phy: xm's phy: prefix, whose relative paths start at /dev
 * @xen: specification=xen
 * @empty: format=empty, a drive without a disc
 */
struct spec {
	struct cfg_tree *tree;
	struct config_disk *disk;
	unsigned int next;
	bool given[PLACES];
	struct cfg_field target;
	bool phy;
	bool xen;
	bool empty;
};

static int set_format(struct spec *spec, const struct cfg_field *field)
{
	unsigned int format = 0;

	while (format < CONFIG_DISK_FORMATS && !cfg_field_is(field, format_names[format]))
		format++;
	if (cfg_field_is(field, "aio"))
		format = CONFIG_DISK_RAW;
	if (format < CONFIG_DISK_FORMATS)
		spec->disk->format = format;
	else if (cfg_field_is(field, "empty"))
		spec->empty = true;
	else
		return cfg_field_fail(spec->tree, field,
				      "unknown disk format '%.*s': expected raw, qcow2, qcow, vhd, "
				      "qed, vmdk or empty",
				      (int)field->len, cfg_field_text(field));
	spec->given[PLACE_FORMAT] = true;
	return 0;
}

/* hda..hdp, sda, xvdaa, vda, each with a partition number or not */
static bool vdev_valid(const char *vdev)
{
	static const char *const families[] = {"hd", "sd", "xvd", "vd"};
	size_t letters;

	for (size_t i = 0; i < sizeof(families) / sizeof(*families); i++) {
		size_t len = strlen(families[i]);

		if (strncmp(vdev, families[i], len))
			continue;
		vdev += len;
		letters = strspn(vdev, "abcdefghijklmnopqrstuvwxyz");
		if (letters < 1 || letters > 2)
			return false;
		vdev += letters;
		return *vdev != '0' && strspn(vdev, "0123456789") == strlen(vdev);
	}
	return false;
}

static int set_vdev(struct spec *spec, struct cfg_field field)
{
	static const char cdrom[] = ":cdrom";
	struct config_disk *disk = spec->disk;
	size_t tail = sizeof(cdrom) - 1;

	cfg_field_skip(&field, "ioemu:");
	if (field.len > tail && !memcmp(cfg_field_text(&field) + field.len - tail, cdrom, tail)) {
		disk->cdrom = true;
		field.len -= tail;
	}
	if (!cfg_field_copy(&field, disk->vdev, sizeof(disk->vdev)) || !vdev_valid(disk->vdev))
		return cfg_field_fail(spec->tree, &field,
				      "bad virtual device '%.*s': expected a name like xvda, hda1, "
				      "sdb or vdc",
				      (int)field.len, cfg_field_text(&field));
	spec->given[PLACE_VDEV] = true;
	return 0;
}

static int set_access(struct spec *spec, const struct cfg_field *field)
{
	if (cfg_field_is(field, "r") || cfg_field_is(field, "ro"))
		spec->disk->readonly = true;
	else if (cfg_field_is(field, "w") || cfg_field_is(field, "rw") || cfg_field_is(field, "w!"))
		spec->disk->readonly = false;
	else
		return cfg_field_fail(spec->tree, field,
				      "unknown access '%.*s': expected r, ro, w or rw",
				      (int)field->len, cfg_field_text(field));
	spec->given[PLACE_ACCESS] = true;
	return 0;
}

/*
 * The path, with the prefixes that older tools put before it: who serves the
 * disk (phy, file, tap, tap2, tapdisk, qdisk, ioemu) and what it holds.
 */
static int set_target(struct spec *spec, struct cfg_field field)
{
	static const char *const servers[] = {
		"file:", "tap:", "tap2:", "tapdisk:", "qdisk:", "ioemu:"};
	static const char *const formats[] = {"raw",  "aio", "qcow2", "qcow", "vhd",
					      "vmdk", "qed", "sync",  "ram"};
	bool again = true;

	if (cfg_field_skip(&field, "phy:")) {
		spec->phy = true;
		spec->given[PLACE_FORMAT] = true;
		again = false;
	}
	while (again) {
		again = false;
		for (size_t i = 0; i < sizeof(servers) / sizeof(*servers); i++)
			if (cfg_field_skip(&field, servers[i])) {
				spec->given[PLACE_FORMAT] = true;
				again = true;
			}
		for (size_t i = 0; i < sizeof(formats) / sizeof(*formats); i++) {
			struct cfg_field format = field;
			size_t len = strlen(formats[i]);
			int ret;

			if (!cfg_field_skip(&field, formats[i]))
				continue;
			if (!cfg_field_skip(&field, ":")) {
				field = format;
				continue;
			}
			format.len = len;
			ret = set_format(spec, &format);
			if (ret)
				return ret;
			again = true;
		}
	}
	spec->target = field;
	spec->given[PLACE_TARGET] = true;
	return 0;
}

/* The domain that serves a device: there is only the one that runs hvctl. */
static int check_backend(struct spec *spec, const struct cfg_field *field)
{
	if (!field->len || cfg_field_is(field, "0") || cfg_field_is(field, "Domain-0") ||
	    cfg_field_is(field, "dom0"))
		return 0;
	return cfg_field_fail(spec->tree, field,
			      "disk served by domain '%.*s': expected 0, the host", (int)field->len,
			      cfg_field_text(field));
}

static int set_named(struct spec *spec, const struct cfg_field *key, const struct cfg_field *field)
{
	struct cfg_tree *tree = spec->tree;

	if (cfg_field_is(key, "format"))
		return set_format(spec, field);
	if (cfg_field_is(key, "vdev"))
		return set_vdev(spec, *field);
	if (cfg_field_is(key, "access"))
		return set_access(spec, field);
	if (cfg_field_is(key, "backend"))
		return check_backend(spec, field);
	if (cfg_field_is(key, "devtype")) {
		if (cfg_field_is(field, "cdrom"))
			spec->disk->cdrom = true;
		else if (!cfg_field_is(field, "disk"))
			return cfg_field_fail(tree, field,
					      "unknown device type: expected disk or cdrom");
		return 0;
	}
	if (cfg_field_is(key, "backendtype")) {
		/* All of them name a program of Xen's; ours is vmmd. */
		if (cfg_field_is(field, "phy") || cfg_field_is(field, "tap") ||
		    cfg_field_is(field, "qdisk") || cfg_field_is(field, "standalone"))
			return 0;
		return cfg_field_fail(
			tree, field, "unknown backendtype: expected phy, tap, qdisk or standalone");
	}
	if (cfg_field_is(key, "specification")) {
		spec->xen = cfg_field_is(field, "xen");
		spec->disk->virtio = cfg_field_is(field, "virtio");
		if (spec->xen || spec->disk->virtio)
			return 0;
		return cfg_field_fail(tree, field, "unknown specification: expected xen or virtio");
	}
	if (cfg_field_is(key, "script"))
		return cfg_field_fail(tree, key,
				      "block scripts are not run: expected a path of an "
				      "existing file or block device");
	return cfg_field_unknown(tree, key, options);
}

/* Return: 1 when @field is a flag, 0 when it is not. */
static int set_flag(struct spec *spec, const struct cfg_field *field)
{
	struct config_disk *disk = spec->disk;

	if (cfg_field_is(field, "cdrom"))
		disk->cdrom = true;
	else if (cfg_field_is(field, "direct-io-safe"))
		disk->direct = true;
	else if (cfg_field_is(field, "discard"))
		disk->discard = true;
	else if (cfg_field_is(field, "no-discard"))
		disk->discard = false;
	else
		return 0;
	return 1;
}

static int set_placed(struct spec *spec, const struct cfg_field *field)
{
	while (spec->next < PLACES && spec->given[spec->next])
		spec->next++;
	switch (spec->next++) {
	case PLACE_TARGET:
		return set_target(spec, *field);
	case PLACE_FORMAT:
		return field->len ? set_format(spec, field) : 0;
	case PLACE_VDEV:
		return field->len ? set_vdev(spec, *field) : 0;
	case PLACE_ACCESS:
		return field->len ? set_access(spec, field) : 0;
	}
	return cfg_field_fail(spec->tree, field,
			      "one word too many: expected target,format,vdev,access");
}

static int finish(struct spec *spec, const struct cfg_value *value)
{
	struct config_disk *disk = spec->disk;
	struct cfg_field *target = &spec->target;

	if (!spec->given[PLACE_VDEV])
		return cfg_fail(spec->tree, &value->pos,
				"disk has no virtual device: expected vdev=xvda or the like");
	if (disk->cdrom) {
		if (spec->given[PLACE_ACCESS] && !disk->readonly)
			return cfg_fail(spec->tree, &value->pos,
					"a CD that can be written: expected access=ro");
		disk->readonly = true;
	}
	if (!spec->xen && disk->vdev[0] == 'v')
		disk->virtio = true;
	disk->pos = value->pos;
	disk->path_pos = value->pos;
	if (spec->empty || !spec->given[PLACE_TARGET] || !target->len) {
		if (target->len)
			return cfg_field_fail(
				spec->tree, target,
				"an empty drive with a path: expected one of the two");
		if (!disk->cdrom)
			return cfg_fail(spec->tree, &value->pos,
					"disk has no target: expected the path of a file or block "
					"device");
		return 0;
	}
	disk->path_pos = cfg_field_pos(target);
	if (spec->phy && *cfg_field_text(target) != '/') {
		if (asprintf(&disk->path, "/dev/%.*s", (int)target->len, cfg_field_text(target)) <
		    0)
			disk->path = NULL;
	} else {
		disk->path = cfg_absolute(cfg_field_text(target), target->len);
	}
	return disk->path ? 0 : cfg_nomem(spec->tree->err);
}

int cfg_disk_parse(struct cfg_tree *tree, const struct cfg_value *value, struct config_disk *disk)
{
	struct spec spec = {.tree = tree, .disk = disk};
	size_t at = 0;
	int ret;

	*disk = (struct config_disk){.discard = true};
	if (value->kind != CFG_STRING)
		return cfg_fail(tree, &value->pos,
				"disk is not a text: expected 'format=raw,vdev=xvda,target=PATH'");
	for (;;) {
		size_t start = at;
		struct cfg_field key, field = cfg_field_next(value, &at);

		/* A path may hold '=' and ','; by name it takes all that follows. */
		if (cfg_field_skip(&field, "target=")) {
			field = cfg_field_rest(value, field.start);
			ret = set_target(&spec, field);
			at = strlen(value->text);
		} else if (!spec.next && !spec.given[PLACE_TARGET] && start == 0 && field.len &&
			   *cfg_field_text(&field) == '/') {
			ret = set_placed(&spec, &field);
		} else if (cfg_field_split(&field, &key)) {
			ret = set_named(&spec, &key, &field);
		} else {
			ret = set_flag(&spec, &field) ? 0 : set_placed(&spec, &field);
		}
		if (ret)
			return ret;
		if (!value->text[at])
			break;
	}
	return finish(&spec, value);
}
