#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# lab: full vmx
#
# Hypercalls that no Linux guest makes: a small PV kernel of our own makes them
# (selftests/guest/pvcalls.c) and says what came of each, a line of the log.

. ./guest.sh
plan 187

run 'type="pv"' 'uuid="00112233-4455-6677-8899-aabbccddeeff"' "kernel=\"$PWD/../guest/pvcalls\"" 'ramdisk=""'
while read -r good what; do
	ok "$what" [ "$good" = ok ]
done < <(sed -nE 's/^vmmd.* guest: ((not )?ok .*)$/\1/p' "$tmp/log" | sed 's/^not ok/not_ok/')
ok "it came to its end" eval 'logged "guest: done" && [ "$status" = 0 ]'

run 'type="pv"' "kernel=\"$PWD/../guest/pvcalls\"" 'ramdisk=""' 'extra="watchdog"' \
	'on_watchdog="destroy"' 'on_crash="preserve"'
ok "a watchdog that is not fed: on_watchdog" logged \
	'crashed: shutdown: the watchdog has expired \(destroy\)'
run 'type="pv"' "kernel=\"$PWD/../guest/pvcalls\"" 'ramdisk=""' 'extra="code"' \
	'on_reboot="destroy"' 'on_crash="preserve"'
ok "a crash behind shutdown_code is what that said" logged 'reboot: shutdown: reboot \(destroy\)'

finish
