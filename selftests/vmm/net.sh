#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# How guests reach the host and beyond: a network made by hvctl net up, with
# DHCP and NAT, and what a user without privileges gets, by passt.
#
# lab: timeout=300

. "$(dirname "$0")/lib.sh"

# The emulator's network: the host's way to the outside.
outside=10.0.2.2
inside=192.168.77.1

modprobe tun

# What a guest does: asks for an address and tries it once a second. With
# arguments it is udhcpc's script.
cat >"$work/go" <<END
#!/bin/sh
if [ "\$1" = bound ]; then
	ip addr add \$ip/\$mask dev \$interface
	ip route add default via \$router
	echo \$router >/tmp/router
	echo "lease \$ip/\$mask router \$router dns \$dns"
fi
[ -z "\$1" ] || exit 0
ip link set eth0 up
udhcpc -q -n -t 10 -i eth0 -s /tmp/go
echo "udhcpc \$?"
for n in \$(seq 300); do
	case \$MODE in
	ping)
		ping -c 1 -W 1 $inside >/tmp/ping && echo "\$n host answers"
		ping -c 1 -W 1 $outside >/tmp/ping && echo "\$n outside answers" ||
			echo "\$n outside is silent"
		;;
	# Its input stays open: passt of Debian 12 would end the connection.
	tcp) sleep 5 | nc -w 5 \$(cat /tmp/router) 7007 ;;
	esac
	sleep 1
done
END
chmod 755 "$work/go"
tar -C "$work" -cf "$work/go.tar" go

# guest NAME MODE LINE...: its configuration's path
guest() {
	local name=$1 mode=$2

	shift 2
	config "$name" "disk = [ 'format=raw,vdev=xvda,access=ro,target=$disk' ]" "$@" \
		"extra = 'console=ttyS0 quiet MODE=$mode -- tar xf /dev/vda -C /tmp; /tmp/go'"
	sed -i '/sleep 1000/d' "$work/$name.cfg"
}

# What a network consists of, but for the bridge itself, which stays.
traces() {
	nft list ruleset
	ip -o addr show | grep -v ' eth0 '
	find /sys/class/net/ -type l ! -name hvbr0
	pidof dnsmasq
	find /run/hvctl -name '.net-*' 2>/dev/null
	:
}

plan 26
disk=$work/go.tar

# ------------------------------------------------------------------ hvctl net

check_status "net without a word" 2 hvctl net
check_status "an address that is none" 1 hvctl net -a 192.168.77 up
check_text "says what is expected" "expected A.B.C.D/LEN" "$said"
check_status "the address of a network" 1 hvctl net -a 192.168.77.0/24 up
! setpriv --reuid=12345 --regid=12345 --clear-groups hvctl net up 2>"$work/err"
result $? "a user may not"
check_text "and is told so" "needs root" "$(cat "$work/err")"

before=$(traces)
check "down while it is not up" hvctl net down
check "up" hvctl net -a $inside/24 up
check_text "the bridge has the address" "inet $inside/24 " "$(ip -4 -o addr show hvbr0)"
check "up again" hvctl net -a $inside/24 up
[ "$(pidof dnsmasq | wc -w)" = 1 ]; result $? "one DHCP server"

check "a guest on it" hvctl create "$(guest net ping "vif = [ 'bridge=hvbr0' ]")"
console_has net 90 "lease 192\.168\.77\.[0-9]+/24 router $inside dns $inside"
result $? "gets an address, a router and a name server"
console_has net 30 "host answers"; result $? "reaches the host"
console_has net 30 "outside answers"; result $? "and, through it, the outside"
check_text "the host knows it by that address" "^192\.168\.77\..*(REACHABLE|STALE|DELAY)" \
	"$(ip neigh show dev hvbr0)"
check "down while the guest lives" hvctl net down
console_has net 30 "outside is silent"; result $? "cuts it off"
[ -e /sys/class/net/hvbr0/brif ] && [ -n "$(ls /sys/class/net/hvbr0/brif)" ]
result $? "its bridge stays"
hvctl net -a $inside/24 up && console_has net 30 "silent.*|host answers"
hvctl destroy net
check "down" hvctl net down
[ "$(traces)" = "$before" ] || diag "$(diff <(echo "$before") <(traces))"
[ "$(traces)" = "$before" ]; result $? "leaves nothing"

# -------------------------------------------------------------------- a user's

home=/run/user/12345
mkdir -p $home
chown 12345:12345 $home
chmod 700 $home
modes=$(stat -c %a $node)
chmod 666 $node
disk=$home/go.tar
cp "$work/go.tar" $home/
cp "$(guest mine tcp "vif = [ '' ]")" $home/
chmod 644 $home/go.tar $home/mine.cfg
as_user() { setpriv --reuid=12345 --regid=12345 --clear-groups env XDG_RUNTIME_DIR=$home "$@"; }

socat TCP4-LISTEN:7007,bind=127.0.0.1,fork,reuseaddr SYSTEM:'echo hello from the host' &
server=$!
check "a user's guest" as_user hvctl create $home/mine.cfg
check_text "has a passt of his" "^ *12345$" "$(ps -C passt,passt.avx2 -o uid=)"
mine_has() { as_user timeout "$1" hvctl console mine </dev/null 2>/dev/null | grep -Eqm1 -- "$2"; }
mine_has 90 "lease 10\.0\.2\.15/[0-9]+ router $outside"; result $? "gets an address and a router"
mine_has 30 "hello from the host"; result $? "reaches the host"
as_user hvctl destroy mine
wait_for 10 sh -c '! pidof passt passt.avx2'; result $? "passt ends with the guest"
kill $server
chmod "$modes" $node

finish
