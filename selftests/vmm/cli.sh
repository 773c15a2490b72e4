#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# hvctl: its verbs, what they print, their exit statuses.
#
# lab: timeout=300

. "$(dirname "$0")/lib.sh"
plan 61

verbs="create list console pause unpause shutdown reboot destroy mem-set top
vcpu-list info events log net domid domname mem-max vcpu-set sysrq trigger uptime
block-list block-attach block-detach network-list network-attach network-detach"

# ---------------------------------------------------------------- the words

bad=''
for verb in $verbs; do
	text=$(hvctl "$verb" --help) || bad+=" $verb"
	[ -z "$(printf '%s\n' "$text" | grep -E '.{81}')" ] || bad+=" $verb:wide"
	[[ $text == Usage:* ]] || bad+=" $verb:text"
done
[ -z "$bad" ] || diag "bad:$bad"
[ -z "$bad" ]; result $? "each verb has --help of 80 columns"
check_status "help of all" 0 hvctl --help
check_status "no verb" 2 hvctl
check_status "unknown verb" 2 hvctl frobnicate
check_text "unknown verb is named" "unknown verb 'frobnicate'" "$said"
check_status "unknown option" 2 hvctl list --frobnicate
check_status "pause without a guest" 2 hvctl pause
check_status "pause of a guest that is not there" 3 hvctl pause no-such-guest
check_text "which is named" "no guest 'no-such-guest'" "$said"
check_status "list of a guest that is not there" 3 hvctl list no-such-guest
check_status "console of a guest that is not there" 3 hvctl console no-such-guest
check_status "bad number" 2 hvctl mem-set x 12q

# ---------------------------------------------------------- failing creation

remains() { ls -A /run/hvctl 2>/dev/null | grep -v '^\.'; }

file=$(config wrong "memroy = 12")
check_status "unknown key" 1 hvctl create "$file"
check_text "is one line with position" \
	"^hvctl: $file:7:1: unknown key 'memroy': did you mean 'memory'\?$" "$said"
check_status "missing kernel" 1 hvctl create "$(config wrong)" kernel=/no/such
check_text "with the position of the value" \
	"^hvctl: <command line>:1:8: kernel '/no/such': No such file or directory: " "$said"
check_status "missing disk" 1 hvctl create "$(config wrong "disk = [ '/no/disk,raw,xvda,w' ]")"
check_text "with the position of the path" "wrong.cfg:7:11: disk '/no/disk': No such file" "$said"
check_status "missing file" 1 hvctl create "$work/no.cfg"
check_status "kernel that is none" 1 hvctl create "$(config wrong)" kernel=/etc/passwd
check_text "is told by vmmd" "^hvctl: .+" "$said"
check_status "node that is not there" 1 hvctl create -d /dev/no-such-node "$(config wrong)"
check_text "is named" "/dev/no-such-node" "$said"
check_status "guests are not left behind" 1 remains
! pidof vmmd >/dev/null; result $? "nor is a vmmd"
check_status "dry run" 0 hvctl create -n "$(config dry)" memory=64
check_text "prints JSON" '"memory":64,' "$said"
check_text "warnings name the key" "vnc has no effect" \
	"$(hvctl create -n "$(config dry 'vnc = 1')" 2>&1 >/dev/null)"

# ------------------------------------------------------------- a paused guest

check_status "create paused" 0 hvctl create -p "$(config one)"
check_status "a second one of that name" 1 hvctl create -p "$(config one)"
check_text "is refused in one line" "^hvctl: .*a guest named one runs already$" "$said"
check_text "list: header" \
	"^Name +ID +Mem +VCPUs +State +Time\(s\)$" "$(hvctl list)"
check_text "list: the host" "^Domain-0 +0 +[0-9]+ +[0-9]+ +r-----" "$(hvctl list)"
check_text "list: the guest" "^one +[0-9]+ +96 +1 +--p--- +0\.0$" "$(hvctl list)"
check_text "list in 80 columns" "^none$" "$(hvctl list | grep -E '.{81}' || echo none)"
id=$(hvctl domid one)
check_text "domid" "^[1-9][0-9]*$" "$id"
check_text "domname" "^one$" "$(hvctl domname "$id")"
uuid=$(hvctl list -v one | awk 'NR == 2 { print $NF }')
check_text "a guest by its uuid" "^one +$id " "$(hvctl list "$uuid")"
check_text "a guest by its id" "^one +$id " "$(hvctl list "$id")"
[ "$(state one)" = paused ]; result $? "list -l"

# ------------------------------------------------------------ a running guest

hvctl events -j -n 1 -t 30 >"$work/events" &
events=$!
sleep 1
check_status "unpause" 0 hvctl unpause one
wait $events
check_text "an event tells it" '"event":"resumed","name":"one"' "$(cat "$work/events")"
console_has one 60 "guest: ready"; result $? "the guest comes up on its console"
check_text "list: it runs or is idle" "^one +$id +96 +1 +(r|-b)-" "$(hvctl list one)"
check_text "vcpu-list" "^one +$id +0 +[0-9]+ +(r|-b)-.* all$" "$(hvctl vcpu-list one)"
check_text "vcpu-list as JSON" '"affinity":"all"' "$(hvctl vcpu-list -j one)"
check_text "info" "^nr_guests +: 1$" "$(hvctl info)"
check_text "info as JSON" '"nr_guests":1' "$(hvctl info -j)"
text=$(hvctl top -b -n 1 -d 0.5)
check_text "top: header" "^NAME +STATE +CPU% +MEM +VCP +EXIT/s +NETRX +NETTX +DSKRD +DSKWR$" "$text"
check_text "top: the guest" "^one +(running|blocked) +[0-9.]+ +96 +1 " "$text"
check_text "top as JSON" '"name":"one","id":'"$id" "$(hvctl top -j -n 1 -d 0.5)"
check_status "top without a terminal" 2 hvctl top
check_status "more memory than there is" 1 hvctl mem-set one 97
check_status "less memory" 0 hvctl mem-set one 64
wait_for 20 sh -c 'hvctl list one | grep -Eq "^one +[0-9]+ +64 "'
result $? "the balloon takes it"
hvctl pause one && [ "$(state one)" = paused ]; result $? "pause"
hvctl unpause one
check_status "reboot" 0 hvctl reboot -w -t 60 one
wait_for 60 sh -c 'hvctl list -l one | grep -q "\"restarts\":1"'; result $? "starts it anew"
# The console repeats what the first life left there.
seen=$(timeout 60 hvctl console one </dev/null 2>/dev/null | grep -m 2 -c "guest: ready")
[ "$seen" = 2 ]; result $? "its console goes on"
wait_for 20 hvctl shutdown one
wait_for 60 sh -c '! pidof vmmd'; result $? "shutdown ends it"
check_text "its log is still there" "vmmd\[one\]" "$(hvctl log one)"

finish
