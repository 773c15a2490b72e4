#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Hosts that go down while a guest runs. The kernel they start by kexec finds
# SVM switched off on every CPU, or hvctl.ko would not load there; and none of
# them hangs or complains on its way. Runs on the workstation and prints TAP.
#
# lab: timeout=600

cd "$(dirname "$0")/../.." || exit 1
lab=build/lab
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
n=0 failed=0

ok() {
	local name=$1

	shift
	n=$((n + 1))
	if "$@" >"$work/check" 2>&1; then
		echo "ok $n $name"
	else
		echo "not ok $n $name"
		sed 's/^/# /' "$work/check" "$work/out"
		failed=1
	fi
}

# The command of all hosts. With "again" on its kernel's command line a host is
# in its second life.
cat >"$work/life" <<'END'
. /etc/profile
guest() {
	printf '%s\n' "name = 'busy'" "kernel = '/lab/guest/vmlinuz'" "vcpus = 2" "memory = 96" \
		"ramdisk = '/lab/guest/initrd.img'" \
		"extra = 'console=ttyS0 quiet -- while :; do echo guest: busy; done'" >/tmp/busy.cfg
	hvctl create /tmp/busy.cfg &&
		timeout 90 hvctl console busy </dev/null | grep -qm1 'guest: busy' &&
		echo "$1: a guest runs"
}
if ! grep -qw again /proc/cmdline; then
	guest "first life" || exit
	[ "$1" = kexec ] || exec busybox "$1" -f
	kexec -l /put/vmlinuz --initrd=/put/host-initrd.img \
		--command-line="$(cat /proc/cmdline) again" && exec kexec -e -x
	exit 1
fi
guest "second life" || exit
exec busybox reboot -f
END

# down HOW OPTION...: whether the host went down by itself, without complaints
down() {
	local how=$1

	shift
	selftests/lab/host --smp 2 --down --timeout 200 --put "$work/life" "$@" -- \
		bash /put/life "$how" >"$work/out" 2>&1
}

said() { grep -q "$1" "$work/out"; }

echo "TAP version 13"
echo "1..5"
ok "kexec, then reboot" down kexec --put "$lab/kernel/vmlinuz" --put "$lab/host-initrd.img"
ok "a guest ran before kexec" said "first life: a guest runs"
ok "and in the kernel that came then" said "second life: a guest runs"
ok "power-off" down poweroff
ok "a guest ran then" said "first life: a guest runs"
exit $failed
