// SPDX-License-Identifier: GPL-2.0
/* Messages: one line, one write(2). See log.h. */
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "log.h"

static char log_prefix[80] = "vmmd";
static bool log_timestamps;
static char first_error[LOG_LINE_MAX];

void log_init(const char *prefix, bool timestamps)
{
	snprintf(log_prefix, sizeof(log_prefix), "%s", prefix);
	log_timestamps = timestamps;
}

const char *log_first_error(void)
{
	return first_error;
}

static void log_line(const char *level, const char *text)
{
	char line[LOG_LINE_MAX + sizeof(log_prefix) + 48];
	struct timespec now;
	int len;

	if (log_timestamps) {
		clock_gettime(CLOCK_BOOTTIME, &now);
		len = snprintf(line, sizeof(line), "[%5lld.%06ld] %s: %s%s\n",
			       (long long)now.tv_sec, now.tv_nsec / 1000, log_prefix, level, text);
	} else {
		len = snprintf(line, sizeof(line), "%s: %s%s\n", log_prefix, level, text);
	}

	/* A log that cannot be written has nowhere to complain. */
	if (write(STDERR_FILENO, line, (size_t)len) < 0)
		return;
}

static void log_format(const char *level, const char *fmt, va_list ap)
{
	char text[LOG_LINE_MAX];

	vsnprintf(text, sizeof(text), fmt, ap);
	log_line(level, text);
}

void log_err(const char *fmt, ...)
{
	char text[LOG_LINE_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);

	if (!first_error[0])
		memcpy(first_error, text, sizeof(text));
	log_line("error: ", text);
}

void log_warn(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	log_format("warning: ", fmt, ap);
	va_end(ap);
}

void log_info(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	log_format("", fmt, ap);
	va_end(ap);
}
