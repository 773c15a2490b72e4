#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# lab: timeout=500
#
# How a guest's life ends, and what on_poweroff=, on_reboot= and on_crash=
# make of it.

. ./guest.sh
plan 16

run "$(does true)"
ok "power-off ends the guest" logged 'shutdown: the guest powered off \(destroy\)'

start "$(does reboot -f)" 'on_reboot="restart"'
ok "a reset restarts the guest" until_seen log 'reboot: the guest reset itself \(restart\)' 2
kill -TERM $vmmd
ended
ok "SIGTERM destroys it, in order" eval '[ $status = 0 ] && logged "destroyed: "'

run "$(KARGS=reboot=k does reboot -f)" 'on_reboot="destroy"'
ok "a reset by the keyboard controller" logged 'reboot: .*\(destroy\)'
run "$(KARGS=reboot=p does reboot -f)" 'on_reboot="destroy"'
ok "a reset by port 0xcf9" logged 'reboot: .*\(destroy\)'
run "$(KARGS=reboot=t does reboot -f)"
ok "a triple fault is a crash" logged 'crashed: triple fault on vCPU 0 \(destroy\)'

run "$(does 'echo c >/proc/sysrq-trigger')"
ok "a panic is a crash" logged "crashed: the guest's kernel panicked \(destroy\)"
ok "its last words were heard" said 'sysrq triggered crash'

start "$(does 'echo c >/proc/sysrq-trigger')" 'on_crash="preserve"'
ok "on_crash=preserve keeps the guest" until_seen log 'kept for inspection'
sleep 1
ok "... alive" kill -0 $vmmd
kill -TERM $vmmd
ok "... until it is destroyed" ended

start "$(does 'echo c >/proc/sysrq-trigger')" 'on_crash="restart"'
ok "on_crash=restart" until_seen log 'crashed: .*\(restart\)' 2
kill -TERM $vmmd
ended

start "$(does true)" 'on_poweroff="restart"'
ok "on_poweroff=restart" until_seen log 'shutdown: .*\(restart\)' 2
kill -9 $vmmd
ended
start "$(does true)" 'on_reboot="destroy"'
ok "a name is free again after kill -9" until_seen out 'init reached'
ended

start "$(does 'sleep 1000')"
until_seen out 'init reached'
kill -STOP $vmmd
kill -CONT $vmmd
kill -INT $vmmd
ok "SIGINT destroys the guest" ended
ok "nothing is left in the run-time directory" eval '! ls /run/hvctl/boot-test/control 2>/dev/null'

finish
