// SPDX-License-Identifier: GPL-2.0
/*
 * The Xen console as guests and users see it. On the workstation, under
 * sanitizers; prints TAP.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "board.h"
#include "xen/backends.h"

static int tests, failures;
static u8 text[8192], got[8192];

void run_test(const char *name, bool (*fn)(void))
{
	bool ok = fn();

	printf("%sok %d pvconsole: %s\n", ok ? "" : "not ", ++tests, name);
	failures += !ok;
	board_restart();
}

static bool is(const char *value, const char *expected)
{
	if (value && !strcmp(value, expected))
		return true;
	printf("# '%s' instead of '%s'\n", value ? value : "(none)", expected);
	return false;
}

static bool nodes(void)
{
	const char *pty = console_pty(vm.console[CONSOLE_PV]);

	CHECK(is(store_get("ring-ref"), "5") && is(store_get("port"), "2"));
	CHECK(is(store_get("limit"), "1048576") && is(store_get("type"), "xenconsoled"));
	CHECK(is(store_get("output"), "pty") && is(store_get("tty"), pty ? pty : ""));
	CHECK(is(perms, "/local/domain/1/console 0 r"));
	return true;
}

static bool output(void)
{
	CHECK(guest_write("Xen says hello\r\n", 16) == 16);
	CHECK(ring()->out_cons == 16 && notified == 1);
	CHECK(user_reads("Xen says hello\r\n", 16));
	/* An event without cause. */
	board_event();
	CHECK(notified == 1 && user_reads("", 0));
	return true;
}

/* Each length at each place, the full ring among them. */
static bool output_wraps(void)
{
	for (u32 len = 1; len <= sizeof(ring()->out); len += 89) {
		memset(text, 'a' + len % 26, len);
		CHECK(guest_write(text, len) == len && user_reads(text, len));
	}
	for (u32 i = 0; i < 2; i++) {
		CHECK(guest_write(text, sizeof(text)) == sizeof(ring()->out));
		CHECK(user_reads(text, sizeof(ring()->out)));
	}
	return true;
}

static bool input(void)
{
	CHECK(user_types("ls\n", 3));
	CHECK(notified == 1 && guest_read(got, 100) == 3 && !memcmp(got, "ls\n", 3));
	/* Each length at each place. */
	for (u32 len = 1; len <= 256; len += 7) {
		memset(text, 'a' + len % 26, len);
		CHECK(user_types(text, len));
		CHECK(guest_read(got, sizeof(got)) == len && !memcmp(got, text, len));
	}
	return true;
}

/* More than the ring holds: the rest waits, and nothing is lost. */
static bool input_waits(void)
{
	size_t done = 0;

	for (u32 i = 0; i < 3000; i++)
		text[i] = i * 7 + i / 256;
	CHECK(user_types(text, 3000));
	CHECK(ring()->in_prod - ring()->in_cons == sizeof(ring()->in));
	while (done < 3000) {
		size_t n = guest_read(got + done, 100);

		CHECK(n);
		done += n;
	}
	CHECK(!memcmp(got, text, 3000) && guest_read(got, 100) == 0);
	return true;
}

/* Wild indices: not served any more, not even when they are right again. */
static bool hostile_output(void)
{
	static const u32 wild[] = {2049, 4096, 0x80000000, 0xffffffff};

	for (size_t i = 0; i < ARRAY_SIZE(wild); i++) {
		ring()->out_prod = wild[i];
		board_event();
		CHECK(!notified && ring()->out_cons == 0 && user_reads("", 0));
		ring()->out_prod = 0;
		guest_write("hello", 5);
		CHECK(!notified && user_reads("", 0));
		CHECK(user_types("x", 1) && ring()->in_prod == 0);
		/* The next guest is served, and gets what was typed meanwhile. */
		board_restart();
		CHECK(guest_write("hello", 5) == 5 && user_reads("hello", 5));
		CHECK(guest_read(got, 100) == 1 && got[0] == 'x');
		board_restart();
	}
	return true;
}

static bool hostile_input(void)
{
	static const u32 wild[] = {1, 0xfffffbff, 0x80000000};

	for (size_t i = 0; i < ARRAY_SIZE(wild); i++) {
		ring()->in_cons = wild[i];
		CHECK(user_types("x", 1));
		CHECK(!notified && ring()->in_prod == 0 && ring()->in[0] == 0);
		CHECK(guest_write("hello", 5) == 5 && user_reads("", 0));
		board_restart();
		CHECK(guest_read(got, 100) == 1);
		board_restart();
	}
	return true;
}

/* Our indices are ours: the guest may write to them, and nothing comes of it. */
static bool our_indices(void)
{
	CHECK(guest_write("one", 3) == 3 && user_reads("one", 3));
	ring()->out_cons = 77777;
	memcpy(ring()->out + 3, "two", 3);
	ring()->out_prod += 3;
	board_event();
	CHECK(user_reads("two", 3) && ring()->out_cons == 6);
	ring()->in_prod = 12345;
	CHECK(user_types("abc", 3) && ring()->in_prod == 3 && !memcmp(ring()->in, "abc", 3));
	return true;
}

static bool pauses(void)
{
	device->stop(device);
	CHECK(guest_write("said late", 9) == 9 && user_types("typed late", 10));
	CHECK(!notified && !ring()->out_cons && !ring()->in_prod && user_reads("", 0));
	CHECK(!device->start(device));
	board_turn();
	CHECK(user_reads("said late", 9));
	CHECK(guest_read(got, 100) == 10 && !memcmp(got, "typed late", 10));
	return true;
}

static bool start_errors(void)
{
	device->stop(device);
	device->reset(device);
	pvconsole_set_ring(&vm, BOARD_RAM, RING_PORT);
	CHECK(device->start(device) == -EFAULT && !bound_port);
	pvconsole_set_ring(&vm, ~0ULL, RING_PORT);
	CHECK(device->start(device) == -EFAULT && !bound_port);
	pvconsole_set_ring(&vm, RING_GPA, PORT_TAKEN);
	CHECK(device->start(device) == -EBUSY && !bound_port);
	/* Nobody's rings are nobody's input. */
	CHECK(user_types("early", 5));
	pvconsole_set_ring(&vm, RING_GPA, RING_PORT + 1);
	CHECK(!device->start(device) && bound_port == RING_PORT + 1);
	board_turn();
	CHECK(is(store_get("port"), "3"));
	CHECK(guest_read(got, 100) == 5);
	return true;
}

int main(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	printf("TAP version 13\n");
	board_create();
	TEST(nodes);
	TEST(output);
	TEST(output_wraps);
	TEST(input);
	TEST(input_waits);
	TEST(hostile_output);
	TEST(hostile_input);
	TEST(our_indices);
	TEST(pauses);
	TEST(start_errors);
	run_control_tests();
	board_destroy();
	printf("1..%d\n", tests);
	return failures != 0;
}
