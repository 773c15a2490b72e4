#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# lab: smp=2 timeout=300
#
# Xen PV guests with many vCPUs and much memory, that restart and panic.

. ./guest.sh
CONSOLE=hvc0
plan 8

run 'type="pv"' vcpus=4 "$(does nproc)"
ok "4 vCPUs come up" said "^4"
ok "... and the guest powers off" [ "$status" = 0 ]

# All vCPUs busy with each other when the guest restarts itself.
start 'type="pv"' vcpus=4 "$(does 'for i in 1 2 3 4 5 6 7 8; do yes | head -c 10000 >/dev/null & done;' \
	'sleep 1; reboot -f')" 'on_reboot="restart"'
ok "busy vCPUs are stopped and started anew" until_seen log 'reboot \(restart\)' 2
kill -TERM $vmmd
ok "... and destroyed" ended

run 'type="pv"' vcpus=2 memory=200 'on_crash="destroy"' \
	"$(does 'echo 1 >/proc/sys/kernel/sysrq; echo c >/proc/sysrq-trigger')"
ok "a kernel that panics has crashed" logged 'crashed: shutdown: the kernel has crashed'

# More than 3 GiB have a hole in the middle of their machine frames.
run 'type="pv"' memory=3500 "$(does 'grep MemTotal /proc/meminfo; mkdir /t;' \
	'mount -t tmpfs t /t; head -c 64m /dev/zero >/t/f; sha1sum /t/f')"
ok "memory around the hole below 4 GiB" said '^MemTotal: +34[0-9]{5} kB'
ok "... holds what is put there" said '^44fac4bedde4df04b9572ac665d3ac2c5cd00c7d '
ok "... and the guest powers off" [ "$status" = 0 ]

finish
