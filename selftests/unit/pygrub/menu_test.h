/* SPDX-License-Identifier: GPL-2.0 */
/* The two halves of pygrub_test. */
#ifndef UNIT_PYGRUB_MENU_TEST_H
#define UNIT_PYGRUB_MENU_TEST_H

#include <stdbool.h>

/** menu_tests() - run the tests of menus; returns how many failed */
unsigned int menu_tests(const char *samples);

/** menu_tests_number() - how many there are */
unsigned int menu_tests_number(void);

/** report() - one line of TAP */
void report(bool ok, const char *part, const char *what);

#endif /* UNIT_PYGRUB_MENU_TEST_H */
