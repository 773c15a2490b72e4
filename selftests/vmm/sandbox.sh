#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# What a vmmd that runs a guest has left of its privileges.
#
# lab: timeout=300

. "$(dirname "$0")/lib.sh"
plan 31

as_user() { setpriv --reuid=12345 --regid=12345 --clear-groups env "$@"; }

# field PID NAME: of every thread, each value once
field() { cat /proc/"$1"/task/*/status | sed -n "s/^$2:[[:space:]]*//p" | sort -u; }

limit() { awk -v what="$2" 'index($0, what) == 1 { print $(NF - 1) }' /proc/"$1"/limits; }

differs() { [ "$(readlink /proc/"$1"/ns/"$2")" != "$(readlink /proc/self/ns/"$2")" ]; }

check "create two guests" hvctl create "$(config one)"
hvctl create "$(config two)"
one=$(pid_of one) two=$(pid_of two)

uid=$(field "$one" Uid | awk '{ print $1 }')
[ "$uid" -ge 1894000000 ] && [ "$uid" -lt 1894032768 ]; result $? "its user id is of the range"
check_text "all four of them" "^($uid[[:space:]]*){4}$" "$(field "$one" Uid)"
check_text "its group ids too" "^($uid[[:space:]]*){4}$" "$(field "$one" Gid)"
check_text "no other groups" "^[[:space:]]*$" "$(field "$one" Groups)"
[ "$uid" != "$(field "$two" Uid | awk '{ print $1 }')" ]; result $? "two guests are two users"
for set in CapInh CapPrm CapEff CapBnd CapAmb; do
	check_text "$set is empty in each thread" "^0+$" "$(field "$one" $set)"
done
check_text "no new privileges" "^1$" "$(field "$one" NoNewPrivs)"
check_text "a filter in each thread" "^2$" "$(field "$one" Seccomp)"
filters=$(sed -n 's/^Seccomp_filters:[[:space:]]*//p' /proc/"$one"/task/*/status | sort -n | tail -n 1)
[ "$filters" -ge 2 ]; result $? "threads have one of their own besides"
for ns in mnt net ipc uts; do
	differs "$one" $ns; result $? "name space $ns"
done
text=$(ls -A "/proc/$one/root/")
[ -z "$text" ]; result $? "its root is empty"
! touch "/proc/$one/root/x" 2>/dev/null; result $? "and read-only"
[ "$(limit "$one" 'Max core file size')" = 0 ]; result $? "no core file"
check_text "nobody but root looks into it" "^root$" "$(stat -c %U "/proc/$one/mem")"
! setpriv --reuid="$uid" --regid="$uid" --clear-groups cat "/proc/$one/maps" >/dev/null 2>&1
result $? "not even its own user"
console_has one 60 "guest: ready"; result $? "the guest runs in it"
hvctl destroy one two

# ---------------------------------------------------------------- by a user

mkdir -p /run/user/12345
chown 12345:12345 /run/user/12345
chmod 700 /run/user/12345
modes=$(stat -c %a $node)
chmod 666 $node
cp "$(config mine)" /run/user/12345/
check "a user's guest" as_user XDG_RUNTIME_DIR=/run/user/12345 hvctl create /run/user/12345/mine.cfg
mine=$(pid_of mine)
check_text "keeps his id" "^(12345[[:space:]]*){4}$" "$(field "$mine" Uid)"
check_text "has no capabilities" "^0+$" "$(field "$mine" CapEff)"
check_text "has a filter" "^2$" "$(field "$mine" Seccomp)"
[ -z "$(ls -A "/proc/$mine/root/")" ]; result $? "and an empty root"
as_user XDG_RUNTIME_DIR=/run/user/12345 hvctl destroy mine
chmod "$modes" $node

# ------------------------------------------------------------------ without

hvctl create --no-sandbox "$(config open)"
check_text "--no-sandbox leaves it out" "^0$" "$(field "$(pid_of open)" Seccomp)"
check_text "and the log says so" "no sandbox" "$(hvctl log open)"

finish
