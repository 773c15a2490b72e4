#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Disks that are not raw: guests with virtio and with PV disks use images of
# each format, and what happens when a guest, its vmmd or a disk's daemon ends.
#
# lab: smp=2 timeout=900

. "$(dirname "$0")/lib.sh"
echo "TAP version 13"

# sum_of DEVICE MIB-FROM MIB: what the guest reads there.
sum_of() { inside "dd if=/dev/$1 bs=1M skip=$2 count=$3 iflag=direct 2>/dev/null | sha1sum"; }

# in_image FORMAT FILE MIB-FROM MIB: what QEMU reads there.
in_image() {
	qemu-img dd -U -f "$1" -O raw bs=1M skip="$3" count=$(($3 + $4)) if="$2" of="$work/part" &&
		sha1sum <"$work/part"
	rm -f "$work/part"
}

daemons() { pgrep -xc qemu-storage-da; }
no_daemons() { ! pgrep -x qemu-storage-da; }
daemon_of() { pgrep -f "^qemu-storage-daemon.*$1"; }
guest_log() { hvctl log "$1"; }
gone() { ! hvctl list "$1"; }
kib() { du -k "$1" | cut -f 1; }
sound() { qemu-img check -q -f "$1" "$2"; }
# What a guest leaves behind is nothing.
clean() {
	! ls -d /tmp/hvctl.* 2>/dev/null && ! grep /tmp/hvctl /proc/net/unix &&
		diff "$work/mounts" /proc/mounts
}

# guest NAME TYPE LINE...: the configuration of a guest with a shell.
guest() {
	local name=$1 type=$2 file console=ttyS0

	shift 2
	[ "$type" != pv ] || console=hvc0
	file=$(config "$name" "type = '$type'" "memory = 128" "extra = 'console=$console quiet'" "$@")
	# The first of the lines that config wrote would win.
	sed -i '/^memory = 96/d; /^extra = .* -- /d' "$file"
	echo "$file"
}

cat /proc/mounts >"$work/mounts"
images=$work/images
mkdir "$images"
head -c 2M /dev/urandom >"$work/data"
data=$(sha1sum <"$work/data")
truncate -s 8M "$images/base"
dd if="$work/data" of="$images/base" bs=1M seek=4 conv=notrunc 2>/dev/null
base=$(sha1sum <"$images/base")

# ------------------------------------------------------------- both kinds of disk

for type in hvm pv; do
	vd=vd
	[ $type != pv ] || vd=xvd
	for format in qcow2 qcow qed vmdk; do
		rm -f "$images/$format"
		qemu-img create -q -f $format "$images/$format" 64M
	done
	rm -f "$images/vhd"
	qemu-img create -q -f vpc -o force_size=on "$images/vhd" 64M
	rm -f "$images/top,a=b"
	qemu-img create -q -f qcow2 -F raw -b base "$images/top,a=b"
	file=$(guest $type $type "disk = ['$work/data,raw,xvda,r', '$images/qcow2,qcow2,xvdb,w'," \
		"'format=qcow2,vdev=xvdc,access=rw,target=$images/top,a=b'," \
		"'$images/vhd,vhd,xvdd,w', 'tap:qcow:$images/qcow,xvde,w', '$images/qed,qed,xvdf,w'," \
		"'$images/vmdk,vmdk,xvdg,w', '$images/base,raw,xvdh,r']")

	check "$type: a guest with images" hvctl create -q "$file"
	[ "$(daemons)" = 6 ]; result $? "$type: a daemon for each"
	daemon=$(daemon_of images/qed)
	check_text "$type: which can do no more than open files" "^CapEff:[[:space:]]*0+6$" \
		"$(cat "/proc/$daemon/status")"
	diag "a daemon takes $(awk '/^Pss:/ { print $2 }' "/proc/$daemon/smaps_rollup") KiB PSS"
	listen $type; result $? "$type: its shell comes up"
	[ "$(inside "blockdev --getsize64 /dev/${vd}b")" = $((64 << 20)) ]
	result $? "$type: the size is the disk's and not the file's"
	inside "for d in b d e f g; do dd if=/dev/${vd}a of=/dev/$vd\$d bs=1M seek=4 conv=fsync; done" >/dev/null
	for pair in b:qcow2 d:vhd e:qcow f:qed g:vmdk; do
		[ "$(sum_of $vd${pair%:*} 4 2)" = "$data" ]
		result $? "$type: ${pair#*:}: what was written is read"
	done
	[ "$(in_image qcow2 "$images/qcow2" 4 2)" = "$data" ]
	result $? "$type: a flush brings it into the file"
	[ "$(inside "sha1sum </dev/${vd}c")" = "$base" ]; result $? "$type: a backing file is read"
	inside "dd if=/dev/${vd}a of=/dev/${vd}c bs=1M count=1 seek=1 conv=fsync" >/dev/null
	[ "$(sha1sum <"$images/base")" = "$base" ]; result $? "$type: and not written"

	# Several programs, more at once than the disk takes.
	inside "for i in 0 1 2 3 4 5 6 7; do dd if=/dev/${vd}a of=/dev/${vd}b bs=4k count=256 \
seek=\$((4096 + i * 1024)) conv=fsync & done; wait" >/dev/null 2>&1
	part=$(head -c 1M "$work/data" | sha1sum)
	same=0
	for i in 0 1 2 3 4 5 6 7; do
		[ "$(sum_of ${vd}b $((16 + i * 4)) 1)" = "$part" ] || same=1
	done
	result $same "$type: writers side by side"

	before=$(kib "$images/qcow2")
	inside "blkdiscard -o 16777216 -l 50331648 /dev/${vd}b" >/dev/null
	after=$(kib "$images/qcow2")
	diag "qcow2: $before KiB before the discard, $after behind it"
	[ "$after" -lt $((before - 6000)) ]; result $? "$type: discard makes the file smaller"
	[ "$(sum_of ${vd}b 4 2)" = "$data" ]; result $? "$type: and leaves the rest"

	check_status "$type: a second guest with the image" 1 hvctl create -q "$(config second \
		"disk = ['$images/qcow2,qcow2,xvda,w']")"
	check_text "$type: is told of disk and file" \
		"xvda: $images/qcow2: in use by another process" "$said"
	check_status "$type: nor is it a raw disk now" 1 hvctl create -q "$(config second \
		"disk = ['$images/qcow2,raw,xvda,w']")"

	check "$type: destroy" hvctl destroy $type
	check "$type: leaves no daemon" no_daemons
	check "$type: and no traces" clean
	for pair in qcow2:qcow2 qed:qed vmdk:vmdk; do
		check "$type: ${pair#*:} is sound" sound "${pair#*:}" "$images/${pair%:*}"
	done
	check "$type: again" hvctl create -q "$file"
	listen $type
	same=0
	for letter in b d e f g; do
		[ "$(sum_of $vd$letter 4 2)" = "$data" ] || same=1
	done
	result $same "$type: the data of the guest before"

	# ------------------------------------------------------- what dies

	kill -9 "$(daemon_of images/qed)"
	check_text "$type: without its daemon a disk fails" "^bad$" \
		"$(inside "dd if=/dev/${vd}f of=/dev/null bs=4k count=1 iflag=direct 2>/dev/null || echo bad")"
	check_text "$type: as the log says" "xvdf: qemu-storage-daemon: .*all I/O of the disk fails" \
		"$(guest_log $type)"
	[ "$(sum_of ${vd}b 4 2)" = "$data" ]; result $? "$type: the others do not"
	kill -9 "$(pid_of $type)"
	wait_for 20 no_daemons; result $? "$type: the daemons end with a vmmd that was killed"
	check "$type: without traces" clean
	check "$type: what was flushed is there" sound qcow2 "$images/qcow2"
	wait_for 20 gone $type
done

# ------------------------------------------------------------- come and go

qemu-img create -q -f qcow2 "$images/more" 32M
check "a guest without disks" hvctl create -q "$(guest pv pv "disk = ['$images/qcow2,qcow2,xvda,w']")"
listen pv
check "block-attach" hvctl block-attach pv "$images/more,qcow2,xvdb,w"
check "the guest sees the disk" until_inside 30 'test -b /dev/xvdb'
inside 'dd if=/dev/xvda of=/dev/xvdb bs=1M skip=4 count=2 conv=fsync' >/dev/null
[ "$(sum_of xvdb 0 2)" = "$data" ]; result $? "and writes and reads it"
check_status "the same image again" 1 hvctl block-attach pv "$images/more,qcow2,xvdc,w"
check_text "is in use" "$images/more: in use by another process" "$said"
check_status "a raw file as qcow2" 1 hvctl block-attach pv "$images/base,qcow2,xvdc,r"
check_text "is told" "$images/base: Image is not in qcow2 format" "$said"

check "save" hvctl save pv "$work/saved"
check "leaves no daemon" no_daemons
check "restore" hvctl restore -q "$work/saved"
[ "$(daemons)" = 2 ]; result $? "opens the images again"
listen pv; result $? "the guest goes on"
[ "$(sum_of xvdb 0 2)" = "$data" ]; result $? "with its disks"
check "block-detach" hvctl block-detach pv xvdb
one_daemon() { [ "$(daemons)" = 1 ]; }
wait_for 10 one_daemon; result $? "ends the daemon"
hvctl destroy pv

# ------------------------------------------------------------- what cannot be

bad() { hvctl create -q "$(config bad "disk = ['$1']")"; }

check_status "no file" 1 bad "$images/none,qcow2,xvda,w"
check_text "is told" "$images/none': No such file" "$said"
check_status "a directory" 1 bad "$images,qcow2,xvda,w"
check_text "is told" "file or block device" "$said"
check_status "a file of another format" 1 bad "$images/base,qcow2,xvda,r"
check_text "is told" "xvda: $images/base: Image is not in qcow2 format" "$said"
qemu-img create -q -f qcow2 -F raw -b base "$images/orphan"
mv "$images/base" "$images/away"
check_status "an image without its backing file" 1 bad "$images/orphan,qcow2,xvda,w"
check_text "is told" "xvda: $images/orphan: Could not open backing file" "$said"
mv "$images/away" "$images/base"
check_status "an unknown format" 1 bad "$images/base,qcow3,xvda,r"
check_text "is told" "unknown disk format 'qcow3'" "$said"
mkdir "$work/bin"
ln -s "$(command -v vmmd)" "$(command -v hvctl)" "$work/bin/"
check_status "without qemu-storage-daemon" 1 env PATH="$work/bin" \
	hvctl create -q "$(config bad "disk = ['$images/qcow2,qcow2,xvda,w']")"
check_text "there is a hint" "install the package qemu-utils" "$said"
check "all that leaves nothing" clean
check "and nobody" no_daemons

# ---------------------------------------------------------------- by a user

as_user() {
	setpriv --reuid=12345 --regid=12345 --clear-groups env XDG_RUNTIME_DIR=/run/user/12345 "$@"
}
mkdir -p /run/user/12345
chmod 755 "$work"
cp "$images/qcow2" "$images/more" /run/user/12345/
chown -R 12345:12345 /run/user/12345
chmod 700 /run/user/12345
modes=$(stat -c %a $node)
chmod 666 $node
cp "$(config mine "disk = ['/run/user/12345/qcow2,qcow2,xvda,w']")" /run/user/12345/
check "a user's guest" as_user hvctl create -q /run/user/12345/mine.cfg
check_text "has a daemon of the user's" "^12345$" \
	"$(stat -c %u "/proc/$(daemon_of 12345/qcow2)" 2>/dev/null)"
as_user hvctl destroy mine
chmod 600 /run/user/12345/qcow2
chown 0 /run/user/12345/qcow2
check_status "a file that is not his" 1 as_user hvctl create -q /run/user/12345/mine.cfg
check_text "is told" "/run/user/12345/qcow2': Permission denied" "$said"
chmod 600 "$images/base"
qemu-img create -q -f qcow2 -F raw -b "$images/base" /run/user/12345/top
chown 12345 /run/user/12345/top
cp "$(config mine "disk = ['/run/user/12345/top,qcow2,xvda,w']")" /run/user/12345/
check_status "nor is a backing file" 1 as_user hvctl create -q /run/user/12345/mine.cfg
check_text "is told" "xvda: /run/user/12345/top: Could not open backing file.*Permission denied" "$said"
chmod "$modes" $node
check "nobody is left" no_daemons
echo "1..$number"
finish
