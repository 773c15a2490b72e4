// SPDX-License-Identifier: GPL-2.0
/*
 * A disk or a card by itself, as it is attached to a guest that runs.
 */
#include <errno.h>
#include <string.h>

#include "config_tree.h"

static const struct config_pos on_command_line = {.line = 1, .col = 1, .override = 1};

/* The text is an argument: it has no quotes, by which places could be told. */
static struct cfg_value value_of(const char *text)
{
	return (struct cfg_value){
		.kind = CFG_STRING,
		.pos = on_command_line,
		.text = (char *)text,
	};
}

int config_parse_disk(const char *text, struct config *out, struct config_error *err)
{
	struct cfg_tree tree = {.file = "disk", .cfg = out, .err = err};
	struct cfg_value value = value_of(text);
	int ret;

	*out = (struct config){.n_disks = 1};
	err->text[0] = '\0';
	ret = cfg_disk_parse(&tree, &value, &out->disks[0]);
	if (!ret && !out->disks[0].path)
		ret = cfg_fail(&tree, &on_command_line, "drive %s is empty: expected a disc in it",
			       out->disks[0].vdev);
	if (ret)
		config_free(out);
	return ret;
}

int config_parse_vif(const char *text, struct config *out, struct config_error *err)
{
	struct cfg_tree tree = {.file = "vif", .cfg = out, .err = err};
	struct cfg_value value = value_of(text);
	int ret;

	*out = (struct config){.n_vifs = 1};
	err->text[0] = '\0';
	ret = cfg_vif_parse(&tree, &value, &out->vifs[0]);
	/* Nobody else has it: the address is made of what is as good as unique. */
	if (!ret && cfg_default_uuid(out->uuid))
		ret = cfg_fail(&tree, &on_command_line, "no random numbers for an address");
	if (ret)
		config_free(out);
	else
		cfg_default_macs(out);
	return ret;
}
