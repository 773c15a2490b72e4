#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Every virtio device at work in a Linux guest, checked from both sides.
#
# lab: smp=2 timeout=600

. "$(dirname "$0")/lib.sh"

tool=$PWD/../guest/tool
log=$work/console
guest=virtio

modprobe -a loop tun vhost_net vhost_vsock 2>/dev/null
vsock=''
[ ! -e /dev/vhost-vsock ] || vsock=42

# at PLACE: wait until the guest says that it is there. How long it takes says
# nothing, for the machine under this one may have others to serve.
at() {
	wait_for 240 sh -c "grep -q '^T at $1' $log || ! pidof -q vmmd" && grep -q "^T at $1" "$log"
}

# say TEXT: type a line at hvc0.
say() { echo "$1" >&7; }

# status KEY: a number of the guest's status, memory in MiB.
status() {
	hvctl list -l $guest | awk -F '[:,]' -v key="\"$1\"" '
		{ gsub(/[ {]/, "") } $1 == key { print int($2 / 1048576); exit }'
}

# status_is KEY OPERATOR MIB, as test(1) has it; false while there is none.
status_is() { [ "$(status "$1")" "$2" "$3" ]; }

# MiB that vmmd and its guest take.
rss() { awk '/^VmRSS/ { print int($2 / 1024) }' "/proc/$pid/status"; }
rss_below() { [ "$(rss)" -lt "$1" ]; }

size_is() { [ "$(stat -c %s "$1")" = "$2" ]; }

# agent OUTPUT BYTES LINE: say LINE to the guest's agent and stay until it has
# answered so many bytes.
agent() {
	{ echo "$3"; wait_for 240 size_is "$1" "$2"; } |
		timeout 250 socat - "UNIX-CONNECT:/run/hvctl/$guest/agent" >"$1" 2>>"$work/socat"
}

# give PORT FILE, take PORT FILE: what the guest's connections to PORT get from
# FILE, or add to it.
give() { socat -U "TCP-LISTEN:$1,fork,reuseaddr" "OPEN:$2,rdonly" 2>>"$work/socat" & servers+=($!); }
take() { socat -u "TCP-LISTEN:$1,fork,reuseaddr" "OPEN:$2,wronly,creat,append" 2>>"$work/socat" & servers+=($!); }

# ------------------------------------------------------------- set the stage

servers=()
loop=''
trap 'kill "${servers[@]}" 2>/dev/null; [ -z "$loop" ] || losetup -d "$loop"; cleanup' EXIT

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
head -c 16M /dev/zero | tr '\0' y >"$work/e"
loop=$(losetup -f --show "$work/e")
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

config $guest "memory = 256" "vcpus = 2" ${vsock:+"vsock_cid = $vsock"} \
	"disk = [ 'format=raw,vdev=xvda,access=ro,target=$work/a'," \
	"         'format=raw,vdev=xvdb,access=rw,target=$work/b'," \
	"         'format=raw,vdev=xvdc,access=rw,target=$work/c'," \
	"         'format=raw,vdev=xvdd,access=ro,target=$work/d'," \
	"         'format=raw,vdev=xvde,access=rw,direct-io-safe,target=$loop' ]" \
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
mkfifo "$work/type" "$work/nothing"
hvctl console -t virtio $guest <"$work/type" >"$work/hvc0" 2>&1 &
exec 7>"$work/type" 8<>"$work/nothing"
pid=$(pid_of $guest)

if [ -e /dev/vhost-net ]; then
	# One card has no rate to keep and no thread of vmmd's.
	threads=$(cat /proc/"$pid"/task/*/comm)
	find "/proc/$pid/fd" -lname /dev/vhost-net | grep -q . &&
		! grep -qx vif0 <<<"$threads" && grep -qx vif1 <<<"$threads"
	result $? "net: vhost has the card without a rate"
fi

at console; result $? "the guest gets to its console"
wait_for 120 grep -q "hvc0 speaks" "$work/hvc0"; result $? "console: output"
say "hvc0 hears"
at size
script -qec "stty cols 132 rows 43; exec hvctl console -t virtio $guest" /dev/null \
	<&8 >/dev/null 2>&1 &
servers+=($!)

at agent
agent "$work/agent" 2097152 "agent?"
agent "$work/again" 6 "again?"
grep -qx "again" "$work/again"; result $? "console: the agent serves another program"

if [ -n "$vsock" ]; then
	at vsock
	timeout 120 socat -t 110 - "VSOCK-CONNECT:$vsock:1234" <"$work/expect" >"$work/echo" 2>>"$work/socat"
	cmp "$work/expect" "$work/echo"; result $? "vsock: echo"
fi

at filled
filled=$(rss)
say "free it"
# Not all of it: Linux reports blocks that are free as a whole.
wait_for 120 rss_below $((filled - 24)); result $? "balloon: what is free is reported"
diag "vmmd: $filled MiB with memory in use, $(rss) when it was free"
say "go on"

at balloon; result $? "the guest gets to its balloon"
# By the guest's own count, for the driver's last answer may be older.
before=$(sed -n 's/^T has \([0-9]*\).*/\1/p' "$log")
wait_for 60 status_is memory_available -ge $((before - 24)); result $? "balloon: statistics"
check "mem-set: less" hvctl mem-set $guest 160
wait_for 120 status_is balloon_actual -eq 96; result $? "balloon: gets as large as asked"
at deflate
# Beside guest RAM: all but the mapping that is as large as that.
pss=$(awk '/^[0-9a-f]+-[0-9a-f]+ / { big = 0 } /^Size:/ { big = $2 > 65536 }
	/^Pss:/ && !big { sum += $2 } END { print sum }' "/proc/$pid/smaps")
diag "vmmd: $pss KiB PSS beside guest RAM"
[ -n "$pss" ] && [ "$pss" -lt 5120 ]; result $? "vmmd takes less than 5 MiB"
diag "vmmd: $(rss) MiB in all while the balloon is inflated"
# Linux wipes the pages it gives to the balloon, so all have been ours.
rss_below $((160 + 16)); result $? "balloon: the host has the memory"
wait_for 60 status_is memory_available -lt $((before - 60)); result $? "balloon: statistics follow"
diag "available to the guest: $before MiB before, $(status memory_available) now"
check "mem-set: all" hvctl mem-set $guest 256
wait_for 120 status_is balloon_actual -eq 0; result $? "balloon: gives all back"

at end; result $? "the guest gets to its end"
wait_for 120 sh -c '! pidof vmmd'; result $? "and powers off"
[ "$(sha256sum <"$work/agent" | cut -d ' ' -f 1)" = "$data" ]
result $? "console: the agent speaks"
[ "$(dd if="$work/b" bs=4k skip=1000 count=512 2>/dev/null | sha256sum | cut -d ' ' -f 1)" = "$data" ]
result $? "blk: what was written is in the file"
[ "$(stat -c %b "$work/c")" -le $((15 << 11)) ]; result $? "blk: discard frees space"
[ "$(tail -c 2M "$work/e" | sha256sum | cut -d ' ' -f 1)" = "$data" ]
result $? "blk: what was written is in the block device"
[ "$(stat -c %b "$work/e")" -le $((15 << 11)) ]; result $? "blk: discard reaches the block device"
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
	diag "$(cat "$work/hvc0")"
fi
echo "1..$number"
finish
