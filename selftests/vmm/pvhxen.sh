#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# lab: smp=2 timeout=900
#
# Guests of type="pvh" find Xen: its console, disks, network cards and its words.

. ./guest.sh
CONSOLE=hvc0
host=192.168.77.1
plan 34

for n in 1 2; do
	run 'type="pvh"' vcpus=$n "$(does 'nproc; cat /sys/hypervisor/type /sys/hypervisor/guest_type;' \
		'cat /sys/devices/system/clocksource/clocksource0/available_clocksource')"
	ok "$n vCPUs come up" said "^$n"
	ok "... under what they take for Xen" eval 'said "^xen" && said "^PVH" && said "xen.*tsc|tsc.*xen"'
	ok "... and the guest powers off" [ "$status" = 0 ]
done

run 'type="pvh"' 'on_reboot="destroy"' "$(does 'reboot -f')"
ok "a reboot" logged '^vmmd.* reboot: '
run 'type="pvh"' 'on_crash="destroy"' "$(does 'echo c >/proc/sysrq-trigger')"
ok "a crash" logged 'crashed: shutdown: the kernel has crashed|crashed: .*panic'

CONSOLE=ttyS0
run 'type="pvh"' "$(does 'cat /sys/hypervisor/type')"
ok "the serial port is there, too" said '^xen'
CONSOLE=hvc0

# ------------------------------------------------ devices of both kinds, and words

hvctl net -a $host/24 up || exit 1
sum() { sha256sum | cut -d ' ' -f 1; }
truncate -s 32M "$tmp/b"
head -c 24M /dev/urandom >"$tmp/c"
sum=$(sum <"$tmp/c")
cat >"$tmp/run" <<END
result() { if [ \$1 = 0 ]; then echo "T ok \$2"; else echo "T not ok \$2"; fi; }
driver() { basename "\$(readlink "\$1/device/driver")"; }

[ "\$(driver /sys/block/xvda)" = vbd ] && [ "\$(driver /sys/block/vda)" = virtio_blk ]
result \$? "xvda is Xen's, vda is virtio's"
[ "\$(sha256sum </dev/vda | cut -d ' ' -f 1)" = $sum ]
result \$? "vda is read"
dd if=/dev/vda of=/dev/xvdb bs=1M conv=fsync 2>/dev/null
result \$? "xvdb is written"
echo 3 >/proc/sys/vm/drop_caches
[ "\$(head -c 25165824 /dev/xvdb | sha256sum | cut -d ' ' -f 1)" = $sum ]
result \$? "... and read"
[ "\$(driver /sys/class/net/eth0)" = vif ] && [ "\$(driver /sys/class/net/eth1)" = virtio_net ] ||
	[ "\$(driver /sys/class/net/eth1)" = vif ] && [ "\$(driver /sys/class/net/eth0)" = virtio_net ]
result \$? "a card of Xen's, a card of virtio's"
for card in /sys/class/net/eth*; do
	[ \$(driver \$card) != vif ] || card=\${card##*/} && break
done
card=\${card##*/}
ip addr add 192.168.77.77/24 dev \$card && ip link set \$card up
ping -c 3 -W 5 $host >/dev/null
result \$? "ping over Xen's"
grep -q "xen-percpu *-virq *timer0" /proc/interrupts &&
	grep -q "xen-percpu *-ipi *resched1" /proc/interrupts
result \$? "timer and IPIs are Xen's"
echo "T done"
while :; do
	echo "S" \$(awk '/MemTotal/ { print \$2 < 140000 ? "small" : "large" }' /proc/meminfo) \
		cpus=\$(nproc) \$(cd /sys/block && echo *) \$(cd /sys/class/net && echo *)
	sleep 1
done
END
tar -C "$tmp" -cf "$tmp/a" run
start 'type="pvh"' vcpus=2 \
	"disk=['format=raw,vdev=xvda,access=ro,target=$tmp/a', 'format=raw,vdev=xvdb,access=rw,target=$tmp/b', 'format=raw,vdev=vda,access=ro,target=$tmp/c']" \
	"vif=['bridge=hvbr0', 'bridge=hvbr0,model=virtio-net']" \
	"$(does 'tar xf /dev/xvda -C /tmp; sh /tmp/run')"
ok "the guest goes through its tests" until_seen out '^T done'
results 17
ok "what it wrote is on the disk" [ "$(head -c 24M "$tmp/b" | sum)" = "$sum" ]

ok "block-list has both kinds" eval \
	'hvctl block-list boot-test | grep -Eq "backend/vbd/1/51712 *$" &&
	hvctl block-list -j boot-test | grep -q "\"name\":\"vda\""'
ok "mem-set" hvctl mem-set boot-test 128
ok "... has the balloon give memory back" until_seen out '^S small'
has() { hvctl list boot-test | grep -Eq "^boot-test +[0-9]+ +$1 "; }
for ((i = 0; i < 60 * slower; i++)); do has 1[23][0-9] && break; sleep 0.5; done
hvctl list boot-test >>"$tmp/log"
ok "... as list says" has 1[23][0-9]
hvctl mem-set boot-test 256
: >"$tmp/out"
ok "... and take it again" until_seen out '^S large'
ok "block-attach" hvctl block-attach boot-test "$tmp/log,raw,xvdc,r"
ok "... brings a disk" until_seen out '^S .* xvdc'
ok "block-detach" hvctl block-detach boot-test xvdc
ok "network-attach" hvctl network-attach boot-test bridge=hvbr0
ok "... brings a card" until_seen out '^S .* eth2'
hvctl vcpu-set boot-test 1
ok "vcpu-set has a vCPU leave" until_seen out '^S [a-z]+ cpus=1 '
ok "an NMI is let through" hvctl trigger boot-test nmi 0
ok "save is refused" eval \
	'! said=$(hvctl save boot-test "$tmp/saved" 2>&1) && [[ $said = *"type='"'pv'"' can be saved"* ]]'
ok "sysrq" hvctl sysrq boot-test h
ok "shutdown" hvctl shutdown boot-test
ok "... which the guest obeys" eval 'ended && [ $status = 0 ]'

finish
