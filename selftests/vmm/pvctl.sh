#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# hvctl's words to a Xen PV guest that runs: memory, vCPUs, keys, and devices
# that come and go.
#
# lab: smp=2 timeout=900

. "$(dirname "$0")/lib.sh"
plan 120

ip link add hvbr0 type bridge 2>/dev/null
ip link set hvbr0 up

column() { hvctl list pv | awk -v n="$1" 'NR == 2 { print $n }'; }
rss_mib() { awk '/^VmRSS:/ { print int($2 / 1024) }' "/proc/$(pid_of pv)/status"; }
fewer() { [ "$1" -lt "$2" ] || { diag "$1 is not less than $2"; false; }; }

file=$(config pv "type = 'pv'" "memory = 256" "maxmem = 320" "vcpus = 2" "maxvcpus = 3" "on_reboot = 'restart'" \
	"extra = 'console=hvc0 quiet'")
# The first of the lines that config wrote would win.
sed -i '/^memory = 96/d; /^extra = .*ttyS0/d' "$file"

# ------------------------------------------------------------- words that fail

for verb in mem-set mem-max vcpu-set block-attach block-detach network-detach sysrq trigger; do
	check_status "$verb without arguments" 2 hvctl $verb
done
check_status "mem-set of no guest" 3 hvctl mem-set no-such 100
check_status "block-attach to no guest" 3 hvctl block-attach no-such "$file,raw,xvdb,r"
check_status "network-attach to no guest" 3 hvctl network-attach no-such
check_status "block-list of no guest" 3 hvctl block-list no-such
check_status "a bad disk" 2 hvctl block-attach pv "$file,raw,xvdb,z"
check_text "is told" "unknown access 'z'" "$said"
check_status "a bad card" 2 hvctl network-attach pv mac=1
check_status "a bad key" 2 hvctl sysrq pv xy
check_status "a bad trigger" 2 hvctl trigger pv s3resume

check "create the guest" hvctl create -q "$file"
check_status "a key before anybody listens" 1 hvctl sysrq pv h
listen pv; result $? "its shell comes up"

# ------------------------------------------------------------------- memory

check_text "uptime" "^pv +[0-9]+ +0:0[0-9]:[0-9]{2}$" "$(hvctl uptime pv)"
check_text "... of all, short" "^ [0-9:]{8} up .*, Domain-0 \(0\)$" "$(hvctl uptime -s)"
memtotal() { inside 'awk "/MemTotal/ { print \$2 }" /proc/meminfo'; }
fewer "$(memtotal)" 262144; result $? "it starts with memory=, not maxmem="
[ "$(column 3)" = 256 ]; result $? "as list says"
inside 'head -c 80m /dev/zero >/f; rm /f' >/dev/null
before=$(rss_mib)
check "mem-set" hvctl mem-set pv 128
wait_for 30 sh -c 'hvctl list pv | grep -Eq "^pv +[0-9]+ +128 "'
result $? "the balloon gives memory back"
check "the guest has less" until_inside 30 '[ $(awk "/MemTotal/ { print \$2 }" /proc/meminfo) -lt 140000 ]'
fewer "$(rss_mib)" $((before - 40)); result $? "and the host has more (it was $before MiB)"
check_status "mem-max below what it may have" 1 hvctl mem-max pv 100
check_text "is refused" "the guest may have 128 MiB now" "$said"
check "mem-max" hvctl mem-max pv 160
check_status "mem-set beyond it" 1 hvctl mem-set pv 200
check_text "is refused, too" "200 MiB cannot be had: expected 1 to 160" "$said"
check_status "mem-max beyond maxmem" 1 hvctl mem-max pv 400
check "mem-max of all" hvctl mem-max pv 320
check "mem-set of memory=" hvctl mem-set pv 256
check "the guest has it again" until_inside 30 '[ $(awk "/MemTotal/ { print \$2 }" /proc/meminfo) -gt 200000 ]'
[ "$(column 3)" = 256 ]; result $? "as list says"
# What it did not start with Linux hot-adds; to switch it on is udev's, or ours.
inside 'echo online >/sys/devices/system/memory/auto_online_blocks' >/dev/null
check "mem-set of maxmem=" hvctl mem-set pv 320
check "the guest has more than it started with" until_inside 30 '[ $(awk "/MemTotal/ { print \$2 }" /proc/meminfo) -gt 265000 ]'
[ "$(column 3)" = 320 ]; result $? "as list says"
inside 'head -c 64m /dev/zero >/f; sha1sum </f >/sum; rm /f; cat /sum' >"$work/sum"
check_text "and what it puts there stays" "^44fac4bedde4df04b9572ac665d3ac2c5cd00c7d " "$(cat "$work/sum")"

# -------------------------------------------------------------------- vCPUs

[ "$(inside nproc)" = 2 ]; result $? "two vCPUs of three at first"
check "vcpu-set to one" hvctl vcpu-set pv 1
check "the guest has one" until_inside 30 '[ $(nproc) = 1 ]'
[ "$(column 4)" = 1 ]; result $? "as list says"
check_text "vcpu-list shows the others" "^pv +[0-9]+ +2 +- +--p " "$(hvctl vcpu-list pv)"
check "vcpu-set to three" hvctl vcpu-set pv 3
# The kernel makes them present; to switch them on is udev's, or ours.
check "the guest has three" until_inside 30 \
	'for c in 1 2; do echo 1 >/sys/devices/system/cpu/cpu$c/online; done; [ $(nproc) = 3 ]'
check_status "vcpu-set to four" 1 hvctl vcpu-set pv 4
check_text "is refused" "4 vCPUs cannot be had: expected 1 to 3" "$said"
check_status "vcpu-set to none" 1 hvctl vcpu-set pv 0

# --------------------------------------------------------------------- keys

check "sysrq" hvctl sysrq pv h
check "the guest takes it" until_inside 20 'dmesg | grep -q "sysrq: HELP"'

# --------------------------------------------------------------------- NMIs

check "an NMI" hvctl trigger pv nmi
check "comes" until_inside 20 'dmesg | grep "NMI.* unknown reason .* CPU 0"'
check "an NMI to the second vCPU, idle" hvctl trigger pv nmi 1
check "comes, too" until_inside 20 'dmesg | grep "NMI.* unknown reason .* CPU 1"'
inside 'for n in 1 2 3; do sh -c "while :; do :; done" & done' >/dev/null
hvctl trigger pv nmi 1
check "is interrupted" until_inside 20 '[ $(dmesg | grep -c "NMI.* unknown reason .* CPU 1") = 2 ]'
inside 'echo 1 >/proc/sys/kernel/sysrq' >/dev/null
check "a key that asks the others where they are" hvctl sysrq pv l
check "they say so in their NMIs" until_inside 20 '[ $(dmesg | grep -c "NMI backtrace for cpu") = 3 ]'
inside 'kill %1 %2 %3' >/dev/null
check_status "an NMI to no vCPU" 1 hvctl trigger pv nmi 3
check_text "is refused" "no vCPU 3: expected 0 to 2" "$said"

# -------------------------------------------------------------------- disks

head -c 8M /dev/urandom >"$work/disk"
sum=$(sha1sum <"$work/disk")
check "block-attach" hvctl block-attach pv "$work/disk,raw,xvdb,w"
check "the guest sees the disk" until_inside 20 'test -b /dev/xvdb'
[ "$(inside 'sha1sum </dev/xvdb')" = "$sum" ]; result $? "and reads it"
inside 'echo changed | dd of=/dev/xvdb conv=fsync' >/dev/null
check_text "and writes it" "^changed" "$(head -c 8 "$work/disk" | tr -d '\0')"
check_text "block-list" "^51728 0   0      4     [0-9]+ +[0-9]+ +/local/domain/0/backend/vbd/1/51728 *$" \
	"$(hvctl block-list pv)"
check_text "... as JSON" "\"host\":\"$work/disk\"" "$(hvctl block-list -j pv)"
check_status "the same name again" 1 hvctl block-attach pv "$file,raw,xvdb,r"
check_text "is refused" "xvdb: the guest has such a disk" "$said"
check_status "the same file again" 1 hvctl block-attach pv "$work/disk,raw,xvdc,w"
check_text "is refused, too" "in use by another guest" "$said"
check_status "a file that is none" 1 hvctl block-attach pv "$work/no,raw,xvdc,w"
check_status "detach of another disk" 1 hvctl block-detach pv xvdc
check_text "names it" "no device 'xvdc'" "$said"
check "block-detach" hvctl block-detach pv xvdb
check "the guest has it no more" until_inside 30 '! test -b /dev/xvdb'
[ "$(hvctl block-list pv | wc -l)" = 1 ]; result $? "nor has the list"
check "the file is free for a guest again" hvctl block-attach pv \
	format=raw,vdev=xvdc,access=ro direct-io-safe "target=$work/disk"
check "which sees it as read-only" until_inside 20 '[ $(blockdev --getro /dev/xvdc) = 1 ]'
hvctl pause pv
check_status "detach from a paused guest" 1 hvctl block-detach pv xvdc
check_text "cannot be" "does not run" "$said"
check "but by force" hvctl block-detach --force pv 51744
hvctl unpause pv
check "the guest notices" until_inside 20 '! test -b /dev/xvdc'

# A disk that is being read.
hvctl block-attach pv "$work/disk,raw,xvdb,w"
until_inside 20 'test -b /dev/xvdb'
inside 'while :; do cat /dev/xvdb; done >/dev/null 2>&1 &' >/dev/null
check "a busy disk is taken away" hvctl block-detach pv xvdb
inside 'kill %1' >/dev/null
check "and the guest lives on" until_inside 30 '! test -b /dev/xvdb'

# -------------------------------------------------------------------- cards

check "network-attach" hvctl network-attach pv bridge=hvbr0 mac=00:16:3e:01:02:03
check "the guest sees the card" until_inside 20 'grep -q 00:16:3e:01:02:03 /sys/class/net/eth0/address'
check_text "network-list" "^0   0  00:16:3e:01:02:03 +0 +4 +[0-9]+ +[0-9]+/[0-9]+ +/local/domain/0/backend/vif/1/0 *$" \
	"$(hvctl network-list pv)"
inside 'ip addr add 192.168.79.2/24 dev eth0; ip link set eth0 up' >/dev/null
ip addr add 192.168.79.1/24 dev hvbr0
check "it works" wait_for 20 ping -c 1 -W 2 192.168.79.2
check "network-detach" hvctl network-detach pv 00:16:3e:01:02:03
check "the guest has it no more" until_inside 30 '! test -e /sys/class/net/eth0'
! ls /sys/class/net | grep -q hvtap; result $? "nor has the host"

# -------------------------------------------------------------------- names

check_status "rename to no name" 2 hvctl rename pv -- .x
hvctl create -q -p "$(config other)"
check_status "rename to another's name" 1 hvctl rename pv other
check_text "is refused" "other: a guest of that name runs" "$said"
check "rename" hvctl rename other third
check_text "list has the new name" "^third " "$(hvctl list)"
! hvctl list | grep -q "^other "; result $? "and not the old one"
check_text "so has its log" "renamed to third" "$(hvctl log third)"

# -------------------------------------------------- guests that are not PV ones

check "unpause" hvctl unpause third
check_status "vcpu-set of a guest with virtio" 1 hvctl vcpu-set third 1
check_text "is refused" "type='pv' or 'pvh' only" "$said"
check_status "block-attach to it" 1 hvctl block-attach third "$work/disk,raw,xvdb,w"
check_status "sysrq to it" 1 hvctl sysrq third h
console_has third 60 "guest: ready"
check "an NMI" hvctl trigger third nmi 0
console_has third 20 "NMI received|NMI: .*reason"; result $? "is received"
check_status "an NMI to no vCPU" 1 hvctl trigger third nmi 4
check "mem-max" hvctl mem-max third 96
check "destroy" hvctl destroy third

# ------------------------------------------------------------------- the end

check "a reset" hvctl trigger pv reset
check "starts it anew" wait_for 60 sh -c 'hvctl list -l pv | grep -q "\"restarts\":1"'
check "its shell comes up again" until_inside 60 true
check "reboot" hvctl reboot -w -t 60 pv
check_text "is what the guest did" 'reboot: shutdown: reboot \(restart\)' "$(hvctl log pv)"
check "it starts anew" wait_for 60 sh -c 'hvctl list -l pv | grep -q "\"restarts\":2"'
check "its shell comes up once more" until_inside 60 true
check "shutdown" hvctl shutdown -w -t 60 pv
check_text "is what the guest did" 'shutdown: power off' "$(hvctl log pv)"

finish
