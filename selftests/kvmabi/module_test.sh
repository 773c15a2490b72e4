#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The module as a whole: 100 times loaded and unloaded, not while in use, not
# beside kvm_amd or kvm_intel; CPUs that go and come back.
#
# lab: smp=2 timeout=400

node=${HVCTL_NODE:-/dev/hvctl}
n=0 failed=0

result() { # ok|not name
	n=$((n + 1))
	[ "$1" = ok ] || failed=1
	if [ "$1" = ok ]; then echo "ok $n $2"; else echo "not ok $n $2"; fi
}

check() { # name command...
	local name=$1

	shift
	if "$@"; then result ok "$name"; else result not "$name"; fi
}

if [ "$node" != /dev/hvctl ]; then
	echo "1..0 # SKIP $node is not hvctl's"
	exit 4
fi

kvm=kvm_amd
grep -q GenuineIntel /proc/cpuinfo && kvm=kvm_intel

logged() { dmesg | tail -n 20 | grep -q "$1"; }

reload() {
	local i

	for i in $(seq 100); do
		rmmod hvctl || { echo "# unloading $i failed"; return 1; }
		[ ! -e "$node" ] || { echo "# $node is still there"; return 1; }
		modprobe hvctl || { echo "# loading $i failed"; return 1; }
		[ -c "$node" ] || { echo "# $node is missing"; return 1; }
	done
}

busy_module() {
	local code

	exec 9<>"$node"
	rmmod hvctl 2>/dev/null
	code=$?
	exec 9>&-
	[ $code != 0 ] && [ -c "$node" ]
}

# Whoever has SVM or VMX keeps it, and hvctl says so.
beside_kvm() {
	rmmod hvctl || return 1
	modprobe "$kvm" || return 1
	if insmod "$(modinfo -n hvctl)" 2>/tmp/insmod.err; then
		echo "# hvctl loaded beside $kvm"
		rmmod hvctl
		rmmod "$kvm"
		return 1
	fi
	grep -q 'busy' /tmp/insmod.err || { sed 's/^/# /' /tmp/insmod.err; return 1; }
	logged "hvctl:.*$kvm" || { echo "# nothing in the log"; return 1; }
	# ... unhurt: it still makes VMs.
	[ ! -x ./cpu_modes_test ] || HVCTL_NODE=/dev/kvm ./cpu_modes_test >/dev/null || return 1
	rmmod "$kvm" || return 1
	modprobe hvctl
}

# And the other way round.
kvm_beside() {
	if modprobe "$kvm" 2>/tmp/modprobe.err; then
		echo "# $kvm loaded beside hvctl"
		return 1
	fi
	grep -q 'hvctl has the CPUs' /tmp/modprobe.err || { sed 's/^/# /' /tmp/modprobe.err; return 1; }
	HVCTL_NODE=$node ./cpu_modes_test >/dev/null
}

hotplug() {
	local cpu=/sys/devices/system/cpu/cpu1/online i

	HVCTL_NODE=$node ./smp_test -t migration >/tmp/hotplug.tap 2>&1 &
	for i in 1 2 3 4 5; do
		echo 0 >$cpu || return 1
		sleep 0.2
		HVCTL_NODE=$node ./cpu_modes_test >/dev/null || return 1
		echo 1 >$cpu || return 1
		HVCTL_NODE=$node ./cpu_modes_test >/dev/null || return 1
	done
	# Affinity to a CPU that is gone is refused: that test may fail, not hang.
	wait
	HVCTL_NODE=$node ./cpu_modes_test >/dev/null
}

echo "TAP version 13"
check "100 times unloaded and loaded" reload
check "not unloaded while open" busy_module
check "refuses to load beside $kvm" beside_kvm
check "keeps its CPUs when $kvm is loaded" kvm_beside
if [ -e /sys/devices/system/cpu/cpu1/online ]; then
	check "CPUs go and come back under guests" hotplug
else
	n=$((n + 1))
	echo "ok $n CPUs go and come back under guests # SKIP one CPU"
fi
echo "1..$n"
exit $failed
