// SPDX-License-Identifier: GPL-2.0
/* hvctl uptime: how long guests, and the host, have been up. As xl prints it. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "cli/cli.h"
#include "cli/domain.h"

#define MINUTE 60
#define HOUR   (60 * MINUTE)
#define DAY    (24 * HOUR)

static const struct option longs[] = {
	{"short", no_argument, NULL, 's'},
	{NULL, 0, NULL, 0},
};

/* "3 days,  4:05:06"; without seconds in the short form */
static void format(uint64_t seconds, bool brief, char *out, size_t size)
{
	unsigned long long days = seconds / DAY;
	unsigned int hours = seconds % DAY / HOUR, minutes = seconds % HOUR / MINUTE;
	size_t at = 0;

	*out = '\0';
	if (days)
		at = (size_t)snprintf(out, size, "%llu day%s, ", days, days == 1 ? "" : "s");
	if (brief)
		snprintf(out + at, size - at, "%2u:%02u", hours, minutes);
	else
		snprintf(out + at, size - at, "%2u:%02u:%02u", hours, minutes,
			 (unsigned int)(seconds % MINUTE));
}

static void print(const char *name, unsigned int id, uint64_t seconds, bool known, bool brief)
{
	char text[48] = "-", now_text[16];
	time_t now = time(NULL);
	struct tm tm;

	if (known)
		format(seconds, brief, text, sizeof(text));
	if (!brief) {
		printf("%-33s %4u %s\n", name, id, text);
		return;
	}
	localtime_r(&now, &tm);
	strftime(now_text, sizeof(now_text), "%H:%M:%S", &tm);
	printf(" %s up %s, %s (%u)\n", now_text, text, name, id);
}

static void print_host(bool brief)
{
	struct timespec up;

	clock_gettime(CLOCK_BOOTTIME, &up);
	print("Domain-0", 0, (uint64_t)up.tv_sec, true, brief);
}

static void print_guest(const struct domain *dom, bool brief)
{
	struct json_object *uptime;

	/* Unknown for what vmmd does not run, and between two lives. */
	print(dom->name, dom->id, cli_u64(dom->status, "uptime"),
	      dom->status && json_object_object_get_ex(dom->status, "uptime", &uptime), brief);
}

int verb_uptime(const struct verb *verb, int argc, char **argv)
{
	bool brief = false;
	struct domains all;
	int opt, status;

	while ((opt = cli_option(verb, argc, argv, "s", longs, &status)) > 0)
		brief = true;
	if (!opt)
		return status;
	if (domains_get(&all))
		return EXIT_FAILED;
	if (!brief)
		printf("%-33s %4s %s\n", "Name", "ID", "Uptime");
	status = EXIT_OK;
	if (optind == argc)
		print_host(brief);
	for (size_t i = 0; optind == argc && i < all.n; i++)
		print_guest(&all.list[i], brief);
	for (int i = optind; i < argc; i++) {
		struct domain *dom = domains_find(&all, argv[i]);

		if (dom)
			print_guest(dom, brief);
		else
			status = EXIT_NO_GUEST;
	}
	domains_free(&all);
	return status;
}
