#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# lab: smp=2 timeout=300
#
# Guests with several vCPUs.

. ./guest.sh
plan 8

for n in 2 4; do
	run vcpus=$n "$(does 'nproc; grep apicid /proc/cpuinfo | sort -u | wc -l;' \
		'grep RES: /proc/interrupts; cat /sys/devices/system/cpu/cpu*/topology/core_id')"
	ok "$n vCPUs come up by the 64-bit protocol" said "^$n"
	ok "... and the guest powers off" [ "$status" = 0 ]
	run vcpus=$n 'type="pvh"' "$(does nproc)"
	ok "$n vCPUs come up by PVH" said "^$n"
done

# All vCPUs busy with each other when the machine is reset and restarted.
start vcpus=4 "$(does 'for i in 1 2 3 4 5 6 7 8; do yes | head -c 10000 >/dev/null & done;' \
	'sleep 1; reboot -f')" 'on_reboot="restart"'
ok "busy vCPUs are stopped and started anew" until_seen log 'reboot: ' 2
kill -TERM $vmmd
ok "... and destroyed" ended

finish
