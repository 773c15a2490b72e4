#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# lab: smp=2 timeout=600 full
#
# Other kernels of Debian's as PV guests: 6.1, the generic 6.12, 7.2. For make
# check-pv, which fetches them.

. ./guest.sh
CONSOLE=hvc0

if [ ! -d /lab/guest/pv ]; then
	echo "1..0 # SKIP no other kernels in the lab: selftests/lab/build-image pv"
	exit 4
fi
plan 24

host=192.168.80.1
hvctl net -a $host/24 up || exit 1
head -c 1M /dev/urandom >"$tmp/a"
sum=$(sha1sum <"$tmp/a" | cut -c 1-40)

declare -A release=([old]='6\.1\.' [generic]='6\.12\..*-amd64' [new]='7\.2\.')
for kernel in old generic new; do
	for n in 1 2; do
		if [ ! -e /lab/guest/pv/$kernel ]; then
			for what in kernel disk network reboot; do
				ok "$kernel, $n vCPUs: $what # SKIP Debian has none now" true
			done
			continue
		fi
		start 'type="pv"' vcpus=$n "kernel=\"/lab/guest/pv/$kernel\"" \
			"ramdisk=\"/lab/guest/pv/$kernel.img\"" 'on_reboot="restart"' \
			"disk=['format=raw,vdev=xvda,access=ro,target=$tmp/a']" \
			"vif=['bridge=hvbr0']" "$(does 'echo $(nproc) on $(uname -r);' \
			'sha1sum /dev/xvda; ip addr add 192.168.80.7/24 dev eth0;' \
			"ip link set eth0 up; ping -c 2 $host; reboot -f")"
		ok "$kernel, $n vCPUs: it runs" until_seen out "^$n on ${release[$kernel]}"
		ok "... its disk" until_seen out "^$sum"
		ok "... its network" until_seen out ' 0% packet loss'
		ok "... it reboots from inside" until_seen out "^$n on ${release[$kernel]}" 2
		kill -TERM $vmmd
		ended
	done
done

finish
