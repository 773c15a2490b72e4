# SPDX-License-Identifier: GPL-2.0
#
# The Debian that the lab has on /dev/vdc, and its shell on the console. Sourced
# behind guest.sh, whose start() it uses.

BOOT_SECONDS=240
# The console hangs up when a guest ends.
trap '' HUP

# debian KEY=VALUE...: start it; what say() types goes to its console.
debian() {
	start memory=512 'ramdisk="/lab/guest/debian-initrd.img"' \
		"disk=['format=raw,vdev=xvda,access=rw,target=/dev/vdc']" \
		"vif=['bridge=hvbr0']" "$@"
	[ -n "$pty" ] || return 1
	# It is gone when the guest ended at once.
	{ exec 6>"$pty"; } 2>/dev/null
}

# Whether words were typed or printed is told by what the shell makes of them.
say() { printf '%s\n' "$*" >&6; }

answers() {
	say "$1; echo \"<\$?>\" done"
	until_seen out '<[0-9]+> done' || return 1
	said '<0> done'
	local status=$?
	: >"$tmp/out"
	return $status
}

# has_all CPUS: so many, its root on the disk, and the network up to $host.
has_all() {
	answers "[ \$(nproc) = $1 ] && grep -q '^/dev/xvda / ' /proc/mounts && ping -c 1 $host"
}

at_prompt() { until_seen out 'root@guest'; }

# From inside, and comes up to its prompt again.
reboots() {
	say reboot
	until_seen log 'reboot .restart.' || return 1
	: >"$tmp/out"
	at_prompt
}

off() {
	say poweroff
	ended
	[ "$status" = 0 ]
}
