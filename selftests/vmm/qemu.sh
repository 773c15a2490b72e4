#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# lab: timeout=900
#
# The system's own QEMU, unpatched, with the node in the place of /dev/kvm: its
# machines come up by their firmware, with all interrupt controllers in the
# kernel and with the local APICs alone. (QEMU 10 has none of its own for KVM.)

. ./lib.sh
plan 8

qemu=qemu-system-x86_64
# Debian's QEMU on a loaded workstation, in an emulator.
patience=180

# boot NAME OPTION...: run a small guest to its end; what it says is in $said.
boot() {
	local options=("${@:2}")

	said=$(timeout $patience $qemu -accel kvm,device=$node"$kernel_irqchip" -m 256 \
		-nodefaults -no-reboot -display none -serial stdio -kernel $kernel \
		-initrd $ramdisk "${options[@]}" \
		-append "console=ttyS0 quiet -- $1" </dev/null 2>&1)
	status=$?
	[ $status = 0 ] || diag "status $status: $(printf '%s\n' "$said" | tail -n 12)"
}

# Patterns that do not match the command line, which the guest prints.
does='echo guest says $((6 * 7)); grep -c ^processor /proc/cpuinfo; poweroff -f'
does_xen='dmesg | grep -o Xen.version.[0-9.]*; poweroff -f'

kernel_irqchip='' boot "$does" -cpu host
result $status "pc: SeaBIOS starts Linux, which powers off"
check_text "... and has run" '^guest says 42' "$said"

kernel_irqchip=,kernel-irqchip=split boot "$does" -machine microvm -cpu host
result $status "microvm, PIC and IOAPIC in QEMU"
check_text "... and has run" '^guest says 42' "$said"

kernel_irqchip='' boot "$does" -machine q35 -cpu qemu64 -smp 2
result $status "q35, a CPU without XSAVE, 2 of them"
check_text "... both of which were found" '^2' "$said"

kernel_irqchip=,kernel-irqchip=split,xen-version=0x40011 boot "$does_xen" -machine pc -cpu host
result $status "pc, with Xen's interface by the module's ioctls"
check_text "... which the guest has found" '^Xen version 4.17' "$said"
finish
