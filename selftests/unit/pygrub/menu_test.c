// SPDX-License-Identifier: GPL-2.0
/* Menus, without any disk. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "boot/grub_cfg.h"
#include "menu_test.h"

#define MENTRY(title, rest) "menuentry '" title "' { " rest " }\n"

/**
 * struct menu_case - a menu and what is started by it
 * @what: is tested
 * @text: the menu, or its file in samples/ when it ends in .cfg
 * @env: environment block, or NULL
 * @wanted: --entry, or NULL for the default
 * @found: "KERNEL ARGS; INITRD INITRD", "-" for none, or a part of the error
 */
struct menu_case {
	const char *what;
	const char *text;
	const char *env;
	const char *wanted;
	const char *found;
};

#define DEBIAN	   "/boot/vmlinuz-6.1.0-37-amd64 root=UUID=1234 ro quiet; "
#define DEBIAN_RD  "/boot/initrd.img-6.1.0-37-amd64"
#define DEBIAN_OLD "/boot/vmlinuz-6.1.0-35-amd64 root=UUID=1234 ro quiet; "
#define OLD_RD	   "/boot/initrd.img-6.1.0-35-amd64"
#define RECOVERY   "/boot/vmlinuz-6.1.0-37-amd64 root=UUID=1234 ro single; "
#define UBUNTU	   " root=/dev/mapper/ubuntu--vg-lv ro quiet splash; /initrd.img-"
#define NEW_UBUNTU "/vmlinuz-6.8.0-45-generic" UBUNTU "6.8.0-45-generic"
#define OLD_UBUNTU "/vmlinuz-6.8.0-40-generic" UBUNTU "6.8.0-40-generic"

static const char three[] = MENTRY("a", "linux /a") "submenu s {" MENTRY("b", "linux /b")
	MENTRY("c", "linux /c") "}" MENTRY("d", "linux /d");

static const struct menu_case cases[] = {
	{"Debian's default", "debian.cfg", NULL, NULL, DEBIAN DEBIAN_RD},
	{"entries are counted as pygrub does", "debian.cfg", NULL, "3", DEBIAN_OLD OLD_RD},
	{"an entry by its title", "debian.cfg", NULL,
	 "Debian GNU/Linux, with Linux 6.1.0-37-amd64 (recovery mode)", RECOVERY DEBIAN_RD},
	{"an entry by its id", "debian.cfg", NULL, "gnulinux-6.1.0-35-amd64-advanced-1234",
	 DEBIAN_OLD OLD_RD},
	{"an entry by its path", "debian.cfg", NULL, "gnulinux-advanced-1234>1",
	 RECOVERY DEBIAN_RD},
	{"an entry that boots no Linux", "debian.cfg", NULL, "uefi-firmware", "-"},
	{"no such number", "debian.cfg", NULL, "5", "-"},
	{"no such title", "debian.cfg", NULL, "Debian", "-"},
	{"no such path", "debian.cfg", NULL, "1>7", "-"},
	{"what is to be next is for once: not taken", "debian.cfg", "next_entry=1>1\n", NULL,
	 DEBIAN DEBIAN_RD},
	{"Ubuntu's default without environment", "ubuntu.cfg", NULL, NULL, NEW_UBUNTU},
	{"a saved default by ids", "ubuntu.cfg",
	 "# GRUB Environment Block\nsaved_entry=gnulinux-advanced-55>"
	 "gnulinux-6.8.0-40-generic-advanced-55\n####",
	 NULL, OLD_UBUNTU},
	{"a saved default by numbers", "ubuntu.cfg", "saved_entry=1>1", NULL, OLD_UBUNTU},
	{"a saved default that is gone", "ubuntu.cfg", "saved_entry=gone\n", NULL, NEW_UBUNTU},
	{"an environment that is none", "ubuntu.cfg", "\n=\n=x\n9=1\n\xff\n", NULL, NEW_UBUNTU},

	{"the default by number", three, "default=2", NULL, "/d; "},
	{"... of a submenu: its first", three, "default=1", NULL, "/b; "},
	{"... inside of it", three, "default=s>1", NULL, "/c; "},
	{"... with nothing behind >", three, "default=1>", NULL, "/b; "},
	{"... that is no number", three, "default=99999999999999999999999", NULL, "/a; "},
	{"a > in a title", MENTRY("a", "linux /a") MENTRY("b>c", "linux /b"), "default=b>>c", NULL,
	 "/b; "},
	{"set default", "set default=1\n" MENTRY("a", "linux /a") MENTRY("b", "linux /b"), NULL,
	 NULL, "/b; "},
	{"entries without Linux are passed over",
	 MENTRY("a", "chainloader +1") MENTRY("b", "linux") MENTRY("c", "linux /c"), NULL, NULL,
	 "/c; "},

	{"quotes and escapes",
	 "menuentry 'a' { linux '/k'x\\ y \"b c\" 'd'\"e\" \"\\$f\\\"\" ''; }", NULL, NULL,
	 "/kx y \"b c\" de $f\" ; "},
	{"lines go on behind a backslash", "menuentry a {\n linux /k \\\n b \"c\\\nd\"\n}", NULL,
	 NULL, "/k b cd; "},
	{"comments", "# {\nmenuentry a { # }\n linux /k a#b # c\n}", NULL, NULL, "/k a#b; "},
	{"variables",
	 "set x=1; y='2 3'; unset z\nmenuentry a { linux /k$x a=${y}b $z \"$z\" $ $- }", NULL, NULL,
	 "/k1 a=2 3b  $ $-; "},
	{"variables of an entry are its own",
	 "set x=1\n" MENTRY("a", "set x=2; set y=3; linux /a $x $y;")
		 MENTRY("b", "linux /b $x $y;"),
	 NULL, "b", "/b 1; "},
	{"... and hold in it", "set x=1\n" MENTRY("a", "set x=2; set y=3; linux /a $x $y;"), NULL,
	 NULL, "/a 2 3; "},
	{"functions are not run",
	 "function f { set x=1; if true; then menuentry n { linux /n; }; fi; }\n"
	 "menuentry a { linux /a $x; }",
	 NULL, NULL, "/a; "},
	{"all branches count",
	 "if false; then set d=1; else menuentry a { if x; then linux /a; else linux /b; fi; }; fi",
	 NULL, NULL, "/a; "},
	{"linux and initrd under other names",
	 "menuentry a { linuxefi /k x; initrdefi --nounzip /1 /2; initrd /3; }", NULL, NULL,
	 "/k x; /1 /2"},
	{"DOS ends of lines", "menuentry a {\r\n\tlinux /k x\r\n\tinitrd /r\r\n}\r\n", NULL, NULL,
	 "/k x; /r"},
	{"an empty menu", "", NULL, NULL, "-"},

	{"a brace that is not closed", "\nmenuentry a {\n linux /k\n", NULL, NULL,
	 "f:2: no } for this {"},
	{"a brace that is not open", "set x=1\n}\n", NULL, NULL, "f:2: } without {"},
	{"a quote that is not closed", "a\nb 'c\nd\n", NULL, NULL,
	 "f:2: no end of the text after '"},
	{"an entry without a brace", "menuentry a\n", NULL, NULL, "f:1: menuentry without {"},
	{"an entry without a title", "submenu --id x {\n}", NULL, NULL,
	 "f:1: submenu without a title"},
	{"an entry in an entry", "menuentry a {\nmenuentry b {\n}\n}\n", NULL, NULL,
	 "f:2: menuentry inside an entry"},
	{"braces without end", "{ { { { { { { { { { { { { { { { { { { { {", NULL, NULL,
	 "braces nest too deeply"},
	{"too many pieces", "menuentry a { initrd 1 2 3 4 5 6 7 8 9; }", NULL, NULL,
	 "more than 8 files for initrd"},
};

/* What cannot be written down: a text of many equal parts. */
struct bulk_case {
	const char *what;
	const char *part;
	unsigned int times;
	const char *end;
	const char *found;
};

static const struct bulk_case bulk_cases[] = {
	{"too many entries", "menuentry a { linux /k; }\n", 257, "",
	 "f:257: more than 256 entries"},
	{"too many words", "a ", 513, "", "a command of more than 512 words"},
	{"a command that is too long", "aaaaaaaa", 1024, "", "a command of more than 8192 bytes"},
	{"values that grow", "set x=$x$x......\n", 20, "", "x has more than 4096 bytes"},
	{"as many entries as there may be", "menuentry a { linux /k; }\n", 256, "", "/k; "},
};

static unsigned int failed;

static char *file_text(const char *dir, const char *name, size_t *len)
{
	char path[512], *text = calloc(1, 65536);
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "r");
	if (!f)
		abort();
	*len = fread(text, 1, 65535, f);
	fclose(f);
	return text;
}

static void describe(const struct grub_entry *entry, char *out, size_t size)
{
	int n;

	if (!entry) {
		snprintf(out, size, "-");
		return;
	}
	n = snprintf(out, size, "%s%s%s; ", entry->kernel, *entry->args ? " " : "", entry->args);
	for (u32 i = 0; i < entry->n_initrds; i++)
		n += snprintf(out + n, size - (size_t)n, "%s%s", i ? " " : "", entry->initrd[i]);
}

/* Read from memory that has nothing behind it, so that ASan sees each step too far. */
static char *exact(const char *text, size_t len)
{
	char *copy = malloc(len ? len : 1);

	return memcpy(copy, text, len);
}

static void check(const char *what, const char *text, size_t len, const char *env,
		  const char *wanted, const char *expected)
{
	struct grub_cfg *cfg = grub_cfg_create();
	char got[GRUB_COMMAND_MAX * 2], *copy = exact(text, len), *env_copy;
	int ret = 0;
	bool ok;

	if (env) {
		env_copy = exact(env, strlen(env));
		ret = grub_cfg_read_env(cfg, env_copy, strlen(env));
		free(env_copy);
	}
	if (!ret)
		ret = grub_cfg_read(cfg, "f", copy, len);
	if (ret)
		snprintf(got, sizeof(got), "%s", cfg->error);
	else
		describe(wanted ? grub_cfg_find(cfg, wanted) : grub_cfg_default(cfg), got,
			 sizeof(got));
	ok = ret ? strstr(got, expected) != NULL : !strcmp(got, expected);
	grub_cfg_destroy(cfg);
	free(copy);
	report(ok, "menu", what);
	if (!ok)
		printf("# expected: %s\n# got: %s\n", expected, got);
	failed += !ok;
}

unsigned int menu_tests_number(void)
{
	return ARRAY_SIZE(cases) + ARRAY_SIZE(bulk_cases) + 2;
}

unsigned int menu_tests(const char *samples)
{
	static const char zero[] = "menuentry a {\n linux /k\0x\n}";

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct menu_case *c = &cases[i];
		size_t n = strlen(c->text);
		bool file = n > 4 && !strcmp(c->text + n - 4, ".cfg");
		char *text = file ? file_text(samples, c->text, &n) : strdup(c->text);

		check(c->what, text, n, c->env, c->wanted, c->found);
		free(text);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bulk_cases); i++) {
		const struct bulk_case *c = &bulk_cases[i];
		size_t len = strlen(c->part) * c->times;
		char *text = calloc(1, len + strlen(c->end) + 1);

		for (unsigned int j = 0; j < c->times; j++)
			memcpy(text + j * strlen(c->part), c->part, strlen(c->part));
		strcat(text, c->end);
		check(c->what, text, len + strlen(c->end), NULL, NULL, c->found);
		free(text);
	}
	check("a byte 0", zero, sizeof(zero) - 1, NULL, NULL, "f:2: a byte 0: this is no text");
	check("a byte 0 behind a backslash", "\"\\\0\"", 4, NULL, NULL, "a byte 0");
	return failed;
}
