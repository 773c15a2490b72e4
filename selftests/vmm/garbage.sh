#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# A guest that writes garbage into every virtio ring and register. vmmd has to
# survive it, or to end that guest with a message; others must not notice.
#
# lab: timeout=300

. "$(dirname "$0")/lib.sh"

rounds=60
modprobe -a tun vhost_net vhost_vsock 2>/dev/null
vsock=''
[ ! -e /dev/vhost-vsock ] || vsock='vsock_cid = 43'

cp ../guest/garbage "$work/garbage"
tar -C "$work" -cf "$work/a" garbage
truncate -s 16M "$work/b"

# run SEED: one guest, its console in $work/SEED.
run() {
	config "g$1" "memory = 128" "$vsock" \
		"disk = [ 'format=raw,vdev=xvda,access=ro,target=$work/a'," \
		"         'format=raw,vdev=xvdb,access=rw,target=$work/b' ]" \
		"vif = [ 'type=bridge', 'type=bridge,rate=10Mb/s' ]" "on_crash = 'destroy'" \
		"extra = 'console=ttyS0 quiet oops=panic panic=-1 -- tar xf /dev/vda -C /tmp; /tmp/garbage $rounds $1'" \
		>/dev/null
	sed -i '/sleep 1000/d; /^memory = 96$/d' "$work/g$1.cfg"
	hvctl create "$work/g$1.cfg" || return
	timeout 100 hvctl console "g$1" </dev/null >"$work/$1" 2>&1
	wait_for 10 sh -c '! pidof -q vmmd'
}

plan 7
for seed in 1 $RANDOM; do
	check "seed $seed: vmmd comes to an end" run "$seed"
	text=$(hvctl log "g$seed")
	grep -Eq 'garbage: done' "$work/$seed" || grep -Eq 'crashed: ' <<<"$text"
	result $? "seed $seed: the guest has done its worst, or was ended for it"
	check_text "seed $seed: vmmd said what became of the guest" '(shutdown|crashed): ' "$text"
	[ $failures = 0 ] || diag "$(tail -n 30 "$work/$seed")" "$(tail -n 30 <<<"$text")"
done
hvctl create "$(config after)" && console_has after 60 "guest: init reached"
result $? "the next guest starts as ever"
finish
