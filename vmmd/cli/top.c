// SPDX-License-Identifier: GPL-2.0
/*
 * hvctl top: what guests do with the machine, by differences of counters.
 */
#include <curses.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/domain.h"
#include "cli/host.h"

#define DELAY_NS 3000000000ull
/* Long enough for rates, too short to wonder at an empty screen. */
#define FIRST_NS 500000000ull

static const struct option longs[] = {
	{"batch", no_argument, NULL, 'b'},
	{"iterations", required_argument, NULL, 'n'},
	{"delay", required_argument, NULL, 'd'},
	{"json", no_argument, NULL, 'j'},
	{NULL, 0, NULL, 0},
};

/**
 * struct sample - counters of one guest at one time
 * @name: which guest
 * @id: and its number, for names can be used again
 * @cpu_ns: CPU time
 * @exits: exits; @have_exits tells whether they are known
 * @net_in: bytes the guest received
 * @net_out: bytes it sent
 * @disk_read: bytes it read
 * @disk_written: bytes it wrote
 */
struct sample {
	char name[CONFIG_NAME_MAX + 1];
	unsigned int id;
	uint64_t cpu_ns;
	uint64_t exits;
	bool have_exits;
	uint64_t net_in;
	uint64_t net_out;
	uint64_t disk_read;
	uint64_t disk_written;
};

/**
 * struct samples - counters of all guests at one time
 * @ns: the time
 * @host_ns: CPU time of the host
 * @list: the guests
 * @n: number
 */
struct samples {
	uint64_t ns;
	uint64_t host_ns;
	struct sample *list;
	size_t n;
};

/**
 * struct rates - what a guest did between two samples, each second
 * @cpu: percent of one CPU
 * @exits: exits; negative when not known
 * @net_in: bytes
 * @net_out: bytes
 * @disk_read: bytes
 * @disk_written: bytes
 */
struct rates {
	double cpu;
	double exits;
	double net_in;
	double net_out;
	double disk_read;
	double disk_written;
};

static void sum_devices(const struct domain *dom, struct sample *sample)
{
	struct json_object *list;

	if (!dom->status || !json_object_object_get_ex(dom->status, "devices", &list) ||
	    !json_object_is_type(list, json_type_array))
		return;
	for (size_t i = 0; i < json_object_array_length(list); i++) {
		struct json_object *dev = json_object_array_get_idx(list, i);
		bool net = !strcmp(cli_text(dev, "kind"), "net");

		*(net ? &sample->net_in : &sample->disk_read) += cli_u64(dev, "read_bytes");
		*(net ? &sample->net_out : &sample->disk_written) += cli_u64(dev, "write_bytes");
	}
}

static int take_samples(const struct domains *all, struct samples *out)
{
	struct host host;

	host_get(&host);
	out->ns = cli_now_ns();
	out->host_ns = host.busy_ns;
	out->list = calloc(all->n + 1, sizeof(*out->list));
	out->n = out->list ? all->n : 0;
	for (size_t i = 0; i < out->n; i++) {
		const struct domain *dom = &all->list[i];
		struct sample *sample = &out->list[i];

		snprintf(sample->name, sizeof(sample->name), "%s", dom->name);
		sample->id = dom->id;
		sample->cpu_ns = dom->cpu_ns;
		sample->exits = dom->exits;
		sample->have_exits = dom->have_exits;
		sum_devices(dom, sample);
	}
	return out->list ? 0 : -ENOMEM;
}

/* A counter that went back belongs to a guest that was started anew. */
static double rate(uint64_t now, uint64_t before, double seconds)
{
	return now > before && seconds > 0 ? (double)(now - before) / seconds : 0;
}

static struct rates rates_of(const struct samples *now, size_t i, const struct samples *before)
{
	static const struct sample none;
	const struct sample *cur = &now->list[i], *old = NULL;
	double seconds = (double)(now->ns - before->ns) / 1e9;

	for (size_t j = 0; j < before->n && !old; j++)
		if (before->list[j].id == cur->id && !strcmp(before->list[j].name, cur->name))
			old = &before->list[j];
	/* A guest first seen in this round has no rates yet. */
	if (!old)
		return (struct rates){.exits = cur->have_exits ? 0 : -1};
	if (old->cpu_ns > cur->cpu_ns)
		old = &none;
	return (struct rates){
		.cpu = rate(cur->cpu_ns, old->cpu_ns, seconds) / 1e7,
		.exits = cur->have_exits ? rate(cur->exits, old->exits, seconds) : -1,
		.net_in = rate(cur->net_in, old->net_in, seconds),
		.net_out = rate(cur->net_out, old->net_out, seconds),
		.disk_read = rate(cur->disk_read, old->disk_read, seconds),
		.disk_written = rate(cur->disk_written, old->disk_written, seconds),
	};
}

/* Five columns for any number: "999", "12.3k", "4.5M". */
static const char *human(double value, char out[8])
{
	static const char units[] = " kMGTPE";
	size_t unit = 0;

	if (value < 0)
		return "-";
	while (value >= 999.5 && unit < sizeof(units) - 2) {
		value /= 1000;
		unit++;
	}
	if (!unit)
		snprintf(out, 8, "%.0f", value);
	else
		snprintf(out, 8, value < 99.95 ? "%.1f%c" : "%.0f%c", value, units[unit]);
	return out;
}

static void format_header(char *out, size_t size)
{
	snprintf(out, size, "%-20s %-8s %5s %6s %3s %6s %5s %5s %5s %5s", "NAME", "STATE", "CPU%",
		 "MEM", "VCP", "EXIT/s", "NETRX", "NETTX", "DSKRD", "DSKWR");
}

static void format_row(const struct domain *dom, const struct rates *rates, char *out, size_t size)
{
	char exits[8], rx[8], tx[8], rd[8], wr[8];

	snprintf(out, size, "%-20.20s %-8s %5.1f %6llu %3zu %6s %5s %5s %5s %5s", dom->name,
		 domain_state_name(dom->state), rates->cpu, (unsigned long long)(dom->mem >> 20),
		 dom->n_online, human(rates->exits, exits), human(rates->net_in, rx),
		 human(rates->net_out, tx), human(rates->disk_read, rd),
		 human(rates->disk_written, wr));
}

static void format_summary(const struct domains *all, const struct samples *now,
			   const struct samples *before, char *out, size_t size)
{
	double seconds = (double)(now->ns - before->ns) / 1e9;
	struct host host;
	char clock[16];
	time_t t = time(NULL);

	host_get(&host);
	strftime(clock, sizeof(clock), "%H:%M:%S", localtime(&t));
	snprintf(out, size,
		 "hvctl top - %s, %zu guests, %zu CPUs %.1f%% busy, %llu of %llu MiB free", clock,
		 all->n, host.cpus, rate(now->host_ns, before->host_ns, seconds) / 1e7,
		 (unsigned long long)(host.free_bytes >> 20),
		 (unsigned long long)(host.total_bytes >> 20));
}

static void print_json(const struct domains *all, const struct samples *now,
		       const struct samples *before)
{
	struct json_object *json = json_object_new_object(), *list = json_object_new_array();

	json_object_object_add(json, "seconds",
			       json_object_new_double((double)(now->ns - before->ns) / 1e9));
	for (size_t i = 0; i < all->n; i++) {
		struct json_object *entry = json_object_new_object();
		struct rates rates = rates_of(now, i, before);
		const struct {
			const char *key;
			double value;
		} fields[] = {
			{"cpu_percent", rates.cpu},	    {"net_rx", rates.net_in},
			{"net_tx", rates.net_out},	    {"disk_read", rates.disk_read},
			{"disk_write", rates.disk_written},
		};

		json_object_object_add(entry, "name", json_object_new_string(all->list[i].name));
		json_object_object_add(entry, "id", json_object_new_uint64(all->list[i].id));
		json_object_object_add(
			entry, "state",
			json_object_new_string(domain_state_name(all->list[i].state)));
		json_object_object_add(entry, "memory",
				       json_object_new_uint64(all->list[i].mem >> 20));
		json_object_object_add(entry, "vcpus",
				       json_object_new_uint64(all->list[i].n_online));
		for (size_t j = 0; j < sizeof(fields) / sizeof(*fields); j++)
			json_object_object_add(entry, fields[j].key,
					       json_object_new_double(fields[j].value));
		if (rates.exits >= 0)
			json_object_object_add(entry, "exits", json_object_new_double(rates.exits));
		json_object_array_add(list, entry);
	}
	json_object_object_add(json, "guests", list);
	puts(json_object_to_json_string_ext(json, JSON_C_TO_STRING_PLAIN));
	json_object_put(json);
}

static void print_round(const struct domains *all, const struct samples *now,
			const struct samples *before)
{
	char line[160];

	format_summary(all, now, before, line, sizeof(line));
	puts(line);
	format_header(line, sizeof(line));
	puts(line);
	for (size_t i = 0; i < all->n; i++) {
		struct rates rates = rates_of(now, i, before);

		format_row(&all->list[i], &rates, line, sizeof(line));
		puts(line);
	}
}

static void draw_round(const struct domains *all, const struct samples *now,
		       const struct samples *before)
{
	char line[160];

	erase();
	format_summary(all, now, before, line, sizeof(line));
	mvaddnstr(0, 0, line, COLS);
	format_header(line, sizeof(line));
	attron(A_REVERSE);
	mvprintw(2, 0, "%-*.*s", COLS, COLS, line);
	attroff(A_REVERSE);
	for (size_t i = 0; i < all->n && (int)i + 3 < LINES - 1; i++) {
		struct rates rates = rates_of(now, i, before);

		format_row(&all->list[i], &rates, line, sizeof(line));
		mvaddnstr((int)i + 3, 0, line, COLS);
	}
	mvaddnstr(LINES - 1, 0, "q quits, space refreshes", COLS);
	refresh();
}

/**
 * struct display - how top shows itself
 * @batch: printed, not drawn
 * @json: printed as JSON
 * @rounds: rounds left, 0 for no end
 * @delay_ns: time between rounds
 */
struct display {
	bool batch;
	bool json;
	uint64_t rounds;
	uint64_t delay_ns;
};

/* Return: false when the user wants to leave. */
static bool rest(const struct display *display, uint64_t delay_ns)
{
	struct timespec delay = {
		.tv_sec = (time_t)(delay_ns / 1000000000),
		.tv_nsec = (long)(delay_ns % 1000000000),
	};
	uint64_t end = cli_now_ns() + delay_ns;

	if (display->batch) {
		fflush(stdout);
		nanosleep(&delay, NULL);
		return true;
	}
	for (;;) {
		int ms = cli_ms_until(end);

		if (!ms)
			return true;
		timeout(ms);
		switch (getch()) {
		case 'q':
		case 'Q':
		case 3: /* Ctrl-C, which raw() hands over as a key */
			return false;
		case ' ':
		case KEY_RESIZE:
			return true;
		}
	}
}

static int run(struct display *display)
{
	uint64_t delay_ns = display->delay_ns;
	struct samples before, now;
	struct domains all;

	if (!display->batch && delay_ns > FIRST_NS)
		delay_ns = FIRST_NS;
	/* The first round has nothing to compare with: look once before it. */
	if (domains_get(&all))
		return EXIT_FAILED;
	take_samples(&all, &before);
	domains_free(&all);
	for (;;) {
		bool go_on = rest(display, delay_ns);

		delay_ns = display->delay_ns;
		if (!go_on || domains_get(&all))
			break;
		take_samples(&all, &now);
		if (display->json)
			print_json(&all, &now, &before);
		else if (display->batch)
			print_round(&all, &now, &before);
		else
			draw_round(&all, &now, &before);
		domains_free(&all);
		free(before.list);
		before = now;
		if (display->rounds && !--display->rounds)
			break;
	}
	free(before.list);
	return EXIT_OK;
}

int verb_top(const struct verb *verb, int argc, char **argv)
{
	struct display display = {.delay_ns = DELAY_NS};
	int opt, status;

	while ((opt = cli_option(verb, argc, argv, "bn:d:j", longs, &status)) > 0) {
		display.batch |= opt == 'b';
		display.json |= opt == 'j';
		if (opt == 'n' && !cli_number(optarg, UINT32_MAX, &display.rounds))
			return EXIT_USAGE;
		if (opt == 'd' && !cli_seconds(optarg, &display.delay_ns))
			return EXIT_USAGE;
	}
	if (!opt)
		return status;
	if (optind != argc)
		return cli_usage(verb, "too many words");
	display.batch |= display.json;
	if (!display.batch && (!isatty(STDOUT_FILENO) || !isatty(STDIN_FILENO)))
		return cli_usage(verb, "no terminal to draw on, try -b");
	if (!display.batch) {
		if (!newterm(NULL, stdout, stdin)) {
			cli_error("cannot draw on this terminal: try -b");
			return EXIT_FAILED;
		}
		raw();
		noecho();
		keypad(stdscr, TRUE);
		curs_set(0);
	}
	status = run(&display);
	if (!display.batch)
		endwin();
	return status;
}
