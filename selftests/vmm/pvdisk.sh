#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# lab: smp=2 timeout=1500 long
#
# One Debian on one disk, started with its kernel and 1 and 4 vCPUs, by PV GRUB and
# by pygrub from that disk, as PVH and as HVM.

. ./guest.sh
. ./debian.sh
plan 21

host=192.168.79.1
hvctl net -a $host/24 up || exit 1

for n in 1 4; do
	debian 'type="pv"' vcpus=$n 'extra="console=hvc0"' 'root="/dev/xvda ro"'
	ok "PV with $n vCPUs: a prompt" at_prompt
	ok "... $n CPUs, its root on xvda, the network by DHCP" has_all $n
	ok "... it powers off" off
done

debian 'type="pv"' 'kernel="/lab/guest/grub-x86_64-xen.bin"' 'ramdisk=""'
ok "PV GRUB shows its menu" until_seen out 'Debian GNU/Linux'
ok "... and starts the disk's own kernel" at_prompt
ok "... with the disk's root" answers "grep -q '^/dev/xvda / ' /proc/mounts"
ok "... it powers off" off

by_pygrub() { debian 'kernel=""' 'ramdisk=""' 'bootloader="pygrub"' "$@"; }

by_pygrub 'type="pv"'
ok "pygrub finds the disk's kernel" at_prompt
ok "... and its words" answers "grep -q 'root=/dev/xvda ro console=hvc0$' /proc/cmdline"
answers "sed -i 's/console=hvc0$/console=hvc0 another/' /boot/grub/grub.cfg"
ok "... it reboots" reboots
ok "... by what the disk says now" answers 'grep -q " another$" /proc/cmdline'
ok "... it powers off" off
by_pygrub 'type="pvh"' 'extra="console=ttyS0"' 'root="/dev/xvda ro"'
ok "pygrub for PVH: a prompt" at_prompt
off
by_pygrub 'type="pv"' 'bootloader_args="--entry=none"'
ended
ok "an entry that is not there is named" logged "pygrub: xvda: .*no entry 'none'"

for type in pvh hvm; do
	debian "type=\"$type\"" 'extra="console=ttyS0"' 'root="/dev/xvda ro"'
	ok "$type from the same disk: a prompt" at_prompt
	ok "... it powers off" off
done

finish
