#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# lab: smp=2 timeout=300 vmx
#
# Xen PV kernels come up, go down and start again.

. ./guest.sh
CONSOLE=hvc0
plan 18

for n in 1 2 4; do
	run 'type="pv"' vcpus=$n "$(does 'nproc; cat /sys/hypervisor/type;' \
		'cat /sys/hypervisor/properties/features')"
	ok "$n vCPUs come up" said "^$n"
	ok "... under what they take for Xen" said '^xen'
	ok "... and the guest powers off" [ "$status" = 0 ]
done

# All vCPUs busy with each other when the guest restarts itself.
start 'type="pv"' vcpus=4 "$(does 'for i in 1 2 3 4 5 6 7 8; do yes | head -c 10000 >/dev/null & done;' \
	'sleep 1; reboot -f')" 'on_reboot="restart"'
ok "busy vCPUs are stopped and started anew" until_seen log 'reboot \(restart\)' 2
kill -TERM $vmmd
ok "... and destroyed" ended

run 'type="pv"' vcpus=2 memory=200 'on_crash="destroy"' \
	"$(does 'echo 1 >/proc/sys/kernel/sysrq; echo c >/proc/sysrq-trigger')"
ok "a kernel that panics has crashed" logged 'crashed: shutdown: the kernel has crashed'

run 'type="pv"' "kernel=\"$PWD/../guest/pvcrash\"" 'ramdisk=""' 'on_crash="destroy"'
ok "a kernel without handlers: its registers" eval 'logged "rbx: 1122334455667788" &&
	logged "r15: 99aabbccddeeff00" && logged "vcpu#0. crashed: exception 6"'
ok "... and its stack" logged '^vmmd.*: +000000005ca1ab1e '
ok "... are in the log of a crash" logged 'crashed: .*exception 6'

# More than 3 GiB have a hole in the middle of their machine frames.
run 'type="pv"' memory=3500 "$(does 'grep MemTotal /proc/meminfo; mkdir /t;' \
	'mount -t tmpfs t /t; head -c 64m /dev/zero >/t/f; sha1sum /t/f')"
ok "memory around the hole below 4 GiB" said '^MemTotal: +34[0-9]{5} kB'
ok "... holds what is put there" said '^44fac4bedde4df04b9572ac665d3ac2c5cd00c7d '
ok "... and the guest powers off" [ "$status" = 0 ]

finish
