#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# lab: smp=2 timeout=1500 full
#
# One Debian on one disk, started as PV with its own kernel, by PV GRUB and by pygrub
# from that disk, as PVH and as HVM.

. ./guest.sh
. ./debian.sh
host=192.168.79.1
plan 28

hvctl net -a $host/24 up || exit 1

# Has the lab a way out? Then apt has one, too.
outside() {
	answers 'getent hosts $(sed -n "s,^deb [^/]*//\([^/]*\)/.*,\1,p" /etc/apt/sources.list | head -n 1)'
}

for n in 1 2 4; do
	debian 'type="pv"' vcpus=$n 'extra="console=hvc0"' 'root="/dev/xvda ro"'
	ok "PV with $n vCPUs: a prompt" at_prompt
	ok "... $n CPUs, its root on xvda, the network by DHCP" answers \
		"[ \$(nproc) = $n ] && grep -q '^/dev/xvda / ' /proc/mounts && ping -c 1 $host"
	if [ $n = 2 ]; then
		if outside; then
			ok "... apt installs a package" answers \
				'apt-get -qq update && apt-get -qq -y install hello && hello'
		else
			ok "... apt installs a package # SKIP no way out" true
		fi
		say reboot
		ok "... it reboots" until_seen log 'reboot .restart.'
		: >"$tmp/out"
		ok "... to its prompt" at_prompt
	fi
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
say reboot
ok "... it reboots" until_seen log 'reboot .restart.'
: >"$tmp/out"
ok "... to a prompt" at_prompt
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
