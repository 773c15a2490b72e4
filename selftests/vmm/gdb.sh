#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# lab: timeout=600 full
#
# What gdb has QEMU's stub do to a guest on the node, in gdb's own words: a hardware
# breakpoint in the kernel, a step, memory, and on it goes.

. ./lib.sh
plan 12

patience=180
listening=(-S -gdb tcp:127.0.0.1:1234)

# guest COMMAND OPTION...: what it says is in $work/said. The kernel does not know
# nokaslr, which is its decompressor's: it is the first word that init gets.
guest() {
	timeout $patience qemu-system-x86_64 -accel kvm,device=$node -cpu host -m 256 \
		-nodefaults -no-reboot -display none -serial "file:$work/said" \
		-kernel $kernel -initrd $ramdisk "${@:2}" \
		-append "console=ttyS0 quiet nokaslr -- ; $1; poweroff -f" >"$work/qemu" 2>&1
}

# send PACKET: with its checksum.
send() {
	local sum=0 i

	for ((i = 0; i < ${#1}; i++)); do
		sum=$(((sum + $(printf %d "'${1:i:1}")) % 256))
	done
	printf '$%s#%02x' "$1" $sum >&4
}

# ask PACKET: the answer is in $answer.
ask() {
	send "$1"
	IFS= read -r -t $patience -d '#' answer <&4
	# Before it: the checksum of the one before, and that ours was right.
	answer=${answer##*\$}
	printf + >&4
}

# Register 16 is RIP, in hexadecimal, the lowest byte first. QEMU fetches registers
# from the kernel only for who asks for all of them.
rip() {
	ask g
	ask p10
	[[ $answer =~ ^[0-9a-f]{16}$ ]] || return 1
	printf '%x' $((16#$(sed 's/../& /g' <<<"$answer" | tr ' ' '\n' | tac | tr -d '\n')))
}

guest 'grep -w kernel_power_off /proc/kallsyms'
at=$(sed -nE 's/^(f[0-9a-f]{15}) T kernel_power_off.*/\1/p' "$work/said")
check_text "where the kernel powers off" '^f' "$at"

guest 'echo guest says $((6 * 7))' "${listening[@]}" &
qemu=$!
check "QEMU waits for gdb" wait_for 60 bash -c ': 4<>/dev/tcp/127.0.0.1/1234'
exec 4<>/dev/tcp/127.0.0.1/1234
ask '?'
check_text "the guest is stopped" '^[TS]05' "$answer"
check_text "... at the CPU's reset vector" '^fff0$' "$(rip)"

ask "Z1,$at,1"
check_text "a hardware breakpoint is set" '^OK$' "$answer"
ask c
check_text "... and hit" '^[TS]05' "$answer"
check_text "... there" "^$at$" "$(rip)"
ask "z1,$at,1"
ask s
check_text "a step" '^[TS]05' "$answer"
after=$((16#$(rip) - 16#$at))
[ $after -ge 1 ] && [ $after -le 15 ]; result $? "... goes one instruction on"
ask "m$at,4"
check_text "the kernel is read" '^[0-9a-f]{8}$' "$answer"
grep -q '^guest says 42' "$work/said"; result $? "until here the guest has run"
send c
wait $qemu
status=$?
result $status "and on it goes, to its end"
[ $failures = 0 ] || diag "status $status: $(tail -n 5 "$work/qemu" "$work/said")"

finish
