# SPDX-License-Identifier: GPL-2.0
#
# For shell tests on the workstation; sourced, in a directory to write to. Ends
# with "exit $failed".

n=0 failed=0

# ok NAME COMMAND...: one test, passed when COMMAND succeeds; what it says, in
# check.log, is shown when it does not.
ok() {
	local name=$1

	shift
	n=$((n + 1))
	if "$@" >check.log 2>&1; then
		echo "ok $n $name"
	else
		echo "not ok $n $name"
		sed 's/^/# /' check.log | tail -n 20
		failed=1
	fi
}
