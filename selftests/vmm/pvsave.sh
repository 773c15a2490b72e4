#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Xen PV guests in files: save and restore, and cores.
#
# lab: smp=2 timeout=900

. "$(dirname "$0")/lib.sh"
plan 106

# Bochs takes its time.
slower=1
! grep -qw vmx /proc/cpuinfo || slower=4

ip link add hvbr0 type bridge 2>/dev/null
ip addr add 192.168.79.1/24 dev hvbr0 2>/dev/null
ip link set hvbr0 up

mkdir "$work/in"
cp "$(dirname "$0")/pvsave_guest" "$work/in/run"
tar -C "$work/in" -cf "$work/run.tar" run
truncate -s 1M "$work/run.tar" "$work/disk"

# guest VCPUS [LINE...]: the configuration of a guest that counts.
guest() {
	local vcpus=$1 file

	shift
	file=$(config pv "type = 'pv'" "memory = 128" "vcpus = $vcpus" "maxvcpus = 2" \
		"disk = ['$work/disk,raw,xvda,w', '$work/run.tar,raw,xvdb,r']" \
		"vif = ['bridge=hvbr0,mac=00:16:3e:01:02:03']" \
		"extra = 'console=hvc0 quiet -- tar xf /dev/xvdb -C /tmp; sh /tmp/run'" "$@")
	# The first of the lines that config wrote would win.
	sed -i '/^memory = 96/d; /^extra = .*ttyS0/d' "$file"
	echo "$file"
}

# What the guest's console says from now on goes to $work/screen.
watch() {
	: >"$work/screen"
	hvctl console pv </dev/null >"$work/screen" 2>/dev/null &
	watcher=$!
}

steps() { tr -d '\r' <"$work/screen" | sed -n 's/^step \([0-9]*\) .*/\1/p'; }
last_step() { steps | tail -n 1; }
stepped() { [ "$(steps | wc -l)" -ge "$1" ]; }
has_steps() { wait_for $(($1 * slower)) stepped "$2"; }

# step_after N FAR: the guest's first step on the screen comes behind N, by FAR at most.
step_after() {
	local first

	first=$(steps | head -n 1)
	[ "${first:-0}" -gt "$1" ] && [ "$first" -le $(($1 + $2)) ] && return
	diag "the first step is '$first', not behind $1"
	return 1
}

all_good() {
	! tr -d '\r' <"$work/screen" | grep '^step' | grep -v '^step [0-9]* good' && return
	return 1
}

gone() { ! hvctl list | grep -q '^pv '; }
reached() { wait_for $((20 * slower)) ping -c 1 -W 2 192.168.79.2; }
on_disk() { head -c 16 "$work/disk" | tr -d '\0' | sed -n 's/^step \([0-9]*\).*/\1/p'; }

# The disk, too, says how far the guest is.
disk_goes_on() {
	local before

	before=$(on_disk)
	wait_for $((20 * slower)) eval "[ \"\$(on_disk)\" -gt ${before:-0} ]"
}

# ------------------------------------------------------------- words that fail

for verb in save restore dump-core; do
	check_status "$verb without arguments" 2 hvctl $verb
done
check_status "save of no guest" 3 hvctl save no-such "$work/saved"
check_status "dump-core of no guest" 3 hvctl dump-core no-such "$work/core"
check_status "restore of no file" 1 hvctl restore "$work/no-such"
check_text "is told" "no-such: No such file or directory" "$said"
check_status "restore of another file" 1 hvctl restore "$work/run.tar"
check_text "is told, too" "no guest was saved to this file" "$said"

hvctl create -q "$(config other)"
check_status "a guest with virtio cannot be saved" 1 hvctl save other "$work/saved"
check_text "as is told" "type='pv' can be saved only" "$said"
[ ! -e "$work/saved" ]; result $? "and leaves no file"
check_status "nor dumped" 1 hvctl dump-core other "$work/core"
hvctl destroy other

hvctl create -q "$(guest 1)"
check_status "a guest that does not listen yet" 1 hvctl save pv "$work/saved"
check_text "is told" "does not say that it can suspend" "$said"
hvctl pause pv
check_status "a guest that is paused" 1 hvctl save pv "$work/saved"
check_text "cannot suspend" "the guest does not run" "$said"
hvctl destroy pv

# ------------------------------------------------------------ save and restore

for vcpus in 1 2; do
	check "a guest with $vcpus vCPUs" hvctl create -q "$(guest $vcpus)"
	watch
	has_steps 90 3; result $? "counts"
	check "save" hvctl save pv "$work/saved"
	wait $watcher
	check "it is gone" gone
	before=$(last_step)
	[ "$(stat -c %a "$work/saved")" = 600 ]; result $? "the file is its owner's alone"
	sleep 3
	check "restore" hvctl restore -q "$work/saved"
	watch
	has_steps 60 6; result $? "it counts"
	check "from where it was" step_after "$before" 2
	check "with its memory, its clock and its disk" all_good
	check "which says the same" disk_goes_on
	check "network works" reached
	# It was away for three seconds, and longer than that: which it must not miss.
	# Its next step is told of after now, however long that takes.
	now=$(date +%s)
	has_steps 60 $(($(steps | wc -l) + 1))
	late=$((now - $(tr -d '\r' <"$work/screen" | awk '/^step/ { t = $5 } END { print t }')))
	[ $late -le 2 ] && [ $((now - late)) -le $(($(date +%s) + 2)) ]
	result $? "it knows the time ($late s late)"
	[ "$(tr -d '\r' <"$work/screen" | awk '/^step/ { n = $4 } END { print n }')" = $vcpus ]
	result $? "and its vCPUs"

	middle=$(last_step)
	check "save, and let it run" hvctl save -c pv "$work/second"
	[ "$(state pv)" != paused ]; result $? "it runs"
	seen=$(steps | wc -l)
	has_steps 60 $((seen + 4)); result $? "and counts"
	check "with all it had" all_good
	check "disk and network" eval 'disk_goes_on && reached'
	check_status "the same guest cannot be there twice" 1 hvctl restore -q "$work/second"
	check_text "as is told" "a guest named pv runs already" "$said"
	hvctl destroy pv
	wait $watcher

	check "back to then" hvctl restore -q -p "$work/second"
	[ "$(state pv)" = paused ]; result $? "it waits for 'unpause'"
	hvctl unpause pv
	watch
	has_steps 60 4; result $? "and counts again"
	check "from there" step_after "$middle" 12
	check "all is good" all_good
	check "save and leave it paused" hvctl save -p pv "$work/third"
	[ "$(state pv)" = paused ]; result $? "it is"
	hvctl unpause pv
	seen=$(steps | wc -l)
	has_steps 60 $((seen + 2)); result $? "and goes on"
	check "a file that is full" eval '! hvctl save pv /dev/full 2>"$work/said"'
	check_text "is told" "No space left on device" "$(cat "$work/said")"
	seen=$(steps | wc -l)
	has_steps 60 $((seen + 2)); result $? "and the guest goes on"
	[ $vcpus = 1 ] || check "shutdown reaches a guest that was restored" \
		hvctl shutdown -w -t $((60 * slower)) pv
	hvctl destroy pv 2>/dev/null
	wait $watcher
done

# ------------------------------------------------------------------ bad files

size=$(stat -c %s "$work/saved")
head -c $((size - 100000)) "$work/saved" >"$work/bad"
check_status "a file that is cut" 1 hvctl restore -q "$work/bad"
check_text "is told" "bad: the file is truncated" "$said"
cp "$work/saved" "$work/bad"
printf '\7' | dd of="$work/bad" bs=1 seek=16 conv=notrunc 2>/dev/null
check_status "a file of another version" 1 hvctl restore -q "$work/bad"
check_text "is told" "of version 7: expected 1" "$said"
cp "$work/saved" "$work/bad"
printf 'X' | dd of="$work/bad" bs=1 seek=$((size / 2)) conv=notrunc 2>/dev/null
check_status "a file with another byte" 1 hvctl restore -q "$work/bad"
check_text "is told" "bad: the file is damaged" "$said"
check_status "another size of memory" 1 hvctl restore -q "$work/saved" memory=256 maxmem=256
check_text "is told" "saved with 128 MiB, the configuration has 256" "$said"
mv "$work/disk" "$work/elsewhere"
check_status "a disk that is not there" 1 hvctl restore -q "$work/saved"
check_text "is told" "disk .*/disk.: No such file" "$said"
check "gone, all of them" gone
mv "$work/elsewhere" "$work/disk"

# ---------------------------------------------------------------------- cores

core=/var/lib/xen/dump/pv
is_core() { [ "$(head -c 20 "$1" | od -An -tx1 | tr -d ' \n')" = 7f454c4602010100000000000000000004003e00 ]; }
has_core() { [ -s $core ] && gone; }

check "a guest" hvctl create -q "$(guest 2 "on_crash = 'coredump-destroy'")"
[ -e $core ] && [ ! -s $core ]; result $? "its core is empty"
watch
has_steps 90 2; result $? "counts"
check "dump-core" hvctl dump-core pv "$work/core"
check "makes a core" is_core "$work/core"
grep -qa "marker-of-pvsave" "$work/core"; result $? "with what is in the guest's memory"
grep -qa "VMCOREINFO" "$work/core"; result $? "and what crash wants to know"
seen=$(steps | wc -l)
has_steps 60 $((seen + 2)); result $? "the guest goes on"
check_status "a file that is full" 1 hvctl dump-core pv /dev/full
check_text "is told" "No space left on device" "$said"
hvctl pause pv
check "dump-core of a guest that is paused" hvctl dump-core pv "$work/core"
[ "$(state pv)" = paused ]; result $? "leaves it paused"
hvctl unpause pv
check "a crash" hvctl sysrq pv c
wait_for $((60 * slower)) has_core; result $? "leaves a core"
check "that is one" is_core $core
rm -f $core
finish
