// SPDX-License-Identifier: GPL-2.0
/*
 * root=: a file made for Xen says /dev/hda1 or /dev/xvda1, names that Xen's
 * front end takes from vdev. A virtio guest counts: its n-th disk is the n-th
 * letter of /dev/vdX. So the name is looked up among the vdevs:
 *
 *	vdev=xvda,  root=/dev/xvda1	partition 1 of the disk: /dev/vda1
 *	vdev=hda1,  root=/dev/hda1	the disk is that file system: /dev/vda
 *	vdev=xvda,  root=/dev/hda	no hda, but an 'a': /dev/vda
 *
 * What matches no disk (UUID=, LABEL=, /dev/mapper/...) stays as it is.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config_tree.h"

/**
 * struct name - a disk's name taken apart: "hda1" is "hd", "a", "1"
 * @family: start; @family_len bytes
 * @letters: start; @letters_len bytes
 * @part: partition digits
 * @part_len: their number, 0 for the whole disk
 */
struct name {
	const char *family;
	size_t family_len;
	const char *letters;
	size_t letters_len;
	const char *part;
	size_t part_len;
};

static bool split(const char *text, struct name *name)
{
	static const char *const families[] = {"hd", "sd", "xvd", "vd"};

	for (size_t i = 0; i < sizeof(families) / sizeof(*families); i++) {
		size_t len = strlen(families[i]);

		if (strncmp(text, families[i], len))
			continue;
		name->family = text;
		name->family_len = len;
		name->letters = text + len;
		name->letters_len = strspn(name->letters, "abcdefghijklmnopqrstuvwxyz");
		name->part = name->letters + name->letters_len;
		name->part_len = strspn(name->part, "0123456789");
		return name->letters_len > 0;
	}
	return false;
}

static bool same(const char *a, size_t a_len, const char *b, size_t b_len)
{
	return a_len == b_len && !memcmp(a, b, a_len);
}

/* How well a vdev fits what root= says; 0 is not at all. */
static int fit(const struct name *root, const struct name *vdev)
{
	bool whole = !vdev->part_len && root->part_len;
	int score;

	if (!same(root->letters, root->letters_len, vdev->letters, vdev->letters_len))
		return 0;
	if (!whole && !same(root->part, root->part_len, vdev->part, vdev->part_len))
		return 0;
	score = whole ? 1 : 2;
	if (same(root->family, root->family_len, vdev->family, vdev->family_len))
		score += 2;
	return score;
}

char *cfg_root_translate(const struct config *cfg, const char *root)
{
	static const char dev[] = "/dev/";
	const char *text = root;
	struct name want, vdev;
	unsigned int best_disk = 0;
	int best = 0, nth = 0;
	bool whole = false;
	const char *rest;
	char *out;

	if (!strncmp(text, dev, strlen(dev)))
		text += strlen(dev);
	if (!split(text, &want))
		return strdup(root);
	rest = want.part + want.part_len;
	if (*rest && !isspace((unsigned char)*rest))
		return strdup(root);

	for (unsigned int i = 0; i < cfg->n_disks; i++) {
		int score;

		if (!split(cfg->disks[i].vdev, &vdev))
			continue;
		score = fit(&want, &vdev);
		if (score > best) {
			best = score;
			best_disk = i;
			whole = !vdev.part_len;
		}
	}
	/* Xen's own disk driver keeps the name. */
	if (!best || !cfg->disks[best_disk].virtio)
		return strdup(root);
	for (unsigned int i = 0; i < best_disk; i++)
		nth += cfg->disks[i].virtio;
	if (asprintf(&out, "/dev/vd%c%.*s%s", 'a' + nth, whole ? (int)want.part_len : 0, want.part,
		     rest) < 0)
		return NULL;
	return out;
}
