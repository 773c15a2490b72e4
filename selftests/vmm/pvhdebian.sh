#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# lab: smp=2 timeout=900 long
#
# Debian as a PVH guest that finds Xen: its own kernel, root on Xen's disk, network
# over Xen's card, hvc0.

. ./guest.sh
. ./debian.sh
CONSOLE=hvc0
host=192.168.79.1
plan 9

hvctl net -a $host/24 up || exit 1

for n in 1 2; do
	debian 'type="pvh"' vcpus=$n 'extra="console=hvc0"' 'root="/dev/xvda ro"'
	ok "$n vCPUs: a prompt" at_prompt
	ok "... $n CPUs, its root on xvda, the network by DHCP" has_all $n
	ok "... under Xen" answers 'grep -q PVH /sys/hypervisor/guest_type'
	if [ $n = 2 ]; then
		ok "... it reboots" reboots
	fi
	ok "... it powers off" off
done

finish
