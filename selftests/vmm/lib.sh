# SPDX-License-Identifier: GPL-2.0
#
# What the tests of this directory share; sourced, not run. A test calls
# "plan N", then ok or check N times, and ends with "finish".

export LC_ALL=C
test_name=$(basename "$0" .sh)
work=$(mktemp -d "/tmp/$test_name.XXXXXX")
number=0 failures=0

# The node to test on, and what vmmd needs to be told of it.
if [ -e /dev/hvctl ]; then
	node=/dev/hvctl
elif [ -e /dev/kvm ]; then
	node=/dev/kvm
else
	echo "1..0 # SKIP no /dev/hvctl and no /dev/kvm"
	exit 4
fi

kernel=/lab/guest/vmlinuz ramdisk=/lab/guest/initrd.img
if [ ! -e $kernel ]; then
	echo "1..0 # SKIP no guest kernel under /lab"
	exit 4
fi

# Under Bochs all takes longer, and the guests' clocks go on.
slower=1
! grep -qw vmx /proc/cpuinfo || slower=5

guests() { hvctl list 2>/dev/null | awk 'NR > 2 { print $1 }'; }

cleanup() {
	for guest in $(guests); do
		hvctl destroy "$guest" 2>/dev/null
	done
	rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 1' INT TERM

plan() { echo "TAP version 13"; echo "1..$1"; }

diag() { printf '%s\n' "$*" | sed 's/^/# /'; }

# result STATUS WHAT
result() {
	number=$((number + 1))
	if [ "$1" = 0 ]; then
		echo "ok $number $2"
	else
		echo "not ok $number $2"
		failures=$((failures + 1))
	fi
}

# check WHAT COMMAND...: passes when COMMAND succeeds; its output is shown when
# it does not.
check() {
	local what=$1 said status
	shift
	said=$("$@" 2>&1)
	status=$?
	[ $status = 0 ] || diag "$* -> status $status: $said"
	result $status "$what"
}

# check_status WHAT STATUS COMMAND...: passes when COMMAND exits with STATUS;
# what it says stays in $said.
check_status() {
	local what=$1 want=$2 status
	shift 2
	said=$("$@" 2>&1)
	status=$?
	[ $status = "$want" ] || diag "$* -> status $status, not $want: $said"
	[ $status = "$want" ]
	result $? "$what"
}

# check_text WHAT PATTERN TEXT: passes when TEXT has a line that PATTERN matches.
check_text() {
	printf '%s\n' "$3" | grep -Eq -- "$2"
	local status=$?
	[ $status = 0 ] || diag "no line matches '$2': $3"
	result $status "$1"
}

# wait_for SECONDS COMMAND...
wait_for() {
	local end=$((SECONDS + $1))
	shift
	until "$@" >/dev/null 2>&1; do
		[ $SECONDS -lt $end ] || return 1
		sleep 0.2
	done
}

# config NAME [LINE...]: write a small guest's configuration, print its path.
config() {
	local file=$work/$1.cfg
	{
		printf '%s\n' "name = '$1'" "kernel = '$kernel'" "ramdisk = '$ramdisk'" \
			"memory = 96" "device = '$node'" \
			"extra = 'console=ttyS0 quiet -- echo guest: ready; sleep 1000'"
		shift
		printf '%s\n' "$@"
	} >"$file"
	echo "$file"
}

# state GUEST: one of running, blocked, paused, ...
state() { hvctl list -l "$1" 2>/dev/null | sed -n 's/^    "state":"\([a-z]*\)",*$/\1/p' | head -n 1; }

pid_of() { hvctl list -l "$1" 2>/dev/null | sed -n 's/^    "pid":\([0-9]*\),*$/\1/p' | head -n 1; }

# console_has GUEST SECONDS PATTERN: whether the console shows it in time.
console_has() {
	timeout "$2" hvctl console "$1" </dev/null 2>/dev/null | grep -Eqm1 -- "$3"
}

# inside COMMAND: what the shell makes of it on the console that listen took.
inside() {
	local end=$((SECONDS + 120 * slower)) turn=$RANDOM$RANDOM

	# What is typed comes back, perhaps in several lines: it does not hold the words.
	echo "echo b''egin-$turn; $1; echo e''nd-$turn" >&3
	until grep -q "^end-$turn" "$work/screen"; do
		[ $SECONDS -lt $end ] || return 1
		sleep 0.1
	done
	tr -d '\r' <"$work/screen" | sed -n "/^begin-$turn\$/,/^end-$turn\$/p" | sed '1d; $d'
}

# until_inside SECONDS COMMAND: until the guest's shell finds COMMAND true.
until_inside() {
	local end=$((SECONDS + $1 * slower))

	until [ "$(inside "$2 >/dev/null 2>&1 && echo yes")" = yes ]; do
		[ $SECONDS -lt $end ] || return 1
		sleep 0.5
	done
}

# listen GUEST: inside is this guest's from now on; when its shell is up.
listen() {
	exec 3>&-
	rm -f "$work/keys"
	mkfifo "$work/keys"
	: >"$work/screen"
	hvctl console "$1" <"$work/keys" >"$work/screen" 2>/dev/null &
	exec 3>"$work/keys"
	until_inside 120 true
}

# What went wrong with a guest stands in its log.
finish() {
	local log

	[ $failures = 0 ] && exit
	for log in /run/hvctl/.log/*.log; do
		diag "$log: $(tail -n 12 "$log" | cut -c 1-150)"
	done
	exit 1
}
