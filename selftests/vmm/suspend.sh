#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The host falls asleep and wakes up with guests alive. Nothing here sets an
# alarm: the lab presses a key every two seconds, and any key wakes the host.
# Bochs comes back from suspend-to-RAM at once, and there is nobody to press keys.
#
# lab: smp=2 timeout=300

. "$(dirname "$0")/lib.sh"

if [ "$node" != /dev/hvctl ]; then
	echo "1..0 # SKIP $node is not hvctl's"
	exit 4
fi

# What wakes it from suspend-to-idle.
for wakeup in /sys/bus/serio/devices/serio*/power/wakeup; do
	echo enabled >"$wakeup"
done

# ticks: what the guest has counted, one line "tick N UPTIME WALL" a second.
ticks() {
	timeout 2 hvctl console ticking </dev/null 2>/dev/null | tr -d '\r' |
		grep -E '^tick [0-9]+ [0-9.]+ [0-9]+$'
}

# ticks_on N: it has counted further than that.
ticks_on() { [ "$(ticks | awk '{ n = $2 } END { print n + 0 }')" -gt "$1" ]; }

# Uptime only ever grows, and no step of it is longer than the sleep was.
steady() {
	ticks | awk -v longest="$1" '
		NR > 1 && ($3 <= uptime || $3 - uptime > longest) { print "from", uptime, "to", $3; bad = 1 }
		{ uptime = $3 }
		END { exit bad || NR < 2 }'
}

# Its wall clock, of the last second or two, is the host's.
right_time() {
	local host wall

	wall=$(ticks | awk 'END { print $4 }')
	host=$(date +%s)
	echo "guest $wall, host $host"
	[ $((host - wall)) -ge -1 ] && [ $((host - wall)) -le 5 ]
}

on_each_cpu() {
	local cpu

	for cpu in $(taskset -p -c $$ | sed 's/.*: //; s/,/ /g; s/-/ /g'); do
		taskset -c $cpu ../kvmabi/cpu_modes_test || return 1
	done
}

kinds='mem mem freeze'
! grep -q Bochs /sys/class/dmi/id/bios_vendor || kinds='mem mem'
# shellcheck disable=SC2086 # several words
set -- $kinds
plan $((5 + 4 * $#))
hvctl create -p "$(config waiting)"
hvctl create "$(config ticking "vcpus = 2")" \
	"extra='console=ttyS0 quiet -- n=0; while :; do n=\$((n+1)); echo tick \$n \$(cut -d\" \" -f1 /proc/uptime) \$(date +%s); sleep 1; done'"
wait_for 60 ticks_on 2
result $? "a guest counts seconds"

for kind in $kinds; do
	before=$(ticks | awk 'END { print $2 }')
	began=$SECONDS
	check "$kind: asleep, and awake again" sh -c "echo $kind >/sys/power/state"
	slept=$((SECONDS - began + 5))
	check "$kind: the guest goes on" wait_for 30 ticks_on $((before + 2))
	check "$kind: its time neither goes back nor leaps" steady $slept
	check "$kind: it knows what time it is" right_time
done
check "guests run on each CPU" on_each_cpu
hvctl unpause waiting
console_has waiting 60 "guest: ready"; result $? "a guest that was paused starts"
[ "$(pidof vmmd | wc -w)" = 2 ]; result $? "nobody died"
check "and both can be ended" hvctl destroy waiting ticking

finish
