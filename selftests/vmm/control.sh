#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The control socket and the run-time directory: who may speak, what hostile
# clients achieve, and what is left of guests that were killed.
#
# lab: timeout=300

. "$(dirname "$0")/lib.sh"
plan 34

socket=/run/hvctl/one/control

# raw SECONDS: send standard input as one packet, print the answer
raw() { socat -b 65536 -t "$1" - "UNIX-CONNECT:$socket,type=5" 2>/dev/null; }

as_user() { setpriv --reuid=12345 --regid=12345 --clear-groups env "$@"; }

# What the udev rule says, as installed.
[ $node != /dev/hvctl ] || wait_for 10 sh -c "stat -c '%G %a' $node | grep -qx 'hvctl 660'"
result $? "the group hvctl may use the node, others may not"
check "create a guest" hvctl create -p "$(config one)"
check_text "status" '"ok":true' "$(printf '{"cmd":"status"}' | raw 5)"
check_text "not JSON" '"error":"not a JSON object"' "$(printf 'hello' | raw 5)"
check_text "two objects" '"error":"not a JSON object"' "$(printf '{}{}' | raw 5)"
check_text "an array" '"error":"not a JSON object"' "$(printf '[1]' | raw 5)"
check_text "no command" '"error":"no request' "$(printf '{}' | raw 5)"
check_text "a command that is no text" '"error":"no request' "$(printf '{"cmd":[]}' | raw 5)"
check_text "unknown command" '"error":"unknown request"' "$(printf '{"cmd":"x"}' | raw 5)"
deep=$(printf '%.0s{"a":' {1..200})
check_text "nested too deep" '"error":"not a JSON object"' "$(printf '%s' "$deep" | raw 5)"
check_text "an amount that is no number" '"error":"no amount' \
	"$(printf '{"cmd":"mem-set","mib":"x"}' | raw 5)"
check_text "a console that is none" '"error":"unknown console' \
	"$(printf '{"cmd":"console","type":"x"}' | raw 5)"
text=$(head -c 40000 /dev/zero | tr '\0' ' ' | raw 5)
[ -z "$text" ]; result $? "a packet too long is not answered"
check_text "and the guest is unharmed" '"ok":true' "$(printf '{"cmd":"status"}' | raw 5)"

# A client that asks and asks and never reads: -u is one way only.
yes '{"cmd":"status"}' | head -n 3000 |
	timeout 10 socat -u -b 17 - "UNIX-CONNECT:$socket,type=5" 2>/dev/null &
greedy=$!
sleep 1
began=$SECONDS
check_text "a client that does not read blocks nobody" '"ok":true' \
	"$(printf '{"cmd":"status"}' | raw 5)"
[ $((SECONDS - began)) -le 5 ]; result $? "nor makes others wait"
wait $greedy

# More connections than there are places, all silent.
idle=()
for _ in $(seq 20); do
	sleep 15 | socat - "UNIX-CONNECT:$socket,type=5" >/dev/null 2>&1 &
	idle+=($!)
done
sleep 2
text=$(printf '{"cmd":"status"}' | raw 2)
[ -z "$text" ]; result $? "too many connections are refused"
kill "${idle[@]}" 2>/dev/null
pkill -P $$ sleep
wait "${idle[@]}" 2>/dev/null
check "and served again when they are gone" \
	wait_for 20 sh -c "printf '{\"cmd\":\"status\"}' | socat -t 2 - UNIX-CONNECT:$socket,type=5 | grep -q ok.:true"

# ------------------------------------------------------------------ other users

! as_user socat -u - "UNIX-CONNECT:$socket,type=5" </dev/null 2>/dev/null
result $? "another user does not reach the socket"
chmod 755 /run/hvctl /run/hvctl/one
chmod 666 $socket
text=$(printf '{"cmd":"status"}' | as_user socat -t 2 - "UNIX-CONNECT:$socket,type=5" 2>/dev/null)
[ -z "$text" ]; result $? "and is not served when the modes would let him"
chmod 700 /run/hvctl /run/hvctl/one

mkdir -p /run/user/12345
chown 12345:12345 /run/user/12345
chmod 700 /run/user/12345
modes=$(stat -c %a $node)
chmod 666 $node
cp "$(config mine)" "$(config one)" /run/user/12345/
mine() { as_user XDG_RUNTIME_DIR=/run/user/12345 hvctl "$@"; }
check "a user has a guest of his own" mine create -p /run/user/12345/mine.cfg
check "even of a name that another uses" mine create -p /run/user/12345/one.cfg
check_text "he sees it" "^mine " "$(mine list)"
check_text "root sees all" "^mine " "$(hvctl list)"
# With hvctl.ko he may see that it exists, with KVM not even that.
! as_user XDG_RUNTIME_DIR=/run/user/12345 hvctl destroy \
	"$(hvctl list -v | awk '$1 == "one" && !n++ { print $NF }')" 2>/dev/null &&
	[ -n "$(pid_of one)" ]
result $? "he cannot end root's"
check "he ends his" mine destroy mine one
chmod "$modes" $node
text=$(as_user -u XDG_RUNTIME_DIR hvctl create -p /run/user/12345/mine.cfg 2>&1)
check_text "without a run-time directory there is an error" "XDG_RUNTIME_DIR" "$text"

# -------------------------------------------------------------------- corpses

kill -9 "$(pid_of one)"
wait_for 10 sh -c '! pidof vmmd'
check_text "a guest whose vmmd was killed is gone" "^none$" "$(guests | grep . || echo none)"
[ ! -e /run/hvctl/one ]; result $? "and so is its directory"

file=$(config race)
for _ in 1 2 3 4; do
	hvctl create -p "$file" >/dev/null 2>&1 && echo won &
done >"$work/race"
wait
[ "$(grep -c won "$work/race")" = 1 ]; result $? "one of four creations of a name wins"
kill -9 "$(pid_of race)"
wait_for 10 sh -c '! pidof vmmd'
check "a name is free as soon as its vmmd is dead" hvctl create -p "$file"
kill -STOP "$(pid_of race)"
check_text "a vmmd that hangs is listed" "^race " "$(hvctl list)"
check_status "destroy ends it all the same" 0 hvctl destroy race
! pidof vmmd >/dev/null; result $? "its vmmd is gone"

finish
