// SPDX-License-Identifier: GPL-2.0
/*
 * The vif language of xl.cfg: KEY=VALUE between commas, blanks around either.
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config_spec.h"

/* xl's default interval over which rate= is met. */
#define RATE_INTERVAL_US 50000

static int set_mac(struct cfg_tree *tree, const struct cfg_field *field, struct config_vif *vif)
{
	static const char expected[] = "expected six bytes like 00:16:3e:12:34:56";
	unsigned int b[6];
	char text[18];
	int end = 0;

	if (!cfg_field_copy(field, text, sizeof(text)) ||
	    strspn(text, "0123456789abcdefABCDEF:-") != field->len ||
	    (sscanf(text, "%2x:%2x:%2x:%2x:%2x:%2x%n", &b[0], &b[1], &b[2], &b[3], &b[4], &b[5],
		    &end) != 6 &&
	     sscanf(text, "%2x-%2x-%2x-%2x-%2x-%2x%n", &b[0], &b[1], &b[2], &b[3], &b[4], &b[5],
		    &end) != 6) ||
	    (size_t)end != field->len)
		return cfg_field_fail(tree, field, "bad mac '%.*s': %s", (int)field->len,
				      cfg_field_text(field), expected);
	for (int i = 0; i < 6; i++)
		vif->mac[i] = (uint8_t)b[i];
	if (vif->mac[0] & 1)
		return cfg_field_fail(tree, field,
				      "mac %s is a multicast address: expected an even first byte",
				      text);
	if (!memcmp(vif->mac, "\0\0\0\0\0\0", 6))
		return cfg_field_fail(tree, field, "mac %s is nobody's: %s", text, expected);
	return 0;
}

/* A network interface's name: what the kernel accepts. */
static int set_ifname(struct cfg_tree *tree, const struct cfg_field *field, char *out)
{
	if (field->len && cfg_field_copy(field, out, CONFIG_IFNAME_MAX + 1) && strcmp(out, ".") &&
	    strcmp(out, "..") && !strpbrk(out, "/: \t%"))
		return 0;
	return cfg_field_fail(tree, field,
			      "bad interface name '%.*s': expected 1 to %d bytes without / : %%",
			      (int)field->len, cfg_field_text(field), CONFIG_IFNAME_MAX);
}

/* 10Mb/s, 250KB/s, 1MB/s@20ms: bits or bytes, decimal multiples as in xl */
static int set_rate(struct cfg_tree *tree, const struct cfg_field *field, struct config_vif *vif)
{
	static const struct {
		const char *suffix;
		uint64_t bits;
	} units[] = {
		{"GB/s", 8000000000}, {"Gb/s", 1000000000}, {"MB/s", 8000000}, {"Mb/s", 1000000},
		{"KB/s", 8000},	      {"Kb/s", 1000},	    {"B/s", 8},	       {"b/s", 1},
	};
	static const struct {
		const char *suffix;
		uint32_t us;
	} times[] = {{"ms", 1000}, {"us", 1}, {"s", 1000000}};
	const char *text = cfg_field_text(field);
	struct cfg_field number = *field, time = *field;
	const char *at = memchr(text, '@', field->len);
	uint64_t n, interval;
	size_t i;

	if (at) {
		number.len = (size_t)(at - text);
		time.start += number.len + 1;
		time.len -= number.len + 1;
	}
	for (i = 0; i < sizeof(units) / sizeof(*units); i++) {
		size_t len = strlen(units[i].suffix);

		if (number.len > len && !memcmp(text + number.len - len, units[i].suffix, len)) {
			number.len -= len;
			break;
		}
	}
	if (i == sizeof(units) / sizeof(*units) || !cfg_field_number(&number, UINT32_MAX, &n) || !n)
		goto bad;
	vif->rate = n * units[i].bits / 8;
	if (!vif->rate)
		goto bad;
	vif->rate_interval_us = RATE_INTERVAL_US;
	if (!at)
		return 0;
	for (i = 0; i < sizeof(times) / sizeof(*times); i++) {
		size_t len = strlen(times[i].suffix);

		if (time.len > len &&
		    !memcmp(cfg_field_text(&time) + time.len - len, times[i].suffix, len)) {
			time.len -= len;
			if (!cfg_field_number(&time, UINT32_MAX / times[i].us, &interval) ||
			    !interval)
				goto bad;
			vif->rate_interval_us = (uint32_t)interval * times[i].us;
			return 0;
		}
	}
bad:
	return cfg_field_fail(
		tree, field,
		"bad rate '%.*s': expected a number with B/s, KB/s, MB/s, GB/s, Kb/s, "
		"Mb/s or Gb/s, and @20ms or the like",
		(int)field->len, text);
}

static int set_type(struct cfg_tree *tree, const struct cfg_field *field, struct config_vif *vif)
{
	if (cfg_field_is(field, "user"))
		vif->type = CONFIG_VIF_USER;
	else if (cfg_field_is(field, "bridge"))
		vif->type = CONFIG_VIF_BRIDGE;
	else if (!cfg_field_is(field, "ioemu") && !cfg_field_is(field, "vif") &&
		 !cfg_field_is(field, "netfront"))
		return cfg_field_fail(
			tree, field, "unknown vif type '%.*s': expected bridge, user, vif or ioemu",
			(int)field->len, cfg_field_text(field));
	return 0;
}

static int set_model(struct cfg_tree *tree, const struct cfg_field *field, struct config_vif *vif)
{
	struct config_pos pos = cfg_field_pos(field);

	vif->virtio = cfg_field_is(field, "virtio") || cfg_field_is(field, "virtio-net");
	if (vif->virtio)
		return 0;
	return cfg_warn(tree, &pos, "model=%.*s has no effect: there is no such card",
			(int)field->len, cfg_field_text(field));
}

static int set_backend(struct cfg_tree *tree, const struct cfg_field *field, struct config_vif *vif)
{
	(void)vif;
	if (!field->len || cfg_field_is(field, "0") || cfg_field_is(field, "Domain-0") ||
	    cfg_field_is(field, "dom0"))
		return 0;
	return cfg_field_fail(tree, field, "vif served by domain '%.*s': expected 0, the host",
			      (int)field->len, cfg_field_text(field));
}

static int set_bridge(struct cfg_tree *tree, const struct cfg_field *field, struct config_vif *vif)
{
	if (vif->type == CONFIG_VIF_AUTO)
		vif->type = CONFIG_VIF_BRIDGE;
	return set_ifname(tree, field, vif->bridge);
}

static int set_vifname(struct cfg_tree *tree, const struct cfg_field *field, struct config_vif *vif)
{
	return set_ifname(tree, field, vif->ifname);
}

static int set_mtu(struct cfg_tree *tree, const struct cfg_field *field, struct config_vif *vif)
{
	uint64_t n;

	/* 68: the least that IPv4 allows; virtio counts the MTU in 16 bits. */
	if (!cfg_field_number(field, 65535, &n) || n < 68)
		return cfg_field_fail(tree, field, "bad mtu '%.*s': expected 68 to 65535",
				      (int)field->len, cfg_field_text(field));
	vif->mtu = (uint32_t)n;
	return 0;
}

static int set_ip(struct cfg_tree *tree, const struct cfg_field *field, struct config_vif *vif)
{
	free(vif->ip);
	vif->ip = cfg_field_dup(field);
	return vif->ip ? 0 : cfg_nomem(tree->err);
}

/* vif-bridge, the script Xen installs, does what vmmd does by itself. */
static int set_script(struct cfg_tree *tree, const struct cfg_field *field, struct config_vif *vif)
{
	free(vif->script);
	vif->script = NULL;
	if (cfg_field_is(field, "vif-bridge") || cfg_field_is(field, "/etc/xen/scripts/vif-bridge"))
		return 0;
	if (!field->len || *cfg_field_text(field) != '/')
		return cfg_field_fail(tree, field,
				      "bad script '%.*s': expected an absolute path or vif-bridge",
				      (int)field->len, cfg_field_text(field));
	vif->script = cfg_field_dup(field);
	return vif->script ? 0 : cfg_nomem(tree->err);
}

static int set_nothing(struct cfg_tree *tree, const struct cfg_field *field, struct config_vif *vif)
{
	struct config_pos pos = cfg_field_pos(field);

	(void)vif;
	return cfg_warn(tree, &pos, "'%.*s' of a vif has no effect", (int)field->len,
			cfg_field_text(field));
}

static const struct {
	const char *key;
	int (*set)(struct cfg_tree *tree, const struct cfg_field *field, struct config_vif *vif);
} setters[] = {
	{"backend", set_backend}, {"bridge", set_bridge}, {"gatewaydev", set_nothing},
	{"ip", set_ip},		  {"mac", set_mac},	  {"model", set_model},
	{"mtu", set_mtu},	  {"rate", set_rate},	  {"script", set_script},
	{"trusted", set_nothing}, {"type", set_type},	  {"vifname", set_vifname},
};

#define N_SETTERS (sizeof(setters) / sizeof(*setters))

static int set_option(struct cfg_tree *tree, const struct cfg_field *key,
		      const struct cfg_field *field, struct config_vif *vif)
{
	const char *known[N_SETTERS + 1] = {NULL};

	for (size_t i = 0; i < N_SETTERS; i++) {
		if (cfg_field_is(key, setters[i].key))
			return setters[i].set(tree, field, vif);
		known[i] = setters[i].key;
	}
	return cfg_field_unknown(tree, key, known);
}

int cfg_vif_parse(struct cfg_tree *tree, const struct cfg_value *value, struct config_vif *vif)
{
	size_t at = 0;
	int ret;

	*vif = (struct config_vif){.bridge = CONFIG_BRIDGE_DEFAULT, .pos = value->pos};
	if (value->kind != CFG_STRING)
		return cfg_fail(tree, &value->pos,
				"vif is not a text: expected 'bridge=NAME,mac=ADDRESS' or ''");
	do {
		struct cfg_field key, field = cfg_field_next(value, &at);

		if (!field.len)
			continue;
		if (!cfg_field_split(&field, &key))
			return cfg_field_fail(tree, &field,
					      "'%.*s' is no option: expected KEY=VALUE",
					      (int)field.len, cfg_field_text(&field));
		ret = set_option(tree, &key, &field, vif);
		if (ret)
			return ret;
	} while (value->text[at]);
	return 0;
}
