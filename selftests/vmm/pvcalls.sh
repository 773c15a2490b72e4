#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# lab: full vmx
#
# Hypercalls that no Linux guest makes: a small PV kernel of our own makes them
# (selftests/guest/pvcalls.c) and says what came of each, a line of the log.

. ./guest.sh
plan 125

run 'type="pv"' "kernel=\"$PWD/../guest/pvcalls\"" 'ramdisk=""'
while read -r good what; do
	ok "$what" [ "$good" = ok ]
done < <(sed -nE 's/^vmmd.* guest: ((not )?ok .*)$/\1/p' "$tmp/log" | sed 's/^not ok/not_ok/')
ok "it came to its end" eval 'logged "guest: done" && [ "$status" = 0 ]'

finish
