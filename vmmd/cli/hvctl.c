// SPDX-License-Identifier: GPL-2.0
/*
 * hvctl: guests of this machine from the command line. The verbs and columns
 * are those of xl, for the fingers that know them.
 */
#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/cli.h"

static const struct verb verbs[] = {
	{"create", "[OPTIONS] CFG [KEY=VALUE...]", "start a guest",
	 "  -c, --console        attach to its console\n"
	 "  -p, --paused         leave it paused\n"
	 "  -n, --dry-run        print the configuration as JSON and start nothing\n"
	 "  -q, --quiet          no warnings\n"
	 "  -d, --device NODE    use this node of the KVM ABI (/dev/hvctl)\n"
	 "      --no-sandbox     leave vmmd its privileges (debugging only)\n"
	 "KEY=VALUE words win over what CFG says; hvctl.cfg(5) lists the keys.\n",
	 verb_create},
	{"list", "[OPTIONS] [GUEST...]", "show the guests",
	 "  -l, --json           everything known, as JSON\n"
	 "  -v, --verbose        UUIDs as well\n"
	 "State is one of r running, b blocked (idle), p paused, s shut down, c crashed,\n"
	 "d dying, each in its column.\n",
	 verb_list},
	{"console", "[-t serial|virtio|pv] GUEST", "attach to a guest's console",
	 "  -t, --type TYPE      which console: serial (ttyS0), virtio or pv (hvc0)\n"
	 "What the guest wrote last is shown first. Ctrl-] detaches.\n",
	 verb_console},
	{"pause", "GUEST...", "stop a guest's CPUs", "", verb_pause},
	{"unpause", "GUEST...", "let a paused guest run on", "", verb_unpause},
	{"shutdown", "[OPTIONS] -a|GUEST...", "press a guest's power button",
	 "  -a, --all            all guests\n"
	 "  -w, --wait           wait until they are down\n"
	 "  -t, --timeout SECS   with -w: wait no longer than this\n",
	 verb_shutdown},
	{"reboot", "[OPTIONS] -a|GUEST...", "restart a guest by its power button",
	 "  -a, --all            all guests\n"
	 "  -w, --wait           wait until they have restarted\n"
	 "  -t, --timeout SECS   with -w: wait no longer than this\n",
	 verb_reboot},
	{"destroy", "GUEST...", "end a guest at once", "", verb_destroy},
	{"rename", "GUEST NAME", "give a guest another name", "", verb_rename},
	{"save", "[-c|-p] GUEST FILE", "write a PV guest to a file and end it",
	 "  -c                   let it run on instead\n"
	 "  -p                   leave it paused instead\n",
	 verb_save},
	{"restore", "[OPTIONS] [CFG] FILE [KEY=VALUE...]", "go on with a guest that was saved",
	 "  -c, --console        attach to its console\n"
	 "  -p, --paused         leave it paused\n"
	 "  -e                   nothing, for xl's users\n"
	 "  -q, --quiet          no warnings\n"
	 "  -d, --device NODE    use this node of the KVM ABI (/dev/hvctl)\n"
	 "      --no-sandbox     leave vmmd its privileges (debugging only)\n"
	 "CFG, and KEY=VALUE words, win over the configuration that is in FILE.\n",
	 verb_restore},
	{"dump-core", "GUEST FILE", "write a PV guest's memory and registers to a file",
	 "FILE is an ELF core for crash(8) and gdb. The guest stands still meanwhile.\n",
	 verb_dump_core},
	{"mem-set", "GUEST MEM", "let a guest have MEM of its memory",
	 "MEM is in MiB, or ends in k, m, g or t.\n", verb_mem_set},
	{"mem-max", "GUEST MEM", "let mem-set go up to MEM",
	 "MEM is in MiB, or ends in k, m, g or t; maxmem= of the configuration is the\n"
	 "most.\n",
	 verb_mem_max},
	{"vcpu-set", "GUEST N", "have a PV guest use N virtual CPUs",
	 "maxvcpus= of the configuration is the most.\n", verb_vcpu_set},
	{"block-list", "[-j] GUEST...", "show disks", "  -j, --json           as JSON\n",
	 verb_block_list},
	{"block-attach", "GUEST DISK...", "give a PV guest a disk",
	 "DISK is what disk=['...'] of hvctl.cfg(5) has, in one word or several.\n",
	 verb_block_attach},
	{"block-detach", "[OPTIONS] GUEST VDEV", "take a disk from a PV guest",
	 "  -f, --force          at once, whatever the guest does with it\n"
	 "  -t, --timeout SECS   wait no longer than this (10)\n"
	 "VDEV is a name like xvdb or a number of 'hvctl block-list'.\n",
	 verb_block_detach},
	{"network-list", "[-j] GUEST...", "show network cards", "  -j, --json           as JSON\n",
	 verb_network_list},
	{"network-attach", "GUEST [VIF...]", "give a PV guest a network card",
	 "VIF is what vif=['...'] of hvctl.cfg(5) has, in one word or several.\n",
	 verb_network_attach},
	{"network-detach", "[OPTIONS] GUEST CARD", "take a network card from a PV guest",
	 "  -f, --force          at once, whatever the guest does with it\n"
	 "  -t, --timeout SECS   wait no longer than this (10)\n"
	 "CARD is a MAC address or a number of 'hvctl network-list'.\n",
	 verb_network_detach},
	{"sysrq", "GUEST KEY", "give a PV guest a magic key", "", verb_sysrq},
	{"trigger", "GUEST nmi|power|reset [VCPU]", "send an NMI, press power or reset",
	 "  nmi                  a non-maskable interrupt, to VCPU or the first\n"
	 "  power                the power button, as 'hvctl shutdown'\n"
	 "  reset                the reset button: what on_reboot= says, at once\n",
	 verb_trigger},
	{"top", "[OPTIONS]", "watch the guests at work",
	 "  -b, --batch          print instead of taking the screen\n"
	 "  -n, --iterations N   end after N rounds\n"
	 "  -d, --delay SECS     time between rounds (3)\n"
	 "  -j, --json           with -b: a JSON object for each round\n",
	 verb_top},
	{"vcpu-list", "[-j] [GUEST...]", "show virtual CPUs", "  -j, --json           as JSON\n",
	 verb_vcpu_list},
	{"info", "[-j]", "about this host", "  -j, --json           as JSON\n", verb_info},
	{"events", "[OPTIONS]", "report what happens to guests",
	 "  -j, --json           a JSON object for each event\n"
	 "  -n, --count N        end after N events\n"
	 "  -t, --timeout SECS   end after this time\n",
	 verb_events},
	{"log", "[OPTIONS] GUEST", "show a guest's log, also when it is gone",
	 "  -f, --follow         go on as it grows\n"
	 "  -p, --previous       the log of its last life but one\n",
	 verb_log},
	{"net", "up|down [OPTIONS]", "a network for guests: bridge, DHCP, NAT",
	 "  -b, --bridge NAME    the bridge (hvbr0)\n"
	 "  -a, --address A/LEN  address of the host on it\n",
	 verb_net},
	{"uptime", "[-s] [GUEST...]", "how long guests have been up",
	 "  -s, --short          without seconds, with the time of day\n", verb_uptime},
	{"domid", "NAME", "number of a guest", "", verb_domid},
	{"domname", "ID", "name of a guest", "", verb_domname},
};

#define N_VERBS (sizeof(verbs) / sizeof(*verbs))

static void print_help(FILE *out)
{
	fprintf(out, "Usage: hvctl VERB [OPTIONS] [ARGUMENTS]\n\n");
	for (size_t i = 0; i < N_VERBS; i++)
		fprintf(out, "  %-14s %s\n", verbs[i].name, verbs[i].summary);
	fprintf(out, "\nGUEST is a name, an id or a uuid. 'hvctl VERB --help' tells more,\n"
		     "hvctl(8) tells all.\n");
}

char *cli_clean(char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (iscntrl((unsigned char)text[i]) && text[i] != '\n' && text[i] != '\t')
			text[i] = '?';
	return text;
}

void cli_error(const char *fmt, ...)
{
	char *text;
	va_list ap;

	fflush(stdout);
	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) >= 0) {
		fprintf(stderr, "hvctl: %s\n", cli_clean(text, strlen(text)));
		free(text);
	}
	va_end(ap);
}

static void print_verb_help(const struct verb *verb)
{
	printf("Usage: hvctl %s %s\n\n%c%s.\n", verb->name, verb->args,
	       verb->summary[0] - 'a' + 'A', verb->summary + 1);
	if (*verb->help)
		printf("\n%s", verb->help);
}

int cli_usage(const struct verb *verb, const char *wrong)
{
	cli_error("%s: %s: expected hvctl %s %s", verb->name, wrong, verb->name, verb->args);
	return EXIT_USAGE;
}

int cli_option(const struct verb *verb, int argc, char **argv, const char *shorts,
	       const struct option *longs, int *status)
{
	struct option with_help[16] = {{"help", no_argument, NULL, 'h'}};
	char all[32];
	int opt;

	snprintf(all, sizeof(all), ":h%s", shorts);
	for (size_t i = 0; longs && longs[i].name; i++)
		with_help[i + 1] = longs[i];
	opterr = 0;
	opt = getopt_long(argc, argv, all, with_help, NULL);
	switch (opt) {
	case 'h':
		print_verb_help(verb);
		*status = EXIT_OK;
		return 0;
	case '?':
	case ':':
		cli_error("%s: %s '%s': expected one of 'hvctl %s --help'", verb->name,
			  opt == ':' ? "nothing after" : "unknown option", argv[optind - 1],
			  verb->name);
		*status = EXIT_USAGE;
		return 0;
	}
	return opt;
}

bool cli_number(const char *text, uint64_t max, uint64_t *out)
{
	char *end;

	errno = 0;
	*out = strtoull(text, &end, 10);
	if (*text >= '0' && *text <= '9' && !*end && !errno && *out <= max)
		return true;
	cli_error("bad number '%s': expected 0 to %llu", text, (unsigned long long)max);
	return false;
}

bool cli_seconds(const char *text, uint64_t *ns)
{
	char *end;
	double seconds = strtod(text, &end);

	if (end != text && !*end && seconds >= 0 && seconds <= 1e9) {
		*ns = (uint64_t)(seconds * 1e9);
		return true;
	}
	cli_error("bad time '%s': expected seconds", text);
	return false;
}

uint64_t cli_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

int cli_ms_until(uint64_t end_ns)
{
	uint64_t now = cli_now_ns(), ms;

	if (!end_ns)
		return -1;
	if (end_ns <= now)
		return 0;
	ms = (end_ns - now) / 1000000 + 1;
	return ms < INT_MAX ? (int)ms : INT_MAX;
}

void cli_print_json(struct json_object *json)
{
	puts(json_object_to_json_string_ext(json, JSON_C_TO_STRING_PRETTY |
							  JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(json);
}

const char *cli_text(struct json_object *json, const char *key)
{
	struct json_object *value;
	const char *text = NULL;

	if (json && json_object_object_get_ex(json, key, &value))
		text = json_object_get_string(value);
	return text ? text : "";
}

uint64_t cli_u64(struct json_object *json, const char *key)
{
	struct json_object *value;

	if (!json || !json_object_object_get_ex(json, key, &value))
		return 0;
	return json_object_get_uint64(value);
}

static const struct verb *find_verb(const char *name)
{
	for (size_t i = 0; i < N_VERBS; i++)
		if (!strcmp(verbs[i].name, name))
			return &verbs[i];
	return NULL;
}

int main(int argc, char **argv)
{
	const struct verb *verb;
	int status;

	if (argc < 2) {
		print_help(stderr);
		return EXIT_USAGE;
	}
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") || !strcmp(argv[1], "help")) {
		verb = argc > 2 ? find_verb(argv[2]) : NULL;
		if (verb)
			print_verb_help(verb);
		else
			print_help(stdout);
		return EXIT_OK;
	}
	if (!strcmp(argv[1], "--version")) {
		puts("hvctl " HVCTL_VERSION);
		return EXIT_OK;
	}
	verb = find_verb(argv[1]);
	if (!verb) {
		cli_error("unknown verb '%s': expected one of 'hvctl --help'", argv[1]);
		return EXIT_USAGE;
	}
	json_c_set_serialization_double_format("%.3f", JSON_C_OPTION_GLOBAL);
	status = verb->run(verb, argc - 1, argv + 1);
	if (fflush(stdout) || ferror(stdout)) {
		cli_error("cannot write: %s", strerror(errno));
		return EXIT_FAILED;
	}
	return status;
}
