// SPDX-License-Identifier: GPL-2.0
/*
 * What each key means: one table of typed keys, one list of keys that other
 * tools act on and hvctl accepts with a warning.
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config_tree.h"

#define MEMORY_MIN_MIB 8u
#define MEMORY_MAX_MIB (16u << 20) /* 16 TiB */

/* Context ids 0 to 2 are the hypervisor, loopback and the host; -1 is any. */
#define VSOCK_CID_MIN 3u
#define VSOCK_CID_MAX 0xfffffffeu

/**
 * struct word - a word that a key accepts
 * @text: the word
 * @value: what it stands for
 */
struct word {
	const char *text;
	int value;
};

static const struct word type_words[] = {
	{"auto", CONFIG_TYPE_AUTO},
	{"pv", CONFIG_TYPE_PV},
	{"pvh", CONFIG_TYPE_PVH},
	{"hvm", CONFIG_TYPE_HVM},
	{NULL, 0},
};

/* xm's word for type; "linux" and "generic" meant any kernel given by path. */
static const struct word builder_words[] = {
	{"linux", CONFIG_TYPE_AUTO},
	{"generic", CONFIG_TYPE_AUTO},
	{"hvm", CONFIG_TYPE_HVM},
	{NULL, 0},
};

static const struct word action_words[] = {
	{"destroy", CONFIG_DESTROY},
	{"restart", CONFIG_RESTART},
	{"rename-restart", CONFIG_RENAME_RESTART},
	{"preserve", CONFIG_PRESERVE},
	{"coredump-destroy", CONFIG_COREDUMP_DESTROY},
	{"coredump-restart", CONFIG_COREDUMP_RESTART},
	{NULL, 0},
};

static const struct word console_words[] = {
	{"auto", CONFIG_CONSOLE_AUTO},
	{"serial", CONFIG_CONSOLE_SERIAL},
	{"virtio", CONFIG_CONSOLE_VIRTIO},
	{NULL, 0},
};

const char *config_action_name(enum config_action action)
{
	return action_words[action].text;
}

/**
 * struct texts - texts that become the command line once all keys are read
 * @root: of root=
 * @extra: of extra=
 * @cmdline: of cmdline=
 * @extra_pos: where extra= stands
 */
struct texts {
	char *root;
	char *extra;
	char *cmdline;
	struct config_pos root_pos;
	struct config_pos extra_pos;
};

struct key;

/**
 * struct keys - reading of one tree
 * @tree: the tree
 * @texts: pieces of the command line
 * @bootloader: of bootloader=, or NULL
 * @bootloader_pos: where it stands
 * @bootloader_args: value of bootloader_args=, or NULL
 * @maxmem_pos: where maxmem= stands
 * @maxvcpus_pos: where maxvcpus= stands
 * @have_name: name= was given
 * @have_uuid: uuid= was given
 */
struct keys {
	struct cfg_tree *tree;
	struct texts texts;
	char *bootloader;
	struct config_pos bootloader_pos;
	const struct cfg_value *bootloader_args;
	struct config_pos maxmem_pos;
	struct config_pos maxvcpus_pos;
	bool have_name;
	bool have_uuid;
};

typedef int key_fn(struct keys *keys, const struct key *key, const struct cfg_value *value);

/**
 * struct key - one key
 * @name: in the file
 * @set: reads the value
 * @offset: of the field in struct config, for the general readers
 * @min: least number
 * @max: greatest number
 * @words: accepted words
 */
struct key {
	const char *name;
	key_fn *set;
	size_t offset;
	uint64_t min;
	uint64_t max;
	const struct word *words;
};

static void *field(struct keys *keys, const struct key *key)
{
	return (char *)keys->tree->cfg + key->offset;
}

static int need_text(struct keys *keys, const struct key *key, const struct cfg_value *value)
{
	if (value->kind == CFG_LIST)
		return cfg_fail(keys->tree, &value->pos, "%s is a list: expected one value",
				key->name);
	return 0;
}

/* Python's None, and the empty text, unset a key that holds a text. */
static bool is_none(const struct cfg_value *value)
{
	return !*value->text || (value->kind == CFG_WORD && !strcmp(value->text, "None"));
}

static int read_number(struct keys *keys, const struct key *key, const struct cfg_value *value,
		       uint64_t *out)
{
	const char *text = value->text;
	unsigned long long n;
	char *end;
	int ret = need_text(keys, key, value);

	if (ret)
		return ret;
	errno = 0;
	n = strtoull(text, &end, 0);
	if (!isdigit((unsigned char)*text) || *end || errno || n < key->min || n > key->max)
		return cfg_fail(keys->tree, &value->pos,
				"bad %s '%s': expected a number from %llu to %llu", key->name, text,
				(unsigned long long)key->min, (unsigned long long)key->max);
	*out = n;
	return 0;
}

static int set_u64(struct keys *keys, const struct key *key, const struct cfg_value *value)
{
	return read_number(keys, key, value, field(keys, key));
}

static int set_u32(struct keys *keys, const struct key *key, const struct cfg_value *value)
{
	uint64_t n;
	int ret = read_number(keys, key, value, &n);

	if (!ret)
		*(uint32_t *)field(keys, key) = (uint32_t)n;
	return ret;
}

static int set_bool(struct keys *keys, const struct key *key, const struct cfg_value *value)
{
	static const char *const yes[] = {"1", "true", "yes", "on"};
	static const char *const no[] = {"0", "false", "no", "off"};
	bool *out = field(keys, key);
	int ret = need_text(keys, key, value);

	if (ret)
		return ret;
	for (size_t i = 0; i < sizeof(yes) / sizeof(*yes); i++) {
		if (!strcasecmp(value->text, yes[i])) {
			*out = true;
			return 0;
		}
		if (!strcasecmp(value->text, no[i])) {
			*out = false;
			return 0;
		}
	}
	return cfg_fail(keys->tree, &value->pos, "bad %s '%s': expected 0 or 1", key->name,
			value->text);
}

/* All enums of struct config have the size of an int; see the table's check. */
static int set_word(struct keys *keys, const struct key *key, const struct cfg_value *value)
{
	char expected[128] = "";
	int ret = need_text(keys, key, value);

	if (ret)
		return ret;
	for (const struct word *word = key->words; word->text; word++) {
		if (!strcmp(value->text, word->text)) {
			*(int *)field(keys, key) = word->value;
			return 0;
		}
		if (*expected)
			strcat(expected, word[1].text ? ", " : " or ");
		strcat(expected, word->text);
	}
	return cfg_fail(keys->tree, &value->pos, "bad %s '%s': expected %s", key->name, value->text,
			expected);
}

static int set_path(struct keys *keys, const struct key *key, const struct cfg_value *value)
{
	char **out = field(keys, key);
	int ret = need_text(keys, key, value);

	if (ret)
		return ret;
	free(*out);
	*out = NULL;
	if (is_none(value))
		return 0;
	if (*value->text == '/') {
		*out = strdup(value->text);
	} else {
		char *cwd = getcwd(NULL, 0);

		if (!cwd)
			return cfg_fail(keys->tree, &value->pos,
					"%s is relative and there is no working directory: "
					"expected an absolute path",
					key->name);
		if (asprintf(out, "%s/%s", strcmp(cwd, "/") ? cwd : "", value->text) < 0)
			*out = NULL;
		free(cwd);
	}
	return *out ? 0 : cfg_nomem(keys->tree->err);
}

static int set_kernel(struct keys *keys, const struct key *key, const struct cfg_value *value)
{
	keys->tree->cfg->kernel_pos = value->pos;
	return set_path(keys, key, value);
}

static int set_ramdisk(struct keys *keys, const struct key *key, const struct cfg_value *value)
{
	keys->tree->cfg->ramdisk_pos = value->pos;
	return set_path(keys, key, value);
}

static int keep_text(struct keys *keys, const struct key *key, const struct cfg_value *value,
		     char **out)
{
	int ret = need_text(keys, key, value);

	if (ret)
		return ret;
	if (is_none(value))
		return 0;
	*out = strdup(value->text);
	return *out ? 0 : cfg_nomem(keys->tree->err);
}

static int set_root(struct keys *keys, const struct key *key, const struct cfg_value *value)
{
	keys->texts.root_pos = value->pos;
	return keep_text(keys, key, value, &keys->texts.root);
}

static int set_extra(struct keys *keys, const struct key *key, const struct cfg_value *value)
{
	keys->texts.extra_pos = value->pos;
	return keep_text(keys, key, value, &keys->texts.extra);
}

static int set_cmdline(struct keys *keys, const struct key *key, const struct cfg_value *value)
{
	return keep_text(keys, key, value, &keys->texts.cmdline);
}

static int set_bootloader(struct keys *keys, const struct key *key, const struct cfg_value *value)
{
	keys->bootloader_pos = value->pos;
	return keep_text(keys, key, value, &keys->bootloader);
}

static int set_bootloader_args(struct keys *keys, const struct key *key,
			       const struct cfg_value *value)
{
	(void)key;
	if (value->kind == CFG_LIST || !is_none(value))
		keys->bootloader_args = value;
	return 0;
}

static int set_name(struct keys *keys, const struct key *key, const struct cfg_value *value)
{
	struct config *cfg = keys->tree->cfg;
	int ret = need_text(keys, key, value);

	if (ret)
		return ret;
	if (!config_name_valid(value->text))
		return cfg_fail(keys->tree, &value->pos,
				"bad name '%s': expected 1 to %d of A-Z a-z 0-9 _ . : + -, not "
				"starting with . or -",
				value->text, CONFIG_NAME_MAX);
	snprintf(cfg->name, sizeof(cfg->name), "%s", value->text);
	keys->have_name = true;
	return 0;
}

static int set_uuid(struct keys *keys, const struct key *key, const struct cfg_value *value)
{
	int ret = need_text(keys, key, value);

	if (ret)
		return ret;
	if (config_uuid_parse(value->text, keys->tree->cfg->uuid))
		return cfg_fail(keys->tree, &value->pos,
				"bad uuid '%s': expected 32 hex digits, dashes between groups",
				value->text);
	keys->have_uuid = true;
	return 0;
}

static int set_maxmem(struct keys *keys, const struct key *key, const struct cfg_value *value)
{
	keys->maxmem_pos = value->pos;
	return set_u64(keys, key, value);
}

static int set_maxvcpus(struct keys *keys, const struct key *key, const struct cfg_value *value)
{
	keys->maxvcpus_pos = value->pos;
	return set_u32(keys, key, value);
}

/* "0-3,^2" and "all" in one text; several texts of a list add up. */
static int add_cpus(struct keys *keys, const struct cfg_value *value)
{
	static const char expected[] = "expected 'all' or host CPUs like 0-3,^2";
	cpu_set_t *set = &keys->tree->cfg->affinity;
	const char *p = value->text;

	if (value->kind == CFG_LIST)
		return cfg_fail(keys->tree, &value->pos, "cpus has a list in its list: %s",
				expected);
	if (!strcmp(p, "all")) {
		for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
			CPU_SET(cpu, set);
		return 0;
	}
	do {
		unsigned long first, last;
		bool without = *p == '^';
		char *end;

		p += without;
		if (!isdigit((unsigned char)*p))
			goto bad;
		first = strtoul(p, &end, 10);
		last = first;
		if (*end == '-') {
			p = end + 1;
			if (!isdigit((unsigned char)*p))
				goto bad;
			last = strtoul(p, &end, 10);
		}
		if (last < first || last >= CPU_SETSIZE || (*end && *end != ','))
			goto bad;
		for (unsigned long cpu = first; cpu <= last; cpu++)
			if (without)
				CPU_CLR(cpu, set);
			else
				CPU_SET(cpu, set);
		p = end;
	} while (*p++ == ',');
	return 0;
bad:
	return cfg_fail(keys->tree, &value->pos, "bad cpus '%s': %s", value->text, expected);
}

static int set_cpus(struct keys *keys, const struct key *key, const struct cfg_value *value)
{
	struct config *cfg = keys->tree->cfg;
	int ret = 0;

	CPU_ZERO(&cfg->affinity);
	if (value->kind == CFG_LIST) {
		ret = cfg_warn(keys->tree, &value->pos,
			       "%s for single vCPUs: each vCPU may use all of them", key->name);
		for (size_t i = 0; !ret && i < value->n_items; i++)
			ret = add_cpus(keys, &value->items[i]);
	} else {
		ret = add_cpus(keys, value);
	}
	if (ret)
		return ret;
	cfg->affinity_set = CPU_COUNT(&cfg->affinity) > 0;
	if (!cfg->affinity_set)
		return cfg_fail(keys->tree, &value->pos,
				"cpus names no CPU: expected one at least");
	return 0;
}

static int need_list(struct keys *keys, const struct key *key, const struct cfg_value *value)
{
	if (value->kind == CFG_LIST)
		return 0;
	return cfg_fail(keys->tree, &value->pos, "%s is not a list: expected [ 'text', ... ]",
			key->name);
}

static int set_disk(struct keys *keys, const struct key *key, const struct cfg_value *value)
{
	struct config *cfg = keys->tree->cfg;
	int ret = need_list(keys, key, value);

	for (size_t i = 0; !ret && i < value->n_items; i++) {
		const struct cfg_value *item = &value->items[i];
		struct config_disk *disk = &cfg->disks[cfg->n_disks];

		if (cfg->n_disks == CONFIG_DISKS_MAX)
			return cfg_fail(keys->tree, &item->pos,
					"one disk too many: expected %d at most", CONFIG_DISKS_MAX);
		ret = cfg_disk_parse(keys->tree, item, disk);
		if (!ret && !disk->path) {
			ret = cfg_warn(keys->tree, &item->pos,
				       "drive %s has no effect: there is no disc in it",
				       disk->vdev);
			continue;
		}
		cfg->n_disks++;
		for (unsigned int j = 0; !ret && j + 1 < cfg->n_disks; j++)
			if (!strcmp(disk->vdev, cfg->disks[j].vdev))
				ret = cfg_fail(keys->tree, &item->pos,
					       "two disks are %s: expected a vdev of its own",
					       disk->vdev);
	}
	return ret;
}

static int set_vif(struct keys *keys, const struct key *key, const struct cfg_value *value)
{
	struct config *cfg = keys->tree->cfg;
	int ret = need_list(keys, key, value);

	for (size_t i = 0; !ret && i < value->n_items; i++) {
		if (cfg->n_vifs == CONFIG_VIFS_MAX)
			return cfg_fail(keys->tree, &value->items[i].pos,
					"one vif too many: expected %d at most", CONFIG_VIFS_MAX);
		cfg->n_vifs++;
		ret = cfg_vif_parse(keys->tree, &value->items[i], &cfg->vifs[cfg->n_vifs - 1]);
	}
	return ret;
}

/* serial='pty' is what there is; 'none' takes the port away. */
static int set_serial(struct keys *keys, const struct key *key, const struct cfg_value *value)
{
	bool *out = field(keys, key);

	if (value->kind == CFG_LIST) {
		if (!value->n_items) {
			*out = false;
			return 0;
		}
		if (value->n_items > 1)
			return cfg_fail(keys->tree, &value->items[1].pos,
					"a second serial port: expected one");
		value = &value->items[0];
		if (value->kind == CFG_LIST)
			return cfg_fail(keys->tree, &value->pos,
					"serial has a list in its list: expected 'pty' or 'none'");
	}
	if (is_none(value) || !strcmp(value->text, "none") || !strcmp(value->text, "null"))
		*out = false;
	else if (!strcmp(value->text, "pty"))
		*out = true;
	else
		return cfg_fail(keys->tree, &value->pos, "bad serial '%s': expected pty or none",
				value->text);
	return 0;
}

#define AT(member) offsetof(struct config, member)

static const struct key key_table[] = {
	{"balloon", set_bool, AT(balloon), 0, 0, NULL},
	{"bootloader", set_bootloader, 0, 0, 0, NULL},
	{"bootloader_args", set_bootloader_args, 0, 0, 0, NULL},
	{"builder", set_word, AT(type), 0, 0, builder_words},
	{"cmdline", set_cmdline, 0, 0, 0, NULL},
	{"console", set_word, AT(console), 0, 0, console_words},
	{"cpus", set_cpus, 0, 0, 0, NULL},
	{"device", set_path, AT(device), 0, 0, NULL},
	{"disk", set_disk, 0, 0, 0, NULL},
	{"extra", set_extra, 0, 0, 0, NULL},
	{"kernel", set_kernel, AT(kernel), 0, 0, NULL},
	{"maxmem", set_maxmem, AT(maxmem_mib), MEMORY_MIN_MIB, MEMORY_MAX_MIB, NULL},
	{"maxvcpus", set_maxvcpus, AT(maxvcpus), 1, CONFIG_VCPUS_MAX, NULL},
	{"memory", set_u64, AT(memory_mib), MEMORY_MIN_MIB, MEMORY_MAX_MIB, NULL},
	{"name", set_name, 0, 0, 0, NULL},
	{"on_crash", set_word, AT(on_crash), 0, 0, action_words},
	{"on_poweroff", set_word, AT(on_poweroff), 0, 0, action_words},
	{"on_reboot", set_word, AT(on_reboot), 0, 0, action_words},
	{"on_watchdog", set_word, AT(on_watchdog), 0, 0, action_words},
	{"pv_user_pgd", set_u32, AT(pv_user_pgd), 0, 1, NULL},
	{"ramdisk", set_ramdisk, AT(ramdisk), 0, 0, NULL},
	{"rng", set_bool, AT(rng), 0, 0, NULL},
	{"root", set_root, 0, 0, 0, NULL},
	{"serial", set_serial, AT(serial), 0, 0, NULL},
	{"type", set_word, AT(type), 0, 0, type_words},
	{"uuid", set_uuid, 0, 0, 0, NULL},
	{"vcpus", set_u32, AT(vcpus), 1, CONFIG_VCPUS_MAX, NULL},
	{"vif", set_vif, 0, 0, 0, NULL},
	{"vsock_cid", set_u32, AT(vsock_cid), VSOCK_CID_MIN, VSOCK_CID_MAX, NULL},
};

#define N_KEYS (sizeof(key_table) / sizeof(*key_table))

_Static_assert(sizeof(enum config_type) == sizeof(int) &&
		       sizeof(enum config_action) == sizeof(int) &&
		       sizeof(enum config_console) == sizeof(int),
	       "set_word() stores ints");

static int unknown_key(struct cfg_tree *tree, const struct cfg_setting *setting)
{
	const char *known[N_KEYS + 1];
	const char *like;

	for (size_t i = 0; i < N_KEYS; i++)
		known[i] = key_table[i].name;
	known[N_KEYS] = NULL;
	like = cfg_nearest(setting->key, known);
	if (like)
		return cfg_fail(tree, &setting->pos, "unknown key '%s': did you mean '%s'?",
				setting->key, like);
	return cfg_fail(tree, &setting->pos, "unknown key '%s': expected a key of hvctl.cfg(5)",
			setting->key);
}

static int apply(struct keys *keys, const struct cfg_setting *setting)
{
	const char *why;

	for (size_t i = 0; i < N_KEYS; i++)
		if (!strcmp(setting->key, key_table[i].name))
			return key_table[i].set(keys, &key_table[i], &setting->value);
	why = cfg_ignored(setting->key);
	if (why)
		return cfg_warn(keys->tree, &setting->pos, "%s has no effect: %s", setting->key,
				why);
	return unknown_key(keys->tree, setting);
}

/*
 * Whose devices they are: a PV guest has Xen's alone, one of type="pvh" both kinds, by
 * what each says of itself, others virtio's alone.
 */
static void settle_devices(struct config *cfg)
{
	for (unsigned int i = 0; i < cfg->n_disks; i++) {
		bool asked = cfg->disks[i].virtio && cfg->type == CONFIG_TYPE_PVH;

		cfg->disks[i].virtio = asked || !config_has_xen(cfg);
	}
	for (unsigned int i = 0; i < cfg->n_vifs; i++) {
		bool asked = cfg->vifs[i].virtio && cfg->type == CONFIG_TYPE_PVH;

		cfg->vifs[i].virtio = asked || !config_has_xen(cfg);
	}
}

/* What depends on more than one key. */
static int settle(struct keys *keys)
{
	struct cfg_tree *tree = keys->tree;
	struct config *cfg = tree->cfg;
	struct config_pos start = {.line = 1, .col = 1};
	struct texts *texts = &keys->texts;
	char *root = NULL;
	int ret;

	ret = cfg_bootloader_settle(tree, keys->bootloader, &keys->bootloader_pos,
				    keys->bootloader_args);
	if (ret)
		return ret;
	if (!cfg->kernel && !cfg->grub.used)
		return cfg_fail(tree, cfg->kernel_pos.line ? &cfg->kernel_pos : &start,
				"no kernel: expected kernel = 'PATH' or bootloader = 'pygrub'");
	settle_devices(cfg);
	if (!cfg->maxmem_mib)
		cfg->maxmem_mib = cfg->memory_mib;
	if (cfg->maxmem_mib < cfg->memory_mib)
		return cfg_fail(tree, &keys->maxmem_pos,
				"maxmem is less than memory: expected %llu at least",
				(unsigned long long)cfg->memory_mib);
	if (!cfg->maxvcpus)
		cfg->maxvcpus = cfg->vcpus;
	if (cfg->maxvcpus < cfg->vcpus)
		return cfg_fail(tree, &keys->maxvcpus_pos,
				"maxvcpus is less than vcpus: expected %u at least", cfg->vcpus);
	if (cfg->maxvcpus > cfg->vcpus && !config_has_xen(cfg) &&
	    cfg_warn(tree, &keys->maxvcpus_pos,
		     "maxvcpus has no effect: CPUs are not added to a running guest"))
		return -ENOMEM;

	if (texts->cmdline) {
		if (texts->root || texts->extra) {
			ret = cfg_warn(tree, texts->root ? &texts->root_pos : &texts->extra_pos,
				       "%s has no effect: cmdline is given",
				       texts->root ? "root" : "extra");
			if (ret)
				return ret;
		}
		cfg->cmdline = texts->cmdline;
		texts->cmdline = NULL;
		return 0;
	}
	if (texts->root) {
		root = cfg_root_translate(cfg, texts->root);
		if (!root)
			return cfg_nomem(tree->err);
	}
	if (asprintf(&cfg->cmdline, "%s%s%s%s", root ? "root=" : "", root ? root : "",
		     root && texts->extra ? " " : "", texts->extra ? texts->extra : "") < 0)
		cfg->cmdline = NULL;
	free(root);
	return cfg->cmdline ? 0 : cfg_nomem(tree->err);
}

static int set_defaults(struct keys *keys)
{
	struct cfg_tree *tree = keys->tree;
	struct config_pos start = {.line = 1, .col = 1};
	int ret;

	if (!keys->have_name) {
		ret = cfg_default_name(tree->cfg, tree->file);
		if (ret)
			return cfg_fail(tree, &start,
					"no name, and the file's name makes none: "
					"expected name = 'NAME'");
	}
	if (!keys->have_uuid) {
		ret = cfg_default_uuid(tree->cfg->uuid);
		if (ret)
			return cfg_fail(tree, &start,
					"no random numbers for a uuid: expected uuid = "
					"'...'");
	}
	cfg_default_macs(tree->cfg);
	return 0;
}

int cfg_keys_apply(struct cfg_tree *tree)
{
	struct keys keys = {.tree = tree};
	int ret = 0;

	for (size_t i = 0; !ret && i < tree->n_settings; i++)
		ret = apply(&keys, &tree->settings[i]);
	if (!ret)
		ret = set_defaults(&keys);
	if (!ret)
		ret = settle(&keys);
	free(keys.texts.root);
	free(keys.texts.extra);
	free(keys.texts.cmdline);
	free(keys.bootloader);
	return ret;
}
