#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# lab: smp=2 timeout=1200 long
#
# Other kernels as PV guests: Debian's 6.1, generic 6.12 and 7.2, each with the lab's
# Debian on xvda, and GNU Mach. For make check-pv, which fetches them.

. ./guest.sh
. ./debian.sh

if [ ! -d /lab/guest/pv ]; then
	echo "1..0 # SKIP no other kernels in the lab: selftests/lab/build-image pv"
	exit 4
fi
plan 39

host=192.168.80.1
hvctl net -a $host/24 up || exit 1

# GNU Mach takes 32 bits of %rsp for an address ("lock addl $0,(%esp)"), but is in the
# upper half. Was it that which it died of? Nothing is mapped there: the first page
# table begins at the kernel (xen/xen.h).
cut_short() {
	local at

	at=$(sed -nE 's/.*guest: kernel page fault at ([0-9a-f]{8}):$/\1/p' "$tmp/log")
	[ -n "$at" ] && logged "guest: .* RSP ffffffff$at\$"
}

mach_said() { grep -qhE "$1" "$tmp/log" "$tmp/out"; }

run 'type="pv"' 'kernel="/lab/guest/pv/mach"' 'ramdisk=""' 'on_crash="destroy"' \
	"disk=['format=raw,vdev=xvda,access=ro,target=/dev/vdc']" "vif=['bridge=hvbr0']"
ok "GNU Mach: its banner" mach_said 'GNU Mach 1\.8'
ok "GNU Mach: its memory" mach_said 'biosmem: 0+:0+10000000, available'
if cut_short; then
	ok "GNU Mach: Xen's devices, a bootstrap task # SKIP it faults at half of an address" true
else
	ok "GNU Mach: Xen's devices, a bootstrap task" mach_said '[0-9]+ multiboot modules|bootstrap'
fi

declare -A release=([old]='6.1.*' [generic]='6.12.*-amd64' [new]='7.2.*')
for kernel in old generic new; do
	for n in 1 2; do
		on="$kernel, $n vCPUs:"
		if [ ! -e /lab/guest/pv/$kernel ]; then
			for what in prompt kernel root network reboots off; do
				ok "$on $what # SKIP Debian has none now" true
			done
			continue
		fi
		debian 'type="pv"' vcpus=$n "kernel=\"/lab/guest/pv/$kernel\"" \
			"ramdisk=\"/lab/guest/pv/$kernel.img\"" 'root="/dev/xvda ro"' \
			'extra="console=hvc0"'
		ok "$on a login on hvc0" at_prompt
		ok "$on its kernel, its vCPUs" answers \
			"case \$(uname -r) in ${release[$kernel]}) [ \$(nproc) = $n ];; *) false;; esac"
		ok "$on its root on xvda" answers "grep -q '^/dev/xvda / ' /proc/mounts"
		ok "$on its network, by DHCP" answers "ping -c 2 $host"
		ok "$on reboots from inside" reboots
		ok "$on powers off from inside" off
	done
done

finish
