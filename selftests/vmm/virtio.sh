#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Every virtio device at work in a Linux guest, checked from both sides.
#
# lab: smp=2 timeout=300 unfinished

. "$(dirname "$0")/lib.sh"

tool=$PWD/../guest/tool
log=$work/console
guest=virtio

modprobe -a tun vhost_net vhost_vsock 2>/dev/null
vsock=''
[ ! -e /dev/vhost-vsock ] || vsock=42

# at PLACE: wait until the guest says that it is there.
at() {
	wait_for 120 sh -c "grep -q '^T at $1' $log || ! pidof -q vmmd" && grep -q "^T at $1" "$log"
}

# give PORT FILE, take PORT FILE: what the guest's connections to PORT get from
# FILE, or add to it.
give() { socat -U "TCP-LISTEN:$1,fork,reuseaddr" "OPEN:$2,rdonly" 2>>"$work/socat" & servers+=($!); }
take() { socat -u "TCP-LISTEN:$1,fork,reuseaddr" "OPEN:$2,wronly,creat,append" 2>>"$work/socat" & servers+=($!); }

# ------------------------------------------------------------- set the stage

servers=()
trap 'kill "${servers[@]}" 2>/dev/null; cleanup' EXIT

# passt gives a guest the host's own address and wants a way to the outside.
if ! ip route show default | grep -q .; then
	ip link add hvdummy type dummy
	ip addr add 10.9.9.1/24 dev hvdummy
	ip link set hvdummy up
	ip route add default via 10.9.9.2
fi
read -r _ _ gateway _ device _ < <(ip route show default)
address=$(ip -4 -o addr show dev "$device" | awk '{ print $4; exit }')

truncate -s 64M "$work/b"
head -c 16M /dev/zero | tr '\0' x >"$work/c"
head -c 8M /dev/urandom >"$work/d"
head -c 256K "$work/d" >"$work/passt"
data=$(head -c 2M "$work/d" | sha256sum | cut -d ' ' -f 1)
{
	echo "VDD_SUM=$(sha256sum <"$work/d" | cut -d ' ' -f 1)"
	echo "VDC_SUM=$(head -c 1M "$work/c" | sha256sum | cut -d ' ' -f 1)"
	echo "PASST_SUM=$(sha256sum <"$work/passt" | cut -d ' ' -f 1)"
	echo "VSOCK=$vsock"
	echo "PASST_ADDRESS=${address%/*}"
	echo "PASST_GATEWAY=$gateway"
} >"$work/expect"
cp virtio_guest "$work/run"
cp "$tool" "$work/tool"
tar -C "$work" -cf "$work/a" run expect tool

config $guest "memory = 192" "vcpus = 2" ${vsock:+"vsock_cid = $vsock"} \
	"disk = [ 'format=raw,vdev=xvda,access=ro,target=$work/a'," \
	"         'format=raw,vdev=xvdb,access=rw,target=$work/b'," \
	"         'format=raw,vdev=xvdc,access=rw,target=$work/c'," \
	"         'format=raw,vdev=xvdd,access=ro,target=$work/d' ]" \
	"vif = [ 'mac=02:00:00:00:00:10', 'mac=02:00:00:00:00:11,rate=80Mb/s,mtu=1400'," \
	"        'mac=02:00:00:00:00:12,type=user' ]" \
	"extra = 'console=ttyS0 quiet -- tar xf /dev/vda -C /tmp; sh /tmp/run'" >/dev/null
sed -i '/sleep 1000/d; /^memory = 96$/d' "$work/$guest.cfg"

give 5001 "$work/d"
take 5002 "$work/sent"
give 5003 "$work/passt"

# ------------------------------------------------------------------ the guest

echo "TAP version 13"
check_status "create" 0 hvctl create "$work/$guest.cfg"
ip addr add 10.1.0.1/24 dev hvbr0
hvctl console $guest </dev/null >"$log" 2>&1 &
hvctl console -t virtio $guest </dev/null >"$work/hvc0" 2>&1 &
pid=$(pid_of $guest)

at balloon; result $? "the guest gets to its balloon"
check "mem-set: less" hvctl mem-set $guest 112
at deflate
# Beside guest RAM: all but the mapping that is as large as that.
pss=$(awk '/^[0-9a-f]+-[0-9a-f]+ / { big = 0 } /^Size:/ { big = $2 > 65536 }
	/^Pss:/ && !big { sum += $2 } END { print sum }' "/proc/$pid/smaps")
diag "vmmd: $pss KiB PSS beside guest RAM"
[ -n "$pss" ] && [ "$pss" -lt 5120 ]; result $? "vmmd takes less than 5 MiB"
rss=$(awk '/^VmRSS/ { print int($2 / 1024) }' "/proc/$pid/status")
diag "vmmd: $rss MiB in all while the balloon is inflated"
check "mem-set: all" hvctl mem-set $guest 192

at console
wait_for 10 grep -q "hvc0 speaks" "$work/hvc0"; result $? "console: output"
(sleep 1; echo "hvc0 hears"; sleep 5) | timeout 10 hvctl console -t virtio $guest >/dev/null 2>&1 &
at agent
{ echo "agent?"; sleep 20; } |
	timeout 30 socat -t 20 - "UNIX-CONNECT:/run/hvctl/$guest/agent" >"$work/agent" 2>>"$work/socat" &
if [ -n "$vsock" ]; then
	at vsock
	sleep 1
	timeout 30 socat -t 5 - "VSOCK-CONNECT:$vsock:1234" <"$work/expect" >"$work/echo" 2>>"$work/socat"
	cmp "$work/expect" "$work/echo"; result $? "vsock: echo"
fi
at end; result $? "the guest gets to its end"
wait_for 30 sh -c '! pidof vmmd'; result $? "and powers off"
wait_for 10 test "$(stat -c %s "$work/agent")" = 2097152
[ "$(sha256sum <"$work/agent" | cut -d ' ' -f 1)" = "$data" ]
result $? "console: the agent speaks"
[ "$(dd if="$work/b" bs=4k skip=1000 count=512 2>/dev/null | sha256sum | cut -d ' ' -f 1)" = "$data" ]
result $? "blk: what was written is in the file"
[ "$(stat -c %b "$work/c")" -le $((15 << 11)) ]; result $? "blk: discard frees space"
[ "$(stat -c %s "$work/sent")" = $(((2 << 21) + (256 << 10))) ] &&
	[ "$(head -c 2M "$work/sent" | sha256sum | cut -d ' ' -f 1)" = "$data" ] &&
	tail -c 256K "$work/sent" | cmp - "$work/passt"
result $? "net: what was sent came in"

while read -r line; do
	case $line in
	"T ok "*) result 0 "guest: ${line#T ok }" ;;
	"T not ok "*) result 1 "guest: ${line#T not ok }" ;;
	esac
done < <(tr -d '\r' <"$log")
if [ $failures != 0 ]; then
	diag "$(tail -n 40 "$log")"
	diag "$(hvctl log $guest | tail -n 20)"
	diag "$(cat "$work/socat")"
fi
echo "1..$number"
finish
