/* SPDX-License-Identifier: GPL-2.0 */
/*
 * hvctl, the command: verbs, their tables and what they share.
 */
#ifndef HVCTL_CLI_H
#define HVCTL_CLI_H

#include <getopt.h>
#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HVCTL_VERSION "0.1"

/* Exit statuses; hvctl(8) lists them. */
enum exit_status {
	EXIT_OK = 0,
	EXIT_FAILED = 1,   /* it was tried and did not work */
	EXIT_USAGE = 2,	   /* it was not understood */
	EXIT_NO_GUEST = 3, /* there is no such guest */
	EXIT_TIMEOUT = 4,  /* waited as long as asked for */
};

/**
 * struct verb - one thing hvctl does
 * @name: the word
 * @args: what follows it, for the help text
 * @summary: one line
 * @help: its options, a line each, or ""
 * @run: does it; argv[0] is the word; returns an exit status
 */
struct verb {
	const char *name;
	const char *args;
	const char *summary;
	const char *help;
	int (*run)(const struct verb *verb, int argc, char **argv);
};

/** cli_error - say what went wrong, one line on standard error */
void cli_error(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/**
 * cli_clean - make text of a guest's side fit to print
 * @text: @len bytes; control characters but tab and newline become '?'
 * @len: in bytes
 *
 * A vmmd that its guest has taken over must not drive the administrator's
 * terminal. Returns @text.
 */
char *cli_clean(char *text, size_t len);

/**
 * cli_option - next option of a verb, as getopt_long() returns it
 * @verb: the verb, for --help and messages
 * @argc: as given to the verb
 * @argv: as given to the verb
 * @shorts: as for getopt_long(), without h
 * @longs: as for getopt_long(), or NULL
 * @status: set when the verb is to return at once
 *
 * Return: an option; -1 at their end; 0 when the verb returns @status (--help
 * was served, or the option is unknown).
 */
int cli_option(const struct verb *verb, int argc, char **argv, const char *shorts,
	       const struct option *longs, int *status);

/** cli_usage - tell how @verb is used; always EXIT_USAGE */
int cli_usage(const struct verb *verb, const char *wrong);

/** cli_number - a decimal number from 0 to @max; false with a message otherwise */
bool cli_number(const char *text, uint64_t max, uint64_t *out);

/** cli_seconds - seconds with a fraction as nanoseconds; false with a message */
bool cli_seconds(const char *text, uint64_t *ns);

/** cli_now_ns - CLOCK_MONOTONIC */
uint64_t cli_now_ns(void);

/** cli_ms_until - milliseconds from now to @end_ns for poll(), -1 when @end_ns is 0 */
int cli_ms_until(uint64_t end_ns);

/** cli_print_json - print @json, indented, and free it */
void cli_print_json(struct json_object *json);

/** cli_text, cli_u64 - a member of an object; "" and 0 when it is not there */
const char *cli_text(struct json_object *json, const char *key);
uint64_t cli_u64(struct json_object *json, const char *key);

/* The verbs, by file. */
int verb_create(const struct verb *verb, int argc, char **argv);
int verb_list(const struct verb *verb, int argc, char **argv);
int verb_domid(const struct verb *verb, int argc, char **argv);
int verb_domname(const struct verb *verb, int argc, char **argv);
int verb_vcpu_list(const struct verb *verb, int argc, char **argv);
int verb_pause(const struct verb *verb, int argc, char **argv);
int verb_unpause(const struct verb *verb, int argc, char **argv);
int verb_shutdown(const struct verb *verb, int argc, char **argv);
int verb_reboot(const struct verb *verb, int argc, char **argv);
int verb_destroy(const struct verb *verb, int argc, char **argv);
int verb_rename(const struct verb *verb, int argc, char **argv);
int verb_mem_set(const struct verb *verb, int argc, char **argv);
int verb_mem_max(const struct verb *verb, int argc, char **argv);
int verb_vcpu_set(const struct verb *verb, int argc, char **argv);
int verb_sysrq(const struct verb *verb, int argc, char **argv);
int verb_trigger(const struct verb *verb, int argc, char **argv);
int verb_uptime(const struct verb *verb, int argc, char **argv);
int verb_block_attach(const struct verb *verb, int argc, char **argv);
int verb_block_detach(const struct verb *verb, int argc, char **argv);
int verb_block_list(const struct verb *verb, int argc, char **argv);
int verb_network_attach(const struct verb *verb, int argc, char **argv);
int verb_network_detach(const struct verb *verb, int argc, char **argv);
int verb_network_list(const struct verb *verb, int argc, char **argv);
int verb_save(const struct verb *verb, int argc, char **argv);
int verb_restore(const struct verb *verb, int argc, char **argv);
int verb_dump_core(const struct verb *verb, int argc, char **argv);
int verb_console(const struct verb *verb, int argc, char **argv);
int verb_info(const struct verb *verb, int argc, char **argv);
int verb_top(const struct verb *verb, int argc, char **argv);
int verb_events(const struct verb *verb, int argc, char **argv);
int verb_net(const struct verb *verb, int argc, char **argv);
int verb_log(const struct verb *verb, int argc, char **argv);

#endif /* HVCTL_CLI_H */
