# SPDX-License-Identifier: GPL-2.0
#
# For the tests of this directory: run small guests under vmmd and look at
# what they say. Sourced. Prints TAP; call "plan N" first and "finish" last.

NODE=/dev/hvctl
[ -e $NODE ] || NODE=/dev/kvm
BOOT_SECONDS=${BOOT_SECONDS:-90}
# Who has VMX may be Bochs.
slower=1
! grep -qw vmx /proc/cpuinfo || slower=4

tmp=$(mktemp -d)
vmmd=''
reader=''
tests=0
failures=0

cleanup() {
	[ -z "$reader" ] || kill "$reader" 2>/dev/null
	[ -z "$vmmd" ] || kill -9 "$vmmd" 2>/dev/null
	rm -rf "$tmp"
}
trap cleanup EXIT

plan() {
	echo "TAP version 13"
	echo "1..$1"
	if [ ! -e $NODE ]; then
		echo "# no $NODE"
		exit 4
	fi
}

# ok NAME COMMAND...: one test, passed when COMMAND succeeds.
ok() {
	tests=$((tests + 1))
	local name=$1

	shift
	if "$@" >"$tmp/check" 2>&1; then
		echo "ok $tests $name"
		return
	fi
	failures=$((failures + 1))
	echo "not ok $tests $name"
	sed 's/^/# /' "$tmp/check"
	echo "# vmmd said:"
	sed 's/^/#   /' "$tmp/log"
	echo "# the guest said:"
	tail -n 25 "$tmp/out" | cut -c 1-120 | sed 's/^/#   /'
}

finish() {
	[ $failures = 0 ]
	exit
}

cat >"$tmp/guest.cfg" <<-END
	name = "boot-test"
	kernel = "/lab/guest/vmlinuz"
	ramdisk = "/lab/guest/initrd.img"
	memory = 256
END

# start KEY=VALUE...: begin a guest; its console goes to $tmp/out.
start() {
	local kind='(serial|pv)'

	# A PVH guest has both; the serial port comes first.
	[ "${CONSOLE:-}" != hvc0 ] || kind=pv
	: >"$tmp/out"
	: >"$tmp/log"
	vmmd --device $NODE "$tmp/guest.cfg" "$@" 2>"$tmp/log" &
	vmmd=$!
	pty=''
	while [ -z "$pty" ] && kill -0 $vmmd 2>/dev/null; do
		pty=$(sed -nE "s/.*$kind console: //p" "$tmp/log" | head -n 1)
		sleep 0.1
	done
	reader=''
	[ -n "$pty" ] || return 0
	cat "$pty" >"$tmp/out" 2>/dev/null &
	reader=$!
}

# ended: wait until the guest is gone; sets status to vmmd's.
ended() {
	local i

	status=124
	for ((i = 0; i < BOOT_SECONDS * 5 * slower; i++)); do
		if ! kill -0 $vmmd 2>/dev/null; then
			wait $vmmd
			status=$?
			break
		fi
		sleep 0.2
	done
	kill -9 $vmmd 2>/dev/null
	wait $reader 2>/dev/null
	vmmd='' reader=''
	[ $status != 124 ]
}

# run KEY=VALUE...: a guest's whole life.
run() {
	start "$@"
	ended
}

# until_seen FILE PATTERN [TIMES]: wait for lines of the log or the console.
until_seen() {
	local i

	for ((i = 0; i < BOOT_SECONDS * 5 * slower; i++)); do
		[ "$(grep -cE "$2" "$tmp/$1")" -lt "${3:-1}" ] || return 0
		sleep 0.2
	done
	echo "not seen: $2"
	return 1
}

said() { grep -qE "$1" "$tmp/out"; }
logged() { grep -qE "$1" "$tmp/log"; }

# results LAST: what the guest printed as "T ok ..." and "T not ok ...", each a test
# of ours, up to number LAST.
results() {
	local line

	while read -r line; do
		ok "${line#T * }" [ "${line#T ok}" != "$line" ]
	done < <(tr -d '\r' <"$tmp/out" |
		sed -nE 's/^T not ok (.*)/T not_ok \1/; /^T (ok|not_ok) /p' |
		head -n $(($1 - tests)))
	while [ $tests -lt "$1" ]; do
		ok "missing" false
	done
}

# What the guest runs, as its kernel's command line.
does() { echo "extra=\"console=${CONSOLE:-ttyS0} quiet ${KARGS:-} -- $*\""; }
