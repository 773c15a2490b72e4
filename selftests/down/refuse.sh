#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# CPUs that hvctl.ko cannot use: it says why, and nothing is left behind. Each
# is a host of its own. Runs on the workstation and prints TAP.
#
# lab: timeout=300

cd "$(dirname "$0")/../.." || exit 1
out=$(mktemp)
trap 'rm -f "$out"' EXIT
n=0 failed=0

# refused FLAG REASON: a CPU without FLAG is refused, with REASON in the log.
refused() {
	selftests/lab/host --cpu "svm,-$1" --module none --timeout 60 -- \
		'modprobe hvctl; echo "status $?"; test -e /dev/hvctl || echo "no node"; dmesg' \
		>"$out" 2>&1 && grep -q '^status 1' "$out" && grep -q '^no node' "$out" &&
		grep -q "hvctl: .*$2" "$out"
}

ok() {
	n=$((n + 1))
	if "${@:2}"; then
		echo "ok $n $1"
	else
		echo "not ok $n $1"
		tail -n 15 "$out" | sed 's/^/# /'
		failed=1
	fi
}

echo "TAP version 13"
echo "1..2"
ok "a CPU without SVM" refused svm "neither SVM nor VMX"
ok "a CPU without nested paging" refused npt "no nested paging"
exit $failed
