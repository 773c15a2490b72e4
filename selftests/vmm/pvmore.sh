#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# lab: smp=2 timeout=400
#
# Xen PV guests with many vCPUs and much memory, that restart and panic.

. ./guest.sh
CONSOLE=hvc0
plan 12

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

# Grants by version 2, under what a disk and a card do.
hvctl net -a 192.168.78.1/24 up || exit 1
head -c 24M /dev/urandom >"$tmp/disk"
disk_sum=$(sha256sum <"$tmp/disk" | cut -d ' ' -f 1)
KARGS=grant_table.version=2
run 'type="pv"' vcpus=2 "disk=['format=raw,vdev=xvda,access=rw,target=$tmp/disk']" \
	"vif=['bridge=hvbr0']" "$(does 'dmesg | grep [G]rant.tables; sha256sum /dev/xvda;' \
	'head -c 1m /dev/zero | dd of=/dev/xvda conv=fsync;' \
	'ifconfig eth0 192.168.78.77; ping -c 3 -s 8000 192.168.78.1 && echo pinged')"
KARGS=''
ok "a kernel that wants grants of version 2 has them" said 'Grant tables using version 2'
ok "... its disk is read" said "^$disk_sum"
ok "... and written" [ "$(head -c 1M "$tmp/disk" | sha256sum)" = \
	"$(head -c 1M /dev/zero | sha256sum)" ]
ok "... and its card works" said '^pinged'

# More than 3 GiB have a hole in the middle of their machine frames.
run 'type="pv"' memory=3500 "$(does 'grep MemTotal /proc/meminfo; mkdir /t;' \
	'mount -t tmpfs t /t; head -c 64m /dev/zero >/t/f; sha1sum /t/f')"
ok "memory around the hole below 4 GiB" said '^MemTotal: +34[0-9]{5} kB'
ok "... holds what is put there" said '^44fac4bedde4df04b9572ac665d3ac2c5cd00c7d '
ok "... and the guest powers off" [ "$status" = 0 ]

finish
