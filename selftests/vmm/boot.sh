#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# lab: timeout=400
#
# Ways into a kernel, and what it finds when it is there.

. ./guest.sh
plan 19

# ------------------------------------------------------------- loaders

run 'type="hvm"' "$(does 'cat /proc/cmdline; date +%s >/dev/null; echo hello from $(uname -s)')"
ok "a bzImage boots by the 64-bit protocol" said 'hello from Linux'
ok "its command line arrives whole" said '^console=ttyS0 quiet +-- cat'
ok "vmmd ends with status 0" [ "$status" = 0 ]

rm -rf /var/cache/hvctl
run 'type="pvh"' "$(does 'echo hello from PVH')"
ok "the ELF inside a bzImage boots by its PVH entry" said 'hello from PVH'
ok "... and is kept unpacked" [ "$(find /var/cache/hvctl -name '*.elf' -size +20M | wc -l)" = 1 ]
run "$(does 'echo hello from the cache')"
ok "... which the next guest uses" said 'hello from the cache'

# A PVH kernel of three instructions. Program header 0 loads the file at
# 1 MiB, header 1 is the note with the entry point.
le32() {
	local word

	for word; do
		printf '%b' "$(printf '\\x%02x' $((word & 255)) $((word >> 8 & 255)) \
			$((word >> 16 & 255)) $((word >> 24)))"
	done
}
elf() {
	# ELF32, little-endian, executable, i386; headers of 52 and 32 bytes
	printf '\x7fELF\x01\x01\x01\0\0\0\0\0\0\0\0\0\x02\0\x03\0'
	le32 1 0 52 0 0
	printf '\x34\0\x20\0\x02\0\0\0\0\0\0\0'
	le32 1 0 0x100000 0x100000 256 4096 7 4096
	le32 4 116 0 0x100074 20 20 4 4
	# note: name "Xen", PHYS32_ENTRY = 18
	le32 4 4 "${1:-18}"
	printf 'Xen\0'
	le32 0x100088
	# mov $0x604, %dx; mov $0x3400, %ax (SLP_EN, S5); out %ax, %dx; hlt
	printf '\x66\xba\x04\x06\x66\xb8\x00\x34\x66\xef\xf4'
	head -c 109 /dev/zero
}
# The note's descriptor ends at byte 136, where the code is.
elf >"$tmp/tiny"
run "kernel=\"$tmp/tiny\"" 'ramdisk=""'
ok "an ELF file boots by its PVH entry" logged 'shutdown: the guest powered off'

# -------------------------------------------------- what the guest finds

# Patterns that do not match themselves: the log has the command line, too.
began=$(date +%s)
run "$(does 'cat /sys/class/rtc/rtc0/since_epoch; ls /sys/bus/acpi/devices;' \
	'dmesg | grep -e ACPI.*[E]rror -e [B]UG: -e Firmware.[B]ug')"
now=$(date +%s)
ok "the clock is right" eval 'then=$(tr -d "\r" <"$tmp/out" | grep -E "^[0-9]{10}$");
	[ "$then" -ge $((began - 1)) ] && [ "$then" -le "$now" ]'
ok "ACPI names host bridge, serial port, clock and panic device" eval \
	'said PNP0A08 && said PNP0501 && said PNP0B00 && said QEMU0001'
ok "the kernel has no complaint about the firmware" eval '! said "ACPI.*[Ee]rror|BUG:|Firmware Bug"'

run "$(does 'echo +2 >/sys/class/rtc/rtc0/wakealarm; sleep 4; grep rtc0 /proc/interrupts')"
ok "the clock's alarm interrupts" said '8: +[1-9][0-9]* .*rtc0'

# The pty sees the shell's echo; what it answers is the proof.
start 'extra="console=ttyS0 quiet"'
until_seen out 'init reached'
sleep 3
echo 'echo answer $((6*7)); poweroff -f' >"$pty"
ended
ok "what is typed reaches the guest" said 'answer 42'

run memory=5120 "$(does 'grep MemTotal /proc/meminfo; grep System.RAM /proc/iomem')"
ok "more than 3 GiB: the rest starts at 4 GiB" said '^100000000-17fffffff'
ok "all of it is there" eval \
	'kib=$(sed -n "s/^MemTotal: *\([0-9]*\).*/\1/p" "$tmp/out"); [ "$kib" -gt 4900000 ]'

# ---------------------------------------------------------------- errors

echo "no kernel" >"$tmp/text"
run "kernel=\"$tmp/text\""
ok "a file that is no kernel is refused" logged 'neither a Linux bzImage nor an ELF kernel'
ok "vmmd ends with status 1" [ "$status" = 1 ]
elf 1 >"$tmp/noentry"
run "kernel=\"$tmp/noentry\""
ok "an ELF file without PVH entry is refused" logged 'no PVH entry point'
run memory=32 "$(does true)"
ok "too little memory for the kernel is told" logged 'raise memory='
run 'type="pv"' "kernel=\"$tmp/tiny\""
ok "a 32-bit kernel is refused as a PV guest" logged 'a 32-bit kernel: PV guests are 64-bit'

finish
