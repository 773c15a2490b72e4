#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# 200 guests at once, each with a network card, created and destroyed: all are
# there, all go, and what they had is the host's again.
#
# lab: timeout=400

. "$(dirname "$0")/lib.sh"

guests=200
idle=$PWD/../guest/idle

modprobe tun

# One guest with all that guests have, so that what stays in the system's caches
# is there when the counting starts.
printf '%s\n' "kernel = '$idle'" "memory = 8" "device = '$node'" "vif = [ 'bridge=hvbr0' ]" \
	>"$work/many.cfg"

create() { # FIRST LAST
	local i

	for ((i = $1; i <= $2; i++)); do
		hvctl create "$work/many.cfg" "name='many$i'" || return 1
	done
}

# What the host has handed out; the log directory keeps the last of them.
taps() { find /sys/class/net/ -name 'hv*' ! -name 'hvbr*' | wc -l; }
files() { cut -f1 /proc/sys/fs/file-nr; }
sockets() { awk '/^sockets:/ { print $3 }' /proc/net/sockstat; }
directories() { find /run/hvctl -mindepth 1 -maxdepth 1 ! -name '.*' | wc -l; }
free_kib() {
	sync
	echo 3 >/proc/sys/vm/drop_caches
	awk '/^MemAvailable:/ { print $2 }' /proc/meminfo
}

held() { echo "$(files) files, $(sockets) sockets, $(taps) taps, $(directories) directories"; }

# gone FILES SOCKETS: no more than that is held, and nothing that guests have.
gone() {
	! pidof vmmd && [ "$(files)" -le "$1" ] && [ "$(sockets)" -le "$2" ] &&
		[ "$(taps)" = 0 ] && [ "$(directories)" = 0 ]
}

destroy_all() {
	local names

	mapfile -t names < <(guests)
	hvctl destroy "${names[@]}"
}

plan 11
create 0 0 && destroy_all
wait_for 20 sh -c '! pidof vmmd'
before=$(held) files=$(files) sockets=$(sockets) memory=$(free_kib)

check "create $guests guests" create 1 $guests
text=$(hvctl list)
[ "$(grep -cE '^many[0-9]+ +[0-9]+ +8 +1 +(r-|-b)' <<<"$text")" = $guests ]
result $? "list has them all, none broken"
[ "$(awk 'NR > 2 { print $2 }' <<<"$text" | sort -u | wc -l)" = $guests ]
result $? "each with a number of its own"
check_text "info counts them" "^nr_guests +: $guests$" "$(hvctl info)"
[ "$(taps)" = $guests ]; result $? "each has its card"
[ "$(ps -C vmmd -o uid= | sort -u | wc -l)" = $guests ]; result $? "and its user"
check "destroy them" destroy_all
check_text "list is empty" "^2$" "$(hvctl list | wc -l)"
wait_for 30 gone "$files" "$sockets"
gone "$files" "$sockets" >/dev/null
result $? "files, sockets, taps and directories are given back"
diag "before: $before" "after: $(held)"
# A quarter of a MiB for each would be a leak; less are the allocator's caches.
now=$(free_kib)
diag "available before: $memory KiB, after: $now KiB"
[ $((memory - now)) -lt $((guests * 256)) ]; result $? "and so is memory"
[ "$node" != /dev/hvctl ] || rmmod hvctl
result $? "the module has no user left"
modprobe "${node#/dev/}"

finish
