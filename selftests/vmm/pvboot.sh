#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# lab: smp=2 timeout=180 vmx
#
# Xen PV kernels come up, go down, and leave their registers when they crash.

. ./guest.sh
CONSOLE=hvc0
plan 12

for n in 1 2; do
	run 'type="pv"' vcpus=$n "$(does 'nproc; cat /sys/hypervisor/type;' \
		'cat /sys/hypervisor/properties/features; dmesg | grep [U]sing.FIFO')"
	ok "$n vCPUs come up" said "^$n"
	ok "... under what they take for Xen" eval 'said "^xen" && said "events: Using FIFO"'
	ok "... and the guest powers off" [ "$status" = 0 ]
done

# The kernel's log has its command line, too: words that do not match themselves.
KARGS=xen.fifo_events=0
run 'type="pv"' vcpus=2 "$(does 'dmesg | grep -c [U]sing.FIFO; nproc')"
ok "2 vCPUs come up with the 2-level ABI of events" eval 'said "^0" && said "^2"'
KARGS=''

run 'type="pv"' "kernel=\"$PWD/../guest/pvcrash\"" 'ramdisk=""' 'on_crash="destroy"'
ok "a hypercall that does not exist is told of, once" [ \
	"$(grep -c 'hypercall 47 does not exist here' "$tmp/log")" = 1 ]
ok "mmu_update of a list that is not mapped fails, its arguments are kept" eval \
	'logged "rbp: fffffffffffffff2" && logged "rdi: 0000123456789000" &&
	logged "rsi: 0000000000000001" && logged "rdx: 0000000000000000"'
ok "a kernel without handlers: its registers" eval 'logged "rbx: 1122334455667788" &&
	logged "r15: 99aabbccddeeff00" && logged "vcpu#0. crashed: exception 6"'
ok "... and its stack" logged '^vmmd.*: +000000005ca1ab1e '
ok "... are in the log of a crash" logged 'crashed: .*exception 6'

finish
