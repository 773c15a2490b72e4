#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# lab: smp=2 timeout=900
#
# What a Xen PV guest can do with its devices and its vCPUs. The tests are made
# in the guest, by pv_guest.

. ./guest.sh
CONSOLE=hvc0
BOOT_SECONDS=300
# Results of pv_guest: its own, and one for each program in x86/.
inside=$((20 + $(find ../guest/x86 -type f | wc -l)))
plan $((inside + 5))

host=192.168.78.1
sum() { sha256sum | cut -d ' ' -f 1; }

hvctl net -a $host/24 up || exit 1

truncate -s 64M "$tmp/b"
head -c 48M /dev/urandom >"$tmp/c"
{
	echo "STARTED=$(date +%s)"
	echo "HOST=$host ADDRESS=192.168.78.77"
	echo "XVDC_SUM=$({ cat "$tmp/c"; head -c 16M /dev/zero; } | sum)"
	echo "ZERO_SUM=$(head -c 1M /dev/zero | sum)"
	echo "HALF_SUM=$(head -c 32M "$tmp/c" | sum)"
	echo "IN_SUM=$(head -c 100000000 /dev/zero | tr '\0' 'y' | sum)"
} >"$tmp/expect"
truncate -s 64M "$tmp/c"
cp pv_guest "$tmp/run"
mkdir "$tmp/x86"
cp ../guest/x86/* "$tmp/x86"
tar -C "$tmp" -cf "$tmp/a" run expect x86

head -c 100000000 /dev/zero | tr '\0' 'y' |
	timeout $((600 * slower)) socat -u - "TCP-LISTEN:5001,bind=$host" 2>>"$tmp/log.socat" &
timeout $((600 * slower)) socat -u "TCP-LISTEN:5002,bind=$host" - 2>>"$tmp/log.socat" | sum >"$tmp/sent" &
sent=$!

start 'type="pv"' vcpus=2 memory=300 pv_user_pgd="${PV_USER_PGD:-0}" \
	"disk=['format=raw,vdev=xvda,access=ro,target=$tmp/a', 'format=raw,vdev=xvdb,access=rw,target=$tmp/b', 'format=raw,vdev=xvdc,access=ro,target=$tmp/c']" \
	"vif=['bridge=hvbr0,mac=00:16:3e:11:22:33']" \
	"$(does 'tar xf /dev/xvda -C /tmp; sh /tmp/run; while :; do sleep 100; done')"
ok "the guest goes through its tests" until_seen out '^T done'

results $((inside + 1))

wait $sent
ok "what the guest sent is what came" \
	[ "$(cat "$tmp/sent")" = "$(head -c 100000000 /dev/zero | tr '\0' 'x' | sum)" ]
ok "what it wrote is on the disk" \
	[ "$(dd if="$tmp/b" bs=1M skip=16 count=32 2>/dev/null | sum)" = "$(head -c 32M "$tmp/c" | sum)" ]
ok "hvctl shutdown" hvctl shutdown boot-test
BOOT_SECONDS=30
ok "... which the guest obeys" ended

finish
